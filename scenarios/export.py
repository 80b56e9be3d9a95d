"""Items of batteries as text, so that any model can be tested outside.

An item is a story as the asked individual perceived it, a question, its options in an order that is
drawn for it, and the exact answer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..envs.conversation.questions import shuffled
from ..envs.simulation import MODES
from . import seeds
from .evaluation import bar
from .files import write_text
from .loader import Battery, Scenario, episodes_of, load
from .reports import set_of

__all__ = ["FORMATS", "export", "items", "left_out"]

FORMATS = ("jsonl", "text")
_CHUNK = 1024  # conversations that are played side by side
_LETTERS = "ABCDEFGHIJ"


def export(
    battery: str | Path | Scenario | Battery,
    out: str | os.PathLike[str],
    format: str = "jsonl",
    episodes: int | None = None,
    seed: int | None = None,
    progress: bool = False,
) -> int:
    """Write the items of a battery's conversations to a file, which appears whole or not at all.

    Args:
        battery: a battery or scenario, its name, or its file.
        out: the file.
        format: ``"jsonl"``, an object a line, or ``"text"``, to be read; answers stand at its end.
        episodes: of each scenario; what the battery, or else the scenario, says where None.
        seed: the block of evaluation seeds; what the scenario says where None.
        progress: show a progress bar.

    Returns:
        How many items were written.

    Raises:
        ValueError: there is no such format, no episode is asked for, or the battery has no conversation
            with questions.
    """
    if format not in FORMATS:
        raise ValueError(f"format is {format!r}, expected one of {', '.join(FORMATS)}")
    battery = load(battery)
    episodes = episodes_of(battery, episodes)
    scenarios = _asking(battery)
    total = sum(scenario.episodes if episodes is None else episodes for scenario in scenarios)
    found: list[dict[str, Any]] = []
    with bar(progress, total) as (tell, advance):
        for scenario in scenarios:
            tell(scenario.name)
            found += _of(scenario, _twins(battery), episodes, seed)
            advance(scenario.episodes if episodes is None else episodes)
    if not found:
        raise ValueError(f"{battery.name!r} has no conversation that asks anything, expected at least one")
    if format == "jsonl":
        text = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in found)
    else:
        text = "\n".join(_block(k, item) for k, item in enumerate(found, 1))
        key = "".join(f"{k}. {_LETTERS[item['right']]}\n" for k, item in enumerate(found, 1))
        text += f"\nAnswers\n\n{key}"
    write_text(out, text)
    return len(found)


def _block(number: int, item: dict[str, Any]) -> str:
    options = "\n".join(f"  {_LETTERS[k]}. {option}" for k, option in enumerate(item["options"]))
    return f"{number}.\n{item['story']}\n\n{item['question']}\n{options}\n"


def items(
    battery: str | Path | Scenario | Battery, episodes: int | None = None, seed: int | None = None
) -> Iterator[dict[str, Any]]:
    """The items one after the other, of the scenarios that :func:`left_out` does not name. Focal
    individuals are played by the game's scripted characters."""
    battery = load(battery)
    episodes = episodes_of(battery, episodes)
    for scenario in _asking(battery):
        yield from _of(scenario, _twins(battery), episodes, seed)


def _of(scenario: Scenario, twins: bool, episodes: int | None, seed: int | None) -> Iterator[dict[str, Any]]:
    """The items of one scenario."""
    count = scenario.episodes if episodes is None else episodes
    first = scenario.first_seed if seed is None else seeds.evaluation_seed(seed)
    for start in range(0, count, _CHUNK):
        yield from _played(scenario, first + start, min(_CHUNK, count - start), twins)


def _twins(battery: Scenario | Battery) -> bool:
    """Whether episodes of one seed are passed together."""
    return isinstance(battery, Battery) and battery.sets == "seed"


def left_out(battery: str | Path | Scenario | Battery) -> dict[str, list[str]]:
    """The scenarios of a battery that have no items: why, and the names of those; nothing where all have."""
    found: dict[str, list[str]] = {}
    for scenario in _scenarios(load(battery)):
        if why := _hindrance(scenario):
            found.setdefault(why, []).append(scenario.name)
    return found


def _scenarios(battery: Scenario | Battery) -> Sequence[Scenario]:
    return (battery,) if isinstance(battery, Scenario) else battery.scenarios


def _hindrance(scenario: Scenario) -> str:
    """Why a scenario has no items; ``""`` where it has."""
    if scenario.game.family != "conversation":
        return "gridworlds, whose episodes are no stories"
    return "" if scenario.probes else "conversations that ask nothing"


def _asking(battery: Scenario | Battery) -> list[Scenario]:
    """The conversations among a battery's scenarios that ask something."""
    return [each for each in _scenarios(battery) if not _hindrance(each)]


def _played(scenario: Scenario, first: int, size: int, twins: bool) -> Iterator[dict[str, Any]]:
    """The items of some episodes, in their order."""
    simulation: Any = scenario.simulation(size)
    simulation.reset(first)
    modes = np.where(scenario.modes() == 0, MODES.index("scripted"), scenario.modes())
    actions = np.zeros((size, simulation.count), np.int64)
    semantics = str(scenario.game.semantics(simulation.options))
    asked: dict[int, list[dict[str, Any]]] = {}
    alive = np.ones(size, np.bool_)
    fresh = alive
    while True:
        for world in np.flatnonzero(fresh & (simulation.worlds["ask"] == 1)).tolist():
            asked.setdefault(world, []).extend(
                _items_of(simulation, scenario, world, first, semantics, twins)
            )
        if not alive.any():
            break
        simulation.script(modes, actions)
        simulation.step(actions)
        fresh = alive
        alive = alive & ~simulation.ends.any(1)
    for world in sorted(asked):
        yield from asked[world]


def _items_of(
    simulation: Any, scenario: Scenario, world: int, first: int, semantics: str, twins: bool
) -> Iterator[dict[str, Any]]:
    stories: dict[str, str] = {}
    for number, probe in enumerate(simulation.probes(world)):
        if probe.kind not in scenario.probes:
            continue
        if probe.asked not in stories:
            individual = simulation.individuals.index(probe.asked)
            stories[probe.asked] = simulation.transcript(world, individual)
        where = {
            "scenario": scenario.name, "family": scenario.family or scenario.environment,
            "seed": first + world, "asked": probe.asked, "group": probe.group,
        }  # fmt: skip
        # the right one has no place of its own
        options = list(shuffled(probe.options, first + world, probe.step * 64 + number))
        yield {
            "id": f"{scenario.name}-{first + world}-{number}",
            "story": stories[probe.asked],
            "question": probe.question,
            "options": options,
            "answer": probe.answer,
            "right": options.index(probe.answer),
            "kind": probe.kind,
            "chain": list(probe.chain),
            "condition": probe.condition,
            "role": probe.role,
            "set": "-".join(map(str, set_of(where, twins))),
            "required_order": probe.required_order,
            "shortcuts": dict(probe.shortcuts),
            "scenario": scenario.name,
            "seed": first + world,
            "semantics": semantics,
        }
