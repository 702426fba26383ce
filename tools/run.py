"""Execute the notebooks into build/ and print what they found.

    python -m tools.run            all notebooks
    python -m tools.run 01         those whose name begins so

Writes one HTML page a notebook, an index, and as Markdown the table of those with results. The
notebooks in notebooks/ stay as they are. Every number comes out of the executed cells.
"""

import re
import sys
import time
from pathlib import Path

import pandas as pd
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from tools import notebooks as tool
from utils.files import atomic_write

BUILD = tool.ROOT / "build"
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
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Two rings, two frameworks</title>
<style>body {{ font: 16px/1.5 sans-serif; max-width: 60rem; margin: 3rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse }} td, th {{ padding: .4rem .8rem; text-align: right;
border-bottom: 1px solid #ccc }} td:first-child, th:first-child {{ text-align: left }}</style>
</head><body><h1>Two rings, two frameworks</h1>
<p>Each notebook as executed on {when}, beside the best accuracy that any model can reach.</p>
{table}</body></html>
"""


def results(notebook: NotebookNode) -> dict[str, str]:
    """Return the results that an executed notebook printed, by column; "–" where it has none."""
    shown = {
        cell.id: tool.printed(notebook, cell.id) for cell in notebook.cells if cell.get("outputs")
    }
    found = {
        column: re.search(pattern, shown.get(cell_id, ""))
        for column, (cell_id, pattern) in RESULTS.items()
    }
    return {column: match.group(1) if match else MISSING for column, match in found.items()}


def markdown(table: pd.DataFrame) -> str:
    """Return a table as GitHub Markdown, the numbers aligned to the right."""
    rule = ["---", *["---:"] * (table.shape[1] - 1)]
    rows = [list(table.columns), rule, *table.astype(str).to_numpy().tolist()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def page(notebook: NotebookNode, title: str) -> str:
    """Return an executed notebook as HTML; links between notebooks lead to their pages."""
    exporter = HTMLExporter(embed_images=True)
    body, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": title}})
    return re.sub(r'href="(\w+)\.ipynb"', r'href="\1.html"', body)


def index(table: pd.DataFrame) -> str:
    """Return the page that lists the notebooks with their results."""
    links = [f'<a href="{name}.html">{name}</a>' for name in table["notebook"]]
    rows = table.assign(notebook=links).to_html(index=False, escape=False, border=0)
    return PAGE.format(table=rows, when=time.strftime("%Y-%m-%d"))


def write(name: str, text: str) -> None:
    """Write one file of build/, beside and then renamed."""
    with atomic_write(BUILD / name) as part:
        part.write_text(text, encoding="utf-8")


def run(path: Path) -> dict[str, str]:
    """Execute one notebook, write its page, and return its row of the table."""
    print(f"executing {path.name}", file=sys.stderr, flush=True)
    start = time.perf_counter()
    executed = tool.execute(tool.read(path))
    seconds = time.perf_counter() - start
    write(f"{path.stem}.html", page(executed, path.stem))
    return {"notebook": path.stem, "seconds": f"{seconds:.0f}", **results(executed)}


def main() -> int:
    """Run what was asked for; return 1 if a notebook failed."""
    wanted = sys.argv[1:] or [""]
    paths = [path for path in tool.all_notebooks() if path.name.startswith(tuple(wanted))]
    if not paths:
        print(f"no notebook begins with {' or '.join(wanted)}", file=sys.stderr)
        return 1
    rows = []
    for path in paths:
        try:
            rows.append(run(path))
        except RuntimeError as error:
            print(f"{path.name} failed:\n{error}", file=sys.stderr)
    table = pd.DataFrame(rows)
    if len(rows) < len(paths):
        return 1
    with_results = table[list(RESULTS)].ne(MISSING).any(axis=1)
    write("results.md", markdown(table[with_results]))
    write("index.html", index(table))
    print(f"\n{table.to_string(index=False)}\n\npages: {(BUILD / 'index.html').as_uri()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
