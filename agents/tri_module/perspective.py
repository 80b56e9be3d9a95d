"""The perspective switch S: a history as somebody else would hold it; and histories as the model reads them.

Names are tokens, so S exchanges two names. In a conversation that everybody heard that is all, and S(S(x)) =
x. Where somebody missed something, the literal switch gives them all that one knows oneself: a curse of
knowledge by construction. Then S also drops what they did not perceive, before it relabels. Which mode knows
what:

========== =====================================================================================
mode       what the other is taken to have perceived
========== =====================================================================================
labels     all that one perceived oneself (the paper's case)
given      what the engine says that both perceived: an upper bound, never for an agent under test
========== =====================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...envs.conversation.language import VOCABULARY

__all__ = ["END", "MODES", "VOCABULARY_SIZE", "WORLD", "Messages", "Packed", "perceived_by_both"]

MODES = ("labels", "given")
END = 0  # stands after each message
WORLD = len(VOCABULARY)  # the name of the world, which sends what is nobody's
VOCABULARY_SIZE = len(VOCABULARY) + 1


@dataclass(frozen=True)
class Packed:
    """Histories as one row of tokens each: of every message who sent it, its words, and ``END``.

    Attributes:
        tokens, senders: (B, T) int64; 0 after the end of a history.
        viewers: (B,) int64, whose they are.
        message: (B, T) int64, the number of the message that a token belongs to; -1 after the end.
        lengths: (B,) int64.
    """

    tokens: Tensor
    senders: Tensor
    viewers: Tensor
    message: Tensor
    lengths: Tensor

    def said_by(self, names: Tensor) -> Tensor:
        """(B, T) bool, the words and ends of messages by ``names`` (B,): somebody's actions."""
        inside = self.message >= 0
        first = torch.ones_like(inside)
        first[:, 1:] = self.message[:, 1:] != self.message[:, :-1]
        return inside & ~first & (self.senders == names[:, None])


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
    def of(cls, observation: dict[str, Any]) -> Messages:
        """From what an agent with ``observation = "tokens"`` is given."""
        return cls(observation["tokens"], observation["sender"], observation["self"])

    def switch(self, others: npt.NDArray[Any], perceived: npt.NDArray[np.bool_] | None = None) -> Messages:
        """S: as the others would hold these histories, told as if they were one's own.

        Args:
            others: (B,) name tokens.
            perceived: (B, M) bool, the messages that they are taken to have perceived, all of them where None
                (mode ``"labels"``); the rest is dropped.
        """
        kept = self if perceived is None else self.only(perceived)
        mine, theirs = kept.own[:, None], np.asarray(others, np.int16)[:, None]

        def exchanged(words: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
            shape = (len(words), *[1] * (words.ndim - 1))
            me, you = mine.reshape(shape), theirs.reshape(shape)
            return np.where(words == me, you, np.where(words == you, me, words))

        return Messages(exchanged(kept.tokens), exchanged(kept.senders), kept.own)

    def only(self, kept: npt.NDArray[np.bool_]) -> Messages:
        """Without the messages that are not ``kept`` (B, M), the rest moved together."""
        there = self.tokens.any(-1) & kept
        order = np.argsort(~there, axis=1, kind="stable")
        tokens = np.take_along_axis(np.where(there[..., None], self.tokens, 0), order[..., None], 1)
        senders = np.take_along_axis(np.where(there, self.senders, 0), order, 1)
        return Messages(tokens, senders, self.own)

    def pack(self) -> Packed:
        """As the model reads them."""
        b = len(self.tokens)
        words = (self.tokens != 0).sum(-1)  # (B, M)
        there = words > 0
        sizes = np.where(there, words + 2, 0)
        starts = np.cumsum(sizes, 1) - sizes
        lengths = sizes.sum(1)
        t = max(int(lengths.max(initial=0)), 1)
        tokens, senders = np.zeros((b, t), np.int64), np.zeros((b, t), np.int64)
        message = np.full((b, t), -1, np.int64)
        rows, numbers = np.nonzero(there)
        names = np.where(self.senders == 0, WORLD, self.senders)[rows, numbers].astype(np.int64)
        at = starts[rows, numbers]
        tokens[rows, at] = names
        for k in range(int(sizes.max(initial=0))):
            inside = sizes[rows, numbers] > k
            r, n, p = rows[inside], numbers[inside], at[inside] + k
            senders[r, p] = names[inside]
            message[r, p] = n
            if k:
                padded = np.pad(self.tokens[r, n], ((0, 0), (0, 2)))
                tokens[r, p] = padded[:, k - 1]  # the words, then END
        return Packed(
            *(
                torch.from_numpy(each)
                for each in (tokens, senders, self.own.astype(np.int64), message, lengths)
            )
        )


def perceived_by_both(simulation: Any, individual: int, other: int) -> npt.NDArray[np.bool_]:
    """Which of the messages that somebody perceived the other perceived, too: (B, M) bool. The engine's
    knowledge, for the mode ``"given"``."""
    _, _, numbers, lengths = simulation.histories(individual)
    heard = np.take_along_axis(simulation.worlds["heard"], numbers.astype(np.int64), 1)
    found: npt.NDArray[np.bool_] = (heard >> other & 1).astype(np.bool_)
    both: npt.NDArray[np.bool_] = found & (np.arange(found.shape[1]) < lengths[:, None])
    return both
