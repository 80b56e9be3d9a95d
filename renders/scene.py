"""The whole picture: the world, everybody's own view and thoughts beside it, what happens below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..envs.grid import engine
from . import chat, icons, palette, words
from .board import NOBODY, board, identity_of, lit, own_view, owners, tile
from .canvas import Canvas, Pen, Sprite, blank, box, fill, over, panel, sprite, stack, text, text_size, wrap
from .palette import BODIES, INK, WHITE, Colour, contrast, dark, light, mix

if TYPE_CHECKING:
    from ..envs.probes import Probe
    from ..envs.simulation import Simulation

__all__ = ["draw"]

GAP = 12  # between panels
PAD = 10  # within a panel
ROW = 26  # a line of thought
ICON = 22
SMALL, PLAIN, LARGE = 17, 20, 24  # sizes of text


def draw(
    simulation: Simulation,
    world: int = 0,
    *,
    views: bool = True,
    thoughts: int = 1,
    probe: Probe | None = None,
    answer: str | Sequence[float] | None = None,
    caption: str | None = None,
    scale: int | None = None,
) -> Canvas:
    """A picture of one world, (H, W, 3) uint8.

    On the left the world from above: each cell that somebody sees is lit in the colour of who sees
    it. Small tags show where somebody believes a thing to be; a tag with a red rim and a "!" is a
    belief that is wrong, and a dashed line joins it to who holds it. On the right each individual's
    own view and, in a cloud, what it believes. Below, what happens and what is asked.

    Args:
        simulation: the batch; it is read and never changed.
        world: which world of it.
        views: each individual's own view beside the world.
        thoughts: 0 none, 1 what each believes, 2 also what each believes that the others believe
            (as far as the simulation's ``order`` goes).
        probe: a question to show, with its exact answer.
        answer: what was answered to it: one of its options, or a probability for each of them.
        caption: a line about what happens; None leaves only the game and the step.
        scale: pixels a cell; where None, what makes the world about as high as the cards beside it
            (40 to 72), and 32 for a picture of the world alone.

    With ``views=False, thoughts=0`` and neither probe nor caption it is the world alone, without
    names, for ``rgb_array``: over a thousand frames a second.

    Raises:
        ValueError: for a world, thoughts, scale or answer that cannot be.
    """
    if not 0 <= world < simulation.num_envs:
        raise ValueError(f"world is {world}, expected 0 to {simulation.num_envs - 1}")
    if thoughts not in (0, 1, 2):
        raise ValueError(f"thoughts is {thoughts!r}, expected 0, 1 or 2")
    if scale is not None and not 8 <= scale <= 256:
        raise ValueError(f"scale is {scale!r}, expected 8 to 256 pixels a cell")
    if answer is not None and probe is None:
        raise ValueError(f"answer is {answer!r}, but there is no probe it could answer")
    plain = not views and not thoughts and probe is None and caption is None
    seen: Any = simulation  # of the one family or of the other
    if simulation.game.family == "conversation":
        left, cards = chat.panels(seen, world)
        return left if plain else _together(simulation, world, left, cards, caption, probe, answer)
    if plain:
        return board(seen, world, scale or 32)
    thoughts = min(thoughts, simulation.order)
    scene = _Scene(simulation, world, views, thoughts)
    panels = scene.cards() if views or thoughts else []
    if scale is None:
        stacked = sum(card.shape[0] + GAP for card in panels) - GAP
        scale = min(max(stacked // int(scene.record["height"]), 40), 72) if panels else 48
    left = scene.world_panel(scale)
    return _together(simulation, world, left, panels, caption, probe, answer)


def _together(
    simulation: Any,
    world: int,
    left: Canvas,
    panels: list[Canvas],
    caption: str | None,
    probe: Probe | None,
    answer: str | Sequence[float] | None,
) -> Canvas:
    """The world, the cards beside it, and what is asked below."""
    height = left.shape[0]
    columns: list[list[Canvas]] = [[]]
    # cards stand in one column where they fit (or nearly), in several where they do not
    tallest = max([height + 120, *(card.shape[0] for card in panels)])
    for card in panels:
        used = sum(c.shape[0] + GAP for c in columns[-1])
        if columns[-1] and used + card.shape[0] > tallest:
            columns.append([])
        columns[-1].append(card)
    if panels:
        height = max(height, *(sum(c.shape[0] + GAP for c in column) - GAP for column in columns))
    width = left.shape[1] + sum(GAP + column[0].shape[1] for column in columns if column)
    below = caption_panel(simulation, world, width, caption, probe, answer)
    canvas = blank(width + 2 * GAP, height + below.shape[0] + 3 * GAP, palette.PAGE)
    _put(canvas, left, GAP, GAP)
    x = GAP + left.shape[1] + GAP
    for column in columns:
        y = GAP
        for card in column:
            _put(canvas, card, x, y)
            y += card.shape[0] + GAP
        if column:
            x += column[0].shape[1] + GAP
    _put(canvas, below, GAP, height + 2 * GAP)
    return canvas


def _put(canvas: Canvas, picture: Canvas, x: int, y: int) -> None:
    canvas[y : y + picture.shape[0], x : x + picture.shape[1]] = picture


@lru_cache(maxsize=64)
def _cloud(width: int, height: int, inside: Colour, rim: Colour) -> Sprite:
    """A thought bubble: a cloud whose small bubbles come from the upper left."""
    left, puff = 14, 13.0  # where it begins, and the radius of what it is made of

    def paint(p: Pen) -> None:
        across = max(2, round((width - left - 2 * puff) / 21))
        down = max(1, round((height - 2 * puff) / 21))
        rim_x = [left + puff + (width - left - 2 * puff) * k / across for k in range(across + 1)]
        rim_y = [puff + (height - 2 * puff) * k / down for k in range(down + 1)]
        puffs = [(x, y) for x in rim_x for y in (rim_y[0], rim_y[-1])]
        puffs += [(x, y) for x in (rim_x[0], rim_x[-1]) for y in rim_y[1:-1]]
        for grow, colour in ((0.0, rim), (1.7, inside)):
            for x, y in puffs:
                p.circle(x, y, puff - grow, colour)
            p.circle(9, 18, 4.5 - grow, colour)
            p.circle(3, 10, 3 - grow * 0.7, colour)
        p.rect(left + puff, puff, width - left - 2 * puff, height - 2 * puff, inside)

    return sprite(width, height, 1, paint)


@lru_cache(maxsize=64)
def _rightward(colour: Colour) -> Sprite:
    """A small arrow to the right, 16 x 12."""

    def paint(p: Pen) -> None:
        p.line([(2, 6), (11, 6)], colour, 2)
        p.polygon([(9.5, 1.5), (15.5, 6), (9.5, 10.5)], colour)

    return sprite(16, 12, 1, paint)


@lru_cache(maxsize=512)
def _dashes(dx: int, dy: int, colour: Colour) -> Sprite:
    """A dashed line from one corner of its sprite to the opposite one, with a margin of 3
    pixels."""
    width, height = abs(dx) + 6, abs(dy) + 6
    x0, x1 = (3, 3 + dx) if dx >= 0 else (3 - dx, 3)
    y0, y1 = (3, 3 + dy) if dy >= 0 else (3 - dy, 3)
    length = max(float(np.hypot(dx, dy)), 1.0)

    def paint(p: Pen) -> None:
        for shade, thick in ((WHITE, 4.5), (colour, 2.5)):
            at = 0.0
            while at < length:
                end = min(at + 7, length)
                p.line(
                    [
                        (x0 + (x1 - x0) * at / length, y0 + (y1 - y0) * at / length),
                        (x0 + (x1 - x0) * end / length, y0 + (y1 - y0) * end / length),
                    ],
                    shade,
                    thick,
                )
                at += 12

    return sprite(width, height, 1, paint)


@lru_cache(maxsize=256)
def _disc(size: int, inside: Colour, rim: Colour) -> Sprite:
    def paint(p: Pen) -> None:
        p.circle(0.5, 0.5, 0.5, rim)
        p.circle(0.5, 0.5, 0.5 - 1.2 / size, inside)

    return sprite(size, size, size, paint)


@lru_cache(maxsize=256)
def _label(name: str, colour: Colour, size: int) -> Sprite:
    """A name on a plate of its owner's colour."""
    width, height = text_size(name, size)
    plate = panel(width + 10, height + 3, colour, dark(colour, 0.6), (height + 3) / 2, 1.2)
    out = plate.copy()
    letters = text(name, size, contrast(colour))
    stack(out, letters, 5, 2)
    return out


Box = tuple[float, float, float, float]  # left, top, right, bottom


def _box(x: float, y: float, width: float, height: float) -> Box:
    return (x, y, x + width, y + height)


def _common(one: Box, other: Box) -> float:
    """How many pixels two boxes have in common."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)


def _fit(words_: str, size: int, width: int) -> str:
    """A line cut to a width, with dots where something was cut off."""
    if text_size(words_, size)[0] <= width:
        return words_
    while words_ and text_size(words_ + "...", size)[0] > width:
        words_ = words_[:-1]
    return words_.rstrip() + "..."


class _Scene:
    """One picture in the making: a world's record read once, and the panels made from it."""

    def __init__(self, simulation: Any, world: int, views: bool, thoughts: int) -> None:
        self.simulation, self.world = simulation, world
        self.views, self.thoughts = views, thoughts
        self.record: Any = simulation.worlds[world]
        self.names = words.names(simulation)
        count = int(self.record["things"])
        # those that are still to come, too: a picture keeps its size through an episode
        self.things = [o for o in range(count) if self.record["kind"][o]]
        self.present = [a for a in range(simulation.count) if self.record["body"][a] != engine.OUT]
        self.minds = [a for a in range(simulation.count) if self.record["body"][a] == engine.PERSON]

    # --- reading
    def identity(self, a: int) -> int:
        """Whose colours individual ``a`` has."""
        return identity_of(self.record, a)

    def colour(self, a: int) -> Colour:
        return BODIES[self.identity(a)]

    def carried(self, a: int) -> int:
        """Kind of the thing in a's hand, 0 = empty."""
        hand = int(self.record["hand"][a])
        return int(self.record["kind"][hand - 1]) if hand else 0

    def believed(self, o: int, *chain: int) -> int:
        return int(self.record["belief"][o, self.simulation.chains.index(chain)])

    def wrong(self, o: int, *chain: int) -> bool:
        """Whether a belief is false: about the world, or about what the next in the chain believes.

        No belief is no false belief.
        """
        place = self.believed(o, *chain)
        truth = self.believed(o, *chain[1:]) if len(chain) > 1 else int(self.record["thing"][o])
        return place != engine.NOWHERE and place != truth

    # --- the world
    def world_panel(self, size: int) -> Canvas:
        """The world with outlines of the fields of view, beliefs and names; ``size`` pixels a
        cell."""
        canvas = board(self.simulation, self.world, size)
        for a in self.present:
            self._outline(canvas, a, size)
        taken = self._tags(canvas, size) if self.thoughts else []
        self._rulers(canvas, size)
        for cell, a in owners(self.simulation, self.record).items():
            whose = _label(self.names[a], self.colour(a), max(12, round(size * 0.24)))
            x = (cell & 15) * size + (size - whose.shape[1]) / 2
            over(canvas, whose, min(max(x, 0), canvas.shape[1] - whose.shape[1]), (cell >> 4) * size)
        places = {a: int(self.record["place"][a]) for a in self.present}
        faces = {a: _box(((p & 15) + 0.3) * size, ((p >> 4) + 0.3) * size, 0.4 * size, 0.4 * size)
                 for a, p in places.items()}  # fmt: skip
        for a, place in places.items():
            label = _label(self.names[a], self.colour(a), max(11, round(size * 0.36)))
            height, width = label.shape[:2]
            left, top = (place & 15) * size, (place >> 4) * size
            middle, level = left + (size - width) / 2, top + (size - height) / 2
            # below the figure; elsewhere where a tag, another's name or face is in the way
            sides = (
                (middle, top + size - height * 0.35),
                (middle, top - height * 0.65),
                (left + size * 0.9, level),
                (left + size * 0.1 - width, level),
            )
            spots = [
                _box(
                    min(max(x, 0), canvas.shape[1] - width), min(max(y, 0), canvas.shape[0] - height),
                    width, height,
                )
                for x, y in sides
            ]  # fmt: skip
            hidden = [*taken, *(face for other, face in faces.items() if other != a)]
            best = min(spots, key=lambda spot: sum(_common(spot, each) for each in hidden))
            taken.append(best)
            over(canvas, label, best[0], best[1])
        return canvas

    def _rulers(self, canvas: Canvas, size: int) -> None:
        """Coordinates on the outer wall, and numbers on containers that look the same."""
        letters = max(11, round(size * 0.28))
        for side, count in ((0, canvas.shape[1] // size), (1, canvas.shape[0] // size)):
            for k in range(1, count - 1):
                number = text(str(k), letters, light(palette.GREY, 0.35))
                along = k * size + (size - number.shape[side ^ 1]) / 2
                across = (size - number.shape[side]) / 2
                over(canvas, number, *((across, along) if side else (along, across)))
        kinds = (self.record["cells"] & 0xFF).tolist()
        for cell, k in words.twin_numbers(kinds).items():
            number = _label(str(k), WHITE, letters)
            x, y = ((cell & 15) + 1) * size, ((cell >> 4) + 1) * size
            over(canvas, number, x - number.shape[1] - 2, y - number.shape[0] - 2)

    def _outline(self, canvas: Canvas, a: int, size: int) -> None:
        """A line round the floor that ``a`` sees, in its colour; each individual's runs a little
        further in, so that they do not hide each other."""
        properties = engine.PROPERTIES[self.record["cells"] & 0xFF]
        solid = (properties & (engine.OPAQUE | engine.CONTAINER)) == engine.OPAQUE
        cells = {cell for cell in lit(self.simulation, self.record, a) if not solid[cell]}
        colour = np.array(dark(self.colour(a), 0.2), np.uint16)
        inset, thick = 2 + 3 * (a % 4), 2

        def rule(left: int, top: int, right: int, bottom: int) -> None:
            part = canvas[top:bottom, left:right]
            part[...] = (part * np.uint16(2) + colour * np.uint16(5)) // np.uint16(7)

        for cell in cells:
            x, y = (cell & 15) * size, (cell >> 4) * size
            north, east, south, west = (near in cells for near in (cell - 16, cell + 1, cell + 16, cell - 1))
            left, right = x + (0 if west else inset), x + size - (0 if east else inset)
            top, bottom = y + (0 if north else inset), y + size - (0 if south else inset)
            if not north:
                rule(left, top, right, top + thick)
            if not south:
                rule(left, bottom - thick, right, bottom)
            if not west:
                rule(left, top + thick * (not north), left + thick, bottom - thick * (not south))
            if not east:
                rule(right - thick, top + thick * (not north), right, bottom - thick * (not south))
            # an inner corner: both neighbours are seen, the cell between them is not
            for dx, dy in ((-1, -1), (1, -1), (-1, 1), (1, 1)):
                sideways, upright = (east if dx > 0 else west), (south if dy > 0 else north)
                if sideways and upright and cell + dx + 16 * dy not in cells:
                    ex = x + size - inset - thick if dx > 0 else x + inset
                    ey = y + size - inset - thick if dy > 0 else y + inset
                    rule(ex, ey if dy > 0 else y, ex + thick, y + size if dy > 0 else ey + thick)
                    rule(ex + thick if dx > 0 else x, ey, x + size if dx > 0 else ex, ey + thick)

    def _cell_of(self, place: int) -> int:
        """The cell where a place is to be drawn, or -1: hands are where their owner stands."""
        if place == engine.NOWHERE or place >= engine.GONE:
            return -1
        if place >= engine.HANDS:
            owner = place - engine.HANDS
            return int(self.record["place"][owner]) if owner in self.present else -1
        return place

    def _tags(self, canvas: Canvas, size: int) -> list[Box]:
        """Where somebody believes a thing to be: a tag at the place, with a dot for each
        believer. The boxes of the tags."""
        boxes: list[Box] = []
        tags: dict[int, list[tuple[int, list[int], bool]]] = {}
        for o in self.things:
            where: dict[int, list[int]] = {}
            for a in self.minds:
                where.setdefault(self.believed(o, a), []).append(a)
            for place, believers in where.items():
                cell = self._cell_of(place)
                if cell >= 0:
                    wrong = place != int(self.record["thing"][o])
                    tags.setdefault(cell, []).append((o, believers, wrong))
        # first all lines, then all tags, so that no line crosses a tag
        for cell, group in tags.items():
            for _, believers, wrong in group:
                for a in believers if wrong else ():
                    place = int(self.record["place"][a])
                    dx = ((cell & 15) - (place & 15)) * size
                    dy = ((cell >> 4) - (place >> 4)) * size
                    if not dx and not dy:
                        continue
                    # from the rim of the body to the middle of the cell
                    share = 0.36 * size / float(np.hypot(dx, dy))
                    x0 = round(((place & 15) + 0.5) * size + dx * share)
                    y0 = round(((place >> 4) + 0.5) * size + dy * share)
                    x1, y1 = round(((cell & 15) + 0.5) * size), round(((cell >> 4) + 0.5) * size)
                    line = _dashes(x1 - x0, y1 - y0, self.colour(a))
                    over(canvas, line, min(x0, x1) - 3, min(y0, y1) - 3)
        for cell, group in tags.items():
            y = float((cell >> 4) * size) - size * 0.06
            for o, believers, wrong in sorted(group, key=lambda tag: not tag[2]):
                tag = self._tag(o, believers, wrong, size)
                x = ((cell & 15) + 0.5) * size - tag.shape[1] / 2
                x = min(max(x, 0), canvas.shape[1] - tag.shape[1])
                over(canvas, tag, x, max(y, 0))
                boxes.append(_box(x, max(y, 0), tag.shape[1], tag.shape[0]))
                y += tag.shape[0] + 1
        return boxes

    def _tag(self, o: int, believers: list[int], wrong: bool, size: int) -> Sprite:
        icon, dot = max(9, round(size * 0.34)), max(5, round(size * 0.17))
        image = _believers(
            int(self.record["kind"][o]) if wrong else 0,
            tuple(self.colour(a) for a in believers),
            wrong,
            icon,
            dot,
        )
        return image

    # --- the cards
    def cards(self) -> list[Canvas]:
        """One card an individual: who it is, what it sees, what it believes."""
        return [self._card(a) for a in range(self.simulation.count)]

    def _card(self, a: int) -> Canvas:
        v = self.simulation.size
        cell = max(16, 154 // v)
        view = v * cell if self.views else 0
        cloud_width = 240 if self.thoughts == 1 else 308
        rows = len(self.things)
        others = [b for b in self.minds if b != a] if self.thoughts == 2 else []
        nest = len(self.things) * (ROW - 2) + 8
        cloud_height = rows * ROW + 20 + (self.simulation.count - 1) * (nest + 4) * (self.thoughts == 2)
        thinks = bool(self.thoughts and rows)
        head = 34
        body = max(view, cloud_height if thinks else 0)
        width = 2 * PAD + view + (cloud_width + (PAD if view else 0) if thinks else 0)
        width = max(width, 2 * PAD + 190)
        height = head + body + 2 * PAD
        colour = self.colour(a)
        canvas = blank(width, height, palette.PAGE)
        box(canvas, 0, 0, width, height, palette.CARD, mix(colour, WHITE, 0.25))
        out = a not in self.present
        face = icons.figure(self.identity(a), 2, int(self.record["face"][a]), 0, 32)
        over(canvas, face, PAD - 2, PAD - 4, 110 if out else 255)
        self._head(canvas, a, PAD + 36, PAD, width - PAD)
        if self.views:
            picture = own_view(self.simulation, self.world, a, cell)
            _put(canvas, picture, PAD, head + PAD)
            if out:
                note = text("has left the world", SMALL, palette.FAINT)
                over(
                    canvas,
                    note,
                    PAD + (view - note.shape[1]) / 2,
                    head + PAD + (view - note.shape[0]) / 2,
                )
        if thinks:
            x = PAD + view + (PAD if view else 0)
            if a in self.minds:
                self._thoughts(canvas, a, x, head + PAD, cloud_width, cloud_height, others, nest)
            elif not out:
                over(canvas, text("a thing: it has no mind", SMALL, palette.GREY), x, head + PAD + 6)
        return canvas

    def _head(self, canvas: Canvas, a: int, x: int, y: int, right: int) -> None:
        """Name, and what it holds, wants, says and hears."""
        over(canvas, text(self.names[a], LARGE), x, y + 2)
        x += text_size(self.names[a], LARGE)[0] + 12
        record = self.record

        def note(word: str, image: Sprite | None) -> None:
            nonlocal x
            width = text_size(word, SMALL)[0] + (20 if image is not None else 0)
            if x + width > right:
                return
            over(canvas, text(word, SMALL, palette.GREY), x, y + 6)
            x += text_size(word, SMALL)[0] + 4
            if image is not None:
                over(canvas, image, x, y + 1)
                x += image.shape[1] + 8

        if a not in self.present:
            return
        if record["body"][a] == engine.THING_ARROW:
            note("an arrow", None)
            return
        if self.carried(a):
            note("holds", icons.thing(self.carried(a), ICON - 2))
        if record["want"][a]:
            kind = int(record["kind"][int(record["want"][a]) - 1])
            if kind:
                note("wants", icons.thing(kind, ICON - 2))
        if record["voice"][a]:
            note("says", icons.glyph(int(record["voice"][a]) - 1, ICON - 4))
        heard = self.simulation.fields[self.world, a, engine.FIELD_HEARD :]
        for b in range(self.simulation.count):
            if heard[b]:
                note(f"hears {self.names[b]}", icons.glyph(int(heard[b]) - 1, ICON - 4))
        if record["face"][a]:
            note(f"is {engine.FACES[int(record['face'][a])]}", None)

    def _thoughts(
        self,
        canvas: Canvas,
        a: int,
        x: int,
        y: int,
        width: int,
        height: int,
        others: list[int],
        nest: int,
    ) -> None:
        """The cloud: thing, arrow, believed place; a red row where it is wrong."""
        colour = self.colour(a)
        over(canvas, _cloud(width, height, light(colour, 0.9), mix(colour, WHITE, 0.15)), x, y)
        top = y + 10
        for o in self.things:
            self._row(canvas, x + 26, top, width - 38, ROW, o, self.believed(o, a), self.wrong(o, a))
            top += ROW
        for b in others:
            shade = self.colour(b)
            box(
                canvas,
                x + 24,
                top + 2,
                width - 34,
                nest,
                light(shade, 0.88),
                mix(shade, WHITE, 0.25),
            )
            portrait = icons.figure(self.identity(b), 2, engine.NEUTRAL, 0, 28)
            over(canvas, portrait, x + 27, top + 2 + (nest - 28) / 2)
            over(canvas, _disc(5, WHITE, shade), x + 55, top + 4 + nest / 2 - 8)
            line = top + 6
            for o in self.things:
                self._row(
                    canvas,
                    x + 60,
                    line,
                    width - 76,
                    ROW - 2,
                    o,
                    self.believed(o, a, b),
                    self.wrong(o, a, b),
                )
                line += ROW - 2
            top += nest + 4

    def _row(
        self,
        canvas: Canvas,
        x: int,
        y: int,
        width: int,
        height: int,
        o: int,
        place: int,
        wrong: bool,
    ) -> None:
        if wrong:
            rim = panel(width, height - 1, (255, 228, 226), palette.FALSE, 6, 1.5)
            over(canvas, rim, x, y)
        middle = y + height // 2
        kind = int(self.record["kind"][o])
        over(canvas, icons.thing(kind, ICON - 2), x + 4, middle - ICON // 2 + 1)
        known = place != engine.NOWHERE
        over(canvas, _rightward(INK if known else palette.FAINT), x + 27, middle - 6)
        left = x + 47
        if known and place < engine.HANDS:
            code = int(self.record["cells"][place]) & 0xFF
            picture = tile(code, 0, -1, NOBODY, ICON - 2).copy()
            if code == engine.FLOOR:
                picture[0], picture[-1], picture[:, 0], picture[:, -1] = (palette.GREY,) * 4
            _put(canvas, picture, left, middle - ICON // 2 + 1)
            left += ICON + 2
        elif known and place < engine.GONE:
            owner = place - engine.HANDS
            hand = icons.figure(self.identity(owner), 1, engine.NEUTRAL, kind, ICON + 2)
            over(canvas, hand, left - 1, middle - ICON // 2 - 1)
            left += ICON + 4
        said = words.place_name(self.simulation, self.world, place)
        room = x + width - left - (20 if wrong else 4)
        shade = INK if known else palette.GREY
        said = _fit(said, SMALL, room)
        over(canvas, text(said, SMALL, shade), left, middle - text_size(said, SMALL)[1] / 2 + 1)
        if wrong:
            over(canvas, icons.badge(15), x + width - 19, middle - 8)


# --- below
def caption_panel(
    simulation: Any,
    world: int,
    width: int,
    caption: str | None,
    probe: Probe | None,
    answer: str | Sequence[float] | None,
) -> Canvas:
    """Game and step, what happens, and what is asked: as high as its words need."""
    inner = width - 2 * PAD
    record = simulation.worlds[world]
    title = f"{simulation.game.name}"
    unit = "turn" if simulation.game.family == "conversation" else "step"
    step = f"{unit} {int(record['step'])} of {int(record['limit'])}"
    lines = wrap(caption or "", PLAIN, inner)
    height = PAD + 26 + 22 * max(len(lines), 1 if caption is not None else 0) + PAD
    asked: list[str] = []
    if probe is not None:
        called = partial(words.labelled, simulation, world)
        asked = wrap(called(_question(probe)), PLAIN, inner)
        chips = _chips(probe, answer, called)
        rows = _flow(chips, inner)
        height += 10 + 22 * len(asked) + 4 + sum(row[0][0].shape[0] + 6 for row in rows)
    canvas = blank(width, height, palette.PAGE)
    box(canvas, 0, 0, width, height, palette.CARD, palette.FAINT)
    y = PAD
    over(canvas, text(title, LARGE), PAD, y)
    x = PAD + text_size(title, LARGE)[0] + 14
    over(canvas, text(step, PLAIN, palette.GREY), x, y + 2)
    if record["terminated"] or record["truncated"]:
        ended = "over" if record["terminated"] else "out of time"
        over(canvas, text(ended, PLAIN, palette.GREY), x + text_size(step, PLAIN)[0] + 14, y + 2)
    y += 26
    for line in lines:
        over(canvas, text(line, PLAIN), PAD, y)
        y += 22
    if not lines and caption is not None:
        y += 22
    if probe is not None:
        y += 4
        fill(canvas, PAD, y, width - 2 * PAD, 1, palette.FAINT)
        y += 6
        for line in asked:
            over(canvas, text(line, PLAIN, dark(palette.BLUE, 0.3)), PAD, y)
            y += 22
        y += 4
        for row in rows:
            for chip, left in row:
                over(canvas, chip, PAD + left, y)
            y += row[0][0].shape[0] + 6
    return canvas


@lru_cache(maxsize=1024)
def _believers(kind: int, colours: tuple[Colour, ...], wrong: bool, icon: int, dot: int) -> Sprite:
    """A tag: the thing (where it is not to be seen there anyway) and a dot for each believer."""
    gap = 2
    width = gap * 2 + (icon + gap if kind else 0) + len(colours) * (dot + 1) - 1
    height = max(icon if kind else 0, dot) + 2 * gap
    extra = round(icon * 0.62) if wrong else 0
    rim = palette.FALSE if wrong else palette.GREY
    canvas = np.zeros((height, width + extra, 4), np.uint8)
    plate = panel(width + extra, height, WHITE, rim, height / 2.6, 2 if wrong else 1)

    stack(canvas, plate, 0, 0)
    x = gap
    if kind:
        stack(canvas, icons.thing(kind, icon), x, gap)
        x += icon + gap
    for colour in colours:
        stack(canvas, _disc(dot, colour, dark(colour, 0.5)), x, (height - dot) // 2)
        x += dot + 1
    if wrong:
        mark = icons.badge(extra)
        stack(canvas, mark, x - 1, (height - extra) // 2)
    return canvas


def _question(probe: Probe) -> str:
    return f"{probe.asked} is asked: {probe.question or f'{probe.kind} of {probe.about}?'}"


def _chips(probe: Probe, answer: str | Sequence[float] | None, called: Callable[[str], str]) -> list[Sprite]:
    """One chip an option, in the words of the picture: the exact answer has a tick, a wrong answer given has
    a cross; how sure the answer was fills the chip from the left."""
    shares = [0.0] * len(probe.options)
    given = ""
    if isinstance(answer, str):
        if answer not in probe.options:
            raise ValueError(
                f"the answer {answer!r} is none of the probe's options: {', '.join(probe.options)}"
            )
        given = answer
        shares[probe.options.index(answer)] = 1.0
    elif answer is not None:
        shares = [float(share) for share in answer]
        if len(shares) != len(probe.options):
            raise ValueError(
                f"the answer has {len(shares)} probabilities, the probe has {len(probe.options)} options"
            )
        given = probe.options[int(np.argmax(shares))]
    return [
        _chip(
            called(option),
            0 if answer is None else round(100 * share),
            option == given,
            option == probe.answer,
            not isinstance(answer, str) and answer is not None,
        )
        for option, share in zip(probe.options, shares, strict=True)
    ]


@lru_cache(maxsize=512)
def _chip(option: str, percent: int, given: bool, exact: bool, percents: bool) -> Sprite:
    said = f"{option}  {percent} %" if percents else option
    note = "answered, exact" if given and exact else "answered" if given else "exact" if exact else ""
    marked = given or exact
    wide = text_size(said, PLAIN)[0]
    noted = text_size(note, SMALL)[0]
    width = wide + 20 + (22 if marked else 0) + (noted + 8 if note else 0)
    height = 28
    right = palette.RIGHT if exact else palette.FALSE if given else palette.FAINT
    inside = light(right, 0.9) if marked else WHITE
    out = panel(width, height, inside, right, 9, 2 if marked else 1.5).copy()

    if percents and percent:
        # a bar at the foot: how sure the answer was
        bar = max(2, round((width - 12) * percent / 100))
        stack(out, panel(bar, 4, palette.BLUE, palette.BLUE, 2, 1), 6, height - 7)
    x = 10
    if marked:
        stack(out, icons.mark(exact, 16), x - 2, 5)
        x += 20
    stack(out, text(said, PLAIN), x, 5)
    if note:
        stack(out, text(note, SMALL, dark(right, 0.2)), x + wide + 8, 7)
    return out


def _flow(chips: list[Sprite], width: int) -> list[list[tuple[Sprite, int]]]:
    """Chips in rows of at most ``width`` pixels, each with its left edge."""
    rows: list[list[tuple[Sprite, int]]] = [[]]
    x = 0
    for chip in chips:
        if rows[-1] and x + chip.shape[1] > width:
            rows.append([])
            x = 0
        rows[-1].append((chip, x))
        x += chip.shape[1] + 8
    return rows
