"""The paper's listings, in their order: one update each, on a batch of histories.

Who collects the histories, switches their names and finds the rewards stands elsewhere; here is what a batch
does to the model. ``routing.py`` has the table of which loss may move what. The slips of the listings are
settled as ``docs/paper.md`` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from .model import Output
from .routing import ALL, Learner, Term, weighted

__all__ = [
    "Batch",
    "Histories",
    "Reward",
    "advantages_by_mean",
    "choosing",
    "finetune",
    "generalized_advantages",
    "kindness",
    "log_probabilities",
    "pretrain",
    "simulate_and_imitate",
]

_BEHAVIOUR = frozenset({"behaviour", "perception", "shared"})
_PREDICTION = frozenset({"prediction", "perception", "shared"})


class Histories(Protocol):
    """A batch of histories with N actions of somebody in them. How they are packed, as words (:class:`Batch`)
    or as percepts (``grid.py``), and so which position decides what, is theirs alone to know."""

    @property
    def rewards(self) -> Tensor | None:
        """(B, T), R at the actions; None where no listing asks for it."""

    @property
    def choices(self) -> Tensor:
        """(N,) int64, the actions."""

    def read(self, learner: Learner, output: str = "") -> Any:
        """What the model makes of it, an :class:`Output`; ``output`` names the one a loss is put on."""

    def deciding(self, values: Tensor) -> Tensor:
        """Of (B, T, ...) those at the positions that the actions are decided at: (N, ...)."""

    def of_actions(self, values: Tensor) -> Tensor:
        """Of (B, T) values those at the actions themselves: (N,)."""

    def errors(self, out: Any) -> Tensor:
        """What the prediction output lacks, in nats, for each action and what is predicted with it: (N,)."""


@dataclass(frozen=True)
class Batch:
    """Histories in words, and which of their tokens are somebody's actions.

    Attributes:
        tokens: (B, T) int64.
        senders: (B, T) int64, name tokens; 0: padding.
        actions: (B, T) bool, which tokens are to be predicted or were chosen; position 0 cannot be one.
        rewards: (B, T), R at the action that a token belongs to; None where no listing asks for it.
    """

    tokens: Tensor
    senders: Tensor
    actions: Tensor
    rewards: Tensor | None = None

    def __post_init__(self) -> None:
        if self.actions.shape != self.tokens.shape or self.senders.shape != self.tokens.shape:
            shapes = [tuple(each.shape) for each in (self.tokens, self.senders, self.actions)]
            raise ValueError(f"tokens, senders and actions have shapes {shapes}, expected one shape (B, T)")
        if not self.actions[:, 1:].any() or self.actions[:, 0].any():
            raise ValueError("actions marks no token, or the first one, which nothing comes before")

    def read(self, learner: Learner, output: str = "") -> Output:
        """What the model makes of it; ``output`` names the one that a loss is put on."""
        frozen = learner.frozen(output) if output else ()
        found: Output = learner.model(self.tokens, self.senders, frozen=frozen)
        return found

    def of_actions(self, values: Tensor) -> Tensor:
        """Of (B, T) values those at the actions' tokens: (N,)."""
        return values[:, 1:][self.actions[:, 1:]]

    def deciding(self, values: Tensor) -> Tensor:
        """Of (B, T, ...) those at the tokens before: what was said before a token, says how probable it is.
        One selection of rows: a slice of a slice fills the whole with zeros twice, going backward."""
        rows = torch.nonzero(self.actions.flatten())[:, 0] - 1  # position 0 is no action
        return values.flatten(0, 1).index_select(0, rows)

    @property
    def choices(self) -> Tensor:
        """(N,) int64, the actions' tokens."""
        return self.of_actions(self.tokens)

    def errors(self, out: Output) -> Tensor:
        """NLL of the actions' tokens by the prediction output: (N,)."""
        return -log_probabilities(out.prediction, self)


def log_probabilities(logits: Tensor, batch: Histories, legal: Tensor | None = None) -> Tensor:
    """Logarithms of the probabilities that logits (B, T, V) give to the actions: (N,).

    ``legal`` (N, V) bool says which there was a choice of; all where None.
    """
    return -F.cross_entropy(_of_legal(logits, batch, legal), batch.choices, reduction="none")


def choosing(logits: Tensor, batch: Histories, legal: Tensor | None = None) -> Tensor:
    """The same of all that could be chosen where the actions were: (N, V)."""
    return F.log_softmax(_of_legal(logits, batch, legal), -1)


def _of_legal(logits: Tensor, batch: Histories, legal: Tensor | None) -> Tensor:
    before = batch.deciding(logits)
    return before if legal is None else before.masked_fill(~legal, -1e9)


@dataclass(frozen=True)
class Reward:
    """What reward training knows of a batch's actions.

    Attributes:
        advantages: (N,) one an action token.
        before: (N,) log-probabilities when they were chosen, for PPO; None: the plain form, REINFORCE.
        returns: (N,) targets of the value read-out; None: it is not trained.
        legal: (N, V) bool, which tokens there was a choice of; None: of all.
        clip: of PPO's ratio.
        entropy, value: weights of the entropy bonus and of the value loss.
        anchor: (N, V) log-probabilities that the actions should stay near, of what is legal; None: none.
        near: weight of the divergence from them, KL(behaviour || anchor) (Jaques et al. 2017, Ziegler et al.
            2019).
    """

    advantages: Tensor
    before: Tensor | None = None
    returns: Tensor | None = None
    legal: Tensor | None = None
    clip: float = 0.2
    entropy: float = 0.0
    value: float = 0.5
    anchor: Tensor | None = None
    near: float = 0.0

    def loss(self, out: Output, batch: Histories) -> Tensor:
        """PPO's clipped loss (Schulman et al. 2017), or -advantage x log-probability: a scalar."""
        now = log_probabilities(out.behaviour, batch, self.legal)
        if self.before is None:
            loss = -(self.advantages * now).mean()
        else:
            ratio = (now - self.before).exp()
            cut = ratio.clamp(1 - self.clip, 1 + self.clip)
            loss = -torch.minimum(self.advantages * ratio, self.advantages * cut).mean()
        if self.returns is not None:
            loss = loss + self.value * F.mse_loss(batch.deciding(out.value), self.returns)
        if self.entropy or self.anchor is not None:
            logs = choosing(out.behaviour, batch, self.legal)
            if self.entropy:
                loss = loss + self.entropy * (logs.exp() * logs).sum(-1).mean()
            if self.anchor is not None:
                loss = loss + self.near * (logs.exp() * (logs - self.anchor)).sum(-1).mean()
        return loss


def pretrain(learner: Learner, batch: Histories) -> dict[str, float]:
    """Listings 1 and 5, basic pre-training: predict what others do, (s^j, a^j) from unstructured data.

    Line 4: L(a^j, a^) moves prediction, perception and the rest at the base rate; lines 5 to 8: the behaviour
    heads at max(0, R(a^j)) times it.
    """
    losses = batch.errors(batch.read(learner, "prediction"))
    terms: list[Term | None] = [Term("prediction", losses.mean(), _PREDICTION)]
    if batch.rewards is not None:
        terms.append(weighted("prediction by reward", losses, batch.of_actions(batch.rewards), {"behaviour"}))
    return learner.step(terms)


def finetune(learner: Learner, batch: Histories, reward: Reward) -> dict[str, float]:
    """Listings 2 and 6, basic fine-tuning on one's own actions a^i: RL(R^i(a^i)) moves behaviour, the error
    of predicting a^i moves prediction, both move the rest. a^i is a sample: no gradient flows through it."""
    acting, simulating = _read_for_both(learner, batch)
    acted = Term("reward", reward.loss(acting, batch), _BEHAVIOUR)
    return learner.step([acted, _own_prediction(simulating, batch)[0]])


def simulate_and_imitate(learner: Learner, batch: Histories, by_reward: bool = False) -> dict[str, float]:
    """Listing 3 on conversations whose names are switched already: imitation, NLL(a^j, behaviour output),
    moves behaviour; simulation, NLL(a^j, prediction output), moves prediction; both move the rest.

    Args:
        learner, batch: see there.
        by_reward: imitate only what is rewarded, at the reward-based rate (an option of ours).
    """
    acting, simulating = _read_for_both(learner, batch)
    imitated = -log_probabilities(acting.behaviour, batch)
    simulated = batch.errors(simulating)
    imitation: Term | None = Term("imitation", imitated.mean(), _BEHAVIOUR)
    if by_reward:
        if batch.rewards is None:
            raise ValueError("by_reward needs the batch's rewards")
        found = weighted("imitation", imitated, batch.of_actions(batch.rewards), _BEHAVIOUR)
        imitation = None if found is None else Term(found.name, found.loss, found.moves, found.rate)
    return learner.step([imitation, Term("simulation", simulated.mean(), _PREDICTION)])


def kindness(
    learner: Learner, batch: Histories, reward: Reward, simulated: Histories | None = None
) -> dict[str, float]:
    """Listings 4 and 7, empathetic kindness, on one's own actions a^i.

    ``reward.advantages`` come of R^i(a^j^), the predicted response judged by one's own reward function (line
    7): RL moves behaviour and the rest. The error of predicting a^i moves prediction and the rest at the base
    rate, and behaviour at ``batch.rewards``, max(0, R^i(a^j^)), times it (lines 8 and 10).

    Args:
        learner, batch, reward: see there; ``batch.rewards`` are R^i(a^j^) at the tokens of a^i.
        simulated: the histories with the predicted responses a^j^ as actions, and their advantages as
            rewards: for the control ``"unrouted_credit"`` alone, in which reward moves predictions.
    """
    acting, simulating = _read_for_both(learner, batch)
    acted = Term("reward", reward.loss(acting, batch), _BEHAVIOUR)
    own, losses = _own_prediction(simulating, batch)
    terms: list[Term | None] = [acted, own]
    if batch.rewards is not None:
        terms.append(weighted("prediction by reward", losses, batch.of_actions(batch.rewards), {"behaviour"}))
    if learner.variant == "unrouted_credit":
        if simulated is None or simulated.rewards is None:
            raise ValueError("the variant 'unrouted_credit' needs the simulated responses and their rewards")
        credited = log_probabilities(simulated.read(learner).prediction, simulated)
        gains = simulated.of_actions(simulated.rewards)
        terms.append(Term("credit", -(gains * credited).mean(), ALL))
    return learner.step(terms)


def _read_for_both(learner: Learner, batch: Histories) -> tuple[Output, Output]:
    """What losses on the behaviour and on the prediction output are put on: one reading, but where what is
    frozen going forward differs."""
    acting = batch.read(learner, "behaviour")
    if learner.frozen("behaviour") == learner.frozen("prediction"):
        return acting, acting
    return acting, batch.read(learner, "prediction")


def _own_prediction(simulating: Output, batch: Histories) -> tuple[Term, Tensor]:
    """NLL(a^i, a^i^): the prediction of one's own actions."""
    losses = batch.errors(simulating)
    return Term("own prediction", losses.mean(), _PREDICTION), losses


# --- Advantages --------------------------------------------------------------------------------------------
def advantages_by_mean(rewards: Tensor) -> Tensor:
    """REINFORCE's baseline: rewards less their mean, (N,)."""
    return rewards - rewards.mean()


def generalized_advantages(
    rewards: Tensor,
    values: Tensor,
    ends: Tensor,
    discount: float = 0.99,
    trace: float = 0.95,
    active: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Advantages by GAE (Schulman et al. 2016), and returns.

    Args:
        rewards: (T, B), what followed each action.
        values: (T + 1, B), of the states before each action and after the last.
        ends: (T, B) bool, whether the episode ended with it: nothing after that counts.
        discount, trace: gamma and lambda.
        active: (T, B) bool, in which of the T there was an action; None: in all. The others have no meaning,
            and what comes before goes on with what comes after them.

    Returns:
        Advantages and returns, (T, B) each.
    """
    advantages = torch.zeros_like(rewards)
    running, following = torch.zeros_like(rewards[0]), values[-1]
    for t in range(len(rewards) - 1, -1, -1):
        goes_on = (~ends[t]).to(rewards.dtype)
        surprise = rewards[t] + discount * following * goes_on - values[t]
        advantages[t] = surprise + discount * trace * goes_on * running
        on = torch.ones_like(ends[t]) if active is None else active[t]
        running, following = torch.where(on, advantages[t], running), torch.where(on, values[t], following)
    return advantages, advantages + values[:-1]
