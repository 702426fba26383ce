"""The network in NumPy against finite differences and scikit-learn, Adam against worked numbers."""

import math
import pickle

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss
from sklearn.neural_network import MLPClassifier

from utils import reference
from utils.data import make_two_rings
from utils.reference import SHAPES


@pytest.fixture
def weights():
    return reference.initial_weights(3, "float64")


@pytest.fixture
def batch():
    return make_two_rings(20, 20, seed=3)


def moved(weights, name, index, by):
    other = {key: array.copy() for key, array in weights.items()}
    other[name][index] += by
    return other


class TestNetwork:
    def test_one_point_worked_by_hand(self):
        """relu(1 + 2 + 0.5) = 3.5 in all of dense1, 4 * 3.5 = 14 in dense2, 8 * 14 / 100."""
        weights = {name: np.ones(shape) for name, shape in SHAPES.items()}
        weights["dense1.bias"] -= 0.5
        weights["dense2.bias"] -= 1
        weights["dense3.kernel"] /= 100
        weights["dense3.bias"] -= 1
        point = np.array([[1.0, 2.0]])
        probability = 1 / (1 + math.exp(-1.12))
        assert reference.predict(weights, point).item() == pytest.approx(probability)
        loss, gradients = reference.loss_and_gradients(weights, point, np.array([[1]]))
        assert loss == pytest.approx(-math.log(probability))
        assert gradients["dense3.bias"].item() == pytest.approx(probability - 1)
        assert np.allclose(gradients["dense3.kernel"], 14 * gradients["dense3.bias"])

    @pytest.mark.parametrize("seed", range(3))
    def test_gradient_against_central_differences(self, seed):
        """Every one of the 61, with a step of 1e-6; no point may lie that close to a kink."""
        weights = reference.initial_weights(seed, "float64")
        points, labels = make_two_rings(20, 20, seed=seed)
        _, gradients = reference.loss_and_gradients(weights, points, labels)
        assert {name: array.shape for name, array in gradients.items()} == SHAPES
        for name, gradient in gradients.items():
            for index in np.ndindex(gradient.shape):
                above, below = (
                    reference.loss_and_gradients(moved(weights, name, index, by), points, labels)[0]
                    for by in (1e-6, -1e-6)
                )
                numeric = (above - below) / 2e-6
                error = abs(numeric - gradient[index])
                # Differences of losses near 1 carry 1e-16 / 1e-6 = 1e-10 of rounding.
                assert error < 1e-6 * abs(gradient[index]) + 2e-10, (name, index)
            assert gradient.any(), f"{name}: all zero tells nothing"

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_scores_against_scikit_learn(self, batch, dtype):
        weights = reference.initial_weights(3, dtype)
        points, labels = batch
        p = reference.predict(weights, points)
        assert (p.shape, p.dtype) == ((40, 1), dtype)
        loss, accuracy = reference.evaluate(weights, points, labels.ravel())
        assert loss == pytest.approx(log_loss(labels, p.astype(float)), rel=1e-6)
        assert accuracy == accuracy_score(labels, p > 0.5)
        loss_again, gradients = reference.loss_and_gradients(weights, points, labels)
        assert loss_again == loss
        assert {array.dtype for array in gradients.values()} == {np.dtype(dtype)}

    def test_far_out_points_do_not_overflow(self, weights):
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            far = reference.predict(weights, np.array([[1e6, 1e6], [-1e6, 1e6]]))
            loss, _ = reference.loss_and_gradients(weights, [[1e6, 1e6]], [[1]])
        assert ((far >= 0) & (far <= 1)).all()
        assert np.isfinite(loss)

    @pytest.mark.parametrize(
        ("points", "labels"),
        [
            (np.zeros((3, 3)), np.zeros((3, 1))),
            (np.full((3, 2), np.nan), np.zeros((3, 1))),
            (np.zeros((3, 2)), np.zeros((2, 1))),
            (np.zeros((3, 2)), np.full((3, 1), 0.5)),
        ],
    )
    def test_bad_data(self, weights, points, labels):
        with pytest.raises(ValueError, match=r"points|labels"):
            reference.loss_and_gradients(weights, points, labels)


class TestAdam:
    def test_worked_example(self):
        """Two steps with gradients 2 and then -1, as Algorithm 1 of the paper has them."""
        optimizer = reference.Adam(learning_rate=0.1)
        weights = {"w": np.array([1.0])}
        first = optimizer.step(weights, {"w": np.array([2.0])})
        # m = 0.2, v = 0.004; corrected 2 and 4; so the step is 0.1 * 2 / 2.
        assert first["w"].item() == pytest.approx(0.9, abs=1e-9)
        second = optimizer.step(first, {"w": np.array([-1.0])})
        # m = 0.9 * 0.2 - 0.1 = 0.08, corrected 0.08 / 0.19 = 0.42105263;
        # v = 0.999 * 0.004 + 0.001 = 0.004996, corrected / 0.001999 = 2.49924962.
        step = 0.1 * 0.42105263 / math.sqrt(2.49924962)
        assert second["w"].item() == pytest.approx(0.9 - step, abs=1e-8)
        assert weights["w"].item() == 1, "the weights given were changed"

    @pytest.mark.parametrize(
        ("epsilon_hat", "expected"), [(False, 1 / 2), (True, 1 / (1 + 1 / math.sqrt(0.001)))]
    )
    def test_where_epsilon_is_added(self, epsilon_hat, expected):
        optimizer = reference.Adam(1.0, epsilon=1.0, epsilon_hat=epsilon_hat)
        updated = optimizer.step({"w": np.zeros(1)}, {"w": np.ones(1)})
        assert -updated["w"].item() == pytest.approx(expected)

    def test_the_two_forms_agree_as_the_docstring_says(self):
        """Epsilon hat = epsilon * sqrt(1 - beta_2**t), in three steps."""
        results = []
        for hat in (False, True):
            weights, optimizer = {"w": np.array([0.5])}, reference.Adam(epsilon=1e-2)
            for number, gradient in enumerate((0.1, 0.2, -0.3), start=1):
                optimizer.epsilon_hat = hat
                optimizer.epsilon = 1e-2 * ((1 - 0.999**number) ** 0.5 if hat else 1)
                weights = optimizer.step(weights, {"w": np.array([gradient])})
            results.append(weights["w"].item())
        assert results[0] == pytest.approx(results[1], abs=1e-15)


class TestTrain:
    def test_against_scikit_learn(self):
        """The same 24 steps by MLPClassifier: same network, same loss, Adam with epsilon hat."""
        points, labels = make_two_rings(60, 60, seed=3)
        points, start = points.astype(float), reference.initial_weights(3, "float64")
        order = reference.batch_order(120, 50, 8, seed=0)
        optimizer = reference.Adam(0.01, epsilon=1e-3, epsilon_hat=True)
        data = points, labels
        trained, history = reference.train(start, data, data, order, optimizer)

        other = MLPClassifier((4, 8), alpha=0, learning_rate_init=0.01, epsilon=1e-3)
        other.partial_fit(points, labels.ravel(), classes=[0, 1])  # one step makes the arrays
        del other._optimizer
        layers = zip(other.coefs_, other.intercepts_, strict=True)
        theirs = dict(zip(SHAPES, (array for pair in layers for array in pair), strict=True))
        for name, array in theirs.items():
            array[:] = start[name]
        for rows in (rows for epoch in order for rows in epoch):
            other.partial_fit(points[rows], labels[rows].ravel())
        for name, array in theirs.items():
            assert np.allclose(array, trained[name], rtol=0, atol=1e-12), name
            assert not np.array_equal(start[name], trained[name])
        probability = other.predict_proba(points)[:, 1]
        assert history["val_loss"][-1] == pytest.approx(log_loss(labels, probability))
        assert history["val_accuracy"][-1] == accuracy_score(labels, probability > 0.5)

    def test_history(self, batch):
        """With a rate of 1e-15, the mean over 33 and 7 rows is that over all 40."""
        weights = reference.initial_weights(0, "float64")
        before = {name: array.copy() for name, array in weights.items()}
        order = reference.batch_order(40, 33, 2, seed=0)
        _, history = reference.train(weights, batch, batch, order, reference.Adam(1e-15))
        assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
        assert history["loss"] == pytest.approx(history["val_loss"], abs=1e-12)
        assert history["accuracy"] == history["val_accuracy"]
        assert reference.largest_difference(weights, before) == 0

    def test_rows_outside_the_data(self, weights, batch):
        order = reference.batch_order(41, 10, 1, seed=0)
        with pytest.raises(ValueError, match="rows outside 0 to 39"):
            reference.train(weights, batch, batch, order, reference.Adam())


class TestBatchOrder:
    def test_every_row_once_an_epoch(self):
        order = reference.batch_order(10, 4, 3, seed=0)
        assert [[len(rows) for rows in epoch] for epoch in order] == [[4, 4, 2]] * 3
        joined = [np.concatenate(epoch) for epoch in order]
        assert all(np.array_equal(np.sort(rows), np.arange(10)) for rows in joined)
        assert not np.array_equal(joined[0], joined[1])
        assert [len(rows) for rows in reference.batch_order(6, 3, 1, 0)[0]] == [3, 3]
        assert [len(rows) for rows in reference.batch_order(3, 1, 1, 0)[0]] == [1, 1, 1]

    def test_seed(self):
        first, again, other = (
            np.concatenate(reference.batch_order(50, 50, 1, seed)[0]) for seed in (0, 0, 1)
        )
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)

    @pytest.mark.parametrize("batch_size", [0, -20])
    def test_bad_batch_size(self, batch_size):
        with pytest.raises(ValueError, match="batch_size is"):
            reference.batch_order(5, batch_size, 1, 0)


class TestLargestDifference:
    def test_dicts_and_sequences(self):
        first = reference.initial_weights(0)
        second = {name: array.astype(float) for name, array in reversed(first.items())}
        assert reference.largest_difference(first, second) == 0
        second["dense2.bias"][3] -= 0.25
        assert reference.largest_difference(first, second) == pytest.approx(0.25)
        lists = list(first.values()), [second[name] for name in first]
        assert reference.largest_difference(*lists) == pytest.approx(0.25)
        second["dense1.bias"][0] = np.nan
        assert math.isnan(reference.largest_difference(first, second))

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ({"a": np.zeros(2)}, {"b": np.zeros(2)}),
            ([np.zeros(2)], [np.zeros((2, 1))]),
            ([np.zeros(2)], [np.zeros(2), np.zeros(2)]),
            ([], []),
        ],
    )
    def test_what_cannot_be_compared(self, first, second):
        with pytest.raises(ValueError, match="compare"):
            reference.largest_difference(first, second)


class TestWeights:
    def test_initial(self):
        first, again, other = map(reference.initial_weights, (0, 0, 1))
        assert {name: array.shape for name, array in first.items()} == SHAPES
        assert list(first) == list(SHAPES)
        assert reference.largest_difference(first, again) == 0
        assert reference.largest_difference(first, other) > 0
        double = reference.initial_weights(0, "float64")
        assert reference.largest_difference(first, double) == 0
        assert double["dense1.bias"].dtype == np.float64
        for name, array in first.items():
            inputs = SHAPES[name.replace("bias", "kernel")][0]
            assert (np.abs(array) <= 1 / np.sqrt(inputs)).all()
            assert array.all(), f"{name} holds a zero, so a missing copy could go unnoticed"

    def test_unknown_dtype(self):
        with pytest.raises(ValueError, match="allowed are 'float32' and 'float64'"):
            reference.initial_weights(0, "float16")

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_round_trip(self, tmp_path, dtype):
        weights = reference.initial_weights(5, dtype)
        path = reference.save_weights(tmp_path / "deep" / "weights.npz", weights)
        loaded = reference.load_weights(path)
        assert reference.largest_difference(weights, loaded) == 0
        assert {array.dtype for array in loaded.values()} == {np.dtype(dtype)}
        assert [entry.name for entry in path.parent.iterdir()] == ["weights.npz"]

    def test_other_suffix(self, tmp_path, weights):
        with pytest.raises(ValueError, match=r"ends in \.npz"):
            reference.save_weights(tmp_path / "weights.pkl", weights)

    def test_bad_weights_are_neither_saved_nor_read_nor_used(self, tmp_path, weights):
        path = reference.save_weights(tmp_path / "weights.npz", weights)
        before = path.read_bytes()
        for number, (bad, words) in enumerate(bad_weights(weights)):
            with pytest.raises(ValueError, match=words):
                reference.save_weights(path, bad)
            with pytest.raises(ValueError, match=words):
                reference.predict(bad, np.zeros((1, 2)))
            stored = tmp_path / f"{number}.npz"
            np.savez(stored, **bad)
            with pytest.raises(ValueError, match=words) as caught:
                reference.load_weights(stored)
            assert stored.name in str(caught.value)
        assert path.read_bytes() == before

    def test_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="save_weights"):
            reference.load_weights(tmp_path / "none.npz")

    def test_damaged_files(self, tmp_path, weights):
        whole = reference.save_weights(tmp_path / "weights.npz", weights).read_bytes()
        flipped = bytearray(whole)
        flipped[len(whole) // 3] ^= 0xFF
        with (tmp_path / "array.npz").open("wb") as file:
            np.save(file, np.zeros(3))  # one array is no archive
        one = (tmp_path / "array.npz").read_bytes()
        damaged = (b"", b"text", whole[: len(whole) // 2], whole[:-10], bytes(flipped), one)
        for number, content in enumerate(damaged):
            path = tmp_path / f"damaged{number}.npz"
            path.write_bytes(content)
            with pytest.raises(ValueError, match=path.name):
                reference.load_weights(path)

    def test_no_code_runs_when_a_file_is_loaded(self, tmp_path, weights):
        class Harmful:
            def __reduce__(self):
                return (type(tmp_path).touch, (tmp_path / "ran",))

        plain = tmp_path / "plain.npz"
        plain.write_bytes(pickle.dumps(Harmful()))
        inside = tmp_path / "inside.npz"
        hidden = np.array([Harmful()], dtype=object)
        np.savez(inside, **{**weights, "dense1.bias": hidden})
        for path in (plain, inside):
            with pytest.raises(ValueError, match=path.name):
                reference.load_weights(path)
        assert not (tmp_path / "ran").exists()


def bad_weights(weights):
    """Yield weights that are wrong in one point, and a word that the message must hold."""
    yield {name: weights[name] for name in list(weights)[:-1]}, "named"
    yield {**weights, "dense4.bias": np.zeros(1)}, "named"
    turned = weights["dense2.kernel"].T
    yield {**weights, "dense2.kernel": turned}, r"dense2\.kernel has shape .* transposed"
    yield {**weights, "dense1.bias": np.zeros((4, 1))}, r"dense1\.bias has shape"
    yield {**weights, "dense3.bias": np.array([np.nan])}, r"dense3\.bias holds"
    yield {**weights, "dense3.bias": np.zeros(1, "float32")}, "dtypes"
    yield {name: array.astype(int) for name, array in weights.items()}, "dtypes"
