"""The tri-module agent in gridworlds: it acts by its behaviour output, and foresees what others will do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ...envs.grid.engine import NUM_FIELDS
from ..base import Agent, as_rows
from .agent import write_agent
from .grid import NOTHING, GridOutput, acting_part, looks
from .model import Cache, SeparateModules, TriModule

__all__ = ["GridAgent", "Life"]


@dataclass(frozen=True)
class Life:
    """What n individuals have perceived and done since their episodes began.

    Attributes:
        window: (n, t, V, V, 4) uint8.
        fields: (n, t, F) uint8.
        before: (n, t) int64, the action before each percept.
        chosen: (n,) int64, what was done last.
    """

    window: npt.NDArray[np.uint8]
    fields: npt.NDArray[np.uint8]
    before: npt.NDArray[np.int64]
    chosen: npt.NDArray[np.int64]

    @property
    def length(self) -> int:
        """t."""
        return int(self.before.shape[1])

    def later(self, first: int) -> Life:
        """From the percept ``first`` on."""
        return Life(self.window[:, first:], self.fields[:, first:], self.before[:, first:], self.chosen)

    def extended(self, window: Any, fields: Any, chosen: npt.NDArray[np.int64]) -> Life:
        """With the percept (n, 1, ...) that follows what was done last, and with what is done there."""
        return Life(
            np.concatenate([self.window, window], 1),
            np.concatenate([self.fields, fields], 1),
            np.concatenate([self.before, self.chosen[:, None]], 1),
            chosen,
        )


class GridAgent(Agent):
    """A tri-module transformer that plays gridworlds. It does what its behaviour output takes to be likeliest
    of what can be done, and remembers its life as far back as the model has positions.

    Args:
        model: the network.
        name: on cards.

    Raises:
        ValueError: the network was not made for gridworlds.
    """

    observation = "symbolic"

    def __init__(self, model: TriModule | SeparateModules, name: str = "tri_module") -> None:
        self.name, self.model = name, model
        self._acting = acting_part(model)
        # What the state that was returned last has been read to: reading on is cheaper than reading again.
        self._read: tuple[Life, Cache] | None = None

    def initial_state(self, n: int) -> Life:
        """Nothing perceived."""
        side = self._acting.config.window
        return Life(
            np.zeros((n, 0, side, side, 4), np.uint8),
            np.zeros((n, 0, NUM_FIELDS), np.uint8),
            np.zeros((n, 0), np.int64),
            np.full(n, NOTHING),
        )

    def act(self, observation: Mapping[str, Any], state: Life) -> tuple[npt.NDArray[np.int64], Life]:
        """The likeliest action of those that can be done.

        Raises:
            ValueError: the windows are not of the model's size.
        """
        side = self._acting.config.window
        if observation["window"].shape[1:] != (side, side, 4):
            raise ValueError(
                f"windows have shape {observation['window'].shape[1:]}, expected {(side, side, 4)}: the "
                f"model was made for windows of {side} x {side} cells"
            )
        window, fields = observation["window"][:, None], observation["fields"][:, None]
        context = self._acting.config.context
        if state.length == context:  # remembers the later half
            state = state.later(context - context // 2)
        if self._read is None or self._read[0] is not state:
            cache = self._acting.new_cache(len(state.chosen))
            if state.length:
                self._forward(state.window, state.fields, state.before, cache)
        else:
            cache = self._read[1]
        out = self._forward(window, fields, state.chosen[:, None], cache)
        logits = out.behaviour[:, -1].masked_fill(torch.tensor(observation["action_mask"]) == 0, -torch.inf)
        chosen: npt.NDArray[np.int64] = logits.argmax(-1).numpy()
        state = state.extended(window, fields, chosen)
        self._read = state, cache
        return chosen, state

    def predict(
        self,
        observation: Mapping[str, Any],
        state: Life | None = None,
        *,
        action_masks: npt.NDArray[Any] | None = None,
    ) -> tuple[npt.NDArray[np.int64], Life]:
        """The same, of what an environment with ``observation="symbolic"`` gives somebody.

        Args:
            observation: one, or n rows of it.
            state: what the last call returned; None at the beginning of an episode.
            action_masks: the environment's ``info["action_mask"]``, or n rows of it; None where it is in the
                observation.

        Returns:
            Actions (n,), or one where one observation was given; and the new state.

        Raises:
            ValueError: something of the observation is missing, or the windows are not of the model's size.
        """
        rows, alone = as_rows(observation, action_masks, {"window": 3, "fields": 1})
        chosen, state = self.act(rows, self.initial_state(len(rows["fields"])) if state is None else state)
        return (chosen[0] if alone else chosen), state

    def _forward(self, window: Any, fields: Any, before: Any, cache: Cache) -> GridOutput:
        """Read on."""
        found: GridOutput = self._acting(*map(torch.tensor, (window, fields, before)), cache=cache)
        self._acting.advance(cache, torch.full((len(before),), before.shape[1]))
        return found

    def foresee(self, state: Life) -> npt.NDArray[np.float64]:
        """What those in sight will do now, by the prediction output, as seen from one's own life.

        Args:
            state: what :meth:`act` returned when it was given what is perceived now.

        Returns:
            (n, IDENTITIES, actions) probabilities by what they look like; 0 where nobody like that is seen.
        """
        with torch.no_grad():
            out = self.model(*map(torch.tensor, (state.window, state.fields, state.before)))
            chances = out.others[:, -1].softmax(-1)
        found: npt.NDArray[np.float64] = chances.double().numpy()
        found[~looks(state.window[:, -1])] = 0
        return found

    def save(self, folder: str | Path) -> Path:
        """Write ``model.safetensors``, ``model.json`` and ``agent.json``; ``TriModuleAgent.load`` makes it
        from them."""
        return write_agent(self.model.save(folder), {"name": self.name})
