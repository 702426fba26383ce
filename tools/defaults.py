"""The table of both frameworks' defaults, data/framework_defaults.csv.

    python -m tools.defaults check     say which defaults of the installed versions differ from it
    python -m tools.defaults write     write it anew

The values are read by the cells of pair 05, each framework in a process of its own.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd

from tools import notebooks
from utils.data import DATA_DIR
from utils.files import atomic_write

TABLE = DATA_DIR / "framework_defaults.csv"
FRAMEWORKS = ("TensorFlow", "PyTorch")
CELLS = (
    "imports",
    "framework",
    "settings",
    "defaults-weights",
    "defaults-optimizer",
    "defaults-batches",
    "defaults-loss",
)


def run_cells(framework: str, cells: tuple[str, ...], then: str, *arguments: str) -> str:
    """Run cells of a twin of pair 05 and then some lines, in a process of their own.

    Parameters
    ----------
    framework : {"TensorFlow", "PyTorch"}
    cells : tuple of str
        The ids of the cells.
    then : str
        Python lines that may use what the cells have defined, and `sys.argv[1:]`.
    *arguments : str

    Returns
    -------
    str
        The last line printed.

    Raises
    ------
    ValueError
        If the framework is unknown.
    RuntimeError
        If the process fails; the message holds what it wrote.
    """
    if framework not in FRAMEWORKS:
        raise ValueError(f"framework is {framework!r}, allowed are {FRAMEWORKS}")
    notebook = notebooks.read(notebooks.NOTEBOOKS / f"05_same_numbers_{framework.lower()}.ipynb")
    source = "\n\n".join([*(notebooks.cell(notebook, each).source for each in cells), then])
    done = subprocess.run(
        [sys.executable, "-c", source, *arguments],
        cwd=Path(notebooks.ROOT),
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    if done.returncode:
        raise RuntimeError(f"{framework}: the process failed\n{done.stdout}{done.stderr}")
    return (done.stdout.strip().splitlines() or [""])[-1]


def installed() -> pd.DataFrame:
    """Return the defaults of the installed versions, one column a framework."""
    then = "import json\n\nprint(json.dumps(defaults))"
    table = pd.DataFrame(
        {name: json.loads(run_cells(name, CELLS, then)) for name in FRAMEWORKS}, dtype=str
    )
    return table.rename_axis("default")


def stored() -> pd.DataFrame:
    """Return the table as it is stored."""
    return pd.read_csv(TABLE, index_col="default", dtype=str)


def main() -> int:
    """Run one of the two commands; return 1 if `check` found a difference."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("check", "write"))
    now = installed() if parser.parse_args().command == "check" else None
    if now is None:
        with atomic_write(TABLE) as part:
            installed().to_csv(part, lineterminator="\n")
        print(f"{TABLE.name}: written")
        return 0
    old = stored().reindex_like(now)
    for name, column in zip(*(now != old).to_numpy().nonzero(), strict=True):
        print(f"{now.columns[column]}, {now.index[name]}: {now.iloc[name, column]}, ", end="")
        print(f"stored is {old.iloc[name, column]}; run `python -m tools.defaults write`")
    return int((now != old).any(axis=None))


if __name__ == "__main__":
    sys.exit(main())
