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
    OFFER,
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


def talks(listener, mode, worlds=400):
    """Conversations with shy people: of each turn of the listener what its mode would say without haste,
    what it says, and whether it has the thing that the first speaks of."""
    options = {"others": 3, "kinds": 6, "limit": 48, "population": "closed", "listener": listener}
    simulation = GAMES["solace"].simulation(worlds, options, autoreset="disabled")
    simulation.reset(7)
    modes = np.array([MODES.index(mode)] + [MODES.index("scripted")] * 3)
    actions = np.zeros((worlds, 4), np.int64)
    meant, said, has = [], [], []
    for _ in range(48):
        on = np.flatnonzero(simulation.masks[:, 0].sum(1) > 1)
        calm = [int(solace.choose(simulation.worlds[k], simulation.menu, 0, modes[0])) for k in on]
        simulation.script(modes, actions)
        meant += list(simulation.menu[calm])
        said += list(simulation.menu[actions[on, 0]])
        thing = np.maximum(simulation.menu[calm, 2].astype(int) - THING, 0)
        has += list(simulation.worlds["stock"][on, 0, thing] > 0)
        simulation.step(actions)
    return np.array(meant), np.array(said), np.array(has)


def test_a_hasty_listener_gives_before_it_knows_in_two_of_eight_offers():
    meant, said, has = talks("hasty", "scripted")
    offers = meant[:, 0] == OFFER
    assert (offers & has).sum() > 2000
    assert (offers & ~has).sum() > 500  # a kind one offers what is gone, too, to see the face
    given = said[:, 0] == GIVE
    assert ((said == meant).all(1) | given).all()
    assert given[offers & has].mean() == pytest.approx(2 / 8, abs=0.03)
    assert given[offers & ~has].mean() == pytest.approx(1 / 8, abs=0.04)
    assert (said[offers][:, 1] == meant[offers][:, 1]).all()  # to whom it would have offered something
    that = (said == meant)[offers & has & given][:, 2]
    assert 1 / 2 < that.mean() < 3 / 4  # the very thing, or anything that is left
    # where it was to say something else, in one of eight
    changed = (said[~offers] != meant[~offers]).any(1)
    assert (said[~offers][changed][:, 0] == GIVE).all()
    assert 0.08 < changed.mean() < 1 / 8


@pytest.mark.parametrize(
    ("listener", "mode"), [("brief", "scripted"), ("hasty", "prosocial"), ("hasty", "exact")]
)
def test_nobody_else_is_hasty(listener, mode):
    meant, said, _ = talks(listener, mode, 50)
    assert (meant == said).all()
    if mode != "scripted":  # those who know all needs give at once
        assert set(said[:, 0]) <= {GIVE, NOTHING}
