"""Pair 02: where both twins hold the same NumPy weights, they must show the same numbers."""

import pytest

from tools.notebooks import NOTEBOOKS, cell, read

SAME = ["data-ceiling", "outputs", "radius", "logit-outputs", "logit-same", "limits"]


@pytest.mark.parametrize("cell_id", SAME)
def test_the_twins_compute_the_same(cell_id):
    shown = []
    for framework in ("tensorflow", "pytorch"):
        notebook = read(NOTEBOOKS / f"02_model_styles_{framework}.ipynb")
        outputs = cell(notebook, cell_id).outputs
        shown.append([output.get("text") or output.data["text/plain"] for output in outputs])
    assert shown[0] == shown[1]
    assert shown[0], "the cell shows nothing"
