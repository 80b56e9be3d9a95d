"""What things, fixtures and individuals look like. Every painter draws in the unit square of a
cell."""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import Any

from ..envs.grid import engine
from . import palette
from .canvas import Pen, Sprite, sprite, stack
from .palette import BODIES, INK, WHITE, Colour, dark, light, mix

__all__ = ["badge", "figure", "glyph", "mark", "speech", "terrain", "thing"]

FORWARD = ((0, -1), (1, 0), (0, 1), (-1, 0))  # of each heading: north, east, south, west

CARDBOARD: Colour = (201, 154, 99)
WICKER: Colour = (168, 116, 58)
WOOD: Colour = (140, 98, 60)
GLASS: Colour = (160, 210, 235)
WALL: Colour = (72, 79, 98)
FLOOR: Colour = (247, 246, 241)


# --- Things ---------------------------------------------------------------------------------------
def _ball(p: Pen) -> None:
    p.circle(0.5, 0.5, 0.42, INK)
    p.circle(0.5, 0.5, 0.38, WHITE)
    # three coloured gores of a beach ball
    for begin, colour in ((-90, palette.VERMILLION), (30, palette.SKY), (150, palette.YELLOW)):
        points = [(0.5, 0.5)]
        for k in range(13):
            angle = math.radians(begin + 65 * k / 12)
            points.append((0.5 + 0.38 * math.cos(angle), 0.5 + 0.38 * math.sin(angle)))
        p.polygon(points, colour)
    p.circle(0.5, 0.5, 0.08, INK)
    p.circle(0.5, 0.5, 0.055, WHITE)


def _marble(p: Pen) -> None:
    p.circle(0.5, 0.5, 0.36, dark(palette.BLUE, 0.5))
    p.circle(0.5, 0.5, 0.32, light(palette.SKY, 0.25))
    p.curve(0.44, 0.72, 0.22, 0.36, 210, 320, palette.BLUE, 0.1)
    p.curve(0.56, 0.3, 0.2, 0.3, 40, 140, palette.GREEN, 0.09)
    p.circle(0.38, 0.36, 0.08, WHITE)


def _apple(p: Pen) -> None:
    for grow, colour in ((0.035, dark((200, 38, 48), 0.5)), (0, (214, 48, 56))):
        p.circle(0.36, 0.54, 0.24 + grow, colour)
        p.circle(0.64, 0.54, 0.24 + grow, colour)
        p.ellipse(0.22 - grow, 0.44 - grow, 0.56 + 2 * grow, 0.46 + 2 * grow, colour)
    p.line([(0.5, 0.36), (0.53, 0.16)], WOOD, 0.06)
    p.polygon([(0.54, 0.24), (0.64, 0.1), (0.84, 0.1), (0.74, 0.24)], palette.GREEN)
    p.circle(0.33, 0.48, 0.06, light((214, 48, 56), 0.6))


def _banana(p: Pen) -> None:
    def crescent(grow: float, colour: Colour) -> None:
        outer, inner = [], []
        for k in range(25):
            angle = math.radians(-5 + 150 * k / 24)
            outer.append((0.42 + (0.44 + grow) * math.cos(angle), 0.3 + (0.5 + grow) * math.sin(angle)))
            inner.append((0.4 + (0.27 - grow) * math.cos(angle), 0.22 + (0.3 - grow) * math.sin(angle)))
        p.polygon(outer + inner[::-1], colour)

    crescent(0.035, dark(palette.YELLOW, 0.6))
    crescent(0.0, (250, 214, 60))
    p.line([(0.76, 0.26), (0.74, 0.14)], dark(palette.YELLOW, 0.6), 0.09)


def _key(p: Pen) -> None:
    gold, edge = (232, 178, 32), (120, 84, 10)
    for grow, colour in ((0.035, edge), (0, gold)):
        p.circle(0.28, 0.5, 0.2 + grow, colour)
        p.line([(0.45, 0.5), (0.86, 0.5)], colour, 0.11 + 2 * grow)
        p.line([(0.7, 0.52), (0.7, 0.68)], colour, 0.09 + 2 * grow)
        p.line([(0.84, 0.52), (0.84, 0.7)], colour, 0.09 + 2 * grow)
    p.circle(0.28, 0.5, 0.11, edge)
    p.circle(0.28, 0.5, 0.08, WHITE)


def _cup(p: Pen) -> None:
    teal = (0, 128, 128)
    p.curve(0.68, 0.52, 0.2, 0.17, -90, 90, dark(teal, 0.4), 0.15)
    p.curve(0.68, 0.52, 0.2, 0.17, -90, 90, teal, 0.08)
    p.polygon([(0.16, 0.24), (0.74, 0.24), (0.68, 0.86), (0.22, 0.86)], dark(teal, 0.4))
    p.polygon([(0.2, 0.28), (0.7, 0.28), (0.65, 0.82), (0.25, 0.82)], teal)
    p.ellipse(0.16, 0.16, 0.58, 0.17, dark(teal, 0.4))
    p.ellipse(0.21, 0.195, 0.48, 0.105, light(teal, 0.75))
    p.line([(0.3, 0.42), (0.33, 0.72)], light(teal, 0.45), 0.06)


def _book(p: Pen) -> None:
    cover = (122, 62, 148)
    p.rect(0.16, 0.12, 0.68, 0.76, dark(cover, 0.5), 0.06)
    p.rect(0.2, 0.16, 0.6, 0.68, cover, 0.03)
    p.rect(0.24, 0.76, 0.56, 0.08, WHITE)
    p.rect(0.2, 0.16, 0.09, 0.68, dark(cover, 0.3))
    p.line([(0.4, 0.32), (0.7, 0.32)], light(cover, 0.75), 0.06)
    p.line([(0.4, 0.46), (0.62, 0.46)], light(cover, 0.75), 0.06)


def _toy(p: Pen) -> None:
    body = (226, 88, 34)
    p.polygon([(0.24, 0.5), (0.34, 0.24), (0.66, 0.24), (0.8, 0.5)], dark(body, 0.5))
    p.polygon([(0.31, 0.48), (0.38, 0.29), (0.5, 0.29), (0.5, 0.48)], light(palette.SKY, 0.5))
    p.polygon([(0.55, 0.48), (0.55, 0.29), (0.63, 0.29), (0.72, 0.48)], light(palette.SKY, 0.5))
    p.rect(0.05, 0.45, 0.9, 0.28, dark(body, 0.5), 0.1)
    p.rect(0.085, 0.485, 0.83, 0.21, body, 0.07)
    for x in (0.27, 0.73):
        p.circle(x, 0.73, 0.15, INK)
        p.circle(x, 0.73, 0.07, palette.FAINT)


_THINGS = (None, _ball, _marble, _apple, _banana, _key, _cup, _book, _toy)


@lru_cache(maxsize=512)
def thing(kind: int, size: int) -> Sprite:
    """A thing's icon, ``size`` x ``size`` pixels; ``kind`` indexes ``engine.THINGS``."""
    paint = _THINGS[kind]
    if paint is None:
        raise ValueError(f"kind of thing is {kind}, expected 1 to {len(_THINGS) - 1}")
    return sprite(size, size, size, paint)


# --- Terrain --------------------------------------------------------------------------------------
def _floor(p: Pen) -> None:
    p.rect(0, 0, 1, 1, mix(FLOOR, INK, 0.13))
    p.rect(0.012, 0.012, 0.976, 0.976, FLOOR)


def _wall(p: Pen) -> None:
    p.rect(0, 0, 1, 1, dark(WALL, 0.45))
    gap = 0.05
    for row, shift in enumerate((0.0, 0.5, 0.0, 0.5)):
        for x in (-shift, 0.5 - shift, 1 - shift):
            colour = WALL if (row + int(x * 2)) % 2 else light(WALL, 0.06)
            p.rect(x + gap / 2, row / 4 + gap / 2, 0.5 - gap, 0.25 - gap, colour)


def _window(p: Pen) -> None:
    p.rect(0, 0, 1, 1, dark(GLASS, 0.6))
    p.rect(0.07, 0.07, 0.86, 0.86, GLASS)
    for x in (0.12, 0.3):
        p.polygon(
            [(x + 0.28, 0.07), (x + 0.38, 0.07), (x + 0.05, 0.93), (x - 0.05, 0.93)],
            light(GLASS, 0.6),
        )
    p.rect(0.47, 0.07, 0.06, 0.86, dark(GLASS, 0.6))
    p.rect(0.07, 0.47, 0.86, 0.06, dark(GLASS, 0.6))


def _door_closed(p: Pen) -> None:
    p.rect(0, 0, 1, 1, dark(WOOD, 0.6))
    p.rect(0.09, 0.05, 0.82, 0.9, (171, 118, 68))
    for y in (0.13, 0.54):
        for x in (0.18, 0.54):
            p.rect(x, y, 0.28, 0.33, dark((171, 118, 68), 0.25), 0.03)
    p.circle(0.8, 0.5, 0.075, INK)
    p.circle(0.8, 0.5, 0.055, (240, 200, 70))


def _door_open(p: Pen) -> None:
    p.rect(0, 0, 1, 1, dark(WOOD, 0.6), 0, 0.07)
    p.polygon([(0.03, 0.03), (0.24, 0.12), (0.24, 0.88), (0.03, 0.97)], dark(WOOD, 0.6))
    p.polygon([(0.06, 0.08), (0.21, 0.15), (0.21, 0.85), (0.06, 0.92)], (171, 118, 68))
    p.circle(0.17, 0.5, 0.035, (240, 200, 70))


def _box_closed(p: Pen) -> None:
    edge = dark(CARDBOARD, 0.55)
    p.rect(0.09, 0.17, 0.82, 0.74, edge, 0.04)
    p.rect(0.13, 0.38, 0.74, 0.49, CARDBOARD)
    p.rect(0.13, 0.21, 0.74, 0.13, light(CARDBOARD, 0.25))
    p.rect(0.42, 0.21, 0.16, 0.34, light(CARDBOARD, 0.6))


def _box_open(p: Pen) -> None:
    edge = dark(CARDBOARD, 0.55)
    # flaps folded out
    p.polygon([(0.14, 0.3), (0.86, 0.3), (0.98, 0.08), (0.02, 0.08)], edge)
    p.polygon([(0.17, 0.27), (0.83, 0.27), (0.91, 0.12), (0.09, 0.12)], light(CARDBOARD, 0.35))
    p.rect(0.09, 0.26, 0.82, 0.65, edge, 0.04)
    p.rect(0.13, 0.3, 0.74, 0.47, dark(CARDBOARD, 0.78))
    p.rect(0.13, 0.77, 0.74, 0.1, CARDBOARD)


def _weave(p: Pen, top: float) -> None:
    edge = dark(WICKER, 0.6)
    p.polygon([(0.08, top), (0.92, top), (0.82, 0.92), (0.18, 0.92)], edge)
    rows = 4
    for row in range(rows):
        y = top + 0.03 + (0.89 - top) * row / rows
        inset = 0.12 + 0.1 * (y - top)
        for k in range(6):
            width = (1 - 2 * inset) / 6
            colour = light(WICKER, 0.35) if (row + k) % 2 else WICKER
            p.rect(inset + k * width, y, width * 0.88, (0.89 - top) / rows * 0.8, colour, 0.02)


def _basket_closed(p: Pen) -> None:
    edge = dark(WICKER, 0.6)
    _weave(p, 0.42)
    p.ellipse(0.05, 0.2, 0.9, 0.34, edge)
    p.ellipse(0.09, 0.235, 0.82, 0.26, light(WICKER, 0.2))
    p.curve(0.5, 0.27, 0.14, 0.15, 180, 360, edge, 0.07)


def _basket_open(p: Pen) -> None:
    edge = dark(WICKER, 0.6)
    p.curve(0.5, 0.4, 0.4, 0.34, 180, 360, edge, 0.07)
    _weave(p, 0.42)
    p.ellipse(0.05, 0.22, 0.9, 0.44, edge)
    p.ellipse(0.1, 0.265, 0.8, 0.345, light(WICKER, 0.2))
    p.ellipse(0.15, 0.3, 0.7, 0.28, dark(WICKER, 0.8))


def _glass(p: Pen, opened: bool) -> None:
    edge = dark(GLASS, 0.55)
    p.rect(0.1, 0.8, 0.8, 0.13, dark(WOOD, 0.2), 0.03)
    p.rect(0.14, 0.22, 0.72, 0.6, light(GLASS, 0.55))
    p.rect(0.14, 0.22, 0.72, 0.6, edge, 0, 0.04)
    p.polygon([(0.24, 0.27), (0.34, 0.27), (0.24, 0.5), (0.19, 0.5)], WHITE)
    if opened:
        p.polygon([(0.14, 0.22), (0.86, 0.22), (0.95, 0.04), (0.23, 0.04)], edge)
        p.polygon([(0.2, 0.195), (0.84, 0.195), (0.89, 0.07), (0.26, 0.07)], light(GLASS, 0.5))
    else:
        p.rect(0.08, 0.16, 0.84, 0.1, edge, 0.03)


def _beacon(p: Pen) -> None:
    p.circle(0.5, 0.5, 0.42, (255, 236, 150))
    p.circle(0.5, 0.5, 0.42, (214, 150, 0), 0.05)
    points = []
    for k in range(10):
        angle = math.radians(-90 + 36 * k)
        r = 0.31 if k % 2 == 0 else 0.13
        points.append((0.5 + r * math.cos(angle), 0.53 + r * math.sin(angle)))
    p.polygon(points, (190, 120, 0))
    points = [(0.5 + (x - 0.5) * 0.8, 0.53 + (y - 0.53) * 0.8) for x, y in points]
    p.polygon(points, (255, 206, 40))


def _conveyor(p: Pen, heading: int) -> None:
    belt = (122, 128, 140)
    p.rect(0, 0, 1, 1, dark(belt, 0.55))
    p.rect(0.05, 0.05, 0.9, 0.9, belt)
    fx, fy = FORWARD[heading]
    for back in (-0.2, 0.14):  # two chevrons
        points = []
        for right, forward in ((-0.28, back - 0.1), (0, back + 0.16), (0.28, back - 0.1)):
            points.append((0.5 - fy * right + fx * forward, 0.5 + fx * right + fy * forward))
        p.line(points[:2], WHITE, 0.1)
        p.line(points[1:], WHITE, 0.1)


def _lamp(p: Pen, on: bool) -> None:
    glow = (255, 226, 90) if on else (96, 98, 104)
    if on:
        p.circle(0.5, 0.5, 0.46, (255, 244, 190))
        for k in range(8):
            x, y = math.cos(k * math.pi / 4), math.sin(k * math.pi / 4)
            ray = [(0.5 + 0.33 * x, 0.5 + 0.33 * y), (0.5 + 0.45 * x, 0.5 + 0.45 * y)]
            p.line(ray, (214, 150, 0), 0.05)
    p.circle(0.5, 0.5, 0.28, dark(glow, 0.5))
    p.circle(0.5, 0.5, 0.24, glow)
    p.circle(0.43, 0.42, 0.07, light(glow, 0.7))


def _pad(p: Pen) -> None:
    for inset, colour in ((0.1, (0, 120, 88)), (0.16, (188, 228, 208)), (0.3, (0, 120, 88))):
        p.rect(inset, inset, 1 - 2 * inset, 1 - 2 * inset, colour, 0.06)
    p.rect(0.35, 0.35, 0.3, 0.3, (188, 228, 208), 0.04)


def _block(p: Pen, on_pad: bool) -> None:
    wood = (166, 96, 52)
    if on_pad:
        _pad(p)
    p.rect(0.08, 0.08, 0.84, 0.84, dark(wood, 0.55), 0.06)
    p.rect(0.13, 0.13, 0.74, 0.74, wood, 0.03)
    for x0, y0, x1, y1 in ((0.2, 0.2, 0.8, 0.8), (0.8, 0.2, 0.2, 0.8)):
        p.line([(x0, y0), (x1, y1)], light(wood, 0.35), 0.09)
    if on_pad:  # where it belongs: a tick
        p.circle(0.5, 0.5, 0.23, palette.RIGHT)
        p.line([(0.39, 0.5), (0.47, 0.59)], WHITE, 0.07)
        p.line([(0.47, 0.59), (0.62, 0.41)], WHITE, 0.07)


def _water(p: Pen) -> None:
    water = (104, 168, 220)
    p.rect(0, 0, 1, 1, water)
    for k, y in enumerate((0.22, 0.5, 0.78)):
        for x in (0.25 + 0.1 * (k % 2), 0.7 + 0.1 * (k % 2)):
            p.curve(x, y, 0.16, 0.1, 200, 340, light(water, 0.7), 0.05)


def _trap(p: Pen) -> None:
    p.rect(0.06, 0.06, 0.88, 0.88, (92, 30, 34), 0.08)
    for row in range(2):
        for k in range(3):
            x, y = 0.2 + 0.3 * k, 0.46 + 0.36 * row
            p.polygon([(x - 0.1, y), (x, y - 0.3), (x + 0.1, y)], palette.FAINT)


def _stone(p: Pen) -> None:
    for grow, colour in ((0.0, (118, 122, 128)), (0.05, (172, 176, 180))):
        p.ellipse(0.08 + grow, 0.14 + grow, 0.84 - 2 * grow, 0.72 - 2 * grow, colour)
    p.curve(0.42, 0.42, 0.22, 0.16, 180, 270, light((172, 176, 180), 0.6), 0.05)


def _unseen(p: Pen) -> None:
    p.rect(0, 0, 1, 1, palette.UNSEEN)


_TERRAIN: dict[int, Any] = {
    engine.UNSEEN: _unseen,
    engine.FLOOR: _floor,
    engine.WALL: _wall,
    engine.WINDOW: _window,
    engine.DOOR_CLOSED: _door_closed,
    engine.DOOR_OPEN: _door_open,
    engine.BOX_CLOSED: _box_closed,
    engine.BOX_OPEN: _box_open,
    engine.BASKET_CLOSED: _basket_closed,
    engine.BASKET_OPEN: _basket_open,
    engine.GLASS_CLOSED: lambda p: _glass(p, False),
    engine.GLASS_OPEN: lambda p: _glass(p, True),
    engine.BEACON: _beacon,
    **{engine.CONVEYOR + h: partial(_conveyor, heading=h) for h in range(4)},
    engine.LIGHT_OFF: lambda p: _lamp(p, False),
    engine.LIGHT_ON: lambda p: _lamp(p, True),
    engine.BLOCK: lambda p: _block(p, False),
    engine.PAD: _pad,
    engine.BLOCK_ON_PAD: lambda p: _block(p, True),
    engine.WATER: _water,
    engine.TRAP: _trap,
    engine.STONE: _stone,
}


@lru_cache(maxsize=256)
def terrain(code: int, size: int) -> Sprite:
    """A cell's terrain (``engine.TERRAIN``), fixtures without the floor below them; a code that has
    no picture is magenta."""
    paint = _TERRAIN.get(code)
    if paint is None:
        return sprite(size, size, size, lambda p: p.rect(0, 0, 1, 1, (255, 0, 255)))
    return sprite(size, size, size, paint)


@lru_cache(maxsize=64)
def rim(identity: int, size: int) -> Sprite:
    """A ring round what lies in a cell, in the colour of whose it is."""
    colour = BODIES[identity]

    def paint(p: Pen) -> None:
        p.circle(0.5, 0.5, 0.485, dark(colour, 0.6), 0.135)
        p.circle(0.5, 0.5, 0.465, colour, 0.095)

    return sprite(size, size, size, paint)


# --- Individuals ----------------------------------------------------------------------------------
def _person(p: Pen, identity: int, heading: int, face: int) -> None:
    colour = BODIES[identity]
    edge = dark(colour, 0.6)
    fx, fy = FORWARD[heading]
    # a nose that points the way, wide enough to be seen from afar
    for reach, width, shade in ((0.5, 0.25, edge), (0.45, 0.19, colour)):
        p.polygon(
            [
                (0.5 + fx * reach, 0.5 + fy * reach),
                (0.5 + fx * 0.24 - fy * width, 0.5 + fy * 0.24 + fx * width),
                (0.5 + fx * 0.24 + fy * width, 0.5 + fy * 0.24 - fx * width),
            ],
            shade,
        )
    p.circle(0.5, 0.5, 0.37, edge)
    p.circle(0.5, 0.5, 0.335, colour)
    # the face turns with the body, but stays upright so that its expression can be read
    x, y = 0.5 + fx * 0.055, 0.5 + fy * 0.05
    p.circle(x, y, 0.255, mix((255, 238, 219), colour, 0.08))
    for side in (-1, 1):
        ex, ey = x + side * 0.1 + fx * 0.03, y - 0.045 + fy * 0.03
        wide = 0.07 if face == engine.SURPRISED else 0.058
        p.circle(ex, ey, wide + 0.014, INK)
        p.circle(ex, ey, wide, WHITE)
        p.circle(ex + fx * 0.026, ey + fy * 0.026, 0.034, INK)
        if face == engine.SURPRISED:
            p.curve(ex, ey - 0.05, 0.06, 0.07, 220, 320, INK, 0.025)
        if face == engine.SAD:
            tilt = side * 0.022  # the inner ends go up
            p.line([(ex - 0.06, ey - 0.1 - tilt), (ex + 0.06, ey - 0.1 + tilt)], INK, 0.025)
    mx, my = x + fx * 0.03, y + 0.12
    if face == engine.GLAD:
        p.curve(mx, my - 0.045, 0.115, 0.105, 15, 165, INK, 0.04)
    elif face == engine.SAD:
        p.curve(mx, my + 0.085, 0.1, 0.09, 205, 335, INK, 0.036)
    elif face == engine.SURPRISED:
        p.ellipse(mx - 0.045, my - 0.035, 0.09, 0.115, INK)
    else:
        p.line([(mx - 0.07, my + 0.015), (mx + 0.07, my + 0.015)], INK, 0.034)


def _arrow(p: Pen, heading: int) -> None:
    fx, fy = FORWARD[heading]

    def at(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        # (to the right, forward) of the middle
        return [(0.5 - fy * r + fx * f, 0.5 + fx * r + fy * f) for r, f in points]

    def shape(shaft: float, wing: float, back: float, neck: float, tip: float) -> Any:
        right = [(shaft, back), (shaft, neck), (wing, neck)]
        return at([*right, (0, tip), *((-r, f) for r, f in right[::-1])])

    p.polygon(shape(0.13, 0.36, -0.4, 0.02, 0.44), INK)
    p.polygon(shape(0.085, 0.25, -0.355, 0.065, 0.365), light(palette.GREY, 0.35))


@lru_cache(maxsize=2048)
def figure(identity: int, heading: int, face: int, carried: int, size: int) -> Sprite:
    """An individual in its cell.

    Args:
        identity: colour; ``engine.ARROW`` is an arrow, which has no face.
        heading: 0 to 3, north, east, south, west. face: index into ``engine.FACES``.
        carried: kind of the thing in its hand, 0 = empty.
        size: pixels a side.
    """

    def paint(p: Pen) -> None:
        if identity == engine.ARROW:
            _arrow(p, heading)
        else:
            _person(p, identity, heading, face)

    image = sprite(size, size, size, paint)
    if carried:
        small = round(size * 0.46)
        fx, fy = FORWARD[heading]
        # in the right hand, held out
        x, y = 0.5 + fx * 0.26 - fy * 0.26, 0.5 + fy * 0.26 + fx * 0.26
        left = min(max(round(x * size - small / 2), 0), size - small)
        top = min(max(round(y * size - small / 2), 0), size - small)
        image = image.copy()
        if identity != engine.ARROW:
            hand = sprite(size, size, size, lambda p: p.circle(x, y, 0.2, dark(BODIES[identity], 0.6)))
            stack(image, hand, 0, 0)
            palm = sprite(size, size, size, lambda p: p.circle(x, y, 0.17, (255, 238, 219)))
            stack(image, palm, 0, 0)
        stack(image, thing(carried, small), left, top)
    return image


# --- Signs ----------------------------------------------------------------------------------------
def _glyph(p: Pen, symbol: int, x: float, y: float, r: float) -> None:
    if symbol == 0:
        p.circle(x, y, r, palette.BLUE)
    elif symbol == 1:
        low = y + r * 0.85
        p.polygon([(x, y - r * 1.1), (x + r * 1.1, low), (x - r * 1.1, low)], palette.VERMILLION)
    elif symbol == 2:
        p.rect(x - r * 0.9, y - r * 0.9, r * 1.8, r * 1.8, palette.GREEN)
    else:
        r *= 1.2
        p.polygon([(x, y - r), (x + r, y), (x, y + r), (x - r, y)], palette.PURPLE)


@lru_cache(maxsize=64)
def glyph(symbol: int, size: int) -> Sprite:
    """A symbol of the voice: 0 a disc, 1 a triangle, 2 a square, 3 a diamond."""
    return sprite(size, size, size, lambda p: _glyph(p, symbol, 0.5, 0.5, 0.36))


@lru_cache(maxsize=64)
def speech(symbol: int, size: int) -> Sprite:
    """A speech bubble with a symbol; its tail is at the lower left."""

    def paint(p: Pen) -> None:
        for grow, colour in ((0.0, INK), (0.035, WHITE)):
            p.polygon([(0.06 + grow * 1.2, 0.97 - grow * 2), (0.2, 0.6), (0.5, 0.7)], colour)
            p.ellipse(0.04 + grow, 0.02 + grow, 0.92 - 2 * grow, 0.78 - 2 * grow, colour)
        _glyph(p, symbol, 0.5, 0.41, 0.2)

    return sprite(size, size, size, paint)


@lru_cache(maxsize=64)
def badge(size: int) -> Sprite:
    """The red "!" that marks a belief as wrong."""

    def paint(p: Pen) -> None:
        p.circle(0.5, 0.5, 0.5, WHITE)
        p.circle(0.5, 0.5, 0.44, palette.FALSE)
        p.line([(0.5, 0.25), (0.5, 0.53)], WHITE, 0.13)
        p.circle(0.5, 0.74, 0.075, WHITE)

    return sprite(size, size, size, paint)


@lru_cache(maxsize=64)
def mark(right: bool, size: int) -> Sprite:
    """A green tick or a red cross."""

    def paint(p: Pen) -> None:
        if right:
            p.line([(0.14, 0.55), (0.4, 0.8), (0.86, 0.22)], palette.RIGHT, 0.17)
        else:
            p.line([(0.2, 0.2), (0.8, 0.8)], palette.FALSE, 0.17)
            p.line([(0.8, 0.2), (0.2, 0.8)], palette.FALSE, 0.17)

    return sprite(size, size, size, paint)
