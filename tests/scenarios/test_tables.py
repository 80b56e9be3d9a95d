"""Tables in a terminal: at any width every number can be read, and names break where they are joined."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mindsight.scenarios import evaluate, load_scenario
from mindsight.scenarios.reports import Actions
from mindsight.scenarios.tables import fold, print_table

HEADS = ["scenario", "n", "mean return", "by prosocial", "counted"]
NAMES = ["sally_anne_chat_held_out-contents_false-mirrored", "solace_train"]
ROWS = [
    [NAMES[0], "1024", "+1.000 ± 0.125", "-0.500", "gave what it likes\u00a00.00, other\u00a0-1.25"],
    [NAMES[1], "2", "-11.250 ± 3.000", "+12.345", "refusals\u00a07.50"],
]


def printed(width, heads=HEADS, rows=ROWS):
    console = Console(width=width, file=io.StringIO())
    print_table(console, "Title", heads, rows)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [200, 120, 100, 80, 60, 40, 20])
def test_no_number_is_cut(width):
    text = printed(width)
    assert "…" not in text
    for row in ROWS:
        assert all(number in text for number in row[1:4])
    assert all(number in text for number in ("0.00", "-1.25", "7.50"))


@pytest.mark.parametrize("width", [200, 120, 100, 80])
def test_a_table_is_no_wider_than_the_console_and_no_name_breaks_within_a_word(width):
    text = printed(width)
    assert max(map(len, text.splitlines())) <= width
    assert all(word in text for name in NAMES for word in re.findall("[a-z]+", name))


def test_a_wide_console_folds_nothing():
    assert len(printed(200).splitlines()) == 4


@given(st.text(alphabet="ab_-/ 1.+", max_size=60), st.integers(1, 30))
def test_folding_loses_nothing_but_spaces(text, width):
    lines = fold(text, width)
    assert all(len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_a_sign_stays_with_its_number_and_a_word_is_cut_only_if_it_has_to_be():
    assert fold("was -0.5", 5) == ["was", "-0.5"]
    assert fold("partner_0, partner_1", 12) == ["partner_0,", "partner_1"]
    assert fold("belief_emotion", 8) == ["belief_", "emotion"]
    assert fold("knowledge", 5) == ["knowl", "edge"]


@pytest.mark.parametrize("width", [120, 80, 60])
def test_a_card_shows_its_numbers_at_any_width(width):
    card = evaluate("exact", load_scenario("solace_train"), 2, progress=False, references=["random"]).card
    console = Console(width=width, file=io.StringIO())
    card.print(console)
    text = console.file.getvalue()
    assert "…" not in text
    for _, _, rows in card.tables():
        for row in rows:
            assert all(cell in text for cell in row if isinstance(cell, str) and re.match(r"[+-]?\d", cell))


def test_a_mean_that_rounds_to_nothing_has_no_sign_that_says_otherwise():
    card = evaluate("random", load_scenario("reach_small"), 2, progress=False).card
    barely = Actions("reach_small", 2, -1e-9, 0.0, 0.0, 1.0, 0.0)
    card = type(card)(**{**vars(card), "actions": (barely,)})
    (rows,) = [rows for title, _, rows in card.tables() if title.startswith("Actions")]
    assert rows[0][2] == "+0.000 ± 0.000"
