"""Curricula: files that are checked, phases on conversations, and runs that a kill -9 does not change."""

import contextlib
import json
import math
import os
import re
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from forks import Forks
from run_outcome import outcome

from mindsight import cli, commands
from mindsight.agents.tri_module import Learner, TriConfig, TriModule
from mindsight.agents.tri_module.perspective import ME, VOCABULARY_SIZE
from mindsight.agents.tri_module.phases import JUDGED, FromFiles, OnTheFly, Pretrain, SimulateAndImitate
from mindsight.scenarios import ScenarioError, load_scenario
from mindsight.scenarios.collect import collect
from mindsight.scenarios.curricula import (
    _KEYS,
    _PHASE_KEYS,
    LISTINGS,
    Exam,
    is_curriculum,
    list_curricula,
    load_curriculum,
    prepare,
    resume,
)
from mindsight.scenarios.seeds import EVALUATION, training_seed

TINY = """\
description: A few updates on very short conversations.
model: {width: 12, layers: 1, heads: [1, 1, 1], hidden: 12, context: 256}
save_every: 0
phases:
  - name: listen
    listing: pretrain
    scenario: echo_train
    steps: 40
    batch_size: 4
    rate: [0.004, 0.001]
  - listing: simulate_and_imitate
    scenario: echo_train
    perspective: inferred
    steps: 20
    batch_size: 4
    begin: 5
best: listen/prediction
"""


LATE = "{name: late, listing: pretrain, scenario: echo_train, steps: 1}"


def written(folder, text=TINY, name="tiny.yaml"):
    path = folder / name
    path.write_text(text)
    return path


# --- Files -------------------------------------------------------------------------------------------------
def test_built_in_curricula_are_right():
    assert "first_words" in list_curricula()
    for name in list_curricula():
        found = load_curriculum(name)
        assert found.name == name and found.description
    assert is_curriculum("first_words") and not is_curriculum("reach_small")


def test_what_a_file_says_is_what_is_read(tmp_path):
    found = load_curriculum(written(tmp_path))
    listen, imitate = found.phases
    assert (found.name, found.seed, found.best) == ("tiny", 0, "listen/prediction")
    assert (listen.name, listen.steps, listen.rate, listen.begin) == ("listen", 40, (0.004, 0.001), 0)
    assert (imitate.name, imitate.perspective) == ("simulate_and_imitate", "inferred")
    assert (imitate.rate, imitate.begin) == ((1e-3, 1e-3), 5)
    assert imitate.scenario.name == "echo_train" and found.model["width"] == 12
    assert json.loads(json.dumps(found.config()))["phases"][1]["scenario"] == "echo_train"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("description", "descripton", r"tiny\.yaml:1: unknown key 'descripton'.*did you mean 'description'"),
        ("width: 12", "width: 13", r"tiny\.yaml:2: key 'model\.width': is 13, expected a multiple of 3"),
        ("width: 12", "wdith: 12", r"tiny\.yaml:2: unknown key 'model\.wdith'.*did you mean 'width'"),
        ("[1, 1, 1]", "[1, 1]", r"tiny\.yaml:2: key 'model\.heads': is \[1, 1\], expected three"),
        ("[1, 1, 1]", "many", r"tiny\.yaml:2: key 'model\.heads': is 'many'"),
        ("layers: 1", "layers: 0", r"tiny\.yaml:2: key 'model\.layers': is 0"),
        ("save_every: 0", "save_every: -1", r"tiny\.yaml:3: key 'save_every': is -1, expected seconds"),
        ("listing: pretrain", "listing: pretain", r":6: key 'phases\[0\]\.listing': is 'pretain'"),
        ("scenario: echo_train", "scenario: ecko_train", r":7: key 'phases\[0\]\.scenario'.*'echo_train'"),
        ("scenario: echo_train", "scenario: reach_small", r":4: .*: play gridworlds and conversations"),
        ("scenario: echo_train", "data: nowhere", r":7: key 'phases\[0\]\.data': is 'nowhere'"),
        ("    scenario: echo_train\n", "", r":6: .*'listen' has neither 'scenario' nor 'data'"),
        ("steps: 40", "steps: none", r":8: key 'phases\[0\]\.steps': is 'none', expected a whole number"),
        ("steps: 40", "steps: 300_000", r":4: key 'phases': play 1,2\d\d,\d\d\d conversations"),
        ("batch_size: 4", "batch_size: 0", r":9: key 'phases\[0\]\.batch_size': is 0"),
        ("[0.004, 0.001]", "[0.004, 0]", r":10: key 'phases\[0\]\.rate': is \[0\.004, 0\]"),
        ("[0.004, 0.001]", ".nan", r":10: key 'phases\[0\]\.rate': is nan"),
        ("perspective: inferred", "perspective: infered", r":13: .*perspective': .*'inferred'"),
        ("perspective: inferred", "predict: responses", r":13: .*predict': is given for 'simulate_and_im"),
        ("rate: [0.004, 0.001]", "predict: mine", r":10: key 'phases\[0\]\.predict': is 'mine'"),
        ("rate: [0.004, 0.001]", "acting: {}", r":10: .*acting': is given for 'pretrain' on conversations"),
        ("rate: [0.004, 0.001]", "by_reward: often", r":10: key 'phases\[0\]\.by_reward': is 'often'"),
        ("rate: [0.004, 0.001]", "agent: selfish", r":10: key 'phases\[0\]\.agent': is 'selfish'"),
        ("  - listing", "  - name: listen\n    listing", r":11: key 'phases\[1\]\.name': is 'listen' twice"),
        ("name: listen", "name: a/b", r":5: key 'phases\[0\]\.name': is 'a/b'"),
        ("listen/prediction", "lisen/prediction", r":17: key 'best': is 'lisen/prediction'"),
        ("save_every: 0", "learner: {variant: rooted}", r":3: key 'learner\.variant': is 'rooted'.*'routed'"),
        ("save_every: 0", "learner: adam", r":3: key 'learner': holds text \('adam'\)"),
        ("save_every: 0", "seed: !!python/name:os.system x", r"tiny\.yaml:3: not valid YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_file_line_key_and_value(tmp_path, old, new, says):
    assert old in TINY
    with pytest.raises(ScenarioError, match=says) as caught:
        load_curriculum(written(tmp_path, TINY.replace(old, new, 1)))
    assert "\n" not in str(caught.value)


LATER = """\
description: After the other one.
after: tiny.yaml
phases:
  - {name: more, listing: pretrain, scenario: echo_train, steps: 3, batch_size: 4}
  - {name: act, listing: kindness, scenario: solace_two, steps: 1, batch_size: 4, begin: 3}
"""


def test_one_curriculum_comes_after_anothers_listening(tmp_path):
    written(tmp_path)
    found = load_curriculum(written(tmp_path, LATER, "later.yaml"))
    begins = [(plan.name, plan.begin) for plan in found.phases]
    assert begins == [("listen", 0), ("simulate_and_imitate", 5), ("more", 60), ("act", 63)]
    assert (found.after.name, found.acts) == ("tiny", 63) and found.model["width"] == 12
    third = LATER.replace("tiny", "later").replace("more", "most")
    last = load_curriculum(written(tmp_path, third, "third.yaml"))
    assert [plan.name for plan in last.phases][2:] == ["more", "most", "act"]  # another acts, as it learned
    half = load_curriculum("kindness_half_kind").listening()
    assert load_curriculum("kindness").listening()[: len(half)] == half
    written(
        tmp_path, TINY.replace("steps: 40", "steps: 2").replace("steps: 20", "steps: 2").replace(": 5", ": 1")
    )
    trainer = prepare(tmp_path / "later.yaml", out=tmp_path / "run")
    trainer.train(enough=lambda progress: "enough" if progress.steps == 6 else None)
    (tmp_path / "tiny.yaml").unlink()  # a run needs neither file again
    gone_on = resume(tmp_path / "run", pytest.fail)
    gone_on.train()
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["phase"] for line in lines][-4:] == ["more", "more", "more", "act"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("tiny.yaml", "later.yaml", r"later\.yaml:2: key 'after': is 'later.yaml', which comes after"),
        ("tiny.yaml", "tidy", r"later\.yaml:2: key 'after': curriculum is 'tidy', expected"),
        ("after:", "model: {width: 12}\nafter:", r"later\.yaml:2: key 'model': is given beside 'after'"),
        ("name: more", "name: listen", r"later\.yaml:4: key 'phases\[0\]\.name': is 'listen' twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_coming_after_another_is_named(tmp_path, old, new, says):
    written(tmp_path)
    with pytest.raises(ScenarioError, match=says):
        load_curriculum(written(tmp_path, LATER.replace(old, new, 1), "later.yaml"))


def test_the_page_has_a_curriculum_that_loads_and_mistakes_as_they_read(tmp_path, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.S)
    monkeypatch.chdir(tmp_path)
    path = Path("mine.yaml")
    path.write_text(text)
    assert [plan.listing for plan in load_curriculum(path).phases] == list(LISTINGS)
    for old, new in (("width: 48", "width: 50"), ("simulate_and_imitate", "simulate_and_imitat")):
        path.write_text(text.replace(old, new))
        with pytest.raises(ScenarioError) as caught:
            load_curriculum(path)
        assert f"\n{caught.value}\n" in page
    for key in (*_KEYS, *_PHASE_KEYS):
        assert f"`{key}`" in page, key


def test_the_command_finds_out_what_it_was_given(tmp_path, capsys):
    path = written(tmp_path)
    assert cli.main(["train", "frist_words"]) == 2
    assert "did you mean 'first_words'?" in capsys.readouterr().err
    assert cli.main(["train", str(path), "--steps", "5"]) == 2
    assert "--steps is for scenarios" in capsys.readouterr().err
    assert cli.main(["train", str(path), "--learning-rate", "0.5"]) == 2
    assert "--learning-rate is for scenarios" in capsys.readouterr().err
    assert cli.main(["train", str(path), "--seed", "-1"]) == 2
    assert "seed is -1" in capsys.readouterr().err
    assert cli.main(["list"]) == 0
    assert "first_words" in capsys.readouterr().out
    assert cli.main(["list", "first_words"]) == 0
    assert "listing: pretrain" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("phase", "longest"),
    [
        ("listing: pretrain, scenario: echo_train", 192),
        ("listing: pretrain, data: heard", 192),
        ("listing: kindness, scenario: solace_first, batch_size: 8", 75 + 18),  # and what is imagined
        ("listing: pretrain, scenario: reach_small, length: 64", 60),  # its limit
        ("listing: finetune, scenario: reach_small, practice: {length: 48}", 48),
    ],
)
def test_too_short_a_context_is_named_before_anything_is_written(phase, longest, tmp_path, capsys):
    collect("echo_train", 64, tmp_path / "heard")
    text = "description: One.\nmodel:\n  width: 12\n  heads: [1, 1, 1]\n  context: 40\nphases:\n"
    path = written(tmp_path, f"{text}  - {{name: listen, steps: 1, {phase}}}\n")
    assert cli.main(["train", str(path), "--out", str(tmp_path / "run")]) == 2
    problem = f"is 40, expected at least {longest}: so long are histories of phase 'listen'"
    assert f"{path}:5: key 'model.context': {problem}" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    after = written(tmp_path, f"description: Two.\nafter: tiny.yaml\nphases:\n  - {LATE}\n", "after.yaml")
    if "pretrain, scenario: echo" in phase:
        with pytest.raises(ScenarioError, match=f"tiny.yaml:5: key 'model.context': {problem}"):
            prepare(after, out=tmp_path / "run")
    path.write_text(path.read_text().replace("context: 40", f"context: {longest}"))
    prepare(path, out=tmp_path / "run")


def test_the_context_that_is_asked_for_is_enough_to_act_with(tmp_path):
    """While some conversations are at their ends, others go on, and what follows is imagined to its end."""
    sizes = "{width: 12, layers: 1, heads: [1, 1, 1], hidden: 12, context: 40}"
    text = f"description: One.\nmodel: {sizes}\nphases:\n"
    phase = "{name: act, listing: kindness, scenario: cracker_train, steps: 3, batch_size: 64}"
    path = written(tmp_path, f"{text}  - {phase}\n")
    with pytest.raises(ScenarioError) as error:
        prepare(path, seed=1, out=tmp_path / "run")
    asked = re.search(r"at least (\d+): so long", str(error.value))[1]
    path.write_text(path.read_text().replace("context: 40", f"context: {asked}"))
    trainer = prepare(path, seed=1, out=tmp_path / "run")
    assert trainer.train()[0].steps == 3


# --- Phases ------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def recorded():
    return collect("sally_anne_chat_train", 24)


def learner():
    config = TriConfig(VOCABULARY_SIZE, context=512, width=12, layers=1, heads=(1, 1, 1), hidden=12)
    return Learner(TriModule(config))


def test_what_is_skipped_is_what_comes_before():
    whole, tail = collect("echo_train", 9, seed=2), collect("echo_train", 4, seed=2, skip=5)
    m = tail.tokens.shape[1]
    np.testing.assert_array_equal(whole.tokens[5:, :m], tail.tokens)
    assert tail.about["seeds"] == [training_seed(2) + 5, training_seed(2) + 8]
    with pytest.raises(ValueError, match="skip is 1048576"):
        collect("echo_train", 1, skip=2**20)


def test_everybody_sees_what_they_perceived_and_knows_who_was_paid(recorded):
    viewers = np.arange(24) % recorded.names.shape[1]
    seen = recorded.seen_by(viewers)
    for k, viewer in enumerate(viewers):
        alone = recorded.perceived_by(int(viewer), np.array([k]))
        np.testing.assert_array_equal(seen.messages.tokens[k], alone.tokens[0])
        assert seen.messages.own[k] == recorded.names[k, viewer]
        heard = [m for m in range(recorded.tokens.shape[1])
                 if recorded.tokens[k, m].any() and recorded.heard[k, m] >> viewer & 1]  # fmt: skip
        np.testing.assert_array_equal(seen.heard[k, : len(heard)], recorded.heard[k, heard])
        assert not seen.heard[k, len(heard) :].any()
        for place, m in enumerate(heard):
            assert (recorded.senders[k, m] != 0) or seen.paid[k, place] == 0


def test_a_message_brings_its_sender_what_is_paid_until_they_speak_again():
    found = collect("chatter_train", 16)
    brought = 0.0
    for a in range(found.names.shape[1]):
        seen = found.seen_by(a)
        for k in range(16):
            heard = np.flatnonzero(found.tokens[k].any(-1) & (found.heard[k] >> a & 1 > 0))
            for place, m in enumerate(heard):
                (sender,) = np.flatnonzero(found.names[k] == found.senders[k, m]).tolist() or [None]
                later = np.flatnonzero(found.senders[k, m + 1 :] == found.senders[k, m])
                until = m + 1 + later[0] if len(later) else None
                expected = 0.0 if sender is None else found.gained[k, m:until, sender].sum()
                assert seen.paid[k, place] == pytest.approx(expected, abs=1e-5)
                brought += abs(expected)
    assert brought > 20


def test_listing_1_predicts_all_that_one_drawn_viewer_perceived(recorded):
    phase, rng = Pretrain("p", FromFiles(recorded), 24), np.random.default_rng(0)
    assert set(phase.update(learner(), rng)) == {"prediction"}
    packed_own = (phase.batch.senders == ME) & phase.batch.actions
    packed_others = (phase.batch.senders != ME) & phase.batch.actions
    assert packed_own.any() and packed_others.any()
    # everything is predicted, who speaks, too, but for the beginning
    given = (phase.batch.senders != 0) & ~phase.batch.actions
    assert given[:, 0].all()
    assert not given[:, 1:].any()


def test_listing_3_imitates_and_simulates_what_another_said(recorded):
    for perspective, most in (("labels", None), ("given", "labels"), ("inferred", "labels")):
        phase = SimulateAndImitate("s", FromFiles(recorded), 24, perspective)
        log = phase.update(learner(), np.random.default_rng(0))
        assert set(log) == {"imitation", "simulation"}
        assert bool((phase.batch.senders[phase.batch.actions] == ME).all())
        assert phase.batch.actions.any(1).float().mean() > 0.9  # whoever is drawn said something
        lengths = (phase.batch.senders != 0).sum(1)
        if most is None:
            literal = lengths
        assert bool((lengths <= literal).all())
        if (
            perspective == "given"
        ):  # what they missed is dropped; a judgement that has learned nothing drops none
            assert bool((lengths < literal).any())
    with pytest.raises(ValueError, match="perspective is 'mine'"):
        SimulateAndImitate("s", FromFiles(recorded), 24, "mine")


def test_conversations_that_wait_are_part_of_a_phases_state(recorded):
    """Who perceived what is judged for several updates at once, by the model as it was then."""
    one = SimulateAndImitate("s", FromFiles(recorded), 32, "inferred")
    first, rng = learner(), np.random.default_rng(0)
    one.update(first, rng)
    state = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in one.state().items()}
    waiting = [name for name, value in state.items() if isinstance(value, np.ndarray)]
    assert len(waiting) == 4 * (JUDGED // 32 - 1)
    two = SimulateAndImitate("s", FromFiles(recorded), 32, "inferred")
    two.set_state(state)
    for _ in range(JUDGED // 32 - 1):
        bits = rng.bit_generator.state
        one.update(learner(), rng)
        rng.bit_generator.state = bits
        two.update(learner(), rng)
        assert torch.equal(one.batch.tokens, two.batch.tokens)
        assert torch.equal(one.batch.actions, two.batch.actions)
    assert not [name for name, value in one.state().items() if isinstance(value, np.ndarray)]


def test_rewards_move_the_behaviour_heads_too():
    found = collect("chatter_train", 16)
    phase = Pretrain("p", FromFiles(found), 16, by_reward=True)
    log = phase.update(learner(), np.random.default_rng(0))
    assert "prediction by reward" in log and phase.batch.rewards.shape == phase.batch.tokens.shape
    assert 0 < float(phase.batch.rewards.max()) <= found.gained.sum(1).max() + 1e-5


def test_each_conversation_is_played_once_and_at_the_same_update_whatever_came_before():
    played = []

    def play(first, count):
        played.append((first, count))
        return collect("echo_train", count, skip=first)

    source = OnTheFly(play, ahead=3)
    rng = np.random.default_rng(0)
    one = [source.draw(k, 4, rng) for k in range(7)]
    assert played == [(0, 12), (12, 12), (24, 12)]
    data, rows = OnTheFly(play, ahead=3).draw(4, 4, rng)  # as a process that goes on would
    np.testing.assert_array_equal(data.tokens[rows], one[4][0].tokens[one[4][1]])


def test_phases_play_conversations_of_their_own_all_of_training(tmp_path):
    trainer = prepare(written(tmp_path), seed=3, out=tmp_path / "run")
    spans = []
    for part in trainer.parts:
        data, _ = part.phase.source.draw(0, part.phase.batch_size, trainer.rng)
        spans.append(data.about["seeds"])
    assert spans[0][0] == training_seed(3) and spans[0][0] + 4 * 48 == spans[1][0]
    assert spans[1][1] < training_seed(4) <= EVALUATION


def test_other_recordings_than_those_of_the_run_are_refused(tmp_path):
    collect("echo_train", 20, tmp_path / "data")
    text = TINY.replace("scenario: echo_train", f"data: {tmp_path / 'data'}", 1)
    trainer = prepare(written(tmp_path, text), out=tmp_path / "run")
    trainer.train(enough=lambda p: "enough" if p.steps == 3 else None)
    assert resume(tmp_path / "run", pytest.fail).updates == 3
    shutil.rmtree(tmp_path / "data")
    collect("echo_train", 20, tmp_path / "data", seed=1)
    with pytest.raises(ValueError, match="'listen': the recorded conversations are others than they were"):
        resume(tmp_path / "run", pytest.fail)


# --- Runs --------------------------------------------------------------------------------------------------
# What a process imports, and the machine code that it loads, takes ten times as long as what is to be killed
# here.
LOADED = """
import matplotlib.figure, torch._dynamo, torch.utils.tensorboard
from mindsight import cli, commands
from mindsight.scenarios import curricula, load_scenario
load_scenario("echo_train").simulation(1).reset(0)
"""


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_as_if_it_had_never_been(tmp_path):
    """kill -9 while updates are made and states written, again and again."""
    path = written(tmp_path, TINY.replace("steps: 40", "steps: 120").replace("steps: 20", "steps: 60"))
    assert cli.main(["train", str(path), "--out", str(tmp_path / "whole")]) == 0
    run, rng = tmp_path / "run", np.random.default_rng(int(time.time()))
    arguments, killed, steps = [str(path), "--out", str(run)], 0, 0
    metrics, said = run / "metrics.jsonl", tmp_path / "said.txt"
    with Forks(LOADED, tmp_path) as forks:
        for _ in range(12):
            train = f"from mindsight import cli; raise SystemExit(cli.main({['train', *arguments]}))"
            child = forks.start(train, said)
            # until it has made some more updates, and then to some point in the middle of one
            until, deadline = steps + int(rng.integers(25, 75)), time.monotonic() + 120
            while (code := forks.ended(child, 0.002)) is None and time.monotonic() < deadline:
                steps = metrics.read_bytes().count(b"\n") if metrics.exists() else 0
                if steps >= until:
                    time.sleep(rng.random() * 0.03)
                    with contextlib.suppress(ProcessLookupError):  # it has just come to its end
                        os.kill(child, signal.SIGKILL)
                    break
            code = forks.wait(child) if code is None else code
            assert code in (0, -signal.SIGKILL), said.read_text()
            arguments = ["--resume", str(run)]
            if code == 0:
                break
            killed += 1
    assert code == 0 and killed >= 2
    assert outcome(run) == outcome(tmp_path / "whole")
    assert len(outcome(run)[0]) == 180


def test_a_run_keeps_what_it_was_made_of(tmp_path):
    """The files may be changed, or gone: the run has its own."""
    mine = tmp_path / "my_echo.yaml"
    mine.write_text(Path(load_scenario("echo_train").source).read_text())
    path = written(tmp_path, TINY.replace("echo_train", "my_echo.yaml"))
    prepare(path, out=tmp_path / "whole").train()
    prepare(path, out=tmp_path / "run").train(enough=lambda p: "enough" if p.steps == 9 else None)
    path.unlink()
    mine.unlink()
    assert cli.main(["train", "--resume", str(tmp_path / "run")]) == 0
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["curriculum"] == "tiny" and config["phases"][0]["scenario"] == "my_echo"
    assert (tmp_path / "run" / "curriculum.yaml").read_text().startswith("description: A few")


def test_the_learning_curve_names_the_curriculum_not_the_folder(tmp_path, monkeypatch):
    titles = []
    monkeypatch.setattr(commands, "draw_losses", lambda path, metrics, title: titles.append(title))
    text = f"description: One.\nmodel: {{width: 12, layers: 1, heads: [1, 1, 1]}}\nphases: [{LATE}]\n"
    assert cli.main(["train", str(written(tmp_path, text)), "--out", str(tmp_path / "run")]) == 0
    assert cli.main(["train", "--resume", str(tmp_path / "run")]) == 0
    assert titles == ["Training by tiny"] * 2


def test_another_version_is_said_and_a_damaged_config_named(tmp_path, capsys):
    prepare(written(tmp_path), out=tmp_path / "run").train(enough=lambda p: "enough")
    versions = tmp_path / "run" / "versions.json"
    versions.write_text(json.dumps({**json.loads(versions.read_text()), "torch": "0.1"}))
    said = []
    resume(tmp_path / "run", said.append)
    assert len(said) == 1 and "torch was 0.1 and is" in said[0]
    config = tmp_path / "run" / "config.json"
    kept = json.loads(config.read_text())
    config.write_text(json.dumps({**kept, "model": {**kept["model"], "width": 24}}))
    assert cli.main(["train", "--resume", str(tmp_path / "run")]) == 2
    assert "foreign: of a run with another config" in capsys.readouterr().err
    del kept["phases"]
    config.write_text(json.dumps(kept))
    assert cli.main(["train", "--resume", str(tmp_path / "run")]) == 2
    assert "config.json: wrong or missing: 'phases'" in capsys.readouterr().err


@pytest.mark.slow
def test_first_words_learns(tmp_path):
    """A third of it: prediction falls far below where it began, and what is imitated with it."""
    made = load_curriculum("first_words")
    text = Path(made.source).read_text().replace("begin: 200", "begin: 60")
    text = text.replace("steps: 400", "steps: 130").replace("steps: 200", "steps: 70")
    trainer = prepare(written(tmp_path, text), out=tmp_path / "run")
    trainer.train()
    lines = trainer.run.read_metrics()

    def mean(name, part):
        found = [line[name] for line in lines if name in line]
        return np.mean(found[part])

    for name, most in (("listen/prediction", 1.0), ("imitate/imitation", 1.6), ("imitate/simulation", 0.8)):
        assert mean(name, slice(-10, None)) < most, name
    assert mean("listen/prediction", slice(0, 3)) > 3


class _Passed:
    """A card as an exam reads it."""

    def __init__(self, share):
        self.sets = type("Score", (), {"share": share})()
        self.threshold = 0.85


def test_an_exam_ends_a_training_at_the_first_update_at_which_it_is_passed(tmp_path, monkeypatch):
    from mindsight.scenarios import evaluation

    held = []

    def examined(agent, battery, **more):
        held.append((battery, more["episodes"]))
        return type("Result", (), {"card": _Passed(0.5 if len(held) < 2 else 0.9)})()

    monkeypatch.setattr(evaluation, "evaluate", examined)
    text = """
description: Short.
model: {width: 12, layers: 1, heads: [1, 1, 1], hidden: 12, context: 512}
phases:
  - {listing: pretrain, scenario: sally_anne_chat_honest, steps: 20, batch_size: 2}
exam: {battery: false_belief_lived, every: 3, begin: 4, episodes: 7}
"""
    path = written(tmp_path, text)
    progress, reason = prepare(path, out=tmp_path / "run").train()
    assert progress.steps == 7
    assert reason == "false_belief_lived: 90.0% of the sets are passed"
    assert held == [("false_belief_lived", 7)] * 2
    again = resume(tmp_path / "run", print)
    assert again.updates == 7
    assert again.exam == load_curriculum(path).exam
    assert again.train()[1] == reason  # what was passed stays so: no update, no exam
    assert (again.updates, len(held)) == (7, 2)
    # whoever stops it at an exam does not skip that one
    held.clear()
    stop = lambda progress: "stopped" if progress.steps == 7 else None  # noqa: E731
    assert prepare(path, out=tmp_path / "stopped").train(enough=stop)[1] == reason
    assert resume(tmp_path / "stopped", print).train()[0].steps == 7
    for battery, says in (
        ("true_belief", "is 'true_belief'"),
        ("movement", "is 'movement', in which nothing"),
    ):
        with pytest.raises(ScenarioError, match=rf"'exam.battery': {says}"):
            load_curriculum(written(tmp_path, text.replace("false_belief_lived", battery)))


def test_an_exam_without_questions_is_no_exam_that_is_failed(monkeypatch):
    from mindsight.scenarios import evaluation

    nothing = type("Card", (), {"sets": None, "threshold": 0.85})()
    monkeypatch.setattr(evaluation, "evaluate", lambda *_, **__: type("Result", (), {"card": nothing})())
    progress = type("Progress", (), {"steps": 100})()
    with pytest.raises(ValueError, match="battery is 'kindness', which has no sets of questions"):
        Exam("kindness")(TriModule(TriConfig(VOCABULARY_SIZE, width=12, heads=(1, 1, 1))), progress)


SHORT = """
description: Short.
model: {width: 12, layers: 1, heads: [1, 1, 1], hidden: 12, context: 512}
phases:
  - {listing: pretrain, scenario: chatter_train, steps: 3, batch_size: 2}
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("phases:\n", "learner: {variant: separate}\nphases:\n  - {listing: kindness, name: act, "
         "scenario: solace_first, steps: 1}\n", r"'learner\.variant'?: is 'separate', by which phase 'act'"),
        ("pretrain, scenario: chatter_train", "finetune, scenario: reach_small, practice: {pieces: 3}",
         r"practice\.pieces'?: is 3, expected at most batch_size, 2"),
    ],
)  # fmt: skip
def test_what_would_fail_after_hours_is_found_when_it_is_read(tmp_path, old, new, says):
    assert old in SHORT
    with pytest.raises(ScenarioError, match=says):
        load_curriculum(written(tmp_path, SHORT.replace(old, new)))


def test_fewer_worlds_than_pieces_have_fewer_pieces(tmp_path):
    text = SHORT.replace("pretrain, scenario: chatter_train", "finetune, scenario: reach_small")
    (plan,) = load_curriculum(written(tmp_path, text)).phases
    assert plan.practice["pieces"] == plan.batch_size == 2


def test_a_best_that_is_never_reported_is_named_when_it_is_read_and_a_short_run_has_one(tmp_path):
    path = written(tmp_path, SHORT + "best: pretrain/predicton\n")
    problem = (
        "is 'pretrain/predicton', expected one of pretrain/prediction; did you mean 'pretrain/prediction'?"
    )
    with pytest.raises(ScenarioError) as caught:
        load_curriculum(path)
    assert str(caught.value) == f"{path}:{len(path.read_text().splitlines())}: key 'best': {problem}"
    course = load_curriculum(written(tmp_path, SHORT))
    with pytest.raises(ValueError, match="best is 'pretrain/nonsense', expected one of pretrain/prediction"):
        prepare(replace(course, best="pretrain/nonsense"), out=tmp_path / "no")
    assert not (tmp_path / "no").exists()
    trainer = prepare(written(tmp_path, SHORT + "best: pretrain/prediction\n"), out=tmp_path / "yes")
    trainer.train()
    assert (tmp_path / "yes" / "checkpoints" / "best" / "model.json").is_file()


ALL = """\
description: Each listing.
model: {width: 12, layers: 1, heads: [1, 1, 1], hidden: 12}
learner: {log_every: 1, variant: VARIANT}
phases:
  - {name: rewarded, listing: pretrain, scenario: solace_first, by_reward: true, steps: 2, batch_size: 16}
  - {listing: pretrain, scenario: echo_train, steps: 1, batch_size: 4}
  - {listing: simulate_and_imitate, scenario: echo_train, steps: 1, batch_size: 4}
  - {listing: finetune, scenario: solace_first, steps: 1, batch_size: 16}
  - {listing: kindness, scenario: solace_first, steps: 1, batch_size: 16, acting: {experience: true}}
"""
GRID = """\
description: Both listings.
model: {width: 12, layers: 1, heads: [1, 1, 1], hidden: 12}
learner: {log_every: 1}
phases:
  - {listing: pretrain, scenario: reach_small, steps: 1, batch_size: 2, length: 64}
  - {listing: finetune, scenario: reach_small, steps: 1, batch_size: 8}
"""


@pytest.mark.parametrize(
    "text", [ALL.replace("VARIANT", "routed"), ALL.replace("VARIANT", "unrouted_credit"), GRID]
)
def test_phases_report_the_numbers_that_they_say(text, tmp_path):
    course = load_curriculum(written(tmp_path, text))
    trainer = prepare(course, out=tmp_path / "run")
    trainer.train()
    lines = trainer.run.read_metrics()
    for plan in course.phases:
        prefix = f"{plan.name}/"
        told = {key.removeprefix(prefix) for line in lines for key in line if key.startswith(prefix)}
        never = set(plan.numbers(course.learner)) - told
        assert told - {"rate"} <= set(plan.numbers(course.learner))
        # whether it pleases or hurts somebody is up to an agent that has learned nothing; where reward only
        # reweighs what is not routed, no second gradient is there to be compared
        silent = {"judged_good", "judged_bad"} | (
            {"prediction by reward"} if plan.listing == "kindness" else set()
        )
        if course.learner["variant"] == "unrouted_credit" and plan.listing == "pretrain":
            silent |= {"norm/prediction", "norm/prediction by reward", "cosine"}
        assert never <= silent


def test_a_phase_that_judges_ahead_plays_only_what_is_kept_for_it(tmp_path):
    """A batch size that divides none of the numbers of conversations that are played or judged at once."""
    text = SHORT.replace("pretrain", "simulate_and_imitate").replace(
        "batch_size: 2", "batch_size: 24, perspective: inferred"
    )
    trainer = prepare(written(tmp_path, text.replace("steps: 3", "steps: 16")), out=tmp_path / "run")
    (part,), (plan,) = trainer.parts, load_curriculum(tmp_path / "tiny.yaml").phases
    played, play = [], part.phase.source._play

    def noted(first, count):
        played.append(first + count)
        return play(first, min(count, 24 * 16))

    part.phase.source._play = noted
    trainer.train()
    assert 16 * 24 < max(played) <= plan.conversations()


def test_data_may_move_and_its_place_in_the_config_be_written_anew(tmp_path):
    collect("chatter_train", 8, tmp_path / "before")
    text = SHORT.replace("scenario: chatter_train", f"data: {tmp_path / 'before'}")
    trainer = prepare(written(tmp_path, text), out=tmp_path / "run")
    trainer.train(enough=lambda progress: "stopped")
    (tmp_path / "before").rename(tmp_path / "after")
    with pytest.raises(
        ValueError, match=r"config.json: data of phase 'pretrain' is .*before', where there is"
    ):
        resume(tmp_path / "run", print)
    config = tmp_path / "run" / "config.json"
    config.write_text(config.read_text().replace("/before", "/after"))
    assert resume(tmp_path / "run", print).train()[0].steps == 3
    with pytest.raises(ValueError, match="viewer of phase 'pretrain' is 'nobody_0', expected one of"):
        prepare(
            written(tmp_path, text.replace("before", "after").replace("steps", "viewer: nobody_0, steps"))
        )


@pytest.mark.parametrize("change", [{"steps": "x"}, {"seed": "a"}, {"learner": {"foo": 1}}, {"model": None}])
def test_a_config_of_wrong_types_is_named(tmp_path, change):
    prepare(written(tmp_path, SHORT), out=tmp_path / "run").train()
    path = tmp_path / "run" / "config.json"
    config = json.loads(path.read_text())
    config |= {key: value for key, value in change.items() if key in config}
    config["phases"][0] |= {key: value for key, value in change.items() if key in config["phases"][0]}
    path.write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"config\.json"):
        resume(tmp_path / "run", print)


def test_one_conversation_an_update_is_enough(tmp_path):
    """Some of which nobody says anything, or one's own turn never comes."""
    for listing, scenario in (("simulate_and_imitate", "sally_anne_chat_train"), ("finetune", "rumour_train"),
                              ("kindness", "sally_anne_chat_train")):  # fmt: skip
        text = SHORT.replace("pretrain, scenario: chatter_train", f"{listing}, scenario: {scenario}")
        text = text.replace("steps: 3, batch_size: 2", "steps: 40, batch_size: 1")
        progress, _ = prepare(written(tmp_path, text), out=tmp_path / listing).train()
        assert progress.steps == 40
        assert all(math.isfinite(value) for value in progress.means.values())


def test_who_never_has_a_turn_cannot_act(tmp_path):
    text = SHORT.replace("pretrain, scenario: chatter_train", "finetune, scenario: sally_anne_chat_honest")
    with pytest.raises(ValueError, match="of 'sally_anne_chat_honest' has no turn in 2 conversations"):
        prepare(written(tmp_path, text), out=tmp_path / "run").train()
