"""Mutation testing: plant faults one at a time in a copy of the project; each must turn red.

    python -m tools.plant_faults              every fault in tests/faults/*.toml
    python -m tools.plant_faults 01 zero      those whose pair or name contains all the words

Each fault is planted twice. Stale: the source changes, the stored outputs stay, as when someone
edits without running. Stored: the faulty notebook is also executed and its new outputs are
stored, so that comparing outputs cannot help and an assertion or a test must. A fault of a cell
is planted in both twins at once, since a reader's mistake would be, and each twin by itself must
notice. A control without any fault must pass both ways. Exit status 1 if a fault goes unnoticed
or a control fails.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import nbformat
import pandas as pd
from nbformat import NotebookNode

from tools import notebooks as tool
from tools.run import markdown
from utils import launch

FAULTS = tool.ROOT / "tests" / "faults"
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "build", "models", "__pycache__", ".*_cache")
OF_NOTEBOOKS = [f"tests/test_{name}.py" for name in ("form", "twins", "exercises")]
# test_project.py holds the list of faults to the files they change: it would always turn red.
OF_HELPERS = ["tests", "--ignore=tests/test_project.py"]
LIMIT = 900  # seconds for one run of pytest or of a notebook
UNNOTICED = "UNNOTICED"
COLOR = re.compile(r"\x1b\[[0-9;]*m")


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
    faults = []
    for path in sorted(FAULTS.glob("*.toml")):
        for table in tomllib.loads(path.read_text(encoding="utf-8"))["fault"]:
            table["notebooks"] = tuple(table.get("notebooks", ()))
            faults.append(Fault(path.stem, **table))
    return [
        fault for fault in faults if all(each in f"{fault.pair} {fault.name}" for each in words)
    ]


def places(fault: Fault, root: Path) -> list[Path]:
    """Return the files that a fault changes; ValueError if its text has gone."""
    if fault.path:
        path = root / fault.path
        found = [path] if path.read_text(encoding="utf-8").count(fault.old) == 1 else []
    else:
        twins = (root / "notebooks").glob(f"{fault.pair}_*{fault.twin}.ipynb")
        found = [path for path in sorted(twins) if fits(fault, path)]
    if not found:
        raise ValueError(f"{fault}: there is no place where the old text stands exactly once")
    return found


def fits(fault: Fault, path: Path) -> bool:
    """Whether a notebook has the fault's cell, with the old text in it exactly once."""
    with_id = [cell for cell in tool.read(path).cells if cell.id == fault.cell]
    return any(fault.stored or cell.source.count(fault.old) == 1 for cell in with_id)


def watched(fault: Fault, root: Path) -> list[list[str]]:
    """Return groups of notebooks, by name without suffix; in each group one must turn red.

    The twins with a fault of a cell are groups of one. ValueError if a name fits no notebook.
    """
    if not fault.path:
        return [[path.stem] for path in places(fault, root)]
    found = {each: (root / "notebooks").glob(f"{each}*.ipynb") for each in fault.notebooks}
    groups = {each: sorted(path.stem for path in paths) for each, paths in found.items()}
    if not all(groups.values()):
        raise ValueError(f"{fault}: a name in `notebooks` fits no notebook")
    return [[name for names in groups.values() for name in names]]


def plant(fault: Fault, root: Path) -> None:
    """Change the copy at `root`; stored outputs stay as they are."""
    for path in places(fault, root):
        if fault.path:
            text = path.read_text(encoding="utf-8").replace(fault.old, fault.new)
        else:
            notebook = tool.read(path)
            cell = tool.cell(notebook, fault.cell)
            if fault.stored:
                spoil_stored(cell, fault.stored)
            else:
                cell.source = cell.source.replace(fault.old, fault.new)
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


@contextmanager
def copy_of(original: Path) -> Iterator[Path]:
    """Give a fresh copy of the project, without environment, history and saved models."""
    with tempfile.TemporaryDirectory(prefix="faults") as folder:
        root = Path(folder) / "project"
        shutil.copytree(original, root, ignore=LEFT_OUT)
        yield root


def call(root: Path, *arguments: str) -> tuple[int | None, str]:
    """Run Python in the copy, with the copy's own helpers; return its status and all it wrote."""
    environment = {"PYTHONPATH": str(root), "PYTEST_ADDOPTS": None}
    environment["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", "1")  # several side by side
    ended = launch.run(
        [[sys.executable, *arguments]],
        limit=LIMIT,
        environments=[environment],
        cwd=root,
        show=None,
    )
    return ended.codes[0], COLOR.sub("", f"{ended.output}\n{ended.log}")


def red_test(root: Path, changed: str, group: list[str]) -> str:
    """Compare the notebooks of a group, then run the tests; return what turned red first, or "".

    If a file outside notebooks/ was changed, the tests come first: most such faults are theirs.
    """
    others = [path.stem for path in tool.all_notebooks() if path.stem not in group]
    pairs = {name.rpartition("_")[0] for name in others} - {n.rpartition("_")[0] for n in group}
    chosen = ["-m", "not slow", "-k", " and ".join(f"not {name}" for name in [*others, *pairs])]
    compared = [f"notebooks/{name}.ipynb" for name in group]
    tests = [*(OF_HELPERS if changed else OF_NOTEBOOKS), *chosen]
    runs = [compared, tests] if compared else [tests]
    if changed and not changed.startswith("notebooks/"):
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
    cell = re.search(r"^FAILED notebooks/(\w+)\.ipynb::Cell (\d+)", output, re.MULTILINE)
    if cell:
        notebook = tool.read(root / "notebooks" / f"{cell.group(1)}.ipynb")
        code = [each for each in notebook.cells if each.cell_type == "code"]
        return f"nbval: {code[int(cell.group(2))].id}"
    failed = re.search(r"^(?:FAILED|ERROR) (\S+?)(?:\[.*)?(?: - .*)?$", output, re.MULTILINE)
    return f"test: {failed.group(1).rpartition('::')[2] if failed else 'collection'}"


def red_execution(root: Path, group: list[str]) -> str:
    """Execute the notebooks of a group and store their outputs; return where one broke, or ""."""
    for name in group:
        path = root / "notebooks" / f"{name}.ipynb"
        status, said = call(root, "-m", "tools.notebooks", "execute", str(path))
        if status:
            kind = re.findall(r"^(\w+Error)", said, re.MULTILINE)
            return f"execution: {broken_cell(path, said)} ({kind[-1] if kind else 'error'})"
    return ""


def broken_cell(path: Path, message: str) -> str:
    """Return the id of the cell whose source an execution error quotes."""
    quoted = message.partition("-\n")[2]
    for cell in tool.read(path).cells:
        if cell.cell_type == "code" and cell.source and quoted.startswith(cell.source):
            return cell.id
    return "?"


def look(original: Path, faults: list[Fault], changed: str, group: list[str], execute: bool) -> str:
    """Plant in a fresh copy, execute and store if asked to, and return what turned red."""
    with copy_of(original) as root:
        for fault in faults:
            plant(fault, root)
        found = red_execution(root, group) if execute else ""
        return found or red_test(root, changed, group)


def examine(original: Path, task: tuple[Fault, list[str]]) -> dict[str, str]:
    """Plant one fault both ways and return the row of the report for one group of notebooks."""
    fault, group = task
    mends_itself = fault.stored not in ("", "tag")
    row = {
        "fault": f"{fault.pair} {fault.name}",
        "in": fault.path or group[0],
        "stale": look(original, [fault], fault.path, group, False) or UNNOTICED,
        "stored": "mended by running"
        if mends_itself
        else look(original, [fault], fault.path, group, True) or UNNOTICED,
    }
    print("  ".join(row.values()), file=sys.stderr, flush=True)
    return row


def main() -> int:
    """Examine the control and every fault, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("words", nargs="*", help="a pair, or words of the fault's name")
    parser.add_argument("--jobs", type=int, default=2, help="how many copies run side by side")
    arguments = parser.parse_args()
    with copy_of(tool.ROOT) as original:  # edits made meanwhile cannot disturb the rest
        faults = load(arguments.words)
        try:
            tasks = [(fault, group) for fault in faults for group in watched(fault, original)]
        except ValueError as error:
            print(error)
            return 1
        concerned = sorted({name for _, group in tasks for name in group})
        print(f"{len(faults)} faults; the control first", file=sys.stderr, flush=True)
        changed = max((fault.path for fault in faults), default="")
        red = look(original, [], changed, concerned, False)
        red = red or look(original, [], changed, concerned, True)
        if red:
            print(f"the control without any fault turned red: {red}")
            return 1
        with ThreadPoolExecutor(arguments.jobs) as pool:
            rows = list(pool.map(partial(examine, original), tasks))
    print(f"\n{markdown(pd.DataFrame(rows))}")
    unnoticed = [row for row in rows if UNNOTICED in row.values()]
    missed = {row["fault"] for row in unnoticed}
    print(f"{len(faults) - len(missed)} of {len(faults)} faults noticed; the control passed")
    for row in unnoticed:
        print(f"unnoticed: {row['fault']}, in {row['in']}")
    return 1 if unnoticed or not faults else 0


if __name__ == "__main__":
    sys.exit(main())
