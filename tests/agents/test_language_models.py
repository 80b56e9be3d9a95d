"""What all language models have in common: what they are shown, what they remember, how they are read."""

import re
from pathlib import Path

import numpy as np
import pytest
from endpoint import Endpoint, completion
from tiny_models import build

import mindsight
from mindsight import cli
from mindsight.agents.language_models import LanguageModel
from mindsight.agents.language_models.prompts import Heard, Prompt, question, read_choice, read_deed
from mindsight.envs.games import GAMES
from mindsight.scenarios import load_scenario

CHATS = {name: game for name, game in GAMES.items() if game.family == "conversation"}
WHISPER = "(whispering to Nora) The kite is in the box."
SENTENCES = ["...", "Hello, Nora!", "I give the kite to Nora.", "", WHISPER]
STORY = "You are Eva.\nEva enters the hall."


class Scripted(LanguageModel):
    """Chooses the last option and writes what it is told to; keeps what it was shown."""

    def __init__(self, acting="choice", says=""):
        super().__init__("scripted-model", "a test", acting)
        self.says, self.shown = says, []

    def choose(self, prompts):
        for prompt in prompts:
            self.shown.append(prompt)
            yield np.eye(len(prompt.options))[-1]

    def write(self, prompts):
        for prompt in prompts:
            self.shown.append(prompt)
            yield self.says


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("B", 1), ("b.", 1), (" (C) ", 2), ("**A**: the box", 0), ("B) bag", 1), ("the bag", 1),
        ("The Bag.", 1), ("Answer: C", 2), ("I think the answer is A.", 0),
        ("It must be in the bag, surely.", 1),
        ("<think>A? no, B...</think>\nC", 2), ("Option B", 1), ("`B`", 1), ("A bag.", 1),
        ("jar\n\nBecause", 2), ("", None), ("D", None), ("the box or the bag", None),
        ("I do not know", None), ("boxing", None),
        ("...", None),
    ],
)  # fmt: skip
def test_choices_are_read(text, expected):
    assert read_choice(text, ("box", "bag", "jar")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Option A is wrong because she left. The answer is B.", 1),
        ("Let me check option A first.\nB", 1),
        ("Let me check option A first.", None),
        ("The ball is not in the box.", None),
        ("It isn't in the box", None),
        ("She did not see it. So she looks into the box.", 0),
        ("The answer is A basket.", 1),
        ("Answer: A box", 0),
        ("The answer is A because she left.", 0),
        ("The answer is either A or B.", None),
        ("The answer is A or B.", None),
        ("The answer is not A.", None),
        ("I do not think the answer is A.", None),
        ("If the answer is A, she has seen it. She has not.", None),
        ("The answer is A. Wait: she was away. The answer is B.", 1),
        ("A. box\nB. basket", None),
        ("A\nB", None),
        ("B\n\nOption A is wrong: she was away.", 1),
        ("**Answer**: B", 1),
        ("**Answer:** (B)", 1),
        ("The final answer is $\\boxed{B}$.", 1),
        ("The answer is the basket, not the box.", 1),
        ("Basket, because she did not see that it was moved.", 1),
        ("A basket is where she left it.", 1),
        ("I think the answer is option B", 1),
        ("<think>Sally thinks the ball is in the box, but", None),
        ("<think>The answer is A.", None),
        ("<think>Hm.</think>B<think>Or", None),
        ("<think>A? no.</think>The answer is B.", 1),
    ],
)  # fmt: skip
def test_what_is_said_on_the_way_to_an_answer_is_not_taken_for_it(text, expected):
    assert read_choice(text, ("box", "basket")) == expected


def test_articles_and_pronouns_are_no_labels():
    assert read_choice("Answer: A box", ("basket", "box")) == 1
    ten = ("box", "bag", "jar", "pot", "can", "tin", "cup", "urn", "pan", "hat")
    assert read_choice("Answer: I think the box", ten) == 0
    assert read_choice("Answer: I", ten) == read_choice("Answer: I pan", ten) == 8
    assert read_choice("Answer: I'd say the jar", ten) == 2


@pytest.mark.parametrize(("text", "expected"), [("No, she does not.", 1), ("No.", 1), ("Yes, she does", 0),
                                                ("She does not know.", None), ("yes", 0)])  # fmt: skip
def test_an_option_that_denies_is_no_denial_of_itself(text, expected):
    assert read_choice(text, ("yes", "no")) == expected


def test_of_an_answer_that_was_cut_off_only_a_statement_counts():
    for text, expected in (("Sally put it into the box, and", None), ("Option A says that", None),
                           ("B. The basket, because", 1), ("The answer is B, because she", 1)):  # fmt: skip
        assert read_choice(text, ("box", "basket"), cut=True) == expected


def test_long_lists_have_numbers():
    options = [f"thing{k}" for k in range(40)]
    text = Prompt("A story.", "Which?", tuple(options)).text(lettered=True)
    assert "\n1. thing0\n" in text and "\n40. thing39" in text and "with the number alone" in text
    assert read_choice("40", options) == 39 and read_choice("41", options) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, Nora!", 1), ("hello everyone", 1), ("...", 0), ('"I give the kite to Nora"', 2),
        ("I give Nora the kite.\nThat is kind of me.", 2), (WHISPER, 4),
        ("The kite is in the box.", None),  # aloud: another act than the whisper
        ("Hello, Tom!", None), ("sing a song", None), ("", None),
        ("<think>They know me.</think>Hello, Nora!", 1), ("<think>\nHello, Nora!", None),
    ],
)  # fmt: skip
def test_free_text_is_read_as_what_is_possible_now(text, expected):
    assert read_deed(text, SENTENCES, [0, 1, 2, 4], STORY) == expected
    if expected == 2:
        assert read_deed(text, SENTENCES, [0, 1], STORY) is None, "it is not possible now"


@pytest.mark.parametrize("name", CHATS)
def test_every_legal_sentence_of_every_conversation_is_read_back(name):
    simulation = CHATS[name].simulation(3)
    simulation.reset(5)
    modes = np.full(simulation.count, 1)
    actions = np.zeros((3, simulation.count), np.int64)
    read = 0
    for _ in range(8):
        for world in range(3):
            speaker = int(simulation.worlds["speaker"][world])
            view = simulation.view("text", speaker)
            sentences = view["actions"][world]
            legal = [u for u in np.flatnonzero(simulation.masks[world, speaker]).tolist() if sentences[u]]
            for u in legal:
                found = read_deed(sentences[u], sentences, legal, view["text"][world])
                assert sentences[found] == sentences[u]
                read += 1
        simulation.script(modes, actions)
        simulation.step(actions)
    assert read > 8


def test_in_a_gridworld_it_is_the_name_of_an_action():
    names = ["wait", "turn_left", "forward"]
    story = "You are observer 0 at 4 1 heading south."
    assert read_deed("Turn left.", names, [0, 1, 2], story) == 1
    assert read_deed("turn_left", names, [0, 2], story) is None
    assert read_deed("Hello, Nora!", names, [0, 1, 2], story) is None


def test_a_transcript_takes_the_place_of_its_beginning_and_percepts_are_told_by_what_changed():
    heard = Heard().then("You are Eva.").then("You are Eva.\nNora enters the hall.")
    assert heard.story() == "You are Eva.\nNora enters the hall."
    first = "You are observer 0 at 4 1, step 0. You see box closed 2 ahead, sally 0 3 ahead."
    second = "You are observer 0 at 4 1, step 1. You see box open 2 ahead, sally 0 3 ahead."
    third = "You are observer 0 at 4 1, step 2. You see box open 2 ahead."
    heard = Heard().then(first)
    heard = Heard(heard.past, heard.now, (0,), 0, "wait").then(second).then(third)
    assert heard.story() == (
        f"{first}\nYou chose: wait\nThen: step 1, box open 2 ahead. No longer: box closed 2 ahead.\n{third}"
    )


def test_the_order_of_options_tells_nothing():
    """The same question in the same words is put in the same way, whatever the order it came in."""
    options = ("box", "bag", "unknown")
    firsts = [question(f"Story {k}.", "Where?", options).options[0] for k in range(300)]
    assert all(70 < firsts.count(option) < 130 for option in options)
    for k in range(20):
        shown = question(f"Story {k}.", "Where?", options)
        assert shown == question(f"Story {k}.", "Where?", options[::-1])
        assert sorted(shown.options) == sorted(options)


def test_answers_go_back_to_the_order_of_the_question():
    model = Scripted()
    probe = {"question": "Where?", "options": ("box", "bag", "jar"), "text": "A story."}
    (found,) = model.answer([probe], None)
    assert probe["options"][int(found.argmax())] == model.shown[0].options[-1]


def test_it_is_asked_only_where_it_has_a_choice_and_knows_nothing_but_its_transcript():
    model = Scripted()
    result = mindsight.evaluate(model, "cracker_train", 4, progress=False)
    scenario = load_scenario("cracker_train")
    turns = [prompt for prompt in model.shown if prompt.cue == "You choose:"]
    assert turns and all(len(prompt.options) > 1 for prompt in turns)
    simulation = scenario.simulation(4)
    simulation.reset(scenario.first_seed)
    starts = {simulation.transcript(k, scenario.focal[0]) for k in range(4)}
    assert all(any(prompt.story.startswith(start) for start in starts) for prompt in model.shown)
    assert f"0 of {len(turns)} turns were lost: not understood or not possible" in result.card.remarks
    # the same again, although it is the same agent
    assert mindsight.evaluate(model, "cracker_train", 4, progress=False).episodes == result.episodes


def test_a_model_that_is_not_to_act_is_not_asked_to():
    model = Scripted("none")
    result = mindsight.evaluate(model, "sally_anne_false_belief", 2, progress=False)
    assert len(model.shown) == len(result.probes) > 0
    assert all(prompt.cue == "Answer:" for prompt in model.shown)
    assert all("Then: step 9" in prompt.story for prompt in model.shown), "it knows what it saw before"


def test_what_is_not_understood_costs_the_turn():
    model = Scripted("free", "I sing.")
    result = mindsight.evaluate(model, "reach_small", 2, progress=False)
    assert all(row["return"] <= 0 and row["truncated"] for row in result.episodes)
    lost, of = (int(result.card.remarks[1].split()[k]) for k in (0, 2))
    assert lost == of == len(model.shown) > 0
    model = Scripted("free", "Nora, what do you like?")
    result = mindsight.evaluate(model, "cracker_train", 40, progress=False)
    lost, of = (int(result.card.remarks[1].split()[k]) for k in (0, 2))
    assert 0 < lost < of, "the guest is called Nora in some episodes only"


SMALL = """
description: Of false_belief one story of each environment.
scenarios:
  - sally_anne_false_belief
  - contents_layouts: [{condition: false_contents}, {condition: true_contents}]
  - sally_anne_chat_held_out: [{condition: false_belief}, {condition: fourth_order}]
by: condition
sets: seed
"""


def test_a_whole_battery_can_be_taken(tmp_path):
    (tmp_path / "small.yaml").write_text(SMALL)
    result, exact = (
        mindsight.evaluate(agent, tmp_path / "small.yaml", 1, progress=False)
        for agent in (Scripted("none"), "exact")
    )
    assert [row["question"] for row in result.probes] == [row["question"] for row in exact.probes]
    assert {row["environment"] for row in result.probes} == {"sally_anne", "contents", "sally_anne_chat"}


# --- The page -------------------------------------------------------------------------------------------
PAGE = (Path(mindsight.__file__).parent / "docs" / "language_models.md").read_text(encoding="utf-8")


def test_the_commands_of_the_page_are_commands():
    commands = re.findall(r"^    mindsight (.+)$", PAGE, re.M)
    assert len(commands) >= 7
    for command in commands:
        cli._parse(command.split())


def test_the_examples_of_the_page_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    build(tmp_path / "models" / "tiny")
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    with Endpoint(lambda number, body: completion("A")) as endpoint:
        for block in blocks:
            exec(block.replace("http://127.0.0.1:8000/v1", endpoint.url), {})
        assert len(endpoint.requests) > 0
    said = capsys.readouterr().out
    assert "hf-tiny" in said and "served-llama3" in said and "requests sent" in said
    assert (tmp_path / "results" / "card.json").exists() and (tmp_path / "runs" / "served").exists()
