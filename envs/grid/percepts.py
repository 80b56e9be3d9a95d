"""More views of the same percept: words for language models, pictures for convolutions.

Every view is a kernel with one signature, ``(window, fields, out, lo, hi)``, which writes a batch
of percepts; :func:`views.flatten` is the first of them. So any view can be had in any face, at
speed.

``tokens`` are numbers of words of :data:`VOCABULARY`, padded with 0; ``text`` is the same in words.
They tell what is worth telling: oneself, who was heard, how far the way is free, and every cell in
sight that holds more than plain floor or wall. ``pixels`` is the window as a picture of 8 x 8
pixels a cell, with oneself at the middle of the bottom row; what is no picture (step, task, cues,
sounds) is left to ``info["fields"]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from ..kernels import njit
from .engine import (
    ARROW,
    BEACON,
    CONVEYOR,
    FACES,
    FIELD_CUE,
    FIELD_FACE,
    FIELD_HAND,
    FIELD_HEADING,
    FIELD_HEARD,
    FIELD_SELF,
    FIELD_STEP,
    FIELD_TASK,
    FIELD_X,
    FIELD_Y,
    FLOOR,
    MAX_INDIVIDUALS,
    NEUTRAL,
    NUM_TERRAIN,
    NUM_THINGS,
    PROPERTIES,
    SYMBOLS,
    TERRAIN,
    THINGS,
    WALKABLE,
    WALL,
)
from .spaces import symbolic_space
from .views import flat_size, flatten
from .vision import HEADINGS

__all__ = ["OBSERVATIONS", "TILE", "VOCABULARY", "decode", "kernel", "space", "tokens_size"]

OBSERVATIONS = ("flat", "symbolic", "pixels", "tokens", "text")

# --- Words ----------------------------------------------------------------------------------------
_WORDS = (
    "<pad>", ".", ",", "you", "are", "out", "heading", "at", "step", "holding", "nothing",
    "looking", "task", "cue", "says", "the", "way", "is", "free", "for", "then", "see", "here",
    "ahead", "left", "right", "with", "facing", "carrying", "in", "on",
)  # fmt: skip
_FACING = ("away", "rightwards", "towards_you", "leftwards")
VOCABULARY: tuple[str, ...] = (
    *_WORDS,
    *HEADINGS,
    *_FACING,
    *FACES,
    *(TERRAIN[k] if k < len(TERRAIN) else f"terrain_{k}" for k in range(NUM_TERRAIN)),
    *THINGS,
    *(f"individual_{k}" for k in range(MAX_INDIVIDUALS)),
    "arrow",
    *(f"symbol_{k}" for k in range(SYMBOLS)),
    *(str(k) for k in range(256)),
)
(
    PAD, STOP, COMMA, YOU, ARE, OUT_WORD, HEADING, AT, STEP, HOLDING, NOTHING, LOOKING,
    TASK, CUE, SAYS, THE, WAY, IS, FREE, FOR, THEN, SEE, HERE, AHEAD, LEFT,
    RIGHT, WITH, FACING, CARRYING, IN, ON,
) = range(len(_WORDS))  # fmt: skip
HEADING_WORD = len(_WORDS)
FACING_WORD = HEADING_WORD + 4
FACE_WORD = FACING_WORD + 4
TERRAIN_WORD = FACE_WORD + len(FACES)
THING_WORD = TERRAIN_WORD + NUM_TERRAIN
INDIVIDUAL_WORD = THING_WORD + NUM_THINGS
SYMBOL_WORD = INDIVIDUAL_WORD + ARROW + 1
NUMBER_WORD = SYMBOL_WORD + SYMBOLS

# The longest a paragraph can be: what is said of oneself, of each voice, of the way, of each cell.
_SELF_LENGTH = 25
_HEARD_LENGTH = 4
_WAY_LENGTH = 9
_CELL_LENGTH = 15


def tokens_size(window: int) -> int:
    """The length of a ``tokens`` observation: the longest paragraph, so nothing is ever cut off."""
    voices, cells = MAX_INDIVIDUALS * _HEARD_LENGTH, window * window * _CELL_LENGTH
    return _SELF_LENGTH + voices + _WAY_LENGTH + cells + 2


@njit
def tokenize(window: Any, fields: Any, out: Any, lo: int, hi: int) -> None:
    """Write percepts as words.

    Args:
        window: (B, A, V*V) uint32. fields: (B, A, F) uint8.
        out: (B, A, L) int16, numbers of words of VOCABULARY; worlds ``lo`` to ``hi`` are written.
    """
    side = 5 if window.shape[2] == 25 else (7 if window.shape[2] == 49 else 9)
    for i in range(lo, hi):
        for a in range(window.shape[1]):
            row = out[i, a]
            row[:] = PAD
            own = fields[i, a]
            row[0] = YOU
            row[1] = ARE
            row[2] = INDIVIDUAL_WORD + own[FIELD_SELF]
            middle = (side - 1) * side + side // 2
            if window[i, a, middle] == 0:  # out of the world
                row[3] = COMMA
                row[4] = OUT_WORD
                row[5] = STOP
                continue
            n = 3
            row[n] = AT
            row[n + 1] = NUMBER_WORD + own[FIELD_X]
            row[n + 2] = NUMBER_WORD + own[FIELD_Y]
            row[n + 3] = HEADING
            row[n + 4] = HEADING_WORD + own[FIELD_HEADING]
            row[n + 5] = HOLDING
            row[n + 6] = THING_WORD + own[FIELD_HAND] if own[FIELD_HAND] else NOTHING
            row[n + 7] = LOOKING
            row[n + 8] = FACE_WORD + own[FIELD_FACE]
            row[n + 9] = COMMA
            row[n + 10] = STEP
            row[n + 11] = NUMBER_WORD + own[FIELD_STEP]
            row[n + 12] = COMMA
            row[n + 13] = TASK
            row[n + 14] = NUMBER_WORD + own[FIELD_TASK]
            row[n + 15] = COMMA
            row[n + 16] = CUE
            for k in range(4):
                row[n + 17 + k] = NUMBER_WORD + own[FIELD_CUE + k]
            row[n + 21] = STOP
            n += 22
            for b in range(MAX_INDIVIDUALS):
                if own[FIELD_HEARD + b]:
                    row[n] = INDIVIDUAL_WORD + b
                    row[n + 1] = SAYS
                    row[n + 2] = SYMBOL_WORD + own[FIELD_HEARD + b] - 1
                    row[n + 3] = STOP
                    n += 4
            # how far the way ahead is free
            steps = 0
            for forward in range(1, side):
                code = window[i, a, middle - forward * side]
                if PROPERTIES[code & 0xFF] & WALKABLE == 0 or (code >> 16) & 0xFF:
                    break
                steps += 1
            row[n] = THE
            row[n + 1] = WAY
            row[n + 2] = IS
            row[n + 3] = FREE
            row[n + 4] = FOR
            row[n + 5] = NUMBER_WORD + steps
            n += 6
            if steps < side - 1:
                row[n] = THEN
                row[n + 1] = TERRAIN_WORD + (window[i, a, middle - (steps + 1) * side] & 0xFF)
                n += 2
            row[n] = STOP
            n += 1
            # what is to be seen, near to far
            first = True
            for forward in range(side):
                for column in range(side):
                    code = np.int64(window[i, a, (side - 1 - forward) * side + column])
                    terrain = code & 0xFF
                    thing = (code >> 8) & 0xFF
                    body = (code >> 16) & 0xFF
                    if code == 0 or (terrain in (FLOOR, WALL) and not (thing or body)):
                        continue
                    if first:
                        row[n] = YOU
                        row[n + 1] = SEE
                        n += 2
                        first = False
                    else:
                        row[n] = COMMA
                        n += 1
                    if body:
                        manner = code >> 24
                        row[n] = INDIVIDUAL_WORD + ((body - 1) >> 2)
                        row[n + 1] = FACING
                        row[n + 2] = FACING_WORD + ((body - 1) & 3)
                        row[n + 3] = FACE_WORD + (manner & 3)
                        n += 4
                        if manner >> 2:
                            row[n] = CARRYING
                            row[n + 1] = THING_WORD + (manner >> 2)
                            n += 2
                        if terrain != FLOOR:
                            row[n] = ON
                            row[n + 1] = TERRAIN_WORD + terrain
                            n += 2
                        if thing:
                            row[n] = WITH
                            row[n + 1] = THING_WORD + thing
                            n += 2
                    elif thing:
                        row[n] = THING_WORD + thing
                        n += 1
                        if terrain != FLOOR:
                            row[n] = IN
                            row[n + 1] = TERRAIN_WORD + terrain
                            n += 2
                    else:
                        row[n] = TERRAIN_WORD + terrain
                        n += 1
                    right = column - side // 2
                    if forward:
                        row[n] = NUMBER_WORD + forward
                        row[n + 1] = AHEAD
                        n += 2
                    if right:
                        row[n] = NUMBER_WORD + abs(right)
                        row[n + 1] = RIGHT if right > 0 else LEFT
                        n += 2
                    elif not forward:
                        row[n] = HERE
                        n += 1
            if not first:
                row[n] = STOP


def decode(tokens: npt.NDArray[np.int16], names: Sequence[str] = ()) -> str:
    """The paragraph that tokens stand for.

    Args:
        tokens: (L,) numbers of words of VOCABULARY; 0 ends it.
        names: of individuals, by identity, in place of ``individual_0``, ...
    """
    words: list[str] = []
    start = True
    for token in tokens:
        if token == PAD:
            break
        word = VOCABULARY[token]
        if token in (STOP, COMMA):
            words.append(word)
            start = token == STOP
            continue
        if INDIVIDUAL_WORD <= token < INDIVIDUAL_WORD + len(names):
            word = names[token - INDIVIDUAL_WORD]
        words.append((" " if words else "") + (word[0].upper() + word[1:] if start else word))
        start = False
    return "".join(words).replace("_", " ")


# --- Pictures -------------------------------------------------------------------------------------
TILE = 8  # pixels of a cell's side

_COLOURS = (  # of identities 0 to 7 and the arrow
    (214, 69, 65), (38, 110, 200), (30, 150, 90), (240, 160, 30),
    (140, 80, 180), (0, 160, 170), (230, 110, 170), (120, 90, 60), (250, 250, 250),
)  # fmt: skip
_THING_COLOURS = (
    (0, 0, 0), (235, 60, 140), (110, 190, 250), (200, 30, 30), (250, 220, 60),
    (240, 180, 0), (150, 220, 200), (90, 60, 200), (120, 200, 60),
)  # fmt: skip
_TERRAIN_COLOURS = {
    "light_off": (90, 90, 60),
    "light_on": (255, 250, 150),
    "block": (150, 75, 45),
    "pad": (130, 200, 130),
    "block_on_pad": (75, 110, 60),
    "water": (60, 120, 220),
    "trap": (190, 40, 40),
    "stone": (150, 150, 150),
}
_FACE_COLOURS = ((0, 0, 0), (60, 255, 60), (60, 60, 255), (255, 255, 60))


def _terrain_tiles() -> npt.NDArray[np.uint8]:
    """(terrains, 8, 8, 3): unseen is black, floor light, a gap in what is open."""
    tiles = np.zeros((NUM_TERRAIN, TILE, TILE, 3), np.uint8)
    floor = (205, 200, 190)
    for k in range(1, NUM_TERRAIN):
        name = TERRAIN[k] if k < len(TERRAIN) else ""
        tiles[k] = floor
        frame = {
            "door": (130, 85, 45),
            "box": (165, 115, 60),
            "basket": (200, 160, 90),
            "glass": (170, 215, 235),
        }.get(name.split("_")[0])
        if name == "wall":
            tiles[k] = (80, 80, 90)
        elif name == "window":
            tiles[k] = (80, 80, 90)
            tiles[k, 2:6] = (170, 215, 235)
        elif frame is not None:
            tiles[k] = frame
            if name.startswith("basket"):
                tiles[k, ::2, ::2] = (150, 110, 50)
            if name.endswith("open"):
                tiles[k, 1:7, 1:7] = floor
            else:
                tiles[k, 3:5, 3:5] = (40, 30, 20)
        elif k == BEACON:
            tiles[k, 1:7, 1:7] = (250, 240, 120)
            tiles[k, 3:5, 3:5] = (255, 255, 255)
        elif CONVEYOR <= k < CONVEYOR + 4:
            tiles[k] = (120, 125, 135)
            tiles[k][_body_shapes()[k - CONVEYOR]] = (235, 235, 235)
        elif name in _TERRAIN_COLOURS:
            tiles[k, 1:7, 1:7] = _TERRAIN_COLOURS[name]
        elif k >= len(TERRAIN):  # terrains of later games: told apart by their number of dots
            tiles[k].reshape(-1, 3)[: k - len(TERRAIN) + 1] = 0
    return tiles


def _body_shapes() -> npt.NDArray[np.bool_]:
    """(4 headings relative to the viewer, 8, 8): an arrowhead; 0 points away, that is up."""
    up = np.zeros((TILE, TILE), np.bool_)
    for y in range(1, 7):
        half = (y + 1) // 2
        up[y, 4 - half : 4 + half] = True
    up[5:7, 3:5] = False
    return np.stack([np.rot90(up, -k) for k in range(4)])


TERRAIN_TILES = _terrain_tiles()
BODY_SHAPES = _body_shapes()
BODY_COLOURS = np.array(_COLOURS, np.uint8)
THING_COLOURS = np.array(_THING_COLOURS, np.uint8)
FACE_COLOURS = np.array(_FACE_COLOURS, np.uint8)


@njit
def paint_body(out: Any, y: int, x: int, identity: Any, heading: Any, face: Any, carried: Any) -> None:
    """An arrowhead in the identity's colour, two pixels of face, four of what it carries."""
    for dy in range(TILE):
        for dx in range(TILE):
            if BODY_SHAPES[heading, dy, dx]:
                for c in range(3):
                    out[y + dy, x + dx, c] = BODY_COLOURS[identity, c]
    for c in range(3):
        if face != NEUTRAL:
            out[y + 4, x + 3, c] = FACE_COLOURS[face, c]
            out[y + 4, x + 4, c] = FACE_COLOURS[face, c]
        if carried:
            for dy in range(2):
                for dx in range(2):
                    out[y + 6 + dy, x + 6 + dx, c] = THING_COLOURS[carried, c]


@njit
def paint(window: Any, fields: Any, out: Any, lo: int, hi: int) -> None:
    """Write percepts as pictures.

    Args:
        window: (B, A, V*V) uint32. fields: (B, A, F) uint8.
        out: (B, A, 8 V, 8 V, 3) uint8; worlds ``lo`` to ``hi`` are written.
    """
    side = 5 if window.shape[2] == 25 else (7 if window.shape[2] == 49 else 9)
    for i in range(lo, hi):
        for a in range(window.shape[1]):
            picture = out[i, a]
            for k in range(side * side):
                code = np.int64(window[i, a, k])
                y, x = (k // side) * TILE, (k % side) * TILE
                terrain = code & 0xFF
                for dy in range(TILE):
                    for dx in range(TILE):
                        for c in range(3):
                            picture[y + dy, x + dx, c] = TERRAIN_TILES[terrain, dy, dx, c]
                thing = (code >> 8) & 0xFF
                if thing:
                    for d in range(2, 6):
                        for e in range(2, 6):
                            for c in range(3):
                                picture[y + d, x + e, c] = THING_COLOURS[thing, c]
                body = (code >> 16) & 0xFF
                if body:
                    manner = code >> 24
                    paint_body(picture, y, x, (body - 1) >> 2, (body - 1) & 3, manner & 3, manner >> 2)
            if window[i, a, (side - 1) * side + side // 2]:
                own = fields[i, a]
                paint_body(
                    picture, (side - 1) * TILE, (side // 2) * TILE,
                    np.int64(own[FIELD_SELF]), 0, np.int64(own[FIELD_FACE]),
                    np.int64(own[FIELD_HAND]),
                )  # fmt: skip


# --- All views ------------------------------------------------------------------------------------
def space(observation: str, window: int) -> spaces.Space[Any]:
    """The space of one individual's observation in a view, for windows of V x V cells."""
    if observation == "flat":
        return spaces.Box(0, 1, (flat_size(window),), np.uint8)
    if observation == "symbolic":
        return symbolic_space(window)
    if observation == "pixels":
        return spaces.Box(0, 255, (TILE * window, TILE * window, 3), np.uint8)
    if observation == "tokens":
        return spaces.Box(0, len(VOCABULARY) - 1, (tokens_size(window),), np.int16)
    longest = max(map(len, VOCABULARY)) + 1
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,"
    return spaces.Text(longest * tokens_size(window), min_length=1, charset=letters)


def kernel(observation: str) -> Any:
    """The kernel that writes a view; for ``text`` its tokens; ``symbolic`` has none."""
    return {"flat": flatten, "pixels": paint, "tokens": tokenize, "text": tokenize}[observation]
