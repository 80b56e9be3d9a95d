"""Push: pushing, the exact length of solutions against a slow search, characters, questions."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindsight.envs.grid import GAMES, engine, layout, push, push_rooms
from mindsight.envs.grid.game import Percept, Simulation
from mindsight.envs.simulation import MODES

PUSH = GAMES["push"]
AHEAD = {0: (0, -1), 1: (1, 0), 2: (0, 1), 3: (-1, 0)}  # north, east, south, west; y grows south
BLOCKS = ("block", "block_on_pad")


def name(w, cell):
    """The terrain of a cell (x, y)."""
    return engine.TERRAIN[int(w["cells"][cell[1] * 16 + cell[0]]) & 0xFF]


def cells_of(w):
    return list(itertools.product(range(int(w["width"])), range(int(w["height"]))))


def play(simulation, mode, other="scripted"):
    """Whole episodes; the returns of everybody, (B, A)."""
    modes = np.full(simulation.count, MODES.index(other))
    modes[0] = MODES.index(mode)
    actions = np.zeros((simulation.num_envs, simulation.count), np.int64)
    total = np.zeros((simulation.num_envs, simulation.count))
    while not simulation.ends.any(1).all():
        simulation.script(modes, actions)
        simulation.step(actions)
        total += simulation.rewards
    return total


# --- The solver, against a slow search ------------------------------------------------------------------
def slow_length(w, most=200_000):
    """Breadth first, forwards, over poses and sets of blocks, from the world as it is now; -1: no way."""
    floor = {cell for cell in cells_of(w) if name(w, cell) != "wall"}
    pads = {cell for cell in floor if name(w, cell) in ("pad", "block_on_pad")}
    blocks = frozenset(cell for cell in floor if name(w, cell) in BLOCKS)
    place = int(w["place"][0])
    start = ((place % 16, place // 16), int(w["heading"][0]), blocks)
    seen, layer, length = {start}, [start], 0
    while layer:
        if any(state[2] == pads for state in layer):
            return length
        assert len(seen) < most
        following = []
        for (x, y), heading, blocks in layer:
            dx, dy = AHEAD[heading]
            ahead, beyond = (x + dx, y + dy), (x + 2 * dx, y + 2 * dy)
            after = [((x, y), (heading + turn) % 4, blocks) for turn in (1, 3)]
            if ahead in blocks:
                if beyond in floor and beyond not in blocks:
                    after.append((ahead, heading, blocks - {ahead} | {beyond}))
            elif ahead in floor:
                after.append((ahead, heading, blocks))
            following += [state for state in after if state not in seen]
            seen.update(after)
        layer = list(dict.fromkeys(following))
        length += 1
    return -1


@pytest.mark.parametrize(("blocks", "worlds"), [(1, 12), (2, 4), (3, 1)])
def test_the_least_number_of_actions_is_that_of_a_slow_search(blocks, worlds):
    simulation = Simulation(PUSH, worlds, {"blocks": blocks, "layouts": "held_out"})
    simulation.reset(blocks)
    for k in range(worlds):
        w = simulation.worlds[k]
        assert push.optimal(simulation, k) == push.least_actions(simulation, k) == slow_length(w)


def test_states_on_the_way_have_the_length_of_a_slow_search_too():
    """After a random walk with pushes, some of it into corners: where there is no way, too."""
    simulation = Simulation(PUSH, 30, {"blocks": 1})
    simulation.reset(5)
    modes, actions = np.array([MODES.index("random")]), np.zeros((30, 1), np.int64)
    for _ in range(60):
        simulation.script(modes, actions)
        simulation.step(actions)
    found = [push.least_actions(simulation, k) for k in range(30)]
    assert found == [slow_length(w) for w in simulation.worlds]
    assert -1 in found
    assert max(found) > 5
    stuck = simulation.worlds["memory"][:, push.STUCK]
    assert [length == -1 for length in found] == stuck.astype(bool).tolist()


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_sets_of_cells_are_numbered_one_by_one(blocks):
    count = len(list(itertools.combinations(range(11), blocks)))
    sets = np.empty((count, 3), np.int16)
    assert push_rooms.unrank(blocks, sets) == count
    members = [tuple(int(m) for m in row if m >= 0) for row in sets]
    assert sorted(members) == list(itertools.combinations(range(11), blocks))
    for number, some in enumerate(members):
        for order in itertools.permutations(some):
            assert push_rooms.rank(blocks, *order, *[-1] * (3 - blocks)) == number


# --- Rooms ------------------------------------------------------------------------------------------------
def test_no_held_out_room_is_a_turned_or_mirrored_training_room():
    for size in (7, 8):
        walls = {
            layouts: {
                min(push_rooms.orientations(some, size))
                for blocks in (1, 2, 3)
                for some in push_rooms.rooms(size, blocks, layouts).walls
            }
            for layouts in push_rooms.LAYOUTS
        }
        assert len(walls["train"]) > 200
        assert len(walls["held_out"]) > 200
        assert not walls["train"] & walls["held_out"]


def test_walls_of_a_dealt_world_are_those_of_a_room_of_the_set():
    for layouts in push_rooms.LAYOUTS:
        simulation = Simulation(PUSH, 20, {"layouts": layouts})
        simulation.reset(2)
        known = set(push_rooms.rooms(7, 2, layouts).walls)
        for w in simulation.worlds:
            inner = [
                y * 16 + x
                for x, y in cells_of(w)
                if name(w, (x, y)) == "wall" and 0 < x < w["width"] - 1 and 0 < y < w["height"] - 1
            ]
            assert min(push_rooms.orientations(tuple(inner), 7)) in known
        assert set(simulation.worlds["memory"][:, push.ORIENTATION].tolist()) > {0, 1}


@pytest.mark.parametrize("options", [{}, {"blocks": 3, "size": 8}, {"other": "bystander"}])
def test_what_is_dealt(options):
    simulation = Simulation(PUSH, 100, options)
    simulation.reset(9)
    blocks = options.get("blocks", 2)
    for k, w in enumerate(simulation.worlds):
        names = [name(w, cell) for cell in cells_of(w)]
        assert names.count("block") + names.count("block_on_pad") == blocks
        assert names.count("pad") + names.count("block_on_pad") == blocks
        assert push_rooms.LEAST <= push.optimal(simulation, k) <= push_rooms.MOST
        assert push.least_actions(simulation, k) == push.optimal(simulation, k)
        assert (simulation.fields[k, :, engine.FIELDS.index("task")] == blocks).all()
    assert len({w["cells"].tobytes() for w in simulation.worlds}) > 90


# --- Pushing, by hand -------------------------------------------------------------------------------------
class Stage:
    """A drawn map; ``a`` and ``c`` are where individuals stand. The tables are blank: none is asked for."""

    def __init__(self, drawing, *headings):
        drawn = layout.parse(drawing, connected=False)
        self.worlds = np.zeros(1, engine.world_dtype(2, 1, 2))
        self.w = w = self.worlds[0]
        engine.clear(w, drawn.width, drawn.height, len(headings), 0, 100)
        layout.build(w, drawn.terrain, drawn.width, drawn.height, 0)
        for a, heading in enumerate(headings):
            w["place"][a] = w["memory"][push.STOOD + a] = drawn.marks["ac"[a]][0]
            w["heading"][a] = heading
        blocks = [*drawn.marks.get("@", ()), *drawn.marks.get("$", ())]
        w["memory"][push.BLOCKS : push.BLOCKS + len(blocks)] = blocks
        w["memory"][push.LEFT] = w["memory"][push.FIRST_LEFT] = len(drawn.marks.get("@", ()))
        w["task"][:] = len(blocks)
        self.index = np.zeros((1, 256), np.int16)
        self.distance = np.zeros((1, 4096), np.uint8)

    def step(self, *actions):
        """Everybody acts; returns the map as it is then, and the rewards."""
        todo = np.zeros(1, np.uint8)
        engine.act_all(self.worlds, np.array([actions]), 0, todo, 0, 1)
        push.rules(self.w, self.index, self.distance, 1)
        return self.drawn(), [round(float(r) + push.STEP, 5) for r in self.w["reward"][: len(actions)]]

    def drawn(self):
        w, signs = self.w, {terrain: sign for sign, terrain in layout.LEGEND.items()}
        people = {int(w["place"][a]): "ac"[a] for a in range(int(w["individuals"]))}
        return [
            "".join(
                people.get(y * 16 + x, signs[int(w["cells"][y * 16 + x]) & 0xFF])
                for x in range(1, int(w["width"]) - 1)
            )
            for y in range(1, int(w["height"]) - 1)
        ]


def line(row, *headings):
    """A corridor to the east, all headings east if none are given."""
    wall = "#" * (len(row) + 2)
    return Stage(f"{wall}\n#{row}#\n{wall}", *(headings or [1] * (1 + ("c" in row))))


GO, STAY = engine.FORWARD, engine.WAIT


def test_a_block_gives_way_onto_pads_and_off_them():
    stage = line("a@._.")
    assert stage.step(GO) == ([".a@_."], [0])
    assert stage.step(GO) == (["..a$."], [1])
    assert stage.w["terminated"]
    stage = line("a$.@_")
    assert stage.w["memory"][push.LEFT] == 1
    assert stage.step(GO) == ([".a@@_"], [-1])
    assert stage.w["memory"][push.LEFT] == 2
    assert not stage.w["terminated"]
    assert line("a$_@.").step(GO) == ([".a$@."], [0])


def test_what_does_not_give_way():
    for row in ("..a@", ".a@@.", ".a@$."):
        stage = line(row)
        assert stage.step(GO) == ([row], [0])
    assert line(".a@c", 1, 3).step(GO, STAY)[0] == [".a@c"]


def test_who_walks_up_to_a_block_pushes_it_with_the_next_step():
    stage = line("a.@..")
    assert stage.step(GO)[0] == [".a@.."]
    assert stage.step(GO)[0] == ["..a@."]


def test_nothing_but_forward_pushes():
    for action in range(engine.NUM_ACTIONS):
        if action != GO:
            assert line("a@..").step(action)[0] == ["a@.."]


def test_steps_come_before_pushes():
    # c walks into the cell beyond: it is there first
    assert line("a@.c", 1, 3).step(GO, GO)[0] == ["a@c."]
    # c leaves the cell beyond, and a pushes
    assert line("a@c..", 1, 1).step(GO, GO)[0] == [".a@c."]
    # who follows a pusher waits for it
    assert line("ca@..", 1, 1).step(GO, GO)[0] == ["c.a@."]


def test_two_pushers_of_one_block_or_into_one_cell():
    assert line("a@c", 1, 3).step(GO, GO)[0] == ["a@c"]
    corner = "######\n#.c..#\n#a@..#\n#....#\n######"
    assert Stage(corner, 1, 2).step(GO, GO)[0] == [".c..", "a@..", "...."]
    assert Stage(corner, 1, 2).step(GO, STAY)[0] == [".c..", ".a@.", "...."]
    assert Stage(corner, 1, 2).step(STAY, GO)[0] == ["....", "ac..", ".@.."]
    assert line("a@.@c", 1, 3).step(GO, GO)[0] == ["a@.@c"]
    assert line("a@..@c", 1, 3).step(GO, GO)[0] == [".a@@c."]


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_advantage_by_index_in_pushing(seed):
    """Two in a small space with blocks and pads: exchanged, they fare as the other did."""
    rng = np.random.default_rng(seed)
    signs = list("ac" + "@" * int(rng.integers(1, 4)) + "_" * int(rng.integers(0, 3)) + ".........")[:12]
    signs = [signs[k] for k in rng.permutation(12)]
    rows = ["".join(signs[k : k + 4]) for k in (0, 4, 8)]
    drawing = "\n".join(["######", *(f"#{row}#" for row in rows), "######"])
    headings = rng.integers(0, 4, 2).tolist()
    one = Stage(drawing, *headings)
    two = Stage(drawing.translate(str.maketrans("ac", "ca")), *headings[::-1])
    for _ in range(10):
        actions = [GO if rng.random() < 0.7 else int(rng.integers(1, 3)) for _ in range(2)]
        drawn, rewards = one.step(*actions)
        drawn_2, rewards_2 = two.step(*actions[::-1])
        assert [row.translate(str.maketrans("ac", "ca")) for row in drawn_2] == drawn
        assert rewards_2 == rewards[::-1]
        flat = "".join(drawn)
        assert flat.count("a") == flat.count("c") == 1
        assert flat.count("@") + flat.count("$") == signs.count("@")
        assert one.w["memory"][push.LEFT] == flat.count("@")
        if one.w["terminated"]:
            break


@pytest.mark.parametrize("other", ["none", "pusher", "bystander"])
def test_blocks_and_pads_are_conserved_and_noted(other):
    simulation = Simulation(PUSH, 40, {"blocks": 3, "other": other, "limit": 120})
    simulation.reset(4)
    rng = np.random.default_rng(4)
    moves = [engine.TURN_LEFT, engine.TURN_RIGHT, engine.FORWARD, engine.FORWARD, engine.FORWARD]
    paid = np.zeros((40, simulation.count))
    first = simulation.worlds["memory"][:, push.LEFT].copy()
    for t in range(120):
        simulation.step(rng.choice(moves, (40, simulation.count)))
        paid += simulation.rewards
        if t % 20:
            continue
        for w in simulation.worlds:
            names = {cell: name(w, cell) for cell in cells_of(w)}
            where = {y * 16 + x for (x, y), each in names.items() if each in BLOCKS}
            assert where == set(w["memory"][push.BLOCKS : push.BLOCKS + 3].tolist())
            assert list(names.values()).count("block") == w["memory"][push.LEFT]
            assert sum(each in ("pad", "block_on_pad") for each in names.values()) == 3
    # what was paid beyond the steps is what came onto pads, less what left them
    steps = simulation.worlds["step"] * push.STEP * simulation.count
    brought = first - simulation.worlds["memory"][:, push.LEFT]
    np.testing.assert_allclose(paid.sum(1) + steps, brought, atol=1e-3)
    assert simulation.worlds["memory"][:, push.PUSHES].sum() > 60


# --- Rewards --------------------------------------------------------------------------------------------
def percept(simulation, a):
    return Percept(simulation.window[0, a].copy(), simulation.fields[0, a].copy())


def test_what_another_gains_is_judged_by_what_one_sees_of_it():
    options, told, missed = {"other": "pusher", "blocks": 3}, 0, 0
    for seed in range(12):
        simulation = Simulation(PUSH, 1, options)
        simulation.reset(seed)
        modes, actions = np.full(2, MODES.index("scripted")), np.zeros((1, 2), np.int64)
        history = [[percept(simulation, a)] for a in range(2)]
        while not simulation.ends.any():
            simulation.script(modes, actions)
            simulation.step(actions)
            for a in range(2):
                history[a].append(percept(simulation, a))
            for viewer, who in ((0, 1), (1, 0)):
                judged = PUSH.reward(history[viewer], int(actions[0, who]), who, options)
                true = float(simulation.rewards[0, who])
                if abs(true + push.STEP) < 1e-6:
                    assert judged == pytest.approx(true, abs=1e-6)
                elif judged == pytest.approx(true, abs=1e-6):
                    told += 1
                else:  # the block was out of sight
                    assert judged == pytest.approx(-push.STEP)
                    missed += 1
    assert told > 5
    assert missed > 0


def test_nothing_is_paid_without_pay():
    simulation = Simulation(PUSH, 20, {"paid": False})
    simulation.reset(0)
    before = [percept(simulation, 0)]
    assert (play(simulation, "exact") == 0).all()
    assert (simulation.worlds["perf"] == 1).all()
    assert PUSH.reward([*before, percept(simulation, 0)], GO, 0, {"paid": False}) == 0


# --- Characters -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("options", [{}, {"blocks": 3, "layouts": "held_out", "size": 8}])
def test_the_exact_one_needs_no_more_than_the_least_number(options):
    simulation = Simulation(PUSH, 100, options)
    simulation.reset(3)
    total = play(simulation, "exact")
    assert simulation.ends[:, 0].all()
    np.testing.assert_array_equal(simulation.worlds["step"], simulation.worlds["memory"][:, push.OPTIMAL])
    np.testing.assert_allclose(simulation.worlds["perf"], 1)
    gained = simulation.worlds["memory"][:, push.FIRST_LEFT] - push.STEP * simulation.worlds["step"]
    np.testing.assert_allclose(total[:, 0], gained, atol=1e-3)


def test_a_plan_needs_the_blocks_a_habit_gets_stuck_and_chance_does_nothing():
    perf, stuck = {}, {}
    for mode in ("scripted", "reflex", "random"):
        simulation = Simulation(PUSH, 150)
        simulation.reset(8)
        play(simulation, mode)
        perf[mode] = simulation.worlds["perf"].mean()
        stuck[mode] = simulation.worlds["memory"][:, push.STUCK].mean()
    assert perf["scripted"] > 0.8
    assert perf["reflex"] < 0.15
    assert perf["random"] < 0.05
    assert stuck["scripted"] < 0.03
    assert stuck["reflex"] > 0.3


def test_in_company_perf_is_of_what_one_has_brought_oneself():
    perf = {}
    for mode in ("exact", "scripted", "random"):
        simulation = Simulation(PUSH, 100, {"other": "pusher"})
        simulation.reset(2)
        play(simulation, mode)
        perf[mode] = simulation.worlds["perf"].mean()
    assert perf["exact"] > perf["scripted"] > perf["random"] + 0.2
    assert perf["random"] < 0.15


def test_the_scripted_one_goes_by_what_it_has_seen():
    """Where a block out of sight really is makes no difference to what it does."""
    modes, moved = np.array([MODES.index("scripted")]), 0
    for seed in range(60):
        decisions = []
        for k in (0, 1):
            simulation = Simulation(PUSH, 1)
            simulation.reset(seed)
            w = simulation.worlds[0]
            hidden = [
                y * 16 + x
                for x, y in cells_of(w)
                if not push.sees(w, 0, y * 16 + x, 7) and y * 16 + x != w["place"][0]
            ]
            blocks = [cell for cell in hidden if cell in w["memory"][push.BLOCKS : push.BLOCKS + 2]]
            free = [cell for cell in hidden if int(w["cells"][cell]) & 0xFF == engine.FLOOR]
            if not blocks or not free:
                break
            if k:
                push.lift_block(w, blocks[0])
                push.lay_block(w, free[0])
                slot = w["memory"][push.BLOCKS : push.BLOCKS + 2].tolist().index(blocks[0])
                w["memory"][push.BLOCKS + slot] = free[0]
                moved += 1
            actions = np.zeros((1, 1), np.int64)
            simulation.script(modes, actions)
            decisions.append(int(actions[0, 0]))
        assert len(set(decisions)) <= 1
    assert moved > 5


def test_a_bystander_pushes_nothing():
    simulation = Simulation(PUSH, 60, {"other": "bystander"})
    simulation.reset(6)
    modes, actions = np.array([0, MODES.index("scripted")]), np.zeros((60, 2), np.int64)
    walked = 0
    while not simulation.ends.any():
        before = simulation.worlds["place"][:, 1].copy()
        simulation.script(modes, actions)
        simulation.step(actions)
        walked += np.count_nonzero(before != simulation.worlds["place"][:, 1])
    assert (simulation.worlds["memory"][:, push.PUSHES] == 0).all()
    assert walked > 1000


# --- Questions --------------------------------------------------------------------------------------------
def asked_worlds(options, seed, episodes):
    """A simulation of one world at each moment when it is to be asked, and the episode's number."""
    for k in range(episodes):
        simulation = Simulation(PUSH, 1, options)
        simulation.reset(seed + k)
        modes = np.full(simulation.count, MODES.index("scripted"))
        actions = np.zeros((1, simulation.count), np.int64)
        while not simulation.ends.any():
            if simulation.worlds["ask"][0]:
                yield k, simulation
            simulation.script(modes, actions)
            simulation.step(actions)


def facing(simulation, moves):
    """What the pusher faces after some actions, the others waiting, and what is beyond: as played."""
    twin = Simulation(PUSH, 1, {k: getattr(simulation.options, k) for k in ("blocks", "other", "layouts")})
    twin.set_state(simulation.get_state())
    for move in moves:
        twin.step(np.array([[engine.ACTIONS.index(move), *[0] * (twin.count - 1)]]))
    w, v = twin.worlds[0], twin.size
    column = twin.window[0, 0, :, v // 2, 0]
    front = engine.TERRAIN[column[v - 2]]
    assert int(w["cells"][engine.front(w, 0)]) & 0xFF == column[v - 2]
    return front, "" if front == "wall" else engine.TERRAIN[column[v - 3]]


@pytest.mark.parametrize("options", [{}, {"blocks": 3, "other": "bystander", "layouts": "held_out"}])
def test_answers_are_what_comes_about(options):
    forward, inverse, answers = 0, 0, []
    for _, simulation in asked_worlds(options, 20, 25):
        items = simulation.probes()
        for probe in items:
            assert probe.own == probe.answer
            if probe.kind == "percept":
                assert facing(simulation, [])[0] == probe.answer
            elif probe.kind == "next_percept":
                plan = probe.question.split(", and nobody")[0].removeprefix("You do ").split(", ")
                moves = [move.replace(" ", "_") for move in plan]
                assert facing(simulation, moves)[0] == probe.answer, probe.question
                forward += 1
                if probe.role == "test":
                    answers.append(probe.answer)
            else:
                assert probe.options == ("forward", "turn_left", "turn_right", "wait")
                percepts = {move: facing(simulation, [move]) for move in probe.options}
                # the answer's percept differs from every other's, and is the one in the question
                assert list(percepts.values()).count(percepts[probe.answer]) == 1
                front, beyond = percepts[probe.answer]
                words = push.IN_WORDS[front] + (f" and beyond it {push.IN_WORDS[beyond]}" if beyond else "")
                assert f"After one action of yours there is {words}." in probe.question
                inverse += 1
    assert forward > 60
    assert inverse > 30
    assert set(answers) >= {"floor", "wall", "block", "pad"}


def test_no_shortcut_has_all_of_a_set():
    sets = {}
    for k, simulation in asked_worlds({}, 60, 30):
        for probe in simulation.probes():
            sets.setdefault((k, probe.group), []).append(probe)
    assert len(sets) > 50
    assert {group for _, group in sets} == {"forward_model", "inverse_model"}
    assert sum(len(items) > 4 for items in sets.values()) > 20  # asked twice
    for items in sets.values():
        assert any(probe.role == "test" for probe in items)
        for shortcut in {name for probe in items for name in probe.shortcuts}:
            if shortcut == "most_frequent":
                continue  # a constant: see below
            assert any(probe.shortcuts.get(shortcut, probe.answer) != probe.answer for probe in items)
        assert len({probe.answer for probe in items}) > 1  # no constant has them all
        controls = [probe for probe in items if probe.role == "control"]
        for probe in controls:
            assert probe.shortcuts["no_change"] == probe.answer
            if probe.kind == "percept" and "reality" in probe.shortcuts:
                assert probe.shortcuts["reality"] == probe.answer


def test_questions_hang_on_the_episode_not_on_who_plays():
    """Characters draw from their world's random stream while they think; what is asked does not."""
    asked = []
    for mode in ("exact", "random"):
        simulation = Simulation(PUSH, 20)
        simulation.reset(31)
        simulation.script(np.array([MODES.index(mode)]), np.zeros((20, 1), np.int64))
        asked.append([probe.question for world in range(20) for probe in simulation.probes(world)])
    assert asked[0] == asked[1]
    assert len(set(asked[0])) > 40


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 6}, "'size' is 6, expected 7 to 9"),
        ({"blocks": 4}, "'blocks' is 4, expected 1 to 3"),
        ({"other": "pushr"}, "did you mean 'pusher'"),
        ({"layouts": "test"}, "expected one of 'train', 'held_out'"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        Simulation(PUSH, 1, options)
