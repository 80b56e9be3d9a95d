"""What an agent does in conversation that it can know, and what it cannot: does it answer when it is asked?

    python -m mindsight.benchmarks.experiments.asked RUN ...

As one of the people of ``sally_anne_chat`` (condition ``honest``) it is asked where things are, by its
behaviour output alone: no question of an exam is put. An answer is right if it is what the game's own
character, who knows what is so, would have said in its place. Beside it, how far the audience's act in the
stories, to wait where somebody will look, is from anything that it ever heard: in nats below saying nothing.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import numpy.typing as npt
import torch

from ...agents.tri_module.agent import TriModuleAgent
from ...envs.conversation.language import ASK_PLACE, CLAIM, NOTHING, UNSURE, WAIT_AT
from ...envs.simulation import MODES
from ...scenarios.evaluation import observe
from ...scenarios.loader import load_scenario

__all__ = ["asked", "main", "unheard"]

_HELD_OUT = {"people": 4, "population": "held_out"}
_FIRST = 2**40 + 2**30  # evaluation seeds: no training plays them
_ME = 1  # one of the people


def _was_asked(observation: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """(B,), whether the last that anybody said or did was to ask oneself for a place."""
    senders, tokens = observation["sender"], observation["tokens"]
    last = senders.shape[1] - 1 - (senders != 0)[:, ::-1].argmax(1)
    said = np.take_along_axis(tokens, last[:, None, None], 1)[:, 0]
    found: npt.NDArray[np.bool_] = (said[:, 0] == ASK_PLACE) & (said[:, 1] == observation["self"])
    return found


def asked(agent: TriModuleAgent, count: int, held_out: bool) -> dict[str, float]:
    """How often it was asked, and the shares of these that it answered at all, and rightly.

    Args:
        agent: plays one of the people; the others are the game's characters.
        count: conversations.
        held_out: with words and a number of people that training never has.
    """
    scenario = load_scenario("sally_anne_chat_honest")
    if held_out:
        scenario = scenario.with_options(**_HELD_OUT)
    simulation: Any = scenario.simulation(count)
    simulation.reset(_FIRST)
    modes = np.full(simulation.count, MODES.index("scripted"), np.int64)
    actions = np.zeros((count, simulation.count), np.int64)
    state, totals = None, np.zeros(3)
    while not simulation.ends.any(1).all():
        observation = observe(simulation, _ME, agent)
        chosen, state = agent.predict(observation, state)
        turn = (simulation.worlds["speaker"] == _ME) & ~simulation.ends.any(1)
        turn &= _was_asked(observation)
        simulation.script(modes, actions)
        said = observation["menu"][np.arange(count), chosen]
        wanted = observation["menu"][np.arange(count), actions[:, _ME]]
        answers = np.isin(said[:, 0], (CLAIM, UNSURE))
        totals += turn.sum(), (turn & answers).sum(), (turn & (said == wanted).all(1)).sum()
        actions[:, _ME] = chosen
        simulation.step(actions)
    many, answered, right = totals
    return {"asked": float(many), "answered": answered / max(many, 1), "right": right / max(many, 1)}


def unheard(agent: TriModuleAgent, count: int) -> float:
    """How much less likely than saying nothing it is, by the behaviour output, that the audience of a story
    waits at the place that it takes to be likeliest: nats, the mean over stories."""
    simulation: Any = load_scenario("sally_anne_chat_train").simulation(count)
    simulation.reset(_FIRST)
    observation = observe(simulation, 0, agent)
    _, state = agent.predict(observation)
    menu = observation["menu"]
    found = []
    for act in (NOTHING, WAIT_AT):
        rows, numbers = np.nonzero((observation["action_mask"] != 0) & (menu[..., 0] == act))
        logs = np.full(menu.shape[:2], -np.inf)
        logs[rows, numbers] = agent.likelihood(state.messages.of_rows(rows), menu[rows, numbers])
        found.append(logs.max(1))
    return float((found[0] - found[1]).mean())


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line a run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--count", type=int, default=256, help="conversations")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print("| run | words | asked | answers | rightly | waiting is less likely than saying nothing by |")
    print("|---|---|---|---|---|---|")
    for run in given.runs:
        agent = TriModuleAgent.load(run)
        if not isinstance(agent, TriModuleAgent):
            raise ValueError(f"{run} is a {type(agent).__name__}, expected an agent of conversations")
        nats = unheard(agent, given.count)
        for held_out in (False, True):
            found = asked(agent, given.count, held_out)
            print(
                f"| {run} | {'held out' if held_out else 'of training'} | {found['asked']:.0f} | "
                f"{found['answered']:.1%} | {found['right']:.1%} | {nats:.0f} nats |", flush=True
            )  # fmt: skip


if __name__ == "__main__":
    main()
