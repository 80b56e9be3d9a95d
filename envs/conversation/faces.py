"""The faces of conversations: one simulation, seen as each library wants to see it.

================================ ==================================================================
face                             what it is
================================ ==================================================================
:class:`TurnEnvironment`         PettingZoo's AEC, the native one: one individual has its turn
:class:`LearnerEnvironment`      Gymnasium, one learner among characters of the game
:class:`VectorEnvironment`       a batch of conversations, an action for whoever has the turn in each
:class:`LearnerVectorEnvironment` Gymnasium's ``make_vec``: a batch with one learner a conversation
================================ ==================================================================

Actions: ``"utterance"``, the number of an utterance in the environment's menu (the default, with a mask
in ``info["action_mask"]``); ``"tokens"``, word tokens; ``"text"``, English. What is not understood, or
cannot be said here and now, says nothing: it costs the turn, and ``info["not_understood"]`` has the
reason.

Observations: ``"flat"``, one-hot numbers, the last messages that one perceived (the default); ``"tokens"``,
a dict of word tokens and senders, and of the menu in words, by whose numbers one speaks; ``"text"``, the
transcript.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import index as whole
from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from pettingzoo import AECEnv

from ..faces import (
    AUTORESET_MODES,
    METADATA,
    RENDER_MODES,
    check_kind,
    check_names,
    draw,
    kind_of,
    learner_of,
    sampler_of,
    sampler_state,
    with_limit,
)
from ..simulation import AUTORESET
from . import GAMES, language, views
from .engine import CAPACITY
from .game import Game, Simulation
from .language import LENGTH, VOCABULARY

__all__ = [
    "ACTIONS",
    "OBSERVATIONS",
    "LearnerEnvironment",
    "LearnerVectorEnvironment",
    "TurnEnvironment",
    "VectorEnvironment",
    "describe",
]

OBSERVATIONS = ("flat", "tokens", "text")
ACTIONS = ("utterance", "tokens", "text")
_TEXT = 200  # letters of an utterance at most
_STORY = 12_000  # letters of a transcript at most
_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:;!?'\"()-*\n")


def observation_space(observation: str, window: int, count: int) -> spaces.Space[Any]:
    """The space of one individual's observations; ``count`` utterances in the menu."""
    if observation == "flat":
        return spaces.Box(0, 1, (views.flat_size(window),), np.uint8)
    if observation == "text":
        return spaces.Text(_STORY, min_length=0, charset=_CHARACTERS)
    top = len(VOCABULARY) - 1
    return spaces.Dict(
        {
            "tokens": spaces.Box(0, top, (CAPACITY, LENGTH), np.int16),
            "sender": spaces.Box(0, top, (CAPACITY,), np.int16),
            "self": spaces.Box(0, top, (), np.int16),
            "menu": spaces.Box(0, top, (count, LENGTH), np.int16),
        }
    )


def action_space(actions: str, count: int) -> spaces.Space[Any]:
    """The space of one individual's actions; ``count`` utterances in the menu."""
    if actions == "utterance":
        return spaces.Discrete(count)
    if actions == "text":
        return spaces.Text(_TEXT, min_length=0, charset=_CHARACTERS)
    return spaces.MultiDiscrete(np.full(LENGTH, len(VOCABULARY)))


def describe(game: Game) -> str:
    """An environment's page: its rules in words, its individuals, its menu, its observation."""
    options = game.options()
    menu = "\n".join(f"  {k:2d}  {name}" for k, name in enumerate(game.actions(options)))
    parts = [(name, first, size) for name, first, size in views.flat_layout(1)]
    layout = "\n".join(f"  {name.replace('message -1', 'a message:')}: {size}" for name, _, size in parts)
    return "\n\n".join(
        [
            game.documentation.strip(),
            f"Individuals: {', '.join(game.individuals)}. The Gymnasium face's learner: {game.learner}.",
            "Utterances with these options; individuals are counted from the speaker on, and what cannot be\n"
            f"said now is masked in info['action_mask']:\n{menu}",
            "Observation, flat: for each of the last messages that one perceived (the newest first), then\n"
            f"once for oneself, one-hot numbers:\n{layout}",
        ]
    )


class _Single:
    """What both faces of a single conversation share: a batch of one, its percepts as copies."""

    simulation: Simulation
    render_mode: str | None

    def _build(
        self,
        name: str,
        observation: str,
        actions: str,
        labels: bool,
        window: int | None,
        order: int,
        render_mode: str | None,
        options: dict[str, Any],
        **more: Any,
    ) -> None:
        check_names("environment", name, tuple(GAMES))
        check_names("observation", observation, OBSERVATIONS)
        check_names("actions", actions, ACTIONS)
        if render_mode is not None:
            check_names("render_mode", render_mode, RENDER_MODES)
        if labels and observation != "tokens":
            raise ValueError(f"labels is {labels!r} with observation {observation!r}, expected 'tokens'")
        self._arguments = {
            "name": name, "observation": observation, "actions": actions, "labels": labels,
            "window": window, "order": order, "render_mode": render_mode, **more, **options,
        }  # fmt: skip
        self.simulation = Simulation(GAMES[name], 1, options, window=window, order=order)
        self.observation, self.actions, self.labels = observation, actions, labels
        self.render_mode = render_mode
        self.metadata = {**METADATA, "is_parallelizable": False, "name": f"{name}_v0"}
        self._names = list(self.simulation.individuals)
        self._begun = False
        self._flat = np.empty((1, 1, views.flat_size(self.simulation.size)), np.uint8)
        self._reason = ""  # why the last utterance was not understood

    def _spaces(self) -> tuple[spaces.Space[Any], spaces.Space[Any]]:
        count = len(self.simulation.actions)
        observed = observation_space(self.observation, self.simulation.size, count)
        if self.labels and isinstance(observed, spaces.Dict):
            shape = (CAPACITY, self.simulation.count)
            observed = spaces.Dict({**observed.spaces, "perceivers": spaces.Box(0, 1, shape, np.uint8)})
        return observed, action_space(self.actions, count)

    def _begin(self, seed: int | None) -> None:
        """A new episode; without a seed the stream goes on, or starts anywhere the first time."""
        if seed is None and not self._begun:
            seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> 1)
        self.simulation.reset(seed)
        self._begun = True
        self._reason = ""

    def _number(self, action: Any, a: int) -> int:
        """The number in the menu of what individual ``a`` wants to say; 0 for what is not understood.

        ``ValueError``, and nothing moves, for what is no action at all.
        """
        simulation, self._reason = self.simulation, ""
        if self.actions == "utterance":
            try:
                number = whole(action)
            except TypeError:
                number = -1
            if not 0 <= number < len(simulation.actions):
                raise ValueError(
                    f"the action of {self._names[a]} is {action!r}, expected a whole number from 0 to "
                    f"{len(simulation.actions) - 1}"
                )
            return number
        if self.actions == "text":
            if not isinstance(action, str):
                raise ValueError(f"the action of {self._names[a]} is {action!r}, expected text")
            try:
                return simulation.read(0, a, action)
            except language.NotUnderstood as error:
                self._reason = str(error)
                return 0
        tokens = np.asarray(action)
        if tokens.shape != (LENGTH,) or tokens.dtype.kind not in "iu":
            raise ValueError(f"the action of {self._names[a]} is {action!r}, expected {LENGTH} word tokens")
        try:
            return simulation.choose(0, a, tuple(int(token) for token in tokens))
        except language.NotUnderstood as error:
            self._reason = str(error)
            return 0

    def token_masks(self, prefix: Sequence[int] = ()) -> npt.NDArray[np.bool_]:
        """(vocabulary,) bool, which word tokens may come next after ``prefix``: the grammar's mask."""
        found: npt.NDArray[np.bool_] = language.token_masks(tuple(prefix))
        return found

    def _percept(self, a: int) -> Any:
        """One's observation, as a new object."""
        simulation = self.simulation
        if self.observation == "flat":
            views.flatten(simulation.worlds, a, simulation.size, self._flat, 0, 1)
            return self._flat[0, 0].copy()
        if self.observation == "text":
            return simulation.transcript(0, a)
        found = {key: value[0] for key, value in simulation.view("tokens", a).items()}
        found["self"] = np.array(found["self"], np.int16)
        found["menu"] = simulation.menu_tokens(a)[0]
        if self.labels:
            heard = simulation.perceivers(0)
            labels = np.zeros((CAPACITY, simulation.count), np.uint8)
            labels[: int(heard[:, a].sum())] = heard[heard[:, a]]
            found["perceivers"] = labels
        return found

    # --- looking at it
    def render(self) -> Any:
        """A frame: (H, W, 3) uint8, text, or None after showing it, as ``render_mode`` says."""
        return draw(self.simulation, self.render_mode)

    def close(self) -> None:
        """Free what rendering holds."""
        if self.render_mode == "human":
            from ... import renders

            renders.close()

    # --- state is a value
    def get_state(self) -> dict[str, Any]:
        """All that the next step depends on, as a value of its own; for :meth:`set_state`."""
        return {
            "of": kind_of(self.simulation),
            "simulation": self.simulation.get_state(),
            "begun": self._begun,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from there; ``ValueError`` if the state is of another game or other sizes."""
        check_kind(self.simulation, state)
        self.simulation.set_state(state["simulation"])
        self._begun = state["begun"]

    def __getstate__(self) -> dict[str, Any]:
        return {
            "arguments": self._arguments,
            "state": self.get_state(),
            "spaces": {k: v for k, v in self.__dict__.items() if k in self._SPACES},
        }

    def __setstate__(self, saved: dict[str, Any]) -> None:
        type(self).__init__(self, **saved["arguments"])
        self.__dict__.update(saved["spaces"])  # with the state of their samplers
        self.set_state(saved["state"])

    _SPACES: ClassVar[tuple[str, ...]] = (
        "_observation_spaces",
        "_action_spaces",
        "observation_space",
        "action_space",
    )


class TurnEnvironment(_Single, AECEnv[str, Any, Any]):
    """PettingZoo's AEC face: ``agent_selection`` is the individual whose turn it is.

    Args:
        name: of the environment.
        observation: ``"flat"``, ``"tokens"`` or ``"text"``.
        actions: ``"utterance"``, ``"tokens"`` or ``"text"``.
        labels: with ``observation="tokens"``, also who perceived each message: the engine's knowledge,
            for named upper bounds.
        window: how many messages the flat view reaches back: 8, 16 or 32.
        order: the highest order of belief that is tracked.
        render_mode: ``"human"``, ``"rgb_array"``, ``"ansi"`` or None.
        max_cycles: PettingZoo's name for the option ``limit``, here of turns.
        **options: the game's options.

    Raises:
        ValueError: for an unknown name or option, or a value out of its range; it says what was
            expected.
    """

    metadata: dict[str, Any] = METADATA

    def __init__(
        self,
        name: str,
        *,
        observation: str = "flat",
        actions: str = "utterance",
        labels: bool = False,
        window: int | None = None,
        order: int = 2,
        render_mode: str | None = None,
        max_cycles: int | None = None,
        **options: Any,
    ) -> None:
        AECEnv.__init__(self)  # type: ignore[no-untyped-call, arg-type]
        options = with_limit(options, max_cycles)
        self._build(name, observation, actions, labels, window, order, render_mode, options)
        self.possible_agents = list(self._names)
        self.agents: list[str] = []
        made = {individual: self._spaces() for individual in self._names}
        self._observation_spaces = {individual: pair[0] for individual, pair in made.items()}
        self._action_spaces = {individual: pair[1] for individual, pair in made.items()}
        self._row = np.zeros((1, self.simulation.count), np.int64)

    def observation_space(self, agent: str) -> gymnasium.spaces.Space[Any]:
        """The space of an individual's observations."""
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> gymnasium.spaces.Space[Any]:
        """The space of an individual's actions."""
        return self._action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """A new episode. ``options`` has no meaning here."""
        self._begin(seed)
        names = self._names
        self.agents = names[:]
        self._skip_agent_selection: str | None = None  # type: ignore[assignment]
        self.rewards = dict.fromkeys(names, 0.0)
        self._cumulative_rewards = dict.fromkeys(names, 0.0)
        self.terminations = dict.fromkeys(names, False)
        self.truncations = dict.fromkeys(names, False)
        self._turn(names[0])

    def _turn(self, last: str) -> None:
        """Pass the turn on, with everybody's info."""
        simulation = self.simulation
        self.agent_selection = self._names[int(simulation.worlds["speaker"][0])]
        masks = simulation.masks[0].copy()
        self.infos = {name: {"action_mask": mask} for name, mask in zip(self._names, masks, strict=True)}
        if self._reason:
            self.infos[last]["not_understood"] = self._reason

    def step(self, action: Any) -> None:
        """What ``agent_selection`` says or does; None for one whose episode is over.

        Raises:
            ValueError: for what is no action.
        """
        name = self.agent_selection
        if self.terminations[name] or self.truncations[name]:
            self._was_dead_step(action)
            return
        simulation = self.simulation
        a = int(simulation.worlds["speaker"][0])
        self._row[0, a] = self._number(action, a)
        simulation.step(self._row)
        self._row[0, a] = 0
        gained = simulation.rewards[0].tolist()
        self.rewards = dict(zip(self._names, gained, strict=True))
        total = self._cumulative_rewards
        total[name] = 0.0
        for each, more in self.rewards.items():
            total[each] += more
        terminated, truncated = simulation.ends[0].tolist()
        if terminated or truncated:
            self.terminations = dict.fromkeys(self._names, bool(terminated))
            self.truncations = dict.fromkeys(self._names, bool(truncated))
        self._turn(name)

    def observe(self, agent: str) -> Any:
        """What an individual perceives, as a copy."""
        return self._percept(self._names.index(agent))

    _TURN = (
        "agents", "agent_selection", "rewards", "_cumulative_rewards", "terminations",
        "truncations", "infos", "_skip_agent_selection",
    )  # fmt: skip

    def get_state(self) -> dict[str, Any]:
        turn: dict[str, Any] = {key: getattr(self, key) for key in self._TURN if hasattr(self, key)}
        copies: dict[str, Any] = {k: v.copy() if isinstance(v, (list, dict)) else v for k, v in turn.items()}
        if "infos" in copies:
            copies["infos"] = {
                name: {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in info.items()}
                for name, info in copies["infos"].items()
            }
        return {**super().get_state(), "turn": copies}

    get_state.__doc__ = _Single.get_state.__doc__

    def set_state(self, state: Mapping[str, Any]) -> None:
        super().set_state(state)
        for key, value in state["turn"].items():
            setattr(self, key, value.copy() if isinstance(value, (list, dict)) else value)

    set_state.__doc__ = _Single.set_state.__doc__


class LearnerEnvironment(_Single, gymnasium.Env[Any, Any]):
    """Gymnasium's face: one learner among characters of the game, who play until its next turn.

    Args:
        name, observation, actions, labels, window, order, render_mode, **options: as for
            :class:`TurnEnvironment`.
        learner: the individual that ``step`` acts for; the game's learner by default.
        others: who decides for the others: a mode of the game but ``"external"``, or such a mode for
            each role or individual.
    """

    metadata: dict[str, Any] = METADATA

    def __init__(
        self,
        name: str,
        *,
        observation: str = "flat",
        actions: str = "utterance",
        labels: bool = False,
        window: int | None = None,
        order: int = 2,
        render_mode: str | None = None,
        learner: str | None = None,
        others: str | Mapping[str, str] = "scripted",
        **options: Any,
    ) -> None:
        more = {"learner": learner, "others": others}
        self._build(name, observation, actions, labels, window, order, render_mode, options, **more)
        self.learner, self._index, self._modes = learner_of(self.simulation, learner, others)
        self.observation_space, self.action_space = self._spaces()

    def _info(self) -> dict[str, Any]:
        info: dict[str, Any] = {"action_mask": self.simulation.masks[0, self._index].copy()}
        if self._reason:
            info["not_understood"] = self._reason
        return info

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """A new episode up to the learner's first turn: observation and info. ``options`` has no
        meaning here."""
        gymnasium.Env.reset(self, seed=seed)
        self._begin(seed)
        self.simulation.play_others(self._index, self._modes)
        return self._percept(self._index), self._info()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """The learner's turn, and the others' until its next: what it gained in them together.

        Raises:
            ValueError: for what is no action; nothing has been said then.
            RuntimeError: before the first :meth:`reset`.
        """
        if not self._begun:
            raise RuntimeError("step() was called before reset()")
        number = np.array([self._number(action, self._index)], np.int64)
        gained, ends = self.simulation.play_others(self._index, self._modes, number)
        terminated, truncated = ends[0].tolist()
        return (
            self._percept(self._index),
            float(gained[0]),
            terminated != 0,
            truncated != 0,
            self._info(),
        )

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """(actions,) bool, what sb3-contrib's MaskablePPO asks for."""
        mask: npt.NDArray[np.bool_] = self.simulation.masks[0, self._index].astype(np.bool_)
        return mask

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "np_random": sampler_state(self._np_random)}

    get_state.__doc__ = _Single.get_state.__doc__

    def set_state(self, state: Mapping[str, Any]) -> None:
        super().set_state(state)
        self._np_random = sampler_of(state["np_random"])

    set_state.__doc__ = _Single.set_state.__doc__


class VectorEnvironment(gymnasium.vector.VectorEnv[Any, npt.NDArray[Any], npt.NDArray[Any]]):
    """A batch of conversations: an action for whoever has the turn in each.

    Observations (B, N) are those of the individuals whose turn it is, ``infos["speaker"]`` (B,), with
    their ``infos["action_mask"]`` (B, U). They alternate between two buffers: what one step returned is
    overwritten by the step after the next.

    Args:
        name: of the environment.
        num_envs: B, the number of conversations.
        seed: conversation k of the first :meth:`reset` without a seed is seeded ``seed + k``.
        num_threads: the batch is stepped in as many pieces at once.
        observation: ``"flat"``.
        autoreset: what becomes of a conversation that has ended: ``"same_step"`` (a new one begins in the
            same step), ``"next_step"`` (it begins in the next step, whose action is ignored) or
            ``"disabled"`` (``reset(options={"reset_mask": ...})`` does it); or Gymnasium's
            ``AutoresetMode``.
        window, order, render_mode, **options: as for :class:`TurnEnvironment`.

    Attributes:
        individuals: names, in the order of the axis A of rewards.
        simulation: what is behind it.
    """

    def __init__(
        self,
        name: str,
        num_envs: int = 1,
        *,
        seed: int | None = 0,
        num_threads: int = 1,
        observation: str = "flat",
        autoreset: str | AutoresetMode = "same_step",
        window: int | None = None,
        order: int = 2,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        check_names("environment", name, tuple(GAMES))
        check_names("observation", observation, OBSERVATIONS[:1])
        if render_mode is not None:
            check_names("render_mode", render_mode, RENDER_MODES)
        if isinstance(autoreset, AutoresetMode):
            autoreset = next(k for k, mode in AUTORESET_MODES.items() if mode == autoreset)
        check_names("autoreset", autoreset, AUTORESET)
        self._arguments: dict[str, Any] = {
            "name": name, "num_envs": num_envs, "seed": seed, "num_threads": num_threads,
            "observation": observation, "autoreset": autoreset, "window": window, "order": order,
            "render_mode": render_mode, **options,
        }  # fmt: skip
        self.simulation = Simulation(
            GAMES[name], num_envs, options,
            window=window, order=order, num_threads=num_threads, autoreset=autoreset,
        )  # fmt: skip
        self.num_envs, self.observation, self.autoreset = int(num_envs), observation, autoreset
        self.render_mode = render_mode
        self.individuals = self.simulation.individuals
        self.metadata = {
            **METADATA, "name": f"{name}_v0", "autoreset_mode": AUTORESET_MODES[autoreset],
        }  # fmt: skip
        self._first_seed, self._begun = seed, False
        count = len(self.simulation.actions)
        self.single_observation_space = observation_space(observation, self.simulation.size, count)
        self.single_action_space = action_space("utterance", count)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        size = views.flat_size(self.simulation.size)
        self._out = np.zeros((2, self.num_envs, 1, size), np.uint8)
        self._side = 0
        self._rows = np.arange(self.num_envs)
        self._actions = np.zeros((self.num_envs, self.simulation.count), np.int64)

    # --- what the two vector faces do differently
    def _start(self) -> None:
        """After a reset."""

    def _who(self) -> Any:
        """Whose observation is handed out in each conversation."""
        return self.simulation.worlds["speaker"].astype(np.int64)

    def _write(self, out: npt.NDArray[np.uint8]) -> None:
        self.simulation._run(views.flatten_speakers, self.simulation.worlds, self.simulation.size, out)

    def _final(self, world: int) -> npt.NDArray[np.uint8]:
        """The last percepts of an episode, (A, N)."""
        out = np.zeros((1, self.simulation.count, self._out.shape[3]), np.uint8)
        row = self.simulation.final_worlds[world : world + 1]
        views.flatten(row, 0, self.simulation.size, out, 0, 1)
        percepts: npt.NDArray[np.uint8] = out[0]
        return percepts

    # --- stepping
    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """New episodes in all conversations, or in those of ``options={"reset_mask": (B,) bool}``.

        Conversation k's stream is seeded ``seed + k``; without a seed it goes on, and at the first time
        starts from the seed given when this environment was made.

        Raises:
            ValueError: for a mask of another shape or type, or without any conversation.
        """
        mask = (options or {}).get("reset_mask")
        if mask is not None and (
            not isinstance(mask, np.ndarray)
            or mask.shape != (self.num_envs,)
            or mask.dtype != np.bool_
            or not mask.any()
        ):
            raise ValueError(
                f"options['reset_mask'] is {mask!r}, expected an array of shape ({self.num_envs},), dtype "
                "bool, with at least one True"
            )
        super().reset(seed=seed)
        if seed is None and not self._begun:
            seed = self._first_seed
            if seed is None:
                seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> 1)
            if mask is not None:  # the others' streams start, too
                self.simulation.reset(seed)
        self.simulation.reset(seed, mask)
        self._begun = True
        self._start()
        return self._observe(), self._infos(None)

    def _checked(self, actions: Any) -> npt.NDArray[np.int64]:
        actions = np.asarray(actions)
        if actions.shape != (self.num_envs,) or actions.dtype.kind not in "iu":
            raise ValueError(
                f"actions have shape {actions.shape} and dtype {actions.dtype}, expected "
                f"({self.num_envs},) whole numbers: one for each conversation"
            )
        wrong = (actions < 0) | (actions >= len(self.simulation.actions))
        if wrong.any():
            world = int(np.flatnonzero(wrong)[0])
            raise ValueError(
                f"the action in conversation {world} is {actions[world]}, expected 0 to "
                f"{len(self.simulation.actions) - 1}"
            )
        if not self._begun:
            raise RuntimeError("step() was called before reset()")
        chosen: npt.NDArray[np.int64] = actions.astype(np.int64)
        return chosen

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[Any, npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], dict[str, Any]]:
        """One turn of all conversations.

        Args:
            actions: (B,) whole numbers, of the individuals in ``infos["speaker"]``.

        Returns:
            Observations (B, N); rewards (B, A) float32; terminations and truncations (B,) bool; infos
            with ``speaker`` (B,), ``action_mask`` (B, U) and, where an episode has ended and another has
            begun, ``final_obs`` (B,), objects (A, N), ``perf`` (B,) and ``_final_obs`` (B,) bool.

        Raises:
            ValueError: for another shape or what is no action; nothing has been said then.
            RuntimeError: before the first :meth:`reset`.
        """
        self._actions[self._rows, self._who()] = self._checked(actions)
        self.simulation.step(self._actions)
        ends = self.simulation.ends.astype(np.bool_)
        ended: npt.NDArray[np.bool_] | None = None
        if self.autoreset == "same_step":
            ended = np.asarray(ends.any(1))
        rewards = self.simulation.rewards.copy()
        return self._observe(), rewards, ends[:, 0], ends[:, 1], self._infos(ended)

    def _observe(self) -> npt.NDArray[np.uint8]:
        self._side ^= 1
        self._write(self._out[self._side])
        shown: npt.NDArray[np.uint8] = self._out[self._side][:, 0]
        return shown

    def _infos(self, ended: npt.NDArray[np.bool_] | None) -> dict[str, Any]:
        who = self._who()
        infos: dict[str, Any] = {"action_mask": self.simulation.masks[self._rows, who], "speaker": who}
        if ended is not None and ended.any():
            final = np.full(self.num_envs, None, object)
            for k in np.flatnonzero(ended):
                final[k] = self._final(int(k))
            infos["final_obs"], infos["_final_obs"] = final, ended.copy()
            infos["perf"] = np.where(ended, self.simulation.final_worlds["perf"], np.float32(0))
        return infos

    # --- looking at it
    def render(self) -> tuple[Any, ...] | None:
        """A frame of each conversation, as ``render_mode`` says; ``"human"`` shows the first."""
        if self.render_mode in (None, "human"):
            frames: tuple[Any, ...] | None = draw(self.simulation, self.render_mode)
            return frames
        return tuple(draw(self.simulation, self.render_mode, k) for k in range(self.num_envs))

    def close_extras(self, **_: Any) -> None:
        """Stop the threads."""
        self.simulation.close()

    # --- state is a value
    def get_state(self) -> dict[str, Any]:
        """All that the next step depends on, as a value of its own; for :meth:`set_state`."""
        return {
            "of": kind_of(self.simulation),
            "simulation": self.simulation.get_state(),
            "begun": self._begun,
            "np_random": sampler_state(self._np_random),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from there; ``ValueError`` if the state is of another game or other sizes."""
        check_kind(self.simulation, state)
        self.simulation.set_state(state["simulation"])
        self._begun = state["begun"]
        self._np_random = sampler_of(state["np_random"])

    _KEPT = ("action_space", "single_action_space", "single_observation_space")

    def __getstate__(self) -> dict[str, Any]:
        return {
            "arguments": self._arguments,
            "state": self.get_state(),
            "spaces": {key: self.__dict__[key] for key in self._KEPT},
            "spec": self.spec,
        }

    def __setstate__(self, saved: dict[str, Any]) -> None:
        type(self).__init__(self, **saved["arguments"])
        self.__dict__.update(saved["spaces"])
        self.spec = saved["spec"]
        self.set_state(saved["state"])


class LearnerVectorEnvironment(VectorEnvironment):
    """Gymnasium's vector face: a batch of conversations with one learner each; arrays (B, ...).

    What ``gymnasium.make_vec`` makes. Where an episode has ended and another has begun, ``final_obs`` is a
    (B,) array of objects and ``final_info`` a dict with ``action_mask`` and ``perf``; ``_final_obs`` and
    ``_final_info`` say where.

    Args:
        learner, others: as for :class:`LearnerEnvironment`.
        autoreset, autoreset_mode: as for :class:`VectorEnvironment`; two names of one option.
        name, num_envs, seed, num_threads, observation, window, order, render_mode, **options: as for
            :class:`VectorEnvironment`; without a seed streams start anywhere.
    """

    def __init__(
        self,
        name: str,
        num_envs: int = 1,
        *,
        seed: int | None = None,
        num_threads: int = 1,
        observation: str = "flat",
        autoreset: str | AutoresetMode | None = None,
        autoreset_mode: str | AutoresetMode | None = None,
        window: int | None = None,
        order: int = 2,
        render_mode: str | None = None,
        learner: str | None = None,
        others: str | Mapping[str, str] = "scripted",
        **options: Any,
    ) -> None:
        if autoreset is not None and autoreset_mode is not None:
            raise ValueError(
                f"autoreset={autoreset!r} and autoreset_mode={autoreset_mode!r} are two names "
                "of one option, expected one of them"
            )
        chosen = autoreset if autoreset is not None else autoreset_mode
        super().__init__(
            name, num_envs, seed=seed, num_threads=num_threads, observation=observation,
            autoreset="next_step" if chosen is None else chosen,
            window=window, order=order, render_mode=render_mode, **options,
        )  # fmt: skip
        self.learner, self._index, self._modes = learner_of(self.simulation, learner, others)
        self._arguments |= {"learner": learner, "others": others}

    def _start(self) -> None:
        self.simulation.play_others(self._index, self._modes)

    def _who(self) -> Any:
        return np.full(self.num_envs, self._index)

    def _write(self, out: npt.NDArray[np.uint8]) -> None:
        simulation = self.simulation
        simulation._run(views.flatten, simulation.worlds, self._index, simulation.size, out)

    def _final(self, world: int) -> npt.NDArray[np.uint8]:
        """The learner's last percept of an episode, (N,)."""
        found: npt.NDArray[np.uint8] = super()._final(world)[self._index]
        return found

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[Any, npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], dict[str, Any]]:
        """The learners' turns, and the others' until their next.

        Args:
            actions: (B,) whole numbers.

        Returns:
            Observations (B, N), rewards (B,) float32, terminations and truncations (B,) bool, infos.

        Raises:
            ValueError: for another shape or what is no action; nothing has been said then.
            RuntimeError: before the first :meth:`reset`.
        """
        chosen = self._checked(actions)
        gained, over = self.simulation.play_others(self._index, self._modes, chosen)
        ends = over.astype(np.bool_)
        ended: npt.NDArray[np.bool_] | None = None
        if self.autoreset == "same_step":
            ended = np.asarray(ends.any(1))
        return self._observe(), gained, ends[:, 0], ends[:, 1], self._infos(ended)

    def _infos(self, ended: npt.NDArray[np.bool_] | None) -> dict[str, Any]:
        infos = super()._infos(ended)
        del infos["speaker"]
        infos["_action_mask"] = np.ones(self.num_envs, np.bool_)
        if "_final_obs" in infos:
            where = infos["_final_obs"]
            # when an episode is over nothing can be said
            over = np.zeros((self.num_envs, len(self.simulation.actions)), np.int8)
            over[:, 0] = 1
            infos["final_info"] = {
                "action_mask": over,
                "_action_mask": where.copy(),
                "perf": infos.pop("perf"),
                "_perf": where.copy(),
            }
            infos["_final_info"] = where.copy()
        return infos
