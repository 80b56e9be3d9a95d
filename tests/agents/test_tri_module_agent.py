"""The tri-module agent: it perceives, judges who perceived what, answers by simulation, and is saved."""

import dataclasses
import json
import math
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
import torch

import mindsight
from mindsight.agents.registry import AgentError, load_agent
from mindsight.agents.tri_module import TriConfig, TriModule
from mindsight.agents.tri_module.agent import TriModuleAgent, _drawer
from mindsight.agents.tri_module.algorithms import Batch, simulate_and_imitate
from mindsight.agents.tri_module.grid import GridConfig
from mindsight.agents.tri_module.judgement import perceived
from mindsight.agents.tri_module.model import SeparateModules, new_model
from mindsight.agents.tri_module.perspective import ME, SLOTS, VOCABULARY_SIZE, Messages
from mindsight.agents.tri_module.rollouts import Reader
from mindsight.agents.tri_module.routing import Learner
from mindsight.envs.conversation.engine import CAPACITY
from mindsight.envs.conversation.language import ARGUMENTS, CLAIM, POOLS
from mindsight.envs.games import GAMES
from mindsight.scenarios import curricula
from mindsight.scenarios.evaluation import evaluate, observe
from mindsight.scenarios.loader import load_scenario

CONFIG = TriConfig(VOCABULARY_SIZE, context=512, width=24, layers=1, heads=(1, 1, 1), hidden=24)


@pytest.fixture(scope="module")
def agent():
    return TriModuleAgent(TriModule(CONFIG))


def told(condition="false_belief", batch=6, **options):
    simulation = GAMES["sally_anne_chat"].simulation(batch, {"condition": condition, **options})
    simulation.reset(2)
    return simulation


def test_the_menu_in_words_is_what_can_be_said():
    simulation = told("free", people=4)
    for individual in (1, 3):
        menu = simulation.menu_tokens(individual)
        for world in range(6):
            said = simulation.utterances(world, individual)
            assert [tuple(row) if any(row) else () for row in menu[world].tolist()] == [
                tuple(each) for each in said
            ]


def test_an_untrained_agent_is_examined_and_its_card_says_what_it_guessed(agent):
    card = evaluate(agent, "false_belief", family="conversation", episodes=2, progress=False).card
    assert card.agent == "tri_module"
    assert "answers by simulation, perspective inferred" in card.remarks[0]
    assert "guessed" in card.remarks[1]  # contents are no places


def test_it_plays_any_conversation(agent):
    for name in ("solace_train", "cracker_train", "chatter_train"):
        found = evaluate(agent, name, episodes=3, progress=False)
        assert len(found.episodes) == 3


def word_by_word(agent, observation, row):
    """What is said by the obvious way: nothing cached, one world, all read again for each token."""
    own = int(observation["self"][row])
    legal = np.flatnonzero(observation["action_mask"][row])
    if len(legal) == 1:
        return legal[0]
    menu = {int(u): [int(w) for w in observation["menu"][row, u] if w] for u in legal}
    one = Messages.of({key: observation[key][[row]] for key in ("tokens", "sender", "self")})
    said = []
    while True:
        going = {u: words for u, words in menu.items() if words[: len(said)] == said}
        following = {words[len(said)] if len(words) > len(said) else 0 for words in going.values()}
        if following == {0}:
            return next(iter(going))
        # All that can be said has its token before anybody says it, as `known` gives it.
        known = observation["menu"][[row]].reshape(1, -1)
        acts = np.array([True])
        packed = one.pack(acting=acts, known=known)
        tail = packed.bind(np.array([[own, *said]], np.int64))
        tokens = torch.cat([packed.tokens, tail], 1)
        senders = torch.cat([packed.senders, torch.full_like(tail, ME)], 1)
        logits = agent.model(tokens, senders).behaviour[0, -1].detach()
        scores = {word: float(logits[int(packed.bind(np.array([[word]]))[0, 0])]) for word in following}
        best = max(scores, key=scores.get)
        said.append(best)
        if best == 0:
            return next(u for u, words in going.items() if words == said[:-1])


@pytest.mark.parametrize("game", ["solace_train", "sally_anne_chat_train", "chatter_train"])
def test_it_says_word_by_word_what_is_likeliest_of_what_can_be_said(agent, game):
    scenario = load_scenario(game)
    simulation = scenario.simulation(4)
    simulation.reset(3)
    modes = scenario.modes()
    me = int(np.flatnonzero(modes == 0)[0])
    state, actions, turns = None, np.zeros((4, simulation.count), np.int64), 0
    while not simulation.ends.any(1).all() and turns < 8:
        observation = observe(simulation, me, agent)
        chosen, state = agent.predict(observation, state)
        for row in range(4):
            assert chosen[row] == word_by_word(agent, observation, row)
        turns += (observation["action_mask"].sum(1) > 1).any()
        simulation.script(modes, actions)
        actions[:, me] = chosen
        simulation.step(actions)
    assert turns > 0


def playing(agent, batch, steps=14, episodes=1, **more):
    """What is said by the people of a conversation, one row of actions a step."""
    scenario = load_scenario("solace_train")
    simulation = scenario.simulation(batch, autoreset="disabled")
    found, state = [], agent.initial_state(batch)
    for episode in range(episodes):
        simulation.reset(100 * episode)
        actions = np.zeros((batch, simulation.count), np.int64)
        for _ in range(steps):
            chosen, state = agent.predict(observe(simulation, 0, agent), state, **more)
            found.append(chosen)
            simulation.script(scenario.modes(), actions)
            actions[:, 0] = chosen
            simulation.step(actions)
    return np.stack(found)


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_row_does_not_depend_on_who_is_beside_it(agent, deterministic):
    many = playing(agent, 5, deterministic=deterministic)
    few = playing(agent, 2, deterministic=deterministic)
    assert (many[:, :2] == few).all()


def test_one_observation_of_an_environment_is_a_row(agent):
    env = gymnasium.make("mindsight/cracker-v0", observation="tokens")
    seen, info = env.reset(seed=5)
    assert env.observation_space.contains(seen)
    state = states = None
    for _ in range(3):
        action, state = agent.predict(seen, state, deterministic=False, action_masks=info["action_mask"])
        rows = {key: np.stack([value, value]) for key, value in {**seen, **info}.items()}
        actions, states = agent.predict(rows, states, deterministic=False)
        assert np.shape(action) == () and action == actions[0]
        seen, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            break
    with pytest.raises(ValueError, match=r"'action_mask' is missing.*give info\['action_mask'\]"):
        agent.predict(seen, state)
    with pytest.raises(
        ValueError, match=r"action masks have shape \(1, 3\), expected \(1, \d+\): a number for each"
    ):
        agent.predict(seen, action_masks=np.ones(3))
    flat, info = gymnasium.make("mindsight/cracker-v0").reset(seed=5)
    with pytest.raises(ValueError, match="'tokens' is missing: expected an observation of tokens, sender"):
        agent.predict(flat, action_masks=info["action_mask"])


def test_a_new_episode_is_played_as_if_it_were_the_first(agent):
    both = playing(agent, 3, episodes=2)
    scenario = load_scenario("solace_train")
    simulation = scenario.simulation(3, autoreset="disabled")
    simulation.reset(100)
    alone, state = [], None
    actions = np.zeros((3, simulation.count), np.int64)
    for _ in range(14):
        chosen, state = agent.predict(observe(simulation, 0, agent), state)
        alone.append(chosen)
        simulation.script(scenario.modes(), actions)
        actions[:, 0] = chosen
        simulation.step(actions)
    assert (both[14:] == np.stack(alone)).all()


def test_going_on_twice_from_one_state_is_the_same_twice(agent):
    scenario = load_scenario("solace_train")
    simulation, other = scenario.simulation(3), scenario.simulation(3)
    simulation.reset(0)
    other.reset(50)
    first = observe(simulation, 0, agent)
    for each in (first, observe(other, 0, agent)):  # what comes in between is another life
        _, state = agent.predict(each)
    chosen, _ = agent.predict(first, state, deterministic=False)
    again, _ = agent.predict(first, state, deterministic=False)
    assert (chosen == again).all()


def test_what_was_read_before_the_network_was_another_is_read_anew(agent):
    """A state is what was perceived; whoever goes on from it acts by its own network, as it is now."""
    simulation = load_scenario("solace_train").simulation(8)
    simulation.reset(3)
    seen = observe(simulation, 0, agent)

    def acts_as_one_that_has_read_nothing(one, state, rows=seen):
        fresh = TriModuleAgent(one.model, seed=one.seed)
        calls = dataclasses.replace(fresh.initial_state(8), calls=state.calls)
        expected, _ = fresh.predict(rows, calls, deterministic=False)
        return (one.predict(rows, state, deterministic=False)[0] == expected).all()

    learning, other = (TriModuleAgent(TriModule(CONFIG, seed)) for seed in (1, 2))
    for each in (learning, other):
        with torch.no_grad():
            each.model.behaviour_readout.weight.mul_(30)  # each is sure of something else
    _, state = learning.predict(seen)
    assert acts_as_one_that_has_read_nothing(other, state)
    assert acts_as_one_that_has_read_nothing(learning, state)
    few = {name: rows[:3] for name, rows in seen.items()}
    assert acts_as_one_that_has_read_nothing(learning, state, few)
    learning.predict(seen, state)  # has read all rows again
    learner = Learner(learning.model, rate=0.3)  # a large step, of the fused Adam
    tokens = torch.randint(1, VOCABULARY_SIZE, (4, 12), generator=torch.Generator().manual_seed(0))
    actions = torch.ones_like(tokens, dtype=torch.bool)
    actions[:, 0] = False
    simulate_and_imitate(learner, Batch(tokens, torch.full_like(tokens, ME), actions))
    assert acts_as_one_that_has_read_nothing(learning, state)


def test_draws_follow_the_seed_and_the_probabilities(agent):
    one, two = (playing(TriModuleAgent(agent.model, seed=k), 32, deterministic=False) for k in (0, 1))
    assert (one != two).any()
    assert (playing(TriModuleAgent(agent.model, seed=1), 32, deterministic=False) == two).all()
    draw = _drawer(np.tile((np.arange(1000) + 0.5)[:, None] / 1000, (1, 1)))
    shares = np.bincount(draw(torch.tensor([[0.2, 0.0, 0.5, 0.3]]).expand(1000, 4)).numpy(), minlength=4)
    assert shares.tolist() == [200, 0, 500, 300]


def test_what_others_will_say_is_read_off_the_prediction_output_in_their_place():
    agent = TriModuleAgent(TriModule(CONFIG), "labels")
    simulation = told("free", people=3)
    actions = np.zeros((6, simulation.count), np.int64)
    for _ in range(9):
        simulation.script(np.array([0, 1, 1, 1]), actions)
        simulation.step(actions)
    _, state = agent.predict(observe(simulation, 0, agent))
    names, menu = simulation.worlds["lexicon"][:, 2], simulation.menu_tokens(2)
    mask = menu.any(2)
    found = agent.foresee(state, names, menu, mask)
    np.testing.assert_allclose(found.sum(1), 1)
    assert (found[~mask] == 0).all()
    # the same for one of them, token by token
    row, mine = 1, int(state.messages.own[1])
    theirs = state.messages.switch(names).of_rows([row])
    swap = {mine: int(names[row]), int(names[row]): mine}
    logs = []
    for u in np.flatnonzero(mask[row]):
        words = np.array([[swap.get(int(w), int(w)) for w in menu[row, u]]], np.int16)
        packed = theirs.extended(words, theirs.own).pack()
        out = agent.model(packed.tokens, packed.senders).prediction.log_softmax(-1)
        size = int((words != 0).sum()) + 1
        ends = int(packed.lengths[0])
        at = range(ends - size, ends)
        logs.append(sum(float(out[0, t - 1, packed.tokens[0, t]].detach()) for t in at))
    np.testing.assert_allclose(found[row][mask[row]], np.exp(logs) / np.exp(logs).sum(), rtol=1e-4)
    assert (agent.foresee(state, names, menu, np.zeros_like(mask)) == 0).all()


# --- Learning ----------------------------------------------------------------------------------------------
CURRICULUM = """
description: a moment
model: {width: 24, layers: 1, heads: [1, 1, 1], hidden: 24, context: 512}
phases:
  - {name: listen, listing: pretrain, scenario: chatter_train, steps: 4, batch_size: 2}
  - {name: imitate, listing: simulate_and_imitate, scenario: chatter_train, steps: 3, batch_size: 2}
"""


@pytest.fixture
def curriculum(tmp_path):
    (tmp_path / "moment.yaml").write_text(CURRICULUM)
    return mindsight.load_curriculum(tmp_path / "moment.yaml")


def test_learning_trains_this_agents_network_and_can_be_gone_on_with(curriculum, tmp_path, capsys):
    sizes = TriConfig(VOCABULARY_SIZE, context=256, width=12, layers=2, heads=(1, 1, 1), hidden=12)
    agent = TriModuleAgent(TriModule(sizes, 7))
    before = {name: tensor.clone() for name, tensor in agent.model.state_dict().items()}
    assert agent.learn(curriculum, seed=3, out=tmp_path / "run", progress=False) is agent
    assert any(not torch.equal(before[n], t) for n, t in agent.model.state_dict().items())
    assert agent.run.read_metrics()[-1]["steps"] == 7
    again = load_agent(tmp_path / "run")
    assert again.model.config == sizes
    # stopped and gone on with, even before the first update: from this agent's weights, not from a seed's
    other = TriModuleAgent(TriModule(sizes, 7))
    stop = lambda progress: "enough" if progress.steps == 3 else None  # noqa: E731
    other.learn(curriculum, seed=3, out=tmp_path / "other", enough=stop)
    trainer = curricula.resume(tmp_path / "other", print)
    trainer.train()
    third = curriculum.training(model=TriModule(sizes, 7), seed=3, out=tmp_path / "third")
    curricula.resume(tmp_path / "third", print).train()
    for name, tensor in agent.model.state_dict().items():
        assert torch.equal(trainer.learner.model.state_dict()[name], tensor)
        assert torch.equal(load_agent(tmp_path / "third").model.state_dict()[name], tensor)
    assert third.updates == 0
    mean = TriModuleAgent(TriModule(sizes, 7))
    averaged = dataclasses.replace(curriculum, learner={**curriculum.learner, "average": 0.9})
    mean.learn(averaged, seed=3, out=tmp_path / "mean", progress=False)
    kept = load_agent(tmp_path / "mean").model.state_dict()
    assert all(torch.equal(kept[name], tensor) for name, tensor in mean.model.state_dict().items())
    assert any(not torch.equal(kept[name], tensor) for name, tensor in agent.model.state_dict().items())


def test_what_cannot_be_learned_is_named(curriculum, agent, tmp_path):
    with pytest.raises(TypeError, match="curriculum is 'first_words', expected a Curriculum"):
        agent.learn("first_words")
    foreign = TriModule(TriConfig(20, width=12, heads=(1, 1, 1), hidden=12))
    with pytest.raises(ValueError, match="vocabulary of the network is 20, expected 89"):
        TriModuleAgent(foreign).learn(curriculum)
    for course, network, says in (
        (
            "reach_by_watching",
            agent.model,
            "packing of the network is 'text', expected 'grid': gridworlds are",
        ),
        (
            "first_words",
            new_model(GridConfig(width=12, heads=(1, 1, 1), hidden=12)),
            "is 'grid', expected 'text'",
        ),
    ):
        with pytest.raises(ValueError, match=says):
            TriModuleAgent(network).learn(mindsight.load_curriculum(course), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_default_context_holds_whatever_a_conversation_can_be():
    config = TriConfig(VOCABULARY_SIZE)
    assert config.context >= 1 + CAPACITY * (1 + ARGUMENTS + 2)  # who sends it, the words, END
    full = Messages(
        np.tile(np.array([[[CLAIM, 1, 1, 1, 0, 0, 0, 0]]], np.int16), (1, CAPACITY, 1)),
        np.full((1, CAPACITY), POOLS["I"][0], np.int16),
        np.array([POOLS["I"][0]], np.int16),
    ).pack()
    model = TriModule(config)
    reader = Reader(model, 1)
    reader.read(full.tokens, full.senders, full.lengths)
    assert int(reader.lengths[0]) == 1 + CAPACITY * 6
    small = Reader(TriModule(TriConfig(VOCABULARY_SIZE, context=100)), 1)
    with pytest.raises(ValueError, match="a history has 577 tokens, expected at most 100"):
        small.read(full.tokens, full.senders, full.lengths)


def test_answers_do_not_depend_on_what_else_is_asked(agent):
    simulation = told(people=4)
    observation = observe(simulation, 0, agent)
    _, state = agent.act(observation, agent.initial_state(6))
    asked = [{**p.public(), "row": k} for k in range(6) for p in simulation.probes(k)]
    together = list(agent.answer(asked, state))
    for probe, found in zip(asked, together, strict=True):
        assert found.shape == (len(probe["options"]),)
        assert found.sum() == pytest.approx(1)
        (alone,) = agent.answer([probe], state)
        np.testing.assert_allclose(alone, found, atol=1e-5)


@pytest.mark.slow
def test_the_judgement_drops_what_would_surprise_there_and_not_here():
    """A model trained for a moment on lives in which people leave knows that nothing comes then."""
    from mindsight.agents.tri_module import Learner
    from mindsight.agents.tri_module.algorithms import Batch, pretrain
    from mindsight.scenarios.collect import collect

    data, rng = collect("sally_anne_chat_honest", 3000), np.random.default_rng(0)
    learner = Learner(TriModule(TriConfig(VOCABULARY_SIZE)), rate=6e-3)
    for step in range(300):
        learner.rate = 6e-3 * min((step + 1) / 30, 1 - step / 300)
        rows = rng.integers(3000, size=32)
        packed = data.perceived_by(rng.integers(4, size=32), rows).pack(rng)
        pretrain(learner, Batch(packed.tokens, packed.senders, packed.said()))
    simulation = told("false_belief", 64, people=4, population="held_out")
    mine = Messages.of(simulation.view("tokens", 0))
    who = simulation.worlds["memory"][:, 1].astype(np.int64)  # who leaves
    names = simulation.worlds["lexicon"][np.arange(64), who]
    found = perceived(learner.model, mine, names)
    m = found.shape[1]
    true = (simulation.worlds["heard"][:, :m] >> who[:, None].astype(np.uint8) & 1).astype(bool)
    there = mine.tokens.any(-1)
    assert (found == true)[there].mean() > 0.93
    assert not true[there].all()  # they did miss something
    assert (found[there & ~true]).mean() < 0.2


class Expecting:
    """Stands for a model: with these log-probabilities it expects that somebody else acts, in one's own life
    and in another one's; all else is as likely as it can be."""

    def __init__(self, here, there):
        self.chances = {False: here, True: there}

    def __call__(self, tokens, senders, cache=None):
        first, names = SLOTS["I"]
        chance = math.exp(self.chances[cache is not None])
        probabilities = torch.full((*tokens.shape, VOCABULARY_SIZE), (1 - chance) / VOCABULARY_SIZE)
        probabilities[..., first : first + names] = chance / (names - 1)  # one of them is oneself
        return SimpleNamespace(prediction=probabilities.log())

    def new_cache(self, rows, length):
        return ()

    def advance(self, cache, sizes):
        pass


@pytest.mark.parametrize(
    ("here", "there", "kept"),
    [(-0.5, -2.0, True), (-0.5, -4.0, False), (-3.0, -9.0, False), (-5.0, -9.0, True)],
)
def test_who_acts_tells_nothing_where_nobody_was_expected_to_act_here_either(here, there, kept):
    simulation = told()
    mine = Messages.of(simulation.view("tokens", 0))
    found = perceived(Expecting(here, there), mine, simulation.worlds["lexicon"][:, 2])
    both = simulation.worlds["lexicon"][:, [0, 2]]  # what one of them does, or is told, is another matter
    words = np.concatenate([mine.senders[..., None], mine.tokens], -1)
    others = mine.tokens.any(-1) & (mine.senders > 0) & ~np.isin(words, both[:, None]).any(-1)
    assert others.sum() > 10 and (found[others] == kept).all()


def test_who_has_been_judged_to_the_end_waits_for_longer_conversations():
    """Of two histories that fill a context one has fewer messages: it is judged as with any more room."""
    first, greet = POOLS["I"][0], 20
    tokens, senders = np.zeros((2, 8, 8), np.int16), np.zeros((2, 8), np.int16)
    tokens[0, :4, :4] = greet, first + 1, first + 2, first + 1
    tokens[1, :, 0] = greet
    senders[0, :4], senders[1] = (first + 1, first + 2) * 2, (first + 1, first + 2) * 4
    messages = Messages(tokens, senders, np.full(2, first, np.int16))
    assert messages.lengths.tolist() == [25, 25]
    tight, wide = (TriModule(dataclasses.replace(CONFIG, context=size)) for size in (25, 512))
    for surprise in (1e-3, 2.5, 100.0):
        found, expected = (
            perceived(each, messages, np.full(2, first + 1), surprise) for each in (tight, wide)
        )
        assert (found == expected).all()
    assert found.sum(1).tolist() == [4, 8]


def test_with_labels_everybody_is_taken_to_know_everything():
    agent = TriModuleAgent(TriModule(CONFIG), "labels")
    simulation = told()
    mine = Messages.of(simulation.view("tokens", 0))
    switched = agent.switch(mine, simulation.worlds["lexicon"][:, 2])
    assert np.array_equal(switched.tokens.any(-1), mine.tokens.any(-1))
    with pytest.raises(ValueError, match="perspective is 'mine', expected one of inferred, labels"):
        TriModuleAgent(TriModule(CONFIG), "mine")


@pytest.mark.parametrize("chain", [(1,), (1, 2), (1, 2, 1), (2, 1, 2, 1), (3, 1, 3, 2), (1, 0, 1)])
def test_a_chain_ends_in_the_life_of_its_last_one_whoever_comes_twice(chain):
    agent, simulation = TriModuleAgent(TriModule(CONFIG), "labels"), told()
    mine, lexicon = Messages.of(simulation.view("tokens", 0)), simulation.worlds["lexicon"]
    found = agent.seen_by(mine, np.arange(6), lexicon[:, list(chain)].astype(np.int16))
    theirs = mine.senders == lexicon[:, chain[-1], None]
    assert theirs.any()
    np.testing.assert_array_equal(found.senders == found.own[:, None], theirs)


# --- Files -------------------------------------------------------------------------------------------------
def test_a_saved_agent_is_loaded_by_its_path(agent, tmp_path):
    agent = TriModuleAgent(agent.model, "labels", "seven", seed=7)
    agent.save(tmp_path / "one")
    again = load_agent(tmp_path / "one")
    assert (again.name, again.perspective, again.seed) == ("seven", "labels", 7)
    for one, other in zip(agent.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, other)
    agent.model.save(tmp_path / "run" / "checkpoints" / "last")
    assert load_agent(tmp_path / "run").perspective == "inferred"


def test_two_networks_are_saved_and_loaded_as_two(tmp_path):
    TriModuleAgent(SeparateModules(CONFIG)).save(tmp_path)
    again = load_agent(tmp_path)
    assert isinstance(again.model, SeparateModules)
    found = evaluate(again, "sally_anne_chat_train", episodes=2, progress=False)
    assert len(found.probes) > 4
    for kind in (TriModule, SeparateModules, TriModule):  # whatever was there before
        TriModuleAgent(kind(CONFIG)).save(tmp_path)
        assert type(load_agent(tmp_path).model) is kind


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: {**c, "format": "other"}, "agent.json: not a tri-module agent"),
        (lambda c: {**c, "version": 9}, "agent.json: version 9, expected 1"),
        (lambda c: {k: v for k, v in c.items() if k != "name"}, "agent.json: 'name' is missing"),
        (lambda c: {**c, "perspective": "given"}, "agent.json: perspective is 'given'"),
    ],
)
def test_what_is_no_agent_is_said_with_its_file(agent, tmp_path, change, says):
    agent.save(tmp_path)
    path = tmp_path / "agent.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(AgentError, match=says):
        load_agent(tmp_path)
    path.write_text("{")
    with pytest.raises(AgentError, match="not JSON"):
        load_agent(tmp_path)


@pytest.mark.parametrize("config", [5, {"vocabulary": 89, "width": "x"}, {"vocabulary": 89, "heads": 7}])
def test_sizes_that_are_none_are_said_with_their_file(agent, tmp_path, config):
    agent.save(tmp_path)
    path = tmp_path / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "config": config}))
    with pytest.raises(AgentError, match=r"model\.json: "):
        load_agent(tmp_path)


def test_a_run_that_has_saved_nothing_is_said_to_be_one(curriculum, tmp_path):
    curriculum.training(out=tmp_path / "run")
    with pytest.raises(AgentError, match="saved nothing yet in checkpoints/last"):
        load_agent(tmp_path / "run")


def test_a_given_network_is_not_begun_with_anew(curriculum, agent, tmp_path):
    """No seed makes it again, and another one in its place would be no continuation."""
    run = curriculum.training(model=agent.model, out=tmp_path / "run").run
    for path in run.checkpoints.glob("state*"):
        path.unlink()
    with pytest.raises(ValueError, match=r"state.json is missing, and no seed makes its network again"):
        curricula.resume(run.path, print)
