"""Grading a folder of notebooks: whatever one of them does costs its own row, and nothing else."""

import csv
import io
import json
import re
import sys
from pathlib import Path

import pytest

from course_exercises.__main__ import main

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it needs POSIX's limits")

EXERCISES = Path(__file__).parents[1]
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
IMPORTED = f"import_module('course_exercises.sheets.{SHEET}')"
BORROWED = f"from importlib import import_module\narea = {IMPORTED}.area\n{CHECK}"


def edited(old, new):
    """The solutions with one thing changed."""
    assert sum(source.count(old) for source in RIGHT) == 1
    return [source.replace(old, new) for source in RIGHT]


def before(source):
    return [source, *RIGHT]


def after(source):
    return [*RIGHT, source]


def beneath(line):
    """The solutions with a line at the head of an answer."""
    return edited(FIRST, f"{FIRST}\n    {line}")


PROGRAM = "import subprocess\nsubprocess.run(['sleep', '1000'])"
SHELL_LINES = "%matplotlib inline\n!sleep 1000\n%pip install nothing\nfiles = !ls\n"
LOOP = 'for task, function in {"7b": area}.items():\n    cu.check(task, function)'
READS = f"open('../exercises/solutions/{SHEET}.ipynb')"
THREAD = "import threading\nthreading.Thread(target=threading.Event().wait).start()"
LIST = "pictures = []\nwhile True:\n    pictures.append(np.empty(10_000_000))"

# {student: (what is handed in, how many tasks are done, what else went wrong)}; a student with a
# dictionary has a folder of such files.
HANDED_IN = {
    "Jörg Müßig (2)": (RIGHT, 3, ""),
    "ada": (RIGHT, 3, ""),
    "ben_open": (STUDENT, 0, ""),
    "cleo_hangs": (after("while True:\n    pass"), 0, f"stopped after {SECONDS} s"),
    "dan_hangs_inside": (beneath("while True: pass"), 1, f"stopped after {SECONDS} s"),
    "eve_forks": (before("import os\nwhile True:\n    os.fork()"), 3, "cell 1: PermissionError"),
    "fay_memory": (
        before("import numpy as np\nlarge = np.ones(500_000_000)"), 3, "cell 1: MemoryError"
    ),
    "flo_keeps_all": (after(LIST), 3, r"cell \d+: MemoryError"),
    "gus_prints": (before("for _ in range(300):\n    print('x' * 100_000)"), 3, ""),
    "hal_syntax": (after("def ("), 3, r"cell \d+: SyntaxError"),
    "ida_exits": (after("import os\nos._exit(0)"), 0, "ended before its answers were examined"),
    "ian_exits_inside": (beneath("raise SystemExit"), 2, ""),
    "ike_exits_politely": (before("import sys\nsys.exit()"), 3, "cell 1: SystemExit"),
    "joe_imports": (edited(CHECK, BORROWED), 2, ""),
    "jon_reads": (before(READS), 3, "cell 1: FileNotFoundError"),
    "kim_crashes": (after("import ctypes\nctypes.string_at(0)"), 0, "ended by SIGSEGV"),
    "lea_program": (before(PROGRAM), 3, "cell 1: PermissionError"),
    "leo_shell": ([SHELL_LINES + RIGHT[0], *RIGHT[1:]], 3, ""),
    "liv_colab": (before("from google.colab import drive"), 3, "cell 1: ModuleNotFoundError"),
    "mia_wrong": (beneath("return 1 / 0"), 2, ""),
    "ned_deletes": ([RIGHT[0]], 0, "it checks no task"),
    "nia_cleans": (after("import shutil\nshutil.rmtree('..')"), 3, r"(cell \d+: OSError)?"),
    "oda_empty": (b"", 0, "no notebook"),
    "ole_picture": (b"\x89PNG\r\n\x1a\n", 0, "no notebook"),
    "pat_two": ({"a": RIGHT, "b": b"{}"}, 3, "b.ipynb: no notebook"),
    "pia_copy": ({"7-Copy1": RIGHT, "7": STUDENT}, 3, ""),
    "pim_deeper": ({"sheets/7": RIGHT, "sheets/.ipynb_checkpoints/7": b""}, 3, ""),
    "pol_nothing": ({}, 0, "no notebook"),
    "qi_input": (before("name = input()"), 3, "cell 1: EOFError"),
    "rob_patches": (after("cu.check = print\nnp.random.seed(0)"), 3, ""),
    "ron_loops": (edited(CHECK, LOOP), 3, ""),
    "sue_thread": (after(THREAD), 3, ""),
}  # fmt: skip


def store(path, content):
    """Write cells, or bytes, as a notebook."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(content, bytes):
        cells = [{"cell_type": "code", "source": source} for source in content]
        content = json.dumps({"cells": cells}).encode()
    path.write_bytes(content)


def contents(folder):
    return {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """{student: row} of a folder with every kind of notebook; the limit of time is short."""
    folder = tmp_path_factory.mktemp("handed in")
    for student, (handed_in, _, _) in HANDED_IN.items():
        if isinstance(handed_in, dict):
            (folder / student).mkdir()
            for name, content in handed_in.items():
                store(folder / student / f"{name}.ipynb", content)
        else:
            store(folder / f"{student}.ipynb", handed_in)
    old = contents(folder)
    output = io.StringIO()
    with pytest.MonkeyPatch.context() as lecturer:
        lecturer.setenv("COURSE_SEED", "20261127")
        lecturer.setattr(sys, "stdout", output)
        assert main(["grade", str(folder), "--seconds", str(SECONDS)]) == 0
    assert contents(folder) == old
    output.seek(0)
    return {row["student"]: row for row in csv.DictReader(output)}


def test_there_is_one_row_for_each_student(table):
    assert list(table) == sorted(HANDED_IN)


@pytest.mark.parametrize("student", HANDED_IN)
def test_what_a_notebook_costs(table, student):
    row, (_, done, problem) = table[student], HANDED_IN[student]
    assert int(row["done"]) == done, row
    assert re.fullmatch(problem, row["problem"]), row


def test_a_cell_says_what_is_wrong(table):
    assert table["ben_open"][TASK] == "open"
    assert table["joe_imports"][TASK] == "tried: it is your own work"
    assert table["mia_wrong"][TASK] == table["ian_exits_inside"][TASK] == "tried: it runs"
    assert table["cleo_hangs"][TASK] == table["dan_hangs_inside"][TASK] == "not examined"
    assert table["ned_deletes"][TASK] == ""


def test_a_folder_without_notebooks_and_a_seed_of_letters_say_so(tmp_path, monkeypatch, capsys):
    assert main(["grade", str(tmp_path)]) == 1
    assert "holds no notebooks" in capsys.readouterr().err
    store(tmp_path / "ada.ipynb", [])
    monkeypatch.setenv("COURSE_SEED", "secret")
    assert main(["grade", str(tmp_path)]) == 1
    assert "not 'secret'" in capsys.readouterr().err
