"""Watch: the actor does what the page says, the observer infers what it can, pairs differ in the deed."""

from collections import Counter, defaultdict, deque
from dataclasses import replace

import numpy as np
import pytest

import mindsight
from mindsight.envs.grid import GAMES, engine, watch
from mindsight.envs.grid.vision import sees
from mindsight.envs.simulation import MODES
from mindsight.scenarios import load_battery

GAME = GAMES["watch"]
PLAYED = [name for name in watch.CONDITIONS if name != "mixed"]
AHEAD = {0: (0, -1), 1: (1, 0), 2: (0, 1), 3: (-1, 0)}  # north, east, south, west; y grows south


def make(count, seed=3, **options):
    simulation = GAME.simulation(count, options)
    simulation.reset(seed)
    return simulation


def play(simulation, mode="scripted"):
    """The simulation before the first step and after each; the actor scripted, the observer in ``mode``."""
    modes = np.array([MODES.index(mode), MODES.index("scripted")])
    actions = np.zeros((simulation.num_envs, 2), np.int64)
    yield simulation
    while not simulation.ends.any(axis=1).all():
        simulation.script(modes, actions)
        simulation.step(actions)
        yield simulation


def asked(simulation):
    """The worlds that are asked now."""
    over = simulation.ends.any(axis=1)
    return [int(k) for k in np.flatnonzero(simulation.worlds["ask"]) if not over[k]]


def lying(w):
    """The things that lie in the arena now."""
    return [o for o in range(4) if 0 < w["thing"][o] < engine.HANDS]


def thing_under(w):
    return next((o for o in range(4) if w["thing"][o] == w["place"][watch.ACTOR]), None)


def went_for(simulation):
    """For each world the things that the actor came to, trial by trial."""
    found = [{} for _ in simulation.worlds]
    for state in play(simulation):
        for k, w in enumerate(state.worlds):
            trial = int(w["memory"][watch.AT])
            if w["memory"][watch.PHASE] == watch.HOLD and trial not in found[k]:
                found[k][trial] = thing_under(w)
    return found


# --- What is played -----------------------------------------------------------------------------------
@pytest.mark.parametrize("condition", PLAYED)
@pytest.mark.parametrize("event", ["expected", "unexpected"])
def test_the_actor_does_what_the_page_says(condition, event):
    simulation = make(24, condition=condition, event=event, things=3)
    asks = np.zeros(24, int)
    probes = []
    for state in play(simulation):
        for k in asked(state):
            asks[k] += 1
            probes += state.probes(k)
    assert (asks == 1).all()
    assert simulation.ends[:, 0].all(), "it comes to a thing in the end"
    memory = simulation.worlds["memory"]
    favourite, other = memory[:, watch.FAVOURITE], memory[:, watch.OTHER]
    came_to = np.array([thing_under(w) for w in simulation.worlds])
    settles = condition in ("no_water", "short_sight")
    if condition in ("efficiency", "wall_stays"):
        assert (came_to == favourite).all()
    elif event == "expected":
        np.testing.assert_array_equal(came_to, other if settles else favourite)
    elif condition != "preference":
        np.testing.assert_array_equal(came_to, favourite if settles else other)
    else:
        # the old place, whatever lies there now
        assert (came_to != favourite).all()
        for w in simulation.worlds:
            w = w.copy()
            place = int(watch.at(w, watch.drawn_place(w, 0, int(w["memory"][watch.FAVOURITE]))))
            assert place == w["place"][watch.ACTOR]
    for probe in probes:
        if probe.happens:
            assert (probe.happens == probe.answer) == (event == "expected")


def test_preferences_are_stable():
    """Whatever else lies there, what it likes best is what it goes for where it can choose."""
    simulation = make(40, condition="near", things=4)
    for w, trials in zip(simulation.worlds, went_for(simulation), strict=True):
        choices = [t for t in range(4) if sum(watch.drawn_place(w, t, o) > 0 for o in range(4)) == 4]
        assert len(choices) == 2
        assert {trials[t] for t in choices} == {int(w["memory"][watch.FAVOURITE])}


# --- A second planner: a search over poses in the true world, by the names of terrains -----------------
def shortest(w, start, heading, goal, swims):
    """Actions on a shortest way to a cell over floor (and water), past other things."""
    things = {int(w["thing"][o]) for o in lying(w)} - {goal}
    edge, seen = deque([((start, heading), 0)]), {(start, heading)}
    while edge:
        (cell, h), steps = edge.popleft()
        if cell == goal:
            return steps
        dx, dy = AHEAD[h]
        ahead = cell + 16 * dy + dx
        poses = [(cell, (h + 1) % 4), (cell, (h + 3) % 4)]
        terrain = engine.TERRAIN[int(w["cells"][ahead]) & 0xFF]
        if terrain in ("floor", "water" if swims else "floor") and ahead not in things:
            poses.append((ahead, h))
        for pose in poses:
            if pose not in seen:
                seen.add(pose)
                edge.append((pose, steps + 1))
    return None


@pytest.mark.parametrize("condition", [name for name in PLAYED if name not in ("short_sight", "near")])
def test_ways_are_the_shortest_that_the_actor_can_go(condition):
    simulation = make(24, seed=9, condition=condition, things=3)
    begun, checked = {}, 0
    for state in play(simulation):
        for k, w in enumerate(state.worlds):
            trial, step = int(w["memory"][watch.AT]), int(w["step"])
            swims = not int(w["limits"][watch.ACTOR]) & engine.NO_WATER
            if w["memory"][watch.PHASE] == watch.GO and (k, trial) not in begun:
                ways = {
                    o: shortest(w, int(w["place"][1]), int(w["heading"][1]), int(w["thing"][o]), swims)
                    for o in lying(w)
                }
                begun[k, trial] = step, ways
            if w["memory"][watch.PHASE] == watch.HOLD and begun[k, trial]:
                since, ways = begun[k, trial]
                assert step - since == ways[thing_under(w)], (k, trial)
                checked += 1
                begun[k, trial] = None
    assert checked == 24 * 5


def test_what_the_actor_knows_is_what_it_has_seen():
    """Its sight as the rules work it out is the engine's: nothing hides anything in the arena."""
    simulation = make(60, seed=4)
    differing = 0
    for state in play(simulation):
        for w in state.worlds:
            if w["memory"][watch.PHASE] == watch.GO and w["body"][1]:
                trial = int(w["memory"][watch.AT])
                pose = int(w["place"][1]) * 4 + int(w["heading"][1])
                seen = watch.in_view(w, trial, pose, int(w["limits"][1]), 7)
                for o in lying(w):
                    assert bool(seen >> o & 1) == sees(w, 1, int(w["thing"][o]), 7)
                    differing += not seen >> o & 1
    assert differing > 50


def test_the_short_sighted_pass_by_what_they_want():
    """In the test it comes to the other thing without ever having had the favourite in sight."""
    simulation = make(40, condition="short_sight")
    for state in play(simulation):
        for w in state.worlds:
            memory = w["memory"]
            if memory[watch.AT] == 4:
                favourite = int(memory[watch.FAVOURITE])
                assert not memory[watch.KNOWN] >> favourite & 1
                assert not sees(w, watch.ACTOR, int(w["thing"][favourite]), 7)
                # who is not short-sighted would see it from the start
                if memory[watch.PHASE] == watch.SHOW:
                    pose = int(w["place"][1]) * 4 + int(w["heading"][1])
                    assert watch.in_view(w, 4, pose, 0, 7) >> favourite & 1


# --- What can be inferred -------------------------------------------------------------------------------
@pytest.mark.parametrize("condition", [name for name in PLAYED if name != "mixed"])
def test_inference_agrees_with_reading_the_trials_by_hand(condition):
    """Liked: what it took where several things lay. Cannot swim: it never stood in water, though there was
    some. Short-sighted: it took more steps than the shortest way to where nothing was in the way."""
    simulation = make(30, seed=12, condition=condition, things=2)
    evidence = [{"liked": None, "wet": False, "water": False, "slow": False} for _ in range(30)]
    begun = {}
    compared = 0
    for state in play(simulation):
        for k, w in enumerate(state.worlds):
            trial, phase = int(w["memory"][watch.AT]), w["memory"][watch.PHASE]
            if trial == 4:
                continue
            place, thing = int(w["place"][1]), thing_under(w)
            terrains = {engine.TERRAIN[int(cell) & 0xFF] for cell in w["cells"]}
            evidence[k]["water"] |= "water" in terrains
            evidence[k]["wet"] |= engine.TERRAIN[int(w["cells"][place]) & 0xFF] == "water"
            if phase == watch.GO and (k, trial) not in begun:
                begun[k, trial] = int(w["step"]), w.copy()
            if phase == watch.HOLD and thing is not None and begun[k, trial]:
                since, first = begun[k, trial]
                if len(lying(w)) > 1:
                    evidence[k]["liked"] = watch.NAMES[thing]
                elif not terrains & {"water"}:
                    way = shortest(first, int(first["place"][1]), int(first["heading"][1]), place, True)
                    evidence[k]["slow"] |= int(w["step"]) - since > way
                begun[k, trial] = None
        for k in asked(state):
            for probe in state.probes(k):
                seen = evidence[k]
                expected = probe.answer
                if probe.kind == "want":
                    expected = seen["liked"] or "unknown"
                elif probe.kind == "knowledge" and probe.about == "water":
                    expected = "yes" if seen["wet"] else "no"
                elif probe.kind == "knowledge":
                    expected = "no" if seen["slow"] and condition != "near" else "yes"
                elif probe.kind == "goal":
                    river = "water" in {engine.TERRAIN[int(c) & 0xFF] for c in state.worlds[k]["cells"]}
                    kept = (river and not seen["wet"]) or (condition != "near" and seen["slow"])
                    others = [name for name in probe.options if name != seen["liked"]]
                    expected = others[0] if kept else seen["liked"]
                assert probe.own == probe.answer == expected, probe
                compared += 1
    assert compared >= 30


def test_trials_thought_through_go_as_they_went():
    """The true hypothesis predicts every move of every trial."""
    simulation = make(80, seed=21, things=3, trials=6)
    for state in play(simulation):
        for k in asked(state):
            w = state.worlds[k].copy()
            memory = w["memory"]
            scratch = np.zeros(256, np.uint8), np.zeros(1024, np.int16), np.zeros(1024, np.int16)
            for t in range(6):
                _, _, trace = watch.imagine(
                    w, t, int(memory[watch.FAVOURITE]), int(memory[watch.LIMITS]),
                    int(memory[watch.HABIT]), -1, t, False, 7, *scratch,
                )  # fmt: skip
                assert trace == memory[watch.TRACE + t]


def test_who_looks_away_cannot_tell():
    simulation = make(20, condition="preference")
    actions = np.zeros((20, 2), np.int64)
    modes = np.array([0, 1])
    found = []
    while not simulation.ends.any(axis=1).all():
        for k in asked(simulation):
            found += [probe for probe in simulation.probes(k) if probe.kind == "want"]
        simulation.script(modes, actions)
        # turned away from the first step on
        actions[:, 0] = np.where(simulation.worlds["step"] < 2, engine.TURN_LEFT, engine.WAIT)
        simulation.step(actions)
    assert len(found) == 20
    assert all(probe.own == "unknown" != probe.answer for probe in found)


# --- Twins and pairs --------------------------------------------------------------------------------------
@pytest.mark.parametrize("condition", watch.WITH_ARROW)
def test_the_arrow_looks_the_same_until_the_test_and_nothing_is_attributed_to_it(condition):
    person, arrow = make(12, condition=condition), make(12, condition=condition, social=False)
    answers = []
    for one, two in zip(play(person), play(arrow), strict=False):
        before = one.worlds["memory"][:, watch.AT] < 4
        assert (before == (two.worlds["memory"][:, watch.AT] < 4)).all()
        mine, theirs = one.window[before, 0], two.window[before, 0]
        np.testing.assert_array_equal(mine[..., :2], theirs[..., :2])
        np.testing.assert_array_equal(mine[..., 2] > 0, theirs[..., 2] > 0)
        for k in asked(two):
            mine, theirs = one.probes(k)[0], two.probes(k)[0]
            assert mine.options == theirs.options
            answers.append(mine.answer != theirs.answer)
            assert all(p.answer == "unknown" for p in two.probes(k) if p.kind == "want")
        if not before.any():
            break
    # expectations differ where the place and the thing, or the way and the goal, part
    assert answers == [condition in ("preference", "efficiency")] * 12
    assert (arrow.worlds["welfare"][:, 1] == 0).all()


@pytest.mark.parametrize("condition", ["preference", "wall_stays", "no_water", "far_sight"])
def test_events_of_a_pair_share_everything_but_the_deed(condition):
    expected = make(12, condition=condition)
    unexpected = make(12, condition=condition, event="unexpected")
    same = np.ones(12, bool)
    for one, two in zip(play(expected), play(unexpected), strict=False):
        test = one.worlds["memory"][:, watch.AT] == 4
        same &= ~(test & (one.worlds["memory"][:, watch.PHASE] != watch.SHOW))
        np.testing.assert_array_equal(one.window[same], two.window[same])
        np.testing.assert_array_equal(one.fields[same], two.fields[same])
        for k in asked(one):
            for p, q in zip(one.probes(k), two.probes(k), strict=True):
                assert p.public() == q.public()
                assert (p.answer, p.own) == (q.answer, q.own)
                assert (p.happens != q.happens) == (p.kind in ("goal", "next_action"))
        if not same.any():
            break
    assert not same.any()


def seen_scenes(**options):
    """All individuals, and all arrangements of single trials, of some episodes."""
    people, scenes = set(), set()
    for w in make(400, **options).worlds:
        w = w.copy()
        memory = w["memory"]
        people.add((int(memory[watch.FAVOURITE]), int(memory[watch.OTHER])))
        for t in range(int(memory[watch.TRIALS]) + 1):
            places = frozenset(int(watch.drawn_place(w, t, o)) for o in range(4)) - {0}
            scenes.add((int(memory[watch.START + t]), int(memory[watch.BAR + t]), places))
    return people, scenes


@pytest.mark.parametrize("condition", ["preference", "wall_stays", "swimmer", "far_sight", "near"])
def test_what_is_held_out_is_not_shown(condition):
    people, scenes = seen_scenes(condition=condition, layouts="seen", individuals="seen")
    held_people, held_scenes = seen_scenes(condition=condition, layouts="held_out", individuals="held_out")
    assert len(people) == 8
    assert len(held_people) == 4
    assert not people & held_people
    assert scenes
    assert held_scenes
    assert not scenes & held_scenes
    # yet every kind is liked best in both
    assert {one for one, _ in people} == {one for one, _ in held_people} == set(range(4))


# --- Who does how well --------------------------------------------------------------------------------------
RIGHT = {  # share of right answers: of the scripted observer, who minds no limits, the last place, habit
    "preference": (1, 1, 0),
    "same_places": (1, 1, 1),
    "efficiency": (1, 1, 0),
    "wall_stays": (1, 1, 1),
    "no_water": (1, 0, None),
    "swimmer": (1, 1, None),
    "dry": (1, 1, None),
    "short_sight": (1, 0, None),
    "far_sight": (1, 1, None),
    "near": (1, 1, None),
}


@pytest.mark.parametrize("condition", RIGHT)
def test_shortcuts_fail_where_they_should_and_do_where_they_are_right(condition):
    for mode, share in zip(("scripted", "reality_biased", "last_seen"), RIGHT[condition], strict=True):
        simulation = make(24, condition=condition)
        total = np.zeros((24, 2))
        for state in play(simulation, mode):
            total += state.rewards
        if share is not None:
            assert simulation.worlds["perf"].mean() == share, mode
        np.testing.assert_allclose(total[:, 0], simulation.worlds["perf"])


def test_an_arrow_needs_a_condition_in_which_clockwork_makes_sense():
    with pytest.raises(ValueError, match="option 'condition' is 'no_water', expected one of preference"):
        GAME.simulation(1, {"condition": "no_water", "social": False})
    drawn = set(make(200, social=False).worlds["memory"][:, watch.CONDITION].tolist())
    assert {watch.CONDITIONS[k] for k in drawn} == set(watch.WITH_ARROW)
    drawn = set(make(400).worlds["memory"][:, watch.CONDITION].tolist())
    assert {watch.CONDITIONS[k] for k in drawn} == set(PLAYED) - {"one_thing"}


BATTERY = """
description: Pairs of events.
scenarios:
  - watch_person: [{condition: preference}, {condition: preference, event: unexpected}]
  - watch_person: [{condition: no_water}, {condition: no_water, event: unexpected}, {condition: dry}]
sets: seed
"""


def test_surprise_is_scored_on_pairs_of_events(tmp_path):
    (tmp_path / "pairs.yaml").write_text(BATTERY)
    battery = load_battery(tmp_path / "pairs.yaml")
    shares = {}
    for agent in ("exact", "scripted", "random", "last_seen", "reality_biased"):
        found = mindsight.evaluate(agent, battery, 12, progress=False)
        lines = {line.name: line for line in found.card.surprise}
        # dry has no partner, and "want" and "knowledge" ask of no deed
        assert set(lines) == {"preference", "no_water"}
        assert {line.count for line in lines.values()} == {12}
        shares[agent] = tuple(lines[name].share for name in ("preference", "no_water"))
        for row in found.probes:
            if row["happens"]:
                chosen = row["probabilities"][row["options"].index(row["happens"])]
                assert row["surprise"] == pytest.approx(-np.log(max(chosen, 1e-6)), abs=1e-5)
            else:
                assert row["surprise"] is None
        assert found.card.to_dict()["surprise"][0]["count"] == 12
    assert shares["exact"] == shares["scripted"] == (1, 1)
    assert shares["random"] == (0.5, 0.5)
    assert shares["last_seen"][0] == 0
    assert shares["reality_biased"] == (1, 0)


@pytest.mark.parametrize("condition", PLAYED)
def test_mirrored_the_other_thing_is_liked_and_lies_where_the_liked_one_lay(condition):
    whole = [make(30, condition=condition, individuals="held_out", mirrored=each) for each in (False, True)]
    trips = [went_for(simulation) for simulation in whole]
    for k, (w, v) in enumerate(zip(*(simulation.worlds for simulation in whole), strict=True)):
        liked, other = int(w["memory"][watch.FAVOURITE]), int(w["memory"][watch.OTHER])
        assert (int(v["memory"][watch.FAVOURITE]), int(v["memory"][watch.OTHER])) == (other, liked)
        turned = {liked: other, other: liked}
        assert trips[1][k] == {trial: turned.get(thing, thing) for trial, thing in trips[0][k].items()}
        assert w["step"] == v["step"]


def test_what_is_there_to_choose_from_does_not_tell_what_is_liked():
    """Of held-out individuals the liked thing follows the other in a ring: whoever knows that, and looks
    at the scene alone, was right about all that the ladder asks about preferences."""
    ladder = load_battery("stages")
    some = tuple(each for each in ladder.scenarios if each.name.startswith("watch_person-preference")
                 or "same_places" in each.name or "one_thing" in each.name)  # fmt: skip
    found = mindsight.evaluate(
        "exact", replace(ladder, scenarios=some, stages={}), 24, references=(), progress=False
    )

    def scene(row):
        return row["kind"], tuple(row["options"]), row["condition"], "no_social" in row["scenario"]

    answers = defaultdict(Counter)
    for row in found.probes:
        answers[scene(row)][row["answer"]] += 1
    passed = [
        all(answers[scene(row)].most_common(1)[0][0] == row["answer"] for row in rows)
        for rows in (
            [row for row in found.probes if row["seed"] == seed]
            for seed in {row["seed"] for row in found.probes}
        )
    ]
    assert len(passed) == 24 and not any(passed)
    assert found.card.sets.share == 1
    # each pair of events of its own, mirrored or not
    assert {line.count for line in found.card.surprise} == {48}
    assert {line.share for line in found.card.surprise} == {1.0}


def test_every_scene_can_be_played_from_every_start():
    """Each arrangement of barriers, pools and rivers that there is: tables and codes are exhaustive."""
    codes = set()
    for code in range(60):
        w = make(1, condition="swimmer").worlds[0]
        for o in range(4):
            watch.lay(w, 4, o, 0)
        watch.river_scene(w, 4, code, watch.POOL)
        start = int(w["memory"][watch.START + 4]) & 15
        placed = [int(watch.drawn_place(w, 4, int(w["memory"][k]))) for k in (watch.FAVOURITE, watch.OTHER)]
        beyond, here = [(place & 15, place >> 4) for place in placed]
        assert beyond[1] < watch.BAR_ROW < here[1]
        assert 1 <= beyond[0] <= 7
        assert 1 <= here[0] <= 7
        assert max(abs(beyond[0] - start), abs(here[0] - start)) <= 2
        codes.add((start, *placed))
    assert len(codes) == 60
    for column, left, right, _ in watch.BARS:
        assert left != right
        assert column - left > 1
        assert column + right < 7
    assert len(set(map(tuple, watch.BARS.tolist()))) == len(watch.BARS)
