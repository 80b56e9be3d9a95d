"""The perspective switch S: a history as somebody else would hold it; and histories as the model reads them.

Names are tokens, so S exchanges two names. In a conversation that everybody heard that is all, and S(S(x)) =
x. Where somebody missed something, the literal switch gives them all that one knows oneself: a curse of
knowledge by construction. Then S also drops what they did not perceive, before it relabels. Which mode knows
what:

========== =====================================================================================
mode       what the other is taken to have perceived
========== =====================================================================================
labels     all that one perceived oneself (the paper's case)
inferred   of this, what the agent judges that they perceived, too (``judgement.py``)
given      what the engine says that both perceived: an upper bound, never for an agent under test
========== =====================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...envs.conversation.language import ENTER, POOLS, VOCABULARY

__all__ = [
    "END",
    "ME",
    "MODES",
    "SLOTS",
    "VOCABULARY_SIZE",
    "WORLD",
    "Messages",
    "Packed",
    "exchanged",
    "perceived_by_both",
    "responses",
    "words_of",
]

MODES = ("labels", "inferred", "given")
END = 0  # stands after each message, and at the beginning: so that the first one is predicted, too
# Names and words that are drawn for each episode carry nothing, so the model reads which of those in this
# history each is, not which word it is: no word is new to it. Sort -> (first token, how many).
SLOTS: dict[str, tuple[int, int]] = {}
_next = POOLS["I"][0]  # all other words of the language come before
for _sort, _count in (("I", 8), ("T", 8), ("P", 4), ("R", 4)):
    SLOTS[_sort] = (_next, _count)
    _next += _count
ME = SLOTS["I"][0]  # whoever's history it is: histories are told in the first person
WORLD = _next  # the name of the world, which sends what is nobody's
VOCABULARY_SIZE = WORLD + 1
_FIRST_SLOT = ME
_SORT_NAMES = {"I": "names", "T": "things", "P": "containers", "R": "rooms"}


@dataclass(frozen=True)
class Packed:
    """Histories as one row of tokens each: ``END``, then of every message who sent it, its words, ``END``.

    Attributes:
        tokens, senders: (B, T) int64; 0 after the end of a history. The sender of the beginning is ``ME``, or
            ``WORLD`` where one does nothing in this history, as an audience does.
        message: (B, T) int64, the number of the message that a token belongs to; -1 at the beginning and
            after the end.
        lengths: (B,) int64.
        words: (B, 24) int64, the word of each slot from ``ME`` on; 0 where there is none.
    """

    tokens: Tensor
    senders: Tensor
    message: Tensor
    lengths: Tensor
    words: Tensor

    def first(self) -> Tensor:
        """(B, T) bool, where a message begins: the name of its sender."""
        return self.said() & ~words_of(self.message)

    def said_by(self, names: Tensor | int) -> Tensor:
        """(B, T) bool, the words and ends of messages by ``names``, a slot or one a row: somebody's
        actions."""
        of = torch.as_tensor(names).reshape(-1, 1)
        return words_of(self.message) & (self.senders == of)

    def said(self) -> Tensor:
        """(B, T) bool, all messages, and who sends them: what somebody perceives."""
        return self.message >= 0

    def spell(self, slots: Tensor) -> npt.NDArray[np.int64]:
        """(B, ...) tokens of the model as word tokens; 0 for ``WORLD``, and for
        a slot that has no word."""
        rows = torch.arange(len(slots)).reshape(-1, *[1] * (slots.dim() - 1))
        bound = self.words[rows, (slots - _FIRST_SLOT).clamp(0, self.words.shape[1] - 1)]
        found = torch.where(slots >= _FIRST_SLOT, torch.where(slots < WORLD, bound, 0), slots)
        return found.numpy()

    def bind(self, words: npt.NDArray[Any]) -> Tensor:
        """(B, ...) word tokens as tokens of the model, the reverse; 0 for a word that has no slot."""
        b = len(words)
        table = np.tile(np.arange(len(VOCABULARY)), (b, 1))
        table[:, _FIRST_SLOT:] = 0
        bound = self.words.numpy()
        rows, slots = np.nonzero(bound)
        table[rows, bound[rows, slots]] = slots + _FIRST_SLOT
        found = np.take_along_axis(table, words.reshape(b, -1).astype(np.int64), 1)
        return torch.from_numpy(found.reshape(words.shape))


def words_of(message: Tensor) -> Tensor:
    """Of the messages (B, T) that tokens belong to, as :class:`Packed` has them: the words and ends of
    messages, not who sends them, (B, T) bool."""
    found = message >= 0
    found[:, 1:] &= message[:, 1:] == message[:, :-1]
    found[:, 0] = False
    return found


def responses(tokens: Tensor, senders: Tensor, message: Tensor, who: bool = False) -> Tensor:
    """Of histories (B, T), as :class:`Packed` has them: what one says and what the world shows, from the
    first message of another on that is not to enter, (B, T) bool; where ``who``, also who sends each message
    from then on, without which no response could be imagined."""
    there, words = message >= 0, words_of(message)
    act = words.clone()
    act[:, 1:] &= ~words[:, :-1]
    shown = (senders == ME) | (senders == WORLD)
    begun = (act & ~shown & (tokens != ENTER)).cumsum(1) > 0
    return begun & (there & ~words | words & shown) if who else begun & words & shown


def _too_many(sort: str, count: int) -> ValueError:
    return ValueError(f"a history has {count} {_SORT_NAMES[sort]}, expected at most {SLOTS[sort][1]}")


def _bind_in_order(
    words: npt.NDArray[np.int64], own: npt.NDArray[Any], rng: np.random.Generator | None
) -> npt.NDArray[np.int64]:
    """The word of each slot, (B, 24): in the order in which they come up in rows of words (B, T), which
    adding to a history does not change; or shuffled by ``rng``, so that in training all slots learn alike."""
    b, t = words.shape
    found = np.zeros((b, WORLD - _FIRST_SLOT), np.int64)
    rows, places = np.nonzero(words >= _FIRST_SLOT)
    at = np.full((b, len(VOCABULARY) + 1), t, np.int64)  # where each word comes up first; t: nowhere
    np.minimum.at(at, (rows, words[rows, places]), places)
    at[np.arange(b), own] = -1
    for sort, (first, pool) in POOLS.items():
        slot, count = SLOTS[sort]
        own_slots = int(sort == "I")  # the first name is one's own, always
        some = at[:, first : first + pool]
        order = np.argsort(some, 1, kind="stable")
        known = np.take_along_axis(some, order, 1) < t
        if known[:, count:].any():
            raise _too_many(sort, int(known.sum(1).max()))
        bound = np.where(known, first + order, 0)[:, :count]
        if rng is not None:
            keys = rng.random((b, count))
            keys[:, :own_slots] = -1
            bound = np.take_along_axis(bound, np.argsort(keys, 1), 1)
        found[:, slot - _FIRST_SLOT : slot - _FIRST_SLOT + count] = bound
    return found


@dataclass(frozen=True)
class Messages:
    """Histories of B conversations, message by message, as the view ``"tokens"`` gives them.

    Attributes:
        tokens: (B, M, L) int16, word tokens; a row of 0 where there is no message.
        senders: (B, M) int16, name tokens; 0 the world.
        own: (B,) int16, the names of those whose histories these are.
    """

    tokens: npt.NDArray[np.int16]
    senders: npt.NDArray[np.int16]
    own: npt.NDArray[np.int16]

    @classmethod
    def of(cls, observation: Mapping[str, Any]) -> Messages:
        """From what an agent with ``observation = "tokens"`` is given."""
        return cls(observation["tokens"], observation["sender"], observation["self"])

    @classmethod
    def joined(cls, parts: Sequence[Messages]) -> Messages:
        """Several batches as one, those with fewer messages filled up."""
        most = max(part.tokens.shape[1] for part in parts)
        tokens = [np.pad(part.tokens, ((0, 0), (0, most - part.tokens.shape[1]), (0, 0))) for part in parts]
        senders = [np.pad(part.senders, ((0, 0), (0, most - part.senders.shape[1]))) for part in parts]
        return cls(np.concatenate(tokens), np.concatenate(senders), np.concatenate([p.own for p in parts]))

    def of_rows(self, rows: npt.NDArray[Any] | slice) -> Messages:
        """Some of the histories."""
        return Messages(self.tokens[rows], self.senders[rows], self.own[rows])

    def switch(self, others: npt.NDArray[Any], perceived: npt.NDArray[np.bool_] | None = None) -> Messages:
        """S: as the others would hold these histories, told as if they were one's own.

        Args:
            others: (B,) name tokens.
            perceived: (B, M) bool, the messages that they are taken to have perceived, all of them where None
                (mode ``"labels"``); the rest is dropped.
        """
        kept = self if perceived is None else self.only(perceived)
        theirs = np.asarray(others, np.int16)
        tokens, senders = (exchanged(words, kept.own, theirs) for words in (kept.tokens, kept.senders))
        return Messages(tokens, senders, kept.own)

    def only(self, kept: npt.NDArray[np.bool_]) -> Messages:
        """Without the messages that are not ``kept`` (B, M), the rest moved together."""
        there = self.tokens.any(-1) & kept
        order = np.argsort(~there, axis=1, kind="stable")
        tokens = np.take_along_axis(np.where(there[..., None], self.tokens, 0), order[..., None], 1)
        senders = np.take_along_axis(np.where(there, self.senders, 0), order, 1)
        return Messages(tokens, senders, self.own)

    def extended(self, tokens: npt.NDArray[Any], senders: npt.NDArray[Any]) -> Messages:
        """With one more message at each end.

        Args:
            tokens: (B, L) word tokens; a row of 0 adds nothing.
            senders: (B,) name tokens; 0 the world.
        """
        b, m, length = self.tokens.shape
        rows, ends = np.arange(b), self.tokens.any(-1).sum(1)
        room = int(ends.max(initial=0)) == m
        grown = np.zeros((b, m + room, length), np.int16)
        grown[:, :m] = self.tokens
        sent = np.zeros((b, m + room), np.int16)
        sent[:, :m] = self.senders
        said = np.zeros((b, length), np.int16)
        said[:, : np.shape(tokens)[1]] = tokens
        grown[rows, ends] = said
        sent[rows, ends] = np.where(said.any(1), senders, 0)
        return Messages(grown, sent, self.own)

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """(B, M), how many tokens each message is to a model: who says it, its words and its end."""
        words = (self.tokens != 0).sum(-1)
        return np.where(words > 0, words + 2, 0)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """(B,), how many positions each history has; the first says whose it is."""
        found: npt.NDArray[np.int64] = self.sizes.sum(1) + 1
        return found

    def pack(
        self,
        rng: np.random.Generator | None = None,
        *,
        acting: npt.NDArray[np.bool_] | None = None,
        known: npt.NDArray[Any] | None = None,
    ) -> Packed:
        """As the model reads them.

        Args:
            rng: draws, in training, which word has which slot, so that all slots learn alike.
            acting: (B,) bool, who is about to do something, and so is no mere audience; nobody where None.
            known: (B, K) word tokens that have slots before all that come up in the histories, as what can be
                said has; 0 where there are no more.

        Raises:
            ValueError: for more names, things, containers or rooms in a history than there are slots.
        """
        b = len(self.tokens)
        sizes, lengths = self.sizes, self.lengths
        there = sizes > 0
        starts = np.cumsum(sizes, 1) - sizes + 1
        t = int(lengths.max(initial=1))
        tokens, senders = np.zeros((b, t), np.int64), np.zeros((b, t), np.int64)
        message = np.full((b, t), -1, np.int64)
        rows, numbers = np.nonzero(there)
        world = len(VOCABULARY)  # a word of its own until words have slots
        names = np.where(self.senders == 0, world, self.senders)[rows, numbers].astype(np.int64)
        at = starts[rows, numbers]
        tokens[rows, at] = names
        # Who is only the audience knows it; who acts is in the world, and perceives what is perceived there.
        acts = (self.senders == self.own[:, None]).any(1)
        if acting is not None:
            acts |= acting
        senders[:, 0] = np.where(acts, self.own, world)
        for k in range(int(sizes.max(initial=0))):
            inside = sizes[rows, numbers] > k
            r, n, p = rows[inside], numbers[inside], at[inside] + k
            senders[r, p] = names[inside]
            message[r, p] = n
            if k:
                padded = np.pad(self.tokens[r, n], ((0, 0), (0, 2)))
                tokens[r, p] = padded[:, k - 1]  # the words, then END
        spoken = np.where(tokens == world, 0, tokens)
        if known is not None:
            spoken = np.concatenate([known.astype(np.int64), spoken], 1)
        bound = _bind_in_order(spoken, self.own, rng)
        table = np.tile(np.arange(world + 1), (b, 1))
        table[:, world] = WORLD
        r, slot = np.nonzero(bound)
        table[r, bound[r, slot]] = slot + _FIRST_SLOT
        return Packed(
            *(
                torch.from_numpy(each)
                for each in (
                    np.take_along_axis(table, tokens, 1),
                    np.take_along_axis(table, senders, 1),
                    message,
                    lengths,
                    bound,
                )
            )
        )


def exchanged(words: npt.NDArray[Any], mine: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Words (B, ...) with two names of each row (B,) in each other's place, as S has it."""
    shape = (len(words), *[1] * (words.ndim - 1))
    me, you = mine.reshape(shape), theirs.reshape(shape)
    return np.where(words == me, you, np.where(words == you, me, words))


def perceived_by_both(
    simulation: Any,
    individual: int,
    other: int | npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64] | slice = slice(None),
) -> npt.NDArray[np.bool_]:
    """Which of the messages that somebody perceived the other perceived, too: (B, M) bool. The engine's
    knowledge, for the mode ``"given"``.

    Args:
        simulation: the conversations.
        individual: who perceived them.
        other: who else; of each row (B,), or one of all.
        rows: which conversations, B of them; all by default.
    """
    _, _, numbers, lengths = simulation.histories(individual)
    heard = np.take_along_axis(simulation.worlds["heard"], numbers.astype(np.int64), 1)[rows]
    found: npt.NDArray[np.bool_] = (heard >> np.reshape(other, (-1, 1)) & 1).astype(np.bool_)
    both: npt.NDArray[np.bool_] = found & (np.arange(found.shape[1]) < lengths[rows, None])
    return both
