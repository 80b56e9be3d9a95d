"""The conversations. A game is registered by standing in this list; tests, faces and tools go by it."""

from .cracker import GAME as CRACKER
from .game import Game
from .scale import GAME as SCALE

__all__ = ["GAMES"]

GAMES: dict[str, Game] = {game.name: game for game in (CRACKER, SCALE)}
