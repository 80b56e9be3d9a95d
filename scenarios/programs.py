"""One event program, played in the grid and told in conversation.

A program is a list of events as :func:`mindsight.track` takes them. Three engines then say who believes
what after each of its events, and share no line of code for it: the tracker reads the list
(:func:`tracked`), the gridworld has it acted out by bodies that walk, carry and look
(:func:`play_in_grid`), the conversation has it as messages (:func:`tell_in_conversation`). Where they
agree, an exam means the same in both worlds. ``docs/programs.md`` is the page for readers.

The stage of the grid. Two rooms, each with up to four closed containers along its far wall, and a
corridor that is "outside"::

    ###############
    #BBBB##BBBB####   containers
    #.....#.....###   who handles a container stands before it, ...
    #0123.#0123.###   ... and everybody has a place in this row, facing the containers
    #####+#####+###
    #...........###
    #...........###   who is in no room stands here, face to the wall
    ###############

What makes an event public there is geometry. Those in the row see each other (a window's bottom row
reaches to both sides), and every container over the free cells between. Who moves a thing goes up to
the container with the back to the others; while it is still open, they come back into the row: at that
step all who are present see the inside and see each other see it. Then it is closed. Those outside look
at a wall. Nothing else is ever in view, so walking about teaches nothing.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn

import numpy as np
import numpy.typing as npt

from ..envs import simulation as batches
from ..envs.conversation import engine as talk
from ..envs.conversation import game as conversation
from ..envs.conversation import language
from ..envs.conversation.questions import program_of
from ..envs.grid import engine, layout
from ..envs.grid import game as grid
from ..envs.grid.characters import BEFORE, ON, plan
from ..envs.minds import GONE, MAX_ORDER, Beliefs, Semantics, track
from ..envs.simulation import ANEW, GameOptions

__all__ = [
    "Minds",
    "Played",
    "as_played",
    "differences",
    "minds_of",
    "play_in_grid",
    "program_of",
    "random_program",
    "tell_in_conversation",
    "tracked",
]

Event = Sequence[Any]
#: (kind, chain, name) -> value. Kinds are "place" (of an object), "contents" (of a familiar container)
#: and "want" (of an individual); the chain () is reality; absent beliefs are left out.
Minds = dict[tuple[str, tuple[str, ...], str], str]

PLACE, CONTENTS, WANT = "place", "contents", "want"


@dataclass(frozen=True)
class Played:
    """A program that was played.

    Attributes:
        program: its events.
        simulation: the batch of one that it was played in, as it stands after the last event.
        minds: who believes what after 0, 1, ... all events.
        words: what each name of the program is called in the conversation's transcript; in the grid,
            the names themselves.
        steps: steps of the grid, or messages of the conversation, after 0, 1, ... all events.
    """

    program: tuple[Event, ...]
    simulation: Any
    minds: tuple[Minds, ...]
    words: Mapping[str, str]
    steps: tuple[int, ...]


def minds_of(beliefs: Beliefs, kinds: Iterable[str] = (PLACE,)) -> Minds:
    """The tracker's beliefs at one time, of all chains that were tracked, in the form of :data:`Minds`."""
    people = beliefs.individuals
    facts: dict[str, Any] = {PLACE: beliefs, CONTENTS: beliefs.contents, WANT: beliefs.wants}
    found: Minds = {}
    for length in range(beliefs.order + 1):
        for chain in itertools.product(people, repeat=length):
            if any(a == b for a, b in itertools.pairwise(chain)):
                continue
            for kind in kinds:
                held = facts[kind][chain]
                found |= {(kind, chain, name): value for name, value in held.items() if value is not None}
    return found


def tracked(
    program: Sequence[Event],
    order: int = 2,
    semantics: Semantics | None = None,
    kinds: Iterable[str] = (PLACE,),
) -> tuple[Minds, ...]:
    """Who believes what after 0, 1, ... all events, as the tracker has it.

    Args:
        program: events, as for :func:`mindsight.track`.
        order: the longest chains, 0 to 4.
        semantics: the switches; the defaults where None.
        kinds: which of ``"place"``, ``"contents"``, ``"want"``.

    Raises:
        ValueError: as :func:`mindsight.track`.
    """
    beliefs = track(program, order, semantics or Semantics())
    return tuple(minds_of(beliefs.at(k), tuple(kinds)) for k in range(len(program) + 1))


def differences(found: Minds, expected: Minds) -> list[str]:
    """Where two minds differ, a line each."""
    lines = []
    for key in sorted(found.keys() | expected.keys()):
        if found.get(key) != expected.get(key):
            kind, chain, name = key
            lines.append(f"{kind} of {name} for {chain}: {found.get(key)!r}, expected {expected.get(key)!r}")
    return lines


# --- Reading a program ----------------------------------------------------------------------------------
@dataclass
class _Script:
    """A program's names, each in the order of first mention, and where its containers come to stand."""

    program: tuple[Event, ...]
    individuals: tuple[str, ...]
    objects: tuple[str, ...]
    rooms: list[str] = field(default_factory=list)
    containers: list[str] = field(default_factory=list)
    stuff: list[str] = field(default_factory=list)  # contents, labels, wanted things that are no objects
    home: dict[str, str] = field(default_factory=dict)  # container -> room
    settled: dict[int, list[str]] = field(default_factory=dict)  # event -> containers it first mentions

    def bad(self, k: int, message: str) -> NoReturn:
        raise ValueError(f"event {k} {json.dumps(self.program[k], ensure_ascii=False)}: {message}")


def _who(part: Any) -> list[str]:
    """``individual`` or ``individuals`` of an event, as a list."""
    return [part] if isinstance(part, str) else list(part)


def _parts(event: Event) -> tuple[list[Any], dict[str, Any]]:
    """An event's arguments and its options."""
    parts = list(event[1:])
    return parts, parts.pop() if parts and isinstance(parts[-1], dict) else {}


def _read(program: Iterable[Event], semantics: Semantics) -> _Script:
    """Names and rooms of a program that the tracker accepts."""
    events = tuple(program)
    beliefs = track(events, 0, semantics)  # raises ValueError for what is no possible story
    script = _Script(events, beliefs.individuals, beliefs.objects)

    def mention(names: list[str], *some: str) -> None:
        names += [name for name in dict.fromkeys(some) if name not in names]

    for event in events:
        if event[0] in ("enter", "exit"):
            mention(script.rooms, event[2])
        elif event[0] in ("place", "fill"):
            mention(script.rooms, *_parts(event)[0][2:])
    where: dict[str, str] = {}
    for k, event in enumerate(events):
        kind, (parts, options) = event[0], _parts(event)
        place, room = "", None
        if kind in ("enter", "exit"):
            for name in _who(parts[0]):
                where[name] = parts[1]
                if kind == "exit":
                    del where[name]
        elif kind in ("place", "move", "claim", "tell"):
            place = parts[-1] if kind != "place" else parts[1]
            room = where.get(parts[0]) if kind == "move" else None
            if kind == "place":
                room = parts[2] if len(parts) > 2 else None
        elif kind in ("look", "open", "close"):
            place, room = parts[1], where.get(_who(parts[0])[0])
        elif kind == "fill":
            place, room = parts[0], parts[2] if len(parts) > 2 else None
            mention(script.stuff, parts[1], *([options["label"]] if "label" in options else []))
        elif kind == "want" and parts[1] not in script.objects:
            mention(script.stuff, parts[1])
        if not place or place == GONE or place in script.individuals or place in script.rooms:
            continue
        mention(script.containers, place)
        if kind in ("place", "fill") and room is None and len(script.rooms) == 1:
            room = script.rooms[0]
        if room is not None and kind not in ("claim", "tell") and place not in script.home:
            script.home[place] = room
            script.settled.setdefault(k, []).append(place)
    script.stuff = [name for name in script.stuff if name not in script.objects]
    return script


def _expect_room(script: _Script, world: str, room: Mapping[str, int]) -> None:
    """At most so many of each kind of name can be played."""
    for kind, most in room.items():
        names = getattr(script, kind)
        if len(names) > most:
            raise ValueError(
                f"the program has {len(names)} {kind} ({', '.join(names)}), but {world} has room for {most}"
            )


def _chains(simulation: Any, script: _Script) -> list[tuple[int, tuple[str, ...]]]:
    """Number and names of each chain of the program's individuals (a world has one at least)."""
    table, people = simulation.chains, script.individuals
    return [
        (c, tuple(people[int(a)] for a in members[:length]))
        for c, (members, length) in enumerate(zip(table.members, table.length, strict=True))
        if all(a < len(people) for a in members[:length])
    ]


# --- In the grid ------------------------------------------------------------------------------------------
_STAGE = layout.parse(
    """
    ###############
    #1234##5678####
    #.....#.....###
    #acde.#fhij.###
    #####+#####+###
    #...........###
    #lmno.......###
    ###############
    """,
    connected=False,
)
_PEOPLE, _THINGS, _ROOMS, _CONTAINERS = 4, 4, 2, 4  # the last: in each room
_CONTAINER_CELLS = [[int(place) for place in _STAGE.places(*some)] for some in ("1234", "5678")]
_PLACES_IN = [[int(place) for place in _STAGE.places(*some)] for some in ("acde", "fhij")]
_PLACES_OUTSIDE = [int(place) for place in _STAGE.places(*"lmno")]
_NORTH, _SOUTH = 0, 2
_WINDOW = 7  # the least that shows the whole row from both its ends


@dataclass(frozen=True)
class StageOptions(GameOptions):
    """How many of what there are on the stage of :func:`play_in_grid`."""

    limit: int = 30_000
    individuals: int = 2
    things: int = 1
    left: int = 2  # containers in the first room
    right: int = 0
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {
        "limit": (1, 30_000),
        "individuals": (1, _PEOPLE),
        "things": (1, _THINGS),
        "left": (0, _CONTAINERS),
        "right": (0, _CONTAINERS),
    }


def _encode_stage(options: StageOptions) -> npt.NDArray[np.int64]:
    return np.array([options.limit, options.individuals, options.things, options.left, options.right])


def _deal_stage(worlds: Any, numbers: Any, todo: Any, lo: int, hi: int) -> None:
    """The stage with everybody outside; things are nowhere until a program places them."""
    limit, individuals, things = (int(number) for number in numbers[:3])
    for i in range(lo, hi):
        if todo[i] != ANEW:
            continue
        w = worlds[i]
        engine.clear(w, _STAGE.width, _STAGE.height, individuals, things, limit)
        layout.build(w, _STAGE.terrain, _STAGE.width, _STAGE.height, 0)
        for cells, count in zip(_CONTAINER_CELLS, numbers[3:5], strict=True):
            for k, cell in enumerate(cells):
                closed = engine.BOX_CLOSED if k % 2 == 0 else engine.BASKET_CLOSED
                engine.set_terrain(w, cell, closed if k < count else engine.WALL)
        engine.label_rooms(w)
        for a in range(individuals):
            w["place"][a] = _PLACES_OUTSIDE[a]
            w["heading"][a] = _SOUTH
        for o in range(things):
            w["kind"][o] = 1 + o


def _nothing_follows(*_: Any) -> None:
    """A program has no rewards, no end and no characters: whoever plays it decides for everybody."""


_GRID_GAME = grid.Game(
    name="program",
    stage="4b",
    title="an event program, played",
    roles=("individual",) * _PEOPLE,
    learner="individual",
    things=("thing",) * _THINGS,
    options=StageOptions,
    encode=_encode_stage,
    count=lambda options: options.individuals,
    deal=_deal_stage,
    play=_nothing_follows,
    script=_nothing_follows,
    probes=lambda simulation, world: [],
    documentation=__doc__,
    modes=batches.MODES[:1],
)


class _Stage:
    """Acts out a program, one individual at a time, by the engine's steps."""

    def __init__(self, script: _Script, order: int) -> None:
        self.script = script
        homes = [
            [name for name in script.containers if script.home.get(name) == room] for room in script.rooms
        ]
        for room, names in zip(script.rooms, homes, strict=True):
            if len(names) > _CONTAINERS:
                raise ValueError(
                    f"the {room} has {len(names)} containers ({', '.join(names)}), but a room of the "
                    f"stage has place for {_CONTAINERS}"
                )
        self.cell = {
            name: cell
            for names, cells in zip(homes, _CONTAINER_CELLS, strict=False)
            for name, cell in zip(names, cells, strict=False)
        }
        self.container = {cell: name for name, cell in self.cell.items()}
        counts = [len(names) for names in homes] + [0, 0]
        options = {
            "individuals": max(len(script.individuals), 1),
            "things": max(len(script.objects), 1),
            "left": counts[0],
            "right": counts[1],
        }
        self.simulation = _GRID_GAME.simulation(1, options, window=_WINDOW, order=order)
        self.simulation.reset(0)
        self.world = self.simulation.worlds[0]
        self.actions = np.zeros((1, self.simulation.count), np.int64)
        self.room: dict[str, str] = {}
        self.chains = _chains(self.simulation, script)

    # What bodies do.

    def _act(self, a: int, action: int) -> None:
        """One step in which only a does something."""
        self.actions[:] = engine.WAIT
        self.actions[0, a] = action
        self.simulation.step(self.actions)

    def _go(self, a: int, goal: int, manner: int, heading: int) -> None:
        """Walk until a stands on a cell, or before it, and looks that way."""
        world = self.world
        for _ in range(200):
            action = int(plan(world, a, goal, manner))
            if action == engine.WAIT:
                break
            self._act(a, action)
        there = int(world["place"][a]) if manner == ON else int(engine.front(world, a))
        if there != goal:
            raise RuntimeError(
                f"{self.script.individuals[a]} found no way to cell {goal} from {world['place'][a]}"
            )
        while int(world["heading"][a]) != heading:
            turn = (heading - int(world["heading"][a])) & 3
            self._act(a, engine.TURN_LEFT if turn == 3 else engine.TURN_RIGHT)

    def _return(self, a: int) -> None:
        """Back to a's own place: in the row of its room, or outside."""
        room = self.room.get(self.script.individuals[a])
        if room is None:
            self._go(a, _PLACES_OUTSIDE[a], ON, _SOUTH)
        else:
            self._go(a, _PLACES_IN[self.script.rooms.index(room)][a], ON, _NORTH)

    def _handle(self, a: int, container: int, *actions: int) -> None:
        """Go up to a container and do something there."""
        self._go(a, container, BEFORE, _NORTH)
        for action in actions:
            self._act(a, action)

    # The events.

    def enter(self, who: Sequence[str], room: str) -> None:
        for name in who:
            self.room[name] = room
            self._return(self.script.individuals.index(name))

    def exit(self, who: Sequence[str]) -> None:
        for name in who:
            del self.room[name]
            self._return(self.script.individuals.index(name))

    def place(self, k: int, thing: str, place: str) -> None:
        """Nobody does it: the stage opens the container, the thing is in it, the stage closes it."""
        o, cell = self._free(k, thing, place)
        terrain = int(engine.terrain_at(self.world, cell))
        engine.set_terrain(self.world, cell, terrain + 1)
        engine.put_thing(self.world, o, cell)
        self._act(0, engine.WAIT)
        engine.set_terrain(self.world, cell, terrain)
        self._act(0, engine.WAIT)

    def move(self, k: int, name: str, thing: str, place: str) -> None:
        """Open, all look, take, close, go over, open, put, all look, close."""
        a = self.script.individuals.index(name)
        o, cell = self._free(k, thing, place)
        source = int(self.world["thing"][o])
        self._handle(a, source, engine.TOGGLE)
        self._return(a)
        self._handle(a, source, engine.PICK_UP, engine.TOGGLE)
        self._handle(a, cell, engine.TOGGLE, engine.PUT_DOWN)
        self._return(a)
        self._handle(a, cell, engine.TOGGLE)
        self._return(a)

    def _free(self, k: int, thing: str, place: str) -> tuple[int, int]:
        """A thing's number and the cell of a container, where nothing else may be."""
        if place not in self.cell:
            self.script.bad(
                k, f"expected a container as place, not {place!r}: what is in the open or in hands is in view"
            )
        o, cell = self.script.objects.index(thing), self.cell[place]
        inside = int(engine.thing_at(self.world, cell))
        if inside not in (-1, o):
            self.script.bad(
                k, f"{place!r} holds {self.script.objects[inside]!r}: in the grid a place holds one thing"
            )
        return o, cell

    def minds(self) -> Minds:
        """Who believes what now."""
        found: Minds = {}
        beliefs = self.world["belief"]
        for o, thing in enumerate(self.script.objects):
            for c, chain in self.chains:
                place = int(beliefs[o, c])
                if place >= engine.HANDS:
                    found[PLACE, chain, thing] = self.script.individuals[place - engine.HANDS]
                elif place != engine.NOWHERE:
                    found[PLACE, chain, thing] = self.container[place]
        return found


def play_in_grid(program: Iterable[Event], order: int = 2) -> Played:
    """Play a program of public events in the grid, action by action.

    Everybody begins outside. Who enters walks in through the door and takes a place in the row; who
    moves a thing opens its container, takes it, closes, opens the other one, puts it down, and closes.
    A ``place`` is done by nobody, so the stage does it, before the eyes of those present.

    Who looks on sees the inside of each container that is opened, also what is *not* there (rule 6 of
    ``minds.md``); the tracker's ``move`` shows the moved thing alone. :func:`as_played` is the program
    with these looks written out, and the two agree on any program; where nobody present believes
    another thing to be in a container that is opened, as in those of :func:`random_program`, they
    change nothing.

    Args:
        program: ``enter``, ``exit``, ``place``, ``move`` (into containers) and ``noise`` events, without
            options; at most 4 individuals, 4 objects, 2 rooms and 4 containers a room.
        order: the longest chains, 0 to 4.

    Raises:
        ValueError: for an event that cannot be played there, naming it.
    """
    script = _read(program, Semantics())
    _expect_room(script, "the stage", {"individuals": _PEOPLE, "objects": _THINGS, "rooms": _ROOMS})
    for k, event in enumerate(script.program):
        if event[0] not in ("enter", "exit", "place", "move", "noise"):
            script.bad(k, "expected 'enter', 'exit', 'place', 'move' or 'noise' in the grid")
        if event[0] != "noise" and _parts(event)[1]:
            script.bad(k, "expected no options in the grid: sight decides who perceives it")
    stage = _Stage(script, order)
    minds, steps = [stage.minds()], [0]
    for k, event in enumerate(script.program):
        kind, parts = event[0], _parts(event)[0]
        if kind == "enter":
            stage.enter(_who(parts[0]), parts[1])
        elif kind == "exit":
            stage.exit(_who(parts[0]))
        elif kind == "place":
            stage.place(k, parts[0], parts[1])
        elif kind == "move":
            stage.move(k, *parts)
        minds.append(stage.minds())
        steps.append(int(stage.world["step"]))
    names = [*script.individuals, *script.objects, *script.rooms, *script.containers]
    return Played(
        script.program, stage.simulation, tuple(minds), {name: name for name in names}, tuple(steps)
    )


def as_played(program: Iterable[Event]) -> list[list[Any]]:
    """A program of public events with what the grid adds to it: who is present looks into every
    container that a ``place`` or ``move`` opens.

    Args:
        program: as for :func:`play_in_grid`.
    """
    script = _read(program, Semantics())
    where: dict[str, str] = {}
    lies: dict[str, str] = {}
    events: list[list[Any]] = []
    for event in script.program:
        kind, parts = event[0], _parts(event)[0]
        if kind in ("enter", "exit"):
            for name in _who(parts[0]):
                where.pop(name, None)
                if kind == "enter":
                    where[name] = parts[1]
        elif kind in ("place", "move"):
            thing, place = parts[:2] if kind == "place" else parts[1:]
            opened = [place] if kind == "place" else [lies[thing], place]
            present = [name for name, room in where.items() if room == script.home[place]]
            if present:
                events += [["look", present, container] for container in opened]
            lies[thing] = place
        events.append(list(event))
    return events


# --- In conversation --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class TellingOptions(GameOptions):
    """How many of what there are in a program that is told, and the switches of its semantics."""

    limit: int = 255
    individuals: int = 2
    things: int = 1
    places: int = 1
    rooms: int = 1
    trust: str = "always"
    claims: str = "common_knowledge"
    containers: str = "closed"
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {
        "individuals": (1, talk.INDIVIDUALS),
        "things": (0, talk.THINGS),
        "places": (0, talk.PLACES),
        "rooms": (0, talk.ROOMS),
    }
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {
        "trust": talk.TRUST,
        "claims": talk.CLAIMS,
        "containers": talk.CONTAINERS,
    }


def _encode_telling(options: TellingOptions) -> npt.NDArray[np.int64]:
    return np.array(
        [
            options.limit,
            options.individuals,
            options.things,
            options.places,
            options.rooms,
            talk.TRUST.index(options.trust),
            talk.CLAIMS.index(options.claims),
            talk.CONTAINERS.index(options.containers),
        ]
    )


def _deal_telling(worlds: Any, chains: Any, numbers: Any, todo: Any, lo: int, hi: int) -> None:
    """Nobody is anywhere and nothing has been said; containers stand nowhere until a program says so."""
    limit, individuals, things, places, rooms, trust, claims, containers = (int(n) for n in numbers[:8])
    for i in range(lo, hi):
        if todo[i] == ANEW:
            w = worlds[i]
            talk.clear(w, individuals, things, places, rooms, limit)
            talk.deal_words(w, 0)
            w["home"] = talk.OUTSIDE
            w["trust"], w["claims"], w["containers"] = trust, claims, containers


def _permit_nothing(worlds: Any, numbers: Any, menu: Any, masks: Any, lo: int, hi: int) -> None:
    """All is said by whoever tells the program."""
    masks[lo:hi] = 0
    masks[lo:hi, :, 0] = 1


_CONVERSATION_GAME = conversation.Game(
    name="program",
    stage="4b",
    title="an event program, told",
    roles=("individual",) * talk.INDIVIDUALS,
    learner="individual",
    options=TellingOptions,
    encode=_encode_telling,
    count=lambda options: options.individuals,
    deal=_deal_telling,
    play=_nothing_follows,
    script=_nothing_follows,
    probes=lambda simulation, world: [],
    documentation=__doc__,
    modes=batches.MODES[:1],
    menu=lambda options: [(language.NOTHING,)],
    permit=_permit_nothing,
    judge=_nothing_follows,
)


class _Telling:
    """Tells a program, message by message."""

    def __init__(self, script: _Script, order: int, semantics: Semantics) -> None:
        self.script = script
        self.things = [*script.objects, *script.stuff]
        options = {
            "individuals": max(len(script.individuals), 1),
            "things": len(self.things),
            "places": len(script.containers),
            "rooms": len(script.rooms),
            "trust": semantics.trust,
            "claims": semantics.claims,
            "containers": semantics.containers,
        }
        self.simulation = _CONVERSATION_GAME.simulation(1, options, order=order)
        self.simulation.reset(0)
        self.world = self.simulation.worlds[0]
        self.table = talk.chain_columns(self.simulation.chains)
        self.chains = _chains(self.simulation, script)
        self.words: dict[str, str] = {}
        for slot, sort, names in (
            (language.INDIVIDUAL, "I", script.individuals),
            (language.THING, "T", self.things),
            (language.PLACE, "P", script.containers),
            (language.ROOM, "R", script.rooms),
        ):
            self._bind(slot, sort, names)

    def _bind(self, slot: int, sort: str, names: Sequence[str]) -> None:
        """Names that the language has are called so; the others get words that are free."""
        first, count = language.POOLS[sort]
        pool = language.VOCABULARY[first : first + count]
        free = (word for word in pool if word not in names)
        for k, name in enumerate(names):
            self.words[name] = name if name in pool else next(free)
            self.world["lexicon"][slot - language.SLOT + k] = first + pool.index(self.words[name])

    # Numbers of names.

    def _a(self, name: str) -> int:
        return self.script.individuals.index(name)

    def _individual(self, name: str) -> int:
        return language.INDIVIDUAL + self._a(name)

    def _thing(self, name: str) -> int:
        return language.THING + self.things.index(name)

    def _container(self, k: int, name: str) -> int:
        if name not in self.script.containers:
            self.script.bad(k, f"expected a container as place, not {name!r}: the language has no other")
        return language.PLACE + self.script.containers.index(name)

    def _here(self, room: int) -> set[str]:
        """Who is in a room."""
        return {
            name
            for a, name in enumerate(self.script.individuals)
            if room != talk.OUTSIDE and self.world["room"][a] == room
        }

    # Saying it.

    def _say(self, k: int, sender: int, act: int, x: int = 0, y: int = 0, z: int = 0) -> None:
        before = int(self.world["length"])
        talk.say(self.world, self.table, sender, act, x, y, z)
        if before == int(self.world["length"]) or self.world["length"] == talk.CAPACITY:
            self.script.bad(k, f"the program is too long: a conversation has {talk.CAPACITY} messages")

    def _announce(self, k: int, room: int, options: Mapping[str, Sequence[str]], doer: str = "") -> None:
        """Who will not notice the next event, and who will watch it unseen."""
        here = self._here(room)
        hidden, inattentive = set(options.get("hidden", ())), set(options.get("inattentive", ()))
        if hidden & here:
            self.script.bad(k, f"{min(hidden & here)} is in the room: expected hidden onlookers outside")
        for name in sorted(inattentive & here - {doer}, key=self._a):
            self._say(k, talk.WORLD, language.AWAY, self._individual(name))
        for name in sorted(hidden - inattentive, key=self._a):
            self._say(k, talk.WORLD, language.HIDE, self._individual(name))

    def tell(self, k: int) -> None:
        """Event k of the program."""
        kind = self.script.program[k][0]
        if kind == "noise":
            return
        parts, given = _parts(self.script.program[k])
        options = {option: names for option, names in given.items() if option != "label"}
        for name in self.script.settled.get(k, ()):
            home = self.script.rooms.index(self.script.home[name])
            self.world["home"][self.script.containers.index(name)] = home
        if "sees" in options or "takes" in options:
            self.script.bad(k, "expected no 'sees' and 'takes': in a conversation presence decides")
        if kind not in ("place", "move", "look", "fill") and (
            options.get("hidden") or options.get("inattentive")
        ):
            self.script.bad(k, f"expected no options: the language has them for deeds, not for {kind!r}")
        if kind == "fill":
            self._tell_fill(k, parts, options, given.get("label"))
        elif kind in ("open", "close"):
            self.script.bad(k, "expected 'look': the language cannot say that something stands open")
        else:
            getattr(self, f"_tell_{kind}")(k, parts, options)

    def _tell_enter(self, k: int, parts: Sequence[Any], options: Mapping[str, Any]) -> None:
        room = language.ROOM + self.script.rooms.index(parts[1])
        for name in _who(parts[0]):
            self._say(k, self._a(name), language.ENTER, room)

    def _tell_exit(self, k: int, parts: Sequence[Any], options: Mapping[str, Any]) -> None:
        room = language.ROOM + self.script.rooms.index(parts[1])
        for name in _who(parts[0]):
            self._say(k, self._a(name), language.EXIT, room)

    def _tell_place(self, k: int, parts: Sequence[Any], options: Mapping[str, Any]) -> None:
        thing, place = parts[:2]
        if place in self.script.individuals:
            if any(options.values()):
                self.script.bad(k, "expected no options where a thing is placed in somebody's hands")
            self._say(k, talk.WORLD, language.HOLD, self._individual(place), self._thing(thing))
            return
        target = self._container(k, place)
        self._announce(k, int(self.world["home"][target - language.PLACE]), options)
        self._say(k, talk.WORLD, language.PLACE_THING, self._thing(thing), target)

    def _tell_move(self, k: int, parts: Sequence[Any], options: Mapping[str, Any]) -> None:
        name, thing, place = parts
        a, t = self._a(name), self._thing(thing)
        holder = int(self.world["place"][t - language.THING]) - talk.HANDS
        act, x, y = language.MOVE, t, 0
        if place not in self.script.individuals:
            y = self._container(k, place)
        elif holder == a and place != name:
            act, x, y = language.GIVE, self._individual(place), t
        elif holder >= 0 and holder != a and place == name:
            act, x, y = language.TAKE, language.INDIVIDUAL + holder, t
        else:
            self.script.bad(k, "expected who holds it to give it, or to have it taken from them")
        self._announce(k, int(self.world["room"][a]), options, name)
        self._say(k, a, act, x, y)

    def _tell_claim(self, k: int, parts: Sequence[Any], options: Mapping[str, Any]) -> None:
        name, thing, place = parts
        self._say(k, self._a(name), language.CLAIM, self._thing(thing), self._container(k, place))

    def _tell_tell(self, k: int, parts: Sequence[Any], options: Mapping[str, Any]) -> None:
        name, listener, thing, place = parts
        target = self._container(k, place)
        self._say(k, self._a(name), language.TELL, self._individual(listener), self._thing(thing), target)

    def _tell_look(self, k: int, parts: Sequence[Any], options: Mapping[str, Any]) -> None:
        if len(who := _who(parts[0])) > 1:
            self.script.bad(k, "expected one who looks: the language cannot say that they look together")
        if who[0] in options.get("inattentive", ()):
            self.script.bad(k, f"expected {who[0]}, who looks, to be attentive")
        target = self._container(k, parts[1])
        self._announce(k, int(self.world["room"][self._a(who[0])]), options, who[0])
        self._say(k, self._a(who[0]), language.LOOK, target)

    def _tell_fill(self, k: int, parts: Sequence[Any], options: Mapping[str, Any], label: str | None) -> None:
        place = self._container(k, parts[0])
        if label is not None:
            self._say(k, talk.WORLD, language.LABEL, place, self._thing(label))
        self._announce(k, int(self.world["home"][place - language.PLACE]), options)
        self._say(k, talk.WORLD, language.FILL, place, self._thing(parts[1]))

    def _tell_want(self, k: int, parts: Sequence[Any], options: Mapping[str, Any]) -> None:
        name, wanted = parts
        self._say(k, talk.WORLD, language.LIKE, self._individual(name), self._thing(wanted))

    def _tell_feel(self, k: int, parts: Sequence[Any], options: Mapping[str, Any]) -> None:
        name, feeling = parts
        if feeling not in _FEELINGS:
            self.script.bad(k, f"expected a feeling out of {', '.join(_FEELINGS)}, not {feeling!r}")
        shown = language.VOCABULARY.index(_FEELINGS[feeling])
        self._say(k, talk.WORLD, language.SHOW, self._individual(name), shown)

    def minds(self) -> Minds:
        """Who believes what now."""
        script, world = self.script, self.world
        found: Minds = {}
        for c, chain in self.chains:
            for t, thing in enumerate(script.objects):
                place = int(world["belief"][t, c])
                if place >= talk.HANDS:
                    found[PLACE, chain, thing] = script.individuals[place - talk.HANDS]
                elif place != talk.NOWHERE:
                    found[PLACE, chain, thing] = script.containers[place]
            for p, container in enumerate(script.containers):
                if (inside := int(world["inside"][p, c])) != talk.NOWHERE:
                    found[CONTENTS, chain, container] = self.things[inside]
            for a, name in enumerate(script.individuals):
                if (wanted := int(world["wants"][a, c])) != talk.NOWHERE:
                    found[WANT, chain, name] = self.things[wanted]
        return found


# What the tracker's feelings are called in the language, which has more of them.
_FEELINGS = {"glad": "happy", **{feeling: feeling for feeling in language.FEELINGS}}


def tell_in_conversation(
    program: Iterable[Event], order: int = MAX_ORDER, semantics: Semantics | None = None
) -> Played:
    """Tell a program as the messages of a conversation.

    Who enters or leaves together does so one after the other: no conversation can tell that they were
    simultaneous (``trust="later_exit"`` can, so write such programs one by one).

    Args:
        program: all kinds of events but ``open`` and ``close``, about things in containers and hands;
            ``hidden`` (outside the room) and ``inattentive`` ones at deeds; ``label``. At most 6
            individuals, 8 objects and other things, 4 containers, 4 rooms.
        order: the longest chains, 0 to 4.
        semantics: the switches; the defaults where None.

    Raises:
        ValueError: for an event that the language cannot tell, naming it.
    """
    semantics = semantics or Semantics()
    script = _read(program, semantics)
    _expect_room(
        script,
        "a conversation",
        {"individuals": talk.INDIVIDUALS, "rooms": talk.ROOMS, "containers": talk.PLACES},
    )
    if len(script.objects) + len(script.stuff) > talk.THINGS:
        raise ValueError(
            f"the program has {len(script.objects)} objects and {len(script.stuff)} other things, but a "
            f"conversation has room for {talk.THINGS}"
        )
    telling = _Telling(script, order, semantics)
    minds, steps = [telling.minds()], [0]
    for k in range(len(script.program)):
        telling.tell(k)
        minds.append(telling.minds())
        steps.append(int(telling.world["length"]))
    return Played(script.program, telling.simulation, tuple(minds), telling.words, tuple(steps))


# --- Random programs ----------------------------------------------------------------------------------------
_NAMES = ("Mia", "Tom", "Ada", "Ben", "Cleo", "Dan")
_OBJECTS = ("ball", "apple", "hat", "map")
_BOXES = ("box", "basket", "drawer", "bag")
_HALLS = ("kitchen", "garden")
_STUFF = ("cake", "honey", "soap")


class _Author:
    """Writes a program event by event, with just enough of its world for it to be possible."""

    # mostly moves, and exits as often as entries: where people come and go, beliefs are left behind
    kinds: tuple[str, ...] = (*["carry"] * 6, "enter", "exit", "exit", "put")
    absences = False

    def __init__(
        self, rng: random.Random, individuals: int, things: int, containers: int, rooms: int
    ) -> None:
        self.rng = rng
        self.people = _NAMES[:individuals]
        self.objects = _OBJECTS[:things]
        self.containers = _BOXES[:containers]
        self.rooms = _HALLS[:rooms]
        self.home = {name: self.rooms[k % rooms] for k, name in enumerate(self.containers)}
        self.where: dict[str, str] = {}
        self.place: dict[str, str] = {}
        # Public events: what a chain believes hangs on who is in it alone, on the last event about the
        # thing that they perceived together.
        self.believed: dict[tuple[frozenset[str], str], str] = {}

    def event(self) -> list[Any]:
        """The next event."""
        while True:
            kind = self.rng.choice(self.kinds)
            if len(self.where) < 2 and self.rng.random() < 0.5:
                kind = "enter"
            elif len(self.place) < len(self.objects) and self.rng.random() < 0.3:
                kind = "put"
            event: list[Any] | None = getattr(self, kind)()
            if event is not None:
                return event

    def present(self, room: str) -> list[str]:
        """Who is in a room."""
        return [name for name in self.people if self.where.get(name) == room]

    def near(self, room: str) -> list[str]:
        """The containers of a room."""
        return [name for name in self.containers if self.home[name] == room]

    def enter(self) -> list[Any] | None:
        room = self.rng.choice(self.rooms)
        others = [name for name in self.people if self.where.get(name) != room]
        if not others:
            return None
        who = self.rng.sample(others, self.rng.choice((1, 1, len(others))))
        self.where.update(dict.fromkeys(who, room))
        return ["enter", who if len(who) > 1 else who[0], room]

    def exit(self) -> list[Any] | None:
        if not self.where:
            return None
        name = self.rng.choice(sorted(self.where))
        return ["exit", name, self.where.pop(name)]

    def put(self) -> list[Any] | None:
        """Something is placed, most often for the first time."""
        unplaced = [name for name in self.objects if name not in self.place]
        name = self.rng.choice(unplaced or self.objects)
        place = self.rng.choice(self.containers)
        return self.shown(name, ["place", name, place, self.home[place]], (place,))

    def carry(self) -> list[Any] | None:
        """Somebody moves something."""
        movable = [
            (doer, name)
            for doer, room in sorted(self.where.items())
            for name, place in sorted(self.place.items())
            if self.home[place] == room
        ]
        if not movable:
            return None
        doer, name = self.rng.choice(movable)
        source = self.place[name]
        others = [place for place in self.near(self.where[doer]) if place != source]
        place = self.rng.choice(others) if others and self.rng.random() < 0.9 else source
        return self.shown(name, ["move", doer, name, place], (source, place))

    def shown(self, name: str, event: list[Any], opened: Sequence[str]) -> list[Any] | None:
        """The event, unless something else is in an opened container, or one who sees it thinks so."""
        present = self.present(self.home[opened[0]])
        groups = [
            frozenset(some)
            for number in range(1, len(present) + 1)
            for some in itertools.combinations(present, number)
        ]
        for other in self.objects:
            held = {self.place.get(other)}
            if not self.absences:
                held |= {self.believed.get((group, other)) for group in groups}
            if other != name and not held.isdisjoint(opened):
                return None
        self.place[name] = opened[-1]
        self.believed |= {(group, name): opened[-1] for group in groups}
        return event


class _SearchingAuthor(_Author):
    """Public events, in which people may miss what they thought to be in an opened container."""

    absences = True


class _RichAuthor(_Author):
    """All that a conversation can tell: several things in one container, hands, words, looks, contents,
    wants, and onlookers who are hidden or do not notice."""

    kinds = (
        "put", "carry", "carry", "carry", "enter", "exit", "claim", "claim", "tell", "look", "fill", "want",
        "feel",
    )  # fmt: skip

    def options(self, room: str, doer: str = "") -> list[dict[str, list[str]]]:
        """Now and then, who does not notice an event and who watches it unseen: a list of at most one."""
        here = [name for name in self.present(room) if name != doer]
        found = {
            "inattentive": [name for name in here if self.rng.random() < 0.15],
            "hidden": [
                name for name in self.people if self.where.get(name) != room and self.rng.random() < 0.1
            ],
        }
        found = {option: names for option, names in found.items() if names}
        return [found] if found else []

    def enter(self) -> list[Any] | None:
        room = self.rng.choice(self.rooms)
        name = self.rng.choice(self.people)
        if self.where.get(name) == room:
            return None
        self.where[name] = room
        return ["enter", name, room]

    def room_of(self, thing: str) -> str | None:
        place = self.place[thing]
        return self.where.get(place) if place in self.people else self.home[place]

    def put(self) -> list[Any] | None:
        name = self.rng.choice(self.objects)
        if self.where and self.rng.random() < 0.2:
            holder = self.rng.choice(sorted(self.where))
            self.place[name] = holder
            return ["place", name, holder]
        place = self.rng.choice(self.containers)
        self.place[name] = place
        return ["place", name, place, self.home[place], *self.options(self.home[place])]

    def carry(self) -> list[Any] | None:
        if not self.where or not self.place:
            return None
        doer, name = self.rng.choice(sorted(self.where)), self.rng.choice(sorted(self.place))
        room, source = self.where[doer], self.place[name]
        if self.room_of(name) != room:
            return None
        targets = self.near(room)
        if source == doer:
            targets += [other for other in self.present(room) if other != doer]
        elif source in self.people:
            targets.append(doer)
        if not targets:
            return None
        self.place[name] = self.rng.choice(targets)
        return ["move", doer, name, self.place[name], *self.options(room, doer)]

    def claim(self) -> list[Any] | None:
        if not self.where:
            return None
        said = [self.rng.choice(self.objects), self.rng.choice(self.containers)]
        return ["claim", self.rng.choice(sorted(self.where)), *said]

    def tell(self) -> list[Any]:
        return [
            "tell",
            *self.rng.sample(self.people, 2),
            self.rng.choice(self.objects),
            self.rng.choice(self.containers),
        ]

    def look(self) -> list[Any] | None:
        if not self.where:
            return None
        name = self.rng.choice(sorted(self.where))
        near = self.near(self.where[name])
        return ["look", name, self.rng.choice(near), *self.options(self.where[name], name)] if near else None

    def fill(self) -> list[Any]:
        place = self.rng.choice(self.containers)
        options: dict[str, Any] = {}
        for unseen in self.options(self.home[place]):
            options |= unseen
        if self.rng.random() < 0.7:
            options["label"] = self.rng.choice(_STUFF)
        event = ["fill", place, self.rng.choice(_STUFF), self.home[place]]
        return [*event, options] if options else event

    def want(self) -> list[Any]:
        return ["want", self.rng.choice(self.people), self.rng.choice([*self.objects, *_STUFF])]

    def feel(self) -> list[Any]:
        return ["feel", self.rng.choice(self.people), self.rng.choice(sorted(_FEELINGS))]


def random_program(
    seed: int,
    individuals: int = 3,
    things: int = 2,
    containers: int = 3,
    length: int = 10,
    rooms: int = 1,
    kind: str = "public",
) -> list[list[Any]]:
    """A random program; same arguments, same program.

    Args:
        seed: any whole number.
        individuals: 2 to 6; the grid has room for 4.
        things: 1 to 4; fewer than containers unless ``"rich"``, since a container of the grid holds one.
        containers: 1 to 4, dealt out to the rooms in turn.
        length: how many events.
        rooms: 1 or 2.
        kind: ``"public"``: ``place``, ``move``, ``enter`` and ``exit`` alone, all public, and nobody who
            sees into a container in the grid misses another thing there; ``"searching"``: the same,
            but they may; ``"rich"``: all that a conversation can tell.

    Raises:
        ValueError: for a number that is out of its range.
    """
    authors: dict[str, type[_Author]] = {
        "public": _Author,
        "searching": _SearchingAuthor,
        "rich": _RichAuthor,
    }
    if kind not in authors:
        raise ValueError(f"random_program: kind={kind!r}, expected one of {', '.join(map(repr, authors))}")
    rich = kind == "rich"
    fewest = 1 if rich else min(things + 1, len(_BOXES))
    for argument, value, (low, high) in (
        ("individuals", individuals, (2, len(_NAMES))),
        ("things", things, (1, len(_OBJECTS) if rich else len(_BOXES) - 1)),
        ("containers", containers, (fewest, len(_BOXES))),
        ("rooms", rooms, (1, len(_HALLS))),
        ("length", length, (0, 1000)),
    ):
        if not low <= value <= high:
            raise ValueError(f"random_program: {argument}={value!r}, expected {low} to {high}")
    rng = random.Random(f"program {seed}")
    author = authors[kind](rng, individuals, things, containers, rooms)
    return [author.event() for _ in range(length)]
