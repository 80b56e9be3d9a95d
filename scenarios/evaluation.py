"""Playing scenarios and scoring who plays them.

All episodes of a scenario are played side by side in batches. At each step the agent is given what
its individual perceives; where the world calls for an exam its questions are put; then everybody
acts. An agent under test is given copies of its own observations and the public part of the
questions, and
nothing else: no simulation, no tracker, no answers.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import math
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..agents.base import Agent, within, writes
from ..agents.registry import AgentError, load_agent
from ..envs.probes import Probe
from ..envs.random import below, draw
from ..envs.simulation import MODES, Game, Simulation
from . import seeds
from .episodes import Episode, digest
from .files import write_bytes, write_text
from .loader import STANDARDS, Battery, Scenario, episodes_of, load
from .reports import Card, make_card

__all__ = ["Evaluation", "bar", "evaluate", "keeping", "new_folder", "observe", "probe_row"]

_CHUNK = 1024  # worlds that are played side by side
_FLOOR = 1e-6  # of a probability, for the log score: a certain error costs 13.8 nats
_PROGRESS_EVERY = 8  # steps
_CARD = "card.json"  # where it stands, an evaluation is complete


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        card: the scores.
        episodes: one row an episode.
        probes: one row a question.
        recordings: the first episodes of each scenario, to be replayed.
    """

    card: Card
    episodes: list[dict[str, Any]]
    probes: list[dict[str, Any]]
    recordings: list[Episode]

    def write(self, out: str | os.PathLike[str]) -> Path:
        """Write everything into a folder.

        ``card.json``, ``card.html``, ``episodes.jsonl``, ``probes.jsonl``, the last two also as
        ``.parquet`` where pyarrow is installed, and ``recordings/<scenario>-<seed>.json``. The same
        evaluation writes the same bytes.
        """
        out = Path(out)
        for name, rows in (("episodes", self.episodes), ("probes", self.probes)):
            _write_rows(out, name, rows)
            _write_parquet(out / f"{name}.parquet", rows)
        for episode in self.recordings:
            episode.save(out / "recordings" / f"{episode.scenario}-{episode.seed}.json")
        write_text(out / "card.html", self.card.html())
        write_text(out / _CARD, self.card.json())  # the last: where it stands, all is there
        return out


def _write_rows(out: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    write_text(out / f"{name}.jsonl", "".join(lines))


def new_folder(out: str | os.PathLike[str]) -> Path:
    """Make the folder of an evaluation, before anything is played: what was played would be lost where
    nothing can be written. Finished rows of an evaluation that was stopped may stand there, a card may not.

    Raises:
        FileExistsError: it has the card of an earlier evaluation, or is a file.
        OSError: it cannot be made, or nothing can be written into it.
    """
    folder = Path(out)
    if (folder / _CARD).exists():
        raise FileExistsError(
            f"{folder} holds the results of an earlier evaluation already: give another folder"
        )
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file, expected a folder for the results")
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, "nothing can be written into this folder", str(folder))
    return folder


@contextmanager
def keeping(
    out: str | os.PathLike[str] | None, episodes: list[dict[str, Any]], probes: list[dict[str, Any]]
) -> Iterator[None]:
    """Whatever stops what is done within, an error or Ctrl-C: the rows that are finished are written, and
    the error says where (in a note). There is no card of them, not even an earlier one.

    Args:
        out: the folder; nothing is written where None, or where no row is finished.
        episodes, probes: the rows, which grow.
    """
    try:
        yield
    except BaseException as error:
        if out is None or not (episodes or probes):
            raise
        folder = Path(out)
        for name in (_CARD, "card.html", "episodes.parquet", "probes.parquet"):
            (folder / name).unlink(missing_ok=True)
        _write_rows(folder, "episodes", episodes)
        _write_rows(folder, "probes", probes)
        error.add_note(
            f"finished rows are in {folder}: {len(episodes)} episodes, {len(probes)} answers, no card"
        )
        raise


def evaluate(
    agent: str | Path | Agent,
    battery: str | Path | Scenario | Battery,
    episodes: int | None = None,
    seed: int | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: bool = True,
    num_threads: int = 1,
    *,
    references: Sequence[str | Agent] | None = None,
    recordings: int = 1,
    family: str | None = None,
    show: Callable[[Evaluation], None] | None = None,
) -> Evaluation:
    """Score an agent on a scenario or a battery.

    Args:
        agent: an agent, or what :func:`mindsight.load_agent` takes: ``"exact"``, a saved model's
            path.
        battery: a battery or scenario, its name, or its file.
        episodes: of each scenario; what the scenario says where None.
        seed: the block of evaluation seeds; what the scenario says where None.
        out: a folder for rows, card and recordings, see :meth:`Evaluation.write`; it is made before
            anything is played, and may hold no card yet. Where the agent fails, or Ctrl-C ends it, its
            finished rows are written, without a card.
        progress: show a progress bar.
        num_threads: of the simulation; results do not depend on it.
        references: agents that play the same episodes; the card shows their scores beside. What the
            battery says where None.
        recordings: how many episodes of each scenario are recorded.
        family: ``"grid"`` or ``"conversation"``: that part of the battery alone, for an agent that can
            play no other.
        show: called with what was found before it is written.

    Raises:
        ScenarioError, AgentError: one of these is not what it should be.
        FileExistsError, OSError: ``out`` cannot be made, or holds a card, see :func:`new_folder`.
        ValueError: the agent acts or answers in another form than agents do; it says how.
    """
    agent = load_agent(agent)
    battery = load(battery)
    if references is None:
        references = battery.beside if isinstance(battery, Battery) else ()
    beside = [load_agent(reference) for reference in references if reference != agent.name]
    for player in (agent, *beside):
        if not writes(player, "act"):  # to be asked about stories an agent needs none
            raise AgentError(
                f"{player.name} ({type(player).__name__}) has no method 'act': expected act(observation, "
                "state), which returns actions and state"
            )
    if family is not None:
        battery = battery.of_family(family)
    scenarios = (battery,) if isinstance(battery, Scenario) else battery.scenarios
    _check_views((*beside, agent), scenarios)
    episodes = episodes_of(battery, episodes)
    changes: dict[str, Any] = {}
    if episodes is not None:
        changes["episodes"] = episodes
    if seed is not None:
        seeds.evaluation_seed(seed)  # ValueError if it is out of range
        changes["seed"] = seed
    scenarios = tuple(dataclasses.replace(scenario, **changes) for scenario in scenarios)
    kind = tuple(scenario for scenario in scenarios if scenario.kindness_threshold)
    standards = {name: load_agent(name) for name in STANDARDS} if kind else {}
    if out is not None:
        new_folder(out)
    cards: list[Card] = []
    total = sum(scenario.episodes for scenario in scenarios) * (1 + len(beside))
    total += sum(scenario.episodes for scenario in kind) * len(standards)
    with bar(progress, total) as (tell, advance):

        def play_all(player: Agent, some: Sequence[Scenario], record: int) -> _Rows:
            found = _Rows([], [], [])
            player.remarks()  # of what it did before
            with keeping(out if player is agent else None, found.episodes, found.probes):
                for scenario in some:
                    tell(f"{player.name}: {scenario.name}")
                    for start in range(0, scenario.episodes, _CHUNK):
                        size = min(_CHUNK, scenario.episodes - start)
                        keep = max(0, min(record - start, size))
                        play = _Play(scenario, player, start, size, keep, num_threads)
                        try:
                            play.run(advance)
                        finally:
                            found.episodes.extend(play.episodes)
                            found.probes.extend(play.probes)
                        found.recordings.extend(play.recordings)
            return found

        measures = {name: play_all(player, kind, 0).episodes for name, player in standards.items()}
        for player in (*beside, agent):
            played = play_all(player, scenarios, recordings if player is agent else 0)
            cards.append(make_card(battery, scenarios, player, played.episodes, played.probes, measures))
    card = dataclasses.replace(cards[-1], references=tuple(cards[:-1]))
    result = Evaluation(card, played.episodes, played.probes, played.recordings)
    if show is not None:
        show(result)
    if out is not None:
        result.write(out)
    return result


def observe(simulation: Simulation, individual: int, agent: Agent) -> dict[str, Any]:
    """What an agent is given of a batch: copies of what its individual perceives, nothing else.

    Args:
        simulation: the batch, B worlds.
        individual: its index.
        agent: its ``observation`` says which view; if it is ``privileged`` there is ``"oracle"``,
            too.
    """
    # Copies, not views: a view's base would be the array of everybody's observations.
    found: dict[str, Any] = {"action_mask": simulation.masks[:, individual].copy()}
    if agent.observation in simulation.game.views:
        found |= simulation.view(agent.observation, individual)
        if agent.observation == "tokens":
            conversations: Any = simulation
            found["menu"] = conversations.menu_tokens(individual)
    else:
        raise ValueError(_no_view(agent, simulation.game))
    if agent.privileged:
        found["oracle"] = (simulation, individual)
    return found


def _no_view(agent: Agent, game: Game) -> str:
    return (
        f"{agent.name} wants the observation {agent.observation!r}, but {game.name} has "
        f"{', '.join(game.views)}"
    )


def _check_views(players: Sequence[Agent], scenarios: Sequence[Scenario]) -> None:
    """Whether all can be played, before the first is; ``ValueError`` says what part could be."""
    outside = [player for player in players if player.mode == "external"]
    for player in outside:
        for scenario in scenarios:
            if player.observation not in scenario.game.views:
                problem = _no_view(player, scenario.game)
                if any(player.observation in each.game.views for each in scenarios):
                    problem += (
                        "; family='grid' or 'conversation' (--family) plays that part of a battery alone"
                    )
                raise ValueError(problem)


@dataclass(frozen=True)
class _Rows:
    """What one agent's episodes came to."""

    episodes: list[dict[str, Any]]
    probes: list[dict[str, Any]]
    recordings: list[Episode]


class _Play:
    """Some episodes of a scenario, side by side."""

    def __init__(
        self, scenario: Scenario, agent: Agent, start: int, size: int, keep: int, num_threads: int
    ) -> None:
        self.scenario, self.agent, self.size, self.keep = scenario, agent, size, keep
        self.first = scenario.first_seed + start
        self.start = start
        self.simulation = scenario.simulation(size, num_threads=num_threads)
        agents = scenario.background()
        agents.update(dict.fromkeys(scenario.focal, agent))
        self.agents = [agents[k] for k in range(len(agents))]
        for each in self.agents:
            if each.mode not in scenario.game.modes:
                raise ValueError(
                    f"{scenario.name}: {each.name} cannot play {scenario.environment}, whose characters "
                    f"act as {', '.join(scenario.game.modes[1:])}"
                )
        # the game's own characters think together, in one call
        self.modes = np.array([MODES.index(each.mode) for each in self.agents], np.int64)
        self.outside = [k for k, mode in enumerate(self.modes) if mode == 0]
        self.states: list[Any] = []
        for each in self.agents:
            with within(each, "initial_state"):
                self.states.append(each.initial_state(size))
        self.episodes: list[dict[str, Any]] = []
        self.probes: list[dict[str, Any]] = []
        self.recordings: list[Episode] = []
        self.returns = np.zeros((size, self.simulation.count))

    def run(self, advance: Callable[[int], None]) -> None:
        """Play; where something stops it, there are rows of what was finished till then."""
        try:
            self._play(advance)
        finally:
            self.recordings.sort(key=lambda episode: episode.seed)
            # in the order of episodes, whatever the order in which they were asked
            self.probes.sort(key=lambda row: row["episode"])
            self._rows()

    def _play(self, advance: Callable[[int], None]) -> None:
        simulation, size = self.simulation, self.size
        simulation.reset(self.first)
        actions = np.zeros((size, simulation.count), np.int64)
        moves: list[npt.NDArray[np.int64]] = []
        alive = np.ones(size, np.bool_)  # whose world is still being played
        fresh = alive  # whose world has just come to a new state
        ask = bool(self.scenario.probes) and self.agent.can_answer
        told = steps = 0
        while True:
            asking = np.flatnonzero(fresh & (simulation.worlds["ask"] == 1)) if ask else ()
            if alive.any() or len(asking):
                actions[...] = 0
                self._act(actions)
            if len(asking):
                self._ask(asking)
            if not alive.any():
                break
            if self.modes.any():
                simulation.script(self.modes, actions)
            if self.keep:
                moves.append(actions[: self.keep].copy())
            simulation.step(actions)
            self.returns += simulation.rewards
            fresh = alive
            alive = alive & ~simulation.ends.any(1)
            steps += 1
            if steps % _PROGRESS_EVERY == 0:
                done = size - int(alive.sum())
                advance(done - told)
                told = done
            self._record(np.flatnonzero((fresh & ~alive)[: self.keep]), moves)
        advance(size - told)

    def _act(self, actions: npt.NDArray[np.int64]) -> None:
        """Ask the agents from outside the game what they do."""
        for k in self.outside:
            agent = self.agents[k]
            observation = observe(self.simulation, k, agent)
            with within(agent, "act"):
                found: Any = agent.act(observation, self.states[k])
            if not isinstance(found, tuple) or len(found) != 2:
                what = f"a tuple of {len(found)}" if isinstance(found, tuple) else f"a {type(found).__name__}"
                raise ValueError(
                    f"{agent.name}.act returned {what}, expected a tuple of two: actions of shape "
                    f"({self.size},), and the state"
                )
            chosen, self.states[k] = np.asarray(found[0]), found[1]
            if chosen.shape != (self.size,) or chosen.dtype.kind not in "iu":
                raise ValueError(
                    f"{agent.name}.act returned {chosen.dtype} of shape {chosen.shape}, expected "
                    f"whole numbers of shape ({self.size},)"
                )
            number = len(self.simulation.actions)
            if ((chosen < 0) | (chosen >= number)).any():
                wrong = chosen[(chosen < 0) | (chosen >= number)][0]
                raise ValueError(f"{agent.name}.act returned the action {wrong}, expected 0 to {number - 1}")
            actions[:, k] = chosen

    def _ask(self, worlds: npt.NDArray[np.int64] | Sequence[int]) -> None:
        """Put the questions of these worlds to the focal individuals they are for."""
        names = self.simulation.individuals
        items: dict[int, list[tuple[int, int, Probe]]] = {k: [] for k in self.scenario.focal}
        for world in worlds:
            for number, probe in enumerate(self.simulation.probes(int(world))):
                k = names.index(probe.asked)
                if k in items and probe.kind in self.scenario.probes:
                    items[k].append((int(world), number, probe))
        for k, asked in items.items():
            if not asked:
                continue
            given: list[Any] = [
                dataclasses.replace(probe, row=int(world))
                if self.agent.privileged
                else {**probe.public(), "row": world}
                for world, _, probe in asked
            ]
            count = 0
            for count, answer in enumerate(self._answers(given, self.states[k]), 1):
                if count <= len(asked):
                    self.probes.append(self._probe_row(*asked[count - 1], answer))
            if count != len(asked):
                raise ValueError(
                    f"{self.agent.name}.answer returned {count} answers to {len(asked)} questions"
                )

    def _answers(self, given: Sequence[Any], state: Any) -> Iterator[Any]:
        """The agent's, one after the other."""
        with within(self.agent, "answer"):
            answers: Any = self.agent.answer(given, state)
        if not isinstance(answers, Iterable):
            kind = type(answers).__name__
            raise ValueError(f"{self.agent.name}.answer returned a {kind}, expected a list of answers")
        with within(self.agent, "answer"):
            yield from answers

    def _probe_row(self, world: int, number: int, probe: Probe, answer: Any) -> dict[str, Any]:
        return probe_row(
            probe,
            answer,
            agent=self.agent.name,
            scenario=self.scenario.name,
            environment=self.scenario.environment,
            family=self.scenario.family or self.scenario.environment,
            episode=self.start + world,
            seed=self.first + world,
            number=number,
        )

    def _record(self, ended: npt.NDArray[np.int64], moves: list[npt.NDArray[np.int64]]) -> None:
        for world in ended:
            # now, before characters draw again from the streams of worlds that are over
            self.recordings.append(
                Episode(
                    environment=self.scenario.environment,
                    options=dataclasses.asdict(self.simulation.options),
                    seed=self.first + int(world),
                    modes=tuple(each.mode for each in self.agents),
                    actions=tuple(tuple(int(a) for a in step[world]) for step in moves),
                    digest=digest(self.simulation, int(world)),
                    window=self.scenario.window,
                    order=self.scenario.order,
                    scenario=self.scenario.name,
                    agents=tuple(each.name for each in self.agents),
                )
            )

    def _rows(self) -> None:
        """Of the episodes that are over."""
        simulation, returns = self.simulation, self.returns
        focal = list(self.scenario.focal)
        columns = (
            simulation.worlds["step"].tolist(),
            simulation.ends.tolist(),
            returns.tolist(),
            returns[:, focal].mean(1).tolist(),
            simulation.worlds["perf"].tolist(),
        )
        for world, (steps, ends, each, mean, perf) in enumerate(zip(*columns, strict=True)):
            if not any(ends):
                continue
            self.episodes.append(
                {
                    "scenario": self.scenario.name,
                    "environment": self.scenario.environment,
                    "agent": self.agent.name,
                    "episode": self.start + world,
                    "seed": self.first + world,
                    "steps": steps,
                    "terminated": bool(ends[0]),
                    "truncated": bool(ends[1]),
                    "return": round(mean, 6),
                    "perf": round(perf, 6),
                    "returns": [round(value, 6) for value in each],
                }
            )
        self._add_truth()

    def _add_truth(self) -> None:
        """How everybody truly fared, and what was counted, where a world keeps these."""
        worlds = self.simulation.worlds
        tallies = self.scenario.game.tallies
        over = [row["episode"] - self.start for row in self.episodes]
        if "welfare" in (worlds.dtype.names or ()):
            welfare = worlds["welfare"][over, : self.simulation.count].astype(np.float64).round(6)
            for row, each in zip(self.episodes, welfare.tolist(), strict=True):
                row["welfare"] = each
        if tallies:
            counted = worlds["memory"][over][:, list(tallies.values())].tolist()
            for row, numbers in zip(self.episodes, counted, strict=True):
                row["tallies"] = dict(zip(tallies, numbers, strict=True))


def probe_row(
    probe: Probe,
    answer: Any,
    *,
    agent: str,
    scenario: str,
    environment: str,
    family: str,
    episode: int,
    seed: int,
    number: int,
) -> dict[str, Any]:
    """A question and its answer as a row.

    Args:
        probe: the question.
        answer: the probabilities of its options.
        agent, scenario, environment, family: names.
        episode, seed, number: which episode, of which seed, and which question of its exam.

    Raises:
        ValueError: these are no probabilities of the options.
    """
    # plain Python: thousands of lists of two or three numbers are no work for numpy
    weights = [float(weight) for weight in answer] if np.ndim(answer) == 1 else []
    total = math.fsum(weights)
    if (
        len(weights) != len(probe.options)
        or not min(weights) >= 0
        or not math.isclose(total, 1.0, abs_tol=1e-3)
    ):
        raise ValueError(
            f"{agent}.answer returned {answer!r} to {probe.question!r}, expected "
            f"probabilities of {', '.join(probe.options)}"
        )
    weights = [weight / total for weight in weights]
    # Equal bests are chosen among by a draw of the episode's own, or the order of options would
    # decide.
    most = max(weights)
    best = [k for k, weight in enumerate(weights) if weight >= most - 1e-9]
    # the salt keeps twins of one seed in two scenarios from the same luck
    salt = zlib.crc32(scenario.encode()) << 24
    chosen = best[0]
    if len(best) > 1:
        key = np.uint64((seed ^ salt) % 2**64)
        counter = np.uint64(2**48 + probe.step * 4096 + number)
        chosen = best[below(np.uint64(draw(key, counter)), len(best))]
    right = probe.options.index(probe.answer)
    odds = [float(probe.odds[option]) for option in probe.options] if probe.odds else []
    # where chance decides, what an answer scores on average
    scored = zip(odds, weights, strict=True) if odds else [(1.0, weights[right])]
    log_score = math.fsum(share * math.log(max(weight, _FLOOR)) for share, weight in scored)
    return {
        "scenario": scenario,
        "environment": environment,
        "family": family,
        "agent": agent,
        "episode": episode,
        "seed": seed,
        "step": probe.step,
        "asked": probe.asked,
        "kind": probe.kind,
        "chain": list(probe.chain),
        "about": probe.about,
        "condition": probe.condition,
        "role": probe.role,
        "group": probe.group,
        "required_order": probe.required_order,
        "question": probe.question,
        "options": list(probe.options),
        "answer": probe.answer,
        "own": probe.own,
        "probabilities": [round(weight, 6) for weight in weights],
        "chosen": probe.options[chosen],
        "correct": chosen == right,
        "happens": probe.happens,
        # of what is done then; None where nothing is staged
        "surprise": _surprise(probe, weights),
        "log_score": round(log_score, 6),
        "odds": [round(share, 6) for share in odds],
        "entropy": round(probe.entropy, 6),
        # one JSON text, since questions have different shortcuts and a table has one shape
        "shortcuts": json.dumps(dict(probe.shortcuts), sort_keys=True),
    }


def _surprise(probe: Probe, weights: Sequence[float]) -> float | None:
    """How improbable the answer made what happens then, in nats."""
    if not probe.happens:
        return None
    return round(0.0 - math.log(max(weights[probe.options.index(probe.happens)], _FLOOR)), 6)


def _write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows as a Parquet file, where pyarrow is installed and there are rows."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return
    if rows:
        sink = pyarrow.BufferOutputStream()
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
        write_bytes(path, sink.getvalue().to_pybytes())


@contextmanager
def bar(shown: bool, total: int) -> Iterator[tuple[Callable[[str], None], Callable[[int], None]]]:
    """A progress bar over episodes: functions that say what is played and how many are done."""
    if not shown:
        yield (lambda what: None), (lambda count: None)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown_bar:
        task = shown_bar.add_task("episodes", total=total)
        yield (
            lambda what: shown_bar.update(task, description=what),
            lambda count: shown_bar.advance(task, count),
        )
