"""A canvas is a (H, W, 3) uint8 array; sprites are laid over it.

pygame draws the sprites' shapes, four times as large; they are made smaller here in whole-number
arithmetic, so that a picture is the same on every machine. No display is ever opened, and no global
setting of SDL or pygame is touched but the font module, which is started when text is first drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ._pygame import pygame
from .palette import INK, Colour

__all__ = [
    "Canvas",
    "Pen",
    "Sprite",
    "blank",
    "box",
    "fill",
    "over",
    "panel",
    "sprite",
    "stack",
    "text",
    "text_size",
    "wrap",
]

Canvas = npt.NDArray[np.uint8]  # (H, W, 3)
Sprite = npt.NDArray[np.uint8]  # (H, W, 4), colours already multiplied by alpha

FINE = 4  # sprites are drawn so many times larger
Point = tuple[float, float]


class Pen:
    """Draws shapes in units of its own on a surface that will be made smaller.

    Args:
        width, height: of the sprite, in pixels.
        unit: pixels of the sprite a unit.
    """

    def __init__(self, width: int, height: int, unit: float) -> None:
        self.surface = pygame.Surface((width * FINE, height * FINE), pygame.SRCALPHA, 32)
        self.unit = unit * FINE

    def _at(self, points: Sequence[Point]) -> list[tuple[float, float]]:
        return [(x * self.unit, y * self.unit) for x, y in points]

    def _wide(self, width: float) -> int:
        return max(1, round(width * self.unit)) if width else 0

    def circle(self, x: float, y: float, r: float, colour: Any, width: float = 0) -> None:
        """A disc, or a ring where ``width`` is not 0 (inside the radius)."""
        u = self.unit
        pygame.draw.circle(self.surface, colour, (x * u, y * u), r * u, self._wide(width))

    def ellipse(self, x: float, y: float, w: float, h: float, colour: Any) -> None:
        """A filled ellipse in the rectangle that begins at (x, y)."""
        u = self.unit
        rect = pygame.Rect(round(x * u), round(y * u), round(w * u), round(h * u))
        pygame.draw.ellipse(self.surface, colour, rect)

    def rect(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        colour: Any,
        radius: float = 0,
        width: float = 0,
    ) -> None:
        """A rectangle, with round corners or without."""
        u = self.unit
        rect = pygame.Rect(round(x * u), round(y * u), round(w * u), round(h * u))
        pygame.draw.rect(self.surface, colour, rect, self._wide(width), round(radius * u))

    def polygon(self, points: Sequence[Point], colour: Any) -> None:
        """A filled polygon."""
        pygame.draw.polygon(self.surface, colour, self._at(points))

    def line(self, points: Sequence[Point], colour: Any, width: float) -> None:
        """A line through the points, with round ends and corners."""
        half = width / 2
        for (x0, y0), (x1, y1) in pairwise(points):
            length = math.hypot(x1 - x0, y1 - y0)
            if length:
                nx, ny = -(y1 - y0) / length * half, (x1 - x0) / length * half
                self.polygon(
                    [
                        (x0 + nx, y0 + ny),
                        (x1 + nx, y1 + ny),
                        (x1 - nx, y1 - ny),
                        (x0 - nx, y0 - ny),
                    ],
                    colour,
                )
        for x, y in points:
            self.circle(x, y, half, colour)

    def curve(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        begin: float,
        end: float,
        colour: Any,
        width: float,
    ) -> None:
        """A piece of an ellipse round (x, y), from one angle to another (degrees, 0 = east, 90 =
        south)."""
        steps = 24
        points = []
        for k in range(steps + 1):
            angle = math.radians(begin + (end - begin) * k / steps)
            points.append((x + rx * math.cos(angle), y + ry * math.sin(angle)))
        self.line(points, colour, width)


def sprite(width: int, height: int, unit: float, paint: Callable[[Pen], None]) -> Sprite:
    """Let ``paint`` draw with a :class:`Pen` and make what it drew smaller: (height, width, 4)."""
    pen = Pen(width, height, unit)
    paint(pen)
    large = np.frombuffer(pygame.image.tobytes(pen.surface, "RGBA"), np.uint8)
    large = large.reshape(height, FINE, width, FINE, 4).astype(np.uint32)
    alpha = large[..., 3:].sum((1, 3))
    colour = (large[..., :3] * large[..., 3:]).sum((1, 3))
    samples = FINE * FINE
    out = np.empty((height, width, 4), np.uint8)
    out[..., :3] = (colour + 255 * samples // 2) // (255 * samples)
    out[..., 3:] = (alpha + samples // 2) // samples
    return out


def over(canvas: Canvas, image: Sprite, x: float, y: float, alpha: int = 255) -> None:
    """Lay a sprite over a canvas, its corner at (x, y); what sticks out is cut off.

    Args:
        alpha: 0 to 255, how much of the sprite is there at all.
    """
    left, top = round(x), round(y)
    height, width = image.shape[:2]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, canvas.shape[1]), min(top + height, canvas.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    part = image[y0 - top : y1 - top, x0 - left : x1 - left].astype(np.uint16)
    if alpha < 255:
        part = (part * np.uint16(alpha) + np.uint16(127)) // np.uint16(255)
    below = canvas[y0:y1, x0:x1]
    below[...] = part[..., :3] + (below * (np.uint16(255) - part[..., 3:]) + np.uint16(127)) // np.uint16(255)


def stack(below: Sprite, image: Sprite, x: float, y: float) -> None:
    """Lay one sprite over another, its corner at (x, y); what sticks out is cut off."""
    left, top = max(round(x), 0), max(round(y), 0)
    part = below[top : top + image.shape[0], left : left + image.shape[1]]
    image = image[: part.shape[0], : part.shape[1]]
    rest = np.uint16(255) - image[..., 3:]
    part[...] = image + (part * rest + np.uint16(127)) // np.uint16(255)


def fill(canvas: Canvas, x: int, y: int, width: int, height: int, colour: Colour) -> None:
    """Paint a rectangle that lies within a canvas in one colour."""
    # whole rows of bytes: spreading three bytes over an array cell by cell takes ten times as long
    row = np.array(colour * max(width, 0), np.uint8)
    flat = canvas.reshape(canvas.shape[0], canvas.shape[1] * 3)
    flat[y : y + height, 3 * x : 3 * (x + width)] = row


def blank(width: int, height: int, colour: Colour) -> Canvas:
    """A canvas of one colour."""
    canvas = np.empty((height, width, 3), np.uint8)
    fill(canvas, 0, 0, width, height, colour)
    return canvas


@lru_cache(maxsize=256)
def panel(
    width: int, height: int, inside: Colour, rim: Colour, radius: float = 8, rim_width: float = 1.5
) -> Sprite:
    """A rounded rectangle with a rim."""

    def paint(p: Pen) -> None:
        p.rect(0, 0, width, height, rim, radius)
        inner = rim_width
        p.rect(inner, inner, width - 2 * inner, height - 2 * inner, inside, max(radius - inner, 0))

    return sprite(width, height, 1, paint)


def box(
    canvas: Canvas,
    x: int,
    y: int,
    width: int,
    height: int,
    inside: Colour,
    rim: Colour,
    radius: int = 10,
) -> None:
    """A large rounded rectangle with a rim of two pixels: corners as sprites, the rest as it is."""
    corners = panel(2 * radius, 2 * radius, inside, rim, radius, 2)
    for inset, colour in ((0, rim), (2, inside)):
        tall, wide = height - 2 * radius, width - 2 * radius
        fill(canvas, x + inset, y + radius, width - 2 * inset, tall, colour)
        fill(canvas, x + radius, y + inset, wide, height - 2 * inset, colour)
    for right in (0, 1):
        for low in (0, 1):
            part = corners[low * radius : (low + 1) * radius, right * radius : (right + 1) * radius]
            over(canvas, part, x + right * (width - radius), y + low * (height - radius))


# --- Text: pygame's own font, the only one that is the same everywhere ----------------------------
_fonts: dict[int, pygame.font.Font] = {}


def _font(size: int) -> pygame.font.Font:
    if not pygame.font.get_init():
        pygame.font.init()
        _fonts.clear()
    if size not in _fonts:
        _fonts[size] = pygame.font.Font(None, size)
    return _fonts[size]


def _with_font(size: int, use: Callable[[pygame.font.Font], Any]) -> Any:
    try:
        return use(_font(size))
    except pygame.error:  # somebody quit and started pygame since: its old fonts are void
        _fonts.clear()
        return use(_font(size))


@lru_cache(maxsize=2048)
def text(words: str, size: int, colour: Colour = INK) -> Sprite:
    """A line of text as a sprite; ``size`` is about one and a half times the height of a
    capital."""
    if not words:
        return np.zeros((1, 1, 4), np.uint8)
    surface = _with_font(size, lambda font: font.render(words, True, colour))
    width, height = surface.get_size()
    image = np.frombuffer(pygame.image.tobytes(surface, "RGBA"), np.uint8)
    image = image.reshape(height, width, 4).astype(np.uint16)
    image[..., :3] = (image[..., :3] * image[..., 3:] + 127) // 255
    return image.astype(np.uint8)


@lru_cache(maxsize=4096)
def text_size(words: str, size: int) -> tuple[int, int]:
    """Width and height of a line of text in pixels."""
    width, height = _with_font(size, lambda font: font.size(words))
    return int(width), int(height)


def wrap(words: str, size: int, width: int) -> list[str]:
    """Break a text into lines of at most ``width`` pixels; a word that is longer is cut."""
    lines: list[str] = []
    for paragraph in words.splitlines():
        line = ""
        for word in paragraph.split():
            while text_size(word, size)[0] > width and len(word) > 1:
                keep = len(word)
                while keep > 1 and text_size(word[:keep], size)[0] > width:
                    keep -= 1
                if line:
                    lines.append(line)
                    line = ""
                lines.append(word[:keep])
                word = word[keep:]
            longer = f"{line} {word}" if line else word
            if text_size(longer, size)[0] > width:
                lines.append(line)
                line = word
            else:
                line = longer
        if line:
            lines.append(line)
    return lines
