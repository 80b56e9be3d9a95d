"""The pages on scenarios and evaluation: their examples run, their tables are the code's."""

import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import mindsight
from mindsight.agents import AGENTS
from mindsight.envs.probes import SHORTCUTS
from mindsight.scenarios import Battery, Scenario, ScenarioError, list_batteries, load
from mindsight.scenarios.loader import GROUPINGS

DOCS = Path(__file__).parents[2] / "docs"


def page(name):
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(name, language):
    return re.findall(rf"```{language}\n(.*?)```", page(name), re.S)


def test_the_example_files_load_and_the_mistake_reads_as_printed(tmp_path):
    scenario, battery, lines = blocks("scenarios.md", "yaml")
    (tmp_path / "mine.yaml").write_text(scenario)
    (tmp_path / "exam.yaml").write_text(battery)
    (tmp_path / "lines.yaml").write_text(lines)
    assert isinstance(load(tmp_path / "mine.yaml"), Scenario)
    assert len(load(tmp_path / "exam.yaml").scenarios) == 4
    assert [len(names) for names in load(tmp_path / "lines.yaml").stages.values()] == [1, 3]
    (tmp_path / "mine.yaml").write_text(scenario.replace("observer:", "observr:"))
    with pytest.raises(ScenarioError) as caught:
        load(tmp_path / "mine.yaml")
    assert str(caught.value).replace(f"{tmp_path}/", "") in page("scenarios.md")


def test_the_example_agent_runs_and_may_answer():
    source = next(block for block in blocks("evaluation.md", "python") if "Walker" in block)
    answer = next(block for block in blocks("evaluation.md", "python") if "def answer" in block)
    made, call = source.rsplit("\n\n", 1)
    assert "evaluate(Walker()" in call
    space = {}
    exec(f"{made}\n\n    can_answer = True\n\n{answer}", space)
    assert len(made.splitlines()) + len(call.strip().splitlines()) <= 13, "ten lines or so"
    card = mindsight.evaluate(space["Walker"](), "reach_small", 5, progress=False).card
    assert card.agent == "walker"
    card = mindsight.evaluate(space["Walker"](), "sally_anne_false_belief", 5, progress=False).card
    assert card.score.log_score == pytest.approx(np.log(1 / 3) * 0.8 + np.log(1 / 2) * 0.2, abs=0.2)


def test_the_keys_are_the_ones_that_are_read():
    text = page("scenarios.md")
    for kind in (Scenario, Battery):
        for field in fields(kind):
            if field.name not in ("name", "source", "family"):
                assert f"`{field.name}`" in text, field.name
    for name in GROUPINGS:
        assert f"`{name}`" in text


def test_agents_and_shortcuts_are_all_named():
    text = page("evaluation.md")
    for name in (*AGENTS, *SHORTCUTS):
        assert f"`{name}`" in text, name


def test_the_page_of_the_audit_names_every_shortcut_and_battery_and_its_example_runs():
    text = page("audit.md")
    for name in (*SHORTCUTS, "best_constant"):
        assert f"| `{name}` |" in text, name
    for name in list_batteries():
        asks = any(scenario.probes for scenario in load(name).scenarios)
        assert (f"## `{name}`" in text) == asks, name
    (block,) = blocks("audit.md", "python")
    exec(block.replace("episodes=20", "episodes=3"), {})
