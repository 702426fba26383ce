"""What goes into a training run and comes out of it: 61 weights, and an order of batches.

The layout is that of the formula `points @ kernel + bias`: a kernel has the shape
(inputs, outputs), as in Keras. PyTorch stores the transpose, (outputs, inputs).
"""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from utils.data import _check_whole
from utils.files import atomic_write

Weights = dict[str, np.ndarray]

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
    """Draw the weights that a training run starts from, by PyTorch's rule for `nn.Linear`.

    Every kernel and every bias is uniform within one over the square root of the layer's
    inputs. No bias is zero, so that one that was not copied is noticed.

    Parameters
    ----------
    seed : int
        Seed of the local generator, at least 0.
    dtype : {"float32", "float64"}
        Both hold the same numbers: those that float32 can hold.

    Returns
    -------
    dict of ndarray
        The names and shapes of `SHAPES`, in that order.

    Raises
    ------
    ValueError
        If `seed` is not a whole number of at least 0, or `dtype` is unknown.
    """
    _check_whole(seed, "seed", 0)
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}, allowed are {' and '.join(map(repr, DTYPES))}")
    rng = np.random.default_rng(seed)
    weights = {}
    for layer in ("dense1", "dense2", "dense3"):
        reach = 1.0 / np.sqrt(SHAPES[f"{layer}.kernel"][0])
        for name in (f"{layer}.kernel", f"{layer}.bias"):
            drawn = rng.uniform(-reach, reach, SHAPES[name])
            weights[name] = drawn.astype(np.float32).astype(dtype)
    return weights


def batch_order(n: int, batch_size: int, epochs: int, seed: int) -> list[list[np.ndarray]]:
    """Draw the rows of every step: a new order of all rows in every epoch, cut into batches.

    Parameters
    ----------
    n : int
        Number of training points.
    batch_size : int
        Rows a step; the last batch of an epoch is smaller where `n` leaves a remainder.
    epochs : int
    seed : int
        Seed of the local generator, at least 0.

    Returns
    -------
    list of list of ndarray of int64
        `order[epoch][step]` holds the row numbers of one batch.

    Raises
    ------
    ValueError
        If a number is not whole or too small.
    """
    for value, name, least in ((n, "n", 1), (batch_size, "batch_size", 1), (epochs, "epochs", 1)):
        _check_whole(value, name, least)
    _check_whole(seed, "seed", 0)
    rng = np.random.default_rng(seed)
    cuts = range(batch_size, n, batch_size)
    return [np.split(rng.permutation(n), cuts) for _ in range(epochs)]


def save_weights(path: str | Path, weights: Mapping[str, np.ndarray]) -> Path:
    """Write weights as `.npz`: plain arrays by name, without pickle.

    Parameters
    ----------
    path : str or Path
        The file to write, ending in .npz; it is written beside and renamed.
    weights : mapping from name to array
        Names and shapes as in `SHAPES`.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ValueError
        If the suffix is another one, or the weights are not those of the network.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise ValueError(f"path is {path.name!r}, allowed is a name that ends in .npz")
    weights = check_weights(weights)
    with atomic_write(path) as part:
        np.savez(part, allow_pickle=False, **weights)
    return path


def load_weights(path: str | Path) -> Weights:
    """Read weights from `.npz` and check them; no code in the file can run.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict of ndarray
        Names and shapes of `SHAPES`, float32 or float64.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no `.npz`, is damaged, holds pickled objects, or its arrays are not the
        weights of the network. The message names the file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; write it with save_weights")
    try:
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as arrays:
            weights = {name: arrays[name] for name in arrays.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{path}: not an .npz file of plain arrays ({error}); write it with save_weights"
        ) from error
    try:
        return check_weights(weights)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def check_weights(weights: Mapping[str, np.ndarray], what: str = "weights") -> Weights:
    """Return the arrays in the order of `SHAPES`; ValueError if they are not a network's.

    All must have the right name, the right shape, one dtype (float32 or float64) and finite
    values.
    """
    if set(weights) != set(SHAPES):
        raise ValueError(f"{what} are named {sorted(weights)}, allowed are {sorted(SHAPES)}")
    arrays = {name: np.asarray(weights[name]) for name in SHAPES}
    kinds = {str(array.dtype) for array in arrays.values()}
    if len(kinds) > 1 or not kinds <= set(DTYPES):
        raise ValueError(f"{what} have the dtypes {sorted(kinds)}, allowed is one of {DTYPES}")
    for name, array in arrays.items():
        if array.shape != SHAPES[name]:
            remedy = "; PyTorch's kernels must be transposed" if name.endswith("kernel") else ""
            raise ValueError(
                f"{what}: {name} has shape {array.shape}, allowed is {SHAPES[name]}{remedy}"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"{what}: {name} holds a value that is not a finite number")
    return arrays
