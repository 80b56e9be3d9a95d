"""Hide: what the predator sees, keeps in mind and does, held against a second, slow telling of the page."""

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest

from mindsight.envs.grid import GAMES, characters, engine, hide, hide_maps, layout, vision
from mindsight.envs.simulation import MODES

sys.path.append(str(Path(__file__).parents[1]))
import slow_grid as slow

GAME = GAMES["hide"]
PREY, PREDATOR = hide.PREY, hide.PREDATOR
M = hide.MIND


def simulation(number, seed=0, **options):
    made = GAME.simulation(number, options)
    made.reset(seed)
    return made


def play(made, prey="scripted", predator="scripted", steps=300):
    """The simulation after each step."""
    modes = np.array([MODES.index(prey), MODES.index(predator)])
    actions = np.zeros((made.num_envs, 2), np.int64)
    for _ in range(steps):
        if made.ends.any(axis=1).all():
            return
        made.script(modes, actions)
        made.step(actions)
        yield made


def survival(prey, number=48, **options):
    made = simulation(number, 100, **options)
    for _ in play(made, prey):
        pass
    return float(made.worlds["perf"].mean())


def places(w):
    return int(w["place"][PREY]), int(w["place"][PREDATOR])


# --- The start ------------------------------------------------------------------------------------
@pytest.mark.parametrize("start", ["ignorant", "knows"])
@pytest.mark.parametrize("maps", ["train", "held_out"])
def test_starts_are_what_the_page_says(start, maps):
    for w in simulation(150, 3, start=start, layouts=maps).worlds:
        prey, predator = places(w)
        assert slow.sees_cell(w, PREY, predator, 7)
        assert slow.sees_cell(w, PREDATOR, prey, 7) == (start == "knows")
        assert hide.distance(prey, predator) >= 4
        assert predator in w["memory"][hide.POSTS : hide.POSTS + 4]
        assert w["memory"][M + hide.BELIEVED] == (prey if start == "knows" else engine.NOWHERE)


def test_starts_of_one_seed_are_twins():
    one, other = (simulation(100, 5, start=start).worlds for start in ("ignorant", "knows"))
    np.testing.assert_array_equal(one["place"], other["place"])
    np.testing.assert_array_equal(one["cells"], other["cells"])
    np.testing.assert_array_equal(one["heading"][:, PREY], other["heading"][:, PREY])
    for field in (hide.POST, hide.WAY, hide.HABIT, hide.SIDEWAYS):
        np.testing.assert_array_equal(one["memory"][:, M + field], other["memory"][:, M + field])


def test_every_map_has_a_start_whichever_way_round_and_however_far_one_sees():
    w = simulation(1).worlds[0]
    for size, number, way in itertools.product((5, 7, 9), range(len(hide_maps.MAPS)), range(2)):
        engine.clear(w, hide.SIDE, hide.SIDE, 2, 0, 80)
        layout.build(w, hide.TERRAINS[number], hide.SIDE, hide.SIDE, 0)
        w["memory"][hide.LAYOUT] = number
        found = 0
        for post in range(4):
            w["place"][PREDATOR] = hide.POST_PLACES[number, post]
            heading = int(hide.FIRST_HEADING[number, post, way])
            found += hide.prey_cell(w, heading, hide.START_DISTANCE, 0, size) != engine.NOWHERE
        assert found, (size, number, way)


def test_the_two_sets_of_maps_and_of_habits_do_not_overlap():
    def drawn(number):
        terrain = hide.TERRAINS[number]
        turned = np.zeros((8, 256), np.uint8)
        for orientation, cell in itertools.product(range(8), range(256)):
            if cell & 15 < hide.SIDE and cell >> 4 < hide.SIDE:
                turned[orientation, layout.turn_place(cell, orientation, 11, 11)] = terrain[cell]
        return {row.tobytes() for row in turned}

    train, held_out = range(len(hide.TRAIN)), range(len(hide.TRAIN), len(hide_maps.MAPS))
    assert not set.union(*map(drawn, train)) & set.union(*map(drawn, held_out))
    seen = {
        habits: set(simulation(100, habits=habits).worlds["memory"][:, M + hide.HABIT].tolist())
        for habits in ("train", "held_out")
    }
    assert seen == {"train": {0, 1}, "held_out": {2, 3}}


# --- What is known of the maps ----------------------------------------------------------------------
def shown(w, number, orientation):
    """Show a map in a world; its floor."""
    engine.clear(w, hide.SIDE, hide.SIDE, 2, 0, 80)
    layout.build(w, hide.TERRAINS[number], hide.SIDE, hide.SIDE, orientation)
    w["memory"][hide.LAYOUT], w["memory"][hide.ORIENTATION] = number, orientation
    walkable = engine.PROPERTIES[w["cells"] & 0xFF] & engine.WALKABLE != 0
    return np.flatnonzero(walkable).tolist()


# each map in each orientation
SHOWN = [(number, orientation) for number in range(7) for orientation in range(8)]


@pytest.mark.parametrize("short", [0, vision.SHORT_SIGHTED])
def test_what_would_be_seen_is_what_a_scan_sees(short):
    w = simulation(1).worlds[0]
    for (number, orientation), size in itertools.product(SHOWN, vision.WINDOWS):
        floor = shown(w, number, orientation)
        w["limits"][PREDATOR] = short
        for place, heading in itertools.product(floor[orientation::16], range(4)):
            w["place"][PREDATOR], w["heading"][PREDATOR] = place, heading
            vision.scan(w, PREDATOR, size)
            for cell in floor:
                seen = vision.sees(w, PREDATOR, cell, size)
                assert hide.would_see(w, PREDATOR, cell, size) == seen, (number, orientation, place, cell)


def test_the_ways_are_those_that_a_search_finds():
    w = simulation(1).worlds[0]
    for number, orientation in SHOWN:
        floor = shown(w, number, orientation)
        w["place"][PREY] = floor[7 * orientation + 1]
        for place, heading in itertools.product(floor[orientation % 7 :: 7], range(4)):
            w["place"][PREDATOR], w["heading"][PREDATOR] = place, heading
            for goal in (*floor[number::3], int(w["place"][PREY])):
                # the prey is seen, or not; to be faced, or to be stood on
                w["gaze"] = goal % 2 << (PREDATOR * 8 + PREY)
                for manner in (characters.ON, characters.BEFORE):
                    found = hide.head_for(w, goal, manner)
                    assert found == characters.plan(w, PREDATOR, goal, manner)
                length = characters.route_length(w, PREDATOR, goal, characters.ON)
                assert hide.steps_to(w, goal, place, heading) == length


# --- What the predator keeps in mind ---------------------------------------------------------------
@pytest.mark.parametrize("prey", ["random", "scripted"])
def test_the_predators_mind_follows_from_its_own_sight(prey):
    """The page once more: seen, believed where seen last; there in vain, search; given up after the turns."""
    for habits in ("train", "held_out"):
        made = simulation(24, 9, habits=habits)
        believed = made.worlds["memory"][:, M + hide.BELIEVED].tolist()
        searching = [0] * 24
        running = [True] * 24
        for _ in play(made, prey):
            for k, w in enumerate(made.worlds):
                if not running[k]:
                    continue
                cell, place = places(w)
                memory = w["memory"]
                turns = 8 if memory[M + hide.HABIT] == hide.SHORT else 4
                if slow.sees_cell(w, PREDATOR, cell, 7):
                    believed[k], searching[k] = cell, 0
                elif searching[k]:
                    searching[k] += 1
                    if searching[k] > turns:
                        believed[k], searching[k] = 0, 0
                elif believed[k] == place:
                    searching[k] = 1
                assert memory[M + hide.BELIEVED] == believed[k]
                assert (memory[M + hide.MODE] == hide.SEARCH) == (searching[k] > 0)
                ahead = slow.AHEAD[int(w["heading"][PREDATOR])]
                caught = cell == place + 16 * ahead[1] + ahead[0]
                assert bool(w["terminated"]) == caught == bool(memory[hide.CAUGHT])
                assert w["task"].tolist()[:2] == ([2, 2] if caught else [1, 1])
                running[k] = not (w["terminated"] or w["truncated"])
        assert made.worlds["memory"][:, hide.NOTICED].any()


def test_it_runs_only_while_it_sees_the_prey():
    made = simulation(64, 2)
    long = 0
    before = made.worlds["place"][:, PREDATOR].copy()
    saw = made.worlds["memory"][:, M + hide.SEES].copy()
    for _ in play(made, "reflex"):
        gone = [
            hide.distance(int(a), int(b))
            for a, b in zip(before, made.worlds["place"][:, PREDATOR], strict=True)
        ]
        for k, steps in enumerate(gone):
            assert steps <= 1 or (steps == 2 and saw[k])
            long += steps == 2
        before = made.worlds["place"][:, PREDATOR].copy()
        saw = made.worlds["memory"][:, M + hide.SEES].copy()
    assert long


def test_its_face_does_not_tell_whether_it_sees():
    made = simulation(64, 4)
    faces = set()
    for _ in play(made, "scripted"):
        over = made.worlds["terminated"] == 1
        seen = (made.worlds["memory"][:, M + hide.SEES] == 1) & ~over
        assert (made.worlds["face"][seen, PREDATOR] == engine.NEUTRAL).all()
        assert (made.worlds["face"][over, PREDATOR] == engine.GLAD).all()
        faces |= set(made.worlds["face"][:, PREDATOR].tolist())
    assert faces == {engine.NEUTRAL, engine.GLAD, engine.SAD, engine.SURPRISED}


# --- The camera -------------------------------------------------------------------------------------
def test_the_camera_is_the_predator_without_the_figure_as_long_as_nobody_is_seen():
    social, camera = (simulation(40, 6, start="ignorant", social=kind) for kind in (True, False))
    wait = np.zeros((40, 2), np.int64)
    hunting = np.array([0, MODES.index("scripted")])
    unseen = np.ones(40, bool)
    steps = 0
    for _ in range(30):
        np.testing.assert_array_equal(social.window[unseen][..., :2], camera.window[unseen][..., :2])
        np.testing.assert_array_equal(social.worlds["heading"][unseen], camera.worlds["heading"][unseen])
        for made in (social, camera):
            made.script(hunting, wait)
            made.step(wait)
        unseen &= social.worlds["memory"][:, hide.SEEN] == 0
        steps += unseen.sum()
    assert steps > 100
    assert (camera.worlds["memory"][:, M + hide.MODE] == hide.PATROL).all()
    assert (camera.worlds["memory"][:, hide.SEEN] > 0).any()


def test_the_camera_catches_what_stays_in_its_beam():
    made = simulation(64, 8, social=False)
    exposed = np.zeros(64, int)
    ended = np.zeros(64, bool)
    for _ in play(made, "random"):
        for k, w in enumerate(made.worlds):
            if not ended[k]:
                exposed[k] = exposed[k] + 1 if slow.sees_cell(w, PREDATOR, int(w["place"][PREY]), 7) else 0
                assert bool(w["terminated"]) == (exposed[k] == 3)
        ended = made.ends.any(axis=1).copy()
    assert (exposed == 3).any()


# --- The prey ---------------------------------------------------------------------------------------
def test_predicting_pays():
    score = {
        mode: survival(mode, start="ignorant")
        for mode in ("random", "reflex", "last_seen", "reality_biased", "egocentric", "scripted", "exact")
    }
    assert score["exact"] > 0.95
    assert score["exact"] >= score["scripted"] > score["reality_biased"]
    mindless = [score[m] for m in ("random", "reflex", "last_seen", "egocentric")]
    assert score["scripted"] > max(mindless) + 0.2
    for start in ("ignorant", "knows"):
        known = {mode: survival(mode, start=start) for mode in ("random", "exact")}
        assert known["exact"] > known["random"] + 0.3, (start, known)


def test_a_small_childs_hiding_is_not_to_look():
    """It hardly ever sees the predator, and is seen far more often than who works out what that sees."""
    looked, seen = {}, {}
    for mode in ("egocentric", "scripted"):
        made = simulation(48, 12, start="ignorant")
        looking = steps = 0
        for _ in play(made, mode):
            running = ~made.ends.any(axis=1)
            looking += int((made.worlds["gaze"][running] >> np.uint64(PREDATOR) & np.uint64(1)).sum())
            steps += int(running.sum())
        looked[mode] = looking / steps
        seen[mode] = int(made.worlds["memory"][:, hide.SEEN].sum()) / steps
    assert looked["egocentric"] < 0.03
    assert seen["egocentric"] > 3 * seen["scripted"]


class Slow:
    """The prey's plan once more: the least cost from each pose and step on, by going through the actions."""

    def __init__(self, w, minds, notes, size):
        self.w, self.minds, self.size = w.copy(), minds, size
        self.poses = [(0, 0)]
        home = hide.HOME[w["memory"][hide.ORIENTATION]].tolist()
        headings = hide.HOME_HEADING[w["memory"][hide.ORIENTATION]].tolist()
        for spot, facing in zip(notes["spot"][1:], notes["facing"][1:], strict=True):
            self.poses.append((home.index(spot), headings.index(facing)))
        self.costs = {}

    def sees(self, place, heading, cell, a):
        self.w["place"][a], self.w["heading"][a] = place, heading
        return slow.sees_cell(self.w, a, cell, self.size)

    def after(self, cell, h, action):
        dx, dy = slow.AHEAD[h]
        ahead = cell + 16 * dy + dx
        if action == engine.FORWARD:
            return (ahead, h) if slow.terrain(self.w, ahead) in slow.WALKABLE else None
        return cell, (h + {engine.TURN_LEFT: 3, engine.TURN_RIGHT: 1}.get(action, 0)) % 4

    def choices(self, cell, h, step):
        """What each action costs from here on."""
        found = []
        for action in range(4):
            pose = self.after(cell, h, action)
            if pose:
                cost = self.cost(*pose, step + 1) * np.float32(0.92)
                found.append((cost if action == engine.WAIT else cost + np.float32(0.02), action))
        return found

    def cost(self, cell, h, step):
        if (cell, h, step) not in self.costs:
            least = min(self.choices(cell, h, step))[0] if step < hide.HORIZON else np.float32(0)
            place, facing = self.poses[step]
            apart = abs(cell % 16 - place % 16) + abs(cell // 16 - place // 16)
            seen, sees_it = self.sees(place, facing, cell, PREDATOR), self.sees(cell, h, place, PREY)
            self.costs[cell, h, step] = least + np.float32(hide._danger(self.minds, apart, seen, sees_it))
        return self.costs[cell, h, step]


@pytest.mark.parametrize("habits", ["train", "held_out"])
@pytest.mark.parametrize("minds", [hide.PRUDENT, hide.CHILDISH, hide.RUNAWAY])
def test_the_plan_is_the_best_of_all(minds, habits):
    made = simulation(4, 40 + minds, habits=habits)
    notes = np.zeros(1, hide.NOTES)[0]
    notes["cost"] = np.inf
    for _ in range(3):
        for _ in itertools.islice(play(made, "random", steps=5), 5):
            pass
        for w in made.worlds:
            hide.foresee(w, MODES.index("exact"), 7, notes)
            short = int(w["limits"][PREDATOR] != 0)
            action = hide.best_action(w, minds, short, 7, notes)
            choices = Slow(w, minds, notes, 7).choices(int(w["place"][PREY]), int(w["heading"][PREY]), 0)
            assert action == min(choices)[1], choices


@pytest.mark.parametrize("mode", ["scripted", "exact", "egocentric", "reality_biased", "last_seen"])
def test_to_plan_changes_nothing_but_the_notion(mode):
    made = simulation(8, 21, habits="held_out")
    modes = np.array([MODES.index(mode), MODES.index("scripted")])
    actions = np.zeros((8, 2), np.int64)
    for _ in range(25):
        before = made.worlds.copy()
        made.script(modes, actions)
        again = actions.copy()
        made.script(modes, again)
        np.testing.assert_array_equal(actions, again)
        for field in made.worlds.dtype.names:
            now, then = made.worlds[field].copy(), before[field]
            if field == "memory":
                now[:, hide.NOTION : hide.NOTION + 12] = then[:, hide.NOTION : hide.NOTION + 12]
            np.testing.assert_array_equal(now, then, err_msg=field)
        made.step(actions)


# --- What is asked ----------------------------------------------------------------------------------
@pytest.mark.parametrize("options", [{}, {"habits": "held_out"}, {"social": False}])
def test_answers_about_sight_by_the_slow_rule(options):
    made = simulation(40, 31, **options)
    for k, w in enumerate(made.worlds):
        prey, predator = places(w)
        for probe in made.probes(k):
            if probe.kind != "percept":
                continue
            viewer = PREDATOR if probe.chain == ("predator_0",) else PREY
            if probe.about.startswith("("):
                x, y = map(int, probe.about.strip("()").split(","))
                cell = y * 16 + x
            else:
                cell = prey if probe.about == "prey_0" else predator
            assert probe.answer == ("yes" if slow.sees_cell(w, viewer, cell, 7) else "no")


def test_no_two_posts_are_called_the_same():
    for layouts in ("train", "held_out"):
        for w in simulation(64, layouts=layouts).worlds:
            assert len({hide._side(int(post)) for post in w["memory"][hide.POSTS : hide.POSTS + 4]}) == 4


@pytest.mark.parametrize(
    "options", [{"start": "knows"}, {"habits": "turncoat", "start": "ignorant"}, {"social": False}]
)
def test_what_is_foretold_comes_true_if_the_prey_stays(options):
    """The next turn, and the next post as long as the prey is not noticed."""
    made = simulation(40, 17, **options)
    asked = [{p.kind: p.answer for p in made.probes(k)} for k in range(40)]
    start = made.worlds["place"][:, PREDATOR].copy()
    turned, come = [""] * 40, [""] * 40
    actions = np.zeros((40, 2), np.int64)
    noticed = made.worlds["memory"][:, M + hide.BELIEVED] != 0
    for _ in range(40):
        made.script(np.array([0, MODES.index("scripted")]), actions)
        running = ~made.ends.any(axis=1)
        made.step(actions)
        noticed |= made.worlds["memory"][:, M + hide.BELIEVED] != 0
        for k, w in enumerate(made.worlds):
            if running[k]:
                turned[k] = turned[k] or {1: "left", 2: "right"}.get(int(w["action"][PREDATOR]), "")
                place = int(w["place"][PREDATOR])
                if place in w["memory"][hide.POSTS : hide.POSTS + 4] and place != start[k] and not noticed[k]:
                    come[k] = come[k] or hide._side(place)
    kinds = set()
    for k in range(40):
        for kind, happened in (("next_action", turned[k]), ("goal", come[k])):
            if kind in asked[k] and happened:
                assert asked[k][kind] == happened, (k, kind)
                kinds.add(kind)
    assert kinds == ({"next_action"} if options.get("start") == "knows" else {"next_action", "goal"})


def test_to_ask_changes_nothing():
    made = simulation(10, 3)
    before = made.worlds.tobytes()
    for k in range(10):
        assert made.probes(k) == made.probes(k)
    assert made.worlds.tobytes() == before


def test_whether_it_knows():
    for start, answer in (("ignorant", "no"), ("knows", "yes")):
        made = simulation(20, 5, start=start)
        for k in range(20):
            (probe,) = (p for p in made.probes(k) if p.kind == "knowledge")
            assert probe.answer == probe.own == answer
