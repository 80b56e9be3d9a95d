"""The four games: what is played is what the page says, held against the tracker and by hand."""

import itertools

import numpy as np
import pytest

from mindsight.envs.grid import GAMES, engine, forage, layout, sally_anne, vantage
from mindsight.envs.grid.game import MODES, Simulation
from mindsight.envs.grid.questions import UNKNOWN, Reader


def play(simulation, mode="scripted", steps=250):
    """Everybody scripted (the learner in ``mode``); the simulation at each step."""
    learner = simulation.game.roles.index(simulation.game.learner)
    modes = np.full(simulation.count, MODES.index("scripted"))
    modes[learner] = MODES.index(mode)
    actions = np.zeros((simulation.num_envs, simulation.count), np.int64)
    for _ in range(steps):
        simulation.script(modes, actions)
        simulation.step(actions)
        yield simulation
        if simulation.ends.any(axis=1).all():
            return


@pytest.mark.parametrize("name", ["vantage", "forage", "sally_anne"])
def test_things_look_like_what_they_are_called(name):
    simulation = Simulation(GAMES[name], 1)
    simulation.reset(0)
    kinds = simulation.worlds["kind"][0][: len(simulation.game.things)]
    assert tuple(engine.THINGS[kind] for kind in kinds) == simulation.game.things


# --- reach -------------------------------------------------------------------------------------------
def test_reach_is_solvable_and_the_planner_takes_a_shortest_way():
    simulation = Simulation(GAMES["reach"], 200, {"individuals": 1})
    simulation.reset(1)
    shortest = simulation.worlds["memory"][:, 4].copy()
    assert (shortest >= 1).all()
    for _ in play(simulation):
        pass
    assert simulation.ends[:, 0].all()
    # alone, nobody is in the way: the plan is as long as it was said to be
    np.testing.assert_array_equal(simulation.worlds["step"], shortest)
    np.testing.assert_allclose(simulation.worlds["perf"], 1)


def test_reach_with_four_ends_for_nearly_all():
    simulation = Simulation(GAMES["reach"], 100, {"individuals": 4, "limit": 200})
    simulation.reset(5)
    for _ in play(simulation):
        pass
    assert simulation.ends[:, 0].mean() > 0.9


def test_the_cue_points_at_the_beacon():
    simulation = Simulation(GAMES["reach"], 50, {"individuals": 2})
    simulation.reset(3)
    for world in simulation.worlds:
        for a in range(2):
            goal, place = int(world["memory"][a]), int(world["place"][a])
            dx, dy = (goal & 15) - (place & 15), (goal >> 4) - (place >> 4)
            ahead, right = {0: (-dy, dx), 1: (dx, dy), 2: (dy, -dx), 3: (-dx, -dy)}[int(world["heading"][a])]
            expected = np.clip([ahead + 7, right + 7], 0, 15)
            assert world["cue"][a, :2].tolist() == expected.tolist()


def walked(options, mode="scripted", seed=5):
    """How well a lone walker does on conveyors: steps to its beacon over the shortest way, in each world."""
    simulation = Simulation(GAMES["reach"], 200, {"individuals": 1, "limit": 120, **options})
    simulation.reset(seed)
    shortest = simulation.worlds["memory"][:, 4].copy()
    for _ in play(simulation, mode):
        pass
    return simulation, shortest


def test_on_conveyors_the_planner_is_carried_where_it_wants_to_be():
    """It predicts the push, so its way is as long as its model says, and shorter than the way of who plans
    as if belts stood still."""
    for options in ({"conveyors": 8}, {"conveyors": 12, "width": 11, "height": 11}):
        simulation, shortest = walked(options)
        assert simulation.ends[:, 0].all()
        np.testing.assert_array_equal(simulation.worlds["step"], shortest)
        ignorant, _ = walked(options, "last_seen")
        assert (ignorant.worlds["step"] >= simulation.worlds["step"]).all()
        assert ignorant.worlds["perf"].mean() < 0.93 < simulation.worlds["perf"].mean()


def test_a_shortest_way_over_conveyors_is_found_by_trying_everything():
    """The planner's length against a search over copies of the world itself, stepped by the engine."""
    lengths = []
    for seed in range(12):
        options = {"individuals": 1, "conveyors": 8, "width": 7, "height": 7, "doors": "closed"}
        simulation = Simulation(GAMES["reach"], 1, options)
        simulation.reset(seed)
        shortest = int(simulation.worlds["memory"][0, 4])
        begin = simulation.get_state()
        edge, seen, length = [begin], set(), 0
        while edge:
            length += 1
            further = []
            for state, action in itertools.product(edge, (0, 1, 2, 3, 6)):
                simulation.set_state(state)
                simulation.step(np.array([[action]]))
                world = simulation.worlds[0]
                if world["terminated"]:
                    further = []
                    break
                pose = (int(world["place"][0]), int(world["heading"][0]), world["cells"].tobytes())
                if pose not in seen:
                    seen.add(pose)
                    further.append(simulation.get_state())
            else:
                edge = further
                continue
            break
        assert length == shortest, seed
        lengths.append(length)
    assert len(set(lengths)) > 3


def test_conveyors_never_cut_off_or_trap():
    """Floor and doors hang together without belts, and every belt leads back onto plain floor."""
    simulation = Simulation(GAMES["reach"], 200, {"conveyors": 12, "width": 11, "height": 11})
    simulation.reset(2)
    step = {0: -16, 1: 1, 2: 16, 3: -1}
    belts = 0
    for world in simulation.worlds:
        terrain = {cell: int(world["cells"][cell]) & 0xFF for cell in range(256)}
        flows = {c: k - engine.CONVEYOR for c, k in terrain.items() if 0 <= k - engine.CONVEYOR < 4}
        belts += len(flows)
        for cell in flows:
            for _ in range(8):
                cell += step[flows[cell]] if cell in flows else 0
            assert terrain[cell] in (engine.FLOOR, engine.BEACON)
        plain = {c for c, k in terrain.items() if k in (engine.FLOOR, engine.BEACON) or 4 <= k <= 5}
        reached, edge = set(), [min(plain)]
        while edge:
            cell = edge.pop()
            if cell in plain and cell not in reached:
                reached.add(cell)
                edge += [cell - 16, cell - 1, cell + 1, cell + 16]
        assert reached == plain
    assert belts > 200 * 15


def test_without_conveyors_worlds_are_as_they_were():
    """The option draws nothing where it is 0, and is reckoned with by nobody."""
    plain = Simulation(GAMES["reach"], 50, {"conveyors": 0})
    plain.reset(9)
    assert not plain.worlds["flows"].any()
    for mode in ("scripted", "last_seen"):
        plain.reset(9)
        for _ in play(plain, mode):
            pass
        if mode == "scripted":
            scripted = plain.worlds.tobytes()
    assert plain.worlds.tobytes() == scripted


# --- sally_anne --------------------------------------------------------------------------------------
FIRST, SECOND = "first", "second"
# What each chain must believe when Sally comes back, worked out by hand from who saw whom.
EXPECTED = {
    "false_belief": {(): SECOND, "s": FIRST, "a": SECOND, "as": FIRST, "sa": FIRST, "sas": FIRST},
    "true_belief": {(): SECOND, "s": SECOND, "a": SECOND, "as": SECOND, "sa": SECOND, "sas": SECOND},
    "no_transfer": {(): FIRST, "s": FIRST, "a": FIRST, "as": FIRST, "sa": FIRST, "sas": FIRST},
    "ignorance": {(): FIRST, "s": None, "a": FIRST, "as": None, "sa": None, "sas": None},
    "second_order": {(): SECOND, "s": SECOND, "a": SECOND, "as": FIRST, "sa": FIRST},
    "third_order": {
        (): SECOND, "s": SECOND, "a": SECOND, "sa": SECOND, "as": SECOND, "sas": FIRST, "asa": FIRST,
    },
    "fourth_order": {
        (): SECOND, "s": SECOND, "a": SECOND, "b": SECOND, "sas": SECOND, "bsa": SECOND, "bas": SECOND,
        "bs": SECOND, "ba": SECOND, "bsas": FIRST, "basa": FIRST,
    },
}  # fmt: skip
NAMES = {"s": "sally_0", "a": "anne_0", "b": "ben_0", "o": "observer_0"}


@pytest.mark.parametrize("condition", EXPECTED)
def test_sally_anne_plays_what_the_page_says(condition):
    simulation = Simulation(GAMES["sally_anne"], 24, {"condition": condition}, order=4)
    simulation.reset(2)
    asked = np.zeros(24, int)
    for _ in play(simulation):
        for world in np.flatnonzero(simulation.worlds["ask"]):
            asked[world] += 1
            reader = Reader(simulation, world)
            first = reader.place_name(int(simulation.worlds["first"][world][0]))
            second = {"box": "basket", "basket": "box"}[first]
            places = {FIRST: first, SECOND: second, None: UNKNOWN}
            for chain, place in EXPECTED[condition].items():
                members = [NAMES[letter] for letter in chain]
                assert reader.belief("ball", *members) == places[place], (condition, chain)
                # the observer saw it all through the glass, so its own view agrees
                if len(members) < 4:
                    assert reader.own("ball", "observer_0", *members) == places[place]
    assert (asked == 1).all()
    assert simulation.ends[:, 0].all(), "Sally finds the ball in the end"
    expected = 0 if condition == "ignorance" else 1
    np.testing.assert_allclose(simulation.worlds["perf"], expected)


def test_orders_of_the_questions_are_what_the_conditions_are_about():
    for condition, order in (
        ("false_belief", 1),
        ("second_order", 2),
        ("third_order", 3),
        ("fourth_order", 4),
    ):
        simulation = Simulation(GAMES["sally_anne"], 1, {"condition": condition}, order=4)
        simulation.reset(9)
        for _ in play(simulation):
            if simulation.worlds["ask"][0]:
                tests = [p for p in simulation.probes() if p.role == "test" and p.kind == "belief"]
                assert tests
                assert max(p.required_order for p in tests) == order
                for probe in tests:
                    assert len(probe.chain) >= probe.required_order


def test_a_reality_biased_observer_waits_at_the_wrong_mat_and_only_in_false_belief():
    for condition, perf in (("false_belief", 0.0), ("true_belief", 1.0)):
        simulation = Simulation(GAMES["sally_anne"], 16, {"condition": condition})
        simulation.reset(4)
        total = np.zeros(16)
        for _ in play(simulation, "reality_biased"):
            total += simulation.rewards[:, sally_anne.OBSERVER]
        np.testing.assert_allclose(simulation.worlds["perf"], perf)
        np.testing.assert_allclose(total, 1.0 if perf else -1.0)


def test_the_arrow_moves_like_sally_and_nothing_is_attributed_to_it():
    social = Simulation(GAMES["sally_anne"], 8, {"condition": "false_belief"})
    arrow = Simulation(GAMES["sally_anne"], 8, {"condition": "false_belief", "social": False})
    for simulation in (social, arrow):
        simulation.reset(6)
    asked = False
    for _, _ in zip(play(social), play(arrow), strict=True):
        np.testing.assert_array_equal(social.worlds["place"], arrow.worlds["place"])
        np.testing.assert_array_equal(social.worlds["heading"], arrow.worlds["heading"])
        sally = arrow.chains.index((0,))
        assert (arrow.worlds["belief"][:, :, sally] == engine.NOWHERE).all()
        # the same pixels but for the figure: only body and manner may differ
        np.testing.assert_array_equal(social.window[..., :2], arrow.window[..., :2])
        for world in np.flatnonzero(arrow.worlds["ask"]):
            asked = True
            for probe in arrow.probes(world):
                if probe.kind == "belief" and probe.chain == ("sally_0",):
                    assert probe.answer == UNKNOWN
    assert asked


def test_sally_remembers_where_she_has_searched():
    simulation = Simulation(GAMES["sally_anne"], 16, {"condition": "false_belief"})
    simulation.reset(8)
    opened = [[] for _ in range(16)]
    for _ in play(simulation):
        for k, world in enumerate(simulation.worlds):
            if world["memory"][sally_anne.ASKED]:
                for place in range(1, 0xF0):
                    name = engine.TERRAIN[int(world["cells"][place]) & 0xFF]
                    if name in ("box_open", "basket_open") and name not in opened[k]:
                        opened[k].append(name)
    # the first place in vain, then the other: each once
    assert all(len(names) == 2 for names in opened)


# --- forage ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("start", range(0, forage.STARTS["boxes"], 37))
def test_each_start_of_the_boxes_brings_about_its_state(start):
    simulation = Simulation(GAMES["forage"], 1, {"start": start})
    simulation.reset(start)
    check_states(simulation)


def test_all_starts_are_different_and_bring_about_their_states():
    seen = set()
    states = set()
    for start in range(forage.STARTS["boxes"]):
        simulation = Simulation(GAMES["forage"], 1, {"start": start})
        simulation.reset(0)
        memory = simulation.worlds["memory"][0]
        sites = (
            tuple(memory[forage.SITE : forage.SITE + 2]),
            tuple(memory[forage.NEW_SITE : forage.NEW_SITE + 2]),
        )
        state = tuple(memory[forage.STATE : forage.STATE + 2])
        seen.add((sites, state, int(memory[forage.ORIENTATION])))
        states.add(tuple(int(s) for s in state))
    assert len(seen) == forage.STARTS["boxes"]
    assert len(states) == 9


def check_states(simulation):
    """When the pens open, the tracker has what was played (the dominant looked on, or could not)."""
    wait = np.zeros((simulation.num_envs, 2), np.int64)
    while not simulation.worlds["ask"].all():
        simulation.step(wait)
        assert (simulation.worlds["step"] <= forage.BAITED).all()
    dominant, mine = simulation.chains.index((1,)), simulation.chains.index((0,))
    for world in simulation.worlds:
        for food in range(2):
            belief = int(world["belief"][food, dominant])
            knowledge = int(world["memory"][forage.STATE + food])
            here = int(world["thing"][food])
            assert int(world["belief"][food, mine]) == here, "the subordinate sees all of it"
            if knowledge == forage.KNOWS:
                assert belief == here
            elif knowledge == forage.FALSE:
                assert belief == int(world["first"][food]) != here
            else:
                assert belief == engine.NOWHERE


@pytest.mark.parametrize("state", forage.STATES)
def test_nine_states(state):
    simulation = Simulation(GAMES["forage"], 32, {"state": state})
    simulation.reset(3)
    check_states(simulation)


def test_walls_hide_one_food_from_the_dominant_and_none_from_the_subordinate():
    simulation = Simulation(GAMES["forage"], 64, {"hiding": "walls", "state": "differs"})
    simulation.reset(3)
    while not simulation.worlds["ask"].all():
        simulation.step(np.zeros((64, 2), np.int64))
    for world in range(64):
        probes = simulation.probes(world)
        answers = {(p.chain, p.about): p.answer for p in probes}
        seen = sorted(answers[("dominant_0",), thing] for thing in ("apple", "banana"))
        assert seen == ["no", "yes"]
        assert all(answers[("subordinate_0",), thing] == "yes" for thing in ("apple", "banana"))


def test_in_the_open_minding_the_dominants_view_pays():
    returns = {}
    for mode in ("scripted", "exact", "reality_biased", "random"):
        simulation = Simulation(GAMES["forage"], 128, {"hiding": "walls", "state": "differs"})
        simulation.reset(7)
        total = np.zeros(128)
        for _ in play(simulation, mode):
            total += simulation.rewards[:, 0]
        returns[mode] = total.mean()
    assert returns["scripted"] == returns["exact"]
    assert returns["scripted"] > returns["reality_biased"] + 0.4 > returns["random"] + 0.8


def test_options_of_forage_that_contradict_each_other():
    with pytest.raises(ValueError, match=r"'state' is 'knows_false'.*hiding='walls'"):
        Simulation(GAMES["forage"], 1, {"hiding": "walls", "state": "knows_false"})
    with pytest.raises(ValueError, match=r"'start' is 100, expected -1 to 63"):
        Simulation(GAMES["forage"], 1, {"hiding": "walls", "start": 100})
    with pytest.raises(ValueError, match=r"'knows_knows', expected 'random' beside start=3"):
        Simulation(GAMES["forage"], 1, {"state": "knows_knows", "start": 3})


# --- vantage -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("options", [{}, {"pillars": 8}, {"social": False}, {"angle": "held_out"}])
def test_scenes_are_worth_asking_about(options):
    simulation = Simulation(GAMES["vantage"], 100, options)
    simulation.reset(11)
    for world in range(100):
        probes = simulation.probes(world)
        other = [p for p in probes if p.chain == ("other_0",)]
        level_1 = [p.answer for p in other if p.group == "level_1"]
        assert set(level_1) == {"no", "yes"}
        level_2 = [p for p in other if p.group == "level_2"]
        assert sum(p.answer != p.shortcuts["dropped_first"] for p in level_2) >= 2
        mine = [p for p in probes if p.chain == ("observer_0",) and p.group == "level_1"]
        assert all(p.answer == "yes" for p in mine)
        if options.get("angle") == "held_out":
            assert int(simulation.worlds["memory"][world][vantage.ANGLE]) in (2, 3)


def test_level_two_by_hand():
    """The other faces the observer: what is to its right is to the observer's left."""
    simulation = Simulation(GAMES["vantage"], 1, {"angle": "180"})
    simulation.reset(0)
    world = simulation.worlds[0]
    world["place"][:2] = [7 << 4 | 4, 3 << 4 | 4]
    world["heading"][:2] = [0, 2]
    for cell, mine, theirs in (
        (3 << 4 | 1, "front", "right"),
        (3 << 4 | 7, "front", "left"),
        (5 << 4 | 4, "front", "front"),
        (1 << 4 | 4, "front", "behind"),
    ):
        directions = [vantage.DIRECTIONS[vantage.direction(world, a, cell)] for a in range(2)]
        assert directions == [mine, theirs]


def test_the_right_word_is_rewarded():
    simulation = Simulation(GAMES["vantage"], 200)
    simulation.reset(1)
    probes = [simulation.probes(world) for world in range(200)]
    actions = np.zeros((200, 2), np.int64)
    for k, world in enumerate(simulation.worlds):
        level = int(world["memory"][vantage.LEVEL])
        thing = simulation.game.things[int(world["memory"][vantage.ASKED_THING])]
        assert simulation.fields[k, 0, engine.FIELDS.index("task")] == level
        probe = next(
            p for p in probes[k]
            if p.chain == ("other_0",) and p.about == thing and p.group == f"level_{level}"
        )  # fmt: skip
        words = ("no", "yes") if level == 1 else vantage.DIRECTIONS
        actions[k, 0] = engine.SAY + words.index(probe.answer)
    simulation.step(actions)
    np.testing.assert_allclose(simulation.rewards[:, 0], 1)
    assert simulation.ends[:, 0].all()


# --- maps --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("###\n#.#\n##", r"row 3 of the map has 2 cells, expected 3"),
        ("###\n#?#\n###", r"row 2, column 2 of the map is '\?'"),
        ("###\n#..\n###", r"row 2, column 3 of the map is '\.', expected a wall"),
        ("#=#\n#.#\n###", r"row 1, column 2 of the map is '='"),
        ("#####\n#.#.#\n#####", "row 2, column 4 of the map cannot be reached"),
        ("#" * 16 + "\n" + "#" * 16 + "\n" + "#" * 16, "16 x 3 cells"),
    ],
)
def test_maps_that_will_not_do(text, message):
    with pytest.raises(ValueError, match=message):
        layout.parse(text)


def test_orientations_are_the_eight_of_the_square_and_headings_go_with_them():
    steps = {0: (0, -1), 1: (1, 0), 2: (0, 1), 3: (-1, 0)}
    images = set()
    for orientation in range(8):
        place = layout.turn_place(2 << 4 | 3, orientation, 9, 7)
        images.add(place)
        for heading, (dx, dy) in steps.items():
            ahead = layout.turn_place((2 + dy) << 4 | (3 + dx), orientation, 9, 7)
            turned = steps[layout.turn_heading(heading, orientation)]
            assert ((ahead & 15) - (place & 15), (ahead >> 4) - (place >> 4)) == turned
    assert len(images) == 8


def test_divided_rooms_hang_together():
    simulation = Simulation(GAMES["reach"], 300, {"width": 11, "height": 11})
    simulation.reset(0)
    for world in simulation.worlds:
        passable = {
            cell for cell in range(256)
            if engine.PROPERTIES[world["cells"][cell] & 0xFF] & (engine.WALKABLE | engine.TOGGLES)
        }  # fmt: skip
        reached, edge = set(), [min(passable)]
        while edge:
            cell = edge.pop()
            if cell in passable and cell not in reached:
                reached.add(cell)
                edge += [cell - 16, cell - 1, cell + 1, cell + 16]
        assert reached == passable
