"""For every run of pytest: kernels show the same in every shell and keep models of their own; what
needs a framework that is not installed is skipped.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import pytest

from tools import notebooks as tool

tool.same_for_everybody()
if "PYTEST_XDIST_WORKER" in os.environ:  # side by side, threads would only wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_configure(config: pytest.Config) -> None:
    """Let this process and its kernels keep models apart from those of open notebooks."""
    matplotlib.use("Agg")
    os.environ[tool.MODELS] = tempfile.mkdtemp(prefix="models")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the models."""
    shutil.rmtree(os.environ.pop(tool.MODELS), ignore_errors=True)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Skip the notebooks of a framework that is not installed."""
    return True if tool.lacks(collection_path.stem) else None


def pytest_report_header() -> list[str]:
    """Name what is skipped."""
    lacking = {path.stem: tool.lacks(path.stem) for path in tool.all_notebooks()}
    return [f"skipped: {name}, {lack}" for name, lack in lacking.items() if lack]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a framework that is not installed; the longest files come first."""
    items.sort(key=lambda item: item.path.name, reverse=True)  # side by side, short ones end it
    for item in items:
        for mark in item.iter_markers("frameworks"):
            for lack in filter(None, map(tool.lacks, mark.args or tool.FRAMEWORKS)):
                item.add_marker(pytest.mark.skip(reason=lack))


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    from matplotlib import pyplot as plt

    yield
    plt.close("all")
