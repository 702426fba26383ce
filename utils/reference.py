"""The 61-parameter network in plain NumPy: what both frameworks are held to.

2 inputs, 4 and 8 hidden units with relu, and 1 output, a logit. Weights and gradients are dicts of
arrays with the names and shapes of `SHAPES`, in the layout of `points @ kernel + bias`: a kernel is
(inputs, outputs), as in Keras; PyTorch keeps the transpose. Everything is computed in the weights'
dtype, float32 or float64.
"""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from utils.data import check_labels, check_points
from utils.files import atomic_write

Weights = dict[str, np.ndarray]
Data = tuple[np.ndarray, np.ndarray]

SHAPES = {
    "dense1.kernel": (2, 4),
    "dense1.bias": (4,),
    "dense2.kernel": (4, 8),
    "dense2.bias": (8,),
    "dense3.kernel": (8, 1),
    "dense3.bias": (1,),
}
DTYPES = ("float32", "float64")


def initial_weights(seed: int, dtype: str = "float32") -> Weights:
    """Draw the weights that training starts from, by PyTorch's rule for `nn.Linear`.

    Kernels and biases are uniform within one over the square root of the layer's inputs. No bias
    is zero, so one that was not copied is noticed. Both dtypes hold the same numbers.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}, allowed are {' and '.join(map(repr, DTYPES))}")
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in SHAPES.items():
        reach = 1.0 / np.sqrt(SHAPES[name.replace("bias", "kernel")][0])
        weights[name] = rng.uniform(-reach, reach, shape).astype(np.float32).astype(dtype)
    return weights


def batch_order(n: int, batch_size: int, epochs: int, seed: int) -> list[list[np.ndarray]]:
    """Draw the rows of every step: `order[epoch][step]` holds the row numbers of one batch.

    Every epoch has all `n` rows in a new order; its last batch is smaller if a rest is left.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}, allowed is a whole number of at least 1")
    rng = np.random.default_rng(seed)
    cuts = range(batch_size, n, batch_size)
    return [np.split(rng.permutation(n), cuts) for _ in range(epochs)]


def forward(weights: Weights, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the outputs of dense1 (n, 4), of dense2 (n, 8), and the logits (n, 1)."""
    hidden1 = np.maximum(points @ weights["dense1.kernel"] + weights["dense1.bias"], 0)
    hidden2 = np.maximum(hidden1 @ weights["dense2.kernel"] + weights["dense2.bias"], 0)
    return hidden1, hidden2, hidden2 @ weights["dense3.kernel"] + weights["dense3.bias"]


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-logits)), in a form that cannot overflow."""
    return np.exp(-np.logaddexp(0, -logits))


def binary_cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean of -log(probability given to the true class).

    That is log(1 + exp(z)) for label 0 and log(1 + exp(z)) - z for label 1, z being the logit.
    """
    return float(np.mean(np.logaddexp(0, logits) - labels * logits))


def predict(weights: Weights, points: np.ndarray) -> np.ndarray:
    """Return the probability of the inner ring, (n, 1), for points (n, 2)."""
    weights = check_weights(weights)
    return sigmoid(forward(weights, _cast(check_points(points), weights))[2])


def loss_and_gradients(
    weights: Weights, points: np.ndarray, labels: np.ndarray
) -> tuple[float, Weights]:
    """Return the loss of a batch and its derivative by every weight, by the chain rule.

    Points (n, 2), labels (n, 1) or (n,). ValueError if a shape or a value is not allowed.
    """
    weights = check_weights(weights)
    loss, _, gradients = _backward(weights, *_check_data(points, labels, weights))
    return loss, gradients


def _backward(
    weights: Weights, points: np.ndarray, labels: np.ndarray
) -> tuple[float, np.ndarray, Weights]:
    hidden1, hidden2, logits = forward(weights, points)
    # Sigmoid and cross-entropy together: the loss changes with a logit by (p - label) / n.
    at3 = (sigmoid(logits) - labels) / len(points)
    # Back through a layer: its kernel transposed; relu lets through what was above 0.
    at2 = (at3 @ weights["dense3.kernel"].T) * (hidden2 > 0)
    at1 = (at2 @ weights["dense2.kernel"].T) * (hidden1 > 0)
    gradients = {}
    for layer, inputs, at in (
        ("dense1", points, at1),
        ("dense2", hidden1, at2),
        ("dense3", hidden2, at3),
    ):
        gradients[f"{layer}.kernel"], gradients[f"{layer}.bias"] = inputs.T @ at, at.sum(axis=0)
    return binary_cross_entropy(logits, labels), logits, gradients


class Adam:
    """Adam (Kingma and Ba, 2015, https://arxiv.org/abs/1412.6980); defaults as in the paper.

    With m ← β₁ m + (1 - β₁) g and v ← β₂ v + (1 - β₂) g² the paper steps in two forms:

    - Algorithm 1: step = rate · m̂ / (√v̂ + ε), where m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ);
    - the end of section 2, before 2.1: step = rate · √(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε̂).

    They agree if ε̂ = ε · √(1 - β₂ᵗ), which is 0.03 ε in the first step and nears ε in thousands.
    `epsilon_hat=False` is the first form, that of PyTorch 2.13 (ε = 1e-8; torch/optim/adam.py,
    `_single_tensor_adam`: `denom = (exp_avg_sq.sqrt() / bias_correction2_sqrt).add_(eps)`).
    `epsilon_hat=True` is the second form, that of Keras 3.15 (ε̂ = 1e-7;
    keras/src/optimizers/adam.py, `update_step`; its docstring says "epsilon hat").
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        epsilon_hat: bool = False,
    ) -> None:
        self.learning_rate, self.beta_1, self.beta_2 = learning_rate, beta_1, beta_2
        self.epsilon, self.epsilon_hat = epsilon, epsilon_hat
        self.steps, self.m, self.v = 0, {}, {}

    def step(self, weights: Weights, gradients: Weights) -> Weights:
        """Return the weights after one step; the running means m and v stay in the optimizer."""
        self.steps += 1
        correction_1, correction_2 = 1 - self.beta_1**self.steps, 1 - self.beta_2**self.steps
        updated = {}
        for name, gradient in gradients.items():
            m, v = self.m.get(name, 0 * gradient), self.v.get(name, 0 * gradient)
            self.m[name] = m = self.beta_1 * m + (1 - self.beta_1) * gradient
            self.v[name] = v = self.beta_2 * v + (1 - self.beta_2) * gradient**2
            if self.epsilon_hat:
                rate = self.learning_rate * correction_2**0.5 / correction_1
                change = rate * m / (np.sqrt(v) + self.epsilon)
            else:
                root = np.sqrt(v) / correction_2**0.5
                change = self.learning_rate / correction_1 * m / (root + self.epsilon)
            updated[name] = weights[name] - change
        return updated


def train(
    weights: Weights,
    train_data: Data,
    valid_data: Data,
    order: list[list[np.ndarray]],
    optimizer: Adam,
) -> tuple[Weights, dict[str, list[float]]]:
    """Train over an order of batches from `batch_order` and validate after every epoch.

    Data are points (n, 2) and labels (n, 1) or (n,), 0 and 1. Returns the trained weights (those
    given are not changed) and a history: loss, accuracy, val_loss, val_accuracy, one value an
    epoch. Training loss and accuracy are gathered while the weights change, as Keras does it.
    """
    weights = check_weights(weights)
    points, labels = _check_data(*train_data, weights)
    valid_points, valid_labels = _check_data(*valid_data, weights)
    rows_used = np.concatenate([rows for epoch in order for rows in epoch])
    if rows_used.min() < 0 or rows_used.max() >= len(points):
        raise ValueError(f"order holds rows outside 0 to {len(points) - 1}, the training points")
    history = {"loss": [], "accuracy": [], "val_loss": [], "val_accuracy": []}
    for epoch in order:
        losses, right = 0.0, 0
        for rows in epoch:
            loss, logits, gradients = _backward(weights, points[rows], labels[rows])
            weights = optimizer.step(weights, gradients)
            losses += loss * len(rows)
            right += np.sum((logits > 0) == (labels[rows] == 1))
        count = sum(map(len, epoch))
        valid_loss, valid_accuracy = evaluate(weights, valid_points, valid_labels)
        for name, value in zip(
            history, (losses / count, right / count, valid_loss, valid_accuracy), strict=True
        ):
            history[name].append(float(value))
    return weights, history


def evaluate(weights: Weights, points: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return loss and accuracy over all points at once; class 1 where the logit is above 0."""
    weights = check_weights(weights)
    points, labels = _check_data(points, labels, weights)
    logits = forward(weights, points)[2]
    return binary_cross_entropy(logits, labels), float(np.mean((logits > 0) == (labels == 1)))


def largest_difference(first: object, second: object) -> float:
    """Return the largest absolute difference between two sets of arrays, such as weights.

    Both are dicts with the same names, or sequences of the same length; each array must have its
    partner's shape (ValueError). NaN if a difference is NaN.
    """
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        if set(first) != set(second):
            raise ValueError(f"the names are {sorted(first)} and {sorted(second)}; compare equals")
        first, second = list(first.values()), [second[name] for name in first]
    shapes = [[np.shape(array) for array in arrays] for arrays in (first, second)]
    if not shapes[0] or shapes[0] != shapes[1]:
        raise ValueError(
            f"the shapes are {shapes[0]} and {shapes[1]}, allowed are two equal lists; "
            "compare models of the same architecture"
        )
    gaps = [np.abs(np.subtract(a, b, dtype=float)) for a, b in zip(first, second, strict=True)]
    return float(np.max([gap.max() for gap in gaps]))


def save_weights(path: str | Path, weights: Mapping[str, np.ndarray]) -> Path:
    """Write weights as `.npz`: plain arrays by name, without pickle. Return the path."""
    path = Path(path)
    if path.suffix != ".npz":
        raise ValueError(f"path is {path.name!r}, allowed is a name that ends in .npz")
    weights = check_weights(weights)
    with atomic_write(path) as part:
        np.savez(part, allow_pickle=False, **weights)
    return path


def load_weights(path: str | Path) -> Weights:
    """Read weights from `.npz` and check them; no code in the file can run.

    FileNotFoundError if there is no such file; ValueError, with its name, if it is damaged, holds
    pickled objects, or its arrays are not the network's.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; write it with save_weights")
    try:
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as arrays:
            weights = {name: arrays[name] for name in arrays.files}
        return check_weights(weights)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{path}: not the weights of this network ({error}); write it with save_weights"
        ) from error


def check_weights(weights: Mapping[str, np.ndarray]) -> Weights:
    """Return the arrays in the order of `SHAPES`; ValueError if they are not the network's.

    Names and shapes are those of `SHAPES`, all have one dtype of `DTYPES`, all values are finite.
    """
    if set(weights) != set(SHAPES):
        raise ValueError(f"weights are named {sorted(weights)}, allowed are {sorted(SHAPES)}")
    arrays = {name: np.asarray(weights[name]) for name in SHAPES}
    kinds = {str(array.dtype) for array in arrays.values()}
    if len(kinds) > 1 or not kinds <= set(DTYPES):
        raise ValueError(f"weights have the dtypes {sorted(kinds)}, allowed is one of {DTYPES}")
    for name, array in arrays.items():
        if array.shape != SHAPES[name]:
            remedy = "; PyTorch's kernels must be transposed" if name.endswith("kernel") else ""
            raise ValueError(f"{name} has shape {array.shape}, allowed is {SHAPES[name]}{remedy}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds a value that is not a finite number")
    return arrays


def _cast(values: np.ndarray, weights: Weights) -> np.ndarray:
    return values.astype(weights["dense1.kernel"].dtype)


def _check_data(points: np.ndarray, labels: np.ndarray, weights: Weights) -> Data:
    points = check_points(points)
    labels = check_labels(labels, len(points)).reshape(-1, 1)
    return _cast(points, weights), _cast(labels, weights)
