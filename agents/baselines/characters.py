"""Agents that act through a game's own characters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ...envs.simulation import MODES
from ..base import Agent

__all__ = ["Character"]


class Character(Agent):
    """Acts as the game's character in ``mode`` would, planning in the engine.

    An evaluation lets all characters of a batch think in one call of ``Simulation.script``;
    :meth:`act` does the same for one of them alone.
    """

    privileged = True
    can_answer = True

    def act(self, observation: Mapping[str, Any], state: Any) -> tuple[npt.NDArray[np.int64], Any]:
        """The character's actions; ``KeyError`` without ``observation["oracle"]``."""
        simulation, individual = observation["oracle"]
        modes = np.zeros(simulation.count, np.int64)
        modes[individual] = MODES.index(self.mode)
        actions = np.zeros((simulation.num_envs, simulation.count), np.int64)
        simulation.script(modes, actions)
        return actions[:, individual].copy(), state
