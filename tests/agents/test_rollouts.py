"""Conversations played by a model: what it says, what it reads, what it imagines."""

import numpy as np
import pytest
import torch

from mindsight.agents.tri_module import rollouts
from mindsight.agents.tri_module.algorithms import Reward, finetune, log_probabilities
from mindsight.agents.tri_module.model import TriConfig, TriModule
from mindsight.agents.tri_module.perspective import END, ME, VOCABULARY_SIZE, WORLD, Messages
from mindsight.agents.tri_module.rollouts import Binding, Reader, Simulator, play
from mindsight.agents.tri_module.routing import Learner
from mindsight.envs.conversation import engine
from mindsight.envs.conversation.language import FEELINGS, FIRST_FEELING, GREET, INDIVIDUAL, SHOW, SLOT
from mindsight.scenarios.loader import load_scenario

SOLACE = load_scenario("solace_train")
OTHERS = load_scenario("solace_first").modes()


def model(seed=0):
    return TriModule(
        TriConfig(VOCABULARY_SIZE, context=320, width=24, layers=2, heads=(1, 1, 1), hidden=24), seed
    )


@pytest.fixture(scope="module")
def played():
    simulation = SOLACE.simulation(8)
    made = model()
    return made, simulation, play(made, simulation, 0, SOLACE.modes(), 5)


def test_what_was_chosen_stands_in_the_history_and_was_legal(played):
    _, simulation, episodes = played
    turns = episodes.turns
    for turn in turns:
        for row in torch.nonzero(turn.active)[:, 0].tolist():
            at = int(turn.position[row])
            assert episodes.tokens[row, at - 1] == ME
            assert episodes.senders[row, at] == ME
            words = turn.tokens[row].tolist()
            size = words.index(0) + 1
            assert episodes.tokens[row, at : at + size].tolist() == words[:size]
            assert turn.legal[row, torch.arange(size), turn.tokens[row, :size]].all()
    mine = (simulation.worlds["sender"] == 0) & (
        np.arange(engine.CAPACITY) < simulation.worlds["length"][:, None]
    )
    entered = 1
    assert (mine.sum(1) - entered).tolist() == episodes.active.sum(0).tolist()


def test_log_probabilities_are_those_of_reading_all_of_it_anew(played):
    made, _, episodes = played
    numbers = torch.zeros((*episodes.active.shape, 1))
    batch, before, legal, _ = episodes.batch(numbers)
    out = made(batch.tokens, batch.senders)
    torch.testing.assert_close(log_probabilities(out.behaviour, batch, legal), before, atol=1e-5, rtol=0)
    mine = episodes.turns[0]
    value = out.value[torch.arange(8), mine.position - 1]
    torch.testing.assert_close(value, mine.value, atol=1e-5, rtol=0)


def test_numbers_of_turns_come_to_their_tokens(played):
    _, _, episodes = played
    numbers = torch.arange(len(episodes.turns)).float()[:, None, None].expand(-1, 8, 1)
    rows = torch.tensor([2, 5])
    batch, _, _, found = episodes.batch(numbers, rows)
    assert batch.tokens.shape[0] == 2
    ends = batch.actions & (batch.tokens == 0)
    assert ends.sum(1).tolist() == episodes.active[:, rows].sum(0).tolist()
    assert found["grid"][..., 0][ends].tolist() == [*range(int(ends[0].sum())), *range(int(ends[1].sum()))]


def test_returns_are_what_was_truly_gained_and_turns_have_their_share(played):
    _, simulation, episodes = played
    np.testing.assert_allclose(episodes.returns, simulation.worlds["welfare"][:, :3], atol=1e-5)
    of_turns = np.stack([turn.gained for turn in episodes.turns]).sum(0)
    np.testing.assert_allclose(of_turns, episodes.returns, atol=1e-6)  # nobody is paid before


def test_the_same_seed_plays_the_same(played):
    made, _, episodes = played
    again = play(made, SOLACE.simulation(8), 0, SOLACE.modes(), 5)
    assert torch.equal(again.tokens, episodes.tokens)
    for one, two in zip(again.turns, episodes.turns, strict=True):
        assert (one.response.messages == two.response.messages).all()


def test_what_is_imagined_is_said_by_the_world_and_by_others_alone(played):
    _, simulation, episodes = played
    for turn in episodes.turns:
        said = turn.response.messages
        assert len(said) == 8 * 2
        there = said[..., 1] > 0
        senders = said[..., 0][there]
        assert ((senders == engine.WORLD) | ((senders > 0) & (senders < simulation.count))).all()
        assert (turn.response.turn == 0).all()


def test_what_is_imagined_is_what_reading_s_j_anew_expects():
    """A model that is sure of everything draws what is likeliest: of what could be said there, the likeliest
    when s^j and what was drawn so far are read as one history."""
    made = model(3)
    with torch.no_grad():
        made.prediction_readout.weight.mul_(1e4)
    episodes = play(made, SOLACE.simulation(6), 0, SOLACE.modes(), 5)
    checked = 0
    for turn in episodes.turns:
        found = turn.response
        active = turn.active.repeat(len(episodes.others))
        assert not found.drawn[~active].any() and not found.messages[~active.numpy()].any()
        tokens, senders = found.tokens.long(), found.senders.long()
        expected = made(tokens, senders).prediction.detach()
        expected[..., WORLD] = -1e9  # no word
        for row, k in torch.nonzero(found.drawn).tolist():
            word = int(tokens[row, k])
            if word in (int(senders[row, k]), 0):  # who speaks; an end may be all that is left
                continue
            likely = expected[row, k - 1]
            assert float(likely[word]) > float(likely.max()) - 10  # of 10,000: rounding
            checked += 1
    assert checked > 50


def test_how_probable_each_feeling_was_is_what_reading_s_j_anew_says():
    made = model(3)
    feelings = slice(FIRST_FEELING, FIRST_FEELING + len(FEELINGS))
    likely = torch.zeros(VOCABULARY_SIZE)
    likely[[WORLD, SHOW]], likely[feelings] = 6.0, 3.0  # so that the world shows something often
    made.prediction_readout.register_forward_hook(lambda module, given, out: out + likely)
    checked = 0
    for turn in play(made, SOLACE.simulation(6), 0, SOLACE.modes(), 5).turns:
        found = turn.response
        tokens, senders = found.tokens.long(), found.senders.long()
        expected = made(tokens, senders).prediction.detach()[..., feelings].softmax(-1)
        told = np.zeros_like(found.faces)
        for row in torch.nonzero(found.drawn.any(1))[:, 0].tolist():
            at = int(found.drawn[row].nonzero()[0])
            for k in range(found.messages.shape[1]):  # one after the other: sender, words, END
                words = tokens[row, at + 1 :].tolist()
                if senders[row, at] == WORLD and words[0] == SHOW and words[1] != END:
                    told[row, k] = expected[row, at + 2].numpy()
                    checked += 1
                at += 2 + words.index(END)
                if not found.drawn[row, at:].any():
                    break
        np.testing.assert_allclose(found.faces, told, atol=1e-5)
    assert checked > 50


def test_a_fork_goes_on_by_itself():
    made = model(2)
    tokens = torch.randint(1, VOCABULARY_SIZE, (5, 20), generator=torch.Generator().manual_seed(0))
    senders, rows = torch.full_like(tokens, ME), torch.tensor([3, 0])
    lengths = torch.tensor([12, 20, 7, 15, 3])
    reader, untouched = Reader(made, 5), Reader(made, 5)
    for each in (reader, untouched):
        each.read(tokens, senders, lengths)
    fork = reader.fork(rows, 40)
    found = [fork.one(tokens[rows, k], senders[rows, k], torch.ones(2, dtype=torch.bool)) for k in range(5)]
    assert fork.lengths.tolist() == [20, 17] and reader.lengths.tolist() == lengths.tolist()
    for k, out in enumerate(found):
        here, there = (each.one(tokens[:, k], senders[:, k], lengths > 0) for each in (reader, untouched))
        torch.testing.assert_close(out.prediction, here.prediction[rows], atol=1e-5, rtol=0)
        assert (here.prediction == there.prediction).all()


def test_horizon_goes_beyond_ones_next_turn():
    episodes = play(model(3), SOLACE.simulation(4), 0, SOLACE.modes(), 9, horizon=3)
    responses = [turn.response for turn in episodes.turns]
    assert max(each.turn.max() for each in responses) <= 2
    assert any((each.messages[..., 0][each.messages[..., 1] > 0] == 0).any() for each in responses)


def test_words_are_bound_once_and_ones_own_name_is_me():
    simulation = SOLACE.simulation(4)
    simulation.reset(1)
    binding = Binding(simulation.worlds["lexicon"], 1, np.random.default_rng(0))
    assert (binding.symbols[:, INDIVIDUAL + 1] == ME).all()
    slots = binding.symbols[:, SLOT : SLOT + 20]
    assert all(len(set(row)) == 20 for row in slots.tolist())
    back = np.take_along_axis(binding.back, slots, 1)
    assert (back == np.arange(SLOT, SLOT + 20)).all()
    tokens, senders, message, lengths = binding.pack(Messages.of(simulation.view("tokens", 1)))
    assert (senders[:, 0] == ME).all()  # one sees oneself enter
    assert (senders[message >= 0] > 0).all()
    assert (tokens == WORLD).any(1).all()
    assert lengths.tolist() == (1 + (message >= 0).sum(1)).tolist()  # the beginning is nobody's message


def test_illegal_words_get_no_gradient():
    made, simulation = model(), SOLACE.simulation(4)
    episodes = play(made, simulation, 0, SOLACE.modes(), 2, imagine=False)
    numbers = torch.ones((*episodes.active.shape, 1))
    batch, before, legal, found = episodes.batch(numbers)
    never = ~legal.any(0)
    assert never.any()
    weights = made.behaviour_readout.bias.detach().clone()
    learner = Learner(made, rate=0.1, optimizer="sgd", clip=None)
    finetune(learner, batch, Reward(found["turns"][:, 0], before, legal=legal, entropy=0.1))
    moved = made.behaviour_readout.bias.detach() != weights
    assert moved.any()
    assert not moved[never].any()


def test_what_one_judges_that_another_perceived_stays_judged(monkeypatch):
    """What was read of a history at s^j is not read again, so a later judgement must not change it."""
    simulation = SOLACE.simulation(3)
    simulation.reset(1)
    binding = Binding(simulation.worlds["lexicon"], 0, np.random.default_rng(0))
    simulator = Simulator(model(), simulation, 0, binding, "inferred", 1)
    rng = np.random.default_rng(0)
    whims = []

    def whim(_, messages, names):
        whims.append(rng.random(messages.senders.shape) < 0.5)
        return whims[-1].copy()

    monkeypatch.setattr(rollouts, "perceived", whim)
    messages = Messages.of(simulation.view("tokens", 0))
    first = simulator.switched(messages, 1)
    said = messages.extended(np.full((3, 1), GREET), messages.own)
    second = simulator.switched(said, 1)
    assert (whims[0] != whims[1][:, : whims[0].shape[1]]).any()
    for before, after in ((first.tokens, second.tokens), (first.senders, second.senders)):
        for row in range(3):
            count = int(first.tokens[row].any(-1).sum())
            assert (before[row, :count] == after[row, :count]).all()
            assert int(second.tokens[row].any(-1).sum()) == count + 1  # what one says oneself, j hears
            assert second.tokens[row, count, 0] == GREET


def test_nothing_is_judged_that_nobody_said(monkeypatch):
    """Where people do not speak in lockstep one waits for others of the batch, and says nothing meanwhile:
    what then comes up in one's history is not yet judged."""
    never = lambda _, messages, names: np.zeros(messages.senders.shape, np.bool_)  # noqa: E731
    monkeypatch.setattr(rollouts, "perceived", never)
    scenario = load_scenario("guarded_train")
    individual = scenario.focal[0]
    episodes = play(model(), scenario.simulation(8), individual, scenario.modes(), 5, mode="inferred")
    active = episodes.active
    assert (active.any(1) & ~active.all(1)).any()
    for _, senders, message in episodes.switched:
        assert (message.max(1).values + 1).tolist() == active.sum(0).tolist()  # what one said, and no more
        assert (senders[message >= 0] != ME).all()


def test_who_has_read_all_of_a_long_history_waits_for_others():
    made = TriModule(
        TriConfig(VOCABULARY_SIZE, context=64, width=24, layers=2, heads=(1, 1, 1), hidden=24), seed=2
    )
    tokens = torch.randint(1, VOCABULARY_SIZE, (2, 64), generator=torch.Generator().manual_seed(0))
    senders = torch.full_like(tokens, ME)
    reader = Reader(made, 2)
    for lengths in ([40, 1], [41, 40], [63, 62]):
        reader.read(tokens, senders, torch.tensor(lengths))
        assert reader.lengths.tolist() == lengths
    found = reader.one(tokens[[0, 1], [63, 62]], senders[:, 0], torch.ones(2, dtype=torch.bool))
    expected = made(tokens, senders).prediction[[0, 1], [63, 62]]
    torch.testing.assert_close(found.prediction[:, 0], expected.detach(), atol=1e-5, rtol=0)


def test_imagination_by_ones_own_judgement_needs_no_engine(monkeypatch):
    def never(*_):
        raise AssertionError("the engine was asked")

    monkeypatch.setattr(rollouts, "perceived_by_both", never)
    episodes = play(model(), load_scenario("solace_first").simulation(2), 0, OTHERS, 5, mode="inferred")
    assert all(turn.response is not None for turn in episodes.turns)
    with pytest.raises(AssertionError, match="the engine was asked"):
        play(model(), load_scenario("solace_first").simulation(2), 0, OTHERS, 5, mode="given")


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="mode is 'oracle'"):
        play(model(), SOLACE.simulation(2), 0, SOLACE.modes(), 0, mode="oracle")
    with pytest.raises(ValueError, match="autoreset is 'same_step'"):
        play(model(), SOLACE.simulation(2, autoreset="same_step"), 0, SOLACE.modes(), 0)
