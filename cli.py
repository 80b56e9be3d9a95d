"""The command line: ``mindsight list | train | evaluate | render | export | audit | collect |
play | bench | demo``.

Each command is a dataclass: its fields are the options, its docstring is its help. Bad input ends
with exit code 2 and one line on standard error; ``MINDSIGHT_DEBUG=1`` shows where an error comes
from. Nothing here loads torch; the commands that need it load it when they run.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

import tyro

from .agents.training import Settings

__all__ = ["main"]

DEBUG_VARIABLE = "MINDSIGHT_DEBUG"
BAD_INPUT, INTERRUPTED = 2, 130

Flat = tyro.conf.arg(name="")  # its fields become options without a prefix
# Options that stand for nothing where they are not given: their help says what happens then.
Whole = Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="")]
Text = Annotated[str | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="")]


@dataclass(frozen=True)
class List:
    """What there is: environments, scenarios, batteries, curricula, agents.

    mindsight list
    mindsight list batteries agents  # some of the sections
    mindsight list sally_anne        # the page of an environment: rules, options, tables
    mindsight list false_belief      # a battery's file: its scenarios
    """

    names: Annotated[
        tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="NAME", help_behavior_hint="")
    ] = ()
    """Sections (environments, scenarios, batteries, curricula, agents), or an environment, scenario, battery
    or curriculum, whose page is printed; all sections unless given."""

    def run(self) -> int:
        from .commands import show_list

        return show_list(self.names)


@dataclass(frozen=True)
class Train:
    """Train the tri-module agent by a curriculum, or a Stable-Baselines3 agent on a scenario.

    mindsight train first_words
    mindsight train my_curriculum.yaml --seed 1 --out runs/first
    mindsight train --resume runs/first
    mindsight train reach_small
    mindsight train forage_visible --steps 1000000 --seed 1 --out runs/forage-1
    mindsight train my_scenario.yaml --algorithm ppo --learning-rate 3e-4
    mindsight train --resume runs/forage-1 --steps 2000000

    Ctrl-C ends it after the update at work and leaves a usable run. With a curriculum there are --seed,
    --out and --resume; it says all else itself.
    """

    scenario: Annotated[
        str, tyro.conf.Positional, tyro.conf.arg(metavar="CURRICULUM|SCENARIO", help_behavior_hint="")
    ] = ""
    """A curriculum's or scenario's name, or the path of your own file."""
    steps: Whole = None
    """Steps of the learner in all worlds together; 500,000 unless given."""
    seed: Whole = None
    """Of weights, draws and worlds; 0, or what the curriculum says, unless given."""
    num_envs: Whole = None
    """Worlds side by side; 64 unless given."""
    num_threads: Whole = None
    """Of the simulation; 1 unless given."""
    out: Text = None
    """The run folder, a new one; runs/SCENARIO-TIME unless given."""
    resume: Text = None
    """A run folder to go on with."""
    settings: Annotated[Settings, Flat] = field(default_factory=Settings)

    def run(self) -> int:
        if self.resume is not None and self.settings != Settings():
            raise ValueError("a resumed run keeps its settings: give --steps alone beside --resume")
        from .commands import train, train_curriculum
        from .scenarios.curricula import is_curriculum, is_run

        if is_run(self.resume) if self.resume is not None else self.scenario and is_curriculum(self.scenario):
            given = [name for name in ("steps", "num_envs", "num_threads") if getattr(self, name) is not None]
            usual = Settings()
            given += [
                each.name for each in fields(usual)
                if getattr(self.settings, each.name) != getattr(usual, each.name)
            ]  # fmt: skip
            if given:
                what = f"--{given[0].replace('_', '-')}"
                raise ValueError(f"{what} is for scenarios: the curriculum says this itself")
            folder, code = train_curriculum(
                self.scenario or None, seed=self.seed, out=self.out, resume=self.resume
            )
            print(folder.path)
            return code
        folder, code = train(
            self.scenario or None, steps=self.steps, seed=self.seed, num_envs=self.num_envs,
            num_threads=self.num_threads, settings=self.settings, out=self.out, resume=self.resume,
        )  # fmt: skip
        print(folder.path)
        return code


@dataclass(frozen=True)
class Evaluate:
    """Score an agent on a battery or a scenario, and print its card.

    mindsight evaluate exact false_belief
    mindsight evaluate runs/forage-1 perspective --episodes 500 --out runs/forage-1/perspective
    mindsight evaluate my_module:MyAgent my_scenario.yaml --references random exact
    mindsight evaluate exact --stories tomi/test.txt
    mindsight evaluate hf:models/tiny false_belief --acting none
    mindsight evaluate served:llama3@http://127.0.0.1:8000/v1 wellman_liu --max-requests 2000
    """

    agent: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="AGENT")]
    """A reference agent, a run folder, a .safetensors file, module:Class (installed, or my_module.py in the
    current folder), or a language model: hf:PATH_OR_NAME or served:MODEL@URL."""
    battery: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="BATTERY")] = ""
    """A battery's or scenario's name or file."""
    stories: Text = None
    """Instead of a battery: a file of stories, in ToMi's or Hi-ToM's format or with plain questions."""
    format: Literal["auto", "tomi", "hitom", "qa"] = "auto"
    """Of that file."""
    episodes: Whole = None
    """Of each scenario; as many as it says itself unless given."""
    seed: Whole = None
    """Which block of evaluation seeds."""
    out: Text = None
    """The folder for card and rows; runs/AGENT-on-BATTERY-TIME unless given."""
    num_threads: int = 1
    """Of the simulation; results do not depend on it."""
    references: tuple[str, ...] | None = None
    """Agents whose scores on the same episodes stand beside; those that the battery names unless given."""
    acting: Annotated[Literal["choice", "free", "none"] | None, tyro.conf.arg(help_behavior_hint="")] = None
    """How a language model acts: it chooses among what is possible (unless given), says anything, or is
    asked questions only."""
    max_requests: Whole = None
    """Of a served model: so many requests at most; 10,000 unless given."""
    max_tokens: Whole = None
    """Of a served model: so many tokens at most, of prompts and answers; 10,000,000 unless given."""
    answer_tokens: Whole = None
    """Of a served model: so long may the answer to a question be; 16 unless given, too few to think in."""
    cache: Text = None
    """Of a served model: the folder of its answers; runs/served unless given."""
    family: Literal["grid", "conversation"] | None = None
    """Play the gridworlds, or the conversations, of the battery alone."""

    def run(self) -> int:
        from .commands import evaluate, evaluate_stories

        names = ("acting", "max_requests", "max_tokens", "answer_tokens", "cache")
        given = {name: getattr(self, name) for name in names}
        settings = {name: value for name, value in given.items() if value is not None}
        if bool(self.battery) == (self.stories is not None):
            raise ValueError("expected either a BATTERY or --stories FILE")
        for name in ("episodes", "seed", "family"):
            if self.stories is not None and getattr(self, name) is not None:
                raise ValueError(f"--{name} is for batteries: a file of stories is asked as a whole")
        if self.stories is not None:
            return evaluate_stories(
                self.agent, self.stories, format=self.format, out=self.out, references=self.references or (),
                settings=settings,
            )  # fmt: skip
        return evaluate(
            self.agent, self.battery, episodes=self.episodes, seed=self.seed, out=self.out,
            num_threads=self.num_threads, references=self.references, family=self.family, settings=settings,
        )  # fmt: skip


@dataclass(frozen=True)
class Render:
    """Draw an episode as GIF, MP4 or a strip of PNG.

    mindsight render sally_anne_false_belief --out sally.gif
    mindsight render forage_visible --agent runs/forage-1 --seed 7 --out forage.png
    mindsight render episode.json --out again.mp4 --thoughts 2
    """

    source: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")]
    """A scenario's name or file, or an episode's .json, which is replayed."""
    out: Text = None
    """A name that ends in .gif, .mp4 or .png; NAME.gif unless given."""
    agent: str = "scripted"
    """Who plays a scenario's focal individuals."""
    seed: Whole = None
    """Which block of evaluation seeds; its first episode is played."""
    fps: float = 4.0
    """Pictures a second."""
    thoughts: int = 1
    """Beliefs in thought bubbles: 0 none, 1 what each believes, 2 also what of the others."""

    def run(self) -> int:
        from .commands import render

        return render(
            self.source, out=self.out, agent=self.agent, seed=self.seed, fps=self.fps,
            thoughts=self.thoughts,
        )  # fmt: skip


@dataclass(frozen=True)
class Export:
    """Write the items of a battery's conversations (not its gridworlds) as text, to test any model outside.

    mindsight export --battery wellman_liu --out items.jsonl
    mindsight export --battery false_belief --format text --episodes 20 --out exam.txt
    """

    battery: str
    """A battery's or scenario's name or file."""
    out: str
    """The file."""
    format: Literal["jsonl", "text"] = "jsonl"
    """An object a line with everything an audit needs; or to be read, with the answers at the end."""
    episodes: Whole = None
    """Of each scenario; as many as it says itself unless given."""
    seed: Whole = None
    """Which block of evaluation seeds."""

    def run(self) -> int:
        from .scenarios.export import export, left_out

        count = export(self.battery, self.out, self.format, self.episodes, self.seed, progress=True)
        print(f"{count:,} items written to {self.out}")
        for why, names in left_out(self.battery).items():
            print(f"left out: {len(names)} {why}")
        return 0


@dataclass(frozen=True)
class Collect:
    """Record conversations of scripted characters, to learn from.

    mindsight collect chatter_train --episodes 10000 --out data/chatter
    """

    scenario: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SCENARIO")]
    """A scenario's name or file."""
    out: str
    """The folder."""
    episodes: int = 1000
    """How many."""
    agent: str = "scripted"
    """The reference agent that plays the focal individuals."""
    seed: int = 0
    """Which block of training seeds."""
    noise: float = 0.0
    """With which probability the focal individuals do anything instead, at each step."""

    def run(self) -> int:
        from .scenarios.collect import collect

        found = collect(
            self.scenario, self.episodes, self.out, self.agent, self.seed, progress=True, noise=self.noise
        )
        print(f"{len(found):,} conversations of {found.about['scenario']} written to {self.out}")
        return 0


@dataclass(frozen=True)
class Audit:
    """How far shortcuts get on the questions of a battery: is it sound?

    mindsight audit false_belief
    mindsight audit my_battery.yaml --episodes 500 --markdown
    """

    battery: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="BATTERY")]
    """A battery's or scenario's name or file."""
    episodes: Whole = None
    """Of each scenario; as many as it says itself unless given."""
    seed: Whole = None
    """Which block of evaluation seeds."""
    markdown: bool = False
    """Print a Markdown table."""

    def run(self) -> int:
        from .commands import audit

        return audit(self.battery, episodes=self.episodes, seed=self.seed, markdown=self.markdown)


@dataclass(frozen=True)
class Play:
    """Play a scenario by keyboard; the keys are shown in the window.

    mindsight play reach_small
    mindsight play forage_visible --seed 3 --out mine.json

    The episode is written as a file, which `mindsight render` draws.
    """

    scenario: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SCENARIO")]
    """A scenario's name or file, or an episode's .json, which is shown."""
    seed: int = 0
    """Which episode."""
    out: Text = None
    """The episode's file; SCENARIO-SEED.json unless given."""

    def run(self) -> int:
        from .commands import play

        return play(self.scenario, seed=self.seed, out=self.out)


@dataclass(frozen=True)
class Bench:
    """Measure the speed of everything, against its targets.

    mindsight bench
    mindsight bench --quick --out speed.json
    """

    quick: bool = False
    """Shorter samples, and no batch of 65,536 worlds."""
    out: Text = None
    """The JSON file; runs/bench-TIME.json unless given."""

    def run(self) -> int:
        from .benchmarks.bench import main as measure

        measure(self.quick, self.out)
        return 0


@dataclass(frozen=True)
class Compile:
    """Compile all environments ahead: the first start of each takes up to half a minute otherwise.

    mindsight compile
    mindsight compile reach sally_anne
    """

    names: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="NAME")] = ()
    """Environments; all unless given."""
    processes: int = 2
    """How many work side by side."""

    def run(self) -> int:
        from .commands import compile_ahead

        return compile_ahead(self.names, self.processes)


@dataclass(frozen=True)
class Demo:
    """Train the tri-module agent, examine it on false beliefs, draw what it predicts: 2 to 6 minutes.

    mindsight demo
    mindsight demo --minutes 1 --out runs/first
    """

    out: Text = None
    """The run folder; runs/demo-TIME unless given."""
    seed: int | None = None
    """Of weights, draws and worlds; unless given, one that passes the exam: not all do."""
    minutes: float = 12.0
    """At most so long is trained."""

    def run(self) -> int:
        from .commands import demo

        return demo(out=self.out, seed=self.seed, minutes=self.minutes)


COMMANDS: dict[str, Any] = {
    "list": List,
    "train": Train,
    "evaluate": Evaluate,
    "render": Render,
    "export": Export,
    "audit": Audit,
    "collect": Collect,
    "play": Play,
    "bench": Bench,
    "compile": Compile,
    "demo": Demo,
}


def _description(command: Any, whole: bool) -> str:
    """A command's help: its first line, then its examples as they stand."""
    first, _, rest = (command.__doc__ or "").partition("\n")
    if not whole:
        return first
    lines = [line.removeprefix("    ") for line in rest.strip("\n").rstrip().split("\n")]
    shown = [f"  {line}" if line.startswith("mindsight ") else line for line in lines]
    return "\n".join([first, "", "Examples:", *shown])


def _parse(arguments: Sequence[str]) -> Any:
    """The command with its options; SystemExit where there is none."""
    from . import __version__

    union: Any = None
    for name, command in COMMANDS.items():
        help_text = _description(command, name in arguments[:1])
        conf = tyro.conf.subcommand(name, description=help_text)
        one: Any = Annotated[command, conf]
        union = one if union is None else union | one
    return tyro.cli(
        union,
        prog="mindsight",
        description=f"Mindsight {__version__}: worlds in which minds matter.\n\n"
        "Examples:\n  mindsight demo\n  mindsight list\n  mindsight train reach_small\n"
        "  mindsight evaluate exact false_belief\n\n"
        "mindsight COMMAND --help shows a command's options and examples.",
        args=list(arguments),
        config=(tyro.conf.FlagCreatePairsOff,),
    )


def _one_line(text: str) -> str:
    """tyro's box of complaints, as one line."""
    lines = [re.sub(r"[│╭╮╰╯]", " ", line).strip() for line in text.splitlines()]
    title = re.sub(r"[─\s]+", " ", lines[0]).strip().lower() if lines else "bad input"
    said: list[str] = []
    for line in lines[1:]:
        if not line or set(line) <= {"─"}:
            break
        said.append(line)
    words = " ".join(said) or title
    # "Perhaps you meant" stands in a section of its own
    for k, line in enumerate(lines):
        if line.startswith("Perhaps you meant") and k + 1 < len(lines):
            words += f"; did you mean {lines[k + 1].split()[0]}?"
    return words if said and title in words.lower() else f"{title}: {words}"


def _fail(command: str, message: str) -> int:
    where = f"mindsight {command}" if command else "mindsight"
    print(f"{where}: {' '.join(message.split())}", file=sys.stderr)
    return BAD_INPUT


def _notes(error: BaseException) -> list[str]:
    """What was added to an error on its way, such as where finished rows are."""
    return list(getattr(error, "__notes__", ()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: those of the process where None.

    Returns:
        The exit code: 0; 1 where a result is not as hoped; 2 for bad input; 130 after Ctrl-C.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments and arguments[0] in ("--version", "-V"):
        from . import __version__

        print(f"mindsight {__version__}")
        return 0
    if not arguments:
        arguments = ["--help"]
    name = arguments[0]
    if name not in COMMANDS:
        if not name.startswith("-"):
            near = difflib.get_close_matches(name, COMMANDS, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            return _fail("", f"there is no command {name!r}, expected {', '.join(COMMANDS)}{hint}")
        name = ""
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            command = _parse(arguments)
    except SystemExit as end:
        if not end.code:
            return 0
        return _fail(name, f"{_one_line(complaint.getvalue())} ({f'mindsight {name}'.strip()} --help)")
    except ValueError as error:  # a Settings that cannot be
        return _fail(name, str(error))
    debug = os.environ.get(DEBUG_VARIABLE, "") not in ("", "0")
    try:
        return int(command.run())
    except KeyboardInterrupt as error:
        print(f"mindsight {name}: {'; '.join(['interrupted', *_notes(error)])}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `mindsight list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        if debug or (error.name or "").startswith("mindsight"):
            raise
        return _fail(name, f"{error.name} is not installed: pip install -e '.[all]' in the clone")
    except (ValueError, OSError) as error:
        if debug:
            raise
        text = str(error)
        if isinstance(error, OSError) and error.strerror and error.filename:
            # of a file that was to be renamed, the second is its own name
            text = f"{error.filename2 or error.filename}: {error.strerror}"
        return _fail(name, "; ".join([text or type(error).__name__, *_notes(error)]))


if __name__ == "__main__":
    sys.exit(main())
