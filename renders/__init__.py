"""Pictures of worlds: frames, text, files, a window. Reads the worlds in ``envs`` and nothing else.

Nothing here opens a display but :class:`Window`, and drawing never changes a simulation.
"""

from .recording import episode_frames, record, render_episode
from .scene import draw
from .window import Window, close, show
from .words import ansi, happened, names

__all__ = [
    "Window",
    "ansi",
    "close",
    "draw",
    "episode_frames",
    "happened",
    "names",
    "record",
    "render_episode",
    "show",
]
