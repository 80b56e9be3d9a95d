"""Characters that mind minds: one as well as its own percepts allow, one that reads the tracker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...envs.probes import Probe
from ..base import one_hot
from .characters import Character

__all__ = ["Exact", "Scripted"]


class Scripted(Character):
    """Plans on its exact belief and remembers where it has searched; answers what its own percepts
    support (``Probe.own``), with its odds where chance decides, and guesses where they support nothing."""

    name = "scripted"
    mode = "scripted"

    def answer(self, probes: Sequence[Probe], state: Any) -> list[npt.NDArray[np.float64]]:
        """One answer, with certainty or its odds."""
        return [
            true_odds(probe) if probe.own == probe.answer else one_hot(probe.options, probe.own)
            for probe in probes
        ]


class Exact(Character):
    """Reads the tracker, to act and to answer: the upper bound."""

    name = "exact"
    mode = "exact"

    def answer(self, probes: Sequence[Probe], state: Any) -> list[npt.NDArray[np.float64]]:
        """The exact answer, with certainty; the true odds where chance decides."""
        return [true_odds(probe) for probe in probes]


def true_odds(probe: Probe) -> npt.NDArray[np.float64]:
    """The true probabilities of a probe's options."""
    if probe.odds:
        return np.array([probe.odds[option] for option in probe.options])
    return one_hot(probe.options, probe.answer)
