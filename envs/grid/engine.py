"""The engine of all gridworlds: a world is one record, a batch is an array of records.

A game's file has small kernels of its own: ``deal`` (a new episode), ``play`` (its rules) and ``script``
(its characters). They call the functions below as module globals (no functions are passed about: numba
could not cache that). One step of a batch is

1. :func:`act_all` - everybody moves at once, then hands, then voices;
2. the game's ``play`` - rewards, ends, whatever the game adds;
3. :func:`finish_all` and :func:`observe` - rewards and ends; sight is computed once, on the result;
   beliefs follow from it; observations and action masks are written.

These run one after the other over a few hundred worlds at a time, which stay in the processor's cache.
The engine's kernels are compiled once for all games; a game adds a second or two.

Cells. The world is a torus of 16 x 16 cells, of which a map takes at most 15 x 15, closed by opaque
walls: nothing beyond the walls is ever seen, so indices may wrap and need no bounds checks. A **place**
is one byte: ``y << 4 | x`` for a cell (a container is its cell), ``HANDS + a`` for the hands of
individual a, ``GONE`` for what was eaten, ``NOWHERE`` (0, a corner of the outer wall, where nothing
can be) for "no belief" or "not in this world".

Conflicts are settled without any advantage by index: see :func:`move` and :func:`hands`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..kernels import njit, trailing_zeros, whole
from ..minds import chain_table
from ..random import below, draw
from ..simulation import ANEW, NEXT_STEP, RESTING, RUNNING, SAME_STEP
from .vision import FORWARD_X, FORWARD_Y, SHORT_SIGHTED, look, scan, window_cell

__all__ = [
    "ACTIONS",
    "FACES",
    "FIELDS",
    "GONE",
    "HANDS",
    "NOWHERE",
    "NO_WATER",
    "SHORT_SIGHTED",
    "SYMBOLS",
    "TERRAIN",
    "THINGS",
    "act_all",
    "clear",
    "finish_all",
    "keep_final",
    "observe",
    "perceive",
    "world_dtype",
]

# --- Actions ------------------------------------------------------------------------------------------
ACTIONS = (
    "wait",
    "turn_left",
    "turn_right",
    "forward",
    "pick_up",
    "put_down",
    "toggle",
    "give",
    "say_0",
    "say_1",
    "say_2",
    "say_3",
)
WAIT, TURN_LEFT, TURN_RIGHT, FORWARD, PICK_UP, PUT_DOWN, TOGGLE, GIVE, SAY = range(9)
NUM_ACTIONS = len(ACTIONS)
SYMBOLS = 4  # symbols of the voice

# --- What a cell shows: four bytes ----------------------------------------------------------------------
# Channel 0, terrain and fixtures. 0 means "not seen".
TERRAIN = (
    "unseen",
    "floor",
    "wall",
    "window",
    "door_closed",
    "door_open",
    "box_closed",
    "box_open",
    "basket_closed",
    "basket_open",
    "glass_closed",
    "glass_open",
    "beacon",
    "conveyor_up",  # up is north on the map, and ahead in a window: shown as the viewer is turned
    "conveyor_right",
    "conveyor_down",
    "conveyor_left",
    "light_off",
    "light_on",
    "block",
    "pad",
    "block_on_pad",
    "water",
    "trap",
    "stone",
)
(
    UNSEEN,
    FLOOR,
    WALL,
    WINDOW,
    DOOR_CLOSED,
    DOOR_OPEN,
    BOX_CLOSED,
    BOX_OPEN,
    BASKET_CLOSED,
    BASKET_OPEN,
    GLASS_CLOSED,
    GLASS_OPEN,
    BEACON,
    CONVEYOR,  # + heading
    _,
    _,
    _,
    LIGHT_OFF,
    LIGHT_ON,
    BLOCK,
    PAD,
    BLOCK_ON_PAD,
    WATER,
    TRAP,
    STONE,
) = range(len(TERRAIN))
NUM_TERRAIN = 32  # room for the terrains of later games: spaces do not change when they come

# What a terrain does, as bits.
OPAQUE, WALKABLE, CONTAINER, IS_OPEN, TOGGLES, CONCEALS, WET, PUSHED = 1, 2, 4, 8, 16, 32, 64, 128
PROPERTIES = np.zeros(NUM_TERRAIN, np.uint8)
PROPERTIES[FLOOR] = PROPERTIES[BEACON] = WALKABLE
PROPERTIES[CONVEYOR : CONVEYOR + 4] = PROPERTIES[LIGHT_OFF] = PROPERTIES[LIGHT_ON] = WALKABLE
PROPERTIES[PAD] = PROPERTIES[TRAP] = PROPERTIES[STONE] = WALKABLE
PROPERTIES[WATER] = WALKABLE | WET
PROPERTIES[BLOCK] = PROPERTIES[BLOCK_ON_PAD] = PUSHED  # low: it can be seen over
PROPERTIES[WALL] = OPAQUE
PROPERTIES[DOOR_CLOSED] = OPAQUE | TOGGLES
PROPERTIES[DOOR_OPEN] = WALKABLE | TOGGLES | IS_OPEN
PROPERTIES[BOX_CLOSED] = PROPERTIES[BASKET_CLOSED] = OPAQUE | CONTAINER | TOGGLES | CONCEALS
PROPERTIES[BOX_OPEN] = PROPERTIES[BASKET_OPEN] = OPAQUE | CONTAINER | TOGGLES | IS_OPEN
PROPERTIES[GLASS_CLOSED] = CONTAINER | TOGGLES
PROPERTIES[GLASS_OPEN] = CONTAINER | TOGGLES | IS_OPEN

# Channel 1, the thing that lies there in sight (0: none). A kind is a look; things of a world are distinct.
THINGS = ("none", "ball", "marble", "apple", "banana", "key", "cup", "book", "toy")
NUM_THINGS = len(THINGS)

# Channel 2, who stands there: 1 + identity * 4 + heading relative to the viewer (0 = facing the same
# way). Identity 8 is an arrow: the non-social twin of an individual.
ARROW = 8
NUM_BODIES = 1 + 9 * 4

# Channel 3, manner: face + 4 * kind of the thing carried.
FACES = ("neutral", "glad", "sad", "surprised")
NEUTRAL, GLAD, SAD, SURPRISED = range(4)
NUM_MANNERS = len(FACES) * NUM_THINGS

# --- What an individual knows of itself: one byte a field -----------------------------------------------
FIELDS = (
    "x",
    "y",
    "heading",
    "hand",  # kind of the thing held, 0 = empty
    "face",
    "step",
    "self",  # own identity
    "task",  # what the game asks for, as its page says
    "cue_0",
    "cue_1",
    "cue_2",
    "cue_3",
    "heard_0",  # symbol + 1 heard from each individual, 0 = silence
    "heard_1",
    "heard_2",
    "heard_3",
    "heard_4",
    "heard_5",
    "heard_6",
    "heard_7",
)
NUM_FIELDS = len(FIELDS)
FIELD_X, FIELD_Y, FIELD_HEADING, FIELD_HAND, FIELD_FACE, FIELD_STEP, FIELD_SELF, FIELD_TASK = range(8)
FIELD_CUE = 8
FIELD_HEARD = 12
# How many values each field takes (the step counts to 255).
FIELD_SIZES = (16, 16, 4, NUM_THINGS, len(FACES), 256, 8, 16, 16, 16, 16, 16, *([SYMBOLS + 1] * 8))

# --- Places ---------------------------------------------------------------------------------------------
NOWHERE = 0
HANDS = 0xF0  # + individual
GONE = 0xFE
MAX_SIDE = 15
MAX_INDIVIDUALS = 8

# What an individual cannot do, as bits of its ``limits``: it does not pass water (its step does
# nothing), it is SHORT_SIGHTED (vision.py).
NO_WATER = 1

# Bodies: out of the world, an individual, or an arrow (moves by the same script, has no mind).
OUT, PERSON, THING_ARROW = 0, 1, 2

WINDOW_OPTION = 15  # where the side of the window stands among the numbers that kernels get
MEMORY = 64  # numbers that a game may keep in a world


@cache
def world_dtype(individuals: int, things: int, order: int) -> np.dtype[Any]:
    """The record of one world with room for so many individuals, things and orders of belief.

    Sizes are part of the type, and each type is compiled anew: so there is room for four of each at
    least, and for the second or the fourth order, and all the smaller games share one type.
    """
    individuals, things = max(individuals, 4), max(things, 4)
    order = 2 if order <= 2 else 4
    a, o, c = individuals, things, len(chain_table(individuals, order).length)
    return np.dtype(
        [
            ("key", "u8"),  # the world's random stream ...
            ("draws", "u8"),  # ... and how much of it is used
            ("gaze", "u8"),  # bit a*8+b: a sees b's body (and where b faces)
            ("sight", "u8", (a, 2)),  # which cells of its window each sees (vision.scan) ...
            ("pose", "u2", (a,)),  # ... from which pose ...
            ("changed", "u1"),  # ... unless a cell has become opaque or transparent since
            ("reward", "f4", (a,)),
            ("welfare", "f4", (a,)),  # how everybody truly fared so far: oracle only
            ("perf", "f4"),  # how well the episode went, 0..1
            ("last_perf", "f4"),  # how well the episode before it went: a step may begin a new one
            ("step", "i2"),
            ("limit", "i2"),  # steps after which the episode is truncated
            ("memory", "i2", (MEMORY,)),  # the game's own
            ("target", "i2", (MAX_INDIVIDUALS,)),  # scratch of move() and hands(): nothing is
            ("filled", "i2", (MAX_INDIVIDUALS,)),  # allocated in a step
            ("cells", "u2", (256,)),  # what a cell shows: terrain | kind of thing in sight << 8
            ("opaque", "u2", (16,)),  # bit x of row y
            ("seers", "u1", (256,)),  # who sees each cell, as bits: scratch of perceive()
            ("room", "u1", (256,)),  # room of each cell, 0 = wall or door
            (
                "width",
                "i1",
            ),  # counts are signed: numba makes floats of unsigned and signed together
            ("height", "i1"),
            ("individuals", "i1"),
            ("things", "i1"),
            ("terminated", "u1"),
            ("truncated", "u1"),
            ("order", "u1"),  # of the beliefs that are tracked; set once, for all episodes
            ("flows", "u1"),  # whether there are conveyors
            ("ask", "u1"),  # 1 when an exam should put its probes now
            ("hearing", "u1"),  # radius in cells; 0 = within the room
            ("task", "u1", (a,)),
            ("cue", "u1", (a, 4)),
            ("place", "u1", (a,)),
            ("heading", "u1", (a,)),
            ("hand", "u1", (a,)),  # thing + 1, 0 = empty
            ("face", "u1", (a,)),
            ("action", "u1", (a,)),  # what each did last; WAIT where that was illegal
            ("limits", "u1", (a,)),  # NO_WATER, SHORT_SIGHTED
            ("voice", "u1", (a,)),  # symbol + 1, 0 = silent
            ("body", "u1", (a,)),  # OUT, PERSON, THING_ARROW
            ("identity", "u1", (a,)),  # what others see
            ("want", "u1", (a,)),  # thing + 1 that is wanted, 0 = none
            ("hoped", "u1", (a,)),  # where its owner believed that thing to be, one step ago
            ("thing", "u1", (o,)),  # place of each thing
            ("kind", "u1", (o,)),
            ("first", "u1", (o,)),  # place it had first
            ("stale", "u1", (o,)),  # whether a chain may have it where it is not
            ("mentioned", "u1"),  # place where something was last put
            ("live", "u2", (c,)),  # scratch of believe()
            ("belief", "u1", (o, c)),  # place of each thing as each chain has it, 0 = none
        ],
        align=True,
    )


# --- Building a world -------------------------------------------------------------------------------------
@njit
def clear(w: Any, width: int, height: int, individuals: int, things: int, limit: int) -> None:
    """An empty world of walls; the random stream goes on where it was."""
    w.gaze = 0
    w.last_perf = w.perf
    w.perf = 0
    w.step = 0
    w.limit = limit
    w.width = width
    w.height = height
    w.individuals = individuals
    w.things = things
    w.terminated = 0
    w.truncated = 0
    w.ask = 0
    w.flows = 0
    w.changed = 1
    w.hearing = 5
    w.mentioned = 0
    for k in range(256):
        w.cells[k] = WALL
        w.room[k] = 0
    for k in range(16):
        w.opaque[k] = 0xFFFF
    for k in range(MEMORY):
        w.memory[k] = 0
    for k in range(MAX_INDIVIDUALS):
        w.target[k] = 0
        w.filled[k] = 0
    for a in range(w.place.shape[0]):
        w.sight[a, 0] = 0
        w.sight[a, 1] = 0
        w.pose[a] = 0
        w.reward[a] = 0
        w.welfare[a] = 0
        w.task[a] = 0
        w.place[a] = 0
        w.heading[a] = 0
        w.hand[a] = 0
        w.face[a] = 0
        w.action[a] = 0
        w.limits[a] = 0
        w.voice[a] = 0
        w.body[a] = PERSON if a < individuals else OUT
        w.identity[a] = a
        w.want[a] = 0
        w.hoped[a] = 0
        for k in range(4):
            w.cue[a, k] = 0
    for c in range(w.live.shape[0]):
        w.live[c] = 0
    for o in range(w.thing.shape[0]):
        w.thing[o] = 0
        w.kind[o] = 0
        w.first[o] = 0
        w.stale[o] = 0
        for c in range(w.belief.shape[1]):
            w.belief[o, c] = 0


@njit
def random_below(w: Any, n: int) -> int:
    """A whole number from 0 to n - 1 out of the world's own stream."""
    w.draws += np.uint64(1)
    return whole(below(draw(w.key, w.draws), n))


@njit
def set_terrain(w: Any, cell: int, terrain: int) -> None:
    """Change a cell's terrain; keeps the rows of opaque cells, hides or shows what lies inside."""
    kind = 0
    if PROPERTIES[terrain] & CONCEALS == 0:
        o = thing_at(w, cell)
        if o >= 0:
            kind = whole(w.kind[o])
    w.cells[cell] = np.uint16(terrain | (kind << 8))
    if CONVEYOR <= terrain < CONVEYOR + 4:
        w.flows = 1
    bit = np.uint16(1 << (cell & 15))
    w.changed = 1
    if PROPERTIES[terrain] & OPAQUE:
        w.opaque[cell >> 4] |= bit
    else:
        w.opaque[cell >> 4] &= ~bit


@njit
def terrain_at(w: Any, cell: int) -> int:
    return whole(w.cells[cell] & 0xFF)


@njit
def thing_at(w: Any, place: int) -> int:
    """The thing at a place, or -1. A place holds one thing at most."""
    for o in range(w.things):
        if w.thing[o] == place:
            return o
    return -1


@njit
def body_at(w: Any, cell: int) -> int:
    """The individual that stands in a cell, or -1."""
    for a in range(w.individuals):
        if w.body[a] != OUT and w.place[a] == cell:
            return a
    return -1


@njit
def put_thing(w: Any, o: int, place: int) -> None:
    """Move thing ``o`` to a place: a cell, hands, GONE. The only way a thing changes its place, but for
    what moves by itself or on a conveyor (``physics.py``)."""
    old = whole(w.thing[o])
    if 0 < old < HANDS:
        w.cells[old] = w.cells[old] & 0xFF
    elif HANDS <= old < GONE:
        w.hand[old - HANDS] = 0
    w.thing[o] = place
    if w.first[o] == 0:
        w.first[o] = place
    if 0 < place < HANDS:
        w.mentioned = place
        if PROPERTIES[w.cells[place] & 0xFF] & CONCEALS == 0:
            w.cells[place] = (w.cells[place] & 0xFF) | (np.uint16(w.kind[o]) << np.uint16(8))
    elif HANDS <= place < GONE:
        w.hand[place - HANDS] = o + 1


@njit
def leave_world(w: Any, a: int) -> None:
    """Individual ``a`` is out: no body, sees nothing, from here on an absorbing row."""
    w.body[a] = OUT
    w.voice[a] = 0
    w.sight[a, 0] = 0
    w.sight[a, 1] = 0


@njit
def label_rooms(w: Any) -> None:
    """Number the rooms: floor that hangs together without passing a door, window, wall or container."""
    queue = np.empty(256, np.uint8)
    rooms = 0
    for start in range(256):
        if w.room[start] or not is_floor(w, start):
            continue
        rooms += 1
        w.room[start] = rooms
        queue[0] = start
        head, tail = 0, 1
        while head < tail:
            cell = whole(queue[head])
            head += 1
            for h in range(4):
                near = (cell + FORWARD_Y[h] * 16 + FORWARD_X[h]) & 255
                if w.room[near] == 0 and is_floor(w, near):
                    w.room[near] = rooms
                    queue[tail] = near
                    tail += 1


@njit
def is_floor(w: Any, cell: int) -> bool:
    """Walkable and not a door."""
    return PROPERTIES[w.cells[cell] & 0xFF] & (WALKABLE | TOGGLES) == WALKABLE


@njit
def front(w: Any, a: int) -> int:
    """The cell before individual ``a``."""
    h = whole(w.heading[a])
    return (whole(w.place[a]) + FORWARD_Y[h] * 16 + FORWARD_X[h]) & 255


# --- What may be done -------------------------------------------------------------------------------------
@njit
def legal(w: Any, a: int, action: int) -> bool:
    """Whether an action does something as things stand (a move may still be in somebody's way)."""
    if action == WAIT or w.body[a] == OUT:
        return action == WAIT
    if action <= TURN_RIGHT or action >= SAY:
        return True
    cell = front(w, a)
    properties = PROPERTIES[w.cells[cell] & 0xFF]
    if action == FORWARD:
        return properties & (WALKABLE | PUSHED) != 0
    if action == PICK_UP:
        shown = (w.cells[cell] >> 8) != 0
        reachable = properties & CONTAINER == 0 or properties & IS_OPEN != 0
        return w.hand[a] == 0 and shown and reachable and body_at(w, cell) < 0
    if action == PUT_DOWN:
        if w.hand[a] == 0 or (w.cells[cell] >> 8) != 0:
            return False
        if properties & CONTAINER:
            return properties & IS_OPEN != 0
        return is_floor(w, cell) and body_at(w, cell) < 0
    other = body_at(w, cell)
    if action == TOGGLE:
        if properties & TOGGLES == 0:
            return False
        # a door with somebody in it stays open
        return properties & CONTAINER != 0 or other < 0
    return w.hand[a] != 0 and other >= 0 and w.body[other] == PERSON and w.hand[other] == 0


# --- One step ---------------------------------------------------------------------------------------------
@njit
def act_all(worlds: Any, actions: Any, autoreset: int, todo: Any, lo: int, hi: int) -> int:
    """First part of a step of worlds ``lo`` to ``hi``: what everybody does.

    Writes ``todo`` (B,) uint8: RUNNING, RESTING where the episode was over before, or ANEW where
    a new one is to begin instead (``autoreset="next_step"``). Returns how many are to begin anew.
    """
    anew = 0
    for i in range(lo, hi):
        w = worlds[i]
        if w.terminated or w.truncated:
            todo[i] = RESTING
            if autoreset == NEXT_STEP:
                todo[i] = ANEW
                anew += 1
            continue
        todo[i] = RUNNING
        w.step += 1
        for a in range(w.individuals):
            w.reward[a] = 0
            w.voice[a] = 0
        act(w, i, actions)
    return anew


@njit
def finish_all(worlds: Any, rewards: Any, ends: Any, autoreset: int, todo: Any, lo: int, hi: int) -> int:
    """After the rules: cut off what has lasted too long, hand out rewards.

    With ``autoreset="same_step"``, worlds whose episode ended are marked ANEW; returns how many.
    """
    ended = 0
    for i in range(lo, hi):
        w = worlds[i]
        if w.step >= w.limit and not w.terminated:
            w.truncated = 1
        for a in range(w.individuals):
            rewards[i, a] = w.reward[a] if todo[i] == RUNNING else 0
            w.welfare[a] += rewards[i, a]
        ends[i, 0] = w.terminated
        ends[i, 1] = w.truncated
        if autoreset == SAME_STEP and (w.terminated or w.truncated):
            todo[i] = ANEW
            ended += 1
    return ended


@njit
def keep_final(
    window: Any, fields: Any, final_window: Any, final_fields: Any, todo: Any, lo: int, hi: int
) -> None:
    """Copy the observations of the worlds that are marked ANEW: the last of their episodes."""
    for i in range(lo, hi):
        if todo[i] == ANEW:
            final_window[i] = window[i]
            final_fields[i] = fields[i]


@njit
def observe(
    worlds: Any, chains: Any, window: Any, fields: Any, masks: Any, todo: Any, least: int, lo: int, hi: int
) -> None:
    """Last part of a step: let everybody perceive, in the worlds whose ``todo`` is ``least`` or more
    (RESTING: in all; ANEW: where an episode begins). Perceiving twice changes nothing."""
    for i in range(lo, hi):
        if todo[i] >= least:
            perceive(worlds[i], i, chains, window, fields, masks)


@njit
def act(w: Any, i: int, actions: Any) -> None:
    """Everybody acts at once: turns and moves, then hands on the result, then voices."""
    busy = False
    for a in range(w.individuals):
        action = actions[i, a]
        if w.body[a] == OUT:
            continue
        w.action[a] = WAIT
        if action == TURN_LEFT:
            w.action[a] = TURN_LEFT
            w.heading[a] = (w.heading[a] + 3) & 3
        elif action == TURN_RIGHT:
            w.action[a] = TURN_RIGHT
            w.heading[a] = (w.heading[a] + 1) & 3
        elif action >= SAY:
            w.action[a] = action
            w.voice[a] = action - SAY + 1
        elif action >= PICK_UP:
            busy = True
    move(w, i, actions)
    if busy:
        hands(w, i, actions)


@njit
def move(w: Any, i: int, actions: Any) -> None:
    """Everybody who goes forward moves at once, and nobody has an advantage by index.

    A cell that two want, neither gets. Nobody enters a cell whose owner stays, and no two change
    places through each other; a line moves if its head moves, and so does a ring of four.
    """
    moving = np.uint64(0)
    for a in range(w.individuals):
        w.target[a] = 0
        if actions[i, a] == FORWARD and w.body[a] != OUT:
            cell = front(w, a)
            if PROPERTIES[w.cells[cell] & 0xFF] & (WALKABLE | PUSHED):
                w.action[a] = FORWARD
            if passes(w, a, cell):
                w.target[a] = cell
                moving |= np.uint64(1) << np.uint64(a)
    if moving:
        settle(w, moving)


@njit
def passes(w: Any, a: int, cell: int) -> bool:
    """Whether individual ``a`` can stand on a cell: it is walkable, and not water to who cannot swim."""
    properties = PROPERTIES[w.cells[cell] & 0xFF]
    return properties & WALKABLE != 0 and not (properties & WET and w.limits[a] & NO_WATER)


@njit
def settle(w: Any, moving: Any) -> None:
    """Let those whose bits are set in ``moving`` go where ``w.target`` says, by the rules of :func:`move`.
    Whoever is not moved by ``moving`` stays; everybody else's target has to be 0."""
    n = whole(w.individuals)
    target = w.target
    # two claimants of one cell, and two who would pass through each other: neither moves
    blocked = np.uint64(0)
    for a in range(n):
        for b in range(a):
            both = (np.uint64(1) << np.uint64(a)) | (np.uint64(1) << np.uint64(b))
            if moving & both == both and (
                target[a] == target[b] or (target[a] == w.place[b] and target[b] == w.place[a])
            ):
                blocked |= both
    moving &= ~blocked
    # who is blocked blocks those behind, until nothing changes
    changed = True
    while changed:
        changed = False
        for a in range(n):
            bit = np.uint64(1) << np.uint64(a)
            if moving & bit:
                b = body_at(w, target[a])
                if b >= 0 and not (moving >> np.uint64(b)) & np.uint64(1):
                    moving &= ~bit
                    changed = True
    for a in range(n):
        if (moving >> np.uint64(a)) & np.uint64(1):
            w.place[a] = target[a]


@njit
def hands(w: Any, i: int, actions: Any) -> None:
    """Pick up, put down, give, toggle: all judged on the world after the moves, then done at once.

    Two claimants of one thing, one place or one pair of hands: neither gets it (somebody who picks
    up claims their own hands). A door or container toggled twice in a step changes once; toggles
    come last.
    """
    n = whole(w.individuals)
    # what each claims: a place that is taken from or put into, and hands that are filled
    place, filled = w.target, w.filled
    for a in range(n):
        place[a] = 0
        filled[a] = -1
        action = actions[i, a]
        if PICK_UP <= action <= GIVE and legal(w, a, action):
            cell = front(w, a)
            w.action[a] = action
            if action == PICK_UP:
                place[a] = cell
                filled[a] = a
            elif action == PUT_DOWN:
                place[a] = cell
            elif action == GIVE:
                filled[a] = body_at(w, cell)
            else:
                place[a] = -cell
    fair = np.uint64(0)
    for a in range(n):
        alone = place[a] != 0 or filled[a] >= 0
        for b in range(n):
            if b != a and (
                (place[a] > 0 and place[a] == place[b]) or (filled[a] >= 0 and filled[a] == filled[b])
            ):
                alone = False
        if alone:
            fair |= np.uint64(1) << np.uint64(a)
    put = 0
    for a in range(n):
        if (fair >> np.uint64(a)) & np.uint64(1):
            action = actions[i, a]
            if action == PICK_UP:
                put_thing(w, thing_at(w, place[a]), HANDS + a)
            elif action == PUT_DOWN:
                put_thing(w, whole(w.hand[a]) - 1, place[a])
                put = max(put, place[a])
            elif action == GIVE:
                put_thing(w, whole(w.hand[a]) - 1, HANDS + filled[a])
    if put:
        w.mentioned = put  # of several puts in one step one counts, whoever made it
    for a in range(n):
        if (fair >> np.uint64(a)) & np.uint64(1) and actions[i, a] == TOGGLE:
            first = True
            for b in range(a):
                if place[b] == place[a]:
                    first = False
            if first:
                toggle(w, -place[a])


@njit
def toggle(w: Any, cell: int) -> None:
    """Open what is closed and close what is open: each open terrain comes after its closed twin."""
    terrain = terrain_at(w, cell)
    if PROPERTIES[terrain] & IS_OPEN:
        set_terrain(w, cell, terrain - 1)
    else:
        set_terrain(w, cell, terrain + 1)


# --- Perceiving -------------------------------------------------------------------------------------------
@njit
def perceive(w: Any, i: int, chains: Any, window: Any, fields: Any, masks: Any) -> None:
    """Sight and minds; then what each individual observes and may do.

    Whole arrays and the world's number are passed on, not slices of them: counting references to
    slices took a third of the time.

    Args:
        w: world number ``i`` of the batch.
        chains: (C, 2) uint64, each chain's members and pairs (minds.chain_table).
        window: (B, A, V*V) uint32, the four uint8 channels of a cell in one code.
        fields: (B, A, F) uint8.
        masks: (B, A, NUM_ACTIONS) int8.
    """
    size = 5 if window.shape[2] == 25 else (7 if window.shape[2] == 49 else 9)
    for cell in range(256):
        w.seers[cell] = 0
    for a in range(w.individuals):
        if w.body[a] == OUT:
            for k in range(size * size):
                window[i, a, k] = 0
        else:
            # what is seen hangs on the pose and on what is opaque alone
            pose = np.uint16(whole(w.place[a]) << 2 | whole(w.heading[a]))
            if w.changed or w.pose[a] != pose:
                scan(w, a, size)
                w.pose[a] = pose
            look(w, i, a, size, window)
            if w.flows:
                turn_flows(w, i, a, window)
    w.changed = 0
    meet(w, i, size, window)
    believe(w, chains)
    for a in range(w.individuals):
        observe_self(w, i, a, fields)
        offer(w, i, a, masks)


@njit
def turn_flows(w: Any, i: int, a: int, window: Any) -> None:
    """Show conveyors as they flow for who sees them: a window is turned with its viewer."""
    h = whole(w.heading[a])
    if h == 0:
        return
    for k in range(window.shape[2]):
        # without a branch: the loop becomes vector instructions
        code = window[i, a, k]
        flow = np.int32(code & np.uint32(0xFF)) - np.int32(CONVEYOR)
        turned = (flow - np.int32(h)) & np.int32(3)
        window[i, a, k] = code + np.uint32(turned - flow if 0 <= flow < 4 else 0)


@njit
def meet(w: Any, i: int, size: int, window: Any) -> None:
    """Draw those who are seen into the windows of those who see them, and note who sees whom."""
    gaze = np.uint64(0)
    for b in range(w.individuals):
        if w.body[b] == OUT:
            continue
        carried = whole(0)
        if w.hand[b]:
            carried = whole(w.kind[w.hand[b] - 1])
        manner = np.uint32(w.face[b] + 4 * carried) << np.uint32(24)
        viewers = np.uint64(w.seers[w.place[b]]) & ~(np.uint64(1) << np.uint64(b))
        while viewers:
            a = trailing_zeros(viewers)
            viewers &= viewers - np.uint64(1)
            k = window_cell(w, a, whole(w.place[b]), size)
            gaze |= np.uint64(1) << np.uint64(a * 8 + b)
            heading = (w.heading[b] - w.heading[a]) & 3
            body = np.uint32(1 + w.identity[b] * 4 + heading)
            window[i, a, k] |= (body << np.uint32(16)) | manner
    w.gaze = gaze


@njit
def perceivers(w: Any, place: int) -> Any:
    """Bits of those who perceive what is (or is not) at a place: in a cell, who sees it (in a closed
    opaque container: nobody); in hands, who sees their owner, and the owner. By the looks of this step."""
    if place >= GONE:
        return np.uint64(0)
    seers = np.uint64(0)
    cell = place
    if place >= HANDS:
        cell = whole(w.place[place - HANDS])
        if w.body[place - HANDS] == OUT:
            return seers
    elif PROPERTIES[w.cells[place] & 0xFF] & CONCEALS:
        return seers
    return np.uint64(w.seers[cell])


@njit
def believe(w: Any, chains: Any) -> None:
    """Beliefs follow sight (minds.md, rules 1, 3, 5, 6 and 11).

    At a place p, ``sees[a]`` is "a perceives what is at p" and ``takes[a, b]`` is "a sees b, and b
    perceives what is at p": so a chain is updated iff all its members perceive the place and each sees
    every later one. Absences first, then presences.
    """
    minds = np.uint64(0)  # arrows see, and perceive nothing
    for a in range(w.individuals):
        if w.body[a] == PERSON:
            minds |= np.uint64(1) << np.uint64(a)
    # chains whose members see each other as they must: the others cannot change, whatever is seen
    live = 0
    for c in range(1, chains.shape[0]):
        if chains[c, 1] & ~w.gaze == 0:
            w.live[live] = c
            live += 1
    for o in range(w.things):
        place = whole(w.thing[o])
        if place == NOWHERE:
            continue
        if w.belief[o, 0] != place:
            w.belief[o, 0] = place
            w.stale[o] = 1
        here = perceivers(w, place) & minds
        if w.stale[o]:
            believe_anew(w, o, place, here, minds, chains, live)
        elif here:
            # most things lie where they lay: nobody can miss it elsewhere
            for k in range(live):
                c = whole(w.live[k])
                if chains[c, 0] & ~here == 0:
                    w.belief[o, c] = place


@njit
def believe_anew(w: Any, o: int, place: int, here: Any, minds: Any, chains: Any, live: int) -> None:
    """Beliefs about a thing that some may have elsewhere: they may miss it there."""
    asked = whole(-1)
    there = np.uint64(0)
    for k in range(live):
        c = whole(w.live[k])
        believed = whole(w.belief[o, c])
        if believed == place:
            continue
        if chains[c, 0] & ~here == 0:
            w.belief[o, c] = place
        elif believed != NOWHERE:
            if believed != asked:
                asked = believed
                there = perceivers(w, believed) & minds
            if chains[c, 0] & ~there == 0:
                w.belief[o, c] = NOWHERE
    stale = False
    for c in range(1, chains.shape[0]):
        stale |= (w.belief[o, c] != NOWHERE) & (w.belief[o, c] != place)
    w.stale[o] = stale


@njit
def feel(w: Any) -> None:
    """Faces of those who want something (rule 12): glad who has it, surprised who has just found it
    missing, sad who has lost it since. Call before :func:`perceive`: a face shows what the last
    percept left behind."""
    for a in range(w.individuals):
        if w.want[a] == 0 or w.body[a] != PERSON:
            continue
        before, now = whole(w.hoped[a]), whole(w.belief[w.want[a] - 1, 1 + a])
        if now == HANDS + a:
            w.face[a] = GLAD
        elif now == NOWHERE and before != NOWHERE:
            w.face[a] = SURPRISED
        elif now == NOWHERE:
            w.face[a] = NEUTRAL if w.face[a] == NEUTRAL else SAD
        else:
            w.face[a] = SAD if now >= HANDS else NEUTRAL
        w.hoped[a] = now


@njit
def observe_self(w: Any, i: int, a: int, fields: Any) -> None:
    """Own pose, hands, face, step, task and cue, and the symbols heard."""
    place = whole(w.place[a])
    out = w.body[a] == OUT
    fields[i, a, FIELD_X] = 0 if out else place & 15
    fields[i, a, FIELD_Y] = 0 if out else place >> 4
    fields[i, a, FIELD_HEADING] = w.heading[a]
    fields[i, a, FIELD_HAND] = w.kind[w.hand[a] - 1] if w.hand[a] else 0
    fields[i, a, FIELD_FACE] = w.face[a]
    fields[i, a, FIELD_STEP] = min(whole(w.step), 255)
    fields[i, a, FIELD_SELF] = w.identity[a] & 7
    fields[i, a, FIELD_TASK] = w.task[a]
    for k in range(4):
        fields[i, a, FIELD_CUE + k] = w.cue[a, k]
    for b in range(MAX_INDIVIDUALS):
        fields[i, a, FIELD_HEARD + b] = 0
    for b in range(w.individuals):
        if w.voice[b] and b != a and not out and hears(w, a, b):
            fields[i, a, FIELD_HEARD + b] = w.voice[b]


@njit
def hears(w: Any, a: int, b: int) -> bool:
    """Whether b's voice reaches a: within the radius ``w.hearing``, or in the same room where that is 0."""
    here, there = whole(w.place[a]), whole(w.place[b])
    if w.hearing == 0:
        return w.room[here] == w.room[there] and w.room[here] != 0
    return max(abs((here & 15) - (there & 15)), abs((here >> 4) - (there >> 4))) <= w.hearing


@njit
def offer(w: Any, i: int, a: int, masks: Any) -> None:
    """The mask of legal actions: :func:`legal` for each of them, with the cell in front read once."""
    for action in range(NUM_ACTIONS):
        masks[i, a, action] = 0
    masks[i, a, WAIT] = 1
    if w.body[a] == OUT:
        return
    masks[i, a, TURN_LEFT] = 1
    masks[i, a, TURN_RIGHT] = 1
    for k in range(SYMBOLS):
        masks[i, a, SAY + k] = 1
    cell = front(w, a)
    properties = PROPERTIES[w.cells[cell] & 0xFF]
    if properties & (WALKABLE | PUSHED):
        masks[i, a, FORWARD] = 1
    full = w.hand[a] != 0
    shown = (w.cells[cell] >> 8) != 0
    if properties & (WALKABLE | TOGGLES) == 0 or not (full or shown or properties & TOGGLES):
        return  # a wall, a window, or plain floor before empty hands
    for action in range(PICK_UP, SAY):
        masks[i, a, action] = legal(w, a, action)
