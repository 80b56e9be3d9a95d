"""Probes: questions about minds with exact answers.

A probe is put to one individual at one time; it has a finite set of answers and one exact answer, which
is computed, never annotated. For audit it carries the lowest order of reasoning that gets it right and
the answers that shortcuts would give.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["KINDS", "SHORTCUTS", "Probe"]

KINDS = (
    "reality",
    "memory",
    "percept",
    "belief",
    "goal",
    "want",
    "next_action",
    "next_percept",
    "feeling",
    "knowledge",
)

# What an answer would be if it were found without minding minds.
SHORTCUTS = (
    "reality",  # where the thing is
    "first_place",  # where it was first
    "last_mentioned",  # where something was last put
    "dropped_first",  # the chain without its first member
    "as_set",  # the chain in another order
    "most_frequent",  # the same answer always
    "no_change",  # what is there stays as it is
)


@dataclass(frozen=True)
class Probe:
    """One question.

    Attributes:
        kind: one of ``KINDS``.
        asked: the individual who is asked, such as ``"observer_0"``.
        chain: whose belief about whose belief ... is asked for; ``()`` is about the world.
        about: the thing, individual or cell that the question is about.
        options: the possible answers.
        answer: the exact one; it is among ``options``.
        own: the answer that the asked individual's own percepts support: what the tracker has for
            the chain seen through the asked one's eyes.
        required_order: the lowest order of reasoning that gets it right.
        shortcuts: shortcut to the answer it would give.
        condition: such as ``"false_belief"``; controls have names of their own.
        role: ``"test"`` or ``"control"``.
        group: items of one group are passed together or not at all.
        question: the same in English.
        step: when it was asked.
        row: in which world of a batch.
        happens: of a question about what will be done, the option that is done then; the answer is the
            expected one. ``""`` where none of that is staged. Pairs of an expected and an unexpected event
            measure surprise, see ``docs/evaluation.md``.
        odds: of what chance decides: the true probability of each option, and ``answer`` is the most
            probable; empty where the answer is certain.
    """

    kind: str
    asked: str
    chain: tuple[str, ...]
    about: str
    options: tuple[str, ...]
    answer: str
    own: str
    required_order: int
    shortcuts: Mapping[str, str] = field(default_factory=dict)
    condition: str = ""
    role: str = "test"
    group: str = ""
    question: str = ""
    step: int = 0
    row: int = 0
    happens: str = ""
    odds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"probe kind is {self.kind!r}, expected one of {', '.join(KINDS)}")
        if self.answer not in self.options:
            raise ValueError(
                f"the answer {self.answer!r} of probe {self.question!r} is not among its options "
                f"{self.options!r}"
            )
        if self.happens and self.happens not in self.options:
            raise ValueError(
                f"what happens, {self.happens!r}, after probe {self.question!r} is not among its options "
                f"{self.options!r}"
            )
        for name in self.shortcuts:
            if name not in SHORTCUTS:
                raise ValueError(f"shortcut is {name!r}, expected one of {', '.join(SHORTCUTS)}")
        if self.odds:
            self._check_odds()

    def _check_odds(self) -> None:
        total = math.fsum(self.odds.values())
        if (
            set(self.odds) != set(self.options)
            or min(self.odds.values()) < 0
            or not math.isclose(total, 1.0, abs_tol=1e-9)
        ):
            raise ValueError(
                f"the odds of probe {self.question!r} are {dict(self.odds)!r}, expected a probability for "
                f"each of {self.options!r}"
            )
        if self.odds[self.answer] < max(self.odds.values()):
            raise ValueError(
                f"the answer {self.answer!r} of probe {self.question!r} is not the most probable one of "
                f"{dict(self.odds)!r}"
            )

    @property
    def entropy(self) -> float:
        """How uncertain the true answer is, in nats: no answer has an expected log score above ``-entropy``;
        0 where it is certain."""
        return 0.0 - math.fsum(share * math.log(share) for share in self.odds.values() if share > 0)

    @property
    def chance(self) -> float:
        """The score of a random answer."""
        return 1.0 / len(self.options)

    def public(self) -> dict[str, Any]:
        """What an agent under test is shown: the question without anything that gives it away."""
        return {
            "kind": self.kind,
            "asked": self.asked,
            "chain": self.chain,
            "about": self.about,
            "options": self.options,
            "question": self.question,
            "step": self.step,
        }
