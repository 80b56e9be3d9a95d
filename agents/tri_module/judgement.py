"""Who perceived what: the judgement that the perspective switch needs, learned from one's own life alone.

Nobody tells an agent what somebody else perceived. But it knows what it is like to be somebody who has left:
what comes next then is that one returns. So it puts itself in the other's place and asks of every message,
one after the other, whether it would have been surprised to perceive it. A message that would surprise it far
more there than it did where it was, was not perceived there (stage 3b: predict the percept at another's
place). The measure is the prediction module's; there is no label and nothing to fit.

Only who does what to whom is looked at, not what it is about. Somebody who takes a thing to be in the box is
surprised to hear that it is in the basket, and hears it all the same: news must not be taken for absence.
And who of the others does it says nothing, either: a stranger who was there before one came surprises, and is
perceived. All names but one's own count as one. What they do themselves, they perceive: that is not asked.
And what begins with somebody acting from whom one expected nothing oneself says nothing of there: a fourth
one comes in where there had never been more than three. How much rarer than rare that is there is noise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from .model import SeparateModules, TriModule
from .perspective import ME, SLOTS, Messages

__all__ = ["EXPECTED", "SURPRISE", "perceived"]

#: How much more a word surprises who was not there, in nats: twelve times less expected.
SURPRISE = 2.5
#: Log-probability, here, of who acts: where it is lower, the message does not tell whether it was perceived
#: there. One in fifty.
EXPECTED = -4.0


@torch.no_grad()
def perceived(
    model: TriModule | SeparateModules,
    messages: Messages,
    others: npt.NDArray[Any],
    surprise: float = SURPRISE,
) -> npt.NDArray[np.bool_]:
    """Which messages of histories the others perceived, as the model judges.

    Args:
        model: whose prediction output knows what is perceived next in a life of one's own.
        messages: B histories.
        others: (B,) name tokens.
        surprise: see ``SURPRISE``.

    Returns:
        (B, M) bool; False where there is no message.
    """
    if isinstance(model, SeparateModules):
        model = model.prediction
    here, there = messages.pack(), messages.switch(others).pack()
    first, names = SLOTS["I"]
    before = F.pad(model(here.tokens, here.senders).prediction[:, :-1], (0, 0, 1, 0))
    expected = _expected(before, here.tokens)
    b, m = messages.senders.shape
    found = np.zeros((b, m), np.bool_)
    # whoever has heard it all waits at the end, and would have as much room as the longest message needs
    cache = model.new_cache(b, there.tokens.shape[1] + messages.tokens.shape[2] + 2)
    out = model(there.tokens[:, :1], there.senders[:, :1], cache=cache).prediction  # the beginning
    model.advance(cache, torch.ones(b, dtype=torch.int64))
    last = out[:, -1]
    at = torch.ones(b, dtype=torch.int64)  # where the next message begins
    rows = torch.arange(b)
    for number in range(m):
        sizes = (there.message == number).sum(1)
        size = int(sizes.max())
        if size == 0:
            break
        places = at[:, None] + torch.arange(size)
        inside = torch.arange(size) < sizes[:, None]
        places = places.clamp(max=there.tokens.shape[1] - 1)
        tokens = there.tokens.gather(1, places)
        logits = model(tokens, there.senders.gather(1, places), cache=cache).prediction
        before = torch.cat([last[:, None], logits[:, :-1]], 1)
        heard = expected.gather(1, places)
        more = heard - _expected(before, tokens)
        told = torch.arange(size) < 2  # the sender, and what they do; besides, all names
        told = told | ((tokens >= first) & (tokens < first + names))
        told &= heard[:, :1] > EXPECTED
        unsurprising = ((more < surprise) | ~inside | ~told).all(1)
        kept = (unsurprising | (tokens[:, 0] == ME)) & (sizes > 0)
        found[:, number] = kept.numpy()
        model.advance(cache, torch.where(kept, sizes, 0))
        last = torch.where(kept[:, None], logits[rows, (sizes - 1).clamp(min=0)], last)
        at = at + sizes
    return found


def _expected(logits: Tensor, tokens: Tensor) -> Tensor:
    """Log-probabilities (B, T) of tokens (B, T) by the logits (B, T, V) before each; of a name that is not
    one's own, of any such name."""
    first, names = SLOTS["I"]
    logs = logits.log_softmax(-1)
    is_name = torch.zeros(logs.shape[-1], dtype=torch.bool)
    is_name[first : first + names] = True
    is_name[ME] = False
    somebody = logs[..., is_name].logsumexp(-1)
    return torch.where(is_name[tokens], somebody, logs.gather(2, tokens[..., None])[..., 0])
