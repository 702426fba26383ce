"""What goes with a saved model: its decision rule, the mark of its data, its size and speed."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from utils.data import check_labels, check_points
from utils.plotting import BLUE, new_axes

RULE_KEYS = {"threshold", "class_names", "training_data_sha256"}


def data_hash(points: np.ndarray, labels: np.ndarray) -> str:
    """Return the SHA-256 of a data set: the same rows in the same order give the same hash.

    Parameters
    ----------
    points : ndarray of shape (n, 2), any real dtype
    labels : ndarray of shape (n, 1) or (n,), values 0 and 1

    Returns
    -------
    str
        64 hexadecimal digits, computed over x, y and label of each row as
        little-endian float32, so that every machine finds the same.

    Raises
    ------
    ValueError
        If a shape is wrong, a coordinate is not finite or a label is neither 0 nor 1.
    """
    points = check_points(points)
    labels = check_labels(labels, len(points))
    rows = np.column_stack([points, labels]).astype("<f4", order="C")
    return hashlib.sha256(rows.tobytes()).hexdigest()


def read_rule(text: str) -> dict:
    """Read a decision rule from its JSON text and check it.

    Parameters
    ----------
    text : str
        A JSON object with `threshold` (between 0 and 1, both excluded), `class_names`
        (two texts, the negative class first) and `training_data_sha256` (64
        hexadecimal digits).

    Returns
    -------
    dict
        The rule, its three keys as above.

    Raises
    ------
    ValueError
        If the text is not JSON, or a key is missing, unknown or holds something else.
    """
    try:
        rule = json.loads(text)
    except (TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"the decision rule is not JSON text ({error}); save it anew") from error
    if not isinstance(rule, dict) or set(rule) != RULE_KEYS:
        raise ValueError(f"the decision rule is {text}, allowed are the keys {sorted(RULE_KEYS)}")
    threshold, names = rule["threshold"], rule["class_names"]
    if type(threshold) is not float or not 0 < threshold < 1:
        raise ValueError(f"threshold is {threshold!r}, allowed is a number between 0 and 1")
    if not isinstance(names, list) or [type(name) for name in names] != [str, str]:
        raise ValueError(f"class_names is {names!r}, allowed are two texts, negative class first")
    mark = rule["training_data_sha256"]
    if not isinstance(mark, str) or not re.fullmatch("[0-9a-f]{64}", mark):
        raise ValueError(
            f"training_data_sha256 is {mark!r}, allowed are 64 hexadecimal digits, "
            "as data_hash returns them"
        )
    return rule


def size_in_bytes(path: str | Path) -> int:
    """Return the size of a file, or of all files in a folder.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    int
        Bytes.

    Raises
    ------
    ValueError
        If there is neither a file nor a folder at `path`.
    """
    path = Path(path)
    if path.is_file():
        return path.stat().st_size
    if not path.is_dir():
        raise ValueError(f"{path}: there is no such file or folder; save the model first")
    return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())


def plot_speed(table: pd.DataFrame) -> Axes:
    """Draw the time of one prediction for each format, on a logarithmic axis.

    Parameters
    ----------
    table : DataFrame, one row a format, with the column `microseconds`
        The index holds the names of the formats.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the column is missing, or holds a time that is not a positive number.
    """
    if "microseconds" not in table.columns:
        raise ValueError(f"table has no column 'microseconds'; it has {list(table.columns)}")
    times = table["microseconds"]
    if times.empty or not (np.isfinite(times) & (times > 0)).all():
        raise ValueError("microseconds holds a value that is not a positive number; measure anew")
    axes = new_axes((7.5, 3.2))
    axes.plot(times, table.index, "o", color=BLUE, label="one point alone, median of 200 calls")
    for name, time in times.items():
        axes.annotate(f"{time:.0f}", (time, name), (8, -4), textcoords="offset points")
    axes.set_xscale("log")
    axes.set(xlabel="microseconds (logarithmic)", title="time of one prediction")
    axes.set_xlim(times.min() / 2, times.max() * 2)
    axes.margins(y=0.15)
    axes.invert_yaxis()
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))
    return axes
