"""Contents: a familiar box holds something else (stage 4b, mental simulation).

A room has a shop window: behind glass stand a box and a basket that nobody can reach, and they open and
close by themselves, so that whoever looks sees what a box holds and what a basket holds here. Another
box and another basket stand in the room, closed. While the friend is away the host opens these two and
looks in; the contents may be exchanged: the box holds what baskets hold, the basket what boxes hold. Then
the friend, who wants one of the two kinds of thing, comes back and opens the one in which it expects it.
An observer watches all this from a corridor behind glass and can act: it stands on one of two mats, before
the box or before the basket ("go where the friend will look").

**What a chain of minds takes to be in a container** is read off what it believes about the places of
things, by one rule (rule 12 of ``minds.md``, with a look in place of a label): a thing that it believes
to be in there; else the kind of what it believes to be in the other container *of the same look*; else
nothing. Beliefs about places follow from who saw what and whom. So familiarity is learned by seeing, in
the episode: somebody who never looked into the shop window expects nothing of a box.

====================  =================================================================  ===============
condition             what is played                                                     differs at
====================  =================================================================  ===============
``false_contents``    the contents are exchanged; the friend is away when the host looks order 1
``true_contents``     the same, but a box holds what boxes hold                          (control)
``other_looked``      exchanged; the friend stays and looks in, and the host sees that   (control)
``ignorance``         exchanged; the friend has not seen the shop window                 (control)
``secret_look``       exchanged; the friend looks in from the doorway behind the boxes   order 2
                      while they are open; the host does not see it there
``diverse_beliefs``   nobody looks in, and what is inside is drawn; while the friend is  order 1
                      away the shop window shows the contents exchanged, so friend and
                      host expect different things
``shared_beliefs``    the same, but the shop window shows what it showed before          (control)
``mixed``             one of the first four, drawn for each episode
====================  =================================================================  ===============

With ``social=False`` the friend's body is an arrow: the same moves as the friend's in ``false_contents``,
clockwork that goes to the container of the look that held the wanted kind at first. It has no mind.

Individuals. ``friend``, ``host``, ``observer``.
Rewards. friend: +1 for seeing in front of it, in the first container that it comes before and that is open
after the observer was asked, the kind that it wants; -0.01 a step. host: nothing. observer: +1 if it then
stands on the mat of that container and looks up at it, -1 if it stands so on the other mat.
Ends. Terminated when the friend stands before an open container after the observer was asked; truncated
after ``limit`` steps.
Feelings. The friend is glad to find what it wants and sad to find the other kind. Its face shows so in
the end (``faces="honest"``), or gladness whatever it finds (``faces="polite"``).
perf. 1 if the observer was on the right mat, else 0.
Task. ``task`` is 1 for the friend and the observer from the moment when the observer is asked, 0 before.
``cue_0`` is the kind of thing that the friend wants, for everybody.
Asked when. No condition is asked sooner than another that has questions of its groups: pauses in it last
longer where less happens, and in the end everybody waits for a step that is drawn for the episode. So the
clock does not tell what was played.
Probes. When the friend is about to come back, by groups: ``contents`` (what is inside, what it looks as if
it held, what the friend and the host think is inside), ``own_past`` (what the observer itself thought
before it saw it opened), ``second_order`` (what the host thinks that the friend thinks), ``action``
(which one the friend will open first), ``knowledge_access``, ``belief_emotion`` (how the friend would
feel on getting it closed, and on looking in); where nobody has looked in, ``diverse_beliefs``. In the end
``real_apparent``: how the friend really feels, and how it looks.
Source. Perner, Leekam & Wimmer 1987; Gopnik & Astington 1988 (own past belief); diverse beliefs, belief
emotion, real and apparent emotion: Wellman & Liu 2004.

Options: ``condition``; ``social``; ``layout`` (``"train"``, ``"held_out"``: two rooms each);
``population`` (``"train"``, ``"held_out"``: who friend and host are, which things the friend wants and
finds, how long they pause); ``faces``; ``questions`` (one group of them, or ``"all"``); ``limit``. Use
windows of 7 or 9 cells: with 5 the observer does not see enough from its seat.
Shortcuts as characters: ``reality_biased`` and ``egocentric`` take the friend to know what is inside,
``last_seen`` goes by the container that was opened last, ``reflex`` always to the mat on its left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..kernels import njit, whole
from ..probes import Probe
from ..simulation import (
    ANEW,
    EGOCENTRIC,
    EXACT,
    EXTERNAL,
    LAST_SEEN,
    RANDOM,
    REALITY_BIASED,
    REFLEX,
    RUNNING,
)
from . import engine
from .characters import BEFORE, ON, pauses, plan, random_legal, turn_to
from .engine import (
    ARROW,
    BASKET_CLOSED,
    BASKET_OPEN,
    BEACON,
    BOX_CLOSED,
    BOX_OPEN,
    FIELD_CUE,
    FIELD_SELF,
    FIELD_TASK,
    GLAD,
    IS_OPEN,
    PERSON,
    PROPERTIES,
    SAD,
    THING_ARROW,
    THINGS,
    TOGGLE,
    WAIT,
    random_below,
)
from .game import Game, GameOptions
from .layout import build, parse, turn_heading, turn_place
from .questions import UNKNOWN, YES_NO, Reader, yes_no
from .vision import FORWARD_X, FORWARD_Y, RIGHT_X, RIGHT_Y

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "ContentsOptions", "ContentsReader"]

FRIEND, HOST, OBSERVER = range(3)
INDIVIDUALS = 3

# --- The stage ----------------------------------------------------------------------------------------
# Above: outside, with a doorway. Middle: the room; 1 and 2 are the containers, e and f the shop window's,
# closed in by glass. Below: the observer's corridor with the mats m and n. The first two are to train in.
_ROOMS = (
    """
    #########
    #q..p..o#
    ####.####
    #e=1.2=f#
    #=.xwy.=#
    #...h..r#
    #=======#
    #..msn..#
    #########
    """,
    """
    #########
    ##q.p.o##
    ####.####
    #e=1.2=f#
    ##.xwy.##
    ##..h.r##
    #=======#
    #..msn..#
    #########
    """,
    """
    #########
    ##q.p.o##
    ####.####
    ###1.2###
    #e=xwy=f#
    #=..h.r=#
    #=======#
    ##.msn.##
    #########
    """,
    """
    #########
    #q..p..o#
    ###=.=###
    ###1.2###
    #e=xwy=f#
    #=r.h..=#
    #=======#
    #..msn..#
    #########
    """,
)
MAPS = [parse(room, connected=False) for room in _ROOMS]
SIDE = MAPS[0].width
TERRAINS = np.stack([room.terrain for room in MAPS])

NORTH, EAST, SOUTH, WEST = range(4)
# Spots of the stage: sign on the maps, heading of who stands there.
_SPOTS = (
    ("1", NORTH),  # INSIDE: the two containers of the room
    ("2", NORTH),
    ("e", NORTH),  # SHOWN: the two of the shop window
    ("f", NORTH),
    ("m", NORTH),  # MAT
    ("n", NORTH),
    ("x", NORTH),  # AT: before the containers
    ("y", NORTH),
    ("w", NORTH),  # WATCH: sees all four containers ...
    ("h", NORTH),  # BEHIND: ... and so does who stands here, and sees who watches
    ("p", SOUTH),  # PEEK: in the doorway, hidden by the containers from who stands before them
    ("o", NORTH),  # AWAY: outside, back to everything, beyond the container that the host opens last: ...
    ("q", NORTH),  # ... coming from there to PEEK, the friend is hidden by it
    ("r", SOUTH),  # REST: out of the way, back to everything
    ("s", NORTH),  # SEAT: the observer's
)
INSIDE, SHOWN, MAT, AT, WATCH, BEHIND, PEEK, AWAY, REST, SEAT = 0, 2, 4, 6, 8, 9, 10, 11, 13, 14
PLACES = np.array([[int(room.places(sign)[0]) for sign, _ in _SPOTS] for room in MAPS], np.int64)
HEADING = np.array([heading for _, heading in _SPOTS], np.int64)
APART = 2  # columns between the mats, as between the containers

# --- Who they are ---------------------------------------------------------------------------------------
# By population: looks of friend and host, least steps of a pause, kinds that the friend wants and finds.
LOOKS = np.array([(0, 1), (3, 5)], np.int64)
PATIENCE = np.array([0, 2], np.int64)
KINDS = np.array(
    [[THINGS.index(k) for k in ("ball", "apple", "cup", "toy")],
     [THINGS.index(k) for k in ("marble", "banana", "key", "book")]],
    np.int64,
)  # fmt: skip

# --- The plays: what each does, in order ----------------------------------------------------------------
# GO to a spot and turn as it says; COME before the host's first (0) or second (1) container, OPEN and CLOSE
# it; LEAVE for where one waits; SHOW k waits until the shop window has been shown for the k-th time; MEET k
# waits until everybody scripted has come to MEET k; SEARCH opens the container with what is wanted; STAY.
STAY, GO, COME, OPEN, CLOSE, LEAVE, SHOW, MEET, SEARCH = range(9)
LAST_MEET = 6

_COME_BACK = [(MEET, LAST_MEET), (SEARCH, 0)]
_LOOK_IN = [(COME, 0), (OPEN, 0), (COME, 1), (OPEN, 1)]
_CLOSE_BOTH = [(COME, 1), (CLOSE, 1), (COME, 0), (CLOSE, 0)]
_REST = [(GO, REST), (MEET, LAST_MEET), (STAY, 0)]
_AWAY = [(SHOW, 0), (LEAVE, 0), (MEET, 1)]
_ALONE = [(SHOW, 0), (MEET, 1), *_LOOK_IN, (MEET, 2), *_CLOSE_BOTH, *_REST]

CONDITIONS = (
    "false_contents",
    "true_contents",
    "other_looked",
    "ignorance",
    "secret_look",
    "diverse_beliefs",
    "shared_beliefs",
    "mixed",
)
FALSE, TRUE, LOOKED_ON, IGNORANCE, SECRET, DIVERSE, SHARED, MIXED = range(len(CONDITIONS))

_PLAYS: dict[int, tuple[list[tuple[int, int]], list[tuple[int, int]]]] = {
    FALSE: ([*_AWAY, *_COME_BACK], _ALONE),
    TRUE: ([*_AWAY, *_COME_BACK], _ALONE),
    LOOKED_ON: (
        [(SHOW, 0), (MEET, 1), (MEET, 3), (LEAVE, 0), *_COME_BACK],
        [(SHOW, 0), (MEET, 1), *_LOOK_IN, (GO, BEHIND), (MEET, 3), *_CLOSE_BOTH, *_REST],
    ),
    IGNORANCE: (_COME_BACK, _ALONE),
    SECRET: (
        [*_AWAY, (MEET, 3), (GO, PEEK), (MEET, 4), (LEAVE, 0), (MEET, 5), *_COME_BACK],
        [(SHOW, 0), (MEET, 1), *_LOOK_IN, (MEET, 3), (MEET, 4), (MEET, 5), *_CLOSE_BOTH, *_REST],
    ),
    DIVERSE: ([*_AWAY, *_COME_BACK], [(SHOW, 0), (MEET, 1), (SHOW, 1), *_REST]),
    SHARED: ([*_AWAY, *_COME_BACK], [(SHOW, 0), (MEET, 1), (SHOW, 1), *_REST]),
}
_LONGEST = max(len(part) for play in _PLAYS.values() for part in play) + 1
PLAY = np.zeros((len(CONDITIONS), 2, _LONGEST, 2), np.int64)  # condition, actor, line, (what, where)
for _condition, _parts in _PLAYS.items():
    for _actor, _part in enumerate(_parts):
        PLAY[_condition, _actor, : len(_part)] = _part
# By condition: the step from which on the observer is asked, and the one at which it would be at the latest
# if nobody waited for that, where pauses have no least length. What lies between is spread over the play's
# pauses, by weights that are drawn. The last two take the same time anyhow.
ASKED_FROM = np.array([63, 63, 63, 63, 63, 0, 0, 0], np.int64)
DONE_BY = np.array([48, 48, 54, 40, 62, 0, 0, 0], np.int64)
MEETS = np.zeros((len(CONDITIONS), LAST_MEET + 1), np.int64)  # 1 where a play has that MEET
for _condition, _parts in _PLAYS.items():
    MEETS[_condition, [where for part in _parts for what, where in part if what == MEET]] = 1
# The shop window, step by step: one container stands open from OPENS to SHUTS, then the other.
OPENS, SHUTS, NEXT, SHOWN_AFTER = 1, 3, 4, 7

# --- What a world remembers -----------------------------------------------------------------------------
(
    CONDITION,
    ROOM,  # which map
    ORIENTATION,
    ASKED,  # step at which the observer is asked, 0 before
    OPENED_FIRST,  # 1 + container that the friend opened after that
    WANT,  # kind that the friend wants
    POLITE,
    SHOW_ORDER,  # which container of the shop window is shown first
    HOST_ORDER,  # which container of the room the host opens first
    HABIT,  # which container the friend opens if it has nothing to go by
    TOUCHED,  # 1 + container of the room that was opened last
    NOTED,  # whether the observer's own past belief has been noted:
    PAST,  # + container: the kind that the observer took to be inside before it was opened
    _,
    USUAL,  # + container: the kind that its look promised first
    _,
) = range(16)
LINE, MET, PAUSE, READY = 20, 24, 28, 36  # + actor, + actor, + k: pause at MEET k, + k: step of MEET k
ASK_AT = 44  # the step at which the observer is asked at the earliest


# Groups of questions: those of one group are passed together.
GROUPS = (
    "contents",
    "own_past",
    "second_order",
    "action",
    "knowledge_access",
    "belief_emotion",
    "real_apparent",
    "diverse_beliefs",
)


@dataclass(frozen=True)
class ContentsOptions(GameOptions):
    """Options of ``contents``."""

    limit: int = 120
    condition: str = "false_contents"
    social: bool = True
    layout: str = "train"
    population: str = "train"
    faces: str = "honest"
    questions: str = "all"
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {
        "condition": CONDITIONS,
        "layout": ("train", "held_out"),
        "population": ("train", "held_out"),
        "faces": ("honest", "polite"),
        "questions": ("all", *GROUPS),
    }


def encode(options: ContentsOptions) -> npt.NDArray[np.int64]:
    """(limit, condition, social, layout, population, polite)."""
    held_out = [int(getattr(options, name) == "held_out") for name in ("layout", "population")]
    condition = CONDITIONS.index(options.condition)
    return np.array([options.limit, condition, options.social, *held_out, options.faces == "polite"])


@njit
def spot_place(w: Any, spot: int) -> int:
    """The place of a spot in this world's room and orientation."""
    return turn_place(PLACES[w.memory[ROOM], spot], whole(w.memory[ORIENTATION]), SIDE, SIDE)


@njit
def spot_heading(w: Any, spot: int) -> int:
    return turn_heading(HEADING[spot], whole(w.memory[ORIENTATION]))


@njit
def stand(w: Any, a: int, spot: int) -> None:
    w.place[a] = spot_place(w, spot)
    w.heading[a] = spot_heading(w, spot)


@njit
def deal_world(w: Any, options: Any) -> None:
    """A new episode: a room in a random orientation, everything closed, all at their places.

    Everything is drawn before the condition is looked at: episodes of one seed are twins.
    """
    limit, condition, social, layout, population, polite = options[:6]
    engine.clear(w, SIDE, SIDE, INDIVIDUALS, 4, limit)
    memory = w.memory
    if condition == MIXED:
        condition = random_below(w, 4)
    memory[CONDITION] = condition
    memory[ROOM] = 2 * layout + random_below(w, 2)
    memory[ORIENTATION] = random_below(w, 8)
    memory[POLITE] = polite
    memory[SHOW_ORDER] = random_below(w, 2)
    memory[HOST_ORDER] = random_below(w, 2)
    memory[HABIT] = random_below(w, 2)
    least = whole(PATIENCE[population])
    asked_from, spare = whole(ASKED_FROM[condition]), 0
    if asked_from:
        asked_from += least * LAST_MEET
        spare = asked_from - DONE_BY[condition] - least * MEETS[condition].sum()
    pauses(w, PAUSE, READY, MEETS[condition], least, spare)
    ask_at = asked_from + random_below(w, 6)
    memory[ASK_AT] = ask_at if asked_from else 0
    side = random_below(w, 2)  # which container of the room is the box ...
    drawn = random_below(w, 2)  # whether contents that nobody sees are exchanged
    shown_side = random_below(w, 2)  # ... and which of the shop window has the look of the room's first
    one = random_below(w, 4)
    other = random_below(w, 3)
    other += other >= one
    one, other = whole(KINDS[population, one]), whole(KINDS[population, other])
    wanted = random_below(w, 2)
    memory[USUAL] = one
    memory[USUAL + 1] = other
    memory[WANT] = other if wanted else one

    build(w, TERRAINS[memory[ROOM]], SIDE, SIDE, whole(memory[ORIENTATION]))
    engine.label_rooms(w)
    exchanged = condition != TRUE
    if condition in (DIVERSE, SHARED):
        exchanged = drawn != 0
    for k in range(2):
        look = BOX_CLOSED if k == side else BASKET_CLOSED
        shown = spot_place(w, SHOWN + (k ^ shown_side))
        inside = spot_place(w, INSIDE + k)
        engine.set_terrain(w, shown, look)
        engine.set_terrain(w, inside, look)
        engine.set_terrain(w, spot_place(w, MAT + k), BEACON)
        # things 0 and 1 are what the shop window shows, 2 and 3 what is in the room
        w.kind[k] = memory[USUAL + k]
        w.kind[2 + k] = memory[USUAL + (k ^ exchanged)]
        engine.put_thing(w, k, shown)
        engine.put_thing(w, 2 + k, inside)
    for a in range(INDIVIDUALS):
        w.cue[a, 0] = memory[WANT]
    w.identity[FRIEND] = LOOKS[population, FRIEND]
    w.identity[HOST] = LOOKS[population, HOST]
    if not social:
        w.body[FRIEND] = THING_ARROW
        w.identity[FRIEND] = ARROW
    stand(w, FRIEND, AWAY + whole(memory[HOST_ORDER]) if condition == IGNORANCE else WATCH)
    stand(w, HOST, BEHIND)
    stand(w, OBSERVER, SEAT)


# --- What is taken to be inside ---------------------------------------------------------------------------
@njit
def expected(w: Any, column: int, k: int) -> int:
    """The kind of thing that a chain of minds takes to be in container ``k`` of the room; 0: none.

    A thing that it believes to be in there; else what it believes to be in the other container of the same
    look: so who sees that a thing has been taken out goes by the look again. Column 0 is reality.
    """
    cell = spot_place(w, INSIDE + k)
    for o in range(w.things):
        if w.belief[o, column] == cell:
            return whole(w.kind[o])
    look = engine.terrain_at(w, cell)
    if PROPERTIES[look] & IS_OPEN:
        look -= 1
    for j in range(2):
        twin = spot_place(w, SHOWN + j)
        terrain = engine.terrain_at(w, twin)
        if terrain == look or terrain == look + 1:
            for o in range(w.things):
                if w.belief[o, column] == twin:
                    return whole(w.kind[o])
    return 0


@njit
def chain_column(a: int, b: int) -> int:
    """Where the chain (a, b) stands: chains are numbered by length, then by their members."""
    return 1 + INDIVIDUALS + a * (INDIVIDUALS - 1) + b - (b > a)


# --- Rules ------------------------------------------------------------------------------------------------
@njit
def show(w: Any, since: int) -> None:
    """The shop window ``since`` steps after it has begun to show what it holds."""
    first = whole(w.memory[SHOW_ORDER])
    for turn in range(2):
        if since == OPENS + turn * (NEXT - OPENS) or since == SHUTS + turn * (NEXT - OPENS):
            engine.toggle(w, spot_place(w, SHOWN + (first ^ turn)))


@njit
def rules(w: Any) -> None:
    """The shop window, the observer's own past, when to ask, what the friend opens first, the end."""
    memory = w.memory
    w.ask = 0
    show(w, whole(w.step))
    again = whole(memory[READY + 1])
    if again and memory[CONDITION] in (DIVERSE, SHARED):
        if memory[CONDITION] == DIVERSE and w.step == again + 1:
            cell = whole(w.thing[0])
            engine.put_thing(w, 0, whole(w.thing[1]))
            engine.put_thing(w, 1, cell)
        show(w, whole(w.step) - again)
    for k in range(2):
        cell = spot_place(w, INSIDE + k)
        if PROPERTIES[engine.terrain_at(w, cell)] & IS_OPEN and not memory[NOTED] >> k & 1:
            # the step's own percept comes after the rules: this is what it believed until now
            memory[NOTED] |= 1 << k
            memory[PAST + k] = expected(w, 1 + OBSERVER, k) if w.order else 0
            memory[TOUCHED] = 1 + k
    ready = memory[READY + LAST_MEET]
    if memory[ASKED] == 0 and ready and w.step >= ready + memory[PAUSE + LAST_MEET]:
        memory[ASKED] = w.step
        w.ask = 1
        w.task[OBSERVER] = 1
        w.task[FRIEND] = 1
    if w.body[FRIEND] == PERSON:
        w.reward[FRIEND] = -0.01
    if memory[ASKED]:
        for k in range(2):
            look_in(w, k)


@njit
def look_in(w: Any, k: int) -> None:
    """The end, if the friend stands before container ``k`` of the room and that is open."""
    cell = spot_place(w, INSIDE + k)
    if engine.front(w, FRIEND) != cell or not PROPERTIES[engine.terrain_at(w, cell)] & IS_OPEN:
        return
    w.memory[OPENED_FIRST] = 1 + k
    w.terminated = 1
    if w.memory[ASKED] != w.step:
        w.ask = 1
    if w.heading[OBSERVER] == spot_heading(w, MAT):
        if w.place[OBSERVER] == spot_place(w, MAT + k):
            w.reward[OBSERVER] = 1
            w.perf = 1
        elif w.place[OBSERVER] == spot_place(w, MAT + 1 - k):
            w.reward[OBSERVER] = -1
    if w.body[FRIEND] == PERSON:
        glad = w.cells[cell] >> 8 == w.memory[WANT]
        if glad:
            w.reward[FRIEND] += 1
        w.face[FRIEND] = GLAD if glad or w.memory[POLITE] else SAD


# --- The reward functions -----------------------------------------------------------------------------------
@njit
def judge(windows: Any, fields: Any, lengths: Any, actions: Any, who: Any, numbers: Any, out: Any) -> None:
    """R(history, action, who) for each row, by the last percept: of ``who``, or of somebody who sees it."""
    size = whole(numbers[engine.WINDOW_OPTION])
    looks = LOOKS[numbers[4]]
    friend = ARROW if numbers[2] == 0 else looks[FRIEND]
    for n in range(lengths.shape[0]):
        out[n] = 0.0
        if who[n] == HOST:
            continue
        t = whole(lengths[n]) - 1
        if who[n] == FRIEND and numbers[2]:
            out[n] = -0.01
        viewer = whole(fields[n, t, FIELD_SELF])
        mine = OBSERVER if viewer == OBSERVER else (FRIEND if viewer == looks[FRIEND] else HOST)
        if mine != HOST and fields[n, t, FIELD_TASK] == 0:
            continue
        # the friend in the window, and the open container before it
        at = find_body(windows, n, t, size, friend, mine == FRIEND)
        if at < 0:
            continue
        cell = ahead(at, size)
        if cell < 0:
            continue
        terrain = whole(windows[n, t, cell] & 0xFF)
        if terrain != BOX_OPEN and terrain != BASKET_OPEN:
            continue
        if who[n] == FRIEND:
            if whole((windows[n, t, cell] >> 8) & 0xFF) == fields[n, t, FIELD_CUE]:
                out[n] += 1.0
            continue
        # the observer, its mat, and how the container lies before it
        at = find_body(windows, n, t, size, OBSERVER, mine == OBSERVER)
        if at < 0 or windows[n, t, at >> 2] & 0xFF != BEACON:
            continue
        heading = at & 3
        right = cell % size - (at >> 2) % size
        up = (at >> 2) // size - cell // size
        aside = right * RIGHT_X[heading] - up * RIGHT_Y[heading]
        if right * FORWARD_X[heading] - up * FORWARD_Y[heading] > 0:
            if aside == 0:
                out[n] = 1.0
            elif abs(aside) == APART:
                out[n] = -1.0


@njit
def find_body(windows: Any, n: int, t: int, size: int, identity: int, myself: bool) -> int:
    """Where somebody stands in a window, as cell * 4 + heading relative to the viewer; -1: not seen."""
    if myself:
        return ((size - 1) * size + size // 2) * 4
    for k in range(size * size):
        body = whole((windows[n, t, k] >> 16) & 0xFF) - 1
        if body >= 0 and body >> 2 == identity:
            return k * 4 + (body & 3)
    return -1


@njit
def ahead(at: int, size: int) -> int:
    """The window's cell before a body found by :func:`find_body`; -1 outside of the window."""
    x = (at >> 2) % size + FORWARD_X[at & 3]
    y = (at >> 2) // size + FORWARD_Y[at & 3]
    if x < 0 or x >= size or y < 0 or y >= size:
        return -1
    return y * size + x


# --- The actors -------------------------------------------------------------------------------------------
@njit
def go(w: Any, a: int, spot: int) -> int:
    """The next action on the way to a spot, turned as it says; -1 where that is done."""
    if w.place[a] != spot_place(w, spot):
        return plan(w, a, spot_place(w, spot), ON)
    if w.heading[a] != spot_heading(w, spot):
        return turn_to(w, a, spot_heading(w, spot))
    return -1


@njit
def container_of(w: Any, column: int) -> int:
    """The container in which a chain of minds expects what the friend wants, or -1."""
    for k in range(2):
        if expected(w, column, k) == w.memory[WANT]:
            return k
    return -1


@njit
def chosen(w: Any, mode: int) -> int:
    """The container that the friend opens first."""
    k = whole(-1)
    if w.body[FRIEND] == THING_ARROW:  # clockwork
        k = 0 if w.memory[USUAL] == w.memory[WANT] else 1
    elif mode in (REALITY_BIASED, EXACT):
        k = container_of(w, 0)
    elif mode == LAST_SEEN:
        k = whole(w.memory[TOUCHED]) - 1
    elif w.order:
        k = container_of(w, 1 + FRIEND)
    return whole(w.memory[HABIT]) if k < 0 else k


@njit
def search(w: Any, mode: int) -> int:
    cell = spot_place(w, INSIDE + chosen(w, mode))
    if engine.front(w, FRIEND) != cell:
        return plan(w, FRIEND, cell, BEFORE)
    return WAIT if PROPERTIES[engine.terrain_at(w, cell)] & IS_OPEN else TOGGLE


@njit
def perform(w: Any, a: int, modes: Any) -> int:
    """The next action of the play's line that the actor is at; lines that are done are passed."""
    memory = w.memory
    condition = whole(memory[CONDITION])
    for _ in range(_LONGEST):
        line = whole(memory[LINE + a])
        what, where = PLAY[condition, a, line, 0], PLAY[condition, a, line, 1]
        if what == STAY:
            return WAIT
        if what == SEARCH:
            return search(w, modes[a])
        if what == SHOW:
            if w.step < memory[READY + where] + SHOWN_AFTER:  # READY + 0 is 0: the first begins at once
                return WAIT
        elif what == MEET:
            memory[MET + a] = where
            if memory[READY + where] == 0:
                for b in (FRIEND, HOST):
                    if modes[b] != EXTERNAL and memory[MET + b] < where:
                        return WAIT
                memory[READY + where] = w.step + 1
                if where == LAST_MEET:
                    left = memory[ASK_AT] - (w.step + 1)
                    memory[PAUSE + where] = max(whole(memory[PAUSE + where]), whole(left))
            if w.step + 1 <= memory[READY + where] + memory[PAUSE + where]:
                return WAIT
        elif what in (GO, LEAVE):
            action = go(w, a, where if what == GO else AWAY + whole(memory[HOST_ORDER]))
            if action >= 0:
                return action
        else:
            k = where ^ memory[HOST_ORDER]
            action = go(w, a, AT + k)
            if action >= 0:
                return action
            is_open = PROPERTIES[engine.terrain_at(w, spot_place(w, INSIDE + k))] & IS_OPEN != 0
            if what != COME and is_open == (what == CLOSE):
                return TOGGLE
        memory[LINE + a] = line + 1
    return WAIT


@njit
def anticipated(w: Any, mode: int) -> int:
    """The container before which the observer expects the friend, or -1."""
    if mode == REALITY_BIASED:
        return container_of(w, 0)
    if mode == LAST_SEEN:
        return whole(w.memory[TOUCHED]) - 1
    if mode == REFLEX:
        # bits of the orientation are reflections: left is m's side after an even number of them
        o = whole(w.memory[ORIENTATION])
        return (o ^ (o >> 1) ^ (o >> 2)) & 1
    if mode == EGOCENTRIC:
        return container_of(w, 1 + OBSERVER) if w.order else -1
    if w.body[FRIEND] == THING_ARROW or mode == EXACT:
        return chosen(w, 0)
    if w.order < 2:
        return container_of(w, 1 + OBSERVER) if w.order else -1
    return container_of(w, chain_column(OBSERVER, FRIEND))


@njit
def anticipate(w: Any, mode: int) -> int:
    """The observer watches until it is asked, then goes to the mat where it expects the friend."""
    if w.memory[ASKED] == 0:
        return WAIT
    k = anticipated(w, mode)
    if k < 0:
        return WAIT
    action = go(w, OBSERVER, MAT + k)
    return WAIT if action < 0 else action


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
class ContentsReader(Reader):
    """Reads one world's minds: the things asked about are containers, ``"box"`` and ``"basket"``, and where
    others have places it has what is taken to be inside: a kind of thing, or ``UNKNOWN``."""

    def __init__(self, simulation: Simulation, world: int = 0) -> None:
        super().__init__(simulation, world)
        self.memory = self.world["memory"]
        names = [self.place_name(int(spot_place(self.world, INSIDE + k))) for k in range(2)]
        self.number = {name: k for k, name in enumerate(names)}

    def belief(self, thing: str, *members: str) -> str:
        """What a chain takes to be in a container; without members, what is in it."""
        chain = self.chain(*members)
        column = self.simulation.chains.index(chain)
        return kind_name(expected(self.world, column, self.number[thing]))

    def first_place(self, thing: str) -> str:
        """What the first look into the shop window made one expect."""
        return kind_name(int(self.memory[USUAL + self.number[thing]]))

    def last_mentioned(self, thing: str) -> str:
        """What was seen last in an open container."""
        memory = self.memory
        if memory[TOUCHED]:
            return self.belief(next(n for n, k in self.number.items() if k == memory[TOUCHED] - 1))
        last = spot_place(self.world, SHOWN + 1 - int(memory[SHOW_ORDER]))
        (o,) = np.flatnonzero(self.world["thing"][:2] == last)
        return kind_name(int(self.world["kind"][o]))


def kind_name(kind: int) -> str:
    return THINGS[kind] if kind else UNKNOWN


FEELINGS = ("glad", "sad")
_ME, _FRIEND, _HOST = "observer_0", "friend_0", "host_0"
# Conditions in which the one who is asked about expects what is inside anyway.
CONTROLS = (TRUE, LOOKED_ON, SHARED)


class _Exam:
    """The questions to be put to one world's observer."""

    def __init__(self, simulation: Simulation, world: int) -> None:
        self.reader = reader = ContentsReader(simulation, world)
        self.w, self.memory = reader.world, reader.memory
        self.order = simulation.order
        self.number = int(self.memory[CONDITION])
        self.social = int(self.w["body"][FRIEND]) == PERSON
        self.condition = CONDITIONS[self.number] + ("" if self.social else "_arrow")
        self.wanted = kind_name(int(self.memory[WANT]))
        kinds = sorted(kind_name(int(self.memory[USUAL + k])) for k in range(2))
        self.kinds = (*kinds, UNKNOWN)
        # by their order in the room, which is drawn
        self.containers = tuple(reader.number)
        self.whom = "the friend" if self.social else "the arrow"
        self.items: list[Probe] = []

    def ask(
        self, kind: str, chain: tuple[str, ...], about: str, options: tuple[str, ...], answer: str,
        own: str, order: int, shortcuts: Mapping[str, str], test: bool, group: str, question: str,
    ) -> None:  # fmt: skip
        self.items.append(
            Probe(
                kind, _ME, chain, about, options, answer, own if own in options else "", order,
                {name: given for name, given in shortcuts.items() if given in options},
                self.condition, "test" if test else "control", group, question, int(self.w["step"]),
            )
        )  # fmt: skip

    def belief(self, about: str, members: tuple[str, ...], test: bool, group: str, question: str) -> None:
        """What a chain thinks is in a container."""
        reader = self.reader
        answer = reader.belief(about, *members)
        asymmetric = self.number == SECRET and len(members) > 1
        self.ask(
            "belief", members, about, self.kinds, answer, reader.own(about, _ME, *members),
            reader.required_order(about, members, answer),
            reader.shortcuts(about, members, self.kinds[0], asymmetric), test, group, question,
        )  # fmt: skip

    def inside(self, about: str, group: str) -> None:
        """Control: what is really in a container."""
        reader = self.reader
        self.ask(
            "reality", (), about, self.kinds, reader.belief(about), reader.own(about, _ME), 0,
            reader.shortcuts(about, (), self.kinds[0]), False, group,
            f"What is really in the room's {about}?",
        )  # fmt: skip

    def contents(self) -> None:
        """First order: what the friend and the host think is inside."""
        reader = self.reader
        for about in self.containers:
            self.inside(about, "contents")
            look = reader.first_place(about)
            self.ask(
                "memory", (), about, self.kinds, look, look, 0, reader.shortcuts(about, (), self.kinds[0]),
                False, "contents", f"What does the room's {about} look as if it held?",
            )  # fmt: skip
            for who, name in ((_FRIEND, self.whom), (_HOST, "the host")):
                test = who == _FRIEND and self.number not in CONTROLS
                question = f"What does {name} think is in the room's {about}?"
                self.belief(about, (who,), test, "contents", question)

    def diverse(self) -> None:
        """What friend and host expect, which the observer does not know to be so or not."""
        for about in self.containers:
            for who, name in ((_FRIEND, self.whom), (_HOST, "the host")):
                question = f"What does {name} think is in the room's {about}?"
                self.belief(about, (who,), self.number == DIVERSE, "diverse_beliefs", question)

    def own_past(self) -> None:
        """What the observer itself took to be inside before it saw it opened."""
        reader = self.reader
        for about in self.containers:
            self.inside(about, "own_past")
            held = kind_name(int(self.memory[PAST + reader.number[about]]))
            now = reader.belief(about, _ME)
            self.ask(
                "belief", (_ME,), about, self.kinds, held, held, int(held != now),
                {"reality": reader.belief(about), "dropped_first": reader.belief(about),
                 "last_mentioned": reader.last_mentioned(about), "most_frequent": self.kinds[0]},
                held != now, "own_past",
                f"What did you think was in the room's {about} before it was opened?",
            )  # fmt: skip

    def second_order(self) -> None:
        """What the host thinks that the friend thinks is inside."""
        for about in self.containers:
            self.inside(about, "second_order")
            question = f"What does {self.whom} think is in the room's {about}?"
            self.belief(about, (_FRIEND,), False, "second_order", question)
            question = f"What does the host think that {self.whom} thinks is in the room's {about}?"
            self.belief(about, (_HOST, _FRIEND), self.number not in CONTROLS, "second_order", question)

    def knowledge(self) -> None:
        """Who knows what is inside; not asked where a right guess might be taken for knowledge."""
        reader = self.reader
        for about in self.containers:
            self.inside(about, "knowledge_access")
            for members, name in (((_FRIEND,), "the friend"), ((_HOST,), "the host")):
                real, held = reader.belief(about), reader.belief(about, *members)
                seen = reader.own(about, _ME, *members)
                own = yes_no(seen == reader.belief(about, _ME)) if seen else ""
                self.ask(
                    "knowledge", members, about, YES_NO, yes_no(held == real), own, 1,
                    {"reality": "yes", "dropped_first": "yes", "most_frequent": "yes"},
                    held != real, "knowledge_access", f"Does {name} know what is in the room's {about}?",
                )  # fmt: skip

    def action(self) -> None:
        """Which container will be opened first; asked where there is a belief to go by, or clockwork."""
        reader, k = self.reader, int(chosen(self.w, 0))
        if self.social and not any(reader.belief(about, _FRIEND) == self.wanted for about in self.containers):
            return
        goes = self.containers[k]

        def where(*members: str) -> str:
            found = [about for about in self.containers if reader.belief(about, *members) == self.wanted]
            return found[0] if len(found) == 1 else ""

        touched = int(self.memory[TOUCHED])
        short = {
            "reality": where(), "dropped_first": where(), "most_frequent": "box",
            "last_mentioned": self.containers[touched - 1] if touched else "",
        }  # fmt: skip
        own = where(_ME, _FRIEND) if self.order > 1 and self.social else "" if self.social else goes
        order = int(self.social and goes != where())
        question = f"Which will {self.whom} open first, the room's box or its basket?"
        test = self.number in (FALSE, DIVERSE) and self.social
        self.ask("next_action", (_FRIEND,), self.wanted, ("basket", "box"), goes, own, order, short, test,
                 "action", question)  # fmt: skip

    def emotion(self) -> None:
        """Belief emotion: on getting the container closed, and on looking in (control)."""
        reader = self.reader
        for about in self.containers:
            held, real = reader.belief(about, _FRIEND), reader.belief(about)
            if held == UNKNOWN:
                continue
            now, then = FEELINGS[held != self.wanted], FEELINGS[real != self.wanted]
            seen, mine = reader.own(about, _ME, _FRIEND), reader.belief(about, _ME)
            self.ask(
                "feeling", (_FRIEND,), about, FEELINGS, now, FEELINGS[seen != self.wanted] if seen else "",
                int(now != then), {"reality": then, "dropped_first": then, "most_frequent": FEELINGS[0]},
                now != then, "belief_emotion",
                f"How would {self.whom} feel on getting the room's {about}, closed as it is?",
            )  # fmt: skip
            self.ask(
                "feeling", (), about, FEELINGS, then, FEELINGS[mine != self.wanted] if mine else "", 0,
                {"most_frequent": FEELINGS[0]}, False, "belief_emotion",
                f"How would {self.whom} feel on looking into the room's {about}?",
            )  # fmt: skip

    def appearance(self) -> None:
        """Real and apparent emotion, when the friend has looked in."""
        k = int(self.memory[OPENED_FIRST]) - 1
        about = self.containers[k]
        found = self.reader.belief(about)
        felt = FEELINGS[found != self.wanted]
        shown = FEELINGS[int(self.w["face"][FRIEND]) == SAD]
        seen = int(self.w["gaze"]) >> (OBSERVER * 8 + FRIEND) & 1
        mine = self.reader.belief(about, _ME)
        for kind, chain, answer, own, question in (
            ("feeling", (_FRIEND,), felt, FEELINGS[mine != self.wanted], "How does the friend really feel?"),
            ("percept", (), shown, shown if seen else "", "How does the friend look?"),
        ):
            short = {"last_mentioned": shown, "most_frequent": FEELINGS[0]} if chain else {}
            self.ask(kind, chain, _FRIEND, FEELINGS, answer, own, int(bool(chain) and felt != shown), short,
                     bool(chain) and felt != shown, "real_apparent", question)  # fmt: skip


def probes(simulation: Simulation, world: int) -> list[Probe]:
    """Before the friend comes back: contents, own past, second order, knowledge, action, belief emotion, or
    diverse beliefs; when it has looked in: real and apparent emotion."""
    exam = _Exam(simulation, world)
    over = exam.memory[OPENED_FIRST] and int(exam.w["step"]) != int(exam.memory[ASKED])
    unseen = exam.number in (DIVERSE, SHARED)
    if over:
        if exam.social:
            exam.appearance()
    elif exam.order:
        if unseen:
            exam.diverse()
        else:
            exam.contents()
            if exam.memory[NOTED] == 3:
                exam.own_past()
            if exam.order > 1:
                exam.second_order()
        exam.action()
        if exam.social and not unseen:
            if exam.number != TRUE:
                exam.knowledge()
            exam.emotion()
    options: Any = simulation.options
    wanted = options.questions
    return [probe for probe in exam.items if wanted in ("all", probe.group)]


GAME = Game(
    name="contents",
    stage="4b",
    title="unexpected contents: what does the friend expect in a familiar box?",
    roles=("friend", "host", "observer"),
    learner="observer",
    things=("shown_1", "shown_2", "inside_1", "inside_2"),
    options=ContentsOptions,
    encode=encode,
    count=lambda options: INDIVIDUALS,
    deal=deal,
    play=play,
    script=script,
    judge=judge,
    probes=probes,
    documentation=__doc__,
    modes=("external", "scripted", "reality_biased", "last_seen", "exact", "random", "egocentric", "reflex"),
)
