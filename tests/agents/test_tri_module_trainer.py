"""Training in phases: whose turn it is, what a state keeps, and that nothing but time is lost."""

import json
import shutil

import numpy as np
import pytest
import torch
from run_outcome import outcome
from safetensors.torch import load_file

from mindsight.agents import training
from mindsight.agents.training import RunFolder
from mindsight.agents.tri_module import Learner, TriConfig, TriModule
from mindsight.agents.tri_module import trainer as module
from mindsight.agents.tri_module.algorithms import Batch, pretrain, simulate_and_imitate
from mindsight.agents.tri_module.model import SeparateModules
from mindsight.agents.tri_module.trainer import CheckpointError, NotFiniteError, Part, Trainer

CONFIG = TriConfig(vocabulary=11, context=12, width=12, layers=1, heads=(1, 1, 1), hidden=12)


class Words:
    """A phase on random words, with a state of numbers and arrays."""

    def __init__(self, name, step=pretrain, breaks_at=-1):
        self.name, self.step, self.breaks_at = name, step, breaks_at
        self.seconds = {"environment": 0.0, "acting": 0.0}
        self.batch = None
        self.sum, self.last = 0, np.zeros((2, 3), np.int64)

    def update(self, learner, rng):
        tokens = torch.from_numpy(rng.integers(1, 11, (4, 8)))
        actions = torch.ones((4, 8), dtype=torch.bool)
        actions[:, 0] = False
        rewards = torch.full((4, 8), 0.5)
        if self.sum == self.breaks_at:
            rewards[0, 1] = float("nan")
        zeros = torch.zeros_like(tokens)
        # what comes next depends on the state: a state that is not restored is seen in the weights
        tokens[:, 1] = 1 + (self.sum + int(self.last.sum())) % 10
        self.batch = Batch(tokens, zeros, actions, rewards)
        self.sum += 1
        self.last = tokens[:2, :3].numpy()
        return self.step(learner, self.batch)

    def state(self):
        return {"sum": self.sum, "last": self.last}

    def set_state(self, state):
        self.sum, self.last = state["sum"], state["last"]


def parts(**changes):
    return [
        Part(Words("one"), 30, rate=(1e-2, 1e-3)),
        Part(Words("two", simulate_and_imitate), 12, weight=0.5, begin=10, **changes),
    ]


def trainer(path, variant="routed", some=None, config=None, average=0.0, **more):
    run = RunFolder(path)
    if not path.exists():
        run = RunFolder.create(path, "test")
        run.write_json("config.json", {})
    model = SeparateModules(CONFIG) if variant == "separate" else TriModule(CONFIG)
    learner = Learner(model, variant=variant, average=average, log_every=5)
    settings = {"watch": "one/prediction", "check_every": 3, "save_every": 0.0, **more}
    return Trainer(learner, some or parts(), run, 3, config or {"of": "test"}, **settings)


@pytest.fixture(scope="module", autouse=True)
def _short_means():
    """So that short runs have a best model, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "RECENT", 4)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What comes of a run that was never interrupted."""
    path = tmp_path_factory.mktemp("whole") / "run"
    trainer(path).train()
    found = outcome(path)
    assert len(found[0]) == 42
    assert set(found[1]) == {f"checkpoints/{name}/model.safetensors" for name in ("best", "last")}
    return found


def resumed(path, **more):
    said = []
    made = trainer(path, **more)
    made.restore(said.append)
    return made, said


# --- Turns -------------------------------------------------------------------------------------------------
def test_turns_are_dealt_by_weight_from_where_each_phase_begins(whole):
    order = [line["phase"] for line in whole[0]]
    assert order[:10] == ["one"] * 10
    assert order.count("one") == 30 and order.count("two") == 12
    # two of three turns, until one of them is done
    both = order[10:40]
    for k in range(3, len(both) - 1, 3):
        assert abs(both[:k].count("two") - k / 3) <= 1


def test_who_has_nothing_to_wait_for_does_not_wait(tmp_path):
    some = [Part(Words("late"), 3, begin=1000), Part(Words("early"), 2)]
    made = trainer(tmp_path / "run", some=some, watch="")
    made.train()
    assert [line["phase"] for line in made.run.read_metrics()] == ["early"] * 2 + ["late"] * 3


def test_rates_are_straight_from_the_first_update_to_the_last(whole):
    rates = [line["one/rate"] for line in whole[0] if line["phase"] == "one"]
    np.testing.assert_allclose(rates, np.linspace(1e-2, 1e-3, 30))


def test_a_run_folder_has_numbers_events_and_models(tmp_path):
    seen = []
    made = trainer(tmp_path / "run")
    progress, reason = made.train(seen.append)
    assert reason is None and progress.steps == progress.total == len(seen) == 42
    assert sum(progress.shares.values()) == pytest.approx(1)
    assert set(progress.means) >= {"one/prediction", "two/imitation", "two/simulation", "two/cosine"}
    assert list((tmp_path / "run" / "tensorboard").glob("events.*"))
    last = TriModule.load(made.run.checkpoints / "last")
    assert all(
        torch.equal(a, b) for a, b in zip(last.parameters(), made.learner.model.parameters(), strict=True)
    )
    states = sorted(file.name for file in made.run.checkpoints.glob("state*"))
    assert states == ["state-41.safetensors", "state-42.safetensors", "state.json", "state.previous.json"]


def test_the_best_model_is_the_one_with_the_lowest_mean(tmp_path):
    made = trainer(tmp_path / "run")
    kept = {}

    def tell(progress):
        if made.best is not None:
            kept[made.best] = progress.means["one/prediction"]

    made.train(tell)
    losses = [line["one/prediction"] for line in made.run.read_metrics() if line["phase"] == "one"]
    means = [np.mean(losses[k - 4 : k]) for k in range(4, len(losses) + 1)]
    assert min(means) <= made.best <= means[0] and made.best == min(kept)
    TriModule.load(made.run.checkpoints / "best")


def test_a_callback_ends_it_and_it_can_go_on(tmp_path, whole):
    made = trainer(tmp_path / "run", save_every=1e9)
    progress, reason = made.train(enough=lambda p: "enough" if p.steps >= 17 else None)
    assert (progress.steps, reason) == (17, "enough")
    best, means = made.best, progress.means
    made, said = resumed(tmp_path / "run")
    assert made.updates == 17 and not said
    assert made.best == best is not None and made.progress().means == means
    made.train()
    assert outcome(tmp_path / "run") == whole


# --- Exactly -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "own", [{"variant": "random_heads"}, {"variant": "separate", "average": 0.9}], ids=str
)
def test_what_a_learner_has_of_its_own_is_restored(tmp_path, own):
    """The draws of random heads, both networks where there are two, and what was averaged."""
    trainer(tmp_path / "whole", **own).train()
    trainer(tmp_path / "run", **own).train(enough=lambda p: "enough" if p.steps == 20 else None)
    resumed(tmp_path / "run", **own)[0].train()
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


def test_what_is_examined_and_kept_is_the_average(tmp_path):
    seen, after = [], []

    def exam(model, progress):
        seen.append({name: each.clone() for name, each in model.state_dict().items()})
        return None

    made = trainer(tmp_path / "run", average=0.75, exam=exam)

    def tell(progress):
        after.append({name: each.clone() for name, each in made.learner.model.state_dict().items()})

    made.train(tell)
    expected = after[0]  # the first weights are what there was before
    for model, mean in zip(after, seen, strict=True):
        expected = {name: 0.75 * expected[name] + 0.25 * model[name] for name in model}
        for name, each in mean.items():
            torch.testing.assert_close(each, expected[name], rtol=1e-5, atol=1e-6)
    kept = TriModule.load(tmp_path / "run" / "checkpoints" / "last").state_dict()
    assert all(torch.equal(kept[name], seen[-1][name]) for name in kept)
    assert not all(torch.equal(kept[name], after[-1][name]) for name in kept)
    made.learner.graft()
    assert torch.equal(
        made.learner.finished.behaviour_readout.weight, made.learner.finished.prediction_readout.weight
    )
    plain = trainer(tmp_path / "plain", average=0.0)
    plain.train()
    weights = plain.learner.model.state_dict()  # averaging changes nothing of what is learned
    assert all(torch.equal(weights[name], after[-1][name]) for name in weights)
    with pytest.raises(CheckpointError, match=r"'average\.n_averaged' is missing"):
        resumed(tmp_path / "plain", average=0.75)
    with pytest.raises(ValueError, match=r"average is 1\.0, expected a decay"):
        trainer(tmp_path / "not", average=1.0)


def test_two_cannot_train_into_one_folder(tmp_path):
    """They would overwrite one another's states. Whoever comes second is told, and writes nothing."""
    refused = []

    def tell(progress):
        if progress.steps == 5:
            before = outcome(tmp_path / "run")
            second = trainer(tmp_path / "run")
            for begin in (second.train, lambda: second.restore(pytest.fail)):
                with pytest.raises(BlockingIOError, match="run: another training writes into it"):
                    begin()
                refused.append(outcome(tmp_path / "run") == before)

    trainer(tmp_path / "run").train(tell)
    assert refused == [True, True]
    assert trainer(tmp_path / "run").restore(pytest.fail) == 42


class Killed(BaseException):
    """What no cleaning up is done for."""


def test_a_process_may_die_before_every_single_file_that_it_writes(tmp_path, whole, monkeypatch):
    """The run is killed before, in the middle of and after each writing of a file in turn, at five updates,
    and goes on; nothing of what comes out differs."""
    real, deaths = module.write, []
    after, how = [0], [""]

    def write(path, content):
        after[0] -= 1
        if after[0] == 0:
            deaths.append(path.name)
            if how[0] == "in the middle":  # a temporary file that nobody takes away
                path.parent.mkdir(parents=True, exist_ok=True)
                path.with_name(f".{path.name}.deadbeef").write_bytes(b"half")
            if how[0] == "after":
                real(path, content)
            raise Killed
        return real(path, content)

    path = tmp_path / "run"
    trainer(path)
    monkeypatch.setattr(module, "write", write)  # states
    monkeypatch.setattr(training, "write", write)  # models, and the metrics that are cut back
    for how[0] in ("before", "in the middle", "after"):
        for which in range(1, 10):
            after[0] = which
            with pytest.raises(Killed):
                made, said = resumed(path)
                assert all("beginning anew" in line for line in said)
                made.train()
    assert {"state.json", "state.previous.json", "model.safetensors", "metrics.jsonl"} <= set(deaths)
    assert any(name.startswith("state-") for name in deaths)
    after[0] = 10**9
    resumed(path)[0].train()
    assert outcome(path) == whole
    assert not list((path / "checkpoints").glob(".*"))


# --- What cannot be used -----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    path = tmp_path_factory.mktemp("stopped") / "run"
    trainer(path).train(enough=lambda p: "enough" if p.steps == 20 else None)
    return path


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def cut(path):
    path.write_bytes(path.read_bytes()[:-9])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "arrays cut short": (lambda c: cut(c / "state-20.safetensors"), "damaged: the checksum"),
    "a bit flipped": (lambda c: flip(c / "state-20.safetensors"), "damaged: the checksum"),
    "arrays gone": (lambda c: (c / "state-20.safetensors").unlink(), "cannot be read: No such file"),
    "description cut short": (lambda c: cut(c / "state.json"), "damaged: not a JSON object"),
    "description emptied": (lambda c: (c / "state.json").write_text(""), "damaged: not a JSON object"),
    "a counter changed": (lambda c: edit(c / "state.json", updates=21), "damaged: the checksum"),
    "another version": (lambda c: edit(c / "state.json", version=2), "version is 2, expected 1"),
    "another format": (lambda c: edit(c / "state.json", format="x"), "foreign: format is 'x'"),
    "newest gone": (lambda c: (c / "state.json").unlink(), None),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_of_an_unusable_state_the_one_before_is_used(kind, stopped, tmp_path, whole):
    damage, says = DAMAGE[kind]
    path = tmp_path / "run"
    shutil.copytree(stopped, path)
    damage(path / "checkpoints")
    made, said = resumed(path)
    assert made.updates == 19
    if says is not None:
        assert len(said) == 1 and says in said[0] and "state.json" in said[0] and "19 updates" in said[0]
    made.train()
    assert outcome(path) == whole


def test_a_usable_state_is_not_given_up_for_an_unusable_one(stopped, tmp_path, whole, monkeypatch):
    """The newest is damaged, and the process that goes on dies while it writes the next one."""
    path = tmp_path / "run"
    shutil.copytree(stopped, path)
    flip(path / "checkpoints" / "state-20.safetensors")
    made, _ = resumed(path, save_every=1e9)

    def write(file, content):
        if file.name == "state.json":
            raise Killed
        return training.write(file, content)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(module, "write", write)
        made.train(enough=lambda p: "enough" if p.steps == 25 else None)
    made, _ = resumed(path)
    assert made.updates == 19
    made.train()
    assert outcome(path) == whole


def test_where_neither_is_usable_both_are_named(stopped, tmp_path):
    path = tmp_path / "run"
    shutil.copytree(stopped, path)
    for name in ("state.json", "state.previous.json"):
        edit(path / "checkpoints" / name, version=7)
    with pytest.raises(CheckpointError, match=r"state\.json: version is 7.*state\.previous\.json: version"):
        resumed(path)


def test_a_state_of_another_run_is_foreign(stopped, tmp_path):
    path = tmp_path / "run"
    shutil.copytree(stopped, path)
    with pytest.raises(CheckpointError, match="foreign: of a run with another config"):
        resumed(path, config={"of": "others"})


def test_a_state_of_another_model_changes_nothing(stopped):
    made = trainer(stopped)
    made.learner = Learner(TriModule(TriConfig(**{**CONFIG.__dict__, "width": 24})))
    before = {name: tensor.clone() for name, tensor in made.learner.model.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"another model's: .* is of shape"):
        made.restore(print)
    after = made.learner.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before) and made.updates == 0


def test_a_loss_that_is_not_finite_is_kept_for_inspection(tmp_path):
    some = [Part(Words("broken", breaks_at=7), 20)]
    made = trainer(tmp_path / "run", some=some, watch="", save_every=1e9)
    with pytest.raises(NotFiniteError, match=r"phase 'broken', update 7: .* is nan.*not_finite") as caught:
        made.train()
    assert isinstance(caught.value.__cause__, FloatingPointError)
    folder = tmp_path / "run" / "not_finite"
    batch = load_file(folder / "batch.safetensors")
    assert torch.isnan(batch["rewards"][0, 1]) and batch["tokens"].shape == (4, 8)
    assert json.loads((folder / "about.json").read_text())["update"] == 7
    # the same batch and the same model break again
    with pytest.raises(FloatingPointError):
        pretrain(Learner(TriModule.load(folder)), Batch(**batch))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Part(Words("a"), 0), "steps of 'a' is 0"),
        (lambda: Part(Words("a"), 1, weight=0.0), "weight of 'a' is 0.0"),
        (lambda: Part(Words("a"), 1, rate=(1.0, 0.0)), "rate of 'a' is"),
        (lambda: Part(Words("a"), 1, begin=-1), "begin of 'a' is -1"),
    ],
)
def test_parts_that_cannot_be_are_named(make, says):
    with pytest.raises(ValueError, match=says):
        make()


def test_trainers_that_cannot_be_are_named(tmp_path):
    for some, more, says in (
        ([Part(Words("a"), 1), Part(Words("a"), 1)], {}, "phases are"),
        ([Part(Words("a"), 1)], {"watch": "b/prediction"}, "watch is 'b/prediction'"),
        ([Part(Words("a"), 1)], {"watch": "", "check_every": 0}, "check_every is 0"),
    ):
        with pytest.raises(ValueError, match=says):
            trainer(tmp_path / "run", some=some, **more)
