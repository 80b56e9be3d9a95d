"""Conveyors: what carries is held against a second, slow and obvious account of the same rules."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindsight.envs.grid import engine, layout, physics

sys.path.append(str(Path(__file__).parents[1]))
import slow_grid as slow

STEP = {"conveyor_up": -16, "conveyor_right": 1, "conveyor_down": 16, "conveyor_left": -1}
LYING = slow.WALKABLE - {"door_open"}  # where a thing may come to lie


def world(seed):
    """A hall full of conveyors in all directions, with pillars, a door, water, things and people."""
    rng = np.random.default_rng(seed)
    w = np.zeros(1, engine.world_dtype(4, 4, 2))[0]
    engine.clear(w, 8, 8, 4, 4, 100)
    inner = [y << 4 | x for y in range(1, 7) for x in range(1, 7)]
    terrains = [engine.FLOOR, engine.WALL, engine.DOOR_OPEN, engine.DOOR_CLOSED, engine.WATER]
    share = rng.choice([0.3, 0.6, 0.9])
    for cell in inner:
        belt = rng.random() < share
        engine.set_terrain(
            w, cell, engine.CONVEYOR + int(rng.integers(4)) if belt else int(rng.choice(terrains))
        )
    can_stand = [cell for cell in inner if slow.terrain(w, cell) in slow.WALKABLE]
    can_lie = [cell for cell in inner if slow.terrain(w, cell) in LYING]
    for a, cell in enumerate(rng.permutation(can_stand)[:4]):
        w["place"][a], w["heading"][a] = cell, rng.integers(4)
        w["limits"][a] = engine.NO_WATER * int(rng.integers(2))
    w["individuals"] = min(4, len(can_stand))
    w["things"] = min(4, len(can_lie))
    for o, cell in enumerate(rng.permutation(can_lie)[: w["things"]]):
        w["kind"][o] = o + 1
        engine.put_thing(w, o, int(cell))
    if w["individuals"] and w["things"] and rng.random() < 0.3:
        engine.put_thing(w, 0, engine.HANDS)
    return w


def carried(w, places, goes):
    """Where everything is that was at ``places`` (by name), if ``goes`` says what may enter which cell."""
    wish = {}
    for name, place in places.items():
        step = STEP.get(slow.terrain(w, place), 0)
        if step and goes(name, place + step):
            wish[name] = place + step
    while True:
        stays = set(places) - set(wish)
        taken = {places[name] for name in stays}
        stopped = {
            name
            for name, cell in wish.items()
            if cell in taken
            or any(
                other != name and (there == cell or (places[other] == cell and there == places[name]))
                for other, there in wish.items()
            )
        }
        if not stopped:
            return {name: wish.get(name, place) for name, place in places.items()}
        # who comes to a cell that two want stops both at once, so all that are stopped go together
        wish = {name: cell for name, cell in wish.items() if name not in stopped}


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_is_carried(seed):
    w = world(seed)
    for _ in range(6):
        bodies = {a: int(w["place"][a]) for a in range(w["individuals"])}
        things = {o: int(w["thing"][o]) for o in range(w["things"]) if w["thing"][o] < engine.HANDS}

        def walks(a, cell):
            name = slow.terrain(w, cell)
            return name in slow.WALKABLE and not (name == "water" and w["limits"][a] & engine.NO_WATER)

        expected = carried(w, bodies, walks)
        lying = carried(w, things, lambda _, cell: slow.terrain(w, cell) in LYING)
        headings, mentioned = w["heading"].copy(), int(w["mentioned"])
        physics.carry(w)
        assert {a: int(w["place"][a]) for a in bodies} == expected
        assert {o: int(w["thing"][o]) for o in things} == lying
        np.testing.assert_array_equal(w["heading"], headings)
        assert int(w["mentioned"]) == mentioned, "nobody has put anything anywhere"
        slow.check(w)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("#####\n#0)1#\n#####", ("1,1", "3,1")),  # beside a belt, and before its end
        ("######\n#.23.#\n######", ("3,1", "4,1")),  # a line goes with its head
        ("#####\n#.23#\n#####", ("2,1", "3,1")),  # which the wall stops
    ],
)
def test_by_example(text, after):
    """0 and 1 stand on floor, 2 and 3 on belts to the east."""
    drawn = layout.parse(text, connected=False)
    w = np.zeros(1, engine.world_dtype(4, 4, 2))[0]
    engine.clear(w, drawn.width, drawn.height, 2, 0, 100)
    layout.build(w, drawn.terrain, drawn.width, drawn.height, 0)
    for a, place in enumerate(sorted(drawn.marks[sign][0] for sign in "0123" if sign in drawn.marks)):
        w["place"][a] = place
        if "2" in drawn.marks:
            engine.set_terrain(w, place, engine.CONVEYOR + 1)
    physics.carry(w)
    assert tuple(f"{int(p) & 15},{int(p) >> 4}" for p in w["place"][:2]) == after


def test_a_ring_of_things_turns():
    drawn = layout.parse("####\n#)}#\n#{(#\n####")
    w = np.zeros(1, engine.world_dtype(4, 4, 2))[0]
    engine.clear(w, 4, 4, 0, 4, 100)
    layout.build(w, drawn.terrain, 4, 4, 0)
    ring = [0x11, 0x12, 0x22, 0x21]
    for o, cell in enumerate(ring):
        w["kind"][o] = o + 1
        engine.put_thing(w, o, cell)
    physics.carry(w)
    assert w["thing"].tolist() == ring[1:] + ring[:1]
    assert [int(w["cells"][cell]) >> 8 for cell in ring] == [4, 1, 2, 3]
