"""The conversations. A game is registered by standing in this list; tests, faces and tools go by it."""

from .bargain import GAME as BARGAIN
from .cracker import GAME as CRACKER
from .game import Game
from .guarded import GAME as GUARDED
from .rumour import GAME as RUMOUR
from .sally_anne_chat import GAME as SALLY_ANNE_CHAT
from .scale import GAME as SCALE
from .solace import GAME as SOLACE

__all__ = ["GAMES"]

GAMES: dict[str, Game] = {
    game.name: game for game in (SALLY_ANNE_CHAT, SOLACE, CRACKER, SCALE, RUMOUR, BARGAIN, GUARDED)
}
