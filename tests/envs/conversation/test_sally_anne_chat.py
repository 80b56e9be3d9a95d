"""Sally-Anne in messages: beliefs by hand in every condition, and by the tracker in free play."""

import numpy as np
import pytest

import mindsight
from mindsight.envs.conversation import GAMES
from mindsight.envs.conversation.questions import Reader, program_of
from mindsight.envs.conversation.sally_anne_chat import CONDITIONS
from mindsight.envs.simulation import MODES

GAME = GAMES["sally_anne_chat"]
P, Q, NONE = "first", "second", None
# What chains of the cast must believe when the audience is asked, worked out by hand.
EXPECTED = {
    "true_belief": {"": Q, "a": Q, "b": Q, "ab": Q, "ba": Q},
    "no_transfer": {"": P, "a": P, "b": P, "ab": P, "ba": P},
    "ignorance": {"": P, "a": NONE, "b": P, "ab": NONE, "ba": NONE},
    "false_belief": {"": Q, "a": P, "b": Q, "ab": P, "ba": P, "bab": P},
    "back": {"": P, "a": P, "b": P, "ba": P},
    "second_order": {"": Q, "a": Q, "b": Q, "ab": Q, "ba": P},
    "third_order": {"": Q, "a": Q, "b": Q, "ab": Q, "ba": Q, "aba": P},
    "public_claim": {"": Q, "a": Q, "ba": Q, "ab": Q},
    "private_tell": {"": Q, "a": Q, "ba": P, "ca": Q, "ac": Q},
    "lie": {"": P, "a": Q, "b": Q, "c": P, "ca": Q, "ac": Q},
}


def stories(condition, n=20, **options):
    simulation = GAME.simulation(n, {"condition": condition, **options}, order=4)
    simulation.reset(3)
    return simulation


@pytest.mark.parametrize("condition", EXPECTED)
def test_beliefs_are_what_the_page_says(condition):
    simulation = stories(condition)
    for world in range(simulation.num_envs):
        reader = Reader(simulation, world)
        w = simulation.worlds[world]
        first = reader.place_name(int(w["first"][0]))
        second = next(place for place in reader.places if place != first)
        names = {P: first, Q: second, NONE: "unknown"}
        cast = {letter: int(w["memory"][1 + k]) for k, letter in enumerate("abc")}
        for chain, place in EXPECTED[condition].items():
            members = [cast[letter] for letter in chain]
            assert reader.belief(0, *members) == names[place], (world, chain)
            if chain and len(members) < 4:  # the audience has perceived it all
                assert reader.own(0, 0, *members) == names[place]


@pytest.mark.parametrize(("condition", "order"), [("third_order", 3), ("fourth_order", 4)])
def test_high_orders_need_all_of_their_order(condition, order):
    simulation = stories(condition, 60, people=4)
    templates = set()
    for world in range(simulation.num_envs):
        templates.add(int(simulation.worlds[world]["memory"][8]))
        (probe,) = [probe for probe in simulation.probes(world) if probe.kind == "belief"]
        assert len(probe.chain) == order
        assert probe.required_order == order
        for shortcut in ("reality", "last_mentioned", "dropped_first"):
            assert probe.shortcuts[shortcut] != probe.answer
        if len(set(probe.chain)) > 2 or order == 4:
            assert probe.shortcuts["as_set"] != probe.answer
    assert templates == {0, 1}


@pytest.mark.parametrize("claims", ["common_knowledge", "pairwise"])
@pytest.mark.parametrize("trust", ["always", "never", "later_exit"])
def test_free_play_has_the_trackers_beliefs(trust, claims):
    options = {
        "condition": "free", "people": 4, "objects": 2, "containers": 3, "trust": trust, "claims": claims,
    }  # fmt: skip
    simulation = GAME.simulation(4, options, order=4)
    simulation.reset(8)
    modes = np.full(simulation.count, MODES.index("scripted"))
    actions = np.zeros((4, simulation.count), np.int64)
    semantics = mindsight.Semantics(trust=trust, claims=claims)
    false = 0
    for turn in range(40):
        simulation.script(modes, actions)
        simulation.step(actions)
        if turn % 5:
            continue
        for world in range(4):
            reader = Reader(simulation, world)
            beliefs = mindsight.track(program_of(simulation, world), 4, semantics)
            for number, members in enumerate(simulation.chains.members):
                chain = [int(a) for a in members if a >= 0]
                if chain and chain[0] == 0:  # the audience is never wrong about anybody
                    for t in range(2):
                        assert reader.belief(t, *chain) == reader.belief(t, *chain[1:])
                    continue
                names = [reader.names[a] for a in chain]
                if not set(names) <= set(beliefs.individuals):
                    continue
                for t, thing in enumerate(reader.things):
                    held = reader.place_name(int(simulation.worlds[world]["belief"][t, number]))
                    assert held == (beliefs[names][thing] or "unknown"), (turn, names, thing)
                    false += held not in ("unknown", reader.belief(t))
    assert false > 50


@pytest.mark.parametrize("claims", ["common_knowledge", "pairwise"])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_audience_is_never_wrong_about_anybody(condition, claims):
    """Its chains of every length are those without it, also of who is away, whom others take to be there."""
    simulation = stories(condition, 12, people=4, claims=claims)
    table = simulation.chains
    modes, actions = np.full(simulation.count, 1), np.zeros((12, simulation.count), np.int64)
    for _ in range(6):
        for c in np.flatnonzero(table.members[:, 0] == 0):
            for facts in ("belief", "inside", "wants"):
                held = simulation.worlds[facts]
                np.testing.assert_array_equal(held[:, :, c], held[:, :, table.tail[c]])
        for world in range(12):
            for probe in simulation.probes(world):
                assert probe.own in ("", probe.answer), probe
        simulation.script(modes, actions)
        simulation.step(actions)


def test_twins_share_people_words_and_places():
    found = [stories(condition, 5, people=4) for condition in CONDITIONS[:10]]
    for simulation in found[1:]:
        for field in ("lexicon", "first"):
            np.testing.assert_array_equal(simulation.worlds[field], found[0].worlds[field])
        np.testing.assert_array_equal(simulation.worlds["memory"][:, 1:6], found[0].worlds["memory"][:, 1:6])


def test_who_waits_where_the_other_will_look_gains():
    for mode, least, most in (("scripted", 1, 1), ("reality_biased", 0, 0), ("random", 0.15, 0.5)):
        card = mindsight.evaluate(mode, "sally_anne_chat_train", episodes=200, progress=False).card
        assert least <= card.actions[0].perf <= most, mode
        assert card.actions[0].mean == pytest.approx(card.actions[0].perf)


@pytest.mark.parametrize("people", [2, 3, 4, 5])
def test_menus_fit(people):
    for objects in (1, 2, 3):
        for containers in (2, 3):
            options = {"condition": "free", "people": people, "objects": objects, "containers": containers}
            simulation = GAME.simulation(1, options)
            assert len(simulation.actions) <= 64
            assert any(name.startswith("tell") for name in simulation.actions)


def test_an_option_that_cannot_be_is_named():
    with pytest.raises(ValueError, match="expected at least 4 for condition 'fourth_order'"):
        GAME.simulation(1, {"condition": "fourth_order"})
