import itertools
import pathlib
import re
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mindsight.envs.conversation import language
from mindsight.envs.conversation.language import (
    ACTS,
    ADDRESSED,
    BY_INDIVIDUALS,
    BY_WORLD,
    EVERYONE,
    FEELINGS,
    LENGTH,
    POOLS,
    SIGNATURES,
    SLOT,
    TOPICS,
    VOCABULARY,
    NotUnderstood,
    is_utterance,
    narrate,
    read_line,
    sentence,
    token_masks,
    tokens,
    understand,
    utterances,
)

PAGE = pathlib.Path(language.__file__).parents[2] / "docs" / "language.md"
NAMES = range(POOLS["I"][0], POOLS["I"][0] + POOLS["I"][1])
MIA, TOM = (VOCABULARY.index(name) for name in ("Mia", "Tom"))

FILLERS = ("I", "me", "you", "the", "is", "are", "in", "to", "not", ":", "(", ")", "?", "!", "...")


def words_of(message):
    return tuple(VOCABULARY[token] for token in message if token)


def some(sort):
    """The words that an argument of a sort can be, worked out beside the module."""
    if sort in POOLS:
        first, count = POOLS[sort]
        return list(range(first, first + count))
    return [VOCABULARY.index(word) for word in (FEELINGS if sort == "F" else TOPICS)]


def arguments_of(act):
    choices = [some(sort) for sort in SIGNATURES[act]]
    if act in ADDRESSED:
        choices[0] = [*choices[0], EVERYONE]
    return choices


def senders_of(act, individual=MIA):
    return [*([individual] if act in BY_INDIVIDUALS else []), *([None] if act in BY_WORLD else [])]


@st.composite
def messages(draw, acts=tuple(SIGNATURES)):
    act = draw(st.sampled_from(acts))
    arguments = [draw(st.sampled_from(choices)) for choices in arguments_of(act)]
    return (ACTS[act], *arguments, *[0] * (LENGTH - 1 - len(arguments)))


# --- The vocabulary and the grammar ----------------------------------------------------------------------
def test_words_are_few_different_and_of_one_reading():
    assert len(VOCABULARY) == len(set(VOCABULARY)) <= SLOT <= 256
    lower = [word.lower() for word in VOCABULARY]
    assert len(lower) == len(set(lower))


def test_every_act_has_senders():
    assert set(SIGNATURES) == BY_INDIVIDUALS | BY_WORLD
    assert {"need", "like"} == BY_INDIVIDUALS & BY_WORLD
    assert all(SIGNATURES[act].startswith("I") for act in ADDRESSED)


def test_utterances_are_all_combinations():
    expected = {
        (ACTS[act], *arguments, *[0] * (LENGTH - 1 - len(arguments)))
        for act in SIGNATURES
        for arguments in itertools.product(*arguments_of(act))
    }
    listed = list(utterances())
    assert len(listed) == len(set(listed)) == len(expected)
    assert set(listed) == expected


def test_tokens_of_words():
    assert tokens("claim", "boots", "basket") == (
        *(VOCABULARY.index(word) for word in ("claim", "boots", "basket")),
        *[0] * (LENGTH - 3),
    )
    assert tokens("Greet", "mia") == tokens("greet", "Mia")
    assert tokens("greet", "everyone")[1] == EVERYONE
    with pytest.raises(ValueError, match=r"'bots' is not a word of the vocabulary; the nearest is 'boots'"):
        tokens("claim", "bots", "basket")
    with pytest.raises(ValueError, match=r"argument 2 of 'claim' is a container, but token \d+ is 'Mia'"):
        tokens("claim", "boots", "Mia")
    with pytest.raises(ValueError, match="'claim' takes 2 arguments, but 1 were given"):
        tokens("claim", "boots")
    with pytest.raises(ValueError, match=r"argument 1 of 'tell' is a name, but token \d+ is 'everyone'"):
        tokens("tell", "everyone", "boots", "basket")


@given(st.lists(st.integers(-1, 300), max_size=LENGTH + 2))
def test_what_is_an_utterance(message):
    trimmed = list(message)
    while trimmed and not trimmed[-1]:
        trimmed.pop()
    by_hand = (
        len(message) <= LENGTH
        and bool(trimmed)
        and 0 < trimmed[0] < len(VOCABULARY)
        and VOCABULARY[trimmed[0]] in SIGNATURES
    )
    if by_hand:
        choices = arguments_of(VOCABULARY[trimmed[0]])
        by_hand = len(choices) == len(trimmed) - 1
        by_hand = by_hand and all(a in some for a, some in zip(trimmed[1:], choices, strict=True))
    assert is_utterance(message) == by_hand
    if not by_hand:
        with pytest.raises(ValueError, match=r"utterance|tokens"):
            sentence(message)


@given(messages())
def test_what_is_drawn_is_an_utterance(message):
    assert is_utterance(message)
    assert is_utterance(np.array(message, np.int16))


@given(messages(), st.booleans())
def test_token_masks_lead_through_the_grammar(message, world):
    act = VOCABULARY[message[0]]
    assert token_masks((), world)[message[0]] == (act in (BY_WORLD if world else BY_INDIVIDUALS))
    if act not in (BY_WORLD if world else BY_INDIVIDUALS):
        with pytest.raises(ValueError, match="no utterance begins with"):
            token_masks(message[:1], world)
        return
    choices = arguments_of(act)
    for k in range(1, LENGTH):
        allowed = np.flatnonzero(token_masks(message[:k], world)).tolist()
        assert allowed == (sorted(choices[k - 1]) if k <= len(choices) else [0])


def test_token_masks_refuse_what_begins_nothing():
    wrong = (ACTS["claim"], MIA)
    with pytest.raises(ValueError, match=rf"token {MIA}, 'Mia', at 1"):
        token_masks(wrong)
    with pytest.raises(ValueError, match=f"nothing follows after {LENGTH}"):
        token_masks(tokens("greet", "Mia"))
    with pytest.raises(ValueError, match="read-only"):
        token_masks()[0] = True


# --- English -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("words", "sender", "said", "told"),
    [
        ("claim boots basket", "Mia", "The boots are in the basket.", None),
        ("claim ball box", "Mia", "The ball is in the box.", None),
        (
            "tell Tom boots basket",
            "Mia",
            "(whispering to Tom) The boots are in the basket.",
            'Mia whispers to Tom: "The boots are in the basket."',
        ),
        ("ask_place Tom scissors", "Mia", "Tom, where are the scissors?", None),
        ("ask_place everyone watch", "Mia", "Everyone, where is the watch?", None),
        ("greet everyone", "Mia", "Hello, everyone!", None),
        ("need Mia bread", "Mia", "I need the bread.", None),
        ("need Tom bread", "Mia", "Tom needs the bread.", None),
        ("need Mia bread", None, "Mia needs the bread.", "Mia needs the bread."),
        ("feel Mia afraid", "Mia", "I am afraid.", None),
        ("feel Tom afraid", "Mia", "Tom is afraid.", None),
        ("warn Tom Mia", "Mia", "Tom, do not trust me.", None),
        ("mention weather", "Mia", "Let us talk about the weather.", None),
        ("mention music", "Mia", "Let us talk about music.", None),
        ("nothing", "Mia", "...", "Mia says nothing."),
        ("enter kitchen", "Mia", "I enter the kitchen.", "Mia enters the kitchen."),
        ("move boots basket", "Mia", "I move the boots to the basket.", "Mia moves the boots to the basket."),
        ("give Tom bread", "Mia", "I give the bread to Tom.", "Mia gives the bread to Tom."),
        ("place boots basket", None, "(The boots are in the basket.)", "The boots are in the basket."),
        ("fill bag pencils", None, "(The bag holds pencils.)", "The bag holds pencils."),
        ("fill bag apple", None, "(The bag holds an apple.)", "The bag holds an apple."),
        ("fill bag ball", None, "(The bag holds a ball.)", "The bag holds a ball."),
        ("fill bag bread", None, "(The bag holds bread.)", "The bag holds bread."),
        ("label bag pencils", None, '(The label of the bag says "pencils".)', None),
        ("show Tom happy", None, "(Tom looks happy.)", "Tom looks happy."),
        (
            "noise stars",
            None,
            "(Somebody outside talks about the stars.)",
            "Somebody outside talks about the stars.",
        ),
    ],
)
def test_english(words, sender, said, told):
    message = tokens(*words.split())
    who = VOCABULARY.index(sender) if sender else None
    assert sentence(message, who) == said
    if told is None:
        told = f'{sender} says: "{said}"' if sender else said.strip("()")
    assert narrate(message, who) == told
    assert understand(said, who) == message
    assert read_line(told) == (who, message)


def test_senders_send_what_is_theirs():
    with pytest.raises(ValueError, match="'show' is what the world shows; Mia cannot say or do it"):
        sentence(tokens("show", "Tom", "happy"), MIA)
    with pytest.raises(ValueError, match="'claim' needs a sender"):
        narrate(tokens("claim", "boots", "basket"), None)
    with pytest.raises(ValueError, match="the sender is a name, but token 3 is"):
        narrate(tokens("claim", "boots", "basket"), 3)
    with pytest.raises(ValueError, match="the sender is a name"):
        understand("Hello!", 3)


@given(messages())
def test_padding_and_arrays_make_no_difference(message):
    short = [token for token in message if token]
    assert sentence(short) == sentence(message) == sentence(np.array(message, np.int16))


# --- The bijection -----------------------------------------------------------------------------------------
def assert_bijective(some_messages, sender):
    """Sentences and lines lead back, and no two utterances share one.

    Args:
        some_messages: different utterances.
        sender: name token of the sender of what individuals send.
    """
    said, told, count = set(), set(), 0
    for message in some_messages:
        act = VOCABULARY[message[0]]
        plain = sentence(message)
        assert understand(plain) == message, plain
        said.add(plain)
        for who in senders_of(act, sender):
            line = narrate(message, who)
            assert read_line(line) == (who, message), line
            told.add(line)
            count += 1
            if who is not None:
                mine = sentence(message, who)
                assert understand(mine, who) == message, mine
    assert len(said) == len({*some_messages})
    assert len(told) == count


def test_the_bijection_over_acts_with_up_to_two_arguments():
    """All of them, with every combination of words; the sender is also among those mentioned."""
    assert_bijective([m for m in utterances() if not m[3]], TOM)


def test_the_bijection_over_pairs_of_acts_with_three_arguments():
    """A fifth of them: every word of one argument stands beside every word of each other one, with several
    words for the third. (All of them are a test of `make experiments`.)"""
    found = [message for message in utterances() if message[3] and sum(message[1:4]) % 5 == 0]
    for act, sorts in SIGNATURES.items():
        if len(sorts) == 3:
            some = [message[1:4] for message in found if message[0] == ACTS[act]]
            words = arguments_of(act)
            for one, other in itertools.combinations(range(3), 2):
                pairs = {(message[one], message[other]) for message in some}
                assert pairs == {*itertools.product(words[one], words[other])}, act
    assert_bijective(found, MIA)


@pytest.mark.experiment
def test_the_bijection_over_the_whole_grammar():
    assert_bijective(list(utterances()), MIA)


@given(messages(), st.sampled_from(NAMES))
def test_the_bijection_with_any_sender(message, sender):
    assert_bijective([message], sender)


# --- The tolerant reader -----------------------------------------------------------------------------------
@given(messages(), st.sampled_from(NAMES), st.data())
def test_reading_does_not_mind_how_it_is_written(message, sender, data):
    act = VOCABULARY[message[0]]
    who = sender if act in BY_INDIVIDUALS else None
    text = sentence(message, who)
    if act == "nothing":
        return
    change = data.draw(
        st.sampled_from(
            [
                str.upper,
                str.lower,
                lambda t: t.rstrip(".!?"),
                lambda t: re.sub(r"\bthe\b ", "", t, flags=re.I),
                lambda t: re.sub(r"\bthe\b", "a", t, flags=re.I),
                lambda t: f"  {t}\n",
                lambda t: t.replace(" ", "  "),
                lambda t: f"*{t}*",
                lambda t: f'"{t}"',
                lambda t: f"“{t}”",
                lambda t: t.replace(",", ""),
                lambda t: t.replace("do not", "don't").replace("does not", "doesn't"),
                lambda t: t.replace("I am", "I'm").replace("where is", "where's").replace("Let us", "Let’s"),
                lambda t: f"{VOCABULARY[who]}: {t}" if who else t,
                lambda t: f"**{VOCABULARY[who]}:** {t}" if who else t,
                lambda t: narrate(message, who) if who else t,
            ]
        )
    )
    changed = change(text)
    assert understand(changed, who) == message, changed


def page_examples():
    """The table of the page: what is heard from Mia, and what is read."""
    rows = re.findall(r"^\| `` (.+?) `` \| `(.+?)` \|$", PAGE.read_text(), re.MULTILINE)
    return [(heard, read) for heard, read in rows]


def test_the_page_shows_what_is_understood():
    examples = page_examples()
    assert {read.split()[0] for _, read in examples} == BY_INDIVIDUALS
    for heard, read in examples:
        assert words_of(understand(heard, MIA)) == tuple(read.split()), heard


def test_the_page_shows_what_is_not_understood():
    messages = re.findall(r'^not understood: "(.+?)"[ ;].*$', PAGE.read_text(), re.MULTILINE)
    assert len(messages) == 2
    for heard in messages:
        with pytest.raises(NotUnderstood) as caught:
            understand(heard, MIA)
        assert str(caught.value) in PAGE.read_text()


def test_the_code_on_the_page_does_what_it_says():
    """Each line of it with a comment in quotes gives that, and each comparison holds."""
    code = re.search(r"```python\n(.+?)```", PAGE.read_text(), re.DOTALL)[1]
    space = {}
    checked = 0
    for line in code.strip().splitlines():
        if " == " in line:
            assert eval(line, space), line
            checked += 1
        elif quoted := re.search(r"  # ('.+')", line):
            assert repr(eval(line, space)) == quoted[1], line
            checked += 1
        else:
            exec(line, space)
    assert checked == 5


def test_the_page_has_the_table_of_acts():
    assert language.acts_table() in PAGE.read_text()


def test_the_page_has_the_words():
    text = PAGE.read_text()
    counted = {f"{sort}:{count}" for sort, (_, count) in POOLS.items()}
    written = set(re.findall(r"<!-- (\w:\d+) -->", text))
    assert written == counted
    assert [word for word in VOCABULARY[1:] if not re.search(rf"\b{word}\b", text)] == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not understood"),
        ("???", "not understood"),
        ("The boots are not in the basket.", 'the nearest that would be is "The boots are in the basket."'),
        ("The bots are in the baskt", 'the nearest that would be is "The boots are in the basket."'),
        ("The boots are in the basket?", "a question that is none of the grammar's"),
        ("I don't need the bread", 'the nearest that would be is "I need the bread."'),
        ("Hi Tom! How are you?", "not understood"),
        ("Tom: hello", "Mia cannot speak as Tom"),
        ('Tom says: "Hello!"', "Mia cannot speak as Tom"),
        ("Tom leaves the kitchen.", r"Mia cannot act for Tom.*I leave the kitchen\."),
        ("Tom looks happy.", "'show' is what the world shows"),
        ("(The boots are in the basket.)", "'place' is what the world shows"),
        ("(whispering to everyone) The boots are in the basket.", "not understood"),
        ("ball " * 10_000, "one short sentence"),
        ("claim boots basket", "not understood"),
    ],
)
def test_reading_never_guesses(text, why):
    with pytest.raises(NotUnderstood, match=why) as caught:
        understand(text, MIA)
    assert str(caught.value).startswith("not understood: ")
    assert len(str(caught.value)) < 400
    nearest = re.search(r'is "(.+)"$', str(caught.value))
    assert is_utterance(understand(nearest[1], MIA))


def test_who_i_am_must_be_known():
    with pytest.raises(NotUnderstood, match='it is not known who "I" is'):
        understand("I need the bread.")
    assert understand("Mia: I need the bread.") == tokens("need", "Mia", "bread")
    assert understand("I need the bread.", TOM) == tokens("need", "Tom", "bread")


def test_lines_need_somebody_who_does_it():
    with pytest.raises(NotUnderstood, match="it is not said who does it"):
        read_line("I leave the kitchen.")
    with pytest.raises(NotUnderstood, match="not understood: "):
        read_line("You are Mia.")
    assert read_line("Mia: I need the bread.") == (MIA, tokens("need", "Mia", "bread"))
    assert read_line('mia asked: "Tom, where\'s the ball"') == (MIA, tokens("ask_place", "Tom", "ball"))


def test_no_form_of_one_act_is_a_form_of_another():
    """Every path through the forms, with words in its gaps, is read as one utterance."""
    spoken, told = language._forms()
    gaps = {"I": "Tom Ada Eva", "A": "Tom Ben everyone", "T": "boots ball bread", "P": "box", "R": "hall"}
    gaps |= {"F": "happy", "W": "music"}
    few = {sort: words.lower().split() for sort, words in gaps.items()}

    def paths(node, words):
        if node.acts:
            yield words, node.acts
        for word, follow in node.words.items():
            yield from paths(follow, (*words, word))
        for (_, sort), follow in node.slots.items():
            yield from paths(follow, (*words, few[sort][len(words) % len(few[sort])]))

    count = 0
    for root in (spoken, told):
        for words, acts in paths(root, ()):
            count += 1
            assert len(acts) == 1, (words, acts)
            text = " ".join(words)
            found = {act for act, _ in language._matches(root, words, 0, {})}
            assert found == set(acts), (text, found)
    assert count > 1000


@given(st.text(max_size=60), st.sampled_from([None, MIA, TOM]))
def test_any_text_is_an_utterance_or_not_understood(text, sender):
    for read in (lambda: understand(text, sender), lambda: read_line(text)[1]):
        try:
            found = read()
        except NotUnderstood as error:
            assert str(error).startswith("not understood: ")
        else:
            assert is_utterance(found)


@given(
    st.lists(st.sampled_from([*VOCABULARY[1:], *FILLERS])),
)
def test_any_words_are_an_utterance_or_not_understood(words):
    text = " ".join(words)
    for sender in (None, MIA):
        try:
            found = understand(text, sender)
        except NotUnderstood:
            continue
        assert is_utterance(found)
        assert VOCABULARY[found[0]] in (BY_INDIVIDUALS if sender else SIGNATURES)


def test_it_is_fast_enough():
    """5,000 sentences a second read cold and 200,000 written warm; a tenth of what was measured."""
    listed = list(itertools.islice(utterances(), 0, 200_000, 40))
    texts = [sentence(message) + " " for message in listed]  # seen by no test before
    understand("Hello!")
    start = time.perf_counter()
    for text in texts:
        understand(text)
    assert len(texts) / (time.perf_counter() - start) > 5_000
    start = time.perf_counter()
    for _ in range(20):
        for message in listed:
            sentence(message)
    assert 20 * len(listed) / (time.perf_counter() - start) > 200_000
