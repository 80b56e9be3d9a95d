"""Inform: tell what you know to whom needs it, and to nobody else (stage 5b, theory of mind).

An informant and a seeker look on through glass, each from a pen of their own. A treasure is put into a box
or a basket: both stand open for a step, and close. Then both are opened once more, and the treasure may
change its place. A blind before the seeker's pen may be down meanwhile: the informant sees all of it, the
seeker what is done while the blind is up. Then the seeker waits a little, comes out, and opens one of the
two, and only one: there is the treasure in it, or a trap.

====================  ===========================================================  ===========  ===========
condition             what is played                                               the seeker   right
====================  ===========================================================  ===========  ===========
``knows``             put in before its eyes; then opened and closed behind the    knows        silence
                      blind
``true_belief``       put in before its eyes, and moved before its eyes            knows        silence
``ignorance``         put in behind the blind; opened and closed behind it         has no idea  tell it
``false_belief``      put in before its eyes, moved behind the blind               is mistaken  tell it
``mixed``             one of these, drawn for each episode
====================  ===========================================================  ===========  ===========

Words. ``say_0`` means the box, ``say_1`` the basket, wherever they stand; the other two mean nothing. The
seeker hears the informant anywhere, and heeds the first word with a meaning that it hears after it was asked
for (``task`` is 2): it goes where it is told. If it is told nothing it goes where it believes the treasure to
be, and where it has no idea, to one of the two by chance, drawn when the episode begins.

Twins of one seed look the same from when the blind is up for good: the treasure lies in the same container,
and the seeker waits alike. Whether it needs to be told follows from what it saw; nothing is written into
beliefs. The blind alone does not tell: in ``knows`` it is down, too, while both are opened; nor does a move,
for in ``true_belief`` it was seen.

With ``social=False`` the seeker is an arrow that drives by clockwork to where the treasure was put first, and
opens that. It hears, believes and gains nothing: there is nobody to tell, and silence is right.

Deceit. With ``deceit`` the informant is by nature honest or deceitful, and speaks twice: once when the
treasure has been put in and both are closed again, and once when the seeker may be told. The honest one names
where the treasure is, as it believes, the deceitful one the other of the two, both times. The seeker has seen
what the first word is about, and keeps the informant's record: whether the first word with a meaning that it
heard, before both were opened once more, was true of what it had seen. It is the seeker who is examined.

====================  ===========  =================  =============  ====================
condition             informant    what the seeker    the last word  the last word by the
                                   saw itself                        informant's record
====================  ===========  =================  =============  ====================
``knows``,            honest       right              right          right
``true_belief``       deceitful    right              wrong          right
``false_belief``      honest       wrong              right          right
``false_belief``      deceitful    wrong              wrong          right
====================  ===========  =================  =============  ====================

Moved behind the blind or not, beside an honest informant or not: it looks the same to the seeker, but for the
words, and neither word tells by itself whose it is. ``mixed`` draws among these three conditions: who saw
nothing put in has no record to go by, and an arrow hears nothing.

Individuals. ``informant``, ``seeker``.
Rewards. informant: -0.1 for each signal, whatever it says and whenever; nothing for helping. seeker: +1 for
opening the one with the treasure, -1 for the other. The arrow: nothing.
Ends. Terminated when the seeker has opened one; truncated after ``limit`` steps.
Feelings. The seeker is glad to find the treasure, and sad in the trap.
perf. 1 if the informant did what was right: the first word that counted was the right one where the seeker
did not know, no signal at all where it knew (or was an arrow); else 0. With ``deceit`` 1 if the seeker opened
the one with the treasure, else 0.
Tallies. ``informed``, told rightly who did not know; ``needless``, signals to who knew; ``false_signals``,
words that named the wrong one to who might be told; ``followed``, whether the seeker opened what it was told;
``detected``, whether it was told the wrong one and did not open it; ``signals``.
Task. ``task`` is 1 while things are put in, 2 from when the seeker may be told.
Cue. informant: ``cue_0`` is its nature, 1 honest, 2 deceitful; 0 without ``deceit``.
Judging another. ``GAME.reward`` of the seeker from the informant's percepts: +1 where its face has become
glad, -1 where it has become sad; of the informant from the seeker's: -0.1 for each signal heard.
Modes. ``scripted`` tells where the treasure is, as it believes, if it does not believe that the seeker
believes so, too. ``exact`` and ``prosocial`` read what the seeker believes. ``reflex`` always tells.
``egocentric`` takes the seeker to know what it knows itself, ``reality_biased`` what is so: both are silent,
as ``selfish`` is. The seeker goes as the page says in any mode but ``random``. With ``deceit`` it is the
informant who goes by its nature in any mode but ``random``, and the seeker's mode that counts: ``scripted``
and ``selfish`` open what they are told, and where the first word was false, the other of the two. ``reflex``
heeds any word, and so does ``reality_biased``, which takes the informant to say what is so; ``egocentric``
takes it to know what it knows itself, and goes by what it saw. ``exact`` and ``prosocial`` open the right
one.
Probes. When the seeker may be told. Where the treasure is and was first (controls); where the seeker believes
it to be, whether it knows; which of the two it will open if it is told nothing (where it has a belief). With
``deceit`` the seeker is asked, when it has been told: where the treasure is and where it was first (control),
where the informant believes it to be, whether it wants the seeker to find it, which it wants it to open.
Source. Liszkowski, Carpenter & Tomasello 2008 (twelve-month-olds point for the ignorant more than for those
who know); Crawford & Sobel 1982 for signals that cost and inform; Koenig, Clement & Harris 2004 (children
trust those whose words were true of what they saw); Mascaro & Sperber 2009 (children's vigilance
towards deception).

Options: ``condition``; ``mirrored`` (the treasure in the other of the two, of the same seed); ``layouts``
(``"train"``, ``"held_out"``, three rooms each); ``population`` (what the treasure is and how long the seeker
waits: ``"train"`` and ``"held_out"`` have none in common, ``"any"`` has all); ``social``; ``deceit``
(``"none"``, ``"honest"``, ``"deceitful"``, or ``"any"``: one of these natures, drawn for each episode);
``limit``. Use windows of 7 or 9 cells, and beliefs to order 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    PROSOCIAL,
    RANDOM,
    REALITY_BIASED,
    REFLEX,
    RUNNING,
    SCRIPTED,
)
from . import engine
from .characters import BEFORE, plan, random_legal
from .engine import (
    ARROW,
    BASKET_CLOSED,
    BASKET_OPEN,
    BOX_CLOSED,
    BOX_OPEN,
    FIELD_HEARD,
    FIELD_SELF,
    FLOOR,
    GLAD,
    PERSON,
    SAD,
    SAY,
    THING_ARROW,
    TOGGLE,
    WAIT,
    WINDOW,
    random_below,
    terrain_at,
)
from .game import Game, GameOptions
from .layout import build, draw_blind, parse, turn_heading, turn_place
from .questions import UNKNOWN, YES_NO, Reader, yes_no

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "LAYOUTS", "InformOptions"]

INFORMANT, SEEKER = 0, 1
TREASURE = 0

# The rooms. ``S`` and ``I`` are in their pens, ``1`` and ``2`` the two containers, ``D`` what opens.
_TRAIN = (
    """
    #########
    #...S...#
    #=D===D=#
    #.......#
    #.1...2.#
    #.......#
    #=======#
    #...I...#
    #########
    """,
    """
    #########
    #...S...#
    #==D=D==#
    #.....2.#
    #.......#
    #.1.....#
    #=======#
    #...I...#
    #########
    """,
    """
    #########
    #...S...#
    #==D=D==#
    #...=...#
    #1.....2#
    #.......#
    #=======#
    #...I...#
    #########
    """,
)
_HELD_OUT = (
    """
    #########
    #...S...#
    #=D===D=#
    #.......#
    #..1.2..#
    #...=...#
    #=======#
    #...I...#
    #########
    """,
    """
    #########
    #...S...#
    #==D=D==#
    #1......#
    #...=...#
    #......2#
    #=======#
    #...I...#
    #########
    """,
    """
    #########
    #...S...#
    #==D=D==#
    #=.....=#
    #=....2.#
    #..1...=#
    #=======#
    #...I...#
    #########
    """,
)
LAYOUTS = tuple(parse(text, connected=False) for text in (*_TRAIN, *_HELD_OUT))
SIDE = LAYOUTS[0].width
TERRAINS = np.stack([layout.terrain for layout in LAYOUTS])
SITES = np.stack([layout.places("1", "2") for layout in LAYOUTS]).astype(np.int64)
GATES = np.array([layout.marks["D"] for layout in LAYOUTS], np.int64)
TERRAINS[np.arange(len(LAYOUTS))[:, None], GATES] = WINDOW  # until the pen opens
PEN_S, PEN_I = (int(place) for place in LAYOUTS[0].places("S", "I"))
BLIND_ROW = 2

CONDITIONS = ("knows", "true_belief", "ignorance", "false_belief", "mixed")
KNOWS, TRUE_BELIEF, IGNORANCE, FALSE_BELIEF, MIXED = range(len(CONDITIONS))
WITNESSED = np.array([KNOWS, TRUE_BELIEF, FALSE_BELIEF], np.int64)  # where the seeker saw the putting in

NATURES = ("none", "honest", "deceitful", "any")
NONE, HONEST, DECEITFUL, ANY = range(len(NATURES))
TRUE_WORD, FALSE_WORD = 1, 2  # what the informant's first word was, by what the seeker had seen

# By population: what the treasure is, and how many steps the seeker waits before it goes.
KINDS = np.array([[3, 1], [4, 6]], np.int64)  # apple, ball; banana, cup
WAITS = np.array([[3, 5], [4, 6]], np.int64)

# Step by step: put in, closed, the blind up; both open once more, closed; the blind up, the pen open.
PUT, CLOSED, CHANGED, ASKED = 1, 3, 4, 7
COST = 0.1

# What a world remembers.
CONDITION, ORIENTATION, LAYOUT, SITE, BASKET_FIRST, HABIT, WAITING, NEEDED, HEARD, OPENED = range(10)
INFORMED, NEEDLESS, FALSE_SIGNALS, FOLLOWED, SPENT, DETECTED = range(10, 16)
NATURE, RECORD = 16, 17


@dataclass(frozen=True)
class InformOptions(GameOptions):
    """Options of ``inform``."""

    limit: int = 50
    condition: str = "mixed"
    mirrored: bool = False
    layouts: str = "train"
    population: str = "any"
    social: bool = True
    deceit: str = "none"
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {
        "condition": CONDITIONS,
        "layouts": ("train", "held_out"),
        "population": ("train", "held_out", "any"),
        "deceit": NATURES,
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.deceit == "none":
            return
        if self.condition == "ignorance":
            expected = ", ".join(repr(name) for name in CONDITIONS if name != "ignorance")
            raise ValueError(
                f"option 'condition' is 'ignorance', expected one of {expected} with deceit={self.deceit!r}: "
                "who saw nothing put in has no record to judge the informant by"
            )
        if not self.social:
            raise ValueError(
                f"option 'social' is False, expected True with deceit={self.deceit!r}: an arrow hears "
                "nothing, and cannot be deceived"
            )


def encode(options: InformOptions) -> npt.NDArray[np.int64]:
    """(limit, condition, mirrored, layouts, population, social, deceit)."""
    choices = InformOptions.CHOICES
    return np.array(
        [
            options.limit,
            CONDITIONS.index(options.condition),
            options.mirrored,
            choices["layouts"].index(options.layouts),
            choices["population"].index(options.population),
            options.social,
            NATURES.index(options.deceit),
        ]
    )


@njit
def at(w: Any, place: int) -> int:
    """Where a place of the drawn map is in this world."""
    return turn_place(place, whole(w.memory[ORIENTATION]), SIDE, SIDE)


@njit
def site_cell(w: Any, site: int) -> int:
    return at(w, SITES[w.memory[LAYOUT], site])


@njit
def site_at(w: Any, cell: int) -> int:
    """Which of the two stands in a cell, or -1."""
    for site in range(2):
        if site_cell(w, site) == cell:
            return site
    return -1


@njit
def moved(w: Any) -> int:
    """Whether the treasure changes its place."""
    return whole(w.memory[CONDITION] == TRUE_BELIEF or w.memory[CONDITION] == FALSE_BELIEF)


@njit
def deal_world(w: Any, options: Any) -> None:
    """A new episode: both in their pens, two empty containers. The same numbers are drawn whatever the
    options: twins have all else in common."""
    limit, condition, mirrored, layouts, population, social, deceit = options[:7]
    engine.clear(w, SIDE, SIDE, 2, 1, limit)
    w.hearing = 15  # anywhere
    drawn, orientation, room = random_below(w, 4), random_below(w, 8), random_below(w, 3)
    basket_first, site, habit = random_below(w, 2), random_below(w, 2), random_below(w, 2)
    kind, waiting, half = random_below(w, 2), random_below(w, 2), random_below(w, 2)
    if population < 2:
        half = population
    w.memory[CONDITION] = drawn if condition == MIXED else condition
    w.memory[ORIENTATION] = orientation
    w.memory[LAYOUT] = 3 * layouts + room
    w.memory[SITE] = site ^ mirrored  # where the treasure is in the end
    w.memory[BASKET_FIRST] = basket_first
    w.memory[HABIT] = habit
    w.memory[WAITING] = WAITS[half, waiting]
    build(w, TERRAINS[w.memory[LAYOUT]], SIDE, SIDE, orientation)
    for k in range(2):
        engine.set_terrain(w, site_cell(w, k), BASKET_CLOSED if k ^ basket_first else BOX_CLOSED)
    w.kind[TREASURE] = KINDS[half, kind]
    w.place[INFORMANT] = at(w, PEN_I)
    w.heading[INFORMANT] = turn_heading(0, orientation)
    w.place[SEEKER] = at(w, PEN_S)
    w.heading[SEEKER] = turn_heading(2, orientation)
    if not social:
        w.body[SEEKER] = THING_ARROW
        w.identity[SEEKER] = ARROW
    for a in range(2):
        w.task[a] = 1
    if deceit != NONE:  # the last that is drawn: all else is as it is without
        witnessed, nature = random_below(w, 3), random_below(w, 2)
        if condition == MIXED:
            w.memory[CONDITION] = WITNESSED[witnessed]
        w.memory[NATURE] = HONEST + nature if deceit == ANY else deceit
        w.cue[INFORMANT, 0] = w.memory[NATURE]


# --- The rules --------------------------------------------------------------------------------------------
@njit
def blind(w: Any, down: bool) -> None:
    """Let down or raise the blind before the seeker's pen."""
    draw_blind(w, BLIND_ROW, down, SIDE, whole(w.memory[ORIENTATION]))


@njit
def prepare(w: Any) -> None:
    """The experimenter's step: put in, move, open the pen. All conditions take the same time."""
    step, condition = whole(w.step), w.memory[CONDITION]
    if step > ASKED:
        return  # what the seeker opens ends the episode
    if step == PUT:
        blind(w, condition == IGNORANCE)
        engine.put_thing(w, TREASURE, site_cell(w, whole(w.memory[SITE]) ^ moved(w)))
    elif step == CLOSED:
        blind(w, False)
    elif step == CHANGED:
        blind(w, condition != TRUE_BELIEF)
        if moved(w):
            engine.put_thing(w, TREASURE, site_cell(w, whole(w.memory[SITE])))
    elif step == ASKED:
        blind(w, False)
        for k in range(2):
            engine.set_terrain(w, at(w, GATES[w.memory[LAYOUT], k]), FLOOR)
        known = whole(w.belief[TREASURE, 1 + SEEKER]) == whole(w.thing[TREASURE])
        w.memory[NEEDED] = w.body[SEEKER] == PERSON and not known
        w.ask = w.memory[NATURE] == NONE  # or else when the seeker has been told
        for a in range(2):
            w.task[a] = 2
    # whoever might pull at them: nobody but the experimenter opens them yet
    for site in range(2):
        cell = site_cell(w, site)
        terrain = terrain_at(w, cell)
        closed = BOX_CLOSED if terrain <= BOX_OPEN else BASKET_CLOSED
        is_open = step in (PUT, CHANGED)
        if terrain != closed + is_open:
            engine.set_terrain(w, cell, closed + is_open)


@njit
def told_site(w: Any) -> int:
    """The container that was named to the seeker; -1 before."""
    if w.memory[HEARD] == 0:
        return -1
    return (whole(w.memory[HEARD]) - 1) ^ whole(w.memory[BASKET_FIRST])


@njit
def vet(w: Any) -> None:
    """Hold the informant's first word that names one of the two against what the seeker had seen when it was
    said. This goes by the seeker's percepts alone, whoever speaks, and whatever its nature."""
    symbol = whole(w.voice[INFORMANT]) - 1
    seen = site_at(w, whole(w.belief[TREASURE, 1 + SEEKER]))
    if symbol > 1 or seen < 0 or w.memory[RECORD]:
        return
    w.memory[RECORD] = TRUE_WORD if symbol ^ whole(w.memory[BASKET_FIRST]) == seen else FALSE_WORD


@njit
def listen(w: Any) -> None:
    """Count the informant's signal; what counts for the seeker is the first that names one of the two."""
    if w.memory[NEEDED] == 0:
        w.memory[NEEDLESS] += 1
    symbol = whole(w.voice[INFORMANT]) - 1
    if symbol > 1:
        return
    right = symbol ^ whole(w.memory[BASKET_FIRST]) == whole(w.memory[SITE])
    if not right:
        w.memory[FALSE_SIGNALS] += 1
    if w.memory[HEARD] == 0:
        w.memory[HEARD] = 1 + symbol
        w.ask = w.memory[NATURE] != NONE
        if right and w.memory[NEEDED]:
            w.memory[INFORMED] = 1


@njit
def rules(w: Any) -> None:
    """Signals, the experimenter, the seeker's choice, faces, rewards, the end."""
    w.ask = 0
    if w.voice[INFORMANT]:
        w.reward[INFORMANT] = -COST
        w.memory[SPENT] += 1
        if w.step > ASKED:
            listen(w)
        elif w.memory[NATURE] and w.step <= CHANGED:
            vet(w)
    if w.step > ASKED and w.action[SEEKER] == TOGGLE:
        site = site_at(w, engine.front(w, SEEKER))
        if site >= 0:
            w.memory[OPENED] = 1 + site
            w.terminated = 1
            if w.body[SEEKER] == PERSON:
                found = w.memory[SITE] == site
                told = told_site(w)
                w.memory[FOLLOWED] = told == site
                w.memory[DETECTED] = told >= 0 and told != site and told != w.memory[SITE]
                w.reward[SEEKER] = 1.0 if found else -1.0
                w.face[SEEKER] = GLAD if found else SAD
    prepare(w)
    if w.step >= ASKED:
        right = w.memory[INFORMED] if w.memory[NEEDED] else w.memory[SPENT] == 0
        if w.memory[NATURE]:
            right = w.memory[OPENED] == 1 + w.memory[SITE]
        w.perf = 1.0 if right else 0.0


# --- The characters ---------------------------------------------------------------------------------------
@njit
def untold(w: Any) -> int:
    """Which of the two the seeker opens if it is told nothing."""
    if w.body[SEEKER] == THING_ARROW:
        return whole(w.memory[SITE]) ^ moved(w)  # clockwork
    site = site_at(w, whole(w.belief[TREASURE, 1 + SEEKER]))
    return site if site >= 0 else whole(w.memory[HABIT])


@njit
def weigh(w: Any) -> int:
    """What the seeker makes of what it was told, by the informant's record: one whose first word was false
    names the wrong one. Where there is no record it takes the word for true."""
    return told_site(w) ^ whole(w.memory[RECORD] == FALSE_WORD)


@njit
def chosen_site(w: Any, mode: int) -> int:
    """Which of the two the seeker opens: what it is told, or else where it believes the treasure to be;
    where it may be deceived, as its mode has it."""
    if w.memory[NATURE] and mode in (EXACT, PROSOCIAL):
        return whole(w.memory[SITE])
    heeds = w.body[SEEKER] == PERSON and not (w.memory[NATURE] and mode == EGOCENTRIC)
    if w.memory[HEARD] == 0 or not heeds:
        return untold(w)
    return told_site(w) if mode in (REFLEX, REALITY_BIASED) else weigh(w)


@njit
def seek(w: Any, mode: int) -> int:
    """The seeker: wait, then go to the one that it chooses, and open."""
    if w.step < ASKED + w.memory[WAITING]:
        return WAIT
    cell = site_cell(w, chosen_site(w, mode))
    return TOGGLE if engine.front(w, SEEKER) == cell else plan(w, SEEKER, cell, BEFORE)


@njit
def inform(w: Any, mode: int) -> int:
    """The informant: say once where the treasure is, if its mode has the seeker need it."""
    if w.step < ASKED or w.memory[HEARD]:
        return WAIT
    mine = whole(w.belief[TREASURE, 1 + INFORMANT])
    needed = False
    if mode == REFLEX:
        needed = True
    elif w.body[SEEKER] == PERSON:
        if mode == SCRIPTED:
            # chains are numbered by length, then by their members: (informant, seeker) is the first of two
            needed = w.order >= 2 and whole(w.belief[TREASURE, 1 + 2]) != mine
        elif mode in (EXACT, PROSOCIAL):
            mine = whole(w.thing[TREASURE])
            needed = whole(w.belief[TREASURE, 1 + SEEKER]) != mine
    site = site_at(w, mine)
    if not needed or site < 0:
        return WAIT
    return SAY + (site ^ whole(w.memory[BASKET_FIRST]))


@njit
def testify(w: Any) -> int:
    """The informant by its nature: name where it believes the treasure to be, or the other of the two; once
    when it has been put in, and once when the seeker may be told."""
    site = site_at(w, whole(w.belief[TREASURE, 1 + INFORMANT]))
    due = w.step == CLOSED - 1 or (w.step >= ASKED and w.memory[HEARD] == 0)
    if not due or site < 0:
        return WAIT
    named = site ^ whole(w.memory[NATURE] == DECEITFUL)
    return SAY + (named ^ whole(w.memory[BASKET_FIRST]))


@njit
def script_world(w: Any, i: int, modes: Any, actions: Any) -> None:
    for a in range(w.individuals):
        if modes[a] == RANDOM:
            actions[i, a] = random_legal(w, a)
        elif modes[a] and a == SEEKER:
            actions[i, a] = seek(w, modes[a])
        elif modes[a]:
            actions[i, a] = testify(w) if w.memory[NATURE] else inform(w, modes[a])


# --- The reward function ----------------------------------------------------------------------------------
@njit
def seen_face(windows: Any, n: int, t: int, who: int, cells: int) -> int:
    """The face of somebody in a window; -1 where they are not in sight."""
    for k in range(cells):
        body = whole((windows[n, t, k] >> 16) & 0xFF)
        if body and (body - 1) >> 2 == who:
            return whole(windows[n, t, k] >> 24) & 3
    return -1


@njit
def judge(windows: Any, fields: Any, lengths: Any, actions: Any, who: Any, numbers: Any, out: Any) -> None:
    """R(history, action, who) for each row; see the page's Rewards, and Judging another."""
    size = whole(numbers[engine.WINDOW_OPTION])
    for n in range(lengths.shape[0]):
        after = whole(lengths[n]) - 1
        me = whole(fields[n, after, FIELD_SELF])
        value = 0.0
        if who[n] == INFORMANT:
            spoke = actions[n] >= SAY if me == INFORMANT else fields[n, after, FIELD_HEARD + INFORMANT] > 0
            value = -COST if spoke else 0.0
        elif me == SEEKER and numbers[5]:
            code = windows[n, after, (size - 2) * size + (size >> 1)]
            terrain = whole(code & 0xFF)
            if actions[n] == TOGGLE and terrain in (BOX_OPEN, BASKET_OPEN):
                value = 1.0 if (code >> 8) & 0xFF else -1.0
        elif me == INFORMANT:
            now = seen_face(windows, n, after, SEEKER, size * size)
            then = seen_face(windows, n, after - 1, SEEKER, size * size)
            if now > 0 and then <= 0:
                value = 1.0 if now == GLAD else -1.0
        out[n] = value


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


def probes(simulation: Simulation, world: int) -> list[Probe]:
    """What the informant is asked, or the seeker where it may be deceived."""
    reader, w = Reader(simulation, world), simulation.worlds[world]
    nature, social = int(w["memory"][NATURE]), int(w["body"][SEEKER]) == PERSON
    condition = CONDITIONS[int(w["memory"][CONDITION])]
    condition += f"_{NATURES[nature]}" if nature else "" if social else "_arrow"
    asked, group = (reader.names[SEEKER], "deceit") if nature else (reader.names[INFORMANT], "inform")
    items: list[Probe] = []

    def item(
        kind: str, chain: tuple[str, ...], about: str, options: tuple[str, ...], answer: str, own: str,
        order: int, shortcuts: dict[str, str], is_test: bool, question: str,
    ) -> None:  # fmt: skip
        items.append(
            Probe(
                kind, asked, chain, about, options, answer, own, order, shortcuts, condition,
                "test" if is_test else "control", group, question, int(w["step"]),
            )
        )  # fmt: skip

    if simulation.order:
        (ask_seeker if nature else ask_informant)(simulation, w, reader, item)
    return items


def ask_informant(simulation: Simulation, w: Any, reader: Reader, item: Callable[..., None]) -> None:
    """Where the treasure is and was, what the seeker believes and knows, what it will open untold."""
    condition = int(w["memory"][CONDITION])
    me, other = reader.names
    thing = simulation.game.things[TREASURE]
    social = int(w["body"][SEEKER]) == PERSON
    who = "the seeker" if social else "the arrow"
    test = social and condition in (IGNORANCE, FALSE_BELIEF)
    places, constant = (*CONTAINERS, UNKNOWN), CONTAINERS[0]
    real, first = reader.belief(thing), reader.first_place(thing)
    mine = reader.own(thing, me)
    shortcuts = reader.shortcuts(thing, (), constant)
    item("reality", (), thing, places, real, mine, 0, shortcuts, False, "Where is the treasure really?")
    item("memory", (), thing, places, first, first, 0, shortcuts, False, "Where was the treasure put first?")
    believed, own = reader.belief(thing, other), reader.own(thing, me, other)
    item("belief", (other,), thing, places, believed, own,
         reader.required_order(thing, (other,), believed), reader.shortcuts(thing, (other,), constant),
         test, f"Where does {who} think the treasure is?")  # fmt: skip
    item("knowledge", (other,), thing, YES_NO, yes_no(believed == real),
         yes_no(own == mine) if own else "", 1,
         {"most_frequent": "yes", "reality": "yes", "dropped_first": "yes"}, test,
         f"Does {who} know where the treasure is?")  # fmt: skip
    goes = reader.place_name(int(site_cell(w, int(untold(w)))))
    if not social or believed in CONTAINERS:
        item("next_action", (other,), other, CONTAINERS, goes, (own if social else first) or "",
             int(social and goes != real),
             {"reality": real, "dropped_first": real, "last_mentioned": reader.last_mentioned(thing),
              "most_frequent": constant},
             test, f"Which will {who} open if it is told nothing?")  # fmt: skip


def ask_seeker(simulation: Simulation, w: Any, reader: Reader, item: Callable[..., None]) -> None:
    """Where the treasure is and was, what the informant believes, and what it is after; nothing before the
    seeker has been told."""
    memory = w["memory"]
    if not memory[HEARD]:
        return
    other, me = reader.names
    thing = simulation.game.things[TREASURE]
    # where what it saw and what it is told are both right, nothing has to be weighed
    test = memory[CONDITION] == FALSE_BELIEF or memory[NATURE] == DECEITFUL
    places, record = (*CONTAINERS, UNKNOWN), int(memory[RECORD])
    named = reader.place_name(int(site_cell(w, int(told_site(w)))))
    # without a record nothing that it perceived says whether to believe the word
    weighed = reader.place_name(int(site_cell(w, int(weigh(w))))) if record else ""
    real, seen, first = reader.belief(thing), reader.belief(thing, me), reader.first_place(thing)
    believed = reader.belief(thing, other)
    constant = CONTAINERS[0]
    shortcuts = {"reality": real, "first_place": first, "last_mentioned": named, "most_frequent": constant}
    item("reality", (), thing, places, real, weighed, int(seen != real), {**shortcuts, "no_change": seen},
         test, "Where is the treasure really?")  # fmt: skip
    item("memory", (), thing, places, first, first, 0, shortcuts, False, "Where was the treasure put first?")
    mine = {**shortcuts, "dropped_first": seen}
    item("belief", (other,), thing, places, believed, weighed, int(seen != believed), mine, test,
         "Where does the informant think the treasure is?")  # fmt: skip
    if believed in CONTAINERS:
        # whoever it is: who names where it thinks the treasure is wants it to be found
        item("want", (other,), other, YES_NO, yes_no(named == believed),
             yes_no(record == TRUE_WORD) if record else "", 1,
             {"most_frequent": YES_NO[0], "dropped_first": YES_NO[0]}, test,
             "Does the informant want the seeker to find the treasure?")  # fmt: skip
        item("goal", (other,), other, CONTAINERS, named, named, int(named != seen), mine, test,
             "Which does the informant want the seeker to open?")  # fmt: skip


GAME = Game(
    name="inform",
    stage="5b",
    title="tell it to whom does not know, and to nobody else",
    roles=("informant", "seeker"),
    learner="informant",
    things=("treasure",),
    options=InformOptions,
    encode=encode,
    count=lambda options: 2,
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
        "exact",
        "random",
        "egocentric",
        "selfish",
        "prosocial",
        "reflex",
    ),
    tallies={
        "informed": INFORMED,
        "needless": NEEDLESS,
        "false_signals": FALSE_SIGNALS,
        "followed": FOLLOWED,
        "detected": DETECTED,
        "signals": SPENT,
    },
)
