"""The README, the requirements and the commands say what is true."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from tools import check_python, run
from tools import notebooks as tool
from tools.plant_faults import Fault, load, places, plant, watched
from tools.readme import BEGIN, END, insert

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


def test_readme_links_lead_somewhere():
    for name in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert target.startswith("https://") or (ROOT / target).exists(), target


def test_readme_names_every_notebook():
    for path in tool.all_notebooks():
        assert f"notebooks/{path.name}" in README, path.name


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
    text = f"a\n{BEGIN}old\n{END}b\n"
    assert insert(text, "new\n") == f"a\n{BEGIN}new\n{END}b\n"
    with pytest.raises(ValueError, match="once each"):
        insert("no marks", "new\n")


def requirement_names(text):
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    return {
        re.match(r"[\w-]+", line).group().lower().replace("_", "-"): line
        for line in lines
        if re.match(r"\w", line)
    }


def test_requirements_and_constraints():
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert text.splitlines()[0] == "-c constraints.txt"
    assert text.splitlines()[-1] == "-e ."
    pinned = requirement_names((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    wanted = requirement_names(text)
    assert set(wanted) <= set(pinned)
    assert all(re.fullmatch(r"[\w.-]+==[\w.!-]+", line) for line in pinned.values())
    assert all(">=" in line and ",<" in line for line in wanted.values())


def test_python_range(capsys, monkeypatch):
    with (ROOT / "pyproject.toml").open("rb") as file:
        stated = tomllib.load(file)["project"]["requires-python"]
    assert check_python.supported_range() == stated
    assert check_python.main() == 0
    for version in ((3, 10, 13), (3, 14, 0), (3, 11, 4)):
        monkeypatch.setattr(sys, "version_info", (*version, "final", 0))
        assert check_python.main() == 1
        assert capsys.readouterr().err.count("\n") == 1


def test_helpers_import_from_any_folder(tmp_path):
    """Installed by `-e .`, as a notebook's kernel needs it: no PYTHONPATH, another folder."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    code = "import utils.data; print(len(utils.data.load_two_rings()[0]))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "4000", done.stderr


@pytest.mark.parametrize("fault", load([]), ids=lambda fault: f"{fault.pair} {fault.name}")
def test_every_fault_still_fits(fault):
    """A fault whose text has gone would be planted nowhere."""
    assert places(fault, ROOT)
    assert fault.path or watched(fault, ROOT)[0]


def test_a_fault_is_planted_in_both_twins(tmp_path):
    twins = sorted((ROOT / "notebooks").glob("01_*.ipynb"))
    fault = Fault("01", "labels", cell="data-load", old="load_two_rings()", new="None")
    (tmp_path / "notebooks").mkdir()
    for path in twins:
        shutil.copy(path, tmp_path / "notebooks")
    plant(fault, tmp_path)
    assert watched(fault, ROOT) == [[path.stem] for path in twins]
    for path in twins:
        before, after = tool.read(path), tool.read(tmp_path / "notebooks" / path.name)
        changed = [a.id for a, b in zip(before.cells, after.cells, strict=True) if a != b]
        assert changed == ["data-load"]
        assert "None" in tool.cell(after, "data-load").source
    assert len(places(replace(fault, twin="pytorch"), ROOT)) == 1
    with pytest.raises(ValueError, match="no place"):
        places(replace(fault, old="no such text"), ROOT)


def test_the_markdown_table():
    import pandas as pd

    table = pd.DataFrame({"a": ["x"], "b": [1]})
    assert run.markdown(table) == "| a | b |\n| --- | ---: |\n| x | 1 |\n"
