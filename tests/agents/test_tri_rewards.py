"""R^i: what a response is worth to somebody, as one judges it oneself."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mindsight.agents.tri_module.model import TriConfig, TriModule
from mindsight.agents.tri_module.perspective import VOCABULARY_SIZE
from mindsight.agents.tri_module.rewards import (
    Egocentric,
    Expected,
    Histories,
    Learned,
    Oracle,
    Own,
    approval,
    kindness_of,
    lived,
)
from mindsight.agents.tri_module.rollouts import Response, play
from mindsight.envs.conversation.engine import CAPACITY, WORLD
from mindsight.envs.conversation.language import (
    AFRAID,
    ASK_SAFE,
    FEELINGS,
    FIRST_FEELING,
    GIVE,
    GREET,
    HAPPY,
    INDIVIDUAL,
    LIKE,
    NEED,
    OFFER,
    SAD,
    SHOW,
    TAKE,
    THANK,
    THING,
)
from mindsight.scenarios.loader import load_scenario

SOLACE = load_scenario("solace_train")
GAME = SOLACE.game


def history(*messages, true=None, individuals=3):
    """One history of (sender, act, arguments...)."""
    said, senders = np.zeros((1, CAPACITY, 4), np.uint8), np.zeros((1, CAPACITY), np.uint8)
    for k, (sender, *words) in enumerate(messages):
        said[0, k, : len(words)], senders[0, k] = words, sender
    return Histories(said, senders, np.array([len(messages)]), individuals, true)


def response(*messages, turns=None):
    found = np.zeros((1, 4, 5), np.int64)
    for k, message in enumerate(messages):
        found[0, k, : len(message)] = message
    turn = np.zeros((1, 4), np.int64)
    if turns:
        turn[0, : len(turns)] = turns
    return Response(found, turn)


GIFT, PROMISE = (0, GIVE, INDIVIDUAL + 1, THING), (0, OFFER, INDIVIDUAL + 1, THING)
GLAD, SORRY = (WORLD, SHOW, INDIVIDUAL + 1, HAPPY), (WORLD, SHOW, INDIVIDUAL + 1, SAD)
OTHER = np.array([1])


def test_a_gift_is_worth_what_the_face_shows():
    own = Own(GAME, SOLACE.options)
    assert own(history(GIFT), response(GLAD), OTHER) == pytest.approx(1.0)
    assert own(history(GIFT), response(SORRY), OTHER) == pytest.approx(-0.2)
    assert own(history(GIFT), response(GLAD), np.array([2])) == 0.0  # another's face
    assert own(history(GIFT), response(), OTHER) == 0.0


def test_a_promise_is_worth_nothing_unless_all_feelings_count():
    assert Own(GAME, SOLACE.options)(history(PROMISE), response(GLAD), OTHER) == 0.0
    assert Own(GAME, SOLACE.options, "all")(history(PROMISE), response(GLAD), OTHER) == pytest.approx(1.0)


def test_what_comes_later_is_discounted():
    own = Own(GAME, SOLACE.options, discount=0.5)
    later = response((1, NEED, INDIVIDUAL + 1, THING), GIFT, GLAD, turns=(0, 1, 1))
    # the gift in imagination is itself judged: the need was said before it
    assert own(history(PROMISE), later, OTHER) == pytest.approx(0.5 * (1.0 + 1.0))


def test_what_is_expected_is_the_mean_over_feelings_whichever_was_drawn():
    own = Own(GAME, SOLACE.options)
    faces = np.zeros((1, 4, len(FEELINGS)))
    faces[0, 0, [HAPPY - FIRST_FEELING, SAD - FIRST_FEELING]] = 0.75, 0.25
    for face in (GLAD, SORRY):
        drawn = replace(response(face), faces=faces)
        before = drawn.messages.copy()
        assert Expected(own)(history(GIFT), drawn, OTHER) == pytest.approx(0.75 * 1.0 - 0.25 * 0.2)
        assert Expected(own)(history(PROMISE), drawn, OTHER) == 0.0
        assert Expected(own)(history(GIFT), drawn, np.array([2])) == 0.0  # another's face
        assert (drawn.messages == before).all()
        # nobody asked how probable it was: what was drawn
        assert Expected(own)(history(GIFT), response(face), OTHER) == own(
            history(GIFT), response(face), OTHER
        )
    # what else follows is worth the same as before
    need = (1, NEED, INDIVIDUAL + 1, THING)
    later = response(GLAD, need, GIFT, turns=(0, 1, 1))
    worth = own(history(GIFT), later, OTHER) - own(history(GIFT), response(GLAD), OTHER)
    assert Expected(own)(history(GIFT), replace(later, faces=faces), OTHER) == pytest.approx(0.7 + worth)


def test_what_is_hidden_from_me_does_not_change_my_judgement():
    """Two worlds that differ in what the others need and nothing that I perceived."""
    simulation = SOLACE.simulation(6)
    simulation.reset(3)
    state = simulation.get_state()
    own = Own(GAME, SOLACE.options)
    rng = np.random.default_rng(0)
    messages = np.zeros((6, 2, 5), np.int64)
    for k in range(6):
        messages[k, 0, :4] = GLAD if rng.random() < 0.5 else SORRY
        messages[k, 1, :3] = 1, THANK, INDIVIDUAL
    found, truths = [], []
    for shift in (0, 1, 2):
        worlds = state["worlds"].copy()
        worlds["need"][:, 1:3] = (worlds["need"][:, 1:3] + shift) % 4
        whispered = (worlds["said"][..., 0] == NEED) & (worlds["heard"] & 1 == 0)
        assert whispered.sum() == 12
        thing = worlds["said"][..., 2]
        thing[whispered] = THING + (thing[whispered] - THING + shift) % 4
        simulation.set_state({**state, "worlds": worlds})
        said, senders, _, lengths = simulation.histories(0)
        said[np.arange(6), lengths, :4] = *GIFT[1:], 0
        mine = Histories(said, senders, lengths + 1, 3)
        found.append(own(mine, Response(messages, np.zeros((6, 2), np.int64)), np.full(6, 1)))
        true = simulation.game.rewards(
            *[simulation.histories(1)[k] for k in (0, 1, 3)], 3, np.array([[*GIFT, 0]] * 6), np.full(6, 1)
        )
        assert (true != 0).all()  # which j itself would see
        truths.append(true)
    assert not np.array_equal(truths[0], truths[1])
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_the_oracle_sees_what_was_truly_gained():
    with pytest.raises(ValueError, match="true is None"):
        Oracle()(history(GIFT), response(), OTHER)
    assert Oracle()(history(GIFT, true=np.array([[0.0, 0.7, 0.0]])), response(), OTHER) == 0.7


def test_ones_own_taste_judges_things_and_the_worlds_faces_do_not():
    """In ``cracker``, where the host likes one thing and the guest another."""
    cracker = load_scenario("cracker_guest")
    told = (WORLD, LIKE, INDIVIDUAL, THING + 2)
    theirs = (1, LIKE, INDIVIDUAL + 1, THING)
    gifts = [(0, GIVE, INDIVIDUAL + 1, THING + k) for k in (2, 0)]
    mine = [history(told, theirs, gift, individuals=2) for gift in gifts]
    own = Own(cracker.game, cracker.options)
    egocentric = Egocentric(cracker.game, cracker.options)
    assert [own(each, response(SORRY), OTHER)[0] for each in mine] == [-0.5, -0.5]
    assert [own(each, response(GLAD), OTHER)[0] for each in mine] == [1.0, 1.0]
    for face in (GLAD, SORRY):
        assert [egocentric(each, response(face), OTHER)[0] for each in mine] == [1.0, -0.5]


def test_what_the_ward_feels_is_worth_something_to_who_judges_it():
    """``guarded`` pays the guard for no face, and judges them where the roles are switched."""
    guarded = load_scenario("guarded_two")
    own = Own(guarded.game, guarded.options)
    for deed, felt, worth in (
        (GIVE, HAPPY, 1.0),
        (GIVE, AFRAID, -2.0),
        (TAKE, AFRAID, -2.0),
        (ASK_SAFE, AFRAID, 0),
    ):
        done = history((0, deed, INDIVIDUAL + 1, THING), individuals=5)
        face = response((WORLD, SHOW, INDIVIDUAL + 1, felt))
        assert own(done, face, OTHER) == pytest.approx(worth)
        assert own(done, face, np.array([2])) == 0.0
        assert own(done, face, np.array([0])) == 0.0


def test_after_is_checked():
    with pytest.raises(ValueError, match="after is 'words'"):
        Own(GAME, SOLACE.options, "words")


def test_a_reward_is_learned_in_the_others_place_and_tells_gifts_from_promises():
    config = TriConfig(VOCABULARY_SIZE, context=320, width=24, layers=1, heads=(1, 1, 1), hidden=24)
    simulation = SOLACE.simulation(64)
    episodes = play(TriModule(config), simulation, 1, SOLACE.modes("random"), 11, imagine=False)
    seen, paid = lived(episodes, simulation)
    learned = Learned(0)
    before = [parameter.clone() for parameter in learned.net.parameters()]
    assert learned.fit(seen, paid, 600) < 0.5 * float(paid.var())
    assert any((a != b).any() for a, b in zip(before, learned.net.parameters(), strict=True))
    assert learned(history(GIFT), response(GLAD), OTHER)[0] > 0.7
    assert learned(history(GIFT), response(SORRY), OTHER)[0] < 0.1
    assert abs(learned(history(PROMISE), response(GLAD), OTHER)[0]) < 0.2
    # in the first person: who it is and what is given does not matter
    other = (0, GIVE, INDIVIDUAL + 2, THING + 3)
    glad = (WORLD, SHOW, INDIVIDUAL + 2, HAPPY)
    same = learned(history(other), response(glad), np.array([2]))
    assert same == pytest.approx(learned(history(GIFT), response(GLAD), OTHER))


def test_kindness_sums_up_turns_and_others():
    config = TriConfig(VOCABULARY_SIZE, context=320, width=24, layers=1, heads=(1, 1, 1), hidden=24)
    episodes = play(TriModule(config), SOLACE.simulation(6), 0, SOLACE.modes(), 4)
    true = kindness_of(Oracle(), episodes)
    np.testing.assert_allclose(true.sum(0), episodes.returns[:, 1:], atol=1e-6)
    own = kindness_of(Own(GAME, SOLACE.options), episodes)
    assert own.shape == true.shape == (len(episodes.turns), 6, 2)
    nice = approval(episodes)
    acts = np.stack([turn.deed[:, 1] for turn in episodes.turns])
    assert (nice == (np.isin(acts, (GREET, THANK, OFFER)) & episodes.active.numpy())).all()
    assert torch.equal(torch.from_numpy(nice > 0) & ~episodes.active, torch.zeros_like(episodes.active))
