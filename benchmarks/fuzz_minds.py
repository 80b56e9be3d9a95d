"""The belief tracker against its slow, obvious twin, on as many random stories as you like.

    python -m mindsight.benchmarks.fuzz_minds --examples 1000000

Story k of seed s is always the same story, so a run can be stopped (Ctrl-C) and resumed, and a
mismatch be had again: `--seed s --start k --examples 1`. A mismatch is printed with its story cut
down to the events that matter; the exit code is then 1.

The twin lives in `tests/envs/slow_minds.py`, so this runs in a checkout, not from a wheel.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import itertools
import json
import multiprocessing
import os
import random
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..envs import minds

__all__ = ["compare", "main", "random_story", "random_switches"]

_ROOT = Path(__file__).resolve().parent.parent
_TWIN = _ROOT / "tests" / "envs" / "slow_minds.py"
_CHUNK = 500  # stories between two notes of progress

_PEOPLE = ("Anne", "Bob", "Cleo", "Dan", "Eve")
_ROOMS = ("kitchen", "hall", "den")
_CONTAINERS = ("box", "basket", "crate", "drawer", "tube")
_OBJECTS = ("ball", "key", "hat")
_STUFF = ("sweets", "pencils", "nothing")
_FEELINGS = ("glad", "sad")


# --- random stories -------------------------------------------------------------------------------


def random_switches(rng: random.Random) -> minds.Semantics:
    """Every position of every switch, equally often."""
    return minds.Semantics(
        containers=rng.choice(("closed", "open")),
        trust=rng.choice(("always", "never", "later_exit")),
        claims=rng.choice(("common_knowledge", "pairwise")),
    )


def random_story(rng: random.Random, individuals: int, length: int) -> list[list[Any]]:
    """A well-formed story of `length` events and 2 .. 5 `individuals`, lies and all.

    A third of the events say who was hidden or inattentive, or state `sees` and `takes`, in part or
    in full; where both are stated, anybody does anything from anywhere.
    """
    story = _Author(rng, _PEOPLE[:individuals])
    return [story.event() for _ in range(length)]


class _Author:
    """Writes a story event by event, keeping just enough of the world for it to be possible."""

    def __init__(self, rng: random.Random, people: Sequence[str]) -> None:
        self.rng = rng
        self.people = people
        self.rooms = _ROOMS[: rng.randint(1, 3)]
        self.containers = _CONTAINERS[: rng.randint(2, 5)]
        self.objects = _OBJECTS[: rng.randint(1, 3)]
        self.home: dict[str, str] = {}
        self.where: dict[str, str] = {}
        self.place: dict[str, str] = {}
        self.was_in: dict[str, str | None] = {}
        self.named: set[str] = set()  # rooms that the story has named as rooms
        self.begun = False

    def event(self) -> list[Any]:
        rng = self.rng
        if not self.begun:  # most stories begin with people somewhere
            self.begun = True
            if rng.random() < 0.9:
                return self._enter_room(list(self.people))
        options = self._options()
        kinds = ["enter", "exit", "place", "place", "move", "move", "move", "claim", "claim"]
        kinds += ["tell", "tell", "open", "close", "look", "look", "fill", "want", "feel", "noise"]
        kind = rng.choice(kinds)
        event: list[Any] | None = getattr(self, f"_{kind}")(options)
        return event or ["noise", "nothing happened"]

    def _some(self) -> list[str]:
        return self.rng.sample(self.people, self.rng.randint(0, len(self.people)))

    def _options(self) -> dict[str, Any]:
        rng = self.rng
        draw = rng.random()
        if draw < 0.65:
            return {}
        if draw < 0.82:
            return {"hidden": self._some()[:2], "inattentive": self._some()[:2]}
        pairs = list(itertools.permutations(self.people, 2))
        likely = rng.choice((0.5, 0.9))
        options: dict[str, Any] = {"takes": [list(p) for p in pairs if rng.random() < likely]}
        if rng.random() < 0.8:
            options["sees"] = self._some()
        elif rng.random() < 0.5:
            options = {"sees": self._some()}
        return options

    def _with(self, event: list[Any], options: dict[str, Any]) -> list[Any]:
        return [*event, options] if options else event

    def _somebody(self, options: dict[str, Any]) -> str | None:
        """Who can do a thing: somebody in a room, or anybody where perception is stated."""
        if {"sees", "takes"} <= options.keys():
            return self.rng.choice(self.people)
        return self.rng.choice(sorted(self.where)) if self.where else None

    def _room_of(self, place: str) -> str | None:
        if place in self.people:
            return self.where.get(place)
        return place if place in self.rooms else self.home.get(place)

    def _room_of_object(self, name: str) -> str | None:
        place = self.place.get(name, "")
        return self.where.get(place) if place in self.people else self.was_in.get(name)

    def _in_reach(self, room: str | None, places: Sequence[str]) -> list[str]:
        return [p for p in places if self._room_of(p) == room or p not in (*self.home, *self.rooms)]

    def _enter_room(self, who: list[str]) -> list[Any]:
        room = self.rng.choice(self.rooms)
        self.named.add(room)
        self.where.update(dict.fromkeys(who, room))
        return ["enter", who if len(who) > 1 else who[0], room]

    def _enter(self, options: dict[str, Any]) -> list[Any]:
        who = self.rng.sample(self.people, self.rng.choice((1, 1, 2)))
        return self._with(self._enter_room(who), options)

    def _exit(self, options: dict[str, Any]) -> list[Any] | None:
        if not self.where:
            return None
        room = self.rng.choice(sorted(self.where.values()))
        there = sorted(a for a, r in self.where.items() if r == room)
        who = self.rng.sample(there, self.rng.randint(1, len(there)))
        for a in who:
            del self.where[a]
        return self._with(["exit", who, room], options)

    def _put(self, name: str, place: str, room: str | None) -> None:
        if place in self.containers and room is not None:
            self.home.setdefault(place, room)
        self.was_in[name] = room if place == minds.GONE else self._room_of(place)
        self.place[name] = place

    def _place(self, options: dict[str, Any]) -> list[Any] | None:
        rng, name = self.rng, self.rng.choice(self.objects)
        draw = rng.random()
        if draw < 0.1:
            place, room = minds.GONE, self._room_of_object(name)
        elif draw < 0.25:
            place = rng.choice(self.rooms)
            room = place
        elif draw < 0.4 and self.where:
            place = rng.choice(sorted(self.where))
            room = self.where[place]
        else:
            place = rng.choice(self.containers)
            room = self.home.get(place)
        event = ["place", name, place]
        if room is None or place == room or rng.random() < 0.5:
            room = room or rng.choice(self.rooms)
            self.named.add(room)
            event.append(room)
        self._put(name, place, room)
        return self._with(event, options)

    def _move(self, options: dict[str, Any]) -> list[Any] | None:
        rng, mover = self.rng, self._somebody(options)
        things = [o for o, place in self.place.items() if place != minds.GONE]
        free = {"sees", "takes"} <= options.keys()
        room = self.where.get(mover or "")
        if not free:
            things = [o for o in things if self._room_of_object(o) in (room, None)]
        if mover is None or not things:
            return None
        places = [*self.containers, *sorted(self.named)]
        near = places if free else self._in_reach(room, places)
        near = [p for p in near if p not in self.rooms or p == room] if not free else near
        near += [a for a in self.people if free or self.where.get(a) == room]
        near += [minds.GONE] if rng.random() < 0.2 else []
        name, place = rng.choice(things), rng.choice(near)
        self._put(name, place, room)
        return self._with(["move", mover, name, place], options)

    def _claim(self, options: dict[str, Any]) -> list[Any] | None:
        speaker = self._somebody(options)
        if speaker is None:
            return None
        return self._with(["claim", speaker, *self._said()], options)

    def _tell(self, options: dict[str, Any]) -> list[Any]:
        return self._with(["tell", *self.rng.sample(self.people, 2), *self._said()], options)

    def _said(self) -> tuple[str, str]:
        places = [*self.containers, *self.containers, *self.people, *self.rooms, minds.GONE]
        return self.rng.choice(self.objects), self.rng.choice(places)

    def _handle(self, kind: str, options: dict[str, Any], places: Sequence[str]) -> Any:
        doer = self._somebody(options)
        if doer is None:
            return None
        who, room = [doer], self.where.get(doer)
        if not {"sees", "takes"} <= options.keys():
            places = self._in_reach(room, places)
            places = [p for p in places if p not in (*self.people, *self.rooms)] + [
                p for p in places if p in (*self.people, *self.rooms) and self._room_of(p) == room
            ]
        if kind == "look" and self.rng.random() < 0.3:
            others = sorted(a for a in self.people if self.where.get(a) == room and a != doer)
            who += self.rng.sample(others, self.rng.randint(0, len(others)))
        if not places:
            return None
        place = self.rng.choice(places)
        if place in self.containers and room is not None:
            self.home.setdefault(place, room)
        return self._with([kind, who if len(who) > 1 else doer, place], options)

    def _look(self, options: dict[str, Any]) -> Any:
        return self._handle("look", options, [*self.containers, *self.people, *sorted(self.named)])

    def _open(self, options: dict[str, Any]) -> Any:
        return self._handle("open", options, self.containers)

    def _close(self, options: dict[str, Any]) -> Any:
        return self._handle("close", options, self.containers)

    def _fill(self, options: dict[str, Any]) -> list[Any]:
        rng, container = self.rng, self.rng.choice(self.containers)
        event = ["fill", container, rng.choice(_STUFF)]
        if container not in self.home or rng.random() < 0.3:
            event.append(self.home.setdefault(container, rng.choice(self.rooms)))
            self.named.add(event[-1])
        if rng.random() < 0.7:
            options = {**options, "label": rng.choice(_STUFF)}
        return self._with(event, options)

    def _want(self, options: dict[str, Any]) -> list[Any]:
        wanted = self.rng.choice((*self.objects, *_STUFF))
        return self._with(["want", self.rng.choice(self.people), wanted], options)

    def _feel(self, options: dict[str, Any]) -> list[Any]:
        return self._with(["feel", self.rng.choice(self.people), self.rng.choice(_FEELINGS)], options)

    def _noise(self, _: dict[str, Any]) -> list[Any]:
        return ["noise", "the clock strikes"]


# --- comparing ------------------------------------------------------------------------------------


def _twin() -> Any:
    """The module `slow_minds`."""
    if "slow_minds" not in sys.modules:
        spec = importlib.util.spec_from_file_location("slow_minds", _TWIN)
        if spec is None or spec.loader is None or not _TWIN.exists():
            raise SystemExit(f"fuzz_minds: no {_TWIN}; run it in a checkout, not from a wheel")
        module = importlib.util.module_from_spec(spec)
        sys.modules["slow_minds"] = module
        spec.loader.exec_module(module)
    return sys.modules["slow_minds"]


def compare(
    events: list[list[Any]],
    order: int,
    semantics: minds.Semantics,
    rng: random.Random | None = None,
    most: int = 40,
) -> str | None:
    """Where the two trackers differ on a story, in words, or None where they agree.

    All facts of a chain at all times are compared: for every chain, or with `rng` for `most` of
    them, drawn at random.
    """
    beliefs = minds.track(events, order, semantics)
    slow = _twin().Story(events, semantics)
    people = beliefs.individuals
    if set(people) != slow.individuals or set(beliefs.objects) != slow.objects:
        return f"names: {people} {beliefs.objects}, slow {slow.individuals} {slow.objects}"
    table = minds.chain_table(len(people), order)
    numbers: Sequence[int] = range(len(table))
    if rng is not None and len(table) > most:
        numbers = rng.sample(numbers, most)
    for number in numbers:
        chain = tuple(people[a] for a in table.members[number, : table.length[number]])
        for difference in _differences(beliefs, slow, chain):
            return f"chain {chain}, {difference}, order {order}, {semantics}"
    return None


def _differences(beliefs: minds.Beliefs, slow: Any, chain: tuple[str, ...]) -> Iterator[str]:
    for k in range(len(slow.steps) + 1):
        now = beliefs.at(k)
        facts = {
            "place": now[chain],
            "contents": now.contents[chain],
            "want": now.wants[chain],
            "feel": now.shown[chain],
        }
        for kind, held in facts.items():
            for name, value in held.items():
                other = slow.value(chain, kind, name, k)
                if value != other:
                    yield f"after {k} events, {kind} of {name}: {value!r}, slow {other!r}"
        if chain:
            felt, other = now.feeling(chain), slow.feeling(chain, k)
            if felt != other:
                yield f"after {k} events, feeling: {felt!r}, slow {other!r}"


def _example(seed: int, k: int) -> tuple[list[list[Any]], int, minds.Semantics, random.Random]:
    """Story k of a seed: mostly small, since small ones find as much and cost less."""
    rng = random.Random(f"{seed}/{k}")
    individuals = rng.choice((2, 3, 3, 3, 4, 5))
    order = rng.choice((0, 1, 2, 3, 4, 4))
    return random_story(rng, individuals, rng.randint(1, 16)), order, random_switches(rng), rng


def _check(seed: int, k: int) -> str | None:
    events, order, semantics, rng = _example(seed, k)
    try:
        return compare(events, order, semantics, rng)
    except Exception as error:  # a story that one of them cannot take is a finding, too
        return f"{type(error).__name__}: {error}"


def _check_chunk(job: tuple[int, int, int]) -> tuple[int, str | None]:
    """-> (number of the story after the last one checked, how that last one differs)"""
    seed, start, stop = job
    for k in range(start, stop):
        difference = _check(seed, k)
        if difference is not None:
            return k + 1, difference
    return stop, None


def _shrunk(events: list[list[Any]], order: int, semantics: minds.Semantics) -> list[list[Any]]:
    """Leave out events, and options, as long as the two still differ."""

    def differs(candidate: list[list[Any]]) -> bool:
        try:
            return compare(candidate, order, semantics) is not None
        except (ValueError, KeyError):
            return False

    shorter = True
    while shorter:
        shorter = False
        for i in reversed(range(len(events))):
            candidates = [events[:i] + events[i + 1 :]]
            if isinstance(events[i][-1], dict):
                candidates.append([*events[:i], events[i][:-1], *events[i + 1 :]])
            for candidate in candidates:
                if differs(candidate):
                    events, shorter = candidate, True
                    break
    return events


# --- the run --------------------------------------------------------------------------------------


def _stamp() -> str:
    """What progress is worth: it holds for these sources only."""
    sources = (Path(minds.__file__), _TWIN, Path(__file__))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]


def _progress(path: Path, seed: int, start: int) -> int:
    """Stories already done by an earlier run with this seed and these sources, from `start` on."""
    try:
        note = json.loads(path.read_text())
    except (OSError, ValueError):
        return 0
    same = (note.get("stamp"), note.get("seed"), note.get("start")) == (_stamp(), seed, start)
    return int(note["done"]) if same else 0


def _ignore_interrupts() -> None:
    """In the workers: Ctrl-C is for the parent, which ends them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code: 0 if all agree, 1 on a mismatch, 130 if interrupted."""
    parser = argparse.ArgumentParser(prog="fuzz_minds", description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=10_000, help="random stories")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help="number of the first story")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument(
        "--progress",
        type=Path,
        default=Path("runs/fuzz_minds.json"),
        help="file that keeps how far it got, to resume from",
    )
    parser.add_argument("--fresh", action="store_true", help="begin anew, do not resume")
    given = parser.parse_args(arguments)
    if given.examples < 1 or given.jobs < 1 or given.start < 0:
        parser.error("expected --examples and --jobs of at least 1, --start of at least 0")

    from rich.progress import Progress, TimeElapsedColumn, TimeRemainingColumn

    _twin()
    done = 0 if given.fresh else _progress(given.progress, given.seed, given.start)
    done = min(done, given.examples)
    if done:
        print(f"resuming after {done:,} stories ({given.progress})")
    first, last = given.start + done, given.start + given.examples
    jobs = [(given.seed, k, min(k + _CHUNK, last)) for k in range(first, last, _CHUNK)]
    given.progress.parent.mkdir(parents=True, exist_ok=True)
    note = {"stamp": _stamp(), "seed": given.seed, "start": given.start}
    columns = (*Progress.get_default_columns()[:-1], TimeElapsedColumn(), TimeRemainingColumn())
    context = multiprocessing.get_context("spawn")
    found: str | None = None
    try:
        with Progress(*columns) as bar, context.Pool(given.jobs, _ignore_interrupts) as pool:
            task = bar.add_task("stories", total=given.examples, completed=done)
            for reached, found in pool.imap(_check_chunk, jobs):
                done = reached - given.start
                bar.update(task, completed=done)
                if found is not None:
                    break
                given.progress.write_text(json.dumps({**note, "done": done}))
    except KeyboardInterrupt:
        print(f"interrupted after {done:,} stories without a mismatch; run it again to go on")
        return 130
    if found is None:
        print(f"{done:,} random stories (seed {given.seed}): both trackers agree on all")
        return 0
    mismatch = given.start + done - 1
    events, order, semantics, _ = _example(given.seed, mismatch)
    events = _shrunk(events, order, semantics)
    print(f"story {mismatch} of seed {given.seed}, after {done:,}: {found}")
    print("what is left of it when events are taken out as long as the trackers differ:")
    for event in events:
        print("  " + json.dumps(event))
    return 1


if __name__ == "__main__":
    sys.exit(main())
