"""Writing files so that nobody ever sees half of one."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a name beside `path` to write to; rename it to `path` when the block has ended well.

    If the block raises, what it wrote is removed and `path` stays as it was. Works for a file and
    for a folder (a SavedModel); a missing parent folder is made. All suffixes are kept
    (`.weights.h5`), since libraries choose their format by them. FileNotFoundError if the block
    ends without having written anything. A folder is replaced in two renames: if the power fails
    between them, the old one is left beside `path` with `.old` in its name.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    first, dot, suffixes = path.name.partition(".")
    part = path.with_name(f"{first}.part{os.getpid()}{dot}{suffixes}")
    old = path.with_name(f"{first}.old{os.getpid()}{dot}{suffixes}")
    try:
        yield part
        if not part.exists():
            raise FileNotFoundError(
                f"nothing was written to {part.name}; write to the name that atomic_write gives"
            )
        if path.is_dir():  # a folder cannot be replaced by a rename, so it steps aside first
            path.rename(old)
        part.replace(path)
    finally:
        if old.exists() and not path.exists():
            old.rename(path)
        _remove(part)
        _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
