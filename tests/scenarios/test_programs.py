"""One program in two worlds: the grid, the conversation and the tracker agree on every belief."""

import itertools
import re
from pathlib import Path

import pytest

from mindsight import Semantics, track
from mindsight.envs.grid import engine
from mindsight.scenarios import programs
from mindsight.scenarios.programs import (
    as_played,
    differences,
    play_in_grid,
    program_of,
    random_program,
    tell_in_conversation,
    tracked,
)

ALL = ("place", "contents", "want")
SWITCHES = [
    Semantics(*positions)
    for positions in itertools.product(
        ("closed", "open"), ("always", "never", "later_exit"), ("common_knowledge", "pairwise")
    )
]

SALLY_ANNE = [
    ["enter", ["Sally", "Anne"], "kitchen"],
    ["place", "ball", "box", "kitchen"],
    ["exit", "Sally", "kitchen"],
    ["move", "Anne", "ball", "basket"],
]


def public_program(seed, kind="public"):
    """Programs of all the sizes that the stage has room for."""
    rooms = 1 + seed // 2 % 2
    things = 1 + seed // 4 % 3
    return random_program(
        seed,
        individuals=2 + seed % 3,
        things=things,
        containers=4 if rooms == 2 or things == 3 else 3,
        length=12 + seed % 7,
        rooms=rooms,
        kind=kind,
    )


def check(played, expected, program):
    """Every belief after every event."""
    assert len(played.minds) == len(expected)
    for k, (found, wanted) in enumerate(zip(played.minds, expected, strict=True)):
        assert found == wanted, (program[:k], differences(found, wanted))


# --- The same program in both worlds --------------------------------------------------------------------
def test_grid_conversation_and_tracker_agree_on_210_public_programs():
    put_downs = false_beliefs = nested = 0
    for seed in range(210):
        program = public_program(seed)
        expected = tracked(program, 2)
        check(play_in_grid(program, 2), expected, program)
        check(tell_in_conversation(program, 2), expected, program)
        for event, minds in zip(program, expected[1:], strict=True):
            if event[0] not in ("place", "move"):
                continue
            put_downs += 1
            for (_, chain, thing), value in minds.items():
                false_beliefs += len(chain) == 1 and value != minds["place", (), thing]
                nested += len(chain) == 2 and value != minds.get(("place", chain[:1], thing))
    # what is compared is no row of true beliefs
    assert put_downs > 1200 and false_beliefs > 300 and nested > 400


def test_the_grid_agrees_to_the_fourth_order():
    for seed in range(20):
        program = public_program(seed)
        check(play_in_grid(program, 4), tracked(program, 4), program)


def test_sally_and_anne():
    for played in (play_in_grid(SALLY_ANNE), tell_in_conversation(SALLY_ANNE)):
        minds = played.minds[-1]
        assert minds["place", (), "ball"] == "basket"
        assert minds["place", ("Sally",), "ball"] == "box"
        assert minds["place", ("Anne",), "ball"] == "basket"
        assert minds["place", ("Anne", "Sally"), "ball"] == "box"
        assert minds["place", ("Sally", "Anne"), "ball"] == "box"
        assert played.minds[0] == {}


# --- In the grid -------------------------------------------------------------------------------------------
def test_who_opens_a_container_misses_what_is_no_longer_there():
    """Public programs in which people search: the grid agrees with the program that has the looks written
    out, and not always with the one that has not."""
    differ = 0
    for seed in range(3, 63):
        program = public_program(seed, "searching")
        written = as_played(program)
        ends = [0]
        for event in program:
            ends.append(written.index(event, ends[-1]) + 1)
        minds = tracked(written, 2)
        played = play_in_grid(program, 2)
        check(played, [minds[k] for k in ends], program)
        differ += played.minds != tracked(program, 2)
    assert differ > 0


def test_bodies_walk_and_containers_are_closed_again():
    played = play_in_grid([*SALLY_ANNE, ["enter", "Sally", "garden"], ["noise", "a bell"]])
    world = played.simulation.worlds[0]
    taken = dict(zip(("enter", "place", "exit", "move", "enter", "noise"), _steps(played), strict=False))
    assert taken["move"] > 20 and taken["exit"] > 5 and taken["noise"] == 0
    assert world["room"][world["place"][1]] != world["room"][world["place"][0]] != 0
    closed = {engine.BOX_CLOSED, engine.BASKET_CLOSED}
    containers = [t for t in world["cells"] & 0xFF if engine.PROPERTIES[t] & engine.CONTAINER]
    assert len(containers) == 2 and set(containers) == closed


def _steps(played):
    return [after - before for before, after in itertools.pairwise(played.steps)]


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ([*SALLY_ANNE, ["claim", "Anne", "ball", "box"]], "event 4 .*in the grid"),
        ([*SALLY_ANNE, ["move", "Anne", "ball", "gone"]], "event 4 .*expected a container as place"),
        ([*SALLY_ANNE, ["move", "Anne", "ball", "Anne"]], "event 4 .*expected a container as place"),
        ([*SALLY_ANNE, ["move", "Anne", "ball", "box", {"hidden": ["Sally"]}]], "event 4 .*no options"),
        ([*SALLY_ANNE, ["place", "hat", "basket"]], "event 4 .*'basket' holds 'ball'"),
        ([["enter", list("ABCDE"), "kitchen"]], "5 individuals .*room for 4"),
        ([["enter", "A", room] for room in ("x", "y", "z")], "3 rooms .*room for 2"),
        ([["place", "ball", c, "hall"] for c in "abcde"], "the hall has 5 containers"),
        ([["move", "Anne", "ball", "box"]], "never placed"),
    ],
)
def test_what_the_grid_cannot_play_is_named(program, message):
    with pytest.raises(ValueError, match=message):
        play_in_grid(program)


# --- In conversation ---------------------------------------------------------------------------------------
def test_the_conversation_agrees_on_all_that_it_can_tell():
    """120 rich programs, ten under each of the twelve semantics, to the fourth order: places, contents
    and wants, with lies, whispers, hidden and inattentive onlookers, things in hands."""
    kinds = set()
    for seed in range(120):
        semantics = SWITCHES[seed % 12]
        program = random_program(
            seed, 2 + seed // 12 % 3, 1 + seed % 3, 1 + seed % 4, 15, 1 + seed % 2, kind="rich"
        )
        kinds |= {event[0] for event in program}
        expected = tracked(program, 4, semantics, ALL)
        check(tell_in_conversation(program, 4, semantics), expected, program)
    assert kinds == {"place", "move", "enter", "exit", "claim", "tell", "look", "fill", "want", "feel"}


def test_a_told_program_can_be_read_back():
    for seed in range(40):
        semantics = SWITCHES[seed % 12]
        program = random_program(seed, 3, 2, 3, 15, 2, kind="rich")
        told = tell_in_conversation(program, 3, semantics)
        beliefs = track(program_of(told.simulation), 3, semantics)
        known = set(beliefs.individuals)
        for (kind, chain, name), value in told.minds[-1].items():
            words = tuple(told.words[member] for member in chain)
            if kind == "place" and known.issuperset(words):
                place = beliefs[words][told.words[name]]
                assert place == told.words[value], (program, chain, name)
            elif kind == "want" and known.issuperset(words):
                assert beliefs.wants[words][told.words[name]] == told.words[value]


def test_the_transcript_says_what_happened():
    told = tell_in_conversation(
        [
            ["enter", ["Mia", "Somebody"], "kitchen"],
            ["place", "ball", "box", "kitchen"],
            ["exit", "Mia", "kitchen"],
            ["move", "Somebody", "ball", "basket"],
        ]
    )
    other = told.words["Somebody"]
    assert other not in ("Mia", "Somebody") and told.words["ball"] == "ball"
    lines = told.simulation.transcript(0, 0).splitlines()
    assert lines == [
        "You are Mia.",
        "Mia enters the kitchen.",
        f"{other} enters the kitchen.",
        "The ball is in the box.",
        "Mia leaves the kitchen.",
    ]
    assert told.steps == (0, 2, 3, 4, 5)


def test_what_is_in_hands_is_seen_by_who_enters_an_open_room():
    program = [
        ["enter", "Mia", "kitchen"],
        ["place", "ball", "Mia"],
        ["place", "ball", "box", "kitchen"],
        ["enter", "Tom", "kitchen"],
        ["exit", "Tom", "kitchen"],
        ["place", "ball", "Mia"],
        ["enter", "Tom", "kitchen"],
    ]
    told = tell_in_conversation(program, 2, Semantics(containers="open"))
    assert told.minds[-1]["place", ("Tom", "Mia"), "ball"] == "Mia"
    assert "Mia has the ball" in told.simulation.transcript(0, 1).splitlines()[-1]


def test_an_exit_and_the_next_entry_elsewhere_are_no_tie():
    program = [
        ["enter", "Mia", "kitchen"],
        ["enter", "Tom", "kitchen"],
        ["place", "ball", "box", "kitchen"],
        ["exit", "Tom", "kitchen"],
        ["enter", "Mia", "garden"],
        ["enter", "Tom", "garden"],
        ["claim", "Mia", "ball", "basket"],
    ]
    told = tell_in_conversation(program, 2, Semantics(trust="later_exit"))
    assert told.minds[-1]["place", ("Tom",), "ball"] == "basket"


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (["open", "Anne", "box"], "expected 'look'"),
        (["look", ["Anne", "Bob"], "box"], "expected one who looks"),
        (["move", "Anne", "ball", "box", {"sees": [], "takes": []}], "expected no 'sees'"),
        (["move", "Anne", "ball", "box", {"hidden": ["Bob"]}], "Bob is in the room"),
        (["move", "Anne", "ball", "Anne"], "expected who holds it"),
        (["claim", "Anne", "ball", "box", {"hidden": ["Sally"]}], "expected no options"),
        (["claim", "Anne", "ball", "gone"], "expected a container"),
        (["place", "ball", "Anne", {"hidden": ["Sally"]}], "expected no options"),
        (["look", "Anne", "box", {"inattentive": ["Anne"]}], "to be attentive"),
        (["feel", "Anne", "hungry"], "expected a feeling"),
    ],
)
def test_what_the_language_cannot_tell_is_named(event, message):
    with pytest.raises(ValueError, match=f"event 5 .*{message}"):
        tell_in_conversation([*SALLY_ANNE, ["enter", "Bob", "kitchen"], event])


def test_a_conversation_holds_96_messages():
    feel = ["feel", "Anne", "glad"]
    assert len(tell_in_conversation([["enter", "Anne", "hall"], *[feel] * 94]).minds) == 96
    with pytest.raises(ValueError, match=r"event 95 .*too long"):
        tell_in_conversation([["enter", "Anne", "hall"], *[feel] * 95])


# --- Random programs ---------------------------------------------------------------------------------------
def test_programs_are_the_same_each_time_and_differ_by_seed():
    found = [random_program(seed, 4, 3, 4, 12, 2) for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]
    assert {event[0] for event in found[0] + found[2]} <= {"place", "move", "enter", "exit"}


@pytest.mark.parametrize(
    "arguments",
    [{"individuals": 1}, {"things": 3, "containers": 3}, {"rooms": 3}, {"kind": "private"}, {"length": -1}],
)
def test_programs_that_cannot_be_are_refused(arguments):
    with pytest.raises(ValueError, match=f"random_program: {list(arguments)[-1]}="):
        random_program(0, **arguments)


def test_differences_are_in_words():
    found = programs.minds_of(track(SALLY_ANNE, 1))
    expected = {**found, ("place", ("Sally",), "ball"): "basket"}
    assert differences(found, expected) == ["place of ball for ('Sally',): 'box', expected 'basket'"]


def test_the_page_is_right():
    page = (Path(__file__).parents[2] / "docs" / "programs.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.S)
    names = {}
    exec(block, names)  # a page of ours
    claims = re.findall(r"^(played.*?)  # ([^:\n]*)", block, re.M)
    assert len(claims) == 4
    for expression, said in claims:
        assert repr(eval(expression, names)) == said
