"""Scripted characters: how they find their way and what they go by.

They know the layout of their world, as those who live there do, but of doors only what they stand
before; where things and others are they know as their beliefs and their sight say.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels import njit, whole
from ..simulation import EXACT, LAST_SEEN, REALITY_BIASED
from .engine import (
    DOOR_CLOSED,
    FORWARD,
    NOWHERE,
    NUM_ACTIONS,
    OUT,
    PROPERTIES,
    TOGGLE,
    TOGGLES,
    TURN_LEFT,
    TURN_RIGHT,
    WAIT,
    WALKABLE,
    legal,
    passes,
    random_below,
)
from .physics import carried, flow_at
from .vision import FORWARD_X, FORWARD_Y

__all__ = ["believed_place", "plan", "random_legal", "route_length"]

ON, BEFORE = 0, 1  # reach a cell by standing on it, or by facing it


@njit
def random_legal(w: Any, a: int) -> int:
    """A legal action, uniformly."""
    allowed = np.empty(NUM_ACTIONS, np.int64)
    count = 0
    for action in range(NUM_ACTIONS):
        if legal(w, a, action):
            allowed[count] = action
            count += 1
    return allowed[random_below(w, count)]


@njit
def believed_place(w: Any, a: int, o: int, mode: int) -> int:
    """Where a character in this mode takes thing ``o`` to be (NOWHERE: it has no idea)."""
    if mode in (REALITY_BIASED, EXACT):
        return whole(w.thing[o])
    if mode == LAST_SEEN:
        return whole(w.mentioned)
    return whole(w.belief[o, 1 + a])


@njit
def _search(w: Any, a: int, goal: int, manner: int, around: bool, still: bool) -> tuple[int, int]:
    """Breadth-first search over poses: the first action of a shortest plan and its length (-1: none).

    A pose is cell * 4 + heading. Going through a door that is not open before one's nose costs two
    actions (toggle, forward): it is found one layer later. ``around``: others in sight are obstacles.
    Where there are conveyors, each action leads to where one has been carried after it; who waits on
    one is carried, too. ``still``: they are taken for floor.
    """
    flows = w.flows != 0 and not still
    start = whole(w.place[a]) * 4 + whole(w.heading[a])
    first = np.full(1024, -1, np.int8)  # first action on the way to each pose
    queue = np.empty(2048, np.int16)  # poses; those of -1 - pose still have a door to pass
    cost = np.zeros(1024, np.int16)
    blocked = np.zeros(256, np.uint8)
    if around:
        for b in range(w.individuals):
            if b != a and w.body[b] != OUT and (w.gaze >> np.uint64(a * 8 + b)) & np.uint64(1):
                blocked[w.place[b]] = 1
    first[start] = WAIT
    queue[0] = start
    head, tail = 0, 1
    while head < tail:
        entry = whole(queue[head])
        head += 1
        if entry < 0:  # the door is open now: step through
            pose = -1 - entry
            heading = pose & 3
            cell = pose >> 2
            behind = (cell - FORWARD_Y[heading] * 16 - FORWARD_X[heading]) & 255
            if first[pose] < 0:
                origin = behind * 4 + heading
                first[pose] = TOGGLE if origin == start else first[origin]
                cost[pose] = cost[origin] + 2
                queue[tail] = pose
                tail += 1
            continue
        cell, heading = entry >> 2, entry & 3
        ahead = (cell + FORWARD_Y[heading] * 16 + FORWARD_X[heading]) & 255
        if (manner == ON and cell == goal) or (manner == BEFORE and ahead == goal):
            return whole(first[entry]), whole(cost[entry])
        for action in (FORWARD, TURN_LEFT, TURN_RIGHT, WAIT):
            if action == WAIT and not flows:
                continue  # nothing would change
            turn = 3 if action == TURN_LEFT else whole(action == TURN_RIGHT)
            pose = cell * 4 + ((heading + turn) & 3)
            if action == FORWARD:
                pose = ahead * 4 + heading
                terrain = whole(w.cells[ahead] & 0xFF)
                properties = PROPERTIES[terrain]
                door = terrain == DOOR_CLOSED or (properties & TOGGLES != 0 and properties & WALKABLE != 0)
                if blocked[ahead] or not (door or passes(w, a, ahead)):
                    continue
                if door and (entry != start or terrain == DOOR_CLOSED):
                    if flows and flow_at(w, cell) >= 0:
                        continue  # the door would be open, and one would stand elsewhere
                    if first[pose] < 0:
                        queue[tail] = -1 - pose
                        tail += 1
                    continue
            if flows:
                at = carried(w, a, pose >> 2)
                if not blocked[at]:
                    pose = at * 4 + (pose & 3)
            if first[pose] < 0:
                first[pose] = action if entry == start else first[entry]
                cost[pose] = cost[entry] + 1
                queue[tail] = pose
                tail += 1
    return -1, -1


@njit
def plan(w: Any, a: int, goal: int, manner: int, still: bool = False) -> int:
    """The first action of a shortest way to stand on a cell (``ON``) or to face it (``BEFORE``).

    Others in sight are walked around; where that leaves no way, they are waited for. ``WAIT`` where
    one is there already, or where there is no way at all. Conveyors are reckoned with, unless they are
    taken to stand ``still``.
    """
    if goal == NOWHERE or w.body[a] == OUT:
        return WAIT
    action, _ = _search(w, a, goal, manner, True, still)
    if action < 0:
        action, _ = _search(w, a, goal, manner, False, still)
    return WAIT if action < 0 else action


@njit
def route_length(w: Any, a: int, goal: int, manner: int) -> int:
    """Actions on a shortest way from a's pose, others left out; -1 where there is none.

    Doors count as :func:`plan` counts them: two actions each.
    """
    _, cost = _search(w, a, goal, manner, False, False)
    return cost
