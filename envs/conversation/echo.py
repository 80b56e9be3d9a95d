"""Echo: learn what somebody does, as if you were them; then do it as yourself.

Story. A host offers things round. One or two demonstrators answer every offer in a way of their own, which
goes by who they are: what they like, who sits after them, what they were offered before. Then the host thanks
one of them and makes the learner an offer: now the learner is to answer as that one would in its place. Who
repeats the words that were said is wrong; who switches the names is right. After Meltzoff and Moore (1977) on
imitation as mapping another's body onto one's own, and the paper's perspective switch (listing 3); stages 3a
and 4, action understanding and imitation.

============ ======================================================================= ============
way          answers an offer of a thing with                                        population
============ ======================================================================= ============
passer       an offer of that thing to whoever sits after it (and is not the host)   both
recaller     a request for what it was offered before                                train
picky        yes if it is what it likes, no if not                                   both
thankful     thanks to the host                                                      train
greeter      hello to whoever sits after it (and is not the host)                    held out
contrary     no if it is what it likes, yes if not                                   held out
teller       "I like" that thing                                                     held out
============ ======================================================================= ============

With ``slip`` above 0 a demonstrator says anything, so many times in a hundred; ``Simulation.odds`` has the
exact distribution.

Who may say what. At first everybody says what they like. Then the host offers, and who was offered something
answers. All may thank, greet, say yes and no, offer, request, and say what they like.

Rewards. The learner: +1 when the host's face shows happy after its answer, which it does if the one who was
thanked last would have answered so in the learner's place. Others: nothing.

Ends after ``trials`` offers to the learner. ``perf`` is the share that was answered rightly.

Probes, once, at the first offer to the learner: of each demonstrator, what would it say if it was offered
what it likes, and what it does not (next_action, order 1: simulation), what would it say if it were you
(goal, order 1: imitation); what was it offered last (memory, control). Where the way is thankful, repeating
is right, and the items are controls.

Options
    demonstrators: 1 or 2. rounds: 3 to 6 offers to each. trials: 1 to 6. kinds: 3 to 6 things.
    slip: 0 to 50 per cent.
    population: ``"train"``, or ``"held_out"``: ways and words that training never has.
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
from . import engine
from .engine import NOWHERE, WORLD, find, find_packed, pack, random_below, random_choice
from .game import Game, GameOptions
from .language import (
    ACCEPT,
    ENTER,
    GREET,
    HAPPY,
    INDIVIDUAL,
    LIKE,
    NOTHING,
    OFFER,
    REFUSE,
    REQUEST,
    ROOM,
    SAD,
    SHOW,
    THANK,
    THING,
)
from .questions import UNKNOWN, Reader, shuffled

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "WAYS", "EchoOptions"]

LEARNER, HOST, FIRST = 0, 1, 2  # the demonstrators are FIRST, FIRST + 1
WAYS = ("passer", "recaller", "picky", "thankful", "greeter", "contrary", "teller")
PASSER, RECALLER, PICKY, THANKFUL, GREETER, CONTRARY, TELLER = range(len(WAYS))
# memory; of each individual: its way, what it was offered last and before, how often each way would have
# given its answers
OFFERS, MODEL, TRIAL, RIGHT, EXAMINED, ANSWERING = range(6)
WAY, NOW, BEFORE, SCORE = 6, 12, 18, 24


@dataclass(frozen=True)
class EchoOptions(GameOptions):
    """Options of echo: see the module's page."""

    demonstrators: int = 2
    rounds: int = 4
    trials: int = 4
    kinds: int = 4
    slip: int = 0
    population: str = "train"
    limit: int = 60
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {
        "demonstrators": (1, 2),
        "rounds": (3, 6),
        "trials": (1, 6),
        "kinds": (3, 6),
        "slip": (0, 50),
        "limit": (4, 70),
    }
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {"population": ("train", "held_out")}


def encode(options: EchoOptions) -> npt.NDArray[np.int64]:
    """(limit, demonstrators, rounds, trials, kinds, slip, held out)."""
    return np.array(
        [
            options.limit,
            options.demonstrators,
            options.rounds,
            options.trials,
            options.kinds,
            options.slip,
            int(options.population == "held_out"),
        ]
    )


def menu(options: EchoOptions) -> list[tuple[int, ...]]:
    """What can be said."""
    others = range(INDIVIDUAL + 1, INDIVIDUAL + 2 + options.demonstrators)
    things = range(THING, THING + options.kinds)
    return [
        (NOTHING,),
        *((act, other) for other in others for act in (THANK, GREET, ACCEPT, REFUSE)),
        *((LIKE, INDIVIDUAL, thing) for thing in things),
        *((act, other, thing) for other in others for act in (OFFER, REQUEST) for thing in things),
    ]


@njit
def deal_world(w: Any, chains: Any, options: Any) -> None:
    """A new episode: all in one room, all say what they like."""
    limit, demonstrators, _, _, kinds, _, held_out = options[:7]
    engine.clear(w, FIRST + demonstrators, kinds, 0, 1, limit)
    engine.deal_words(w, held_out)
    w.goods = 1
    for a in range(w.individuals):
        engine.say(w, chains, a, ENTER, ROOM, 0, 0)
    for a in range(w.individuals):
        w.like[a] = random_below(w, kinds)
        w.memory[NOW + a] = NOWHERE
        w.memory[BEFORE + a] = NOWHERE
        w.memory[WAY + a] = NOWHERE
        engine.say(w, chains, a, LIKE, INDIVIDUAL + a, THING + w.like[a], 0)
    for a in range(FIRST, w.individuals):
        again = True
        while again:  # no two have one way
            w.memory[WAY + a] = any_way(w, held_out)
            again = a > FIRST and w.memory[WAY + a] == w.memory[WAY + FIRST]
    w.memory[MODEL] = NOWHERE
    w.memory[ANSWERING] = NOWHERE
    w.speaker = HOST


@njit
def any_way(w: Any, held_out: int) -> int:
    """A way of a population, at random."""
    draw = random_below(w, 5)
    if held_out:
        return PASSER if draw == 0 else PICKY if draw == 1 else GREETER + draw - 2
    return whole(min(draw, THANKFUL)) if draw < 4 else PASSER


# --- Ways --------------------------------------------------------------------------------------------------
@njit
def answers(w: Any, a: int, way: int, thing: int, before: int) -> int:
    """What ``a`` would answer to an offer of a thing, packed, if ``before`` was offered to it before that."""
    after = (a + 1) % whole(w.individuals)
    if after == HOST:
        after = FIRST
    host = INDIVIDUAL + HOST
    if way == PASSER:
        return pack(OFFER, INDIVIDUAL + after, THING + thing)
    if way == RECALLER:
        return pack(REQUEST, host, THING + before) if before != NOWHERE else pack(ACCEPT, host, 0)
    if way == THANKFUL:
        return pack(THANK, host, 0)
    if way == GREETER:
        return pack(GREET, INDIVIDUAL + after, 0)
    if way == TELLER:
        return pack(LIKE, INDIVIDUAL + a, THING + thing)
    return pack(ACCEPT if (w.like[a] == thing) == (way == PICKY) else REFUSE, host, 0)


@njit
def guessed(w: Any, a: int) -> int:
    """The way that would have given most of a demonstrator's answers; NOWHERE where nothing tells."""
    best, most = NOWHERE, 0
    for way in range(len(WAYS)):
        score = whole(w.memory[SCORE + (a - FIRST) * len(WAYS) + way])
        if score > most:
            best, most = way, score
    return best


# --- Rules -------------------------------------------------------------------------------------------------
@njit
def rules(w: Any, chains: Any, options: Any) -> None:
    """Whose turn it is, what the host's face shows, rewards, the end."""
    trials = options[3]
    k = engine.last_act(w)
    sender, act = whole(w.sender[k]), whole(w.said[k, 0])
    b, t = whole(w.said[k, 1]) - INDIVIDUAL, whole(w.said[k, 2]) - THING
    w.next = HOST
    if sender == HOST:
        w.memory[ANSWERING] = NOWHERE
        if act == THANK and b >= FIRST:
            w.memory[MODEL] = b
        if act == OFFER:
            w.memory[BEFORE + b] = w.memory[NOW + b]
            w.memory[NOW + b] = t
            w.memory[ANSWERING] = b
            w.next = b
            if b >= FIRST:
                w.memory[OFFERS] += 1
        if act == OFFER and b == LEARNER and w.memory[MODEL] != NOWHERE and not w.memory[EXAMINED]:
            w.memory[EXAMINED] = 1
            w.ask = 1
        return
    if sender != w.memory[ANSWERING]:
        return
    now, before = whole(w.memory[NOW + sender]), whole(w.memory[BEFORE + sender])
    said = pack(act, whole(w.said[k, 1]), whole(w.said[k, 2]))
    if sender >= FIRST:
        for way in range(len(WAYS)):
            if answers(w, sender, way, now, before) == said:
                w.memory[SCORE + (sender - FIRST) * len(WAYS) + way] += 1
        return
    model = whole(w.memory[MODEL])
    if model == NOWHERE:
        return
    right = answers(w, LEARNER, whole(w.memory[WAY + model]), now, before) == said
    engine.show(w, chains, HOST, HAPPY if right else SAD)
    if right:
        w.reward[LEARNER] += 1.0
        w.welfare[LEARNER] += 1.0
        w.memory[RIGHT] += 1
    w.memory[TRIAL] += 1
    w.perf = w.memory[RIGHT] / trials
    if w.memory[TRIAL] >= trials:
        w.terminated = 1


@njit
def another(w: Any, a: int, options: Any) -> int:
    """What the host offers somebody: now and then what they like, never the same thing twice in a row."""
    kinds = options[4]
    last = whole(w.memory[NOW + a])
    if w.like[a] != last and random_below(w, 2):
        return whole(w.like[a])
    t = random_below(w, kinds)
    return (t + 1 + random_below(w, kinds - 1)) % kinds if t == last else t


@njit
def choose(w: Any, menu: Any, i: int, a: int, mode: int, masks: Any, options: Any) -> int:
    """What somebody says."""
    demonstrators, rounds, slip = options[1], options[2], options[5]
    if a == HOST:
        offered = whole(w.memory[OFFERS])
        if offered < rounds * demonstrators:
            b = FIRST + offered % demonstrators
            return find(w, menu, a, OFFER, INDIVIDUAL + b, THING + another(w, b, options), 0)
        k = engine.last_act(w)
        if w.sender[k] == HOST and w.said[k, 0] == THANK:
            return find(w, menu, a, OFFER, INDIVIDUAL + LEARNER, THING + another(w, LEARNER, options), 0)
        b = FIRST + random_below(w, demonstrators)
        return find(w, menu, a, THANK, INDIVIDUAL + b, 0, 0)
    now, before = whole(w.memory[NOW + a]), whole(w.memory[BEFORE + a])
    if now == NOWHERE:
        return 0
    if a >= FIRST:
        if slip and random_below(w, 100) < slip:
            return random_choice(w, i, a, masks)
        return find_packed(w, menu, a, answers(w, a, whole(w.memory[WAY + a]), now, before))
    model = whole(w.memory[MODEL])
    if model == NOWHERE:
        return 0
    if mode == LAST_SEEN:  # repeats the words
        k = whole(w.length) - 1
        while k >= 0 and w.sender[k] != model:
            k -= 1
        return (
            find(w, menu, a, whole(w.said[k, 0]), whole(w.said[k, 1]), whole(w.said[k, 2]), 0)
            if k >= 0
            else 0
        )
    way = PICKY  # goes by what it likes itself
    if mode == EXACT:
        way = whole(w.memory[WAY + model])
    elif mode != EGOCENTRIC:
        way = guessed(w, model)
    return 0 if way == NOWHERE else find_packed(w, menu, a, answers(w, a, way, now, before))


@njit
def odds(worlds: Any, options: Any, menu: Any, masks: Any, out: Any, lo: int, hi: int) -> None:
    """The distribution of what a demonstrator answers: (B, U) float64. The host's offers are chance."""
    slip = options[5]
    for i in range(lo, hi):
        w = worlds[i]
        a = whole(w.speaker)
        for u in range(out.shape[1]):
            out[i, u] = 0.0
        now, before = whole(w.memory[NOW + a]), whole(w.memory[BEFORE + a])
        if a == HOST and not (w.terminated or w.truncated):
            host_odds(w, i, menu, options, out)
        elif a < FIRST or now == NOWHERE or w.terminated or w.truncated:
            out[i, 0] = 1.0
        else:
            said = find_packed(w, menu, a, answers(w, a, whole(w.memory[WAY + a]), now, before))
            out[i, said] += (100 - slip) / 100.0
            legal = 0
            for u in range(out.shape[1]):
                legal += masks[i, a, u]
            for u in range(out.shape[1]):
                out[i, u] += slip / 100.0 * masks[i, a, u] / legal


@njit
def host_odds(w: Any, i: int, menu: Any, options: Any, out: Any) -> None:
    """The distribution of what the host says."""
    demonstrators, rounds, kinds = options[1], options[2], options[4]
    offered = whole(w.memory[OFFERS])
    k = engine.last_act(w)
    b = LEARNER
    if offered < rounds * demonstrators:
        b = FIRST + offered % demonstrators
    elif not (w.sender[k] == HOST and w.said[k, 0] == THANK):
        for c in range(demonstrators):
            out[i, find(w, menu, HOST, THANK, INDIVIDUAL + FIRST + c, 0, 0)] += 1.0 / demonstrators
        return
    last, rest = whole(w.memory[NOW + b]), 1.0
    if w.like[b] != last:
        rest = 0.5
        out[i, find(w, menu, HOST, OFFER, INDIVIDUAL + b, THING + w.like[b], 0)] += 0.5
    for t in range(kinds):
        if t == last:
            continue
        share = 1.0 / kinds
        if last != NOWHERE:  # what would have been the same again is another one
            share += 1.0 / kinds / (kinds - 1)
        out[i, find(w, menu, HOST, OFFER, INDIVIDUAL + b, THING + t, 0)] += rest * share


@njit
def judge(
    said: Any, senders: Any, lengths: Any, individuals: int, deeds: Any, who: Any, options: Any, out: Any
) -> None:
    """R(history, action, who) for each row: the learner gains when the host's face shows happy right after
    its own answer."""
    for n in range(lengths.shape[0]):
        out[n] = 0.0
        last = whole(lengths[n]) - 1
        if who[n] != LEARNER or deeds[n, 0] != WORLD or deeds[n, 1] != SHOW or last < 0:
            continue
        if deeds[n, 2] == INDIVIDUAL + HOST and deeds[n, 3] == HAPPY and senders[n, last] == LEARNER:
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
                    actions[i, a] = choose(w, menu, i, a, modes[a], masks, options)


def probes(simulation: Simulation, world: int) -> list[Probe]:
    """What each demonstrator would say, as itself and in the learner's place."""
    reader = Reader(simulation, world)
    w, names, things = simulation.worlds[world], reader.names, reader.things
    memory = w["memory"]
    common: dict[str, Any] = {
        "asked": simulation.individuals[LEARNER], "group": "ways", "step": int(w["step"]),
    }  # fmt: skip

    found = []
    for d in range(FIRST, simulation.count):
        way, told = int(memory[WAY + d]), int(guessed(w, d))
        name, likes = names[d], int(w["like"][d])
        easy = way == THANKFUL
        last = [k for k in range(int(w["length"])) if w["sender"][k] == d][-1]
        act, x, y = (int(part) for part in w["said"][last, :3])
        repeated = reader.sentence(int(pack(act, x, y)), d)
        shown = int(memory[NOW + d])
        other = next(t for t in range(len(things)) if t not in (likes, shown))
        mine = int(memory[NOW + LEARNER])
        given = {**common, "condition": WAYS[way], "role": "control" if easy else "test", "required_order": 1}
        places = [(d, likes, shown), (d, other, shown), (LEARNER, mine, int(memory[BEFORE + LEARNER]))]
        for number, (a, thing, before) in enumerate(places):

            def by(way: int, a: int = a, thing: int = thing, before: int = before) -> str:
                return reader.sentence(int(answers(w, a, way, thing, before)), a)

            made = sorted({repeated, *(by(each) for each in range(len(WAYS)))})
            offered = f"the {things[thing]}"
            found.append(
                Probe(
                    kind="next_action" if a == d else "goal", chain=(name,), about=things[thing],
                    options=shuffled(made, w["key"], 4 * d + number), answer=by(way),
                    own=UNKNOWN if told == NOWHERE else by(told),
                    shortcuts={"last_mentioned": repeated, "dropped_first": by(PICKY)},
                    question=f"If the host now offered {name} {offered}, what would {name} say?" if a == d
                    else f"You are offered {offered}. What would {name} say in your place?",
                    **given,
                )
            )  # fmt: skip
        found.append(
            Probe(
                kind="memory", chain=(), about=name, options=shuffled(things, w["key"], 4 * d + 3),
                answer=things[shown], own=things[shown],
                question=f"What was {name} offered last?",
                **{**given, "role": "control", "required_order": 0},
            )
        )  # fmt: skip
    return found


GAME = Game(
    name="echo",
    stage="3a, 4",
    title="learn others' ways by switching names: simulate them, imitate them",
    roles=("learner", "host", "demonstrator", "demonstrator"),
    learner="learner",
    options=EchoOptions,
    encode=encode,
    count=lambda options: FIRST + options.demonstrators,
    menu=menu,
    deal=deal,
    play=play,
    permit=permit,
    script=script,
    judge=judge,
    odds=odds,
    probes=probes,
    documentation=__doc__,
    modes=("external", "scripted", "last_seen", "exact", "random", "egocentric"),
)
