"""Asking about a conversation: beliefs by chain, in the episode's own words, and what a question is
worth. Games build their probes from these, so that a belief is read in one way only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..questions import UNKNOWN, ChainReader
from ..random import below, draw
from . import engine, language
from .engine import GONE, HANDS, NOWHERE, OUTSIDE, WORLD
from .language import INDIVIDUAL, PLACE, ROOM, THING, VOCABULARY

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["UNKNOWN", "Reader", "program_of", "shuffled"]

_ORDERS = 2**50  # draws of a world's stream from here on are not its own


def shuffled(options: Sequence[str], key: int, number: int) -> tuple[str, ...]:
    """Options in an order of their own for each world, so that the right one has no place of its own.

    Args:
        options: of one question.
        key: of the world.
        number: of the question in its episode, below 2^20.
    """
    found = list(options)
    for k in range(len(found) - 1, 0, -1):
        bits = np.uint64(draw(np.uint64(key), np.uint64(_ORDERS + number * 64 + k)))
        j = int(below(bits, k + 1))
        found[k], found[j] = found[j], found[k]
    return tuple(found)


class Reader(ChainReader[int]):
    """Reads one conversation's minds in the words of its episode.

    Individuals are given by index, things and containers too; answers are words.

    Args:
        simulation: the batch.
        world: which conversation of it.

    Attributes:
        names: what the individuals are called in this episode.
        things, places: the words of its things and containers.
    """

    def __init__(self, simulation: Simulation, world: int = 0) -> None:
        self.simulation = simulation
        self.world = w = simulation.worlds[world]
        words = w["lexicon"]

        def some(slot: int, count: int) -> tuple[str, ...]:
            first = slot - language.SLOT
            return tuple(VOCABULARY[int(word)] for word in words[first : first + count])

        self.names = some(INDIVIDUAL, simulation.count)
        self.things = some(THING, int(w["things"]))
        self.places = some(PLACE, int(w["places"]))
        self.rooms = some(ROOM, int(w["rooms"]))

    def place_name(self, place: int) -> str:
        """A place in words: ``"box"``, ``"hands of Mia"``, ``"gone"``, or ``UNKNOWN``."""
        if place == NOWHERE:
            return UNKNOWN
        if place == GONE:
            return "gone"
        return f"hands of {self.names[place - HANDS]}" if place >= HANDS else self.places[place]

    def thing_name(self, thing: int) -> str:
        """A thing in words, or ``UNKNOWN``."""
        return UNKNOWN if thing == NOWHERE else self.things[thing]

    def sentence(self, packed: int, speaker: int) -> str:
        """What somebody says, packed (``engine.pack``), in English."""
        said = (packed & 255, packed >> 8 & 255, packed >> 16 & 255)
        words = self.world["lexicon"]
        bound = [int(words[part - language.SLOT]) if part >= language.SLOT else part for part in said]
        return language.sentence(bound, int(words[speaker]))

    def chain(self, *members: int) -> tuple[int, ...]:
        """A chain of individuals, adjacent repeats collapsed."""
        return tuple(a for k, a in enumerate(members) if not k or members[k - 1] != a)

    def _column(self, *members: int) -> int:
        chain = self.chain(*members)
        if len(chain) > self.simulation.order:
            raise ValueError(
                f"the chain {[self.names[a] for a in members]!r} has order {len(chain)}, but beliefs are "
                f"tracked to order {self.simulation.order}: make the environment with order={len(chain)}"
            )
        return int(self.simulation.chains.index(chain))

    def belief(self, thing: int, *members: int) -> str:
        """The place of a thing as a chain has it: ``belief(0, 1, 2)`` is where 1 believes that 2
        believes thing 0 to be; without members, where it is.

        Raises:
            ValueError: for a chain longer than the order that is tracked.
        """
        return self.place_name(int(self.world["belief"][thing, self._column(*members)]))

    def first_place(self, thing: int) -> str:
        """Where a thing was first."""
        return self.place_name(int(self.world["first"][thing]))

    def last_mentioned(self, thing: int) -> str:
        """Where a thing was last put or said to be."""
        return self.place_name(int(self.world["mentioned"][thing]))

    def contents(self, place: int, *members: int) -> str:
        """What a familiar container holds as a chain has it."""
        return self.thing_name(int(self.world["inside"][place, self._column(*members)]))

    def wanted(self, individual: int, *members: int) -> str:
        """What somebody wants as a chain has it."""
        return self.thing_name(int(self.world["wants"][individual, self._column(*members)]))

    def holds(self, who: Sequence[int]) -> str:
        """Names put together: ``"Mia believes that Tom believes that"``."""
        return " ".join(f"{self.names[a]} believes that" for a in who)


# --- The same conversation as a list of events -----------------------------------------------------------
def program_of(simulation: Simulation, world: int = 0) -> list[list[Any]]:
    """A conversation as events for :func:`mindsight.track`, which then has the same beliefs.

    Who perceived an event, and who takes whom to have perceived it, is stated in full from the rooms
    that people entered and left. The tracker has the audience trust claims, which it does here never: so
    compare what everybody else believes. Messages that change no belief are ``noise``, so that the numbers
    of events and messages agree. What is not of this story is left out: greetings, goods, whispers of
    the world that say nothing about wants.
    """
    reader = Reader(simulation, world)
    w, n = simulation.worlds[world], simulation.count
    observers = [a for a in range(n) if w["observers"] >> a & 1]
    rooms = [OUTSIDE] * n
    away: set[int] = set()
    hidden: set[int] = set()
    events: list[list[Any]] = []

    def stated(sees: set[int], taken: set[int], takers: set[int]) -> dict[str, Any]:
        pairs = {(a, b) for a in takers for b in taken} | {(o, b) for o in observers for b in sees}
        return {
            "sees": [reader.names[a] for a in sorted(sees | set(observers))],
            "takes": [[reader.names[a], reader.names[b]] for a, b in sorted(pairs)],
        }

    def those_in(room: int) -> set[int]:
        return {a for a in range(n) if room != OUTSIDE and rooms[a] == room}

    for k in range(int(w["length"])):
        sender = int(w["sender"][k])
        act, x, y, z = (int(symbol) for symbol in w["said"][k])
        noise = ["noise", language.VOCABULARY[act]]
        me = reader.names[sender] if sender < WORLD else ""
        here = those_in(rooms[sender]) if sender < WORLD else set()
        events.append(noise)
        if w["sort"][k] == engine.ECHO:
            continue
        if act == language.AWAY:
            away.add(x - INDIVIDUAL)
            continue
        if act == language.HIDE:
            hidden.add(x - INDIVIDUAL)
            continue
        if act == language.ENTER:
            rooms[sender] = x - ROOM
            here = those_in(rooms[sender])
            events[-1] = ["enter", me, reader.rooms[x - ROOM], stated(here, here, here)]
            continue
        if act == language.EXIT:
            events[-1] = ["exit", me, reader.rooms[x - ROOM]]
            rooms[sender] = OUTSIDE
            continue
        if act == language.CLAIM:
            event = ["claim", me, reader.things[x - THING], reader.places[y - PLACE]]
            unseen, absent = hidden - here, (away & here) - {sender}
            away, hidden = set(), set()
            events[-1] = [*event, stated((here | unseen) - absent, here, here | unseen)]
            continue
        if act == language.TELL:
            both = {sender, x - INDIVIDUAL}
            listener = reader.names[x - INDIVIDUAL]
            event = ["tell", me, listener, reader.things[y - THING], reader.places[z - PLACE]]
            events[-1] = [*event, stated(both, both, both)]
            continue
        if act in (language.LIKE, language.NEED):
            who = x - INDIVIDUAL
            if sender not in (WORLD, who):
                continue  # hearsay
            if sender == WORLD:
                heard = {a for a in range(n) if w["heard"][k] >> a & 1} - set(observers)
                here = heard
            wanted = reader.things[y - THING]
            events[-1] = ["want", reader.names[who], wanted, stated(here | {who}, here, here)]
            continue
        if act not in (
            language.MOVE, language.GIVE, language.TAKE, language.LOOK, language.PLACE_THING, language.FILL,
            language.HOLD, language.LABEL,
        ) or (w["goods"] and act in (language.GIVE, language.TAKE, language.HOLD)):  # fmt: skip
            continue
        if act == language.PLACE_THING:
            here = those_in(int(w["home"][y - PLACE]))
        elif act in (language.FILL, language.LABEL):
            here = those_in(int(w["home"][x - PLACE]))
        elif act == language.HOLD:
            here = those_in(rooms[x - INDIVIDUAL])
        unseen = hidden - here
        absent = (away & here) - {sender}
        if act not in (language.HOLD, language.LABEL):
            away, hidden = set(), set()
        else:
            unseen, absent = set(), set()
        who_sees = stated((here | unseen) - absent, here, here | unseen)
        if act == language.MOVE:
            event = ["move", me, reader.things[x - THING], reader.places[y - PLACE]]
        elif act in (language.GIVE, language.TAKE):
            taker = reader.names[x - INDIVIDUAL] if act == language.GIVE else me
            event = ["move", me, reader.things[y - THING], taker]
        elif act == language.PLACE_THING:
            event = ["place", reader.things[x - THING], reader.places[y - PLACE]]
            event.append(reader.rooms[int(w["home"][y - PLACE])])
        elif act == language.HOLD:
            event = ["place", reader.things[y - THING], reader.names[x - INDIVIDUAL]]
        elif act == language.LOOK:
            event = ["look", me, reader.places[x - PLACE]]
            if not w["containers"]:
                # all see that somebody looks, who does not look sees no inside: only the looker (and
                # the audience) perceives it
                who_sees = stated({sender}, {sender}, {sender})
        else:
            kind = reader.things[y - THING]
            event = ["fill", reader.places[x - PLACE], kind, reader.rooms[int(w["home"][x - PLACE])]]
            if act == language.LABEL:
                events[-1] = noise
                continue
            label = int(w["label"][x - PLACE])
            if label != NOWHERE:
                who_sees["label"] = reader.things[label]
        events[-1] = [*event, who_sees]
    return events
