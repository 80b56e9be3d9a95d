"""The phases of a training that learn from conversations of others: listings 1 and 3.

Each update draws some conversations, looks at each with the eyes of one of those who took part, and gives
the batch to the listing. What an update draws depends on its number and on the trainer's random generator
alone, so a training that goes on draws what it would have drawn.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from .algorithms import Batch, pretrain, simulate_and_imitate
from .data import Recorded, Seen
from .judgement import perceived
from .model import TriModule
from .perspective import ME, MODES, Messages, Packed
from .routing import Learner

__all__ = ["JUDGED", "FromFiles", "OnTheFly", "Pretrain", "SimulateAndImitate", "Source"]

#: Conversations for which the learner judges at once who perceived what, of this update and of the next ones:
#: message by message many histories cost little more than few.
JUDGED = 128


class Source(Protocol):
    """Where conversations come from."""

    def draw(
        self, number: int, count: int, rng: np.random.Generator
    ) -> tuple[Recorded, npt.NDArray[np.int64]]:
        """Conversations, and which of them (count,) are the ones of update ``number``."""

    @property
    def identity(self) -> str:
        """The same where the conversations are the same."""


class OnTheFly:
    """Conversations that are played when they are needed, each of them once.

    Args:
        play: plays so many conversations from a number on, ``play(first, count)``; the same ones for the same
            numbers.
        ahead: updates whose conversations are played at once: a batch of worlds is cheaper than many.
        identity: see :class:`Source`.
    """

    def __init__(self, play: Callable[[int, int], Recorded], ahead: int = 16, identity: str = "") -> None:
        self._play, self._ahead = play, ahead
        self._number, self._played = -1, None  # type: tuple[int, Recorded | None]
        self.identity = identity

    def draw(
        self, number: int, count: int, rng: np.random.Generator
    ) -> tuple[Recorded, npt.NDArray[np.int64]]:
        """See :class:`Source`."""
        chunk, within = divmod(number, self._ahead)
        if self._played is None or self._number != chunk:
            size = self._ahead * count
            self._number, self._played = chunk, self._play(chunk * size, size)
        return self._played, np.arange(within * count, (within + 1) * count)


class FromFiles:
    """Recorded conversations, drawn with replacement.

    Args:
        recorded: the conversations.
    """

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        digest = hashlib.sha256()
        for name in ("tokens", "senders", "heard", "names", "gained"):
            digest.update(getattr(recorded, name).tobytes())
        self.identity = digest.hexdigest()

    def draw(
        self, number: int, count: int, rng: np.random.Generator
    ) -> tuple[Recorded, npt.NDArray[np.int64]]:
        """See :class:`Source`."""
        return self._recorded, rng.integers(len(self._recorded), size=count)


class _Listening:
    """What both listings share: drawing conversations, and somebody who perceives each."""

    def __init__(self, name: str, source: Source, batch_size: int, by_reward: bool, viewer: str) -> None:
        self.name, self.source, self.batch_size, self.by_reward = name, source, batch_size, by_reward
        self.viewer = viewer
        self.seconds = {"environment": 0.0, "acting": 0.0}
        self.batch: Batch | None = None  # the last one: kept where a loss is not finite
        self._number = 0

    def state(self) -> dict[str, Any]:
        """How many batches were drawn, and of what."""
        return {"number": self._number, "source": self.source.identity}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state; ``ValueError`` where its conversations were others."""
        if state["source"] != self.source.identity:
            raise ValueError(f"phase {self.name!r}: the recorded conversations are others than they were")
        self._number = int(state["number"])

    def _drawn(self, rng: np.random.Generator) -> tuple[Recorded, npt.NDArray[np.int64]]:
        began = time.perf_counter()
        found = self.source.draw(self._number, self.batch_size, rng)
        self._number += 1
        self.seconds["environment"] += time.perf_counter() - began
        return found

    def _viewers(self, data: Recorded, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """With whose eyes conversations are seen: (count,) indices."""
        if not self.viewer:
            return rng.integers(data.names.shape[1], size=count)
        individuals = list(data.about["individuals"])
        if self.viewer not in individuals:
            raise ValueError(f"viewer is {self.viewer!r}, expected one of {', '.join(individuals)}")
        return np.full(count, individuals.index(self.viewer))

    def _batch(self, packed: Packed, actions: torch.Tensor, paid: npt.NDArray[np.float32]) -> Batch:
        rewards = None
        if self.by_reward:  # of the message to which a token belongs
            of = packed.message.clamp(min=0)
            rewards = torch.from_numpy(paid).gather(1, of) * (packed.message >= 0)
        self.batch = Batch(packed.tokens, packed.senders, actions, rewards)
        return self.batch


class Pretrain(_Listening):
    """Listing 1 on conversations, each perceived by one individual that the generator draws. All messages
    are predicted, one's own among them, and who sends them: what a life of one's own is like.

    Args:
        name: of the phase.
        source: of the conversations.
        batch_size: conversations in an update.
        by_reward: move the behaviour heads at the reward-based rate, too; R(a^j) is what a message
            brought its sender (the source ``oracle``), not what the learner would have thought of it.
        viewer: whose life it is, in all conversations; ``""``: somebody's, drawn for each.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        batch_size: int = 32,
        by_reward: bool = False,
        viewer: str = "",
    ) -> None:
        super().__init__(name, source, batch_size, by_reward, viewer)

    def update(self, learner: Learner, rng: np.random.Generator) -> dict[str, float]:
        """One update; its losses."""
        data, rows = self._drawn(rng)
        viewers = self._viewers(data, len(rows), rng)
        seen = data.seen_by(viewers, rows)
        packed = seen.messages.pack(rng)
        return pretrain(learner, self._batch(packed, packed.said(), seen.paid))


class SimulateAndImitate(_Listening):
    """Listing 3: conversations as one individual perceived them, told as if they were another's own, and
    what that other one said is imitated and simulated. Both are drawn; the other is somebody who spoke, where
    anybody did.

    Args:
        name, source, batch_size, viewer: as for :class:`Pretrain`.
        perspective: ``"labels"``: all that one perceived oneself; ``"inferred"``: of this, what the learner
            judges that the other perceived, too (``judgement.py``); ``"given"``: what the recording says of
            that (an upper bound).
        by_reward: imitate only what was paid, see :func:`simulate_and_imitate`.
        graft: before the first update copy the prediction read-out into the behaviour read-out, which has
            learned nothing till then: a random one would spoil what both share.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        batch_size: int = 32,
        perspective: str = "labels",
        by_reward: bool = False,
        graft: bool = False,
        viewer: str = "",
    ) -> None:
        if perspective not in MODES:
            raise ValueError(f"perspective is {perspective!r}, expected one of {', '.join(MODES)}")
        super().__init__(name, source, batch_size, by_reward, viewer)
        self.perspective, self.graft = perspective, graft
        self._waiting: list[tuple[Messages, npt.NDArray[np.float32]]] = []  # switched already, and paid

    def state(self) -> dict[str, Any]:
        """As of all phases, and the conversations that are switched already: by the model as it was."""
        found = super().state()
        for k, (messages, paid) in enumerate(self._waiting):
            arrays = {
                "tokens": messages.tokens,
                "senders": messages.senders,
                "own": messages.own,
                "paid": paid,
            }
            found |= {f"waiting.{k}.{name}": array for name, array in arrays.items()}
        return found

    def set_state(self, state: Mapping[str, Any]) -> None:
        """See :class:`_Listening`."""
        super().set_state(state)
        self._waiting = []
        while f"waiting.{len(self._waiting)}.paid" in state:
            kept = [
                state[f"waiting.{len(self._waiting)}.{name}"] for name in ("tokens", "senders", "own", "paid")
            ]
            self._waiting.append((Messages(*kept[:3]), kept[3]))

    def update(self, learner: Learner, rng: np.random.Generator) -> dict[str, float]:
        """One update; its losses."""
        if self.graft and self._number == 0 and isinstance(learner.model, TriModule):
            learner.model.graft()
        if not self._waiting:
            self._waiting = self._switched(learner, rng)
        messages, paid = self._waiting.pop(0)
        packed = messages.pack(rng)
        batch = self._batch(packed, packed.said_by(ME), paid)
        return simulate_and_imitate(learner, batch, self.by_reward)

    def _switched(
        self, learner: Learner, rng: np.random.Generator
    ) -> list[tuple[Messages, npt.NDArray[np.float32]]]:
        """The conversations of the next updates as others would hold them, and what each message was paid."""
        drawn = []
        for _ in range(max(1, JUDGED // self.batch_size) if self.perspective == "inferred" else 1):
            data, rows = self._drawn(rng)
            names = data.names[rows]
            viewers = self._viewers(data, len(rows), rng)
            seen = data.seen_by(viewers, rows)
            others = self._others(seen, names, viewers, rng)
            drawn.append((seen, names[np.arange(len(rows)), others], others))
        if self.perspective == "labels":
            return [(seen.messages.switch(who), seen.paid) for seen, who, _ in drawn]
        if self.perspective == "inferred":
            began = time.perf_counter()
            whole = Messages.joined([seen.messages for seen, _, _ in drawn])
            kept = perceived(learner.model, whole, np.concatenate([who for _, who, _ in drawn]))
            shared = np.split(kept, len(drawn))
            self.seconds["acting"] += time.perf_counter() - began
        else:
            shared = [(seen.heard >> others[:, None] & 1).astype(np.bool_) for seen, _, others in drawn]
        found = []
        for (seen, who, _), both in zip(drawn, shared, strict=True):
            both = both[:, : seen.paid.shape[1]]
            order = np.argsort(~both, axis=1, kind="stable")  # as Messages.only puts them
            found.append((seen.messages.switch(who, both), np.take_along_axis(seen.paid, order, 1)))
        return found

    @staticmethod
    def _others(
        seen: Seen, names: npt.NDArray[np.int16], viewers: npt.NDArray[np.int64], rng: np.random.Generator
    ) -> npt.NDArray[np.int64]:
        """Somebody else in each conversation: (N,)."""
        spoke = (seen.messages.senders[..., None] == names[:, None]).any(1)  # (N, A)
        keys = rng.random(names.shape) + spoke
        keys[np.arange(len(names)), viewers] = -1
        found: npt.NDArray[np.int64] = keys.argmax(1)
        return found
