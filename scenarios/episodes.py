"""An episode as a small file: what is needed to play it again, to the same bytes.

The file is JSON: which environment with which options, the seed, who decided for whom, and every
action. The actions of the game's own characters are recorded too, so a replay needs no policies.
But characters may draw from their world's random stream while they think, so a replay lets them
think again, compares what they decide with what was recorded, and compares the last world with a
digest: an episode that has been replayed is known to be the one that was played.

    episode = Episode.record("reach", seed=3)
    episode.save("reach.json")
    for simulation in Episode.load("reach.json").replay():
        ...  # the simulation after its reset, then after each step
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..envs.games import GAMES
from ..envs.minds import MAX_ORDER, Semantics
from ..envs.simulation import MODES, Simulation
from .files import nearest, write_text

__all__ = ["FORMAT", "VERSION", "Episode", "EpisodeError", "Recorder", "digest", "versions"]

FORMAT = "mindsight episode"
VERSION = 1


class EpisodeError(ValueError):
    """An episode file that is wrong, or that does not replay; the message names file and key."""


def versions() -> dict[str, str]:
    """Versions of what an episode's bytes depend on."""
    # Here and not above: the root package exports what this module defines.
    from .. import __version__

    return {"mindsight": __version__, "semantics": str(Semantics.version), "numpy": np.__version__}


def digest(simulation: Simulation, world: int = 0) -> str:
    """SHA-256 of one world's bytes as hexadecimal digits."""
    return hashlib.sha256(simulation.worlds[world].tobytes()).hexdigest()


@dataclass(frozen=True)
class Episode:
    """One played episode.

    Attributes:
        environment: its name.
        options: the environment's options, by name.
        seed: what the world was reset with.
        modes: for each individual one of ``game.MODES``: ``"external"`` where somebody outside the
            game decided, else the kind of character that did.
        actions: for each step, for each individual, an index into the game's ``actions``; in
            conversations only that of the one whose turn it was counted.
        digest: :func:`digest` of the last world; an empty one is not checked.
        window, order: as in :class:`Simulation`; the family's default window where None.
        scenario: what was played, or nothing.
        agents: for each individual the name of the agent that decided, for readers; or nothing.
        versions: see :func:`versions`.

    Raises:
        EpisodeError: a value that cannot be; it names the key.
    """

    environment: str
    options: Mapping[str, Any]
    seed: int
    modes: tuple[str, ...]
    actions: tuple[tuple[int, ...], ...]
    digest: str = ""
    window: int | None = None
    order: int = 2
    scenario: str = ""
    agents: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=versions)

    def __post_init__(self) -> None:
        if self.window is None and self.environment in GAMES:
            object.__setattr__(self, "window", GAMES[self.environment].window)
        _check(self)

    def __len__(self) -> int:
        """The number of steps."""
        return len(self.actions)

    # --- Files ------------------------------------------------------------------------------------
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the episode as JSON, one line a step; the file appears whole or not at all."""
        head: dict[str, Any] = {"format": FORMAT, "version": VERSION}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if item.name != "actions":
                head[item.name] = dict(value) if isinstance(value, Mapping) else value
        text = json.dumps(head, indent=1, ensure_ascii=False)
        steps = ",\n".join(f"  {json.dumps(row)}" for row in self.actions)
        return write_text(path, f'{text[:-2]},\n "actions": [\n{steps}\n ]\n}}\n')

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Episode:
        """Read an episode file.

        Raises:
            FileNotFoundError: there is none.
            EpisodeError: it is no episode file; the message names the file and the key.
        """
        path = Path(path)
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise EpisodeError(f"{path}: not a JSON file: {error}") from None
        try:
            return cls._from(data)
        except EpisodeError as error:
            raise EpisodeError(f"{path}: {error}") from None

    @classmethod
    def _from(cls, data: Any) -> Episode:
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            given = data.get("format") if isinstance(data, dict) else type(data).__name__
            raise EpisodeError(f"key 'format' is {given!r}, expected {FORMAT!r}")
        if data.get("version") != VERSION:
            raise EpisodeError(
                f"key 'version' is {data.get('version')!r}, expected {VERSION}: the file was "
                "written by another version of mindsight"
            )
        names = [item.name for item in dataclasses.fields(cls)]
        for key in data:
            if key not in names and key not in ("format", "version"):
                raise EpisodeError(f"unknown key {key!r}{nearest(key, names)}")
        for key in ("environment", "options", "seed", "modes", "actions"):
            if key not in data:
                raise EpisodeError(f"key {key!r} is missing")
        values = {key: data[key] for key in names if key in data}
        for key in ("modes", "agents"):
            if isinstance(values.get(key), list):
                values[key] = tuple(values[key])
        if isinstance(values["actions"], list):
            values["actions"] = tuple(
                tuple(row) if isinstance(row, list) else row for row in values["actions"]
            )
        return cls(**values)

    # --- Playing ----------------------------------------------------------------------------------
    @property
    def individuals(self) -> tuple[str, ...]:
        """Names of the individuals, in the order of the actions."""
        return GAMES[self.environment].individuals[: len(self.modes)]

    def simulation(self) -> Simulation:
        """A batch of one, reset as the episode began."""
        simulation = GAMES[self.environment].simulation(1, self.options, window=self.window, order=self.order)
        simulation.reset(self.seed)
        return simulation

    def replay(self, verify: bool = True) -> Iterator[Simulation]:
        """Play it again: yields the same simulation after its reset and after each step.

        Args:
            verify: raise where the replay differs from what was played. Without, the recorded
                actions are played whatever the characters would do now.

        Raises:
            EpisodeError: a character decides otherwise than recorded, the episode ends sooner, or
                the last world's bytes differ; it says what, when, and with which versions.
        """
        simulation = self.simulation()
        modes = np.array([MODES.index(mode) for mode in self.modes], np.int64)
        yield simulation
        for k, row in enumerate(self.actions):
            recorded = np.array([row], np.int64)
            if modes.any():
                actions = recorded.copy()
                simulation.script(modes, actions)
                if verify and (actions != recorded).any():
                    a = int(np.flatnonzero(actions[0] != recorded[0])[0])
                    raise EpisodeError(
                        f"step {k + 1}: {self.individuals[a]} ({self.modes[a]}) decides "
                        f"{simulation.actions[actions[0, a]]!r}, the recording has "
                        f"{simulation.actions[row[a]]!r}; " + self._provenance()
                    )
            if verify and simulation.ends.any():
                raise EpisodeError(
                    f"step {k + 1}: the episode is over after {k} steps, the recording has "
                    f"{len(self)}; {self._provenance()}"
                )
            simulation.step(recorded)
            yield simulation
        if verify and self.digest and digest(simulation) != self.digest:
            raise EpisodeError(
                f"key 'digest' is {self.digest[:12]}..., the replayed world has "
                f"{digest(simulation)[:12]}...; {self._provenance()}"
            )

    def verify(self) -> None:
        """Replay to the end; ``EpisodeError`` where that is not the same episode."""
        for _ in self.replay():
            pass

    def _provenance(self) -> str:
        now = versions()
        return (
            "recorded with "
            + ", ".join(f"{name} {value}" for name, value in self.versions.items())
            + "; replayed with "
            + ", ".join(f"{name} {value}" for name, value in now.items())
        )

    @classmethod
    def record(
        cls,
        environment: str,
        options: Mapping[str, Any] | None = None,
        *,
        seed: int = 0,
        modes: Sequence[str] | str = "scripted",
        policy: Callable[[Simulation], npt.NDArray[Any]] | None = None,
        window: int | None = None,
        order: int = 2,
        scenario: str = "",
        agents: Sequence[str] = (),
    ) -> Episode:
        """Play one episode to its end.

        Args:
            environment, options, seed, window, order: see :class:`Simulation`.
            modes: one for each individual, or one for all.
            policy: what decides for those in mode ``"external"``: the simulation to (A,) actions,
                of which only theirs count. They wait where there is none.
            scenario, agents: kept for readers.
        """
        if environment not in GAMES:
            raise EpisodeError(
                f"environment is {environment!r}, expected one of {', '.join(GAMES)}"
                f"{nearest(environment, GAMES)}"
            )
        simulation = GAMES[environment].simulation(1, options, window=window, order=order)
        simulation.reset(seed)
        names = [modes] * simulation.count if isinstance(modes, str) else list(modes)
        recorder = Recorder(simulation, seed=seed, modes=names, scenario=scenario, agents=agents)
        while not simulation.ends.any():
            recorder.step(None if policy is None else policy(simulation))
        return recorder.episode()


class Recorder:
    """Steps a batch of one and remembers what was done, for programs that play step by step.

    Args:
        simulation: a batch of one, without autoreset, just reset with ``seed``.
        seed: what it was reset with.
        modes: for each individual, one of ``game.MODES``.
        scenario, agents: kept for readers of the file.

    Raises:
        ValueError: the simulation is another than described.
    """

    def __init__(
        self,
        simulation: Simulation,
        *,
        seed: int,
        modes: Sequence[str],
        scenario: str = "",
        agents: Sequence[str] = (),
    ) -> None:
        if simulation.num_envs != 1 or simulation.autoreset != "disabled":
            raise ValueError(
                f"the simulation has {simulation.num_envs} worlds and autoreset "
                f"{simulation.autoreset!r}, expected 1 and 'disabled'"
            )
        if int(simulation.worlds["key"][0]) != seed or simulation.worlds["step"][0] != 0:
            raise ValueError(
                f"the simulation is at step {simulation.worlds['step'][0]} of seed "
                f"{simulation.worlds['key'][0]}, expected step 0 of seed {seed}: reset it first"
            )
        self.simulation = simulation
        self._start = Episode(
            environment=simulation.game.name,
            options=dataclasses.asdict(simulation.options),
            seed=seed,
            modes=tuple(modes),
            actions=(),
            window=simulation.size,
            order=simulation.order,
            scenario=scenario,
            agents=tuple(agents),
        )
        self._modes = np.array([MODES.index(mode) for mode in modes], np.int64)
        self._actions: list[tuple[int, ...]] = []

    def step(self, actions: npt.NDArray[Any] | Sequence[int] | None = None) -> tuple[int, ...]:
        """One step.

        Args:
            actions: (A,) for all individuals; only those of mode ``"external"`` count, they wait
                where it is None.

        Returns:
            What everybody did, (A,).
        """
        given = np.zeros(self.simulation.count, np.int64) if actions is None else np.array(actions)
        if given.shape != (self.simulation.count,):
            raise ValueError(f"actions have shape {given.shape}, expected ({self.simulation.count},)")
        if self.simulation.ends.any():
            raise ValueError("the episode is over: take a new Recorder for the next")
        row = given.astype(np.int64)[None]
        if self._modes.any():
            self.simulation.script(self._modes, row)
        self.simulation.step(row)
        done = tuple(int(action) for action in row[0])
        self._actions.append(done)
        return done

    def episode(self) -> Episode:
        """What has been played so far."""
        return dataclasses.replace(self._start, actions=tuple(self._actions), digest=digest(self.simulation))


def _check(episode: Episode) -> None:
    def expect(good: bool, key: str, expected: str, hint: str = "") -> None:
        if not good:
            given = getattr(episode, key)
            raise EpisodeError(f"key {key!r} is {given!r}, expected {expected}{hint}")

    known = f"one of {', '.join(GAMES)}"
    expect(
        isinstance(episode.environment, str) and episode.environment in GAMES,
        "environment",
        known,
        nearest(episode.environment, GAMES),
    )
    expect(isinstance(episode.options, Mapping), "options", "names and values")
    game = GAMES[episode.environment]
    try:
        options = game.options.make(episode.options)
    except ValueError as error:
        raise EpisodeError(f"key 'options': {error}") from None
    expect(
        type(episode.seed) is int and 0 <= episode.seed < 2**64,
        "seed",
        "a whole number from 0 to 2**64 - 1",
    )
    expect(episode.window in game.windows, "window", f"one of {', '.join(map(str, game.windows))}")
    expect(
        type(episode.order) is int and 0 <= episode.order <= MAX_ORDER,
        "order",
        f"a whole number from 0 to {MAX_ORDER}",
    )
    count = game.count(options)
    names = game.individuals[:count]
    expect(
        isinstance(episode.modes, tuple) and len(episode.modes) == count,
        "modes",
        f"{count} modes, for {', '.join(names)}",
    )
    for mode in episode.modes:
        expect(mode in MODES, "modes", f"each one of {', '.join(MODES)}", nearest(mode, MODES))
    expect(
        isinstance(episode.agents, tuple)
        and len(episode.agents) in (0, count)
        and all(isinstance(name, str) for name in episode.agents),
        "agents",
        f"{count} names or none",
    )
    for key in ("digest", "scenario"):
        expect(isinstance(getattr(episode, key), str), key, "text")
    expect(
        isinstance(episode.versions, Mapping)
        and all(isinstance(value, str) for value in episode.versions.values()),
        "versions",
        "names and versions",
    )
    if not isinstance(episode.actions, tuple):
        raise EpisodeError(f"key 'actions' is a {type(episode.actions).__name__}, expected rows")
    number = len(game.actions(options))
    for k, row in enumerate(episode.actions):
        if not isinstance(row, tuple) or len(row) != count:
            raise EpisodeError(f"key 'actions', step {k + 1} is {row!r}, expected {count} numbers")
        for action in row:
            if type(action) is not int or not 0 <= action < number:
                raise EpisodeError(
                    f"key 'actions', step {k + 1} has {action!r}, expected a whole number from 0 "
                    f"to {number - 1}"
                )
