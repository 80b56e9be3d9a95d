"""Inform: who needs to be told follows from what they saw, and twins look the same."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindsight.envs.grid import GAMES, engine, inform
from mindsight.envs.grid.inform import INFORMANT, LAYOUTS, SEEKER
from mindsight.envs.grid.questions import UNKNOWN, Reader
from mindsight.envs.simulation import MODES

GAME = GAMES["inform"]
CONDITIONS = ("knows", "true_belief", "ignorance", "false_belief")
NEEDED = {"knows": False, "true_belief": False, "ignorance": True, "false_belief": True}
LISTENS = inform.ASKED + 1  # the first step whose signal counts


def play(mode="scripted", worlds=32, seed=3, until_asked=False, say=None, seeker="scripted", **options):
    """The simulation at its beginning and after each step, until all episodes are over (or all asked).

    ``mode``, ``seeker``: how the two act. ``say``: {step: a word for each world}: what the informant says,
    whatever its mode."""
    simulation = GAME.simulation(worlds, options)
    simulation.reset(seed)
    modes = np.array([MODES.index(mode), MODES.index(seeker)])
    actions = np.zeros((worlds, 2), np.int64)
    yield simulation
    for step in range(1, 100):
        asked = simulation.worlds["ask"].all()
        if simulation.ends.any(1).all() or (until_asked and asked):
            return
        simulation.script(modes, actions)
        if say and step in say:
            actions[:, INFORMANT] = engine.SAY + say[step]
        simulation.step(actions)
        yield simulation


def last(*args, **options):
    *_, simulation = play(*args, **options)
    return simulation


def right_words(simulation):
    """The word for where the treasure is, read off the terrain: 0 box, 1 basket."""
    words = []
    for w in simulation.worlds:
        terrain = engine.TERRAIN[int(w["cells"][int(w["thing"][0])]) & 0xFF]
        words.append(int(terrain.startswith("basket")))
    return np.array(words)


def test_rooms_treasures_and_waits_of_training_are_never_in_the_exam():
    assert len({layout.terrain.tobytes() + bytes(layout.places("1", "2")) for layout in LAYOUTS}) == 6
    found = {}
    for name in ("train", "held_out"):
        simulation = GAME.simulation(300, {"layouts": name, "population": name})
        simulation.reset(1)
        w = simulation.worlds
        assert set(w["memory"][:, inform.LAYOUT] // 3) == {int(name == "held_out")}
        found[name] = set(w["kind"][:, 0].tolist()), set(w["memory"][:, inform.WAITING].tolist())
    for k in range(2):
        assert len(found["train"][k]) == len(found["held_out"][k]) == 2
        assert not found["train"][k] & found["held_out"][k]


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("layouts", ["train", "held_out"])
def test_what_is_believed_is_what_the_page_says(condition, layouts):
    """By hand: where it was put first, where it is, who saw it, and so what will be opened."""
    simulation = last(condition=condition, layouts=layouts, worlds=48, until_asked=True)
    assert (simulation.worlds["ask"] == 1).all()
    for world, w in enumerate(simulation.worlds):
        reader = Reader(simulation, world)
        real, first = reader.belief("treasure"), reader.first_place("treasure")
        assert real in ("box", "basket")
        assert (real != first) == (condition in ("true_belief", "false_belief"))
        believed = {"ignorance": UNKNOWN, "false_belief": first}.get(condition, real)
        answers = {p.kind: p.answer for p in simulation.probes(world)}
        assert answers["belief"] == believed == reader.own("treasure", "informant_0", "seeker_0")
        assert answers["knowledge"] == ("no" if NEEDED[condition] else "yes")
        assert answers.get("next_action", UNKNOWN) == believed
        assert bool(w["memory"][inform.NEEDED]) == NEEDED[condition]


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**40),
    condition=st.sampled_from(CONDITIONS),
    layouts=st.sampled_from(["train", "held_out"]),
    mirrored=st.booleans(),
    social=st.booleans(),
)
def test_the_informants_own_percepts_support_every_answer(seed, condition, layouts, mirrored, social):
    simulation = last(
        "selfish", seed=seed, condition=condition, layouts=layouts, mirrored=mirrored, social=social,
        worlds=6, until_asked=True,
    )  # fmt: skip
    foretold = []
    for world in range(6):
        probes = simulation.probes(world)
        assert len(probes) == 5 - (social and condition == "ignorance")
        for probe in probes:
            assert probe.own == probe.answer, probe
        foretold.append({p.kind: p.answer for p in probes}.get("next_action"))
    ended = last(
        "selfish", seed=seed, condition=condition, layouts=layouts, mirrored=mirrored, social=social, worlds=6
    )
    for w, expected in zip(ended.worlds, foretold, strict=True):
        cell = int(inform.site_cell(w, w["memory"][inform.OPENED] - 1))
        opened = engine.TERRAIN[int(engine.terrain_at(w, cell))]
        assert opened.endswith("_open")
        assert expected in (None, opened.removesuffix("_open"))


def test_twins_look_the_same_from_when_the_blind_is_up():
    seen = {}
    for condition in CONDITIONS:
        simulation = last("selfish", condition=condition, worlds=24, until_asked=True)
        seen[condition] = simulation.window[:, INFORMANT].copy(), simulation.fields[:, INFORMANT].copy()
    for condition in CONDITIONS[1:]:
        for one, other in zip(seen["knows"], seen[condition], strict=True):
            np.testing.assert_array_equal(one, other)


def test_mirrored_has_the_treasure_in_the_other():
    one, other = (last(mirrored=k, condition="knows", until_asked=True) for k in (False, True))
    np.testing.assert_array_equal(right_words(one), 1 - right_words(other))
    np.testing.assert_array_equal(one.worlds["place"], other.worlds["place"])


@pytest.mark.parametrize("layouts", ["train", "held_out"])
@pytest.mark.parametrize(
    ("mode", "right"),
    [
        ("scripted", (1, 1, 1, 1)),
        ("exact", (1, 1, 1, 1)),
        ("prosocial", (1, 1, 1, 1)),
        ("reflex", (0, 0, 1, 1)),
        ("egocentric", (1, 1, 0, 0)),
        ("reality_biased", (1, 1, 0, 0)),
        ("selfish", (1, 1, 0, 0)),
    ],
)
def test_who_passes_which_twin(mode, right, layouts):
    silent = mode in ("egocentric", "reality_biased", "selfish")
    for condition, expected in zip(CONDITIONS, right, strict=True):
        for mirrored in (False, True):
            worlds = last(mode, condition=condition, layouts=layouts, mirrored=mirrored).worlds
            memory = worlds["memory"]
            np.testing.assert_array_equal(worlds["perf"], expected)
            gained = worlds["welfare"][:, SEEKER]
            if silent and condition == "ignorance":
                assert set(gained.tolist()) == {-1.0, 1.0}  # chance
            else:
                assert (gained == (-1 if silent and condition == "false_belief" else 1)).all()
            speaks = mode == "reflex" or (not silent and NEEDED[condition])
            assert (memory[:, inform.SPENT] == speaks).all()
            np.testing.assert_allclose(worlds["welfare"][:, INFORMANT], -inform.COST * speaks)
            assert (memory[:, inform.INFORMED] == (speaks and NEEDED[condition])).all()
            assert (memory[:, inform.NEEDLESS] == (speaks and not NEEDED[condition])).all()
            assert (memory[:, inform.FOLLOWED] == speaks).all()


@pytest.mark.parametrize("condition", ["knows", "false_belief"])
def test_a_false_word_is_followed_into_the_trap_and_counted(condition):
    words = right_words(last(condition=condition, until_asked=True))
    # the first word counts; taking it back comes too late
    say = {LISTENS: 1 - words, LISTENS + 1: words}
    worlds = last("selfish", condition=condition, say=say).worlds
    assert (worlds["welfare"][:, SEEKER] == -1).all()
    assert (worlds["face"][:, SEEKER] == engine.SAD).all()
    memory = worlds["memory"]
    assert (memory[:, inform.FALSE_SIGNALS] == 1).all() and (memory[:, inform.FOLLOWED] == 1).all()
    assert (memory[:, inform.SPENT] == 2).all() and not worlds["perf"].any()


def test_what_is_said_too_early_or_means_nothing_costs_and_is_not_heeded():
    words = right_words(last(condition="false_belief", until_asked=True))
    for say in ({inform.ASKED: words}, {2: words}, {LISTENS: words * 0 + 2}, {LISTENS: words * 0 + 3}):
        worlds = last("selfish", condition="false_belief", say=say).worlds
        assert (worlds["welfare"][:, SEEKER] == -1).all() and not worlds["perf"].any()
        np.testing.assert_allclose(worlds["welfare"][:, INFORMANT], -inform.COST)
        # and it spoils silence where silence was right
        assert not last("selfish", condition="knows", say=say).worlds["perf"].any()


def test_what_is_said_on_the_way_is_heeded_still():
    words = right_words(last(condition="false_belief", until_asked=True))
    worlds = last("selfish", condition="false_belief", say={LISTENS + 5: words}).worlds
    assert (worlds["welfare"][:, SEEKER] == 1).all() and worlds["perf"].all()


def test_the_arrow_moves_like_the_seeker_and_there_is_nobody_to_tell():
    social, arrow = (play("selfish", social=k, condition="false_belief", worlds=16) for k in (True, False))
    for one, other in zip(social, arrow, strict=True):
        np.testing.assert_array_equal(one.worlds["place"], other.worlds["place"])
        np.testing.assert_array_equal(one.worlds["heading"], other.worlds["heading"])
        np.testing.assert_array_equal(one.window[:, INFORMANT, ..., :2], other.window[:, INFORMANT, ..., :2])
    for world in range(16):
        answers = {p.kind: p.answer for p in other.probes(world)}
        assert answers["belief"] == UNKNOWN and answers["knowledge"] == "no"
        assert all(p.role == "control" for p in other.probes(world))
    for mode, right in (("scripted", 1), ("exact", 1), ("prosocial", 1), ("reflex", 0)):
        worlds = last(mode, social=False).worlds
        np.testing.assert_array_equal(worlds["perf"], right)
        assert not worlds["welfare"][:, SEEKER].any() and not worlds["memory"][:, inform.FOLLOWED].any()


def test_each_judges_the_other_by_face_and_voice():
    for mode, gained in (("scripted", 1.0), ("selfish", -1.0)):
        frames = [
            (s.window.copy(), s.fields.copy(), s.rewards.copy(), s.ends.any(1).copy())
            for s in play(mode, condition="false_belief", worlds=12)
        ]
        total = np.zeros((12, 2))
        over = np.zeros(12, bool)
        for before, after in pairwise(frames):
            for viewer, judged in ((INFORMANT, SEEKER), (SEEKER, INFORMANT)):
                windows, fields = (np.stack([before[k][:, viewer], after[k][:, viewer]], 1) for k in range(2))
                value = GAME.rewards(
                    windows, fields, np.full(12, 2), np.zeros(12, int), np.full(12, judged)
                )  # fmt: skip
                total[:, judged] += np.where(over, 0, value)
            over |= after[3]
        assert set(total[:, SEEKER]) <= {0.0, gained}
        assert (total[:, SEEKER] == gained).mean() > 0.9  # a container may stand between
        np.testing.assert_allclose(total[:, INFORMANT], -inform.COST * (mode == "scripted"))


# --- Deceit -----------------------------------------------------------------------------------------------
WITNESSED = ("knows", "true_belief", "false_belief")
TWINS = [(condition, nature) for condition in WITNESSED for nature in ("honest", "deceitful")]
FIRST_WORD = inform.CLOSED


def first_words(simulation):
    """The word for where the treasure was put first: 0 box, 1 basket."""
    worlds = range(simulation.num_envs)
    return np.array([int(Reader(simulation, k).first_place("treasure") == "basket") for k in worlds])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"deceit": "lies"},
            r"option 'deceit' is 'lies', expected one of 'none', 'honest', 'deceitful', 'any'",
        ),
        (
            {"deceit": "any", "condition": "ignorance"},
            r"option 'condition' is 'ignorance', expected one of 'knows', .* with deceit='any': .* no record",
        ),
        (
            {"deceit": "honest", "social": False},
            r"option 'social' is False, expected True with deceit='honest': an arrow hears nothing",
        ),
    ],
)
def test_what_makes_no_sense_with_deceit_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        GAME.simulation(1, options)


def test_without_deceit_all_is_as_it_was_and_with_it_all_else_is():
    """Nine draws make an episode; the natures' come after them."""
    dealt = {}
    for deceit in inform.NATURES:
        simulation = GAME.simulation(200, {"deceit": deceit, "condition": "knows"})
        simulation.reset(5)
        dealt[deceit] = w = simulation.worlds
        assert (w["draws"] == 9 + 2 * (deceit != "none")).all()
        for name in ("cells", "place", "heading", "kind", "body"):
            np.testing.assert_array_equal(w[name], dealt["none"][name])
        np.testing.assert_array_equal(
            w["memory"][:, : inform.NATURE], dealt["none"]["memory"][:, : inform.NATURE]
        )
        natures = {"none": {0}, "honest": {1}, "deceitful": {2}, "any": {1, 2}}[deceit]
        assert set(w["memory"][:, inform.NATURE]) == set(w["cue"][:, INFORMANT, 0]) == natures
        assert not w["cue"][:, SEEKER].any()
    for deceit, conditions in (("none", {0, 1, 2, 3}), ("any", {0, 1, 3})):
        simulation = GAME.simulation(200, {"deceit": deceit, "condition": "mixed"})
        simulation.reset(5)
        assert set(simulation.worlds["memory"][:, inform.CONDITION]) == conditions
    # a first word is no record, and no mode of the seeker's counts
    words = right_words(last(condition="false_belief", until_asked=True))
    for seeker in ("scripted", "reflex", "egocentric", "exact"):
        say = {FIRST_WORD: words, LISTENS: words}
        worlds = last("selfish", condition="false_belief", seeker=seeker, say=say).worlds
        assert worlds["memory"][:, inform.FOLLOWED].all() and not worlds["memory"][:, inform.RECORD].any()
    assert {p.asked for p in last(until_asked=True).probes(0)} == {"informant_0"}


@pytest.mark.parametrize(("condition", "nature"), TWINS)
def test_the_informant_speaks_twice_by_its_nature(condition, nature):
    spoken = [
        s.worlds["voice"][:, INFORMANT].copy() for s in play("reflex", condition=condition, deceit=nature)
    ]
    simulation = last(condition=condition, deceit=nature, until_asked=True)
    lie = int(nature == "deceitful")
    np.testing.assert_array_equal(spoken[FIRST_WORD], 1 + (first_words(simulation) ^ lie))
    np.testing.assert_array_equal(spoken[LISTENS], 1 + (right_words(simulation) ^ lie))
    for step, words in enumerate(spoken):
        assert not words.any() or step in (FIRST_WORD, LISTENS)


@pytest.mark.parametrize("layouts", ["train", "held_out"])
def test_moved_or_not_by_honest_or_deceitful_is_one_to_the_seeker_but_for_the_words(layouts):
    """The treasure in the other of the two (mirrored), and moved: it was put in at the same place."""
    seen = {}
    for condition, mirrored in (("knows", False), ("false_belief", True)):
        for nature in ("honest", "deceitful"):
            windows, fields, heard = [], [], []
            for s in play(
                condition=condition, mirrored=mirrored, deceit=nature, layouts=layouts, until_asked=True
            ):
                windows.append(s.window[:, SEEKER].copy())
                fields.append(s.fields[:, SEEKER].copy())
                heard.append(fields[-1][:, engine.FIELD_HEARD + INFORMANT].copy())
                fields[-1][:, engine.FIELD_HEARD + INFORMANT] = 0
            assert (s.worlds["ask"] == 1).all() and (s.worlds["task"][:, SEEKER] == 2).all()
            seen[condition, nature] = np.stack(windows), np.stack(fields), np.stack(heard), right_words(s)
    one, *others = seen.values()
    for other in others:
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    knows, moved = seen["knows", "honest"], seen["false_belief", "honest"]
    np.testing.assert_array_equal(knows[3], 1 - moved[3])
    # either word is heard with either nature, wherever the treasure is
    pairs = {key: found[2][[FIRST_WORD, LISTENS]] for key, found in seen.items()}
    np.testing.assert_array_equal(pairs["knows", "honest"][0], pairs["false_belief", "honest"][0])
    np.testing.assert_array_equal(pairs["knows", "honest"][1], pairs["false_belief", "deceitful"][1])
    np.testing.assert_array_equal(pairs["knows", "deceitful"][1], pairs["false_belief", "honest"][1])


@pytest.mark.parametrize("layouts", ["train", "held_out"])
@pytest.mark.parametrize(
    ("seeker", "right"),
    [
        # knows, true belief, false belief; each beside an honest and a deceitful informant
        ("scripted", (1, 1, 1, 1, 1, 1)),
        ("selfish", (1, 1, 1, 1, 1, 1)),
        ("exact", (1, 1, 1, 1, 1, 1)),
        ("prosocial", (1, 1, 1, 1, 1, 1)),
        ("reflex", (1, 0, 1, 0, 1, 0)),
        ("reality_biased", (1, 0, 1, 0, 1, 0)),
        ("egocentric", (1, 1, 1, 1, 0, 0)),
    ],
)
def test_which_seeker_passes_which_twin(seeker, right, layouts):
    for (condition, nature), expected in zip(TWINS, right, strict=True):
        for mirrored in (False, True):
            worlds = last(
                seeker=seeker, condition=condition, deceit=nature, layouts=layouts, mirrored=mirrored,
                worlds=12,
            ).worlds  # fmt: skip
            memory, false = worlds["memory"], nature == "deceitful"
            np.testing.assert_array_equal(worlds["perf"], expected)
            np.testing.assert_array_equal(worlds["welfare"][:, SEEKER], 2 * expected - 1)
            np.testing.assert_allclose(worlds["welfare"][:, INFORMANT], -2 * inform.COST)
            assert (memory[:, inform.FALSE_SIGNALS] == false).all()
            assert (memory[:, inform.DETECTED] == (false and expected)).all()
            assert (memory[:, inform.FOLLOWED] == (expected != false)).all()


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**40), twin=st.sampled_from(TWINS), mirrored=st.booleans())
def test_the_seekers_own_percepts_support_every_answer(seed, twin, mirrored):
    condition, nature = twin
    simulation = last(
        seed=seed, condition=condition, deceit=nature, mirrored=mirrored, layouts="held_out", worlds=6,
        until_asked=True,
    )  # fmt: skip
    now, first = right_words(simulation), first_words(simulation)
    for world in range(6):
        probes = simulation.probes(world)
        where, at_first = inform.CONTAINERS[now[world]], inform.CONTAINERS[first[world]]
        lies = nature == "deceitful"
        named = inform.CONTAINERS[now[world] ^ lies]
        assert {p.kind: p.answer for p in probes} == {
            "reality": where,
            "memory": at_first,
            "belief": where,
            "want": "no" if lies else "yes",
            "goal": named,
        }
        for probe in probes:
            assert probe.asked == "seeker_0" and probe.own == probe.answer, probe
            assert probe.shortcuts.get("last_mentioned", named) == named
            assert probe.condition == f"{condition}_{nature}"
            weighing = lies or condition == "false_belief"
            assert (probe.role == "test") == (weighing and probe.kind != "memory")


def test_nothing_is_asked_before_the_seeker_has_been_told():
    for simulation in play(deceit="any", worlds=4):
        told = (simulation.worlds["step"] == LISTENS).all()
        assert (simulation.worlds["ask"] == told).all()
        if simulation.worlds["step"][0] < LISTENS:
            assert not simulation.probes(0)


@pytest.mark.parametrize(
    ("said", "record"),
    [
        ({FIRST_WORD: "true"}, inform.TRUE_WORD),
        ({FIRST_WORD: "false"}, inform.FALSE_WORD),
        ({2: "false", FIRST_WORD: "true"}, inform.FALSE_WORD),  # the first counts
        ({1: "false", 4: "true"}, inform.TRUE_WORD),  # at 1 it has not seen yet what the word is about
        ({2: "nothing", FIRST_WORD: "false"}, inform.FALSE_WORD),
        ({FIRST_WORD: "nothing", 5: "false"}, 0),  # both have been opened since, who knows
        ({}, 0),
    ],
)
@pytest.mark.parametrize("deceit", ["honest", "deceitful"])
def test_the_record_is_what_the_seeker_itself_perceived_whoever_speaks(deceit, said, record):
    """Words put into the informant's mouth: its nature makes no difference to the record."""
    options = {"condition": "false_belief", "deceit": deceit, "worlds": 8}
    simulation = last(until_asked=True, **options)
    now, first = right_words(simulation), first_words(simulation)
    words = {"true": first, "false": 1 - first, "nothing": first * 0 + 3}
    say = {FIRST_WORD: words["nothing"]} | {step: words[word] for step, word in said.items()}
    for lie in (0, 1):
        say[LISTENS] = now ^ lie
        asked = last(until_asked=True, say=say, **options)
        assert (asked.worlds["memory"][:, inform.RECORD] == record).all()
        for world in range(8):
            own = {p.kind: p.own for p in asked.probes(world)}
            weighed = inform.CONTAINERS[now[world] ^ lie ^ (record == inform.FALSE_WORD)] if record else ""
            assert own["reality"] == own["belief"] == weighed
            assert own["want"] == {0: "", inform.TRUE_WORD: "yes", inform.FALSE_WORD: "no"}[record]
        worlds = last(say=say, **options).worlds
        found = (record == inform.FALSE_WORD) == bool(lie)
        assert (worlds["perf"] == found).all()
        assert (worlds["memory"][:, inform.DETECTED] == (lie and record == inform.FALSE_WORD)).all()
