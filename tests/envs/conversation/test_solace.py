"""Solace: what the others say by their temperaments, worked out by hand."""

import numpy as np
import pytest

from mindsight.envs.conversation import engine, solace
from mindsight.envs.conversation.language import (
    ASK_NEED,
    GIVE,
    HAPPY,
    INDIVIDUAL,
    NEED,
    NOTHING,
    SAD,
    SHOW,
    THANK,
    THING,
)
from mindsight.envs.games import GAMES
from mindsight.envs.simulation import MODES


def staged(temper):
    """One other with a temper, needing thing 1; the listener needs thing 0."""
    simulation = GAMES["solace"].simulation(1, {"others": 1})
    simulation.reset(4)
    w = simulation.worlds[0]
    w["temper"][1], w["need"][0], w["need"][1] = temper, 0, 1
    return simulation


def say(simulation, act, thing=0):
    """The listener says or does something, the other answers: what it says, and the last face."""
    w = simulation.worlds[0]
    u = int(engine.find(w, simulation.menu, 0, act, INDIVIDUAL + 1 if act else 0, thing, 0))
    simulation.step(np.array([[u, 0]]))
    actions = np.zeros((1, 2), np.int64)
    simulation.script(np.full(2, MODES.index("scripted")), actions)
    simulation.step(actions)
    said = [tuple(int(part) for part in row) for row in w["said"][: w["length"]]]
    face = next(message[2] for message in reversed(said) if message[:2] == (SHOW, INDIVIDUAL + 1))
    return said[engine.last_act(w)][0], face


@pytest.mark.parametrize(
    ("temper", "asked", "unasked", "served"),
    [
        (engine.PLAIN, NEED, NOTHING, NOTHING),
        (engine.KIND, NEED, NEED, NOTHING),
        (engine.SHY, NOTHING, NOTHING, NOTHING),
        (engine.SELFISH_TEMPER, NEED, NEED, NEED),
    ],
)
def test_what_each_temper_says_of_its_need(temper, asked, unasked, served):
    simulation = staged(temper)
    assert say(simulation, NOTHING)[0] == unasked
    assert say(simulation, ASK_NEED)[0] == asked
    assert say(simulation, GIVE, THING + 1) == (THANK, HAPPY)
    if simulation.ends.any():
        simulation = staged(temper)
        simulation.worlds["memory"][0, solace.MET + 1] = 1
    assert say(simulation, NOTHING)[0] == served


def test_what_is_given_to_who_has_it_already_is_no_help():
    simulation = staged(engine.SELFISH_TEMPER)
    w = simulation.worlds[0]
    w["memory"][solace.MET + 1] = 1
    _, face = say(simulation, GIVE, THING + 1)
    assert face == SAD
    assert w["welfare"][1] == pytest.approx(solace.DISLIKED)


def test_every_temper_comes_and_held_out_populations_are_shyer():
    counts = {}
    for population in ("train", "held_out", "open", "closed"):
        simulation = GAMES["solace"].simulation(2000, {"population": population})
        simulation.reset(0)
        counts[population] = np.bincount(simulation.worlds["temper"][:, 1:3].ravel(), minlength=6) / 4000
    expected = {"train": [1 / 2, 1 / 8, 1 / 8, 1 / 4], "held_out": [1 / 4, 1 / 8, 1 / 8, 1 / 2]}
    expected |= {"open": [0, 1, 0, 0], "closed": [0, 0, 0, 1]}
    for population, shares in expected.items():
        assert counts[population][:4] == pytest.approx(shares, abs=0.03)
