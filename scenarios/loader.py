"""Scenarios and batteries: YAML files, read and checked.

A scenario says what is played by whom and what is asked; a battery is a list of scenarios and how
their scores are put together. ``docs/scenarios.md`` is the page on writing them. Whatever is wrong
in a file is one :class:`ScenarioError` of one line that names file, line, key, what was given and,
where there is one, the nearest valid name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from ..agents.base import Agent
from ..agents.registry import AGENTS, load_agent
from ..envs.games import GAMES
from ..envs.minds import MAX_ORDER
from ..envs.probes import KINDS
from ..envs.simulation import MODES, Game, Simulation
from . import seeds
from .files import nearest

__all__ = [
    "FOCAL",
    "STANDARDS",
    "SUFFIXES",
    "Battery",
    "Reader",
    "Scenario",
    "ScenarioError",
    "episodes_of",
    "find_text",
    "list_batteries",
    "list_scenarios",
    "load",
    "load_battery",
    "load_scenario",
]

FOCAL = "focal"  # the role of the agent under test
STANDARDS = ("selfish", "prosocial")  # the agents between which kindness is measured
SUFFIXES = (".yaml", ".yml")
GROUPINGS = ("condition", "scenario", "kind", "group")
SETS = ("episode", "seed")
_FEW = 12  # names that a message may hold


class ScenarioError(ValueError):
    """A scenario, battery or curriculum that is wrong; the message names file, line and key."""


@dataclass(frozen=True)
class Scenario:
    """What is played by whom.

    Attributes:
        name: the file's name without its ending.
        description: what it is about.
        environment: one of ``GAMES``.
        roles: for each individual, by its name: ``"focal"`` or the agent that fills it (a reference
            agent's name or the path of a saved model).
        options: the environment's options, by name.
        tags: words to find it by.
        window, order: as in :class:`Simulation`; the family's default window where None.
        probes: the kinds of question that are put to focal individuals.
        episodes: how many are played, unless told otherwise.
        seed: which block of seeds, see :mod:`mindsight.scenarios.seeds`.
        threshold: all-of-a-set score to pass.
        perf_threshold: mean ``perf`` to pass where actions decide; 0: they do not.
        kindness_threshold: how far the others' true return has to lie between what ``selfish`` (0) and
            ``prosocial`` (1) bring them; 0: it is not measured.
        source: the file it was read from; empty where there is none.
        family: scenarios of one family and one seed are twins, see :class:`Battery`; the
            environment's name where empty.
    """

    name: str
    description: str
    environment: str
    roles: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    window: int | None = None
    order: int = 2
    probes: tuple[str, ...] = KINDS
    episodes: int = 200
    seed: int = 0
    threshold: float = 0.85
    perf_threshold: float = 0.85
    kindness_threshold: float = 0.0
    source: str = ""
    family: str = ""

    def __post_init__(self) -> None:
        if self.window is None:
            object.__setattr__(self, "window", self.game.window)

    @property
    def game(self) -> Game:
        """The environment's rules."""
        return GAMES[self.environment]

    @property
    def individuals(self) -> tuple[str, ...]:
        """Names of all who take part, in their order."""
        return tuple(self.roles)

    @property
    def focal(self) -> tuple[int, ...]:
        """Indices of the individuals that the agent under test decides for."""
        return tuple(k for k, role in enumerate(self.roles.values()) if role == FOCAL)

    @property
    def first_seed(self) -> int:
        """The seed of its first evaluation episode."""
        return seeds.evaluation_seed(self.seed)

    def background(self) -> dict[int, Agent]:
        """The agents of all other individuals, by index; individuals with one name share one."""
        made: dict[str, Agent] = {}
        return {
            k: made.setdefault(role, load_agent(role) if role not in made else made[role])
            for k, role in enumerate(self.roles.values())
            if role != FOCAL
        }

    def modes(self, focal: str = "external") -> npt.NDArray[np.int64]:
        """For each individual the engine mode of ``Simulation.script``: that of its background
        agent (``external`` for a saved model), and ``focal`` for the focal ones. (A,) int64."""
        return np.array(
            [
                MODES.index(focal if role == FOCAL else AGENTS[role]().mode if role in AGENTS else MODES[0])
                for role in self.roles.values()
            ],
            np.int64,
        )

    def with_options(self, **options: Any) -> Scenario:
        """The same with some of the game's options changed. Where more individuals take part then, each is
        played as the last one of its role is.

        Raises:
            ValueError: an option is wrong, it brings a role that nobody here plays, or with it nobody that is
                focal takes part any more.
        """
        changed = {**self.options, **options}
        names = self.game.individuals[: self.game.count(self.game.options.make(changed))]
        by_role = {self.game.roles[k]: who for k, who in enumerate(self.roles.values())}
        roles = {}
        for k, name in enumerate(names):
            if name not in self.roles and self.game.roles[k] not in by_role:
                raise ValueError(f"nobody of {self.name!r} plays the role {self.game.roles[k]!r}")
            roles[name] = self.roles[name] if name in self.roles else by_role[self.game.roles[k]]
        if FOCAL in self.roles.values() and FOCAL not in roles.values():
            raise ValueError(f"with {options} nobody that is focal in {self.name!r} takes part")
        return dataclasses.replace(self, options=changed, roles=roles)

    def of_family(self, family: str) -> Scenario:
        """Itself: a battery's part of one family is asked for in the same way.

        Args:
            family: ``"grid"`` or ``"conversation"``.

        Raises:
            ScenarioError: there is no such family, or this is of another one.
        """
        _members(self.name, (self,), family)
        return self

    def simulation(self, num_envs: int = 1, **arguments: Any) -> Simulation:
        """A batch of its worlds; ``arguments`` are :class:`Simulation`'s ``num_threads`` and
        ``autoreset``.

        Raises:
            ValueError: by its options others take part than its roles say.
        """
        count = self.game.count(self.game.options.make(dict(self.options)))
        if count != len(self.roles):  # kernels would read modes that are not there
            raise ValueError(
                f"{self.name}: by its options {count} individuals take part, and {len(self.roles)} have "
                "roles: change options by Scenario.with_options"
            )
        return self.game.simulation(num_envs, self.options, window=self.window, order=self.order, **arguments)


@dataclass(frozen=True)
class Battery:
    """Scenarios that are scored together.

    Attributes:
        name: the file's name without its ending.
        description: what it is about.
        scenarios: at least one. In a file an entry is a name, or a name with a list of options to
            play it with, one after the other; these are a family of their own.
        stages: what the card has a line for, each with the names of its scenarios; in a file
            ``scenarios`` is then a mapping of lines to lists. A scenario may stand in several.
        beside: agents that play it, too, where none are asked for.
        episodes: of each scenario, instead of its own number; 0: its own.
        tags: words to find it by.
        by: what the lines of the card are: one of ``GROUPINGS``.
        sets: what is passed together or not at all: questions of one group in one ``"episode"``, or
            in all episodes of one ``"seed"``, which are twins if the scenarios differ in one
            option.
        threshold: all-of-a-set score to pass.
        source: the file it was read from; empty where there is none.
    """

    name: str
    description: str
    scenarios: tuple[Scenario, ...]
    stages: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    beside: tuple[str, ...] = ()
    episodes: int = 0
    tags: tuple[str, ...] = ()
    by: str = "condition"
    sets: str = "episode"
    threshold: float = 0.85
    source: str = ""

    def of_family(self, family: str) -> Battery:
        """Its gridworlds, or its conversations, alone, as a battery ``"name (family)"``.

        Args:
            family: ``"grid"`` or ``"conversation"``.

        Raises:
            ScenarioError: there is no such family, or nothing of it in this battery.
        """
        kept = _members(self.name, self.scenarios, family)
        if len(kept) == len(self.scenarios):
            return self
        names = {each.name for each in kept}
        stages = {
            title: tuple(name for name in members if name in names) for title, members in self.stages.items()
        }
        stages = {title: members for title, members in stages.items() if members}
        return dataclasses.replace(self, name=f"{self.name} ({family})", scenarios=kept, stages=stages)


def _members(name: str, scenarios: Iterable[Scenario], family: str) -> tuple[Scenario, ...]:
    """Those of a family; :class:`ScenarioError` where there is no such family, or none of it in ``name``."""
    families = sorted({game.family for game in GAMES.values()})
    if family not in families:
        raise ScenarioError(
            f"family is {family!r}, expected one of {', '.join(families)}{nearest(family, families)}"
        )
    kept = tuple(each for each in scenarios if each.game.family == family)
    if not kept:
        known = sorted({each.game.family for each in scenarios})
        raise ScenarioError(f"family is {family!r}, but {name} has scenarios of {' and '.join(known)} only")
    return kept


# --- Finding --------------------------------------------------------------------------------------
def list_scenarios() -> list[str]:
    """Names of the built-in scenarios."""
    return _names(resources.files(__package__))


def list_batteries() -> list[str]:
    """Names of the built-in batteries."""
    return _names(resources.files(__package__) / "batteries")


def load_scenario(given: str | Path | Scenario) -> Scenario:
    """A scenario by the name of a built-in one or by the path of a file.

    Raises:
        ScenarioError: there is none, or it is wrong.
    """
    if isinstance(given, Scenario):
        return given
    text, source, name = find_text(given, list_scenarios(), "scenario", "")
    return _scenario(Reader(text, source), name)


def load_battery(given: str | Path | Battery) -> Battery:
    """A battery by the name of a built-in one or by the path of a file.

    Raises:
        ScenarioError: there is none, or it or one of its scenarios is wrong.
    """
    if isinstance(given, Battery):
        return given
    text, source, name = find_text(given, list_batteries(), "battery", "batteries")
    return _battery(Reader(text, source), name)


def load(given: str | Path | Scenario | Battery) -> Scenario | Battery:
    """A scenario or a battery, whichever has that name; a file with the key ``scenarios`` is a
    battery.

    Raises:
        ScenarioError: there is neither, or it is wrong.
    """
    if isinstance(given, (Scenario, Battery)):
        return given
    if str(given) in list_batteries():
        return load_battery(given)
    known = [*list_scenarios(), *list_batteries()]
    if str(given) in known:
        return load_scenario(given)
    text, source, name = find_text(given, known, "scenario or battery", "")
    reader = Reader(text, source)
    return _battery(reader, name) if "scenarios" in reader.data else _scenario(reader, name)


def episodes_of(battery: Scenario | Battery, given: int | None) -> int | None:
    """How many episodes of each scenario: as given, else as the battery says; None: as each says itself.

    ``ValueError`` for what is no number of episodes.
    """
    if given is not None:
        return seeds.some_episodes(given)
    return (battery.episodes or None) if isinstance(battery, Battery) else None


def _names(folder: Traversable) -> list[str]:
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(SUFFIXES))


def find_text(given: str | Path, known: list[str], what: str, folder: str) -> tuple[str, str, str]:
    """Text, source and name of a file that is built in or the user's."""
    name = str(given)
    if isinstance(given, str) and name in known:
        file = resources.files(__package__)
        file = file / folder / f"{name}.yaml" if folder else file / f"{name}.yaml"
        return file.read_text(encoding="utf-8"), str(file), name
    path = Path(given)
    if path.is_file():
        try:
            return path.read_text(encoding="utf-8"), str(path), path.stem
        except UnicodeDecodeError as error:
            raise ScenarioError(f"{path}: not a text file: {error}") from None
    if path.suffix in SUFFIXES or len(path.parts) > 1:
        raise ScenarioError(f"there is no file {name!r}")
    some = ", ".join(known) if len(known) <= _FEW else f"the {len(known)} that `mindsight list` shows"
    raise ScenarioError(
        f"{what} is {name!r}, expected the path of a file or one of {some}{nearest(name, known)}"
    )


# --- Reading --------------------------------------------------------------------------------------
class Reader:
    """A YAML mapping with the line of each of its keys, and errors that name them."""

    def __init__(self, text: str, source: str) -> None:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError

        self.source, self.within, self.top = source, "", 1
        try:
            # twice: once for plain Python values, once for the lines
            data = YAML(typ="safe", pure=True).load(text)
            self._marks = YAML(typ="rt").load(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = f":{mark.line + 1}" if mark else ""
            what = " ".join(str(error.problem or error.context).split())
            raise ScenarioError(f"{source}{line}: not valid YAML: {what}") from None
        except YAMLError as error:
            what = " ".join(str(error).split())
            raise ScenarioError(f"{source}: not valid YAML: {what}") from None
        if not isinstance(data, dict):
            raise ScenarioError(f"{source}:1: the file holds {_kind(data)}, expected keys and values")
        self.data: dict[Any, Any] = data

    def below(self, key: str, index: int | None = None) -> Reader:
        """The mapping that a key holds, or that stands at an index of its list."""
        value = self.data.get(key, {}) if index is None else self.data[key][index]
        if not isinstance(value, dict):
            self.fail(key, f"holds {_kind(value)} ({value!r}), expected keys and values", index)
        made = object.__new__(Reader)
        made.source, made.data = self.source, value
        made.top = self.line(key, index)
        made.within = f"{self.within}{key}." if index is None else f"{self.within}{key}[{index}]."
        try:
            made._marks = self._marks[key] if index is None else self._marks[key][index]
        except KeyError:
            made._marks = None  # it is not there, nor is any key below it
        return made

    def line(self, key: str, inner: Any = None) -> int:
        """The line of a key, or of a key or index below it."""
        marks = self._marks
        try:
            if inner is None:
                return int(marks.lc.key(key)[0]) + 1
            below = marks[key]
            by_index = isinstance(below, list)
            where = below.lc.item(inner) if by_index else below.lc.key(inner)
            return int(where[0]) + 1
        except (AttributeError, KeyError, IndexError, TypeError):
            return self.top if key not in self.data or inner is None else self.line(key)

    def fail(self, key: str, problem: str, inner: Any = None) -> NoReturn:
        name = self.within + (key if inner is None or isinstance(inner, int) else f"{key}.{inner}")
        line = self.line(key, inner)
        raise ScenarioError(f"{self.source}:{line}: key {name!r}: {problem}")

    def keys(self, known: Iterable[str], needed: Iterable[str]) -> None:
        """Only known keys, and all that are needed."""
        known = list(known)
        for key in self.data:
            if key not in known:
                raise ScenarioError(
                    f"{self.source}:{self.line(key)}: unknown key {f'{self.within}{key}'!r}, expected one of "
                    f"{', '.join(known)}{nearest(key, known)}"
                )
        for key in needed:
            if key not in self.data:
                raise ScenarioError(f"{self.source}:{self.top}: key {f'{self.within}{key}'!r} is missing")

    def text(self, key: str) -> str:
        value = self.data.get(key, "")
        if not isinstance(value, str):
            self.fail(key, f"is {_kind(value)} ({value!r}), expected text")
        return " ".join(value.split())

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.data.get(key, [])
        if not isinstance(value, list):
            self.fail(key, f"is {_kind(value)} ({value!r}), expected a list of words")
        for k, item in enumerate(value):
            if not isinstance(item, str):
                self.fail(key, f"holds {_kind(item)} ({item!r}), expected text", k)
        return tuple(value)

    def number(self, key: str, default: Any, good: Callable[[Any], bool], expected: str) -> Any:
        value = self.data.get(key, default)
        kinds = (int, float) if isinstance(default, float) else (int,)
        if isinstance(value, bool) or not isinstance(value, kinds) or not good(value):
            self.fail(key, f"is {value!r}, expected {expected}")
        return type(default)(value)

    def choice(self, key: str, default: str, known: Iterable[str]) -> str:
        value = self.data.get(key, default)
        known = list(known)
        if value not in known:
            self.fail(key, f"is {value!r}, expected one of {', '.join(known)}{nearest(value, known)}")
        return str(value)

    def mapping(self, key: str) -> dict[str, Any]:
        value = self.data.get(key, {})
        value = {} if value is None else value
        if not isinstance(value, dict):
            self.fail(key, f"is {_kind(value)} ({value!r}), expected names and values")
        for name in value:
            if not isinstance(name, str):
                self.fail(key, f"holds the name {name!r}, expected text", name)
        return value

    def share(self, key: str, default: float = 0.85) -> float:
        return float(self.number(key, default, lambda x: 0 <= x <= 1, "a number from 0 to 1"))


def _kind(value: Any) -> str:
    names = {dict: "a mapping", list: "a list", str: "text", type(None): "nothing"}
    return names.get(type(value), f"a {type(value).__name__}")


def _scenario(reader: Reader, name: str) -> Scenario:
    known = [item.name for item in dataclasses.fields(Scenario)]
    reader.keys(
        [key for key in known if key not in ("name", "source", "family")],
        ("description", "environment", "roles"),
    )
    environment = reader.choice("environment", "", GAMES)
    game = GAMES[environment]
    options = _options(reader, game)
    most = seeds.EVALUATION // seeds.BLOCK - 1
    return Scenario(
        name=name,
        description=reader.text("description"),
        environment=environment,
        roles=_roles(reader, game, game.individuals[: game.count(game.options.make(options))]),
        options=options,
        tags=reader.texts("tags"),
        window=reader.number(
            "window", game.window, lambda x: x in game.windows, f"one of {', '.join(map(str, game.windows))}"
        ),
        order=reader.number(
            "order", 2, lambda x: 0 <= x <= MAX_ORDER, f"a whole number from 0 to {MAX_ORDER}"
        ),
        probes=_probes(reader),
        episodes=reader.number(
            "episodes",
            200,
            lambda x: 1 <= x <= seeds.BLOCK,
            f"a whole number from 1 to {seeds.BLOCK}",
        ),
        seed=reader.number("seed", 0, lambda x: 0 <= x <= most, f"a whole number from 0 to {most}"),
        threshold=reader.share("threshold"),
        perf_threshold=reader.share("perf_threshold"),
        kindness_threshold=_kindness(reader, game),
        source=reader.source,
    )


def _kindness(reader: Reader, game: Game) -> float:
    """The threshold; only where there is something to measure it between."""
    threshold = reader.share("kindness_threshold", 0.0)
    missing = [mode for mode in STANDARDS if mode not in game.modes]
    if threshold and missing:
        reader.fail(
            "kindness_threshold",
            f"is {threshold}, but {game.name} has no character that acts as {' or '.join(missing)} to "
            f"measure kindness by",
        )
    return threshold


def _options(reader: Reader, game: Game) -> dict[str, Any]:
    options = reader.mapping("options")
    for option, value in options.items():
        try:
            game.options.make({option: value})
        except ValueError as error:
            reader.fail("options", str(error), option)
    try:
        game.options.make(options)
    except ValueError as error:  # each is right, together they are not
        reader.fail("options", str(error))
    return options


def _roles(reader: Reader, game: Game, individuals: tuple[str, ...]) -> dict[str, str]:
    """Who plays whom: keys are roles, or single individuals, which take precedence."""
    given = reader.mapping("roles")
    roles = dict.fromkeys(game.roles[: len(individuals)])
    for key, agent in given.items():
        if key not in roles and key not in individuals:
            known = list(dict.fromkeys([*roles, *individuals]))
            absent = key in game.roles or key in game.individuals
            reader.fail(
                "roles",
                f"{'takes no part with these options' if absent else 'unknown'}, expected one of "
                f"{', '.join(known)}{'' if absent else nearest(key, known)}",
                key,
            )
        if agent not in (FOCAL, *AGENTS) and not _model(reader, agent):
            known = [FOCAL, *AGENTS]
            reader.fail(
                "roles",
                f"is {agent!r}, expected {', '.join(known)} or the path of a saved model"
                f"{nearest(agent, known)}",
                key,
            )
    found: dict[str, str] = {}
    for individual, role in zip(individuals, game.roles, strict=False):
        agent = given.get(individual, given.get(role))
        if agent is None:
            reader.fail("roles", f"nobody plays {individual!r}: give {role!r} an agent, or {FOCAL!r}")
        known_name = agent == FOCAL or agent in AGENTS
        found[individual] = agent if known_name else str(_model(reader, agent))
    if FOCAL not in found.values():
        reader.fail("roles", f"nobody is {FOCAL!r}: give at least one role to the agent under test")
    return found


def _model(reader: Reader, agent: Any) -> Path | None:
    """The path of a saved model: as given, or beside the scenario's file."""
    if not isinstance(agent, str) or not agent:
        return None
    for path in (Path(agent), Path(reader.source).parent / agent):
        if path.exists():
            return path
    return None


def _probes(reader: Reader) -> tuple[str, ...]:
    given = reader.data.get("probes", "all")
    if given == "all":
        return KINDS
    if given == "none":
        return ()
    kinds = [given] if isinstance(given, str) else reader.texts("probes")
    for k, kind in enumerate(kinds):
        if kind not in KINDS:
            known = [*KINDS, "all", "none"] if isinstance(given, str) else KINDS
            reader.fail(
                "probes",
                f"is {kind!r}, expected one of {', '.join(known)}{nearest(kind, known)}",
                None if isinstance(given, str) else k,
            )
    return tuple(kinds)


def _battery(reader: Reader, name: str) -> Battery:
    known = [item.name for item in dataclasses.fields(Battery)]
    reader.keys([key for key in known if key not in ("name", "source")], ("description", "scenarios"))
    given = reader.data["scenarios"]
    if given in ([], {}):
        reader.fail("scenarios", f"is {given!r}, expected at least one scenario")
    lines = given if isinstance(given, dict) else {"": given}
    found: dict[str, Scenario] = {}
    stages: dict[str, tuple[str, ...]] = {}
    number = 0  # of the entry: families are told apart by it
    for title, entries in lines.items():
        if entries == []:
            reader.fail("scenarios", "is [], expected at least one scenario", title)
        if not isinstance(entries, list):
            what = f"is {_kind(entries)} ({entries!r}), expected a list of scenarios"
            reader.fail("scenarios", what, title or None)
        members: list[str] = []
        for k, entry in enumerate(entries):
            for scenario in _entry(reader, title, k, number, entry):
                if scenario.name in (members if title else found):
                    reader.fail("scenarios", f"names {scenario.name!r} twice", title or k)
                found.setdefault(scenario.name, scenario)
                members.append(scenario.name)
            number += 1
        if title:
            stages[title] = tuple(members)
    most = seeds.BLOCK
    expected = f"a whole number from 0 to {most}"
    episodes = reader.number("episodes", 0, lambda n: 0 <= n <= most, expected)
    return Battery(
        name=name,
        description=reader.text("description"),
        scenarios=tuple(found.values()),
        stages=stages,
        beside=_references(reader),
        episodes=episodes,
        tags=reader.texts("tags"),
        by=reader.choice("by", "condition", GROUPINGS),
        sets=reader.choice("sets", "episode", SETS),
        threshold=reader.share("threshold"),
        source=reader.source,
    )


def _references(reader: Reader) -> tuple[str, ...]:
    """Agents by name. Whether there is what a path or ``"module:Class"`` names is seen when it is loaded."""
    names = reader.texts("beside")
    for k, name in enumerate(names):
        if name not in AGENTS and ":" not in name and not Path(name).exists():
            expected = f"{', '.join(AGENTS)}, the path of a saved model, or 'module:Class'"
            reader.fail("beside", f"holds {name!r}, expected {expected}{nearest(name, AGENTS)}", k)
    return names


def _word(name: str, value: Any) -> str:
    """What a variant's name says of one of its options: the value, which says enough of itself, but of a
    switch which one it is."""
    if isinstance(value, bool):
        return name if value else f"no_{name}"
    return str(value)


def _entry(reader: Reader, title: str, k: int, number: int, entry: Any) -> list[Scenario]:
    """The scenarios of an entry of a battery's list: ``name``, or ``name: [options, ...]``. It is entry
    ``k`` of the list under ``title``, and entry ``number`` of all."""
    given, variants = entry, None
    where = title or k
    if isinstance(entry, dict) and len(entry) == 1:
        ((given, variants),) = entry.items()
        if not isinstance(variants, list) or not all(
            isinstance(each, dict) and all(isinstance(name, str) for name in each) for each in variants
        ):
            reader.fail("scenarios", f"holds {entry!r}, expected 'name: [options, options ...]'", where)
    if not isinstance(given, str):
        reader.fail("scenarios", f"holds {_kind(entry)} ({entry!r}), expected a name", where)
    beside = Path(reader.source).parent / given
    try:
        scenario = load_scenario(beside if beside.is_file() else given)
    except ScenarioError as error:
        reader.fail("scenarios", str(error), where)
    if variants is None:
        return [scenario]
    found = []
    for variant in variants:
        try:
            made = scenario.with_options(**variant)
        except ValueError as error:
            reader.fail("scenarios", f"{given}: {error}", where)
        words = [_word(name, value) for name, value in variant.items()]
        found.append(
            dataclasses.replace(
                made, name="-".join([scenario.name, *words]), family=f"{scenario.name} {number + 1}"
            )
        )
    return found
