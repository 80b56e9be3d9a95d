"""pygame without its greeting: it prints one when it is imported, and programs read our output."""

from __future__ import annotations

import os

_given = os.environ.get("PYGAME_HIDE_SUPPORT_PROMPT")
os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"
import pygame  # noqa: E402

if _given is None:
    del os.environ["PYGAME_HIDE_SUPPORT_PROMPT"]

__all__ = ["pygame"]
