"""False belief by simulation, in conversation: the headline and its controls.

    python -m mindsight.benchmarks.experiments.false_belief --seeds 10 --out runs/false_belief

Each run trains by the curriculum ``simulation``, in which no belief is ever false, and is examined by the
battery ``false_belief_lived``: held-out things, containers and rooms, four people instead of three, seeds
that training never has. One JSON file a seed and variant; what is there already is not run again, and a
training that was killed goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import numpy.typing as npt
import torch

from ...agents.registry import upper_bound
from ...agents.training import RunFolder, write
from ...agents.tri_module.agent import TriModuleAgent
from ...agents.tri_module.judgement import perceived
from ...agents.tri_module.model import SeparateModules, TriModule, load_model
from ...agents.tri_module.perspective import Messages, exchanged, perceived_by_both
from ...scenarios import seeds
from ...scenarios.curricula import Curriculum, load_curriculum, prepare, resume
from ...scenarios.evaluation import evaluate
from ...scenarios.loader import load_battery
from .settings import check, check_results, made_by, measured_at, of_run, settings
from .statistics import interquartile

__all__ = [
    "BEYOND",
    "EXAMS",
    "HALF",
    "MEASURES",
    "USUAL",
    "VARIANTS",
    "main",
    "run",
    "seed_by_seed",
    "summary",
]

BATTERY, WHOLE, CURRICULUM = "false_belief_lived", "false_belief", "simulation"
#: What runs if nothing else is asked for: the agent, and the controls that every claim needs.
USUAL = ("routed", "unrouted", "random_heads", "separate")
#: The last one is ``separate`` with two networks of which each is as large as the single one.
VARIANTS = (*USUAL, "separate_double")
#: Two networks of these sizes are together as large as the one of the curricula ``simulation``.
HALF = {"width": 68, "head": 10, "hidden": 129}
#: What the results table has, and how each is found among the answers.
MEASURES: dict[str, Callable[[dict[str, Any]], bool]] = {
    "false belief, order 1": lambda row: row["condition"] == "false_belief" and row["kind"] == "belief",
    "false belief, order 2": lambda row: (
        row["group"] == "second_order" and row["kind"] == "belief" and row["role"] == "test"
    ),
    "next action": lambda row: row["kind"] == "next_action",
    "true belief, no transfer": lambda row: (
        row["condition"] in ("true_belief", "no_transfer", "back") and row["kind"] == "belief"
    ),
    "ignorance": lambda row: row["condition"] == "ignorance" and row["kind"] == "knowledge",
    "reality, memory": lambda row: row["kind"] in ("reality", "memory"),
    "controls": lambda row: row["role"] == "control",
}
#: Which of them a table of all seeds has, and in which exam.
SEED_BY_SEED = (
    ("all of a set", "inferred"),
    ("all of a set", "given"),
    ("false belief, order 1", "inferred"),
    ("false belief, order 2", "inferred"),
    ("controls", "inferred"),
)
#: Longer histories than any in training: ``noise``, which held-out conversations have twice. The exam has 2.
LONGER = (4, 8)
#: What lies beyond the battery: words against what was seen, and orders for which somebody does not notice.
BEYOND: dict[str, Callable[[dict[str, Any]], bool]] = {
    "beyond: told otherwise, order 1": lambda row: (
        row["condition"] in ("public_claim", "lie") and row["kind"] == "belief"
    ),
    "beyond: whispered, order 2": lambda row: row["condition"] == "private_tell" and row["kind"] == "belief",
    "beyond: order 3": lambda row: row["condition"] == "third_order" and row["kind"] == "belief",
    "beyond: order 4": lambda row: row["condition"] == "fourth_order" and row["kind"] == "belief",
}


@upper_bound
class Given(TriModuleAgent):
    """Is told by the engine who perceived what: an upper bound, never an agent under test."""

    privileged = True

    def act(self, observation: Mapping[str, Any], state: Any) -> tuple[npt.NDArray[np.int64], Any]:
        """As all tri-module agents."""
        self._simulation, self._individual = observation["oracle"]
        return super().act(observation, state)

    def answer(self, probes: Sequence[Any], state: Any) -> list[npt.NDArray[np.float64]]:
        """As all tri-module agents."""
        return super().answer([{**probe.public(), "row": probe.row} for probe in probes], state)

    def seen_by(
        self, state: Messages, rows: npt.NDArray[np.int64], chains: npt.NDArray[np.int16]
    ) -> Messages:
        """What the first of each chain perceived is known; what they take others to have perceived is not:
        that is judged, as always."""
        who = (self._simulation.worlds["lexicon"][rows] == chains[:, :1]).argmax(1)  # (N,)
        kept = perceived_by_both(self._simulation, self._individual, who, rows)
        histories = state.of_rows(rows).switch(chains[:, 0], kept[:, : state.senders.shape[1]])
        return self.switch_all(histories, exchanged(chains[:, 1:], histories.own, chains[:, 0]))


def last_mentioned(
    messages: Messages, things: npt.NDArray[Any], places: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """The untrained rule, instead of ``TriModuleAgent.places``: where a thing was mentioned last, there it
    is; who never perceived a mention does not know."""
    about = (messages.tokens == things[:, None, None]).any(-1)  # (B, M)
    named = (messages.tokens[..., None] == places[:, None, None]) & (places > 0)[:, None, None]
    at = about[..., None] & named.any(2)  # (B, M, P)
    found = np.zeros((len(things), places.shape[1] + 1))
    b, m, p = at.shape
    flat = at.reshape(b, m * p)
    last = m * p - 1 - flat[:, ::-1].argmax(1)
    found[np.arange(b), np.where(flat.any(1), last % p, p)] = 1.0
    return found


class Rule(TriModuleAgent):
    """Puts itself into others' places as it has learned to, and goes there by the rule."""

    places = staticmethod(last_mentioned)


@upper_bound
class GivenRule(Given):
    """The rule, with the engine's knowledge of who perceived what."""

    places = staticmethod(last_mentioned)


#: How an examined agent finds out what others perceived, and what follows from it.
EXAMS: dict[str, tuple[type[TriModuleAgent], str]] = {
    "inferred": (TriModuleAgent, "inferred"),
    "labels": (TriModuleAgent, "labels"),
    "given": (Given, "inferred"),
    "rule, inferred": (Rule, "inferred"),
    "rule, given": (GivenRule, "inferred"),
}


def with_variant(curriculum: Curriculum, variant: str) -> Curriculum:
    """How a variant trains: no exam ends it. Two networks are together as large as one, unless doubled."""
    model = {**curriculum.model, **HALF} if variant == "separate" else curriculum.model
    learner = {**curriculum.learner, "variant": variant.removesuffix("_double")}
    return replace(curriculum, learner=learner, model=model, exam=None)


def run(variant: str, seed: int, out: Path, episodes: int, curriculum: str = CURRICULUM) -> dict[str, Any]:
    """Train and examine one agent. All updates are made: no exam ends the training."""
    folder = out / f"{variant}-{seed}"
    begun, busy = time.perf_counter(), time.process_time()
    course = with_variant(load_curriculum(curriculum), variant)
    if (folder / "config.json").exists():
        trainer = resume(folder, print)
    else:
        trainer = prepare(course, seed=seed, out=folder)
    progress, _ = trainer.train()
    trained, worked = time.perf_counter() - begun, time.process_time() - busy
    found: dict[str, Any] = {
        "variant": variant,
        "seed": seed,
        "episodes": episodes,
        "settings": settings(course),
        "updates": progress.steps,
        "seconds": round(trained, 1),
        "busy": round(worked, 1),  # of the processor: what the wall clock shows on an idle machine
        "means": {name: round(value, 4) for name, value in progress.means.items()},
        **made_by(),
    }
    return found | examined(load_model(folder / "checkpoints" / "last"), seed, episodes)


def examined(model: TriModule | SeparateModules, seed: int, episodes: int) -> dict[str, Any]:
    """What an agent comes to: by each of ``EXAMS``, beyond them, and in judging who perceived what.

    Args:
        model: its network or networks.
        seed: of the block of evaluation seeds.
        episodes: of each condition; beyond the exam a quarter.
    """
    found: dict[str, Any] = {"perspectives": {}}
    for perspective, (kind, mode) in EXAMS.items():
        agent = kind(model, mode)
        result = evaluate(
            agent, BATTERY, episodes=episodes, seed=seed, progress=False, recordings=0, family="conversation"
        )
        card = result.card
        found["perspectives"][perspective] = {
            **scores(result.probes, MEASURES),
            **{f"all of a set, {group.name}": group.share for group in card.groups},
            "all of a set": None if card.sets is None else card.sets.share,
        }
    whole = evaluate(
        TriModuleAgent(model), WHOLE, episodes=max(1, episodes // 4), seed=seed, progress=False, recordings=0,
        family="conversation",
    )  # fmt: skip
    found["perspectives"]["inferred"] |= scores(whole.probes, BEYOND)
    battery = load_battery(BATTERY)
    for noise in LONGER:
        scenarios = tuple(scenario.with_options(noise=noise) for scenario in battery.scenarios)
        card = evaluate(
            TriModuleAgent(model), replace(battery, scenarios=scenarios), episodes=max(1, episodes // 4),
            seed=seed, progress=False, recordings=0, family="conversation",
        ).card  # fmt: skip
        found["perspectives"]["inferred"][f"longer: {2 * noise} messages of small talk, all of a set"] = (
            None if card.sets is None else card.sets.share
        )
    found["judged"] = judged(model, episodes, seed)
    return found


def scores(
    rows: Sequence[dict[str, Any]], measures: Mapping[str, Callable[[dict[str, Any]], bool]]
) -> dict[str, float]:
    """Shares of right answers."""
    found = {}
    for name, chosen in measures.items():
        some = [row["correct"] for row in rows if chosen(row)]
        found[name] = sum(some) / len(some)
    return found


def judged(model: Any, episodes: int, seed: int) -> dict[str, float]:
    """Who perceived what, against the engine's labels: of messages that somebody missed, and of those that
    they perceived, the share that the agent judges right."""
    counts: dict[str, list[float]] = defaultdict(list)
    for scenario in load_battery(BATTERY).scenarios:
        simulation: Any = scenario.simulation(episodes)
        simulation.reset(seeds.evaluation_seed(seed))  # the exam's own conversations
        mine = Messages.of(simulation.view("tokens", 0))
        there = mine.tokens.any(-1)
        for person in range(1, simulation.count):
            names = simulation.worlds["lexicon"][:, person]
            kept = perceived(model, mine, names)
            heard = simulation.worlds["heard"][:, : kept.shape[1]] >> np.uint8(person) & 1 == 1
            counts["missed"].append(float((~kept)[there & ~heard].mean()))
            counts["perceived"].append(float(kept[there & heard].mean()))
    return {name: float(np.mean(values)) for name, values in counts.items()}


def summary(out: Path) -> str:
    """All results there are, as a Markdown table."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for path in sorted(out.glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        for perspective, values in found["perspectives"].items():
            judgement = {f"judged right, {name}": share for name, share in found["judged"].items()}
            groups[found["variant"], perspective].append(
                {
                    **values,
                    **judgement,
                    "minutes": found["seconds"] / 60,
                    "minutes of the processor": found["busy"] / 60,
                }
            )
    if not groups:
        return "no results yet"
    keys = sorted(groups, key=lambda key: (VARIANTS.index(key[0]), list(EXAMS).index(key[1])))
    names = list(dict.fromkeys(name for rows in groups.values() for row in rows for name in row))
    lines = [
        "| | " + " | ".join(f"{variant}, {perspective}" for variant, perspective in keys) + " |",
        "|---" * (len(keys) + 1) + "|",
        "| seeds | " + " | ".join(str(len(groups[key])) for key in keys) + " |",
    ]
    for name in names:
        cells = []
        for key in keys:
            if name not in groups[key][0]:
                cells.append("–")
                continue
            mean, low, high = interquartile([row[name] for row in groups[key]])
            if name.startswith("minutes"):
                cells.append(f"{mean:.1f}")
            else:
                cells.append(f"{mean:.1%} ({low:.0%} to {high:.0%})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def seed_by_seed(out: Path) -> str:
    """A Markdown table, in percent, of what each variant comes to on each seed, by ``SEED_BY_SEED``; nothing
    where there is no result."""
    found: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for path in sorted(out.glob("*.json")):
        one = json.loads(path.read_text(encoding="utf-8"))
        found[one["variant"]][one["seed"]] = one["perspectives"]
    if not found:
        return ""
    known = sorted({seed for runs in found.values() for seed in runs})
    lines = [f"| | {' | '.join(f'seed {seed}' for seed in known)} | interquartile mean (95 %) |"]
    lines.append(f"|{'---|' * (len(known) + 2)}")
    for name, perspective in SEED_BY_SEED:
        told = "" if perspective == "inferred" else f", `{perspective}`"
        for variant in sorted(found, key=VARIANTS.index):
            shares = {
                seed: 100 * each[perspective][name]
                for seed, each in found[variant].items()
                if name in each.get(perspective, {})
            }
            if shares:
                cells = [f"{shares[seed]:.4g}" if seed in shares else "–" for seed in known]
                mean, low, high = interquartile(list(shares.values()))
                last = f"{mean:.1f} ({low:.0f} to {high:.0f})"
                lines.append(f"| {name}{told}: `{variant}` | {' | '.join(cells)} | {last} |")
    return "\n".join(lines)


def _check(out: Path, curriculum: Curriculum, episodes: int) -> None:
    """``ValueError`` where a run in a folder, or what one has found, was trained or examined otherwise."""
    expected = {variant: settings(with_variant(curriculum, variant)) for variant in VARIANTS}
    check_results(out, expected, episodes)
    for variant, wanted in expected.items():
        for config in sorted(out.glob(f"{variant}-[0-9]*/config.json")):
            check(config.parent, of_run(config.parent), wanted, ": give another --out")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--variants", nargs="+", default=list(USUAL), choices=VARIANTS)
    parser.add_argument("--episodes", type=int, default=100, help="of each condition in the exam")
    parser.add_argument("--curriculum", default=CURRICULUM, help="the name of one, or a file")
    parser.add_argument("--out", type=Path, default=Path("runs/false_belief"))
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    course = load_curriculum(given.curriculum)
    for config in given.out.glob("*/config.json"):
        found = RunFolder.open(config.parent).read_json(config.name).get("curriculum")
        if found != course.name:
            parser.error(f"--out {given.out} has runs of {found!r}, expected none but of {course.name!r}")
    try:  # before hours are spent
        _check(given.out, course, given.episodes)
    except ValueError as error:
        parser.error(f"--out {error}")
    for variant in given.variants:
        for seed in range(given.first, given.first + given.seeds):
            path = given.out / f"{variant}-{seed}.json"
            if not path.exists():
                found = run(variant, seed, given.out, given.episodes, given.curriculum)
                write(path, json.dumps(found, indent=1) + "\n")
                print(f"{variant}, seed {seed}: done", flush=True)
    table = "\n\n".join(
        part for part in (summary(given.out), seed_by_seed(given.out), measured_at(given.out)) if part
    )
    write(given.out / "table.md", table + "\n")
    print(table)


if __name__ == "__main__":
    main()
