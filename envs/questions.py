"""What a question about a chain of minds is worth, whatever the family of the world it is asked of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import combinations
from typing import Any, Generic, TypeVar

__all__ = ["UNKNOWN", "ChainReader"]

UNKNOWN = "unknown"  # the name of "no belief"

Key = TypeVar("Key", int, str)


class ChainReader(ABC, Generic[Key]):
    """Reads one world's minds; each family says how, in its own words for individuals and things.

    Attributes:
        simulation: the batch.
        world: the record of the world.
    """

    simulation: Any
    world: Any

    @abstractmethod
    def chain(self, *members: Key) -> tuple[int, ...]:
        """Indices of the individuals of a chain, adjacent repeats collapsed."""

    @abstractmethod
    def belief(self, thing: Key, *members: Key) -> str:
        """The place of a thing as a chain has it; without members, where it is.

        Raises:
            ValueError: for a chain longer than the order that is tracked.
        """

    @abstractmethod
    def first_place(self, thing: Key) -> str:
        """Where a thing was first."""

    @abstractmethod
    def last_mentioned(self, thing: Key) -> str:
        """Where a thing was last put or said to be."""

    def own(self, thing: Key, asked: Key, *members: Key) -> str:
        """What the asked one's own percepts support: the chain seen through its eyes. ``""`` where
        that would take a higher order than is tracked."""
        if len(self.chain(asked, *members)) > self.simulation.order:
            return ""
        return self.belief(thing, asked, *members)

    def required_order(self, thing: Key, members: Sequence[Key], answer: str) -> int:
        """The lowest order of reasoning that gets it right: the length of the shortest chain left
        when members are dropped that has the same answer."""
        for length in range(len(members)):
            for kept in combinations(members, length):
                if self.belief(thing, *kept) == answer:
                    return min(length, len(self.chain(*kept)))
        return len(members)

    def shortcuts(
        self, thing: Key, members: Sequence[Key], constant: str, asymmetric: bool = False
    ) -> dict[str, str]:
        """What shortcuts would answer to a question about a chain.

        Args:
            thing: what the chain is about.
            members: the chain.
            constant: the most frequent answer of such questions.
            asymmetric: whether somebody perceived something that another took them not to, or the other
                way round (hidden onlookers, whispers, gaze from behind). Elsewhere the order of a chain
                does not matter, and taking it for a set is no shortcut.
        """
        found = {
            "reality": self.belief(thing),
            "first_place": self.first_place(thing),
            "last_mentioned": self.last_mentioned(thing),
            "most_frequent": constant,
        }
        if members:
            found["dropped_first"] = self.belief(thing, *members[1:])
        if asymmetric and len(set(members)) > 1:
            found["as_set"] = self.belief_of_all(thing, members)
        return found

    def belief_of_all(self, thing: Key, members: Sequence[Key]) -> str:
        """A chain taken for a set: what each of them believes, where they agree; else the chain in reverse
        order."""
        each = {self.belief(thing, member) for member in members}
        return each.pop() if len(each) == 1 else self.belief(thing, *reversed(members))
