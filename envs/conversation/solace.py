"""Solace: others have needs and feelings; giving helps them and costs the giver.

Story. A listener sits with one to three others. Everybody needs one kind of thing, and the others look
unhappy for want of theirs. The listener has one of each kind, and nobody else has anything. Needs are
hidden: they have to be asked for, or read from faces. What is given is gone. After the comforting and
helping tasks of Zahn-Waxler et al. (1992) and Warneken and Tomasello (2006); stage 5a, emotional
empathy, and section 3 of the paper.

Who may say what. The listener has every other turn; in between speaks whom it addressed, or else the
next of the others. The listener asks for needs and feelings, offers, gives. The others answer: plain ones
say what they need when asked, and kind ones of themselves; shy ones do not; selfish ones say it of
themselves, and go on saying so when they have it. Whatever is offered or given, a face shows how it is
taken, and faces do not lie.

Rewards. An other: +1 when given what it needs, -0.2 when given anything else. The listener: -0.3 for
each gift, and -1 more for what it needs itself. With ``pay="shared"`` also what the faces then show: +1
happy, -0.2 sad. With ``pay="own"``, the default, kindness has no reward of its own: own return and the
others' true return pull apart. A selfish listener gives nothing: own return 0, the others' 0. A kind one
gives each what they need: with two others on average -1.0 for itself and +1.8 for them.

Ends when everybody has what can be had and the listener has learned all needs, or at the limit. ``perf``
is the share of the needs that could be met that are.

Probes, once, when the listener has learned all needs, or at the end: what does each other need (want,
order 1), how will they feel if given what the listener needs (feeling, order 1), what does the listener
need (want, order 0, control).

Options
    others: 1 to 3.
    kinds: 2 to 6.
    pay: ``"own"`` or ``"shared"``.
    population: ``"train"``; ``"held_out"``: words that training never has, and more shy people; or, with the
        words of training, ``"open"``: everybody says of themselves what they need, and ``"closed"``: nobody
        does, all are shy.
    listener: ``"free"``; or ``"brief"``: it can only ask for needs, offer and give, so that one who does so
        at random shows soon what is welcome; or ``"hasty"``: the same, and a scripted one, kind otherwise,
        does not always wait until it knows: in one of eight messages it gives what it would have offered (if
        it has it), in another one anything, to whom it would have offered something, or else to anybody. So
        it is seen what a guess brings, and a gift of what was refused, by somebody kind.
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
from ..simulation import ANEW, EGOCENTRIC, EXACT, PROSOCIAL, RANDOM, RUNNING, SCRIPTED, SELFISH
from . import engine
from .engine import (
    KIND,
    NOWHERE,
    PLAIN,
    SELFISH_TEMPER,
    SHY,
    WORLD,
    find,
    random_below,
    random_choice,
)
from .game import Game, GameOptions
from .language import (
    ACCEPT,
    ASK_FEEL,
    ASK_NEED,
    ENTER,
    EVERYONE,
    FEEL,
    GIVE,
    GREET,
    HAPPY,
    INDIVIDUAL,
    NEED,
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

__all__ = ["GAME", "SolaceOptions"]

LISTENER = 0
SHARED = 1
HELD_OUT, OPEN, CLOSED = 1, 2, 3
BRIEF, HASTY = 1, 2
# memory: of each individual, whether it has been asked, offered what, is known to be glad of what, has it
ASKED, OFFERED, GLAD_OF, MET = 0, 8, 16, 24
ATTAINABLE, EXAMINED, NEXT = 32, 33, 34
COST, OWN = 0.3, 1.0  # of a gift, of what one needs oneself
HELPED, DISLIKED = 1.0, -0.2


@dataclass(frozen=True)
class SolaceOptions(GameOptions):
    """Options of solace: see the module's page."""

    others: int = 2
    kinds: int = 4
    pay: str = "own"
    population: str = "train"
    listener: str = "free"
    limit: int = 36
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {"others": (1, 3), "kinds": (2, 6), "limit": (4, 60)}
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {
        "pay": ("own", "shared"),
        "population": ("train", "held_out", "open", "closed"),
        "listener": ("free", "brief", "hasty"),
    }


def encode(options: SolaceOptions) -> npt.NDArray[np.int64]:
    """(limit, others, kinds, pay, population, listener)."""
    choices = SolaceOptions.CHOICES
    return np.array(
        [
            options.limit,
            options.others,
            options.kinds,
            choices["pay"].index(options.pay),
            choices["population"].index(options.population),
            choices["listener"].index(options.listener),
        ]
    )


def menu(options: SolaceOptions) -> list[tuple[int, ...]]:
    """What can be said."""
    others = range(INDIVIDUAL + 1, INDIVIDUAL + 1 + options.others)
    things = range(THING, THING + options.kinds)
    return [
        (NOTHING,),
        (GREET, EVERYONE),
        *((NEED, INDIVIDUAL, thing) for thing in things),
        *((FEEL, INDIVIDUAL, feeling) for feeling in (HAPPY, SAD)),
        *((act, other) for other in others for act in (ASK_NEED, ASK_FEEL, THANK, ACCEPT, REFUSE)),
        *((act, other, thing) for other in others for act in (OFFER, GIVE) for thing in things),
    ]


@njit
def deal_world(w: Any, chains: Any, options: Any) -> None:
    """A new episode: all in one room, each told their own need, the others' faces sad."""
    limit, others, kinds, _, population = options[:5]
    held_out = 1 if population == HELD_OUT else 0
    n = 1 + others
    engine.clear(w, n, kinds, 0, 1, limit)
    engine.deal_words(w, held_out)
    w.goods = 1
    for a in range(n):
        w.memory[GLAD_OF + a] = NOWHERE
        engine.say(w, chains, a, ENTER, ROOM, 0, 0)
    needed = 0
    for a in range(n):
        w.need[a] = random_below(w, kinds)
        engine.whisper(w, chains, 1 << a, NEED, INDIVIDUAL + a, THING + w.need[a], 0, engine.EVENT)
        if a:
            draw = random_below(w, 8)
            w.temper[a] = SHY if draw < 2 + 2 * held_out else KIND if draw == 6 else PLAIN
            if draw == 7:
                w.temper[a] = SELFISH_TEMPER
            if population == OPEN:
                w.temper[a] = KIND
            elif population == CLOSED:
                w.temper[a] = SHY
            needed |= 1 << whole(w.need[a])
            engine.show(w, chains, a, SAD)
    for t in range(kinds):
        w.stock[LISTENER, t] = 1
        w.memory[ATTAINABLE] += needed >> t & 1
    w.speaker = LISTENER
    cues(w)


@njit
def cues(w: Any) -> None:
    """What each knows of themselves: the kind they need + 1; who has what they need is seen."""
    for a in range(w.individuals):
        w.cue[a, 0] = w.need[a] + 1


@njit
def rules(w: Any, chains: Any, options: Any) -> None:
    """What faces show, rewards, whose turn it is, the end."""
    pay = options[3]
    n = whole(w.individuals)
    k = engine.last_act(w)
    sender, act = whole(w.sender[k]), whole(w.said[k, 0])
    b, t = whole(w.said[k, 1]) - INDIVIDUAL, whole(w.said[k, 2]) - THING
    if sender == LISTENER:
        w.next = 1 + whole(w.memory[NEXT]) % (n - 1)
        if 0 < b < n:
            w.next = b
        w.memory[NEXT] = w.next
        if act == ASK_NEED and 0 < b < n:
            w.memory[ASKED + b] = 1
    else:
        w.next = LISTENER
    if act == OFFER and sender == LISTENER:
        w.memory[OFFERED + b] |= 1 << t
        wanted = t == w.need[b] and not w.memory[MET + b]
        if wanted:
            w.memory[GLAD_OF + b] = t
        elif not w.memory[MET + b]:
            # what is left when all others have been turned down
            left = 0
            for kind in range(w.things):
                if not w.memory[OFFERED + b] >> kind & 1:
                    left = left * 16 + kind + 1
            if 0 < left <= 16:
                w.memory[GLAD_OF + b] = left - 1
        engine.show(w, chains, b, HAPPY if wanted else SAD)
    if act == GIVE and sender == LISTENER:
        helps = t == w.need[b] and not w.memory[MET + b]
        value = HELPED if helps else DISLIKED
        w.reward[b] += value
        w.welfare[b] += value
        cost = COST + (OWN if t == w.need[LISTENER] else 0.0)
        w.reward[LISTENER] -= cost
        w.welfare[LISTENER] -= cost
        if helps:
            w.memory[MET + b] = 1
            w.memory[GLAD_OF + b] = t
        engine.show(w, chains, b, HAPPY if helps else SAD)
        if pay == SHARED:
            w.reward[LISTENER] += value
    met, known = 0, 0
    for a in range(1, n):
        met += w.memory[MET + a]
        known += 1 if knows(w, a) != NOWHERE else 0
    w.perf = met / w.memory[ATTAINABLE]
    if met == w.memory[ATTAINABLE] and known == n - 1 and sender != LISTENER:
        w.terminated = 1
    over = w.terminated or engine.cut_off(w)
    if (known == n - 1 or over) and not w.memory[EXAMINED]:
        w.memory[EXAMINED] = 1
        w.ask = 1


@njit
def knows(w: Any, b: int) -> int:
    """What the listener knows b to need, from words or from its face."""
    said = whole(w.wants[b, 1 + LISTENER])
    return said if said != NOWHERE else whole(w.memory[GLAD_OF + b])


@njit
def choose(w: Any, menu: Any, a: int, mode: int) -> int:
    """What a character says."""
    k = engine.last_act(w)
    sender, act, b = whole(w.sender[k]), whole(w.said[k, 0]), whole(w.said[k, 1]) - INDIVIDUAL
    if a != LISTENER:
        return answer(w, menu, a, sender, act, b, whole(w.said[k, 2]) - THING)
    if mode == SELFISH:
        return 0
    if mode == EGOCENTRIC:
        # takes everybody to need what it needs itself
        t = whole(w.need[LISTENER])
        return find(w, menu, a, GIVE, INDIVIDUAL + 1, THING + t, 0) if w.stock[a, t] > 0 else 0
    for c in range(1, w.individuals):
        if w.memory[MET + c]:
            continue
        t = whole(w.need[c]) if mode in (EXACT, PROSOCIAL) else knows(w, c)
        if t != NOWHERE:
            if w.stock[a, t] > 0:
                return find(w, menu, a, GIVE, INDIVIDUAL + c, THING + t, 0)
            continue
        if not w.memory[ASKED + c]:
            return find(w, menu, a, ASK_NEED, INDIVIDUAL + c, 0, 0)
        for kind in range(w.things):
            # it did not say: offer one kind after the other, and look at the face
            if not w.memory[OFFERED + c] >> kind & 1:
                return find(w, menu, a, OFFER, INDIVIDUAL + c, THING + kind, 0)
    return 0


@njit
def haste(w: Any, menu: Any, i: int, masks: Any, u: int) -> int:
    """What a hasty listener says in the place of u: a gift, in two of eight times."""
    draw = random_below(w, 8)
    offering = menu[u, 0] == OFFER
    if draw > 1 or (draw == 1 and not offering):
        return u
    found, count = u, 0
    for v in range(menu.shape[0]):
        fits = menu[v, 0] == GIVE and masks[i, LISTENER, v] == 1
        if offering:
            fits = fits and menu[v, 1] == menu[u, 1] and (draw == 0 or menu[v, 2] == menu[u, 2])
        if fits:
            count += 1
            if random_below(w, count) == 0:  # of all that fit each is as likely
                found = v
    return found


@njit
def answer(w: Any, menu: Any, a: int, sender: int, act: int, b: int, t: int) -> int:
    """What one of the others says to what was said last."""
    unmet = w.memory[MET + a] == 0
    claims = unmet or w.temper[a] == SELFISH_TEMPER
    if sender == LISTENER and b == a:
        if act == GIVE:
            return find(w, menu, a, REFUSE if unmet else THANK, INDIVIDUAL + LISTENER, 0, 0)
        if w.temper[a] == SHY:
            return 0
        if act == ASK_NEED and claims:
            return find(w, menu, a, NEED, INDIVIDUAL + a, THING + w.need[a], 0)
        if act == ASK_FEEL:
            return find(w, menu, a, FEEL, INDIVIDUAL + a, SAD if unmet else HAPPY, 0)
        if act == OFFER:
            wanted = unmet and t == w.need[a]
            return find(w, menu, a, ACCEPT if wanted else REFUSE, INDIVIDUAL + LISTENER, 0, 0)
    if claims and w.temper[a] in (KIND, SELFISH_TEMPER):  # says of itself what it needs
        return find(w, menu, a, NEED, INDIVIDUAL + a, THING + w.need[a], 0)
    return 0


@njit
def judge(
    said: Any, senders: Any, lengths: Any, individuals: int, deeds: Any, who: Any, options: Any, out: Any
) -> None:
    """R(history, action, who) for each row; see the page's Rewards."""
    for n in range(lengths.shape[0]):
        actor, act, x, y = deeds[n, 0], deeds[n, 1], deeds[n, 2], deeds[n, 3]
        me = who[n]
        need, met, gave = NOWHERE, False, False
        for k in range(lengths[n]):
            own_word = senders[n, k] == WORLD or senders[n, k] == me
            # what the world has told counts; words only where there is nothing else
            counts = own_word and (need == NOWHERE or senders[n, k] == WORLD)
            if counts and said[n, k, 0] == NEED and said[n, k, 1] == INDIVIDUAL + me:
                need = whole(said[n, k, 2]) - THING
            is_gift = said[n, k, 0] == GIVE and senders[n, k] < WORLD
            if is_gift and said[n, k, 1] == INDIVIDUAL + me and whole(said[n, k, 2]) - THING == need:
                met = True
            gave = is_gift and senders[n, k] == me  # with the last message
        value = 0.0
        if act == GIVE and actor < WORLD:
            if actor == me and me == LISTENER:
                value -= COST + (OWN if y - THING == need else 0.0)
            if x == INDIVIDUAL + me and me != LISTENER and need != NOWHERE:
                value += HELPED if y - THING == need and not met else DISLIKED
        elif act == SHOW and actor == WORLD:
            felt = HELPED if y == HAPPY else DISLIKED if y == SAD else 0.0
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
        for u in range(menu.shape[0]):
            act = menu[u, 0]
            if act in (GIVE, OFFER):  # the others have nothing to spare
                for a in range(1, masks.shape[1]):
                    masks[i, a, u] = 0
            elif options[5] >= BRIEF and act not in (NOTHING, ASK_NEED):
                masks[i, LISTENER, u] = 0


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
                    actions[i, a] = choose(w, menu, a, modes[a])
                    if options[5] == HASTY and modes[a] == SCRIPTED and a == LISTENER:
                        actions[i, a] = haste(w, menu, i, masks, whole(actions[i, a]))


def probes(simulation: Simulation, world: int) -> list[Probe]:
    """What the others need, how they would feel, what oneself needs."""
    reader = Reader(simulation, world)
    w, names, things = simulation.worlds[world], reader.names, reader.things
    mine = things[int(w["need"][LISTENER])]
    common: dict[str, Any] = {
        "asked": simulation.individuals[LISTENER], "group": "needs", "step": int(w["step"]),
    }  # fmt: skip
    found = []
    for b in range(1, simulation.count):
        need = things[int(w["need"][b])]
        seen = reader.wanted(b, LISTENER)
        if seen == UNKNOWN and w["memory"][GLAD_OF + b] != NOWHERE:
            seen = things[int(w["memory"][GLAD_OF + b])]
        same = need == mine
        role = "control" if same else "test"
        given = {**common, "condition": "same_need" if same else "other_need", "role": role}
        found += [
            Probe(
                kind="want", chain=(names[b],), about=names[b], options=things, answer=need, own=seen,
                required_order=int(not same), shortcuts={"dropped_first": mine},
                question=f"What does {names[b]} need?", **given,
            ),
            Probe(
                kind="feeling", chain=(names[b],), about=mine, options=("happy", "sad"),
                answer="happy" if same else "sad", own="happy" if seen == mine else "sad",
                required_order=int(not same), shortcuts={"dropped_first": "happy"},
                question=f"How would {names[b]}, who had nothing, feel if given the {mine}?", **given,
            ),
        ]  # fmt: skip
    found.append(
        Probe(
            kind="want", chain=(names[LISTENER],), about=names[LISTENER], options=things, answer=mine,
            own=mine, required_order=0, condition="own_need", role="control", question="What do you need?",
            **common,
        )
    )  # fmt: skip
    return found


GAME = Game(
    name="solace",
    stage="5a",
    title="others voice needs and feelings; helping them costs something",
    roles=("listener", "other", "other", "other"),
    learner="listener",
    options=SolaceOptions,
    encode=encode,
    count=lambda options: 1 + options.others,
    menu=menu,
    deal=deal,
    play=play,
    permit=permit,
    script=script,
    judge=judge,
    probes=probes,
    documentation=__doc__,
    modes=("external", "scripted", "exact", "random", "egocentric", "selfish", "prosocial"),
)
