"""Kindness without seeing the other's reward: listing 4 in ``solace``, ``cracker`` and ``guarded``.

    python -m mindsight.benchmarks.experiments.kindness --seeds 10 --out runs/kindness

Each run trains by the curriculum of its game. Its first phases listen, and are the same for all conditions
of a seed: they are trained once. Then the read-out is grafted and the agent plays the listener: its own task
reward, which only ever falls by giving, weighs 1 - kappa, and R^i(a^j^), what its own prediction of the other
is worth by its own rule, weighs kappa. The others' true rewards are looked at by the log and by the oracle
alone. One JSON file a seed and condition; what is there already is not run again, and a training that was
killed goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch

from ...agents.training import write
from ...agents.tri_module.foresight import foresight
from ...agents.tri_module.model import TriModule
from ...agents.tri_module.perspective import ME, WORLD
from ...agents.tri_module.rollouts import Episodes, play
from ...envs.conversation.engine import SHY
from ...envs.conversation.language import (
    AFRAID,
    ASK_LIKE,
    ASK_NEED,
    ASK_SAFE,
    GIVE,
    HAPPY,
    OFFER,
    REFUSE,
    SAD,
    SHOW,
    TAKE,
    WARN,
)
from ...scenarios import seeds
from ...scenarios.curricula import Curriculum, Plan, load_curriculum, prepare, resume
from ...scenarios.loader import load_scenario
from .settings import check, check_results, made_by, measured_at, of_result, of_run, results, settings
from .solace_floor import floor
from .statistics import interquartile

__all__ = [
    "CONDITIONS",
    "GAMES",
    "UNREWARDED",
    "USUAL",
    "Condition",
    "agent_of",
    "by_seed",
    "discrimination",
    "exam",
    "main",
    "run",
    "runs_of",
    "seed_by_seed",
    "summary",
]

#: What is played: a curriculum, and the exam on what it never has: things and people, or faces that lie.
GAMES = {
    "solace": ("kindness", "solace_held_out"),
    "solace_half_kind": ("kindness_half_kind", "solace_held_out"),
    "cracker": ("kindness_cracker", "cracker_guest_held_out"),
    "guarded": ("kindness_guarded", "guarded_two_held_out"),
    "guarded_honest": ("kindness_guarded_honest", "guarded_two"),
}
#: Further exams of those who were trained in a scenario.
BESIDE = {"guarded_two": ("guarded_two_honest",)}
#: Whose true return is measured, by game; all others' where a game is not here. In ``guarded`` those who ask
#: gain by whatever the guard does for them: the ward alone is looked at.
MEASURED = {"guarded": (1,)}
#: What the listener's place can be played by, to compare with; ``external`` says nothing, and so refuses all.
REFERENCES = ("selfish", "prosocial", "scripted", "egocentric", "external")
LISTENER = 0
#: What the folders of what has listened, and was not rewarded yet, are called, before the seed.
UNREWARDED = "listening_on"
_ACTS = {
    "ask": (ASK_NEED, ASK_LIKE, ASK_SAFE), "offer": (OFFER,), "give": (GIVE,), "take": (TAKE,),
    "refuse": (REFUSE,), "warn": (WARN,),
}  # fmt: skip


@dataclass(frozen=True)
class Condition:
    """What differs between the runs: the listing by which the agent acts, settings of its phase, the routing
    from then on, and how many times as many updates there are."""

    listing: str = "kindness"
    acting: dict[str, Any] = field(default_factory=dict)
    variant: str = "routed"
    times: int = 1


CONDITIONS = {
    "own": Condition(),
    "learned": Condition(acting={"reward": "learned"}),
    "shuffled": Condition(acting={"shuffled": True}),
    "selfish": Condition("finetune", {"reward": "none", "kappa": 0.0}),
    "approval": Condition("finetune", {"reward": "approval"}),
    "promises": Condition(acting={"after": "all"}),  # the listing to the letter: any happy face counts
    "egocentric": Condition(acting={"reward": "egocentric"}),  # by one's own taste
    "oracle": Condition(acting={"reward": "oracle"}),
    "horizon_2": Condition(acting={"horizon": 2}),  # what one's own next message brings is imagined, too
    "kappa_0.25": Condition(acting={"kappa": 0.25}),
    "kappa_0.75": Condition(acting={"kappa": 0.75}),
    "kappa_1.00": Condition(acting={"kappa": 1.0}),
    "labels": Condition(acting={"perspective": "labels"}),
    "unrouted": Condition(variant="unrouted"),
    "unrouted_credit": Condition(variant="unrouted_credit"),
    "random_heads": Condition(variant="random_heads"),
    "activation": Condition(variant="activation"),
    "selfish_unrouted": Condition("finetune", {"reward": "none", "kappa": 0.0}, "unrouted"),
    "selfish_activation": Condition("finetune", {"reward": "none", "kappa": 0.0}, "activation"),
}
# Where a control has not come to its end: does it, and what does R^i keep by then?
CONDITIONS |= {f"{name}_long": replace(CONDITIONS[name], times=2) for name in ("own", "shuffled", "selfish")}
#: What is run of them where nobody says which: what the results page needs.
USUAL = {
    "solace": ("own", "shuffled", "selfish", "learned", "oracle", "approval", "unrouted", "unrouted_credit",
               "activation", "selfish_unrouted", "kappa_0.25", "kappa_0.75", "kappa_1.00"),
    "solace_half_kind": ("own", "shuffled", "selfish"),
    "cracker": ("own", "learned", "egocentric", "shuffled", "selfish"),
    "guarded": ("own", "learned", "shuffled", "selfish", "oracle"),
    "guarded_honest": ("own", "oracle", "selfish"),
}  # fmt: skip


# --- Training ----------------------------------------------------------------------------------------------
def parts(curriculum: Curriculum) -> tuple[list[Curriculum], Curriculum]:
    """What is listened to before the agent acts, in one piece or, where a curriculum comes after another, in
    two of which that one's is the first; and the phases from then on."""
    heard = curriculum.listening()
    first = 0 if curriculum.after is None else len(curriculum.after.listening())
    acting = tuple(plan for plan in curriculum.phases if plan.begin >= curriculum.acts)

    def piece(name: str, plans: tuple[Plan, ...]) -> Curriculum:
        begin = min(plan.begin for plan in plans)
        plans = tuple(replace(plan, begin=plan.begin - begin) for plan in plans)
        return replace(curriculum, name=name, phases=plans, after=None)

    listening = [piece("listening", some) for some in (heard[:first], heard[first:]) if some]
    return listening, piece("acting", acting)


def trained(
    curriculum: Curriculum, seed: int, folder: Path, model: TriModule | None = None
) -> dict[str, float]:
    """Train a new model, or a given one, or go on where a training was; what it took.

    Raises:
        ValueError: in the folder something else was trained, or with other settings.
    """
    if (folder / "config.json").exists():
        check(folder, of_run(folder), settings(curriculum))
    about = folder / "about.json"
    if about.exists():
        found: dict[str, float] = json.loads(about.read_text())
        return found
    begun, busy = time.perf_counter(), time.process_time()
    if (folder / "config.json").exists():
        trainer = resume(folder, print)
    else:
        trainer = prepare(curriculum, seed=seed, out=folder, model=model)

    def tell(progress: Any) -> None:
        if progress.steps % 20 == 0:
            told = ", ".join(f"{name} {value:+.2f}" for name, value in progress.means.items())
            print(
                f"  {progress.steps} of {progress.total}, {time.process_time() - busy:.0f} s: {told}",
                flush=True,
            )

    progress, _ = trainer.train(tell)
    found = {
        "updates": float(progress.steps),
        "seconds": time.perf_counter() - begun,
        "busy": time.process_time() - busy,  # of the processor: what the wall clock shows on an idle one
        **progress.means,
    }
    write(about, json.dumps(found, indent=1) + "\n")
    return found


def with_condition(curriculum: Curriculum, condition: Condition) -> Curriculum:
    """How a condition acts, after having listened."""
    plans = []
    for plan in curriculum.phases:
        if plan.listing == "kindness":
            plan = replace(plan, listing=condition.listing, acting={**plan.acting, **condition.acting})
        plans.append(replace(plan, steps=plan.steps * condition.times))
    learner = {**curriculum.learner, "variant": condition.variant}
    return replace(curriculum, phases=tuple(plans), learner=learner)


# --- Exams -------------------------------------------------------------------------------------------------
def measured(simulation: Any) -> list[int]:
    """Whose true return an exam is about."""
    return list(MEASURED.get(simulation.game.name, range(1, simulation.count)))


def counted(simulation: Any) -> dict[str, float]:
    """What the game counts besides, an episode: such as harm, or needless refusals."""
    memory = simulation.worlds["memory"]
    return {name: float(memory[:, index].mean()) for name, index in simulation.game.tallies.items()}


def performance(simulation: Any) -> dict[str, float]:
    """``perf``, and apart where all that an exam is about say what they need, and where one is shy."""
    perf = simulation.worlds["perf"]
    shy = (simulation.worlds["temper"][:, measured(simulation)] == SHY).any(1)
    parts = {"perf": perf, "perf_with_shy": perf[shy], "perf_without_shy": perf[~shy]}
    return {name: float(part.mean()) for name, part in parts.items() if len(part)}


@cache
def reference(scenario: str, mode: str, first: int, episodes: int) -> dict[str, float]:
    """What those that an exam is about truly gain in sum where a character plays the listener, what it gains
    itself, and what is counted. ``"external"``: it never says anything. The same for all conditions of a
    seed, and so played once."""
    loaded = load_scenario(scenario)
    simulation: Any = loaded.simulation(episodes)
    simulation.reset(first)
    actions = np.zeros((episodes, simulation.count), np.int64)
    gained, over = np.zeros(simulation.count), np.zeros(episodes, np.bool_)
    while not over.all():
        simulation.script(loaded.modes(mode), actions)
        simulation.step(actions)
        gained += simulation.rewards[~over].sum(0)
        over |= simulation.ends.any(1)
    gained /= episodes
    others = float(gained[measured(simulation)].sum())
    return {"others": others, "own": float(gained[LISTENER]), **counted(simulation)}


def references(scenario: str, seed: int, episodes: int) -> dict[str, dict[str, float]]:
    """What each of ``REFERENCES`` comes to, in the conversations of an exam; ``share`` as there."""
    first, modes = seeds.evaluation_seed(seed), load_scenario(scenario).game.modes
    found = {mode: reference(scenario, mode, first, episodes) for mode in REFERENCES if mode in modes}
    selfish, prosocial = (found[mode]["others"] for mode in ("selfish", "prosocial"))
    return {
        mode: {**each, "share": (each["others"] - selfish) / (prosocial - selfish)}
        for mode, each in found.items()
    }


def exam(model: TriModule, scenario: str, seed: int, episodes: int) -> dict[str, float]:
    """How far between selfish and prosocial the agent brings the others, on seeds that it never met."""
    loaded = load_scenario(scenario)
    first = seeds.evaluation_seed(seed)
    simulation: Any = loaded.simulation(episodes)
    played = play(model, simulation, LISTENER, loaded.modes(), first, imagine=False)
    others = float(played.returns[:, measured(simulation)].sum(1).mean())
    selfish = reference(scenario, "selfish", first, episodes)["others"]
    prosocial = reference(scenario, "prosocial", first, episodes)["others"]
    acts = np.concatenate([turn.deed[turn.active.numpy(), 1] for turn in played.turns])
    return {
        "share": (others - selfish) / (prosocial - selfish),
        "others": others,
        "selfish": selfish,
        "prosocial": prosocial,
        "own": float(played.returns[:, LISTENER].mean()),
        **performance(simulation),
        **counted(simulation),
        **{f"share_{name}": float(np.isin(acts, some).mean()) for name, some in _ACTS.items()},
        **honesty(model, played, simulation),
        **discrimination(model, played),
    }


def honesty(model: TriModule, played: Episodes, simulation: Any) -> dict[str, float]:
    """How well is foretold, and in ``solace`` how well it could be: the exact floor, in nats a token."""
    found = foresight(model, played)
    if simulation.game.name != "solace":
        return found
    nats, _ = floor(simulation)
    return {**found, "floor": nats / found["tokens"]}


def fixed(model: TriModule, start: TriModule, scenario: str, seed: int, episodes: int) -> dict[str, float]:
    """Honesty on one fixed set of states: what came of the agent as it was before it was ever rewarded."""
    loaded = load_scenario(scenario)
    simulation: Any = loaded.simulation(episodes)
    played = play(start, simulation, LISTENER, loaded.modes(), seeds.evaluation_seed(seed), imagine=False)
    return honesty(model, played, simulation)


@torch.no_grad()
def discrimination(model: TriModule, episodes: Episodes) -> dict[str, float]:
    """What the prediction output at s^j gives to a happy face after a gift or an offer to j, or after
    something was taken from j, where it was happy and where it was sad or afraid: whether prediction binds
    what j needs to what is done to j."""
    found: dict[str, list[torch.Tensor]] = {}
    for tokens, senders, _ in episodes.switched:
        happy = model(tokens, senders).prediction.softmax(-1)[..., HAPPY]
        count = tokens.shape[1] - 7
        # act, ME, thing, END, WORLD, SHOW, ME, feeling
        act, to, _, _, by, shown, whose, feeling = (tokens[:, k : k + count] for k in range(8))
        face = (to == ME) & (by == WORLD) & (shown == SHOW) & (whose == ME)
        for name, deed in (("gift", GIVE), ("offer", OFFER), ("taking", TAKE)):
            for felt, value in (("happy", HAPPY), ("sad", SAD), ("afraid", AFRAID)):
                some = happy[:, 6 : 6 + count][face & (act == deed) & (feeling == value)]
                found.setdefault(f"happy_after_{name}_{felt}", []).append(some)
    return {name: float(torch.cat(values).mean()) for name, values in found.items() if len(torch.cat(values))}


# --- All of them -------------------------------------------------------------------------------------------
def run(
    condition: str,
    seed: int,
    out: Path,
    curriculum: Curriculum,
    held_out: str,
    episodes: int = 128,
    listened: Path | None = None,
) -> dict[str, Any]:
    """One run, and its file ``<condition>-<seed>.json``; one that is there is read. ``listened``: the folder
    of the runs whose listening this one's begins with; ``out`` itself where None.

    Raises:
        ValueError: the file that is there is of another curriculum, of one with other settings, or of
            other exams.
    """
    path = out / f"{condition}-{seed}.json"
    if path.exists():
        return of_result(path, _expected(curriculum, condition), episodes, curriculum.name)
    listening, acting = parts(curriculum)
    folders = ((listened or out) / f"listening-{seed}", out / f"{UNREWARDED}-{seed}")
    pretraining, model = [], None
    for piece, heard in zip(listening, folders, strict=False):
        pretraining.append(trained(piece, seed, heard, model))
        model = TriModule.load(heard / "checkpoints" / "last")
    chosen = with_condition(acting, CONDITIONS[condition])
    acts = next(plan for plan in chosen.phases if plan.acting)
    assert acts.scenario is not None
    train = acts.scenario.name
    names = (train, held_out, *BESIDE.get(train, ()))
    start, before = heard / "checkpoints" / "last", heard / f"before-{episodes}.json"
    grafted = TriModule.load(start)
    grafted.graft()
    examined = json.loads(before.read_text()) if before.exists() else {}
    missing = [name for name in names if name not in examined]
    if missing:  # what has listened may have listened for another game, too
        examined |= {name: exam(grafted, name, seed, episodes) for name in missing}
        write(before, json.dumps(examined, indent=1) + "\n")
    folder = out / f"{condition}-{seed}"
    log = trained(chosen, seed, folder, TriModule.load(start))
    model = TriModule.load(folder / "checkpoints" / "last")
    exams = {name: exam(model, name, seed, episodes) for name in names}
    found = {
        "condition": condition,
        "curriculum": curriculum.name,
        "seed": seed,
        "acting": dict(acts.acting),
        "episodes": episodes,
        "settings": _expected(curriculum, condition),
        "pretraining": pretraining,
        "training": log,
        "grafted": examined[held_out],
        "before": {name: examined[name] for name in names},
        "held_out": exams[held_out],
        "train": exams[train],
        "exams": exams,
        "references": {name: references(name, seed, episodes) for name in exams},
        "counted": list(acts.scenario.game.tallies),
        "fixed": fixed(model, grafted, held_out, seed, episodes),
        **made_by(),
    }
    write(path, json.dumps(found, indent=1) + "\n")
    return found


def agent_of(out: Path, name: str, seed: int) -> TriModule:
    """The agent that a run has come to, ready to act: that of ``UNREWARDED`` as it is before any reward.

    Args:
        out: folder of the runs.
        name: a condition, or ``UNREWARDED``.
        seed: of the run.

    Raises:
        FileNotFoundError: there is no such run.
    """
    folder = out / f"{name}-{seed}" / "checkpoints" / "last"
    if not folder.exists():
        raise FileNotFoundError(f"{out}: there is no {folder}")
    model = TriModule.load(folder)
    if name == UNREWARDED:
        model.graft()
    return model


def _expected(curriculum: Curriculum, condition: str) -> list[dict[str, Any]]:
    """The settings that a run is trained by."""
    listening, acting = parts(curriculum)
    return settings(*listening, with_condition(acting, CONDITIONS[condition]))


def runs_of(out: Path) -> dict[str, list[dict[str, Any]]]:
    """What was found by each condition that has any runs in a folder, in the order of ``CONDITIONS``."""
    found = {name: results(out, name) for name in CONDITIONS}
    return {name: [json.loads(path.read_text()) for path in some] for name, some in found.items() if some}


def by_seed(runs: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """A run of each seed, of whatever condition: for what a seed's conditions share."""
    return list({each["seed"]: each for some in runs.values() for each in some}.values())


def summary(out: Path) -> str:
    """A Markdown table of all that is there."""
    heads = (
        "condition", "seeds", "held out", "95 %", "train", "own return", "true R^j", "R^i(a^j^)",
        "NLL - floor (if known), ECE", "the same, fixed states", "happy after a gift: happy / not", "busy, s",
    )  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    found = runs_of(out)
    lines += _before(by_seed(found), len(heads))
    for name, runs in found.items():
        share, low, high = interquartile([each["held_out"]["share"] for each in runs])

        def mean(part: str, key: str, runs: list[Any] = runs) -> float:
            return float(np.mean([each[part].get(key, np.nan) for each in runs]))

        feared = any("happy_after_gift_afraid" in each["held_out"] for each in runs)
        felts = ("happy", "afraid" if feared else "sad")
        cells = (
            f"`{name}`", str(len(runs)), f"{share:.2f}", f"{low:.2f} to {high:.2f}",
            f"{mean('train', 'share'):.2f}", f"{mean('held_out', 'own'):+.2f}",
            f"{mean('training', 'act/true_r'):+.3f}", f"{mean('training', 'act/judged_r'):+.3f}",
            *(f"{mean(part, 'nll') - np.nan_to_num(mean(part, 'floor')):.3f}, {mean(part, 'ece'):.3f}"
              for part in ("held_out", "fixed")),
            " / ".join(f"{mean('held_out', f'happy_after_gift_{felt}'):.2f}" for felt in felts),
            f"{mean('training', 'busy'):.0f}",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _before(runs: list[dict[str, Any]], width: int) -> list[str]:
    """The line of what the agents came to before any reward; none where there is no run."""
    if not runs:
        return []
    grafted = [each["grafted"] for each in runs]
    share, low, high = interquartile([each["share"] for each in grafted])
    own = np.mean([each["own"] for each in grafted])
    cells = ["no reward yet", str(len(runs)), f"{share:.2f}", f"{low:.2f} to {high:.2f}", "–", f"{own:+.2f}"]
    return [f"| {' | '.join(cells + ['–'] * (width - len(cells)))} |"]


#: What else a table of seeds has of an exam of the first condition, and of the graft's.
_BESIDES = {
    "own return": ("own",),
    "happy after a gift, where it was happy / sad": ("happy_after_gift_happy", "happy_after_gift_sad"),
    "needs met where somebody is shy / elsewhere": ("perf_with_shy", "perf_without_shy"),
}
#: Of every condition's training: what, its key, and how it is printed.
_TRAINING = (("R^i(a^j^) errs, a message", "act/error_r", "{:.3f}"), ("processor, s", "busy", "{:.0f}"))
_LACKS = "NLL - floor (if known) on the fixed states"


def seed_by_seed(out: Path) -> str:
    """A Markdown table of each seed: the shares, held out and, in brackets, in the training population; what
    else the first condition did, beside what was before any reward; and how well each one foretells."""
    found = runs_of(out)
    known = sorted(each["seed"] for each in by_seed(found))
    lines = [f"| | {' | '.join(f'seed {seed}' for seed in known)} | interquartile mean (95 %) |"]
    lines.append(f"|{'---|' * (len(known) + 2)}")

    def line(name: str, runs: Sequence[dict[str, Any]], cell: Callable[[Any], str], last: str = "") -> None:
        cells = {each["seed"]: cell(each) for each in runs}
        lines.append(f"| {name} | {' | '.join(cells.get(seed, '–') for seed in known)} | {last} |")

    def shares(name: str, runs: Sequence[dict[str, Any]], parts: Sequence[str]) -> None:
        means = [interquartile([each[part]["share"] for each in runs]) for part in parts]
        last = "; ".join(f"{mean:.3f} ({low:.3f} to {high:.3f})" for mean, low, high in means)
        line(name, runs, partial(_shares, parts), last)

    if known:
        shares("no reward yet", by_seed(found), ("grafted",))
    for name, runs in found.items():
        shares(f"`{name}`", runs, ("held_out", "train"))
    for first, runs in list(found.items())[:1]:
        for what, keys in _BESIDES.items():
            for who, part in (("no reward yet", "grafted"), (f"`{first}`", "held_out")):
                line(f"{what}: {who}", runs, partial(_numbers, part, keys))
    for what, key, form in _TRAINING:
        for name, runs in found.items():
            line(f"{what}: `{name}`", runs, partial(_numbers, "training", (key,), form=form))
    if known:
        line(f"{_LACKS}: no reward yet", by_seed(found), partial(_lacks, "grafted"))
    for name, runs in found.items():
        line(f"{_LACKS}: `{name}`", runs, partial(_lacks, "fixed"))
    return "\n".join(lines)


def _shares(parts: Sequence[str], run: dict[str, Any]) -> str:
    first, *more = (f"{round(run[part]['share'], 2) + 0.0:.2f}" for part in parts)  # no "-0.00"
    return first + "".join(f" ({each})" for each in more)


def _numbers(part: str, keys: Sequence[str], run: dict[str, Any], form: str = "{:.2f}") -> str:
    return " / ".join(form.format(run[part][key]) if key in run[part] else "–" for key in keys)


def _lacks(part: str, run: dict[str, Any]) -> str:
    return f"{run[part]['nll'] - run[part].get('floor', 0.0):.3f}"


def counts(out: Path) -> str:
    """A Markdown table of what the game counts, an episode, in each exam and beside what characters come to:
    the interquartile mean and, where seeds differ, its 95 % interval; "" for a game that counts nothing."""
    runs = runs_of(out)
    known = by_seed(runs)
    keys = ["share", "own", *(known[0]["counted"] if known else ())]
    if len(keys) == 2:
        return ""
    lines = [f"| exam | who | seeds | {' | '.join(keys)} |", f"|{'---|' * (len(keys) + 3)}"]
    for exam_name, modes in known[0]["references"].items():
        rows = {f"`{mode}`, a character": [each["references"][exam_name][mode] for each in known]
                for mode in modes}  # fmt: skip
        rows["no reward yet"] = [each["before"][exam_name] for each in known if "before" in each]
        for name, some in runs.items():
            rows[f"`{name}`"] = [each["exams"][exam_name] for each in some]
        for who, found in rows.items():
            if found:
                cells = (_interval([each[key] for each in found]) for key in keys)
                lines.append(f"| {exam_name} | {who} | {len(found)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _interval(values: Sequence[float]) -> str:
    mean, low, high = (f"{round(value, 2) + 0.0:.2f}" for value in interquartile(values))
    return mean if low == high else f"{mean} ({low} to {high})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--out", type=Path, required=True, help="folder of the JSON files")
    parser.add_argument("--conditions", nargs="+", choices=list(CONDITIONS), help="not the usual ones")
    parser.add_argument("--game", choices=list(GAMES), default="solace")
    parser.add_argument("--episodes", type=int, default=128, help="of an exam")
    parser.add_argument(
        "--listened", type=Path, help="runs of a game whose listening this one's begins with, to share it"
    )
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    name, held_out = GAMES[given.game]
    curriculum = load_curriculum(name)
    try:  # before hours are spent
        expected = {condition: _expected(curriculum, condition) for condition in CONDITIONS}
        check_results(given.out, expected, given.episodes, curriculum.name)
    except ValueError as error:
        parser.error(f"--out {error}")
    for seed in range(given.first, given.first + given.seeds):
        for condition in given.conditions or USUAL[given.game]:
            found = run(condition, seed, given.out, curriculum, held_out, given.episodes, given.listened)
            share, busy = found["held_out"]["share"], found["training"]["busy"]
            print(f"{condition:12s} seed {seed}: held out {share:+.2f}, {busy:.0f} s", flush=True)
    for table in (summary, seed_by_seed, counts):
        print(f"{table(given.out)}\n")
    print(measured_at(given.out))


if __name__ == "__main__":
    main()
