"""All environments of both families, by name."""

from __future__ import annotations

from .conversation import GAMES as CONVERSATIONS
from .grid import GAMES as GRIDWORLDS
from .simulation import Game

__all__ = ["GAMES"]

GAMES: dict[str, Game] = {**GRIDWORLDS, **CONVERSATIONS}
