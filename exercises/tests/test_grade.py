"""Grading: whatever a notebook does costs its own row, and cheating earns nothing."""

import csv
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from course_exercises.__main__ import main
from course_exercises.fence import missing_fence
from course_exercises.grade import as_text, expected, judge

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it needs POSIX's limits")

EXERCISES = Path(__file__).parents[1]
SHEET, TASK = "07_is_the_heatmap_right", "7b"  # a sheet that needs no TensorFlow
SECONDS = 60  # many times what a notebook takes; only two of them take so long
SEED = "20261127"
NO_FENCE = missing_fence()


def code_cells(kind):
    """The code of a built notebook, without its setup."""
    notebook = json.loads((EXERCISES / kind / f"{SHEET}.ipynb").read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    tags = [cell["metadata"].get("tags", []) for cell in code]
    sources = ["".join(cell["source"]) for cell in code]
    return [source for source, tag in zip(sources, tags, strict=True) if "picture" not in tag][1:]


RIGHT, OPEN = code_cells("solutions"), code_cells("student")
CHECK = 'cu.check("7b", area)'


def edited(old, new):
    """The solutions with one thing changed."""
    assert sum(source.count(old) for source in RIGHT) == 1
    return [source.replace(old, new) for source in RIGHT]


def before(source):
    return [source, *RIGHT]


def beneath(line):
    """The solutions with a line at the head of an answer."""
    return edited("def area(values):", f"def area(values):\n    {line}")


BORROWED = f"""
from importlib import import_module
area = import_module("course_exercises.sheets.{SHEET}").area
{CHECK}
"""
LOOP = 'for task, function in {"7b": area}.items():\n    cu.check(task, function)'
SHELL_LINES = "%matplotlib inline\n%pip install nothing\nfiles = !ls\n"
THREAD = "import threading\nthreading.Thread(target=threading.Event().wait).start()"

# {name: (what is handed in, how many tasks are done, what else went wrong)}; a dictionary is a
# folder of such files.
HANDED_IN = {
    "Jörg Müßig (2).IPYNB": (
        [SHELL_LINES + RIGHT[0], *RIGHT[1:], THREAD, "cu.check = print\nexit()"], 3, ""
    ),
    "=1+2.ipynb": (edited(CHECK, LOOP), 3, ""),
    "ben_open.ipynb": (OPEN, 0, ""),
    "joe_imports.ipynb": ([*edited(CHECK, BORROWED), "def ("], 2, r"cell \d+: SyntaxError"),
    "mia_wrong.ipynb": (beneath("return 1 / 0"), 2, ""),
    "ned_deletes.ipynb": ([RIGHT[0]], 0, "it checks no task"),
    "oda_empty.ipynb": (b"", 0, "no notebook"),
    "pat_many": (
        {
            "7.ipynb": OPEN, "a/7-Copy1.ipynb": RIGHT, "a/b.ipynb": b"{}", "7.py": b"1",
            ".ipynb_checkpoints/7.ipynb": b"", "__MACOSX/._7.ipynb": b"",
        }, 3, "b.ipynb: no notebook",
    ),
    "pol_nothing": ({}, 0, "no notebook"),
    "qi_script.py": (b"area = 3", 0, "a .py file, no notebook"),
}  # fmt: skip

FORGED = """
from course_exercises import hand_in
from course_exercises.examine import Report
values = tuple(np.full(1, 0.5) for _ in range(6))
hand_in.examine_answer = lambda *_: Report("done", values=values)
"""
RESULT_LINE = """
import glob, os
for path in glob.glob("/proc/[0-9]*/fd/*"):
    if os.readlink(path).startswith("pipe"):
        file = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        os.write(file, b'{"status": "done", "failed": "", "values": [[1]]}\\n' * 4)
"""
READS_SEED = f"""
import glob
for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
    assert b"{SEED}" not in open(path, "rb").read()
"""
OUTLIVES = "import subprocess\nsubprocess.Popen(['sleep', '98765.4321'], start_new_session=True)"
NOT_FOUND = "cell 1: FileNotFoundError"
PRINTS = "for _ in range(300):\n    print('x' * 100_000)"
HOSTILE = {
    "reads_others.ipynb": (before("open('{folder}/oda_empty.ipynb')"), 3, NOT_FOUND),
    "reads_home_and_edits_course.ipynb": (
        ["open('{home}')", "import course_utils as u\nopen(u.__file__, 'a')", *RIGHT],
        3, f"{NOT_FOUND}; cell 2: OSError",
    ),
    "reads_seed.ipynb": ([*RIGHT, READS_SEED], 3, ""),
    "writes_results.ipynb": ([*RIGHT, RESULT_LINE], 0, ".*"),
    "forges.ipynb": ([*RIGHT, FORGED], 0, ""),
    "loops.ipynb": ([*RIGHT, "while True:\n    pass"], 0, f"stopped after {SECONDS} s"),
    "loops_inside.ipynb": (beneath("while True: pass"), 2, f"7b: stopped after {SECONDS} s"),
    "forks.ipynb": (before("import os\nwhile True:\n    os.fork()"), 0, "(starts|takes) too .+"),
    "takes_4_gb.ipynb": (
        before("import numpy as np\nlarge = np.ones(500_000_000)"), 3, "cell 1: MemoryError"
    ),
    "prints_30_mb.ipynb": (before(PRINTS), 3, ""),
    "exits.ipynb": ([*RIGHT, "import os\nos._exit(0)"], 0, "ended before it answered"),
    "exits_inside.ipynb": (beneath("import os; os._exit(0)"), 2, "7b: ended before it answered"),
    "calls_out.ipynb": (
        before("import socket\nsocket.create_connection(('127.0.0.1', {port}))"),
        3, "cell 1: ConnectionRefusedError",
    ),
    "outlives.ipynb": (before(OUTLIVES), 3, ""),
}  # fmt: skip


def store(path, content, **names):
    """Write cells, or bytes, as a notebook."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(content, bytes):
        cells = [{"cell_type": "code", "source": source} for source in content]
        text = json.dumps({"cells": cells})
        for name, value in names.items():
            text = text.replace(f"{{{name}}}", str(value))
        content = text.encode()
    path.write_bytes(content)


def grade(folder, *options, **environment):
    """Grade a folder by the command; return {student: row} and what stands on the error stream."""
    command = [sys.executable, "-m", "course_exercises", "grade", str(folder), *options]
    run = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert run.returncode == 0, run.stderr
    return {row["student"]: row for row in csv.DictReader(run.stdout.splitlines())}, run.stderr


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """{student: row} of a folder with every kind of notebook."""
    folder = tmp_path_factory.mktemp("handed in")
    home = tmp_path_factory.mktemp("home") / "exam.txt"
    home.write_text("the exam")
    with socket.create_server(("127.0.0.1", 0)) as server:
        known = {"folder": folder, "home": home, "port": server.getsockname()[1]}
        for name, (handed_in, _, _) in (HANDED_IN | ({} if NO_FENCE else HOSTILE)).items():
            if isinstance(handed_in, dict):
                (folder / name).mkdir()
                for file, content in handed_in.items():
                    store(folder / name / file, content)
            else:
                store(folder / name, handed_in, **known)
        old = {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}
        limits = ["--seconds", str(SECONDS), "--gigabytes", "2", "--jobs", "4"]
        rows, _ = grade(folder, *limits, COURSE_SEED=SEED)
    assert old == {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}
    return rows


def row_of(table, name):
    return table[as_text(name if "." not in name else Path(name).stem)]


@pytest.mark.parametrize("name", HANDED_IN)
def test_what_a_notebook_costs(table, name):
    row, (_, done, problem) = row_of(table, name), HANDED_IN[name]
    assert int(row["done"]) == done, row
    assert re.fullmatch(problem, row["problem"]), row


@pytest.mark.skipif(bool(NO_FENCE), reason=f"no fence: {NO_FENCE}")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_notebook_harms_itself_only(table, name):
    row, (_, done, problem) = row_of(table, name), HOSTILE[name]
    assert int(row["done"]) == done, row
    assert re.fullmatch(problem, row["problem"]), row


@pytest.mark.skipif(bool(NO_FENCE), reason=f"no fence: {NO_FENCE}")
def test_nothing_outlives_a_notebook(table):
    assert "outlives" in table
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert ["sleep", "98765.4321"] not in commands


def test_a_cell_says_what_is_wrong(table):
    assert table["ben_open"][TASK] == "open" and table["ned_deletes"][TASK] == ""
    assert table["joe_imports"][TASK] == "tried: it is your own work"
    assert table["mia_wrong"][TASK] == "tried: it runs"
    if not NO_FENCE:
        assert [table["loops_inside"][task] for task in ("7a", "7b", "7c")] == [
            "done", "not examined", "done",
        ]  # fmt: skip
        assert table["forges"][TASK] == "tried: the values are right"


def test_without_bubblewrap_one_line_says_so_and_it_goes_on(tmp_path):
    store(tmp_path / "ada.ipynb", RIGHT)
    rows, told = grade(tmp_path, PATH="")
    assert rows["ada"]["done"] == "3"
    assert re.fullmatch(r"No fence: bubblewrap is not installed .+\n", told)


def test_values_decide_and_not_what_is_said_of_them():
    right = [value.tolist() for value in expected(TASK, 5)]
    assert judge(TASK, 5, {"status": "done", "values": right}) == "done"
    for values in (right[:-1], [0] * len(right), ["x"] * len(right), [[[1], 2]], 3, {}, None):
        found = {"status": "done", "values": values}
        assert judge(TASK, 5, found) == "tried: the values are right", values
    assert judge(TASK, 5, {"status": "tried", "failed": "=HYPERLINK(0)"}) == "tried"


def test_a_folder_without_notebooks_and_a_seed_of_letters_say_so(tmp_path, monkeypatch, capsys):
    (tmp_path / "ada.py").touch()
    assert main(["grade", str(tmp_path)]) == 1
    assert "holds no notebooks" in capsys.readouterr().err
    store(tmp_path / "ada.ipynb", [])
    monkeypatch.setenv("COURSE_SEED", "secret")
    assert main(["grade", str(tmp_path)]) == 1
    assert "not 'secret'" in capsys.readouterr().err
