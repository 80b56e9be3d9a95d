"""Unexpected contents: what is played, what is believed, what is paid and what is asked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindsight.envs.grid import GAMES, contents, engine, layout, vision
from mindsight.envs.grid.contents import FRIEND, HOST, OBSERVER, ContentsReader
from mindsight.envs.grid.game import Percept
from mindsight.envs.questions import UNKNOWN
from mindsight.envs.simulation import MODES

GAME = GAMES["contents"]
SEEN, UNSEEN = ("layout", "population"), ("train", "held_out")


def simulate(n, seed, order=2, **options):
    simulation = GAME.simulation(n, options, order=order)
    simulation.reset(seed)
    return simulation


def play(simulation, observer="scripted"):
    """Friend and host scripted; yields after each step until all is over."""
    modes = np.array([MODES.index(mode) for mode in ("scripted", "scripted", observer)])
    actions = np.zeros((simulation.num_envs, 3), np.int64)
    while not simulation.ends.any(1).all():
        simulation.script(modes, actions)
        simulation.step(actions)
        yield


def asked(simulation, observer="scripted"):
    """The worlds that are asked, when they are asked for the first time."""
    for _ in play(simulation, observer):
        for k in np.flatnonzero(simulation.worlds["ask"]):
            if simulation.worlds["memory"][k][contents.ASKED] == simulation.worlds["step"][k]:
                yield int(k)


# What each chain takes to be in a container, by hand from who saw what: as it is, what the look promised,
# the other way round than it promised, or nothing.
IS, LOOK, OTHER = "is", "look", "other"
EXPECTED = {
    "false_contents": {"f": LOOK, "h": IS, "o": IS, "hf": LOOK, "of": LOOK, "oh": IS, "ohf": LOOK},
    "true_contents": {"f": LOOK, "h": IS, "o": IS, "hf": LOOK, "of": LOOK, "oh": IS, "ohf": LOOK},
    "other_looked": {"f": IS, "h": IS, "o": IS, "hf": IS, "of": IS, "oh": IS, "ohf": IS},
    "ignorance": {"f": None, "h": IS, "o": IS, "hf": None, "of": None, "oh": IS, "ohf": None},
    "secret_look": {"f": IS, "h": IS, "o": IS, "hf": LOOK, "of": IS, "oh": IS, "ohf": LOOK},
    "diverse_beliefs": {"f": LOOK, "h": OTHER, "o": OTHER, "hf": LOOK, "of": LOOK, "oh": OTHER, "ohf": LOOK},
    "shared_beliefs": {"f": LOOK, "h": LOOK, "o": LOOK, "hf": LOOK, "of": LOOK, "oh": LOOK, "ohf": LOOK},
}
NAMES = {"f": "friend_0", "h": "host_0", "o": "observer_0"}


@pytest.mark.parametrize("held_out", UNSEEN)
@pytest.mark.parametrize("condition", EXPECTED)
def test_what_everybody_takes_to_be_inside(condition, held_out):
    simulation = simulate(24, 5, 3, condition=condition, layout=held_out, population=held_out)
    found = []
    for k in asked(simulation):
        found.append(k)
        reader = ContentsReader(simulation, k)
        assert set(reader.number) == {"box", "basket"}
        looks = {about: reader.first_place(about) for about in reader.number}
        for about, look in looks.items():
            (other,) = (kind for name, kind in looks.items() if name != about)
            inside = reader.belief(about)
            if condition not in ("diverse_beliefs", "shared_beliefs"):
                assert inside == (look if condition == "true_contents" else other)
            answers = {IS: inside, LOOK: look, OTHER: other, None: UNKNOWN}
            for chain, held in EXPECTED[condition].items():
                members = [NAMES[letter] for letter in chain]
                assert reader.belief(about, *members) == answers[held], (k, about, chain)
    assert sorted(found) == list(range(24)), "everybody is asked, once"
    assert simulation.ends[:, 0].all(), "the friend looks into one of them in the end"
    np.testing.assert_allclose(simulation.worlds["perf"], 0 if condition == "ignorance" else 1)


class Witness:
    """What somebody expects in a box or a basket by its own percepts alone: the slow and obvious way.

    It draws a map of what it saw lying in open containers, by its own pose, and takes a closed one to hold
    what it saw in it, else what it saw in another of its look.
    """

    def __init__(self):
        self.inside, self.looks = {}, {}

    def see(self, window, fields):
        size = window.shape[0]
        x, y, heading = (int(fields[engine.FIELDS.index(name)]) for name in ("x", "y", "heading"))
        for row in range(size):
            for column in range(size):
                terrain = engine.TERRAIN[window[row, column, 0]] if window[row, column, 0] else ""
                look, _, state = terrain.rpartition("_")
                if look not in ("box", "basket"):
                    continue
                right, forward = column - size // 2, size - 1 - row
                cell = (
                    x + right * int(vision.RIGHT_X[heading]) + forward * int(vision.FORWARD_X[heading]),
                    y + right * int(vision.RIGHT_Y[heading]) + forward * int(vision.FORWARD_Y[heading]),
                )
                self.looks[cell] = look
                if state == "open":
                    self.inside[cell] = engine.THINGS[window[row, column, 1]]

    def expects(self, cell, look):
        if cell in self.inside:
            return self.inside[cell]
        same = {kind for other, kind in self.inside.items() if self.looks[other] == look}
        assert len(same) <= 1
        return same.pop() if same else UNKNOWN


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    condition=st.sampled_from(contents.CONDITIONS[:-1]),
    unseen=st.tuples(st.sampled_from(UNSEEN), st.sampled_from(UNSEEN)),
)
def test_everybody_expects_what_their_own_percepts_support(seed, condition, unseen):
    simulation = simulate(1, seed, condition=condition, **dict(zip(SEEN, unseen, strict=True)))
    witnesses = [Witness() for _ in range(3)]

    def look():
        for a, witness in enumerate(witnesses):
            witness.see(simulation.window[0, a], simulation.fields[0, a])

    look()
    w, reader = simulation.worlds[0], ContentsReader(simulation)
    for _ in play(simulation):
        look()
        again = int(w["memory"][contents.READY + 1])
        if condition == "diverse_beliefs" and 0 <= int(w["step"]) - again < contents.SHOWN_AFTER:
            continue  # half shown: what has been seen in the box is known to be in the basket no more
        for about, k in reader.number.items():
            place = int(contents.spot_place(w, contents.INSIDE + k))
            for a, witness in enumerate(witnesses):
                mine = witness.expects((place & 15, place >> 4), about)
                assert reader.belief(about, GAME.individuals[a]) == mine, (about, a, int(w["step"]))


def test_own_past_is_what_was_expected_before_the_first_look():
    simulation = simulate(16, 3, condition="false_contents")
    before = [{} for _ in range(16)]
    readers = [ContentsReader(simulation, k) for k in range(16)]
    done = set()
    for _ in play(simulation):
        for k, reader in enumerate(readers):
            w = simulation.worlds[k]
            for about, number in reader.number.items():
                cell = int(contents.spot_place(w, contents.INSIDE + number))
                if engine.PROPERTIES[int(w["cells"][cell]) & 0xFF] & engine.IS_OPEN:
                    done.add((k, about))
                elif (k, about) not in done:
                    before[k][about] = reader.belief(about, "observer_0")
            if w["ask"] and not simulation.ends[k].any():
                items = [p for p in simulation.probes(k) if p.group == "own_past" and p.chain]
                assert {p.about: p.answer for p in items} == before[k]
                assert all(p.answer != reader.belief(p.about) and p.role == "test" for p in items)
    assert len(done) == 32


def test_episodes_of_one_seed_are_twins():
    """The same room, bodies and looks whatever the condition, and the same percepts until it shows."""
    first = simulate(40, 9, condition="false_contents")
    for condition in contents.CONDITIONS[1:-1]:
        twin = simulate(40, 9, condition=condition)
        for name in ("place", "heading", "identity", "cells", "cue"):
            mine, theirs = first.worlds[name], twin.worlds[name]
            if condition == "ignorance" and name in ("place", "heading"):
                mine, theirs = mine[:, HOST:], theirs[:, HOST:]
            np.testing.assert_array_equal(mine, theirs)
    false, true = (simulate(8, 9, condition=c) for c in ("false_contents", "true_contents"))
    opened = np.zeros(8, bool)
    for _, _ in zip(play(false), play(true), strict=True):
        np.testing.assert_array_equal(false.worlds["place"][:, 1:2], true.worlds["place"][:, 1:2])
        opened |= false.worlds["memory"][:, contents.NOTED] > 0
        same = (false.window == true.window).all(axis=(1, 2, 3, 4))
        assert same[~opened].all()
    assert opened.all()


def test_the_arrow_moves_as_the_friend_does_and_expects_nothing():
    social, arrow = (simulate(12, 4, social=social) for social in (True, False))
    questions = 0
    for _, _ in zip(play(social), play(arrow), strict=True):
        np.testing.assert_array_equal(social.worlds["place"], arrow.worlds["place"])
        np.testing.assert_array_equal(social.worlds["heading"], arrow.worlds["heading"])
        np.testing.assert_array_equal(social.window[..., :2], arrow.window[..., :2])
        assert not arrow.worlds["belief"][:, :, 1 + FRIEND].any()
        for k in np.flatnonzero(arrow.worlds["ask"] & ~arrow.ends.any(1)):
            for probe in arrow.probes(int(k)):
                if probe.kind == "belief" and "friend_0" in probe.chain:
                    assert probe.answer == UNKNOWN
                    questions += 1
                assert probe.kind not in ("feeling", "knowledge")
    assert questions
    np.testing.assert_allclose(arrow.worlds["perf"], 1)


@pytest.mark.parametrize(
    ("condition", "biased", "scripted"),
    [("false_contents", -1, 1), ("true_contents", 1, 1), ("other_looked", 1, 1), ("secret_look", 1, 1)],
)
def test_reality_bias_pays_where_the_friend_is_right_and_only_there(condition, biased, scripted):
    for mode, expected in (("reality_biased", biased), ("egocentric", biased), ("scripted", scripted)):
        simulation = simulate(12, 6, condition=condition)
        total = np.zeros(12)
        for _ in play(simulation, mode):
            total += simulation.rewards[:, OBSERVER]
        np.testing.assert_allclose(total, expected)
        np.testing.assert_allclose(simulation.worlds["perf"], expected > 0)


def test_habits_and_the_last_container_are_at_chance():
    for mode in ("reflex", "last_seen"):
        simulation = simulate(200, 8)
        for _ in play(simulation, mode):
            pass
        assert 0.38 < simulation.worlds["perf"].mean() < 0.62


def test_what_the_friend_gained_is_seen_by_the_observer_too():
    """R of the friend judged by the observer's percepts, and of the observer by its own: both as paid."""
    for options in ({}, {"condition": "true_contents", "layout": "held_out", "population": "held_out"}):
        simulation = simulate(12, 2, **options)
        before = None
        for _ in play(simulation):
            percepts = [
                [Percept(simulation.window[k, a].copy(), simulation.fields[k, a].copy()) for a in range(3)]
                for k in range(12)
            ]
            if before is not None:
                for k in range(12):
                    if simulation.ends[k].any() and simulation.worlds["ask"][k]:
                        seen = [before[k][OBSERVER], percepts[k][OBSERVER]]
                        for who in (FRIEND, OBSERVER):
                            judged = GAME.reward(seen, 0, who, options)
                            paid = simulation.worlds["reward"][k, who]
                            assert judged == pytest.approx(paid, abs=1e-5)
            before = percepts


def test_polite_faces_hide_what_is_felt():
    for faces, condition, shown, felt in (
        ("honest", "false_contents", "sad", "sad"),
        ("honest", "true_contents", "glad", "glad"),
        ("polite", "false_contents", "glad", "sad"),
        ("polite", "true_contents", "glad", "glad"),
    ):
        simulation = simulate(8, 1, faces=faces, condition=condition)
        for _ in play(simulation):
            for k in np.flatnonzero(simulation.worlds["ask"] & simulation.ends.any(1)):
                answers = {probe.kind: probe.answer for probe in simulation.probes(int(k))}
                owns = {probe.kind: probe.own for probe in simulation.probes(int(k))}
                assert answers == {"feeling": felt, "percept": shown} == owns
        assert {engine.FACES[f] for f in simulation.worlds["face"][:, FRIEND]} == {shown}


def test_feelings_before_the_look_follow_from_belief():
    simulation = simulate(8, 1, condition="false_contents", questions="belief_emotion")
    for k in asked(simulation):
        reader = ContentsReader(simulation, k)
        wanted = contents.kind_name(int(simulation.worlds["memory"][k][contents.WANT]))
        probes = simulation.probes(k)
        assert {probe.group for probe in probes} == {"belief_emotion"}
        for probe in probes:
            held = reader.belief(probe.about, *probe.chain)
            assert probe.answer == ("glad" if held == wanted else "sad")
        assert sorted(p.answer for p in probes if p.chain) == ["glad", "sad"]


def test_training_and_held_out_have_nothing_in_common():
    assert not set(contents.KINDS[0]) & set(contents.KINDS[1])
    assert not set(contents.LOOKS[0]) & set(contents.LOOKS[1])
    rooms = {}
    for name in UNSEEN:
        simulation = simulate(64, 0, layout=name)
        rooms[name] = {int(room) for room in simulation.worlds["memory"][:, contents.ROOM]}
    assert rooms == {"train": {0, 1}, "held_out": {2, 3}}
    drawn = {contents.TERRAINS[room].tobytes() for room in range(4)}
    assert len(drawn) == 4


@pytest.mark.parametrize("room", range(4))
def test_rooms_are_as_the_rules_need_them(room):
    """Nobody reaches the shop window; each mat lies straight below its container, seen from both mats."""
    drawn = contents.MAPS[room]
    at = {spot: int(contents.PLACES[room, spot]) for spot in range(len(contents.HEADING))}
    for spot in (contents.SHOWN, contents.SHOWN + 1):
        for near in (-16, 16, -1, 1):
            assert not engine.PROPERTIES[drawn.terrain[at[spot] + near]] & engine.WALKABLE
    for k in range(2):
        assert at[contents.MAT + k] & 15 == at[contents.INSIDE + k] & 15
    assert abs(at[contents.MAT] - at[contents.MAT + 1]) == contents.APART
    simulation = simulate(1, 0, layout=UNSEEN[room // 2])
    while simulation.worlds["memory"][0][contents.ROOM] != room:
        simulation.reset(int(simulation.worlds["key"][0] % 1000) + 1)
    w = simulation.worlds[0]
    places = {spot: int(contents.spot_place(w, spot)) for spot in at}
    fronts = [places[contents.AT + k] for k in range(2)]
    for mat in range(2):
        contents.stand(w, OBSERVER, contents.MAT + mat)
        for size in vision.WINDOWS:
            vision.scan(w, OBSERVER, size)
            for cell in (*fronts, places[contents.INSIDE], places[contents.INSIDE + 1]):
                assert vision.sees(w, OBSERVER, cell, size)


def test_turned_rooms_keep_everybody_at_their_places():
    orientations = set()
    simulation = simulate(100, 21)
    for w in simulation.worlds:
        orientation = int(w["memory"][contents.ORIENTATION])
        orientations.add(orientation)
        room = contents.MAPS[int(w["memory"][contents.ROOM])]
        seat = layout.turn_place(int(room.places("s")[0]), orientation, contents.SIDE, contents.SIDE)
        assert w["place"][OBSERVER] == seat
        assert w["heading"][OBSERVER] == layout.turn_heading(0, orientation)
    assert orientations == set(range(8))
