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


def said(text: str) -> str:
    """The first line of an answer that says something, without what a model thought aloud before it."""
    text = text.rpartition("</think>")[2]
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def read_choice(text: str, options: Sequence[str]) -> int | None:
    """Which option an answer means: by its label, in the usual dresses, or by its words.

    Args:
        text: what a model wrote.
        options: as shown, in their order.

    Returns:
        Its index; None where the answer names none of them, or several.
    """
    names = labels(len(options))
    text = text.rpartition("</think>")[2].strip()
    line = said(text)
    plain = re.sub(r"^[\s*_`\"'(\[]+|[\s*_`\"')\].:!,]+$", "", line)
    by_label = {name.casefold(): k for k, name in enumerate(names)}
    by_words = {_plain(option): k for k, option in enumerate(options)}
    if plain.casefold() in by_label:
        return by_label[plain.casefold()]
    if line in options:
        return list(options).index(line)
    if _plain(line) and _plain(line) in by_words:
        return by_words[_plain(line)]
    label = "|".join(names)
    for pattern in (
        rf"^[\s*_`\"'(\[]*({label})[*_`]*[).:\]]",  # B) the box
        rf"(?i:\b(?:answer|option|choice)(?:\s+is)?\s*:?)[\s*_`\"'(\[]*({label})\b(?!['’])",
    ):
        found = re.search(pattern, text)
        if found:
            return names.index(found[1])
    padded = f" {_plain(text)} "
    named = [k for words, k in by_words.items() if words and f" {words} " in padded]
    return named[0] if len(named) == 1 else None


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
