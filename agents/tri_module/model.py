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
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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
]

MODULES = ("behaviour", "prediction", "perception")
GROUPS = (*MODULES, "shared")  # every parameter belongs to one of these
READOUTS = ("two", "last")
NEAR = 4  # how many tokens before it each token is shown, about a message
_FORMAT, _VERSION = "mindsight tri-module", 1


@dataclass(frozen=True)
class TriConfig:
    """The size of a model.

    Attributes:
        vocabulary: V, how many tokens there are; names are tokens, too, and 0 is padding.
        context: how many positions a history may have.
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
            words of a history are the same takes a product of several small weights: from a spread of 1.5 on
            it is learned in half the updates of 0.5, or fewer.
    """

    vocabulary: int
    context: int = 256
    width: int = 96
    layers: int = 2
    heads: tuple[int, int, int] = (2, 2, 2)
    hidden: int = 192
    readout: str = "two"
    head: int | None = None
    spread: float = 0.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "heads", tuple(self.heads))
        for name in ("vocabulary", "context", "width", "layers", "hidden"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"{name} is {value!r}, expected a whole number of at least 1")
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
        kept: one tensor a layer, (B, C, 2 inner), keys and values.
        lengths: (B,) int64, how much of it is filled.
        tail: (B, NEAR, width), the embeddings of the last tokens that count.
        read: (B, NEAR + T, width), the same and those of the tokens that were read last.
        weights: of every layer what all heads have side by side: W_Q, W_K, W_V (3 inner, width), their biases
            (3 inner,), and W_O (width, inner), as they were when the cache was made.
    """

    kept: list[Tensor]
    lengths: Tensor
    tail: Tensor
    read: Tensor
    weights: list[tuple[Tensor, Tensor, Tensor]]


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

    def forward(self, x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        """What they write into the stream, of its normalized state: (B, T, width) both.

        Each module for itself: a gradient for one module's heads then costs no work on another's weights.
        """
        b, t, width = x.shape
        qkv = F.linear(x, self.qkv.view(-1, width), self.bias.view(-1))
        return F.linear(attention(qkv.view(b, t, 3, self.count, -1), turns), self.out)


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

    def write(self, x: Tensor, turns: tuple[Tensor, Tensor], frozen: Collection[str]) -> list[Tensor]:
        """What each module's heads write into the stream: (B, T, width) of every module that has any."""
        x = self.norm(x)
        written = []
        for name, part in zip(MODULES, self.heads(), strict=True):
            out = part(x, turns) if part.count else torch.zeros_like(x)
            written.append(out.detach() if name in frozen else out)
        return written


def _turned(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """Queries and keys (B, T, 2, H, size), turned by their places (Su et al. 2021): attention sees how far
    apart two tokens are, not where they stand, so that longer histories than any in training can be read."""
    cos, sin = turns
    one, two = x.chunk(2, -1)
    return torch.cat([one * cos - two * sin, one * sin + two * cos], -1)


class TriModule(nn.Module):
    """The network.

    Args:
        config: its size.
        seed: of its parameters; no global random state is touched.
    """

    def __init__(self, config: TriConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        v, width = config.vocabulary, config.width
        self.token = nn.Embedding(v, width)
        # beside each token: who sent it; names are embedded as the words they are
        self.sender = nn.Linear(width, width, bias=False)
        # ... and what comes just before it, so that a message can be found by any of its words
        self.near = nn.Linear(NEAR * width, width, bias=False)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        if config.readout == "two":
            self.behaviour_readout = nn.Linear(width, v)
            self.prediction_readout = nn.Linear(width, v)
        else:
            self.unembedding = nn.Linear(width, v)
        self.value_readout = nn.Linear(width, 1)
        self._initialize(torch.Generator().manual_seed(seed))

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
        x: Tensor = self.token(tokens) + self.sender(self.token(senders))
        t = x.shape[1]
        if cache is None:
            stream = F.pad(x, (0, 0, NEAR, 0))
        else:
            stream = cache.read = torch.cat([cache.tail, x], 1)
        near: Tensor = self.near(torch.cat([stream[:, k : k + t] for k in range(NEAR)], -1))
        return x + near

    def run(
        self, x: Tensor, *, frozen: Collection[str] = (), cache: Cache | None = None
    ) -> tuple[Tensor, Tensor]:
        """The transformer proper, on embedded inputs.

        Args:
            x: (B, T, width), without positions.
            frozen, cache: as for :meth:`forward`.

        Returns:
            The final states for the behaviour's and for the prediction's read-out, (B, T, width) each; with
            ``readout="two"`` they are one.
        """
        t = x.shape[1]
        at = torch.arange(t)[None] if cache is None else cache.lengths[:, None] + torch.arange(t)
        room = self.config.context if cache is None else cache.kept[0].shape[1]
        if t == 0 or int(at.max()) >= room:
            raise ValueError(f"{int(at.max()) + 1} positions, expected 1 to {room} (context)")
        each = self.config.each
        angles = at[:, :, None, None, None] * 10000 ** (-torch.arange(0, each, 2) / each)
        turns = (angles.cos().to(x.dtype), angles.sin().to(x.dtype))
        if cache is not None:
            with torch.no_grad():
                return self._run_on(x, turns, cache, at)
        turns = (turns[0].view(t, -1), turns[1].view(t, -1))
        layers: list[Any] = list(self.layers)
        for layer in layers[:-1]:
            behaviour, prediction, perception = layer.write(x, turns, frozen)
            x = x + behaviour + prediction + perception
            x = x + layer.mlp(layer.mlp_norm(x))
        return self._finish(x, *layers[-1].write(x, turns, frozen))

    def _run_on(
        self, x: Tensor, turns: tuple[Tensor, Tensor], cache: Cache, at: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The same with what has been read before, without gradients, and all heads at once: with few
        positions each operation costs more than what it computes.

        Args:
            x: (B, T, width).
            turns: of these places.
            cache: is written into.
            at: (B, T), where.
        """
        b, t, width = x.shape
        c = self.config
        # Whole vectors: 61 keys take longer than 64. Nobody sees those that are not there.
        room = cache.kept[0].shape[1]
        filled = min(room, 16 * (int(at[:, -1].max()) // 16 + 1))
        rows = (at + room * torch.arange(b)[:, None]).view(-1)  # in (B C, 2 inner)
        hidden = torch.where(torch.arange(filled) <= at[:, :, None], 0.0, -torch.inf).to(x.dtype)[:, None]
        x = x.view(b * t, width)
        layers: list[Any] = list(self.layers)
        for layer, kept, (weight, bias, out) in zip(layers, cache.kept, cache.weights, strict=True):
            qkv = torch.addmm(bias, layer.norm(x), weight.t())  # (B T, 3 inner)
            turned = _turned(qkv[:, : 2 * c.inner].view(b, t, 2, -1, c.each), turns)
            new = torch.cat([turned[:, :, 1].reshape(b * t, c.inner), qkv[:, 2 * c.inner :]], 1)
            kept.view(-1, 2 * c.inner).index_copy_(0, rows, new)
            q = turned[:, :, 0].transpose(1, 2)  # (B, H, T, head)
            k, v = kept[:, :filled].view(b, filled, 2, -1, c.each).permute(2, 0, 3, 1, 4)
            found = F.scaled_dot_product_attention(q, k, v, attn_mask=hidden).transpose(1, 2)
            found = found.reshape(b * t, c.inner)
            if layer is not layers[-1]:
                x = torch.addmm(x, found, out.t())
                x = x + layer.mlp(layer.mlp_norm(x))
        sizes = [c.each * n for n in c.heads]
        parts = zip(torch.split(found, sizes, -1), torch.split(out, sizes, -1), strict=True)
        written = [(some @ columns.t()).view(b, t, width) for some, columns in parts]
        return self._finish(x.view(b, t, width), *written)

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

    def new_cache(self, rows: int, positions: int | None = None) -> Cache:
        """An empty cache for ``rows`` histories, to be read with the parameters as they are now.

        Args:
            rows: B.
            positions: how many a history will have at most; the context where None.
        """
        c = self.config
        room = c.context if positions is None else min(c.context, 16 * ((positions + 15) // 16))
        like = self.value_readout.weight
        kept = [like.new_zeros((rows, room, 2 * c.inner)) for _ in self.layers]
        weights = []
        with torch.no_grad():
            for layer in self.layers:
                parts = cast(_Layer, layer).heads()
                weights.append((
                    torch.cat([part.qkv for part in parts], 1).view(-1, c.width),
                    torch.cat([part.bias for part in parts], 1).view(-1),
                    torch.cat([part.out for part in parts], 1),
                ))  # fmt: skip
        tail = like.new_zeros((rows, NEAR, c.width))
        return Cache(kept, torch.zeros(rows, dtype=torch.int64), tail, tail, weights)

    @staticmethod
    def advance(cache: Cache, counts: Tensor) -> None:
        """Count the first ``counts`` (B,) of the tokens that were read last as part of the histories."""
        cache.lengths = cache.lengths + counts
        at = counts[:, None] + torch.arange(NEAR)
        cache.tail = cache.read.gather(1, at[..., None].expand(-1, -1, cache.read.shape[2]))

    # --- Files --------------------------------------------------------------------------------------------
    def save(self, folder: str | Path) -> Path:
        """Write ``model.safetensors`` and ``model.json``; each appears whole or not at all."""
        from safetensors.torch import save

        from ..training import write

        folder = Path(folder)
        tensors = {name: tensor.contiguous() for name, tensor in self.state_dict().items()}
        write(folder / "model.safetensors", save(tensors))
        content = {"format": _FORMAT, "version": _VERSION, "config": asdict(self.config)}
        write(folder / "model.json", json.dumps(content, indent=1) + "\n")
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> TriModule:
        """A saved model.

        Raises:
            ValueError: what is there is no model of ours, damaged, or of another version; it says which file.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        from ..training import read_description

        path = Path(folder) / "model.json"
        content = read_description(path, _FORMAT, _VERSION, "a tri-module model")
        known = {field.name for field in fields(TriConfig)}
        given = content.get("config", {})
        if not isinstance(given, dict) or set(given) != known:
            raise ValueError(f"{path}: config has {sorted(given)}, expected {sorted(known)}")
        model = cls(TriConfig(**given))
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
        config: of each of them.
        seed: of their parameters.
    """

    def __init__(self, config: TriConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.behaviour = TriModule(config, 2 * seed)
        self.prediction = TriModule(config, 2 * seed + 1)

    def save(self, folder: str | Path) -> Path:
        """Write both, each into a folder of its own."""
        for name in ("behaviour", "prediction"):
            self.get_submodule(name).save(Path(folder) / name)  # type: ignore[operator]
        return Path(folder)

    @classmethod
    def load(cls, folder: str | Path) -> SeparateModules:
        """A saved pair; ``ValueError`` as :meth:`TriModule.load`, and where the two differ in size."""
        one, two = (TriModule.load(Path(folder) / name) for name in ("behaviour", "prediction"))
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

    def forward(self, tokens: Tensor, senders: Tensor, **more: Any) -> Output:
        """As :meth:`TriModule.forward`, without a cache."""
        acting: Output = self.behaviour(tokens, senders, **more)
        simulating: Output = self.prediction(tokens, senders, **more)
        return Output(acting.behaviour, simulating.prediction, acting.value)


def load_model(folder: str | Path) -> TriModule | SeparateModules:
    """A saved model of either kind.

    Raises:
        ValueError, OSError: as :meth:`TriModule.load`.
    """
    return SeparateModules.load(folder) if (Path(folder) / "behaviour").is_dir() else TriModule.load(folder)


def head_slices(config: TriConfig) -> dict[str, Sequence[slice]]:
    """Where each head's rows stand in its module's tensors."""
    each = config.each
    return {
        name: [slice(k * each, (k + 1) * each) for k in range(count)]
        for name, count in zip(MODULES, config.heads, strict=True)
    }
