"""The phrasebook: the closing tables of all pairs, each entry led to a cell that uses it."""

import re
from itertools import groupby

from nbformat import NotebookNode

from tools import notebooks as tool
from tools.translations import FRAMEWORK_IN_TITLE, Say

NAME = re.compile(r"[A-Za-z_][\w.]*")
WEAK = {"model", "keras", "tf", "torch", "nn", "points", "labels", "n", "name", "size", "optimizer"}


def rows(notebook: NotebookNode) -> list[list[str]]:
    """Return the rows of a notebook's closing table: step, TensorFlow, PyTorch; steps filled in."""
    lines = tool.cell(notebook, "other").source.splitlines()
    table = [line for line in lines if line.startswith("|")][2:]
    found: list[list[str]] = []
    for line in table:
        step, *sides = [part.strip() for part in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        found.append([step or found[-1][0], *sides])
    return found


def names(entry: str) -> list[str]:
    """Return the names in an entry's code that tell it from others, the longest first."""
    found = [name for code in re.findall(r"`([^`]+)`", entry) for name in NAME.findall(code)]
    parts = [part for name in found for part in name.split(".") if part not in WEAK]
    return sorted(dict.fromkeys(parts), key=len, reverse=True)


def index(notebook: NotebookNode) -> list[dict[str, set[str]]]:
    """Return the words of each cell by its id: of the code, and of what is told or shown."""
    code, told = {}, {}
    for cell in notebook.cells:
        if cell.id == "other" or cell.id.endswith(("-check", "-answer")):
            continue
        data = [output.get("data", {}) for output in cell.get("outputs", [])]
        shown = [text for each in data for kind, text in each.items() if kind.startswith("text/")]
        if cell.cell_type == "code":
            code[cell.id] = set(re.findall(r"\w+", cell.source))
        else:
            shown.append(cell.source)
        told[cell.id] = set(re.findall(r"\w+", " ".join(shown)))
    return [code, told]


def used_in(cells: list[dict[str, set[str]]], entry: str) -> str:
    """Return the id of the cell, of an `index`, with most of an entry's names, or "" for none.

    Code comes first; where none has any, a cell that tells or shows it.
    """
    wanted = names(entry)
    for words in cells:
        scores = {each: sum(len(name) for name in wanted if name in words[each]) for each in words}
        if any(scores.values()):
            return max(scores, key=scores.get)
    return ""


def phrasebook(pairs: dict[str, list[NotebookNode]], say: Say = str) -> str:
    """Return the page as Markdown: a section for each pair, a table for each of its steps."""
    title, where = say("Phrasebook"), say("where it is used")
    words = say(
        'Every "same step in the other framework" table of the pairs, by step. Each entry leads '
        "to a cell that uses it."
    )
    parts = [f"# {title}\n\n{words}\n\n"]
    for name, twins in pairs.items():
        indices = [index(twin) for twin in twins]
        title = FRAMEWORK_IN_TITLE.sub("", twins[0].cells[0].source).removeprefix("# ")
        parts.append(f"## [{title}]({name}.ipynb)\n\n")
        for step, group in groupby(rows(twins[0]), key=lambda row: row[0]):
            parts.append(f"### {step}\n\n| TensorFlow | PyTorch |\n| --- | --- |\n")
            for _, *entries in group:
                sides = zip(tool.FRAMEWORKS, indices, entries, strict=True)
                cells = [
                    linked(name, side, used_in(*found), found[1], where) for side, *found in sides
                ]
                parts.append(f"| {' | '.join(cells)} |\n")
            parts.append("\n")
    return "".join(parts)


def linked(name: str, side: str, cell_id: str, entry: str, where: str) -> str:
    """Return a table's entry with an arrow that leads to the cell, in that framework's view."""
    if not cell_id:
        return entry
    arrow = f'<a href="{name}.html?view={side}#{cell_id}" aria-label="{where}">→</a>'
    return f"{entry} {arrow}"
