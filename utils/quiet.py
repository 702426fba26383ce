"""Keeping a library's start-up log out of the reader's way, without ever hiding an error."""

import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2  # the file descriptor that C++ code logs to


@contextmanager
def quiet_start() -> Iterator[None]:
    """Hold back what is written to file descriptor 2 while the block runs.

    TensorFlow's C++ code logs there when it is imported and looks for a device, and Jupyter shows
    that in red. It is dropped if the block ends well, and shown if it raises; of what is logged
    later, notes are left out. An import makes what stays, so no garbage is looked for meanwhile.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    gc.disable()
    sys.stderr.flush()
    saved = os.dup(STDERR)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), STDERR)
        try:
            yield
        except BaseException:
            os.dup2(saved, STDERR)
            held.seek(0)
            sys.stderr.write(held.read().decode(errors="replace"))
            raise
        finally:
            gc.enable()
            gc.freeze()
            sys.stderr.flush()
            os.dup2(saved, STDERR)
            os.close(saved)
