"""The exact predictor in solace: it is never surprised by what cannot be, and nobody does better."""

import numpy as np
import pytest

from mindsight.benchmarks.experiments.solace_floor import floor
from mindsight.envs.conversation.language import ENTER, GREET
from mindsight.scenarios.loader import load_scenario


def played(scenario, mode, episodes=200, seed=5):
    loaded = load_scenario(scenario)
    simulation = loaded.simulation(episodes)
    simulation.reset(seed)
    actions = np.zeros((episodes, simulation.count), np.int64)
    over = np.zeros(episodes, np.bool_)
    while not over.all():
        simulation.script(loaded.modes(mode), actions)
        simulation.step(actions)
        over |= simulation.ends.any(1)
    return simulation


@pytest.mark.parametrize("scenario", ["solace_train", "solace_held_out"])
@pytest.mark.parametrize("mode", ["scripted", "random", "egocentric", "selfish"])
def test_all_that_characters_say_and_show_has_a_probability(scenario, mode):
    nats, messages = floor(played(scenario, mode))
    assert messages > 0 and 0 < nats / messages < np.log(8)


def test_what_is_known_is_certain():
    simulation = played("solace_train", "selfish")
    # nothing is asked or given: what is left to know is who says of themselves what they need
    one, _ = floor(simulation)
    first = 200 * 2 * (0.25 * np.log(4 / 0.25) + 0.75 * np.log(1 / 0.75))  # and which of 4 kinds
    assert one == pytest.approx(first, rel=0.2)


def test_what_no_character_says_is_refused():
    simulation = played("solace_train", "random", 2)
    worlds = simulation.worlds
    others = (worlds["sender"] > 0) & (worlds["sender"] < 3) & (worlds["said"][..., 0] != ENTER)
    worlds["said"][..., 0][others] = GREET
    with pytest.raises(ValueError, match="expected one that a character says"):
        floor(simulation)
