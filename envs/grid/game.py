"""The gridworlds' kind of game, and the batch that plays it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..simulation import ANEW, AUTORESET, CHUNK, MODES, RESTING, GameOptions
from ..simulation import Game as AnyGame
from ..simulation import Simulation as AnySimulation
from . import engine, percepts, views
from .vision import WINDOWS

__all__ = ["AUTORESET", "MODES", "Game", "GameOptions", "Percept", "Simulation"]


@dataclass(frozen=True)
class Percept:
    """What one individual perceives at one time: a value, with nothing hidden in it.

    Attributes:
        window: (V, V, 4) uint8. fields: (F,) uint8. As in the symbolic observation.
    """

    window: npt.NDArray[np.uint8]
    fields: npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Game(AnyGame):
    """The rules of one gridworld.

    Attributes, besides those of all games:
        things: names of the things, in their order.
        deal: kernel ``(worlds, numbers, todo, lo, hi)``: new episodes where ``todo`` is ANEW.
        play: kernel ``(worlds, numbers, todo, lo, hi)``: the rules of a step, where it is RUNNING.
        script: kernel ``(worlds, numbers, modes, actions, lo, hi)``: what its characters do.
        judge: kernel ``(windows, fields, lengths, actions, who, numbers, out)``: the reward function,
            see :meth:`rewards`; None where a game does not tell.
        own_cells: the index in the records' ``memory`` from which on the cell is that each individual has
            for itself, such as its beacon: pictures show whose it is. None where nobody has one.
    """

    things: tuple[str, ...]
    judge: Callable[..., None] | None = None
    own_cells: int | None = None

    family: ClassVar[str] = "grid"
    windows: ClassVar[tuple[int, ...]] = WINDOWS
    window: ClassVar[int] = 7
    views: ClassVar[tuple[str, ...]] = ("flat", "symbolic", "text")

    def actions(self, options: Any) -> tuple[str, ...]:
        """All gridworlds have the same actions."""
        return engine.ACTIONS

    def simulation(
        self, num_envs: int = 1, options: Mapping[str, Any] | None = None, **more: Any
    ) -> Simulation:
        """A batch of worlds of this game; arguments as for :class:`Simulation`."""
        return Simulation(self, num_envs, options, **more)

    def reward(
        self, history: Sequence[Percept], action: int, who: int, options: Mapping[str, Any] | None = None
    ) -> float:
        """R(s, a) of the paper (eq. 1 and 2): what an action gave somebody, judged by percepts alone.

        A pure function. It can be called on any history and any action: the paper's R^i evaluated for j
        is ``reward(percepts of i, action of j, j)``. What j gained is then judged by what i sees of j:
        its face, what it carries, where it stands.

        Args:
            history: what somebody perceived, the oldest first; at least two percepts. The last is what
                the action led to (imagined, where the action is), the one before it what it was done on.
            action: what was done, an index of ``engine.ACTIONS``, by ``who``.
            who: index of the individual whose reward it is.
            options: of the game; its defaults where None.

        Raises:
            ValueError: the history is too short, or the game has no reward function.
        """
        if len(history) < 2:
            raise ValueError(f"the history has {len(history)} percepts, expected 2: before and after")
        windows = np.stack([np.asarray(percept.window, np.uint8) for percept in history])
        fields = np.stack([np.asarray(percept.fields, np.uint8) for percept in history])
        found = self.rewards(
            windows[None], fields[None], np.array([len(history)], np.int64),
            np.array([action], np.int64), np.array([who], np.int64), options,
        )  # fmt: skip
        return float(found[0])

    def rewards(
        self,
        windows: npt.NDArray[np.uint8],
        fields: npt.NDArray[np.uint8],
        lengths: npt.NDArray[np.int64],
        actions: npt.NDArray[np.int64],
        who: npt.NDArray[np.int64],
        options: Mapping[str, Any] | None = None,
    ) -> npt.NDArray[np.float64]:
        """:meth:`reward` of N histories at once.

        Args:
            windows: (N, T, V, V, 4) uint8, fields: (N, T, F) uint8, lengths: (N,) int64: what was
                perceived, the oldest first.
            actions: (N,) int64. who: (N,) int64: who acted, and whose reward it is.
            options: of the game; its defaults where None.

        Returns:
            (N,) float64.

        Raises:
            ValueError: the game has no reward function.
        """
        if self.judge is None:
            raise ValueError(f"{self.name} has no reward function of percepts")
        n, t, v = windows.shape[:3]
        numbers = np.zeros(16, np.int64)
        encoded = self.encode(self.options.make(dict(options or {})))
        numbers[: len(encoded)] = encoded
        numbers[engine.WINDOW_OPTION] = v
        codes = np.ascontiguousarray(windows).view(np.uint32).reshape(n, t, v * v)
        out = np.zeros(n)
        self.judge(codes, np.ascontiguousarray(fields), lengths, actions, who, numbers, out)
        return out


class Simulation(AnySimulation):
    """A batch of gridworlds: see :class:`mindsight.envs.simulation.Simulation`.

    Attributes, besides those of all simulations:
        window, fields: the current observation: (B, A, V, V, 4) uint8 and (B, A, F) uint8; they
            alternate between two buffers, as the masks do.
        final_window, final_fields: the last observation of the episodes that ended in a step that
            also began a new one (``autoreset="same_step"``).
    """

    def _allocate(self) -> None:
        self._numbers[engine.WINDOW_OPTION] = self.size
        table, game = self.chains, self.game
        self._chains = np.ascontiguousarray(np.stack([table.member_bits, table.pair_bits], 1))
        b, a, v = self.num_envs, self.count, self.size
        self.worlds = np.zeros(b, engine.world_dtype(len(game.roles), len(game.things), self.order))
        self._windows = np.zeros((2, b, a, v * v), np.uint32)
        self._fields = np.zeros((2, b, a, engine.NUM_FIELDS), np.uint8)
        self._masks = np.zeros((2, b, a, engine.NUM_ACTIONS), np.int8)
        self._final_window = np.zeros((b, a, v * v), np.uint32)
        self.final_fields = np.zeros((b, a, engine.NUM_FIELDS), np.uint8)
        self.final_window = self._final_window.view(np.uint8).reshape(b, a, v, v, 4)
        # both turns' observations as they are shown: making views costs a third of a small step
        self._shown = [
            (windows.view(np.uint8).reshape(b, a, v, v, 4), fields, masks)
            for windows, fields, masks in zip(self._windows, self._fields, self._masks, strict=True)
        ]
        self._written = list(zip(self._windows, self._fields, self._masks, strict=True))

    def _buffers(self) -> tuple[npt.NDArray[Any], ...]:
        return self._windows, self._fields, self._masks

    def _flip(self) -> None:
        self._turn ^= 1
        self._current = self._written[self._turn]
        self.window, self.fields, self.masks = self._shown[self._turn]

    def _begin(self, lo: int, hi: int) -> None:
        self.game.deal(self.worlds, self._numbers, self._todo, lo, hi)
        engine.observe(self.worlds, self._chains, *self._current, self._todo, ANEW, lo, hi)

    def _advance(self, actions: npt.NDArray[np.int64], lo: int, hi: int) -> None:
        """A step of worlds ``lo`` to ``hi``, a chunk at a time."""
        worlds, numbers, todo, game = self.worlds, self._numbers, self._todo, self.game
        chains = self._chains
        window, fields, masks = self._current
        for first in range(lo, hi, CHUNK):
            last = min(first + CHUNK, hi)
            if engine.act_all(worlds, actions, self._autoreset, todo, first, last):
                game.deal(worlds, numbers, todo, first, last)
            game.play(worlds, numbers, todo, first, last)
            ended = engine.finish_all(worlds, self.rewards, self.ends, self._autoreset, todo, first, last)
            engine.observe(worlds, chains, window, fields, masks, todo, RESTING, first, last)
            if ended:
                final = self._final_window, self.final_fields
                engine.keep_final(window, fields, *final, todo, first, last)
                self._begin(first, last)

    def _look(self, lo: int, hi: int) -> None:
        engine.observe(self.worlds, self._chains, *self._current, self._todo, ANEW, lo, hi)

    def _script(self, modes: npt.NDArray[np.int64], actions: npt.NDArray[np.int64]) -> None:
        self._run(self.game.script, self.worlds, self._numbers, modes, actions)

    def flat(self, final: bool = False) -> npt.NDArray[np.uint8]:
        """The observation as one-hot numbers, (B, A, N) uint8 in {0, 1}; a new array."""
        window = self._final_window if final else self._windows[self._turn]
        fields = self.final_fields if final else self._fields[self._turn]
        out = np.zeros((self.num_envs, self.count, views.flat_size(self.size)), np.uint8)
        self._run(views.flatten, window, fields, out)
        return out

    def view(self, name: str, individual: int) -> dict[str, Any]:
        """``"flat"`` (B, N) uint8; ``"symbolic"``: window (B, V, V, 4) and fields (B, F), uint8;
        ``"text"``: the percepts in words and the names of the actions, lists of B."""
        if name == "symbolic":
            return {
                "window": self.window[:, individual].copy(),
                "fields": self.fields[:, individual].copy(),
            }
        codes = np.ascontiguousarray(self._windows[self._turn][:, individual, None])
        fields = np.ascontiguousarray(self.fields[:, individual, None])
        if name == "flat":
            out = np.zeros((self.num_envs, 1, views.flat_size(self.size)), np.uint8)
            self._run(views.flatten, codes, fields, out)
            return {"flat": out[:, 0].copy()}
        space = percepts.space("tokens", self.size)
        tokens = np.empty((self.num_envs, 1, *(space.shape or ())), space.dtype)
        self._run(percepts.kernel("text"), codes, fields, tokens)
        texts = [percepts.decode(row, self.individuals) for row in tokens[:, 0]]
        return {"text": texts, "actions": [list(self.actions)] * self.num_envs}
