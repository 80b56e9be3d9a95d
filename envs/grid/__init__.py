"""The gridworlds. A game is registered by standing in this list; tests, faces and tools go by it."""

from .forage import GAME as FORAGE
from .game import Game
from .reach import GAME as REACH
from .sally_anne import GAME as SALLY_ANNE
from .vantage import GAME as VANTAGE
from .watch import GAME as WATCH

__all__ = ["GAMES"]

GAMES: dict[str, Game] = {game.name: game for game in (REACH, WATCH, VANTAGE, FORAGE, SALLY_ANNE)}
