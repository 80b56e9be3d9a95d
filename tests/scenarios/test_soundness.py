"""Batteries are sound: chance is chance, shortcuts fail, exact minds pass."""

import dataclasses
import json
from collections import defaultdict
from functools import cache

import pytest

from mindsight.agents.registry import AGENTS
from mindsight.scenarios import audit, evaluate, list_batteries, load_battery, load_scenario
from mindsight.scenarios.reports import wilson
from mindsight.scenarios.shortcuts import audit_rows

EPISODES = 40
MANY = {"stages": 20}  # it has more than a hundred scenarios


def episodes(battery):
    return MANY.get(battery, EPISODES)


ASKING = [
    name
    for name in list_batteries()
    if any(scenario.probes and scenario.environment != "reach" for scenario in load_battery(name).scenarios)
]


MINDLESS = [
    (agent, battery)
    for battery in ASKING
    for agent in ("reality_biased", "last_seen", "egocentric", "reflex", "random")
    if all(agent in scenario.game.modes for scenario in load_battery(battery).scenarios)
]


@cache
def played(agent, battery):
    return evaluate(agent, battery, episodes(battery), progress=False, references=())


# Where kindness is measured, each evaluation plays its two standards as well: there, all who are asked about
# play in one.
OF_KINDNESS = ("selfish", "prosocial", "scripted", "random", *{a for a, b in MINDLESS if b == "kindness"})


@cache
def kind():
    others = [*dict.fromkeys(OF_KINDNESS)]
    return evaluate("exact", "kindness", EPISODES, progress=False, references=others)


def card(agent, battery):
    """The card of an agent that played a battery."""
    if battery != "kindness":
        return played(agent, battery).card
    cards = {each.agent: each for each in (kind().card, *kind().card.references)}
    return cards[agent]


@cache
def audited(battery):
    """The shortcuts on what ``exact`` was asked."""
    exact = kind() if battery == "kindness" else played("exact", battery)
    return audit_rows(load_battery(battery), exact.probes)


def covers(score, chance, z=1.96):
    """The interval covers chance, or the score lies within five points of it."""
    low, high = wilson(score.right, score.count, z)
    return low <= chance <= high or abs(score.share - chance) <= 0.05


def test_the_exams_of_this_floor_are_there():
    assert {"false_belief", "perspective"} <= set(ASKING)


@pytest.mark.parametrize("battery", ASKING)
def test_random_is_at_chance(battery):
    found = card("random", battery)
    assert covers(found.score, found.score.chance), found.score
    for line in found.lines:
        # two dozen lines: 95 % of each would let one fail in most runs; so 99.9 %
        assert covers(line, line.chance, z=3.29), line
    assert covers(found.sets, found.sets.chance), found.sets
    assert not found.passed


@pytest.mark.parametrize("battery", ASKING)
def test_exact_minds_are_always_right(battery):
    found = card("exact", battery)
    assert found.score.right == found.score.count > 0
    assert found.sets.right == found.sets.count > 0
    assert found.passed
    assert found.privileged


@pytest.mark.parametrize("battery", ASKING)
def test_a_question_names_whom_it_is_about_where_it_could_be_another(battery):
    """A role says who is meant where one individual has it: "the seeker", "Sally"."""
    exact = kind() if battery == "kindness" else played("exact", battery)
    individuals = {each.name: each.game.individuals for each in load_battery(battery).scenarios}
    for row in exact.probes:
        for name in {*row["chain"]} - {row["asked"]}:
            role = name.rpartition("_")[0]
            alone = sum(each.startswith(f"{role}_") for each in individuals[row["scenario"]]) == 1
            assert alone or name in row["question"] or "you" in row["question"], row


@pytest.mark.parametrize("battery", ASKING)
def test_no_shortcut_passes(battery, capsys):
    found = audited(battery)
    with capsys.disabled():
        print(f"\n{battery}: sets that shortcuts pass (chance)\n{found.markdown()}")
    assert found.rows
    for row in found.rows:
        assert row.sets >= episodes(battery) * 0.7, row
        assert "best_constant" in row.scores
    assert found.sound, [row for row in found.rows if row.too_far]


def test_every_shortcut_is_audited():
    names = {name for battery in ASKING for row in audited(battery).rows for name in row.scores}
    expected = {"reality", "first_place", "last_mentioned", "dropped_first", "as_set", "most_frequent"}
    assert expected <= names


def test_an_audit_finds_what_is_unsound():
    """Stories without their twins: one answer is right in half of them, and the audit says so."""
    alone = load_scenario("sally_anne_chat_held_out")
    alone = dataclasses.replace(alone, options={**alone.options, "condition": "third_order"})
    found = audit(alone, 100)
    assert not found.sound
    (row,) = found.rows
    assert row.scores["best_constant"] > row.chances["best_constant"] + 0.05
    assert "best_constant" in row.too_far


def test_an_audit_finds_out_what_the_clock_tells():
    """The second order without the questions of true belief: each order has an answer of its own."""
    battery = load_battery("false_belief_lived")
    found = audit(battery, 40)
    assert all(row.scores["best_clock"] <= 0.1 for row in found.rows)
    without = [each.with_options(orders=1) for each in battery.scenarios]
    found = audit(dataclasses.replace(battery, scenarios=tuple(without)), 40)
    (row,) = [row for row in found.rows if row.group == "second_order"]
    assert row.scores["best_clock"] == 1 and row.too_far == ("best_clock",) and not found.sound


@pytest.mark.parametrize("battery", ["false_belief", "wellman_liu"])
def test_stories_of_one_order_are_asked_at_one_step(battery):
    """No story is told from another by the clock, in the grid: twins are asked together."""
    times = defaultdict(set)
    for row in played("exact", battery).probes:
        if row["environment"] in ("sally_anne", "contents") and row["group"] not in (
            "real_apparent",
            "action",
        ):
            orders = {"second_order": 2, "one_way": 2, "third_order": 3, "fourth_order": 3}
            order = orders.get(row["condition"].removesuffix("_seen"), 1)
            times[row["family"], row["seed"], order].add(row["step"])
    assert len(times) > 100
    assert all(len(steps) == 1 for steps in times.values())


def test_an_audit_asks_what_an_evaluation_asks():
    assert audit("perspective", EPISODES) == audited("perspective")


def test_the_order_of_a_chain_matters_in_every_order_above_the_first():
    groups = {row.group for row in audited("false_belief").rows if "as_set" in row.scores}
    assert groups == {"second_order", "third_order", "fourth_order"}


@pytest.mark.parametrize(("agent", "battery"), MINDLESS)
def test_who_minds_no_minds_does_not_pass(agent, battery):
    assert agent in AGENTS
    assert not card(agent, battery).passed


def test_kindness_lies_between_selfish_and_prosocial():
    """What the others truly gained: none of it by the selfish, all of it by the oracle."""
    for agent, low, high in (
        ("selfish", 0, 0),
        ("prosocial", 1, 1),
        ("scripted", 0.9, 1),
        ("random", -0.5, 0.6),
    ):
        lines = card(agent, "kindness").kindness
        assert len(lines) == len(load_battery("kindness").scenarios)
        for line in lines:
            assert low <= line.share <= high, (agent, line)
            assert line.prosocial > line.selfish


def minds(agent, condition, role):
    """Whether questions about Sally's mind were answered rightly, in one condition."""
    return [
        row["correct"]
        for row in played(agent, "false_belief").probes
        if row["condition"] == condition
        and row["role"] == role
        and row["kind"] in ("belief", "next_action", "knowledge")
        and row["chain"] == ["sally_0"]
    ]


def test_reality_bias_fails_false_belief_and_passes_true_belief():
    assert not any(minds("reality_biased", "false_belief", "test"))
    assert len(minds("reality_biased", "false_belief", "test")) >= EPISODES
    for condition in ("true_belief", "no_transfer"):
        assert all(minds("reality_biased", condition, "control"))
        assert len(minds("reality_biased", condition, "control")) >= EPISODES
    # and it is not for want of seeing or remembering
    rows = played("reality_biased", "false_belief").probes
    assert all(row["correct"] for row in rows if row["kind"] in ("reality", "memory"))


def test_reality_bias_shows_in_action():
    """It waits at the wrong mat where Sally's belief is false, at the right one where it is not."""
    perf = {line.scenario: line.perf for line in card("reality_biased", "false_belief").actions}
    assert perf["sally_anne_false_belief"] == 0
    assert perf["sally_anne_true_belief"] == 1
    perf = {line.scenario: line.perf for line in card("scripted", "false_belief").actions}
    assert perf["sally_anne_false_belief"] == perf["sally_anne_true_belief"] == 1


def test_orders_are_needed():
    """Every order of the false-belief battery has items that no lower order gets right."""
    rows = played("exact", "false_belief").probes
    orders = {row["required_order"] for row in rows if row["role"] == "test"}
    assert {1, 2, 3, 4} <= orders


def test_twins_of_one_seed_are_sets():
    """A set holds items of several scenarios with one seed, tests and controls among them."""
    rows = played("exact", "false_belief").probes
    first = [
        row
        for row in rows
        if row["seed"] == rows[0]["seed"]
        and row["group"] == "first_order"
        and row["environment"] == "sally_anne"
    ]
    assert len({row["scenario"] for row in first}) >= 4
    assert {row["role"] for row in first} == {"test", "control"}
    # the same room: what was put where at first is the same in all twins
    places = {json.loads(row["shortcuts"])["first_place"] for row in first if row["kind"] == "memory"}
    assert len(places) == 1
