"""Vantage: the scenes are those of the page, drawn as it says, held against a second, slow telling."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mindsight.envs.grid import GAMES, engine, vantage, vision

sys.path.append(str(Path(__file__).parents[1]))
import slow_grid as slow

OBSERVER, OTHER = vantage.OBSERVER, vantage.OTHER
INSIDE = [y << 4 | x for y in range(1, 8) for x in range(1, 8)]


def empty():
    """A cleared world."""
    made = GAMES["vantage"].simulation(1)
    engine.clear(made.worlds[0], 9, 9, 2, 4, 20)
    return made.worlds[0]


def some_pillars(draw):
    """As cells, and as a set of spots."""
    spots = draw.choice(49, draw.integers(0, 20), replace=False).tolist()
    return [vantage.CELL[spot] for spot in spots], np.uint64(sum(1 << spot for spot in spots))


def laid(w, pillars):
    for cell in INSIDE:
        engine.set_terrain(w, cell, engine.WALL if cell in pillars else engine.FLOOR)


def test_what_is_seen_is_what_a_scan_sees():
    draw, w = np.random.default_rng(1), empty()
    for _ in range(150):
        pillars, spots = some_pillars(draw)
        laid(w, pillars)
        spot, heading, size = int(draw.integers(49)), int(draw.integers(4)), int(draw.choice(vision.WINDOWS))
        w["place"][OTHER], w["heading"][OTHER] = vantage.CELL[spot], heading
        vision.scan(w, OTHER, size)
        seen = sum(vision.sees(w, OTHER, cell, size) << k for k, cell in enumerate(vantage.CELL.tolist()))
        assert int(vantage.seen_from(spot, heading, spots, size)) == seen


def test_sides_are_directions():
    w = empty()
    for spot in range(49):
        w["place"][OTHER], w["heading"][OTHER] = vantage.CELL[spot], 0
        for k, cell in enumerate(vantage.CELL.tolist()):
            side = [h for h in range(4) if int(vantage.SIDES[spot, h]) >> k & 1]
            direction = vantage.direction(w, OTHER, cell)
            assert side == ([] if direction < 0 else [direction])


def test_a_room_is_laid_as_the_engine_would():
    draw, one, other = np.random.default_rng(2), empty(), empty()
    rooms = set()
    for _ in range(150):
        pillars, spots = some_pillars(draw)
        for w in (one, other):
            engine.clear(w, 9, 9, 2, 4, 20)
        laid(one, pillars)
        engine.label_rooms(one)
        vantage.lay_room(other, spots)
        for field in ("cells", "opaque", "room"):
            np.testing.assert_array_equal(one[field], other[field])
        rooms.add(int(one["room"].max()))
    assert len(rooms) > 3


def slow_scene(draw, w, number, turn, size):
    """The page once more: a scene is drawn, and drawn anew until it is worth asking about."""
    while True:
        observer, other = draw.choice(INSIDE, 2).tolist()
        heading = int(draw.integers(4))
        faced = (heading + turn) % 4
        if other == observer or slow.in_window(observer, heading, other, size) is None:
            continue
        pillars = draw.choice(
            [c for c in INSIDE if c not in (observer, other)], number, replace=False
        ).tolist()
        laid(w, pillars)
        w["place"][:2], w["heading"][:2] = (observer, other), (heading, faced)
        if not slow.sees_cell(w, OBSERVER, other, size):
            continue
        sides, shared, alone = {}, [], []
        for cell in INSIDE:
            sides[cell] = [vantage.direction(w, a, cell) for a in (OBSERVER, OTHER)]
            if cell in pillars or min(sides[cell]) < 0 or not slow.sees_cell(w, OBSERVER, cell, size):
                continue
            (shared if slow.sees_cell(w, OTHER, cell, size) else alone).append(cell)
        both = int(draw.integers(1, 4))
        if len(shared) < both or len(alone) < 4 - both:
            continue
        shared = draw.choice(shared, both, replace=False).tolist()
        alone = draw.choice(alone, 4 - both, replace=False).tolist()
        things = shared + alone
        differing = sum(sides[cell][0] != sides[cell][1] for cell in things)
        if differing >= 2:
            return observer, heading, other, pillars, shared, alone, differing


def told(observer, heading, other, pillars, shared, alone, differing):
    """What the comparison goes by: of each scene a few numbers."""
    forward, right = slow.in_window(observer, heading, other, 9)
    middle = sum(abs(p % 16 - 4) + abs(p // 16 - 4) for p in pillars)
    return {
        "where the observer is": observer,
        "where the other is": (forward, right),
        "pillars": (min(middle // 3, 7), sum(p % 16 in (1, 7) or p // 16 in (1, 7) for p in pillars)),
        "a shared thing": slow.in_window(observer, heading, shared[0], 9),
        "an unshared thing": slow.in_window(observer, heading, alone[0], 9),
        "seen by both": len(shared),
        "directions": differing,
    }


@pytest.mark.parametrize(("angle", "number", "size"), [(90, 4, 7), (180, 8, 5)])
def test_scenes_are_as_likely_as_if_they_were_drawn_by_the_page(angle, number, size):
    turn, draw, w = angle // 90, np.random.default_rng(angle), empty()
    slowly = [told(*slow_scene(draw, w, number, turn, size)) for _ in range(400)]
    made = GAMES["vantage"].simulation(10000, {"angle": str(angle), "pillars": number}, window=size)
    made.reset(3)
    quickly, patterns = [], Counter()
    for w in made.worlds:
        observer, other = w["place"][:2].tolist()
        pillars = [cell for cell in INSIDE if w["cells"][cell] & 0xFF == engine.WALL]
        things = w["thing"][:4].tolist()
        seen = [slow.sees_cell(w, OTHER, cell, size) for cell in things]
        patterns[tuple(seen)] += 1
        shared = [cell for cell, both in zip(things, seen, strict=True) if both]
        alone = [cell for cell, both in zip(things, seen, strict=True) if not both]
        sides = [[vantage.direction(w, a, cell) for a in (OBSERVER, OTHER)] for cell in things]
        differing = sum(mine != theirs for mine, theirs in sides)
        assert differing >= 2
        heading = int(w["heading"][OBSERVER])
        quickly.append(told(observer, heading, other, pillars, shared, alone, differing))
    assert len(patterns) == 14  # of 16: not all, and not none; and of one number each is as likely
    for number in (1, 2, 3):
        counts = [times for seen, times in patterns.items() if sum(seen) == number]
        assert max(counts) < 1.25 * min(counts)
    for what in slowly[0]:
        many, few = Counter(scene[what] for scene in quickly), Counter(scene[what] for scene in slowly)
        assert sum(few[value] for value in few if value not in many) <= 1, what  # the rarest may be missed
        # chi squared of both samples, rare values together
        rare = [value for value in many if many[value] < 150]
        table = [(many[value], few[value]) for value in many if many[value] >= 150]
        table.append((sum(many[v] for v in rare), sum(few[v] for v in rare)))
        counts = np.array([row for row in table if sum(row)], float).T
        expected = counts.sum(1, keepdims=True) * counts.sum(0) / counts.sum()
        freedom = counts.shape[1] - 1
        assert ((counts - expected) ** 2 / expected).sum() < freedom + 4 * np.sqrt(2 * freedom), what
