"""The two noisy rings: make them, read them, and know the best accuracy they allow.

A point is positive (label 1) when it comes from the inner ring and negative (label 0)
when it comes from the outer ring. NumPy in, NumPy out.
"""

from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd

from utils.files import atomic_write

DATA_DIR = Path(__file__).resolve().parents[1] / "data"
MODELS_DIR = DATA_DIR / "models"

RADIUS_POSITIVE = 5.0
RADIUS_NEGATIVE = 8.0
NOISES = ("normal", "truncated_normal")
TRUNCATION = 2.0  # standard deviations
COLUMNS = ("x", "y", "label")


def make_two_rings(
    n_positive: int = 2000,
    n_negative: int = 2000,
    *,
    noise: str = "normal",
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw points on two noisy concentric rings, in random order.

    The radius is 5 + noise on the inner (positive) ring and 8 + noise on the outer
    (negative) ring; the angle is uniform on [0, 2π).

    Parameters
    ----------
    n_positive, n_negative : int
        Number of points on the inner and on the outer ring, at least 1 each.
    noise : {"normal", "truncated_normal"}
        Standard normal (standard deviation 1, in the unit of the coordinates), or
        standard normal redrawn while it lies beyond two standard deviations.
    seed : int
        Seed of the local generator, at least 0. The same seed gives the same points.

    Returns
    -------
    points : ndarray of shape (n_positive + n_negative, 2), float32
    labels : ndarray of shape (n_positive + n_negative, 1), float32, 0.0 or 1.0

    Raises
    ------
    ValueError
        If a count is not a positive whole number, if `noise` is unknown, or if `seed`
        is not a whole number of at least 0.
    """
    _check_whole(n_positive, "n_positive", 1)
    _check_whole(n_negative, "n_negative", 1)
    _check_whole(seed, "seed", 0)
    _check_noise(noise)
    rng = np.random.default_rng(seed)
    labels = np.repeat([1.0, 0.0], [n_positive, n_negative])
    centre = np.where(labels == 1.0, RADIUS_POSITIVE, RADIUS_NEGATIVE)
    radius = centre + _draw_noise(rng, labels.size, noise)
    angle = rng.uniform(0.0, 2.0 * np.pi, labels.size)
    points = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    order = rng.permutation(labels.size)
    return points[order].astype(np.float32), labels[order, np.newaxis].astype(np.float32)


def load_two_rings(path: str | Path = DATA_DIR / "two_rings.csv") -> tuple[np.ndarray, np.ndarray]:
    """Read the rings from a CSV file with the columns x, y and label.

    Parameters
    ----------
    path : str or Path
        The file; `data/two_rings.csv` (4,000 rows) if not given.

    Returns
    -------
    points : ndarray of shape (n, 2), float32
    labels : ndarray of shape (n, 1), float32, 0.0 or 1.0

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a column is missing, the file has no rows, or a value is not a finite number
        or, in the label column, not 0 or 1. The message names the file, the row (the
        line of the file, the header being line 1) and the remedy.
    """
    path = Path(path)
    remedy = (
        "restore the file with `git checkout data/` or write it anew with `python -m utils.data`"
    )
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; {remedy}")
    frame = _read_csv(path, remedy)
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise ValueError(
            f"{path}, row 1: no column {missing[0]!r} among {list(frame.columns)}; {remedy}"
        )
    if frame.empty:
        raise ValueError(f"{path}, row 2: the file has a header but no rows; {remedy}")
    values = np.column_stack([_numbers(frame, name, path, remedy) for name in COLUMNS])
    bad = ~np.isin(values[:, 2], (0.0, 1.0))
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(
            f"{path}, row {row + 2}: label is {values[row, 2]:g}, allowed are 0 and 1; {remedy}"
        )
    return values[:, :2].astype(np.float32), values[:, 2:].astype(np.float32)


def save_two_rings(path: str | Path = DATA_DIR / "two_rings.csv") -> Path:
    """Write the output of `make_two_rings()` as CSV; float32 values survive the round trip.

    Parameters
    ----------
    path : str or Path
        The file to write; it is written beside and renamed.

    Returns
    -------
    Path
        The file written.
    """
    points, labels = make_two_rings()
    frame = pd.DataFrame(points, columns=["x", "y"]).assign(label=labels.astype(int))
    with atomic_write(path) as part:
        frame.to_csv(part, index=False, lineterminator="\n")
    return Path(path)


def bayes_accuracy(noise: str = "normal") -> float:
    """Return the best accuracy that any classifier can reach on the two rings.

    Derivation. Both rings are equally frequent and spread evenly over the angle, so only
    the radius r tells them apart. The best decision (the Bayes rule) picks the ring whose
    density is larger at r. The densities are the same bell around 5 and around 8, so they
    cross halfway, at 6.5, which is d = 1.5 standard deviations from either ring.
    By symmetry the rule is right whenever the noise of a point stays below d:

    - normal noise: Φ(1.5) = 0.9332;
    - noise redrawn beyond t = 2 standard deviations:
      (Φ(1.5) - Φ(-2)) / (Φ(2) - Φ(-2)) = 0.9538.

    Φ is the standard normal distribution function. (A radius below 0, more than 5
    standard deviations away, changes these values by less than 1e-25.)

    Source of the rule: Hastie, Tibshirani, Friedman, The Elements of Statistical Learning,
    2nd edition, section 2.4, equation 2.23.

    Parameters
    ----------
    noise : {"normal", "truncated_normal"}
        As in `make_two_rings`, with as many positive as negative points.

    Returns
    -------
    float
        A fraction of all points, between 0 and 1.

    Raises
    ------
    ValueError
        If `noise` is unknown.
    """
    _check_noise(noise)
    cdf = NormalDist().cdf
    d = (RADIUS_NEGATIVE - RADIUS_POSITIVE) / 2.0
    if noise == "normal":
        return cdf(d)
    return (cdf(d) - cdf(-TRUNCATION)) / (cdf(TRUNCATION) - cdf(-TRUNCATION))


def bayes_predict(points: np.ndarray) -> np.ndarray:
    """Classify points by the rule that reaches `bayes_accuracy`: positive below radius 6.5.

    Parameters
    ----------
    points : ndarray of shape (n, 2), any real dtype

    Returns
    -------
    ndarray of shape (n, 1), float32
        1.0 (inner ring) or 0.0 (outer ring).

    Raises
    ------
    ValueError
        If `points` is not of shape (n, 2) or holds a value that is not finite.
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
        raise ValueError(
            "points holds a value that is not a finite number; drop or repair such rows first"
        )
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


def _check_whole(value: int, name: str, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} is {value!r}, allowed is a whole number of at least {least}")


def _check_noise(noise: str) -> None:
    if noise not in NOISES:
        raise ValueError(f"noise is {noise!r}, allowed are {' and '.join(map(repr, NOISES))}")


def _read_csv(path: Path, remedy: str) -> pd.DataFrame:
    try:
        return pd.read_csv(path, skip_blank_lines=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path}: not a CSV file with the columns x, y, label ({error}); {remedy}"
        ) from error


def _numbers(frame: pd.DataFrame, name: str, path: Path, remedy: str) -> np.ndarray:
    values = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    bad = ~np.isfinite(values)
    if bad.any():
        row = int(bad.argmax())
        value = frame[name].iloc[row]
        found = repr(value) if isinstance(value, str) else value
        raise ValueError(
            f"{path}, row {row + 2}: {name} is {found}, allowed is a finite number; {remedy}"
        )
    return values


if __name__ == "__main__":
    print(f"wrote {save_two_rings()}")
