"""Vantage: what does somebody else see, and how does it look from there? (stage 3b, perspective-taking)

A still scene: four things, a few pillars, an observer and somebody else. One thing at a time is asked
about, by the observer's ``task`` and ``cue`` fields, and the observer answers with its voice (or, in an
exam, with words). **Level 1**: does the other see the thing? **Level 2**: where is it as the other sees
it - in front, to the right, behind, to the left? The other is turned against the observer by 0, 90, 180
or 270 degrees; mental rotation shows as error that grows with the angle.

With ``social=False`` an arrow stands there instead of somebody: the same pixels but for the figure, and
the same question about the space before its tip. What it takes is geometry, without a mind.

Scenes are drawn until they are worth asking about: all things are in the observer's sight; two of them
the other sees and two it does not; at least two lie in another direction for the other than for the
observer; none lies just midway between two directions.

Individuals. ``observer``, ``other`` (who stands still).
Rewards. observer: +1 for the right answer, nothing for a wrong one. The other: nothing.
Ends. Terminated with the observer's first word; truncated after ``limit`` steps.
perf. 1 for the right answer, 0 otherwise.
Task. ``task`` is the level asked for, 1 or 2; ``cue_0`` the kind of the thing.
Answers. Level 1: ``say_0`` no, ``say_1`` yes. Level 2: ``say_0`` front, ``say_1`` right, ``say_2`` behind,
``say_3`` left. By the heading of the figure that is asked about.
Probes. At the start, for each thing: percept at level 1 and 2 of the other, and of the observer itself
(control).
Source. Flavell et al. 1981 (levels 1 and 2); Michelon & Zacks 2006 (error against angle); Santiesteban
et al. 2014 (arrows as the non-social twin).

Options: ``level`` (``"1"``, ``"2"`` or ``"both"``: drawn for each episode); ``angle`` (``"any"``,
``"0"``, ``"90"``, ``"180"``, ``"270"``; ``"seen"`` draws 0 or 90, ``"held_out"`` 180 or 270);
``social``; ``pillars`` (0 to 8); ``limit``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..kernels import njit, trailing_zeros, whole
from ..probes import Probe
from ..simulation import ANEW, LAST_SEEN, RANDOM, REALITY_BIASED, RUNNING
from . import engine
from .characters import random_legal
from .engine import ARROW, FLOOR, SAY, THING_ARROW, WAIT, WALL, random_below
from .game import Game, GameOptions
from .questions import YES_NO, Reader, yes_no
from .vision import FORWARD_X, FORWARD_Y, RIGHT_X, RIGHT_Y, WINDOWS, digital_lines, sees

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "VantageOptions"]

OBSERVER, OTHER = 0, 1
SIDE = 9
DIRECTIONS = ("front", "right", "behind", "left")
ANGLES = ("any", "0", "90", "180", "270", "seen", "held_out")
ROW = SIDE - 2  # cells between two outer walls
TRIES = 1000  # scenes drawn before the pillars are left out; some 5 are needed, most of which cost little

# What a world remembers.
LEVEL, ASKED_THING, ANGLE = range(3)

# --- The room in bits -----------------------------------------------------------------------------------
# Scenes are drawn and judged as sets of spots. The spots, the cells inside the outer walls, are numbered row
# by row; a set of them is a word.
SPOTS = ROW * ROW
Y, X = np.divmod(np.arange(SPOTS), ROW)
CELL = (Y + 1 << 4) + X + 1
ONE = np.uint64(1)
INSIDE = np.zeros(256, np.uint8)
INSIDE[CELL] = 1
ALL_OF_A_ROW = np.uint64((1 << ROW) - 1)
EVERYWHERE = np.uint64((1 << SPOTS) - 1)
EASTERNMOST = np.uint64(sum(1 << y * ROW + ROW - 1 for y in range(ROW)))


def _sets(marks: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint64]:
    """(..., spots) bool as sets (...) uint64."""
    return (marks.astype(np.uint64) << np.arange(SPOTS, dtype=np.uint64)).sum(-1, dtype=np.uint64)


def _windows() -> npt.NDArray[np.uint64]:
    """(windows, spots, headings): what is in the window of who stands there."""
    table = np.zeros((len(WINDOWS), SPOTS, 4), np.uint64)
    for v, size in enumerate(WINDOWS):
        for h in range(4):
            forward, right = _from_each(h)
            table[v, :, h] = _sets((forward >= 0) & (forward < size) & (abs(right) <= size // 2))
    return table


def _from_each(h: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(spots, spots): how far forward and how far to the right of the first the second lies."""
    east, south = X - X[:, None], Y - Y[:, None]
    return east * FORWARD_X[h] + south * FORWARD_Y[h], east * RIGHT_X[h] + south * RIGHT_Y[h]


def _sides() -> npt.NDArray[np.uint64]:
    """(spots, 4): what lies north, east, south and west of a spot, without what lies just between two."""
    table = np.zeros((SPOTS, 4), np.uint64)
    for h in range(4):
        forward, right = _from_each(h)
        table[:, h] = _sets(forward > abs(right))
    return table


def _shadows() -> npt.NDArray[np.uint64]:
    """(spots, spots, 2 lines): what a pillar on the second spot stands in the way of, seen from the first, on
    either of the two lines of sight (``vision.digital_lines``)."""
    table = np.zeros((SPOTS, SPOTS, 2), np.uint64)
    for dy in range(ROW):
        for dx in range(1 - ROW, ROW):
            one = np.flatnonzero((Y + dy < ROW) & (X + dx >= 0) & (X + dx < ROW))
            other = one + dy * ROW + dx
            for line, cells in enumerate(digital_lines(dx, dy)):
                for x, y in cells:
                    pillar = one + y * ROW + x
                    table[one, pillar, line] |= ONE << other.astype(np.uint64)
                    table[other, pillar, line] |= ONE << one.astype(np.uint64)
    return table


WINDOW, SIDES, SHADOW = _windows(), _sides(), _shadows()


@dataclass(frozen=True)
class VantageOptions(GameOptions):
    """Options of ``vantage``."""

    limit: int = 20
    level: str = "both"
    angle: str = "any"
    social: bool = True
    pillars: int = 4
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {"level": ("1", "2", "both"), "angle": ANGLES}
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {"pillars": (0, 8)}


def encode(options: VantageOptions) -> npt.NDArray[np.int64]:
    """(limit, level (0 = both), angle, social, pillars)."""
    level = {"1": 1, "2": 2, "both": 0}[options.level]
    angle = ANGLES.index(options.angle)
    return np.array([options.limit, level, angle, options.social, options.pillars])


@njit
def direction(w: Any, a: int, cell: int) -> int:
    """Where a cell lies for ``a``: 0 front, 1 right, 2 behind, 3 left; -1 midway between two."""
    dx = (cell & 15) - (whole(w.place[a]) & 15)
    dy = (cell >> 4) - (whole(w.place[a]) >> 4)
    h = whole(w.heading[a])
    forward = dx * FORWARD_X[h] + dy * FORWARD_Y[h]
    right = dx * RIGHT_X[h] + dy * RIGHT_Y[h]
    if abs(forward) == abs(right):
        return -1
    if abs(forward) > abs(right):
        return 0 if forward > 0 else 2
    return 1 if right > 0 else 3


@njit
def count(spots: Any) -> int:
    """How many spots are in a set."""
    threes = np.uint64(0x3333333333333333)
    spots -= (spots >> ONE) & np.uint64(0x5555555555555555)
    spots = (spots & threes) + ((spots >> np.uint64(2)) & threes)
    spots = (spots + (spots >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return whole((spots * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit
def nth(spots: Any, n: int) -> int:
    for _ in range(n):
        spots &= spots - ONE
    return trailing_zeros(spots)


@njit
def seen_from(spot: int, heading: int, pillars: Any, size: int) -> Any:
    """What is seen from a pose: all in the window but what pillars hide on both lines of sight."""
    one, other = np.uint64(0), np.uint64(0)
    while pillars:
        pillar = trailing_zeros(pillars)
        pillars &= pillars - ONE
        one |= SHADOW[spot, pillar, 0]
        other |= SHADOW[spot, pillar, 1]
    return WINDOW[(size - 5) >> 1, spot, heading] & ~(one & other)


@njit
def draw_scene(w: Any, number: int, turn: int, size: int) -> bool:
    """One try at a scene: the observer, the other somewhere in its window, so many pillars, then where to put
    four things, of which both see one, two or three, and only the observer the rest. Which and how many is
    drawn: no answer tells the next one. False if the other is out of sight, if there are too few such places,
    or if too few things lie in another direction for the other.

    The cheapest conditions come first, and nothing is laid before the scene is found: most tries fail.
    """
    drawn = random_below(w, SPOTS * SPOTS * 4)
    heading, observer, other = drawn & 3, (drawn >> 2) % SPOTS, (drawn >> 2) // SPOTS
    there = ONE << np.uint64(other)
    window = WINDOW[(size - 5) >> 1, observer, heading]
    if window & there == 0 or observer == other:
        return False
    # where things may lie, and where they would lie in the same direction for both
    mine, theirs, same = np.uint64(0), np.uint64(0), np.uint64(0)
    for side in range(4):
        one = SIDES[observer, (heading + side) & 3]
        another = SIDES[other, (heading + turn + side) & 3]
        mine |= one
        theirs |= another
        same |= one & another
    places = window & mine & theirs
    if count(places) < 4 or count(places & ~same) < 2:
        return False  # whatever the pillars are
    taken, pillars = there | ONE << np.uint64(observer), np.uint64(0)
    while number:
        pillar = ONE << np.uint64(random_below(w, SPOTS))
        if taken & pillar == 0:
            taken |= pillar
            pillars |= pillar
            number -= 1
    seen = seen_from(observer, heading, pillars, size)
    if seen & there == 0:
        return False
    places &= seen & ~pillars
    shared = places & seen_from(other, (heading + turn) & 3, pillars, size)
    alone = places & ~shared
    both = 1 + random_below(w, 3)
    if count(shared) < both or count(alone) < 4 - both:
        return False
    things = np.uint64(0)
    for k in range(4):
        spots = (shared if k < both else alone) & ~things
        spot = nth(spots, random_below(w, count(spots)))
        things |= ONE << np.uint64(spot)
        w.filled[k] = CELL[spot]
    if count(things & ~same) < 2:
        return False
    for k in range(3, 0, -1):  # whose these are
        other_one = random_below(w, k + 1)
        w.filled[k], w.filled[other_one] = w.filled[other_one], w.filled[k]
    lay_room(w, pillars)
    w.place[OBSERVER], w.heading[OBSERVER] = CELL[observer], heading
    w.place[OTHER], w.heading[OTHER] = CELL[other], (heading + turn) & 3
    return True


@njit
def lay_room(w: Any, pillars: Any) -> None:
    """Floor and pillars in a cleared world, and its rooms: what :func:`engine.set_terrain` and
    :func:`engine.label_rooms` would do, all at once."""
    for cell in range(256):
        w.cells[cell] = FLOOR if INSIDE[cell] else WALL
        w.room[cell] = INSIDE[cell]
    for y in range(1, SIDE - 1):
        row = pillars >> np.uint64((y - 1) * ROW) & ALL_OF_A_ROW
        w.opaque[y] = ~(ALL_OF_A_ROW << ONE) | row << ONE
    rest = pillars
    while rest:
        cell = CELL[trailing_zeros(rest)]
        rest &= rest - ONE
        w.cells[cell] = WALL
        w.room[cell] = 0
    left, room = EVERYWHERE & ~pillars, 1
    while True:
        # a room grows from its first spot as far as it goes
        grown, before = left & (~left + ONE), np.uint64(0)
        while grown != before:
            before = grown
            beside = (grown & ~EASTERNMOST) << ONE | grown >> ONE & ~EASTERNMOST
            grown |= (beside | grown << np.uint64(ROW) | grown >> np.uint64(ROW)) & left
        left &= ~grown
        if left == 0:
            return
        room += 1
        rest = left
        while rest:
            w.room[CELL[trailing_zeros(rest)]] = room
            rest &= rest - ONE


@njit
def deal_world(w: Any, options: Any) -> None:
    """A new episode: a scene that is worth asking about, and what is asked."""
    limit, level, angle, social, pillars = options[:5]
    size = options[engine.WINDOW_OPTION]
    engine.clear(w, SIDE, SIDE, 2, 4, limit)
    for o in range(4):
        w.kind[o] = (1, 6, 7, 8)[o]
    # 0 any, 1 to 4 a quarter turn more each, 5 seen, 6 held out
    turn = angle - 1
    if angle == 0:
        turn = random_below(w, 4)
    elif angle >= 5:
        turn = random_below(w, 2) + 2 * (angle - 5)
    w.memory[ANGLE] = turn
    attempt = 0
    while not draw_scene(w, pillars if attempt < TRIES else 0, turn, size):
        attempt += 1
    for o in range(4):
        engine.put_thing(w, o, whole(w.filled[o]))
    if not social:
        w.body[OTHER] = THING_ARROW
        w.identity[OTHER] = ARROW
    w.memory[LEVEL] = level if level else 1 + random_below(w, 2)
    w.memory[ASKED_THING] = random_below(w, 4)
    w.task[OBSERVER] = w.memory[LEVEL]
    w.cue[OBSERVER, 0] = w.kind[w.memory[ASKED_THING]]
    w.changed = 1
    w.ask = 1


@njit
def answer(w: Any, a: int, level: int, o: int, size: int) -> int:
    """The symbol that answers for ``a``: 0 no and 1 yes, or the direction."""
    cell = whole(w.thing[o])
    if level == 1:
        return 1 if sees(w, a, cell, size) else 0
    return direction(w, a, cell)


@njit
def rules(w: Any, size: int) -> None:
    """The observer's first word is its answer, judged on the scene as it spoke (nobody else moves)."""
    w.ask = 0
    if w.voice[OBSERVER]:
        right = answer(w, OTHER, whole(w.memory[LEVEL]), whole(w.memory[ASKED_THING]), size)
        if w.voice[OBSERVER] - 1 == right:
            w.reward[OBSERVER] = 1
            w.perf = 1
        w.terminated = 1


@njit
def script_world(w: Any, i: int, modes: Any, actions: Any, size: int) -> None:
    """The observer answers as it sees it - the layout is open before it -, or, reality-biased, as if
    the other saw what it sees itself. The other stands still."""
    for a in range(w.individuals):
        if modes[a] == RANDOM:
            actions[i, a] = random_legal(w, a)
        elif modes[a]:
            actions[i, a] = WAIT
            if a == OBSERVER:
                # reality, and what was seen last, are what one sees oneself
                whose = OBSERVER if modes[a] in (REALITY_BIASED, LAST_SEEN) else OTHER
                level, o = whole(w.memory[LEVEL]), whole(w.memory[ASKED_THING])
                actions[i, a] = SAY + answer(w, whose, level, o, size)


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
            rules(worlds[i], options[engine.WINDOW_OPTION])


@njit
def script(worlds: Any, options: Any, modes: Any, actions: Any, lo: int, hi: int) -> None:
    for i in range(lo, hi):
        script_world(worlds[i], i, modes, actions, options[engine.WINDOW_OPTION])


# --- What is asked ----------------------------------------------------------------------------------------
def probes(simulation: Simulation, world: int) -> list[Probe]:
    """For each thing, levels 1 and 2: the other's percept, and the observer's own as control."""
    reader = Reader(simulation, world)
    w = simulation.worlds[world]
    me, other = "observer_0", "other_0"
    social = int(w["body"][OTHER]) != THING_ARROW
    condition = f"{90 * int(w['memory'][ANGLE])}_degrees" + ("" if social else "_arrow")
    whom = "the other" if social else "the arrow"
    items: list[Probe] = []
    for o, thing in enumerate(simulation.game.things):
        cell = int(w["thing"][o])
        mine = yes_no(reader.sees(me, cell))
        theirs = yes_no(reader.sees(other, cell))
        my_side = DIRECTIONS[direction(w, OBSERVER, cell)]
        their_side = DIRECTIONS[direction(w, OTHER, cell)]
        for level, options, answers, constant, questions in (
            (1, YES_NO, (mine, theirs), "yes", ("Do you see the", f"Does {whom} see the")),
            (2, DIRECTIONS, (my_side, their_side), "front",
             ("Where from you is the", f"Where from {whom} is the")),
        ):  # fmt: skip
            for chain, role, correct, question in (
                ((other,), "test", answers[1], questions[1]),
                ((me,), "control", answers[0], questions[0]),
            ):
                items.append(
                    Probe(
                        "percept", me, chain, thing, options, correct,
                        # the scene lies open before the observer: it can work out both
                        correct, int(chain == (other,) and correct != answers[0]),
                        {"dropped_first": answers[0], "reality": answers[0],
                         "last_mentioned": answers[0], "most_frequent": constant},
                        condition, role, f"level_{level}", f"{question} {thing}?", int(w["step"]),
                    )
                )  # fmt: skip
    return items


GAME = Game(
    name="vantage",
    stage="3b",
    title="what the other sees, and how it looks from there",
    roles=("observer", "other"),
    learner="observer",
    things=("ball", "cup", "book", "toy"),
    options=VantageOptions,
    encode=encode,
    count=lambda options: 2,
    deal=deal,
    play=play,
    script=script,
    probes=probes,
    documentation=__doc__,
)
