"""Keeping a library's start-up log out of the reader's way, without ever hiding an error."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2  # the file descriptor that C++ code logs to


@contextmanager
def quiet_start() -> Iterator[None]:
    """Hold back what is written to file descriptor 2 while the block runs.

    TensorFlow's C++ code logs to that descriptor when it is imported and when it looks for
    a device; Jupyter shows those lines as a red block. They are dropped if the block ends
    well and shown in full if it raises, so that a failed import can be understood. Of what
    TensorFlow logs later, its notes are left out and warnings are shown.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
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
            sys.stderr.flush()
            os.dup2(saved, STDERR)
            os.close(saved)
