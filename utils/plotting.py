"""The pictures of the collection, one style and one size, free of any framework.

A function that needs a model takes `predict`: a callable from points (n, 2) to
probabilities (n,) or (n, 1). NumPy in, Axes or Figure out.
"""

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator

from utils.data import boundary_radius, check_labels, check_points

# Colours that stay apart for colour-blind readers: Okabe & Ito, "Color Universal
# Design" (2008), https://jfly.uni-koeln.de/color/
BLUE, ORANGE, GREEN, BLACK = "#0072B2", "#E69F00", "#009E73", "#000000"
CLASS_COLORS = {1: BLUE, 0: ORANGE}
CLASS_NAMES = {1: "inner ring (1)", 0: "outer ring (0)"}
PROBABILITY_COLORS = LinearSegmentedColormap.from_list("probability", [ORANGE, "white", BLUE])

STYLE = {
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.framealpha": 0.9,
    "font.size": 10,
}
ONE_PANEL, TWO_PANELS = (6.0, 5.2), (10.5, 5.4)  # inches
METRIC_NAMES = {"loss": "loss (binary cross-entropy)", "accuracy": "accuracy"}

Predict = Callable[[np.ndarray], np.ndarray]


def plot_rings(points: np.ndarray, labels: np.ndarray, ax: Axes | None = None) -> Axes:
    """Scatter the points in the plane, coloured by ring.

    Parameters
    ----------
    points : ndarray of shape (n, 2)
    labels : ndarray of shape (n, 1) or (n,), values 0 and 1
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If a shape is wrong or a label is neither 0 nor 1.
    """
    points = check_points(points)
    labels = check_labels(labels, len(points))
    ax = new_axes() if ax is None else ax
    for value in (1, 0):
        chosen = points[labels == value]
        ax.scatter(
            chosen[:, 0],
            chosen[:, 1],
            s=6,
            alpha=0.6,
            color=CLASS_COLORS[value],
            label=CLASS_NAMES[value],
        )
    return _finish_plane(ax)


def plot_history(
    history: pd.DataFrame, metric: str, *, ceiling: float | None = None, ax: Axes | None = None
) -> Axes:
    """Draw one metric over the epochs, for the training and for the validation data.

    Parameters
    ----------
    history : DataFrame with one row an epoch and the columns `metric` and `val_` + `metric`
        The index holds the epochs.
    metric : str
        "loss" or "accuracy", or any other column name.
    ceiling : float, optional
        A level to mark as the best possible one, in the unit of the metric.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If `history` lacks a column or has no rows.
    """
    for column in (metric, f"val_{metric}"):
        if column not in history.columns:
            raise ValueError(f"history has no column {column!r}; it has {list(history.columns)}")
    if history.empty:
        raise ValueError("history has no rows; train for at least one epoch first")
    ax = new_axes() if ax is None else ax
    name = METRIC_NAMES.get(metric, metric)
    ax.plot(history.index, history[metric], color=BLUE, label="training")
    ax.plot(
        history.index, history[f"val_{metric}"], color=ORANGE, linestyle="--", label="validation"
    )
    if ceiling is not None:
        draw_ceiling(ax, ceiling)
    ax.set(xlabel="epoch", ylabel=name, title=f"{name} over {len(history)} epochs")
    ax.legend()
    return ax


def plot_predictions(points: np.ndarray, labels: np.ndarray, predicted: np.ndarray) -> Figure:
    """Draw truth and prediction side by side and mark the mistakes.

    Parameters
    ----------
    points : ndarray of shape (n, 2)
    labels : ndarray of shape (n, 1) or (n,), values 0 and 1
        The true classes.
    predicted : ndarray of shape (n, 1) or (n,), values 0 and 1
        The predicted classes (not probabilities).

    Returns
    -------
    Figure
        Two Axes: truth, prediction.

    Raises
    ------
    ValueError
        If a shape is wrong or a class is neither 0 nor 1.
    """
    points = check_points(points)
    labels = check_labels(labels, len(points))
    predicted = check_labels(predicted, len(points), "predicted")
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=TWO_PANELS, sharex=True, sharey=True)
    plot_rings(points, labels, left).set_title("truth")
    plot_rings(points, predicted, right)
    wrong = points[predicted != labels]
    mistakes = f"mistake ({len(wrong)} of {len(points)})"
    right.scatter(
        wrong[:, 0], wrong[:, 1], s=22, marker="x", linewidths=0.8, color=BLACK, label=mistakes
    )
    right.set_title(f"prediction, accuracy {np.mean(predicted == labels):.4f}")
    _legend_below(right)
    return figure


def plot_decision_boundary(
    predict: Predict, points: np.ndarray, labels: np.ndarray, ax: Axes | None = None
) -> Axes:
    """Draw the predicted probability as colour, the 0.5 contour and the ideal boundary.

    Parameters
    ----------
    predict : callable
        From points of shape (m, 2), float32, to probabilities of shape (m,) or (m, 1),
        each the probability of the inner ring.
    points : ndarray of shape (n, 2)
        Drawn on top, coloured by ring.
    labels : ndarray of shape (n, 1) or (n,), values 0 and 1
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If a shape is wrong, a label is neither 0 nor 1, or `predict` returns anything
        but one value between 0 and 1 a point.
    """
    points = check_points(points)
    reach = float(np.ceil(np.abs(points).max())) + 0.5
    side = np.linspace(-reach, reach, 201, dtype=np.float32)
    x, y = np.meshgrid(side, side)
    probability = _probabilities(predict, np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
    ax = new_axes() if ax is None else ax
    image = ax.pcolormesh(
        x, y, probability, cmap=PROBABILITY_COLORS, vmin=0, vmax=1, alpha=0.45, rasterized=True
    )
    bar = ax.inset_axes((1.03, 0, 0.04, 1))  # as high as the plane, whatever its aspect
    ax.figure.colorbar(image, cax=bar, label="probability of the inner ring")
    plot_rings(points, labels, ax)
    ax.contour(x, y, probability, levels=[0.5], colors=BLACK, linewidths=1.8)
    ideal = plt.Circle(
        (0, 0), boundary_radius(), fill=False, color=BLACK, linestyle="--", linewidth=1.2
    )
    ax.add_patch(ideal)
    handles, _ = ax.get_legend_handles_labels()
    lines = [
        Line2D([], [], color=BLACK, linewidth=1.8, label="model: probability 0.5"),
        Line2D(
            [],
            [],
            color=BLACK,
            linewidth=1.2,
            linestyle="--",
            label=f"ideal: radius {boundary_radius():g}",
        ),
    ]
    _legend_below(ax, handles=handles + lines)
    ax.set_title("decision boundary")
    return ax


def _probabilities(predict: Predict, points: np.ndarray) -> np.ndarray:
    values = np.asarray(predict(points))
    if values.shape not in ((len(points),), (len(points), 1)):
        raise ValueError(
            f"predict returned shape {values.shape} for {len(points)} points, allowed are "
            f"({len(points)},) and ({len(points)}, 1): one probability a point"
        )
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(
            "predict returned values outside [0, 1], allowed are probabilities; "
            "apply the sigmoid to turn logits into probabilities"
        )
    return values.reshape(-1)


def new_axes(size: tuple[float, float] = ONE_PANEL) -> Axes:
    """Return the Axes of a new figure in the style of the collection; `size` is in inches."""
    with plt.rc_context(STYLE):
        return plt.subplots(figsize=size)[1]


def draw_ceiling(ax: Axes, ceiling: float) -> None:
    """Mark the best possible value, in the unit of the vertical axis."""
    label = f"best possible: {ceiling:.4f}"
    ax.axhline(ceiling, color=BLACK, linewidth=1, linestyle=":", label=label)


def _finish_plane(ax: Axes) -> Axes:
    ax.set(xlabel="x", ylabel="y", title="two noisy rings")
    ax.set_aspect("equal")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MultipleLocator(5))
    _legend_below(ax)
    return ax


def _legend_below(ax: Axes, **options: object) -> None:
    """Put the legend under the plane, where it hides no points."""
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2, markerscale=2, **options)
