"""Simple physics: conveyors that carry things and bodies, and things that move by themselves.

A game calls these from its rules, after everybody has acted. As in :func:`engine.move`, nobody and
nothing has an advantage by index: what two claim, neither gets; nothing passes through another; a line
moves if its head moves, and so does a ring.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels import njit, whole
from .engine import CONVEYOR, HANDS, NOWHERE, OUT, is_floor, passes, settle, thing_at
from .vision import FORWARD_X, FORWARD_Y

__all__ = ["beyond", "carried", "carry", "carry_bodies", "flow_at", "shift"]


@njit
def beyond(cell: int, heading: int) -> int:
    """The next cell in a heading."""
    return (cell + FORWARD_Y[heading] * 16 + FORWARD_X[heading]) & 255


@njit
def flow_at(w: Any, cell: int) -> int:
    """The heading in which the conveyor in a cell flows, or -1 where there is none."""
    terrain = whole(w.cells[cell] & 0xFF)
    if CONVEYOR <= terrain < CONVEYOR + 4:
        return terrain - CONVEYOR
    return -1


@njit
def carried(w: Any, a: int, cell: int) -> int:
    """Where individual ``a`` is at the end of a step if it stands on a cell after its action, others left
    out: the model of one step that planners need."""
    flow = flow_at(w, cell)
    if flow < 0:
        return cell
    target = beyond(cell, flow)
    return target if passes(w, a, target) else cell


@njit
def carry_bodies(w: Any) -> None:
    """Whoever stands on a conveyor is carried one cell; headings stay."""
    moving = np.uint64(0)
    for a in range(w.individuals):
        w.target[a] = 0
        if w.body[a] == OUT:
            continue
        place = whole(w.place[a])
        target = carried(w, a, place)
        if target != place:
            w.target[a] = target
            moving |= np.uint64(1) << np.uint64(a)
    if moving:
        settle(w, moving)


@njit
def shift(w: Any, moving: Any) -> Any:
    """Let the things whose bits are set in ``moving`` go to the cells in ``w.target``, as far as they can.

    A place holds one thing. Bodies are in nobody's way here: things lie at their feet. Nothing that is
    shifted counts as put somewhere (``w.mentioned``).

    Args:
        moving: uint64, bit o for thing o; there are eight at most. Every target is floor.

    Returns:
        the bits of those that have moved.
    """
    n = whole(w.things)
    target = w.target
    stopped = np.uint64(0)
    for o in range(n):
        for p in range(o):
            both = (np.uint64(1) << np.uint64(o)) | (np.uint64(1) << np.uint64(p))
            if moving & both == both and (
                target[o] == target[p] or (target[o] == w.thing[p] and target[p] == w.thing[o])
            ):
                stopped |= both
    moving &= ~stopped
    # what is stopped stops what comes behind it, until nothing changes
    changed = True
    while changed:
        changed = False
        for o in range(n):
            bit = np.uint64(1) << np.uint64(o)
            if moving & bit:
                p = thing_at(w, target[o])
                if p >= 0 and not (moving >> np.uint64(p)) & np.uint64(1):
                    moving &= ~bit
                    changed = True
    # first all leave, then all arrive: one may come where another was
    for o in range(n):
        if (moving >> np.uint64(o)) & np.uint64(1):
            w.cells[w.thing[o]] &= np.uint16(0xFF)
    for o in range(n):
        if (moving >> np.uint64(o)) & np.uint64(1):
            cell = whole(target[o])
            w.thing[o] = cell
            w.cells[cell] = (w.cells[cell] & np.uint16(0xFF)) | (np.uint16(w.kind[o]) << np.uint16(8))
    return moving


@njit
def carry(w: Any) -> None:
    """Conveyors carry what is on them one cell: bodies, then things. What would come into a wall or a
    door, onto another that stays, or where another comes, too, stays where it is."""
    carry_bodies(w)
    moving = np.uint64(0)
    for o in range(w.things):
        w.target[o] = 0
        place = whole(w.thing[o])
        if place == NOWHERE or place >= HANDS:
            continue
        flow = flow_at(w, place)
        if flow >= 0 and is_floor(w, beyond(place, flow)):
            w.target[o] = beyond(place, flow)
            moving |= np.uint64(1) << np.uint64(o)
    if moving:
        shift(w, moving)
