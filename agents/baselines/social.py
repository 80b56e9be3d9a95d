"""Characters that differ in whom they act for: what kindness is measured between."""

from __future__ import annotations

from .scripted import Exact, Scripted
from .shortcut import Shortcut

__all__ = ["Egocentric", "Prosocial", "Selfish"]


class Egocentric(Shortcut):
    """Takes everybody to want, like and know what it wants, likes and knows itself."""

    name = "egocentric"
    mode = "egocentric"
    shortcut = "dropped_first"


class Selfish(Scripted):
    """Plans on its exact belief for its own reward alone; answers as scripted does."""

    name = "selfish"
    mode = "selfish"


class Prosocial(Exact):
    """The oracle of kindness: reads the others' true needs and acts for their true return alone."""

    name = "prosocial"
    mode = "prosocial"
