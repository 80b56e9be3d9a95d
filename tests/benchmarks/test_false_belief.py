"""The false-belief experiment: its upper bound, its untrained rule, its table."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mindsight.agents.tri_module import TriConfig, TriModule
from mindsight.agents.tri_module.perspective import VOCABULARY_SIZE, Messages
from mindsight.benchmarks.experiments.false_belief import (
    BATTERY,
    EXAMS,
    MEASURES,
    judged,
    last_mentioned,
    main,
    scores,
    seed_by_seed,
    summary,
    with_variant,
)
from mindsight.benchmarks.experiments.settings import settings
from mindsight.envs.conversation.game import Simulation
from mindsight.envs.conversation.language import POOLS, VOCABULARY
from mindsight.scenarios import seeds
from mindsight.scenarios.curricula import load_curriculum, prepare
from mindsight.scenarios.evaluation import evaluate

CONFIG = TriConfig(VOCABULARY_SIZE, context=512, width=12, layers=1, heads=(1, 1, 1), hidden=12)


def examined(name, episodes=3):
    kind, mode = EXAMS[name]
    return evaluate(
        kind(TriModule(CONFIG), mode), BATTERY, episodes=episodes, family="conversation", progress=False
    )


def test_the_rule_told_by_the_engine_who_perceived_what_needs_no_training():
    found = examined("rule, given")
    reached = scores(found.probes, MEASURES)
    reached.pop("false belief, order 2")  # what they take others to have perceived is judged, untrained
    reached.pop("controls")
    assert set(reached.values()) == {1.0}, reached
    assert found.card.privileged  # and its card says that it was told


@pytest.mark.parametrize("name", list(EXAMS))
def test_every_exam_answers_and_none_but_the_upper_bounds_are_privileged(name):
    card = examined(name, 1).card
    assert card.privileged == ("given" in name)
    assert card.sets is not None


def test_who_perceived_what_is_judged_in_conversations_of_the_seeds_own(monkeypatch):
    """Those of the exam: no two seeds of the experiment share any."""
    begun, reset = [], Simulation.reset
    monkeypatch.setattr(Simulation, "reset", lambda self, seed: (begun.append(seed), reset(self, seed))[1])
    assert set(judged(TriModule(CONFIG), 2, 3)) == {"missed", "perceived"}
    assert set(begun) == {seeds.evaluation_seed(3)}


def test_the_rule_goes_where_a_thing_was_mentioned_last():
    first = {sort: VOCABULARY.index(VOCABULARY[start]) for sort, (start, _) in POOLS.items()}
    thing, other, box, bag = first["T"], first["T"] + 1, first["P"], first["P"] + 1
    tokens = np.zeros((2, 4, 6), np.int16)
    tokens[0, :3, 1:3] = [[thing, box], [thing, bag], [other, box]]
    tokens[1, 0, 1:3] = [other, box]
    messages = Messages(tokens, np.zeros((2, 4), np.int16), np.full(2, first["I"], np.int16))
    places = np.array([[box, bag, 0], [box, 0, 0]])
    found = last_mentioned(messages, np.array([thing, thing]), places)
    assert found.tolist() == [[0, 1, 0, 0], [0, 0, 0, 1]]  # in the bag; never mentioned: it does not know


def test_runs_of_another_curriculum_are_not_taken_for_this_ones(tmp_path, capsys):
    (tmp_path / "routed-0").mkdir()
    (tmp_path / "routed-0" / "config.json").write_text(json.dumps({"curriculum": "simulation"}))
    with pytest.raises(SystemExit):
        main(["--curriculum", "simulation_brief", "--out", str(tmp_path)])
    assert "has runs of 'simulation', expected none but of 'simulation_brief'" in capsys.readouterr().err


def test_runs_of_other_settings_are_not_taken_for_these(tmp_path, capsys):
    def refused():
        with pytest.raises(SystemExit):
            main(["--out", str(tmp_path)])
        return capsys.readouterr().err

    course = with_variant(load_curriculum("simulation"), "routed")
    prepare(course, seed=0, out=tmp_path / "routed-0")
    result = tmp_path / "unrouted-0.json"
    found = {"settings": settings(course), "episodes": 100}
    result.write_text(json.dumps(found))  # by the variant of another file
    assert "learner.variant of its phase listen is 'routed', expected 'unrouted'" in refused()
    result.write_text(json.dumps({**found, "episodes": 10}))
    assert "unrouted-0.json: its exams have 10 episodes, expected 100: give another --out" in refused()
    result.write_text("{}")
    assert "unrouted-0.json does not say how it was trained, an earlier version wrote it" in refused()
    result.unlink()
    wider = replace(course, model={**course.model, "width": 192})
    shutil.rmtree(tmp_path / "routed-0")
    prepare(wider, seed=0, out=tmp_path / "routed-0")
    assert "routed-0: model.width of its phase listen is 192, expected 96" in refused()
    slower = replace(course, phases=tuple(replace(plan, rate=(1e-3, 1e-3)) for plan in course.phases))
    shutil.rmtree(tmp_path / "routed-0")
    prepare(slower, seed=0, out=tmp_path / "routed-0")
    assert "routed-0: rate of its phase listen is [0.001, 0.001], expected " in refused()


@pytest.mark.parametrize("name", ["simulation", "simulation_brief"])
def test_two_networks_are_together_as_large_as_the_one_unless_doubled(name, tmp_path):
    sizes = {}
    for variant in ("routed", "separate", "separate_double"):
        trainer = prepare(with_variant(load_curriculum(name), variant), seed=0, out=tmp_path / variant)
        sizes[variant] = sum(parameter.numel() for parameter in trainer.learner.model.parameters())
    assert abs(sizes["separate"] / sizes["routed"] - 1) < 0.01
    assert sizes["separate_double"] == 2 * sizes["routed"]


def test_the_table_has_a_column_for_each_exam_and_leaves_out_what_was_not_asked(tmp_path):
    row = {"false belief, order 1": 0.9}
    for seed in range(2):
        content = {
            "variant": "routed", "seed": seed, "seconds": 60.0, "busy": 30.0,
            "perspectives": {"inferred": {**row, "beyond: order 3": 0.5}, "labels": row},
            "judged": {"missed": 1.0},
        }  # fmt: skip
        (tmp_path / f"routed-{seed}.json").write_text(json.dumps(content))
    table = summary(tmp_path)
    assert "| routed, inferred | routed, labels |" in table
    assert "| beyond: order 3 | 50.0% (50% to 50%) | – |" in table
    assert "| minutes of the processor | 0.5 | 0.5 |" in table


def test_the_table_of_all_seeds_has_a_line_for_each_variant_and_gaps_where_a_seed_did_not_run(tmp_path):
    assert seed_by_seed(tmp_path) == ""
    for variant, seed, share in (("unrouted", 3, 0.5), ("routed", 0, 0.985), ("routed", 3, 1.0)):
        content = {
            "variant": variant, "seed": seed,
            "perspectives": {"inferred": {"all of a set": share}, "given": {"all of a set": 1.0}},
        }  # fmt: skip
        (tmp_path / f"{variant}-{seed}.json").write_text(json.dumps(content))
    assert seed_by_seed(tmp_path).splitlines() == [
        "| | seed 0 | seed 3 | interquartile mean (95 %) |",
        "|---|---|---|---|",
        "| all of a set: `routed` | 98.5 | 100 | 99.2 (98 to 100) |",
        "| all of a set: `unrouted` | – | 50 | 50.0 (50 to 50) |",
        "| all of a set, `given`: `routed` | 100 | 100 | 100.0 (100 to 100) |",
        "| all of a set, `given`: `unrouted` | – | 100 | 100.0 (100 to 100) |",
    ]


def test_the_page_has_what_the_kept_results_say():
    docs = Path(__file__).parents[2] / "docs"
    kept = docs / "results" / "false_belief"
    table = seed_by_seed(kept)
    assert table and table in (docs / "results.md").read_text(encoding="utf-8")
    assert (kept / "table.md").read_text(encoding="utf-8").startswith(f"{summary(kept)}\n\n{table}\n")
