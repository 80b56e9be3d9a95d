"""What tri-module agents of all worlds have in common: a network, how it learns, its files."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from ..base import Agent
from ..training import RunFolder, losses, read_description, training_bar, write
from .model import SeparateModules, TriModule
from .trainer import Progress, Trainer

__all__ = ["AGENT_FILE", "Course", "TrainedAgent", "drawn", "read_agent"]

AGENT_FILE = "agent.json"
_FORMAT, _VERSION = "mindsight tri-module agent", 1


class Course(Protocol):
    """What an agent learns from: a curriculum."""

    def training(
        self, *, model: TriModule | SeparateModules, seed: int | None, out: str | os.PathLike[str] | None
    ) -> Trainer:
        """A training of this network that has not begun, with its run folder."""


class TrainedAgent(Agent):
    """An agent whose network learns by curricula, and is saved.

    Args:
        model: the network.
        name: on cards.
        seed: of what it draws.

    Attributes:
        run: the run folder of the last :meth:`learn`; None before.
    """

    def __init__(self, model: TriModule | SeparateModules, name: str, seed: int) -> None:
        self.model, self.name, self.seed = model, name, seed
        self.run: RunFolder | None = None

    def learn(
        self,
        curriculum: Course,
        *,
        seed: int | None = None,
        out: str | os.PathLike[str] | None = None,
        progress: bool = True,
        enough: Callable[[Progress], str | None] = lambda progress: None,
    ) -> Self:
        """Train this agent's network by a curriculum; its run folder is then in :attr:`run`.

        Args:
            curriculum: what is learned: a ``mindsight.Curriculum``, see ``mindsight.load_curriculum``. The
                sizes of a network that it has are not asked for.
            seed: of draws and episodes; the curriculum's own where None. Weights go on from what they are.
            out: the run folder, a new one; ``runs/<curriculum>-<time>`` where None.
            progress: show a progress bar; where nobody looks, a line now and then.
            enough: called between two updates; a text ends the training, and says why.

        Returns:
            The agent itself.

        Raises:
            TypeError: what is given is no curriculum.
            ValueError: it does not fit the network, or a loss is not finite; it says what.
            FileExistsError: ``out`` holds something.
        """
        if not callable(getattr(curriculum, "training", None)):
            raise TypeError(
                f"curriculum is {curriculum!r}, expected a Curriculum: mindsight.load_curriculum(NAME)"
            )
        trainer = curriculum.training(model=self.model, seed=seed, out=out)
        self.run = trainer.run
        if progress:
            with training_bar(trainer.total, math.inf, losses) as tell:
                trainer.train(tell, enough)
        else:
            trainer.train(enough=enough)
        self.model.load_state_dict(trainer.learner.finished.state_dict())  # the average, where there is one
        return self

    def save(self, folder: str | Path) -> Path:
        """Write ``model.safetensors``, ``model.json`` and ``agent.json``; ``TriModuleAgent.load`` makes it
        from them."""
        path = self.model.save(folder)
        whole = {"format": _FORMAT, "version": _VERSION, **self.described()}
        write(path / AGENT_FILE, json.dumps(whole, indent=1) + "\n")
        return path

    def described(self) -> dict[str, Any]:
        """All of it but the network, as JSON has it."""
        return {"name": self.name, "seed": self.seed}


def read_agent(folder: Path) -> tuple[Path, Mapping[str, Any]]:
    """Where the network of a saved agent is, or of what a run has come to, and what is said of the agent.

    Raises:
        ValueError: the description is none of ours, damaged, or of another version; it says which file.
    """
    path = folder / AGENT_FILE
    if path.is_file():
        return folder, read_description(path, _FORMAT, _VERSION, "a tri-module agent")
    last = folder / "checkpoints" / "last"
    return (last if last.is_dir() else folder), {"perspective": "inferred", "name": "tri_module"}


def drawn(probabilities: Tensor, uniform: Tensor) -> Tensor:
    """What (N, K) probabilities draw by numbers (N,) that are uniform in [0, 1): (N,) int64."""
    sums = probabilities.double().cumsum(1)
    return torch.searchsorted(sums, uniform[:, None] * sums[:, -1:], right=True)[:, 0]
