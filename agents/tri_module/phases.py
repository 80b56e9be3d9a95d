"""The phases of a training: those that learn from conversations of others, listings 1 and 3, and those that
act and are rewarded, listings 2 and 4.

An update that listens draws some conversations, looks at each with the eyes of one of those who took part,
and gives the batch to the listing. One that acts plays some conversations to their ends, finds out what each
message was worth, and learns from them for a few epochs. What an update draws depends on its number and on
the trainer's random generator alone, so a training that goes on draws what it would have drawn.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from ...envs.conversation.game import Game
from ..training import whole_numbers
from .algorithms import (
    Batch,
    Reward,
    choosing,
    finetune,
    generalized_advantages,
    kindness,
    pretrain,
    simulate_and_imitate,
)
from .data import Recorded, Seen
from .foresight import foresight
from .judgement import perceived
from .model import Output, TriModule
from .perspective import ME, MODES, Messages, Packed, responses
from .rewards import AFTER, SOURCES, Egocentric, Expected, Learned, Oracle, Own, approval, kindness_of, lived
from .rewards import Source as Judge
from .rollouts import Episodes, play
from .routing import Learner

__all__ = [
    "JUDGED",
    "LIVES",
    "PREDICTED",
    "REWARDS",
    "Acting",
    "Finetune",
    "FromFiles",
    "Kindness",
    "OnTheFly",
    "Pretrain",
    "SimulateAndImitate",
    "Source",
    "Stage",
    "mixed",
    "settle",
    "standardized",
]

#: Of an acting phase: nothing beside one's own task reward; a score of how nice a message looks; R^i.
REWARDS = ("none", "approval", *SOURCES)
#: What listing 1 predicts, see :class:`Pretrain`.
PREDICTED = ("all", "responses")
#: Conversations that an agent lives through as one of the others, for R^i ``"learned"``, and as itself, for
#: its first values.
LIVES = 256
_IMAGINED = ("own", "learned")  # sources of R^i that judge what was imagined
_LOOK = 10  # updates between two looks at how well is foretold
#: Conversations for which the learner judges at once who perceived what, of this update and of the next ones:
#: message by message many histories cost little more than few.
JUDGED = 128


def judged_at_once(batch_size: int) -> int:
    """Of how many updates the learner judges the conversations at once, see ``JUDGED``."""
    return max(1, JUDGED // batch_size)


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


#: What somebody perceived of some conversations, and of somebody else in each the name and the index (N,).
_Drawn = tuple[Seen, npt.NDArray[np.int16], npt.NDArray[np.int64]]


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

    def _held(
        self, learner: Learner, mode: str, drawn: Sequence[_Drawn]
    ) -> list[tuple[Messages, npt.NDArray[np.float32]]]:
        """S: what was seen, as others would hold it, and what was paid for it, of each batch that was drawn.
        Who perceived what is judged for all of them at once."""
        if mode == "labels":
            return [(seen.messages.switch(who), seen.paid) for seen, who, _ in drawn]
        if mode == "inferred":
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
        perspective: s^j is read, what S makes of a conversation for somebody else who is drawn: ``"labels"``,
            ``"inferred"`` or ``"given"``, as for :class:`SimulateAndImitate`; ``""``: one's own history. What
            is read at s^j while acting has then been met.
        predict: ``"all"`` messages; or ``"responses"``: a^j at s^j, what one says, and what the world shows,
            from the first deed or word of somebody else on, and who sends each message. What came before, and
            what others say, is only noise to who is to learn what follows from it.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        batch_size: int = 32,
        by_reward: bool = False,
        viewer: str = "",
        perspective: str = "",
        predict: str = "all",
    ) -> None:
        if predict not in PREDICTED:
            raise ValueError(f"predict is {predict!r}, expected one of {', '.join(PREDICTED)}")
        if perspective and perspective not in MODES:
            raise ValueError(f"perspective is {perspective!r}, expected one of {', '.join(MODES)}, or ''")
        super().__init__(name, source, batch_size, by_reward, viewer)
        self.perspective, self.predict = perspective, predict

    def update(self, learner: Learner, rng: np.random.Generator) -> dict[str, float]:
        """One update; its losses."""
        data, rows = self._drawn(rng)
        viewers = self._viewers(data, len(rows), rng)
        seen = data.seen_by(viewers, rows)
        messages, paid = seen.messages, seen.paid
        if self.perspective:
            count = data.names.shape[1]
            others = (viewers + rng.integers(1, count, len(rows))) % count
            who = data.names[rows, others]
            ((messages, paid),) = self._held(learner, self.perspective, [(seen, who, others)])
        packed = messages.pack(rng)
        said = packed.said()
        if self.predict == "responses":
            said = responses(packed.tokens, packed.senders, packed.message, who=True)
        if not said.any():  # of few conversations there may be none in which anything was perceived
            return {}
        return pretrain(learner, self._batch(packed, said, paid))


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
        if self.graft and self._number == 0:
            learner.graft()
        if not self._waiting:
            self._waiting = self._switched(learner, rng)
        messages, paid = self._waiting.pop(0)
        packed = messages.pack(rng)
        said = packed.said_by(ME)
        if not said.any():
            return {}
        return simulate_and_imitate(learner, self._batch(packed, said, paid), self.by_reward)

    def _switched(
        self, learner: Learner, rng: np.random.Generator
    ) -> list[tuple[Messages, npt.NDArray[np.float32]]]:
        """The conversations of the next updates as others would hold them, and what each message was paid."""
        drawn = []
        for _ in range(judged_at_once(self.batch_size) if self.perspective == "inferred" else 1):
            data, rows = self._drawn(rng)
            names = data.names[rows]
            viewers = self._viewers(data, len(rows), rng)
            seen = data.seen_by(viewers, rows)
            others = self._others(seen, names, viewers, rng)
            drawn.append((seen, names[np.arange(len(rows)), others], others))
        return self._held(learner, self.perspective, drawn)

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


# --- Acting ------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Stage:
    """The conversations that an agent acts in.

    Attributes:
        simulation: makes so many of them, ``autoreset="disabled"``.
        modes: (A,) int64, how all are played where the named character plays the one whom the agent plays
            otherwise; that one's own mode does not count then.
        game, options: whose rule R^i is.
        individual: whom the agent plays.
        first: seed of the first conversation: the phase plays ``LIVES`` before it learns, and then
            ``batch_size`` an update from there on.
        name: the same where all of that is the same.
    """

    simulation: Callable[[int], Any]
    modes: Callable[[str], npt.NDArray[np.int64]]
    game: Game
    options: Mapping[str, Any]
    individual: int
    first: int
    name: str = ""


@dataclass(frozen=True)
class Acting:
    """How an agent acts, what it is rewarded for, and how it learns from that.

    Attributes:
        reward: one of ``REWARDS``: beside one's own task reward ``"none"``; ``"approval"``, which is listing
            2's; or R^i(a^j^), from one of the sources of ``rewards.py``, which is listing 4's.
        kappa: the weight of that; 1 - kappa is that of the own task reward.
        after: after which messages a feeling counts, see ``rewards.Own``.
        shuffled: R^i is that of another message, drawn at random: a control.
        expected: of what an imagined response shows that another feels R^i is the mean over all feelings, as
            probable as they were, and not that of one which is drawn: see ``rewards.Expected``.
        perspective: mode of S, see ``rollouts.Simulator``.
        horizon: h of eq. 1.
        epochs: how often an update's conversations are learned from.
        pieces: steps an epoch.
        entropy: weight of the bonus.
        discount, trace: gamma and lambda of the advantages.
        experience: listing 1 on these conversations, too: s^j, and what j really said and showed.
        steady: factor to the rate of all but the behaviour module. The error of predicting one's own actions
            moves what acting reads, too, and where it is small already, Adam makes large steps of its noise:
            what one does drifts away, unless reward holds on to it faster.
        anchor: weight of the divergence of what one says from what one would have said when the phase began.
            What was imitated is then given up only for a reward that is worth it.
    """

    reward: str = "own"
    kappa: float = 0.75
    after: str = "deeds"
    shuffled: bool = False
    expected: bool = False
    perspective: str = "given"
    horizon: int = 1
    epochs: int = 2
    pieces: int = 2
    entropy: float = 0.02
    discount: float = 0.95
    trace: float = 0.9
    experience: bool = False
    steady: float = 1.0
    anchor: float = 0.0

    def __post_init__(self) -> None:
        for name, known in (("reward", REWARDS), ("after", AFTER), ("perspective", MODES)):
            if (value := getattr(self, name)) not in known:
                raise ValueError(f"{name} is {value!r}, expected one of {', '.join(known)}")
        for name in ("shuffled", "expected", "experience"):
            if type(value := getattr(self, name)) is not bool:
                raise ValueError(f"{name} is {value!r}, expected true or false")
        whole_numbers(self, "horizon", "epochs", "pieces")
        for name in ("kappa", "entropy", "discount", "trace", "steady", "anchor"):
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 <= value <= 1:
                raise ValueError(f"{name} is {value!r}, expected a number from 0 to 1")


def mixed(
    acting: Acting,
    individual: int,
    episodes: Episodes,
    worth: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The reward of each turn: one's own and kindness, weighed by kappa; and the kindness in it.

    Args:
        acting: says how.
        individual: oneself.
        episodes: K turns in B conversations.
        worth: (K, B, others) R^i(a^j^); not looked at where it is no reward.
        rng: shuffles.

    Returns:
        (K, B) each.
    """
    own = np.stack([turn.gained[:, individual] for turn in episodes.turns])
    if acting.reward == "none":
        return (1 - acting.kappa) * own, np.zeros_like(own)
    kind = approval(episodes) if acting.reward == "approval" else worth.sum(-1)
    if acting.shuffled:
        on = episodes.active.numpy()
        kind = kind.copy()
        kind[on] = rng.permutation(kind[on])
    return (1 - acting.kappa) * own + acting.kappa * kind, kind


def judge(acting: Acting, game: Game, options: Mapping[str, Any], learned: Learned | None = None) -> Judge:
    """R^i; the own one where it is no reward, to be looked at.

    Args:
        acting: says which.
        game, options: whose rule it is.
        learned: the one that was regressed on one's own life, where there is one.
    """
    if acting.reward == "oracle":
        return Oracle()
    if acting.reward == "egocentric":
        return Egocentric(game, options)
    found = Own(game, options, acting.after, acting.discount) if learned is None else learned
    return Expected(found) if acting.expected else found


def standardized(
    episodes: Episodes, gained: npt.NDArray[np.float64], values: torch.Tensor, discount: float, trace: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Advantages of turns, of mean 0 and deviation 1, and returns: (K, B) each.

    Args:
        episodes: K turns in B conversations.
        gained: (K, B), the reward of each turn.
        values: (K + 1, B), before each turn and after the last.
        discount, trace: gamma and lambda.
    """
    active = episodes.active
    advantages, returns = generalized_advantages(
        torch.from_numpy(gained).float(), values, _ends(active), discount, trace, active
    )
    some = advantages[active]
    return (advantages - some.mean()) / (some.std(unbiased=len(some) > 1) + 1e-4), returns


def settle(
    model: TriModule,
    episodes: Episodes,
    gained: npt.NDArray[np.float64],
    discount: float,
    rows: torch.Tensor | None = None,
) -> float:
    """Put values where a regression on conversations has them; the share of the variance that is explained.

    Args:
        model: has played them.
        episodes: K turns in B conversations.
        gained: (K, B), the reward of each turn.
        discount: gamma.
        rows: which conversations; all where None.
    """
    nothing, active = torch.zeros((len(gained) + 1, gained.shape[1])), episodes.active
    _, returns = generalized_advantages(
        torch.from_numpy(gained).float(), nothing, _ends(active), discount, 1.0, active
    )
    batch, _, _, numbers = episodes.batch(returns[..., None], rows)
    states = batch.deciding(model.acting_states(batch.tokens, batch.senders))
    return model.fit_value(states, numbers["turns"][:, 0])


class _Playing:
    """What both listings share: playing, judging, learning from it."""

    rewards: tuple[str, ...] = ()
    simulates = False  # whether what is learned from has predicted responses, too

    def __init__(
        self, name: str, stage: Stage, batch_size: int = 64, acting: Acting | None = None, graft: bool = False
    ) -> None:
        self.name, self.stage, self.batch_size, self.graft = name, stage, batch_size, graft
        self.acting = Acting(reward=self.rewards[0]) if acting is None else acting
        if self.acting.reward not in self.rewards:
            raise ValueError(f"reward is {self.acting.reward!r}, expected one of {', '.join(self.rewards)}")
        self.seconds = {"environment": 0.0, "acting": 0.0}
        self.batch: Batch | None = None  # the last one: kept where a loss is not finite
        self._number = 0
        self._simulation: Any = None
        self._learned: Learned | None = None
        self._anchor: dict[str, torch.Tensor] = {}  # the model as it was when the phase began

    def state(self) -> dict[str, Any]:
        """How many updates were made, where, and what reward was learned."""
        found: dict[str, Any] = {"number": self._number, "stage": self.stage.name}
        if self._learned is not None:
            found |= _arrays("reward.", self._learned.net.state_dict())
        return found | _arrays("anchor.", self._anchor)

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state; ``ValueError`` where its conversations were others."""
        if state["stage"] != self.stage.name:
            raise ValueError(f"phase {self.name!r}: it acted in {state['stage']!r}, not {self.stage.name!r}")
        self._number = int(state["number"])
        if kept := _tensors("reward.", state):
            self._learned = Learned()
            self._learned.net.load_state_dict(kept)
        self._anchor = _tensors("anchor.", state)

    def update(self, learner: Learner, rng: np.random.Generator) -> dict[str, float]:
        """One update; what was gained, and its losses."""
        if not isinstance(learner.model, TriModule):
            raise ValueError(f"a {type(learner.model).__name__} cannot act, expected a TriModule")
        log: dict[str, float] = {}
        if self._number == 0:
            if self.graft:
                learner.graft()
            if self.acting.reward == "learned":
                log |= self._live(learner.model)
            if self.graft:
                log |= self._settle(learner.model, rng)
            if self.acting.anchor:
                self._anchor = {key: each.clone() for key, each in learner.model.state_dict().items()}
        look = self._number % _LOOK == 0
        began = time.perf_counter()
        if self._simulation is None:
            self._simulation = self.stage.simulation(self.batch_size)
        imagine = look or self._credits(learner) or self.acting.reward in _IMAGINED
        first = self.stage.first + LIVES + self._number * self.batch_size
        episodes = self._play(learner.model, self._simulation, first, imagine)
        self.seconds["acting"] += time.perf_counter() - began
        self._number += 1
        if not episodes.turns:
            if self._number == 1:
                raise self._silent(self.batch_size)
            return log
        worth = kindness_of(self._judge(), episodes)
        gained, kind = mixed(self.acting, self.stage.individual, episodes, worth, rng)
        of_turns = self._of_turns(episodes, gained, kind)
        learner.steady = self.acting.steady
        anchored = self._anchored(learner.model, episodes, of_turns)
        for _ in range(self.acting.epochs):
            for piece in torch.from_numpy(rng.permutation(self.batch_size)).chunk(self.acting.pieces):
                if not episodes.active[:, piece].any():  # whoever has no turn has nothing to learn from
                    continue
                log |= self._step(learner, episodes, of_turns, piece, anchored, rng)
        if self.acting.experience:
            self.batch = episodes.heard()
            log |= pretrain(learner, self.batch)
        learner.steady = 1.0
        log |= self._told(episodes, worth)
        if look:
            log |= foresight(learner.model, episodes)
        return log

    def _step(
        self,
        learner: Learner,
        episodes: Episodes,
        of_turns: torch.Tensor,
        rows: torch.Tensor,
        anchored: Sequence[torch.Tensor],
        rng: np.random.Generator,
    ) -> dict[str, float]:
        """One step on some of the conversations."""
        batch, before, legal, numbers = episodes.batch(of_turns, rows)
        reward = Reward(
            numbers["turns"][:, 0], before, numbers["turns"][:, 1], legal, entropy=self.acting.entropy,
            anchor=torch.cat([anchored[row] for row in rows.tolist()]) if anchored else None,
            near=self.acting.anchor,
        )  # fmt: skip
        self.batch = batch
        credited = None
        if self._credits(learner):
            turns = torch.nonzero(episodes.active[:, rows])  # as many as conversations, any alike
            drawn = torch.from_numpy(rng.permutation(len(turns))[: len(rows)])
            some = torch.stack([turns[drawn, 0], rows[turns[drawn, 1]]], 1)
            credited = episodes.imagined(of_turns[..., 0], some)
        return self._learn(learner, replace(batch, rewards=numbers["grid"][..., 2]), reward, credited)

    @torch.no_grad()
    def _anchored(
        self, model: torch.nn.Module, episodes: Episodes, of_turns: torch.Tensor
    ) -> Sequence[torch.Tensor]:
        """What the model as it was when the phase began gives to all that could be said: of each conversation
        (actions, V). It is the same in all epochs."""
        if not self._anchor:
            return ()
        batch, _, legal, _ = episodes.batch(of_turns)
        out: Output = torch.func.functional_call(model, self._anchor, (batch.tokens, batch.senders))
        of_each: list[int] = batch.actions.sum(1).tolist()
        return torch.split(choosing(out.behaviour, batch, legal), of_each)

    def _credits(self, learner: Learner) -> bool:
        """Whether reward is credited to predicted responses, too: the control."""
        return self.simulates and learner.variant == "unrouted_credit"

    def _learn(
        self, learner: Learner, batch: Batch, reward: Reward, credited: Batch | None
    ) -> dict[str, float]:
        raise NotImplementedError

    def _of_turns(
        self, episodes: Episodes, gained: npt.NDArray[np.float64], kind: npt.NDArray[np.float64]
    ) -> torch.Tensor:
        """Advantage, return and the kindness in its reward, R^i(a^j^), of each turn: (K, B, 3)."""
        values = torch.stack([turn.value for turn in episodes.turns] + [torch.zeros(self.batch_size)])
        advantages, returns = standardized(episodes, gained, values, self.acting.discount, self.acting.trace)
        return torch.stack([advantages, returns, torch.from_numpy(kind).float()], -1)

    def _play(self, model: TriModule, simulation: Any, first: int, imagine: bool) -> Episodes:
        return play(
            model, simulation, self.stage.individual, self.stage.modes("external"), first,
            mode=self.acting.perspective, horizon=self.acting.horizon, imagine=imagine,
        )  # fmt: skip

    def _judge(self) -> Judge:
        return judge(self.acting, self.stage.game, self.stage.options, self._learned)

    def _live(self, model: TriModule) -> dict[str, float]:
        """Live as one of the others, among a kind individual and one that does anything in the place that the
        agent will have, and regress what one was paid there."""
        other = (self.stage.individual + 1) % len(self.stage.modes("external"))
        parts = []
        for k, mode in enumerate(("scripted", "random")):
            simulation = self.stage.simulation(LIVES // 2)
            first = self.stage.first + k * (LIVES // 2)
            lives = play(model, simulation, other, self.stage.modes(mode), first, imagine=False)
            parts.append(lived(lives, simulation))
        seen, paid = (torch.cat([part[k] for part in parts]) for k in range(2))
        self._learned = Learned(self.stage.first % 2**31)
        error = self._learned.fit(seen, paid, 600, seed=self.stage.first % 2**31)
        return {"learned/mse": error, "learned/variance": float(paid.var())}

    def _settle(self, model: TriModule, rng: np.random.Generator) -> dict[str, float]:
        """Let values begin where a regression on some conversations puts them."""
        imagine = self.acting.reward in _IMAGINED
        episodes = self._play(model, self.stage.simulation(LIVES), self.stage.first, imagine)
        if not episodes.turns:
            raise self._silent(LIVES)
        worth = kindness_of(self._judge(), episodes)
        gained, _ = mixed(self.acting, self.stage.individual, episodes, worth, rng)
        return {"explained": settle(model, episodes, gained, self.acting.discount)}

    def _silent(self, count: int) -> ValueError:
        return ValueError(
            f"individual {self.stage.individual} of {self.stage.name!r} has no turn in {count} "
            "conversations, expected somebody who acts"
        )

    def _told(self, episodes: Episodes, worth: npt.NDArray[np.float64]) -> dict[str, float]:
        """R^i(a^j^) beside the true R^j(a^j), and what everybody gained."""
        on = episodes.active.numpy()
        others = [k for k in range(episodes.returns.shape[1]) if k != self.stage.individual]
        true = np.stack([turn.gained[:, others].sum(-1) for turn in episodes.turns])
        log = {
            "own": float(episodes.returns[:, self.stage.individual].mean()),
            "others": float(episodes.returns[:, others].sum(1).mean()),
            "true_r": float(true[on].mean()),
        }
        if episodes.turns[0].response is not None:
            judged = worth.sum(-1)
            log |= {"judged_r": float(judged[on].mean()), "error_r": float(np.abs(judged - true)[on].mean())}
            for name, some in (("judged_good", on & (true > 0)), ("judged_bad", on & (true < 0))):
                if some.any():
                    log[name] = float(judged[some].mean())
        return log


def _arrays(name: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, npt.NDArray[Any]]:
    """Tensors as a part of a phase's state."""
    return {name + key: each.numpy() for key, each in tensors.items()}


def _tensors(name: str, state: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """What :func:`_arrays` made part of a state."""
    return {
        key.removeprefix(name): torch.from_numpy(np.array(each))
        for key, each in state.items()
        if key.startswith(name)
    }


def _ends(active: torch.Tensor) -> torch.Tensor:
    """Which turns (K, B) are the last ones of their conversations; before them others may be silent turns."""
    left: torch.Tensor = active.flip(0).cumsum(0).flip(0)
    return active & (left == 1)


class Finetune(_Playing):
    """Listing 2: an agent acts for its own task reward, or for ``"approval"`` beside it.

    Args:
        name: of the phase.
        stage: where it acts.
        batch_size: conversations in an update.
        acting: how; its ``reward`` is ``"none"`` or ``"approval"``.
        graft: before the first update copy the prediction read-out into the behaviour read-out, which
            listing 1 leaves untrained, and let values begin where a regression on ``LIVES`` conversations of
            the agent puts them.
    """

    rewards = ("none", "approval")

    def _learn(
        self, learner: Learner, batch: Batch, reward: Reward, credited: Batch | None
    ) -> dict[str, float]:
        return finetune(learner, batch, reward)


class Kindness(_Playing):
    """Listing 4: an agent acts, simulates how each other will respond, and judges that by its own rule.

    Where the learner's variant is ``"unrouted_credit"``, a turn's advantage is credited to the responses that
    were predicted after it, too. All turns' would be as many histories as there are messages, so each step
    takes a sample of them, as many as it has conversations, all turns of these being alike to it.

    Args:
        name, stage, batch_size, graft: as for :class:`Finetune`.
        acting: how; its ``reward`` is one of ``rewards.SOURCES``.
    """

    rewards = SOURCES
    simulates = True

    def _learn(
        self, learner: Learner, batch: Batch, reward: Reward, credited: Batch | None
    ) -> dict[str, float]:
        return kindness(learner, batch, reward, credited)
