"""Reach: everybody has a beacon of their own and goes there (stage 1a, self-directed movement).

One to four individuals stand in rooms joined by doors. Each knows the direction of its own beacon,
wherever it is, and has to find the way: round walls, through doors, past the others. Who stands on
its beacon has arrived and leaves the world. The episode ends when all have arrived.

With ``conveyors``, belts lie on the floor. At the end of a step, whoever stands on one is carried a cell
along: walking with it takes half the time, walking against it leads nowhere. To act well then takes a
prediction of what the world does after the action (*embodiment*). No belt starts or ends at another's side
or in a corner, and the floor hangs together without them: waiting on a belt leads back to the floor, and
every beacon can be reached from everywhere.

Rewards. +1 for arriving, -0.01 for every step before.
Ends. Terminated when all have arrived; truncated after ``limit`` steps.
perf. The mean over individuals of shortest way / own way (1 at most: others may open
doors; 0 for who has not arrived).
Cue. ``cue_0``: how far forward the own beacon is, ``cue_1``: how far to the right, both + 7 and cut to
0..15; 0 and 0 for who has arrived.
Probes. None of minds; this is the ladder's first rung.
Modes. All who are scripted plan a shortest way over their model of the world; ``last_seen`` plans as if
belts stood still, and is carried off its way.
Source. Stage 1a of the paper (section 2.3); tasks of this kind are Minigrid's (Chevalier-Boisvert et
al. 2023).

Options: ``individuals`` (1 to 4), ``width`` and ``height`` of the map, ``doors`` (``"closed"`` or
``"open"`` at the start), ``conveyors`` (0 to 12 belts of two to five cells, as far as there is room),
``limit``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..kernels import njit, whole
from ..probes import Probe
from ..simulation import ANEW, LAST_SEEN, RANDOM, RUNNING
from . import engine
from .characters import ON, plan, random_legal, shortest_way
from .engine import BEACON, CONVEYOR, FLOOR, OUT, PROPERTIES, TOGGLES, random_below, terrain_at
from .game import Game, GameOptions
from .layout import divide
from .physics import beyond, carry_bodies, flow_at
from .vision import FORWARD_X, FORWARD_Y, RIGHT_X, RIGHT_Y

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "ReachOptions"]

# What a world remembers.
# For each individual: beacon, length of the shortest way, step of arrival; and, where it is scripted,
# the place at its last move and the steps for which it still makes way.
GOAL, SHORTEST, ARRIVED, BEFORE_MOVE, MAKES_WAY = 0, 4, 8, 12, 16


@dataclass(frozen=True)
class ReachOptions(GameOptions):
    """Options of ``reach``."""

    individuals: int = 2
    width: int = 9
    height: int = 9
    doors: str = "closed"
    conveyors: int = 0
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {
        "individuals": (1, 4),
        "width": (5, 11),
        "height": (5, 11),
        "conveyors": (0, 12),
    }
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {"doors": ("closed", "open")}


def encode(options: ReachOptions) -> npt.NDArray[np.int64]:
    """(limit, individuals, width, height, closed, conveyors)."""
    closed = int(options.doors == "closed")
    return np.array(
        [options.limit, options.individuals, options.width, options.height, closed, options.conveyors]
    )


@njit
def free_floor(w: Any) -> int:
    """A random floor cell where nobody stands and no beacon is. There are enough on every map."""
    while True:
        x = 1 + random_below(w, whole(w.width) - 2)
        y = 1 + random_below(w, whole(w.height) - 2)
        cell = y << 4 | x
        if engine.terrain_at(w, cell) == engine.FLOOR and engine.body_at(w, cell) < 0:
            return cell


@njit
def hangs_together(w: Any) -> bool:
    """Whether all floor and doors hang together without conveyors."""
    reached = np.zeros(256, np.uint8)
    queue = np.empty(256, np.uint8)
    cells, tail = 0, 0
    for cell in range(256):
        if stands(w, cell):
            cells += 1
            if tail == 0:
                reached[cell] = 1
                queue[0] = cell
                tail = 1
    head = 0
    while head < tail:
        for h in range(4):
            near = beyond(whole(queue[head]), h)
            if not reached[near] and stands(w, near):
                reached[near] = 1
                queue[tail] = near
                tail += 1
        head += 1
    return tail == cells


@njit
def stands(w: Any, cell: int) -> bool:
    """Whether a cell is floor or a door."""
    terrain = terrain_at(w, cell)
    return terrain == FLOOR or PROPERTIES[terrain] & TOGGLES != 0


@njit
def lay_conveyor(w: Any, least: int) -> bool:
    """Try to lay a belt somewhere: straight, with plain floor at its end, which stays plain. Nothing is
    laid if that would cut the floor in two or leave less than ``least`` cells of it. Whether it was."""
    x = 1 + random_below(w, whole(w.width) - 2)
    y = 1 + random_below(w, whole(w.height) - 2)
    heading = random_below(w, 4)
    length = 2 + random_below(w, 4)
    cell = start = y << 4 | x
    for k in range(length + 1):  # the last is the end
        if terrain_at(w, cell) != FLOOR:
            return False
        for h in range(4):
            if k < length and flow_at(w, beyond(cell, (h + 2) & 3)) == h:
                return False  # another belt's end
        cell = beyond(cell, heading)
    cell = start
    for _ in range(length):
        engine.set_terrain(w, cell, CONVEYOR + heading)
        cell = beyond(cell, heading)
    floor = 0
    for cell in range(256):
        floor += terrain_at(w, cell) == FLOOR
    if floor < least or not hangs_together(w):
        cell = start
        for _ in range(length):
            engine.set_terrain(w, cell, FLOOR)
            cell = beyond(cell, heading)
        return False
    return True


@njit
def lay_conveyors(w: Any, belts: int, individuals: int) -> None:
    """Lay some belts, fewer where they find no place in sixty tries each."""
    laid = 0
    for _ in range(60 * belts):
        laid += lay_conveyor(w, 2 * individuals + 2)
        if laid == belts:
            break
    w.flows = laid > 0


@njit
def deal_world(w: Any, options: Any) -> None:
    """A new episode: rooms, then places, headings and beacons."""
    limit, individuals, width, height, closed, belts = options[:6]
    engine.clear(w, width, height, individuals, 0, limit)
    divide(w, width, height, closed != 0)
    if belts:
        lay_conveyors(w, belts, individuals)
    engine.label_rooms(w)
    for a in range(individuals):
        w.place[a] = free_floor(w)
        w.heading[a] = random_below(w, 4)
    for a in range(individuals):
        goal = free_floor(w)
        engine.set_terrain(w, goal, BEACON)
        w.memory[GOAL + a] = goal
        w.memory[SHORTEST + a] = shortest_way(w, a, goal, ON)
    point(w)


@njit
def point(w: Any) -> None:
    """Each one's cue: its own beacon's direction, seen from its pose."""
    for a in range(w.individuals):
        if w.body[a] == OUT:
            w.cue[a, 0] = 0
            w.cue[a, 1] = 0
            continue
        goal = whole(w.memory[GOAL + a])
        dx = (goal & 15) - (whole(w.place[a]) & 15)
        dy = (goal >> 4) - (whole(w.place[a]) >> 4)
        h = whole(w.heading[a])
        w.cue[a, 0] = min(max(dx * FORWARD_X[h] + dy * FORWARD_Y[h] + 7, 0), 15)
        w.cue[a, 1] = min(max(dx * RIGHT_X[h] + dy * RIGHT_Y[h] + 7, 0), 15)


@njit
def rules(w: Any) -> None:
    """Being carried, arriving, rewards, the end."""
    if w.flows:
        carry_bodies(w)
    everybody = True
    perf = 0.0
    for a in range(w.individuals):
        if w.body[a] != OUT:
            if w.place[a] == w.memory[GOAL + a]:
                w.reward[a] = 1
                w.memory[ARRIVED + a] = w.step
                engine.leave_world(w, a)
            else:
                w.reward[a] = -0.01
                everybody = False
        if w.memory[ARRIVED + a]:
            perf += min(1.0, w.memory[SHORTEST + a] / w.memory[ARRIVED + a])  # others may open doors
    w.perf = perf / w.individuals
    if everybody:
        w.terminated = 1
    point(w)


@njit
def go(w: Any, a: int, still: bool) -> int:
    """The shortest way (as if conveyors stood, where ``still``); who was stopped by somebody walks about
    for a few steps, and lets them pass.

    Without that, two who meet in a doorway stand there for good: both wait for the other.
    """
    if w.memory[MAKES_WAY + a] > 0:
        w.memory[MAKES_WAY + a] -= 1
        action = 1 + random_below(w, 3)
        return action if engine.legal(w, a, action) else engine.WAIT
    action = plan(w, a, whole(w.memory[GOAL + a]), ON, still)
    # the pose before the last planned move; the same pose again means that somebody was in the way
    pose = whole(w.place[a]) * 4 + whole(w.heading[a])
    stopped = action in (engine.FORWARD, engine.WAIT) and w.memory[BEFORE_MOVE + a] == pose
    w.memory[BEFORE_MOVE + a] = pose if action in (engine.FORWARD, engine.WAIT) else 0
    if stopped:
        w.memory[BEFORE_MOVE + a] = 0
        w.memory[MAKES_WAY + a] = random_below(w, 5)
    return action


@njit
def script_world(w: Any, i: int, modes: Any, actions: Any) -> None:
    """Everybody who is scripted goes the shortest way."""
    for a in range(w.individuals):
        if modes[a] == RANDOM:
            actions[i, a] = random_legal(w, a)
        elif modes[a]:
            actions[i, a] = engine.WAIT if w.body[a] == OUT else go(w, a, modes[a] == LAST_SEEN)


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


def probes(simulation: Simulation, world: int) -> list[Probe]:
    """Reach asks nothing about minds."""
    return []


GAME = Game(
    name="reach",
    stage="1a",
    title="everybody goes to a beacon of their own",
    roles=("walker", "walker", "walker", "walker"),
    learner="walker",
    things=("thing",),
    options=ReachOptions,
    encode=encode,
    count=lambda options: options.individuals,
    deal=deal,
    play=play,
    script=script,
    probes=probes,
    own_cells=GOAL,
    documentation=__doc__,
)
