"""The shortcut audit: how far each blind rule gets on a battery, at its best.

A card credits a shortcut with chance wherever it has no answer. The audit is harsher: whoever takes the
shortcut is right wherever the shortcut does not apply, and wherever nobody's mind is asked about though that
is what the set is about. It stands for an agent that perceives and remembers perfectly and does only this one
thing wrong; what it still passes, no mind was needed for.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..envs.probes import SHORTCUTS
from .evaluation import evaluate
from .loader import Battery, Scenario, load
from .reports import BEST_CONSTANT, question_form, sets_of, shortcut_answers

__all__ = ["BEST_CLOCK", "MARGIN", "MARGIN_LEARNED", "Audit", "AuditRow", "audit", "audit_rows"]

BEST_CLOCK = "best_clock"
_NAMES = (*SHORTCUTS, BEST_CONSTANT, BEST_CLOCK)
_TICK = 6  # steps that the clock does not tell apart
MARGIN = 0.05  # by how much a shortcut may pass more sets than chance
#: By how much a rule may that is learned from other answers: a set of few questions, some of which nearly
#: always have one answer, is passed by luck more often than by guessing.
MARGIN_LEARNED = 0.2


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

    def excess(self, name: str) -> float:
        """By how much of its margin a shortcut passes more sets than chance: above 1 it gets too far."""
        margin = MARGIN_LEARNED if name == BEST_CLOCK else MARGIN
        return (self.scores[name] - self.chances[name]) / margin

    @property
    def too_far(self) -> tuple[str, ...]:
        """The shortcuts that pass more sets than chance and their margin."""
        return tuple(name for name in self.scores if self.excess(name) > 1)


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
        """Whether no shortcut gets too far, in any row."""
        return not any(row.too_far for row in self.rows)

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Column heads and rows, as text; a cell is ``score (chance)`` in per cent, with ``!`` where a
        shortcut gets too far."""
        names = [name for name in _NAMES if any(name in row.scores for row in self.rows)]
        cells = []
        for row in self.rows:
            line = [row.family, row.group, str(row.sets), f"{row.items / row.sets:.1f}"]
            for name in names:
                if name not in row.scores:
                    line.append("")
                    continue
                score, chance = row.scores[name], row.chances[name]
                line.append(f"{score:.0%} ({chance:.0%}){' !' if name in row.too_far else ''}")
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
    for given, told in zip(answers, _by_the_clock(rows, answers), strict=True):
        given |= told
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
    of_minds = any(rows[k]["role"] == "test" and rows[k]["chain"] for items in sets for k in items)
    for name in _NAMES if of_minds else _NAMES[:-1]:  # a mix of what is and what was is what memory has to be
        # of each set, the items that the shortcut applies to
        applies = [
            [k for k in items if name in answers[k] and (rows[k]["chain"] or not of_minds)] for items in sets
        ]
        applies = [items for items in applies if items]
        if not applies:
            continue
        passed = sum(all(answers[k][name] == rows[k]["answer"] for k in items) for items in applies)
        guessed = math.fsum(math.prod(1 / len(rows[k]["options"]) for k in items) for items in applies)
        scores[name] = passed / len(applies)
        chances[name] = guessed / len(applies)
    return AuditRow(family, group, len(sets), sum(map(len, sets)), scores, chances)


def _by_the_clock(rows: list[dict[str, Any]], answers: list[dict[str, str]]) -> list[dict[str, str]]:
    """``BEST_CLOCK``'s answers: to each question, by when it is asked and whether the thing is where it was
    first, that of the shortcut, or the place among the options, that was right most often then.

    Which one that is was learned from half of the seeds, and is answered in the others: there are so many of
    these that some would fit by chance.
    """
    learned = set(sorted({row["seed"] for row in rows})[::2])
    counts: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)

    def ways(k: int) -> dict[str, str]:
        options = rows[k]["options"]
        places = {f"option {n}": option for n, option in enumerate(options)}
        return places | {name: said for name, said in answers[k].items() if said in options}

    def whens(k: int) -> list[tuple[Any, ...]]:
        """When and what it is, the closest first: at a time that was never learned, at any time."""
        row, given = rows[k], answers[k]
        stayed = given.get("reality") == given.get("first_place")
        what = row["family"], row["group"], question_form(row), stayed
        return [(*what, row["step"] // _TICK), what]

    for k, row in enumerate(rows):
        if row["seed"] in learned:
            for name, said in ways(k).items():
                for when in whens(k):
                    counts[when][name] += said == row["answer"]
    found: list[dict[str, str]] = []
    for k, row in enumerate(rows):
        known = next((counts[when] for when in whens(k) if when in counts), Counter())
        given = ways(k)
        best = max(sorted(given), key=known.__getitem__)
        found.append({} if row["seed"] in learned else {BEST_CLOCK: given[best]})
    return found
