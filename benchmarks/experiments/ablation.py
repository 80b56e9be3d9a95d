"""Does prediction use the behaviour heads (section 4.2.2)? Heads are switched off, and what prediction loses
is measured.

    python -m mindsight.benchmarks.experiments.ablation --runs runs/false_belief --out runs/ablation
    python -m mindsight.benchmarks.experiments.ablation --game solace --runs runs/kindness \
        --out runs/ablation_kindness

The paper expects that what the behaviour module has learned by acting serves prediction, too: the prediction
module may read what the behaviour heads compute. So of trained agents the behaviour heads of all layers are
switched off, or the prediction heads, the perception heads, or as many heads drawn at random: what they write
into the stream is replaced by its mean over the data (``mean``), or by nothing (``zero``, which also takes
away what all positions have in common). Then the prediction output is scored on conversations with words and
a number of people that training never has, in nats a token:

* ``own``: one's own actions, in one's own history;
* ``others``: what the others do, in one's own history;
* ``world``: what the world shows, there;
* ``simulated``: what another one does, at s^j, the history with the perspective switched (mode ``given``);
* ``simulated world``: what the world shows, there: in ``solace`` faces, by which R^i judges;

and the behaviour output on ``own`` as ``behaviour``. In ``sally_anne_chat`` nobody is ever rewarded, and the
conversations are those of characters, the same for all agents; in ``solace`` an agent has them itself: what
it predicts of its own actions is about what it does. Agents that were trained unrouted, where all heads are
alike, say what switching off a third of the heads costs anyhow; of agents of two networks (``separate``,
``separate_double``) the heads of the predicting one are switched off: its behaviour heads never behaved.

One JSON file a finished run; what is there already is not done again.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...agents.training import RunFolder, write
from ...agents.tri_module.model import MODULES, SeparateModules, TriModule, head_slices, load_model
from ...agents.tri_module.perspective import ME, WORLD, responses, words_of
from ...agents.tri_module.rollouts import play
from ...scenarios import seeds
from ...scenarios.collect import collect
from ...scenarios.loader import load_scenario
from .false_belief import VARIANTS
from .kindness import CONDITIONS, GAMES, LISTENER, UNREWARDED, agent_of
from .settings import made_by, measured_at
from .statistics import interquartile

__all__ = [
    "MEASURES",
    "PLAYED",
    "Head",
    "Histories",
    "finished",
    "heads",
    "main",
    "measure",
    "run",
    "summary",
    "switched_off",
]

#: A layer, a module, and the number of the head in it.
Head = tuple[int, str, int]
_MINE, _OTHERS, _WORLDS = 1, 2, 3
#: Which histories each is about, and whose words there; ``behaviour`` is about those of ``own``.
_PREDICTED = {
    "own": ("life", _MINE),
    "others": ("life", _OTHERS),
    "world": ("life", _WORLDS),
    "simulated": ("simulated", _MINE),
    "simulated world": ("simulated", _WORLDS),
}
MEASURES = (*_PREDICTED, "behaviour")
_SCENARIO = "sally_anne_chat_honest"
_HELD_OUT = {"people": 4, "population": "held_out"}
_SEED = 2**20 - 2  # block of seeds: training never has it


def heads(model: TriModule, modules: Sequence[str] = MODULES) -> list[Head]:
    """The heads of some modules in all layers."""
    slices = head_slices(model.config)
    return [
        (layer, name, k)
        for layer in range(model.config.layers)
        for name in modules
        for k in range(len(slices[name]))
    ]


@dataclass(frozen=True)
class Histories:
    """Histories, and whose words their tokens are.

    Attributes:
        tokens, senders: (B, T) int64, see ``perspective.Packed``.
        whose: (B, T) uint8: 1 ME's words, 2 others', 3 the world's; 0 who sends a message, and no message.
    """

    tokens: Tensor
    senders: Tensor
    whose: Tensor

    @classmethod
    def of(cls, tokens: Tensor, senders: Tensor, message: Tensor) -> Histories:
        """From what ``Packed`` has: ``message`` (B, T) int64."""
        kinds = torch.where(senders == ME, _MINE, torch.where(senders == WORLD, _WORLDS, _OTHERS))
        return cls(tokens, senders, (words_of(message) * kinds).to(torch.uint8))


#: ``"life"``, as one of the people lived it, and ``"simulated"``, as S gives it to another one.
Data = Mapping[str, Sequence[Histories]]


@cache
def conversations(count: int) -> Data:
    """Held-out conversations of characters in ``sally_anne_chat``, the same for all agents.

    Args:
        count: how many.
    """
    scenario = load_scenario(_SCENARIO).with_options(**_HELD_OUT)
    data = collect(scenario, count, seed=_SEED)
    rng = np.random.default_rng(_SEED)
    people = data.names.shape[1]
    me = rng.integers(1, people, count)  # 0 is the audience, which does nothing
    other = 1 + (me - 1 + rng.integers(1, people - 1, count)) % (people - 1)
    seen = data.seen_by(me)
    names = data.names[np.arange(count), other]
    shared = (seen.heard >> other[:, None] & 1).astype(np.bool_)
    found = {}
    for name, messages in (("life", seen.messages), ("simulated", seen.messages.switch(names, shared))):
        packed = messages.pack()
        found[name] = (Histories.of(packed.tokens, packed.senders, packed.message),)
    return found


def own_conversations(model: TriModule, count: int) -> Data:
    """Conversations that an agent has itself, as the listener of ``solace``, with held-out people.

    Args:
        model: acts, by its behaviour output.
        count: how many.
    """
    _, held_out = GAMES["solace"]
    loaded = load_scenario(held_out)
    simulation: Any = loaded.simulation(count)
    played = play(
        model, simulation, LISTENER, loaded.modes(), seeds.evaluation_seed(_SEED), imagine=False
    )  # fmt: skip
    simulated = []
    for each in played.switched:
        found = Histories.of(*each)
        # a^j, and what j is shown; what it was told of itself cannot be known
        simulated.append(replace(found, whose=found.whose * responses(*each)))
    return {
        "life": (Histories.of(played.tokens, played.senders, played.message),),
        "simulated": tuple(simulated),
    }


@dataclass(frozen=True)
class Played:
    """A game whose agents are looked at.

    Attributes:
        variants: what its runs' folders are called, before the seed.
        count: how many conversations.
        data: the conversations, by the network that acts and how many.
    """

    variants: tuple[str, ...]
    count: int
    data: Callable[[TriModule, int], Data]


PLAYED = {
    "sally_anne_chat": Played(VARIANTS, 256, lambda _, count: conversations(count)),
    "solace": Played((UNREWARDED, *CONDITIONS), 64, own_conversations),
}


def means(model: TriModule, histories: Histories) -> dict[Head, Tensor]:
    """What each head writes into the stream on average over real positions: (width,) each."""
    sums: dict[Head, Tensor] = {}
    real = histories.senders != 0
    slices = head_slices(model.config)
    hooks = []
    for number, layer in enumerate(model.layers):
        for name in MODULES:

            def note(module: Any, given: Any, _: Any, number: int = number, name: str = name) -> None:
                whole = module.out.data
                for k, columns in enumerate(slices[name]):
                    module.out.data = torch.zeros_like(whole)
                    module.out.data[:, columns] = whole[:, columns]
                    sums[number, name, k] = module.forward(*given)[real].mean(0)
                module.out.data = whole

            hooks.append(layer.get_submodule(name).register_forward_hook(note))
    try:
        with torch.no_grad():
            model(histories.tokens, histories.senders)
    finally:
        for hook in hooks:
            hook.remove()
    return sums


@contextmanager
def switched_off(model: TriModule, off: Sequence[Head], instead: Mapping[Head, Tensor]) -> Iterator[None]:
    """Within this, heads write what is given ``instead`` at all positions, or nothing where nothing is."""
    each = model.config.each
    kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    constants: dict[tuple[int, str], Tensor] = {}
    for layer, name, k in off:
        module: Any = model.get_submodule(f"layers.{layer}.{name}")
        module.out.data[:, k * each : (k + 1) * each] = 0
        if (layer, name, k) in instead:
            before = constants.get((layer, name), torch.zeros(model.config.width))
            constants[layer, name] = before + instead[layer, name, k]
    hooks = []
    for (layer, name), constant in constants.items():

        def add(module: Any, given: Any, written: Tensor, constant: Tensor = constant) -> Tensor:
            return written + constant

        hooks.append(model.get_submodule(f"layers.{layer}.{name}").register_forward_hook(add))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        model.load_state_dict(kept)


@torch.no_grad()
def measure(predicting: TriModule, acting: TriModule, data: Data) -> dict[str, float]:
    """Nats a token of every one of ``MEASURES``; nan where nothing was said that it is about.

    Args:
        predicting: whose prediction output is scored.
        acting: whose behaviour output is; often the same.
        data: the conversations.
    """

    def losses(logits: Tensor, some: Histories) -> Tensor:
        found = torch.zeros(some.tokens.shape)
        found[:, 1:] = F.cross_entropy(logits[:, :-1].transpose(1, 2), some.tokens[:, 1:], reduction="none")
        return found

    (life,) = data["life"]
    out = predicting(life.tokens, life.senders)
    predicted = {"life": [losses(out.prediction, life)]}
    predicted["simulated"] = [
        losses(predicting(some.tokens, some.senders).prediction, some) for some in data["simulated"]
    ]
    found = {}
    for name, (which, whose) in _PREDICTED.items():
        of_each = zip(predicted[which], data[which], strict=True)
        found[name] = float(torch.cat([lost[some.whose == whose] for lost, some in of_each]).mean())
    if acting is not predicting:
        out = acting(life.tokens, life.senders)
    found["behaviour"] = float(losses(out.behaviour, life)[life.whose == _MINE].mean())
    return found


def run(
    model: TriModule | SeparateModules, seed: int, count: int, draws: int, game: str = "sally_anne_chat"
) -> dict[str, Any]:
    """What switching off each kind of heads costs one agent.

    Args:
        model: its network or networks.
        seed: of the random heads.
        count: conversations.
        draws: of random heads.
        game: one of ``PLAYED``.

    Returns:
        ``"whole"``, nats a token with all heads; ``"mean"`` and ``"zero"``: by what was switched off, nats
        more than that; of ``"random"`` the mean over the draws.
    """
    acting: TriModule = model.behaviour if isinstance(model, SeparateModules) else model
    predicting: TriModule = model.prediction if isinstance(model, SeparateModules) else model
    data = PLAYED[game].data(acting, count)
    instead = means(predicting, data["life"][0])
    whole = measure(predicting, acting, data)
    rng = np.random.default_rng((_SEED, seed))
    every = heads(predicting)
    size = len(heads(predicting, ("behaviour",)))
    chosen = {name: [heads(predicting, (name,))] for name in MODULES}
    chosen["random"] = [[every[k] for k in rng.permutation(len(every))[:size]] for _ in range(draws)]
    found: dict[str, Any] = {"whole": whole}
    for how, constants in (("mean", instead), ("zero", {})):
        found[how] = {}
        for name, sets in chosen.items():
            costs = []
            for off in sets:
                with switched_off(predicting, off, constants):
                    costs.append(measure(predicting, acting, data))
            found[how][name] = {
                key: float(np.mean([cost[key] for cost in costs])) - whole[key] for key in MEASURES
            }
    return found


def summary(out: Path) -> str:
    """All results there are, as Markdown tables: interquartile means over seeds with bootstrap intervals."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in sorted(out.glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        groups[found["variant"]].append(found)
    order = [name for played in PLAYED.values() for name in played.variants]
    if not groups:
        return "no results yet"

    def cell(values: Sequence[float], sign: str) -> str:
        middle, low, high = interquartile(values)
        text = f"{middle:{sign}.3f}"
        return text if len(values) == 1 else f"{text} ({low:{sign}.3f} to {high:{sign}.3f})"

    lines = []
    for how in ("mean", "zero"):
        lines += [
            f"Heads that are off write {'their mean' if how == 'mean' else 'nothing'}:",
            "",
            "| trained | seeds | off | " + " | ".join(MEASURES) + " |",
            "|---" * (3 + len(MEASURES)) + "|",
        ]
        for variant in sorted(groups, key=order.index):
            rows = groups[variant]
            cells = [cell([row["whole"][name] for row in rows], "") for name in MEASURES]
            lines.append(f"| {variant} | {len(rows)} | none | " + " | ".join(cells) + " |")
            for off in rows[0][how]:
                cells = [cell([row[how][off][name] for row in rows], "+") for name in MEASURES]
                lines.append(f"| | | {off} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines).rstrip()


def finished(folder: RunFolder) -> bool:
    """Whether all phases of a run have made all their updates."""
    state = json.loads((folder.checkpoints / "state.json").read_text(encoding="utf-8"))
    steps = [phase["steps"] for phase in folder.read_json("config.json")["phases"]]
    return [part["done"] for part in state["parts"]] == steps


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    parser.add_argument("--runs", type=Path, default=Path("runs/false_belief"), help="VARIANT-SEED folders")
    parser.add_argument("--game", choices=list(PLAYED), default="sally_anne_chat")
    parser.add_argument("--variants", nargs="+", metavar="VARIANT", help="not all there are")
    parser.add_argument("--count", type=int, help="of conversations; by game where not given")
    parser.add_argument("--draws", type=int, default=8, help="of random heads")
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    played = PLAYED[given.game]
    asked = {"game": given.game, "conversations": given.count or played.count, "draws": given.draws}
    for path in sorted(given.out.glob("*.json")):
        there = json.loads(path.read_text(encoding="utf-8"))
        if wrong := [name for name, value in asked.items() if there.get(name) != value]:
            told = ", ".join(f"{name} {there.get(name)!r}, expected {asked[name]!r}" for name in wrong)
            parser.error(f"--out {path} has {told}: give another --out")
    for variant in given.variants or played.variants:
        if variant not in played.variants:
            parser.error(f"--variants has {variant!r}, expected some of {', '.join(played.variants)}")
        for folder in sorted(given.runs.glob(f"{variant}-*/checkpoints/last")):
            name = folder.parents[1].name
            seed = name.removeprefix(f"{variant}-")
            path = given.out / f"{name}.json"
            if path.exists() or not seed.isdecimal() or not finished(RunFolder.open(folder.parents[1])):
                continue
            unrewarded = variant == UNREWARDED  # listing 1 alone leaves its behaviour read-out untrained
            model = agent_of(given.runs, variant, int(seed)) if unrewarded else load_model(folder)
            found = run(model, int(seed), asked["conversations"], given.draws, given.game)
            about = {"variant": variant, "seed": int(seed), **asked}
            write(path, json.dumps({**about, **found, **made_by()}, indent=1) + "\n")
            print(f"{name}: done", flush=True)
    table = f"{summary(given.out)}\n\n{measured_at(given.out)}"
    write(given.out / "table.md", table + "\n")
    print(table)


if __name__ == "__main__":
    main()
