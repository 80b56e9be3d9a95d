"""Scores of the reference agents on every scenario of a family, as the tables in the docs have them.

    python -m mindsight.benchmarks.reference_scores conversation --episodes 200

A cell is ``perf / return / all-of-a-set``: the episode's own measure of success (0 to 1), what the focal
individual gained, and the share of question sets passed; ``–`` where there is none.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from ..agents.registry import AGENTS
from ..envs.games import GAMES
from ..scenarios.evaluation import evaluate
from ..scenarios.loader import list_scenarios, load_scenario

__all__ = ["main", "scores", "table"]


def scores(scenario: str, episodes: int) -> dict[str, tuple[float, float, float | None]]:
    """For each reference agent that can play it: perf, mean return, all-of-a-set score or None."""
    modes = GAMES[load_scenario(scenario).environment].modes
    found: dict[str, tuple[float, float, float | None]] = {}
    for name in (name for name in AGENTS if name in modes):
        card = evaluate(name, scenario, episodes=episodes, progress=False, recordings=0).card
        action = card.actions[0]
        found[name] = (action.perf, action.mean, None if card.sets is None else card.sets.share)
    return found


def table(family: str, episodes: int) -> Iterator[str]:
    """The scores of all scenarios of ``"grid"`` or ``"conversation"``: the lines of a Markdown table, each as
    soon as it is played. Agents that can play none of them have no column."""
    names = [name for name in list_scenarios() if GAMES[load_scenario(name).environment].family == family]
    modes = {mode for name in names for mode in GAMES[load_scenario(name).environment].modes}
    agents = [name for name in AGENTS if name in modes]
    yield f"| {' | '.join(['scenario', *agents])} |"
    yield f"|{'---|' * (1 + len(agents))}"
    for scenario in names:
        found = scores(scenario, episodes)
        cells = [_cell(found[name]) if name in found else "" for name in agents]
        yield f"| `{scenario}` | {' | '.join(cells)} |"


def _cell(score: tuple[float, float, float | None]) -> str:
    perf, gained, sets = score
    return f"{perf:.2f} / {gained:+.2f} / {'–' if sets is None else f'{sets:.0%}'}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("family", choices=sorted({game.family for game in GAMES.values()}))
    parser.add_argument("--episodes", type=int, default=200)
    given = parser.parse_args(arguments)
    for line in table(given.family, given.episodes):
        print(line, flush=True)


if __name__ == "__main__":
    main()
