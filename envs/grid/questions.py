"""Asking about a world: names of places, beliefs by chain, and what a question is worth.

Games build their probes from these, so that a belief is read in one way only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..kernels import whole
from ..questions import UNKNOWN, ChainReader
from .engine import GONE, HANDS, NOWHERE, TERRAIN

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["UNKNOWN", "YES_NO", "Reader", "yes_no"]

YES_NO = ("yes", "no")


def yes_no(true: bool) -> str:
    """The answer to a question with the options ``YES_NO``."""
    return YES_NO[0] if true else YES_NO[1]


class Reader(ChainReader[str]):
    """Reads one world's minds by the names of individuals and things.

    Args:
        simulation: the batch.
        world: which world of it.
    """

    def __init__(self, simulation: Simulation, world: int = 0) -> None:
        self.simulation = simulation
        self.world = simulation.worlds[world]
        self.names = simulation.individuals
        self.things = simulation.game.things

    def place_name(self, place: int) -> str:
        """A place in words: ``"box"``, ``"basket"``, ``"glass"``, ``"hands of anne_0"``, ``"(3, 4)"``,
        ``"gone"``, or ``UNKNOWN``."""
        if place == NOWHERE:
            return UNKNOWN
        if place == GONE:
            return "gone"
        if place >= HANDS:
            return f"hands of {self.names[place - HANDS]}"
        terrain = TERRAIN[int(self.world["cells"][place]) & 0xFF]
        container, _, state = terrain.rpartition("_")
        if state in ("closed", "open") and container != "door":
            return container
        return f"({place & 15}, {place >> 4})"

    def chain(self, *members: str) -> tuple[int, ...]:
        """Indices of the individuals of a chain, adjacent repeats collapsed."""
        chain: list[int] = []
        for name in members:
            index = self.names.index(name)
            if not chain or chain[-1] != index:
                chain.append(index)
        return tuple(chain)

    def believed(self, thing: str, *members: str) -> int:
        """The place of a thing as a chain has it: ``believed("ball", "anne_0", "sally_0")`` is where
        Anne believes that Sally believes the ball to be; without members, where it is.

        Raises:
            ValueError: for a chain longer than the order that is tracked.
        """
        chain = self.chain(*members)
        if len(chain) > self.simulation.order:
            raise ValueError(
                f"the chain {members!r} has order {len(chain)}, but beliefs are tracked to order "
                f"{self.simulation.order}: make the environment with order={len(chain)}"
            )
        column = self.simulation.chains.index(chain)
        return int(self.world["belief"][self.things.index(thing), column])

    def belief(self, thing: str, *members: str) -> str:
        """:meth:`believed`, as a name."""
        return self.place_name(self.believed(thing, *members))

    def first_place(self, thing: str) -> str:
        """Where a thing was first."""
        return self.place_name(int(self.world["first"][self.things.index(thing)]))

    def last_mentioned(self, thing: str) -> str:
        """Where something was last put, whatever it was."""
        return self.place_name(int(self.world["mentioned"]))

    def sees(self, individual: str, cell: int) -> bool:
        """Whether an individual sees a cell now (with the window of the simulation)."""
        from .vision import sees

        return bool(sees(self.world, self.names.index(individual), whole(cell), self.simulation.size))
