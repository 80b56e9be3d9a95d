"""The tri-module agent in gridworlds: its packing, its lives, the listings on them, its files."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest
import torch

import mindsight
from mindsight import cli, commands
from mindsight.agents.registry import load_agent
from mindsight.agents.tri_module import grid_phases
from mindsight.agents.tri_module.agent import TriModuleAgent
from mindsight.agents.tri_module.algorithms import finetune, log_probabilities, pretrain
from mindsight.agents.tri_module.grid import GridBatch, GridConfig, GridModule, looks
from mindsight.agents.tri_module.grid_agent import GridAgent
from mindsight.agents.tri_module.lives import Actor, advantages_of, live, practised
from mindsight.agents.tri_module.model import SeparateModules, TriConfig, TriModule, load_model
from mindsight.agents.tri_module.routing import Learner
from mindsight.envs.grid import engine, spaces
from mindsight.scenarios import ScenarioError, curricula
from mindsight.scenarios.loader import load_scenario

SIZES = GridConfig(context=96, width=24, layers=2, heads=(1, 1, 1), hidden=24)
SCENARIO = load_scenario("reach_small")
SCRIPTED = SCENARIO.modes("scripted")


def small(seed=0, **changes):
    return GridModule(dataclasses.replace(SIZES, **changes), seed)


@pytest.fixture(scope="module")
def worlds():
    return SCENARIO.simulation(6, autoreset="same_step")


@pytest.fixture(scope="module")
def lives(worlds):
    return live(worlds, 5, 40, SCRIPTED)


def rows_of(lives, foreseen=True, **more):
    where = np.arange(12)
    share = np.ones((12, 40), np.bool_) if foreseen else None
    return lives.batch(where // 2, where % 2, foreseen=share, others=foreseen, **more)


def read(model, batch):
    with torch.no_grad():
        return model(batch.window, batch.fields, batch.before, starts=batch.starts)


# --- Lives -------------------------------------------------------------------------------------------------
def test_what_is_perceived_lies_in_the_observation_space(lives):
    space = spaces.symbolic_space(7)
    flat = lives.window.reshape(-1, 7, 7, 4), lives.fields.reshape(-1, engine.NUM_FIELDS)
    for window, fields in zip(*flat, strict=True):
        assert space.contains({"window": window, "fields": fields})


def test_lives_are_the_worlds_own(lives, worlds):
    """Played again by hand; characters draw from their worlds' streams, so they have to think again."""
    one = SCENARIO.simulation(6, autoreset="same_step")
    one.reset(5)
    actions = np.zeros((6, 2), np.int64)
    for t in range(40):
        np.testing.assert_array_equal(one.window, lives.window[t])
        assert (one.masks[lives.here[t]] == lives.masks[t][lives.here[t]]).all()
        one.script(SCRIPTED, actions)
        np.testing.assert_array_equal(actions, lives.actions[t])
        one.step(actions)
        np.testing.assert_array_equal(one.rewards, lives.rewards[t])
        np.testing.assert_array_equal(one.ends.any(1), lives.ends[t])


def test_rows_begin_anew_with_each_episode(lives):
    batch = rows_of(lives)
    for row in range(12):
        world, individual = divmod(row, 2)
        fresh = [0] + [t + 1 for t in range(39) if lives.ends[t, world]]
        for t in range(40):
            start = max(each for each in fresh if each <= t)
            assert int(batch.starts[row, t]) == start
            before = engine.NUM_ACTIONS if t == start else lives.actions[t - 1, world, individual]
            assert int(batch.before[row, t]) == before
            assert bool(batch.actions[row, t]) == (batch.window[row, t, 6, 3, 0] != 0)
            if batch.foreseen[row, t]:  # the next percept is of the same life
                assert t + 1 not in fresh
                assert batch.window[row, t + 1, 6, 3, 0] != 0
    assert batch.starts.max() > 0 and not batch.actions.all()  # both were there to be seen


def test_the_actions_of_those_in_sight_are_what_they_do(lives):
    batch = rows_of(lives)
    seen = 0
    for row in range(12):
        world, individual = divmod(row, 2)
        for t in range(40):
            bodies = batch.window[row, t, ..., 2].numpy()
            there = (bodies > 0).any()
            expected = np.full(8, -1)
            if there:
                expected[1 - individual] = lives.actions[t, world, 1 - individual]
            np.testing.assert_array_equal(batch.others[row, t].numpy(), expected)
            seen += there
    assert seen > 20


def test_looks_leaves_arrows_out():
    window = np.zeros((2, 7, 7, 4), np.uint8)
    window[0, 1, 1, 2], window[1, 2, 2, 2] = 1 + 3 * 4 + 2, 1 + engine.ARROW * 4
    assert looks(window).tolist() == [[k == 3 for k in range(8)], [False] * 8]


def test_returns_are_what_whole_episodes_brought(lives):
    found = []
    for world in range(6):
        total = 0.0
        for t in range(40):
            total += float(lives.rewards[t, world, 0])
            if lives.ends[t, world]:
                found.append(total)
                total = 0.0
    np.testing.assert_allclose(lives.returns(0), found, atol=1e-6)
    assert len(found) > 3


# --- The packing -------------------------------------------------------------------------------------------
def test_a_life_is_read_the_same_alone_and_among_others(lives):
    model, batch = small(), rows_of(lives)
    whole = read(model, batch)
    one = model(*(each[4:5] for each in (batch.window, batch.fields, batch.before)), starts=batch.starts[4:5])
    torch.testing.assert_close(one.behaviour, whole.behaviour[4:5], atol=1e-6, rtol=0)
    torch.testing.assert_close(one.others, whole.others[4:5], atol=1e-6, rtol=0)


def test_episodes_behind_each_other_are_read_as_if_each_stood_alone(lives):
    model, batch = small(), rows_of(lives)
    whole, tried = read(model, batch), 0
    for row in range(12):
        start = int(batch.starts[row, -1])
        if start:
            parts = (batch.window, batch.fields, batch.before)
            alone = model(*(each[row : row + 1, start:] for each in parts))
            torch.testing.assert_close(
                alone.behaviour, whole.behaviour[row : row + 1, start:], atol=1e-5, rtol=0
            )
            tried += 1
    assert tried > 3


@pytest.mark.parametrize("readout", ["two", "last"])
def test_acting_with_a_cache_is_reading_all_of_it_anew(worlds, readout):
    model = small(readout=readout)
    actor = Actor(model, 6, torch.Generator().manual_seed(0))
    played = live(worlds, 9, 90, SCENARIO.modes(), 0, actor)
    assert played.ends.any()
    batch = played.batch(np.arange(6), np.zeros(6, np.int64))
    logs = read(model, batch).behaviour
    legal = torch.from_numpy(played.masks[:, :, 0].swapaxes(0, 1)[batch.actions.numpy()])
    now = log_probabilities(logs, batch, legal)
    then = batch.of_actions(torch.stack(actor.choices.logs[:-1]).T)
    torch.testing.assert_close(now, then, atol=1e-5, rtol=0)


def test_nothing_later_and_nothing_of_others_reaches_a_position(lives):
    model, batch = small(), rows_of(lives)
    changed = dataclasses.replace(batch, window=batch.window.clone())
    changed.window[:, 20:] = 0
    before, after = read(model, batch), read(model, changed)
    torch.testing.assert_close(before.behaviour[:, :20], after.behaviour[:, :20], atol=0, rtol=0)
    assert not torch.equal(before.behaviour[:, 20:], after.behaviour[:, 20:])


def test_every_part_of_the_next_percept_is_predicted(lives):
    """Errors are proper: they fall to nothing for logits that say what comes, and only there."""
    model, batch = small(), rows_of(lives)
    out = read(model, batch)
    cells, fields = batch.percept_errors(out)
    steps = int(batch.foreseen.sum())
    assert cells.shape == (steps, 49, 4) and fields.shape == (steps, engine.NUM_FIELDS - 1)
    assert (cells[..., :3] > 0).all() and (fields > 0).all()
    rows, places = batch.foreseen.nonzero(as_tuple=True)
    seen = batch.window[rows, places + 1].flatten(1, 2)
    assert ((cells[..., 3] > 0) == (seen[..., 2] > 0)).all()
    # what one does matters: the prediction is of the percept after this action
    other = dataclasses.replace(batch, chosen=(batch.chosen + 1) % engine.NUM_ACTIONS)
    assert not torch.equal(other.percept_errors(out)[0], cells)


# --- The listings ------------------------------------------------------------------------------------------
def moved(model, step):
    before = {name: each.clone() for name, each in model.named_parameters()}
    step()
    found = {name: not torch.equal(each, before[name]) for name, each in model.named_parameters()}
    groups = {}
    for name, change in found.items():
        groups.setdefault(type(model).owner(name), set()).add(change)
    return groups, found


def practice_of(worlds, model):
    actor = Actor(model, 6, torch.Generator().manual_seed(0))
    played = live(worlds, 9, 40, SCENARIO.modes(), 0, actor)
    advantages, returns = advantages_of(played, actor.choices, 0, 0.99, 0.95)
    return practised(played, actor.choices, 0, np.arange(6), advantages, returns, entropy=0.01)


def test_listing_1_moves_what_it_may(lives):
    model = small()
    groups, found = moved(model, lambda: pretrain(Learner(model), rows_of(lives)))
    assert groups["behaviour"] == {False}
    assert groups["prediction"] == groups["perception"] == groups["shared"] == {True}
    assert any(name.startswith("percept_readout.others") for name in found)


def test_listing_1_moves_behaviour_at_the_reward_based_rate(lives):
    model = small()
    batch = rows_of(lives, by_reward=True)
    assert float(batch.rewards.max()) > 0
    groups, found = moved(model, lambda: pretrain(Learner(model), batch))
    assert found["layers.0.behaviour.qkv"] and found["layers.1.behaviour.out"]
    assert not found["behaviour_readout.weight"] and not found["value_readout.weight"]
    model = small()
    nothing = dataclasses.replace(batch, rewards=-batch.rewards.abs())
    groups, _ = moved(model, lambda: pretrain(Learner(model), nothing))
    assert groups["behaviour"] == {False}


def test_listing_2_moves_each_module_by_its_own_loss(worlds):
    model = small()
    batch, reward = practice_of(worlds, model)

    def step(what):
        model = small()
        learner = Learner(model, optimizer="sgd", clip=None)
        groups, _ = moved(model, lambda: what(learner))
        return groups, {name: each.detach().clone() for name, each in model.named_parameters()}

    groups, both = step(lambda learner: finetune(learner, batch, reward))
    assert groups["behaviour"] == groups["perception"] == {True}
    _, alone = step(lambda learner: pretrain(learner, batch))
    for name in both:
        if (
            GridModule.owner(name) == "prediction"
        ):  # moved by the prediction of one's own actions, and not by reward
            torch.testing.assert_close(both[name], alone[name], atol=1e-7, rtol=0)
    scaled = dataclasses.replace(reward, advantages=3 * reward.advantages + 1)
    _, other = step(lambda learner: finetune(learner, batch, scaled))
    for name in both:
        same = torch.allclose(both[name], other[name], atol=1e-7, rtol=0)
        if GridModule.owner(name) == "prediction":
            assert same, name
    assert not torch.equal(both["layers.0.behaviour.qkv"], other["layers.0.behaviour.qkv"])


def test_graft_gives_behaviour_what_prediction_has_learned(lives):
    model, batch = small(), rows_of(lives)
    pretrain(Learner(model), batch)
    model.graft()
    out = read(model, batch)
    torch.testing.assert_close(out.behaviour, out.prediction)


def test_two_separate_networks_learn_each_by_its_own_loss(worlds):
    model = SeparateModules(SIZES)
    batch, reward = practice_of(worlds, model)
    first = {name: each.clone() for name, each in model.named_parameters()}
    finetune(Learner(model, variant="separate"), batch, reward)
    once = {name: each.clone() for name, each in model.named_parameters()}
    model.load_state_dict(first)
    other = dataclasses.replace(reward, advantages=-reward.advantages)
    finetune(Learner(model, variant="separate"), batch, other)
    name = "layers.0.behaviour.qkv"
    for part, same in ((f"prediction.{name}", True), (f"behaviour.{name}", False)):
        assert not torch.equal(once[part], first[part])
        assert torch.equal(once[part], model.get_parameter(part)) == same


# --- Learning ----------------------------------------------------------------------------------------------
def test_it_learns_to_walk_by_watching_and_practising():
    """From nothing to arriving, in a few seconds; a random walker arrives in a quarter of the episodes."""
    torch.set_num_threads(1)
    model = small(width=36, hidden=48)
    learner, rng = Learner(model, rate=4e-3), np.random.default_rng(0)
    worlds = SCENARIO.simulation(16, autoreset="same_step")
    watch = grid_phases.GridPretrain("watch", worlds, 0, SCRIPTED, length=48)
    first = np.mean([watch.update(learner, rng)["prediction"] for _ in range(4)])
    for _ in range(40):
        last = watch.update(learner, rng)["prediction"]
    assert last < 0.6 * first
    learner.rate = 1e-3
    how = grid_phases.Practice(length=48, epochs=2, pieces=4)
    worlds = SCENARIO.simulation(24, autoreset="same_step")
    practise = grid_phases.GridFinetune("practise", worlds, 10_000, SCENARIO.modes(), 0, how, graft=True)
    for _ in range(3):
        practise.update(learner, rng)
    walked = (
        mindsight.evaluate(GridAgent(model), "reach_small", episodes=100, progress=False).card.actions[0].mean
    )
    stumbled = mindsight.evaluate("random", "reach_small", episodes=100, progress=False).card.actions[0].mean
    assert walked > stumbled + 0.25


def test_a_phase_goes_on_where_it_was():
    def phase():
        worlds = SCENARIO.simulation(4, autoreset="same_step")
        how = grid_phases.Practice(length=16, epochs=1, pieces=2)
        return grid_phases.GridFinetune("practise", worlds, 0, SCENARIO.modes(), 0, how)

    model, other = small(), small(1)
    learner, rng, one = Learner(model), np.random.default_rng(0), phase()
    one.update(learner, rng)
    tensors, steps = learner.state()
    kept = {name: each.clone() for name, each in tensors.items()}, steps, one.state(), rng.bit_generator.state
    one.update(learner, rng)
    again, anew, two = Learner(other), np.random.default_rng(7), phase()
    again.set_state(*kept[:2])
    two.set_state(kept[2])
    anew.bit_generator.state = kept[3]
    two.update(again, anew)
    for name, each in model.state_dict().items():
        assert torch.equal(each, other.state_dict()[name]), name


# --- The agent ---------------------------------------------------------------------------------------------
def observed(simulation, individual=0):
    return {"action_mask": simulation.masks[:, individual].copy(), **simulation.view("symbolic", individual)}


def test_an_agent_is_a_function_of_what_it_perceived(tmp_path):
    agent, fresh = GridAgent(small(context=8)), GridAgent(small(context=8))
    worlds = SCENARIO.simulation(3)
    worlds.reset(4)
    state, states = agent.initial_state(3), []
    for _ in range(12):  # longer than it has positions
        given = observed(worlds)
        chosen, after = agent.act(given, state)
        states.append((given, state, chosen))
        state = after
        assert np.take_along_axis(given["action_mask"], chosen[:, None], 1).all()
        actions = np.zeros((3, 2), np.int64)
        worlds.script(SCENARIO.modes(), actions)
        actions[:, 0] = chosen
        worlds.step(actions)
    assert state.length <= 8
    for given, state, chosen in reversed(states):  # in another order, and by one that has read nothing
        np.testing.assert_array_equal(fresh.act(given, state)[0], chosen)


def test_what_was_read_before_a_step_of_learning_is_read_anew(lives):
    agent, state = GridAgent(small()), None
    for t in range(3):
        given = {
            "window": lives.window[t, :, 0],
            "fields": lives.fields[t, :, 0],
            "action_mask": lives.masks[t, :, 0].astype(np.int8),
        }
        _, state = agent.predict(given, state)
    pretrain(Learner(agent.model, rate=0.3), rows_of(lives, by_reward=True))
    found, expected = (
        each._on(given["window"][:, None], given["fields"][:, None], state)[0]
        for each in (agent, GridAgent(agent.model))
    )
    torch.testing.assert_close(found, expected)
    with pytest.raises(ValueError, match="state is of 6 lives, expected 2"):
        agent.predict({name: rows[:2] for name, rows in given.items()}, state)
    with pytest.raises(
        ValueError, match=r"action masks have shape \(\d+, 3\), expected \(\d+, \d+\): a number for"
    ):
        agent.predict({**given, "action_mask": given["action_mask"][:, :3]})


def test_one_observation_of_an_environment_is_a_row():
    agent = GridAgent(small())
    env = mindsight.parallel_env("reach", observation="symbolic")
    observations, infos = env.reset(seed=5)
    state, states = None, agent.initial_state(1)
    for _ in range(5):
        seen, mask = observations["walker_0"], infos["walker_0"]["action_mask"]
        action, state = agent.predict(seen, state, action_masks=mask)
        rows = {key: value[None] for key, value in {**seen, "action_mask": mask}.items()}
        actions, states = agent.act(rows, states)
        assert np.shape(action) == () and [action] == actions
        whole = {key: value.astype(np.int64) for key, value in seen.items()}  # as some wrappers give it
        lists = {key: value.tolist() for key, value in rows.items()}
        assert agent.predict(whole, action_masks=mask)[0] == agent.predict(seen, action_masks=mask)[0]
        assert agent.predict(lists)[0] == agent.predict(rows)[0]
        observations, _, _, _, infos = env.step({"walker_0": action, "walker_1": 0})
    with pytest.raises(ValueError, match="'action_mask' is missing"):
        agent.predict(seen, state)


def test_draws_follow_the_seed_the_call_and_the_probabilities(lives):
    given = {
        "window": lives.window[3, :1, 0].repeat(400, 0),
        "fields": lives.fields[3, :1, 0].repeat(400, 0),
        "action_mask": np.array([[1, 1, 0, 1] + [0] * 8], np.int8).repeat(400, 0),
    }
    agent = GridAgent(small(), seed=5)
    first, state = agent.predict(given, deterministic=False)
    again, _ = GridAgent(agent.model, seed=5).predict(given, deterministic=False)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first[:7], agent.predict(
        {name: rows[:7] for name, rows in given.items()}, deterministic=False
    )[0])  # fmt: skip
    other, _ = GridAgent(agent.model, seed=6).predict(given, deterministic=False)
    later, _ = agent.predict(given, state, deterministic=False)
    assert (first != other).any() and (first != later).any()
    assert set(first.tolist()) == {0, 1, 3}  # of untrained weights each is drawn, of 400
    anew, _ = agent.predict(given, state, episode_start=np.ones(400, bool), deterministic=False)
    np.testing.assert_array_equal(first, anew)
    with pytest.raises(ValueError, match=r"episode_start is \[True, False.*expected all True or all False"):
        agent.predict(given, state, episode_start=np.arange(400) == 0)


def test_what_it_expects_of_those_in_sight(lives):
    agent = GridAgent(small())
    step, world = next(
        (t, w) for t in range(40) for w in range(6) if looks(lives.window[t, w, 0])[1] and lives.here[t, w, 0]
    )
    given = {
        "window": lives.window[step, :, 0].copy(),
        "fields": lives.fields[step, :, 0].copy(),
        "action_mask": lives.masks[step, :, 0].astype(np.int8),
    }
    _, state = agent.act(given, agent.initial_state(6))
    chances = agent.foresee(state)
    assert chances.shape == (6, 8, 12)
    assert chances[world, 1].sum() == pytest.approx(1)
    assert not chances[~looks(given["window"])].any()


def test_save_and_load(tmp_path):
    agent = GridAgent(small(), name="walker")
    folder = agent.save(tmp_path / "agent")
    for found in (TriModuleAgent.load(folder), load_agent(folder)):
        assert isinstance(found, GridAgent) and found.name == "walker"
        for name, each in agent.model.state_dict().items():
            assert torch.equal(each, found.model.state_dict()[name])
    model = load_model(small(1).save(tmp_path / "model"))
    assert isinstance(model, GridModule) and model.config == SIZES
    pair = load_model(SeparateModules(SIZES).save(tmp_path / "pair"))
    assert isinstance(pair, SeparateModules) and isinstance(pair.behaviour, GridModule)
    card = mindsight.evaluate(str(folder), "reach_small", episodes=3, progress=False).card
    assert card.agent == "walker"


def test_a_model_of_words_is_no_model_of_percepts(tmp_path):
    words = TriModule(TriConfig(20, width=24, layers=1, heads=(1, 1, 1), hidden=24))
    folder = words.save(tmp_path / "words")
    with pytest.raises(ValueError, match="packing is 'text', expected 'grid'"):
        GridModule.load(folder)
    with pytest.raises(ValueError, match="packing is 'grid', expected 'text'"):
        TriModule.load(small().save(tmp_path / "grid"))
    with pytest.raises(ValueError, match="expected a GridModule"):
        GridAgent(words)
    about = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**about, "packing": "smell"}))
    with pytest.raises(ValueError, match="packing is 'smell', expected 'text' or 'grid'"):
        load_model(folder)


def test_models_from_before_there_was_a_packing_are_of_words(tmp_path):
    words = TriModule(TriConfig(20, width=24, layers=1, heads=(1, 1, 1), hidden=24))
    folder = words.save(tmp_path)
    about = json.loads((folder / "model.json").read_text())
    del about["packing"]
    (folder / "model.json").write_text(json.dumps(about))
    assert type(load_model(folder)) is TriModule


# --- Curricula ---------------------------------------------------------------------------------------------
TINY = """\
description: A few updates in very small worlds.
model: {width: 12, layers: 1, heads: [1, 1, 1], hidden: 12, context: 64}
save_every: 0
phases:
  - name: watch
    listing: pretrain
    scenario: reach_small
    steps: 5
    batch_size: 4
    length: 16
    by_reward: true
  - name: practise
    listing: finetune
    scenario: reach_small
    begin: 2
    steps: 3
    batch_size: 4
    graft: true
    practice: {length: 16, epochs: 1, pieces: 2}
"""


def written(folder, text=TINY):
    path = folder / "tiny.yaml"
    path.write_text(text)
    return path


def test_a_curriculum_trains_an_agent_that_plays_and_is_drawn(tmp_path, capsys):
    run = tmp_path / "run"
    trainer = curricula.prepare(written(tmp_path), out=run)
    progress, _ = trainer.train()
    assert progress.steps == 8
    assert {"watch/prediction", "practise/reward", "practise/own prediction"} <= set(progress.means)
    agent = load_agent(run)
    assert isinstance(agent, GridAgent)
    card = mindsight.evaluate(agent, "movement", episodes=2, progress=False).card
    assert len(card.actions) == 2
    assert cli.main(["render", "reach_small", "--agent", str(run), "--out", str(tmp_path / "seen.png")]) == 0
    assert (tmp_path / "seen.png").stat().st_size > 1000
    notes = []
    for block in range(12):  # till somebody comes into sight
        episode = mindsight.evaluate(agent, SCENARIO, episodes=1, seed=block, progress=False).recordings[0]
        steps = commands._with_foresight(episode, SCENARIO, agent)
        notes += [extras["note"] for _, extras in steps if extras.get("note")]
        if notes:
            break
    assert notes and all(re.fullmatch(r"Walker 1 expects Walker 2: \w+ \d+%", note) for note in notes)


def test_it_learns_by_a_curriculum_as_agents_in_conversation_do(tmp_path):
    agent = GridAgent(small(context=64))
    before = {name: tensor.clone() for name, tensor in agent.model.state_dict().items()}
    course = mindsight.load_curriculum(written(tmp_path))
    assert agent.learn(course, out=tmp_path / "run", progress=False) is agent
    assert any(not torch.equal(before[name], each) for name, each in agent.model.state_dict().items())
    kept = load_agent(agent.run.path)
    assert isinstance(kept, GridAgent) and kept.model.config == agent.model.config
    for name, each in agent.model.state_dict().items():
        assert torch.equal(each, kept.model.state_dict()[name])
    assert load_agent(GridAgent(agent.model, seed=9).save(tmp_path / "saved")).seed == 9
    with pytest.raises(ValueError, match="packing of the network is 'grid', expected 'text'"):
        agent.learn(mindsight.load_curriculum("first_words"), out=tmp_path / "words")


def test_a_run_that_goes_on_ends_as_if_it_had_not_stopped(tmp_path):
    whole, cut = (curricula.prepare(written(tmp_path), out=tmp_path / name) for name in ("whole", "cut"))
    whole.train()
    cut.train(enough=lambda progress: "to go on" if progress.steps == 5 else None)
    curricula.resume(tmp_path / "cut", print).train()
    models = [load_model(tmp_path / name / "checkpoints" / "last").state_dict() for name in ("whole", "cut")]
    for name, each in models[0].items():
        assert torch.equal(each, models[1][name]), name


def test_phases_play_worlds_of_their_own():
    """Seeds of one phase are none of another's."""
    plans = curricula.load_curriculum("reach_by_watching").phases
    assert [plan.conversations() for plan in plans] == [plan.steps * plan.batch_size for plan in plans]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("listing: finetune", "listing: simulate_and_imitate", "expected one of pretrain, finetune"),
        ("pieces: 2", "pieces: 0", r"key 'phases\[1\]\.practice\.pieces': is 0"),
        ("pieces: 2", "peices: 2", r"unknown key 'phases\[1\]\.practice\.peices'.*did you mean 'pieces'"),
        ("length: 16\n    by", "length: 1\n    by", r"key 'phases\[0\]\.length': is 1"),
        ("graft: true", "viewer: walker_0", r"viewer': is given for 'finetune' on gridworlds"),
        ("by_reward: true", "practice: {}", r"'phases\[0\]\.practice': is given for 'pretrain'"),
        ("by_reward: true", "perspective: labels", r"'phases\[0\]\.perspective': is given for 'pretrain'"),
        ("save_every: 0", "exam: {battery: movement}", "expected one of conversations"),
        ("    scenario: reach_small\n    begin", "    scenario: echo_train\n    begin",
         "practice.*is given for 'finetune' on conversations, which has no such setting"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_curriculum_is_named(tmp_path, old, new, says):
    assert old in TINY
    with pytest.raises(ScenarioError, match=says):
        curricula.load_curriculum(written(tmp_path, TINY.replace(old, new, 1)))


# --- Bad input ---------------------------------------------------------------------------------------------
def test_sizes_that_cannot_be():
    with pytest.raises(ValueError, match="window is 6, expected one of 5, 7, 9"):
        GridConfig(window=6)
    with pytest.raises(ValueError, match="vocabulary is 13, expected 12"):
        GridConfig(vocabulary=13)
    with pytest.raises(ValueError, match="pieces is 0"):
        grid_phases.Practice(pieces=0)
    with pytest.raises(ValueError, match=r"trace is 1\.5, expected a number from 0 to 1"):
        grid_phases.Practice(trace=1.5)


def test_windows_of_another_size_and_lives_that_are_too_long(lives):
    batch = rows_of(lives)
    with pytest.raises(ValueError, match=r"expected \(12, 40, 5, 5, 4\)"):
        read(small(window=5), batch)
    with pytest.raises(ValueError, match="positions, expected 1 to 8"):
        read(small(context=8), batch)
    agent = GridAgent(small(window=5))
    given = observed(SCENARIO.simulation(2))
    with pytest.raises(ValueError, match="windows of 5 x 5 cells"):
        agent.act(given, agent.initial_state(2))


def test_batches_that_cannot_be(lives):
    batch = rows_of(lives)
    with pytest.raises(ValueError, match="expected one"):
        dataclasses.replace(batch, before=batch.before[:, 1:])
    with pytest.raises(ValueError, match="marks no step"):
        dataclasses.replace(batch, actions=torch.zeros_like(batch.actions))
    with pytest.raises(ValueError, match="that actions does not"):
        dataclasses.replace(batch, actions=batch.actions & (batch.chosen == engine.FORWARD))
    assert isinstance(batch, GridBatch)


def test_worlds_that_cannot_be_lived_in(worlds):
    with pytest.raises(ValueError, match="expected 'same_step'"):
        live(SCENARIO.simulation(2), 0, 4, SCRIPTED)
    with pytest.raises(ValueError, match="for whom 'decide' acts"):
        live(worlds, 0, 4, SCENARIO.modes())
    with pytest.raises(ValueError, match="pieces is 8, expected at most 6"):
        grid_phases.GridFinetune("practise", worlds, 0, SCENARIO.modes(), 0)
