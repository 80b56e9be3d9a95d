"""Recall: rooms never shared between layouts, tours that nobody can leave, beliefs that follow from what was
seen, and questions answered a second time by standing there."""

import sys
from collections import deque
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from mindsight.envs.grid import GAMES, engine, recall
from mindsight.envs.simulation import MODES

sys.path.append(str(Path(__file__).parents[1]))
import slow_grid as slow

GAME = GAMES["recall"]
LEARNER, MOVER = recall.LEARNER, recall.MOVER
AHEAD = {0: -16, 1: 1, 2: 16, 3: -1}


def begin(worlds, seed=0, **options):
    simulation = GAME.simulation(worlds, options)
    simulation.reset(seed)
    return simulation


def steps(simulation, learner="scripted", mover="scripted", until=None):
    """Everybody decides as told; the simulation after each step, until it is over or a time has come."""
    modes = np.array([MODES.index(learner), MODES.index(mover)])[: simulation.count]
    actions = np.zeros((simulation.num_envs, simulation.count), np.int64)
    while not simulation.ends.any(1).all():
        if until is not None and (simulation.worlds["step"] >= until).all():
            return
        simulation.script(modes, actions)
        simulation.step(actions)
        yield simulation


def at_the_cue(seed, mover="scripted", **options):
    """A world at the step of its cue."""
    simulation = begin(1, seed, **options)
    for _ in steps(simulation, mover=mover, until=int(simulation.worlds["memory"][0, recall.CUED])):
        pass
    assert simulation.worlds["ask"][0] == 1
    return simulation


def floor(w):
    return {cell for cell in range(256) if slow.terrain(w, cell) == "floor"}


# --- Maps ---------------------------------------------------------------------------------------------
def canonical(cells, side):
    """A map, however it is turned or mirrored."""
    square = np.zeros((side, side), np.uint8)
    for cell in cells:
        square[cell // 16, cell % 16] = 1
    turned = [np.rot90(each, k) for each in (square, square.T) for k in range(4)]
    return min(each.tobytes() for each in turned)


def test_layouts_share_no_map():
    maps = {}
    for layout, side in (("train", 11), ("held_out", 11), ("halls", 13)):
        simulation = begin(300, 7, layout=layout)
        maps[layout] = {canonical(floor(w), side) for w in simulation.worlds}
    assert len(maps["train"]) > 200
    assert len(maps["held_out"]) > 200
    assert len(maps["halls"]) == len(recall.HALLS)
    assert not maps["train"] & maps["held_out"]


def test_things_lie_in_different_rooms_and_movers_differ():
    for movers, identities in (("train", {1, 2, 3}), ("held_out", {4, 5, 6})):
        simulation = begin(200, 3, movers=movers, things=4, moved="unseen")
        assert set(simulation.worlds["identity"][:, MOVER].tolist()) == identities
        for w in simulation.worlds:
            rooms = [int(w["room"][place]) for place in w["thing"]]
            assert len(set(rooms)) == 4
            assert 0 not in rooms
            home = rooms[w["memory"][recall.HANDLED]]
            assert (int(w["room"][w["memory"][recall.TARGET]]) == home) == (movers == "held_out")


# --- The tour -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("moved", ["unseen", "seen"])
def test_who_is_led_goes_where_it_is_led_whatever_it_does(moved):
    """Led at random or in peace: the same percepts, the same world, until the cue."""
    calm, wild = begin(40, 11, moved=moved), begin(40, 11, moved=moved)
    cued = calm.worlds["memory"][:, recall.CUED].copy()
    before = calm.worlds["place"][:, LEARNER].copy()
    rng = np.random.default_rng(1)
    modes = np.array([0, MODES.index("scripted")])
    actions = np.zeros((40, 2), np.int64)
    stood = [{int(place)} for place in before]
    for step in range(1, int(cued.max()) + 1):
        for simulation in (calm, wild):
            simulation.script(modes, actions)
            actions[:, LEARNER] = 0 if simulation is calm else rng.integers(0, len(engine.ACTIONS), 40)
            simulation.step(actions)
        led = step <= cued
        for name in ("place", "heading", "thing", "belief", "action", "mentioned"):
            np.testing.assert_array_equal(calm.worlds[name][led], wild.worlds[name][led])
        np.testing.assert_array_equal(calm.window[led], wild.window[led])
        here = calm.worlds["place"][:, LEARNER]
        moved_by = np.abs(here.astype(int) - before)[led]
        assert set(moved_by.tolist()) <= {0, 1, 16}
        before = here.copy()
        for k in np.flatnonzero(led):
            stood[k].add(int(here[k]))
    for w, cells in zip(calm.worlds, stood, strict=True):
        rooms = {int(w["room"][cell]) for cell in cells} - {0}
        assert rooms == {int(room) for room in w["room"]} - {0}, "every room is visited"


def test_a_free_learner_goes_where_it_likes_but_takes_nothing():
    simulation = begin(30, 2, tour="free")
    until = simulation.worlds["memory"][:, recall.CUED]
    for _ in steps(simulation, "random", until=until - 1):
        early = simulation.worlds["step"] < until
        assert not simulation.worlds["hand"][early, LEARNER].any()
    tours = {bytes(begin(1, 2 + k, tour="free").worlds["place"]) for k in range(5)}
    assert len(tours) == 5


def test_a_mover_at_random_leaves_everything_on_the_floor():
    for seed in range(15):
        simulation = begin(1, seed)
        w = simulation.worlds[0]
        for _ in steps(simulation, "random", "random", until=int(w["memory"][recall.WORKED])):
            if seed < 3 and w["step"] > w["memory"][recall.TOURED]:
                slow.check(w)
        assert w["body"][MOVER] == engine.OUT
        assert all(slow.terrain(w, int(place)) == "floor" for place in w["thing"][: w["things"]])


# --- What was seen ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("mover", ["person", "arrow"])
@pytest.mark.parametrize("layout", recall.LAYOUTS)
@pytest.mark.parametrize("moved", recall.FATES)
def test_beliefs_at_the_cue_are_what_the_page_says(moved, layout, mover):
    simulation = begin(60, 5, moved=moved, layout=layout, mover=mover)
    things = simulation.worlds["things"][0]
    asked = 0
    for _ in steps(simulation, until=simulation.worlds["memory"][:, recall.CUED].max()):
        for k in np.flatnonzero(simulation.worlds["ask"]):
            w, asked = simulation.worlds[k], asked + 1
            assert w["memory"][recall.WORK] == recall.DONE
            handled = int(w["memory"][recall.HANDLED])
            column = simulation.chains.index((LEARNER,))
            for o in range(things):
                believed, real, first = (
                    int(p) for p in (w["belief"][o, column], w["thing"][o], w["first"][o])
                )
                assert (real == first) == (o != handled or moved == "never")
                assert believed == (first if moved == "unseen" else real)
                # it has to remember: nothing is in sight
                assert not slow.sees_cell(w, LEARNER, real, 7)
                assert not slow.sees_cell(w, LEARNER, believed, 7)
            assert w["body"][MOVER] == engine.OUT
    assert asked == 60


def test_never_and_unseen_look_the_same_till_the_cue():
    never, unseen = (begin(40, 21, moved=moved) for moved in ("never", "unseen"))
    cued = never.worlds["memory"][:, recall.CUED].copy()
    np.testing.assert_array_equal(cued, unseen.worlds["memory"][:, recall.CUED])
    for step, _ in enumerate(zip(steps(never), steps(unseen), strict=False), 1):
        alike = step <= cued
        np.testing.assert_array_equal(never.window[alike, LEARNER], unseen.window[alike, LEARNER])
        np.testing.assert_array_equal(never.fields[alike, LEARNER], unseen.fields[alike, LEARNER])
        for k in np.flatnonzero(step == cued):
            assert (never.worlds["thing"][k] != unseen.worlds["thing"][k]).sum() == 1
        if not alike.any():
            break
    else:
        raise AssertionError("an episode was over before the last cue")


def test_the_arrow_moves_like_a_mover_and_has_no_mind():
    person, arrow = (begin(20, 9, moved="seen", mover=mover) for mover in ("person", "arrow"))
    for _ in zip(steps(person), steps(arrow), strict=False):
        np.testing.assert_array_equal(person.worlds["place"], arrow.worlds["place"])
        np.testing.assert_array_equal(person.window[..., :2], arrow.window[..., :2])
    assert (arrow.worlds["belief"][:, :, arrow.chains.index((MOVER,))] == engine.NOWHERE).all()
    assert (person.worlds["belief"][:, :, person.chains.index((MOVER,))] != engine.NOWHERE).any()


# --- What is asked ----------------------------------------------------------------------------------------
@cache
def asked():
    """Worlds at their cue, all fates, and what is asked of them."""
    worlds = [at_the_cue(seed, moved=moved) for seed in range(12) for moved in recall.FATES]
    return [(simulation, simulation.probes()) for simulation in worlds]


def test_views_are_what_one_sees_who_stands_there():
    """Each percept a second time: put the learner there, let it perceive, and read its window."""
    answers = set()
    for simulation, probes in asked():
        w, before = simulation.worlds[0], simulation.worlds.copy()
        views = [probe for probe in probes if probe.group == "views"]
        assert len(views) == recall.QUERIES
        assert views[0].answer != views[1].answer
        assert views[2].answer != views[3].answer
        for k, probe in enumerate(views):
            pose = int(before["memory"][0, recall.QUERY + k])
            w["place"][LEARNER], w["heading"][LEARNER] = pose >> 2, pose & 3
            engine.perceive(w, 0, simulation._chains, *simulation._current)
            column = simulation.window[0, LEARNER, :, 3][::-1]  # straight ahead, from where one stands
            free = (
                1 + next(i for i, cell in enumerate(column[1:]) if engine.TERRAIN[cell[0]] != "floor")
                if any(engine.TERRAIN[cell[0]] != "floor" for cell in column[1:])
                else len(column)
            )
            if probe.about == "way ahead":
                expected = str(free - 1)
            else:
                things = [engine.THINGS[cell[1]] for cell in column[1:free] if cell[1]]
                expected = things[0] if things else "nothing"
            assert probe.answer == expected, probe
            assert probe.own == probe.answer
            answers.add((probe.about, probe.answer))
            simulation.worlds[:] = before
    assert len(answers) == 8, "all answers occur"


def test_views_are_from_where_the_learner_never_stood():
    for seed in range(6):
        simulation = begin(1, seed)
        w, stood = simulation.worlds[0], set()
        for _ in steps(simulation, until=int(w["memory"][recall.CUED])):
            stood.add(int(w["place"][LEARNER]))
        queries = w["memory"][recall.QUERY : recall.QUERY + recall.QUERIES]
        assert (queries >= 0).all()
        assert not {int(pose) >> 2 for pose in queries} & stood


def test_own_answers_are_exact_and_shortcuts_fail_at_what_the_condition_is_about():
    right = {name: {} for name in ("reality", "first_place")}
    for _, probes in asked():
        for probe in probes:
            assert probe.own == probe.answer
            if probe.kind in ("belief", "knowledge") and probe.role == "test":
                for name, found in right.items():
                    found.setdefault((probe.condition, probe.kind), []).append(
                        probe.shortcuts[name] == probe.answer
                    )
    assert set(right["reality"]) == {(c, k) for c in ("unseen", "seen") for k in ("belief", "knowledge")}
    for condition, name in (("unseen", "reality"), ("seen", "first_place")):
        for kind in ("belief", "knowledge"):
            assert not any(right[name][condition, kind])
        other = "seen" if condition == "unseen" else "unseen"
        assert all(right[name][other, "belief"])


def test_in_a_free_tour_only_what_was_seen_is_known():
    """A learner that stays where it is: what it has not seen, it has no answer to."""
    unknown = 0
    for seed in range(12):
        simulation = begin(1, seed, tour="free")
        cue = int(simulation.worlds["memory"][0, recall.CUED])
        for _ in steps(simulation, "external", until=cue):
            pass
        for probe in simulation.probes():
            if probe.kind == "belief":
                assert probe.own == probe.answer
                unknown += probe.answer == "unknown"
            elif probe.kind == "percept":
                assert probe.own in ("", probe.answer)
                unknown += probe.own == ""
    assert unknown > 40


# --- What is done -------------------------------------------------------------------------------------------
def way(w, pose, goal):
    """Actions till a thing is picked up, by an obvious search over poses."""
    cells, seen, queue = floor(w), {pose}, deque([(pose, 0)])
    while queue:
        (cell, heading), length = queue.popleft()
        if cell + AHEAD[heading] == goal:
            return length + 1
        ahead = cell + AHEAD[heading]
        for near in ((cell, (heading + 1) % 4), (cell, (heading - 1) % 4), (ahead, heading)):
            if near[0] in cells and near not in seen:
                seen.add(near)
                queue.append((near, length + 1))
    raise AssertionError("there is no way")


def test_perf_is_the_way_that_knowledge_allows_by_ones_own():
    for simulation, _ in asked():
        w = simulation.worlds[0]
        o = int(w["memory"][recall.NAMED])
        believed = int(w["belief"][o, simulation.chains.index((LEARNER,))])
        pose = int(w["place"][LEARNER]), int(w["heading"][LEARNER])
        shortest = way(w, pose, believed)
        if believed != w["thing"][o]:
            shortest += way(w, (believed, pose[1]), int(w["thing"][o]))
            shortest = max(shortest, way(w, pose, int(w["thing"][o])))
        assert w["memory"][recall.SHORTEST] == shortest
        twin = GAME.simulation(1)
        twin.worlds[:] = simulation.worlds
        twin.worlds["want"] = 0  # nothing hangs on it
        twin._look(0, 1)
        cued = int(w["memory"][recall.CUED])
        for _ in steps(twin):
            pass
        assert twin.ends[0, 0]
        own = int(twin.worlds["step"][0]) - cued
        assert twin.worlds["perf"][0] == pytest.approx(min(1, shortest / own))


@pytest.mark.parametrize("moved", recall.FATES)
def test_who_finds_what(moved):
    perf = {}
    for mode in ("scripted", "exact", "last_seen", "reflex", "random"):
        simulation = begin(60, 31, moved=moved, layout="held_out", asked="handled")
        for _ in steps(simulation, mode):
            pass
        perf[mode] = float(simulation.worlds["perf"].mean())
    assert perf["exact"] == 1
    assert perf["scripted"] > 0.9
    assert perf["last_seen"] == (1 if moved == "never" else 0)
    assert perf["reflex"] < 0.6
    assert perf["random"] < 0.2


def test_a_lost_thing_is_searched_for_where_one_has_not_looked_since():
    """Unseen, the thing goes into the next room; the scripted learner finds it in every episode."""
    for layout in recall.LAYOUTS:
        simulation = begin(80, 3, moved="unseen", layout=layout, asked="handled", movers="train")
        for _ in steps(simulation):
            pass
        assert simulation.ends[:, 0].mean() > 0.95


def test_what_is_asked_for():
    handled, other = (begin(50, 3, asked=asked) for asked in ("handled", "other"))
    for simulation, same in ((handled, True), (other, False)):
        memory = simulation.worlds["memory"]
        assert ((memory[:, recall.HANDLED] == memory[:, recall.NAMED]) == same).all()
    mixed = begin(200, 3).worlds["memory"]
    assert 0.3 < (mixed[:, recall.HANDLED] == mixed[:, recall.NAMED]).mean() < 0.7
    alone = begin(20, 3, mover="nobody", moved="unseen")
    assert alone.count == 1
    for _ in steps(alone):
        pass
    assert (alone.worlds["perf"] == 1).all()
    with pytest.raises(ValueError, match="'asked' is 'other', expected 'any' or 'handled' with things=1"):
        GAME.simulation(1, {"asked": "other", "things": 1})
