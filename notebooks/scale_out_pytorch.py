"""One worker of a training run in PyTorch; torchrun says which.

The folder holds `job.npz`: points and labels, the rows of every step, the first
weights and the settings. Each worker leaves there which rows it saw and the
weights it ended with.
"""

import argparse
import gc
import os
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from utils.files import atomic_write

NAMES = [f"dense{n}.{part}" for n in (1, 2, 3) for part in ("kernel", "bias")]
BAD_FILE = zipfile.BadZipFile, pickle.UnpicklingError, EOFError


def connect(kind: str) -> torch.device:
    """Meet the other workers, each on a GPU of its own or all on processors."""
    if kind == "cpu":
        torch.set_num_threads(1)  # they share the processors
        dist.init_process_group("gloo")
        return torch.device("cpu")
    local_rank = int(os.environ["LOCAL_RANK"])  # among those of this machine
    device = torch.device("cuda", local_rank)
    torch.cuda.set_device(device)
    dist.init_process_group("nccl", device_id=device)
    return device


def make_model(widths: list[int], device: torch.device) -> nn.Sequential:
    """Make a network of dense layers from points to one logit."""
    layers = []
    for inputs, outputs in zip(widths, [*widths[1:], 1], strict=True):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1]).to(device)


def train_step(
    parallel: nn.parallel.DistributedDataParallel,
    optimizer: torch.optim.Optimizer,
    points: torch.Tensor,
    labels: torch.Tensor,
    batch_size: int,
) -> None:
    """Take one step on this worker's share of a batch."""
    loss_fn = nn.BCEWithLogitsLoss(reduction="sum")
    optimizer.zero_grad()
    loss = loss_fn(parallel(points), labels) / batch_size  # of the whole batch
    loss = loss * dist.get_world_size()  # for DDP divides by it
    loss.backward()  # meanwhile DDP averages the gradients of all workers
    optimizer.step()


def save_checkpoint(
    folder: Path, step: int, model: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Write all that the next step depends on, beside and then renamed."""
    states = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    with atomic_write(folder / f"step{step:06d}.pt") as part:
        torch.save({"step": step, **states}, part)


def newest_checkpoint(folder: Path) -> dict | None:
    """Return the newest checkpoint that is whole, None if there is none."""
    named = re.compile(r"step\d{6}\.pt")
    paths = [path for path in folder.glob("*") if named.fullmatch(path.name)]
    for path in sorted(paths, reverse=True):
        try:
            with zipfile.ZipFile(path) as archive:
                damaged = archive.testzip()  # torch.load compares no checksums
            if not damaged:
                return torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, *BAD_FILE):
            continue  # unreadable: take the one before
    return None


def die_once(folder: Path) -> None:
    """End this process as a crash would, unless it has happened before."""
    if not (folder / "died").exists():
        (folder / "died").touch()
        os._exit(1)


def train(folder: Path, device: torch.device, die_at: int | None) -> None:
    """Train on this worker's rows, from the newest checkpoint on."""
    job = dict(np.load(folder / "job.npz", allow_pickle=False))
    rank, world_size = dist.get_rank(), dist.get_world_size()
    order, every = job["order"], job["checkpoint_every"]
    arrays = job["points"], job["labels"]
    points, labels = (torch.from_numpy(each).to(device) for each in arrays)
    model = make_model([2, 4, 8], device)
    with torch.no_grad():
        for name, parameter in zip(NAMES, model.parameters(), strict=True):
            parameter.copy_(torch.from_numpy(job[name].T.copy()))
    parallel = nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.Adam(
        model.parameters(),
        job["learning_rate"].item(),
        eps=job["epsilon"].item(),
    )
    first, seen = 0, []
    checkpoint = newest_checkpoint(folder / "checkpoints")
    if checkpoint:
        first = checkpoint["step"]
        model.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
    for step, batch in enumerate(order[first:], start=first):
        if step == die_at and rank == world_size - 1:
            die_once(folder)
        rows = batch[rank::world_size]  # every so many, beginning with its own
        train_step(parallel, optimizer, points[rows], labels[rows], len(batch))
        seen.append(rows)
        if rank == 0 and (step + 1) % every == 0:
            save_checkpoint(folder / "checkpoints", step + 1, model, optimizer)
            print(f"step {step + 1} of {len(order)}", flush=True)
    arrays = [each.detach().cpu().numpy().T for each in model.parameters()]
    weights = dict(zip(NAMES, arrays, strict=True))
    with atomic_write(folder / f"worker{rank}.npz") as part:
        np.savez(part, first=first, rows=seen, **weights)


def disconnect() -> None:
    """Leave together; no DDP model may outlive the group."""
    dist.barrier()
    gc.collect()
    dist.destroy_process_group()


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument(
        "--die-at", type=int, help="the last worker dies before this step, once"
    )
    arguments = parser.parse_args()
    train(arguments.folder, connect(arguments.device), arguments.die_at)
    disconnect()


if __name__ == "__main__":
    main()
