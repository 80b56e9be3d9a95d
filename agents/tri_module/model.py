"""The tri-module transformer: policy and world model in one (section 4.1 of the paper).

Every attention head of every layer belongs to one of three modules. A head's parameters are its rows of
W_Q, W_K and W_V (with biases) and its columns of W_O; each module has a tensor of its own for each, and they
are put side by side for the matrix product. All other parameters are shared. All heads read and write one
residual stream: what is kept apart is gradients (``routing.py``), not activations.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import training
from .functions import attention, gelu

__all__ = [
    "GROUPS",
    "MODULES",
    "READOUTS",
    "Cache",
    "Output",
    "SeparateModules",
    "TriConfig",
    "TriModule",
    "head_slices",
    "load_model",
    "new_model",
]

MODULES = ("behaviour", "prediction", "perception")
GROUPS = (*MODULES, "shared")  # every parameter belongs to one of these
READOUTS = ("two", "last")
_FORMAT, _VERSION = "mindsight tri-module", 1
_PAIR = ("behaviour", "prediction")  # folders of two networks


@dataclass(frozen=True)
class TriConfig:
    """The size of a model.

    Attributes:
        vocabulary: V, how many tokens there are; names are tokens, too, and 0 is padding.
        context: how many positions a history may have; the default holds all that a conversation of the
            engine can have, 96 messages of 4 words.
        width: of the residual stream.
        layers: how many.
        heads: of the behaviour, the prediction and the perception module, in each layer.
        head: width of one head; ``width / heads`` where None. All heads together, :attr:`inner`, may be wider
            or narrower than the stream.
        hidden: width of the MLPs.
        readout: how one transformer gives two outputs. ``"two"``: two read-outs of the final state;
            ``"last"``: the last layer's heads are summed per module, and the shared last MLP, norm and
            unembedding run once for each.
        spread: standard deviation of the first weights, times the root of the width. To tell whether two
            words of a history are the same takes a product of several small weights, and begins the sooner
            the wider they are.
        near: how many tokens before it each token is shown: 4 are about a message; with 8 a face is shown
            what it answers.
    """

    vocabulary: int
    context: int = 592
    width: int = 96
    layers: int = 2
    heads: tuple[int, int, int] = (2, 2, 2)
    hidden: int = 192
    readout: str = "two"
    head: int | None = None
    spread: float = 0.5
    near: int = 4
    packing: ClassVar[str] = "text"  # how histories become inputs: which network it is of

    def __post_init__(self) -> None:
        object.__setattr__(self, "heads", tuple(self.heads))
        training.whole_numbers(self, "vocabulary", "context", "width", "layers", "hidden", "near")
        if (
            len(self.heads) != 3
            or any(type(n) is not int or n < 0 for n in self.heads)
            or not sum(self.heads)
        ):
            raise ValueError(f"heads is {self.heads!r}, expected three whole numbers, at least one above 0")
        if self.head is None:
            if self.width % sum(self.heads):
                raise ValueError(
                    f"width is {self.width}, expected a multiple of {sum(self.heads)}, the heads; or set head"
                )
        elif type(self.head) is not int or self.head < 1:
            raise ValueError(f"head is {self.head!r}, expected a whole number of at least 1, or None")
        if self.each % 2:
            raise ValueError(
                f"a head is {self.each} wide, expected an even number: queries are turned in pairs"
            )
        if type(self.spread) not in (int, float) or not 0 < self.spread < math.inf:
            raise ValueError(f"spread is {self.spread!r}, expected a number above 0")
        if self.readout not in READOUTS:
            raise ValueError(f"readout is {self.readout!r}, expected one of {', '.join(READOUTS)}")

    @property
    def each(self) -> int:
        """Width of one head."""
        return self.width // sum(self.heads) if self.head is None else self.head

    @property
    def inner(self) -> int:
        """Width of all heads side by side."""
        return self.each * sum(self.heads)


@dataclass
class Cache:
    """Keys and values of what has been read, so that nothing is encoded twice while acting.

    Attributes:
        kept: one tensor a layer, (2, B H, C, head), keys and values of all heads.
        lengths: (B,) int64, how much of it is filled.
        tail: (B, 2, near) int64, the last tokens that count and who sent them, as rows of ``table``.
        read: (B, 2, near + T) int64, the same and the tokens that were read last.
        layers: the parameters of each layer as acting needs them, as they were when the cache was made.
        versions: of all parameters, as they were then.
        table: (2 (V + 1) (near + 1), width), what every token and every sender adds to the stream at its own
            place, and to the tokens after it; made when it is first needed.
    """

    kept: list[Tensor]
    lengths: Tensor
    tail: Tensor
    read: Tensor
    layers: list[_Acting]
    versions: tuple[int, ...]
    table: Tensor | None = None


@dataclass(frozen=True)
class _Acting:
    """A layer's parameters, transposed for one product each: queries come out scaled, the numbers that are
    turned together stand beside each other, and the MLP's inner numbers are x / sqrt(2)."""

    norm: tuple[Tensor, Tensor]
    qkv: tuple[Tensor, Tensor]
    out: Tensor
    mlp_norm: tuple[Tensor, Tensor]
    inner: tuple[Tensor, Tensor]
    outer: tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Output:
    """What comes out at every position.

    Attributes:
        behaviour: (B, T, V) logits of the model's own next token: its only output to the world.
        prediction: (B, T, V) logits of what comes next: simulated, never emitted.
        value: (B, T) of the state, for reward training.
    """

    behaviour: Tensor
    prediction: Tensor
    value: Tensor


class _Heads(nn.Module):
    """The heads of one module in one layer: rows of W_Q, W_K, W_V with biases, columns of W_O."""

    def __init__(self, width: int, size: int, count: int) -> None:
        super().__init__()
        self.count = count
        self.qkv = nn.Parameter(torch.empty(3, size, width))
        self.bias = nn.Parameter(torch.zeros(3, size))
        self.out = nn.Parameter(torch.empty(width, size))

    def forward(self, x: Tensor, turns: tuple[Tensor, Tensor], starts: Tensor | None) -> Tensor:
        """What they write into the stream, of its normalized state: (B, T, width) both.

        Each module for itself: a gradient for one module's heads then costs no work on another's weights.
        """
        b, t, width = x.shape
        qkv = F.linear(x, self.qkv.view(-1, width), self.bias.view(-1))
        return F.linear(attention(qkv.view(b, t, 3, self.count, -1), turns, starts), self.out)


class _Gelu(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return gelu(x)


class _Layer(nn.Module):
    def __init__(self, config: TriConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        for name, count in zip(MODULES, config.heads, strict=True):
            self.add_module(name, _Heads(config.width, count * config.each, count))
        self.mlp_norm = nn.LayerNorm(config.width)
        self.mlp = nn.Sequential(
            nn.Linear(config.width, config.hidden), _Gelu(), nn.Linear(config.hidden, config.width)
        )

    def heads(self) -> list[_Heads]:
        return [getattr(self, name) for name in MODULES]

    def write(
        self, x: Tensor, turns: tuple[Tensor, Tensor], frozen: Collection[str], starts: Tensor | None
    ) -> list[Tensor]:
        """What each module's heads write into the stream: (B, T, width) of every module that has any."""
        x = self.norm(x)
        written = []
        for name, part in zip(MODULES, self.heads(), strict=True):
            out = part(x, turns, starts) if part.count else torch.zeros_like(x)
            written.append(out.detach() if name in frozen else out)
        return written


@lru_cache(16)
def _angles(context: int, size: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines (context, size / 2) of the angles by which queries and keys are turned at each place
    (Su et al. 2021): attention sees how far apart two tokens are, not where they stand, so that longer
    histories than any in training can be read."""
    angles = torch.arange(context)[:, None] * 10000 ** (-torch.arange(0, size, 2) / size)
    return angles.cos().to(dtype), angles.sin().to(dtype)


@lru_cache(16)
def _factors(context: int, size: int, heads: int, dtype: torch.dtype) -> Tensor:
    """The same as complex numbers, for queries, keys and values side by side (context, 3 heads size / 2):
    values stay as they are."""
    turns = torch.complex(*_angles(context, size, dtype)).repeat(1, 2 * heads)
    return torch.cat([turns, torch.ones_like(turns[:, : heads * size // 2])], 1)


@lru_cache(16)
def _later(context: int, dtype: torch.dtype) -> Tensor:
    """(context, context), -inf where a place comes after another, which must not see it."""
    return torch.full((context, context), -torch.inf, dtype=dtype).triu(1)


def _whole_vectors(count: int) -> int:
    """So many numbers in whole vectors."""
    return 16 * ((count + 15) // 16)


class TriModule(nn.Module):
    """The network.

    Args:
        config: its size.
        seed: of its parameters; no global random state is touched.
    """

    sizes: ClassVar[type[TriConfig]] = TriConfig

    def __init__(self, config: TriConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        v, width = config.vocabulary, config.width
        self._add_packing()
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        if config.readout == "two":
            self.behaviour_readout = nn.Linear(width, v)
            self.prediction_readout = nn.Linear(width, v)
        else:
            self.unembedding = nn.Linear(width, v)
        self.value_readout = nn.Linear(width, 1)
        self._initialize(torch.Generator().manual_seed(seed))

    def _add_packing(self) -> None:
        """What turns a history into inputs of the stream's width; other worlds have another (``grid.py``)."""
        width = self.config.width
        self.token = nn.Embedding(self.config.vocabulary, width)
        # beside each token: who sent it; names are embedded as the words they are
        self.sender = nn.Linear(width, width, bias=False)
        # ... and what comes just before it, so that a message can be found by any of its words
        self.near = nn.Linear(self.config.near * width, width, bias=False)

    def _initialize(self, generator: torch.Generator) -> None:
        deep = 1 / math.sqrt(2 * self.config.layers)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if parameter.dim() == 1 or name.endswith("bias"):
                    if not name.endswith("norm.weight"):
                        parameter.zero_()
                    continue
                std = self.config.spread / math.sqrt(self.config.width)
                writes = name.endswith((".out", "mlp.2.weight"))
                parameter.normal_(0.0, std * (deep if writes else 1.0), generator=generator)
            # Nothing is worth anything yet: listing 1 does not move this, and what rewards first teach would
            # be buried under values that mean nothing.
            self.value_readout.weight.zero_()

    # --- Which parameters belong to whom ------------------------------------------------------------------
    def groups(self) -> dict[str, list[nn.Parameter]]:
        """The parameters of each of ``GROUPS``: with its heads, behaviour owns the behaviour read-out and the
        value read-out, prediction its read-out."""
        found: dict[str, list[nn.Parameter]] = {name: [] for name in GROUPS}
        for name, parameter in self.named_parameters():
            found[self.owner(name)].append(parameter)
        return found

    @staticmethod
    def owner(name: str) -> str:
        """The group of a parameter, by its name."""
        parts = name.split(".")
        if parts[0] == "layers" and parts[2] in MODULES:
            return parts[2]
        if parts[0] in ("behaviour_readout", "value_readout"):
            return "behaviour"
        return "prediction" if parts[0] == "prediction_readout" else "shared"

    def graft(self) -> None:
        """Copy the prediction read-out into the behaviour read-out: once, when reward training starts, since
        listing 1 leaves the latter untrained. With ``readout="last"`` they are one already."""
        if self.config.readout == "two":
            self.behaviour_readout.load_state_dict(self.prediction_readout.state_dict())

    @torch.no_grad()
    def fit_value(self, states: Tensor, returns: Tensor, ridge: float = 1.0) -> float:
        """Put the value read-out where a ridge regression has it: once, when reward training starts. Values
        that mean nothing yet would praise whatever is done early in an episode, most of all what is odd.

        Args:
            states: (N, width), of :meth:`acting_states`.
            returns: (N,) what followed.
            ridge: penalty on the weights' squares.

        Returns:
            The share of the returns' variance that is explained.
        """
        x, y = states.double(), returns.double()
        mean, middle = x.mean(0), y.mean()
        centred = x - mean
        square = centred.T @ centred + ridge * torch.eye(x.shape[1], dtype=x.dtype)
        weights = torch.linalg.solve(square, centred.T @ (y - middle))
        self.value_readout.weight.copy_(weights[None])
        self.value_readout.bias.fill_(float(middle - weights @ mean))
        left = y - middle - centred @ weights
        return 1.0 - float(left.square().sum() / (y - middle).square().sum().clamp(min=1e-12))

    @torch.no_grad()
    def acting_states(self, tokens: Tensor, senders: Tensor) -> Tensor:
        """What the behaviour and the value read-out read, (B, T, width), of histories (B, T)."""
        return self.run(self._embed(tokens, senders, None))[0]

    # --- Forward ------------------------------------------------------------------------------------------
    def forward(
        self,
        tokens: Tensor,
        senders: Tensor,
        *,
        frozen: Collection[str] = (),
        cache: Cache | None = None,
    ) -> Output:
        """Read histories.

        Args:
            tokens: (B, T) int64, words; after the end of a history anything.
            senders: (B, T) int64, the name token of who sent the message each belongs to; 0: padding.
            frozen: modules whose heads' outputs are detached, for the control of routed activations.
            cache: of :meth:`new_cache`: the tokens come after what is in it. They are written into it, but
                its lengths stay: :meth:`advance` says how many of them count. For acting alone: no gradient
                comes of it.

        Raises:
            ValueError: for more positions than the model has.
        """
        if cache is None:
            return self.read(*self.run(self._embed(tokens, senders, None), frozen=frozen))
        with torch.no_grad():
            return self.read(*self.run(self._embed(tokens, senders, cache), cache=cache))

    def _embed(self, tokens: Tensor, senders: Tensor, cache: Cache | None) -> Tensor:
        if cache is not None:
            return self._embed_on(tokens, senders, cache)
        x: Tensor = self.token(tokens) + self.sender(self.token(senders))
        t, before = x.shape[1], self.config.near
        stream = F.pad(x, (0, 0, before, 0))
        near: Tensor = self.near(torch.cat([stream[:, k : k + t] for k in range(before)], -1))
        return x + near

    def _embed_on(self, tokens: Tensor, senders: Tensor, cache: Cache) -> Tensor:
        """The same, as a sum of rows of a table: all of it is linear in the embeddings."""
        v, (b, t) = self.config.vocabulary, tokens.shape
        if cache.table is None:
            own = F.pad(self.token.weight, (0, 0, 0, 1))  # the last row: there is nothing
            own = torch.cat([own, self.sender(own)])
            near = own @ torch.cat(self.near.weight.chunk(self.config.near, 1)).t()
            cache.table = torch.cat([near, own], 1).view(-1, self.config.width)
        each = self.config.near + 1
        stream = cache.read = torch.cat([cache.tail, torch.stack([tokens, senders + (v + 1)], 1) * each], 2)
        rows = (stream.unfold(2, each, 1) + torch.arange(each)).transpose(1, 2).reshape(b * t, 2 * each)
        return F.embedding(rows, cache.table).sum(1).view(b, t, -1)

    def run(
        self,
        x: Tensor,
        *,
        frozen: Collection[str] = (),
        cache: Cache | None = None,
        starts: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The transformer proper, on embedded inputs.

        Args:
            x: (B, T, width), without positions.
            frozen, cache: as for :meth:`forward`.
            starts: (B, T) int64, where several histories stand one behind the other in a row: the position
                at which each one's own begins. Not with a cache.

        Returns:
            The final states for the behaviour's and for the prediction's read-out, (B, T, width) each; with
            ``readout="two"`` they are one.
        """
        t, context = x.shape[1], self.config.context
        if cache is not None:
            longest, room = t + int(cache.lengths.max()), cache.kept[0].shape[2]
        else:
            longest, room = t if starts is None else int((torch.arange(t) - starts).max()) + 1, context
        if t == 0 or longest > room:
            raise ValueError(f"{longest} positions, expected 1 to {room} (context)")
        if cache is not None:
            with torch.no_grad():
                return self._run_on(x, cache, longest)
        cos, sin = _angles(max(context, t), self.config.each, x.dtype)  # several histories may be a row
        turns = (cos[:t], sin[:t])
        layers: list[Any] = list(self.layers)
        for layer in layers[:-1]:
            behaviour, prediction, perception = layer.write(x, turns, frozen, starts)
            x = x + behaviour + prediction + perception
            x = x + layer.mlp(layer.mlp_norm(x))
        return self._finish(x, *layers[-1].write(x, turns, frozen, starts))

    def _run_on(self, x: Tensor, cache: Cache, longest: int) -> tuple[Tensor, Tensor]:
        """The same with what has been read before, without gradients, and all heads at once: with few
        positions each operation costs more than what it computes.

        Args:
            x: (B, T, width).
            cache: is written into.
            longest: of the histories, with these positions.
        """
        b, t, width = x.shape
        c = self.config
        heads, size, inner = sum(c.heads), c.each, c.inner
        at = cache.lengths[:, None] + torch.arange(t)  # (B, T)
        room = cache.kept[0].shape[2]
        places = max(c.context, room)
        turns = _factors(places, size, heads, x.dtype)[at.view(-1)]  # (B T, 3 inner / 2)
        # Whole vectors: 61 keys take longer than 64. Nobody sees those that are not there.
        filled = min(room, _whole_vectors(longest))
        hidden = _later(places, x.dtype)[at][:, None, :, :filled]
        hidden = hidden.expand(b, heads, t, filled).reshape(b * heads, t, filled)
        first = torch.arange(b)[:, None] * heads + torch.arange(2)[:, None, None, None] * (b * heads)
        first = (first[..., None] + torch.arange(heads)) * room  # (2, 1, B, 1, H), in (2 B H C, head)
        rows = (first + at[:, :, None]).permute(1, 2, 3, 0, 4).reshape(-1)  # of (B, T, 2, H)
        x = x.view(b * t, width)
        for number, (layer, kept) in enumerate(zip(cache.layers, cache.kept, strict=True)):
            found = torch.layer_norm(x, (width,), *layer.norm)
            found = torch.addmm(layer.qkv[1], found, layer.qkv[0])  # (B T, 3 inner)
            found = torch.view_as_real(torch.view_as_complex(found.view(b * t, -1, 2)) * turns)
            found = found.view(b * t, 3 * inner)
            kept.view(-1, size).index_copy_(0, rows, found[:, inner:].reshape(-1, size))
            q = found[:, :inner].view(b, t, heads, size).transpose(1, 2).reshape(-1, t, size)
            weights = torch.baddbmm(hidden, q, kept[0, :, :filled].transpose(1, 2)).softmax(-1)
            found = torch.bmm(weights, kept[1, :, :filled])
            found = found.view(b, heads, t, size).transpose(1, 2).reshape(b * t, inner)
            if number == c.layers - 1 and c.readout == "last":
                break
            x = torch.addmm(x, found, layer.out)
            found = torch.layer_norm(x, (width,), *layer.mlp_norm)
            found = torch.addmm(layer.inner[1], found, layer.inner[0])
            found = torch.addcmul(found, found, found.erf())  # GELU, but for a factor
            x = torch.addmm(layer.outer[1], found, layer.outer[0]).add_(x)
        else:
            x = torch.layer_norm(x, (width,), self.norm.weight, self.norm.bias).view(b, t, width)
            return x, x
        sizes = [size * n for n in c.heads]
        parts = zip(torch.split(found, sizes, 1), torch.split(layer.out, sizes), strict=True)
        return self._finish(x.view(b, t, width), *((some @ out).view(b, t, width) for some, out in parts))

    def read(self, acting: Tensor, simulating: Tensor) -> Output:
        """The outputs of two final states, see :meth:`run`."""
        two = self.config.readout == "two"
        behaviour = self.behaviour_readout if two else self.unembedding
        prediction = self.prediction_readout if two else self.unembedding
        return Output(behaviour(acting), prediction(simulating), self.value_readout(acting).squeeze(-1))

    def _finish(
        self, x: Tensor, behaviour: Tensor, prediction: Tensor, perception: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What follows the last layer's heads, of which each module has written its part: (B, T, width)."""
        if self.config.readout == "two":
            found = self._after_attention(x + behaviour + prediction + perception)
            return found, found
        common = x + perception
        return self._after_attention(common + behaviour), self._after_attention(common + prediction)

    def _after_attention(self, x: Tensor) -> Tensor:
        last: Any = self.layers[-1]
        finished: Tensor = self.norm(x + last.mlp(last.mlp_norm(x)))
        return finished

    @torch.no_grad()
    def new_cache(self, rows: int, positions: int | None = None) -> Cache:
        """An empty cache for ``rows`` histories, to be read with the parameters as they are now.

        Args:
            rows: B.
            positions: how many a history will have at most, C; the context where None. They may be more than
                that: a history that waits at its end while others are read needs room for their tokens.
        """
        c = self.config
        room = c.context if positions is None else _whole_vectors(positions)
        heads, size, inner = sum(c.heads), c.each, c.inner
        like = self.value_readout.weight
        kept = [like.new_zeros((2, rows * heads, room, size)) for _ in self.layers]
        # Queries and keys: number k of a head is turned together with k + size / 2.
        order = torch.arange(3 * inner).view(3 * heads, 2, -1).transpose(1, 2).reshape(-1)
        order[2 * inner :] = torch.arange(2 * inner, 3 * inner)
        scale = like.new_ones((3 * inner, 1))
        scale[:inner] = size**-0.5
        layers = []
        for each in self.layers:
            layer = cast(_Layer, each)
            parts = layer.heads()
            weight = torch.cat([part.qkv for part in parts], 1).view(-1, c.width)[order] * scale
            bias = torch.cat([part.bias for part in parts], 1).view(-1)[order] * scale[:, 0]
            first, _, last = cast(tuple[nn.Linear, nn.Module, nn.Linear], tuple(layer.mlp))
            layers.append(_Acting(
                (layer.norm.weight.clone(), layer.norm.bias.clone()),
                (weight.t().contiguous(), bias),
                torch.cat([part.out for part in parts], 1).t().contiguous(),
                (layer.mlp_norm.weight.clone(), layer.mlp_norm.bias.clone()),
                ((first.weight / 2**0.5).t().contiguous(), first.bias / 2**0.5),
                ((last.weight / 2**0.5).t().contiguous(), last.bias.clone()),
            ))  # fmt: skip
        tail = self._nothing().expand(rows, 2, c.near)
        return Cache(kept, torch.zeros(rows, dtype=torch.int64), tail, tail, layers, self._versions())

    def is_current(self, cache: Cache) -> bool:
        """Whether the parameters are what they were when a cache of this network was made: what was read
        before they moved has to be read anew."""
        return cache.versions == self._versions()

    def _versions(self) -> tuple[int, ...]:
        """Of each parameter how often it was written to."""
        return tuple(each._version for each in self.parameters())

    def fork(self, cache: Cache, rows: Tensor, positions: int | None = None) -> Cache:
        """A copy of some histories of a cache, to be read on apart from it.

        Args:
            cache: stays as it is.
            rows: (N,) int64, which.
            positions: how many a history will have at most; the context where None, and no more than that.
        """
        heads, context = sum(self.config.heads), self.config.context
        room = context if positions is None else min(context, _whole_vectors(positions))
        kept = [
            each.view(2, -1, heads, *each.shape[2:])[..., :room, :][:, rows].flatten(1, 2)
            for each in cache.kept
        ]
        return replace(
            cache, kept=kept, lengths=cache.lengths[rows], tail=cache.tail[rows], read=cache.read[rows]
        )

    def _nothing(self) -> Tensor:
        """(2, 1) int64, the rows of a cache's table for a token that is not there, and its sender."""
        v = self.config.vocabulary
        return torch.tensor([[v], [2 * v + 1]]) * (self.config.near + 1)

    def rewind(self, cache: Cache, tokens: Tensor, senders: Tensor, lengths: Tensor) -> None:
        """Forget what was read after the first ``lengths`` (B,) tokens, which were ``tokens`` and ``senders``
        (B, T)."""
        near = self.config.near
        rows = torch.stack([tokens, senders + (self.config.vocabulary + 1)], 1) * (near + 1)
        rows = torch.cat([self._nothing().expand(len(tokens), 2, near), rows], 2)
        cache.lengths, cache.read = lengths, rows
        cache.tail = rows.gather(2, (lengths[:, None, None] + torch.arange(near)).expand(-1, 2, -1))

    @staticmethod
    def advance(cache: Cache, counts: Tensor) -> None:
        """Count the first ``counts`` (B,) of the tokens that were read last as part of the histories."""
        cache.lengths = cache.lengths + counts
        at = counts[:, None, None] + torch.arange(cache.tail.shape[2])
        cache.tail = cache.read.gather(2, at.expand(-1, 2, -1))

    # --- Files --------------------------------------------------------------------------------------------
    def save(self, folder: str | Path) -> Path:
        """Write ``model.safetensors`` and ``model.json``; each appears whole or not at all."""
        from safetensors.torch import save

        folder = Path(folder)
        tensors = {name: tensor.contiguous() for name, tensor in self.state_dict().items()}
        training.write(folder / "model.safetensors", save(tensors))
        content = {
            "format": _FORMAT,
            "version": _VERSION,
            "packing": self.config.packing,
            "config": asdict(self.config),
        }
        training.write(folder / "model.json", json.dumps(content, indent=1) + "\n")
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """A saved model.

        Raises:
            ValueError: what is there is no model of ours, damaged, of another version, or of another packing;
                it says which file.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        path, content = _description(folder)
        if _packing(content) != cls.sizes.packing:
            raise ValueError(
                f"{path}: packing is {_packing(content)!r}, expected {cls.sizes.packing!r} (see load_model)"
            )
        known = {field.name: field.default is MISSING for field in fields(cls.sizes)}
        given = content.get("config", {})
        needed = {name for name, required in known.items() if required}
        # What a file does not say is as it was before it could be said.
        if not isinstance(given, dict) or not needed <= set(given) <= set(known):
            found = sorted(given) if isinstance(given, dict) else given
            raise ValueError(f"{path}: config has {found}, expected {sorted(known)}")
        try:
            model = cls(cls.sizes(**given))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from None
        weights = path.with_name("model.safetensors")
        try:
            model.load_state_dict(load(weights.read_bytes()))
        except (SafetensorError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"{weights}: damaged, or of another model: {reason}") from None
        return model


class SeparateModules(nn.Module):
    """Two whole networks behind one face, the control without any shared weight: the first one's behaviour
    and value, the second one's prediction.

    Args:
        config: of each of them. With the sizes of a single network they have twice its parameters; the
            false-belief experiment has sizes with which they are together as large as that.
        seed: of their parameters.
    """

    def __init__(self, config: TriConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.behaviour = new_model(config, 2 * seed)
        self.prediction = new_model(config, 2 * seed + 1)

    def save(self, folder: str | Path) -> Path:
        """Write both, each into a folder of its own."""
        (Path(folder) / "model.json").unlink(missing_ok=True)  # of a single one that was saved there before
        for name in _PAIR:
            self.get_submodule(name).save(Path(folder) / name)  # type: ignore[operator]
        return Path(folder)

    @classmethod
    def load(cls, folder: str | Path) -> SeparateModules:
        """A saved pair; ``ValueError`` as :meth:`TriModule.load`, and where the two differ in size."""
        one, two = (_load_one(Path(folder) / name) for name in _PAIR)
        if one.config != two.config:
            raise ValueError(f"{folder}: its two networks are of different sizes")
        made = cls(one.config)
        made.behaviour, made.prediction = one, two
        return made

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """All of the first is behaviour, all of the second prediction; nothing is shared."""
        return {
            "behaviour": list(self.behaviour.parameters()),
            "prediction": list(self.prediction.parameters()),
            "perception": [],
            "shared": [],
        }

    def forward(self, *inputs: Tensor, **more: Any) -> Output:
        """As their own, without a cache."""
        acting: Output = self.behaviour(*inputs, **more)
        simulating: Output = self.prediction(*inputs, **more)
        return replace(simulating, behaviour=acting.behaviour, value=acting.value)


def load_model(folder: str | Path) -> TriModule | SeparateModules:
    """A saved model of either kind and any packing.

    Raises:
        ValueError, OSError: as :meth:`TriModule.load`.
    """
    pair = not (Path(folder) / "model.json").is_file() and (Path(folder) / _PAIR[0]).is_dir()
    return SeparateModules.load(folder) if pair else _load_one(folder)


def new_model(config: TriConfig, seed: int = 0) -> TriModule:
    """A network of the kind that a size is of."""
    return _network(config.packing)(config, seed)


def _load_one(folder: str | Path) -> TriModule:
    path, content = _description(folder)
    try:
        network = _network(_packing(content))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return network.load(folder)


def _network(packing: str) -> type[TriModule]:
    """The network of a packing."""
    if packing == "text":
        return TriModule
    if packing == "grid":
        from .grid import GridModule  # it rests on this file

        return GridModule
    raise ValueError(f"packing is {packing!r}, expected 'text' or 'grid'")


def _description(folder: str | Path) -> tuple[Path, dict[str, Any]]:
    """What a saved model's JSON file says, and where it is."""
    path = Path(folder) / "model.json"
    return path, training.read_description(path, _FORMAT, _VERSION, "a tri-module model")


def _packing(content: dict[str, Any]) -> str:
    """Of a saved model; those from before there were others do not say it."""
    return str(content.get("packing", "text"))


def head_slices(config: TriConfig) -> dict[str, Sequence[slice]]:
    """Where each head's rows stand in its module's tensors."""
    each = config.each
    return {
        name: [slice(k * each, (k + 1) * each) for k in range(count)]
        for name, count in zip(MODULES, config.heads, strict=True)
    }
