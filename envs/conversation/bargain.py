"""Bargain: competing for the same thing, with a common ground that neither sees.

Story. A trader and a partner sit at a table, each with a few kinds of goods before them, and each knows only
its own values. Both need the kind that both have one of: that pie is fixed. But the trader has a kind
that the partner needs, and one that it likes, and does not know it; the partner has one that the trader
needs and is itself indifferent to. Exchanging them makes both better off. After Thompson and Hastie (1990),
who found that negotiators assume a fixed pie and leave such agreements on the table, and the two who
quarrel about an orange of which one wants the peel and the other the juice (Fisher and Ury 1981); section
1 of the paper, competing objectives.

======== ======= ======= =========================== ===========================
kind     trader  partner at first with               what it is
======== ======= ======= =========================== ===========================
pie      needs   needs   both, one each              contested
peel     likes   needs   trader                      the partner's hidden need
crumb    –       likes   trader                      the partner's hidden liking
juice    needs   –       partner                     the trader's need
junk     –       –       partner (a second: trader)  nothing to anybody
======== ======= ======= =========================== ===========================

Which word is which kind is drawn. With the held-out population the peel is nothing to the trader.

Who may say what. In turns. Either asks what the other likes, says what it needs or likes itself, offers a
kind (it says what could be had; nothing changes hands), or proposes a trade of one for one; the other
accepts or refuses, and only then goods change hands. A plain partner says what it needs and likes, one
kind at each question, the pie first and the peel last. A shy one says nothing of it. A deceitful one says
that it needs what it has itself and hides what it needs. Faces do not lie: to an offer the partner looks
happy (needs it), calm (likes it) or sad. It accepts what it gains by, and gets up at the second refusal.

Rewards. The change of the value of one's goods: what one needs 1, likes 0.5, anything else 0.1; -0.01 each
turn of one's own. A selfish trader gets the juice for the crumb and stops: on average +0.82 for itself and
+0.33 for the partner. A kind one gives the peel for the juice and the crumb for junk: +0.41 and +1.22
(+0.81 and +1.22 with the held-out values, where kindness costs the trader nothing but the turns).

Ends when the trader says nothing, or with the second refusal. ``perf`` is the share of the largest possible
joint gain that was realised, 0 if either has lost by it: 1 for the kind one, about 0.7 for the selfish one
(0.6 with the held-out values), 0 for one who takes the pie to be fixed and proposes nothing, since what is
good for it would be bad for the other. Taking words at their word (``last_seen``) goes well with plain
partners only.

Probes, at the end: what does the partner want most, the pie apart (want); would it give the juice for the
peel, and the peel for the juice (next_action); would it be glad of the crumb, and of the juice (feeling);
what does the trader want most itself (want, control). Of each pair one answer is yes and one is no.

Options
    kinds: 5 or 6.
    partner: ``"mixed"``, ``"plain"``, ``"shy"`` or ``"deceitful"``.
    population: ``"train"``, or ``"held_out"``: words that training never has, other values, more shy
        partners.
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
from ..simulation import ANEW, EGOCENTRIC, EXACT, LAST_SEEN, PROSOCIAL, RANDOM, RUNNING, SELFISH
from . import engine
from .engine import DECEITFUL, PLAIN, SHY, WORLD, find, random_below, random_choice
from .game import Game, GameOptions
from .language import (
    ACCEPT,
    ASK_LIKE,
    CALM,
    ENTER,
    GIVE,
    HAPPY,
    HOLD,
    INDIVIDUAL,
    LIKE,
    NEED,
    NOTHING,
    OFFER,
    REFUSE,
    ROOM,
    SAD,
    THING,
    TRADE,
)
from .questions import UNKNOWN, Reader

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "BargainOptions"]

TRADER, PARTNER = 0, 1
# levels of value
NONE, LIKED, NEEDED = range(3)
# memory: levels of each kind for both; of the partner, level + 1 as its face showed and as it said (0: not);
# which kind is what
LEVEL, SEEN, SAID, KIND = 0, 16, 24, 32
PIE, PEEL, CRUMB, JUICE, JUNK = range(5)
GIVES, GETS, PROPOSER = 37, 38, 39  # the trade that waits for an answer; who proposed it + 1, or 0
ANSWERED, ASKED, REFUSALS, TRADES, SWAPPED = 40, 41, 42, 43, 44
SURPASSED = 45  # level + 1 of what the partner gave the juice for; 0: it did not
PATIENCE = 2  # refusals
TURN = 0.01


@dataclass(frozen=True)
class BargainOptions(GameOptions):
    """Options of bargain: see the module's page."""

    kinds: int = 5
    partner: str = "mixed"
    population: str = "train"
    limit: int = 40
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {"kinds": (5, 6), "limit": (4, 60)}
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {
        "partner": ("mixed", "plain", "shy", "deceitful"),
        "population": ("train", "held_out"),
    }


def encode(options: BargainOptions) -> npt.NDArray[np.int64]:
    """(limit, kinds, partner, held out)."""
    choices = BargainOptions.CHOICES
    return np.array(
        [
            options.limit,
            options.kinds,
            choices["partner"].index(options.partner),
            choices["population"].index(options.population),
        ]
    )


def menu(options: BargainOptions) -> list[tuple[int, ...]]:
    """What can be said; the other one is INDIVIDUAL + 1."""
    other = INDIVIDUAL + 1
    things = range(THING, THING + options.kinds)
    return [
        (NOTHING,),
        *((act, other) for act in (ASK_LIKE, ACCEPT, REFUSE)),
        *((act, INDIVIDUAL, thing) for act in (NEED, LIKE) for thing in things),
        *((OFFER, other, thing) for thing in things),
        *((TRADE, other, mine, yours) for mine in things for yours in things if mine != yours),
    ]


@njit
def worth(level: int) -> float:
    """What a good of a level is worth."""
    return 1.0 if level == NEEDED else 0.5 if level == LIKED else 0.1


@njit
def level_of(w: Any, a: int, t: int) -> int:
    """The level of a kind for somebody."""
    return whole(w.memory[LEVEL + 8 * a + t])


@njit
def largest(held_out: int) -> float:
    """The largest joint gain: peel and crumb to the partner, the juice to the trader."""
    peel = worth(NEEDED) - worth(NONE if held_out else LIKED)
    return peel + worth(LIKED) - worth(NONE) + worth(NEEDED) - worth(NONE)


@njit
def deal_world(w: Any, chains: Any, options: Any) -> None:
    """A new episode: both at one table, goods before them in sight of both, each told its own values."""
    limit, kinds, partner, held_out = options[:4]
    engine.clear(w, 2, kinds, 0, 1, limit)
    engine.deal_words(w, held_out)
    w.goods = 1
    for k in range(5):
        again = True
        while again:
            w.memory[KIND + k] = random_below(w, kinds)
            again = False
            for j in range(k):
                again = again or w.memory[KIND + j] == w.memory[KIND + k]
    draw = random_below(w, 4)
    if partner == 0:
        w.temper[PARTNER] = SHY if draw < 1 + held_out else DECEITFUL if draw == 1 + held_out else PLAIN
    else:
        w.temper[PARTNER] = PLAIN if partner == 1 else SHY if partner == 2 else DECEITFUL
    w.memory[SWAPPED] = random_below(w, 2)
    pie, peel, crumb = w.memory[KIND + PIE], w.memory[KIND + PEEL], w.memory[KIND + CRUMB]
    juice, junk = w.memory[KIND + JUICE], w.memory[KIND + JUNK]
    for a in range(2):
        w.memory[LEVEL + 8 * a + pie] = NEEDED
        engine.say(w, chains, a, ENTER, ROOM, 0, 0)
    w.memory[LEVEL + 8 * TRADER + juice] = NEEDED
    w.memory[LEVEL + 8 * TRADER + peel] = NONE if held_out else LIKED
    w.memory[LEVEL + 8 * PARTNER + peel] = NEEDED
    w.memory[LEVEL + 8 * PARTNER + crumb] = LIKED
    for t in range(kinds):
        mine = t not in (juice, junk)
        w.stock[TRADER, t] = 1 if mine else 0
        w.stock[PARTNER, t] = 1 if t == pie or not mine else 0
        for a in range(2):
            if w.stock[a, t]:
                engine.say(w, chains, WORLD, HOLD, INDIVIDUAL + a, THING + t, 0)
    # the hidden need last: it is what somebody wants, as beliefs about wants have it
    for kind in (CRUMB, PIE, PEEL, JUICE):
        t = whole(w.memory[KIND + kind])
        for a in range(2):
            level = level_of(w, a, t)
            if level != NONE:
                act = NEED if level == NEEDED else LIKE
                engine.whisper(w, chains, 1 << a, act, INDIVIDUAL + a, THING + t, 0, engine.EVENT)
    w.speaker = TRADER
    cues(w)


@njit
def cues(w: Any) -> None:
    """How many of each kind each has."""
    for a in range(2):
        for t in range(w.things):
            w.cue[a, t] = w.stock[a, t]


# --- Rules -------------------------------------------------------------------------------------------------
@njit
def hand_over(w: Any, chains: Any, a: int, t: int) -> None:
    """Somebody gives a good to the other one."""
    b = 1 - a
    engine.say(w, chains, a, GIVE, INDIVIDUAL + b, THING + t, 0)
    for who, sign in ((a, -1.0), (b, 1.0)):
        value = sign * worth(level_of(w, who, t))
        w.reward[who] += value
        w.welfare[who] += value


@njit
def exchange(w: Any, chains: Any) -> None:
    """The trade that waited is done, and the partner's face shows what it thinks of it."""
    a = whole(w.memory[PROPOSER]) - 1
    gives, gets = whole(w.memory[GIVES]), whole(w.memory[GETS])
    hand_over(w, chains, a, gives)
    hand_over(w, chains, 1 - a, gets)
    w.memory[TRADES] += 1
    got, lost = (gives, gets) if a == TRADER else (gets, gives)
    change = level_of(w, PARTNER, got) - level_of(w, PARTNER, lost)
    engine.show(w, chains, PARTNER, HAPPY if change > 0 else CALM if change == 0 else SAD)
    if a == TRADER and gets == w.memory[KIND + JUICE] and w.memory[SEEN + gives]:
        w.memory[SURPASSED] = w.memory[SEEN + gives]


@njit
def rules(w: Any, chains: Any, options: Any) -> None:
    """What faces show, goods that change hands, rewards, the end."""
    held_out = options[3]
    k = engine.last_act(w)
    sender, act = whole(w.sender[k]), whole(w.said[k, 0])
    x, y = whole(w.said[k, 2]) - THING, whole(w.said[k, 3]) - THING
    w.reward[sender] -= TURN
    w.welfare[sender] -= TURN
    waiting = w.memory[PROPOSER] != 0
    if waiting and w.memory[PROPOSER] != sender + 1:
        if act == ACCEPT:
            exchange(w, chains)
        elif sender == PARTNER:
            w.memory[REFUSALS] += 1
        w.memory[PROPOSER] = 0
    if act == TRADE:
        w.memory[PROPOSER] = sender + 1
        w.memory[GIVES] = x
        w.memory[GETS] = y
    elif act == OFFER and sender == TRADER:
        level = level_of(w, PARTNER, x)
        w.memory[SEEN + x] = level + 1
        engine.show(w, chains, PARTNER, HAPPY if level == NEEDED else CALM if level == LIKED else SAD)
    elif act == ASK_LIKE and sender == TRADER:
        w.memory[ASKED] += 1
    elif act in (NEED, LIKE) and sender == PARTNER:
        w.memory[SAID + x] = 1 + (NEEDED if act == NEED else LIKED)
        w.memory[ANSWERED] += 1
    mine, theirs = 0.0, 0.0
    for t in range(w.things):
        had = 0 if t in (w.memory[KIND + JUICE], w.memory[KIND + JUNK]) else 1
        more = whole(w.stock[TRADER, t]) - had  # the partner has so many fewer
        mine += more * worth(level_of(w, TRADER, t))
        theirs -= more * worth(level_of(w, PARTNER, t))
    acceptable = mine > -1e-9 and theirs > -1e-9
    w.perf = min(1.0, max(0.0, (mine + theirs) / largest(held_out))) if acceptable else 0.0
    if (sender == TRADER and act == NOTHING) or w.memory[REFUSALS] >= PATIENCE:
        w.terminated = 1
    if w.terminated or engine.cut_off(w):
        w.ask = 1
    cues(w)


# --- Characters ----------------------------------------------------------------------------------------
@njit
def caught(w: Any) -> bool:
    """Whether the partner's face has shown a wish that it has kept to itself, though it has answered."""
    hidden = 0
    for t in range(w.things):
        hidden += w.memory[SEEN + t] > 1 + NONE and w.memory[SAID + t] == 0
    return hidden > 0 and w.memory[ANSWERED] >= 3


@njit
def taken_for(w: Any, t: int, mode: int) -> int:
    """The level that the trader takes a kind to have for the partner: by its face; else by its words,
    unless it was caught; what it has not named is nothing to it."""
    if mode in (EXACT, PROSOCIAL):
        return level_of(w, PARTNER, t)
    if mode == EGOCENTRIC:
        return level_of(w, TRADER, t)
    if w.memory[SEEN + t] and mode != LAST_SEEN:
        return whole(w.memory[SEEN + t]) - 1
    if w.memory[SAID + t] and (mode == LAST_SEEN or not caught(w)):
        return whole(w.memory[SAID + t]) - 1
    return NONE


@njit
def best_trade(w: Any, menu: Any, mode: int) -> int:
    """The trade with the largest joint gain (a selfish one: own gain) of those that the partner is taken
    to gain by; 0 where there is none."""
    best, found = 0.0, 0
    for u in range(menu.shape[0]):
        if menu[u, 0] != TRADE:
            continue
        x, y = whole(menu[u, 2]) - THING, whole(menu[u, 3]) - THING
        if w.stock[TRADER, x] == 0 or w.stock[PARTNER, y] == 0:
            continue
        mine = worth(level_of(w, TRADER, y)) - worth(level_of(w, TRADER, x))
        theirs = worth(taken_for(w, x, mode)) - worth(taken_for(w, y, mode))
        if theirs <= 0 or (mode == EGOCENTRIC and mine <= 0):
            continue
        # of what is the same to it, a selfish one keeps what the other wants more
        gain = mine - 0.01 * theirs if mode == SELFISH else mine + theirs
        if gain > best + 1e-9 and (mode != SELFISH or mine > 0):
            best, found = gain, u
    return found


@njit
def choose(w: Any, menu: Any, a: int, mode: int) -> int:
    """What a character says."""
    other = INDIVIDUAL + 1 - a
    if w.memory[PROPOSER] == 2 - a:
        # whoever is asked accepts what it gains by, by its own values
        mine = worth(level_of(w, a, whole(w.memory[GIVES]))) - worth(level_of(w, a, whole(w.memory[GETS])))
        return find(w, menu, a, ACCEPT if mine > 0 else REFUSE, other, 0, 0)
    if a == PARTNER:
        k = engine.last_act(w)
        return answer(w, menu) if w.said[k, 0] == ASK_LIKE and w.sender[k] == TRADER else 0
    if mode in (EXACT, PROSOCIAL, EGOCENTRIC):
        return best_trade(w, menu, mode)
    # ask as long as there are answers, then look at its face
    if w.memory[ASKED] == w.memory[ANSWERED] and w.memory[ASKED] < 3:
        return find(w, menu, a, ASK_LIKE, other, 0, 0)
    if mode != LAST_SEEN:
        for t in range(w.things):
            if w.stock[a, t] and not w.memory[SEEN + t] and not w.memory[TRADES]:
                return find(w, menu, a, OFFER, other, THING + t, 0)
    return best_trade(w, menu, mode)


@njit
def answer(w: Any, menu: Any) -> int:
    """What the partner says it wants: the pie first, then what it likes, then what it needs besides."""
    n = whole(w.memory[ANSWERED])
    if w.temper[PARTNER] == SHY or n > 2:
        return 0
    kind = PIE if n == 0 else CRUMB if n == 1 else PEEL
    if w.temper[PARTNER] == DECEITFUL and n > 0:
        kind = JUNK if n == 1 else JUICE
    act = LIKE if n == 1 else NEED
    return find(w, menu, PARTNER, act, INDIVIDUAL + PARTNER, THING + whole(w.memory[KIND + kind]), 0)


@njit
def value_of(said: Any, senders: Any, n: int, length: int, who: int, t: int) -> float:
    """What a kind is worth to somebody, as a history tells: by the world's word, or else by their own; 0
    where it says nothing of them."""
    known, told, level, own = False, False, NONE, NONE
    for k in range(length):
        act = said[n, k, 0]
        if act not in (NEED, LIKE) or said[n, k, 1] != INDIVIDUAL + who:
            continue
        here = NEEDED if act == NEED else LIKED
        if senders[n, k] == WORLD:
            told = True
            if said[n, k, 2] == THING + t:
                level = here
        elif senders[n, k] == who:
            known = True
            if said[n, k, 2] == THING + t:
                own = here
    if told:
        return worth(level)
    return worth(own) if known else 0.0


@njit
def judge(
    said: Any, senders: Any, lengths: Any, individuals: int, deeds: Any, who: Any, options: Any, out: Any
) -> None:
    """R(history, action, who) for each row; see the page's Rewards."""
    for n in range(lengths.shape[0]):
        actor, act, x = deeds[n, 0], deeds[n, 1], deeds[n, 2]
        me = who[n]
        out[n] = 0.0
        if actor >= WORLD or act == ENTER:
            continue
        if act == GIVE:  # follows from a trade that was accepted, and takes no turn
            value = value_of(said, senders, n, lengths[n], me, deeds[n, 3] - THING)
            out[n] += (value if x == INDIVIDUAL + me else 0.0) - (value if actor == me else 0.0)
        elif actor == me:
            out[n] -= TURN


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
        w = worlds[i]
        engine.permit_legal(w, i, menu, masks)
        a = whole(w.speaker)
        for u in range(1, menu.shape[0]):
            act, x, y = whole(menu[u, 0]), whole(menu[u, 2]) - THING, whole(menu[u, 3]) - THING
            if act in (ACCEPT, REFUSE):
                allowed = w.memory[PROPOSER] == 2 - a  # an answer to the other's proposal
            elif act == TRADE:
                allowed = w.stock[a, x] > 0 and w.stock[1 - a, y] > 0
            else:
                allowed = act != OFFER or w.stock[a, x] > 0
            if not allowed:
                masks[i, a, u] = 0


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


# --- Probes ----------------------------------------------------------------------------------------------
_YES_NO = ("yes", "no")


def probes(simulation: Simulation, world: int) -> list[Probe]:
    """What the partner wants, would agree to and would be glad of; what oneself wants."""
    reader = Reader(simulation, world)
    w, names, things = simulation.worlds[world], reader.names, reader.things
    kinds = [int(w["memory"][KIND + k]) for k in range(5)]
    pie, peel, crumb, juice = (things[t] for t in kinds[:4])
    partner = names[PARTNER]
    seen = _taken(w)
    common: dict[str, Any] = {
        "asked": simulation.individuals[TRADER], "group": "interests", "step": int(w["step"]),
    }  # fmt: skip
    others = tuple(word for word in things if word != pie)
    own = max((t for t in range(len(things)) if things[t] != pie), key=seen.__getitem__)
    found = [
        Probe(
            kind="want", chain=(partner,), about=partner, options=others, answer=peel,
            own=things[own] if seen[own] > NONE else UNKNOWN, required_order=1,
            shortcuts={"dropped_first": juice},
            condition="hidden_need",
            question=f"Apart from the {pie}, what does {partner} want most?", **common,
        )
    ]  # fmt: skip
    pairs: list[tuple[str, str, str, int, int]] = []  # kind, condition, question, own level of, over that of
    for gives, gets in ((juice, peel), (peel, juice)):
        question = f"Would {partner}, having the {gives}, give the {gives} for the {gets}?"
        pairs.append(("next_action", "trade", question, things.index(gets), things.index(gives)))
    for word in (crumb, juice):
        question = f"Would {partner} be glad of the {word}?"
        pairs.append(("feeling", "gladness", question, things.index(word), -1))
    if w["memory"][SWAPPED]:  # no place in the exam is always a yes
        pairs = [pairs[1], pairs[0], pairs[3], pairs[2]]
    for kind, condition, question, more, less in pairs:
        true, assumed = (
            [int(w["memory"][LEVEL + 8 * a + t]) for t in range(len(things))] for a in (PARTNER, TRADER)
        )
        answer, mine, egocentric = (
            _YES_NO[levels[more] <= (levels[less] if less >= 0 else NONE)] for levels in (true, seen, assumed)
        )
        found.append(
            Probe(
                kind=kind, chain=(partner,), about=things[more], options=_YES_NO, answer=answer, own=mine,
                required_order=int(answer != egocentric),
                shortcuts={"dropped_first": egocentric, "most_frequent": "no"}, condition=condition,
                question=question, **common,
            )
        )  # fmt: skip
    found.append(
        Probe(
            kind="want", chain=(names[TRADER],), about=names[TRADER], options=others, answer=juice, own=juice,
            required_order=0, condition="own_need", role="control",
            question=f"Apart from the {pie}, what do you want most?", **common,
        )
    )  # fmt: skip
    return found


def _taken(w: Any) -> list[int]:
    """The levels that the trader's percepts support, of each kind for the partner: see ``taken_for``;
    and what it gave for something is less to it."""
    memory = w["memory"]
    found = []
    lied = bool(memory[ANSWERED] >= 3) and any(
        memory[SEEN + t] > 1 + NONE and not memory[SAID + t] for t in range(int(w["things"]))
    )
    for t in range(int(w["things"])):
        said = 0 if lied else int(memory[SAID + t])
        found.append(max(int(memory[SEEN + t]) or said, 1) - 1)
    juice = int(memory[KIND + JUICE])
    if memory[SURPASSED]:
        found[juice] = min(found[juice], max(int(memory[SURPASSED]) - 2, NONE))
    return found


GAME = Game(
    name="bargain",
    stage="convergence",
    title="competing for the same thing, with a common ground that neither sees",
    roles=("trader", "partner"),
    learner="trader",
    options=BargainOptions,
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
    modes=("external", "scripted", "last_seen", "exact", "random", "egocentric", "selfish", "prosocial"),
    tallies={"trades": TRADES, "refusals": REFUSALS},
)
