"""The table of both frameworks' defaults, data/framework_defaults.csv.

    python -m tools.defaults     write it anew

The values are read by the cells of pair 05, each framework in a process of its own. A test says
when a default of the installed versions differs from it.
"""

import json
import sys

import pandas as pd

from tools import notebooks as tool
from utils import launch
from utils.data import DATA_DIR
from utils.files import atomic_write

TABLE = DATA_DIR / "framework_defaults.csv"
CELLS = ("imports", "framework", "settings")
CELLS += tuple(f"defaults-{part}" for part in ("weights", "optimizer", "batches", "loss"))


def run_cells(framework: str, cells: tuple[str, ...], then: str, *arguments: str) -> str:
    """Run cells of a twin of pair 05, then some lines, in a fresh Python; return its last line.

    `then` may use what the cells define, and `sys.argv[1:]`. RuntimeError if the process fails.
    """
    notebook = tool.read(tool.NOTEBOOKS / f"05_same_numbers_{framework.lower()}.ipynb")
    source = "\n\n".join([*(tool.cell(notebook, each).source for each in cells), then])
    command = [sys.executable, "-c", source, *arguments]
    ended = launch.run([command], limit=300, cwd=tool.ROOT, show=None)
    if not ended.ok:
        raise RuntimeError(f"{framework}: {ended.message}\n{ended.output}\n{ended.log}")
    return ended.lines[-1] if ended.lines else ""


def installed() -> pd.DataFrame:
    """Return the defaults of the installed versions, one column a framework."""
    then = "import json\n\nprint(json.dumps(defaults))"
    found = {name: json.loads(run_cells(name, CELLS, then)) for name in ("TensorFlow", "PyTorch")}
    return pd.DataFrame(found, dtype=str).rename_axis("default")


def stored() -> pd.DataFrame:
    """Return the table as it is stored."""
    return pd.read_csv(TABLE, index_col="default", dtype=str)


def main() -> None:
    """Write the table."""
    now = installed()
    with atomic_write(TABLE) as part:
        now.to_csv(part, lineterminator="\n")


if __name__ == "__main__":
    main()
