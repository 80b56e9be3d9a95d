"""Hide: a predator hunts by sight and by memory; stay where it neither looks nor goes (stage 3b in action).

The prey lives among walls that a predator goes round. The predator sees as everybody does: ahead of itself,
not through walls, not behind. It keeps what its own sight gave it, and nothing else, and hunts by that:

========  ===========================================================================================
patrol    it goes from post to post (the four pads), in its round, and looks about there as its habit is
chase     it sees the prey, or goes to where it saw it last; while it sees the prey it runs: a step forward
          takes it two cells
search    it has come there in vain, and turns about
========  ===========================================================================================

After the search it gives up and goes on to its post. It has caught the prey that is in the cell before it.
What it believes follows from what it saw. The prey does well to work out what the predator sees from each
pose, and where it will go.

=================  ==================================================================  =============
habit              what kind of predator                                               option
=================  ==================================================================  =============
``patroller``      goes its round without a stop                                       ``train``
``ambusher``       waits at each post, turning about                                   ``train``
``short_sighted``  sees two cells far; searches twice as long                          ``held_out``
``turncoat``       goes its round to and fro, with a short look about at each post     ``held_out``
=================  ==================================================================  =============

With ``social=False`` a camera hunts: an arrow that goes the same rounds with the same pixels but the figure.
It has no mind: it never leaves its round, and it catches what stays in its beam, that is what it sees, for
three steps on end.

Individuals. ``prey``, ``predator``.
Rewards. prey: +0.01 for every step survived, -1 for being caught. predator: +1 for the catch, -0.01 for every
other step.
Ends. Terminated with the catch; truncated after ``limit`` steps, survived.
perf. The share of ``limit`` that the prey has survived; 1 at the end.
Task. ``task`` is 1, and 2 when the prey is caught: both feel the grip.
Faces. The predator is glad when it has caught, surprised when it finds the prey gone from where it believed
it, sad for the first steps after it gave up, neutral otherwise: its face does not tell whether it sees the
prey. The prey is sad when it is caught.
Tallies. ``seen``, steps in which the predator saw the prey; ``caught``; ``noticed``, how often it noticed it
anew.
Probes. At the start, and later when the prey sees the predator again: does it see you, would it see you at
one of two cells in your sight (percept; one in its sight and one hidden from it), does it know where you are
(knowledge), which post will it come to next (goal, where its pose tells it: where it walks straight on to
it), which way will it turn next (next_action, at the start, where it does not hang on its habit). Controls:
do you see it, do you see each of two cells.
Source. Russell, Gee & Bullard 2012 (hiding by covering one's eyes: the egocentric shortcut); Hare, Call &
Tomasello 2006 (concealment by what the competitor sees); Cooper & Blumstein 2015 (escape from predators).

Modes of the prey. ``scripted`` has a notion of the predator - where it stands, what it has in mind - that it
goes on imagining while it does not see it, and takes the way that keeps it unseen; it takes every predator
for a patroller that sees as far as it does itself, until it sees otherwise. ``exact`` does the same with the
predator's true mind. ``egocentric`` hides like a small child: as long as it does not see the predator, it
takes itself to be unseen. ``reality_biased`` takes the predator to know always where it is, and runs from it.
``last_seen`` runs from where it saw it last. ``reflex`` follows the wall at its right hand.

Options: ``layouts`` (``train`` or ``held_out``: two sets of maps, each in eight orientations); ``habits``
(``train``, ``held_out`` or one of the four); ``start`` (what the predator has in mind at first: ``ignorant``,
turned away from the prey; ``knows``, it sees it; ``random``; the short-sighted and the camera are always
ignorant); ``social``; ``limit``.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..kernels import njit, whole
from ..probes import Probe
from ..simulation import ANEW, EGOCENTRIC, EXACT, LAST_SEEN, MODES, RANDOM, REALITY_BIASED, REFLEX, RUNNING
from . import engine
from .characters import BEFORE, ON, plan, random_legal
from .engine import (
    ARROW,
    FIELD_TASK,
    FLOOR,
    FORWARD,
    GLAD,
    NEUTRAL,
    NOWHERE,
    PAD,
    PROPERTIES,
    SAD,
    SURPRISED,
    THING_ARROW,
    TURN_LEFT,
    TURN_RIGHT,
    WAIT,
    WALKABLE,
    random_below,
)
from .game import Game, GameOptions
from .hide_maps import (
    FIRST_HEADING,
    FLOORS,
    HELD_OUT,
    HOME,
    HOME_HEADING,
    LENGTH,
    NO_WAY,
    NUM_POSTS,
    POST_PLACES,
    ROW,
    SIDE,
    SPOTS,
    TERRAINS,
    TRAIN,
    VIEW,
)
from .layout import build, turn_heading, turn_place
from .questions import YES_NO, Reader, yes_no
from .vision import FORWARD_X, FORWARD_Y, SHORT_SIGHTED, scan, sees, window_cell

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "HABITS", "HideOptions"]

PREY, PREDATOR = 0, 1

# --- The predators -------------------------------------------------------------------------------------
HABITS = ("patroller", "ambusher", "short_sighted", "turncoat")
PATROLLER, AMBUSHER, SHORT, TURNCOAT = range(len(HABITS))
LINGER = np.array([0, 9, 2, 4], np.int64)  # steps at a post, turning at every other
SEARCH_TURNS = np.array([4, 4, 8, 4], np.int64)
CHASE_PATIENCE = 24  # steps on the way to where it saw the prey, after which it gives up
SULK = 4  # steps for which it looks sad after it gave up
BEAM = 3  # steps on end in the camera's beam

# What a world remembers. A mind is eight numbers: the predator's own; and the prey's notion of it, which has
# the pose, too.
ORIENTATION, LAYOUT, WAS, SULKING, SEEN, CAUGHT, NOTICED, EXPOSED, NEXT_ASK, ACCOUNT = range(10)
MIND = 10
MODE, BELIEVED, TIMER, POST, WAY, HABIT, SEES, SIDEWAYS = range(8)
NOTION = 20
PLACE, HEADING, STEP, KNOWN = range(8, 12)
POSTS = 34  # + k
PATROL, CHASE, SEARCH = range(3)
NOWHERE_KNOWN = -1  # of ACCOUNT: nothing that the prey has seen tells what the predator believes

ASK_AGAIN = 12  # steps between two askings, at least
START_DISTANCE = 4  # steps that the two are apart at first, at least (less on a map without such a cell)

# --- How the prey plans --------------------------------------------------------------------------------
HORIZON = 14  # steps that it imagines: an even number
DISCOUNT = np.float32(0.92)  # what comes a step later counts less
EFFORT = np.float32(0.02)  # of all but waiting
PRUDENT, CHILDISH, RUNAWAY = range(3)  # what it minds


def _danger(minds: int, apart: int, seen: bool, sees_it: bool) -> float:
    """What it costs the prey to be so many steps from the predator, walls left out: seen by it or not, and
    with the predator in its own sight or not."""
    cost = 12.0 if apart <= 1 else 0.0
    if minds == RUNAWAY:
        cost += max(0, 10 - apart)
    elif minds == CHILDISH:
        cost += 10.0 * sees_it
    else:
        if seen:
            cost += 10.0 + max(0, 8 - apart)
        if apart == 2:
            cost += 3.0
        cost -= 1.5 * sees_it  # it is good to see what is about
        cost += 0.5 * max(0, 12 - apart)  # what one imagines may be wrong: farther away is safer
    return cost


def _dangers() -> npt.NDArray[np.float32]:
    """(what it minds, 2 * seen + sees it, the predator's column, spots): :func:`_danger` of each spot while
    the predator is in the last row. The spots go on below the map: where it is n rows higher up, spot k
    has the danger of spot k + n * ROW."""
    last = SIDE - 3
    y, x = np.divmod(np.arange(SPOTS + last * ROW), ROW)
    apart = abs(y - last) + abs(x - np.arange(ROW)[:, None])
    by_distance = [
        [[_danger(minds, n, kind >= 2, kind % 2 == 1) for n in range(apart.max() + 1)] for kind in range(4)]
        for minds in range(3)
    ]
    return np.ascontiguousarray(np.array(by_distance, np.float32)[:, :, apart])


DANGER = _dangers()
WALL = np.where(FLOORS, np.float32(0), np.float32(np.inf))  # (maps, spots): what it costs to go into one
NOTES = np.dtype(  # what is worked out for one decision
    [
        ("mind", "i2", (8,)),  # what was in the predator's mind
        ("spot", "i8", (HORIZON + 1,)),  # where it is imagined at each step ...
        ("facing", "i8", (HORIZON + 1,)),  # ... and its heading, on the drawing
        ("cost", "f4", (2, 4, ROW + SPOTS + ROW)),  # of what is to come: see step_back
    ]
)


@dataclass(frozen=True)
class HideOptions(GameOptions):
    """Options of ``hide``."""

    limit: int = 80
    layouts: str = "train"
    habits: str = "train"
    start: str = "random"
    social: bool = True
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {
        "layouts": ("train", "held_out"),
        "habits": ("train", "held_out", *HABITS),
        "start": ("random", "ignorant", "knows"),
    }


def encode(options: HideOptions) -> npt.NDArray[np.int64]:
    """(limit, first layout, layouts, first habit, habits, start, social)."""
    first, count = (0, len(TRAIN)) if options.layouts == "train" else (len(TRAIN), len(HELD_OUT))
    sets = {"train": (PATROLLER, 2), "held_out": (SHORT, 2)}
    habit, habits = sets[options.habits] if options.habits in sets else (HABITS.index(options.habits), 1)
    start = ("random", "ignorant", "knows").index(options.start)
    return np.array([options.limit, first, count, habit, habits, start, options.social])


@njit
def deal_world(w: Any, options: Any) -> None:
    """A new episode: a map, the predator at a post on its way to the next, the prey in sight of it.

    All that is drawn is drawn before ``start`` is looked at: episodes of one seed are twins. The prey sees
    the predator. As this is turned on its round it does not see the prey; turned otherwise it would.
    """
    limit, first_map, maps, first_habit, habits, start, social = options[:7]
    size = options[engine.WINDOW_OPTION]
    memory = w.memory
    engine.clear(w, SIDE, SIDE, 2, 0, limit)
    chosen = first_map + random_below(w, maps)
    orientation = random_below(w, 8)
    memory[LAYOUT] = chosen
    memory[ORIENTATION] = orientation
    build(w, TERRAINS[chosen], SIDE, SIDE, orientation)
    for k in range(NUM_POSTS):
        memory[POSTS + k] = turn_place(POST_PLACES[chosen, k], orientation, SIDE, SIDE)
        engine.set_terrain(w, whole(memory[POSTS + k]), PAD)
    habit = first_habit + random_below(w, habits)
    way = random_below(w, 2)
    memory[MIND + HABIT] = habit
    memory[MIND + WAY] = 1 - 2 * way
    memory[MIND + SIDEWAYS] = random_below(w, 2)
    if habit == SHORT:
        w.limits[PREDATOR] = SHORT_SIGHTED
    if not social:
        w.body[PREDATOR] = THING_ARROW
        w.identity[PREDATOR] = ARROW
    post, pick, turn = random_below(w, NUM_POSTS), random_below(w, 1 << 20), random_below(w, 1 << 20)
    state = random_below(w, 2)
    if start:
        state = start - 1
    cell = NOWHERE
    for k in range(3 * NUM_POSTS):
        post = (post + 1) % NUM_POSTS
        w.place[PREDATOR] = memory[POSTS + post]
        heading = turn_heading(FIRST_HEADING[chosen, post, way], orientation)
        cell = prey_cell(w, heading, START_DISTANCE - k // NUM_POSTS, pick, size)
        if cell != NOWHERE:
            break
    memory[MIND + POST] = (post + whole(memory[MIND + WAY])) & 3
    w.place[PREY] = cell
    for _ in range(turn % 4 + 1):
        # on to the next heading in which it sees the predator
        w.heading[PREY] = (w.heading[PREY] + 1) & 3
        while window_cell(w, PREY, whole(w.place[PREDATOR]), size) < 0:
            w.heading[PREY] = (w.heading[PREY] + 1) & 3
    w.heading[PREDATOR] = heading
    memory[WAS] = w.place[PREDATOR]
    memory[ACCOUNT] = NOWHERE
    if state and social and habit != SHORT:
        # it faces the prey, sees it, and is after it
        for h in range(4):
            w.heading[PREDATOR] = h
            if window_cell(w, PREDATOR, cell, size) >= 0:
                break
        memory[MIND + MODE] = CHASE
        memory[MIND + BELIEVED] = cell
        memory[MIND + SEES] = 1
        memory[ACCOUNT] = cell
    memory[NEXT_ASK] = ASK_AGAIN
    w.task[PREY] = 1
    w.task[PREDATOR] = 1
    w.ask = 1


@njit
def prey_cell(w: Any, heading: int, far: int, pick: int, size: int) -> int:
    """Where the prey begins: the cell number ``pick`` (counted round) of those that are far enough, out of
    the predator's sight in this heading, and in sight of its cell; NOWHERE if there is none."""
    place, heading = whole(w.place[PREDATOR]), whole(HOME_HEADING[w.memory[ORIENTATION], heading])
    count = whole(0)
    for counting in range(2):
        left = -1 if counting == 0 else pick % max(count, 1)
        for k in range((SIDE - 2) * (SIDE - 2)):
            cell = inner_cell(k)
            view = views(w, place, cell, size) & 15
            if view and (view >> heading) & 1 == 0 and distance(cell, place) >= far:
                if counting == 0:
                    count += 1
                elif left == 0:
                    return cell
                left -= 1
    return NOWHERE


@njit
def inner_cell(k: int) -> int:
    """The k-th cell within the outer walls, in reading order."""
    return (1 + k // (SIDE - 2)) << 4 | (1 + k % (SIDE - 2))


@njit
def views(w: Any, place: int, cell: int, size: int) -> int:
    """Whether a cell is seen from a place, as bits: see ``hide_maps.VIEW``."""
    home = whole(w.memory[ORIENTATION])
    return whole(VIEW[(size - 5) >> 1, w.memory[LAYOUT], HOME[home, place], HOME[home, cell]])


@njit
def would_see(w: Any, a: int, cell: int, size: int) -> bool:
    """Whether an individual sees a cell from its pose: :func:`sees` without a scan."""
    heading = whole(HOME_HEADING[w.memory[ORIENTATION], w.heading[a]])
    bit = heading + 4 if w.limits[a] else heading
    return (views(w, whole(w.place[a]), cell, size) >> bit) & 1 != 0


@njit
def steps_to(w: Any, goal: int, place: int, heading: int) -> int:
    """Actions on a shortest way from a pose to a cell, others left out: ``characters.route_length``."""
    home = whole(w.memory[ORIENTATION])
    turned = HOME_HEADING[home, heading & 3]
    return whole(LENGTH[w.memory[LAYOUT], HOME[home, goal], HOME[home, place], turned])


@njit
def distance(one: int, other: int) -> int:
    """Steps between two cells, walls left out."""
    return whole(abs((one & 15) - (other & 15)) + abs((one >> 4) - (other >> 4)))


# --- The rules -----------------------------------------------------------------------------------------
@njit
def rules(w: Any, size: int) -> None:
    """Running, sight, the grip, what the predator keeps in mind, rewards."""
    memory = w.memory
    w.ask = 0
    social = w.body[PREDATOR] != THING_ARROW
    if memory[MIND + SEES] and w.place[PREDATOR] != memory[WAS]:
        run(w, PREDATOR)
    memory[WAS] = w.place[PREDATOR]
    for a in range(2):
        look_now(w, a, size)
    here = whole(w.place[PREY])
    before = memory[MIND + SEES]
    seen = sees(w, PREDATOR, here, size)
    learn(w, seen)
    if seen:
        memory[SEEN] += 1
        memory[EXPOSED] += 1
        if not before:
            memory[NOTICED] += 1
    else:
        memory[EXPOSED] = 0
    caught = engine.front(w, PREDATOR) == here if social else memory[EXPOSED] >= BEAM
    show(w, caught)
    watching = sees(w, PREY, whole(w.place[PREDATOR]), size)
    if watching and (seen or memory[MIND + BELIEVED] == NOWHERE):
        memory[ACCOUNT] = memory[MIND + BELIEVED]
    elif seen:
        memory[ACCOUNT] = NOWHERE_KNOWN  # it was seen by who was out of its sight
    if caught:
        memory[CAUGHT] = 1
        w.task[PREY] = 2
        w.task[PREDATOR] = 2
        w.terminated = 1
    else:
        w.perf = w.step / w.limit
        if watching and w.step >= memory[NEXT_ASK] and w.step < w.limit:
            w.ask = 1
            memory[NEXT_ASK] = w.step + ASK_AGAIN
    for a in range(2):
        w.reward[a] = paid(a, caught)


@njit
def paid(who: int, caught: bool) -> float:
    """What a step brings the prey or the predator."""
    if who == PREY:
        return -1.0 if caught else 0.01
    return 1.0 if caught else -0.01


@njit
def judge(windows: Any, fields: Any, lengths: Any, actions: Any, who: Any, numbers: Any, out: Any) -> None:
    """The reward function: both feel the grip, so either's own percept tells what a step brought both."""
    for k in range(out.shape[0]):
        caught = fields[k, lengths[k] - 1, FIELD_TASK] == 2 and fields[k, lengths[k] - 2, FIELD_TASK] != 2
        out[k] = paid(whole(who[k]), caught)


@njit
def look_now(w: Any, a: int, size: int) -> None:
    """Sight after the moves, as :func:`engine.perceive` will find it (and not compute it again)."""
    pose = np.uint16(whole(w.place[a]) << 2 | whole(w.heading[a]))
    if w.pose[a] != pose:
        scan(w, a, size)
        w.pose[a] = pose


@njit
def run(w: Any, a: int) -> None:
    """One more cell ahead, where nobody stands."""
    cell = engine.front(w, a)
    if engine.passes(w, a, cell) and engine.body_at(w, cell) < 0:
        w.place[a] = cell


@njit
def learn(w: Any, seen: bool) -> None:
    """What the predator keeps in mind after it has looked, from its own pose and sight."""
    memory = w.memory
    memory[MIND + SEES] = seen
    place = whole(w.place[PREDATOR])
    habit = whole(memory[MIND + HABIT])
    if w.body[PREDATOR] == THING_ARROW:
        memory[MIND + SEES] = 0  # a camera does not run
    elif seen:
        memory[MIND + MODE] = CHASE
        memory[MIND + BELIEVED] = w.place[PREY]
        memory[MIND + TIMER] = 0
        return
    memory[MIND + TIMER] += 1
    if memory[MIND + MODE] == CHASE:
        if place == memory[MIND + BELIEVED]:
            memory[MIND + MODE] = SEARCH
            memory[MIND + TIMER] = 0
        elif memory[MIND + TIMER] > CHASE_PATIENCE:
            give_up(w)
    elif memory[MIND + MODE] == SEARCH:
        if memory[MIND + TIMER] >= SEARCH_TURNS[habit]:
            give_up(w)
    elif place == memory[POSTS + memory[MIND + POST]]:
        if memory[MIND + TIMER] > LINGER[habit]:
            post = whole(memory[MIND + POST])
            if habit == TURNCOAT and (post == 0 or post == NUM_POSTS - 1):
                memory[MIND + WAY] = 1 if post == 0 else -1
            memory[MIND + POST] = (post + whole(memory[MIND + WAY])) & 3
            memory[MIND + TIMER] = 0
    else:
        memory[MIND + TIMER] = 0


@njit
def give_up(w: Any) -> None:
    w.memory[MIND + MODE] = PATROL
    w.memory[MIND + BELIEVED] = NOWHERE
    w.memory[MIND + TIMER] = 0


@njit
def show(w: Any, caught: bool) -> None:
    """Faces: see the page."""
    memory = w.memory
    face = NEUTRAL
    if memory[MIND + MODE] == SEARCH:
        face = SURPRISED if memory[MIND + TIMER] == 0 else NEUTRAL
        memory[SULKING] = SULK
    elif memory[MIND + MODE] == CHASE:
        memory[SULKING] = 0
    elif memory[SULKING] > 0:
        memory[SULKING] -= 1
        face = SAD
    w.face[PREDATOR] = GLAD if caught else face
    w.face[PREY] = SAD if caught else NEUTRAL


# --- The predator --------------------------------------------------------------------------------------
@njit
def head_for(w: Any, goal: int, manner: int) -> int:
    """The predator's first action on a shortest way to a cell: ``characters.plan``, as a rule without a
    search."""
    place, heading = whole(w.place[PREDATOR]), whole(w.heading[PREDATOR])
    left = steps_to(w, goal, place, heading)
    enough = 1 if manner == BEFORE else 0  # who has one step to go faces the cell
    prey_in_sight = (w.gaze >> np.uint64(PREDATOR * 8 + PREY)) & np.uint64(1) != 0
    # it walks round a prey in sight, but a way to face the prey never leads through it anyhow
    if left == NO_WAY or left < enough or (prey_in_sight and not (enough and goal == w.place[PREY])):
        return plan(w, PREDATOR, goal, manner)
    if left == enough:
        return WAIT
    if steps_to(w, goal, engine.front(w, PREDATOR), heading) < left:
        return FORWARD
    return TURN_LEFT if steps_to(w, goal, place, heading - 1) < left else TURN_RIGHT


@njit
def hunt(w: Any) -> int:
    """What the predator does, by its mind and pose alone."""
    memory = w.memory
    mode, timer = memory[MIND + MODE], whole(memory[MIND + TIMER])
    turn = TURN_RIGHT if memory[MIND + SIDEWAYS] else TURN_LEFT
    if mode == CHASE:
        believed = whole(memory[MIND + BELIEVED])
        return head_for(w, believed, BEFORE if memory[MIND + SEES] else ON)
    if mode == SEARCH:
        return turn
    post = whole(memory[POSTS + memory[MIND + POST]])
    if w.place[PREDATOR] == post:
        return turn if timer & 1 else WAIT
    return head_for(w, post, ON)


@njit
def imagine(w: Any, noticing: bool, size: int) -> int:
    """Move the predator on by one step, as its mind in ``MIND`` has it; the prey stays.

    Returns its action. ``noticing``: whether it notices the prey where this stands. The world is changed:
    keep it before.
    """
    action = hunt(w)
    if action == TURN_LEFT:
        w.heading[PREDATOR] = (w.heading[PREDATOR] + 3) & 3
    elif action == TURN_RIGHT:
        w.heading[PREDATOR] = (w.heading[PREDATOR] + 1) & 3
    elif action == FORWARD:
        cell = engine.front(w, PREDATOR)
        if engine.passes(w, PREDATOR, cell) and cell != w.place[PREY]:
            w.place[PREDATOR] = cell
            if w.memory[MIND + SEES]:
                run(w, PREDATOR)
    learn(w, noticing and would_see(w, PREDATOR, whole(w.place[PREY]), size))
    return action


@njit
def next_turn(w: Any, size: int) -> int:
    """Which way the predator turns next if the prey stays: TURN_LEFT, TURN_RIGHT, or -1 where it does not
    turn before it has caught it, or within ``HORIZON`` steps. The world is changed: give it a copy."""
    w.gaze = 0
    for _ in range(HORIZON):
        if engine.front(w, PREDATOR) == w.place[PREY]:
            return -1
        action = imagine(w, True, size)
        if action in (TURN_LEFT, TURN_RIGHT):
            return action
    return -1


@njit
def next_post(w: Any, size: int) -> int:
    """The number of the post to which the predator comes next if it notices nobody; -1 if it comes to none
    within 64 steps. The world is changed: give it a copy."""
    w.gaze = 0
    start = whole(w.place[PREDATOR])
    for _ in range(64):
        imagine(w, False, size)
        for k in range(NUM_POSTS):
            if w.place[PREDATOR] == w.memory[POSTS + k] and w.place[PREDATOR] != start:
                return k
    return -1


# --- The prey ------------------------------------------------------------------------------------------
@njit
def exchange(w: Any) -> None:
    """Put the prey's notion of the predator - mind and pose - in the predator's place, or take it back."""
    memory = w.memory
    for k in range(8):
        kept = memory[MIND + k]
        memory[MIND + k] = memory[NOTION + k]
        memory[NOTION + k] = kept
    place, heading = w.place[PREDATOR], w.heading[PREDATOR]
    w.place[PREDATOR] = memory[NOTION + PLACE]
    w.heading[PREDATOR] = memory[NOTION + HEADING]
    memory[NOTION + PLACE] = place
    memory[NOTION + HEADING] = heading


@njit
def follow(w: Any, imagining: bool, size: int) -> None:
    """Bring the prey's notion of the predator up to this step: imagine it one step on, then look. Without
    ``imagining`` the predator stays where it was seen last."""
    memory = w.memory
    if memory[NOTION + KNOWN] and memory[NOTION + STEP] == w.step:
        return
    sighted = (w.gaze >> np.uint64(PREY * 8 + PREDATOR)) & np.uint64(1) != 0
    gaze, limits = w.gaze, whole(w.limits[PREDATOR])
    known = memory[NOTION + KNOWN] != 0
    place, heading = whole(w.place[PREDATOR]), whole(w.heading[PREDATOR])
    exchange(w)
    w.gaze = 0
    w.limits[PREDATOR] = 0
    was, faced = whole(w.place[PREDATOR]), whole(w.heading[PREDATOR])
    if known and imagining:
        imagine(w, True, size)
    if sighted:
        surprised = not known or w.place[PREDATOR] != place or w.heading[PREDATOR] != heading
        w.place[PREDATOR] = place
        w.heading[PREDATOR] = heading
        seen = would_see(w, PREDATOR, whole(w.place[PREY]), size)
        if not known:
            memory[MIND + WAY] = 1
            memory[MIND + HABIT] = PATROLLER
            memory[MIND + SIDEWAYS] = 1
            give_up(w)
        if surprised and not seen and memory[MIND + MODE] != CHASE:
            give_up(w)
            suppose(w, known and was == place, (heading - faced) & 3)
        if seen:
            learn(w, True)
        known = True
    elif known and imagining and sees(w, PREY, whole(w.place[PREDATOR]), size):
        known = linger(w, size)  # it is not where it was imagined
    exchange(w)
    w.gaze = gaze
    w.limits[PREDATOR] = limits
    memory[NOTION + KNOWN] = known
    memory[NOTION + STEP] = w.step


@njit
def linger(w: Any, size: int) -> bool:
    """Imagine the predator to wait at a post that the prey does not see: where it came from, where it was
    going, or another, in this order. False if the prey sees them all."""
    memory = w.memory
    give_up(w)
    post, way = whole(memory[MIND + POST]), whole(memory[MIND + WAY])
    for k in range(NUM_POSTS):
        at = (post + way * (k - 1)) & 3
        if not sees(w, PREY, whole(memory[POSTS + at]), size):
            w.place[PREDATOR] = memory[POSTS + at]
            memory[MIND + POST] = at
            memory[MIND + HABIT] = AMBUSHER
            memory[MIND + TIMER] = 1
            return True
    return False


@njit
def suppose(w: Any, stayed: bool, turned: int) -> None:
    """What the prey takes the predator to be about, as it has not done what was imagined: one that stayed at
    a post waits there, as ambushers do; one that walks is on its way to the post nearest to it.
    """
    memory = w.memory
    at = whole(-1)
    for k in range(NUM_POSTS):
        if memory[POSTS + k] == w.place[PREDATOR]:
            at = k
    if at >= 0 and stayed:
        memory[MIND + HABIT] = AMBUSHER
        memory[MIND + POST] = at
        memory[MIND + TIMER] = 2 if turned else 1  # they turn at every other step
        if turned:
            memory[MIND + SIDEWAYS] = turned == 1
        return
    post = goal(w, at)
    if at >= 0:
        memory[MIND + WAY] = 1 if (post - at) & 3 == 1 else -1
    memory[MIND + POST] = post


@njit
def goal(w: Any, at: int) -> int:
    """The post that the predator is on its way to, by its pose: of those that it walks straight on to, for
    nobody turns away from a goal, the one that it has the shortest way to. From a post (number ``at``, else
    -1) it goes to one of the two beside it in the round."""
    place, heading = whole(w.place[PREDATOR]), whole(w.heading[PREDATOR])
    ahead = engine.front(w, PREDATOR)
    best, nearest, straight = whole(0), whole(-1), False
    for k in range(NUM_POSTS):
        if at >= 0 and (k - at) & 1 == 0:
            continue
        post = whole(w.memory[POSTS + k])
        length = steps_to(w, post, place, heading)
        leads = steps_to(w, post, ahead, heading) == length - 1
        if nearest < 0 or (leads and not straight) or (leads == straight and length < nearest):
            best, nearest, straight = k, length, leads
    return best


@njit
def evade(w: Any, mode: int, size: int, notes: Any) -> int:
    """The prey's action: the first of the best plan of ``HORIZON`` steps against an imagined predator.

    The predator is imagined pose by pose, unaware of what the prey will do; then the best way among its poses
    is found backwards from the last step (dynamic programming over steps and the prey's poses).
    """
    if mode != EXACT:
        follow(w, mode != LAST_SEEN, size)
        if not w.memory[NOTION + KNOWN]:
            return TURN_RIGHT  # look about
    foresee(w, mode, size, notes)
    minds = PRUDENT
    if mode == EGOCENTRIC:
        minds = CHILDISH
    elif mode in (REALITY_BIASED, LAST_SEEN):
        minds = RUNAWAY
    short = 1 if mode == EXACT and w.limits[PREDATOR] else 0
    return best_action(w, minds, short, size, notes)


@njit
def foresee(w: Any, mode: int, size: int, notes: Any) -> None:
    """Note where the predator will be at each of the next steps, as the prey imagines it; the world stays
    as it is."""
    memory = w.memory
    gaze, place, heading = w.gaze, w.place[PREDATOR], w.heading[PREDATOR]
    for k in range(8):
        notes.mind[k] = memory[MIND + k]
    if mode != EXACT:
        for k in range(8):
            memory[MIND + k] = memory[NOTION + k]
        w.place[PREDATOR] = memory[NOTION + PLACE]
        w.heading[PREDATOR] = memory[NOTION + HEADING]
    if mode == REALITY_BIASED and w.body[PREDATOR] != THING_ARROW:
        memory[MIND + MODE] = CHASE
        memory[MIND + BELIEVED] = w.place[PREY]
        memory[MIND + TIMER] = 0
        memory[MIND + SEES] = 0
    w.gaze = 0
    home = whole(memory[ORIENTATION])
    for t in range(1, HORIZON + 1):
        if mode != LAST_SEEN:
            imagine(w, False, size)
        notes.spot[t] = HOME[home, w.place[PREDATOR]]
        notes.facing[t] = HOME_HEADING[home, w.heading[PREDATOR]]
    for k in range(8):
        memory[MIND + k] = notes.mind[k]
    w.gaze, w.place[PREDATOR], w.heading[PREDATOR] = gaze, place, heading


@njit
def best_action(w: Any, minds: int, short: int, size: int, notes: Any) -> int:
    """The first action of the cheapest way past the predator's poses in ``notes``. ``short``: whether it is
    short-sighted."""
    for h in range(4):
        for k in range(SPOTS):
            notes.cost[0, h, ROW + k] = 0  # nothing comes after the last step
    layout = whole(w.memory[LAYOUT])
    for t in range(HORIZON, 0, -2):
        step_back(notes, t, 1, layout, minds, short, size)
        step_back(notes, t - 1, 0, layout, minds, short, size)
    home, heading = whole(w.memory[ORIENTATION]), whole(w.heading[PREY])
    best, least = WAIT, np.float32(np.inf)
    for action in (WAIT, TURN_LEFT, TURN_RIGHT, FORWARD):
        turn = 3 if action == TURN_LEFT else whole(action == TURN_RIGHT)
        cell = engine.front(w, PREY) if action == FORWARD else whole(w.place[PREY])
        found = notes.cost[0, HOME_HEADING[home, (heading + turn) & 3], ROW + HOME[home, cell]]
        if action != WAIT:
            found += EFFORT
        if found < least:
            best, least = action, found
    return best


@njit
def step_back(notes: Any, t: int, now: int, layout: int, minds: int, short: int, size: int) -> None:
    """One step of the plan, from the last to the first, for all the prey's poses: from what is to come after
    step ``t`` to what is to come from it on.

    ``cost[now, h, ROW + k]`` is the least that it costs, from step ``t`` on, to be at spot k of the drawing
    with heading h; it is discounted, since it is looked at from the step before. Eight spots a time:
    so every spot is reckoned with, and walls cost what nobody pays.
    """
    cost, then = notes.cost, now ^ 1
    spot, facing, window = whole(notes.spot[t]), whole(notes.facing[t]), (size - 5) >> 1
    column, below = spot % ROW, (SIDE - 3 - spot // ROW) * ROW & 127  # & 127: to show that it is not negative
    eyes = 1 << (facing + 4 * short)
    for k in range(SPOTS):
        view = VIEW[window, layout, spot, k]
        unseen, watching = DANGER[minds, 0, column, k + below], DANGER[minds, 1, column, k + below]
        seen, both = DANGER[minds, 2, column, k + below], DANGER[minds, 3, column, k + below]
        if np.uint8(view & eyes):  # uint8: else each of the eight takes 64 bits
            unseen, watching = seen, both
        unseen += WALL[layout, k]
        watching += WALL[layout, k]
        at = ROW + k
        north, east, south, west = cost[then, 0, at], cost[then, 1, at], cost[then, 2, at], cost[then, 3, at]
        along, across = min(north, south), min(east, west)  # who turns left or right comes to ...
        north = min(north, min(across, cost[then, 0, at - ROW]) + EFFORT)  # ... and who goes forward
        east = min(east, min(along, cost[then, 1, at + 1]) + EFFORT)
        south = min(south, min(across, cost[then, 2, at + ROW]) + EFFORT)
        west = min(west, min(along, cost[then, 3, at - 1]) + EFFORT)
        # one sees the predator from where it would see one if it were turned round: heading ^ 2
        cost[now, 0, at] = (north + (watching if np.uint8(view & 4) else unseen)) * DISCOUNT
        cost[now, 1, at] = (east + (watching if np.uint8(view & 8) else unseen)) * DISCOUNT
        cost[now, 2, at] = (south + (watching if np.uint8(view & 1) else unseen)) * DISCOUNT
        cost[now, 3, at] = (west + (watching if np.uint8(view & 2) else unseen)) * DISCOUNT


@njit
def keep_to_the_wall(w: Any) -> int:
    """Follow the wall at the right hand: the reflex."""
    h = whole(w.heading[PREY])
    cell = whole(w.place[PREY])
    right = (h + 1) & 3
    beside = (cell + FORWARD_Y[right] * 16 + FORWARD_X[right]) & 255
    free = PROPERTIES[w.cells[beside] & 0xFF] & WALKABLE != 0
    if free and w.action[PREY] != TURN_RIGHT:
        return TURN_RIGHT
    if PROPERTIES[w.cells[engine.front(w, PREY)] & 0xFF] & WALKABLE:
        return FORWARD
    return TURN_LEFT


@njit
def script_world(w: Any, i: int, modes: Any, actions: Any, size: int, notes: Any) -> None:
    over = w.terminated or w.truncated  # there is nothing to be planned any more
    for a in range(w.individuals):
        if modes[a] == RANDOM:
            actions[i, a] = random_legal(w, a)
        elif modes[a] and over:
            actions[i, a] = WAIT
        elif modes[a] and a == PREDATOR:
            actions[i, a] = hunt(w)
        elif modes[a] == REFLEX:
            actions[i, a] = keep_to_the_wall(w)
        elif modes[a]:
            actions[i, a] = evade(w, modes[a], size, notes)


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
    notes = np.empty(1, NOTES)[0]
    notes.cost[:] = np.inf  # beside the spots, too, there are walls
    for i in range(lo, hi):
        script_world(worlds[i], i, modes, actions, options[engine.WINDOW_OPTION], notes)


# --- What is asked -------------------------------------------------------------------------------------
TURNS = ("left", "right")


def _turn(world: npt.NDArray[Any], size: int, **believed: int) -> str:
    """Which way the predator turns next, in a copy of the world; with something else in its mind, where
    ``believed`` says so (a field of the mind and its value). ``""`` where it does not turn."""
    copy = world.copy()
    for field, value in believed.items():
        copy["memory"][0, MIND + globals()[field]] = value
    turn = next_turn(copy[0], size)
    return {TURN_LEFT: "left", TURN_RIGHT: "right"}.get(turn, "")


def probes(simulation: Simulation, world: int) -> list[Probe]:
    """What the predator sees and would see, what it knows, where it goes; and the prey's own sight."""
    w, size = simulation.worlds[world], simulation.size
    reader = Reader(simulation, world)
    memory, step = w["memory"], int(w["step"])
    me, other = "prey_0", "predator_0"
    social = int(w["body"][PREDATOR]) != THING_ARROW
    here, there = int(w["place"][PREY]), int(w["place"][PREDATOR])
    watching = reader.sees(me, there)
    seen = reader.sees(other, here)
    believed = int(memory[MIND + BELIEVED])
    if not social:
        condition = "camera"
    elif believed == NOWHERE:
        condition = "ignorant"
    else:
        condition = "knows" if believed == here else "false"
    whom = "the predator" if social else "the camera"
    items: list[Probe] = []

    def ask(
        kind: str, chain: tuple[str, ...], about: str, options: tuple[str, ...], answer: str, own: str,
        order: int, shortcuts: dict[str, str], role: str, group: str, question: str,
    ) -> None:  # fmt: skip
        items.append(
            Probe(kind, me, chain, about, options, answer, own, order, shortcuts, condition, role, group,
                  question, step)
        )  # fmt: skip

    mine = yes_no(watching)
    ask("percept", (other,), me, YES_NO, yes_no(seen), yes_no(seen) if watching else "", 1,
        {"dropped_first": mine, "last_mentioned": mine, "reality": "yes", "most_frequent": "no"},
        "test", "sight",
        f"Does {whom} see you now?")  # fmt: skip
    ask("percept", (me,), other, YES_NO, mine, mine, 0,
        {"dropped_first": mine, "reality": "yes", "most_frequent": "no"}, "control", "sight",
        f"Do you see {whom} now?")  # fmt: skip
    # cells in the prey's sight: one that the predator sees and one that it does not; and cells that the prey
    # does not see. Which of them hangs on the step and the place, not on the world's stream
    terrain = w["cells"] & 0xFF
    floor = np.flatnonzero((terrain == FLOOR) | (terrain == PAD))
    floor = floor[(floor != here) & (floor != there)]
    in_my_sight, in_its_sight = _seen(w, PREY, floor, size), _seen(w, PREDATOR, floor, size)
    for near, theirs in ((True, True), (True, False), (False, False), (False, True)):
        cells = floor[(in_my_sight == near) & (in_its_sight == theirs)]
        if not len(cells):
            continue
        cell = int(cells[(7 * step + here + 3 * there) % len(cells)])
        name = _name(cell)
        if near:
            shortcuts = {"dropped_first": "yes", "last_mentioned": "yes", "reality": "yes"}
            ask("percept", (other,), name, YES_NO, yes_no(theirs), yes_no(theirs) if watching else "",
                int(not theirs), {**shortcuts, "most_frequent": "no"}, "test", "sight",
                f"Would {whom} see you now if you stood at {name}?")  # fmt: skip
        if near == theirs:
            ask("percept", (me,), name, YES_NO, yes_no(near), yes_no(near), 0,
                {"dropped_first": yes_no(near), "reality": "yes", "most_frequent": "no"}, "control",
                "sight", f"Do you see the cell at {name}?")  # fmt: skip
    if social:
        account = int(memory[ACCOUNT])
        knows = yes_no(believed == here)
        own = "" if account == NOWHERE_KNOWN else yes_no(account == here)
        ask("knowledge", (other,), me, YES_NO, knows, own, 1,
            {"reality": "yes", "dropped_first": "yes", "last_mentioned": "yes", "most_frequent": "no"},
            "test", "knowledge", "Does the predator know where you are?")  # fmt: skip
    copy = simulation.worlds[world : world + 1]
    role = "test" if condition in ("ignorant", "false") else "control"
    if believed == NOWHERE and watching:
        posts = [_side(int(post)) for post in memory[POSTS : POSTS + NUM_POSTS]]
        sides = tuple(side for side in _SIDES if side in posts)
        post = next_post(copy.copy()[0], size)
        at = _post(w)
        # asked where its pose tells it: who looks about at a post may go on either way
        if (step == 0 or at < 0) and int(goal(w, at)) == post:
            ask("goal", (other,), other, sides, posts[post], posts[post], 1, {"most_frequent": sides[0]},
                role, "knowledge", f"Which post will {whom} come to next, if it sees nobody?")  # fmt: skip
    turn = _turn(copy, size) if step == 0 else ""
    if turn:
        feared = _turn(copy, size, MODE=CHASE, BELIEVED=here) if social else ""
        shortcuts = {"most_frequent": "left"}
        if feared and role == "test":  # in the control, where it knows, the shortcut is the answer
            shortcuts["reality"] = feared
        # a question that goes the same way whatever the predator knows is no test of what it knows; and one
        # that hangs on its habits cannot be answered by who has not seen them
        if (role == "control" or feared != turn) and _own_turns(simulation, world) == {turn}:
            ask("next_action", (other,), other, TURNS, turn, turn, 1, shortcuts, role, "knowledge",
                f"Which way will {whom} turn next, if you stay where you are?")  # fmt: skip
    return items


def _seen(w: Any, a: int, cells: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.bool_]:
    """:func:`would_see` of many cells."""
    orientation = w["memory"][ORIENTATION]
    home = HOME[orientation]
    views = VIEW[(size - 5) >> 1, w["memory"][LAYOUT], home[w["place"][a]], home[cells]]
    bit = HOME_HEADING[orientation, w["heading"][a]] + (4 if w["limits"][a] else 0)
    return views >> bit & 1 != 0


def _name(cell: int) -> str:
    return f"({cell & 15}, {cell >> 4})"


_SIDES = ("north-west", "north", "north-east", "east", "south-east", "south", "south-west", "west")


def _side(cell: int) -> str:
    """Where a post stands, seen from the middle."""
    x, y = (cell & 15) - SIDE // 2, (cell >> 4) - SIDE // 2
    across = "" if abs(x) < 2 else "west" if x < 0 else "east"
    along = "" if abs(y) < 2 else "north" if y < 0 else "south"
    return f"{along}-{across}".strip("-")


def _own_turns(simulation: Simulation, world: int) -> set[str]:
    """What the prey's own percepts leave possible: by the pose that it sees, what that pose is on the way to,
    and any habit; empty if it does not see the predator, or does not know what it believes."""
    w = simulation.worlds[world : world + 1].copy()
    memory = w[0]["memory"]
    account, size = int(memory[ACCOUNT]), simulation.size
    watching = int(w[0]["gaze"]) >> (PREY * 8 + PREDATOR) & 1
    if not watching or account == NOWHERE_KNOWN:
        return set()
    if account != NOWHERE:
        return {_turn(w, size, MODE=CHASE, BELIEVED=account)}
    at = _post(w[0])
    post = int(goal(w[0], at))
    way = {"WAY": 1 if (post - at) & 3 == 1 else -1} if at >= 0 else {}
    found = set()
    for habit, sideways in itertools.product(range(len(HABITS)), (0, 1)):
        w[0]["limits"][PREDATOR] = SHORT_SIGHTED if habit == SHORT else 0
        found.add(_turn(w, size, MODE=PATROL, POST=post, HABIT=habit, TIMER=0, SIDEWAYS=sideways, **way))
    return found


def _post(w: Any) -> int:
    """The number of the post where the predator stands; -1 beside them."""
    posts = w["memory"][POSTS : POSTS + NUM_POSTS].tolist()
    place = int(w["place"][PREDATOR])
    return posts.index(place) if place in posts else -1


GAME = Game(
    name="hide",
    stage="3b",
    title="stay where the predator neither looks nor goes",
    roles=("prey", "predator"),
    learner="prey",
    things=(),
    options=HideOptions,
    encode=encode,
    count=lambda options: 2,
    deal=deal,
    play=play,
    script=script,
    probes=probes,
    judge=judge,
    documentation=__doc__,
    modes=(*MODES[:7], "reflex"),
    tallies={"seen": SEEN, "caught": CAUGHT, "noticed": NOTICED},
)
