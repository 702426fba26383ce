"""Plant faults one at a time in a copy of the project, and see that each turns something red.

    python -m tools.plant_faults              every fault in tests/faults/*.toml
    python -m tools.plant_faults 01 zero      those whose file or name contains all the words

Each fault is planted twice. Stale: the source changes, the stored outputs stay, as when someone
edits without running. Stored: the faulty notebook is also executed and its new outputs are
stored, so that comparing outputs cannot help and an assertion or a test must. A control without
any fault must pass both ways. Exit status 1 if a fault goes unnoticed or a control fails.
"""

import argparse
import os
import re
import shutil
import subprocess
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

FAULTS = tool.ROOT / "tests" / "faults"
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "build", "models", "__pycache__", ".*_cache")
# test_project.py holds the list of faults to the files they change: it would always turn red.
TESTS = ["tests", "-m", "not slow", "--ignore=tests/test_project.py"]
TIMEOUT = 900  # seconds for one run of pytest or of a notebook
UNNOTICED = "UNNOTICED"
COLOR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Fault:
    """One fault, as a table [[fault]] of a TOML file describes it.

    name : what is wrong.
    notebook, cell : where to replace text, in the source of a cell; or
    path : a file to replace text in, relative to the root.
    old, new : the text, which must occur exactly once, and what takes its place.
    notebooks : further notebooks to run; those whose results a faulty file changes.
    stored : instead of old and new, a fault of the file as stored: "unrun", "stderr", "output"
        or "tag". Executing again would mend it (but for "tag"), so only the stale way is tried.
    """

    name: str
    notebook: str = ""
    cell: str = ""
    path: str = ""
    old: str = ""
    new: str = ""
    notebooks: tuple[str, ...] = ()
    stored: str = ""
    file: str = ""

    @property
    def concerned(self) -> list[str]:
        """Return the names of the notebooks to execute and compare, without suffix."""
        return [*([self.notebook] if self.notebook else []), *self.notebooks]


def load(words: list[str]) -> list[Fault]:
    """Read the faults whose file and name contain every one of the words."""
    faults = []
    for path in sorted(FAULTS.glob("*.toml")):
        for table in tomllib.loads(path.read_text(encoding="utf-8"))["fault"]:
            table["notebooks"] = tuple(table.get("notebooks", ()))
            faults.append(Fault(**table, file=path.stem))
    return [
        fault for fault in faults if all(word in f"{fault.file} {fault.name}" for word in words)
    ]


@contextmanager
def copy_of(original: Path) -> Iterator[Path]:
    """Give a fresh copy of the project, without environment, history and saved models."""
    with tempfile.TemporaryDirectory(prefix="faults") as folder:
        root = Path(folder) / "project"
        shutil.copytree(original, root, ignore=LEFT_OUT)
        yield root


def replace_once(text: str, old: str, new: str, where: str) -> str:
    """Return `text` with `old` replaced; ValueError unless it occurs exactly once."""
    if text.count(old) != 1:
        raise ValueError(f"{where}: {old!r} occurs {text.count(old)} times, it must occur once")
    return text.replace(old, new)


def spoil_stored(cell: NotebookNode, kind: str) -> None:
    """Spoil a cell as it is stored, its source untouched."""
    if kind == "unrun":
        cell.execution_count, cell.outputs = None, []
    elif kind == "stderr":
        cell.outputs.append(nbformat.v4.new_output("stream", name="stderr", text="a warning\n"))
    elif kind == "tag":
        cell.metadata["tags"] = ["nbval-ignore-output"]
    elif kind == "output":
        output = next(output for output in cell.outputs if output.output_type == "stream")
        output.text = re.sub(r"\d(?=\D*$)", lambda last: str((int(last[0]) + 1) % 10), output.text)
    else:
        raise ValueError(f"stored is {kind!r}, allowed are 'unrun', 'stderr', 'output' and 'tag'")


def plant(fault: Fault, root: Path) -> None:
    """Change the copy at `root`; stored outputs stay as they are."""
    if fault.path:
        path = root / fault.path
        text = path.read_text(encoding="utf-8")
        path.write_text(replace_once(text, fault.old, fault.new, fault.path), encoding="utf-8")
        return
    path = root / "notebooks" / f"{fault.notebook}.ipynb"
    notebook = tool.read(path)
    cell = tool.cell(notebook, fault.cell)
    if fault.stored:
        spoil_stored(cell, fault.stored)
    else:
        cell.source = replace_once(cell.source, fault.old, fault.new, f"{path.name}, {fault.cell}")
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def call(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy, with the copy's own helpers, and return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTEST_ADDOPTS": ""}
    environment.setdefault("OMP_NUM_THREADS", "1")  # several run side by side
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=root, env=environment, check=False, capture_output=True, timeout=TIMEOUT
    )
    out, err = (stream.decode("utf-8", "replace") for stream in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(
        command, done.returncode, COLOR.sub("", out), COLOR.sub("", err)
    )


def red_test(root: Path, fault: Fault | None, concerned: list[str]) -> str:
    """Compare the notebooks concerned, then run the tests; return what turned red first, or "".

    For a fault outside notebooks/ the tests come first: most such faults are theirs to see.
    """
    runs = [[f"notebooks/{name}.ipynb" for name in concerned], TESTS]
    if fault and fault.path and not fault.path.startswith("notebooks/"):
        runs.reverse()
    for arguments in runs:
        done = call(root, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments)
        if done.returncode == 1:
            return first_failure(root, done.stdout)
        if done.returncode:
            raise RuntimeError(f"pytest did not run:\n{done.stdout}\n{done.stderr}")
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


def red_execution(root: Path, concerned: list[str]) -> str:
    """Execute the notebooks concerned and store their outputs; return where one broke, or ""."""
    for name in concerned:
        path = root / "notebooks" / f"{name}.ipynb"
        done = call(root, "-m", "tools.notebooks", "execute", str(path))
        if done.returncode:
            kind = re.findall(r"^(\w+Error)", done.stderr, re.MULTILINE)
            return f"execution: {broken_cell(path, done.stderr)} ({kind[-1] if kind else 'error'})"
    return ""


def broken_cell(path: Path, message: str) -> str:
    """Return the id of the cell whose source an execution error quotes."""
    quoted = message.partition("-\n")[2]
    for cell in tool.read(path).cells:
        if cell.cell_type == "code" and cell.source and quoted.startswith(cell.source):
            return cell.id
    return "?"


def stale(original: Path, fault: Fault | None, concerned: list[str]) -> str:
    """Plant, keep the outputs, and return what turned red."""
    with copy_of(original) as root:
        if fault:
            plant(fault, root)
        return red_test(root, fault, concerned)


def stored(original: Path, fault: Fault | None, concerned: list[str]) -> str:
    """Plant, execute, store the outputs, and return what turned red."""
    with copy_of(original) as root:
        if fault:
            plant(fault, root)
        return red_execution(root, concerned) or red_test(root, fault, concerned)


def examine(original: Path, fault: Fault) -> dict[str, str]:
    """Plant one fault both ways and return the row of the report."""
    mends_itself = fault.stored not in ("", "tag")
    row = {
        "fault": fault.name,
        "in": f"{fault.notebook or fault.path}",
        "stale": stale(original, fault, fault.concerned) or UNNOTICED,
        "stored": "mended by running"
        if mends_itself
        else stored(original, fault, fault.concerned) or UNNOTICED,
    }
    print("  ".join(row.values()), file=sys.stderr, flush=True)
    return row


def main() -> int:
    """Examine the control and every fault, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("words", nargs="*")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    faults = load(arguments.words)
    concerned = sorted({name for fault in faults for name in fault.concerned})
    print(f"{len(faults)} faults; the control first", file=sys.stderr, flush=True)
    with copy_of(tool.ROOT) as original:  # edits made meanwhile cannot disturb the rest
        red = stale(original, None, concerned) or stored(original, None, concerned)
        if red:
            print(f"the control without any fault turned red: {red}")
            return 1
        with ThreadPoolExecutor(arguments.jobs) as pool:
            rows = list(pool.map(partial(examine, original), faults))
    print(f"\n{markdown(pd.DataFrame(rows))}")
    unnoticed = [row["fault"] for row in rows if UNNOTICED in row.values()]
    print(f"{len(rows) - len(unnoticed)} of {len(rows)} faults noticed; the control passed")
    for name in unnoticed:
        print(f"unnoticed: {name}")
    return 1 if unnoticed or not faults else 0


if __name__ == "__main__":
    sys.exit(main())
