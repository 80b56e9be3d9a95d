"""The gridworlds. A game is registered by standing in this list; tests, faces and tools go by it."""

from .drift import GAME as DRIFT
from .forage import GAME as FORAGE
from .game import Game
from .reach import GAME as REACH
from .sally_anne import GAME as SALLY_ANNE
from .vantage import GAME as VANTAGE

__all__ = ["GAMES"]

GAMES: dict[str, Game] = {game.name: game for game in (REACH, DRIFT, VANTAGE, FORAGE, SALLY_ANNE)}
