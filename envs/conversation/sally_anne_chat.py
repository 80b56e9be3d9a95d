"""Sally-Anne in messages: unexpected transfer and unexpected contents, told and lived.

Story. People are in a room with containers; a thing lies in one of them. Somebody leaves, the thing is
moved, somebody watches unseen or does not notice, something is claimed, whispered, or lied about; then
one of them will look for the thing. After Baron-Cohen, Leslie and Frith (1985), Perner and Wimmer (1985)
for the second order, Perner, Leekam and Wimmer (1987) for contents; stage 4b, mental simulation, and 5b.

================= ========= ===============================================================================
condition         asked     what happens after all have seen the thing in its first place p
================= ========= ===============================================================================
true_belief       (A)       A leaves and returns, then it is moved to q before A's eyes
no_transfer       (A)       A leaves and returns; nothing is moved
ignorance         (A)       A was not there yet and comes in: A knows nothing of it
false_belief      (A)       A leaves, it is moved to q, A returns
back              (A)       the same, and while A is away it is moved back to p
second_order      (B, A)    A leaves and watches unseen how B moves it to q; A returns
third_order       (A, B, A) besides, B leaves and overhears unseen how C tells A of q
fourth_order      4 long    told in two ways, see :func:`fourth` (and third_order, with four people)
public_claim      (A)       as false_belief; then C tells all that it is in q
private_tell      (B, A)    the same whispered to A: B does not know that A knows
lie               (A)       nothing is moved, but C claims it is in q: A believes it (``trust``)
contents_false    (A)       a container looks as if it held something else, and A has not looked
contents_true     (A)       A has looked
free              –         people wander, move things, look, claim, whisper and lie as they like
honest            –         people come and go, move things, ask each other where they are and answer, but
                            nobody is ever wrong about anything, nor about what another believes
================= ========= ===============================================================================

Who may say what. The story is told when the episode begins. Then the audience, the learner, says where A
will look (``wait_at``), and A looks where it believes the thing to be. In ``free`` everybody has a turn
after the other: enter, leave, move, look, claim, whisper, talk of something else. In ``honest``, too, but
there is no looking; who is asked answers, truly; and what would leave anybody with a belief that is not so,
or with one about another's belief that is not so, cannot be done (beliefs to order 2 have to be tracked). New
things come while somebody is out, who then does not know of them; some watch unseen. It is what agents can
learn from that are to be examined on false beliefs without ever having met one.

Rewards. The observer: +1 when somebody looks where it has said they would. Nothing else is paid.
``perf`` is that, 0 or 1; 0.5 where A knows of no place.

Probes, before the observer's turn: the condition's question (test, or control where the easy answer is
right), where the thing is (reality), where it was first (memory), and where A will look (next_action) or
whether A knows (knowledge). Conditions of one order are one group; in ``true_belief`` the questions of all
orders are asked, as controls: what is really so is right there. Episodes of one seed are twins in all
conditions: the same people, names, words and places; with ``mirrored`` the two places (or what is in a
container, and what its label says) have changed parts, so that no answer that is always the same is right
in both.

Options
    condition: one of these.
    people: 2 to 5, besides the audience; third_order and claims need 3, fourth_order 4.
    objects: 1 to 3. containers: 2 or 3.
    trust: ``"always"``, ``"never"``, ``"later_exit"``. claims: ``"common_knowledge"``, ``"pairwise"``.
    noise: how many messages that change nothing.
    mirrored: the twin with p and q exchanged.
    population: ``"train"``, or ``"held_out"``: words that training never has, twice the noise, and people
        who come and go more often.
    orders: up to which ``true_belief`` asks.
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
from ..simulation import ANEW, EGOCENTRIC, EXACT, LAST_SEEN, MODES, RANDOM, REALITY_BIASED, RUNNING
from . import engine, language
from .engine import DECEITFUL, HANDS, NOWHERE, PLAIN, SHY, WORLD, find, random_below, random_choice
from .game import Game, GameOptions
from .language import (
    ASK_PLACE,
    AWAY,
    CLAIM,
    ENTER,
    EXIT,
    FILL,
    FIRST_TOPIC,
    GREET,
    HIDE,
    INDIVIDUAL,
    LABEL,
    LOOK,
    MENTION,
    MOVE,
    NOTHING,
    PLACE,
    PLACE_THING,
    ROOM,
    TELL,
    THING,
    TOPICS,
    UNSURE,
    WAIT_AT,
)
from .questions import UNKNOWN, Reader

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["CONDITIONS", "GAME", "SallyAnneChatOptions"]

CONDITIONS = (
    "true_belief",
    "no_transfer",
    "ignorance",
    "false_belief",
    "back",
    "second_order",
    "third_order",
    "fourth_order",
    "public_claim",
    "private_tell",
    "lie",
    "contents_false",
    "contents_true",
    "free",
    "honest",
)
(
    TRUE_BELIEF, NO_TRANSFER, IGNORANCE, FALSE_BELIEF, BACK, SECOND, THIRD, FOURTH, PUBLIC_CLAIM,
    PRIVATE_TELL, LIE, CONTENTS_FALSE, CONTENTS_TRUE, FREE, HONEST,
) = range(len(CONDITIONS))  # fmt: skip
# Conditions whose question the easy answers get right, too.
CONTROLS = ("true_belief", "no_transfer", "back", "public_claim", "contents_true")
_NEEDS = {"third_order": 3, "fourth_order": 4, "public_claim": 3, "private_tell": 3, "lie": 3}
OBSERVER = 0
# memory
CONDITION, CAST, WAITED, OUTCOME, TEMPLATE = 0, 1, 6, 7, 8  # the cast takes five: A, B, C, D, E
COME = 9  # how many things are there already
MENU_SIZE = 64


@dataclass(frozen=True)
class SallyAnneChatOptions(GameOptions):
    """Options of sally_anne_chat: see the module's page."""

    condition: str = "false_belief"
    people: int = 3
    objects: int = 1
    containers: int = 2
    trust: str = "always"
    claims: str = "common_knowledge"
    noise: int = 2
    mirrored: bool = False
    population: str = "train"
    orders: int = 4
    limit: int = 60
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {
        "people": (2, 5),
        "objects": (1, 3),
        "containers": (2, 3),
        "noise": (0, 8),
        "orders": (1, 4),
        "limit": (2, 80),
    }
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {
        "condition": CONDITIONS,
        "trust": engine.TRUST,
        "claims": engine.CLAIMS,
        "population": ("train", "held_out"),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        least = _NEEDS.get(self.condition, 2)
        if self.people < least:
            raise ValueError(
                f"option 'people' is {self.people}, expected at least {least} for condition "
                f"{self.condition!r}"
            )


def encode(options: SallyAnneChatOptions) -> npt.NDArray[np.int64]:
    """(limit, condition, people, objects, containers, trust, claims, noise, held out, mirrored)."""
    return np.array(
        [
            options.limit,
            CONDITIONS.index(options.condition),
            options.people,
            options.objects,
            options.containers,
            engine.TRUST.index(options.trust),
            engine.CLAIMS.index(options.claims),
            options.noise,
            int(options.population == "held_out"),
            int(options.mirrored),
        ]
    )


def menu(options: SallyAnneChatOptions) -> list[tuple[int, ...]]:
    """What can be said; whispers are about the first things, as many as fit into 64 utterances."""
    things = range(THING, THING + options.objects)
    places = range(PLACE, PLACE + options.containers)
    others = range(INDIVIDUAL + 1, INDIVIDUAL + 1 + options.people)
    # looking and waiting, or asking and answering
    where: list[tuple[int, ...]] = [(act, place) for act in (WAIT_AT, LOOK) for place in places]
    if options.condition == "honest":
        where = [(ASK_PLACE, other, thing) for other in others for thing in things]
        where += [(UNSURE, thing) for thing in things]
        where += [(GREET, other) for other in others]
    found: list[tuple[int, ...]] = [
        (NOTHING,),
        (ENTER, ROOM),
        (EXIT, ROOM),
        *where,
        *((MENTION, FIRST_TOPIC + k) for k in range(3)),
        *((MOVE, thing, place) for thing in things for place in places),
        *((CLAIM, thing, place) for thing in things for place in places),
    ]
    for thing in things:
        whispers = [(TELL, other, thing, place) for other in others for place in places]
        if len(found) + len(whispers) <= MENU_SIZE:
            found += whispers
    return found


# --- The stories ---------------------------------------------------------------------------------------
@njit
def enter(w: Any, chains: Any, a: int) -> None:
    engine.say(w, chains, a, ENTER, ROOM, 0, 0)


@njit
def leave(w: Any, chains: Any, a: int) -> None:
    engine.say(w, chains, a, EXIT, ROOM, 0, 0)


@njit
def move(w: Any, chains: Any, a: int, place: int) -> None:
    """The thing in question is thing 0."""
    engine.say(w, chains, a, MOVE, THING, PLACE + place, 0)


@njit
def claim(w: Any, chains: Any, a: int, place: int) -> None:
    engine.say(w, chains, a, CLAIM, THING, PLACE + place, 0)


@njit
def hide(w: Any, chains: Any, a: int) -> None:
    engine.say(w, chains, WORLD, HIDE, INDIVIDUAL + a, 0, 0)


@njit
def chat(w: Any, chains: Any) -> None:
    """Something that changes nothing: somebody greets somebody, or talks about something."""
    n = whole(w.individuals)
    for _ in range(8):
        a = 1 + random_below(w, n - 1)
        b = 1 + random_below(w, n - 1)
        if engine.together(w, a, b):
            if random_below(w, 2):
                engine.say(w, chains, a, GREET, INDIVIDUAL + b, 0, 0)
            else:
                engine.say(w, chains, a, MENTION, FIRST_TOPIC + random_below(w, len(TOPICS)), 0, 0)
            return


@njit
def deal_world(w: Any, chains: Any, options: Any) -> None:
    """A new episode."""
    limit, condition, people, objects, places, trust, claims, noise, held_out, mirrored = options[:10]
    about_contents = condition in (CONTENTS_FALSE, CONTENTS_TRUE)
    engine.clear(w, 1 + people, 3 if about_contents else objects, places, 1, limit)
    engine.deal_words(w, held_out)
    w.observers = 1 << OBSERVER
    w.trust = trust
    w.claims = claims
    w.memory[CONDITION] = condition
    w.memory[WAITED] = NOWHERE
    # the same for all conditions of a seed: who is who, which places
    for k in range(people):
        w.memory[CAST + k] = 1 + k
    for k in range(people - 1, 0, -1):
        j = random_below(w, k + 1)
        held = whole(w.memory[CAST + k])
        w.memory[CAST + k] = w.memory[CAST + j]
        w.memory[CAST + j] = held
    p = random_below(w, places)
    q = (p + 1 + random_below(w, places - 1)) % places
    if mirrored:
        p, q = q, p
    w.memory[TEMPLATE] = random_below(w, 2) if people >= 4 else 0
    if condition == FREE:
        begin_free(w, chains)
        return
    if condition == HONEST:
        begin_honest(w, chains)
        return
    begin_story(w, chains, condition, people, p, q, noise * (1 + held_out), mirrored)
    w.mute = 0
    w.speaker = OBSERVER
    w.ask = 1


@njit
def begin_story(
    w: Any, chains: Any, condition: int, people: int, p: int, q: int, noise: int, mirrored: int
) -> None:
    """Everybody comes, the thing is put down, and what the condition says happens."""
    a = whole(w.memory[CAST])
    for k in range(people):
        who = whole(w.memory[CAST + (k + 1) % people])
        if who != a or (condition != IGNORANCE and condition < CONTENTS_FALSE):
            enter(w, chains, who)
    if condition >= CONTENTS_FALSE:
        contents(w, chains, condition, a, p, noise, mirrored)
        return
    for t in range(w.things):
        where = p if t == 0 else random_below(w, whole(w.places))
        engine.say(w, chains, WORLD, PLACE_THING, THING + t, PLACE + where, 0)
    for _ in range(noise // 2):
        chat(w, chains)
    happen(w, chains, condition, p, q)
    for _ in range(noise - noise // 2):
        chat(w, chains)


@njit
def happen(w: Any, chains: Any, condition: int, p: int, q: int) -> None:
    """What the page's table says; A, B, C, D are the cast."""
    a, b, c = whole(w.memory[CAST]), whole(w.memory[CAST + 1]), whole(w.memory[CAST + 2])
    if condition == IGNORANCE:
        enter(w, chains, a)
        return
    if condition == FOURTH:
        fourth(w, chains, q)
        return
    if condition == THIRD and w.memory[TEMPLATE]:
        third(w, chains, q)
        return
    if condition == LIE:
        leave(w, chains, a)
        enter(w, chains, a)
        claim(w, chains, c, q)
        return
    leave(w, chains, a)
    if condition in (SECOND, THIRD):
        hide(w, chains, a)
    if condition != TRUE_BELIEF and condition != NO_TRANSFER:
        move(w, chains, b, q)
    if condition == BACK:
        move(w, chains, b, p)
    if condition == THIRD:
        leave(w, chains, b)
    enter(w, chains, a)
    if condition == TRUE_BELIEF:
        move(w, chains, b, q)
    elif condition == THIRD:
        hide(w, chains, b)
        claim(w, chains, c, q)
        enter(w, chains, b)
    elif condition == PUBLIC_CLAIM:
        claim(w, chains, c, q)
    elif condition == PRIVATE_TELL:
        tell(w, chains, c, a, q)


@njit
def contents(w: Any, chains: Any, condition: int, a: int, p: int, noise: int, mirrored: int) -> None:
    """A container p with a label and something else in it; A has looked, or has not."""
    kind = random_below(w, 3)
    label = (kind + 1 + random_below(w, 2)) % 3
    if mirrored:
        kind, label = label, kind
    for k in range(w.individuals):
        if k and k != a:
            leave(w, chains, k)
    engine.say(w, chains, WORLD, LABEL, PLACE + p, THING + label, 0)
    engine.say(w, chains, WORLD, FILL, PLACE + p, THING + kind, 0)
    b = whole(w.memory[CAST + 1])
    # both come and go, one of them looks: the order is drawn
    first = a if random_below(w, 2) else b
    for k in range(2):
        who = first if k == 0 else a + b - first
        enter(w, chains, who)
        if (who == a) == (condition == CONTENTS_TRUE):
            engine.say(w, chains, who, LOOK, PLACE + p, 0, 0)
        for _ in range(noise // 2):
            chat(w, chains)
        if k == 0:
            leave(w, chains, who)
    w.memory[OUTCOME] = p


@njit
def tell(w: Any, chains: Any, a: int, b: int, place: int) -> None:
    engine.say(w, chains, a, TELL, INDIVIDUAL + b, THING, PLACE + place)


@njit
def away(w: Any, chains: Any, a: int) -> None:
    engine.say(w, chains, WORLD, AWAY, INDIVIDUAL + a, 0, 0)


@njit
def third(w: Any, chains: Any, q: int) -> None:
    """The other story of the third order, (A, C, D): B moves the thing and A does not notice; A whispers
    to C, and D to A, where it is. Found by a search over short programs, as those of :func:`fourth`."""
    a, b, c, d = whole(w.memory[1]), whole(w.memory[2]), whole(w.memory[3]), whole(w.memory[4])
    away(w, chains, a)
    move(w, chains, b, q)
    tell(w, chains, a, c, q)
    tell(w, chains, d, a, q)


@njit
def fourth(w: Any, chains: Any, q: int) -> None:
    """Two stories in which only the fourth order has the thing in its first place: (C, A, C, B) and
    (A, D, A, B). The shortest that a search over random programs found in which no shorter chain of the
    same members has that answer, nor the reversed one."""
    a, b, c, d = whole(w.memory[1]), whole(w.memory[2]), whole(w.memory[3]), whole(w.memory[4])
    if w.memory[TEMPLATE] == 0:
        away(w, chains, c)
        move(w, chains, d, q)
        tell(w, chains, c, a, q)
        leave(w, chains, c)
        hide(w, chains, c)
        claim(w, chains, d, q)
        return
    away(w, chains, a)
    move(w, chains, d, q)
    tell(w, chains, d, a, q)
    leave(w, chains, a)
    hide(w, chains, a)
    claim(w, chains, b, q)
    claim(w, chains, c, q)
    enter(w, chains, a)


# --- Free play -------------------------------------------------------------------------------------------
@njit
def begin_free(w: Any, chains: Any) -> None:
    """Some are in, the things are put down, and the audience has no turn."""
    w.mute = 1 << OBSERVER
    for a in range(1, w.individuals):
        draw = random_below(w, 6)
        w.temper[a] = DECEITFUL if draw == 0 else SHY if draw == 1 else PLAIN
        if a <= 2 or random_below(w, 2):
            enter(w, chains, a)
    for t in range(w.things):
        where = random_below(w, whole(w.places))
        engine.say(w, chains, WORLD, PLACE_THING, THING + t, PLACE + where, 0)
    w.speaker = 1


@njit
def wander(w: Any, menu: Any, i: int, a: int, masks: Any) -> int:
    """What somebody does who wants nothing in particular: claims what it believes (a deceitful one the
    contrary), else anything; a shy one speaks little."""
    u = random_choice(w, i, a, masks)
    act = whole(menu[u, 0])
    if (act in (CLAIM, TELL)) and w.temper[a] == SHY and random_below(w, 2):
        return 0
    if act in (CLAIM, TELL):
        t = whole(menu[u, 1 if act == CLAIM else 2]) - THING
        believed = whole(w.belief[t, 1 + a])
        said = whole(menu[u, 2 if act == CLAIM else 3]) - PLACE
        lies = w.temper[a] == DECEITFUL
        if believed == NOWHERE or (said == believed) == lies:
            return 0
    return u


# --- Honest play -----------------------------------------------------------------------------------------
@njit
def begin_honest(w: Any, chains: Any) -> None:
    """Some are in, and one thing is there; the audience has no turn."""
    w.mute = 1 << OBSERVER
    w.turns = engine.FREE
    for k in range(w.individuals - 1):
        if k < 2 or random_below(w, 2):
            enter(w, chains, whole(w.memory[CAST + k]))
    come(w, chains)
    w.speaker = 1 + random_below(w, w.individuals - 1)


@njit
def come(w: Any, chains: Any) -> None:
    """One more thing is there."""
    place = random_below(w, whole(w.places))
    engine.say(w, chains, WORLD, PLACE_THING, THING + w.memory[COME], PLACE + place, 0)
    w.memory[COME] += 1


@njit
def misleads(w: Any, a: int, t: int, place: int) -> bool:
    """Whether somebody would be left with a belief that is not so, or with one about somebody's belief, if a
    moved a thing now: a chain of up to two that holds another place and does not perceive it."""
    here = engine.present(w, whole(w.room[a]))
    hidden = whole(w.hidden) & ~here
    takes = engine.takers(w, here | hidden, hidden, 0)
    sees = here | hidden | w.observers
    for b in range(w.individuals):
        if not sees >> b & 1 and w.belief[t, 1 + b] not in (NOWHERE, place):
            return True
        for c in range(w.individuals):
            if b == c or w.order < 2:
                continue
            told = takes >> np.uint64(8 * b + c) & np.uint64(1) != 0
            held = whole(w.belief[t, engine.pair_column(w, b, c)])
            if held != NOWHERE and held != place and not (sees >> b & 1 and told):
                return True
    return False


@njit
def is_honest(w: Any, a: int, act: int, x: int, y: int, z: int) -> bool:
    """Whether a can say or do it where nobody is ever wrong: words are what a believes, no move misleads."""
    if act == MOVE:
        return not misleads(w, a, x - THING, y - PLACE)
    if act == CLAIM:
        return whole(w.belief[x - THING, 1 + a]) == y - PLACE
    if act == TELL:
        return whole(w.belief[y - THING, 1 + a]) == z - PLACE
    if act == UNSURE:
        return x - THING < w.memory[COME] and whole(w.belief[x - THING, 1 + a]) == NOWHERE
    if act == ASK_PLACE:
        return y - THING < whole(w.memory[COME])
    return act != LOOK


@njit
def live(w: Any, menu: Any, i: int, a: int, masks: Any) -> int:
    """What somebody does: answers who has asked; else comes, goes, asks, moves things, talks."""
    k = engine.last_act(w)
    if k >= 0 and w.said[k, 0] == ASK_PLACE and w.said[k, 1] == INDIVIDUAL + a:
        t = whole(w.said[k, 2]) - THING
        held = whole(w.belief[t, 1 + a])
        if held == NOWHERE:
            return find(w, menu, a, UNSURE, THING + t, 0, 0)
        return find(w, menu, a, CLAIM, THING + t, PLACE + held, 0)
    if w.room[a] < 0:
        return find(w, menu, a, ENTER, ROOM, 0, 0) if random_below(w, 2) else 0
    draw = random_below(w, 16)
    act = MENTION
    if draw < 3:
        act = EXIT
    elif draw < 9:
        act = ASK_PLACE
    elif draw < 12:
        act = MOVE
    elif draw < 13:
        act = TELL
    elif draw < 14:
        act = CLAIM
    elif random_below(w, 2):
        act = GREET
    # one of what can be said of this kind
    found, count = 0, 0
    for u in range(menu.shape[0]):
        if menu[u, 0] != act or not masks[i, a, u]:
            continue
        count += 1
        if random_below(w, count) == 0:
            found = u
    return found


@njit
def go_on(w: Any, chains: Any) -> None:
    """After a turn of honest play: who was asked answers; a thing comes; somebody outside watches unseen."""
    k = engine.last_act(w)
    if w.said[k, 0] == ASK_PLACE:
        w.next = whole(w.said[k, 1]) - INDIVIDUAL
        return
    if w.memory[COME] < w.things and random_below(w, 3) == 0:
        come(w, chains)
    for a in range(1, w.individuals):
        if w.room[a] < 0 and not w.hidden and random_below(w, 6) == 0:
            hide(w, chains, a)


# --- Rules -------------------------------------------------------------------------------------------------
@njit
def rules(w: Any, chains: Any) -> None:
    """The observer waits somewhere, somebody looks, the story is over."""
    if w.memory[CONDITION] == HONEST:
        go_on(w, chains)
    if w.memory[CONDITION] >= FREE:
        return
    k = engine.last_act(w)
    sender, act, x = whole(w.sender[k]), whole(w.said[k, 0]), whole(w.said[k, 1])
    a = whole(w.memory[CAST])
    if sender == OBSERVER:
        if act == WAIT_AT:
            w.memory[WAITED] = x - PLACE
        w.next = a
        return
    if act == LOOK and w.memory[WAITED] != NOWHERE:
        right = w.memory[WAITED] == x - PLACE
        w.reward[OBSERVER] += 1.0 if right else 0.0
        w.welfare[OBSERVER] += 1.0 if right else 0.0
        w.perf = 1.0 if right else 0.0
    elif act != LOOK:
        w.perf = 0.5
    w.terminated = 1


@njit
def awaited(w: Any, a: int, mode: int) -> int:
    """Where the observer expects a to look: NOWHERE where it expects nothing."""
    if w.memory[CONDITION] >= CONTENTS_FALSE:
        return whole(w.memory[OUTCOME])
    if mode in (REALITY_BIASED, EGOCENTRIC):  # who has seen all takes the others to know it, too
        return whole(w.place[0])
    if mode == LAST_SEEN:
        return whole(w.mentioned[0])
    own = mode != EXACT and w.order >= 2  # by its own view of a's belief
    return whole(w.belief[0, engine.pair_column(w, OBSERVER, a) if own else 1 + a])


@njit
def choose(w: Any, menu: Any, i: int, a: int, mode: int, masks: Any) -> int:
    """What a character says or does."""
    if w.memory[CONDITION] == FREE:
        return wander(w, menu, i, a, masks)
    if w.memory[CONDITION] == HONEST:
        return live(w, menu, i, a, masks)
    target = whole(w.memory[CAST])
    if a == OBSERVER:
        place = awaited(w, target, mode)
        return 0 if not 0 <= place < HANDS else find(w, menu, a, WAIT_AT, PLACE + place, 0, 0)
    if a != target:
        return 0
    if w.memory[CONDITION] >= CONTENTS_FALSE:
        place = whole(w.memory[OUTCOME])
    elif mode == REALITY_BIASED:
        place = whole(w.place[0])
    elif mode == LAST_SEEN:
        place = whole(w.mentioned[0])
    else:
        place = whole(w.belief[0, 1 + a])
    return 0 if not 0 <= place < HANDS else find(w, menu, a, LOOK, PLACE + place, 0, 0)


@njit
def judge(
    said: Any, senders: Any, lengths: Any, individuals: int, deeds: Any, who: Any, options: Any, out: Any
) -> None:
    """R(history, action, who) for each row: the observer gains when somebody looks where it has last
    said they would."""
    for n in range(lengths.shape[0]):
        out[n] = 0.0
        if who[n] != OBSERVER or deeds[n, 1] != LOOK or deeds[n, 0] >= WORLD or options[1] >= FREE:
            continue
        k = whole(lengths[n]) - 1
        while k >= 0:
            if senders[n, k] == OBSERVER and said[n, k, 0] == WAIT_AT:
                out[n] = 1.0 if said[n, k, 1] == deeds[n, 2] else 0.0
                break
            k -= 1


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
            rules(worlds[i], chains)


@njit
def permit(worlds: Any, options: Any, menu: Any, masks: Any, lo: int, hi: int) -> None:
    for i in range(lo, hi):
        w = worlds[i]
        engine.permit_legal(w, i, menu, masks)
        a = whole(w.speaker)
        story, honest = w.memory[CONDITION] < FREE, w.memory[CONDITION] == HONEST
        for u in range(1, menu.shape[0]):
            # the audience waits and does nothing else; in a story, people only look
            act = whole(menu[u, 0])
            allowed = act == WAIT_AT if a == OBSERVER else act != WAIT_AT and (not story or act == LOOK)
            if allowed and honest and masks[i, a, u]:
                x, y, z = whole(menu[u, 1]), whole(menu[u, 2]), whole(menu[u, 3])
                allowed = is_honest(w, a, act, x, y, z)
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
                    actions[i, a] = choose(w, menu, i, a, modes[a], masks)


# --- Probes ----------------------------------------------------------------------------------------------
#: Who is asked about in each condition and story, by cast: A is 0.
CHAINS: dict[str, tuple[tuple[int, ...], ...]] = {
    "second_order": ((1, 0), (1, 0)),
    "third_order": ((0, 1, 0), (0, 2, 3)),
    "fourth_order": ((2, 0, 2, 1), (0, 3, 0, 1)),
    "private_tell": ((1, 0), (1, 0)),
}
_FIRST_ORDER = ((0,), (0,))
#: Conditions in which somebody watches unseen, does not notice, or is whispered to.
ASYMMETRIC = ("second_order", "third_order", "fourth_order", "private_tell")
#: Conditions that are passed together.
GROUPS = {
    "second_order": "second_order",
    "private_tell": "second_order",
    "third_order": "third_order",
    "fourth_order": "fourth_order",
    "contents_false": "contents",
    "contents_true": "contents",
}


def probes(simulation: Simulation, world: int) -> list[Probe]:
    """The condition's question and its controls."""
    w = simulation.worlds[world]
    condition = CONDITIONS[int(w["memory"][CONDITION])]
    if condition in ("free", "honest"):
        return []
    reader = Reader(simulation, world)
    cast = [int(w["memory"][CAST + k]) for k in range(simulation.count - 1)]
    common: dict[str, Any] = {
        "asked": simulation.individuals[OBSERVER],
        "condition": condition,
        "group": GROUPS.get(condition, "first_order"),
        "step": int(w["step"]),
    }
    if condition.startswith("contents"):
        return _about_contents(reader, cast, common)
    return _about_place(reader, cast, common, condition)


def _about_place(reader: Reader, cast: list[int], common: dict[str, Any], condition: str) -> list[Probe]:
    names, thing, places = reader.names, reader.things[0], reader.places
    be = language.be(thing)
    was = "were" if be == "are" else "was"
    constant = places[0]
    story = int(reader.world["memory"][TEMPLATE])
    chain = [cast[k] for k in CHAINS.get(condition, _FIRST_ORDER)[story]]
    a = cast[0]
    role = "control" if condition in CONTROLS else "test"
    found = _thought(reader, chain, role, condition in ASYMMETRIC, common)
    if condition == "true_belief":  # there what is really so is right in every order
        options: Any = reader.simulation.options
        for group in ("second_order", "third_order", "fourth_order"):
            members = CHAINS[group][story]
            if len(members) <= options.orders and max(members) < len(cast):
                higher = {**common, "group": group}
                found += _thought(reader, [cast[k] for k in members], "control", False, higher)
    held = reader.belief(0, a)
    knows = ("yes", "no")
    found.append(
        Probe(
            kind="knowledge", chain=(names[a],), about=thing, options=knows,
            answer="yes" if held == reader.belief(0) else "no",
            own="yes" if reader.own(0, OBSERVER, a) == reader.belief(0) else "no",
            required_order=1, shortcuts={"reality": "yes"},
            role="test" if condition == "ignorance" else "control",
            question=f"Does {names[a]} know where the {thing} {be}?", **common,
        )
    )  # fmt: skip
    if held != UNKNOWN:
        found.append(
            Probe(
                kind="next_action", chain=(names[a],), about=thing, options=places, answer=held,
                own=reader.own(0, OBSERVER, a), required_order=reader.required_order(0, [a], held),
                shortcuts=reader.shortcuts(0, [a], constant),
                role="test" if condition in ("false_belief", "lie") else "control",
                question=f"Where will {names[a]} look for the {thing}?", **common,
            )
        )  # fmt: skip
    first = reader.place_name(int(reader.world["first"][0]))
    for kind, answer, question in (
        ("reality", reader.belief(0), f"Where {be} the {thing} really?"),
        ("memory", first, f"Where {was} the {thing} in the beginning?"),
    ):
        found.append(
            Probe(
                kind=kind, chain=(), about=thing, options=places, answer=answer, own=answer,
                required_order=0, role="control", question=question, **common,
            )
        )  # fmt: skip
    return found


def _thought(
    reader: Reader, chain: list[int], role: str, asymmetric: bool, common: dict[str, Any]
) -> list[Probe]:
    """Where a chain of minds takes the thing to be: a question, or none where that is not known."""
    if len(chain) > reader.simulation.order or (answer := reader.belief(0, *chain)) == UNKNOWN:
        return []
    names, thing, places = reader.names, reader.things[0], reader.places
    # "Where does Mia think that Tom thinks that ...": the first is asked about, the others thought of
    inner = "".join(f" that {names[b]} thinks" for b in chain[1:])
    return [
        Probe(
            kind="belief", chain=tuple(names[b] for b in chain), about=thing, options=places,
            answer=answer, own=reader.own(0, OBSERVER, *chain),
            required_order=reader.required_order(0, chain, answer),
            shortcuts=reader.shortcuts(0, chain, places[0], asymmetric), role=role,
            question=f"Where does {names[chain[0]]} think{inner} that the {thing} {language.be(thing)}?",
            **common,
        )
    ]  # fmt: skip


def _about_contents(reader: Reader, cast: list[int], common: dict[str, Any]) -> list[Probe]:
    w, names, things = reader.world, reader.names, reader.things
    p = int(w["memory"][OUTCOME])
    place, inside, label = reader.places[p], reader.contents(p), things[int(w["label"][p])]
    found = []
    for a in sorted(cast[:2]):
        held = reader.contents(p, a)
        found.append(
            Probe(
                kind="belief", chain=(names[a],), about=place, options=things, answer=held,
                own=reader.contents(p, OBSERVER, a) if reader.simulation.order > 1 else "",
                required_order=int(held != inside),
                shortcuts={
                    "reality": inside, "dropped_first": reader.contents(p, OBSERVER),
                    "last_mentioned": inside, "first_place": label, "most_frequent": things[0],
                },
                role="test" if held != inside else "control",
                question=f"What does {names[a]} think is in the {place}?", **common,
            )
        )  # fmt: skip
    for kind, answer, question in (
        ("reality", inside, f"What is really in the {place}?"),
        ("memory", label, f"What does the {place} look as if it held?"),
    ):
        found.append(
            Probe(
                kind=kind, chain=(), about=place, options=things, answer=answer, own=answer,
                required_order=0, role="control", question=question, **common,
            )
        )  # fmt: skip
    return found


GAME = Game(
    name="sally_anne_chat",
    stage="4b",
    title="unexpected transfer and contents in messages, orders 0 to 4, claims, whispers and lies",
    roles=("observer", "person", "person", "person", "person", "person"),
    learner="observer",
    options=SallyAnneChatOptions,
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
)
