"""The rings: their moments, seeds, file, ceiling, and every way to ask for them wrongly."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from utils import data
from utils.data import (
    bayes_accuracy,
    bayes_predict,
    boundary_radius,
    check_labels,
    check_points,
    load_two_rings,
    make_two_rings,
    save_two_rings,
)

MANY = 200_000


@pytest.fixture(scope="module", params=data.NOISES)
def many(request):
    points, labels = make_two_rings(MANY, MANY, noise=request.param, seed=3)
    return request.param, points, labels


def noise_of(points, labels):
    radius = np.hypot(points[:, :1], points[:, 1:])
    return (radius - np.where(labels == 1, 5.0, 8.0)).ravel()


def test_shapes_types_and_order():
    points, labels = make_two_rings(30, 20, seed=1)
    assert points.shape == (50, 2)
    assert labels.shape == (50, 1)
    assert points.dtype == labels.dtype == np.float32
    assert labels.sum() == 30
    assert set(np.unique(labels)) == {0.0, 1.0}
    assert not np.array_equal(labels[:30], np.ones((30, 1))), "the rows are not shuffled"


def test_moments(many):
    noise, points, labels = many
    # A standard normal cut at ±2 keeps the variance 1 - 4 φ(2) / (2 Φ(2) - 1).
    variance = 1 - 4 * stats.norm.pdf(2) / (2 * stats.norm.cdf(2) - 1)
    deviation = 1.0 if noise == "normal" else math.sqrt(variance)
    for label in (0, 1):
        chosen = labels[:, 0] == label
        values = noise_of(points, labels)[chosen]
        assert abs(values.mean()) < 5 * deviation / math.sqrt(MANY)
        assert abs(values.std() - deviation) < 5 * deviation / math.sqrt(2 * MANY)


def test_distribution_of_the_noise(many):
    noise, points, labels = many
    expected = stats.norm if noise == "normal" else stats.truncnorm(-2, 2)
    assert stats.kstest(noise_of(points, labels), expected.cdf).pvalue > 1e-4


def test_angles_are_uniform(many):
    _, points, _ = many
    angle = np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi) % 1.0
    assert stats.kstest(angle, "uniform").pvalue > 1e-4


def test_truncation(many):
    noise, points, labels = many
    beyond = np.abs(noise_of(points, labels)) > 2.0 + 1e-5
    if noise == "truncated_normal":
        assert not beyond.any()
    else:
        assert abs(beyond.mean() - 2 * stats.norm.cdf(-2)) < 0.002


def test_the_same_seed_gives_the_same_points():
    first, again, other = (make_two_rings(seed=seed) for seed in (7, 7, 8))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_no_global_random_state_is_touched():
    before = np.random.get_state()[1].copy()
    make_two_rings(10, 10, noise="truncated_normal")
    assert np.array_equal(before, np.random.get_state()[1])


def test_unknown_noise_is_refused():
    for call in (bayes_accuracy, lambda noise: make_two_rings(noise=noise)):
        with pytest.raises(ValueError, match="noise is 'cauchy', allowed are 'normal' and 'trunc"):
            call("cauchy")


def test_the_file_is_the_output_of_make_two_rings():
    points, labels = load_two_rings()
    made_points, made_labels = make_two_rings()
    assert points.shape == (4000, 2)
    assert points.dtype == labels.dtype == np.float32
    # sin and cos may differ in the last bit between processors
    assert np.allclose(points, made_points, rtol=0, atol=2e-6)
    assert np.array_equal(labels, made_labels)


def test_a_written_file_reads_back_exactly(tmp_path):
    path = save_two_rings(tmp_path / "rings.csv")
    points, labels = load_two_rings(path)
    assert np.array_equal(points, make_two_rings()[0])
    assert np.array_equal(labels, make_two_rings()[1])
    assert [entry.name for entry in tmp_path.iterdir()] == ["rings.csv"]


def write_rows(tmp_path, text):
    path = tmp_path / "rings.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x,label\n1,0\n", r"no CSV file with x, y, label .*'y'"),
        ("x,y,label\n1,2,0\n1,2,1,9\n", "no CSV file with x, y, label"),
        ("", "no CSV file with x, y, label"),
        ("x,y,label\n", "the file has a header but no rows"),
        ("x,y,label\n1,2,0\n1,two,1\n", "line 3: y is two, allowed: finite numbers"),
        ("x,y,label\n1,2,0\n\n1,2,1\n", "line 3: x is nan, allowed: finite numbers"),
        ("x,y,label\ninf,2,0\n", "line 2: x is inf, allowed: finite numbers"),
        ("x,y,label\n1,2,0.5\n", "line 2: label is 0.5, allowed: 0 and 1"),
        ("x,y,label\n1,2,inner\n", "line 2: label is inner, allowed: 0 and 1"),
    ],
)
def test_bad_files(tmp_path, text, words):
    with pytest.raises(ValueError, match=words) as error:
        load_two_rings(write_rows(tmp_path, text))
    assert "rings.csv" in str(error.value)
    assert "git checkout data/" in str(error.value), "no remedy"


def test_files_that_are_no_text_or_missing(tmp_path):
    path = tmp_path / "rings.csv"
    with pytest.raises(FileNotFoundError, match=r"rings\.csv: there is no such file; restore"):
        load_two_rings(path)
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ValueError, match="no CSV file"):
        load_two_rings(path)


def test_further_columns_are_allowed(tmp_path):
    points, labels = load_two_rings(write_rows(tmp_path, "x,note,y,label\n1,a,2,0\n3,b,4,1\n"))
    assert points.tolist() == [[1, 2], [3, 4]]
    assert labels.tolist() == [[0], [1]]


def test_ceiling_values():
    assert f"{bayes_accuracy():.4f}" == "0.9332"
    assert f"{bayes_accuracy('truncated_normal'):.4f}" == "0.9538"


def test_ceiling_by_sampling(many):
    noise, points, labels = many
    accuracy = np.mean(bayes_predict(points) == labels)
    ceiling = bayes_accuracy(noise)
    standard_error = math.sqrt(ceiling * (1 - ceiling) / len(labels))
    assert abs(accuracy - ceiling) < 4 * standard_error


@pytest.mark.parametrize("radius", [5.8, 6.2, 6.8, 7.2])
def test_no_other_radius_does_better(many, radius):
    _, points, labels = many
    other = np.hypot(points[:, :1], points[:, 1:]) < radius
    assert np.mean(other == labels) < np.mean(bayes_predict(points) == labels)


def test_bayes_predict():
    predicted = bayes_predict(np.array([[6.49, 0.0], [0.0, -6.51], [3.0, 4.0]]))
    assert predicted.tolist() == [[1.0], [0.0], [1.0]]
    assert predicted.dtype == np.float32
    assert boundary_radius() == 6.5


@pytest.mark.parametrize("points", [np.zeros(2), np.zeros((3, 3)), np.zeros((2, 2, 2)), 1.0])
def test_points_of_the_wrong_shape(points):
    with pytest.raises(ValueError, match=r"allowed is \(n, 2\)"):
        bayes_predict(points)


@pytest.mark.parametrize("value", [np.nan, np.inf, "text"])
def test_points_that_are_not_finite(value):
    with pytest.raises(ValueError, match="not a finite number"):
        check_points(np.array([[1.0, value]]))


def test_labels_are_checked():
    assert check_labels(np.array([[1.0], [0.0]]), 2).tolist() == [1.0, 0.0]
    with pytest.raises(
        ValueError, match=r"labels has shape \(3,\), allowed are \(2, 1\) and \(2,\)"
    ):
        check_labels(np.zeros(3), 2)
    with pytest.raises(ValueError, match="predicted holds values other than 0"):
        check_labels(np.array([0.2, 1.0]), 2, "predicted")


def test_the_csv_has_the_columns_that_its_readme_names():
    frame = pd.read_csv(data.DATA_DIR / "two_rings.csv")
    assert tuple(frame.columns) == data.COLUMNS
    assert frame["label"].value_counts().to_dict() == {0: 2000, 1: 2000}


@pytest.mark.parametrize("folder", ["a file", "a file/models"])
def test_a_folder_for_models_that_cannot_be_written_is_noticed_at_once(
    folder, tmp_path, monkeypatch
):
    (tmp_path / "a file").touch()
    monkeypatch.setenv("TWO_RINGS_MODELS", str(tmp_path / folder))
    with pytest.raises(OSError, match="make it writable, or name another folder"):
        data.MODELS_DIR  # noqa: B018
