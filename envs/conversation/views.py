"""What somebody perceives of a conversation, as numbers: the flat view and word tokens.

Both hold the messages that the viewer perceived, and nothing else.
"""

from __future__ import annotations

from typing import Any

from ..kernels import njit, whole
from .engine import CUES, WORLD, absolute, bind, bind_message, exists, present
from .language import (
    EVERYONE,
    FEELINGS,
    FIRST_FEELING,
    FIRST_TOPIC,
    INDIVIDUAL,
    PLACE,
    ROOM,
    SIGNATURES,
    THING,
    TOPICS,
)

__all__ = [
    "WINDOWS",
    "flat_layout",
    "flat_size",
    "flatten",
    "flatten_speakers",
    "spell_menu",
    "tokenize",
    "transcribe",
]

WINDOWS = (8, 16, 32)  # messages in the flat view: the last so many that were perceived

# One message in the flat view, one-hot: who sent it, the act, three arguments.
_SENDERS = 8  # counted from the viewer on; the last is the world
_ACTS = len(SIGNATURES) + 1
# One argument: sorts beside each other. Individuals are counted from the viewer on.
_OF_INDIVIDUAL, _OF_THING, _OF_PLACE, _OF_ROOM = 1, 9, 17, 21
_OF_FEELING = 25
_OF_TOPIC = _OF_FEELING + len(FEELINGS)
_OF_EVERYONE = _OF_TOPIC + len(TOPICS)
_ARGUMENT = _OF_EVERYONE + 1
_MESSAGE = _SENDERS + _ACTS + 3 * _ARGUMENT
# After the messages: own room, who is in it, whether it is one's turn, own cues.
_ROOMS, _PRESENT, _CUE = 5, 8, 16
_FIELDS = _ROOMS + _PRESENT + 1 + CUES * _CUE


def flat_size(window: int) -> int:
    """N of the flat view (N,) uint8 with the last ``window`` messages."""
    return window * _MESSAGE + _FIELDS


def flat_layout(window: int) -> list[tuple[str, int, int]]:
    """The parts of the flat view: name, first number, how many."""
    parts: list[tuple[str, int, int]] = []
    at = 0
    for k in range(window):
        inner = [("sender", _SENDERS), ("act", _ACTS), *((f"argument {j}", _ARGUMENT) for j in (1, 2, 3))]
        for name, size in inner:
            parts.append((f"message -{k + 1} {name}", at, size))
            at += size
    rest = [("own room", _ROOMS), ("present", _PRESENT), ("own turn", 1)]
    for name, size in (*rest, *((f"cue {k}", _CUE) for k in range(CUES))):
        parts.append((name, at, size))
        at += size
    return parts


@njit
def _argument(w: Any, viewer: int, symbol: int) -> int:
    """Where an argument stands among the numbers of its place; 0: there is none."""
    if symbol == 0:
        return 0
    if symbol >= ROOM:
        return _OF_ROOM + symbol - ROOM
    if symbol >= PLACE:
        return _OF_PLACE + symbol - PLACE
    if symbol >= THING:
        return _OF_THING + symbol - THING
    if symbol >= INDIVIDUAL:
        n = whole(w.individuals)
        return _OF_INDIVIDUAL + (symbol - INDIVIDUAL - viewer + n) % n
    if symbol == EVERYONE:
        return _OF_EVERYONE
    if symbol >= FIRST_TOPIC:
        return _OF_TOPIC + symbol - FIRST_TOPIC
    return _OF_FEELING + symbol - FIRST_FEELING


@njit
def _flatten(w: Any, i: int, row: int, viewer: int, window: int, out: Any) -> None:
    """The flat view of one individual of one world, as ``out[i, row]``."""
    for j in range(out.shape[2]):
        out[i, row, j] = 0
    n = whole(w.individuals)
    at = 0
    k = whole(w.length) - 1
    found = 0
    while k >= 0 and found < window:
        if w.heard[k] >> viewer & 1:
            sender = whole(w.sender[k])
            who = _SENDERS - 1 if sender == WORLD else (sender - viewer + n) % n
            out[i, row, at + who] = 1
            out[i, row, at + _SENDERS + w.said[k, 0]] = 1
            for j in range(3):
                base = at + _SENDERS + _ACTS + j * _ARGUMENT
                out[i, row, base + _argument(w, viewer, whole(w.said[k, j + 1]))] = 1
            at += _MESSAGE
            found += 1
        k -= 1
    at = window * _MESSAGE
    out[i, row, at + w.room[viewer] + 1] = 1
    at += _ROOMS
    here = present(w, whole(w.room[viewer]))
    for b in range(n):
        if here >> ((viewer + b) % n) & 1:
            out[i, row, at + b] = 1
    at += _PRESENT
    if w.speaker == viewer and not (w.terminated or w.truncated):
        out[i, row, at] = 1
    at += 1
    for k in range(CUES):
        out[i, row, at + w.cue[viewer, k]] = 1
        at += _CUE


@njit
def flatten(worlds: Any, first: int, window: int, out: Any, lo: int, hi: int) -> None:
    """The flat views of individuals ``first``, ``first + 1``, ... as ``out`` (B, rows, N) uint8."""
    for i in range(lo, hi):
        for row in range(out.shape[1]):
            _flatten(worlds[i], i, row, first + row, window, out)


@njit
def flatten_speakers(worlds: Any, window: int, out: Any, lo: int, hi: int) -> None:
    """The flat view of whoever has the turn in each world as ``out`` (B, 1, N) uint8."""
    for i in range(lo, hi):
        _flatten(worlds[i], i, 0, whole(worlds[i].speaker), window, out)


@njit
def tokenize(worlds: Any, viewer: int, tokens: Any, senders: Any, lo: int, hi: int) -> None:
    """The messages that one perceived as word tokens.

    Args:
        worlds: (B,) the batch.
        viewer: an individual.
        tokens: (B, T, LENGTH) int16, written: one row a message, the oldest first, 0 after the last.
        senders: (B, T) int16, written: the sender's name; 0 for the world.
        lo, hi: which worlds.
    """
    for i in range(lo, hi):
        w = worlds[i]
        row = 0
        for k in range(w.length):
            if w.heard[k] >> viewer & 1 and row < tokens.shape[1]:
                bind_message(w, k, tokens[i], row)
                senders[i, row] = w.lexicon[w.sender[k]] if w.sender[k] < WORLD else 0
                row += 1
        for k in range(row, tokens.shape[1]):
            senders[i, k] = 0
            for j in range(tokens.shape[2]):
                tokens[i, k, j] = 0


@njit
def spell_menu(worlds: Any, viewer: int, menu: Any, out: Any, lo: int, hi: int) -> None:
    """The menu as one would say it in each world's words.

    Args:
        worlds: (B,) the batch.
        viewer: an individual.
        menu: (U, 4) uint8, utterances in slots.
        out: (B, U, LENGTH) int16, written: word tokens, padded with 0; all 0 where this episode has no word
            for some slot.
        lo, hi: which worlds.
    """
    for i in range(lo, hi):
        w = worlds[i]
        for u in range(menu.shape[0]):
            there = True
            for j in range(out.shape[2]):
                symbol = absolute(w, viewer, whole(menu[u, j])) if j < 4 else 0
                there = there and exists(w, symbol)
                out[i, u, j] = bind(w, symbol) if there else 0
            if not there:
                for j in range(out.shape[2]):
                    out[i, u, j] = 0


@njit
def transcribe(
    worlds: Any, viewer: int, said: Any, senders: Any, numbers: Any, lengths: Any, lo: int, hi: int
) -> None:
    """The messages that one perceived, as slots: a history for a reward function.

    Args:
        worlds: (B,) the batch.
        viewer: an individual.
        said: (B, T, 4) uint8, written: act and arguments, the oldest first.
        senders: (B, T) uint8, written: individuals, or WORLD.
        numbers: (B, T) int16, written: the number of each message in its conversation.
        lengths: (B,) int64, written: how many messages.
        lo, hi: which worlds.
    """
    for i in range(lo, hi):
        w = worlds[i]
        row = 0
        for k in range(w.length):
            if w.heard[k] >> viewer & 1:
                for j in range(4):
                    said[i, row, j] = w.said[k, j]
                senders[i, row] = w.sender[k]
                numbers[i, row] = k
                row += 1
        lengths[i] = row
        for k in range(row, said.shape[1]):
            senders[i, k] = 0
            numbers[i, k] = 0
            for j in range(4):
                said[i, k, j] = 0
