"""What R^i makes of a gift, by what the giver could know: of guesses, and of what is left when all else was
refused.

    python -m mindsight.benchmarks.experiments.guesses --runs runs/kindness --seed 3

An agent of ``experiments.kindness`` gives things to people who never say what they need. What it expects
each gift to be worth to them is put beside what it truly was, by whether that thing had been offered to that
person before, and how many others had. An agent that is rewarded by R^i does more of what R^i takes for
better than it is, and less of what it takes for worse, though the mean over all its messages be right.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch

from ...agents.tri_module.model import TriModule
from ...agents.tri_module.phases import Acting, judge
from ...agents.tri_module.rewards import kindness_of
from ...agents.tri_module.rollouts import play
from ...envs.conversation.engine import SHY
from ...envs.conversation.language import GIVE, INDIVIDUAL, OFFER
from ...scenarios import seeds
from ...scenarios.curricula import load_curriculum
from ...scenarios.loader import load_scenario
from .kindness import LISTENER, UNREWARDED, agent_of

__all__ = ["Gift", "gifts", "main", "table"]


@dataclass(frozen=True)
class Gift:
    """Something that was given to somebody shy.

    Attributes:
        offered: whether it had been offered to that person before, and so what their face said.
        others: how many other kinds of things had been.
        judged: R^i(a^j^).
        true: what it was worth to them.
    """

    offered: bool
    others: int
    judged: float
    true: float

    @property
    def kind(self) -> str:
        """What the giver could know."""
        if self.offered:
            return "offered before, wanted" if self.true > 0 else "offered before, refused"
        return f"not offered, {self.others} others were"


def gifts(model: TriModule, scenario: str, count: int, first: int) -> list[Gift]:
    """All that an agent gives to shy people.

    Args:
        model: plays the listener of ``solace`` by its behaviour output.
        scenario: where.
        count: conversations.
        first: seed of the first one.

    Raises:
        ValueError: the scenario is of another game.
    """
    acting = Acting(**next(plan.acting for plan in load_curriculum("kindness").phases if plan.acting))
    loaded = load_scenario(scenario)
    simulation: Any = loaded.simulation(count)
    if simulation.game.name != "solace":
        raise ValueError(f"scenario {scenario!r} plays {simulation.game.name}, expected solace")
    episodes = play(model, simulation, LISTENER, loaded.modes(), first)
    worth = kindness_of(judge(acting, simulation.game, loaded.options), episodes)
    shy = simulation.worlds["temper"] == SHY
    offered: dict[tuple[int, int], set[int]] = defaultdict(set)
    found = []
    for turn, judged in zip(episodes.turns, worth, strict=True):
        for row in torch.nonzero(turn.active)[:, 0].tolist():
            _, act, to, thing, _ = turn.deed[row].tolist()
            other = to - INDIVIDUAL
            if act not in (OFFER, GIVE) or not shy[row, other]:
                continue
            before = offered[row, other]
            if act == OFFER:
                before.add(thing)
            else:
                expected = float(judged[row, episodes.others.index(other)])
                others = len(before - {thing})
                found.append(Gift(thing in before, others, expected, float(turn.gained[row, other])))
    return found


def table(found: Sequence[Gift]) -> str:
    """Markdown: what was given, how often, how often it was wanted, R^i and the true R^j."""
    kinds: dict[str, list[Gift]] = defaultdict(list)
    for gift in found:
        kinds[gift.kind].append(gift)
    lines = ["| to somebody shy | gifts | wanted | R^i(a^j^) | true R^j |", "|---|---|---|---|---|"]
    for kind, some in sorted(kinds.items()):
        wanted, judged, true = np.mean([(gift.true > 0, gift.judged, gift.true) for gift in some], 0)
        lines.append(f"| {kind} | {len(some)} | {wanted:.0%} | {judged:.2f} | {true:.2f} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Look, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=Path, required=True, help="folder of experiments.kindness")
    parser.add_argument(
        "--run", default=UNREWARDED, help="of which condition; before any reward where not given"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scenario", default="solace_three_shy")
    parser.add_argument("--count", type=int, default=192, help="of conversations")
    given = parser.parse_args(arguments)
    if given.count < 1:
        parser.error(f"--count is {given.count}, expected at least 1")
    torch.set_num_threads(1)
    try:
        model = agent_of(given.runs, given.run, given.seed)
        found = gifts(model, given.scenario, given.count, seeds.evaluation_seed(given.seed))
    except FileNotFoundError as error:
        parser.error(f"--runs {error}")
    except ValueError as error:
        parser.error(f"--scenario: {error}")
    print(table(found) if found else "nothing was given to anybody shy")


if __name__ == "__main__":
    main()
