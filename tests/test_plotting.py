"""What each picture shows: series, labels, legends, scales; and what it refuses to draw."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from matplotlib.patches import Circle

from utils.data import bayes_predict, make_two_rings
from utils.plotting import (
    BLUE,
    ORANGE,
    STYLE,
    draw_boundary,
    new_axes,
    plot_curves,
    plot_decision_boundary,
    plot_disagreement,
    plot_predictions,
    plot_rings,
)

POINTS, LABELS = make_two_rings(40, 30, seed=2)
TRAIN, VALID = (pd.Series(values, [1, 2, 3]) for values in ([0.7, 0.4, 0.2], [0.6, 0.5, 0.3]))


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def smooth(points):
    """Answer as a model would whose boundary is the ideal circle."""
    return 1 / (1 + np.exp(np.hypot(points[:, 0], points[:, 1]) - 6.5))


def check_plane(ax):
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")
    assert ax.get_aspect() == 1.0


def test_rings():
    ax = plot_rings(POINTS, LABELS)
    check_plane(ax)
    assert legend_of(ax) == ["inner ring (1)", "outer ring (0)"]
    assert ax.get_title() == "two noisy rings"
    inner, outer = ax.collections
    assert np.array_equal(inner.get_offsets(), POINTS[LABELS[:, 0] == 1])
    assert np.array_equal(outer.get_offsets(), POINTS[LABELS[:, 0] == 0])
    assert to_hex(inner.get_facecolor()[0]) == BLUE.lower()
    assert to_hex(outer.get_facecolor()[0]) == ORANGE.lower()


def test_given_axes_are_drawn_on():
    ax = new_axes()
    assert plot_rings(POINTS, LABELS.ravel(), ax) is ax
    assert plot_curves({"training": TRAIN}, "loss", ax=ax) is ax


def test_curves():
    ax = plot_curves({"training": TRAIN, "validation": VALID}, "accuracy", ceiling=0.9332)
    train, valid, ceiling = ax.lines
    assert np.array_equal(train.get_ydata(), TRAIN)
    assert np.array_equal(valid.get_ydata(), VALID)
    assert np.array_equal(train.get_xdata(), [1, 2, 3])
    assert np.allclose(ceiling.get_ydata(), 0.9332)
    assert legend_of(ax) == ["training", "validation", "best possible: 0.9332"]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("epoch", "accuracy", "accuracy")
    assert train.get_linewidth() > valid.get_linewidth(), "one would hide the other"


def test_curves_of_several_runs_show_each_and_their_mean():
    runs = pd.DataFrame({"first": TRAIN, "second": VALID})
    ax = plot_curves({"zero": runs}, "loss")
    first, second, mean = ax.lines
    assert np.array_equal(first.get_ydata(), TRAIN)
    assert np.array_equal(second.get_ydata(), VALID)
    assert np.allclose(mean.get_ydata(), (TRAIN + VALID) / 2)
    assert legend_of(ax) == ["zero, mean of 2 runs"]
    assert first.get_color() == mean.get_color()


def test_predictions():
    predicted = bayes_predict(POINTS)
    wrong = (predicted != LABELS).ravel()
    assert 0 < wrong.sum() < 20
    figure = plot_predictions(POINTS, LABELS, predicted=predicted)
    left, right = figure.axes
    check_plane(left)
    check_plane(right)
    assert left.get_title() == "truth"
    assert right.get_title() == f"prediction, accuracy {np.mean(~wrong):.4f}"
    assert np.array_equal(left.collections[0].get_offsets(), POINTS[LABELS[:, 0] == 1])
    assert np.array_equal(right.collections[0].get_offsets(), POINTS[predicted[:, 0] == 1])
    assert np.array_equal(right.collections[2].get_offsets(), POINTS[wrong])
    assert legend_of(right)[-1] == f"mistake ({wrong.sum()} of 70)"


def test_predictions_without_a_mistake():
    figure = plot_predictions(POINTS, LABELS, predicted=LABELS)
    assert legend_of(figure.axes[1])[-1] == "mistake (0 of 70)"


def test_decision_boundary():
    ax = plot_decision_boundary(smooth, POINTS, LABELS)
    check_plane(ax)
    assert legend_of(ax)[-2:] == ["model: probability 0.5", "ideal: radius 6.5"]
    assert legend_of(ax)[:2] == ["inner ring (1)", "outer ring (0)"]
    assert ax.get_title() == "decision boundary"
    (ideal,) = [patch for patch in ax.patches if isinstance(patch, Circle)]
    assert ideal.radius == 6.5
    (colorbar,) = ax.child_axes
    assert colorbar.get_ylabel() == "probability of the inner ring"
    assert colorbar.get_ylim() == (0, 1)
    mesh, contour = ax.collections[:2]
    assert to_hex(mesh.cmap(1.0)) == BLUE.lower()
    assert to_hex(mesh.cmap(0.0)) == ORANGE.lower()
    assert mesh.get_array()[100, 100] == pytest.approx(smooth(np.zeros((1, 2)))[0], abs=1e-6)
    vertices = contour.get_paths()[0].vertices
    assert np.allclose(np.hypot(*vertices.T), 6.5, atol=0.05)


def test_a_boundary_that_is_mostly_wrong_is_refused():
    with pytest.raises(ValueError, match="labels or rows exchanged"):
        plot_decision_boundary(smooth, POINTS, 1 - LABELS)


def test_predict_may_return_one_or_two_axes():
    flat = plot_decision_boundary(smooth, POINTS, LABELS).collections[0].get_array()
    tall = plot_decision_boundary(lambda points: smooth(points)[:, np.newaxis], POINTS, LABELS)
    assert np.array_equal(flat, tall.collections[0].get_array())


def test_a_small_map_has_the_boundary_and_the_ideal_circle():
    ax = new_axes()
    image = draw_boundary(ax, smooth, 9.0)
    assert ax.collections[0] is image
    assert image.get_array()[100, 100] == pytest.approx(smooth(np.zeros((1, 2)))[0], abs=1e-6)
    assert [patch.radius for patch in ax.patches] == [6.5]
    assert np.abs(image.get_coordinates()).max() == pytest.approx(9.0, abs=0.05)


def test_disagreement():
    def shifted(points):
        return smooth(points) + np.where(points[:, 0] > 0, 1e-6, 0)

    figure = plot_disagreement(smooth, shifted, POINTS, LABELS, ("one", "two"))
    left, right = figure.axes[:2]
    assert legend_of(left)[-2:] == ["one", "two"]
    gap = right.collections[0].get_array()
    assert gap.max() == pytest.approx(1e-6, rel=1e-3)
    assert np.all(gap[:, :100] <= 1e-10)
    assert right.get_title() == "where they disagree"


def test_disagreement_refuses_logits():
    with pytest.raises(ValueError, match="apply the sigmoid"):
        plot_disagreement(smooth, lambda points: points[:, 0], POINTS, LABELS)


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: plot_rings(POINTS[:, 0], LABELS), r"allowed is \(n, 2\)"),
        (lambda: plot_rings(POINTS, LABELS[:5]), r"labels has shape \(5, 1\)"),
        (lambda: plot_rings(POINTS, LABELS + 1), "labels holds values other than 0"),
        (
            lambda: plot_predictions(POINTS, LABELS, predicted=LABELS * 0.7),
            "predicted holds values other",
        ),
        (lambda: plot_curves(dict.fromkeys("abcde", TRAIN), "loss"), "allowed are at most 4"),
        (lambda: plot_decision_boundary(lambda p: p, POINTS, LABELS), "one probability a point"),
        (
            lambda: plot_decision_boundary(lambda p: p[:, 0], POINTS, LABELS),
            r"outside \[0, 1\].*apply the sigmoid",
        ),
        *(
            (lambda bad=bad: plot_decision_boundary(bad, POINTS, LABELS), r"outside \[0, 1\]")
            for bad in (lambda p: p[:, 0] * np.nan, lambda p: smooth(p) + 0.5)
        ),
    ],
)
def test_what_is_refused(draw, words):
    with pytest.raises(ValueError, match=words):
        draw()


def test_the_style_stays_inside_our_figures():
    before = plt.rcParams["axes.grid"]
    plot_rings(POINTS, LABELS)
    assert plt.rcParams["axes.grid"] == before
    assert STYLE["axes.grid"] is True


# What a figure says of itself: enough to notice a wrong one, nothing that does not repeat.


def curves(first, second, label="loss"):
    return repr(plot_curves({"training": first, "validation": second}, label).figure)


def test_another_series_label_or_order_is_another_description():
    right = curves(TRAIN, VALID)
    assert "plot 'loss' | x: epoch | y: loss | legend: training; validation" in right
    assert "line 'training': 3 values, 1, 2, 3; 0.2, 0.433, 0.7" in right
    assert len({right, curves(VALID, TRAIN), curves(TRAIN, VALID, "accuracy")}) == 3
    assert curves(TRAIN + 0.002, VALID) != right


def test_what_rounding_changes_is_not_in_it():
    assert curves(TRAIN * (1 + 1e-6), VALID - 1e-7) == curves(TRAIN, VALID)


def test_swapped_labels_are_noticed():
    assert repr(plot_rings(POINTS, LABELS).figure) != repr(plot_rings(POINTS, 1 - LABELS).figure)


def test_a_map_its_contour_and_its_colour_bar():
    found = repr(plot_decision_boundary(smooth, POINTS, LABELS).figure)
    assert "| colour: probability of the inner ring" in found
    assert "map: 40401 values, 0" in found
    assert "contour: at 0.5" in found
    assert "circle: radius 6.5 around (0, 0)" in found
    assert found.count("plot ") == 1, "the colour bar is no plot of its own"


def test_times_stay_out_of_a_description():
    ax = new_axes()
    ax.barh([0, 1], [1.234, 2.345], label="seconds")
    ax.text(0, 0, "1.234 s")
    ax.set(title="times", xscale="log")
    assert repr(ax.figure) == "Figure\nplot 'times' | x axis logarithmic\n  bar\n  bar"
    ax.figure.repeats = True
    assert "bar: 1.234 wide, 0.8 high" in repr(ax.figure)
    assert repr(ax.figure).endswith("texts: 1.234 s")
