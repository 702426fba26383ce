"""Time the training of pair 01 against the idiom of 2020, in one run on one machine.

    python -m tools.bench [--rounds 5]

Both sides run as a reader runs them: cell by cell in a fresh Jupyter kernel, the two in turn.
Today's side are the notebooks' own cells; the idiom of 2020 replaces some of them. What is timed
is the whole training: 50 epochs of 150 steps with validation after each, the first call and its
compilation included. Absolute times depend on the machine; the ratio is what to quote.
"""

import argparse
import os
import platform
import re
import statistics
import sys

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


def main() -> None:
    """Measure and print the table with the machine it was taken on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    if rounds < 1:
        parser.error(f"--rounds is {rounds}, allowed is a whole number of at least 1")
    table = pd.DataFrame([measure(framework, rounds) for framework in IDIOMS])
    print(f"\n{markdown(table)}")
    system, cores = f"{platform.system()} {platform.machine()}", os.cpu_count()
    print(f"{rounds} rounds, {cores} cores, {system}, Python {platform.python_version()}")


if __name__ == "__main__":
    main()
