"""Items as text: complete, balanced, the same whatever the chunk."""

import json

import pytest

import mindsight
from mindsight import cli
from mindsight.scenarios import export as module
from mindsight.scenarios import load_battery
from mindsight.scenarios.export import export, items, left_out
from mindsight.scenarios.reports import sets_of
from mindsight.scenarios.seeds import EVALUATION


def test_items_hold_what_a_model_needs_and_what_an_audit_needs(tmp_path):
    out = tmp_path / "items.jsonl"
    assert cli.main(["export", "--battery", "wellman_liu", "--episodes", "20", "--out", str(out)]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len({row["id"] for row in rows}) == len(rows) > 500
    for row in rows:
        assert row["options"][row["right"]] == row["answer"]
        assert row["story"].startswith("You are ")
        assert row["question"].endswith("?")
        assert row["semantics"].startswith("minds v1")
    places = [row["right"] for row in rows if len(row["options"]) == 2]
    assert 0.4 < sum(places) / len(places) < 0.6, "the right one has no place of its own"


def test_bytes_do_not_depend_on_the_chunk(monkeypatch):
    whole = list(items("false_belief", 9))
    monkeypatch.setattr(module, "_CHUNK", 4)
    assert list(items("false_belief", 9)) == whole


def test_items_are_the_evaluations(tmp_path):
    """The same questions in the same worlds as an agent is asked."""
    rows = mindsight.evaluate("scripted", "sally_anne_chat_train", episodes=30, progress=False).probes
    found = list(items("sally_anne_chat_train", 30))
    assert [(row["seed"], row["question"], row["answer"]) for row in rows] == [
        (item["seed"], item["question"], item["answer"]) for item in found
    ]


@pytest.mark.parametrize("battery", ["kindness", "false_belief_lived"])
def test_items_are_put_together_as_a_card_has_them(battery, tmp_path):
    """By scenario where an episode is a set, by family where episodes of one seed are twins."""
    battery = load_battery(battery).of_family("conversation")
    export(battery, tmp_path / "items.jsonl", episodes=3)
    found = [json.loads(line) for line in (tmp_path / "items.jsonl").read_text().splitlines()]
    assert found == list(items(battery, 3))
    rows = mindsight.evaluate("scripted", battery, episodes=3, references=(), progress=False).probes
    sets = {}
    for item in found:
        sets.setdefault(item["set"], []).append((item["scenario"], item["seed"], item["question"]))
    tests = {item["set"] for item in found if item["role"] == "test"}
    wanted = [
        [(rows[k]["scenario"], rows[k]["seed"], rows[k]["question"]) for k in numbers]
        for numbers in sets_of(rows, battery.sets == "seed").values()
    ]
    assert sorted(map(sorted, wanted)) == sorted(sorted(sets[name]) for name in tests)


def test_text_has_its_answers_at_the_end(tmp_path):
    out = tmp_path / "exam.txt"
    count = export("sally_anne_chat_train", out, "text", episodes=2)
    text = out.read_text()
    questions, answers = text.split("Answers")
    assert questions.count("?") >= count
    assert len(answers.split("\n")) - 3 == count


def test_what_is_left_out_is_said(tmp_path, capsys):
    out = tmp_path / "items.jsonl"
    assert cli.main(["export", "--battery", "false_belief", "--episodes", "2", "--out", str(out)]) == 0
    exported = {json.loads(line)["scenario"] for line in out.read_text().splitlines()}
    (names,) = left_out("false_belief").values()
    assert f"left out: {len(names)} gridworlds, whose episodes are no stories\n" in capsys.readouterr().out
    assert {each.name for each in load_battery("false_belief").scenarios} == exported | {*names}
    assert left_out("babble_train") == {}


def test_what_cannot_be_exported_is_named(tmp_path):
    with pytest.raises(ValueError, match="'movement' has no conversation"):
        export("movement", tmp_path / "x")
    with pytest.raises(ValueError, match="expected one of jsonl, text"):
        export("wellman_liu", tmp_path / "x", "xml")
    for wrong in (0, -1, 2.0):
        with pytest.raises(ValueError, match=f"episodes is {wrong}, expected a whole number from 1 to"):
            export("wellman_liu", tmp_path / "x", episodes=wrong)
        with pytest.raises(ValueError, match=f"episodes is {wrong}, expected a whole number from 1 to"):
            next(items("scale", episodes=wrong))
    assert not (tmp_path / "x").exists()


def test_as_many_episodes_as_the_battery_says(tmp_path):
    path = tmp_path / "exam.yaml"
    path.write_text("description: Small.\nscenarios: [scale]\nepisodes: 3\n")
    assert {item["seed"] for item in items(path)} == {EVALUATION + k for k in range(3)}
    few = export(path, tmp_path / "few", episodes=1)
    assert export(path, tmp_path / "own") == len(list(items(path))) > few


def test_a_folder_in_the_file_s_place_is_named(tmp_path, capsys):
    (tmp_path / "items").mkdir()
    given = ["export", "--battery", "scale", "--episodes", "1", "--out", str(tmp_path / "items")]
    assert cli.main(given) == 2
    assert f"mindsight export: {tmp_path / 'items'}: Is a directory\n" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["items"]
