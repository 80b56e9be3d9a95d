"""The command line from end to end, in processes of its own where a process matters."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import mindsight
from mindsight import cli, commands, renders
from mindsight.agents.baselines import sb3
from mindsight.agents.training import RunFolder
from mindsight.scenarios.episodes import Episode

QUICK = ("--rollout", "16", "--batch-size", "64", "--width", "16", "--num-envs", "8")


def run(*arguments, folder, code=0, **environment):
    """Run the command in a process; its output and complaints, after a check of its exit code."""
    process = subprocess.run(
        [sys.executable, "-P", "-m", "mindsight", *map(str, arguments)],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert process.returncode == code, process.stdout + process.stderr
    return process.stdout, process.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run folder, of a training of 2,000 steps."""
    folder = tmp_path_factory.mktemp("cli")
    out, _ = run("train", "reach_small", "--steps", 2000, *QUICK, "--out", "run", folder=folder)
    assert out.strip() == "run"
    return folder / "run"


# --- list -----------------------------------------------------------------------------------------
def test_list_names_everything(capsys):
    assert cli.main(["list"]) == 0
    out = capsys.readouterr().out
    for name in (*mindsight.list_environments(), "reach_small", "movement", "exact"):
        assert name in out


def test_list_prints_sections(capsys):
    assert cli.main(["list", "batteries", "agents"]) == 0
    out = capsys.readouterr().out
    count = len(mindsight.load_battery("false_belief").scenarios)
    assert re.search(rf"^false_belief +{count} ", out, re.M)
    for name in ("reality_biased", "PATH", "module:Class", "hf:PATH_OR_NAME", "served:MODEL@URL"):
        assert re.search(rf"^{name} ", out, re.M), name
    assert "Batteries" in out and "Agents" in out
    assert "Scenarios" not in out and "reach_small" not in out
    assert cli.main(["list", "agents", "agent"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and "did you mean 'agents'?" in said.err


def test_list_prints_pages(capsys):
    assert cli.main(["list", "reach"]) == 0
    assert "beacon" in capsys.readouterr().out
    assert cli.main(["list", "reach_small"]) == 0
    assert "environment: reach" in capsys.readouterr().out


def test_what_needs_no_torch_does_not_load_it(tmp_path):
    code = (
        "import sys; from mindsight import cli\n"
        "assert cli.main(['list']) == 0\n"
        "assert cli.main(['render', 'reach_small', '--out', 'x.png']) == 0\n"
        "assert cli.main(['play', 'nothing']) == 2\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, check=True, timeout=300)


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"mindsight {mindsight.__version__}"


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_shows_examples(command, capsys):
    assert cli.main([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert "Examples:" in out
    assert f"\n  mindsight {command}" in out


def test_every_example_parses():
    for name, command in cli.COMMANDS.items():
        lines = [line.strip() for line in command.__doc__.splitlines()]
        examples = [line for line in lines if line.startswith("mindsight ")]
        assert examples, name
        for line in examples:
            words = line.partition("#")[0].split()
            assert isinstance(cli._parse(words[1:]), command), line


def test_every_command_of_the_pages_parses():
    root = Path(__file__).parents[1]
    lines = [
        line.strip()
        for path in (root / "README.md", *sorted((root / "docs").glob("*.md")))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip().startswith("mindsight ")
    ]
    assert len(lines) > 30
    for line in lines:  # what a command does stands beside it, after spaces
        words = re.split(r"\s{2,}|\s#", line)[0].split()
        assert isinstance(cli._parse(words[1:]), cli.COMMANDS[words[1]]), line


# --- bad input ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["trian"], "did you mean 'train'?"),
        (["--nothing"], "Unrecognized options: --nothing"),
        (["train"], "no scenario is given"),
        (["train", "reach_smal"], "did you mean 'reach_small'?"),
        (["train", "reach_small", "--steps", "many"], "--steps"),
        (["train", "reach_small", "--stesp", "3"], "did you mean --steps?"),
        (["train", "reach_small", "--steps", "0"], "steps is 0"),
        (["train", "reach_small", "--seed", "-1"], "seed is -1"),
        (["train", "reach_small", "--algorithm", "dqn"], "invalid choice 'dqn'"),
        (["train", "reach_small", "--gamma", "2"], "gamma is 2.0"),
        (["train", "--resume", "nothing"], "there is no run folder nothing"),
        (["train", "reach_small", "--resume", "x"], "a resumed run keeps its own"),
        (["train", "--resume", "x", "--epochs", "3"], "a resumed run keeps its settings"),
        (["evaluate"], "AGENT"),
        (["evaluate", "exakt", "movement"], "did you mean 'exact'?"),
        (["evaluate", "exact", "movements"], "did you mean 'movement'?"),
        (["evaluate", "exact", "movement", "--episodes", "0"], "episodes is 0"),
        (["evaluate", "exact", "--stories", "x.txt", "--episodes", "3"], "--episodes is for batteries"),
        (["evaluate", "exact", "movement", "--answer-tokens", "99"], "only language models have settings"),
        (["render", "nothing.json"], "nothing.json: No such file"),
        (["render", "reach_small", "--out", "x.bmp"], "x.bmp"),
        (["render", "reach_small", "--agent", "nobody", "--out", "x.gif"], "nobody"),
        (["list", "raech"], "did you mean 'reach'?"),
        (["demo", "--minutes", "0"], "minutes is 0"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1 and said.err.startswith("mindsight")
    assert says in said.err
    assert list(tmp_path.iterdir()) == []  # nothing was begun


def test_bad_input_in_a_process(tmp_path):
    _, said = run("evaluate", "exact", "nothing.yaml", folder=tmp_path, code=2)
    assert said.count("\n") == 1 and "Traceback" not in said
    _, said = run("evaluate", "exact", "nothing.yaml", folder=tmp_path, code=1, MINDSIGHT_DEBUG="1")
    assert "Traceback" in said


def test_a_full_folder_is_not_written_over(trained, capsys):
    assert cli.main(["train", "reach_small", "--out", str(trained)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_scenario_without_one_learner_is_refused(tmp_path, capsys):
    path = tmp_path / "two.yaml"
    path.write_text("description: Two learners.\nenvironment: reach\nroles: {walker: focal}\nprobes: none\n")
    assert cli.main(["train", str(path)]) == 2
    assert "2 individuals are 'focal'" in capsys.readouterr().err


# --- train ----------------------------------------------------------------------------------------
def test_a_run_folder_has_everything(trained):
    config = json.loads((trained / "config.json").read_text())
    assert config["scenario"] == "reach_small" and config["settings"]["width"] == 16
    assert config["seeds"] == {"learner": 0, "worlds": [0, 7]}
    versions = json.loads((trained / "versions.json").read_text())
    assert versions["mindsight"] == mindsight.__version__ and "torch" in versions
    result = json.loads((trained / "result.json").read_text())
    assert result["steps"] >= 2000 and set(result["levels"]) == {"random", "exact"}
    assert (trained / "scenario.yaml").read_text().startswith("description:")
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["steps"] == result["steps"] and "time/environment" in lines[-1]
    assert (trained / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    assert list((trained / "tensorboard").glob("events.*"))
    assert (trained / "checkpoints" / "last.safetensors").exists()


def test_a_saved_model_is_evaluated(trained, tmp_path):
    out, _ = run(
        "evaluate", trained, "reach_small", "--episodes", 20, "--references", "random", "exact",
        "--out", "card", folder=tmp_path,
    )  # fmt: skip
    assert "maskable_ppo" in out and "exact" in out
    card = json.loads((tmp_path / "card" / "card.json").read_text())
    assert card["agent"] == "maskable_ppo" and card["actions"][0]["episodes"] == 20
    rows = (tmp_path / "card" / "episodes.jsonl").read_text().splitlines()
    assert len(rows) == 20
    assert (tmp_path / "card" / "card.html").exists()


def test_a_run_is_resumed_by_one_at_a_time(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    settings = ["--rollout", "16", "--batch-size", "64", "--width", "16", "--num-envs", "8"]
    assert cli.main(["train", "reach_small", "--steps", "256", *settings, "--out", "a"]) == 0
    with RunFolder.open("a").held():
        before = (tmp_path / "a" / "config.json").read_bytes()
        capsys.readouterr()
        assert cli.main(["train", "--resume", "a", "--steps", "512"]) == 2
        assert "a: another training writes into it" in capsys.readouterr().err
        assert (tmp_path / "a" / "config.json").read_bytes() == before
    assert cli.main(["train", "--resume", "a", "--steps", "512"]) == 0
    assert cli.main(["train", "reach_small", "--steps", "512", *settings, "--out", "b"]) == 0
    parts, whole = sb3.read("a", names=("last",))[3], sb3.read("b", names=("last",))[3]
    for name, values in whole.items():
        assert values.equal(parts[name]), name
    assert json.loads((tmp_path / "a" / "config.json").read_text())["steps"] == 512
    # what has made all its steps has none to make, and nothing of it is lost
    kept = {name: (tmp_path / "a" / name).read_bytes() for name in ("config.json", "result.json")}
    capsys.readouterr()
    for more in (["--steps", "10"], []):
        assert cli.main(["train", "--resume", "a", *more]) == 2
        steps = f"{int(more[-1]) if more else 512:,}"
        assert f"steps is {steps}, expected more than the 512 that a has made" in capsys.readouterr().err
    (last := tmp_path / "a" / "checkpoints" / "last.safetensors").write_bytes(b"damaged")
    assert cli.main(["train", "--resume", "a", "--steps", "1024"]) == 2
    assert str(last.name) in capsys.readouterr().err
    assert {name: (tmp_path / "a" / name).read_bytes() for name in kept} == kept


def test_ctrl_c_leaves_a_usable_run(tmp_path, monkeypatch):
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "mindsight", "train", "reach_small", "--steps", "100000000",
         *QUICK, "--out", "run"],
        cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    metrics = tmp_path / "run" / "metrics.jsonl"
    try:
        end = time.monotonic() + 240
        while not metrics.exists() or metrics.read_text().count("\n") < 3:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < end
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "mindsight train --resume run" in said
    assert sb3.load(tmp_path / "run").name == "maskable_ppo"
    assert (tmp_path / "run" / "learning_curve.png").exists()
    steps = sb3.read(tmp_path / "run", names=("last",))[2]["steps"]
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", "--resume", "run", "--steps", str(steps + 128)]) == 0
    assert sb3.read(tmp_path / "run", names=("last",))[2]["steps"] == steps + 128


# --- render, play ---------------------------------------------------------------------------------
def test_render_draws_scenarios_and_episodes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["render", "reach_small", "--out", "x.gif", "--agent", "random"]) == 0
    assert (tmp_path / "x.gif").read_bytes().startswith(b"GIF8")
    episode = Episode.record("reach", seed=3)
    episode.save("episode.json")
    assert cli.main(["render", "episode.json", "--out", "sub/y.png"]) == 0
    assert (tmp_path / "sub" / "y.png").read_bytes().startswith(b"\x89PNG")
    assert f"{len(episode)} steps, seed 3" in capsys.readouterr().out


def test_render_draws_a_saved_model(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["render", "reach_small", "--agent", str(trained), "--out", "x.png"]) == 0
    assert (tmp_path / "x.png").exists()


class Typist:
    """Stands where the window is: presses keys, and keeps what it was shown."""

    keys_to_press: tuple[str, ...] = ()

    def __init__(self, title):
        self.left = list(self.keys_to_press)
        self.frames = []
        type(self).last = self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def show(self, frame):
        self.frames.append(frame)

    def keys(self, timeout=None):
        return [self.left.pop(0) if self.left else "quit"]


def test_play_writes_the_episode_that_was_played(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(renders, "Window", Typist)
    monkeypatch.setattr(Typist, "keys_to_press", ("left", "x", "right", "down", "g", "q", "left"))
    assert cli.main(["play", "reach_small", "--seed", "2"]) == 0
    episode = Episode.load("reach_small-2.json")
    # an unknown key, an illegal action and what comes after the end do nothing
    assert [row[0] for row in episode.actions] == [1, 2, 0]
    episode.verify()
    assert episode.agents == ("keyboard", "scripted")
    first, last = Typist.last.frames[0], Typist.last.frames[-1]
    assert not np.array_equal(first, last)


def test_play_goes_on_to_the_end_of_an_episode(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(renders, "Window", Typist)
    monkeypatch.setattr(Typist, "keys_to_press", ("down",) * 1000)
    assert cli.main(["play", "reach_small", "--out", "long.json"]) == 0
    assert len(Episode.load("long.json")) == 60  # its limit
    monkeypatch.setattr(Typist, "keys_to_press", ("right",) * 5)
    assert cli.main(["play", "long.json"]) == 0
    assert len(Typist.last.frames) == 6


# --- demo -----------------------------------------------------------------------------------------
def test_demo_writes_its_report(tmp_path, monkeypatch, capsys):
    """A few updates instead of minutes: everything is there, and the exam is not passed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "little.yaml").write_text(LITTLE)
    (tmp_path / "walk.yaml").write_text(WALK)
    code = commands.demo(out="demo", curriculum="little.yaml", episodes=3, grid="walk.yaml")
    assert code == 1
    report = json.loads((tmp_path / "demo" / "report.json").read_text())
    assert report["passed"] is False
    assert report["card"]["agent"] == "tri_module"
    assert {card["agent"] for card in report["card"]["references"]} == set(commands.DEMO_REFERENCES)
    assert report["asked"], "nothing is shown that it was asked"
    for name in ("episode.gif", "episode.png", "grid.gif", "episode.json", "card/card.json"):
        assert (tmp_path / "demo" / name).stat().st_size > 0
    Episode.load("demo/episode.json").verify()
    assert "everything is in demo" in capsys.readouterr().out


LITTLE = """
description: A few updates.
model: {width: 12, layers: 1, heads: [1, 1, 1], hidden: 12, context: 512}
phases:
  - {listing: pretrain, scenario: sally_anne_chat_honest, steps: 6, batch_size: 8}
exam: {battery: false_belief_lived, every: 3, episodes: 2, score: 0.9}
"""


WALK = """
description: Two updates.
model: {width: 12, layers: 1, heads: [1, 1, 1], hidden: 12, context: 64}
phases:
  - {listing: pretrain, scenario: reach_small, steps: 2, batch_size: 4, length: 8}
"""


def test_a_demo_whose_gridworld_cannot_be_trained_says_why(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "little.yaml").write_text(LITTLE)
    (tmp_path / "walk.yaml").write_text(WALK)
    (tmp_path / "demo-grid").mkdir()
    (tmp_path / "demo-grid" / "mine").write_text("")
    with pytest.raises(FileExistsError, match="demo-grid holds something"):
        commands.demo(out="demo", curriculum="little.yaml", episodes=3, grid="walk.yaml")
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize(
    "wrong, says", [({"seed": -1}, "seed is -1"), ({"out": "full"}, "full exists already")]
)
def test_a_demo_that_cannot_begin_leaves_nothing_behind(tmp_path, monkeypatch, wrong, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("")
    with pytest.raises((ValueError, FileExistsError), match=says):
        commands.demo(**{"out": "demo", **wrong})
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "mine"]


def test_a_conversation_is_played_in_words_and_numbers(tmp_path, monkeypatch, capsys):
    typed = iter(["what do you like?", "I give the moon away", "99", "q"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(typed))
    episode = tmp_path / "talk.json"
    assert commands.play("cracker_train", seed=3, out=str(episode)) == 0
    out = capsys.readouterr().out
    assert "what do you like?" in out
    assert "not understood" in out
    assert "not possible now" in out
    Episode.load(episode).verify()
    assert len(Episode.load(episode)) == 2  # the question, and what the guest said to it
