"""The 61-parameter network in plain NumPy: what both frameworks are held to.

2 inputs, 4 and 8 hidden units with relu, 1 output with sigmoid. `weights` and `gradients` are
dicts of arrays in the layout of `utils.weights.SHAPES`; all is computed in the weights' dtype,
float32 or float64.
"""

from collections.abc import Mapping

import numpy as np

from utils.data import check_labels, check_points
from utils.weights import (
    Weights,
    batch_order,
    check_weights,
    initial_weights,
    load_weights,
    save_weights,
)

__all__ = [
    "Adam",
    "batch_order",
    "evaluate",
    "initial_weights",
    "largest_difference",
    "load_weights",
    "loss_and_gradients",
    "predict",
    "save_weights",
    "train",
]


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
    """Adam (Kingma and Ba, 2015, https://arxiv.org/abs/1412.6980).

    The paper has two forms, with a small constant at two places:

    - Algorithm 1: step = rate · m̂ / (√v̂ + ε), where m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ);
    - the end of section 2, before 2.1: step = rate · √(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε̂).

    They agree if ε̂ = ε · √(1 - β₂ᵗ), which is 0.03 ε in the first step and nears ε in thousands.
    PyTorch 2.13 has the first form and ε = 1e-8, the paper's value (torch/optim/adam.py,
    `_single_tensor_adam`: `denom = (exp_avg_sq.sqrt() / bias_correction2_sqrt).add_(eps)`).
    Keras 3.15 has the second form and ε̂ = 1e-7 (keras/src/optimizers/adam.py, `update_step`;
    its docstring says "epsilon hat").

    Parameters
    ----------
    learning_rate, beta_1, beta_2, epsilon : float
        Defaults as in the paper.
    epsilon_hat : bool
        False for Algorithm 1 (PyTorch), True for the form before section 2.1 (Keras).
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        epsilon_hat: bool = False,
    ) -> None:
        for name, value, allowed in (
            ("learning_rate", learning_rate, learning_rate > 0),
            ("beta_1", beta_1, 0 <= beta_1 < 1),
            ("beta_2", beta_2, 0 <= beta_2 < 1),
            ("epsilon", epsilon, epsilon > 0),
        ):
            if not allowed:
                limits = "at least 0 and below 1" if name.startswith("beta") else "above 0"
                raise ValueError(f"{name} is {value!r}, allowed is a number {limits}")
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
    train_data: tuple[np.ndarray, np.ndarray],
    valid_data: tuple[np.ndarray, np.ndarray],
    order: list[list[np.ndarray]],
    optimizer: Adam,
) -> tuple[Weights, dict[str, list[float]]]:
    """Train over a given order of batches and validate after every epoch.

    Parameters
    ----------
    weights : dict of ndarray
        Where to start; not changed.
    train_data, valid_data : (points, labels)
        Points (n, 2), labels (n, 1) or (n,), 0 and 1.
    order : list of list of ndarray
        From `batch_order`: the rows of every step of every epoch.
    optimizer : Adam

    Returns
    -------
    weights : dict of ndarray
        The trained weights.
    history : dict of list
        loss, accuracy, val_loss, val_accuracy; one value an epoch. Loss and accuracy on the
        training data are gathered while the model changes, as Keras does it.

    Raises
    ------
    ValueError
        If weights, data or rows are not allowed.
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


def _cast(values: np.ndarray, weights: Weights) -> np.ndarray:
    return values.astype(weights["dense1.kernel"].dtype)


def _check_data(
    points: np.ndarray, labels: np.ndarray, weights: Weights
) -> tuple[np.ndarray, np.ndarray]:
    points = check_points(points)
    labels = check_labels(labels, len(points)).reshape(-1, 1)
    return _cast(points, weights), _cast(labels, weights)
