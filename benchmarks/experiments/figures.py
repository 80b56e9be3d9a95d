"""The figures of README and docs that are about the tri-module agent, drawn from the program itself.

    python -m mindsight.benchmarks.experiments.figures                     # docs/routing.png
    python -m mindsight.benchmarks.experiments.figures --run RUN           # and docs/learning_curves.png
    python -m mindsight.benchmarks.experiments.figures --card CARD.JSON    # and docs/card.png
    python -m mindsight.benchmarks.experiments.figures --kindness OUT      # and docs/kindness.png, kappa.png
    python -m mindsight.benchmarks.experiments.figures --half-kind OUT     # and docs/kindness_half_kind.png

Of kindness: what the others gain while an agent is rewarded, and what they and it come to by kappa, the
weight of what it predicts that they feel; of the runs in a folder of the experiment.

``routing.png``: which head belongs to which module, and which loss of which listing moves it. The table is
not written down here: every listing makes its step on a small network, and what is drawn is what it moved.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...agents.training import RunFolder, draw_losses, save_figure
from ...agents.tri_module.algorithms import (
    Batch,
    Reward,
    finetune,
    kindness,
    pretrain,
    simulate_and_imitate,
)
from ...agents.tri_module.model import GROUPS, MODULES, TriConfig, TriModule
from ...agents.tri_module.routing import Learner, Term
from ...scenarios.reports import CARD_FORMAT, CARD_VERSION
from .kindness import by_seed, runs_of
from .statistics import interquartile

__all__ = ["draw_card", "draw_kappa", "draw_kindness", "draw_routing", "main", "routing_table"]

_COLOURS = {"behaviour": "#c9583b", "prediction": "#2f6f9f", "perception": "#5d9148", "shared": "#8a8a8a"}
_LOSSES = {
    ("listing 1", "prediction"): "others' actions are predicted",
    ("listing 1", "prediction by reward"): "the same, weighted by reward",
    ("listing 2", "reward"): "own actions are rewarded",
    ("listing 2", "own prediction"): "own actions are predicted",
    ("listing 3", "imitation"): "others' actions are imitated",
    ("listing 3", "simulation"): "others' actions are simulated",
    ("listing 4", "reward"): "the other's predicted gain is rewarded",
    ("listing 4", "own prediction"): "own actions are predicted",
    ("listing 4", "prediction by reward"): "the same, weighted by the other's gain",
}
_NAMES = {
    "listing 1": "1  pre-training",
    "listing 2": "2  fine-tuning",
    "listing 3": "3  simulation and imitation",
    "listing 4": "4  empathetic kindness",
}


class _Watched(Learner):
    """A learner that remembers the terms of its last step."""

    def step(self, terms: Sequence[Term | None]) -> dict[str, float]:
        self.terms = [term for term in terms if term is not None]
        return super().step(terms)


def routing_table() -> dict[tuple[str, str], dict[str, str]]:
    """What moves what: of each listing and loss the groups, ``"rate"`` or, at a rate that rewards set,
    ``"reward"``; found by making each listing's step."""
    rng = torch.Generator().manual_seed(0)
    tokens = torch.randint(1, 20, (2, 12), generator=rng)
    actions = torch.ones((2, 12), dtype=torch.bool)
    actions[:, 0] = False
    batch = Batch(tokens, tokens, actions, torch.rand((2, 12), generator=rng))
    reward = Reward(torch.randn(22, generator=rng))
    config = TriConfig(20, context=12, width=12, layers=1, heads=(1, 1, 1), hidden=12)
    steps: dict[str, Any] = {
        "listing 1": lambda learner: pretrain(learner, batch),
        "listing 2": lambda learner: finetune(learner, batch, reward),
        "listing 3": lambda learner: simulate_and_imitate(learner, batch),
        "listing 4": lambda learner: kindness(learner, batch, reward),
    }
    found: dict[tuple[str, str], dict[str, str]] = {}
    for listing, step in steps.items():
        learner = _Watched(TriModule(config))
        step(learner)
        for term in learner.terms:
            how = "reward" if term.reweighs else "rate"
            found[listing, term.name] = {group: how for group in GROUPS if group in term.moves}
    return found


def _figure(width: float, height: float) -> Any:
    """An empty one, in inches, that needs no screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _open(axes: Any, zero: float = 0.0, target: float | None = None) -> None:
    """No frame above and at the right; behind what is drawn, a line at ``zero`` and a dashed one at what is
    asked for."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.axhline(zero, color="#b4b4b4", linewidth=0.9, zorder=0)
    if target is not None:
        axes.axhline(target, color="#b4b4b4", linewidth=0.9, linestyle="--", zorder=0)


def draw_routing(path: Path, config: TriConfig) -> Path:
    """Draw a network's heads by module, and what moves them, as a PNG file.

    Args:
        path: of the file.
        config: the network's size.
    """
    figure = _figure(11.5, 4.9)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.75))
    _draw_network(left, config)
    _draw_table(right, routing_table())
    return save_figure(figure, path)


def _box(axes: Any, x: float, y: float, width: float, height: float, group: str, text: str = "") -> None:
    from matplotlib.patches import FancyBboxPatch

    axes.add_patch(FancyBboxPatch(
        (x, y), width, height, boxstyle="round,pad=0,rounding_size=0.08", linewidth=0,
        facecolor=_COLOURS[group],
    ))  # fmt: skip
    axes.text(x + width / 2, y + height / 2, text, ha="center", va="center", color="white", fontsize=8)


def _draw_network(axes: Any, config: TriConfig) -> None:
    """From the words at the bottom to the read-outs at the top."""
    total = sum(config.heads)
    wide = total * 1.0 - 0.1
    _box(axes, 0, 0, wide, 0.7, "shared", "words, who sent them, what is near")
    y = 1.0
    for number in range(config.layers):
        x = 0.0
        for name, count in zip(MODULES, config.heads, strict=True):
            for _ in range(count):
                _box(axes, x, y, 0.9, 0.7, name, "head")
                x += 1.0
        _box(axes, 0, y + 0.85, wide, 0.45, "shared", "MLP")
        axes.text(-0.25, y + 0.65, f"layer {number + 1}", rotation=90, ha="center", va="center", fontsize=8)
        y += 1.6
    third = wide / 3
    for k, (group, text) in enumerate(
        (("behaviour", "says"), ("behaviour", "value"), ("prediction", "predicts"))
    ):
        _box(axes, k * third, y, third - 0.1, 0.7, group, text)
    axes.text(-0.25, y + 0.35, "read-outs", rotation=90, ha="center", va="center", fontsize=8)
    axes.set_xlim(-0.6, wide + 0.1)
    axes.set_ylim(-0.9, y + 0.9)
    for k, (name, colour) in enumerate(_COLOURS.items()):
        x = k * wide / 4
        axes.plot([x + 0.1], [-0.5], "s", color=colour, markersize=8, clip_on=False)
        axes.text(x + 0.3, -0.5, name, va="center", fontsize=8)
    axes.set_title("Which part belongs to whom", fontsize=10, loc="left")
    axes.axis("off")


def _mark(axes: Any, x: float, y: float, colour: str, how: str | None) -> None:
    """A full dot for the base rate, an empty one for a rate that rewards set, a dash for nothing."""
    if how is None:
        axes.plot([x], [y], "_", color="#b4b4b4", markersize=9)
        return
    fill = colour if how == "rate" else "white"
    axes.plot([x], [y], "o", color=fill, markeredgecolor=colour, markeredgewidth=1.8, markersize=10)


def _draw_table(axes: Any, table: dict[tuple[str, str], dict[str, str]]) -> None:
    """A line a loss, a column a group."""
    columns = {name: 6.2 + 1.25 * k for k, name in enumerate(GROUPS)}
    for name, x in columns.items():
        axes.text(x, 0.9, name, ha="center", va="center", fontsize=9, color=_COLOURS[name], weight="bold")
    y, before = 0.0, ""
    for (listing, loss), moves in table.items():
        if listing != before:
            y -= 0.35 if before else 0.0
            axes.text(0, y, _NAMES[listing], va="center", fontsize=9, weight="bold")
            y -= 0.75
            before = listing
        axes.text(0.25, y, _LOSSES[listing, loss], va="center", fontsize=9)
        for name, x in columns.items():
            _mark(axes, x, y, _COLOURS[name], moves.get(name))
        y -= 0.75
    y -= 0.45
    _mark(axes, 0.35, y, "#555555", "rate")
    axes.text(0.6, y, "moves it", va="center", fontsize=8)
    _mark(axes, 2.2, y, "#555555", "reward")
    axes.text(2.45, y, "moves it as far as there was reward", va="center", fontsize=8)
    _mark(axes, 6.6, y, "#555555", None)
    axes.text(6.85, y, "leaves it as it is, to the bit", va="center", fontsize=8)
    axes.set_xlim(-0.1, 10.6)
    axes.set_ylim(y - 0.4, 1.3)
    axes.set_title("Which loss moves it", fontsize=10, loc="left")
    axes.axis("off")


#: What the picture of kindness shows, in its order, where a folder has it.
_REWARDED = {
    "own": ("what it predicts the others feel", "#2f6f9f"),
    "learned": ("the same, by a learned reward", "#8a5aa8"),
    "oracle": ("what the others truly gain", "#5d9148"),
    "shuffled": ("the predictions of other messages", "#c9583b"),
    "selfish": ("its own gain alone", "#8a8a8a"),
}
_TARGET = 0.9


def draw_kindness(path: Path, out: Path) -> Path:
    """Draw what rewards make of an agent, as a PNG file: how far between a selfish and a prosocial listener
    it brings the others, on the training population at each update, and held out before and after.

    Args:
        path: of the file.
        out: a folder of ``experiments.kindness``.

    Raises:
        FileNotFoundError: there is no run in it.
    """
    there = runs_of(out)
    runs = {name: there[name] for name in _REWARDED if name in there}
    if not runs:
        raise FileNotFoundError(f"{out} has no runs of {', '.join(_REWARDED)}")
    seeds = max(len(found) for found in runs.values())
    figure = _figure(11.5, 4.2)
    left, right = figure.subplots(1, 2, width_ratios=(1.35, 1), sharey=True)
    for name, found in runs.items():
        text, colour = _REWARDED[name]
        curves = [_share_by_update(out / f"{name}-{run['seed']}", run) for run in found]
        for curve in curves:
            left.plot(range(1, len(curve) + 1), curve, color=colour, alpha=0.22, linewidth=0.8)
        rows = zip(*curves, strict=False)  # as far as all go
        middles = [interquartile(row)[0] for row in rows]
        many = f"{len(found)} seed{'' if len(found) == 1 else 's'}"
        label = text if len(found) == seeds else f"{text} ({many})"
        left.plot(range(1, len(middles) + 1), middles, color=colour, linewidth=2.2, label=label)
    _draw_shares(right, runs)
    for axes in (left, right):
        _open(axes, target=_TARGET)
    left.set_xlabel("updates in which it is rewarded for ...")
    left.set_ylabel("others' gain: 0 selfish, 1 prosocial")
    left.legend(loc="center right", bbox_to_anchor=(1, 0.55), fontsize=8, framealpha=0.9, edgecolor="none")
    left.set_title(f"While it is trained, {seeds} seeds (thick: interquartile mean)", fontsize=10, loc="left")
    right.set_title("Among people whom it never met", fontsize=10, loc="left")
    return save_figure(figure, path)


def _share_by_update(folder: Path, run: dict[str, Any]) -> list[float]:
    """What the others gain at each update, between what a selfish and a prosocial listener bring them."""
    first = next(iter(run["references"].values()))  # of the training population
    low, high = (first[mode]["others"] for mode in ("selfish", "prosocial"))
    lines = RunFolder(folder).read_metrics()
    return [(line["act/others"] - low) / (high - low) for line in lines if "act/others" in line]


def _draw_shares(axes: Any, runs: dict[str, list[dict[str, Any]]]) -> None:
    """A dot a seed, and the interquartile mean with its interval: before, and after each reward."""
    columns = {"before": [run["grafted"]["share"] for run in by_seed(runs)]}
    columns |= {name: [run["held_out"]["share"] for run in found] for name, found in runs.items()}
    for x, (name, shares) in enumerate(columns.items()):
        colour = _REWARDED[name][1] if name in _REWARDED else "#333333"
        spread = (np.arange(len(shares)) - (len(shares) - 1) / 2) * 0.045
        axes.plot(x + spread, shares, "o", color=colour, alpha=0.35, markersize=5, markeredgewidth=0)
        middle, low, high = interquartile(shares)
        axes.errorbar(
            [x], [middle], [[middle - low], [high - middle]], fmt="_", color=colour, markersize=22,
            markeredgewidth=2.2, elinewidth=1.4, capsize=3,
        )  # fmt: skip
    axes.set_xticks(range(len(columns)), list(columns), fontsize=9)
    axes.set_xlim(-0.5, len(columns) - 0.5)


def draw_kappa(path: Path, out: Path) -> Path:
    """Draw what becomes of the others and of the agent by kappa, the weight of what it predicts that they
    feel, as a PNG file: a dot a seed, the interquartile mean and its interval. At 0 it is ``selfish``.

    Args:
        path: of the file.
        out: a folder of ``experiments.kindness``.

    Raises:
        FileNotFoundError: there are runs of fewer than three weights in it.
    """
    found: dict[float, list[dict[str, Any]]] = {}
    for name, runs in runs_of(out).items():
        if name in ("selfish", "own") or name.startswith("kappa_"):
            found[float(runs[0]["acting"]["kappa"])] = runs
    if len(found) < 3:
        raise FileNotFoundError(f"{out} has runs of {len(found)} kappas, expected at least 3 for the curve")
    figure = _figure(9.5, 3.6)
    left, right = figure.subplots(1, 2)
    for axes, key, parts in ((left, "share", ("held_out", "train")), (right, "own", ("held_out",))):
        for part, colour, text in zip(
            parts, ("#2f6f9f", "#8a8a8a"), ("people whom it never met", "people as in training"), strict=False
        ):
            points = []
            for kappa, runs in sorted(found.items()):
                values = [run[part][key] for run in runs]
                axes.plot([kappa] * len(values), values, "o", color=colour, alpha=0.3, markersize=4)
                points.append((kappa, *interquartile(values)))
            x, middle, low, high = (np.array(column) for column in zip(*points, strict=True))
            bars = np.stack([middle - low, high - middle]).clip(min=0.0)
            axes.errorbar(x, middle, bars, color=colour, linewidth=1.8, capsize=3, label=text)
        axes.set_xticks(sorted(found))
        axes.set_xlabel("kappa: the weight of what it predicts that the others feel")
        _open(axes, target=_TARGET if axes is left else None)
    left.set_title("Others' gain: 0 selfish, 1 prosocial", fontsize=10, loc="left")
    left.legend(loc="best", fontsize=8, framealpha=0.9, edgecolor="none")
    right.set_title("Its own return, among people whom it never met", fontsize=10, loc="left")
    return save_figure(figure, path)


def draw_card(path: Path, card: Path) -> Path:
    """Draw what a card says of the answers, as a PNG file: the share that is right, its 95 % interval, and
    chance, of sets and of questions.

    Args:
        path: of the file.
        card: ``card.json`` of ``mindsight evaluate``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is something else, a card of another version, or one without questions.
    """
    if not card.is_file():
        raise FileNotFoundError(f"there is no {card}, expected the card.json of `mindsight evaluate`")
    try:
        found = json.loads(card.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{card} is no JSON: {error}") from error
    if not isinstance(found, dict) or found.get("format") != CARD_FORMAT or found.get("sets") is None:
        raise ValueError(f"{card} is no {CARD_FORMAT} with sets of questions, expected one")
    if (version := found.get("version")) != CARD_VERSION:
        raise ValueError(f"{card} is a card of version {version}, expected {CARD_VERSION}")
    sets = [("all of a set", found["sets"])] + [(f"– {one['name']}", one) for one in found["groups"]]
    asked = [(f"{one['name']}, {one['role']}", one) for one in found["lines"]]
    names = [name.replace("_", " ") for name, _ in sets + asked]
    figure = _figure(8.5, 1.4 + 0.27 * len(names))
    axes = figure.subplots()
    for y, (_, one) in enumerate(sets + asked):
        low, high = one["interval"]
        colour = "#2f6f9f" if y < len(sets) else "#7fa6c4" if one["role"] == "test" else "#b9c6d2"
        axes.barh(y, one["share"], 0.66, color=colour)
        axes.plot([low, high], [y, y], color="#1d2433", linewidth=1.2)
        axes.plot([one["chance"]] * 2, [y - 0.42, y + 0.42], color="#d9822b", linewidth=2)
        axes.text(1.02, y, f"{one['share']:.1%} of {one['count']}", va="center", fontsize=8.5)
    _open(axes, zero=len(sets) - 0.5)
    axes.plot([found["threshold"]] * 2, [-0.5, 0.5], color="#1a7f4b", linewidth=2)
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.set_xticks((0, 0.25, 0.5, 0.75, 1), ("0", "25 %", "50 %", "75 %", "100 %"))
    verdict = "passed" if found["passed"] else "not passed"
    axes.set_title(f"{found['agent']} on {found['name']}: {verdict}", fontsize=11, loc="left")
    axes.set_xlabel("right; line: 95 % interval; orange: chance; green: what passes", fontsize=9)
    return save_figure(figure, path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    parser.add_argument("--run", type=Path, help="a run of a curriculum, for the learning curves")
    parser.add_argument("--card", type=Path, help="card.json of an evaluation")
    parser.add_argument("--kindness", type=Path, metavar="OUT", help="a folder of experiments.kindness")
    parser.add_argument("--half-kind", type=Path, metavar="OUT", help="the same, of solace_half_kind")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    given = parser.parse_args(arguments)
    # two layers of two heads each: the size of the curricula
    print(draw_routing(given.out / "routing.png", TriConfig(20, context=16)))
    try:
        if given.run is not None:
            run = RunFolder.open(given.run)
            name = run.read_json("config.json")["curriculum"]
            print(draw_losses(given.out / "learning_curves.png", run.read_metrics(), f"Training by {name}"))
        if given.card is not None:
            print(draw_card(given.out / "card.png", given.card))
        for name, runs in (("kindness", given.kindness), ("kindness_half_kind", given.half_kind)):
            if runs is not None:
                print(draw_kindness(given.out / f"{name}.png", runs))
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    if given.kindness is not None:
        try:
            print(draw_kappa(given.out / "kappa.png", given.kindness))
        except FileNotFoundError as error:  # its conditions are not among the first that are run
            print(f"not drawn: {error}")


if __name__ == "__main__":
    main()
