"""Measuring and drawing what training costs: clocks and memory are fed with known values."""

import time

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from utils import timing as speed

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still unless it is told to go on."""
    now = [100.0]
    monkeypatch.setattr(speed.time, "perf_counter", lambda: now[0])

    def advance(seconds):
        now[0] += seconds

    return advance


def run_of(*seconds):
    index = pd.RangeIndex(1, len(seconds) + 1, name="epoch")
    return pd.DataFrame({"seconds": seconds, "val_loss": 0.5}, index)


class TestClimb:
    def test_times_training_and_validation_together(self, clock):
        called = []

        def train_epoch(epoch):
            called.append(epoch)
            clock(2.0 + epoch)

        def valid_loss():
            called.append("valid")
            clock(0.5)
            return np.float32(0.25)

        run = speed.climb(train_epoch, valid_loss, 3)
        assert called == [0, "valid", 1, "valid", 2, "valid"]
        assert run["seconds"].tolist() == [2.5, 3.5, 4.5]
        assert run["val_loss"].tolist() == [0.25] * 3
        assert run.index.tolist() == [1, 2, 3]
        assert run.index.name == "epoch"

    @pytest.mark.parametrize("epochs", [0, -1, 1.5, True])
    def test_epochs(self, epochs):
        with pytest.raises(ValueError, match="epochs is"):
            speed.climb(lambda epoch: None, lambda: 0.0, epochs)


class TestLadderTable:
    def test_numbers(self):
        runs = {"slow": run_of(5.0, 1.0, 3.0, 2.0), "fast": run_of(0.75, 0.5, 0.5)}
        table = speed.ladder_table(runs, 100)
        assert table["µs a step"].tolist() == [20_000, 5_000]
        assert table["times faster"].tolist() == [1, 4]
        assert table["seconds to start"].tolist() == [3.0, 0.25]
        assert table.index.tolist() == ["slow", "fast"]

    def test_epochs_that_were_not_timed(self):
        run = run_of(1.0, 2.0, 4.0, float("nan"), float("nan"))
        assert speed.ladder_table({"a": run}, 1)["µs a step"].iloc[0] == 3e6

    def test_a_quicker_first_epoch_does_not_make_the_start_negative(self):
        table = speed.ladder_table({"a": run_of(1.0, 2.0)}, 10)
        assert table["seconds to start"].iloc[0] == 0

    def test_compared_with_another_run(self):
        runs = {"a": run_of(9.0, 1.0), "b": run_of(9.0, 2.0)}
        assert speed.ladder_table(runs, 1, first="b")["times faster"].tolist() == [2, 1]

    def test_what_is_not_allowed(self):
        with pytest.raises(ValueError, match="runs is empty"):
            speed.ladder_table({}, 1)
        with pytest.raises(ValueError, match="allowed are"):
            speed.ladder_table({"a": run_of(1.0, 1.0)}, 1, first="b")
        with pytest.raises(ValueError, match="a has 1 timed epochs"):
            speed.ladder_table({"a": run_of(1.0, float("nan"))}, 1)
        with pytest.raises(ValueError, match="steps_per_epoch"):
            speed.ladder_table({"a": run_of(1.0, 1.0)}, 0)


class TestPlotLadder:
    table = speed.ladder_table({"a": run_of(9, 4), "b": run_of(9, 2), "c": run_of(9, 1)}, 10)

    def test_bars_are_the_table(self):
        ax = speed.plot_ladder(self.table, rungs=2)
        assert [bar.get_width() for bar in ax.patches] == self.table["µs a step"].tolist()
        assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
        assert ax.yaxis_inverted()
        assert ax.get_xscale() == "log"
        assert "microseconds" in ax.get_xlabel()
        colors = [bar.get_facecolor() for bar in ax.patches]
        assert colors[0] == colors[1] != colors[2]
        legend = [text.get_text() for text in ax.get_legend().get_texts()]
        assert legend == ["a rung of the ladder", "for comparison"]

    def test_texts_say_how_many_times_faster(self):
        texts = [text.get_text() for text in speed.plot_ladder(self.table, 3).texts]
        assert texts == [" 400,000 µs", " 200,000 µs, 2.0 times", " 100,000 µs, 4.0 times"]

    @pytest.mark.parametrize("rungs", [0, 4])
    def test_rungs(self, rungs):
        with pytest.raises(ValueError, match="rungs is"):
            speed.plot_ladder(self.table, rungs)


class TestPlotShares:
    def test_pieces_are_the_shares(self):
        shares = {"one": {"data": 1.0, "Python": 2.0}, "two": {"data": 3.0, "Python": 4.0}}
        ax = speed.plot_shares(shares)
        assert [piece.get_width() for piece in ax.patches] == [1, 3, 2, 4]
        assert [piece.get_x() for piece in ax.patches] == [0, 0, 1, 3]
        legend = [text.get_text() for text in ax.get_legend().get_texts()]
        assert legend == ["data", "Python"]
        assert "microseconds" in ax.get_xlabel()

    def test_what_is_not_allowed(self):
        with pytest.raises(ValueError, match="the same for every bar"):
            speed.plot_shares({"one": {"data": 1.0}, "two": {"Python": 1.0}})
        with pytest.raises(ValueError, match="negative"):
            speed.plot_shares({"one": {"data": -1.0}})
        with pytest.raises(ValueError, match="at most"):
            speed.plot_shares({"one": {str(number): 1.0 for number in range(6)}})


class TestStepSeconds:
    def test_median_of_the_calls_after_the_first(self, clock):
        durations = iter([50.0, 1.0, 9.0, 2.0])
        assert speed.step_seconds(lambda: clock(next(durations)), steps=4, budget=0) == 0.5

    def test_goes_on_for_the_budget(self, clock):
        calls = []

        def call():
            calls.append(1)
            clock(1.0)

        assert speed.step_seconds(call, budget=10.0) == 1.0
        assert len(calls) == 11

    def test_what_is_not_allowed(self):
        with pytest.raises(ValueError, match="steps is"):
            speed.step_seconds(lambda: None, steps=0)
        with pytest.raises(ValueError, match="budget is"):
            speed.step_seconds(lambda: None, budget=-1)


class TestPeakMemory:
    def test_sees_what_was_freed_again(self):
        with speed.peak_memory() as before:
            pass
        with speed.peak_memory() as peak:
            block = np.ones(100 * 2**20, np.uint8)  # 100 megabytes, written to
            time.sleep(0.2)
            del block
        assert len(before) == len(peak) == 1
        assert 80 < peak[0] - before[0] < 200

    def test_ends_with_an_error_too(self):
        with pytest.raises(KeyError), speed.peak_memory() as peak:
            raise KeyError
        assert len(peak) == 1


class TestOverheadAndWork:
    def test_finds_both(self):
        sizes = np.array([20, 200, 2_000, 20_000])
        overhead, work = speed.overhead_and_work(sizes, 3e-4 + 1e-7 * sizes)
        assert np.isclose(overhead, 3e-4)
        assert np.isclose(work, 1e-7)

    def test_never_negative(self):
        overhead, work = speed.overhead_and_work([1, 10, 100], [1.0, 11.0, 120.0])
        assert overhead == 0
        assert work > 0

    def test_what_is_not_allowed(self):
        for sizes, seconds in (([1], [1.0]), ([1, 2], [1.0]), ([[1, 2]], [[1.0, 2.0]])):
            with pytest.raises(ValueError, match="the shapes are"):
                speed.overhead_and_work(sizes, seconds)
        with pytest.raises(ValueError, match="not above 0"):
            speed.overhead_and_work([1, 2], [1.0, 0.0])


class TestPlotCost:
    costs = pd.DataFrame(
        {
            "way": ["b", "b", "a", "a"],
            "rows": [10, 100, 10, 100],
            "seconds an epoch": [1.0, 10.0, 0.1, 1.0],
            "peak memory, MB": [500.0, 510.0, 505.0, 520.0],
        }
    )

    def test_lines_are_the_costs(self):
        figure = speed.plot_cost(self.costs, "rows")
        left, right = figure.axes
        assert [line.get_label() for line in left.lines] == ["b", "a"]
        assert [line.get_ydata().tolist() for line in left.lines] == [[1, 10], [0.1, 1]]
        assert [line.get_ydata().tolist() for line in right.lines] == [[500, 510], [505, 520]]
        for ax in figure.axes:
            assert ax.get_xlabel() == "rows"
            assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
        assert left.get_ylabel() == "seconds an epoch"
        assert [text.get_text() for text in left.get_legend().get_texts()] == ["b", "a"]

    def test_what_is_not_allowed(self):
        with pytest.raises(ValueError, match="has the columns"):
            speed.plot_cost(self.costs, "batch size")
        many = pd.concat([self.costs.assign(way=way) for way in "abcd"])
        with pytest.raises(ValueError, match="4 ways"):
            speed.plot_cost(many, "rows")
