"""The reward functions: what is paid follows from what one perceived oneself, and from nothing hidden."""

import numpy as np
import pytest

from mindsight.envs.grid import GAMES, engine
from mindsight.envs.grid.game import Percept
from mindsight.envs.simulation import MODES

JUDGED = [name for name, game in GAMES.items() if game.judge is not None]


def variants():
    """Every game that has a reward function, with its defaults and each other choice, one at a time."""
    for name in JUDGED:
        yield pytest.param(name, {}, id=name)
        default = GAMES[name].options()
        for option, choices in GAMES[name].options.CHOICES.items():
            for choice in choices:
                if choice != getattr(default, option):
                    yield pytest.param(name, {option: choice}, id=f"{name}-{option}-{choice}")


def percepts(simulation):
    """What everybody perceives now in the one world."""
    return [
        Percept(simulation.window[0, a].copy(), simulation.fields[0, a].copy())
        for a in range(simulation.count)
    ]


@pytest.mark.parametrize(("name", "options"), list(variants()))
def test_what_is_paid_is_judged_by_own_percepts(name, options):
    """Half of the episodes at random, half scripted: R(percepts of who, its action, who) is its reward."""
    game, paid = GAMES[name], 0
    for k in range(6):
        simulation = game.simulation(1, options)
        simulation.reset(77 + k)
        modes = np.full(simulation.count, MODES.index("random" if k % 2 else "scripted"))
        actions = np.zeros((1, simulation.count), np.int64)
        history = [[percept] for percept in percepts(simulation)]
        while not simulation.ends.any():
            within = [int(body) == engine.PERSON for body in simulation.worlds["body"][0]]
            simulation.script(modes, actions)
            simulation.step(actions)
            for a, percept in enumerate(percepts(simulation)):
                history[a].append(percept)
                if within[a]:
                    judged = game.reward(history[a], int(actions[0, a]), a, options)
                    step = int(simulation.worlds["step"][0])
                    assert judged == pytest.approx(simulation.rewards[0, a], abs=1e-5), (k, step, a)
            paid += np.count_nonzero(simulation.rewards)
    assert paid


@pytest.mark.parametrize("name", JUDGED)
def test_many_histories_are_judged_as_one_by_one(name):
    game = GAMES[name]
    simulation = game.simulation(1)
    simulation.reset(3)
    modes = np.full(simulation.count, MODES.index("scripted"))
    actions = np.zeros((1, simulation.count), np.int64)
    history, rows = [percepts(simulation)], []
    while not simulation.ends.any() and len(history) < 30:
        simulation.script(modes, actions)
        simulation.step(actions)
        history.append(percepts(simulation))
        rows.append(actions[0].copy())
    size = len(history)
    for a in range(simulation.count):
        windows, fields = (
            np.stack([np.stack([getattr(row[a], what) for row in history])] * (size - 1))
            for what in ("window", "fields")
        )
        lengths = np.arange(2, size + 1)
        done = np.array([row[a] for row in rows])
        many = game.rewards(windows, fields, lengths, done, np.full(size - 1, a))
        for n, reward in zip(lengths, many, strict=True):
            assert reward == game.reward([row[a] for row in history[:n]], int(done[n - 2]), a)


def test_a_game_without_a_reward_function_says_so():
    simulation = GAMES["reach"].simulation(1)
    simulation.reset(0)
    with pytest.raises(ValueError, match="history has 1 percepts, expected 2"):
        GAMES["reach"].reward(percepts(simulation)[:1], 0, 0)
    if GAMES["reach"].judge is None:
        with pytest.raises(ValueError, match="reach has no reward function"):
            GAMES["reach"].reward(percepts(simulation)[:1] * 2, 0, 0)
