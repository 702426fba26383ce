"""For every run of pytest: the notebooks' kernels show the same outputs in every shell."""

import os

from tools.notebooks import forget_personal_settings

forget_personal_settings()
if "PYTEST_XDIST_WORKER" in os.environ:  # side by side, threads would only wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")
