"""Every task of every sheet: its solution passes, and each wrong answer fails with its own hint."""

import inspect
import json
from pathlib import Path

import jupytext
import numpy as np
import pytest

from course_utils.exercises import check as check_module
from course_utils.exercises.check import examine_answer
from course_utils.exercises.examine import DONE, OPEN, TRIED
from course_utils.exercises.sheets import INDEX
from course_utils.exercises.task import find_sheet

SHEETS = sorted((Path(__file__).parents[2] / "exercises").glob("*.py"))


@pytest.fixture(scope="module")
def sheets():
    """{task: the names that its sheet makes}, run from the source: none is the course's own."""
    found = {}
    for path in SHEETS:
        names = {"__name__": "sheet"}
        cells = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent").cells
        for cell in cells:
            if cell.cell_type == "code" and "cu.check(" not in cell.source:
                exec(compile(cell.source, path.name, "exec"), names)
        found |= dict.fromkeys(names["TASKS"], names)
    return found


def hint_of(function):
    return " ".join(inspect.getdoc(function).split())


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
@pytest.mark.parametrize("kind, status", [("solutions", "done"), ("student", "open")])
def test_a_notebook_runs_from_top_to_bottom(path, kind, status, capsys, monkeypatch):
    monkeypatch.setattr(check_module, "_status", {})
    notebook = json.loads((path.parent / kind / f"{path.stem}.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    exec("\n".join(cells), {"__name__": "notebook"})
    printed = capsys.readouterr().out
    assert printed.count(f": {status}. ") == 3
    assert f"{3 if status == DONE else 0} of {len(INDEX)} done." in printed


@pytest.mark.parametrize("task", INDEX)
def test_each_wrong_answer_fails_with_its_own_hint(sheets, task):
    wrong = sheets[task]["TASKS"][task].wrong
    assert 5 <= len(wrong) <= 16  # each of them costs a run of all cases
    for answer in wrong:
        report = examine_answer(task, answer, seed=3)
        assert (report.status, report.hint) == (TRIED, hint_of(answer)), answer.__name__


@pytest.mark.parametrize("task", INDEX)
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
        try:
            return solution(*arguments)
        except Exception:
            return np.zeros(3)

    assert examine_answer(task, stub, 1).status == OPEN
    for answer, hint in [
        (constant, fixed),
        (identity, "It returns what it was given."),
        (solution, f"{solution.__name__} is the course's own function, "),
        (borrowed, f"{solution.__name__} is the course's own function, "),
        (nothing, "It returns nothing."),
        (3, "Hand over the function itself"),
    ]:
        report = examine_answer(task, answer, 1)
        assert report.status == TRIED and report.hint.startswith(hint), (answer, report)
