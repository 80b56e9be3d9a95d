"""How the runs of an experiment were trained. Its folder is filled over days: a table is of runs alike."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...agents.training import RunFolder
from ...scenarios.curricula import Curriculum

__all__ = ["check", "of_result", "of_run", "settings"]

_ADVICE = ": give another --out"


def settings(*pieces: Curriculum) -> list[dict[str, Any]]:
    """Of each phase of some curricula all settings, its learner's with them, as JSON has them."""
    phases = [phase for piece in pieces for phase in _all(piece.config())]
    found: list[dict[str, Any]] = json.loads(json.dumps(phases))
    return found


def of_run(folder: Path) -> list[dict[str, Any]]:
    """The same of what was trained, or begun, in a run folder."""
    return _all(RunFolder.open(folder).read_json("config.json"))


def of_result(path: Path, expected: Sequence[dict[str, Any]], curriculum: str = "") -> dict[str, Any]:
    """A result, as JSON has it; its ``"settings"`` say how it was trained, its ``"curriculum"``, where one is
    expected, by which.

    Raises:
        ValueError: it was trained otherwise than it would be now, or does not say how.
    """
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if curriculum and (name := found.get("curriculum")) != curriculum:
        raise ValueError(f"{path}: its curriculum is {name!r}, expected {curriculum!r}{_ADVICE}")
    if "settings" not in found:
        raise ValueError(f"{path} does not say how it was trained, an earlier version wrote it{_ADVICE}")
    check(path, found["settings"], expected, _ADVICE)
    return found


def check(
    path: Path, there: Sequence[dict[str, Any]], expected: Sequence[dict[str, Any]], advice: str = ""
) -> None:
    """``ValueError`` where what was trained is not what would be: it names ``path``, and what differs."""
    names, wanted = ([plan["name"] for plan in plans] for plans in (there, expected))
    if names != wanted:
        raise ValueError(f"{path}: its phases are {', '.join(names)}, expected {', '.join(wanted)}{advice}")
    for found, plan in zip(there, expected, strict=True):
        for key in plan:
            if found.get(key) != plan[key]:
                raise ValueError(
                    f"{path}: {key} of its phase {plan['name']} is {found.get(key)!r}, "
                    f"expected {plan[key]!r}{advice}"
                )


def _all(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    learner = {f"learner.{key}": value for key, value in config["learner"].items()}
    return [{**phase, **learner} for phase in config["phases"]]
