"""What a training step and an all-reduce cost, by as many workers as started.

Writes `times.json`: seconds, each the least of many repetitions.
"""

import argparse
import json
import timeit
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scale_out_tensorflow as worker

from utils.files import atomic_write

tf = worker.tf
SIZES = (61, 1_000, 10_000, 100_000, 1_000_000)  # numbers in an all-reduce


def fastest(action: Callable[[], tf.Tensor], times: int) -> float:
    """Return the least seconds of an action; the first calls do not count."""

    def complete() -> None:
        action().numpy()  # only now is it certain to be done

    timeit.timeit(complete, number=5)
    return min(timeit.repeat(complete, number=1, repeat=times))


def time_step(
    strategy: tf.distribute.Strategy,
    widths: list[int],
    batch_size: int,
    times: int,
) -> dict[str, float]:
    """Time a step on made-up points, and the optimizer's part of it."""
    with strategy.scope():
        model = worker.make_model(widths)
        optimizer = worker.make_optimizer(model, 0.001, 1e-7)
    data = [np.ones((1, 2), "float32"), np.ones((1, 1), "float32")]
    order = np.zeros((1, batch_size), "int64")  # the same row again and again
    batches = worker.share_rows(strategy, data, order)
    train_step = worker.make_step(strategy, model, optimizer, batch_size)
    seconds = {"step": fastest(lambda: train_step(batches), times)}
    if strategy.num_replicas_in_sync == 1:
        zeros = [tf.zeros(each.shape) for each in model.trainable_variables]

        @tf.function
        def update() -> tf.Tensor:
            optimizer.apply(zeros)
            return optimizer.iterations

        seconds["optimizer"] = fastest(update, times)
    return seconds


def time_all_reduce(strategy: tf.distribute.Strategy, size: int) -> float:
    """Time the addition of so many numbers over all workers."""

    def add_up() -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        return context.all_reduce("SUM", tf.ones(size))[:1]

    return fastest(tf.function(lambda: strategy.run(add_up)), 100)


def main() -> None:
    """Take the times; rank 0 writes them down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", type=str.upper, default="CPU")
    arguments = parser.parse_args()
    strategy = worker.connect(arguments.device)
    sizes = SIZES if strategy.num_replicas_in_sync > 1 else ()
    times = {
        "small": time_step(strategy, [2, 4, 8], 20, 300),
        "large": time_step(strategy, [2, 512, 512], 1024, 12),
        "all_reduce": {size: time_all_reduce(strategy, size) for size in sizes},
    }
    if strategy.cluster_resolver.task_id == 0:
        with atomic_write(arguments.folder / "times.json") as part:
            part.write_text(json.dumps(times), encoding="utf-8")


if __name__ == "__main__":
    main()
