"""Stable-Baselines3 models as agents: made, trained, kept without pickles, and gone on with.

Stable-Baselines3's own ``save`` pickles, and a pickle from somebody else can do anything to whoever
loads it. Here a model is two files beside each other: ``NAME.json``, what the network and the
algorithm are, and ``NAME.safetensors``, numbers by name (weights; in ``last`` also Adam's moments,
random states and the worlds, so that a training goes on where it was).

    agent = sb3.load("runs/reach-20300101-120000")      # its best checkpoint
    actions, state = agent.act({"flat": flat, "action_mask": mask}, agent.initial_state(len(flat)))
"""

from __future__ import annotations

import json
import math
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeAlias

# Before torch is loaded: OpenMP threads that spin while they wait for work keep another process's
# from running (a training step was seen to take 33 times as long).
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as safetensors_bytes
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from ..base import Agent
from ..training import RECENT, RunFolder, Settings, Stop, mean_interval, write
from .sb3_adapter import SB3VecEnv

__all__ = [
    "CheckpointError",
    "Progress",
    "SB3Agent",
    "Watch",
    "load",
    "make",
    "restore",
    "save",
    "train",
]

Policy: TypeAlias = ActorCriticPolicy | MaskableActorCriticPolicy

FORMAT = "mindsight sb3 model"
VERSION = 1
ENOUGH = 100  # episodes before a mean counts as a level that was reached


class CheckpointError(ValueError):
    """A checkpoint that is damaged or was written by something else; the message names the file."""


class Trunk(BaseFeaturesExtractor):
    """One layer from the observation, shared by policy and value.

    An observation is 3,321 numbers for a window of 7 x 7, so this layer is nearly all of the
    network: sharing it halves the time of everything.
    """

    def __init__(self, observation_space: spaces.Box, width: int) -> None:
        super().__init__(observation_space, features_dim=width)
        self.layer = torch.nn.Linear(int(observation_space.shape[0]), width)

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """(n, N) float -> (n, width)."""
        return torch.tanh(self.layer(observation))


def _network(width: int) -> dict[str, Any]:
    return {
        "features_extractor_class": Trunk,
        "features_extractor_kwargs": {"width": width},
        "net_arch": {"pi": [width], "vf": [width]},
        "activation_fn": torch.nn.Tanh,
    }


def _set_threads(width: int) -> None:
    # Below this width a second thread costs more in waiting than it computes.
    if width < 128:
        torch.set_num_threads(1)


def make(env: VecEnv, settings: Settings, *, seed: int) -> PPO | MaskablePPO:
    """A new model.

    Args:
        env: with flat observations, Box(0, 1, (N,), uint8), and discrete actions.
        settings: the algorithm's.
        seed: of the weights and of what the learner draws, below 2^32.
    """
    _check_spaces(env.observation_space, env.action_space)
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed!r}, expected 0 to {2**32 - 1}")
    if settings.rollout * env.num_envs < 2:
        raise ValueError("rollout is 1 with one world, expected at least 2 steps an update")
    _set_threads(settings.width)
    algorithm = PPO if settings.algorithm == "ppo" else MaskablePPO
    return algorithm(
        "MlpPolicy",
        env,
        learning_rate=settings.learning_rate,
        n_steps=settings.rollout,
        batch_size=min(settings.batch_size, settings.rollout * env.num_envs),
        n_epochs=settings.epochs,
        gamma=settings.gamma,
        gae_lambda=settings.gae_lambda,
        clip_range=settings.clip_range,
        ent_coef=settings.entropy,
        vf_coef=settings.value,
        max_grad_norm=settings.max_grad_norm,
        policy_kwargs=_network(settings.width),
        seed=seed,
        device="cpu",
    )


def _check_spaces(observation: spaces.Space[Any], action: spaces.Space[Any]) -> None:
    if not isinstance(observation, spaces.Box) or len(observation.shape) != 1:
        raise ValueError(f"observation space is {observation}, expected a flat Box")
    if not isinstance(action, spaces.Discrete):
        raise ValueError(f"action space is {action}, expected Discrete")


# --- Playing --------------------------------------------------------------------------------------
class SB3Agent(Agent):
    """A trained policy as an agent.

    It draws its actions from the policy's distribution (or takes the likeliest). Its draws are a
    function of ``seed``, the step and the row: the same observations give the same actions.

    Args:
        policy: the network.
        settings: the algorithm's.
        name: for cards.
        greedy: take the likeliest action. A policy without memory can turn in circles then.
        seed: of its draws.
    """

    def __init__(
        self,
        policy: Policy,
        settings: Settings,
        *,
        name: str = "ppo",
        greedy: bool = False,
        seed: int = 0,
    ) -> None:
        self.policy, self.settings = policy, settings
        self.name, self.greedy, self.seed = name, greedy, seed
        space: Any = policy.observation_space
        self.length = int(space.shape[0])
        actions: Any = policy.action_space
        self.choices = int(actions.n)
        policy.set_training_mode(False)

    def initial_state(self, n: int) -> int:
        """How many actions it has drawn: none."""
        return 0

    def act(self, observation: Mapping[str, Any], state: int) -> tuple[npt.NDArray[np.int64], int]:
        """Decide.

        Args:
            observation: ``flat`` (n, N) uint8; ``action_mask`` (n, actions) int8.
            state: of the step before.

        Returns:
            (n,) int64 actions, and the next state.
        """
        flat = np.asarray(observation["flat"])
        if flat.ndim != 2 or flat.shape[1] != self.length:
            raise ValueError(
                f"observations have shape {flat.shape}, expected (n, {self.length}): agent "
                f"{self.name!r} was trained with another window, or in the other family of environments "
                f"(family=, --family)"
            )
        legal = np.asarray(observation["action_mask"])
        if legal.shape[1] != self.choices:
            raise ValueError(
                f"there are {legal.shape[1]} actions here, expected {self.choices}: agent {self.name!r} was "
                f"trained in another conversation, or with other options"
            )
        with torch.no_grad():
            inputs = torch.as_tensor(np.ascontiguousarray(flat))
            distribution: Any
            if isinstance(self.policy, MaskableActorCriticPolicy):
                mask = legal.astype(np.bool_)
                distribution = self.policy.get_distribution(inputs, action_masks=mask)
            else:
                distribution = self.policy.get_distribution(inputs)
            chances = distribution.distribution.probs.double().numpy()
        if self.greedy:
            return chances.argmax(1).astype(np.int64), state + 1
        draws = np.random.Generator(np.random.Philox(key=[self.seed, state])).random(len(flat))
        totals = chances.cumsum(1)
        # Scaled to the last total: rounding must not leave a gap that falls to the last action.
        chosen = (totals <= draws[:, None] * totals[:, -1:]).sum(1)
        return chosen.astype(np.int64), state + 1


# --- Keeping --------------------------------------------------------------------------------------
def save(
    model: PPO | MaskablePPO,
    settings: Settings,
    path: str | os.PathLike[str],
    *,
    resumable: bool = False,
    extra: Mapping[str, torch.Tensor] | None = None,
    progress: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``path`` (it ends in ``.safetensors``) and its ``.json``.

    Args:
        model, settings: what to keep.
        path: of the weights.
        resumable: keep the optimizer's and the random generators' state as well.
        extra: further arrays.
        progress: further numbers and texts for the header.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"path is {str(path)!r}, expected a name that ends in .safetensors")
    tensors = {f"policy.{k}": v.contiguous() for k, v in _own(model.policy).items()}
    header: dict[str, Any] = {"steps": model.num_timesteps, **(progress or {})}
    if resumable:
        optimizer = model.policy.optimizer.state_dict()
        for index, moments in optimizer["state"].items():
            for name, value in moments.items():
                tensors[f"optimizer.{index}.{name}"] = torch.as_tensor(value)
        # Stable-Baselines3 shuffles with numpy's global generator and draws actions with torch's.
        kind, key, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002
        tensors["random.torch"] = torch.get_rng_state()
        tensors["random.numpy"] = torch.from_numpy(np.array(key, np.uint32).view(np.int32).copy())
        header["random"] = [str(kind), int(position), int(has_gauss), float(gauss)]
        header["updates"] = model._n_updates
        tensors.update(extra or {})
    about = {
        "format": FORMAT,
        "version": VERSION,
        "observation": int(model.observation_space.shape[0]),  # type: ignore[index]
        "actions": int(model.action_space.n),  # type: ignore[attr-defined]
        "settings": asdict(settings),
    }
    write(path.with_suffix(".json"), json.dumps(about, indent=1) + "\n")
    return write(path, safetensors_bytes(tensors, {"progress": json.dumps(header)}))


def _own(policy: Policy) -> dict[str, torch.Tensor]:
    """The policy's arrays, each once: the trunk has three names in Stable-Baselines3."""
    again = ("pi_features_extractor.", "vf_features_extractor.")
    return {k: v for k, v in policy.state_dict().items() if not k.startswith(again)}


def find(path: str | os.PathLike[str], names: tuple[str, ...] = ("best", "last")) -> Path:
    """The weights that a path means: a file, a run folder, or a folder of checkpoints.

    Raises:
        FileNotFoundError: there are none.
        CheckpointError: it is a file of another kind.
    """
    path = Path(path)
    if path.is_dir():
        places = [folder / f"{name}.safetensors" for folder in (path / "checkpoints", path)
                  for name in names]  # fmt: skip
        for place in places:
            if place.is_file():
                return place
        raise FileNotFoundError(
            f"{path} holds no checkpoint: looked for "
            + " and ".join(f"checkpoints/{name}.safetensors" for name in names)
        )
    if not path.exists():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    if path.suffix == ".json" and path.with_suffix(".safetensors").is_file():
        return path.with_suffix(".safetensors")
    if path.suffix != ".safetensors":
        hint = (
            "Stable-Baselines3's own files are pickles and are not read"
            if path.suffix == ".zip"
            else "a run folder or a .safetensors file"
        )
        raise CheckpointError(f"{path} is no checkpoint of mindsight: expected {hint}")
    return path


def read(
    path: str | os.PathLike[str], *, names: tuple[str, ...] = ("best", "last")
) -> tuple[Path, Settings, dict[str, Any], dict[str, torch.Tensor]]:
    """The parts of a checkpoint: its file, settings, header and arrays.

    Raises:
        FileNotFoundError: it, or its ``.json``, is not there.
        CheckpointError: it is damaged, or of another format.
    """
    path = find(path, names)
    about_path = path.with_suffix(".json")
    if not about_path.is_file():
        raise FileNotFoundError(f"{path} has no {about_path.name} beside it")
    try:
        about = json.loads(about_path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{about_path}: not a JSON file: {error}") from None
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        given = about.get("format") if isinstance(about, dict) else type(about).__name__
        raise CheckpointError(f"{about_path}: key 'format' is {given!r}, expected {FORMAT!r}")
    if about.get("version") != VERSION:
        raise CheckpointError(f"{about_path}: key 'version' is {about.get('version')!r}, expected {VERSION}")
    given = about.get("settings")
    known = {field.name for field in fields(Settings)}
    if not isinstance(given, dict) or set(given) != known:
        raise CheckpointError(f"{about_path}: key 'settings' has not the names {sorted(known)}")
    try:
        settings = Settings(**given)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{about_path}: key 'settings': {error}") from None
    for key in ("observation", "actions"):
        if type(about.get(key)) is not int or about[key] < 1:
            raise CheckpointError(f"{about_path}: key {key!r} is {about.get(key)!r}, expected > 0")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("progress", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise CheckpointError(f"{path}: damaged, or no safetensors file: {error}") from None
    return path, settings, {**about, **header}, tensors


def _load_weights(policy: Policy, tensors: Mapping[str, Any], path: Path) -> None:
    weights = {k.removeprefix("policy."): v for k, v in tensors.items() if k.startswith("policy.")}
    expected = _own(policy)
    for name, value in expected.items():
        if name not in weights:
            raise CheckpointError(f"{path}: the array 'policy.{name}' is missing")
        if weights[name].shape != value.shape:
            raise CheckpointError(
                f"{path}: 'policy.{name}' has shape {tuple(weights[name].shape)}, expected "
                f"{tuple(value.shape)}"
            )
        if not torch.isfinite(weights[name]).all():
            raise CheckpointError(f"{path}: 'policy.{name}' holds numbers that are not finite")
    for name in weights:
        if name not in expected:
            raise CheckpointError(f"{path}: the array 'policy.{name}' belongs to no layer")
    policy.load_state_dict(weights, strict=False)  # strict: checked above, by their own names


def load(
    path: str | os.PathLike[str], *, greedy: bool = False, seed: int = 0, name: str | None = None
) -> SB3Agent:
    """A trained model as an agent.

    Args:
        path: a run folder (its best checkpoint, else its last), or a ``.safetensors`` file.
        greedy, seed: see :class:`SB3Agent`.
        name: for cards; the algorithm's, where None.

    Raises:
        FileNotFoundError: it is not there.
        CheckpointError: it is damaged, or was written by something else.
    """
    path, settings, about, tensors = read(path)
    _set_threads(settings.width)
    policy_class = ActorCriticPolicy if settings.algorithm == "ppo" else MaskableActorCriticPolicy
    # A new policy draws its weights: not from the program's own random stream.
    with torch.random.fork_rng(devices=[]):
        policy = policy_class(
            spaces.Box(0, 1, (about["observation"],), np.uint8),
            spaces.Discrete(about["actions"]),
            lambda _: settings.learning_rate,
            **_network(settings.width),
        )
    _load_weights(policy, tensors, path)
    return SB3Agent(policy, settings, name=name or settings.algorithm, greedy=greedy, seed=seed)


# --- Training -------------------------------------------------------------------------------------
class Watch(VecEnvWrapper):
    """Looks on: how long the environment takes, and what episodes bring.

    Attributes:
        seconds: spent in the environment.
        steps: of the learner, in all worlds together.
        recent: the last returns, one an episode.
        perf: how well those episodes went, 0 to 1, where the environment says so.
        episodes: how many have ended.
    """

    def __init__(self, venv: SB3VecEnv) -> None:
        super().__init__(venv)
        self.seconds, self.steps, self.episodes = 0.0, 0, 0
        self.recent: deque[float] = deque(maxlen=RECENT)
        self.perf: deque[float] = deque(maxlen=RECENT)
        self._returns = np.zeros(self.num_envs)
        self._lengths = np.zeros(self.num_envs, np.int64)

    def reset(self) -> Any:
        """Begin new episodes everywhere."""
        self._returns[:] = 0
        self._lengths[:] = 0
        return self.venv.reset()

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Hand the actions on."""
        start = time.perf_counter()
        self.venv.step_async(actions)
        self.seconds += time.perf_counter() - start

    def step_wait(self) -> Any:
        """One step of all worlds; ``info["episode"]`` at the end of each episode."""
        start = time.perf_counter()
        observations, rewards, dones, infos = self.venv.step_wait()
        self.seconds += time.perf_counter() - start
        self.steps += self.num_envs
        self._returns += rewards
        self._lengths += 1
        for k in np.flatnonzero(dones):
            self.episodes += 1
            self.recent.append(float(self._returns[k]))
            if "perf" in infos[k]:
                self.perf.append(float(infos[k]["perf"]))
            infos[k]["episode"] = {"r": float(self._returns[k]), "l": int(self._lengths[k])}
            self._returns[k] = self._lengths[k] = 0
        return observations, rewards, dones, infos

    def state(self) -> dict[str, torch.Tensor]:
        """What a later process needs to go on counting."""
        return {
            "watch.returns": torch.from_numpy(self._returns.copy()),
            "watch.lengths": torch.from_numpy(self._lengths.copy()),
            "watch.recent": torch.tensor(list(self.recent), dtype=torch.float64),
            "watch.perf": torch.tensor(list(self.perf), dtype=torch.float64),
        }

    def set_state(self, tensors: Mapping[str, torch.Tensor], episodes: int) -> None:
        """Go on counting from :meth:`state`."""
        self._returns[:] = tensors["watch.returns"].numpy()
        self._lengths[:] = tensors["watch.lengths"].numpy()
        self.recent.extend(tensors["watch.recent"].tolist())
        self.perf.extend(tensors["watch.perf"].tolist())
        self.episodes = episodes


@dataclass(frozen=True)
class Progress:
    """How a training stands.

    Attributes:
        steps: of the learner, in all worlds together.
        total: as many as were asked for.
        seconds: since this process began to train.
        rate: steps a second, in this process.
        mean, half: of the return over the last 256 episodes, and half of its 95 % interval.
        episodes: that have ended.
        shares: of the time: ``environment``, ``acting``, ``learning``.
    """

    steps: int
    total: int
    seconds: float
    rate: float
    mean: float
    half: float
    episodes: int
    shares: Mapping[str, float]


class _Lines(KVWriter):
    """Stable-Baselines3's numbers as lines of metrics.jsonl."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
        numbers = {k: float(v) for k, v in sorted(key_values.items())
                   if isinstance(v, (int, float, np.number)) and k != "rollout/return"}  # fmt: skip
        line = {"steps": step, "return": float(key_values.get("rollout/return", math.nan))}
        self._run.add_metrics({**line, **numbers})

    def close(self) -> None:
        pass


class _Keeper(BaseCallback):
    """Keeps the books between two updates, and ends the training where it should end."""

    def __init__(
        self,
        settings: Settings,
        watch: Watch,
        run: RunFolder,
        total: int,
        best: float,
        tell: Callable[[Progress], None],
        enough: Callable[[Progress], str | None],
        save_every: float,
    ) -> None:
        super().__init__()
        self.settings, self.watch, self.run_folder, self.total = settings, watch, run, total
        self.best, self.tell, self.enough, self.save_every = best, tell, enough, save_every
        self.rolling = self.learning = 0.0
        self.started = self.mark = self.saved = time.perf_counter()
        self.first = 0
        self.updates = 0

    def _on_training_start(self) -> None:
        self.started = self.mark = self.saved = time.perf_counter()
        self.first = self.model.num_timesteps

    def _on_rollout_start(self) -> None:
        self._between(last=False)
        self.mark = time.perf_counter()

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        now = time.perf_counter()
        self.rolling += now - self.mark
        self.mark = now
        mean, half = mean_interval(list(self.watch.recent))
        record = self.logger.record
        if self.watch.recent:
            record("rollout/return", mean)
            record("rollout/return_half_interval", half)
        if self.watch.perf:
            record("rollout/perf", float(np.mean(self.watch.perf)))
        record("rollout/episodes", self.watch.episodes)
        for name, share in self.progress().shares.items():
            record(f"time/{name}", share)
        # The best is what took these steps: it is kept before the update changes it.
        if len(self.watch.recent) >= ENOUGH and mean > self.best:
            self.best = mean
            self._save("best", resumable=False)

    def _on_training_end(self) -> None:
        self._between(last=True)

    def progress(self) -> Progress:
        seconds = max(time.perf_counter() - self.started, 1e-9)
        mean, half = mean_interval(list(self.watch.recent))
        steps = self.model.num_timesteps
        spent = max(self.rolling + self.learning, 1e-9)
        shares = {
            "environment": self.watch.seconds / spent,
            "acting": max(self.rolling - self.watch.seconds, 0.0) / spent,
            "learning": self.learning / spent,
        }
        rate = (steps - self.first) / seconds
        return Progress(steps, self.total, seconds, rate, mean, half, self.watch.episodes, shares)

    def _between(self, last: bool) -> None:
        """Between two updates: everything that is needed to go on is at hand."""
        now = time.perf_counter()
        if self.model.num_timesteps > self.first:
            self.learning += now - self.mark
            self.updates += 1
        progress = self.progress()
        self.tell(progress)
        reason = None if last else self.enough(progress)
        if last or reason is not None or now - self.saved >= self.save_every:
            self.keep()
        if reason is not None:
            raise Stop(reason)

    def keep(self) -> None:
        """Write the checkpoint from which a training can go on."""
        self._save("last", resumable=True)
        self.saved = time.perf_counter()

    def _save(self, name: str, resumable: bool) -> None:
        model: Any = self.model
        extra = {}
        if resumable:
            extra = self.watch.state()
            env: Any = self.watch.venv
            worlds = env.get_state()["simulation"]["worlds"]
            extra["worlds"] = torch.from_numpy(worlds.view(np.uint8).copy())
            extra["observation"] = torch.from_numpy(np.ascontiguousarray(model._last_obs))
            extra["starts"] = torch.from_numpy(np.array(model._last_episode_starts, np.uint8))
        save(
            model,
            self.settings,
            self.run_folder.checkpoints / f"{name}.safetensors",
            resumable=resumable,
            extra=extra,
            progress={
                "episodes": self.watch.episodes,
                "best": self.best if math.isfinite(self.best) else None,
            },
        )


def restore(model: PPO | MaskablePPO, watch: Watch, run: RunFolder) -> tuple[dict[str, Any], Settings]:
    """Put a new model and its worlds where the last checkpoint of a run left them.

    Weights, Adam's moments, counters, random generators, worlds and observations are restored: on
    the same machine, with the same versions, the training goes on as if it had never stopped.

    Returns:
        The checkpoint's header and settings.

    Raises:
        FileNotFoundError, CheckpointError: there is no such checkpoint, or it does not fit.
    """
    path, settings, about, tensors = read(run.path, names=("last",))
    _load_weights(model.policy, tensors, path)
    try:
        state: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimizer."):
                _, index, name = key.split(".")
                state.setdefault(int(index), {})[name] = value
        optimizer = model.policy.optimizer.state_dict()
        model.policy.optimizer.load_state_dict({**optimizer, "state": state})
        env: Any = watch.venv
        state_of_env = env.get_state()
        current = state_of_env["simulation"]
        kept = tensors["worlds"].numpy()
        if kept.nbytes != current["worlds"].nbytes:
            raise CheckpointError(
                f"{path}: 'worlds' has {kept.nbytes} bytes, expected {current['worlds'].nbytes}: "
                "another scenario, number of worlds or version"
            )
        current["worlds"] = kept.view(current["worlds"].dtype).reshape(current["worlds"].shape)
        current["ends"][:] = 0
        watch.reset()  # the adapter begins as always; then the worlds are put back
        env.set_state({**state_of_env, "begun": True})
        watch.set_state(tensors, int(about["episodes"]))
        model._last_obs = tensors["observation"].numpy()
        model._last_episode_starts = tensors["starts"].numpy().astype(np.bool_)
        model.num_timesteps = int(about["steps"])
        model._n_updates = int(about["updates"])
        kind, position, has_gauss, gauss = about["random"]
        numbers = tensors["random.numpy"].numpy().view(np.uint32)
        np.random.set_state((kind, numbers, position, has_gauss, gauss))  # noqa: NPY002
        torch.set_rng_state(tensors["random.torch"])
    except KeyError as error:
        raise CheckpointError(f"{path}: the entry {error} is missing: it cannot go on") from None
    return about, settings


def train(
    model: PPO | MaskablePPO,
    settings: Settings,
    watch: Watch,
    run: RunFolder,
    steps: int,
    *,
    best: float = -math.inf,
    tell: Callable[[Progress], None] = lambda progress: None,
    enough: Callable[[Progress], str | None] = lambda progress: None,
    save_every: float = 30.0,
) -> tuple[Progress, str | None]:
    """Train until the model has made so many steps; write the checkpoints ``best`` and ``last``.

    Args:
        model: of :func:`make`, on ``watch``.
        settings: what it was made with.
        watch: its environment.
        run: where to write.
        steps: in all, those of earlier processes included.
        best: the best mean return so far.
        tell: called between two updates.
        enough: called between two updates; a text ends the training, and says why.
        save_every: seconds between two ``last`` checkpoints.

    Returns:
        How it stands, and why it ended before ``steps``, or None.

    Raises:
        BlockingIOError: another training writes into the folder.
    """
    keeper = _Keeper(settings, watch, run, steps, best, tell, enough, save_every)
    fresh = model.num_timesteps == 0
    reason = None
    with run.held():
        board = TensorBoardOutputFormat(str(run.path / "tensorboard"))
        model.set_logger(Logger(str(run.path), [board, _Lines(run)]))
        try:
            model.learn(steps - model.num_timesteps, callback=keeper, reset_num_timesteps=fresh)
        except Stop as stop:
            reason = str(stop)
        finally:
            model.logger.close()
    return keeper.progress(), reason
