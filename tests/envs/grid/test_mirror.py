"""Mirror: fields, orientations, what is learnt by watching, held against a second, slow telling of it."""

import itertools

import numpy as np
import pytest

from mindsight.envs.grid import GAMES, engine, layout, mirror
from mindsight.envs.simulation import MODES

GAME = GAMES["mirror"]
LEARNER, DEMONSTRATOR = mirror.LEARNER, mirror.DEMONSTRATOR
AHEAD = ((0, -1), (1, 0), (0, 1), (-1, 0))


def simulation(number, seed=0, **options):
    made = GAME.simulation(number, options)
    made.reset(seed)
    return made


def play(made, learner="scripted", demonstrator="scripted"):
    """The simulation after each step."""
    modes = np.array([MODES.index(learner), MODES.index(demonstrator)])
    actions = np.zeros((made.num_envs, 2), np.int64)
    while not made.ends.any(axis=1).all():
        made.script(modes, actions)
        made.step(actions)
        yield made


def played(learner, number=200, seed=100, **options):
    made = simulation(number, seed, **options)
    for _ in play(made, learner):
        pass
    return made.worlds


def tally(worlds, name):
    return worlds["memory"][:, GAME.tallies[name]]


def safe_places(w, a):
    """Where the safe stones of somebody's field are, from the way and the orientations, in x and y."""
    found = set()
    for cell in mirror.WAYS[w["memory"][mirror.PATH]]:
        left, far = cell % 5, cell // 5
        if a == DEMONSTRATOR:
            turn = int(w["memory"][mirror.TURN])
            left, far = (4 - left if turn & 1 else left), (4 - far if turn & 2 else far)
            left, far = (far, left) if turn & 4 else (left, far)
        x, y = (5 - left, 8 + far) if a == LEARNER else (1 + left, 5 - far)
        found.add(layout.turn_place(y << 4 | x, int(w["memory"][mirror.ORIENTATION]), 7, 14))
    return found


# --- The fields -----------------------------------------------------------------------------------
def test_ways_have_no_short_cuts_and_no_luck():
    assert len(set(mirror.WAYS)) == len(mirror.WAYS) >= 20
    for way in mirror.WAYS:
        assert (way[0], way[-1]) == (mirror.START, mirror.GOAL)
        assert len(set(way)) == len(way)
        for (k, one), (n, other) in itertools.combinations(enumerate(way), 2):
            apart = abs(one % 5 - other % 5) + abs(one // 5 - other // 5)
            assert (apart == 1) == (n - k == 1)
        assert not {0, 4} & set(way)


def test_the_sets_of_ways_and_of_orientations_do_not_overlap():
    def images(paths):
        """The cells of the ways in all eight orientations."""
        return {frozenset(mirror.TURNED[turn][list(mirror.WAYS[k])]) for k in paths for turn in range(8)}

    assert not images(mirror.TRAIN_PATHS) & images(mirror.HELD_OUT_PATHS)
    drawn = {
        which: simulation(200, orientations=which, paths=which).worlds["memory"]
        for which in ("train", "held_out")
    }
    for field in (mirror.TURN, mirror.PATH):
        assert not set(drawn["train"][:, field].tolist()) & set(drawn["held_out"][:, field].tolist())
    for which in ("train", "held_out"):
        assert len(set(drawn[which][:, mirror.TURN].tolist())) == 4


def test_places_and_cells_are_inverse():
    for w in simulation(40, 2).worlds:
        for a, cell in itertools.product(range(2), range(25)):
            assert mirror.cell_of(w, a, mirror.place_of(w, a, cell)) == cell
        assert mirror.cell_of(w, LEARNER, int(w["place"][LEARNER])) == -1


def test_the_learner_sees_all_of_the_field_and_how_it_is_turned():
    """The pad, the beacon and the block alone tell the orientation, and safe stones look like traps."""
    made = simulation(200, 4)
    for k, w in enumerate(made.worlds):
        seen = made.window[k, LEARNER, :5, 1:6, 0][::-1].reshape(25)  # as it looks: near cells first
        block = int(w["memory"][mirror.BLOCK_CELL])
        looks = {2: engine.PAD, 22: engine.BEACON, block: engine.BLOCK}
        own = [looks.get(cell, engine.STONE) for cell in range(25)]
        fitting = [
            turn
            for turn in range(8)
            if all(seen[mirror.TURNED[turn, cell]] == own[cell] for cell in range(25))
        ]
        assert len(fitting) == 1
        mirrored = w["memory"][mirror.ORIENTATION] in (1, 2, 4, 7)  # right and left of the map, too
        if not mirrored:
            assert fitting == [int(w["memory"][mirror.TURN])]


# --- The rules ------------------------------------------------------------------------------------
@pytest.mark.parametrize("demonstrator", ["scripted", "random"])
@pytest.mark.parametrize("learner", ["random", "last_seen", "egocentric"])
def test_traps_punish_and_put_back_and_the_beacon_ends(learner, demonstrator):
    made = simulation(40, 8)
    start = made.worlds.copy()
    touches = np.zeros((40, 2), np.int64)
    opened = np.zeros(40, bool)
    running = np.ones(40, bool)
    last = made.worlds.copy()
    for _ in play(made, learner, demonstrator):
        for k, w in enumerate(made.worlds):
            if not running[k]:
                continue
            going = LEARNER if opened[k] else DEMONSTRATOR
            place = int(last[k]["place"][going])
            if w["action"][going] == engine.FORWARD:
                dx, dy = AHEAD[last[k]["heading"][going]]
                target = place + dx + 16 * dy
                if int(last[k]["cells"][target]) & 0xFF != engine.BLOCK:
                    place = target
            seat = int(start[k]["place"][going])
            touched = place not in safe_places(w, going) and place != int(start[k]["place"][LEARNER])
            beacon = int(w["cells"][place]) & 0xFF == engine.BEACON
            touches[k, going] += touched
            assert int(w["place"][going]) == (seat if touched else place)
            face = engine.SAD if touched else (engine.GLAD if beacon else engine.NEUTRAL)
            assert w["face"][going] == face
            assert made.rewards[k, going] == pytest.approx(-0.01 - 0.5 * touched + beacon)
            assert made.rewards[k, 1 - going] == 0
            assert bool(w["terminated"]) == (going == LEARNER and beacon)
            if w["terminated"]:
                assert w["perf"] == pytest.approx(1 / (1 + touches[k, LEARNER]))
            running[k] = not (w["terminated"] or w["truncated"])
            opened[k] |= going == DEMONSTRATOR and (beacon or w["step"] == mirror.WATCHING)
            assert w["task"][:2].tolist() == ([2, 1] if opened[k] else [1, 2])
        last = made.worlds.copy()
    assert tally(made.worlds, "touches").tolist() == touches[:, LEARNER].tolist()
    assert tally(made.worlds, "shown").tolist() == touches[:, DEMONSTRATOR].tolist()
    assert opened.all()


def test_demonstrators_are_what_the_page_says():
    steady, slow, errs = (
        played("scripted", seed=3, demonstrator=which) for which in ("steady", "slow", "errs")
    )
    assert not tally(steady, "shown").any() and not tally(slow, "shown").any()
    assert (tally(errs, "shown") == 1).all()
    for worlds in (steady, slow, errs):
        assert worlds["memory"][:, mirror.ARRIVED].all()
    assert (slow["step"] > steady["step"] + 8).all()


def test_an_arrow_goes_alike():
    """The same moves in the same worlds, and nothing is paid to it."""
    person, arrow = (simulation(40, 6, social=social) for social in (True, False))
    for one, other in zip(play(person), play(arrow), strict=True):
        np.testing.assert_array_equal(one.worlds["place"], other.worlds["place"])
        np.testing.assert_array_equal(one.rewards[:, LEARNER], other.rewards[:, LEARNER])
        assert not other.rewards[:, DEMONSTRATOR].any()
        assert not other.worlds["face"][:, DEMONSTRATOR].any()


# --- Who learns what ------------------------------------------------------------------------------
@pytest.mark.parametrize("demonstrator", ["steady", "slow", "errs"])
@pytest.mark.parametrize("which", ["train", "held_out"])
def test_who_has_watched_touches_nothing(which, demonstrator):
    for learner in ("scripted", "exact"):
        worlds = played(learner, orientations=which, paths=which, demonstrator=demonstrator)
        assert not tally(worlds, "touches").any()
        np.testing.assert_array_equal(worlds["perf"], 1)


def test_trial_and_error_gets_there_by_touching():
    worlds = played("last_seen", orientations="held_out")
    assert tally(worlds, "success").mean() > 0.95
    assert tally(worlds, "touches").mean() > 2


def test_copies_are_right_where_the_field_is_not_turned():
    for learner in ("egocentric", "reflex"):
        assert (played(learner, orientations="unturned", demonstrator="errs")["perf"] == 1).all()
    assert tally(played("egocentric", orientations="held_out"), "success").mean() < 0.05
    worlds = played("reflex", orientations="held_out")
    turned = np.isin(worlds["memory"][:, mirror.TURN], mirror.ROTATIONS)
    assert (worlds["perf"][turned] == 1).all()
    assert worlds["perf"][~turned].mean() < 0.05


def test_who_looks_away_has_to_try():
    made = simulation(60, 5, orientations="held_out", demonstrator="steady")
    actions = np.zeros((60, 2), np.int64)
    modes = np.array([MODES.index("external"), MODES.index("scripted")])
    for turn in (engine.TURN_RIGHT, engine.TURN_RIGHT, *[engine.WAIT] * 62):
        actions[:, LEARNER] = turn
        made.script(modes, actions)
        made.step(actions)
    assert made.worlds["memory"][:, mirror.OPEN].all() and made.worlds["memory"][:, mirror.MISSED].all()
    for _ in play(made, "scripted"):
        pass
    assert tally(made.worlds, "touches").mean() > 1


# --- What is asked --------------------------------------------------------------------------------
@pytest.mark.parametrize("social", [True, False])
def test_questions_are_about_the_stones(social):
    made = simulation(60, 12, social=social)
    asked = 0
    was = np.zeros(60, bool)
    for _ in play(made):
        for k, w in enumerate(made.worlds):
            if not w["ask"] or was[k]:
                continue
            was[k] = True
            items = made.game.probes(made, k)
            assert len(items) == 4
            for item in items:
                x, y = map(int, item.about.strip("()").split(","))
                a = LEARNER if "your field" in item.question else DEMONSTRATOR
                assert int(w["cells"][y << 4 | x]) & 0xFF == engine.STONE
                assert item.answer == ("yes" if y << 4 | x in safe_places(w, a) else "no")
                assert item.own == item.answer
                assert (item.role == "test") == ("no_change" in item.shortcuts)
                if item.role == "test":
                    assert item.shortcuts["no_change"] != item.answer
            assert sorted(item.answer for item in items) == ["no", "no", "yes", "yes"]
            tests = [item for item in items if item.role == "test"]
            assert len(tests) == (0 if w["memory"][mirror.TURN] == mirror.UNTURNED else 2)
            asked += 1
    assert asked == 60
