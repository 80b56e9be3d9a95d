"""Learning curves of curricula: who reads one sees every curve, its name, and the numbers beside it."""

import itertools

import pytest
from matplotlib.figure import Figure

from mindsight.agents.training import draw_losses

ACTING = {  # all that is written of an update in which an agent acts
    "rate": 1e-3, "explained": 0.1, "reward": -0.02, "own prediction": 0.3, "prediction": 0.2,
    "prediction by reward": 0.01, "credit": -0.3, "norm/reward": 0.4, "cosine": -0.1, "own": -1.5,
    "others": 2.5, "true_r": 0.3, "judged_r": 0.2, "error_r": 0.1, "judged_good": 0.9, "judged_bad": -0.2,
    "nll": 0.1, "ece": 0.01, "accuracy": 0.9, "tokens": 2650.0, "learned/mse": 0.1, "learned/variance": 1.0,
}  # fmt: skip


@pytest.fixture
def draw(tmp_path, monkeypatch):
    """Draw lines of phases; the figure that was written."""
    drawn = []
    savefig = Figure.savefig

    def seen(figure, *more, **options):
        savefig(figure, *more, **options)
        drawn.append(figure)

    monkeypatch.setattr(Figure, "savefig", seen)

    def draw(*lines):
        metrics = [
            {"steps": k, "phase": name, **{f"{name}/{key}": value for key, value in numbers.items()}}
            for k, (name, numbers) in enumerate(lines)
        ]
        assert draw_losses(tmp_path / "curve.png", metrics, "one").read_bytes().startswith(b"\x89PNG")
        return drawn[-1]

    return draw


def names(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_losses_and_what_was_gained_have_an_axis_each_and_nothing_else_has(draw):
    losses, gains = draw(("listen", {"prediction": 3.0}), ("act", ACTING), ("act", ACTING)).axes
    assert names(losses) == ["listen: prediction", "act: prediction", "act: own prediction"]
    assert names(gains) == [
        "act: own return",
        "act: the others' return",
        "act: worth of a message to others, judged",
        "act: worth of a message to others, true",
    ]
    assert (losses.get_yscale(), gains.get_yscale()) == ("log", "linear")
    low, high = gains.get_ylim()
    assert low < -1.5 < 2.5 < high


def test_where_nothing_is_gained_there_is_one_axis(draw):
    (losses,) = draw(("listen", {"prediction": 3.0, "rate": 0.1})).axes
    assert names(losses) == ["listen: prediction"]
    (empty,) = draw().axes
    assert empty.get_legend() is None


def test_however_many_names_there_are_the_plot_stays_as_large(draw):
    def inches(figure):
        figure.canvas.draw()
        return [axes.get_window_extent().size.tolist() for axes in figure.axes]

    few = draw(("a", ACTING))
    many = draw(*((f"a_rather_long_name_{k}", ACTING) for k in range(30)))
    assert inches(many) == inches(few)
    for axes in many.axes:
        assert axes.get_legend().get_window_extent().x0 > axes.get_window_extent().x1


def test_no_two_curves_of_one_panel_look_the_same(draw):
    (losses,) = draw(*((f"phase_{k}", {"prediction": 1.0 + k}) for k in range(18))).axes
    shown = [line for line in losses.lines if not line.get_label().startswith("_")]
    assert len({(line.get_color(), line.get_linestyle()) for line in shown}) == 18


@pytest.mark.parametrize(
    "values", [(0.05, 15.0), (0.9, 1.2), (0.5, 0.52), (1e-6, 30.0), (0.3, 0.3), (0.001, 0.9)]
)
def test_the_numbers_beside_an_axis_do_not_touch(values, draw):
    figure = draw(*(("a", {"prediction": value, "own": value}) for value in values))
    figure.canvas.draw()
    for axes in figure.axes:
        shown = [label for label in axes.get_yticklabels(which="both") if label.get_text()]
        low, high = axes.get_ylim()
        boxes = sorted(
            (label.get_window_extent().y0, label.get_window_extent().y1)
            for label in shown
            if low <= label.get_position()[1] <= high
        )
        assert len(boxes) >= 2
        assert all(below[1] < above[0] for below, above in itertools.pairwise(boxes))
