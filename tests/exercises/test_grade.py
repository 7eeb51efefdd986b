"""Grading a folder of notebooks: whatever one of them does costs its own row, and nothing else."""

import csv
import io
import json
import re
import sys
from pathlib import Path

import pytest

from course_utils.__main__ import main

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it needs POSIX's limits")

EXERCISES = Path(__file__).parents[2] / "exercises"
SHEET, TASK = "07_is_the_heatmap_right", "7b"  # a sheet that needs no TensorFlow
FIRST = "def area(values):"
SECONDS = 6  # ten times what a notebook takes


def code_cells(kind):
    """The code of a built notebook, without its setup."""
    notebook = json.loads((EXERCISES / kind / f"{SHEET}.ipynb").read_text(encoding="utf-8"))
    sources = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return sources[1:]


RIGHT, STUDENT = code_cells("solutions"), code_cells("student")
CHECK = 'cu.check("7b", area)'
BORROWED = f"from course_utils.exercises.sheets.sheet_07 import area\n{CHECK}"


def edited(old, new):
    """The solutions with one thing changed."""
    assert sum(source.count(old) for source in RIGHT) == 1
    return [source.replace(old, new) for source in RIGHT]


HANDED_IN = {
    "ada": RIGHT,
    "ben_open": STUDENT,
    "cleo_hangs": [*RIGHT, "while True:\n    pass"],
    "dan_hangs_inside": edited(FIRST, f"{FIRST}\n    while True: pass"),
    "eve_forks": ["import os\nwhile True:\n    os.fork()", *RIGHT],
    "fay_memory": ["import numpy as np\nlarge = np.ones(500_000_000)", *RIGHT],
    "gus_prints": ["for _ in range(300):\n    print('x' * 100_000)", *RIGHT],
    "hal_syntax": [*RIGHT, "def ("],
    "ida_exits": [*RIGHT, "import os\nos._exit(0)"],
    "joe_imports": edited(CHECK, BORROWED),
    "kim_crashes": [*RIGHT, "import ctypes\nctypes.string_at(0)"],
    "lea_program": ["!sleep 1000", *RIGHT],
    "mia_wrong": edited(FIRST, f"{FIRST}\n    return 1 / 0"),
    "ned_deletes": [RIGHT[0]],
}


def store(path, sources):
    cells = [{"cell_type": "code", "source": source} for source in sources]
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """{student: row} of a folder with every kind of notebook; the limit of time is short."""
    folder = tmp_path_factory.mktemp("handed in")
    for student, sources in HANDED_IN.items():
        store(folder / f"{student}.ipynb", sources)
    (folder / "oda_empty.ipynb").write_text("")
    (folder / "pat_two").mkdir()
    store(folder / "pat_two/a.ipynb", RIGHT)
    (folder / "pat_two/b.ipynb").write_text("{}")
    output = io.StringIO()
    with pytest.MonkeyPatch.context() as lecturer:
        lecturer.setenv("COURSE_SEED", "20261127")
        lecturer.setattr(sys, "stdout", output)
        assert main(["grade", str(folder), "--seconds", str(SECONDS)]) == 0
    output.seek(0)
    return {row["student"]: row for row in csv.DictReader(output)}


def test_there_is_one_row_for_each_student(table):
    assert list(table) == [*HANDED_IN, "oda_empty", "pat_two"]


@pytest.mark.parametrize(
    "student, done, problem",
    [
        ("ada", 3, ""),
        ("ben_open", 0, ""),
        ("cleo_hangs", 0, f"stopped after {SECONDS} s"),
        ("dan_hangs_inside", 1, f"stopped after {SECONDS} s"),
        ("eve_forks", 3, "cell 1: PermissionError"),
        ("fay_memory", 3, "cell 1: MemoryError"),
        ("gus_prints", 3, ""),
        ("hal_syntax", 3, r"cell \d+: SyntaxError"),
        ("ida_exits", 0, "ended before its answers were examined"),
        ("joe_imports", 2, ""),
        ("kim_crashes", 0, "ended by SIGSEGV"),
        ("lea_program", 3, "cell 1: PermissionError"),
        ("mia_wrong", 2, ""),
        ("ned_deletes", 0, ""),
        ("oda_empty", 0, "oda_empty.ipynb is no notebook"),
        ("pat_two", 3, "b.ipynb is no notebook"),
    ],
)
def test_what_a_notebook_costs(table, student, done, problem):
    row = table[student]
    assert int(row["done"]) == done, row
    assert re.fullmatch(problem, row["problem"]), row


def test_a_cell_says_what_is_wrong(table):
    assert table["ben_open"][TASK] == "open"
    assert table["joe_imports"][TASK] == "tried: it is your own work"
    assert table["mia_wrong"][TASK] == "tried: it runs"
    assert table["cleo_hangs"][TASK] == table["dan_hangs_inside"][TASK] == "not examined"
    assert table["ned_deletes"][TASK] == ""


def test_a_folder_without_notebooks_and_a_seed_of_letters_say_so(tmp_path, monkeypatch, capsys):
    assert main(["grade", str(tmp_path)]) == 1
    assert "holds no notebooks" in capsys.readouterr().err
    store(tmp_path / "ada.ipynb", [])
    monkeypatch.setenv("COURSE_SEED", "secret")
    assert main(["grade", str(tmp_path)]) == 1
    assert "not 'secret'" in capsys.readouterr().err
