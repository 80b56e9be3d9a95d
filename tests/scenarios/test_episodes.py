"""Episode files: what is written is what is replayed, and whatever is wrong is named."""

import json

import numpy as np
import pytest

from mindsight.envs.grid import GAMES
from mindsight.envs.grid.game import MODES, Simulation
from mindsight.scenarios import Episode, EpisodeError, Recorder


@pytest.mark.parametrize("mode", ["scripted", "random", "exact"])
@pytest.mark.parametrize("name", GAMES)
def test_a_saved_episode_replays_to_the_same_bytes(name, mode, tmp_path):
    episode = Episode.record(name, seed=5, modes=mode)
    path = episode.save(tmp_path / "folder" / "episode.json")
    again = Episode.load(path)
    assert again == episode
    steps = -1
    for simulation in again.replay():
        steps += 1
        assert simulation.worlds["step"][0] == steps
    assert steps == len(episode) > 0
    assert simulation.ends.any()
    assert [file.name for file in path.parent.iterdir()] == ["episode.json"]


@pytest.mark.parametrize("name", GAMES)
def test_every_state_of_the_replay_is_the_one_that_was_played(name):
    simulation = Simulation(GAMES[name], order=1)
    simulation.reset(9)
    modes = ["external"] + ["random"] * (simulation.count - 1)
    recorder = Recorder(simulation, seed=9, modes=modes)
    states = [simulation.worlds.tobytes()]
    for k in range(12):
        if simulation.ends.any():
            break
        recorder.step(np.full(simulation.count, 1 + k % 3))
        states.append(simulation.worlds.tobytes())
    replayed = [state.worlds.tobytes() for state in recorder.episode().replay()]
    assert replayed == states


def test_a_policy_decides_for_the_external_ones_only():
    episode = Episode.record(
        "reach",
        {"limit": 6},
        modes=["external", "scripted"],
        policy=lambda simulation: np.full(simulation.count, 1),
        agents=["turner", "scripted"],
    )
    assert [row[0] for row in episode.actions] == [1] * 6
    assert {row[1] for row in episode.actions} != {1}
    episode.verify()


def test_a_changed_action_is_found():
    episode = Episode.record("reach", seed=1, modes=["external", "scripted"])
    rows = [list(row) for row in episode.actions]
    rows[1][1] = 8  # say_0: the character does not
    changed = Episode(**{**vars(episode), "actions": tuple(map(tuple, rows))})
    with pytest.raises(EpisodeError, match=r"step 2: walker_1 \(scripted\) decides .* 'say_0'"):
        changed.verify()
    rows = [list(row) for row in episode.actions]
    rows[0][0] = 1  # nobody can know that an external one turned; the world can
    changed = Episode(**{**vars(episode), "actions": tuple(map(tuple, rows))})
    with pytest.raises(EpisodeError, match=r"digest.*recorded with mindsight"):
        changed.verify()
    longer = Episode(**{**vars(episode), "actions": (*episode.actions, episode.actions[-1])})
    with pytest.raises(EpisodeError, match="over after"):
        longer.verify()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", "zip", "key 'format' is 'zip'"),
        ("version", 99, "key 'version' is 99"),
        ("environment", "reech", "did you mean 'reach'"),
        ("environment", ["reach"], "key 'environment'"),
        ("options", {"withd": 7}, "key 'options': unknown option 'withd'.*did you mean 'width'"),
        ("options", 3, "key 'options' is 3"),
        ("seed", -1, "key 'seed' is -1"),
        ("seed", True, "key 'seed' is True"),
        ("window", 6, "key 'window' is 6"),
        ("order", 5, "key 'order' is 5"),
        ("modes", ["scripted"], "expected 2 modes, for walker_0, walker_1"),
        ("modes", ["scripted", "skripted"], "did you mean 'scripted'"),
        ("agents", ["a"], "key 'agents'"),
        ("actions", [[0, 0], [0]], "key 'actions', step 2"),
        ("actions", [[0, 12]], "key 'actions', step 1 has 12"),
        ("actions", "forward", "key 'actions' is a str"),
        ("digest", 4, "key 'digest' is 4"),
        ("versions", {"numpy": 2}, "key 'versions'"),
        ("sead", 4, "unknown key 'sead'; did you mean 'seed'"),
    ],
)
def test_a_wrong_file_is_named_with_its_key(key, value, message, tmp_path):
    path = Episode.record("reach", {"limit": 3}).save(tmp_path / "e.json")
    data = json.loads(path.read_text())
    data[key] = value
    path.write_text(json.dumps(data))
    with pytest.raises(EpisodeError, match=message) as caught:
        Episode.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff"])
def test_what_is_no_episode_is_refused(text, tmp_path):
    path = tmp_path / "e.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(EpisodeError, match=r"e\.json"):
        Episode.load(path)
    with pytest.raises(FileNotFoundError):
        Episode.load(tmp_path / "none.json")


def test_a_missing_key_is_named(tmp_path):
    path = Episode.record("reach", {"limit": 3}).save(tmp_path / "e.json")
    data = json.loads(path.read_text())
    del data["modes"]
    path.write_text(json.dumps(data))
    with pytest.raises(EpisodeError, match="key 'modes' is missing"):
        Episode.load(path)


def test_a_recorder_wants_a_fresh_single_world():
    batch = Simulation(GAMES["reach"], 2)
    with pytest.raises(ValueError, match="2 worlds"):
        Recorder(batch, seed=0, modes=["scripted"] * 2)
    single = Simulation(GAMES["reach"])
    single.reset(4)
    with pytest.raises(ValueError, match="seed 4, expected step 0 of seed 3"):
        Recorder(single, seed=3, modes=["scripted"] * 2)
    recorder = Recorder(single, seed=4, modes=["external"] * 2)
    with pytest.raises(ValueError, match="shape"):
        recorder.step([0])
    assert MODES[0] == "external"


def test_saving_over_a_file_that_fails_leaves_the_old_one(tmp_path, monkeypatch):
    path = Episode.record("reach", {"limit": 3}).save(tmp_path / "e.json")
    before = path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *names: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        Episode.record("reach", {"limit": 4}).save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["e.json"]
