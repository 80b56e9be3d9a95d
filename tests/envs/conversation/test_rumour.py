"""Rumour: who knows, worked out again from the messages, and who is told."""

import numpy as np
import pytest

import mindsight
from mindsight.envs.conversation import language
from mindsight.envs.conversation.engine import pair_column
from mindsight.envs.conversation.game import History, Message
from mindsight.envs.conversation.language import (
    CLAIM,
    ENTER,
    EXIT,
    INDIVIDUAL,
    MOVE,
    PLACE,
    PLACE_THING,
    ROOM,
    TELL,
    THING,
    VOCABULARY,
)  # fmt: skip
from mindsight.envs.conversation.questions import program_of
from mindsight.envs.games import GAMES
from mindsight.envs.minds import chain_table
from mindsight.envs.simulation import MODES

GAME = GAMES["rumour"]
OPTIONS = ({}, {"people": 4, "lies": True, "events": 16, "population": "held_out"}, {"people": 3, "facts": 1})


def dealt(options, n=60, order=2):
    simulation = GAME.simulation(n, options, order=order)
    simulation.reset(11)
    return simulation


def told_and_seen(simulation, world, t):
    """What everybody holds of a thing, and of what everybody else holds, from the messages alone: a
    second, slow and obvious reading."""
    n = simulation.count
    inside, held = set(), {}
    pairs = {}
    for message in simulation.history(world, None).messages:
        act, x, y, z = message.said
        sender = message.sender
        if act == ENTER:
            inside.add(sender)
        elif act == EXIT:
            inside.discard(sender)
        elif act in (PLACE_THING, MOVE) and x == THING + t:
            for a in inside:
                held[a] = y - PLACE
                for b in inside - {a}:
                    pairs[a, b] = y - PLACE
        elif act in (CLAIM, TELL) and THING + t in (x, y):
            heard = inside if act == CLAIM else {sender, x - INDIVIDUAL}
            place = (y if act == CLAIM else z) - PLACE
            for a in heard - {sender, 0}:
                held[a] = place
            for a in heard - {0}:
                for b in heard - {a, 0}:
                    # listeners take it, and are taken to; the speaker is taken to mean it by listeners
                    if b != sender or a != sender:
                        pairs[a, b] = place
    return held, pairs, n


@pytest.mark.parametrize("options", OPTIONS)
def test_answers_are_what_the_messages_say(options):
    simulation = dealt(options)
    counted = 0
    for world in range(simulation.num_envs):
        names = [simulation.name(world, a) for a in range(simulation.count)]
        things = [simulation.word(world, THING + t) for t in range(int(simulation.worlds["things"][world]))]
        places = [simulation.word(world, PLACE + p) for p in range(int(simulation.worlds["places"][world]))]
        for probe in simulation.probes(world):
            t = things.index(probe.about)
            held, pairs, n = told_and_seen(simulation, world, t)
            truth = held[0]
            people = range(1, n)
            if probe.condition == "reality":
                assert probe.answer == places[truth]
            elif probe.condition == "belief":
                assert probe.answer == places[held[names.index(probe.chain[0])]]
            elif probe.condition == "info_access":
                a, b = (names.index(name) for name in probe.chain)
                expected = (a, b) in pairs and pairs[a, b] == held.get(a)
                assert probe.answer == ("yes" if expected else "no"), probe.question
            elif probe.condition == "answerability" and probe.chain:
                assert (probe.answer == "yes") == (held.get(names.index(probe.chain[0])) == truth)
            elif probe.condition == "answerability":
                listed = {name for name in names if name in probe.answer.replace(",", " ").split()}
                assert listed == {names[a] for a in people if held.get(a) == truth}
            counted += probe.condition == "info_access"
    assert counted > 100


@pytest.mark.parametrize("options", OPTIONS)
def test_beliefs_are_the_trackers(options):
    simulation = dealt(options, 12)
    for world in range(simulation.num_envs):
        beliefs = mindsight.track(program_of(simulation, world), order=2)
        names = [simulation.name(world, a) for a in range(simulation.count)]
        for t in range(int(simulation.worlds["things"][world])):
            for a in range(1, simulation.count):
                for b in range(1, simulation.count):
                    chain = (a,) if a == b else (a, b)
                    place = int(simulation.worlds["belief"][world, t, simulation.chains.index(chain)])
                    expected = beliefs[[names[k] for k in chain]][simulation.word(world, THING + t)]
                    assert expected == (None if place < 0 else simulation.word(world, PLACE + place))


def test_half_of_them_know_and_no_one_rule_says_who():
    for options in OPTIONS:
        simulation = dealt(options, 200)
        asked = 0
        for world in range(200):
            probes = simulation.probes(world)
            for group in {probe.group for probe in probes}:
                each = [p for p in probes if p.group == group and p.condition == "answerability" and p.chain]
                yes = sum(probe.answer == "yes" for probe in each)
                assert abs(2 * yes - len(each)) <= 1
                for rule in ("reality", "first_place", "last_mentioned", "most_frequent"):
                    assert any(probe.shortcuts[rule] != probe.answer for probe in each), rule
                second = [p for p in probes if p.group == group and p.condition == "info_access"]
                for rule in ("dropped_first", "as_set"):
                    assert any(probe.shortcuts[rule] != probe.answer for probe in second), rule
                asked += 1
        assert asked >= 190


def test_columns_of_chains():
    for people in (3, 4, 5):
        simulation = dealt({"people": people}, 1)
        table = chain_table(1 + people, 2)
        for a in range(1 + people):
            for b in range(1 + people):
                if a != b:
                    assert pair_column(simulation.worlds[:1][0], a, b) == table.index((a, b))


def tell(simulation, b, t, place):
    """The host tells; b does not answer."""
    actions = np.zeros((1, simulation.count), np.int64)
    said = (TELL, INDIVIDUAL + b, THING + t, PLACE + place)
    actions[0, 0] = [tuple(int(s) for s in row) for row in simulation.menu].index(said)
    assert simulation.masks[0, 0, actions[0, 0]]
    simulation.step(actions)
    rewards = simulation.rewards[0].copy()
    simulation.step(np.zeros_like(actions))
    return rewards


@pytest.mark.parametrize("pay", ["shared", "own"])
def test_news_pays_and_what_is_known_costs(pay):
    simulation = GAME.simulation(1, {"pay": pay})
    simulation.reset(4)
    w = simulation.worlds[0]
    true = int(w["place"][0])
    know = [a for a in range(1, simulation.count) if w["belief"][0, 1 + a] == true]
    ignorant = [a for a in range(1, simulation.count) if a not in know]
    missing = sum(int((w["belief"][t, 2 : 1 + simulation.count] != w["place"][t]).sum()) for t in range(2))
    shared = pay == "shared"
    rewards = tell(simulation, ignorant[0], 0, true)
    assert rewards[0] == pytest.approx(-0.1 + shared)
    assert rewards[ignorant[0]] == 1
    assert w["perf"] == pytest.approx(1 / missing)
    rewards = tell(simulation, know[0], 0, true)
    assert rewards[0] == pytest.approx(-0.1 - 0.5 * shared)
    assert rewards[know[0]] == -0.5
    assert w["perf"] == pytest.approx(1 / (missing + 1))
    rewards = tell(simulation, know[1], 0, (true + 1) % 3)
    assert rewards[0] == pytest.approx(-0.1 - 1.0 * shared)
    assert rewards[know[1]] == 1  # news to them; the true return knows better
    assert w["welfare"][know[1]] == -1
    assert w["belief"][0, 1 + know[1]] == (true + 1) % 3
    assert w["perf"] == pytest.approx(1 / (missing + 2))
    again = (TELL, INDIVIDUAL + know[0], THING)
    twice = [u for u, row in enumerate(simulation.menu) if tuple(row[:3]) == again]
    assert not simulation.masks[0, 0, twice].any()


def test_a_story_by_hand():
    """Mia leaves, the thing is moved, Tom whispers it to her: judged by what she perceived."""
    host, tom, mia = range(3)
    words = [0] * language.SLOTS
    story = [
        (host, (ENTER, ROOM)), (tom, (ENTER, ROOM)), (mia, (ENTER, ROOM)), (8, (PLACE_THING, THING, PLACE)),
        (mia, (EXIT, ROOM)), (tom, (MOVE, THING, PLACE + 1)), (mia, (ENTER, ROOM)),
    ]  # fmt: skip

    def gain(told, extra=(), **options):
        history = History(host, 3, tuple(words), tuple(Message(s, said) for s, said in (*story, *extra)))
        return GAME.reward(history, Message(host, (TELL, INDIVIDUAL + told, THING, PLACE + 1)), host, options)

    assert gain(mia) == pytest.approx(0.9)
    assert gain(tom) == pytest.approx(-0.6)
    assert gain(mia, pay="own") == pytest.approx(-0.1)
    whispered = ((tom, (TELL, INDIVIDUAL + mia, THING, PLACE + 1)),)
    assert gain(mia, whispered) == pytest.approx(-0.6)
    lied = ((tom, (CLAIM, THING, PLACE + 2)),)
    assert gain(mia, lied) == pytest.approx(0.9)


@pytest.mark.parametrize("rule", ["everybody", "nobody", "last back"])
def test_easy_ways_to_tell_fail(rule):
    """Telling all, none, or those who came back last."""
    n = 200
    simulation = GAME.simulation(n)
    simulation.reset(21)
    menu = [tuple(int(s) for s in row) for row in simulation.menu]
    late = [
        {m.sender for m in simulation.history(k, None).messages[-3:] if m.said[0] == ENTER} for k in range(n)
    ]
    while not simulation.ends.any(1).all():
        actions = np.zeros((n, simulation.count), np.int64)
        for k in range(n):
            if simulation.worlds["speaker"][k] or simulation.ends[k].any():
                continue
            for u in np.flatnonzero(simulation.masks[k, 0]):
                act, x, y, z = menu[u]
                if act != TELL or z - PLACE != simulation.worlds["place"][k, y - THING]:
                    continue
                if rule == "everybody" or (rule == "last back" and x - INDIVIDUAL in late[k]):
                    actions[k, 0] = u
        simulation.step(actions)
    assert simulation.worlds["perf"].mean() < 0.6


@pytest.mark.parametrize("pay", ["shared", "own"])
def test_what_is_paid_where_somebody_lies_is_the_reward_function(pay):
    """What the host heard of lies changes nothing for it: it has seen for itself."""
    options = {"lies": True, "population": "held_out", "people": 4, "pay": pay}
    for seed in range(6):
        simulation = GAME.simulation(1, options)
        simulation.reset(seed)
        modes = np.full(simulation.count, MODES.index("random"))
        actions = np.zeros((1, simulation.count), np.int64)
        while not simulation.ends.any():
            histories = [simulation.history(0, who) for who in range(simulation.count)]
            simulation.script(modes, actions)
            speaker = int(simulation.worlds["speaker"][0])
            said = tuple(int(s) for s in simulation.menu[actions[0, speaker]])
            simulation.step(actions)
            if said[0] == TELL:
                for who in (0, said[1] - INDIVIDUAL):
                    found = GAME.reward(histories[who], Message(0, said), who, options)
                    assert found == pytest.approx(float(simulation.rewards[0, who]), abs=1e-6)


def test_options_are_checked():
    with pytest.raises(ValueError, match="option 'people' is 2, expected 3 to 5"):
        GAME.simulation(1, {"people": 2})
    assert VOCABULARY[TELL] == "tell"
