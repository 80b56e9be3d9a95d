"""The tri-module agent in gridworlds: it acts by its behaviour output, and foresees what others will do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...envs.grid.engine import NUM_FIELDS
from ..base import as_rows
from .grid import NOTHING, GridOutput, acting_part, looks
from .learning import TrainedAgent, drawn
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
        calls: how often they were asked what they do.
    """

    window: npt.NDArray[np.uint8]
    fields: npt.NDArray[np.uint8]
    before: npt.NDArray[np.int64]
    chosen: npt.NDArray[np.int64]
    calls: int

    @property
    def length(self) -> int:
        """t."""
        return int(self.before.shape[1])

    def later(self, first: int) -> Life:
        """From the percept ``first`` on."""
        return replace(
            self,
            window=self.window[:, first:],
            fields=self.fields[:, first:],
            before=self.before[:, first:],
        )

    def extended(self, window: Any, fields: Any, chosen: npt.NDArray[np.int64]) -> Life:
        """With the percept (n, 1, ...) that follows what was done last, and with what is done there."""
        return Life(
            np.concatenate([self.window, window], 1),
            np.concatenate([self.fields, fields], 1),
            np.concatenate([self.before, self.chosen[:, None]], 1),
            chosen,
            self.calls + 1,
        )


class GridAgent(TrainedAgent):
    """A tri-module transformer that plays gridworlds by its behaviour output, and remembers its life as far
    back as the model has positions.

    Args:
        model: the network.
        name: on cards.
        seed: of what it draws, see :meth:`predict`.

    Raises:
        ValueError: the network was not made for gridworlds.
    """

    observation = "symbolic"

    def __init__(self, model: TriModule | SeparateModules, name: str = "tri_module", seed: int = 0) -> None:
        super().__init__(model, name, seed)
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
            0,
        )

    def act(self, observation: Mapping[str, Any], state: Life) -> tuple[npt.NDArray[np.int64], Life]:
        """The likeliest action, see :meth:`predict`."""
        return self.predict(observation, state)

    def predict(
        self,
        observation: Mapping[str, Any],
        state: Life | None = None,
        episode_start: npt.NDArray[np.bool_] | None = None,
        deterministic: bool = True,
        action_masks: npt.NDArray[Any] | None = None,
    ) -> tuple[npt.NDArray[np.int64], Life]:
        """Choose an action by the behaviour output: the likeliest of those that can be done.

        Args:
            observation: what an environment with ``observation="symbolic"`` gives somebody, or n rows of it,
                as :meth:`Agent.act` is given them.
            state: what the last call, or :meth:`initial_state`, returned; None at the beginning.
            episode_start: (n,) bool, as Stable-Baselines3 has it: where all are True nothing is remembered.
            deterministic: False: actions are drawn. The draws depend on the agent's seed, on how many calls
                came before, and on the row.
            action_masks: the environment's ``info["action_mask"]``, or n rows of it; None where it is in the
                observation.

        Returns:
            Actions (n,), or one where one observation was given; and the new state.

        Raises:
            ValueError: something of the observation is missing, windows or masks are not of the model's size,
                the state is of more or fewer rows, or episodes begin in some alone: such want a state each.
        """
        rows, alone = as_rows(observation, action_masks, {"window": 3, "fields": 1})
        side = self._acting.config.window
        if np.shape(rows["window"])[1:] != (side, side, 4):
            raise ValueError(
                f"windows have shape {np.shape(rows['window'])[1:]}, expected {(side, side, 4)}: the "
                f"model was made for windows of {side} x {side} cells"
            )
        n = len(rows["fields"])
        begins = episode_start is not None and np.any(episode_start)
        if begins and not np.all(np.asarray(episode_start)):
            raise ValueError(
                f"episode_start is {np.asarray(episode_start).tolist()}, expected all True or all False: "
                "give rows whose episodes begin apart a state each"
            )
        state = self.initial_state(n) if state is None or begins else state
        if len(state.chosen) != n:
            raise ValueError(f"state is of {len(state.chosen)} lives, expected {n}, one for each row")
        window, fields = (np.asarray(rows[name], np.uint8)[:, None] for name in ("window", "fields"))
        mask = np.asarray(rows["action_mask"])
        logits, cache, state = self._on(window, fields, state)
        if mask.shape != tuple(logits.shape):
            raise ValueError(
                f"action masks have shape {mask.shape}, expected {tuple(logits.shape)}: a number for "
                "each action of each row"
            )
        logits = logits.masked_fill(torch.from_numpy(mask == 0), -torch.inf)
        if deterministic:
            chosen: npt.NDArray[np.int64] = logits.argmax(-1).numpy()
        else:
            uniform = np.random.default_rng((self.seed, state.calls)).random(n)
            chosen = drawn(logits.softmax(-1), torch.from_numpy(uniform)).numpy()
        state = state.extended(window, fields, chosen)
        self._read = state, cache
        return (chosen[0] if alone else chosen), state

    def _on(self, window: Any, fields: Any, state: Life) -> tuple[Tensor, Cache, Life]:
        """Logits (n, actions) at the percept (n, 1, ...) that follows what was done last; what has been read
        with it; and what is remembered before it."""
        context = self._acting.config.context
        if state.length == context:  # remembers the later half
            state = state.later(context - context // 2)
        if self._read is None or self._read[0] is not state or not self._acting.is_current(self._read[1]):
            cache = self._acting.new_cache(len(state.chosen))
            if state.length:
                self._forward(state.window, state.fields, state.before, cache)
        else:
            cache = self._read[1]
        out = self._forward(window, fields, state.chosen[:, None], cache)
        return out.behaviour[:, -1], cache, state

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
