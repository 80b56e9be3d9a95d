"""Where R^i comes from: what a response is worth to somebody, as one judges it oneself (eq. 1 and 2).

One interface, ``source(history, response, who)``: for N histories that end with a message of one's own, what
follows them, as :class:`rollouts.Response` has it, and whose reward is asked for. Four sources:

========== =====================================================================================
source     R
========== =====================================================================================
own        the game's own rule with the roles switched, on the history as one perceived it
learned    a small net, regressed on what one was paid oneself when one was in the other's place
egocentric the game's rule with oneself in the other's place: what the deed would be worth to one
oracle     what the other truly gained: an upper bound
========== =====================================================================================

The first two judge feelings: a face is worth the same to everybody. ``egocentric`` judges the thing itself,
by one's own needs and likes. That R^i resembles R^j (eq. 2) then means that all want the same.

What of a response somebody feels is drawn as everything in it is, and one draw says little: with ``Expected``
around a source R^i is its mean over the feelings that could have been shown, as probable as they were.

A feeling that the world shows is worth what the rule says that it is worth. With ``after="deeds"`` one that
answers mere words counts for nothing, as the game's rule has it where it pays for feelings (``pay="shared"``
in solace): words change nothing that could be felt. With ``after="all"`` it counts, too, and a promise that
is never kept is worth as much as a gift: the listing to the letter, kept as a control.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...envs.conversation.engine import CAPACITY, WORLD
from ...envs.conversation.game import Game
from ...envs.conversation.language import (
    ENTER,
    FEELINGS,
    FIRST_FEELING,
    GREET,
    INDIVIDUAL,
    OFFER,
    SHOW,
    THANK,
    THING,
    WAIT_AT,
)
from .rollouts import Episodes, Response, Turn

__all__ = [
    "AFTER",
    "SOURCES",
    "Egocentric",
    "Expected",
    "Histories",
    "Learned",
    "Oracle",
    "Own",
    "Source",
    "approval",
    "kindness_of",
    "lived",
]

SOURCES = ("own", "learned", "egocentric", "oracle")
AFTER = ("deeds", "all")
_SEEN = 4  # messages that the learned source reads: one's own, and what follows
_SYMBOLS = 256


@dataclass(frozen=True)
class Histories:
    """N histories as one perceived them, a^i + s^i, in the engine's symbols.

    Attributes:
        said: (N, CAPACITY, 4) uint8; senders: (N, CAPACITY) uint8; lengths: (N,) int64.
        individuals: how many take part.
        true: (N, A) what everybody truly gained then: for the oracle, and for no other source.
    """

    said: npt.NDArray[np.uint8]
    senders: npt.NDArray[np.uint8]
    lengths: npt.NDArray[np.int64]
    individuals: int
    true: npt.NDArray[np.float64] | None = None

    @classmethod
    def of(cls, turn: Turn, times: int) -> Histories:
        """A turn's, ``times`` times over: once for each individual whose reward is asked for."""

        def again(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return np.tile(values, (times, *[1] * (values.ndim - 1)))

        return cls(
            again(turn.said),
            again(turn.senders),
            again(turn.lengths),
            turn.gained.shape[1],
            again(turn.gained),
        )


class Source(Protocol):
    """R(history, response, who)."""

    def __call__(
        self, history: Histories, response: Response, who: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """(N,): what each response is worth to ``who`` (N,), of later turns discounted."""


@dataclass(frozen=True)
class Own:
    """The game's own rule with the roles switched.

    Attributes:
        game: whose rule.
        options: of it.
        after: after which messages a feeling counts, one of ``AFTER``.
        discount: gamma of eq. 1, for each turn further on.
    """

    game: Game
    options: Mapping[str, Any]
    after: str = "deeds"
    discount: float = 1.0

    def __post_init__(self) -> None:
        if self.after not in AFTER:
            raise ValueError(f"after is {self.after!r}, expected one of {', '.join(AFTER)}")

    def __call__(
        self, history: Histories, response: Response, who: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """See :class:`Source`: every message of the response is judged on what stands before it."""
        said, senders = history.said.copy(), history.senders.copy()
        lengths = history.lengths.copy()
        rows = np.arange(len(lengths))
        last = np.maximum(lengths - 1, 0)
        deed = _is_deed(said[rows, last, 0])
        total = np.zeros(len(lengths))
        for k in range(response.messages.shape[1]):
            message = response.messages[:, k]
            there = (message[:, 1] > 0) & (lengths < CAPACITY)
            worth = self.game.rewards(said, senders, lengths, history.individuals, message, who, self.options)
            by_world = message[:, 0] == WORLD
            felt = by_world & (message[:, 1] == SHOW)
            counts = there & (~felt | deed if self.after == "deeds" else there)
            total += np.where(counts, worth * self.discount ** response.turn[:, k], 0.0)
            deed = np.where(there & ~by_world, _is_deed(message[:, 1]), deed)
            at = lengths[there]
            said[rows[there], at] = message[there, 1:]
            senders[rows[there], at] = message[there, 0]
            lengths = lengths + there
        return total


@dataclass(frozen=True)
class Egocentric:
    """The game's own rule, oneself in the other's place: what is done to them is taken to be done to oneself,
    and is worth what it would be worth to oneself, by what one was told of one's own needs and likes.

    Attributes:
        game: whose rule.
        options: of it.
    """

    game: Game
    options: Mapping[str, Any]

    def __call__(
        self, history: Histories, response: Response, who: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """See :class:`Source`; the response is not looked at: tastes do not change with faces."""
        rows, before = np.arange(len(who)), np.maximum(history.lengths - 1, 0)
        me = history.senders[rows, before].astype(np.int64)
        words = history.said[rows, before].astype(np.int64)
        mine, theirs = (INDIVIDUAL + each[:, None] for each in (me, who))
        words = np.where(words == mine, theirs, np.where(words == theirs, mine, words))
        deed = np.concatenate([who[:, None], words], 1)
        return self.game.rewards(
            history.said, history.senders, before, history.individuals, deed, me, self.options
        )


@dataclass(frozen=True)
class Expected:
    """The mean of a source over what ``who`` could be shown to feel, by how probable each feeling was where
    the world showed the first one. It hangs on chance less: where a gift is a guess, what is drawn is right
    at one time and wrong at another. What comes after that face stays as it was drawn, whatever was felt:
    but for that its mean is the source's.

    Attributes:
        source: R.
    """

    source: Source

    def __call__(
        self, history: Histories, response: Response, who: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """See :class:`Source`; that of ``source`` where ``who`` is shown to feel nothing."""
        drawn = self.source(history, response, who)
        if response.faces is None:
            return drawn
        sender, act, whose = (response.messages[..., k] for k in range(3))
        felt = (sender == WORLD) & (act == SHOW) & (whose == INDIVIDUAL + who[:, None])
        felt &= response.faces.any(-1)
        rows = np.flatnonzero(felt.any(1))
        first = felt[rows].argmax(1)
        expected = np.zeros(len(rows))
        for k in range(len(FEELINGS)):
            messages = response.messages.copy()
            messages[rows, first, 3] = FIRST_FEELING + k
            worth = self.source(history, replace(response, messages=messages), who)
            expected += response.faces[rows, first, k] * worth[rows]
        drawn[rows] = expected
        return drawn


class Oracle:
    """What the other truly gained after what was really said: an upper bound that sees others' rewards."""

    def __call__(
        self, history: Histories, response: Response, who: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """See :class:`Source`; the response is not looked at."""
        if history.true is None:
            raise ValueError("true is None, expected what everybody gained: the oracle needs it")
        found: npt.NDArray[np.float64] = history.true[np.arange(len(who)), who]
        return found


class _Net(nn.Module):
    """A message and what follows it, (N, 4, 5) int64, to a reward (N,)."""

    def __init__(self, seed: int, width: int = 64) -> None:
        super().__init__()
        self.symbol = nn.Embedding(_SYMBOLS, 12)
        self.first = nn.Linear(12 * 5 * _SEEN, width)
        self.last = nn.Linear(width, 1)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in self.parameters():
                if parameter.dim() == 1:
                    parameter.zero_()
                else:
                    parameter.normal_(0.0, 1 / parameter.shape[1] ** 0.5, generator=generator)

    def forward(self, seen: Tensor) -> Tensor:
        x = F.relu(self.first(self.symbol(seen).flatten(1)))
        found: Tensor = self.last(x).squeeze(-1)
        return found


class Learned:
    """A small net from a message and what follows it to a reward, in the first person.

    Its inputs are symbols, so nothing of it can move the agent's own parameters. It is not told which thing
    is which, nor who the others are: what is left to tell a welcome gift is how one looks after it.

    Args:
        seed: of its parameters.
    """

    def __init__(self, seed: int = 0) -> None:
        self.net = _Net(seed)

    @staticmethod
    def seen_by(messages: npt.NDArray[np.int64], who: npt.NDArray[np.int64]) -> Tensor:
        """Messages (N, M, 5), senders first, in the first person of ``who`` (N,): INDIVIDUAL is oneself, the
        others, who are alike, INDIVIDUAL + 1; and things are alike, too."""
        found = messages[:, :_SEEN].copy()
        there = found[..., 1:2] > 0
        sender = found[..., :1]
        me = who[:, None, None]
        by = np.where(sender == WORLD, WORLD, np.where(sender == me, INDIVIDUAL, INDIVIDUAL + 1))
        symbols = found[..., 1:]
        named = (symbols >= INDIVIDUAL) & (symbols < THING)
        symbols = np.where(named, np.where(symbols == INDIVIDUAL + me, INDIVIDUAL, INDIVIDUAL + 1), symbols)
        symbols = np.where((symbols >= THING) & (symbols < THING + 8), THING, symbols)
        seen = np.where(there, np.concatenate([by, symbols], -1), 0)
        short = _SEEN - seen.shape[1]
        return torch.from_numpy(np.pad(seen, ((0, 0), (0, max(short, 0)), (0, 0))).astype(np.int64))

    def __call__(
        self, history: Histories, response: Response, who: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """See :class:`Source`; of the response what stands before one's next turn."""
        rows, last = np.arange(len(who)), np.maximum(history.lengths - 1, 0)
        own = np.concatenate([history.senders[rows, last][:, None], history.said[rows, last]], 1)
        soon = np.where((response.turn == 0)[..., None], response.messages, 0)
        seen = self.seen_by(np.concatenate([own[:, None].astype(np.int64), soon], 1), who)
        with torch.no_grad():
            worth: npt.NDArray[np.float64] = self.net(seen).numpy().astype(np.float64)
        return worth

    def fit(self, seen: Tensor, paid: Tensor, steps: int, rate: float = 3e-3, seed: int = 0) -> float:
        """Regress on one's own experience.

        Args:
            seen: (N, 4, 5), paid: (N,): of :func:`lived`.
            steps: of 256 samples each.
            rate: of Adam.
            seed: of the samples drawn.

        Returns:
            The last steps' mean squared error.
        """
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.Adam(self.net.parameters(), rate)
        error = 0.0
        for _ in range(steps):
            rows = torch.randint(0, len(seen), (256,), generator=generator)
            loss = F.mse_loss(self.net(seen[rows]), paid[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            error += 0.1 * (float(loss.detach()) - error)
        return error


def lived(episodes: Episodes, simulation: Any) -> tuple[Tensor, Tensor]:
    """One's own rewarded experience: after every message of somebody else's, what followed until they spoke
    again, and what one was paid in the meantime.

    Args:
        episodes: that one has lived through.
        simulation: in which they still stand, at their ends.

    Returns:
        Seen (N, 4, 5) and paid (N,), for :meth:`Learned.fit`.
    """
    i = episodes.individual
    said, senders, numbers, lengths = simulation.histories(i)
    paid = np.take_along_axis(episodes.paid[..., i], numbers.astype(np.int64), 1)
    messages = np.concatenate([senders[..., None], said], -1).astype(np.int64)
    parts, gains = [], []
    for row in range(len(said)):
        by = senders[row, : lengths[row]]
        for k in np.flatnonzero((by != i) & (by != WORLD)).tolist():
            again = np.flatnonzero(by[k + 1 :] == by[k])
            end = k + 1 + int(again[0]) if len(again) else int(lengths[row])
            part = np.zeros((_SEEN, 5), np.int64)
            taken = min(end - k, _SEEN)
            part[:taken] = messages[row, k : k + taken]
            parts.append(part)
            gains.append(paid[row, k:end].sum())
    who = np.full(len(parts), i)
    return Learned.seen_by(np.stack(parts), who), torch.tensor(gains, dtype=torch.float32)


def kindness_of(source: Source, episodes: Episodes) -> npt.NDArray[np.float64]:
    """R^i(a^j^) at each turn, for every other individual: (K, B, others); 0 where it was nobody's turn."""
    others = np.array(episodes.others)
    found = np.zeros((len(episodes.turns), len(episodes.tokens), len(others)))
    for k, turn in enumerate(episodes.turns):
        b = len(turn.lengths)
        response = turn.response
        if response is None:
            nothing = np.zeros((b * len(others), 1, 5), np.int64)
            response = Response(nothing, nothing[..., 0])
        history = Histories.of(turn, len(others))
        worth = source(history, response, np.repeat(others, b))
        found[k] = worth.reshape(len(others), b).T * turn.active.numpy()[:, None]
    return found


def approval(episodes: Episodes) -> npt.NDArray[np.float64]:
    """How nice one's messages look, (K, B): 1 for a greeting, thanks or an offer. A control: what outward
    kindness gives."""
    acts = np.stack([turn.deed[:, 1] for turn in episodes.turns])
    nice = np.isin(acts, (GREET, THANK, OFFER)) & episodes.active.numpy()
    found: npt.NDArray[np.float64] = nice.astype(np.float64)
    return found


def _is_deed(acts: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which acts do something, other than to say something."""
    found: npt.NDArray[np.bool_] = (acts >= ENTER) & (acts <= WAIT_AT)
    return found
