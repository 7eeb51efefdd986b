"""The tool that builds the exercises, on a tiny sheet; and the course's own, which are in step."""

import json
import re
import shutil
from pathlib import Path

import pytest

from exercises.tools import build_exercises as tool

ROOT = Path(__file__).parents[2]

SHEET = '''\
# %% [markdown]
# # A tiny sheet

# %%
import course_utils as cu

import json
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


# %%
cu.check("1a", double)

# %% tags=["catalog"]
from course_exercises.task import Task

TASKS = {}


def as_it_is(x):
    """Not doubled."""
    return x


TASKS["1a"] = Task(double, lambda generator: [("a number", 3)], [as_it_is])

# %%
json.dumps("for the student's eyes")
'''
STUB = '''\
def double(x):
    """Return twice x."""
    raise NotImplementedError("1a is open: write double.")


def help_for_all(x):
    return math.sqrt(x)'''


@pytest.fixture
def course(tmp_path):
    """A course with a single sheet, built."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "exercises").mkdir()
    (tmp_path / "exercises/01_tiny.py").write_text(SHEET)
    assert tool.main(["build"], tmp_path) == 0
    return tmp_path


def sources(course, kind):
    notebook = json.loads((course / f"exercises/{kind}/01_tiny.ipynb").read_text())
    return ["".join(cell["source"]) for cell in notebook["cells"]]


def edit(course, old, new):
    path = course / "exercises/01_tiny.py"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_the_student_gets_a_stub_in_place_of_the_solution(course):
    cells = sources(course, "student")
    assert STUB in cells
    assert 'cu.check("1a", double)' in cells
    assert not re.search(r"2 \* x|# solution|as_it_is|Task\(", "\n".join(cells))


def test_the_lecturer_gets_the_solution_without_its_marker(course):
    text = "\n".join(sources(course, "solutions"))
    assert "    if x:\n\n        x = 2 * x\n    return x\n" in text
    assert not re.search("# solution|as_it_is|NotImplementedError", text)


def test_both_install_the_course_on_colab_and_are_valid(course):
    import nbformat

    for kind in ("student", "solutions"):
        notebook = nbformat.read(course / f"exercises/{kind}/01_tiny.ipynb", nbformat.NO_CONVERT)
        nbformat.validate(notebook)
        assert "google.colab" in notebook.cells[1].source
        assert notebook.cells[1].metadata["cellView"] == "form"


def test_the_package_gets_solution_and_catalog_and_no_more(course):
    text = (course / "course_utils/exercises/sheets/sheet_01.py").read_text()
    names = {}
    exec(text, names)
    task = names["TASKS"]["1a"]
    assert task.solution(2) == 4 and [wrong(2) for wrong in task.wrong] == [2]
    assert "import math" in text and "import json" not in text and "check(" not in text


def test_the_list_of_tasks_names_each(course):
    names = {}
    exec((course / "course_utils/exercises/sheets/__init__.py").read_text(), names)
    assert names["INDEX"] == {"1a": ("sheet_01", "double", "The first", 5)}


def test_a_second_build_changes_nothing(course, capsys):
    capsys.readouterr()
    assert tool.main(["build"], course) == 0
    assert capsys.readouterr().out == ""
    assert tool.main(["check"], course) == 0


def test_check_says_what_is_stale(course, capsys):
    edit(course, "# Double it.", "# Double it, please.")
    (course / "exercises/student/02_gone.ipynb").write_text("{}")
    (course / "course_utils/exercises/sheets/sheet_01.py").unlink()
    capsys.readouterr()
    assert tool.main(["check"], course) == 1
    lines = sorted(capsys.readouterr().out.splitlines())
    assert [re.match(r"\S+: (stale|has no sheet); run 'make exercises'", line) for line in lines]
    assert [line.partition(":")[0].rpartition("/")[2] for line in lines] == [
        "sheet_01.py",
        "01_tiny.ipynb",
        "01_tiny.ipynb",
        "02_gone.ipynb",
    ]
    tool.main(["build"], course)
    assert tool.main(["check"], course) == 0


@pytest.mark.parametrize(
    "old, new",
    [
        ("## 1a The first (5 minutes)", "## 1b The first (5 minutes)"),
        ('cu.check("1a", double)', 'cu.check("1a", help_for_all)'),
        ('TASKS["1a"] =', 'TASKS["2a"] ='),
        ("    # solution\n", "    # solution\n    # solution\n"),
        ("    # solution\n", ""),
        ("        x = 2 * x\n", "        x = 2 *\n"),
    ],
)
def test_a_sheet_that_contradicts_itself_is_refused(course, old, new, capsys):
    edit(course, old, new)
    assert tool.main(["check"], course) == 1
    assert re.search("01_tiny.py|1a", capsys.readouterr().err)


def test_the_courses_exercises_are_in_step(capsys):
    assert tool.main(["check"]) == 0, capsys.readouterr().out


def test_each_sheet_has_three_tasks_of_five_to_thirty_minutes():
    listed = [
        listed
        for path in (ROOT / "exercises").glob("*.py")
        for listed in tool.tasks_of(tool.read_source(path), path)
    ]
    assert len({task.function for task in listed}) == len(listed)
    for sheet in {task.sheet for task in listed}:
        assert len([task for task in listed if task.sheet == sheet]) == 3
    assert {5 <= task.minutes <= 30 for task in listed} == {True}
