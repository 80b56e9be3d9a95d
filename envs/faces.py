"""What the faces of both families share: names of modes, learners, states, frames."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode
from pettingzoo.utils.wrappers import OrderEnforcingWrapper

from .simulation import MODES, Game, Simulation

__all__ = [
    "AUTORESET_MODES",
    "METADATA",
    "RENDER_MODES",
    "Ordered",
    "check_kind",
    "check_names",
    "draw",
    "kind_of",
    "learner_of",
    "modes_of",
    "sampler_of",
    "sampler_state",
    "with_limit",
]

RENDER_MODES = ("human", "rgb_array", "ansi")
AUTORESET_MODES = {
    "disabled": AutoresetMode.DISABLED,
    "next_step": AutoresetMode.NEXT_STEP,
    "same_step": AutoresetMode.SAME_STEP,
}
METADATA: dict[str, Any] = {
    "render_modes": list(RENDER_MODES),
    "render_fps": 8,
    "is_parallelizable": True,
}


def check_names(what: str, given: Any, known: tuple[str, ...]) -> None:
    """``ValueError`` that names the value, what was expected and the nearest, unless known."""
    if given not in known:
        near = difflib.get_close_matches(str(given), known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        expected = ", ".join(map(repr, known))
        raise ValueError(f"{what} is {given!r}, expected one of {expected}{hint}")


def with_limit(options: dict[str, Any], max_cycles: int | None) -> dict[str, Any]:
    """A game's options with PettingZoo's name for ``limit``; ``ValueError`` where both are given."""
    if max_cycles is None:
        return options
    if "limit" in options:
        raise ValueError(
            f"max_cycles={max_cycles!r} and limit={options['limit']!r} are two names of "
            "one option, expected one of them"
        )
    return {**options, "limit": max_cycles}


def modes_of(game: Game, learner: str, others: str | Mapping[str, str]) -> npt.NDArray[np.int64]:
    """Who decides for each individual.

    Args:
        game: its rules.
        learner: the individual that is left to whoever calls ``step``.
        others: a mode of ``MODES``, or such a mode for each role or individual (``"scripted"`` for
            those left out).

    Returns:
        (A,) int64, indices into ``MODES``; 0 for the learner.

    Raises:
        ValueError: for an unknown individual, role or mode.
    """
    check_names("learner", learner, game.individuals)
    chosen = {} if isinstance(others, str) else dict(others)
    for key in chosen:
        check_names("role in others", key, tuple(dict.fromkeys((*game.roles, *game.individuals))))
    modes = np.zeros(len(game.individuals), np.int64)
    for a, (name, role) in enumerate(zip(game.individuals, game.roles, strict=True)):
        mode = others if isinstance(others, str) else chosen.get(name, chosen.get(role, "scripted"))
        check_names(f"others for {name!r}", mode, game.modes[1:])
        modes[a] = 0 if name == learner else MODES.index(mode)
    return modes


def draw(simulation: Simulation, mode: str | None, world: int = 0) -> Any:
    """A frame in one of the render modes; ``renders`` is loaded when it is first needed."""
    if mode is None:
        gymnasium.logger.warn(
            "render() was called on an environment made without render_mode: expected one of "
            f"{', '.join(map(repr, RENDER_MODES))}"
        )
        return None
    from .. import renders

    if mode == "ansi":
        return renders.ansi(simulation, world)
    if mode == "rgb_array":
        # the world alone, ten times as fast: videos of training want frames, a stranger renders.draw()
        return renders.draw(simulation, world, views=False, thoughts=0)
    renders.show(simulation, world)
    return None


def kind_of(simulation: Simulation) -> tuple[str, int, tuple[str, ...], int]:
    """What a state must agree on with the environment that takes it over."""
    return simulation.game.name, simulation.num_envs, simulation.individuals, simulation.order


def check_kind(simulation: Simulation, state: Mapping[str, Any]) -> None:
    """``ValueError`` unless a state comes from an environment of this kind."""
    given, expected = state["of"], kind_of(simulation)
    if given != expected:
        raise ValueError(
            f"the state is of another game, order or batch: (name, worlds, individuals, order) is "
            f"{given}, expected {expected}"
        )


def learner_of(
    simulation: Simulation, learner: str | None, others: str | Mapping[str, str]
) -> tuple[str, int, npt.NDArray[np.int64]]:
    """The learner's name, its index, and the modes of all who take part."""
    game = simulation.game
    if learner is None:
        learner = simulation.individuals[game.roles.index(game.learner)]
    modes = modes_of(game, learner, others)[: simulation.count]
    check_names("learner", learner, simulation.individuals)
    return learner, simulation.individuals.index(learner), modes


def sampler_state(sampler: np.random.Generator | None) -> dict[str, Any] | None:
    """The state of Gymnasium's own generator, as a value."""
    return None if sampler is None else dict(sampler.bit_generator.state)


def sampler_of(state: Mapping[str, Any] | None) -> np.random.Generator | None:
    """A generator in that state."""
    if state is None:
        return None
    sampler = np.random.Generator(np.random.PCG64())
    sampler.bit_generator.state = dict(state)
    return sampler


class Ordered(OrderEnforcingWrapper[str, Any, Any]):
    """PettingZoo's guard against calls in the wrong order, which a set state satisfies, too."""

    def set_state(self, state: Mapping[str, Any]) -> None:
        self.env.set_state(state)  # type: ignore[attr-defined]
        self._has_reset = self._has_updated = state["begun"]

    def __str__(self) -> str:
        return str(self.env)
