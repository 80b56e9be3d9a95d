"""Those who act and learn: an agent decides for an individual, through public faces alone."""

from .base import Agent
from .registry import AGENTS, AgentError, load_agent

__all__ = ["AGENTS", "Agent", "AgentError", "load_agent"]
