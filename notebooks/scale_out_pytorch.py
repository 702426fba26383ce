"""One worker of a training run in PyTorch. torchrun starts as many of these as it is told to.

The folder holds `job.npz`: training points and labels, the rows of every step, the first weights
and the settings. Each worker leaves there which rows it saw and the weights it ended with.
"""

import argparse
import gc
import json
import os
import pickle
import re
import socket
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from utils.files import atomic_write

NAMES = [f"dense{layer}.{part}" for layer in (1, 2, 3) for part in ("kernel", "bias")]
SIZES = (61, 1_000, 10_000, 100_000, 1_000_000, 4_000_000)  # numbers in an all-reduce


def connect() -> torch.device:
    """Meet the other workers and say where this one computes: one GPU a worker, or none."""
    torch.set_num_threads(1)  # the workers share the cores of one machine
    worker, workers, place, here = (
        int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    )
    cuda = torch.cuda.device_count() >= here
    dist.init_process_group(
        "nccl" if cuda else "gloo", store=open_store(worker), rank=worker, world_size=workers
    )
    return torch.device("cuda", place) if cuda else torch.device("cpu")


def open_store(worker: int) -> dist.TCPStore:
    """Open the store in which the workers find each other; worker 0 serves it at one address."""
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    if worker:
        return dist.TCPStore(address, port)
    listener = socket.create_server((address, port))  # a bare TCPStore listens at all addresses
    return dist.TCPStore(
        address, port, is_master=True, wait_for_workers=False, master_listen_fd=listener.detach()
    )


def make_model(widths: list[int], device: torch.device) -> nn.Sequential:
    """Make a network of dense layers with these inputs, from points to one probability."""
    layers: list[nn.Module] = []
    for inputs, outputs in zip(widths, [*widths[1:], 1], strict=True):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1], nn.Sigmoid()).to(device)


def train_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    points: torch.Tensor,
    labels: torch.Tensor,
    batch_size: int,
) -> None:
    """Take one step on this worker's share of a batch of `batch_size` rows."""
    optimizer.zero_grad()
    losses = nn.functional.binary_cross_entropy(model(points), labels, reduction="none")
    loss = losses.sum() / batch_size * dist.get_world_size()  # DDP divides by the workers
    loss.backward()  # meanwhile DDP averages the gradients over the workers
    optimizer.step()


def save_checkpoint(
    folder: Path, step: int, model: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Write all that the next step depends on, beside and then renamed."""
    state = {"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
    with atomic_write(folder / f"step{step:06d}.pt") as part:
        torch.save(state, part)


def newest_checkpoint(folder: Path) -> dict | None:
    """Return the newest checkpoint that is whole, None if there is none."""
    paths = [path for path in folder.glob("*") if re.fullmatch(r"step\d{6}\.pt", path.name)]
    for path in sorted(paths, reverse=True):
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError):
            continue  # damaged: take the one before
    return None


def die_once(folder: Path) -> None:
    """End this process as a crash would, unless it has happened before."""
    if not (folder / "died").exists():
        (folder / "died").touch()
        os._exit(1)


def train(folder: Path, device: torch.device, die_at: int | None) -> None:
    """Train on this worker's share of every batch, from the newest checkpoint on."""
    with np.load(folder / "job.npz", allow_pickle=False) as file:
        job = {name: file[name] for name in file.files}
    worker, workers = dist.get_rank(), dist.get_world_size()
    points, labels = (torch.from_numpy(job[name]).to(device) for name in ("points", "labels"))
    model = make_model([2, 4, 8], device)
    for name, parameter in zip(NAMES, model.parameters(), strict=True):
        parameter.data.copy_(torch.from_numpy(job[name].T.copy()))
    parallel = nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.Adam(
        parallel.parameters(), lr=job["learning_rate"].item(), eps=job["epsilon"].item()
    )
    first, seen = 0, []
    checkpoint = newest_checkpoint(folder / "checkpoints")
    if checkpoint:
        first = checkpoint["step"]
        model.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
    for step, batch in enumerate(job["order"][first:], start=first):
        if step == die_at and worker == workers - 1:
            die_once(folder)
        rows = batch[worker::workers]  # every so many rows, beginning with its own
        train_step(parallel, optimizer, points[rows], labels[rows], len(batch))
        seen.append(rows)
        if worker == 0 and (step + 1) % job["checkpoint_every"] == 0:
            save_checkpoint(folder / "checkpoints", step + 1, model, optimizer)
            print(f"step {step + 1} of {len(job['order'])}", flush=True)
    weights = [parameter.detach().cpu().numpy().T for parameter in model.parameters()]
    with atomic_write(folder / f"worker{worker}.npz") as part:
        np.savez(part, first=first, rows=seen, **dict(zip(NAMES, weights, strict=True)))


def median_seconds(action: Callable[[], object], times: int) -> float:
    """Return the median time of an action, the first calls not counted."""
    taken = []
    for _ in range(times + 2):
        start = time.perf_counter()
        action()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[2:])


def time_step(widths: list[int], batch_size: int, device: torch.device, times: int) -> float:
    """Return the seconds of one training step on made-up points."""
    model = nn.parallel.DistributedDataParallel(make_model(widths, device))
    optimizer = torch.optim.Adam(model.parameters())
    share = batch_size // dist.get_world_size()
    points, labels = torch.ones(share, 2, device=device), torch.ones(share, 1, device=device)
    return median_seconds(lambda: train_step(model, optimizer, points, labels, batch_size), times)


def measure(folder: Path, device: torch.device) -> None:
    """Time a step of a small and of a large network, and the all-reduce by itself."""
    times = {
        "small": time_step([2, 4, 8], 20, device, 100),
        "large": time_step([2, 1024, 1024], 4096, device, 5),
    }
    for size in SIZES if dist.get_world_size() > 1 else ():
        numbers = torch.zeros(size, device=device)
        times[str(size)] = median_seconds(lambda each=numbers: dist.all_reduce(each), 9)
    if dist.get_rank() == 0:
        with atomic_write(folder / "times.json") as part:
            part.write_text(json.dumps(times), encoding="utf-8")


def main() -> None:
    """Read the command line, train, and measure if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--die-at", type=int, help="the last worker dies before this step, once")
    parser.add_argument("--measure", action="store_true", help="take times after the training")
    arguments = parser.parse_args()
    device = connect()
    train(arguments.folder, device, arguments.die_at)
    if arguments.measure:
        measure(arguments.folder, device)
    dist.barrier()  # the store must outlive its last user
    gc.collect()  # no DDP model may outlive the group, or the exit can crash
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
