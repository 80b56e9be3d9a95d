"""The faces of conversations: the libraries' own checkers, and what they leave out."""

import copy
import pickle
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import mindsight
from mindsight.envs.conversation import GAMES, faces
from mindsight.envs.conversation.language import LENGTH, VOCABULARY
from mindsight.envs.simulation import AUTORESET, MODES

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pettingzoo.test import api_test

NAMES = list(GAMES)


def choose(rng, mask):
    return int(rng.choice(np.flatnonzero(mask)))


def talk(env, seed, turns):
    """Random legal turns; what everybody was given, one row a turn."""
    rng = np.random.default_rng(seed)
    env.reset(seed=seed)
    rows = []
    for _ in range(turns):
        if not env.agents:
            env.reset()
        observation, reward, terminated, truncated, info = env.last()
        rows.append((env.agent_selection, np.array(observation), reward, terminated, truncated))
        env.step(None if terminated or truncated else choose(rng, info["action_mask"]))
    return rows


def same(a, b):
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        assert x[0] == y[0]
        np.testing.assert_array_equal(x[1], y[1])
        assert x[2:] == y[2:]


@pytest.mark.parametrize("name", NAMES)
def test_pettingzoo_finds_nothing_to_say(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        api_test(mindsight.env(name), num_cycles=60)


@pytest.mark.parametrize("name", NAMES)
def test_gymnasium_finds_nothing_to_say(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(f"mindsight/{name}-v0").unwrapped, skip_render_check=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_says_all_and_state_is_a_value(name):
    same(talk(mindsight.env(name), 5, 60), talk(mindsight.env(name), 5, 60))
    env = mindsight.raw_env(name)
    talk(env, 3, 7)
    for copied in (copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))):
        twin = copied(env)
        for _ in range(12):
            for one in (env, twin):
                if not one.agents:
                    one.reset()
            assert env.agent_selection == twin.agent_selection
            a, b = env.last(), twin.last()
            np.testing.assert_array_equal(a[0], b[0])
            assert a[1:4] == b[1:4]
            action = None if a[2] or a[3] else int(np.flatnonzero(a[4]["action_mask"])[-1])
            env.step(action)
            twin.step(action)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
@pytest.mark.parametrize(
    "face", [mindsight.raw_env, lambda name: gymnasium.make(f"mindsight/{name}-v0").unwrapped, lambda name:
             mindsight.vector_env(name, 3)]
)  # fmt: skip
@pytest.mark.parametrize("name", NAMES)
def test_what_has_not_begun_is_copied_and_set_back_to(name, face, copied):
    env = face(name)
    before = env.get_state()
    twin = copied(env)
    env.reset(seed=4)
    twin.reset(seed=4)
    np.testing.assert_array_equal(env.simulation.worlds, twin.simulation.worlds)
    np.testing.assert_array_equal(env.simulation.masks, twin.simulation.masks)
    env.set_state(before)
    assert not env.simulation.masks.any()
    env.reset(seed=4)
    np.testing.assert_array_equal(env.simulation.worlds, twin.simulation.worlds)
    np.testing.assert_array_equal(env.simulation.masks, twin.simulation.masks)


@pytest.mark.parametrize("name", NAMES)
def test_only_the_one_whose_turn_it_is_has_a_choice(name):
    env = mindsight.raw_env(name)
    rng = np.random.default_rng(0)
    env.reset(seed=1)
    for _ in range(30):
        if not env.agents:
            env.reset()
        for individual in env.agents:
            mask = env.infos[individual]["action_mask"]
            assert mask[0] == 1
            if individual != env.agent_selection:
                assert mask.sum() == 1
        _, _, terminated, truncated, info = env.last()
        env.step(None if terminated or truncated else choose(rng, info["action_mask"]))


@pytest.mark.parametrize("name", NAMES)
def test_words_say_what_numbers_say(name):
    """A menu's number, its tokens and its sentence are one action."""
    env = mindsight.raw_env(name)
    views = {kind: mindsight.raw_env(name, actions=kind) for kind in ("tokens", "text")}
    rng = np.random.default_rng(1)
    for seed in range(3):
        for each in (env, *views.values()):
            each.reset(seed=seed)
        for _ in range(12):
            _, _, terminated, truncated, info = env.last()
            if terminated or truncated:
                break
            number = choose(rng, info["action_mask"])
            speaker = env.possible_agents.index(env.agent_selection)
            tokens = env.simulation.utterances(0, speaker)[number]
            sentence = env.simulation.sentences(0, speaker)[number]
            env.step(number)
            views["tokens"].step(np.array(tokens))
            views["text"].step(sentence)
            for each in views.values():
                assert each.simulation.worlds.tobytes() == env.simulation.worlds.tobytes()


def test_what_is_not_understood_costs_the_turn_and_says_why():
    env = mindsight.raw_env("cracker", actions="text")
    env.reset(seed=2)
    before = int(env.simulation.worlds["step"][0])
    env.step("colourless green ideas sleep furiously")
    assert env.infos["host_0"]["not_understood"].startswith("not understood")
    assert int(env.simulation.worlds["step"][0]) == before + 1
    assert env.simulation.history(0, None).messages[-1].said[0] == 1  # nothing
    env.step("Hello!")  # for everyone, who is one
    assert all("not_understood" not in info for info in env.infos.values())
    tokens = mindsight.raw_env("cracker", actions="tokens")
    tokens.reset(seed=2)
    tokens.step(np.full(LENGTH, 3))
    assert "not_understood" in tokens.infos["host_0"]
    mask = tokens.token_masks()
    assert mask.shape == (len(VOCABULARY),)
    with pytest.raises(ValueError, match="expected 8 word tokens"):
        tokens.step(np.zeros(3, np.int64))


@pytest.mark.parametrize("name", NAMES)
def test_observations_hold_what_was_perceived_and_nothing_else(name):
    for view in faces.OBSERVATIONS:
        env = mindsight.raw_env(name, observation=view)
        env.reset(seed=4)
        for individual in env.possible_agents:
            seen = env.observe(individual)
            assert env.observation_space(individual).contains(seen), (view, individual)
        for _ in range(8):
            _, _, terminated, truncated, info = env.last()
            if terminated or truncated:
                break
            env.step(int(np.flatnonzero(info["action_mask"])[-1]))
        w = env.simulation.worlds[0]
        for a, individual in enumerate(env.possible_agents):
            before = env.observe(individual)
            kept = w["said"].copy(), w["sender"].copy()
            for k in range(int(w["length"])):  # what one did not perceive may be anything
                if not w["heard"][k] >> a & 1:
                    w["said"][k], w["sender"][k] = (15, 225, 0, 0), 8
            after = env.observe(individual)
            w["said"][:], w["sender"][:] = kept
            if isinstance(before, dict):
                for key in before:
                    np.testing.assert_array_equal(before[key], after[key])
            else:
                np.testing.assert_array_equal(before, after)


def test_labels_are_an_option_that_tells_who_perceived():
    env = mindsight.raw_env("scale", observation="tokens", labels=True)
    env.reset(seed=0)
    seen = env.observe("observer_0")
    assert env.observation_space("observer_0").contains(seen)
    number = int((seen["tokens"][:, 0] > 0).sum())
    np.testing.assert_array_equal(seen["perceivers"][:number], env.simulation.perceivers(0))
    with pytest.raises(ValueError, match="expected 'tokens'"):
        mindsight.raw_env("scale", labels=True)


def test_a_conversation_is_not_played_in_parallel():
    with pytest.raises(ValueError, match=r"use mindsight.env\('cracker'\)"):
        mindsight.parallel_env("cracker")
    with pytest.raises(ValueError, match="did you mean 'cracker'"):
        mindsight.env("craker")
    with pytest.raises(ValueError, match="expected one of"):
        gymnasium.make("mindsight/cracker-v0", others="last_seen")
    with pytest.raises(ValueError, match="max_cycles=5 and limit=9 are two names of one option"):
        mindsight.env("cracker", max_cycles=5, limit=9)


@pytest.mark.parametrize("mode", AUTORESET)
@pytest.mark.parametrize("name", NAMES)
def test_a_batch_with_learners_is_single_environments_side_by_side(name, mode):
    count = 3
    batch = gymnasium.make_vec(f"mindsight/{name}-v0", num_envs=count, autoreset_mode=mode)
    singles = [gymnasium.make(f"mindsight/{name}-v0").unwrapped for _ in range(count)]
    rng = np.random.default_rng(0)
    observations, infos = batch.reset(seed=11)
    fresh = [single.reset(seed=11 + k) for k, single in enumerate(singles)]
    over = [False] * count
    for _ in range(40):
        for k in range(count):
            np.testing.assert_array_equal(observations[k], fresh[k][0])
            np.testing.assert_array_equal(infos["action_mask"][k], fresh[k][1]["action_mask"])
        actions = np.array([choose(rng, mask) for mask in infos["action_mask"]])
        observations, rewards, terminated, truncated, infos = batch.step(actions)
        for k, single in enumerate(singles):
            if over[k] and mode == "next_step":
                fresh[k] = single.reset()
                over[k] = False
                assert rewards[k] == 0
                continue
            if over[k]:
                continue  # disabled: it rests
            seen, reward, ended, cut, info = single.step(int(actions[k]))
            assert (ended, cut) == (bool(terminated[k]), bool(truncated[k]))
            assert reward == pytest.approx(float(rewards[k]))
            fresh[k] = seen, info
            if ended or cut:
                if mode == "same_step":
                    np.testing.assert_array_equal(infos["final_obs"][k], seen)
                    assert infos["final_info"]["perf"][k] == single.simulation.worlds["perf"][0]
                    fresh[k] = single.reset()
                else:
                    over[k] = True


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_all_is_single_conversations_side_by_side(name):
    count = 4
    batch = mindsight.vector_env(name, count, seed=7, autoreset="disabled", num_threads=2)
    singles = [mindsight.raw_env(name) for _ in range(count)]
    observations, infos = batch.reset()
    for k, single in enumerate(singles):
        single.reset(seed=7 + k)
    rng = np.random.default_rng(3)
    for _ in range(20):
        actions = np.array([choose(rng, mask) for mask in infos["action_mask"]])
        for k, single in enumerate(singles):
            seen, _, terminated, truncated, info = single.last()
            assert infos["speaker"][k] == single.possible_agents.index(single.agent_selection) or terminated
            if terminated or truncated:
                continue
            np.testing.assert_array_equal(observations[k], seen)
            np.testing.assert_array_equal(infos["action_mask"][k], info["action_mask"])
            single.step(int(actions[k]))
        observations, rewards, terminations, truncations, infos = batch.step(actions)
        assert rewards.shape == (count, len(batch.individuals))
        for k, single in enumerate(singles):
            assert terminations[k] == single.simulation.ends[0, 0]
            assert truncations[k] == single.simulation.ends[0, 1]
    with pytest.raises(ValueError, match="expected 0 to"):
        batch.step(np.full(count, 999))


@pytest.mark.parametrize("name", NAMES)
def test_pages_say_what_there_is(name):
    page = mindsight.describe(name)
    game = GAMES[name]
    assert game.title
    assert game.documentation.strip() in page
    for words in game.actions(game.options()):
        assert words in page
    assert len(game.actions(game.options())) <= 64
    for heading in ("Story.", "Who may say what", "Rewards", "Probes", "Options"):
        assert heading in game.documentation, heading


@pytest.mark.parametrize("name", NAMES)
def test_every_mode_of_the_others(name):
    game = GAMES[name]
    assert set(game.modes) <= set(MODES)
    for mode in game.modes[1:]:
        env = gymnasium.make(f"mindsight/{name}-v0", others=mode)
        env.reset(seed=0)
        for _ in range(10):
            _, reward, terminated, truncated, _ = env.step(0)
            assert type(reward) is float
            if terminated or truncated:
                break
