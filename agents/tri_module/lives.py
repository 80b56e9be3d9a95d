"""Lives in gridworlds: played side by side, and turned into what the listings learn from.

Worlds are played on and on, an episode behind the other, and nobody remembers anything of the episode
before. Everybody's percepts and actions are kept: those of the game's characters are what listing 1 learns
from, those of the individual that the model plays are what listing 2 learns from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ...envs.grid.engine import FIELD_SELF, NUM_ACTIONS
from ...envs.simulation import Simulation
from .algorithms import Reward, generalized_advantages
from .grid import IDENTITIES, NOTHING, GridBatch, acting_part, looks

__all__ = ["Actor", "Choices", "Lives", "advantages_of", "live", "practised"]


@dataclass(frozen=True)
class Lives:
    """T steps of W worlds with A individuals.

    Attributes:
        window: (T + 1, W, A, V, V, 4) uint8, what everybody saw before each step, and after the last.
        fields: (T + 1, W, A, F) uint8.
        masks: (T, W, A, actions) bool, what could be done.
        actions: (T, W, A) int64, what was done.
        rewards: (T, W, A) float32, what followed.
        ends: (T, W) bool, whether the episode ended with the step; the next percept is of another one.
    """

    window: npt.NDArray[np.uint8]
    fields: npt.NDArray[np.uint8]
    masks: npt.NDArray[np.bool_]
    actions: npt.NDArray[np.int64]
    rewards: npt.NDArray[np.float32]
    ends: npt.NDArray[np.bool_]

    @property
    def here(self) -> npt.NDArray[np.bool_]:
        """(T + 1, W, A), who is in the world: one sees where one stands."""
        side = self.window.shape[-2]
        found: npt.NDArray[np.bool_] = self.window[..., side - 1, side // 2, 0] != 0
        return found

    @property
    def last(self) -> npt.NDArray[np.bool_]:
        """(T, W, A), with which steps a life ends: the episode does, or one leaves the world."""
        found: npt.NDArray[np.bool_] = self.ends[..., None] | ~self.here[1:]
        return found

    def in_sight(self) -> npt.NDArray[np.int64]:
        """(T, W, A, IDENTITIES), what those do whom one sees; -1 where one sees nobody of that look."""
        do = np.full((*self.actions.shape[:2], IDENTITIES), -1)
        np.put_along_axis(do, self.fields[:-1, ..., FIELD_SELF].astype(np.int64), self.actions, -1)
        return np.where(looks(self.window[:-1]), do[:, :, None], -1)

    def returns(self, individual: int) -> npt.NDArray[np.float64]:
        """What each episode brought one individual that was played from its beginning to its end."""
        gained = self.rewards[:, :, individual].astype(np.float64).cumsum(0)
        found = []
        for world, step in zip(*self.ends.T.nonzero(), strict=True):
            earlier = self.ends[:step, world].nonzero()[0]
            before = gained[earlier[-1], world] if len(earlier) else 0.0
            found.append(gained[step, world] - before)
        return np.array(found)

    def batch(
        self,
        worlds: npt.NDArray[Any],
        individuals: npt.NDArray[Any],
        *,
        foreseen: npt.NDArray[np.bool_] | None = None,
        others: bool = False,
        by_reward: bool = False,
    ) -> GridBatch:
        """Some of the lives, a row each.

        Args:
            worlds, individuals: (R,) whose.
            foreseen: (R, T), where the next percept is to be predicted, if there is one of the same life.
            others: whether the actions of those in sight are to be predicted.
            by_reward: whether the batch has rewards.
        """

        def rows(values: npt.NDArray[Any]) -> Tensor:
            return torch.from_numpy(
                np.ascontiguousarray(values[: len(self.actions), worlds, individuals].swapaxes(0, 1))
            )

        ends = self.ends[:, worlds].T  # (R, T)
        steps = np.arange(ends.shape[1])
        first = np.ones_like(ends)
        first[:, 1:] = ends[:, :-1]
        starts = np.maximum.accumulate(np.where(first, steps, 0), 1)
        chosen = rows(self.actions)
        before = chosen.roll(1, 1)
        before[torch.from_numpy(first)] = NOTHING
        here = rows(self.here)
        foreseeable = None
        if foreseen is not None:
            foreseeable = torch.from_numpy(foreseen) & here & ~rows(self.last)
            foreseeable[:, -1] = False
        return GridBatch(
            rows(self.window), rows(self.fields), before, torch.from_numpy(starts), chosen, here,
            rows(self.rewards) if by_reward else None,
            foreseeable,
            rows(self.in_sight()) if others else None,
        )  # fmt: skip


#: Who acts for one individual: window (W, V, V, 4), fields (W, F), masks (W, actions), and (W,) whose
#: episode has just begun, to actions (W,).
Decide = Callable[[Any, Any, Any, Any], npt.NDArray[np.int64]]


def live(
    simulation: Simulation,
    seed: int,
    steps: int,
    modes: npt.NDArray[np.int64],
    individual: int = 0,
    decide: Decide | None = None,
) -> Lives:
    """Begin new episodes and play on.

    Args:
        simulation: W gridworlds, made with ``autoreset="same_step"``.
        seed: of the first world; they take W of them.
        steps: T.
        modes: (A,) how the game's characters act; 0 where they do not.
        individual: whom ``decide`` acts for.
        decide: see ``Decide``; None: the characters act for everybody.

    Raises:
        ValueError: the worlds would not begin a new episode in the step that ends one.
    """
    if simulation.autoreset != "same_step":
        raise ValueError(f"autoreset is {simulation.autoreset!r}, expected 'same_step'")
    if (modes == 0).sum() != (decide is not None):
        raise ValueError(
            f"modes are {modes.tolist()}, expected 0 for whom 'decide' acts, and for nobody else"
        )
    worlds: Any = simulation
    w, a, v = worlds.num_envs, worlds.count, worlds.size
    window = np.empty((steps + 1, w, a, v, v, 4), np.uint8)
    fields = np.empty((steps + 1, *worlds.fields.shape), np.uint8)
    masks = np.empty((steps, w, a, NUM_ACTIONS), np.bool_)
    actions = np.zeros((steps, w, a), np.int64)
    rewards = np.empty((steps, w, a), np.float32)
    ends = np.empty((steps, w), np.bool_)
    worlds.reset(seed)
    fresh = np.ones(w, np.bool_)
    for t in range(steps + 1):
        window[t], fields[t] = worlds.window, worlds.fields
        if decide is not None:
            chosen = decide(
                window[t, :, individual], fields[t, :, individual], worlds.masks[:, individual], fresh
            )
        if t == steps:
            break
        masks[t] = worlds.masks
        if modes.any():
            worlds.script(modes, actions[t])
        if decide is not None:
            actions[t, :, individual] = chosen
        worlds.step(actions[t])
        rewards[t] = worlds.rewards
        fresh = ends[t] = worlds.ends.any(1)
    return Lives(window, fields, masks, actions, rewards, ends)


@dataclass
class Choices:
    """What an actor made of each step.

    Attributes:
        logs: T + 1 times (W,), log-probabilities of the actions.
        values: T + 1 times (W,).
    """

    logs: list[Tensor]
    values: list[Tensor]


class Actor:
    """Acts by a model's behaviour output, and remembers each life.

    Args:
        model: acts.
        rows: W, how many lives it leads.
        generator: of its draws; None: it does what is likeliest.
    """

    def __init__(self, model: nn.Module, rows: int, generator: torch.Generator | None = None) -> None:
        self.model, self.generator = acting_part(model), generator
        self.cache = self.model.new_cache(rows)
        self.before = torch.full((rows,), NOTHING)
        self.choices = Choices([], [])

    def __call__(
        self, window: Any, fields: Any, masks: Any, fresh: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.int64]:
        """See ``Decide``."""
        new = torch.from_numpy(fresh)
        self.cache.lengths = self.cache.lengths.masked_fill(new, 0)
        before = self.before.masked_fill(new, NOTHING)
        out = self.model(
            torch.tensor(window)[:, None], torch.tensor(fields)[:, None], before[:, None], cache=self.cache
        )
        self.model.advance(self.cache, torch.ones_like(before))
        logs = out.behaviour[:, 0].masked_fill(torch.tensor(masks) == 0, -1e9).log_softmax(-1)
        if self.generator is None:
            chosen = logs.argmax(-1)
        else:
            chosen = torch.multinomial(logs.exp(), 1, generator=self.generator)[:, 0]
        self.before = chosen
        self.choices.logs.append(logs.gather(1, chosen[:, None])[:, 0])
        self.choices.values.append(out.value[:, 0])
        actions: npt.NDArray[np.int64] = chosen.numpy()
        return actions


def practised(
    lives: Lives,
    choices: Choices,
    individual: int,
    worlds: npt.NDArray[Any],
    advantages: Tensor,
    returns: Tensor,
    **settings: Any,
) -> tuple[GridBatch, Reward]:
    """Some rows of roll-outs, and what reward training knows of them.

    Args:
        lives, choices: what was played.
        individual: by the model.
        worlds: (R,) which of them.
        advantages, returns: (T, W) each.
        settings: of :class:`Reward`: ``clip``, ``entropy``, ``value``.
    """
    batch = lives.batch(worlds, np.full(len(worlds), individual))

    def of(values: Tensor) -> Tensor:  # (T, W, ...) to (N, ...)
        return batch.of_actions(values[:, worlds].transpose(0, 1))

    logs = torch.stack(choices.logs[:-1])
    legal = of(torch.from_numpy(lives.masks[:, :, individual]))
    return batch, Reward(of(advantages), of(logs), of(returns), legal, **settings)


def advantages_of(
    lives: Lives, choices: Choices, individual: int, discount: float, trace: float
) -> tuple[Tensor, Tensor]:
    """Generalized advantages, standardized over all steps that were lived, and returns: (T, W) each. An
    episode that is cut off at its limit counts as over: how late it is stands in every percept."""
    rewards = torch.from_numpy(lives.rewards[:, :, individual])
    last = torch.from_numpy(lives.last[:, :, individual])
    advantages, returns = generalized_advantages(rewards, torch.stack(choices.values), last, discount, trace)
    lived = advantages[torch.from_numpy(lives.here[:-1, :, individual])]
    return (advantages - lived.mean()) / (lived.std(unbiased=len(lived) > 1) + 1e-8), returns
