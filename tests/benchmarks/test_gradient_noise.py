"""What updates ask for, and how much of it is chance."""

import numpy as np
import pytest
import torch

from mindsight.agents.tri_module.model import TriConfig, TriModule
from mindsight.agents.tri_module.perspective import VOCABULARY_SIZE
from mindsight.agents.tri_module.rollouts import play
from mindsight.benchmarks.experiments import gradient_noise
from mindsight.benchmarks.experiments.gradient_noise import Asked, gradients, main, measure
from mindsight.scenarios.loader import load_scenario


def model(seed=0):
    sizes = TriConfig(VOCABULARY_SIZE, context=512, width=12, layers=1, heads=(1, 1, 1), hidden=12)
    return TriModule(sizes, seed)


def test_signal_and_noise_are_what_gradients_were_made_of():
    """A direction of length 2 that all updates share, and chance of length 3."""
    drawn = torch.randn((400, 500), generator=torch.Generator().manual_seed(0)) * (9 / 500) ** 0.5
    asked = Asked.of(drawn + 2 * torch.nn.functional.one_hot(torch.tensor(7), 500))
    assert asked.noise == pytest.approx(9, rel=0.02)
    assert asked.signal == pytest.approx(4, rel=0.1)
    assert abs(Asked.of(drawn).signal) < 0.01  # though their mean's square is 9 / 400


def test_a_gradient_is_that_of_its_update_alone(monkeypatch):
    monkeypatch.setattr(gradient_noise, "SETTLED", 4)
    made, scenario = model(), load_scenario("solace_two")
    made.graft()
    episodes = play(made, scenario.simulation(10), 0, scenario.modes(), 3, imagine=False)
    gained = np.stack([turn.gained[:, 0] for turn in episodes.turns])
    found = gradients(made, episodes, gained, 3, 0.95, 0.7)
    assert len(found) == 2 and (found != 0).any(1).all()
    torch.testing.assert_close(gradients(made, episodes, gained, 3, 0.95, 0.7), found)
    both = gradients(made, episodes, gained, 6, 0.95, 0.7)  # of as many numbers each where turns are as many
    counts = [float(episodes.batch(torch.zeros((len(gained), 10, 1)), rows)[0].actions.sum())
              for rows in torch.arange(4, 10).split(3)]  # fmt: skip
    mixed = (found * torch.tensor(counts)[:, None]).sum(0) / sum(counts)
    torch.testing.assert_close(both[0], mixed, atol=1e-6, rtol=1e-4)


def test_rewards_and_traces_are_measured_and_nobody_was_rewarded(monkeypatch):
    monkeypatch.setattr(gradient_noise, "SETTLED", 4)
    rows = measure(model(), "solace_two", 2, 3, [0.9, 0.5], 5)
    assert [row["trace"] for row in rows] == [0.9, 0.5]
    for row in rows:
        assert row["own"].noise > 0 and row["selfish"].noise > 0 and row["own"] != row["selfish"]


def test_what_is_not_there_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--listened", str(tmp_path)])
    assert f"there is no {tmp_path / 'listening_on-0'}" in capsys.readouterr().err
