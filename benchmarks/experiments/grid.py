"""The tri-module agent in gridworlds: it watches (listing 1), then practises (listing 2); beside MaskablePPO.

    python -m mindsight.benchmarks.experiments.grid --seeds 10 --out runs/grid

``tri_module`` trains by a task's curriculum: it watches, and then it practises. ``interleaved`` goes on
watching, eight updates to one of practice, while it practises; ``practice`` has nothing to watch.
``maskable_ppo`` is Stable-Baselines3's, on flat observations; it is examined when it has made as many steps
as the tri-module agent practised, as many as it watched and practised together, and when it has used as much
processor time. Exams are scenarios' own, with seeds that no training has. One JSON file a seed, task and
condition; what is there already is not run again, and what was cut off is begun anew.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch

from ...agents.base import Agent
from ...agents.training import RunFolder, Settings, write
from ...agents.tri_module.grid import GridBatch, GridModule
from ...agents.tri_module.grid_agent import GridAgent
from ...agents.tri_module.lives import live
from ...envs.grid.reach import SHORTEST
from ...scenarios import seeds
from ...scenarios.curricula import Curriculum, Plan, load_curriculum, prepare
from ...scenarios.evaluation import evaluate
from ...scenarios.loader import Scenario, load_scenario
from .settings import check_results, made_by, measured_at, settings
from .statistics import interquartile

_BESIDE = 8  # updates of watching to one of practice
Examined = Callable[[Agent], dict[str, Any]]

__all__ = ["CONDITIONS", "TASKS", "best_return", "exam", "foresight", "main", "run", "summary"]

CONDITIONS = ("tri_module", "interleaved", "practice", "maskable_ppo")


@dataclass(frozen=True)
class Task:
    """What is learned.

    Attributes:
        curriculum: its name; the last phase practises.
        exams: scenarios that are played in the exam.
    """

    curriculum: str
    exams: tuple[str, ...]


TASKS = {
    "reach": Task("reach_by_watching", ("reach_small",)),
    "sally_anne": Task(
        "sally_anne_by_watching",
        (
            "sally_anne_false_belief",
            "sally_anne_true_belief",
            "sally_anne_no_transfer",
            "sally_anne_ignorance",
        ),
    ),
}


# --- Exams -------------------------------------------------------------------------------------------------
def exam(agent: Agent, scenario: Scenario, episodes: int, seed: int) -> dict[str, float]:
    """How an agent plays.

    Args:
        agent: plays the focal individual.
        scenario: which.
        episodes: how many.
        seed: the block of evaluation seeds.
    """
    rows = evaluate(agent, scenario, episodes=episodes, seed=seed, progress=False, recordings=0).episodes
    found = {name: float(np.mean([row[name] for row in rows])) for name in ("return", "perf")}
    if scenario.environment == "reach":  # +1 for arriving, and -0.01 for each step before
        found["arrived"] = float(np.mean([row["return"] > 0 for row in rows]))
    return found


def best_return(scenario: Scenario, episodes: int, seed: int) -> float:
    """The mean return of an exam of ``reach`` whose focal individual walks a shortest way, nobody in it."""
    worlds: Any = scenario.simulation(episodes)
    worlds.reset(seeds.evaluation_seed(seed))
    focal = scenario.focal[0]
    return float(np.mean(1 - 0.01 * (worlds.worlds["memory"][:, SHORTEST + focal] - 1.0)))


def foresight(
    model: GridModule, scenario: Scenario, seed: int, viewer: str = "", size: int = 64
) -> dict[str, float]:
    """What the prediction output makes of lives of the game's characters that no training has, in nats: for
    an action of one's own, for one of somebody in sight, for a cell and for a field of the next percept; and
    for an action of somebody in sight by how often each comes alone. ``viewer``: whose lives; "": all of
    them; ``size``: of how many worlds."""
    worlds = scenario.simulation(size, autoreset="same_step")
    lives = live(worlds, seeds.evaluation_seed(seed), 64, scenario.modes("scripted"))
    viewers = [viewer] if viewer else list(worlds.individuals)
    rows = [(world, worlds.individuals.index(each)) for world in range(size) for each in viewers]
    foreseen = np.ones((len(rows), 64), np.bool_)
    batch = lives.batch(*np.array(rows).T, foreseen=foreseen, others=True)
    with torch.no_grad():
        out = model(batch.window, batch.fields, batch.before, starts=batch.starts)
        found = _errors(batch, out)
    done = batch.of_actions(batch.others)  # type: ignore[arg-type]
    counts = torch.bincount(done[done >= 0])
    shares = counts[counts > 0] / counts.sum()
    return {**found, "others, by frequency": float(-(shares * shares.log()).sum())}


def _errors(batch: GridBatch, out: Any) -> dict[str, float]:
    assert batch.others is not None
    cells, fields = batch.percept_errors(out)
    seen = (batch.of_actions(batch.others) >= 0).any(1)
    logs = batch.deciding(out.prediction).log_softmax(-1).gather(1, batch.choices[:, None])
    return {
        "own action": float(-logs.mean()),
        "others' action": float(batch.others_errors(out)[seen].mean()),
        "cell": float(cells.sum(-1).mean()),
        "field": float(fields.mean()),
    }


# --- Runs --------------------------------------------------------------------------------------------------
class _Clock:
    """Processor time of a training, exams left out."""

    def __init__(self) -> None:
        self.began, self.out = time.process_time(), 0.0

    def seconds(self) -> float:
        return time.process_time() - self.began - self.out

    def aside(self, work: Callable[[], Any]) -> Any:
        began = time.process_time()
        found = work()
        self.out += time.process_time() - began
        return found


def run(task: str, condition: str, seed: int, out: Path, episodes: int) -> dict[str, Any]:
    """Train and examine one agent.

    Raises:
        FileNotFoundError: ``maskable_ppo`` takes its measure from ``tri_module``, which has no result yet.
    """
    curriculum = load_curriculum(TASKS[task].curriculum)
    scenarios = {name: load_scenario(name) for name in TASKS[task].exams}
    for scenario in [*scenarios.values(), curriculum.phases[-1].scenario]:
        assert scenario is not None
        evaluate("random", scenario, episodes=1, progress=False, recordings=0)  # compiles

    def examined(agent: Agent) -> dict[str, Any]:
        return {name: exam(agent, each, episodes, seed) for name, each in scenarios.items()}

    folder = out / f"{task}-{condition}-{seed}"
    if folder.exists():  # of a run that was cut off
        shutil.rmtree(folder)
    begun = time.perf_counter()
    if condition == "maskable_ppo":
        path = out / f"{task}-tri_module-{seed}.json"
        measure = json.loads(path.read_text(encoding="utf-8"))
        found = _ppo(curriculum, seed, folder, measure, examined)
    else:
        found = _tri_module(curriculum, condition, seed, folder, examined)
    return {
        "task": task,
        "condition": condition,
        "seed": seed,
        "episodes": episodes,
        "settings": settings(with_condition(curriculum, condition)),
        **found,
        "wall seconds": round(time.perf_counter() - begun, 1),
        **made_by(),
    }


def _steps(plan: Plan) -> int:
    """World steps that a phase plays. Everybody's lives are watched, so worlds serve several updates."""
    if plan.listing == "finetune":
        return plan.steps * plan.batch_size * int(plan.practice["length"])
    assert plan.scenario is not None
    each = 1 if plan.viewer else len(plan.scenario.individuals)
    return -(-plan.steps // each) * plan.batch_size * plan.length


def with_condition(curriculum: Curriculum, condition: str) -> Curriculum:
    """How a condition trains; what ``maskable_ppo`` is measured by."""
    if condition == "practice":
        alone = replace(curriculum.phases[-1], begin=0, graft=False)
        return replace(curriculum, phases=(alone,))
    if condition == "interleaved":
        *first, last = curriculum.phases
        more = replace(first[-1], steps=first[-1].steps + _BESIDE * last.steps, weight=_BESIDE)
        return replace(curriculum, phases=(*first[:-1], more, last))
    return curriculum


def _tri_module(
    curriculum: Curriculum, condition: str, seed: int, folder: Path, examined: Examined
) -> dict[str, Any]:
    viewer = curriculum.phases[0].viewer  # whose lives are foreseen, of agents that watched none as well
    curriculum = with_condition(curriculum, condition)
    watched = curriculum.phases[-1].begin  # updates before the first one of practice
    steps = {
        "watched": sum(_steps(plan) for plan in curriculum.phases[:-1]),
        "practised": _steps(curriculum.phases[-1]),
    }
    trainer = prepare(curriculum, seed=seed, out=folder)
    model: Any = trainer.learner.model
    scenario = curriculum.phases[-1].scenario
    assert scenario is not None
    clock = _Clock()
    found: dict[str, Any] = {"exams": {}, "foresight": {}, "seconds": {}}

    def look(at: str) -> None:
        # what it would do now: listing 1 leaves the behaviour read-out untrained
        kept = {name: each.clone() for name, each in model.state_dict().items()}
        if at == "watched":
            model.graft()
        found["seconds"][at] = round(clock.seconds(), 1)
        found["exams"][at] = clock.aside(lambda: examined(GridAgent(model)))
        found["foresight"][at] = clock.aside(lambda: foresight(model, scenario, seed, viewer))
        model.load_state_dict(kept)

    def tell(progress: Any) -> None:
        if condition == "tri_module" and progress.steps == watched:
            look("watched")

    progress, _ = trainer.train(tell)
    look("practised")
    return {**found, "steps": steps, "updates": progress.steps}


def _ppo(
    curriculum: Curriculum, seed: int, folder: Path, measure: dict[str, Any], examined: Examined
) -> dict[str, Any]:
    from ...agents.baselines import sb3, sb3_adapter

    scenario = curriculum.phases[-1].scenario
    assert scenario is not None
    practised = measure["steps"]["practised"]
    marks = {
        "as many steps practised": practised,
        "as many steps watched and practised": practised + measure["steps"]["watched"],
    }
    time_left = measure["seconds"]["practised"]
    settings = Settings()
    worlds = sb3_adapter.vec_env(
        scenario.environment, 64, seed=seeds.training_seed(seed),
        learner=scenario.individuals[scenario.focal[0]],
        window=scenario.window, **scenario.options,
    )  # fmt: skip
    watch = sb3.Watch(worlds)
    model = sb3.make(watch, settings, seed=seed)
    clock = _Clock()
    found: dict[str, Any] = {"exams": {}, "seconds": {}, "steps": {}}

    def look(at: str, steps: int) -> None:
        found["seconds"][at], found["steps"][at] = round(clock.seconds(), 1), steps
        for greedy in (False, True):
            agent = sb3.SB3Agent(model.policy, settings, greedy=greedy)
            name = f"{at}, {'likeliest' if greedy else 'drawn'}"
            found["exams"][name] = clock.aside(lambda agent=agent: examined(agent))  # type: ignore[misc]

    def enough(progress: Any) -> str | None:
        for name, steps in marks.items():
            if name not in found["seconds"] and progress.steps >= steps:
                look(name, progress.steps)
        if "as much processor time" not in found["seconds"] and clock.seconds() >= time_left:
            look("as much processor time", progress.steps)
        return "all were looked at" if len(found["seconds"]) == len(marks) + 1 else None

    sb3.train(model, settings, watch, RunFolder.create(folder, "ppo"), 10**8, enough=enough, save_every=3600)
    worlds.close()
    return found


# --- The table ---------------------------------------------------------------------------------------------
def summary(out: Path) -> str:
    """All results there are, as Markdown tables."""
    rows: dict[tuple[str, str, str], list[dict[str, float]]] = defaultdict(list)
    costs: dict[tuple[str, str, str], list[tuple[float, float, float]]] = defaultdict(list)
    foresights: dict[tuple[str, str, str], list[dict[str, float]]] = defaultdict(list)
    for path in sorted(out.glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        for at, exams in found["exams"].items():
            key = found["task"], found["condition"], at
            rows[key].append(_measures(exams, found["episodes"], found["seed"]))
            mark = at.rpartition(", ")[0] if found["condition"] == "maskable_ppo" else at
            steps = found["steps"]
            practised = 0 if at == "watched" else steps.get(mark, steps.get("practised"))
            costs[key].append((steps.get("watched", 0), practised, found["seconds"][mark]))
        for at, values in found.get("foresight", {}).items():
            foresights[found["task"], found["condition"], at].append(values)
    if not rows:
        return "no results yet"
    parts = []
    for task in TASKS:
        keys = [key for key in rows if key[0] == task]
        keys.sort(key=lambda key: CONDITIONS.index(key[1]))
        if not keys:
            continue
        measures = list(rows[keys[0]][0])
        lines = [
            f"**{task}**",
            "",
            "| | seeds | steps watched | steps practised | processor, s | " + " | ".join(measures) + " |",
            "|---" * (5 + len(measures)) + "|",
        ]
        for key in keys:
            cells = [f"{key[1]}, {key[2]}", str(len(rows[key]))]
            cells += [f"{float(np.mean(each)):,.0f}" for each in zip(*costs[key], strict=True)]
            cells += [_cell([row[name] for row in rows[key]]) for name in measures]
            lines.append("| " + " | ".join(cells) + " |")
        parts += ["\n".join(lines)]
        keys = [key for key in keys if key in foresights]
        names = list(foresights[keys[0]][0]) if keys else []
        lines = ["| nats | " + " | ".join(names) + " |", "|---" * (1 + len(names)) + "|"]
        for key in keys:
            cells = [_cell([row[name] for row in foresights[key]]) for name in names]
            lines.append(f"| {key[1]}, {key[2]} | " + " | ".join(cells) + " |")
        if keys:
            parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _measures(exams: dict[str, dict[str, float]], episodes: int, seed: int) -> dict[str, float]:
    """What the table has of some exams."""
    found: dict[str, float] = {}
    for name, values in exams.items():
        scenario = load_scenario(name)
        if scenario.environment == "reach":
            best = best_return(scenario, episodes, seed)
            found |= {
                f"{name}: return": values["return"],
                "÷ the shortest way's": values["return"] / best,
                "arrived": values["arrived"],
            }
        else:
            found[name.removeprefix("sally_anne_")] = values["perf"]
    return found


def _cell(values: list[float]) -> str:
    mean, low, high = interquartile(values)
    return f"{mean:.3f} ({low:.3f} to {high:.3f})"


def _expected() -> dict[str, list[dict[str, Any]]]:
    """The settings that each task and condition is trained by."""
    curricula = {name: load_curriculum(task.curriculum) for name, task in TASKS.items()}
    return {
        f"{name}-{condition}": settings(with_condition(curriculum, condition))
        for name, curriculum in curricula.items()
        for condition in CONDITIONS
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--conditions", nargs="+", default=list(CONDITIONS), choices=CONDITIONS)
    parser.add_argument("--episodes", type=int, default=500, help="of each scenario in an exam")
    parser.add_argument("--out", type=Path, default=Path("runs/grid"))
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:  # before hours are spent
        check_results(given.out, _expected(), given.episodes)
    except ValueError as error:
        parser.error(f"--out {error}")
    for seed in range(given.first, given.first + given.seeds):
        for task in given.tasks:
            for condition in given.conditions:
                path = given.out / f"{task}-{condition}-{seed}.json"
                if not path.exists():
                    found = run(task, condition, seed, given.out, given.episodes)
                    write(path, json.dumps(found, indent=1) + "\n")
                    print(f"{task}, {condition}, seed {seed}: done", flush=True)
    table = f"{summary(given.out)}\n\n{measured_at(given.out)}"
    write(given.out / "table.md", table + "\n")
    print(table)


if __name__ == "__main__":
    main()
