"""Rooms for ``push``, and the exact length of the shortest solution from every state of each of them.

A room is a closed square with a few inner walls and as many pads as blocks. A **state** is where the
blocks are, where the pusher stands and how it is turned. Starting from the solved states, a search goes
backwards, by turning, stepping back and pulling, breadth first: so it finds every state that can be solved
at all, with the least number of actions that it takes (:func:`solve`). What is dealt is drawn from these
states, so it is solvable by construction; whoever looks up the numbers plans as well as can be planned.

Rooms are drawn from a random stream of their own, always the same. Each belongs to ``"train"`` or to
``"held_out"`` by a hash of its walls that is the same in all eight orientations: no room of the one is a
turned or mirrored room of the other, whatever the number of blocks. The tables of a set are made once in a
process, when it is first asked for: 0.01 s to 0.3 s, 0.2 to 41 MB, by size and blocks.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..kernels import njit, whole
from ..random import below, draw
from .engine import FLOOR, PAD, WALL
from .vision import FORWARD_X, FORWARD_Y

__all__ = ["LAYOUTS", "LEAST", "MAX_BLOCKS", "MOST", "NO_WAY", "SIZES", "Rooms", "rank", "rooms", "solve"]

SIZES = (7, 9)  # cells a side, outer walls included: least and most
MAX_BLOCKS = 3
LAYOUTS = ("train", "held_out")
ROOMS = {1: 128, 2: 128, 3: 32}  # in each set, by blocks
STARTS = 1024  # kept for each room
LEAST, MOST = 6, 45  # actions of the shortest solution from a start
LENGTHS = 10  # so many different lengths a room must offer
WALLS = {7: 4, 8: 7, 9: 11}  # inner ones, by size
NO_WAY = 255


@dataclass(frozen=True)
class Rooms:
    """A set of R rooms that have F floor cells each; ``C`` ways to lay the blocks on F cells.

    Attributes:
        terrain: (R, 256) uint8, terrain of cell ``y << 4 | x``: walls, floor and pads.
        cells: (R, F) uint8, the floor cells (pads too) in reading order.
        index: (R, 256) int16, a cell's number among them, -1 for walls.
        distance: (R, C * F * 4) uint8, least number of actions from each state to a solved one, NO_WAY
            where there is none. State ``(rank * F + cell) * 4 + heading``, see :func:`rank`.
        starts: (R, STARTS) int32, states to begin with.
        walls: the inner walls of each room in the canonical one of its eight orientations.
    """

    terrain: npt.NDArray[np.uint8]
    cells: npt.NDArray[np.uint8]
    index: npt.NDArray[np.int16]
    distance: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int32]
    walls: tuple[tuple[int, ...], ...]


@njit
def rank(blocks: int, a: int, b: int, c: int) -> int:
    """The number of a set of one to three floor cells among all such sets, in any order of its members
    (the combinatorial number system). Members beyond ``blocks`` are not read."""
    if blocks == 1:
        return a
    if a > b:
        a, b = b, a
    if blocks == 3:
        if b > c:
            b, c = c, b
            if a > b:
                a, b = b, a
        return c * (c - 1) * (c - 2) // 6 + b * (b - 1) // 2 + a
    return b * (b - 1) // 2 + a


@njit
def unrank(blocks: int, sets: Any) -> int:
    """Write the members of each set, (C, 3) int16, in the order of :func:`rank`; returns how many.

    Args:
        blocks: 1 to 3. sets: to be written; ``sets.shape[1]`` is 3, ``-1`` for no member.
    """
    row = 0
    top = 0
    while row < sets.shape[0]:
        # all sets whose greatest member is ``top``: its others are all sets of smaller ones
        if blocks == 1:
            sets[row, 0], sets[row, 1], sets[row, 2] = top, -1, -1
            row += 1
        elif blocks == 2:
            for a in range(top):
                sets[row, 0], sets[row, 1], sets[row, 2] = a, top, -1
                row += 1
        else:
            for b in range(top):
                for a in range(b):
                    sets[row, 0], sets[row, 1], sets[row, 2] = a, b, top
                    row += 1
        top += 1
    return row


@njit
def solve(cells: Any, index: Any, sets: Any, blocks: int, solved: int, distance: Any, queue: Any) -> int:
    """Breadth-first search backwards from the solved states: the length of every shortest solution.

    Args:
        cells: (F,), index: (256,): of one room.
        sets: (C, 3) int16 of :func:`unrank`.
        blocks: how many. solved: the rank of the set of all pads.
        distance: (C * F * 4,) uint8, written.
        queue: (C * F * 4,) int32, scratch.

    Returns:
        how many states can be solved.
    """
    floor = cells.shape[0]
    distance[:] = NO_WAY
    tail = 0
    for cell in range(floor):
        if cell == sets[solved, 0] or cell == sets[solved, 1] or cell == sets[solved, 2]:
            continue
        for heading in range(4):
            state = (solved * floor + cell) * 4 + heading
            distance[state] = 0
            queue[tail] = state
            tail += 1
    head = 0
    while head < tail:
        state = whole(queue[head])
        head += 1
        after = whole(distance[state]) + 1
        if after >= NO_WAY:
            break
        heading = state & 3
        cell = (state >> 2) % floor
        number = (state >> 2) // floor
        a, b, c = whole(sets[number, 0]), whole(sets[number, 1]), whole(sets[number, 2])
        for turn in (1, 3):
            before = (state & ~3) | ((heading + turn) & 3)
            if distance[before] == NO_WAY:
                distance[before] = after
                queue[tail] = before
                tail += 1
        step = FORWARD_Y[heading] * 16 + FORWARD_X[heading]
        back = whole(index[(whole(cells[cell]) - step) & 255])
        if back < 0 or back in (a, b, c):
            continue
        before = (number * floor + back) * 4 + heading
        if distance[before] == NO_WAY:
            distance[before] = after
            queue[tail] = before
            tail += 1
        ahead = whole(index[(whole(cells[cell]) + step) & 255])
        if ahead >= 0 and ahead in (a, b, c):
            # it came here by pushing that block: pull it back to where the pusher stands
            if ahead == a:
                number = rank(blocks, cell, b, c)
            elif ahead == b:
                number = rank(blocks, a, cell, c)
            else:
                number = rank(blocks, a, b, cell)
            before = (number * floor + back) * 4 + heading
            if distance[before] == NO_WAY:
                distance[before] = after
                queue[tail] = before
                tail += 1
    return tail


@njit
def pick(key: int, counter: int, n: int) -> int:
    """A whole number from 0 to n - 1, the stream's number ``counter``."""
    return whole(below(draw(key, counter), n))


@njit
def choose_starts(distance: Any, key: int, starts: Any, order: Any) -> int:
    """Draw states to begin with: first a length that occurs, then one of its states.

    Args:
        distance: (S,) of one room. key: of the random stream.
        starts: written. order: (S,) int32, scratch.

    Returns:
        how many lengths from LEAST to MOST occur; fewer than 1 leaves ``starts`` as it was.
    """
    first = np.zeros(MOST + 2, np.int64)  # where the states of each length begin in ``order``
    for d in distance:
        if LEAST <= d <= MOST:
            first[whole(d) + 1] += 1
    lengths = np.empty(MOST + 1, np.int64)
    found = 0
    for d in range(LEAST, MOST + 1):
        if first[d + 1]:
            lengths[found] = d
            found += 1
        first[d + 1] += first[d]
    if found == 0:
        return 0
    filled = first.copy()
    for state in range(distance.shape[0]):
        d = whole(distance[state])
        if LEAST <= d <= MOST:
            order[filled[d]] = state
            filled[d] += 1
    for n in range(starts.shape[0]):
        d = lengths[pick(key, 2 * n, found)]
        starts[n] = order[first[d] + pick(key, 2 * n + 1, first[d + 1] - first[d])]
    return found


def orientations(places: tuple[int, ...], size: int) -> list[tuple[int, ...]]:
    """Places of a square map in its eight orientations, each in order."""
    last = size - 1
    found = []
    for k in range(8):
        turned = []
        for place in places:
            x, y = place & 15, place >> 4
            x = last - x if k & 1 else x
            y = last - y if k & 2 else y
            turned.append((x << 4 | y) if k & 4 else (y << 4 | x))
        found.append(tuple(sorted(turned)))
    return found


def belongs_to(walls: tuple[int, ...], size: int) -> str:
    """``"train"`` or ``"held_out"``, alike for all orientations of the same walls."""
    return LAYOUTS[zlib.crc32(bytes(min(orientations(walls, size)))) & 1]


def _shuffled(places: list[int], key: int) -> list[int]:
    """The same places in an order that hangs on the key alone."""
    places = list(places)
    for k in range(len(places) - 1, 0, -1):
        j = pick(key, k, k + 1)
        places[k], places[j] = places[j], places[k]
    return places


def _connected(floor: list[int]) -> bool:
    left = set(floor)
    edge = [left.pop()]
    while edge:
        cell = edge.pop()
        for near in (cell - 16, cell - 1, cell + 1, cell + 16):
            if near in left:
                left.remove(near)
                edge.append(near)
    return not left


@cache
def rooms(size: int, blocks: int, layouts: str) -> Rooms:
    """The set of rooms for these options; the same object whenever it is asked for again.

    Args:
        size: cells a side, 7 to 9. blocks: 1 to 3. layouts: ``"train"`` or ``"held_out"``.
    """
    number_of_rooms = ROOMS[blocks]
    inner = [y << 4 | x for y in range(1, size - 1) for x in range(1, size - 1)]
    count = len(inner) - WALLS[size]
    combinations = {1: count, 2: count * (count - 1) // 2, 3: count * (count - 1) * (count - 2) // 6}[blocks]
    sets = np.empty((combinations, 3), np.int16)
    unrank(blocks, sets)
    states = combinations * count * 4
    queue = np.empty(states, np.int32)
    terrain = np.full((number_of_rooms, 256), WALL, np.uint8)
    cells = np.empty((number_of_rooms, count), np.uint8)
    index = np.full((number_of_rooms, 256), -1, np.int16)
    distance = np.empty((number_of_rooms, states), np.uint8)
    starts = np.empty((number_of_rooms, STARTS), np.int32)
    chosen: list[tuple[int, ...]] = []
    number = -1
    while len(chosen) < number_of_rooms:
        number += 1
        key = (size << 8 | blocks) << 32 | number
        shuffled = _shuffled(inner, key)
        walls = tuple(sorted(shuffled[: WALLS[size]]))
        if belongs_to(walls, size) != layouts or not _connected(shuffled[WALLS[size] :]):
            continue
        same = min(orientations(walls, size))
        if same in chosen:
            continue
        floor = sorted(shuffled[WALLS[size] :])
        pads = shuffled[-blocks:]
        r = len(chosen)
        cells[r] = floor
        index[r] = -1
        index[r, floor] = np.arange(count)
        where = [int(index[r, pad]) for pad in pads] + [-1] * (3 - blocks)
        solved = rank(blocks, *where)
        solve(cells[r], index[r], sets, blocks, solved, distance[r], queue)
        # a pad that nothing can be pushed onto leaves no starts, and a dull room few lengths
        if choose_starts(distance[r], key, starts[r], queue) < LENGTHS:
            continue
        terrain[r] = WALL
        terrain[r, floor] = FLOOR
        terrain[r, pads] = PAD
        chosen.append(same)
    return Rooms(terrain, cells, index, distance, starts, tuple(chosen))
