"""Two notebooks that must be readable side by side, and two frameworks that must agree."""

import functools
import re
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import notebooks as tool
from tools import readme
from tools.share import defined, main, share, shared_ids
from utils import reference

PAIRS = sorted({path.stem.rpartition("_")[0] for path in tool.all_notebooks()})
# The common vocabulary: what one twin uses of it, the other uses.
SHARED_NAMES = {"SEED", "batch_size", "epochs", "learning_rate", "model", "history", "ceiling"}
SHARED_NAMES |= {"points", "labels", "fresh_accuracy"}
SHARED_NAMES |= {f"{a}_{b}" for a in ("train", "valid", "fresh") for b in ("points", "labels")}
# Numbers that both twins promise within output that is otherwise their own.
PROMISED_NUMBERS = {
    "model-summary": r"Total params: (\d+)",
    "fresh-accuracy": r"best possible accuracy: ([\d.]+)",
}
# What the pairs set alike. Some train more briefly; 07 compares weights, with a larger epsilon.
SETTINGS = {
    "SEED": 0,
    "batch_size": 20,
    "epochs": 50,
    "learning_rate": 0.001,
    "epsilon": 1e-10,
    "precision": 4,  # of arrays that are printed
}
OTHERWISE = {
    "02": {"epochs": 15, "learning_rate": 0.003},
    "03": {"epochs": 10, "learning_rate": 0.01},
    "07": {"epsilon": 1e-7},
}


read = functools.cache(tool.read)


@pytest.fixture(params=PAIRS)
def twins(request):
    paths = [tool.NOTEBOOKS / f"{request.param}_{each}.ipynb" for each in ("tensorflow", "pytorch")]
    return [read(path) for path in paths]


@pytest.fixture
def both(twins):
    """The cells that stand in both twins, as pairs."""
    second = {cell.id: cell for cell in twins[1].cells}
    return [(cell, second[cell.id]) for cell in twins[0].cells if cell.id in second]


def shown(cell):
    """Return all text of a cell's outputs, tables included, pictures left out."""
    data = [{**o.get("data", {}), "text/stream": o.get("text", "")} for o in cell.outputs]
    return [
        text for each in data for kind, text in sorted(each.items()) if "text/" in kind and text
    ]


def test_same_cells_in_the_same_order(twins):
    first, second = ([(cell.id, cell.cell_type) for cell in twin.cells] for twin in twins)
    assert first == second


def test_same_tags_and_folding(both):
    for first, second in both:
        for key in ("tags", "jupyter"):
            assert first.metadata.get(key) == second.metadata.get(key), first.id


def test_same_headings(both):
    """Also in the cells that are a framework's own; only the title names the framework."""
    for first, second in both:
        if first.cell_type == "markdown" and first.id != "title":
            found = [re.findall(r"^#+ .+$", each.source, re.MULTILINE) for each in (first, second)]
            assert found[0] == found[1], first.id


def test_what_is_shared_is_equal(twins, both):
    """All words but those of `how-…` cells, and the code that names no framework, to the byte.

    `make share` copies them. Code that must differ names its framework, if only in a comment.
    """
    shared = shared_ids(*twins)
    assert [a.id for a, b in both if a.id in shared and a.source != b.source] == []


def test_a_framework_has_its_own_words_only_where_they_differ(both):
    ways = [(a, b) for a, b in both if a.id.startswith("how-")]
    assert [a.id for a, b in ways if a.source == b.source] == []


def test_shared_names(twins):
    code = [[cell.source for cell in twin.cells if cell.cell_type == "code"] for twin in twins]
    first, second = (set().union(*map(defined, sources)) for sources in code)
    assert first & SHARED_NAMES == second & SHARED_NAMES


def test_settings_of_one_name_have_one_value():
    for path in tool.all_notebooks():
        source = tool.cell(read(path), "settings").source
        said = re.findall(r"\b(\w+) ?= ?([\d.e-]+)(?=[,)\n]|$)", source)
        expected = SETTINGS | OTHERWISE.get(path.name[:2], {})
        for name, value in said:
            assert float(value) == expected.get(name, float(value)), (path.name, name)


def test_same_output_where_promised(both):
    """Cells of which the text promises the same output in both frameworks carry a tag."""
    for first, second in [
        each for each in both if "same-output" in each[0].metadata.get("tags", [])
    ]:
        assert shown(first), f"{first.id} shows nothing"
        assert shown(first) == shown(second), first.id


def test_same_number_inside_other_output(both):
    for first, second in both:
        if first.id in PROMISED_NUMBERS:
            texts = [
                re.sub(r"\x1b\[[0-9;]*m|<[^>]*>", "", "\n".join(shown(c))) for c in (first, second)
            ]
            found = [set(re.findall(PROMISED_NUMBERS[first.id], text)) for text in texts]
            assert found[0], first.id
            assert found[0] == found[1], first.id


class TestShare:
    """What `make share` copies from one twin into the other, and what it leaves alone."""

    def notebook(self, *cells):
        made = []
        for cell_id, source in cells:
            code = source.startswith("code:")
            make = new_code_cell if code else new_markdown_cell
            made.append(make(source.removeprefix("code:"), id=cell_id))
            if code:
                made[-1].execution_count = 1
        return new_notebook(cells=made)

    def test_shared_cells_and_no_others(self):
        first = self.notebook(
            ("title", "# in PyTorch"),
            ("words", "better"),
            ("new", "a new paragraph"),
            ("new-code", "code:gap = 3"),
            ("how-train", "the loop"),
            ("train", "code:loss = torch.tensor(1.0)\nloader = [loss]"),
            ("use", "code:first = loader[0]"),
            ("keep", "code:number = 1"),
            ("print", "code:print(gap + number)"),
        )
        first.cells[3].metadata["tags"] = ["same-output"]
        second = self.notebook(
            ("title", "# in TensorFlow"),
            ("words", "worse"),
            ("old", "an old paragraph"),
            ("how-train", "fit"),
            ("how-own", "only here"),
            ("train", "code:history = keras.fit()"),
            ("use", "code:first = history"),
            ("keep", "code:number = 1"),
            ("print", "code:print(number)"),
        )
        after = share(first, second)
        assert [cell.id for cell in after.cells] == [
            *("title", "words", "new", "new-code", "how-train", "how-own"),
            *("train", "use", "keep", "print"),
        ]
        text = {cell.id: cell.source for cell in after.cells}
        assert text["title"] == "# in TensorFlow"
        assert (text["words"], text["new"]) == ("better", "a new paragraph")
        assert (text["how-train"], text["train"]) == ("fit", "code:history = keras.fit()"[5:])
        assert text["use"] == "first = history"
        assert text["print"] == "print(gap + number)"
        assert after.cells[3].metadata["tags"] == ["same-output"]
        counts = {cell.id: cell.get("execution_count") for cell in after.cells}
        assert (counts["keep"], counts["print"], counts["new-code"]) == (1, None, None)
        assert share(first, after) == after

    def test_the_command(self, tmp_path, monkeypatch, capsys):
        for framework in ("pytorch", "tensorflow"):
            path = tool.NOTEBOOKS / f"01_six_steps_{framework}.ipynb"
            shutil.copy(path, tmp_path)
        path, other = tmp_path / "01_six_steps_pytorch.ipynb", tmp_path / path.name
        notebook = tool.read(path)
        tool.cell(notebook, "recap").source += "\n\nOne word more."
        tool.store(path, tool.canonical(notebook))
        monkeypatch.setattr(tool, "NOTEBOOKS", tmp_path)
        for words, status in ((["01", "pytorch"], 0), (["01", "jax"], 1), (["", "pytorch"], 1)):
            monkeypatch.setattr(sys, "argv", ["share", *words])
            assert main() == status
        assert "recap" in capsys.readouterr().out
        assert tool.cell(tool.read(other), "recap").source.endswith("One word more.")
        assert tool.is_canonical(other)


CELLS = ("imports", "framework", "settings", "split-rows", "start-weights-draw")
MODEL = (*CELLS, "model", "weights-back", "probability")
TRAINING = (*MODEL, "objective", "train")
TRAIN = """
import sys

epochs = 2
order = reference.batch_order(len(train_points), batch_size, epochs, SEED)
reference_history = pd.DataFrame(columns=["loss", "accuracy", "val_loss", "val_accuracy"])
model = make_model(start)
train_model(model, make_optimizer(model, epsilon), order)
reference.save_weights(sys.argv[1], get_weights(model))
np.save(sys.argv[2], probability(model, valid_points))
"""
LOAD = """
import sys

model = make_model(reference.load_weights(sys.argv[-2]))
np.save(sys.argv[-1], probability(model, valid_points))
"""
# PyTorch's twin validates in its loop, which this test has no use for.
NO_VALIDATION = "\ndef evaluate(*_):\n    return [0.0, 0.0]\n"


@pytest.mark.slow
@pytest.mark.frameworks
def test_weights_travel(tmp_path):
    """Weights trained by one framework, in the cells of pair 05, serve the other as they are."""
    torch = tmp_path / "torch.npz", tmp_path / "torch.npy"
    keras = tmp_path / "keras.npz", tmp_path / "keras.npy"
    by_keras, by_torch = tmp_path / "by_keras.npy", tmp_path / "by_torch.npy"
    tool.fresh(readme.cells("PyTorch", *TRAINING) + NO_VALIDATION + TRAIN, *torch)
    both = readme.cells("TensorFlow", *TRAINING) + LOAD + TRAIN
    tool.fresh(both, *keras, torch[0], by_keras)
    tool.fresh(readme.cells("PyTorch", *MODEL) + LOAD, keras[0], by_torch)
    start = reference.initial_weights(0)
    for (weights, here), there in ((torch, by_keras), (keras, by_torch)):
        trained, loaded = np.load(here), np.load(there)
        assert trained.shape == (1000, 1)
        assert np.ptp(trained) > 0.05, "a model that says the same everywhere would prove nothing"
        assert np.allclose(trained, loaded, rtol=0, atol=1e-6)
        moved = reference.load_weights(weights)
        assert all(not np.array_equal(moved[name], start[name]) for name in start)


@pytest.mark.slow
@pytest.mark.frameworks
def test_defaults_are_those_of_the_installed_versions():
    """If not, `make readme` writes the table anew; pair 05 explains what changed."""
    stored = pd.read_csv(readme.DEFAULTS, index_col="default", dtype=str)
    pd.testing.assert_frame_equal(readme.defaults(), stored)


def test_a_failing_process_says_why():
    with pytest.raises(RuntimeError, match="no such thing"):
        tool.fresh("raise SystemExit('no such thing')")
