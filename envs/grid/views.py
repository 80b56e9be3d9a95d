"""Views: one percept, written in several ways.

``symbolic`` is the percept itself: a window of codes and a few fields. ``flat`` is the same as one-hot
numbers in one array, which any policy takes. All gridworlds share one observation space a window size.
"""

from __future__ import annotations

from typing import Any

from ..kernels import njit
from .engine import (
    ARROW,
    FACES,
    FIELD_SIZES,
    FIELD_STEP,
    NUM_FIELDS,
    NUM_TERRAIN,
    NUM_THINGS,
)

__all__ = ["CELL_BITS", "FIELD_BITS", "flat_size", "flatten"]

# One-hot numbers of a cell: terrain (unseen = none set), thing, identity, relative heading, face, carried
TERRAIN_BITS = NUM_TERRAIN - 1
THING_BITS = NUM_THINGS - 1
IDENTITY_BITS = ARROW + 1
FACE_BITS = len(FACES)
CELL_BITS = TERRAIN_BITS + THING_BITS + IDENTITY_BITS + 4 + FACE_BITS + THING_BITS
# Fields are one-hot, too, except the step: eight binary digits.
FIELD_STARTS = tuple(
    sum(8 if k == FIELD_STEP else FIELD_SIZES[k] for k in range(field)) for field in range(NUM_FIELDS + 1)
)
FIELD_BITS = FIELD_STARTS[-1]


def flat_size(window: int) -> int:
    """The length of a flat observation for windows of V x V cells."""
    return window * window * CELL_BITS + FIELD_BITS


@njit
def flatten(window: Any, fields: Any, out: Any, lo: int, hi: int) -> None:
    """Write symbolic observations as one-hot numbers.

    Args:
        window: (B, A, V*V) uint32. fields: (B, A, F) uint8.
        out: (B, A, N) uint8; worlds ``lo`` to ``hi`` are written.
    """
    for i in range(lo, hi):
        for a in range(window.shape[1]):
            row = out[i, a]
            row[:] = 0
            for k in range(window.shape[2]):
                code = window[i, a, k]
                if code == 0:
                    continue
                at = k * CELL_BITS
                row[at + (code & 0xFF) - 1] = 1
                at += TERRAIN_BITS
                thing = (code >> 8) & 0xFF
                if thing:
                    row[at + thing - 1] = 1
                body = (code >> 16) & 0xFF
                if body:
                    at += THING_BITS
                    row[at + ((body - 1) >> 2)] = 1
                    at += IDENTITY_BITS
                    row[at + ((body - 1) & 3)] = 1
                    at += 4
                    manner = code >> 24
                    row[at + (manner & 3)] = 1
                    if manner >> 2:
                        row[at + FACE_BITS + (manner >> 2) - 1] = 1
            start = window.shape[2] * CELL_BITS
            for field in range(NUM_FIELDS):
                at = start + FIELD_STARTS[field]
                value = fields[i, a, field]
                if field == FIELD_STEP:
                    for bit in range(8):
                        row[at + bit] = (value >> bit) & 1
                else:
                    row[at + value] = 1
