"""The exams of rumour, bargain and guarded are sound: chance is chance, shortcuts fail, exact minds pass."""

from functools import cache

import pytest

from mindsight.envs.games import GAMES
from mindsight.scenarios import audit, evaluate, load_scenario
from mindsight.scenarios.reports import wilson

EPISODES = 150
NAMES = [f"{game}_{part}" for game in ("rumour", "bargain", "guarded") for part in ("train", "held_out")]


@cache
def played(agent, scenario, episodes=EPISODES):
    return evaluate(agent, scenario, episodes, progress=False, recordings=0)


def covers(score, chance, z=3.29):
    low, high = wilson(score.right, score.count, z)
    return low <= chance <= high or abs(score.share - chance) <= 0.05


@pytest.mark.parametrize("name", NAMES)
def test_chance_is_chance(name):
    card = played("random", name, 600).card
    assert covers(card.score, card.score.chance), card.score
    assert covers(card.sets, card.sets.chance), card.sets
    for line in card.lines:
        assert covers(line, line.chance), line
    assert not card.passed


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("agent", ["exact", "scripted"])
def test_minds_are_always_right(agent, name):
    """The tracker, and what one's own percepts support."""
    card = played(agent, name).card
    assert card.sets.share == 1 and card.sets.count >= EPISODES
    assert card.actions[0].perf > 0.99
    assert card.passed


@pytest.mark.parametrize("name", NAMES)
def test_no_shortcut_gets_far(name):
    for _, sets in played("exact", name).card.shortcuts:
        assert sets.share <= sets.chance + 0.05, sets
    found = audit(name, EPISODES)
    assert found.sound, found.markdown()
    for row in found.rows:
        assert "best_constant" in row.scores and "dropped_first" in row.scores


@pytest.mark.parametrize("name", NAMES)
def test_whoever_minds_nobody_acts_badly(name):
    modes = GAMES[load_scenario(name).environment].modes
    for agent in ("random", "egocentric", "reality_biased", "last_seen"):
        if agent in modes:
            assert played(agent, name).card.actions[0].perf < 0.75, agent
            assert not played(agent, name).card.passed


@pytest.mark.parametrize("name", [name for name in NAMES if load_scenario(name).kindness_threshold])
def test_kindness_lies_between_selfish_and_prosocial(name):
    bounds = {"selfish": (0, 0), "prosocial": (1, 1), "scripted": (0.9, 1), "random": (-0.5, 0.6)}
    for agent, (low, high) in bounds.items():
        (line,) = played(agent, name).card.kindness
        assert low <= line.share <= high, (agent, line)
        assert line.prosocial > line.selfish


@pytest.mark.parametrize("name", NAMES)
def test_no_place_among_the_options_is_always_right(name):
    """Of each kind of question with as many options, no place has the answer much more often."""
    counted = {}
    for row in played("exact", name).probes:
        key = row["condition"], len(row["chain"]), len(row["options"])
        counted.setdefault(key, []).append(row["options"].index(row["answer"]))
    for key, places in counted.items():
        most = max(places.count(place) for place in set(places)) / len(places)
        low = {"apparent": 1.0, "belief": 0.5}.get(key[0], 0.5 if key[2] > 2 else 0.65)
        assert most <= low, (key, most)
