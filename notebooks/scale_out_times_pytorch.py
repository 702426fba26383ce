"""What a training step and an all-reduce cost, by as many workers as started.

Writes `times.json`: seconds, each the least of many repetitions.
"""

import argparse
import json
import timeit
from collections.abc import Callable
from pathlib import Path

import scale_out_pytorch as worker
import torch
import torch.distributed as dist
from torch import nn

from utils.files import atomic_write

SIZES = (61, 1_000, 10_000, 100_000, 1_000_000)  # numbers in an all-reduce


def fastest(action: Callable[[], object], times: int) -> float:
    """Return the least seconds of an action; the first calls do not count."""

    def complete() -> None:
        action()
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()

    timeit.timeit(complete, number=5)
    return min(timeit.repeat(complete, number=1, repeat=times))


def time_step(
    widths: list[int], batch_size: int, device: torch.device, times: int
) -> dict[str, float]:
    """Time a step on made-up points, and the optimizer's part of it."""
    model = worker.make_model(widths, device)
    parallel = nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.Adam(model.parameters())
    share = batch_size // dist.get_world_size()
    points = torch.ones(share, 2, device=device)
    labels = torch.ones(share, 1, device=device)

    def step() -> None:
        worker.train_step(parallel, optimizer, points, labels, batch_size)

    return {
        "step": fastest(step, times),
        "optimizer": fastest(optimizer.step, times),
    }


def time_all_reduce(size: int, device: torch.device) -> float:
    """Time the addition of so many numbers over all workers."""
    numbers = torch.zeros(size, device=device)
    return fastest(lambda: dist.all_reduce(numbers), 100)


def main() -> None:
    """Take the times; rank 0 writes them down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    arguments = parser.parse_args()
    device = worker.connect(arguments.device)
    sizes = SIZES if dist.get_world_size() > 1 else ()
    times = {
        "small": time_step([2, 4, 8], 20, device, 300),
        "large": time_step([2, 512, 512], 1024, device, 12),
        "all_reduce": {size: time_all_reduce(size, device) for size in sizes},
    }
    if dist.get_rank() == 0:
        with atomic_write(arguments.folder / "times.json") as part:
            part.write_text(json.dumps(times), encoding="utf-8")
    worker.disconnect()


if __name__ == "__main__":
    main()
