"""The conversations. A game is registered by standing in this list; tests, faces and tools go by it."""

from .babble import GAME as BABBLE
from .bargain import GAME as BARGAIN
from .chatter import GAME as CHATTER
from .cracker import GAME as CRACKER
from .echo import GAME as ECHO
from .game import Game
from .guarded import GAME as GUARDED
from .rumour import GAME as RUMOUR
from .sally_anne_chat import GAME as SALLY_ANNE_CHAT
from .scale import GAME as SCALE
from .solace import GAME as SOLACE

__all__ = ["GAMES"]

#: In the order of the paper's stages.
GAMES: dict[str, Game] = {
    game.name: game
    for game in (
        BABBLE, CHATTER, ECHO, SALLY_ANNE_CHAT, RUMOUR, SOLACE, CRACKER, BARGAIN, GUARDED, SCALE,
    )
}  # fmt: skip
