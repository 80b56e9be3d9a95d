"""Which loss may move which parameters: the table of the paper's listings, and the step that keeps to it.

============================ =============================== ========= ========== ===================
listing                      loss                            behaviour prediction perception + shared
============================ =============================== ========= ========== ===================
1 = 5 basic pre-training     NLL(a^j, a^)                    rate(R)   yes        yes
2 = 6 basic fine-tuning      RL(R^i(a^i))                    yes       –          yes
2 = 6                        NLL(a^i, a^i^)                  –         yes        yes
3 simulation and imitation   IMIT = NLL(a^j, behaviour)      yes       –          yes
3                            SIM = NLL(a^j, prediction)      –         yes        yes
4 = 7 empathetic kindness    RL(R^i(a^j^))                   yes       –          yes
4 = 7                        NLL(a^i, a^i^)                  rate(R)   yes        yes
============================ =============================== ========= ========== ===================

``rate(R)`` is the reward-based rate, max(0, R) times the base rate. In a batch with weights w = max(0, R)
it is the gradient of the weighted mean of the losses, at the base rate times the mean weight: with plain
gradient descent and one sample that is the listing to the letter; with Adam, a weight in the loss alone
would be divided away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .model import GROUPS, MODULES, SeparateModules, TriModule, head_slices

__all__ = ["ALL", "VARIANTS", "Learner", "Term", "weighted"]

ALL = frozenset(GROUPS)
#: What each variant does: the contract, and the controls that every claim needs.
VARIANTS = {
    "routed": "each loss moves the parameters it may",
    "unrouted": "each loss moves all parameters",
    "unrouted_credit": "as unrouted, and reward is credited to the sampled prediction, too",
    "random_heads": "routed, but which head is whose is drawn anew at each step",
    "activation": "each loss moves all it reaches, but the other module's heads are detached going forward",
    "separate": "two whole networks, one a loss",
}


@dataclass(frozen=True)
class Term:
    """A loss and what it may move.

    Attributes:
        name: for the log.
        loss: a scalar.
        moves: the groups.
        rate: a factor to the base rate. Where a group has this term alone, its step is taken at that
            rate; where it has several, it scales this one's gradient among them.
        reweighs: the same data as another term, weighted by reward for some group alone. Where losses are
            not routed such a term is left out: the other one moves that group already.
    """

    name: str
    loss: Tensor
    moves: frozenset[str]
    rate: float = 1.0
    reweighs: bool = False

    def __post_init__(self) -> None:
        if not self.moves <= ALL:
            raise ValueError(f"moves is {sorted(self.moves)}, expected some of {', '.join(GROUPS)}")


def weighted(name: str, losses: Tensor, rewards: Tensor, moves: Iterable[str]) -> Term | None:
    """A term at the reward-based rate, or None where no reward is above 0: nothing moves then.

    Args:
        name: for the log.
        losses: (N,) of single samples.
        rewards: (N,) R of each.
        moves: the groups.
    """
    weights = rewards.detach().clamp(min=0).to(losses.dtype)
    total = float(weights.sum())
    if total <= 0:
        return None
    loss = (weights * losses).sum() / total
    return Term(name, loss, frozenset(moves), total / len(weights), reweighs=True)


class Learner:
    """A model, its optimizer, and the step that keeps to the table.

    Args:
        model: a :class:`TriModule`, or a :class:`SeparateModules` with ``variant="separate"``.
        rate: the base learning rate.
        optimizer: ``"adam"`` or ``"sgd"``.
        clip: the norm that each group's gradient is cut to; None: not at all.
        variant: one of ``VARIANTS``.
        seed: of the draws of ``"random_heads"``.
        log_every: after so many steps the log has both gradients' norms on the perception module and the
            shared parameters, and the cosine between them; 0: never.

    Raises:
        ValueError: for a variant or optimizer that there is not, or a model that does not fit it.
    """

    def __init__(
        self,
        model: TriModule | SeparateModules,
        rate: float = 1e-3,
        optimizer: str = "adam",
        clip: float | None = 1.0,
        variant: str = "routed",
        seed: int = 0,
        log_every: int = 0,
    ) -> None:
        makers: dict[str, Callable[..., torch.optim.Optimizer]] = {
            "adam": torch.optim.Adam,
            "sgd": torch.optim.SGD,
        }
        if variant not in VARIANTS:
            raise ValueError(f"variant is {variant!r}, expected one of {', '.join(VARIANTS)}")
        if optimizer not in makers:
            raise ValueError(f"optimizer is {optimizer!r}, expected one of {', '.join(makers)}")
        if (variant == "separate") != isinstance(model, SeparateModules):
            raise ValueError(f"variant {variant!r} does not fit a {type(model).__name__}")
        self.model, self.rate, self.clip, self.variant = model, rate, clip, variant
        self.log_every, self.steps = log_every, 0
        self.groups = model.groups()
        self.optimizer = makers[optimizer](
            [{"params": some, "name": name, "lr": rate} for name, some in self.groups.items() if some]
        )
        self._generator = torch.Generator().manual_seed(seed)

    def frozen(self, module: str) -> tuple[str, ...]:
        """What is to be detached going forward for a loss on the output of ``"behaviour"`` or
        ``"prediction"``: nothing, but for the variant ``"activation"``."""
        if self.variant != "activation":
            return ()
        return ("prediction",) if module == "behaviour" else ("behaviour",)

    def state(self) -> tuple[dict[str, Tensor], int]:
        """Everything that the next steps depend on: tensors by name (``model.``, ``optimizer.``,
        ``generator``), none of them a copy, and how many steps were made."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                if value is not None:
                    tensors[f"optimizer.{name}.{key}"] = value
        return {**tensors, "generator": self._generator.get_state()}, self.steps

    def set_state(self, tensors: Mapping[str, Tensor], steps: int) -> None:
        """Put back what :meth:`state` gave; the tensors are copied.

        Raises:
            ValueError: they are another model's; nothing has changed then.
        """
        kept = dict(tensors)
        generator = kept.pop("generator", None)
        weights = self.model.state_dict()
        parameters = dict(self.model.named_parameters())
        moments: dict[Tensor, dict[str, Tensor]] = {}
        for name, tensor in kept.items():
            kind, _, rest = name.partition(".")
            if kind == "model" and rest in weights:
                expected = weights[rest].shape
            elif kind == "optimizer" and rest.rpartition(".")[0] in parameters:
                owner, _, key = rest.rpartition(".")
                expected = (
                    parameters[owner].shape if tensor.dim() else tensor.shape
                )  # Adam's step is a number
                moments.setdefault(parameters[owner], {})[key] = tensor.detach().clone()
            else:
                raise ValueError(f"{name!r} is no part of this model")
            if tensor.shape != expected:
                raise ValueError(f"{name!r} is of shape {tuple(tensor.shape)}, expected {tuple(expected)}")
        missing = [name for name in weights if f"model.{name}" not in kept]
        if missing or generator is None:
            raise ValueError(f"{(missing or ['generator'])[0]!r} is missing")
        self.model.load_state_dict({name: kept[f"model.{name}"] for name in weights})
        self.optimizer.state.clear()
        self.optimizer.state.update(moments)
        self._generator.set_state(generator.to(torch.uint8).clone())
        self.steps = steps

    def step(self, terms: Sequence[Term | None]) -> dict[str, float]:
        """One step: every term's gradient for what it may move, and for nothing else.

        Parameters for which nothing came keep no gradient (None), so that not even an optimizer's
        momentum moves them.

        Returns:
            The log: the losses by name, and now and then norms and cosine.

        Raises:
            FloatingPointError: a loss is not finite; nothing has moved.
        """
        given = [term for term in terms if term is not None]
        for term in given:
            if not torch.isfinite(term.loss):
                raise FloatingPointError(
                    f"the loss {term.name!r} is {float(term.loss.detach())} in step {self.steps}"
                )
        log = {term.name: float(term.loss.detach()) for term in given}
        if self.variant in ("unrouted", "unrouted_credit", "activation"):
            given = [Term(t.name, t.loss, ALL, t.rate) for t in given if not t.reweighs]
        found = [self._gradients(term, k < len(given) - 1) for k, term in enumerate(given)]
        if self.log_every and self.steps % self.log_every == 0 and len(given) > 1:
            log |= self._compare(given, found)
        self._apply(given, found)
        self.steps += 1
        return log

    def _gradients(self, term: Term, again: bool) -> dict[nn.Parameter, Tensor]:
        """The gradient of one loss for the parameters that it may move."""
        moved = [name for name in GROUPS if name in term.moves or self._draws(name)]
        parameters = [parameter for name in moved for parameter in self.groups[name]]
        if not parameters:
            return {}
        gradients = torch.autograd.grad(term.loss, parameters, retain_graph=again, allow_unused=True)
        return {p: g for p, g in zip(parameters, gradients, strict=True) if g is not None}

    def _draws(self, group: str) -> bool:
        return self.variant == "random_heads" and group in MODULES

    def _apply(self, terms: Sequence[Term], found: Sequence[Mapping[nn.Parameter, Tensor]]) -> None:
        roles = self._roles() if self.variant == "random_heads" else {}
        self.optimizer.zero_grad(set_to_none=True)
        for settings in self.optimizer.param_groups:
            name = settings["name"]
            mine = [k for k, term in enumerate(terms) if name in term.moves]
            alone = len(mine) == 1 and not self._draws(name)
            settings["lr"] = self.rate * (terms[mine[0]].rate if alone else 1.0)
            some = range(len(terms)) if self._draws(name) else mine
            for parameter in settings["params"]:
                total: Tensor | None = None
                for k in some:
                    part = found[k].get(parameter)
                    if part is None:
                        continue
                    if parameter in roles:
                        part = self._masked(part, roles[parameter], terms[k].moves)
                    if not alone:
                        part = part * terms[k].rate
                    total = part if total is None else total + part
                parameter.grad = total
            if self.clip is not None:
                torch.nn.utils.clip_grad_norm_(settings["params"], self.clip)
        self.optimizer.step()

    def _roles(self) -> dict[nn.Parameter, list[tuple[Any, str]]]:
        """For each tensor of heads, whose role each of them has in this step."""
        model: Any = self.model
        slices = head_slices(model.config)
        names = [name for name in MODULES for _ in slices[name]]
        found: dict[nn.Parameter, list[tuple[Any, str]]] = {}
        for layer in model.layers:
            order = torch.randperm(len(names), generator=self._generator).tolist()
            drawn = [names[k] for k in order]
            for name, part in zip(MODULES, layer.heads(), strict=True):
                roles = [(rows, drawn.pop()) for rows in slices[name]]
                found |= dict.fromkeys((part.qkv, part.bias, part.out), roles)
        return found

    @staticmethod
    def _masked(gradient: Tensor, roles: list[tuple[Any, str]], moves: frozenset[str]) -> Tensor:
        """A gradient of heads without those whose role the loss may not move. W_Q, W_K, W_V (3, size, width)
        and their biases (3, size) have a head's numbers along axis 1, and so has W_O (width, size)."""
        kept = torch.zeros_like(gradient)
        for rows, role in roles:
            if role in moves:
                kept[:, rows] = gradient[:, rows]
        return kept

    def _compare(
        self, terms: Sequence[Term], found: Sequence[Mapping[nn.Parameter, Tensor]]
    ) -> dict[str, float]:
        """Norms of the first two terms' gradients on what both move, and their cosine."""
        common = [p for name in ("perception", "shared") for p in self.groups[name]]
        flat = [
            torch.cat(
                [gradients[p].flatten() for p in common if p in found[0] and p in found[1]]
                or [torch.zeros(1)]
            )
            for gradients in found[:2]
        ]
        norms = [float(vector.norm()) for vector in flat]
        product = norms[0] * norms[1]
        return {
            f"norm/{terms[0].name}": norms[0],
            f"norm/{terms[1].name}": norms[1],
            "cosine": float(flat[0] @ flat[1]) / product if product else 0.0,
        }
