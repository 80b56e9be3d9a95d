"""Reference agents: what a score is compared with."""

from .random import Random
from .scripted import Exact, Scripted
from .shortcut import LastSeen, RealityBiased

__all__ = ["Exact", "LastSeen", "Random", "RealityBiased", "Scripted"]
