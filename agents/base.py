"""What an agent is: a policy that acts on what one individual perceives, and may answer questions.

Agents are pure: what they remember is a value that goes in and comes out, so one agent can play any
number of worlds at once, and playing again gives the same.

    class Turner(Agent):
        name = "turner"

        def act(self, observation, state):
            n = len(observation["action_mask"])
            return np.full(n, 1), state  # 1: turn_left
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Agent", "as_rows", "guess", "one_hot", "within", "writes"]


class Agent:
    """Base class of agents; write :meth:`act`, and :meth:`answer` where there is something to say.

    An agent decides for one individual in n worlds at once. At each step it is first given what the
    individual perceives now; then it may be asked about it; then the worlds move.

    Attributes:
        name: what it is called on cards.
        observation: which view it is given, one of the game's ``views``: ``"flat"``, one-hot numbers,
            ``"symbolic"``, codes (gridworlds), ``"tokens"``, words as numbers (conversations), or
            ``"text"``.
        privileged: reads the engine's state. For reference agents only, and cards say so.
        can_answer: whether :meth:`answer` is to be called.
        mode: for the game's own characters, one of ``game.MODES``: the engine then acts for it.
    """

    name: str = "agent"
    observation: str = "flat"
    privileged: bool = False
    can_answer: bool = False
    mode: str = "external"

    def initial_state(self, n: int) -> Any:
        """What it remembers before the first step of n worlds; nothing by default."""
        return None

    def act(self, observation: Mapping[str, Any], state: Any) -> tuple[npt.NDArray[np.int64], Any]:
        """Decide.

        Args:
            observation: arrays of n rows: ``"flat"`` (n, N) uint8, or ``"window"`` (n, V, V, 4)
                uint8 and ``"fields"`` (n, F) uint8, or what ``Simulation.view`` says of the view;
                ``"text"`` is a list of n texts, with ``"actions"``, n lists of the actions in words,
                ``""`` where this world has no such action. Always ``"action_mask"`` (n, actions) int8.
                A row whose episode is over stays as it was at its end; what is done there counts for
                nothing. For privileged agents also ``"oracle"``: (the Simulation, the individual's
                index).
            state: what the last call, or :meth:`initial_state`, returned.

        Returns:
            Actions (n,), indices into ``engine.ACTIONS``, and the new state.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how it acts")

    def answer(self, probes: Sequence[Any], state: Any) -> Iterable[npt.NDArray[np.float64]]:
        """Answer questions about now, after :meth:`act` was given what is perceived now.

        Args:
            probes: what ``Probe.public()`` returns (kind, asked, chain, about, options, question,
                step), and ``"row"``, the row of the state that is asked; privileged agents are
                given the probes themselves.
            state: what the last :meth:`act` returned.

        Returns:
            For each probe the probabilities of its options. They may be yielded one after the other:
            then those that it has given are kept when it fails at a later one.
        """
        raise NotImplementedError(f"{type(self).__name__} does not answer questions")

    def remarks(self) -> tuple[str, ...]:
        """What its card has to say besides the scores, such as how many answers could not be read.
        Called before it plays and after: whatever it counts, it counts from the last call on."""
        return ()


def writes(agent: Any, method: str) -> bool:
    """Whether an agent has a method of its own: that of :class:`Agent` only says that there is none."""
    found = getattr(agent, method, None)
    return callable(found) and getattr(found, "__func__", None) is not getattr(Agent, method, None)


@contextmanager
def within(agent: Agent, method: str) -> Iterator[None]:
    """An error that an agent's own code raises within this says (in a note) in which method it was. Those of
    our agents say all that is to be known themselves."""
    try:
        yield
    except Exception as error:
        if type(agent).__module__.partition(".")[0] != __name__.partition(".")[0]:
            error.add_note(f"in {agent.name}.{method} (MINDSIGHT_DEBUG=1 shows the line)")
        raise


def as_rows(
    observation: Any, action_masks: npt.NDArray[Any] | None, axes: Mapping[str, int]
) -> tuple[dict[str, Any], bool]:
    """What an environment gives somebody, as :meth:`Agent.act` is given it.

    Args:
        observation: one observation (a dict), or n rows of it.
        action_masks: the mask of what can be done, of one or n rows; None where it is in the observation.
        axes: what the observation has to hold, and how many axes each of it has without that of rows.

    Returns:
        The rows, with ``"action_mask"``; and whether it was one observation, which is now a row.

    Raises:
        ValueError: something is missing; it says what.
    """
    given = {"action_mask": action_masks} if action_masks is not None else {}
    rows = {**observation, **given} if isinstance(observation, Mapping) else given
    for name in (*axes, "action_mask"):
        if name not in rows:
            hint = "; give info['action_mask'] as action_masks" if name == "action_mask" else ""
            raise ValueError(f"{name!r} is missing: expected an observation of {', '.join(axes)}{hint}")
    name, count = next(iter(axes.items()))
    alone = np.ndim(rows[name]) == count
    return ({key: np.asarray(value)[None] for key, value in rows.items()} if alone else rows), alone


def one_hot(options: Sequence[str], answer: str) -> npt.NDArray[np.float64]:
    """All the probability on one answer; a guess where it is not among the options."""
    if answer not in options:
        return guess(options)
    chosen = np.zeros(len(options))
    chosen[list(options).index(answer)] = 1.0
    return chosen


def guess(options: Sequence[str]) -> npt.NDArray[np.float64]:
    """The same probability for every option."""
    return np.full(len(options), 1.0 / len(options))
