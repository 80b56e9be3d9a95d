"""Sally and Anne: unexpected transfer, with doors, windows and gaze (stage 4b, mental simulation).

Sally puts the ball into one of two containers and, in most conditions, leaves the room. Anne moves the
ball. Sally comes back and looks for it where she believes it to be. An observer watches all this from a
corridor behind glass and can act: it stands on one of two mats, beside the one container or the other,
before Sally has opened one ("go where Sally will look"). What everybody believes follows from who saw
what; nothing is written into beliefs.

====================  ======================================================================  =============
condition             what is played                                                          differs at
====================  ======================================================================  =============
``false_belief``      Sally is outside while Anne moves the ball                              order 1
``true_belief``       Sally stays and they look at each other over the open basket            (control)
``no_transfer``       Sally is outside; Anne handles both containers and puts the ball back   (control)
``ignorance``         Sally was never there when the ball was put away                        (control)
``second_order``      Sally peeks through the window: she and Anne both see the ball in its   order 2
                      new place, neither sees the other
``one_way``           Sally comes in behind Anne, who opens the second container, and sees    order 2
                      both; Anne does not see her
``third_order``       Sally watches Anne from behind; later Anne watches Sally from behind    order 3
``fourth_order``      as third order, after a look in each other's face that Ben misses; Ben  order 4
                      watches the rest
``third_order_seen``  as third order, after a look in each other's face                       (control)
``fourth_order_seen`` the same, and Ben watches that, too                                     (control)
``mixed``             one of the first four, drawn for each episode
====================  ======================================================================  =============

With ``social=False`` Sally's body is an arrow: same moves, no mind. It is clockwork that goes back to
the first place; a belief is not attributed to it.

Individuals. ``sally``, ``anne``, ``observer``, and ``ben`` (in the fourth order alone).
Rewards. observer: +1 if it stands on the mat of the container that Sally opens first, -1 on the other
mat. sally: +1 for holding the ball again, -0.01 a step. anne: +1 if Sally opens the wrong container
first. ben: nothing.
Ends. Terminated when Sally has the ball again; truncated after ``limit`` steps.
perf. 1 if the observer stood on the right mat, else 0.
Task. ``task`` is 1 for the observer from the moment when it is asked, 0 before.
Asked when. No condition is asked sooner than another of its order: pauses in it last longer where less
happens, and in the end everybody waits for a step that is drawn for the episode. So the clock does not tell
what was played.
Probes. Once, when Sally comes back: reality, memory (first place), belief of every chain of Sally and
Anne up to the order that the condition is about, Sally's next action, her knowledge.
Source. Wimmer & Perner 1983; Baron-Cohen, Leslie & Frith 1985; second order: Perner & Wimmer 1985; the
mats: Clements & Perner 1994; gaze instead of presence: ``minds.md``, rule 3.

Options: ``condition``, ``social``, ``things`` (1 to 4; the others lie about), ``limit``. The conditions
need to be seen: use windows of 7 or 9 cells (with 5, Sally does not see the far container).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..kernels import njit, whole
from ..probes import Probe
from ..simulation import ANEW, EXACT, EXTERNAL, LAST_SEEN, RANDOM, REALITY_BIASED, RUNNING
from . import engine
from .characters import BEFORE, ON, believed_place, pauses, plan, random_legal, route_length, turn_to
from .engine import (
    ARROW,
    HANDS,
    IS_OPEN,
    NOWHERE,
    PICK_UP,
    PROPERTIES,
    PUT_DOWN,
    THING_ARROW,
    TOGGLE,
    WAIT,
    random_below,
)
from .game import Game, GameOptions
from .layout import build, parse, turn_heading, turn_place
from .questions import UNKNOWN, YES_NO, Reader, yes_no

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "SallyAnneOptions"]

SALLY, ANNE, OBSERVER, BEN = range(4)
BALL = 0

# --- The stage ----------------------------------------------------------------------------------------
# Above: the corridor outside. Middle: the room, door and windows. Below: the observer's corridor.
MAP = parse(
    """
    #########
    #.......#
    #==#+#==#
    #B.....K#
    #.......#
    #.......#
    #=======#
    #*.....*#
    #########
    """,
    connected=False,
)
WIDTH, HEIGHT = MAP.width, MAP.height
TERRAIN = MAP.terrain

NORTH, EAST, SOUTH, WEST = range(4)
# Spots of the stage: (x, y, heading).
SPOTS = np.array(
    [
        (1, 3, NORTH),  # FIRST, the container the ball is in at first
        (7, 3, NORTH),  # SECOND
        (4, 2, NORTH),  # DOOR
        (1, 4, NORTH),  # AT_FIRST: before the first container
        (7, 4, NORTH),  # AT_SECOND
        (3, 4, WEST),  # WATCH_FIRST: sees who is at the first container, and is seen by them
        (3, 3, WEST),  # BEN_FIRST: likewise
        (4, 1, SOUTH),  # OUT_DOOR: outside, facing the door
        (3, 1, NORTH),  # OUT: outside, back to the windows
        (7, 1, SOUTH),  # PEEK: outside, behind the window beyond the second container
        (6, 4, EAST),  # BESIDE: beside who is at the second container, in sight of each other ...
        (7, 4, WEST),  # FACING: ... when these have turned round
        (6, 5, NORTH),  # BEHIND: behind who is at the second container
        (4, 4, WEST),  # ASIDE
        (5, 5, SOUTH),  # AWAY: back to everything
        (3, 5, EAST),  # BEN_WATCH: sees the second container and both who stand about it
        (3, 5, WEST),  # BEN_AWAY: same cell, turned away
        (4, 7, NORTH),  # the observer's
        (1, 7, NORTH),  # MAT_FIRST
        (7, 7, NORTH),  # MAT_SECOND
    ],
    np.int64,
)
(
    FIRST,
    SECOND,
    DOOR,
    AT_FIRST,
    AT_SECOND,
    WATCH_FIRST,
    BEN_FIRST,
    OUT_DOOR,
    OUT_SPOT,
    PEEK,
    BESIDE,
    FACING,
    BEHIND,
    ASIDE,
    AWAY,
    BEN_WATCH,
    BEN_AWAY,
    WINDOW_SEAT,
    MAT_FIRST,
    MAT_SECOND,
) = range(len(SPOTS))

# --- The plays: what each does, in order ----------------------------------------------------------------
# GO to a spot and turn as it says; OPEN, CLOSE, TAKE and PUT act on the container (or door) at a spot
# that one stands before; MEET k waits until everybody scripted has come to MEET k; SEARCH looks for the
# ball; STAY waits.
STAY, GO, OPEN, CLOSE, TAKE, PUT, MEET, SEARCH = range(8)
LAST_MEET = 9

_PUT_AWAY = [(PUT, FIRST), (CLOSE, FIRST), (MEET, 1)]
_LEAVE = [(GO, OUT_DOOR), (CLOSE, DOOR), (GO, OUT_SPOT)]
_COME_BACK = [(MEET, LAST_MEET), (SEARCH, 0)]
_MOVE_BALL = [
    (GO, AT_FIRST), (OPEN, FIRST), (TAKE, FIRST), (CLOSE, FIRST),
    (GO, AT_SECOND), (OPEN, SECOND), (PUT, SECOND),
]  # fmt: skip
_REST = [(GO, AWAY), (MEET, LAST_MEET), (STAY, 0)]

# By turns: Anne is watched from behind at the second container, then Sally is.
_SALLY_BY_TURNS = [
    (GO, BEHIND), (MEET, 5), (MEET, 6), (GO, ASIDE), (MEET, 7), (GO, AT_SECOND), (MEET, 8),
    (OPEN, SECOND), (CLOSE, SECOND), *_LEAVE, *_COME_BACK,
]  # fmt: skip
_ANNE_BY_TURNS = [
    (GO, AT_SECOND), (MEET, 5), (OPEN, SECOND), (CLOSE, SECOND), (MEET, 6), (MEET, 7),
    (GO, BEHIND), (MEET, 8), *_REST[1:],
]  # fmt: skip

CONDITIONS = (
    "false_belief",
    "true_belief",
    "no_transfer",
    "ignorance",
    "second_order",
    "third_order",
    "fourth_order",
    "mixed",
    "one_way",
    "third_order_seen",
    "fourth_order_seen",
)
(
    FALSE_BELIEF,
    TRUE_BELIEF,
    NO_TRANSFER,
    IGNORANCE,
    SECOND_ORDER,
    THIRD_ORDER,
    FOURTH_ORDER,
    MIXED,
    ONE_WAY,
    THIRD_ORDER_SEEN,
    FOURTH_ORDER_SEEN,
) = range(len(CONDITIONS))

_PLAYS: dict[int, tuple[list[tuple[int, int]], list[tuple[int, int]], list[tuple[int, int]]]] = {
    FALSE_BELIEF: (
        [*_PUT_AWAY, *_LEAVE, (MEET, 2), *_COME_BACK],
        [(MEET, 1), (MEET, 2), *_MOVE_BALL, (CLOSE, SECOND), *_REST],
        [],
    ),
    TRUE_BELIEF: (
        [*_PUT_AWAY, (GO, BESIDE), (MEET, 2), (MEET, 3), *_LEAVE, *_COME_BACK],
        [(MEET, 1), (MEET, 2), *_MOVE_BALL, (GO, FACING), (MEET, 3),
         (GO, AT_SECOND), (CLOSE, SECOND), *_REST],
        [],
    ),
    NO_TRANSFER: (
        [*_PUT_AWAY, *_LEAVE, (MEET, 2), *_COME_BACK],
        [(MEET, 1), (MEET, 2), (GO, AT_FIRST), (OPEN, FIRST), (TAKE, FIRST), (PUT, FIRST),
         (CLOSE, FIRST), (GO, AT_SECOND), (OPEN, SECOND), (CLOSE, SECOND), *_REST],
        [],
    ),
    IGNORANCE: (
        [*_COME_BACK],
        [(PUT, FIRST), (CLOSE, FIRST), (MEET, 1), (GO, AT_SECOND), (OPEN, SECOND), (CLOSE, SECOND),
         (MEET, 2), *_REST],
        [],
    ),
    SECOND_ORDER: (
        [*_PUT_AWAY, *_LEAVE, (MEET, 2), (MEET, 3), (GO, PEEK), (MEET, 4), (MEET, 5),
         (GO, OUT_SPOT), *_COME_BACK],
        [(MEET, 1), (MEET, 2), *_MOVE_BALL, (CLOSE, SECOND), (MEET, 3), (MEET, 4),
         (OPEN, SECOND), (MEET, 5), (CLOSE, SECOND), *_REST],
        [],
    ),
    THIRD_ORDER: (
        [*_PUT_AWAY, *_LEAVE, (MEET, 2), (MEET, 3), *_SALLY_BY_TURNS],
        [(MEET, 1), (MEET, 2), *_MOVE_BALL, (CLOSE, SECOND), (MEET, 3), *_ANNE_BY_TURNS],
        [],
    ),
    FOURTH_ORDER: (
        [*_PUT_AWAY, *_LEAVE, (MEET, 2), (MEET, 3), (GO, BESIDE), (MEET, 4), *_SALLY_BY_TURNS],
        [(MEET, 1), (MEET, 2), *_MOVE_BALL, (CLOSE, SECOND), (MEET, 3), (OPEN, SECOND),
         (GO, FACING), (MEET, 4), (GO, AT_SECOND), (CLOSE, SECOND), *_ANNE_BY_TURNS],
        [(MEET, 1), (GO, BEN_AWAY), (MEET, 2), (MEET, 3), (MEET, 4), (GO, BEN_WATCH),
         (MEET, 5), (MEET, 6), (MEET, 7), (MEET, 8), (MEET, LAST_MEET), (STAY, 0)],
    ),
}  # fmt: skip
_PLAYS[ONE_WAY] = (
    [*_PUT_AWAY, *_LEAVE, (MEET, 2), (MEET, 3), (GO, BEHIND), (MEET, 4), (MEET, 5), *_LEAVE, *_COME_BACK],
    [(MEET, 1), (MEET, 2), *_MOVE_BALL, (CLOSE, SECOND), (MEET, 3), (MEET, 4),
     (OPEN, SECOND), (CLOSE, SECOND), (MEET, 5), (MEET, LAST_MEET), (STAY, 0)],
    [],
)  # fmt: skip
_PLAYS[THIRD_ORDER_SEEN] = (*_PLAYS[FOURTH_ORDER][:2], [])
_PLAYS[FOURTH_ORDER_SEEN] = (
    *_PLAYS[FOURTH_ORDER][:2],
    [(MEET, 1), (GO, BEN_WATCH), *((MEET, k) for k in range(2, LAST_MEET + 1)), (STAY, 0)],
)
_LONGEST = max(len(part) for play in _PLAYS.values() for part in play) + 1
PLAY = np.zeros((len(CONDITIONS), 4, _LONGEST, 2), np.int64)  # condition, actor, line, (what, where)
for _condition, _parts in _PLAYS.items():
    for _actor, _part in zip((SALLY, ANNE, BEN), _parts, strict=True):
        PLAY[_condition, _actor, : len(_part)] = np.array(_part, np.int64).reshape(-1, 2)

# By condition: the step from which on the observer is asked, and the one at which it would be at the latest
# if nobody waited for that. What lies between is spread over the play's pauses, by weights that are drawn.
ASKED_FROM = np.array([62, 62, 62, 62, 81, 110, 110, 0, 81, 110, 110], np.int64)
DONE_BY = np.array([49, 61, 49, 24, 65, 97, 109, 0, 80, 109, 109], np.int64)
MEETS = np.zeros((len(CONDITIONS), LAST_MEET + 1), np.int64)  # 1 where a play has that MEET
for _condition, _parts in _PLAYS.items():
    MEETS[_condition, [where for part in _parts for what, where in part if what == MEET]] = 1

# --- What a world remembers -----------------------------------------------------------------------------
CONDITION, ORIENTATION, ASKED, LOOKED, LINE, MET, ASK_AT, PAUSE, OPENED, SEARCHED = (
    0,  # the condition played
    1,  # orientation of the map
    2,  # step at which the observer is asked, 0 before
    3,  # 1 + spot (FIRST or SECOND) that Sally opened first after that
    4,  # + actor: the line of the play that each is at
    8,  # + actor: the last MEET that each has come to
    12,  # the step at which the observer is asked at the earliest
    16,  # + k: steps that pass at MEET k, drawn for each episode
    32,  # + k: step at which everybody had come to MEET k
    48,  # + actor: bits of the containers searched in vain since the belief was lost
)


@dataclass(frozen=True)
class SallyAnneOptions(GameOptions):
    """Options of ``sally_anne``."""

    limit: int = 200
    condition: str = "false_belief"
    social: bool = True
    things: int = 4
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {"condition": CONDITIONS}
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {"things": (1, 4)}


def encode(options: SallyAnneOptions) -> npt.NDArray[np.int64]:
    """(limit, condition, social, things, individuals)."""
    condition = CONDITIONS.index(options.condition)
    return np.array([options.limit, condition, options.social, options.things, count(options)])


def count(options: SallyAnneOptions) -> int:
    """Ben takes part in the fourth order only."""
    return 4 if options.condition in ("fourth_order", "fourth_order_seen") else 3


@njit
def spot_place(w: Any, spot: int) -> int:
    """The place of a spot in this world's orientation."""
    return turn_place(SPOTS[spot, 1] << 4 | SPOTS[spot, 0], whole(w.memory[ORIENTATION]), WIDTH, HEIGHT)


@njit
def stand(w: Any, a: int, spot: int) -> None:
    w.place[a] = spot_place(w, spot)
    w.heading[a] = turn_heading(SPOTS[spot, 2], whole(w.memory[ORIENTATION]))


@njit
def deal_world(w: Any, options: Any) -> None:
    """A new episode: the stage in a random orientation, the actors at their places."""
    limit, condition, social, things, individuals = options[:5]
    engine.clear(w, WIDTH, HEIGHT, individuals, things, limit)
    if condition == MIXED:
        condition = random_below(w, 4)
    w.memory[CONDITION] = condition
    w.memory[ORIENTATION] = random_below(w, 8)
    build(w, TERRAIN, WIDTH, HEIGHT, whole(w.memory[ORIENTATION]))
    engine.label_rooms(w)
    first, second = engine.BOX_CLOSED, engine.BASKET_CLOSED
    if random_below(w, 2):
        first, second = second, first
    engine.set_terrain(w, spot_place(w, FIRST), first + 1)  # open: the ball is about to go in
    engine.set_terrain(w, spot_place(w, SECOND), second)
    asked_from = ASKED_FROM[condition]
    pauses(w, PAUSE, OPENED, MEETS[condition], 0, asked_from - DONE_BY[condition])
    w.memory[ASK_AT] = asked_from + random_below(w, 6)
    # who holds the ball stands before the first container, seen by the others
    if condition == IGNORANCE:
        stand(w, SALLY, OUT_SPOT)
        stand(w, ANNE, AT_FIRST)
    else:
        engine.set_terrain(w, spot_place(w, DOOR), engine.DOOR_OPEN)
        stand(w, SALLY, AT_FIRST)
        stand(w, ANNE, WATCH_FIRST)
    stand(w, OBSERVER, WINDOW_SEAT)
    if individuals > BEN:
        stand(w, BEN, BEN_FIRST)
    if not social:
        w.body[SALLY] = THING_ARROW
        w.identity[SALLY] = ARROW
    for o in range(things):
        w.kind[o] = 1 if o == BALL else o + 4  # key, cup, book
    w.want[SALLY] = BALL + 1
    engine.put_thing(w, BALL, HANDS + (ANNE if condition == IGNORANCE else SALLY))
    w.first[BALL] = spot_place(w, FIRST)
    for o in range(1, things):
        # the rest of the things lies about in the room
        while True:
            x, y = 1 + random_below(w, 7), 3 + random_below(w, 3)
            cell = turn_place(y << 4 | x, whole(w.memory[ORIENTATION]), WIDTH, HEIGHT)
            if engine.is_floor(w, cell) and engine.thing_at(w, cell) < 0:
                engine.put_thing(w, o, cell)
                break


@njit
def rules(w: Any) -> None:
    """When to ask, where Sally looked first, rewards, the end."""
    w.ask = 0
    opened = w.memory[OPENED + LAST_MEET]
    if w.memory[ASKED] == 0 and opened and w.step >= opened + w.memory[PAUSE + LAST_MEET]:
        w.memory[ASKED] = w.step
        w.ask = 1
        w.task[OBSERVER] = 1
    if w.memory[ASKED] and w.memory[LOOKED] == 0:
        for spot in (FIRST, SECOND):
            cell = spot_place(w, spot)
            if PROPERTIES[engine.terrain_at(w, cell)] & IS_OPEN and engine.front(w, SALLY) == cell:
                w.memory[LOOKED] = 1 + spot
                mat = spot_place(w, MAT_FIRST if spot == FIRST else MAT_SECOND)
                other = spot_place(w, MAT_SECOND if spot == FIRST else MAT_FIRST)
                if w.place[OBSERVER] == mat:
                    w.reward[OBSERVER] = 1
                    w.perf = 1
                elif w.place[OBSERVER] == other:
                    w.reward[OBSERVER] = -1
                if w.thing[BALL] != cell:
                    w.reward[ANNE] = 1
    w.reward[SALLY] = -0.01
    if w.memory[ASKED] and w.hand[SALLY] == BALL + 1:
        w.reward[SALLY] = 1
        w.terminated = 1
    engine.feel(w)


# --- The actors -------------------------------------------------------------------------------------------
@njit
def search(w: Any, a: int, mode: int) -> int:
    """Look for the ball where it is believed to be; without a belief, in the nearest container that
    has not been searched since the belief was lost."""
    first, second = spot_place(w, FIRST), spot_place(w, SECOND)
    target = believed_place(w, a, BALL, mode)
    if w.body[a] == THING_ARROW:
        target = first if w.memory[SEARCHED + a] & 1 == 0 else second
    if target == NOWHERE:
        best = whole(-1)
        for k in range(2):
            if (w.memory[SEARCHED + a] >> k) & 1 == 0:
                cell = first if k == 0 else second
                length = route_length(w, a, cell, BEFORE)
                if length >= 0 and (best < 0 or length < best):
                    best = length
                    target = cell
        if best < 0:
            w.memory[SEARCHED + a] = 0
            return WAIT
    elif w.body[a] != THING_ARROW:
        w.memory[SEARCHED + a] = 0
    if target >= HANDS:
        return WAIT
    if engine.front(w, a) != target:
        return plan(w, a, target, BEFORE)
    shown = w.cells[target] >> 8
    if shown and w.hand[a] == 0 and engine.legal(w, a, PICK_UP):
        return PICK_UP
    terrain = engine.terrain_at(w, target)
    if PROPERTIES[terrain] & engine.TOGGLES and not PROPERTIES[terrain] & IS_OPEN:
        return TOGGLE
    # open, and empty: look elsewhere from the next step on
    w.memory[SEARCHED + a] |= 1 if target == first else 2
    return WAIT


@njit
def perform(w: Any, a: int, modes: Any) -> int:
    """The next action of the play's line that the actor is at; lines that are done are passed."""
    condition = whole(w.memory[CONDITION])
    for _ in range(_LONGEST):
        line = whole(w.memory[LINE + a])
        what, where = PLAY[condition, a, line, 0], PLAY[condition, a, line, 1]
        if what == STAY:
            return WAIT
        if what == SEARCH:
            return search(w, a, modes[a])
        if what == MEET:
            w.memory[MET + a] = where
            if w.memory[OPENED + where] == 0:
                for b in range(w.individuals):
                    if b != OBSERVER and modes[b] != EXTERNAL and w.memory[MET + b] < where:
                        return WAIT
                w.memory[OPENED + where] = w.step + 1
                if where == LAST_MEET:
                    left = w.memory[ASK_AT] - (w.step + 1)
                    w.memory[PAUSE + where] = max(whole(w.memory[PAUSE + where]), whole(left))
            if w.step + 1 <= w.memory[OPENED + where] + w.memory[PAUSE + where]:
                return WAIT
        elif what == GO:
            heading = turn_heading(SPOTS[where, 2], whole(w.memory[ORIENTATION]))
            if w.place[a] != spot_place(w, where):
                return plan(w, a, spot_place(w, where), ON)
            if w.heading[a] != heading:
                return turn_to(w, a, heading)
        else:
            cell = spot_place(w, where)
            if engine.front(w, a) != cell:
                return plan(w, a, cell, BEFORE)
            is_open = PROPERTIES[engine.terrain_at(w, cell)] & IS_OPEN != 0
            if what == OPEN and not is_open:
                return TOGGLE
            if what == CLOSE and is_open:
                return TOGGLE if engine.legal(w, a, TOGGLE) else WAIT
            if what == TAKE and w.hand[a] == 0:
                return PICK_UP if engine.legal(w, a, PICK_UP) else WAIT
            if what == PUT and w.hand[a] != 0:
                return PUT_DOWN if engine.legal(w, a, PUT_DOWN) else WAIT
        w.memory[LINE + a] = line + 1
    return WAIT


@njit
def expected_place(w: Any, mode: int) -> int:
    """Where the observer expects Sally to look: by its own belief about hers, by reality, by what was
    touched last, or by her belief itself (``exact``)."""
    if mode == REALITY_BIASED:
        return whole(w.thing[BALL])
    if mode == LAST_SEEN:
        return whole(w.mentioned)
    if w.body[SALLY] == THING_ARROW:
        return whole(w.first[BALL])  # clockwork
    if mode == EXACT:
        return whole(w.belief[BALL, 1 + SALLY])
    # chain (observer, sally): chains are numbered by length, then by their members
    n = whole(w.individuals)
    column = 1 + n + OBSERVER * (n - 1) + SALLY
    if w.order < 2:
        return whole(w.belief[BALL, 1 + OBSERVER])
    return whole(w.belief[BALL, column])


@njit
def anticipate(w: Any, mode: int) -> int:
    """The observer watches until it is asked, then goes to the mat where it expects Sally."""
    if w.memory[ASKED] == 0:
        return WAIT
    place = expected_place(w, mode)
    if place == spot_place(w, FIRST):
        return plan(w, OBSERVER, spot_place(w, MAT_FIRST), ON)
    if place == spot_place(w, SECOND):
        return plan(w, OBSERVER, spot_place(w, MAT_SECOND), ON)
    return WAIT


@njit
def script_world(w: Any, i: int, modes: Any, actions: Any) -> None:
    for a in range(w.individuals):
        if modes[a] == RANDOM:
            actions[i, a] = random_legal(w, a)
        elif modes[a] and a == OBSERVER:
            actions[i, a] = anticipate(w, modes[a])
        elif modes[a]:
            actions[i, a] = perform(w, a, modes)


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
            rules(worlds[i])


@njit
def script(worlds: Any, options: Any, modes: Any, actions: Any, lo: int, hi: int) -> None:
    for i in range(lo, hi):
        script_world(worlds[i], i, modes, actions)


# --- What is asked ----------------------------------------------------------------------------------------
CONTAINERS = ("box", "basket")
# The chains that are asked about, by order.
CHAINS = {
    1: (("sally_0",), ("anne_0",)),
    2: (("anne_0", "sally_0"), ("sally_0", "anne_0")),
    3: (("sally_0", "anne_0", "sally_0"),),
    4: (("ben_0", "sally_0", "anne_0", "sally_0"),),
}
ORDERS = {
    SECOND_ORDER: 2,
    ONE_WAY: 2,
    THIRD_ORDER: 3,
    FOURTH_ORDER: 4,
    THIRD_ORDER_SEEN: 3,
    FOURTH_ORDER_SEEN: 4,
}
# Where all is as it seems to everybody.
_CONTROLS = (TRUE_BELIEF, NO_TRANSFER, THIRD_ORDER_SEEN, FOURTH_ORDER_SEEN)
_GROUPS = {1: "first_order", 2: "second_order", 3: "third_order", 4: "fourth_order"}


def probes(simulation: Simulation, world: int) -> list[Probe]:
    """Reality, memory and beliefs about the ball, Sally's next action and her knowledge."""
    reader = Reader(simulation, world)
    w = simulation.worlds[world]
    condition = int(w["memory"][CONDITION])
    name, step = CONDITIONS[condition], int(w["step"])
    social = int(w["body"][SALLY]) != THING_ARROW
    about, asked = "ball", "observer_0"
    first = reader.place_name(int(w["first"][BALL]))
    places = (*CONTAINERS, UNKNOWN)
    order = ORDERS.get(condition, 1)
    groups = [_GROUPS[order]] if condition in ORDERS else list(_GROUPS.values())
    items: list[Probe] = []

    def item(
        kind: str, chain: tuple[str, ...], options: tuple[str, ...], answer: str, own: str,
        required: int, shortcuts: dict[str, str], role: str, group: str, question: str,
    ) -> None:  # fmt: skip
        items.append(
            Probe(
                kind, asked, chain, about, options, answer, own, required, shortcuts,
                name if social else f"{name}_arrow", role, group, question, step,
            )
        )  # fmt: skip

    for group in groups:
        if simulation.order < list(_GROUPS.values()).index(group) + 1:
            continue
        constant = CONTAINERS[0]
        item("reality", (), places, reader.belief("ball"), reader.own("ball", asked), 0,
             reader.shortcuts("ball", (), constant), "control", group,
             "Where is the ball really?")  # fmt: skip
        item("memory", (), places, first, first, 0,
             {**reader.shortcuts("ball", (), constant), "first_place": first}, "control", group,
             "Where was the ball put first?")  # fmt: skip
        for members in CHAINS[list(_GROUPS.values()).index(group) + 1]:
            if any(member not in reader.names for member in members):
                continue
            answer = reader.belief("ball", *members)
            if answer not in places:
                continue
            test = condition not in _CONTROLS and members[-1] == "sally_0"
            item("belief", members, places, answer, reader.own("ball", asked, *members),
                 reader.required_order("ball", members, answer),
                 reader.shortcuts("ball", members, constant, condition in ORDERS),
                 "test" if test else "control", group, belief_question(members))  # fmt: skip
    believed = reader.belief("ball", "sally_0")
    if believed in CONTAINERS or not social:
        goes = believed if social else first
        own = reader.own("ball", asked, "sally_0") if social else first
        item("next_action", ("sally_0",), CONTAINERS, goes, own if own in CONTAINERS else "",
             reader.required_order("ball", ("sally_0",), goes) if social else 0,
             {k: v for k, v in reader.shortcuts("ball", ("sally_0",), CONTAINERS[0]).items()
              if v in CONTAINERS},
             "test" if condition == FALSE_BELIEF else "control", "action",
             "Which container will Sally open first?" if social
             else "Which container will the arrow point at first?")  # fmt: skip
    if social:
        knows = yes_no(believed == reader.belief("ball"))
        seen = reader.own("ball", asked, "sally_0")
        item("knowledge", ("sally_0",), YES_NO, knows,
             yes_no(seen == reader.own("ball", asked)), 1, {"most_frequent": "yes"},
             "control", "knowledge", "Does Sally know where the ball is?")  # fmt: skip
    return items


def belief_question(members: Sequence[str]) -> str:
    """``("anne_0", "sally_0")`` -> "Where does Anne think that Sally thinks the ball is?"."""
    names = [member.rpartition("_")[0].capitalize() for member in members]
    return f"Where does {' thinks that '.join(names)} think the ball is?".replace(
        f"does {names[0]} thinks", f"does {names[0]} think", 1
    ).replace(f"{names[-1]} think the", f"{names[-1]} {'think' if len(names) == 1 else 'thinks'} the")


GAME = Game(
    name="sally_anne",
    stage="4b",
    title="unexpected transfer: where will Sally look?",
    roles=("sally", "anne", "observer", "ben"),
    learner="observer",
    things=("ball", "key", "cup", "book"),
    options=SallyAnneOptions,
    encode=encode,
    count=count,
    deal=deal,
    play=play,
    script=script,
    probes=probes,
    documentation=__doc__,
)
