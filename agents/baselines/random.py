"""The agent that minds nothing: chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base import Agent, guess

__all__ = ["Random"]


class Random(Agent):
    """A legal action at random, every answer equally likely.

    In an evaluation the engine draws, from each world's own stream. Elsewhere :meth:`act` draws
    from a stream of its own; its state is how many steps it has acted for.

    Args:
        seed: of that stream.
    """

    name = "random"
    mode = "random"
    can_answer = True

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def initial_state(self, n: int) -> int:
        """No step yet."""
        return 0

    def act(self, observation: Mapping[str, Any], state: int) -> tuple[npt.NDArray[np.int64], int]:
        """A legal action in each row."""
        legal = observation["action_mask"]
        rng = np.random.default_rng([self.seed, state])
        return np.where(legal, rng.random(legal.shape), -1.0).argmax(1).astype(np.int64), state + 1

    def answer(self, probes: Sequence[Any], state: int) -> list[npt.NDArray[np.float64]]:
        """The same probability for every option."""
        return [guess(probe["options"]) for probe in probes]
