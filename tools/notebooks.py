"""Keep the notebooks in one canonical form, and execute them.

    python -m tools.notebooks check     say which notebooks are not canonical; change nothing
    python -m tools.notebooks fix       rewrite them canonically, outputs kept
    python -m tools.notebooks execute   run them top to bottom in fresh kernels, store the outputs

How their names begin may follow, for example 01; without that, all in notebooks/ are taken.
"""

import argparse
import copy
import importlib.util
import os
import platform
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from utils import launch
from utils.files import atomic_write

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
FRAMEWORKS = {"tensorflow": "TensorFlow", "pytorch": "PyTorch"}
PACKAGES = {"tensorflow": "tensorflow", "pytorch": "torch"}
MODELS = "TWO_RINGS_MODELS"  # names the folder for models, for kernels too
CELL_TIMEOUT = 300  # seconds, as in pyproject.toml
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
FOLDED = ("outputs_hidden", "source_hidden")  # what JupyterLab shows closed
# Settings of one person's shell that change what a kernel shows.
PERSONAL = ("NO_COLOR", "FORCE_COLOR", "JUPYTER_COLUMNS", "MPLBACKEND", "PYTHONWARNINGS")
# PyTorch takes the widest instructions there are, and AVX-512 rounds otherwise: within thousands of
# steps that became a fourth decimal (pair 03). Every x86 processor of today has AVX2.
PINNED = {"ATEN_CPU_CAPABILITY": "avx2"} if platform.machine() in ("x86_64", "AMD64") else {}


def same_for_everybody() -> None:
    """Let the kernels of this process show the same in every shell and on every x86 processor."""
    for name in PERSONAL:
        os.environ.pop(name, None)
    os.environ.update(PINNED)


def all_notebooks(*beginnings: str) -> list[Path]:
    """Return the notebooks whose names begin so, or all, by name; exit if there is none."""
    found = {path for each in beginnings or [""] for path in NOTEBOOKS.glob(f"{each}*.ipynb")}
    if not found:
        sys.exit(f"no notebook begins with {' or '.join(beginnings)}")
    return sorted(found)


def lacks(name: str) -> str:
    """Say that the framework in which a name ends is not installed; "" if it is, or if none is."""
    framework = name.rpartition("_")[2]
    package = PACKAGES.get(framework)
    missing = package and importlib.util.find_spec(package) is None
    return f"{FRAMEWORKS[framework]} is not installed" if missing else ""


def read(path: Path) -> NotebookNode:
    """Read a notebook as nbformat 4, without changing or validating it."""
    return nbformat.reader.reads(path.read_text(encoding="utf-8"))


def cell(notebook: NotebookNode, cell_id: str) -> NotebookNode:
    """Return the cell with this id; KeyError if there is none."""
    return {each.id: each for each in notebook.cells}[cell_id]


def printed(cell: NotebookNode) -> str:
    """Return what a code cell wrote to standard output."""
    return "".join(output.text for output in cell.outputs if output.get("name") == "stdout")


def canonical(notebook: NotebookNode, *, by_jupyter: bool = False) -> str:
    """Return the one form in which a notebook is stored, as JSON text ending in a newline.

    Kernel and language are the only metadata; a cell keeps its tags and what of it is folded.
    With `by_jupyter` it also keeps what JupyterLab adds when it saves: kernel and language in its
    own words, and a second mark of folded outputs.
    """
    notebook = copy.deepcopy(notebook)
    own = notebook.metadata
    same = [own.get(key, {}).get("name") == value["name"] for key, value in METADATA.items()]
    if not (by_jupyter and all(same) and len(own) == len(METADATA)):
        notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for each in notebook.cells:
        folded = {key: True for key in FOLDED if each.metadata.get("jupyter", {}).get(key)}
        kept = {"jupyter": folded, "tags": each.metadata.get("tags")}
        if by_jupyter and "outputs_hidden" in folded:
            kept["collapsed"] = each.metadata.get("collapsed")
        each.metadata = nbformat.from_dict({key: value for key, value in kept.items() if value})
        for output in each.get("outputs", []):
            if "metadata" in output:
                output.metadata = nbformat.from_dict({})
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def is_canonical(path: Path) -> bool:
    """Whether a file is in canonical form, but for what JupyterLab adds when it saves."""
    return path.read_text(encoding="utf-8") == canonical(read(path), by_jupyter=True)


def execute(notebook: NotebookNode) -> NotebookNode:
    """Execute a copy of a notebook in a fresh kernel, in the folder notebooks/, and return it.

    RuntimeError if a cell raises or takes too long, or the kernel dies; of a cell that raises, the
    last line of the message names the id and the error. KeyboardInterrupt at Ctrl-C.
    """
    same_for_everybody()
    copied = copy.deepcopy(notebook)
    client = NotebookClient(
        copied,
        kernel_name="python3",
        timeout=CELL_TIMEOUT,
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=CRITICAL"],  # the kernel's own notes, not the notebook's
        resources={"metadata": {"path": str(NOTEBOOKS)}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        outputs = [(each.id, output) for each in copied.cells for output in each.get("outputs", [])]
        broken = next(cell_id for cell_id, output in outputs if output.output_type == "error")
        said = f"{error}\ncell {broken}: {error.ename}: {error.evalue}"
        raise RuntimeError(re.sub(r"\x1b\[[0-9;]*m", "", said)) from error
    except TimeoutError as error:
        raise RuntimeError(str(error)) from error
    except AssertionError as error:  # what is left of Ctrl-C, which nbclient takes for itself
        raise KeyboardInterrupt from error
    return copied


def fresh(source: str, *arguments: str | Path, limit: float = 300, **options: object) -> str:
    """Run lines in a Python of their own and return the last line printed.

    Further options are those of `launch.run`. RuntimeError, with what it wrote, if it fails.
    """
    command = [sys.executable, "-c", source, *map(str, arguments)]
    ended = launch.run([command], limit=limit, show=None, **{"cwd": ROOT, **options})
    if not ended.ok:
        raise RuntimeError(f"{ended.message}\n{ended.output}\n{ended.log}")
    return ended.lines[-1] if ended.lines else ""


def store(path: Path, text: str) -> None:
    """Write a notebook's JSON text, beside and then renamed."""
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def main() -> int:
    """Run one of the three commands; return 1 if `check` found something or a cell failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("check", "fix", "execute"))
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    status = 0
    for path in all_notebooks(*arguments.names):
        if arguments.command == "check":
            if not is_canonical(path):
                print(f"{path}: not in canonical form; run `make fix`")
                status = 1
            continue
        notebook = read(path)
        if arguments.command == "execute":
            print(f"executing {path.name}", file=sys.stderr, flush=True)
            try:
                notebook = execute(notebook)
            except RuntimeError as error:
                print(f"{error}\n{path.name} stays as it was", file=sys.stderr)
                status = 1
                continue
        text = canonical(notebook)
        if text != path.read_text(encoding="utf-8"):
            store(path, text)
            print(f"{path}: written")
    return status


if __name__ == "__main__":
    sys.exit(main())
