"""Recorded conversations: what was said, who perceived it, what was paid; files that are checked."""

import json

import numpy as np
import pytest

from mindsight import cli
from mindsight.agents.tri_module.data import DatasetError, Recorded
from mindsight.envs.conversation.language import GIVE, HAPPY
from mindsight.scenarios import collect as module
from mindsight.scenarios import load_scenario
from mindsight.scenarios.collect import collect
from mindsight.scenarios.seeds import EVALUATION


def same(one, other):
    return all(np.array_equal(getattr(one, k), getattr(other, k)) for k in one.__dict__ if k != "about")


def test_what_is_recorded_is_what_was_played():
    """Against a single conversation at a time, by its views."""
    found = collect("guarded_train", 6)
    scenario = load_scenario("guarded_train")
    modes = scenario.modes("scripted")
    for k in range(6):
        simulation = scenario.simulation(1)
        simulation.reset(found.about["seeds"][0] + k)
        actions = np.zeros((1, simulation.count), np.int64)
        paid = np.zeros(simulation.count)
        while not simulation.ends.any():
            simulation.script(modes, actions)
            simulation.step(actions)
            paid += simulation.rewards[0]
        np.testing.assert_allclose(found.gained[k].sum(0), paid, atol=1e-5)
        for a in range(simulation.count):
            view = simulation.view("tokens", a)
            mine = found.perceived_by(a, np.array([k]))
            count = mine.tokens.shape[1]
            np.testing.assert_array_equal(mine.tokens[0], view["tokens"][0, :count])
            np.testing.assert_array_equal(mine.senders[0], view["sender"][0, :count])
            assert not view["tokens"][0, count:].any() and mine.own[0] == view["self"][0]


def test_seeds_are_trainings_and_bytes_do_not_depend_on_the_chunk(monkeypatch):
    whole = collect("echo_train", 9, seed=3)
    assert whole.about["seeds"][1] < EVALUATION
    monkeypatch.setattr(module, "_CHUNK", 4)
    assert same(collect("echo_train", 9, seed=3), whole)
    assert not same(collect("echo_train", 9, seed=4), whole)


def gifts(noise):
    """How often gifts were what was needed in solace, and a conversation's own returns."""
    found = collect("solace_two", 200, noise=noise)
    given = found.tokens[..., 0] == GIVE
    faces = np.roll(found.tokens, -1, 1)[given]  # what the world shows next
    return (faces[:, 2] == HAPPY).mean(), given.sum()


def test_noise_is_what_the_focal_individual_does_at_random(monkeypatch):
    whole = collect("solace_two", 9, noise=0.4)
    assert whole.about["noise"] == 0.4 and "noise" not in collect("solace_two", 9).about
    assert same(collect("solace_two", 9, noise=0.0), collect("solace_two", 9))
    assert not same(whole, collect("solace_two", 9))
    monkeypatch.setattr(module, "_CHUNK", 4)
    assert same(collect("solace_two", 9, noise=0.4), whole)
    (kind, some), (noisy, more), (random, most) = gifts(0.0), gifts(0.4), gifts(1.0)
    assert kind == 1.0 > noisy + 0.2 > noisy > random + 0.2
    assert some < more < most


def test_files_are_read_back_and_damage_is_named(tmp_path, capsys):
    out = tmp_path / "data"
    assert cli.main(["collect", "chatter_train", "--episodes", "20", "--out", str(out)]) == 0
    assert "20 conversations" in capsys.readouterr().out
    found = Recorded.load(out)
    assert same(found, collect("chatter_train", 20)) and len(found) == 20
    assert found.about["scenario"] == "chatter_train" and found.about["agent"] == "scripted"
    arrays, about = out / "conversations.safetensors", out / "conversations.json"
    kept = arrays.read_bytes()
    arrays.write_bytes(kept[:-5] + b"xxxxx")
    with pytest.raises(DatasetError, match=r"conversations\.safetensors: damaged"):
        Recorded.load(out)
    arrays.write_bytes(kept)
    content = json.loads(about.read_text())
    about.write_text(json.dumps({**content, "version": 7}))
    with pytest.raises(DatasetError, match="version is 7, expected 1"):
        Recorded.load(out)
    about.write_text("{")
    with pytest.raises(DatasetError, match="not JSON"):
        Recorded.load(out)
    with pytest.raises(DatasetError, match="nowhere"):
        Recorded.load(tmp_path / "nowhere")


def test_what_is_there_is_not_written_over_and_that_is_said_before_anything_is_played(tmp_path, monkeypatch):
    collect("chatter_train", 4, tmp_path / "data")
    before = {path.name: path.read_bytes() for path in (tmp_path / "data").iterdir()}
    monkeypatch.setattr(module, "_played", None)
    with pytest.raises(FileExistsError, match="data is not empty: give a new folder"):
        collect("chatter_train", 5, tmp_path / "data")
    assert {path.name: path.read_bytes() for path in (tmp_path / "data").iterdir()} == before
    with pytest.raises(FileExistsError):
        collect("chatter_train", 5, tmp_path / "data" / "conversations.json")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("reach_small", 5), "plays reach, expected a scenario with conversations"),
        (("echo_train", 0), "episodes is 0"),
        (("echo_train", 5, None, "scriptd"), "agent is 'scriptd'.*did you mean 'scripted'"),
        (("echo_train", 5, None, "selfish"), "agent is 'selfish'"),
        (
            ("echo_train", 5, None, "scripted", 0, False, 0, 1.5),
            "noise is 1.5, expected a number from 0 to 1",
        ),
    ],
)
def test_what_cannot_be_collected_is_named(arguments, says):
    with pytest.raises(ValueError, match=says):
        collect(*arguments)
