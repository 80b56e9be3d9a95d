"""Stable-Baselines3 over the worlds: its own checks, masks, last observations, and training."""

import warnings

import gymnasium
import numpy as np
import pytest

import mindsight
from mindsight.envs.grid.faces import LearnerVectorEnvironment

torch = pytest.importorskip("torch")
pytest.importorskip("sb3_contrib")

from sb3_contrib import MaskablePPO  # noqa: E402
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported  # noqa: E402
from stable_baselines3 import PPO  # noqa: E402
from stable_baselines3.common.env_checker import check_env  # noqa: E402
from stable_baselines3.common.vec_env import DummyVecEnv  # noqa: E402

from mindsight.agents.baselines.sb3_adapter import SB3VecEnv, vec_env  # noqa: E402

NAMES = mindsight.list_environments()


@pytest.mark.parametrize("name", NAMES)
def test_stable_baselines3_finds_nothing_to_say(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(f"mindsight/{name}-v0").unwrapped
        check_env(env, warn=True)


@pytest.mark.parametrize("name", NAMES)
def test_same_as_single_environments_in_a_row(name):
    """The adapter gives what SB3's own DummyVecEnv gives of single environments."""
    count, steps = 3, 260
    ours = vec_env(name, count, limit=50)
    theirs = DummyVecEnv([lambda: gymnasium.make(f"mindsight/{name}-v0", limit=50)] * count)
    ours.seed(7)
    theirs.seed(7)
    np.testing.assert_array_equal(ours.reset(), theirs.reset())
    rng = np.random.default_rng(0)
    ended = 0
    for _ in range(steps):
        np.testing.assert_array_equal(ours.env_method("action_masks"), theirs.env_method("action_masks"))
        actions = rng.integers(0, ours.action_space.n, count)
        a, b = ours.step(actions), theirs.step(actions)
        for x, y in zip(a[:3], b[:3], strict=True):
            np.testing.assert_array_equal(x, y)
        for x, y, done in zip(a[3], b[3], a[2], strict=True):
            assert x["TimeLimit.truncated"] == y["TimeLimit.truncated"]
            assert ("terminal_observation" in x) == done
            if done:
                ended += 1
                np.testing.assert_array_equal(x["terminal_observation"], y["terminal_observation"])
                np.testing.assert_array_equal(x["terminal_mask"], y["action_mask"])
                assert 0 <= x["perf"] <= 1
    assert ended >= count * 4


def test_truncation_is_told_from_termination():
    env = vec_env("reach", 4, limit=3, individuals=1)
    env.reset()
    for _ in range(3):
        _, _, dones, infos = env.step(np.zeros(4, int))
    assert dones.all()
    assert all(info["TimeLimit.truncated"] for info in infos)


def test_masks_are_found_by_name():
    env = vec_env("reach", 5, seed=0)
    env.reset()
    assert is_masking_supported(env)
    masks = get_action_masks(env)
    assert masks.shape == (5, 12)
    assert masks.dtype == bool
    np.testing.assert_array_equal(masks, env.batch.simulation.masks[:, 0].astype(bool))
    assert len(env.env_method("action_masks", indices=[1, 3])) == 2


def test_observations_are_copies():
    env = vec_env("reach", 2, seed=0)
    first = env.reset()
    kept = first.copy()
    for _ in range(4):
        env.step(np.array([1, 2]))
    np.testing.assert_array_equal(first, kept)


def test_what_a_batch_cannot_do_is_refused():
    env = vec_env("reach", 2)
    with pytest.raises(AttributeError, match="cannot be set"):
        env.set_attr("limit", 3)
    with pytest.raises(AttributeError, match="no method 'jump'"):
        env.env_method("jump")
    with pytest.raises(AttributeError):
        env.get_attr("no_such_thing")
    assert not env.has_attr("no_such_thing")
    assert env.env_is_wrapped(gymnasium.Wrapper) == [False, False]
    with pytest.raises(ValueError, match="expected 'same_step'"):
        SB3VecEnv(LearnerVectorEnvironment("reach", 2, autoreset="next_step"))


@pytest.mark.parametrize("algorithm", [PPO, MaskablePPO])
@pytest.mark.parametrize("observation", ["flat", "pixels"])
def test_training_runs_and_moves_the_weights(algorithm, observation):
    torch.set_num_threads(1)
    env = vec_env("reach", 8, individuals=2, limit=20, observation=observation)
    policy = "MlpPolicy" if observation == "flat" else "CnnPolicy"
    model = algorithm(policy, env, n_steps=16, batch_size=64, n_epochs=1, seed=0)
    before = [p.detach().clone() for p in model.policy.parameters()]
    model.learn(384)
    assert model.num_timesteps >= 384
    assert any(not torch.equal(a, b) for a, b in zip(before, model.policy.parameters(), strict=True))
    assert all(torch.isfinite(p).all() for p in model.policy.parameters())


def test_maskable_ppo_takes_only_what_is_legal():
    torch.set_num_threads(1)
    env = vec_env("reach", 4, seed=0)
    model = MaskablePPO("MlpPolicy", env, n_steps=8, batch_size=32, seed=0)
    observations = env.reset()
    for _ in range(20):
        masks = get_action_masks(env)
        actions, _ = model.predict(observations, action_masks=masks)
        assert masks[np.arange(4), actions].all()
        observations, *_ = env.step(actions)
