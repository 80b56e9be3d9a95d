"""Push: bring the blocks onto the pads, knowing what an action leads to (stage 2a, motor planning).

A room with a few inner walls, one to three blocks and as many pads. Whoever goes forward against a block
pushes it, if the cell beyond is free: no wall, no block, nobody. Blocks are pushed one at a time and never
pulled, so some steps cannot be taken back: a block in a corner stays there. Every room can be solved when
it is dealt, and the least number of actions is known (``push_rooms.py``).

There may be somebody else about: another pusher, who wants the same blocks on pads, or a bystander, who
walks to and fro, pushes nothing and stands in the way.

Pushes are judged on the world after everybody's steps, then done at once. Of two who push one block, or push
two blocks into one cell, neither does; who walks into the cell beyond is there before the block.

Individuals. ``pusher``, and ``other`` where there is one.
Rewards. Alike for both: +1 for pushing a block onto a pad, -1 for pushing one off a pad, -0.01 a step. The
block that one pushes is before one's nose, so all of it is perceived. With ``paid=False`` nobody is given
anything: for play from which only the model is learned.
Ends. Terminated when all blocks are on pads; truncated after ``limit`` steps.
perf. Least number of actions / actions needed, at most 1, times the share of the blocks that the pusher has
brought itself; 0 if it is not solved. The least number is that of one who pushes alone.
Counted. ``pushes``; ``stuck``, whether there was no way left at the end for the pusher alone.
Task. ``task`` is the number of blocks there are.
Probes. At the start, and when the pusher first stands before a block that would give way. **Forward
model**: what is in the cell in front after a short plan, for plans whose outcome follows from what is in
sight; the controls ask what is there now, and after a plan that changes nothing. **Inverse model**: which
one action leads from this percept to another (in front, and beyond it), for percepts to which just one
action leads; the control is the percept to which waiting leads. ``no_change`` takes the cell in front to
stay as it is; ``reality`` takes what is in the cell now that one would face, as if nothing were pushed.
Reference agents. ``exact`` follows a shortest solution of the true state. ``scripted`` does so in the state
that it believes in, from the blocks and pads it has seen, and goes where it has not looked before it knows
them all. ``reflex`` pushes the nearest block in sight straight on from wherever it comes to it, and stands
there when that goes no further.
Source. Stage 2a of the paper (section 2.3); Sokoban (Imabayashi 1981; solved by machines since Junghanns &
Schaeffer 1997); forward and inverse models: Wolpert & Kawato 1998.

Options: ``size`` (7 to 9 cells a side), ``blocks`` (1 to 3), ``layouts`` (``"train"``, ``"held_out"``: rooms
with other walls, turned and mirrored ones included), ``other`` (``"none"``, ``"pusher"``, ``"bystander"``),
``paid``, ``limit``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from ..kernels import njit, whole
from ..probes import Probe
from ..random import below, draw
from ..simulation import ANEW, EXACT, RANDOM, REFLEX, RUNNING
from . import engine
from .characters import BEFORE, ON, plan, random_legal
from .engine import (
    BLOCK,
    BLOCK_ON_PAD,
    FIELD_HEADING,
    FIELD_SELF,
    FIELD_X,
    FIELD_Y,
    FLOOR,
    FORWARD,
    OUT,
    PAD,
    PROPERTIES,
    PUSHED,
    TURN_LEFT,
    TURN_RIGHT,
    UNSEEN,
    WAIT,
    WALKABLE,
    WALL,
    random_below,
)
from .game import Game, GameOptions
from .layout import build, turn_heading, turn_place
from .push_rooms import LAYOUTS, MAX_BLOCKS, NO_WAY, SIZES, STARTS, Rooms, rank, rooms
from .questions import UNKNOWN, Reader
from .vision import FORWARD_X, FORWARD_Y, RIGHT_X, RIGHT_Y, scan, sees

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "PushOptions", "least_actions", "optimal"]

PUSHER, OTHER = 0, 1
OTHERS = ("none", "pusher", "bystander")
NOBODY, FELLOW, BYSTANDER = range(3)
STEP = 0.01  # what a step costs

# --- What a world remembers -----------------------------------------------------------------------------
ROOM, ORIENTATION, OPTIMAL, LEFT, PUSHES, STUCK, ASKED, QUESTION, MANNER, UNPAID = (
    0,  # number of the room in its set
    1,  # its orientation
    2,  # the least number of actions from the start
    3,  # how many blocks are on no pad
    4,  # pushes so far
    5,  # 1 where the pusher alone can no longer solve it
    6,  # whether the pusher has stood before a block
    7,  # key of the questions' random stream
    8,  # which of OTHERS the other is
    9,  # 1 where nothing is paid
)
BLOCKS = 10  # + block: where it is
STOOD = 14  # + individual: place at the end of the step before
# Of those who are scripted:
GOAL = 16  # + individual: where a bystander is going
TRIED = 18  # + individual: the pose in which it last went forward
MAKES_WAY = 20  # + individual: steps for which it makes way
BELIEVED = 22  # + 3 * individual + slot: a block it believes in, 0 for one it has not found
LOOKED = 28  # + 4 * individual + word: bits of the floor cells seen, afresh when a block is missed
PADS = 36  # + individual: bits of the pads seen
# And of the pusher:
FIRST_LEFT, GAINED = (
    38,
    39,
)  # how many blocks were on no pad at first; how many it brought, less those removed


@dataclass(frozen=True)
class PushOptions(GameOptions):
    """Options of ``push``."""

    limit: int = 150
    size: int = 7
    blocks: int = 2
    layouts: str = "train"
    other: str = "none"
    paid: bool = True
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {"size": SIZES, "blocks": (1, MAX_BLOCKS)}
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {"layouts": LAYOUTS, "other": OTHERS}


def encode(options: PushOptions) -> npt.NDArray[np.int64]:
    """(limit, size, blocks, layouts, other, paid)."""
    layouts, other = LAYOUTS.index(options.layouts), OTHERS.index(options.other)
    rooms(options.size, options.blocks, options.layouts)  # made now, not in the first step
    return np.array([options.limit, options.size, options.blocks, layouts, other, options.paid])


def _rooms(options: npt.NDArray[np.int64]) -> Rooms:
    """The set of rooms that these options draw from."""
    return rooms(int(options[1]), int(options[2]), LAYOUTS[options[3]])


# --- States: a world as its room's table has it ------------------------------------------------------------
@njit
def unturned_place(place: int, orientation: int, size: int) -> int:
    """Where a place of the world lies on the drawn map: the inverse of ``turn_place`` on a square."""
    x, y = place & 15, place >> 4
    if orientation & 4:
        x, y = y, x
    if orientation & 2:
        y = size - 1 - y
    if orientation & 1:
        x = size - 1 - x
    return y << 4 | x


@njit
def unturned_heading(heading: int, orientation: int) -> int:
    """The inverse of ``turn_heading``."""
    if orientation & 4:
        heading = 3 - heading
    if orientation & 2:
        heading = (2 - heading) & 3
    if orientation & 1:
        heading = (4 - heading) & 3
    return heading


@njit
def length(w: Any, index: Any, distance: Any, floor: int, place: int, heading: int, blocks: Any) -> int:
    """The least number of actions to a solved state, NO_WAY where there is none.

    Args:
        w: the world. index, distance: of all rooms. floor: floor cells of a room.
        place, heading: of the pusher. blocks: places of the blocks, ``w.task[0]`` of them.
    """
    room, orientation, size = whole(w.memory[ROOM]), whole(w.memory[ORIENTATION]), whole(w.width)
    count = whole(w.task[PUSHER])
    a = whole(index[room, unturned_place(blocks[0], orientation, size)])
    b = c = -1
    if count > 1:
        b = whole(index[room, unturned_place(blocks[1], orientation, size)])
    if count > 2:
        c = whole(index[room, unturned_place(blocks[2], orientation, size)])
    cell = whole(index[room, unturned_place(place, orientation, size)])
    if cell in (a, b, c):
        return NO_WAY  # a belief that cannot be
    state = (rank(count, a, b, c) * floor + cell) * 4 + unturned_heading(heading, orientation)
    return whole(distance[room, state])


@njit
def true_length(w: Any, index: Any, distance: Any, floor: int, a: int) -> int:
    """:func:`length` from the true state, for individual ``a`` alone."""
    blocks = (whole(w.memory[BLOCKS]), whole(w.memory[BLOCKS + 1]), whole(w.memory[BLOCKS + 2]))
    return length(w, index, distance, floor, whole(w.place[a]), whole(w.heading[a]), blocks)


# --- A new episode ----------------------------------------------------------------------------------------
@njit
def deal_world(
    w: Any, options: Any, terrain: Any, cells: Any, index: Any, distance: Any, starts: Any
) -> None:
    """A new episode: a room in one of its eight orientations, in a state that can be solved."""
    limit, size, blocks, _, other, paid = options[:6]
    engine.clear(w, size, size, 1 if other == NOBODY else 2, 0, limit)
    room = random_below(w, terrain.shape[0])
    orientation = random_below(w, 8)
    w.memory[ROOM] = room
    w.memory[ORIENTATION] = orientation
    w.memory[MANNER] = other
    w.memory[UNPAID] = 1 - paid
    build(w, terrain[room], size, size, orientation)
    engine.label_rooms(w)
    floor = cells.shape[1]
    state = whole(starts[room, random_below(w, STARTS)])
    w.memory[OPTIMAL] = distance[room, state]
    w.heading[PUSHER] = turn_heading(state & 3, orientation)
    w.place[PUSHER] = turn_place(whole(cells[room, (state >> 2) % floor]), orientation, size, size)
    left = (state >> 2) // floor
    # the members of the set, greatest first: the combinatorial number system read backwards
    for k in range(blocks - 1, -1, -1):
        member = floor - 1
        while binomial(member, k + 1) > left:
            member -= 1
        left -= binomial(member, k + 1)
        cell = turn_place(whole(cells[room, member]), orientation, size, size)
        w.memory[BLOCKS + k] = cell
        lay_block(w, cell)
    for a in range(w.individuals):
        w.task[a] = blocks
    w.memory[FIRST_LEFT] = w.memory[LEFT]
    w.memory[QUESTION] = random_below(w, 1 << 15)
    if other != NOBODY:
        free = floor - blocks - 1
        chosen = random_below(w, free)
        for k in range(floor):
            cell = turn_place(whole(cells[room, k]), orientation, size, size)
            if PROPERTIES[engine.terrain_at(w, cell)] & WALKABLE == 0 or cell == w.place[PUSHER]:
                continue
            if chosen == 0:
                w.place[OTHER] = cell
            chosen -= 1
        w.heading[OTHER] = random_below(w, 4)
    for a in range(w.individuals):
        w.memory[STOOD + a] = w.place[a]
    w.ask = 1


@njit
def binomial(n: int, k: int) -> int:
    """Ways to choose k of n things, k from 1 to 3."""
    if k == 1:
        return n
    if k == 2:
        return n * (n - 1) // 2
    return n * (n - 1) * (n - 2) // 6


@njit
def lay_block(w: Any, cell: int) -> None:
    """A block comes into a free cell, floor or pad."""
    if engine.terrain_at(w, cell) == PAD:
        engine.set_terrain(w, cell, BLOCK_ON_PAD)
    else:
        engine.set_terrain(w, cell, BLOCK)
        w.memory[LEFT] += 1


@njit
def lift_block(w: Any, cell: int) -> None:
    """A block leaves its cell."""
    if engine.terrain_at(w, cell) == BLOCK_ON_PAD:
        engine.set_terrain(w, cell, PAD)
    else:
        engine.set_terrain(w, cell, FLOOR)
        w.memory[LEFT] -= 1


# --- The rules --------------------------------------------------------------------------------------------
@njit
def beyond(w: Any, a: int) -> int:
    """The cell behind the one before individual ``a``."""
    h = whole(w.heading[a])
    return (whole(w.place[a]) + 2 * (FORWARD_Y[h] * 16 + FORWARD_X[h])) & 255


@njit
def gives_way(w: Any, a: int) -> bool:
    """Whether individual ``a`` stands before a block with a free cell beyond."""
    cell = beyond(w, a)
    if PROPERTIES[engine.terrain_at(w, engine.front(w, a))] & PUSHED == 0:
        return False
    return PROPERTIES[engine.terrain_at(w, cell)] & WALKABLE != 0 and engine.body_at(w, cell) < 0


@njit
def claims(w: Any, a: int) -> bool:
    """Whether individual ``a`` pushes in this step: it went forward from where it stands, against a block
    that gives way. (Who has walked up to a block in this step has not pushed it yet.)"""
    went = w.body[a] != OUT and w.action[a] == FORWARD and w.place[a] == w.memory[STOOD + a]
    return went and gives_way(w, a)


@njit
def push(w: Any, a: int, reward: float) -> None:
    """Block and pusher move on."""
    here, there = engine.front(w, a), beyond(w, a)
    was_on = engine.terrain_at(w, here) == BLOCK_ON_PAD
    lift_block(w, here)
    lay_block(w, there)
    is_on = engine.terrain_at(w, there) == BLOCK_ON_PAD
    for k in range(MAX_BLOCKS):
        if w.memory[BLOCKS + k] == here:
            w.memory[BLOCKS + k] = there
    w.place[a] = here
    w.memory[PUSHES] += 1
    gained = whole(is_on) - whole(was_on)
    w.reward[a] += reward * gained
    if a == PUSHER:
        w.memory[GAINED] += gained


@njit
def rules(w: Any, index: Any, distance: Any, floor: int) -> None:
    """Pushes, rewards, the end."""
    w.ask = 0
    n = whole(w.individuals)
    paid = 0.0 if w.memory[UNPAID] else 1.0
    for a in range(n):
        w.reward[a] = -STEP * paid
    first = claims(w, PUSHER)
    second = n > 1 and claims(w, OTHER)
    if (
        first
        and second
        and (engine.front(w, PUSHER) == engine.front(w, OTHER) or beyond(w, PUSHER) == beyond(w, OTHER))
    ):
        first = second = False
    if first:
        push(w, PUSHER, paid)
    if second:
        push(w, OTHER, paid)
    if first or second:
        w.memory[STUCK] = true_length(w, index, distance, floor, PUSHER) == NO_WAY
        if w.memory[LEFT] == 0:
            share = min(max(w.memory[GAINED] / w.memory[FIRST_LEFT], 0.0), 1.0)
            w.perf = share * min(1.0, w.memory[OPTIMAL] / w.step)
            w.terminated = 1
    for a in range(n):
        w.memory[STOOD + a] = w.place[a]
    if w.memory[ASKED] == 0 and gives_way(w, PUSHER):
        w.memory[ASKED] = 1
        w.ask = 1 - w.terminated


@njit
def in_front(windows: Any, fields: Any, n: int, t: int, who: int, v: int) -> tuple[int, int]:
    """What the viewer of history n sees at time t of somebody's pose and of what is before them: their
    place, -1 where they are not seen, and the terrain, UNSEEN where it is not."""
    k = whole((v - 1) * v + (v >> 1))
    turned = whole(0)
    if fields[n, t, FIELD_SELF] != who:
        k = whole(-1)
        for cell in range(v * v):
            body = whole((windows[n, t, cell] >> np.uint32(16)) & np.uint32(0xFF)) - 1
            if body >= 0 and body >> 2 == who:
                k = cell
                turned = body & 3
        if k < 0:
            return -1, UNSEEN
    row, column = k // v, k % v
    forward, right = v - 1 - row, column - (v >> 1)
    h = whole(fields[n, t, FIELD_HEADING])
    x = whole(fields[n, t, FIELD_X]) + forward * FORWARD_X[h] + right * RIGHT_X[h]
    y = whole(fields[n, t, FIELD_Y]) + forward * FORWARD_Y[h] + right * RIGHT_Y[h]
    row += FORWARD_Y[turned]
    column += FORWARD_X[turned]
    terrain = whole(UNSEEN)
    if 0 <= row < v and 0 <= column < v:
        terrain = whole(windows[n, t, row * v + column] & np.uint32(0xFF))
    return y << 4 | x, terrain


@njit
def judge(windows: Any, fields: Any, lengths: Any, actions: Any, who: Any, options: Any, out: Any) -> None:
    """R(history, action, who) for each row. Who went forward and got into the cell where a block was has
    pushed it: it is before them again, on a pad or not. Of somebody else, what one sees of them."""
    v = whole(options[engine.WINDOW_OPTION])
    for n in range(lengths.shape[0]):
        out[n] = 0.0
        if options[5] == 0:
            continue
        out[n] = -STEP
        if actions[n] != FORWARD:
            continue
        last = whole(lengths[n]) - 1
        before, was = in_front(windows, fields, n, last - 1, whole(who[n]), v)
        after, now = in_front(windows, fields, n, last, whole(who[n]), v)
        if before < 0 or after < 0 or before == after:
            continue
        if was == BLOCK and now == BLOCK_ON_PAD:
            out[n] += 1.0
        elif was == BLOCK_ON_PAD and now == BLOCK:
            out[n] -= 1.0


# --- The characters -----------------------------------------------------------------------------------------
@njit
def look_about(w: Any, a: int, cells: Any, size: int) -> bool:
    """Take in what is in sight now; returns whether all blocks and pads are known.

    A block that is not where it was believed to be is lost, and may be anywhere.
    """
    room, orientation, side = whole(w.memory[ROOM]), whole(w.memory[ORIENTATION]), whole(w.width)
    count, slots, looked = whole(w.task[a]), BELIEVED + 3 * a, LOOKED + 4 * a
    for k in range(count):
        place = whole(w.memory[slots + k])
        if place and sees(w, a, place, size) and PROPERTIES[engine.terrain_at(w, place)] & PUSHED == 0:
            w.memory[slots + k] = 0
            for word in range(4):
                w.memory[looked + word] = 0
    pad = 0
    for n in range(cells.shape[1]):
        place = turn_place(whole(cells[room, n]), orientation, side, side)
        terrain = engine.terrain_at(w, place)
        if sees(w, a, place, size):
            w.memory[looked + (n >> 4)] |= np.int16(1 << (n & 15))
            if PROPERTIES[terrain] & PUSHED:
                find_block(w, a, place, size)
            if terrain in (PAD, BLOCK_ON_PAD):
                w.memory[PADS + a] |= np.int16(1 << pad)
        if terrain in (PAD, BLOCK_ON_PAD):
            pad += 1
    known = w.memory[PADS + a] == (1 << count) - 1
    for k in range(count):
        known = known and w.memory[slots + k] != 0
    return known


@njit
def find_block(w: Any, a: int, place: int, size: int) -> None:
    """Believe in a block that is seen. It may be a lost one; where none is lost it is the nearest of
    those out of sight: somebody has moved it."""
    count, slots = whole(w.task[a]), BELIEVED + 3 * a
    best, nearest = -1, 1000
    for k in range(count):
        believed = whole(w.memory[slots + k])
        if believed == place:
            return
        apart = -1
        if believed:
            apart = abs((believed & 15) - (place & 15)) + abs((believed >> 4) - (place >> 4))
        if apart < nearest and not (believed and sees(w, a, believed, size)):
            best, nearest = k, apart
    if best >= 0:
        w.memory[slots + best] = place


@njit
def explore(w: Any, a: int, cells: Any, size: int) -> int:
    """The first action of a shortest way to a pose that shows a cell not looked at, by steps alone; -1
    where there is none. Walls are known; blocks are where they are believed to be."""
    room, orientation, side = whole(w.memory[ROOM]), whole(w.memory[ORIENTATION]), whole(w.width)
    free = np.zeros(256, np.uint8)  # as far as is known
    missing = np.empty(64, np.uint8)
    left = 0
    for n in range(cells.shape[1]):
        place = turn_place(whole(cells[room, n]), orientation, side, side)
        free[place] = 1
        if (whole(w.memory[LOOKED + 4 * a + (n >> 4)]) >> (n & 15)) & 1 == 0:
            missing[left] = place
            left += 1
    for k in range(w.task[a]):
        free[w.memory[BELIEVED + 3 * a + k]] = 0
    for b in range(w.individuals):
        if b != a and (w.gaze >> np.uint64(a * 8 + b)) & np.uint64(1):
            free[w.place[b]] = 0
    place, heading, low, high = w.place[a], w.heading[a], w.sight[a, 0], w.sight[a, 1]
    first = np.full(1024, -1, np.int8)
    queue = np.empty(1024, np.int16)
    start = whole(place) * 4 + whole(heading)
    first[start] = WAIT
    queue[0] = start
    head, tail, found = 0, 1, -1
    while head < tail and found < 0:
        pose = whole(queue[head])
        head += 1
        # what would be seen from there: walls alone are in the way
        w.place[a] = pose >> 2
        w.heading[a] = pose & 3
        scan(w, a, size)
        for k in range(left):
            if found < 0 and sees(w, a, whole(missing[k]), size):
                found = whole(first[pose])
        for action in (FORWARD, TURN_LEFT, TURN_RIGHT):
            after = (pose & ~3) | ((pose + (3 if action == TURN_LEFT else 1)) & 3)
            if action == FORWARD:
                ahead = ((pose >> 2) + FORWARD_Y[pose & 3] * 16 + FORWARD_X[pose & 3]) & 255
                if free[ahead] == 0:
                    continue
                after = ahead * 4 + (pose & 3)
            if first[after] < 0:
                first[after] = action if pose == start else first[pose]
                queue[tail] = after
                tail += 1
    w.place[a], w.heading[a], w.sight[a, 0], w.sight[a, 1] = place, heading, low, high
    return found


@njit
def stroll(w: Any, a: int) -> int:
    """A turn or a step at random; nothing is pushed."""
    action = 1 + random_below(w, 3)
    if action == FORWARD:
        cell = engine.front(w, a)
        if PROPERTIES[engine.terrain_at(w, cell)] & WALKABLE == 0 or engine.body_at(w, cell) >= 0:
            return TURN_RIGHT
    return action


@njit
def wander(w: Any, a: int) -> int:
    """A bystander goes to a place, then to another."""
    goal = whole(w.memory[GOAL + a])
    action = plan(w, a, goal, ON)
    if action == WAIT:
        side = whole(w.width)
        w.memory[GOAL + a] = (1 + random_below(w, side - 2)) << 4 | (1 + random_below(w, side - 2))
        action = stroll(w, a)
    if action == FORWARD and PROPERTIES[engine.terrain_at(w, engine.front(w, a))] & WALKABLE == 0:
        return WAIT
    return action


@njit
def best_action(w: Any, a: int, index: Any, distance: Any, floor: int, blocks: Any) -> int:
    """The first action of a shortest solution with the blocks at these places; WAIT where there is none."""
    place, heading = whole(w.place[a]), whole(w.heading[a])
    now = length(w, index, distance, floor, place, heading, blocks)
    if now in (0, NO_WAY):
        return WAIT
    for action in (TURN_LEFT, TURN_RIGHT):
        turned = (heading + (3 if action == TURN_LEFT else 1)) & 3
        if length(w, index, distance, floor, place, turned, blocks) < now:
            return action
    # neither turn brings it nearer, so a step or a push does
    return FORWARD


@njit
def solve_on(w: Any, a: int, index: Any, distance: Any, floor: int, mode: int) -> int:
    """Follow a shortest solution, of the true state or of the one that is believed in. Who is in
    somebody's way, or finds them in its own, walks about for a few steps now and then."""
    if w.memory[MAKES_WAY + a] > 0:
        w.memory[MAKES_WAY + a] -= 1
        return stroll(w, a)
    first = whole(BLOCKS) if mode == EXACT else whole(BELIEVED + 3 * a)
    blocks = (whole(w.memory[first]), whole(w.memory[first + 1]), whole(w.memory[first + 2]))
    action = best_action(w, a, index, distance, floor, blocks)
    if w.individuals == 1:
        return action
    if action == WAIT:  # no way for one alone, as far as it knows
        return stroll(w, a)
    pose = whole(w.place[a]) * 4 + whole(w.heading[a])
    if action == FORWARD:
        cell = engine.front(w, a)
        taken = engine.body_at(w, cell) >= 0
        if PROPERTIES[engine.terrain_at(w, cell)] & PUSHED:
            taken = engine.body_at(w, beyond(w, a)) >= 0
        if taken or w.memory[TRIED + a] == pose:
            w.memory[TRIED + a] = 0
            w.memory[MAKES_WAY + a] = random_below(w, 4)
            return WAIT if w.memory[MAKES_WAY + a] == 0 else stroll(w, a)
    w.memory[TRIED + a] = pose if action == FORWARD else 0
    return action


@njit
def push_nearest(w: Any, a: int, size: int) -> int:
    """The habit: to the nearest block in sight that is on no pad, and on with it, whichever way one faces
    it; where that goes no further, there it stays. With none in sight: straight on, else to the right."""
    here = whole(w.place[a])
    if engine.terrain_at(w, engine.front(w, a)) == BLOCK and gives_way(w, a):
        return FORWARD
    goal, nearest = 0, 1000
    for k in range(w.task[a]):
        place = whole(w.memory[BLOCKS + k])
        apart = abs((place & 15) - (here & 15)) + abs((place >> 4) - (here >> 4))
        if engine.terrain_at(w, place) == BLOCK and apart < nearest and sees(w, a, place, size):
            goal, nearest = place, apart
    if goal:
        return plan(w, a, goal, BEFORE)
    cell = engine.front(w, a)
    return FORWARD if PROPERTIES[engine.terrain_at(w, cell)] & WALKABLE else TURN_RIGHT


@njit
def choose(w: Any, a: int, mode: int, cells: Any, index: Any, distance: Any, size: int) -> int:
    """What a character does."""
    if mode == RANDOM:
        return random_legal(w, a)
    if a == OTHER and w.memory[MANNER] == BYSTANDER:
        return wander(w, a)
    if mode == REFLEX:
        return push_nearest(w, a, size)
    if mode != EXACT and not look_about(w, a, cells, size):
        action = explore(w, a, cells, size)
        if action >= 0:
            return action
        for word in range(4):  # it was moved, or it is where one cannot look without pushing
            w.memory[LOOKED + 4 * a + word] = 0
        return FORWARD if gives_way(w, a) else stroll(w, a)
    return solve_on(w, a, index, distance, cells.shape[1], mode)


# --- The batch: a set of rooms goes along with the options --------------------------------------------------
@njit
def deal_all(
    worlds: Any, options: Any, terrain: Any, cells: Any, index: Any, distance: Any, starts: Any, todo: Any,
    lo: int, hi: int,
) -> None:  # fmt: skip
    for i in range(lo, hi):
        if todo[i] == ANEW:
            deal_world(worlds[i], options, terrain, cells, index, distance, starts)


@njit
def play_all(worlds: Any, index: Any, distance: Any, floor: int, todo: Any, lo: int, hi: int) -> None:
    for i in range(lo, hi):
        if todo[i] == RUNNING:
            rules(worlds[i], index, distance, floor)


@njit
def script_all(
    worlds: Any, size: int, cells: Any, index: Any, distance: Any, modes: Any, actions: Any, lo: int, hi: int
) -> None:
    for i in range(lo, hi):
        for a in range(worlds[i].individuals):
            if modes[a]:
                actions[i, a] = choose(worlds[i], a, modes[a], cells, index, distance, size)


def deal(worlds: Any, options: Any, todo: Any, lo: int, hi: int) -> None:
    """As in every game; see :class:`Game`."""
    r = _rooms(options)
    deal_all(worlds, options, r.terrain, r.cells, r.index, r.distance, r.starts, todo, lo, hi)


def play(worlds: Any, options: Any, todo: Any, lo: int, hi: int) -> None:
    """As in every game; see :class:`Game`."""
    r = _rooms(options)
    play_all(worlds, r.index, r.distance, r.cells.shape[1], todo, lo, hi)


def script(worlds: Any, options: Any, modes: Any, actions: Any, lo: int, hi: int) -> None:
    """As in every game; see :class:`Game`."""
    r = _rooms(options)
    size = int(options[engine.WINDOW_OPTION])
    script_all(worlds, size, r.cells, r.index, r.distance, modes, actions, lo, hi)


def optimal(simulation: Simulation, world: int = 0) -> int:
    """The least number of actions in which one who is alone can solve the world as it was dealt."""
    return int(simulation.worlds["memory"][world, OPTIMAL])


def least_actions(simulation: Simulation, world: int = 0) -> int:
    """The least number of actions in which the pusher, alone, can solve a world as it is now; -1 where
    there is no way left."""
    r = _rooms(simulation._numbers)
    found = true_length(simulation.worlds[world], r.index, r.distance, r.cells.shape[1], PUSHER)
    return -1 if found == NO_WAY else int(found)


# --- What is asked ----------------------------------------------------------------------------------------
WORDS = {FLOOR: "floor", WALL: "wall", BLOCK: "block", PAD: "pad", BLOCK_ON_PAD: "block_on_pad"}
IN_WORDS = {
    "floor": "free floor", "wall": "a wall", "block": "a block", "pad": "a free pad",
    "block_on_pad": "a block on a pad",
}  # fmt: skip
MOVES = {"forward": FORWARD, "turn_left": TURN_LEFT, "turn_right": TURN_RIGHT, "wait": WAIT}
LONGEST = 4  # actions of a plan


class Outcome(NamedTuple):
    """What one faces after some actions.

    Attributes:
        front: what is in the cell in front. beyond: what is in the one behind it, ``""`` where the first
            hides it, UNKNOWN where that does not follow from what is in sight.
        now: what is in that same cell in front before anything is done.
        pushed: whether a block was pushed.
    """

    front: str
    beyond: str
    now: str
    pushed: bool

    @property
    def percept(self) -> str:
        """In words."""
        return IN_WORDS[self.front] + (f" and beyond it {IN_WORDS[self.beyond]}" if self.beyond else "")


class Outlook:
    """What follows from what the pusher sees now, as long as nobody else does anything.

    A second, plain reading of the rules: the tests hold it against the engine's.

    Args:
        simulation: the batch. world: which world of it.
    """

    def __init__(self, simulation: Simulation, world: int) -> None:
        w = simulation.worlds[world]
        reader = Reader(simulation, world)
        me = simulation.individuals[PUSHER]
        self.left = int(w["memory"][LEFT])
        self.place, self.heading = int(w["place"][PUSHER]), int(w["heading"][PUSHER])
        taken = {int(w["place"][a]) for a in range(int(w["individuals"])) if a != PUSHER}
        # what is in sight, without cells where somebody stands: what is there hangs on them
        self.cells = {
            cell: int(w["cells"][cell]) & 0xFF
            for y in range(int(w["height"]))
            for cell in range(y << 4, (y << 4) + int(w["width"]))
            if cell not in taken and reader.sees(me, cell)
        }

    def after(self, actions: Sequence[str]) -> Outcome | None:
        """What one faces after some actions; None where that does not follow from what is in sight, and
        where the episode would be over before the last of them."""
        place, heading, cells, pushed = self.place, self.heading, dict(self.cells), False
        left = self.left
        for action in actions:
            if left == 0:
                return None
            heading = (heading + {"turn_left": 3, "turn_right": 1}.get(action, 0)) % 4
            if action != "forward":
                continue
            ahead = self.ahead(place, heading)
            if ahead not in cells:
                return None
            if cells[ahead] in (BLOCK, BLOCK_ON_PAD):
                target = self.ahead(ahead, heading)
                if target not in cells:
                    return None
                if cells[target] in (FLOOR, PAD):
                    left += (cells[ahead] == BLOCK_ON_PAD) - (cells[target] == PAD)
                    cells[target] = BLOCK if cells[target] == FLOOR else BLOCK_ON_PAD
                    cells[ahead] = FLOOR if cells[ahead] == BLOCK else PAD
                    place, pushed = ahead, True
            elif cells[ahead] != WALL:
                place = ahead
        front = self.ahead(place, heading)
        if front not in cells:
            return None
        further = ""
        if cells[front] != WALL:
            further = WORDS.get(cells.get(self.ahead(front, heading), UNSEEN), UNKNOWN)
        return Outcome(WORDS[cells[front]], further, WORDS[self.cells[front]], pushed)

    @staticmethod
    def ahead(place: int, heading: int) -> int:
        """The next cell in a direction."""
        return (place + int(FORWARD_Y[heading]) * 16 + int(FORWARD_X[heading])) & 255


@njit
def _below(key: int, counter: int, n: int) -> int:
    return whole(below(draw(key, counter), n))


class _Choice:
    """Choices that hang on the episode alone, not on who plays it."""

    def __init__(self, key: int) -> None:
        self.key, self.counter = key, 0

    def of(self, options: Sequence[Any]) -> Any:
        self.counter += 1
        return options[_below(self.key, self.counter, len(options))]


def probes(simulation: Simulation, world: int) -> list[Probe]:
    """Forward and inverse model of the pusher's own actions, on what it has in sight."""
    w = simulation.worlds[world]
    memory, step = w["memory"], int(w["step"])
    outlook = Outlook(simulation, world)
    now = outlook.after(())
    if now is None:  # somebody stands there
        return []
    me, where = simulation.individuals[PUSHER], "push" if step else "start"
    choice = _Choice(2 * int(memory[QUESTION]) + (step > 0))
    items: list[Probe] = []

    def ask(
        kind: str, options: tuple[str, ...], answer: str, shortcuts: dict[str, str], role: str, group: str,
        question: str,
    ) -> None:  # fmt: skip
        condition = where if role == "test" else f"{where}_control"
        items.append(
            # what is asked follows from what is in sight: own percepts support the exact answer
            Probe(
                kind, me, (me,), "front", options, answer, answer, 0, shortcuts, condition, role,
                group, question, step,
            )
        )  # fmt: skip

    # --- forward model
    outcomes = {
        actions: outcome
        for number in range(1, LONGEST + 1)
        for actions in product(("forward", "turn_left", "turn_right"), repeat=number)
        if (outcome := outlook.after(actions)) is not None
    }
    tests = _plans(outcomes, now.front, choice, step > 0)
    same = [plan for plan, found in outcomes.items() if found.front == now.front and not found.pushed]
    same = [plan for plan in same if len(plan) > 1]
    if tests and same:
        contents = tuple(WORDS.values())
        shortcuts = {"no_change": now.front, "most_frequent": "floor"}
        for role, actions in (*(("test", plan) for plan in tests), ("control", choice.of(same))):
            found = outcomes[actions]
            real = {"reality": found.now} if step else {}
            ask("next_percept", contents, found.front, shortcuts | real, role, "forward_model",
                f"You do {_listed(actions)}, and nobody else does anything. "
                "What is in the cell in front of you then?")  # fmt: skip
        real = {"reality": now.front} if step else {}
        ask("percept", contents, now.front, shortcuts | real, "control", "forward_model",
            "What is in the cell in front of you now?")  # fmt: skip

    # --- inverse model
    each = {move: outlook.after((move,)) for move in MOVES}
    percepts = {move: found.percept for move, found in each.items() if found and found.beyond != UNKNOWN}
    # a percept to which just one action leads; that all of them are known makes sure of it
    unique = [move for move, seen in percepts.items() if list(percepts.values()).count(seen) == 1]
    if len(percepts) == len(MOVES) and len(unique) > 1:
        while len([move for move in unique if move != "wait"]) > 2:
            unique.remove(choice.of([move for move in unique if move != "wait"]))
        for move in unique:
            ask("next_action", tuple(MOVES), move, {"no_change": "wait", "most_frequent": "forward"},
                "control" if move == "wait" else "test", "inverse_model",
                f"Before you is {percepts['wait']}. After one action of yours there is {percepts[move]}. "
                "Which action is it?")  # fmt: skip
    return items


def _plans(
    outcomes: Mapping[tuple[str, ...], Outcome], now: str, choice: _Choice, pushing: bool
) -> list[tuple[str, ...]]:
    """Plans to ask about: one after which one faces something else than now, each content as often as
    another; and where one stands before a block, one after which a push has made the difference."""
    found = []
    if pushing:
        telling = [plan for plan, end in outcomes.items() if end.pushed and end.front != end.now]
        if not telling:
            return []
        found.append(choice.of(telling))
    changed = [
        plan for plan, end in outcomes.items() if end.front != now and len(plan) > 1 and plan not in found
    ]
    if pushing:  # after a push, if there are such plans
        changed = [plan for plan in changed if outcomes[plan].pushed] or changed
    if not changed:
        return []
    content = choice.of(sorted({outcomes[plan].front for plan in changed}))
    found.append(choice.of([plan for plan in changed if outcomes[plan].front == content]))
    return found


def _listed(actions: Sequence[str]) -> str:
    """``("forward", "turn_left")`` -> "forward, turn left"."""
    return ", ".join(action.replace("_", " ") for action in actions)


GAME = Game(
    name="push",
    stage="2a",
    title="push the blocks onto the pads",
    roles=("pusher", "other"),
    learner="pusher",
    things=("thing",),
    options=PushOptions,
    encode=encode,
    count=lambda options: 1 if options.other == "none" else 2,
    deal=deal,
    play=play,
    script=script,
    probes=probes,
    documentation=__doc__,
    judge=judge,
    modes=("external", "scripted", "exact", "random", "reflex"),
    tallies={"pushes": PUSHES, "stuck": STUCK},
)
