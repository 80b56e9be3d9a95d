"""Agents by name."""

from __future__ import annotations

import difflib
import importlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from ..envs.games import GAMES
from .base import Agent, writes
from .baselines import (
    Egocentric,
    Exact,
    LastSeen,
    Prosocial,
    Random,
    RealityBiased,
    Reflex,
    Scripted,
    Selfish,
)
from .language_models import is_name
from .language_models import load as load_language_model

__all__ = ["AGENTS", "AgentError", "check_agent", "load_agent", "upper_bound"]

#: The reference agents. Those that read the engine's state are trusted because they stand here.
AGENTS: dict[str, Callable[[], Agent]] = {
    "random": Random,
    "reality_biased": RealityBiased,
    "last_seen": LastSeen,
    "scripted": Scripted,
    "exact": Exact,
    "egocentric": Egocentric,
    "selfish": Selfish,
    "prosocial": Prosocial,
    "reflex": Reflex,
}


#: What there is in the folder of a tri-module agent, of its model, or of the run it was trained in.
_TRI_MODULE = ("agent.json", "model.json", "behaviour", "checkpoints/last")


_UPPER_BOUNDS: set[type] = set()
_Kind = TypeVar("_Kind", bound=type[Agent])


def upper_bound(kind: _Kind) -> _Kind:
    """Decorates the class of an experiment's upper bound, which may read the engine's state as the reference
    agents do; its card says that it is privileged. Nothing that is loaded by a name or path becomes one."""
    _UPPER_BOUNDS.add(kind)
    return kind


class AgentError(ValueError):
    """An agent that is unknown, or that is not what an agent has to be."""


def load_agent(given: str | Path | Agent, **settings: Any) -> Agent:
    """An agent by its name.

    Args:
        given: a reference agent's name, the path of a saved model, a language model
            (``"hf:PATH_OR_NAME"``, ``"served:MODEL@URL"``, see ``docs/language_models.md``),
            ``"module:Class"`` for one of your own (a class or function that is called without
            arguments), or an agent, which is returned as it is. The module is one that Python finds, or
            lies in the current folder.
        settings: of a language model, such as ``acting="free"``; others have none.

    Raises:
        AgentError: there is none of that name (the nearest is named), or what is there is no agent.
    """
    name = str(given) if isinstance(given, (str, Path)) else ""
    if is_name(name):
        try:
            return check_agent(load_language_model(name, **settings))
        except ValueError as error:
            raise AgentError(str(error)) from error
    if settings:
        what = repr(name) if name else type(given).__name__
        raise AgentError(f"{', '.join(settings)}: only language models have settings, and {what} is none")
    if not isinstance(given, (str, Path)):
        return check_agent(given)
    if name in AGENTS:
        return AGENTS[name]()
    if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", name):
        return _made_by(name)
    if Path(name).exists():
        # Here and not above: torch takes over a second to import.
        if any((Path(name) / file).exists() for file in _TRI_MODULE):
            from .tri_module.agent import TriModuleAgent

            try:
                return check_agent(TriModuleAgent.load(name))
            except (ValueError, OSError) as error:
                raise AgentError(str(error)) from error
        if (Path(name) / "curriculum.yaml").is_file():
            raise AgentError(f"{name} is a curriculum's run that has saved nothing yet in checkpoints/last")
        from .baselines.sb3 import load

        return check_agent(load(name))
    near = difflib.get_close_matches(name, AGENTS, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise AgentError(
        f"agent is {name!r}, expected one of {', '.join(AGENTS)}, the path of a saved model, "
        f"hf:PATH_OR_NAME, served:MODEL@URL, or 'module:Class'{hint}"
    )


def _made_by(name: str) -> Agent:
    """The agent that ``"module:Class"`` makes; :class:`AgentError` where it makes none."""
    module, _, attribute = name.partition(":")
    origin = ""
    try:
        with _current_folder_importable():
            loaded = importlib.import_module(module)
            # Which of two modules of a name it is, the user cannot know.
            origin = f" ({getattr(loaded, '__file__', None) or 'a folder'})"
            make = getattr(loaded, attribute)
            if not callable(make):
                kind = type(make).__name__
                raise AgentError(f"is a {kind}, expected a class, or a function that makes an agent")
            made = _called(make)
        return check_agent(made)
    except (ImportError, AttributeError, TypeError, AgentError) as error:
        raise AgentError(f"agent {name!r}{origin}: {error}") from error


def _called(make: Callable[[], Any]) -> Any:
    """What it returns; an error of the user's code says how to see where it was."""
    try:
        return make()
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise AgentError(f"{type(error).__name__}: {error} (MINDSIGHT_DEBUG=1 shows the line)") from error


@contextmanager
def _current_folder_importable() -> Iterator[None]:
    """Within this, modules of the current folder are found, as ``python -m`` finds them and a console script
    does not. They are looked for last: nothing that is installed, and no part of the standard library that
    one of its own modules imports, is hidden by a file of the same name that happens to lie there."""
    folder = os.getcwd()
    if folder in sys.path or "" in sys.path:
        yield
        return
    sys.path.append(folder)
    importlib.invalidate_caches()  # a file may be younger than what the import system remembers of its folder
    try:
        yield
    finally:
        with suppress(ValueError):  # the module may have taken it off itself
            sys.path.remove(folder)


def check_agent(agent: Any) -> Agent:
    """The same agent, if it is one.

    Raises:
        AgentError: something is missing or wrong; it says what. Reading the engine's state is for
            reference agents only.
    """
    kind = type(agent).__name__
    for method in ("initial_state", "act"):
        if not callable(getattr(agent, method, None)):
            raise AgentError(f"{kind} has no method {method!r}: expected an agent (mindsight.Agent)")
    if not isinstance(getattr(agent, "name", None), str):
        raise AgentError(f"{kind} has no name")
    view = getattr(agent, "observation", None)
    views = list(dict.fromkeys(view for game in GAMES.values() for view in game.views))
    if view not in views:
        raise AgentError(
            f"observation of {agent.name} is {view!r}, expected one of {', '.join(map(repr, views))}"
        )
    if getattr(agent, "can_answer", False) and not writes(agent, "answer"):
        raise AgentError(f"{agent.name} can_answer, but has no method 'answer'")
    reads = getattr(agent, "privileged", False) or getattr(agent, "mode", "external") != "external"
    if reads and AGENTS.get(agent.name) is not type(agent) and type(agent) not in _UPPER_BOUNDS:
        raise AgentError(
            f"{agent.name} ({kind}) wants to be privileged or to act as a character of the game: "
            f"only the reference agents may ({', '.join(AGENTS)})"
        )
    return agent  # type: ignore[no-any-return]
