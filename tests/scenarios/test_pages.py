"""The pages on scenarios and evaluation: their examples run, their tables are the code's."""

import re
import textwrap
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import mindsight
from mindsight import cli
from mindsight.agents import AGENTS
from mindsight.agents.tri_module.grid import GridConfig, GridModule
from mindsight.agents.tri_module.grid_agent import GridAgent
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
    assert mindsight.evaluate("scripted", tmp_path / "mine.yaml", 20, progress=False).card.passed
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


def test_an_observation_is_as_long_as_the_pages_say():
    size = mindsight.load_scenario("reach_small").simulation().view("flat", 0)["flat"].shape[1]
    assert f"observation is {size:,} numbers at the default window" in page("training.md")
    assert f"the percept's {size:,} one-hot numbers" in page("results_grid.md")


def test_the_examples_of_the_page_on_minds_hold():
    for block in blocks("minds.md", "python"):
        exec(textwrap.dedent(block), {})


def test_the_examples_of_the_readme_run(capsys):
    space = {}
    for block in re.findall(r"```python\n(.*?)```", (DOCS.parent / "README.md").read_text("utf-8"), re.S):
        exec(block, space)
    beliefs = space["beliefs"]
    found = beliefs["Sally"]["ball"], beliefs["Anne", "Sally"]["ball"], beliefs[()]["ball"]
    assert found == ("box", "box", "basket")
    assert "walker" in capsys.readouterr().out


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


def test_the_programs_of_the_page_on_training_go_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole, parts = (
        next(block for block in blocks("training.md", "python") if mark in block)
        for mark in ("commands.train", "sb3.restore")
    )
    exec(whole.replace("200_000", "128, num_envs=8").replace("width=64", "width=64, rollout=16"), {})
    assert cli.main(["train", "--resume", "runs/small", "--steps", "256"]) == 0
    space = {}
    exec(parts.replace("00_000", "_000").replace("width=64", "width=64, rollout=16"), space)
    assert space["model"].num_timesteps == 4_096  # whole updates of 64 worlds
    assert cli.main(["train", "--resume", "runs/mine"]) == 2


TINY = """
description: Two updates.
phases:
  - {listing: pretrain, scenario: cracker_train, steps: 2, batch_size: 4}
"""


def test_the_agents_of_the_page_on_training_learn_and_act(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(TINY)
    GridAgent(GridModule(GridConfig(width=12, layers=1, heads=(1, 1, 1), hidden=12))).save("runs/reach")
    learning, talking, walking = (
        next(block for block in blocks("training.md", "python") if mark in block)
        for mark in ("TriModuleAgent.load", "agent.foresee", "env.agents:\n    actions")
    )
    space = {}
    exec(learning.replace('"first_words"', '"tiny.yaml"'), space)
    exec(talking, space)
    assert set(space["states"]) == {"host_0", "guest_0"}
    np.testing.assert_allclose(space["chances"].sum(), 1)
    exec(walking, space)
    assert set(space["states"]) == set(space["actions"]) == {"walker_0", "walker_1"}
