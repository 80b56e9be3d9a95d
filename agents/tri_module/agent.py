"""The tri-module agent: it acts by its behaviour output, and answers questions about minds by simulation.

Asked where somebody takes a thing to be, it does not predict from what it knows itself. It puts itself in
their place: of all that it perceived it keeps what they perceived (``judgement.py``), tells it as if it were
its own life (the perspective switch S), is asked there where the thing is, and listens to what it would say.
For what Mia thinks that Tom thinks it does so twice. What follows from a history is learned from its own
life and from others' words; that beliefs can be false is nowhere in it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from ...envs.conversation.language import (
    ASK_PLACE,
    CLAIM,
    LENGTH,
    POOLS,
    TELL,
    UNSURE,
    VOCABULARY,
)
from ..base import Agent, guess
from ..training import read_description, write
from .judgement import perceived
from .model import SeparateModules, TriModule, load_model
from .perspective import Messages

__all__ = ["AGENT_FILE", "PERSPECTIVES", "TriModuleAgent"]

#: How an agent under test may find out what others perceived; see ``perspective.MODES``.
PERSPECTIVES = ("inferred", "labels")
AGENT_FILE = "agent.json"
_FORMAT, _VERSION = "mindsight tri-module agent", 1
_TOKEN = {word: token for token, word in enumerate(VOCABULARY) if word}
_ROWS = 512  # histories that are read at once


class TriModuleAgent(Agent):
    """A tri-module transformer that plays conversations and answers questions about minds by simulation.

    Args:
        model: the network.
        perspective: ``"inferred"``: who perceived what is its own learned judgement; ``"labels"``: everybody
            is taken to have perceived all that it perceived itself (the paper's literal switch).
        name: on cards.

    Raises:
        ValueError: there is no such perspective.
    """

    observation = "tokens"
    can_answer = True

    def __init__(
        self, model: TriModule | SeparateModules, perspective: str = "inferred", name: str = "tri_module"
    ) -> None:
        if perspective not in PERSPECTIVES:
            raise ValueError(f"perspective is {perspective!r}, expected one of {', '.join(PERSPECTIVES)}")
        self.model, self.perspective, self.name = model, perspective, name
        self._counts: Counter[str] = Counter()

    # --- Acting -------------------------------------------------------------------------------------------
    def initial_state(self, n: int) -> Messages:
        """Nothing perceived."""
        return Messages(np.zeros((n, 1, LENGTH), np.int16), np.zeros((n, 1), np.int16), np.full(n, _NAMELESS))

    def act(self, observation: Mapping[str, Any], state: Messages) -> tuple[npt.NDArray[np.int64], Messages]:
        """What the behaviour output takes to be likeliest of all that can be said now."""
        messages = Messages.of(observation)
        mask, menu = observation["action_mask"], observation["menu"]
        chosen = np.zeros(len(mask), np.int64)
        rows, utterances = np.nonzero(mask)
        several = (mask.sum(1) > 1)[rows]
        rows, utterances = rows[several], utterances[several]
        if len(rows):
            scores = np.full(mask.shape, -np.inf)
            asked = messages.of_rows(rows)
            scores[rows, utterances] = self.likelihood(asked, menu[rows, utterances])
            playing = np.unique(rows)
            chosen[playing] = scores[playing].argmax(1)
        return chosen, messages

    def likelihood(self, messages: Messages, said: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """How probable it is that one says something now, by the behaviour output.

        Args:
            messages: B histories, one's own or switched ones.
            said: (B, L) word tokens.

        Returns:
            (B,) logarithms.
        """
        whole = messages.extended(said, messages.own)
        found = np.zeros(len(said))
        for at in range(0, len(said), _ROWS):
            part = slice(at, at + _ROWS)
            packed = whole.of_rows(part).pack()
            with torch.no_grad():
                logits = self.model(packed.tokens, packed.senders).behaviour[:, :-1]
            logs = -F.cross_entropy(logits.transpose(1, 2), packed.tokens[:, 1:], reduction="none")
            last = (packed.message == packed.message.max(1, keepdim=True).values) & ~packed.first()
            found[part] = torch.where(last[:, 1:], logs, 0).sum(1).double().numpy()
        return found

    # --- Questions ------------------------------------------------------------------------------------------
    def answer(self, probes: Sequence[Mapping[str, Any]], state: Messages) -> list[npt.NDArray[np.float64]]:
        """Answers about the places of things, about what people take them to be, and whether they know.
        All other questions it has no way to ask itself: there it guesses, and its card says so."""
        found: list[npt.NDArray[np.float64] | None] = [None] * len(probes)
        groups: dict[tuple[str, int], list[int]] = {}
        for k, probe in enumerate(probes):
            first, count = POOLS["T"]
            about = first <= _TOKEN.get(probe["about"], 0) < first + count
            if about and probe["kind"] in _ASKABLE:
                groups.setdefault((probe["kind"], len(probe["chain"])), []).append(k)
        seen = self._seen_by(state, [probes[k] for items in groups.values() for k in items])
        for (kind, order), items in groups.items():
            asked = [probes[k] for k in items]
            rows = np.array([probe["row"] for probe in asked])
            things = np.array([_TOKEN[probe["about"]] for probe in asked])
            mine = state.of_rows(rows)
            if kind == "memory":
                theirs = _up_to_first_mention(mine, things)
            elif order == 0:
                theirs = _deeds(mine)
            else:
                histories, numbers = seen[order]
                theirs = histories.of_rows(np.array([numbers[_place(probe)] for probe in asked]))
            places = _containers(mine)
            if kind == "knowledge":
                answers = self._knows(theirs, _deeds(mine), things, places)
                options = np.tile(np.array(["yes", "no"]), (len(items), 1))
            else:
                answers = self.places(theirs, things, places)[:, :-1]
                options = np.array(["", *VOCABULARY[1:]])[places]
            for k, given, names_of in zip(items, answers, options, strict=True):
                weights = dict(zip(names_of.tolist(), given.tolist(), strict=True))
                chosen = np.array([weights.get(option, 0.0) for option in probes[k]["options"]])
                if chosen.sum() > 0:
                    found[k] = chosen / chosen.sum()
        self._counts["questions"] += len(probes)
        self._counts["guessed"] += sum(each is None for each in found)
        return [guess(p["options"]) if f is None else f for p, f in zip(probes, found, strict=True)]

    def _seen_by(
        self, state: Messages, probes: Sequence[Mapping[str, Any]]
    ) -> dict[int, tuple[Messages, dict[tuple[int, tuple[str, ...]], int]]]:
        """For each order the histories as chains of individuals hold them, and which of them each row and
        chain has: one answers all questions about it."""
        found = {}
        for order in {len(probe["chain"]) for probe in probes} - {0}:
            places = dict.fromkeys(_place(probe) for probe in probes if len(probe["chain"]) == order)
            rows = np.array([row for row, _ in places])
            chains = np.array([[_TOKEN[name] for name in chain] for _, chain in places], np.int16)
            numbers = {place: number for number, place in enumerate(places)}
            found[order] = self.seen_by(state, rows, chains), numbers
        return found

    def seen_by(
        self, state: Messages, rows: npt.NDArray[np.int64], chains: npt.NDArray[np.int16]
    ) -> Messages:
        """Histories as chains of individuals hold them, told as if they were one's own.

        Args:
            state: one's own.
            rows: (N,) which of them.
            chains: (N, order) name tokens: whose view of whose view ... of it.
        """
        histories = state.of_rows(rows)
        for names in chains.T:
            histories = self.switch(histories, names)
        return histories

    def switch(self, messages: Messages, names: npt.NDArray[Any]) -> Messages:
        """S: the histories as others would hold them, told as if they were one's own.

        Args:
            messages: B histories.
            names: (B,) the others' name tokens.
        """
        if self.perspective == "labels":
            return messages.switch(names)
        kept = np.zeros(messages.senders.shape, np.bool_)
        for at in range(0, len(names), _ROWS):
            part = slice(at, at + _ROWS)
            kept[part] = perceived(self.model, messages.of_rows(part), names[part])
        return messages.switch(names, kept)

    def places(
        self, messages: Messages, things: npt.NDArray[Any], places: npt.NDArray[Any]
    ) -> npt.NDArray[np.float64]:
        """What one would say in these histories, asked where a thing is.

        Args:
            messages: B histories.
            things: (B,) word tokens.
            places: (B, P) word tokens of containers; 0 where there are no more.

        Returns:
            (B, P + 1) probabilities: of naming each of them, and, last, of saying that one does not know.
        """
        count = places.shape[1]
        asked = messages.extended(_say(ASK_PLACE, messages.own, things), _somebody_else(messages))
        said = [_say(CLAIM, things, places[:, k]) for k in range(count)] + [_say(UNSURE, things)]
        logs = np.stack([self.likelihood(asked, each) for each in said], 1)
        logs[:, :count][places == 0] = -np.inf
        weights = np.exp(logs - logs.max(1, keepdims=True))
        found: npt.NDArray[np.float64] = weights / weights.sum(1, keepdims=True)
        return found

    def _knows(
        self, theirs: Messages, mine: Messages, things: npt.NDArray[Any], places: npt.NDArray[Any]
    ) -> npt.NDArray[np.float64]:
        """(B, 2): whether they would name the place that one takes to be the real one, or not."""
        real = self.places(mine, things, places)[:, :-1].argmax(1)
        named = np.take_along_axis(self.places(theirs, things, places), real[:, None], 1)[:, 0]
        return np.stack([named, 1 - named], 1)

    def remarks(self) -> tuple[str, ...]:
        """How it sees with others' eyes, and which questions it had no way to ask itself."""
        counts, self._counts = self._counts, Counter()
        found = [f"tri-module: answers by simulation, perspective {self.perspective}"]
        if counts["guessed"]:
            found.append(
                f"{counts['guessed']} of {counts['questions']} questions were not about places: guessed"
            )
        return tuple(found)

    # --- Files --------------------------------------------------------------------------------------------
    def save(self, folder: str | Path) -> Path:
        """Write ``model.safetensors``, ``model.json`` and ``agent.json``; :meth:`load` makes it from them."""
        folder = self.model.save(folder)
        content = {
            "format": _FORMAT,
            "version": _VERSION,
            "name": self.name,
            "perspective": self.perspective,
        }
        write(folder / AGENT_FILE, json.dumps(content, indent=1) + "\n")
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> TriModuleAgent:
        """A saved agent, or what a curriculum's run has come to; nothing of its training is needed.

        Args:
            folder: of :meth:`save`, of ``TriModule.save``, or of a run.

        Raises:
            ValueError: what is there is none of ours, damaged, or of another version; it says which file.
        """
        folder = Path(folder)
        if not (folder / AGENT_FILE).is_file():
            last = folder / "checkpoints" / "last"
            return cls(load_model(last if last.is_dir() else folder))
        path = folder / AGENT_FILE
        content = read_description(path, _FORMAT, _VERSION, "a tri-module agent")
        try:
            return cls(load_model(folder), content["perspective"], content["name"])
        except KeyError as error:
            raise ValueError(f"{path}: {error} is missing") from None


# --- Histories --------------------------------------------------------------------------------------------
_ASKABLE = ("belief", "next_action", "knowledge", "reality", "memory")
_NAMELESS = np.int16(POOLS["I"][0])


def _place(probe: Mapping[str, Any]) -> tuple[int, tuple[str, ...]]:
    """Whose view of which history a question is about."""
    return probe["row"], tuple(probe["chain"])


def _say(act: int, *arguments: Any) -> npt.NDArray[np.int16]:
    """(B, LENGTH) word tokens of an utterance in B worlds."""
    found = np.zeros((len(arguments[0]), LENGTH), np.int16)
    found[:, 0] = act
    for k, each in enumerate(arguments, 1):
        found[:, k] = each
    return found


def _containers(messages: Messages) -> npt.NDArray[np.int64]:
    """The containers that come up in histories, (B, P) word tokens in the order of the vocabulary; 0 where
    there are no more."""
    first, count = POOLS["P"]
    b = len(messages.tokens)
    words = messages.tokens.reshape(b, -1)
    there = np.zeros((b, count), np.bool_)
    rows, at = np.nonzero((words >= first) & (words < first + count))
    there[rows, words[rows, at] - first] = True
    most = max(int(there.sum(1).max()), 1)
    order = np.argsort(~there, 1, kind="stable")[:, :most]
    return np.where(np.take_along_axis(there, order, 1), order + first, 0)


def _deeds(messages: Messages) -> Messages:
    """What was seen to happen, without what was only said about places: what is really so."""
    return messages.only(~np.isin(messages.tokens[..., 0], (CLAIM, TELL)))


def _up_to_first_mention(messages: Messages, things: npt.NDArray[Any]) -> Messages:
    """What one knew when a thing first came up."""
    mentioned = (messages.tokens[..., 1:] == things[:, None, None]).any(-1)
    before = np.cumsum(mentioned, 1) - mentioned == 0
    return messages.only(before)


def _somebody_else(messages: Messages) -> npt.NDArray[np.int16]:
    """(B,) who of the others spoke or acted last; oneself where nobody has."""
    others = (messages.senders != 0) & (messages.senders != messages.own[:, None])
    last = others.shape[1] - 1 - others[:, ::-1].argmax(1)
    found = np.take_along_axis(messages.senders, last[:, None], 1)[:, 0]
    return np.where(others.any(1), found, messages.own).astype(np.int16)
