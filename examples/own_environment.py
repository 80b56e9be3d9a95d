"""Gaze: an adult turns to look at one of three things; the infant tells which (one's own environment).

An adult stands among a ball, a cup and a key, facing an infant, then turns to look at one of them, which
may take it past another. The infant, who sees the adult, answers with its voice or its feet.

Individuals. ``adult``, ``infant``. With ``social=False`` the adult is an arrow without a mind.
Rewards. The infant's first answer: +1 if it is the thing that the adult looks at, else 0. It answers by
saying ``say_0`` (ball), ``say_1`` (cup) or ``say_2`` (key), or by standing before a thing; an answer counts
when the adult looked at the same thing before that step and after it.
Ends. Terminated by an answer that counts; truncated after ``limit`` steps.
perf. 1 if the answer was right, else 0.
Task and cue. Not used.
Probes. When the adult has turned: what it looks at (by its heading); control: what the infant looks at.
Source. Scaife & Bruner (1975), The capacity for joint visual attention in the infant.

Options: ``answer`` of the scripted infant (``voice`` or ``steps``); ``limit``; ``look`` (``first`` or
``second``: twins by seed that differ in what is looked at); ``side`` of the map; ``social``.

Run it: ``python examples/own_environment.py [FOLDER]``, with a folder to get pictures of it.
"""

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import mindsight
from mindsight import renders
from mindsight.envs.grid import engine, vision
from mindsight.envs.grid.characters import BEFORE, believed_place, plan, random_legal
from mindsight.envs.grid.engine import FLOOR, SAY, THINGS, TURN_LEFT, TURN_RIGHT, WAIT, random_below
from mindsight.envs.grid.game import Game, GameOptions
from mindsight.envs.grid.questions import Reader
from mindsight.envs.kernels import njit, whole
from mindsight.envs.probes import Probe
from mindsight.envs.simulation import ANEW, EGOCENTRIC, EXACT, RANDOM, RUNNING

ADULT, INFANT = 0, 1
NAMES = ("ball", "cup", "key")
KINDS = np.array([THINGS.index(name) for name in NAMES])
# w.memory: the heading that the adult will have, which way it turns round, the thing that it looked at last,
# the thing ahead of the infant at first, what the infant last saw the adult look at
TARGET, WAY, LOOKED, AHEAD, SEEN = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class GazeOptions(GameOptions):
    """Who answers how, what is looked at, and by whom."""

    answer: str = "voice"
    limit: int = 40
    look: str = "first"
    side: int = 7
    social: bool = True
    CHOICES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "answer": ("voice", "steps"),
        "look": ("first", "second"),
    }
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {"side": (7, 9)}


def encode(options: GazeOptions) -> Any:
    """The numbers that kernels get: (limit, side, social, steps, second)."""
    steps, second = options.answer == "steps", options.look == "second"
    return np.array([options.limit, options.side, options.social, steps, second])


@njit
def deal_world(w: Any, options: Any) -> None:
    """The adult amid three things, the infant to the south."""
    limit, side = options[:2]
    engine.clear(w, side, side, 2, 3, limit)
    for y in range(1, side - 1):
        for x in range(1, side - 1):
            engine.set_terrain(w, y << 4 | x, FLOOR)
    middle, far = side // 2, (side - 3) // 2
    w.place[ADULT] = middle << 4 | middle
    w.heading[ADULT] = 2  # south, at the infant
    w.place[INFANT] = middle + far << 4 | middle
    w.heading[INFANT] = 0
    if not options[2]:
        w.body[ADULT] = engine.THING_ARROW
        w.identity[ADULT] = engine.ARROW
    first, mirrored = random_below(w, 3), random_below(w, 2)
    for o in range(3):  # in any order to the west, the north and the east
        w.kind[o] = KINDS[o]
        spot = (first + (2 * o if mirrored else o)) % 3 - 1
        engine.put_thing(w, o, middle - (0 if spot else far) << 4 | middle + spot * far)
    w.memory[TARGET] = ((random_below(w, 3) + options[4]) % 3 + 3) % 4  # west, north or east
    w.memory[WAY] = TURN_LEFT if random_below(w, 2) else TURN_RIGHT
    w.memory[LOOKED] = w.memory[SEEN] = -1
    w.memory[AHEAD] = engine.thing_at(w, middle - far << 4 | middle)
    engine.label_rooms(w)


@njit
def looked_at(w: Any, a: int, judge: int, mode: int) -> int:
    """The nearest thing straight ahead of ``a``, as ``judge`` in this mode has it, or -1."""
    right, down = whole(engine.FORWARD_X[w.heading[a]]), whole(engine.FORWARD_Y[w.heading[a]])
    best, found = 16, -1
    for o in range(3):
        place = whole(believed_place(w, judge, o, mode))
        x, y = (place & 15) - (whole(w.place[a]) & 15), (place >> 4) - (whole(w.place[a]) >> 4)
        ahead = x * right + y * down
        if engine.NOWHERE < place < engine.HANDS and x * down == y * right and 0 < ahead < best:
            best, found = ahead, o
    return found


@njit
def rules(w: Any, options: Any) -> None:
    """What is paid, when it ends, when questions are put."""
    looked, before = looked_at(w, ADULT, INFANT, EXACT), whole(w.memory[LOOKED])
    if vision.sees(w, INFANT, whole(w.place[ADULT]), options[engine.WINDOW_OPTION]):
        w.memory[SEEN] = before  # sight is that of the last percept
    w.memory[LOOKED] = looked
    w.ask = 1 if looked >= 0 and looked != before and w.heading[ADULT] == w.memory[TARGET] else 0
    answer = whole(w.action[INFANT]) - SAY
    if not 0 <= answer < 3:
        answer = engine.thing_at(w, engine.front(w, INFANT))
    if answer >= 0 and looked >= 0 and looked == before:
        w.reward[INFANT] = 1 if answer == looked else 0
        w.perf = 1 if answer == looked else 0
        w.terminated = 1


@njit
def adult(w: Any) -> int:
    """Turn to what is to be looked at."""
    turn = (whole(w.memory[TARGET]) - whole(w.heading[ADULT])) % 4  # in quarters, to the right
    if turn == 2:
        return whole(w.memory[WAY])
    return WAIT if turn == 0 else (TURN_RIGHT if turn == 1 else TURN_LEFT)


@njit
def infant(w: Any, mode: int, options: Any) -> int:
    """Tell what the adult looks at, as the mode has it."""
    if mode == EGOCENTRIC:  # the other looks at what I looked at
        o = whole(w.memory[AHEAD])
    elif mode == EXACT or vision.sees(w, INFANT, whole(w.place[ADULT]), options[engine.WINDOW_OPTION]):
        o = looked_at(w, ADULT, INFANT, mode)
    else:  # on its way it turns away from the adult: what it saw last
        o = whole(w.memory[SEEN])
    if o < 0:
        return WAIT
    if options[3]:
        return plan(w, INFANT, whole(believed_place(w, INFANT, o, mode)), BEFORE)
    return SAY + o


@njit
def script_world(w: Any, i: int, options: Any, modes: Any, actions: Any) -> None:
    """What its characters do."""
    for a in range(w.individuals):
        if modes[a] == RANDOM:
            actions[i, a] = random_legal(w, a)
        elif modes[a]:
            actions[i, a] = adult(w) if a == ADULT else infant(w, modes[a], options)


@njit
def deal(worlds: Any, options: Any, todo: Any, lo: int, hi: int) -> None:
    """New episodes."""
    for i in range(lo, hi):
        if todo[i] == ANEW:
            deal_world(worlds[i], options)


@njit
def play(worlds: Any, options: Any, todo: Any, lo: int, hi: int) -> None:
    """The rules, world by world."""
    for i in range(lo, hi):
        if todo[i] == RUNNING:
            rules(worlds[i], options)


@njit
def script(worlds: Any, options: Any, modes: Any, actions: Any, lo: int, hi: int) -> None:
    """The characters, world by world."""
    for i in range(lo, hi):
        script_world(worlds[i], i, options, modes, actions)


def probes(simulation: Any, world: int) -> list[Probe]:
    """What is asked of the infant."""
    reader = Reader(simulation, world)
    w = simulation.worlds[world]
    social = bool(w["body"][ADULT] != engine.THING_ARROW)
    options = (*NAMES, "nothing")
    theirs, mine = (options[looked_at(w, a, INFANT, EXACT)] for a in (ADULT, INFANT))
    seen = reader.sees("infant_0", int(w["place"][ADULT]))
    shortcuts = {"most_frequent": "ball"} | ({"dropped_first": mine} if social else {})
    it = "the adult look at" if social else "the arrow point at"
    return [
        Probe(
            "percept" if chain else "reality", "infant_0", chain, "thing", options, answer, own, required,
            shortcuts, condition, role, "gaze", question, int(w["step"]),
        )
        for chain, answer, own, required, condition, role, question in (
            (("adult_0",) if social else (), theirs, theirs if seen else "", int(social and theirs != mine),
             "gaze" if social else "arrow", "test", f"What does {it}?"),
            (("infant_0",), mine, mine, 0, "own_gaze", "control", "What do you look at?"),
        )
    ]  # fmt: skip


GAME = Game(
    name="gaze",
    stage="2a",
    title="look where the other looks",
    roles=("adult", "infant"),
    learner="infant",
    things=NAMES,
    options=GazeOptions,
    encode=encode,
    count=lambda options: 2,
    deal=deal,
    play=play,
    script=script,
    probes=probes,
    modes=("external", "scripted", "exact", "random", "egocentric"),
    documentation=__doc__ or "",
)
mindsight.add_environment(GAME)

SCENARIO = """
description: An adult looks at one of three things; the infant tells which.
environment: gaze
roles: {adult: scripted, infant: focal}
episodes: 100
"""

# With `sets: seed`, who always names what it looks at itself is wrong in one of two twins at least.
EXAM = """
description: Somebody looks, or an arrow points, at one of three things.
scenarios:
  - gaze.yaml: [{look: first}, {look: second}]
  - gaze.yaml: [{look: first, answer: steps}, {look: second, answer: steps}]
  - gaze.yaml: [{look: first, social: false}, {look: second, social: false}]
sets: seed
"""

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "gaze.yaml").write_text(SCENARIO)
        exam = Path(folder, "exam.yaml")
        exam.write_text(EXAM)
        for agent in ("random", "egocentric", "scripted"):
            mindsight.evaluate(agent, str(exam), progress=False).card.print()
        print("sound:", mindsight.audit(str(exam)).sound)
    for out in sys.argv[1:]:
        for name, social in (("gaze", True), ("gaze_arrow", False)):
            episode = mindsight.Episode.record("gaze", {"social": social}, seed=1)
            renders.render_episode(episode, Path(out, f"{name}.gif"))
