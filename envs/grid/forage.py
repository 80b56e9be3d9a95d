"""Forage: competitive feeding (stage 3b in action, visual perspective-taking).

A subordinate and a dominant are penned in at opposite ends of an arena. Food is hidden there while both
look on, or while a blind keeps the dominant from seeing. Then the pens open, the dominant's four steps
earlier. What the dominant goes for, it gets: the subordinate does well to take what the dominant does
not know of. The arena is cut in two by glass, so that a choice of side is a choice.

``hiding="boxes"``: four boxes, two foods. A food is put into a box and the box is closed; later it may
be moved while the blind is down. So for each food the dominant **knows** where it is, holds a **false**
belief, or is **ignorant**: nine knowledge states, all of them played, never written into beliefs. What
matters has to be remembered. ``hiding="walls"``: two foods in the open, a wall before one, both or none
of them, as seen by the dominant. What matters is visible at the moment of choice.

Individuals. ``subordinate``, ``dominant`` (absent with ``opponent=False``: the control).
Rewards. +1 for each food eaten (by holding it, or by stepping on it). subordinate: -0.5, once, for
being caught on the same side of the glass as the dominant; -0.01 a step after the pens have opened.
Ends. Terminated when all food is gone; truncated after ``limit`` steps.
perf. 1 if the subordinate ate and was never caught, 0.5 if it ate and was, 0 if it ate nothing.
Task. ``task`` is 1 while the pens are closed, 2 afterwards.
Probes. When the pens open, for each food. Boxes: where the dominant believes it to be, whether it
knows, where it is, where it was first; which food it goes for. Walls: whether the dominant sees it,
whether the subordinate does.
Source. Hare, Call, Agnetta & Tomasello 2000 (walls); Hare, Call & Tomasello 2001 (blind, moved food).

Options: ``hiding``; ``state``, the dominant's knowledge of the two foods (``"knows_false"`` ..., with
walls ``knows`` is in its sight and ``ignorant`` is hidden from it; ``"random"``; ``"differs"``: a
random state of those in which it can go for one food only); ``opponent``; ``start`` (-1: random; else
the number of one of ``STARTS[hiding]`` starts: boxes, orientations and states, enumerated); ``limit``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..kernels import njit, whole
from ..probes import Probe
from ..simulation import ANEW, EXACT, RANDOM, RUNNING, SCRIPTED
from . import engine
from .characters import BEFORE, ON, believed_place, plan, random_legal, route_length
from .engine import (
    BOX_CLOSED,
    BOX_OPEN,
    FLOOR,
    GONE,
    HANDS,
    IS_OPEN,
    NOWHERE,
    OUT,
    PICK_UP,
    PROPERTIES,
    TOGGLE,
    TURN_RIGHT,
    WAIT,
    WALL,
    random_below,
    terrain_at,
)
from .game import Game, GameOptions
from .layout import build, draw_blind, parse, turn_heading, turn_place
from .questions import UNKNOWN, YES_NO, Reader, yes_no

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "STARTS", "ForageOptions"]

SUBORDINATE, DOMINANT = 0, 1

# The pens are rows 1 and 7; ``D`` and ``S`` stand in them. A pane of glass cuts the arena in two: who
# has chosen a side comes to the other through the pen again. The sites are numbered.
BOXES = parse(
    """
    #########
    #...D...#
    #=======#
    #...=...#
    #1.2=3.4#
    #...=...#
    #=======#
    #...S...#
    #########
    """,
    connected=False,
)
WALLS = parse(
    """
    #########
    #...D...#
    #=======#
    #...=...#
    #.1.=.2.#
    #...=...#
    #=======#
    #...S...#
    #########
    """,
    connected=False,
)
SIDE = BOXES.width
TERRAINS = np.stack([BOXES.terrain, WALLS.terrain])
SITES = np.array([BOXES.places("1", "2", "3", "4"), [*WALLS.places("1", "2"), 0, 0]], np.int64)
PEN_D, PEN_S = (int(place) for place in BOXES.places("D", "S"))
BLIND_ROW = 2
# Each pen has two gates, one a side; they are windows until the pens open.
GATES_D = np.array([2 << 4 | 1, 2 << 4 | 7], np.int64)
GATES_S = np.array([6 << 4 | 3, 6 << 4 | 5], np.int64)

KNOWS, FALSE, IGNORANT = range(3)
_KNOWLEDGE = ("knows", "false", "ignorant")
STATES = tuple(f"{one}_{other}" for one in _KNOWLEDGE for other in _KNOWLEDGE)
ANY, DIFFERS = 9, 10
# How many starts there are: states x ordered pairs of sites x ordered pairs of the two sites left x
# orientations (boxes); states (seen or hidden) x which food is where x orientations (walls).
STARTS = {"boxes": 9 * 12 * 2 * 8, "walls": 4 * 2 * 8}

# The baiting, step by step: food 0 in, food 1 in, food 0 moved, food 1 moved; each box is open for one
# step. All starts take the same time, whatever is moved.
BAITED = 9
HEAD_START = 4  # the dominant is there first wherever both go
PATIENCE = 12  # steps for which a dominant that knows of no food stays where it is

# What a world remembers.
WITH_WALLS, ORIENTATION, STATE, CAUGHT, SITE, NEW_SITE, SEARCHED, EATEN, OPENED = (
    0,
    1,
    2,  # + food: the dominant's knowledge of it that is played
    4,
    5,  # + food
    7,  # + food
    9,  # + individual: bits of the sites found empty
    11,  # + individual: foods eaten
    13,  # step at which the dominant's pen opens
)


@dataclass(frozen=True)
class ForageOptions(GameOptions):
    """Options of ``forage``."""

    limit: int = 64
    hiding: str = "boxes"
    state: str = "random"
    opponent: bool = True
    start: int = -1
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {
        "hiding": ("boxes", "walls"),
        "state": ("random", "differs", *STATES),
    }
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {"start": (-1, STARTS["boxes"] - 1)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.start >= STARTS[self.hiding]:
            raise ValueError(
                f"option 'start' is {self.start}, expected -1 to {STARTS[self.hiding] - 1} with "
                f"hiding={self.hiding!r}"
            )
        if self.start >= 0 and self.state != "random":
            raise ValueError(
                f"option 'state' is {self.state!r}, expected 'random' beside start={self.start}: a "
                "start has its own state"
            )
        if self.hiding == "walls" and "false" in self.state:
            raise ValueError(
                f"option 'state' is {self.state!r}, expected knows or ignorant with hiding='walls': "
                "what is in the open is seen or not"
            )


def encode(options: ForageOptions) -> npt.NDArray[np.int64]:
    """(limit, walls, state, opponent, start)."""
    walls = int(options.hiding == "walls")
    state = {"random": ANY, "differs": DIFFERS}.get(options.state)
    if state is None:
        state = STATES.index(options.state)
    return np.array([options.limit, walls, state, options.opponent, options.start])


@njit
def at(w: Any, place: int) -> int:
    """Where a place of the drawn map is in this world."""
    return turn_place(place, whole(w.memory[ORIENTATION]), SIDE, SIDE)


@njit
def site_cell(w: Any, site: int) -> int:
    return at(w, SITES[w.memory[WITH_WALLS], site])


@njit
def draw_start(w: Any, walls: int, state: int, start: int) -> None:
    """Fill in the state of knowledge, the sites and the orientation: enumerated or at random."""
    orientation, left, pair = whole(0), whole(0), whole(0)
    if start >= 0:
        orientation = start & 7
        start >>= 3
        left = start & 1
        start >>= 1
        if walls:
            seen, pair = start, left
            one, other = (0 if seen & 1 else 2), (0 if seen & 2 else 2)
        else:
            pair = start % 12
            state = start // 12
            one, other = state // 3, state % 3
    else:
        orientation = random_below(w, 8)
        left = random_below(w, 2)
        pair = left if walls else random_below(w, 12)
        if walls:
            seen = random_below(w, 4)
            if state == DIFFERS:
                seen = 1 + random_below(w, 2)
            one, other = (0 if seen & 1 else 2), (0 if seen & 2 else 2)
        else:
            one, other = random_below(w, 3), random_below(w, 3)
            while state == DIFFERS and (one == IGNORANT) == (other == IGNORANT):
                one, other = random_below(w, 3), random_below(w, 3)
        if state < ANY:
            one, other = state // 3, state % 3
    w.memory[ORIENTATION] = orientation
    w.memory[STATE] = one
    w.memory[STATE + 1] = other
    if walls:
        w.memory[SITE] = pair
        w.memory[SITE + 1] = 1 - pair
    else:
        first = pair // 3
        second = pair % 3
        second += second >= first
        w.memory[SITE] = first
        w.memory[SITE + 1] = second
        # the two sites left over, in one order or the other
        rest = 0
        for site in range(4):
            if site != first and site != second:
                w.memory[NEW_SITE + (rest ^ left)] = site
                rest += 1


@njit
def deal_world(w: Any, options: Any) -> None:
    """A new episode: the arena, both in their pens, no food yet."""
    limit, walls, state, opponent, start = options[:5]
    engine.clear(w, SIDE, SIDE, 2, 2, limit)
    w.memory[WITH_WALLS] = walls
    draw_start(w, walls, state, start)
    orientation = whole(w.memory[ORIENTATION])
    build(w, TERRAINS[walls], SIDE, SIDE, orientation)
    w.place[DOMINANT] = at(w, PEN_D)
    w.heading[DOMINANT] = turn_heading(2, orientation)
    w.place[SUBORDINATE] = at(w, PEN_S)
    w.heading[SUBORDINATE] = turn_heading(0, orientation)
    if not opponent:
        w.body[DOMINANT] = OUT
    w.kind[0] = 3  # apple
    w.kind[1] = 4  # banana
    for site in range(2 if walls else 4):
        if not walls:
            engine.set_terrain(w, site_cell(w, site), BOX_CLOSED)
    w.memory[OPENED] = 3 if walls else BAITED
    for a in range(2):
        w.task[a] = 1
    engine.label_rooms(w)
    if walls:
        for food in range(2):
            if w.memory[STATE + food] == IGNORANT:
                # a corner of wall about the food, open to the subordinate's side alone
                cell = SITES[1, w.memory[SITE + food]]
                inward = 1 if w.memory[SITE + food] == 0 else -1
                for near in (-16, -16 + inward, inward):
                    engine.set_terrain(w, at(w, cell + near), WALL)


@njit
def blind(w: Any, down: bool) -> None:
    """Let down or raise the blind before the dominant's pen."""
    draw_blind(w, BLIND_ROW, down, SIDE, whole(w.memory[ORIENTATION]))


@njit
def bait(w: Any) -> None:
    """The experimenter's step: put, move, cover, open the pens."""
    step = whole(w.step)
    walls = w.memory[WITH_WALLS] != 0
    if walls and step <= 2:
        engine.put_thing(w, step - 1, site_cell(w, whole(w.memory[SITE + step - 1])))
    elif not walls and step < BAITED:
        food = ((step - 1) >> 1) & 1
        knowledge = w.memory[STATE + food]
        old = site_cell(w, whole(w.memory[SITE + food]))
        new = site_cell(w, whole(w.memory[NEW_SITE + food]))
        if step <= 4:
            blind(w, knowledge == IGNORANT)
            engine.set_terrain(w, old, BOX_OPEN if step & 1 else BOX_CLOSED)
            if step & 1:
                engine.put_thing(w, food, old)
        else:
            blind(w, True)
            if knowledge == FALSE:
                for cell in (old, new):
                    engine.set_terrain(w, cell, BOX_OPEN if step & 1 else BOX_CLOSED)
                if step & 1:
                    engine.put_thing(w, food, new)
    opened = w.memory[OPENED]
    if step == opened:
        blind(w, False)
        for gate in GATES_D:
            engine.set_terrain(w, at(w, gate), FLOOR)
        w.ask = 1
        for a in range(2):
            w.task[a] = 2
    elif step == opened + HEAD_START:
        for gate in GATES_S:
            engine.set_terrain(w, at(w, gate), FLOOR)
    else:
        w.ask = 0


@njit
def rules(w: Any) -> None:
    """Baiting, eating, being caught, the end."""
    bait(w)
    if w.step <= w.memory[OPENED]:
        return
    w.reward[SUBORDINATE] = -0.01
    for food in range(2):
        place = whole(w.thing[food])
        for a in range(2):
            if w.body[a] != OUT and (place == w.place[a] or place == HANDS + a):
                engine.put_thing(w, food, GONE)
                w.reward[a] += 1
                w.memory[EATEN + a] += 1
    if w.body[DOMINANT] != OUT and w.memory[CAUGHT] == 0:
        room = w.room[w.place[SUBORDINATE]]
        if room and room == w.room[w.place[DOMINANT]]:
            w.memory[CAUGHT] = 1
            w.reward[SUBORDINATE] -= 0.5
    if w.memory[EATEN + SUBORDINATE]:
        w.perf = 0.5 if w.memory[CAUGHT] else 1.0
    if w.thing[0] == GONE and w.thing[1] == GONE:
        w.terminated = 1


# --- The foragers -----------------------------------------------------------------------------------------
@njit
def choice(w: Any, a: int, places: Any) -> int:
    """The food that ``a`` goes for if it takes the foods to be at these places: the nearest, the first
    of two as near; -1 where it knows of none."""
    best, nearest = -1, whole(0)
    manner = ON if w.memory[WITH_WALLS] else BEFORE
    for food in range(2):
        place = whole(places[food])
        if place == NOWHERE or place >= HANDS:
            continue
        length = route_length(w, a, place, manner)
        if length >= 0 and (best < 0 or length < nearest):
            best, nearest = food, length
    return best


@njit
def fetch(w: Any, a: int, cell: int) -> int:
    """Go to a cell and take what is there; open a box first."""
    if w.memory[WITH_WALLS]:
        return plan(w, a, cell, ON)
    if engine.front(w, a) != cell:
        return plan(w, a, cell, BEFORE)
    if not PROPERTIES[terrain_at(w, cell)] & IS_OPEN:
        return TOGGLE
    if engine.legal(w, a, PICK_UP):
        return PICK_UP
    for site in range(4):
        if site_cell(w, site) == cell:
            w.memory[SEARCHED + a] |= 1 << site
    return WAIT


@njit
def look_around(w: Any, a: int) -> int:
    """Without any belief: open the nearest box not found empty before; in the open, turn about."""
    if w.memory[WITH_WALLS]:
        return TURN_RIGHT
    best, target = whole(-1), whole(NOWHERE)
    for site in range(4):
        if (w.memory[SEARCHED + a] >> site) & 1 == 0:
            length = route_length(w, a, site_cell(w, site), BEFORE)
            if length >= 0 and (best < 0 or length < best):
                best, target = length, site_cell(w, site)
    return WAIT if target == NOWHERE else fetch(w, a, target)


@njit
def forage(w: Any, a: int, mode: int) -> int:
    """Take the nearest food one knows of; the subordinate leaves the dominant what that will go for."""
    places = w.target  # scratch, overwritten by the next move
    for food in range(2):
        places[food] = believed_place(w, a, food, mode)
    if w.step < w.memory[OPENED]:
        return WAIT
    rival = -1
    minds = w.filled
    if a == SUBORDINATE and w.body[DOMINANT] != OUT and mode in (SCRIPTED, EXACT):
        for food in range(2):
            # chains are numbered by length, then by their members: (subordinate, dominant) is the first
            # of the second order; without it, one's own belief stands in
            column = 1 + DOMINANT if mode == EXACT else 1 + 2
            if w.order < 2 and mode != EXACT:
                column = 1 + SUBORDINATE
            minds[food] = w.belief[food, column]
        rival = choice(w, DOMINANT, minds)
    if rival >= 0:
        manner = ON if w.memory[WITH_WALLS] else BEFORE
        mine = route_length(w, a, whole(places[rival]), manner)
        if mine < 0 or 2 * mine >= route_length(w, DOMINANT, whole(minds[rival]), manner):
            places[rival] = NOWHERE  # unless one is there long before
    food = choice(w, a, places)
    if food >= 0:
        return fetch(w, a, whole(places[food]))
    if rival >= 0 or (a == DOMINANT and w.step < w.memory[OPENED] + PATIENCE):
        return WAIT
    return look_around(w, a)


@njit
def script_world(w: Any, i: int, modes: Any, actions: Any) -> None:
    for a in range(w.individuals):
        if modes[a] == RANDOM:
            actions[i, a] = random_legal(w, a)
        elif modes[a]:
            actions[i, a] = WAIT if w.body[a] == OUT else forage(w, a, modes[a])


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
def probes(simulation: Simulation, world: int) -> list[Probe]:
    """For each food: what the dominant sees (walls), or believes and knows (boxes)."""
    reader = Reader(simulation, world)
    w = simulation.worlds[world]
    memory, step = w["memory"], int(w["step"])
    walls = bool(memory[WITH_WALLS])
    opponent = int(w["body"][DOMINANT]) != OUT
    me, other = "subordinate_0", "dominant_0"
    cells = [int(site_cell(w, whole(site))) for site in range(2 if walls else 4)]
    names = {cell: f"site_{site}" for site, cell in enumerate(cells)}
    places = (*names.values(), UNKNOWN)
    items: list[Probe] = []

    def name(place: int) -> str:
        return names.get(place, UNKNOWN)

    for food, thing in enumerate(simulation.game.things):
        condition = _KNOWLEDGE[memory[STATE + food]] if opponent else "no_opponent"
        here = int(w["thing"][food])

        def ask(
            kind: str, chain: tuple[str, ...], options: tuple[str, ...], answer: str, own: str,
            order: int, shortcuts: dict[str, str], role: str, question: str,
            thing: str = thing, condition: str = condition,
        ) -> None:  # fmt: skip
            items.append(
                Probe(
                    kind, me, chain, thing, options, answer, own, order, shortcuts, condition, role,
                    "forage", question, step,
                )
            )  # fmt: skip

        if walls:
            mine = yes_no(reader.sees(me, here))
            # what is seen oneself is all that a shortcut has to go by
            seen_by_me = {
                "dropped_first": mine,
                "last_mentioned": mine,
                "reality": "yes",
                "most_frequent": "yes",
            }
            if opponent:
                theirs = yes_no(reader.sees(other, here))
                # the layout lies open to the subordinate: it can work out what is in sight
                ask("percept", (other,), YES_NO, theirs, theirs, int(theirs != mine),
                    seen_by_me, "test", f"Does the dominant see the {thing} now?")  # fmt: skip
            ask("percept", (me,), YES_NO, mine, mine, 0,
                seen_by_me, "control", f"Do you see the {thing} now?")  # fmt: skip
            continue
        first, real = name(int(w["first"][food])), name(here)
        seen = name(reader.believed(thing, me)) if simulation.order else ""
        shortcuts = {
            "reality": real,
            "first_place": first,
            "last_mentioned": name(int(w["mentioned"])),
            "most_frequent": places[0],
        }
        ask("reality", (), places, real, seen, 0, shortcuts, "control", f"Where is the {thing} really?")
        ask("memory", (), places, first, first, 0, shortcuts, "control",
            f"Where was the {thing} put first?")  # fmt: skip
        if not opponent or not simulation.order:
            continue
        believed = name(reader.believed(thing, other))
        mine = name(reader.believed(thing, me, other)) if simulation.order >= 2 else ""
        ask("belief", (other,), places, believed, mine, int(believed != real),
            {**shortcuts, "dropped_first": real}, "test",
            f"Where does the dominant think the {thing} is?")  # fmt: skip
        ask("knowledge", (other,), YES_NO, yes_no(believed == real), yes_no(mine == seen) if mine else "", 1,
            {"most_frequent": "no", "reality": "yes"}, "test",
            f"Does the dominant know where the {thing} is?")  # fmt: skip
    return items


GAME = Game(
    name="forage",
    stage="3b",
    title="take the food that the dominant does not know of",
    roles=("subordinate", "dominant"),
    learner="subordinate",
    things=("apple", "banana"),
    options=ForageOptions,
    encode=encode,
    count=lambda options: 2,
    deal=deal,
    play=play,
    script=script,
    probes=probes,
    documentation=__doc__,
)
