"""Comfort: needs, feelings, faces and movement are what the page says, and so is what helping brings."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindsight.envs.grid import GAMES, comfort, engine
from mindsight.envs.grid.comfort import CHARACTER, COMPANY, FIRST, HELPER, LAYOUTS, MET, NEED, STRENGTH, WATCH
from mindsight.envs.simulation import MODES

GAME = GAMES["comfort"]


def play(mode="scripted", worlds=48, seed=3, steps=130, others="scripted", **options):
    """The simulation at its beginning and after each step, until all episodes are over."""
    simulation = GAME.simulation(worlds, options)
    simulation.reset(seed)
    modes = np.full(simulation.count, MODES.index(others))
    modes[HELPER] = MODES.index(mode)
    actions = np.zeros((worlds, simulation.count), np.int64)
    yield simulation
    for _ in range(steps):
        simulation.script(modes, actions)
        simulation.step(actions)
        yield simulation
        if simulation.ends.any(1).all():
            return


def last(*args, **options):
    *_, simulation = play(*args, **options)
    return simulation


def others(simulation):
    """What the others truly gained, of each world."""
    return simulation.worlds["welfare"][:, 1 : simulation.count].sum(1)


# --- Rooms ------------------------------------------------------------------------------------------------
def heading(place, cell):
    """An obvious reading of ``towards``: None where two headings are alike."""
    dx, dy = cell % 16 - place % 16, cell // 16 - place // 16
    if abs(dx) == abs(dy):
        return None
    return (1 if dx > 0 else 3) if abs(dx) > abs(dy) else (2 if dy > 0 else 0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_from_where_the_needy_stand_a_look_means_one_thing(layout):
    for home in layout.marks["a"]:
        looks = [heading(home, cell) for cell in (*layout.marks["g"], comfort.BOOTH)]
        assert None not in looks and len(set(looks)) == 4
        assert not any(home - other in (1, 16) for other in layout.marks["a"])


def test_rooms_and_individuals_of_training_are_never_in_the_exam():
    drawings = [layout.terrain.tobytes() for layout in LAYOUTS]
    assert len(set(drawings)) == 6
    kinds = {}
    for name in ("train", "held_out"):
        simulation = GAME.simulation(400, {"partners": 3, "layouts": name, "population": name})
        simulation.reset(1)
        memory = simulation.worlds["memory"]
        assert set(memory[:, comfort.LAYOUT] // 3) == {int(name == "held_out")}
        kinds[name] = {
            (int(row[NEED + a]), int(row[CHARACTER + a]) & (comfort.DISGUISED | comfort.WINDING))
            for row, a in itertools.product(memory, (1, 2, 3))
        }
        assert len(kinds[name]) == 10  # five needs, honest or not; the temper follows
    assert not kinds["train"] & kinds["held_out"]


# --- Feelings, faces, movement ----------------------------------------------------------------------------
@pytest.mark.parametrize("faces", ["honest", "masked", "false"])
def test_faces_show_what_the_option_says(faces):
    for simulation in play(faces=faces, partners=3, worlds=64, steps=WATCH):
        for w in simulation.worlds:
            for a in range(1, 4):
                face = engine.FACES[w["face"][a]]
                if w["memory"][NEED + a]:
                    assert (face == "sad") == (faces != "masked")
                else:
                    assert (face == "sad") == (faces == "false")


def test_the_sad_stay_and_look_and_the_glad_walk_about():
    poses = []
    for simulation in play(needs="any", partners=3, worlds=64, steps=WATCH):
        poses.append(np.stack([simulation.worlds["place"], simulation.worlds["heading"]]).astype(int))
    moved = np.diff(np.array(poses), axis=0)
    places, any_change = (moved[:, 0] != 0).sum(0), (moved != 0).any(1).sum(0)
    for world, w in enumerate(simulation.worlds):
        for a in range(1, 4):
            need, strength = w["memory"][NEED + a], w["memory"][STRENGTH + a]
            if need == 0:
                assert places[world, a] >= 3
            else:
                assert places[world, a] == 0
                assert any_change[world, a] in ((7, 8, 9) if strength == comfort.MILD else (3, 4, 5))
                target = w["place"][HELPER] if need == COMPANY else w["first"][need - 1]
                there = heading(int(w["place"][a]), int(target))
                looks = [int(pose[1, world, a]) for pose in poses]
                assert max(set(looks), key=looks.count) == there and looks.count(there) >= 14


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 2**40), held_out=st.booleans(), faces=st.sampled_from(["mixed", "masked", "false"])
)
def test_movement_alone_tells_needs(seed, held_out, faces):
    """Whatever faces show: what the helper infers from its own percepts is right."""
    options = {"partners": 3, "layouts": "held_out" if held_out else "train", "faces": faces}
    simulation = last(worlds=8, seed=seed, steps=WATCH, **options)
    assert simulation.worlds["ask"].all()
    for world in range(8):
        for probe in simulation.probes(world):
            assert probe.own == probe.answer, probe


def test_joy_and_surprise_are_honest():
    """Who gets what they need beams, masked or not; who gets something else looks surprised, and puts it
    down."""
    seen = set()
    for mode in ("prosocial", "reflex"):
        before = np.zeros((48, 4), int)
        for simulation in play(mode, faces="masked", needs="each", worlds=48):
            for world, w in enumerate(simulation.worlds):
                for a in range(1, simulation.count):
                    if w["hand"][a] and not before[world, a]:
                        right = w["hand"][a] == w["memory"][NEED + a]
                        assert engine.FACES[w["face"][a]] == ("glad" if right else "surprised")
                        seen.add(bool(right))
                    if w["memory"][MET + a]:
                        assert engine.FACES[w["face"][a]] != "sad"
            before = simulation.worlds["hand"].astype(int)
        if mode == "reflex":
            wrong = simulation.worlds["memory"][:, FIRST + 1] == comfort.WRONG_GIFT
            assert wrong.any()
            assert (simulation.worlds["hand"][wrong, 1] == 0).mean() > 0.9
    assert seen == {True, False}


# --- Helping ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("needs", ["one", "each", "scarce"])
def test_helping_brings_the_others_all_there_is_and_costs_the_helper(needs):
    kind, oracle, selfish = (last(mode, needs=needs) for mode in ("scripted", "prosocial", "selfish"))
    np.testing.assert_allclose(others(kind), others(oracle))
    np.testing.assert_allclose(kind.worlds["perf"], 1)
    assert (others(selfish) <= others(oracle)).all() and others(selfish).mean() < 0.1
    own = [simulation.worlds["welfare"][:, HELPER].mean() for simulation in (kind, selfish)]
    assert own[0] < 0 < own[1]
    # what is met is worth what the page says
    memory = oracle.worlds["memory"]
    worth = (memory[:, MET + 1 : MET + 3] * memory[:, STRENGTH + 1 : STRENGTH + 3]).sum(1) * 0.5
    np.testing.assert_allclose(others(oracle), worth, atol=1e-6)


def test_of_two_the_one_who_needs_it_more_gets_it():
    simulation = last("scripted", needs="scarce", faces="mixed")
    memory = simulation.worlds["memory"]
    np.testing.assert_array_equal(memory[:, MET + 1] == 1, memory[:, STRENGTH + 1] == comfort.STRONG)
    np.testing.assert_array_equal(memory[:, MET + 2] == 1, memory[:, STRENGTH + 2] == comfort.STRONG)


def test_who_goes_by_faces_helps_the_honest_and_is_taken_in_by_the_rest():
    found = {
        faces: last("reality_biased", needs="one", faces=faces) for faces in ("honest", "masked", "false")
    }
    assert found["honest"].worlds["perf"].mean() == 1
    assert found["masked"].worlds["perf"].mean() < 0.1
    assert (others(found["false"]) < others(found["honest"]) - 0.1).any()
    assert found["false"].worlds["memory"][:, comfort.RECOGNISED].mean() < 1.9


def test_tallies_count_what_they_say():
    simulation = last("exact", partners=3, needs="each")
    memory = simulation.worlds["memory"]
    needy = (memory[:, NEED + 1 : NEED + 4] > 0).sum(1)
    assert (memory[:, comfort.NEEDS_MET] <= needy).all()
    np.testing.assert_array_equal(memory[:, comfort.RECOGNISED], 3)
    assert (memory[:, comfort.SPENT] > 5).all()


def test_twins_of_one_seed_have_all_else_in_common():
    plain, mirrored = (GAME.simulation(32, {"needs": "one", "mirrored": k}) for k in (False, True))
    for simulation in (plain, mirrored):
        simulation.reset(8)
    for field in ("place", "thing", "cells"):
        np.testing.assert_array_equal(plain.worlds[field], mirrored.worlds[field])
    for what in (NEED, STRENGTH):
        np.testing.assert_array_equal(
            plain.worlds["memory"][:, what + 1 : what + 3],
            mirrored.worlds["memory"][:, what + 1 : what + 3][:, ::-1],
        )


def test_machines_look_and_move_alike_and_feel_nothing():
    social, machines = (list_of(play(social=k, worlds=16, steps=WATCH)) for k in (True, False))
    for (one, _), (other, _) in zip(social, machines, strict=True):
        np.testing.assert_array_equal(one[..., :2], other[..., :2])
        np.testing.assert_array_equal(one[..., 3], other[..., 3])  # lamps for faces
    simulation = machines[-1][1]
    for world in range(16):
        for probe in simulation.probes(world):
            if probe.chain and probe.chain != ("helper_0",) and probe.kind in ("feeling", "want"):
                assert probe.answer == "nothing"
                assert probe.role == "control"
    done = last("scripted", social=False)
    assert done.worlds["perf"].mean() > 0.95
    assert not done.worlds["welfare"][:, 1:].any()


def list_of(frames):
    return [(simulation.window.copy(), simulation) for simulation in frames]


# --- The reward function, of another ----------------------------------------------------------------------
def test_what_another_gained_is_judged_by_its_face():
    """From the helper's percepts: glad of a thing +1, surprised at one -0.2, whatever it truly was worth."""
    judged = {"glad": [], "surprised": []}
    for mode in ("prosocial", "reflex"):
        history = []
        for simulation in play(mode, worlds=1, seed=11, needs="scarce"):
            history.append((simulation.window[:, HELPER].copy(), simulation.fields[:, HELPER].copy()))
            windows, fields = (np.stack([row[k] for row in history], 1) for k in range(2))
            if len(history) < 2:
                continue
            for a in range(1, simulation.count):
                value = GAME.rewards(windows, fields, np.array([len(history)]), np.array([0]), np.array([a]))[
                    0
                ]
                true = float(simulation.rewards[0, a])
                assert np.sign(value) == np.sign(round(true, 6))
                if true:
                    judged["glad" if true > 0 else "surprised"].append(value)
    assert judged["glad"] and set(judged["glad"]) == {1.0}
    assert judged["surprised"] and set(judged["surprised"]) == {-0.2}


def test_it_takes_two_to_want_the_same_thing():
    with pytest.raises(ValueError, match="option 'needs' is 'scarce'"):
        GAME.simulation(1, {"needs": "scarce", "partners": 1})
