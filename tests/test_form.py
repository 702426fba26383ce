"""The form of each notebook as it is stored: CONTRIBUTING.md tells it in words.

nbval compares outputs; these tests see what it does not: cells that were never run, errors stored
as outputs, weakened comparisons, a lesson buried in set-up and checks.
"""

import ast
import base64
import builtins
import functools
import io
import re
import struct
import sys
import tokenize
from itertools import groupby, pairwise

import nbformat
import pytest

from tools import notebooks as tool
from tools.share import TWINS, defined

FRAMEWORKS = {"tensorflow": {"tensorflow", "keras"}, "pytorch": {"torch", "torchsummary"}}
# The only cells whose outputs may go uncompared: versions, times, and what rounding leaves.
UNCOMPARED = re.compile(r"versions|.+-time|.+-differences")
TAGS = {"nbval-ignore-output", "same-output", "hide-input", "hide-cell", "solution"}
LONGEST_LINE, LONGEST_CELL, CODE_IN_A_ROW, MOST_CELLS = 80, 25, 3, 100
EXERCISES = [
    f"exercise-{number}{part}" for number in (1, 2, 3) for part in ("", "-answer", "-check")
]
# Words of other dialects, for which CONTRIBUTING.md has its own.
FOREIGN_NAMES = re.compile(
    r"lr|lrs|n_epochs|num_epochs|epoch_count|bs|bsz|X|Y|xs|ys|net|criterion|loss_function|optim|opt"
    r"|(dev|val)_(?!loss$|accuracy$)\w+|\w+_val|\w+_dev"
)


@pytest.fixture(params=tool.all_notebooks(), ids=lambda path: path.stem)
def path(request):
    return request.param


read = functools.cache(tool.read)


@pytest.fixture
def notebook(path):
    return read(path)


@pytest.fixture
def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def lines(cell):
    return cell.source.splitlines()


def hidden(cell):
    return {key.removesuffix("_hidden") for key in cell.metadata.get("jupyter", {})}


def tags(cell):
    return set(cell.metadata.get("tags", []))


def packages(source):
    """Return the top-level packages that some code imports."""
    nodes = list(ast.walk(ast.parse(source)))
    found = {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
    found |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in found}


def shows(source):
    """Say whether a cell must leave an output: it prints, shows, or ends in a bare value."""
    body = ast.parse(source).body
    outside = [each for each in body if not isinstance(each, (ast.FunctionDef, ast.ClassDef))]
    calls = [node.func for each in outside for node in ast.walk(each) if isinstance(node, ast.Call)]
    called = {getattr(func, "id", getattr(func, "attr", "")) for func in calls}
    value = isinstance(body[-1], ast.Expr) and not isinstance(
        body[-1].value, (ast.Call, ast.Constant)
    )
    return bool(called & {"print", "show", "summary", "display", "head", "tail"}) or value


class TestAsStored:
    def test_canonical(self, path):
        assert tool.is_canonical(path), "run `make fix`"

    def test_ids_are_words(self, notebook):
        ids = [cell.id for cell in notebook.cells]
        assert len(set(ids)) == len(ids)
        for each in ids:
            assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", each), each
            assert not re.fullmatch(r"[0-9a-f-]{8,}", each), f"{each} looks random"

    def test_ran_once_and_in_order(self, code):
        assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))

    def test_no_error_and_no_stderr(self, code):
        for cell in code:
            assert not [o for o in cell.outputs if o.output_type == "error"], cell.id
            assert not [o for o in cell.outputs if o.get("name") == "stderr"], cell.id

    def test_cells_that_show_something_hold_it(self, code):
        kinds = {"text/plain", "text/html", "image/png"}
        for cell in code:
            show = shows(cell.source) or cell.id.endswith(("-look", "-plot", "-show", "-table"))
            assert cell.outputs or not show, f"{cell.id} holds no output"
            data = set().union(*(output.get("data", {}) for output in cell.outputs))
            assert data <= kinds, cell.id
            assert ("image/png" in data) == ("plt.show()" in cell.source), cell.id

    def test_pictures_have_titles_and_fit_on_a_screen(self, code):
        for cell in code:
            for data in (o.data for o in cell.outputs if "image/png" in o.get("data", {})):
                assert "plot ''" not in data["text/plain"] or cell.id == "graph-plot", cell.id
                header = base64.b64decode(data["image/png"][:32])
                width, height = struct.unpack(">II", header[16:])
                assert width <= 1320, cell.id
                assert height <= 760, cell.id

    def test_no_absolute_paths(self, notebook):
        pattern = r"(?<![\w.:/])/(home|root|Users|tmp|work|usr|var|opt|mnt|private)/|\b[A-Z]:\\"
        for cell in notebook.cells:
            data = [output.get("data", {}) for output in cell.get("outputs", [])]
            shown = [text for each in data for kind, text in each.items() if "text" in kind]
            shown += [output.get("text", "") for output in cell.get("outputs", [])]
            assert not re.search(pattern, "\n".join([cell.source, *shown])), cell.id

    def test_training_reports_are_short_and_exact(self, code):
        for cell in code:
            said = tool.printed(cell)
            assert len(re.findall(r"^epoch ", said, re.MULTILINE)) <= 12, cell.id
            assert not re.search(r"[\b\r]|\dm?s/(step|epoch)", said), f"{cell.id}: a progress bar"
            for number in re.findall(r"(?:loss|accuracy)\)?:? +(\d+\.\d+)", said):
                assert len(number.partition(".")[2]) == 4, f"{cell.id}: {number}"
            left = re.search(r"\de-1\d", said)  # 1e-15 here is 2e-15 on another processor
            assert not left or UNCOMPARED.fullmatch(cell.id), f"{cell.id}: what rounding leaves"

    def test_a_heading_begins_its_cell(self, notebook):
        """In the middle of one, a page would draw it smaller and leave it out of its list."""
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                headings = re.findall(r"^#{1,6} ", cell.source, re.MULTILINE)
                assert len(headings) == cell.source.startswith("#"), cell.id


class TestTags:
    """What a tag does to the comparison or to what a reader sees is asked for by the cell's id."""

    def test_only_versions_times_and_rounding_go_uncompared(self, code):
        for cell in code:
            assert tags(cell) <= TAGS, cell.id
            assert not re.search(r"NBVAL|PYTEST_VALIDATE", cell.source), cell.id
            ignored = "nbval-ignore-output" in tags(cell)
            assert ignored == bool(UNCOMPARED.fullmatch(cell.id)), cell.id
            assert not (ignored and "same-output" in tags(cell)), cell.id

    def test_only_checks_and_answers_are_folded(self, code):
        for cell in code:
            folded = (tags(cell) & {"hide-input", "hide-cell", "solution"}, hidden(cell))
            if cell.id.endswith("-check"):
                assert folded == ({"hide-input"}, {"source"}), cell.id
            elif re.fullmatch(r"exercise-\d-answer", cell.id):
                assert folded == ({"hide-cell", "solution"}, {"source", "outputs"}), cell.id
            else:
                assert folded == (set(), set()), cell.id

    def test_words_carry_no_tags(self, notebook):
        for cell in notebook.cells:
            assert cell.cell_type == "code" or not cell.metadata, cell.id


class TestCode:
    def test_two_columns_fit_on_a_screen(self, code):
        assert [
            cell.id for cell in code if any(len(line) > LONGEST_LINE for line in lines(cell))
        ] == []

    def test_cells_are_short_and_explained(self, notebook):
        long = [cell.id for cell in notebook.cells if len(lines(cell)) > LONGEST_CELL]
        assert [each for each in long if tool.cell(notebook, each).cell_type == "code"] == []
        for kind, run in groupby(notebook.cells, lambda cell: cell.cell_type):
            cells = [cell.id for cell in run]
            assert kind == "markdown" or len(cells) <= CODE_IN_A_ROW, (
                f"{cells}: a word between them"
            )

    def test_one_framework(self, path, code):
        own = path.stem.rpartition("_")[2]
        found = set().union(*(packages(cell.source) for cell in code))
        assert found & FRAMEWORKS[own]
        assert not found & FRAMEWORKS[TWINS[own]]

    def test_nothing_hides_what_happens(self, code):
        """No `;` that swallows an output, no magics, no shell, no reaching for names by text."""
        for cell in code:
            tokens = list(tokenize.generate_tokens(io.StringIO(cell.source).readline))
            assert ";" not in [t.string for t in tokens if t.type == tokenize.OP], cell.id
            called = [t.string for t in tokens if t.type == tokenize.NAME]
            assert not {"globals", "get_ipython"} & set(called), cell.id

    def test_names_are_ours(self, code):
        found = set().union(*(defined(cell.source) for cell in code))
        assert {name for name in found if FOREIGN_NAMES.fullmatch(name)} == set()
        assert found & set(dir(builtins)) == set()


class TestPath:
    """Opening, set-up, sections with their checks, closing, exercises."""

    def test_opening(self, path, notebook):
        title, opening = notebook.cells[:2]
        assert (title.id, opening.id) == ("title", "opening")
        assert re.fullmatch(r"# .+", title.source)
        for words in ("What you'll do", "What you'll learn", "What you'll need"):
            assert words in opening.source
        assert len(lines(opening)) <= 12
        pair, _, framework = path.stem.rpartition("_")
        assert f"({pair}_{TWINS[framework]}.ipynb)" in opening.source

    def test_the_data_come_soon(self, notebook, code):
        """At most five cells of code before the first data, no check among them."""
        data = re.compile(r"(load|make)_two_rings\(|two_rings\.csv")
        before = [cell.id for cell in code]
        first = next((i for i, cell in enumerate(code) if data.search(cell.source)), 5)
        assert before[:3] == ["imports", "framework", "versions"]
        assert "settings" in before[: first + 1]
        assert first <= 5
        assert not [each for each in before[:first] if each.endswith("-check")]
        assert tool.cell(notebook, "setup").source.startswith("## Set up")

    def test_closing(self, notebook):
        ids = [cell.id for cell in notebook.cells]
        assert ids[ids.index("recap") :] == ["recap", "other", "exercises", *EXERCISES]
        for each, words in (
            ("recap", "## In this notebook you"),
            ("other", "## The same step in the other framework"),
            ("exercises", "## Exercises"),
        ):
            assert tool.cell(notebook, each).source.startswith(words)

    def test_at_most_a_hundred_cells(self, path, notebook):
        assert (
            path.stem[:2] not in ("02", "03")
            or len([c for c in notebook.cells if not c.id.startswith("exercise")]) <= MOST_CELLS
        )

    def test_checks_say_what_they_check(self, notebook):
        for before, cell in pairwise(notebook.cells):
            if cell.id.endswith("-check"):
                exercise = cell.id.startswith("exercise-")
                assert exercise or "**Check.**" in before.source, f"{cell.id}: a sentence before it"
                nodes = ast.walk(ast.parse(cell.source))
                assert any(isinstance(node, ast.Assert) for node in nodes), cell.id
                said = f"exercise {cell.id[9]} checked\n" if exercise else tool.printed(cell)
                assert tool.printed(cell) == said, cell.id
                assert re.fullmatch(r".+ checked\n", said), cell.id

    def test_the_lesson_is_longer_than_its_checks(self, path, code):
        lesson = [cell for cell in code if not cell.id.startswith("exercise")]
        length = sum(len(lines(cell)) for cell in lesson)
        checks = sum(len(lines(cell)) for cell in lesson if cell.id.endswith("-check"))
        assert checks / length <= (0.15 if path.stem.startswith("01") else 0.20)

    def test_answers_leave_the_notebook_as_it_was(self, code):
        """An answer defines new names only, so that the exercises can be done in any order."""
        names = {cell.id: defined(cell.source) for cell in code}
        for each in (1, 2, 3):
            answer = names.pop(f"exercise-{each}-answer")
            assert answer, each
            assert answer & set().union(*names.values()) <= {"_"}, each


def test_the_pairs_are_complete():
    stems = {path.stem for path in tool.all_notebooks()}
    assert len(stems) >= 14
    pairs = {stem.rpartition("_")[0] for stem in stems}
    assert stems == {f"{pair}_{framework}" for pair in pairs for framework in FRAMEWORKS}


def test_how_exercises_are_done_is_told_in_the_same_words_everywhere():
    assert len({tool.cell(read(path), "exercises").source for path in tool.all_notebooks()}) == 1


def test_validation_is_strict(pytestconfig):
    """A slip in the configuration would turn every comparison off and stay green."""
    options = pytestconfig.getini("addopts")
    assert "--nbval" in options
    assert "--nbval-current-env" in options
    assert any(option.startswith("--nbval-cell-timeout=") for option in options)
    assert not [option for option in options if "lax" in option or "sanitize" in option]
    assert not pytestconfig.getoption("nbval_lax")


@pytest.mark.parametrize(
    ("imported", "importing"),
    [
        (set().union(*FRAMEWORKS.values()), []),
        ({"subprocess", "multiprocessing", "pty"}, ["launch"]),
    ],
)
def test_no_framework_outside_the_notebooks_and_one_module_starts_processes(imported, importing):
    """Helpers serve both frameworks, and a test process that imports both may abort."""
    files = [p for each in ("utils", "tools", "tests") for p in (tool.ROOT / each).glob("*.py")]
    assert [p.stem for p in files if packages(p.read_text("utf-8")) & imported] == importing


class TestCanonicalForm:
    """What JupyterLab 4.6 was seen to change when it saves is accepted, and `fix` undoes it."""

    @pytest.fixture
    def saved(self, tmp_path):
        """A notebook after JupyterLab has opened it, with the kernel's own words, and saved it."""
        path = tmp_path / "saved.ipynb"
        notebook = nbformat.reads(tool.canonical(tool.read(tool.all_notebooks()[0])), as_version=4)
        notebook.metadata.kernelspec.display_name = "Python 3 (ipykernel)"
        words = {"codemirror_mode": {"name": "ipython", "version": 3}, "version": "3.12.4"}
        notebook.metadata.language_info.update(nbformat.from_dict(words))
        for cell in notebook.cells:
            if "outputs" in hidden(cell):
                cell.metadata["collapsed"] = True
        nbformat.write(notebook, path)
        return path

    def run(self, monkeypatch, command, path):
        monkeypatch.setattr(tool, "NOTEBOOKS", path.parent)
        monkeypatch.setattr(sys, "argv", ["notebooks", command, path.stem])
        return tool.main()

    def test_check_accepts_and_fix_restores(self, saved, monkeypatch):
        assert self.run(monkeypatch, "check", saved) == 0
        assert self.run(monkeypatch, "fix", saved) == 0
        monkeypatch.undo()
        assert saved.read_text(encoding="utf-8") == tool.canonical(
            tool.read(tool.all_notebooks()[0])
        )

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ('"name": "python3"', '"name": "my-kernel"'),
            ('"metadata": {\n  "kernelspec"', '"metadata": {\n  "author": "me",\n  "kernelspec"'),
            ('"id": "title",\n   "metadata": {}', '"id": "title",\n   "metadata": {"a": 1}'),
            ('"metadata": {},\n   "outputs"', '"metadata": {"collapsed": true},\n   "outputs"'),
            ("\n ", "\n  "),
        ],
    )
    def test_nothing_else_is_accepted(self, saved, monkeypatch, capsys, old, new):
        text = saved.read_text(encoding="utf-8")
        assert old in text
        saved.write_text(text.replace(old, new, 1), encoding="utf-8")
        assert self.run(monkeypatch, "check", saved) == 1
        assert "make fix" in capsys.readouterr().out


def test_a_failing_cell_is_named(tmp_path):
    source = tool.read(tool.all_notebooks()[0])
    source.cells = source.cells[:3]
    source.cells[2] = nbformat.v4.new_code_cell("raise ValueError('no such thing')", id="fails")
    with pytest.raises(RuntimeError, match=r"\ncell fails: ValueError: no such thing$"):
        tool.execute(source)
