"""Pair 05: its pictures and table, and weights that travel from one framework to the other.

Each framework runs in a process of its own, with the cells of its notebook.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from tools import defaults
from utils import parity, reference
from utils.data import make_two_rings

CELLS = ("imports", "framework", "device", "settings", "split-rows", "start-weights-draw")
MODEL = (*CELLS, "model", "weights-back", "probability")
TRAINING = (*MODEL, "objective", "train")
TRAIN = """
epochs = 2
order = reference.batch_order(len(train_points), batch_size, epochs, SEED)
reference_history = pd.DataFrame(columns=["loss", "accuracy", "val_loss", "val_accuracy"])
model = make_model(start)
train_model(model, make_optimizer(model, epsilon), order)
reference.save_weights(sys.argv[1], get_weights(model))
np.save(sys.argv[2], probability(model, valid_points))
"""
LOAD = """
model = make_model(reference.load_weights(sys.argv[1]))
np.save(sys.argv[2], probability(model, valid_points))
"""
# PyTorch's twin validates in its loop, which this test has no use for.
BEFORE = {"TensorFlow": "", "PyTorch": "def evaluate(*_):\n    return [0.0, 0.0]\n"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trains", "predicts"), [("TensorFlow", "PyTorch"), ("PyTorch", "TensorFlow")]
)
def test_weights_travel(tmp_path, trains, predicts):
    """Weights trained by one framework give the same probabilities in the other."""
    weights, here, there = (tmp_path / name for name in ("w.npz", "here.npy", "there.npy"))
    defaults.run_cells(trains, TRAINING, BEFORE[trains] + TRAIN, str(weights), str(here))
    defaults.run_cells(predicts, MODEL, LOAD, str(weights), str(there))
    trained, loaded = np.load(here), np.load(there)
    assert trained.shape == (1000, 1)
    assert np.ptp(trained) > 0.05, "a model that says the same everywhere would prove nothing"
    assert np.allclose(trained, loaded, rtol=0, atol=1e-6)
    moved = reference.load_weights(weights)
    start = reference.initial_weights(0)
    assert all(not np.array_equal(moved[name], start[name]) for name in start)


@pytest.mark.slow
def test_defaults_are_those_of_the_installed_versions():
    pd.testing.assert_frame_equal(defaults.installed(), defaults.stored())


def test_unknown_framework():
    with pytest.raises(ValueError, match="allowed are"):
        defaults.run_cells("JAX", (), "")


def test_a_failing_process_says_why():
    with pytest.raises(RuntimeError, match="no such thing"):
        defaults.run_cells("PyTorch", (), "raise SystemExit('no such thing')")


class TestDifferences:
    def test_each_array_by_itself(self):
        first = reference.initial_weights(0)
        second = {name: array.copy() for name, array in first.items()}
        second["dense2.bias"][3] -= 0.25
        largest = parity.largest_differences(first, second)
        assert largest["dense2.bias"] == pytest.approx(0.25)
        assert (largest.drop("dense2.bias") == 0).all()
        assert list(largest.index) == list(first)

    def test_float32_against_float64(self):
        first = reference.initial_weights(0, "float64")
        first["dense3.bias"] = first["dense3.bias"] + 1e-12
        largest = parity.largest_differences(reference.initial_weights(0), first)
        assert largest["dense3.bias"] == pytest.approx(1e-12, rel=1e-3)

    def test_bad_input(self):
        weights = reference.initial_weights(0)
        turned = {**weights, "dense1.kernel": weights["dense1.kernel"].T}
        with pytest.raises(ValueError, match=r"second: dense1\.kernel has shape"):
            parity.largest_differences(weights, turned)


def history(shift=0.0, epochs=3):
    index = pd.RangeIndex(1, epochs + 1, name="epoch")
    column = np.linspace(0.6, 0.2, epochs) + shift
    return pd.DataFrame({"val_loss": column, "loss": column}, index)


class TestParityPlot:
    def test_what_it_shows(self):
        figure = parity.plot_parity(history(), {"one": history(1e-3), "two": history()})
        above, below = figure.axes
        assert above.get_ylabel() == "validation loss"
        assert below.get_xlabel() == "epoch"
        assert below.get_yscale() == "log"
        names = [text.get_text() for text in above.get_legend().get_texts()]
        assert names == ["reference (NumPy)", "one", "two"]
        assert np.allclose(above.lines[1].get_ydata(), history(1e-3)["val_loss"])
        assert np.allclose(below.lines[0].get_ydata(), 1e-3)
        assert np.allclose(below.lines[1].get_ydata(), parity.FLOOR)
        assert list(below.lines[0].get_xdata()) == [1, 2, 3]

    @pytest.mark.parametrize(
        ("histories", "column", "words"),
        [
            ({}, "val_loss", "allowed are 1 to 3"),
            ({str(i): history() for i in range(4)}, "val_loss", "allowed are 1 to 3"),
            ({"one": history()}, "accuracy", "no column"),
            ({"one": history(epochs=4)}, "val_loss", "4 epochs"),
        ],
    )
    def test_bad_input(self, histories, column, words):
        with pytest.raises(ValueError, match=words):
            parity.plot_parity(history(), histories, column)
        assert plt.get_fignums() == []


class TestDisagreementPlot:
    def test_what_it_shows(self):
        points, labels = make_two_rings(30, 30)

        def one(points):
            return 1 / (1 + np.exp(np.hypot(*points.T) - 6.5))

        def two(points):
            return np.clip(one(points) + 1e-3, 0, 1)[:, np.newaxis]

        figure = parity.plot_disagreement(one, two, points, labels, ("first", "second"))
        left, right = figure.axes[:2]
        names = [text.get_text() for text in left.get_legend().get_texts()]
        assert names[-2:] == ["first", "second"]
        assert np.allclose(right.collections[0].get_array().max(), 1e-3)
        assert right.get_title().endswith("1e-03")

    def test_bad_input(self):
        with pytest.raises(ValueError, match="points"):
            parity.plot_disagreement(len, len, np.zeros(3), np.zeros(3))


class TestReadmeFigure:
    def write(self, folder, framework, shift=0.0):
        for name in ("history", "reference"):
            path = folder / f"05_{framework}" / f"{name}.csv"
            path.parent.mkdir(exist_ok=True)
            history(shift).to_csv(path)

    def test_both_frameworks(self, tmp_path):
        self.write(tmp_path, "tensorflow")
        self.write(tmp_path, "pytorch")
        above = parity.readme_figure(tmp_path).axes[0]
        names = [text.get_text() for text in above.get_legend().get_texts()]
        assert names == ["reference (NumPy)", "TensorFlow", "PyTorch"]

    def test_not_executed(self, tmp_path):
        self.write(tmp_path, "tensorflow")
        with pytest.raises(FileNotFoundError, match="execute pair 05"):
            parity.readme_figure(tmp_path)

    def test_different_settings(self, tmp_path):
        self.write(tmp_path, "tensorflow")
        self.write(tmp_path, "pytorch", shift=0.1)
        with pytest.raises(ValueError, match="different references"):
            parity.readme_figure(tmp_path)
