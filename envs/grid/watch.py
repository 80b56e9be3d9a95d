"""Watch: what somebody goes for, read off what it does (stage 3a, action understanding).

Behind glass an observer watches an actor in an arena. In a few familiarization trials the scene is set
anew each time and the actor goes for a thing. Then comes a test scene. Before the actor moves, the observer
is asked what it will do, and answers with its voice. What the actor wants (it likes one thing best, all
through the episode), what it cannot do (pass water) and how far it sees (two cells, or all of the arena)
shows in its doings alone. Barriers are of glass: the observer can see everything.

=================  ===========================================================================  ==========
condition          what is played, and what is expected then                                    is
=================  ===========================================================================  ==========
``preference``     always the same scene; then the things have changed places: the old thing    a test
                   in its new place
``same_places``    then the same scene once more: the same thing                                a control
``one_thing``      one thing only, then two: nothing was preferred, looks cannot decide         a control
``efficiency``     a detour round a barrier; then the barrier is gone: straight on              a test
``wall_stays``     then the barrier is still there: the detour                                  a control
``no_water``       it goes round pools; then what it likes best is beyond a river: the other    a test
                   thing
``swimmer``        it goes through pools; then as above: the thing it likes best                a test
``dry``            it goes round pools; then as above, but the river is dry: what it likes      a control
``short_sight``    it searches for what lies three cells away; then what it likes best lies     a test
                   so, and the other thing nearer: the other thing
``far_sight``      it goes straight to what lies three cells away; then as above: what it likes a test
``near``           it searches; then both lie near: the thing it likes best                     a control
``mixed``          one of these, but for ``one_thing``, drawn for each episode
                   (for an arrow: one of its four)
=================  ===========================================================================  ==========

In the conditions about water and sight, half of the familiarization trials show what the actor likes
(things to choose from) and half what it cannot do (one thing only): the test puts the two together.

``event="unexpected"`` plays the other event of a pair: all the same until the test, then what is *not*
expected is done (the other thing, also through the water or out of sight; the old detour; the longer
detour). Surprise is scored on such pairs: what was done must have been less probable to the observer.

With ``social=False`` (the first, second, fourth and fifth condition) the actor's body is an arrow:
clockwork that repeats its way to the same *place*, whatever lies there or stood in the way. In the
familiarization it moves like somebody; nothing is attributed to it, and the other event is expected.

Individuals. ``observer``, ``actor``. An actor who sees nothing that it can go for walks to and fro, first to
the one side, then to the other.
Rewards. observer: +1 when the actor does what it said (its first word while it is asked). actor: +1 for
getting to the thing it likes best, +0.5 for another, -0.01 a step while it may go. An arrow: nothing.
Ends. Terminated when the actor has come to a thing in the test, or has not in ``TRIAL`` steps;
truncated after ``limit`` steps.
perf. 1 if the observer's answer was right, else 0. (With ``event="unexpected"`` that is the answer that one
should not give; with ``one_thing`` it is luck.)
Faces. The actor is glad while it stands on a thing it has got to, whichever.
Task. observer: 1 when it is asked for which thing the actor will go, 2 when for the first move, 0
otherwise. actor: 1 while it may go.
Cue. observer: ``cue_0`` the number of the trial, from 1; ``cue_1`` its answer, ``cue_2`` what the actor did,
each a symbol of the voice + 1, or 0. actor: ``cue_0`` the kind of the thing it likes best.
Answers. Task 1: ``say_0`` ball, ``say_1`` apple, ``say_2`` cup, ``say_3`` toy. Task 2: ``say_0`` forward,
``say_1`` turn left, ``say_2`` turn right.
Probes. Once, when the test scene is set: goal (which thing it will go for), want (which it likes best, as
far as can be seen: ``unknown`` where there was no choice, and of an arrow), knowledge (can it pass water;
does it know where the thing is that it likes best), next_action (its first move, where there is a barrier).
Their ``happens`` says what is done then: of an expected event the answer.
Observers. ``scripted`` infers by inverse planning (Baker, Saxe & Tenenbaum 2009): it plays the trials
that it has seen again under each combination of what may be liked, lacking and tried first, and weighs
these by whether the actor did just that. ``reality_biased`` does so as if everybody could and saw
everything, arrows too; ``last_seen`` says what lies (nearest to) where the actor went last, or its last
first move; ``reflex`` says the nearest thing, or forward. ``exact`` reads what will happen.
Held out. ``individuals``: which of two things is liked better, ordered pairs of kinds: ``"held_out"`` are
those where the liked one follows the other in the ring ball, apple, cup, toy; ``"seen"`` the others (among
them the same two kinds the other way round). ``layouts``: a third of the arrangements of each kind of
scene.
Source. Woodward 1998 (preference; arrows: Johnson 2003); Luo & Baillargeon 2005 (one thing); Gergely,
Nadasdy, Csibra & Biro 1995 (efficiency); Gandhi et al. 2021 and Shu et al. 2021 (pairs, unseen
constraints); Rabinowitz et al. 2018 (short sight; number of past trials).

Options: ``condition``; ``event`` (``"expected"``, ``"unexpected"``); ``social``; ``things`` (2 to 4) to
choose from; ``trials`` (2 to 6) of familiarization; ``layouts``, ``individuals`` (``"any"``, ``"seen"``,
``"held_out"``); ``mirrored`` exchanges what is liked best and the other thing wherever they lie, so that of
twins of one seed neither is right for which two things there are; ``limit``. Use windows of 7 or 9 cells:
with 5, nobody sees the whole arena.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..kernels import njit, whole
from ..probes import Probe
from ..questions import UNKNOWN
from ..simulation import ANEW, EXACT, LAST_SEEN, MODES, RANDOM, REALITY_BIASED, REFLEX, RUNNING
from . import engine
from .characters import random_legal
from .engine import (
    ACTIONS,
    ARROW,
    FIELD_CUE,
    FIELD_HAND,
    FIELD_TASK,
    FLOOR,
    FORWARD,
    GLAD,
    NEUTRAL,
    NO_WATER,
    SAY,
    SHORT_SIGHTED,
    THING_ARROW,
    TURN_LEFT,
    TURN_RIGHT,
    WAIT,
    WATER,
    WINDOW,
    random_below,
)
from .game import Game, GameOptions
from .layout import build, parse, turn_heading, turn_place
from .questions import YES_NO, yes_no
from .vision import FORWARD_X, FORWARD_Y, RIGHT_X, RIGHT_Y, SHORT_SIGHT

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "WatchOptions"]

OBSERVER, ACTOR = 0, 1
NAMES = ("ball", "apple", "cup", "toy")
NUM_THINGS = len(NAMES)

# The arena is rows 1 to 5, the observer's corridor row 7.
MAP = parse(
    """
    #########
    #.......#
    #.......#
    #.......#
    #.......#
    #.......#
    #=======#
    #...O...#
    #########
    """,
    connected=False,
)
SIDE = MAP.width
TERRAIN = MAP.terrain
SEAT = MAP.marks["O"][0]
LAST_ROW = 5  # of the arena, where the actor starts, looking north

CONDITIONS = (
    "preference",
    "same_places",
    "one_thing",
    "efficiency",
    "wall_stays",
    "no_water",
    "swimmer",
    "dry",
    "short_sight",
    "far_sight",
    "near",
    "mixed",
)
(
    PREFERENCE,
    SAME_PLACES,
    ONE_THING,
    EFFICIENCY,
    WALL_STAYS,
    NO_WATER_CONDITION,
    SWIMMER,
    DRY,
    SHORT_SIGHT_CONDITION,
    FAR_SIGHT,
    NEAR,
    MIXED,
) = range(len(CONDITIONS))
WITH_ARROW = ("preference", "same_places", "efficiency", "wall_stays")
TESTS = ("preference", "efficiency", "no_water", "swimmer", "short_sight", "far_sight")
# What "mixed" draws from, for somebody and for an arrow.
DRAWN = np.array([k for k in range(MIXED) if k != ONE_THING], np.int64)
DRAWN_ARROW = np.array([CONDITIONS.index(name) for name in WITH_ARROW], np.int64)

# --- The scenes -----------------------------------------------------------------------------------------
# Near: things in sight of everybody, right and forward of the start.
NEAR_SITES = np.array([(-2, 1), (-2, 2), (-1, 2), (1, 2), (2, 2), (2, 1)], np.int64)
# A barrier or a pool right before the start: column of the start, cells to the left and to the right that it
# reaches (never as many: one way round is shorter), row of the one thing beyond. Both ways round are open.
BARS = np.array(
    [
        (column, left, right, row)
        for left, right in ((0, 1), (1, 0), (1, 2), (2, 1))
        for column in (3, 4, 5)
        if column - left > 1 and column + right < SIDE - 2
        for row in (1, 2)
    ],
    np.int64,
)
BAR_ROW = 4
MIDDLE = 4  # column of the start where sight matters
# Where an actor who sees nothing to go for walks to and fro: from there it sees all of its half.
LOOKOUTS = np.array([3 << 4 | 2, 3 << 4 | 6], np.int64)

NO_BAR, GLASS, POOL = range(3)  # what a bar is of
# What "held out" draws its arrangements from: the numbers that three divides.
SHARE = 3
ANY, SEEN, HELD_OUT = range(3)
_SETS = ("any", "seen", "held_out")

# --- The course of a trial ------------------------------------------------------------------------------
SHOW, GO, HOLD = range(3)  # the scene is set, the actor goes, it has come to a thing
ASKING = 4  # steps for which the test scene stands before the actor goes
HOLDING = 2
TRIAL = 22  # steps that the actor has
MAX_TRIALS = 6  # and the test

# What a world remembers.
(
    CONDITION,
    ORIENTATION,
    AT,  # number of the trial, from 0; the test is number TRIALS
    TRIALS,
    PHASE,
    UNTIL,  # step at which the phase ends
    FAVOURITE,  # thing
    OTHER,  # the second thing of the test
    LIMITS,  # what the actor truly cannot
    HABIT,  # side on which it looks first
    LEG,  # lookouts that it has been to in this trial
    KNOWN,  # bits of the things it has seen in this trial
    UNEXPECTED,
    ANSWER,  # symbol + 1, 0 before
    OUTCOME,  # symbol + 1, 0 before
    EXPECTED,  # thing that it should go for in the test
    HAPPENS,  # thing that it will go for
    MISSED,  # bits of the trials that the observer has not seen all of
    LAST_PLACE,  # where it came to a thing last
    LAST_MOVE,  # its first move in the last trial of familiarization
    FIRST_MOVE,  # its first move in this trial
    PAUSES,  # two bits a trial: steps for which the scene stands before it goes
    START,  # + trial: place of the drawn map
) = range(23)
BAR = START + MAX_TRIALS + 1  # + trial: kind | row << 2 | first column << 5 | last column << 8
PLACES = BAR + MAX_TRIALS + 1  # + 2 * trial + thing // 2: places of two things on the drawn map, a byte each
TRACE = PLACES + 2 * (MAX_TRIALS + 1)  # + trial: what the actor did, as one number


@dataclass(frozen=True)
class WatchOptions(GameOptions):
    """Options of ``watch``."""

    limit: int = 140
    condition: str = "mixed"
    event: str = "expected"
    social: bool = True
    things: int = 2
    trials: int = 4
    layouts: str = "any"
    individuals: str = "any"
    mirrored: bool = False
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {
        "condition": CONDITIONS,
        "event": ("expected", "unexpected"),
        "layouts": _SETS,
        "individuals": _SETS,
    }
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {"things": (2, 4), "trials": (2, MAX_TRIALS)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.social and self.condition not in (*WITH_ARROW, "mixed"):
            raise ValueError(
                f"option 'condition' is {self.condition!r}, expected one of {', '.join(WITH_ARROW)}, mixed "
                "with social=False: what clockwork cannot or does not see makes no difference to it"
            )


def encode(options: WatchOptions) -> npt.NDArray[np.int64]:
    """(limit, condition, unexpected, social, things, trials, layouts, individuals, mirrored)."""
    return np.array(
        [
            options.limit,
            CONDITIONS.index(options.condition),
            options.event == "unexpected",
            options.social,
            options.things,
            options.trials,
            _SETS.index(options.layouts),
            _SETS.index(options.individuals),
            options.mirrored,
        ]
    )


# --- Setting scenes -------------------------------------------------------------------------------------
@njit
def at(w: Any, place: int) -> int:
    """Where a place of the drawn map is in this world."""
    return turn_place(place, whole(w.memory[ORIENTATION]), SIDE, SIDE)


@njit
def drawn_place(w: Any, t: int, o: int) -> int:
    """Where a thing lies in trial ``t``, on the drawn map; 0 where it is not in it."""
    return (whole(w.memory[PLACES + 2 * t + (o >> 1)]) >> (8 * (o & 1))) & 0xFF


@njit
def lay(w: Any, t: int, o: int, place: int) -> None:
    """Have a thing lie at a place of the drawn map in trial ``t``."""
    index = PLACES + 2 * t + (o >> 1)
    kept = whole(w.memory[index]) & (0xFF00 if o & 1 == 0 else 0xFF)
    w.memory[index] = kept | place << (8 * (o & 1))


@njit
def allowed(code: int, layouts: int) -> bool:
    """Whether an arrangement with this number may be drawn."""
    return layouts == ANY or (code % SHARE == 0) == (layouts == HELD_OUT)


@njit
def draw_near(w: Any, things: int, layouts: int) -> int:
    """Column of the start and sites of four things (the first ``things`` of them count), in one number:
    three bits each."""
    while True:
        scene = 3 + random_below(w, 3)
        used, total = whole(0), whole(0)
        for k in range(NUM_THINGS):
            while True:
                site = random_below(w, len(NEAR_SITES))
                if (used >> site) & 1 == 0:
                    break
            used |= 1 << site
            scene |= site << (3 + 3 * k)
            if k < things:
                total += site
        if allowed(total, layouts):
            return scene


@njit
def draw_code(w: Any, count: int, layouts: int) -> int:
    """The number of an arrangement, of ``count``."""
    while True:
        code = random_below(w, count)
        if allowed(code, layouts):
            return code


@njit
def near_scene(w: Any, t: int, scene: int, order: int, things: int, shift: int) -> None:
    """Things beside each other near the start: number k of the order (two bits each) on site k + shift."""
    column = scene & 7
    w.memory[START + t] = LAST_ROW << 4 | column
    for k in range(things):
        site = (scene >> (3 + 3 * ((k + shift) % things))) & 7
        x, y = column + NEAR_SITES[site, 0], LAST_ROW - NEAR_SITES[site, 1]
        lay(w, t, (order >> (2 * k)) & 3, y << 4 | x)


@njit
def bar_scene(w: Any, t: int, code: int, o: int, kind: int) -> None:
    """One thing straight ahead of the start, beyond a barrier or a pool."""
    column, left, right, row = BARS[code, 0], BARS[code, 1], BARS[code, 2], BARS[code, 3]
    w.memory[START + t] = LAST_ROW << 4 | column
    w.memory[BAR + t] = kind | BAR_ROW << 2 | (column - left) << 5 | (column + right) << 8
    lay(w, t, o, row << 4 | column)


@njit
def river_scene(w: Any, t: int, code: int, kind: int) -> None:
    """What the actor likes best beyond a river, the other thing on this side: both where it sees them."""
    column = 3 + code % 3
    code //= 3
    beside = (-2, -1, 1, 2)[code % 4]
    w.memory[START + t] = LAST_ROW << 4 | column
    if kind != NO_BAR:
        w.memory[BAR + t] = kind | BAR_ROW << 2 | 1 << 5 | (SIDE - 2) << 8
    lay(w, t, whole(w.memory[FAVOURITE]), (BAR_ROW - 1) << 4 | (column - 2 + code // 4))
    lay(w, t, whole(w.memory[OTHER]), LAST_ROW << 4 | (column + beside))


@njit
def sight_scene(w: Any, t: int, code: int) -> None:
    """What the actor likes best three columns away, the other thing near, on the other side."""
    row = 1 + code % 5
    code //= 5
    site = 3 + code % 3
    side = 1 if code // 3 else -1
    w.memory[START + t] = LAST_ROW << 4 | MIDDLE
    lay(w, t, whole(w.memory[FAVOURITE]), row << 4 | (MIDDLE - 3 * side))
    x, y = MIDDLE + side * NEAR_SITES[site, 0], LAST_ROW - NEAR_SITES[site, 1]
    lay(w, t, whole(w.memory[OTHER]), y << 4 | x)


@njit
def deal_world(w: Any, options: Any) -> None:
    """A new episode: who the actor is, and all scenes. Whatever condition and event are played, the same is
    drawn in the same order: episodes of one seed are twins."""
    limit, condition, unexpected, social, things, trials, layouts, individuals, mirrored = options[:9]
    engine.clear(w, SIDE, SIDE, 2, NUM_THINGS, limit)
    memory = w.memory
    memory[ORIENTATION] = random_below(w, 8)
    build(w, TERRAIN, SIDE, SIDE, whole(memory[ORIENTATION]))
    engine.label_rooms(w)
    drawn = random_below(w, len(DRAWN) * len(DRAWN_ARROW))
    if condition == MIXED:
        condition = DRAWN[drawn % len(DRAWN)] if social else DRAWN_ARROW[drawn % len(DRAWN_ARROW)]
    memory[CONDITION] = condition
    memory[TRIALS] = trials
    memory[UNEXPECTED] = unexpected
    for o in range(NUM_THINGS):
        w.kind[o] = (1, 3, 6, 8)[o]
    # who: what it likes best and the other thing; the remaining two come after them
    while True:
        favourite, other = random_below(w, NUM_THINGS), random_below(w, NUM_THINGS)
        next_one = (favourite - other) & 3 == 1
        if favourite != other and (individuals == ANY or next_one == (individuals == HELD_OUT)):
            break
    if mirrored:
        favourite, other = other, favourite
    third = random_below(w, 2)
    for o in range(NUM_THINGS):
        if o != favourite and o != other:
            if third == 0:
                break
            third -= 1
    order = favourite | other << 2 | o << 4 | (6 - favourite - other - o) << 6
    memory[FAVOURITE] = favourite
    memory[OTHER] = other
    limits = (0, NO_WATER, SHORT_SIGHTED)[random_below(w, 3)]
    if condition in (NO_WATER_CONDITION, DRY):
        limits = NO_WATER
    elif condition in (SHORT_SIGHT_CONDITION, NEAR):
        limits = SHORT_SIGHTED
    elif condition in (SWIMMER, FAR_SIGHT) or (condition in (EFFICIENCY, WALL_STAYS) and limits != NO_WATER):
        limits = 0
    memory[HABIT] = random_below(w, 2)
    flip = random_below(w, 2)
    shift = 1 + random_below(w, things - 1)
    # the scenes: of each kind one is drawn for each trial, and one of them is played
    river = draw_code(w, 60, layouts)
    sight = draw_code(w, 30, layouts)
    first_near, first_bar, first_single = whole(0), whole(0), whole(0)
    pauses = whole(0)
    for t in range(MAX_TRIALS + 1):
        near = draw_near(w, things, layouts)
        bar = draw_code(w, len(BARS), layouts)
        row = 1 + draw_code(w, 5, layouts)
        single = favourite if random_below(w, 2) else other
        pauses |= (1 + random_below(w, 2)) << (2 * t)
        if t == 0:
            first_near, first_bar, first_single = near, bar, single
        if t > trials:
            continue
        test = t == trials
        if condition in (PREFERENCE, SAME_PLACES):
            near_scene(w, t, first_near, order, things, shift if test and condition == PREFERENCE else 0)
        elif condition == ONE_THING:
            # the one thing that is shown at first is as often the other one
            swapped = order if first_single == favourite else other | favourite << 2
            near_scene(w, t, first_near, swapped, 2 if test else 1, 0)
        elif condition in (EFFICIENCY, WALL_STAYS):
            bar_scene(w, t, first_bar, favourite, GLASS)
            if test and condition == EFFICIENCY:
                memory[BAR + t] = NO_BAR
        elif (t + flip) & 1 == 0 and not test:
            near_scene(w, t, near, order, things, 0)
        elif condition in (NO_WATER_CONDITION, SWIMMER, DRY):
            if test:
                river_scene(w, t, river, NO_BAR if condition == DRY else POOL)
            else:
                bar_scene(w, t, bar, single, POOL)
        elif not test:
            # on the side where it does not look first
            memory[START + t] = LAST_ROW << 4 | MIDDLE
            lay(w, t, single, row << 4 | (MIDDLE - 3 if memory[HABIT] else MIDDLE + 3))
        elif condition == NEAR:
            near_scene(w, t, near, order, 2, 0)
        else:
            sight_scene(w, t, sight)
    memory[PAUSES] = pauses
    # what is expected in the test, and what is done
    hidden = condition in (NO_WATER_CONDITION, SHORT_SIGHT_CONDITION)
    expected = other if hidden else favourite
    done = favourite if hidden else other
    if condition == PREFERENCE:
        for o in range(NUM_THINGS):
            if drawn_place(w, trials, o) and drawn_place(w, trials, o) == drawn_place(w, 0, favourite):
                done = o
        if not social:
            expected, done = done, favourite
    elif condition in (EFFICIENCY, WALL_STAYS):
        done = favourite
    memory[EXPECTED] = expected
    memory[HAPPENS] = done if unexpected else expected
    if social:
        memory[LIMITS] = limits
        w.want[ACTOR] = favourite + 1
        w.cue[ACTOR, 0] = w.kind[favourite]
    else:
        w.body[ACTOR] = THING_ARROW
        w.identity[ACTOR] = ARROW
    w.place[OBSERVER] = at(w, SEAT)
    w.heading[OBSERVER] = turn_heading(0, whole(memory[ORIENTATION]))
    set_scene(w, 0)


@njit
def set_bar(w: Any, t: int, there: bool) -> None:
    """Put up a trial's barrier or pool, or take it away."""
    bar = whole(w.memory[BAR + t])
    if bar & 3 == NO_BAR:
        return
    terrain = FLOOR
    if there:
        terrain = WINDOW if bar & 3 == GLASS else WATER
    for x in range((bar >> 5) & 7, (bar >> 8) + 1):
        engine.set_terrain(w, at(w, ((bar >> 2) & 7) << 4 | x), terrain)


@njit
def set_scene(w: Any, t: int) -> None:
    """Clear the arena and set the scene of trial ``t``."""
    memory = w.memory
    if t:
        set_bar(w, t - 1, False)
    for o in range(NUM_THINGS):
        if w.thing[o] != engine.NOWHERE:
            engine.put_thing(w, o, engine.GONE)  # all first: somebody may have put one in another's place
    set_bar(w, t, True)
    for o in range(NUM_THINGS):
        place = drawn_place(w, t, o)
        if place:
            engine.put_thing(w, o, at(w, place))
    w.place[ACTOR] = at(w, whole(memory[START + t]))
    w.heading[ACTOR] = turn_heading(0, whole(memory[ORIENTATION]))
    w.face[ACTOR] = NEUTRAL
    w.limits[ACTOR] = memory[LIMITS]
    test = t == memory[TRIALS]
    if test and memory[UNEXPECTED]:
        w.limits[ACTOR] = memory[LIMITS] & ~NO_WATER  # on the stage, even that can be done
    memory[AT] = t
    memory[PHASE] = SHOW
    memory[UNTIL] = w.step + (ASKING if test else (memory[PAUSES] >> (2 * t)) & 3)
    memory[LEG] = 0
    memory[KNOWN] = 0
    memory[FIRST_MOVE] = 0
    memory[TRACE + t] = 1
    w.cue[OBSERVER, 0] = t + 1
    if test:
        w.task[OBSERVER] = 2 if is_about_moves(w) else 1
        w.ask = 1


@njit
def is_about_moves(w: Any) -> bool:
    """Whether the first move is asked for, not the thing."""
    return w.memory[CONDITION] in (EFFICIENCY, WALL_STAYS)


# --- The rules --------------------------------------------------------------------------------------------
@njit
def note_move(trace: int, action: int) -> int:
    """What the actor did so far and one more move, as one number."""
    return (trace * 7 + action) % 32749


@njit
def got_to(w: Any) -> int:
    """The thing that the actor holds or stands on, or -1."""
    if w.hand[ACTOR]:
        return whole(w.hand[ACTOR]) - 1
    return engine.thing_at(w, whole(w.place[ACTOR]))


@njit
def notice(w: Any, t: int, size: int) -> None:
    """The actor knows what it has seen since the scene was set."""
    pose = whole(w.place[ACTOR]) * 4 + whole(w.heading[ACTOR])
    w.memory[KNOWN] |= in_view(w, t, pose, whole(w.limits[ACTOR]), size)


@njit
def finish_answer(w: Any, outcome: int) -> None:
    """It shows whether the observer was right."""
    w.memory[OUTCOME] = outcome + 1
    w.cue[OBSERVER, 2] = outcome + 1
    if w.memory[ANSWER] == outcome + 1:
        w.reward[OBSERVER] = 1
        w.perf = 1


@njit
def rules(w: Any, size: int) -> None:
    """The course of a trial: the scene is set, the actor goes, it has come to a thing."""
    w.ask = 0
    memory = w.memory
    t = whole(memory[AT])
    test = t == memory[TRIALS]
    if memory[PHASE] != SHOW and not (w.gaze >> np.uint64(OBSERVER * 8 + ACTOR)) & np.uint64(1):
        memory[MISSED] |= 1 << t  # by the last percept
    if memory[PHASE] == SHOW:
        if test and memory[ANSWER] == 0 and w.voice[OBSERVER]:
            memory[ANSWER] = w.voice[OBSERVER]
            w.cue[OBSERVER, 1] = w.voice[OBSERVER]
        if w.step >= memory[UNTIL]:
            memory[PHASE] = GO
            memory[UNTIL] = w.step + TRIAL
            notice(w, t, size)
            w.task[ACTOR] = 1
            w.task[OBSERVER] = 0
    elif memory[PHASE] == GO:
        action = whole(w.action[ACTOR])
        if TURN_LEFT <= action <= FORWARD:
            memory[TRACE + t] = note_move(whole(memory[TRACE + t]), action)
            if memory[FIRST_MOVE] == 0:
                memory[FIRST_MOVE] = action
                if not test:
                    memory[LAST_MOVE] = action
                elif is_about_moves(w):
                    finish_answer(w, action % FORWARD)  # forward 0, left 1, right 2
        notice(w, t, size)
        if w.place[ACTOR] == lookout(w, whole(memory[HABIT]), whole(memory[LEG])):
            memory[LEG] += 1
        thing = got_to(w)
        if w.body[ACTOR] != THING_ARROW:
            w.reward[ACTOR] = -0.01
            if thing >= 0:
                w.reward[ACTOR] += 1 if thing == memory[FAVOURITE] else 0.5
                w.face[ACTOR] = GLAD
        if thing >= 0:
            memory[LAST_PLACE] = w.place[ACTOR]
            if test and memory[OUTCOME] == 0 and not is_about_moves(w):
                finish_answer(w, thing)
        if thing >= 0 or w.step >= memory[UNTIL]:
            w.task[ACTOR] = 0
            if test:
                w.terminated = 1
            memory[PHASE] = HOLD
            memory[UNTIL] = w.step + HOLDING
    elif w.step >= memory[UNTIL]:
        set_scene(w, t + 1)


@njit
def judge(windows: Any, fields: Any, lengths: Any, actions: Any, who: Any, numbers: Any, out: Any) -> None:
    """What is paid, by own percepts. The observer: by its cues, when what the actor did appears there. The
    actor: by whether it could go, and by the thing in its hand or under its feet afterwards."""
    size = numbers[engine.WINDOW_OPTION]
    own = (size - 1) * size + size // 2
    for n in range(windows.shape[0]):
        now = lengths[n] - 1
        out[n] = 0
        if who[n] == OBSERVER:
            answer, done = fields[n, now, FIELD_CUE + 1], fields[n, now, FIELD_CUE + 2]
            if done and fields[n, now - 1, FIELD_CUE + 2] == 0 and answer == done:
                out[n] = 1
        elif fields[n, now - 1, FIELD_TASK]:
            out[n] = -0.01
            kind = whole(fields[n, now, FIELD_HAND])
            if kind == 0:
                kind = whole((windows[n, now, own] >> 8) & 0xFF)
            if kind:
                out[n] += 1 if kind == fields[n, now, FIELD_CUE] else 0.5


# --- Planning, in the world and in thought ------------------------------------------------------------------
# Scratch: what is in the way (256,) uint8, distances of poses (1024,) int16, a queue (1024,) int16.
@njit
def lookout(w: Any, habit: int, leg: int) -> int:
    """Where an actor with this habit goes on its leg of a search."""
    return at(w, LOOKOUTS[(habit + leg) & 1])


@njit
def obstruct(
    w: Any, t: int, bar_of: int, long_way: bool, limits: int, known: int, target: int, blocked: Any
) -> None:
    """Mark what is in the way in trial ``t`` of who wants to get to thing ``target`` (-1: to none).

    Args:
        known: bits of the things that are walked around.
        bar_of: the trial whose barrier or pool is minded.
        long_way: whether the shorter way round it is barred, too.
    """
    blocked[:] = 1
    for y in range(1, LAST_ROW + 1):
        for x in range(1, SIDE - 1):
            blocked[at(w, y << 4 | x)] = 0
    bar = whole(w.memory[BAR + bar_of])
    if bar & 3 == GLASS or (bar & 3 == POOL and limits & NO_WATER):
        row, first, last = (bar >> 2) & 7, (bar >> 5) & 7, bar >> 8
        if long_way:
            column = whole(w.memory[START + t]) & 15
            if column - first < last - column:
                first = 1
            else:
                last = SIDE - 2
        for x in range(first, last + 1):
            blocked[at(w, row << 4 | x)] = 1
    for o in range(NUM_THINGS):
        place = drawn_place(w, t, o)
        if place and o != target and (known >> o) & 1:
            blocked[at(w, place)] = 1


@njit
def measure(blocked: Any, goal: int, distance: Any, queue: Any) -> None:
    """The number of actions from each pose (cell * 4 + heading) to standing on a cell; -1: no way."""
    distance[:] = -1
    for h in range(4):
        distance[goal * 4 + h] = 0
        queue[h] = goal * 4 + h
    head, tail = 0, 4
    while head < tail:
        pose = whole(queue[head])
        head += 1
        cell, h = pose >> 2, pose & 3
        behind = (cell - FORWARD_Y[h] * 16 - FORWARD_X[h]) & 255
        for k in range(3):
            before = cell * 4 + ((h + (1 if k == 1 else 3)) & 3)
            if k == 0:
                before = behind * 4 + h
                if blocked[behind]:
                    continue
            if distance[before] < 0:
                distance[before] = distance[pose] + 1
                queue[tail] = before
                tail += 1


@njit
def downhill(pose: int, distance: Any) -> int:
    """The first action of a shortest way from a pose; WAIT where one is there, or there is none."""
    left = whole(distance[pose])
    if left <= 0:
        return WAIT
    cell, h = pose >> 2, pose & 3
    ahead = (cell + FORWARD_Y[h] * 16 + FORWARD_X[h]) & 255
    if distance[ahead * 4 + h] == left - 1:
        return FORWARD
    return TURN_LEFT if distance[cell * 4 + ((h + 3) & 3)] == left - 1 else TURN_RIGHT


@njit
def aim(
    w: Any, t: int, pose: int, known: int, favourite: int, limits: int, forced: int, bar_of: int,
    long_way: bool, blocked: Any, distance: Any, queue: Any,
) -> int:  # fmt: skip
    """The thing that an actor goes for in trial ``t``, with ``distance`` measured to it: ``forced``, or its
    favourite, or another one, whichever it knows of and can get to; -1 where there is none."""
    for k in range(NUM_THINGS + 1):
        o = forced
        if forced < 0:
            # the favourite first, then the others
            o = favourite if k == 0 else k - 1
            if (known >> o) & 1 == 0 or (k and o == favourite):
                continue
        elif k:
            break
        if drawn_place(w, t, o) == 0:
            continue
        obstruct(w, t, bar_of, long_way, limits, known, o, blocked)
        measure(blocked, at(w, drawn_place(w, t, o)), distance, queue)
        if distance[pose] >= 0:
            return o
    return -1


@njit
def in_view(w: Any, t: int, pose: int, limits: int, size: int) -> int:
    """Bits of the things of trial ``t`` that are seen from a pose: nothing in the arena hides another."""
    h = pose & 3
    ahead, beside = size - 1, size // 2
    if limits & SHORT_SIGHTED:
        ahead, beside = SHORT_SIGHT, SHORT_SIGHT
    seen = whole(0)
    for o in range(NUM_THINGS):
        place = drawn_place(w, t, o)
        if place == 0:
            continue
        place = at(w, place)
        dx = (place & 15) - ((pose >> 2) & 15)
        dy = (place >> 4) - (pose >> 6)
        forward = dx * FORWARD_X[h] + dy * FORWARD_Y[h]
        right = dx * RIGHT_X[h] + dy * RIGHT_Y[h]
        if 0 <= forward <= ahead and abs(right) <= beside:
            seen |= 1 << o
    return seen


@njit
def imagine(
    w: Any, t: int, favourite: int, limits: int, habit: int, forced: int, bar_of: int, long_way: bool,
    size: int, blocked: Any, distance: Any, queue: Any,
) -> tuple[int, int, int]:  # fmt: skip
    """Play trial ``t`` in thought: the thing that such an actor comes to (-1: none), its first move, and
    what it does as one number (:func:`note_move`)."""
    pose = at(w, whole(w.memory[START + t])) * 4 + turn_heading(0, whole(w.memory[ORIENTATION]))
    trace, first, known, leg = whole(1), whole(0), whole(0), whole(0)
    target, measured = whole(-1), whole(-1)  # the leg of the search that distances are measured for
    for step in range(TRIAL):
        seen = known | in_view(w, t, pose, limits, size)
        if step == 0 or seen != known:
            known = seen
            target = aim(
                w, t, pose, known, favourite, limits, forced, bar_of, long_way, blocked, distance, queue
            )
            measured = -1
        if target < 0 and measured != leg:
            measured = leg
            obstruct(w, t, bar_of, long_way, limits, known, -1, blocked)
            measure(blocked, lookout(w, habit, leg), distance, queue)
        action = downhill(pose, distance)
        if action == WAIT:
            break
        trace = note_move(trace, action)
        if first == 0:
            first = action
        if action == FORWARD:
            h = pose & 3
            pose += (FORWARD_Y[h] * 16 + FORWARD_X[h]) * 4
        else:
            pose = (pose & ~3) | ((pose + (3 if action == TURN_LEFT else 1)) & 3)
        if pose >> 2 == lookout(w, habit, leg):
            leg += 1
        for o in range(NUM_THINGS):
            place = drawn_place(w, t, o)
            if place and at(w, place) == pose >> 2:
                return o, first, trace
    return -1, first, trace


# Where infer() leaves what it found, as weights that compare among each other.
GOALS, MOVES, LIKED, LACKS = 0, 4, 8, 12  # by thing, by first move - 1, by thing, by limit (0, water, sight)
FOUND = 15
SLIP = 0.02  # a trial that goes otherwise than it should under a hypothesis is so probable


@njit
def infer(w: Any, size: int, free: bool, found: Any, blocked: Any, distance: Any, queue: Any) -> None:
    """Inverse planning: the posterior over what the actor likes, lacks and tries first, from the trials that
    the observer has seen all of, and what follows for the test.

    Args:
        free: take it that nobody lacks anything.
        found: (FOUND,) float64, overwritten.
    """
    found[:] = 0
    trials = whole(w.memory[TRIALS])
    for favourite in range(NUM_THINGS):
        if drawn_place(w, trials, favourite) == 0:
            continue
        for lack in range(1 if free else 3):
            limits = (0, NO_WATER, SHORT_SIGHTED)[lack]
            # where one looks first makes a difference to who is short-sighted alone
            habits = 2 if lack == 2 else 1
            for habit in range(habits):
                weight = 1.0 / habits
                for t in range(trials):
                    if (w.memory[MISSED] >> t) & 1:
                        continue
                    _, _, trace = imagine(
                        w, t, favourite, limits, habit, -1, t, False, size, blocked, distance, queue
                    )
                    weight *= 1 - SLIP if trace == w.memory[TRACE + t] else SLIP
                goal, move, _ = imagine(
                    w, trials, favourite, limits, habit, -1, trials, False, size, blocked, distance, queue
                )
                if goal >= 0:
                    found[GOALS + goal] += weight
                if move:
                    found[MOVES + move - 1] += weight
                found[LIKED + favourite] += weight
                found[LACKS + lack] += weight


@njit
def likeliest(found: Any, first: int, count: int) -> int:
    """Which of some weights is the largest; -1 where several are as large."""
    best, ties = whole(0), 0
    for k in range(1, count):
        if found[first + k] > found[first + best] * (1 + 1e-9):
            best = k
    for k in range(count):
        ties += found[first + k] * (1 + 1e-9) >= found[first + best]
    return best if ties == 1 else -1


@njit
def staged(w: Any, t: int) -> tuple[int, int, bool]:
    """What the actor is made to do in trial ``t``: the thing it must go for (-1: as it likes), the trial
    whose barrier it minds, and whether it takes the longer way round."""
    memory = w.memory
    arrow = w.body[ACTOR] == THING_ARROW
    if t < memory[TRIALS]:
        return (whole(memory[FAVOURITE]) if arrow else -1), t, False
    about_moves = is_about_moves(w)
    if memory[UNEXPECTED]:
        if not about_moves:
            return whole(memory[HAPPENS]), t, False
        forced = whole(memory[FAVOURITE]) if arrow else -1
        if memory[CONDITION] == WALL_STAYS:
            return forced, t, True
        return forced, (t if arrow else 0), False
    return (whole(memory[EXPECTED]) if arrow else -1), (0 if arrow else t), False


@njit
def expected_move(w: Any, size: int, unexpected: bool, blocked: Any, distance: Any, queue: Any) -> int:
    """The actor's first move in the test, of the expected event or of the other."""
    kept = w.memory[UNEXPECTED]
    w.memory[UNEXPECTED] = unexpected
    t = whole(w.memory[TRIALS])
    forced, bar_of, long_way = staged(w, t)
    w.memory[UNEXPECTED] = kept
    _, move, _ = imagine(
        w, t, whole(w.memory[FAVOURITE]), whole(w.memory[LIMITS]), whole(w.memory[HABIT]), forced, bar_of,
        long_way, size, blocked, distance, queue,
    )  # fmt: skip
    return move


# --- The characters ---------------------------------------------------------------------------------------
@njit
def go(w: Any, blocked: Any, distance: Any, queue: Any) -> int:
    """The actor: to the thing it likes best of those it has seen and can get to; else it searches."""
    if w.memory[PHASE] != GO:
        return WAIT
    t = whole(w.memory[AT])
    pose = whole(w.place[ACTOR]) * 4 + whole(w.heading[ACTOR])
    known = whole(w.memory[KNOWN])
    forced, bar_of, long_way = staged(w, t)
    limits = whole(w.limits[ACTOR])
    favourite = whole(w.memory[FAVOURITE])
    target = aim(w, t, pose, known, favourite, limits, forced, bar_of, long_way, blocked, distance, queue)
    if target < 0:
        obstruct(w, t, bar_of, long_way, limits, known, -1, blocked)
        goal = lookout(w, whole(w.memory[HABIT]), whole(w.memory[LEG]))
        measure(blocked, goal, distance, queue)
    return downhill(pose, distance)


@njit
def nearest_thing(w: Any, blocked: Any, distance: Any, queue: Any) -> int:
    """The thing with the shortest way from the actor, as if all could be passed; the first of several."""
    t = whole(w.memory[TRIALS])
    pose = at(w, whole(w.memory[START + t])) * 4 + turn_heading(0, whole(w.memory[ORIENTATION]))
    best, least = whole(0), whole(1 << 20)
    for o in range(NUM_THINGS):
        if drawn_place(w, t, o):
            obstruct(w, t, t, False, 0, (1 << NUM_THINGS) - 1, o, blocked)
            measure(blocked, at(w, drawn_place(w, t, o)), distance, queue)
            if 0 <= distance[pose] < least:
                best, least = o, whole(distance[pose])
    return best


@njit
def last_place_thing(w: Any) -> int:
    """The thing of the test that lies nearest to where the actor came to one last; the first of several."""
    t = whole(w.memory[TRIALS])
    last = whole(w.memory[LAST_PLACE])
    best, least = whole(0), whole(1 << 20)
    for o in range(NUM_THINGS):
        place = drawn_place(w, t, o)
        if place:
            place = at(w, place)
            far = abs((place & 15) - (last & 15)) + abs((place >> 4) - (last >> 4))
            if far < least:
                best, least = o, far
    return best


@njit
def forecast(w: Any, mode: int, size: int, found: Any, blocked: Any, distance: Any, queue: Any) -> int:
    """The symbol with which an observer in this mode answers; -1 where it cannot tell."""
    about_moves = is_about_moves(w)
    if mode == REFLEX:
        return 0 if about_moves else nearest_thing(w, blocked, distance, queue)
    if mode == LAST_SEEN:
        move = whole(w.memory[LAST_MOVE])
        if about_moves:
            return move % FORWARD
        return last_place_thing(w)
    if mode == EXACT or (w.body[ACTOR] == THING_ARROW and mode != REALITY_BIASED):
        # an arrow is clockwork: what it will do, all can tell
        unexpected = w.memory[UNEXPECTED] != 0 and mode == EXACT
        if not about_moves:
            return whole(w.memory[HAPPENS] if unexpected else w.memory[EXPECTED])
        move = expected_move(w, size, unexpected, blocked, distance, queue)
        return move % FORWARD
    infer(w, size, mode == REALITY_BIASED, found, blocked, distance, queue)
    if about_moves:
        move = 1 + likeliest(found, MOVES, 3)
        return move - 1 if move == 0 else move % FORWARD
    return likeliest(found, LIKED if mode == REALITY_BIASED else GOALS, NUM_THINGS)


@njit
def watch(w: Any, mode: int, size: int, found: Any, blocked: Any, distance: Any, queue: Any) -> int:
    """The observer looks on, and answers when it is asked."""
    if w.task[OBSERVER] == 0 or w.memory[PHASE] != SHOW or w.memory[ANSWER]:
        return WAIT
    symbol = forecast(w, mode, size, found, blocked, distance, queue)
    if symbol < 0:
        # it cannot tell: one of the things, or moves, by chance
        t = whole(w.memory[TRIALS])
        symbol = random_below(w, 3 if is_about_moves(w) else NUM_THINGS)
        while not is_about_moves(w) and drawn_place(w, t, symbol) == 0:
            symbol = random_below(w, NUM_THINGS)
    return SAY + symbol


@njit
def script_world(
    w: Any, i: int, modes: Any, actions: Any, size: int, found: Any, blocked: Any, distance: Any, queue: Any
) -> None:
    for a in range(w.individuals):
        if modes[a] == RANDOM:
            actions[i, a] = random_legal(w, a)
        elif modes[a] and a == OBSERVER:
            actions[i, a] = watch(w, modes[a], size, found, blocked, distance, queue)
        elif modes[a]:
            actions[i, a] = go(w, blocked, distance, queue)


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
    found = np.empty(FOUND, np.float64)
    blocked = np.empty(256, np.uint8)
    distance = np.empty(1024, np.int16)
    queue = np.empty(1024, np.int16)
    size = options[engine.WINDOW_OPTION]
    for i in range(lo, hi):
        script_world(worlds[i], i, modes, actions, size, found, blocked, distance, queue)


# --- What is asked ----------------------------------------------------------------------------------------
@njit
def consider(w: Any, size: int, found: Any) -> tuple[int, int]:
    """For the probes: :func:`infer`, and the first moves of the expected and of the unexpected event."""
    blocked = np.empty(256, np.uint8)
    distance = np.empty(1024, np.int16)
    queue = np.empty(1024, np.int16)
    infer(w, size, False, found, blocked, distance, queue)
    return (
        expected_move(w, size, False, blocked, distance, queue),
        expected_move(w, size, True, blocked, distance, queue),
    )


MOVE_NAMES = (ACTIONS[FORWARD], ACTIONS[TURN_LEFT], ACTIONS[TURN_RIGHT])
_GROUPS = {"preference": 3, "efficiency": 5, "constraint": 8, "sight": 11}  # first condition after each


def probes(simulation: Simulation, world: int) -> list[Probe]:
    """What the actor will go for or do first, what it likes, whether it can pass water, what it knows."""
    w = simulation.worlds[world]
    memory, step = w["memory"], int(w["step"])
    condition, test = int(memory[CONDITION]), int(memory[TRIALS])
    name = CONDITIONS[condition]
    group = next(group for group, end in _GROUPS.items() if condition < end)
    social = int(w["body"][ACTOR]) != THING_ARROW
    whom = "actor" if social else "arrow"
    asked, actor = "observer_0", "actor_0"
    found = np.zeros(FOUND)
    move, other_move = consider(w, simulation.size, found)
    liked, expected = (NAMES[memory[k]] for k in (FAVOURITE, EXPECTED))
    shown = tuple(thing for o, thing in enumerate(NAMES) if drawn_place(w, test, o))
    near_last = NAMES[last_place_thing(w)]
    items: list[Probe] = []

    def named(names: Sequence[str], first: int) -> str:
        best = int(likeliest(found, first, len(names)))
        return "" if best < 0 else names[best]

    def item(
        kind: str, about: str, options: tuple[str, ...], answer: str, own: str, shortcuts: dict[str, str],
        role: str, question: str, happens: str = "",
    ) -> None:  # fmt: skip
        order = int(social and role == "test")
        items.append(
            Probe(
                kind, asked, (actor,), about, options, answer, own, order,
                {**shortcuts, "most_frequent": options[0]}, name if social else f"{name}_arrow", role, group,
                question, step, happens=happens,
            )
        )  # fmt: skip

    role = "test" if social and name in TESTS else "control"
    if name in ("efficiency", "wall_stays"):
        moves = [ACTIONS[k] for k in (move, other_move)]
        seen = named([ACTIONS[k] for k in (TURN_LEFT, TURN_RIGHT, FORWARD)], MOVES) if social else moves[0]
        item("next_action", actor, MOVE_NAMES, moves[0], seen,
             {"last_mentioned": ACTIONS[memory[LAST_MOVE]] if memory[LAST_MOVE] else MOVE_NAMES[0],
              "reality": MOVE_NAMES[0] if name == "efficiency" else moves[0]}, role,
             f"What will the {whom} do first?", moves[int(memory[UNEXPECTED])])  # fmt: skip
        return items
    if name != "one_thing":
        item("goal", actor, shown, expected, named(NAMES, GOALS) if social else expected,
             {"reality": liked, "last_mentioned": near_last}, role,
             f"Which thing will the {whom} go for?" if social else "Which thing will the arrow come to?",
             NAMES[memory[HAPPENS]])  # fmt: skip
    attributed = social and name != "one_thing"
    item("want", actor, (*shown, UNKNOWN), liked if attributed else UNKNOWN,
         (named(NAMES, LIKED) or UNKNOWN) if social else UNKNOWN, {"last_mentioned": near_last}, "control",
         f"Which thing does the {whom} like best, as far as can be seen?")  # fmt: skip
    water, sight = (int(memory[LIMITS]) & bit != 0 for bit in (NO_WATER, SHORT_SIGHTED))
    lacks = found[LACKS : LACKS + 3] / max(found[LACKS : LACKS + 3].sum(), 1e-300) > 0.5
    if group == "constraint":
        item("knowledge", "water", YES_NO, yes_no(not water), yes_no(not lacks[1]), {"reality": "yes"}, role,
             f"Can the {whom} pass water?")  # fmt: skip
    elif group == "sight":
        knows = not sight or name == "near"
        item("knowledge", liked, YES_NO, yes_no(knows), yes_no(not lacks[2] or name == "near"),
             {"reality": "yes"}, role, f"Does the {whom} know where the {liked} is?")  # fmt: skip
    return items


GAME = Game(
    name="watch",
    stage="3a",
    title="what somebody goes for, read off what it does",
    roles=("observer", "actor"),
    learner="observer",
    things=NAMES,
    options=WatchOptions,
    encode=encode,
    count=lambda options: 2,
    deal=deal,
    play=play,
    script=script,
    probes=probes,
    documentation=__doc__,
    modes=(*MODES[:6], "reflex"),
    judge=judge,
)
