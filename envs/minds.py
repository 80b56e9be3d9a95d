"""Who perceived what, and so who believes what: the belief tracker (semantics version 1).

A story is a list of plain events; `track` computes from it, for every chain of individuals, what is
believed where. `docs/minds.md` is the page for readers; the rule numbers below are its numbers.

The tracker has two halves. `_Story` checks the events and plays the true world: rooms, places, who
stands where. For each event it says who perceived it and who takes whom to have perceived it, and
hands both to `_Ledger`, which rewrites, in numpy, one column of beliefs for all chains at once.
What an event does to a chain depends on the event, the true world and that chain's own value, never
on another chain, so all chains can be rewritten side by side.

The ledger is numpy and not a numba kernel because event lists are short. Measured: a story of 20
events about 5 individuals takes 1.2 ms at any order, most of it reading events in Python; a kernel
in place of the column updates would save 0.2 ms of that, and cost over 100 ms to load from the disk
cache. The grid engine, which does run a kernel every step, shares `chain_table`.
"""

from __future__ import annotations

import difflib
import functools
import itertools
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn

import numpy as np
import numpy.typing as npt

__all__ = [
    "GONE",
    "MAX_ORDER",
    "Beliefs",
    "ChainTable",
    "Facts",
    "Held",
    "Semantics",
    "chain_table",
    "rule_one",
    "track",
]

GONE = "gone"  # the place of what was eaten or destroyed; not the same as unknown
MAX_ORDER = 4
_MAX_CHAINS = 1_000_000
_MAX_INDIVIDUALS = 64  # bits of `member_bits`
_PAIR_INDIVIDUALS = 8  # an 8 x 8 matrix of pairs fits one word

_SWITCHES: dict[str, tuple[str, ...]] = {
    "containers": ("closed", "open"),
    "trust": ("always", "never", "later_exit"),
    "claims": ("common_knowledge", "pairwise"),
}


@dataclass(frozen=True)
class Semantics:
    """The switches of the belief semantics; print it beside every score.

    Arguments:
        containers: `"closed"`, nothing is learned by entering a room, or `"open"`, all present
            jointly learn what is in it (rule 5).
        trust: whom a listener trusts: `"always"`, `"never"`, or `"later_exit"`, whoever left the
            room of the object's last true place strictly later than the listener (rule 9).
        claims: `"common_knowledge"`, a statement moves chains of every length, or `"pairwise"`,
            the convention of Hi-ToM, at most those of two (rule 10).

    Raises:
        ValueError: a switch has no such position.
    """

    containers: str = "closed"
    trust: str = "always"
    claims: str = "common_knowledge"

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        for switch, positions in _SWITCHES.items():
            given = getattr(self, switch)
            if given not in positions:
                raise ValueError(f"Semantics: {switch}={given!r}, expected one of {positions}")

    def __str__(self) -> str:
        switches = ", ".join(f"{switch}={getattr(self, switch)}" for switch in _SWITCHES)
        return f"minds v{self.version} ({switches})"


_DEFAULT = Semantics()


# --- chains ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ChainTable:
    """All chains of `individuals` up to `order`, by length and then lexicographically.

    Chain 0 is `()`, reality. Neighbours in a chain differ; (A, B, A) is a chain. Arrays are
    read-only, with N chains:

        members      (N, 4) int8     individuals of the chain, padded with -1
        length       (N,)   int8     0 .. order
        last         (N,)   int8     last member, -1 for ()
        before_last  (N,)   int8     last member but one, -1 below length 2
        first_bit    (N,)   uint64   bit a of the first member a; 0 for ()
        member_bits  (N,)   uint64   bit a of every member a
        pair_bits    (N,)   uint64   bit a*8+b for all m < n with a_m = a, a_n = b, a != b; 0 where
                                     there are more than 8 individuals
        parent       (N,)   int32    the chain without its last member; 0 for ()
        tail         (N,)   int32    the chain without its first member; 0 for ()
    """

    individuals: int
    order: int
    members: npt.NDArray[np.int8]
    length: npt.NDArray[np.int8]
    last: npt.NDArray[np.int8]
    before_last: npt.NDArray[np.int8]
    first_bit: npt.NDArray[np.uint64]
    member_bits: npt.NDArray[np.uint64]
    pair_bits: npt.NDArray[np.uint64]
    parent: npt.NDArray[np.int32]
    tail: npt.NDArray[np.int32]
    _index: dict[tuple[int, ...], int] = field(repr=False)

    def __len__(self) -> int:
        return len(self.length)

    def index(self, chain: Iterable[int]) -> int:
        """Number of a chain of individuals, given as integers without adjacent repeats.

        Raises:
            KeyError: there is no such chain in the table.
        """
        return self._index[tuple(chain)]


@functools.lru_cache(maxsize=32)
def chain_table(individuals: int, order: int) -> ChainTable:
    """The chains of `individuals` (0 .. 64) up to length `order` (0 .. 4).

    Raises:
        ValueError: one of them is out of range, or there would be more than a million chains; the
            message names the highest order that fits.
    """
    if not 0 <= order <= MAX_ORDER:
        raise ValueError(f"order={order}, expected 0 to {MAX_ORDER}")
    if not 0 <= individuals <= _MAX_INDIVIDUALS:
        raise ValueError(f"{individuals} individuals, expected 0 to {_MAX_INDIVIDUALS}")
    if _count(individuals, order) > _MAX_CHAINS:
        fits = max(n for n in range(order) if _count(individuals, n) <= _MAX_CHAINS)
        raise ValueError(
            f"{individuals} individuals at order {order} have {_count(individuals, order):,} "
            f"chains, more than {_MAX_CHAINS:,}; use order={fits}"
        )

    chains: list[tuple[int, ...]] = [()]
    layer: list[tuple[int, ...]] = [()]
    for _ in range(order):
        layer = [(*c, a) for c in layer for a in range(individuals) if not c or c[-1] != a]
        chains += layer
    index = {chain: number for number, chain in enumerate(chains)}

    members = np.full((len(chains), MAX_ORDER), -1, np.int8)
    pair_bits = np.zeros(len(chains), np.uint64)
    for number, chain in enumerate(chains):
        members[number, : len(chain)] = chain
        if individuals <= _PAIR_INDIVIDUALS:
            pairs = {a * 8 + b for a, b in itertools.combinations(chain, 2) if a != b}
            pair_bits[number] = sum(1 << pair for pair in pairs)
    arrays: dict[str, npt.NDArray[Any]] = {
        "members": members,
        "length": np.array([len(c) for c in chains], np.int8),
        "last": np.array([c[-1] if c else -1 for c in chains], np.int8),
        "before_last": np.array([c[-2] if len(c) > 1 else -1 for c in chains], np.int8),
        "first_bit": np.array([1 << c[0] if c else 0 for c in chains], np.uint64),
        "member_bits": np.array([sum(1 << a for a in set(c)) for c in chains], np.uint64),
        "pair_bits": pair_bits,
        "parent": np.array([index[c[:-1]] for c in chains], np.int32),
        "tail": np.array([index[c[1:]] for c in chains], np.int32),
    }
    for array in arrays.values():
        array.setflags(write=False)
    return ChainTable(individuals, order, _index=index, **arrays)


def _count(individuals: int, order: int) -> int:
    """How many chains there are: 1 + n + n (n - 1) + n (n - 1)^2 + ..."""
    return 1 + sum(int(individuals * (individuals - 1) ** n) for n in range(order))


def rule_one(first_bit: Any, pair_bits: Any, sees: Any, takes: Any) -> Any:
    """Rule 1 for a chain of at least one member, all arguments uint64 (or arrays of it).

    An event updates chain (a1, ..., an) if and only if `sees[a1]` and `takes[a_m, a_n]` for every
    m < n. `sees` has bit a, `takes` bit a*8+b; the diagonal of `takes` is not asked. The body is
    written so that numba compiles it as it stands: `njit(inline="always")(rule_one)`.
    """
    return ((first_bit & sees) != 0) & ((pair_bits & ~takes) == 0)


def _rule_one_wide(table: ChainTable, sees: int, takes: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Rule 1 for all chains of more than eight individuals: -> (N,) bool.

    All pairs of a chain are those of its parent, those of its tail, and (first, last).
    """
    n = table.individuals
    pair = np.array([[a == b or takes[a] >> b & 1 for b in range(n)] for a in range(n)], np.bool_)
    ok = np.ones(len(table), np.bool_)
    for length in range(2, table.order + 1):
        layer = np.flatnonzero(table.length == length)
        ok[layer] = (
            ok[table.parent[layer]] & ok[table.tail[layer]] & pair[table.members[layer, 0], table.last[layer]]
        )
    result: npt.NDArray[np.bool_] = ok & ((table.first_bit & np.uint64(sees)) != 0)
    return result


# --- what is asked --------------------------------------------------------------------------------

# Kinds of fact, one column of values per kind and name.
_PLACE, _CONTENTS, _WANT, _SHOWN = "place", "contents", "want", "shown"

_Column = npt.NDArray[np.int32]


def _nearest(name: object, known: Iterable[str]) -> str:
    """The end of an error message: the nearest known name, and all of them."""
    known = sorted(known)
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    nearest = f"the nearest is {close[0]!r}; " if close else ""
    return f"{nearest}known: {', '.join(map(repr, known)) or 'none'}"


class _Ledger:
    """All chains' values of every fact, at every time.

    A fact's history is a list of (time, column): the column, (N,) int32, holds from that many
    events on. Only what changes is stored, so that any past time can be asked without replaying.
    """

    def __init__(self, table: ChainTable) -> None:
        self.table = table
        self.words: list[str] = []  # value code -> text; code -1 is absence
        self.codes: dict[str, int] = {}
        self.history: dict[tuple[str, str], tuple[list[int], list[_Column]]] = {}
        self._absent: _Column = np.full(len(table), -1, np.int32)

    def code(self, word: str) -> int:
        if word not in self.codes:
            self.codes[word] = len(self.words)
            self.words.append(word)
        return self.codes[word]

    def mask(self, sees: int, takes: Sequence[int]) -> npt.NDArray[np.bool_]:
        """Chains an event updates, (N,) bool; reality, chain 0, is not among them."""
        if self.table.individuals > _PAIR_INDIVIDUALS:
            return _rule_one_wide(self.table, sees, takes)
        word = sum(row << 8 * a for a, row in enumerate(takes))
        table = self.table
        chains: npt.NDArray[np.bool_] = rule_one(
            table.first_bit, table.pair_bits, np.uint64(sees), np.uint64(word)
        )
        return chains

    def column(self, kind: str, name: str, time: int | None = None) -> _Column:
        """Values of one fact for all chains after `time` events (default: now)."""
        times, columns = self.history.get((kind, name), ((), ()))
        if time is not None:
            position = bisect_right(times, time)
        else:
            position = len(columns)
        return columns[position - 1] if position else self._absent

    def write(self, time: int, kind: str, name: str, column: _Column) -> None:
        """Let `column` hold from `time` on; a second one in the same event replaces the first."""
        times, columns = self.history.setdefault((kind, name), ([], []))
        if times and times[-1] == time:
            columns[-1] = column
        else:
            times.append(time)
            columns.append(column)

    def value(self, kind: str, name: str, chain: int, time: int) -> str | None:
        code = int(self.column(kind, name, time)[chain])
        return None if code < 0 else self.words[code]


@dataclass(frozen=True)
class _Cast:
    """Names in a story, each in the order of first mention."""

    individuals: tuple[str, ...]
    objects: tuple[str, ...]
    familiar: tuple[str, ...]  # containers that are filled
    first: Mapping[str, tuple[int, str]]  # object -> (time, place) of its first `place`
    looks: frozenset[int]  # times after which somebody has just looked into something
    events: int
    semantics: Semantics


class Held(Mapping[str, str | None]):
    """What one chain holds about each name, at one time: `held["ball"]` is a value or None.

    None means that no belief is attributed, be it that the last of the chain is thought ignorant or
    that nothing is known of them.

    Raises:
        KeyError: the story has no such name; names the nearest.
    """

    def __init__(
        self, ledger: _Ledger, kind: str, what: str, names: tuple[str, ...], chain: int, time: int
    ) -> None:
        self._ledger = ledger
        self._kind = kind
        self._what = what
        self._names = names
        self._chain = chain
        self._time = time

    def __getitem__(self, name: str) -> str | None:
        if name not in self._names:
            raise KeyError(f"no {self._what} {name!r} in this story; {_nearest(name, self._names)}")
        return self._ledger.value(self._kind, name, self._chain, self._time)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return repr(dict(self))


class Facts:
    """One kind of fact for every chain, at one time: `facts["Sally", "Anne"]["tube"]`."""

    def __init__(
        self, ledger: _Ledger, cast: _Cast, kind: str, what: str, names: tuple[str, ...], time: int
    ) -> None:
        self._ledger = ledger
        self._cast = cast
        self._kind = kind
        self._what = what
        self._names = names
        self._time = time

    def __getitem__(self, chain: str | Sequence[str]) -> Held:
        number = _chain_number(self._ledger.table, self._cast, chain)
        return Held(self._ledger, self._kind, self._what, self._names, number, self._time)


def _chain_of(cast: _Cast, chain: str | Sequence[str]) -> tuple[str, ...]:
    """The chain as names, adjacent repeats collapsed."""
    names = (chain,) if isinstance(chain, str) else tuple(chain)
    for name in names:
        if name not in cast.individuals:
            raise KeyError(f"no individual {name!r} in this story; {_nearest(name, cast.individuals)}")
    return tuple(name for name, _ in itertools.groupby(names))


def _chain_number(table: ChainTable, cast: _Cast, chain: str | Sequence[str]) -> int:
    names = _chain_of(cast, chain)
    if len(names) > table.order:
        raise ValueError(
            f"chain {names} is of order {len(names)}, but the story was tracked to order "
            f"{table.order}: track(events, order={len(names)})"
            if len(names) <= MAX_ORDER
            else f"chain {names} is of order {len(names)}; orders go to {MAX_ORDER}"
        )
    return table.index(cast.individuals.index(name) for name in names)


class Beliefs:
    """Beliefs of every chain of individuals, at one time of a story; made by `track`.

    `beliefs["Sally", "Anne"]["ball"]` is the place where Sally believes that Anne believes the ball
    is, or None where no belief is attributed. `beliefs["Sally"]` is one individual's, `beliefs[()]`
    reality; `("Sally", "Sally", "Anne")` is `("Sally", "Anne")`. Unknown names raise a KeyError
    that names the nearest, chains longer than the tracked order a ValueError.
    """

    def __init__(self, ledger: _Ledger, cast: _Cast, time: int) -> None:
        self._ledger = ledger
        self._cast = cast
        self._time = time

    def __getitem__(self, chain: str | Sequence[str]) -> Held:
        return self._facts(_PLACE, "object", self._cast.objects)[chain]

    def _facts(self, kind: str, what: str, names: tuple[str, ...]) -> Facts:
        return Facts(self._ledger, self._cast, kind, what, names, self._time)

    @property
    def individuals(self) -> tuple[str, ...]:
        """Names of the individuals, in the order of first mention."""
        return self._cast.individuals

    @property
    def objects(self) -> tuple[str, ...]:
        """Names of the objects, in the order of first mention."""
        return self._cast.objects

    @property
    def order(self) -> int:
        """Longest chain that was tracked."""
        return self._ledger.table.order

    @property
    def semantics(self) -> Semantics:
        """The switches the story was tracked with."""
        return self._cast.semantics

    @property
    def time(self) -> int:
        """Number of events that these beliefs come after."""
        return self._time

    def at(self, k: int) -> Beliefs:
        """The same after `k` events, 0 .. the whole story (of whatever time `self` is).

        Raises:
            IndexError: `k` is out of that range.
        """
        if not 0 <= k <= self._cast.events:
            raise IndexError(f"at({k}): the story has {self._cast.events} events, expected 0 to it")
        return Beliefs(self._ledger, self._cast, k)

    @property
    def first(self) -> Mapping[str, str | None]:
        """The place where each object was placed first; None if it has not been yet."""
        placed = {o: p for o, (time, p) in self._cast.first.items() if time <= self._time}
        return _Named({name: placed.get(name) for name in self._cast.objects})

    def knows(self, chain: str | Sequence[str], object: str) -> bool:
        """Whether the belief is present and equal to reality (both None is not knowledge)."""
        believed = self[chain][object]
        return believed is not None and believed == self[()][object]

    @property
    def contents(self) -> Facts:
        """What familiar containers are believed to hold (rule 12): `contents["Sally"]["tube"]`."""
        return self._facts(_CONTENTS, "familiar container", self._cast.familiar)

    @property
    def wants(self) -> Facts:
        """What individuals are believed to want (rule 12): `wants["Anne"]["Sally"]`."""
        return self._facts(_WANT, "individual", self._cast.individuals)

    @property
    def shown(self) -> Facts:
        """What individuals are believed to have shown they feel: `shown["Anne"]["Sally"]`.

        From `feel` events; `feeling` is what is felt, and may differ (rule 12).
        """
        return self._facts(_SHOWN, "individual", self._cast.individuals)

    def feeling(self, chain: str | Sequence[str]) -> str | None:
        """What the last of the chain is believed to feel (rule 12), from the chain's own beliefs.

        `feeling("Sally")` is what Sally feels, `feeling(("Anne", "Sally"))` what Anne believes that
        Sally feels: `"surprised"` if the event just past was a look that contradicted a belief of
        the chain; else, W being what the chain believes that its last member X wants, `"glad"` if
        it believes W in X's hands or (contents) in some container, `"sad"` if it believes W gone,
        in another's hands or (contents) no longer in any container, else None.

        Raises:
            ValueError: the chain is (): nobody to feel anything.
        """
        names = _chain_of(self._cast, chain)
        if not names:
            raise ValueError("feeling(()): expected a chain of at least one individual")
        number = _chain_number(self._ledger.table, self._cast, names)
        value = functools.partial(self._ledger.value, chain=number)
        facts = [(_PLACE, name) for name in self._cast.objects]
        facts += [(_CONTENTS, name) for name in self._cast.familiar]
        if self._time in self._cast.looks:
            for fact in facts:
                before = value(*fact, time=self._time - 1)
                if before is not None and before != value(*fact, time=self._time):
                    return "surprised"
        wanted = value(_WANT, names[-1], time=self._time)
        if wanted is None:
            return None
        if wanted in self._cast.objects:
            place = value(_PLACE, wanted, time=self._time)
            if place == names[-1]:
                return "glad"
            return "sad" if place == GONE or place in self._cast.individuals else None
        now = self._time
        if any(value(_CONTENTS, c, time=now) == wanted for c in self._cast.familiar):
            return "glad"
        past = itertools.product(self._cast.familiar, range(now))
        return "sad" if any(value(_CONTENTS, c, time=t) == wanted for c, t in past) else None

    def __repr__(self) -> str:
        return (
            f"<Beliefs of {', '.join(self.individuals)} about {', '.join(self.objects)} after "
            f"{self.time} of {self._cast.events} events, order {self.order}, {self.semantics}>"
        )


class _Named(dict[str, str | None]):
    """A dict of objects whose KeyError names the nearest."""

    def __missing__(self, name: str) -> NoReturn:
        raise KeyError(f"no object {name!r} in this story; {_nearest(name, self)}")


# --- events ---------------------------------------------------------------------------------------

# Arguments of each kind of event; in brackets: may be left out. "individuals": one name or several.
_GRAMMAR: dict[str, tuple[str, ...]] = {
    "place": ("object", "place", "[room]"),
    "move": ("individual", "object", "place"),
    "enter": ("individuals", "room"),
    "exit": ("individuals", "room"),
    "claim": ("individual", "object", "claimed place"),
    "tell": ("individual", "listener", "object", "claimed place"),
    "open": ("individual", "container"),
    "close": ("individual", "container"),
    "look": ("individuals", "place"),
    "fill": ("container", "contents", "[room]"),
    "want": ("individual", "wanted"),
    "feel": ("individual", "feeling"),
}
_NOISE = "noise"
_INDIVIDUAL, _OBJECT, _ROOM, _CONTAINER = "individual", "object", "room", "container"
# What a name in each argument is, so that one name has one role in a story.
_ROLES = {
    "individual": _INDIVIDUAL,
    "individuals": _INDIVIDUAL,
    "listener": _INDIVIDUAL,
    "object": _OBJECT,
    "room": _ROOM,
    "container": _CONTAINER,
}
_NAME_OPTIONS = ("hidden", "inattentive", "sees")


@dataclass
class _Event:
    """One event, its shape checked: names only, no lists left to mutate."""

    index: int
    raw: Any
    kind: str
    args: dict[str, str] = field(default_factory=dict)
    who: tuple[str, ...] = ()  # individual or individuals
    options: dict[str, tuple[str, ...]] = field(default_factory=dict)
    takes: tuple[tuple[str, str], ...] | None = None
    label: str | None = None

    @property
    def stated(self) -> bool:
        """Perception is stated in full: nothing about it needs to follow from rooms."""
        return self.takes is not None and "sees" in self.options

    def bad(self, message: str) -> NoReturn:
        try:
            text = json.dumps(self.raw, ensure_ascii=False)
        except (TypeError, ValueError):
            text = repr(self.raw)
        raise ValueError(f"event {self.index} {text}: {message}")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


def _parse(index: int, raw: Any) -> _Event:
    """Check the shape of one event: its kind, its arguments, its options."""
    event = _Event(index, raw, "")
    if not _is_list(raw) or not raw or not _is_name(raw[0]):
        event.bad('expected a list that begins with its kind, such as ["noise", "..."]')
    event.kind = raw[0]
    if event.kind == _NOISE:
        return event
    if event.kind not in _GRAMMAR:
        kinds = [*_GRAMMAR, _NOISE]
        event.bad(f"unknown kind {event.kind!r}; {_nearest(event.kind, kinds)}")
    parts = list(raw[1:])
    if parts and isinstance(parts[-1], dict):
        _parse_options(event, parts.pop())
    grammar = _GRAMMAR[event.kind]
    needed = [argument for argument in grammar if not argument.startswith("[")]
    if not len(needed) <= len(parts) <= len(grammar):
        event.bad(f"expected {json.dumps([event.kind])[:-1]}, {', '.join(grammar)}]")
    for argument, part in zip(grammar, parts, strict=False):
        argument = argument.strip("[]")
        if argument == "individuals" and _is_list(part):
            if not part or not all(map(_is_name, part)):
                event.bad(f"expected a name or a list of names, not {part!r}")
            event.who = tuple(part)
        elif not _is_name(part):
            event.bad(f"expected a name as {argument}, not {part!r}")
        elif argument in ("individual", "individuals"):
            event.who = (part,)
        else:
            event.args[argument] = part
    if event.args.get("listener") in event.who:
        event.bad("expected a listener other than the speaker")
    return event


def _parse_options(event: _Event, options: Mapping[Any, Any]) -> None:
    known = [*_NAME_OPTIONS, "takes"] + (["label"] if event.kind == "fill" else [])
    for key, value in options.items():
        if key not in known:
            event.bad(f"unknown option {key!r}; {_nearest(key, known)}")
        if key == "label":
            if not _is_name(value):
                event.bad(f"expected a name as label, not {value!r}")
            event.label = value
        elif not _is_list(value):
            event.bad(f"expected a list as {key!r}, not {value!r}")
        elif key == "takes":
            pairs = [tuple(pair) if _is_list(pair) else () for pair in value]
            if not all(len(pair) == 2 and all(map(_is_name, pair)) for pair in pairs):
                event.bad(f"expected pairs of names [[a, b], ...] as 'takes', not {value!r}")
            event.takes = tuple((a, b) for a, b in pairs)
        elif not all(map(_is_name, value)):
            event.bad(f"expected a list of names as {key!r}, not {value!r}")
        else:
            event.options[key] = tuple(value)
    stated = event.takes is not None or "sees" in event.options
    if stated and ("hidden" in event.options or "inattentive" in event.options):
        event.bad("expected either 'hidden' and 'inattentive' or 'sees' and 'takes', not both")


def _roles(events: Sequence[_Event]) -> dict[str, str]:
    """What each name in the story is; in the order of first mention.

    Raises:
        ValueError: one name in two roles (containers do not move, and do not nest).
    """
    roles: dict[str, str] = {}

    def assign(event: _Event, name: str, role: str) -> None:
        if name == GONE:
            event.bad(f"{GONE!r} is a place, it cannot be used as {role}")
        if roles.setdefault(name, role) != role:
            event.bad(f"{name!r} is used as {roles[name]} elsewhere in the story, here as {role}")

    for event in events:
        for name in event.who:
            assign(event, name, _INDIVIDUAL)
        for argument, name in event.args.items():
            if argument in _ROLES:
                assign(event, name, _ROLES[argument])
        for name in itertools.chain(*event.options.values(), *(event.takes or ())):
            assign(event, name, _INDIVIDUAL)
    # A place is a room, somebody's hands, gone, or else a container: only now is it known which.
    for event in events:
        place = event.args.get("place")
        if place is None or roles.get(place) in (_ROOM, _INDIVIDUAL):
            continue
        if place != GONE:
            assign(event, place, _CONTAINER)
        elif event.kind == "look":
            event.bad(f"nobody can look into {GONE!r}; expected a container, a room or hands")
    return roles


# --- the tracker ----------------------------------------------------------------------------------


class _Story:
    """The true world of a story, played event by event, and what each event does to beliefs.

    Sets of individuals are ints, bit a for individual a.
    """

    def __init__(self, events: Sequence[_Event], order: int, semantics: Semantics) -> None:
        self.events = events
        self.semantics = semantics
        self.roles = _roles(events)
        self.individuals = self._named(_INDIVIDUAL)
        self.number = {name: a for a, name in enumerate(self.individuals)}
        self.objects = self._named(_OBJECT)
        rooms = self._named(_ROOM)
        self.only_room = rooms[0] if len(rooms) == 1 else None
        self.table = chain_table(len(self.individuals), order)
        self.ledger = _Ledger(self.table)

        self.room_of: list[str | None] = [None] * len(self.individuals)
        self.left: dict[tuple[int, str], int] = {}  # (individual, room) -> event of the last exit
        self.home: dict[str, str] = {}  # container -> its room
        self.place: dict[str, str] = {}  # object -> true place
        self.lies: dict[str, str | None] = {}  # object -> room it was put down in
        self.standing_open: set[str] = set()
        self.holds: dict[str, str] = {}  # familiar container -> true contents
        self.label: dict[str, str] = {}  # familiar container -> what it says it holds
        self.first: dict[str, tuple[int, str]] = {}
        self.looks: set[int] = set()
        self.time = 0  # number of the event being played, counted from 1

    def _named(self, role: str) -> tuple[str, ...]:
        return tuple(name for name, r in self.roles.items() if r == role)

    def play(self) -> Beliefs:
        for event in self.events:
            self.time = event.index + 1
            if event.kind != _NOISE:
                getattr(self, f"_do_{event.kind}")(event)
        filled = dict.fromkeys(e.args["container"] for e in self.events if e.kind == "fill")
        cast = _Cast(
            self.individuals,
            self.objects,
            tuple(filled),
            self.first,
            frozenset(self.looks),
            len(self.events),
            self.semantics,
        )
        return Beliefs(self.ledger, cast, len(self.events))

    # Where things are.

    def _bits(self, names: Iterable[str]) -> int:
        return functools.reduce(lambda bits, name: bits | 1 << self.number[name], names, 0)

    def _present(self, room: str | None) -> int:
        if room is None:
            return 0
        return sum(1 << a for a, where in enumerate(self.room_of) if where == room)

    def _room_of_place(self, place: str) -> str | None:
        if place in self.number:
            return self.room_of[self.number[place]]
        return place if self.roles.get(place) == _ROOM else self.home.get(place)

    def _room_of_object(self, name: str) -> str | None:
        """The room of its last true place; what is carried is where its carrier is (rule 4)."""
        place = self.place.get(name)
        return self._room_of_place(place) if place in self.number else self.lies.get(name)

    def _room_of_actors(self, event: _Event) -> str | None:
        """The room in which the event happens: that of those who do it."""
        rooms = {self.room_of[self.number[name]] for name in event.who}
        if event.stated:
            return rooms.pop() if len(rooms) == 1 else None
        for name in event.who:
            if self.room_of[self.number[name]] is None:
                event.bad(
                    f"{name} is in no room: expected an 'enter' before this, or both 'sees' "
                    "and 'takes' stated"
                )
        if len(rooms) > 1:
            event.bad(f"expected everybody in one room, they are in {', '.join(map(str, rooms))}")
        return rooms.pop()

    def _expect_here(self, event: _Event, name: str, room: str | None, actors: str | None) -> None:
        """`name`, which is in `room`, must be in reach of the actors."""
        if not event.stated and room != actors and room is not None:
            event.bad(f"expected {name!r} in the {actors}, where {event.who[0]} is; it is in {room}")

    def _settle(self, container: str, room: str | None) -> None:
        """A container is in the room where it is first heard of, and stays there."""
        if self.roles.get(container) == _CONTAINER and room is not None:
            self.home.setdefault(container, room)

    def _stage(self, event: _Event, place: str, fallback: str | None = None) -> str | None:
        """The room of a `place` or `fill`, which nobody does: stated, known, or the only one."""
        stated = event.args.get("room")
        known = self._room_of_place(place) if place != GONE else fallback
        if stated is not None and known is not None and stated != known:
            event.bad(f"expected {known!r} as the room, where {place!r} is already, not {stated!r}")
        if place in self.number and known is None:
            if not event.stated:
                event.bad(f"{place} is in no room: expected an 'enter' before this")
            return None
        room = known or stated or self.only_room
        if room is None and not event.stated:
            event.bad(
                f"expected the room of {place!r} as last argument: it is not known from an earlier "
                "event, and the story does not have just one room"
            )
        self._settle(place, room)
        return room

    def _in_view(self, name: str) -> int:
        """Who perceives the object at this moment (for rule 8)."""
        place, room = self.place.get(name, GONE), self._room_of_object(name)
        holder = 1 << self.number[place] if place in self.number else 0
        shut_in = self.roles.get(place) == _CONTAINER and not self._stands_open(place)
        return holder | (0 if shut_in or place == GONE else self._present(room))

    def _stands_open(self, container: str) -> bool:
        return self.semantics.containers == "open" or container in self.standing_open

    # Who perceived it.

    def _in_sight(self, event: _Event, present: int) -> tuple[int, list[int]]:
        """Who could perceive it, hidden onlookers included, and is taken to: sees, takes by row."""
        hidden = self._bits(event.options.get("hidden", ()))
        present |= hidden
        rows = range(len(self.individuals))
        return present, [present & ~hidden if present >> a & 1 else 0 for a in rows]

    def _perceived(self, event: _Event, present: int, doers: Iterable[str] = ()) -> npt.NDArray[np.bool_]:
        """Chains that the event updates by rule 1, (N,) bool, never reality.

        `present` would perceive it if nothing else was said (rule 2); `doers` do in any case (rule
        4: who places or moves a thing perceives it; and one knows what one wants and shows).
        """
        sees, takes = self._in_sight(event, present)
        sees &= ~self._bits(event.options.get("inattentive", ()))
        if "sees" in event.options:
            sees = self._bits(event.options["sees"])
        if event.takes is not None:
            takes = [0] * len(self.individuals)
            for a, b in event.takes:
                takes[self.number[a]] |= 1 << self.number[b]
        return self.ledger.mask(sees | self._bits(doers), takes)

    # What it does to beliefs.

    def _learn(
        self, chains: npt.NDArray[np.bool_], kind: str, name: str, value: str, real: bool = True
    ) -> None:
        """Let `chains` (and reality, if `real`) hold `value` of one fact."""
        column = self.ledger.column(kind, name).copy()
        column[chains] = self.ledger.code(value)
        if real:
            column[0] = self.ledger.code(value)
        self.ledger.write(self.time, kind, name, column)

    def _look_into(self, chains: npt.NDArray[np.bool_], places: Iterable[str]) -> None:
        """`chains` perceive the inside of `places`: what is there, and what is not (rule 6)."""
        self.looks.add(self.time)
        places = set(places)
        codes = [self.ledger.code(place) for place in places]
        for name in self.objects:
            if self.place.get(name) in places:
                self._learn(chains, _PLACE, name, self.place[name])
                continue
            column = self.ledger.column(_PLACE, name)
            void = chains & np.isin(column, codes)
            if void.any():
                self.ledger.write(self.time, _PLACE, name, np.where(void, np.int32(-1), column))
        for container in places & self.holds.keys():
            self._learn(chains, _CONTENTS, container, self.holds[container])

    def _show(self, chains: npt.NDArray[np.bool_], containers: Iterable[str]) -> None:
        """`chains` perceive the outsides: what they know nothing of is what the label says."""
        for container in containers:
            if container in self.label:
                blank = self.ledger.column(_CONTENTS, container) < 0
                self._learn(chains & blank, _CONTENTS, container, self.label[container], False)

    # The events.

    def _put(self, event: _Event, name: str, room: str | None, doers: Iterable[str] = ()) -> None:
        place = event.args["place"]
        chains = self._perceived(event, self._present(room), doers)
        before = self.place.get(name)
        self.place[name] = place
        self.lies[name] = room if place == GONE else self._room_of_place(place)
        self._learn(chains, _PLACE, name, place)
        self._show(chains, [place] if before is None else [place, before])

    def _do_place(self, event: _Event) -> None:
        name = event.args["object"]
        room = self._stage(event, event.args["place"], self._room_of_object(name))
        self.first.setdefault(name, (self.time, event.args["place"]))
        self._put(event, name, room)

    def _do_move(self, event: _Event) -> None:
        name, place = event.args["object"], event.args["place"]
        if name not in self.place:
            placed = ", ".join(map(repr, self.place)) or "nothing"
            event.bad(f"{name!r} was never placed; expected a 'place' before this (placed: {placed})")
        if self.place[name] == GONE:
            event.bad(f"{name!r} is gone; expected a 'place' before this")
        room = self._room_of_actors(event)
        self._expect_here(event, name, self._room_of_object(name), room)
        if place != GONE:
            if place in self.number and self._room_of_place(place) is None and not event.stated:
                event.bad(f"{place} is in no room: expected {place} in the {room}")
            self._expect_here(event, place, self._room_of_place(place), room)
            self._settle(place, room)
        self._put(event, name, room, event.who)

    def _do_enter(self, event: _Event) -> None:
        room = event.args["room"]
        newcomers = {a for a in map(self.number.__getitem__, event.who) if self.room_of[a] != room}
        if not newcomers:
            return  # a no-op changes nothing
        self._leave(newcomers)
        for a in newcomers:
            self.room_of[a] = room
        chains = self._perceived(event, self._present(room))
        inside = [container for container, home in self.home.items() if home == room]
        self._show(chains, inside)
        if self.semantics.containers == "open":
            hands = [name for name in self.individuals if self._room_of_place(name) == room]
            self._look_into(chains, [*inside, *hands, room])

    def _leave(self, individuals: Iterable[int]) -> None:
        for a in individuals:
            room = self.room_of[a]
            if room is not None:
                self.left[a, room] = self.time
            self.room_of[a] = None

    def _do_exit(self, event: _Event) -> None:
        for name in event.who:
            where = self.room_of[self.number[name]]
            if where != event.args["room"]:
                event.bad(
                    f"expected {name} in the {event.args['room']}, but {name} is in {where or 'no room'}"
                )
        self._leave({self.number[name] for name in event.who})

    def _do_claim(self, event: _Event) -> None:
        self._state(event, self._present(self._room_of_actors(event)))

    def _do_tell(self, event: _Event) -> None:
        self._state(event, self._bits([*event.who, event.args["listener"]]))

    def _state(self, event: _Event, present: int) -> None:
        """A statement by S: (..., x) and (..., x, S) take it if x trusts S; (S) never does."""
        speaker, name = self.number[event.who[0]], event.args["object"]
        table, n = self.table, len(self.individuals)
        in_view = self._in_view(name)
        # One entry more, False, for x = -1: the chains () and (S) have no x.
        open_to = np.array([not in_view >> x & 1 for x in range(n)] + [False], np.bool_)
        trusts = np.array([self._trusts(x, speaker, name) for x in range(n)] + [False], np.bool_)
        x = np.where(table.last == speaker, table.before_last, table.last)
        moved = (open_to & trusts)[x]
        if self.semantics.claims == "pairwise":
            moved &= (table.length == 1) | ((table.length == 2) & (table.last == speaker))
            # The speaker presumes to be believed, whoever trusts whom.
            moved |= (table.length == 2) & (table.members[:, 0] == speaker) & open_to[x]
        chains = self._perceived(event, present) & moved
        if chains.any():
            self._learn(chains, _PLACE, name, event.args["claimed place"], False)

    def _trusts(self, listener: int, speaker: int, name: str) -> bool:
        """Rule 9."""
        if self.semantics.trust != "later_exit":
            return self.semantics.trust == "always"
        room = self._room_of_object(name)
        return room is not None and self._exit_time(speaker, room) > self._exit_time(listener, room)

    def _exit_time(self, a: int, room: str) -> int:
        if self.room_of[a] == room:
            return self.time + 1  # still there: latest
        return self.left.get((a, room), -1)  # never there: earliest

    def _do_look(self, event: _Event) -> None:
        place = event.args["place"]
        chains = self._handle(event, place)
        open_to_view = self.roles.get(place) != _CONTAINER or self._stands_open(place)
        if not (event.takes is not None or "sees" in event.options or open_to_view):
            # All present perceive that somebody looks; who does not look sees no inside.
            others = ~np.uint64(self._bits(event.who))
            chains = chains & ((self.table.member_bits & others) == 0)
        self._look_into(chains, [place])

    def _do_open(self, event: _Event) -> None:
        container = event.args["container"]
        chains = self._handle(event, container)
        self.standing_open.add(container)
        self._look_into(chains, [container])

    def _do_close(self, event: _Event) -> None:
        self._handle(event, event.args["container"])
        self.standing_open.discard(event.args["container"])

    def _handle(self, event: _Event, place: str) -> npt.NDArray[np.bool_]:
        """Somebody turns to a place in reach; returns the chains that perceive it."""
        room = self._room_of_actors(event)
        self._expect_here(event, place, self._room_of_place(place), room)
        self._settle(place, room)
        chains = self._perceived(event, self._present(room))
        self._show(chains, [place])
        return chains

    def _do_want(self, event: _Event) -> None:
        self._express(event, _WANT, event.args["wanted"])

    def _do_feel(self, event: _Event) -> None:
        self._express(event, _SHOWN, event.args["feeling"])

    def _express(self, event: _Event, kind: str, value: str) -> None:
        name = event.who[0]
        chains = self._perceived(event, self._present(self.room_of[self.number[name]]), event.who)
        self._learn(chains, kind, name, value)

    def _do_fill(self, event: _Event) -> None:
        container = event.args["container"]
        room = self._stage(event, container)
        self.holds[container] = event.args["contents"]
        if event.label is not None:
            self.label[container] = event.label
        chains = self._perceived(event, self._present(room))
        self._learn(chains, _CONTENTS, container, self.holds[container])
        # Who is there and did not notice the filling has the container before them all the same.
        self._show(self.ledger.mask(*self._in_sight(event, self._present(room))), [container])


def track(
    events: Iterable[Sequence[Any]], order: int = MAX_ORDER, semantics: Semantics = _DEFAULT
) -> Beliefs:
    """Compute who believes what from a list of events.

    Arguments:
        events: plain lists, as they stand in JSON; `docs/minds.md` has all kinds. They are not
            changed, and not kept.
        order: longest chain of individuals to track, 0 (reality only) to 4.
        semantics: the switches; default `Semantics()`.

    Returns:
        Beliefs after the last event; `beliefs.at(k)` has those after any k of them.

    Raises:
        ValueError: an event is malformed or impossible in the story so far (the message has its
            index, counted from 0, its text and what was expected), or there are too many chains.
    """
    parsed = [_parse(index, raw) for index, raw in enumerate(events)]
    return _Story(parsed, order, semantics).play()
