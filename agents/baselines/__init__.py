"""Reference agents: what a score is compared with."""

from .random import Random
from .scripted import Exact, Scripted
from .shortcut import LastSeen, RealityBiased, Reflex
from .social import Egocentric, Prosocial, Selfish

__all__ = [
    "Egocentric",
    "Exact",
    "LastSeen",
    "Prosocial",
    "Random",
    "RealityBiased",
    "Reflex",
    "Scripted",
    "Selfish",
]
