"""Curricula: what the tri-module agent learns, as YAML files, and the trainings that come of them.

A curriculum says how big the model is and which phases it goes through: listing, scenario, steps, rates.
``docs/training.md`` has the page on writing one. Whatever is wrong in a file is one :class:`ScenarioError`
of one line that names file, line, key and what was given.
"""

from __future__ import annotations

import dataclasses
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..agents.registry import AGENTS
from ..agents.training import RunFolder, versions, write
from ..envs.simulation import MODES
from . import seeds
from .collect import collect
from .files import nearest
from .loader import (
    SUFFIXES,
    Reader,
    Scenario,
    ScenarioError,
    find_text,
    list_batteries,
    list_scenarios,
    load_battery,
    load_scenario,
)

if TYPE_CHECKING:
    from ..agents.tri_module.model import SeparateModules, TriConfig, TriModule
    from ..agents.tri_module.phases import Source
    from ..agents.tri_module.trainer import Part, Phase, Trainer

__all__ = [
    "LISTINGS",
    "Curriculum",
    "Exam",
    "Plan",
    "is_curriculum",
    "is_run",
    "list_curricula",
    "load_curriculum",
    "page",
    "prepare",
    "resume",
]

LISTINGS = ("pretrain", "simulate_and_imitate", "finetune", "kindness")
ACTING = ("finetune", "kindness")  # those of conversations in which the agent acts
GRID_LISTINGS = ("pretrain", "finetune")  # in gridworlds
_EXAMS = 2**20 - 1  # the block of evaluation seeds that exams while training have for themselves
BATCH = 32  # conversations in an update, or worlds, where a phase does not say
#: What phases in which the agent acts in conversations say besides: what was gained and judged, and how well
#: it is foretold.
_TOLD = (
    "own", "others", "true_r", "judged_r", "error_r", "judged_good", "judged_bad", "nll", "ece", "accuracy",
    "tokens",
)  # fmt: skip
AHEAD = 16  # updates whose conversations are played at once
_GIVEN = "given"  # of a run's config: its network was given, and is in its states alone
_KEYS = (
    "description",
    "after",
    "seed",
    "threads",
    "model",
    "learner",
    "phases",
    "best",
    "check_every",
    "save_every",
    "exam",
)
_PHASE_KEYS = (
    "name", "listing", "scenario", "agent", "data", "steps", "batch_size", "weight", "rate", "begin",
    "warmup", "noise", "perspective", "by_reward", "graft", "viewer", "predict", "acting", "length",
    "practice",
)  # fmt: skip


def _whole(count: int, size: int) -> int:
    """So many in whole pieces of a size."""
    return math.ceil(count / size) * size


@dataclass(frozen=True)
class Plan:
    """One phase of a curriculum.

    Attributes:
        name: of the phase, for the numbers that it reports.
        listing: one of ``LISTINGS``.
        steps: updates.
        scenario: whose conversations it learns from, played when they are needed; None: those in ``data``.
        agent: the reference agent that plays the scenario's focal individuals.
        noise: in conversations that are listened to: with which probability these do anything instead, at
            each step.
        data: a folder of ``mindsight collect``.
        batch_size: conversations in an update.
        weight, rate, begin, warmup: as for :class:`mindsight.agents.tri_module.trainer.Part`.
        perspective: mode of the perspective switch, where the listing has one.
        by_reward, graft, viewer, predict, acting: see the listing's phase.
        length: in gridworlds: steps of each life in an update, of which there are ``batch_size``.
        practice: of ``finetune``: settings of :class:`mindsight.agents.tri_module.grid_phases.Practice`.
    """

    name: str
    listing: str
    steps: int
    scenario: Scenario | None = None
    agent: str = "scripted"
    noise: float = 0.0
    data: str = ""
    batch_size: int = BATCH
    weight: float = 1.0
    rate: tuple[float, float] = (1e-3, 1e-3)
    begin: int = 0
    warmup: int = 0
    perspective: str = "labels"
    by_reward: bool = False
    graft: bool = False
    viewer: str = ""
    predict: str = "all"
    acting: Mapping[str, Any] = field(default_factory=dict)
    length: int = 64
    practice: Mapping[str, Any] = field(default_factory=dict)

    @property
    def grid(self) -> bool:
        """Whether it plays gridworlds."""
        return self.scenario is not None and self.scenario.game.family == "grid"

    def conversations(self) -> int:
        """How many it plays, or worlds: whole pieces of ``AHEAD`` updates where it listens."""
        if self.grid:
            return self.steps * self.batch_size
        from ..agents.tri_module.phases import LIVES, judged_at_once

        if self.listing in ACTING:
            return LIVES + self.steps * self.batch_size
        if self.scenario is None:
            return 0
        judging = self.listing == "simulate_and_imitate" and self.perspective == "inferred"
        drawn = _whole(self.steps, judged_at_once(self.batch_size)) if judging else self.steps
        return _whole(drawn, AHEAD) * self.batch_size

    def numbers(self, learner: Mapping[str, Any]) -> tuple[str, ...]:
        """What it says of its updates again and again, some of it not of each: a mean of it can mark the best
        model.

        Args:
            learner: of the curriculum.
        """
        credits = learner.get("variant") == "unrouted_credit"
        if self.listing == "pretrain":
            losses = ["prediction", *(["prediction by reward"] if self.by_reward else [])]
        elif self.listing == "simulate_and_imitate":
            losses = ["imitation", "simulation"]
        else:
            losses = ["reward", "own prediction"]
            if self.listing == "kindness":
                losses += ["prediction by reward", *(["credit"] if credits else [])]
        first = losses[:2]  # whose gradients are compared, where there are two
        if self.acting.get("experience"):
            losses.append("prediction")
        if learner.get("log_every") and len(first) > 1:
            losses += [*(f"norm/{name}" for name in first), "cosine"]
        if self.listing not in ACTING:
            return tuple(losses)
        return (*losses, *(("return",) if self.grid else _TOLD))


@dataclass(frozen=True)
class Exam:
    """An exam that ends a training when it is passed.

    Attributes:
        battery: whose conversations are asked about.
        score: share of its sets that has to be passed; the battery's own threshold where None.
        every: updates between two exams.
        begin: the update of the first one.
        episodes: of each scenario.
    """

    battery: str
    score: float | None = None
    every: int = 100
    begin: int = 0
    episodes: int = 20

    def __call__(self, model: Any, progress: Any) -> str | None:
        """Whether it is passed now: in words, or None."""
        if progress.steps < self.begin or (progress.steps - self.begin) % self.every:
            return None
        from ..agents.tri_module.agent import TriModuleAgent
        from .evaluation import evaluate

        card = evaluate(
            TriModuleAgent(model), self.battery, episodes=self.episodes, seed=_EXAMS, family="conversation",
            progress=False, recordings=0,
        ).card  # fmt: skip
        if card.sets is None:
            raise ValueError(f"battery is {self.battery!r}, which has no sets of questions to be passed")
        if card.sets.share < (card.threshold if self.score is None else self.score):
            return None
        return f"{self.battery}: {card.sets.share:.1%} of the sets are passed"


@dataclass(frozen=True)
class Curriculum:
    """What is learned, in which phases.

    Attributes:
        name: the file's name without its ending.
        description: what it is about.
        phases: at least one; with ``after`` those of that curriculum stand before its own.
        after: the curriculum whose listening comes first, as the file says; None where none does, and in a
            run that goes on.
        seed: of weights and draws, and which block of training seeds is played.
        threads: of torch.
        model: sizes, as :class:`TriConfig` has them.
        learner: ``optimizer``, ``clip``, ``variant``, ``average`` and ``log_every``, as :class:`Learner` has
            them.
        best: ``"phase/number"`` whose lowest running mean marks the best model; "": none is kept.
        check_every: after so many updates it is looked at.
        save_every: seconds between two checkpoints.
        exam: that ends the training when it is passed; None: all updates are made.
        source: the file it was read from.
    """

    name: str
    description: str
    phases: tuple[Plan, ...]
    seed: int = 0
    threads: int = 1
    model: Mapping[str, Any] = field(default_factory=dict)
    learner: Mapping[str, Any] = field(default_factory=dict)
    best: str = ""
    check_every: int = 50
    save_every: float = 30.0
    exam: Exam | None = None
    after: Curriculum | None = None
    source: str = ""

    @property
    def acts(self) -> int:
        """The update from which on the agent acts; that of the end where it never does."""
        begins = [plan.begin for plan in self.phases if plan.listing in ACTING]
        return min(begins, default=sum(plan.steps for plan in self.phases))

    def listening(self) -> tuple[Plan, ...]:
        """The phases before that."""
        return tuple(plan for plan in self.phases if plan.begin < self.acts)

    def training(
        self, *, model: Any = None, seed: int | None = None, out: str | os.PathLike[str] | None = None
    ) -> Trainer:
        """A training that has not begun; see :func:`prepare`."""
        return prepare(self, seed=seed, out=out, model=model)

    def config(self) -> dict[str, Any]:
        """All that was asked for, as JSON has it; scenarios by name."""
        found = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        del found["source"], found["after"]  # the phases say what came of it
        found["exam"] = None if self.exam is None else dataclasses.asdict(self.exam)
        phases = []
        for plan in self.phases:
            one = {each.name: getattr(plan, each.name) for each in dataclasses.fields(plan)}
            one["scenario"] = None if plan.scenario is None else plan.scenario.name
            phases.append({**one, "rate": list(plan.rate), "acting": dict(plan.acting)})
        renamed = {"curriculum": found.pop("name")}
        return {
            **renamed, **found, "model": dict(self.model), "learner": dict(self.learner), "phases": phases
        }  # fmt: skip


# --- Reading -----------------------------------------------------------------------------------------------
def list_curricula() -> list[str]:
    """Names of the built-in curricula."""
    folder = resources.files(__package__) / "curricula"
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(SUFFIXES))


def page(name: str) -> tuple[str, str]:
    """Description and text of a built-in curriculum; nothing of it is checked, so torch is not loaded."""
    text, source, _ = find_text(name, list_curricula(), "curriculum", "curricula")
    return Reader(text, source).text("description"), text


def is_curriculum(given: str | Path) -> bool:
    """Whether a name or file is a curriculum rather than a scenario: a file with the key ``phases`` is.

    Raises:
        ScenarioError: there is neither.
    """
    if str(given) in list_curricula():
        return True
    if str(given) in list_scenarios():
        return False
    known = [*list_scenarios(), *list_curricula()]
    text, source, _ = find_text(given, known, "scenario or curriculum", "")
    return "phases" in Reader(text, source).data


def _wait_passively() -> None:
    """Before torch is loaded: two spinning pools of threads on two cores wait for each other."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def load_curriculum(given: str | Path | Curriculum) -> Curriculum:
    """A curriculum by the name of a built-in one or by the path of a file.

    Raises:
        ScenarioError: there is none, or it is wrong.
    """
    return given if isinstance(given, Curriculum) else _load(given, ())


def _load(given: str | Path, above: tuple[Path, ...]) -> Curriculum:
    """The same; ``above`` are the files that it comes before."""
    text, source, name = find_text(given, list_curricula(), "curriculum", "curricula")
    _wait_passively()
    reader = Reader(text, source)
    reader.keys(_KEYS, ("description", "phases"))
    entries = reader.data["phases"]
    if not isinstance(entries, list) or not entries:
        reader.fail("phases", f"is {entries!r}, expected a list of phases")
    before = _after(reader, above)
    plans = [] if before is None else list(before.listening())
    first = sum(plan.steps for plan in plans)
    for k in range(len(entries)):
        below = reader.below("phases", k)
        plan = _plan(below)
        plan = dataclasses.replace(plan, begin=first + plan.begin)
        if plan.name in [each.name for each in plans]:
            below.fail("name", f"is {plan.name!r} twice: give each phase a name of its own")
        plans.append(plan)
    if len({plan.grid for plan in plans}) > 1:
        reader.fail("phases", "play gridworlds and conversations, expected one of them: a model reads one")
    conversations = sum(plan.conversations() for plan in plans)
    if conversations > seeds.BLOCK:
        reader.fail("phases", f"play {conversations:,} conversations, expected at most {seeds.BLOCK:,}")
    learner = _learner(reader.below("learner"))
    acting = [plan.name for plan in plans if plan.listing in ACTING and not plan.grid]
    if learner["variant"] == "separate" and acting:
        reader.below("learner").fail("variant", f"is 'separate', by which phase {acting[0]!r} cannot act")
    best = reader.text("best")
    with _naming_keys(reader):
        _check_best(best, plans, learner)
    most = seeds.EVALUATION // seeds.BLOCK - 1
    return Curriculum(
        name=name,
        description=reader.text("description"),
        phases=tuple(plans),
        seed=reader.number("seed", 0, lambda x: 0 <= x <= most, f"a whole number from 0 to {most}"),
        threads=reader.number("threads", 1, lambda x: 1 <= x <= 64, "a whole number from 1 to 64"),
        model=_model(reader.below("model"), plans) if before is None else before.model,
        learner=learner,
        best=best,
        check_every=reader.number("check_every", 50, lambda x: x >= 1, "a whole number of at least 1"),
        save_every=reader.number("save_every", 30.0, lambda x: 0 <= x < math.inf, "seconds, at least 0"),
        exam=_exam(reader, plans) if "exam" in reader.data else None,
        after=before,
        source=source,
    )


def _check_best(best: str, plans: Sequence[Plan], learner: Mapping[str, Any]) -> None:
    """``ValueError`` where it names a number that no phase has."""
    phase, _, number = best.partition("/")
    by_name = {plan.name: plan for plan in plans}
    if best and (phase not in by_name or not number):
        hint = nearest(phase, by_name)
        raise ValueError(f"best is {best!r}, expected PHASE/NUMBER with one of {', '.join(by_name)}{hint}")
    if best:
        known = [f"{phase}/{each}" for each in by_name[phase].numbers(learner)]
        if best not in known:
            raise ValueError(f"best is {best!r}, expected one of {', '.join(known)}{nearest(best, known)}")


def _after(reader: Reader, above: tuple[Path, ...]) -> Curriculum | None:
    """The curriculum whose listening comes first."""
    if "after" not in reader.data:
        return None
    given, here = reader.text("after"), Path(reader.source).resolve()
    if here in above:
        reader.fail("after", f"is {given!r}, which comes after this one itself")
    if "model" in reader.data:
        reader.fail("model", f"is given beside 'after': the model of {given!r} learns on")
    beside = _beside(reader, given)
    try:
        return _load(beside if beside.is_file() else given, (*above, here))
    except ScenarioError as error:
        reader.fail("after", str(error))


def _exam(reader: Reader, plans: Sequence[Plan]) -> Exam:
    if plans[0].grid:
        reader.fail("exam", "is given in a curriculum of gridworlds, expected one of conversations")
    below = reader.below("exam")
    below.keys(("battery", "score", "every", "begin", "episodes"), ("battery",))
    whole = "a whole number of at least 1"
    score = below.number("score", 0.85, lambda x: 0 < x <= 1, "a share above 0, at most 1")
    battery = below.choice("battery", "", list_batteries())
    played = [each for each in load_battery(battery).scenarios if each.game.family == "conversation"]
    if not any(each.probes for each in played):
        below.fail("battery", f"is {battery!r}, in which nothing is asked about conversations")
    return Exam(
        battery=battery,
        score=score if "score" in below.data else None,
        every=below.number("every", 100, lambda x: x >= 1, whole),
        begin=below.number("begin", 0, lambda x: x >= 0, "a whole number of at least 0"),
        episodes=below.number("episodes", 20, lambda x: x >= 1, whole),
    )


def _plan(reader: Reader) -> Plan:
    reader.keys(_PHASE_KEYS, ("listing", "steps"))
    listing = reader.choice("listing", "", list(dict.fromkeys([*LISTINGS, *GRID_LISTINGS])))
    name = reader.text("name") or listing
    if not re.fullmatch(r"[A-Za-z][\w-]*", name):
        reader.fail("name", f"is {name!r}, expected letters, digits, '_' and '-'")
    if ("scenario" in reader.data) == ("data" in reader.data):
        both = "data" in reader.data
        what = "both 'scenario' and" if both else "neither 'scenario' nor"
        reader.fail("data" if both else "listing", f"phase {name!r} has {what} 'data', expected one of them")
    scenario, data = None, ""
    if "scenario" in reader.data:
        scenario = _scenario(reader)
    else:
        data = str(_beside(reader, reader.text("data")).resolve())
        if not Path(data).is_dir():
            reader.fail("data", f"is {reader.data['data']!r}, expected a folder of `mindsight collect`")
    modes = [each for each in AGENTS if scenario is not None and each in scenario.game.modes]
    for key in ("agent", "noise"):
        if key in reader.data and scenario is None:
            reader.fail(key, "is given beside 'data', whose conversations are played already")
    agent = reader.choice("agent", "scripted", modes) if scenario is not None else "scripted"
    return Plan(
        name=name,
        listing=listing,
        steps=reader.number("steps", 0, lambda x: x >= 1, "a whole number of at least 1"),
        scenario=scenario,
        agent=agent,
        noise=reader.number("noise", 0.0, lambda x: 0 <= x <= 1, "a number from 0 to 1"),
        data=data,
        batch_size=reader.number(
            "batch_size", BATCH, lambda x: 1 <= x <= 4096, "a whole number from 1 to 4096"
        ),
        weight=reader.number("weight", 1.0, lambda x: 0 < x < math.inf, "a number above 0"),
        rate=_rate(reader),
        begin=reader.number("begin", 0, lambda x: x >= 0, "a whole number of at least 0"),
        warmup=reader.number("warmup", 0, lambda x: x >= 0, "a whole number of at least 0"),
        perspective=_perspective(reader, listing),
        by_reward=_flag(reader, "by_reward"),
        graft=_graft(reader, listing),
        viewer=_viewer(reader, scenario),
        predict=_predict(reader, listing),
        acting=_acting(reader, listing, scenario),
        length=reader.number("length", 64, lambda x: 2 <= x <= 1024, "a whole number from 2 to 1024"),
        practice=_practice(reader, listing, scenario),
    )


@contextmanager
def _naming_keys(reader: Reader) -> Iterator[None]:
    """Says where the setting stands that a ``ValueError`` is about, whose message begins with its name."""
    try:
        yield
    except ValueError as error:
        key = str(error).split()[0]
        reader.fail(key, str(error).removeprefix(key).strip())


def _practice(reader: Reader, listing: str, scenario: Scenario | None) -> dict[str, Any]:
    """Settings of ``finetune``; what else fits gridworlds alone, or does not fit them, is found here, too."""
    from ..agents.tri_module.grid_phases import Practice

    grid = scenario is not None and scenario.game.family == "grid"
    known, family = (GRID_LISTINGS, "gridworlds") if grid else (LISTINGS, "conversations")
    if listing not in known:
        reader.fail("listing", f"is {listing!r} on {family}, expected one of {', '.join(known)}")
    acts = listing in ACTING
    wrong = ["data", "noise", "perspective", "predict", "acting"] if grid else ["length", "practice"]
    wrong += (
        ["data", "agent", "noise", "by_reward", "viewer", "perspective"] if acts else ["practice", "acting"]
    )
    wrong += ["length"] if acts else []
    for key in wrong:
        if key in reader.data:
            reader.fail(key, f"is given for {listing!r} on {family}, which has no such setting")
    if not acts:
        return {}
    assert scenario is not None
    if (scenario.modes() == MODES.index("external")).sum() != 1:
        reader.fail("scenario", "is not played by one focal individual, who learns, among characters alone")
    if not grid:
        return {}
    below = reader.below("practice")
    below.keys([each.name for each in dataclasses.fields(Practice)], ())
    with _naming_keys(below):
        found = Practice(**below.data)
    worlds = reader.data.get("batch_size", BATCH)
    if type(worlds) is int and worlds < found.pieces:
        if "pieces" in below.data:
            below.fail("pieces", f"is {found.pieces}, expected at most batch_size, {worlds}")
        found = dataclasses.replace(found, pieces=worlds)
    return dataclasses.asdict(found)


def _acting(reader: Reader, listing: str, scenario: Scenario | None) -> dict[str, Any]:
    """How the agent acts in conversations and is rewarded; what is not given is written down, too."""
    from ..agents.tri_module.phases import Acting, Finetune, Kindness

    if listing not in ACTING or (scenario is not None and scenario.game.family == "grid"):
        return {}
    known = (Finetune if listing == "finetune" else Kindness).rewards
    defaults = dataclasses.asdict(Acting(reward=known[0]))
    below = reader.below("acting")
    below.keys(defaults, ())
    below.choice("reward", known[0], known)
    with _naming_keys(below):
        found = Acting(**{**defaults, **below.data})
    return dataclasses.asdict(found)


def _predict(reader: Reader, listing: str) -> str:
    from ..agents.tri_module.phases import PREDICTED

    if listing != "pretrain" and "predict" in reader.data:
        reader.fail("predict", f"is given for {listing!r}, expected it for 'pretrain' alone")
    return reader.choice("predict", "all", PREDICTED)


def _beside(reader: Reader, given: str) -> Path:
    """A path as given, or beside the curriculum's file."""
    beside = Path(reader.source).parent / given
    return beside if beside.exists() else Path(given)


def _scenario(reader: Reader) -> Scenario:
    given = reader.text("scenario")
    beside = _beside(reader, given)
    try:
        scenario = load_scenario(beside if beside.is_file() else given)
    except ScenarioError as error:
        reader.fail("scenario", str(error))
    return scenario


def _rate(reader: Reader) -> tuple[float, float]:
    """``rate: 0.001``, or ``rate: [0.002, 0.0005]`` from the first update to the last."""
    given = reader.data.get("rate", 1e-3)
    both = given if isinstance(given, list) else [given, given]
    good = len(both) == 2 and all(
        isinstance(each, (int, float)) and not isinstance(each, bool) and 0 < each < math.inf for each in both
    )
    if not good:
        reader.fail("rate", f"is {given!r}, expected a number above 0, or two: of the first and last update")
    return float(both[0]), float(both[1])


def _perspective(reader: Reader, listing: str) -> str:
    from ..agents.tri_module.perspective import MODES

    if listing == "pretrain" and "perspective" not in reader.data:
        return ""  # no names are switched
    return reader.choice("perspective", "labels", MODES)


def _viewer(reader: Reader, scenario: Scenario | None) -> str:
    if "viewer" not in reader.data or scenario is None:
        return reader.text("viewer")
    return reader.choice("viewer", "", scenario.individuals)


def _graft(reader: Reader, listing: str) -> bool:
    if listing == "pretrain" and "graft" in reader.data:
        reader.fail("graft", "is given for 'pretrain', which leaves the behaviour read-out alone")
    return _flag(reader, "graft")


def _flag(reader: Reader, key: str) -> bool:
    value = reader.data.get(key, False)
    if not isinstance(value, bool):
        reader.fail(key, f"is {value!r}, expected true or false")
    return value


def _network_of(plans: Sequence[Plan], given: Mapping[str, Any]) -> TriConfig:
    """The size of the model: words of the language, or percepts of the scenarios' windows."""
    from ..agents.tri_module.grid import GridConfig
    from ..agents.tri_module.model import TriConfig
    from ..agents.tri_module.perspective import VOCABULARY_SIZE

    if not plans[0].grid:
        return TriConfig(VOCABULARY_SIZE, **given)
    scenarios = [plan.scenario for plan in plans if plan.scenario is not None]
    windows = {int(scenario.window or scenario.game.window) for scenario in scenarios}
    if len(windows) > 1:
        raise ValueError(f"window is one of {', '.join(map(str, sorted(windows)))}, expected one for all")
    return GridConfig(window=windows.pop(), **given)


def _model(reader: Reader, plans: Sequence[Plan]) -> dict[str, Any]:
    """Sizes that make a model."""
    from ..agents.tri_module.model import TriConfig

    defaults = {each.name: each.default for each in dataclasses.fields(TriConfig)}
    del defaults["vocabulary"]
    reader.keys(defaults, ())
    heads = reader.data.get("heads", [2, 2, 2])
    if not isinstance(heads, list) or len(heads) != 3:
        reader.fail("heads", f"is {heads!r}, expected three numbers: of behaviour, prediction, perception")
    given = {**defaults, **reader.data, "heads": tuple(heads)}
    with _naming_keys(reader):
        _network_of(plans, given)
    return {**given, "heads": list(heads)}


def _learner(reader: Reader) -> dict[str, Any]:
    from ..agents.tri_module.routing import VARIANTS

    reader.keys(("optimizer", "clip", "variant", "average", "log_every"), ())
    return {
        "optimizer": reader.choice("optimizer", "adam", ("adam", "sgd")),
        "clip": reader.number("clip", 1.0, lambda x: 0 < x < math.inf, "a number above 0"),
        "variant": reader.choice("variant", "routed", list(VARIANTS)),
        "average": reader.number("average", 0.0, lambda x: 0 <= x < 1, "a decay of at least 0, below 1"),
        "log_every": reader.number("log_every", 0, lambda x: x >= 0, "a whole number of at least 0"),
    }


# --- Training ----------------------------------------------------------------------------------------------
def prepare(
    curriculum: str | Path | Curriculum,
    *,
    seed: int | None = None,
    out: str | os.PathLike[str] | None = None,
    model: TriModule | SeparateModules | None = None,
) -> Trainer:
    """A training that has not begun, with its run folder.

    Args:
        curriculum: its name, its file, or itself.
        seed: instead of the curriculum's.
        out: the run folder, a new one; ``runs/<curriculum>-<time>`` where None.
        model: the network that learns, of whatever sizes; a new one of the curriculum's where None.

    Raises:
        ScenarioError: there is no such curriculum, or it is wrong, such as too small a context.
        ValueError: the seed is out of range, or recorded conversations cannot be read.
        FileExistsError: ``out`` holds something.
    """
    found = load_curriculum(curriculum)
    if seed is not None:
        seeds.training_seed(seed)  # ValueError if it is out of range
        found = dataclasses.replace(found, seed=seed)
    if model is not None:
        found = dataclasses.replace(found, model=_sizes(model, found.phases))
    _check_best(found.best, found.phases, found.learner)
    config = {**found.config(), **({} if model is None else {_GIVEN: True})}
    make, parts = _trainer(found, config, model)  # before anything is written
    _check_context(found, parts)
    run = RunFolder.create(out, found.name)
    if found.source:
        write(run.path / "curriculum.yaml", Path(found.source).read_text(encoding="utf-8"))
    for plan in found.phases:
        if plan.scenario is not None:
            text = Path(plan.scenario.source).read_text(encoding="utf-8")
            write(run.path / "scenarios" / f"{plan.name}.yaml", text)
    run.write_json("versions.json", versions())
    trainer = make(run)
    if model is not None:
        trainer.save()  # no seed makes these weights again
    run.write_json("config.json", config)  # last: with it, this is a run that can go on
    return trainer


def _sizes(model: TriModule | SeparateModules, plans: Sequence[Plan]) -> dict[str, Any]:
    """A network's sizes, as a curriculum has them.

    Raises:
        ValueError: it is not made for what the phases play.
    """
    from ..agents.tri_module.model import TriConfig

    names = [each.name for each in dataclasses.fields(TriConfig) if each.name != "vocabulary"]
    given = {name: getattr(model.config, name) for name in names}
    needed, found = _network_of(plans, given), model.config
    if found.packing != needed.packing:
        played = "gridworlds" if plans[0].grid else "conversations"
        raise ValueError(
            f"packing of the network is {found.packing!r}, expected {needed.packing!r}: {played} are played"
        )
    for each in dataclasses.fields(needed):  # words of the language, or the side of a window
        if (value := getattr(found, each.name)) != (expected := getattr(needed, each.name)):
            raise ValueError(f"{each.name} of the network is {value}, expected {expected}: see the phases")
    return {**given, "heads": list(given["heads"])}


def is_run(path: str | os.PathLike[str]) -> bool:
    """Whether a folder is the run of a curriculum."""
    try:
        return "curriculum" in RunFolder.open(path).read_json("config.json")
    except (OSError, ValueError):
        return False


def resume(path: str | os.PathLike[str], warn: Callable[[str], None]) -> Trainer:
    """A training that goes on where its newest usable checkpoint is.

    Args:
        path: its run folder.
        warn: shows a line: a checkpoint that is passed over, or another version of a package.

    Raises:
        ValueError: config or checkpoints cannot be used; it says which and why.
        FileNotFoundError: there is no such run.
    """
    run = RunFolder.open(path)
    written = run.read_json("config.json")
    config = dict(written)
    again = not config.pop(_GIVEN, False)
    try:
        plans = []
        for one in config.pop("phases"):
            scenario = None
            if one["scenario"] is not None:
                kept = load_scenario(run.path / "scenarios" / f"{one['name']}.yaml")
                scenario = dataclasses.replace(kept, name=one["scenario"])
            plans.append(Plan(**{**one, "scenario": scenario, "rate": tuple(one["rate"])}))
            if one["data"] and not Path(one["data"]).is_dir():
                raise ValueError(
                    f"{run.path / 'config.json'}: data of phase {one['name']!r} is {one['data']!r}, where "
                    "there is no folder: write there where it is now"
                )
        exam = config.pop("exam", None)
        exam = None if exam is None else Exam(**exam)
        found = Curriculum(name=config.pop("curriculum"), phases=tuple(plans), exam=exam, **config)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{run.path / 'config.json'}: wrong or missing: {error}") from None
    before, now = run.read_json("versions.json"), versions()
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            warn(f"{name} was {before.get(name)} and is {now.get(name)}: the rest may come out differently")
    try:
        # As it was written: settings that came later have what was so before by default.
        trainer = _trainer(found, written, again=again)[0](run)
    except (AttributeError, KeyError, RuntimeError, TypeError) as error:
        raise ValueError(f"{run.path / 'config.json'}: {error}") from None
    trainer.restore(warn)
    return trainer


def _trainer(
    curriculum: Curriculum,
    config: Mapping[str, Any],
    model: TriModule | SeparateModules | None = None,
    again: bool = True,
) -> tuple[Callable[[RunFolder], Trainer], list[Part]]:
    """Everything of a training but its folder, and its parts. A checkpoint of one with another config is
    foreign to it; where recorded conversations lie may change, their bytes may not."""
    _wait_passively()
    import torch

    from ..agents.tri_module.model import SeparateModules, new_model
    from ..agents.tri_module.routing import Learner
    from ..agents.tri_module.trainer import Trainer

    torch.set_num_threads(curriculum.threads)
    sizes = _network_of(curriculum.phases, curriculum.model)
    if model is None:
        separate = curriculum.learner.get("variant") == "separate"
        model = SeparateModules(sizes, curriculum.seed) if separate else new_model(sizes, curriculum.seed)
    learner = Learner(model, seed=curriculum.seed, **curriculum.learner)
    parts, first = [], 0
    for plan in curriculum.phases:
        parts.append(_part(plan, curriculum.seed, first))
        first += plan.conversations()
    config = {**config, "phases": [{**each, "data": ""} for each in config["phases"]]}
    exam: dict[str, Any] = {} if curriculum.exam is None else {"exam": curriculum.exam}

    def make(run: RunFolder) -> Trainer:
        return Trainer(
            learner, parts, run, curriculum.seed, config, watch=curriculum.best,
            check_every=curriculum.check_every, save_every=curriculum.save_every, again=again, **exam,
        )  # fmt: skip

    return make, parts


def _check_context(curriculum: Curriculum, parts: Sequence[Part]) -> None:
    """Whether the model has as many positions as histories will need: it would be found in an update else,
    perhaps after hours, in a run that can never go on.

    Raises:
        ScenarioError: the file that gives the model's sizes gives too few.
        ValueError: the same of a network, or of sizes that are of no file.
    """
    context = int(curriculum.model["context"])
    first = 0
    for plan, part in zip(curriculum.phases, parts, strict=True):
        longest = _longest(plan, part, curriculum.seed, first)
        first += plan.conversations()
        if longest <= context:
            continue
        problem = f"is {context}, expected at least {longest}: so long are histories of phase {plan.name!r}"
        given = curriculum
        while given.after is not None:
            given = given.after
        if given.source and given.model == curriculum.model:
            reader = Reader(Path(given.source).read_text(encoding="utf-8"), given.source)
            reader.below("model").fail("context", problem)
        raise ValueError(f"context of the model {problem}")


def _longest(plan: Plan, part: Part, seed: int, first: int) -> int:
    """How many positions the longest history of a phase has: in gridworlds it is known. Of conversations some
    are looked at: all that are recorded, the first of those that are played, and, where the agent acts, of
    somebody who does anything, as it does itself at first; there what is imagined comes after them."""
    if plan.grid:
        assert plan.scenario is not None
        length = int(plan.practice.get("length", plan.length))
        options = plan.scenario.game.options.make(dict(plan.scenario.options))
        return min(length, int(getattr(options, "limit", length)))
    after = 0
    if plan.listing in ACTING:
        from ..agents.tri_module.phases import LIVES
        from ..agents.tri_module.rollouts import imagined

        after = imagined(plan.acting["horizon"])
        assert plan.scenario is not None
        played = collect(plan.scenario, LIVES, seed=seed, skip=first, noise=1.0)
        viewers = list(plan.scenario.focal)
    else:
        phase: Any = part.phase
        # What is played for this is what the first updates learn from.
        played, _ = phase.source.draw(0, plan.batch_size, np.random.default_rng(seed))
        names = list(played.about["individuals"])
        viewers = [names.index(plan.viewer)] if plan.viewer else list(range(len(names)))
    return max(int(played.perceived_by(viewer).lengths.max()) for viewer in viewers) + after


def _part(plan: Plan, seed: int, first: int) -> Part:
    """A phase with its data: episodes from ``first`` of the seed's block on are its own."""
    from ..agents.tri_module.trainer import Part

    if plan.grid:
        phase = _grid_phase(plan, seeds.training_seed(seed) + first)
    elif plan.listing in ACTING:
        phase = _acting_phase(plan, seeds.training_seed(seed) + first)
    else:
        phase = _listening_phase(plan, seed, first)
    return Part(phase, plan.steps, plan.weight, plan.rate, plan.begin, plan.warmup)


def _listening_phase(plan: Plan, seed: int, first: int) -> Phase:
    """A phase that learns from conversations of others: recorded ones, or episodes from ``first`` on."""
    from ..agents.tri_module.data import Recorded
    from ..agents.tri_module.phases import FromFiles, OnTheFly, Pretrain, SimulateAndImitate

    scenario = plan.scenario
    source: Source
    if scenario is None:
        recorded = Recorded.load(plan.data)
        known = list(recorded.about["individuals"])
        if plan.viewer and plan.viewer not in known:
            raise ValueError(
                f"viewer of phase {plan.name!r} is {plan.viewer!r}, expected one of {', '.join(known)}"
            )
        source = FromFiles(recorded)
    else:

        def play(skip: int, count: int) -> Recorded:
            assert scenario is not None
            return collect(scenario, count, agent=plan.agent, seed=seed, skip=first + skip, noise=plan.noise)

        source = OnTheFly(play, AHEAD)
    if plan.listing == "pretrain":
        return Pretrain(
            plan.name, source, plan.batch_size, plan.by_reward, plan.viewer, plan.perspective, plan.predict
        )
    return SimulateAndImitate(
        plan.name, source, plan.batch_size, plan.perspective, plan.by_reward, plan.graft, plan.viewer
    )


def _acting_phase(plan: Plan, first: int) -> Phase:
    """A phase that acts in conversations; these take the seeds from ``first`` on."""
    from ..agents.tri_module.phases import Acting, Finetune, Kindness, Stage

    scenario = plan.scenario
    assert scenario is not None
    game: Any = scenario.game
    stage = Stage(
        scenario.simulation, scenario.modes, game, scenario.options, scenario.focal[0], first, scenario.name
    )
    acts = Finetune if plan.listing == "finetune" else Kindness
    return acts(plan.name, stage, plan.batch_size, Acting(**plan.acting), plan.graft)


def _grid_phase(plan: Plan, first: int) -> Phase:
    """A phase in gridworlds; its worlds take the seeds from ``first`` on."""
    from ..agents.tri_module.grid_phases import GridFinetune, GridPretrain, Practice

    scenario = plan.scenario
    assert scenario is not None
    worlds = scenario.simulation(plan.batch_size, autoreset="same_step")
    if plan.listing == "finetune":
        practice = Practice(**plan.practice)
        return GridFinetune(
            plan.name, worlds, first, scenario.modes(), scenario.focal[0], practice, plan.graft
        )
    viewer = scenario.individuals.index(plan.viewer) if plan.viewer else None
    modes = scenario.modes(plan.agent)
    return GridPretrain(plan.name, worlds, first, modes, plan.length, plan.by_reward, viewer)
