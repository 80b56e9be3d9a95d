"""The grid's sight and perceiving a second time: slow, obvious, from the true world alone.

It shares no code with `mindsight.envs.grid` but the record's field names and the terrains' names.
"""

import math
from fractions import Fraction

from mindsight.envs.grid import engine

OPAQUE = {
    "wall", "door_closed", "box_closed", "box_open", "basket_closed", "basket_open",
}  # fmt: skip
CONCEALING = {"box_closed", "basket_closed"}
CONVEYORS = ["conveyor_up", "conveyor_right", "conveyor_down", "conveyor_left"]
WALKABLE = {"floor", "door_open", "beacon", "light_off", "light_on", "pad", "water", "trap", "stone"}
WALKABLE |= set(CONVEYORS)
SHORT_SIGHTED = 2
AHEAD = {0: (0, -1), 1: (1, 0), 2: (0, 1), 3: (-1, 0)}  # north, east, south, west; y grows south


def terrain(w, place):
    """The name of a cell's terrain."""
    return engine.TERRAIN[int(w["cells"][place]) & 0xFF]


def between(dx, dy):
    """The cells strictly between (0, 0) and (dx, dy) on the two digital lines: ties up, down."""
    n = max(abs(dx), abs(dy))
    up, down = set(), set()
    for t in range(1, n):
        x, y = Fraction(dx * t, n), Fraction(dy * t, n)
        half = Fraction(1, 2)
        up.add((math.floor(x + half), math.floor(y + half)))
        down.add((math.ceil(x - half), math.ceil(y - half)))
    return up, down


def visible(w, place, other):
    """Whether a cell can be seen from another, however one is turned and however far it is."""
    x, y = place % 16, place // 16
    dx, dy = other % 16 - x, other // 16 - y
    return any(
        all(terrain(w, (y + ly) * 16 + x + lx) not in OPAQUE for lx, ly in line) for line in between(dx, dy)
    )


def in_window(place, heading, other, side):
    """(forward, right) of a cell in the window of somebody at a place, or None if outside it."""
    dx, dy = other % 16 - place % 16, other // 16 - place // 16
    ax, ay = AHEAD[heading]
    rx, ry = AHEAD[(heading + 1) % 4]
    forward, right = dx * ax + dy * ay, dx * rx + dy * ry
    inside = 0 <= forward < side and abs(right) <= side // 2
    return (forward, right) if inside else None


def too_far(w, a, other):
    """Whether a cell is too far away for somebody short-sighted: more than two cells."""
    place = int(w["place"][a])
    far = max(abs(other % 16 - place % 16), abs(other // 16 - place // 16)) > 2
    return far and int(w["limits"][a]) & SHORT_SIGHTED != 0


def sees_cell(w, a, other, side):
    """Whether individual a sees a cell."""
    place, heading = int(w["place"][a]), int(w["heading"][a])
    if w["body"][a] == 0 or in_window(place, heading, other, side) is None or too_far(w, a, other):
        return False
    return visible(w, place, other)


def perceivers(w, place, side):
    """The individuals who perceive what is at a place: a cell, or hands (0xF0 + individual)."""
    cell = place
    if place >= 0xF0:
        if place == 0xFE or w["body"][place - 0xF0] == 0:
            return set()
        cell = int(w["place"][place - 0xF0])
    elif terrain(w, place) in CONCEALING:
        return set()
    people = [a for a in range(w["individuals"]) if w["body"][a] == 1]
    return {a for a in people if sees_cell(w, a, cell, side)}


def takes(w, place, side):
    """All pairs (a, b) where a sees b, and b perceives what is at the place."""
    seers = perceivers(w, place, side)
    return {
        (a, b)
        for a in range(w["individuals"])
        for b in seers
        if a != b and w["body"][a] == 1 and sees_cell(w, a, int(w["place"][b]), side)
    }


def shown(w, place):
    """The kind of the thing that lies in sight in a cell, 0 for none."""
    if terrain(w, place) in CONCEALING or place == 0 or place >= 0xF0:  # no cells: nowhere, hands
        return 0
    kinds = [int(w["kind"][o]) for o in range(w["things"]) if w["thing"][o] == place]
    return kinds[0] if kinds else 0


def window_of(w, a, side):
    """What individual a sees, row by row, each cell as (terrain, thing, body, manner)."""
    place, heading = int(w["place"][a]), int(w["heading"][a])
    ax, ay = AHEAD[heading]
    rx, ry = AHEAD[(heading + 1) % 4]
    rows = []
    for forward in reversed(range(side)):
        row = []
        for right in range(-(side // 2), side // 2 + 1):
            x = place % 16 + forward * ax + right * rx
            y = place // 16 + forward * ay + right * ry
            inside = 0 <= x < w["width"] and 0 <= y < w["height"]
            cell = y * 16 + x
            if w["body"][a] == 0 or not inside or too_far(w, a, cell) or not visible(w, place, cell):
                row.append((0, 0, 0, 0))
                continue
            body = manner = 0
            for b in range(w["individuals"]):
                if b != a and w["body"][b] and w["place"][b] == y * 16 + x:
                    turned = (int(w["heading"][b]) - heading) % 4
                    body = 1 + int(w["identity"][b]) * 4 + turned
                    held = int(w["hand"][b])
                    manner = int(w["face"][b]) + 4 * (int(w["kind"][held - 1]) if held else 0)
            kind = terrain(w, cell)
            if kind in CONVEYORS:  # shown as it flows for the viewer
                kind = CONVEYORS[(CONVEYORS.index(kind) - heading) % 4]
            row.append((engine.TERRAIN.index(kind), shown(w, cell), body, manner))
        rows.append(row)
    return rows


def check(w):
    """Whatever must hold in any world; an AssertionError says what does not."""
    cells = range(256)
    for place in cells:
        name = terrain(w, place)
        bit = int(w["opaque"][place // 16]) >> place % 16 & 1
        assert bit == (name in OPAQUE), (place, name)
        assert int(w["cells"][place]) >> 8 == shown(w, place), (place, name)
    bodies = [a for a in range(w["individuals"]) if w["body"][a]]
    places = [int(w["place"][a]) for a in bodies]
    assert len(set(places)) == len(places), f"two in one cell: {places}"
    for place in places:
        assert terrain(w, place) in WALKABLE, (place, terrain(w, place))
    things = [int(w["thing"][o]) for o in range(w["things"])]
    somewhere = [place for place in things if place not in (0, 0xFE)]
    assert len(set(somewhere)) == len(somewhere), f"two things in one place: {things}"
    for o, place in enumerate(things):
        if place >= 0xF0 and place != 0xFE:
            assert w["hand"][place - 0xF0] == o + 1
        elif 0 < place < 0xF0:
            assert terrain(w, place) not in ("wall", "window", "door_closed", "door_open"), place
    for a in range(w["individuals"]):
        if w["hand"][a]:
            assert things[w["hand"][a] - 1] == 0xF0 + a
