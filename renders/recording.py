"""Frames become files: GIF, MP4, or a PNG strip of key frames. A file appears whole or not at
all."""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..envs.grid import engine
from . import icons, palette
from .canvas import Canvas, blank, over, text
from .scene import draw
from .words import happened

if TYPE_CHECKING:
    from ..envs.simulation import Simulation

__all__ = ["ENDINGS", "EpisodeFrame", "Replays", "episode_frames", "record", "render_episode"]

ENDINGS = (".gif", ".mp4", ".png")
STRIP = 6  # key frames of a strip
GAP = 10


class _Frames:
    """Frames kept small in memory: drawings compress to a few hundredths of their size."""

    def __init__(self, frames: Iterable[Canvas]) -> None:
        self._kept: list[tuple[bytes, tuple[int, ...]]] = []
        for k, frame in enumerate(frames):
            frame = np.asarray(frame)
            if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
                raise ValueError(
                    f"frame {k} has shape {frame.shape} and dtype {frame.dtype}, expected (H, W, 3) uint8"
                )
            self._kept.append((zlib.compress(frame.tobytes(), 1), frame.shape))
        if not self._kept:
            raise ValueError("there are no frames, expected at least one")
        # frames may differ in size (a question below takes room): all are laid on the largest
        self.height = max(shape[0] for _, shape in self._kept)
        self.width = max(shape[1] for _, shape in self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, k: int) -> Canvas:
        data, shape = self._kept[k]
        frame = np.frombuffer(zlib.decompress(data), np.uint8).reshape(shape)
        if shape[:2] == (self.height, self.width):
            return frame
        canvas = blank(self.width, self.height, palette.PAGE)
        canvas[: shape[0], : shape[1]] = frame
        return canvas


def record(
    frames: Iterable[Canvas],
    path: str | os.PathLike[str],
    fps: float = 4,
    *,
    keys: Sequence[int] | None = None,
    steps: Sequence[int] | None = None,
) -> Path:
    """Write frames to a file.

    Args:
        frames: (H, W, 3) uint8 each; smaller ones are laid on the size of the largest.
        path: ends in ``.gif``, ``.mp4`` (needs imageio-ffmpeg, the extra ``video``) or
            ``.png``: one picture with at most six key frames, each with its step.
        fps: frames a second; each frame of a GIF lasts a whole number of hundredths of a second.
        Players
            show a GIF's frames that are the same as one longer frame, and the file has them as one.
        keys: indices of the key frames of a ``.png``; evenly spaced ones where None.
        steps: the step of each frame, written over the key frames; its index where None.

    Returns:
        The path.

    Raises:
        ValueError: another ending, no frames, frames of another kind, ``fps`` not above 0.
        ModuleNotFoundError: ``.mp4`` without imageio-ffmpeg.
    """
    path = _checked(path, fps)
    _write(_Frames(frames), path, fps, keys, steps)
    return path


def _write(
    kept: _Frames,
    path: Path,
    fps: float,
    keys: Sequence[int] | None,
    steps: Sequence[int] | None,
) -> None:
    ending = path.suffix.lower()
    if ending == ".png":
        _atomically(path, lambda name: _strip(kept, keys, steps).save(name, "PNG", optimize=True))
    elif ending == ".gif":
        _atomically(path, lambda name: _gif(kept, name, fps))
    else:
        _atomically(path, lambda name: _mp4(kept, name, fps))


def _checked(path: str | os.PathLike[str], fps: float) -> Path:
    """The path, if a file can be written there: found out before the drawing, not after."""
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(f"{path} ends in {path.suffix!r}, expected one of {', '.join(ENDINGS)}")
    if not 0 < fps <= 100:
        raise ValueError(f"fps is {fps!r}, expected more than 0 and at most 100")
    if ending == ".mp4":
        _need_ffmpeg(path)
    return path


def _atomically(path: Path, write: Callable[[str], None]) -> None:
    """Write under another name in the same folder, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(suffix=path.suffix, prefix=f".{path.stem}-", dir=path.parent)
    os.close(handle)
    try:
        write(name)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)  # mkstemp's files are private
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _need_ffmpeg(path: Path) -> None:
    try:
        import imageio_ffmpeg  # noqa: F401
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"{path}: writing .mp4 needs imageio-ffmpeg (pip install -e '.[video]'); "
            ".gif and .png need nothing more",
            name="imageio_ffmpeg",
        ) from None


def _colours(frames: _Frames) -> npt.NDArray[np.uint8]:
    """One palette of 256 colours for all frames, so that nothing flickers.

    Drawings are mostly flat: the commonest colours and those of the icons, however small they are
    drawn, are in it as they are; what is left is shared out among the shades between.

    Returns:
        (256, 3) uint8.
    """
    chosen = sorted({round(k * (len(frames) - 1) / 5) for k in range(6)})
    sample = np.concatenate([frames[k][::2, ::2] for k in chosen])
    codes, counts = np.unique(_packed(sample), return_counts=True)
    exact = [*palette.BODIES, palette.FALSE, palette.RIGHT, palette.INK, palette.WHITE]
    for kind in range(1, engine.NUM_THINGS):
        icon = icons.thing(kind, 32).reshape(-1, 4)
        solid = icon[icon[:, 3] == 255, :3]
        shades, often = np.unique(solid, axis=0, return_counts=True)
        exact += [tuple(shade) for shade in shades[np.argsort(-often, kind="stable")[:3]].tolist()]
    common = codes[np.argsort(-counts.astype(np.int64), kind="stable")[:96]].tolist()
    exact += [(code >> 16, code >> 8 & 255, code & 255) for code in common]
    exact = list(dict.fromkeys(exact))
    rest = Image.fromarray(sample).quantize(256 - len(exact), method=Image.Quantize.MEDIANCUT)
    shared = rest.getpalette() or []
    table = [channel for colour in exact for channel in colour] + shared
    return np.array((table + [0] * 768)[:768], np.uint8).reshape(256, 3)


def _packed(picture: Canvas) -> npt.NDArray[np.uint32]:
    """(..., 3) uint8 as one number a pixel."""
    wide = picture.astype(np.uint32)
    out: npt.NDArray[np.uint32] = wide @ np.array([65536, 256, 1], np.uint32)
    return out


def _gif(frames: _Frames, name: str, fps: float) -> None:
    colours = _colours(frames)
    # The nearest entry of every colour met so far, -1 for others (Pillow's own search is a rough
    # one: it takes near neighbours for the same, and flat colours come out wrong).
    nearest = np.full(1 << 24, -1, np.int16)

    def images() -> Iterator[Image.Image]:
        for k in range(len(frames)):
            codes = _packed(frames[k])
            found = nearest[codes]
            new = np.unique(codes[found < 0])
            for part in np.array_split(new, len(new) // 4096 + 1):
                shades = np.stack([part >> 16, part >> 8 & 255, part & 255], -1).astype(np.int32)
                distance = ((shades[:, None] - colours.astype(np.int32)) ** 2).sum(-1)
                nearest[part] = distance.argmin(-1)
            if len(new):
                found = nearest[codes]
            picture = Image.fromarray(found.astype(np.uint8), "P")
            picture.putpalette(colours.tobytes())
            yield picture

    each = images()
    next(each).save(
        name,
        "GIF",
        save_all=True,
        append_images=each,
        loop=0,
        duration=max(10, round(100 / fps) * 10),
    )


def _mp4(frames: _Frames, name: str, fps: float) -> None:
    import imageio.v2 as imageio

    # the common pixel format wants even sides
    height, width = frames.height + frames.height % 2, frames.width + frames.width % 2
    writer: Any = imageio.get_writer(name, format="FFMPEG", fps=fps, macro_block_size=2, quality=8)
    with writer:
        for k in range(len(frames)):
            canvas = blank(width, height, palette.PAGE)
            canvas[: frames.height, : frames.width] = frames[k]
            writer.append_data(canvas)


def _strip(frames: _Frames, keys: Sequence[int] | None, steps: Sequence[int] | None) -> Image.Image:
    """Key frames side by side (wide ones below each other), each under its step."""
    count = len(frames)
    if keys is None:
        number = min(STRIP, count)
        keys = [round(k * (count - 1) / max(number - 1, 1)) for k in range(number)]
    for key in keys:
        if not 0 <= key < count:
            raise ValueError(f"key frame {key} is not there, expected 0 to {count - 1}")
    if not keys:
        raise ValueError("keys is empty, expected at least one key frame")
    across = len(keys) if frames.width * len(keys) <= 2400 else max(1, min(2, 2400 // frames.width))
    down = -(-len(keys) // across)
    head = 26
    cell_width, cell_height = frames.width + GAP, frames.height + head + GAP
    canvas = blank(across * cell_width + GAP, down * cell_height + GAP, palette.WHITE)
    for k, key in enumerate(keys):
        x, y = GAP + k % across * cell_width, GAP + k // across * cell_height
        over(canvas, text(f"step {steps[key] if steps else key}", 22), x + 2, y + 2)
        canvas[y + head : y + head + frames.height, x : x + frames.width] = frames[key]
    return Image.fromarray(canvas)


# --- Episodes -------------------------------------------------------------------------------------
class Replays(Protocol):
    """What can be replayed: ``scenarios.episodes.Episode`` is one."""

    def replay(self) -> Iterator[Simulation]:
        """The simulation after its reset and after each step."""
        ...


class EpisodeFrame(NamedTuple):
    """A frame of an episode.

    Attributes:
        picture: (H, W, 3) uint8.
        step: of the episode.
        weight: how much it has to tell: 0 nothing, 1 something opened, closed or was said, 2 a
            thing changed its place or the episode ended, 3 and more a question is put (more, the
            higher the order it needs).
        asked: whether a question is put in it.
    """

    picture: Canvas
    step: int
    weight: int
    asked: bool


Step = Any  # a Simulation, or (Simulation, {"probe": ..., "answer": ..., "caption": ..., "note": ...})


def episode_frames(
    episode: Replays | Iterable[Step],
    world: int = 0,
    *,
    views: bool = True,
    thoughts: int = 1,
    probes: bool = True,
    scale: int | None = None,
) -> Iterator[EpisodeFrame]:
    """Draw an episode, frame after frame.

    Args:
        episode: something with a ``replay()``, or simulations one after the other (it may be the
        same
            one, each time a step further). One may come as ``(simulation, extras)`` where extras
            are arguments of :func:`draw`: a probe, its answer, a caption; and a note, which is put
            after the caption.
        world: which world of the batch.
        views, thoughts, scale: see :func:`draw`.
        probes: show the questions that an exam puts (``ask``), a frame each, where no extras say
            otherwise.

    A caption says what the step changed and stays for the four steps after it.
    """
    stream: Iterable[Step] = episode.replay() if hasattr(episode, "replay") else episode
    before: Any = None
    told, since = "", 0
    alone = not views and not thoughts and scale is not None
    for item in stream:
        simulation, extras = item if isinstance(item, tuple) else (item, {})
        given: dict[str, Any] = dict(extras)
        record_ = simulation.worlds[world]
        news = "" if before is None else happened(simulation, world, before)
        moved = before is not None and simulation.game.family == "grid"
        moved = moved and bool((before["thing"] != record_["thing"]).any())
        if news:
            told, since = news, 0
        elif since >= 4:
            told = ""
        since += 1
        before = record_.copy()
        step = int(record_["step"])
        asked = []
        if probes and not given.get("probe") and record_["ask"]:
            asked = list(simulation.probes(world))
        base: dict[str, Any] = {"views": views, "thoughts": thoughts, "scale": scale}
        note = given.pop("note", "")
        if not alone or asked or given or note:
            base["caption"] = " | ".join(filter(None, (told, note)))
        for probe in asked or [given.pop("probe", None)]:
            weight = 2 if moved or record_["terminated"] else int(bool(news))
            if probe is not None:
                weight = 3 + probe.required_order
            picture = draw(simulation, world, **{**base, "probe": probe, **given})
            yield EpisodeFrame(picture, step, weight, probe is not None)


def render_episode(
    episode: Replays | Iterable[Step],
    path: str | os.PathLike[str],
    world: int = 0,
    *,
    fps: float = 4,
    views: bool = True,
    thoughts: int = 1,
    probes: bool = True,
    scale: int | None = None,
    progress: Callable[[Iterable[Any]], Iterable[Any]] | None = None,
) -> Path:
    """Draw an episode into a file; see :func:`episode_frames` and :func:`record`.

    A ``.png`` strip has the first frame, the last, and those between in which something happened.

    Args:
        fps: steps a second. A frame with a question lasts three times as long in ``.gif`` and
        ``.mp4``. progress: wraps the frames as they are drawn, to show how far it is:
            ``rich.progress.track``, for one.
    """
    path = _checked(path, fps)
    lasting = 1 if path.suffix.lower() == ".png" else 3
    steps: list[int] = []
    weights: list[int] = []
    drawn: Iterable[EpisodeFrame] = episode_frames(
        episode, world, views=views, thoughts=thoughts, probes=probes, scale=scale
    )
    if progress is not None:
        drawn = progress(drawn)

    def frames() -> Iterator[Canvas]:
        for frame in drawn:
            for _ in range(lasting if frame.asked else 1):
                weights.append(frame.weight)
                steps.append(frame.step)
                yield frame.picture

    kept = _Frames(frames())
    _write(kept, path, fps, _key_frames(weights, steps), steps)
    return path


def _key_frames(weights: Sequence[int], steps: Sequence[int]) -> list[int]:
    """At most six: the first, the last, and between them those with most to tell, one a step;
    evenly chosen among those that have as much to tell."""
    last = len(steps) - 1
    best: dict[int, int] = {}  # step: the frame of that step with most to tell
    for k, step in enumerate(steps):
        if step not in best or weights[k] > weights[best[step]]:
            best[step] = k
    chosen = [0] if best[steps[0]] == 0 or weights[best[steps[0]]] == 0 else [best[steps[0]]]
    if last:
        chosen.append(best[steps[last]])
    between = [k for k in best.values() if k not in chosen]
    for weight in sorted({weights[k] for k in between}, reverse=True):
        room = STRIP - len(chosen)
        level = [k for k in between if weights[k] == weight]
        if len(level) > room:
            # the middles of as many equal stretches
            level = [level[(2 * k + 1) * len(level) // (2 * room)] for k in range(room)]
        chosen += level
    return sorted(set(chosen))
