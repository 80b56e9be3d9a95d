"""Recording conversations of scripted populations: data to learn from without playing."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..agents.registry import AGENTS
from ..agents.training import taken
from ..envs.conversation.language import LENGTH, SLOT
from ..envs.simulation import EXTERNAL, RANDOM
from . import seeds
from .episodes import versions
from .evaluation import bar
from .files import nearest
from .loader import Scenario, load_scenario

if TYPE_CHECKING:
    from ..agents.tri_module.data import Recorded

__all__ = ["collect"]

_CHUNK = 1024  # conversations that are played side by side
_NOISE = 1  # marks the random numbers that are drawn for noise


def collect(
    scenario: str | Path | Scenario,
    episodes: int,
    out: str | os.PathLike[str] | None = None,
    agent: str = "scripted",
    seed: int = 0,
    progress: bool = False,
    skip: int = 0,
    noise: float = 0.0,
) -> Recorded:
    """Play a scenario by its characters and record what was said, who perceived it, and what was paid.

    The same seed gives the same bytes. Seeds are those of training: no exam is among them.

    Args:
        scenario: a scenario with conversations, its name, or its file.
        episodes: how many.
        out: a folder to write them to, a new or an empty one.
        agent: the reference agent that plays the focal individuals.
        seed: which block of training seeds.
        progress: show a progress bar.
        skip: begin with this episode of the block.
        noise: with which probability the focal individuals do anything instead, at each step (noise injected
            into demonstrations, Laskey et al. 2017): what follows from mistakes is seen, and what a kind
            individual does after them.

    Raises:
        ScenarioError: there is no such scenario.
        ValueError: it is no conversation, the agent cannot play it, or a number is out of range.
        FileExistsError: ``out`` holds something.
        OSError: it cannot be made.
    """
    from ..agents.tri_module.data import Recorded

    scenario = load_scenario(scenario)
    game = scenario.game
    if game.family != "conversation":
        raise ValueError(f"{scenario.name!r} plays {game.name}, expected a scenario with conversations")
    modes = [name for name in AGENTS if name in game.modes]
    if agent not in modes:
        raise ValueError(f"agent is {agent!r}, expected one of {', '.join(modes)}{nearest(agent, modes)}")
    seeds.some_episodes(episodes)
    if type(skip) is not int or not 0 <= skip <= seeds.BLOCK - episodes:
        raise ValueError(
            f"skip is {skip!r}, expected a whole number from 0 to {seeds.BLOCK - episodes} beside "
            f"{episodes} episodes"
        )
    if type(noise) not in (int, float) or not 0 <= noise <= 1:
        raise ValueError(f"noise is {noise!r}, expected a number from 0 to 1")
    first = seeds.training_seed(seed) + skip
    if out is not None:  # before anything is played
        if taken(Path(out)):
            raise FileExistsError(f"{out} is not empty: give a new folder")
        Path(out).mkdir(parents=True, exist_ok=True)
    parts = []
    with bar(progress, episodes) as (tell, advance):
        tell(scenario.name)
        for start in range(0, episodes, _CHUNK):
            size = min(_CHUNK, episodes - start)
            parts.append(_played(scenario, agent, first + start, size, noise))
            advance(size)
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    longest = int((arrays["tokens"] != 0).any(-1).sum(1).max())
    for name in ("tokens", "senders", "heard", "gained"):
        arrays[name] = arrays[name][:, :longest].copy()
    about = {
        "scenario": scenario.name,
        "environment": scenario.environment,
        "options": dataclasses.asdict(game.options.make(dict(scenario.options))),
        "agent": agent,
        **({"noise": float(noise)} if noise else {}),
        "individuals": list(scenario.individuals),
        "seeds": [first, first + episodes - 1],
        "semantics": str(game.semantics(game.options.make(dict(scenario.options)))),
        "versions": versions(),
    }
    found = Recorded(**arrays, about=about)
    if out is not None:
        found.save(Path(out))
    return found


def _played(
    scenario: Scenario, agent: str, first: int, size: int, noise: float
) -> dict[str, npt.NDArray[Any]]:
    """Some conversations to their ends, as arrays of ``Recorded``."""
    simulation: Any = scenario.simulation(size)
    modes = scenario.modes(agent)
    if (modes == EXTERNAL).any():
        raise ValueError(f"{scenario.name}: somebody is played by a saved model, expected characters")
    simulation.reset(first)
    everybody = simulation.count
    capacity = simulation.worlds["said"].shape[1]
    gained = np.zeros((size, capacity, everybody), np.float32)
    actions = np.zeros((size, everybody), np.int64)
    rows = np.arange(size)
    alive = np.ones(size, np.bool_)
    # drawn for each conversation by its own seed: the same whatever others are played beside it
    chances = [np.random.default_rng((first + k, _NOISE)) for k in range(size if noise else 0)]
    anything = np.where(scenario.modes("external") == EXTERNAL, RANDOM, EXTERNAL)
    while alive.any():
        simulation.script(modes, actions)
        if noise:
            rest = actions.copy()
            simulation.script(anything, rest)
            amiss = np.array([chance.random() < noise for chance in chances])
            actions[amiss] = rest[amiss]
        at = simulation.worlds["length"].astype(np.int64)  # where what is said next will stand
        simulation.step(actions)
        gained[rows[alive], at[alive]] = simulation.rewards[alive]
        alive &= ~simulation.ends.any(1)
    # everything that was said, whoever perceived it
    worlds = simulation.worlds
    there = np.arange(capacity) < worlds["length"][:, None]
    lexicon = worlds["lexicon"].astype(np.int16)
    tokens = np.zeros((size, capacity, LENGTH), np.int16)
    said = worlds["said"].astype(np.int64)
    bound = np.take_along_axis(lexicon[:, None], np.maximum(said - SLOT, 0), 2)
    words = np.where(said >= SLOT, bound, said)
    tokens[..., :4] = np.where(there[..., None], words, 0)
    sender = worlds["sender"].astype(np.int64)
    names = lexicon[:, :everybody]
    called = np.take_along_axis(names, np.minimum(sender, everybody - 1), 1)
    senders = np.where(there & (sender < everybody), called, 0).astype(np.int16)
    return {
        "tokens": tokens,
        "senders": senders,
        "heard": np.where(there, worlds["heard"], 0).astype(np.uint8),
        "names": names.copy(),
        "gained": gained,
    }
