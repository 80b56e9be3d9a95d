"""How the runs of an experiment were trained, and by which code: a folder is filled over days."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ...agents.training import RunFolder, versions
from ...scenarios.curricula import Curriculum

__all__ = [
    "check",
    "check_results",
    "made_by",
    "measured_at",
    "of_result",
    "of_run",
    "results",
    "settings",
]

_ADVICE = ": give another --out"


def settings(*pieces: Curriculum) -> list[dict[str, Any]]:
    """Of each phase of some curricula all settings, as JSON has them; its learner's and network's, too."""
    phases = [phase for piece in pieces for phase in _all(piece.config())]
    found: list[dict[str, Any]] = json.loads(json.dumps(phases))
    return found


def of_run(folder: Path) -> list[dict[str, Any]]:
    """The same of what was trained, or begun, in a run folder."""
    return _all(RunFolder.open(folder).read_json("config.json"))


def of_result(
    path: Path, expected: Sequence[dict[str, Any]], episodes: int, curriculum: str = ""
) -> dict[str, Any]:
    """A result, as JSON has it; its ``"settings"`` say how it was trained, its ``"episodes"`` of how many an
    exam was, its ``"curriculum"``, where one is expected, by which.

    Raises:
        ValueError: it was trained or examined otherwise than it would be now, or does not say how.
    """
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if curriculum and (name := found.get("curriculum")) != curriculum:
        raise ValueError(f"{path}: its curriculum is {name!r}, expected {curriculum!r}{_ADVICE}")
    if "settings" not in found or "episodes" not in found:
        raise ValueError(f"{path} does not say how it was trained, an earlier version wrote it{_ADVICE}")
    if found["episodes"] != episodes:
        raise ValueError(f"{path}: its exams have {found['episodes']} episodes, expected {episodes}{_ADVICE}")
    check(path, found["settings"], expected, _ADVICE)
    return found


def check_results(
    out: Path, expected: Mapping[str, Sequence[dict[str, Any]]], episodes: int, curriculum: str = ""
) -> None:
    """``ValueError`` where one of the results ``NAME-SEED.json`` in a folder was not made as its name's would
    be now: see :func:`of_result`."""
    for name, wanted in expected.items():
        for path in results(out, name):
            of_result(path, wanted, episodes, curriculum)


def results(out: Path, name: str) -> list[Path]:
    """The files ``NAME-SEED.json`` in a folder."""
    return sorted(out.glob(f"{name}-[0-9]*.json"))


@cache
def made_by() -> dict[str, Any]:
    """What a result is made by: ``"versions"`` of the packages that matter, and the ``"commit"`` of this
    code, with ``-dirty`` where files differ from it; "unknown" where git does not keep it."""
    kept = _git("ls-files", Path(__file__).name)  # not so where it is installed inside another checkout
    return {
        "versions": versions(),
        "commit": (kept and _git("describe", "--always", "--dirty", "--exclude=*")) or "unknown",
    }


def _git(*arguments: str) -> str:
    """What git says of the checkout that this file is in; "" where there is none, or no git."""
    command = ("git", "-C", str(Path(__file__).parent), *arguments)
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def measured_at(out: Path) -> str:
    """A line that names the commits that the results in a folder were made by."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.glob("*.json"))]
    commits = sorted({each.get("commit", "unknown") for each in found})
    return f"Measured at commit {', '.join(commits)}." if commits else "Nothing is measured yet."


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
    shared = {f"{of}.{key}": value for of in ("learner", "model") for key, value in config[of].items()}
    return [{**phase, **shared} for phase in config["phases"]]
