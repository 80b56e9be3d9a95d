"""Files as this package writes them: whole or not at all."""

from __future__ import annotations

import difflib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

__all__ = ["nearest", "write_bytes", "write_text"]


def write_bytes(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a file under a temporary name beside its own and rename it: nobody reads half of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write UTF-8 text; see :func:`write_bytes`."""
    return write_bytes(path, text.encode())


def nearest(given: object, known: Iterable[object]) -> str:
    """``"; did you mean 'x'?"`` where a known name is near what was given, else nothing."""
    near = difflib.get_close_matches(str(given), [str(name) for name in known], 1)
    return f"; did you mean {near[0]!r}?" if near else ""
