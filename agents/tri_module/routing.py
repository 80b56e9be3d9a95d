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

Going backward for every loss by itself would cost the shared parameters a pass each. But what moves a group
is always a weighted sum of losses, its mix, and there are few different ones: each needs one pass, and the
gradient of a sum of losses is a sum of gradients. Where perception and shared parameters are moved by the
sum of what moves behaviour and what moves prediction (listings 2, 3 and 6), two passes give all three: one
for the sum, and one that touches the heads of two modules alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.graph import increment_version
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from .model import GROUPS, MODULES, SeparateModules, TriModule, head_slices

__all__ = ["ALL", "VARIANTS", "Learner", "Mix", "Term", "by_mix", "by_term", "weighted"]

#: Factors, one a term: their sum of the terms' losses is what moves a group.
Mix = tuple[float, ...]
#: Gradients by mix and parameter; parameters that a mix does not reach are left out.
Gradients = dict[Mix, dict[nn.Parameter, Tensor]]

ALL = frozenset(GROUPS)
#: What each variant does: the contract, and the controls that every claim needs.
VARIANTS = {
    "routed": "each loss moves the parameters it may",
    "unrouted": "each loss moves all parameters",
    "unrouted_credit": "as unrouted, and reward is credited to the sampled prediction, too",
    "random_heads": "routed, but which head is whose is drawn anew at each step",
    "activation": "each loss moves all it reaches, but the other module's heads are detached going forward",
    "separate": "two whole networks of the sizes given, one a loss",
}


@dataclass(frozen=True)
class Term:
    """A loss and what it may move.

    Attributes:
        name: for the log.
        loss: a scalar.
        moves: the groups.
        rate: a factor above 0 to the base rate. Where a group has this term alone, its step is taken at that
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
        if self.rate <= 0:  # one that is no number is found with its loss, by the step
            raise ValueError(f"rate is {self.rate}, expected a number above 0")


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


def by_term(terms: Sequence[Term], wanted: Mapping[Mix, Sequence[nn.Parameter]]) -> Gradients:
    """The gradients of mixes the obvious way: one of every term, added up.

    Args:
        terms: whose losses are mixed.
        wanted: for each mix the parameters that it is to be found for.
    """
    parameters = list(dict.fromkeys(p for some in wanted.values() for p in some))
    parts = []
    for term in terms:
        found = torch.autograd.grad(term.loss, parameters, retain_graph=True, allow_unused=True)
        parts.append(dict(zip(parameters, found, strict=True)))
    result: Gradients = {mix: {} for mix in wanted}
    for mix, some in wanted.items():
        for parameter in some:
            for factor, part in zip(mix, parts, strict=True):
                gradient = part[parameter]
                if factor and gradient is not None:
                    before = result[mix].get(parameter)
                    gradient = factor * gradient
                    result[mix][parameter] = gradient if before is None else before + gradient
    return result


def by_mix(terms: Sequence[Term], wanted: Mapping[Mix, Sequence[nn.Parameter]]) -> Gradients:
    """The same, in one pass backward a mix, and in two for three where one of them is the sum of the others.

    Args:
        terms, wanted: as for :func:`by_term`.
    """
    wanted = {mix: some for mix, some in wanted.items() if some and any(mix)}
    passes = {mix: list(some) for mix, some in wanted.items()}
    split = _sum_of_two(list(wanted))
    if split is not None:
        whole, one, other = split
        del passes[other]
        for mix in (whole, one):
            passes[mix] = list(dict.fromkeys([*wanted[mix], *wanted[other]]))
    result: Gradients = {}
    for number, (mix, some) in enumerate(passes.items()):
        again = number < len(passes) - 1
        found = torch.autograd.grad(_mixed(terms, mix), some, retain_graph=again, allow_unused=True)
        result[mix] = {p: g for p, g in zip(some, found, strict=True) if g is not None}
    if split is not None:
        whole, one, other = split
        reached = _reached(_mixed(terms, other))
        result[other] = {
            p: result[whole][p] - result[one][p] if p in result[one] else result[whole][p]
            for p in wanted[other]
            if p in reached
        }
    return result


def _mixed(terms: Sequence[Term], mix: Mix) -> Tensor:
    parts = [
        t.loss if factor == 1 else factor * t.loss for factor, t in zip(mix, terms, strict=True) if factor
    ]
    loss = parts[0]
    for part in parts[1:]:
        loss = loss + part
    return loss


def _sum_of_two(mixes: list[Mix]) -> tuple[Mix, Mix, Mix] | None:
    """Of three mixes the one that is the sum of the others, and those: what moves behaviour comes first, and
    is not the one that is found as a difference. Rewards without any advantage are common, and their gradient
    is to be 0 to the bit; a prediction's error hardly ever is."""
    if len(mixes) != 3:
        return None
    for whole, one, other in (mixes, mixes[1:] + mixes[:1], mixes[2:] + mixes[:2]):
        if all(a == b + c for a, b, c in zip(whole, one, other, strict=True)):
            return whole, one, other
    return None


def _reached(loss: Tensor) -> set[Any]:
    """The parameters that a loss depends on. A difference of two gradients is never None, only tiny."""
    left, seen, found = [loss.grad_fn], {loss.grad_fn}, set()
    while left:
        node: Any = left.pop()
        if hasattr(node, "variable"):
            found.add(node.variable)
        for after, _ in node.next_functions:
            if after is not None and after not in seen:
                seen.add(after)
                left.append(after)
    return found


class Learner:
    """A model, its optimizer, and the step that keeps to the table.

    Args:
        model: a :class:`TriModule`, or a :class:`SeparateModules` with ``variant="separate"``.
        rate: the base learning rate.
        optimizer: ``"adam"`` or ``"sgd"``.
        clip: the norm that each group's gradient is cut to; None: not at all.
        variant: one of ``VARIANTS``.
        seed: of the draws of ``"random_heads"``.
        average: of the weights a moving average with this decay is kept, and :attr:`finished` has it (Polyak
            and Juditsky 1992): what is learned at a high rate swings about what is meant. 0: none.
        log_every: after so many steps the log has both gradients' norms on the perception module and the
            shared parameters, and the cosine between them; 0: never. Such a step takes :func:`by_term`.
        gradients: :func:`by_mix`, or :func:`by_term`, which is slower and obviously right.

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
        average: float = 0.0,
        log_every: int = 0,
        gradients: Callable[[Sequence[Term], Mapping[Mix, Sequence[nn.Parameter]]], Gradients] = by_mix,
    ) -> None:
        makers: dict[str, Callable[..., torch.optim.Optimizer]] = {
            # Runs are short: the usual memory of a thousand steps for squares would be most of one.
            "adam": partial(torch.optim.Adam, betas=(0.9, 0.95), fused=True),
            "sgd": torch.optim.SGD,
        }
        if variant not in VARIANTS:
            raise ValueError(f"variant is {variant!r}, expected one of {', '.join(VARIANTS)}")
        if optimizer not in makers:
            raise ValueError(f"optimizer is {optimizer!r}, expected one of {', '.join(makers)}")
        if (variant == "separate") != isinstance(model, SeparateModules):
            raise ValueError(f"variant {variant!r} does not fit a {type(model).__name__}")
        if not 0 <= average < 1:
            raise ValueError(f"average is {average}, expected a decay of at least 0, below 1")
        self.model, self.rate, self.clip, self.variant = model, rate, clip, variant
        moving: Any = get_ema_multi_avg_fn  # torch does not say of what type
        self._average = AveragedModel(model, multi_avg_fn=moving(average)) if average else None
        self.steady = 1.0  # factor to the rate of all but the behaviour module
        self.log_every, self.steps, self.gradients = log_every, 0, gradients
        self.groups = model.groups()
        self.optimizer = makers[optimizer](
            [{"params": some, "name": name, "lr": rate} for name, some in self.groups.items() if some]
        )
        self._generator = torch.Generator().manual_seed(seed)

    @property
    def finished(self) -> TriModule | SeparateModules:
        """The model to be used: the one that learns, or the average of what it was lately."""
        return self.model if self._average is None else cast(Any, self._average.module)

    def graft(self) -> None:
        """Copy the prediction read-out into the behaviour read-out, in the average, too; nothing where
        networks are two."""
        for model in {self.model, self.finished}:
            if isinstance(model, TriModule):
                model.graft()

    def frozen(self, module: str) -> tuple[str, ...]:
        """What is to be detached going forward for a loss on the output of ``"behaviour"`` or
        ``"prediction"``: nothing, but for the variant ``"activation"``."""
        if self.variant != "activation":
            return ()
        return ("prediction",) if module == "behaviour" else ("behaviour",)

    def state(self) -> tuple[dict[str, Tensor], int]:
        """Everything that the next steps depend on: tensors by name (``model.``, ``average.``,
        ``optimizer.``, ``generator``), none of them a copy, and how many steps were made."""
        tensors = self._weights()
        for name, parameter in self.model.named_parameters():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                if value is not None:
                    tensors[f"optimizer.{name}.{key}"] = value
        return {**tensors, "generator": self._generator.get_state()}, self.steps

    def _weights(self) -> dict[str, Tensor]:
        """Of the model that learns, and of the average."""
        found = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        if self._average is not None:
            found |= {f"average.{name}": tensor for name, tensor in self._average.state_dict().items()}
        return found

    def set_state(self, tensors: Mapping[str, Tensor], steps: int) -> None:
        """Put back what :meth:`state` gave; the tensors are copied.

        Raises:
            ValueError: they are another model's; nothing has changed then.
        """
        kept = dict(tensors)
        generator = kept.pop("generator", None)
        weights = self._weights()
        parameters = dict(self.model.named_parameters())
        moments: dict[Tensor, dict[str, Tensor]] = {}
        for name, tensor in kept.items():
            kind, _, rest = name.partition(".")
            if name in weights:
                expected = weights[name].shape
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
        missing = [name for name in weights if name not in kept]
        if missing or generator is None:
            raise ValueError(f"{(missing or ['generator'])[0]!r} is missing")
        for kind, model in (("model.", self.model), ("average.", self._average)):
            if model is not None:
                model.load_state_dict({n.removeprefix(kind): kept[n] for n in weights if n.startswith(kind)})
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
            FloatingPointError: a loss, or a gradient of finite losses, is not finite; nothing has moved.
        """
        given = [term for term in terms if term is not None]
        log = {term.name: float(term.loss.detach()) for term in given}
        for name, value in log.items():
            if not math.isfinite(value):
                raise FloatingPointError(f"the loss {name!r} is {value} in step {self.steps}")
        if self.variant in ("unrouted", "unrouted_credit", "activation"):
            given = [Term(t.name, t.loss, ALL, t.rate) for t in given if not t.reweighs]
        if not given:
            return log
        gradients = self.gradients
        if self.log_every and self.steps % self.log_every == 0 and len(given) > 1:
            log |= self._compare(given)
            gradients = by_term  # their graphs are there still
        mixes = {name: self._mix(given, name) for name in GROUPS}
        roles = self._roles() if self.variant == "random_heads" else {}
        wanted: dict[Mix, list[nn.Parameter]] = {mix: [] for mix in mixes.values()}
        for name, some in self.groups.items():
            for parameter in some:
                for mix in {mixes[role] for role in (MODULES if parameter in roles else (name,))}:
                    wanted[mix].append(parameter)
        found = gradients(given, wanted)
        self.optimizer.zero_grad(set_to_none=True)
        for settings in self.optimizer.param_groups:
            name = settings["name"]
            pace = 1.0 if name == "behaviour" else self.steady
            settings["lr"] = self.rate * self._alone(given, name) * pace
            for parameter in settings["params"]:
                if parameter in roles:
                    parts = [(rows, found.get(mixes[role], {})) for rows, role in roles[parameter]]
                    parameter.grad = self._assembled(parameter, parts)
                else:
                    parameter.grad = found.get(mixes[name], {}).get(parameter)
            if self.clip is None:
                norm = nn.utils.get_total_norm([p.grad for p in settings["params"] if p.grad is not None])
            else:
                norm = nn.utils.clip_grad_norm_(settings["params"], self.clip)
            if not torch.isfinite(norm):
                losses = ", ".join(f"{each} {value:.4g}" for each, value in log.items())
                raise FloatingPointError(
                    f"the gradient of the {name} parameters is {norm:.4g} in step {self.steps}, "
                    f"where losses are {losses}"
                )
        self.optimizer.step()
        # The fused Adam does not say that it has written; caches ask for that.
        increment_version([p for some in self.groups.values() for p in some if p.grad is not None])
        if self._average is not None:
            self._average.update_parameters(cast(nn.Module, self.model))
        self.steps += 1
        return log

    def _alone(self, terms: Sequence[Term], group: str) -> float:
        """The factor to the rate of a group: where it has one term alone, that one's."""
        if self.variant == "random_heads" and group in MODULES:
            return 1.0  # its tensors have heads of all roles
        rates = [term.rate for term in terms if group in term.moves]
        return rates[0] if len(rates) == 1 else 1.0

    def _mix(self, terms: Sequence[Term], group: str) -> Mix:
        alone = self._alone(terms, group)
        return tuple(term.rate / alone if group in term.moves else 0.0 for term in terms)

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
    def _assembled(
        parameter: nn.Parameter, parts: Sequence[tuple[slice, Mapping[nn.Parameter, Tensor]]]
    ) -> Tensor | None:
        """A gradient of heads, each from the mix of its role. W_Q, W_K, W_V (3, size, width) and their biases
        (3, size) have a head's numbers along axis 1, and so has W_O (width, size)."""
        if not any(parameter in gradients for _, gradients in parts):
            return None
        whole = torch.zeros_like(parameter)
        for rows, gradients in parts:
            if parameter in gradients:
                whole[:, rows] = gradients[parameter][:, rows]
        return whole

    def _compare(self, terms: Sequence[Term]) -> dict[str, float]:
        """Norms of the first two terms' gradients on what both move, and their cosine."""
        moved = terms[0].moves & terms[1].moves & {"perception", "shared"}
        common = [p for name in GROUPS if name in moved for p in self.groups[name]]
        found = [
            torch.autograd.grad(term.loss, common, retain_graph=True, allow_unused=True) if common else ()
            for term in terms[:2]
        ]
        both = [(a, b) for a, b in zip(*found, strict=True) if a is not None and b is not None]
        flat = [torch.cat([pair[k].flatten() for pair in both] or [torch.zeros(1)]) for k in range(2)]
        norms = [float(vector.norm()) for vector in flat]
        product = norms[0] * norms[1]
        return {
            f"norm/{terms[0].name}": norms[0],
            f"norm/{terms[1].name}": norms[1],
            "cosine": float(flat[0] @ flat[1]) / product if product else 0.0,
        }
