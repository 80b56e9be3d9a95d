"""How much of what an update asks for is the reward's doing, and how much is chance.

    python -m mindsight.benchmarks.experiments.gradient_noise --listened runs/kindness --seed 0

An agent that has listened, and was never rewarded, plays, and what PPO's loss asks of its behaviour module is
found for each of many updates' conversations by themselves. *Signal* is the squared norm of their mean, what
chance adds to it taken off; *noise* the mean squared distance of one from it. An agent that is rewarded by
R^i drifts by the noise of that, and one that is rewarded by its own gain alone comes from kindness to
selfishness by the signal of this: their quotient says how much drift it costs that an interest shows.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import numpy.typing as npt
import torch

from ...agents.tri_module.algorithms import Reward
from ...agents.tri_module.model import TriModule
from ...agents.tri_module.phases import Acting, judge, mixed, settle, standardized
from ...agents.tri_module.rewards import kindness_of
from ...agents.tri_module.rollouts import Episodes, play
from ...scenarios import seeds
from ...scenarios.curricula import load_curriculum
from ...scenarios.loader import load_scenario
from .kindness import LISTENER, UNREWARDED, agent_of

__all__ = ["Asked", "gradients", "main", "measure"]

SETTLED = 256  # conversations that values are regressed on
REWARDS = ("own", "selfish")
#: Where it plays, and conversations of an update: about as many words.
LOOKED = {"solace_two": 64, "solace_three": 32}


@dataclass(frozen=True)
class Asked:
    """What updates ask for.

    Attributes:
        signal: the squared norm of the mean gradient, without what chance adds to it: may be below 0.
        noise: the mean squared distance of an update's gradient from it.
    """

    signal: float
    noise: float

    @classmethod
    def of(cls, gradients: torch.Tensor) -> Asked:
        """Of the gradients (N, parameters) of N updates."""
        count, mean = len(gradients), gradients.mean(0)
        noise = float((gradients - mean).square().sum(1).mean()) * count / (count - 1)
        return cls(float(mean @ mean) - noise / count, noise)


def gradients(
    model: TriModule,
    episodes: Episodes,
    gained: npt.NDArray[np.float64],
    size: int,
    discount: float,
    trace: float,
) -> torch.Tensor:
    """What PPO's loss asks of the behaviour module, of each ``size`` conversations by themselves. Values are
    put where a regression on the first ``SETTLED`` conversations has them, which are left out then.

    Args:
        model: has played them.
        episodes: B of them.
        gained: (K, B), the reward of each turn.
        size: conversations of an update.
        discount, trace: gamma and lambda of the advantages.

    Returns:
        (updates, parameters).
    """
    count = gained.shape[1]
    settle(model, episodes, gained, discount, torch.arange(SETTLED))
    values = torch.zeros(len(gained) + 1, count)
    for rows in torch.split(torch.arange(count), size):
        states = model.acting_states(episodes.tokens[rows], episodes.senders[rows])
        known = model.value_readout(states).squeeze(-1).detach()
        for k, turn in enumerate(episodes.turns):  # known where ME has begun to speak
            values[k, rows] = known[torch.arange(len(rows)), turn.position[rows] - 1]
    values[:-1][~episodes.active] = 0.0
    advantages, _ = standardized(episodes, gained, values, discount, trace)
    moved, found = model.groups()["behaviour"], []
    for rows in torch.split(torch.arange(SETTLED, count), size):
        batch, before, legal, numbers = episodes.batch(advantages[..., None], rows)
        reward = Reward(numbers["turns"][:, 0], before, legal=legal)
        loss = reward.loss(model(batch.tokens, batch.senders), batch)
        parts = torch.autograd.grad(loss, moved, allow_unused=True, materialize_grads=True)
        found.append(torch.cat([part.flatten() for part in parts]))
    return torch.stack(found)


def measure(
    model: TriModule, scenario: str, size: int, updates: int, traces: Sequence[float], first: int
) -> list[dict[str, Any]]:
    """Signal and noise of each of ``REWARDS``, by trace.

    Args:
        model: has listened, and acts.
        scenario: where it plays the listener.
        size: conversations of an update.
        updates: how many are looked at.
        traces: lambda of the advantages.
        first: seed of the first conversation.
    """
    acting = Acting(**next(plan.acting for plan in load_curriculum("kindness").phases if plan.acting))
    loaded = load_scenario(scenario)
    simulation: Any = loaded.simulation(SETTLED + size * updates)
    episodes = play(model, simulation, LISTENER, loaded.modes(), first)
    worth = kindness_of(judge(acting, simulation.game, loaded.options), episodes)
    nobody = np.random.default_rng(0)  # shuffles nothing
    rewards = {
        "own": mixed(acting, LISTENER, episodes, worth, nobody)[0],
        "selfish": mixed(replace(acting, kappa=0.0), LISTENER, episodes, worth, nobody)[0],
    }
    return [
        {"trace": trace}
        | {
            name: Asked.of(gradients(model, episodes, gained, size, acting.discount, trace))
            for name, gained in rewards.items()
        }
        for trace in traces
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--listened", type=Path, required=True, help="folder of experiments.kindness")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--traces", nargs="+", type=float, default=[0.9, 0.7, 0.5])
    parser.add_argument("--updates", type=int, default=24)
    given = parser.parse_args(arguments)
    if given.updates < 2:
        parser.error(f"--updates is {given.updates}, expected at least 2")
    torch.set_num_threads(1)
    try:
        model = agent_of(given.listened, UNREWARDED, given.seed)
    except FileNotFoundError as error:
        parser.error(f"--listened {error}")
    first = seeds.evaluation_seed(given.seed)
    heads = ("", "conversations", "trace", *(f"{name}: signal; noise" for name in REWARDS), "drift")
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for scenario, size in LOOKED.items():
        for row in measure(model, scenario, size, given.updates, given.traces, first):
            own, selfish = (row[name] for name in REWARDS)
            cells = (
                f"`{scenario}`", str(size), f"{row['trace']:g}",
                *(f"{1e3 * each.signal:.2f}; {1e3 * each.noise:.2f}" for each in (own, selfish)),
                f"{own.noise / selfish.signal:.1f}" if selfish.signal > 0 else "no signal",
            )  # fmt: skip
            print(f"| {' | '.join(cells)} |", flush=True)
    print("\nSquared gradients, times 1000; drift: the noise of own by the signal of selfish.")


if __name__ == "__main__":
    main()
