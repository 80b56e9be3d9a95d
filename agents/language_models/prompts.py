"""What a language model is shown, and how its words are read.

A prompt is a story, a task, and options. A story is what one individual perceived: a conversation's
transcript as it stands; of a gridworld the first percept in full, then what changed, then the present one
in full.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...envs.conversation import language

__all__ = ["Heard", "Prompt", "labels", "question", "read_choice", "read_deed", "said", "turn"]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_EXAMPLES = 6  # utterances that are shown where anything may be said


@dataclass(frozen=True)
class Prompt:
    """What is put to a model.

    Attributes:
        story: what is known, a line an event, the oldest first.
        task: the question or the request.
        options: the answers to choose among, as shown; empty where free text is wanted.
        cue: what a model that goes on with texts is to go on from.
    """

    story: str
    task: str
    options: tuple[str, ...] = ()
    cue: str = "Answer:"

    def text(self, lettered: bool = False, lines: int | None = None) -> str:
        """As one text.

        Args:
            lettered: the options have letters (:func:`labels`), and the letter is asked for.
            lines: of the story only the first line and so many of the last; all of it where None.
        """
        story = self.story
        if lines is not None:
            told = story.split("\n")
            story = "\n".join([told[0], "...", *told[max(1, len(told) - lines) :]])
        parts = [f"What you know, the oldest first:\n\n{story}", self.task]
        if lettered and self.options:
            listed = zip(labels(len(self.options)), self.options, strict=True)
            kind = "letter" if len(self.options) <= len(_LETTERS) else "number"
            parts[-1] += "".join(f"\n{label}. {option}" for label, option in listed)
            parts.append(f"Answer with the {kind} alone.")
        else:
            parts[-1] += "".join(f"\n- {option}" for option in self.options)
        return "\n\n".join(parts)


def labels(count: int) -> tuple[str, ...]:
    """A, B, C ...; numbers from 1 where there are more options than letters."""
    return tuple(_LETTERS[:count]) if count <= len(_LETTERS) else tuple(str(k + 1) for k in range(count))


def question(story: str, asked: str, options: Sequence[str]) -> Prompt:
    """The prompt of a probe. Options come in an order that goes by a checksum of the words, so that no
    answer has a place of its own, and the same question is always put in the same way."""
    salt = zlib.crc32(f"{story}\n{asked}".encode())
    shown = sorted(options, key=lambda option: (zlib.crc32(option.encode(), salt), option))
    return Prompt(story, f"{asked}\nThe possible answers are:", tuple(shown))


def turn(story: str, possible: Sequence[str], free: bool) -> Prompt:
    """The prompt of a turn.

    Args:
        story: what is known.
        possible: what can be said or done now.
        free: anything may be said; some of what is possible is shown as examples.
    """
    if not free:
        return Prompt(story, "It is your turn. What you can say or do:", tuple(possible), "You choose:")
    step = max(1, len(possible) // _EXAMPLES)
    examples = " / ".join(possible[::step][:_EXAMPLES])
    task = f"It is your turn. Say or do one thing, in one short sentence, such as: {examples}"
    return Prompt(story, task, (), "You:")


@dataclass(frozen=True)
class Heard:
    """What an agent remembers of one world.

    Attributes:
        past: percepts before the present one, each with what was done then.
        now: the present percept.
        legal: what could be done at it ...
        done: ... and the number of what was done; -1 where nothing has been yet.
        deed: the same in words.
    """

    past: tuple[tuple[str, str], ...] = ()
    now: str = ""
    legal: tuple[int, ...] = ()
    done: int = -1
    deed: str = ""

    def then(self, text: str) -> Heard:
        """With the next percept. A text that goes on from the last one, as a transcript does, takes its
        place; any other is a new percept."""
        if text.startswith(self.now):
            return replace(self, now=text, done=self.done if text == self.now else -1)
        return Heard((*self.past, (self.now, self.deed)), text)

    def story(self) -> str:
        """All of it, with what changed in place of the percepts between the first and the present."""
        lines = []
        before = ""
        for text, deed in self.past:
            lines.append(_news(before, text) if before else text)
            if deed:
                lines.append(f"You chose: {deed}")
            before = text
        return "\n".join([*lines, self.now])


# What a percept of a gridworld says of oneself: it always has these, so an old one is not missed.
_ALWAYS = ("You are", "step", "task", "cue", "The way", "then")


def _news(before: str, now: str) -> str:
    """What a gridworld's percept says that the one before did not, and the other way round."""
    old, new = (
        [part for part in re.split(r"[,.]\s*", text.replace("You see ", "")) if part]
        for text in (before, now)
    )
    said = ", ".join(part for part in new if part not in old)
    gone = ", ".join(part for part in old if part not in new and not part.startswith(_ALWAYS))
    return f"Then: {said}." + (f" No longer: {gone}." if gone else "")


# --- What a model wrote ---------------------------------------------------------------------------------
def _plain(text: str) -> str:
    """Letters and digits in lower case, words parted by one space, without a leading article."""
    words = re.findall(r"\w+", text.casefold().replace("_", " "))
    return " ".join(words[1:] if len(words) > 1 and words[0] in ("the", "a", "an") else words)


def _thought(text: str) -> str:
    """What was written after thinking aloud; nothing where the thoughts have no end."""
    text = re.split(r"(?i)</think(?:ing)?>", text)[-1]
    return "" if re.search(r"(?i)<think(?:ing)?>", text) else text.strip()


def said(text: str) -> str:
    """The first line of an answer that says something, without what a model thought aloud before it."""
    return next((line.strip() for line in _thought(text).splitlines() if line.strip()), "")


_DRESS = r"[\s*_`\"'“‘(\[{$]*(?:\\boxed\{)?"  # what stands before a label: quotes, brackets, emphasis
_BE = r"(?:is|was|would be|must be|should be|has to be|will be)"
# the answer, as somebody states it; what they state follows
_STATED = re.compile(rf"(?i:\b(?:answer|choice)[*_`\"'”]*(?:\s+{_BE}\b[*_`]*\s*:?|\s*[:=]))")
_NEGATION = re.compile(
    r"(?i)\b(?:not|no|never|neither|nor|cannot|without|wrong|incorrect|false|unlikely|instead of|rather than"
    r"|ruled? out|excludes?|eliminates?|than)\b|n['’]t\b"
)
_WEIGHED = re.compile(  # said of what is looked at, and not yet answered
    r"(?i)\b(?:if|whether|suppose|let|check|consider|examine|first|why|could|might|perhaps|maybe)\b"
)
_AND_SO_ON = ("because", "since", "as", "for", "so")  # what may follow a label A, and never an article


class _Choice:
    """Reads one answer. ``names``: the labels; ``words``: the options' words, as ``_plain`` has them."""

    def __init__(self, options: Sequence[str]) -> None:
        self.names = labels(len(options))
        self.words = [_plain(option) for option in options]
        self.label = "|".join(sorted(self.names, key=len, reverse=True))

    def labelled(self, text: str) -> int | None:
        """The label at the beginning of a text; "A" and "I" before a word that is not their option's own
        are an article and a pronoun."""
        found = re.match(rf"{_DRESS}({self.label})\b(?!['’])(.*)", text, re.S)
        if not found:
            return None
        k, after = self.names.index(found[1]), found[2]
        if re.match(rf"[\s*_`)\]]*(?:or|and|/|,\s*or)\s*{_DRESS}(?:{self.label})\b", after):
            return None  # "A or B"
        own = f"{_plain(after)} ".startswith(f"{self.words[k]} ")
        if found[1] in "AI" and re.match(r"\s+\w", after) and not own:
            return k if re.match(rf"\s+(?:{'|'.join(_AND_SO_ON)})\b", after) else None
        return k

    def alone(self, line: str) -> int | None:
        """A line that is a label or an option, and nothing else."""
        plain = re.sub(r"^[\s*_`\"'“(\[]+|[\s*_`\"'”)\].:!,]+$", "", line).casefold()
        for k, name in enumerate(self.names):
            if plain == name.casefold():
                return k
        words = "" if self._dressed(line) else _plain(line)
        return self.words.index(words) if words and words in self.words else None

    def named(self, text: str) -> int | None:
        """The one option whose words stand in a text, where nothing near them is denied; -1 where there are
        several, or it is."""
        named = [k for k, words in enumerate(self.words) if _mentions(text, words)]
        if len(named) != 1:
            return -1 if named else None
        for sentence in re.split(r"(?<=[.!?;])\s+|\n+", text):
            rest = f" {_plain(sentence)} ".replace(f" {self.words[named[0]]} ", " ", 1)
            if _mentions(sentence, self.words[named[0]]) and _denied(sentence, rest):
                return -1
        return named[0]

    def stated(self, text: str) -> int | None:
        """The last "the answer is ..."."""
        last = None
        for found in _STATED.finditer(text):
            before = re.split(r"[.,;:!?\n]", text[: found.start()])[-1]
            if _NEGATION.search(before) or _WEIGHED.search(before):
                continue
            rest = text[found.end() :].lstrip()
            k = self.labelled(re.sub(r"^(?i:(?:the\s+)?(?:option|letter|number)\s+)", "", rest))
            sentence = re.split(r"[.;!?\n]", rest)[0]
            for part in (sentence.split(",")[0], sentence):
                k = self.named(part) if k is None else k
            last = last if k is None or k < 0 else k
        return last

    def _dressed(self, line: str) -> re.Match[str] | None:
        return re.match(rf"{_DRESS}({self.label})[*_`]*[).:\]]", line)

    def begun(self, line: str) -> int | None:
        """What a line begins with: "B) the box", or "The box, because"."""
        found = self._dressed(line)
        if found:
            return self.names.index(found[1])
        first = re.split(r"[,.;:!]|\s[–—-]\s", line)[0]
        return self.words.index(_plain(first)) if _plain(first) in self.words and _plain(first) else None

    def mentioned(self, text: str) -> set[int]:
        """The options that are called so: "option B"."""
        found: set[int] = set()
        for sentence in re.split(r"(?<=[.!?;])\s+|\n+", text):
            if not _NEGATION.search(sentence) and not _WEIGHED.search(sentence):
                for match in re.finditer(r"(?i:\b(?:answer|option|choice)\s*:?)", sentence):
                    k = self.labelled(sentence[match.end() :])
                    found |= set() if k is None else {k}
        return found


def _mentions(text: str, words: str) -> bool:
    return bool(words) and f" {words} " in f" {_plain(text)} "


def _denied(sentence: str, rest: str) -> bool:
    """Whether a sentence denies something. ``rest``: its words but those of the option, which may be "no"."""
    return bool(_NEGATION.search(rest)) or bool(re.search(r"(?i)n['’]t\b", sentence))


def read_choice(text: str, options: Sequence[str], cut: bool = False) -> int | None:
    """Which option an answer means: by its label, in the usual dresses, or by its words.

    What states the answer goes before what does not: the last "the answer is B"; a line that is a label or an
    option and no more; what a line begins with; "option B"; the only option that is named at all, unless
    something is denied of it.

    Args:
        text: what a model wrote.
        options: as shown, in their order.
        cut: the text was cut off before its end: what does not state its answer is not taken for one.

    Returns:
        Its index; None where the answer names none of them, or several, or its thoughts have no end.
    """
    text = _thought(text)
    reader, lines = _Choice(options), [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return None
    for k, option in enumerate(options):
        if option == lines[0] and len(lines) == 1:
            return k
    stated = reader.stated(text)
    if stated is not None:
        return stated
    for found in (reader.alone, reader.begun):
        read = {k for k in map(found, lines) if k is not None}
        if read:
            return read.pop() if len(read) == 1 else None
    if cut:
        return None
    called = reader.mentioned(text)
    if called:
        return called.pop() if len(called) == 1 else None
    named = reader.named(text)
    return None if named is None or named < 0 else named


def read_deed(text: str, sentences: Sequence[str], legal: Sequence[int], story: str) -> int | None:
    """Which action a free text means.

    Args:
        text: what a model wrote; its first line counts.
        sentences: the actions in words.
        legal: those that can be done now.
        story: what is known; it begins with who one is.

    Returns:
        Its number; None where it is not understood, or not possible now.
    """
    line = said(text)
    for u in legal:
        if _plain(line) and _plain(sentences[u]) == _plain(line):
            return u
    who = re.match(r"You are (\w+)\.\n", story + "\n")
    if who is None:  # a gridworld: there is nothing to talk with but the names of the actions
        return None
    own = language.tokens("greet", who[1])[1]
    try:
        meant = language.understand(line, own)
    except language.NotUnderstood:
        return None
    forms = {u: language.understand(sentences[u], own) for u in legal}
    # what is addressed to nobody is for everyone; where there is one listener it is for them
    to_all = [word == language.EVERYONE for word in meant]
    for loose in (False, True):
        found = [
            u
            for u, form in forms.items()
            if all(a == b or (loose and b and all_) for a, b, all_ in zip(meant, form, to_all, strict=True))
        ]
        if len(found) == 1:
            return found[0]
    return None
