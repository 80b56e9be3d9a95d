"""Stable-Baselines3 models: kept without pickles, the same after loading, resumed exactly."""

import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from gymnasium import spaces
from safetensors.torch import load_file, save_file

from mindsight.agents.baselines import sb3
from mindsight.agents.baselines.sb3_adapter import vec_env
from mindsight.agents.registry import load_agent
from mindsight.agents.training import RunFolder, Settings

SMALL = Settings(rollout=16, batch_size=64, width=16, epochs=2)


def new(seed=3, settings=SMALL, **options):
    watch = sb3.Watch(vec_env("reach", 8, **{"width": 7, "height": 7, "limit": 20, **options}))
    model = sb3.make(watch, settings, seed=seed)
    watch.seed(7)
    return model, watch


@pytest.fixture(scope="module", params=["ppo", "maskable_ppo"])
def trained(request, tmp_path_factory):
    """A run of ten updates: (settings, model, run)"""
    settings = replace(SMALL, algorithm=request.param)
    model, watch = new(settings=settings)
    run = RunFolder.create(tmp_path_factory.mktemp("runs") / "whole", "reach")
    sb3.train(model, settings, watch, run, 1280)
    return settings, model, run


def percepts(n=32, seed=0):
    """Some observations and masks of real worlds."""
    env = vec_env("reach", n, width=7, height=7)
    env.seed(seed)
    env.reset()
    rng = np.random.default_rng(seed)
    for _ in range(5):
        masks = env.action_masks()
        actions = np.where(masks, rng.random(masks.shape), -1).argmax(1)
        observations, *_ = env.step(actions)
    return {"flat": observations, "action_mask": env.action_masks().astype(np.int8)}


def test_a_loaded_model_acts_as_the_one_that_was_saved(trained):
    settings, model, run = trained
    agent = sb3.load(run.path / "checkpoints" / "last.safetensors", greedy=True)
    assert (agent.name, agent.observation) == (settings.algorithm, "flat")
    assert not agent.privileged and not agent.can_answer
    given = percepts()
    actions, state = agent.act(given, agent.initial_state(32))
    more = {"action_masks": given["action_mask"]} if settings.algorithm == "maskable_ppo" else {}
    expected, _ = model.predict(given["flat"], deterministic=True, **more)
    np.testing.assert_array_equal(actions, expected)
    assert actions.dtype == np.int64 and state == 1


def test_draws_are_a_function_of_seed_step_and_row(trained):
    _, _, run = trained
    given = percepts(256)
    one, other = sb3.load(run.path), sb3.load(run.path)
    first, state = one.act(given, one.initial_state(256))
    second, _ = one.act(given, state)
    np.testing.assert_array_equal(first, other.act(given, 0)[0])
    assert (first != second).any()
    assert (first != sb3.load(run.path, seed=1).act(given, 0)[0]).any()


def test_draws_follow_the_policys_distribution(trained):
    settings, model, run = trained
    agent = sb3.load(run.path / "checkpoints" / "last.safetensors")
    given = {key: np.repeat(value[:1], 20_000, axis=0) for key, value in percepts(4).items()}
    counts = np.bincount(agent.act(given, 0)[0], minlength=12) / 20_000
    mask = given["action_mask"][:1] if settings.algorithm == "maskable_ppo" else None
    more = {} if mask is None else {"action_masks": mask}
    with torch.no_grad():
        flat = torch.as_tensor(given["flat"][:1])
        chances = model.policy.get_distribution(flat, **more).distribution.probs.numpy()[0]
    np.testing.assert_allclose(counts, chances, atol=0.02)
    if mask is not None:
        assert counts[mask[0] == 0].sum() == 0


def test_loading_draws_nothing_from_the_programs_random_stream(trained):
    _, _, run = trained
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    sb3.load(run.path)
    assert torch.equal(torch.rand(4), expected)


def test_a_resumed_training_ends_with_the_same_weights(trained, tmp_path):
    settings, whole, _ = trained
    run = RunFolder.create(tmp_path / "parts", "reach")
    model, watch = new(settings=settings)
    sb3.train(model, settings, watch, run, 640)
    # another process would have another random state
    np.random.seed(99)  # noqa: NPY002
    torch.manual_seed(99)
    model, watch = new(seed=11, settings=settings)
    about, kept = sb3.restore(model, watch, run)
    assert kept == settings and about["steps"] == model.num_timesteps == 640
    sb3.train(model, settings, watch, run, 1280)
    assert model.num_timesteps == whole.num_timesteps
    for name, weights in whole.policy.state_dict().items():
        assert torch.equal(weights, model.policy.state_dict()[name]), name
    assert list(watch.recent) == list(whole.env.recent)
    steps = [line["steps"] for line in run.read_metrics()]
    assert steps == sorted(set(steps)) and steps[-1] == 1280


def test_training_ends_when_it_is_enough_and_can_go_on(tmp_path):
    run = RunFolder.create(tmp_path / "run", "reach")
    model, watch = new()

    def enough(progress):
        return "enough" if progress.steps >= 256 else None

    progress, reason = sb3.train(model, SMALL, watch, run, 10_000, enough=enough)
    assert (progress.steps, reason) == (256, "enough")
    model, watch = new()
    sb3.restore(model, watch, run)
    assert model.num_timesteps == 256
    assert sum(progress.shares.values()) == pytest.approx(1, abs=0.02)


def test_a_folder_that_another_training_has_is_left_as_it_is(tmp_path):
    run = RunFolder.create(tmp_path / "run", "reach")
    model, watch = new()
    with run.held(), pytest.raises(BlockingIOError, match="run: another training writes into it"):
        sb3.train(model, SMALL, watch, run, 10_000)
    assert not list(run.path.iterdir())


def test_a_training_in_small_rooms_learns(tmp_path):
    run = RunFolder.create(tmp_path / "run", "reach")
    env = vec_env("reach", 32, individuals=1, width=5, height=5, doors="open", limit=20)
    watch = sb3.Watch(env)
    settings = replace(SMALL, rollout=32, batch_size=256, epochs=4, learning_rate=1e-3)
    model = sb3.make(watch, settings, seed=0)
    watch.seed(0)
    sb3.train(model, settings, watch, run, 2048)
    before = np.mean(watch.recent)
    sb3.train(model, settings, watch, run, 30_000)
    assert np.mean(watch.recent) > before + 0.15
    assert (run.checkpoints / "best.safetensors").exists()


def test_files_are_safetensors_and_json(trained):
    _, _, run = trained
    about = json.loads((run.checkpoints / "last.json").read_text())
    assert about["format"] == "mindsight sb3 model"
    arrays = load_file(run.checkpoints / "last.safetensors")
    assert {name.split(".")[0] for name in arrays} >= {"policy", "optimizer", "random", "worlds"}
    assert not [path for path in run.path.rglob("*") if path.suffix in (".zip", ".pkl", ".pt")]


def test_a_run_folder_is_an_agent_by_its_path(trained):
    settings, _, run = trained
    assert load_agent(str(run.path)).name == settings.algorithm


def copy_of(run, tmp_path):
    for name in ("last.safetensors", "last.json"):
        (tmp_path / name).write_bytes((run.checkpoints / name).read_bytes())
    return tmp_path / "last.safetensors"


def change_json(path, **changes):
    about = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(about | changes))


def cut(path):
    path.write_bytes(path.read_bytes()[:1000])


def drop(path):
    arrays = load_file(path)
    del arrays["policy.action_net.bias"]
    save_file(arrays, path)


def spoil(path):
    arrays = load_file(path)
    arrays["policy.action_net.bias"][0] = float("nan")
    save_file(arrays, path)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (cut, "damaged, or no safetensors file"),
        (drop, "'policy.action_net.bias' is missing"),
        (spoil, "not finite"),
        (lambda path: path.write_bytes(b""), "damaged, or no safetensors file"),
        (lambda path: path.with_suffix(".json").write_text("{"), "not a JSON file"),
        (lambda path: change_json(path, format="other"), "key 'format' is 'other'"),
        (lambda path: change_json(path, version=9), "key 'version' is 9"),
        (lambda path: change_json(path, observation=100), r"has shape \(16, 3321\), expected"),
        (lambda path: change_json(path, settings={}), "key 'settings'"),
        (lambda path: change_json(path, actions="many"), "key 'actions' is 'many'"),
    ],
)
def test_a_damaged_checkpoint_says_what_is_wrong(trained, tmp_path, damage, says):
    path = copy_of(trained[2], tmp_path)
    damage(path)
    with pytest.raises(sb3.CheckpointError, match=says) as found:
        sb3.load(path)
    assert str(tmp_path) in str(found.value)


def test_what_is_not_there_or_not_ours(trained, tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        sb3.load(tmp_path / "nothing.safetensors")
    with pytest.raises(FileNotFoundError, match="holds no checkpoint"):
        sb3.load(tmp_path)
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as file:
        file.writestr("data", "{}")
    with pytest.raises(sb3.CheckpointError, match="pickles and are not read"):
        sb3.load(tmp_path / "model.zip")
    path = copy_of(trained[2], tmp_path)
    path.with_suffix(".json").unlink()
    with pytest.raises(FileNotFoundError, match=r"no last.json beside it"):
        sb3.load(path)


def test_worlds_of_another_kind_cannot_go_on(trained):
    settings, _, run = trained
    watch = sb3.Watch(vec_env("reach", 4))
    with pytest.raises(sb3.CheckpointError, match="'worlds' has"):
        sb3.restore(sb3.make(watch, settings, seed=0), watch, run)


def test_another_window_is_refused(trained):
    agent = sb3.load(trained[2].path)
    with pytest.raises(ValueError, match=r"expected \(n, 3321\).*another window"):
        agent.act({"flat": np.zeros((2, 100), np.uint8), "action_mask": np.ones((2, 12))}, 0)
    with pytest.raises(ValueError, match="there are 19 actions here, expected 12"):
        agent.act({"flat": np.zeros((2, 3321), np.uint8), "action_mask": np.ones((2, 19))}, 0)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"algorithm": "dqn"}, "algorithm is 'dqn'"),
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 1}, "batch_size is 1"),
        ({"gamma": 1.5}, "gamma is 1.5"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"entropy": float("nan")}, "entropy is nan"),
    ],
)
def test_settings_that_cannot_be(values, says):
    with pytest.raises(ValueError, match=says):
        Settings(**values)


def test_models_of_other_spaces_are_refused():
    env = vec_env("reach", 2, observation="symbolic")
    with pytest.raises(ValueError, match="expected a flat Box"):
        sb3.make(env, SMALL, seed=0)
    assert isinstance(env.observation_space, spaces.Dict)
    with pytest.raises(ValueError, match="seed is -1"):
        sb3.make(vec_env("reach", 2), SMALL, seed=-1)
