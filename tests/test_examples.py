"""The examples run, and print what they promise."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mindsight
from mindsight.envs.grid import GAMES

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name, *arguments):
    command = [sys.executable, "-P", str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_stories():
    last = run("stories.py").splitlines()[-1]
    assert "really: basket" in last
    assert "Sally: box" in last
    assert "Ben: bag" in last, "the lie is believed"


@pytest.mark.slow
def test_own_agent():
    card = run("own_agent.py")
    lines = {tuple(line.split()[:2]): line for line in card.splitlines() if line}
    # it answers with what it saw itself: right wherever nobody is mistaken, wrong in false belief
    assert " 0.0%" in lines["false_belief", "test"]


@pytest.mark.slow
def test_own_environment(tmp_path):
    out = run("own_environment.py", tmp_path)
    cards = re.split(r"^ *(?:not )?passed +(\w+) on exam$", out, flags=re.MULTILINE)
    cards = dict(zip(cards[1::2], cards[2::2], strict=True))
    assert list(cards) == ["random", "egocentric", "scripted"]

    def perf(agent):
        found = re.findall(r"^gaze-\S+ +100 .* (\d\.\d{3}) +–", cards[agent], re.MULTILINE)
        assert len(found) == 6, "voice, steps and the arrow, each in two twins"
        return [float(one) for one in found]

    def right(agent, condition, role):
        return float(re.search(rf"^{condition} +{role} +\d+ +([\d.]+)%", cards[agent], re.MULTILINE)[1])

    # by chance a third of the episodes (the same 200 three times over), a quarter of the questions
    assert abs(np.mean(perf("random")) - 1 / 3) < 0.12
    assert abs(right("random", "gaze", "test") - 25) < 10
    assert perf("scripted") == [1] * 6, "always right"
    for condition, role in (("gaze", "test"), ("arrow", "test"), ("own_gaze", "control")):
        assert right("scripted", condition, role) == 100
    # who names what it looks at itself knows that, and is wrong about the other
    assert right("egocentric", "own_gaze", "control") == 100
    assert right("egocentric", "gaze", "test") < 50
    assert max(perf("egocentric")) < 0.6
    assert "sound: True" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gaze.gif", "gaze_arrow.gif"]
    assert all(path.stat().st_size > 1000 for path in tmp_path.iterdir())


@pytest.mark.slow
def test_the_page_about_own_environments_runs_as_it_is(tmp_path):
    """Its game, its scenario and its calls, one after the other, in a folder of their own."""
    page = (EXAMPLES.parent / "docs" / "adding_an_environment.md").read_text()
    blocks = re.findall(r"```(python|yaml)\n(.*?)```", page, re.DOTALL)
    assert [kind for kind, _ in blocks] == ["python", "python", "yaml"]
    (tmp_path / "star.py").write_text(blocks[0][1])
    (tmp_path / "use.py").write_text("import star\n" + blocks[1][1])
    (tmp_path / "star.yaml").write_text(blocks[2][1])
    done = subprocess.run(
        [sys.executable, "use.py"], capture_output=True, text=True, timeout=600, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "scripted on star" in done.stdout
    assert (tmp_path / "star.gif").stat().st_size > 1000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "reach"}, "'reach' is taken by"),
        ({"name": "My game"}, "name is 'My game', expected small letters"),
        ({"name": "mine", "learner": "nobody"}, "learner is 'nobody', expected one of \\('walker'"),
        ({"name": "mine", "modes": ("external", "clever")}, "mode 'clever' is none of external, scripted"),
        ({"name": "mine", "roles": ("walker",) * 9}, "mine has 9 roles, expected 1 to 8"),
    ],
)
def test_an_environment_that_does_not_fit_together_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        mindsight.add_environment(dataclasses.replace(GAMES["reach"], **change))
    assert "mine" not in mindsight.list_environments()
    with pytest.raises(ValueError, match="expected a Game, got str: 'reach'"):
        mindsight.add_environment("reach")


def test_every_example_is_tested():
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == [
        "own_agent.py",
        "own_environment.py",
        "stories.py",
    ]
