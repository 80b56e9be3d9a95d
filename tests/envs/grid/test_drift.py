"""Drift: its physics against a second account, its questions against what then happens."""

import math
import re
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindsight.envs.grid import GAMES, drift, engine
from mindsight.envs.simulation import MODES
from mindsight.scenarios import audit, evaluate, load_scenario

GAME = GAMES["drift"]
HELD_OUT = {"layouts": "held_out", "pace": "held_out", "habits": "held_out", "walkers": 3}
AHEAD = [(0, -1), (1, 0), (0, 1), (-1, 0)]


def start(count=1, seed=0, **options):
    simulation = GAME.simulation(count, options)
    simulation.reset(seed)
    return simulation


def exams(simulation, mode="scripted"):
    """Play on; the worlds whose exam is put now, at each step at which there are some."""
    modes = np.full(simulation.count, MODES.index("scripted"))
    modes[0] = MODES.index(mode)
    actions = np.zeros((simulation.num_envs, simulation.count), np.int64)
    while True:
        if simulation.worlds["ask"].any():
            yield np.flatnonzero(simulation.worlds["ask"])
        if simulation.ends.any(1).all():
            return
        simulation.script(modes, actions)
        simulation.step(actions)


def wait(simulation):
    """What a simulation is after a step in which everybody waits, and it unchanged."""
    state = simulation.get_state()
    simulation.step(np.zeros((simulation.num_envs, simulation.count), np.int64))
    window = simulation.window.copy()
    places = simulation.worlds["place"].copy()
    simulation.set_state(state)
    return window, places


def shown(simulation, window, probe):
    """The answer to a question in a window: what stands in the cell that it names."""
    size = simulation.size
    forward = int((re.search(r"(\d+) ahead", probe.about) or [0, 0])[1])
    side = re.search(r"(\d+) (left|right)", probe.about)
    right = 0 if side is None else int(side[1]) * (1 if side[2] == "right" else -1)
    terrain, thing, body, _ = window[size - 1 - forward, size // 2 + right].tolist()
    if probe.options == ("off", "on"):
        return {"light_off": "off", "light_on": "on"}[engine.TERRAIN[terrain]]
    if probe.options[0] == "nobody":
        return simulation.individuals[(body - 1) // 4] if body else "nobody"
    return engine.THINGS[thing] if thing else "nothing"


# --- Maps --------------------------------------------------------------------------------------------
def test_every_belt_is_part_of_a_ring():
    for map_ in drift.LAYOUTS:
        belts = {c: int(map_.terrain[c]) - engine.CONVEYOR for c in range(256)
                 if engine.CONVEYOR <= map_.terrain[c] < engine.CONVEYOR + 4}  # fmt: skip
        after = {c: c + AHEAD[h][0] + 16 * AHEAD[h][1] for c, h in belts.items()}
        assert len(belts) >= 8 and set(after.values()) == set(belts)
        assert len(map_.marks[","]) == drift.NUM_LIGHTS


def test_held_out_halls_and_paces_are_never_trained_on():
    terrains = {}
    memory = {}
    for which in ("train", "held_out"):
        worlds = start(200, layouts=which, pace=which, habits=which).worlds
        # lights and belts, whatever the orientation: how often each terrain is there, and its walls' shape
        grids = (worlds["cells"] & 0xFF).reshape(-1, 16, 16)[:, :11, :11]
        terrains[which] = {
            min(image.tobytes() for image in images(grid == engine.WALL, grid)) for grid in grids
        }
        lights = worlds["memory"][:, drift.LIGHT : drift.BALL].reshape(-1, 4, drift.LIGHT_SIZE)
        balls = worlds["memory"][:, drift.BALL : drift.HABIT].reshape(-1, 2, drift.BALL_SIZE)
        memory[which] = (
            set(lights[..., drift.PERIOD].ravel().tolist()),
            set(balls[..., drift.PACE].ravel().tolist()),
            set(worlds["memory"][:, drift.HABIT : drift.HABIT + 3].ravel().tolist()),
        )
    assert len(terrains["train"]) == len(terrains["held_out"]) == 4
    assert not terrains["train"] & terrains["held_out"]
    assert memory["train"] == ({2, 3}, {1, 2}, {0, 1})
    assert memory["held_out"] == ({4, 5}, {3}, {2, 3})


def images(walls, grid):
    """A map's walls and belts (without directions) in the eight orientations of the square."""
    belts = (grid >= engine.CONVEYOR) & (grid < engine.CONVEYOR + 4)
    for k in range(4):
        for flip in (False, True):
            yield np.stack([np.rot90(each[::-1] if flip else each, k) for each in (walls, belts)])


# --- Physics -----------------------------------------------------------------------------------------
def slow_step(w, moved):
    """Belts, balls, lights after a step without noise: a second account, in plain words. ``moved`` is the
    record after the engine's moves, which is what physics starts from."""
    name = lambda cell: engine.TERRAIN[int(moved["cells"][cell]) & 0xFF]  # noqa: E731
    flows = {f"conveyor_{way}": k for k, way in enumerate(("up", "right", "down", "left"))}
    beyond = lambda cell, h: cell + AHEAD[h][0] + 16 * AHEAD[h][1]  # noqa: E731
    bodies = {}
    for a in range(moved["individuals"]):
        place = int(moved["place"][a])
        bodies[a] = beyond(place, flows[name(place)]) if name(place) in flows else place
    # rings carry all who are on them, unless somebody walked in between: then who is behind waits
    clash = True
    while clash:
        clash = False
        for a, cell in bodies.items():
            if cell != moved["place"][a] and list(bodies.values()).count(cell) > 1:
                bodies[a] = int(moved["place"][a])
                clash = True
    things = {o: int(p) for o, p in enumerate(moved["thing"][: moved["things"]]) if 0 < p < engine.HANDS}
    step, wish, heading = int(w["step"]), {}, {}
    for o, cell in things.items():
        if name(cell) in flows:
            wish[o] = beyond(cell, flows[name(cell)])
        elif o < drift.NUM_BALLS:
            ball = moved["memory"][drift.BALL + o * drift.BALL_SIZE :]
            if ball[drift.NEXT_ROLL] != step:
                continue
            heading[o] = int(ball[drift.DIRECTION])
            for h in (heading[o], (heading[o] + 2) % 4):
                to = beyond(cell, h)
                if name(to) in ("floor", "light_off", "light_on") and to not in (
                    *things.values(), *bodies.values()):  # fmt: skip
                    wish[o], heading[o] = to, h
                    break
    for o in [o for o in wish if o in heading and list(wish.values()).count(wish[o]) > 1]:
        del wish[o]
        heading[o] = (heading[o] + 2) % 4
    lights = {}
    for j in range(moved["memory"][drift.LAMP_COUNT]):
        light = moved["memory"][drift.LIGHT + j * drift.LIGHT_SIZE :]
        lit = name(int(light[drift.CELL])) == "light_on"
        lights[int(light[drift.CELL])] = lit != (light[drift.NEXT] == step)
    return bodies, {o: wish.get(o, cell) for o, cell in things.items()}, heading, lights


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), pace=st.sampled_from(["train", "held_out"]))
def test_everything_moves_as_the_page_says(seed, pace):
    """Whoever acts as they like: the rules' part of a step is what the second account says it is."""
    simulation = start(1, seed, pace=pace, layouts=pace, walkers=3)
    rng = np.random.default_rng(seed)
    todo = np.zeros(1, np.uint8)
    for _ in range(40):
        masks = simulation.masks[0]
        actions = np.array([[rng.choice(np.flatnonzero(masks[a])) for a in range(4)]])
        moved = simulation.worlds.copy()
        engine.act_all(moved, actions, 0, todo, 0, 1)  # the first part of a step
        simulation.step(actions)
        w = simulation.worlds[0]
        bodies, things, headings, lights = slow_step(w, moved[0])
        assert {a: int(w["place"][a]) for a in bodies} == bodies
        assert {o: int(w["thing"][o]) for o in things} == things
        for o, heading in headings.items():
            assert int(w["memory"][drift.BALL + o * drift.BALL_SIZE + drift.DIRECTION]) == heading
        for cell, lit in lights.items():
            assert (int(w["cells"][cell]) & 0xFF == engine.LIGHT_ON) == lit


def test_lights_flip_by_their_periods_and_by_their_odds():
    simulation = start(200, physics="lights", limit=80)
    cells = simulation.worlds["memory"][:, drift.LIGHT : drift.BALL].reshape(-1, 4, drift.LIGHT_SIZE)
    periods = cells[..., drift.PERIOD].copy()
    noisy = start(200, physics="lights", noise=20, limit=80)
    lively = noisy.worlds["memory"][:, drift.LIGHT : drift.BALL].reshape(-1, 4, drift.LIGHT_SIZE)[..., 3] == 1
    flips, before = [], []
    for each in (simulation, noisy):
        seen = []
        for _ in range(80):
            each.step(np.zeros((200, each.count), np.int64))
            seen.append(each.worlds["memory"][:, drift.HAPPENED].copy())
        flips.append(np.stack([np.stack(seen) >> j & 1 for j in range(4)], -1))  # (steps, worlds, lights)
        before.append(each)
    for world, light in np.ndindex(periods.shape):
        steps = np.flatnonzero(flips[0][:, world, light])
        assert set(np.diff(steps)) == {periods[world, light]}
    assert flips[1][:, lively].mean() == pytest.approx(0.8, abs=0.01)
    assert flips[1][:, ~lively].mean() == pytest.approx(0.2, abs=0.01)


def test_nothing_is_to_be_gained():
    simulation = start(50)
    for _ in exams(simulation):
        pass
    assert not simulation.worlds["welfare"].any() and not simulation.worlds["perf"].any()
    assert simulation.ends[:, 1].all() and not simulation.ends[:, 0].any()
    assert GAME.judge is None


def test_worlds_of_one_seed_are_twins():
    """What the options leave out is taken away after everything was drawn."""
    whole = start(40, 3)
    for physics in drift.PHYSICS:
        part = start(40, 3, physics=physics)
        np.testing.assert_array_equal(part.worlds["place"], whole.worlds["place"])
        np.testing.assert_array_equal(part.worlds["heading"], whole.worlds["heading"])
        np.testing.assert_array_equal(part.worlds["draws"], whole.worlds["draws"])
        there = part.worlds["thing"] != 0
        np.testing.assert_array_equal(part.worlds["thing"][there], whole.worlds["thing"][there])
        terrains = {engine.TERRAIN[k].split("_")[0] for k in np.unique(part.worlds["cells"] & 0xFF)}
        assert terrains - {"wall", "floor"} == {"conveyors": {"conveyor"}, "lights": {"light"}}.get(
            physics, set()
        )


# --- Questions ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("options", [{}, HELD_OUT, {"physics": "conveyors", "walkers": 3}], ids=str)
@pytest.mark.parametrize("mode", ["scripted", "random"])
def test_answers_are_what_is_seen_next(options, mode):
    simulation = start(100, 8, **options)
    count, changed = 0, Counter()
    for worlds in exams(simulation, mode):
        later, _ = wait(simulation)
        for world in worlds:
            probes = simulation.probes(world)
            for probe in probes:
                assert shown(simulation, later[world, 0], probe) == probe.answer == probe.own
                assert not probe.odds and probe.entropy == 0
                now = shown(simulation, simulation.window[world, 0], probe)
                assert probe.shortcuts["no_change"] == now
                assert (probe.role == "test") == (now != probe.answer)
                changed[probe.condition] += probe.role == "test"
                count += 1
            if probes:
                assert {probe.role for probe in probes} == {"test", "control"}
    assert count > 100
    assert len(changed) == (1 if options.get("physics") else 3)


def test_an_exam_is_put_once_and_to_most():
    simulation = start(200, 4, walkers=1)
    asked = Counter()
    for worlds in exams(simulation):
        asked.update(int(world) for world in worlds if simulation.probes(world))
    assert set(asked.values()) == {1}
    assert len(asked) >= 150
    assert simulation.probes(next(iter(asked))) == [], "it is over"


def test_odds_are_how_often_it_happens():
    """The same worlds go on from the exam with other draws: options come up as often as the odds say."""
    tries = 400
    checked = 0
    simulation = start(12, 21, noise=30)
    for worlds in exams(simulation):
        for world in worlds:
            probes = [probe for probe in simulation.probes(world) if probe.odds]
            if not probes:
                continue
            many = GAME.simulation(tries, {"noise": 30})
            many.reset(0)
            copies = np.repeat(simulation.worlds[world : world + 1], tries)
            copies["key"] = np.arange(tries) + 77
            many.set_state({**many.get_state(), "worlds": copies})
            many.step(np.zeros((tries, many.count), np.int64))
            for probe in probes:
                counts = Counter(shown(many, many.window[k, 0], probe) for k in range(tries))
                assert math.isclose(sum(probe.odds.values()), 1)
                for option, share in probe.odds.items():
                    spread = 4.5 * math.sqrt(share * (1 - share) / tries)
                    assert abs(counts[option] / tries - share) <= spread + 1e-9, (probe, counts)
                checked += 1
    assert checked >= 10


def test_who_watches_tells_lively_lights_from_lazy_ones():
    simulation = start(150, 2, physics="lights", noise=20)
    right = [p.own == p.answer for worlds in exams(simulation) for k in worlds for p in simulation.probes(k)]
    assert len(right) > 150 and np.mean(right) > 0.97


def test_no_habit_passes_and_knowing_does():
    scenario = load_scenario("drift_held_out")
    exact = evaluate("exact", scenario, 60, progress=False)
    assert exact.card.passed and exact.card.sets.share == 1
    assert exact.card.sets.count >= 42
    found = audit(scenario, 60)
    assert found.sound
    assert found.rows[0].scores["no_change"] == found.rows[0].scores["most_frequent"] == 0
    still = evaluate("last_seen", scenario, 60, progress=False).card
    assert still.sets.right == 0 and still.controls.share == 1
    guess = evaluate("random", scenario, 60, progress=False).card
    assert abs(guess.score.share - guess.score.chance) < 0.1 and guess.sets.share < 0.1


def test_the_floor_of_a_noisy_exam_is_reached_by_the_true_odds_alone():
    scenario = load_scenario("drift_noisy")
    card = evaluate("exact", scenario, 40, progress=False).card
    assert card.score.entropy > 0.1
    assert card.score.log_score == pytest.approx(-card.score.entropy, abs=1e-4)
    rows = evaluate("last_seen", scenario, 40, progress=False).probes
    by_condition = defaultdict(list)
    for row in rows:
        by_condition[row["condition"]].append(row)
        assert row["log_score"] <= -row["entropy"] + 1e-5
    assert not any(row["entropy"] for row in by_condition["conveyors"] if row["role"] == "test")
    assert all(row["odds"] for row in by_condition["lights_noisy"])
