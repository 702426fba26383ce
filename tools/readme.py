"""Bring up to date what is made from the notebooks: the READMEs' table of results, their pictures,
and the table of both frameworks' defaults, data/framework_defaults.csv.

    python -m tools.readme

Takes the table that `make run` has written to build/results.md, figures that notebooks have stored,
and the defaults of the installed versions as the cells of pair 05 read them. Each framework works
in a process of its own, so that no process imports both.
"""

import base64
import json
import sys

import pandas as pd

from tools import notebooks as tool
from utils.data import DATA_DIR
from utils.files import atomic_write

READMES = [tool.ROOT / name for name in ("README.md", "README.zh-CN.md")]
RESULTS = tool.ROOT / "build" / "results.md"
IMAGES = tool.ROOT / ".github" / "images"
DEFAULTS = DATA_DIR / "framework_defaults.csv"
BEGIN, END = "<!-- results of `make run` -->\n", "<!-- end of results -->\n"
FIGURES = {
    "boundary": ("01_six_steps", "boundary-plot"),
    "parity": ("05_same_numbers", "parity-plot"),
}


def cells(framework: str, *ids: str) -> str:
    """Return the code of some cells of a twin of pair 05 as one program."""
    notebook = tool.read(tool.NOTEBOOKS / f"05_same_numbers_{framework.lower()}.ipynb")
    return "\n\n".join(tool.cell(notebook, each).source for each in ids)


def defaults() -> pd.DataFrame:
    """Return the defaults of the installed versions, one column a framework."""
    ids = ["imports", "framework", "settings"]
    ids += [f"defaults-{part}" for part in ("weights", "optimizer", "batches", "loss")]
    then = "\n\nimport json\n\nprint(json.dumps(defaults))"
    found = {
        name: json.loads(tool.fresh(cells(name, *ids) + then)) for name in tool.FRAMEWORKS.values()
    }
    return pd.DataFrame(found, dtype=str).rename_axis("default")


def pictures() -> dict[str, bytes]:
    """Return the README's pictures, each a figure that a notebook has stored, by file name."""
    found = {}
    for name, (pair, cell_id) in FIGURES.items():
        for side in tool.FRAMEWORKS:
            outputs = tool.cell(tool.read(tool.NOTEBOOKS / f"{pair}_{side}.ipynb"), cell_id).outputs
            image = next(o.data["image/png"] for o in outputs if "image/png" in o.get("data", {}))
            found[f"{name}_{side}.png"] = base64.b64decode(image)
    return found


def insert(readme: str, table: str) -> str:
    """Return a README's text with `table` between its two marks, under the headings it has there.

    ValueError without the marks.
    """
    if readme.count(BEGIN) != 1 or readme.count(END) != 1:
        raise ValueError(f"README.md must hold the lines {BEGIN!r} and {END!r} once each")
    head, _, rest = readme.partition(BEGIN)
    old, _, tail = rest.partition(END)
    headings = (old or table).splitlines(keepends=True)[:1]
    return "".join([head, BEGIN, *headings, *table.splitlines(keepends=True)[1:], END, tail])


def main() -> None:
    """Write the tables and the pictures."""
    if not RESULTS.is_file():
        sys.exit("there are no results yet: run `make run` first")
    for readme in READMES:
        text = insert(readme.read_text(encoding="utf-8"), RESULTS.read_text(encoding="utf-8"))
        tool.store(readme, text)
    for name, image in pictures().items():
        with atomic_write(IMAGES / name) as part:
            part.write_bytes(image)
    with atomic_write(DEFAULTS) as part:
        defaults().to_csv(part, lineterminator="\n")
    print("both READMEs, their pictures and the table of defaults are up to date")


if __name__ == "__main__":
    main()
