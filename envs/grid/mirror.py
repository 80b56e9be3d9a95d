"""Mirror: watch somebody cross a field of traps, then cross your own, which is turned (stage 4a, imitation).

Two fields of five by five stones lie on the two sides of the learner's seat. Most stones are traps, and traps
look like safe stones; one way of safe stones leads from the pad to the beacon. First the demonstrator walks
the way on its field behind glass, and the learner, shut in, looks on. When it has come to its beacon (or
after ``WATCHING`` steps) the glass before the learner's own field opens. That field has the same way, but the
demonstrator's is a copy of it turned by one of the eight orientations of the square. How it is turned can be
seen: by the pad, by the beacon on the side opposite, and by a block in a corner beside the pad. Who copies
the way through the orientation touches nothing; who tries for itself pays for each trap and is put back.

An orientation is taken between the two fields as they look from the seat, the learner turned to each.

=============  ======================================================================
orientation    how the demonstrator's field looks beside the learner's
=============  ======================================================================
``unturned``   the same                                                (train)
``turned``     turned by 90 degrees (train), by 180 or 270 (held out)
``mirrored``   right and left exchanged, or along the diagonal (train), or along the
               other diagonal, or near and far exchanged (held out)
=============  ======================================================================

=============  ===============================================================
demonstrator   how it walks
=============  ===============================================================
``steady``     the safe way, a step after the other
``slow``       the same with a rest before each action
``errs``       once leaves the way: touches a trap, is put back, begins anew
=============  ===============================================================

With ``social=False`` an arrow goes the same way in the same manner: the same pixels but for the figure and
its face. It is put back from traps, too; nothing is paid to it.

Individuals. ``learner``, ``demonstrator``.
Rewards. While it may go, either: -0.01 a step, -0.5 for touching a trap, +1 for coming to its beacon. The
learner may go once its field is open, the demonstrator until then.
Ends. Terminated when the learner has come to its beacon; truncated after ``limit`` steps.
perf. 1 / (1 + traps that the learner touched) if it came to the beacon, else 0.
Task. ``task`` is 2 while one may go, 1 while one may not.
Cue. None.
Faces. In the step in which it has touched a trap, sad; in which it has come to the beacon, glad; else
neutral.
Tallies. ``touches``: traps that the learner touched. ``success``: 1 if it came to the beacon. ``shown``:
traps that the demonstrator touched.
Probes. When the learner's field opens: is this stone of the learner's field safe (reality: one that is and
one that is not, which look the other way round to who takes over the field unturned). Controls: the same of
two stones of the demonstrator's field; where the fields are unturned, all of them.
Source. Meltzoff 1988 and Horner & Whiten 2005 (watched once, then done); Byrne 2003 (copying a way through
its parts); Heyes & Saggerson 2002 (demonstrations and mirrored copies); Hare et al. 2002 (the price of
trial).

Modes of the learner. ``scripted`` takes the way it has seen through the orientation; where it has not looked
it tries. ``exact`` knows the safe stones. ``last_seen`` is trial and error: it remembers which traps it has
touched and which stones it has stood on, and has learnt nothing by watching. ``reality_biased`` goes by
looks: all stones look safe, and the straight way is the shortest, again and again. ``egocentric`` walks as
the demonstrator looked to walk, to the right where that went to the right: right in the unturned field alone.
``reflex`` repeats the demonstrator's turns and steps one by one: right in a field that is turned, wrong in
one that is mirrored.

Options: ``orientations`` (``"any"``, ``"train"``, ``"held_out"``: sets that do not overlap; ``"unturned"``);
``paths`` (``"any"``, ``"train"``, ``"held_out"``: a third of the ways, with their mirror images and the same
ways walked backwards); ``demonstrator`` (``"any"``, ``"steady"``, ``"slow"``, ``"errs"``); ``social``;
``limit``. Use windows of 7 or 9 cells: with 5, the learner does not see the whole of either field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..kernels import njit, whole
from ..probes import Probe
from ..simulation import ANEW, EGOCENTRIC, EXACT, LAST_SEEN, MODES, RANDOM, REALITY_BIASED, REFLEX, RUNNING
from . import engine
from .characters import random_legal
from .engine import (
    ARROW,
    BEACON,
    BLOCK,
    FIELD_FACE,
    FIELD_SELF,
    FIELD_TASK,
    FORWARD,
    GLAD,
    NEUTRAL,
    PAD,
    SAD,
    STONE,
    THING_ARROW,
    TURN_LEFT,
    TURN_RIGHT,
    WAIT,
    WINDOW,
    random_below,
    set_terrain,
)
from .game import Game, GameOptions
from .layout import build, parse, turn_heading, turn_place
from .questions import YES_NO, yes_no
from .vision import FORWARD_X, FORWARD_Y, scan, sees

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "MirrorOptions"]

LEARNER, DEMONSTRATOR = 0, 1

# The demonstrator's field is rows 1 to 5, the learner's rows 8 to 12, its seat between them.
MAP = parse(
    """
    #######
    #:::::#
    #:::::#
    #:::::#
    #:::::#
    #:::::#
    #=====#
    ###O###
    #:::::#
    #:::::#
    #:::::#
    #:::::#
    #:::::#
    #######
    """,
    connected=False,
)
TERRAIN = MAP.terrain
WIDTH, HEIGHT = MAP.width, MAP.height
SEAT = MAP.marks["O"][0]

# A cell of a field as it looks from the seat: 5 * how far + how far from the left. Headings, too: 0 is away
# from the viewer, 1 to the right.
SIDE = 5
CELLS = SIDE * SIDE
START, GOAL = 2, 22  # of the learner's field: the pad and the beacon
CORNERS = (0, 4)  # one of them has the block
STEPS = np.array([SIDE, 1, -SIDE, -1], np.int64)


def _neighbours(cell: int) -> list[int]:
    """The cells beside a cell, by heading; -1 beyond the field."""
    far, left = divmod(cell, SIDE)
    beside = []
    for across, away in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        inside = 0 <= left + across < SIDE and 0 <= far + away < SIDE
        beside.append((far + away) * SIDE + left + across if inside else -1)
    return beside


NEXT = np.array([_neighbours(cell) for cell in range(CELLS)], np.int64)


def _turned() -> npt.NDArray[np.int64]:
    """(8, 25) where a cell of the learner's field is in the demonstrator's, for each orientation."""
    # as Python: a kernel called here would be compiled, or loaded, by whoever imports Mindsight
    turn = getattr(turn_place, "py_func", turn_place)
    table = np.zeros((8, CELLS), np.int64)
    for orientation in range(8):
        for cell in range(CELLS):
            place = turn((cell // SIDE) << 4 | cell % SIDE, orientation, SIDE, SIDE)
            table[orientation, cell] = (place >> 4) * SIDE + (place & 15)
    return table


TURNED = _turned()
UNTURNED = 0
TRAIN_TURNS = np.array([0, 5, 1, 4], np.int64)
HELD_OUT_TURNS = np.array([3, 6, 2, 7], np.int64)
ALL_TURNS = np.arange(8)
ROTATIONS = (0, 3, 5, 6)  # the others are mirror images

LEAST, MOST = 7, 13  # stones of a way, pad and beacon among them


def _ways() -> list[tuple[int, ...]]:
    """All ways from the pad to the beacon without a short cut: no two of its stones touch but those that
    follow each other. Ways that a turned copy of the field has, too, are left out: copying them unturned
    would be right by luck."""
    found: list[tuple[int, ...]] = []
    turns, following, ends = TURNED[1:].tolist(), NEXT.tolist(), {START, GOAL, *CORNERS}

    def extend(way: tuple[int, ...]) -> None:
        if way[-1] == GOAL:
            cells = set(way)
            copies = ({turned[cell] for cell in way} for turned in turns)
            if len(way) >= LEAST and not any(cells - copy <= ends or copy - cells <= ends for copy in copies):
                found.append(way)
            return
        for cell in following[way[-1]]:
            if cell < 0 or cell in CORNERS or cell in way or len(way) == MOST:
                continue
            if sum(near in way for near in following[cell]) == 1:
                extend((*way, cell))

    extend((START,))
    return found


def _family(way: tuple[int, ...]) -> tuple[int, ...]:
    """The same for a way, its mirror image, and both walked from the other end."""
    alike = []
    for turn in (0, 1, 2, 3):
        cells = tuple(int(TURNED[turn, cell]) for cell in way)
        alike.append(cells if cells[0] == START else cells[::-1])
    return min(alike)


WAYS = _ways()
_FAMILIES = sorted({_family(way) for way in WAYS})
SHARE = 3  # every third family of ways is held out
LENGTHS = np.array([len(way) for way in WAYS], np.int64)
PATHS = np.array([(*way, *[-1] * (MOST - len(way))) for way in WAYS], np.int64)
ALL_PATHS = np.arange(len(WAYS))
HELD_OUT_PATHS = np.array([k for k in ALL_PATHS if _FAMILIES.index(_family(WAYS[k])) % SHARE == 0], np.int64)
TRAIN_PATHS = np.array([k for k in ALL_PATHS if k not in HELD_OUT_PATHS.tolist()], np.int64)

WATCHING = 64  # steps after which the learner's field opens, whatever the demonstrator has done

ORIENTATIONS = ("any", "train", "held_out", "unturned")
SETS = ("any", "train", "held_out")
DEMONSTRATORS = ("any", "steady", "slow", "errs")
ANY, STEADY, SLOW, ERRS = range(4)

# What a world remembers.
(
    ORIENTATION,  # of the map
    TURN,  # of the demonstrator's field against the learner's
    PATH,
    BLOCK_CELL,
    MANNER,  # of the demonstrator
    ERROR_AFTER,  # the stone of the way after which the demonstrator errs ...
    ERROR_CELL,  # ... and the trap it touches, both cells of the learner's field
    OPEN,  # whether the learner may go
    ARRIVED,  # whether the demonstrator came to its beacon
    MISSED,  # whether the learner has missed a moment of the walk
    LAST,  # where the demonstrator was a step ago
    TOUCHES,
    SUCCESS,
    SHOWN,
    COUNT,  # of the moves seen since the demonstrator was at its start
    COPIED,  # of them copied since the learner's own start
) = range(16)
# Sets of cells, of two numbers each.
SAFE_SEEN, TRAPS_SEEN, SAFE_FELT, TRAPS_FELT, SAFE = range(16, 26, 2)
MOVES = 26  # headings as they looked
MAX_MOVES = 36


@dataclass(frozen=True)
class MirrorOptions(GameOptions):
    """Options of ``mirror``."""

    limit: int = 200
    orientations: str = "any"
    paths: str = "any"
    demonstrator: str = "any"
    social: bool = True
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {
        "orientations": ORIENTATIONS,
        "paths": SETS,
        "demonstrator": DEMONSTRATORS,
    }


def encode(options: MirrorOptions) -> npt.NDArray[np.int64]:
    """(limit, orientations, paths, demonstrator, social)."""
    return np.array(
        [
            options.limit,
            ORIENTATIONS.index(options.orientations),
            SETS.index(options.paths),
            DEMONSTRATORS.index(options.demonstrator),
            options.social,
        ]
    )


# --- The fields -------------------------------------------------------------------------------------------
@njit
def place_of(w: Any, a: int, cell: int) -> int:
    """The place of a cell of a's field, by how it looks from the seat."""
    far, left = cell // SIDE, cell % SIDE
    place = (8 + far) << 4 | (5 - left) if a == LEARNER else (5 - far) << 4 | (1 + left)
    return turn_place(place, whole(w.memory[ORIENTATION]), WIDTH, HEIGHT)


@njit
def cell_of(w: Any, a: int, place: int) -> int:
    """The cell of a's field at a place; -1 where that is none (the seat)."""
    orientation = whole(w.memory[ORIENTATION])
    if orientation & 4:  # back to the drawn map: the last turn first
        place = (place & 15) << 4 | place >> 4
    place = turn_place(place, orientation & 3, WIDTH, HEIGHT)
    x, y = place & 15, place >> 4
    far, left = (y - 8, 5 - x) if a == LEARNER else (5 - y, x - 1)
    if far < 0 or far >= SIDE or left < 0 or left >= SIDE:
        return -1
    return far * SIDE + left


@njit
def holds(w: Any, base: int, cell: int) -> bool:
    """Whether a cell is in a set of cells."""
    return (whole(w.memory[base + (cell >= 13)]) >> (cell % 13)) & 1 != 0


@njit
def add(w: Any, base: int, cell: int) -> None:
    w.memory[base + (cell >= 13)] |= 1 << (cell % 13)


@njit
def shown_cell(w: Any, cell: int) -> int:
    """Where a cell of the learner's field is in the demonstrator's."""
    return whole(TURNED[w.memory[TURN], cell])


@njit
def original_cell(w: Any, cell: int) -> int:
    """Where a cell of the demonstrator's field is in the learner's."""
    for k in range(CELLS):
        if TURNED[w.memory[TURN], k] == cell:
            return k
    return -1


@njit
def deal_world(w: Any, options: Any) -> None:
    """A new episode. The same is drawn whatever the options: worlds of one seed are twins."""
    limit, turns, paths, manner, social = options[:5]
    engine.clear(w, WIDTH, HEIGHT, 2, 0, limit)
    memory = w.memory
    orientation = random_below(w, 8)
    turn, path, drawn = random_below(w, 8), random_below(w, 1 << 20), 1 + random_below(w, 3)
    side, error, beside = random_below(w, 2), random_below(w, MOST), random_below(w, 4)
    memory[ORIENTATION] = orientation
    if turns == 1:
        turn = whole(TRAIN_TURNS[turn & 3])
    elif turns == 2:
        turn = whole(HELD_OUT_TURNS[turn & 3])
    elif turns == 3:
        turn = UNTURNED
    memory[TURN] = turn
    if paths == 1:
        path = whole(TRAIN_PATHS[path % len(TRAIN_PATHS)])
    elif paths == 2:
        path = whole(HELD_OUT_PATHS[path % len(HELD_OUT_PATHS)])
    else:
        path %= len(PATHS)
    memory[PATH] = path
    memory[BLOCK_CELL] = CORNERS[side]
    memory[MANNER] = manner if manner else drawn
    length = whole(LENGTHS[path])
    for k in range(length):
        add(w, SAFE, whole(PATHS[path, k]))
    draw_error(w, error, beside, length)
    build(w, TERRAIN, WIDTH, HEIGHT, orientation)
    for cell in range(CELLS):
        terrain = STONE
        if cell == START:
            terrain = PAD
        elif cell == GOAL:
            terrain = BEACON
        elif cell == memory[BLOCK_CELL]:
            terrain = BLOCK
        set_terrain(w, place_of(w, DEMONSTRATOR, shown_cell(w, cell)), terrain)
        set_terrain(w, place_of(w, LEARNER, cell), WINDOW if cell == START else terrain)
    w.place[LEARNER] = turn_place(SEAT, orientation, WIDTH, HEIGHT)
    w.heading[LEARNER] = turn_heading(0, orientation)
    put_back(w, DEMONSTRATOR)
    memory[LAST] = shown_cell(w, START)
    add(w, SAFE_SEEN, shown_cell(w, START))
    w.task[LEARNER] = 1
    w.task[DEMONSTRATOR] = 2
    if not social:
        w.body[DEMONSTRATOR] = THING_ARROW
        w.identity[DEMONSTRATOR] = ARROW
    engine.label_rooms(w)


@njit
def draw_error(w: Any, error: int, beside: int, length: int) -> None:
    """Where the demonstrator leaves the way, if it is one that errs: the first trap beside a stone of the
    way, from those drawn on."""
    for k in range(length - 2):
        stone = whole(PATHS[w.memory[PATH], 1 + (error + k) % (length - 2)])
        for h in range(4):
            cell = whole(NEXT[stone, (beside + h) & 3])
            if cell >= 0 and not holds(w, SAFE, cell) and cell != w.memory[BLOCK_CELL]:
                w.memory[ERROR_AFTER] = stone
                w.memory[ERROR_CELL] = cell
                return


@njit
def put_back(w: Any, a: int) -> None:
    """To the start: the learner to its seat, the demonstrator to its pad, each looking into its field."""
    if a == LEARNER:
        orientation = whole(w.memory[ORIENTATION])
        w.place[a] = turn_place(SEAT, orientation, WIDTH, HEIGHT)
        w.heading[a] = turn_heading(2, orientation)
        w.memory[COPIED] = 0
        return
    start, ahead = shown_cell(w, START), shown_cell(w, START + SIDE)
    w.place[a] = place_of(w, a, start)
    w.heading[a] = heading_to(whole(w.place[a]), place_of(w, a, ahead))


@njit
def heading_to(place: int, near: int) -> int:
    """The heading from a cell to one beside it; -1 where it is not beside it."""
    for h in range(4):
        if (place + FORWARD_Y[h] * 16 + FORWARD_X[h]) & 255 == near:
            return h
    return -1


# --- The rules --------------------------------------------------------------------------------------------
@njit
def paid(face: int) -> float:
    """What a step brought somebody who may go, by the face it made."""
    return -0.01 - (0.5 if face == SAD else 0.0) + (1.0 if face == GLAD else 0.0)


@njit
def judge(windows: Any, fields: Any, lengths: Any, actions: Any, who: Any, numbers: Any, out: Any) -> None:
    """The reward function: whoever may go is judged by the face that it feels or shows. Of two just one may
    go: the other one may while one's own task is 1."""
    for k in range(out.shape[0]):
        last = lengths[k] - 1
        out[k] = 0
        if who[k] == DEMONSTRATOR and not numbers[4]:
            continue
        own = fields[k, last, FIELD_SELF] == who[k]
        if fields[k, last - 1, FIELD_TASK] != (2 if own else 1):
            continue
        face = whole(fields[k, last, FIELD_FACE]) if own else NEUTRAL
        if not own:
            for c in range(windows.shape[2]):
                code = whole(windows[k, last, c])
                body = (code >> 16) & 0xFF
                if body and (body - 1) >> 2 == who[k]:
                    face = (code >> 24) & 3
        out[k] = paid(face)


@njit
def rules(w: Any, size: int) -> None:
    """Traps and beacons; what the learner sees of the walk; the end."""
    w.ask = 0
    memory = w.memory
    going = LEARNER if memory[OPEN] else DEMONSTRATOR
    for a in range(2):
        w.face[a] = NEUTRAL
    cell = cell_of(w, going, whole(w.place[going]))
    trap = whole(-1)
    arrived = False
    face = NEUTRAL
    if cell >= 0:
        original = cell if going == LEARNER else original_cell(w, cell)
        arrived = original == GOAL
        if not holds(w, SAFE, original):
            trap = cell
            face = SAD
            put_back(w, going)
        elif going == LEARNER:
            add(w, SAFE_FELT, cell)
    if arrived:
        face = GLAD
    if w.body[going] != THING_ARROW:
        w.face[going] = face
        w.reward[going] = paid(face)
    if going == LEARNER:
        if trap >= 0:
            add(w, TRAPS_FELT, trap)
            memory[TOUCHES] += 1
        if arrived:
            memory[SUCCESS] = 1
            w.perf = 1 / (1 + memory[TOUCHES])
            w.terminated = 1
        return
    memory[SHOWN] += trap >= 0
    watch(w, trap, size)
    if arrived or w.step >= WATCHING:
        memory[ARRIVED] = arrived
        memory[OPEN] = 1
        w.task[LEARNER] = 2
        w.task[DEMONSTRATOR] = 1
        set_terrain(w, place_of(w, LEARNER, START), PAD)
        w.ask = 1


@njit
def watch(w: Any, trap: int, size: int) -> None:
    """Keep what the learner sees of this step: where the demonstrator stood, or the trap from which it was
    put back."""
    memory = w.memory
    if w.action[LEARNER] in (TURN_LEFT, TURN_RIGHT):
        scan(w, LEARNER, size)
    place = whole(w.place[DEMONSTRATOR])
    cell, last = cell_of(w, DEMONSTRATOR, place), whole(memory[LAST])
    memory[LAST] = cell
    if not sees(w, LEARNER, place, size):
        memory[MISSED] = 1
        return
    add(w, SAFE_SEEN, cell)
    if trap >= 0:
        add(w, TRAPS_SEEN, trap)
    if cell == shown_cell(w, START):
        memory[COUNT] = 0
    elif cell != last and memory[COUNT] < MAX_MOVES:
        for h in range(4):
            if NEXT[last, h] == cell:
                memory[MOVES + memory[COUNT]] = h
                memory[COUNT] += 1


# --- The characters ---------------------------------------------------------------------------------------
@njit
def step_to(w: Any, a: int, heading: int) -> int:
    """Turn to a heading, or go forward where one faces it."""
    turn = (heading - whole(w.heading[a])) & 3
    if turn == 0:
        return FORWARD
    return TURN_LEFT if turn == 3 else TURN_RIGHT


@njit
def demonstrate(w: Any) -> int:
    """Walk the way, in the manner of this demonstrator."""
    memory = w.memory
    if memory[OPEN] or (memory[MANNER] == SLOW and w.step & 1 == 0):
        return WAIT
    place = whole(w.place[DEMONSTRATOR])
    here = original_cell(w, cell_of(w, DEMONSTRATOR, place))
    target = whole(-1)
    for k in range(LENGTHS[memory[PATH]] - 1):
        if PATHS[memory[PATH], k] == here:
            target = whole(PATHS[memory[PATH], k + 1])
    if memory[MANNER] == ERRS and memory[SHOWN] == 0 and here == memory[ERROR_AFTER]:
        target = whole(memory[ERROR_CELL])
    if target < 0:
        return WAIT
    return step_to(w, DEMONSTRATOR, heading_to(place, place_of(w, DEMONSTRATOR, shown_cell(w, target))))


# A stone of which one knows nothing costs as much as so many safe ones: to one that has watched (where nobody
# went, it may be a trap), and to one that tries.
UNWALKED_COST, UNTRIED_COST = 40, 3
BLOCKED = 2000


@njit
def cost(w: Any, mode: int, cell: int) -> int:
    """What it costs a learner in this mode to step on a cell of its field, by what it knows."""
    memory = w.memory
    if cell == memory[BLOCK_CELL]:
        return BLOCKED
    if mode == REALITY_BIASED:
        return 1
    if mode == EXACT:
        return 1 if holds(w, SAFE, cell) else BLOCKED
    if holds(w, TRAPS_FELT, cell):
        return BLOCKED
    if cell == GOAL or holds(w, SAFE_FELT, cell):
        return 1
    if mode != LAST_SEEN:
        shown = shown_cell(w, cell)
        if holds(w, SAFE_SEEN, shown):
            return 1
        if holds(w, TRAPS_SEEN, shown):
            return BLOCKED
        return UNWALKED_COST
    return UNTRIED_COST


@njit
def cheapest(w: Any, mode: int, here: int, distance: Any) -> int:
    """The next cell on a cheapest way from ``here`` to the beacon (relaxing until nothing changes).

    Args:
        distance: (25,) int64, overwritten.
    """
    distance[:] = BLOCKED
    distance[GOAL] = 0
    changed = True
    while changed:
        changed = False
        for cell in range(CELLS - 1, -1, -1):
            through = whole(distance[cell]) + cost(w, mode, cell)
            if through >= BLOCKED:
                continue
            for h in range(4):
                near = whole(NEXT[cell, h])
                if near >= 0 and through < distance[near]:
                    distance[near] = through
                    changed = True
    best, least = whole(-1), whole(BLOCKED)
    for h in range(4):
        near = whole(NEXT[here, h])
        if near >= 0 and distance[near] + cost(w, mode, near) < least:
            best, least = near, whole(distance[near]) + cost(w, mode, near)
    return best


@njit
def copy(w: Any, here: int, mode: int) -> int:
    """Do the next of the moves that were seen as they looked (egocentric), or turn by turn (reflex); from the
    first again when they are done."""
    memory = w.memory
    if memory[COUNT] == 0:
        return WAIT
    if memory[COPIED] >= memory[COUNT]:
        memory[COPIED] = 0
    heading = whole(memory[MOVES + memory[COPIED]])
    if mode == REFLEX:
        # its first heading was into its field, as the learner's is
        start, ahead = shown_cell(w, START), shown_cell(w, START + SIDE)
        for h in range(4):
            if NEXT[start, h] == ahead:
                heading = (heading - h) & 3
                break
    # as it looks from the seat, away from the viewer is where the learner is put back looking to, and what
    # lies to the right depends on the way the whole map is drawn
    orientation = whole(w.memory[ORIENTATION])
    action = step_to(w, LEARNER, turn_heading((heading + 2) & 3, orientation))
    if action == FORWARD:
        memory[COPIED] += 1
    return action


@njit
def go(w: Any, mode: int, distance: Any) -> int:
    """The learner: looks on, then crosses its field by what it knows."""
    if not w.memory[OPEN]:
        return WAIT
    place = whole(w.place[LEARNER])
    here = cell_of(w, LEARNER, place)
    if here < 0:
        return step_to(w, LEARNER, heading_to(place, place_of(w, LEARNER, START)))
    if mode in (EGOCENTRIC, REFLEX):
        return copy(w, here, mode)
    target = cheapest(w, mode, here, distance)
    if target < 0:
        return WAIT
    return step_to(w, LEARNER, heading_to(place, place_of(w, LEARNER, target)))


@njit
def script_world(w: Any, i: int, modes: Any, actions: Any, distance: Any) -> None:
    for a in range(w.individuals):
        if modes[a] == RANDOM:
            actions[i, a] = random_legal(w, a)
        elif modes[a]:
            actions[i, a] = demonstrate(w) if a == DEMONSTRATOR else go(w, modes[a], distance)


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
    distance = np.empty(CELLS, np.int64)
    for i in range(lo, hi):
        script_world(worlds[i], i, modes, actions, distance)


# --- What is asked ----------------------------------------------------------------------------------------


def probes(simulation: Simulation, world: int) -> list[Probe]:
    """Which stones are safe: two of the learner's field, two of the demonstrator's."""
    w = simulation.worlds[world]
    memory, step = w["memory"], int(w["step"])
    turn = int(memory[TURN])
    social = int(w["body"][DEMONSTRATOR]) != THING_ARROW
    condition = "unturned" if turn == UNTURNED else ("turned" if turn in ROTATIONS else "mirrored")
    whole_walk = bool(memory[ARRIVED]) and not memory[MISSED]
    stones = [cell for cell in range(CELLS) if cell not in (START, GOAL, int(memory[BLOCK_CELL]))]
    turned = {int(TURNED[turn, cell]) for cell in range(CELLS) if holds(w, SAFE, cell)}
    items: list[Probe] = []

    def ask(a: int, cell: int, safe: bool, shown: int, role: str, shortcuts: dict[str, str]) -> None:
        place = int(place_of(w, a, cell))
        name = f"({place & 15}, {place >> 4})"
        own = ""
        if holds(w, SAFE_SEEN, shown):
            own = "yes"
        elif whole_walk or holds(w, TRAPS_SEEN, shown):
            own = "no"
        whose = "your field" if a == LEARNER else f"the field of the {'demonstrator' if social else 'arrow'}"
        items.append(
            Probe(
                "reality", "learner_0", (), name, YES_NO, yes_no(safe), own, 0,
                {**shortcuts, "most_frequent": "no"}, condition if social else f"{condition}_arrow", role,
                "safe", f"Is the stone at {name}, in {whose}, safe?", step,
            )
        )  # fmt: skip

    pick = int(memory[PATH]) + 5 * int(memory[ORIENTATION])
    for safe in (True, False):
        # of the learner's own: stones that are otherwise in the field taken over unturned, if there are any
        fitting = [cell for cell in stones if holds(w, SAFE, cell) == safe]
        telling = [cell for cell in fitting if (cell in turned) != safe]
        among = telling or fitting
        cell = among[pick % len(among)]
        # the field taken over as it looked (and as it was seen last), or all stones taken for safe
        alike = dict.fromkeys(("no_change", "dropped_first", "last_mentioned"), yes_no(cell in turned))
        shortcuts = {**alike, "reality": "yes"} if telling else {}
        ask(LEARNER, cell, safe, int(TURNED[turn, cell]), "test" if telling else "control", shortcuts)
        cell = fitting[(pick // 2) % len(fitting)]
        shown = int(TURNED[turn, cell])
        ask(DEMONSTRATOR, shown, safe, shown, "control", {})
    return items


GAME = Game(
    name="mirror",
    stage="4a",
    title="watch a way among traps, then walk it in a turned field",
    roles=("learner", "demonstrator"),
    learner="learner",
    things=(),
    options=MirrorOptions,
    encode=encode,
    count=lambda options: 2,
    deal=deal,
    play=play,
    script=script,
    probes=probes,
    judge=judge,
    documentation=__doc__,
    modes=(*MODES[:7], "reflex"),
    tallies={"touches": TOUCHES, "success": SUCCESS, "shown": SHOWN},
)
