"""Drift: things move by themselves, and there is nothing to gain (stage 1b, environment prediction).

An observer walks about in a hall where something always happens. Conveyors run in rings and carry
whatever lies or stands on them. Balls roll, each in a direction that no single look shows, and bounce
off walls, belts, bodies and other things. Lights go on and off. Whoever has watched for a while knows
what comes next, or how likely it is.

Physics, in this order, after everybody has acted:

1. **Conveyors** carry bodies and things one cell; what stays on a ring goes round.
2. **Balls** (``ball``, ``marble``) roll a cell every ``pace`` steps, over floor and lights. One whose way
   is not free turns back and rolls the other way in the same step; if that is not free either, it stays.
   Two that want one cell both stay and turn back. With ``noise`` n, a ball turns left or right before it
   rolls, each with probability n/200.
3. **Lights** flip every ``period`` steps, each from a step of its own on. With ``noise`` n they have no
   period: at every step a lively light flips with probability 1 - n/100, a lazy one with n/100, and which
   it is can only be told by watching.

What the observer will be asked about is told from the beginning (``task``), so it can go and watch.

Individuals. ``observer``; up to three ``walker``, who walk straight on by habit: they turn right or turn
round where the way ends (``habits="train"``), or turn left, or turn round and rest every other step
(``"held_out"``).
Rewards. None, for nobody.
Ends. Truncated after ``limit`` steps.
perf. Always 0: there is nothing to do well.
Task. ``task`` is the physics of the exam: 1 conveyors, 2 balls, 3 lights; ``cue_0``: noise / 10.
Probes. One exam, at the first step (10 to 17 at the earliest) at which the observer has seen enough and
stands on firm ground: next_percept of cells that change (test) and cells that stay (control), if everybody
waits. A cell is asked about if it and its neighbours are in sight, and what could come into it has been
watched: a ball over two moves without a break, a light over two flips (with noise: over enough steps to
tell lively from lazy). With noise, probes carry the true ``odds``.
Modes. ``scripted`` and ``exact`` walk about until they see what the exam is about, and watch; ``reflex``
walks straight on and turns right where the way ends; ``last_seen`` watches, too, and takes everything to
stay as it was last seen.
Source. Stage 1b of the paper (section 2.3). Predicting what comes next from watching alone is the task of
Ha and Schmidhuber's world models (2018); moving scenery is a test of it that agents cannot cause.

Options: ``physics`` (``"conveyors"``, ``"balls"``, ``"lights"``, or ``"all"``: the exam's is drawn for
each episode); ``noise`` in per cent (0, 10, 20, 30); ``layouts`` (``"train"`` or ``"held_out"``, four maps
each, in eight orientations); ``pace`` (``"train"``: balls roll every step or every other, periods are 2
and 3; ``"held_out"``: every third step, periods 4 and 5); ``walkers`` (0 to 3), ``habits``; ``limit``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..kernels import njit, whole
from ..probes import Probe
from ..simulation import ANEW, RANDOM, REFLEX, RUNNING
from . import engine
from .characters import random_legal
from .engine import (
    FLOOR,
    FORWARD,
    HANDS,
    LIGHT_OFF,
    LIGHT_ON,
    NOWHERE,
    OUT,
    THINGS,
    TURN_LEFT,
    TURN_RIGHT,
    WAIT,
    body_at,
    front,
    is_floor,
    random_below,
    terrain_at,
    thing_at,
)
from .game import Game, GameOptions
from .layout import build, parse, turn_place
from .physics import beyond, carry_bodies, flow_at, shift
from .vision import scan, sees, window_cell

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "DriftOptions"]

OBSERVER = 0
SIDE = 11
PHYSICS = ("conveyors", "balls", "lights")
CONVEYORS, BALLS, LIGHTS = 1, 2, 3  # as in ``task``
KINDS = (1, 2, 6)  # ball, marble, cup
NUM_BALLS = 2  # the first things roll, the rest rides
NUM_LIGHTS = 4

# Each map has conveyors in rings, so nothing comes to rest on them, and four lights.
MAPS = (
    # --- train
    """
    ###########
    #.........#
    #.)))}..,.#
    #.{..}....#
    #.{..}..,.#
    #.{(((....#
    #.....#...#
    #..,..#...#
    #.....##..#
    #..,......#
    ###########
    """,
    """
    ###########
    #....#....#
    #..,.#.,..#
    #.........#
    #..)))))}.#
    #..{....}.#
    #..{(((((.#
    #.........#
    #.,.......#
    #.....#.,.#
    ###########
    """,
    """
    ###########
    #.,.....,.#
    #.........#
    #.)))))}..#
    #.{(((((..#
    #.........#
    #####.#####
    #.........#
    #.........#
    #.,.....,.#
    ###########
    """,
    """
    ###########
    #.)}...,..#
    #.{(......#
    #.......,.#
    #...##....#
    #...##....#
    #.........#
    #.,....)}.#
    #......{(.#
    #.,.......#
    ###########
    """,
    # --- held out
    """
    ###########
    #.........#
    #.))}...,.#
    #.{.}.....#
    #.{.)))}..#
    #.{....}..#
    #.{(((((..#
    #.......,.#
    #..,......#
    #......,..#
    ###########
    """,
    """
    ###########
    #..,...)}.#
    #......{(.#
    #.........#
    #.))}...#.#
    #.{,}...#.#
    #.{((...#.#
    #.........#
    #...##..,.#
    #.,.......#
    ###########
    """,
    """
    ###########
    #.........#
    #.))))))}.#
    #.{.....}.#
    #.{.,.,.}.#
    #.{..#..}.#
    #.{.,.,.}.#
    #.{.....}.#
    #.{((((((.#
    #.........#
    ###########
    """,
    """
    ###########
    #...#.....#
    #.,.#.))}.#
    #.....{.}.#
    #.,...{.}.#
    #...#.{.}.#
    #...#.{((.#
    #####.....#
    #......#..#
    #.,....#,.#
    ###########
    """,
)
LAYOUTS = tuple(parse(text) for text in MAPS)
TERRAINS = np.stack([layout.terrain for layout in LAYOUTS])
LAMPS = np.array([layout.marks[","] for layout in LAYOUTS], np.int64)  # (8, 4)
PER_SET = len(MAPS) // 2

# What a world remembers.
ASK_FROM, ASKED, LAMP_COUNT, WATCHED = 0, 1, 2, 3  # WATCHED: how long the observer has stood and watched
# For each light; NEXT: the step of its next flip, LAST and BEFORE: of the last two that were seen.
LIGHT, LIGHT_SIZE = 4, 9
CELL, PERIOD, NEXT, LIVELY, SEEN, COUNT, FLIPS, LAST, BEFORE = range(9)
# For each ball; NEXT_ROLL: the step of its next move, MOVES: how many were seen without a break.
BALL, BALL_SIZE = 40, 5
DIRECTION, PACE, NEXT_ROLL, MOVES, IN_SIGHT = range(5)
HABIT, TURNING = 50, 54  # for each individual: its habit, and how many turns it has yet to make
HAPPENED = 58  # bits of the lights that flipped in this step, and 16 times those of the balls that rolled

TURNS_RIGHT, TURNS_ROUND, TURNS_LEFT, RESTS = range(4)  # habits
EARLIEST = 10  # step of the exam
WATCHES, STROLLS = 16, 6  # steps for which the scripted observer stays, and walks on when it was in vain
ENOUGH = 4  # flips more than not, or the other way round, that tell a lively light from a lazy one


@dataclass(frozen=True)
class DriftOptions(GameOptions):
    """Options of ``drift``."""

    limit: int = 80
    physics: str = "all"
    noise: int = 0
    layouts: str = "train"
    pace: str = "train"
    walkers: int = 2
    habits: str = "train"
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {
        "physics": (*PHYSICS, "all"),
        "noise": (0, 10, 20, 30),
        "layouts": ("train", "held_out"),
        "pace": ("train", "held_out"),
        "habits": ("train", "held_out"),
    }
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {"walkers": (0, 3)}


def encode(options: DriftOptions) -> npt.NDArray[np.int64]:
    """(limit, physics (0 = all), noise, held-out layouts, pace, habits, individuals)."""
    physics = 0 if options.physics == "all" else 1 + PHYSICS.index(options.physics)
    held_out = [value == "held_out" for value in (options.layouts, options.pace, options.habits)]
    return np.array([options.limit, physics, options.noise, *held_out, count(options)])


def count(options: DriftOptions) -> int:
    """The observer and the walkers."""
    return 1 + options.walkers


# --- A new episode ----------------------------------------------------------------------------------------
@njit
def free_floor(w: Any) -> int:
    """A random cell of plain floor where nothing lies and nobody stands."""
    while True:
        cell = (1 + random_below(w, SIDE - 2)) << 4 | (1 + random_below(w, SIDE - 2))
        if terrain_at(w, cell) == FLOOR and thing_at(w, cell) < 0 and body_at(w, cell) < 0:
            return cell


@njit
def free_belt(w: Any) -> int:
    """A random cell of conveyor where nothing lies."""
    while True:
        cell = (1 + random_below(w, SIDE - 2)) << 4 | (1 + random_below(w, SIDE - 2))
        if flow_at(w, cell) >= 0 and thing_at(w, cell) < 0:
            return cell


@njit
def deal_world(w: Any, options: Any, size: int) -> None:
    """A new episode. Everything is drawn before what the options leave out is taken away, so worlds of
    one seed that differ in an option are twins."""
    limit, physics, noise, held_out_layouts, held_out_pace, held_out_habits, individuals = options[:7]
    engine.clear(w, SIDE, SIDE, individuals, len(KINDS), limit)
    layout = random_below(w, PER_SET) + PER_SET * held_out_layouts
    orientation = random_below(w, 8)
    build(w, TERRAINS[layout], SIDE, SIDE, orientation)
    topic = 1 + random_below(w, len(PHYSICS))
    if physics:
        topic = physics
    w.memory[ASK_FROM] = EARLIEST + random_below(w, 8)
    for o in range(len(KINDS)):
        w.kind[o] = KINDS[o]
        engine.put_thing(w, o, free_floor(w) if o < NUM_BALLS else free_belt(w))
        if o < NUM_BALLS:
            ball = BALL + o * BALL_SIZE
            w.memory[ball + DIRECTION] = random_below(w, 4)
            pace = 1 + random_below(w, 2)
            w.memory[ball + PACE] = 3 if held_out_pace else pace
            w.memory[ball + NEXT_ROLL] = 1 + random_below(w, whole(w.memory[ball + PACE]))
    w.mentioned = NOWHERE  # nobody has put anything anywhere
    for j in range(NUM_LIGHTS):
        light = LIGHT + j * LIGHT_SIZE
        cell = turn_place(LAMPS[layout, j], orientation, SIDE, SIDE)
        w.memory[light + CELL] = cell
        w.memory[light + PERIOD] = 2 + random_below(w, 2) + 2 * held_out_pace
        w.memory[light + NEXT] = 1 + random_below(w, whole(w.memory[light + PERIOD]))
        w.memory[light + LIVELY] = random_below(w, 2)
        if random_below(w, 2):
            switch(w, cell)
    if physics == 0 or physics == LIGHTS:
        w.memory[LAMP_COUNT] = NUM_LIGHTS
    for a in range(individuals):
        w.place[a] = free_floor(w)
        w.heading[a] = random_below(w, 4)
        w.memory[HABIT + a] = random_below(w, 2) + 2 * held_out_habits
        w.task[a] = topic
        w.cue[a, 0] = noise // 10
    if physics:
        for o in range(len(KINDS)):
            if physics != (BALLS if o < NUM_BALLS else CONVEYORS):
                engine.put_thing(w, o, NOWHERE)
                w.first[o] = NOWHERE
        for y in range(1, SIDE - 1):
            for x in range(1, SIDE - 1):
                cell = y << 4 | x
                lamp = LIGHT_OFF <= terrain_at(w, cell) <= LIGHT_ON
                if (physics != CONVEYORS and flow_at(w, cell) >= 0) or (physics != LIGHTS and lamp):
                    engine.set_terrain(w, cell, FLOOR)
        w.flows = physics == CONVEYORS
    engine.label_rooms(w)
    track(w, size, noise)


# --- Physics ----------------------------------------------------------------------------------------------
@njit
def switch(w: Any, cell: int) -> None:
    """Turn a light on or off. (Not by set_terrain: what is seen does not hang on it, and sight would be
    worked out anew for everybody.)"""
    terrain = terrain_at(w, cell)
    w.cells[cell] = (w.cells[cell] & np.uint16(0xFF00)) | np.uint16(LIGHT_OFF + LIGHT_ON - terrain)


@njit
def free(w: Any, cell: int) -> bool:
    """Whether a ball can roll into a cell as things stand."""
    return is_floor(w, cell) and flow_at(w, cell) < 0 and thing_at(w, cell) < 0 and body_at(w, cell) < 0


@njit
def rolls(w: Any, o: int) -> bool:
    """Whether thing ``o`` is a ball on the floor, which rolls."""
    place = whole(w.thing[o])
    return o < NUM_BALLS and 0 < place < HANDS and flow_at(w, place) < 0


@njit
def due(w: Any, o: int, step: int) -> bool:
    """Whether a ball rolls at a step."""
    return w.memory[BALL + o * BALL_SIZE + NEXT_ROLL] == step


@njit
def way(w: Any, o: int, heading: int) -> int:
    """The heading in which a ball rolls that is on its way in a heading: that, or back; -1 if neither."""
    place = whole(w.thing[o])
    if free(w, beyond(place, heading)):
        return heading
    back = (heading + 2) & 3
    return back if free(w, beyond(place, back)) else -1


@njit
def advance(w: Any, turns: int, flips: int) -> None:
    """The physics of a step, once chance has been asked.

    Args:
        turns: two bits a ball, the quarter turns to the right that it makes before it rolls.
        flips: the bits of the lights that flip.
    """
    carry_bodies(w)
    moving = np.uint64(0)
    rolling = 0
    for o in range(w.things):
        w.target[o] = 0
        place = whole(w.thing[o])
        if place == NOWHERE or place >= HANDS:
            continue
        heading = flow_at(w, place)
        if heading >= 0:
            if not is_floor(w, beyond(place, heading)):
                continue
        elif o < NUM_BALLS and due(w, o, whole(w.step)):
            ball = BALL + o * BALL_SIZE
            before = (whole(w.memory[ball + DIRECTION]) + (turns >> (2 * o))) & 3
            heading = way(w, o, before)
            w.memory[ball + DIRECTION] = before if heading < 0 else heading
            if heading < 0:
                continue
            rolling |= 1 << o
        else:
            continue
        w.target[o] = beyond(place, heading)
        moving |= np.uint64(1) << np.uint64(o)
    rolled = 0
    if moving:
        rolled = whole(shift(w, moving)) & rolling
    for o in range(NUM_BALLS):
        ball = BALL + o * BALL_SIZE
        if (rolling & ~rolled) >> o & 1:  # another wanted that cell: it bounces off
            w.memory[ball + DIRECTION] = (w.memory[ball + DIRECTION] + 2) & 3
        if due(w, o, whole(w.step)):
            w.memory[ball + NEXT_ROLL] += w.memory[ball + PACE]
            if not rolled >> o & 1:  # stuck: which way it will go cannot be told by watching
                w.memory[ball + MOVES] = 0
    for j in range(w.memory[LAMP_COUNT]):
        light = LIGHT + j * LIGHT_SIZE
        if flips >> j & 1:
            switch(w, whole(w.memory[light + CELL]))
        if w.memory[light + NEXT] == w.step:
            w.memory[light + NEXT] += w.memory[light + PERIOD]
    w.memory[HAPPENED] = flips | rolled << 4


@njit
def chance(w: Any, noise: int) -> tuple[int, int]:
    """What chance, and the lights' periods, bring in this step: ``turns`` and ``flips`` of
    :func:`advance`."""
    turns, flips = 0, 0
    if noise:
        for o in range(NUM_BALLS):
            drawn = random_below(w, 200)
            turns |= (1 if drawn < noise else (3 if drawn < 2 * noise else 0)) << (2 * o)
    for j in range(w.memory[LAMP_COUNT]):
        if noise:
            flips |= (random_below(w, 100) < flip_chance(w, j, noise)) << j
        else:
            flips |= (w.memory[LIGHT + j * LIGHT_SIZE + NEXT] == w.step) << j
    return turns, flips


@njit
def flip_chance(w: Any, j: int, noise: int) -> int:
    """How likely a light flips at the next step, in per cent."""
    if noise == 0:
        return 100 if w.memory[LIGHT + j * LIGHT_SIZE + NEXT] == w.step + 1 else 0
    return 100 - noise if w.memory[LIGHT + j * LIGHT_SIZE + LIVELY] else noise


# --- What the observer has seen ---------------------------------------------------------------------------
@njit
def track(w: Any, size: int, noise: int) -> None:
    """Keep account of what the observer has watched of the exam's physics, after a step, until it has been
    asked. (Of balls always: they roll past belts, too.)"""
    pose = np.uint16(whole(w.place[OBSERVER]) << 2 | whole(w.heading[OBSERVER]))
    if w.changed or w.pose[OBSERVER] != pose:  # as in engine.perceive, which need not do it again
        scan(w, OBSERVER, size)
        w.pose[OBSERVER] = pose
    step, happened = whole(w.step), whole(w.memory[HAPPENED])
    for j in range(w.memory[LAMP_COUNT] if w.task[OBSERVER] == LIGHTS else 0):
        light = LIGHT + j * LIGHT_SIZE
        seen = sees(w, OBSERVER, whole(w.memory[light + CELL]), size)
        if seen and w.memory[light + SEEN]:
            w.memory[light + COUNT] += 1
            if happened >> j & 1:
                w.memory[light + FLIPS] += 1
                w.memory[light + BEFORE] = w.memory[light + LAST]
                w.memory[light + LAST] = step
        elif not seen and noise == 0:
            w.memory[light + COUNT] = 0
            w.memory[light + FLIPS] = 0
        w.memory[light + SEEN] = seen
    for o in range(NUM_BALLS):
        ball = BALL + o * BALL_SIZE
        seen = rolls(w, o) and sees(w, OBSERVER, whole(w.thing[o]), size)
        if not (seen and w.memory[ball + IN_SIGHT]):
            w.memory[ball + MOVES] = 0
        elif happened >> (4 + o) & 1:
            w.memory[ball + MOVES] += 1
        w.memory[ball + IN_SIGHT] = seen


@njit
def around_in_sight(w: Any, cell: int, size: int) -> bool:
    """Whether the observer sees a cell and its four neighbours."""
    for h in range(4):
        if not sees(w, OBSERVER, beyond(cell, h), size):
            return False
    return sees(w, OBSERVER, cell, size)


@njit
def understood(w: Any, o: int, size: int) -> bool:
    """Whether the observer can tell where a ball rolls: it has watched two moves without a break, and
    sees all that is about it."""
    return w.memory[BALL + o * BALL_SIZE + MOVES] >= 2 and around_in_sight(w, whole(w.thing[o]), size)


@njit
def known(w: Any, cell: int, size: int) -> bool:
    """Whether the observer can tell what thing will be in a cell at the next step: it sees all about it,
    and understands every ball that could come there, or stop one that could."""
    if not around_in_sight(w, cell, size):
        return False
    for o in range(NUM_BALLS):
        if rolls(w, o):
            place = whole(w.thing[o])
            far = abs((place & 15) - (cell & 15)) + abs((place >> 4) - (cell >> 4))
            if far <= 2 and not understood(w, o, size):
                return False
    return True


@njit
def foreseen(w: Any, j: int, noise: int) -> int:
    """What the observer can tell of a light that it sees: 1 it will flip, 0 it will stay, -1 neither."""
    light = LIGHT + j * LIGHT_SIZE
    flips = whole(w.memory[light + FLIPS])
    if noise:
        balance = 2 * flips - whole(w.memory[light + COUNT])
        return -1 if abs(balance) < ENOUGH else whole(balance > 0)
    if flips < 2:
        return -1
    period = whole(w.memory[light + LAST]) - whole(w.memory[light + BEFORE])
    return whole((w.step + 1 - w.memory[light + LAST]) % period == 0)


@njit
def goes(w: Any, o: int) -> int:
    """The cell to which a thing goes at the next step, if everybody waits and no ball turns; -1: it stays."""
    place = whole(w.thing[o])
    if place == NOWHERE or place >= HANDS:
        return -1
    heading = flow_at(w, place)
    if heading < 0:
        if not (rolls(w, o) and due(w, o, whole(w.step) + 1)):
            return -1
        heading = way(w, o, whole(w.memory[BALL + o * BALL_SIZE + DIRECTION]))
    return -1 if heading < 0 else beyond(place, heading)


@njit
def worth_asking(w: Any, size: int, noise: int) -> bool:
    """Whether there is something of the exam's physics that the observer can tell and that changes. Of
    lights, some flip and some stay, and not all come to be on, or off: so no habit gets them right."""
    if flow_at(w, whole(w.place[OBSERVER])) >= 0:
        return False
    topic = whole(w.task[OBSERVER])
    if topic == LIGHTS:
        found = 0  # bits: stays off, stays on, goes off, goes on
        for j in range(w.memory[LAMP_COUNT]):
            cell = whole(w.memory[LIGHT + j * LIGHT_SIZE + CELL])
            flips = foreseen(w, j, noise)
            if flips >= 0 and sees(w, OBSERVER, cell, size):
                on = (terrain_at(w, cell) == LIGHT_ON) != (flips == 1)
                found |= 1 << (2 * flips + on)
        return found & 3 != 0 and found & 12 != 0 and found & 5 != 0 and found & 10 != 0
    for o in range(w.things):
        target = goes(w, o)
        asked = target >= 0 and rolls(w, o) == (topic == BALLS)
        if asked and known(w, whole(w.thing[o]), size) and known(w, target, size):
            return True
    return False


@njit
def rules(w: Any, noise: int, size: int) -> None:
    """Physics, and when to ask."""
    turns, flips = chance(w, noise)
    advance(w, turns, flips)
    w.ask = 0
    if w.memory[ASKED]:
        return
    track(w, size, noise)
    if w.memory[ASK_FROM] <= w.step < w.limit and worth_asking(w, size, noise):
        w.memory[ASKED] = w.step
        w.ask = 1


# --- Who walks about --------------------------------------------------------------------------------------
@njit
def walk(w: Any, a: int, habit: int) -> int:
    """Straight on; where the way ends, what the habit says."""
    if w.memory[TURNING + a] > 0:
        w.memory[TURNING + a] -= 1
        return TURN_RIGHT
    if habit == RESTS and w.step & 1:
        return WAIT
    if engine.legal(w, a, FORWARD) and body_at(w, front(w, a)) < 0:
        return FORWARD
    if habit == TURNS_LEFT:
        return TURN_LEFT
    if habit in (TURNS_ROUND, RESTS):
        w.memory[TURNING + a] = 1
    return TURN_RIGHT


@njit
def stroll(w: Any) -> int:
    """The observer's way of walking about: straight on, with a turn now and then."""
    drawn = random_below(w, 12)
    ahead = engine.legal(w, OBSERVER, FORWARD) and body_at(w, front(w, OBSERVER)) < 0
    if not ahead or drawn < 2:
        return TURN_LEFT if drawn & 1 else TURN_RIGHT
    return FORWARD


@njit
def in_view(w: Any, size: int) -> int:
    """How many of those things that the exam is about the observer sees."""
    found = 0
    topic = whole(w.task[OBSERVER])
    if topic == LIGHTS:
        for j in range(w.memory[LAMP_COUNT]):
            found += sees(w, OBSERVER, whole(w.memory[LIGHT + j * LIGHT_SIZE + CELL]), size)
        return found
    for o in range(w.things):
        place = whole(w.thing[o])
        if 0 < place < HANDS and rolls(w, o) == (topic == BALLS):
            found += around_in_sight(w, place, size)
    return found


@njit
def watch(w: Any, size: int) -> int:
    """Walk about until enough is in view, then stay and watch; after a while in vain, walk on."""
    if w.memory[WATCHED] < 0:
        w.memory[WATCHED] += 1
        return stroll(w)
    firm = flow_at(w, whole(w.place[OBSERVER])) < 0
    if firm and in_view(w, size) >= (2 if w.task[OBSERVER] == LIGHTS else 1):
        w.memory[WATCHED] += 1
        if w.memory[WATCHED] > WATCHES and w.memory[ASKED] == 0:
            w.memory[WATCHED] = -STROLLS
        return WAIT
    return stroll(w)


@njit
def script_world(w: Any, i: int, modes: Any, actions: Any, size: int) -> None:
    for a in range(w.individuals):
        if modes[a] == RANDOM:
            actions[i, a] = random_legal(w, a)
        elif modes[a]:
            if w.body[a] == OUT:
                actions[i, a] = WAIT
            elif a == OBSERVER:
                actions[i, a] = walk(w, a, TURNS_RIGHT) if modes[a] == REFLEX else watch(w, size)
            else:
                actions[i, a] = walk(w, a, whole(w.memory[HABIT + a]))


# --- The batch: the same few lines in every game, since numba caches no functions as arguments ---------
@njit
def deal(worlds: Any, options: Any, todo: Any, lo: int, hi: int) -> None:
    for i in range(lo, hi):
        if todo[i] == ANEW:
            deal_world(worlds[i], options, options[engine.WINDOW_OPTION])


@njit
def play(worlds: Any, options: Any, todo: Any, lo: int, hi: int) -> None:
    for i in range(lo, hi):
        if todo[i] == RUNNING:
            rules(worlds[i], options[2], options[engine.WINDOW_OPTION])


@njit
def script(worlds: Any, options: Any, modes: Any, actions: Any, lo: int, hi: int) -> None:
    for i in range(lo, hi):
        script_world(worlds[i], i, modes, actions, options[engine.WINDOW_OPTION])


# --- What is asked ----------------------------------------------------------------------------------------
NOTHING, NOBODY = "nothing", "nobody"
MOST_CONTROLS = 2
CLEARLY = 0.1  # by how much the most probable answer has to be more so than any other


def outcomes(simulation: Simulation, world: int) -> list[tuple[float, Any]]:
    """How a world can be at the next step, if everybody waits: probabilities and records. (Lights, which
    act on nothing, stay as they are.)"""
    w = simulation.worlds[world]
    options: Any = simulation.options
    noise = options.noise / 100
    # only who rolls at the next step turns
    free_to_turn = [noise > 0 and rolls(w, o) and due(w, o, whole(w["step"]) + 1) for o in range(NUM_BALLS)]
    turns = [((0, 1 - noise), (1, noise / 2), (3, noise / 2)) if can else ((0, 1.0),) for can in free_to_turn]
    found = []
    for drawn in product(*turns):
        # a copy of the world of its own, stepped by the same kernel as the world itself
        later = simulation.worlds[world : world + 1].copy()[0]
        later["step"] += 1
        advance(later, sum(turn << (2 * o) for o, (turn, _) in enumerate(drawn)), 0)
        found.append((math.prod(share for _, share in drawn), later))
    return found


def probes(simulation: Simulation, world: int) -> list[Probe]:
    """What will be in the cells of the exam's physics that the observer can tell: tests change, controls
    stay."""
    w = simulation.worlds[world]
    options: Any = simulation.options
    size, noise = simulation.size, int(options.noise)
    if int(w["memory"][ASKED]) not in (0, int(w["step"])) or not worth_asking(w, size, noise):
        return []  # it was asked before, or cannot tell
    topic = int(w["task"][OBSERVER])
    me, step = simulation.individuals[OBSERVER], int(w["step"])
    condition = PHYSICS[topic - 1] + ("_noisy" if noise and topic != CONVEYORS else "")

    def item(cell: int, question: str, odds: Mapping[str, float], now: str, own: str = "") -> Probe | None:
        """A question about a cell; None where there is no clear answer."""
        ranked = sorted(odds, key=lambda option: -odds[option])
        if odds[ranked[0]] - odds[ranked[1]] < CLEARLY:
            return None
        where = _position(window_cell(w, OBSERVER, cell, size), size)
        return Probe(
            "next_percept", me, (me,), where, tuple(odds), ranked[0], own or ranked[0], 0,
            # what is seen there now is what was seen there last
            {"no_change": now, "last_mentioned": now, "most_frequent": next(iter(odds))},
            condition, "control" if ranked[0] == now else "test", "physics",
            f"{question.format(where)} at the next step, if everybody waits?", step,
            odds={} if odds[ranked[0]] == 1 else odds,
        )  # fmt: skip

    found: list[Probe | None] = []
    if topic == LIGHTS:
        for j in range(int(w["memory"][LAMP_COUNT])):
            cell = int(w["memory"][LIGHT + j * LIGHT_SIZE + CELL])
            flips = int(foreseen(w, j, noise))
            if flips < 0 or not sees(w, OBSERVER, cell, size):
                continue
            lit = int(int(w["cells"][cell]) & 0xFF == LIGHT_ON)
            share = flip_chance(w, j, noise) / 100
            odds = {"off": share if lit else 1 - share, "on": 1 - share if lit else share}
            own = ("off", "on")[lit ^ flips]
            found.append(item(cell, "Will the light {} be on or off", odds, ("off", "on")[lit], own))
        return [probe for probe in found if probe is not None]

    worlds = outcomes(simulation, world)
    things = [o for o in range(len(w["thing"])) if 0 < w["thing"][o] < engine.GONE]
    names = {o: THINGS[int(w["kind"][o])] for o in things}

    def content(of: Any, cell: int) -> str:
        return names.get(int(thing_at(of, cell)), NOTHING)

    def ask_thing(cell: int) -> Probe | None:
        odds = dict.fromkeys((NOTHING, *names.values()), 0.0)
        for share, later in worlds:
            odds[content(later, cell)] += share
        return item(cell, "What thing will lie {}", odds, content(w, cell))

    changing: list[int] = []
    for o in things:
        target = int(goes(w, o))
        here = int(w["thing"][o])
        asked_about = target >= 0 and rolls(w, o) == (topic == BALLS)
        if asked_about and known(w, here, size) and known(w, target, size):
            changing += [cell for cell in (here, target) if cell not in changing]
    found += [ask_thing(cell) for cell in changing]
    # controls: cells about those, and things that rest; those first about which there is some doubt
    resting = [int(w["thing"][o]) for o in things if o < NUM_BALLS and rolls(w, o) and goes(w, o) < 0]
    near = [int(beyond(cell, h)) for cell in changing for h in range(4)]
    controls = [
        probe
        for cell in dict.fromkeys([*resting, *near])
        if cell not in changing and is_floor(w, cell) and known(w, cell, size)
        if (probe := ask_thing(cell)) is not None and probe.role == "control"
    ]
    controls.sort(key=lambda probe: (not probe.odds, probe.answer == NOTHING))
    found += controls[:MOST_CONTROLS]
    if topic == CONVEYORS:
        # of those who stand on a belt: they leave a cell and come into the next
        people = (NOBODY, *simulation.individuals[1:])
        later = worlds[0][1]  # balls are in nobody's way
        cells: list[int] = []
        for a in range(1, simulation.count):
            here = int(w["place"][a])
            target = int(later["place"][a])
            if target != here and all(around_in_sight(w, cell, size) for cell in (here, target)):
                cells += [cell for cell in (here, target) if cell not in cells]
        for cell in cells:
            who, now = (people[max(int(body_at(of, cell)), 0)] for of in (later, w))
            odds = {name: float(name == who) for name in people}
            found.append(item(cell, "Who will stand {}", odds, now))
    asked = [probe for probe in found if probe is not None]
    return asked if {probe.role for probe in asked} == {"test", "control"} else []


def _position(k: int, size: int) -> str:
    """A cell of the observer's window in words: ``"2 ahead, 1 left"``."""
    forward, right = size - 1 - k // size, k % size - size // 2
    words = [f"{forward} ahead"] if forward else []
    if right:
        words.append(f"{abs(right)} {'right' if right > 0 else 'left'}")
    return ", ".join(words) or "here"


GAME = Game(
    name="drift",
    stage="1b",
    title="what moves by itself: conveyors, balls, lights",
    roles=("observer", "walker", "walker", "walker"),
    learner="observer",
    things=("ball", "marble", "cup"),
    options=DriftOptions,
    encode=encode,
    count=count,
    deal=deal,
    play=play,
    script=script,
    probes=probes,
    documentation=__doc__,
    modes=("external", "scripted", "last_seen", "exact", "random", "reflex"),
)
