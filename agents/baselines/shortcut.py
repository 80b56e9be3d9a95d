"""Characters that mind no minds: how far a shortcut goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...envs.probes import Probe
from ..base import one_hot
from .characters import Character

__all__ = ["LastSeen", "RealityBiased", "Reflex", "Shortcut"]


class Shortcut(Character):
    """Answers questions about others' minds as a shortcut would. Questions about the world, and
    those that have no such shortcut, it answers by what its own percepts support; where they
    support nothing it guesses.

    Attributes:
        shortcut: one of ``probes.SHORTCUTS``.
    """

    shortcut: str

    def answer(self, probes: Sequence[Probe], state: Any) -> list[npt.NDArray[np.float64]]:
        """One answer, with certainty."""
        return [one_hot(probe.options, self.take(probe)) for probe in probes]

    def take(self, probe: Probe) -> str:
        """What it takes to be the answer."""
        return probe.shortcuts.get(self.shortcut, probe.own) if probe.chain else probe.own


class RealityBiased(Shortcut):
    """Takes everybody to know where things really are."""

    name = "reality_biased"
    mode = "reality_biased"
    shortcut = "reality"

    def take(self, probe: Probe) -> str:
        """Everybody knows, so whoever is asked about knows."""
        if probe.kind == "knowledge" and "yes" in probe.options:
            return "yes"
        return super().take(probe)


class LastSeen(Shortcut):
    """Takes the place where something was last put to be the place in question."""

    name = "last_seen"
    mode = "last_seen"
    shortcut = "last_mentioned"


class Reflex(Shortcut):
    """Follows a fixed habit, and gives the same answer always."""

    name = "reflex"
    mode = "reflex"
    shortcut = "most_frequent"
