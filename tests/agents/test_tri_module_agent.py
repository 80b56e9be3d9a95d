"""The tri-module agent: it perceives, judges who perceived what, answers by simulation, and is saved."""

import json

import numpy as np
import pytest
import torch

from mindsight.agents.registry import AgentError, load_agent
from mindsight.agents.tri_module import TriConfig, TriModule
from mindsight.agents.tri_module.agent import TriModuleAgent
from mindsight.agents.tri_module.judgement import perceived
from mindsight.agents.tri_module.model import SeparateModules
from mindsight.agents.tri_module.perspective import VOCABULARY_SIZE, Messages
from mindsight.envs.games import GAMES
from mindsight.scenarios.evaluation import evaluate, observe

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


def test_acting_takes_the_likeliest_of_what_is_possible(agent):
    simulation = told()
    observation = observe(simulation, 0, agent)
    chosen, state = agent.act(observation, agent.initial_state(6))
    mask = observation["action_mask"].astype(bool)
    assert mask[np.arange(6), chosen].all()
    for row in range(6):
        one = state.of_rows(np.array([row]))
        scores = {
            u: float(agent.likelihood(one, observation["menu"][row, [u]])[0])
            for u in np.flatnonzero(mask[row])
        }
        assert max(scores, key=scores.get) == chosen[row]


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

    data, rng = collect("sally_anne_chat_honest", 1500), np.random.default_rng(0)
    learner = Learner(TriModule(TriConfig(VOCABULARY_SIZE, width=60, layers=2, hidden=120)), rate=4e-3)
    for _ in range(250):
        rows = rng.integers(1500, size=32)
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


def test_with_labels_everybody_is_taken_to_know_everything():
    agent = TriModuleAgent(TriModule(CONFIG), "labels")
    simulation = told()
    mine = Messages.of(simulation.view("tokens", 0))
    switched = agent.switch(mine, simulation.worlds["lexicon"][:, 2])
    assert np.array_equal(switched.tokens.any(-1), mine.tokens.any(-1))
    with pytest.raises(ValueError, match="perspective is 'mine', expected one of inferred, labels"):
        TriModuleAgent(TriModule(CONFIG), "mine")


# --- Files -------------------------------------------------------------------------------------------------
def test_a_saved_agent_is_loaded_by_its_path(agent, tmp_path):
    agent.save(tmp_path / "one")
    again = load_agent(tmp_path / "one")
    assert (again.name, again.perspective) == (agent.name, agent.perspective)
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


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: {**c, "format": "other"}, "agent.json: not a tri-module agent"),
        (lambda c: {**c, "version": 9}, "agent.json: version 9, expected 1"),
        (lambda c: {k: v for k, v in c.items() if k != "name"}, "agent.json: 'name' is missing"),
        (lambda c: {**c, "perspective": "given"}, "perspective is 'given'"),
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
