"""Training in phases, from which a process can be killed at any moment and nothing is lost but time.

A phase is a listing on its data; the trainer takes turns among them, writes the run folder (see
:mod:`mindsight.agents.training`) and keeps everything that the rest of the run depends on:

    checkpoints/state.json                 the newest state: counters, random generator, a checksum
    checkpoints/state.previous.json        the one before
    checkpoints/state-<update>.safetensors  their arrays
    checkpoints/last/, checkpoints/best/   the finished model alone, for :meth:`TriModule.load`
    not_finite/                            the batch of what was not finite, and the model before it

No file of a state is ever written over: the arrays come first, under a name of their own, and a state is
there from the moment in which its JSON file is renamed.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from ..training import RunFolder, remove_unfinished, write
from .routing import Learner

__all__ = ["CheckpointError", "NotFiniteError", "Part", "Phase", "Progress", "Trainer"]

_FORMAT, _VERSION = "mindsight tri-module training", 1
_NEWEST, _PREVIOUS = "state.json", "state.previous.json"
RECENT = 64  # updates of a phase in the running mean of its numbers


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file."""


class NotFiniteError(ValueError):
    """A loss, or its gradient, that is not finite; the message says where the batch is kept."""


class Phase(Protocol):
    """A listing on its data.

    A phase may have ``seconds``, a dict of what it spent so far on ``"environment"`` and ``"acting"`` (the
    rest of an update counts as learning), and ``batch``, the dataclass of tensors that it learned from last.
    """

    name: str

    def update(self, learner: Learner, rng: np.random.Generator) -> Mapping[str, float]:
        """One update, which depends on the phase's state and on the arguments alone; its numbers."""

    def state(self) -> dict[str, Any]:
        """What the next updates depend on: numpy arrays, and values that JSON has."""

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""


@dataclass
class Part:
    """A phase's part of a training.

    Attributes:
        phase: see :class:`Phase`.
        steps: updates that it makes.
        weight: its share of the turns while others are at work, too.
        rate: base learning rate, of the first update and of the last; straight in between.
        begin: the update of the training from which on it takes part.
        warmup: of its first updates, in which the rate grows from nothing: an optimizer that has seen few
            gradients takes steps in directions that are hardly more than signs.
        done: updates made.
        credit: turns that it is owed.
    """

    phase: Phase
    steps: int
    weight: float = 1.0
    rate: tuple[float, float] = (1e-3, 1e-3)
    begin: int = 0
    warmup: int = 0
    done: int = 0
    credit: float = 0.0

    def __post_init__(self) -> None:
        name = self.phase.name
        if self.steps < 1:
            raise ValueError(f"steps of {name!r} is {self.steps}, expected at least 1")
        if not 0 < self.weight < math.inf:
            raise ValueError(f"weight of {name!r} is {self.weight}, expected more than 0")
        if not all(0 < each < math.inf for each in self.rate):
            raise ValueError(f"rate of {name!r} is {self.rate}, expected two numbers above 0")
        if self.begin < 0:
            raise ValueError(f"begin of {name!r} is {self.begin}, expected at least 0")
        if self.warmup < 0:
            raise ValueError(f"warmup of {name!r} is {self.warmup}, expected at least 0")

    def rate_now(self) -> float:
        """The learning rate of its next update."""
        first, last = self.rate
        falling = first + (last - first) * self.done / max(self.steps - 1, 1)
        return falling * min(1.0, (self.done + 1) / (self.warmup + 1))


@dataclass(frozen=True)
class Progress:
    """How a training stands between two updates.

    Attributes:
        steps, total: updates made, by earlier processes, too, and in all.
        seconds: since this process began.
        rate: updates a second in it.
        shares: of that time, by what it was spent on.
        means: running means of each phase's numbers, ``"phase/number"``.
    """

    steps: int
    total: int
    seconds: float
    rate: float
    shares: Mapping[str, float]
    means: Mapping[str, float]


@dataclass
class _Clock:
    """Where the time of this process goes."""

    began: float = field(default_factory=time.perf_counter)
    spent: dict[str, float] = field(
        default_factory=lambda: {"environment": 0.0, "acting": 0.0, "learning": 0.0}
    )

    def add(self, seconds: float, before: Mapping[str, float], after: Mapping[str, float]) -> None:
        """Share out the time of an update."""
        for name in ("environment", "acting"):
            part = after.get(name, 0.0) - before.get(name, 0.0)
            self.spent[name] += part
            seconds -= part
        self.spent["learning"] += max(seconds, 0.0)

    def shares(self) -> dict[str, float]:
        total = max(sum(self.spent.values()), 1e-9)
        return {name: value / total for name, value in self.spent.items()}


class Trainer:
    """Takes turns among phases until all are done.

    Turns are dealt by weight: whoever takes part earns their share of each update, and whoever is owed most
    makes it. No draw decides, so the order is the same for the same parts.

    Args:
        learner: the model and its optimizer; its rate is set for each update.
        parts: the phases and their shares.
        run: the folder.
        seed: of the generator that phases draw from.
        config: all that decides what comes out. A checkpoint of a run with another one is foreign.
        watch: ``"phase/number"``: the model with the lowest running mean of it is the best one; "": none is
            kept, nor by a number that the phase does not have.
        check_every: after so many updates it is looked at.
        save_every: seconds between two states; 0: after each update.
        exam: called with the model between two updates; a text ends the training for good, and says why. It
            must depend on the model and on the number of updates alone.
        again: whether a run that has no state yet may begin with the learner as it is now.

    Raises:
        ValueError: there is no phase, or two have one name.
    """

    def __init__(
        self,
        learner: Learner,
        parts: Sequence[Part],
        run: RunFolder,
        seed: int,
        config: Mapping[str, Any],
        *,
        watch: str = "",
        check_every: int = 50,
        save_every: float = 30.0,
        exam: Callable[[Any, Progress], str | None] = lambda model, progress: None,
        again: bool = True,
    ) -> None:
        names = [part.phase.name for part in parts]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"phases are {names}, expected at least one, of different names")
        if watch and watch.partition("/")[0] not in names:
            raise ValueError(f"watch is {watch!r}, expected PHASE/NUMBER of one of {', '.join(names)}")
        if check_every < 1:
            raise ValueError(f"check_every is {check_every}, expected at least 1")
        self.learner, self.parts, self.run = learner, list(parts), run
        self.rng = np.random.default_rng(seed)
        self.watch, self.check_every, self.save_every = watch, check_every, save_every
        self.exam, self.again = exam, again
        self.passed: str | None = None  # what the exam said that has ended the training
        self.updates = 0
        self.total = sum(part.steps for part in parts)
        self.best: float | None = None
        self._recent: dict[str, deque[float]] = {}
        text = json.dumps(config, sort_keys=True)
        self._fingerprint = hashlib.sha256(text.encode()).hexdigest()
        self._clock = _Clock()
        self._begun_at = 0

    # --- Turns ---------------------------------------------------------------------------------------------
    def _next(self) -> Part | None:
        """Whose turn it is; None at the end."""
        left = [part for part in self.parts if part.done < part.steps]
        if not left:
            return None
        due = [part for part in left if part.begin <= self.updates]
        if not due:  # nobody has anything to do until then: it is now
            soonest = min(part.begin for part in left)
            due = [part for part in left if part.begin == soonest]
        whole = sum(part.weight for part in due)
        for part in due:
            part.credit += part.weight / whole
        chosen = max(due, key=lambda part: part.credit)  # the first of equals
        chosen.credit -= 1.0
        return chosen

    def train(
        self,
        tell: Callable[[Progress], None] = lambda progress: None,
        enough: Callable[[Progress], str | None] = lambda progress: None,
    ) -> tuple[Progress, str | None]:
        """Make all updates that are left.

        Args:
            tell: called between two updates.
            enough: called between two updates; a text ends the training, and says why.

        Returns:
            How it stands, and why it ended early, or None.

        Raises:
            NotFiniteError: a loss or a gradient is not finite. The run goes on from its last state, if
                anywhere.
            BlockingIOError: another training writes into the folder.
        """
        with self.run.held():
            return self._train(tell, enough)

    def _train(
        self, tell: Callable[[Progress], None], enough: Callable[[Progress], str | None]
    ) -> tuple[Progress, str | None]:
        # Here and not above: it takes a second to load.
        from torch.utils.tensorboard import SummaryWriter

        board: Any = SummaryWriter(
            str(self.run.path / "tensorboard"), purge_step=self.updates + 1 if self.updates else None
        )
        self._clock, self._begun_at = _Clock(), self.updates
        saved, reason = time.perf_counter(), self.passed
        try:
            while reason is None and (part := self._next()) is not None:
                self._update(part, board)
                progress = self.progress()
                tell(progress)
                # Whoever stops it at an exam stops it after that: a run that goes on holds no exam again.
                self.passed = self.exam(self.learner.finished, progress)
                reason = self.passed or enough(progress)
                if time.perf_counter() - saved >= self.save_every:
                    board.flush()
                    self.save()
                    saved = time.perf_counter()
        finally:
            board.close()
        if self.watch and self.best is None and self.updates == self.total:
            self._check(1)  # a short one: better its end than none
        self.save()
        return self.progress(), reason

    def _update(self, part: Part, board: Any) -> None:
        phase, rate = part.phase, part.rate_now()
        before = dict(getattr(phase, "seconds", {}))
        began = time.perf_counter()
        self.learner.rate = rate
        try:
            log = phase.update(self.learner, self.rng)
        except FloatingPointError as error:
            raise self._not_finite(phase, error) from error
        except ValueError as error:
            error.add_note(f"in phase {phase.name!r}, update {self.updates}")
            raise
        self._clock.add(time.perf_counter() - began, before, getattr(phase, "seconds", {}))
        part.done += 1
        self.updates += 1
        numbers = {f"{phase.name}/{name}": float(value) for name, value in log.items()}
        for name, value in numbers.items():
            self._recent.setdefault(name, deque(maxlen=RECENT)).append(value)
        times = {f"time/{name}": round(share, 4) for name, share in self._clock.shares().items()}
        times["time/seconds"] = round(time.perf_counter() - self._clock.began, 3)
        line = {"steps": self.updates, "phase": phase.name, f"{phase.name}/rate": rate, **numbers, **times}
        self.run.add_metrics(line)
        for name, number in line.items():
            if isinstance(number, float):
                board.add_scalar(name, number, self.updates)
        if self.watch and self.updates % self.check_every == 0:
            self._check(RECENT)

    def _check(self, fewest: int) -> None:
        """Keep the model if it is the best so far. By number of updates, not by time: it has to come out
        the same whenever a process was killed."""
        values = self._recent.get(self.watch, ())
        if len(values) < fewest:
            return
        mean = math.fsum(values) / len(values)
        if self.best is None or mean < self.best:
            self.best = mean
            self.learner.finished.save(self.run.checkpoints / "best")

    def progress(self) -> Progress:
        """How it stands."""
        seconds = max(time.perf_counter() - self._clock.began, 1e-9)
        means = {name: math.fsum(values) / len(values) for name, values in self._recent.items()}
        rate = (self.updates - self._begun_at) / seconds
        return Progress(self.updates, self.total, seconds, rate, self._clock.shares(), means)

    def _not_finite(self, phase: Phase, error: FloatingPointError) -> NotFiniteError:
        """Keep what a loss that is not finite came of."""
        from safetensors.torch import save

        folder = self.run.path / "not_finite"
        batch = getattr(phase, "batch", None)
        if is_dataclass(batch):
            values = {each.name: getattr(batch, each.name) for each in fields(batch)}
            tensors = {k: v.detach().contiguous() for k, v in values.items() if isinstance(v, torch.Tensor)}
            write(folder / "batch.safetensors", save(tensors))
        self.learner.model.save(folder)
        about = {"phase": phase.name, "update": self.updates, "error": str(error)}
        write(folder / "about.json", json.dumps(about, indent=1) + "\n")
        return NotFiniteError(
            f"phase {phase.name!r}, update {self.updates}: {error}; its batch and the model before it are in "
            f"{folder}"
        )

    # --- States --------------------------------------------------------------------------------------------
    def save(self) -> None:
        """Write the state, keep the one before, and write the model alone."""
        from safetensors.numpy import save

        tensors, steps = self.learner.state()
        # np.array, not ascontiguousarray: that one makes a row of a single number
        arrays = {f"learner.{name}": np.array(each.numpy(force=True)) for name, each in tensors.items()}
        parts = []
        for k, part in enumerate(self.parts):
            state = part.phase.state()
            plain = {name: value for name, value in state.items() if not isinstance(value, np.ndarray)}
            for name in state.keys() - plain.keys():
                arrays[f"phase.{k}.{name}"] = np.array(state[name], order="C")
            parts.append({"name": part.phase.name, "done": part.done, "credit": part.credit, "state": plain})
        content = save(arrays)
        name = f"state-{self.updates}.safetensors"
        about = {
            "format": _FORMAT,
            "version": _VERSION,
            "run": self._fingerprint,
            "updates": self.updates,
            "learner_steps": steps,
            "random": self.rng.bit_generator.state,
            "parts": parts,
            "best": self.best,
            "passed": self.passed,
            "recent": {key: list(values) for key, values in self._recent.items()},
            "arrays": name,
        }
        about["sha256"] = _checksum(about, content)
        folder = self.run.checkpoints
        newest = _try_read(folder / _NEWEST)
        write(folder / name, content)
        if newest is not None and newest.get("arrays") != name:
            write(folder / _PREVIOUS, json.dumps(newest, indent=1) + "\n")
        write(folder / _NEWEST, json.dumps(about, indent=1) + "\n")
        kept = {name, (_try_read(folder / _PREVIOUS) or {}).get("arrays")}
        for path in folder.glob("state-*.safetensors"):
            if path.name not in kept:
                path.unlink()
        self.learner.finished.save(folder / "last")

    def restore(self, warn: Callable[[str], None]) -> int:
        """Go on where the run's newest usable state is; at the beginning if none was ever written.

        Args:
            warn: shows a line about a state that is passed over.

        Returns:
            The updates made.

        Raises:
            CheckpointError: there are states, and none can be used.
            BlockingIOError: another training writes into the folder.
        """
        with self.run.held():
            return self._restore(warn)

    def _restore(self, warn: Callable[[str], None]) -> int:
        folder = self.run.checkpoints
        paths = [folder / name for name in (_NEWEST, _PREVIOUS) if (folder / name).exists()]
        problems = []
        for path in paths:
            try:
                about, arrays = _read(path, self._fingerprint)
                self._apply(path, about, arrays)
            except CheckpointError as error:
                problems.append(str(error))
                continue
            if problems:
                warn(f"{problems[0]}; going on from {path}, {self.updates:,} updates")
                # Else the next save would put the unusable one where this one is.
                write(folder / _NEWEST, path.read_bytes())
            break
        else:
            if problems:
                raise CheckpointError("; ".join(problems))
            if not self.again:
                raise CheckpointError(f"{folder / _NEWEST} is missing, and no seed makes its network again")
            if any(folder.glob("state-*.safetensors")):
                warn(f"{folder / _NEWEST} is missing: beginning anew")
        remove_unfinished(folder)
        self.run.cut_metrics(self.updates)
        return self.updates

    def _apply(self, path: Path, about: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        """Put a state back; everything is looked at before anything changes."""
        names = [part.phase.name for part in self.parts]
        found = [part["name"] for part in about["parts"]]
        if found != names:
            raise CheckpointError(f"{path}: its phases are {found}, expected {names}")
        tensors = {
            name.removeprefix("learner."): torch.from_numpy(np.array(value))
            for name, value in arrays.items()
            if name.startswith("learner.")
        }
        try:
            self.learner.set_state(tensors, int(about["learner_steps"]))
        except ValueError as error:
            raise CheckpointError(f"{path}: another model's: {error}") from None
        for k, (part, kept) in enumerate(zip(self.parts, about["parts"], strict=True)):
            part.done, part.credit = int(kept["done"]), float(kept["credit"])
            prefix = f"phase.{k}."
            own = {n.removeprefix(prefix): v for n, v in arrays.items() if n.startswith(prefix)}
            try:
                part.phase.set_state({**kept["state"], **own})
            except KeyError as error:
                raise CheckpointError(f"{path}: {error} of phase {part.phase.name!r} is missing") from None
        self.rng.bit_generator.state = about["random"]
        self.updates, self.best = int(about["updates"]), about["best"]
        self.passed = about.get("passed")  # those from before it was kept do not say
        self._recent = {name: deque(values, RECENT) for name, values in about["recent"].items()}


def _checksum(about: Mapping[str, Any], content: bytes) -> str:
    """Of the arrays and of all that is said beside them."""
    said = {name: value for name, value in about.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    digest.update(content)
    return digest.hexdigest()


def _try_read(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None where there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _read(path: Path, fingerprint: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A state's description and arrays, if it is whole and this run's."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    about = _try_read(path)
    if about is None:
        raise CheckpointError(f"{path}: damaged: not a JSON object")
    if about.get("format") != _FORMAT:
        raise CheckpointError(f"{path}: foreign: format is {about.get('format')!r}, expected {_FORMAT!r}")
    if about.get("version") != _VERSION:
        raise CheckpointError(f"{path}: version is {about.get('version')!r}, expected {_VERSION}")
    name = Path(str(about.get("arrays", ""))).name
    try:
        content = path.with_name(name).read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: its arrays {name!r} cannot be read: {error.strerror}") from None
    if about.get("sha256") != _checksum(about, content):
        raise CheckpointError(f"{path}: damaged: the checksum over it and {name} is another")
    if about["run"] != fingerprint:
        raise CheckpointError(f"{path}: foreign: of a run with another config")
    try:
        return about, load(content)
    except SafetensorError as error:
        raise CheckpointError(f"{path.with_name(name)}: damaged: {error}") from None
