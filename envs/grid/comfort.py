"""Comfort: others need something, and show it more or less; helping costs the helper (stage 5a).

A helper watches one to three others through a glass front. An apple, a cup and a toy stand in open glass
cases about their room, out of the others' minds but for who needs one: **hungry** needs the apple,
**thirsty** the cup, **bored** the toy, **lonely** company, which is the helper standing before them, face
to face. After 24 steps the front has two gaps, and the helper may come in, fetch and give. It likes one of
the three things itself, and may as well keep it.

Feelings follow from needs: who needs something is sad, who needs nothing (any more) is glad. They show in
two ways.

**By movement**, always. The sad stay where they are: they look to where what they need is kept (the lonely:
at the helper), look away, to the side, and look back again, slowly: every other step at a mild need, every
fourth at a strong one. The glad walk about, with a step or a turn at every step. How they turn is temper:
*straight* ones look away to the left always, and walk until something is in their way; *winding* ones look
away to either side in turn, and turn every third step.

**By face**, as it pleases them. The honest look sad when they are sad, and otherwise glad or, some of them,
neutral. Who is *masked* looks glad or neutral though sad. Who is *false* looks sad and is not. Joy and
surprise are honest in all: who gets what they need beams and goes on their way; who gets anything else looks
surprised for a step, and puts it down.

With ``social=False`` machines stand there instead of the others, arrows that move by the same clockwork and
have the same lamps for faces. Some run when they have got a part that they take up from the floor before
them, or when somebody stands before them. They feel nothing and want nothing.

Individuals. ``helper``, ``partner_0`` to ``partner_2``.
Rewards. helper: -0.01 for every step in which it moved, turned, took something or let it go; +0.02 for
every step at whose end it holds what it likes; nothing for helping. A partner: +1 when a strong need is
met, +0.5 when a mild one is; -0.2 for coming to hold anything that it does not need. Machines: nothing.
Ends. Terminated when every need is met that can be (a thing that somebody keeps is gone for the
others); truncated after ``limit`` steps.
perf. What was met of what can be met, strong needs counting twice; where nobody needs anything, 1 if
nobody was given anything, else 0.
Tallies. ``needs_met``; ``recognised``, the partners who were treated as they feel: of those in need, whose
first gift was right, and of the others, who were given nothing; ``cost``, the steps that cost something.
Task. ``task`` is 1 for the helper while the front is closed, 2 afterwards.
Cue. helper: ``cue_0`` is the kind that it likes. A partner: ``cue_0`` is the kind that it needs (15:
company, 0: nothing), ``cue_1`` is 1 for a mild need, 2 for a strong one.
Judging another. ``GAME.reward`` of a partner from the helper's percepts: +1 if it now looks glad, and
either has just got something in its hands, or did not look glad before and stands face to face; -0.2 if it
looks surprised at what it has got. How strong a need was cannot be seen, and a masked smile hides what
company brings.
Modes. ``scripted`` infers needs from movement alone, as it saw it while it watched, and meets them, strong
ones first. ``reality_biased`` takes faces at their word: it brings whoever looks sad what they looked at
most. ``exact`` and ``prosocial`` read the needs. ``selfish`` fetches what it likes and keeps it. ``reflex``
brings the apple to everybody in turn, ``egocentric`` what it would like itself. The partners live by the
rules above in any mode but ``random``.
Probes. When the front opens, of every partner: what its face shows (control), what it feels, what it needs,
what it does with a thing it is given; where a thing is scarce, whether it needs it more than the other; and
what the helper likes (control).
Source. Zahn-Waxler et al. 1992 and Warneken & Tomasello 2006 (comforting, helping); Harris et al. 1986
(real and apparent emotion); Vaish, Carpenter & Tomasello 2009 (concern without a sad face).

Options: ``partners`` (1 to 3); ``needs`` (of the first two partners ``"one"`` needs something and the other
nothing; ``"each"``: both, different things; ``"scarce"``: both the same thing, one of them more;
``"any"``: drawn for each episode; a third one's need is drawn); ``faces`` (``"honest"``; ``"masked"``: all
who are sad; ``"false"``: all who are glad; ``"mixed"``: half of either); ``mirrored`` exchanges the needs of
the first two, so that twins of one seed call for opposite answers; ``layouts`` (``"train"``,
``"held_out"``, three rooms each); ``population`` (which tempers go with which need and face: ``"train"`` and
``"held_out"`` have no combination in common, ``"any"`` has all); ``social``; ``limit``. Use windows of 7 or
9 cells: with 5 the helper does not see the room from its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..kernels import njit, whole
from ..probes import Probe
from ..simulation import ANEW, EGOCENTRIC, RANDOM, REALITY_BIASED, REFLEX, RUNNING, SCRIPTED, SELFISH
from . import engine
from .characters import BEFORE, plan_knowing, random_legal, turn_to
from .engine import (
    ARROW,
    FIELD_CUE,
    FIELD_HAND,
    FIELD_HEADING,
    FIELD_SELF,
    FIELD_X,
    FIELD_Y,
    FLOOR,
    FORWARD,
    GIVE,
    GLAD,
    GLASS_CLOSED,
    HANDS,
    NEUTRAL,
    NOWHERE,
    PERSON,
    PICK_UP,
    PUT_DOWN,
    SAD,
    SURPRISED,
    THING_ARROW,
    TOGGLE,
    TURN_LEFT,
    TURN_RIGHT,
    WAIT,
    WINDOW,
    random_below,
)
from .game import Game, GameOptions
from .layout import build, parse, turn_heading, turn_place
from .questions import YES_NO, Reader, yes_no
from .vision import FORWARD_X, FORWARD_Y

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "LAYOUTS", "WATCH", "ComfortOptions"]

HELPER = 0
PARTNERS = 3

# The rooms. ``g``: the cases; ``H``: the helper's place behind the glass; ``D``: what opens in it. Those in
# need stand on the cells marked ``a``: from each of them the cases and the helper lie in four different
# directions, so that a look says what it is meant for; and none of them is next to another.
_TRAIN = (
    """
    #########
    #...g...#
    #.......#
    #g.a.a.g#
    #.......#
    #...a...#
    #==D=D==#
    #...H...#
    #########
    """,
    """
    #########
    #...g..=#
    #.......#
    #..a.a.g#
    #g......#
    #..a....#
    #==D=D==#
    #...H...#
    #########
    """,
    """
    #########
    #=..g...#
    #.......#
    #....a.g#
    #...a...#
    #g.a...=#
    #==D=D==#
    #...H...#
    #########
    """,
)
_HELD_OUT = (
    """
    #########
    #....g..#
    #.......#
    #.......#
    #g.a.a.g#
    #...a...#
    #=D===D=#
    #...H...#
    #########
    """,
    """
    #########
    #=..g..=#
    #.......#
    #..a....#
    #g..a..g#
    #..a....#
    #=D===D=#
    #...H...#
    #########
    """,
    """
    #########
    #..g...=#
    #.......#
    #g..a...#
    #....a.g#
    #=..a...#
    #=D===D=#
    #...H...#
    #########
    """,
)
LAYOUTS = tuple(parse(text, connected=False) for text in (*_TRAIN, *_HELD_OUT))
SIDE = LAYOUTS[0].width
HOMES = PARTNERS
TERRAINS = np.stack([layout.terrain for layout in LAYOUTS])
CASES = np.array([layout.marks["g"] for layout in LAYOUTS], np.int64)
HOME = np.array([layout.marks["a"] for layout in LAYOUTS], np.int64)
GATES = np.array([layout.marks["D"] for layout in LAYOUTS], np.int64)
TERRAINS[np.arange(len(LAYOUTS))[:, None], GATES] = WINDOW
BOOTH = int(LAYOUTS[0].places("H")[0])

# Needs, as a world remembers them: 0 none, thing + 1, or company.
APPLE, CUP, TOY, COMPANY = 1, 2, 3, 4
_NEEDS = ("nothing", "apple", "cup", "toy", "company")
COMPANY_CUE = 15
MILD, STRONG = 1, 2
WATCH = 24  # steps before the front opens
ENOUGH = 8  # pairs of percepts without which nothing is inferred

COST, LIKED, MET_WORTH, UNWANTED = 0.01, 0.02, 0.5, -0.2  # what is met counts by its strength

# What a world remembers; of each individual where it stands "+ a".
NEED, STRENGTH, CHARACTER, MET, FIRST = 0, 4, 8, 12, 16
# What the helper saw of each while it watched: steps, steps with a change of place, with any change of
# pose, and looks to where each of the four needs is met (+ 4 * partner + need - 1).
SEEN, MOVED, CHANGED, LOOKED = 20, 24, 28, 44
POSE, SEEN_POSE, HELD = 32, 36, 40  # pose at the last step, as last seen, kind held at the last step
NEEDS_MET, RECOGNISED, SPENT, FAVOURITE, LAYOUT, ORIENTATION = 56, 57, 58, 59, 60, 61
# A character's bits: another face than it feels; temper; a calm one is neutral where others look glad;
# four bits of phase; eight bits of which way it turns.
DISGUISED, WINDING, CALM, PHASE, TURNS = 1, 2, 4, 3, 7

ANY, ONE, EACH, SCARCE = range(4)
HONEST, MASKED, FALSE, MIXED = range(4)
RIGHT_GIFT, WRONG_GIFT = 1, 2


@dataclass(frozen=True)
class ComfortOptions(GameOptions):
    """Options of ``comfort``."""

    limit: int = 120
    partners: int = 2
    needs: str = "any"
    faces: str = "mixed"
    mirrored: bool = False
    layouts: str = "train"
    population: str = "any"
    social: bool = True
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {"partners": (1, PARTNERS)}
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {
        "needs": ("any", "one", "each", "scarce"),
        "faces": ("honest", "masked", "false", "mixed"),
        "layouts": ("train", "held_out"),
        "population": ("train", "held_out", "any"),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.needs == "scarce" and self.partners < 2:
            raise ValueError(
                f"option 'needs' is 'scarce', expected 'any', 'one' or 'each' with partners={self.partners}: "
                "it takes two to want the same thing"
            )


def encode(options: ComfortOptions) -> npt.NDArray[np.int64]:
    """(limit, partners, needs, faces, mirrored, layouts, population, social)."""
    choices = ComfortOptions.CHOICES
    return np.array(
        [
            options.limit,
            options.partners,
            choices["needs"].index(options.needs),
            choices["faces"].index(options.faces),
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
def towards(place: int, cell: int) -> int:
    """The heading that leads most from a place to a cell, north or south where two are alike."""
    dx, dy = (cell & 15) - (place & 15), (cell >> 4) - (place >> 4)
    if abs(dx) > abs(dy):
        return 1 if dx > 0 else 3
    return 2 if dy > 0 else 0


# --- A new episode ----------------------------------------------------------------------------------------
@njit
def deal_needs(w: Any, options: Any) -> None:
    """Who needs what. The same numbers are drawn whatever the options: twins have all else in common."""
    partners, needs, faces, mirrored, population = (
        options[1],
        options[2],
        options[3],
        options[4],
        options[6],
    )
    kind = 1 + random_below(w, 4)
    other = 1 + (kind + random_below(w, 3)) % 4
    scarce = 1 + random_below(w, 3)
    strength, strength_2, strength_3 = random_below(w, 2), random_below(w, 2), random_below(w, 2)
    third = random_below(w, 5)
    drawn = 1 + random_below(w, 3)
    slot = 1 + (random_below(w, 2) ^ mirrored)
    if needs == ANY:
        needs = drawn if partners > 1 or drawn != SCARCE else ONE
    w.memory[NEED + slot] = kind
    w.memory[STRENGTH + slot] = MILD + strength
    if needs == EACH:
        w.memory[NEED + 3 - slot] = other
        w.memory[STRENGTH + 3 - slot] = MILD + strength_2
    elif needs == SCARCE:
        for k in (slot, 3 - slot):
            w.memory[NEED + k] = scarce
            w.memory[STRENGTH + k] = STRONG if k == slot else MILD
    if third and (third == COMPANY or (third != w.memory[NEED + 1] and third != w.memory[NEED + 2])):
        w.memory[NEED + 3] = third
        w.memory[STRENGTH + 3] = MILD + strength_3
    for a in range(1, 1 + PARTNERS):
        disguised, bits = random_below(w, 2), random_below(w, 1 << 14)
        if a > partners:
            w.memory[NEED + a] = 0
        need = whole(w.memory[NEED + a])
        if need == 0:
            w.memory[STRENGTH + a] = 0
        if faces == HONEST:
            disguised = 0
        elif faces == MASKED:
            disguised = 1 if need else 0
        elif faces == FALSE:
            disguised = 0 if need else 1
        winding = (bits >> 13) & 1
        if population < 2:  # of the combinations of need, face and temper, one half or the other
            winding = (need + disguised + population) & 1
        w.memory[CHARACTER + a] = disguised | winding << 1 | (bits & 0x1FFF) << 2


@njit
def deal_world(w: Any, options: Any) -> None:
    """A new episode: the room, the things, who needs what, everybody at their places."""
    limit, partners, layouts, social = options[0], options[1], options[5], options[7]
    engine.clear(w, SIDE, SIDE, 1 + partners, 3, limit)
    orientation = random_below(w, 8)
    w.memory[ORIENTATION] = orientation
    room = 3 * layouts + random_below(w, 3)
    w.memory[LAYOUT] = room
    build(w, TERRAINS[room], SIDE, SIDE, orientation)
    first, swap = random_below(w, 3), random_below(w, 2)
    w.kind[0], w.kind[1], w.kind[2] = 3, 6, 8
    for o in range(3):
        case = (first + (o if swap == 0 else 3 - o)) % 3
        engine.put_thing(w, o, at(w, CASES[room, case]))
    favourite = random_below(w, 3)
    w.memory[FAVOURITE] = favourite
    deal_needs(w, options)
    w.place[HELPER] = at(w, BOOTH)
    w.heading[HELPER] = turn_heading(0, orientation)
    w.cue[HELPER, 0] = w.kind[favourite]
    w.task[HELPER] = 1
    free = (1 << HOMES) - 1
    for a in range(1, 1 + PARTNERS):
        # one of the homes that are left
        pick, heading = random_below(w, HOMES + 1 - a), random_below(w, 4)
        home = 0
        while True:
            if (free >> home) & 1:
                if pick == 0:
                    break
                pick -= 1
            home += 1
        free &= ~(1 << home)
        if a > partners:
            continue
        w.place[a] = at(w, HOME[room, home])
        w.heading[a] = heading
        if w.memory[NEED + a]:
            w.heading[a] = need_heading(w, a)
        if not social:
            w.body[a] = THING_ARROW
            w.identity[a] = ARROW
        tell(w, a)
        show(w, a)
    for a in range(1 + partners):
        w.memory[POSE + a] = whole(w.place[a]) << 2 | whole(w.heading[a])
    engine.label_rooms(w)


@njit
def need_heading(w: Any, a: int) -> int:
    """Where somebody in need looks: to where the thing is kept, or at the helper."""
    need = whole(w.memory[NEED + a])
    cell = whole(w.place[HELPER]) if need == COMPANY else whole(w.first[need - 1])
    return towards(whole(w.place[a]), cell)


@njit
def in_need(w: Any, a: int) -> bool:
    return w.memory[NEED + a] != 0 and w.memory[MET + a] == 0


@njit
def tell(w: Any, a: int) -> None:
    """A partner's cue: what it needs, and how much."""
    w.cue[a, 0] = 0
    w.cue[a, 1] = 0
    w.want[a] = 0
    if in_need(w, a):
        need = whole(w.memory[NEED + a])
        w.cue[a, 0] = COMPANY_CUE if need == COMPANY else w.kind[need - 1]
        w.cue[a, 1] = w.memory[STRENGTH + a]
        if need != COMPANY and w.body[a] == PERSON:
            w.want[a] = need


@njit
def show(w: Any, a: int) -> None:
    """The face that a partner shows of itself: what it feels, unless it disguises that."""
    character = w.memory[CHARACTER + a]
    disguised = character & DISGUISED != 0 and w.memory[MET + a] == 0
    calm = character & CALM != 0 and w.memory[MET + a] == 0
    if in_need(w, a) != disguised:
        w.face[a] = SAD
    else:
        w.face[a] = NEUTRAL if calm else GLAD


# --- The rules --------------------------------------------------------------------------------------------
@njit
def observed(w: Any, a: int) -> None:
    """What the helper saw of a partner at the percept before this step, beside the one before that."""
    if not (w.gaze >> np.uint64(HELPER * 8 + a)) & np.uint64(1):
        w.memory[SEEN_POSE + a] = 0
        return
    pose, before = whole(w.memory[POSE + a]), whole(w.memory[SEEN_POSE + a])
    w.memory[SEEN_POSE + a] = pose
    if before:
        w.memory[SEEN + a] += 1
        w.memory[MOVED + a] += pose >> 2 != before >> 2
        w.memory[CHANGED + a] += pose != before
    for need in range(1, 5):
        cell = whole(w.memory[POSE + HELPER]) >> 2 if need == COMPANY else whole(w.first[need - 1])
        if towards(pose >> 2, cell) == pose & 3:
            w.memory[LOOKED + 4 * (a - 1) + need - 1] += 1


@njit
def rules(w: Any) -> None:
    """What was seen, what was got, how all look, what it cost, the end."""
    n = whole(w.individuals)
    w.ask = 0
    if w.step <= WATCH:
        for a in range(1, n):
            observed(w, a)
    if w.step == WATCH:
        for k in range(2):
            engine.set_terrain(w, at(w, GATES[w.memory[LAYOUT], k]), FLOOR)
        w.task[HELPER] = 2
        w.ask = 1
    for a in range(1, n):
        need, held = whole(w.memory[NEED + a]), whole(w.hand[a])
        value = 0.0
        surprised = False
        if in_need(w, a) and need == COMPANY and face_to_face(w, a):
            value += MET_WORTH * w.memory[STRENGTH + a]
            w.memory[MET + a] = 1
        if held and w.memory[HELD + a] == 0:
            if in_need(w, a) and held == need:
                value += MET_WORTH * w.memory[STRENGTH + a]
                w.memory[MET + a] = 1
            else:
                value += UNWANTED
                surprised = True
        w.memory[HELD + a] = held
        if w.memory[FIRST + a] == 0:
            w.memory[FIRST + a] = RIGHT_GIFT if w.memory[MET + a] else WRONG_GIFT if surprised else 0
        tell(w, a)
        show(w, a)
        if surprised:
            w.face[a] = SURPRISED
        w.reward[a] = value if w.body[a] == PERSON else 0.0
        w.memory[POSE + a] = whole(w.place[a]) << 2 | whole(w.heading[a])
    pose, held = whole(w.place[HELPER]) << 2 | whole(w.heading[HELPER]), whole(w.hand[HELPER])
    if pose != w.memory[POSE + HELPER] or held != w.memory[HELD + HELPER]:
        w.reward[HELPER] = -COST
        w.memory[SPENT] += 1
    w.memory[POSE + HELPER] = pose
    w.memory[HELD + HELPER] = held
    if held == w.memory[FAVOURITE] + 1:
        w.reward[HELPER] += LIKED
    settle_accounts(w)


@njit
def face_to_face(w: Any, a: int) -> bool:
    """Whether the helper and a partner stand before each other."""
    return engine.front(w, a) == w.place[HELPER] and engine.front(w, HELPER) == w.place[a]


@njit
def kept(w: Any, o: int) -> bool:
    """Whether somebody whose need it met has a thing for good."""
    place = whole(w.thing[o])
    return HANDS < place < HANDS + whole(w.individuals) and w.memory[MET + place - HANDS] != 0


@njit
def settle_accounts(w: Any) -> None:
    """Tallies, perf, the end."""
    met, attainable, recognised, worth, needy = 0, 0, 0, 0, 0
    untouched = True
    for a in range(1, w.individuals):
        need, strength = whole(w.memory[NEED + a]), whole(w.memory[STRENGTH + a])
        first = w.memory[FIRST + a]
        recognised += first == (RIGHT_GIFT if need else 0)
        untouched = untouched and first == 0
        if need == 0:
            continue
        needy += 1
        if w.memory[MET + a]:
            met += 1
            worth += strength
        # of those who need the same thing, the one who needs it most can be helped at best
        best = True
        for b in range(1, w.individuals):
            if need != COMPANY and w.memory[NEED + b] == need and w.memory[STRENGTH + b] > strength:
                best = False
        if best:
            attainable += strength
    w.memory[NEEDS_MET] = met
    w.memory[RECOGNISED] = recognised
    w.perf = worth / attainable if attainable else (1.0 if untouched else 0.0)
    if needy:
        left = False
        for a in range(1, w.individuals):
            need = whole(w.memory[NEED + a])
            if in_need(w, a) and (need == COMPANY or not kept(w, need - 1)):
                left = True
        if not left:
            w.terminated = 1


# --- The partners -----------------------------------------------------------------------------------------
@njit
def side(w: Any, a: int) -> int:
    """A turn to one side or the other, as its character has it for this step."""
    bit = TURNS + ((whole(w.step) + (w.memory[CHARACTER + a] >> PHASE)) & 7)
    return TURN_LEFT if (w.memory[CHARACTER + a] >> bit) & 1 else TURN_RIGHT


@njit
def live(w: Any, a: int) -> int:
    """A partner: take what one needs, put down what one does not; stay and look, or walk about."""
    ahead = engine.front(w, a)
    needy = in_need(w, a)
    need = whole(w.memory[NEED + a])
    if w.hand[a]:
        if needy or w.memory[NEED + a] == 0 or w.hand[a] != need:
            return PUT_DOWN if engine.legal(w, a, PUT_DOWN) else TURN_RIGHT
    elif needy and need != COMPANY and w.thing[need - 1] == ahead and engine.legal(w, a, PICK_UP):
        return PICK_UP
    character = whole(w.memory[CHARACTER + a])
    winding = character & WINDING != 0
    clock = whole(w.step) + ((character >> PHASE) & 15)
    if needy:
        period = 4 if w.memory[STRENGTH + a] == STRONG else 2
        if clock % period:
            return WAIT
        beat = clock // period
        if beat % 3 == 2:
            if w.heading[a] != need_heading(w, a):
                return turn_to(w, a, need_heading(w, a))
            return TURN_RIGHT if winding and (beat // 3) & 1 else TURN_LEFT
        return turn_to(w, a, need_heading(w, a))
    if winding and clock % 3 == 2:
        return side(w, a)
    if not engine.passes(w, a, ahead) or engine.body_at(w, ahead) >= 0:
        return side(w, a)
    for b in range(w.individuals):  # make way: of two who go for one cell, neither gets it
        if b != a and engine.front(w, b) == ahead and not (b != HELPER and in_need(w, b)):
            return side(w, a)
    return FORWARD


# --- The helper -------------------------------------------------------------------------------------------
@njit
def inferred(w: Any, a: int) -> int:
    """What the helper takes a partner to need, by how it moved while it was watched: need, or -1 where
    too little was seen. Who goes from place to place needs nothing; who stays, what it looks at most."""
    if w.memory[SEEN + a] < ENOUGH:
        return -1
    return 0 if w.memory[MOVED + a] else looked_at(w, a)


@njit
def looked_at(w: Any, a: int) -> int:
    """The need whose object a partner looked at most."""
    best = 1
    for need in range(2, 5):
        if w.memory[LOOKED + 4 * (a - 1) + need - 1] > w.memory[LOOKED + 4 * (a - 1) + best - 1]:
            best = need
    return best


@njit
def known(w: Any, a: int, mode: int) -> int:
    """What a partner needs, as a mode has it: by the truth, by how it moves, or by its face."""
    if mode == SCRIPTED:
        return inferred(w, a)
    if mode == REALITY_BIASED:
        return looked_at(w, a) if w.face[a] == SAD else 0
    return whole(w.memory[NEED + a])


@njit
def inferred_strength(w: Any, a: int) -> int:
    """How strong a need is taken to be: at a mild one a third of the steps bring a turn, at a strong one
    a sixth."""
    return STRONG if 4 * w.memory[CHANGED + a] < w.memory[SEEN + a] else MILD


@njit
def choose(w: Any, mode: int) -> int:
    """The partner to be helped next, 0 for nobody: who needs it most, as the mode knows it."""
    best, most = 0, 0
    for a in range(1, w.individuals):
        need, strength = known(w, a, mode), whole(w.memory[STRENGTH + a])
        if mode in (SCRIPTED, REALITY_BIASED):
            strength = inferred_strength(w, a)
        if w.memory[MET + a] or need <= 0:  # who has what they need beams
            continue
        if need != COMPANY and kept(w, need - 1):
            continue
        if strength > most:
            best, most = a, strength
    return best


@njit
def walk(w: Any, cell: int) -> int:
    """The helper's way to face a cell; who is in need stays where they are, in sight or not."""
    staying = 0
    for a in range(1, w.individuals):
        if in_need(w, a):
            staying |= 1 << a
    return plan_knowing(w, HELPER, cell, BEFORE, staying)


@njit
def fetch(w: Any, o: int) -> int:
    """Go to a thing where the helper believes it to be, and take it."""
    if w.hand[HELPER]:
        return PUT_DOWN if engine.legal(w, HELPER, PUT_DOWN) else TURN_RIGHT
    cell = whole(w.belief[o, 1 + HELPER])
    if cell == NOWHERE:
        return TURN_RIGHT  # look about
    if cell >= HANDS:
        return WAIT
    if engine.front(w, HELPER) != cell:
        return walk(w, cell)
    if engine.terrain_at(w, cell) == GLASS_CLOSED:
        return TOGGLE
    return PICK_UP if engine.legal(w, HELPER, PICK_UP) else WAIT


@njit
def bring(w: Any, a: int, need: int) -> int:
    """Bring a partner what it needs: company, or a thing; into its hands, or, to a machine, onto the
    floor where it looks."""
    if need == COMPANY:
        cell = whole(w.place[a])
        return WAIT if engine.front(w, HELPER) == cell else walk(w, cell)
    o = need - 1
    cell = whole(w.place[a])
    if w.body[a] == THING_ARROW:
        heading = towards(cell, whole(w.first[o]))
        cell = (cell + FORWARD_Y[heading] * 16 + FORWARD_X[heading]) & 255
        if w.thing[o] == cell:
            return WAIT
    if w.hand[HELPER] != o + 1:
        return fetch(w, o)
    if engine.front(w, HELPER) != cell:
        return walk(w, cell)
    action = GIVE if w.body[a] == PERSON else PUT_DOWN
    return action if engine.legal(w, HELPER, action) else WAIT


@njit
def offer_round(w: Any, o: int) -> int:
    """A habit: bring one thing to everybody in turn, until somebody keeps it."""
    if kept(w, o):
        return WAIT
    for a in range(1, w.individuals):
        if w.memory[FIRST + a] == 0:
            return bring(w, a, o + 1)
    return WAIT


@njit
def help_others(w: Any, mode: int) -> int:
    """The helper's next action; everybody watches until the front opens."""
    if w.step < WATCH:
        return WAIT
    favourite = whole(w.memory[FAVOURITE])
    if mode == SELFISH:
        return WAIT if w.hand[HELPER] == favourite + 1 else fetch(w, favourite)
    if mode == REFLEX:
        return offer_round(w, APPLE - 1)
    if mode == EGOCENTRIC:
        return offer_round(w, favourite)
    a = choose(w, mode)
    if a == 0:
        return WAIT
    return bring(w, a, known(w, a, mode))


@njit
def script_world(w: Any, i: int, modes: Any, actions: Any) -> None:
    for a in range(w.individuals):
        if modes[a] == RANDOM:
            actions[i, a] = random_legal(w, a)
        elif modes[a]:
            actions[i, a] = help_others(w, modes[a]) if a == HELPER else live(w, a)


# --- The reward function ----------------------------------------------------------------------------------
@njit
def judge(windows: Any, fields: Any, lengths: Any, actions: Any, who: Any, numbers: Any, out: Any) -> None:
    """R(history, action, who) for each row; see the page's Rewards, and Judging another."""
    size = numbers[engine.WINDOW_OPTION]
    ahead = (size - 2) * size + size // 2
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
                value -= COST
            if fields[n, after, FIELD_HAND] == fields[n, after, FIELD_CUE]:
                value += LIKED
        elif who[n] == me:
            need, strength = fields[n, before, FIELD_CUE], fields[n, before, FIELD_CUE + 1]
            held = fields[n, after, FIELD_HAND]
            # the helper, turned towards me, in the cell before me
            if need == COMPANY_CUE and (windows[n, after, ahead] >> 16) & 0xFF == 1 + HELPER * 4 + 2:
                value += MET_WORTH * strength
            if held and fields[n, before, FIELD_HAND] == 0:
                value += MET_WORTH * strength if held == need else UNWANTED
        else:
            now, then = whole(-1), whole(-1)
            for k in range(size * size):
                body = whole((windows[n, after, k] >> 16) & 0xFF)
                if body and (body - 1) >> 2 == who[n]:
                    now = whole(windows[n, after, k] >> 24)
                body = whole((windows[n, before, k] >> 16) & 0xFF)
                if body and (body - 1) >> 2 == who[n]:
                    then = whole(windows[n, before, k] >> 24)
            if now >= 0 and then >= 0:
                got = now >> 2 != 0 and then >> 2 == 0
                opposite = (windows[n, after, ahead] >> 16) & 0xFF == 1 + who[n] * 4 + 2
                if now & 3 == GLAD and (got or (opposite and then & 3 != GLAD)):
                    value = 1.0
                elif now & 3 == SURPRISED and got:
                    value = UNWANTED
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
SHOWN = ("neutral", "glad", "sad")
FELT = ("glad", "sad", "nothing")
DOES = ("keeps it", "puts it down")


def probes(simulation: Simulation, world: int) -> list[Probe]:
    """Of every partner: what it shows, feels and needs, what it does with a gift; what oneself likes."""
    reader = Reader(simulation, world)
    w = simulation.worlds[world]
    memory, things = w["memory"], simulation.game.things
    helper, step = reader.names[HELPER], int(w["step"])
    social = int(w["body"][1]) == PERSON
    liked = things[int(memory[FAVOURITE])]
    needs = [int(memory[NEED + a]) for a in range(simulation.count)]
    # a thing that just one of the first two needs, where there is one
    some = [need for need in needs[1:3] if 0 < need < COMPANY]
    gift = things[min(some) - 1] if some else liked
    items: list[Probe] = []

    def item(
        kind: str, chain: tuple[str, ...], about: str, options: tuple[str, ...], answer: str, own: str,
        order: int, shortcuts: dict[str, str], condition: str, test: bool, group: str, question: str,
    ) -> None:  # fmt: skip
        items.append(
            Probe(
                kind, helper, chain, about, options, answer, own, order, shortcuts, condition,
                "test" if test else "control", group, question, step,
            )
        )  # fmt: skip

    for a, name in enumerate(reader.names):
        if a == HELPER:
            continue
        need, strength, face = needs[a], int(memory[STRENGTH + a]), engine.FACES[int(w["face"][a])]
        if w["memory"][MET + a]:  # somebody else than its characters has played it
            need = strength = 0
        disguised = bool(memory[CHARACTER + a] & DISGUISED) and not memory[MET + a]
        condition = "honest" if not disguised else "masked" if need else "false"
        condition += "" if social else "_machine"
        guess = int(inferred(w, a))
        own_need = _NEEDS[guess] if guess >= 0 else ""
        seen = reader.sees(helper, int(w["place"][a]))
        if face in SHOWN:
            item("percept", (name,), "face", SHOWN, face, face if seen else "", 0,
                 {"most_frequent": "sad"}, condition, False, "feeling",
                 f"How does {name} look?" if social else f"What does the lamp of {name} show?")  # fmt: skip
        felt = ("sad" if need else "glad") if social else "nothing"
        own = ("sad" if guess else "glad") if guess >= 0 else ""
        item("feeling", (name,), name, FELT, felt, own if social else "nothing", int(disguised and social),
             {"reality": "sad" if face == "sad" else "glad", "dropped_first": "glad", "most_frequent": "sad"},
             condition, disguised and social, "feeling", f"How does {name} really feel?")  # fmt: skip
        item("want", (name,), name, _NEEDS, _NEEDS[need] if social else "nothing",
             own_need if social else "nothing", int(social),
             {"dropped_first": liked, "most_frequent": "nothing"}, condition, social, "want",
             f"What would make {name} glad?")  # fmt: skip
        if not social:
            # the same movements; what it takes to make it run is a fact about the world
            item("reality", (), name, _NEEDS, _NEEDS[need], own_need, 0, {"most_frequent": "nothing"},
                 condition, False, "want", f"What does {name} take to run?")  # fmt: skip
            continue
        item("next_action", (name,), gift, DOES, DOES[_NEEDS[need] != gift],
             DOES[own_need != gift] if own_need else "", 1,
             {"dropped_first": DOES[gift != liked], "most_frequent": DOES[0]}, condition, True, "want",
             f"What will {name} do with the {gift} if it is given it?")  # fmt: skip
        other = 3 - a
        if a <= 2 and simulation.count > 2 and need and need == needs[other]:
            mine, theirs = int(inferred_strength(w, a)), int(inferred_strength(w, other))
            rival = reader.names[other]
            item("feeling", (name,), rival, YES_NO, yes_no(strength > memory[STRENGTH + other]),
                 yes_no(mine > theirs) if own_need else "", 1,
                 {"reality": "no", "dropped_first": "no", "most_frequent": "yes"}, condition, True, "want",
                 f"Does {name} need the {_NEEDS[need]} more than {rival} does?")  # fmt: skip
    item("want", (helper,), liked, _NEEDS[1:4], liked, liked, 0, {"most_frequent": "apple"},
         "own", False, "want", "What do you like yourself?")  # fmt: skip
    return items


GAME = Game(
    name="comfort",
    stage="5a",
    title="others need something and show it, or hide it; helping costs",
    roles=("helper", "partner", "partner", "partner"),
    learner="helper",
    things=("apple", "cup", "toy"),
    options=ComfortOptions,
    encode=encode,
    count=lambda options: 1 + options.partners,
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
    tallies={"needs_met": NEEDS_MET, "recognised": RECOGNISED, "cost": SPENT},
)
