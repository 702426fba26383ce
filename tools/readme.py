"""Bring up to date what is made from the notebooks: the README's table of results, its pictures,
and the table of both frameworks' defaults, data/framework_defaults.csv.

    python -m tools.readme

Takes the table that `make run` has written to build/results.md, what the notebooks of pairs 01 and
05 have saved under data/models/, and the defaults of the installed versions as the cells of pair
05 read them. Each framework works in a process of its own, so that no process imports both.
"""

import json
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tools import notebooks as tool
from utils import launch
from utils.data import DATA_DIR, make_two_rings
from utils.files import atomic_write
from utils.plotting import LOSS, TWO_PANELS, new_figure, plot_curves, plot_decision_boundary

READMES = [tool.ROOT / name for name in ("README.md", "README.zh-CN.md")]
RESULTS = tool.ROOT / "build" / "results.md"
IMAGES = tool.ROOT / ".github" / "images"
DEFAULTS = DATA_DIR / "framework_defaults.csv"
BEGIN, END = "<!-- results of `make run` -->\n", "<!-- end of results -->\n"

# What a server would do: load the exported program, without the code that made it.
ANSWER = {
    "TensorFlow": """
import sys, numpy as np, tensorflow as tf
program = tf.saved_model.load(sys.argv[1] + "/01_tensorflow/saved_model")
np.save(sys.argv[3], program.serve(tf.constant(np.load(sys.argv[2]))).numpy())
""",
    "PyTorch": """
import sys, numpy as np, torch
program = torch.export.load(sys.argv[1] + "/01_pytorch/model.pt2").module()
np.save(sys.argv[3], program(torch.from_numpy(np.load(sys.argv[2]))).detach().numpy())
""",
}


def fresh(source: str, *arguments: str | Path) -> str:
    """Run lines in a Python of their own and return the last line printed.

    RuntimeError, with what it wrote, if the process fails.
    """
    command = [sys.executable, "-c", source, *map(str, arguments)]
    ended = launch.run([command], limit=300, cwd=tool.ROOT, show=None)
    if not ended.ok:
        raise RuntimeError(f"{ended.message}\n{ended.output}\n{ended.log}")
    return ended.lines[-1] if ended.lines else ""


def cells(framework: str, *ids: str) -> str:
    """Return the code of some cells of a twin of pair 05 as one program."""
    notebook = tool.read(tool.NOTEBOOKS / f"05_same_numbers_{framework.lower()}.ipynb")
    return "\n\n".join(tool.cell(notebook, each).source for each in ids)


def defaults() -> pd.DataFrame:
    """Return the defaults of the installed versions, one column a framework."""
    ids = ["imports", "framework", "settings"]
    ids += [f"defaults-{part}" for part in ("weights", "optimizer", "batches", "loss")]
    then = "\n\nimport json\n\nprint(json.dumps(defaults))"
    found = {name: json.loads(fresh(cells(name, *ids) + then)) for name in ANSWER}
    return pd.DataFrame(found, dtype=str).rename_axis("default")


def probability(framework: str, points: np.ndarray) -> np.ndarray:
    """Ask a saved model, in a fresh process, for the probabilities of points (n, 2) float32."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "points.npy", Path(folder) / "probabilities.npy"
        np.save(asked, points)
        fresh(ANSWER[framework], DATA_DIR / "models", asked, answered)
        return np.load(answered)


def boundaries() -> Figure:
    """Draw the decision boundaries of both frameworks, each beside the ideal circle."""
    points, labels = make_two_rings(500, 500, seed=2)
    figure, both = new_figure(1, 2, TWO_PANELS)
    for ax, framework in zip(both, ANSWER, strict=True):
        plot_decision_boundary(lambda asked, f=framework: probability(f, asked), points, labels, ax)
        ax.set_title(framework)
    return figure


def same_numbers(models_dir: Path = DATA_DIR / "models") -> Figure:
    """Draw both frameworks' validation losses, and how far each is from the NumPy reference."""
    saved = {name: models_dir / f"05_{name.lower()}" for name in ANSWER}
    losses, reference = (
        {name: pd.read_csv(saved[name] / file, index_col="epoch")["val_loss"] for name in saved}
        for file in ("history.csv", "reference.csv")
    )
    if not np.allclose(*reference.values(), rtol=0, atol=1e-6):
        raise ValueError("the twins of pair 05 had different references; execute both again")
    figure, (above, below) = new_figure(2, 1, (7.5, 7.0), sharex=True)
    curves = {"reference (NumPy)": reference["TensorFlow"], **losses}
    plot_curves(curves, LOSS, ax=above)
    gaps = {name: (loss - curves["reference (NumPy)"]).abs() for name, loss in losses.items()}
    for line, (name, gap) in zip(above.lines[1:], gaps.items(), strict=False):
        drawn = gap.clip(lower=1e-17)  # a difference of 0 has no place on a log axis
        below.plot(drawn, color=line.get_color(), linestyle=line.get_linestyle(), label=name)
    above.set(title="validation loss", xlabel="")
    below.set(xlabel="epoch", ylabel="difference from the reference", yscale="log", ylim=(3e-18, 1))
    below.legend()
    return figure


def store(figure: Figure, name: str) -> None:
    """Write a picture, beside and then renamed."""
    with atomic_write(IMAGES / name) as part:
        figure.savefig(part, dpi=100)


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
    mpl.use("Agg")
    if not RESULTS.is_file():
        sys.exit("there are no results yet: run `make run` first")
    for readme in READMES:
        text = insert(readme.read_text(encoding="utf-8"), RESULTS.read_text(encoding="utf-8"))
        tool.store(readme, text)
    store(boundaries(), "two_boundaries.png")
    store(same_numbers(), "same_numbers.png")
    with atomic_write(DEFAULTS) as part:
        defaults().to_csv(part, lineterminator="\n")
    print("both READMEs, their pictures and the table of defaults are up to date")


if __name__ == "__main__":
    main()
