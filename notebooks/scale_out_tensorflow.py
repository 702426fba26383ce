"""One worker of a training run in TensorFlow; TF_CONFIG says which.

The folder holds `job.npz`: points and labels, the rows of every step, the first
weights and the settings. Each worker leaves there which rows it saw and the
weights it ended with.
"""

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from utils.files import atomic_write
from utils.quiet import quiet_start

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

with quiet_start():
    import keras
    import tensorflow as tf

NAMES = [f"dense{n}.{part}" for n in (1, 2, 3) for part in ("kernel", "bias")]


def connect(device: str) -> tf.distribute.Strategy:
    """Meet the other workers, each on a GPU of its own or all on processors."""
    config = json.loads(os.environ["TF_CONFIG"])
    rank = config["task"]["index"]
    hosts = [each.split(":")[0] for each in config["cluster"]["worker"]]
    local_rank = hosts[:rank].count(hosts[rank])  # among those of this machine
    gpus = tf.config.list_physical_devices("GPU")
    mine = [gpus[local_rank]] if device == "GPU" else []
    tf.config.set_visible_devices(mine, "GPU")
    tf.config.experimental.enable_tensor_float_32_execution(False)
    tf.config.threading.set_intra_op_parallelism_threads(1)  # they share the
    tf.config.threading.set_inter_op_parallelism_threads(1)  # processors
    return tf.distribute.MultiWorkerMirroredStrategy()


def make_model(widths: list[int]) -> keras.Model:
    """Make a network of dense layers from points to one logit."""
    hidden = [keras.layers.Dense(units, "relu") for units in widths[1:]]
    inputs = keras.Input((widths[0],))
    return keras.Sequential([inputs, *hidden, keras.layers.Dense(1)])


def make_optimizer(
    model: keras.Model, learning_rate: float, epsilon: float
) -> keras.Optimizer:
    """Make Adam with all its variables."""
    optimizer = keras.optimizers.Adam(learning_rate, epsilon=epsilon)
    optimizer.build(model.trainable_variables)
    return optimizer


def share_rows(
    strategy: tf.distribute.Strategy, data: list, order: np.ndarray
) -> tf.distribute.DistributedIterator:
    """Make this worker's batches: its share of the rows of every step."""

    def share(context: tf.distribute.InputContext) -> tf.data.Dataset:
        rank = context.input_pipeline_id
        world_size = context.num_input_pipelines
        rows = tf.data.Dataset.from_tensor_slices(order[:, rank::world_size])
        batches = rows.map(
            lambda each: (each, *(tf.gather(array, each) for array in data))
        )
        return batches.repeat()  # endless, or they ask each other every step

    return iter(strategy.distribute_datasets_from_function(share))


def make_step(
    strategy: tf.distribute.Strategy,
    model: keras.Model,
    optimizer: keras.Optimizer,
    batch_size: int,
) -> Callable:
    """Make a function for one step on this worker's share of a batch."""
    loss_fn = keras.losses.BinaryCrossentropy(from_logits=True, reduction="sum")

    def step_of_worker(batch: tuple[tf.Tensor, ...]) -> tf.Tensor:
        rows, points, labels = batch
        with tf.GradientTape() as tape:
            logits = model(points, training=True)
            loss = loss_fn(labels, logits) / batch_size  # of the whole batch
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients)  # adds up those of all workers
        return rows

    @tf.function
    def train_step(batches: tf.distribute.DistributedIterator) -> tf.Tensor:
        return strategy.run(step_of_worker, args=(next(batches),))

    return train_step


def newest_checkpoint(folder: Path) -> str | None:
    """Return the newest checkpoint that is whole, None if there is none."""
    state = tf.train.get_checkpoint_state(folder)
    paths = state.all_model_checkpoint_paths if state else []
    for path in sorted(paths, key=step_of, reverse=True):
        try:
            reader = tf.train.load_checkpoint(path)
            for name in reader.get_variable_to_shape_map():
                reader.get_tensor(name)  # compares its checksum
            return path
        except (tf.errors.OpError, IndexError, RuntimeError, ValueError):
            continue  # damaged or gone: take the one before
    return None


def step_of(path: str) -> int:
    """Return the number of steps that a checkpoint's name says."""
    return int(path.rpartition("-")[2])


def die_once(folder: Path) -> None:
    """End this process as a crash would, unless it has happened before."""
    if not (folder / "died").exists():
        (folder / "died").touch()
        os._exit(1)


def train(
    folder: Path, strategy: tf.distribute.Strategy, die_at: int | None
) -> None:
    """Train on this worker's rows, from the newest checkpoint on."""
    job = dict(np.load(folder / "job.npz", allow_pickle=False))
    rank = strategy.cluster_resolver.task_id
    world_size = strategy.num_replicas_in_sync
    order, every = job["order"], job["checkpoint_every"]
    with strategy.scope():
        model = make_model([2, 4, 8])
        model.set_weights([job[name] for name in NAMES])
        settings = job["learning_rate"].item(), job["epsilon"].item()
        optimizer = make_optimizer(model, *settings)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer)
    own = folder / ("checkpoints" if rank == 0 else f"unused{rank}")
    manager = tf.train.CheckpointManager(checkpoint, str(own), max_to_keep=None)
    first, seen = 0, []
    path = newest_checkpoint(folder / "checkpoints")
    if path:
        first = step_of(path)
        checkpoint.restore(path).assert_consumed()
    data = [job["points"], job["labels"]]
    batches = share_rows(strategy, data, order[first:])
    train_step = make_step(strategy, model, optimizer, order.shape[1])
    for step in range(first, len(order)):
        if step == die_at and rank == world_size - 1:
            die_once(folder)
        seen.append(train_step(batches).numpy())
        if (step + 1) % every == 0:
            manager.save(checkpoint_number=step + 1)  # all save, one counts
            if rank == 0:
                print(f"step {step + 1} of {len(order)}", flush=True)
    weights = dict(zip(NAMES, model.get_weights(), strict=True))
    with atomic_write(folder / f"worker{rank}.npz") as part:
        np.savez(part, first=first, rows=seen, **weights)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", type=str.upper, default="CPU")
    parser.add_argument(
        "--die-at", type=int, help="the last worker dies before this step, once"
    )
    arguments = parser.parse_args()
    train(arguments.folder, connect(arguments.device), arguments.die_at)


if __name__ == "__main__":
    main()
