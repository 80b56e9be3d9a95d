"""The gridworlds, in the order of the ladder. A game is registered by standing in this list; tests, faces and
tools go by it."""

from .assist import GAME as ASSIST
from .comfort import GAME as COMFORT
from .commons import GAME as COMMONS
from .contents import GAME as CONTENTS
from .drift import GAME as DRIFT
from .forage import GAME as FORAGE
from .game import Game
from .hide import GAME as HIDE
from .inform import GAME as INFORM
from .mirror import GAME as MIRROR
from .push import GAME as PUSH
from .reach import GAME as REACH
from .recall import GAME as RECALL
from .sally_anne import GAME as SALLY_ANNE
from .vantage import GAME as VANTAGE
from .watch import GAME as WATCH

__all__ = ["GAMES"]

GAMES: dict[str, Game] = {
    game.name: game
    for game in (
        REACH,
        DRIFT,
        PUSH,
        RECALL,
        WATCH,
        VANTAGE,
        FORAGE,
        HIDE,
        MIRROR,
        SALLY_ANNE,
        CONTENTS,
        COMFORT,
        ASSIST,
        INFORM,
        COMMONS,
    )
}
