"""Every task of every sheet: its solution passes, and each wrong answer fails with its own hint."""

import importlib.util
import inspect
import json
from pathlib import Path

import numpy as np
import pytest

from course_exercises import check as check_module
from course_exercises.check import examine_answer
from course_exercises.examine import DONE, OPEN, TRIED
from course_exercises.task import SHEETS, find_sheet, list_tasks

EXERCISES = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def sheets():
    """{task: its `Task`}, of copies of the sheets under a name that is not the course's."""
    found = {}
    for path in SHEETS.glob("[0-9]*.py"):
        spec = importlib.util.spec_from_file_location("a_students_notebook", path)
        copy = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(copy)
        found |= copy.TASKS
    return found


def hint_of(function):
    return " ".join(inspect.getdoc(function).split())


@pytest.mark.parametrize("sheet", [path.stem for path in SHEETS.glob("[0-9]*.py")])
@pytest.mark.parametrize("kind, status", [("solutions", "done"), ("student", "open")])
def test_a_notebook_runs_from_top_to_bottom(sheet, kind, status, capsys, monkeypatch):
    monkeypatch.setattr(check_module, "_status", {})
    notebook = json.loads((EXERCISES / kind / f"{sheet}.ipynb").read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    if kind == "student":  # its picture shows what is still open
        code = [cell for cell in code if "picture" not in cell["metadata"].get("tags", [])]
    cells = ["".join(cell["source"]) for cell in code]
    exec("\n".join(cells), {"__name__": "notebook"})
    printed = capsys.readouterr().out
    number = sum(cell.startswith('cu.check("') for cell in cells)
    assert printed.count(f": {status}. ") == number >= 2
    assert f"{number if status == DONE else 0} of {len(list_tasks())} done." in printed


@pytest.mark.parametrize("task", list_tasks())
def test_each_wrong_answer_fails_with_its_own_hint(sheets, task):
    wrong = sheets[task].wrong
    assert 5 <= len(wrong) <= 16  # each of them costs a run of all cases
    for answer in wrong:
        report = examine_answer(task, answer, seed=3)
        assert (report.status, report.hint) == (TRIED, hint_of(answer)), answer.__name__


@pytest.mark.parametrize("task", list_tasks())
def test_no_work_of_ones_own_fails(task):
    def stub(*arguments):
        raise NotImplementedError("open")

    def nothing(*arguments):
        return None

    def constant(*arguments):
        return np.zeros(3)

    def identity(*arguments):
        return arguments[0]

    solution, _, _, _, use = find_sheet(task)[task]
    fixed = "It returns ndarray (3,), which" if use else "It returns the same, whatever it is"

    def borrowed(*arguments):
        return [solution(*arguments) for _ in range(1)][0]

    own = f"{solution.__name__} is the course's own."
    assert examine_answer(task, stub, 1).status == OPEN
    for answer, hint in [
        (constant, fixed),
        (identity, "It returns what it was given."),
        (solution, own),
        (borrowed, own),
        (nothing, "It returns nothing."),
        (3, "Hand over the function itself"),
    ]:
        report = examine_answer(task, answer, 1)
        assert report.status == TRIED and report.hint.startswith(hint), (answer, report)
