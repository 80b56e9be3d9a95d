"""The kindness experiment, as small as it gets."""

import json

import numpy as np
import pytest

from mindsight.agents.tri_module.perspective import ME
from mindsight.benchmarks.experiments import kindness
from mindsight.benchmarks.experiments.kindness import CONDITIONS, Size, interquartile, mixed, run, summary

SMALL = Size(recorded=32, steps=2, batch=4, updates=1, episodes=4, epochs=1, pieces=1, exam=4)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kindness")
    for condition in ("own", "learned", "selfish"):
        run(condition, 0, folder, SMALL)
    return folder


def test_a_run_writes_what_it_found_and_is_not_run_again(out, monkeypatch):
    found = json.loads((out / "own-0.json").read_text())
    assert found["settings"]["source"] == "own"
    assert {"judged_r", "true_r", "error_r", "nll", "ece", "own", "others"} <= set(found["log"][0])
    assert {"share", "others", "selfish", "prosocial", "nll", "ece"} <= set(found["held_out"])
    assert found["held_out"]["prosocial"] > found["held_out"]["selfish"] == 0
    assert json.loads((out / "learned-0.json").read_text())["learned"]["samples"] > 0

    def never(*_):
        raise AssertionError("run again")

    monkeypatch.setattr(kindness, "train", never)
    assert run("own", 0, out, SMALL) == found


def test_the_table_has_a_line_a_condition(out):
    lines = summary(out).splitlines()
    assert [line.split("`")[1] for line in lines[2:]] == ["own", "learned", "selfish"]


def test_half_of_what_is_learned_from_is_switched():
    recorded = kindness.recordings(0, SMALL)
    batch = kindness.histories(recorded, np.random.default_rng(0), 64)
    assert batch.actions.any(1).all()
    others = (batch.senders != ME) & (batch.senders != 0) & batch.actions
    assert others.any()  # who comes next, and what the world shows


def test_kappa_weighs_and_a_shuffled_reward_belongs_to_another_message(out):
    class Turn:
        def __init__(self, own):
            self.gained = np.array([[own, 0.0, 0.0], [own, 0.0, 0.0]])
            self.active = kindness.torch.ones(2, dtype=kindness.torch.bool)

    class Played:
        turns = (Turn(-0.3), Turn(0.0))
        active = kindness.torch.ones((2, 2), dtype=kindness.torch.bool)

    worth = np.arange(8.0).reshape(2, 2, 2)
    rng = np.random.default_rng(0)
    own = mixed(CONDITIONS["own"], Played, worth, rng)
    np.testing.assert_allclose(own, 0.25 * np.array([[-0.3, -0.3], [0, 0]]) + 0.75 * worth.sum(-1))
    selfish = mixed(CONDITIONS["selfish"], Played, worth, rng)
    np.testing.assert_allclose(selfish, [[-0.3, -0.3], [0, 0]])
    shuffled = mixed(CONDITIONS["shuffled"], Played, worth, rng)
    left = np.sort((shuffled - 0.25 * np.array([[-0.3, -0.3], [0, 0]])).ravel())
    np.testing.assert_allclose(left, np.sort(0.75 * worth.sum(-1).ravel()))


def test_the_interquartile_mean_leaves_out_the_ends():
    middle, low, high = interquartile([0.0, 1.0, 1.0, 9.0], np.random.default_rng(0))
    assert middle == 1.0
    assert low <= middle <= high
