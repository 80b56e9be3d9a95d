"""Recall: what was seen must be found again later (stage 2b, environment representation).

A learner is led through several rooms, in which things lie about, and looks round in each. Then it
waits somewhere while a mover takes one of the things to another place, or takes it up and puts it back;
the learner sees that, or does not. Some time later it is told the kind of one thing, and has to go and
pick that up. It does well to have built a map of what it saw: which rooms there are, how they hang
together, what lay where, and what it saw change since.

============  =============================================================================  ===========
moved         what is played while the learner waits                                         its belief
============  =============================================================================  ===========
``never``     out of its sight, the mover takes up a thing and puts it back                  is true
``unseen``    out of its sight, the mover takes a thing to another place                     is false
``seen``      it sees where the mover puts the thing down, and is then led away               is true
``mixed``     one of these, drawn for each episode
============  =============================================================================  ===========

To the learner ``never`` and ``unseen`` look the same until it comes to look again. Episodes of one seed
are twins in ``moved``: the same rooms, things, mover and tour, up to the place where it waits. A mover
is an individual; with ``mover="arrow"`` it is a thing that carries things, by the same moves; with
``"nobody"`` there is none, and nothing is moved. Movers have habits: those that are to be trained with
(``movers="train"``) carry a thing into the next room, those that are held out to another place in the
same room, and they look different. Maps of two layouts are never the same, turned or mirrored: the
doorways of a map of ``train`` have an even sum of coordinates, those of ``held_out`` an odd one; ``halls``
are drawn maps of seven to nine rooms. Doorways have no doors.

With ``tour="free"`` the learner is not led: it looks about by itself for the time that the tour would
have taken, goes on doing so while the mover works, and what it sees of that is up to it.

Individuals. ``learner``, ``mover`` (unless ``mover="nobody"``; it leaves the world when its time is over).
Rewards. learner: from the cue on -0.01 a step, +1 for holding a thing of the kind that it was told.
mover: nothing.
Ends. Terminated when the learner holds the thing; truncated after ``limit`` steps.
perf. 0 if the thing was not found; else the shortest way that the learner's knowledge allows / its own
way, at most 1. That way leads to where it last saw the thing, and, if the thing is not there, from there
on to where it is; to where it is if the learner never saw it.
Task and cue. ``task`` is 1 before the cue and 2 from then on; ``cue_0`` is then the kind of the thing. For
the mover 1 while it is held where it stands and 2 while it works; ``cue_0`` is the kind of its thing,
``cue_1`` and ``cue_2`` are x and y of where to put it. What somebody does who is led or held has no effect.
Probes. At the cue, for each thing: where the learner takes it to be, and whether it saw it moved; where
it was first (if it was led) and where it is (if it can know). And four percepts from poses at which the
learner never stood: which thing it would see straight ahead, and how far the way would be free.
Characters. ``scripted`` goes where it last saw the thing; where it has lost it, to the nearest floor not
seen since the cue; in a free tour to the nearest floor not seen at all. ``last_seen`` goes where the
thing lay first and stays there, whatever it saw later. ``reflex`` remembers nothing: it goes to the
thing if it sees it, and along the walls otherwise. ``reality_biased`` and ``exact`` know where it is.
Source. Search for displaced objects after a delay: Tolman 1948 (cognitive maps), Piaget 1954 and Baillargeon
1986 (visible and invisible displacement); views from poses never taken: Eslami et al. 2018.

Options: ``layout`` (``"train"``, ``"held_out"``, ``"halls"``); ``things`` (1 to 4, in different rooms);
``delay`` (0 to 80 steps between the mover's work and the cue); ``moved``; ``mover`` (``"person"``,
``"arrow"``, ``"nobody"``); ``movers`` (``"train"``, ``"held_out"``);
``asked`` (what the cue names: the thing that the mover ``"handled"``, an ``"other"``, or ``"any"``: the
one or the other, half and half); ``tour`` (``"led"``, ``"free"``); ``limit``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..kernels import njit, trailing_zeros, whole
from ..probes import Probe
from ..simulation import ANEW, LAST_SEEN, RANDOM, REFLEX, RUNNING
from . import engine
from .characters import BEFORE, believed_place, plan, random_legal, route_length
from .engine import (
    ARROW,
    DOOR_OPEN,
    FIELD_CUE,
    FIELD_HAND,
    FIELD_SELF,
    FIELD_TASK,
    FLOOR,
    FORWARD,
    HANDS,
    NOWHERE,
    OUT,
    PICK_UP,
    PROPERTIES,
    PUT_DOWN,
    THING_ARROW,
    TURN_LEFT,
    TURN_RIGHT,
    WAIT,
    WALKABLE,
    random_below,
)
from .game import Game, GameOptions
from .layout import build, divide, parse, turn_place
from .questions import UNKNOWN, YES_NO, Reader, yes_no
from .vision import FORWARD_X, FORWARD_Y, HEADINGS, OFFSET, RIGHT_X, RIGHT_Y, scan, sees

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "RecallOptions"]

LEARNER, MOVER = 0, 1
KINDS = np.array([1, 5, 6, 7], np.int64)  # ball, key, cup, book

# --- Maps ---------------------------------------------------------------------------------------------
LAYOUTS = ("train", "held_out", "halls")
SIDE, HALL_SIDE = 11, 13  # both odd: then turning a map leaves the sum of its doorways' places even or odd
HALLS = tuple(
    parse(drawing)
    for drawing in (
        """
        #############
        #...#...#...#
        #.../...#...#
        #...#.../...#
        #/#####/##/##
        #...#...#...#
        #...#...#...#
        #...#.../...#
        ##/###/####/#
        #...#...#...#
        #...#...#...#
        #.../...#...#
        #############
        """,
        """
        #############
        #....#......#
        #....#......#
        #..../......#
        #....#......#
        ##/#####/####
        #.....#.....#
        #.....#.....#
        #...../.....#
        ###/#####/###
        #...#...#...#
        #.../...#...#
        #############
        """,
        """
        #############
        #.....#.....#
        #.....#.....#
        #...../.....#
        ##/########/#
        #...#...#...#
        #...#.../...#
        #.../...#...#
        ##/###/######
        #..#....#...#
        #..#....#...#
        #../..../...#
        #############
        """,
    )
)
HALL_TERRAINS = np.stack([hall.terrain for hall in HALLS])
MOST_ROOMS = 16

# --- What a world remembers -----------------------------------------------------------------------------
FATES = ("never", "unseen", "seen")
NEVER, UNSEEN, SEEN_MOVED = range(3)
MIXED = 3
STEPS_A_NUMBER, NUMBERS = 8, 22  # the way that the learner is led: two bits a step
(FATE, HANDLED, NAMED, TARGET, TOURED, WORKED, CUED, SHORTEST, WORK, QUERY, NEW, ROUTE, STOOD, SEEN) = (
    0,
    1,  # the thing that the mover handles
    2,  # the thing that the cue names
    3,  # where the mover puts it
    4,  # the last step of the tour ...
    5,  # ... of the mover's work ...
    6,  # ... and the step of the cue
    7,  # the shortest way that the learner's knowledge allows
    8,  # the mover's work: TO_TAKE, CARRIES, DONE
    9,  # + query: the poses that the percepts are asked of (cell * 4 + heading), -1 where there is none
    13,  # the other place, whether the thing is put there or not
    16,  # + number: the way that the learner is led, step by step
    38,  # + row: bits of the cells at which the learner stood before the cue
    51,  # + row: bits of the cells that it saw before the cue; from then on, since the cue
)
TO_TAKE, CARRIES, DONE = range(3)
ROWS = 13  # of the largest map
QUERIES = 4  # half of them about things, half about the way
FARTHEST = 3  # free cells ahead that are asked about
TRIES = 20  # at where the mover begins and where it puts the thing, before other rooms are drawn
SLACK = 14  # steps that a mover may take more than there are cells on its way: it turns, takes, puts
TASK_FETCH = 2


@dataclass(frozen=True)
class RecallOptions(GameOptions):
    """Options of ``recall``."""

    limit: int = 255
    layout: str = "train"
    things: int = 3
    delay: int = 8
    moved: str = "mixed"
    mover: str = "person"
    movers: str = "train"
    asked: str = "any"
    tour: str = "led"
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {
        "layout": LAYOUTS,
        "moved": (*FATES, "mixed"),
        "mover": ("person", "arrow", "nobody"),
        "movers": ("train", "held_out"),
        "asked": ("any", "handled", "other"),
        "tour": ("led", "free"),
    }
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {"things": (1, 4), "delay": (0, 80)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.asked == "other" and self.things == 1:
            raise ValueError("option 'asked' is 'other', expected 'any' or 'handled' with things=1")


def encode(options: RecallOptions) -> npt.NDArray[np.int64]:
    """(limit, layout, things, delay, moved, mover, movers, asked, led)."""
    chosen = [
        options.CHOICES[name].index(getattr(options, name)) for name in ("moved", "mover", "movers", "asked")
    ]
    layout = LAYOUTS.index(options.layout)
    return np.array([options.limit, layout, options.things, options.delay, *chosen, options.tour == "led"])


def count(options: RecallOptions) -> int:
    """The learner, and the mover unless there is none."""
    return 1 if options.mover == "nobody" else 2


# --- A new episode: rooms, things, who waits where, the tour ----------------------------------------------
@njit
def lay_rooms(w: Any, layout: int) -> int:
    """Lay a map, number its rooms and take the doors out of the doorways; how many rooms there are."""
    for k in range(256):
        w.room[k] = 0
    if layout == 2:
        side = HALL_SIDE
        hall = random_below(w, HALL_TERRAINS.shape[0])
        build(w, HALL_TERRAINS[hall], side, side, random_below(w, 8))
    else:
        side = SIDE
        odd = -1
        while odd != layout:
            divide(w, side, side, False)
            odd = 0
            for y in range(1, side - 1):
                for x in range(1, side - 1):
                    if engine.terrain_at(w, y << 4 | x) == DOOR_OPEN:
                        odd ^= (x + y) & 1
        # the first wall goes from top to bottom, or from side to side
        if random_below(w, 2):
            for y in range(1, side - 1):
                for x in range(1, y):
                    one, other = y << 4 | x, turn_place(y << 4 | x, 4, side, side)
                    terrain = engine.terrain_at(w, one)
                    engine.set_terrain(w, one, engine.terrain_at(w, other))
                    engine.set_terrain(w, other, terrain)
    engine.label_rooms(w)
    rooms = 0
    for y in range(1, side - 1):
        for x in range(1, side - 1):
            cell = y << 4 | x
            rooms = max(rooms, whole(w.room[cell]))
            if engine.terrain_at(w, cell) == DOOR_OPEN:
                engine.set_terrain(w, cell, FLOOR)
    return rooms


@njit
def centres(w: Any, places: Any) -> None:
    """The cell in the middle of each room: rooms are rectangles."""
    lowest = np.full((MOST_ROOMS, 2), 99, np.int64)
    highest = np.zeros((MOST_ROOMS, 2), np.int64)
    for cell in range(256):
        room = whole(w.room[cell])
        if room:
            x, y = cell & 15, cell >> 4
            lowest[room, 0] = min(lowest[room, 0], x)
            lowest[room, 1] = min(lowest[room, 1], y)
            highest[room, 0] = max(highest[room, 0], x)
            highest[room, 1] = max(highest[room, 1], y)
    for room in range(1, MOST_ROOMS):
        x = (lowest[room, 0] + highest[room, 0]) >> 1
        y = (lowest[room, 1] + highest[room, 1]) >> 1
        places[room] = y << 4 | x


@njit
def cell_of(w: Any, room: int) -> int:
    """A random cell of a room."""
    size = 0
    for cell in range(256):
        size += w.room[cell] == room
    k = random_below(w, size)
    for cell in range(256):
        if w.room[cell] == room:
            if k == 0:
                return cell
            k -= 1
    return NOWHERE


@njit
def flood(w: Any, start: int, blocked: int, distance: Any, queue: Any) -> None:
    """How many steps each cell is from one, -1 where there is no way that keeps off ``blocked``."""
    for cell in range(256):
        distance[cell] = -1
    distance[start] = 0
    queue[0] = start
    head, tail = 0, 1
    while head < tail:
        cell = whole(queue[head])
        head += 1
        for h in range(4):
            near = (cell + FORWARD_Y[h] * 16 + FORWARD_X[h]) & 255
            if distance[near] < 0 and near != blocked and PROPERTIES[w.cells[near] & 0xFF] & WALKABLE:
                distance[near] = distance[cell] + 1
                queue[tail] = near
                tail += 1


@njit
def trace(distance: Any, goal: int, way: Any) -> int:
    """The cells of a shortest way to a cell, without the first, after :func:`flood`; how many."""
    length = whole(distance[goal])
    cell = goal
    for k in range(length - 1, -1, -1):
        way[k] = cell
        for h in range(4):
            near = (cell + FORWARD_Y[h] * 16 + FORWARD_X[h]) & 255
            if distance[near] == k:
                cell = near
                break
    return length


@njit
def waiting_pose(
    w: Any, watches: bool, spots: Any, start: int, new: int, way: Any, length: int, scratch: Any, size: int
) -> int:
    """A pose at which the learner waits while the mover works, -1 if there is none.

    ``watches``: it sees where the thing is put, and the mover's way is no longer for it. Otherwise it
    sees nothing of the rooms in which the mover works, not the doorway between them, and no thing.
    ``way``: its first ``length`` cells lead from where the thing lies to where it is put.
    """
    first, second = whole(w.room[start]), whole(w.room[new])
    door = -1
    for k in range(length):
        if w.room[way[k]] == 0:
            door = whole(way[k])
    old = whole(spots[w.memory[HANDLED]])
    flood(w, start, NOWHERE, scratch[0], scratch[1])
    to_old, to_new = scratch[0, old], scratch[0, new]
    offset = random_below(w, 1024)
    v = (size - 5) >> 1
    for k in range(1024):
        pose = (offset + 389 * k) & 1023
        cell, heading = pose >> 2, pose & 3
        room = whole(w.room[cell])
        if room == 0 or cell in (start, new):
            continue
        if not watches and room in (first, second):
            continue
        taken = False
        for o in range(w.things):
            taken |= spots[o] == cell
        if taken:
            continue
        w.place[LEARNER] = cell
        w.heading[LEARNER] = heading
        scan(w, LEARNER, size)
        if watches:
            if sees(w, LEARNER, new, size):
                flood(w, start, cell, scratch[0], scratch[1])
                if scratch[0, old] == to_old and scratch[0, new] == to_new:
                    return pose
            continue
        hidden = True
        for word in range(2 if size == 9 else 1):
            seen = w.sight[LEARNER, word]
            while seen:
                there = (cell + OFFSET[v, heading, trailing_zeros(seen) + 64 * word]) & 255
                seen &= seen - np.uint64(1)
                if there == door or whole(w.room[there]) in (first, second):
                    hidden = False
                for o in range(w.things):
                    if there == spots[o]:
                        hidden = False
                if not hidden:
                    break
            if not hidden:
                break
        if hidden:
            return pose
    return -1


@njit
def note(w: Any, step: int, action: int) -> int:
    """Write down a step of the tour; the number of the next."""
    if step < STEPS_A_NUMBER * NUMBERS:
        # 0 forward, 1 left, 2 right
        code = 0 if action == FORWARD else action
        w.memory[ROUTE + step // STEPS_A_NUMBER] |= code << (2 * (step % STEPS_A_NUMBER))
    return step + 1


@njit
def turn(w: Any, step: int, heading: int, wanted: int, round_by: int) -> int:
    """Write down the turns from one heading to another, about-turns by ``round_by``."""
    while heading != wanted:
        by = TURN_LEFT if (heading - wanted) & 3 == 1 else TURN_RIGHT
        if (heading - wanted) & 3 == 2:
            by = round_by
        step = note(w, step, by)
        heading = (heading + (3 if by == TURN_LEFT else 1)) & 3
    return step


@njit
def go(w: Any, step: int, cell: int, heading: int, goal: int, round_by: int, scratch: Any) -> tuple[int, int]:
    """Write down a shortest way to a cell, after :func:`flood` from where it begins; the number of the
    next step, and the heading with which one comes."""
    way = scratch[2]
    for k in range(trace(scratch[0], goal, way)):
        there = whole(way[k])
        wanted = whole(0)
        for h in range(4):
            if (cell + FORWARD_Y[h] * 16 + FORWARD_X[h]) & 255 == there:
                wanted = h
        step = note(w, turn(w, step, heading, wanted, round_by), FORWARD)
        heading, cell = wanted, there
    return step, heading


@njit
def lead(
    w: Any, rooms: int, places: Any, room: int, heading: int, mover: int, last: int, scratch: Any
) -> int:
    """Write down the tour: from room to nearest room, a full turn in the middle of each, and then to the
    waiting pose ``last``. How many steps it takes; -1 if the mover stands in the way."""
    for k in range(NUMBERS):
        w.memory[ROUTE + k] = 0
    distance = scratch[0]
    round_by = TURN_LEFT if random_below(w, 2) else TURN_RIGHT
    visited = 0
    step, cell = 0, whole(places[room])
    for k in range(rooms):
        visited |= 1 << room
        # three turns: the heading with which one came is the fourth view
        for _ in range(3):
            step = note(w, step, round_by)
        heading = (heading + (1 if round_by == TURN_LEFT else 3)) & 3
        flood(w, cell, mover, distance, scratch[1])
        goal = last >> 2
        if k < rooms - 1:
            best = whole(-1)
            for other in range(1, rooms + 1):
                far = whole(distance[places[other]])
                if (visited >> other) & 1 == 0 and (best < 0 or far < best):
                    if far < 0:
                        return -1
                    best, room = far, other
            goal = whole(places[room])
        elif distance[goal] < 0:
            return -1
        step, heading = go(w, step, cell, heading, goal, round_by, scratch)
        cell = goal
    return turn(w, step, heading, last & 3, round_by)


@njit
def draw_world(w: Any, options: Any, scratch: Any, places: Any, spots: Any) -> bool:
    """One try at an episode. False if it leaves the learner no place to wait, or the tour no way."""
    _, layout, things, delay, moved, mover, movers, asked = options[:8]
    size = options[engine.WINDOW_OPTION]
    distance, queue, way = scratch[0], scratch[1], scratch[2]
    rooms = lay_rooms(w, layout)
    centres(w, places)
    # each thing in a room of its own
    order = scratch[3]
    for k in range(rooms):
        order[k] = k + 1
    for k in range(things):
        j = k + random_below(w, rooms - k)
        order[k], order[j] = order[j], order[k]
        spots[k] = cell_of(w, whole(order[k]))
    handled = random_below(w, things)
    w.memory[HANDLED] = handled
    old = whole(spots[handled])
    home = whole(w.room[old])
    flood(w, old, NOWHERE, distance, queue)
    start, new, length, found = whole(0), whole(0), whole(0), False
    for _ in range(TRIES):
        start = cell_of(w, home)
        new = cell_of(w, home if movers else 1 + random_below(w, rooms))
        beyond = whole(w.room[new])
        length = trace(distance, new, way)
        found = start not in (new, whole(places[home])) and (movers != 0 or beyond != home)
        for k in range(length):
            found &= whole(w.room[way[k]]) in (0, home, beyond)  # in the next room, no farther
        for o in range(things):
            found &= spots[o] not in (start, new)
        if found:
            break
    if not found:
        return False
    hidden = waiting_pose(w, False, spots, start, new, way, length, scratch, size)
    watching = waiting_pose(w, True, spots, start, new, way, length, scratch, size)
    if hidden < 0 or watching < 0:
        return False
    # the mover walks round the learner, if that watches
    flood(w, old, watching >> 2, distance, queue)
    work = whole(distance[start]) + whole(distance[new]) + SLACK
    # whatever the options say, as much is drawn: episodes of one seed are twins
    fate, other = random_below(w, 3), random_below(w, 2)
    if moved != MIXED:
        fate = moved
    if mover == 2:
        fate = NEVER
    if asked:
        other = asked - 1
    named = handled
    step = random_below(w, max(things - 1, 1))
    if other and things > 1:
        named = (handled + 1 + step) % things
    w.identity[MOVER] = 1 + 3 * movers + random_below(w, 3)
    room, heading = 1 + random_below(w, rooms), random_below(w, 4)
    w.heading[MOVER] = random_below(w, 4)
    last = watching if fate == SEEN_MOVED else hidden
    toured = lead(w, rooms, places, room, heading, start, last, scratch)
    if toured < 0:
        return False
    # from where it watched it is led to where it could not have: it has to remember
    flood(w, watching >> 2, NOWHERE, distance, queue)
    led, towards = go(w, toured, watching >> 2, watching & 3, hidden >> 2, TURN_LEFT, scratch)
    led = turn(w, led, towards, hidden & 3, TURN_LEFT)
    if led > STEPS_A_NUMBER * NUMBERS:
        return False
    w.place[LEARNER] = places[room]
    w.heading[LEARNER] = heading
    w.place[MOVER] = start
    w.memory[FATE] = fate
    w.memory[NAMED] = named
    w.memory[NEW] = new
    w.memory[TARGET] = old if fate == NEVER else new
    w.memory[TOURED] = toured
    w.memory[WORKED] = toured + work
    w.memory[CUED] = led + work + delay
    return True


@njit
def deal_world(w: Any, options: Any) -> None:
    """A new episode: tries until one has a tour and a place to wait."""
    limit, layout, things, _, _, mover = options[:6]
    side = HALL_SIDE if layout == 2 else SIDE
    engine.clear(w, side, side, 1 if mover == 2 else 2, things, limit)
    scratch = np.empty((4, 256), np.int64)
    places = np.zeros(MOST_ROOMS, np.int64)
    spots = np.zeros(4, np.int64)
    while not draw_world(w, options, scratch, places, spots):
        pass
    for o in range(things):
        w.kind[o] = KINDS[o]
        engine.put_thing(w, o, whole(spots[o]))
    w.task[LEARNER] = 1
    for k in range(QUERIES):
        w.memory[QUERY + k] = -1
    if mover == 2:
        w.place[MOVER] = 0
        w.heading[MOVER] = 0
    else:
        w.task[MOVER] = 1
        handled, target = whole(w.memory[HANDLED]), whole(w.memory[TARGET])
        w.cue[MOVER, 0] = w.kind[handled]
        w.cue[MOVER, 1] = target & 15
        w.cue[MOVER, 2] = target >> 4
        if mover == 1:
            w.body[MOVER] = THING_ARROW
            w.identity[MOVER] = ARROW
    w.changed = 1


# --- The rules ------------------------------------------------------------------------------------------
@njit
def hands_off(w: Any, a: int) -> None:
    """Undo what somebody did with its hands who may do nothing yet: what it took lies there again, what
    it was given is given back."""
    if w.hand[a] == 0:
        return
    o = whole(w.hand[a]) - 1
    mentioned = w.mentioned
    engine.put_thing(w, o, engine.front(w, a) if w.action[a] == PICK_UP else HANDS + 1 - a)
    w.mentioned = mentioned
    w.action[a] = WAIT


@njit
def hold(w: Any, a: int) -> None:
    """Put somebody back to where it stood when it last perceived."""
    w.place[a] = whole(w.pose[a]) >> 2
    w.heading[a] = w.pose[a] & 3
    w.action[a] = WAIT


@njit
def take_by_the_hand(w: Any, step: int) -> None:
    """Lead the learner on by one step. The mover is held or gone, so nobody is in its way."""
    code = (w.memory[ROUTE + step // STEPS_A_NUMBER] >> (2 * (step % STEPS_A_NUMBER))) & 3
    if code == 0:
        w.place[LEARNER] = engine.front(w, LEARNER)
        w.action[LEARNER] = FORWARD
    else:
        w.heading[LEARNER] = (w.heading[LEARNER] + (3 if code == TURN_LEFT else 1)) & 3
        w.action[LEARNER] = code


@njit
def dismiss(w: Any) -> None:
    """The mover's time is over: it puts down what it still holds, and leaves."""
    if w.hand[MOVER]:
        here = whole(w.place[MOVER])
        for k in range(256):
            cell = (here + k) & 255
            if engine.is_floor(w, cell) and engine.thing_at(w, cell) < 0 and w.place[LEARNER] != cell:
                engine.put_thing(w, whole(w.hand[MOVER]) - 1, cell)
                break
    engine.leave_world(w, MOVER)


@njit
def mark_seen(w: Any, size: int) -> None:
    """Note the cells of the learner's last percept as seen."""
    v = (size - 5) >> 1
    pose = whole(w.pose[LEARNER])
    for word in range(2 if size == 9 else 1):
        seen = w.sight[LEARNER, word]
        while seen:
            k = trailing_zeros(seen) + 64 * word
            seen &= seen - np.uint64(1)
            cell = ((pose >> 2) + OFFSET[v, pose & 3, k]) & 255
            w.memory[SEEN + (cell >> 4)] |= 1 << (cell & 15)


@njit
def keep_seen(w: Any, size: int) -> None:
    """When the learner leaves a pose, note what it saw from there."""
    if w.pose[LEARNER] != (whole(w.place[LEARNER]) << 2 | whole(w.heading[LEARNER])):
        mark_seen(w, size)


@njit
def marked(w: Any, rows: int, cell: int) -> bool:
    """Whether a cell's bit is set in rows of bits."""
    return (w.memory[rows + (cell >> 4)] >> (cell & 15)) & 1 != 0


@njit
def free_ahead(w: Any, pose: int) -> int:
    """How many cells one could walk straight on from a pose."""
    cell, h = pose >> 2, pose & 3
    steps = 0
    while True:
        cell = (cell + FORWARD_Y[h] * 16 + FORWARD_X[h]) & 255
        if PROPERTIES[w.cells[cell] & 0xFF] & WALKABLE == 0:
            return steps
        steps += 1


@njit
def thing_ahead(w: Any, pose: int, believed: bool, size: int) -> int:
    """The first thing straight ahead of a pose that one would see from there, -1 for none: as things
    are, or as the learner believes."""
    cell, h = pose >> 2, pose & 3
    for _ in range(min(free_ahead(w, pose), size - 1)):
        cell = (cell + FORWARD_Y[h] * 16 + FORWARD_X[h]) & 255
        for o in range(w.things):
            place = whole(w.belief[o, 1 + LEARNER]) if believed else whole(w.thing[o])
            if place == cell:
                return o
    return -1


@njit
def draw_queries(w: Any, size: int) -> None:
    """Four poses at which the learner never stood: two by the thing straight ahead (or none), two by how
    far the way is free, each time of two different answers, all answers as likely. Where what it believes
    and what is there differ, the learner cannot know: such poses are not asked of."""
    for k in range(QUERIES):
        about_things = k < QUERIES // 2
        answers = whole(w.things) + 1 if about_things else FARTHEST + 1
        wanted = random_below(w, answers)
        avoided = -1
        if k & 1:
            # the answer of the query before is not the answer of this one
            before = whole(w.memory[QUERY + k - 1])
            if before >= 0:
                avoided = thing_ahead(w, before, False, size) if about_things else free_ahead(w, before)
                if about_things and avoided < 0:
                    avoided = whole(w.things)
                wanted = (avoided + 1 + random_below(w, answers - 1)) % answers
        offset = random_below(w, 1024)
        for _ in range(answers):
            if wanted == avoided:
                wanted = (wanted + 1) % answers
                continue
            for j in range(1024):
                pose = (offset + 389 * j) & 1023
                cell = pose >> 2
                if PROPERTIES[w.cells[cell] & 0xFF] & WALKABLE == 0 or marked(w, STOOD, cell):
                    continue
                if about_things:
                    found = thing_ahead(w, pose, False, size)
                    if found != thing_ahead(w, pose, True, size):
                        continue
                    if found < 0:
                        found = whole(w.things)
                else:
                    found = free_ahead(w, pose)
                if found == wanted:
                    w.memory[QUERY + k] = pose
                    break
            if w.memory[QUERY + k] >= 0:
                break
            wanted = (wanted + 1) % answers  # there is no such pose


@njit
def shortest_way(w: Any) -> int:
    """The shortest way to pick up the thing that is named, as far as the learner's knowledge allows."""
    o = whole(w.memory[NAMED])
    believed, real = whole(w.belief[o, 1 + LEARNER]), whole(w.thing[o])
    straight = route_length(w, LEARNER, real, BEFORE) + 1
    if believed in (real, NOWHERE) or believed >= HANDS:
        return straight
    steps = route_length(w, LEARNER, believed, BEFORE) + 1
    place = w.place[LEARNER]
    w.place[LEARNER] = believed
    steps += route_length(w, LEARNER, real, BEFORE) + 1
    w.place[LEARNER] = place
    return max(steps, straight)  # it may come to the first place turned more luckily than it set out


@njit
def rules(w: Any, options: Any) -> None:
    """The tour, the mover's work, the cue, the search."""
    led, size = options[8] != 0, whole(options[engine.WINDOW_OPTION])
    step = whole(w.step)
    toured, worked, cued = whole(w.memory[TOURED]), whole(w.memory[WORKED]), whole(w.memory[CUED])
    w.ask = 0
    if step == cued + 1:
        for k in range(ROWS):
            w.memory[SEEN + k] = 0  # from here on: since the cue
    if step > cued:
        keep_seen(w, size)
        w.reward[LEARNER] = -0.01
        o = whole(w.memory[NAMED])
        if w.hand[LEARNER] == o + 1:
            w.reward[LEARNER] = 1
            w.perf = min(1.0, w.memory[SHORTEST] / (step - cued))
            w.terminated = 1
        return
    social = w.individuals > 1 and w.body[MOVER] != OUT
    hands_off(w, LEARNER)
    if led:
        hold(w, LEARNER)
    if social:
        if step <= toured:
            hands_off(w, MOVER)
            hold(w, MOVER)
        if w.place[MOVER] == w.place[LEARNER]:
            # one was put back to where the other had followed
            hold(w, MOVER)
            hold(w, LEARNER)
    delay = whole(options[3])
    if led and step <= toured:
        take_by_the_hand(w, step - 1)
    elif led and worked < step <= cued - delay and w.memory[FATE] == SEEN_MOVED:
        take_by_the_hand(w, toured + step - worked - 1)
    keep_seen(w, size)
    place = whole(w.place[LEARNER])
    w.memory[STOOD + (place >> 4)] |= 1 << (place & 15)
    if social:
        if step == toured:
            w.task[MOVER] = 2
        if w.hand[MOVER] == w.memory[HANDLED] + 1:
            w.memory[WORK] = CARRIES
        elif w.memory[WORK] == CARRIES:
            w.memory[WORK] = DONE
        if step == worked:
            dismiss(w)
    if step == cued:
        o = whole(w.memory[NAMED])
        w.ask = 1
        w.task[LEARNER] = TASK_FETCH
        w.cue[LEARNER, 0] = w.kind[o]
        w.want[LEARNER] = o + 1
        w.memory[SHORTEST] = shortest_way(w)
        draw_queries(w, size)


# --- The characters -----------------------------------------------------------------------------------------
@njit
def look_for(w: Any) -> int:
    """Go towards the nearest floor that is not marked as seen; wait where all is."""
    distance, queue = np.empty(256, np.int64), np.empty(256, np.int64)
    flood(w, whole(w.place[LEARNER]), NOWHERE, distance, queue)
    best, goal = whole(-1), whole(NOWHERE)
    for cell in range(256):
        if distance[cell] > 0 and not marked(w, SEEN, cell) and (best < 0 or distance[cell] < best):
            best, goal = whole(distance[cell]), cell
    return plan(w, LEARNER, goal, BEFORE)


@njit
def along_the_wall(w: Any) -> int:
    """Keep to the wall on the right: turn there where it ends, go on where that is free, else turn left."""
    h = whole(w.heading[LEARNER])
    right = (whole(w.place[LEARNER]) + RIGHT_Y[h] * 16 + RIGHT_X[h]) & 255
    if w.action[LEARNER] != TURN_RIGHT and PROPERTIES[w.cells[right] & 0xFF] & WALKABLE:
        return TURN_RIGHT
    return FORWARD if engine.legal(w, LEARNER, FORWARD) else TURN_LEFT


@njit
def fetch(w: Any, mode: int, size: int) -> int:
    """The learner's next action after the cue."""
    o = whole(w.memory[NAMED])
    place = believed_place(w, LEARNER, o, mode)
    if mode == LAST_SEEN:
        place = whole(w.first[o])
    elif mode == REFLEX:
        place = whole(w.thing[o])
        if place >= HANDS or not sees(w, LEARNER, place, size):
            return along_the_wall(w)
    if place == NOWHERE or place >= HANDS:
        if w.step == w.memory[CUED]:
            return TURN_RIGHT  # what is marked as seen was seen before: look about first
        mark_seen(w, size)  # as the rules do when it moves on: there is no use in going where one looks
        return look_for(w)
    if engine.front(w, LEARNER) != place:
        return plan(w, LEARNER, place, BEFORE)
    return PICK_UP if w.thing[o] == place and engine.legal(w, LEARNER, PICK_UP) else WAIT


@njit
def work(w: Any) -> int:
    """The mover's next action: take the thing, put it where it is to be, and stand there."""
    o, target = whole(w.memory[HANDLED]), whole(w.memory[TARGET])
    if w.step < w.memory[TOURED] or w.memory[WORK] == DONE:
        return WAIT
    if w.hand[MOVER] == o + 1:
        if engine.front(w, MOVER) != target:
            return plan(w, MOVER, target, BEFORE)
        return PUT_DOWN if engine.legal(w, MOVER, PUT_DOWN) else WAIT
    if engine.front(w, MOVER) != w.thing[o]:
        return plan(w, MOVER, whole(w.thing[o]), BEFORE)
    return PICK_UP if engine.legal(w, MOVER, PICK_UP) else WAIT


@njit
def script_world(w: Any, i: int, modes: Any, actions: Any, options: Any) -> None:
    led, size = options[8] != 0, whole(options[engine.WINDOW_OPTION])
    for a in range(w.individuals):
        if modes[a] == RANDOM:
            actions[i, a] = random_legal(w, a)
        elif modes[a] and a == MOVER:
            actions[i, a] = WAIT if w.body[a] == OUT else work(w)
        elif modes[a]:
            actions[i, a] = WAIT
            if w.step >= w.memory[CUED]:
                actions[i, a] = fetch(w, modes[a], size)
            elif not led and modes[a] == REFLEX:
                actions[i, a] = along_the_wall(w)
            elif not led:
                mark_seen(w, size)
                actions[i, a] = look_for(w)


# --- The batch: the same few lines in every game, since numba caches no functions as arguments ---------
@njit
def deal(worlds: Any, options: Any, todo: Any, lo: int, hi: int) -> None:
    for i in range(lo, hi):
        if todo[i] == ANEW:
            deal_world(worlds[i], options)


@njit
def play(worlds: Any, options: Any, todo: Any, lo: int, hi: int) -> None:
    for i in range(lo, hi):
        if todo[i] == RUNNING:
            rules(worlds[i], options)


@njit
def script(worlds: Any, options: Any, modes: Any, actions: Any, lo: int, hi: int) -> None:
    for i in range(lo, hi):
        script_world(worlds[i], i, modes, actions, options)


@njit
def judge(windows: Any, fields: Any, lengths: Any, actions: Any, who: Any, numbers: Any, out: Any) -> None:
    """The reward function, of percepts alone. The learner's own: it was told a kind, and holds one now or
    not. The mover does not know what is wanted: it takes whatever it sees the learner hold to be that."""
    for n in range(lengths.shape[0]):
        out[n] = 0
        if who[n] != LEARNER:
            continue
        before, after = fields[n, lengths[n] - 2], fields[n, lengths[n] - 1]
        if after[FIELD_SELF] == LEARNER:
            if before[FIELD_TASK] == TASK_FETCH:
                found = after[FIELD_HAND] != 0 and after[FIELD_HAND] == after[FIELD_CUE]
                out[n] = 1 if found else -0.01
            continue
        for k in range(windows.shape[2]):
            code = whole(windows[n, lengths[n] - 1, k])
            body = (code >> 16) & 0xFF
            if body and (body - 1) >> 2 == LEARNER and (code >> 26) != 0:
                out[n] = 1


# --- What is asked ----------------------------------------------------------------------------------------


def _known(simulation: Simulation, world: int, pose: int, reach: int) -> bool:
    """Whether the learner has seen the cells straight ahead of a pose, as many as ``reach``."""
    w, reader = simulation.worlds[world], Reader(simulation, world)
    cell, h = pose >> 2, pose & 3
    for _ in range(reach):
        cell = (cell + int(FORWARD_Y[h]) * 16 + int(FORWARD_X[h])) & 255
        if not (marked(w, SEEN, cell) or reader.sees("learner_0", cell)):
            return False
    return True


def probes(simulation: Simulation, world: int) -> list[Probe]:
    """Where the things are, were, and are believed to be; and percepts from poses never taken."""
    reader = Reader(simulation, world)
    w = simulation.worlds[world]
    memory, step, me = w["memory"], int(w["step"]), "learner_0"
    chosen: Any = simulation.options
    led, mover = chosen.tour == "led", chosen.mover
    condition = FATES[memory[FATE]]
    if not led and condition != "never":
        thing = int(memory[HANDLED])
        condition = "seen" if w["belief"][thing, 1 + LEARNER] == w["thing"][thing] else "unseen"
    if mover != "person":
        condition = f"{condition}_{mover}"
    names = simulation.game.things[: int(w["things"])]
    items: list[Probe] = []

    def ask(
        kind: str, chain: tuple[str, ...], about: str, options: tuple[str, ...], answer: str, own: str,
        order: int, shortcuts: dict[str, str], role: str, group: str, question: str,
    ) -> None:  # fmt: skip
        items.append(
            Probe(
                kind, me, chain, about, options, answer, own, order, shortcuts, condition, role, group,
                question, step,
            )
        )  # fmt: skip

    cells = {int(place) for place in (*w["first"], *w["thing"], memory[NEW]) if place}
    places = (*(reader.place_name(cell) for cell in sorted(cells)), UNKNOWN)
    for o, thing in enumerate(names if simulation.order else ()):
        first, real, believed = (
            reader.first_place(thing), reader.belief(thing), reader.belief(thing, me),
        )  # fmt: skip
        if believed not in places:
            continue  # last seen in the mover's hands: it is somewhere else by now
        handled = o == memory[HANDLED] and memory[FATE] != NEVER
        role = "test" if handled else "control"
        shortcuts = reader.shortcuts(thing, (me,), places[0])
        ask("belief", (me,), thing, places, believed, believed, int(believed != real), shortcuts, role,
            "places", f"Where is the {thing}, as far as you know?")  # fmt: skip
        saw = yes_no(believed not in (first, UNKNOWN))
        ask("knowledge", (me,), thing, YES_NO, saw, saw, int((real != first) != (saw == "yes")),
            {"reality": yes_no(real != first), "first_place": "no", "most_frequent": "no"},
            role, "places", f"Have you seen the {thing} at another place than at first?")  # fmt: skip
        del shortcuts["dropped_first"]
        if led:
            ask("memory", (), thing, places, first, first, 0, shortcuts, "control", "places",
                f"Where was the {thing} first?")  # fmt: skip
        if believed == real:
            ask("reality", (), thing, places, real, believed, 0, shortcuts, "control", "places",
                f"Where is the {thing} really?")  # fmt: skip
    # what is before it now is all that a shortcut has to go by
    now = int(w["place"][LEARNER]) << 2 | int(w["heading"][LEARNER])
    kinds = (*names, "nothing")
    lengths = tuple(str(k) for k in range(FARTHEST + 1))
    for k in range(QUERIES):
        pose = int(memory[QUERY + k])
        if pose < 0:
            continue
        cell = pose >> 2
        view = f"If you stood at ({cell & 15}, {cell >> 4}) facing {HEADINGS[pose & 3]},"
        free = int(free_ahead(w, pose))
        if k < QUERIES // 2:
            about, options = "thing ahead", kinds
            found = int(thing_ahead(w, pose, False, simulation.size))
            answer = kinds[found]  # -1: nothing, the last
            here = kinds[int(thing_ahead(w, now, False, simulation.size))]
            known = _known(simulation, world, pose, min(free, simulation.size - 1))
            question = f"{view} which thing would you see straight ahead?"
        else:
            about, options, answer = "way ahead", lengths, lengths[free]
            here = lengths[min(int(free_ahead(w, now)), FARTHEST)]
            known = _known(simulation, world, pose, free + 1)
            question = f"{view} for how many cells would the way ahead be free?"
        shortcuts = {"reality": here, "last_mentioned": here, "most_frequent": options[0]}
        ask("percept", (me,), about, options, answer, answer if known else "", 1, shortcuts, "test",
            "views", question)  # fmt: skip
    return items


GAME = Game(
    name="recall",
    stage="2b",
    title="find again what was seen: rooms, things, and what was moved since",
    roles=("learner", "mover"),
    learner="learner",
    things=("ball", "key", "cup", "book"),
    options=RecallOptions,
    encode=encode,
    count=count,
    deal=deal,
    play=play,
    script=script,
    judge=judge,
    probes=probes,
    documentation=__doc__,
    modes=(
        "external",
        "scripted",
        "reality_biased",
        "last_seen",
        "exact",
        "random",
        "reflex",
    ),
)
