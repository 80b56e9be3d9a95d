"""The examples run, and print what they promise."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name):
    done = subprocess.run(
        [sys.executable, "-P", str(EXAMPLES / name)], capture_output=True, text=True, timeout=600
    )
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


def test_every_example_is_tested():
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == ["own_agent.py", "stories.py"]
