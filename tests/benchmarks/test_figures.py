"""The routing picture shows the table of the paper, and learning curves are drawn of what was written."""

import json

import pytest

import mindsight
from mindsight.agents.training import draw_losses
from mindsight.agents.tri_module import TriConfig
from mindsight.benchmarks.experiments.figures import draw_card, draw_routing, main, routing_table

REST = {"perception": "rate", "shared": "rate"}


def test_what_is_drawn_is_the_papers_table():
    assert routing_table() == {
        ("listing 1", "prediction"): {"prediction": "rate", **REST},
        ("listing 1", "prediction by reward"): {"behaviour": "reward"},
        ("listing 2", "reward"): {"behaviour": "rate", **REST},
        ("listing 2", "own prediction"): {"prediction": "rate", **REST},
        ("listing 3", "imitation"): {"behaviour": "rate", **REST},
        ("listing 3", "simulation"): {"prediction": "rate", **REST},
        ("listing 4", "reward"): {"behaviour": "rate", **REST},
        ("listing 4", "own prediction"): {"prediction": "rate", **REST},
        ("listing 4", "prediction by reward"): {"behaviour": "reward"},
    }


def test_pictures_are_the_same_bytes_for_the_same_network_and_others_for_another(tmp_path):
    sizes = (TriConfig(20), TriConfig(20), TriConfig(20, layers=3, heads=(1, 2, 1)))
    one, same, other = (
        draw_routing(tmp_path / f"{k}.png", config).read_bytes() for k, config in enumerate(sizes)
    )
    assert one.startswith(b"\x89PNG")
    assert one == same != other


def test_losses_of_all_phases_are_drawn_and_nothing_else(tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    drawn = []
    plot = Axes.plot

    def noted(self, x, y, *style, **more):
        drawn.append((more.get("label"), list(x), list(y)))
        return plot(self, x, y, *style, **more)

    monkeypatch.setattr(Axes, "plot", noted)
    metrics = [
        {"steps": 1, "phase": "a", "a/rate": 0.1, "a/prediction": 4.0, "time/learning": 1.0},
        {"steps": 2, "phase": "b", "b/rate": 0.1, "b/simulation": 3.0, "b/cosine": 0.5},
        {"steps": 3, "phase": "a", "a/rate": 0.1, "a/prediction": 2.0},
        {"steps": 4, "phase": "a", "a/rate": 0.1, "a/prediction": None},
    ]
    draw_losses(tmp_path / "curve.png", metrics, "one")
    assert [line for line in drawn if line[0]] == [
        ("a: prediction", [1, 3], [4.0, 3.0]),
        ("b: simulation", [2], [3.0]),
    ]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--run", "there is no run folder"),
        ("--kindness", "has no runs of own"),
        ("--half-kind", "has no runs"),
    ],
)
def test_a_folder_that_holds_no_run_is_named(option, said, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([option, str(tmp_path / "none"), "--out", str(tmp_path)])
    assert said in (told := capsys.readouterr().err)
    assert str(tmp_path / "none") in told
    assert (tmp_path / "routing.png").exists()


def test_a_card_is_drawn_with_its_shares_intervals_and_chances(tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    bars, texts, marks = [], [], []
    monkeypatch.setattr(Axes, "barh", lambda self, y, width, *more, **style: bars.append(width))
    monkeypatch.setattr(Axes, "text", lambda self, x, y, text, **style: texts.append(text))
    monkeypatch.setattr(Axes, "plot", lambda self, x, y, **style: marks.append(x))
    mindsight.evaluate("reality_biased", "false_belief_lived", 2, out=tmp_path / "seen", progress=False)
    card = json.loads((tmp_path / "seen" / "card.json").read_text())
    drawn = draw_card(tmp_path / "card.png", tmp_path / "seen" / "card.json")
    assert drawn.read_bytes().startswith(b"\x89PNG")
    lines = [card["sets"], *card["groups"], *card["lines"]]
    assert bars == [line["share"] for line in lines]
    assert texts == [f"{line['share']:.1%} of {line['count']}" for line in lines]
    assert marks[::2] == [*(line["interval"] for line in lines), [card["threshold"]] * 2]
    assert marks[1::2] == [[line["chance"]] * 2 for line in lines]
    assert min(bars) == 0.0  # somebody who only knows what is real passes no set
    assert max(bars) == 1.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no"),
        ("{", "is no JSON"),
        ("{}", "no mindsight card"),
        ("[1]", "no mindsight card"),
        ('{"format": "mindsight card", "version": 2, "sets": {}}', "of version 2, expected 1"),
    ],
)
def test_what_is_no_card_is_named(text, said, tmp_path, capsys):
    file = tmp_path / "card.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(SystemExit):
        main(["--card", str(file), "--out", str(tmp_path)])
    assert said in (told := capsys.readouterr().err)
    assert str(file) in told
    assert not (tmp_path / "card.png").exists()
