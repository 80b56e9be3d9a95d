import importlib
import os
import time

import pytest

from mindsight.benchmarks.experiments import __main__ as experiments
from mindsight.benchmarks.experiments.__main__ import CONTROLS, SECOND, Job, Runner, main, plan, tables


def python(name, *codes):
    return Job(name, 1.0, tuple(("-c", code) for code in codes))


def test_every_command_is_one_that_its_experiment_takes(tmp_path, capsys):
    """With no seed to run, all that a command says is looked at and nothing is trained."""
    commands = [command for job in (*plan(tmp_path, 4), *tables(tmp_path)) for command in job.commands]
    names = {"false_belief", "kindness", "grid", "ablation"}
    assert {command[2] for command in commands} == {f"mindsight.benchmarks.experiments.{k}" for k in names}
    assert {command[:2] for command in commands} == {("-P", "-m")}
    for _, _, name, *arguments in commands:
        none = ("--seeds", "0") if not name.endswith("ablation") else ()
        importlib.import_module(name).main([*arguments, *none])
    assert not list(tmp_path.glob("**/config.json"))


def test_all_seeds_have_headlines_and_some_have_controls(tmp_path):
    jobs = {
        job.name: " ".join(word for command in job.commands for word in command) for job in plan(tmp_path)
    }
    assert len(jobs) == len(plan(tmp_path))
    for seed in range(10):
        half, asked = jobs[f"kindness-{seed}"].split("--game solace ")
        assert f"--listened {tmp_path}/half_kind" in asked
        assert all(name in asked for name in ("own", "shuffled", "selfish", "oracle", "learned"))
        assert ("unrouted_credit" in asked) == ("kappa_1.00" in asked) == (seed < CONTROLS)
        assert ("own" in half) == (seed < SECOND)
        assert ("selfish" in half) == (f"kindness_guarded_honest-{seed}" in jobs) == (seed < CONTROLS)
        assert {f"kindness_cracker-{seed}", f"kindness_guarded-{seed}"} <= set(jobs)
        assert f"--first {seed} --seeds 1" in jobs[f"grid-{seed}"]
        assert "--variants" not in jobs[f"false_belief-{seed}"].split("--curriculum")[0]


def test_what_fails_is_named_and_the_others_go_on(tmp_path):
    runner = Runner(tmp_path / "logs", 2)
    jobs = [
        python("good", "print('one')", "print('two')"),
        python("bad", "raise SystemExit('no such thing')", "print('never')"),
        python("late", "print('three')"),
    ]
    assert {job.name for job in runner.run(jobs)} == {"good", "bad", "late"}
    assert runner.failed == ["bad"]
    assert runner.log(jobs[0]).read_text() == "one\ntwo\n"
    assert runner.log(jobs[1]).read_text() == "no such thing\n"


def test_what_is_left_goes_by_what_was_taken_and_counts_what_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "monotonic", lambda: 3600.0)
    runner = Runner(tmp_path / "logs", 2)
    jobs = [Job("short", 10, ()), Job("long", 60, ()), Job("later", 20, ()), Job("over", 5, ())]
    runner.begun = {"short": 0.0, "long": 0.0, "over": 0.0}
    runner.taken = {"short": 1200.0}  # twice what was expected
    assert runner.left(jobs) == pytest.approx((2 * 60 - 60 + 2 * 20 + 0) / 2)
    runner.taken |= {"over": 2.0}  # was there: it says nothing of the others, and nothing of it is left
    assert runner.left(jobs) == pytest.approx((2 * 60 - 60 + 2 * 20) / 2)
    runner.taken = {"over": 2.0}
    assert runner.left(jobs) == pytest.approx((0 + 60 - 60 + 20) / 2)


def test_no_more_run_at_once_than_asked(tmp_path):
    code = (
        "import os, time, pathlib\n"
        f"here = pathlib.Path({str(tmp_path)!r})\n"
        "mine = here / f'{os.getpid()}.running'\n"
        "mine.touch()\n"
        "print(len(list(here.glob('*.running'))))\n"
        "time.sleep(0.3)\n"
        "mine.unlink()\n"
    )
    runner = Runner(tmp_path / "logs", 2)
    jobs = [python(f"job {k}", code) for k in range(5)]
    assert len(list(runner.run(jobs))) == 5
    assert max(int(runner.log(job).read_text()) for job in jobs) == 2


def test_interrupted_what_runs_is_ended_and_the_rest_not_begun(tmp_path):
    told = tmp_path / "pid"
    code = (
        f"import os, time, pathlib; pathlib.Path({str(told)!r}).write_text(str(os.getpid())); time.sleep(300)"
    )
    quick = (
        "import time, pathlib\nprint('first', flush=True)\n"
        f"while not pathlib.Path({str(told)!r}).exists(): time.sleep(0.01)\n"
    )
    runner = Runner(tmp_path / "logs", 2)
    last = python("last", "print('begun')")
    running = runner.run([python("slow", code), python("quick", quick), python("slow 2", code), last])
    begun = time.monotonic()
    assert next(running).name == "quick"
    running.close()
    assert time.monotonic() - begun < 100
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text()), 0)
    assert not runner.log(last).exists()
    again = Runner(tmp_path / "logs", 2)
    assert [job.name for job in again.run([python("quick", "print('more')")])] == ["quick"]
    assert again.log(python("quick")).read_text() == "first\nmore\n"


def test_the_command_runs_all_prints_tables_and_says_what_failed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        experiments, "plan", lambda *_: [python("a", "1"), python("b", "raise SystemExit(3)")]
    )
    monkeypatch.setattr(experiments, "tables", lambda *_: [python("a table", "print('| 1 |')")])
    assert main(["--out", str(tmp_path), "--jobs", "1"]) == 1
    out, err = capsys.readouterr()
    assert "1 of 2 after 0 h 00 min" in out
    assert "# a table\n\n| 1 |" in out
    assert f"failed: b; what they said is in {tmp_path}/logs/" in err
    monkeypatch.setattr(experiments, "plan", lambda *_: [python("a", "1")])
    assert main(["--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("| 1 |") == 1  # the table of the run before is gone


def test_what_would_be_run_is_listed_and_bad_numbers_refused(tmp_path, capsys):
    assert main(["--out", str(tmp_path), "--list", "--seeds", "1"]) == 0
    out = capsys.readouterr().out
    assert "grid-0: " in out and f"--out {tmp_path}/grid --first 0 --seeds 1" in out
    assert not list(tmp_path.iterdir())
    with pytest.raises(SystemExit):
        main(["--jobs", "0"])
    assert "--jobs" in capsys.readouterr().err
