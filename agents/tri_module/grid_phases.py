"""The phases of a training in gridworlds: listing 1 on lives of others and of oneself, listing 2 on practice.

What an update plays depends on its number, and what it draws on the trainer's random generator alone, so a
training that goes on plays and draws what it would have.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ...envs.simulation import Simulation
from ..training import whole_numbers
from .algorithms import finetune, pretrain
from .grid import GridBatch
from .lives import Actor, Lives, advantages_of, live, practised
from .routing import Learner

__all__ = ["GridFinetune", "GridPretrain", "Practice"]

_FORESEEN = 0.2  # share of the steps after which the next percept is predicted: neighbours are much alike


class _Playing:
    """What both share: worlds, and which seeds they take.

    Args:
        name: of the phase.
        simulation: W worlds.
        seed: of the first world; each time they are played they take W seeds.
        modes: (A,) how the game's characters act.
        length: steps of a life.
    """

    def __init__(
        self, name: str, simulation: Simulation, seed: int, modes: npt.NDArray[np.int64], length: int
    ) -> None:
        self.name, self.simulation, self.seed, self.modes, self.length = name, simulation, seed, modes, length
        self.seconds = {"environment": 0.0, "acting": 0.0}
        self.batch: GridBatch | None = None  # the last one: kept where a loss is not finite
        self._number = 0

    def state(self) -> dict[str, Any]:
        """How many updates were made."""
        return {"number": self._number}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self._number = int(state["number"])


class GridPretrain(_Playing):
    """Listing 1 on lives of the game's characters, each as one individual perceived it: what one does
    oneself, what those in sight do, and what one will perceive. An update has one life of each world.

    Args:
        name, simulation, seed, modes, length: as for all phases; nobody acts from outside.
        by_reward: move the behaviour heads at the reward-based rate, too; R(a^j) is what followed an action.
        viewer: whose lives; None: everybody's, by turns.
    """

    def __init__(
        self,
        name: str,
        simulation: Simulation,
        seed: int,
        modes: npt.NDArray[np.int64],
        length: int = 64,
        by_reward: bool = False,
        viewer: int | None = None,
    ) -> None:
        super().__init__(name, simulation, seed, modes, length)
        self.by_reward, self.viewer = by_reward, viewer
        self._played: tuple[int, Lives] | None = None

    @property
    def each(self) -> int:
        """How many updates learn from the same worlds."""
        return self.simulation.count if self.viewer is None else 1

    def update(self, learner: Learner, rng: np.random.Generator) -> dict[str, float]:
        """One update; its losses."""
        number, turn = divmod(self._number, self.each)
        worlds = np.arange(self.simulation.num_envs)
        if self._played is None or self._played[0] != number:
            began = time.perf_counter()
            seed = self.seed + number * len(worlds)
            self._played = number, live(self.simulation, seed, self.length, self.modes)
            self.seconds["environment"] += time.perf_counter() - began
        individuals = (worlds + turn) % self.each
        if self.viewer is not None:
            individuals = np.full(len(worlds), self.viewer)
        foreseen = rng.random((len(worlds), self.length)) < _FORESEEN
        self.batch = self._played[1].batch(
            worlds, individuals, foreseen=foreseen, others=True, by_reward=self.by_reward
        )
        self._number += 1
        return pretrain(learner, self.batch)


@dataclass(frozen=True)
class Practice:
    """How listing 2 practises.

    Attributes:
        length: steps that are played between two updates.
        epochs: how often an update goes over them.
        pieces: steps of the optimizer in an epoch.
        discount, trace: gamma and lambda.
        clip: of PPO's ratio.
        entropy, value: weights of the entropy bonus and of the value loss.
    """

    length: int = 64
    epochs: int = 4
    pieces: int = 8
    discount: float = 0.99
    trace: float = 0.95
    clip: float = 0.2
    entropy: float = 0.01
    value: float = 0.5

    def __post_init__(self) -> None:
        whole_numbers(self, "length", "epochs", "pieces")
        for name, most in (("discount", 1), ("trace", 1), ("clip", 1), ("entropy", 10), ("value", 10)):
            given = getattr(self, name)
            if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 <= given <= most:
                raise ValueError(f"{name} is {given!r}, expected a number from 0 to {most}")


class GridFinetune(_Playing):
    """Listing 2 by PPO: play one individual, and learn from what it brings. An update plays ``length`` steps
    of each world, and makes ``epochs`` times ``pieces`` steps of the optimizer.

    Args:
        name, simulation, seed, modes: as for all phases.
        individual: whom the model plays.
        practice: how.
        graft: before the first update copy the prediction read-out of one's own actions into the behaviour
            read-out, which listing 1 leaves untrained.

    Raises:
        ValueError: there are fewer worlds than pieces.
    """

    def __init__(
        self,
        name: str,
        simulation: Simulation,
        seed: int,
        modes: npt.NDArray[np.int64],
        individual: int,
        practice: Practice | None = None,
        graft: bool = False,
    ) -> None:
        self.practice = practice or Practice()
        super().__init__(name, simulation, seed, modes, self.practice.length)
        self.individual, self.graft = individual, graft
        if simulation.num_envs < self.practice.pieces:
            raise ValueError(
                f"pieces is {self.practice.pieces}, expected at most {simulation.num_envs}, the worlds"
            )

    def update(self, learner: Learner, rng: np.random.Generator) -> dict[str, float]:
        """One update: mean losses, and what an episode brought that ended in it."""
        model: Any = learner.model
        if self.graft and self._number == 0:
            learner.graft()
        how, worlds = self.practice, self.simulation.num_envs
        began = time.perf_counter()
        actor = Actor(model, worlds, torch.Generator().manual_seed(int(rng.integers(2**62))))
        seed = self.seed + self._number * worlds
        lives = live(self.simulation, seed, how.length, self.modes, self.individual, actor)
        self.seconds["acting"] += time.perf_counter() - began
        advantages, returns = advantages_of(lives, actor.choices, self.individual, how.discount, how.trace)
        losses: dict[str, list[float]] = {}
        for _ in range(how.epochs):
            for some in np.array_split(rng.permutation(worlds), how.pieces):
                self.batch, reward = practised(
                    lives, actor.choices, self.individual, some, advantages, returns,
                    clip=how.clip, entropy=how.entropy, value=how.value,
                )  # fmt: skip
                for name, value in finetune(learner, self.batch, reward).items():
                    losses.setdefault(name, []).append(value)
        self._number += 1
        found = {name: float(np.mean(values)) for name, values in losses.items()}
        brought = lives.returns(self.individual)
        if len(brought):
            found["return"] = float(brought.mean())
        return found
