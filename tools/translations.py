"""The Chinese edition: words are translated, cell by cell; code and outputs are the source's.

    python -m tools.translations     bring the catalogues up to date

A catalogue of locale/zh_CN/LC_MESSAGES/ holds a pair's Markdown cells, site.po the site's own pages
and words. A message that changed is marked fuzzy, and counts as missing until somebody looks at it.
"""

import functools
import re
import shutil
from collections.abc import Callable

from babel.messages import extract
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from nbformat import NotebookNode

from tools import notebooks as tool
from utils.files import atomic_write

LOCALE = "zh_CN"
CATALOGUES = tool.ROOT / "locale" / LOCALE / "LC_MESSAGES"
NOTEBOOKS = tool.ROOT / "build" / "zh"
SITE = tool.ROOT / "site"
PAIRS = [path.stem.removesuffix("_pytorch") for path in tool.all_notebooks()[::2]]
HEADER = {
    "project": "Two rings, two frameworks",
    "version": "1",
    "header_comment": "# The Chinese edition: Markdown cells and their translations.",
    "fuzzy": False,
}
Say = Callable[[str], str]
FRAMEWORK_IN_TITLE = re.compile(r"(?: in |（)(?:TensorFlow|PyTorch)）?$")


def blocks(page: str) -> list[str]:
    """Cut a page's Markdown at its empty lines; a fenced block stays whole."""
    return re.findall(r"^```(?s:.*?)^```$|(?:^(?!```).+\n?)+", page, re.MULTILINE)


def has_words(block: str) -> bool:
    """Say whether a block of a page has words to translate beside its markup."""
    markup = r"<!--[^>]*-->|</?\w+[^>]*>|^[`:]{3,}.*$|TensorFlow|PyTorch"
    bare = "" if "{toctree}" in block else re.sub(markup, "", block, flags=re.MULTILINE)
    return bool(re.search(r"[a-z]{2}", bare)) or " alt=" in block


def messages(name: str) -> Catalog:
    """Return the messages of a pair, or of the "site", with the places where they stand."""
    found = Catalog(locale=LOCALE, **HEADER)
    if name != "site":
        stems = [f"{name}_{framework}" for framework in tool.FRAMEWORKS]
        twins = [tool.read(tool.NOTEBOOKS / f"{stem}.ipynb").cells for stem in stems]
        for cells in zip(*twins, strict=True):
            for stem, cell in zip(stems, cells, strict=True):
                if cell.cell_type == "markdown":
                    found.add(cell.source, locations=[(f"{stem}#{cell.id}", None)])
        return found
    for path in sorted(SITE.glob("*.md")):
        for block in blocks(path.read_text(encoding="utf-8")):
            if has_words(block):
                found.add(block.rstrip("\n"), locations=[(path.name, None)])
    code = [SITE / "conf.py", *sorted(tool.ROOT.glob("tools/p*.py"))]
    for path in [*sorted(SITE.glob("_templates/*.html")), *code]:
        method = "jinja2.ext:babel_extract" if path.suffix == ".html" else "python"
        with path.open("rb") as file:
            for _, text, *_ in extract.extract(method, file, keywords={"say": None}):
                found.add(text, locations=[(path.name, None)])
    return found


def stored(name: str) -> Catalog:
    """Return a catalogue as it is stored; an empty one if there is none."""
    path = CATALOGUES / f"{name}.po"
    if not path.is_file():
        return Catalog(locale=LOCALE, **HEADER)
    with path.open("rb") as file:
        return read_po(file, locale=LOCALE)


def update(name: str) -> None:
    """Bring a catalogue up to date: new messages come in, changed ones are marked fuzzy."""
    catalogue = stored(name)
    catalogue.update(messages(name), update_creation_date=False)
    catalogue.obsolete.clear()
    CATALOGUES.mkdir(parents=True, exist_ok=True)
    with atomic_write(CATALOGUES / f"{name}.po") as part, part.open("wb") as file:
        write_po(file, catalogue, width=0, omit_header=False, ignore_obsolete=True)
    waiting = [each for each in catalogue if each.id and (each.fuzzy or not each.string)]
    print(f"{name}: {len(catalogue)} messages, {len(waiting)} to translate or to look at")


@functools.cache
def sayer(name: str) -> Say:
    """Return the function from a message to its translation; what has none stays as it is."""
    known = {each.id: each.string for each in stored(name) if each.string and not each.fuzzy}
    return lambda text: known.get(text, text)


def translate(notebook: NotebookNode, say: Say) -> NotebookNode:
    """Put the translations into a notebook's Markdown cells, in place, and return it."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = say(cell.source)
    return notebook


def translate_page(page: str, say: Say) -> str:
    """Return a page with its blocks translated."""
    for block in map(str.rstrip, blocks(page)):
        page = page.replace(block, say(block), 1)
    return page


def write_notebooks(pair: str = "") -> None:
    """Write the Chinese notebooks of a pair or of all, and the programs that they start."""
    for name in [each for each in PAIRS if each.startswith(pair)]:
        for path in tool.NOTEBOOKS.glob(f"{name}_*.ipynb"):
            text = tool.canonical(translate(tool.read(path), sayer(name)))
            tool.store(NOTEBOOKS / path.name, text)
            print(NOTEBOOKS / path.name)
    for program in tool.NOTEBOOKS.glob("*.py"):
        shutil.copy(program, NOTEBOOKS)


if __name__ == "__main__":
    for each in [*PAIRS, "site"]:
        update(each)
