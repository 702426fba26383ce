"""One worker of a training run in TensorFlow. Start one for each address in TF_CONFIG.

The folder holds `job.npz`: training points and labels, the rows of every step, the first weights
and the settings. Each worker leaves there which rows it saw and the weights it ended with.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from utils.files import atomic_write
from utils.quiet import quiet_start

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

CONFIG = json.loads(os.environ["TF_CONFIG"])  # the addresses of all workers, and which is this one
ADDRESSES, WORKER = CONFIG["cluster"]["worker"], CONFIG["task"]["index"]
if WORKER == 0:
    print(f"worker 0 of {len(ADDRESSES)} starts; none trains until all are there", flush=True)

with quiet_start():
    import keras
    import tensorflow as tf

NAMES = [f"dense{layer}.{part}" for layer in (1, 2, 3) for part in ("kernel", "bias")]
SIZES = (61, 1_000, 10_000, 100_000, 1_000_000, 4_000_000)  # numbers in an all-reduce


def connect() -> tf.distribute.MultiWorkerMirroredStrategy:
    """Meet the other workers; each computes on one GPU, or none does."""
    hosts = [address.rpartition(":")[0] for address in ADDRESSES]
    gpus, here = tf.config.list_physical_devices("GPU"), hosts[:WORKER].count(hosts[WORKER])
    enough = len(gpus) >= hosts.count(hosts[WORKER])
    tf.config.set_visible_devices(gpus[here : here + 1] if enough else [], "GPU")
    tf.config.experimental.enable_tensor_float_32_execution(False)  # as in pair 05
    tf.config.threading.set_intra_op_parallelism_threads(1)  # the workers share the cores
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return tf.distribute.MultiWorkerMirroredStrategy()


def make_model(widths: list[int]) -> keras.Model:
    """Make a network of dense layers with these inputs, from points to one probability."""
    inputs = outputs = keras.Input(shape=(widths[0],))
    for units in widths[1:]:
        outputs = keras.layers.Dense(units, activation="relu")(outputs)
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(outputs))


def make_optimizer(model: keras.Model, learning_rate: float, epsilon: float) -> keras.Optimizer:
    """Make Adam with all its variables, its betas as tensors as in pair 05."""
    betas = tf.constant([0.9, 0.999])
    optimizer = keras.optimizers.Adam(learning_rate, betas[0], betas[1], epsilon=epsilon)
    optimizer.build(model.trainable_variables)
    return optimizer


def make_step(
    strategy: tf.distribute.Strategy,
    model: keras.Model,
    optimizer: keras.Optimizer,
    batch_size: int,
) -> Callable:
    """Make a function that takes one step, each worker on its share of `batch_size` rows."""

    def step_of_worker(rows: tf.Tensor, points: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            losses = keras.losses.binary_crossentropy(labels, model(points, training=True))
            loss = tf.reduce_sum(losses) / batch_size
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)  # adds up those of all workers
        return rows

    return tf.function(lambda batches: strategy.run(step_of_worker, args=next(batches)))


def newest_checkpoint(folder: Path) -> str | None:
    """Return the path of the newest checkpoint that is whole, None if there is none."""
    state = tf.train.get_checkpoint_state(folder)
    paths = state.all_model_checkpoint_paths if state else []
    for path in sorted(paths, key=step_of, reverse=True):
        try:
            reader = tf.train.load_checkpoint(path)
            for name in reader.get_variable_to_shape_map():
                reader.get_tensor(name)  # compares its checksum
            return path
        except (tf.errors.OpError, IndexError, RuntimeError):
            continue  # damaged: take the one before
    return None


def step_of(path: str) -> int:
    """Return the number of steps that a checkpoint's name says."""
    return int(path.rpartition("-")[2])


def die_once(folder: Path) -> None:
    """End this process as a crash would, unless it has happened before."""
    if not (folder / "died").exists():
        (folder / "died").touch()
        os._exit(1)


def train(folder: Path, strategy: tf.distribute.Strategy, die_at: int | None) -> None:
    """Train on this worker's share of every batch, from the newest checkpoint on."""
    with np.load(folder / "job.npz", allow_pickle=False) as file:
        job = {name: file[name] for name in file.files}
    order = job["order"]
    with strategy.scope():
        model = make_model([2, 4, 8])
        model.set_weights([job[name] for name in NAMES])
        optimizer = make_optimizer(model, job["learning_rate"].item(), job["epsilon"].item())
    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer)
    own = folder / ("checkpoints" if WORKER == 0 else f"unused{WORKER}")  # all save, one counts
    manager = tf.train.CheckpointManager(checkpoint, str(own), max_to_keep=None)
    first, seen = 0, []
    path = newest_checkpoint(folder / "checkpoints")
    if path:
        first = step_of(path)
        checkpoint.restore(path).assert_consumed()

    def share(context: tf.distribute.InputContext) -> tf.data.Dataset:
        worker, workers = context.input_pipeline_id, context.num_input_pipelines
        rows = order[first:, worker::workers]  # every so many rows, beginning with its own
        dataset = tf.data.Dataset.from_tensor_slices(rows).map(
            lambda each: (each, tf.gather(job["points"], each), tf.gather(job["labels"], each))
        )
        return dataset.repeat()  # without an end, or the workers ask each other at every step

    batches = iter(strategy.distribute_datasets_from_function(share))
    train_step = make_step(strategy, model, optimizer, order.shape[1])
    for step in range(first, len(order)):
        if step == die_at and len(ADDRESSES) == WORKER + 1:
            die_once(folder)
        seen.append(train_step(batches).numpy())
        if (step + 1) % job["checkpoint_every"] == 0:
            manager.save(checkpoint_number=step + 1)
            if WORKER == 0:
                print(f"step {step + 1} of {len(order)}", flush=True)
    weights = dict(zip(NAMES, model.get_weights(), strict=True))
    with atomic_write(folder / f"worker{WORKER}.npz") as part:
        np.savez(part, first=first, rows=seen, **weights)


def median_seconds(action: Callable[[], object], times: int) -> float:
    """Return the median time of an action, the first calls not counted."""
    taken = []
    for _ in range(times + 2):
        start = time.perf_counter()
        action().numpy()  # only now is it certain to be done
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[2:])


def time_step(
    strategy: tf.distribute.Strategy, widths: list[int], batch_size: int, times: int
) -> float:
    """Return the seconds of one training step on made-up points."""
    with strategy.scope():
        model = make_model(widths)
        optimizer = make_optimizer(model, 0.001, 1e-7)
    share = batch_size // strategy.num_replicas_in_sync
    batch = tf.zeros(1, tf.int64), tf.ones((share, 2)), tf.ones((share, 1))
    dataset = tf.data.Dataset.from_tensors(batch).repeat()
    batches = iter(strategy.distribute_datasets_from_function(lambda context: dataset))
    train_step = make_step(strategy, model, optimizer, batch_size)
    return median_seconds(lambda: train_step(batches), times)


def time_all_reduce(strategy: tf.distribute.Strategy, size: int) -> float:
    """Return the seconds in which the workers add up `size` numbers each."""

    def add_up() -> tf.Tensor:
        numbers = tf.ones(size)
        return tf.distribute.get_replica_context().all_reduce("SUM", numbers)[:1]

    return median_seconds(tf.function(lambda: strategy.run(add_up)), 9)


def measure(folder: Path, strategy: tf.distribute.Strategy) -> None:
    """Time a step of a small and of a large network, and the all-reduce by itself."""
    times = {
        "small": time_step(strategy, [2, 4, 8], 20, 100),
        "large": time_step(strategy, [2, 1024, 1024], 4096, 5),
    }
    for size in SIZES if len(ADDRESSES) > 1 else ():
        times[str(size)] = time_all_reduce(strategy, size)
    if WORKER == 0:
        with atomic_write(folder / "times.json") as part:
            part.write_text(json.dumps(times), encoding="utf-8")


def main() -> None:
    """Read the command line, train, and measure if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--die-at", type=int, help="the last worker dies before this step, once")
    parser.add_argument("--measure", action="store_true", help="take times after the training")
    arguments = parser.parse_args()
    strategy = connect()
    train(arguments.folder, strategy, arguments.die_at)
    if arguments.measure:
        measure(arguments.folder, strategy)


if __name__ == "__main__":
    main()
