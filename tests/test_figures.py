"""What a figure says of itself: enough to notice a wrong one, nothing that does not repeat."""

import numpy as np
import pandas as pd

from utils.data import make_two_rings
from utils.plotting import new_axes, plot_curves, plot_decision_boundary, plot_rings

POINTS, LABELS = make_two_rings(40, 30, seed=2)
FALLING, RISING = (pd.Series(values, [1, 2, 3]) for values in ([0.7, 0.4, 0.2], [0.1, 0.5, 0.9]))


def curves(first, second, label="loss"):
    return repr(plot_curves({"training": first, "validation": second}, label).figure)


def test_another_series_label_or_order_is_another_description():
    right = curves(FALLING, RISING)
    assert "plot 'loss' | x: epoch | y: loss | legend: training; validation" in right
    assert "line 'training': 3 values, 1, 2, 3; 0.2, 0.433, 0.7" in right
    assert len({right, curves(RISING, FALLING), curves(FALLING, RISING, "accuracy")}) == 3
    assert curves(FALLING + 0.002, RISING) != right


def test_what_rounding_changes_is_not_in_it():
    assert curves(FALLING * (1 + 1e-6), RISING - 1e-7) == curves(FALLING, RISING)


def test_swapped_labels_are_noticed():
    assert repr(plot_rings(POINTS, LABELS).figure) != repr(plot_rings(POINTS, 1 - LABELS).figure)


def test_a_map_its_contour_and_its_colour_bar():
    def smooth(points):
        return 1 / (1 + np.exp(np.hypot(points[:, 0], points[:, 1]) - 6.5))

    found = repr(plot_decision_boundary(smooth, POINTS, LABELS).figure)
    assert "| colour: probability of the inner ring" in found
    assert "map: 40401 values, 0" in found
    assert "contour: at 0.5" in found
    assert "circle: radius 6.5 around (0, 0)" in found
    assert found.count("plot ") == 1, "the colour bar is no plot of its own"


def test_times_stay_out():
    ax = new_axes()
    ax.barh([0, 1], [1.234, 2.345], label="seconds")
    ax.text(0, 0, "1.234 s")
    ax.set(title="times", xscale="log")
    assert repr(ax.figure) == "Figure\nplot 'times' | x axis logarithmic\n  bar\n  bar"
    ax.figure.repeats = True
    assert "bar: 1.234 wide, 0.8 high" in repr(ax.figure)
    assert repr(ax.figure).endswith("texts: 1.234 s")
