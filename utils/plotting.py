"""The pictures of the collection, in one style, free of any framework.

NumPy and pandas in, Axes or Figure out. A function that needs a model takes `predict`: a callable
from points (n, 2), float32, to probabilities of the inner ring, (n,) or (n, 1).
"""

from collections.abc import Callable, Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, MultipleLocator

from utils.data import boundary_radius, check_labels, check_points
from utils.figures import DescribedFigure

# Colours that stay apart for colour-blind readers: Okabe & Ito, "Color Universal
# Design" (2008), https://jfly.uni-koeln.de/color/
BLUE, ORANGE, GREEN, BLACK = "#0072B2", "#E69F00", "#009E73", "#000000"
CLASS_COLORS = {1: BLUE, 0: ORANGE}
CLASS_NAMES = {1: "inner ring (1)", 0: "outer ring (0)"}
PROBABILITY_COLORS = LinearSegmentedColormap.from_list("probability", [ORANGE, "white", BLUE])
# From wide to narrow, so that curves on top of each other can all be seen.
CURVES = (
    {"color": BLUE, "linewidth": 4.0, "alpha": 0.6},
    {"color": ORANGE, "linewidth": 2.0, "linestyle": "--"},
    {"color": BLACK, "linewidth": 1.4, "linestyle": ":"},
    {"color": GREEN, "linewidth": 1.4, "linestyle": "-."},
)

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
LOSS = "loss (binary cross-entropy)"  # the label of an axis

Predict = Callable[[np.ndarray], np.ndarray]


def new_figure(
    rows: int,
    columns: int,
    size: tuple[float, float],
    *,
    repeats: bool = False,
    **options: object,
) -> tuple:
    """Return a new figure in our style and its Axes, as `plt.subplots` does; size in inches.

    Its description has the data only where they repeat: not where they are times.
    """
    with plt.rc_context(STYLE):
        new = plt.subplots(rows, columns, figsize=size, FigureClass=DescribedFigure, **options)
    new[0].repeats = repeats
    return new


def new_axes(size: tuple[float, float] = ONE_PANEL, *, repeats: bool = False) -> Axes:
    """Return the Axes of a new figure in our style, as `new_figure` does."""
    return new_figure(1, 1, size, repeats=repeats)[1]


def plot_rings(points: np.ndarray, labels: np.ndarray, ax: Axes | None = None) -> Axes:
    """Scatter points (n, 2) in the plane, coloured by their labels, (n, 1) or (n,), 0 or 1."""
    points = check_points(points)
    labels = check_labels(labels, len(points))
    ax = new_axes(repeats=True) if ax is None else ax
    for value in (1, 0):
        x, y = points[labels == value].T
        style = {"color": CLASS_COLORS[value], "label": CLASS_NAMES[value]}
        ax.scatter(x, y, s=6, alpha=0.6, **style)
    ax.set(xlabel="x", ylabel="y", title="two noisy rings", aspect="equal")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MultipleLocator(5))
    _legend_below(ax)
    return ax


def plot_curves(
    curves: Mapping[str, pd.Series | pd.DataFrame],
    ylabel: str,
    *,
    ceiling: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw up to four curves over the epochs, readable also where they coincide.

    Parameters
    ----------
    curves : mapping from a name to a Series, one value an epoch
        A DataFrame holds several runs, one a column: thin lines, and their mean as the curve.
    ylabel : str
        What is drawn; also the title.
    ceiling : float, optional
        A level to mark as the best possible one.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        Its labelled lines are the curves, in their order, and then the ceiling.
    """
    ax = new_axes(repeats=True) if ax is None else ax
    if len(curves) > len(CURVES):
        raise ValueError(f"curves holds {len(curves)}, allowed are at most {len(CURVES)} a picture")
    for (name, values), style in zip(curves.items(), CURVES, strict=False):
        if isinstance(values, pd.DataFrame):
            thin = {"color": style["color"], "linestyle": style.get("linestyle", "-")}
            ax.plot(values.index, values, linewidth=0.7, alpha=0.5, **thin)
            name, values = f"{name}, mean of {values.shape[1]} runs", values.mean(axis=1)
        ax.plot(values.index, values, label=name, **style)
    if ceiling is not None:
        label = f"best possible: {ceiling:.4f}"
        ax.axhline(ceiling, color=BLACK, linewidth=1, linestyle=":", label=label)
    ax.set(xlabel="epoch", ylabel=ylabel, title=ylabel)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend()
    return ax


def plot_predictions(points: np.ndarray, labels: np.ndarray, *, predicted: np.ndarray) -> Figure:
    """Draw truth and prediction side by side and mark the mistakes.

    `points` (n, 2); `labels` and `predicted` (n, 1) or (n,), classes 0 and 1, no probabilities.
    """
    labels = check_labels(labels, len(points))
    predicted = check_labels(predicted, len(points), "predicted")
    figure, (left, right) = new_figure(1, 2, TWO_PANELS, repeats=True, sharex=True, sharey=True)
    plot_rings(points, labels, left).set_title("truth")
    plot_rings(points, predicted, right)
    wrong = points[predicted != labels]
    mistakes = f"mistake ({len(wrong)} of {len(points)})"
    cross = {"marker": "x", "linewidths": 0.8, "color": BLACK}
    right.scatter(*wrong.T, s=22, label=mistakes, **cross)
    right.set_title(f"prediction, accuracy {np.mean(predicted == labels):.4f}")
    _legend_below(right)
    return figure


def draw_boundary(ax: Axes, predict: Predict, reach: float) -> QuadMesh:
    """Draw a model's probability as colour, its 0.5 contour, and the ideal circle (dashed).

    `reach` is the largest |x| and |y| of the map. ValueError if `predict` returns anything but one
    value between 0 and 1 a point.
    """
    x, y, grid = _grid(reach)
    probability = _probabilities(predict, grid).reshape(x.shape)
    colors = {"cmap": PROBABILITY_COLORS, "vmin": 0, "vmax": 1}
    image = ax.pcolormesh(x, y, probability, alpha=0.45, rasterized=True, **colors)
    ax.contour(x, y, probability, levels=[0.5], colors=BLACK, linewidths=1.8)
    ideal = {"color": BLACK, "linestyle": "--", "linewidth": 1.2}
    ax.add_patch(plt.Circle((0, 0), boundary_radius(), fill=False, **ideal))
    ax.set_aspect("equal")
    return image


def plot_decision_boundary(
    predict: Predict, points: np.ndarray, labels: np.ndarray, ax: Axes | None = None
) -> Axes:
    """Draw probability, boundary and the ideal one, points (n, 2) on top; refuse a wrong model."""
    ax = new_axes(repeats=True) if ax is None else ax
    image = draw_boundary(ax, predict, _reach(points))
    if np.mean((np.ravel(predict(points)) > 0.5) == np.ravel(labels)) < 0.5:
        raise ValueError("wrong about most of these points: are labels or rows exchanged?")
    bar = ax.inset_axes((1.03, 0, 0.04, 1))  # as high as the plane, whatever its aspect
    ax.figure.colorbar(image, cax=bar, label="probability of the inner ring")
    plot_rings(points, labels, ax)
    solid = {"color": BLACK, "linewidth": 1.8, "label": "model: probability 0.5"}
    ideal = f"ideal: radius {boundary_radius():g}"
    dashed = {"color": BLACK, "linewidth": 1.2, "linestyle": "--", "label": ideal}
    _legend_below(ax, [Line2D([], [], **solid), Line2D([], [], **dashed)])
    ax.set_title("decision boundary")
    return ax


def plot_disagreement(
    first: Predict,
    second: Predict,
    points: np.ndarray,
    labels: np.ndarray,
    names: tuple[str, str] = ("reference", "framework"),
) -> Figure:
    """Draw two models' boundaries on top of each other, and where their probabilities differ.

    The map on the right has a log scale; its data are the right Axes' first collection.
    """
    x, y, grid = _grid(_reach(points))
    one, two = (_probabilities(predict, grid).reshape(x.shape) for predict in (first, second))
    figure, (left, right) = new_figure(1, 2, TWO_PANELS, repeats=True, sharex=True, sharey=True)
    plot_rings(points, labels, left).set_title("decision boundaries (probability 0.5)")
    wide = {"linewidths": 5, "colors": "0.5"}
    thin = {"linewidths": 1.2, "colors": BLACK, "linestyles": "--"}
    lines = []
    for values, style, name in ((one, wide, names[0]), (two, thin, names[1])):
        left.contour(x, y, values, levels=[0.5], **style)
        lines.append(Line2D([], [], label=name, **{key[:-1]: style[key] for key in style}))
    _legend_below(left, lines)
    gap = np.abs(one - two)
    shown = {"cmap": "cividis", "norm": LogNorm(1e-10, 1e-4), "rasterized": True}
    image = right.pcolormesh(x, y, np.maximum(gap, 1e-10), **shown)
    figure.colorbar(image, ax=right, label="difference of the probabilities", shrink=0.8)
    right.set(xlabel="x", title="where they disagree", aspect="equal")
    right.grid(visible=False)
    return figure


def _reach(points: np.ndarray) -> float:
    return float(np.ceil(np.abs(check_points(points)).max())) + 0.5


def _grid(reach: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the x and y of a square map, (201, 201), and the same as points, (201², 2)."""
    side = np.linspace(-reach, reach, 201, dtype=np.float32)
    x, y = np.meshgrid(side, side)
    return x, y, np.column_stack([x.ravel(), y.ravel()])


def _probabilities(predict: Predict, points: np.ndarray) -> np.ndarray:
    values = np.asarray(predict(points), dtype=float)
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
    return values


def _legend_below(ax: Axes, lines: list[Line2D] | None = None) -> None:
    """Put the legend under the plane, where it hides no points."""
    handles = [*ax.get_legend_handles_labels()[0], *(lines or [])]
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.12)}
    ax.legend(handles=handles, ncols=2, markerscale=2, **place)
