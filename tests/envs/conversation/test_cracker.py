"""Cracker: who says unasked what they like, and what is counted of gifts."""

import numpy as np
import pytest

from mindsight.envs.conversation.language import INDIVIDUAL, LIKE, THING
from mindsight.envs.games import GAMES
from mindsight.envs.simulation import MODES

GAME = GAMES["cracker"]


def played(mode, count=200, **options):
    simulation = GAME.simulation(count, options)
    simulation.reset(7)
    modes, actions = np.full(2, MODES.index("scripted")), np.zeros((count, 2), np.int64)
    modes[0] = MODES.index(mode)
    while not simulation.ends.any(1).all():
        simulation.script(modes, actions)
        simulation.step(actions)
    return simulation


@pytest.mark.parametrize(("guest", "says"), [("open", True), ("plain", False), ("shy", False)])
def test_only_an_open_guest_says_what_it_likes_unasked(guest, says):
    worlds = played("selfish", 20, guest=guest, pay="guest", limit=4).worlds  # a host who says nothing
    for w in worlds:
        said = [
            tuple(int(part) for part in row[:3])
            for row in w["said"][: w["length"]][w["sender"][: w["length"]] == 1]
        ]
        assert ((LIKE, INDIVIDUAL + 1, THING + int(w["like"][1])) in said) == says


def test_gifts_are_counted_by_whose_liking_they_meet():
    for mode in ("egocentric", "prosocial"):
        simulation = played(mode)
        theirs, mine = (simulation.worlds["memory"][:, index] for index in GAME.tallies.values())
        same = simulation.worlds["like"][:, 0] == simulation.worlds["like"][:, 1]
        assert 0 < same.sum() < 200
        for count, always in ((theirs, mode == "prosocial"), (mine, mode == "egocentric")):
            assert (count == (np.ones(200) if always else same)).all()
    assert list(GAME.tallies) == ["gave_what_guest_likes", "gave_what_host_likes"]
