"""The configuration itself: what is collected, what a wrong output does, what the versions are."""

import re
import sys
from importlib import metadata

import pytest
from nbformat.v4 import new_code_cell, new_notebook
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools import notebooks as tool
from tools.translations import PAIRS
from utils import launch

FIGURE = """
from matplotlib import pyplot as plt

from utils import plotting
from utils.data import load_two_rings

plotting.plot_rings(*load_two_rings())
plt.show()
""".strip()


def test_every_notebook_and_every_test_file_is_collected(request):
    """Of the run that this test is part of; one that asks for some tests says nothing of all."""
    everything = request.config.getini("testpaths")
    assert everything == ["tests", "notebooks"]
    if request.config.args != everything:
        pytest.skip("only some tests were asked for")
    found = {item.path.relative_to(tool.ROOT).as_posix() for item in request.session.items}
    tests = {f"tests/{path.name}" for path in (tool.ROOT / "tests").glob("test_*.py")}
    notebooks = {f"notebooks/{p.name}" for p in tool.all_notebooks() if not tool.lacks(p.stem)}
    assert found == tests | notebooks


def test_canaries_turn_red(tmp_path):
    """Wrong outputs, stored, fail under the live configuration; the right ones pass."""
    sources = ["print(6 * 7)", FIGURE, "print(6 * 7)", FIGURE, "print(6 * 7)"]
    cells = [new_code_cell(source) for source in sources]
    executed = tool.execute(new_notebook(cells=cells, metadata=tool.METADATA))
    text, figure, error = executed.cells[2:]
    text.outputs[0].text = "41\n"
    data = next(each.data for each in figure.outputs if "image/png" in each.get("data", {}))
    data["text/plain"] = re.sub(r"\d(?=\D*$)", lambda n: str(9 - int(n[0])), data["text/plain"])
    error.source += "; 1 / 0"
    tool.store(tmp_path / "canary.ipynb", tool.canonical(executed))
    options = ["-q", "-c", tool.ROOT / "pyproject.toml", f"--rootdir={tool.ROOT}", tmp_path]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, options)]
    said = launch.run([command], limit=300, cwd=tool.ROOT, show=None).output
    failed = re.findall(r"^FAILED \S*canary\.ipynb::(Cell \d)", said, re.MULTILINE)
    assert failed == ["Cell 2", "Cell 3", "Cell 4"], said
    assert "2 passed" in said


def lines(name):
    """Return the lines of a file in which pip reads, without notes and empty ones."""
    text = (tool.ROOT / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def requirements():
    return [Requirement(line) for line in lines("requirements.txt")[1:-1]]


def pins():
    found = [line.split("==") for line in lines("constraints.txt")]
    return {canonicalize_name(name): Version(version) for name, version in found}


def test_the_pins_come_first_and_this_project_last():
    first, *_, last = (tool.ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert (first, last) == ("-c constraints.txt", "-e .")


@pytest.mark.parametrize("wanted", requirements(), ids=lambda wanted: wanted.name)
def test_a_range_holds_its_pin_and_no_untested_major_version(wanted):
    pin = pins()[canonicalize_name(wanted.name)]
    assert wanted.specifier.contains(pin)
    assert not wanted.specifier.contains(Version(f"{pin.major + 1}.0"))
    assert ">=" in str(wanted.specifier)


def test_the_constraints_close_the_dependencies():
    """What a fresh environment would install beside the requirements is pinned, too."""
    todo, closed = [each.name for each in requirements()], set()
    while todo:
        name = canonicalize_name(todo.pop())
        if name in closed or re.match("nvidia|cuda|triton", name):  # PyTorch pins these itself
            continue
        closed.add(name)
        try:
            needs = map(Requirement, metadata.requires(name) or [])
        except metadata.PackageNotFoundError:  # one framework only
            continue
        todo += [n.name for n in needs if n.marker is None or n.marker.evaluate({"extra": ""})]
    assert closed <= set(pins())


def test_ci_calls_what_the_readme_says():
    assert (tool.ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1] == "make test"
    assert "\nmake test " in (tool.ROOT / "README.md").read_text(encoding="utf-8")


def test_faults_are_planted_weekly_in_every_pair():
    weekly = (tool.ROOT / ".github" / "workflows" / "weekly.yml").read_text(encoding="utf-8")
    assert re.findall(r'"(\d\d)"', weekly) == [pair[:2] for pair in PAIRS]
