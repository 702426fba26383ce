"""How training scales: the cost of an all-reduce, the speed-up it leaves, and pictures of both.

NumPy and pandas only.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from utils.plotting import BLACK, BLUE, ORANGE, new_axes

BYTES = 4  # of a float32
STYLES = ("-", "--", "-.", ":")
COLUMNS = ["1 worker", "2 workers"]


def fit_all_reduce(times: Mapping[int, float]) -> tuple[float, float]:
    """Return latency and bandwidth of a link from all-reduces between two workers.

    By `all_reduce_seconds` two workers need 2 · latency + bytes / bandwidth. The fastest shows the
    latency, the most numbers show the bandwidth.

    Parameters
    ----------
    times : mapping from the count of float32 numbers to the seconds of one all-reduce

    Returns
    -------
    latency : float, seconds
    bandwidth : float, bytes a second

    Raises
    ------
    ValueError
        If there are fewer than two sizes, or a time is not a positive number.
    """
    if len(times) < 2:
        raise ValueError(f"times holds {len(times)} sizes, allowed are two or more")
    _check_positive(list(times.values()), "times")
    most = max(times)
    return min(times.values()) / 2, BYTES * most / times[most]


def all_reduce_seconds(
    workers: np.ndarray, numbers: float, latency: float, bandwidth: float
) -> np.ndarray:
    """Return the seconds of a ring all-reduce of float32 numbers.

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

    Returns
    -------
    ndarray of float, the shape of `workers`; 0 for one worker

    Raises
    ------
    ValueError
        If a value is too small.
    """
    workers = np.asarray(workers)
    if workers.size == 0 or (workers < 1).any():
        raise ValueError(f"workers is {workers}, allowed are counts of at least 1")
    _check_positive([numbers, latency, bandwidth], "numbers, latency and bandwidth")
    rounds = 2.0 * (workers - 1)
    return rounds * latency + rounds / workers * BYTES * numbers / bandwidth


def predicted_speedup(
    workers: np.ndarray, arithmetic: float, numbers: float, latency: float, bandwidth: float
) -> np.ndarray:
    """Return how many times faster a step of a fixed batch gets when workers share it.

    Assumes that the arithmetic divides evenly among the workers, that the all-reduce starts when
    it is done, and that all links are alike.

    Parameters
    ----------
    workers : ndarray of whole numbers, at least 1
    arithmetic : float
        Seconds that one worker needs for the step.
    numbers : float
        How many parameters the model has.
    latency, bandwidth : float
        As in `all_reduce_seconds`.

    Returns
    -------
    ndarray of float, the shape of `workers`; 1 for one worker

    Raises
    ------
    ValueError
        If a value is too small.
    """
    _check_positive([arithmetic], "arithmetic")
    cost = all_reduce_seconds(workers, numbers, latency, bandwidth)
    return arithmetic / (arithmetic / np.asarray(workers) + cost)


def efficiencies(times: pd.DataFrame) -> pd.Series:
    """Return the part of two workers' time that is worth something: t1 / (2 · t2).

    Parameters
    ----------
    times : DataFrame, one row a network, with the columns "1 worker" and "2 workers"

    Returns
    -------
    Series, the index of `times`

    Raises
    ------
    ValueError
        If a column is missing, there are no rows, or a time is not a positive number.
    """
    missing = [name for name in COLUMNS if name not in times.columns]
    if missing or times.empty:
        raise ValueError(f"times is {times.shape} with {list(times.columns)}, needed: {COLUMNS}")
    _check_positive(times[COLUMNS].to_numpy().ravel(), "times")
    return (times["1 worker"] / (2 * times["2 workers"])).rename("efficiency")


def plot_efficiency(times: pd.DataFrame) -> Axes:
    """Draw the efficiency of two workers for each network, beside the ideal of 1.

    Parameters
    ----------
    times : DataFrame
        As in `efficiencies`.

    Returns
    -------
    Axes
        One bar a network.

    Raises
    ------
    ValueError
        As in `efficiencies`.
    """
    values = efficiencies(times)
    ax = new_axes((7.5, 2.8))
    bars = ax.barh(values.index, values, color=BLUE, height=0.5, label="measured")
    ax.bar_label(bars, fmt="%.2f", padding=4)
    ax.axvline(1, color=BLACK, linestyle="--", linewidth=1.2, label="ideal: 1")
    ax.axvline(0.5, color=ORANGE, linewidth=2, label="below 0.5 two are slower than one")
    ax.set(xlabel="efficiency", title="what two workers make of twice the processors")
    ax.set_xlim(0, max(1.25, values.max() * 1.15))
    ax.invert_yaxis()
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=3)
    return ax


def plot_all_reduce(times: Mapping[int, float]) -> Axes:
    """Draw the measured time of an all-reduce over its size, and the fitted model.

    Parameters
    ----------
    times : mapping from the count of float32 numbers to the seconds of one all-reduce

    Returns
    -------
    Axes
        Its lines are the measured points and the model.

    Raises
    ------
    ValueError
        As in `fit_all_reduce`.
    """
    latency, bandwidth = fit_all_reduce(times)
    sizes = np.geomspace(min(times), max(times), 100)
    model = [float(all_reduce_seconds(np.array(2), size, latency, bandwidth)) for size in sizes]
    ax = new_axes((7.5, 3.6))
    ax.plot(list(times), [1e3 * each for each in times.values()], "o", color=BLUE, label="measured")
    ax.plot(sizes, 1e3 * np.array(model), color=ORANGE, label="2 · latency + bytes / bandwidth")
    ax.set(xscale="log", yscale="log", xlabel="numbers added up", ylabel="milliseconds")
    ax.set_title("one all-reduce between two workers")
    ax.legend()
    return ax


def plot_speedup(workers: np.ndarray, curves: Mapping[str, np.ndarray]) -> Axes:
    """Draw predicted speed-ups over the number of workers, and the ideal.

    Parameters
    ----------
    workers : ndarray of whole numbers, shape (n,)
    curves : mapping from the name of a model to its speed-ups, shape (n,)
        One to four.

    Returns
    -------
    Axes
        Its lines are the curves, in their order, and then the ideal.

    Raises
    ------
    ValueError
        If there are too few or too many curves, or one has another shape than `workers`.
    """
    if not 1 <= len(curves) <= len(STYLES):
        raise ValueError(f"there are {len(curves)} curves, allowed are 1 to {len(STYLES)}")
    ax = new_axes((7.5, 4.6))
    for number, (name, values) in enumerate(curves.items()):
        if np.shape(values) != np.shape(workers):
            raise ValueError(
                f"{name!r} has shape {np.shape(values)}, allowed is that of workers, "
                f"{np.shape(workers)}"
            )
        color = BLUE if number % 2 else ORANGE
        ax.plot(workers, values, color=color, linestyle=STYLES[number], linewidth=2.2, label=name)
    ax.plot(workers, workers, color=BLACK, linewidth=1, label="ideal")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log", base=2)
    ax.set_ylim(bottom=1 / 16)  # what is slower still need not be told apart
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:g}")
    ax.set(
        xlabel="workers", ylabel="times faster than one", title="predicted speed-up, fixed batch"
    )
    ax.legend()
    return ax


def _check_positive(values: object, name: str) -> None:
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0 or not (np.isfinite(array) & (array > 0)).all():
        raise ValueError(f"{name} holds {array.tolist()}, allowed are numbers above 0")
