"""Cracker: give what the other likes, not what you like.

Story. A host has one of each of k kinds of food, and a guest sits at the table. Both like one kind, and
each knows only their own: in (k - 1)/k of the episodes the two differ, so giving what oneself likes is
right by chance only. The host may ask, and the guest may answer; or offer, and look at the guest's
face; then gives one thing, once. After Repacholi and Gopnik (1997), who had infants give crackers or
broccoli; stage 5b, cognitive theory of mind.

Who may say what. In turns. The host greets, asks what the guest likes or how it feels, offers kinds,
says what it likes itself, and gives one thing. The guest greets, answers, thanks, accepts, refuses.
A plain guest says what it likes when asked, a shy one says nothing of it, an open one says it unasked;
whenever something is offered the guest's face shows whether it would be glad of it.

Rewards. The guest: +1 for what it likes, -0.5 for anything else. The host: -0.2 for giving, and with
``pay="shared"`` what the guest's face then shows, +1 if happy, -0.5 if sad; with ``pay="guest"`` nothing
more, so that kindness has no reward of its own. Asking costs nothing but the turns, -0.01 each.

Ends when something was given and the guest has had the last word. ``perf`` is 1 if the guest likes it.
Counted separately: gave_what_guest_likes, gave_what_host_likes; both where the two like the same.

Probes, once, when the host has learned what the guest likes, or has given something, or at the end: what
does the guest like (want, order 1), what will it feel if given what the host likes (feeling, order 1), what
does the host like (want, order 0, control).

Options
    kinds: k, 2 to 6.
    guest: ``"mixed"``, plain and shy ones; ``"plain"``, ``"shy"`` or ``"open"``.
    pay: ``"shared"`` or ``"guest"``.
    population: ``"train"``, or ``"held_out"``: words that training never has, and more shy guests.
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
from ..simulation import ANEW, EGOCENTRIC, EXACT, PROSOCIAL, RANDOM, RUNNING, SELFISH
from . import engine
from .engine import KIND, NOWHERE, PLAIN, SHY, WORLD, find, random_below, random_choice
from .game import Game, GameOptions
from .language import (
    ACCEPT,
    ASK_FEEL,
    ASK_LIKE,
    ENTER,
    GIVE,
    GREET,
    HAPPY,
    INDIVIDUAL,
    LIKE,
    NOTHING,
    OFFER,
    REFUSE,
    ROOM,
    SAD,
    SHOW,
    THANK,
    THING,
)
from .questions import UNKNOWN, Reader

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "CrackerOptions"]

HOST, GUEST = 0, 1
SHARED = 0
# memory
GIVEN, ASKED, OFFERS, ASKED_PROBES, GLAD_OF, THEIRS, MINE = range(7)
COST, TURN = 0.2, 0.01  # of giving, of a turn
LIKED, DISLIKED = 1.0, -0.5


@dataclass(frozen=True)
class CrackerOptions(GameOptions):
    """Options of cracker: see the module's page."""

    kinds: int = 4
    guest: str = "mixed"
    pay: str = "shared"
    population: str = "train"
    limit: int = 20
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {"kinds": (2, 6), "limit": (4, 80)}
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {
        "guest": ("mixed", "plain", "shy", "open"),
        "pay": ("shared", "guest"),
        "population": ("train", "held_out"),
    }


def encode(options: CrackerOptions) -> npt.NDArray[np.int64]:
    """(limit, kinds, guest, pay, held out)."""
    choices = CrackerOptions.CHOICES
    return np.array(
        [
            options.limit,
            options.kinds,
            choices["guest"].index(options.guest),
            choices["pay"].index(options.pay),
            choices["population"].index(options.population),
        ]
    )


def menu(options: CrackerOptions) -> list[tuple[int, ...]]:
    """What can be said; the other one is INDIVIDUAL + 1."""
    other = INDIVIDUAL + 1
    things = range(THING, THING + options.kinds)
    return [
        (NOTHING,),
        *((act, other) for act in (GREET, THANK, ACCEPT, REFUSE, ASK_LIKE, ASK_FEEL)),
        *((LIKE, INDIVIDUAL, thing) for thing in things),
        *((OFFER, other, thing) for thing in things),
        *((GIVE, other, thing) for thing in things),
    ]


@njit
def deal_world(w: Any, chains: Any, options: Any) -> None:
    """A new episode: both at one table, each told what they like themselves."""
    limit, kinds, guest, _, held_out = options[:5]
    engine.clear(w, 2, kinds, 0, 1, limit)
    engine.deal_words(w, held_out)
    w.goods = 1
    w.memory[GLAD_OF] = NOWHERE
    if guest == 0:
        w.temper[GUEST] = SHY if random_below(w, 4) < 1 + held_out else PLAIN
    else:
        w.temper[GUEST] = KIND if guest == 3 else SHY if guest == 2 else PLAIN
    for a in range(2):
        engine.say(w, chains, a, ENTER, ROOM, 0, 0)
    for t in range(kinds):
        w.stock[HOST, t] = 1
    for a in range(2):
        w.like[a] = random_below(w, kinds)
        engine.whisper(w, chains, 1 << a, LIKE, INDIVIDUAL + a, THING + w.like[a], 0, engine.EVENT)
    w.speaker = HOST
    cues(w)


@njit
def cues(w: Any) -> None:
    """What each knows of themselves: the kind they like + 1, whether something was given."""
    for a in range(2):
        w.cue[a, 0] = w.like[a] + 1
        w.cue[a, 1] = w.memory[GIVEN]


@njit
def rules(w: Any, chains: Any, options: Any) -> None:
    """What the guest's face shows, rewards, the end."""
    pay = options[3]
    k = engine.last_act(w)
    sender, act, t = whole(w.sender[k]), whole(w.said[k, 0]), whole(w.said[k, 2]) - THING
    w.reward[sender] -= TURN
    if sender == HOST and act == ASK_LIKE:
        w.memory[ASKED] = 1
    if sender == HOST and act == OFFER:
        w.memory[OFFERS] |= 1 << t
        if t == w.like[GUEST]:
            w.memory[GLAD_OF] = t
        engine.show(w, chains, GUEST, HAPPY if t == w.like[GUEST] else SAD)
    if act == GIVE:
        liked = t == w.like[GUEST]
        value = LIKED if liked else DISLIKED
        w.memory[GIVEN] = 1
        w.reward[GUEST] += value
        w.welfare[GUEST] += value
        w.reward[HOST] -= COST
        engine.show(w, chains, GUEST, HAPPY if liked else SAD)
        if pay == SHARED:
            w.reward[HOST] += value
        w.perf = 1.0 if liked else 0.0
        w.memory[THEIRS], w.memory[MINE] = liked, t == w.like[HOST]
        if liked:
            w.memory[GLAD_OF] = t
    elif w.memory[GIVEN]:
        w.terminated = 1
    w.welfare[sender] -= TURN
    cues(w)
    # the exam: the host has learned what the guest likes; has given, or never will, without having learned it
    learned = w.wants[GUEST, 1 + HOST] != NOWHERE or w.memory[GLAD_OF] != NOWHERE
    if (learned or w.memory[GIVEN] or engine.cut_off(w)) and not w.memory[ASKED_PROBES]:
        w.memory[ASKED_PROBES] = 1
        w.ask = 1


@njit
def choose(w: Any, menu: Any, a: int, mode: int, options: Any) -> int:
    """What a character says."""
    kinds = whole(w.things)
    other = INDIVIDUAL + 1 - a
    k = engine.last_act(w)
    sender, act = whole(w.sender[k]), whole(w.said[k, 0])
    if a == GUEST:
        if sender == HOST and act == ASK_LIKE and w.temper[a] != SHY:
            return find(w, menu, a, LIKE, INDIVIDUAL + a, THING + w.like[a], 0)
        if sender == HOST and act == GIVE:
            return find(w, menu, a, THANK, other, 0, 0)
        if sender == HOST and act == OFFER and w.temper[a] != SHY:
            liked = w.said[k, 2] == THING + w.like[a]
            return find(w, menu, a, ACCEPT if liked else REFUSE, other, 0, 0)
        if w.temper[a] == KIND:  # open: unless there is something to answer, says what it likes
            return find(w, menu, a, LIKE, INDIVIDUAL + a, THING + w.like[a], 0)
        if sender == HOST and act == GREET:
            return find(w, menu, a, GREET, other, 0, 0)
        return 0
    if w.memory[GIVEN]:
        return 0
    if mode == SELFISH and options[3] != SHARED:
        return 0
    gift = NOWHERE
    if mode in (EXACT, PROSOCIAL):
        gift = whole(w.like[GUEST])
    elif mode == EGOCENTRIC:
        gift = whole(w.like[HOST])
    elif w.wants[GUEST, 1 + HOST] != NOWHERE:
        gift = whole(w.wants[GUEST, 1 + HOST])
    else:
        gift = whole(w.memory[GLAD_OF])
    if gift != NOWHERE:
        return find(w, menu, a, GIVE, other, THING + gift, 0)
    if not w.memory[ASKED]:
        return find(w, menu, a, ASK_LIKE, other, 0, 0)
    # it did not say: offer what has not been offered, one after the other, and look at the face
    for t in range(kinds):
        if not w.memory[OFFERS] >> t & 1:
            return find(w, menu, a, OFFER, other, THING + t, 0)
    return 0


@njit
def value_of(said: Any, senders: Any, n: int, length: int, who: int, t: int) -> float:
    """What a kind is worth to somebody, as a history tells: 0 where it says nothing of it."""
    for k in range(length):
        own_word = senders[n, k] == WORLD or senders[n, k] == who
        if own_word and said[n, k, 0] == LIKE and said[n, k, 1] == INDIVIDUAL + who:
            return LIKED if said[n, k, 2] == THING + t else DISLIKED
    return 0.0


@njit
def judge(
    said: Any, senders: Any, lengths: Any, individuals: int, deeds: Any, who: Any, options: Any, out: Any
) -> None:
    """R(history, action, who) for each row; see the page's Rewards."""
    for n in range(lengths.shape[0]):
        actor, act, x, y = deeds[n, 0], deeds[n, 1], deeds[n, 2], deeds[n, 3]
        me = who[n]
        value = -TURN if actor == me else 0.0
        if act == GIVE:
            if actor == me:
                value -= COST
            if x == INDIVIDUAL + me:
                value += value_of(said, senders, n, lengths[n], me, y - THING)
        elif act == SHOW and actor == WORLD:
            felt = LIKED if y == HAPPY else DISLIKED if y == SAD else 0.0
            gave = False
            if lengths[n] > 0:
                last = lengths[n] - 1
                gave = said[n, last, 0] == GIVE and senders[n, last] == me
            if x == INDIVIDUAL + me or (options[3] == SHARED and gave):
                value += felt
        out[n] = value


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
        if worlds[i].memory[GIVEN]:
            for u in range(menu.shape[0]):
                if menu[u, 0] == GIVE:
                    masks[i, HOST, u] = 0


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
    """What the guest likes, what it would feel, what oneself likes."""
    reader = Reader(simulation, world)
    w = simulation.worlds[world]
    names, things = reader.names, reader.things
    same = int(w["like"][HOST]) == int(w["like"][GUEST])
    mine, theirs = things[int(w["like"][HOST])], things[int(w["like"][GUEST])]
    seen = reader.wanted(GUEST, HOST)
    if seen == UNKNOWN and w["memory"][GLAD_OF] != NOWHERE:
        seen = things[int(w["memory"][GLAD_OF])]
    common: dict[str, Any] = {
        "asked": simulation.individuals[HOST],
        "condition": "same_desire" if same else "diverse_desire",
        "group": "desire",
        "step": int(w["step"]),
    }
    guest = names[GUEST]
    return [
        Probe(
            kind="want", chain=(guest,), about=guest, options=things, answer=theirs, own=seen,
            required_order=0 if same else 1, role="control" if same else "test",
            shortcuts={"dropped_first": mine}, question=f"What does {guest} like?", **common,
        ),
        Probe(
            kind="feeling", chain=(guest,), about=mine, options=("happy", "sad"),
            answer="happy" if same else "sad", own="happy" if seen == mine else "sad",
            required_order=0 if same else 1, role="control" if same else "test",
            shortcuts={"dropped_first": "happy"},
            question=f"How will {guest} feel if you give {guest} the {mine}?", **common,
        ),
        Probe(
            kind="want", chain=(names[HOST],), about=names[HOST], options=things, answer=mine, own=mine,
            required_order=0, role="control", question="What do you like?", **common,
        ),
    ]  # fmt: skip


GAME = Game(
    name="cracker",
    stage="5b",
    title="give what the other likes, not what you like",
    roles=("host", "guest"),
    learner="host",
    options=CrackerOptions,
    encode=encode,
    count=lambda options: 2,
    menu=menu,
    deal=deal,
    play=play,
    permit=permit,
    script=script,
    judge=judge,
    probes=probes,
    documentation=__doc__,
    modes=("external", "scripted", "exact", "random", "egocentric", "selfish", "prosocial"),
    tallies={"gave_what_guest_likes": THEIRS, "gave_what_host_likes": MINE},
)
