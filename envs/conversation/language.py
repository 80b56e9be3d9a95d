"""The language of conversations: a closed vocabulary, and utterances as a few of its words.

An **utterance** is an act with its arguments, at most 8 word tokens: ``claim boots basket``. Text and
tokens are two views of it: :func:`sentence` writes the correct English of any utterance of the
grammar, :func:`understand` reads it back.

Every argument has a sort, one letter:

= ================================ ==================================================
I individual                       a name; where somebody is addressed, "everyone", too
T thing                            "boots"
P place                            a container: "basket"
R room                             "kitchen"
F feeling                          "happy"
W topic                            "music"
= ================================ ==================================================

Names, things, containers and rooms are drawn for each episode from pools of words (:data:`POOLS`):
a name carries nothing. Inside the engine they are therefore **slots**, numbers from ``SLOT`` on
(individual 2, thing 0, ...), and only what is shown to somebody is put into the episode's words
(``engine.bind``). All other words have the same number inside and outside.

An utterance has three texts, all written from one table (:data:`_SPOKEN`, :data:`_STORY`):

* :func:`sentence`, what somebody says or does, or, in round brackets, what the world shows;
* :func:`narrate`, the same with its sender, as one line of a story;
* :func:`understand` and :func:`read_line` read them back, and free text of the same meaning.

Speech and deeds are what individuals say and do (:data:`BY_INDIVIDUALS`); the rest is what the world
shows (:data:`BY_WORLD`), which may also tell what somebody needs or likes (``need``, ``like``).
``everyone`` stands only where somebody is addressed (:data:`ADDRESSED`), never for a listener of a
whisper.
"""

from __future__ import annotations

import difflib
import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import NoReturn

import numpy as np
import numpy.typing as npt

__all__ = [
    "ACTS",
    "ADDRESSED",
    "BY_INDIVIDUALS",
    "BY_WORLD",
    "EVERYONE",
    "FEELINGS",
    "HELD_OUT_CONTAINERS",
    "HELD_OUT_ROOMS",
    "HELD_OUT_THINGS",
    "INDIVIDUAL",
    "LENGTH",
    "PLACE",
    "POOLS",
    "ROOM",
    "SIGNATURES",
    "SLOT",
    "SLOTS",
    "THING",
    "TOPICS",
    "VOCABULARY",
    "NotUnderstood",
    "about",
    "acts_table",
    "be",
    "is_utterance",
    "narrate",
    "read_line",
    "sentence",
    "token_masks",
    "tokens",
    "understand",
    "utterances",
]

LENGTH = 8  # word tokens of a message; shorter ones are padded with 0
ARGUMENTS = 3  # of an utterance at most, so it has at most 4 tokens

# --- Acts: what can be done with words, and what the world can show -------------------------------------
# act -> the sorts of its arguments. The first group is speech, heard by all in the room ...
_SPEECH = {
    "nothing": "",  # says nothing
    "greet": "I",
    "thank": "I",
    "apologise": "I",
    "accept": "I",  # yes
    "refuse": "I",  # no
    "ask_place": "IT",  # where is it?
    "ask_need": "I",  # what do you need?
    "ask_like": "I",  # what do you like?
    "ask_feel": "I",  # how are you?
    "ask_safe": "IT",  # is it safe?
    "claim": "TP",  # the thing is in the container
    "tell": "ITP",  # the same, whispered to one
    "unsure": "T",  # I do not know where it is
    "need": "IT",  # somebody (often the speaker) needs it
    "like": "IT",  # somebody likes it
    "feel": "IF",  # somebody feels so: words, not to be confused with what is shown
    "safe": "T",
    "harmful": "T",
    "offer": "IT",  # you can have it
    "trade": "ITT",  # I give you the first for the second
    "request": "IT",  # please give it to me
    "urge_give": "ITI",  # please give it to somebody
    "urge_take": "ITI",  # please take it from somebody
    "promise": "IT",
    "threaten": "IT",  # give it to me, or else
    "warn": "II",  # do not trust somebody
    "beware": "IT",  # beware of it
    "mention": "W",  # let us talk about it
}
# ... the second is deeds, seen by all in the room ...
_DEEDS = {
    "enter": "R",
    "exit": "R",
    "move": "TP",
    "look": "P",  # into it
    "give": "IT",
    "take": "IT",
    "wait_at": "P",
}
# ... and the third is what the world says.
_WORLD = {
    "place": "TP",  # the thing lies in the container
    "fill": "PT",  # the container holds such things
    "label": "PT",  # and looks as if it held such things
    "hold": "IT",  # somebody has it
    "show": "IF",  # somebody looks so
    "away": "I",  # somebody does not notice what happens next
    "hide": "I",  # somebody watches unseen what happens next
    "noise": "W",  # it changes nothing
}
SIGNATURES: dict[str, str] = {**_SPEECH, **_DEEDS, **_WORLD}

FEELINGS = ("happy", "sad", "surprised", "afraid", "angry", "calm")
TOPICS = (
    "music", "weather", "football", "dinner", "films", "books", "holidays", "work", "trains", "cats",
    "gardens", "stars",
)  # fmt: skip
_EVERYONE = "everyone"

# --- Words that are drawn for each episode -----------------------------------------------------------
_NAMES = (
    "Mia", "Tom", "Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gina", "Hugo", "Ida", "Jan", "Kim", "Leo",
    "Nora", "Omar", "Pia", "Quinn", "Rosa", "Sami", "Tara", "Uma", "Vera", "Wim", "Xena", "Yuri", "Zoe",
    "Alma", "Boris", "Carla", "Diego", "Elif",
)  # fmt: skip
_THINGS = (
    "ball", "boots", "apple", "keys", "book", "scarf", "coins", "candle", "cup", "gloves", "bread", "cake",
    "carrots", "hat", "letter", "lamp", "spoon", "socks", "pear", "cheese", "drum", "scissors", "map", "ring",
    "soap", "pencils", "stamp", "ribbon", "grapes", "kite", "bell", "beans", "watch", "brush", "jam", "cards",
    "rope", "plums", "whistle", "honey",
    # held out
    "marble", "slippers", "banana", "glasses", "shell", "cherries", "flute", "tickets", "teapot", "buttons",
    "melon", "feather", "nuts", "mirror", "biscuits", "thimble",
)  # fmt: skip
_CONTAINERS = (
    "box", "basket", "drawer", "cupboard", "bag", "chest", "jar", "bucket", "crate", "suitcase", "pot",
    "wardrobe", "tin", "barrel", "envelope", "trunk",
    # held out
    "hamper", "locker", "satchel", "cabinet", "vase", "pouch", "case", "bin",
)  # fmt: skip
_ROOMS = (
    "kitchen", "garden", "hall", "attic", "study", "garage", "cellar", "bedroom", "workshop", "porch",
    # held out
    "library", "shed", "lounge", "office", "pantry", "gallery",
)  # fmt: skip
HELD_OUT_THINGS = 16  # the last so many of each pool are for held-out populations
HELD_OUT_CONTAINERS = 8
HELD_OUT_ROOMS = 6

_CONSTANTS = (*SIGNATURES, *FEELINGS, *TOPICS, _EVERYONE)
#: Word of each token; token 0 is padding.
VOCABULARY: tuple[str, ...] = ("", *_CONSTANTS, *_NAMES, *_THINGS, *_CONTAINERS, *_ROOMS)
ACTS: dict[str, int] = {act: VOCABULARY.index(act) for act in SIGNATURES}
EVERYONE = VOCABULARY.index(_EVERYONE)
FIRST_FEELING = VOCABULARY.index(FEELINGS[0])
FIRST_TOPIC = VOCABULARY.index(TOPICS[0])

#: Sort -> (first token, how many): the words from which an episode draws.
POOLS: dict[str, tuple[int, int]] = {
    "I": (VOCABULARY.index(_NAMES[0]), len(_NAMES)),
    "T": (VOCABULARY.index(_THINGS[0]), len(_THINGS)),
    "P": (VOCABULARY.index(_CONTAINERS[0]), len(_CONTAINERS)),
    "R": (VOCABULARY.index(_ROOMS[0]), len(_ROOMS)),
}

# --- Slots: the same words before an episode has drawn them -------------------------------------------
SLOT = 224  # numbers from here on are slots
INDIVIDUAL, THING, PLACE, ROOM = 224, 232, 240, 248  # 8, 8, 8 and 4 of them
SLOTS = 28

# Acts as numbers, for kernels.
(
    NOTHING, GREET, THANK, APOLOGISE, ACCEPT, REFUSE, ASK_PLACE, ASK_NEED, ASK_LIKE, ASK_FEEL, ASK_SAFE,
    CLAIM, TELL, UNSURE, NEED, LIKE, FEEL, SAFE, HARMFUL, OFFER, TRADE, REQUEST, URGE_GIVE, URGE_TAKE,
    PROMISE, THREATEN, WARN, BEWARE, MENTION,
    ENTER, EXIT, MOVE, LOOK, GIVE, TAKE, WAIT_AT,
    PLACE_THING, FILL, LABEL, HOLD, SHOW, AWAY, HIDE, NOISE,
) = ACTS.values()  # fmt: skip
HAPPY, SAD, SURPRISED, AFRAID, ANGRY, CALM = range(FIRST_FEELING, FIRST_FEELING + len(FEELINGS))

# --- The grammar -------------------------------------------------------------------------------------------
#: Acts whose first argument is somebody spoken to, who may be ``everyone``.
ADDRESSED: frozenset[str] = frozenset(
    {
        "greet", "thank", "apologise", "accept", "refuse", "ask_place", "ask_need", "ask_like", "ask_feel",
        "ask_safe", "offer", "trade", "request", "urge_give", "urge_take", "promise", "threaten", "warn",
        "beware",
    }
)  # fmt: skip
#: Acts that an individual can send, and acts that the world can send.
BY_INDIVIDUALS: frozenset[str] = frozenset({*_SPEECH, *_DEEDS})
BY_WORLD: frozenset[str] = frozenset({*_WORLD, "need", "like"})

_SORTS: dict[str, tuple[int, ...]] = {
    **{sort: tuple(range(first, first + count)) for sort, (first, count) in POOLS.items()},
    "F": tuple(range(FIRST_FEELING, FIRST_FEELING + len(FEELINGS))),
    "W": tuple(range(FIRST_TOPIC, FIRST_TOPIC + len(TOPICS))),
}
_SORTS["A"] = (*_SORTS["I"], EVERYONE)  # somebody spoken to
_SETS = {sort: frozenset(some) for sort, some in _SORTS.items()}
_SORT_OF = {token: sort for sort, some in _SORTS.items() for token in some}
_SORT_OF |= dict.fromkeys(_SORTS["I"], "I")
_TOKEN_OF = {word.lower(): token for token, word in enumerate(VOCABULARY) if word}
_SORT_NAMES = {
    "I": "a name",
    "A": 'a name or "everyone"',
    "T": "a thing",
    "P": "a container",
    "R": "a room",
    "F": "a feeling",
    "W": "a topic",
}
_EXAMPLES = {
    "I": ("Tom", "Ada"),
    "A": ("Tom",),
    "T": ("boots", "bread"),
    "P": ("basket",),
    "R": ("kitchen",),
    "F": ("happy",),
    "W": ("music",),
}


def _signature(act: str) -> str:
    """The sorts of an act's arguments, with A for somebody who is spoken to."""
    sorts = SIGNATURES[act]
    return "A" + sorts[1:] if act in ADDRESSED else sorts


def _trim(message: Sequence[int]) -> tuple[int, ...]:
    """A message without its padding, as a tuple of int."""
    found = tuple(int(token) for token in message)
    if len(found) > LENGTH:
        raise ValueError(f"a message of {len(found)} tokens, but it has at most {LENGTH}")
    while found and not found[-1]:
        found = found[:-1]
    return found


def _pad(message: Sequence[int]) -> tuple[int, ...]:
    return (*message, *[0] * (LENGTH - len(message)))


def _fault(message: tuple[int, ...]) -> str:
    """Why a message without padding is no utterance; ``""`` if it is one."""
    if not message:
        return "an utterance begins with an act, but there is no token"
    act = VOCABULARY[message[0]] if 0 < message[0] < len(VOCABULARY) else ""
    if act not in SIGNATURES:
        return f"an utterance begins with an act, but token {message[0]} is {act!r}"
    sorts = _signature(act)
    if len(message) - 1 != len(sorts):
        return f"{act!r} takes {len(sorts)} arguments, but {len(message) - 1} were given"
    for k, (token, sort) in enumerate(zip(message[1:], sorts, strict=True), 1):
        if token not in _SETS[sort]:
            word = VOCABULARY[token] if 0 <= token < len(VOCABULARY) else ""
            return f"argument {k} of {act!r} is {_SORT_NAMES[sort]}, but token {token} is {word!r}"
    return ""


def is_utterance(message: Sequence[int]) -> bool:
    """Whether word tokens are an utterance of the grammar.

    Args:
        message: at most ``LENGTH`` tokens, with or without padding.
    """
    return len(message) <= LENGTH and not _fault(_trim(message))


def utterances() -> Iterator[tuple[int, ...]]:
    """All utterances of the grammar, ``LENGTH`` tokens each, act by act."""
    for act, number in ACTS.items():
        for arguments in itertools.product(*(_SORTS[sort] for sort in _signature(act))):
            yield _pad((number, *arguments))


def tokens(*words: str) -> tuple[int, ...]:
    """The utterance of some words: ``tokens("claim", "boots", "basket")``.

    Args:
        words: an act and its arguments, in any case of letters.

    Returns:
        ``LENGTH`` tokens.

    Raises:
        ValueError: for a word that is not in the vocabulary, naming the nearest one, and for words
            that are no utterance.
    """
    found = []
    for word in words:
        token = _TOKEN_OF.get(word.lower())
        if token is None:
            near = difflib.get_close_matches(word.lower(), _TOKEN_OF, 1, 0)[0]
            raise ValueError(
                f"{word!r} is not a word of the vocabulary; the nearest is {VOCABULARY[_TOKEN_OF[near]]!r}"
            )
        found.append(token)
    fault = _fault(tuple(found))
    if fault:
        raise ValueError(f"{' '.join(words)!r} is no utterance: {fault}")
    return _pad(found)


def token_masks(prefix: Sequence[int] = (), world: bool = False) -> npt.NDArray[np.bool_]:
    """Which tokens may come next in a message.

    Args:
        prefix: the tokens so far; once the utterance is complete only padding follows.
        world: whether the world sends it; else an individual does.

    Returns:
        (V,) bool over the vocabulary, not writeable.

    Raises:
        ValueError: for a prefix that begins no utterance of such a sender, or is already a whole
            message of ``LENGTH`` tokens.
    """
    whole = tuple(int(token) for token in prefix)
    if len(whole) >= LENGTH:
        raise ValueError(f"a prefix of {len(whole)} tokens: nothing follows after {LENGTH}")
    return _masks(whole, world)


@lru_cache(1 << 14)
def _masks(prefix: tuple[int, ...], world: bool) -> npt.NDArray[np.bool_]:
    acts = [ACTS[act] for act in SIGNATURES if act in (BY_WORLD if world else BY_INDIVIDUALS)]
    follow: Sequence[int] = acts
    for k, token in enumerate(prefix):
        if token not in follow:
            word = VOCABULARY[token] if 0 <= token < len(VOCABULARY) else ""
            raise ValueError(f"no utterance begins with {list(prefix)}: token {token}, {word!r}, at {k}")
        sorts = _signature(VOCABULARY[prefix[0]])
        follow = _SORTS[sorts[k]] if k < len(sorts) else (0,)
    mask = np.zeros(len(VOCABULARY), np.bool_)
    mask[list(follow)] = True
    mask.flags.writeable = False
    return mask


# --- The English -------------------------------------------------------------------------------------------
_PLURAL = frozenset(
    {
        "boots", "keys", "coins", "gloves", "carrots", "socks", "scissors", "pencils", "grapes", "beans",
        "cards", "plums", "slippers", "glasses", "cherries", "tickets", "buttons", "nuts", "biscuits",
    }
)  # fmt: skip
_MASS = frozenset({"bread", "cheese", "soap", "jam", "honey"})
_WITH_ARTICLE = frozenset({"weather", "stars"})  # topics: "the weather", but "music"

# In these forms a digit is an argument: "the boots", "Tom", "happy". is1 agrees with argument 1, an1 is
# "a ball", "pencils" or "bread", bare1 has no article.
_SPOKEN: dict[str, str] = {
    "nothing": "...",
    "greet": "Hello, 1!",
    "thank": "Thank you, 1.",
    "apologise": "I am sorry, 1.",
    "accept": "Yes, 1.",
    "refuse": "No, 1.",
    "ask_place": "1, where is2 2?",
    "ask_need": "1, what do you need?",
    "ask_like": "1, what do you like?",
    "ask_feel": "1, how are you?",
    "ask_safe": "1, is2 2 safe?",
    "claim": "1 is1 in 2.",
    "tell": "(whispering to 1) 2 is2 in 3.",
    "unsure": "I do not know where 1 is1.",
    "need": "1 needs 2.",
    "like": "1 likes 2.",
    "feel": "1 is 2.",
    "safe": "1 is1 safe.",
    "harmful": "1 is1 harmful.",
    "offer": "1, you can have 2.",
    "trade": "1, I give you 2 for 3.",
    "request": "1, please give me 2.",
    "urge_give": "1, please give 2 to 3.",
    "urge_take": "1, please take 2 from 3.",
    "promise": "1, I promise you 2.",
    "threaten": "1, give me 2, or else!",
    "warn": "1, do not trust 2.",
    "beware": "1, beware of 2.",
    "mention": "Let us talk about 1.",
    "enter": "I enter 1.",
    "exit": "I leave 1.",
    "move": "I move 1 to 2.",
    "look": "I look into 1.",
    "give": "I give 2 to 1.",
    "take": "I take 2 from 1.",
    "wait_at": "I wait at 1.",
    "place": "(1 is1 in 2.)",
    "fill": "(1 holds an2.)",
    "label": "(The label of 1 says “bare2”.)",
    "hold": "(1 has 2.)",
    "show": "(1 looks 2.)",
    "away": "(1 does not notice what happens next.)",
    "hide": "(1 watches unseen what happens next.)",
    "noise": "(Somebody outside talks about 1.)",
}
# Which argument may be the speaker, and what is said then.
_OF_ONESELF: dict[str, tuple[int, str]] = {
    "need": (1, "I need 2."),
    "like": (1, "I like 2."),
    "feel": (1, "I am 2."),
    "warn": (2, "1, do not trust me."),
    "urge_take": (3, "1, please take 2 from me."),
}
# One line of a story, where it is not 'Mia says: "..."'; 0 is the sender.
_STORY: dict[str, str] = {
    "nothing": "0 says nothing.",
    "tell": "0 whispers to 1: “2 is2 in 3.”",
    "enter": "0 enters 1.",
    "exit": "0 leaves 1.",
    "move": "0 moves 1 to 2.",
    "look": "0 looks into 1.",
    "give": "0 gives 2 to 1.",
    "take": "0 takes 2 from 1.",
    "wait_at": "0 waits at 1.",
}
_FIELD = re.compile(r"(is|an|bare|)([0-3])")


def be(word: str) -> str:
    """``"are"`` for boots, ``"is"`` for a ball."""
    return "are" if word in _PLURAL else "is"


def about(topic: str) -> str:
    """A topic as it stands in a sentence: ``"the weather"``, but ``"music"``."""
    return f"the {topic}" if topic in _WITH_ARTICLE else topic


def _phrase(kind: str, token: int) -> str:
    """An argument as it stands in a form."""
    word = VOCABULARY[token]
    if kind == "is":
        return be(word)
    if kind == "bare":
        return word
    if kind == "an":
        article = "" if word in _PLURAL | _MASS else "an " if word[0] in "aeiou" else "a "
        return article + word
    return f"the {word}" if _SORT_OF[token] in "TPR" else about(word)


# What a capital stands at: the beginning, and where speech begins.
_CAPITAL = re.compile(r"^\(?(?!whispering)[a-z]|\) [a-z]|: “[a-z]")


def _write(form: str, arguments: Sequence[int]) -> str:
    """A form with its arguments."""
    text = _FIELD.sub(lambda field: _phrase(field[1], arguments[int(field[2])]), form)
    text = _CAPITAL.sub(lambda start: start[0].upper(), text)
    return text.replace("“", '"').replace("”", '"')


def sentence(tokens: Sequence[int], sender: int | None = None) -> str:
    """What somebody says or does in correct English, as it stands after their name in a transcript.

    Deeds are told by who does them ("I leave the kitchen."); what only the world can show stands in
    round brackets.

    Args:
        tokens: an utterance, at most ``LENGTH`` word tokens.
        sender: the token of the speaker's name, who then says "I"; None: not known, or the world.

    Raises:
        ValueError: for what is no utterance, or none that an individual can send.
    """
    return _sentence(tokens if type(tokens) is tuple else tuple(tokens), sender)


@lru_cache(1 << 16)
def _sentence(message: tuple[int, ...], sender: int | None) -> str:
    found = _checked(message, sender)
    act = VOCABULARY[found[0]]
    if sender is not None and act not in BY_INDIVIDUALS:
        raise ValueError(f"{act!r} is what the world shows; {VOCABULARY[sender]} cannot say or do it")
    form = _SPOKEN[act]
    if sender is not None and act in _OF_ONESELF and found[_OF_ONESELF[act][0]] == sender:
        form = _OF_ONESELF[act][1]
    return _write(form, found)


def narrate(tokens: Sequence[int], sender: int | None) -> str:
    """An utterance with its sender, as one line of a story: ``Mia says: "The boots are in the basket."``

    Args:
        tokens: an utterance, at most ``LENGTH`` word tokens.
        sender: the token of the name of who says or does it; None: the world shows it.

    Raises:
        ValueError: for what is no utterance, or none that such a sender can send.
    """
    return _narrate(tokens if type(tokens) is tuple else tuple(tokens), sender)


@lru_cache(1 << 16)
def _narrate(message: tuple[int, ...], sender: int | None) -> str:
    if sender is None:
        found = _checked(message, None)
        act = VOCABULARY[found[0]]
        if act not in BY_WORLD:
            raise ValueError(f"{act!r} needs a sender: it is nothing that the world shows")
        return _write(_SPOKEN[act].strip("()"), found)
    said = _sentence(message, sender)
    act = VOCABULARY[message[0]]
    if act in _STORY:
        return _write(_STORY[act], (sender, *_trim(message)[1:]))
    return f'{VOCABULARY[sender]} says: "{said}"'


def _checked(message: tuple[int, ...], sender: int | None) -> tuple[int, ...]:
    """An utterance without its padding."""
    found = _trim(message)
    fault = _fault(found)
    if fault:
        raise ValueError(f"{list(message)} is no utterance: {fault}")
    if sender is not None and sender not in _SETS["I"]:
        word = VOCABULARY[sender] if 0 <= sender < len(VOCABULARY) else ""
        raise ValueError(f"the sender is a name, but token {sender} is {word!r}")
    return found


# --- Reading -----------------------------------------------------------------------------------------------
class NotUnderstood(ValueError):
    """Raised for a text that is no utterance, or might be more than one; says what would be one."""


# What else may be said for an act. As above, and: a|b is either word, a? may be left out, ^a is a verb:
# "I move", "move", "moves", "Mia moves". In addressed acts the address is left out here: it may stand
# before or after, and who addresses nobody addresses everyone.
_PARAPHRASES: dict[str, tuple[str, ...]] = {
    "nothing": (
        "nothing", "silence", "silent", "i? say|do nothing", "says nothing", "pass",
        "i am|stay|remain|keep silent|quiet", "stay|stays|remain|remains|keep|keeps silent|quiet",
    ),
    "greet": ("hello|hi|hey|greetings|welcome", "hi|hello there", "good morning|afternoon|evening|day"),
    "thank": (
        "thank you very? much?", "thanks", "thanks a? lot", "many thanks", "i thank you", "thank you so much",
    ),
    "apologise": ("i am? so|very? sorry", "sorry", "i apologise|apologize", "my apologies"),
    "accept": (
        "yes", "yes please", "yes of course", "ok|okay|sure|agreed|deal|yeah", "of course", "i accept|agree",
        "yes i accept|agree|will",
    ),
    "refuse": (
        "no", "no thanks", "no thank you", "nope", "i refuse|decline", "no i refuse|decline|disagree",
        "no i do|will not", "i do not agree|accept",
    ),
    "ask_place": (
        "where is2 2", "do you know where 2 is2", "where can i find 2", "have you seen 2",
        "can|could you tell me where 2 is2",
    ),
    "ask_need": (
        "what do you need", "do you need anything|something", "what is it you need", "what are you missing",
    ),
    "ask_like": ("what do you like|prefer|want", "what would you like", "what is it you like"),
    "ask_feel": (
        "how are you", "how are you doing|feeling", "how do you feel", "are you ok|okay|alright",
        "are you all right",
    ),
    "ask_safe": ("is2 2 safe", "do you think|know that|if|whether? 2 is2 safe", "is2 2 harmless"),
    "claim": (
        "1 is1 in|inside|within 2", "1 lies|lie|sits|sit in|inside 2", "you can|will find 1 in|inside 2",
    ),
    "tell": (
        "whispering|whisper|whispers to 1 that? 2 is2 in|inside 3",
        "i whisper|tell to? 1 that? 2 is2 in|inside 3",
        "i whisper to 1 2 is2 in|inside 3",
    ),
    "unsure": (
        "i do not know where 1 is1", "i am not sure where 1 is1", "i am unsure where 1 is1",
        "i have no idea where 1 is1", "no idea where 1 is1",
    ),
    "need": ("1 needs 2", "1 is in need of 2", "1 has need of 2"),
    "like": ("1 likes|wants|prefers|loves 2", "1 would like 2", "1 is fond of 2"),
    "feel": ("1 is|feels 2", "1 is feeling 2"),
    "safe": ("1 is1 quite|perfectly? safe|harmless", "1 is1 not harmful|dangerous"),
    "harmful": ("1 is1 harmful|dangerous", "1 is1 not safe"),
    "offer": (
        "you can|may have|take 2", "i offer you 2", "do you want 2", "would you like 2",
        "do you want to have 2",
    ),
    "trade": (
        "i give|offer you 2 for 3", "i will give you 2 for 3", "you can|may have 2 for 3",
        "i give|offer you 2 in exchange|return for 3", "i will give you 2 in exchange|return for 3",
        "how|what about 2 for 3", "i give you 2 if you give me 3", "i will give you 2 if you give me 3",
    ),
    "request": (
        "please? give|hand|pass me 2", "give|hand|pass me 2 please", "please? give|hand|pass 2 to me",
        "can|could|would|will you please? give|hand|pass me 2", "can|could|may i please? have 2",
        "can|could|would|will you please? give|hand|pass 2 to me",
    ),
    "urge_give": (
        "please give|hand|pass 2 to 3", "please give|hand|pass 3 2", "can|could|would|will you give 2 to 3",
        "you should give 2 to 3",
    ),
    "urge_take": (
        "please take|get 2 from 3", "can|could|would|will you take|get 2 from 3", "you should take 2 from 3",
        "please take 2 away from 3",
    ),
    "promise": (
        "i promise you 2", "i promise to give you 2", "i promise that? i will give you 2",
        "you will have|get 2", "i will give you 2",
    ),
    "threaten": (
        "give me 2 or else", "give 2 to me or else", "hand over 2 or else",
        "give me 2 or you will be? sorry|regret it?",
    ),
    "warn": (
        "do not trust|believe 2", "never trust|believe 2", "you should|must|can not trust 2",
        "be careful with 2", "beware of 2",
    ),
    "beware": (
        "beware of? 2", "be? careful with 2", "watch out for 2", "do not touch|take|eat 2",
        "keep|stay away from 2", "avoid 2",
    ),
    "mention": (
        "let us talk|chat|speak about 1", "i want|like to talk about 1", "i would like to talk about 1",
        "how|what about 1", "shall|can we talk about 1",
    ),
    "enter": ("^enter 1", "^go|come|walk|step into|in|inside 1"),
    "exit": ("^leave|exit 1", "^go|walk|come|step out of 1"),
    "move": ("^move|put|place|bring|take 1 to|into|in|inside 2",),
    "look": ("^look|peek into|in|inside 1", "^check 1", "^take a? look|peek into|in|inside 1"),
    "give": ("^give|hand|pass 2 to 1", "^give|hand|pass 1 2"),
    "take": ("^take|get|grab 2 from 1", "^take 2 away from 1"),
    "wait_at": ("^wait|stay|stand at|by|near|beside|around 1", "^wait next to 1"),
    "place": ("1 is1 in|inside|within 2", "1 lies|lie|sits|sit in|inside 2"),
    "fill": ("1 holds|contains an2", "1 is full of an2", "there is|are an2 in|inside 1"),
    "label": ("label of|on 1 says|reads bare2", "1 is labelled|labeled bare2"),
    "hold": ("1 has|holds|carries 2", "1 is holding|carrying 2"),
    "show": ("1 looks|seems 2", "1 appears to? be? 2"),
    "away": (
        "1 does not notice|see what happens next", "1 is distracted", "1 does not notice what happens",
    ),
    "hide": (
        "1 watches unseen what happens next", "1 secretly watches what happens next", "1 watches unseen",
    ),
    "noise": ("somebody|someone outside talks|is about 1", "somebody|someone talks about 1 outside"),
}  # fmt: skip

# The same with the speaker in it.
_SELF_PARAPHRASES: dict[str, tuple[str, ...]] = {
    "need": ("i am in need of 2",),
    "like": ("i want|prefer|love 2", "i would like 2", "i am fond of 2"),
    "feel": ("i feel|am 2", "i am feeling 2"),
    "warn": ("1 do not trust|believe me", "do not trust|believe me 1?"),
    "urge_take": ("1 please take|get 2 from me", "please take 2 from me 1?"),
}

_ARTICLES = frozenset({"the", "a", "an"})  # mean nothing here, in forms as in texts
_EVERYONE_WORDS = ("everyone", "everybody", "all")
# Statements heard by everybody, which may begin with somebody's name: "Tom, I need the bread."
_VOCATIVE = ("claim", "unsure", "safe", "harmful", "mention")
_ASKED = frozenset(  # what may end in a question mark
    {
        "ask_place", "ask_need", "ask_like", "ask_feel", "ask_safe", "offer", "trade", "request", "urge_give",
        "urge_take", "mention",
    }
)  # fmt: skip
_SAYS = "says|said|asks|asked|replies|replied|answers|answered"
_STAGE = re.compile(r"""[\s"'*_“”]*\([^()]*\)[\s"'*_“”.]*""")  # all of it in brackets
_PREFIX = re.compile(r"""[\s"'*_“”]*(\w+)[*_]*\s*:(.*)""", re.DOTALL)  # "Mia: ..."
_SAYING = re.compile(rf"""[\s"'*_“”]*(\w+)\s+(?:{_SAYS})\b\s*[:,]?(.*)""", re.DOTALL | re.IGNORECASE)
_WORDS = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_FORM_WORDS = re.compile(r"[a-z]*[0-3]|[a-z]+")
_CONTRACTIONS = {
    "don't": "do not", "doesn't": "does not", "isn't": "is not", "aren't": "are not", "can't": "can not",
    "cannot": "can not", "won't": "will not", "mustn't": "must not", "shouldn't": "should not", "i'm": "i am",
    "i'll": "i will", "i'd": "i would", "i've": "i have", "you'll": "you will", "let's": "let us",
    "where's": "where is", "where're": "where are", "what's": "what is", "how's": "how is",
    "there's": "there is", "dont": "do not", "im": "i am", "lets": "let us", "wheres": "where is",
}  # fmt: skip
_LONGEST = 40  # words of a text that is read at all

_IGNORED, _SUBJECT = -1, 0  # arguments of a form that are none of the utterance


class _Node:
    """What has been read so far of some forms: the next word decides how it goes on."""

    __slots__ = ("acts", "slots", "words")

    def __init__(self) -> None:
        self.words: dict[str, _Node] = {}
        self.slots: dict[tuple[int, str], _Node] = {}  # (argument, sort)
        self.acts: list[str] = []  # that are complete here


def _clean(form: str) -> str:
    """A written form as one that is read: without case and punctuation."""
    return " ".join(_FORM_WORDS.findall(form.lower()))


def _add(root: _Node, act: str, form: str) -> None:
    """Add a form, in all its variants; "..." has no words, and is read for itself."""
    if not form:
        return
    ends = [root]
    sorts = _signature(act)
    for part in form.split():
        optional = part.endswith("?")
        choices = part.rstrip("?").split("|")
        if choices[0] in _ARTICLES:
            continue
        follow: list[_Node] = list(ends) if optional else []
        for choice in choices:
            field = _FIELD.fullmatch(choice)
            if choice == "-" or (field and field[1] != "is"):
                k = _IGNORED if field is None else int(field[2])
                sort = "A" if k == _IGNORED else "I" if k == _SUBJECT else sorts[k - 1]
                follow += [end.slots.setdefault((k, sort), _Node()) for end in ends]
            else:
                for word in ("is", "are") if field else (choice,):
                    follow += [end.words.setdefault(word, _Node()) for end in ends]
        ends = follow
    for end in ends:
        if act not in end.acts:
            end.acts.append(act)


def _third(verb: str) -> str:
    """A verb in the third person."""
    return verb + ("es" if verb[-2:] in ("go", "ch", "ss") else "s")


@cache
def _forms() -> tuple[_Node, _Node]:
    """All forms: what individuals say and do, and what happens, as a story tells it."""
    spoken, told = _Node(), _Node()
    for act in SIGNATURES:
        canonical = _clean(_SPOKEN[act])
        for form in (canonical, *_PARAPHRASES[act]):
            if act in _WORLD:
                _add(told, act, form)
                continue
            if act in _DEEDS:
                if not form.startswith("^"):
                    continue  # the same with "I" is among the others
                verb, _, rest = form[1:].partition(" ")
                third = "|".join(_third(word) for word in verb.split("|"))
                for root in (spoken, told):
                    _add(root, act, f"i? {verb} {rest}")
                    _add(root, act, f"{third} {rest}")
                    _add(root, act, f"0 {third} {rest}")
                continue
            _add(spoken, act, form)
            if act in ADDRESSED and form != canonical:
                _add(spoken, act, f"hey? 1 {form}")
                _add(spoken, act, f"{form} 1")
            if act in _VOCATIVE:
                _add(spoken, act, f"- {form}")
            if act in BY_WORLD:
                _add(told, act, form)
    for act, forms in _SELF_PARAPHRASES.items():
        for form in (_clean(_OF_ONESELF[act][1]), *forms):
            _add(spoken, act, form)
            if act not in ADDRESSED:
                _add(spoken, act, f"- {form}")
    for verb in ("says nothing", "is|stays|remains|keeps silent|quiet"):
        _add(told, "nothing", f"0 {verb}")
    _add(told, "tell", "0 whispers|whispered to 1 that? 2 is2 in|inside 3")
    _add(spoken, "tell", "0 whispers to 1 that? 2 is2 in|inside 3")
    return spoken, told


_Match = tuple[str, dict[int, int]]


def _matches(node: _Node, words: Sequence[str], at: int, bound: dict[int, int]) -> Iterator[_Match]:
    """The acts, and their arguments, whose forms the words are."""
    if at == len(words):
        for act in node.acts:
            yield act, bound
        return
    word = words[at]
    if word in node.words:
        yield from _matches(node.words[word], words, at + 1, bound)
    token = EVERYONE if word in _EVERYONE_WORDS else _TOKEN_OF.get(word, 0)
    for (k, sort), follow in node.slots.items():
        if token in _SETS[sort]:
            yield from _matches(follow, words, at + 1, {**bound, k: token})


def _words(text: str) -> list[str]:
    """The words of a text as forms have them."""
    plain = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    found: list[str] = []
    for word in _WORDS.findall(plain):
        found += _CONTRACTIONS.get(word, word).split()
    return [word for word in found if word not in _ARTICLES]


def understand(text: str, sender: int | None = None) -> tuple[int, ...]:
    """The utterance that a text is: the inverse of :func:`sentence`, and of much that means the same.

    It never guesses. Case, punctuation, quotes, asterisks, articles and contractions do not matter, nor
    does the speaker's own name before it; each act has a few more forms (:data:`_PARAPHRASES`).
    What is addressed to nobody is addressed to everyone. A text that is all in round brackets is what
    happens, not what is said.

    Args:
        text: what somebody says or does, as :func:`sentence` or a language model writes it.
        sender: the token of the speaker's name, who "I" is; None: not known.

    Returns:
        ``LENGTH`` tokens.

    Raises:
        NotUnderstood: for all else, with what was heard and the nearest form that would be understood.
    """
    return _understand(text, sender)


@lru_cache(1 << 16)
def _understand(text: str, sender: int | None) -> tuple[int, ...]:
    heard = text
    if sender is not None and sender not in _SETS["I"]:
        raise ValueError(f"the sender is a name, but a token {sender} was given")
    for opening in (_PREFIX, _SAYING):
        found = opening.fullmatch(text)
        who = _TOKEN_OF.get(found[1].lower(), 0) if found else 0
        if found and who in _SETS["I"]:
            if sender not in (None, who):
                reason = f"{VOCABULARY[sender or 0]} cannot speak as {VOCABULARY[who]}"
                _fail(heard, BY_INDIVIDUALS, sender, reason)
            sender, text = who, found[2]
    if len(text) > 16 * _LONGEST:
        _fail(heard, BY_INDIVIDUALS, sender, "one short sentence, please")
    words = _words(text)
    if not words and ("..." in text or "…" in text):
        return _pad((NOTHING,))
    spoken, told = _forms()
    found_all = [] if _STAGE.fullmatch(text) else list(_matches(spoken, words, 0, {}))
    return _settle(heard, found_all or list(_matches(told, words, 0, {})), sender, sender is not None)[1]


def _settle(
    heard: str, found: list[_Match], sender: int | None, individual: bool
) -> tuple[int | None, tuple[int, ...]]:
    """The one utterance that was meant, and who is said in it to have sent it."""
    allowed = BY_INDIVIDUALS if individual else frozenset(SIGNATURES)
    meant: dict[tuple[int | None, tuple[int, ...]], None] = {}
    reason = ""
    for act, bound in found:
        who = bound.get(_SUBJECT, sender)
        if act not in allowed:
            reason = f"{act!r} is what the world shows, nobody says or does it"
        elif sender is not None and who != sender:
            reason = f"{VOCABULARY[sender]} cannot act for {VOCABULARY[who or 0]}"
        elif act not in _ASKED and heard.rstrip(" \n\t\"'*_)”").endswith("?"):
            reason = "a question that is none of the grammar's"
        else:
            arguments = []
            for k in range(1, len(SIGNATURES[act]) + 1):
                token = bound.get(k)
                if token is None:
                    token = EVERYONE if k == 1 and act in ADDRESSED else who
                arguments.append(token)
            if None in arguments:
                reason = 'it is not known who "I" is'
            else:
                meant[who, _pad((ACTS[act], *(token for token in arguments if token is not None)))] = None
    if len(meant) == 1:
        return next(iter(meant))
    if meant:
        reason = "it may be " + " or ".join(f'"{_sentence(message, None)}"' for _, message in meant)
    _fail(heard, allowed, sender, reason)


def read_line(line: str) -> tuple[int | None, tuple[int, ...]]:
    """The inverse of :func:`narrate`, as tolerant as :func:`understand`; reads ``Mia: ...``, too.

    Args:
        line: one line of a story.

    Returns:
        The token of the sender's name, or None for the world, and ``LENGTH`` tokens.

    Raises:
        NotUnderstood: for all else.
    """
    for opening in (_PREFIX, _SAYING):
        found = opening.fullmatch(line)
        who = _TOKEN_OF.get(found[1].lower(), 0) if found else 0
        if found and who in _SETS["I"]:
            return who, _understand(found[2], who)
    if len(line) > 16 * _LONGEST:
        _fail(line, frozenset(SIGNATURES), None, "one short line, please")
    told = list(_matches(_forms()[1], _words(line), 0, {}))
    if told and all(act not in BY_WORLD and _SUBJECT not in bound for act, bound in told):
        _fail(line, frozenset(SIGNATURES), None, "it is not said who does it")
    return _settle(line, told, None, False)


# --- What to say instead -----------------------------------------------------------------------------------
@cache
def _known_words() -> tuple[str, ...]:
    """All words of all forms, and the vocabulary's without the acts."""
    found: set[str] = {word for word, token in _TOKEN_OF.items() if token in _SORT_OF}
    left = list(_forms())
    while left:
        node = left.pop()
        found |= node.words.keys()
        left += [*node.words.values(), *node.slots.values()]
    return tuple(sorted(found))


def _fail(heard: str, allowed: frozenset[str], sender: int | None, reason: str) -> NoReturn:
    """Say what was not understood, why, and what would have been."""
    known = _known_words()
    words = _words(heard[: 16 * _LONGEST])[:_LONGEST]
    mended = [
        word if word in known else next(iter(difflib.get_close_matches(word, known, 1, 0.7)), word)
        for word in words
    ]
    best, score = "", -1.0
    for act in SIGNATURES:
        if act not in allowed:
            continue
        # the words that were heard, in their order, and examples for those that are missing
        left = {sort: [_TOKEN_OF[word] for word in mended if _TOKEN_OF.get(word) in _SETS[sort]]
                for sort in _signature(act)}  # fmt: skip
        message = [ACTS[act]]
        for sort in _signature(act):
            some = left["I" if sort == "A" and "I" in left else sort]
            message.append(some.pop(0) if some else _SORTS[sort][0])
        variants = [tuple(message)]
        if sender is not None and act in _OF_ONESELF:
            message[_OF_ONESELF[act][0]] = sender
            variants.append(tuple(message))
        for variant in variants:
            form = _sentence(variant, sender)
            forms = [form] if act not in _STORY else [form, _narrate(variant, sender or _SORTS["I"][0])]
            close = max(difflib.SequenceMatcher(None, mended, _words(one), False).ratio() for one in forms)
            if close > score:
                best, score = form, close
    clipped = " ".join(heard[:400].split())
    if len(clipped) > 80:
        clipped = clipped[:79] + "…"
    because = f" ({reason})" if reason else ""
    raise NotUnderstood(f'not understood: "{clipped}"{because}; the nearest that would be is "{best}"')


def acts_table() -> str:
    """All acts as a Markdown table: arguments, senders, and an example as it is said and as it is told."""
    rows = [
        "| act | arguments | sent by | said by Mia, or by the world | as a line of a story |",
        "|---" * 5 + "|",
    ]
    mia = _TOKEN_OF["mia"]
    for act in SIGNATURES:
        sorts = _signature(act)
        seen: dict[str, int] = {}
        words = []
        for sort in sorts:
            some = _EXAMPLES["I"] if sort == "A" else _EXAMPLES[sort]
            words.append(some[seen.setdefault(some[0], 0)])
            seen[some[0]] += 1
        message = tokens(act, *words)
        senders = ["individuals"] if act in BY_INDIVIDUALS else []
        senders += ["the world"] if act in BY_WORLD else []
        sender = mia if act in BY_INDIVIDUALS else None
        arguments = ", ".join(_SORT_NAMES[sort] for sort in sorts) or "none"
        cells = (
            f"`{act}`",
            arguments,
            " or ".join(senders),
            sentence(message, sender),
            narrate(message, sender),
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)
