"""A conversation at a glance: who is where, what was said and who perceived it, who believes what."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..envs.conversation import language
from ..envs.conversation.engine import ECHO, NOWHERE, OUTSIDE, WORLD
from ..envs.conversation.questions import Reader
from . import icons, palette
from .canvas import Canvas, Pen, Sprite, blank, box, over, sprite, stack, text, text_size, wrap
from .palette import BODIES, INK, WHITE, Colour, contrast, light, mix

if TYPE_CHECKING:
    from ..envs.conversation.game import Simulation

__all__ = ["ansi", "panels"]

PAD = 10
SMALL, PLAIN, LARGE = 17, 20, 24  # sizes of text
TALK, CARD = 620, 330  # widths
LINE = 22
DOT = 17
_FACES = {language.HAPPY: 1, language.SAD: 2, language.SURPRISED: 3}
_MANY = 4  # thoughts of a card, goods in a stock: at most so many to a line


def ansi(simulation: Simulation, world: int = 0) -> str:
    """A conversation as text: what everybody is called, then each message with those who perceived it."""
    reader = Reader(simulation, world)
    w = simulation.worlds[world]
    called = zip(simulation.individuals, reader.names, strict=True)
    lines = [
        f"{simulation.game.name}  turn {int(w['step'])} of {int(w['limit'])}",
        ", ".join(f"{name} is {individual}" for individual, name in called),
    ]
    story = simulation.history(world, None)
    for message, heard in zip(story.messages, simulation.perceivers(world), strict=True):
        those = [name for name, there in zip(reader.names, heard, strict=True) if there]
        lines.append(f"{story.line(message)}  [{', '.join(those) or 'nobody'}]")
    return "\n".join(lines) + "\n"


@lru_cache(maxsize=256)
def _dot(letter: str, colour: Colour, full: bool, size: int = DOT) -> Sprite:
    """A disc with the first letter of a name; a ring for who did not perceive."""

    def paint(p: Pen) -> None:
        r = size / 2
        p.circle(r, r, r, colour if full else palette.FAINT)
        if not full:
            p.circle(r, r, r - 1.5, palette.CARD)

    disc = sprite(size, size, 1, paint)
    shade = contrast(colour) if full else palette.FAINT
    sign = text(letter, size - 1, shade)
    canvas = disc.copy()
    stack(canvas, sign, (size - sign.shape[1]) / 2, (size - sign.shape[0]) / 2 + 1)
    return canvas


def panels(simulation: Simulation, world: int, height: int = 0) -> tuple[Canvas, list[Canvas]]:
    """The talk, with rooms above it, and a card for each individual.

    Args:
        simulation: the batch; it is read and never changed.
        world: which conversation.
        height: of the talk in pixels; where 0, that of the cards in one column.
    """
    picture = _Chat(simulation, world)
    cards = [picture.card(a) for a in range(simulation.count)]
    stacked = sum(card.shape[0] + 12 for card in cards) - 12
    return picture.talk(max(height, min(stacked, 900), 420)), cards


class _Chat:
    """One picture in the making."""

    def __init__(self, simulation: Simulation, world: int) -> None:
        self.simulation, self.world = simulation, world
        self.reader = Reader(simulation, world)
        self.w: Any = simulation.worlds[world]
        self.names = self.reader.names

    def dots(self, canvas: Canvas, x: int, y: int, those: Sequence[bool]) -> None:
        for a, there in enumerate(those):
            over(canvas, _dot(self.names[a][0], BODIES[a], bool(there)), x + a * (DOT + 3), y)

    # --- where everybody is
    def rooms(self) -> list[tuple[str, str, list[int]]]:
        """Title, what is there, who is there: of each room, and of those outside."""
        w, reader = self.w, self.reader
        found = []
        for r, room in enumerate(reader.rooms):
            inside = []
            for p, place in enumerate(reader.places):
                if w["home"][p] == r:
                    things = [reader.things[t] for t in range(int(w["things"])) if w["place"][t] == p]
                    if w["holds"][p] != NOWHERE:
                        things.append(reader.things[int(w["holds"][p])])
                    inside.append(f"{place}: {', '.join(things) or 'empty'}")
            who = [a for a in range(self.simulation.count) if w["room"][a] == r]
            found.append((room, "; ".join(inside), who))
        outside = [a for a in range(self.simulation.count) if w["room"][a] == OUTSIDE]
        audience = [a for a in outside if w["observers"] >> a & 1]
        if audience:
            found.append(("audience", "perceives everything, unseen", audience))
        rest = [a for a in outside if a not in audience]
        found.append(("outside", "hears nothing", rest))
        return found

    # --- what was said
    def talk(self, height: int) -> Canvas:
        canvas = blank(TALK, height, palette.PAGE)
        box(canvas, 0, 0, TALK, height, palette.CARD, palette.FAINT)
        y = PAD
        for title, what, who in self.rooms():
            over(canvas, text(title, PLAIN), PAD, y)
            left = PAD + 92
            for a in who:
                over(canvas, _dot(self.names[a][0], BODIES[a], True), left, y)
                left += DOT + 3
            for line in wrap(what, SMALL, TALK - left - 2 * PAD)[:1]:
                over(canvas, text(line, SMALL, palette.GREY), left + 8, y + 2)
            y += LINE
        canvas[y + 3 : y + 4, PAD : TALK - PAD] = palette.FAINT
        y += PAD
        story = self.simulation.history(self.world, None)
        seen = self.simulation.perceivers(self.world)
        right = TALK - PAD - self.simulation.count * (DOT + 3)
        rows: list[tuple[list[str], int, Sequence[bool], bool]] = []
        left_over = height - y - PAD
        # the newest messages, as many as there is room for
        for k in range(len(story.messages) - 1, -1, -1):
            message = story.messages[k]
            lines = wrap(story.line(message), PLAIN, right - 3 * PAD - 6)
            if left_over < LINE * len(lines):
                break
            left_over -= LINE * len(lines)
            rows.append((lines, message.sender, seen[k], self.w["sort"][k] == ECHO))
        for k, (lines, sender, those, echo) in enumerate(reversed(rows)):
            colour = palette.GREY if sender == WORLD else BODIES[sender]
            newest = k == len(rows) - 1
            if newest:
                tint = light(colour, 0.86)
                canvas[y - 2 : y + LINE * len(lines) - 3, 6 : right - 6] = tint
            canvas[y : y + LINE * len(lines) - 6, PAD : PAD + 4] = colour
            self.dots(canvas, right, y - 1, those)
            for line in lines:
                over(canvas, text(line, PLAIN, palette.GREY if echo else INK), PAD + 12, y)
                y += LINE
        return canvas

    # --- minds
    def card(self, a: int) -> Canvas:
        """Who it is, what it shows, wants and has, what it believes."""
        lines = self._lines(a)
        height = 44 + LINE * max(len(lines), 1) + PAD
        colour = BODIES[a]
        canvas = blank(CARD, height, palette.PAGE)
        box(canvas, 0, 0, CARD, height, palette.CARD, mix(colour, WHITE, 0.25))
        over(canvas, icons.figure(a, 2, _FACES.get(int(self.w["mood"][a]), 0), 0, 32), PAD - 2, 6)
        over(canvas, text(self.names[a], LARGE), PAD + 36, PAD + 2)
        x = PAD + 46 + text_size(self.names[a], LARGE)[0]
        role = self.simulation.individuals[a].replace("_", " ")
        mood = language.VOCABULARY[int(self.w["mood"][a])]
        over(canvas, text(f"{role}{', ' + mood if mood else ''}", SMALL, palette.GREY), x, PAD + 6)
        if self.w["speaker"] == a and not (self.w["terminated"] or self.w["truncated"]):
            over(canvas, text("next", SMALL, colour), CARD - PAD - 30, PAD + 6)
        y = 44
        for line, wrong in lines:
            if wrong:
                canvas[y - 2 : y + LINE - 4, PAD - 2 : CARD - PAD + 2] = (255, 228, 226)
                over(canvas, icons.badge(15), CARD - PAD - 17, y)
            over(canvas, text(line, SMALL, palette.FALSE if wrong else INK), PAD + 2, y + 1)
            y += LINE
        return canvas

    def _lines(self, a: int) -> list[tuple[str, bool]]:
        w, reader, simulation = self.w, self.reader, self.simulation
        lines: list[tuple[str, bool]] = []
        wants = [
            f"{verb} {reader.things[int(w[field][a])]}"
            for verb, field in (("needs", "need"), ("likes", "like"))
            if w[field][a] != NOWHERE
        ]
        if wants:
            lines.append((", ".join(wants), False))
        if w["goods"]:
            has = [
                name if w["stock"][a, t] == 1 else f"{int(w['stock'][a, t])} × {name}"
                for t, name in enumerate(reader.things)
                if w["stock"][a, t]
            ]
            for k in range(0, max(len(has), 1), _MANY):
                lines.append((f"has {', '.join(has[k : k + _MANY]) or 'nothing'}", False))
        if simulation.order == 0:
            return lines
        for t, thing in enumerate(reader.things):
            if w["goods"] or w["first"][t] == NOWHERE:
                continue
            believed = reader.belief(t, a)
            wrong = believed not in ("unknown", reader.belief(t))
            lines.append((f"{thing}: {'no idea' if believed == 'unknown' else believed}", wrong))
            if simulation.order < 2:
                continue
            for b in range(simulation.count):
                thought = reader.belief(t, a, b) if b != a else believed
                # only what it takes somebody to believe otherwise than it does itself
                if thought not in (believed, "unknown"):
                    lines.append(
                        (f"   takes {self.names[b]} to think: {thought}", thought != reader.belief(t, b))
                    )
        for p, place in enumerate(reader.places):
            if w["label"][p] != NOWHERE or w["holds"][p] != NOWHERE:
                believed = reader.contents(p, a)
                if believed != "unknown":
                    lines.append((f"in the {place}: {believed}", believed != reader.contents(p)))
        for b in range(simulation.count):
            wanted = reader.wanted(b, a)
            if b != a and wanted != "unknown":
                lines.append((f"{self.names[b]} wants: {wanted}", wanted != reader.wanted(b)))
        return lines
