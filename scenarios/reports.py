"""Cards: what an evaluation found, for people and for programs.

``docs/evaluation.md`` says what each number is. A card prints in a terminal (:meth:`Card.print`),
as JSON and as one HTML page that needs nothing from anywhere.
"""

from __future__ import annotations

import dataclasses
import html
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..agents.base import Agent
from ..envs.games import GAMES
from ..envs.minds import Semantics
from ..envs.probes import SHORTCUTS
from .episodes import versions
from .loader import STANDARDS, Battery, Scenario
from .tables import print_table

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "BEST_CONSTANT",
    "CARD_FORMAT",
    "CARD_VERSION",
    "CLEAR",
    "Actions",
    "Card",
    "Kindness",
    "Score",
    "Stage",
    "make_card",
    "question_form",
    "set_of",
    "sets_of",
    "shortcut_answers",
    "wilson",
]

#: What a card's JSON says that it is, and in which form.
CARD_FORMAT, CARD_VERSION = "mindsight card", 1
#: By more than this part of the larger one, what the two standards of kindness bring the others has to differ
#: for a share between them to mean anything: where it does not, the least slip is many times the scale.
CLEAR = 0.05
#: A shortcut found in the answers themselves: to each kind of question and chain, the one answer
#: that is right most often.
BEST_CONSTANT = "best_constant"

Row = Mapping[str, Any]


def wilson(right: float, count: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a share, by Wilson (1927); (0, 1) where nothing was counted.

    Args:
        right: how many of ``count`` were right; not whole where guesses count by their chance.
        z: standard deviations.
    """
    if count == 0:
        return 0.0, 1.0
    share = right / count
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


@dataclass(frozen=True)
class Score:
    """How many were right.

    Attributes:
        name: of what: a condition, a scenario, a shortcut ...
        count: items or sets.
        right: how many were right or passed.
        chance: the share that guessing gets right, on average.
        log_score: mean natural logarithm of the probability given to the right answer; where chance
            decides, its expectation under the true odds; None of sets.
        role: ``"test"``, ``"control"``, or empty.
        entropy: mean entropy of the true odds, in nats: ``-entropy`` is the best log score there can be;
            0 where all answers are certain.
    """

    name: str
    count: int
    right: float
    chance: float
    log_score: float | None = None
    role: str = ""
    entropy: float = 0.0

    @property
    def share(self) -> float:
        """right / count; 0 where nothing was counted."""
        return self.right / self.count if self.count else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the share."""
        return wilson(self.right, self.count)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        low, high = self.interval
        found = {
            "name": self.name,
            "role": self.role,
            "count": self.count,
            "right": round(self.right, 6),
            "share": round(self.share, 6),
            "interval": [round(low, 6), round(high, 6)],
            "chance": round(self.chance, 6),
            "log_score": None if self.log_score is None else round(self.log_score, 6),
        }
        if not self.role:
            del found["role"]
        if self.log_score is None:
            del found["log_score"]
        if self.entropy:
            found["entropy"] = round(self.entropy, 6)
        return found


@dataclass(frozen=True)
class Actions:
    """How a scenario was played.

    Attributes:
        scenario: its name.
        episodes: how many.
        mean: of the focal individuals' returns (sums of rewards over an episode).
        half: half of the 95 % interval of that mean (normal approximation).
        perf: mean of how well episodes went, 0..1.
        steps: mean length.
        threshold: of ``perf``, to pass where nothing is asked.
    """

    scenario: str
    episodes: int
    mean: float
    half: float
    perf: float
    steps: float
    threshold: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return _rounded(self)


def _rounded(given: Any) -> dict[str, Any]:
    """A dataclass for JSON."""
    found = dataclasses.asdict(given).items()
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in found}


@dataclass(frozen=True)
class Kindness:
    """What the others truly gained in a scenario, beside what two standards brought them.

    Attributes:
        scenario: its name.
        episodes: how many.
        others: mean of the summed true returns of all who are not focal.
        selfish, prosocial: the same where the focal individuals are played by these agents.
        share: (others - selfish) / (prosocial - selfish): 0 is as selfish, 1 as the oracle of kindness;
            None where that difference is not clearly above 0: of one episode, and where it is at most twice
            its own standard error (over the same episodes), or at most ``CLEAR`` of the larger of the two.
        half: half of its 95 % interval (ratio of means of the same episodes, normal approximation).
        threshold: of ``share``, to pass.
    """

    scenario: str
    episodes: int
    others: float
    selfish: float
    prosocial: float
    share: float | None
    half: float
    threshold: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return _rounded(self)


@dataclass(frozen=True)
class Stage:
    """One line of a battery that has lines of its own, such as a stage of the ladder.

    Attributes:
        name: what it is about.
        scenarios: what is played for it.
        items, sets: scores of what is asked in them; None where nothing is asked or answered.
        perf: mean over its scenarios of how well episodes went, 0..1; those with ``perf_threshold`` 0,
            where there is nothing to gain, are left out; None where all are.
        share: the least of what the others truly gained, as :attr:`Kindness.share`; None where that is
            not measured.
        passed: whether all is passed that is judged in its scenarios, as in the whole battery.
    """

    name: str
    scenarios: tuple[str, ...]
    items: Score | None
    sets: Score | None
    perf: float | None
    share: float | None
    passed: bool

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "scenarios": list(self.scenarios),
            "items": None if self.items is None else self.items.to_dict(),
            "sets": None if self.sets is None else self.sets.to_dict(),
            "perf": None if self.perf is None else round(self.perf, 6),
            "share": None if self.share is None else round(self.share, 6),
            "passed": self.passed,
        }


@dataclass(frozen=True)
class Card:
    """The scores of one agent on one battery or scenario.

    Attributes:
        name, description: of the battery or scenario.
        agent: its name.
        privileged: whether it reads the engine's state: a reference, not a result.
        answers: whether it answers questions; if not, its actions alone are scored.
        by: what the lines are.
        threshold: all-of-a-set score to pass.
        seeds: for each scenario the first and last seed.
        score: of all items; None where nothing was asked or answered.
        sets: all-of-a-set score.
        controls: of control items.
        lines: scores by condition (or ``by``).
        groups: all-of-a-set scores by group.
        shortcuts: what each shortcut scores on the same items, and on the same sets.
        surprise: by condition, in how many pairs of events the unexpected one was less probable to the
            agent than the expected one.
        actions: one for each scenario.
        unasked: scenarios that ask nothing: their actions decide.
        kindness: what the others truly gained, where that is measured.
        tallies: scenario to the mean of what an episode counts besides.
        references: cards of others that played the same.
        remarks: what the agent itself has to say, see ``Agent.remarks``.
        stages: one for each line of a battery that has lines of its own.
    """

    name: str
    description: str
    agent: str
    privileged: bool
    answers: bool
    by: str
    threshold: float
    seeds: Mapping[str, tuple[int, int]]
    score: Score | None
    sets: Score | None
    controls: Score | None
    lines: tuple[Score, ...]
    groups: tuple[Score, ...]
    shortcuts: tuple[tuple[Score, Score], ...]
    actions: tuple[Actions, ...]
    unasked: tuple[str, ...]
    surprise: tuple[Score, ...] = ()
    kindness: tuple[Kindness, ...] = ()
    tallies: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    references: tuple[Card, ...] = ()
    remarks: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    semantics: str = str(Semantics())
    versions: Mapping[str, str] = dataclasses.field(default_factory=versions)

    @property
    def passed(self) -> bool:
        """Whether all is passed that is judged: the sets of questions, what the others truly gained
        where that is measured, and the mean ``perf`` of every scenario whose actions decide (all of
        them, if the agent does not answer). Where the battery has lines of its own, each of them. What has
        nothing that is judged cannot be passed."""
        if self.stages:
            return all(stage.passed for stage in self.stages)
        return bool(self._verdicts) and all(self._verdicts)

    @property
    def _verdicts(self) -> list[bool]:
        """Of all that is judged, whether it is passed."""
        found = [] if self.sets is None else [self.sets.share >= self.threshold]
        found += [line.share >= line.threshold for line in self.kindness if line.share is not None]
        return found + [line.perf >= line.threshold for line in self.actions if self._decides(line)]

    @property
    def judged(self) -> str:
        """What decided, in words."""
        if self.stages:
            done = sum(stage.passed for stage in self.stages)
            words = (
                f"{done} of {len(self.stages)} lines passed, all to pass; a line by its sets of questions "
                f"({self.threshold:.0%}), by actions where nothing is asked, and by what others truly gained"
            )
            return words if self.answers else f"{words}; this agent does not answer questions"
        if not self._verdicts:
            return "nothing is judged here, so nothing can be passed"
        if self.sets is None:
            if self.answers:
                return "nothing is asked: judged by actions"
            return "this agent does not answer questions: scored on its actions alone"
        words = f"all-of-a-set {self.sets.share:.1%}, {self.threshold:.0%} to pass"
        told = any(line.share is not None for line in self.kindness)
        words += "; and by what the others truly gained" if told else ""
        return f"{words}; and by actions where nothing is asked" if self.unasked else words

    # --- For programs -----------------------------------------------------------------------------
    def to_dict(self) -> dict[str, Any]:
        """For JSON; the same evaluation gives the same."""

        def one(score: Score | None) -> dict[str, Any] | None:
            return None if score is None else score.to_dict()

        return {
            "format": CARD_FORMAT,
            "version": CARD_VERSION,
            "name": self.name,
            "description": self.description,
            "agent": self.agent,
            "privileged": self.privileged,
            "answers": self.answers,
            "passed": self.passed,
            "judged": self.judged,
            "remarks": list(self.remarks),
            "threshold": self.threshold,
            "semantics": self.semantics,
            "versions": dict(self.versions),
            "seeds": {name: list(pair) for name, pair in self.seeds.items()},
            "score": one(self.score),
            "sets": one(self.sets),
            "controls": one(self.controls),
            "by": self.by,
            "stages": [stage.to_dict() for stage in self.stages],
            "lines": [line.to_dict() for line in self.lines],
            "groups": [line.to_dict() for line in self.groups],
            "shortcuts": [
                {"name": items.name, "items": items.to_dict(), "sets": sets.to_dict()}
                for items, sets in self.shortcuts
            ],
            "surprise": [line.to_dict() for line in self.surprise],
            "actions": [line.to_dict() for line in self.actions],
            "kindness": [line.to_dict() for line in self.kindness],
            "tallies": {
                name: {key: round(value, 6) for key, value in counted.items()}
                for name, counted in self.tallies.items()
            },
            "references": [card.to_dict() for card in self.references],
        }

    def json(self) -> str:
        """The card as JSON."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    # --- For people -------------------------------------------------------------------------------
    def tables(self) -> list[tuple[str, list[str], list[list[Any]]]]:
        """Title, column heads and rows of each table; a :class:`Score` in a row stands for
        itself."""
        found: list[tuple[str, list[str], list[list[Any]]]] = []
        if self.stages:
            found.extend(self._ladder())
        if self.score is not None:
            rows: list[list[Any]] = [["all items", self.score.count, *self._cells(self.score)]]
            if self.controls is not None:
                rows.append(["controls", self.controls.count, *self._cells(self.controls)])
            if self.sets is not None:
                rows.append(["all of a set", self.sets.count, *self._cells(self.sets)])
            logs = ["log", "best log"] if self.score.entropy else ["log"]
            found.append(("Score", ["", "n", "right", "chance", *logs], rows))
            found.append(
                (
                    f"By {self.by}",
                    [self.by, "role", "items", "right", "chance", *logs],
                    [[s.name, s.role, s.count, *self._cells(s)] for s in self.lines],
                )
            )
        if self.sets is not None:
            found.append(
                (
                    "All of a set, by group",
                    ["group", "sets", "passed", "chance"],
                    [[s.name, s.count, *self._cells(s)[:2]] for s in self.groups],
                )
            )
        if self.shortcuts and self.score is not None:
            rows = [[items.name, items, sets] for items, sets in self.shortcuts]
            rows.append(["chance", f"{self.score.chance:.1%}", ""])
            if self.sets is not None:
                rows[-1][-1] = f"{self.sets.chance:.1%}"
            heads = ["shortcut", "items", "all of a set"]
            found.append(("Shortcuts on the same items", heads, rows))
        if self.surprise:
            rows = [[s.name, s.role, s.count, *self._cells(s)[:2]] for s in self.surprise]
            heads = ["condition", "role", "pairs", "unexpected surprises more", "chance"]
            found.append(("Surprise, on pairs of events", heads, rows))
        rows = [
            [a.scenario, a.episodes, f"{a.mean:+z.3f} ± {a.half:.3f}", f"{a.perf:.3f}",
             f"{a.threshold:.2f}" if self._decides(a) else "–", f"{a.steps:.1f}"]
            for a in self.actions
        ]  # fmt: skip
        heads = ["scenario", "n", "mean return", "perf", "to pass", "steps"]
        if rows:
            found.append(("Actions (of the focal individuals)", heads, rows))
        if self.kindness:
            rows = [
                [k.scenario, k.episodes, f"{k.others:+z.3f}", f"{k.selfish:+z.3f}", f"{k.prosocial:+z.3f}",
                 "–" if k.share is None else f"{k.share:z.1%} ± {100 * k.half:.1f}", f"{k.threshold:.0%}"]
                for k in self.kindness
            ]  # fmt: skip
            heads = ["scenario", "n", "others gain", "by selfish", "by prosocial", "share", "to pass"]
            found.append(("What the others truly gained", heads, rows))
        if self.tallies:
            rows = [
                [name, ", ".join(f"{key} {mean:.2f}".translate(_TOGETHER) for key, mean in counted.items())]
                for name, counted in self.tallies.items()
            ]
            found.append(("Counted in an episode, on average", ["scenario", ""], rows))
        if self.references:
            rows, cards = [], (self, *self.references)
            asked = any(card.score is not None for card in cards)
            for card in cards:
                cells = [f"{s.share:.1%}" if s else "–" for s in (card.score, card.sets) if asked]
                if played := len(card.actions):  # stories are answered, not played
                    cells.append(f"{sum(a.mean for a in card.actions) / played:+z.3f}")
                    cells.append(f"{sum(a.perf for a in card.actions) / played:.3f}")
                label = f"{card.agent} *" if card.privileged else card.agent
                rows.append([label, *cells, "yes" if card.passed else "no"])
            heads = ["items", "all of a set"] if asked else []
            heads += ["mean return", "perf"] if self.actions else []
            found.append(("Beside", ["agent", *heads, "passed"], rows))
        return [(title, *_without_empty(heads, rows)) for title, heads, rows in found]

    def _ladder(self) -> list[tuple[str, list[str], list[list[Any]]]]:
        """A line a stage; beside, in short, what the references came to."""
        rows: list[list[Any]] = [
            [
                stage.name,
                "–" if stage.sets is None else stage.sets,
                "" if stage.sets is None else f"{stage.sets.chance:.1%}",
                "–" if stage.perf is None else f"{stage.perf:.2f}",
                "" if stage.share is None else f"{stage.share:z.0%}",
                "yes" if stage.passed else "no",
            ]
            for stage in self.stages
        ]
        found = [("Line by line", ["line", "all of a set", "chance", "perf", "others", "passed"], rows)]
        if self.references:

            def short(stage: Stage) -> str:
                cells = ["–" if stage.sets is None else f"{stage.sets.share:.0%}"]
                cells.append("–" if stage.perf is None else f"{stage.perf:.2f}")
                cells += [] if stage.share is None else [f"{stage.share:z.0%}"]
                return " / ".join(cells)

            cards = (self, *self.references)
            rows = [[stage.name, *(short(c.stages[k]) for c in cards)] for k, stage in enumerate(self.stages)]
            heads = ["sets / perf / others", *(card.agent for card in cards)]
            found.append(("Line by line, beside others", heads, rows))
        return found

    def _decides(self, line: Actions) -> bool:
        """Whether a scenario's actions count for passing."""
        return line.threshold > 0 and (self.sets is None or line.scenario in self.unasked)

    def _cells(self, score: Score) -> list[Any]:
        """Share, chance and log score; and the best log score there can be, where chance decides some
        answers of the card."""
        log = best = ""
        if score.log_score is not None:
            log, best = f"{score.log_score:z.3f}", f"{-score.entropy:z.3f}"
        cells = [score, f"{score.chance:.1%}", log]
        return [*cells, best] if self.score is not None and self.score.entropy else cells

    def notes(self) -> list[str]:
        """What has to be said beside the numbers."""
        found = [self.judged, *self.remarks]
        if self.privileged:
            found.append("reference agent: it reads the engine's state, which no agent under test sees")
        if any(card.privileged for card in self.references):
            found.append("* reads the engine's state")
        untold = [line.scenario for line in self.kindness if line.share is None]
        if untold:
            found.append(
                "no share, and not judged by it, where `prosocial` does not bring the others clearly more "
                f"than `selfish` in these episodes: {', '.join(untold)}"
            )
        spans: dict[tuple[int, int], list[str]] = defaultdict(list)
        for name, span in self.seeds.items():
            spans[span].append(name)
        ranges = "; ".join(
            f"{low} to {high}" + (f" ({', '.join(names)})" if len(spans) > 1 else "")
            for (low, high), names in spans.items()
        )
        found.append(f"belief semantics: {self.semantics}")
        found.append(", ".join(f"{name} {version}" for name, version in self.versions.items()))
        if ranges:
            found.append(f"seeds: {ranges}")
        return found

    def print(self, console: Console | None = None) -> None:
        """Print the card in a terminal."""
        from rich.console import Console
        from rich.text import Text

        console = console or Console()
        verdict = Text(" passed ", "bold black on green") if self.passed else Text(
            " not passed ", "bold white on red"
        )  # fmt: skip
        console.print(Text.assemble(verdict, " ", (self.agent, "bold"), " on ", (self.name, "bold")))
        console.print(Text(self.description, "dim"))
        for title, heads, rows in self.tables():
            console.print()
            print_table(console, title, heads, [[_words(cell) for cell in row] for row in rows])
        console.print()
        for note in self.notes():
            console.print(Text(note, "dim"))

    def html(self) -> str:
        """The card as one HTML page, with everything in it that it needs."""
        parts = []
        for title, heads, rows in self.tables():
            top = "".join(f"<th>{html.escape(head)}</th>" for head in heads)
            body = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in rows)
            parts.append(
                f"<section><h2>{html.escape(title)}</h2><table><thead><tr>{top}</tr></thead>"
                f"<tbody>{body}</tbody></table></section>"
            )
        kind = "passed" if self.passed else "failed"
        words = "passed" if self.passed else "not passed"
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes())
        label = " <small>reference</small>" if self.privileged else ""
        return (
            f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{html.escape(self.agent)} on {html.escape(self.name)}</title>"
            f"<style>{_STYLE}</style></head>\n<body><main><header>"
            f'<p class="verdict {kind}">{words}</p>'
            f"<h1>{html.escape(self.agent)}{label} on {html.escape(self.name)}</h1>"
            f"<p>{html.escape(self.description)}</p></header>\n"
            + "\n".join(parts)
            + '\n<footer><p class="key"><span class="bar"><i style="width:60%"></i>'
            '<u style="left:50%;width:20%"></u><b style="left:33%"></b></span> '
            "share that is right, its 95&nbsp;% interval, and chance</p>"
            f"<ul>{notes}</ul></footer></main></body></html>\n"
        )


#: To words that stay in one line with their number.
_TOGETHER = str.maketrans("_ ", "\u00a0\u00a0")

_STYLE = """
:root { --ink: #1d2433; --dim: #667085; --paper: #f6f7f9; --card: #fff; --line: #e4e7ec;
  --fill: #4c78c9; --mark: #d9822b; --good: #1a7f4b; --bad: #b42332; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --dim: #98a2b3; --paper: #12151c;
  --card: #1b202a; --line: #2c3340; --fill: #5b8def; --mark: #f0a04b; --good: #2fa56a;
  --bad: #d64550; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem; }
h1 { font-size: 1.6rem; margin: .3rem 0; }
h1 small { font-size: .8rem; color: var(--dim); border: 1px solid var(--line);
  border-radius: 1rem; padding: .1rem .6rem; }
h2 { font-size: 1rem; margin: 0 0 .6rem; }
header p { color: var(--dim); margin: .2rem 0; }
header .verdict { display: inline-block; color: #fff; border-radius: 1rem;
  padding: .1rem .9rem; font-weight: 600; }
.passed { background: var(--good); }
.failed { background: var(--bad); }
section { background: var(--card); border: 1px solid var(--line); border-radius: .7rem;
  padding: 1rem 1.2rem; margin: 1rem 0; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--dim); font-size: .85rem; }
tr:last-child td { border-bottom: 0; }
td small { color: var(--dim); }
.bar { display: inline-block; position: relative; width: 9rem; height: .7rem;
  border-radius: .35rem; background: var(--line); margin-right: .6rem; vertical-align: middle; }
.bar i, .bar u, .bar b { position: absolute; display: block; }
.bar i { left: 0; top: 0; bottom: 0; background: var(--fill); border-radius: .35rem; }
.bar u { top: 45%; height: 10%; min-width: 1px; background: var(--ink); }
.bar b { top: -.15rem; bottom: -.15rem; width: 2px; background: var(--mark); }
footer { color: var(--dim); font-size: .85rem; }
footer ul { padding-left: 1.1rem; }
"""


def _without_empty(heads: list[str], rows: list[list[Any]]) -> tuple[list[str], list[list[Any]]]:
    """A table without the columns in which there is nothing at all."""
    kept = [k for k in range(len(heads)) if any(row[k] != "" for row in rows)]
    return [heads[k] for k in kept], [[row[k] for k in kept] for row in rows]


def _words(cell: Any) -> str:
    if isinstance(cell, Score):
        low, high = cell.interval
        return f"{cell.share:.1%} [{100 * low:.1f}–{100 * high:.1f}]"
    return str(cell)


def _cell(cell: Any) -> str:
    if not isinstance(cell, Score):
        return html.escape(str(cell))
    low, high = cell.interval
    return (
        f'<span class="bar"><i style="width:{cell.share:.1%}"></i>'
        f'<u style="left:{low:.1%};width:{high - low:.1%}"></u>'
        f'<b style="left:{cell.chance:.1%}"></b></span>{html.escape(_words(cell))}'
    )


# --- From rows to scores --------------------------------------------------------------------------
def make_card(
    battery: Battery | Scenario,
    scenarios: Sequence[Scenario],
    agent: Agent,
    episodes: Sequence[Row],
    probes: Sequence[Row],
    measures: Mapping[str, Sequence[Row]] | None = None,
) -> Card:
    """Put rows together.

    Args:
        battery: what was played.
        scenarios: its scenarios as they were played.
        agent: who played.
        episodes, probes: the rows, see ``docs/evaluation.md``.
        measures: the episodes' rows of ``selfish`` and ``prosocial``, where kindness is measured.
    """
    card = _make_card(battery, scenarios, agent, episodes, probes, measures)
    if not isinstance(battery, Battery) or not battery.stages:
        return card
    stages = []
    for title, names in battery.stages.items():
        part = dataclasses.replace(battery, stages={})
        some = [scenario for scenario in scenarios if scenario.name in names]
        rows = [[row for row in kind if row["scenario"] in names] for kind in (episodes, probes)]
        line = _make_card(part, some, agent, rows[0], rows[1], measures)
        played = [action.perf for action in line.actions if action.threshold]
        shares = [each.share for each in line.kindness if each.share is not None]
        stages.append(
            Stage(
                name=title,
                scenarios=tuple(names),
                items=line.score,
                sets=line.sets,
                perf=math.fsum(played) / len(played) if played else None,
                share=min(shares, default=None),
                passed=line.passed,
            )
        )
    return dataclasses.replace(card, stages=tuple(stages))


def _make_card(
    battery: Battery | Scenario,
    scenarios: Sequence[Scenario],
    agent: Agent,
    episodes: Sequence[Row],
    probes: Sequence[Row],
    measures: Mapping[str, Sequence[Row]] | None,
) -> Card:
    """All of a card but the lines of its own that a battery may have."""
    twins = isinstance(battery, Battery) and battery.sets == "seed"
    by = battery.by if isinstance(battery, Battery) else "condition"
    sets = sets_of(probes, twins)
    answered = [1.0 if row["correct"] else 0.0 for row in probes]
    guesses = [1.0 / len(row["options"]) for row in probes]
    return Card(
        name=battery.name,
        description=battery.description,
        agent=agent.name,
        privileged=agent.privileged,
        answers=agent.can_answer,
        by=by,
        threshold=battery.threshold,
        seeds={
            scenario.name: (scenario.first_seed, scenario.first_seed + scenario.episodes - 1)
            for scenario in scenarios
        },
        score=_score("all", range(len(probes)), probes) if probes else None,
        sets=_passed("all", sets.values(), answered, guesses) if sets else None,
        controls=_controls(probes),
        lines=_lines(probes, by),
        groups=tuple(
            _passed(group, [s for key, s in sets.items() if key[-1] == group], answered, guesses)
            for group in dict.fromkeys(key[-1] for key in sets)
        ),
        shortcuts=_shortcuts(probes, sets, guesses),
        surprise=_surprise(probes),
        actions=tuple(_actions(scenario, episodes) for scenario in scenarios),
        unasked=tuple(scenario.name for scenario in scenarios if not scenario.probes),
        remarks=agent.remarks(),
        kindness=tuple(
            _kindness(scenario, episodes, measures or {})
            for scenario in scenarios
            if scenario.kindness_threshold
        ),
        tallies={
            scenario.name: _tallies(scenario, episodes) for scenario in scenarios if scenario.game.tallies
        },
        semantics="; ".join(dict.fromkeys(_semantics(scenario) for scenario in scenarios)),
    )


def _semantics(scenario: Scenario) -> str:
    """The switches of the beliefs in a scenario, as cards print them."""
    return str(scenario.game.semantics(scenario.game.options.make(scenario.options)))


def set_of(row: Row, twins: bool) -> tuple[Any, ...]:
    """Which set an item is passed with. ``twins``: episodes of one seed, in all scenarios of a family."""
    return row["family"] if twins else row["scenario"], row["seed"], row["asked"], row["group"]


def sets_of(probes: Sequence[Row], twins: bool) -> dict[tuple[Any, ...], list[int]]:
    """Numbers of the items that are passed together; sets of controls alone are left out."""
    found: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for k, row in enumerate(probes):
        found[set_of(row, twins)].append(k)
    return {key: items for key, items in found.items() if any(probes[k]["role"] == "test" for k in items)}


def _score(name: str, items: Iterable[int], probes: Sequence[Row], role: str = "") -> Score:
    rows = [probes[k] for k in items]
    count = len(rows)
    return Score(
        name=name,
        count=count,
        right=sum(row["correct"] for row in rows),
        chance=math.fsum(1 / len(row["options"]) for row in rows) / count,
        log_score=math.fsum(row["log_score"] for row in rows) / count,
        role=role,
        entropy=math.fsum(row["entropy"] for row in rows) / count,
    )


def _passed(
    name: str,
    sets: Iterable[Sequence[int]],
    credit: Sequence[float],
    guesses: Sequence[float],
) -> Score:
    """All-of-a-set: the credits of a set's items multiplied."""
    passed = [math.prod(credit[k] for k in items) for items in sets]
    chance = [math.prod(guesses[k] for k in items) for items in sets]
    return Score(name, len(passed), math.fsum(passed), math.fsum(chance) / max(len(chance), 1))


def _controls(probes: Sequence[Row]) -> Score | None:
    items = [k for k, row in enumerate(probes) if row["role"] == "control"]
    return _score("controls", items, probes, "control") if items else None


def _lines(probes: Sequence[Row], by: str) -> tuple[Score, ...]:
    """Scores by condition, in the order of the scenarios; 90 degrees before 180."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    scenarios: dict[str, int] = {}
    for k, row in enumerate(probes):
        scenarios.setdefault(row["scenario"], len(scenarios))
        found[row[by] or "–", row["role"]].append(k)

    def place(key: tuple[str, str]) -> tuple[int, int, str]:
        number = re.match(r"\d+", key[0])
        first = scenarios[probes[found[key][0]]["scenario"]]
        return first, int(number[0]) if number else -1, "" if number is None else key[0]

    return tuple(_score(key[0], found[key], probes, key[1]) for key in sorted(found, key=place))


def _surprise(probes: Sequence[Row]) -> tuple[Score, ...]:
    """Pairs of events: one question, asked before either. The unexpected event has to be less probable to
    who was asked than the expected one; as probable counts half."""
    pairs: dict[tuple[Any, ...], dict[bool, float]] = defaultdict(dict)
    for row in probes:
        if row.get("happens"):
            same = (row["condition"], row["role"], row["family"], row["seed"], row["asked"], row["kind"])
            expected = row["happens"] == row["answer"]
            # of twins that are mirrored something else is expected
            pairs[*same, tuple(row["chain"]), row["about"], row["answer"]][expected] = row["surprise"]
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for (condition, role, *_), both in pairs.items():
        if len(both) == 2:
            gap = both[False] - both[True]
            found[condition, role].append(0.5 if gap == 0 else float(gap > 0))
    return tuple(
        Score(condition, len(each), math.fsum(each), 0.5, role=role)
        for (condition, role), each in found.items()
    )


def shortcut_answers(probes: Sequence[Row]) -> list[dict[str, str]]:
    """For each question the answers of the shortcuts that have one, and ``BEST_CONSTANT``'s: to each kind
    of question the one answer that is right most often, in hindsight."""
    answers: list[dict[str, str]] = [json.loads(row["shortcuts"]) for row in probes]
    constants: dict[tuple[Any, ...], Counter[Any]] = defaultdict(Counter)
    for row in probes:
        place = row["options"].index(row["answer"])
        constants[question_form(row)][place if _has_own_words(row) else row["answer"]] += 1
    # the first word of the alphabet where several are as frequent: the same on every run
    best = {key: max(sorted(counted), key=counted.__getitem__) for key, counted in constants.items()}
    for row, given in zip(probes, answers, strict=True):
        constant = best[question_form(row)]
        given[BEST_CONSTANT] = row["options"][constant] if _has_own_words(row) else constant
    return answers


def _shortcuts(
    probes: Sequence[Row], sets: Mapping[Any, Sequence[int]], guesses: Sequence[float]
) -> tuple[tuple[Score, Score], ...]:
    """Scores of each shortcut. Where a question has no answer of a shortcut's, that shortcut
    guesses: it is credited with the chance of being right."""
    answers = shortcut_answers(probes)
    found = []
    chance = math.fsum(guesses) / max(len(guesses), 1)
    for name in (*SHORTCUTS, BEST_CONSTANT):
        if not any(name in given for given in answers):
            continue
        credit = [
            float(given[name] == row["answer"]) if name in given else guess
            for row, given, guess in zip(probes, answers, guesses, strict=True)
        ]
        items = Score(name, len(credit), math.fsum(credit), chance)
        found.append((items, _passed(name, sets.values(), credit, guesses)))
    return tuple(found)


def question_form(row: Row) -> tuple[Any, ...]:
    """What is the same question in another episode. Where names and words are drawn for each episode,
    that is one of the same form, and the same answer is the one in the same place."""
    environment, kind = row["environment"], row["kind"]
    if _has_own_words(row):
        return environment, kind, len(row["chain"]), len(row["options"])
    return environment, kind, tuple(row["chain"]), tuple(row["options"])


def _has_own_words(row: Row) -> bool:
    game = GAMES.get(row["environment"])
    return game is None or game.family == "conversation"


def _actions(scenario: Scenario, episodes: Sequence[Row]) -> Actions:
    rows = [row for row in episodes if row["scenario"] == scenario.name]
    count = len(rows)

    def mean(key: str) -> float:
        return math.fsum(row[key] for row in rows) / count

    average = mean("return")
    spread = math.fsum((row["return"] - average) ** 2 for row in rows) / max(count - 1, 1)
    return Actions(
        scenario=scenario.name,
        episodes=count,
        mean=average,
        half=1.959964 * math.sqrt(spread / count),
        perf=mean("perf"),
        steps=mean("steps"),
        threshold=scenario.perf_threshold,
    )


def _of_others(scenario: Scenario, rows: Sequence[Row]) -> list[float]:
    """The summed true returns of those who are not focal, an episode each."""
    others = [k for k in range(len(scenario.roles)) if k not in scenario.focal]
    return [math.fsum(row["welfare"][k] for k in others) for row in rows if row["scenario"] == scenario.name]


def _kindness(scenario: Scenario, rows: Sequence[Row], measures: Mapping[str, Sequence[Row]]) -> Kindness:
    mine = _of_others(scenario, rows)
    low, high = (_of_others(scenario, measures[name]) for name in STANDARDS)
    count = len(mine)
    mean, least, most = (math.fsum(each) / count for each in (mine, low, high))
    gap = most - least
    share, half = None, 0.0
    spread = math.fsum((p - s - gap) ** 2 for s, p in zip(low, high, strict=True)) / max(count - 1, 1)
    unclear = max(1e-9, 2 * math.sqrt(spread / count), CLEAR * max(abs(least), abs(most)))
    if count > 1 and gap > unclear:
        share = (mean - least) / gap
        # of a ratio of means: the spread of what is left of each episode when the ratio is taken out
        left = [a - s - share * (p - s) for a, s, p in zip(mine, low, high, strict=True)]
        half = 1.959964 * math.sqrt(math.fsum(x * x for x in left) / (count - 1) / count) / gap
    return Kindness(scenario.name, count, mean, least, most, share, half, scenario.kindness_threshold)


def _tallies(scenario: Scenario, episodes: Sequence[Row]) -> dict[str, float]:
    rows = [row["tallies"] for row in episodes if row["scenario"] == scenario.name]
    return {name: math.fsum(row[name] for row in rows) / len(rows) for name in scenario.game.tallies}
