"""Sight: an egocentric window with exact occlusion.

The rule, in one sentence: *one cell is seen from another if, of the two digital lines between their
centres (ties rounded one way, and the other way), at least one crosses no opaque cell.* Turning a line
round swaps the two roundings, so the rule is symmetric: if one cell sees another, the other sees it
(headings aside). What is opaque is itself seen; it hides what lies behind.

An individual stands in the middle of the bottom row of its V x V window and looks up in it. It sees
nothing behind itself.

How it is made fast: the opaque cells of a window are the bits of a word (two words where V = 9), each
cell of the window has one precomputed mask for each of its two lines, and a cell is seen iff
``opaque & mask == 0`` for one of them. The window is cut out of the world unturned; the masks are there
for each heading.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..kernels import njit, trailing_zeros, whole

__all__ = ["HEADINGS", "SHORT_SIGHTED", "WINDOWS", "digital_lines", "look", "scan", "sees", "window_cell"]

HEADINGS = ("north", "east", "south", "west")
WINDOWS = (5, 7, 9)
SHORT_SIGHTED = 2  # bit of an individual's ``limits``: it sees only what is at most ...
SHORT_SIGHT = 2  # ... so many cells away

# One step forward and one step to the right, for each heading; y grows to the south.
FORWARD_X = np.array([0, 1, 0, -1], np.int64)
FORWARD_Y = np.array([-1, 0, 1, 0], np.int64)
RIGHT_X = np.array([1, 0, -1, 0], np.int64)
RIGHT_Y = np.array([0, 1, 0, -1], np.int64)


def digital_lines(right: int, forward: int) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """The cells strictly between (0, 0) and (right, forward) on the two digital lines.

    They differ only where the straight line passes midway between two cells: one line takes the
    lower of the two there, the other the higher.
    """
    steps = max(abs(right), abs(forward))
    lower: set[tuple[int, int]] = set()
    higher: set[tuple[int, int]] = set()
    for t in range(1, steps):
        # floor(v + 1/2) rounds a tie up and ceil(v - 1/2) down; in whole numbers, to stay exact
        lower.add(tuple(-((steps - 2 * t * v) // (2 * steps)) for v in (right, forward)))  # type: ignore[arg-type]
        higher.add(tuple((2 * t * v + steps) // (2 * steps) for v in (right, forward)))  # type: ignore[arg-type]
    return lower, higher


def _tables() -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """OFFSET (3, 4, 81): a window cell's offset in the world's 16 x 16 torus of cells;
    CORNER (3, 4, 2): x and y of the window's north-west corner from the individual;
    BETWEEN (3, 4, 81, 2 lines, 2 words): masks of the cells between, in unturned window bits."""
    offset = np.zeros((3, 4, 81), np.int64)
    corner = np.zeros((3, 4, 2), np.int64)
    between = np.zeros((3, 4, 81, 2, 2), np.uint64)
    for v, size in enumerate(WINDOWS):
        half = size // 2
        for h in range(4):

            def world(right: int, forward: int, h: int = h) -> tuple[int, int]:
                return (
                    int(right * RIGHT_X[h] + forward * FORWARD_X[h]),
                    int(right * RIGHT_Y[h] + forward * FORWARD_Y[h]),
                )

            ends = [world(r, f) for r in (-half, half) for f in (0, size - 1)]
            left, top = min(x for x, _ in ends), min(y for _, y in ends)
            corner[v, h] = left, top
            for k in range(size * size):
                right, forward = k % size - half, size - 1 - k // size
                dx, dy = world(right, forward)
                offset[v, h, k] = (dy * 16 + dx) % 256
                for line, cells in enumerate(digital_lines(right, forward)):
                    for r, f in cells:
                        x, y = world(r, f)
                        bit = (y - top) * size + (x - left)
                        # word 0 holds five rows where V = 9, all rows otherwise
                        word, bit = (1, bit - 45) if size == 9 and bit >= 45 else (0, bit)
                        between[v, h, k, line, word] |= np.uint64(1 << bit)
    return offset, corner, between


def _near(reach: int) -> npt.NDArray[np.uint64]:
    """(3, 2) the bits of the window's cells that are at most ``reach`` cells away, by window size."""
    near = np.zeros((3, 2), np.uint64)
    for v, size in enumerate(WINDOWS):
        for k in range(size * size):
            if abs(k % size - size // 2) <= reach and size - 1 - k // size <= reach:
                near[v, k >> 6] |= np.uint64(1 << (k & 63))
    return near


OFFSET, CORNER, BETWEEN = _tables()
NEAR = _near(SHORT_SIGHT)
# The masks as the kernel of the common sizes (5, 7) wants them: one word, the lines apart.
LOWER = np.ascontiguousarray(BETWEEN[:, :, :, 0, 0])
HIGHER = np.ascontiguousarray(BETWEEN[:, :, :, 1, 0])
LOWER_2 = np.ascontiguousarray(BETWEEN[:, :, :, 0, 1])
HIGHER_2 = np.ascontiguousarray(BETWEEN[:, :, :, 1, 1])


@njit
def scan(w: Any, a: int, size: int) -> None:
    """Find what individual ``a`` of world ``w`` sees: the bits of ``w.sight[a]`` (2,) uint64; bit
    k % 64 of word k // 64 is set iff cell k of its window is seen."""
    v = (size - 5) >> 1
    h = whole(w.heading[a])
    place = whole(w.place[a])
    x = (place & 15) + CORNER[v, h, 0]
    y = (place >> 4) + CORNER[v, h, 1]
    shift = np.uint32(x & 15)
    row_mask = np.uint32((1 << size) - 1)
    low = np.uint64(0)  # opaque cells of the window: five rows where V = 9, all rows otherwise
    high = np.uint64(0)
    for r in range(size):
        row = np.uint32(w.opaque[(y + r) & 15])
        bits = np.uint64(((row | (row << np.uint32(16))) >> shift) & row_mask)
        if size < 9 or r < 5:
            low |= bits << np.uint64(r * size)
        else:
            high |= bits << np.uint64((r - 5) * 9)
    seen = np.uint64(0)
    short = w.limits[a] & SHORT_SIGHTED != 0
    if size < 9:
        for k in range(size * size):
            clear = (low & LOWER[v, h, k]) == 0 or (low & HIGHER[v, h, k]) == 0
            seen |= np.uint64(clear) << np.uint64(k)
        w.sight[a, 0] = seen & NEAR[v, 0] if short else seen
        return
    beyond = np.uint64(0)
    for k in range(81):
        lower = (low & LOWER[v, h, k]) | (high & LOWER_2[v, h, k])
        higher = (low & HIGHER[v, h, k]) | (high & HIGHER_2[v, h, k])
        if lower == 0 or higher == 0:
            if k < 64:
                seen |= np.uint64(1) << np.uint64(k)
            else:
                beyond |= np.uint64(1) << np.uint64(k - 64)
    w.sight[a, 0] = seen & NEAR[v, 0] if short else seen
    w.sight[a, 1] = beyond & NEAR[v, 1] if short else beyond


@njit
def look(w: Any, i: int, a: int, size: int, window: Any) -> None:
    """Write what individual ``a`` of world ``w``, number ``i`` of the batch, sees of terrain and
    things, after :func:`scan`.

    Fills ``window[i, a]`` (V*V,) uint32 (the four uint8 channels of a cell in one code; 0 = not seen),
    and notes in ``w.seers`` who sees each cell.
    """
    v = (size - 5) >> 1
    h = whole(w.heading[a])
    place = whole(w.place[a])
    bit = np.uint8(1 << a)
    for k in range(size * size):
        window[i, a, k] = 0
    # half of a window is hidden or beyond the walls: going from one set bit to the next is faster
    # than asking every bit
    for word in range(2 if size == 9 else 1):
        seen = w.sight[a, word]
        while seen:
            k = trailing_zeros(seen) + 64 * word
            seen &= seen - np.uint64(1)
            cell = (place + OFFSET[v, h, k]) & 255
            window[i, a, k] = w.cells[cell]
            w.seers[cell] |= bit


@njit
def window_cell(w: Any, a: int, cell: int, size: int) -> int:
    """The index in ``a``'s window (row * V + column) of a cell of the world, or -1 if outside it."""
    place = whole(w.place[a])
    dx = (cell & 15) - (place & 15)
    dy = (cell >> 4) - (place >> 4)
    h = whole(w.heading[a])
    forward = dx * FORWARD_X[h] + dy * FORWARD_Y[h]
    right = dx * RIGHT_X[h] + dy * RIGHT_Y[h] + (size >> 1)
    if forward < 0 or forward >= size or right < 0 or right >= size:
        return -1
    return (size - 1 - forward) * size + right


@njit
def sees(w: Any, a: int, cell: int, size: int) -> bool:
    """Whether ``a`` sees a cell of the world, by the ``w.sight`` of the last :func:`scan`."""
    k = window_cell(w, a, cell, size)
    if k < 0:
        return False
    return (w.sight[a, k >> 6] >> np.uint64(k & 63)) & np.uint64(1) != 0
