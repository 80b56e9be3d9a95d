"""Local language models: any causal one of the transformers library.

Options are judged by their likelihood as the prompt's continuation: the mean log-probability of an
option's tokens, so that long ones are not at a disadvantage; the softmax of these means are the answer's
probabilities. The keys and values of a prompt are computed once, for all its options.

Weights are read from safetensors only, and no code that comes with a model is run.
"""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

# Before torch is loaded: see agents/baselines/sb3.py.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import numpy.typing as npt
import torch
import transformers
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer

from .model import LanguageModel, plain_name
from .prompts import Prompt

__all__ = ["Local"]

Tokens = list[int]


class Local(LanguageModel):
    """A causal language model in this process.

    Prompts go through the tokenizer's chat template where it has one. A story that is too long for the
    model loses its beginning, all but the first line, and the card counts how often that was.

    Args:
        model: a folder, which is read without the network, or a name on the Hugging Face hub, which may
            be downloaded.
        acting: see :class:`LanguageModel`.
        batch: so many prompts go through the model together, and so many of their options.
        device: such as ``"cuda"``; that if there is one, else ``"cpu"``, where None.
        context: how many tokens a prompt with an option may have; what the model was made for where None.
        new_tokens: so many tokens are written at most, where it writes freely.
        prefix_cache: compute a prompt once for all its options. The likelihoods are the same without.

    Raises:
        ValueError: there is no such model, it has no safetensors, or it needs code of its own.
    """

    def __init__(
        self,
        model: str,
        acting: str = "choice",
        *,
        batch: int = 16,
        device: str | None = None,
        context: int | None = None,
        new_tokens: int = 32,
        prefix_cache: bool = True,
    ) -> None:
        version = transformers.__version__
        super().__init__(plain_name("hf", model), f"hf:{model} (transformers {version})", acting)
        for setting, value in (("batch", batch), ("new_tokens", new_tokens)):
            if type(value) is not int or value < 1:
                raise ValueError(f"{setting} is {value!r}, expected a whole number of at least 1")
        folder = Path(model).expanduser()
        local = folder.is_dir()
        if not local and (folder.is_absolute() or model.startswith((".", "~"))):
            raise ValueError(f"hf:{model}: there is no folder {folder}")
        self.batch, self.new_tokens, self.prefix_cache = batch, new_tokens, prefix_cache
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        where: Any = str(folder) if local else model
        shared = {"local_files_only": local, "trust_remote_code": False}
        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(where, **shared)
            # what it was saved in would be half precision as a rule, which is slow on a processor
            kind: Any = torch.float32 if self.device == "cpu" else "auto"
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                where, use_safetensors=True, dtype=kind, **shared
            )
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"hf:{model} cannot be loaded as a causal language model: {reason}") from error
        self.model: Any = loaded.to(self.device).eval()
        self.context = context or getattr(self.model.config, "max_position_embeddings", None) or 2**31
        takes = inspect.signature(self.model.forward).parameters
        self._takes = frozenset(takes)
        # transformers renames it: `past_key_values` until version 5.40
        self._cache = "cache" if "cache" in takes else "past_key_values"
        pad = self.tokenizer.pad_token_id
        self._pad: int = next(k for k in (pad, self.tokenizer.eos_token_id, 0) if k is not None)
        self._chat = bool(getattr(self.tokenizer, "chat_template", None))

    # --- From prompts to tokens ---------------------------------------------------------------------------
    def _text(self, prompt: Prompt, lines: int | None = None) -> str:
        """The whole of what the model goes on from."""
        text = prompt.text(lines=lines)
        if not self._chat:
            return f"{text}\n\n{prompt.cue}"
        if prompt.options:
            text += "\n\nAnswer with one of these, word for word."
        said = [{"role": "user", "content": text}]
        found: str = self.tokenizer.apply_chat_template(
            said, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        return found

    def _encode(self, text: str) -> Tokens:
        # a chat template brings its own special tokens
        found: Tokens = self.tokenizer.encode(text, add_special_tokens=not self._chat)
        return found

    def _split(self, prompt: Prompt, lines: int | None = None) -> tuple[Tokens, list[Tokens]]:
        """Tokens that the prompt with any of its options begins with, and how it goes on with each. A
        tokenizer may join the prompt's end with an option's beginning: then that is judged, too."""
        text = self._text(prompt, lines)
        whole = [self._encode(f"{text}{'' if self._chat else ' '}{option}") for option in prompt.options]
        begin = self._encode(text)
        if not whole:
            return begin, []
        shared = 0
        while shared < min(map(len, [begin, *whole])) and all(
            tokens[shared] == begin[shared] for tokens in whole
        ):
            shared += 1
        if not shared:
            raise ValueError(f"{self.source}: its tokenizer makes nothing of the prompt {text!r}")
        for option, tokens in zip(prompt.options, whole, strict=True):
            if len(tokens) == shared:
                raise ValueError(f"{self.source}: its tokenizer makes nothing of the option {option!r}")
        return begin[:shared], [tokens[shared:] for tokens in whole]

    def _fit(self, prompt: Prompt) -> tuple[Tokens, list[Tokens]]:
        """The same, with no more of the story than the model can take."""

        def room(split: tuple[Tokens, list[Tokens]]) -> int:
            most = max(map(len, split[1])) if split[1] else self.new_tokens
            return self.context - len(split[0]) - most

        best = self._split(prompt)
        if room(best) >= 0:
            return best
        self._counts["shortened"] += 1
        low, high = -1, prompt.story.count("\n")  # `low` lines fit, `high` do not
        while high - low > 1:
            middle = (low + high) // 2
            split = self._split(prompt, middle)
            if room(split) >= 0:
                low, best = middle, split
            else:
                high = middle
        if low < 0:
            raise ValueError(
                f"{self.source} takes {self.context} tokens, but {prompt.task.splitlines()[0]!r} with its "
                "options has more without any story: expected a model with a longer context"
            )
        return best

    # --- Likelihoods --------------------------------------------------------------------------------------
    def choose(self, prompts: Sequence[Prompt]) -> Iterator[npt.NDArray[np.float64]]:
        """The softmax of the options' mean log-probabilities a token."""
        for first in range(0, len(prompts), self.batch):
            splits = [self._fit(prompt) for prompt in prompts[first : first + self.batch]]
            for means in self.likelihoods(splits):
                weights = np.exp(means - means.max())
                yield weights / weights.sum()

    def likelihoods(self, splits: Sequence[tuple[Tokens, list[Tokens]]]) -> list[npt.NDArray[np.float64]]:
        """Mean log-probability a token of each of several continuations of each of several beginnings.

        Args:
            splits: the tokens of a beginning, and of its continuations, none of them empty.

        Returns:
            For each beginning (continuations,) float64.
        """
        rows = [(k, tokens) for k, (_, options) in enumerate(splits) for tokens in options]
        with torch.inference_mode():
            totals = self._cached(splits, rows) if self.prefix_cache else None
            if totals is None:
                totals = self._whole(splits, rows)
        means = [total / len(tokens) for total, (_, tokens) in zip(totals, rows, strict=True)]
        ends = np.cumsum([len(options) for _, options in splits])[:-1]
        return np.split(np.array(means), ends)

    def _cached(
        self, splits: Sequence[tuple[Tokens, list[Tokens]]], rows: Sequence[tuple[int, Tokens]]
    ) -> list[float] | None:
        """Log-probabilities of the continuations, with each beginning computed once; None where the model
        has no keys and values that could be kept."""
        begin, mask = self._padded([tokens for tokens, _ in splits], left=True)
        out = self._forward(begin, mask, keep=1)
        kept: Any = getattr(out, self._cache, None)
        if not hasattr(kept, "batch_select_indices") or any(getattr(kept, "is_linear", ())):
            return None
        heads = torch.log_softmax(out.logits[:, -1].float(), -1)
        totals = [float(heads[k, tokens[0]]) for k, tokens in rows]
        longer = [r for r, (_, tokens) in enumerate(rows) if len(tokens) > 1]
        for first in range(0, len(longer), self.batch):
            some = longer[first : first + self.batch]
            which = torch.tensor([rows[r][0] for r in some], device=self.device)
            cache = copy.deepcopy(kept)
            cache.batch_select_indices(which)
            more, more_mask = self._padded([rows[r][1][:-1] for r in some], left=False)
            logits = self._forward(more, torch.cat([mask[which], more_mask], 1), cache=cache).logits
            chances = torch.log_softmax(logits.float(), -1)
            for place, r in enumerate(some):
                tokens = torch.tensor(rows[r][1][1:], device=self.device)
                steps = torch.arange(len(tokens), device=self.device)
                totals[r] += float(chances[place, steps, tokens].sum())
        return totals

    def _whole(
        self, splits: Sequence[tuple[Tokens, list[Tokens]]], rows: Sequence[tuple[int, Tokens]]
    ) -> list[float]:
        """The same without keeping anything."""
        totals = []
        for first in range(0, len(rows), self.batch):
            some = rows[first : first + self.batch]
            ids, mask = self._padded([splits[k][0] + tokens for k, tokens in some], left=True)
            keep = max(len(tokens) for _, tokens in some) + 1
            logits = self._forward(ids, mask, keep=keep).logits[:, -keep:]
            chances = torch.log_softmax(logits.float(), -1)
            for place, (_, given) in enumerate(some):
                tokens = torch.tensor(given, device=self.device)
                steps = torch.arange(len(given), device=self.device) + keep - 1 - len(given)
                totals.append(float(chances[place, steps, tokens].sum()))
        return totals

    def _forward(self, ids: torch.Tensor, mask: torch.Tensor, *, keep: int = 0, cache: Any = None) -> Any:
        """One pass of the model over (rows, tokens) that follow what is in the cache."""
        more: dict[str, Any] = {}
        if "position_ids" in self._takes:  # padding takes no place
            more["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        if keep and "logits_to_keep" in self._takes:
            more["logits_to_keep"] = keep
        if cache is not None:
            more[self._cache] = cache
        return self.model(input_ids=ids, attention_mask=mask, use_cache=self.prefix_cache, **more)

    def _padded(self, rows: Sequence[Tokens], left: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows of tokens as (rows, longest) ids and mask."""
        size = max(map(len, rows))
        ids = torch.full((len(rows), size), self._pad, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for k, tokens in enumerate(rows):
            place = slice(size - len(tokens), size) if left else slice(0, len(tokens))
            ids[k, place] = torch.tensor(tokens, dtype=torch.long)
            mask[k, place] = 1
        return ids.to(self.device), mask.to(self.device)

    # --- Free text ----------------------------------------------------------------------------------------
    def write(self, prompts: Sequence[Prompt]) -> Iterator[str]:
        """The likeliest text, token by token."""
        for first in range(0, len(prompts), self.batch):
            begins = [self._fit(prompt)[0] for prompt in prompts[first : first + self.batch]]
            ids, mask = self._padded(begins, left=True)
            with torch.inference_mode():
                out = self.model.generate(
                    input_ids=ids, attention_mask=mask, do_sample=False, num_beams=1,
                    max_new_tokens=self.new_tokens, pad_token_id=self._pad,
                )  # fmt: skip
            yield from self.tokenizer.batch_decode(out[:, ids.shape[1] :], skip_special_tokens=True)
