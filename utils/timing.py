"""Measuring what training costs, and drawing it: seconds, memory, and where they go.

Times depend on the machine and on what else it does; quote the ratio of two taken in one run.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import pandas as pd
import psutil
from matplotlib.axes import Axes

from utils.plotting import BLUE, GREEN, ORANGE, new_axes

MARKED_LINES = ((ORANGE, "o"), (BLUE, "s"), (GREEN, "^"))
SHARE_COLORS = (ORANGE, "#56B4E9", BLUE, GREEN)
MEGABYTE = 2**20  # bytes


def time_epochs(
    train_epoch: Callable[[int], object], valid_loss: Callable[[], float], epochs: int
) -> pd.DataFrame:
    """Train epoch by epoch and time each, its validation included.

    `train_epoch` is called with 0, 1, … `epochs` - 1, `valid_loss` after each. Returns one row an
    epoch, counted from 1, with the columns `seconds` and `val_loss`. The first epoch also holds
    what happens only once: tracing, compiling, starting up. Reading the loss as a number waits for
    the device, so that no work is still under way when the clock is read.
    """
    rows = []
    for epoch in range(epochs):
        start = time.perf_counter()
        train_epoch(epoch)
        loss = float(valid_loss())
        rows.append((time.perf_counter() - start, loss))
    index = pd.RangeIndex(1, epochs + 1, name="epoch")
    return pd.DataFrame(rows, index, ["seconds", "val_loss"])


def ladder_table(runs: Mapping[str, pd.DataFrame], steps_per_epoch: int) -> pd.DataFrame:
    """Sum up runs of `time_epochs`: what a step costs, against the first run.

    Returns one row a run: `µs a step` (the median of the epochs after the first), `times faster`,
    and `seconds to start`: what the first epoch took longer than the median. ValueError if a run
    has fewer than two epochs.
    """
    rows = {}
    for name, run in runs.items():
        if len(run) < 2:
            raise ValueError(f"{name} has {len(run)} epochs, allowed are two or more: see above")
        first, median = run["seconds"].iloc[0], run["seconds"].iloc[1:].median()
        rows[name] = {
            "µs a step": median / steps_per_epoch * 1e6,
            "seconds to start": max(0.0, first - median),
        }
    table = pd.DataFrame(rows).T.rename_axis("rung")
    steps = table["µs a step"]
    table.insert(1, "times faster", steps.iloc[0] / steps)
    return table


def plot_ladder(table: pd.DataFrame, rungs: int) -> Axes:
    """Draw what a step costs as bars on a log axis, in the order of the table.

    `table` is one from `ladder_table`; its first `rungs` rows are the ladder, the others are drawn
    apart, for comparison.
    """
    ax = new_axes((8.5, 0.45 * len(table) + 1.3))
    steps = table["µs a step"]
    for place, (step, faster) in enumerate(zip(steps, table["times faster"], strict=True)):
        label = {0: "a rung of the ladder", rungs: "for comparison"}.get(place)
        ax.barh(place, step, color=BLUE if place < rungs else ORANGE, label=label)
        text = f" {step:,.0f} µs" + (f", {faster:.1f} times faster" if place else "")
        ax.text(step, place, text, va="center")
    _name_bars(ax, table.index)
    ax.set(xscale="log", xlabel="microseconds a training step (log axis)")
    ax.set(xlim=(steps.min() / 2, steps.max() * 12), title="one training, one result, its price")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
    return ax


def plot_shares(shares: pd.DataFrame) -> Axes:
    """Draw where the time of a step goes: a stacked bar a row, a piece a column, in microseconds.

    Up to four columns; ValueError if a time is negative.
    """
    if (shares < 0).any(axis=None):
        raise ValueError("shares hold a negative time, allowed are times of at least 0")
    ax = new_axes((8.5, 0.6 * len(shares) + 1.6))
    left = np.zeros(len(shares))
    for (name, values), color in zip(shares.items(), SHARE_COLORS, strict=False):
        ax.barh(range(len(shares)), values, left=left, color=color, label=name)
        left += values.to_numpy()
    _name_bars(ax, shares.index)
    ax.set(xlabel="microseconds a training step", title="where the time of a step goes")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.35), ncols=len(shares.columns))
    return ax


def plot_costs(costs: pd.DataFrame, along: str) -> Axes:
    """Draw `seconds an epoch` against the column `along` on log axes, a line for each `way`.

    Up to three ways, in the order in which they appear.
    """
    ax = new_axes((7.0, 4.2))
    ways = costs.groupby("way", sort=False)
    for (name, part), (color, marker) in zip(ways, MARKED_LINES, strict=False):
        ax.plot(part[along], part["seconds an epoch"], color=color, marker=marker, label=name)
    ax.set(xscale="log", yscale="log", xlabel=along, ylabel="seconds an epoch")
    ax.set_title(f"what an epoch costs, by {along}")
    ax.legend()
    return ax


@contextmanager
def peak_memory(pause: float = 0.002) -> Iterator[list[float]]:
    """Watch the resident memory of this process while the block runs, every `pause` seconds.

    Yields a list that holds one value once the block has ended: the largest memory seen, in
    megabytes (2²⁰ bytes). Memory on a GPU is not in it.
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


def _name_bars(ax: Axes, names: pd.Index) -> None:
    """Name horizontal bars and put the first on top."""
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
