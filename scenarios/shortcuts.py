"""The shortcut audit: how far each blind rule gets on a battery, at its best.

A card credits a shortcut with chance wherever it has no answer. The audit is harsher: whoever takes the
shortcut is right wherever the shortcut does not apply. It stands for an agent that perceives and
remembers perfectly and does only this one thing wrong; what it still passes, no mind was needed for.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..envs.probes import SHORTCUTS
from .evaluation import evaluate
from .loader import Battery, Scenario, load
from .reports import BEST_CONSTANT, sets_of, shortcut_answers

__all__ = ["MARGIN", "Audit", "AuditRow", "audit", "audit_rows"]

MARGIN = 0.05  # by how much a shortcut may pass more sets than chance


@dataclass(frozen=True)
class AuditRow:
    """The sets of one group in one family of scenarios.

    Attributes:
        family: the scenarios whose episodes of one seed are twins, or the environment.
        group: of the questions that are passed together.
        sets, items: how many.
        scores: shortcut to the share of the sets that have an item it applies to which it passes.
        chances: the same for guessing where the shortcut applies.
    """

    family: str
    group: str
    sets: int
    items: int
    scores: Mapping[str, float]
    chances: Mapping[str, float]

    @property
    def excess(self) -> float:
        """The most by which a shortcut passes more sets than chance; negative where all pass fewer."""
        return max((self.scores[name] - self.chances[name] for name in self.scores), default=0.0)


@dataclass(frozen=True)
class Audit:
    """What the shortcuts score on a battery.

    Attributes:
        name: of the battery or scenario.
        rows: one for each family and group of questions with test items.
    """

    name: str
    rows: tuple[AuditRow, ...]

    @property
    def sound(self) -> bool:
        """Whether no shortcut passes more sets than chance and ``MARGIN``, in any row."""
        return all(row.excess <= MARGIN for row in self.rows)

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Column heads and rows, as text; a cell is ``score (chance)`` in per cent, with ``!`` where a
        shortcut gets too far."""
        names = [name for name in (*SHORTCUTS, BEST_CONSTANT) if any(name in row.scores for row in self.rows)]
        cells = []
        for row in self.rows:
            line = [row.family, row.group, str(row.sets), f"{row.items / row.sets:.1f}"]
            for name in names:
                if name not in row.scores:
                    line.append("")
                    continue
                score, chance = row.scores[name], row.chances[name]
                line.append(f"{score:.0%} ({chance:.0%}){' !' if score > chance + MARGIN else ''}")
            cells.append(line)
        return ["scenarios", "group", "sets", "items each", *names], cells

    def markdown(self) -> str:
        """The table as the docs have it."""
        heads, rows = self.table()
        return "\n".join(f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *rows))


def audit(
    battery: str | Path | Scenario | Battery,
    episodes: int | None = None,
    seed: int | None = None,
    progress: bool = False,
) -> Audit:
    """Score the shortcuts on a battery's questions.

    A shortcut's answer counts wherever it has one, and the right answer elsewhere. ``as_set`` has answers
    only in stories in which order can matter: somebody watches unseen, is whispered to, does not notice.

    Args:
        battery: a battery or scenario, its name, or its file.
        episodes: of each scenario; what it says itself where None.
        seed: the block of evaluation seeds; what the scenario says where None.
        progress: show a progress bar.

    Raises:
        ScenarioError: there is no such battery.
        ValueError: it asks nothing.
    """
    battery = load(battery)
    rows = evaluate("exact", battery, episodes, seed, progress=progress, references=(), recordings=0).probes
    return audit_rows(battery, rows)


def audit_rows(battery: Scenario | Battery, rows: list[dict[str, Any]]) -> Audit:
    """The same of questions that were asked before.

    Args:
        battery: whose questions they are.
        rows: of all its questions, as ``exact`` answered them: :attr:`Evaluation.probes`.

    Raises:
        ValueError: there are none.
    """
    if not rows:
        raise ValueError(f"{battery.name!r} asks nothing: there is nothing to audit")
    twins = isinstance(battery, Battery) and battery.sets == "seed"
    answers = shortcut_answers(rows)
    groups: dict[tuple[str, str], list[list[int]]] = defaultdict(list)
    for key, items in sets_of(rows, twins).items():
        groups[str(key[0]), str(key[-1])].append(items)
    return Audit(
        battery.name,
        tuple(_row(family, group, sets, rows, answers) for (family, group), sets in groups.items()),
    )


def _row(
    family: str,
    group: str,
    sets: list[list[int]],
    rows: list[dict[str, Any]],
    answers: list[dict[str, str]],
) -> AuditRow:
    scores, chances = {}, {}
    for name in (*SHORTCUTS, BEST_CONSTANT):
        # of each set, the items that the shortcut applies to
        applies = [[k for k in items if name in answers[k]] for items in sets]
        applies = [items for items in applies if items]
        if not applies:
            continue
        passed = sum(all(answers[k][name] == rows[k]["answer"] for k in items) for items in applies)
        guessed = math.fsum(math.prod(1 / len(rows[k]["options"]) for k in items) for items in applies)
        scores[name] = passed / len(applies)
        chances[name] = guessed / len(applies)
    return AuditRow(family, group, len(sets), sum(map(len, sets)), scores, chances)
