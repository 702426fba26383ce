"""The README, the requirements and the commands say what is true."""

import ast
import functools
import re
import shutil
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import pandas as pd
import pytest

import utils
from tools import check_python, run
from tools import notebooks as tool
from tools.plant_faults import (
    OF_BOTH_OUTPUTS,
    Fault,
    first_failure,
    lint,
    load,
    places,
    plant,
    watched,
)
from tools.readme import BEGIN, END, IMAGES, insert, pictures
from utils import launch

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TIMES = {"seconds", "µs a training step"}


def readme_results():
    rows = README.partition(BEGIN)[2].partition(END)[0].strip().splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]


def test_readme_holds_the_results_of_the_notebooks():
    """Every number of the table but the times is one that a notebook printed."""
    stored = {path.stem: run.results(tool.read(path)) for path in tool.all_notebooks()}
    shown = {name: found for name, found in stored.items() if set(found.values()) != {run.MISSING}}
    rows = readme_results()
    assert [row["notebook"] for row in rows] == list(shown)
    for row in rows:
        found = shown[row["notebook"]]
        for column, value in found.items():
            if column not in TIMES:
                assert row[column] == value, f"{row['notebook']}: {column}; run `make readme`"


def test_the_core_pair_has_every_result():
    for path in tool.all_notebooks()[:2]:
        found = run.results(tool.read(path))
        assert run.MISSING not in found.values()
        assert found["best possible"] == "0.9332"


def test_readme_names_every_notebook():
    for path in tool.all_notebooks():
        assert f"notebooks/{path.name}" in README, path.name


@functools.cache
def helpers(pair):
    """Return the modules of utils/ that the notebooks of a pair import."""
    cells = [c for path in tool.NOTEBOOKS.glob(f"{pair}_*.ipynb") for c in tool.read(path).cells]
    trees = [ast.parse(cell.source) for cell in cells if cell.cell_type == "code"]
    nodes = [n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    names = [f"{node.module}.{alias.name}" for node in nodes for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("utils.")}


PAIRS = sorted({path.name[:2] for path in tool.all_notebooks()})


@pytest.mark.parametrize("pair", PAIRS)
def test_readme_names_the_helpers_of_each_pair(pair):
    row = re.search(rf"^\| {pair} .+", README, re.MULTILINE).group()
    assert ", ".join(re.findall(r"`(\w+)`", row)) == ", ".join(sorted(helpers(pair)))


def test_the_helpers_say_who_uses_them():
    """In utils/__init__.py, a line a module; what no pair imports serves through another one."""
    pattern = r"^(\w+)  +\S.* \((?:pairs? |through )?(.+)\)$"
    said = dict(re.findall(pattern, utils.__doc__, re.MULTILINE))
    for module in [path.stem for path in (ROOT / "utils").glob("[a-z]*.py")]:
        pairs = [pair for pair in PAIRS if module in helpers(pair)]
        names = "every pair" if pairs == PAIRS else ", ".join(pairs) or "plotting"
        assert said.pop(module, "nothing") == names, module
    assert said == {}


def test_readme_recomputes():
    """Times faster are what their table's microseconds say; the ceiling is the closed form."""
    assert f"= {NormalDist().cdf(1.5):.4f}" in README
    tables = [line.split("|") for line in README.splitlines() if re.match(r"\| \S.*\d \|", line)]
    first = {}
    for row in tables:
        for at, cell in enumerate(row[:-2]):
            if found := re.fullmatch(r" (\d) .+", cell):
                step, faster = float(row[at + 1]), re.findall(r"[\d.]+", row[at + 2])
                first = first | {at: step} if found[1] == "1" else first
                least, most = float(faster[-2:][0]), float(faster[-1])
                assert 0.95 * least <= first[at] / step <= 1.05 * most, row


def test_readme_counts_the_faults():
    counted = re.search(r"plants (\d+) faults", README)
    assert int(counted.group(1)) == len(load([]))


def test_readme_commands_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    wanted = {"run", "test", "lab", "execute", "help", "bench", "test-faults"}
    assert wanted <= targets
    assert set(re.findall(r"`?make ([a-z-]+)", README)) <= targets
    for module in set(re.findall(r"-m tools\.(\w+)", makefile + README)):
        assert (ROOT / "tools" / f"{module}.py").is_file(), module


def test_insert_replaces_only_what_is_between_the_marks():
    text = f"a\n{BEGIN}heading\nold\n{END}b\n"
    assert insert(text, "Heading\nnew\n") == f"a\n{BEGIN}heading\nnew\n{END}b\n"
    with pytest.raises(ValueError, match="once each"):
        insert("no marks", "new\n")


def test_the_pictures_are_those_of_the_notebooks():
    for name, image in pictures().items():
        assert (IMAGES / name).read_bytes() == image, f"{name}; run `make readme`"
        assert f".github/images/{name}" in README


def test_python_range(capsys, monkeypatch):
    with (ROOT / "pyproject.toml").open("rb") as file:
        stated = tomllib.load(file)["project"]["requires-python"]
    assert stated.startswith(">=3.11.5")
    assert check_python.main() == 0
    for version in ((3, 10, 13), (3, 14, 0), (3, 11, 4)):
        monkeypatch.setattr(sys, "version_info", (*version, "final", 0))
        assert check_python.main() == 1
        assert capsys.readouterr().err.count("\n") == 1


def test_helpers_import_from_any_folder(tmp_path):
    """Installed by `-e .`, as a notebook's kernel needs it: no PYTHONPATH, another folder."""
    code = "import utils.data; print(len(utils.data.load_two_rings()[0]))"
    assert tool.fresh(code, environments=[{"PYTHONPATH": None}], cwd=tmp_path) == "4000"


def test_every_fault_still_fits():
    """A fault whose text has gone would be planted nowhere."""
    gone = []
    for fault in load([]):
        assert fault.stored or fault.old != fault.new, fault
        assert all(list((ROOT / "notebooks").glob(f"{name}*")) for name in fault.notebooks), fault
        try:
            assert watched(fault, ROOT)
        except (ValueError, OSError):
            gone.append(f"{fault.pair} {fault.name}")
    assert gone == []


def test_what_is_left_out_after_an_execution_exists():
    tests = (ROOT / "tests" / "test_twins.py").read_text(encoding="utf-8")
    assert all(f"def {name}(" in tests for name in OF_BOTH_OUTPUTS)


@pytest.fixture
def copied(tmp_path):
    """The notebooks of pair 01 in a project of their own."""
    (tmp_path / "notebooks").mkdir()
    for path in (ROOT / "notebooks").glob("01_*.ipynb"):
        shutil.copy(path, tmp_path / "notebooks")
    return tmp_path


def test_a_fault_is_planted_in_both_twins(copied):
    fault = Fault("01", "labels", cell="data-load", old="load_two_rings()", new="None")
    twins = places(fault, copied)
    assert [path.stem for path in twins] == ["01_six_steps_pytorch", "01_six_steps_tensorflow"]
    assert watched(fault, copied) == [[path.stem] for path in twins]
    assert len(places(replace(fault, twin="pytorch"), copied)) == 1
    with pytest.raises(ValueError, match="exactly once"):
        places(replace(fault, old="no such text"), copied)
    plant(fault, copied)
    for path in twins:
        before, after = tool.read(ROOT / "notebooks" / path.name), tool.read(path)
        changed = [a.id for a, b in zip(before.cells, after.cells, strict=True) if a != b]
        assert changed == ["data-load"]
        assert "= None" in tool.cell(after, "data-load").source


@pytest.mark.parametrize("kind", ["unrun", "stderr", "output", "tag"])
def test_faults_of_what_is_stored(copied, kind):
    path = copied / "notebooks" / "01_six_steps_pytorch.ipynb"
    before = tool.cell(tool.read(path), "evaluate")
    plant(Fault("01", "stored", cell="evaluate", stored=kind), copied)
    after = tool.cell(tool.read(path), "evaluate")
    assert before.source == after.source
    assert before != after


def test_ruff_notices_what_is_wrong_and_nothing_in_the_notebooks_as_they_are(copied):
    assert lint(ROOT, [path.stem for path in tool.all_notebooks()]) == ""
    plant(
        Fault("01", "a name that is not there", cell="split-rows", old="SEED", new="SEEDS"), copied
    )
    assert lint(copied, ["01_six_steps_pytorch"]) == "F821"


def test_the_first_failure_is_named():
    said = "FAILED notebooks/01_six_steps_pytorch.ipynb::Cell 0\nFAILED tests/test_x.py::test_y\n"
    assert first_failure(ROOT, said) == "nbval: imports"
    said = "FAILED tests/test_form.py::TestCode::test_names[01 a b] - assert 1 == 2\n"
    assert first_failure(ROOT, said) == "test: test_names"


def test_a_notebook_that_fails_does_not_stop_the_others(tmp_path, monkeypatch, capsys):
    def execute(notebook):
        if "PyTorch" in notebook.cells[0].source:
            raise RuntimeError("cell train: ValueError: no such thing")
        return notebook

    monkeypatch.setattr(tool, "execute", execute)
    monkeypatch.setattr(tool, "lacks", lambda name: "")
    monkeypatch.setattr(run, "BUILD", tmp_path)
    monkeypatch.setattr(run, "EXECUTED", tmp_path / "notebooks")
    monkeypatch.setattr(run.pages, "build", lambda folder: 0)
    monkeypatch.setattr(run.pages, "build_edition", lambda folder, pages: 0)
    monkeypatch.setattr(sys, "argv", ["run", "01"])
    assert run.main() == 1
    said = capsys.readouterr()
    assert "no such thing" in said.err
    assert re.search(r"01_six_steps_pytorch +failed", said.out)
    rows = (tmp_path / "results.md").read_text(encoding="utf-8").splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == ["| 01_six_steps_tensorflow"]
    assert len(list((tmp_path / "notebooks").iterdir())) == len(tool.all_notebooks())


def test_the_markdown_table():
    table = pd.DataFrame({"a": ["x"], "b": [1]})
    assert run.markdown(table) == "| a | b |\n| --- | ---: |\n| x | 1 |\n"


@pytest.mark.skipif(sys.platform == "win32", reason="there Ctrl-C is no signal")
def test_ctrl_c_ends_a_notebook_and_its_kernel():
    code = """
from nbformat.v4 import new_code_cell, new_notebook
from tools import notebooks

stop = "import os, signal, time; os.kill(os.getppid(), signal.SIGINT); time.sleep(60)"
try:
    notebooks.execute(new_notebook(cells=[new_code_cell(stop)]))
except KeyboardInterrupt:
    print("stopped")
"""
    ended = launch.run([[sys.executable, "-c", code]], limit=60, cwd=ROOT, show=None)
    assert ended.lines == ("stopped",), ended.log
    assert ended.seconds < 40
    assert launch.survivors(ended.mark) == []


def test_what_is_not_installed_is_skipped_and_named(monkeypatch):
    monkeypatch.setattr(tool, "PACKAGES", {"tensorflow": "sys", "pytorch": "no_such_package"})
    assert tool.lacks("01_six_steps_pytorch") == "PyTorch is not installed"
    assert tool.lacks("01_six_steps_tensorflow") == tool.lacks("canary") == ""
    assert run.run(tool.NOTEBOOKS / "01_six_steps_pytorch.ipynb")["seconds"] == "skipped"
