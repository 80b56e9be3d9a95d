"""Gridworlds for the tri-module transformer: percepts in, one categorical for each part of what comes next.

A history is a life as one individual perceived it, one position a step. In go, added up in the stream's
width: the percept (the cells of its window, pose, hands, face, task, cues, the symbols it hears) and the
action before it. Out come, in parallel: by the behaviour output one's own action, and the value; by the
prediction output one's own action, the actions of those in sight, and, given what one does, every cell and
every field of the next percept. Heads, routing, listings and caches are the same as for words.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...envs.grid.engine import ARROW, FIELD_SIZES, FIELD_STEP, NUM_ACTIONS, NUM_FIELDS
from ...envs.grid.spaces import CHANNEL_HIGH
from ...envs.grid.views import flat_size, flatten
from ...envs.grid.vision import WINDOWS
from .algorithms import log_probabilities
from .functions import gelu
from .model import Cache, Output, SeparateModules, TriConfig, TriModule
from .routing import Learner

__all__ = [
    "IDENTITIES",
    "NOTHING",
    "GridBatch",
    "GridConfig",
    "GridModule",
    "GridOutput",
    "acting_part",
    "looks",
]

NOTHING = NUM_ACTIONS  # the action before the first percept of an episode
IDENTITIES = ARROW  # others are known by what they look like; an arrow does not act
_EACH = 12  # numbers that tell what a cell will show
_CHANNELS = tuple(high + 1 for high in CHANNEL_HIGH)
#: The step counts by one: nothing to predict.
_PREDICTED = tuple(k for k in range(NUM_FIELDS) if k != FIELD_STEP)
_FIELDS = tuple(FIELD_SIZES[k] for k in _PREDICTED)


@dataclass(frozen=True)
class GridConfig(TriConfig):
    """The size of a model for gridworlds.

    Attributes, besides those of :class:`TriConfig`:
        vocabulary: how many actions there are: always ``NUM_ACTIONS``.
        context: how many steps a life may have that is remembered.
        window: V, the side of what is seen.
    """

    vocabulary: int = NUM_ACTIONS
    context: int = 256
    window: int = 7
    packing: ClassVar[str] = "grid"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.vocabulary != NUM_ACTIONS:
            raise ValueError(f"vocabulary is {self.vocabulary}, expected {NUM_ACTIONS}, the actions")
        if self.window not in WINDOWS:
            raise ValueError(f"window is {self.window!r}, expected one of {', '.join(map(str, WINDOWS))}")


class _Percepts(nn.Module):
    """The prediction module's read-out of what will be perceived.

    Args:
        width: of the stream.
        cells: how many a window has.
    """

    def __init__(self, width: int, cells: int) -> None:
        super().__init__()
        self.others = nn.Linear(width, IDENTITIES * NUM_ACTIONS)
        self.action = nn.Embedding(NUM_ACTIONS, width)
        self.hidden = nn.Linear(width, width)
        self.cells = nn.Linear(width, cells * _EACH)
        self.cell = nn.Linear(_EACH, sum(_CHANNELS))
        self.fields = nn.Linear(width, sum(_FIELDS))

    def doing(self, states: Tensor) -> Tensor:
        """Logits (..., IDENTITIES, NUM_ACTIONS) of what others do, of final states (..., width)."""
        found: Tensor = self.others(states)
        return found.view(*states.shape[:-1], IDENTITIES, NUM_ACTIONS)

    def next(self, states: Tensor, actions: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Logits of the percepts that follow.

        Args:
            states: (N, width), final states.
            actions: (N,) int64, what one does there.

        Returns:
            Of the cells (N, V*V, categories), one for each of a cell's four channels; of the fields
            (N, categories), one for each but the step.
        """
        found = gelu(self.hidden(states + self.action(actions)))
        cells = self.cell(self.cells(found).view(len(found), -1, _EACH))
        parts = torch.split(cells, list(_CHANNELS), -1)
        return parts, torch.split(self.fields(found), list(_FIELDS), -1)


@dataclass(frozen=True)
class GridOutput(Output):
    """What comes out at every position.

    Attributes, besides those of :class:`Output`, whose logits are of one's own actions:
        states: (B, T, width), the final states that predictions are read out of.
        percepts: their read-out.
    """

    states: Tensor
    percepts: _Percepts

    @property
    def others(self) -> Tensor:
        """(B, T, IDENTITIES, NUM_ACTIONS) logits of what others will do, by what they look like."""
        return self.percepts.doing(self.states)


class GridModule(TriModule):
    """The network, for gridworlds.

    Args:
        config: its size.
        seed: of its parameters.
    """

    sizes = GridConfig
    config: GridConfig

    def __init__(self, config: GridConfig, seed: int = 0) -> None:
        super().__init__(config, seed)

    def _add_packing(self) -> None:
        width, side = self.config.width, self.config.window
        self.percept = nn.Linear(flat_size(side), width)  # of one-hot numbers: a sum of embeddings
        self.action = nn.Embedding(NUM_ACTIONS + 1, width)
        self.percept_readout = _Percepts(width, side * side)

    @staticmethod
    def owner(name: str) -> str:
        """The group of a parameter; the read-out of percepts and others' actions is prediction's."""
        return "prediction" if name.startswith("percept_readout.") else TriModule.owner(name)

    def forward(  # type: ignore[override]
        self,
        window: Tensor,
        fields: Tensor,
        before: Tensor,
        *,
        starts: Tensor | None = None,
        frozen: Collection[str] = (),
        cache: Cache | None = None,
    ) -> GridOutput:
        """Read lives.

        Args:
            window: (B, T, V, V, 4) uint8, what was seen.
            fields: (B, T, F) uint8.
            before: (B, T) int64, the action before each percept; ``NOTHING`` at the beginning.
            starts: (B, T) int64, where several lives stand one behind the other in a row: the position at
                which each one's own begins.
            frozen, cache: as for :meth:`TriModule.forward`.

        Raises:
            ValueError: for windows of another size, or more positions than the model has.
        """
        if cache is None:
            return self._output(*self.run(self.embed(window, fields, before), frozen=frozen, starts=starts))
        with torch.no_grad():
            return self._output(*self.run(self.embed(window, fields, before), cache=cache))

    def embed(self, window: Tensor, fields: Tensor, before: Tensor) -> Tensor:
        """(B, T, width); arguments as for :meth:`forward`."""
        b, t = before.shape
        side = self.config.window
        if window.shape != (b, t, side, side, 4) or fields.shape != (b, t, NUM_FIELDS):
            raise ValueError(
                f"window and fields have shapes {tuple(window.shape)} and {tuple(fields.shape)}, expected "
                f"({b}, {t}, {side}, {side}, 4) and ({b}, {t}, {NUM_FIELDS})"
            )
        flat = np.empty((b, t, flat_size(side)), np.uint8)
        codes = window.contiguous().numpy().view(np.uint32).reshape(b, t, side * side)
        flatten(codes, fields.contiguous().numpy(), flat, 0, b)
        x: Tensor = self.percept(torch.from_numpy(flat).to(self.percept.weight.dtype)) + self.action(before)
        return x

    def _output(self, acting: Tensor, simulating: Tensor) -> GridOutput:
        out = self.read(acting, simulating)
        return GridOutput(out.behaviour, out.prediction, out.value, simulating, self.percept_readout)

    @staticmethod
    def advance(cache: Cache, counts: Tensor) -> None:
        """Count the first ``counts`` (B,) of the percepts that were read last as part of the lives."""
        cache.lengths = cache.lengths + counts


def looks(window: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """(..., IDENTITIES): of which looks somebody is to be seen in windows (..., V, V, 4) uint8."""
    bodies = window[..., 2].reshape(*window.shape[:-3], -1).astype(np.int64)
    there = np.zeros((*bodies.shape[:-1], IDENTITIES + 2), np.bool_)  # the last: nobody; before it, arrows
    np.put_along_axis(there, np.where(bodies > 0, (bodies - 1) >> 2, IDENTITIES + 1), True, -1)
    return there[..., :IDENTITIES]


def acting_part(model: nn.Module) -> GridModule:
    """The network whose behaviour output is a model's own.

    Raises:
        ValueError: the model was not made for gridworlds.
    """
    part = model.behaviour if isinstance(model, SeparateModules) else model
    if not isinstance(part, GridModule):
        raise ValueError(f"model is a {type(part).__name__}, expected a GridModule")
    return part


@dataclass(frozen=True)
class GridBatch:
    """Lives, one or several behind each other in a row, and which of their steps are somebody's actions.

    Attributes:
        window, fields, before, starts: as for :meth:`GridModule.forward`.
        chosen: (B, T) int64, what was done at each percept.
        actions: (B, T) bool, which of these are to be predicted or were chosen.
        rewards: (B, T), R at each action; None where no listing asks for it.
        foreseen: (B, T) bool, at which of the actions the next percept is to be predicted, too: that of the
            next position; None: nowhere.
        others: (B, T, IDENTITIES) int64, what those in sight do, -1 where there is nobody to be seen; None:
            not to be predicted.
    """

    window: Tensor
    fields: Tensor
    before: Tensor
    starts: Tensor
    chosen: Tensor
    actions: Tensor
    rewards: Tensor | None = None
    foreseen: Tensor | None = None
    others: Tensor | None = None

    def __post_init__(self) -> None:
        shapes = [tuple(each.shape) for each in (self.before, self.starts, self.chosen, self.actions)]
        if len(set(shapes)) > 1:
            raise ValueError(f"before, starts, chosen and actions have shapes {shapes}, expected one (B, T)")
        if not self.actions.any():
            raise ValueError("actions marks no step")
        if self.foreseen is not None and (self.foreseen & ~self.actions).any():
            raise ValueError("foreseen marks a step that actions does not")
        if self.foreseen is not None and self.foreseen[:, -1].any():
            raise ValueError("foreseen marks the last position, which no percept follows")

    @property
    def choices(self) -> Tensor:
        """(N,) int64, the actions."""
        return self.chosen[self.actions]

    def read(self, learner: Learner, output: str = "") -> GridOutput:
        """What the model makes of it; ``output`` names the one that a loss is put on."""
        frozen = learner.frozen(output) if output else ()
        found: GridOutput = learner.model(
            self.window, self.fields, self.before, starts=self.starts, frozen=frozen
        )
        return found

    def of_actions(self, values: Tensor) -> Tensor:
        """Of (B, T, ...) values those at the actions: (N, ...)."""
        return values[self.actions]

    def deciding(self, values: Tensor) -> Tensor:
        """The same: what is done at a percept is decided there."""
        return self.of_actions(values)

    def errors(self, out: GridOutput) -> Tensor:
        """NLL, in nats, (N,): of one's own action, plus the mean one of an action of those in sight, plus the
        mean ones of what a cell will show and of a field, where these are foreseen."""
        found = -log_probabilities(out.prediction, self)
        if self.others is not None:
            found = found + self.others_errors(out)
        if self.foreseen is not None and bool(self.foreseen.any()):
            cells, fields = self.percept_errors(out)
            at = self.of_actions(self.foreseen)
            # of a draw of the actions: each stands for several, so that the mean over all stays the same
            scale = len(at) / len(cells)
            found = found.index_add(0, at.nonzero()[:, 0], (cells.mean((1, 2)) * 4 + fields.mean(1)) * scale)
        return found

    def others_errors(self, out: GridOutput) -> Tensor:
        """(N,) nats, the mean over those in sight; 0 where nobody is."""
        assert self.others is not None
        targets = self.of_actions(self.others)
        there = targets >= 0
        logits = out.percepts.doing(self.deciding(out.states))
        losses = F.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), reduction="none", ignore_index=-1
        ).view_as(targets)
        return losses.sum(1) / there.sum(1).clamp(min=1)

    def percept_errors(self, out: GridOutput) -> tuple[Tensor, Tensor]:
        """NLL, in nats, of the next percepts where they are foreseen, M steps.

        Returns:
            Of each cell's four channels (M, V*V, 4), the last, what somebody carries and shows, 0 where there
            is nobody; of each field but the step (M, F - 1).
        """
        assert self.foreseen is not None
        rows, places = self.foreseen.nonzero(as_tuple=True)
        cells, fields = out.percepts.next(out.states[rows, places], self.chosen[rows, places])
        seen = self.window[rows, places + 1].flatten(1, 2).long()  # (M, V*V, 4)
        felt = self.fields[rows, places + 1].long()
        of_cells = [
            F.cross_entropy(logits.transpose(1, 2), seen[..., k], reduction="none")
            for k, logits in enumerate(cells)
        ]
        of_cells[3] = of_cells[3] * (seen[..., 2] > 0)
        of_fields = [
            F.cross_entropy(logits, felt[:, k], reduction="none")
            for k, logits in zip(_PREDICTED, fields, strict=True)
        ]
        return torch.stack(of_cells, -1), torch.stack(of_fields, -1)
