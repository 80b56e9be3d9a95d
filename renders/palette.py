"""Colours. Those that carry meaning are Okabe and Ito's, which the colour-blind can tell apart, and
none of them carries it alone: a shape or a word always says the same."""

from __future__ import annotations

__all__ = ["BODIES", "Colour", "contrast", "dark", "light", "mix"]

Colour = tuple[int, int, int]

# Okabe & Ito (2008), "Color universal design".
ORANGE: Colour = (230, 159, 0)
SKY: Colour = (86, 180, 233)
GREEN: Colour = (0, 158, 115)
YELLOW: Colour = (240, 228, 66)
BLUE: Colour = (0, 114, 178)
VERMILLION: Colour = (213, 94, 0)
PURPLE: Colour = (204, 121, 167)

WHITE: Colour = (255, 255, 255)
INK: Colour = (31, 36, 48)
GREY: Colour = (104, 112, 128)
FAINT: Colour = (208, 212, 220)
PAGE: Colour = (244, 244, 240)
CARD: Colour = (255, 255, 255)
FALSE: Colour = (200, 30, 40)  # a belief that is wrong; always with a "!"
RIGHT: Colour = (0, 130, 90)  # with a tick
UNSEEN: Colour = (38, 42, 54)  # in an individual's own view

# One for each identity; the ninth is the arrow, which is nobody.
BODIES: tuple[Colour, ...] = (
    BLUE,
    ORANGE,
    GREEN,
    PURPLE,
    (120, 94, 64),
    SKY,
    VERMILLION,
    YELLOW,
    GREY,
)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """``one`` with a share (0..1) of ``other``."""
    r, g, b = (round(u * (1 - share) + v * share) for u, v in zip(one, other, strict=True))
    return r, g, b


def light(colour: Colour, share: float = 0.5) -> Colour:
    """A colour with a share of white."""
    return mix(colour, WHITE, share)


def dark(colour: Colour, share: float = 0.35) -> Colour:
    """A colour with a share of ink."""
    return mix(colour, INK, share)


def contrast(colour: Colour) -> Colour:
    """White or ink, whichever is read better on a colour."""
    r, g, b = colour
    return INK if 299 * r + 587 * g + 114 * b > 140_000 else WHITE
