"""Chatter: a community talks by its habits; predict the next message, and get the reply you want.

Story. Two to four characters sit together and talk, each by a habit of its own. The learner sits with them.
It has overheard a topic outside ("Somebody outside talks about music."), and would like to hear one of
them talk about it; then it overhears another one. What somebody will say depends on who they are and on
what was said before, so a wanted reply can be brought about, by those who know whom. After the learning of
regularities from listening alone (Saffran, Aslin and Newport 1996); stages 1b and 2, environment prediction
and internal models.

=========== ============================================================================= =========
habit       says                                                                          population
=========== ============================================================================= =========
echo        the topic that somebody else mentioned last                                   train
onward      the topic that comes after that one                                           train
favourite   always the same topic                                                         train
greeter     hello to whoever spoke last                                                   train
asker       "how are you?" to whoever spoke last                                          both
back        the topic that comes before the one that somebody else mentioned last         held out
answerer    an answer to whoever has just greeted or asked it; else its favourite topic   held out
=========== ============================================================================= =========

At least one of them goes by what others mention, and at least one does not; these two are neither shy nor
forgetful.

Some of the rest are shy: every other time they say nothing. Some are forgetful: one time in four they say
anything at random. All probabilities are known (``Simulation.odds``), so the best possible prediction is,
too: 0.09 nats a message on average in ``chatter_train``, 0.29 in ``chatter_held_out``.

Who may say what. All mention topics, greet, ask how somebody is, and say how they are. Turns are in a
``fixed`` order, ``addressed`` (who was spoken to answers) or ``free`` (a floor rule, see the engine).

Rewards. The learner: +1 when somebody else mentions the topic that it has overheard last, -0.01 whenever
it says something. Characters: nothing.

Ends when the learner has heard ``goals`` topics that it wanted, or at the limit. ``perf`` is the share.

Probes, once, when two thirds of the time are over or at the end: of each character who is not shy, what would
it say next if you mentioned the topic that you want to hear, and if you mentioned another one (next_action,
order 1); who spoke last (memory, control).

Options
    people: 2 to 4 characters. topics: 3 to 6. goals: 1 to 8.
    turns: ``"fixed"``, ``"addressed"``, ``"free"``.
    tempers: whether some are shy or forgetful.
    population: ``"train"``, or ``"held_out"``: habits and topics that training never has, more shy and
        forgetful ones.
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
from .engine import ECHO as ECHOED
from .engine import (
    FORGETFUL,
    NOWHERE,
    PLAIN,
    SHY,
    WORLD,
    find,
    find_packed,
    pack,
    random_below,
    random_choice,
)
from .game import Game, GameOptions
from .language import (
    ASK_FEEL,
    ENTER,
    FEEL,
    FIRST_TOPIC,
    GREET,
    HAPPY,
    INDIVIDUAL,
    MENTION,
    NOISE,
    NOTHING,
    ROOM,
    SAD,
    TOPICS,
)
from .questions import UNKNOWN, Reader, shuffled

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "HABITS", "ChatterOptions"]

LEARNER = 0
HABITS = ("echo", "onward", "favourite", "greeter", "asker", "back", "answerer")
ECHO, ONWARD, FAVOURITE, GREETER, ASKER, BACK, ANSWERER = range(len(HABITS))
# memory; of each individual: habit, favourite topic, what it mentioned last, and how often each habit would
# have said what it said
GOAL, REACHED, EXAMINED = 0, 1, 2
HABIT, LIKED, MENTIONED, SCORE = 3, 8, 13, 18
FORGETS, SILENT = 4, 2  # one time in so many
TALK = 0.01  # cost of saying something


@dataclass(frozen=True)
class ChatterOptions(GameOptions):
    """Options of chatter: see the module's page."""

    people: int = 3
    topics: int = 4
    goals: int = 3
    turns: str = "fixed"
    tempers: bool = True
    population: str = "train"
    limit: int = 48
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {
        "people": (2, 4),
        "topics": (3, 6),
        "goals": (1, 8),
        "limit": (4, 66),
    }
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {
        "turns": engine.TURNS,
        "population": ("train", "held_out"),
    }


def encode(options: ChatterOptions) -> npt.NDArray[np.int64]:
    """(limit, people, topics, goals, turns, tempers, held out)."""
    return np.array(
        [
            options.limit,
            options.people,
            options.topics,
            options.goals,
            engine.TURNS.index(options.turns),
            int(options.tempers),
            int(options.population == "held_out"),
        ]
    )


def menu(options: ChatterOptions) -> list[tuple[int, ...]]:
    """What can be said."""
    others = range(INDIVIDUAL + 1, INDIVIDUAL + 1 + options.people)
    return [
        (NOTHING,),
        *((MENTION, topic) for topic in topics(options)),
        *((GREET, other) for other in others),
        *((ASK_FEEL, other) for other in others),
        (FEEL, INDIVIDUAL, HAPPY),
        (FEEL, INDIVIDUAL, SAD),
    ]


def topics(options: ChatterOptions) -> range:
    """The topics of a population, as tokens: held-out ones are never heard in training."""
    first = FIRST_TOPIC + (len(TOPICS) // 2 if options.population == "held_out" else 0)
    return range(first, first + options.topics)


@njit
def first_topic(options: Any) -> int:
    return FIRST_TOPIC + (len(TOPICS) // 2 if options[6] else 0)


@njit
def deal_world(w: Any, chains: Any, options: Any) -> None:
    """A new episode: all in one room, each with a habit and a temper."""
    limit, people, number, _, turns, tempers, held_out = options[:7]
    engine.clear(w, 1 + people, 0, 0, 1, limit)
    engine.deal_words(w, held_out)
    w.turns = turns
    for a in range(w.individuals):
        engine.say(w, chains, a, ENTER, ROOM, 0, 0)
    for a in range(1, w.individuals):
        w.memory[HABIT + a] = any_habit(w, held_out)
        w.memory[LIKED + a] = random_below(w, number)
        w.memory[MENTIONED + a] = NOWHERE
        temper = random_below(w, 6)
        if tempers:
            w.temper[a] = SHY if temper < 1 + held_out else FORGETFUL if temper > 4 - held_out else PLAIN
    # one who can be brought to say what is wanted, and one who cannot, neither shy nor forgetful
    a = 1 + random_below(w, people)
    b = 1 + (a + random_below(w, people - 1)) % people
    while not goes_by_topics(whole(w.memory[HABIT + a])):
        w.memory[HABIT + a] = any_habit(w, held_out)
    while goes_by_topics(whole(w.memory[HABIT + b])):
        w.memory[HABIT + b] = any_habit(w, held_out)
    w.temper[a] = PLAIN
    w.temper[b] = PLAIN
    w.memory[GOAL] = random_below(w, number)
    overhear(w, chains, options)
    w.speaker = LEARNER


@njit
def any_habit(w: Any, held_out: int) -> int:
    """A habit of a population, at random."""
    draw = random_below(w, 5)
    if held_out:
        return BACK if draw < 2 else ANSWERER if draw < 4 else ASKER
    return draw


@njit
def goes_by_topics(habit: int) -> bool:
    """Whether what is said by a habit depends on what others mention."""
    return habit in (ECHO, ONWARD, BACK)


@njit
def overhear(w: Any, chains: Any, options: Any) -> None:
    """The learner is told what it would like to hear."""
    topic = first_topic(options) + w.memory[GOAL]
    engine.whisper(w, chains, 1 << LEARNER, NOISE, topic, 0, 0, ECHOED)


# --- Habits ------------------------------------------------------------------------------------------------
@njit
def says(w: Any, options: Any, a: int, habit: int, favourite: int, upto: int, act: int, x: int) -> int:
    """What ``a`` would say by a habit after the messages before ``upto``, packed.

    Args:
        w, options: the world and its options.
        a: who speaks.
        habit, favourite: its habit, and its favourite topic as a number of those that there are.
        upto: how many messages were said before.
        act, x: a message of the learner's that is imagined after these; ``act`` -1: none.
    """
    first, number = first_topic(options), options[2]
    last_by, last_act, last_x = NOWHERE, NOTHING, 0  # what somebody else said last
    topic = NOWHERE  # what somebody else mentioned last
    if act >= 0 and a != LEARNER:
        if act != NOTHING:
            last_by, last_act, last_x = LEARNER, act, x
        if act == MENTION:
            topic = x - first
    k = upto - 1
    while k >= 0 and (last_by == NOWHERE or topic == NOWHERE):
        sender, said = whole(w.sender[k]), whole(w.said[k, 0])
        if sender < WORLD and sender != a and said != NOTHING and said != ENTER:
            if last_by == NOWHERE:
                last_by, last_act, last_x = sender, said, whole(w.said[k, 1])
            if topic == NOWHERE and said == MENTION:
                topic = whole(w.said[k, 1]) - first
        k -= 1
    own = pack(MENTION, first + favourite, 0)
    if habit == ECHO:
        return pack(MENTION, first + topic, 0) if topic != NOWHERE else pack(NOTHING, 0, 0)
    if habit == FAVOURITE:
        return own
    if habit == ONWARD:
        return pack(MENTION, first + (topic + 1) % number, 0) if topic != NOWHERE else own
    if habit == BACK:
        return pack(MENTION, first + (topic + number - 1) % number, 0) if topic != NOWHERE else own
    if habit == GREETER:
        return pack(GREET, INDIVIDUAL + last_by, 0) if last_by != NOWHERE else pack(NOTHING, 0, 0)
    if habit == ASKER:
        return pack(ASK_FEEL, INDIVIDUAL + last_by, 0) if last_by != NOWHERE else pack(NOTHING, 0, 0)
    if last_by != NOWHERE and last_x == INDIVIDUAL + a:  # the answerer has been spoken to
        if last_act == GREET:
            return pack(GREET, INDIVIDUAL + last_by, 0)
        if last_act == ASK_FEEL:
            return pack(FEEL, INDIVIDUAL + a, HAPPY)
    return own


@njit
def guessed(w: Any, a: int) -> int:
    """The habit that would have said most of what somebody said; NOWHERE where nothing tells."""
    best, most = NOWHERE, 0
    for habit in range(len(HABITS)):
        score = whole(w.memory[SCORE + (a - 1) * len(HABITS) + habit])
        if score > most:
            best, most = habit, score
    return best


@njit
def listen(w: Any, options: Any, k: int) -> None:
    """Message k was said: which habits would have said it? Everybody hears everything, so this is what
    anybody can know."""
    a = whole(w.sender[k])
    said = pack(whole(w.said[k, 0]), whole(w.said[k, 1]), whole(w.said[k, 2]))
    if a == LEARNER or w.said[k, 0] == NOTHING:
        return
    before = whole(w.memory[MENTIONED + a])
    for habit in range(len(HABITS)):
        if before == NOWHERE and habit in (FAVOURITE, ANSWERER):
            # its favourite is not known yet: whatever it mentions may be it
            fits = w.said[k, 0] == MENTION
        else:
            fits = says(w, options, a, habit, max(before, 0), k, -1, 0) == said
        if fits:
            w.memory[SCORE + (a - 1) * len(HABITS) + habit] += 1
    if w.said[k, 0] == MENTION:
        w.memory[MENTIONED + a] = whole(w.said[k, 1]) - first_topic(options)


# --- Rules -------------------------------------------------------------------------------------------------
@njit
def rules(w: Any, chains: Any, options: Any) -> None:
    """Whether the learner hears what it wants to hear, rewards, the end."""
    goals, number = options[3], options[2]
    k = engine.last_act(w)
    sender, act, topic = whole(w.sender[k]), whole(w.said[k, 0]), whole(w.said[k, 1]) - first_topic(options)
    listen(w, options, k)
    if sender == LEARNER:
        if act != NOTHING:
            w.reward[LEARNER] -= TALK
            w.welfare[LEARNER] -= TALK
    elif act == MENTION and topic == w.memory[GOAL]:
        w.reward[LEARNER] += 1.0
        w.welfare[LEARNER] += 1.0
        w.memory[REACHED] += 1
        w.memory[GOAL] = (topic + 1 + random_below(w, number - 1)) % number
        overhear(w, chains, options)
    w.perf = w.memory[REACHED] / goals
    if w.memory[REACHED] >= goals:
        w.terminated = 1
    if (w.terminated or 3 * w.step >= 2 * w.limit) and not w.memory[EXAMINED]:
        w.memory[EXAMINED] = 1
        w.ask = 1


@njit
def chance_of_goal(
    w: Any, options: Any, b: int, habit: int, favourite: int, act: int, x: int, sure: bool
) -> float:
    """How probable it is that b, speaking next, mentions what the learner wants to hear."""
    goal = pack(MENTION, first_topic(options) + w.memory[GOAL], 0)
    if habit == NOWHERE or says(w, options, b, habit, favourite, whole(w.length), act, x) != goal:
        return 0.0
    if not sure:
        return 0.8  # its temper is not known
    return 1.0 / SILENT if w.temper[b] == SHY else 1.0 - 1.0 / FORGETS if w.temper[b] == FORGETFUL else 1.0


@njit
def plan(w: Any, menu: Any, options: Any, i: int, masks: Any, exact: bool) -> int:
    """The learner's best message: after it, whoever may speak next says most probably what is wanted."""
    best, most = 0, 0.05
    n = whole(w.individuals)
    for u in range(menu.shape[0]):
        if not masks[i, LEARNER, u]:
            continue
        act, x = whole(menu[u, 0]), engine.absolute(w, LEARNER, whole(menu[u, 1]))
        addressed = INDIVIDUAL < x < INDIVIDUAL + n and w.turns == engine.ADDRESSED
        value, weight = 0.0, 0.0
        for b in range(1, n):
            if w.turns == engine.FREE:
                share = 1.0 if w.temper[b] == SHY and exact else 2.0
            else:
                # the next one, and with less weight those after it: words last until others are said
                share = 1.0 / b**3
                if addressed:
                    share = 1.0 if x == INDIVIDUAL + b else 0.0
            habit = whole(w.memory[HABIT + b]) if exact else guessed(w, b)
            favourite = whole(w.memory[LIKED + b]) if exact else max(whole(w.memory[MENTIONED + b]), 0)
            weight += share
            value += share * chance_of_goal(w, options, b, habit, favourite, act, x, exact)
        value /= weight
        if act != NOTHING:
            value -= TALK
        if value > most:
            best, most = u, value
    if best == 0 and most <= 0.05:
        # nobody known to do it: speak of it oneself, somebody may take it up
        best = find(w, menu, LEARNER, MENTION, first_topic(options) + w.memory[GOAL], 0, 0)
    return best


@njit
def choose(w: Any, menu: Any, i: int, a: int, mode: int, masks: Any, options: Any) -> int:
    """What somebody says."""
    if a != LEARNER:
        if w.temper[a] == SHY and random_below(w, SILENT) == 0:
            return 0
        if w.temper[a] == FORGETFUL and random_below(w, FORGETS) == 0:
            return random_choice(w, i, a, masks)
        habit, favourite = whole(w.memory[HABIT + a]), whole(w.memory[LIKED + a])
        return find_packed(w, menu, a, says(w, options, a, habit, favourite, whole(w.length), -1, 0))
    goal = first_topic(options) + w.memory[GOAL]
    if mode == EGOCENTRIC:  # speaks of what it wants to hear, as if all did what it does
        return find(w, menu, a, MENTION, goal, 0, 0)
    if mode == LAST_SEEN:  # repeats what was mentioned last
        k = whole(w.length) - 1
        while k >= 0 and (w.said[k, 0] != MENTION or w.sender[k] == LEARNER):
            k -= 1
        return find(w, menu, a, MENTION, whole(w.said[k, 1]), 0, 0) if k >= 0 else 0
    return plan(w, menu, options, i, masks, mode == EXACT)


@njit
def odds(worlds: Any, options: Any, menu: Any, masks: Any, out: Any, lo: int, hi: int) -> None:
    """The distribution of what whoever has the turn says, if a character: (B, U) float64."""
    for i in range(lo, hi):
        w = worlds[i]
        a = whole(w.speaker)
        for u in range(out.shape[1]):
            out[i, u] = 0.0
        if a == LEARNER or w.terminated or w.truncated:
            out[i, 0] = 1.0
            continue
        habit, favourite = whole(w.memory[HABIT + a]), whole(w.memory[LIKED + a])
        said = find_packed(w, menu, a, says(w, options, a, habit, favourite, whole(w.length), -1, 0))
        rest = 1.0
        if w.temper[a] == SHY:
            out[i, 0] += 1.0 / SILENT
            rest -= 1.0 / SILENT
        elif w.temper[a] == FORGETFUL:
            legal = 0
            for u in range(out.shape[1]):
                legal += masks[i, a, u]
            for u in range(out.shape[1]):
                out[i, u] += masks[i, a, u] / (FORGETS * legal)
            rest -= 1.0 / FORGETS
        out[i, said] += rest


@njit
def judge(
    said: Any, senders: Any, lengths: Any, individuals: int, deeds: Any, who: Any, options: Any, out: Any
) -> None:
    """R(history, action, who) for each row: see the page's Rewards."""
    for n in range(lengths.shape[0]):
        actor, act, x = deeds[n, 0], deeds[n, 1], deeds[n, 2]
        out[n] = 0.0
        if who[n] != LEARNER or actor >= WORLD:
            continue
        if actor == LEARNER:
            out[n] = -TALK if act != NOTHING and act != ENTER else 0.0
            continue
        k = whole(lengths[n]) - 1
        while k >= 0 and not (senders[n, k] == WORLD and said[n, k, 0] == NOISE):
            k -= 1
        if k >= 0 and act == MENTION and said[n, k, 1] == x:
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
    """What each would say next."""
    reader = Reader(simulation, world)
    w, names, numbers = simulation.worlds[world], reader.names, simulation._numbers
    length = int(w["length"])
    last = engine.last_act(w)
    common: dict[str, Any] = {
        "asked": simulation.individuals[LEARNER], "group": "habits", "step": int(w["step"]),
    }  # fmt: skip

    options: Any = simulation.options
    mentioned = topics(options)
    goal = int(w["memory"][GOAL])
    other = (goal + 1 + int(w["key"]) % (len(mentioned) - 1)) % len(mentioned)
    found = []
    for a in range(1, simulation.count):
        if w["temper"][a] == SHY:
            continue  # as likely to say nothing
        habit, favourite = int(w["memory"][HABIT + a]), int(w["memory"][LIKED + a])
        told, heard = int(guessed(w, a)), max(int(w["memory"][MENTIONED + a]), 0)
        own_last = [
            k for k in range(length) if w["sender"][k] == a and w["said"][k, 0] not in (NOTHING, ENTER)
        ]
        for k, topic in enumerate((mentioned[goal], mentioned[other])):

            def by(habit: int, favourite: int, a: int = a, topic: int = topic) -> str:
                """What it would say by a habit after the learner's mention of the topic."""
                return reader.sentence(int(says(w, numbers, a, habit, favourite, length, MENTION, topic)), a)

            made = {by(each, favourite) for each in range(len(HABITS))}
            for each in mentioned:
                made.add(reader.sentence(int(pack(MENTION, each, 0)), a))
            shortcuts = {"dropped_first": by(ECHO, favourite)}  # as one would go on oneself
            if own_last:
                act, x, y = (int(part) for part in w["said"][own_last[-1], :3])
                shortcuts["last_mentioned"] = reader.sentence(int(pack(act, x, y)), a)
            about = language.about(language.VOCABULARY[topic])
            found.append(
                Probe(
                    kind="next_action", chain=(names[a],), about=names[a],
                    options=shuffled(sorted(made), w["key"], 2 * a + k), answer=by(habit, favourite),
                    own=UNKNOWN if told == NOWHERE else by(told, heard), required_order=1,
                    shortcuts=shortcuts, condition=HABITS[habit],
                    question=f"If you now talked about {about}, and then {names[a]} spoke, what would "
                    f"{names[a]} say?", **common,
                )
            )  # fmt: skip
    if last >= 0:
        name = names[int(w["sender"][last])]
        found.append(
            Probe(
                kind="memory", chain=(), about="", options=shuffled(names, w["key"], 99), answer=name,
                own=name, required_order=0, role="control", condition="memory",
                question="Who spoke last?", **common,
            )
        )  # fmt: skip
    return found


GAME = Game(
    name="chatter",
    stage="1b, 2",
    title="a community talks by its habits: predict the next message, get the reply you want",
    roles=("learner", "character", "character", "character", "character"),
    learner="learner",
    options=ChatterOptions,
    encode=encode,
    count=lambda options: 1 + options.people,
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
