"""What must hold for every notebook as it is stored, and for every pair of twins.

nbval compares outputs; these tests see what it does not: cells that were never run, figures,
errors stored as outputs, weakened comparisons, twins that drift apart.
"""

import ast
import io
import re
import statistics
import tokenize
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tools import notebooks as tool

ROOT = Path(__file__).resolve().parents[1]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAIRS = sorted({path.stem.rpartition("_")[0] for path in PATHS})
FRAMEWORKS = {"tensorflow": {"tensorflow", "keras"}, "pytorch": {"torch", "torchsummary"}}
SWAP = {
    "TensorFlow": "PyTorch",
    "PyTorch": "TensorFlow",
    "tensorflow": "pytorch",
    "pytorch": "tensorflow",
}

# The only cells whose outputs may go uncompared, and why. The next cell must assert.
UNCOMPARED = {
    "versions": "they differ between environments",
    "device": "a GPU may be there or not",
}
UNCOMPARED_ENDING = {
    "-time": "times differ between runs",
    "-differences": "what rounding leaves differs between processors",
}
LONGEST_CELL, MEDIAN_CELL = 25, 6  # lines
# Words of other dialects, for which STYLE has its own: see CONTRIBUTING.md.
FOREIGN_NAMES = re.compile(
    r"lr|lrs|n_epochs|num_epochs|epoch_count|bs|bsz|X|Y|xs|ys|net|criterion|loss_function|optim|opt"
    r"|(dev|val)_(?!loss$|accuracy$)\w+|\w+_val|\w+_dev"
)
SHARED_NAMES = {
    "SEED",
    "batch_size",
    "epochs",
    "learning_rate",
    "model",
    "history",
    "ceiling",
    "points",
    "labels",
    *(f"{part}_{what}" for part in ("train", "valid", "fresh") for what in ("points", "labels")),
    "fresh_accuracy",
}
# Cells of which the text promises the same output in both twins, for the pairs that promise it.
SAME_OUTPUT = {
    "01": {
        "data-table",
        "data-load",
        "ceiling-value",
        "split-rows",
        "batches-look",
        "predict",
        "serve",
    },
    "02": {
        "data-ceiling",
        "outputs",
        "radius",
        "logit-outputs",
        "logit-same",
        "limits",
    },
    "05": {
        "split-rows",
        "start-weights-draw",
        "order-draw",
        "step-table",
        "reference-train",
        "run-float32",
        "final-numbers",
        "rounding",
        "defaults-table",
        "threshold",
    },
    "06": {"split-rows", "results-others"},
    "07": {
        "split-rows",
        "order-draw",
        "alone-score",
        "job",
        "two-look",
        "uneven-gradients",
        "rules-table",
        "crash-look",
    },
}
# Numbers that both twins promise within output that is otherwise their own.
PROMISED_NUMBERS = {
    "model-summary": (r"Total params: (\d+)",),
    "fresh-accuracy": (r"best possible accuracy: ([\d.]+)",),
}
COLOR = re.compile(r"\x1b\[[0-9;]*m|<[^>]*>")


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def ids(notebook: NotebookNode) -> list[str]:
    return [cell.id for cell in notebook.cells]


def headings(notebook: NotebookNode) -> list[tuple[str, str]]:
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            lines = re.findall(r"^#+ .+$", cell.source, re.MULTILINE)
            found += [(cell.id, line) for line in lines]
    return found


def stdout(cell: NotebookNode) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def shown(cell: NotebookNode) -> list[str]:
    """Return all text of a cell's outputs, tables included, figures left out."""
    found = []
    for output in cell.outputs:
        data = {**output.get("data", {}), "text/stream": output.get("text", "")}
        found += [text for kind, text in sorted(data.items()) if kind.startswith("text/") and text]
    return found


def texts(cell: NotebookNode) -> str:
    """Return the source of a cell and all its outputs that are text."""
    parts = [cell.source]
    for output in cell.get("outputs", []):
        parts.append(output.get("text", ""))
        data = output.get("data", {})
        parts += [value for kind, value in data.items() if kind.startswith("text/")]
    return "\n".join(parts)


def imports(source: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names


def assigned(notebook: NotebookNode) -> set[str]:
    names = set()
    for cell in code_cells(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.FunctionDef):
                names.add(node.name)
    return names


def swap(text: str) -> str:
    return re.sub("|".join(SWAP), lambda match: SWAP[match.group()], text)


def is_uncompared(cell: NotebookNode) -> bool:
    return cell.id in UNCOMPARED or cell.id.endswith(tuple(UNCOMPARED_ENDING))


def writes_output(source: str) -> bool:
    """Say whether a cell must leave an output: it prints, shows, or ends in a bare value."""
    tree = ast.parse(source)
    called = {
        node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        for statement in tree.body
        if not isinstance(statement, (ast.FunctionDef, ast.ClassDef))
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
    }
    last = tree.body[-1]
    value = isinstance(last, ast.Expr) and not isinstance(last.value, (ast.Call, ast.Constant))
    return bool(called & {"print", "show", "summary", "display", "head", "tail"}) or value


def test_the_pairs_are_complete():
    assert PAIRS
    assert {path.name for path in PATHS} == {
        f"{pair}_{framework}.ipynb" for pair in PAIRS for framework in FRAMEWORKS
    }
    assert [pair[:2] for pair in PAIRS] == sorted({pair[:2] for pair in PAIRS})


def test_validation_is_strict(pytestconfig):
    """A slip in the configuration would turn every comparison off and stay green."""
    options = pytestconfig.getini("addopts")
    assert "--nbval" in options
    assert "--nbval-current-env" in options
    assert any(option.startswith("--nbval-cell-timeout=") for option in options)
    assert not [option for option in options if "lax" in option or "sanitize" in option]
    assert not pytestconfig.getoption("nbval_lax")


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return read(path)


@pytest.fixture(params=PAIRS)
def pair(request):
    return request.param


@pytest.fixture
def twins(pair):
    first, second = (
        read(ROOT / "notebooks" / f"{pair}_{framework}.ipynb") for framework in FRAMEWORKS
    )
    return first, second


class TestNotebook:
    """Each notebook by itself."""

    def test_format(self, path, notebook):
        nbformat.validate(notebook)
        assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
        assert path.read_text(encoding="utf-8") == tool.canonical(notebook), "run `make fix`"

    def test_ids_are_words(self, notebook):
        found = ids(notebook)
        assert len(set(found)) == len(found)
        for each in found:
            assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", each), each
            assert not re.fullmatch(r"[0-9a-f-]{8,}", each), f"{each} looks random"

    def test_ran_once_and_in_order(self, notebook):
        counts = [cell.execution_count for cell in code_cells(notebook)]
        assert counts == list(range(1, len(counts) + 1))

    def test_no_error_and_no_stderr_is_stored(self, notebook):
        for cell in code_cells(notebook):
            for output in cell.outputs:
                assert output.output_type != "error", cell.id
                assert output.get("name") != "stderr", cell.id

    def test_cells_that_show_something_hold_it(self, notebook):
        for cell in code_cells(notebook):
            assert not writes_output(cell.source) or cell.outputs, f"{cell.id} holds no output"
            pictures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
            assert bool(pictures) == ("plt.show()" in cell.source), cell.id

    def test_figures_are_png(self, notebook):
        kinds = {"text/plain", "text/html", "image/png"}
        for cell in code_cells(notebook):
            for output in cell.outputs:
                assert set(output.get("data", {})) <= kinds, cell.id

    def test_comparison_is_not_weakened(self, notebook):
        cells = code_cells(notebook)
        for cell, following in zip(cells, [*cells[1:], None], strict=True):
            assert not re.search(r"NBVAL|PYTEST_VALIDATE", cell.source), cell.id
            tags = cell.metadata.get("tags", [])
            if is_uncompared(cell):
                assert tags == ["nbval-ignore-output"], cell.id
                assert following is not None
                assert "assert " in following.source, f"{cell.id}: the next cell must assert"
            else:
                assert tags == [], f"{cell.id} may not opt out of comparison"
        for cell in notebook.cells:
            assert cell.cell_type in ("code", "markdown"), cell.id
            assert cell.cell_type == "code" or not cell.metadata, cell.id

    def test_no_absolute_paths(self, notebook):
        pattern = r"(?<![\w.:/])/(home|root|Users|tmp|work|usr|var|opt|mnt|private)/|\b[A-Z]:\\"
        for cell in notebook.cells:
            assert not re.search(pattern, texts(cell)), cell.id

    def test_no_semicolons_magics_or_shell(self, notebook):
        for cell in code_cells(notebook):
            tokens = tokenize.generate_tokens(io.StringIO(cell.source).readline)
            operators = [token.string for token in tokens if token.type == tokenize.OP]
            assert ";" not in operators, cell.id
            assert not re.search(r"^\s*[%!]", cell.source, re.MULTILINE), cell.id

    def test_one_framework(self, path, notebook):
        own = path.stem.rpartition("_")[2]
        found = set().union(*(imports(cell.source) for cell in code_cells(notebook)))
        for framework, packages in FRAMEWORKS.items():
            assert bool(found & packages) == (framework == own), framework

    def test_cells_are_short(self, notebook):
        lengths = {cell.id: len(cell.source.splitlines()) for cell in code_cells(notebook)}
        assert {name: n for name, n in lengths.items() if n > LONGEST_CELL} == {}
        assert statistics.median(lengths.values()) <= MEDIAN_CELL

    def test_path_through_the_notebook(self, path, notebook):
        """Opening, sections that end in a check, closing."""
        cells = notebook.cells
        assert ids(notebook)[:2] == ["title", "opening"]
        assert ids(notebook)[-3:] == ["recap", "other", "exercises"]
        assert re.fullmatch(r"# .+", cells[0].source)
        opening = cells[1].source
        for words in ("What you'll do", "What you'll learn", "What you'll need"):
            assert words in opening
        assert len(opening.splitlines()) <= 12
        twin = swap(path.stem)
        assert f"({twin}.ipynb)" in opening
        assert cells[-3].source.startswith("## In this notebook you…")
        assert cells[-2].source.startswith("## The same step in the other framework")
        exercises = cells[-1].source
        assert exercises.startswith("## Exercises")
        assert len(re.findall(r"^\d\. ", exercises, re.MULTILINE)) == 3
        assert exercises.count("*Check:*") >= 3

    def test_every_section_ends_in_a_check(self, notebook):
        sections, current = [], []
        for cell in notebook.cells:
            if cell.cell_type == "markdown" and re.match(r"## ", cell.source):
                sections.append(current)
                current = []
            current.append(cell)
        for section in sections[1:]:
            code = [cell for cell in section if cell.cell_type == "code"]
            if code and not section[0].source.startswith("## Set up"):
                assert code[-1].id.endswith("-check"), f"{section[0].id} ends in {code[-1].id}"
        for cell in code_cells(notebook):
            if cell.id.endswith("-check"):
                tree = ast.parse(cell.source)
                assert any(isinstance(node, ast.Assert) for node in ast.walk(tree)), cell.id
                assert stdout(cell).strip().endswith("checked"), cell.id

    def test_links_lead_somewhere(self, notebook):
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                for target in re.findall(r"\]\(([^)#]+)\)", cell.source):
                    if not target.startswith("https://"):
                        assert (ROOT / "notebooks" / target).exists(), f"{cell.id}: {target}"

    def test_metrics_carry_four_decimals(self, notebook):
        for cell in code_cells(notebook):
            for number in re.findall(r"(?:loss|accuracy)\)?:? +(\d+\.\d+)", stdout(cell)):
                assert len(number.partition(".")[2]) == 4, f"{cell.id}: {number}"

    def test_training_reports_are_short(self, notebook):
        for cell in code_cells(notebook):
            assert len(re.findall(r"^epoch ", stdout(cell), re.MULTILINE)) <= 12, cell.id

    def test_names_are_ours(self, notebook):
        foreign = {name for name in assigned(notebook) if FOREIGN_NAMES.fullmatch(name)}
        assert foreign == set(), "CONTRIBUTING.md lists the words to use"


class TestTwins:
    """Two notebooks that must be readable side by side."""

    def test_headings(self, twins):
        first, second = map(headings, twins)
        assert [(each, swap(text)) for each, text in first] == second

    def test_cells(self, twins):
        kinds = [[(cell.id, cell.cell_type) for cell in twin.cells] for twin in twins]
        assert kinds[0] == kinds[1]

    def test_words(self, twins):
        """Prose is the same but for the framework's name; what is particular is in `how-…`."""
        for first, second in zip(*(twin.cells for twin in twins), strict=True):
            if first.cell_type == "markdown" and not first.id.startswith("how-"):
                closing_table = first.id == "other"
                expected = first.source if closing_table else swap(first.source)
                assert expected == second.source, first.id

    def test_code_without_a_framework(self, twins):
        particular = re.compile(r"\b(tf|keras|torch|nn|torchsummary|tensorflow|pytorch)\b")
        names = [assigned(twin) for twin in twins]
        only_one = names[0] ^ names[1]
        for first, second in zip(*(twin.cells for twin in twins), strict=True):
            if first.cell_type == "markdown":
                continue
            used = set(re.findall(r"\w+", first.source + second.source))
            if not particular.search(first.source + second.source) and not used & only_one:
                same = first.source == second.source
                assert same or first.id in {"predict", "evaluate", "probability"}, first.id

    def test_shared_names(self, twins):
        """A name of the common vocabulary used by one twin is used by the other."""
        first, second = map(assigned, twins)
        assert first & SHARED_NAMES == second & SHARED_NAMES

    def test_same_numbers_where_promised(self, pair, twins):
        promised = SAME_OUTPUT.get(pair[:2], set())
        assert promised <= set(ids(twins[0])), "a promised cell is gone"
        for first, second in zip(*(twin.cells for twin in twins), strict=True):
            if first.id in promised:
                assert shown(first), f"{first.id} shows nothing"
                assert shown(first) == shown(second), first.id

    def test_same_number_inside_other_text(self, twins):
        """Counts and ceilings that both twins promise, wherever they stand in the output."""
        for first, second in zip(*(twin.cells for twin in twins), strict=True):
            for pattern in PROMISED_NUMBERS.get(first.id, ()):
                shown = [COLOR.sub("", texts(cell)) for cell in (first, second)]
                found = [set(re.findall(pattern, text)) for text in shown]
                assert found[0], f"{first.id} does not show {pattern!r}"
                assert found[0] == found[1], first.id

    def test_same_tags(self, twins):
        tags = [[cell.metadata.get("tags", []) for cell in twin.cells] for twin in twins]
        assert tags[0] == tags[1]


@pytest.mark.parametrize("module", sorted((ROOT / "utils").glob("*.py")), ids=lambda m: m.name)
def test_helpers_import_no_framework(module):
    found = imports(module.read_text(encoding="utf-8"))
    assert not found & set().union(*FRAMEWORKS.values())


@pytest.mark.parametrize("module", sorted((ROOT / "tests").rglob("*.py")), ids=lambda m: m.name)
def test_tests_import_no_framework(module):
    """A test process that imports both frameworks may abort; these start a process for each."""
    assert not imports(module.read_text(encoding="utf-8")) & set().union(*FRAMEWORKS.values())
