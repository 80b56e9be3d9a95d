"""Reach: everybody has a beacon of their own and goes there (stage 1a, self-directed movement).

One to four individuals stand in rooms joined by doors. Each knows the direction of its own beacon,
wherever it is, and has to find the way: round walls, through doors, past the others. Who stands on
its beacon has arrived and leaves the world. The episode ends when all have arrived.

Rewards. +1 for arriving, -0.01 for every step before.
Ends. Terminated when all have arrived; truncated after ``limit`` steps.
perf. The mean over individuals of shortest way / own way (1 at most: others may open
doors; 0 for who has not arrived).
Cue. ``cue_0``: how far forward the own beacon is, ``cue_1``: how far to the right, both + 7 and cut to
0..15; 0 and 0 for who has arrived.
Probes. None of minds; this is the ladder's first rung.
Source. Stage 1a of the paper (section 2.3); tasks of this kind are Minigrid's (Chevalier-Boisvert et
al. 2023).

Options: ``individuals`` (1 to 4), ``width`` and ``height`` of the map, ``doors`` (``"closed"`` or
``"open"`` at the start), ``limit``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..kernels import njit, whole
from ..probes import Probe
from ..simulation import ANEW, RANDOM, RUNNING
from . import engine
from .characters import ON, plan, random_legal, shortest_way
from .engine import BEACON, OUT, random_below
from .game import Game, GameOptions
from .layout import divide
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
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {
        "individuals": (1, 4),
        "width": (5, 11),
        "height": (5, 11),
    }
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {"doors": ("closed", "open")}


def encode(options: ReachOptions) -> npt.NDArray[np.int64]:
    """(limit, individuals, width, height, closed)."""
    closed = int(options.doors == "closed")
    return np.array([options.limit, options.individuals, options.width, options.height, closed])


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
def deal_world(w: Any, options: Any) -> None:
    """A new episode: rooms, then places, headings and beacons."""
    limit, individuals, width, height, closed = options[:5]
    engine.clear(w, width, height, individuals, 0, limit)
    divide(w, width, height, closed != 0)
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
    """Arriving, rewards, the end."""
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
def go(w: Any, a: int) -> int:
    """The shortest way; who was stopped by somebody walks about for a few steps, and lets them pass.

    Without that, two who meet in a doorway stand there for good: both wait for the other.
    """
    if w.memory[MAKES_WAY + a] > 0:
        w.memory[MAKES_WAY + a] -= 1
        action = 1 + random_below(w, 3)
        return action if engine.legal(w, a, action) else engine.WAIT
    action = plan(w, a, whole(w.memory[GOAL + a]), ON)
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
            actions[i, a] = engine.WAIT if w.body[a] == OUT else go(w, a)


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
    documentation=__doc__,
)
