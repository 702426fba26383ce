"""What `make bench` measures and prints; the measuring itself is not repeated here."""

import ast
import sys

import pandas as pd
import pytest

from tools import bench
from tools import notebooks as tool


def table(*steps):
    columns = {"µs a step": steps, "times faster": [steps[0] / step for step in steps]}
    return pd.DataFrame(
        {**columns, "seconds to start": [0.25] * len(steps)},
        [f"{n} rung" for n, _ in enumerate(steps)],
    )


@pytest.mark.parametrize("framework", bench.IDIOMS)
def test_a_ladder_is_the_notebooks_own_cells(framework):
    program = bench.ladder_program(framework)
    ast.parse(program)
    notebook = tool.read(tool.NOTEBOOKS / f"06_speed_{framework}.ipynb")
    assert tool.cell(notebook, "rung-6-time").source in program
    assert tool.cell(notebook, "rung-6-check").source in program
    assert tool.cell(notebook, bench.LADDER_TABLE).source in program
    assert tool.cell(notebook, "ladder-plot").source not in program
    assert program.rstrip().endswith("orient='split'))")


@pytest.mark.parametrize("framework", bench.IDIOMS)
def test_the_idiom_of_2020_replaces_cells_that_exist(framework):
    notebook = tool.read(tool.NOTEBOOKS / f"01_six_steps_{framework}.ipynb")
    for cell_id in (*bench.SETUP, *bench.TRAINING, *bench.IDIOMS[framework][1]):
        if cell_id not in bench.IDIOMS[framework][1] or cell_id != "between-epochs":
            assert tool.cell(notebook, cell_id).source


def test_columns_are_medians_over_the_rounds():
    columns = bench.ladder_columns("pytorch", [table(100, 10), table(300, 10), table(200, 50)])
    assert columns["PyTorch"].tolist() == ["0 rung", "1 rung"]
    assert columns["PyTorch: µs a step"].tolist() == ["200", "10"]
    assert columns["PyTorch: times faster"].tolist() == ["1.0", "10.0 (4.0 to 30.0)"]
    assert columns["PyTorch: seconds to start"].tolist() == ["0.2", "0.2"]


def test_both_ladders_stand_side_by_side(monkeypatch):
    climbed = []

    def climb(framework):
        climbed.append(framework)
        return table(100, 10) if framework == "tensorflow" else table(100, 20, 10)

    monkeypatch.setattr(bench, "climb_ladder", climb)
    both = bench.measure_ladders(2)
    assert climbed == ["tensorflow", "pytorch"] * 2
    assert both["TensorFlow: µs a step"].tolist() == ["100", "10", ""]
    assert both["PyTorch: µs a step"].tolist() == ["100", "20", "10"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there CXX does not name the compiler")
def test_without_a_compiler_the_compiled_rungs_are_left_out(tmp_path):
    """Every check cell up to the table has passed, or the ladder would not end well."""
    missing = {"CXX": str(tmp_path / "no-compiler"), "OMP_NUM_THREADS": "1"}
    rungs = bench.climb_ladder("pytorch", missing).index
    assert [name[0] for name in rungs[:-2]] == ["1", "2", "3", "4"]
