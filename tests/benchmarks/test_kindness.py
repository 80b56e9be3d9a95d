"""The kindness experiment, as small as it gets."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from mindsight.agents.tri_module.perspective import ME, WORLD
from mindsight.agents.tri_module.phases import Acting, mixed
from mindsight.benchmarks.experiments import kindness
from mindsight.benchmarks.experiments.figures import _REWARDED, draw_kappa, draw_kindness
from mindsight.benchmarks.experiments.kindness import (
    CONDITIONS,
    GAMES,
    REFERENCES,
    counts,
    discrimination,
    parts,
    references,
    run,
    seed_by_seed,
    summary,
)
from mindsight.benchmarks.experiments.statistics import interquartile
from mindsight.envs.conversation.language import GIVE, HAPPY, SAD, SHOW
from mindsight.scenarios.curricula import load_curriculum
from mindsight.scenarios.loader import load_scenario

SIZE = {"width": 12, "layers": 1, "heads": [1, 1, 1], "hidden": 12, "context": 512}


def small(name="kindness"):
    whole = load_curriculum(name)
    begins = sorted({plan.begin for plan in whole.phases})
    plans = tuple(
        replace(plan, steps=1, batch_size=4, begin=begins.index(plan.begin)) for plan in whole.phases
    )
    return replace(whole, phases=plans, model=SIZE)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kindness")
    for condition in ("own", "selfish"):
        run(condition, 0, folder, small(), GAMES["solace"][1], 4)
    return folder


def test_a_run_writes_what_it_found_and_is_not_run_again(out, monkeypatch):
    found = json.loads((out / "own-0.json").read_text())
    assert found["acting"]["reward"] == "own"
    assert {"act/judged_r", "act/true_r", "act/error_r", "act/nll", "act/ece"} <= set(found["training"])
    assert {"share", "others", "selfish", "prosocial", "nll", "ece", "floor"} <= set(found["held_out"])
    assert {"nll", "ece", "floor"} <= set(found["fixed"])
    assert found["held_out"]["prosocial"] > found["held_out"]["selfish"] == 0
    other = json.loads((out / "selfish-0.json").read_text())
    assert other["acting"]["reward"] == "none"
    assert other["pretraining"] == found["pretraining"]  # once for both
    assert other["fixed"]["floor"] == found["fixed"]["floor"]  # the same states

    def never(*_):
        raise AssertionError("run again")

    monkeypatch.setattr(kindness, "trained", never)
    assert run("own", 0, out, small(), GAMES["solace"][1], 4) == found


def test_listening_of_another_game_is_not_gone_on_from(out, tmp_path):
    other = small("kindness_cracker")
    with pytest.raises(ValueError, match=r"listening-0: its phases are first, told, .*, expected "):
        run("own", 0, tmp_path, other, GAMES["cracker"][1], 4, listened=out)
    assert not list(tmp_path.iterdir())


def test_results_of_another_game_are_not_taken_for_this_ones(out):
    with pytest.raises(ValueError, match=r"own-0.json: its curriculum is 'kindness', expected 'kindness_h"):
        run("own", 0, out, small("kindness_half_kind"), GAMES["solace_half_kind"][1], 4)


def test_results_of_other_settings_are_not_taken_for_these(out, tmp_path):
    """A folder is filled over days, and a curriculum may change meanwhile."""
    curriculum = small()
    slower = [replace(plan, rate=(1e-3, 1e-4)) if plan.acting else plan for plan in curriculum.phases]
    other = replace(curriculum, phases=tuple(slower))
    with pytest.raises(ValueError, match=r"own-0.json: rate of its phase act is \[0.002, 0.0001\], expected"):
        run("own", 0, out, other, GAMES["solace"][1], 4)
    with pytest.raises(ValueError, match=r"own-0.json: its exams have 4 episodes, expected 8"):
        run("own", 0, out, curriculum, GAMES["solace"][1], 8)
    earlier = json.loads((out / "own-0.json").read_text())
    del earlier["settings"]
    (tmp_path / "own-0.json").write_text(json.dumps(earlier))
    with pytest.raises(ValueError, match=r"own-0.json does not say how it was trained, an earlier version"):
        run("own", 0, tmp_path, curriculum, GAMES["solace"][1], 4)
    (tmp_path / "own-0.json").unlink()
    shutil.copytree(out / "own-0", tmp_path / "own-0")
    with pytest.raises(ValueError, match=r"own-0: rate of its phase act is \[0.002, "):
        run("own", 0, tmp_path, other, GAMES["solace"][1], 4, listened=out)


def test_the_command_refuses_a_folder_of_another_game_before_it_trains(out, monkeypatch, capsys):
    monkeypatch.setattr(kindness, "run", None)
    with pytest.raises(SystemExit):
        kindness.main(["--game", "cracker", "--out", str(out)])
    assert "own-0.json: its curriculum is 'kindness', expected 'kindness_cracker'" in capsys.readouterr().err


def test_the_table_has_a_line_a_condition(out):
    lines = summary(out).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    before, *after = lines[2:]
    share = json.loads((out / "own-0.json").read_text())["grafted"]["share"]
    assert [cell.strip() for cell in before.split("|")[1:4]] == ["no reward yet", "1", f"{share:.2f}"]
    assert [line.split("`")[1] for line in after] == ["own", "selfish"]


def test_seeds_stand_side_by_side_and_one_that_was_not_run_is_no_number(out, tmp_path):
    for path in out.glob("*-0.json"):
        (tmp_path / path.name).write_text(path.read_text())
    own = json.loads((out / "own-0.json").read_text())
    own["seed"], own["held_out"]["share"] = 3, 0.5
    (tmp_path / "own-3.json").write_text(json.dumps(own))
    heads, _, before, *after = seed_by_seed(tmp_path).splitlines()
    cells = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in after}
    assert [cell.strip() for cell in heads.split("|")[2:4]] == ["seed 0", "seed 3"]
    assert before.startswith(f"| no reward yet | {own['grafted']['share']:.2f} |")
    assert cells["`own`"][1] == f"0.50 ({own['train']['share']:.2f})"
    assert cells["`selfish`"][1] == "–"
    assert "; " in cells["`own`"][2]
    assert cells["own return: `own`"][0] == f"{own['held_out']['own']:.2f}"
    assert cells["own return: no reward yet"][0] == f"{own['grafted']['own']:.2f}"
    assert cells["R^i(a^j^) errs, a message: `own`"][0] == f"{own['training']['act/error_r']:.3f}"
    lacks = own["fixed"]["nll"] - own["fixed"]["floor"]
    assert cells["NLL - floor (if known) on the fixed states: `own`"][0] == f"{lacks:.3f}"
    assert cells["processor, s: `selfish`"][1] == "–"


def test_the_curve_over_kappa_has_every_weight_there_is(out, tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    with pytest.raises(FileNotFoundError, match=r"has runs of 2 kappas, expected at least 3"):
        draw_kappa(tmp_path / "kappa.png", out)  # selfish and own
    for name, kappa, share in (("selfish", 0.0, 0.1), ("own", 0.75, 0.7), ("kappa_0.25", 0.25, 0.4)):
        found = json.loads((out / "own-0.json").read_text()) | {"acting": {"kappa": kappa}}
        for seed in (0, 1):
            found["held_out"]["share"] = found["train"]["share"] = share + 0.1 * seed
            (tmp_path / f"{name}-{seed}.json").write_text(json.dumps(found | {"seed": seed}))
    drawn, errorbar = [], Axes.errorbar

    def noted(self, x, y, *more, **style):
        drawn.append((np.asarray(x).tolist(), np.asarray(y).round(3).tolist()))
        return errorbar(self, x, y, *more, **style)

    monkeypatch.setattr(Axes, "errorbar", noted)
    assert draw_kappa(tmp_path / "kappa.png", tmp_path).read_bytes().startswith(b"\x89PNG")
    assert drawn[:2] == [([0.0, 0.25, 0.75], [0.15, 0.45, 0.75])] * 2


def test_the_picture_shows_every_run_and_what_was_before(out, tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    drawn, plot = [], Axes.plot

    def noted(self, x, y, *style, **more):
        drawn.append((more.get("label"), np.asarray(y, float).tolist()))
        return plot(self, x, y, *style, **more)

    monkeypatch.setattr(Axes, "plot", noted)
    assert draw_kindness(tmp_path / "kindness.png", out).read_bytes().startswith(b"\x89PNG")
    runs = [json.loads((out / f"{name}-0.json").read_text()) for name in ("own", "selfish")]
    references = [next(iter(run["references"].values())) for run in runs]
    gained = [(run["training"]["act/others"]) / each["prosocial"]["others"]
              for run, each in zip(runs, references, strict=True)]  # fmt: skip
    curves = [drawn[0], drawn[2]]  # one update each; between them what is thick
    assert [y for _, y in curves] == [[pytest.approx(each)] for each in gained]
    assert [label for label, _ in drawn if label] == [_REWARDED[name][0] for name in ("own", "selfish")]
    dots = [y for _, y in drawn[4:7]]
    assert dots == [[runs[0]["grafted"]["share"]], *([run["held_out"]["share"]] for run in runs)]
    with pytest.raises(FileNotFoundError, match="has no runs of own"):
        draw_kindness(tmp_path / "kindness.png", tmp_path)


def test_what_a_game_counts_stands_beside_what_characters_come_to(tmp_path):
    name, held_out = GAMES["cracker"]
    found = run("egocentric", 0, tmp_path, small(name), held_out, 4)
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in counts(tmp_path).splitlines()]
    assert lines[0][:5] == ["exam", "who", "seeds", "share", "own"]
    assert lines[0][5:] == found["counted"] == list(load_curriculum(name).phases[-2].scenario.game.tallies)
    assert found["before"][held_out] == found["grafted"]
    for exam_name in found["exams"]:
        rows = {line[1]: line[3:] for line in lines if line[0] == exam_name}
        assert rows["`selfish`, a character"][0] == "0.00"
        assert rows["`prosocial`, a character"][0] == "1.00"
        for who, part in (("`egocentric`", "exams"), ("no reward yet", "before")):
            assert rows[who][0] == f"{round(found[part][exam_name]['share'], 2) + 0.0:.2f}"


def test_what_a_game_counts_has_an_interval_where_seeds_differ(tmp_path):
    name, held_out = GAMES["cracker"]
    found = run("egocentric", 0, tmp_path, small(name), held_out, 4)
    found["exams"][held_out]["own"] += 1
    (tmp_path / "egocentric-1.json").write_text(json.dumps(found | {"seed": 1}))
    begins = f"| {held_out} | `egocentric` |"
    (row,) = (row for row in counts(tmp_path).splitlines() if row.startswith(begins))
    own = found["exams"][held_out]["own"]
    assert f"| {own - 0.5:.2f} ({own - 1:.2f} to {own:.2f}) |" in row


def test_who_learned_where_faces_are_honest_meets_some_that_lie():
    """Nothing that is listened to, or acted in, has a face that lies; the exam has."""
    name, held_out = GAMES["guarded_honest"]
    faces = {plan.scenario.options.get("faces") for plan in load_curriculum(name).phases}
    assert faces == {"honest"}
    assert load_scenario(held_out).options.get("faces", "lying") == "lying"


def test_references_bring_the_ward_what_they_should():
    found = references("guarded_two", 0, 64)
    assert set(found) == set(REFERENCES)
    assert found["selfish"]["needless_refusals"] == found["selfish"]["refused_harm"] == 0
    assert found["selfish"]["harm"] == found["selfish"]["complied_honest"] == 1  # of the two requests each
    assert found["prosocial"]["harm"] == found["prosocial"]["needless_refusals"] == 0
    silent = found["external"]  # refuses all, and the ward, to whom nothing happens, gains nothing
    assert silent["harm"] == silent["complied_honest"] == silent["others"] == 0
    assert found["selfish"]["own"] > found["prosocial"]["own"] > silent["own"]
    # HELPED less HARMED, by requests
    assert found["selfish"]["others"] == pytest.approx(1 - 2, abs=0.01)


def test_what_is_listened_to_before_is_the_same_for_all_conditions():
    for name, _ in GAMES.values():
        curriculum = load_curriculum(name)
        heard, after = parts(curriculum)
        before = [plan for piece in heard for plan in piece.phases]
        assert {plan.listing for plan in before} == {"pretrain"}
        assert all(piece.phases[0].begin == 0 for piece in heard)
        assert [plan.listing for plan in after.phases].count("kindness") == 1
        assert all(plan.begin == 0 for plan in after.phases)
        assert [plan.name for plan in (*before, *after.phases)] == [plan.name for plan in curriculum.phases]
    (half,), _ = parts(load_curriculum("kindness_half_kind"))
    assert parts(load_curriculum("kindness"))[0][0].phases == half.phases  # trained once for both
    for name, condition in CONDITIONS.items():
        chosen = kindness.with_condition(after, condition)
        for plan in chosen.phases:
            if plan.acting:
                Acting(**plan.acting)
        times = 2 if name.endswith("_long") else 1
        assert [plan.steps for plan in chosen.phases] == [times * plan.steps for plan in after.phases]


def test_kappa_weighs_and_a_shuffled_reward_belongs_to_another_message():
    class Turn:
        def __init__(self, own):
            self.gained = np.array([[own, 0.0, 0.0], [own, 0.0, 0.0]])
            self.active = torch.ones(2, dtype=torch.bool)

    class Played:
        turns = (Turn(-0.3), Turn(0.0))
        active = torch.ones((2, 2), dtype=torch.bool)

    worth = np.arange(8.0).reshape(2, 2, 2)
    rng = np.random.default_rng(0)
    own, kind = mixed(Acting(), 0, Played, worth, rng)
    np.testing.assert_allclose(own, 0.25 * np.array([[-0.3, -0.3], [0, 0]]) + 0.75 * worth.sum(-1))
    np.testing.assert_array_equal(kind, worth.sum(-1))
    selfish, _ = mixed(Acting(reward="none", kappa=0.0), 0, Played, worth, rng)
    np.testing.assert_allclose(selfish, [[-0.3, -0.3], [0, 0]])
    shuffled, kind = mixed(Acting(shuffled=True), 0, Played, worth, rng)
    left = shuffled - 0.25 * np.array([[-0.3, -0.3], [0, 0]])
    np.testing.assert_allclose(np.sort(left.ravel()), np.sort(0.75 * worth.sum(-1).ravel()))
    # what the behaviour heads are moved by at the reward-based rate is of another message, too
    np.testing.assert_allclose(left, 0.75 * kind)
    assert (kind != worth.sum(-1)).any()


def test_discrimination_is_of_faces_that_answer_gifts_to_j():
    """A net that takes every face to be happy, and histories with one gift each."""

    class Net:
        def __call__(self, tokens, senders):
            class Out:
                prediction = torch.full((*tokens.shape, 128), -9.0)

            Out.prediction[..., HAPPY] = 9.0
            return Out

    thing = ME + 8
    rows = [[0, GIVE, to, thing, 0, WORLD, SHOW, to, felt, 0] for to in (ME, ME + 1) for felt in (HAPPY, SAD)]

    class Played:
        switched = ((torch.tensor(rows), torch.zeros(4, 10, dtype=torch.int64), None),)

    found = discrimination(Net(), Played)
    assert set(found) == {"happy_after_gift_happy", "happy_after_gift_sad"}
    assert all(value > 0.99 for value in found.values())


def test_the_interquartile_mean_leaves_out_the_ends():
    middle, low, high = interquartile([0.0, 1.0, 1.0, 9.0])
    assert middle == 1.0
    assert low <= middle <= high
    assert interquartile([0.0, 1.0, 1.0, 9.0]) == (middle, low, high)  # whatever was asked before
