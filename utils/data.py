"""The two noisy rings: make them, read them, and know the best accuracy they allow.

A point is positive (label 1) when it comes from the inner ring and negative (label 0)
when it comes from the outer ring. NumPy in, NumPy out.
"""

import os
import tempfile
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd

from utils.files import atomic_write

DATA_DIR = Path(__file__).resolve().parents[1] / "data"

RADIUS_POSITIVE = 5.0
RADIUS_NEGATIVE = 8.0
NOISES = ("normal", "truncated_normal")
TRUNCATION = 2.0  # standard deviations
COLUMNS = ("x", "y", "label")
REMEDY = "restore the file with `git checkout data/` or write it anew with `python -m utils.data`"


def __getattr__(name: str) -> Path:
    """Give MODELS_DIR: data/models, or the folder that the variable TWO_RINGS_MODELS names.

    OSError, before any training, if no file can be written there.
    """
    if name != "MODELS_DIR":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    path = Path(os.environ.get("TWO_RINGS_MODELS") or DATA_DIR / "models")
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        raise OSError(
            f"no file can be written to {path}, where notebooks keep their models; make it "
            "writable, or name another folder in the environment variable TWO_RINGS_MODELS"
        ) from error
    return path


def make_two_rings(
    n_positive: int = 2000,
    n_negative: int = 2000,
    *,
    noise: str = "normal",
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw points on two noisy concentric rings, in random order.

    The radius is 5 + noise on the inner (positive) ring and 8 + noise on the outer (negative)
    ring; the angle is uniform on [0, 2π). `noise` is standard normal ("normal"), or redrawn while
    it lies beyond two standard deviations ("truncated_normal"). Returns points (n, 2) and labels
    (n, 1), 0.0 or 1.0, both float32; the same seed gives the same points.
    """
    _check_noise(noise)
    rng = np.random.default_rng(seed)
    labels = np.repeat([1.0, 0.0], [n_positive, n_negative])
    radius = np.where(labels == 1.0, RADIUS_POSITIVE, RADIUS_NEGATIVE)
    radius += _draw_noise(rng, labels.size, noise)
    angle = rng.uniform(0.0, 2.0 * np.pi, labels.size)
    points = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    order = rng.permutation(labels.size)
    return points[order].astype(np.float32), labels[order, np.newaxis].astype(np.float32)


def load_two_rings(path: str | Path = DATA_DIR / "two_rings.csv") -> tuple[np.ndarray, np.ndarray]:
    """Read points (n, 2) and labels (n, 1), both float32, from a CSV file with x, y and label.

    ValueError if a column is missing, there are no rows, or a value is not a finite number or, in
    the label column, not 0 or 1. The message names the file, its line (the header is line 1) and
    the remedy. FileNotFoundError if there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; {REMEDY}")
    try:
        frame = pd.read_csv(path, skip_blank_lines=False)
        values = frame[list(COLUMNS)].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    except (ValueError, KeyError) as error:
        columns = ", ".join(COLUMNS)
        raise ValueError(f"{path}: no CSV file with {columns} ({error}); {REMEDY}") from error
    if frame.empty:
        raise ValueError(f"{path}: the file has a header but no rows; {REMEDY}")
    good = np.isfinite(values)
    good[:, 2] = np.isin(values[:, 2], (0, 1))
    if not good.all():
        row, column = np.argwhere(~good)[0]
        name, found = COLUMNS[column], frame[COLUMNS[column]].iloc[row]
        allowed = "0 and 1" if name == "label" else "finite numbers"
        raise ValueError(f"{path}, line {row + 2}: {name} is {found}, allowed: {allowed}; {REMEDY}")
    return values[:, :2].astype(np.float32), values[:, 2:].astype(np.float32)


def save_two_rings(path: str | Path = DATA_DIR / "two_rings.csv") -> Path:
    """Write the output of `make_two_rings()` as CSV; float32 values survive the round trip."""
    points, labels = make_two_rings()
    frame = pd.DataFrame(points, columns=["x", "y"]).assign(label=labels.astype(int))
    with atomic_write(path) as part:
        frame.to_csv(part, index=False, lineterminator="\n")
    return Path(path)


def bayes_accuracy(noise: str = "normal") -> float:
    """Return the best accuracy that any classifier can reach on the two rings, from 0 to 1.

    Derivation. Both rings are equally frequent and spread evenly over the angle, so only the
    radius r tells them apart. The best decision (the Bayes rule) picks the ring whose density is
    larger at r. The densities are the same bell around 5 and around 8, so they cross halfway, at
    6.5, which is d = 1.5 standard deviations from either ring. By symmetry the rule is right
    whenever the noise of a point stays below d: Φ(1.5) = 0.9332 for normal noise, and
    (Φ(1.5) - Φ(-2)) / (Φ(2) - Φ(-2)) = 0.9538 for noise redrawn beyond 2 standard deviations.

    Φ is the standard normal distribution function. (A radius below 0, more than 5 standard
    deviations away, changes these values by less than 1e-25.) Source of the rule: Hastie,
    Tibshirani, Friedman, The Elements of Statistical Learning, 2nd edition, equation 2.23.
    """
    _check_noise(noise)
    cdf = NormalDist().cdf
    d = (RADIUS_NEGATIVE - RADIUS_POSITIVE) / 2.0
    if noise == "normal":
        return cdf(d)
    return (cdf(d) - cdf(-TRUNCATION)) / (cdf(TRUNCATION) - cdf(-TRUNCATION))


def bayes_predict(points: np.ndarray) -> np.ndarray:
    """Classify points (n, 2) by the rule that reaches `bayes_accuracy`: positive below radius 6.5.

    Returns float32 of shape (n, 1): 1.0 (inner ring) or 0.0 (outer ring).
    """
    points = check_points(points)
    radius = np.hypot(points[:, :1], points[:, 1:])
    return (radius < boundary_radius()).astype(np.float32)


def boundary_radius() -> float:
    """Return the radius of the ideal decision boundary, halfway between the rings: 6.5."""
    return (RADIUS_POSITIVE + RADIUS_NEGATIVE) / 2.0


def check_points(points: np.ndarray) -> np.ndarray:
    """Return `points` as an array of shape (n, 2); ValueError if they are not finite points."""
    points = np.asarray(points)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(
            f"points has shape {points.shape}, allowed is (n, 2): one row a point, x and y; "
            "a single point (2,) becomes (1, 2) with points.reshape(1, 2)"
        )
    if not (np.issubdtype(points.dtype, np.number) and np.isfinite(points).all()):
        raise ValueError("points holds a value that is not a finite number; drop such rows first")
    return points


def check_labels(labels: np.ndarray, n: int, name: str = "labels") -> np.ndarray:
    """Return `labels` as an array of shape (n,); ValueError if they are not n zeros and ones."""
    labels = np.asarray(labels)
    if labels.shape not in ((n,), (n, 1)):
        raise ValueError(
            f"{name} has shape {labels.shape}, allowed are ({n}, 1) and ({n},): "
            f"one value for each of the {n} points"
        )
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(
            f"{name} holds values other than 0 (outer ring) and 1 (inner ring); "
            "turn probabilities into classes first: (probabilities > 0.5).astype('float32')"
        )
    return labels.reshape(n)


def _draw_noise(rng: np.random.Generator, size: int, noise: str) -> np.ndarray:
    values = rng.standard_normal(size)
    if noise == "truncated_normal":
        while (beyond := np.abs(values) > TRUNCATION).any():
            values[beyond] = rng.standard_normal(int(beyond.sum()))
    return values


def _check_noise(noise: str) -> None:
    if noise not in NOISES:
        raise ValueError(f"noise is {noise!r}, allowed are {' and '.join(map(repr, NOISES))}")


if __name__ == "__main__":
    print(f"wrote {save_two_rings()}")
