"""Other people's stories: read into events, answered by the tracker, doctored answers found."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from mindsight import cli
from mindsight.agents import Agent
from mindsight.scenarios.stories import StoryError, evaluate_stories, read_stories

FALSE_BELIEF = """1 Mia entered the hall.
2 Tom entered the hall.
3 Eva loves the pear.
4 The boots is in the box.
5 The box is in the hall.
6 Mia exited the hall.
7 Tom moved the boots to the basket.
8 The basket is in the hall.
9 Where will Mia look for the boots?\tbox\t1
10 Where does Tom think that Mia searches for the boots?\tbox\t1
11 Where is the boots really?\tbasket\t1
12 Where was the boots at the beginning?\tbox\t1
"""
RETURNS = """1 Mia entered the hall.
2 Tom entered the hall.
3 The ball is in the box.
4 The box is in the hall.
5 Mia exited the hall.
6 Tom moved the ball to the basket.
7 Mia entered the hall.
8 Where will Mia look for the ball?\tbasket\t1
"""


def tomi(tmp_path, text, name="story.txt"):
    path = tmp_path / name
    path.write_bytes(text.encode())
    return path


def hitom(tmp_path, **changes):
    story = (
        "1 Ada, Ben and Cleo entered the attic.\n2 The pear is in the red_box.\n3 Ada exited the attic.\n"
        "4 Ben moved the pear to the blue_jar.\n5 Ben exited the attic.\n6 Cleo exited the attic.\n"
        "7 Ada, Ben and Cleo entered the patio.\n"
        "8 Cleo privately told Ada that the pear is in the green_pot.\n\n"
    )
    record = {
        "story": story,
        "question": "Where does Ada really think the pear is?",
        "choices": "A. red_box, B. blue_jar, C. green_pot",
        "answer": "green_pot",
        "question_order": 1,
        **changes,
    }
    path = tmp_path / "hitom.json"
    path.write_text(json.dumps({"data": [record]}))
    return path


def test_tomi_is_answered_by_the_tracker(tmp_path):
    report = evaluate_stories("exact", tomi(tmp_path, FALSE_BELIEF + RETURNS), references=("reality_biased",))
    assert not report.disagreements
    assert not report.unread
    assert report.evaluation.card.score.share == 1
    assert report.evaluation.card.references[0].score.share < 1
    kinds = [line.name for line in report.evaluation.card.lines]
    assert {"order 1", "order 2", "reality", "memory"} == set(kinds)


def test_the_card_of_stories_says_nothing_of_seeds_and_returns_which_stories_have_not(tmp_path):
    card = evaluate_stories("exact", tomi(tmp_path, RETURNS), references=("reality_biased",)).evaluation.card
    assert not any("seeds" in note for note in card.notes())
    heads = {title: heads for title, heads, _ in card.tables()}
    assert heads["Beside"] == ["agent", "items", "all of a set", "passed"]
    assert all(
        any(row[k] != "" for row in rows) for _, heads, rows in card.tables() for k in range(len(heads))
    )


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [("boots?\tbox\t1\n10", "boots?\tbasket\t1\n10", 9), ("really?\tbasket", "really?\tbox", 11)],
)
def test_a_doctored_answer_is_found_and_explained(tmp_path, old, new, line):
    assert old in FALSE_BELIEF
    report = evaluate_stories("exact", tomi(tmp_path, FALSE_BELIEF.replace(old, new)))
    (wrong,) = report.disagreements
    assert wrong["line"] == line
    assert wrong["published"] != wrong["tracked"]
    assert "since '" in wrong["reason"]
    assert report.evaluation.card.score.right == 3


def test_lines_may_end_as_they_like_and_a_trace_names_the_kinds(tmp_path):
    path = tomi(tmp_path, FALSE_BELIEF.replace("\n", "\r\n") + "\r\n" + RETURNS)
    tomi(tmp_path, "enter,first_order_0_tom\nenter,first_order_0_no_tom\n", "story.trace")
    stories, format = read_stories(path)
    assert format == "tomi"
    assert [story.line for story in stories] == [1, 14]
    assert stories[0].questions[0].kind == "first_order_0_tom order 1"
    assert stories[1].questions[0].kind == "first_order_0_no_tom order 1"


def test_what_cannot_be_read_is_named_and_counted(tmp_path):
    text = FALSE_BELIEF.replace("3 Eva loves the pear.", "3 Eva juggles seven pears.")
    report = evaluate_stories("exact", tomi(tmp_path, text))
    (unread,) = report.unread
    assert (unread["line"], unread["text"]) == (3, "Eva juggles seven pears.")
    assert report.evaluation.card.score.count == 4
    out = report.write(tmp_path / "out")
    assert json.loads((out / "unread.jsonl").read_text()) == unread


def test_hitom_follows_its_own_switches(tmp_path):
    # Cleo left the attic later than Ada, so Ada trusts her
    assert not evaluate_stories("exact", hitom(tmp_path)).disagreements
    question = "Where does Ben think Ada thinks the pear is?"
    assert not evaluate_stories("exact", hitom(tmp_path, question=question, answer="red_box")).disagreements
    (wrong,) = evaluate_stories("exact", hitom(tmp_path, answer="red_box")).disagreements
    assert wrong["tracked"] == "green_pot"
    assert "privately told" in wrong["reason"]
    # who comes back to a room sees what is in it
    back = (
        "1 Ada and Ben entered the attic.\n2 The pear is in the red_box.\n3 Ada exited the attic.\n"
        "4 Ben moved the pear to the blue_jar.\n5 Ada entered the attic.\n"
    )
    assert not evaluate_stories("exact", hitom(tmp_path, story=back, answer="blue_jar")).disagreements
    story = "1 Ada entered the attic.\n2 Ada sang.\n3 The pear is in the red_box.\n"
    report = evaluate_stories("exact", hitom(tmp_path, story=story, answer="red_box"))
    assert report.unread[0]["text"] == "sentence 2: Ada sang."


def test_question_files_of_every_kind_are_the_same(tmp_path):
    rows = [
        {"story": "Mia left. Tom moved the ball.", "question": "Where will Mia look?", "answer": "box",
         "wrong answers": ["jar", "bag"]},
        {"story": "Tom left.", "question": "Who left?", "answer": "Tom", "wrong answers": ["Mia"]},
    ]  # fmt: skip
    files = {
        "a.json": json.dumps(rows),
        "b.jsonl": "\n".join(map(json.dumps, rows)),
        "c.csv": "context,question,correct_answer,distractors\n"
        + "\n".join(
            f'"{r["story"]}",{r["question"]},{r["answer"]},{";".join(r["wrong answers"])}' for r in rows
        ),
    }
    found = [read_stories(tomi(tmp_path, text, name))[0] for name, text in files.items()]
    for stories in found:
        assert [s.text for s in stories] == [row["story"] for row in rows]
        assert [s.questions[0].answer for s in stories] == ["box", "Tom"]
        assert sorted(stories[0].questions[0].options) == ["bag", "box", "jar"]


class Reader(Agent):
    """Answers with the first option that the story names last."""

    name = "reader"
    can_answer = True

    def answer(self, probes, state):
        answers = []
        for probe in probes:
            assert "answer" not in probe
            place = [probe["text"].rfind(option) for option in probe["options"]]
            answers.append(np.eye(len(place))[int(np.argmax(place))])
        return answers


def test_an_agent_is_given_the_story_and_not_the_answer(tmp_path):
    report = evaluate_stories(Reader(), tomi(tmp_path, FALSE_BELIEF))
    assert [row["chosen"] for row in report.evaluation.probes] == ["basket"] * 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Once upon a time.\n", ":1: neither ToMi's text"),
        (
            "1 Mia entered the hall.\nTom too.\n2 Where is the ball really?\tbox\t1\n",
            ":2: 'Tom too.' has no number",
        ),
        ('[{"story": "x", "question": "y"}]', "no field for the right"),
        ('{"story": "x"', ":1: not JSON"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(tmp_path, text, message):
    with pytest.raises(StoryError, match=re.escape(message)):
        evaluate_stories("exact", tomi(tmp_path, text))


def test_a_thousand_questions(tmp_path):
    card = evaluate_stories("exact", tomi(tmp_path, FALSE_BELIEF * 250)).evaluation.card
    assert (card.score.count, card.score.share) == (1000, 1)


def test_the_command_line(tmp_path, capsys):
    path = tomi(tmp_path, FALSE_BELIEF.replace("really?\tbasket", "really?\tbox"))
    out = tmp_path / "out"
    assert cli.main(["evaluate", "exact", "--stories", str(path), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "1 published answers break the semantics" in printed
    assert "containers=open" in printed
    assert {file.name for file in out.iterdir()} >= {"card.json", "card.html", "disagreements.jsonl"}
    assert cli.main(["evaluate", "exact"]) == 2
    assert "either a BATTERY or --stories" in capsys.readouterr().err


def test_the_page_runs():
    page = (Path(__file__).parents[2] / "docs" / "stories.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(code, "docs/stories.md", "exec"), {})
