"""Spaces, and the tables that say what every number in them means.

All gridworlds share one action set and, for each size of window, one observation space. So there is
one set of tables; it is made from the engine's constants (:func:`tables`) and printed under each
environment's page by ``mindsight.describe(name)``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from . import engine
from .vision import HEADINGS

if TYPE_CHECKING:
    from .game import Game, Simulation

__all__ = [
    "action_space",
    "describe",
    "mask_of",
    "state_layout",
    "state_space",
    "state_vector",
    "symbolic_space",
    "tables",
]

# The largest value of each channel of a cell.
CHANNEL_HIGH = (
    engine.NUM_TERRAIN - 1,
    engine.NUM_THINGS - 1,
    engine.NUM_BODIES - 1,
    engine.NUM_MANNERS - 1,
)


def action_space() -> spaces.Discrete:
    """The actions of one individual: indices into ``engine.ACTIONS``."""
    return spaces.Discrete(engine.NUM_ACTIONS)


def symbolic_space(window: int) -> spaces.Dict:
    """The percept itself: ``window`` (V, V, 4), ``fields`` (F,), uint8, with exact bounds."""
    cells = np.zeros((window, window, 4), np.uint8)
    cells[:] = CHANNEL_HIGH
    sizes = np.array([size - 1 for size in engine.FIELD_SIZES], np.uint8)
    return spaces.Dict(
        {
            "window": spaces.Box(np.zeros_like(cells), cells, dtype=np.uint8),
            "fields": spaces.Box(np.zeros_like(sizes), sizes, dtype=np.uint8),
        }
    )


# --- Masks ----------------------------------------------------------------------------------------
def mask_of(window: npt.NDArray[np.uint8], fields: npt.NDArray[np.uint8]) -> npt.NDArray[np.int8]:
    """The mask of legal actions, worked out from a percept alone.

    The engine's masks are written beside the percept; this is the same from what the individual
    sees and feels in its hands, so masks tell nobody anything new. It serves where the engine's
    mask is gone: the last percept of an episode in a step that has begun the next one.

    Args:
        window: (..., V, V, 4) uint8. fields: (..., F) uint8.

    Returns:
        (..., actions) int8.
    """
    side = window.shape[-2]
    here = window[..., side - 1, side // 2, 0] != engine.UNSEEN  # one sees where one stands
    front = window[..., side - 2, side // 2, :]
    terrain = engine.PROPERTIES[front[..., 0]]
    walkable, toggles, container, is_open = (
        (terrain & bit) != 0 for bit in (engine.WALKABLE, engine.TOGGLES, engine.CONTAINER, engine.IS_OPEN)
    )
    shown, body = front[..., 1] != 0, front[..., 2] != 0
    person = body & (front[..., 2] < 1 + engine.ARROW * 4)
    full = fields[..., engine.FIELD_HAND] != 0
    mask = np.zeros((*here.shape, engine.NUM_ACTIONS), np.int8)
    mask[..., engine.TURN_LEFT] = mask[..., engine.TURN_RIGHT] = 1
    mask[..., engine.SAY :] = 1
    mask[..., engine.FORWARD] = walkable | ((terrain & engine.PUSHED) != 0)
    mask[..., engine.PICK_UP] = ~full & shown & (~container | is_open) & ~body
    free = np.where(container, is_open, walkable & ~toggles & ~body)
    mask[..., engine.PUT_DOWN] = full & ~shown & free
    mask[..., engine.TOGGLE] = toggles & (container | ~body)
    mask[..., engine.GIVE] = full & person & (front[..., 3] < len(engine.FACES))
    mask[~here] = 0
    mask[..., engine.WAIT] = 1
    return mask


# --- The whole world ------------------------------------------------------------------------------
# What ``state()`` holds of a world's record, in this order; numbers of two bytes are little-endian.
STATE_PARTS = (
    ("cells", "of each cell (y * 16 + x): terrain, and the thing in sight there"),
    ("thing", "place of each thing, hidden ones too"),
    ("kind", "kind of each thing"),
    ("body", "0 out of the world, 1 an individual, 2 an arrow"),
    ("place", "place of each individual: y * 16 + x"),
    ("heading", "0 north, 1 east, 2 south, 3 west"),
    ("hand", "thing + 1 that each holds, 0 for none"),
    ("face", "what each shows"),
    ("voice", "symbol + 1 that each says, 0 for silence"),
    ("identity", "what others see each to be"),
    ("want", "thing + 1 that each wants, 0 for none"),
    ("task", "what the game asks of each"),
    ("cue", "the four cues of each"),
    ("step", "steps since the start"),
    ("memory", "64 numbers of the game's own"),
)


def state_layout(simulation: Simulation) -> dict[str, slice]:
    """Which bytes of ``state()`` hold what: name of a part to its slice."""
    layout, start = {}, 0
    for name, _ in STATE_PARTS:
        end = start + simulation.worlds.dtype[name].itemsize
        layout[name] = slice(start, end)
        start = end
    return layout


def state_space(simulation: Simulation) -> spaces.Box:
    """Bytes, as many as :func:`state_vector` gives."""
    size = max(part.stop for part in state_layout(simulation).values())
    return spaces.Box(0, 255, (size,), np.uint8)


def state_vector(simulation: Simulation, world: int = 0) -> npt.NDArray[np.uint8]:
    """The whole true world, hidden contents included, as (S,) uint8; a copy.

    Everything that the future depends on but the random stream and the beliefs:
    :func:`state_layout` names the parts.
    """
    record = simulation.worlds[world]
    parts = (np.ascontiguousarray(record[name]).tobytes() for name, _ in STATE_PARTS)
    return np.frombuffer(b"".join(parts), np.uint8).copy()


# --- Tables ---------------------------------------------------------------------------------------
ACTION_MEANINGS = {
    "wait": "nothing; the only action of who is out of the world",
    "turn_left": "a quarter turn",
    "turn_right": "a quarter turn",
    "forward": "one cell on, where one can walk and nobody is in the way",
    "pick_up": "the thing in front, into empty hands",
    "put_down": "what is held, in front: on floor or into an open container",
    "toggle": "open or close the door or container in front",
    "give": "what is held, to the individual in front, into empty hands",
    "say_0": "a symbol, heard within a radius or the room",
    "say_1": "another",
    "say_2": "another",
    "say_3": "another",
}
CHANNEL_MEANINGS = (
    "terrain, 0 not seen",
    "thing in sight, 0 none",
    "individual, 0 nobody: 1 + identity * 4 + heading, relative to the viewer's",
    "manner: face + 4 * kind of the thing carried",
)
# What the numbers of a channel stand for.
CODES = (
    ("Terrains", engine.TERRAIN),
    ("Things", engine.THINGS),
    ("Relative headings", ("the same", "to the right", "opposite", "to the left")),
    ("Faces", engine.FACES),
)
FIELD_MEANINGS = {
    "x": "own column",
    "y": "own row; it grows to the south",
    "heading": ", ".join(f"{k} {n}" for k, n in enumerate(HEADINGS)),
    "hand": "kind of the thing held, 0 none",
    "face": "own face",
    "step": "steps since the start, to 255",
    "self": "own identity",
    "task": "what the game asks for",
    "cue_0": "the game's cues: see its page",
    "cue_1": "",
    "cue_2": "",
    "cue_3": "",
} | {
    f"heard_{k}": "symbol + 1 heard from each individual, 0 silence" if k == 0 else ""
    for k in range(engine.MAX_INDIVIDUALS)
}


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table as reStructuredText and people read it; the last column is not padded."""
    widths = [max(len(row[k]) for row in [head, *rows]) for k in range(len(head))]
    rule = " ".join("=" * width for width in widths)

    def line(row: tuple[str, ...]) -> str:
        return " ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

    return "\n".join([rule, line(head), rule, *map(line, rows), rule])


def tables() -> str:
    """The action and observation tables of all gridworlds, made from the code."""
    actions = [(str(k), name, ACTION_MEANINGS[name]) for k, name in enumerate(engine.ACTIONS)]
    channels = [(str(k), f"0..{CHANNEL_HIGH[k]}", meaning) for k, meaning in enumerate(CHANNEL_MEANINGS)]
    codes = [
        f"{what}: " + ", ".join(f"{k} {name}" for k, name in enumerate(names)) + "." for what, names in CODES
    ]
    codes.append(f"Identities are numbers of individuals; {engine.ARROW} is an arrow, which has no mind.")
    fields = [
        (str(k), name, f"0..{engine.FIELD_SIZES[k] - 1}", FIELD_MEANINGS[name])
        for k, name in enumerate(engine.FIELDS)
    ]
    return "\n\n".join(
        [
            "Actions. Illegal ones do nothing; the mask of legal ones is info['action_mask'].",
            _table(("", "action", "what it does"), actions),
            "Observation, window: V x V cells, the individual at the middle of the bottom row, "
            "looking up;\nfour numbers a cell.",
            _table(("", "values", "channel"), channels),
            "\n".join(textwrap.fill(line, 96, subsequent_indent="  ") for line in codes),
            "Observation, fields.",
            _table(("", "field", "values", "meaning"), fields),
        ]
    )


def describe(game: Game) -> str:
    """An environment's page: its rules in words, its individuals, then the tables."""
    return "\n\n".join(
        [
            game.documentation.strip(),
            f"Individuals: {', '.join(game.individuals)}. The Gymnasium face's learner: "
            f"{game.learner}. Things: {', '.join(game.things)}.",
            tables(),
        ]
    )
