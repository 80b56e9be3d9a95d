"""What of the tri-module agent is timed: its steps, its acting, and a plain GPT beside it.

    OMP_WAIT_POLICY=passive python -m mindsight.benchmarks.tri_module     # this part alone, 1 to 2 minutes

Everything is a function that does its work once; ``bench.py`` holds the clock. As a program with ``--memory``
it is the default run whose peak memory is measured.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from dataclasses import replace

# before torch: two pools of threads that spin wait for each other
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..agents.tri_module import Learner, TriConfig, TriModule
from ..agents.tri_module.algorithms import (
    Batch,
    Reward,
    finetune,
    kindness,
    pretrain,
    simulate_and_imitate,
)
from ..envs.conversation.language import LENGTH, VOCABULARY

__all__ = ["GPT", "LISTINGS", "SIZE", "WIDE", "acting", "gpt_step", "learner_step", "plain_step"]

#: The size that the targets are about: inner width 96.
SIZE = TriConfig(
    vocabulary=len(VOCABULARY), context=128, width=64, layers=4, heads=(2, 2, 2), hidden=256, head=16
)
WIDE = replace(SIZE, width=128, hidden=512, head=32)
ROWS = 16  # histories in a batch, each as long as the context
PLAYERS = 8  # in a batch that acts
LISTINGS: dict[str, Callable[[Learner, Batch, Reward], object]] = {
    "listing 1": lambda learner, batch, reward: pretrain(learner, batch),
    "listing 2": finetune,
    "listing 3": lambda learner, batch, reward: simulate_and_imitate(learner, batch),
    "listing 4": kindness,
}


def histories(config: TriConfig) -> tuple[Batch, Reward]:
    """``ROWS`` random full histories of which half of the tokens are actions, and what they gained."""
    rng = torch.Generator().manual_seed(0)
    shape = (ROWS, config.context)
    tokens = torch.randint(1, config.vocabulary, shape, generator=rng)
    senders = torch.randint(1, 20, shape, generator=rng)
    actions = torch.rand(shape, generator=rng) < 0.5
    actions[:, 0] = False
    batch = Batch(tokens, senders, actions, torch.rand(shape, generator=rng))
    count = int(actions.sum())
    advantages, before = torch.randn((2, count), generator=rng)
    return batch, Reward(advantages, before - 5.0, torch.zeros(count), entropy=0.01)


def learner_step(listing: str, variant: str = "routed", config: TriConfig = SIZE) -> Callable[[], object]:
    """One step of a listing."""
    batch, reward = histories(config)
    learner = Learner(TriModule(config), variant=variant)
    step = LISTINGS[listing]
    return lambda: step(learner, batch, reward)


def plain_step(config: TriConfig = SIZE) -> Callable[[], object]:
    """One step of predicting every next token, unrouted: what a GPT does."""
    batch, _ = histories(config)
    actions = torch.ones_like(batch.actions)
    actions[:, 0] = False
    learner = Learner(TriModule(config), variant="unrouted")
    batch = Batch(batch.tokens, batch.senders, actions)
    return lambda: pretrain(learner, batch)


def acting(at_once: bool, config: TriConfig = SIZE) -> Callable[[], int]:
    """An episode of ``PLAYERS`` individuals that fills the context, from an empty cache to the last token.

    Args:
        at_once: in every step the tokens of a message are read together and one is drawn (an action, or all
            fields of a grid's); otherwise all of them are drawn one by one, each from those before.

    Returns:
        A function that returns individual-steps.
    """
    model = TriModule(config)
    rng = torch.Generator().manual_seed(0)
    messages = torch.randint(1, config.vocabulary, (PLAYERS, LENGTH), generator=rng)
    senders = torch.randint(1, 20, (PLAYERS, LENGTH), generator=rng)
    steps = config.context // LENGTH
    read = LENGTH if at_once else 1

    def episode() -> int:
        cache = model.new_cache(PLAYERS)
        counts = torch.full((PLAYERS,), read)
        tokens = messages[:, :read]
        for _ in range(steps * LENGTH // read):
            out = model(tokens, senders[:, :read], cache=cache)
            model.advance(cache, counts)
            drawn = torch.multinomial(out.behaviour[:, -1].softmax(-1), 1, generator=rng)
            if not at_once:
                tokens = drawn
        return PLAYERS * steps

    def play() -> int:
        with torch.no_grad():
            return episode()

    return play


# --- nanoGPT's model (Karpathy 2022), as plain as it is there, of the same size ----------------------------
class _Block(nn.Module):
    def __init__(self, config: TriConfig) -> None:
        super().__init__()
        self.heads, self.inner = sum(config.heads), config.inner
        self.ln_1 = nn.LayerNorm(config.width)
        self.c_attn = nn.Linear(config.width, 3 * config.inner)
        self.c_proj = nn.Linear(config.inner, config.width)
        self.ln_2 = nn.LayerNorm(config.width)
        self.mlp = nn.Sequential(
            nn.Linear(config.width, config.hidden), nn.GELU(), nn.Linear(config.hidden, config.width)
        )

    def forward(self, x: Tensor) -> Tensor:
        b, t, _ = x.shape
        q, k, v = torch.split(self.c_attn(self.ln_1(x)), self.inner, 2)
        q, k, v = (part.view(b, t, self.heads, -1).transpose(1, 2) for part in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.c_proj(y.transpose(1, 2).reshape(b, t, self.inner))
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class GPT(nn.Module):
    """Token and position embeddings, blocks, a read-out; ``config.heads`` are one kind here."""

    def __init__(self, config: TriConfig) -> None:
        super().__init__()
        self.wte = nn.Embedding(config.vocabulary, config.width)
        self.wpe = nn.Embedding(config.context, config.width)
        self.blocks = nn.Sequential(*(_Block(config) for _ in range(config.layers)))
        self.ln_f = nn.LayerNorm(config.width)
        self.lm_head = nn.Linear(config.width, config.vocabulary, bias=False)

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """The loss of (B, T) tokens and what follows each of them."""
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
        logits = self.lm_head(self.ln_f(self.blocks(x)))
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def gpt_step(config: TriConfig = SIZE) -> Callable[[], object]:
    """One step of it: as nanoGPT's, with AdamW in its fast form and gradients cut to a norm of 1."""
    batch, _ = histories(config)
    model = GPT(config)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)

    def step() -> float:
        loss: Tensor = model(batch.tokens[:, :-1], batch.tokens[:, 1:])
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    return step


def peak_memory() -> float:
    """What a process of its own needs for three steps of listing 4, the largest, with a model of the default
    size and ``ROWS`` histories that fill its context: MiB, Python and PyTorch included."""
    torch.set_num_threads(1)
    step = learner_step("listing 4", config=TriConfig(vocabulary=len(VOCABULARY)))
    for _ in range(3):
        step()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        ROWS = int(sys.argv[2])
        print(peak_memory())
    else:
        from . import bench

        report = bench.run("--quick" in sys.argv[1:], parts=("tri_module",))
        bench.show(report)
