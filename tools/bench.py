"""Time training in one run on one machine: pair 01 against the idiom of 2020, and pair 06.

    python -m tools.bench [--rounds 3]

The idiom of 2020. Both sides run as a reader runs them: cell by cell in a fresh Jupyter kernel,
the two in turn. Today's side are the notebooks' own cells; the idiom of 2020 replaces some of
them. What is timed is the whole training: 50 epochs of 150 steps with validation after each, the
first call and its compilation included.

The ladders. The cells of pair 06 up to its table, outside Jupyter, each framework in a fresh
Python. A step is the median over the epochs; the first call is told apart.

Absolute times depend on the machine; the ratio is what to quote.
"""

import argparse
import io
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from nbformat.v4 import new_code_cell, new_notebook

from tools import notebooks as tool
from tools.run import markdown

SETUP = ("imports", "framework", "device", "settings", "data-load", "split-rows")
TRAINING = ("batches", "model", "objective", "between-epochs", "train")
REPORT = 'print(f"{train_seconds:.6f} seconds")'

# Batches cached after shuffling, one call into TensorFlow a step, the default progress bar.
TENSORFLOW_2020 = {
    "batches": """
def batches_2020(points, labels):
    dataset = tf.data.Dataset.from_tensor_slices((points, labels))
    return dataset.shuffle(1000).batch(batch_size).prefetch(tf.data.AUTOTUNE).cache()

train_dataset = batches_2020(train_points, train_labels)
valid_dataset = batches_2020(valid_points, valid_labels)
""",
    "objective": """
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=learning_rate),
    loss="binary_crossentropy",
    metrics=["accuracy"],
)
""",
    "between-epochs": "",
    "train": """
start = time.perf_counter()
model.fit(train_dataset, validation_data=valid_dataset, epochs=epochs)
train_seconds = time.perf_counter() - start
""",
}
# Two worker processes a loader, scikit-learn's accuracy for every batch, means over batches.
PYTORCH_2020 = {
    "batches": """
def batches_2020(points, labels):
    dataset = torch.utils.data.TensorDataset(torch.from_numpy(points), torch.from_numpy(labels))
    return torch.utils.data.DataLoader(dataset, batch_size=batch_size, shuffle=True, num_workers=2)

train_loader = batches_2020(train_points, train_labels)
valid_loader = batches_2020(valid_points, valid_labels)
""",
    "between-epochs": """
from sklearn.metrics import accuracy_score

def accuracy_2020(probabilities, labels):
    return accuracy_score(labels.cpu().numpy(), probabilities.detach().cpu().numpy() > 0.5)
""",
    "train": """
start = time.perf_counter()
for epoch in range(1, epochs + 1):
    loss_sum, accuracy_sum = 0.0, 0.0
    for step, (points_batch, labels_batch) in enumerate(train_loader, 1):
        model.train()
        optimizer.zero_grad()
        probabilities = model(points_batch.to(device))
        loss = loss_fn(probabilities, labels_batch.to(device))
        accuracy = accuracy_2020(probabilities, labels_batch)
        loss.backward()
        optimizer.step()
        loss_sum += loss.item()
        accuracy_sum += accuracy
    valid_loss_sum, valid_accuracy_sum = 0.0, 0.0
    for valid_step, (points_batch, labels_batch) in enumerate(valid_loader, 1):
        model.eval()
        with torch.no_grad():
            probabilities = model(points_batch.to(device))
            valid_loss_sum += loss_fn(probabilities, labels_batch.to(device)).item()
            valid_accuracy_sum += accuracy_2020(probabilities, labels_batch)
    print(epoch, loss_sum / step, accuracy_sum / step, valid_loss_sum / valid_step)
train_seconds = time.perf_counter() - start
""",
}
IDIOMS = {"tensorflow": ("TensorFlow", TENSORFLOW_2020), "pytorch": ("PyTorch", PYTORCH_2020)}


def train_seconds(framework: str, replaced: dict[str, str]) -> float:
    """Run the cells of one side in a fresh kernel and return what its training took."""
    notebook = tool.read(tool.NOTEBOOKS / f"01_six_steps_{framework}.ipynb")
    sources = [replaced.get(each, tool.cell(notebook, each).source) for each in SETUP + TRAINING]
    cells = [new_code_cell(source) for source in (*sources, REPORT)]
    executed = tool.execute(new_notebook(cells=cells))
    printed = "".join(output.get("text", "") for output in executed.cells[-1].outputs)
    return float(re.search(r"([\d.]+) seconds", printed).group(1))


def measure(framework: str, rounds: int) -> dict[str, str]:
    """Time both sides in turn and return the row of the table."""
    name, idiom = IDIOMS[framework]
    then, now = [], []
    for number in range(1, rounds + 1):
        then.append(train_seconds(framework, idiom))
        now.append(train_seconds(framework, {}))
        print(f"{name} {number}/{rounds}: {then[-1]:.2f} s, {now[-1]:.2f} s", file=sys.stderr)
    ratios = [old / new for old, new in zip(then, now, strict=True)]

    def step(seconds: list[float]) -> str:
        return f"{statistics.median(seconds) / 7500 * 1e6:.0f}"

    return {
        "framework": name,
        "2020, µs a step": step(then),
        "today, µs a step": step(now),
        "times faster (median of pairs)": f"{statistics.median(ratios):.1f}",
        "least and most": f"{min(ratios):.1f} to {max(ratios):.1f}",
    }


LADDER_TABLE = "ladder-time"
MARK = "the ladder as JSON: "
# The cells lie in a file, for TensorFlow reads the source of functions, and are not the main
# program, which workers of a DataLoader may import again.
LAUNCH = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='ladder')"


def ladder_program(framework: str) -> str:
    """Return the code cells of pair 06 up to the table as one program that prints the table."""
    sources = []
    for cell in tool.read(tool.NOTEBOOKS / f"06_speed_{framework}.ipynb").cells:
        if cell.cell_type == "code":
            sources.append(cell.source)
        if cell.id == LADDER_TABLE:
            break
    return "\n\n".join([*sources, f"print({MARK!r} + table.to_json(orient='split'))\n"])


def climb_ladder(framework: str, environment: dict[str, str] | None = None) -> pd.DataFrame:
    """Run one ladder in a fresh Python and return its table, one row a rung.

    `environment` holds variables to set for it. RuntimeError if the ladder does not end well.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ladder.py"
        path.write_text(ladder_program(framework), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-X", "utf8", "-c", LAUNCH, str(path)],
            cwd=tool.NOTEBOOKS,
            env={**os.environ, "PYTHONPATH": str(tool.ROOT), **(environment or {})},
            check=False,
            capture_output=True,
            encoding="utf-8",
        )
    found = done.stdout.rpartition(MARK)[2]
    if done.returncode or not found:
        raise RuntimeError(f"the ladder of {framework} did not end well:\n{done.stderr[-2000:]}")
    return pd.read_json(io.StringIO(found), orient="split")


def spread(values: pd.Series) -> str:
    """Return the median of the rounds, and the least and the most where they differ."""
    least, middle, most = (f"{value:.1f}" for value in values.quantile([0, 0.5, 1]))
    return middle if least == most else f"{middle} ({least} to {most})"


def ladder_columns(framework: str, tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Return medians over the rounds as the columns of one framework, one row a rung."""
    name, first = IDIOMS[framework][0], tables[0]
    steps, faster, start = (
        pd.DataFrame([table[column] for table in tables])
        for column in ("µs a step", "times faster", "seconds to start")
    )
    return pd.DataFrame(
        {
            name: first.index,
            f"{name}: µs a step": steps.median().map("{:.0f}".format).to_numpy(),
            f"{name}: times faster": [spread(faster[rung]) for rung in first.index],
            f"{name}: seconds to start": start.median().map("{:.1f}".format).to_numpy(),
        }
    )


def measure_ladders(rounds: int) -> pd.DataFrame:
    """Climb both ladders in turn and return their tables side by side."""
    tables: dict[str, list[pd.DataFrame]] = {framework: [] for framework in IDIOMS}
    for number in range(1, rounds + 1):
        for framework in IDIOMS:
            tables[framework].append(climb_ladder(framework))
            last = tables[framework][-1]["times faster"]
            print(f"{framework} ladder {number}/{rounds}: {last.max():.0f}", file=sys.stderr)
    columns = [ladder_columns(framework, tables[framework]) for framework in IDIOMS]
    return pd.concat(columns, axis=1).fillna("")


def main() -> None:
    """Measure and print the tables with the machine they were taken on."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    if rounds < 1:
        parser.error(f"--rounds is {rounds}, allowed is a whole number of at least 1")
    table = pd.DataFrame([measure(framework, rounds) for framework in IDIOMS])
    ladders = measure_ladders(rounds)
    ladders.columns = [name.rpartition(": ")[2] for name in ladders.columns]
    print(f"\n{markdown(table)}\n{markdown(ladders)}")
    system, cores = f"{platform.system()} {platform.machine()}", os.cpu_count()
    print(f"{rounds} rounds, {cores} cores, {system}, Python {platform.python_version()}")


if __name__ == "__main__":
    main()
