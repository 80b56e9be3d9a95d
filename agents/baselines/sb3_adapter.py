"""Stable-Baselines3's ``VecEnv`` over a batch of worlds.

The worlds are stepped by a family's ``LearnerVectorEnvironment``; this turns
its arrays into what Stable-Baselines3 and sb3-contrib ask for. There is no loop over worlds in a
step but for those whose episode has just ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv

from ...envs.entry import learner_vector_env

__all__ = ["SB3VecEnv", "vec_env"]


class SB3VecEnv(VecEnv):
    """A batch with one learner a world, as Stable-Baselines3 wants it.

    Observations are copies. An info is ``{"TimeLimit.truncated": bool}``; at the end of an episode
    also ``terminal_observation``, ``terminal_mask`` (the legal actions there) and ``perf``, how
    well the episode went, 0 to 1.

    Args:
        batch: the worlds, a family's ``LearnerVectorEnvironment`` with ``autoreset="same_step"``.

    Raises:
        ValueError: for another autoreset mode.
    """

    def __init__(self, batch: Any) -> None:
        if batch.metadata["autoreset_mode"] != AutoresetMode.SAME_STEP:
            raise ValueError(
                f"autoreset is {batch.autoreset!r}, expected 'same_step': Stable-Baselines3 begins "
                "the next episode in the step that ends one"
            )
        self.batch = batch
        super().__init__(batch.num_envs, batch.single_observation_space, batch.single_action_space)
        self._masks = np.ones((batch.num_envs, batch.single_action_space.n), np.int8)
        self._actions: npt.NDArray[Any] = np.zeros(batch.num_envs, np.int64)

    def reset(self) -> Any:
        """Begin new episodes everywhere: observations (B, ...)."""
        observations, infos = self.batch.reset(seed=self._seeds[0])
        self._masks = infos["action_mask"]
        self._reset_seeds()
        self._reset_options()
        return _copy(observations)

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Take the actions, (B,) whole numbers, for :meth:`step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, npt.NDArray[Any], npt.NDArray[Any], list[dict[str, Any]]]:
        """One step of all worlds: observations, rewards (B,), ends (B,) bool, infos."""
        observations, rewards, terminations, truncations, batch = self.batch.step(self._actions)
        self._masks = batch["action_mask"]
        infos: list[dict[str, Any]] = [{"TimeLimit.truncated": False} for _ in range(self.num_envs)]
        ends = terminations | truncations
        if "final_obs" in batch:
            final = batch["final_info"]
            for k in np.flatnonzero(ends):
                infos[k] = {
                    "TimeLimit.truncated": bool(truncations[k] and not terminations[k]),
                    "terminal_observation": batch["final_obs"][k],
                    "terminal_mask": final["action_mask"][k].astype(np.bool_),
                    "perf": float(final["perf"][k]),
                }
        return _copy(observations), rewards, ends, infos

    def get_state(self) -> dict[str, Any]:
        """All that the next step depends on; see ``VectorEnvironment.get_state``."""
        state: dict[str, Any] = self.batch.get_state()
        return state

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from there; what is to be acted on next is the observation of that time."""
        self.batch.set_state(state)
        learner = self.batch.individuals.index(self.batch.learner)
        self._masks = self.batch.simulation.masks[:, learner]

    def close(self) -> None:
        """Stop the threads."""
        self.batch.close()

    def get_images(self) -> Sequence[npt.NDArray[np.uint8] | None]:
        """A picture of each world."""
        return list(self.batch.render() or ())

    # --- what is asked of single environments by name
    def action_masks(self) -> npt.NDArray[np.bool_]:
        """(B, actions) bool: what each learner may do now."""
        return self._masks.astype(np.bool_)

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of the batch, once for each world; AttributeError where there is none."""
        count = len(self._chosen(indices))
        if attr_name == "action_masks":
            return [self.action_masks] * count
        return [getattr(self.batch, attr_name)] * count

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refused: the worlds are one object, and what they are is settled when they are made."""
        raise AttributeError(
            f"{attr_name!r} cannot be set on a batch of worlds; expected as argument of vec_env()"
        )

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """``action_masks``, or ``render`` for each world."""
        chosen = self._chosen(indices)
        if method_name == "action_masks":
            return list(self.action_masks()[chosen])
        if method_name == "render":
            frames = self.batch.render()
            return [None if frames is None else frames[k] for k in chosen]
        raise AttributeError(f"worlds have no method {method_name!r}, expected 'action_masks' or 'render'")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """No world is."""
        return [False] * len(self._chosen(indices))

    def _chosen(self, indices: int | Iterable[int] | None) -> list[int]:
        return list(self._get_indices(indices))


def _copy(observations: Any) -> Any:
    if isinstance(observations, dict):
        return {key: value.copy() for key, value in observations.items()}
    return observations.copy()


def vec_env(
    name: str,
    num_envs: int = 64,
    *,
    seed: int | None = None,
    learner: str | None = None,
    others: str | Mapping[str, str] = "scripted",
    **arguments: Any,
) -> SB3VecEnv:
    """A batch of worlds for Stable-Baselines3.

    Args:
        name, num_envs, seed, learner, others, **arguments: as for
            the family's ``LearnerVectorEnvironment``; observations are flat by
            default.
    """
    return SB3VecEnv(
        learner_vector_env(
            name, num_envs, seed=seed, learner=learner, others=others, autoreset="same_step",
            **arguments,
        )
    )  # fmt: skip
