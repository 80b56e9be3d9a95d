"""Heads that are switched off: what is off does nothing, and afterwards all is as it was."""

import dataclasses
import json

import pytest
import torch

from mindsight.agents.tri_module import MODULES, TriConfig, TriModule
from mindsight.agents.tri_module.model import SeparateModules
from mindsight.agents.tri_module.perspective import END, ME, VOCABULARY_SIZE, WORLD
from mindsight.benchmarks.experiments.ablation import (
    MEASURES,
    Histories,
    conversations,
    heads,
    main,
    means,
    measure,
    own_conversations,
    run,
    summary,
    switched_off,
)
from mindsight.scenarios.loader import load_scenario

CONFIG = TriConfig(VOCABULARY_SIZE, width=24, layers=2, heads=(2, 1, 1), head=6, hidden=24)


@pytest.fixture(scope="module")
def data():
    return conversations(6)


def test_of_a_life_and_of_s_each_word_is_somebodys(data):
    (life,), (theirs,) = data["life"], data["simulated"]
    assert set(life.whose.unique().tolist()) == {0, 1, 2, 3}
    assert (life.senders[life.whose == 1] == ME).all()
    assert (life.senders[life.whose == 3] == WORLD).all()
    assert (life.whose[life.senders == 0] == 0).all() and (life.whose[:, 0] == 0).all()
    assert (theirs.whose == 1).any()
    assert int((theirs.senders > 0).sum()) < int((life.senders > 0).sum())  # the other one missed something


def test_who_sends_a_message_is_nobodys_word():
    tokens = torch.tensor([[END, ME, 5, END, ME + 1, 6, END, WORLD, 7, END, 0]])
    senders = torch.tensor([[ME, ME, ME, ME, ME + 1, ME + 1, ME + 1, WORLD, WORLD, WORLD, 0]])
    message = torch.tensor([[-1, 0, 0, 0, 1, 1, 1, 2, 2, 2, -1]])
    assert Histories.of(tokens, senders, message).whose.tolist() == [[0, 0, 1, 1, 0, 2, 2, 0, 3, 3, 0]]


def test_a_rewarded_agent_is_looked_at_in_its_own_conversations():
    """In ``solace`` all the others are simulated, and what they are shown, faces among it, is the world's."""
    data = own_conversations(TriModule(CONFIG), 3)
    (life,), theirs = data["life"], data["simulated"]
    assert len(theirs) == 3 and all(len(each.tokens) == 3 for each in (life, *theirs))
    other = own_conversations(TriModule(CONFIG, 1), 3)["life"][0]
    assert life.tokens.shape != other.tokens.shape or not torch.equal(life.tokens, other.tokens)
    found = run(TriModule(CONFIG), 0, 3, 1, "solace")
    assert set(found["whole"]) == set(MEASURES) and all(value > 0 for value in found["whole"].values())


def test_the_conversations_are_always_the_same():
    """Four people were played by the modes of three: what the last one did hung on what stood in memory."""
    scenario = load_scenario("sally_anne_chat_honest")
    many = scenario.with_options(people=4)
    assert (scenario.modes("scripted") == 1).all() and (many.modes("scripted") == 1).all()
    assert [len(each.modes()) for each in (scenario, many)] == [
        each.simulation().count for each in (scenario, many)
    ]
    wrong = dataclasses.replace(scenario, options={**scenario.options, "people": 4})
    with pytest.raises(ValueError, match="by its options 5 individuals take part, and 4 have roles"):
        wrong.simulation()
    one, other = (conversations.__wrapped__(4)["life"][0] for _ in range(2))
    assert torch.equal(one.tokens, other.tokens)


def test_without_any_head_nothing_is_known_of_what_came_long_before(data):
    model, (packed,) = TriModule(CONFIG), data["life"]
    tokens = packed.tokens.clone()
    tokens[:, 2] = (tokens[:, 2] + 1) % 20

    def change():
        with torch.no_grad():
            one, two = (model(some, packed.senders).prediction for some in (packed.tokens, tokens))
        return (one - two).abs().amax((0, 2))

    assert (change()[10:30] > 0).all()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with switched_off(model, heads(model), {}):
        assert (change()[10:] == 0).all()
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert (change()[10:30] > 0).all()


def test_the_mean_of_one_position_is_what_is_written_there(data):
    (packed,) = data["life"]
    one = Histories(packed.tokens[:1, :1], packed.senders[:1, :1], packed.whose[:1, :1])
    model = TriModule(CONFIG)
    instead = means(model, one)
    with torch.no_grad():
        whole = model(one.tokens, one.senders)
        for off in ([(0, "behaviour", 1)], heads(model, ("prediction", "behaviour"))):
            with switched_off(model, off, instead):
                found = model(one.tokens, one.senders)
            torch.testing.assert_close(found.prediction, whole.prediction, atol=1e-5, rtol=0)
            with switched_off(model, off, {}):
                found = model(one.tokens, one.senders)
            assert not torch.allclose(found.prediction, whole.prediction, atol=1e-3)


def test_what_a_head_writes_adds_up_to_what_its_module_writes(data):
    model, (packed,) = TriModule(CONFIG), data["life"]
    instead = means(model, packed)
    assert set(instead) == set(heads(model))
    written = []
    hook = model.layers[0].behaviour.register_forward_hook(lambda m, given, out: written.append(out))
    with torch.no_grad():
        model(packed.tokens, packed.senders)
    hook.remove()
    real = written[0][packed.senders != 0].mean(0)
    torch.testing.assert_close(instead[0, "behaviour", 0] + instead[0, "behaviour", 1], real)


def test_two_networks_lose_nothing_of_acting_with_heads_of_the_predicting_one(data):
    two = SeparateModules(CONFIG)
    whole = measure(two.prediction, two.behaviour, data)
    with switched_off(two.prediction, heads(two.prediction), {}):
        found = measure(two.prediction, two.behaviour, data)
    assert found["behaviour"] == whole["behaviour"]
    assert all(found[name] != whole[name] for name in MEASURES[:-1])


def test_runs_are_done_once_and_make_a_table(tmp_path, capsys):
    for seed in (0, 1, 2):
        folder = tmp_path / "runs" / f"routed-{seed}"
        TriModule(CONFIG, seed).save(folder / "checkpoints" / "last")
        (folder / "config.json").write_text('{"phases": [{"steps": 9}]}')
        state = {"parts": [{"done": 9 if seed < 2 else 8}]}  # the last one is still being trained
        (folder / "checkpoints" / "state.json").write_text(json.dumps(state))
    order = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out"), "--count", "4", "--draws", "2"]
    main(order)
    found = json.loads((tmp_path / "out" / "routed-1.json").read_text())
    assert set(found["mean"]) == set(found["zero"]) == {*MODULES, "random"}
    assert found["whole"] == pytest.approx(run(TriModule(CONFIG, 1), 1, 4, 1)["whole"])
    assert not (tmp_path / "out" / "routed-2.json").exists()
    capsys.readouterr()
    main(order)
    assert "done" not in capsys.readouterr().out
    other = [*order, "--game", "solace"]
    with pytest.raises(SystemExit):
        main(other)
    assert "has game 'sally_anne_chat', expected 'solace': give another --out" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*other, "--out", str(tmp_path / "other"), "--variants", "routed"])
    assert "--variants has 'routed', expected some of listening_on, own" in capsys.readouterr().err
    lines = summary(tmp_path / "out").splitlines()
    assert len([line for line in lines if line.startswith("| routed | 2 | none |")]) == 2
    assert len([line for line in lines if line.startswith("| | | random |")]) == 2
