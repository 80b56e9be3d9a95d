"""A window on the screen, for ``render_mode="human"`` and ``mindsight play``."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from ._pygame import pygame
from .canvas import Canvas
from .scene import draw

if TYPE_CHECKING:
    from ..envs.simulation import Simulation

__all__ = ["Window", "close", "show"]


class Window:
    """A window that shows frames and takes keys.

    It opens with the first frame and takes its size from it. While nothing happens it sleeps in the
    operating system: it costs next to no processor time.

    Args:
        title: on its bar.

    Attributes:
        closed: True once it was closed, by :meth:`close` or by its reader.
    """

    def __init__(self, title: str = "mindsight") -> None:
        self.title = title
        self.closed = False
        self._screen: pygame.Surface | None = None
        self._picture: pygame.Surface | None = None

    def __enter__(self) -> Window:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def show(self, frame: Canvas) -> None:
        """Show a frame, (H, W, 3) uint8. After :meth:`close` nothing happens.

        Raises:
            RuntimeError: there is no display to open a window on.
        """
        if self.closed:
            return
        height, width = frame.shape[:2]
        if self._screen is None or self._screen.get_size() != (width, height):
            try:
                if not pygame.display.get_init():
                    pygame.display.init()
                self._screen = pygame.display.set_mode((width, height))
            except pygame.error as error:
                raise RuntimeError(
                    f"no window can be opened here ({error}): use render_mode='rgb_array', "
                    "or `mindsight render`, which need no display"
                ) from None
            pygame.display.set_caption(self.title)
        data = np.ascontiguousarray(frame).tobytes()
        self._picture = pygame.image.frombytes(data, (width, height), "RGB")
        self._redraw()

    def _redraw(self) -> None:
        if self._screen is not None and self._picture is not None:
            self._screen.blit(self._picture, (0, 0))
            pygame.display.flip()

    def keys(self, timeout: float | None = None) -> list[str]:
        """Names of the keys pressed, in their order: ``"left"``, ``"space"``, ``"a"``, ...

        Returns as soon as a key is pressed, at once if some were pressed already.

        Args:
            timeout: seconds to wait at most; None waits for as long as it takes, 0 does not wait.

        Returns:
            Empty where the time is over; ``["quit"]`` last where the window was closed.
        """
        if self.closed:
            return ["quit"]
        if self._screen is None:
            raise RuntimeError("the window is not open yet: show() a frame first")
        found: list[str] = []
        end = None if timeout is None else time.monotonic() + timeout
        while not found:
            if end is None:
                events = [pygame.event.wait()]
            else:
                left = round(1000 * (end - time.monotonic()))
                # a wait of 0 would be a wait for ever
                events = [pygame.event.wait(left)] if left > 0 else []
            events += pygame.event.get()
            for event in events:
                if event.type == pygame.QUIT:
                    self.close()
                    return [*found, "quit"]
                if event.type == pygame.KEYDOWN:
                    found.append(pygame.key.name(event.key))
                elif event.type in (pygame.WINDOWEXPOSED, pygame.WINDOWSIZECHANGED):
                    self._redraw()
            if end is not None and time.monotonic() >= end:
                break
        return found

    def close(self) -> None:
        """Close it; a second time does nothing."""
        if not self.closed:
            self.closed = True
            if self._screen is not None:
                self._screen = self._picture = None
                pygame.display.quit()


# The one window of environments that were made with render_mode="human": a process has one display.
_window: Window | None = None
HUMAN_FPS = 4


def show(simulation: Simulation, world: int = 0) -> None:
    """Draw a world in the window of ``render_mode="human"``, at most four steps a second.

    A reader who closes the window has seen enough: the environment runs on without.
    """
    global _window
    if _window is None:
        _window = Window(f"mindsight: {simulation.game.name}")
    if _window.closed:
        return
    _window.show(draw(simulation, world))
    end = time.monotonic() + 1 / HUMAN_FPS
    while not _window.closed and (left := end - time.monotonic()) > 0:
        _window.keys(left)


def close() -> None:
    """Close the window of :func:`show`, if there is one."""
    global _window
    if _window is not None:
        _window.close()
        _window = None
