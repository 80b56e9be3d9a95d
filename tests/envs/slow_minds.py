"""The belief semantics a second time: slow, obvious, one chain at a time.

It reads like `minds.md`, rule by rule, in sets and dicts, and shares no code with
`mindsight.envs.minds`. It expects well-formed stories: errors are the other one's business.

First the true world is played once (`play`). What an event does to a chain depends on the event,
the true world, and what the chain held before; so one chain is followed by folding over the story
(`follow`).
"""

import copy
from dataclasses import dataclass, field


@dataclass
class World:
    """The truth at one time."""

    room_of: dict = field(default_factory=dict)  # individual -> room, for those in one
    exits: list = field(default_factory=list)  # (time, individual, room), in order
    home: dict = field(default_factory=dict)  # container -> room
    place: dict = field(default_factory=dict)  # object -> place
    was_in: dict = field(default_factory=dict)  # object -> room where it was last put
    opened: set = field(default_factory=set)  # containers that somebody has opened
    holds: dict = field(default_factory=dict)  # familiar container -> contents
    label: dict = field(default_factory=dict)

    def present(self, room):
        return {a for a in self.room_of if room is not None and self.room_of[a] == room}


@dataclass
class Step:
    """One event, with the world on either side of it and who perceived it."""

    time: int
    kind: str
    args: list
    options: dict
    before: World
    after: World
    sees: set = field(default_factory=set)
    takes: set = field(default_factory=set)
    beside: tuple = (frozenset(), frozenset())
    nothing: bool = False  # an event that no belief can follow from


def names(argument):
    return [argument] if isinstance(argument, str) else list(argument)


def split(event):
    """-> kind, arguments, options"""
    if event[0] == "noise":
        return "noise", [], {}
    if isinstance(event[-1], dict):
        return event[0], list(event[1:-1]), event[-1]
    return event[0], list(event[1:]), {}


class Story:
    """A story, played once; ask `value` and `feeling` about any chain at any time."""

    def __init__(self, events, semantics):
        self.semantics = semantics
        self.individuals = set()
        self.rooms = set()
        self.objects = set()
        for event in events:
            kind, args, options = split(event)
            if kind in ("move", "claim", "tell", "open", "close", "want", "feel"):
                self.individuals.add(args[0])
            if kind in ("enter", "exit", "look"):
                self.individuals.update(names(args[0]))
            if kind in ("enter", "exit"):
                self.rooms.add(args[1])
            if kind == "tell":
                self.individuals.add(args[1])
                self.objects.add(args[2])
            if kind in ("move", "claim"):
                self.objects.add(args[1])
            if kind == "place":
                self.objects.add(args[0])
            if kind in ("place", "fill") and len(args) == 3:
                self.rooms.add(args[2])
            for key in ("hidden", "inattentive", "sees"):
                self.individuals.update(options.get(key, []))
            for a, b in options.get("takes", []):
                self.individuals.update([a, b])
        self.steps = []
        world = World()
        for number, event in enumerate(events):
            step = Step(number + 1, *split(event), world, copy.deepcopy(world))
            self.happen(step)
            world = step.after
            self.steps.append(step)
        self.followed = {}

    # The true world.

    def room_of_place(self, place, world):
        if place in self.individuals:
            return world.room_of.get(place)
        if place in self.rooms:
            return place
        return world.home.get(place)

    def room_of_object(self, thing, world):
        """Rule 4: a carried thing's place is its carrier. Gone: where it was last."""
        place = world.place.get(thing)
        if place in self.individuals:
            return world.room_of.get(place)
        return world.was_in.get(thing)

    def is_container(self, place):
        return place != "gone" and place not in self.individuals and place not in self.rooms

    def happen(self, step):
        """Change the world from `before` to `after`, and say who perceived it."""
        kind, args, world = step.kind, step.args, step.after
        if kind == "noise":
            step.nothing = True

        elif kind == "enter":
            coming = [a for a in names(args[0]) if world.room_of.get(a) != args[1]]
            step.nothing = not coming
            for a in coming:
                if a in world.room_of:  # entering a room leaves the one before
                    world.exits.append((step.time, a, world.room_of[a]))
                world.room_of[a] = args[1]
            self.perceive(step, world.present(args[1]))

        elif kind == "exit":
            step.nothing = True
            for a in set(names(args[0])):
                world.exits.append((step.time, a, args[1]))
                del world.room_of[a]

        elif kind in ("place", "fill"):
            target = args[1] if kind == "place" else args[0]
            room = self.room_of_place(target, step.before)
            if target == "gone":
                room = self.room_of_object(args[0], step.before)
            if room is None and target not in self.individuals:
                if len(args) == 3:
                    room = args[2]
                elif len(self.rooms) == 1:
                    room = next(iter(self.rooms))
            if room is not None and self.is_container(target):
                world.home[target] = room
            if kind == "place":
                world.place[args[0]] = args[1]
                world.was_in[args[0]] = room
            else:
                world.holds[args[0]] = args[1]
                if "label" in step.options:
                    world.label[args[0]] = step.options["label"]
            self.perceive(step, world.present(room))

        elif kind == "move":
            mover, thing, target = args
            room = world.room_of.get(mover)
            if self.is_container(target) and target not in world.home and room is not None:
                world.home[target] = room
            world.place[thing] = target
            world.was_in[thing] = room if target == "gone" else self.room_of_place(target, world)
            self.perceive(step, world.present(room), always=mover)

        elif kind in ("open", "close", "look"):
            rooms = {world.room_of.get(a) for a in names(args[0])}
            room = rooms.pop() if len(rooms) == 1 else None
            if self.is_container(args[1]) and args[1] not in world.home and room is not None:
                world.home[args[1]] = room
            if kind == "open":
                world.opened.add(args[1])
            if kind == "close":
                world.opened.discard(args[1])
            self.perceive(step, world.present(room))

        elif kind == "claim":
            self.perceive(step, world.present(world.room_of.get(args[0])))

        elif kind == "tell":
            self.perceive(step, {args[0], args[1]})

        elif kind in ("want", "feel"):
            self.perceive(step, world.present(world.room_of.get(args[0])), always=args[0])

        else:
            raise AssertionError(kind)

    def perceive(self, step, present, always=None):
        """Rule 2."""
        options = step.options
        hidden = set(options.get("hidden", []))
        present = present | hidden
        step.sees = set(present)
        step.takes = {(a, b) for a in present for b in present if b not in hidden or a == b}
        # Who has it before them, even if they do not notice what happens (for rule 12).
        step.beside = set(step.sees), set(step.takes)
        for i in options.get("inattentive", []):
            step.sees.discard(i)
        if "sees" in options:
            step.sees = set(options["sees"])
        if "takes" in options:
            step.takes = {(a, b) for a, b in options["takes"]}
        if always is not None:  # rule 4
            step.sees.add(always)

    # One chain.

    def rule_one(self, chain, sees, takes):
        if chain[0] not in sees:
            return False
        for m in range(len(chain)):
            for n in range(m + 1, len(chain)):
                if chain[m] != chain[n] and (chain[m], chain[n]) not in takes:
                    return False
        return True

    def follow(self, chain):
        """-> after each number of events, {(kind of fact, name): value} and the surprise."""
        if chain not in self.followed:
            held = [({}, False)]
            for step in self.steps:
                facts = dict(held[-1][0])
                surprised = False
                if chain == ():
                    facts = self.truth(step, facts)
                elif not step.nothing and self.rule_one(chain, step.sees, step.takes):
                    surprised = self.update(step, chain, facts)
                if step.kind == "fill" and chain and self.rule_one(chain, *step.beside):
                    self.see_outsides([step.args[0]], step.after, facts)
                held.append((facts, surprised))
            self.followed[chain] = held
        return self.followed[chain]

    def truth(self, step, facts):
        facts.update({("place", thing): place for thing, place in step.after.place.items()})
        facts.update({("contents", c): what for c, what in step.after.holds.items()})
        if step.kind in ("want", "feel"):
            facts[step.kind, step.args[0]] = step.args[1]
        return facts

    def update(self, step, chain, facts):
        """What an event that the chain perceives does to it; returns whether it is surprised.

        Surprised (rule 12): the event is a look, and contradicts what the chain held before it.
        """
        before = dict(facts)
        kind, args, world = step.kind, step.args, step.after
        if kind == "place":
            self.see_outsides([args[1], step.before.place.get(args[0])], world, facts)
            facts["place", args[0]] = args[1]
        elif kind == "move":
            self.see_outsides([args[2], step.before.place.get(args[1])], world, facts)
            facts["place", args[1]] = args[2]
        elif kind == "fill":
            facts["contents", args[0]] = args[1]
        elif kind in ("want", "feel"):
            facts[kind, args[0]] = args[1]
        elif kind == "enter":
            room = args[1]
            containers = [c for c, home in world.home.items() if home == room]
            self.see_outsides(containers, world, facts)
            if self.semantics.containers == "open":  # rule 5
                self.look([*containers, *world.present(room), room], world, facts)
        elif kind == "close":
            self.see_outsides([args[1]], world, facts)
        elif kind == "open":
            self.see_outsides([args[1]], world, facts)
            self.look([args[1]], world, facts)
        elif kind == "look":
            self.see_outsides([args[1]], world, facts)
            stated = "sees" in step.options or "takes" in step.options
            in_the_open = not self.is_container(args[1]) or self.stands_open(args[1], world)
            if stated or in_the_open or set(chain) <= set(names(args[0])):
                self.look([args[1]], world, facts)
        elif kind == "claim":
            self.hear(step, chain, facts, args[0], args[1], args[2])
        elif kind == "tell":
            self.hear(step, chain, facts, args[0], args[2], args[3])
        looking = kind in ("look", "open", "enter")
        return looking and any(facts.get(fact) != value for fact, value in before.items())

    def stands_open(self, container, world):
        return self.semantics.containers == "open" or container in world.opened

    def look(self, places, world, facts):
        """Rules 5 and 6, and 12: what is in there, what is not, and what it is full of."""
        for thing in self.objects:
            if world.place.get(thing) in places:
                facts["place", thing] = world.place[thing]
            elif facts.get(("place", thing)) in places:
                del facts["place", thing]
        for place in places:
            if place in world.holds:
                facts["contents", place] = world.holds[place]

    def see_outsides(self, containers, world, facts):
        """Rule 12: its contents are what the label says, until the inside is perceived."""
        for container in containers:
            if container in world.label and ("contents", container) not in facts:
                facts["contents", container] = world.label[container]

    def hear(self, step, chain, facts, speaker, thing, place):
        """Rules 8 to 10."""
        if chain == (speaker,):
            return  # (S) itself never changes
        x = chain[-2] if chain[-1] == speaker else chain[-1]
        if self.perceives_now(x, thing, step.after):
            return  # rule 8
        if self.semantics.claims == "pairwise":
            if chain == (speaker, x):
                facts["place", thing] = place
                return
            if chain not in [(x,), (x, speaker)]:
                return
        if self.trusts(x, speaker, thing, step.after):
            facts["place", thing] = place

    def perceives_now(self, x, thing, world):
        place = world.place.get(thing)
        if place is None or place == "gone":
            return False
        if place == x:
            return True
        room = self.room_of_object(thing, world)
        if room is None or world.room_of.get(x) != room:
            return False
        return not self.is_container(place) or self.stands_open(place, world)

    def trusts(self, x, speaker, thing, world):
        """Rule 9."""
        if self.semantics.trust != "later_exit":
            return self.semantics.trust == "always"
        room = self.room_of_object(thing, world)
        if room is None:
            return False

        def left(a):
            if world.room_of.get(a) == room:
                return float("inf")
            return max((t for t, who, where in world.exits if (who, where) == (a, room)), default=0)

        return left(speaker) > left(x)

    # Answers.

    def value(self, chain, kind, name, time):
        """`kind` is place, contents, want or feel."""
        return self.follow(chain)[time][0].get((kind, name))

    def feeling(self, chain, time):
        """Rule 12: the feeling of the last of the chain, from what the chain holds."""
        facts, surprised = self.follow(chain)[time]
        if surprised:
            return "surprised"
        wanted = facts.get(("want", chain[-1]))
        if wanted in self.objects:
            place = facts.get(("place", wanted))
            if place == chain[-1]:
                return "glad"
            return "sad" if place == "gone" or place in self.individuals else None

        def had(facts):
            return any(v == wanted for (kind, _), v in facts.items() if kind == "contents")

        if wanted is None or had(facts):
            return None if wanted is None else "glad"
        earlier = any(had(past) for past, _ in self.follow(chain)[:time])
        return "sad" if earlier else None
