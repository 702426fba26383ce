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


@pytest.mark.parametrize("framework", tool.FRAMEWORKS)
def test_a_ladder_is_the_notebooks_own_cells(framework):
    program = bench.ladder_program(framework)
    ast.parse(program)
    notebook = tool.read(tool.NOTEBOOKS / f"06_speed_{framework}.ipynb")
    for cell_id in ("rung-6-time", "step-2-check", bench.LADDER_TABLE):
        assert tool.cell(notebook, cell_id).source in program
    assert tool.cell(notebook, "ladder-plot").source not in program
    assert program.rstrip().endswith("orient='split'))")


@pytest.mark.parametrize("framework", tool.FRAMEWORKS)
def test_the_idiom_of_2020_replaces_cells_that_exist(framework):
    notebook = tool.read(tool.NOTEBOOKS / f"01_six_steps_{framework}.ipynb")
    for cell_id in (*bench.SETUP, *bench.TRAINING):
        assert tool.cell(notebook, cell_id).source
    assert set(bench.IDIOMS[framework]) <= set(bench.TRAINING)
    # A cell that is not replaced lends the idiom what only today has, as it once lent fused Adam.
    assert {"batches", "objective", "train"} <= set(bench.IDIOMS[framework])
    for source in bench.IDIOMS[framework].values():
        ast.parse(source)


def test_a_ladder_is_summed_up_by_medians_over_the_rounds():
    summed = bench.sum_up([table(100, 10), table(300, 10), table(200, 50)])
    assert summed["rung"].tolist() == ["0 rung", "1 rung"]
    assert summed["µs a step"].tolist() == ["200.0", "10.0"]
    assert summed["times faster"].tolist() == ["1.0", "10.0"]
    assert summed["least"].tolist() == ["1.0", "4.0"]
    assert summed["most"].tolist() == ["1.0", "30.0"]
    assert summed["seconds to start"].tolist() == ["0.2", "0.2"]


@pytest.mark.skipif(not bench.compiler(), reason="no C++ compiler")
def test_plain_c_trains_like_the_reference(tmp_path):
    step, distance = bench.run_plain_c(tmp_path)
    assert 0 < step < 1000
    assert distance < 5e-5


@pytest.mark.slow
@pytest.mark.frameworks("pytorch")
@pytest.mark.skipif(sys.platform == "win32", reason="there CXX does not name the compiler")
def test_without_a_compiler_the_compiled_rungs_are_left_out(tmp_path, monkeypatch):
    """Every check cell up to the table has passed, or the ladder would not end well."""
    shorter = bench.ladder_program("pytorch").replace("epochs = 50", "epochs = 4")
    shorter = shorter.replace("learning_rate = 0.001", "learning_rate = 0.01")
    monkeypatch.setattr(bench, "ladder_program", lambda framework: shorter)
    missing = {"CXX": str(tmp_path / "no-compiler"), "OMP_NUM_THREADS": "1"}
    rungs = bench.run_ladder("pytorch", missing).index
    assert [name[0] for name in rungs[:-2]] == ["1", "2", "3", "4"]
