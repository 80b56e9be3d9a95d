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
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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
]

MODULES = ("behaviour", "prediction", "perception")
GROUPS = (*MODULES, "shared")  # every parameter belongs to one of these
READOUTS = ("two", "last")
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
        hidden: width of the MLPs.
        readout: how one transformer gives two outputs. ``"two"``: two read-outs of the final state;
            ``"last"``: the last layer's heads are summed per module, and the shared last MLP, norm and
            unembedding run once for each.
    """

    vocabulary: int
    context: int = 256
    width: int = 96
    layers: int = 2
    heads: tuple[int, int, int] = (2, 2, 2)
    hidden: int = 192
    readout: str = "two"

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
        if self.width % sum(self.heads):
            raise ValueError(f"width is {self.width}, expected a multiple of {sum(self.heads)}, the heads")
        if self.readout not in READOUTS:
            raise ValueError(f"readout is {self.readout!r}, expected one of {', '.join(READOUTS)}")


@dataclass
class Cache:
    """Keys and values of what has been read, so that nothing is encoded twice while acting.

    Attributes:
        keys, values: one tensor a layer, (B, H, C, width / H).
        lengths: (B,) int64, how much of it is filled.
    """

    keys: list[Tensor]
    values: list[Tensor]
    lengths: Tensor


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

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.qkv = nn.Parameter(torch.empty(3, size, width))
        self.bias = nn.Parameter(torch.zeros(3, size))
        self.out = nn.Parameter(torch.empty(width, size))


class _Layer(nn.Module):
    def __init__(self, config: TriConfig) -> None:
        super().__init__()
        self.count = sum(config.heads)
        each = config.width // self.count
        self.sizes = [each * n for n in config.heads]
        self.norm = nn.LayerNorm(config.width)
        for name, size in zip(MODULES, self.sizes, strict=True):
            self.add_module(name, _Heads(config.width, size))
        self.mlp_norm = nn.LayerNorm(config.width)
        self.mlp = nn.Sequential(
            nn.Linear(config.width, config.hidden), nn.GELU(), nn.Linear(config.hidden, config.width)
        )

    def heads(self) -> list[_Heads]:
        return [getattr(self, name) for name in MODULES]

    def attend(self, x: Tensor, cache: Cache | None, number: int) -> Tensor:
        """What the heads have found, side by side: (B, T, width)."""
        b, t, width = x.shape
        parts = self.heads()
        weight = torch.cat([part.qkv for part in parts], 1)  # (3, width, width)
        bias = torch.cat([part.bias for part in parts], 1)
        qkv = F.linear(self.norm(x), weight.reshape(3 * width, width), bias.reshape(3 * width))
        q, k, v = qkv.view(b, t, 3, self.count, -1).permute(2, 0, 3, 1, 4)  # each (B, H, T, size)
        if cache is None:
            found = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            keys, values = cache.keys[number], cache.values[number]
            rows = torch.arange(b)[:, None].expand(b, t)
            at = cache.lengths[:, None] + torch.arange(t)  # (B, T), where the new ones stand
            keys[rows, :, at] = k.transpose(1, 2)
            values[rows, :, at] = v.transpose(1, 2)
            end = int(at.max()) + 1  # beyond it nothing has been written
            seen = torch.arange(end) <= at[:, None, :, None]  # (B, 1, T, end)
            found = F.scaled_dot_product_attention(q, keys[:, :, :end], values[:, :, :end], attn_mask=seen)
        return found.transpose(1, 2).reshape(b, t, width)

    def write(self, found: Tensor, frozen: Collection[str]) -> list[Tensor]:
        """What each module's heads write into the stream: three of (B, T, width)."""
        written = []
        for name, part, some in zip(MODULES, self.heads(), torch.split(found, self.sizes, -1), strict=True):
            out = F.linear(some, part.out)
            written.append(out.detach() if name in frozen else out)
        return written


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
        self.position = nn.Embedding(config.context, width)
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
                std = 0.02 if "position" in name else 0.5 / math.sqrt(self.config.width)
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
        starts: Tensor | None = None,
        *,
        frozen: Collection[str] = (),
        cache: Cache | None = None,
    ) -> Output:
        """Read histories.

        Args:
            tokens: (B, T) int64, words; after the end of a history anything.
            senders: (B, T) int64, the name token of who sent the message each belongs to; 0: padding.
            starts: (B,) int64, the position at which each history begins, 0 where None. In training it is
                drawn, so that long histories meet no position that has learned nothing.
            frozen: modules whose heads' outputs are detached, for the control of routed activations.
            cache: of :meth:`new_cache`: the tokens come after what is in it. They are written into it, but
                its lengths stay: :meth:`advance` says how many of them count.

        Raises:
            ValueError: for more positions than the model has.
        """
        x = self.token(tokens) + self.sender(self.token(senders))
        return self.read(*self.run(x, starts, frozen=frozen, cache=cache))

    def run(
        self,
        x: Tensor,
        starts: Tensor | None = None,
        *,
        frozen: Collection[str] = (),
        cache: Cache | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The transformer proper, on embedded inputs.

        Args:
            x: (B, T, width), without positions.
            starts, frozen, cache: as for :meth:`forward`.

        Returns:
            The final states for the behaviour's and for the prediction's read-out, (B, T, width) each; with
            ``readout="two"`` they are one.
        """
        b, t, _ = x.shape
        before = cache.lengths if cache is not None else torch.zeros(b, dtype=torch.int64)
        places = (before if starts is None else before + starts)[:, None] + torch.arange(t)
        if t == 0 or int(places.max()) >= self.config.context:
            raise ValueError(
                f"{int(places.max()) + 1} positions, expected 1 to {self.config.context} (context)"
            )
        x = x + self.position(places)
        layers: list[Any] = list(self.layers)
        for number, layer in enumerate(layers[:-1]):
            x = x + sum(layer.write(layer.attend(x, cache, number), frozen))
            x = x + layer.mlp(layer.mlp_norm(x))
        last = layers[-1]
        behaviour, prediction, perception = last.write(last.attend(x, cache, len(layers) - 1), frozen)
        if self.config.readout == "two":
            found = self._finish(x + behaviour + prediction + perception)
            return found, found
        return self._finish(x + behaviour + perception), self._finish(x + prediction + perception)

    def read(self, acting: Tensor, simulating: Tensor) -> Output:
        """The outputs of two final states, see :meth:`run`."""
        two = self.config.readout == "two"
        behaviour = self.behaviour_readout if two else self.unembedding
        prediction = self.prediction_readout if two else self.unembedding
        return Output(behaviour(acting), prediction(simulating), self.value_readout(acting).squeeze(-1))

    def _finish(self, x: Tensor) -> Tensor:
        last: Any = self.layers[-1]
        finished: Tensor = self.norm(x + last.mlp(last.mlp_norm(x)))
        return finished

    def new_cache(self, rows: int) -> Cache:
        """An empty cache for ``rows`` histories."""
        c = self.config
        shape = (rows, sum(c.heads), c.context, c.width // sum(c.heads))
        like = self.value_readout.weight
        empty = [like.new_zeros(shape) for _ in range(2 * c.layers)]
        return Cache(empty[: c.layers], empty[c.layers :], torch.zeros(rows, dtype=torch.int64))

    @staticmethod
    def advance(cache: Cache, counts: Tensor) -> None:
        """Count the first ``counts`` (B,) of the tokens that were read last as part of the histories."""
        cache.lengths = cache.lengths + counts

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

        path = Path(folder) / "model.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: not JSON: {error}") from None
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise ValueError(f"{path}: not a tri-module model")
        if content.get("version") != _VERSION:
            raise ValueError(f"{path}: version {content.get('version')!r}, expected {_VERSION}")
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

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """All of the first is behaviour, all of the second prediction; nothing is shared."""
        return {
            "behaviour": list(self.behaviour.parameters()),
            "prediction": list(self.prediction.parameters()),
            "perception": [],
            "shared": [],
        }

    def forward(self, tokens: Tensor, senders: Tensor, starts: Tensor | None = None, **more: Any) -> Output:
        """As :meth:`TriModule.forward`, without a cache."""
        acting: Output = self.behaviour(tokens, senders, starts, **more)
        simulating: Output = self.prediction(tokens, senders, starts, **more)
        return Output(acting.behaviour, simulating.prediction, acting.value)


def head_slices(config: TriConfig) -> dict[str, Sequence[slice]]:
    """Where each head's rows stand in its module's tensors."""
    each = config.width // sum(config.heads)
    return {
        name: [slice(k * each, (k + 1) * each) for k in range(count)]
        for name, count in zip(MODULES, config.heads, strict=True)
    }
