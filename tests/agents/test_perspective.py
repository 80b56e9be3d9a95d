"""The perspective switch, and histories as the model reads them."""

import numpy as np
import pytest
import torch

from mindsight.agents.tri_module.perspective import (
    END,
    ME,
    SLOTS,
    VOCABULARY_SIZE,
    WORLD,
    Messages,
    perceived_by_both,
)
from mindsight.envs.conversation.language import VOCABULARY
from mindsight.envs.games import GAMES
from mindsight.envs.simulation import MODES


def played(name="sally_anne_chat", batch=16, steps=20, **options):
    simulation = GAMES[name].simulation(batch, options)
    simulation.reset(3)
    actions = np.zeros((batch, simulation.count), np.int64)
    for _ in range(steps):
        simulation.script(np.full(simulation.count, MODES.index("scripted")), actions)
        simulation.step(actions)
    return simulation


def same(one, other):
    return all(
        np.array_equal(a, b) for a, b in zip(one.__dict__.values(), other.__dict__.values(), strict=True)
    )


def words(packed, row):
    tokens = packed.tokens[row, : packed.lengths[row]]
    spelled = packed.spell(packed.tokens)[row, : packed.lengths[row]].tolist()
    pairs = zip(tokens.tolist(), spelled, strict=True)
    return " ".join("world" if token == WORLD else VOCABULARY[word] or "." for token, word in pairs)


def test_switching_twice_is_the_history():
    simulation = played(condition="free", people=4)
    mine = Messages.of(simulation.view("tokens", 1))
    others = simulation.worlds["lexicon"][:, 2]
    switched = mine.switch(others)
    assert not same(switched, mine)
    assert same(switched.switch(others), mine)


def test_the_literal_switch_exchanges_two_names_and_nothing_else():
    simulation = played("cracker", batch=1)
    mine = Messages.of(simulation.view("tokens", 0))
    me, you = (simulation.name(0, k) for k in range(2))
    told = words(mine.pack(), 0)
    switched = words(mine.switch(simulation.worlds["lexicon"][:, 1]).pack(), 0)
    exchange = {me: you, you: me}
    assert switched.split() == [exchange.get(word, word) for word in told.split()]
    assert told != switched


def test_a_packed_history_is_who_said_what_and_an_end():
    simulation = played("cracker", batch=1, steps=1)
    packed = Messages.of(simulation.view("tokens", 0)).pack()
    me, you = (simulation.name(0, k) for k in range(2))
    room, likes = simulation.word(0, 248), simulation.word(0, 232 + int(simulation.worlds["like"][0, 0]))
    expected = f". {me} enter {room} . {you} enter {room} . world like {me} {likes} . {me} ask_like {you} ."
    assert words(packed, 0) == expected
    assert packed.message[0, : packed.lengths[0]].tolist() == [-1, *[0] * 4, *[1] * 4, *[2] * 5, *[3] * 4]
    own = packed.said_by(ME)
    said = packed.spell(packed.tokens)[0][own[0].numpy()].tolist()
    assert [VOCABULARY[token] for token in said] == ["enter", room, "", "ask_like", you, ""]
    assert END == 0
    assert VOCABULARY[ME - 1] == "everyone", "slots come after all words that are the same in every episode"
    assert packed.tokens[0, :2].tolist() == [END, ME]
    assert packed.said().sum() == packed.lengths[0] - 1


def test_words_that_carry_nothing_are_numbered_as_they_come_up():
    """Two tellings in other words are one history to the model, words that training never has among them."""
    simulation = played("sally_anne_chat", batch=8, steps=1, condition="free")
    held_out = played("sally_anne_chat", batch=8, steps=1, condition="free", population="held_out")
    ours, theirs = (Messages.of(each.view("tokens", 1)).pack() for each in (simulation, held_out))
    assert not np.array_equal(ours.words, theirs.words)
    drawn = torch.cat([ours.tokens[:, 1], theirs.tokens[:, 1]])
    assert int(drawn.max()) < VOCABULARY_SIZE
    longer = Messages.of(simulation.view("tokens", 1)).extended(
        np.array([[VOCABULARY.index("greet"), VOCABULARY.index("everyone")]] * 8), ours.words[:, 0].numpy()
    )
    again = longer.pack()
    for row in range(8):
        n = int(ours.lengths[row])
        assert torch.equal(again.tokens[row, :n], ours.tokens[row, :n]), "adding to a history changed it"
        assert int(again.lengths[row]) == n + 4


def test_slots_can_be_shuffled_but_mine_is_the_first():
    simulation = played("sally_anne_chat", batch=64, condition="free", people=4)
    mine = Messages.of(simulation.view("tokens", 1))
    plain = mine.pack()
    drawn = mine.pack(np.random.default_rng(0))
    assert torch.equal(drawn.words[:, 0], plain.words[:, 0])
    assert np.array_equal(drawn.spell(drawn.tokens), plain.spell(plain.tokens))
    first, count = SLOTS["T"]
    used = drawn.words[:, first - ME : first - ME + count] > 0
    assert used.any(0).all(), "some slot of things is never drawn"


def test_a_word_that_never_came_up_gets_a_slot_of_its_own():
    simulation = played("sally_anne_chat", batch=3, condition="false_belief")
    mine = Messages.of(simulation.view("tokens", 0))
    packed = mine.pack()
    new = next(w for w in range(SLOTS["T"][0], len(VOCABULARY)) if VOCABULARY[w] == "marble")
    unsure = np.array([[VOCABULARY.index("unsure"), new]] * 3)
    longer = mine.extended(unsure, mine.own).extended(unsure, mine.own).pack()
    spelled = longer.spell(longer.tokens)
    for row in range(3):
        told = longer.tokens[row][torch.from_numpy(spelled[row] == new)]
        assert len(told) == 2
        assert told[0] == told[1]
        assert int(told[0]) not in packed.tokens[row].tolist()
        n = int(packed.lengths[row])
        assert torch.equal(longer.tokens[row, :n], packed.tokens[row, :n])
        assert np.array_equal(spelled[row, :n], packed.spell(packed.tokens)[row, :n])


def test_more_words_than_slots_are_an_error():
    first = VOCABULARY.index("ball")
    claims = np.zeros((1, 9, 8), np.int16)
    claims[0, :, 0] = VOCABULARY.index("unsure")
    claims[0, :, 1] = first + np.arange(9)
    with pytest.raises(ValueError, match="a history has 9 things, expected at most 8"):
        Messages(claims, np.full((1, 9), ME, np.int16), np.full(1, ME, np.int16)).pack()


def test_what_the_other_missed_is_dropped_where_it_is_known():
    """With the engine's labels S keeps what the other perceived of what one perceived oneself."""
    simulation = played(condition="free", people=4, batch=32)
    dropped = 0
    for i, j in ((1, 2), (2, 4), (3, 1)):
        mine = Messages.of(simulation.view("tokens", i))
        both = perceived_by_both(simulation, i, j)
        kept = mine.only(both)
        for world in range(32):
            heard = simulation.perceivers(world)
            expected = [k for k in range(len(heard)) if heard[k, i] and heard[k, j]]
            whole = simulation.history(world, None)
            told = [whole.tokens(whole.messages[k]) for k in expected]
            assert [tuple(row) for row in kept.tokens[world].tolist() if any(row)] == told
            dropped += int(heard[:, i].sum()) - len(expected)
        switched = mine.switch(simulation.worlds["lexicon"][:, j], both)
        assert same(switched, kept.switch(simulation.worlds["lexicon"][:, j]))
    assert dropped > 100


def test_an_empty_history_can_be_read():
    nothing = Messages(np.zeros((2, 5, 8), np.int16), np.zeros((2, 5), np.int16), np.full(2, 70, np.int16))
    packed = nothing.pack()
    assert packed.lengths.tolist() == [1, 1]
    assert not packed.said_by(ME).any()
    assert torch.equal(packed.message, torch.full((2, 1), -1))


@pytest.mark.slow
def test_listing_1_on_recorded_conversations_learns_what_a_context_free_model_cannot():
    """A hundred updates on chatter: far below the entropy of tokens without their context."""
    from mindsight.agents.tri_module import Learner, TriConfig, TriModule
    from mindsight.agents.tri_module.algorithms import Batch, log_probabilities, pretrain
    from mindsight.scenarios.collect import collect

    def batch(data, rows):
        packed = data.perceived_by(0, rows).pack()
        return Batch(packed.tokens, packed.senders, packed.said() & ~packed.first())

    data, unseen = collect("chatter_train", 1500), collect("chatter_train", 64, seed=9)
    exam = batch(unseen, np.arange(64))
    said = exam.of_actions(exam.tokens)
    shares = torch.bincount(said, minlength=VOCABULARY_SIZE) / len(said)
    context_free = float(-(shares[shares > 0] * shares[shares > 0].log()).sum())
    config = TriConfig(VOCABULARY_SIZE, context=400, width=48, layers=2, heads=(2, 2, 2), hidden=96)
    learner = Learner(TriModule(config), rate=4e-3)
    rng = np.random.default_rng(0)
    for _ in range(100):
        pretrain(learner, batch(data, rng.integers(1500, size=16)))
    with torch.no_grad():
        found = float(-log_probabilities(exam.read(learner).prediction, exam).mean())
    assert found < 0.6 * context_free, (found, context_free)
