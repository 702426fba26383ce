"""Execute the notebooks, print what they found, and build the site from them.

    python -m tools.run            all notebooks
    python -m tools.run 01         those whose name begins so

Pair by pair: the executed notebooks go to build/notebooks/, those in notebooks/ stay as they are,
and the page to build/site/. The table of those with results goes to build/results.md. Every number
comes out of the executed cells. Exit status 1 if a notebook fails; the others go on. Two runs at
once do not disturb each other: what notebooks save goes to a folder of the run.
"""

import itertools
import logging
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from nbformat import NotebookNode

from tools import notebooks as tool
from tools import pages

BUILD = tool.ROOT / "build"
EXECUTED = BUILD / "notebooks"
NUMBER = r"([\d.]+)"
# column: (cell id, pattern in what the cell prints)
RESULTS = {
    "µs a training step": ("train-time", rf"{NUMBER} microseconds a step"),
    "validation loss": ("evaluate", rf"validation loss: {NUMBER}"),
    "validation accuracy": ("evaluate", rf"validation accuracy: {NUMBER}"),
    "accuracy on 100,000 fresh points": ("fresh-accuracy", rf"fresh points: {NUMBER}"),
    "best possible": ("fresh-accuracy", rf"best possible accuracy: {NUMBER}"),
}
MISSING = "–"


def results(notebook: NotebookNode) -> dict[str, str]:
    """Return the results that an executed notebook printed, by column; "–" where it has none."""
    said = {c.id: tool.printed(c) for c in notebook.cells if c.cell_type == "code"}
    found = {
        column: re.search(pattern, said.get(cell_id, ""))
        for column, (cell_id, pattern) in RESULTS.items()
    }
    return {column: match.group(1) if match else MISSING for column, match in found.items()}


def markdown(table: pd.DataFrame) -> str:
    """Return a table as GitHub Markdown, the numbers aligned to the right."""
    rule = ["---", *["---:"] * (table.shape[1] - 1)]
    rows = [list(table.columns), rule, *table.astype(str).to_numpy().tolist()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def run(path: Path) -> dict[str, str]:
    """Execute one notebook into build/notebooks/ and return its row of the table."""
    row = {"notebook": path.stem, "seconds": "", **dict.fromkeys(RESULTS, MISSING)}
    if lack := tool.lacks(path.stem):
        print(f"skipping {path.name}: {lack}", file=sys.stderr)
        return row | {"seconds": "skipped"}
    print(f"executing {path.name}", file=sys.stderr, flush=True)
    start = time.perf_counter()
    try:
        executed = tool.execute(tool.read(path))
    except RuntimeError as error:
        print(f"{path.name} failed:\n{error}", file=sys.stderr)
        return row | {"seconds": "failed"}
    tool.store(EXECUTED / path.name, tool.canonical(executed))
    seconds = time.perf_counter() - start
    return row | {"seconds": f"{seconds:.0f}"} | results(executed)


def run_pair(paths: list[Path]) -> list[dict[str, str]]:
    """Execute the notebooks of a pair, build its page, and return their rows of the table."""
    rows = [run(path) for path in paths]
    pages.build_edition(EXECUTED, pages.PAGES)
    print((pages.PAGES / f"{paths[0].stem.rpartition('_')[0]}.html").as_uri(), flush=True)
    return rows


def main() -> int:
    """Run what was asked for; return 1 if a notebook or the site failed."""
    # Else accessible_pygments, which Sphinx imports, lets every library print its notes.
    logging.basicConfig(format="%(message)s")
    paths = tool.all_notebooks(*sys.argv[1:])
    for path in tool.all_notebooks():  # the pages of those not asked for show what is stored
        tool.store(EXECUTED / path.name, path.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="models") as models:
        os.environ[tool.MODELS] = models
        pairs = itertools.groupby(paths, key=lambda path: path.stem.rpartition("_")[0])
        rows = [row for _, pair in pairs for row in run_pair(list(pair))]
    table = pd.DataFrame(rows)
    with_results = table[table[list(RESULTS)].ne(MISSING).any(axis=1)]
    if len(with_results):
        tool.store(BUILD / "results.md", markdown(with_results))
    print(f"\n{table.to_string(index=False)}\n", flush=True)
    status = pages.build(EXECUTED)
    print(f"pages: {(pages.PAGES / 'index.html').as_uri()}")
    return 1 if table["seconds"].eq("failed").any() else status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("stopped; what was finished is in build/")
