"""The exact predictor in solace: it is never surprised by what cannot be, and nobody does better."""

import numpy as np
import pytest

from mindsight.benchmarks.experiments.solace_floor import _Other, floor
from mindsight.envs.conversation.language import ENTER, GREET
from mindsight.envs.conversation.solace import SolaceOptions
from mindsight.scenarios.loader import load_scenario


def played(scenario, mode, episodes=200, seed=5, **options):
    loaded = load_scenario(scenario).with_options(**options)
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


@pytest.mark.parametrize("population", SolaceOptions.CHOICES["population"])
def test_who_is_of_which_temper_is_known_of_every_population(population):
    simulation = played("solace_three", "random", 400, population=population)
    tempers, counts = np.unique(simulation.worlds["temper"][:, 1:4], return_counts=True)
    met = dict(zip(tempers.tolist(), counts / counts.sum(), strict=True))
    for need in range(6):
        told = {temper: 6 * p for (kind, temper), p in _Other(1, 6, population).odds.items() if kind == need}
        assert {temper for temper, p in told.items() if p} == set(met)
        assert all(met[temper] == pytest.approx(told[temper], abs=0.04) for temper in met)


def test_where_all_are_known_to_be_shy_silence_is_no_surprise():
    simulation = played("solace_two", "selfish", population="closed")
    assert floor(simulation)[0] == 0


def test_what_no_character_says_is_refused():
    simulation = played("solace_train", "random", 2)
    worlds = simulation.worlds
    others = (worlds["sender"] > 0) & (worlds["sender"] < 3) & (worlds["said"][..., 0] != ENTER)
    worlds["said"][..., 0][others] = GREET
    with pytest.raises(ValueError, match="expected one that a character says"):
        floor(simulation)
