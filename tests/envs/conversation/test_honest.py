"""Honest play: what agents learn from that are to be examined on false beliefs never has one in it."""

import numpy as np
import pytest

from mindsight.envs.conversation import language as L
from mindsight.envs.games import GAMES
from mindsight.envs.simulation import MODES
from mindsight.scenarios import seeds
from mindsight.scenarios.loader import load_scenario

NOWHERE = -1


def false_chains(simulation):
    """Chains of order <= 2, the learner's own among them, whose value is present and differs from reality."""
    worlds = simulation.worlds
    length = simulation.chains.length
    columns = np.flatnonzero((length > 0) & (length <= 2))
    things = simulation.options.objects
    belief, real = worlds["belief"][:, :things], worlds["belief"][:, :things, :1]
    return int(((belief != NOWHERE) & (belief != real))[:, :, columns].sum())


def counts(mode, steps=24, batch=256, **options):
    simulation = GAMES["sally_anne_chat"].simulation(batch, {"condition": "honest", **options})
    simulation.reset(5)
    actions = np.zeros((batch, simulation.count), np.int64)
    wrong = false_chains(simulation)
    for _ in range(steps):
        simulation.script(np.full(simulation.count, MODES.index(mode)), actions)
        simulation.step(actions)
        wrong += false_chains(simulation)
    return simulation, wrong


@pytest.mark.parametrize("mode", ["scripted", "random"])
@pytest.mark.parametrize(("people", "objects", "containers"), [(2, 1, 2), (3, 3, 2), (5, 3, 3)])
def test_nobody_is_ever_wrong_whoever_plays(mode, people, objects, containers):
    simulation, wrong = counts(mode, people=people, objects=objects, containers=containers)
    assert wrong == 0
    acts = simulation.worlds["said"][..., 0]
    seen = {act: int((acts == act).sum()) for act in (L.MOVE, L.EXIT, L.ENTER, L.HIDE, L.CLAIM, L.ASK_PLACE)}
    assert min(seen.values()) > 0, seen


def test_the_check_itself_finds_false_beliefs_where_there_are_some():
    simulation = GAMES["sally_anne_chat"].simulation(8, {"condition": "false_belief"})
    simulation.reset(0)
    assert false_chains(simulation) > 0


def test_some_are_ignorant_and_say_so():
    simulation, _ = counts("scripted", people=3, objects=3)
    acts = simulation.worlds["said"][..., 0]
    answered = (acts == L.UNSURE).sum() / ((acts == L.UNSURE).sum() + (acts == L.CLAIM).sum())
    assert 0.03 < answered < 0.5
    assert (simulation.worlds["belief"][:, 0, 1:4] == NOWHERE).any()


def test_no_training_stream_of_the_curriculum_has_a_false_belief_in_it():
    """The very conversations of the curriculum: the same scenario, seeds and characters."""
    from mindsight.scenarios.curricula import load_curriculum

    curriculum = load_curriculum("simulation")
    names = {plan.scenario.name for plan in curriculum.phases}
    assert names == {"sally_anne_chat_honest"}
    scenario = load_scenario("sally_anne_chat_honest")
    simulation = scenario.simulation(2048)
    simulation.reset(seeds.training_seed(curriculum.seed))
    actions = np.zeros((2048, simulation.count), np.int64)
    wrong, modes = false_chains(simulation), scenario.modes("scripted")
    alive = np.ones(2048, np.bool_)
    while alive.any():
        simulation.script(modes, actions)
        simulation.step(actions)
        wrong += false_chains(simulation)
        alive &= ~simulation.ends.any(1)
    assert wrong == 0
