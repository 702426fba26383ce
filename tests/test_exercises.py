"""Each exercise's check holds for a right answer and, with a message, refuses likely wrong ones.

The right and the wrong answers stand in tests/exercises/*.toml. A check uses only NumPy, pandas
and plain values, so that it runs here without the notebook: first the lines of `given`, which set
what the notebook would have and answer right, then those of a wrong answer, then the check.
"""

import re
import tomllib

import pytest

from tools import notebooks as tool

CHECK = re.compile(r"exercise-\d-check")
ANSWERS = {
    path.stem: tomllib.loads(path.read_text(encoding="utf-8"))["exercise"]
    for path in sorted((tool.ROOT / "tests" / "exercises").glob("*.toml"))
}
TASKS = [
    pytest.param(path, exercise, id=f"{path.stem} {exercise['cell']}")
    for path in tool.all_notebooks()
    for exercise in ANSWERS.get(path.stem[:2], [])
]


def check(path, exercise, wrong=""):
    source = tool.cell(tool.read(path), exercise["cell"]).source
    exec("\n".join([exercise["given"], wrong, source]), {"__name__": "check"})


@pytest.mark.parametrize(("path", "exercise"), TASKS)
def test_a_right_answer_passes(path, exercise, capsys):
    check(path, exercise)
    assert capsys.readouterr().out.endswith(f"exercise {exercise['cell'][9]} checked\n")


@pytest.mark.parametrize(("path", "exercise"), TASKS)
def test_wrong_answers_are_refused_with_a_word(path, exercise):
    assert len(exercise["wrong"]) >= 2
    for wrong in exercise["wrong"]:
        with pytest.raises(AssertionError) as refused:
            check(path, exercise, wrong)
        assert str(refused.value).strip(), f"the check says nothing about: {wrong}"


@pytest.mark.parametrize("path", tool.all_notebooks(), ids=lambda path: path.stem)
def test_every_check_is_tried(path):
    found = [cell.id for cell in tool.read(path).cells if CHECK.fullmatch(cell.id)]
    assert sorted(each["cell"] for each in ANSWERS.get(path.stem[:2], [])) == found
