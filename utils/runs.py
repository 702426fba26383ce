"""Several training runs side by side: one picture, one number, one score. NumPy and pandas only."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from utils.data import check_labels
from utils.plotting import (
    BLACK,
    BLUE,
    METRIC_NAMES,
    ORANGE,
    draw_ceiling,
    new_axes,
)

# From wide to narrow, so that curves on top of each other can all be seen.
LINES = (
    {"color": ORANGE, "linewidth": 7.0, "alpha": 0.6},
    {"color": BLUE, "linewidth": 3.0},
    {"color": BLACK, "linewidth": 1.2, "linestyle": "--"},
)
SMALLEST = 1e-7  # probabilities are kept this far from 0 and 1, as Keras does


def plot_runs(
    runs: Mapping[str, pd.DataFrame],
    column: str,
    *,
    ceiling: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one column of several runs over the epochs, also where the curves coincide.

    Parameters
    ----------
    runs : mapping from the name of a run to its DataFrame, one row an epoch
        One to three runs; the index of each holds the epochs.
    column : str
        The column to draw, for example "val_loss".
    ceiling : float, optional
        A level to mark as the best possible one, in the unit of the column.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        Its lines are the runs, in their order, and then the ceiling.

    Raises
    ------
    ValueError
        If there are no runs or more than three, or if a run has no rows or lacks the column.
    """
    if not 1 <= len(runs) <= len(LINES):
        raise ValueError(f"runs holds {len(runs)} runs, allowed are 1 to {len(LINES)}")
    for name, run in runs.items():
        if column not in run.columns:
            raise ValueError(f"run {name!r} has no column {column!r}; it has {list(run.columns)}")
        if run.empty:
            raise ValueError(f"run {name!r} has no rows; train for at least one epoch first")
    ax = new_axes() if ax is None else ax
    for (name, run), line in zip(runs.items(), LINES, strict=False):
        ax.plot(run.index, run[column], label=name, **line)
    if ceiling is not None:
        draw_ceiling(ax, ceiling)
    label = column.removeprefix("val_")
    label = METRIC_NAMES.get(label, label.replace("_", " "))
    if column.startswith("val_"):
        label = f"validation {label}"
    ax.set(xlabel="epoch", ylabel=label, title=label)
    ax.legend()
    return ax


def largest_difference(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> float:
    """Return the largest absolute difference between two lists of arrays, such as weights.

    Parameters
    ----------
    first, second : sequences of ndarrays, the same number and the same shapes

    Returns
    -------
    float
        0.0 if and only if all values are equal; NaN if a difference is NaN.

    Raises
    ------
    ValueError
        If the lists are empty, or differ in length or in a shape.
    """
    shapes = [[np.shape(array) for array in arrays] for arrays in (first, second)]
    if not shapes[0] or shapes[0] != shapes[1]:
        raise ValueError(
            f"the shapes are {shapes[0]} and {shapes[1]}, allowed are two equal lists; "
            "compare models of the same architecture"
        )
    return float(
        np.max([np.max(np.abs(np.subtract(a, b))) for a, b in zip(first, second, strict=True)])
    )


def score(probabilities: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return loss and accuracy of predicted probabilities, as means over all points at once.

    Parameters
    ----------
    probabilities : ndarray of shape (n, 1) or (n,), values from 0 to 1
        The predicted probability of the inner ring.
    labels : ndarray of shape (n, 1) or (n,), values 0 and 1

    Returns
    -------
    loss : float
        Binary cross-entropy in natural logarithms, computed in double precision.
    accuracy : float
        Fraction of points on the right side of 0.5.

    Raises
    ------
    ValueError
        If there are no points, a shape is wrong, or a value is not allowed.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.size == 0 or p.shape not in ((p.size,), (p.size, 1)):
        raise ValueError(f"probabilities has shape {p.shape}, allowed are (n, 1) and (n,), n > 0")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(
            "probabilities holds values outside [0, 1] or NaN, allowed are probabilities; "
            "apply the sigmoid to turn logits into probabilities"
        )
    p, labels = p.reshape(-1), check_labels(labels, p.size)
    inside = np.clip(p, SMALLEST, 1 - SMALLEST)
    loss = -np.mean(np.where(labels == 1, np.log(inside), np.log(1 - inside)))
    return float(loss), float(np.mean((p > 0.5) == (labels == 1)))
