"""The world from above, and what one individual sees of it.

A cell's picture (terrain, what lies there, who stands there, whose light falls on it) is composed
once and kept; a frame is then a matter of copying cells. The floor plan of the last few worlds is
kept as well, so a step copies little more than the cells that somebody sees.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..envs.grid import engine
from ..envs.grid.vision import OFFSET, WINDOWS
from . import icons, palette
from .canvas import Canvas, blank, over
from .palette import BODIES, WHITE, mix

if TYPE_CHECKING:
    from ..envs.grid.game import Simulation

__all__ = ["board", "identity_of", "lit", "own_view", "owners", "tile"]

# Where nobody looks it is dusk: colours are multiplied by this, out of 255.
DUSK = (148, 152, 168)
# How much of an individual's colour its light has on the floor, and on what stands there.
FLOOR_TINT, FIXTURE_TINT = 0.42, 0.16

NOBODY = -1
# identity * 512 + heading * 128 + face * 16 + kind carried: who stands in a cell
Body = int


def body_code(identity: int, heading: int, face: int, carried: int) -> Body:
    """Who stands in a cell and how, in one number."""
    return identity << 9 | heading << 7 | face << 4 | carried


def _light(viewers: int, tint: float) -> tuple[int, int, int]:
    """The light that falls on a cell: bit k of ``viewers`` = identity k looks at it."""
    if viewers < 0:
        return WHITE
    if not viewers:
        return DUSK
    lights = [mix(WHITE, BODIES[k], tint) for k in range(len(BODIES)) if viewers >> k & 1]
    r, g, b = (round(sum(channel) / len(lights)) for channel in zip(*lights, strict=True))
    return r, g, b


@lru_cache(maxsize=8192)
def tile(code: int, hidden: int, viewers: int, body: Body, size: int, owner: int = NOBODY) -> Canvas:
    """The picture of a cell, (size, size, 3) uint8; not to be written to.

    Args:
        code: terrain | kind of the thing in sight << 8.
        hidden: kind of the thing in a closed container, 0 = none; it shines through.
        viewers: bits of the identities whose light falls on it; -1: plain daylight.
        body: who stands there, or ``NOBODY``.
        owner: identity of whose cell it is, or ``NOBODY``.
    """
    kind = code & 0xFF
    picture = blank(size, size, WHITE)
    for layer, tint in ((engine.FLOOR, FLOOR_TINT), (kind, FIXTURE_TINT)):
        if layer == engine.FLOOR and tint == FIXTURE_TINT:
            break
        falls = np.array(_light(viewers, tint), np.uint16)
        lighted = icons.terrain(layer, size).copy()
        lighted[..., :3] = (lighted[..., :3] * falls + np.uint16(127)) // np.uint16(255)
        over(picture, lighted, 0, 0)
    if owner != NOBODY:
        over(picture, icons.rim(owner, size), 0, 0)
    shown = code >> 8
    contained = bool(engine.PROPERTIES[kind] & engine.CONTAINER)
    if shown or hidden:
        small = round(size * (0.56 if contained else 0.66))
        left = (size - small) // 2
        top = left + (round(size * 0.04) if contained else 0)
        image = icons.thing(shown or hidden, small)
        over(picture, image, left, top, 255 if shown else 175)
    if body != NOBODY:
        figure = icons.figure(body >> 9, body >> 7 & 3, body >> 4 & 7, body & 15, size)
        over(picture, figure, 0, 0)
    picture.setflags(write=False)
    return picture


@lru_cache(maxsize=8)
def _plan(
    cells: bytes,
    hidden: tuple[tuple[int, int], ...],
    owned: tuple[tuple[int, int], ...],
    width: int,
    height: int,
    size: int,
) -> Canvas:
    """The floor plan at dusk, without anybody."""
    codes = np.frombuffer(cells, np.uint16)
    inside, whose = dict(hidden), dict(owned)
    canvas = blank(width * size, height * size, WHITE)
    for y in range(height):
        for x in range(width):
            cell = y << 4 | x
            canvas[y * size : (y + 1) * size, x * size : (x + 1) * size] = tile(
                int(codes[cell]), inside.get(cell, 0), 0, NOBODY, size, whose.get(cell, NOBODY)
            )
    canvas.setflags(write=False)
    return canvas


# The offsets of a window's cells for each heading, by window size.
_OFFSETS: dict[int, npt.NDArray[np.int64]] = {
    size: OFFSET[v][:, : size * size] for v, size in enumerate(WINDOWS)
}


def lit(simulation: Simulation, record: Any, a: int) -> list[int]:
    """The cells that individual ``a`` sees."""
    size = simulation.size
    bits = np.unpackbits(record["sight"][a].view(np.uint8), bitorder="little")[: size * size]
    seen = _OFFSETS[size][int(record["heading"][a])][bits.view(np.bool_)]
    cells: list[int] = ((seen + int(record["place"][a])) & 255).tolist()
    return cells


def _hidden(record: Any) -> dict[int, int]:
    """Kinds of the things that lie in closed containers, by cell."""
    found = {}
    count = int(record["things"])
    if count:
        kinds = record["kind"].tolist()
        for o, place in enumerate(record["thing"][:count].tolist()):
            if 0 < place < engine.HANDS and int(record["cells"][place]) >> 8 == 0 and kinds[o]:
                found[place] = kinds[o]
    return found


def identity_of(record: Any, a: int) -> int:
    """Whose colours individual ``a`` has."""
    return engine.ARROW if record["body"][a] == engine.THING_ARROW else int(record["identity"][a])


def owners(simulation: Simulation, record: Any) -> dict[int, int]:
    """Cells that are somebody's own (see ``Game.own_cells``), and whose; none where there are not several."""
    first = simulation.game.own_cells
    if first is None or simulation.count < 2:
        return {}
    return {int(record["memory"][first + a]): a for a in range(simulation.count)}


def board(simulation: Simulation, world: int, size: int) -> Canvas:
    """The world from above, (height * size, width * size, 3) uint8.

    Cells that somebody sees are lit in the colour of who sees them; others lie in dusk. What lies
    in closed containers shines through: whoever watches sees more than anybody who takes part.
    """
    record = simulation.worlds[world]
    cells = record["cells"]
    width, height = int(record["width"]), int(record["height"])
    hidden = _hidden(record)
    owned = {cell: identity_of(record, a) for cell, a in owners(simulation, record).items()}
    plan = _plan(cells.tobytes(), tuple(hidden.items()), tuple(owned.items()), width, height, size)
    canvas = plan.copy()
    codes = cells.tolist()
    viewers: dict[int, int] = {}
    bodies: dict[int, int] = {}
    voices = []
    states = record["body"].tolist()
    for a in range(simulation.count):
        if states[a] == engine.OUT:
            continue
        identity, place = identity_of(record, a), int(record["place"][a])
        bit = 1 << identity
        for cell in lit(simulation, record, a):
            viewers[cell] = viewers.get(cell, 0) | bit
        hand = int(record["hand"][a])
        carried = int(record["kind"][hand - 1]) if hand else 0
        bodies[place] = body_code(identity, int(record["heading"][a]), int(record["face"][a]), carried)
        viewers.setdefault(place, 0)
        if record["voice"][a]:
            voices.append((place, int(record["voice"][a]) - 1))
    for cell, mask in viewers.items():
        x, y = (cell & 15) * size, (cell >> 4) * size
        canvas[y : y + size, x : x + size] = tile(
            codes[cell], hidden.get(cell, 0), mask, bodies.get(cell, NOBODY), size, owned.get(cell, NOBODY)
        )
    for place, symbol in voices:
        bubble = icons.speech(symbol, round(size * 0.62))
        x, y = (place & 15) * size, (place >> 4) * size
        left = min(x + size * 0.66, canvas.shape[1] - bubble.shape[1])
        over(canvas, bubble, left, max(y - size * 0.26, 0))
    return canvas


def own_view(simulation: Simulation, world: int, a: int, size: int) -> Canvas:
    """What individual ``a`` sees: its window, itself in the middle of the bottom row, looking
    up."""
    record = simulation.worlds[world]
    v = simulation.size
    canvas = blank(v * size, v * size, palette.UNSEEN)
    if record["body"][a] == engine.OUT:
        return canvas
    window = simulation.window[world, a].tolist()
    for row in range(v):
        for column in range(v):
            kind, thing, body, manner = window[row][column]
            if kind == engine.UNSEEN:
                continue
            stands = NOBODY
            if body:
                stands = body_code((body - 1) >> 2, (body - 1) & 3, manner & 3, manner >> 2)
            canvas[row * size : (row + 1) * size, column * size : (column + 1) * size] = tile(
                kind | thing << 8, 0, -1, stands, size
            )
    identity = identity_of(record, a)
    hand = int(record["hand"][a])
    carried = int(record["kind"][hand - 1]) if hand else 0
    me = icons.figure(identity, 0, int(record["face"][a]), carried, size)
    over(canvas, me, (v // 2) * size, (v - 1) * size)
    # a line between the cells, so that distances can be counted even in the dark
    for k in range(1, v):
        canvas[k * size, :] = (canvas[k * size, :].astype(np.uint16) * 7 + 40) // 8
        canvas[:, k * size] = (canvas[:, k * size].astype(np.uint16) * 7 + 40) // 8
    return canvas
