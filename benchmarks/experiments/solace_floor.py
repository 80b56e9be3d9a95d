"""The least that predictions can err in ``solace``: an exact predictor, by Bayes' rule.

What others say and what their faces show is decided by what each needs and by its temper, which are drawn
when a conversation begins and hidden. So all that can be known of the next message is a distribution over
these two, given all that was said and shown: it is kept exactly, need by temper, for each of the others. The
mean of its error on real messages is the entropy floor of prediction on those.
"""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt

from ...envs.conversation.engine import KIND, PLAIN, SELFISH_TEMPER, SHY, WORLD
from ...envs.conversation.language import (
    ACCEPT,
    ASK_FEEL,
    ASK_NEED,
    ENTER,
    FEEL,
    GIVE,
    HAPPY,
    INDIVIDUAL,
    NEED,
    NOTHING,
    OFFER,
    REFUSE,
    SAD,
    SHOW,
    THANK,
    THING,
)

__all__ = ["floor"]

LISTENER = 0
_TEMPERS = (SHY, PLAIN, KIND, SELFISH_TEMPER)
#: How many of eight people have each of these, by population.
_EIGHTHS = {
    "train": (2, 4, 1, 1), "held_out": (4, 2, 1, 1), "open": (0, 0, 8, 0), "closed": (8, 0, 0, 0),
}  # fmt: skip
Message = tuple[int, ...]


class _Other:
    """What can be known of one of the others.

    Args:
        me: its index.
        kinds: of things.
        population: of what it is drawn.
    """

    def __init__(self, me: int, kinds: int, population: str) -> None:
        eighths = dict(zip(_TEMPERS, _EIGHTHS[population], strict=True))
        self.me = me
        self.odds = {
            (need, temper): eighths[temper] / 8 / kinds for need in range(kinds) for temper in _TEMPERS
        }
        self.met = dict.fromkeys(range(kinds), False)  # by need

    def face(self, thing: int) -> dict[int, int]:
        """What it would show if offered or given a thing, by need."""
        return {need: HAPPY if need == thing and not met else SAD for need, met in self.met.items()}

    def learn(self, right: dict[tuple[int, int], bool]) -> float:
        """Keep what is right; how probable it was."""
        mass = sum(p for each, p in self.odds.items() if right[each])
        self.odds = {each: p / mass if right[each] else 0.0 for each, p in self.odds.items()} if mass else {}
        return mass

    def answer(self, need: int, temper: int, last: Message, sender: int) -> Message:
        """What it says to what was said last: ``solace.answer``, in the first place for each need."""
        me, listener = INDIVIDUAL + self.me, INDIVIDUAL + LISTENER
        unmet = not self.met[need]
        claims = unmet or temper == SELFISH_TEMPER
        told: Message = (NEED, me, THING + need)
        if sender == LISTENER and len(last) > 1 and last[1] == me:
            act = last[0]
            if act == GIVE:
                return (REFUSE if unmet else THANK, listener)
            if temper == SHY:
                return (NOTHING,)
            if act == ASK_NEED and claims:
                return told
            if act == ASK_FEEL:
                return (FEEL, me, SAD if unmet else HAPPY)
            if act == OFFER:
                return (ACCEPT if unmet and last[2] - THING == need else REFUSE, listener)
        return told if claims and temper in (KIND, SELFISH_TEMPER) else (NOTHING,)


def floor(simulation: Any) -> tuple[float, int]:
    """The exact predictor's error on conversations of ``solace`` that are over.

    Args:
        simulation: B of them, at their ends; the listener was played by anybody, the others by their
            characters.

    Returns:
        The sum of its errors in nats, over all others' s^j: every face, and j's own messages; and the number
        of these messages.

    Raises:
        ValueError: something was said that no character says.
    """
    worlds, options = simulation.worlds, simulation.options
    total, count = 0.0, 0
    others = simulation.count - 1
    for world in worlds:
        said: npt.NDArray[Any] = world["said"][: world["length"]]
        people = {j: _Other(j, options.kinds, options.population) for j in range(1, simulation.count)}
        last: Message = ()
        by = WORLD
        for k, row in enumerate(said):
            sender = int(world["sender"][k])
            message = tuple(int(each) for each in row if each)
            if message[0] == ENTER or (sender == WORLD and message[0] != SHOW):
                continue
            if sender == WORLD:
                if last and last[0] in (OFFER, GIVE):
                    other = people[message[1] - INDIVIDUAL]
                    shown = other.face(last[2] - THING)
                    p = other.learn({each: shown[each[0]] == message[2] for each in other.odds})
                    if last[0] == GIVE:
                        other.met = {n: met or n == last[2] - THING for n, met in other.met.items()}
                    total -= others * _log(p, message)
                    count += others
                continue
            if sender != LISTENER:
                other = people[sender]
                spoken = {each: other.answer(*each, last=last, sender=by) == message for each in other.odds}
                total -= _log(other.learn(spoken), message)
                count += 1
            last, by = message, sender
    return total, count


def _log(p: float, message: Message) -> float:
    if p <= 0:
        raise ValueError(f"message {message} has probability 0, expected one that a character says")
    return math.log(min(p, 1.0))
