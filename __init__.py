"""Mindsight: exact, fast worlds in which minds matter.

Multi-agent environments for Theory of Mind: every world keeps, beside its state, exactly who
believes what (and who believes that who believes what), and asks questions about it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .envs.entry import (
    add_environment,
    describe,
    env,
    list_environments,
    parallel_env,
    raw_env,
    register,
    vector_env,
)
from .envs.minds import Beliefs, Semantics, track

if TYPE_CHECKING:
    from .agents import Agent, load_agent
    from .scenarios import Scenario, audit, evaluate, load_battery, load_scenario
    from .scenarios.curricula import Curriculum, load_curriculum
    from .scenarios.episodes import Episode

__version__ = "0.1.0"

__all__ = [
    "Agent",
    "Beliefs",
    "Curriculum",
    "Episode",
    "Scenario",
    "Semantics",
    "__version__",
    "add_environment",
    "audit",
    "describe",
    "env",
    "evaluate",
    "list_environments",
    "load_agent",
    "load_battery",
    "load_curriculum",
    "load_scenario",
    "parallel_env",
    "raw_env",
    "track",
    "vector_env",
]

# Loaded when first asked for: `import mindsight` needs no torch, no YAML and no screen.
_LATER = {
    "audit": ".scenarios",
    "Curriculum": ".scenarios.curricula",
    "evaluate": ".scenarios",
    "load_battery": ".scenarios",
    "load_curriculum": ".scenarios.curricula",
    "load_scenario": ".scenarios",
    "load_agent": ".agents",
    "Agent": ".agents",
    "Episode": ".scenarios.episodes",
    "Scenario": ".scenarios",
}

register()


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_LATER[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
