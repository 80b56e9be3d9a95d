"""How well an agent foretells what others do: error and calibration of the prediction output at s^j."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .model import TriModule
from .perspective import responses
from .rollouts import Episodes

__all__ = ["calibration", "foresight"]

_BINS = 10


def calibration(sure: Tensor, right: Tensor) -> float:
    """Expected calibration error in ten bins (Guo et al. 2017).

    Args:
        sure: (N,) the probability that was given to what was most probable.
        right: (N,) bool, whether it came.
    """
    bins = (sure * _BINS).long().clamp(max=_BINS - 1)
    gaps = [
        float((sure[bins == k].mean() - right[bins == k].float().mean()).abs() * (bins == k).float().mean())
        for k in range(_BINS)
        if bool((bins == k).any())
    ]
    return sum(gaps)


@torch.no_grad()
def foresight(model: TriModule, episodes: Episodes) -> dict[str, float]:
    """How well s^j foretells a^j, what j really said and what the world really showed, once anybody else has
    done or said something, be it oneself or a third (``perspective.responses``).

    Args:
        model: whose prediction output is looked at.
        episodes: conversations, not necessarily its own.

    Returns:
        ``nll``, in nats a token; ``ece``, the expected calibration error; ``accuracy``; ``tokens``, how many.
    """
    losses, sure, right = [], [], []
    for tokens, senders, message in episodes.switched:
        out = model(tokens, senders).prediction[:, :-1]
        real = tokens[:, 1:]
        wanted = responses(tokens, senders, message)[:, 1:]
        logs = out[wanted].log_softmax(-1)
        losses.append(F.nll_loss(logs, real[wanted], reduction="none"))
        best = logs.max(-1)
        sure.append(best.values.exp())
        right.append(best.indices == real[wanted])
    p, hit = torch.cat(sure), torch.cat(right)
    return {
        "nll": float(torch.cat(losses).mean()),
        "ece": calibration(p, hit),
        "accuracy": float(hit.float().mean()),
        "tokens": float(len(hit)),
    }
