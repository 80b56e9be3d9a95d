"""All experiments of the results pages, several processes side by side.

    python -m mindsight.benchmarks.experiments --out runs --jobs 2

A job is what belongs to one seed of one experiment; jobs of a seed come before those of the next, so that
what is stopped in the middle of the night has whole seeds. The experiments leave out what is there, and go on
where a training was stopped; so does this, therefore. What a job prints goes to a file of its own; all tables
are printed when everything is there.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .kindness import UNREWARDED, USUAL

__all__ = ["Job", "Runner", "main", "plan", "tables"]

#: Headlines and their first controls have ten seeds; kindness from a start that is half kind as many as this,
SECOND = 5
#: and all else that no headline hangs on as many as this: there are eight hours.
CONTROLS = 3
_KINDNESS = ("own", "shuffled", "selfish", "oracle", "learned")
_MORE = tuple(name for name in USUAL["solace"] if name not in _KINDNESS)


@dataclass(frozen=True)
class Job:
    """Commands that run one after the other.

    Attributes:
        name: also of its log.
        minutes: of processor time that it took here: what is left is told by it.
        commands: each what comes after ``python``.
    """

    name: str
    minutes: float
    commands: tuple[tuple[str, ...], ...]


def plan(out: Path, seeds: int = 10) -> list[Job]:
    """What the results pages rest on, but for what reads the runs of all seeds (:func:`tables`).

    Args:
        out: folder of the experiments' folders.
        seeds: how many at most; ``SECOND`` and ``CONTROLS`` are for 10.
    """
    jobs = []
    for seed in range(seeds):
        few = seed < CONTROLS
        one = ("--first", str(seed), "--seeds", "1")
        brief = ("--curriculum", "simulation_brief", "--variants", "routed")
        half = (*(("own", "shuffled") if seed < SECOND else ()), *(("selfish",) if few else ()))
        kind = (*_KINDNESS, *(_MORE if few else ()))
        begun = ((*_kindness(out, "solace_half_kind"), *one, "--conditions", *half),) if half else ()
        grid = () if few else ("--conditions", "tri_module", "maskable_ppo")
        jobs += [
            Job(f"false_belief-{seed}", 29, (
                _experiment("false_belief", "--out", f"{out}/false_belief", *one),
                _experiment("false_belief", "--out", f"{out}/false_belief_brief", *one, *brief),
            )),
            # One job: the second goes on from what the first has listened to, or listens to it itself.
            Job(f"kindness-{seed}", 12 + 2.5 * len(half) + 2.5 * len(kind), (
                *begun, (*_kindness(out, "solace"), *one, "--conditions", *kind),
            )),
            Job(f"grid-{seed}", 13 if few else 6, (
                _experiment("grid", "--out", f"{out}/grid", *one, *grid),
            )),
        ]  # fmt: skip
        games = {"cracker": 4, "guarded": 11} | ({"guarded_honest": 7} if few else {})
        jobs += [
            Job(f"kindness_{game}-{seed}", minutes, ((*_kindness(out, game), *one),))
            for game, minutes in games.items()
        ]
    return jobs


def tables(out: Path) -> list[Job]:
    """What reads the runs of all seeds, and every table of what is there."""
    none = ("--seeds", "0")
    games = ("solace_half_kind", "solace", "cracker", "guarded", "guarded_honest")

    def ablation(end: str, minutes: float, runs: str, *more: str) -> Job:
        return Job(f"ablation{end}", minutes, (
            _experiment("ablation", "--runs", f"{out}/{runs}", "--out", f"{out}/ablation{end}", *more),
        ))  # fmt: skip

    rewarded = (UNREWARDED, "own", "selfish", "unrouted", "selfish_unrouted")
    return [
        ablation("", 8, "false_belief"),
        ablation("_brief", 5, "false_belief_brief"),
        ablation("_kindness", 25, "kindness", "--game", "solace", "--variants", *rewarded),
        Job("false_belief", 0, (_experiment("false_belief", "--out", f"{out}/false_belief", *none),)),
        Job("false_belief_brief", 0, (
            _experiment("false_belief", "--out", f"{out}/false_belief_brief",
                        "--curriculum", "simulation_brief", *none),
        )),
        *(Job(f"kindness_{game}", 0, ((*_kindness(out, game), *none),)) for game in games),
        Job("grid", 0, (_experiment("grid", "--out", f"{out}/grid", *none),)),
    ]  # fmt: skip


def _kindness(out: Path, game: str) -> tuple[str, ...]:
    name = {"solace": "kindness", "solace_half_kind": "half_kind"}.get(game, f"kindness_{game}")
    listened = ("--listened", f"{out}/half_kind") if game == "solace" else ()
    return _experiment("kindness", "--game", game, "--out", f"{out}/{name}", *listened)


def _experiment(name: str, *arguments: str) -> tuple[str, ...]:
    return ("-P", "-m", f"{__package__}.{name}", *arguments)


class Runner:
    """Runs jobs, several at a time, each with its log.

    Args:
        logs: folder of the logs.
        at_once: how many.

    Attributes:
        failed: names of the jobs of which a command ended with anything but 0.
        begun, taken: seconds by name: when a job began, and how long one took that has ended.
    """

    def __init__(self, logs: Path, at_once: int) -> None:
        self.logs, self.at_once = logs, at_once
        self.failed: list[str] = []
        self.begun: dict[str, float] = {}
        self.taken: dict[str, float] = {}
        self._running: set[subprocess.Popen[bytes]] = set()
        self._guard = threading.Lock()
        self._stopped = False
        logs.mkdir(parents=True, exist_ok=True)

    def log(self, job: Job) -> Path:
        """The file of what a job prints; begun again, it prints after what is there."""
        return self.logs / f"{job.name}.log"

    def run(self, jobs: Sequence[Job]) -> Iterator[Job]:
        """Run all; those that have ended, as they end. Interrupted, what runs is ended, too."""
        with ThreadPoolExecutor(self.at_once) as pool:
            at_work: dict[Future[bool], Job] = {pool.submit(self._work, job): job for job in jobs}
            try:
                while at_work:
                    for ended in wait(at_work, return_when=FIRST_COMPLETED).done:
                        job = at_work.pop(ended)
                        if not ended.result():
                            self.failed.append(job.name)
                        yield job
            except BaseException:
                self._stop()
                raise

    def left(self, jobs: Sequence[Job]) -> float:
        """Minutes until all are done, by what those that have ended took of what was expected of them. One
        that ended in less than a tenth of that had been run before, and tells nothing."""
        ended = [job for job in jobs if self.taken.get(job.name, 0.0) > 6 * job.minutes]
        expected = sum(job.minutes for job in ended)
        pace = sum(self.taken[job.name] for job in ended) / 60 / expected if ended else 1.0
        now, left = time.monotonic(), 0.0
        for job in jobs:
            if job.name not in self.taken:
                spent = (now - self.begun[job.name]) / 60 if job.name in self.begun else 0.0
                left += max(job.minutes * pace - spent, 0.0)
        return left / self.at_once

    def _work(self, job: Job) -> bool:
        self.begun[job.name] = time.monotonic()
        done = all(self._run(command, self.log(job)) for command in job.commands)
        self.taken[job.name] = time.monotonic() - self.begun[job.name]
        return done

    def _run(self, command: tuple[str, ...], path: Path) -> bool:
        # threads: a process more on a core gains more than a thread more of one process
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        with self._guard:
            if self._stopped:
                return False
            with path.open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, *command], stdout=log, stderr=subprocess.STDOUT, env=environment
                )
            self._running.add(process)
        code = process.wait()
        with self._guard:
            self._running.remove(process)
        return code == 0

    def _stop(self) -> None:
        with self._guard:
            self._stopped = True
            for process in self._running:
                process.terminate()


@contextmanager
def _told_to_end() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does, what it has started with it."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _hours(minutes: float) -> str:
    return f"{int(minutes) // 60} h {int(minutes) % 60:02d} min"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, then print all tables; 0, or 1 where a job failed, or 130 where interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m mindsight.benchmarks.experiments", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder of the experiments' folders")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--seeds", type=int, default=10, help="of headlines; fewer of the rest")
    parser.add_argument("--list", action="store_true", help="say what would be run, and for how long")
    given = parser.parse_args(arguments)
    if given.jobs < 1 or given.seeds < 1:
        parser.error("expected --jobs and --seeds of at least 1")
    jobs, shown = plan(given.out, given.seeds), tables(given.out)
    # the last ones wait for all others, and for each other
    total = sum(job.minutes for job in jobs) / given.jobs + sum(job.minutes for job in shown)
    if given.list:
        for job in [*jobs, *shown]:
            print(f"{job.name}: {job.minutes:.0f} min")
            for command in job.commands:
                print(f"  python {' '.join(command)}")
        many = f"{len(jobs)} jobs, and {len(shown)} for tables"
        print(f"{many}, by single runs {_hours(total)} with {given.jobs} at a time")
        return 0
    runner = Runner(given.out / "logs", given.jobs)
    print(f"{len(jobs)} jobs, {_hours(total)} if nothing is there yet; logs in {runner.logs}/")
    begun = time.monotonic()
    try:
        with _told_to_end():
            for ended, job in enumerate(runner.run(jobs), 1):
                taken, left = _hours((time.monotonic() - begun) / 60), _hours(runner.left(jobs))
                said = f"failed, see {runner.log(job)}" if job.name in runner.failed else "done"
                print(
                    f"{ended} of {len(jobs)} after {taken}, about {left} left: {job.name} {said}",
                    flush=True,
                )
            last = Runner(runner.logs, 1)  # the first of these write what others show
            for job in shown:
                last.log(job).unlink(missing_ok=True)  # of the run before
            for job in last.run(shown):
                print(f"\n# {job.name}\n\n{runner.log(job).read_text(errors='replace')}", flush=True)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    failed = [*runner.failed, *last.failed]
    if failed:
        print(f"failed: {', '.join(failed)}; what they said is in {runner.logs}/", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
