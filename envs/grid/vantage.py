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

from ..kernels import njit, whole
from ..probes import Probe
from ..simulation import ANEW, LAST_SEEN, RANDOM, REALITY_BIASED, RUNNING
from . import engine
from .characters import random_legal
from .engine import ARROW, FLOOR, SAY, THING_ARROW, WAIT, WALL, random_below
from .game import Game, GameOptions
from .questions import YES_NO, Reader, yes_no
from .vision import FORWARD_X, FORWARD_Y, RIGHT_X, RIGHT_Y, scan, sees, window_cell

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "VantageOptions"]

OBSERVER, OTHER = 0, 1
SIDE = 9
DIRECTIONS = ("front", "right", "behind", "left")
ANGLES = ("any", "0", "90", "180", "270", "seen", "held_out")
TRIES = 1000  # scenes drawn before the pillars are left out; some 20 are needed, most of which cost little

# What a world remembers.
LEVEL, ASKED_THING, ANGLE = range(3)


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
def inner_cell(w: Any) -> int:
    """A random cell inside the outer walls."""
    return (1 + random_below(w, SIDE - 2)) << 4 | (1 + random_below(w, SIDE - 2))


@njit
def draw_scene(w: Any, pillars: int, turn: int, size: int) -> bool:
    """One try at a scene: the observer, the other somewhere in its window, pillars, then two things
    where both see them and two where only the observer does. False if the other is out of sight, if
    there are too few such places, or if too few things lie in another direction for the other.

    The cheapest conditions come first, and what is laid is taken away again: most tries fail."""
    w.place[OBSERVER] = inner_cell(w)
    w.heading[OBSERVER] = random_below(w, 4)
    w.heading[OTHER] = (w.heading[OBSERVER] + turn) & 3
    w.place[OTHER] = inner_cell(w)
    other = whole(w.place[OTHER])
    if other == w.place[OBSERVER] or window_cell(w, OBSERVER, other, size) < 0:
        return False
    laid = w.target  # scratch: eight pillars at most
    for k in range(pillars):
        cell = inner_cell(w)
        while engine.terrain_at(w, cell) != FLOOR or engine.body_at(w, cell) >= 0:
            cell = inner_cell(w)
        engine.set_terrain(w, cell, WALL)
        laid[k] = cell
    if place_things(w, other, size):
        return True
    for k in range(pillars):
        engine.set_terrain(w, whole(laid[k]), FLOOR)
    return False


@njit
def place_things(w: Any, other: int, size: int) -> bool:
    """Draw where the four things lie; they are put there by the caller."""
    scan(w, OBSERVER, size)
    if not sees(w, OBSERVER, other, size):
        return False
    scan(w, OTHER, size)
    # candidates: floor in the observer's sight; first the other's sight, then not
    cells = np.empty((2, SIDE * SIDE), np.uint8)
    count_seen, count_hidden = 0, 0
    for y in range(1, SIDE - 1):
        for x in range(1, SIDE - 1):
            cell = y << 4 | x
            if engine.terrain_at(w, cell) != FLOOR or cell == other or cell == w.place[OBSERVER]:
                continue
            if not sees(w, OBSERVER, cell, size):
                continue
            if direction(w, OBSERVER, cell) < 0 or direction(w, OTHER, cell) < 0:
                continue
            if sees(w, OTHER, cell, size):
                cells[0, count_seen] = cell
                count_seen += 1
            else:
                cells[1, count_hidden] = cell
                count_hidden += 1
    if count_seen < 2 or count_hidden < 2:
        return False
    differing = 0
    shift = random_below(w, 4)  # which of the things are the ones that both see
    flip = random_below(w, 2)
    for k in range(4):
        kind = (k & 1) ^ flip
        count = count_hidden if kind else count_seen
        pick = random_below(w, count)
        cell = whole(cells[kind, pick])
        cells[kind, pick] = cells[kind, count - 1]
        if kind:
            count_hidden -= 1
        else:
            count_seen -= 1
        w.filled[(k + shift) & 3] = cell
        differing += direction(w, OBSERVER, cell) != direction(w, OTHER, cell)
    return differing >= 2


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
    for y in range(1, SIDE - 1):
        for x in range(1, SIDE - 1):
            engine.set_terrain(w, y << 4 | x, FLOOR)
    attempt = 0
    while not draw_scene(w, pillars if attempt < TRIES else 0, turn, size):
        attempt += 1
    for o in range(4):
        engine.put_thing(w, o, whole(w.filled[o]))
    engine.label_rooms(w)
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
