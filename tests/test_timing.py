"""Measuring and drawing what training costs: clocks and memory are fed with known values."""

import time

import numpy as np
import pandas as pd
import pytest

from utils import timing


def run_of(*seconds):
    index = pd.RangeIndex(1, len(seconds) + 1, name="epoch")
    return pd.DataFrame({"seconds": seconds, "val_loss": 0.5}, index)


def test_an_epochs_time_is_training_and_validation(monkeypatch):
    now, called = [100.0], []  # a clock that stands still unless it is told to go on
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])

    def train_epoch(epoch):
        called.append(epoch)
        now[0] += 2.0 + epoch

    def valid_loss():
        called.append("valid")
        now[0] += 0.5
        return np.float32(0.25)

    run = timing.time_epochs(train_epoch, valid_loss, 3)
    assert called == [0, "valid", 1, "valid", 2, "valid"]
    assert run["seconds"].tolist() == [2.5, 3.5, 4.5]
    assert run["val_loss"].tolist() == [0.25] * 3
    assert run.index.tolist() == [1, 2, 3]
    assert run.index.name == "epoch"


class TestLadderTable:
    def test_numbers(self):
        runs = {"slow": run_of(5.0, 1.0, 3.0, 2.0), "fast": run_of(0.75, 0.5, 0.5)}
        table = timing.ladder_table(runs, 100)
        assert table["µs a step"].tolist() == [20_000, 5_000]
        assert table["times faster"].tolist() == [1, 4]
        assert table["seconds to start"].tolist() == [3.0, 0.25]
        assert table.index.tolist() == ["slow", "fast"]

    def test_a_quicker_first_epoch_does_not_make_the_start_negative(self):
        table = timing.ladder_table({"a": run_of(1.0, 2.0)}, 10)
        assert table["seconds to start"].iloc[0] == 0

    def test_one_epoch_is_not_enough(self):
        with pytest.raises(ValueError, match="a has 1 epochs"):
            timing.ladder_table({"a": run_of(1.0)}, 1)


def test_the_ladder_drawn_is_the_table():
    runs = {"a": run_of(9, 4), "b": run_of(9, 2), "c": run_of(9, 1)}
    table = timing.ladder_table(runs, 10)
    ax = timing.plot_ladder(table, rungs=2)
    assert [bar.get_width() for bar in ax.patches] == table["µs a step"].tolist()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    assert ax.yaxis_inverted()
    assert ax.get_xscale() == "log"
    assert "microseconds" in ax.get_xlabel()
    colors = [bar.get_facecolor() for bar in ax.patches]
    assert colors[0] == colors[1] != colors[2]
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["a rung of the ladder", "for comparison"]
    texts = [text.get_text().strip() for text in ax.texts]
    assert texts == ["400,000 µs", "200,000 µs, 2.0 times faster", "100,000 µs, 4.0 times faster"]


class TestPlotShares:
    def test_pieces_are_the_shares(self):
        shares = pd.DataFrame({"data": [1.0, 3.0], "Python": [2.0, 4.0]}, ["one", "two"])
        ax = timing.plot_shares(shares)
        assert [piece.get_width() for piece in ax.patches] == [1, 3, 2, 4]
        assert [piece.get_x() for piece in ax.patches] == [0, 0, 1, 3]
        legend = [text.get_text() for text in ax.get_legend().get_texts()]
        assert legend == ["data", "Python"]
        assert [label.get_text() for label in ax.get_yticklabels()] == ["one", "two"]
        assert "microseconds" in ax.get_xlabel()

    def test_a_negative_time(self):
        with pytest.raises(ValueError, match="negative"):
            timing.plot_shares(pd.DataFrame({"data": [-1.0]}))


def test_lines_are_the_costs():
    costs = pd.DataFrame(
        {
            "way": ["b", "b", "a", "a"],
            "rows": [10, 100, 10, 100],
            "seconds an epoch": [1.0, 10.0, 0.1, 1.0],
        }
    )
    ax = timing.plot_costs(costs, "rows")
    assert [line.get_label() for line in ax.lines] == ["b", "a"]
    assert [line.get_xdata().tolist() for line in ax.lines] == [[10, 100], [10, 100]]
    assert [line.get_ydata().tolist() for line in ax.lines] == [[1, 10], [0.1, 1]]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("rows", "seconds an epoch")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["b", "a"]


class TestPeakMemory:
    def test_sees_what_was_freed_again(self):
        with timing.peak_memory() as before:
            pass
        with timing.peak_memory() as peak:
            block = np.ones(100 * 2**20, np.uint8)  # 100 megabytes, written to
            time.sleep(0.2)
            del block
        assert len(before) == len(peak) == 1
        assert 80 < peak[0] - before[0] < 200

    def test_ends_with_an_error_too(self):
        with pytest.raises(KeyError), timing.peak_memory() as peak:
            raise KeyError
        assert len(peak) == 1
