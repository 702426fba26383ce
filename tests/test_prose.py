"""What is told is what was computed: numbers in prose, times that belong together, links."""

import ast
import math
import os
import re
import urllib.request

import pytest

from tools import notebooks as tool

NUMBER = r"(?<![\w.,])(?<![A-Za-z]-)\d+(?:,\d{3})*(?:\.\d+)?(?!\w|\.\d)"
# Numbers of prose that no cell holds: what they are computed from, or None for a year or a version.
DERIVED = {
    "7,500": 50 * 3000 // 20,
    "100,000": 2 * 50_000,
    "50,000": 1_000_000 // 20,
    "0.6931": math.log(2),
    "0.6225": 1 / (1 + math.exp(-0.5)),
    "244": 61 * 4,
    "2.10": None,
    "3.11": None,
    "3.15": None,
    "2010": None,
    "2017": None,
    "2020": None,
}
NAMES = [path.stem for path in tool.all_notebooks()]


def value(number: str) -> float:
    return float(number.replace(",", ""))


def computed(cell) -> list[float]:
    """The numbers in a cell's code and in what it put out."""
    found = [n.value for n in ast.walk(ast.parse(cell.source)) if isinstance(n, ast.Constant)]
    texts = [n for n in found if isinstance(n, str)]
    for output in cell.outputs:
        data = {"text/plain": output.get("text", ""), **output.get("data", {})}
        texts += [str(text) for kind, text in data.items() if kind.startswith("text/")]
    found += [value(each) for text in texts for each in re.findall(NUMBER, text)]
    return [float(each) for each in found if type(each) in (int, float)]


@pytest.mark.parametrize("name", NAMES)
def test_numbers_in_prose_are_computed(name):
    """Every number of three digits or more stands in the notebook's code or outputs."""
    cells = tool.read(tool.NOTEBOOKS / f"{name}.ipynb").cells
    known = [each for cell in cells if cell.cell_type == "code" for each in computed(cell)]
    for cell in cells:
        words = re.sub(r"\[[^]]*\]\([^)]*\)|`[^`]*`", " ", cell.source)
        for number in re.findall(NUMBER, words) if cell.cell_type == "markdown" else []:
            digits = len(number.partition(".")[2])
            if len(re.sub(r"\D", "", number)) < 3 or number in DERIVED:
                continue
            found = any(round(each, digits) == value(number) for each in known)
            assert found, f"{cell.id}: no cell computes {number}"


def test_derived_numbers_are_right_and_used():
    prose = " ".join(
        cell.source
        for path in tool.all_notebooks()
        for cell in tool.read(path).cells
        if cell.cell_type == "markdown"
    )
    for number, computed_as in DERIVED.items():
        assert number in prose, f"{number} is told nowhere; take it out of the list"
        if computed_as is not None:
            assert round(computed_as, len(number.partition(".")[2])) == value(number)


@pytest.mark.parametrize("name", NAMES)
def test_stored_times_obey_their_laws(name):
    """A step says its points; seconds agree with it; a ladder's ratios are those of its times."""
    for cell in tool.read(tool.NOTEBOOKS / f"{name}.ipynb").cells:
        if cell.cell_type != "code" or not cell.id.endswith("-time"):
            continue
        said = "".join(o.get("text", o.get("data", {}).get("text/plain", "")) for o in cell.outputs)
        assert said.count("microseconds a step") == said.count("microseconds a step of 20 points")
        for seconds, step in re.findall(r"took ([\d.]+) s: (\d+) microseconds a step", said):
            assert value(seconds) / 7500 * 1e6 == pytest.approx(value(step), abs=0.05e6 / 7500 + 1)
        ladder = r"^\d .+?  +([\d,.]+)  +([\d.]+)  +[\d.]+$"
        rungs = re.findall(ladder, said, re.MULTILINE) if cell.id == "ladder-time" else []
        for step, faster in rungs:
            ratio = value(rungs[0][0]) / value(step)
            rounded = 0.06 + 0.06 * ratio / value(step)  # both are printed with one decimal
            assert value(faster) == pytest.approx(ratio, abs=rounded), cell.id


TOLD = {
    "TensorFlow": """
import keras
import tensorflow as tf

from tools import notebooks as tool

switch, shortens = tf.config.experimental, []
for path in sorted(tool.NOTEBOOKS.glob("*_tensorflow.ipynb"), reverse=True):
    switch.enable_tensor_float_32_execution(True)
    names = {}
    for each in ("imports", "framework"):
        exec(tool.cell(tool.read(path), each).source, names)
    shortens += [path.stem] * switch.tensor_float_32_execution_enabled()
print(
    default(keras.models.load_model, "safe_mode"),
    default(keras.Model.compile, "jit_compile"),
    default(keras.layers.Dense, "kernel_initializer"),
    *shortens,
)
""",
    "PyTorch": """
import torch

default_loader = default(torch.utils.data.DataLoader, "num_workers")
print(torch.get_float32_matmul_precision(), default_loader, default(torch.load, "weights_only"))
assert torch.backends.cpu.get_cpu_capability() != "AVX512", "outputs are compared without it"
""",
}
DEFAULT = """
import inspect


def default(function, name):
    return inspect.signature(function).parameters[name].default

"""


@pytest.mark.slow
@pytest.mark.frameworks
@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("TensorFlow", "True auto glorot_uniform 04_save_and_deploy_tensorflow"),
        ("PyTorch", "highest 0 None"),
    ],
)
def test_what_prose_tells_of_the_installed_versions(name, found):
    """Defaults of pairs 01, 02, 04, 05 and 06; 05's table has the rest. None: True since 2.6.

    TensorFlow multiplies whole factors in all pairs but 04, which hides the GPU: with
    TensorFloat-32 some checks failed on an NVIDIA H200.
    """
    assert tool.fresh(DEFAULT + TOLD[name]) == found


TEXTS = [*tool.all_notebooks(), *tool.ROOT.glob("*.md")]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_links_resolve(path):
    """Files are there; with WEB set, as in the weekly run, addresses of the web answer, too."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = tool.read(path).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    for link in re.findall(r"\]\(([^)\s#]+)", text):
        if not link.startswith("https://"):
            assert (path.parent / link).exists(), link
        elif os.environ.get("WEB"):
            request = urllib.request.Request(link, headers={"User-Agent": "Mozilla/5.0"})
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert answer.status == 200, link
