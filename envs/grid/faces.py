"""The faces: one simulation, seen as each library wants to see it.

================================ ==================================================================
face                             what it is
================================ ==================================================================
:class:`ParallelEnvironment`     PettingZoo, everybody acts at once
:class:`TurnEnvironment`         PettingZoo's AEC: the same, each one's action in turn
:class:`LearnerEnvironment`      Gymnasium, one learner among characters of the game
:class:`VectorEnvironment`       a batch of worlds, arrays (B, A, ...), without copies
:class:`LearnerVectorEnvironment` Gymnasium's ``make_vec``: a batch with one learner a world
================================ ==================================================================

Single environments return copies. Batches return their buffers, of which there are two: an
observation or mask stays as it is for one more step. Every face can be copied, pickled, and asked
for its state.

Actions. Illegal ones do nothing; the mask of legal ones is info['action_mask'].

== ========== ==========================================================
   action     what it does
== ========== ==========================================================
0  wait       nothing; the only action of who is out of the world
1  turn_left  a quarter turn
2  turn_right a quarter turn
3  forward    one cell on, where one can walk and nobody is in the way
4  pick_up    the thing in front, into empty hands
5  put_down   what is held, in front: on floor or into an open container
6  toggle     open or close the door or container in front
7  give       what is held, to the individual in front, into empty hands
8  say_0      a symbol, heard within a radius or the room
9  say_1      another
10 say_2      another
11 say_3      another
== ========== ==========================================================

Observation, window: V x V cells, the individual at the middle of the bottom row, looking up;
four numbers a cell.

= ====== ==========================================================================
  values channel
= ====== ==========================================================================
0 0..31  terrain, 0 not seen
1 0..8   thing in sight, 0 none
2 0..36  individual, 0 nobody: 1 + identity * 4 + heading, relative to the viewer's
3 0..35  manner: face + 4 * kind of the thing carried
= ====== ==========================================================================

Terrains: 0 unseen, 1 floor, 2 wall, 3 window, 4 door_closed, 5 door_open, 6 box_closed, 7
  box_open, 8 basket_closed, 9 basket_open, 10 glass_closed, 11 glass_open, 12 beacon, 13
  conveyor_up, 14 conveyor_right, 15 conveyor_down, 16 conveyor_left, 17 light_off, 18 light_on,
  19 block, 20 pad, 21 block_on_pad, 22 water, 23 trap, 24 stone.
Things: 0 none, 1 ball, 2 marble, 3 apple, 4 banana, 5 key, 6 cup, 7 book, 8 toy.
Relative headings: 0 the same, 1 to the right, 2 opposite, 3 to the left.
Faces: 0 neutral, 1 glad, 2 sad, 3 surprised.
Identities are numbers of individuals; 8 is an arrow, which has no mind.

Observation, fields.

== ======= ====== ================================================
   field   values meaning
== ======= ====== ================================================
0  x       0..15  own column
1  y       0..15  own row; it grows to the south
2  heading 0..3   0 north, 1 east, 2 south, 3 west
3  hand    0..8   kind of the thing held, 0 none
4  face    0..3   own face
5  step    0..255 steps since the start, to 255
6  self    0..7   own identity
7  task    0..15  what the game asks for
8  cue_0   0..15  the game's cues: see its page
9  cue_1   0..15
10 cue_2   0..15
11 cue_3   0..15
12 heard_0 0..4   symbol + 1 heard from each individual, 0 silence
13 heard_1 0..4
14 heard_2 0..4
15 heard_3 0..4
16 heard_4 0..4
17 heard_5 0..4
18 heard_6 0..4
19 heard_7 0..4
== ======= ====== ================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import index as whole
from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from pettingzoo import AECEnv, ParallelEnv

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
from . import GAMES, engine, percepts
from .game import Game, Simulation
from .spaces import action_space, describe, mask_of, state_space, state_vector

__all__ = [
    "RENDER_MODES",
    "LearnerEnvironment",
    "LearnerVectorEnvironment",
    "ParallelEnvironment",
    "TurnEnvironment",
    "VectorEnvironment",
    "describe",
    "find_game",
]


def find_game(name: str) -> Game:
    """A gridworld by its name; ``ValueError`` names the nearest one there is."""
    check_names("environment", name, tuple(GAMES))
    return GAMES[name]


class _Single:
    """What all faces of a single environment share: a batch of one, its percepts as copies."""

    simulation: Simulation
    render_mode: str | None

    def _build(
        self,
        name: str,
        observation: str,
        window: int,
        order: int,
        render_mode: str | None,
        max_cycles: int | None,
        options: dict[str, Any],
        **more: Any,
    ) -> None:
        game = find_game(name)
        check_names("observation", observation, percepts.OBSERVATIONS)
        if render_mode is not None:
            check_names("render_mode", render_mode, RENDER_MODES)
        options = with_limit(options, max_cycles)
        self._arguments = {
            "name": name,
            "observation": observation,
            "window": window,
            "order": order,
            "render_mode": render_mode,
            **more,
            **options,
        }
        self.simulation = Simulation(game, 1, options, window=window, order=order)
        self.observation, self.render_mode = observation, render_mode
        self.metadata = {**METADATA, "name": f"{name}_v0"}
        self._names = list(self.simulation.individuals)
        self._space = percepts.space(observation, window)
        self._row = np.zeros((1, self.simulation.count), np.int64)
        self._begun = False
        if observation != "symbolic":
            a = self.simulation.count
            inner = self._space if observation != "text" else percepts.space("tokens", window)
            self._kernel = percepts.kernel(observation)
            self._shape, self._dtype = (1, a, *(inner.shape or ())), inner.dtype

    def _begin(self, seed: int | None) -> None:
        """A new episode; without a seed the stream goes on, or starts anywhere the first time."""
        if seed is None and not self._begun:
            seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> 1)
        self.simulation.reset(seed)
        self._begun = True

    @staticmethod
    def _number(action: Any, what: str) -> int:
        """An action as its number; ``ValueError``, and nothing moves, for what is none."""
        try:
            number = whole(action)
        except TypeError:
            number = -1
        if not 0 <= number < engine.NUM_ACTIONS:
            raise ValueError(
                f"{what} is {action!r}, expected a whole number from 0 to {engine.NUM_ACTIONS - 1}"
            )
        return number

    def _step(self, actions: list[int]) -> tuple[list[float], bool, bool]:
        """One step: each one's reward, and whether the episode was terminated or truncated.

        ``ValueError``, and nothing moves, where a number is no action.
        """
        simulation = self.simulation
        self._row[0] = actions
        simulation.step(self._row)
        ((terminated, truncated),) = simulation.ends.tolist()
        (rewards,) = simulation.rewards.tolist()
        return rewards, terminated != 0, truncated != 0

    def _percepts(self) -> Any:
        """Each one's observation, as a new object."""
        simulation = self.simulation
        if self.observation == "symbolic":
            windows, fields = simulation.window[0].copy(), simulation.fields[0].copy()
            return [{"window": w, "fields": f} for w, f in zip(windows, fields, strict=True)]
        out = np.empty(self._shape, self._dtype)
        self._kernel(simulation._windows[simulation._turn], simulation.fields, out, 0, 1)
        if self.observation == "text":
            return [percepts.decode(row, simulation.individuals) for row in out[0]]
        return out[0]

    def _infos(self) -> list[dict[str, Any]]:
        """Each one's info, new. A picture leaves out what is no picture: ``fields`` has it."""
        masks = self.simulation.masks[0].copy()
        if self.observation != "pixels":
            return [{"action_mask": mask} for mask in masks]
        fields = self.simulation.fields[0].copy()
        return [{"action_mask": m, "fields": f} for m, f in zip(masks, fields, strict=True)]

    # --- the whole world
    @property
    def state_space(self) -> gymnasium.spaces.Box:
        """The space of :meth:`state`."""
        if "_whole" not in self.__dict__:
            self._whole = state_space(self.simulation)
        return self._whole

    def state(self) -> npt.NDArray[np.uint8]:
        """The whole true world as (S,) uint8: see ``spaces.state_layout``."""
        return state_vector(self.simulation)

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


class _Many(_Single):
    """What the two PettingZoo faces share: names, and one space for each individual."""

    def _build(self, *arguments: Any, **keywords: Any) -> None:
        super()._build(*arguments, **keywords)
        window = self.simulation.size
        self.possible_agents = list(self._names)
        self.agents: list[str] = []
        self._go_on = dict.fromkeys(self._names, False)
        # one object for each, so that each has a sampler of its own
        self._observation_spaces = {name: percepts.space(self.observation, window) for name in self._names}
        self._action_spaces = {name: action_space() for name in self._names}

    def observation_space(self, agent: str) -> gymnasium.spaces.Space[Any]:
        """The space of an individual's observations."""
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> gymnasium.spaces.Space[Any]:
        """The space of an individual's actions."""
        return self._action_spaces[agent]


class ParallelEnvironment(_Many, ParallelEnv[str, Any, Any]):
    """PettingZoo's parallel face: everybody acts at once.

    Args:
        name: of the environment.
        observation: ``"flat"`` (one-hot numbers, the default), ``"symbolic"``, ``"pixels"``,
            ``"tokens"`` or ``"text"``.
        window: V, the side of the window: 5, 7 or 9.
        order: the highest order of belief that is tracked.
        render_mode: ``"human"``, ``"rgb_array"``, ``"ansi"`` or None.
        max_cycles: PettingZoo's name for the option ``limit``.
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
        window: int = 7,
        order: int = 2,
        render_mode: str | None = None,
        max_cycles: int | None = None,
        **options: Any,
    ) -> None:
        self._build(name, observation, window, order, render_mode, max_cycles, options)

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """A new episode: observations and infos by individual. ``options`` has no meaning here."""
        self._begin(seed)
        self.agents = self._names[:]
        names = self._names
        return dict(zip(names, self._percepts(), strict=True)), dict(zip(names, self._infos(), strict=True))

    def step(
        self, actions: Mapping[str, int]
    ) -> tuple[
        dict[str, Any],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """One step of everybody.

        Args:
            actions: an action for each individual, by name.

        Returns:
            Observations, rewards, terminations, truncations and infos by individual. All
            individuals end together; after that ``agents`` is empty, and so are these.

        Raises:
            ValueError: for a missing or unknown individual, or a number that is no action; the
                world has not moved then.
            RuntimeError: before the first :meth:`reset`.
        """
        names = self.agents
        if not names:
            if not self._begun:
                raise RuntimeError("step() was called before reset()")
            return {}, {}, {}, {}, {}
        try:
            chosen = [whole(actions[name]) for name in names]
        except (KeyError, TypeError):
            chosen = []
        if len(actions) != len(names) or not chosen:
            raise ValueError(
                f"actions are {dict(actions)!r}, expected one whole number for each of {', '.join(names)}"
            )
        rewards, terminated, truncated = self._step(chosen)
        over = terminated or truncated
        if over:
            self.agents = []
        return (
            dict(zip(names, self._percepts())),  # noqa: B905 (strict costs time, and is true)
            dict(zip(names, rewards)),  # noqa: B905
            dict.fromkeys(names, terminated) if over else self._go_on.copy(),
            dict.fromkeys(names, truncated) if over else self._go_on.copy(),
            dict(zip(names, self._infos())),  # noqa: B905
        )

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "agents": self.agents[:]}

    get_state.__doc__ = _Single.get_state.__doc__

    def set_state(self, state: Mapping[str, Any]) -> None:
        super().set_state(state)
        self.agents = list(state["agents"])

    set_state.__doc__ = _Single.set_state.__doc__


class TurnEnvironment(_Many, AECEnv[str, Any, Any]):
    """PettingZoo's AEC face: each one's action in turn, and the world moves when all are in.

    So nobody sees what others have chosen in the same step. Arguments as for
    :class:`ParallelEnvironment`.
    """

    metadata: dict[str, Any] = METADATA

    def __init__(
        self,
        name: str,
        *,
        observation: str = "flat",
        window: int = 7,
        order: int = 2,
        render_mode: str | None = None,
        max_cycles: int | None = None,
        **options: Any,
    ) -> None:
        AECEnv.__init__(self)  # type: ignore[no-untyped-call, arg-type]
        self._build(name, observation, window, order, render_mode, max_cycles, options)

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """A new episode. ``options`` has no meaning here."""
        self._begin(seed)
        self.agents = self._names[:]
        self.agent_selection = self.agents[0]
        self._skip_agent_selection: str | None = None  # type: ignore[assignment]
        self._chosen: list[int] = []
        self._hand_out([0.0] * len(self.agents), False, False)

    def _hand_out(self, rewards: list[float], terminated: bool, truncated: bool) -> None:
        names = self._names
        self.rewards = dict(zip(names, rewards, strict=True))
        self._cumulative_rewards = dict(self.rewards)
        self.terminations = dict.fromkeys(names, terminated)
        self.truncations = dict.fromkeys(names, truncated)
        self.infos = dict(zip(names, self._infos(), strict=True))
        self._seen = dict(zip(names, self._percepts(), strict=True))

    def step(self, action: int | None) -> None:
        """The action of ``agent_selection``; None for one whose episode is over.

        Raises:
            ValueError: for what is no action.
        """
        name = self.agent_selection
        if self.terminations[name] or self.truncations[name]:
            self._was_dead_step(action)
            return
        number = self._number(action, f"the action of {name}")
        if not self._chosen:
            self._clear_rewards()
        self._cumulative_rewards[name] = 0.0
        self._chosen.append(number)
        if len(self._chosen) == len(self._names):
            chosen, self._chosen = self._chosen, []
            self._hand_out(*self._step(chosen))
        self.agent_selection = self._names[len(self._chosen)]

    def observe(self, agent: str) -> Any:
        """What an individual perceives, as a copy."""
        seen = self._seen[agent]
        return (
            {k: v.copy() for k, v in seen.items()}
            if isinstance(seen, dict)
            else (seen if isinstance(seen, str) else seen.copy())
        )

    _TURN = (
        "agents", "agent_selection", "rewards", "_cumulative_rewards", "terminations",
        "truncations", "_chosen", "_skip_agent_selection",
    )  # fmt: skip

    def get_state(self) -> dict[str, Any]:
        turn = {key: getattr(self, key) for key in self._TURN if hasattr(self, key)}
        return {
            **super().get_state(),
            "turn": {k: v.copy() if isinstance(v, (list, dict)) else v for k, v in turn.items()},
        }

    get_state.__doc__ = _Single.get_state.__doc__

    def set_state(self, state: Mapping[str, Any]) -> None:
        super().set_state(state)
        if not self._begun:
            return
        for key, value in state["turn"].items():
            setattr(self, key, value.copy() if isinstance(value, (list, dict)) else value)
        self._seen = dict(zip(self._names, self._percepts(), strict=True))
        infos = zip(self._names, self._infos(), strict=True)
        self.infos = {name: info for name, info in infos if name in self.agents}

    set_state.__doc__ = _Single.set_state.__doc__


class LearnerEnvironment(_Single, gymnasium.Env[Any, Any]):
    """Gymnasium's face: one learner among characters of the game.

    Args:
        name, observation, window, order, render_mode, **options: as for
            :class:`ParallelEnvironment`.
        learner: the individual that ``step`` acts for; the game's learner by default.
        others: who decides for the others: a mode of ``game.MODES`` but ``"external"``, or such a
            mode for each role or individual.

    The episode ends when the world's does; a learner who is out before that can only wait.
    """

    metadata: dict[str, Any] = METADATA

    def __init__(
        self,
        name: str,
        *,
        observation: str = "flat",
        window: int = 7,
        order: int = 2,
        render_mode: str | None = None,
        learner: str | None = None,
        others: str | Mapping[str, str] = "scripted",
        **options: Any,
    ) -> None:
        more = {"learner": learner, "others": others}
        self._build(name, observation, window, order, render_mode, None, options, **more)
        self.learner, self._index, self._modes = learner_of(self.simulation, learner, others)
        self.observation_space = percepts.space(observation, window)
        self.action_space = action_space()
        self._actions = np.zeros((1, self.simulation.count), np.int64)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """A new episode: observation and info. ``options`` has no meaning here."""
        gymnasium.Env.reset(self, seed=seed)
        self._begin(seed)
        return self._percepts()[self._index], self._infos()[self._index]

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One step, the others' actions included.

        Raises:
            ValueError: for what is no action; the world has not moved then.
            RuntimeError: before the first :meth:`reset`.
        """
        if not self._begun:
            raise RuntimeError("step() was called before reset()")
        number = self._number(action, "the action")
        self.simulation.script(self._modes, self._actions)
        self._actions[0, self._index] = number
        rewards, terminated, truncated = self._step(self._actions[0].tolist())
        a = self._index
        return self._percepts()[a], rewards[a], terminated, truncated, self._infos()[a]

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
    """A batch of worlds, everybody acting; arrays (B worlds, A individuals, ...).

    Observations and masks are the simulation's own buffers: they stay as they are for one more
    step, then they are overwritten. Copy what you keep for longer.

    Args:
        name: of the environment.
        num_envs: B, the number of worlds.
        seed: world k of the first :meth:`reset` without a seed is seeded ``seed + k``.
        num_threads: the batch is stepped in as many pieces at once.
        observation: ``"symbolic"`` (a dict of ``window`` (B, A, V, V, 4) and ``fields`` (B, A, F)),
            ``"flat"``, ``"pixels"`` or ``"tokens"``.
        autoreset: what becomes of a world whose episode has ended: ``"same_step"`` (a new one
            begins in the same step; ``infos["final_obs"]`` has the last percept of the old one),
            ``"next_step"`` (it begins in the next step, whose action is ignored) or ``"disabled"``
            (``reset(options={"reset_mask": ...})`` does it); or Gymnasium's ``AutoresetMode``.
        window, order, render_mode, **options: as for :class:`ParallelEnvironment`.

    Attributes:
        individuals: names, in the order of the axis A.
        simulation: what is behind it.
    """

    _pick: Any = slice(None)  # the rows of the axis A that are handed out
    _DEFAULT_OBSERVATION = "symbolic"

    def __init__(
        self,
        name: str,
        num_envs: int = 1,
        *,
        seed: int | None = 0,
        num_threads: int = 1,
        observation: str = "symbolic",
        autoreset: str | AutoresetMode = "same_step",
        window: int = 7,
        order: int = 2,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        self._build(
            name, num_envs, seed, num_threads, observation, autoreset, window, order, render_mode,
            options,
        )  # fmt: skip

    def _build(
        self,
        name: str,
        num_envs: int,
        seed: int | None,
        num_threads: int,
        observation: str,
        autoreset: str | AutoresetMode,
        window: int,
        order: int,
        render_mode: str | None,
        options: dict[str, Any],
        learner: str | None = None,
        others: str | Mapping[str, str] | None = None,
    ) -> None:
        game = find_game(name)
        if observation == "text":
            raise ValueError(
                "observation is 'text', which is no array; expected 'tokens' for a batch "
                "(percepts.decode makes text of them)"
            )
        check_names("observation", observation, percepts.OBSERVATIONS[:-1])
        if render_mode is not None:
            check_names("render_mode", render_mode, RENDER_MODES)
        if isinstance(autoreset, AutoresetMode):
            autoreset = next(k for k, mode in AUTORESET_MODES.items() if mode == autoreset)
        check_names("autoreset", autoreset, AUTORESET)
        self._arguments: dict[str, Any] = {
            "name": name,
            "num_envs": num_envs,
            "seed": seed,
            "num_threads": num_threads,
            "observation": observation,
            "autoreset": autoreset,
            "window": window,
            "order": order,
            "render_mode": render_mode,
            **options,
        }
        self.simulation = Simulation(
            game, num_envs, options,
            window=window, order=order, num_threads=num_threads, autoreset=autoreset,
        )  # fmt: skip
        self.num_envs, self.observation, self.autoreset = int(num_envs), observation, autoreset
        self.render_mode = render_mode
        self.individuals = self.simulation.individuals
        self.metadata = {
            **METADATA,
            "name": f"{name}_v0",
            "autoreset_mode": AUTORESET_MODES[autoreset],
        }
        self._first_seed = seed
        self._begun = False
        if others is not None:  # one learner a world
            self.learner, self._pick, self._modes = learner_of(self.simulation, learner, others)
            self._arguments |= {"learner": learner, "others": others}
        self._axes = (self.num_envs,) if others is not None else (self.num_envs, len(self.individuals))
        self.single_observation_space = percepts.space(observation, window)
        self.single_action_space = action_space()
        self.action_space = batch_space(self.single_action_space, self._axes[-1])
        if len(self._axes) == 2:
            sizes = np.full(self._axes, engine.NUM_ACTIONS)
            self.action_space = gymnasium.spaces.MultiDiscrete(sizes)
        self._actions = np.zeros((self.num_envs, len(self.individuals)), np.int64)
        if observation != "symbolic":
            rows = 1 if others is not None else len(self.individuals)
            shape = (self.num_envs, rows, *(self.single_observation_space.shape or ()))
            dtype = self.single_observation_space.dtype
            self._kernel = percepts.kernel(observation)
            self._out = np.zeros((2, *shape), dtype)
            self._final_out = np.zeros(shape, dtype)
            # what of the percepts the kernel reads, where it is not all of them
            self._codes = np.zeros((self.num_envs, rows, window * window), np.uint32)
            self._own = np.zeros((self.num_envs, rows, engine.NUM_FIELDS), np.uint8)
            self._side = 0

    @property
    def observation_space(self) -> gymnasium.spaces.Space[Any]:  # type: ignore[override]
        """The batched space; made when first asked for, since a large batch has large bounds."""
        if "_batched_space" not in self.__dict__:
            space = self.single_observation_space
            for size in reversed(self._axes):
                space = batch_space(space, size)
            self._batched_space = space
        return self._batched_space

    # --- stepping
    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """New episodes in all worlds, or in those of ``options={"reset_mask": (B,) bool}``.

        World k's stream is seeded ``seed + k``; without a seed it goes on, and at the first time
        starts from the seed given when this environment was made.

        Raises:
            ValueError: for a mask of another shape or type, or without any world.
        """
        mask = (options or {}).get("reset_mask")
        if mask is not None:
            given = f"options['reset_mask'] is {type(mask).__name__}"
            if isinstance(mask, np.ndarray):
                given = f"options['reset_mask'] has shape {mask.shape}, dtype {mask.dtype}"
            if not isinstance(mask, np.ndarray) or mask.shape != (self.num_envs,) or mask.dtype != np.bool_:
                raise ValueError(f"{given}, expected an array of shape ({self.num_envs},), dtype bool")
            if not mask.any():
                raise ValueError("options['reset_mask'] has no True, expected at least one world")
        super().reset(seed=seed)
        if seed is None and not self._begun:
            seed = self._first_seed
            if seed is None:
                seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> 1)
            if mask is not None:  # the others' streams start, too
                self.simulation.reset(seed)
        self.simulation.reset(seed, mask)
        self._begun = True
        return self._observe(), self._infos()

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[Any, npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], dict[str, Any]]:
        """One step of all worlds.

        Args:
            actions: (B, A) whole numbers.

        Returns:
            Observations (B, A, ...); rewards (B, A) float32; terminations and truncations (B, A)
            bool, the same for all individuals of a world; infos with ``action_mask`` (B, A,
            actions) int8 and, where an episode has ended and another has begun, ``final_obs``
            shaped like the observations, ``final_mask`` its masks, ``perf`` (B,) how well it went,
            and ``_final_obs`` (B,) bool, the worlds for which they hold.

        Raises:
            ValueError: for another shape or what is no action; no world has moved then.
            RuntimeError: before the first :meth:`reset`.
        """
        self._advance(np.asarray(actions))
        count = len(self.individuals)
        ends = np.repeat(self.simulation.ends.astype(np.bool_)[:, None], count, axis=1)
        return (
            self._observe(),
            self.simulation.rewards.copy(),
            ends[..., 0],
            ends[..., 1],
            self._infos(),
        )

    def _advance(self, actions: npt.NDArray[Any]) -> None:
        if not self._begun:
            raise RuntimeError("step() was called before reset()")
        self.simulation.step(actions)

    def _observe(self, final: bool = False) -> Any:
        simulation = self.simulation
        if self.observation == "symbolic":
            window = simulation.final_window if final else simulation.window
            fields = simulation.final_fields if final else simulation.fields
            return {"window": window[:, self._pick], "fields": fields[:, self._pick]}
        if final:
            codes, own, out = simulation._final_window, simulation.final_fields, self._final_out
        else:
            self._side ^= 1
            codes, own = simulation._windows[simulation._turn], simulation.fields
            out = self._out[self._side]
        if not isinstance(self._pick, slice):
            np.copyto(self._codes[:, 0], codes[:, self._pick])
            np.copyto(self._own[:, 0], own[:, self._pick])
            codes, own = self._codes, self._own
        simulation._run(self._kernel, codes, own, out)
        return out if isinstance(self._pick, slice) else out[:, 0]

    def _ended(self) -> npt.NDArray[np.bool_] | None:
        """(B,) bool, the worlds where this step has ended one episode and begun another, if any."""
        if self.autoreset != "same_step":
            return None
        ended: npt.NDArray[np.bool_] = (self.simulation.ends != 0).any(axis=1)
        return ended if ended.any() else None

    def _infos(self) -> dict[str, Any]:
        simulation = self.simulation
        infos: dict[str, Any] = {"action_mask": simulation.masks[:, self._pick]}
        if self.observation == "pixels":
            infos["fields"] = simulation.fields[:, self._pick]
        ended = self._ended()
        if ended is not None:
            infos["final_obs"] = self._observe(final=True)
            infos["final_mask"] = mask_of(simulation.final_window, simulation.final_fields)
            infos["perf"] = np.where(ended, simulation.worlds["last_perf"], np.float32(0))
            infos["_final_obs"] = ended
        return infos

    # --- looking at it
    def render(self) -> tuple[Any, ...] | None:
        """A frame of each world, as ``render_mode`` says; ``"human"`` shows the first."""
        if self.render_mode in (None, "human"):
            return draw(self.simulation, self.render_mode)
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

    def __getstate__(self) -> dict[str, Any]:
        return {
            "arguments": self._arguments,
            "state": self.get_state(),
            "spaces": {
                key: self.__dict__[key]
                for key in ("action_space", "single_action_space", "single_observation_space")
            },
            "spec": self.spec,
        }

    def __setstate__(self, saved: dict[str, Any]) -> None:
        type(self).__init__(self, **saved["arguments"])
        self.__dict__.update(saved["spaces"])
        self.spec = saved["spec"]
        self.set_state(saved["state"])


class LearnerVectorEnvironment(VectorEnvironment):
    """Gymnasium's vector face: a batch of worlds with one learner each; arrays (B, ...).

    What ``gymnasium.make_vec`` makes. ``infos`` are Gymnasium's: where an episode has ended and
    another has begun, ``final_obs`` is a (B,) array of objects and ``final_info`` a dict with
    ``action_mask`` and ``perf``; ``_final_obs`` and ``_final_info`` say where.

    Args:
        learner, others: as for :class:`LearnerEnvironment`.
        autoreset, autoreset_mode: as for :class:`VectorEnvironment`; two names of one option.
        name, num_envs, seed, num_threads, observation, window, order, render_mode, **options: as
            for :class:`VectorEnvironment`; observations are ``"flat"`` by default, and without a
            seed streams start anywhere.
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
        window: int = 7,
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
        self._build(
            name, num_envs, seed, num_threads, observation,
            "next_step" if chosen is None else chosen,
            window, order, render_mode, options, learner, others,
        )  # fmt: skip

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[Any, npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], dict[str, Any]]:
        """One step of all worlds, the others' actions included.

        Args:
            actions: (B,) whole numbers.

        Returns:
            Observations (B, ...), rewards (B,) float32, terminations and truncations (B,) bool,
            infos.

        Raises:
            ValueError: for another shape or what is no action; no world has moved then.
            RuntimeError: before the first :meth:`reset`.
        """
        actions = np.asarray(actions)
        if actions.shape != (self.num_envs,) or actions.dtype.kind not in "iu":
            raise ValueError(
                f"actions have shape {actions.shape} and dtype {actions.dtype}, expected "
                f"({self.num_envs},) whole numbers: one for each world's learner"
            )
        if not self._begun:
            raise RuntimeError("step() was called before reset()")
        self.simulation.script(self._modes, self._actions)
        self._actions[:, self._pick] = actions
        self._advance(self._actions)
        ends = self.simulation.ends.astype(np.bool_)
        return (
            self._observe(),
            self.simulation.rewards[:, self._pick].copy(),
            ends[:, 0],
            ends[:, 1],
            self._infos(),
        )

    def _infos(self) -> dict[str, Any]:
        infos = super()._infos()
        ended = infos.pop("_final_obs", None)
        if ended is not None:
            final = infos.pop("final_obs")
            objects = np.full(self.num_envs, None, object)
            for k in np.flatnonzero(ended):
                objects[k] = (
                    {key: value[k].copy() for key, value in final.items()}
                    if isinstance(final, dict)
                    else final[k].copy()
                )
            infos["final_obs"], infos["_final_obs"] = objects, ended
            infos["final_info"] = {
                "action_mask": infos.pop("final_mask")[:, self._pick],
                "_action_mask": ended.copy(),
                "perf": infos.pop("perf"),
                "_perf": ended.copy(),
            }
            infos["_final_info"] = ended.copy()
        infos["_action_mask"] = np.ones(self.num_envs, np.bool_)
        return infos
