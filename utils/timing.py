"""Measuring what training costs, and drawing it: seconds, memory, and where they go.

NumPy and pandas in, DataFrames and Axes out. Times depend on the machine and on what else it
does; what to quote is the ratio of two times taken in one run.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import psutil
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.optimize import nnls

from utils.data import _check_whole
from utils.plotting import BLUE, GREEN, ORANGE, STYLE, TWO_PANELS, new_axes

MARKED_LINES = ((ORANGE, "o"), (BLUE, "s"), (GREEN, "^"))
SHARE_COLORS = (ORANGE, "#56B4E9", BLUE, GREEN, "0.6")
MEGABYTE = 2**20  # bytes


def climb(
    train_epoch: Callable[[int], object], valid_loss: Callable[[], float], epochs: int
) -> pd.DataFrame:
    """Train epoch by epoch and time each, its validation included.

    Every epoch is one measurement. The first also holds what happens only once: tracing,
    compiling, starting up. Reading the validation loss as a number waits for the device, so
    that no work is still under way when the clock is read.

    Parameters
    ----------
    train_epoch : callable
        Called with 0, 1, … `epochs` - 1; takes all steps of that epoch.
    valid_loss : callable
        Returns the validation loss as a number.
    epochs : int

    Returns
    -------
    DataFrame
        One row an epoch, counted from 1; columns `seconds` and `val_loss`.

    Raises
    ------
    ValueError
        If `epochs` is not a whole number of at least 1.
    """
    _check_whole(epochs, "epochs", 1)
    rows = []
    for epoch in range(epochs):
        start = time.perf_counter()
        train_epoch(epoch)
        loss = float(valid_loss())
        rows.append((time.perf_counter() - start, loss))
    index = pd.RangeIndex(1, epochs + 1, name="epoch")
    return pd.DataFrame(rows, index, ["seconds", "val_loss"])


def ladder_table(
    runs: Mapping[str, pd.DataFrame], steps_per_epoch: int, first: str | None = None
) -> pd.DataFrame:
    """Sum up runs of `climb`: what a step costs, against the first run.

    Parameters
    ----------
    runs : mapping from a name to a DataFrame with the column `seconds`, one row an epoch
        A row without a number (NaN) was not timed.
    steps_per_epoch : int
    first : str, optional
        The run that the others are compared with; the first one if not given.

    Returns
    -------
    DataFrame
        One row a run: `µs a step` (median over the timed epochs after the first), `times
        faster`, and `seconds to start`: what the first epoch took longer than the median.

    Raises
    ------
    ValueError
        If there are no runs, `first` is none of them, or a run has fewer than two timed epochs.
    """
    _check_whole(steps_per_epoch, "steps_per_epoch", 1)
    if not runs:
        raise ValueError("runs is empty, allowed is at least one run of `climb`")
    first = next(iter(runs)) if first is None else first
    if first not in runs:
        raise ValueError(f"first is {first!r}, allowed are {list(runs)}")
    table = pd.DataFrame(
        {name: _summary(name, run, steps_per_epoch) for name, run in runs.items()}
    ).T
    table.insert(1, "times faster", table["µs a step"][first] / table["µs a step"])
    return table.rename_axis("rung")


def _summary(name: str, run: pd.DataFrame, steps_per_epoch: int) -> dict[str, float]:
    seconds = run["seconds"].dropna().to_numpy()
    if len(seconds) < 2:
        raise ValueError(
            f"{name} has {len(seconds)} timed epochs, allowed are two or more: "
            "the first holds what happens only once"
        )
    median = float(np.median(seconds[1:]))
    return {
        "µs a step": median / steps_per_epoch * 1e6,
        "seconds to start": max(0.0, float(seconds[0]) - median),
    }


def plot_ladder(table: pd.DataFrame, rungs: int) -> Axes:
    """Draw what a step costs as bars on a log axis.

    Parameters
    ----------
    table : DataFrame
        From `ladder_table`.
    rungs : int
        How many of the first rows belong to the ladder; the rest are drawn apart, as others.

    Returns
    -------
    Axes
        Its patches are the bars from above, in the order of the table.

    Raises
    ------
    ValueError
        If `rungs` is not between 1 and the number of rows.
    """
    if not 1 <= rungs <= len(table):
        raise ValueError(f"rungs is {rungs}, allowed are 1 to {len(table)}, the rows of the table")
    ax = new_axes((8.5, 0.45 * len(table) + 1.3))
    for place, (_, row) in enumerate(table.iterrows()):
        step = row["µs a step"]
        inside = place < rungs
        label = {0: "a rung of the ladder", rungs: "for comparison"}.get(place)
        ax.barh(place, step, color=BLUE if inside else ORANGE, label=label)
        text = f" {step:,.0f} µs" + (f", {row['times faster']:.1f} times" if place else "")
        ax.text(step, place, text, va="center")
    ax.set_yticks(range(len(table)), table.index)
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    steps = table["µs a step"]
    ax.set(xscale="log", xlabel="microseconds a training step (log axis)")
    ax.set(xlim=(steps.min() / 2, steps.max() * 6), title="one training, one result, and its price")
    ax.legend(loc="lower right")
    return ax


def plot_shares(shares: Mapping[str, Mapping[str, float]]) -> Axes:
    """Draw where the time of a step goes, one stacked bar for each way to take it.

    Parameters
    ----------
    shares : mapping from a name to a mapping from a share to microseconds a step
        All with the same shares, at most five, none negative.

    Returns
    -------
    Axes
        Its patches are the pieces, share by share.

    Raises
    ------
    ValueError
        If the shares differ between the bars, are too many, or one is negative.
    """
    kinds = {tuple(parts) for parts in shares.values()}
    if len(kinds) != 1 or len(next(iter(kinds))) > len(SHARE_COLORS):
        raise ValueError(
            f"shares are {sorted(kinds)}, allowed are the same for every bar, at most "
            f"{len(SHARE_COLORS)}"
        )
    table = pd.DataFrame(shares).T
    if (table < 0).any(axis=None):
        raise ValueError("shares hold a negative time, allowed are times of at least 0")
    ax = new_axes((8.5, 0.6 * len(table) + 1.6))
    left = np.zeros(len(table))
    for (share, values), color in zip(table.items(), SHARE_COLORS, strict=False):
        ax.barh(range(len(table)), values, left=left, color=color, label=share)
        left += values.to_numpy()
    ax.set_yticks(range(len(table)), table.index)
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.set(xlabel="microseconds a training step", title="where the time of a step goes")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.35), ncols=len(table.columns))
    return ax


def step_seconds(call: Callable[[], object], steps: int = 1, budget: float = 0.2) -> float:
    """Return the seconds of one step: the median of calls repeated for a while, after a first.

    Parameters
    ----------
    call : callable
        Takes `steps` steps and waits until they are done.
    steps : int
        Steps in one call.
    budget : float
        Seconds to go on for; at least three calls are timed in any case.

    Returns
    -------
    float
        Seconds a step.

    Raises
    ------
    ValueError
        If `steps` is not a whole number of at least 1, or `budget` is negative.
    """
    _check_whole(steps, "steps", 1)
    if not budget >= 0:
        raise ValueError(f"budget is {budget!r}, allowed are seconds, at least 0")
    call()  # warm-up: tracing, compiling, first allocations
    seconds = []
    end = time.perf_counter() + budget
    while len(seconds) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds)) / steps


@contextmanager
def peak_memory(pause: float = 0.002) -> Iterator[list[float]]:
    """Watch the resident memory of this process while the block runs.

    Parameters
    ----------
    pause : float
        Seconds between two looks.

    Yields
    ------
    list of float
        One value once the block has ended: the largest memory seen, in megabytes (2²⁰ bytes).
        Memory on a GPU is not in it.
    """
    process, done, seen, peak = psutil.Process(), threading.Event(), [], []

    def watch() -> None:
        while not done.wait(pause):
            seen.append(process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    seen.append(process.memory_info().rss)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()
        peak.append(max(*seen, process.memory_info().rss) / MEGABYTE)


def overhead_and_work(batch_sizes: np.ndarray, seconds: np.ndarray) -> tuple[float, float]:
    """Split the cost of a step into a fixed part and a part for every row.

    seconds = overhead + work · rows, both at least 0, fitted by least squares to the relative
    errors (Lawson and Hanson's non-negative least squares, `scipy.optimize.nnls`).

    Parameters
    ----------
    batch_sizes, seconds : arrays of the same length, at least 2
        Rows of a step and what a step took; all above 0.

    Returns
    -------
    overhead : float
        Seconds a step.
    work : float
        Seconds a row.

    Raises
    ------
    ValueError
        If the lengths differ or are too short, or a value is not above 0.
    """
    sizes, times = (np.asarray(values, dtype=float) for values in (batch_sizes, seconds))
    if sizes.shape != times.shape or sizes.ndim != 1 or len(sizes) < 2:
        raise ValueError(
            f"the shapes are {sizes.shape} and {times.shape}, allowed are two equal ones, (n,) "
            "with n of at least 2"
        )
    if not ((sizes > 0) & (times > 0)).all():
        raise ValueError("a batch size or a time is not above 0; measure it again")
    columns = np.column_stack([np.ones_like(sizes), sizes]) / times[:, None]
    overhead, work = nnls(columns, np.ones_like(times))[0]
    return float(overhead), float(work)


def plot_cost(costs: pd.DataFrame, along: str) -> Figure:
    """Draw seconds an epoch and peak memory against rows or batch size, on log axes.

    Parameters
    ----------
    costs : DataFrame
        Columns `way` (up to three names), `along`, `seconds an epoch`, `peak memory, MB`.
    along : str
        The column to put on the horizontal axis.

    Returns
    -------
    Figure
        Two Axes with one line a way, in the order in which the ways appear.

    Raises
    ------
    ValueError
        If a column is missing, or there are no or more than three ways.
    """
    columns = {"way", along, "seconds an epoch", "peak memory, MB"}
    if not columns <= set(costs.columns):
        raise ValueError(f"costs has the columns {list(costs.columns)}, needed are {columns}")
    if not 1 <= costs["way"].nunique() <= len(MARKED_LINES):
        raise ValueError(f"costs has {costs['way'].nunique()} ways, allowed are 1 to 3")
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(TWO_PANELS[0], 4.2))
    for ax, column in ((left, "seconds an epoch"), (right, "peak memory, MB")):
        ways = costs.groupby("way", sort=False)
        for (name, part), (color, marker) in zip(ways, MARKED_LINES, strict=False):
            ax.plot(part[along], part[column], color=color, marker=marker, label=name)
        ax.set(xscale="log", yscale="log", xlabel=along, ylabel=column, title=column)
    right.set_ylim(100, max(10_000, 2 * costs["peak memory, MB"].max()))
    left.legend()
    return figure
