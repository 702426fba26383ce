"""The network in NumPy: gradients against finite differences, Adam against a worked example."""

import math
import pickle
import zipfile

import numpy as np
import pytest

from utils import reference
from utils.data import make_two_rings
from utils.weights import SHAPES, check_weights


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
        assert reference.predict(weights, point).item() == pytest.approx(1 / (1 + math.exp(-1.12)))
        loss, gradients = reference.loss_and_gradients(weights, point, np.array([[1]]))
        assert loss == pytest.approx(math.log(1 + math.exp(-1.12)))
        assert gradients["dense3.bias"].item() == pytest.approx(1 / (1 + math.exp(-1.12)) - 1)
        assert np.allclose(gradients["dense3.kernel"], 14 * gradients["dense3.bias"])

    @pytest.mark.parametrize("seed", range(3))
    def test_gradient_against_central_differences(self, seed):
        """Every one of the 61, with a step of 1e-6; no point may lie that close to a kink."""
        weights = reference.initial_weights(seed, "float64")
        points, labels = make_two_rings(20, 20, seed=seed)
        _, gradients = reference.loss_and_gradients(weights, points, labels)
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
    def test_shapes_and_dtypes(self, batch, dtype):
        weights = reference.initial_weights(0, dtype)
        probability = reference.predict(weights, batch[0])
        assert probability.shape == (40, 1)
        assert probability.dtype == dtype
        loss, gradients = reference.loss_and_gradients(weights, *batch)
        assert isinstance(loss, float)
        assert {name: array.shape for name, array in gradients.items()} == SHAPES
        assert {array.dtype for array in gradients.values()} == {np.dtype(dtype)}
        assert sum(array.size for array in gradients.values()) == 61

    def test_far_out_points_do_not_overflow(self, weights):
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            far = reference.predict(weights, np.array([[1e6, 1e6], [-1e6, 1e6]]))
            loss, _ = reference.loss_and_gradients(weights, [[1e6, 1e6]], [[1]])
        assert ((far >= 0) & (far <= 1)).all()
        assert np.isfinite(loss)

    def test_evaluate(self, weights, batch):
        points, labels = batch
        p = reference.predict(weights, points)
        loss, accuracy = reference.evaluate(weights, points, labels.ravel())
        expected = -np.mean(np.log(np.where(labels == 1, p, 1 - p)))
        assert loss == pytest.approx(expected)
        assert accuracy == np.mean((p > 0.5) == labels)

    @pytest.mark.parametrize(
        ("points", "labels"),
        [
            (np.zeros((3, 3)), np.zeros((3, 1))),
            (np.zeros(2), np.zeros((1, 1))),
            (np.full((3, 2), np.nan), np.zeros((3, 1))),
            (np.zeros((3, 2)), np.zeros((2, 1))),
            (np.zeros((3, 2)), np.zeros((1, 3))),
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
        weights = optimizer.step(weights, {"w": np.array([2.0])})
        # m = 0.2, v = 0.004; corrected 2 and 4; so the step is 0.1 * 2 / 2.
        assert weights["w"].item() == pytest.approx(0.9, abs=1e-9)
        weights = optimizer.step(weights, {"w": np.array([-1.0])})
        # m = 0.9 * 0.2 - 0.1 = 0.08, corrected 0.08 / 0.19 = 0.42105263;
        # v = 0.999 * 0.004 + 0.001 = 0.004996, corrected / 0.001999 = 2.49924962.
        step = 0.1 * 0.42105263 / math.sqrt(2.49924962)
        assert weights["w"].item() == pytest.approx(0.9 - step, abs=1e-8)
        assert optimizer.m["w"].item() == pytest.approx(0.08)
        assert optimizer.v["w"].item() == pytest.approx(0.004996)

    @pytest.mark.parametrize(
        ("epsilon_hat", "expected"), [(False, 1 / 2), (True, 1 / (1 + 1 / math.sqrt(0.001)))]
    )
    def test_where_epsilon_is_added(self, epsilon_hat, expected):
        optimizer = reference.Adam(1.0, epsilon=1.0, epsilon_hat=epsilon_hat)
        assert -optimizer.step({"w": np.zeros(1)}, {"w": np.ones(1)})["w"].item() == pytest.approx(
            expected
        )

    def test_the_two_forms_agree_as_the_docstring_says(self):
        """Epsilon hat = epsilon * sqrt(1 - beta_2**t), here in the third step."""
        results = []
        for hat in (False, True):
            weights, optimizer = {"w": np.array([0.5])}, reference.Adam(epsilon=1e-2)
            for number, gradient in enumerate((0.1, 0.2, -0.3), start=1):
                optimizer.epsilon_hat = hat
                optimizer.epsilon = 1e-2 * ((1 - 0.999**number) ** 0.5 if hat else 1)
                weights = optimizer.step(weights, {"w": np.array([gradient])})
            results.append(weights["w"].item())
        assert results[0] == pytest.approx(results[1], abs=1e-15)

    def test_given_weights_are_not_changed(self):
        weights = {"w": np.zeros(1)}
        reference.Adam().step(weights, {"w": np.ones(1)})
        assert weights["w"].item() == 0

    @pytest.mark.parametrize(
        "bad", [{"learning_rate": 0}, {"beta_1": 1}, {"beta_2": -0.1}, {"epsilon": 0}]
    )
    def test_bad_constants(self, bad):
        with pytest.raises(ValueError, match=next(iter(bad))):
            reference.Adam(**bad)


class TestTrain:
    def test_it_learns(self, batch):
        points, labels = make_two_rings(200, 200, seed=1)
        order = reference.batch_order(400, 30, 40, seed=0)
        start = reference.initial_weights(0)
        before = {name: array.copy() for name, array in start.items()}
        weights, history = reference.train(
            start, (points, labels), batch, order, reference.Adam(0.01)
        )
        assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
        assert {len(column) for column in history.values()} == {40}
        assert history["loss"][-1] < 0.5 * history["loss"][0]
        assert history["val_accuracy"][-1] > 0.8
        assert {array.dtype for array in weights.values()} == {np.dtype("float32")}
        assert all(np.array_equal(start[name], before[name]) for name in start)
        assert (history["val_loss"][-1], history["val_accuracy"][-1]) == reference.evaluate(
            weights, *batch
        )

    def test_means_are_weighted_by_the_size_of_the_batch(self, batch):
        """With a learning rate that moves nothing, the mean over batches is that over rows."""
        weights = reference.initial_weights(0, "float64")
        order = reference.batch_order(40, 33, 1, seed=0)
        _, history = reference.train(weights, batch, batch, order, reference.Adam(1e-15))
        assert history["loss"][0] == pytest.approx(history["val_loss"][0], abs=1e-12)
        assert history["accuracy"] == history["val_accuracy"]

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

    def test_seed(self):
        first, again, other = (
            np.concatenate(reference.batch_order(50, 50, 1, seed)[0]) for seed in (0, 0, 1)
        )
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)

    def test_no_rest_and_one_big_batch(self):
        assert [len(rows) for rows in reference.batch_order(6, 3, 1, 0)[0]] == [3, 3]
        assert [len(rows) for rows in reference.batch_order(6, 100, 1, 0)[0]] == [6]

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [
            ((0, 1, 1, 0), "n"),
            ((5, 0, 1, 0), "batch_size"),
            ((5, 2.5, 1, 0), "batch_size"),
            ((5, 1, -1, 0), "epochs"),
            ((5, 1, 1, -1), "seed"),
        ],
    )
    def test_bad_input(self, arguments, name):
        with pytest.raises(ValueError, match=f"{name} is"):
            reference.batch_order(*arguments)


class TestWeights:
    def test_initial(self):
        first, again, other = map(reference.initial_weights, (0, 0, 1))
        assert {name: array.shape for name, array in first.items()} == SHAPES
        assert list(first) == list(SHAPES)
        assert all(np.array_equal(first[name], again[name]) for name in first)
        assert not np.array_equal(first["dense1.kernel"], other["dense1.kernel"])
        for name, array in first.items():
            inputs = SHAPES[name.replace("bias", "kernel")][0]
            assert (np.abs(array) <= 1 / np.sqrt(inputs)).all()
            assert array.all(), f"{name} holds a zero, so a missing copy could go unnoticed"

    def test_both_dtypes_hold_the_same_numbers(self):
        single, double = (reference.initial_weights(0, dtype) for dtype in ("float32", "float64"))
        assert all(np.array_equal(single[name], double[name]) for name in single)
        assert double["dense1.bias"].dtype == np.float64

    @pytest.mark.parametrize("bad", [(-1,), (0.5,), (True,), (0, "float16"), (0, np.float32)])
    def test_bad_input(self, bad):
        with pytest.raises(ValueError, match="allowed"):
            reference.initial_weights(*bad)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_round_trip(self, tmp_path, dtype):
        weights = reference.initial_weights(5, dtype)
        path = reference.save_weights(tmp_path / "deep" / "weights.npz", weights)
        loaded = reference.load_weights(path)
        assert list(loaded) == list(SHAPES)
        for name, array in weights.items():
            assert np.array_equal(loaded[name], array)
            assert loaded[name].dtype == dtype
        assert [entry.name for entry in path.parent.iterdir()] == ["weights.npz"]
        with zipfile.ZipFile(path) as archive:
            assert set(archive.namelist()) == {f"{name}.npy" for name in SHAPES}

    def test_other_suffix(self, tmp_path, weights):
        with pytest.raises(ValueError, match=r"ends in \.npz"):
            reference.save_weights(tmp_path / "weights.pkl", weights)

    def test_bad_weights_are_neither_saved_nor_used(self, tmp_path, weights):
        path = reference.save_weights(tmp_path / "weights.npz", weights)
        before = path.read_bytes()
        for bad, words in bad_weights(weights):
            with pytest.raises(ValueError, match=words):
                reference.save_weights(path, bad)
            with pytest.raises(ValueError, match=words):
                reference.predict(bad, np.zeros((1, 2)))
            with pytest.raises(ValueError, match=words):
                check_weights(bad)
        assert path.read_bytes() == before

    def test_bad_weights_are_refused_when_read(self, tmp_path, weights):
        for number, (bad, words) in enumerate(bad_weights(weights)):
            path = tmp_path / f"{number}.npz"
            np.savez(path, **bad)
            with pytest.raises(ValueError, match=words) as caught:
                reference.load_weights(path)
            assert path.name in str(caught.value)

    def test_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="save_weights"):
            reference.load_weights(tmp_path / "none.npz")

    def test_damaged_files(self, tmp_path, weights):
        whole = reference.save_weights(tmp_path / "weights.npz", weights).read_bytes()
        flipped = bytearray(whole)
        flipped[len(whole) // 3] ^= 0xFF
        damaged = (b"", b"text", whole[: len(whole) // 2], whole[:-10], bytes(flipped))
        for number, content in enumerate(damaged):
            path = tmp_path / f"damaged{number}.npz"
            path.write_bytes(content)
            with pytest.raises(ValueError, match=path.name):
                reference.load_weights(path)

    def test_one_array_is_not_an_archive(self, tmp_path):
        path = tmp_path / "array.npz"
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
        with pytest.raises(ValueError, match=r"array\.npz"):
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
