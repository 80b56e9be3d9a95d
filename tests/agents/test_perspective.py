"""The perspective switch, and histories as the model reads them."""

import numpy as np
import pytest
import torch

from mindsight.agents.tri_module.perspective import END, WORLD, Messages, perceived_by_both
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
    names = [*VOCABULARY, "world"]
    return " ".join(names[token] or "." for token in packed.tokens[row, : packed.lengths[row]].tolist())


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
    expected = f"{me} enter {room} . {you} enter {room} . world like {me} {likes} . {me} ask_like {you} ."
    assert words(packed, 0) == expected
    assert packed.message[0, : packed.lengths[0]].tolist() == [0] * 4 + [1] * 4 + [2] * 5 + [3] * 4
    own = packed.said_by(packed.viewers)
    said = packed.tokens[0][own[0]].tolist()
    assert [VOCABULARY[token] for token in said] == ["enter", room, "", "ask_like", you, ""]
    assert END == 0
    assert len(VOCABULARY) == WORLD


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
    nothing = Messages(np.zeros((2, 5, 8), np.int16), np.zeros((2, 5), np.int16), np.ones(2, np.int16))
    packed = nothing.pack()
    assert packed.lengths.tolist() == [0, 0]
    assert not packed.said_by(packed.viewers).any()
    assert torch.equal(packed.message, torch.full((2, 1), -1))


@pytest.mark.slow
def test_listing_1_on_recorded_conversations_learns_what_a_context_free_model_cannot():
    """A hundred updates on chatter: far below the entropy of tokens without their context."""
    from mindsight.agents.tri_module import Learner, TriConfig, TriModule
    from mindsight.agents.tri_module.algorithms import Batch, log_probabilities, pretrain
    from mindsight.agents.tri_module.perspective import VOCABULARY_SIZE
    from mindsight.scenarios.collect import collect

    def batch(data, rows):
        packed = data.perceived_by(0, rows).pack()
        names = torch.from_numpy(data.names[rows].astype(np.int64))
        others = [packed.said_by(names[:, a]) for a in range(1, names.shape[1])]
        return Batch(packed.tokens, packed.senders, packed.viewers, torch.stack(others).any(0))

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
