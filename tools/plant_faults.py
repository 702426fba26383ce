"""Mutation testing: plant faults one at a time in a copy of the project; each must turn red.

    python -m tools.plant_faults              every fault in tests/faults/*.toml
    python -m tools.plant_faults 01 zero      those whose pair or name contains all the words

Each fault is planted twice. Stale: the source changes, the stored outputs stay, as when someone
edits without running. Stored: the faulty notebook is also executed and its new outputs are
stored, so that comparing outputs cannot help and an assertion or a test must. A fault of a cell
is planted in both twins at once, since comparing twins must not help either, and each of them must
notice by itself. A control without any fault must pass both ways. Exit status 1 if a fault goes
unnoticed or a control fails.
"""

import argparse
import functools
import os
import re
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pandas as pd
from nbformat import NotebookNode

from tools import notebooks as tool
from tools.run import markdown
from utils import launch

FAULTS = tool.ROOT / "tests" / "faults"
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "build", "models", "mutants", "__pycache__", ".*_cache"
)
OF_NOTEBOOKS = [f"tests/test_{name}.py" for name in ("form", "twins", "exercises", "prose")]
OF_NOTEBOOKS.append("tests/test_project.py::test_readme_holds_the_results_of_the_notebooks")
# test_project.py holds the faults to the files they change: it would always turn red.
OF_FILES = ["tests", "--ignore=tests/test_project.py", "--ignore=tests/test_site.py"]
# An execution leaves the outputs of the other twin stale, so these have to stay away.
OF_BOTH_OUTPUTS = ("test_same_output_where_promised", "test_same_number_inside_other_output")
LIMIT = 900  # seconds for one run of pytest or of a notebook
UNNOTICED = "UNNOTICED"


@dataclass(frozen=True)
class Fault:
    """One fault, as a table [[fault]] of a TOML file describes it.

    pair : the name of the file, for example "01".
    name : what is wrong.
    cell : the id of the cell in whose source to replace text, in every twin where it occurs; or
    path : a file to replace text in, relative to the root.
    old, new : the text, which must occur exactly once, and what takes its place.
    twin : "tensorflow" or "pytorch", for a fault of one twin only.
    notebooks : for a path, the notebooks whose results it changes; "01" means both of the pair.
    stored : instead of old and new, a fault of a cell as stored: "unrun", "stderr", "output" or
        "tag". Executing again would mend it (but for "tag"), so only the stale way is tried.
    """

    pair: str
    name: str
    cell: str = ""
    path: str = ""
    old: str = ""
    new: str = ""
    twin: str = ""
    notebooks: tuple[str, ...] = ()
    stored: str = ""


def load(words: list[str]) -> list[Fault]:
    """Read the faults whose pair and name contain every one of the words."""
    tables = {path: tomllib.loads(path.read_text("utf-8")) for path in FAULTS.glob("*.toml")}
    faults = [Fault(path.stem, **each) for path in sorted(tables) for each in tables[path]["fault"]]
    return [each for each in faults if all(word in f"{each.pair} {each.name}" for word in words)]


@functools.cache  # copies of the project lie at paths of their own
def sources(path: Path) -> dict[str, str]:
    """Return the source of each cell of a notebook by its id; for another file, its text by ""."""
    if path.suffix == ".ipynb":
        return {cell.id: cell.source for cell in tool.read(path).cells}
    return {"": path.read_text(encoding="utf-8")}


def places(fault: Fault, root: Path) -> list[Path]:
    """Return the files that a fault changes; ValueError if its text has gone."""

    def fits(path: Path) -> bool:
        text = sources(path).get(fault.cell, "") if path.is_file() else ""
        return bool(text) if fault.stored else text.count(fault.old) == 1

    twins = sorted((root / "notebooks").glob(f"{fault.pair}_*{fault.twin}.ipynb"))
    found = [path for path in (twins if fault.cell else [root / fault.path]) if fits(path)]
    if not found:
        raise ValueError(f"{fault}: its text must stand exactly once in its place, and does not")
    return found


def plant(fault: Fault, root: Path) -> None:
    """Change the copy at `root`; stored outputs stay as they are."""
    for path in places(fault, root):
        text = path.read_text(encoding="utf-8").replace(fault.old, fault.new)
        if fault.cell:
            notebook = tool.read(path)
            cell = tool.cell(notebook, fault.cell)
            if fault.stored:
                spoil_stored(cell, fault.stored)
            cell.source = cell.source.replace(fault.old, fault.new) if fault.old else cell.source
            text = nbformat.writes(notebook) + "\n"
        path.write_text(text, encoding="utf-8", newline="\n")


def spoil_stored(cell: NotebookNode, kind: str) -> None:
    """Spoil a cell as it is stored, its source untouched."""
    if kind == "unrun":
        cell.execution_count, cell.outputs = None, []
    elif kind == "stderr":
        cell.outputs.append(nbformat.v4.new_output("stream", name="stderr", text="a warning\n"))
    elif kind == "tag":
        cell.metadata["tags"] = [*cell.metadata.get("tags", []), "nbval-ignore-output"]
    elif kind == "output":
        output = next(output for output in cell.outputs if output.output_type == "stream")
        output.text = re.sub(r"\d(?=\D*$)", lambda last: str((int(last[0]) + 1) % 10), output.text)
    else:
        raise ValueError(f"stored is {kind!r}, allowed are 'unrun', 'stderr', 'output' and 'tag'")


def watched(fault: Fault, root: Path) -> list[list[str]]:
    """Return groups of notebooks, by name without suffix; in each group one must turn red."""
    changed, folder = places(fault, root), root / "notebooks"
    if fault.cell:
        return [[path.stem] for path in changed]
    return [[path.stem for each in fault.notebooks for path in folder.glob(f"{each}*.ipynb")]]


@contextmanager
def copy_of(original: Path) -> Iterator[Path]:
    """Give a fresh copy of the project, without environment, history and saved models."""
    with tempfile.TemporaryDirectory(prefix="faults") as folder:
        yield shutil.copytree(original, Path(folder) / "project", ignore=LEFT_OUT)


def call(root: Path, *arguments: str) -> tuple[int | None, str]:
    """Run Python in the copy, with the copy's own helpers; return its status and all it wrote."""
    environment = {"PYTHONPATH": str(root), "PYTEST_ADDOPTS": None}
    environment["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", "1")  # several side by side
    command = [sys.executable, *arguments]
    ended = launch.run([command], limit=LIMIT, environments=[environment], cwd=root, show=None)
    return ended.codes[0], re.sub(r"\x1b\[[0-9;]*m", "", f"{ended.output}\n{ended.log}")


def red_test(root: Path, changed: str, group: list[str], executed: bool) -> str:
    """Compare the notebooks of a group, then run the tests; return what turned red first, or "".

    If a file outside notebooks/ was changed, the tests come first: most such faults are theirs.
    So they do after an execution, and leave the outputs of the other twin, now stale, alone.
    """
    others = {path.stem for path in tool.all_notebooks()} - set(group)
    others |= {name.rpartition("_")[0] for name in others} - {n.rpartition("_")[0] for n in group}
    chosen = ["-m", "not slow", "-k", " and ".join(f"not {name}" for name in sorted(others))]
    if executed:
        chosen += [f"--deselect=tests/test_twins.py::{name}" for name in OF_BOTH_OUTPUTS]
    runs = [[f"notebooks/{name}.ipynb" for name in group]] if group else []
    runs.append([*(OF_FILES if changed else OF_NOTEBOOKS), *chosen])
    if executed or (changed and not changed.startswith("notebooks/")):
        runs.reverse()
    for arguments in runs:
        status, said = call(root, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments)
        if status == 1:
            return first_failure(root, said)
        if status:
            raise RuntimeError(f"pytest did not run:\n{said}")
    return ""


def first_failure(root: Path, output: str) -> str:
    """Return the first test or cell that pytest's summary calls failed."""
    failed = re.search(r"^(?:FAILED|ERROR) (\S+?)::(.+?)(?:\[.*)?(?: - .*)?$", output, re.MULTILINE)
    path, test = failed.groups() if failed else ("", "collection")
    if path.endswith(".ipynb"):
        code = [cell for cell in tool.read(root / path).cells if cell.cell_type == "code"]
        return f"nbval: {code[int(test.removeprefix('Cell '))].id}"
    return f"test: {test.rpartition('::')[2]}"


def lint(root: Path, group: list[str]) -> str:
    """Return the first rule of ruff that code breaks, or ""; how it is written does not count."""
    paths = ["utils", *(f"notebooks/{name}.ipynb" for name in group)]
    options = ["--select=F,B,RUF059", "--output-format=concise"]
    _, said = call(root, "-m", "ruff", "check", *options, *paths)
    found = re.search(r": ([A-Z]+\d+) ", said)
    return found[1] if found else ""


def look(original: Path, faults: list[Fault], changed: str, group: list[str], execute: bool) -> str:
    """Plant in a fresh copy, lint, execute and store if asked to; return what turned red, or ""."""
    with copy_of(original) as root:
        for fault in faults:
            plant(fault, root)
        if found := lint(root, group):
            return f"ruff: {found}"
        for name in group if execute else []:
            status, said = call(root, "-m", "tools.notebooks", "execute", name)
            if status:
                broken = re.search(r"^cell (\S+: \w+)", said, re.MULTILINE)
                return f"execution: {broken.group(1) if broken else 'error'}"
        return red_test(root, changed, group, execute)


def examine(original: Path, ways: Sequence[str], task: tuple[Fault, list[str]]) -> dict[str, str]:
    """Plant one fault in each way and return the row of the report for one group of notebooks."""
    fault, group = task
    row = {"fault": f"{fault.pair} {fault.name}", "in": fault.path or group[0]}
    for way in ways:
        if way == "stored" and fault.stored not in ("", "tag"):
            row[way] = "mended by running"
        else:
            row[way] = look(original, [fault], fault.path, group, way == "stored") or UNNOTICED
    print("  ".join(row.values()), file=sys.stderr, flush=True)
    return row


def examine_all(
    original: Path, tasks: list[tuple[Fault, list[str]]], jobs: int, ways: Sequence[str]
) -> pd.DataFrame:
    """Examine faults side by side and print the report; return it."""
    with ThreadPoolExecutor(jobs) as pool:
        report = pd.DataFrame(pool.map(functools.partial(examine, original, ways), tasks))
    print(f"\n{markdown(report)}")
    return report


def main() -> int:
    """Examine the control and every fault, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("words", nargs="*", help="a pair, or words of the fault's name")
    parser.add_argument("--jobs", type=int, default=2, help="how many copies run side by side")
    arguments = parser.parse_args()
    faults = load(arguments.words)
    if not faults:
        parser.error("no fault has these words in its pair and name")
    with copy_of(tool.ROOT) as original:  # edits made meanwhile cannot disturb the rest
        tasks = [(fault, group) for fault in faults for group in watched(fault, original)]
        concerned = sorted({name for _, group in tasks for name in group})
        changed = max((fault.path for fault in faults), default="")
        print(f"{len(faults)} faults; the control first", file=sys.stderr, flush=True)
        control = functools.partial(look, original, [], changed, concerned)
        with ThreadPoolExecutor(arguments.jobs) as pool:
            if red := " ".join(pool.map(control, (False, True))).strip():
                print(f"the control without any fault turned red: {red}")
                return 1
        report = examine_all(original, tasks, arguments.jobs, ("stale", "stored"))
    unnoticed = report[report.eq(UNNOTICED).any(axis=1)]
    noticed = len(faults) - unnoticed["fault"].nunique()
    print(f"{noticed} of {len(faults)} faults noticed; the control passed")
    print(*("unnoticed: " + unnoticed["fault"] + ", in " + unnoticed["in"]), sep="\n")
    return 1 if noticed < len(faults) else 0


if __name__ == "__main__":
    sys.exit(main())
