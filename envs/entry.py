"""Environments of both families by name, and the registries of Gymnasium and PettingZoo."""

from __future__ import annotations

import re
from typing import Any

import gymnasium

from .conversation import GAMES as CONVERSATIONS
from .conversation import faces as conversation
from .faces import Ordered, check_names
from .games import GAMES
from .grid import GAMES as GRIDWORLDS
from .grid import faces as grid
from .simulation import MODES, Game

__all__ = [
    "add_environment",
    "describe",
    "env",
    "find_game",
    "learner_env",
    "learner_vector_env",
    "list_environments",
    "parallel_env",
    "raw_env",
    "register",
    "vector_env",
]

_FACES: dict[str, Any] = {"grid": grid, "conversation": conversation}
_FAMILIES: dict[str, Any] = {"grid": GRIDWORLDS, "conversation": CONVERSATIONS}


def list_environments() -> list[str]:
    """Names of all environments."""
    return list(GAMES)


def find_game(name: str) -> Game:
    """A game by its name; ``ValueError`` names the nearest one there is."""
    check_names("environment", name, tuple(GAMES))
    return GAMES[name]


def _faces(name: str) -> Any:
    return _FACES[find_game(name).family]


def describe(name: str) -> str:
    """An environment's page: rules, individuals, options; tables of actions and observations.

    Raises:
        ValueError: there is no such environment; it names the nearest.
    """
    found: str = _faces(name).describe(find_game(name))
    return found


def parallel_env(name: str, **arguments: Any) -> Any:
    """A gridworld in which everybody acts at once: ``grid.faces.ParallelEnvironment``.

    Raises:
        ValueError: for a conversation, in which one individual has its turn at a time.
    """
    if find_game(name).family == "conversation":
        raise ValueError(
            f"{name!r} is a conversation, in which one individual has its turn at a time: expected a "
            f"gridworld; use mindsight.env({name!r})"
        )
    return grid.ParallelEnvironment(name, **arguments)


def raw_env(name: str, **arguments: Any) -> Any:
    """An environment in which everybody acts in turn: the family's ``TurnEnvironment``."""
    return _faces(name).TurnEnvironment(name, **arguments)


def env(name: str, **arguments: Any) -> Ordered:
    """:func:`raw_env` in PettingZoo's wrapper that refuses calls in the wrong order."""
    return Ordered(raw_env(name, **arguments))


def vector_env(name: str, num_envs: int, seed: int | None = 0, num_threads: int = 1, **arguments: Any) -> Any:
    """A batch of worlds: the family's ``VectorEnvironment``."""
    return _faces(name).VectorEnvironment(name, num_envs, seed=seed, num_threads=num_threads, **arguments)


def learner_env(name: str, **arguments: Any) -> Any:
    """One learner among characters of the game, for Gymnasium: the family's ``LearnerEnvironment``."""
    return _faces(name).LearnerEnvironment(name, **arguments)


def learner_vector_env(name: str, num_envs: int = 1, **arguments: Any) -> Any:
    """The same as a batch: the family's ``LearnerVectorEnvironment``."""
    return _faces(name).LearnerVectorEnvironment(name, num_envs, **arguments)


def add_environment(game: Game) -> None:
    """Enter an environment of one's own, in this process: from here on it is made, evaluated, trained in
    and drawn by its name like those that come with Mindsight (``docs/adding_an_environment.md``).

    Its kernels are compiled anew in each process, since they lie outside of the package.

    Args:
        game: of either family.

    Raises:
        ValueError: its name is taken or no name, or its roles, learner or modes do not fit together.
    """
    if not isinstance(game, Game):
        raise ValueError(f"expected a Game, got {type(game).__name__}: {game!r}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", game.name):
        raise ValueError(f"the name is {game.name!r}, expected small letters, digits and _, a letter first")
    if game.name in GAMES:
        raise ValueError(f"the name {game.name!r} is taken by {GAMES[game.name].title!r}")
    if not 1 <= len(game.roles) <= 8:
        raise ValueError(f"{game.name} has {len(game.roles)} roles, expected 1 to 8")
    if game.learner not in game.roles:
        raise ValueError(f"{game.name}: the learner is {game.learner!r}, expected one of {game.roles!r}")
    for mode in game.modes:
        if mode not in MODES:
            raise ValueError(f"{game.name}: the mode {mode!r} is none of {', '.join(MODES)}")
    GAMES[game.name] = _FAMILIES[game.family][game.name] = game
    register()


def register() -> None:
    """Enter all environments into Gymnasium's and PettingZoo's registries; once is enough."""
    import pettingzoo

    here = __name__
    for name, game in GAMES.items():
        if f"mindsight/{name}-v0" not in gymnasium.registry:
            gymnasium.register(
                f"mindsight/{name}-v0",
                entry_point=f"{here}:learner_env",
                vector_entry_point=f"{here}:learner_vector_env",
                kwargs={"name": name},
            )
        kinds = [("aec", pettingzoo.aec_registry, "env")]
        if game.family == "grid":
            kinds.append(("parallel", pettingzoo.parallel_registry, "parallel_env"))
        for kind, registry, maker in kinds:
            if f"mindsight/{name}-v0" not in registry:  # its form of mindsight/<name>_v0
                pettingzoo.register(
                    kind,  # type: ignore[call-overload]
                    f"mindsight/{name}_v0",
                    entry_point=f"{here}:{maker}",
                    kwargs={"name": name},
                )
