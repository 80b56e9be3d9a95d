"""The engine of all conversations: a conversation is one record, a batch is an array of records.

A conversation is eq. 5 of the paper: a sequence of messages, each with its sender and with who
perceived it. The world speaks too. One individual has its turn at each step; a step is

1. :func:`act_all` - what the one whose turn it is says or does becomes a message (:func:`say`): who
   is there perceives it, and beliefs follow, by the rules of ``minds.py``;
2. the game's ``play`` - rewards, ends, what the world shows in answer;
3. :func:`finish_all` - whose turn comes next, rewards and ends;
4. the game's ``permit`` - what that one may say.

Messages hold slots for the words that are drawn for each episode (``language.py``); :func:`bind`
puts the words in. Whoever has no room hears nothing. **Observers** perceive everything, and nobody
takes them to: they are the audience, as behind the one-way glass of the grid. They are never wrong about
anybody: a chain that begins with one of them holds what the chain without it does (:func:`omniscient`).

A game's kernels are plain functions that call the functions below as module globals. ``chains`` is
the table of chains (:func:`chain_columns`), passed through to whatever changes beliefs.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..kernels import njit, whole
from ..minds import ChainTable, chain_table, rule_one
from ..random import below, draw
from ..simulation import ANEW, NEXT_STEP, RESTING, RUNNING, SAME_STEP
from .language import (
    AWAY,
    CLAIM,
    ENTER,
    EXIT,
    FEEL,
    FILL,
    GIVE,
    HELD_OUT_CONTAINERS,
    HELD_OUT_ROOMS,
    HELD_OUT_THINGS,
    HIDE,
    HOLD,
    INDIVIDUAL,
    LABEL,
    LENGTH,
    LIKE,
    LOOK,
    MOVE,
    NEED,
    NOTHING,
    PLACE,
    PLACE_THING,
    POOLS,
    ROOM,
    SHOW,
    SLOT,
    SLOTS,
    TAKE,
    TELL,
    THING,
    WAIT_AT,
)

__all__ = [
    "CAPACITY",
    "GONE",
    "HANDS",
    "INDIVIDUALS",
    "NOWHERE",
    "OUTSIDE",
    "PLACES",
    "ROOMS",
    "THINGS",
    "TURNS",
    "WORLD",
    "absolute",
    "act_all",
    "bind",
    "chain_columns",
    "clear",
    "cut_off",
    "deal_words",
    "find_packed",
    "finish_all",
    "has_turn",
    "legal",
    "pack",
    "pair_column",
    "random_below",
    "say",
    "show",
    "whisper",
    "world_dtype",
]

# Room in a record. Sizes are part of its type, and each type is compiled anew: one for all games.
INDIVIDUALS, THINGS, PLACES, ROOMS = 6, 8, 4, 4
CAPACITY = 96  # messages; a conversation that has come near it is truncated
_RESERVE = 12  # messages that one step may add

WORLD = 8  # the sender of the world's messages
OUTSIDE = -1  # in no room: hears nothing
# Where a thing is: a place (a container) 0.., in somebody's hands HANDS + a, or
HANDS, GONE, NOWHERE = 8, 16, -1

# How turns go on.
TURNS = ("fixed", "free", "addressed")
FIXED, FREE, ADDRESSED = range(3)

# Switches of the semantics (minds.Semantics), by number.
TRUST = ("always", "never", "later_exit")
CLAIMS = ("common_knowledge", "pairwise")
CONTAINERS = ("closed", "open")

# Temperaments of characters; the games' pages say what they do.
TEMPERS = ("plain", "kind", "selfish", "shy", "deceitful", "forgetful")
PLAIN, KIND, SELFISH_TEMPER, SHY, DECEITFUL, FORGETFUL = range(len(TEMPERS))

MEMORY = 48  # numbers that a game may keep in a world
CUES = 6  # numbers that a game shows to each individual

# Whether a message is an event, or tells somebody what an event that is past let them perceive.
EVENT, ECHO = 0, 1

_HELD_T, _HELD_P, _HELD_R = HELD_OUT_THINGS, HELD_OUT_CONTAINERS, HELD_OUT_ROOMS
_NAME_0, _NAMES = POOLS["I"]
_THING_0, _ALL_THINGS = POOLS["T"]
_PLACE_0, _ALL_PLACES = POOLS["P"]
_ROOM_0, _ALL_ROOMS = POOLS["R"]


@cache
def world_dtype(order: int) -> np.dtype[Any]:
    """The record of one conversation with room for beliefs of the second or the fourth order."""
    order = 2 if order <= 2 else 4
    i, t, p, r, c = INDIVIDUALS, THINGS, PLACES, ROOMS, len(chain_table(INDIVIDUALS, order))
    return np.dtype(
        [
            ("key", "u8"),  # the world's random stream ...
            ("draws", "u8"),  # ... and how much of it is used
            ("reward", "f4", (i,)),
            ("welfare", "f4", (i,)),  # how everybody truly fared so far: oracle only
            ("perf", "f4"),  # how well the episode went, 0..1
            ("last_perf", "f4"),  # how well the episode before it went
            ("step", "i4"),  # turns so far
            ("limit", "i2"),  # turns after which the episode is truncated
            ("length", "i2"),  # messages so far
            ("left", "i2", (i, r)),  # after how many messages each left each room last; -1: never there
            ("memory", "i2", (MEMORY,)),  # the game's own
            ("lexicon", "i2", (SLOTS,)),  # the word of each slot
            ("said", "u1", (CAPACITY, 4)),  # act and arguments of each message, in slots
            ("sender", "u1", (CAPACITY,)),  # who sent it; WORLD
            ("heard", "u1", (CAPACITY,)),  # bits of those who perceived it
            ("sort", "u1", (CAPACITY,)),  # EVENT or ECHO
            ("individuals", "i1"),  # counts are signed: numba makes floats of unsigned and signed
            ("things", "i1"),
            ("places", "i1"),
            ("rooms", "i1"),
            ("order", "u1"),  # of the beliefs that are tracked; set once, for all episodes
            ("terminated", "u1"),
            ("truncated", "u1"),
            ("ask", "u1"),  # 1 when an exam should put its probes now
            ("trust", "u1"),
            ("claims", "u1"),
            ("containers", "u1"),
            ("goods", "u1"),  # 1: things are kinds of goods, counted in stocks; 0: things have a place
            ("turns", "u1"),
            ("speaker", "i1"),  # whose turn it is
            ("next", "i1"),  # whose turn the game says comes next; -1: as turns go on
            ("resume", "i1"),  # who was passed over for an addressed one; -1: nobody
            ("mute", "u1"),  # bits of those who get no turn now
            ("observers", "u1"),  # bits of those who perceive everything, unseen
            ("away", "u1"),  # bits of those who will not notice the next event
            ("hidden", "u1"),  # bits of those who will watch the next event unseen
            ("room", "i1", (i,)),  # where everybody is; OUTSIDE
            ("place", "i1", (t,)),  # where each thing is
            ("lies", "i1", (t,)),  # the room of its last true place
            ("first", "i1", (t,)),  # the place it had first
            ("mentioned", "i1", (t,)),  # the place where it was last put or said to be
            ("home", "i1", (p,)),  # the room of each container
            ("holds", "i1", (p,)),  # what kind of thing a familiar container holds; NOWHERE: not familiar
            ("label", "i1", (p,)),  # and what its label says
            ("need", "i1", (i,)),  # a thing; NOWHERE
            ("like", "i1", (i,)),
            ("mood", "u1", (i,)),  # the feeling last shown, a token
            ("temper", "u1", (i,)),  # characters.py
            ("stock", "i1", (i, t)),  # how many of each kind everybody has
            ("cue", "u1", (i, CUES)),  # 0..15
            ("belief", "i1", (t, c)),  # place of each thing as each chain has it
            ("inside", "i1", (p, c)),  # what each familiar container holds, as each chain has it
            ("wants", "i1", (i, c)),  # what everybody wants, as each chain has it
        ],
        align=True,
    )


def chain_columns(table: ChainTable) -> npt.NDArray[np.uint64]:
    """What kernels read of a table of chains: (N, 7) uint64, the bits of the first member, of all
    members, of pairs; the last member + 1, the one before it + 1, the length; the number of the chain
    without its first member, which is smaller than its own."""
    columns = (
        table.first_bit,
        table.member_bits,
        table.pair_bits,
        table.last + 1,
        table.before_last + 1,
        table.length,
        table.tail,
    )
    return np.ascontiguousarray(np.stack([column.astype(np.uint64) for column in columns], 1))


_updates = njit(inline="always")(rule_one)


# --- Building a conversation -------------------------------------------------------------------------
@njit
def random_below(w: Any, n: int) -> int:
    """A number from 0 to n - 1, from the world's own stream."""
    bits = draw(w.key, w.draws)
    w.draws += np.uint64(1)
    return whole(below(bits, n))


@njit
def clear(w: Any, individuals: int, things: int, places: int, rooms: int, limit: int) -> None:
    """An empty conversation: everybody outside, nothing anywhere, nothing said."""
    for a in range(INDIVIDUALS):
        w.reward[a] = 0
        w.welfare[a] = 0
        w.room[a] = OUTSIDE
        w.need[a] = NOWHERE
        w.like[a] = NOWHERE
        w.mood[a] = 0
        w.temper[a] = 0
        for r in range(ROOMS):
            w.left[a, r] = -1
        for t in range(THINGS):
            w.stock[a, t] = 0
        for k in range(CUES):
            w.cue[a, k] = 0
    w.last_perf = w.perf
    w.perf = 0
    w.step = 0
    w.limit = limit
    for k in range(w.length):
        w.sender[k] = 0
        w.heard[k] = 0
        w.sort[k] = 0
        for j in range(4):
            w.said[k, j] = 0
    w.length = 0
    for k in range(MEMORY):
        w.memory[k] = 0
    for k in range(SLOTS):
        w.lexicon[k] = 0
    w.individuals = individuals
    w.things = things
    w.places = places
    w.rooms = rooms
    w.terminated = 0
    w.truncated = 0
    w.ask = 0
    w.trust = 0
    w.claims = 0
    w.containers = 0
    w.goods = 0
    w.turns = FIXED
    w.speaker = 0
    w.next = -1
    w.resume = -1
    w.mute = 0
    w.observers = 0
    w.away = 0
    w.hidden = 0
    for t in range(THINGS):
        w.place[t] = NOWHERE
        w.lies[t] = OUTSIDE
        w.first[t] = NOWHERE
        w.mentioned[t] = NOWHERE
    for p in range(PLACES):
        w.home[p] = 0
        w.holds[p] = NOWHERE
        w.label[p] = NOWHERE
    for c in range(w.belief.shape[1]):
        for t in range(THINGS):
            w.belief[t, c] = NOWHERE
        for p in range(PLACES):
            w.inside[p, c] = NOWHERE
        for a in range(INDIVIDUALS):
            w.wants[a, c] = NOWHERE


@njit
def _deal(w: Any, slot: int, count: int, first: int, pool: int) -> None:
    """Different words for ``count`` slots, from ``pool`` words that begin with word ``first``."""
    for k in range(count):
        again = True
        while again:
            again = False
            w.lexicon[slot - SLOT + k] = first + random_below(w, pool)
            for j in range(k):
                if w.lexicon[slot - SLOT + j] == w.lexicon[slot - SLOT + k]:
                    again = True


@njit
def deal_words(w: Any, held_out: int) -> None:
    """Draw the episode's words. Names come from one pool for all; things, containers and rooms of
    held-out populations from words that training never has."""
    _deal(w, INDIVIDUAL, whole(w.individuals), _NAME_0, _NAMES)
    if held_out:
        _deal(w, THING, whole(w.things), _THING_0 + _ALL_THINGS - _HELD_T, _HELD_T)
        _deal(w, PLACE, whole(w.places), _PLACE_0 + _ALL_PLACES - _HELD_P, _HELD_P)
        _deal(w, ROOM, whole(w.rooms), _ROOM_0 + _ALL_ROOMS - _HELD_R, _HELD_R)
    else:
        _deal(w, THING, whole(w.things), _THING_0, _ALL_THINGS - _HELD_T)
        _deal(w, PLACE, whole(w.places), _PLACE_0, _ALL_PLACES - _HELD_P)
        _deal(w, ROOM, whole(w.rooms), _ROOM_0, _ALL_ROOMS - _HELD_R)


@njit
def bind(w: Any, symbol: int) -> int:
    """The word token of what a message holds: the episode's word for a slot, all else as it is."""
    return whole(w.lexicon[symbol - SLOT]) if symbol >= SLOT else symbol


@njit
def bind_message(w: Any, k: int, tokens: Any, row: int) -> None:
    """Write message k as ``tokens[row]``, (T, LENGTH)."""
    for j in range(LENGTH):
        tokens[row, j] = bind(w, whole(w.said[k, j])) if j < 4 else 0


# --- Who perceives -----------------------------------------------------------------------------------
@njit
def bit(a: int) -> int:
    """Bit a of a word of individuals."""
    return 1 << a


@njit
def present(w: Any, room: int) -> int:
    """Bits of those who are in a room; of nobody OUTSIDE."""
    found = 0
    if room >= 0:
        for a in range(w.individuals):
            if w.room[a] == room:
                found |= 1 << a
    return found


@njit
def together(w: Any, a: int, b: int) -> bool:
    """Whether two are in one room."""
    return a != b and w.room[a] >= 0 and w.room[a] == w.room[b]


@njit
def company(w: Any, a: int) -> bool:
    """Whether somebody is there to listen to a."""
    return present(w, whole(w.room[a])) & ~(1 << a) != 0


@njit
def takers(w: Any, those: int, hidden: int, away: int) -> Any:
    """Bits a*8+b: a takes b to perceive what ``those`` (and the audience) perceive. Of the hidden ones and
    of the audience nobody is taken to; the ``away`` ones are, who do not. The audience is told of both."""
    seen, told = np.uint64(those & ~hidden), np.uint64(those & ~away)
    matrix = np.uint64(0)
    for a in range(w.individuals):
        if w.observers >> a & 1:
            matrix |= told << np.uint64(8 * a)
        elif those >> a & 1:
            matrix |= seen << np.uint64(8 * a)
    return matrix


@njit
def record(w: Any, sender: int, act: int, x: int, y: int, z: int, heard: int, sort: int) -> None:
    """Append a message."""
    k = whole(w.length)
    if k >= CAPACITY:
        return  # cannot be: finish_all ends a conversation before, and no step adds so many
    w.said[k, 0] = act
    w.said[k, 1] = x
    w.said[k, 2] = y
    w.said[k, 3] = z
    w.sender[k] = sender
    w.heard[k] = heard
    w.sort[k] = sort
    w.length = k + 1


@njit
def pair_column(w: Any, a: int, b: int) -> int:
    """The column of the chain (a, b) in a table of chains, where those of length 2 come after the
    individuals."""
    n = whole(w.individuals)
    return 1 + n + a * (n - 1) + (b if b < a else b - 1)


# --- What follows for beliefs --------------------------------------------------------------------------
@njit
def omniscient(w: Any, chains: Any, c: int) -> bool:
    """Whether a chain begins with one of the audience. It then holds what its tail does, of any length. Who
    takes whom to perceive an event could not say so: the audience takes one who is away not to, and yet
    knows that others do."""
    return bool(chains[c, 0] & np.uint64(w.observers) != 0)


@njit
def learn(w: Any, chains: Any, facts: Any, row: int, value: int, sees: int, takes: Any, real: bool) -> None:
    """Chains that an event updates (rule 1) hold ``value`` of fact ``row``; reality too, if ``real``."""
    if real:
        facts[row, 0] = value
    bits = np.uint64(sees)
    for c in range(1, chains.shape[0]):
        if omniscient(w, chains, c):
            facts[row, c] = facts[row, whole(chains[c, 6])]
        elif _updates(chains[c, 0], chains[c, 2], bits, takes):
            facts[row, c] = value


@njit
def look_into(w: Any, chains: Any, places: int, sees: int, takes: Any, alone: int) -> None:
    """The inside of places (bits of ``places``: containers, hands from bit HANDS on) is perceived: what
    is there, and what is not (rule 6). ``alone``: bits of those whose chains alone see it, or -1 for
    all."""
    bits = np.uint64(sees)
    others = ~np.uint64(alone)
    for c in range(1, chains.shape[0]):
        if omniscient(w, chains, c):
            tail = whole(chains[c, 6])
            for t in range(w.things):
                w.belief[t, c] = w.belief[t, tail]
            for p in range(w.places):
                w.inside[p, c] = w.inside[p, tail]
            continue
        if not _updates(chains[c, 0], chains[c, 2], bits, takes):
            continue
        if alone != -1 and chains[c, 1] & others != 0:
            continue
        for t in range(w.things):
            now = whole(w.place[t])
            if 0 <= now < GONE and places >> now & 1:
                w.belief[t, c] = now
            else:
                held = whole(w.belief[t, c])
                if 0 <= held < GONE and places >> held & 1:
                    w.belief[t, c] = NOWHERE
        for p in range(w.places):
            if places >> p & 1 and w.holds[p] != NOWHERE:
                w.inside[p, c] = w.holds[p]


@njit
def read_labels(w: Any, chains: Any, places: int, sees: int, takes: Any) -> None:
    """The outside of containers is perceived: who knows nothing of the inside takes the label's word
    (rule 12)."""
    bits = np.uint64(sees)
    for p in range(w.places):
        if places >> p & 1 and w.label[p] != NOWHERE:
            for c in range(1, chains.shape[0]):
                if omniscient(w, chains, c):
                    w.inside[p, c] = w.inside[p, whole(chains[c, 6])]
                elif w.inside[p, c] == NOWHERE and _updates(chains[c, 0], chains[c, 2], bits, takes):
                    w.inside[p, c] = w.label[p]


@njit
def containers_in(w: Any, room: int) -> int:
    """Bits of the containers of a room."""
    found = 0
    for p in range(w.places):
        if w.home[p] == room:
            found |= 1 << p
    return found


@njit
def put(w: Any, chains: Any, t: int, place: int, sees: int, takes: Any, those: int, hidden: int) -> None:
    """A thing comes to a place, and who perceives it knows."""
    before = whole(w.place[t])
    if w.first[t] == NOWHERE:
        w.first[t] = place
    w.place[t] = place
    if 0 <= place < PLACES:
        w.lies[t] = w.home[place]
    w.mentioned[t] = place
    learn(w, chains, w.belief, t, place, sees, takes, True)
    outsides = 0
    if 0 <= before < PLACES:
        outsides |= 1 << before
    if 0 <= place < PLACES:
        outsides |= 1 << place
    read_labels(w, chains, outsides, sees, takes)


@njit
def room_of_thing(w: Any, t: int) -> int:
    """The room of a thing's last true place; what is carried is where its carrier is."""
    place = whole(w.place[t])
    return whole(w.room[place - HANDS]) if HANDS <= place < GONE else whole(w.lies[t])


@njit
def exit_time(w: Any, a: int, room: int) -> int:
    """When a left a room last: still there is latest, never there earliest."""
    return CAPACITY + 1 if w.room[a] == room else whole(w.left[a, room])


@njit
def trusts(w: Any, listener: int, speaker: int, t: int) -> bool:
    """Rule 9."""
    if w.trust == 0:
        return True
    if w.trust == 1:
        return False
    room = room_of_thing(w, t)
    return room >= 0 and exit_time(w, speaker, room) > exit_time(w, listener, room)


@njit
def in_view(w: Any, t: int) -> int:
    """Bits of those who perceive a thing at this moment: for them no word about it counts (rule 8)."""
    place = whole(w.place[t])
    if HANDS <= place < GONE:
        return present(w, whole(w.room[place - HANDS])) | 1 << (place - HANDS)
    if 0 <= place < PLACES and w.containers == 1:
        return present(w, whole(w.home[place]))
    return 0


@njit
def state(w: Any, chains: Any, speaker: int, t: int, place: int, sees: int, takes: Any) -> None:
    """A statement by S that a thing is at a place: (..., x) and (..., x, S) take it if x trusts S; (S)
    never does (rule 10)."""
    view = in_view(w, t)
    trusting = 0
    for x in range(w.individuals):
        # the audience has seen for itself: nobody thinks that it takes anybody's word
        if not w.observers >> x & 1 and trusts(w, x, speaker, t):
            trusting |= 1 << x
    bits = np.uint64(sees)
    for c in range(1, chains.shape[0]):
        if omniscient(w, chains, c):
            w.belief[t, c] = w.belief[t, whole(chains[c, 6])]
            continue
        last, length = whole(chains[c, 3]) - 1, whole(chains[c, 5])
        x = whole(chains[c, 4]) - 1 if last == speaker else last
        if x < 0 or view >> x & 1:
            continue
        moved = trusting >> x & 1 != 0
        if w.claims == 1:
            first = chains[c, 0] == np.uint64(1) << np.uint64(speaker)
            pair = length == 2 and (last == speaker or first)
            moved = (moved and (length == 1 or pair)) or (length == 2 and first)
        if moved and _updates(chains[c, 0], chains[c, 2], bits, takes):
            w.belief[t, c] = place


@njit
def profess(w: Any, chains: Any, speaker: int, thing: int, sees: int, takes: Any) -> None:
    """Somebody says what they want themselves: a statement that everybody trusts."""
    bits = np.uint64(sees)
    for c in range(1, chains.shape[0]):
        if omniscient(w, chains, c):
            w.wants[speaker, c] = w.wants[speaker, whole(chains[c, 6])]
            continue
        last = whole(chains[c, 3]) - 1
        if last == speaker and whole(chains[c, 5]) == 1:
            continue
        if _updates(chains[c, 0], chains[c, 2], bits, takes):
            w.wants[speaker, c] = thing


# --- Saying and doing ------------------------------------------------------------------------------------
@njit
def whisper(w: Any, chains: Any, those: int, act: int, x: int, y: int, z: int, sort: int) -> None:
    """A message of the world to some individuals alone (bits of ``those``), and to observers.

    What is said of wants (``like``, ``need``) is true, and each of them learns it for themselves: it
    is nobody else's matter who was told. An ECHO changes no belief.
    """
    record(w, WORLD, act, x, y, z, those | w.observers, sort)
    if sort == EVENT and (act in (LIKE, NEED)):
        a = x - INDIVIDUAL
        learn(w, chains, w.wants, a, y - THING, those | w.observers, takers(w, those, 0, 0), True)


@njit
def show(w: Any, chains: Any, a: int, feeling: int) -> None:
    """The world shows what somebody feels to all in the room."""
    w.mood[a] = feeling
    say(w, chains, WORLD, SHOW, INDIVIDUAL + a, feeling, 0)


@njit
def say(w: Any, chains: Any, sender: int, act: int, x: int, y: int, z: int) -> None:
    """Something is said or done, or happens: a message to those who perceive it, and what follows for
    the world and for beliefs.

    Args:
        w: the world.
        chains: the table of chains.
        sender: an individual, or WORLD.
        act, x, y, z: the utterance, in slots; 0 where there is no argument. The world's ``place``,
            ``fill`` and ``label`` happen in the container's room, its ``show``, ``hold``, ``like`` and
            ``need`` in the individual's, its noises everywhere.
    """
    everybody = (1 << whole(w.individuals)) - 1
    if act == AWAY:
        w.away = w.away | 1 << (x - INDIVIDUAL)
        record(w, WORLD, act, x, y, z, whole(w.observers), EVENT)
        return
    if act == HIDE:
        w.hidden = w.hidden | 1 << (x - INDIVIDUAL)
        record(w, WORLD, act, x, y, z, 1 << (x - INDIVIDUAL) | w.observers, EVENT)
        return
    # where it happens
    if sender < WORLD:
        room = whole(w.room[sender])
    elif act == PLACE_THING:
        room = whole(w.home[y - PLACE])
    elif act in (FILL, LABEL):
        room = whole(w.home[x - PLACE])
    elif x >= INDIVIDUAL and x < THING:
        room = whole(w.room[x - INDIVIDUAL])
    else:
        room = OUTSIDE
    if act == ENTER:
        room = x - ROOM
        if w.room[sender] == room:
            record(w, sender, act, x, y, z, present(w, room) | w.observers, ECHO)
            return
        if w.room[sender] >= 0:
            w.left[sender, w.room[sender]] = w.length + 1  # once this is said: as in EXIT
        w.room[sender] = room
    # who perceives it
    those = present(w, room)
    hidden, away = 0, 0
    if sender == WORLD and room == OUTSIDE:
        those = 1 << (x - INDIVIDUAL) if INDIVIDUAL <= x < THING else everybody
    if act == TELL:
        those = 1 << sender | 1 << (x - INDIVIDUAL)
    elif act in (CLAIM, MOVE, GIVE, TAKE, LOOK, PLACE_THING, FILL):
        hidden = whole(w.hidden) & ~those
        away = whole(w.away) & those
        w.hidden = 0
        w.away = 0
        if sender < WORLD:
            away &= ~(1 << sender)  # who places or moves a thing perceives it (rule 4)
        those |= hidden
    elif sender < WORLD and room == OUTSIDE:
        those = 1 << sender
    sees = (those & ~away) | w.observers
    takes = takers(w, those, hidden, away)
    record(w, sender, act, x, y, z, sees, EVENT)
    # what it does
    if act == CLAIM:
        w.mentioned[x - THING] = y - PLACE
        state(w, chains, sender, x - THING, y - PLACE, sees, takes)
    elif act == TELL:
        w.mentioned[y - THING] = z - PLACE
        state(w, chains, sender, y - THING, z - PLACE, sees, takes)
    elif act in (MOVE, PLACE_THING):
        put(w, chains, x - THING, y - PLACE, sees, takes, those, hidden)
    elif act == ENTER:
        read_labels(w, chains, containers_in(w, room), sees, takes)
        if w.containers == 1:
            inside = containers_in(w, room) | present(w, room) << HANDS
            look_into(w, chains, inside, sees, takes, -1)
            tell_inside(w, inside, sees)
        for p in range(w.places):  # the newcomer reads the labels
            if w.home[p] == room and w.label[p] != NOWHERE:
                record(w, WORLD, LABEL, PLACE + p, THING + w.label[p], 0, 1 << sender, ECHO)
    elif act == EXIT:
        w.left[sender, room] = w.length
        w.room[sender] = OUTSIDE
    elif act == LOOK:
        p = x - PLACE
        read_labels(w, chains, 1 << p, sees, takes)
        if w.containers == 1:
            look_into(w, chains, 1 << p, sees, takes, -1)
            tell_inside(w, 1 << p, sees)
        else:
            # all present perceive that somebody looks; who does not look sees no inside
            alone = 1 << sender | w.observers
            look_into(w, chains, 1 << p, alone, takes, alone)
            tell_inside(w, 1 << p, alone)
    elif act in (GIVE, TAKE):
        other, t = x - INDIVIDUAL, y - THING
        giver, taker = (sender, other) if act == GIVE else (other, sender)
        if w.goods:
            w.stock[giver, t] -= 1
            w.stock[taker, t] += 1
        else:
            put(w, chains, t, HANDS + taker, sees, takes, those, hidden)
    elif act == HOLD and not w.goods:
        put(w, chains, y - THING, HANDS + x - INDIVIDUAL, sees, takes, those, hidden)
    elif act == FILL:
        w.holds[x - PLACE] = y - THING
        learn(w, chains, w.inside, x - PLACE, y - THING, sees, takes, True)
        read_labels(w, chains, 1 << (x - PLACE), those | w.observers, takes)
    elif act == LABEL:
        w.label[x - PLACE] = y - THING
        read_labels(w, chains, 1 << (x - PLACE), sees, takes)
    elif act in (LIKE, NEED):
        a, t = x - INDIVIDUAL, y - THING
        if sender == WORLD:
            learn(w, chains, w.wants, a, t, sees | 1 << a, takes, True)
        elif a == sender:
            profess(w, chains, sender, t, sees, takes)


@njit
def tell_inside(w: Any, places: int, those: int) -> None:
    """Tell those who look into containers, and hands, what is in them."""
    for p in range(w.places):
        if places >> p & 1:
            for t in range(w.things):
                if w.place[t] == p:
                    record(w, WORLD, PLACE_THING, THING + t, PLACE + p, 0, those, ECHO)
            if w.holds[p] != NOWHERE:
                record(w, WORLD, FILL, PLACE + p, THING + w.holds[p], 0, those, ECHO)
    for t in range(w.things):
        if w.place[t] >= HANDS and w.place[t] < GONE and places >> whole(w.place[t]) & 1:
            record(w, WORLD, HOLD, INDIVIDUAL + w.place[t] - HANDS, THING + t, 0, those, ECHO)


# --- What may be said --------------------------------------------------------------------------------------
@njit
def absolute(w: Any, speaker: int, symbol: int) -> int:
    """A menu's symbol as the speaker means it: menus count individuals from the speaker on."""
    if INDIVIDUAL <= symbol < THING:
        return INDIVIDUAL + (speaker + symbol - INDIVIDUAL) % whole(w.individuals)
    return symbol


@njit
def exists(w: Any, symbol: int) -> bool:
    """Whether a slot is filled in this world."""
    if symbol < SLOT:
        return True
    return whole(w.lexicon[symbol - SLOT]) != 0


@njit
def legal(w: Any, a: int, act: int, x: int, y: int, z: int) -> bool:
    """Whether somebody can say or do this here and now, by the rules that all games share: speech
    needs a listener, deeds need their objects within reach."""
    if act == NOTHING:
        return True
    if not (exists(w, x) and exists(w, y) and exists(w, z)):
        return False
    room = whole(w.room[a])
    if act == ENTER:
        return room == OUTSIDE
    if act == EXIT:
        return room == x - ROOM
    if act == WAIT_AT:
        return True
    if room == OUTSIDE:
        return False
    if act == MOVE:
        t, p = x - THING, y - PLACE
        here = w.home[p] == room and room_of_thing(w, t) == room and w.place[t] != GONE
        held = w.place[t] >= HANDS and w.place[t] != HANDS + a
        return here and w.place[t] != p and not held
    if act == LOOK:
        return whole(w.home[x - PLACE]) == room
    if act in (GIVE, TAKE):
        other, t = x - INDIVIDUAL, y - THING
        if not together(w, a, other):
            return False
        giver = a if act == GIVE else other
        return whole(w.stock[giver, t]) > 0 if w.goods else whole(w.place[t]) == HANDS + giver
    if act in (NEED, LIKE, FEEL):
        return company(w, a)  # of anybody, oneself included
    if INDIVIDUAL <= x < THING:
        return together(w, a, x - INDIVIDUAL)
    return company(w, a)


# --- The parts of a step -----------------------------------------------------------------------------------
@njit
def act_all(
    worlds: Any,
    chains: Any,
    menu: Any,
    masks: Any,
    actions: Any,
    autoreset: int,
    todo: Any,
    lo: int,
    hi: int,
) -> int:
    """First part of a step of worlds ``lo`` to ``hi``: the one whose turn it is says or does something.

    Args:
        worlds, chains: the batch and its table of chains.
        menu: (U, 4) uint8, the utterances.
        masks: (B, A, U) int8, what was legal; what was not says nothing.
        actions: (B, A) int64, indices into the menu; only the speaker's counts, and a world whose
            speaker's is -1 stays as it is.
        autoreset: what becomes of worlds whose episode is over.
        todo: (B,) uint8, written: RUNNING, RESTING, or ANEW where a new episode is to begin instead.

    Returns:
        How many are to begin anew.
    """
    anew = 0
    for i in range(lo, hi):
        w = worlds[i]
        if w.terminated or w.truncated:
            todo[i] = RESTING
            if autoreset == NEXT_STEP and actions[i, w.speaker] >= 0:
                todo[i] = ANEW
                anew += 1
            continue
        a = whole(w.speaker)
        u = actions[i, a]
        if u < 0:
            todo[i] = RESTING
            continue
        todo[i] = RUNNING
        w.step += 1
        for b in range(w.individuals):
            w.reward[b] = 0
        w.ask = 0
        w.next = -1
        if masks[i, a, u] == 0:
            u = 0
        x, y, z = whole(menu[u, 1]), whole(menu[u, 2]), whole(menu[u, 3])
        act = whole(menu[u, 0])
        say(w, chains, a, act, absolute(w, a, x), absolute(w, a, y), absolute(w, a, z))
    return anew


@njit
def has_turn(w: Any, a: int) -> bool:
    """Whether a is to say something now. Nobody is where the conversation is over: characters that drew from
    its stream then would make the next episode depend on how often they were asked."""
    return a == w.speaker and not w.terminated and not w.truncated


@njit
def last_act(w: Any) -> int:
    """The number of the message in which somebody last said or did something; -1 if nobody has."""
    k = whole(w.length) - 1
    while k >= 0 and w.sender[k] >= WORLD:
        k -= 1
    return k


@njit
def turn_after(w: Any, a: int) -> int:
    """Who comes after a in the fixed order, leaving out those who are mute; a if all others are."""
    n = whole(w.individuals)
    for k in range(1, n + 1):
        b = (a + k) % n
        if not w.mute >> b & 1:
            return b
    return a


@njit
def next_turn(w: Any) -> None:
    """Whose turn comes.

    * FIXED: in their order.
    * ADDRESSED: who was addressed replies; then on as it would have gone.
    * FREE: a floor rule - the floor goes to one of the others at random, shy ones half as often, and
      nobody has it twice in a row.
    """
    a = whole(w.speaker)
    if w.next >= 0:
        w.speaker = w.next
        return
    if w.turns == ADDRESSED:
        k = last_act(w)
        goes_on = turn_after(w, whole(w.resume) if w.resume >= 0 else a)
        if k >= 0 and w.resume < 0 and INDIVIDUAL <= w.said[k, 1] < THING:
            b = whole(w.said[k, 1]) - INDIVIDUAL
            if b != a and not w.mute >> b & 1 and together(w, a, b):
                w.resume = a
                w.speaker = b
                return
        w.resume = -1
        w.speaker = goes_on
        return
    if w.turns == FREE:
        total = 0
        for b in range(w.individuals):
            if b != a and not w.mute >> b & 1:
                total += 1 if w.temper[b] == SHY else 2
        if total > 0:
            ticket = random_below(w, total)
            for b in range(w.individuals):
                if b != a and not w.mute >> b & 1:
                    ticket -= 1 if w.temper[b] == SHY else 2
                    if ticket < 0:
                        w.speaker = b
                        return
    w.speaker = turn_after(w, a)


@njit
def cut_off(w: Any) -> bool:
    """Whether this turn is the last one, if nothing else has ended the episode: so many turns were had, or
    there is no room for the messages of another one. Rules that look at it have said all that they say."""
    return whole(w.step) >= whole(w.limit) or whole(w.length) > CAPACITY - _RESERVE


@njit
def finish_all(worlds: Any, rewards: Any, ends: Any, autoreset: int, todo: Any, lo: int, hi: int) -> int:
    """After the rules: cut off what has lasted too long, hand out rewards, pass on the turn.

    With ``autoreset="same_step"``, worlds whose episode ended are marked ANEW; returns how many.
    """
    ended = 0
    for i in range(lo, hi):
        w = worlds[i]
        if todo[i] == RUNNING:
            if cut_off(w) and not w.terminated:
                w.truncated = 1
            next_turn(w)
        for a in range(w.individuals):
            rewards[i, a] = w.reward[a] if todo[i] == RUNNING else 0
        ends[i, 0] = w.terminated
        ends[i, 1] = w.truncated
        if autoreset == SAME_STEP and todo[i] == RUNNING and (w.terminated or w.truncated):
            todo[i] = ANEW
            ended += 1
    return ended


@njit
def only_nothing(w: Any, i: int, masks: Any) -> None:
    """Action masks (B, A, U) of world i in which everybody can but say nothing: a game's ``permit``
    opens the speaker's."""
    for a in range(masks.shape[1]):
        for u in range(masks.shape[2]):
            masks[i, a, u] = 0
        masks[i, a, 0] = 1


@njit
def permit_legal(w: Any, i: int, menu: Any, masks: Any) -> None:
    """Open to the speaker of world i all that :func:`legal` allows."""
    only_nothing(w, i, masks)
    if w.terminated or w.truncated:
        return
    a = whole(w.speaker)
    for u in range(1, menu.shape[0]):
        x, y, z = whole(menu[u, 1]), whole(menu[u, 2]), whole(menu[u, 3])
        if legal(w, a, whole(menu[u, 0]), absolute(w, a, x), absolute(w, a, y), absolute(w, a, z)):
            masks[i, a, u] = 1


@njit
def find(w: Any, menu: Any, a: int, act: int, x: int, y: int, z: int) -> int:
    """The number in the menu of what a wants to say (in absolute slots); 0, nothing, if it is not
    there."""
    for u in range(menu.shape[0]):
        if (
            menu[u, 0] == act
            and absolute(w, a, whole(menu[u, 1])) == x
            and absolute(w, a, whole(menu[u, 2])) == y
            and absolute(w, a, whole(menu[u, 3])) == z
        ):
            return u
    return 0


@njit
def pack(act: int, x: int, y: int) -> int:
    """An utterance of at most two arguments as one number."""
    return act | x << 8 | y << 16


@njit
def find_packed(w: Any, menu: Any, a: int, packed: int) -> int:
    """The number in the menu of a packed utterance; 0, nothing, if a cannot say it."""
    return find(w, menu, a, packed & 255, packed >> 8 & 255, packed >> 16 & 255, 0)


@njit
def random_choice(w: Any, i: int, a: int, masks: Any) -> int:
    """A legal action of individual a of world i, at random."""
    total = 0
    for u in range(masks.shape[2]):
        total += masks[i, a, u]
    ticket = random_below(w, total)
    for u in range(masks.shape[2]):
        ticket -= masks[i, a, u]
        if ticket < 0:
            return u
    return 0
