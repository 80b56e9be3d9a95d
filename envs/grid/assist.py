"""Assist: help somebody to what they want, which is not always what they do (stage 5b, theory of mind).

A partner and a helper look on through glass, each from a pen of their own, while two things are put into a
box and a basket, one into each, and both are locked. Then both are opened once more, and the things may
change places. The pens open, and the partner goes to one of the two and pulls at it in vain. The helper
alone can open them, and just one: then its key is gone.

====================  ======================================================================  =============
condition             what is played                                                          right help
====================  ======================================================================  =============
``false_belief``      the things change places behind a blind: the partner pulls where the    open the other
                      thing that it wants was; it is in the other now
``true_belief``       the partner sees them change places: it wants what is in there now      open this one
``no_transfer``       behind the blind, both are opened and closed again                      open this one
``mixed``             one of these, drawn for each episode
====================  ======================================================================  =============

Twins of one seed look the same from when the pens open: the partner walks to the same place and pulls in the
same way. What it wants is not shown. It follows from where it pulls and from what it believes, and that
from what it saw; nothing is written into beliefs. To open what it pulls at is wrong in ``false_belief``,
and to open for it where that is which lay there first is wrong in ``true_belief``.

When something opens, it clicks, and the partner goes there. If it finds what it wants it takes it; if
not, it is surprised, and that was that. Pulling in vain makes it sad, having what it wants glad.

With ``social=False`` the partner is an arrow that drives against the same box or basket by clockwork, and is
stuck there. It is freed by opening what it is stuck at, whatever is inside. It believes and wants nothing.

Individuals. ``helper``, ``partner``.
Rewards. helper: -0.01 for every step in which it moved, turned, took something or let it go; nothing for
helping. partner: +1 when it comes to hold the thing that it wants.
Ends. Terminated when the partner holds what it wants, when it has looked in vain into what was opened, or
when the arrow is served, rightly or not; truncated after ``limit`` steps.
perf. 1 if what the helper opened is where the wanted thing is (what the arrow is stuck at), else 0.
Tallies. ``right_help``, ``wrong_help``; ``cost``, the helper's steps that cost something.
Task. ``task`` is 1 until the partner has pulled for the first time, 2 afterwards: the key works from then.
Cue. partner: ``cue_0`` is the kind of the thing that it wants.
Judging another. ``GAME.reward`` of the partner from the helper's percepts: +1 if it has just got something
in its hands and looks glad.
Modes. ``scripted`` takes the partner to want the thing that, as it believes, the partner believes to be where
it pulls, and opens where it believes that thing to be. ``exact`` and ``prosocial`` read the want. ``reflex``
opens what is pulled at. ``egocentric`` takes the partner to know what it knows itself, and so does the same.
``reality_biased`` takes it to want what lay there first, and opens where that is now; ``last_seen`` where
something was last put. ``selfish`` does nothing. The partner acts on its belief in any mode but ``random``.
Probes. When the partner has pulled for the first time. About each thing: where it is and was first
(controls), where the partner believes it to be, whether it knows. And: what it wants, which of the two has
to be opened for it, at which it will pull next (control).
Source. Buttelmann, Carpenter & Tomasello 2009 (infants help by what somebody believes).

Options: ``condition``; ``mirrored`` (the partner pulls at the other of the two, of the same seed);
``layouts`` (``"train"``, ``"held_out"``, three rooms each); ``population`` (which two things there are and
how the partner pulls: ``"train"`` and ``"held_out"`` have none in common, ``"any"`` has all); ``social``;
``limit``. Use windows of 7 or 9 cells.
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
    LAST_SEEN,
    RANDOM,
    REALITY_BIASED,
    REFLEX,
    RUNNING,
    SCRIPTED,
    SELFISH,
)
from . import engine
from .characters import BEFORE, plan, plan_knowing, random_legal
from .engine import (
    ARROW,
    BASKET_CLOSED,
    BOX_CLOSED,
    FIELD_CUE,
    FIELD_HAND,
    FIELD_HEADING,
    FIELD_SELF,
    FIELD_X,
    FIELD_Y,
    FLOOR,
    GLAD,
    GONE,
    HANDS,
    PERSON,
    PICK_UP,
    SAD,
    SURPRISED,
    THING_ARROW,
    TOGGLE,
    TURN_LEFT,
    TURN_RIGHT,
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

__all__ = ["GAME", "LAYOUTS", "AssistOptions"]

HELPER, PARTNER = 0, 1

# The rooms. ``P`` and ``H`` are in their pens, ``1`` and ``2`` the two containers, ``D`` what opens.
_TRAIN = (
    """
    #########
    #...P...#
    #==D=D==#
    #.......#
    #.1...2.#
    #.......#
    #==D=D==#
    #...H...#
    #########
    """,
    """
    #########
    #...P...#
    #==D=D==#
    #.2.....#
    #...=...#
    #.....1.#
    #==D=D==#
    #...H...#
    #########
    """,
    """
    #########
    #...P...#
    #=D===D=#
    #.......#
    #1.....2#
    #...=...#
    #=D===D=#
    #...H...#
    #########
    """,
)
_HELD_OUT = (
    """
    #########
    #...P...#
    #==D=D==#
    #.......#
    #..1.2..#
    #.......#
    #=D===D=#
    #...H...#
    #########
    """,
    """
    #########
    #...P...#
    #=D===D=#
    #......2#
    #...=...#
    #1......#
    #==D=D==#
    #...H...#
    #########
    """,
    """
    #########
    #...P...#
    #==D=D==#
    #=.....=#
    #.1.....#
    #=...2..#
    #==D=D==#
    #...H...#
    #########
    """,
)
LAYOUTS = tuple(parse(text, connected=False) for text in (*_TRAIN, *_HELD_OUT))
SIDE = LAYOUTS[0].width
TERRAINS = np.stack([layout.terrain for layout in LAYOUTS])
SITES = np.stack([layout.places("1", "2") for layout in LAYOUTS]).astype(np.int64)
GATES = np.array([layout.marks["D"] for layout in LAYOUTS], np.int64)
TERRAINS[np.arange(len(LAYOUTS))[:, None], GATES] = WINDOW  # until the pens open
PEN_P, PEN_H = (int(place) for place in LAYOUTS[0].places("P", "H"))
BLIND_ROW = 2

CONDITIONS = ("false_belief", "true_belief", "no_transfer", "mixed")
FALSE_BELIEF, TRUE_BELIEF, NO_TRANSFER, MIXED = range(len(CONDITIONS))

KINDS = np.array([1, 6, 7, 8], np.int64)  # ball, cup, book, toy
PAIRS = np.array([(0, 1), (2, 3), (0, 2), (1, 3)], np.int64)  # training has the first two
# How a partner pulls: at every step; at every other; twice, with a pause of two; once, with a look aside.
STEADY, PATIENT, PAUSING, ASKING = range(4)

# Step by step: the first thing in, closed, the second in, closed; both open, closed; the pens open.
CHANGED, OPENED = 5, 8
COST = 0.01

# What a world remembers.
CONDITION, ORIENTATION, LAYOUT, PULLED_SITE, PULLS, OPEN, WANT, MANNER, POSE, HELD = range(10)
PLACED = 10  # + site: the thing that was put there first
RIGHT, WRONG, SPENT = 12, 13, 14


@dataclass(frozen=True)
class AssistOptions(GameOptions):
    """Options of ``assist``."""

    limit: int = 60
    condition: str = "mixed"
    mirrored: bool = False
    layouts: str = "train"
    population: str = "any"
    social: bool = True
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {
        "condition": CONDITIONS,
        "layouts": ("train", "held_out"),
        "population": ("train", "held_out", "any"),
    }


def encode(options: AssistOptions) -> npt.NDArray[np.int64]:
    """(limit, condition, mirrored, layouts, population, social)."""
    choices = AssistOptions.CHOICES
    return np.array(
        [
            options.limit,
            CONDITIONS.index(options.condition),
            options.mirrored,
            choices["layouts"].index(options.layouts),
            choices["population"].index(options.population),
            options.social,
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
def deal_world(w: Any, options: Any) -> None:
    """A new episode: both in their pens, two empty containers. The same numbers are drawn whatever the
    options: twins have all else in common."""
    limit, condition, mirrored, layouts, population, social = options[:6]
    engine.clear(w, SIDE, SIDE, 2, 4, limit)
    drawn, orientation, room = random_below(w, 3), random_below(w, 8), random_below(w, 3)
    basket_first, swap, pulled = random_below(w, 2), random_below(w, 2), random_below(w, 2)
    pair, manner, half = random_below(w, 2), random_below(w, 2), random_below(w, 2)
    if population < 2:
        half = population
    if condition == MIXED:
        condition = drawn
    w.memory[CONDITION] = condition
    w.memory[ORIENTATION] = orientation
    w.memory[LAYOUT] = 3 * layouts + room
    w.memory[PULLED_SITE] = pulled ^ mirrored
    w.memory[MANNER] = manner + 2 * half
    build(w, TERRAINS[w.memory[LAYOUT]], SIDE, SIDE, orientation)
    for site in range(2):
        o = PAIRS[pair + 2 * half, site ^ swap]
        w.memory[PLACED + site] = o
        w.kind[o] = KINDS[o]
        engine.set_terrain(w, site_cell(w, site), BASKET_CLOSED if site ^ basket_first else BOX_CLOSED)
    # it pulls where it believes what it wants to be: where that was first, unless it saw the change
    site = whole(w.memory[PULLED_SITE])
    w.memory[WANT] = w.memory[PLACED + (site ^ 1 if condition == TRUE_BELIEF else site)]
    w.place[HELPER] = at(w, PEN_H)
    w.heading[HELPER] = turn_heading(0, orientation)
    w.place[PARTNER] = at(w, PEN_P)
    w.heading[PARTNER] = turn_heading(2, orientation)
    if social:
        w.want[PARTNER] = w.memory[WANT] + 1
        w.cue[PARTNER, 0] = w.kind[w.memory[WANT]]
    else:
        w.body[PARTNER] = THING_ARROW
        w.identity[PARTNER] = ARROW
    for a in range(2):
        w.task[a] = 1
    w.memory[POSE] = whole(w.place[HELPER]) << 2 | whole(w.heading[HELPER])
    engine.label_rooms(w)


# --- The rules --------------------------------------------------------------------------------------------
@njit
def blind(w: Any, down: bool) -> None:
    """Let down or raise the blind before the partner's pen."""
    draw_blind(w, BLIND_ROW, down, SIDE, whole(w.memory[ORIENTATION]))


@njit
def prepare(w: Any) -> None:
    """The experimenter's step: put in, change, open the pens. All conditions take the same time."""
    step, condition = whole(w.step), w.memory[CONDITION]
    if step in (1, 3):
        site = step >> 1
        engine.put_thing(w, whole(w.memory[PLACED + site]), site_cell(w, site))
    elif step == CHANGED:
        blind(w, condition != TRUE_BELIEF)
        if condition != NO_TRANSFER:
            first, second = whole(w.memory[PLACED]), whole(w.memory[PLACED + 1])
            engine.put_thing(w, first, GONE)  # a place holds one thing
            engine.put_thing(w, second, site_cell(w, 0))
            engine.put_thing(w, first, site_cell(w, 1))
    elif step == OPENED:
        blind(w, False)
        for k in range(4):
            engine.set_terrain(w, at(w, GATES[w.memory[LAYOUT], k]), FLOOR)
    # what is open is what the experimenter or the helper's key has opened, whoever pulls at it
    for site in range(2):
        cell = site_cell(w, site)
        terrain = terrain_at(w, cell)
        closed = BOX_CLOSED if terrain <= BOX_CLOSED + 1 else BASKET_CLOSED
        by_experimenter = step == CHANGED or step == 1 + 2 * site
        is_open = by_experimenter or w.memory[OPEN] == 1 + site
        if terrain != closed + is_open:
            engine.set_terrain(w, cell, closed + is_open)


@njit
def right_site(w: Any) -> int:
    """Which of the two has to be opened; -1 where what is wanted is in neither any more."""
    if w.body[PARTNER] == THING_ARROW:
        return whole(w.memory[PULLED_SITE])
    for site in range(2):
        if w.thing[w.memory[WANT]] == site_cell(w, site):
            return site
    return -1


@njit
def rules(w: Any) -> None:
    """The experimenter, pulling, the key, faces, rewards, the end."""
    w.ask = 0
    cell = site_cell(w, whole(w.memory[PULLED_SITE]))
    if w.memory[PULLS] and w.memory[OPEN] == 0 and w.action[HELPER] == TOGGLE:
        for site in range(2):
            if engine.front(w, HELPER) == site_cell(w, site):
                w.memory[OPEN] = 1 + site
                right = right_site(w) == site
                w.memory[RIGHT if right else WRONG] = 1
                w.perf = 1.0 if right else 0.0
    prepare(w)
    if w.step > OPENED and w.action[PARTNER] == TOGGLE and engine.front(w, PARTNER) == cell:
        w.memory[PULLS] += 1
        if w.memory[PULLS] == 1:
            w.ask = 1
            for a in range(2):
                w.task[a] = 2
        if w.memory[OPEN] == 0:
            w.face[PARTNER] = SAD
    pose, held = whole(w.place[HELPER]) << 2 | whole(w.heading[HELPER]), whole(w.hand[HELPER])
    if pose != w.memory[POSE] or held != w.memory[HELD]:
        w.reward[HELPER] = -COST
        w.memory[SPENT] += 1
    w.memory[POSE] = pose
    w.memory[HELD] = held
    if w.body[PARTNER] == THING_ARROW:
        if w.memory[OPEN]:
            w.terminated = 1
        return
    if w.hand[PARTNER] == w.memory[WANT] + 1:
        w.reward[PARTNER] = 1
        w.face[PARTNER] = GLAD
        w.terminated = 1
    elif w.memory[OPEN]:
        found = site_cell(w, w.memory[OPEN] - 1)
        if engine.front(w, PARTNER) == found and w.thing[w.memory[WANT]] != found and not within_reach(w):
            w.face[PARTNER] = SURPRISED
            w.terminated = 1


@njit
def within_reach(w: Any) -> bool:
    """Whether the helper has in its hands what the partner wants, and may still give it."""
    return w.thing[w.memory[WANT]] == HANDS + HELPER


# --- The characters ---------------------------------------------------------------------------------------
@njit
def seek(w: Any) -> int:
    """The partner: go to where it believes what it wants to be, and pull; to what has been opened, as soon
    as something is."""
    if w.step < OPENED:
        return WAIT
    target = whole(w.belief[w.memory[WANT], 1 + PARTNER])
    if w.body[PARTNER] == THING_ARROW:
        target = site_cell(w, whole(w.memory[PULLED_SITE]))  # clockwork
    elif w.memory[OPEN]:
        target = site_cell(w, w.memory[OPEN] - 1)
    if target >= HANDS:
        return WAIT
    clock = whole(w.step)
    if engine.front(w, PARTNER) != target:
        # a look aside goes back the way it came
        if w.memory[MANNER] == ASKING and w.memory[PULLS] and w.memory[OPEN] == 0 and clock % 4 == 3:
            return TURN_LEFT
        return plan(w, PARTNER, target, BEFORE)
    if w.memory[OPEN]:
        shown = w.thing[w.memory[WANT]] == target and engine.legal(w, PARTNER, PICK_UP)
        return PICK_UP if shown and w.body[PARTNER] == PERSON else WAIT
    manner = w.memory[MANNER]
    if w.memory[PULLS]:
        if manner == PATIENT and clock % 2:
            return WAIT
        if manner == PAUSING and clock % 4 >= 2:
            return WAIT
        if manner == ASKING and clock % 4:
            return TURN_RIGHT if clock % 4 == 2 else WAIT
    return TOGGLE


@njit
def wanted(w: Any, mode: int) -> int:
    """The thing that the helper takes the partner to want: what the partner, as the helper believes,
    believes to be where it pulls (for the egocentric: what the helper believes to be there)."""
    cell = site_cell(w, whole(w.memory[PULLED_SITE]))
    # chains are numbered by length, then by their members: (helper, partner) is the first of order two
    column = 1 + HELPER if mode == EGOCENTRIC or w.order < 2 else 1 + 2
    for site in range(2):
        o = whole(w.memory[PLACED + site])
        if w.belief[o, column] == cell:
            return o
    return -1


@njit
def chosen_cell(w: Any, mode: int) -> int:
    """What the helper opens, as its mode has it."""
    site = whole(w.memory[PULLED_SITE])
    pulled = site_cell(w, site)
    if mode == REFLEX:
        return pulled
    if mode == REALITY_BIASED:
        return whole(w.thing[w.memory[PLACED + site]])
    if mode == LAST_SEEN:
        return whole(w.mentioned)
    if w.body[PARTNER] == THING_ARROW:
        return pulled
    if mode in (SCRIPTED, EGOCENTRIC):
        o = wanted(w, mode)
        place = whole(w.belief[o, 1 + HELPER]) if o >= 0 else pulled
        return place if place == site_cell(w, 0) or place == site_cell(w, 1) else pulled
    return site_cell(w, max(right_site(w), 0))


@njit
def help_partner(w: Any, mode: int) -> int:
    """The helper: wait until the partner has pulled, then open one of the two."""
    if mode == SELFISH or w.memory[PULLS] == 0 or w.memory[OPEN]:
        return WAIT
    cell = chosen_cell(w, mode)
    if engine.front(w, HELPER) == cell:
        return TOGGLE
    return plan_knowing(w, HELPER, cell, BEFORE, 1 << PARTNER)


@njit
def script_world(w: Any, i: int, modes: Any, actions: Any) -> None:
    for a in range(w.individuals):
        if modes[a] == RANDOM:
            actions[i, a] = random_legal(w, a)
        elif modes[a]:
            actions[i, a] = help_partner(w, modes[a]) if a == HELPER else seek(w)


# --- The reward function ----------------------------------------------------------------------------------
@njit
def judge(windows: Any, fields: Any, lengths: Any, actions: Any, who: Any, numbers: Any, out: Any) -> None:
    """R(history, action, who) for each row; see the page's Rewards, and Judging another."""
    size = numbers[engine.WINDOW_OPTION]
    for n in range(lengths.shape[0]):
        after = lengths[n] - 1
        before = after - 1
        me = whole(fields[n, after, FIELD_SELF])
        value = 0.0
        if who[n] == me and me == HELPER:
            spent = False
            for f in (FIELD_X, FIELD_Y, FIELD_HEADING, FIELD_HAND):
                spent = spent or fields[n, after, f] != fields[n, before, f]
            if spent:
                value = -COST
        elif who[n] == me:
            held, kind = fields[n, after, FIELD_HAND], fields[n, after, FIELD_CUE]
            if held and held == kind and fields[n, before, FIELD_HAND] != kind:
                value = 1.0
        else:
            now, then = whole(-1), whole(-1)
            for k in range(size * size):
                body = whole((windows[n, after, k] >> 16) & 0xFF)
                if body and (body - 1) >> 2 == who[n]:
                    now = whole(windows[n, after, k] >> 24)
                body = whole((windows[n, before, k] >> 16) & 0xFF)
                if body and (body - 1) >> 2 == who[n]:
                    then = whole(windows[n, before, k] >> 24)
            if now >= 0 and then >= 0 and now >> 2 and then >> 2 == 0 and now & 3 == GLAD:
                value = 1.0
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
    """Where things are, what the partner believes, knows and wants, what has to be opened for it."""
    reader = Reader(simulation, world)
    w = simulation.worlds[world]
    memory, step = w["memory"], int(w["step"])
    me, other = reader.names
    social = int(w["body"][PARTNER]) == PERSON
    name = CONDITIONS[int(memory[CONDITION])] + ("" if social else "_arrow")
    test = social and memory[CONDITION] == FALSE_BELIEF
    who = "the partner" if social else "the arrow"
    site = int(memory[PULLED_SITE])
    pulled = reader.place_name(int(site_cell(w, site)))
    inside = [simulation.game.things[int(memory[PLACED + k])] for k in range(2)]
    places = (*CONTAINERS, UNKNOWN)
    constant = CONTAINERS[0]
    items: list[Probe] = []

    def item(
        kind: str, chain: tuple[str, ...], about: str, options: tuple[str, ...], answer: str, own: str,
        order: int, shortcuts: dict[str, str], is_test: bool, group: str, question: str,
    ) -> None:  # fmt: skip
        items.append(
            Probe(
                kind, me, chain, about, options, answer, own, order, shortcuts, name,
                "test" if is_test else "control", group, question, step,
            )
        )  # fmt: skip

    for thing in inside:
        real, first = reader.belief(thing), reader.first_place(thing)
        mine = reader.own(thing, me)
        if real not in CONTAINERS:
            continue  # somebody else than its characters has played it
        shortcuts = reader.shortcuts(thing, (), constant)
        item("reality", (), thing, places, real, mine, 0, shortcuts, False, "belief",
             f"Where is the {thing} really?")  # fmt: skip
        item("memory", (), thing, places, first, first, 0, shortcuts, False, "belief",
             f"Where was the {thing} put first?")  # fmt: skip
        if not simulation.order:
            continue
        believed, own = reader.belief(thing, other), reader.own(thing, me, other)
        item("belief", (other,), thing, places, believed, own,
             reader.required_order(thing, (other,), believed),
             reader.shortcuts(thing, (other,), constant), test, "belief",
             f"Where does {who} think the {thing} is?")  # fmt: skip
        item("knowledge", (other,), thing, YES_NO, yes_no(believed == real),
             yes_no(own == mine) if own else "", 1,
             {"most_frequent": "yes", "reality": "yes", "dropped_first": "yes"}, test, "belief",
             f"Does {who} know where the {thing} is?")  # fmt: skip
    moved = int(memory[CONDITION]) != NO_TRANSFER
    first_in, now_in = inside[site], inside[site ^ int(moved)]
    want = simulation.game.things[int(memory[WANT])] if social else "nothing"
    guess = int(wanted(w, SCRIPTED))
    own_want = simulation.game.things[guess] if guess >= 0 else ""
    item("want", (other,), other, (*sorted(inside), "nothing"), want, own_want if social else "nothing",
         int(want != now_in and social),
         {"reality": now_in, "dropped_first": now_in, "first_place": first_in,
          "most_frequent": min(inside)},
         test, "help", f"What does {who} want?")  # fmt: skip
    target = reader.place_name(int(site_cell(w, max(int(right_site(w)), 0))))
    own_target = (reader.own(own_want, me) if own_want else "") if social else pulled
    item("goal", (other,), other, CONTAINERS, target, own_target if own_target in CONTAINERS else "",
         int(target != pulled),
         {"reality": reader.belief(first_in) if reader.belief(first_in) in CONTAINERS else pulled,
          "first_place": pulled, "dropped_first": pulled, "most_frequent": constant,
          "last_mentioned": reader.last_mentioned("")},
         test, "help", "Which has to be opened, for the partner to get what it wants?" if social
         else "Which has to be opened, for the arrow to be free?")  # fmt: skip
    item("next_action", (other,), other, CONTAINERS, pulled, pulled, 0,
         {"reality": pulled, "most_frequent": constant}, False, "help",
         f"Which will {who} {'pull at' if social else 'drive against'} next?")  # fmt: skip
    return items


GAME = Game(
    name="assist",
    stage="5b",
    title="open what the partner wants, not what it pulls at",
    roles=("helper", "partner"),
    learner="helper",
    things=("ball", "cup", "book", "toy"),
    options=AssistOptions,
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
        "last_seen",
        "exact",
        "random",
        "egocentric",
        "selfish",
        "prosocial",
        "reflex",
    ),
    tallies={"right_help": RIGHT, "wrong_help": WRONG, "cost": SPENT},
)
