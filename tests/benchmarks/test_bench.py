"""The benchmark measures what it says, and says whether targets are met."""

import json

import numpy as np
import pytest

from mindsight.benchmarks import bench
from mindsight.envs.grid import GAMES
from mindsight.envs.grid.game import Simulation


def test_random_actions_are_legal_and_use_every_legal_action():
    rng = np.random.default_rng(0)
    masks = (rng.random((4000, 3, 12)) < 0.4).astype(np.int8)
    masks[:, :, 0] = 1
    actions = np.full((4000, 3), -1, np.int64)
    bench._random_legal(masks, 1, 0, actions)
    assert np.take_along_axis(masks, actions[..., None], -1).all()
    # in a row with every action allowed each comes as often as the others
    masks[:] = 1
    bench._random_legal(masks, 1, 1, actions)
    counts = np.bincount(actions.ravel(), minlength=12)
    assert counts.min() > 0.8 * 1000 and counts.max() < 1.2 * 1000


def test_random_actions_differ_from_step_to_step():
    masks = np.ones((100, 2, 12), np.int8)
    one, other = np.zeros((2, 100, 2), np.int64)
    bench._random_legal(masks, 1, 0, one)
    bench._random_legal(masks, 1, 1, other)
    assert (one != other).mean() > 0.8


def test_actions_of_single_environments_are_legal():
    choose, five = bench._legal_actions(), bench._legal_actions(5)
    mask = np.array([0, 1, 0, 1, 1, 0], np.int8)
    infos = {"a": {"action_mask": mask}, "b": {"action_mask": 1 - mask}}
    rows = [choose(infos) for _ in range(200)]
    assert {row["a"] for row in rows} == {1, 3, 4} and {row["b"] for row in rows} == {0, 2, 5}
    assert {five({"a": {}})["a"] for _ in range(200)} == set(range(5))


@pytest.mark.parametrize(
    ("value", "target", "more", "verdict"),
    [
        (6.0, 5.0, True, "met"),
        (4.0, 5.0, True, "missed by 20%"),
        (4.0, 5.0, False, "met"),
        (7.5, 5.0, False, "missed by 50%"),
        (7.5, None, False, ""),
    ],
)
def test_verdicts(value, target, more, verdict):
    line = bench.Line("group", "name", value, "s", target=target, more=more)
    assert line.verdict == verdict


def test_numbers_are_short():
    shown = [bench.number(x) for x in (5_234_567, 1234, 683.9, 1.8612, 0.00456)]
    assert shown == ["5,230,000", "1,230", "684", "1.86", "0.00456"]


@pytest.fixture
def tiny(monkeypatch):
    """A benchmark of samples that are too short to mean anything."""
    made = bench._Bench(True, lambda text: None)
    made.samples, made.seconds, made.batches = 2, 0.002, (1, 256, 512)
    return made


def test_batches_and_threads_are_measured(tiny, monkeypatch):
    games = {name: GAMES[name] for name in ("reach", bench.MAIN)}
    monkeypatch.setattr(bench, "GAMES", games)
    tiny.games()
    tiny.threads()
    by_name = {line.name: line for line in tiny.report.lines}
    for game in games:
        assert by_name[f"{game}, 256 worlds"].value > by_name[f"{game}, 1 worlds"].value
    best = max(by_name[f"{bench.MAIN}, {n} worlds"].value for n in (256, 512))
    assert by_name[f"{bench.MAIN}, best batch of 256 or more"].value == best
    assert by_name[f"{bench.MAIN}, 4,096 worlds, 2 threads against 1"].value > 0


def test_beliefs_and_sizes_are_measured(tiny, monkeypatch):
    # one game: order 0 is compiled for itself
    monkeypatch.setattr(bench, "GAMES", {"reach": GAMES["reach"]})
    tiny.beliefs()
    cost, size = tiny.report.lines
    assert cost.unit == "ns an agent-step" and np.isfinite(cost.value)
    assert size.value == Simulation(GAMES["reach"], 1).worlds.dtype.itemsize


def test_faces_are_measured_or_skipped_with_a_line(tiny, monkeypatch):
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: None)
    tiny.parallel()
    tiny.minigrid()
    tiny.learning()
    assert [line.split(":")[0] for line in tiny.report.skipped] == [
        "MPE2's simple_spread",
        "Minigrid's DoorKey-8x8",
        "Stable-Baselines3's PPO",
    ]
    assert all(line.value > 0 for line in tiny.report.lines)


def test_the_tri_module_agent_is_measured(tiny, monkeypatch):
    tri = pytest.importorskip("mindsight.benchmarks.tri_module")
    import torch

    monkeypatch.setattr(tri, "ROWS", 2)
    threads = torch.get_num_threads()
    tiny.tri_module()
    assert torch.get_num_threads() == threads
    by_name = {line.name: line for line in tiny.report.lines}
    assert all(line.value > 0 for line in by_name.values())
    assert {name for name, line in by_name.items() if line.target == 1.7} == {
        f"{listing}, routed against unrouted" for listing in tri.LISTINGS
    }
    assert by_name["acting, 8 in a batch, 8 tokens drawn one by one"].target == 1000


def test_the_gpt_beside_is_as_large_but_for_what_the_agent_has_more():
    tri = pytest.importorskip("mindsight.benchmarks.tri_module")
    counts = [
        sum(
            p.numel()
            for name, p in made.named_parameters()
            if not any(part in name for part in ("readout", "sender", "near"))
        )
        for made in (tri.TriModule(tri.SIZE), tri.GPT(tri.SIZE))
    ]
    # biases of W_O, of which heads have none, the read-out, and places, which are turned and not learned
    more = tri.SIZE.layers + tri.SIZE.vocabulary + tri.SIZE.context
    assert counts[1] - counts[0] == tri.SIZE.width * more


def test_frames_are_measured(tiny):
    tiny.frames()
    (line,) = tiny.report.lines
    assert line.unit == "frames/s" and line.value > 0


def test_the_report_is_written_and_shown(tiny, tmp_path, capsys):
    tiny.add("group", "a thing", 3.0, "s", target=2, more=False)
    tiny.report.skipped.append("another: not installed")
    bench.show(tiny.report)
    out = capsys.readouterr().out
    assert "a thing" in out and "missed by 50%" in out and "skipped: another" in out
    tiny.report.save(tmp_path / "bench.json")
    content = json.loads((tmp_path / "bench.json").read_text())
    assert content["lines"][0]["met"] is False and content["skipped"]
    assert content["machine"]["cores"] >= 1
