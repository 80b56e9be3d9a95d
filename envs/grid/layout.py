"""Maps: drawn as text, or made at random, always closed and always passable.

A drawn map is a :class:`Layout`. Games keep a few and lay them into a world in one of the eight
orientations of the square (:func:`build`), so that nothing hangs on left, right, north or south.

====== ======================= ====== =======================
sign   terrain                 sign   terrain
====== ======================= ====== =======================
``#``  wall                    ``.``  floor
``=``  window                  ``*``  beacon
``+``  door, closed            ``/``  door, open
``B``  box, closed             ``b``  box, open
``K``  basket, closed          ``k``  basket, open
``G``  glass case, closed      ``g``  glass case, open
``{``  conveyor to the north   ``}``  ... to the south
``)``  ... to the east         ``(``  ... to the west
``,``  light, off              ``!``  light, on
``@``  block                   ``_``  pad
``$``  block on a pad          ``~``  water
``%``  trap                    ``:``  stone
====== ======================= ====== =======================

Any other letter or digit is a **mark**: floor that a game refers to by that sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..kernels import njit, whole
from .engine import (
    BASKET_CLOSED,
    BASKET_OPEN,
    BEACON,
    BLOCK,
    BLOCK_ON_PAD,
    BOX_CLOSED,
    BOX_OPEN,
    CONVEYOR,
    DOOR_CLOSED,
    DOOR_OPEN,
    FLOOR,
    GLASS_CLOSED,
    GLASS_OPEN,
    LIGHT_OFF,
    LIGHT_ON,
    MAX_SIDE,
    PAD,
    PROPERTIES,
    STONE,
    TRAP,
    WALKABLE,
    WALL,
    WATER,
    WINDOW,
    random_below,
    set_terrain,
    terrain_at,
)

__all__ = ["LEGEND", "Layout", "build", "divide", "draw_blind", "parse", "turn_heading", "turn_place"]

LEGEND = {
    "#": WALL,
    ".": FLOOR,
    "=": WINDOW,
    "+": DOOR_CLOSED,
    "/": DOOR_OPEN,
    "B": BOX_CLOSED,
    "b": BOX_OPEN,
    "K": BASKET_CLOSED,
    "k": BASKET_OPEN,
    "G": GLASS_CLOSED,
    "g": GLASS_OPEN,
    "*": BEACON,
    "{": CONVEYOR,
    ")": CONVEYOR + 1,
    "}": CONVEYOR + 2,
    "(": CONVEYOR + 3,
    ",": LIGHT_OFF,
    "!": LIGHT_ON,
    "@": BLOCK,
    "_": PAD,
    "$": BLOCK_ON_PAD,
    "~": WATER,
    "%": TRAP,
    ":": STONE,
}


@dataclass(frozen=True)
class Layout:
    """A drawn map.

    Attributes:
        width, height: in cells.
        terrain: (256,) uint8, terrain code of cell ``y * 16 + x``; walls beyond the map.
        marks: the places (``y << 4 | x``) of each mark, in reading order.
    """

    width: int
    height: int
    terrain: npt.NDArray[np.uint8]
    marks: dict[str, tuple[int, ...]]

    def places(self, *signs: str) -> npt.NDArray[np.uint8]:
        """The one place of each of the signs, marks or terrain; ``ValueError`` unless there is just one."""
        found = []
        for sign in signs:
            places = self.marks.get(sign, ())
            if len(places) != 1:
                raise ValueError(f"the map has {len(places)} cells marked {sign!r}, expected 1")
            found.append(places[0])
        return np.array(found, np.uint8)


def parse(text: str, connected: bool = True) -> Layout:
    """Read a drawn map.

    Args:
        text: one line a row; blank lines before and after are dropped, common indentation too.
        connected: whether all floor must hang together through doors.

    Raises:
        ValueError: for a map that is not a rectangle, too large, not closed by opaque walls, with an
            unknown sign, or with floor that cannot be reached; it names the row and the column.
    """
    rows = [row.strip() for row in text.strip("\n").splitlines() if row.strip()]
    if not rows:
        raise ValueError("the map is empty, expected at least 3 x 3 cells")
    width, height = len(rows[0]), len(rows)
    if not (3 <= width <= MAX_SIDE and 3 <= height <= MAX_SIDE):
        raise ValueError(f"the map is {width} x {height} cells, expected 3 to {MAX_SIDE} a side")
    terrain = np.full(256, WALL, np.uint8)
    marks: dict[str, list[int]] = {}
    for y, row in enumerate(rows):
        if len(row) != width:
            raise ValueError(f"row {y + 1} of the map has {len(row)} cells, expected {width}: {row!r}")
        for x, sign in enumerate(row):
            if sign not in LEGEND and not sign.isalnum():
                raise ValueError(
                    f"row {y + 1}, column {x + 1} of the map is {sign!r}, expected one of "
                    f"{' '.join(LEGEND)} or a letter or digit"
                )
            code = LEGEND.get(sign, FLOOR)
            if (x in (0, width - 1) or y in (0, height - 1)) and code != WALL:
                raise ValueError(
                    f"row {y + 1}, column {x + 1} of the map is {sign!r}, expected a wall ('#'): "
                    "the outermost cells close the world"
                )
            terrain[y << 4 | x] = code
            marks.setdefault(sign, []).append(y << 4 | x)
    if connected:
        _check_reachable(terrain, rows)
    return Layout(width, height, terrain, {sign: tuple(places) for sign, places in marks.items()})


def _check_reachable(terrain: npt.NDArray[np.uint8], rows: list[str]) -> None:
    """All floor hangs together through doors (containers may stand anywhere)."""
    passable = {
        cell for cell in range(256) if PROPERTIES[terrain[cell]] & WALKABLE or terrain[cell] == DOOR_CLOSED
    }
    if not passable:
        raise ValueError("the map has no floor")
    reached = {min(passable)}
    edge = list(reached)
    while edge:
        cell = edge.pop()
        for near in (cell - 16, cell + 1, cell + 16, cell - 1):
            if near in passable and near not in reached:
                reached.add(near)
                edge.append(near)
    cut_off = passable - reached
    if cut_off:
        cell = min(cut_off)
        raise ValueError(
            f"row {(cell >> 4) + 1}, column {(cell & 15) + 1} of the map cannot be reached: "
            f"{rows[cell >> 4]!r}"
        )


@njit
def turn_place(place: int, orientation: int, width: int, height: int) -> int:
    """Where a place of a drawn map lies in one of its eight orientations (bit 0: left and right
    exchanged, bit 1: top and bottom exchanged, bit 2: x and y exchanged, last)."""
    x, y = place & 15, place >> 4
    if orientation & 1:
        x = width - 1 - x
    if orientation & 2:
        y = height - 1 - y
    if orientation & 4:
        x, y = y, x
    return y << 4 | x


@njit
def turn_heading(heading: int, orientation: int) -> int:
    """A heading of a drawn map in one of its eight orientations."""
    if orientation & 1:
        heading = (4 - heading) & 3
    if orientation & 2:
        heading = (2 - heading) & 3
    if orientation & 4:
        heading = 3 - heading
    return heading


@njit
def build(w: Any, terrain: Any, width: int, height: int, orientation: int) -> None:
    """Lay a drawn map's terrain into a cleared world, turned."""
    for y in range(height):
        for x in range(width):
            cell = turn_place(y << 4 | x, orientation, width, height)
            kind = whole(terrain[y << 4 | x])
            if CONVEYOR <= kind < CONVEYOR + 4:
                kind = CONVEYOR + turn_heading(kind - CONVEYOR, orientation)
            set_terrain(w, cell, kind)
    if orientation & 4:
        w.width = height
        w.height = width


@njit
def draw_blind(w: Any, row: int, down: bool, side: int, orientation: int) -> None:
    """Let down or raise the blind along a row of a square drawn map: its windows become walls, or walls
    windows. What is floor there (an open gate) stays so."""
    for x in range(1, side - 1):
        cell = turn_place(row << 4 | x, orientation, side, side)
        if terrain_at(w, cell) != FLOOR:
            set_terrain(w, cell, WALL if down else WINDOW)


@njit
def divide(w: Any, width: int, height: int, closed: bool) -> None:
    """Random rooms in a cleared world: the floor is cut by one wall across, and each half, where it
    is long enough, by another. Each wall has one door, so all floor hangs together: solvable by
    construction. Walls never end at a door, since a second wall avoids the first one's door.
    """
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            set_terrain(w, y << 4 | x, FLOOR)
    door = DOOR_CLOSED if closed else DOOR_OPEN
    wall_x = 3 + random_below(w, width - 6) if width > 6 else 0
    door_y = 1 + random_below(w, height - 2)
    if wall_x:
        for y in range(1, height - 1):
            set_terrain(w, y << 4 | wall_x, WALL)
        set_terrain(w, door_y << 4 | wall_x, door)
    else:
        door_y = 0
    for half in range(2):
        left = 1 if half == 0 else wall_x + 1
        right = (wall_x if wall_x else width - 1) if half == 0 else width - 1
        if half == 1 and not wall_x:
            break
        if right - left < 2 or height < 7:
            continue
        wall_y = 3 + random_below(w, height - 6)
        if wall_y == door_y:
            # beside the door: one up or one down, wherever there is room
            wall_y = wall_y - 1 if wall_y > 2 else wall_y + 1
        door_x = left + random_below(w, right - left)
        for x in range(left, right):
            set_terrain(w, wall_y << 4 | x, WALL)
        set_terrain(w, wall_y << 4 | door_x, door)
