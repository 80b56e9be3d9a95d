"""Names, places, what has happened: the same in English, and a whole world as plain text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from ..envs.conversation.questions import Reader
from ..envs.grid import engine
from ..envs.grid.layout import LEGEND
from ..envs.grid.vision import HEADINGS
from . import chat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..envs.simulation import Simulation

__all__ = ["ansi", "happened", "labelled", "name", "names", "place_name", "thing_name", "twin_numbers"]

_BODY = "^>v<"
_THINGS = ".omanycrt"  # signs of things on the floor, in the order of engine.THINGS
_SIGNS = {code: sign for sign, code in LEGEND.items()}
_CONTAINERS = {
    engine.BOX_CLOSED: "box",
    engine.BOX_OPEN: "box",
    engine.BASKET_CLOSED: "basket",
    engine.BASKET_OPEN: "basket",
    engine.GLASS_CLOSED: "glass case",
    engine.GLASS_OPEN: "glass case",
}


def names(simulation: Simulation, world: int = 0) -> list[str]:
    """What the individuals are called in pictures: Sally, Anne; Walker 1, Walker 2; in a conversation by the
    names that it has for them."""
    if simulation.game.family == "conversation":
        talk: Any = simulation
        return list(Reader(talk, world).names)
    roles = [name.rpartition("_")[0] for name in simulation.individuals]
    out = []
    for k, role in enumerate(roles):
        shown = role.replace("_", " ").capitalize()
        out.append(f"{shown} {roles[: k + 1].count(role)}" if roles.count(role) > 1 else shown)
    return out


def name(simulation: Simulation, a: int) -> str:
    """What individual ``a`` is called in pictures."""
    return names(simulation)[a]


def labelled(simulation: Simulation, world: int, said: str) -> str:
    """Words in which individuals are called what they are in pictures: ``partner_0`` is Partner 1 there."""
    shown = dict(zip(simulation.individuals, names(simulation, world), strict=True))
    return re.sub(r"\w+_\d+", lambda found: shown.get(found[0], found[0]), said)


def thing_name(simulation: Simulation, world: int, o: int) -> str:
    """What thing ``o`` is called: its kind, numbered where there are several of one kind."""
    record = simulation.worlds[world]
    kinds = record["kind"][: int(record["things"])].tolist()
    kind = int(record["kind"][o])
    word = engine.THINGS[kind] if kind else "thing"
    return f"{word} {kinds[: o + 1].count(kind)}" if kinds.count(kind) > 1 else word


def place_name(simulation: Simulation, world: int, place: int) -> str:
    """A place in words: ``"the box"``, ``"Anne's hand"``, ``"the floor (3, 4)"``, ``"nowhere"``."""
    if place == engine.NOWHERE:
        return "no idea"
    if place >= engine.GONE:
        return "gone"
    if place >= engine.HANDS:
        return f"{name(simulation, place - engine.HANDS)}'s hand"
    kinds = (simulation.worlds[world]["cells"] & 0xFF).tolist()
    container = _CONTAINERS.get(kinds[place])
    if container is None:
        return f"the floor ({place & 15}, {place >> 4})"
    number = twin_numbers(kinds).get(place)
    return f"{container} {number}" if number else f"the {container}"


def twin_numbers(kinds: Sequence[int]) -> dict[int, int]:
    """Numbers of the containers of which there are several, by cell, in reading order.

    Args:
        kinds: (256,) terrain codes.
    """
    cells: dict[str, list[int]] = {}
    for cell, kind in enumerate(kinds):
        if kind in _CONTAINERS:
            cells.setdefault(_CONTAINERS[kind], []).append(cell)
    return {cell: k + 1 for twins in cells.values() if len(twins) > 1 for k, cell in enumerate(twins)}


def happened(simulation: Simulation, world: int, before: Any) -> str:
    """What the last step changed, in a sentence each; empty if nothing worth saying.

    Args:
        before: the world's record as it was: ``simulation.worlds[world].copy()``.

    Moves and turns are not told: they are seen.
    """
    after = simulation.worlds[world]
    if simulation.game.family == "conversation":  # the talk is in the picture already
        return ""
    if int(after["step"]) != int(before["step"]) + 1:
        return ""
    people = names(simulation)
    said = []
    for o in range(int(after["things"])):
        old, new = int(before["thing"][o]), int(after["thing"][o])
        if old == new:
            continue
        what = f"the {thing_name(simulation, world, o)}"
        if new == engine.GONE:
            who = people[old - engine.HANDS] if engine.HANDS <= old < engine.GONE else ""
            said.append(f"{who} consumes {what}" if who else _sentence(f"{what} is gone"))
        elif new >= engine.HANDS and old >= engine.HANDS:
            giver, taker = people[old - engine.HANDS], people[new - engine.HANDS]
            said.append(f"{giver} gives {what} to {taker}")
        elif new >= engine.HANDS:
            where = place_name(simulation, world, old)
            out = "off" if "floor" in where else "out of"
            said.append(f"{people[new - engine.HANDS]} takes {what} {out} {where}")
        else:
            where = place_name(simulation, world, new)
            into = "on" if "floor" in where else "into"
            if engine.HANDS <= old < engine.GONE:
                said.append(f"{people[old - engine.HANDS]} puts {what} {into} {where}")
            else:
                said.append(_sentence(f"{what} moves to {where}"))
    changed = (before["cells"] & 0xFF) != (after["cells"] & 0xFF)
    for cell in np.flatnonzero(changed).tolist():
        new = int(after["cells"][cell]) & 0xFF
        if not engine.PROPERTIES[new] & engine.TOGGLES:
            continue
        what = "the door" if new not in _CONTAINERS else place_name(simulation, world, cell)
        change = "opens" if engine.PROPERTIES[new] & engine.IS_OPEN else "closes"
        said.append(_sentence(f"{what} {change}"))
    for a in range(simulation.count):
        if after["voice"][a]:
            said.append(f"{people[a]} says {'ABCD'[int(after['voice'][a]) - 1]}")
        if before["body"][a] != engine.OUT and after["body"][a] == engine.OUT:
            said.append(f"{people[a]} leaves the world")
    return ". ".join(said) + "." if said else ""


def _sentence(words: str) -> str:
    """With a capital; names within keep theirs."""
    return words[:1].upper() + words[1:]


def ansi(simulation: Simulation, world: int = 0) -> str:
    """A world as plain text: a conversation's messages; of a gridworld the map, then a line for each
    individual and each thing.

    The map has the signs of ``envs.grid.layout``; individuals are ``^ > v <``, by heading; things
    on the floor are small letters. The lines below the map say who and what they are.
    """
    if simulation.game.family == "conversation":
        talk: Any = simulation
        return chat.ansi(talk, world)
    record = simulation.worlds[world]
    width, height = int(record["width"]), int(record["height"])
    bodies = {
        int(record["place"][a]): _BODY[int(record["heading"][a])]
        for a in range(simulation.count)
        if record["body"][a] != engine.OUT
    }
    rows = []
    for y in range(height):
        row = ""
        for x in range(width):
            code = int(record["cells"][y << 4 | x])
            sign = _SIGNS.get(code & 0xFF, "?")
            if code >> 8 and sign == ".":
                sign = _THINGS[code >> 8]
            row += bodies.get(y << 4 | x, sign)
        rows.append(row)
    lines = [f"{simulation.game.name}  step {int(record['step'])} of {int(record['limit'])}", *rows]
    people = names(simulation)
    order = simulation.order
    for a, who in enumerate(people):
        if record["body"][a] == engine.OUT:
            lines.append(f"{who}: out of the world")
            continue
        place = int(record["place"][a])
        heading = int(record["heading"][a])
        line = (
            f"{who} ({_BODY[heading]}): at ({place & 15}, {place >> 4}), "
            f"facing {HEADINGS[heading]}, {engine.FACES[int(record['face'][a])]}"
        )
        if record["hand"][a]:
            line += f", holds the {thing_name(simulation, world, int(record['hand'][a]) - 1)}"
        if record["voice"][a]:
            line += f", says {'ABCD'[int(record['voice'][a]) - 1]}"
        lines.append(line)
    for o in range(int(record["things"])):
        if record["thing"][o] == engine.NOWHERE:
            continue
        line = (
            f"{thing_name(simulation, world, o)} ({_THINGS[int(record['kind'][o])]}): "
            f"{place_name(simulation, world, int(record['thing'][o]))}"
        )
        if order:
            for a, who in enumerate(people):
                if record["body"][a] == engine.PERSON:
                    believed = int(record["belief"][o, simulation.chains.index((a,))])
                    line += f"; {who} thinks: {place_name(simulation, world, believed)}"
        lines.append(line)
    return "\n".join(lines) + "\n"
