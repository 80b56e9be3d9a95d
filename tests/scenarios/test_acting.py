"""Phases that act, listings 2 and 4: what a curriculum says of them, what they learn, exact resumption."""

import json

import numpy as np
import pytest
import torch
from run_outcome import outcome

from mindsight.agents.tri_module import Learner, TriConfig, TriModule
from mindsight.agents.tri_module.algorithms import log_probabilities
from mindsight.agents.tri_module.model import GROUPS
from mindsight.agents.tri_module.perspective import END, ME, VOCABULARY_SIZE, WORLD
from mindsight.agents.tri_module.phases import (
    LIVES,
    Acting,
    Finetune,
    FromFiles,
    Kindness,
    Pretrain,
    Stage,
    settle,
    standardized,
)
from mindsight.agents.tri_module.rollouts import play
from mindsight.envs.conversation.language import ENTER
from mindsight.scenarios import ScenarioError, load_scenario
from mindsight.scenarios.collect import collect
from mindsight.scenarios.curricula import load_curriculum, prepare, resume
from mindsight.scenarios.seeds import training_seed

SOLACE = load_scenario("solace_first")
TINY = """\
description: A few updates of all that acts.
model: {width: 12, layers: 1, heads: [1, 1, 1], hidden: 12, context: 256}
save_every: 0
phases:
  - name: hear
    listing: pretrain
    scenario: solace_first
    perspective: given
    predict: responses
    steps: 4
    batch_size: 4
  - name: work
    listing: finetune
    scenario: solace_first
    steps: 3
    batch_size: 4
    graft: true
    acting: {reward: approval, kappa: 0.5}
  - name: care
    listing: kindness
    scenario: solace_first
    steps: 3
    batch_size: 4
    acting: {reward: learned, horizon: 2, experience: true, anchor: 0.5}
"""


def written(folder, text=TINY):
    path = folder / "tiny.yaml"
    path.write_text(text)
    return path


def learner(seed=0):
    size = TriConfig(VOCABULARY_SIZE, width=12, layers=1, heads=(1, 1, 1), hidden=12, context=256)
    return Learner(TriModule(size, seed), 1e-3)


FIRST = training_seed(3)


def stage(first=FIRST):
    return Stage(SOLACE.simulation, SOLACE.modes, SOLACE.game, SOLACE.options, 0, first, SOLACE.name)


# --- Files -------------------------------------------------------------------------------------------------
def test_all_settings_are_written_down(tmp_path):
    hear, work, care = load_curriculum(written(tmp_path)).phases
    assert (hear.perspective, hear.predict) == ("given", "responses")
    assert (work.acting["reward"], work.acting["kappa"], work.graft) == ("approval", 0.5, True)
    assert Acting(**care.acting) == Acting(reward="learned", horizon=2, experience=True, anchor=0.5)
    assert care.conversations() == LIVES + 3 * 4
    (act,) = (plan for plan in load_curriculum("kindness").phases if plan.listing == "kindness")
    assert act.acting["reward"] == "own"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("kappa: 0.5", "kapa: 0.5", r":18: unknown key 'phases\[1\]\.acting\.kapa'.*did you mean 'kappa'"),
        ("kappa: 0.5", "kappa: 1.5", r":18: key .*acting\.kappa.: is 1.5, expected a number from 0"),
        ("reward: approval", "reward: own", r":18: .*reward': is 'own', expected one of none, approval"),
        ("reward: learned", "reward: none", r":24: .*reward': is .none., expected one of own, learned"),
        ("experience: true", "experience: 1", r":24: .*experience': is 1, expected true or false"),
        ("horizon: 2", "steady: 2", r":24: .*steady': is 2, expected a number from 0"),
        ("horizon: 2", "horizon: 0", r":24: .*horizon': is 0, expected a whole number of at least 1"),
        ("horizon: 2", "after: words", r":24: .*after': is 'words', expected one of deeds, all"),
        ("    graft: true", "    viewer: other_0", r":17: .*viewer': is given for .finetune. on"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_file_line_key_and_value(tmp_path, old, new, says):
    assert old in TINY
    with pytest.raises(ScenarioError, match=says):
        load_curriculum(written(tmp_path, TINY.replace(old, new, 1)))


# --- Advantages -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["guarded_two", "chatter_train", "solace_first"])
def test_advantages_are_those_of_each_conversation_for_itself(name):
    """Where people do not speak in lockstep, somebody is silent at many of the turns that others have."""
    scenario, b = load_scenario(name), 12
    model = TriModule(TriConfig(VOCABULARY_SIZE, width=12, layers=1, heads=(1, 1, 1), hidden=12), 0)
    (individual,) = scenario.focal
    played = play(model, scenario.simulation(b), individual, scenario.modes("external"), FIRST, imagine=False)
    active, rng = played.active, np.random.default_rng(0)
    gaps = (active[:-1].int() - active[1:].int() == 1).sum() - (~active[-1]).sum()
    assert (gaps > 0) == (name != "solace_first")
    gained = rng.normal(size=tuple(active.shape))
    values = torch.from_numpy(rng.normal(size=(len(active) + 1, b))).float()
    discount, trace = 0.9, 0.7
    expected = {}
    for row in range(b):
        (own,) = np.nonzero(active[:, row].numpy())
        known = [*values[own, row].tolist(), 0.0]  # nothing comes after the last one
        running = 0.0
        for k in reversed(range(len(own))):
            surprise = gained[own[k], row] + discount * known[k + 1] - known[k]
            running = surprise + discount * trace * running
            expected[own[k], row] = running
    advantages, returns = standardized(played, gained, values, discount, trace)
    some = np.array(list(expected.values()))
    for (k, row), each in expected.items():
        assert float(returns[k, row] - values[k, row]) == pytest.approx(each, abs=1e-5)
        assert float(advantages[k, row]) == pytest.approx(
            (each - some.mean()) / (some.std(ddof=1) + 1e-4), abs=1e-4
        )


def test_values_begin_where_the_returns_of_whole_conversations_are():
    """A reward for one's last turn alone, undiscounted: every turn of the conversation is worth it."""
    scenario, b = load_scenario("guarded_two"), 32
    model = TriModule(TriConfig(VOCABULARY_SIZE, width=12, layers=1, heads=(1, 1, 1), hidden=12), 0)
    played = play(model, scenario.simulation(b), 0, scenario.modes("external"), FIRST, imagine=False)
    active = played.active.numpy()
    gained = np.zeros(active.shape)
    last = len(active) - 1 - active[::-1].argmax(0)
    gained[last, np.arange(b)] = 1.0
    settle(model, played, gained, 1.0)
    batch, *_ = played.batch(torch.zeros((*active.shape, 1)))
    with torch.no_grad():
        values = batch.deciding(model(batch.tokens, batch.senders).value)
    torch.testing.assert_close(values, torch.ones_like(values), atol=0.02, rtol=0)


# --- Runs --------------------------------------------------------------------------------------------------
def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(tmp_path):
    curriculum = load_curriculum(written(tmp_path))
    prepare(curriculum, out=tmp_path / "whole").train()
    for stop in (5, 8):  # before and after a reward is learned, and the anchor is kept
        out = tmp_path / f"stopped-{stop}"
        prepare(curriculum, out=out).train(enough=lambda p, stop=stop: "stop" if p.steps == stop else None)
        resume(out, print).train()
        assert outcome(out) == outcome(tmp_path / "whole")
    lines = [json.loads(line) for line in (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()]
    told = {key for line in lines for key in line}
    assert {"care/judged_r", "care/true_r", "care/error_r", "care/nll", "care/ece", "work/own"} <= told


@pytest.mark.parametrize("variant", ["unrouted_credit", "random_heads"])
def test_a_control_that_was_stopped_ends_as_if_it_had_not_been(tmp_path, variant):
    """What is credited is drawn by the trainer's generator, and heads by the learner's."""
    text = f"learner: {{variant: {variant}}}\n" + TINY.replace("learned, horizon: 2", "own")
    curriculum = load_curriculum(written(tmp_path, text))
    prepare(curriculum, out=tmp_path / "whole").train()
    out = tmp_path / "stopped"
    prepare(curriculum, out=out).train(enough=lambda p: "stop" if p.steps == 8 else None)
    resume(out, print).train()
    assert outcome(out) == outcome(tmp_path / "whole")
    lines = (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()
    credited = [json.loads(line) for line in lines if "care/credit" in line]
    assert len(credited) == (3 if variant == "unrouted_credit" else 0)


# --- Phases ------------------------------------------------------------------------------------------------
def test_each_listing_moves_what_it_may():
    for phase, reward in ((Finetune, "none"), (Kindness, "oracle")):
        made = learner()
        before = {name: each.clone() for name, each in made.model.named_parameters()}
        log = phase("p", stage(), 8, Acting(reward=reward)).update(made, np.random.default_rng(0))
        moved = {
            made.model.owner(name)
            for name, each in made.model.named_parameters()
            if not torch.equal(each, before[name])
        }
        assert moved == set(GROUPS)
        assert {"reward", "own prediction", "own", "others", "true_r", "judged_r"} <= set(log)
    assert "prediction by reward" in log or log["true_r"] <= 0


def test_what_was_predicted_is_credited_where_it_was_predicted():
    """Batches of the control: s^j as S gave it, and after it what was drawn, none of it one's own."""
    model, scenario = learner().model, load_scenario("solace_train")
    episodes = play(model, scenario.simulation(5), 0, scenario.modes(), 7)
    numbers = torch.arange(len(episodes.turns) * 5.0).reshape(-1, 5) + 1
    batch = episodes.imagined(numbers, torch.tensor([[2, row] for row in range(5)]))
    assert len(batch.tokens) == 10  # five messages of one's own, two others
    assert batch.actions.any(1).sum() > 5  # where it was one's own turn at once, nothing was
    for n, (j, row) in enumerate((j, row) for j in range(2) for row in range(5)):
        whole, by, _ = (each[row] for each in episodes.switched[j])
        on = batch.actions[n]
        assert batch.rewards[n].equal(torch.where(on, numbers[2, row], torch.zeros(())))
        if not on.any():
            continue
        first = int(on.int().argmax())
        assert batch.tokens[n, :first].equal(whole[:first])
        assert batch.senders[n, :first].equal(by[:first])
        assert int(whole[first - 1]) == END
        me = by[first - 1]  # what i, who has just spoken, is called there
        assert me not in (ME, WORLD) and (batch.senders[n][on] != me).all()
    with pytest.raises(ValueError, match="turn 2 has no response"):
        silent = play(model, scenario.simulation(5), 0, scenario.modes(), 7, imagine=False)
        silent.imagined(numbers, torch.tensor([[2, 1]]))


@pytest.mark.parametrize(("steady", "groups"), [(0.0, {"behaviour"}), (1.0, set(GROUPS))])
def test_all_but_behaviour_moves_as_slowly_as_it_is_told_to(steady, groups):
    made = learner()
    before = {name: each.clone() for name, each in made.model.named_parameters()}
    acting = Acting(reward="none", experience=True, steady=steady)
    Finetune("p", stage(), 8, acting).update(made, np.random.default_rng(0))
    changed = [name for name, each in made.model.named_parameters() if not torch.equal(each, before[name])]
    assert {made.model.owner(name) for name in changed} == groups
    assert made.steady == 1.0  # other phases are not slowed down


def test_the_anchor_holds_what_is_done_to_what_was_done_before():
    """Rewards that mean next to nothing move what is said; the anchor does not let them."""
    moved = {}
    for anchor in (0.0, 1.0):
        made, rng = learner(), np.random.default_rng(0)
        made.rate = 1e-2
        phase = Finetune("p", stage(), 16, Acting(reward="none", entropy=0.0, anchor=anchor), graft=True)
        phase.update(made, rng)
        for _ in range(12):
            phase.update(made, rng)
        episodes = play(made.model, SOLACE.simulation(32), 0, SOLACE.modes("external"), FIRST, imagine=False)
        batch, before, legal, _ = episodes.batch(torch.zeros((len(episodes.turns), 32, 1)))
        start = learner().model
        start.graft()
        with torch.no_grad():
            was = log_probabilities(start(batch.tokens, batch.senders).behaviour, batch, legal)
        moved[anchor] = float((before - was).mean())  # the divergence, by a sample of it
    assert moved[1.0] < 0.5 * moved[0.0]


def test_values_begin_at_what_one_s_own_conversations_were_worth():
    made = learner()
    assert not made.model.value_readout.weight.any()
    log = Finetune("p", stage(), 8, Acting(reward="none"), graft=True).update(made, np.random.default_rng(0))
    assert 0 < log["explained"] < 1 and made.model.value_readout.weight.any()
    assert made.model.value_readout.bias < 0  # giving costs


def test_experience_teaches_what_others_say_and_show():
    found = {}
    for experience in (False, True):
        made, rng = learner(), np.random.default_rng(0)
        made.rate = 1e-2
        phase = Finetune("p", stage(), 16, Acting(reward="none", experience=experience))
        logs = [phase.update(made, rng) for _ in range(31)]
        found[experience] = logs[-1]["nll"]
        assert ("prediction" in logs[-1]) == experience
    assert found[True] < 0.7 * found[False]


def test_updates_play_conversations_of_their_own():
    made, rng = learner(), np.random.default_rng(0)
    phases = [Finetune("p", stage(FIRST + skip), 4) for skip in (0, 4)]
    for phase in phases:
        phase.update(made, rng)
    phases[0].update(made, rng)
    others = [phase._simulation.worlds["lexicon"].tolist() for phase in phases]
    assert others[0] == others[1]  # the second one of the first plays what the first one of the second did


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="reward is 'own', expected one of none, approval"):
        Finetune("p", stage(), acting=Acting())
    with pytest.raises(ValueError, match="reward is 'mine'"):
        Acting(reward="mine")
    with pytest.raises(ValueError, match="it acted in 'elsewhere', not 'solace_first'"):
        Kindness("p", stage()).set_state({"number": 1, "stage": "elsewhere"})
    with pytest.raises(ValueError, match="predict is 'mine'"):
        Pretrain("p", FromFiles(collect("solace_first", 2)), predict="mine")
    with pytest.raises(ValueError, match="perspective is 'mine'"):
        Pretrain("p", FromFiles(collect("solace_first", 2)), perspective="mine")


def test_responses_are_what_one_says_and_what_is_shown_once_another_has_acted():
    recorded = collect("solace_train", 12, agent="random")
    phase = Pretrain("p", FromFiles(recorded), 32, perspective="given", predict="responses")
    phase.update(learner(), np.random.default_rng(0))
    batch = phase.batch
    # the first token of a message is the name of who sends it, which stands beside it as well
    who = batch.actions & (batch.tokens == batch.senders)
    by = batch.senders[batch.actions & ~who]
    assert ((by == ME) | (by == WORLD)).all()
    assert (by == ME).any() and (by == WORLD).any()
    for row in range(32):
        first = int(batch.actions[row].int().argmax())
        words = batch.tokens[row, :first]
        others = (batch.senders[row, :first] != ME) & (batch.senders[row, :first] != WORLD)
        if batch.actions[row].any():
            assert (others & (words != ENTER) & (words != 0)).any()
            after = batch.senders[row, first:]
            heads = (batch.tokens[row, first:] == after) & (after != 0)
            assert len(torch.unique(after[heads & who[row, first:]])) == len(torch.unique(after[after > 0]))


def test_what_s_gives_to_others_is_read():
    recorded = collect("solace_train", 16, agent="random")
    batches = {}
    for perspective in ("labels", "given"):
        phase = Pretrain("p", FromFiles(recorded), 32, perspective=perspective, viewer="listener_0")
        phase.update(learner(), np.random.default_rng(0))
        batches[perspective] = (phase.batch.senders > 0).sum(1)
    assert (batches["labels"] > batches["given"]).all()  # what the listener alone was told is dropped
