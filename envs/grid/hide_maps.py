"""The maps of ``hide``, and what follows from them alone: the ways on them, and what is seen from where.

Nothing on these maps is ever opened, moved or built. So the length of every way and all that is seen from
every pose stand in tables, made once, and predator and prey look many steps ahead in a microsecond. What the
tables say is what ``characters.route_length`` and ``vision.scan`` find, and the tests hold them to it.

The tables are about the maps as they are drawn here; a world shows one in any of eight orientations, and
``HOME`` and ``HOME_HEADING`` lead back to the drawing. There, cells are **spots**, numbered row by row from
the second row on. The wall that ends a row also stands before the next, so a row has ten spots, not eleven.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .engine import OPAQUE, PROPERTIES, WALKABLE
from .layout import Layout, parse
from .vision import FORWARD_X, FORWARD_Y, RIGHT_X, RIGHT_Y, SHORT_SIGHT, WINDOWS, digital_lines

__all__ = [
    "FIRST_HEADING", "FLOORS", "HELD_OUT", "HOME", "HOME_HEADING", "LENGTH", "MAPS", "NO_WAY", "NUM_POSTS",
    "POST_PLACES", "ROW", "SIDE", "SPOTS", "TERRAINS", "TRAIN", "VIEW",
]  # fmt: skip

# The posts are numbered in the order of the predator's round.
TRAIN = (
    """
    ###########
    #1.......2#
    #.##.#.##.#
    #.#.....#.#
    #....#....#
    #.#.###.#.#
    #....#....#
    #.#.....#.#
    #.##.#.##.#
    #4.......3#
    ###########
    """,
    """
    ###########
    #1...#...2#
    #.##.#.##.#
    #....#....#
    #.#.....#.#
    #.#.#.#.#.#
    #.#.....#.#
    #....#....#
    #.##.#.##.#
    #4...#...3#
    ###########
    """,
    """
    ###########
    #....1....#
    #.##.#.##.#
    #.#..#..#.#
    #....#....#
    #4.#...#.2#
    #....#....#
    #.#..#..#.#
    #.##.#.##.#
    #....3....#
    ###########
    """,
    """
    ###########
    #1.......2#
    #.###.##..#
    #.#....#.##
    #...##.#..#
    #.#....#..#
    #.##.#.##.#
    #..#.#..#.#
    ##.#.##...#
    #4.......3#
    ###########
    """,
)
HELD_OUT = (
    """
    ###########
    #1...#....#
    #.##...##2#
    #.#..#..#.#
    #...##....#
    #.#....#..#
    #.##.#.##.#
    #....#....#
    #.##...#.##
    #4...#...3#
    ###########
    """,
    """
    ###########
    #..1.....2#
    #.#.###.#.#
    #.#.....#.#
    #.##.#.##.#
    #....#....#
    ##.#...#.##
    #..##.##..#
    #.#.....#.#
    #4...#...3#
    ###########
    """,
    """
    ###########
    #1.......2#
    #.#.#.#.#.#
    #.........#
    #.#.#.#.#.#
    #.........#
    #.#.#.#.#.#
    #.........#
    #.#.#.#.#.#
    #4.......3#
    ###########
    """,
)
MAPS: tuple[Layout, ...] = tuple(parse(text) for text in (*TRAIN, *HELD_OUT))
SIDE = MAPS[0].width
NUM_POSTS = 4
TERRAINS = np.stack([layout.terrain for layout in MAPS])
POST_PLACES = np.array([layout.places("1", "2", "3", "4") for layout in MAPS], np.int64)

# --- Spots ----------------------------------------------------------------------------------------------
ROW = SIDE - 1
SPOTS = 96  # all that may be floor, and a few walls: a whole number of vector registers
Y, X = np.divmod(np.arange(SPOTS), ROW)
Y += 1
WALL_SPOT = 0
DRAWN = PROPERTIES[TERRAINS].reshape(-1, 16, 16)
FLOORS = np.ascontiguousarray(DRAWN[:, Y, X] & WALKABLE != 0)  # (maps, spots)


def _homes() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """(8 orientations, 256 cells): the spot that a cell of the world shows; (8 orientations, 4): the heading
    on the drawing. The way back from ``layout.turn_place`` and ``turn_heading``."""
    home = np.full((8, 256), WALL_SPOT, np.uint8)
    home_heading = np.zeros((8, 4), np.uint8)
    for orientation in range(8):
        x = SIDE - 1 - X if orientation & 1 else X
        y = SIDE - 1 - Y if orientation & 2 else Y
        if orientation & 4:
            x, y = y, x
        home[orientation, y << 4 | x] = np.arange(SPOTS)
        middle = SIDE // 2 * 17
        for h in range(4):
            before = int(home[orientation, middle + int(FORWARD_Y[h]) * 16 + int(FORWARD_X[h])])
            step = before - int(home[orientation, middle])
            home_heading[orientation, h] = (-ROW, 1, ROW, -1).index(step)
    return home, home_heading


HOME, HOME_HEADING = _homes()

# --- The ways -------------------------------------------------------------------------------------------
NO_WAY = 255


def _lengths() -> npt.NDArray[np.uint8]:
    """(maps, goals, spots, headings): actions on a shortest way from a pose to a goal; NO_WAY for walls.

    Breadth first from all goals at once: those to which a pose leads by now are the bits of a few bytes.
    """
    floors = np.where(FLOORS, np.uint8(255), np.uint8(0))[:, None, :, None]
    goals = np.packbits(np.eye(SPOTS, dtype=np.uint8), axis=-1)
    before = np.zeros((len(MAPS), 4, *goals.shape), np.uint8)  # (maps, headings, spots, bytes of goals)
    now = before | goals & floors
    length = np.zeros((len(MAPS), 4, SPOTS, SPOTS), np.uint8)
    while (now != before).any():
        before = now
        length += np.unpackbits(~before, axis=-1)
        now = before | np.roll(before, 1, 1) | np.roll(before, -1, 1)  # turns
        now[:, 0, ROW:] |= before[:, 0, :-ROW]  # who heads north comes to the spot a row before
        now[:, 1, :-1] |= before[:, 1, 1:]
        now[:, 2, :-ROW] |= before[:, 2, ROW:]
        now[:, 3, 1:] |= before[:, 3, :-1]
        now &= floors
    length[np.unpackbits(~now, axis=-1) != 0] = NO_WAY
    return np.ascontiguousarray(length.transpose(0, 3, 2, 1))


LENGTH = _lengths()


def _first_headings() -> npt.NDArray[np.int64]:
    """(maps, posts, 2 ways round): the heading in which a shortest way to the next post begins."""
    posts = HOME[0, POST_PLACES]
    following = np.stack([np.roll(posts, -1, 1), np.roll(posts, 1, 1)], 2)
    maps = np.arange(len(MAPS))[:, None, None]
    return LENGTH[maps, following, posts[:, :, None]].argmin(-1)


FIRST_HEADING = _first_headings()


# --- Sight ----------------------------------------------------------------------------------------------
def _views() -> npt.NDArray[np.uint8]:
    """(windows, maps, spots, spots): whether who stands on the one sees the other. Bit h: with heading h on
    the drawing; bit 4 + h: even short-sighted. Walls are left out."""
    far = max(WINDOWS) - 1
    opaque = np.pad(DRAWN & OPAQUE != 0, ((0, 0), (far, far), (far, far)), constant_values=True)
    # whatever the heading: one of the two lines between them is free
    free = np.zeros((len(MAPS), SPOTS, SPOTS), np.bool_)
    for dy in range(far + 1):
        for dx in range(-far, far + 1):
            one = np.flatnonzero((Y + dy < SIDE) & (X + dx >= 0) & (X + dx < ROW))
            one = one[one + dy * ROW + dx < SPOTS]
            blocked = np.ones((len(MAPS), len(one)), np.bool_)
            for line in digital_lines(dx, dy):
                crossed = np.zeros_like(blocked)
                for x, y in line:
                    crossed |= opaque[:, Y[one] + far + y, X[one] + far + x]
                blocked &= crossed
            free[:, one, one + dy * ROW + dx] = ~blocked
    free |= free.transpose(0, 2, 1)
    free &= FLOORS[:, :, None] & FLOORS[:, None, :]
    # and the other is in the window
    east, south = X - X[:, None], Y - Y[:, None]
    close = np.maximum(abs(east), abs(south)) <= SHORT_SIGHT
    views = np.zeros((len(WINDOWS), len(MAPS), SPOTS, SPOTS), np.uint8)
    for v, size in enumerate(WINDOWS):
        for h in range(4):
            forward = east * FORWARD_X[h] + south * FORWARD_Y[h]
            right = east * RIGHT_X[h] + south * RIGHT_Y[h]
            seen = free & (forward >= 0) & (forward < size) & (abs(right) <= size // 2)
            views[v] |= np.where(seen, np.uint8(1 << h), 0) | np.where(seen & close, np.uint8(16 << h), 0)
    return views


VIEW = _views()
