"""What a gridworld is made of, and the batch that plays it.

A :class:`Game` is the rules of one environment: names, options, kernels, probes. A :class:`Simulation`
is a batch of its worlds: the one implementation behind every face (a single environment is a batch of
one).
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..minds import chain_table
from ..probes import Probe
from . import engine, views
from .vision import WINDOWS

__all__ = ["AUTORESET", "MODES", "Game", "GameOptions", "Simulation"]

# What becomes of a world whose episode has ended (Gymnasium's AutoresetMode); numbered in engine.py.
AUTORESET = ("disabled", "next_step", "same_step")

CHUNK = 512  # worlds that go through the parts of a step together: they fit the cache

# Who decides for an individual: whoever calls step(), or a character of the game that acts on ...
MODES = (
    "external",
    "scripted",  # ... its own belief (and remembers where it has searched)
    "reality_biased",  # ... where things really are
    "last_seen",  # ... the place where something was last put, whoever saw it
    "exact",  # ... the tracker: knows reality and everybody's beliefs
    "random",  # ... nothing: a legal action at random
)


@dataclass(frozen=True)
class GameOptions:
    """Options of a game. A subclass adds fields with defaults; ``CHOICES`` and ``RANGES`` say what they
    may be. Whatever is wrong is a ``ValueError`` that names the option, its value and what was expected.
    """

    limit: int = 100
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {}
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {}

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value: Any = getattr(self, field.name)
            kind: Any = type(field.default)
            if type(value) is not kind:
                raise ValueError(
                    f"option {field.name!r} is {value!r}, expected {kind.__name__} "
                    f"(default {field.default!r})"
                )
            if field.name in self.CHOICES and value not in self.CHOICES[field.name]:
                near = difflib.get_close_matches(str(value), [str(c) for c in self.CHOICES[field.name]], 1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise ValueError(
                    f"option {field.name!r} is {value!r}, expected one of "
                    f"{', '.join(map(repr, self.CHOICES[field.name]))}{hint}"
                )
            ranges: dict[str, tuple[int, int]] = {"limit": (1, 255), **self.RANGES}
            bounds = ranges.get(field.name)
            if bounds is not None and not bounds[0] <= value <= bounds[1]:
                raise ValueError(f"option {field.name!r} is {value!r}, expected {bounds[0]} to {bounds[1]}")

    @classmethod
    def make(cls, options: Mapping[str, Any]) -> GameOptions:
        """Options from names and values; ``ValueError`` names an unknown one and the nearest known."""
        names = [field.name for field in dataclasses.fields(cls)]
        for name in options:
            if name not in names:
                near = difflib.get_close_matches(str(name), names, 1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise ValueError(f"unknown option {name!r}, expected one of {', '.join(names)}{hint}")
        return cls(**options)


@dataclass(frozen=True)
class Game:
    """The rules of one gridworld.

    Attributes:
        name: as in ``mindsight.env(name)``.
        stage: the paper's stage, such as ``"4b"``.
        title: one line.
        roles: names of the individuals, in their order; individual k is called ``f"{roles[k]}_0"``
            (numbered on where a role comes twice).
        learner: the role that the Gymnasium face plays.
        things: names of the things, in their order.
        options: its dataclass of options.
        encode: options to the numbers that the kernels read, 15 at most.
        count: how many individuals take part with these options.
        deal: kernel ``(worlds, numbers, todo, lo, hi)``: new episodes where ``todo`` is ANEW.
        play: kernel ``(worlds, numbers, todo, lo, hi)``: the rules of a step, where it is RUNNING.
        script: kernel ``(worlds, numbers, modes, actions, lo, hi)``: what its characters do.
        probes: the questions that can be asked of a world now.
        documentation: the environment's page (its module's docstring).
    """

    name: str
    stage: str
    title: str
    roles: tuple[str, ...]
    learner: str
    things: tuple[str, ...]
    options: type[GameOptions]
    encode: Callable[[Any], npt.NDArray[np.int64]]
    count: Callable[[Any], int]
    deal: Callable[..., None]
    play: Callable[..., None]
    script: Callable[..., None]
    probes: Callable[[Simulation, int], list[Probe]]
    documentation: str

    @property
    def individuals(self) -> tuple[str, ...]:
        """Names of all individuals: ``sally_0``, ``anne_0``, ..."""
        seen: dict[str, int] = {}
        names = []
        for role in self.roles:
            names.append(f"{role}_{seen.get(role, 0)}")
            seen[role] = seen.get(role, 0) + 1
        return tuple(names)


class Simulation:
    """A batch of worlds of one game.

    World k of a batch seeded s is byte for byte the single world seeded s + k, at any batch size and
    number of threads.

    Args:
        game: its rules.
        num_envs: B, the number of worlds.
        options: the game's options, by name.
        window: V, the side of the window: 5, 7 or 9 cells.
        order: the highest order of belief that is tracked, 0 to 4.
        num_threads: the batch is cut into as many pieces.
        autoreset: ``"disabled"``, ``"next_step"`` or ``"same_step"``.

    Attributes:
        worlds: (B,) the records; to be read, not written.
        window, fields, masks: the current observation: (B, A, V, V, 4) uint8, (B, A, F) uint8 and
            (B, A, actions) int8. They alternate between two buffers: what one step returned is
            overwritten by the step after the next.
        rewards: (B, A) float32. ends: (B, 2) uint8, terminated and truncated.
        final_window, final_fields: the last observation of the episodes that ended in a step that
            also began a new one (``autoreset="same_step"``).
    """

    def __init__(
        self,
        game: Game,
        num_envs: int = 1,
        options: Mapping[str, Any] | None = None,
        *,
        window: int = 7,
        order: int = 2,
        num_threads: int = 1,
        autoreset: str = "disabled",
    ) -> None:
        for name, value, allowed in (
            ("window", window, WINDOWS),
            ("order", order, (0, 1, 2, 3, 4)),
            ("autoreset", autoreset, AUTORESET),
        ):
            if value not in allowed:
                raise ValueError(f"{name} is {value!r}, expected one of {', '.join(map(repr, allowed))}")
        for name, value in (("num_envs", num_envs), ("num_threads", num_threads)):
            if not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"{name} is {value!r}, expected a whole number of at least 1")
        self.game = game
        self.options = game.options.make(dict(options or {}))
        self.num_envs, self.size, self.order = int(num_envs), window, order
        self.autoreset, self.num_threads = autoreset, min(num_threads, num_envs)
        self.count = game.count(self.options)
        self.individuals = game.individuals[: self.count]
        self._numbers = np.zeros(16, np.int64)
        numbers = game.encode(self.options)
        self._numbers[: len(numbers)] = numbers
        self._numbers[engine.WINDOW_OPTION] = window
        table = chain_table(self.count, order)
        self._chains = np.ascontiguousarray(np.stack([table.member_bits, table.pair_bits], 1))
        self.chains = table
        dtype = engine.world_dtype(len(game.roles), len(game.things), order)
        self.worlds = np.zeros(num_envs, dtype)
        self.worlds["order"] = order
        b, a, v = num_envs, self.count, window
        self._windows = np.zeros((2, b, a, v * v), np.uint32)
        self._fields = np.zeros((2, b, a, engine.NUM_FIELDS), np.uint8)
        self._masks = np.zeros((2, b, a, engine.NUM_ACTIONS), np.int8)
        self._final_window = np.zeros((b, a, v * v), np.uint32)
        self.final_fields = np.zeros((b, a, engine.NUM_FIELDS), np.uint8)
        self.final_window = self._final_window.view(np.uint8).reshape(b, a, v, v, 4)
        self.rewards = np.zeros((b, a), np.float32)
        self.ends = np.zeros((b, 2), np.uint8)
        self._autoreset = AUTORESET.index(autoreset)
        self._todo = np.zeros(b, np.uint8)
        self._turn = 0
        # both turns' observations as they are shown: making views costs a third of a small step
        self._shown = [
            (windows.view(np.uint8).reshape(b, a, v, v, 4), fields, masks)
            for windows, fields, masks in zip(self._windows, self._fields, self._masks, strict=True)
        ]
        self._pieces = [
            (b * k // self.num_threads, b * (k + 1) // self.num_threads) for k in range(self.num_threads)
        ]
        self._pool = ThreadPoolExecutor(self.num_threads) if self.num_threads > 1 else None
        self._written = list(zip(self._windows, self._fields, self._masks, strict=True))
        self._flip()

    def _flip(self) -> None:
        """Go over to the other buffers."""
        self._turn ^= 1
        self._current = self._written[self._turn]
        self.window, self.fields, self.masks = self._shown[self._turn]

    def _run(self, kernel: Callable[..., Any], *arguments: Any) -> None:
        """Run a kernel over all worlds, a piece of the batch in each thread."""
        if self._pool is None:
            kernel(*arguments, 0, self.num_envs)
            return
        jobs = [self._pool.submit(kernel, *arguments, lo, hi) for lo, hi in self._pieces]
        for job in jobs:
            job.result()

    def _begin(self, lo: int, hi: int) -> None:
        """New episodes in the worlds that are marked ANEW, and their first observations."""
        self.game.deal(self.worlds, self._numbers, self._todo, lo, hi)
        engine.observe(self.worlds, self._chains, *self._current, self._todo, engine.ANEW, lo, hi)

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
            engine.observe(worlds, chains, window, fields, masks, todo, engine.RESTING, first, last)
            if ended:
                final = self._final_window, self.final_fields
                engine.keep_final(window, fields, *final, todo, first, last)
                self._begin(first, last)

    def reset(self, seed: int | None = None, chosen: npt.NDArray[np.bool_] | None = None) -> None:
        """Begin new episodes.

        Args:
            seed: world k's random stream starts afresh from ``seed + k``; None goes on with it.
            chosen: (B,) bool, the worlds that begin anew; all where None.
        """
        which = np.ones(self.num_envs, np.bool_) if chosen is None else np.asarray(chosen, np.bool_)
        if which.shape != (self.num_envs,):
            raise ValueError(f"chosen has shape {which.shape}, expected ({self.num_envs},)")
        if seed is not None:
            if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or seed < 0:
                raise ValueError(f"seed is {seed!r}, expected a whole number of at least 0")
            keys = np.uint64(seed % 2**64) + np.arange(self.num_envs, dtype=np.uint64)
            self.worlds["key"][which] = keys[which]
            self.worlds["draws"][which] = 0
            self.worlds["perf"][which] = 0  # a seeded world remembers no episode before
        self._flip()
        if chosen is not None:
            for buffer in (self._windows, self._fields, self._masks):
                buffer[self._turn] = buffer[self._turn ^ 1]
        self._todo[:] = np.where(which, engine.ANEW, engine.RESTING)
        self._run(self._begin)
        self.rewards[which] = 0
        self.ends[which] = 0

    def step(self, actions: npt.NDArray[Any]) -> None:
        """One step of all worlds.

        Args:
            actions: (B, A) whole numbers, indices into ``engine.ACTIONS``. Illegal ones do nothing.

        Raises:
            ValueError: for another shape, or a number that is no action; no world has moved then.
        """
        actions = np.asarray(actions)
        if actions.shape != (self.num_envs, self.count):
            raise ValueError(
                f"actions have shape {actions.shape}, expected ({self.num_envs}, {self.count}): "
                f"worlds x individuals"
            )
        if actions.dtype != np.int64:
            if actions.dtype.kind not in "iu":
                raise ValueError(f"actions have dtype {actions.dtype}, expected whole numbers")
            actions = actions.astype(np.int64)
        invalid = engine.first_invalid(actions)
        if invalid >= 0:
            world, individual = divmod(invalid, self.count)
            raise ValueError(
                f"the action of {self.individuals[individual]} in world {world} is "
                f"{actions[world, individual]}, expected 0 to {engine.NUM_ACTIONS - 1}"
            )
        self._flip()
        self._run(self._advance, actions)

    def script(self, modes: npt.NDArray[np.int64], actions: npt.NDArray[np.int64]) -> None:
        """Let the game's characters decide.

        Args:
            modes: (A,) indices into ``MODES``; individuals in mode 0 are left alone.
            actions: (B, A) int64, overwritten for the others.
        """
        self._run(self.game.script, self.worlds, self._numbers, modes, actions)

    def flat(self, final: bool = False) -> npt.NDArray[np.uint8]:
        """The observation as one-hot numbers, (B, A, N) uint8 in {0, 1}; a new array."""
        window = self._final_window if final else self._windows[self._turn]
        fields = self.final_fields if final else self._fields[self._turn]
        out = np.zeros((self.num_envs, self.count, views.flat_size(self.size)), np.uint8)
        self._run(views.flatten, window, fields, out)
        return out

    def probes(self, world: int = 0) -> list[Probe]:
        """The questions that can be asked of a world now, with their exact answers."""
        return self.game.probes(self, world)

    # --- State ------------------------------------------------------------------------------------------
    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """The whole state as a value: copies of all that the next step depends on."""
        return {
            # as bytes: numpy's copy of records leaves what is between their fields undefined
            "worlds": np.frombuffer(bytearray(self.worlds.tobytes()), self.worlds.dtype),
            "rewards": self.rewards.copy(),
            "ends": self.ends.copy(),
        }

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from a state of :meth:`get_state`; ``ValueError`` if it is of another game or batch."""
        worlds = state["worlds"]
        if worlds.dtype != self.worlds.dtype or worlds.shape != self.worlds.shape:
            raise ValueError(
                f"the state has {worlds.shape} worlds of {worlds.dtype.itemsize} bytes, expected "
                f"{self.worlds.shape} of {self.worlds.dtype.itemsize}: another game, order or batch"
            )
        self.worlds[...] = worlds
        self.rewards[...] = state["rewards"]
        self.ends[...] = state["ends"]
        self._flip()
        self._todo[:] = engine.ANEW
        self._run(engine.observe, self.worlds, self._chains, *self._current, self._todo, engine.ANEW)

    def __getstate__(self) -> dict[str, Any]:
        arguments = {
            "game": self.game.name,
            "num_envs": self.num_envs,
            "options": dataclasses.asdict(self.options),
            "window": self.size,
            "order": self.order,
            "num_threads": self.num_threads,
            "autoreset": self.autoreset,
        }
        return {"arguments": arguments, "state": self.get_state()}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        from . import GAMES

        arguments = dict(saved["arguments"])
        self.__init__(GAMES[arguments.pop("game")], **arguments)  # type: ignore[misc]
        self.set_state(saved["state"])

    def close(self) -> None:
        """Stop the threads."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
