"""Kindness without seeing the other's reward: listing 4 in ``solace``.

    python -m mindsight.benchmarks.experiments.kindness --seeds 10 --out runs/kindness

An agent learns to predict from recorded conversations (listing 1, and S of the listener's own), its read-out
is grafted, and then it plays the listener: its own task reward, which only ever falls by giving, weighs
1 - kappa, and R^i(a^j^), what its own prediction of the other is worth by its own rule, weighs kappa. The
others' true rewards are looked at by the log and by the oracle alone. One JSON file a seed and condition;
what is there already is not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from ...agents.training import versions, write
from ...agents.tri_module.algorithms import (
    Batch,
    Reward,
    finetune,
    generalized_advantages,
    kindness,
    pretrain,
)
from ...agents.tri_module.data import Recorded
from ...agents.tri_module.model import TriConfig, TriModule
from ...agents.tri_module.perspective import ME, VOCABULARY_SIZE, WORLD, Messages
from ...agents.tri_module.rewards import Learned, Oracle, Own, Source, approval, kindness_of, lived
from ...agents.tri_module.rollouts import Episodes, play
from ...agents.tri_module.routing import Learner
from ...envs.conversation.language import ASK_NEED, GIVE, OFFER
from ...scenarios import seeds
from ...scenarios.collect import collect
from ...scenarios.loader import load_scenario
from .statistics import interquartile

__all__ = ["CONDITIONS", "Condition", "main", "run", "summary"]

TRAIN, HELD_OUT = "solace_train", "solace_held_out"
LISTENER, OTHER = 0, 1
_FIRST = 24  # messages of a recorded conversation that are learned from: what comes later is more of the same
_ACTS = {"ask": ASK_NEED, "offer": OFFER, "give": GIVE}


@dataclass(frozen=True)
class Condition:
    """What differs between the runs.

    Attributes:
        source: of R^i: ``"own"``, ``"learned"``, ``"oracle"``; ``"approval"``: a score of how nice a message
            looks, ``"none"`` nothing.
        kappa: weight of kindness; 1 - kappa is that of the own task reward.
        after: see ``rewards.Own``.
        shuffled: R^i is that of another message, drawn at random.
        mode: of the perspective switch.
        horizon: h of eq. 1.
    """

    source: str = "own"
    kappa: float = 0.75
    after: str = "deeds"
    shuffled: bool = False
    mode: str = "given"
    horizon: int = 1


CONDITIONS = {
    "own": Condition(),
    "learned": Condition(source="learned"),
    "shuffled": Condition(shuffled=True),
    "selfish": Condition(source="none", kappa=0.0),
    "approval": Condition(source="approval"),
    "promises": Condition(after="all"),  # the listing to the letter: any happy face counts
    "oracle": Condition(source="oracle"),
    "kappa_0.25": Condition(kappa=0.25),
    "kappa_0.50": Condition(kappa=0.5),
    "kappa_1.00": Condition(kappa=1.0),
    "labels": Condition(mode="labels"),
}


@dataclass(frozen=True)
class Size:
    """How much is done in a run; the defaults take about three minutes on one thread."""

    recorded: int = 4096  # conversations, half of them with a listener at random
    steps: int = 2500  # of pre-training
    batch: int = 32  # histories a step
    updates: int = 60  # of reward training
    episodes: int = 64  # an update
    epochs: int = 2
    pieces: int = 2  # of an update's episodes, a step each
    rate: float = 4e-3  # of pre-training
    slow: float = 1e-3  # of reward training
    entropy: float = 0.02
    discount: float = 0.95
    trace: float = 0.9
    exam: int = 128  # episodes


def config() -> TriConfig:
    """The model's size."""
    return TriConfig(VOCABULARY_SIZE, context=448, width=48, layers=2, heads=(1, 1, 1), hidden=96)


# --- Pre-training ------------------------------------------------------------------------------------------
def histories(recorded: Recorded, rng: np.random.Generator, size: int) -> Batch:
    """Recorded conversations as somebody perceived them; every other one as S gives it to somebody else."""
    rows = rng.integers(0, len(recorded), size)
    count = recorded.names.shape[1]
    # half of the time the listener, whom the agent is going to be
    viewer = np.where(rng.random(size) < 0.5, LISTENER, rng.integers(0, count, size))
    other = (viewer + rng.integers(1, count, size)) % count
    switched = np.arange(size) % 2 == 1
    heard = recorded.heard[rows, :_FIRST]
    mine = (heard >> viewer[:, None] & 1).astype(np.bool_)
    both = mine & (heard >> other[:, None] & 1).astype(np.bool_)
    own = recorded.names[rows, viewer]
    whole = Messages(recorded.tokens[rows, :_FIRST], recorded.senders[rows, :_FIRST], own)
    kept = whole.only(np.where(switched[:, None], both, mine))
    # S with oneself changes nothing
    seen = kept.switch(np.where(switched, recorded.names[rows, other], own))
    packed = seen.pack(rng)
    # a^j, what the world shows, and who comes next
    said = packed.said_by(ME) | packed.said_by(WORLD)
    actions = packed.first() | said
    actions[:, 0] = False
    return Batch(packed.tokens, packed.senders, actions)


def recordings(seed: int, size: Size) -> Recorded:
    """The unstructured data: a kind listener in one half, in the other one that says anything."""
    half = size.recorded // 2
    parts = [
        collect(TRAIN, count, agent=agent, seed=seed)
        for agent, count in (("scripted", half), ("random", half))
    ]
    longest = max(part.tokens.shape[1] for part in parts)

    def joined(name: str) -> npt.NDArray[Any]:
        arrays = [getattr(part, name) for part in parts]
        if name != "names":
            pads = [((0, 0), (0, longest - each.shape[1]), *[(0, 0)] * (each.ndim - 2)) for each in arrays]
            arrays = [np.pad(each, pad) for each, pad in zip(arrays, pads, strict=True)]
        return np.concatenate(arrays)

    names = ("tokens", "senders", "heard", "names", "gained")
    return Recorded(**{name: joined(name) for name in names}, about={"scenario": TRAIN})


def pretrained(seed: int, size: Size, folder: Path, recorded: Recorded) -> tuple[TriModule, dict[str, float]]:
    """A model that has learned to predict; from its file where there is one."""
    about = folder / "pretraining.json"
    if about.exists():
        found: dict[str, float] = json.loads(about.read_text())
        return TriModule.load(folder), found
    begun, busy = time.perf_counter(), time.process_time()
    model = TriModule(config(), seed)
    learner = Learner(model, size.rate)
    rng = np.random.default_rng([seed, 1])
    loss = 0.0
    for step in range(size.steps):
        left = 1 - step / size.steps
        learner.rate = size.rate * min(1.0, (step + 1) / 50) * (0.2 + 0.8 * left)
        log = pretrain(learner, histories(recorded, rng, size.batch))
        loss = log["prediction"] if step == 0 else 0.95 * loss + 0.05 * log["prediction"]
    model.graft()
    found = {
        "seconds": time.perf_counter() - begun,
        "busy": time.process_time() - busy,
        "nll": loss,
    }
    model.save(folder)
    write(about, json.dumps(found) + "\n")
    return model, found


# --- What is logged ----------------------------------------------------------------------------------------
@torch.no_grad()
def foresight(model: TriModule, episodes: Episodes) -> dict[str, float]:
    """How well s^j foretells what j really said and what the world really showed, after the listener's first
    message: NLL a token, and the expected calibration error in ten bins."""
    losses, sure, right = [], [], []
    for tokens, senders, message in episodes.switched:
        out = model(tokens, senders).prediction[:, :-1]
        real = tokens[:, 1:]
        words = (message[:, 1:] >= 0) & (message[:, 1:] == message[:, :-1])
        begun = (senders[:, 1:] != ME) & (senders[:, 1:] != WORLD) & words
        wanted = words & ((senders[:, 1:] == ME) | (senders[:, 1:] == WORLD)) & (begun.cumsum(1) > 0)
        logs = out.log_softmax(-1)[wanted]
        losses.append(F.nll_loss(logs, real[wanted], reduction="none"))
        best = logs.max(-1)
        sure.append(best.values.exp())
        right.append((best.indices == real[wanted]).float())
    p, hit = torch.cat(sure), torch.cat(right)
    bins = (p * 10).long().clamp(max=9)
    gaps = [
        float((p[bins == k].mean() - hit[bins == k].mean()).abs() * (bins == k).float().mean())
        for k in range(10)
        if bool((bins == k).any())
    ]
    return {"nll": float(torch.cat(losses).mean()), "ece": sum(gaps), "accuracy": float(hit.mean())}


def reference(scenario: str, mode: str, first: int, episodes: int) -> float:
    """What the others truly gain in sum where a character plays the listener."""
    loaded = load_scenario(scenario)
    simulation: Any = loaded.simulation(episodes)
    simulation.reset(first)
    actions = np.zeros((episodes, simulation.count), np.int64)
    total, over = 0.0, np.zeros(episodes, np.bool_)
    while not over.all():
        simulation.script(loaded.modes(mode), actions)
        simulation.step(actions)
        total += float(simulation.rewards[~over, 1:].sum())
        over |= simulation.ends.any(1)
    return total / episodes


def exam(model: TriModule, scenario: str, seed: int, episodes: int) -> dict[str, float]:
    """How far between selfish and prosocial the agent brings the others, on seeds that it never met."""
    loaded = load_scenario(scenario)
    first = seeds.evaluation_seed(seed)
    played = play(model, loaded.simulation(episodes), LISTENER, loaded.modes(), first, imagine=False)
    others = float(played.returns[:, 1:].sum(1).mean())
    selfish = reference(scenario, "selfish", first, episodes)
    prosocial = reference(scenario, "prosocial", first, episodes)
    acts = np.concatenate([turn.deed[turn.active.numpy(), 1] for turn in played.turns])
    said = {f"share_{name}": float((acts == act).mean()) for name, act in _ACTS.items()}
    return {
        "share": (others - selfish) / (prosocial - selfish),
        "others": others,
        "selfish": selfish,
        "prosocial": prosocial,
        "own": float(played.returns[:, LISTENER].mean()),
        **said,
        **foresight(model, played),
    }


# --- Reward training ---------------------------------------------------------------------------------------
def learned_source(model: TriModule, seed: int, size: Size) -> tuple[Learned, dict[str, float]]:
    """The agent lives as one of the others, among a kind listener and one that does anything, and regresses
    what it was paid there."""
    loaded = load_scenario(TRAIN)
    parts = []
    for k, mode in enumerate(("scripted", "random")):
        simulation: Any = loaded.simulation(128)
        first = seeds.training_seed(seed) + 2**19 + 1024 * k
        lives = play(model, simulation, OTHER, loaded.modes(mode), first, imagine=False)
        parts.append(lived(lives, simulation))
    seen = torch.cat([part[0] for part in parts])
    paid = torch.cat([part[1] for part in parts])
    source = Learned(seed)
    error = source.fit(seen, paid, 600, seed=seed)
    return source, {"samples": float(len(seen)), "mse": error, "variance": float(paid.var())}


def mixed(
    condition: Condition, episodes: Episodes, worth: npt.NDArray[np.float64], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """The reward of each turn, (K, B): own and others', weighed by kappa."""
    own = np.stack([turn.gained[:, LISTENER] for turn in episodes.turns])
    kind = approval(episodes) if condition.source == "approval" else worth.sum(-1)
    if condition.source == "none":
        kind = np.zeros_like(kind)
    if condition.shuffled:
        on = episodes.active.numpy()
        kind = kind.copy()
        kind[on] = rng.permutation(kind[on])
    return (1 - condition.kappa) * own + condition.kappa * kind


def train(
    model: TriModule, condition: Condition, source: Source | None, seed: int, size: Size, recorded: Recorded
) -> list[dict[str, float]]:
    """Listings 2 and 4 on the agent's own conversations, listing 1 in between."""
    loaded = load_scenario(TRAIN)
    simulation: Any = loaded.simulation(size.episodes)
    own_rule = Own(simulation.game, loaded.options, condition.after, size.discount)
    learner = Learner(model, size.slow)
    rng = np.random.default_rng([seed, 2])
    first = seeds.training_seed(seed) + 2**18
    log = []
    for update in range(size.updates):
        needed = source is not None and not isinstance(source, Oracle)
        imagine = needed or update % 10 == 0 or update == size.updates - 1
        episodes = play(
            model, simulation, LISTENER, loaded.modes(), first + update * size.episodes,
            mode=condition.mode, horizon=condition.horizon, imagine=imagine,
        )  # fmt: skip
        worth = kindness_of(source or own_rule, episodes)
        gained = mixed(condition, episodes, worth, rng)
        active = episodes.active
        ends = active.clone()
        ends[:-1] &= ~active[1:]
        values = torch.stack([turn.value for turn in episodes.turns] + [torch.zeros(size.episodes)])
        advantages, returns = generalized_advantages(
            torch.from_numpy(gained).float(), values, ends, size.discount, size.trace
        )
        some = advantages[active]
        advantages = (advantages - some.mean()) / (some.std() + 1e-4)
        of_turns = torch.stack([advantages, returns, torch.from_numpy(worth.sum(-1)).float()], -1)
        for _ in range(size.epochs):
            for piece in torch.from_numpy(rng.permutation(size.episodes)).chunk(size.pieces):
                _step(learner, episodes, of_turns, piece, condition, size)
        for _ in range(2):
            pretrain(learner, histories(recorded, rng, size.batch // 2))
        true = np.stack([turn.gained[:, 1:] for turn in episodes.turns]).sum(-1)
        on = active.numpy()
        entry = {
            "own": float(episodes.returns[:, LISTENER].mean()),
            "others": float(episodes.returns[:, 1:].sum(1).mean()),
            "true_r": float(true[on].mean()),
        }
        if imagine:
            judged = kindness_of(own_rule, episodes).sum(-1) if source is None else worth.sum(-1)
            entry |= {
                "judged_r": float(judged[on].mean()),
                "error_r": float(np.abs(judged - true)[on].mean()),
                "judged_good": _mean(judged[on & (true > 0)]),
                "judged_bad": _mean(judged[on & (true < 0)]),
            }
        if update % 10 == 0 or update == size.updates - 1:
            entry |= foresight(model, episodes)
        log.append(entry)
        told = ", ".join(f"{name} {value:+.2f}" for name, value in entry.items())
        print(f"  update {update}: {told}", flush=True)
    return log


def _mean(values: npt.NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else 0.0


def _step(
    learner: Learner, episodes: Episodes, of_turns: torch.Tensor, rows: torch.Tensor, condition: Condition,
    size: Size,
) -> None:  # fmt: skip
    """One step on some of the conversations: listing 4, or 2 where nobody's fate but one's own counts."""
    batch, before, legal, numbers = episodes.batch(of_turns, rows)
    reward = Reward(numbers["turns"][:, 0], before, numbers["turns"][:, 1], legal, entropy=size.entropy)
    if condition.kappa == 0 or condition.source in ("none", "approval"):
        finetune(learner, batch, reward)
    else:
        kindness(learner, replace(batch, rewards=numbers["grid"][..., 2]), reward)


def run(condition: str, seed: int, out: Path, size: Size) -> dict[str, Any]:
    """One run, and its file ``<condition>-<seed>.json``; one that is there is read."""
    path = out / f"{condition}-{seed}.json"
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    settings = CONDITIONS[condition]
    recorded = recordings(seed, size)
    model, about = pretrained(seed, size, out / f"pretrained-{seed}", recorded)
    begun, busy = time.perf_counter(), time.process_time()
    source: Source | None = None
    fitted: dict[str, float] = {}
    if settings.source == "learned":
        source, fitted = learned_source(model, seed, size)
    elif settings.source == "oracle":
        source = Oracle()
    elif settings.source == "own":
        loaded = load_scenario(TRAIN)
        game: Any = loaded.game
        source = Own(game, loaded.options, settings.after, size.discount)
    before = out / f"pretrained-{seed}" / "grafted.json"
    if not before.exists():
        write(before, json.dumps(exam(model, HELD_OUT, seed, size.exam)) + "\n")
    log = train(model, settings, source, seed, size, recorded)
    found = {
        "condition": condition,
        "seed": seed,
        "settings": asdict(settings),
        "size": asdict(size),
        "pretraining": about,
        "learned": fitted,
        "grafted": json.loads(before.read_text()),
        "held_out": exam(model, HELD_OUT, seed, size.exam),
        "train": exam(model, TRAIN, seed, size.exam),
        "log": log,
        "seconds": time.perf_counter() - begun,
        "busy": time.process_time() - busy,  # of the processor: what the wall clock shows on an idle one
        "versions": versions(),
    }
    write(path, json.dumps(found, indent=1) + "\n")
    return found


# --- All of them -------------------------------------------------------------------------------------------
def summary(out: Path) -> str:
    """A Markdown table of all that is there."""
    rng = np.random.default_rng(0)
    heads = ("condition", "seeds", "held out", "95 %", "train", "own", "true R^j", "R^i", "NLL", "ECE", "s")
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for name in CONDITIONS:
        runs = [json.loads(path.read_text()) for path in sorted(out.glob(f"{name}-[0-9]*.json"))]
        if not runs:
            continue
        share, low, high = interquartile([each["held_out"]["share"] for each in runs], rng)

        def mean(*keys: str, runs: list[Any] = runs) -> float:
            found = []
            for each in runs:
                value = each
                for key in keys:
                    value = value[-1] if key == "last" else value[key]
                found.append(value)
            return float(np.mean(found))

        cells = (
            f"`{name}`", str(len(runs)), f"{share:.2f}", f"{low:.2f} to {high:.2f}",
            f"{mean('train', 'share'):.2f}", f"{mean('held_out', 'own'):+.2f}",
            f"{mean('log', 'last', 'true_r'):+.3f}", f"{mean('log', 'last', 'judged_r'):+.3f}",
            f"{mean('held_out', 'nll'):.3f}", f"{mean('held_out', 'ece'):.3f}", f"{mean('seconds'):.0f}",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--out", type=Path, required=True, help="folder of the JSON files")
    parser.add_argument("--conditions", nargs="+", choices=list(CONDITIONS), default=list(CONDITIONS))
    parser.add_argument("--updates", type=int, default=Size.updates, help="of reward training")
    given = parser.parse_args(arguments)
    size = Size(updates=given.updates)
    torch.set_num_threads(1)
    for seed in range(given.first, given.first + given.seeds):
        for condition in given.conditions:
            found = run(condition, seed, given.out, size)
            share = found["held_out"]["share"]
            print(f"{condition:12s} seed {seed}: held out {share:+.2f}, {found['seconds']:.0f} s", flush=True)
    print(summary(given.out))


if __name__ == "__main__":
    main()
