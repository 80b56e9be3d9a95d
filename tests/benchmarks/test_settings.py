"""Results say what they were made by."""

import json
import subprocess

from mindsight.benchmarks.experiments import settings
from mindsight.benchmarks.experiments.settings import made_by, measured_at


def test_a_result_names_the_commit_of_the_code(monkeypatch, tmp_path):
    def git(*arguments):
        return subprocess.run(["git", "-C", tmp_path, *arguments], check=True, capture_output=True, text=True)

    monkeypatch.setattr(settings, "__file__", str(tmp_path / "settings.py"))
    (tmp_path / "settings.py").write_text("code")
    assert made_by.__wrapped__()["commit"] == "unknown"  # no checkout
    git("init", "-q")
    assert made_by.__wrapped__()["commit"] == "unknown"  # installed inside of another project's
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first")
    commit = git("rev-parse", "--short", "HEAD").stdout.strip()
    assert made_by.__wrapped__()["commit"] == commit
    (tmp_path / "settings.py").write_text("other code")
    assert made_by.__wrapped__()["commit"] == f"{commit}-dirty"


def test_a_table_names_the_commits_of_what_it_has(tmp_path):
    assert measured_at(tmp_path) == "Nothing is measured yet."
    for seed, found in enumerate(({"commit": "b2"}, {"commit": "a1"}, {}, {"commit": "b2"})):
        (tmp_path / f"routed-{seed}.json").write_text(json.dumps(found))
    assert measured_at(tmp_path) == "Measured at commit a1, b2, unknown."
