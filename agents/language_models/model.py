"""What local and served language models have in common: how they act, answer and remember."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base import Agent, guess
from .prompts import Heard, Prompt, question, read_deed, turn

__all__ = ["ACTING", "LanguageModel"]

#: How a language model acts: it chooses among what is possible, says anything it likes, or is not asked.
ACTING = ("choice", "free", "none")


class LanguageModel(Agent):
    """A language model that plays and answers questions.

    Its state is what it perceived, one :class:`Heard` a world. It is only asked for an action where it
    has a choice, and not again while nothing has changed: it is a function of what it perceived.

    Args:
        name: on cards.
        source: what it is, for the card's notes.
        acting: ``"choice"``, one of the actions that are possible now; ``"free"``, anything, which is
            read (``language.understand``): what is not understood or not possible costs the turn;
            ``"none"``: it waits and says nothing, for exams in which only the questions count.

    Raises:
        ValueError: there is no such way of acting.
    """

    observation = "text"
    can_answer = True

    def __init__(self, name: str, source: str, acting: str = "choice") -> None:
        if acting not in ACTING:
            raise ValueError(f"acting is {acting!r}, expected one of {', '.join(ACTING)}")
        self.name, self.source, self.acting = name, source, acting
        self._counts: Counter[str] = Counter()

    # --- What a kind of model adds ----------------------------------------------------------------------
    @abstractmethod
    def choose(self, prompts: Sequence[Prompt]) -> Iterator[npt.NDArray[np.float64] | None]:
        """For each prompt, in order, the probabilities of its options as shown; None where the answer
        names none of them."""

    @abstractmethod
    def write(self, prompts: Sequence[Prompt]) -> Iterator[str]:
        """For each prompt, in order, what the model writes."""

    # --- An agent -----------------------------------------------------------------------------------------
    def initial_state(self, n: int) -> tuple[Heard, ...]:
        """Nothing heard."""
        return (Heard(),) * n

    def act(
        self, observation: Mapping[str, Any], state: tuple[Heard, ...]
    ) -> tuple[npt.NDArray[np.int64], tuple[Heard, ...]]:
        """Decide, in the worlds in which there is something to decide."""
        rows = [heard.then(text) for heard, text in zip(state, observation["text"], strict=True)]
        asked: list[tuple[int, tuple[int, ...], Prompt]] = []
        for k, (heard, sentences) in enumerate(zip(rows, observation["actions"], strict=True)):
            mask = np.flatnonzero(observation["action_mask"][k]).tolist()
            legal = tuple(u for u in mask if sentences[u]) or (0,)
            if self.acting == "none" or legal == (0,):
                rows[k] = replace(heard, legal=legal, done=0, deed="")
            elif heard.done < 0 or heard.legal != legal:
                if len(legal) == 1:
                    rows[k] = replace(heard, legal=legal, done=legal[0], deed=sentences[legal[0]])
                    continue
                possible = [sentences[u] for u in legal]
                asked.append((k, legal, turn(heard.story(), possible, self.acting == "free")))
        prompts = [prompt for _, _, prompt in asked]
        decided = self._free(asked, observation) if self.acting == "free" else self._best(prompts)
        for (k, legal, _), chosen in zip(asked, decided, strict=True):
            self._counts["turns"] += 1
            if chosen is None:
                self._counts["lost"] += 1
            done = 0 if chosen is None else legal[chosen]
            rows[k] = replace(rows[k], legal=legal, done=done, deed=observation["actions"][k][done])
        return np.array([heard.done for heard in rows], np.int64), tuple(rows)

    def _best(self, prompts: Sequence[Prompt]) -> Iterator[int | None]:
        for found in self.choose(prompts):
            yield None if found is None else int(found.argmax())

    def _free(
        self, asked: Sequence[tuple[int, tuple[int, ...], Prompt]], observation: Mapping[str, Any]
    ) -> Iterator[int | None]:
        written = self.write([prompt for _, _, prompt in asked])
        for (k, legal, prompt), text in zip(asked, written, strict=True):
            read = read_deed(text, observation["actions"][k], legal, prompt.story)
            yield None if read is None else legal.index(read)

    def answer(
        self, probes: Sequence[Mapping[str, Any]], state: tuple[Heard, ...] | None
    ) -> Iterator[npt.NDArray[np.float64]]:
        """Answer questions, one after the other: about what a row perceived, or about ``"text"``."""
        stories = [
            probe["text"] if "text" in probe else (state or ())[probe["row"]].story() for probe in probes
        ]
        prompts = [
            question(story, probe["question"], probe["options"])
            for story, probe in zip(stories, probes, strict=True)
        ]
        for probe, prompt, found in zip(probes, prompts, self.choose(prompts), strict=True):
            self._counts["questions"] += 1
            if found is None:
                self._counts["unread"] += 1
                yield guess(probe["options"])
            else:
                yield np.array([found[prompt.options.index(option)] for option in probe["options"]])

    def remarks(self) -> tuple[str, ...]:
        """What it is, and what could not be read; counts begin anew."""
        counts, self._counts = self._counts, Counter()
        found = [f"language model: {self.source}, acting: {self.acting}"]
        if counts["turns"]:
            found.append(
                f"{counts['lost']} of {counts['turns']} turns were lost: not understood or not possible"
            )
        if counts["questions"]:
            found.append(
                f"{counts['unread']} of {counts['questions']} answers could not be read: taken as guesses"
            )
        if counts["shortened"]:
            found.append(
                f"{counts['shortened']} stories were too long for the model: their beginnings were left out"
            )
        return tuple(found)


def plain_name(kind: str, name: str) -> str:
    """A model's name for cards and folders."""
    last = re.sub(r"[^\w.-]+", "-", name.rstrip("/").rpartition("/")[2]).strip("-.")
    return f"{kind}-{last or 'model'}"
