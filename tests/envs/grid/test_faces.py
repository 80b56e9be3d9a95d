"""The faces of single environments: the ecosystem's checkers, and stronger tests of our own."""

import copy
import dataclasses
import importlib.util
import pickle
import re
import subprocess
import sys
import types
import warnings

import gymnasium
import numpy as np
import pettingzoo
import pytest
from gymnasium.utils.env_checker import check_env
from pettingzoo.test import (
    api_test,
    max_cycles_test,
    parallel_api_test,
    parallel_seed_test,
    render_test,
    seed_test,
)
from pettingzoo.test.state_test import state_test

import mindsight
from mindsight.envs import entry
from mindsight.envs.grid import GAMES, engine, faces, percepts, spaces
from mindsight.envs.grid.game import MODES
from mindsight.envs.grid.vision import WINDOWS

NAMES = list(GAMES)
VIEWS = percepts.OBSERVATIONS


@pytest.fixture(autouse=True)
def no_warnings():
    """Whatever is warned of here is an error, whoever warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def same(a, b):
    """Equal to the last bit, in type and shape too."""
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert a.tobytes() == b.tobytes()
    else:
        assert a == b


def random_actions(env, rng):
    """Any actions, legal or not."""
    return {name: int(rng.integers(engine.NUM_ACTIONS)) for name in env.agents}


def play(env, seed, steps, seeded=True):
    """What a parallel environment gives over some steps, new episodes included."""
    rng = np.random.default_rng(seed)
    given = [env.reset(seed=seed)] if seeded else []
    for _ in range(steps):
        if not env.agents:
            given.append(env.reset())
        given.append(env.step(random_actions(env, rng)))
        given.append(env.state())
    return given


# --- PettingZoo's checks --------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_pettingzoo_parallel(name):
    parallel_api_test(mindsight.parallel_env(name), num_cycles=150)
    parallel_seed_test(lambda: mindsight.parallel_env(name), num_cycles=50)


@pytest.mark.parametrize("name", NAMES)
def test_pettingzoo_turns(name):
    api_test(mindsight.env(name), num_cycles=150)
    seed_test(lambda: mindsight.env(name), num_cycles=50)


@pytest.mark.parametrize("name", NAMES)
def test_pettingzoo_max_cycles(name):
    def waiting(env):
        """Everybody waits: in some games a word or a step can end an episode before that."""
        env.unwrapped.action_space = lambda agent: gymnasium.spaces.Discrete(1)
        return env

    module = types.SimpleNamespace(
        parallel_env=lambda max_cycles: waiting(mindsight.parallel_env(name, max_cycles=max_cycles)),
        env=lambda max_cycles: waiting(mindsight.env(name, max_cycles=max_cycles)),
    )
    max_cycles_test(module)


@pytest.mark.parametrize("name", NAMES)
def test_pettingzoo_state(name):
    state_test(mindsight.env(name), mindsight.parallel_env(name), num_cycles=120)


@pytest.mark.parametrize("name", NAMES)
def test_pettingzoo_render(name):
    render_test(lambda **arguments: mindsight.env(name, **arguments))


@pytest.mark.parametrize("name", NAMES)
def test_pettingzoo_registries(name):
    parallel = pettingzoo.make("parallel", f"mindsight/{name}_v0", window=5)
    assert isinstance(parallel, faces.ParallelEnvironment)
    assert str(parallel) == f"{name}_v0"
    assert parallel.simulation.size == 5
    turns = pettingzoo.make("aec", f"mindsight/{name}_v0")
    assert isinstance(turns.unwrapped, faces.TurnEnvironment)
    assert str(turns) == f"{name}_v0"
    entry.register()  # again, without a warning


def test_individuals_are_called_as_the_house_says():
    for game in GAMES.values():
        for name in game.individuals:
            assert re.fullmatch(r"[a-z]+_[0-9]+", name)
    env = mindsight.parallel_env("reach", individuals=3)
    assert env.possible_agents == ["walker_0", "walker_1", "walker_2"]


# --- Gymnasium's ----------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_gymnasium(name):
    env = gymnasium.make(f"mindsight/{name}-v0")
    check_env(env.unwrapped, skip_render_check=False)
    assert env.spec.id == f"mindsight/{name}-v0"


@pytest.mark.parametrize("view", VIEWS)
def test_gymnasium_views(view):
    check_env(gymnasium.make("mindsight/reach-v0", observation=view).unwrapped, skip_render_check=True)


@pytest.mark.parametrize("name", NAMES)
def test_learner_and_others(name):
    game = GAMES[name]
    env = gymnasium.make(f"mindsight/{name}-v0").unwrapped
    assert env.learner.rsplit("_", 1)[0] == game.learner
    names = env.simulation.individuals
    for learner in names:
        modes = dict.fromkeys(game.roles, "random")
        env = gymnasium.make(f"mindsight/{name}-v0", learner=learner, others=modes).unwrapped
        assert env.learner == learner
        env.reset(seed=5)
        parallel = mindsight.parallel_env(name)
        observations, _ = parallel.reset(seed=5)
        same(env.simulation.flat()[0, names.index(learner)], observations[learner])
        for k in range(8):
            env.step(k % 12)
            chosen = env._actions[0]
            assert chosen[names.index(learner)] == k % 12


@pytest.mark.parametrize("mode", MODES[1:])
def test_every_mode_of_the_others(mode):
    for name in NAMES:
        if mode not in GAMES[name].modes:
            with pytest.raises(ValueError, match=f"is '{mode}', expected one of 'scripted'"):
                gymnasium.make(f"mindsight/{name}-v0", others=mode)
            continue
        env = gymnasium.make(f"mindsight/{name}-v0", others=mode)
        env.reset(seed=0)
        for _ in range(30):
            _, reward, terminated, truncated, info = env.step(0)
            assert type(reward) is float
            assert type(terminated) is bool
            assert type(truncated) is bool
            assert info["action_mask"].dtype == np.int8
            if terminated or truncated:
                break


def test_scripted_others_do_something():
    env = gymnasium.make("mindsight/reach-v0", individuals=2, others="scripted").unwrapped
    env.reset(seed=1)
    start = env.simulation.worlds["place"][0, 1]
    for _ in range(10):
        env.step(0)
    assert env.simulation.worlds["place"][0, 1] != start


# --- Stronger tests of our own --------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_bytes_over_whole_episodes(name):
    a, b = mindsight.parallel_env(name), mindsight.parallel_env(name)
    first = play(a, 3, 320)
    same(first, play(b, 3, 320))
    same(first, play(a, 3, 320))  # used before
    starts = set()
    for seed in range(10):
        a.reset(seed=seed)
        starts.add(a.state().tobytes())
    assert len(starts) > 5  # another seed, another world


def test_without_a_seed_worlds_differ():
    states = set()
    for _ in range(4):
        env = mindsight.parallel_env("reach")
        env.reset()
        states.add(env.state().tobytes())
    assert len(states) == 4


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_returned_is_used_again(name, view):
    env = mindsight.parallel_env(name, observation=view)
    kept = [env.reset(seed=0)]
    rng = np.random.default_rng(0)
    frozen = [copy.deepcopy(kept[0])]
    for _ in range(6):
        given = env.step(random_actions(env, rng))
        kept.append(given)
        frozen.append(copy.deepcopy(given))
    same(kept, frozen)
    # writing into what one was given changes nothing
    twin = copy.deepcopy(env)
    for value in kept[-1][0].values():
        for array in value.values() if isinstance(value, dict) else [value]:
            if isinstance(array, np.ndarray):
                array[...] = 1
    for info in kept[-1][4].values():
        info["action_mask"][...] = 0
    actions = random_actions(env, rng)
    same(env.step(actions), twin.step(actions))


def test_turns_hand_out_copies():
    env = mindsight.raw_env("reach")
    env.reset(seed=0)
    first, *_ = env.last()
    kept = first.copy()
    first[:] = 1
    same(env.observe(env.agent_selection), kept)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", NAMES)
def test_observations_lie_in_their_spaces(name, view):
    for window in WINDOWS:
        env = mindsight.parallel_env(name, observation=view, window=window)
        rng = np.random.default_rng(window)
        observations, infos = env.reset(seed=window)
        for _ in range(60):
            for agent, observation in observations.items():
                assert env.observation_space(agent).contains(observation), observation
                assert infos[agent]["action_mask"].shape == (12,)
            if not env.agents:
                observations, infos = env.reset()
            else:
                observations, *_, infos = env.step(random_actions(env, rng))


@pytest.mark.parametrize("view", VIEWS)
def test_spaces_are_the_same_in_all_games(view):
    for window in WINDOWS:
        envs = [mindsight.parallel_env(n, observation=view, window=window) for n in NAMES]
        first = envs[0]
        for env in envs:
            for agent in env.possible_agents:
                assert env.observation_space(agent) == first.observation_space(first.possible_agents[0])
                assert env.action_space(agent) == first.action_space(first.possible_agents[0])


@pytest.mark.parametrize("name", NAMES)
def test_all_end_together_and_who_is_out_can_only_wait(name):
    env = mindsight.parallel_env(name, limit=60)
    count, out = 0, 0
    for seed in range(6):
        env.reset(seed=seed)
        modes = np.full(env.simulation.count, MODES.index("scripted"), np.int64)
        actions = np.zeros((1, env.simulation.count), np.int64)
        while env.agents:
            names = env.agents
            env.simulation.script(modes, actions)
            _, rewards, terminations, truncations, infos = env.step(
                dict(zip(names, actions[0].tolist(), strict=True))
            )
            assert all(type(reward) is float for reward in rewards.values())
            assert len(set(terminations.values())) == len(set(truncations.values())) == 1
            for flags in (terminations, truncations):
                assert all(type(flag) is bool for flag in flags.values())
            ended = terminations[names[0]] or truncations[names[0]]
            assert env.agents == ([] if ended else names)
            for a, agent in enumerate(names):
                if env.simulation.worlds[0]["body"][a] == engine.OUT:
                    out += 1
                    assert infos[agent]["action_mask"].tolist() == [1] + [0] * 11
        count += 1
        assert env.step({}) == ({}, {}, {}, {}, {})
    assert count == 6
    if name == "reach":
        assert out


def test_turns_are_the_parallel_steps():
    """The AEC face gives each one what the parallel face gives it."""
    for name in NAMES:
        turns, parallel = mindsight.env(name, limit=40), mindsight.parallel_env(name, limit=40)
        rng = np.random.default_rng(0)
        turns.reset(seed=8)
        observations, infos = parallel.reset(seed=8)
        while parallel.agents:
            actions = random_actions(parallel, rng)
            for agent in parallel.agents:
                assert turns.agent_selection == agent
                seen, _, terminated, truncated, info = turns.last()
                same(seen, observations[agent])
                same(info["action_mask"], infos[agent]["action_mask"])
                assert not terminated
                assert not truncated
                turns.step(actions[agent])
            observations, rewards, terminations, truncations, infos = parallel.step(actions)
            same(turns.rewards, rewards)
            same(turns.terminations, terminations)
            same(turns.truncations, truncations)
            same(turns.state(), parallel.state())
        for agent in list(turns.agents):
            assert turns.last()[1] == rewards[agent]
            turns.step(None)
        assert turns.agents == []


# --- State is a value -----------------------------------------------------------------------------
COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda env: pickle.loads(pickle.dumps(env)),
}


def by_state(env, fresh):
    twin = fresh()
    state = env.get_state()
    frozen = pickle.dumps(state)
    twin.set_state(state)
    assert pickle.dumps(state) == frozen
    return twin


@pytest.mark.parametrize("how", [*COPIES, "state"])
@pytest.mark.parametrize("name", NAMES)
def test_copies_of_a_running_parallel_environment_go_on_alike(name, how):
    def fresh():
        return mindsight.parallel_env(name, limit=30, observation="symbolic")

    env = fresh()
    play(env, 1, 17)
    if not env.agents:
        env.reset()
    twin = by_state(env, fresh) if how == "state" else COPIES[how](env)
    assert twin.simulation is not env.simulation
    assert twin.agents == env.agents
    before = env.simulation.worlds.tobytes()
    first = play(twin, 2, 100, seeded=False)
    assert env.simulation.worlds.tobytes() == before  # really a copy
    same(first, play(env, 2, 100, seeded=False))
    assert twin.simulation.worlds.tobytes() == env.simulation.worlds.tobytes()


@pytest.mark.parametrize("how", [*COPIES, "state"])
@pytest.mark.parametrize("name", NAMES)
def test_copies_of_turns_between_two_turns_go_on_alike(name, how):
    def fresh():
        return mindsight.env(name, limit=12)

    def go_on(env, seed):
        rng = np.random.default_rng(seed)
        given = []
        while env.agents:
            seen = env.last()
            over = seen[2] or seen[3]
            given.append((env.agent_selection, *seen, dict(env.rewards)))
            env.step(None if over else int(rng.integers(12)))
        return given

    for turns in (1, 7, 12 * GAMES[name].count(GAMES[name].options()) + 1):
        env = fresh()
        env.reset(seed=3)
        rng = np.random.default_rng(1)
        for _ in range(turns):
            if not env.agents:
                env.reset()
            over = env.terminations[env.agent_selection] or env.truncations[env.agent_selection]
            env.step(None if over else int(rng.integers(12)))
        twin = by_state(env, fresh) if how == "state" else COPIES[how](env)
        first = go_on(twin, 5)
        same(first, go_on(env, 5))


@pytest.mark.parametrize("how", [*COPIES, "state"])
@pytest.mark.parametrize("name", NAMES)
def test_copies_of_a_running_learner_go_on_alike(name, how):
    def fresh():
        return gymnasium.make(f"mindsight/{name}-v0", others="random").unwrapped

    env = fresh()
    env.reset(seed=1)
    for k in range(9):
        env.step(k)
    env.action_space.seed(4)
    twin = by_state(env, fresh) if how == "state" else COPIES[how](env)
    if how != "state":
        assert [twin.action_space.sample() for _ in range(9)] == [env.action_space.sample() for _ in range(9)]
    same(env.np_random.integers(1000, size=5), twin.np_random.integers(1000, size=5))
    for k in range(40):
        same(env.step(k % 12), twin.step(k % 12))
    same(env.state(), twin.state())


def test_a_state_of_something_else_is_refused():
    env = mindsight.parallel_env("reach")
    env.reset(seed=0)
    for other in (
        mindsight.parallel_env("sally_anne"),
        mindsight.parallel_env("reach", individuals=3),
        mindsight.parallel_env("reach", order=1),
        mindsight.vector_env("reach", 2),
        gymnasium.make("mindsight/reach-v0", individuals=1).unwrapped,
    ):
        other.reset(seed=0)
        with pytest.raises(ValueError, match="of another game, order or batch"):
            other.set_state(env.get_state())


# --- Actions and masks ----------------------------------------------------------------------------
def difference(a, b):
    """The fields in which two worlds differ, but for what tells no more than what was tried."""
    tried = {"voice", "target", "filled", "live"}
    fields = a.dtype.names
    return [field for field in fields if field not in tried and not np.all(a[field] == b[field])]


@pytest.mark.parametrize("name", NAMES)
def test_illegal_actions_do_nothing(name):
    """An illegal action changes exactly what waiting changes."""
    env = mindsight.parallel_env(name)
    rng = np.random.default_rng(2)
    tried = 0
    _, infos = env.reset(seed=2)
    for _ in range(200):
        for agent in env.agents:
            illegal = np.flatnonzero(infos[agent]["action_mask"] == 0)
            if len(illegal):
                twin, idle = copy.deepcopy(env), copy.deepcopy(env)
                wait = dict.fromkeys(env.agents, 0)
                idle.step(wait)
                twin.step({**wait, agent: int(rng.choice(illegal))})
                assert difference(twin.simulation.worlds, idle.simulation.worlds) == []
                tried += 1
        *_, infos = env.step(random_actions(env, rng))
        if not env.agents:
            _, infos = env.reset()
        if tried > 150:
            break
    assert tried > 100


@pytest.mark.parametrize("name", NAMES)
def test_masks_are_the_rules_and_tell_nothing_that_is_not_seen(name):
    env = mindsight.vector_env(name, 16, window=5)
    rng = np.random.default_rng(0)
    env.reset(seed=0)
    different = set()
    for _ in range(120):
        _, _, _, _, infos = env.step(rng.integers(0, 12, env.action_space.shape))
        simulation = env.simulation
        masks = infos["action_mask"]
        for i in range(0, 16, 5):
            for a in range(simulation.count):
                rules = [engine.legal(simulation.worlds[i], a, action) for action in range(12)]
                assert masks[i, a].tolist() == [int(rule) for rule in rules]
                different.add(tuple(rules))
        np.testing.assert_array_equal(masks, spaces.mask_of(simulation.window, simulation.fields))
    assert len(different) > 1


@pytest.mark.parametrize("face", ["parallel", "turns", "learner"])
@pytest.mark.parametrize("bad", [-1, 12, 10**6, 1.5, "forward", None, np.array([1, 2])])
def test_what_is_no_action_is_refused_and_moves_nothing(face, bad):
    if face == "learner":
        env = gymnasium.make("mindsight/reach-v0").unwrapped
        env.reset(seed=0)
        before = env.state()
        with pytest.raises(ValueError, match=r"the action is .*expected a whole number from 0 to 11"):
            env.step(bad)
    elif face == "parallel":
        env = mindsight.parallel_env("reach")
        env.reset(seed=0)
        before = env.state()
        with pytest.raises(ValueError, match="expected"):
            env.step({"walker_0": 0, "walker_1": bad})
    else:
        env = mindsight.env("reach")
        env.reset(seed=0)
        before = env.state()
        with pytest.raises(ValueError, match=r"walker_0.*expected a whole number from 0 to 11"):
            env.step(bad)
    same(env.state(), before)


def test_wrong_names_are_refused():
    env = mindsight.parallel_env("reach")
    with pytest.raises(RuntimeError, match="before reset"):
        env.step({})
    env.reset(seed=0)
    for actions in ({"walker_0": 1}, {"walker_0": 1, "sally_0": 1}, {}):
        with pytest.raises(ValueError, match="walker_0, walker_1"):
            env.step(actions)
    with pytest.raises(ValueError, match="walker_0, walker_1"):
        env.step({"walker_0": 1, "walker_1": 1, "walker_2": 1})
    for wrong, message in (
        ({"name": "raech"}, "did you mean 'reach'"),
        ({"name": "reach", "observation": "flta"}, "did you mean 'flat'"),
        ({"name": "reach", "render_mode": "rgb"}, "expected one of 'human'"),
        ({"name": "reach", "window": 6}, "expected one of 5, 7, 9"),
        ({"name": "reach", "lmit": 6}, "did you mean 'limit'"),
        ({"name": "reach", "limit": 6, "max_cycles": 5}, "two names of one option"),
    ):
        with pytest.raises(ValueError, match=message):
            mindsight.parallel_env(**wrong)
    for wrong, message in (
        ({"learner": "waker_0"}, "did you mean 'walker_0'"),
        ({"learner": "walker_3"}, "expected one of 'walker_0', 'walker_1'"),
        ({"others": "scriptd"}, "did you mean 'scripted'"),
        ({"others": "external"}, "expected one of 'scripted'"),
        ({"others": {"wlker": "random"}}, "did you mean 'walker'"),
    ):
        with pytest.raises(ValueError, match=message):
            faces.LearnerEnvironment("reach", **wrong)


# --- Views ----------------------------------------------------------------------------------------
def test_flat_is_the_symbolic_percept_one_hot():
    """Decoded by a slow second implementation, a flat observation is the symbolic one."""
    for name in NAMES:
        env = mindsight.vector_env(name, 8)
        rng = np.random.default_rng(1)
        env.reset(seed=1)
        for _ in range(40):
            observations, *_ = env.step(rng.integers(0, 12, env.action_space.shape))
        flat = env.simulation.flat()
        for i in range(8):
            for a in range(env.simulation.count):
                row = list(flat[i, a])

                def take(n, row=row):
                    piece, row[:] = row[:n], row[n:]
                    assert sum(piece) <= 1
                    return piece.index(1) if 1 in piece else None

                for cell in observations["window"][i, a].reshape(-1, 4):
                    terrain, thing, identity, heading, face, carried = (take(n) for n in (31, 8, 9, 4, 4, 8))
                    assert cell[0] == (0 if terrain is None else terrain + 1)
                    assert cell[1] == (0 if thing is None else thing + 1)
                    if identity is None:
                        assert cell[2] == cell[3] == 0
                    else:
                        assert cell[2] == 1 + identity * 4 + heading
                        assert cell[3] == face + 4 * (0 if carried is None else carried + 1)
                for k, value in enumerate(observations["fields"][i, a]):
                    if engine.FIELDS[k] == "step":
                        bits, row[:] = row[:8], row[8:]
                        assert value == sum(bit << n for n, bit in enumerate(bits))
                    else:
                        assert take(engine.FIELD_SIZES[k]) == value
                assert row == []


def percept(terrain=(), side=7, **fields):
    """A percept made by hand: cells by (ahead, right), fields by name; (1, 1, V*V), (1, 1, F)."""
    window = np.full((1, 1, side * side), engine.FLOOR, np.uint32)
    for (ahead, right), code in dict(terrain).items():
        window[0, 0, (side - 1 - ahead) * side + side // 2 + right] = code
    own = np.zeros((1, 1, engine.NUM_FIELDS), np.uint8)
    for name, value in fields.items():
        own[0, 0, engine.FIELDS.index(name)] = value
    return window, own


def words(window, fields, names=()):
    out = np.zeros((1, 1, percepts.tokens_size(7)), np.int16)
    percepts.tokenize(window, fields, out, 0, 1)
    return percepts.decode(out[0, 0], names)


def test_text_says_what_is_seen():
    sally = (1 + 1 * 4 + 2) << 16 | (engine.GLAD + 4 * 1) << 24 | engine.FLOOR
    cells = {
        (2, 0): engine.DOOR_CLOSED,
        (1, -1): engine.FLOOR | 2 << 8,
        (3, 1): engine.BASKET_OPEN | 3 << 8,
        (2, 2): sally,
        (0, 3): engine.WINDOW,
    }
    text = words(
        *percept(cells, x=3, y=4, heading=1, hand=5, step=12, cue_0=7, heard_1=2),
        names=("anne_0", "sally_0"),
    )
    assert text == (
        "You are anne 0 at 3 4 heading east holding key looking neutral, step 12, task 0, "
        "cue 7 0 0 0. Sally 0 says symbol 1. The way is free for 1 then door closed. You see "
        "window 3 right, marble 1 ahead 1 left, door closed 2 ahead, sally 0 facing towards you "
        "glad carrying ball 2 ahead 2 right, apple in basket open 3 ahead 1 right."
    )
    assert words(*percept()) == (
        "You are individual 0 at 0 0 heading north holding nothing looking neutral, step 0, "
        "task 0, cue 0 0 0 0. The way is free for 6."
    )
    window, fields = percept()
    window[:] = 0
    assert words(window, fields) == "You are individual 0, out."


def test_tokens_are_the_text_and_the_longest_paragraph_fits():
    body = (1 + 3 * 4) << 16 | 4 << 24
    for side in WINDOWS:
        full = percept(side=side, **{f"heard_{k}": 4 for k in range(8)})
        full[0][:] = engine.BEACON | 1 << 8 | body
        size = percepts.tokens_size(side)
        out = np.full((1, 1, size + 50), -1, np.int16)
        percepts.tokenize(*full, out[:, :, :size], 0, 1)
        assert (out[0, 0, size:] == -1).all()
        used = int((out[0, 0, :size] != 0).sum())
        assert size - side * 4 - 8 <= used <= size  # nearly as long as it can be
        assert out[0, 0, used - 1] == percepts.VOCABULARY.index(".")
        assert percepts.space("text", side).contains(percepts.decode(out[0, 0, :size]))
    assert len(set(percepts.VOCABULARY)) == len(percepts.VOCABULARY)
    env = mindsight.parallel_env("reach", observation="text")
    twin = mindsight.parallel_env("reach", observation="tokens")
    texts, tokens = env.reset(seed=0)[0], twin.reset(seed=0)[0]
    for agent in env.agents:
        assert texts[agent] == percepts.decode(tokens[agent], env.possible_agents)


def test_pictures_tell_all_codes_apart():
    codes = [
        terrain | thing << 8 | body << 16 | manner << 24
        for terrain in range(1, engine.NUM_TERRAIN)
        for thing in (0, 1, 4, 8)
        for body, manner in [(0, 0)] + [(b, m) for b in (1, 2, 9, 36) for m in (0, 1, 3, 8, 35)]
    ]
    codes += [0] + [engine.FLOOR | thing << 8 for thing in range(9)]
    codes += [engine.FLOOR | body << 16 for body in range(1, engine.NUM_BODIES)]
    codes += [engine.FLOOR | 1 << 16 | manner << 24 for manner in range(engine.NUM_MANNERS)]
    pictures = {}
    for code in set(codes):
        out = np.zeros((1, 1, 56, 56, 3), np.uint8)
        percepts.paint(*percept({(3, 0): code}), out, 0, 1)
        tile = out[0, 0, 24:32, 24:32].tobytes()
        assert pictures.setdefault(tile, code) == code
    # oneself, with face and hands
    looks = set()
    for own in ({}, {"self": 1}, {"face": 1}, {"hand": 3}):
        out = np.zeros((1, 1, 56, 56, 3), np.uint8)
        percepts.paint(*percept(**own), out, 0, 1)
        looks.add(out.tobytes())
    assert len(looks) == 4


def test_pictures_come_with_the_fields():
    env = mindsight.parallel_env("reach", observation="pixels")
    _, infos = env.reset(seed=0)
    for a, agent in enumerate(env.agents):
        np.testing.assert_array_equal(infos[agent]["fields"], env.simulation.fields[0, a])
    env = mindsight.parallel_env("reach")
    assert set(env.reset(seed=0)[1]["walker_0"]) == {"action_mask"}


# --- The whole world ------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_state_holds_the_whole_world(name):
    env = mindsight.parallel_env(name)
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    layout = spaces.state_layout(env.simulation)
    for _ in range(30):
        state, record = env.state(), env.simulation.worlds[0]
        assert env.state_space.contains(state)
        assert layout["memory"].stop == len(state)
        for part, where in layout.items():
            assert state[where].tobytes() == record[part].tobytes()
        if env.agents:
            env.step(random_actions(env, rng))
    state[:] = 7  # a copy
    assert env.state().tobytes() != state.tobytes()


# --- Pages ----------------------------------------------------------------------------------------
def test_the_tables_in_the_docstring_are_the_codes():
    assert spaces.tables() in faces.__doc__
    for names in (engine.ACTIONS, engine.FIELDS, engine.TERRAIN[1:], engine.THINGS[1:]):
        for name in names:
            assert re.search(rf"\b{name}\b", spaces.tables()), name
    lines = spaces.tables().splitlines()
    for k, name in enumerate(engine.ACTIONS):
        assert any(re.match(rf"{k}\s+{name}\s+\w", line) for line in lines)
    for k, name in enumerate(engine.FIELDS):
        size = engine.FIELD_SIZES[k]
        assert any(re.match(rf"{k}\s+{name}\s+0\.\.{size - 1}\b", line) for line in lines)
    space = spaces.symbolic_space(7)
    for k in range(4):
        high = space["window"].high[..., k].max()
        assert any(re.match(rf"{k} 0\.\.{high}\s", line) for line in lines)


@pytest.mark.parametrize("name", NAMES)
def test_each_page_names_every_option_and_role(name):
    game = GAMES[name]
    page = mindsight.describe(name)
    assert spaces.tables() in page
    for field in dataclasses.fields(game.options):
        assert f"``{field.name}``" in game.documentation, f"option {field.name} is not on the page"
        for choice in game.options.CHOICES.get(field.name, ()):
            # what is put together of words (knows_false) may be explained by them
            words = [str(choice)] if str(choice) in game.documentation else str(choice).split("_")
            for word in words:
                assert word in game.documentation, f"{field.name}={choice!r} is not on the page"
    for role in game.roles:
        assert re.search(rf"\b{role}", page, re.IGNORECASE), f"role {role} is not on the page"
    for individual in game.individuals:
        assert individual in page
    for heading in ("Rewards.", "Ends.", "Options"):
        assert heading in game.documentation, f"the page has no {heading!r}"


# --- The package ----------------------------------------------------------------------------------
def test_importing_loads_nothing_heavy():
    heavy = ["torch", "stable_baselines3", "pygame", "ruamel", "matplotlib", "tyro", "rich"]
    program = (
        "import sys, mindsight\n"
        "env = mindsight.parallel_env('reach'); env.reset(seed=0)\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_face():
    assert set(NAMES) < set(mindsight.list_environments())
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mindsight.nothing  # noqa: B018
    for name in mindsight.__all__:
        assert name in dir(mindsight)
    events = [
        ["enter", ["Sally", "Anne"], "kitchen"],
        ["place", "ball", "box", "kitchen"],
        ["exit", "Sally", "kitchen"],
        ["move", "Anne", "ball", "basket"],
    ]
    beliefs = mindsight.track(events, order=2, semantics=mindsight.Semantics())
    assert beliefs["Sally"]["ball"] == "box"
    assert isinstance(beliefs, mindsight.Beliefs)


def test_every_public_name_is_there():
    if importlib.util.find_spec("torch") is None:
        pytest.skip("the agents' extra is not installed")
    for name in mindsight.__all__:
        assert getattr(mindsight, name) is not None
