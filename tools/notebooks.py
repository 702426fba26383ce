"""Keep the notebooks in one canonical form, and execute them.

    python -m tools.notebooks check     say which notebooks are not canonical; change nothing
    python -m tools.notebooks fix       rewrite them canonically, outputs kept
    python -m tools.notebooks execute   run them top to bottom in fresh kernels, store the outputs

Names of notebooks may follow; without any, all in notebooks/ are taken.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from utils.files import atomic_write

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
CELL_TIMEOUT = 300  # seconds, as in pyproject.toml
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
FOLDED = ("source_hidden", "outputs_hidden")  # what JupyterLab shows closed


# Settings of one person's shell that change what a kernel shows.
PERSONAL = ("NO_COLOR", "FORCE_COLOR", "JUPYTER_COLUMNS", "MPLBACKEND", "PYTHONWARNINGS")


def forget_personal_settings() -> None:
    """Remove from this process what would make its kernels show outputs in another form."""
    for name in PERSONAL:
        os.environ.pop(name, None)


def all_notebooks() -> list[Path]:
    """Return every notebook of the collection, by name."""
    return sorted(NOTEBOOKS.glob("*.ipynb"))


def read(path: Path) -> NotebookNode:
    """Read a notebook as nbformat 4, without changing it."""
    return nbformat.read(path, as_version=4)


def cell(notebook: NotebookNode, cell_id: str) -> NotebookNode:
    """Return the cell with this id; KeyError if there is none."""
    for candidate in notebook.cells:
        if candidate.id == cell_id:
            return candidate
    raise KeyError(cell_id)


def printed(notebook: NotebookNode, cell_id: str) -> str:
    """Return what a cell wrote to standard output."""
    outputs = cell(notebook, cell_id).outputs
    return "".join(
        output.text
        for output in outputs
        if output.output_type == "stream" and output.name == "stdout"
    )


def canonical(notebook: NotebookNode) -> str:
    """Return the one form in which a notebook is stored, as JSON text ending in a newline.

    Kernel and language are the only metadata; a cell keeps its tags and what of it is folded.
    """
    notebook = nbformat.from_dict(notebook)
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for each in notebook.cells:
        folded = {key: True for key in FOLDED if each.metadata.get("jupyter", {}).get(key)}
        kept = {"jupyter": folded, "tags": each.metadata.get("tags")}
        each.metadata = nbformat.from_dict({key: value for key, value in kept.items() if value})
        for output in each.get("outputs", []):
            if "metadata" in output:
                output.metadata = nbformat.from_dict({})
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def execute(
    notebook: NotebookNode, on_cell: Callable[[int], None] = lambda index: None
) -> NotebookNode:
    """Execute a copy of a notebook in a fresh kernel, in the folder notebooks/.

    Parameters
    ----------
    notebook : NotebookNode
    on_cell : callable, optional
        Called with the index of each code cell before it runs.

    Returns
    -------
    NotebookNode
        The executed copy.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell raises.
    """
    forget_personal_settings()
    fresh = nbformat.from_dict(notebook)
    client = NotebookClient(
        fresh,
        kernel_name="python3",
        timeout=CELL_TIMEOUT,
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],  # the kernel's own notes, not the notebook's
        resources={"metadata": {"path": str(NOTEBOOKS)}},
        on_cell_execute=lambda cell, cell_index: on_cell(cell_index),
    )
    client.execute()
    return fresh


@contextmanager
def progress(path: Path, count: int) -> Iterator[Callable[[int], None]]:
    """Show on a terminal which cell of a notebook is running; elsewhere, one line at the start."""
    live = sys.stderr.isatty()
    if not live:
        print(f"executing {path.name} ({count} cells)", file=sys.stderr, flush=True)

    def show(index: int) -> None:
        if live:
            print(
                f"\rexecuting {path.name}: cell {index + 1} of {count} ",
                end="",
                file=sys.stderr,
                flush=True,
            )

    yield show
    if live:
        print(file=sys.stderr)


def store(path: Path, text: str) -> None:
    """Write a notebook's JSON text, beside and then renamed."""
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def main() -> int:
    """Run one of the three commands; return 1 if `check` found something."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("check", "fix", "execute"))
    parser.add_argument("paths", nargs="*", type=Path)
    arguments = parser.parse_args()
    crooked = 0
    for path in arguments.paths or all_notebooks():
        notebook, before = read(path), path.read_text(encoding="utf-8")
        if arguments.command == "execute":
            with progress(path, len(notebook.cells)) as show:
                notebook = execute(notebook, show)
        after = canonical(notebook)
        if after == before:
            continue
        if arguments.command == "check":
            print(f"{path}: not in canonical form; run `make fix`")
            crooked = 1
        else:
            store(path, after)
            print(f"{path}: written")
    return crooked


if __name__ == "__main__":
    sys.exit(main())
