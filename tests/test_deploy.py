"""What the helpers of pair 04 promise, and what they refuse."""

import json

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from utils.data import load_two_rings
from utils.deploy import data_hash, plot_speed, read_rule, size_in_bytes

POINTS = np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32)
LABELS = np.array([[1.0], [0.0]], dtype=np.float32)
RULE = {
    "threshold": 0.5,
    "class_names": ["outer ring", "inner ring"],
    "training_data_sha256": "0123456789abcdef" * 4,
}


def test_the_hash_is_the_one_that_another_program_computes():
    # printf '\0\0\200\77\0\0\0\100\0\0\200\77\0\0\100\100\0\0\200\100\0\0\0\0' | sha256sum
    known = "4d9a3b38201bc44b03e0eb63ea208b476a5ac4fc7e6654121ae0d12c768c3fce"
    assert data_hash(POINTS, LABELS) == known


def test_the_hash_is_of_the_values_and_not_of_their_layout():
    expected = data_hash(POINTS, LABELS)
    assert data_hash(np.asfortranarray(POINTS), LABELS[:, 0]) == expected
    assert data_hash(POINTS.astype(">f8"), LABELS.astype(int)) == expected


def test_any_change_of_the_data_changes_the_hash():
    points, labels = load_two_rings()
    flipped, moved = labels.copy(), points.copy()
    flipped[17] = 1 - flipped[17]
    moved[17, 0] = np.nextafter(moved[17, 0], np.float32(9))
    changed = [(points, flipped), (moved, labels), (points[::-1], labels[::-1])]
    assert len({data_hash(*data) for data in [(points, labels), *changed]}) == 4


@pytest.mark.parametrize(
    ("points", "labels"),
    [(POINTS[0], LABELS), (POINTS, LABELS[:1]), (POINTS * np.nan, LABELS), (POINTS, LABELS + 1)],
)
def test_the_hash_refuses_what_is_no_data(points, labels):
    with pytest.raises(ValueError, match=r"points|labels"):
        data_hash(points, labels)


def test_a_rule_survives_the_round_trip():
    assert read_rule(json.dumps(RULE)) == RULE
    assert read_rule(json.dumps(RULE | {"threshold": 1 / 3}))["threshold"] == 1 / 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": 0.0}, "threshold"),
        ({"threshold": 1}, "threshold"),
        ({"threshold": "0.5"}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"class_names": ["inner ring"]}, "class_names"),
        ({"class_names": "ab"}, "class_names"),
        ({"class_names": [0, 1]}, "class_names"),
        ({"training_data_sha256": "ABC"}, "training_data_sha256"),
        ({"training_data_sha256": None}, "training_data_sha256"),
        ({"another": 1}, "keys"),
    ],
)
def test_a_bent_rule_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        read_rule(json.dumps(RULE | change))


@pytest.mark.parametrize("text", ["", "{", None, "[]", "3", "{}"])
def test_what_is_no_rule_is_refused(text):
    with pytest.raises(ValueError, match="decision rule"):
        read_rule(text)


def test_the_size_of_a_file_and_of_a_folder(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "b").write_bytes(b"678")
    assert size_in_bytes(tmp_path / "a") == 5
    assert size_in_bytes(str(tmp_path)) == 8


def test_the_size_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no such file or folder"):
        size_in_bytes(tmp_path / "nothing")


def test_the_plot_shows_the_times():
    table = pd.DataFrame({"microseconds": [500.0, 3.0]}, index=["a", "b"])
    axes = plot_speed(table)
    assert list(axes.lines[0].get_xdata()) == [500.0, 3.0]
    assert [note.get_text() for note in axes.texts] == ["500", "3"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    assert "microseconds" in axes.get_xlabel()
    assert axes.get_legend() is not None
    plt.close(axes.figure)


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"seconds": [1.0]}),
        pd.DataFrame({"microseconds": []}, dtype=float),
        pd.DataFrame({"microseconds": [1.0, 0.0]}),
        pd.DataFrame({"microseconds": [np.nan]}),
    ],
)
def test_the_plot_refuses_what_is_no_time(table):
    with pytest.raises(ValueError, match="microseconds"):
        plot_speed(table)
