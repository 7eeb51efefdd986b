"""The tool that builds the exercises, on a tiny sheet; and the course's own, which are in step."""

import re
import shutil
from collections import Counter
from pathlib import Path

import nbformat
import pytest

from course_exercises.task import list_tasks
from exercises.tools import build_exercises as tool

ROOT = Path(__file__).parents[2]

SHEET = '''\
# %% [markdown]
# # A tiny sheet

# %%
import course_utils as cu

import math

# %% [markdown]
# ## 1a The first (5 minutes)
#
# Double it.


# %%
def double(x):
    """Return twice x."""
    # solution
    if x:

        x = 2 * x
    return x


def help_for_all(x):
    return math.sqrt(x)


# %% tags=["catalog"]
from course_exercises.task import Task

TASKS = {}


def as_it_is(x):
    """Not doubled."""
    return x


TASKS["1a"] = Task(double, lambda generator: [("a number", 3)], [as_it_is])

# %% [markdown] tags=["picture"]
# Yours on a photograph.

# %% tags=["picture"]
if __name__ == "__main__":
    print(double(4))
'''
PLACE = "exercises/course_exercises/sheets/01_tiny.py"
INSIDE = "    if x:\n\n        x = 2 * x\n    return x\n"
STUB = '    raise NotImplementedError("1a is open: write double.")\n'
FUNCTIONS = '''\
def double(x):
    """Return twice x."""
{}

def help_for_all(x):
    return math.sqrt(x)'''


@pytest.fixture
def course(tmp_path):
    """A course with a single sheet, built."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / PLACE).parent.mkdir(parents=True)
    (tmp_path / PLACE).write_text(SHEET)
    assert tool.main(["build"], tmp_path) == 0
    return tmp_path


def edit(course, old, new):
    assert SHEET.count(old) == 1
    (course / PLACE).write_text(SHEET.replace(old, new))


@pytest.mark.parametrize("kind, body", [("student", STUB), ("solutions", INSIDE)])
def test_a_notebook_has_stub_or_solution_and_the_cells_that_check(course, kind, body):
    notebook = nbformat.read(course / f"exercises/{kind}/01_tiny.ipynb", nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    head, setup, imports, task, function, check, _, last, about, picture = notebook.cells
    assert "google.colab" in setup.source and setup.metadata["cellView"] == "form"
    assert function.source == FUNCTIONS.format(body)
    assert [check.source, last.source] == ['cu.check("1a", double)', "cu.check()"]
    assert [about.source, picture.source] == ["Yours on a photograph.", "print(double(4))"]


def test_a_second_build_changes_nothing(course, capsys):
    capsys.readouterr()
    assert tool.main(["build"], course) == 0
    assert capsys.readouterr().out == ""
    assert tool.main(["check"], course) == 0


def test_check_says_what_is_stale(course, capsys):
    edit(course, "# Double it.", "# Double it, please.")
    (course / "exercises/student/02_gone.ipynb").write_text("{}")
    capsys.readouterr()
    assert tool.main(["check"], course) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [re.sub("exercises/|; run 'make exercises'", "", line) for line in lines] == [
        "student/01_tiny.ipynb: stale",
        "solutions/01_tiny.ipynb: stale",
        "student/02_gone.ipynb: has no source",
    ]
    tool.main(["build"], course)
    assert tool.main(["check"], course) == 0


@pytest.mark.parametrize(
    "old, new",
    [
        ("## 1a The first (5 minutes)", "## 1b The first (5 minutes)"),
        ("Task(double, ", "Task(help_for_all, "),
        ("    # solution\n", "    # solution\n    # solution\n"),
        ("    # solution\n", ""),
    ],
)
def test_a_sheet_that_contradicts_itself_is_refused(course, old, new, capsys):
    edit(course, old, new)
    assert tool.main(["check"], course) == 1
    assert capsys.readouterr().err.startswith("01_tiny.py: ")


def test_the_courses_exercises_are_in_step(capsys):
    assert tool.main(["check"]) == 0, capsys.readouterr().out


def test_each_sheet_has_two_to_four_tasks_of_five_to_thirty_minutes():
    tasks = list_tasks().values()
    assert len({task.function for task in tasks}) == len(tasks)
    assert set(Counter(task.sheet for task in tasks).values()) <= {2, 3, 4}
    assert {5 <= task.minutes <= 30 for task in tasks} == {True}
