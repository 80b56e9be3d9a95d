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
    terrain_at,
)
from .physics import carried, flow_at
from .vision import FORWARD_X, FORWARD_Y

__all__ = [
    "believed_place",
    "pauses",
    "plan",
    "plan_knowing",
    "random_legal",
    "route_length",
    "shortest_way",
    "turn_to",
]

ON, BEFORE = 0, 1  # reach a cell by standing on it, or by facing it


@njit
def pauses(w: Any, at: int, weights: int, meets: Any, least: int, spare: int) -> None:
    """Draw how many steps pass at each meeting of a play, by draws that are the same whatever is played.

    Args:
        w: the world; those of meeting k come into its memory at ``at`` + k.
        at: see there.
        weights: as many places of the memory that are not used yet, and are 0 in the end.
        meets: 1 where the play has that meeting, else 0.
        least: at each at least so many, and up to two more.
        spare: so many more, spread over the meetings by weights. The last one's share, and what rounding
            leaves, is for the game to wait.
    """
    total = 0
    for k in range(len(meets)):
        w.memory[at + k] = least + random_below(w, 3)
        w.memory[weights + k] = (1 + random_below(w, 8)) * meets[k]
        total += w.memory[weights + k]
    for k in range(len(meets) - 1):
        w.memory[at + k] += spare * w.memory[weights + k] // total
    for k in range(len(meets)):
        w.memory[weights + k] = 0


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
def _in(poses: Any, row: int, cell: int, heading: int) -> bool:
    """Whether a pose is in a set of poses: four words of 64 cells for each heading."""
    return (poses[row, heading * 4 + (cell >> 6)] >> np.uint64(cell & 63)) & np.uint64(1) != 0


@njit
def _add(poses: Any, row: int, cell: int, heading: int) -> None:
    poses[row, heading * 4 + (cell >> 6)] |= np.uint64(1) << np.uint64(cell & 63)


@njit
def _search_carried(w: Any, a: int, goal: int, manner: int, around: bool) -> tuple[int, int]:
    """:func:`_search` where there are conveyors, a pose at a time.

    A pose is cell * 4 + heading. Going through a door that is not open before one's nose costs two
    actions (toggle, forward): it is found one layer later. ``around``: others in sight are obstacles.
    Each action leads to where one has been carried after it; who waits on a conveyor is carried, too.
    """
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
                    if flow_at(w, cell) >= 0:
                        continue  # the door would be open, and one would stand elsewhere
                    if first[pose] < 0:
                        queue[tail] = -1 - pose
                        tail += 1
                    continue
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
def _search(
    w: Any, a: int, goal: int, manner: int, around: bool, informed: bool, still: bool
) -> tuple[int, int]:
    """The first action of a shortest plan to a cell and the plan's length (-1: there is none).

    Breadth-first search over poses, backwards from the goal, a whole layer at once: the cells of a heading
    are the bits of four words, and one shift moves them all. Of several shortest plans it is the one
    that goes forward where it can, else turns left (the first in the order of the actions).

    Going through a door that is not open before one's nose costs two actions (toggle, forward).

    Args:
        around: others in sight are obstacles.
        informed: open doors cost one action, wherever they are.
        still: conveyors are taken for floor.
    """
    if w.flows and not still:
        return _search_carried(w, a, goal, manner, around)
    start, facing = whole(w.place[a]), whole(w.heading[a])
    # rows: 0 reached, 1 the newest layer, 2 the next one, 3 beyond a door: one layer later, 4 free cells,
    # 5 doors
    poses = np.zeros((6, 16), np.uint64)
    for y in range(1, w.height - 1):
        for x in range(1, w.width - 1):
            cell = y << 4 | x
            terrain = whole(w.cells[cell] & 0xFF)
            properties = PROPERTIES[terrain]
            door = terrain == DOOR_CLOSED or (properties & TOGGLES != 0 and properties & WALKABLE != 0)
            if door or passes(w, a, cell):
                _add(poses, 4, cell, 0)
            if door and not (informed and terrain != DOOR_CLOSED):
                _add(poses, 5, cell, 0)
    if around:
        for b in range(w.individuals):
            if b != a and w.body[b] != OUT and (w.gaze >> np.uint64(a * 8 + b)) & np.uint64(1):
                cell = whole(w.place[b])
                poses[4, cell >> 6] &= ~(np.uint64(1) << np.uint64(cell & 63))
    ahead = (start + FORWARD_Y[facing] * 16 + FORWARD_X[facing]) & 255
    enters = _in(poses, 4, ahead, 0)
    door_ahead = _in(poses, 5, ahead, 0)
    door_shut = door_ahead and terrain_at(w, ahead) == DOOR_CLOSED
    _add(poses, 4, start, 0)
    for heading in range(4):
        cell = goal
        if manner == BEFORE:
            cell = (goal - FORWARD_Y[heading] * 16 - FORWARD_X[heading]) & 255
        if _in(poses, 4, cell, 0):
            _add(poses, 0, cell, heading)
            _add(poses, 1, cell, heading)
    words = (whole(w.height) + 3) >> 2  # four rows of 16 cells are a word
    length = 0
    left = (facing + 3) & 3
    one_less, two_less, by_left = False, False, False  # reached before: the pose ahead, that on the left
    while True:
        if _in(poses, 0, start, facing):
            if length == 0:
                return WAIT, 0
            if enters and one_less and not door_ahead:
                return FORWARD, length
            if enters and two_less and door_ahead:
                return TOGGLE, length
            return (TURN_LEFT if by_left else TURN_RIGHT), length
        before = _in(poses, 0, ahead, facing)
        if enters and door_ahead and not door_shut and before:
            return FORWARD, length + 1  # the door before one's nose is open
        two_less, one_less = one_less, before
        by_left = _in(poses, 0, start, left)
        anything = np.uint64(0)
        for heading in range(4):
            for word in range(words):
                at = heading * 4 + word
                # turns, and what a door held up
                poses[2, at] = (
                    poses[1, ((heading + 1) & 3) * 4 + word]
                    | poses[1, ((heading + 3) & 3) * 4 + word]
                    | poses[3, at]
                )
                poses[3, at] = np.uint64(0)
        for heading in range(4):
            # a step back from every pose of the layer: against the heading
            for word in range(words):
                at = heading * 4 + word
                layer = poses[1, at]
                if layer == 0:
                    continue
                doors = layer & poses[5, word]
                for late in range(2 if doors else 1):
                    cells = doors if late else layer & ~doors
                    row = 3 if late else 2
                    if heading == 0:  # they came from the south
                        poses[row, at] |= cells << np.uint64(16)
                        if word < words - 1:
                            poses[row, at + 1] |= cells >> np.uint64(48)
                    elif heading == 2:
                        poses[row, at] |= cells >> np.uint64(16)
                        if word > 0:
                            poses[row, at - 1] |= cells << np.uint64(48)
                    elif heading == 1:
                        poses[row, at] |= cells >> np.uint64(1)
                    else:
                        poses[row, at] |= cells << np.uint64(1)
        for heading in range(4):
            for word in range(words):
                at = heading * 4 + word
                new = poses[2, at] & poses[4, word] & ~poses[0, at]
                poses[1, at] = new
                poses[0, at] |= new
                anything |= new | poses[3, at]
        if anything == 0:
            return -1, -1
        length += 1


@njit
def plan(w: Any, a: int, goal: int, manner: int, still: bool = False) -> int:
    """The first action of a shortest way to stand on a cell (``ON``) or to face it (``BEFORE``).

    Others in sight are walked around; where that leaves no way, they are waited for. ``WAIT`` where
    one is there already, or where there is no way at all. Conveyors are reckoned with, unless they are
    taken to stand ``still``.
    """
    if goal == NOWHERE or w.body[a] == OUT:
        return WAIT
    action, _ = _search(w, a, goal, manner, True, False, still)
    if action < 0:
        action, _ = _search(w, a, goal, manner, False, False, still)
    return WAIT if action < 0 else action


@njit
def plan_knowing(w: Any, a: int, goal: int, manner: int, others: Any) -> int:
    """:func:`plan`, round those whose bits are set in ``others``, too, whether in sight or not.

    For who stays where they were: one who forgets them as soon as they are out of sight turns to and fro
    between two ways.
    """
    seen = w.gaze
    w.gaze |= np.uint64(others) << np.uint64(a * 8)
    action = plan(w, a, goal, manner)
    w.gaze = seen
    return action


@njit
def turn_to(w: Any, a: int, heading: int) -> int:
    """One turn towards a heading, the shorter way; WAIT where it is that already."""
    by = (w.heading[a] - heading) & 3
    return WAIT if by == 0 else TURN_LEFT if by == 1 else TURN_RIGHT


@njit
def route_length(w: Any, a: int, goal: int, manner: int) -> int:
    """Actions on a shortest way from a's pose, others left out; -1 where there is none.

    Doors count as :func:`plan` counts them: two actions each.
    """
    _, cost = _search(w, a, goal, manner, False, False, False)
    return cost


@njit
def shortest_way(w: Any, a: int, goal: int, manner: int) -> int:
    """Like :func:`route_length`, as the world is: open doors cost nothing beyond the step."""
    _, cost = _search(w, a, goal, manner, False, True, False)
    return cost
