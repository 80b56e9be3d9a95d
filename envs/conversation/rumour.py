"""Rumour: people come, go and whisper; tell those who do not know, and only them.

Story. Three to five people come and go in a room where the host sits all the time. Things are put into
containers and moved, where they are is claimed aloud and whispered; who is out hears none of it. The host
hears everything, whispers too, and nobody takes it to hear whispers. At the end all are back. What each
of them has is what they perceived: some have heard of every move, some were told, some hold what was true
before they left. After Kim et al. (2023), FANToM; stage 5b, cognitive theory of mind.

Who may say what. The story is told when the episode begins. Then the host tells people, one by one, where
things are (``tell``, whispered), each person each thing at most once; who was told may thank. It ends when
the host says nothing.

Rewards. A person who is told something: +1 if it is news to them, -0.5 if it is what they took to be so. The
host: -0.1 for each telling, and with ``pay="shared"``, the default, what it brings: +1 for a truth to who
did not know it, -0.5 for one to who did, -1 for a falsehood. With ``pay="own"`` telling has no reward of
its own: a selfish host says nothing, own return 0, the others' 0; a kind one informs everybody who does not
know: with five people and two things on average -0.38 for itself and +3.8 for them. A falsehood is news
to who hears it, too; their true return counts it -1.

Ends when the host says nothing, or has told everybody everything. ``perf`` is the share of tellings that
were right: truths told to who did not know them, over those, what was left untold, and what was told in
vain or falsely. Telling everybody everything is about 0.4, telling nobody 0, telling who has missed the
last word about a thing about 0.65.

Probes, before the host tells: one group a thing. Who can answer where it is (a list, and for each person,
knowledge); does A believe that B knows (info-access, order 2); where does A think it is (belief); where is
it (reality, control), who was there when it was last put down (memory, control). "A believes that B knows"
means that A believes B to believe what A takes to be so; where A attributes no belief to B the answer is no
on either reading of absence. Stories are drawn until they have a thing that can be asked about: half of the
people know, and neither who was there at first, nor who heard the last word, nor who never left are those
who know; about half are taken to know, some of them wrongly; and A's view of B is not always B's of A.

Options
    people: 3 to 5, besides the host.
    facts: things, 1 to 3. containers: 2 or 3.
    events: how much happens in the story at least, 6 to 16.
    lies: one of the people says, aloud and whispering, that things are where they are not.
    pay: ``"shared"`` or ``"own"``.
    population: ``"train"``, or ``"held_out"``: words that training never has, and people who come and go
        more often.
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
from ..simulation import (
    ANEW,
    EGOCENTRIC,
    EXACT,
    LAST_SEEN,
    MODES,
    PROSOCIAL,
    RANDOM,
    REALITY_BIASED,
    RUNNING,
    SELFISH,
)
from . import engine, language
from .engine import DECEITFUL, NOWHERE, OUTSIDE, PLAIN, WORLD, find, random_below, random_choice
from .game import Game, GameOptions
from .language import (
    CALM,
    CLAIM,
    ENTER,
    EXIT,
    FIRST_TOPIC,
    HAPPY,
    INDIVIDUAL,
    MENTION,
    MOVE,
    NOTHING,
    PLACE,
    PLACE_THING,
    ROOM,
    TELL,
    THANK,
    THING,
    TOPICS,
)
from .questions import UNKNOWN, Reader

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "RumourOptions"]

HOST = 0
SHARED = 0
FACTS, PEOPLE = 3, 5
TRIES = 64  # stories that are drawn at most, until one can be asked about ...
MORE = 16  # ... each with so many events more than the option says, at most
# memory; of each fact, bits of people: who perceived its first place, the last word about it, its last
# move; and whether it is asked about
FIRST, LAST, MOVED, ASKED = 0, 3, 6, 9
OFFSET, OUT = 12, 15  # of each fact, who is asked about whom: the so-manieth after; bits of who was ever out
HITS, WASTED, WRONG, IGNORANT = 16, 17, 18, 19
TOLD = 20  # of each person, bits of the facts the host has told them
HELD = 26  # of each person and fact, what they took to be so before this turn
COST = 0.1  # of telling
NEWS, OLD, FALSE = 1.0, -0.5, -1.0


@dataclass(frozen=True)
class RumourOptions(GameOptions):
    """Options of rumour: see the module's page."""

    people: int = 5
    facts: int = 2
    containers: int = 3
    events: int = 12
    lies: bool = False
    pay: str = "shared"
    population: str = "train"
    limit: int = 48
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {
        "people": (3, PEOPLE),
        "facts": (1, FACTS),
        "containers": (2, 3),
        "events": (6, 16),
        "limit": (2, 60),
    }
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {
        "pay": ("shared", "own"),
        "population": ("train", "held_out"),
    }


def encode(options: RumourOptions) -> npt.NDArray[np.int64]:
    """(limit, people, facts, containers, events, lies, pay, held out)."""
    return np.array(
        [
            options.limit,
            options.people,
            options.facts,
            options.containers,
            options.events,
            int(options.lies),
            RumourOptions.CHOICES["pay"].index(options.pay),
            int(options.population == "held_out"),
        ]
    )


def menu(options: RumourOptions) -> list[tuple[int, ...]]:
    """What can be said."""
    others = range(INDIVIDUAL + 1, INDIVIDUAL + 1 + options.people)
    things = range(THING, THING + options.facts)
    places = range(PLACE, PLACE + options.containers)
    return [
        (NOTHING,),
        *((THANK, other) for other in others),
        *((TELL, other, thing, place) for other in others for thing in things for place in places),
    ]


# --- The story -----------------------------------------------------------------------------------------
@njit
def somebody(w: Any, those: int) -> int:
    """One of some people (bits), at random; -1 where there is nobody."""
    count = 0
    for a in range(w.individuals):
        count += those >> a & 1
    if count == 0:
        return -1
    ticket = random_below(w, count)
    for a in range(w.individuals):
        if those >> a & 1:
            ticket -= 1
            if ticket < 0:
                return a
    return -1


@njit
def spoken_of(w: Any, t: int) -> None:
    """Keep who perceived the last message, which is about thing t."""
    w.memory[LAST + t] = w.heard[w.length - 1] & ~(1 << HOST)


@njit
def come_or_go(w: Any, chains: Any, everybody: int) -> None:
    """Somebody leaves, or somebody who is out returns; one at least stays."""
    inside = engine.present(w, 0) & everybody
    a = somebody(w, everybody)
    if w.room[a] == OUTSIDE:
        engine.say(w, chains, a, ENTER, ROOM, 0, 0)
    elif inside & ~(1 << a):
        engine.say(w, chains, a, EXIT, ROOM, 0, 0)
        w.memory[OUT] |= 1 << a


@njit
def another_place(w: Any, place: int) -> int:
    """A place that is not this one, at random."""
    return (place + 1 + random_below(w, whole(w.places) - 1)) % whole(w.places)


@njit
def state_place(w: Any, chains: Any, everybody: int, t: int, aloud: bool) -> None:
    """Somebody who is there and knows where a thing is says so, to all or whispering to one, who mostly
    does not know yet; a deceitful one says something else."""
    inside = engine.present(w, 0) & everybody
    able = 0
    for a in range(w.individuals):
        if inside >> a & 1 and w.belief[t, 1 + a] == w.place[t]:
            able |= 1 << a
    a = somebody(w, able)
    if a < 0:
        return
    place = whole(w.place[t])
    if w.temper[a] == DECEITFUL:
        place = another_place(w, place)
    if aloud:
        engine.say(w, chains, a, CLAIM, THING + t, PLACE + place, 0)
    else:
        others = inside & ~(1 << a)
        b = somebody(w, others & ~able if others & ~able and random_below(w, 4) else others)
        if b < 0:
            return
        engine.say(w, chains, a, TELL, INDIVIDUAL + b, THING + t, PLACE + place)
    spoken_of(w, t)


@njit
def happen(w: Any, chains: Any, everybody: int, held_out: int) -> None:
    """One thing happens, at random."""
    draw = random_below(w, 15 + 2 * held_out)
    t = random_below(w, whole(w.things))
    if draw < 2:
        a = somebody(w, engine.present(w, 0) & everybody)
        engine.say(w, chains, a, MOVE, THING + t, PLACE + another_place(w, whole(w.place[t])), 0)
        spoken_of(w, t)
        w.memory[MOVED + t] = w.memory[LAST + t]
    elif draw < 7:
        state_place(w, chains, everybody, t, draw == 2)
    elif draw < 8:
        a = somebody(w, engine.present(w, 0) & everybody)
        engine.say(w, chains, a, MENTION, FIRST_TOPIC + random_below(w, len(TOPICS)), 0, 0)
    else:
        come_or_go(w, chains, everybody)


@njit
def begin(w: Any, chains: Any, options: Any) -> None:
    """A new story; memory says what happened and what can be asked about."""
    limit, people, facts, places, events, lies, _, held_out = options[:8]
    engine.clear(w, 1 + people, facts, places, 1, limit)
    engine.deal_words(w, held_out)
    w.observers = 1 << HOST
    everybody = (1 << whole(w.individuals)) - 2
    for a in range(w.individuals):
        w.temper[a] = PLAIN
    if lies:
        w.temper[somebody(w, everybody)] = DECEITFUL
    engine.say(w, chains, HOST, ENTER, ROOM, 0, 0)
    late = somebody(w, everybody)  # one at least has not come yet
    first = somebody(w, everybody & ~(1 << late))
    for a in range(1, w.individuals):
        if a == first or (a != late and random_below(w, 3)):
            engine.say(w, chains, a, ENTER, ROOM, 0, 0)
        else:
            w.memory[OUT] |= 1 << a
    for t in range(facts):
        engine.say(w, chains, WORLD, PLACE_THING, THING + t, PLACE + random_below(w, places), 0)
        spoken_of(w, t)
        w.memory[FIRST + t] = w.memory[LAST + t]
        w.memory[MOVED + t] = w.memory[LAST + t]
    for _ in range(events):
        happen(w, chains, everybody, held_out)
    for _ in range(MORE):
        if can_be_asked(w):
            break
        happen(w, chains, everybody, held_out)
    for a in range(1, w.individuals):
        if w.room[a] == OUTSIDE:
            engine.say(w, chains, a, ENTER, ROOM, 0, 0)


@njit
def knowers(w: Any, t: int) -> int:
    """Bits of the people who know where a thing is."""
    found = 0
    for a in range(1, w.individuals):
        if w.belief[t, 1 + a] == w.place[t]:
            found |= 1 << a
    return found


@njit
def takes_to_know(w: Any, t: int, a: int, b: int) -> bool:
    """Whether a believes that b knows where a thing is."""
    held = whole(w.belief[t, engine.pair_column(w, a, b)])
    return held != NOWHERE and held == whole(w.belief[t, 1 + a])


@njit
def half(count: int, people: int, slack: int) -> bool:
    """Whether so many are half of them, give or take half of ``slack``."""
    return people - slack <= 2 * count <= people + slack


@njit
def askable(w: Any, t: int) -> bool:
    """Whether no easy rule answers all that is asked about a thing: see the page's Probes."""
    everybody = (1 << whole(w.individuals)) - 2
    know = knowers(w, t)
    people = whole(w.individuals) - 1
    count = 0
    for a in range(1, w.individuals):
        count += know >> a & 1
    if not half(count, people, 1) or know in (w.memory[FIRST + t], w.memory[LAST + t], w.memory[MOVED + t]):
        return False
    if know == everybody & ~w.memory[OUT]:
        return False
    if w.order < 2:
        return True
    # who is asked about whom: the first distance from one that is drawn that will do
    first = random_below(w, people - 1)
    for k in range(people - 1):
        w.memory[OFFSET + t] = 1 + (first + k) % (people - 1)
        if pairs_differ(w, t, people, know):
            return True
    return False


@njit
def pairs_differ(w: Any, t: int, people: int, know: int) -> bool:
    """Whether, of the answers to "does A believe that B knows", about half are yes, some are not whether B
    knows, and some are another when A and B change places."""
    yes, dropped, turned = 0, False, False
    for k in range(people):
        a, b = 1 + k, 1 + (k + whole(w.memory[OFFSET + t])) % people
        answer = takes_to_know(w, t, a, b)
        yes += 1 if answer else 0
        dropped |= answer != (know >> b & 1 != 0)
        turned |= answer != takes_to_know(w, t, b, a)
    return half(yes, people, 2) and dropped and turned


@njit
def can_be_asked(w: Any) -> bool:
    """Whether there is a thing that can be asked about; memory says which."""
    asked = False
    for t in range(w.things):
        w.memory[ASKED + t] = 1 if askable(w, t) else 0
        asked = asked or w.memory[ASKED + t] == 1
    return asked


@njit
def deal_world(w: Any, chains: Any, options: Any) -> None:
    """A new episode: stories until one of their things can be asked about."""
    last_perf = w.perf
    for _ in range(TRIES):
        begin(w, chains, options)
        if can_be_asked(w):
            break
    w.last_perf = last_perf
    w.ask = 1
    for t in range(w.things):
        for a in range(1, w.individuals):
            w.memory[IGNORANT] += 0 if knowers(w, t) >> a & 1 else 1
    remember(w)
    w.speaker = HOST


@njit
def remember(w: Any) -> None:
    """Keep what people hold: a telling is judged by what they held before."""
    for a in range(1, w.individuals):
        for t in range(w.things):
            w.memory[HELD + (a - 1) * FACTS + t] = w.belief[t, 1 + a]


# --- Rules -------------------------------------------------------------------------------------------------
@njit
def rules(w: Any, options: Any, chains: Any) -> None:
    """What a telling brings, what the face of who was told shows, the end."""
    k = engine.last_act(w)
    sender, act = whole(w.sender[k]), whole(w.said[k, 0])
    if sender == HOST and act == TELL:
        b, t = whole(w.said[k, 1]) - INDIVIDUAL, whole(w.said[k, 2]) - THING
        place = whole(w.said[k, 3]) - PLACE
        held = whole(w.memory[HELD + (b - 1) * FACTS + t])
        true = whole(w.place[t])
        w.memory[TOLD + b] |= 1 << t
        w.next = b
        w.reward[b] += OLD if held == place else NEWS
        if place != true:
            value = FALSE
            w.memory[WRONG] += 1
        elif held == true:
            value = OLD
            w.memory[WASTED] += 1
        else:
            value = NEWS
            w.memory[HITS] += 1
        w.welfare[b] += value
        gain = -COST + (value if options[6] == SHARED else 0.0)
        w.reward[HOST] += gain
        w.welfare[HOST] += gain
        engine.show(w, chains, b, CALM if held == place else HAPPY)
    else:
        w.next = HOST
    everything = (1 << whole(w.things)) - 1
    told = True
    for a in range(1, w.individuals):
        told = told and w.memory[TOLD + a] == everything
    if (sender == HOST and act == NOTHING) or (sender != HOST and told):
        w.terminated = 1
    w.perf = w.memory[HITS] / max(1, w.memory[IGNORANT] + w.memory[WASTED] + w.memory[WRONG])
    remember(w)


@njit
def seems_to_know(w: Any, t: int, a: int, mode: int) -> bool:
    """Whether the host takes somebody to know where a thing is."""
    if mode in (EGOCENTRIC, REALITY_BIASED):
        return True
    if mode == LAST_SEEN:
        return whole(w.memory[LAST + t]) >> a & 1 != 0
    if mode in (EXACT, PROSOCIAL) or w.order < 2:
        return whole(w.belief[t, 1 + a]) == whole(w.place[t])
    held = whole(w.belief[t, engine.pair_column(w, HOST, a)])
    return held != NOWHERE and held == whole(w.belief[t, 1 + HOST])


@njit
def choose(w: Any, menu: Any, a: int, mode: int, options: Any) -> int:
    """What a character says."""
    k = engine.last_act(w)
    if a != HOST:
        # thanks for news, which one sees from one's own face being glad
        glad = w.mood[a] == HAPPY and w.sender[k] == HOST and w.said[k, 1] == INDIVIDUAL + a
        return find(w, menu, a, THANK, INDIVIDUAL + HOST, 0, 0) if glad else 0
    if mode == SELFISH and options[6] != SHARED:
        return 0
    for b in range(1, w.individuals):
        for t in range(w.things):
            if not w.memory[TOLD + b] >> t & 1 and not seems_to_know(w, t, b, mode):
                place = whole(w.belief[t, 1 + HOST])
                return find(w, menu, a, TELL, INDIVIDUAL + b, THING + t, PLACE + place)
    return 0


@njit
def taken(said: Any, senders: Any, n: int, length: int, a: int, t: int) -> int:
    """Where somebody takes a thing to be, as a history tells: what they were there to perceive."""
    there, place = False, NOWHERE
    for k in range(length):
        act, sender = said[n, k, 0], senders[n, k]
        if sender == a and act in (ENTER, EXIT):
            there = act == ENTER
        elif act == TELL:
            if said[n, k, 1] == INDIVIDUAL + a and said[n, k, 2] == THING + t:
                place = whole(said[n, k, 3]) - PLACE
        elif (
            there
            and said[n, k, 1] == THING + t
            and (act in (PLACE_THING, MOVE) or (act == CLAIM and sender != a))
        ):
            place = whole(said[n, k, 2]) - PLACE
    return place


@njit
def last_put(said: Any, n: int, length: int, t: int) -> int:
    """Where a thing was last put or moved, as a history tells: who sits there all the time has seen it, and
    believes no word against it."""
    for k in range(length - 1, -1, -1):
        if said[n, k, 0] in (PLACE_THING, MOVE) and said[n, k, 1] == THING + t:
            return whole(said[n, k, 2]) - PLACE
    return NOWHERE


@njit
def judge(
    said: Any, senders: Any, lengths: Any, individuals: int, deeds: Any, who: Any, options: Any, out: Any
) -> None:
    """R(history, action, who) for each row; see the page's Rewards."""
    for n in range(lengths.shape[0]):
        out[n] = 0.0
        actor, act, x = deeds[n, 0], deeds[n, 1], deeds[n, 2]
        me = who[n]
        if act != TELL or actor >= WORLD:
            continue
        t, place = deeds[n, 3] - THING, deeds[n, 4] - PLACE
        held = taken(said, senders, n, lengths[n], x - INDIVIDUAL, t)
        if x == INDIVIDUAL + me:
            out[n] += OLD if held == place else NEWS
        if actor == me and me == HOST:
            out[n] -= COST
            true = last_put(said, n, lengths[n], t)
            if options[6] == SHARED and true != NOWHERE:
                out[n] += FALSE if place != true else OLD if held == true else NEWS


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
            rules(worlds[i], options, chains)


@njit
def permit(worlds: Any, options: Any, menu: Any, masks: Any, lo: int, hi: int) -> None:
    for i in range(lo, hi):
        w = worlds[i]
        engine.only_nothing(w, i, masks)
        if w.terminated or w.truncated:
            continue
        a = whole(w.speaker)
        for u in range(1, menu.shape[0]):
            act, t = whole(menu[u, 0]), whole(menu[u, 2])
            x = engine.absolute(w, a, whole(menu[u, 1]))
            if a == HOST:  # tells each person each thing once
                allowed = act == TELL and not w.memory[TOLD + x - INDIVIDUAL] >> (t - THING) & 1
            else:
                allowed = act == THANK and x == INDIVIDUAL + HOST
            if allowed and engine.legal(w, a, act, x, t, whole(menu[u, 3])):
                masks[i, a, u] = 1


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


# --- Probes ----------------------------------------------------------------------------------------------
_YES_NO = ("yes", "no")


def probes(simulation: Simulation, world: int) -> list[Probe]:
    """What is asked about each thing."""
    w = simulation.worlds[world]
    found: list[Probe] = []
    for t in range(int(w["things"])):
        if w["memory"][ASKED + t]:
            found += _about(Reader(simulation, world), t)
    return found


def _about(reader: Reader, t: int) -> list[Probe]:
    w, simulation, thing = reader.world, reader.simulation, reader.things[t]
    names, be = reader.names, language.be(thing)
    people = range(1, simulation.count)
    truth = reader.belief(t)
    # what easy rules take to be the people who know
    rules = {
        "reality": _members((1 << simulation.count) - 2),
        "first_place": _members(int(w["memory"][FIRST + t])),
        "last_mentioned": _members(int(w["memory"][LAST + t])),
        "dropped_first": _members((1 << simulation.count) - 2),  # the host knows
    }
    know = {a for a in people if reader.belief(t, a) == truth}
    lists = tuple(
        _listed(reader, {a for a in people if bits >> (a - 1) & 1}) for bits in range(1 << len(people))
    )
    found: list[Probe] = []

    def ask(
        kind: str, condition: str, chain: tuple[int, ...], options: tuple[str, ...], answer: str,
        question: str, shortcuts: Mapping[str, str], order: int, control: bool = False,
    ) -> None:  # fmt: skip
        found.append(
            Probe(
                kind=kind, asked=simulation.individuals[HOST], chain=tuple(names[a] for a in chain),
                about=thing, options=options, answer=answer,
                own=answer,  # the host has perceived everything
                required_order=order, shortcuts=shortcuts, condition=condition,
                role="control" if control else "test", group=f"fact_{t}", question=question,
                step=int(w["step"]),
            )
        )  # fmt: skip

    question = f"Who of the others can answer where the {thing} {be}?"
    answers = {name: _listed(reader, those) for name, those in rules.items()}
    ask("knowledge", "answerability", (), lists, _listed(reader, know), question, answers, 1)
    for a in people:
        answers = {name: _YES_NO[a not in those] for name, those in rules.items()}
        answers["most_frequent"] = "no"
        question = f"Can {names[a]} answer where the {thing} {be}?"
        answer = _YES_NO[a not in know]
        ask("knowledge", "answerability", (a,), _YES_NO, answer, question, answers, int(answer == "no"))
    if simulation.order >= 2:
        for a in people:
            b = 1 + (a - 1 + int(w["memory"][OFFSET + t])) % len(people)
            answer = _takes_to_know(reader, t, a, b)
            answers = {name: _YES_NO[b not in those] for name, those in rules.items()}
            answers |= {"dropped_first": _YES_NO[b not in know], "as_set": _takes_to_know(reader, t, b, a)}
            answers["most_frequent"] = "no"
            question = f"Does {names[a]} believe that {names[b]} knows where the {thing} {be}?"
            order = 1 if answer == answers["dropped_first"] else 2
            ask("knowledge", "info_access", (a, b), _YES_NO, answer, question, answers, order)
    for a in people:
        held = reader.belief(t, a)
        if held != UNKNOWN:
            question = f"Where does {names[a]} think that the {thing} {be}?"
            answers = reader.shortcuts(t, (a,), reader.places[0])
            order = reader.required_order(t, (a,), held)
            ask("belief", "belief", (a,), reader.places, held, question, answers, order, held == truth)
    question = f"Where {be} the {thing} really?"
    ask("reality", "reality", (), reader.places, truth, question, {}, 0, True)
    was = "were" if be == "are" else "was"
    question = f"Who of the others was there when the {thing} {was} last put down or moved?"
    there = _listed(reader, _members(int(w["memory"][MOVED + t])))
    ask("memory", "memory", (), lists, there, question, {}, 0, True)
    return found


def _takes_to_know(reader: Reader, t: int, a: int, b: int) -> str:
    """Whether a believes that b knows, in words."""
    held = reader.belief(t, a, b)
    return _YES_NO[held == UNKNOWN or held != reader.belief(t, a)]


def _members(bits: int) -> set[int]:
    return {a for a in range(engine.INDIVIDUALS) if bits >> a & 1}


def _listed(reader: Reader, those: set[int]) -> str:
    """Some people in words: ``"nobody"``, ``"Tom"``, ``"Tom, Mia and Ada"``."""
    names = [reader.names[a] for a in sorted(those)]
    if len(names) < 2:
        return names[0] if names else "nobody"
    return f"{', '.join(names[:-1])} and {names[-1]}"


GAME = Game(
    name="rumour",
    stage="5b",
    title="people come, go and whisper: tell those who do not know, and only them",
    roles=("host", *["person"] * PEOPLE),
    learner="host",
    options=RumourOptions,
    encode=encode,
    count=lambda options: 1 + options.people,
    menu=menu,
    deal=deal,
    play=play,
    permit=permit,
    script=script,
    judge=judge,
    probes=probes,
    documentation=__doc__,
    modes=MODES,
    tallies={"informed": HITS, "told_in_vain": WASTED, "told_falsely": WRONG},
)
