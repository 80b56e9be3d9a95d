"""How fast everything is, measured on this machine and held against the targets.

    mindsight bench            # all of it, 4 to 6 minutes
    mindsight bench --quick    # shorter samples, smaller batches

One process, one thread unless a line says otherwise. Actions are random legal ones, drawn by a
kernel from the masks between two steps, outside of the timed part; inside are moving, rules, sight,
beliefs (to order 2), observations, masks and new episodes. An agent-step is a step of an individual
that is in its world: those who have left it are not counted. Each sample is a fraction of a second;
a line shows the best of several samples, and the JSON file the median beside it: other programs on
the machine can only make a sample slower.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..agents.training import Settings, versions, write
from ..envs.games import GAMES as ALL_GAMES
from ..envs.grid import GAMES
from ..envs.kernels import CACHE_VARIABLE, njit
from ..envs.random import below, draw
from ..envs.simulation import MODES

__all__ = ["Line", "Report", "main", "run"]

MAIN = "sally_anne"  # the game that the targets are about
BATCHES = (1, 256, 1024, 4096, 65536)
TALK = "sally_anne_chat"  # the conversation that the targets are about ...
TALKERS: dict[str, Any] = {"condition": "free", "people": 4}  # ... with these options
FULL: dict[str, dict[str, Any]] = {"commons": {"individuals": 8}}  # gridworlds, with as many as there may be
ITEMS = 100_000  # to be exported


@dataclass(frozen=True)
class Line:
    """One number.

    Attributes:
        group: of lines that belong together.
        name: what was measured.
        value: the best sample.
        unit: of the value.
        median: of all samples; None where there is one.
        target: what it should be, or None.
        more: whether more is better.
        note: how it was measured, where the name does not say it.
    """

    group: str
    name: str
    value: float
    unit: str
    median: float | None = None
    target: float | None = None
    more: bool = True
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.more else self.value <= self.target

    @property
    def verdict(self) -> str:
        """``met``, or ``missed`` and by how much."""
        if self.target is None or self.met is None:
            return ""
        if self.met:
            return "met"
        return f"missed by {abs(self.value - self.target) / self.target:.0%}"


@dataclass
class Report:
    """All numbers of one run.

    Attributes:
        lines: in the order in which they were measured.
        skipped: what was not measured, and why.
        machine: where.
        quick: whether samples were short.
    """

    lines: list[Line] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    machine: dict[str, Any] = field(default_factory=dict)
    quick: bool = False

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it as JSON."""
        content = {
            "format": "mindsight benchmark",
            "version": 1,
            "quick": self.quick,
            "machine": self.machine,
            "versions": versions(),
            "lines": [{**asdict(line), "met": line.met} for line in self.lines],
            "skipped": self.skipped,
        }
        return write(Path(path), json.dumps(content, indent=1, ensure_ascii=False) + "\n")


@njit
def _random_legal(masks: Any, seed: int, turn: int, actions: Any) -> None:
    """A legal action for everybody: masks (B, A, actions) int8, actions (B, A) int64."""
    count = masks.shape[1]
    for i in range(masks.shape[0]):
        for a in range(count):
            legal = 0
            for k in range(masks.shape[2]):
                legal += masks[i, a, k]
            left = below(draw(seed, (turn * masks.shape[0] + i) * count + a), max(legal, 1))
            actions[i, a] = 0
            for k in range(masks.shape[2]):
                if masks[i, a, k]:
                    if left == 0:
                        actions[i, a] = k
                        break
                    left -= 1


def _machine() -> dict[str, Any]:
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    load = os.getloadavg() if hasattr(os, "getloadavg") else (float("nan"),) * 3
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "load_before": round(load[0], 2),
    }


class _Bench:
    def __init__(self, quick: bool, tell: Callable[[str], None]) -> None:
        self.report = Report(machine=_machine(), quick=quick)
        self.quick, self.tell = quick, tell
        self.samples = 3 if quick else 7
        self.seconds = 0.1 if quick else 0.35  # of a sample
        self.batches = BATCHES[:-1] if quick else BATCHES

    def add(self, group: str, name: str, value: float, unit: str, **more: Any) -> Line:
        line = Line(group, name, float(value), unit, **more)
        self.report.lines.append(line)
        return line

    # --- Batches ----------------------------------------------------------------------------------
    def sampler(
        self,
        name: str,
        batch: int,
        *,
        order: int = 2,
        threads: int = 1,
        options: dict[str, Any] | None = None,
        scripted: bool = False,
    ) -> Callable[[], float]:
        """A function that takes one sample: agent-steps a second; of conversations, turns a second.

        ``scripted``: the game's characters decide, and what they think is measured, too."""
        game = ALL_GAMES[name]
        simulation = game.simulation(batch, options, order=order, num_threads=threads, autoreset="same_step")
        simulation.reset(0)
        actions = np.zeros((batch, simulation.count), np.int64)
        modes = np.full(simulation.count, MODES.index("scripted"))
        turn = 0

        def play(seconds: float, least: int) -> float:
            nonlocal turn
            spent, steps, done = 0.0, 0, 0
            while spent < seconds or steps < least:
                if not scripted:
                    _random_legal(simulation.masks, 1, turn, actions)
                if game.family == "grid":
                    done += int(np.count_nonzero(simulation.worlds["body"][:, : simulation.count]))
                else:
                    done += batch  # one has its turn in each
                turn += 1
                start = time.perf_counter()
                if scripted:
                    simulation.script(modes, actions)
                simulation.step(actions)
                spent += time.perf_counter() - start
                steps += 1
            return done / spent

        # Worlds begin together: let their episodes fall out of step first.
        play(0.0, max(2, min(300, 1_000_000 // (batch * simulation.count))))
        return lambda: play(self.seconds, 2)

    def speed(self, name: str, batch: int, **more: Any) -> tuple[float, float]:
        sample = self.sampler(name, batch, **more)
        values = [sample() for _ in range(self.samples)]
        return max(values), statistics.median(values)

    def games(self) -> None:
        for name in GAMES:
            found: dict[int, float] = {}
            for batch in self.batches:
                self.tell(f"{name}, {batch} worlds")
                found[batch], median = self.speed(name, batch, options=FULL.get(name))
                self.add("agent-steps/s", f"{name}, {batch:,} worlds", found[batch], "/s",
                         median=median)  # fmt: skip
            best = max((b for b in found if b >= 256), key=found.__getitem__)
            self.add("every environment", f"{name}, random actions, {best:,} worlds", found[best],
                     "agent-steps/s", target=3e6)  # fmt: skip
            fastest, median = self.speed(name, 256, options=FULL.get(name), scripted=True)
            self.add("every environment", f"{name}, scripted characters who plan, 256 worlds", fastest,
                     "agent-steps/s", median=median)  # fmt: skip
            if name != MAIN:
                continue
            large = {b: v for b, v in found.items() if b >= 256}
            self.main_speed = max(large.values())
            self.add("targets", f"{name}, best batch of 256 or more", self.main_speed,
                     "agent-steps/s", target=5e6)  # fmt: skip
            self.add("targets", f"cost of an agent-step, batches {min(large)} to {max(large):,}",
                     max(large.values()) / min(large.values()), "× the cheapest", target=2.5,
                     more=False)  # fmt: skip

    def beliefs(self) -> None:
        """What order 2 costs more than order 0, where chains are reality alone."""
        for name in GAMES:
            self.tell(f"{name}, beliefs")
            with_, without = self.sampler(name, 1024), self.sampler(name, 1024, order=0)
            pairs = [(1e9 / with_(), 1e9 / without()) for _ in range(self.samples)]
            cost = min(p[0] for p in pairs) - min(p[1] for p in pairs)
            median = statistics.median(p[0] - p[1] for p in pairs)
            target = 60.0 if name == MAIN else None
            self.add("beliefs", f"{name}, order 2 against order 0, 1,024 worlds", cost,
                     "ns an agent-step", median=median, target=target, more=False)  # fmt: skip
            size = GAMES[name].simulation(1).worlds.dtype.itemsize
            self.add("beliefs", f"{name}, a world at order 2", size, "bytes",
                     target=4096 if name == MAIN else None, more=False)  # fmt: skip

    def threads(self) -> None:
        self.tell("two threads")
        if (os.cpu_count() or 1) < 2:
            self.report.skipped.append("two threads: this machine has one core")
            return
        for batch in (4096,) if self.quick else (4096, 65536):
            one, two = self.sampler(MAIN, batch), self.sampler(MAIN, batch, threads=2)
            pairs = [(one(), two()) for _ in range(self.samples)]
            ratio = max(p[1] for p in pairs) / max(p[0] for p in pairs)
            self.add("threads", f"{MAIN}, {batch:,} worlds, 2 threads against 1", ratio, "×",
                     median=statistics.median(p[1] / p[0] for p in pairs),
                     target=1.6)  # fmt: skip

    # --- Conversations ----------------------------------------------------------------------------
    def conversations(self) -> None:
        for name, game in ALL_GAMES.items():
            if game.family == "grid":
                continue
            options = TALKERS if name == TALK else None
            found: dict[int, tuple[float, float]] = {}
            for batch in (256, 1024, 4096):
                self.tell(f"{name}, {batch} conversations")
                found[batch] = self.speed(name, batch, options=options)
            best = max(found, key=lambda batch: found[batch][0])
            people = ", 4 people, free play" if name == TALK else ""
            self.add("conversations", f"{name}{people}, {best:,} conversations", found[best][0],
                     "messages/s", median=found[best][1],
                     target=1e6 if name == TALK else None)  # fmt: skip

    def turns(self) -> None:
        """PettingZoo's native face of conversations, a batch of one."""
        from .. import env as turn_by_turn

        self.tell(f"PettingZoo AEC, {TALK}")
        env = turn_by_turn(TALK, **TALKERS)
        draws = np.random.default_rng(0).integers(1 << 30, size=4096).tolist()
        env.reset(seed=0)
        values = []
        for sample in range(self.samples + 1):
            spent, steps = 0.0, 0
            while spent < self.seconds:
                start = time.perf_counter()
                _, _, terminated, truncated, info = env.last()
                spent += time.perf_counter() - start
                allowed = info["action_mask"].nonzero()[0]
                action = int(allowed[draws[steps & 4095] % len(allowed)])
                start = time.perf_counter()
                if terminated or truncated:
                    env.reset()
                else:
                    env.step(action)
                    steps += 1
                spent += time.perf_counter() - start
            if sample:  # the first warms up
                values.append(steps / spent)
        self.add("conversations", f"PettingZoo AEC, {TALK}, 4 people, one conversation", max(values),
                 "messages/s", median=statistics.median(values), target=25_000)  # fmt: skip

    def export(self) -> None:
        from ..scenarios.export import export, items

        self.tell("export")
        each = sum(1 for _ in items("false_belief", 50)) / 50
        count = ITEMS // 10 if self.quick else ITEMS
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            written = export("false_belief", Path(folder, "items.jsonl"), "jsonl", math.ceil(count / each))
            spent = time.perf_counter() - start
        self.add("conversations", f"export of {ITEMS:,} items of false_belief", spent * ITEMS / written,
                 "s", target=60, more=False,
                 note=f"{written:,} items were written in {spent:.1f} s")  # fmt: skip

    # --- Faces ------------------------------------------------------------------------------------
    def parallel(self) -> None:
        from .. import parallel_env

        for observation in ("flat", "symbolic"):
            self.tell(f"PettingZoo, {observation}")
            env = parallel_env(MAIN, observation=observation)
            values = list(_parallel(env, _legal_actions(), self.samples, self.seconds))
            self.add("faces", f"PettingZoo parallel, {MAIN}, {observation}, one world",
                     max(values), "agent-steps/s", median=statistics.median(values),
                     target=150_000)  # fmt: skip
        if importlib.util.find_spec("mpe2") is None:
            self.report.skipped.append("MPE2's simple_spread: mpe2 is not installed")
            return
        self.tell("MPE2's simple_spread")
        from mpe2 import simple_spread_v3

        other = simple_spread_v3.parallel_env(N=3, max_cycles=100)
        values = list(_parallel(other, _legal_actions(5), self.samples, self.seconds))
        self.add("faces", "MPE2's simple_spread, three individuals", max(values),
                 "agent-steps/s", median=statistics.median(values))  # fmt: skip

    def minigrid(self) -> None:
        if importlib.util.find_spec("minigrid") is None:
            self.report.skipped.append("Minigrid's DoorKey-8x8: minigrid is not installed")
            return
        self.tell("Minigrid's DoorKey-8x8")
        import gymnasium
        import minigrid  # noqa: F401 - registers its environments

        # without Gymnasium's checker, which would slow it down
        env = gymnasium.make("MiniGrid-DoorKey-8x8-v0", disable_env_checker=True)
        rng = np.random.default_rng(0)
        env.reset(seed=0)
        values = []
        for _ in range(self.samples):
            spent, steps = 0.0, 0
            while spent < self.seconds:
                action = int(rng.integers(7))
                start = time.perf_counter()
                _, _, terminated, truncated, _ = env.step(action)
                if terminated or truncated:
                    env.reset()
                spent += time.perf_counter() - start
                steps += 1
            values.append(steps / spent)
        self.add("faces", "Minigrid's DoorKey-8x8", max(values), "agent-steps/s",
                 median=statistics.median(values))  # fmt: skip
        self.add("targets", f"{MAIN} against Minigrid's DoorKey-8x8",
                 self.main_speed / max(values), "×", target=500)  # fmt: skip

    def frames(self) -> None:
        self.tell("pictures")
        from .. import parallel_env

        # no thoughts and no views of their own: the world, as large as it gets
        env = parallel_env("reach", width=11, height=11, render_mode="rgb_array")
        _, infos = env.reset(seed=0)
        rng = np.random.default_rng(0)
        env.render()
        values = []
        for _ in range(self.samples):
            spent, count = 0.0, 0
            while spent < self.seconds:
                if not env.agents:
                    _, infos = env.reset()
                _, _, _, _, infos = env.step({
                    name: int(rng.choice(np.flatnonzero(infos[name]["action_mask"])))
                    for name in env.agents
                })  # fmt: skip
                start = time.perf_counter()
                frame = env.render()
                spent += time.perf_counter() - start
                count += 1
            values.append(count / spent)
        height, width = frame.shape[:2]
        self.add("faces", f"rgb_array, 11 × 11 cells, {width} × {height} pixels", max(values),
                 "frames/s", median=statistics.median(values), target=600)  # fmt: skip

    # --- Whole programs ---------------------------------------------------------------------------
    def learning(self) -> None:
        if importlib.util.find_spec("sb3_contrib") is None:
            self.report.skipped.append("Stable-Baselines3's PPO: not installed")
            return
        from ..agents.baselines import sb3, sb3_adapter
        from ..agents.training import RunFolder

        self.tell("Stable-Baselines3's PPO")
        settings = Settings(algorithm="ppo")
        name = "forage" if "forage" in GAMES else MAIN
        # all kernels of the game are compiled, or loaded, before the clock starts
        warm = sb3_adapter.vec_env(name, 64)
        warm.reset()
        for _ in range(100):
            warm.step(np.zeros(64, np.int64))
            warm.env_method("action_masks")
        warm.close()
        watch = sb3.Watch(sb3_adapter.vec_env(name, 64))
        model = sb3.make(watch, settings, seed=0)
        with tempfile.TemporaryDirectory() as folder:
            run = RunFolder.create(Path(folder, "run"), "bench")
            steps = 64 * settings.rollout * (4 if self.quick else 15)
            progress, _ = sb3.train(model, settings, watch, run, steps, save_every=1e9)
        self.add("learning", f"share of PPO's time in the environment, {name}, 64 worlds",
                 100 * progress.shares["environment"], "%", target=10, more=False)  # fmt: skip
        self.add("learning", f"PPO, {name}, 64 worlds, acting and learning included",
                 progress.rate, "steps/s")  # fmt: skip

    def tri_module(self) -> None:
        """The agent of the paper, on one thread: what routing costs, learning, acting, a plain GPT beside."""
        if importlib.util.find_spec("torch") is None:
            self.report.skipped.append("the tri-module agent: torch is not installed")
            return
        import torch  # after the line above, which says how its threads are to wait

        from . import tri_module as tri

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            self._tri_module(tri, torch.set_num_threads)
        finally:
            torch.set_num_threads(threads)

    def _tri_module(self, tri: Any, set_threads: Callable[[int], None]) -> None:
        def clock(
            step: Callable[[], Any], now: Callable[[], float] = time.process_time
        ) -> Callable[[], float]:
            """A function that takes one sample: seconds a call, of the processor where one thread works (on
            an idle machine that is wall time, and other programs change it less)."""
            step()

            def sample() -> float:
                calls, start = 0, now()
                while calls == 0 or now() - start < self.seconds:
                    step()
                    calls += 1
                return (now() - start) / calls

            return sample

        def against(name: str, one: Any, other: Any, target: float | None, more: bool = False) -> float:
            """A line with how long the first takes, in times of the second; returns the first's seconds."""
            self.tell(name)
            first, second = clock(one), clock(other)
            pairs = [(first(), second()) for _ in range(self.samples)]
            best = [min(pair[k] for pair in pairs) for k in range(2)]
            median = statistics.median(a / b for a, b in pairs)
            self.add("tri-module", name, best[0] / best[1], "×", median=median, target=target, more=more)
            return best[0]

        tokens = tri.ROWS * tri.SIZE.context
        seconds = {}
        for listing in tri.LISTINGS:
            seconds[listing] = against(
                f"{listing}, routed against unrouted",
                tri.learner_step(listing), tri.learner_step(listing, "unrouted"), 1.7,
            )  # fmt: skip
        for listing, spent in seconds.items():
            self.add("tri-module", f"{listing}, routed, {tri.ROWS} × {tri.SIZE.context} tokens",
                     tokens / spent, "tokens/s", target=13_000)  # fmt: skip
        against("plain training against a GPT of the same size", tri.plain_step(), tri.gpt_step(), 1.1)
        wide = against("width 128, listing 2, routed against unrouted",
                       tri.learner_step("listing 2", config=tri.WIDE),
                       tri.learner_step("listing 2", "unrouted", tri.WIDE), None)  # fmt: skip
        self.add("tri-module", "width 128, listing 2, routed", tokens / wide, "tokens/s")
        for how, target in (("8 tokens read at once", 4500), ("8 tokens drawn one by one", 1000)):
            self.tell(f"acting, {how}")
            episode = tri.acting(at_once="at once" in how)
            count, sample = episode(), clock(episode)
            values = [count / sample() for _ in range(self.samples)]
            self.add("tri-module", f"acting, {tri.PLAYERS} in a batch, {how}", max(values),
                     "individual-steps/s", median=statistics.median(values), target=target)  # fmt: skip
        if (os.cpu_count() or 1) >= 2:
            for name, config in (("width 64", tri.SIZE), ("width 128", tri.WIDE)):
                self.tell(f"two threads, {name}")
                sample = clock(tri.learner_step("listing 2", config=config), time.perf_counter)
                times: dict[int, list[float]] = {1: [], 2: []}
                for _ in range(self.samples):
                    for threads, found in times.items():
                        set_threads(threads)
                        found.append(sample())
                set_threads(1)
                self.add("tri-module", f"{name}, listing 2, routed, 2 threads against 1",
                         min(times[1]) / min(times[2]), "× as fast",
                         median=statistics.median(a / b for a, b in zip(times[1], times[2], strict=True)),
                         )  # fmt: skip
        self.tell("memory")
        program = [sys.executable, "-P", "-m", "mindsight.benchmarks.tri_module", "--memory", str(tri.ROWS)]
        memory = float(subprocess.run(program, check=True, capture_output=True, text=True).stdout)
        self.add("tri-module", f"peak memory: default size, {tri.ROWS} full histories, listing 4", memory,
                 "MiB", target=1024, more=False)  # fmt: skip

    def starts(self) -> None:
        """From the start of a process to the end of a world's first step."""
        self.tell("cold and warm start")
        program = (
            "import mindsight\n"
            f"env = mindsight.parallel_env({MAIN!r})\n"
            "env.reset(seed=0)\n"
            "env.step({name: 0 for name in env.agents})\n"
        )
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, CACHE_VARIABLE: folder}
            times = []
            for _ in range(3 if self.quick else 5):
                start = time.perf_counter()
                subprocess.run([sys.executable, "-c", program], check=True, env=environment)
                times.append(time.perf_counter() - start)
        self.add("start", "first step, cold: everything is compiled", times[0], "s", target=10,
                 more=False)  # fmt: skip
        self.add("start", "first step, warm: from process start", min(times[1:]), "s",
                 median=statistics.median(times[1:]), target=2, more=False)  # fmt: skip


def _legal_actions(count: int = 0) -> Callable[[Any], dict[str, int]]:
    """A function from a PettingZoo environment's infos to random actions: legal by the masks there,
    or any of ``count``. It does little work, to drive little out of the processor's caches."""
    draws = np.random.default_rng(0).integers(1 << 30, size=4096).tolist()
    turn = 0

    def choose(infos: Any) -> dict[str, int]:
        nonlocal turn
        actions = {}
        for name, info in infos.items():
            turn = (turn + 1) & 4095
            if count:
                actions[name] = draws[turn] % count
            else:
                allowed = info["action_mask"].nonzero()[0]
                actions[name] = int(allowed[draws[turn] % len(allowed)])
        return actions

    return choose


def _parallel(env: Any, choose: Any, samples: int, seconds: float) -> Iterator[float]:
    """Samples of a PettingZoo environment: agent-steps a second, new episodes included."""
    _, infos = env.reset(seed=0)
    for sample in range(samples + 1):
        spent, steps = 0.0, 0
        while spent < seconds:
            actions = choose(infos)
            start = time.perf_counter()
            _, _, _, _, infos = env.step(actions)
            if not env.agents:
                _, infos = env.reset()
            spent += time.perf_counter() - start
            steps += len(actions)
        if sample:  # the first warms up
            yield steps / spent


PARTS = (
    "games", "beliefs", "threads", "conversations", "turns", "export", "parallel", "minigrid", "frames",
    "learning", "tri_module", "starts",
)  # fmt: skip


def run(
    quick: bool = False,
    tell: Callable[[str], None] = lambda text: None,
    parts: Sequence[str] = PARTS,
) -> Report:
    """Measure everything.

    Args:
        quick: shorter samples, fewer of them, no batch of 65,536.
        tell: called with what is being measured.
        parts: some of ``PARTS``.
    """
    bench = _Bench(quick, tell)
    for part in parts:
        getattr(bench, part)()
    return bench.report


def show(report: Report) -> None:
    """Print it as a table."""
    from rich.console import Console
    from rich.table import Table

    # not narrower than the table where nobody looks
    console = Console(width=None if sys.stdout.isatty() else 120)
    machine = report.machine
    table = Table(
        title=f"{machine['processor']}, {machine['cores']} cores, load {machine['load_before']} "
        f"before{' (quick)' if report.quick else ''}",
        title_justify="left",
    )
    for name in ("what", "value", "", "target", ""):
        table.add_column(name, justify="right" if name in ("value", "target") else "left")
    group = None
    for line in report.lines:
        if group is not None and line.group != group:
            table.add_section()
        group = line.group
        sign = "≥" if line.more else "≤"
        color = {True: "green", False: "red", None: ""}[line.met]
        table.add_row(
            line.name, number(line.value), line.unit,
            "" if line.target is None else f"{sign} {number(line.target)}",
            f"[{color}]{line.verdict}[/]" if color else "",
        )  # fmt: skip
    console.print(table)
    for text in report.skipped:
        console.print(f"skipped: {text}")


def number(value: float) -> str:
    """A number as it is read: ``5,230,000``, ``1.86``."""
    if abs(value) >= 1000:
        digits = max(0, len(str(int(abs(value)))) - 3)
        return f"{round(value, -digits):,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def main(quick: bool = False, out: str | None = None) -> Report:
    """Measure, with a line that says what is going on, print the table and write the JSON file.

    Args:
        quick: see :func:`run`.
        out: of the JSON file; ``runs/bench-<time>.json`` where None.
    """
    from rich.console import Console
    from rich.markup import escape

    path = Path(out) if out else Path("runs", f"bench-{time.strftime('%Y%m%d-%H%M%S')}.json")
    console = Console(stderr=True)
    with console.status("measuring") as status:
        report = run(quick, lambda text: status.update(f"measuring {escape(text)}"))
    show(report)
    report.save(path)
    print(f"written to {path}")
    return report


if __name__ == "__main__":
    main(quick="--quick" in sys.argv[1:])
