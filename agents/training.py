"""Run folders: where a training writes what it did, so that it can be read, used and gone on with.

    runs/<scenario>-<time>/
        config.json           everything that was asked for
        versions.json         what it ran with
        scenario.yaml         a copy of what was played (or scenario.json, where it was no file)
        metrics.jsonl         one line an update
        tensorboard/          the same for TensorBoard
        learning_curve.png
        checkpoints/          best.safetensors, last.safetensors and their .json

Nothing here loads torch.
"""

from __future__ import annotations

import json
import math
import os
import platform
import re
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Any, Literal

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "ALGORITHMS",
    "RECENT",
    "RunFolder",
    "Settings",
    "Stop",
    "draw_learning_curve",
    "draw_losses",
    "losses",
    "mean_interval",
    "read_description",
    "remove_unfinished",
    "save_figure",
    "shares",
    "stopping",
    "taken",
    "training_bar",
    "versions",
    "whole_numbers",
    "write",
]

#: What a result depends on besides the code and the seed.
PACKAGES = (
    "mindsight",
    "numpy",
    "numba",
    "gymnasium",
    "pettingzoo",
    "torch",
    "stable-baselines3",
    "sb3-contrib",
    "safetensors",
)


ALGORITHMS = ("ppo", "maskable_ppo")
RECENT = 256  # episodes in the running mean of the return
_SMOOTH = 20  # updates in the running mean of a drawn loss
#: Which of a curriculum's numbers are losses, all of them in nats, and which say what was gained, in words.
#: What else is written beside them are rates, counts, and what is of use beside a question only.
_LOSSES = ("prediction", "own prediction", "imitation", "simulation")
_GAINS = {
    "return": "return",
    "own": "own return",
    "others": "the others' return",
    "judged_r": "worth of a message to others, judged",
    "true_r": "worth of a message to others, true",
}
_COLOURS = ("#1f6f8b", "#c96a2b", "#4f8a4b", "#8156a0", "#7a7a2a", "#b0486c")
_STYLES = ("-", "--", ":")


class Stop(Exception):
    """Raised between two updates to end a training early; it says why."""


@dataclass(frozen=True)
class Settings:
    """The learning algorithm's numbers. The defaults learn on flat observations of the gridworlds.

    Raises:
        ValueError: a number that cannot be; it names it.
    """

    algorithm: Literal["ppo", "maskable_ppo"] = "maskable_ppo"
    """Proximal policy optimisation; the maskable one never takes what cannot be done."""
    rollout: int = 64
    """Steps of each world between two updates."""
    batch_size: int = 512
    """Steps in a gradient step."""
    epochs: int = 4
    """How often an update goes over its steps."""
    learning_rate: float = 5e-4
    """Adam's."""
    gamma: float = 0.99
    """Discount."""
    gae_lambda: float = 0.95
    """Of generalized advantage estimation."""
    clip_range: float = 0.2
    """PPO's."""
    entropy: float = 0.01
    """Weight of the policy's entropy: what keeps it trying."""
    value: float = 0.5
    """Weight of the value's loss."""
    max_grad_norm: float = 0.5
    """Longer gradients are cut."""
    width: int = 64
    """Of the layers: one from the observation, shared, then one each for policy and value."""

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise ValueError(f"algorithm is {self.algorithm!r}, expected one of {', '.join(ALGORITHMS)}")
        for name in ("rollout", "batch_size", "epochs", "width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected at least 1")
        if self.batch_size < 2:
            raise ValueError("batch_size is 1, expected at least 2: advantages are standardized")
        for name in ("gamma", "gae_lambda"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected 0 to 1")
        for name in ("learning_rate", "clip_range", "max_grad_norm"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected more than 0")
        for name in ("entropy", "value"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected at least 0")


def write(path: Path, content: bytes | str) -> Path:
    """Write a file under a temporary name and rename it: nobody reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def taken(path: Path) -> bool:
    """Whether there is something already where a new folder is to be: a file, or a folder that holds one."""
    return path.exists() and (not path.is_dir() or any(path.iterdir()))


def remove_unfinished(folder: Path) -> None:
    """Remove what :func:`write` had begun to write into a folder when the process was killed."""
    for path in folder.glob(".*"):
        if re.fullmatch(r"\..+\.[0-9a-f]{8}", path.name) and path.is_file():
            path.unlink()


def read_description(path: Path, form: str, version: int, what: str) -> dict[str, Any]:
    """The JSON object that says what is saved beside it.

    Args:
        path: of the file.
        form, version: what it has to say under ``format`` and ``version``.
        what: it is, for the error.

    Raises:
        ValueError: it is damaged, foreign, or of another version; the message names the file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not JSON: {error}") from None
    if not isinstance(content, dict) or content.get("format") != form:
        raise ValueError(f"{path}: not {what}")
    if content.get("version") != version:
        raise ValueError(f"{path}: version {content.get('version')!r}, expected {version}")
    return content


def whole_numbers(settings: Any, *names: str) -> None:
    """``ValueError`` where one of an object's attributes is no whole number of at least 1."""
    for name in names:
        value = getattr(settings, name)
        if type(value) is not int or value < 1:
            raise ValueError(f"{name} is {value!r}, expected a whole number of at least 1")


def versions() -> dict[str, str]:
    """Versions of Python, of the processor's kind and of the packages that matter."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean and half of its 95 % interval (normal approximation); nan without values.

    Args:
        values: independent numbers, such as one return an episode.
    """
    n = len(values)
    if n == 0:
        return math.nan, math.nan
    mean = math.fsum(values) / n
    if n == 1:
        return mean, math.inf
    variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
    return mean, 1.96 * math.sqrt(variance / n)


@dataclass(frozen=True)
class RunFolder:
    """The folder of one training.

    Attributes:
        path: where it is.
    """

    path: Path

    @classmethod
    def create(cls, out: str | os.PathLike[str] | None, name: str) -> RunFolder:
        """Make a new one.

        Args:
            out: where; it must be empty or not exist yet. None: ``runs/<name>-<time>``, and a
                number behind it where that is taken.
            name: of the scenario.

        Raises:
            FileExistsError: ``out`` holds something.
        """
        if out is not None:
            path = Path(out)
            if taken(path):
                raise FileExistsError(
                    f"{path} exists already: give another folder, or go on with it by --resume"
                )
            path.mkdir(parents=True, exist_ok=True)
            return cls(path)
        stem = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
        for number in range(1, 1000):
            path = Path("runs", stem if number == 1 else f"{stem}-{number}")
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                continue
            return cls(path)
        raise FileExistsError(f"{path} and everything like it exists already")

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> RunFolder:
        """One that is there; ``FileNotFoundError`` where it is not, or is no run folder."""
        folder = Path(path)
        if not folder.is_dir():
            raise FileNotFoundError(f"there is no run folder {folder}")
        if not (folder / "config.json").is_file():
            raise FileNotFoundError(f"{folder} is no run folder: it has no config.json")
        return cls(folder)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within this nobody else trains into the folder: two trainings would overwrite one another's states,
        and neither would say so. The lock goes with the process that has it, however that ends, and leaves no
        file behind. Where the system or the disk knows no such locks there is none.

        Raises:
            BlockingIOError: another training has it, of this process or of another one.
        """
        with ExitStack() as stack:
            if fcntl is not None:
                descriptor = os.open(self.path, os.O_RDONLY)
                stack.callback(os.close, descriptor)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise BlockingIOError(
                        f"{self.path}: another training writes into it; wait for it, or give another folder"
                    ) from None
                except OSError:  # such as some network disks
                    pass
            yield

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def metrics(self) -> Path:
        """The file of the numbers, one JSON object a line."""
        return self.path / "metrics.jsonl"

    def write_json(self, name: str, content: Mapping[str, Any]) -> Path:
        """Write a JSON file into the folder."""
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        return write(self.path / name, text + "\n")

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a JSON file of the folder; ``ValueError`` names the file where it is damaged."""
        path = self.path / name
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: not a JSON file: {error}") from None
        if not isinstance(content, dict):
            raise ValueError(f"{path}: is a {type(content).__name__}, expected an object")
        return content

    def add_metrics(self, line: Mapping[str, Any]) -> None:
        """Add one line of numbers; what is not finite becomes null."""
        clean = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in line.items()
        }
        with open(self.metrics, "a", encoding="utf-8") as file:
            file.write(json.dumps(clean) + "\n")

    def read_metrics(self) -> list[dict[str, Any]]:
        """The lines written so far; one cut short by a crash, or that is none of ours, is left out."""
        lines = []
        try:
            text = self.metrics.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        for line in text.splitlines():
            try:
                found = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(found, dict) and type(found.get("steps", 0)) is int:
                lines.append(found)
        return lines

    def cut_metrics(self, steps: int) -> None:
        """Forget the lines beyond so many steps: a resumed training writes them again."""
        kept = [line for line in self.read_metrics() if line.get("steps", 0) <= steps]
        write(self.metrics, "".join(json.dumps(line) + "\n" for line in kept))


@contextmanager
def stopping(tell: Callable[[str], None]) -> Iterator[threading.Event]:
    """Within this, the first Ctrl-C only sets the event; the second interrupts as usual.

    A training asks for the event between two updates, where everything that is needed to go on is
    at hand. In threads other than the main one signals cannot be caught: there it is never set.

    Args:
        tell: shows a line.
    """
    event = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        event.set()
        signal.signal(signal.SIGINT, before)
        tell("stopping after this update (Ctrl-C again: at once)")

    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = signal.getsignal(signal.SIGINT) or signal.default_int_handler
    signal.signal(signal.SIGINT, on_signal)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def training_bar(
    total: int, seconds: float, standing: Callable[[Any], str]
) -> Iterator[Callable[[Any], None]]:
    """A progress bar of a training, over steps or over time, whichever ends sooner, and how it stands;
    where nobody looks, a line now and then."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        told = time.monotonic()

        def line(progress: Any) -> None:
            nonlocal told
            if time.monotonic() - told >= 10:
                told = time.monotonic()
                print(f"{progress.steps:,} steps: {standing(progress)}", file=sys.stderr, flush=True)

        yield line
        return
    columns = (
        TextColumn("training"),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TextColumn("{task.fields[standing]}"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0, standing="")
        yield lambda progress: bar.update(
            task,
            completed=min(1.0, max(progress.steps / total, progress.seconds / seconds)),
            standing=standing(progress),
        )


def shares(progress: Any) -> str:
    """What the time of a training was spent on, in words."""
    return ", ".join(f"{name} {share:.0%}" for name, share in progress.shares.items())


def losses(progress: Any) -> str:
    """How a training by a curriculum stands, in words."""
    means = ", ".join(f"{name} {mean:.3f}" for name, mean in progress.means.items())
    return f"{means}; {progress.rate:,.1f} steps/s ({shares(progress)})"


def draw_learning_curve(
    path: Path,
    metrics: Sequence[Mapping[str, Any]],
    levels: Mapping[str, tuple[float, float]],
    title: str,
) -> Path:
    """Draw return against steps as a PNG file.

    Args:
        path: of the file.
        metrics: lines with ``steps`` and ``return`` (the mean over recent episodes).
        levels: name of a reference agent to its mean return and half of the 95 % interval; drawn
            as lines across.
        title: above it.

    Raises:
        ImportError: matplotlib is not installed.
    """
    points = [(m["steps"], m["return"]) for m in metrics if m.get("return") is not None]
    figure = _figure(7, 4, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel("steps of the learner")
    axes.set_ylabel(f"return of an episode (mean of the last {RECENT})")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.plot([x for x, _ in points], [y for _, y in points], color="#1f6f8b", label="training")
    for k, (name, (mean, half)) in enumerate(levels.items()):
        color = ("#999999", "#c96a2b", "#4f8a4b", "#8156a0")[k % 4]
        axes.axhline(mean, color=color, linestyle="--", linewidth=1.2, label=f"{name} ({mean:.2f})")
        if math.isfinite(half):
            axes.axhspan(mean - half, mean + half, color=color, alpha=0.15, linewidth=0)
    axes.legend(loc="best", fontsize=8)
    return save_figure(figure, path)


def draw_losses(path: Path, metrics: Sequence[Mapping[str, Any]], title: str) -> Path:
    """Draw the losses of each phase of a curriculum, in nats, against the updates of the run, and below them
    what was gained where the agent acts, as a PNG file.

    Args:
        path: of the file.
        metrics: lines with ``steps``, ``phase`` and numbers ``"phase/number"``.
        title: above it.

    Raises:
        ImportError: matplotlib is not installed.
    """
    lost: dict[str, list[tuple[int, float]]] = {}
    gained: dict[str, list[tuple[int, float]]] = {}
    for line in metrics:
        phase = line.get("phase")
        for number in (*_LOSSES, *_GAINS):
            if (value := line.get(f"{phase}/{number}")) is not None:
                lines, label = (gained, _GAINS[number]) if number in _GAINS else (lost, number)
                lines.setdefault(f"{phase}: {label}", []).append((line["steps"], value))
    # In inches, whatever the legends need: they stand beside the plots, and the picture grows with them.
    figure = _figure(7, 6 if gained else 4)
    panels = figure.subplots(1 + bool(gained), sharex=True, squeeze=False, gridspec_kw={"hspace": 0.08})[:, 0]
    mean = f"mean of the last {_SMOOTH}"
    _draw_lines(panels[0], lost, f"loss in nats\n({mean})")
    panels[0].set_title(title)
    _logarithmic(panels[0])
    if gained:
        _draw_lines(panels[1], gained, f"reward\n({mean})")
    panels[-1].set_xlabel("updates")
    return save_figure(figure, path, whole=True)


def _draw_lines(axes: Any, lines: Mapping[str, Sequence[tuple[int, float]]], up: str) -> None:
    """Named lines, smoothed, before what they smooth; the names stand on the right of the plot."""
    for k, (label, points) in enumerate(lines.items()):
        colour = _COLOURS[k % len(_COLOURS)]
        # Not the style of the neighbour's: losses of one phase often lie upon each other.
        style = _STYLES[(k + k // len(_COLOURS)) % len(_STYLES)]
        values = [value for _, value in points]
        axes.plot([at for at, _ in points], values, color=colour, alpha=0.18, linewidth=0.7)
        means = [math.fsum(some) / len(some) for some in _windows(values)]
        axes.plot([at for at, _ in points], means, style, color=colour, linewidth=1.8, label=label)
    axes.set_ylabel(up)
    axes.grid(alpha=0.3)
    if lines:
        columns = math.ceil(len(lines) / 16)
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0, fontsize=8, ncols=columns)


def _logarithmic(axes: Any) -> None:
    """Make the axis upwards logarithmic, with some numbers beside it that do not touch."""
    from matplotlib.ticker import AutoLocator, LogLocator, NullLocator

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    few = LogLocator(subs=(1, 2, 5) if high < 1000 * low else (1,))
    axes.yaxis.set_major_locator(few if high > 4 * low else AutoLocator())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")


def _figure(width: float, height: float, layout: Any = None) -> Any:
    """An empty one, in inches. Not pyplot's: that keeps global state and looks for a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def _windows(values: Sequence[float]) -> Iterator[Sequence[float]]:
    """For each value the last so many up to it."""
    for k in range(len(values)):
        yield values[max(0, k + 1 - _SMOOTH) : k + 1]


def save_figure(figure: Any, path: Path, whole: bool = False) -> Path:
    """Write a matplotlib figure as a PNG file, without a time of writing: the same numbers give the same
    bytes.

    Args:
        figure: what is written.
        path: of the file.
        whole: with all that is drawn beyond the figure's edges, and without empty margins.
    """
    from io import BytesIO

    buffer = BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None}, bbox_inches="tight" if whole else None)
    return write(path, buffer.getvalue())
