"""Files: they open again, hold what was drawn, and appear whole or not at all; and the window."""

import builtins
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mindsight import renders
from mindsight.envs.grid import GAMES
from mindsight.envs.grid.game import MODES, Simulation


def frames(count: int, height: int = 24, width: int = 33) -> list[np.ndarray]:
    out = []
    for k in range(count):
        frame = np.full((height, width, 3), 240, np.uint8)
        frame[4:10, 2 + k : 8 + k] = (213, 94, 0)
        out.append(frame)
    return out


def replay(name: str, steps: int, seed: int = 0, **options: object) -> Iterator[Simulation]:
    simulation = Simulation(GAMES[name], 1, options)
    simulation.reset(seed)
    modes = np.full(simulation.count, MODES.index("scripted"), np.int64)
    actions = np.zeros((1, simulation.count), np.int64)
    yield simulation
    for _ in range(steps):
        if simulation.ends.any():
            return
        simulation.script(modes, actions)
        simulation.step(actions)
        yield simulation


def test_gif(tmp_path: Path) -> None:
    path = renders.record(iter(frames(9)), tmp_path / "new" / "a.gif", fps=5)
    with Image.open(path) as image:
        assert image.n_frames == 9 and image.size == (33, 24) and image.info["duration"] == 200
        assert image.info["loop"] == 0
        image.seek(4)
        shown = np.asarray(image.convert("RGB")).astype(int)
        assert np.abs(shown - frames(9)[4]).max() < 12
    assert [p.name for p in path.parent.iterdir()] == ["a.gif"]  # nothing half-made is left


def test_strip(tmp_path: Path) -> None:
    path = renders.record(frames(20), tmp_path / "a.png")
    with Image.open(path) as image:
        strip = np.asarray(image.convert("RGB"))
    where = [
        (y, x)
        for k in (0, 4, 8, 11, 15, 19)
        for y in range(strip.shape[0] - 23)
        for x in range(strip.shape[1] - 32)
        if strip[y + 4, x + 2 + k, 1] == 94 and (strip[y : y + 24, x : x + 33] == frames(20)[k]).all()
    ]
    assert len(where) == 6 and len({y for y, _ in where}) == 1
    chosen = renders.record(frames(20), tmp_path / "b.png", keys=[3, 4])
    with Image.open(chosen) as image:
        assert image.size == (2 * (33 + 10) + 10, 24 + 26 + 20)
    with pytest.raises(ValueError, match="key frame 20 is not there, expected 0 to 19"):
        renders.record(frames(20), tmp_path / "c.png", keys=[20])
    assert not (tmp_path / "c.png").exists()


def test_frames_of_several_sizes(tmp_path: Path) -> None:
    path = renders.record([*frames(2), *frames(2, 40, 20)], tmp_path / "a.gif")
    with Image.open(path) as image:
        assert image.size == (33, 40)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    drawn = []

    def watched() -> Iterator[np.ndarray]:
        for frame in frames(2):
            drawn.append(1)
            yield frame

    for name in ("a.avi", "a"):
        with pytest.raises(ValueError, match=r"expected one of \.gif, \.mp4, \.png"):
            renders.record(watched(), tmp_path / name)
        with pytest.raises(ValueError, match=r"expected one of \.gif, \.mp4, \.png"):
            renders.render_episode(replay("reach", 1), tmp_path / name)
    with pytest.raises(ValueError, match="fps is 0"):
        renders.record(watched(), tmp_path / "a.gif", fps=0)
    assert not drawn  # said before the work, not after
    with pytest.raises(ValueError, match="no frames"):
        renders.record([], tmp_path / "a.gif")
    with pytest.raises(ValueError, match=r"frame 1 has shape \(3, 4\).*expected \(H, W, 3\) uint8"):
        renders.record([frames(1)[0], np.zeros((3, 4), np.uint8)], tmp_path / "a.gif")
    assert list(tmp_path.iterdir()) == []


def test_mp4_names_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: object, **more: object) -> object:
        if name.startswith("imageio_ffmpeg"):
            raise ModuleNotFoundError(name, name=name)
        return real(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ModuleNotFoundError, match=r"pip install -e '\.\[video\]'"):
        renders.record(frames(2), tmp_path / "a.mp4")


def test_mp4(tmp_path: Path) -> None:
    pytest.importorskip("imageio_ffmpeg")
    import imageio.v3 as imageio

    path = renders.record(frames(12, 64, 99), tmp_path / "a.mp4", fps=10)
    shown = imageio.imread(path)
    assert shown.shape == (12, 64, 100, 3)  # an even number of pixels
    assert np.abs(shown[3, :, :99].astype(int) - frames(12, 64, 99)[3]).mean() < 10


def test_an_old_file_outlives_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(b"before")

    def fail(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="disk is full"):
        renders.record(frames(3), path)
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", sorted(GAMES))
def test_episodes(name: str, tmp_path: Path) -> None:
    path = renders.render_episode(replay(name, 8), tmp_path / "a.gif", scale=24, probes=False)
    with Image.open(path) as image:
        # the step is written on each, so no two are the same
        assert image.n_frames == sum(1 for _ in replay(name, 8)) > 1
    strip = renders.render_episode(replay(name, 8), tmp_path / "a.png", views=False, thoughts=0, scale=16)
    with Image.open(strip) as image:
        assert image.size[0] > 16 * 9


def test_questions_have_frames_of_their_own(tmp_path: Path) -> None:
    """Where an exam asks, each question is a frame; an answer that comes along is shown."""
    steps = asked = 0
    for frame in renders.episode_frames(replay("sally_anne", 75), views=False, thoughts=0):
        steps += frame.step == steps  # the first frame of each step
        asked += frame.asked
        assert (frame.weight >= 3) == frame.asked
    length = sum(1 for _ in replay("sally_anne", 75))
    assert steps == length and asked > 1

    def answered() -> Iterator[object]:
        for simulation in replay("sally_anne", 75):
            if simulation.worlds[0]["ask"]:
                probe = simulation.probes()[-1]
                yield simulation, {"probe": probe, "answer": probe.answer, "caption": "So there."}
            else:
                yield simulation

    drawn = list(renders.episode_frames(answered(), views=False, thoughts=0))
    assert len(drawn) == length and sum(frame.asked for frame in drawn) == 1


class Recorded:
    """An episode as `scenarios` has them, and as simple as can be."""

    def replay(self) -> Iterator[Simulation]:
        return replay("reach", 4)


def test_takes_what_can_be_replayed(tmp_path: Path) -> None:
    counted = []

    def progress(items):  # type: ignore[no-untyped-def]
        for item in items:
            counted.append(item)
            yield item

    path = renders.render_episode(Recorded(), tmp_path / "a.gif", progress=progress)
    assert path.exists() and len(counted) == 5


def test_window() -> None:
    """With SDL's dummy display, which takes events as a real one does."""
    import pygame

    with renders.Window("a test") as window:
        with pytest.raises(RuntimeError, match="show"):
            window.keys(0)
        window.show(frames(1, 40, 50)[0])
        assert pygame.display.get_surface().get_size() == (50, 40)
        assert pygame.display.get_surface().get_at((3, 5))[:3] == (213, 94, 0)
        pygame.event.clear()
        assert window.keys(0) == []
        for key in (pygame.K_LEFT, pygame.K_a):
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))
        assert window.keys(5) == ["left", "a"]
        window.show(frames(1, 60, 70)[0])
        assert pygame.display.get_surface().get_size() == (70, 60)
        pygame.event.post(pygame.event.Event(pygame.QUIT))
        assert window.keys(5) == ["quit"] and window.closed
        assert window.keys() == ["quit"]
        window.show(frames(1)[0])  # nothing happens
    assert not pygame.display.get_init()
    window.close()


def test_an_idle_window_costs_next_to_nothing() -> None:
    with renders.Window() as window:
        window.show(frames(1)[0])
        window.keys(0.1)
        begin = resource.getrusage(resource.RUSAGE_SELF)
        clock = time.monotonic()
        assert window.keys(1.0) == []
        assert time.monotonic() - clock >= 0.95
        end = resource.getrusage(resource.RUSAGE_SELF)
        spent = end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime
        # the dummy display is asked every millisecond; real ones wake us
        assert spent < 0.15
