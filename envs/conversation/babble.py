"""Babble: learn which messages are rewarded, and when.

Story. An infant babbles; one or two caretakers talk to it, each about one topic after the other. Whenever a
caretaker has mentioned something, one sound of the infant's pleases that caretaker, whose face then shows
it; all others leave it calm. After Goldstein, King and West (2003), who had mothers answer some of their
infants' sounds and found that these changed; stage 1a, self-directed behaviour.

Who may say what. In turns: a caretaker mentions one of its topics (an occasion), the infant makes a sound,
which is a topic of its own kind, or says nothing. Both may mention all topics of the episode, so the
infant can repeat what it has heard.

Rewards. The infant: +1 when the caretaker's face shows happy after its sound, 0 else. Caretakers: nothing.

Which sound pleases on which occasion is, with ``rule="drawn"``, drawn for each episode, for each caretaker
and occasion anew: it has to be found out by trying, and remembered. With ``rule="fixed"`` it is the same in
all episodes: occasion k of caretaker c wants sound (k + 2c + 1) modulo their number.

Ends after the last round. ``perf`` is the share of rounds in which the infant pleased.

Probes, once something has pleased on every occasion, or at the end: for each occasion, which sound is wanted
(want, order 1); what was mentioned last (memory, control).

Options
    occasions: 2 to 4, of each caretaker. sounds: 2 to 6. caretakers: 1 or 2.
    rule: ``"drawn"`` or ``"fixed"``.
    rounds: 4 to 26, each of two turns.
    population: ``"train"``, or ``"held_out"``: topics and sounds have changed parts.
    limit: turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..kernels import njit, whole
from ..probes import Probe
from ..simulation import ANEW, EGOCENTRIC, EXACT, LAST_SEEN, RANDOM, RUNNING
from . import engine, language
from .engine import NOWHERE, WORLD, find, random_below, random_choice
from .game import Game, GameOptions
from .language import (
    CALM,
    ENTER,
    FIRST_TOPIC,
    HAPPY,
    INDIVIDUAL,
    MENTION,
    NOTHING,
    ROOM,
    SHOW,
    TOPICS,
    VOCABULARY,
)
from .questions import UNKNOWN, Reader, shuffled

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "BabbleOptions"]

INFANT = 0
OCCASIONS, SOUNDS = 4, 6  # at most
# memory: of each caretaker's occasions which sound pleases, which is known to, which do not (bits)
WANTED, KNOWN, TRIED = 0, 8, 16
CARETAKER, OCCASION, PLEASED, EXAMINED, LAST_PLEASING, ROUNDS = range(24, 30)
ROUND = 30


@dataclass(frozen=True)
class BabbleOptions(GameOptions):
    """Options of babble: see the module's page."""

    occasions: int = 3
    sounds: int = 4
    caretakers: int = 1
    rule: str = "drawn"
    rounds: int = 24
    population: str = "train"
    limit: int = 80
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {
        "occasions": (2, OCCASIONS),
        "sounds": (2, SOUNDS),
        "caretakers": (1, 2),
        "rounds": (4, 26),
        "limit": (4, 80),
    }
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {
        "rule": ("drawn", "fixed"),
        "population": ("train", "held_out"),
    }


def encode(options: BabbleOptions) -> npt.NDArray[np.int64]:
    """(limit, occasions, sounds, caretakers, fixed, rounds, held out)."""
    return np.array(
        [
            options.limit,
            options.occasions,
            options.sounds,
            options.caretakers,
            int(options.rule == "fixed"),
            options.rounds,
            int(options.population == "held_out"),
        ]
    )


def menu(options: BabbleOptions) -> list[tuple[int, ...]]:
    """Nothing, the occasions, the sounds: all topics."""
    return [(NOTHING,), *((MENTION, topic) for topic in (*occasions(options), *sounds(options)))]


def occasions(options: BabbleOptions) -> range:
    """The topics that caretakers mention, as tokens."""
    first = FIRST_TOPIC + (len(TOPICS) - OCCASIONS if options.population == "held_out" else 0)
    return range(first, first + options.occasions)


def sounds(options: BabbleOptions) -> range:
    """The infant's sounds, as tokens."""
    first = FIRST_TOPIC + (0 if options.population == "held_out" else len(TOPICS) - SOUNDS)
    return range(first, first + options.sounds)


@njit
def first_occasion(options: Any) -> int:
    return FIRST_TOPIC + (len(TOPICS) - OCCASIONS if options[6] else 0)


@njit
def first_sound(options: Any) -> int:
    return FIRST_TOPIC + (0 if options[6] else len(TOPICS) - SOUNDS)


@njit
def deal_world(w: Any, chains: Any, options: Any) -> None:
    """A new episode: all in one room, and what pleases on which occasion."""
    limit, count, number, caretakers, fixed, rounds, held_out = options[:7]
    engine.clear(w, 1 + caretakers, 0, 0, 1, limit)
    engine.deal_words(w, held_out)
    for a in range(w.individuals):
        engine.say(w, chains, a, ENTER, ROOM, 0, 0)
    for c in range(caretakers):
        for k in range(count):
            drawn = random_below(w, number)
            w.memory[WANTED + c * OCCASIONS + k] = (k + 2 * c + 1) % number if fixed else drawn
            w.memory[KNOWN + c * OCCASIONS + k] = NOWHERE
        if not fixed and count > 1:
            # on two occasions at least something else pleases: a sound that always does is no lesson
            first = whole(w.memory[WANTED + c * OCCASIONS])
            same = True
            for k in range(1, count):
                same = same and w.memory[WANTED + c * OCCASIONS + k] == first
            if same:
                other = (first + 1 + random_below(w, number - 1)) % number
                w.memory[WANTED + c * OCCASIONS + count - 1] = other
    w.memory[OCCASION] = NOWHERE
    w.memory[LAST_PLEASING] = NOWHERE
    w.memory[ROUNDS] = rounds
    w.speaker = 1 + random_below(w, caretakers)


@njit
def rules(w: Any, chains: Any, options: Any) -> None:
    """What the caretaker's face shows, rewards, whose turn it is, the end."""
    count, number, caretakers = options[1], options[2], options[3]
    k = engine.last_act(w)
    sender, act, topic = whole(w.sender[k]), whole(w.said[k, 0]), whole(w.said[k, 1])
    if sender != INFANT:
        w.memory[CARETAKER] = sender - 1
        w.memory[OCCASION] = NOWHERE
        occasion = topic - first_occasion(options)
        if act == MENTION and 0 <= occasion < count:
            w.memory[OCCASION] = occasion
        w.next = INFANT
        return
    w.memory[ROUND] += 1
    c, occasion, sound = whole(w.memory[CARETAKER]), whole(w.memory[OCCASION]), topic - first_sound(options)
    if occasion != NOWHERE and act != NOTHING:
        cell = c * OCCASIONS + occasion
        pleased = sound == w.memory[WANTED + cell]
        engine.show(w, chains, 1 + c, HAPPY if pleased else CALM)
        if pleased:
            w.reward[INFANT] += 1.0
            w.welfare[INFANT] += 1.0
            w.welfare[1 + c] += 1.0
            w.memory[PLEASED] += 1
            w.memory[KNOWN + cell] = sound
            w.memory[LAST_PLEASING] = sound
        elif 0 <= sound < number:
            w.memory[TRIED + cell] |= 1 << sound
    w.perf = w.memory[PLEASED] / w.memory[ROUNDS]
    w.next = 1 + random_below(w, caretakers)
    if w.memory[ROUND] >= w.memory[ROUNDS]:
        w.terminated = 1
    known = True
    for c in range(caretakers):
        for k in range(count):
            known = known and w.memory[KNOWN + c * OCCASIONS + k] != NOWHERE
    if (known or w.terminated or engine.cut_off(w)) and not w.memory[EXAMINED]:
        w.memory[EXAMINED] = 1
        w.ask = 1


@njit
def choose(w: Any, menu: Any, a: int, mode: int, options: Any) -> int:
    """What a character says."""
    count, number = options[1], options[2]
    if a != INFANT:
        return find(w, menu, a, MENTION, first_occasion(options) + random_below(w, count), 0, 0)
    occasion = whole(w.memory[OCCASION])
    if occasion == NOWHERE:
        return 0
    cell = whole(w.memory[CARETAKER]) * OCCASIONS + occasion
    sound = NOWHERE
    if mode == EGOCENTRIC:  # repeats what it has heard
        return find(w, menu, a, MENTION, first_occasion(options) + occasion, 0, 0)
    if mode == LAST_SEEN:  # repeats what pleased last, whatever the occasion
        sound = whole(w.memory[LAST_PLEASING])
    elif mode == EXACT or options[4]:  # the fixed rule can be learned once and for all
        sound = whole(w.memory[WANTED + cell])
    else:
        sound = whole(w.memory[KNOWN + cell])
    if sound == NOWHERE:
        # one that has not been tried yet
        left = 0
        for k in range(number):
            left += 1 - (whole(w.memory[TRIED + cell]) >> k & 1) if mode != LAST_SEEN else 1
        ticket = random_below(w, max(left, 1))
        for k in range(number):
            if mode == LAST_SEEN or not w.memory[TRIED + cell] >> k & 1:
                ticket -= 1
                if ticket < 0:
                    sound = k
                    break
    return find(w, menu, a, MENTION, first_sound(options) + sound, 0, 0)


@njit
def judge(
    said: Any, senders: Any, lengths: Any, individuals: int, deeds: Any, who: Any, options: Any, out: Any
) -> None:
    """R(history, action, who) for each row: the infant gains when a caretaker's face shows happy right after
    its own sound."""
    for n in range(lengths.shape[0]):
        out[n] = 0.0
        last = whole(lengths[n]) - 1
        if who[n] != INFANT or deeds[n, 0] != WORLD or deeds[n, 1] != SHOW or last < 0:
            continue
        others = deeds[n, 2] != INDIVIDUAL + INFANT
        if others and deeds[n, 3] == HAPPY and senders[n, last] == INFANT and said[n, last, 0] != NOTHING:
            out[n] = 1.0


# --- The batch: the same few lines in every game, since numba caches no functions as arguments ---------
@njit
def deal(worlds: Any, chains: Any, options: Any, todo: Any, lo: int, hi: int) -> None:
    for i in range(lo, hi):
        if todo[i] == ANEW:
            deal_world(worlds[i], chains, options)


@njit
def play(worlds: Any, chains: Any, options: Any, todo: Any, lo: int, hi: int) -> None:
    for i in range(lo, hi):
        if todo[i] == RUNNING:
            rules(worlds[i], chains, options)


@njit
def permit(worlds: Any, options: Any, menu: Any, masks: Any, lo: int, hi: int) -> None:
    for i in range(lo, hi):
        engine.permit_legal(worlds[i], i, menu, masks)


@njit
def script(
    worlds: Any, chains: Any, options: Any, menu: Any, masks: Any, modes: Any, actions: Any, lo: int, hi: int
) -> None:
    for i in range(lo, hi):
        w = worlds[i]
        for a in range(w.individuals):
            if modes[a]:
                actions[i, a] = 0
                if not engine.has_turn(w, a):
                    continue
                if modes[a] == RANDOM:
                    actions[i, a] = random_choice(w, i, a, masks)
                else:
                    actions[i, a] = choose(w, menu, a, modes[a], options)


def probes(simulation: Simulation, world: int) -> list[Probe]:
    """Which sound pleases on which occasion."""
    reader = Reader(simulation, world)
    w, names = simulation.worlds[world], reader.names
    options: Any = simulation.options
    topics = [VOCABULARY[token] for token in occasions(options)]
    made = [VOCABULARY[token] for token in sounds(options)]
    last, repeated = int(w["memory"][LAST_PLEASING]), int(w["memory"][OCCASION])
    common: dict[str, Any] = {
        "asked": simulation.individuals[INFANT], "condition": options.rule, "group": "contingency",
        "step": int(w["step"]),
    }  # fmt: skip
    found = []
    for c in range(options.caretakers):
        name = names[1 + c]
        for k, topic in enumerate(topics):
            cell = c * OCCASIONS + k
            told = language.about(topic)
            answer = made[int(w["memory"][WANTED + cell])]
            known = int(w["memory"][KNOWN + cell])
            own = answer if options.rule == "fixed" else UNKNOWN if known == NOWHERE else made[known]
            shortcuts = {"dropped_first": topic}
            if last != NOWHERE:
                shortcuts["last_mentioned"] = made[last]
            found.append(
                Probe(
                    kind="want", chain=(name,), about=topic,
                    options=shuffled(made, w["key"], 8 * c + k), answer=answer, own=own,
                    required_order=1, shortcuts=shortcuts,
                    question=f"When {name} talks about {told}, what does {name} want to hear?",
                    **common,
                )
            )  # fmt: skip
    if repeated != NOWHERE:
        name = names[1 + int(w["memory"][CARETAKER])]
        found.append(
            Probe(
                kind="memory", chain=(), about=name, options=shuffled(topics, w["key"], 99),
                answer=topics[repeated], own=topics[repeated], required_order=0, role="control",
                question=f"What did {name} talk about last?", **common,
            )
        )  # fmt: skip
    return found


GAME = Game(
    name="babble",
    stage="1a",
    title="learn which messages are rewarded, and when",
    roles=("infant", "caretaker", "caretaker"),
    learner="infant",
    options=BabbleOptions,
    encode=encode,
    count=lambda options: 1 + options.caretakers,
    menu=menu,
    deal=deal,
    play=play,
    permit=permit,
    script=script,
    judge=judge,
    probes=probes,
    documentation=__doc__,
    modes=("external", "scripted", "last_seen", "exact", "random", "egocentric"),
)
