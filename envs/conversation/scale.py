"""Scale: the seven tasks of Wellman and Liu's scale of theory-of-mind development.

Story. The observer, an audience that perceives everything unseen, is told one short story about up to
three people, and is asked about it. Children pass the tasks in this order (Wellman and Liu 2004, Child
Development 75): what somebody else wants, what they believe, whether they know, what they falsely take
a familiar container to hold, where they falsely take a thing to be, what they feel because of what they
believe, and that what they show may not be what they feel.

===================== ==========================================================================
task                  the story (test), and its twin (control)
===================== ==========================================================================
diverse_desires       somebody likes another thing than you do; twin: the same
diverse_beliefs       two were told of two places, nobody knows which is right; twin: of one place
knowledge_access      one has looked into the container, the other has not; twin: both have
contents              a container looks as if it held something else; twin: the other looked, too
explicit_false_belief somebody was told a wrong place; twin: the right one
belief_emotion        glad or sad of a container for what its label says; twin: the label is true
real_apparent         somebody shows another feeling than they have; twin: they feel what they show
===================== ==========================================================================

Who may say what. The story is told when the episode begins; then everybody has one turn and says
nothing. There is nothing to gain: this is an exam.

Rewards: none. ``perf`` is 0.

Probes, at once: one group a story, the test questions with their control questions; a story is passed
only with all of them. Which of the two people is asked first, the places and the twins are drawn. A story and
its twin of the same seed have another answer to the test question, so that no answer is right in both: the
one who wanted what the label says is glad of the closed container, and sad of it where the label tells the
truth; the one whose face is sad is glad, or is sad. Controls of these two ask what the answer follows from,
too: what is liked, and what is inside or who has it.

Options
    task: one of the seven.
    story: ``"test"``, ``"control"`` (the twin), or ``"both"``: either, at random.
    population: ``"train"``, or ``"held_out"``: words that training never has.
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
from ..simulation import ANEW, MODES, RUNNING
from . import engine
from .engine import EVENT, random_below
from .game import Game, GameOptions
from .language import (
    ENTER,
    EXIT,
    FILL,
    HAPPY,
    HOLD,
    INDIVIDUAL,
    LABEL,
    LIKE,
    LOOK,
    NOTHING,
    PLACE,
    PLACE_THING,
    ROOM,
    SAD,
    TAKE,
    TELL,
    THING,
    VOCABULARY,
)
from .questions import UNKNOWN, Reader

if TYPE_CHECKING:
    from .game import Simulation

__all__ = ["GAME", "TASKS", "ScaleOptions"]

TASKS = (
    "diverse_desires",
    "diverse_beliefs",
    "knowledge_access",
    "contents",
    "explicit_false_belief",
    "belief_emotion",
    "real_apparent",
)
DESIRES, BELIEFS, KNOWLEDGE, CONTENTS, EXPLICIT, EMOTION, APPARENT = range(len(TASKS))
OBSERVER, PEOPLE = 0, 3
# memory
TASK, TWIN, FIRST, SECOND, FELT, KINDS = range(6)


@dataclass(frozen=True)
class ScaleOptions(GameOptions):
    """Options of scale: see the module's page."""

    task: str = "explicit_false_belief"
    story: str = "both"
    population: str = "train"
    limit: int = 8
    RANGES: ClassVar[Mapping[str, tuple[int, int]]] = {"limit": (1, 80)}
    CHOICES: ClassVar[Mapping[str, Sequence[Any]]] = {
        "task": TASKS,
        "story": ("both", "test", "control"),
        "population": ("train", "held_out"),
    }


def encode(options: ScaleOptions) -> npt.NDArray[np.int64]:
    """(limit, task, story, held out)."""
    choices = ScaleOptions.CHOICES
    return np.array(
        [
            options.limit,
            TASKS.index(options.task),
            choices["story"].index(options.story),
            choices["population"].index(options.population),
        ]
    )


def menu(options: ScaleOptions) -> list[tuple[int, ...]]:
    """Nothing can be said."""
    return [(NOTHING,)]


@njit
def deal_world(w: Any, chains: Any, options: Any) -> None:
    """A new story, told at once."""
    limit, task, story, held_out = options[:4]
    engine.clear(w, 1 + PEOPLE, 3, 2, 1, limit)
    engine.deal_words(w, held_out)
    w.observers = 1 << OBSERVER
    twin = random_below(w, 2) if story == 0 else story - 1
    # who is who, which place, which thing: drawn, so that no order of mention gives an answer away
    a = 1 + random_below(w, PEOPLE)
    b = 1 + a % PEOPLE
    c = 1 + b % PEOPLE
    if random_below(w, 2):
        b, c = c, b
    p = random_below(w, 2)
    t = random_below(w, 3)
    other = (t + 1 + random_below(w, 2)) % 3
    w.memory[TASK] = task
    w.memory[TWIN] = twin
    w.memory[FIRST] = a
    w.memory[SECOND] = b
    w.memory[KINDS] = t * 4 + other
    if task == DESIRES:
        desires(w, chains, a, t, t if twin else other)
    elif task == BELIEFS:
        beliefs(w, chains, a, b, c, t, p, twin)
    elif task == KNOWLEDGE:
        engine.say(w, chains, engine.WORLD, FILL, PLACE, THING + t, 0)
        visits(w, chains, a, b, twin != 0)
    elif task == CONTENTS:
        engine.say(w, chains, engine.WORLD, LABEL, PLACE, THING + other, 0)
        engine.say(w, chains, engine.WORLD, FILL, PLACE, THING + t, 0)
        visits(w, chains, a, b, twin != 0)
    elif task == EXPLICIT:
        engine.say(w, chains, engine.WORLD, PLACE_THING, THING + t, PLACE + p, 0)
        explicit(w, chains, a, b, c, t, p if twin else 1 - p, (random_below(w, 2) + twin) % 2)
    elif task == EMOTION:
        # inside is the same in the twin, and the label is not: so the closed container is worth the contrary
        likes(w, chains, a, other if random_below(w, 2) else t)
        engine.say(w, chains, engine.WORLD, LABEL, PLACE, THING + (t if twin else other), 0)
        engine.say(w, chains, engine.WORLD, FILL, PLACE, THING + t, 0)
        engine.say(w, chains, a, ENTER, ROOM, 0, 0)
    else:
        apparent(w, chains, a, b, t, twin)
    w.ask = 1
    w.speaker = OBSERVER


@njit
def both(w: Any, chains: Any, a: int, b: int) -> None:
    """Two come in, in an order that is drawn."""
    first = a if random_below(w, 2) else b
    engine.say(w, chains, first, ENTER, ROOM, 0, 0)
    engine.say(w, chains, a + b - first, ENTER, ROOM, 0, 0)


@njit
def likes(w: Any, chains: Any, a: int, t: int) -> None:
    """Somebody likes a thing, and the audience learns it."""
    w.like[a] = t
    engine.whisper(w, chains, 1 << a, LIKE, INDIVIDUAL + a, THING + t, 0, EVENT)


@njit
def desires(w: Any, chains: Any, a: int, mine: int, theirs: int) -> None:
    if random_below(w, 2):
        likes(w, chains, OBSERVER, mine)
        likes(w, chains, a, theirs)
    else:
        likes(w, chains, a, theirs)
        likes(w, chains, OBSERVER, mine)


@njit
def beliefs(w: Any, chains: Any, a: int, b: int, c: int, t: int, p: int, twin: int) -> None:
    """C tells each of two, alone, where a thing is; nobody has seen it."""
    engine.say(w, chains, c, ENTER, ROOM, 0, 0)
    for k in range(2):
        who = a if k == 0 else b
        place = p if k == 0 or twin else 1 - p
        engine.say(w, chains, who, ENTER, ROOM, 0, 0)
        engine.say(w, chains, c, TELL, INDIVIDUAL + who, THING + t, PLACE + place)
        engine.say(w, chains, who, EXIT, ROOM, 0, 0)


@njit
def explicit(w: Any, chains: Any, a: int, b: int, c: int, t: int, told: int, last: int) -> None:
    """B whispers a place to A, and the other one to C: to A last in the story or in its twin, never in
    both, so that the last word is no answer."""
    both(w, chains, a, b)
    engine.say(w, chains, c, ENTER, ROOM, 0, 0)
    for k in range(2):
        who, place = (a, told) if k == last else (c, 1 - told)
        engine.say(w, chains, b, TELL, INDIVIDUAL + who, THING + t, PLACE + place)


@njit
def visits(w: Any, chains: Any, a: int, b: int, all_look: bool) -> None:
    """A looks into the container and b does not (unless all do), one after the other."""
    first = a if random_below(w, 2) else b
    for k in range(2):
        who = first if k == 0 else a + b - first
        engine.say(w, chains, who, ENTER, ROOM, 0, 0)
        if who == a or all_look:
            engine.say(w, chains, who, LOOK, PLACE, 0, 0)
        engine.say(w, chains, who, EXIT, ROOM, 0, 0)


@njit
def apparent(w: Any, chains: Any, a: int, b: int, t: int, twin: int) -> None:
    """B takes from a what a likes, or a takes it from b; a's face, which is the twin's, shows it, or the
    contrary."""
    likes(w, chains, a, t)
    both(w, chains, a, b)
    looks = random_below(w, 2)
    glad = looks if twin else 1 - looks
    owner, taker = (b, a) if glad else (a, b)
    engine.say(w, chains, engine.WORLD, HOLD, INDIVIDUAL + owner, THING + t, 0)
    engine.say(w, chains, taker, TAKE, INDIVIDUAL + owner, THING + t, 0)
    w.memory[FELT] = HAPPY if glad else SAD
    engine.show(w, chains, a, HAPPY if looks else SAD)


@njit
def deal(worlds: Any, chains: Any, options: Any, todo: Any, lo: int, hi: int) -> None:
    for i in range(lo, hi):
        if todo[i] == ANEW:
            deal_world(worlds[i], chains, options)


@njit
def play(worlds: Any, chains: Any, options: Any, todo: Any, lo: int, hi: int) -> None:
    for i in range(lo, hi):
        if todo[i] == RUNNING and worlds[i].step >= worlds[i].individuals:
            worlds[i].terminated = 1


@njit
def permit(worlds: Any, options: Any, menu: Any, masks: Any, lo: int, hi: int) -> None:
    for i in range(lo, hi):
        engine.only_nothing(worlds[i], i, masks)


@njit
def script(
    worlds: Any, chains: Any, options: Any, menu: Any, masks: Any, modes: Any, actions: Any, lo: int, hi: int
) -> None:
    for i in range(lo, hi):
        for a in range(worlds[i].individuals):
            if modes[a]:
                actions[i, a] = 0


@njit
def judge(
    said: Any, senders: Any, lengths: Any, individuals: int, deeds: Any, who: Any, options: Any, out: Any
) -> None:
    """R(history, action, who) for each row: nothing is worth anything here."""
    for n in range(whole(lengths.shape[0])):
        out[n] = 0.0


class _Items:
    """The questions of one story in the making."""

    def __init__(self, simulation: Simulation, world: int) -> None:
        self.reader = reader = Reader(simulation, world)
        self.w = simulation.worlds[world]
        self.task = TASKS[int(self.w["memory"][TASK])]
        self.twin = bool(self.w["memory"][TWIN])
        self.a, self.b = int(self.w["memory"][FIRST]), int(self.w["memory"][SECOND])
        self.step = int(self.w["step"])
        self.names = reader.names
        self.asked = simulation.individuals[OBSERVER]
        self.found: list[Probe] = []

    def ask(
        self,
        kind: str,
        who: int | None,
        about: str,
        options: Sequence[str],
        answer: str,
        question: str,
        shortcuts: Mapping[str, str] | None = None,
        control: bool = False,
    ) -> None:
        easy = (shortcuts or {}).get("reality", (shortcuts or {}).get("dropped_first"))
        self.found.append(
            Probe(
                kind=kind,
                asked=self.asked,
                chain=() if who is None else (self.names[who],),
                about=about,
                options=tuple(options),
                answer=answer,
                own=answer,  # the audience has perceived everything
                required_order=0 if who is None or easy == answer else 1,
                shortcuts=shortcuts or {},
                condition=self.task if not self.twin else f"{self.task}_twin",
                role="control" if control or self.twin else "test",
                group=self.task,
                question=question,
                step=self.step,
            )
        )

    def likes(self) -> None:
        """What the first one likes, which the audience was told: a control."""
        name, liked = self.names[self.a], self.reader.wanted(self.a, self.a)
        self.ask("want", None, name, self.reader.things, liked, f"What does {name} like?", control=True)


def probes(simulation: Simulation, world: int) -> list[Probe]:
    """The test and control questions of the story."""
    items = _Items(simulation, world)
    w, reader, names, a, b = items.w, items.reader, items.names, items.a, items.b
    t, other = divmod(int(w["memory"][KINDS]), 4)
    thing, place = reader.things[t], reader.places[0]
    feelings = (VOCABULARY[HAPPY], VOCABULARY[SAD])
    task = int(w["memory"][TASK])
    if task == DESIRES:
        mine = reader.things[int(w["like"][OBSERVER])]
        theirs = reader.wanted(a, a)
        question = f"What will {names[a]} choose?"
        items.ask("want", a, names[a], reader.things, theirs, question, {"dropped_first": mine})
        items.ask("want", None, "you", reader.things, mine, "What do you like?", control=True)
    elif task == BELIEFS:
        for who in (a, b):
            mine = reader.belief(t, OBSERVER)
            last = {"last_mentioned": reader.place_name(int(w["mentioned"][t])), "dropped_first": mine}
            question = f"Where will {names[who]} look for the {thing}?"
            items.ask("belief", who, thing, reader.places, reader.belief(t, who), question, last)
    elif task in (KNOWLEDGE, CONTENTS):
        inside = reader.contents(0)
        for who in (a, b) if int(w["key"]) % 2 else (b, a):
            held = reader.contents(0, who)
            if task == KNOWLEDGE:
                options, answer = ("yes", "no"), "no" if held == UNKNOWN else "yes"
                question = f"Does {names[who]} know what is in the {place}?"
                short = {"reality": "yes", "dropped_first": "yes"}
                items.ask("knowledge", who, place, options, answer, question, short)
            else:
                question = f"What does {names[who]} think is in the {place}?"
                short = {
                    "reality": inside,
                    "dropped_first": inside,
                    "last_mentioned": reader.things[other],
                }
                items.ask("belief", who, place, reader.things, held, question, short)
        looked = ("yes", "no")
        for who in (a, b):
            has = who == a or items.twin
            question = f"Has {names[who]} looked into the {place}?"
            items.ask("memory", None, place, looked, "yes" if has else "no", question, control=True)
        question = f"What is really in the {place}?"
        items.ask("reality", None, place, reader.things, inside, question, control=True)
    elif task == EXPLICIT:
        truth = reader.belief(t)
        last_said = reader.place_name(int(w["mentioned"][t]))
        short = {"reality": truth, "dropped_first": reader.belief(t, OBSERVER), "last_mentioned": last_said}
        question = f"Where will {names[a]} look for the {thing}?"
        items.ask("belief", a, thing, reader.places, reader.belief(t, a), question, short)
        items.ask("reality", None, thing, reader.places, truth, f"Where is the {thing} really?", control=True)
    elif task == EMOTION:
        wanted, held, inside = reader.wanted(a, a), reader.contents(0, a), reader.contents(0)
        now, then = feelings[held != wanted], feelings[inside != wanted]
        question = f"How does {names[a]} feel on getting the closed {place}?"
        items.ask("feeling", a, names[a], feelings, now, question, {"reality": then, "dropped_first": then})
        question = f"How will {names[a]} feel after looking into the {place}?"
        items.ask("feeling", None, names[a], feelings, then, question, control=True)
        items.likes()
        items.ask(
            "reality", None, place, reader.things, inside, f"What is really in the {place}?", control=True
        )
    else:
        felt = VOCABULARY[int(w["memory"][FELT])]
        shown = VOCABULARY[int(w["mood"][a])]
        question = f"How does {names[a]} really feel?"
        items.ask("feeling", a, names[a], feelings, felt, question, {"last_mentioned": shown})
        items.ask("percept", None, names[a], feelings, shown, f"How does {names[a]} look?", control=True)
        items.likes()
        taken = int(w["like"][a])  # somebody's, by now
        owner = names[int(w["place"][taken]) - engine.HANDS]
        question = f"Who has the {reader.things[taken]} now?"
        items.ask("reality", None, reader.things[taken], names[1:], owner, question, control=True)
    return items.found


GAME = Game(
    name="scale",
    stage="4b",
    title="the seven tasks of Wellman and Liu's scale",
    roles=("observer", "person", "person", "person"),
    learner="observer",
    options=ScaleOptions,
    encode=encode,
    count=lambda options: 1 + PEOPLE,
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
