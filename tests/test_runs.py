"""utils.runs against values worked out by hand, and its refusals."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from utils.runs import largest_difference, plot_runs, score

mpl.use("Agg")


def run(values):
    return pd.DataFrame({"val_loss": values}, index=pd.RangeIndex(1, len(values) + 1))


def test_plot_runs_shows_every_run_and_the_ceiling():
    runs = {"a": run([3.0, 2.0]), "b": run([3.0, 1.0]), "c": run([2.0, 1.0])}
    axes = plot_runs(runs, "val_loss", ceiling=0.5)
    assert [line.get_ydata()[-1] for line in axes.lines] == [2.0, 1.0, 1.0, 0.5]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["a", "b", "c", "best possible: 0.5000"]
    assert axes.get_xlabel() == "epoch"
    assert axes.get_ylabel() == "validation loss (binary cross-entropy)"
    widths = [line.get_linewidth() for line in axes.lines[:3]]
    assert widths == sorted(widths, reverse=True)
    mpl.pyplot.close("all")


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ({}, "0 runs"),
        ({name: run([1.0]) for name in "abcd"}, "4 runs"),
        ({"a": run([1.0]).rename(columns={"val_loss": "loss"})}, "no column 'val_loss'"),
        ({"a": run([])}, "no rows"),
    ],
)
def test_plot_runs_refuses(runs, message):
    with pytest.raises(ValueError, match=message):
        plot_runs(runs, "val_loss")


def test_largest_difference():
    first = [np.array([[1.0, 2.0]]), np.array([3.0])]
    assert largest_difference(first, first) == 0.0
    assert largest_difference(first, [np.array([[1.0, 1.5]]), np.array([4.0])]) == 1.0
    assert np.isnan(largest_difference(first, [np.array([[1.0, np.nan]]), np.array([3.0])]))


@pytest.mark.parametrize(
    "second", [[], [np.zeros((1, 2))], [np.zeros((2, 1)), np.zeros(1)]], ids=str
)
def test_largest_difference_refuses(second):
    with pytest.raises(ValueError, match="the shapes are"):
        largest_difference([np.zeros((1, 2)), np.zeros(1)], second)
    with pytest.raises(ValueError, match="the shapes are"):
        largest_difference([], [])


def test_score_by_hand():
    loss, accuracy = score(np.array([[0.8], [0.4], [0.5]]), np.array([[1.0], [0.0], [1.0]]))
    assert np.isclose(loss, -(np.log(0.8) + np.log(0.6) + np.log(0.5)) / 3)
    assert np.isclose(accuracy, 2 / 3)
    assert np.isfinite(score(np.array([0.0]), np.array([1.0]))[0])


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        (np.zeros((0, 1)), np.zeros((0, 1)), "shape"),
        (np.zeros((2, 2)), np.zeros((2, 1)), "shape"),
        (np.array([1.5]), np.ones(1), "outside"),
        (np.array([np.nan]), np.ones(1), "outside"),
        (np.array([0.5]), np.array([2.0]), "other than 0"),
        (np.array([0.5, 0.5]), np.array([1.0]), "labels has shape"),
    ],
)
def test_score_refuses(probabilities, labels, message):
    with pytest.raises(ValueError, match=message):
        score(probabilities, labels)
