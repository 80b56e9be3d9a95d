"""Assist: the right help follows from what the partner believes, and twins look the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindsight.envs.grid import GAMES, assist, engine
from mindsight.envs.grid.assist import HELPER, LAYOUTS, PARTNER
from mindsight.envs.grid.questions import UNKNOWN, Reader
from mindsight.envs.simulation import MODES

GAME = GAMES["assist"]
CONDITIONS = ("false_belief", "true_belief", "no_transfer")


def play(mode="scripted", worlds=32, seed=3, until_asked=False, **options):
    """The simulation at its beginning and after each step, until all episodes are over (or all asked)."""
    simulation = GAME.simulation(worlds, options)
    simulation.reset(seed)
    modes = np.array([MODES.index(mode), MODES.index("scripted")])
    actions = np.zeros((worlds, 2), np.int64)
    yield simulation
    while not simulation.ends.any(1).all():
        simulation.script(modes, actions)
        simulation.step(actions)
        yield simulation
        if until_asked and (simulation.worlds["memory"][:, assist.PULLS] > 0).all():
            return


def last(*args, **options):
    *_, simulation = play(*args, **options)
    return simulation


def contents(w, site):
    """The name of the thing in one of the two, read off the world."""
    cell = int(assist.site_cell(w, site))
    (o,) = np.flatnonzero(w["thing"] == cell)
    return GAME.things[o]


def test_rooms_things_and_manners_of_training_are_never_in_the_exam():
    assert len({layout.terrain.tobytes() + bytes(layout.places("1", "2")) for layout in LAYOUTS}) == 6
    found = {}
    for name in ("train", "held_out"):
        simulation = GAME.simulation(300, {"layouts": name, "population": name})
        simulation.reset(1)
        memory = simulation.worlds["memory"]
        assert set(memory[:, assist.LAYOUT] // 3) == {int(name == "held_out")}
        pairs = {tuple(sorted(row)) for row in memory[:, assist.PLACED : assist.PLACED + 2].tolist()}
        found[name] = pairs, set(memory[:, assist.MANNER].tolist())
    for k in range(2):
        assert len(found["train"][k]) == len(found["held_out"][k]) == 2
        assert not found["train"][k] & found["held_out"][k]


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("layouts", ["train", "held_out"])
def test_what_is_believed_wanted_and_right_is_what_the_page_says(condition, layouts):
    """By hand: what was put where, who saw it change, and so what pulling there means."""
    simulation = last(condition=condition, layouts=layouts, worlds=48, until_asked=True)
    for world, w in enumerate(simulation.worlds):
        reader = Reader(simulation, world)
        pulled = int(w["memory"][assist.PULLED_SITE])
        put_first = [GAME.things[int(w["memory"][assist.PLACED + k])] for k in range(2)]
        now = [contents(w, k) for k in range(2)]
        names = [reader.place_name(int(assist.site_cell(w, k))) for k in range(2)]
        assert now == (put_first if condition == "no_transfer" else put_first[::-1])
        for k, thing in enumerate(put_first):
            believed = 1 - k if condition == "true_belief" else k
            assert reader.belief(thing, "partner_0") == names[believed]
            assert reader.own(thing, "helper_0", "partner_0") == names[believed]
        want = now[pulled] if condition == "true_belief" else put_first[pulled]
        answers = {p.kind: p.answer for p in simulation.probes(world) if p.group == "help"}
        assert answers["want"] == want
        assert answers["goal"] == names[now.index(want)]
        assert (answers["goal"] == names[pulled]) == (condition != "false_belief")
        assert answers["next_action"] == names[pulled]


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**40),
    condition=st.sampled_from(CONDITIONS),
    layouts=st.sampled_from(["train", "held_out"]),
    mirrored=st.booleans(),
)
def test_the_helpers_own_percepts_support_every_answer(seed, condition, layouts, mirrored):
    simulation = last(
        seed=seed, condition=condition, layouts=layouts, mirrored=mirrored, worlds=6, until_asked=True
    )
    for world in range(6):
        probes = simulation.probes(world)
        assert len(probes) == 11
        for probe in probes:
            assert probe.own == probe.answer, probe


def test_twins_look_the_same_from_when_the_pens_open():
    """What the partner does, and all that the helper sees of it, is alike in all conditions."""
    seen = {condition: [] for condition in CONDITIONS}
    for condition in CONDITIONS:
        for simulation in play("selfish", condition=condition, worlds=24):
            if simulation.worlds["step"][0] >= assist.OPENED:
                # window and fields but the face of a kind of thing: nobody holds anything
                seen[condition].append(
                    (simulation.window[:, HELPER].copy(), simulation.fields[:, HELPER].copy())
                )
    for condition in CONDITIONS[1:]:
        for one, other in zip(seen["false_belief"], seen[condition], strict=True):
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.parametrize("layouts", ["train", "held_out"])
@pytest.mark.parametrize(
    ("mode", "right"),
    [
        ("scripted", (1, 1, 1)),
        ("exact", (1, 1, 1)),
        ("prosocial", (1, 1, 1)),
        ("reflex", (0, 1, 1)),
        ("egocentric", (0, 1, 1)),
        ("reality_biased", (1, 0, 1)),
        ("selfish", (0, 0, 0)),
    ],
)
def test_who_passes_which_twin(mode, right, layouts):
    for condition, expected in zip(CONDITIONS, right, strict=True):
        for mirrored in (False, True):
            simulation = last(mode, condition=condition, layouts=layouts, mirrored=mirrored)
            np.testing.assert_array_equal(simulation.worlds["perf"], expected)
            np.testing.assert_array_equal(simulation.worlds["welfare"][:, PARTNER], expected)
            memory = simulation.worlds["memory"]
            assert memory[:, assist.RIGHT].mean() == expected
            if mode != "selfish":
                assert (memory[:, assist.RIGHT] + memory[:, assist.WRONG] == 1).all()
                assert (simulation.worlds["welfare"][:, HELPER] < 0).all()  # helping costs


def test_nobody_but_the_helper_opens_and_only_one():
    """The partner pulls in vain; a helper at random opens one at most, whatever else it does."""
    for mode in ("selfish", "random", "scripted"):
        before = None
        for simulation in play(mode, worlds=64, limit=200):
            opened = np.zeros(64, int)
            for world, w in enumerate(simulation.worlds):
                for site in range(2):
                    terrain = engine.TERRAIN[engine.terrain_at(w, int(assist.site_cell(w, site)))]
                    opened[world] += terrain.endswith("_open")
            late = simulation.worlds["step"] > assist.OPENED
            assert (opened[late] == (simulation.worlds["memory"][late, assist.OPEN] > 0)).all()
            if before is not None:
                kept = simulation.worlds["memory"][:, assist.OPEN]
                assert ((before == 0) | (kept == before)).all()
            before = simulation.worlds["memory"][:, assist.OPEN].copy()
        if mode == "selfish":
            assert not before.any()
            assert (simulation.worlds["memory"][:, assist.PULLS] > 3).all()


def test_faces_of_the_partner():
    """Sad while it pulls in vain, glad with what it wants, surprised where it finds something else."""
    for mode, face in (("scripted", "glad"), ("reflex", "surprised"), ("selfish", "sad")):
        simulation = last(mode, condition="false_belief")
        assert {engine.FACES[f] for f in simulation.worlds["face"][:, PARTNER]} == {face}


def test_the_arrow_moves_like_the_partner_and_believes_nothing():
    social, arrow = (play("selfish", social=k, condition="false_belief", worlds=16) for k in (True, False))
    for one, other in zip(social, arrow, strict=True):
        np.testing.assert_array_equal(one.worlds["place"], other.worlds["place"])
        np.testing.assert_array_equal(one.worlds["heading"], other.worlds["heading"])
        np.testing.assert_array_equal(one.window[:, HELPER, ..., :2], other.window[:, HELPER, ..., :2])
    for world in range(16):
        answers = {p.kind: p.answer for p in other.probes(world)}
        assert answers["belief"] == UNKNOWN and answers["want"] == "nothing"
        assert all(p.role == "control" for p in other.probes(world))
    for mode, right in (("scripted", 1), ("reflex", 1), ("reality_biased", 0)):
        done = last(mode, social=False, condition="false_belief")
        np.testing.assert_array_equal(done.worlds["perf"], right)
        assert not done.worlds["welfare"][:, PARTNER].any()


def test_what_the_partner_gained_is_judged_by_its_hands_and_its_face():
    for mode, gained in (("scripted", 1.0), ("reflex", 0.0)):
        frames = [
            (s.window[:, HELPER].copy(), s.fields[:, HELPER].copy(), s.rewards[:, PARTNER].copy())
            for s in play(mode, condition="false_belief", worlds=8)
        ]
        windows, fields = (np.stack([frame[k] for frame in frames], 1) for k in range(2))
        total = np.zeros(8)
        for t in range(2, len(frames) + 1):
            who = np.full(8, PARTNER)
            judged = GAME.rewards(windows, fields, np.full(8, t), np.zeros(8, int), who)
            sees = (fields[:, t - 1] != fields[:, t - 2]).any(1)  # worlds that are over stay as they are
            total += judged * sees
        assert (total <= gained).all()
        if gained:
            assert total.mean() > 0.4  # it may take it behind the helper's back
