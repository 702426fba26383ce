"""How training scales: the cost of a ring all-reduce, the speed-up it leaves, and their pictures.

NumPy only.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from utils.plotting import BLACK, BLUE, GREEN, ORANGE, new_axes

BYTES = 4  # of a float32
STYLES = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (BLACK, ":"))


def all_reduce_seconds(
    workers: np.ndarray, numbers: float, latency: float, bandwidth: float
) -> np.ndarray:
    """Return the seconds of a ring all-reduce of float32 numbers; 0 for one worker.

    The numbers are cut into one piece a worker. In w - 1 rounds the pieces are added up around
    the ring, in w - 1 more the sums are handed round; in each round every worker sends one piece:
    2 (w - 1) · latency + 2 (w - 1) / w · bytes / bandwidth.

    Source: Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms for clusters of
    workstations", Journal of Parallel and Distributed Computing 69 (2009).

    Parameters
    ----------
    workers : ndarray of whole numbers, at least 1
    numbers : float
        How many numbers each worker holds.
    latency : float, seconds for a message however small
    bandwidth : float, bytes a second that a worker can send
    """
    workers = np.asarray(workers)
    if (workers < 1).any() or numbers <= 0 or latency <= 0 or bandwidth <= 0:
        raise ValueError(
            f"workers, numbers, latency, bandwidth are {workers}, {numbers}, {latency}, "
            f"{bandwidth}; allowed are 1 worker or more and values above 0"
        )
    rounds = 2.0 * (workers - 1)
    return rounds * latency + rounds / workers * BYTES * numbers / bandwidth


def plot_all_reduce(
    times: Mapping[int, float], latency: float, bandwidth: float, ax: Axes | None = None
) -> Axes:
    """Draw the measured seconds of an all-reduce over the count of its numbers, and the model."""
    sizes = np.geomspace(min(times), max(times), 100)
    model = [all_reduce_seconds(2, size, latency, bandwidth) for size in sizes]
    ax = new_axes((7.5, 3.6)) if ax is None else ax
    ax.plot(list(times), 1e3 * np.array(list(times.values())), "o", color=BLUE, label="measured")
    ax.plot(sizes, 1e3 * np.array(model), color=ORANGE, label="2 · latency + bytes / bandwidth")
    ax.set(xscale="log", yscale="log", xlabel="numbers added up", ylabel="milliseconds")
    ax.set_title("one all-reduce between two workers")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.legend()
    return ax


def plot_speedup(
    workers: np.ndarray,
    curves: Mapping[str, np.ndarray],
    measured: Mapping[str, Mapping[int, float]],
) -> Axes:
    """Draw predicted speed-ups over the number of workers, the measured ones on them, the ideal.

    Parameters
    ----------
    workers : ndarray of whole numbers, shape (n,)
    curves : mapping from the name of a model to its predicted speed-ups, shape (n,)
        One to four.
    measured : mapping from the name of a curve to measured speed-ups by number of workers

    Returns
    -------
    Axes
        Its lines are the curves, each followed by its measured points, and then the ideal.
    """
    ax = new_axes((9.6, 4.4))
    for (name, values), (color, line) in zip(curves.items(), STYLES, strict=False):
        ax.plot(workers, values, color=color, linestyle=line, linewidth=2.2, label=name)
        if name in measured:
            found = measured[name]
            label = f"measured: {name}"
            ax.plot(list(found), list(found.values()), "o", color=color, markersize=8, label=label)
    ax.plot(workers, workers, color=BLACK, linewidth=0.8, label="ideal")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log", base=2)
    ax.set_ylim(bottom=1 / 16)  # what is slower still need not be told apart
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:g}")
    ax.set(xlabel="workers", ylabel="times faster than one")
    ax.set_title("speed-up, predicted and measured; the whole batch stays the same")
    ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1))
    return ax
