"""What every environment is made of, and the batch that plays it: shared by grid and conversation.

A :class:`Game` is the rules of one environment: names, options, kernels, probes. A :class:`Simulation`
is a batch of its worlds: the one implementation behind every face (a single environment is a batch of
one). Each family (``envs/grid``, ``envs/conversation``) has its own kind of both.
"""

from __future__ import annotations

import dataclasses
import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .kernels import njit, whole
from .minds import MAX_ORDER, Semantics, chain_table
from .probes import Probe

__all__ = ["AUTORESET", "CHUNK", "MODES", "Game", "GameOptions", "Simulation"]

# What becomes of a world whose episode has ended (Gymnasium's AutoresetMode).
AUTORESET = ("disabled", "next_step", "same_step")
DISABLED, NEXT_STEP, SAME_STEP = range(3)

# What a step does with a world.
RESTING, RUNNING, ANEW = range(3)

CHUNK = 512  # worlds that go through the parts of a step together: they fit the cache

# Who decides for an individual: whoever calls step(), or a character of the game that acts on ...
MODES = (
    "external",
    "scripted",  # ... its own belief (and remembers where it has searched)
    "reality_biased",  # ... where things really are
    "last_seen",  # ... the place where something was last put, whoever saw it
    "exact",  # ... the tracker: knows reality and everybody's beliefs
    "random",  # ... nothing: a legal action at random
    "egocentric",  # ... its own wants and knowledge, as if they were everybody's
    "selfish",  # ... what it gains itself, from its own belief
    "prosocial",  # ... what the others truly gain: the oracle of kindness
    "reflex",  # ... a fixed habit that minds nobody and plans nothing; the game's page says which
)
(
    EXTERNAL,
    SCRIPTED,
    REALITY_BIASED,
    LAST_SEEN,
    EXACT,
    RANDOM,
    EGOCENTRIC,
    SELFISH,
    PROSOCIAL,
    REFLEX,
) = range(len(MODES))


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


@dataclass(frozen=True, kw_only=True)
class Game(ABC):
    """The rules of one environment.

    Attributes:
        name: as in ``mindsight.env(name)``.
        stage: the paper's stage, such as ``"4b"``.
        title: one line.
        roles: names of the individuals, in their order; individual k is called ``f"{roles[k]}_0"``
            (numbered on where a role comes twice).
        learner: the role that the Gymnasium face plays.
        options: its dataclass of options.
        encode: options to the numbers that the kernels read, 15 at most.
        count: how many individuals take part with these options.
        deal, play, script: its kernels; see the family's kind of game.
        probes: the questions that can be asked of a world now.
        documentation: the environment's page (its module's docstring).
        modes: how its characters can act, out of ``MODES``.
        tallies: what an episode counts besides ``perf``, such as refusals: name to the index in the
            records' ``memory``. Evaluation rows and cards have them.
    """

    name: str
    stage: str
    title: str
    roles: tuple[str, ...]
    learner: str
    options: type[GameOptions]
    encode: Callable[[Any], npt.NDArray[np.int64]]
    count: Callable[[Any], int]
    deal: Callable[..., None]
    play: Callable[..., None]
    script: Callable[..., None]
    probes: Callable[[Any, int], list[Probe]]
    documentation: str
    modes: tuple[str, ...] = MODES[:6]
    tallies: Mapping[str, int] = dataclasses.field(default_factory=dict)

    family: ClassVar[str]
    windows: ClassVar[tuple[int, ...]]  # how far an individual's observation may reach ...
    window: ClassVar[int]  # ... and how far it does by default
    views: ClassVar[tuple[str, ...]]  # what an agent may be given of a percept

    @property
    def individuals(self) -> tuple[str, ...]:
        """Names of all individuals: ``sally_0``, ``anne_0``, ..."""
        seen: dict[str, int] = {}
        names = []
        for role in self.roles:
            names.append(f"{role}_{seen.get(role, 0)}")
            seen[role] = seen.get(role, 0) + 1
        return tuple(names)

    def semantics(self, options: Any) -> Semantics:
        """The switches that beliefs follow with these options."""
        return Semantics()

    @abstractmethod
    def actions(self, options: Any) -> tuple[str, ...]:
        """The names of the actions that there are with these options."""

    @abstractmethod
    def simulation(
        self, num_envs: int = 1, options: Mapping[str, Any] | None = None, **more: Any
    ) -> Simulation:
        """A batch of worlds of this game; arguments as for :class:`Simulation`."""


@njit
def first_invalid(actions: Any, number: int) -> int:
    """Index in the flattened (B, A) actions of the first that is not 0 .. number - 1; -1 where all are."""
    for i in range(actions.shape[0]):
        for a in range(actions.shape[1]):
            if actions[i, a] < 0 or actions[i, a] >= number:
                return whole(i * actions.shape[1] + a)
    return -1


class Simulation(ABC):
    """A batch of worlds of one game.

    World k of a batch seeded s is byte for byte the single world seeded s + k, at any batch size and
    number of threads.

    Args:
        game: its rules.
        num_envs: B, the number of worlds.
        options: the game's options, by name.
        window: how far an observation reaches, one of the family's ``windows``; its default where None.
        order: the highest order of belief that is tracked, 0 to 4.
        num_threads: the batch is cut into as many pieces.
        autoreset: ``"disabled"``, ``"next_step"`` or ``"same_step"``.

    Attributes:
        worlds: (B,) the records; to be read, not written.
        masks: (B, A, actions) int8, what is legal. It alternates between two buffers: what one step
            returned is overwritten by the step after the next.
        rewards: (B, A) float32. ends: (B, 2) uint8, terminated and truncated.
        actions: the names of the actions.
        size: the window.
    """

    worlds: npt.NDArray[Any]
    masks: npt.NDArray[np.int8]
    actions: tuple[str, ...]

    def __init__(
        self,
        game: Game,
        num_envs: int = 1,
        options: Mapping[str, Any] | None = None,
        *,
        window: int | None = None,
        order: int = 2,
        num_threads: int = 1,
        autoreset: str = "disabled",
    ) -> None:
        window = game.window if window is None else window
        for name, value, allowed in (
            ("window", window, game.windows),
            ("order", order, tuple(range(MAX_ORDER + 1))),
            ("autoreset", autoreset, AUTORESET),
        ):
            if value not in allowed:
                raise ValueError(f"{name} is {value!r}, expected one of {', '.join(map(repr, allowed))}")
        for name, value in (("num_envs", num_envs), ("num_threads", num_threads)):
            if not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"{name} is {value!r}, expected a whole number of at least 1")
        self.game: Any = game
        self.options = game.options.make(dict(options or {}))
        self.num_envs, self.size, self.order = int(num_envs), window, order
        self.autoreset, self.num_threads = autoreset, min(num_threads, num_envs)
        self.count = game.count(self.options)
        self.individuals = game.individuals[: self.count]
        self.actions = game.actions(self.options)
        self._numbers = np.zeros(16, np.int64)
        numbers = game.encode(self.options)
        self._numbers[: len(numbers)] = numbers
        self.chains = chain_table(self.count, order)
        self.rewards = np.zeros((num_envs, self.count), np.float32)
        self.ends = np.zeros((num_envs, 2), np.uint8)
        self._autoreset = AUTORESET.index(autoreset)
        self._todo = np.zeros(num_envs, np.uint8)
        self._turn = 0
        b, threads = self.num_envs, self.num_threads
        self._pieces = [(b * k // threads, b * (k + 1) // threads) for k in range(threads)]
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._allocate()
        self.worlds["order"] = order
        self._flip()

    # --- What a family adds -----------------------------------------------------------------------------
    @abstractmethod
    def _allocate(self) -> None:
        """Make ``worlds`` and the two buffers of what is observed."""

    @abstractmethod
    def _flip(self) -> None:
        """Go over to the other buffers (``_turn``)."""

    @abstractmethod
    def _buffers(self) -> tuple[npt.NDArray[Any], ...]:
        """What alternates, arrays (2, B, ...)."""

    @abstractmethod
    def _begin(self, lo: int, hi: int) -> None:
        """New episodes in the worlds that are marked ANEW, and their first observations."""

    @abstractmethod
    def _advance(self, actions: npt.NDArray[np.int64], lo: int, hi: int) -> None:
        """A step of worlds ``lo`` to ``hi``."""

    @abstractmethod
    def _look(self, lo: int, hi: int) -> None:
        """Observe again what is there."""

    @abstractmethod
    def view(self, name: str, individual: int) -> dict[str, Any]:
        """What an individual is given of a percept, in all worlds: new arrays of B rows.

        Args:
            name: one of the game's ``views``.
            individual: its index.
        """

    # --- Playing ------------------------------------------------------------------------------------------
    def _run(self, kernel: Callable[..., Any], *arguments: Any) -> None:
        """Run a kernel over all worlds, a piece of the batch in each thread."""
        if self._pool is None:
            kernel(*arguments, 0, self.num_envs)
            return
        jobs = [self._pool.submit(kernel, *arguments, lo, hi) for lo, hi in self._pieces]
        for job in jobs:
            job.result()

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
            for buffer in self._buffers():
                buffer[self._turn] = buffer[self._turn ^ 1]
        self._todo[:] = np.where(which, ANEW, RESTING)
        self._run(self._begin)
        self.rewards[which] = 0
        self.ends[which] = 0

    def step(self, actions: npt.NDArray[Any]) -> None:
        """One step of all worlds.

        Args:
            actions: (B, A) whole numbers, indices into ``actions``. Illegal ones do nothing. In
                conversations only that of the individual whose turn it is counts.

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
        invalid = first_invalid(actions, len(self.actions))
        if invalid >= 0:
            world, individual = divmod(invalid, self.count)
            raise ValueError(
                f"the action of {self.individuals[individual]} in world {world} is "
                f"{actions[world, individual]}, expected 0 to {len(self.actions) - 1}"
            )
        self._flip()
        self._run(self._advance, actions)

    def script(self, modes: npt.NDArray[np.int64], actions: npt.NDArray[np.int64]) -> None:
        """Let the game's characters decide.

        Args:
            modes: (A,) int64, indices into ``MODES``; individuals in mode 0 are left alone.
            actions: (B, A) int64, overwritten for the others. In conversations only those whose turn it is
                think; the others get 0.

        Raises:
            ValueError: for another shape or dtype, before anything is written: the kernels, which do not look
                at lengths, would read and write beyond an array's end.
        """
        self._look_at_modes(modes)
        if actions.shape != (self.num_envs, self.count) or actions.dtype != np.int64:
            raise ValueError(
                f"actions are {actions.dtype} of shape {actions.shape}, expected int64 of shape "
                f"({self.num_envs}, {self.count}): worlds x individuals"
            )
        self._script(modes, actions)

    def _look_at_modes(self, modes: npt.NDArray[np.int64]) -> None:
        if modes.shape != (self.count,) or modes.dtype != np.int64:
            raise ValueError(
                f"modes are {modes.dtype} of shape {modes.shape}, expected int64 of shape ({self.count},): "
                f"one for each of {', '.join(self.individuals)}"
            )

    @abstractmethod
    def _script(self, modes: npt.NDArray[np.int64], actions: npt.NDArray[np.int64]) -> None:
        """What :meth:`script` does, of arrays that have been looked at."""

    def probes(self, world: int = 0) -> list[Probe]:
        """The questions that can be asked of a world now, with their exact answers."""
        found: list[Probe] = self.game.probes(self, world)
        return found

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
        if not worlds["individuals"].any():  # of before the first reset: there is nothing to look at yet
            for buffer in self._buffers():
                buffer[self._turn] = 0
            return
        self._todo[:] = ANEW
        self._run(self._look)

    def __getstate__(self) -> dict[str, Any]:
        arguments = {
            "num_envs": self.num_envs,
            "options": dataclasses.asdict(self.options),
            "window": self.size,
            "order": self.order,
            "num_threads": self.num_threads,
            "autoreset": self.autoreset,
        }
        return {"game": self.game.name, "arguments": arguments, "state": self.get_state()}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        from .games import GAMES

        self.__init__(GAMES[saved["game"]], **saved["arguments"])  # type: ignore[misc]
        self.set_state(saved["state"])

    def close(self) -> None:
        """Stop the threads."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
