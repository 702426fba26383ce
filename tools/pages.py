"""Build the site: one page a pair, the twins zipped by their cell ids.

    python -m tools.pages     from the stored notebooks into build/site/

Nothing is executed here. What both twins say stands once; what differs becomes two neighbours,
marked by tags and classes that site/_static/twins.css arranges side by side.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import nbformat
from filelock import FileLock
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook
from sklearn.model_selection import train_test_split
from sphinx.cmd.build import build_main

from tools import notebooks as tool
from tools.phrasebook import phrasebook
from tools.readme import READMES, RESULTS, insert
from tools.translations import (
    CATALOGUES,
    FRAMEWORK_IN_TITLE,
    LOCALE,
    PAIRS,
    Say,
    sayer,
    translate,
    translate_page,
)
from utils import reference
from utils.data import load_two_rings

SITE = tool.ROOT / "site"
PAGES = tool.ROOT / "build" / "site"
HEADING = re.compile(r"^#{1,6} .+$", re.MULTILINE)
TWIN_LINK = re.compile(r"\n*^\*\*(The twin:|孪生笔记本：)\*\*.*$", re.MULTILINE)
NAMES = '<div class="twin-names" aria-hidden="true"><div>TensorFlow</div><div>PyTorch</div></div>'


def box(text: str, *classes: str) -> NotebookNode:
    """Return a Markdown cell whose text stands in a `div` with these classes."""
    fence = ":" * (3 + max(map(len, re.findall(r":{3,}", text)), default=0))
    return new_markdown_cell(f"{fence}{{container}} {' '.join(classes)}\n{text}\n{fence}")


def relink(text: str) -> str:
    """Let links to a twin's notebook, or to a page's source, lead to the page."""
    text = text.replace("](../site/", "](")
    pattern = r"\]\((\d\d_\w+?)_(tensorflow|pytorch)\.ipynb\)"
    return re.sub(pattern, r"](\1.ipynb)", text)


def prose(twins: Sequence[NotebookNode]) -> list[NotebookNode]:
    """Return a Markdown cell of both twins as cells of the page: headings once, then the words."""
    texts = [relink(TWIN_LINK.sub("", cell.source)) for cell in twins]
    if twins[0].id == "title":
        texts = [FRAMEWORK_IN_TITLE.sub("", text) for text in texts]
    heading = HEADING.match(texts[0])
    cells = [new_markdown_cell(heading.group())] if heading else []
    bodies = [HEADING.sub("", text, count=1).strip() if heading else text for text in texts]
    if bodies[0] == bodies[1]:
        return cells + ([box(bodies[0], "words")] if bodies[0] else [])
    sides = zip(tool.FRAMEWORKS, bodies, strict=True)
    return cells + [box(body, "words", "twin", side) for side, body in sides if body]


def code(twins: Sequence[NotebookNode], say: Say = str) -> list[NotebookNode]:
    """Return a code cell of both twins: once if source and outputs are equal, else both."""
    prompts = {
        "hide-cell": (say("Show the answer"), say("Hide the answer")),
        "hide-input": (say("Show the check"), say("Hide the check")),
    }
    cells = [nbformat.from_dict(cell) for cell in twins]
    for cell in cells:
        tags = cell.metadata.get("tags", [])
        show, hide = next((prompts[tag] for tag in tags if tag in prompts), ("", ""))
        data = [each.get("data", {}) for each in cell.outputs]
        pictures = [each.get("text/plain", "") for each in data if "image/png" in each]
        cell.metadata = nbformat.from_dict({"tags": tags})
        cell.metadata["mystnb"] = {
            "code_prompt_show": show,
            "code_prompt_hide": hide,
            **({"image": {"alt": " ".join(pictures[0].split())}} if pictures else {}),
        }
    if cells[0].source == cells[1].source and cells[0].outputs == cells[1].outputs:
        return cells[:1]
    for cell, side in zip(cells, tool.FRAMEWORKS, strict=True):
        cell.metadata["tags"] = [*cell.metadata["tags"], "twin", side]
        cell.id = f"{cell.id}-{side}"
    return cells


def zip_twins(tensorflow: NotebookNode, pytorch: NotebookNode, say: Say = str) -> NotebookNode:
    """Return one notebook for the page of a pair; ValueError if the cell ids differ."""
    ids = [[cell.id for cell in twin.cells] for twin in (tensorflow, pytorch)]
    if ids[0] != ids[1]:
        raise ValueError(f"the twins' cells differ: {sorted(set(ids[0]) ^ set(ids[1]))}")
    cells = []
    for twins in zip(tensorflow.cells, pytorch.cells, strict=True):
        made = prose(twins) if twins[0].cell_type == "markdown" else code(twins, say)
        anchor = new_markdown_cell(f'<div class="anchor" id="{twins[0].id}"></div>')
        cells += [anchor, *made] if cells else made
    cells.insert(1, new_markdown_cell(NAMES))
    for number, cell in enumerate(cells):
        cell.id = f"{number}-{cell.id}" if cell.cell_type == "code" else f"words-{number}"
    return new_notebook(cells=cells, metadata=tool.METADATA)


def pairs(folder: Path) -> dict[str, list[NotebookNode]]:
    """Return the twins of each pair, TensorFlow first, by the name of the pair."""
    return {
        name: [tool.read(folder / f"{name}_{side}.ipynb") for side in tool.FRAMEWORKS]
        for name in PAIRS
    }


def landing(template: str, readme: str, results: str, translated: str = "") -> str:
    """Return the landing page: the template with sections of the README where it asks for them.

    A line `<!-- README: The six steps -->` becomes the section of that heading, or the one at its
    place in the `translated` README. `results` is the table to show instead of the README's.
    """
    shown = insert(translated or readme, results) if results else translated or readme
    shown = shown.replace("(.github/images/", "(_static/")
    shown = re.sub(
        r"\[([^]]+)\]\(notebooks/(\w+?)_(tensorflow|pytorch)\.ipynb\)",
        r'<a href="\2.html?view=\3">\1</a>',
        shown,
    )
    source = os.environ.get("GITHUB_REPOSITORY")
    address = rf"[\1](https://github.com/{source}/blob/main/\2)" if source else r"\1"
    shown = re.sub(r"\[([^]]+)\]\(((?!http|_static)[\w./-]+)\)", address, shown)
    sections = re.split(r"^(?=## )", shown, flags=re.MULTILINE)[1:]
    found = dict(zip(re.findall(r"^## (.+)$", readme, re.MULTILINE), sections, strict=True))
    return re.sub(r"<!-- README: (.+?) -->", lambda name: found[name[1]], template)


def furnace_data() -> str:
    """Return what the page "The furnace" is compared with: pair 05's training in 64-bit floats.

    The rings, their split, first weights, batches and epsilon are those of pair 05; the reference
    trains here, so that no number is typed in.
    """
    points, labels = (each.astype(float) for each in load_two_rings())
    split = train_test_split(points, labels, test_size=0.25, random_state=0, stratify=labels)
    train, held = (split[0], split[2]), (split[1], split[3])
    start = reference.initial_weights(0, "float64")
    order = reference.batch_order(len(train[0]), 20, 50, 0)
    adam = reference.Adam(0.001, epsilon=1e-10)
    _, history = reference.train(start, train, held, order, adam)
    values = {
        "train": {"points": train[0].tolist(), "labels": train[1].ravel().tolist()},
        "held": {"points": held[0].tolist(), "labels": held[1].ravel().tolist()},
        "weights": [each for part in start.values() for each in part.ravel().tolist()],
        "order": [[rows.tolist() for rows in epoch] for epoch in order],
        "rate": adam.learning_rate,
        "adam": {"beta1": adam.beta_1, "beta2": adam.beta_2, "epsilon": adam.epsilon},
        "losses": history["val_loss"],
    }
    return f"window.FURNACE = {json.dumps(values, separators=(',', ':'))};\n"


def write_sources(folder: Path, source: Path, chinese: bool = False) -> None:
    """Fill `source`: site/ as it is, the zipped pairs, landing page, phrasebook and downloads."""
    say = sayer("site") if chinese else str
    left_out = shutil.ignore_patterns("__pycache__", "*.md")
    shutil.copytree(SITE, source, ignore=left_out, dirs_exist_ok=True)
    shutil.copytree(tool.ROOT / ".github" / "images", source / "_static", dirs_exist_ok=True)
    found = pairs(folder)
    for name, twins in found.items():
        for side, twin in zip(tool.FRAMEWORKS, twins, strict=True):
            if chinese:
                translate(twin, sayer(name))
            downloads = source / "_extra" / "notebooks"
            put(downloads / f"{name}_{side}.ipynb", tool.canonical(twin))
        put(source / f"{name}.ipynb", nbformat.writes(zip_twins(*twins, say)))
    put(source / "_static" / "furnace-data.js", furnace_data())
    executed = folder != tool.NOTEBOOKS and RESULTS.is_file()
    results = RESULTS.read_text(encoding="utf-8") if executed else ""
    readmes = [path.read_text(encoding="utf-8") for path in READMES[: 1 + chinese]]
    for name in ("index.md", "furnace.md"):
        page = translate_page((SITE / name).read_text(encoding="utf-8"), say)
        page = landing(page, readmes[0], results, *readmes[1:]) if name == "index.md" else page
        put(source / name, page)
    put(source / "phrasebook.md", phrasebook(found, say))


def put(path: Path, text: str) -> None:
    """Write a file unless it has this text already: Sphinx reads again what is newer."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        tool.store(path, text)


def build(folder: Path, pages: Path = PAGES) -> int:
    """Build the site into `pages`, the Chinese one into its folder zh/; warnings are errors.

    Returns the worse of Sphinx's exit statuses.
    """
    return max(build_edition(folder, pages, chinese) for chinese in (False, True))


def build_edition(folder: Path, pages: Path, chinese: bool = False) -> int:
    """Build the English site into `pages`, or the Chinese one; return Sphinx's exit status.

    What Sphinx has read stays beside `pages`, so that the next time only what changed is read.
    """
    say = sayer("site") if chinese else str
    title = say("Two rings, two frameworks")
    work = pages.with_name(f"{pages.name}-work") / ("zh" if chinese else "en")
    work.mkdir(parents=True, exist_ok=True)
    with FileLock(work / "lock"):
        write_sources(folder, work / "source", chinese)
        options = ["-q", "-W", "--keep-going", "-d", str(work / "doctrees")]
        options += ["-D", f"project={title}", "-D", f"html_title={title}"]
        if chinese:  # changed words of the templates change every page, so Sphinx hears of them
            words = crc32((CATALOGUES / "site.po").read_bytes())
            options += ["-D", f"language={LOCALE}", "-D", f"html_context.words={words}"]
        target = pages / "zh" if chinese else pages
        status = build_main([*options, str(work / "source"), str(target)])
        if status:  # a page that was read is not warned of again
            shutil.rmtree(work / "doctrees", ignore_errors=True)
        return status


def main() -> int:
    """Build the site and say where it is."""
    status = build(tool.NOTEBOOKS)
    if not status:
        print(f"site: {(PAGES / 'index.html').as_uri()}")
    return status


if __name__ == "__main__":
    sys.exit(main())
