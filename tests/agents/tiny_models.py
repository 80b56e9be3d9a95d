"""Small language models, built on the spot: a tokenizer of our own sentences and random weights."""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging

from mindsight.scenarios.export import items

logging.disable_progress_bar()
SPECIAL = ["<unk>", "<s>", "</s>"]


def texts(scenario="scale", episodes=6):
    return [f"{i['story']}\n{i['question']} {' '.join(i['options'])}" for i in items(scenario, episodes)]


def build(folder, kind="llama", context=1024, chat_template=None, pad=False):
    """A model of two layers, saved into a folder."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        texts(),
        trainers.BpeTrainer(
            vocab_size=700, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
        ),
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    fast.chat_template = chat_template
    torch.manual_seed(0)
    shared = {"bos_token_id": 1, "eos_token_id": 2}
    if kind == "gpt2":
        config = GPT2Config(
            vocab_size=len(fast), n_positions=context, n_embd=32, n_layer=2, n_head=4, **shared
        )
        model = GPT2LMHeadModel(config)
    else:
        config = LlamaConfig(
            vocab_size=len(fast), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=context, **shared,
        )  # fmt: skip
        model = LlamaForCausalLM(config)
    fast.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


def overfit(folder, pairs, steps=120, rate=3e-3):
    """Train a saved model to go on with the second text where it was given the first."""
    fast = PreTrainedTokenizerFast.from_pretrained(folder)
    model = LlamaForCausalLM.from_pretrained(folder)
    rows, labels = [], []
    for prompt, answer in pairs:
        begin = fast.encode(prompt)
        whole = [*fast.encode(prompt + answer), 2]
        rows.append(whole)
        labels.append([-100] * len(begin) + whole[len(begin) :])
    size = max(map(len, rows))
    ids = torch.tensor([row + [2] * (size - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (size - len(row)) for row in rows])
    wanted = torch.tensor([row + [-100] * (size - len(row)) for row in labels])
    optimizer = torch.optim.AdamW(model.parameters(), rate)
    for _ in range(steps):
        loss = model(input_ids=ids, attention_mask=mask, labels=wanted).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < 0.01:
            break
    model.save_pretrained(folder)
    return float(loss.detach())
