"""What all simulations have in common, of both families."""

import numpy as np
import pytest

from mindsight.envs.games import GAMES
from mindsight.envs.simulation import MODES

SCRIPTED = MODES.index("scripted")


@pytest.mark.parametrize("name", ["forage", "solace"])
@pytest.mark.parametrize(
    ("modes", "said"),
    [
        (np.full(1, SCRIPTED), r"int64 of shape \(1,\), expected int64 of shape \((\d)"),
        (np.full(2, SCRIPTED, np.int32), "modes are int32"),
        (np.full((1, 2), SCRIPTED), r"shape \(1, 2\)"),
    ],
)
def test_modes_that_do_not_fit_are_refused(name, modes, said):
    """Kernels trust lengths: modes for fewer individuals than there are once made worlds hang on chance."""
    simulation = GAMES[name].simulation(3)
    simulation.reset(0)
    actions = np.full((3, simulation.count), -7)
    with pytest.raises(ValueError, match=said):
        simulation.script(modes, actions)
    assert (actions == -7).all()


@pytest.mark.parametrize("name", ["forage", "solace"])
@pytest.mark.parametrize("actions", [np.zeros((2, 9), np.int64), np.zeros((3, 9), np.int32)])
def test_actions_that_do_not_fit_are_refused(name, actions):
    simulation = GAMES[name].simulation(3)
    simulation.reset(0)
    with pytest.raises(ValueError, match="worlds x individuals"):
        simulation.script(np.full(simulation.count, SCRIPTED), actions)


def test_a_conversations_others_are_played_by_modes_that_fit():
    simulation = GAMES["solace"].simulation(3)
    simulation.reset(0)
    for learner in (0, 1):  # also where the learner itself has no mode
        with pytest.raises(ValueError, match="one for each of listener_0, other_0"):
            simulation.play_others(learner, np.full(1, SCRIPTED), np.zeros(3, np.int64))
