"""How far apart two runs are: a table, and two pictures. NumPy and pandas in, Figures out."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from utils.data import MODELS_DIR, check_points
from utils.plotting import BLACK, BLUE, GREEN, ORANGE, STYLE, TWO_PANELS, Predict, plot_rings
from utils.reference import Weights, check_weights

LINES = ((BLUE, "--"), (ORANGE, "-."), (GREEN, ":"))
FLOOR = 1e-17  # what a difference of exactly 0 is drawn as


def largest_differences(first: Weights, second: Weights) -> pd.Series:
    """Return, for each of the six arrays, the largest absolute difference between two dicts.

    Parameters
    ----------
    first, second : dict of ndarray
        Weights or gradients in the layout of `utils.reference.SHAPES`.

    Returns
    -------
    Series
        One value a name, at least 0.

    Raises
    ------
    ValueError
        If names, shapes or values are not those of the network.
    """
    first, second = check_weights(first), check_weights(second)
    largest = {name: np.abs(first[name].astype(float) - second[name]).max() for name in first}
    return pd.Series(largest, name="largest difference")


def plot_parity(
    reference: pd.DataFrame, histories: Mapping[str, pd.DataFrame], column: str = "val_loss"
) -> Figure:
    """Draw one column of several histories, and below it how far each is from the reference.

    Parameters
    ----------
    reference : DataFrame with one row an epoch
    histories : mapping from a name to a DataFrame of the same length, up to three
    column : str
        "val_loss", "loss", or any other column.

    Returns
    -------
    Figure
        Two Axes: the column, and on a log axis the absolute differences (one that is exactly
        0 is drawn at 1e-17).

    Raises
    ------
    ValueError
        If a history lacks the column or has another length, or there are none or too many.
    """
    if not 1 <= len(histories) <= len(LINES):
        raise ValueError(f"histories has {len(histories)} entries, allowed are 1 to {len(LINES)}")
    for name, history in {"reference": reference, **histories}.items():
        if column not in history.columns:
            raise ValueError(f"{name} has no column {column!r}; it has {list(history.columns)}")
        if len(history) != len(reference):
            raise ValueError(
                f"{name} has {len(history)} epochs, the reference has {len(reference)}; "
                "train both equally long"
            )
    with plt.rc_context(STYLE):
        figure, (above, below) = plt.subplots(2, 1, figsize=(7.5, 7.0), sharex=True)
    epoch = np.arange(1, len(reference) + 1)
    above.plot(epoch, reference[column], color="0.75", linewidth=5, label="reference (NumPy)")
    for (name, history), (color, style) in zip(histories.items(), LINES, strict=False):
        values = history[column].to_numpy(dtype=float)
        gap = np.maximum(np.abs(values - reference[column].to_numpy(dtype=float)), FLOOR)
        above.plot(epoch, values, color=color, linestyle=style, label=name)
        below.plot(epoch, gap, color=color, linestyle=style, label=name)
    title = {"val_loss": "validation loss", "loss": "training loss"}.get(column, column)
    above.set(ylabel=title, title=f"{title} over {len(reference)} epochs")
    below.set(xlabel="epoch", ylabel="difference from the reference", yscale="log")
    below.set_ylim(FLOOR / 3, 1)
    above.legend(loc="upper right")
    below.legend(loc="center right", bbox_to_anchor=(1.0, 0.36))
    return figure


def plot_disagreement(
    first: Predict,
    second: Predict,
    points: np.ndarray,
    labels: np.ndarray,
    names: tuple[str, str] = ("reference", "framework"),
) -> Figure:
    """Draw two decision boundaries on top of each other, and where two models disagree.

    Parameters
    ----------
    first, second : callable
        From points (m, 2), float32, to probabilities (m,) or (m, 1).
    points : ndarray of shape (n, 2)
    labels : ndarray of shape (n, 1) or (n,), values 0 and 1
    names : tuple of str
        What the two models are called.

    Returns
    -------
    Figure
        Left the boundaries; right the absolute difference of the probabilities, as colour on
        a log scale. The data of the map are in the right Axes' first collection.

    Raises
    ------
    ValueError
        If a shape or a label is not allowed.
    """
    points = check_points(points)
    reach = float(np.ceil(np.abs(points).max())) + 0.5
    side = np.linspace(-reach, reach, 201, dtype=np.float32)
    x, y = np.meshgrid(side, side)
    grid = np.column_stack([x.ravel(), y.ravel()])
    one, two = (
        np.asarray(predict(grid), dtype=float).reshape(x.shape) for predict in (first, second)
    )
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=TWO_PANELS, sharex=True, sharey=True)
    plot_rings(points, labels, left)
    left.contour(x, y, one, levels=[0.5], colors="0.5", linewidths=5)
    left.contour(x, y, two, levels=[0.5], colors=BLACK, linewidths=1.2, linestyles="--")
    lines = [
        Line2D([], [], color="0.5", linewidth=5, label=names[0]),
        Line2D([], [], color=BLACK, linewidth=1.2, linestyle="--", label=names[1]),
    ]
    handles, _ = left.get_legend_handles_labels()
    left.legend(
        handles=handles + lines,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.12),
        ncols=2,
        markerscale=2,
    )
    left.set_title("decision boundaries (probability 0.5)")
    _draw_gap(right, x, y, np.abs(one - two))
    return figure


def _draw_gap(ax: Axes, x: np.ndarray, y: np.ndarray, gap: np.ndarray) -> None:
    image = ax.pcolormesh(
        x, y, np.maximum(gap, 1e-10), cmap="cividis", norm=LogNorm(1e-10, 1e-4), rasterized=True
    )
    ax.figure.colorbar(image, ax=ax, label="difference of the probabilities", shrink=0.8)
    ax.set(xlabel="x", title=f"where they disagree: at most {gap.max():.0e}")
    ax.set_aspect("equal")
    ax.grid(visible=False)


def readme_figure(models_dir: str | Path = MODELS_DIR) -> Figure:
    """Draw both frameworks against the reference, from what the executed pair 05 has saved.

    Parameters
    ----------
    models_dir : str or Path
        Where `05_tensorflow/` and `05_pytorch/` lie; `data/models` if not given.

    Returns
    -------
    Figure

    Raises
    ------
    FileNotFoundError
        If a notebook of the pair has not been executed.
    ValueError
        If the two notebooks were executed with different settings.
    """
    tables = {}
    for framework in ("TensorFlow", "PyTorch"):
        for what in ("history", "reference"):
            path = Path(models_dir) / f"05_{framework.lower()}" / f"{what}.csv"
            if not path.is_file():
                raise FileNotFoundError(f"{path}: there is no such file; execute pair 05 first")
            tables[framework, what] = pd.read_csv(path, index_col="epoch")
    reference = tables["TensorFlow", "reference"]
    other = tables["PyTorch", "reference"]
    if reference.shape != other.shape or not np.allclose(reference, other, rtol=0, atol=1e-6):
        raise ValueError("the twins of pair 05 had different references; execute both again")
    histories = {name: tables[name, "history"] for name in ("TensorFlow", "PyTorch")}
    return plot_parity(reference, histories)
