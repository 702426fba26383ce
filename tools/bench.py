"""Time training in one run on one machine: pair 01 against the idiom of 2020, and pair 06.

    python -m tools.bench

The idiom of 2020. Both sides run as a reader runs them: cell by cell in a fresh Jupyter kernel,
the two in turn. Today's side are the notebooks' own cells; those of tools/idiom_2020.toml replace
some of them. What is timed is the whole training: 50 epochs of 150 steps with validation after
each, the first call and its compilation included.

The ladders. The cells of pair 06 up to its table, outside Jupyter, each framework in a fresh
Python. A step is the median over the epochs; the first call is told apart. As their limit, the
same training in plain C (tools/plain.c), compiled by the compiler that `torch.compile` takes.

Absolute times depend on the machine; the ratio is what to quote.
"""

import contextlib
import ctypes
import io
import os
import platform
import re
import shutil
import statistics
import sys
import tempfile
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
from nbformat.v4 import new_code_cell, new_notebook

from tools import notebooks as tool
from tools.run import markdown
from utils import launch, timing

HERE = Path(__file__).parent
SETUP = ("imports", "framework", "settings", "data-load", "split-rows")
TRAINING = ("batches", "model", "objective", "between-epochs", "train")
REPORT = 'print(f"{train_seconds:.6f} seconds")'
IDIOMS = tomllib.loads((HERE / "idiom_2020.toml").read_text(encoding="utf-8"))
STEPS, ROUNDS = 7500, 3


def train_seconds(framework: str, replaced: dict[str, str]) -> float:
    """Run the cells of one side in a fresh kernel and return what its training took."""
    notebook = tool.read(tool.NOTEBOOKS / f"01_six_steps_{framework}.ipynb")
    sources = [replaced.get(each, tool.cell(notebook, each).source) for each in SETUP + TRAINING]
    cells = [new_code_cell(source) for source in (*sources, REPORT)]
    executed = tool.execute(new_notebook(cells=cells))
    return float(re.search(r"([\d.]+) seconds", tool.printed(executed.cells[-1])).group(1))


def measure(framework: str) -> dict[str, str]:
    """Time both sides in turn and return the row of the table."""
    name, then, now = tool.FRAMEWORKS[framework], [], []
    for number in range(1, ROUNDS + 1):
        then.append(train_seconds(framework, IDIOMS[framework]))
        now.append(train_seconds(framework, {}))
        print(f"{name} {number}/{ROUNDS}: {then[-1]:.2f} s, {now[-1]:.2f} s", file=sys.stderr)
    ratios = [old / new for old, new in zip(then, now, strict=True)]
    return {
        "framework": name,
        "2020, µs a step": f"{statistics.median(then) / STEPS * 1e6:.0f}",
        "today, µs a step": f"{statistics.median(now) / STEPS * 1e6:.0f}",
        "times faster (median of pairs)": f"{statistics.median(ratios):.1f}",
        "least and most": f"{min(ratios):.1f} to {max(ratios):.1f}",
    }


LADDER_TABLE = "ladder-time"
# The cells lie in a file, for TensorFlow reads the source of functions, and are not the main
# program, which workers of a DataLoader may import again.
START = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='ladder')"


def ladder_program(framework: str) -> str:
    """Return the code cells of pair 06 up to the table as one program that prints the table."""
    cells = tool.read(tool.NOTEBOOKS / f"06_speed_{framework}.ipynb").cells
    last = [cell.id for cell in cells].index(LADDER_TABLE)
    sources = [cell.source for cell in cells[: last + 1] if cell.cell_type == "code"]
    return "\n\n".join([*sources, "print(table.to_json(orient='split'))\n"])


def run_ladder(framework: str, environment: dict[str, str] | None = None) -> pd.DataFrame:
    """Run one ladder in a fresh Python and return its table, one row a rung.

    `environment` holds variables to set for it. RuntimeError if the ladder does not end well.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ladder.py"
        path.write_text(ladder_program(framework), encoding="utf-8")
        own = {"PYTHONPATH": str(tool.ROOT), "PYTHONUTF8": "1", **(environment or {})}
        said = tool.fresh(START, path, limit=900, environments=[own], cwd=tool.NOTEBOOKS)
    return pd.read_json(io.StringIO(said), orient="split")


def sum_up(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the medians of one ladder over the rounds, and the least and most times faster."""
    columns = {name: (name, "median") for name in ("µs a step", "times faster")}
    columns |= {"least": ("times faster", "min"), "most": ("times faster", "max")}
    columns["seconds to start"] = "seconds to start", "median"
    summed = pd.concat(tables).groupby(level=0, sort=False).agg(**columns)
    return summed.map("{:.1f}".format).rename_axis("rung").reset_index()


def compiler() -> str | None:
    """Return the C++ compiler that `torch.compile` takes on Linux and macOS, if it is there."""
    return shutil.which(os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++"))


def run_plain_c(folder: str | Path) -> tuple[float, float]:
    """Run the training of pair 06 in plain C, compiled into `folder`.

    Returns the microseconds a step and the largest distance from the reference's validation
    losses. Weights, batches and reference come from the cells of pair 06.
    """
    library, options = Path(folder) / "plain.so", "-x c -O3 -march=native -ffast-math -shared -fPIC"
    program = [compiler() or "g++", *options.split(), HERE / "plain.c", "-lm", "-o", library]
    ended = launch.run([program], limit=120, show=None)
    if not ended.ok:
        raise RuntimeError(f"the compiler {ended.message}\n{ended.log}")
    own, notebook = {}, tool.read(tool.NOTEBOOKS / "06_speed_pytorch.ipynb")
    with contextlib.redirect_stdout(io.StringIO()):
        for name in ("imports", "settings", "split-rows", "reference-epoch", "reference-time"):
            exec(tool.cell(notebook, name).source, own)
    c, integer = ctypes.CDLL(str(library)), ctypes.c_int
    floats, rows = (np.ctypeslib.ndpointer(kind, flags="C") for kind in (np.float32, np.int64))
    c.train.argtypes = [*[floats] * 5, rows, floats, integer, ctypes.c_float, ctypes.c_float]
    c.valid_loss.argtypes, c.valid_loss.restype = [*[floats] * 3, integer], ctypes.c_double
    weights = np.concatenate([array.ravel() for array in own["start"].values()])
    given = weights, np.zeros_like(weights), np.zeros_like(weights), *own["train_data"]
    order, numbers = np.array(own["order"]), np.arange(1, STEPS + 1)
    corrections = np.stack([1 - 0.9**numbers, 1 - 0.999**numbers], axis=1).astype(np.float32)
    corrections = corrections.reshape(len(order), -1, 2)
    settings = order.shape[1], own["learning_rate"], own["epsilon"]
    count = len(own["valid_points"])
    run = timing.time_epochs(
        lambda epoch: c.train(*given, order[epoch], corrections[epoch], *settings),
        lambda: c.valid_loss(weights, *own["valid_data"], count),
        len(order),
    )
    distance = (run["val_loss"] - own["reference_run"]["val_loss"]).abs().max()
    return timing.ladder_table({"C": run}, order.shape[1]).iloc[0, 0], distance


def main() -> None:
    """Measure and print the tables with the machine they were taken on."""
    print(markdown(pd.DataFrame([measure(framework) for framework in tool.FRAMEWORKS])))
    ladders = [{name: run_ladder(name) for name in tool.FRAMEWORKS} for _ in range(ROUNDS)]
    for framework, name in tool.FRAMEWORKS.items():
        print(f"{name}\n\n{markdown(sum_up([ladder[framework] for ladder in ladders]))}")
    if compiler():
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            step, distance = run_plain_c(folder)
        print(f"plain C: {step:.2f} µs a step, {distance:.0e} from the reference's losses")
    system, cores = f"{platform.system()} {platform.machine()}", os.cpu_count()
    print(f"{ROUNDS} rounds, {cores} cores, {system}, Python {platform.python_version()}")


if __name__ == "__main__":
    main()
