"""Grades a folder of handed-in notebooks: each runs in a process of its own, and costs one row."""

import csv
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TextIO

from course_exercises.examine import DONE, OPEN, TRIED
from course_exercises.task import list_tasks

_RESULTS_BYTES = 1_000_000  # more than all tasks can give
_NOT_EXAMINED, _MISSING = "not examined", "missing"
_BEST_FIRST = (DONE, TRIED, _NOT_EXAMINED, OPEN, _MISSING)


class Grade(NamedTuple):
    """What a student has handed in.

    Attributes:
        student: The name of the notebook, or of the student's folder of notebooks.
        results: {task: "done", "tried: the property that fails", "open", "missing" or "not
            examined"}; of several notebooks the best.
        problem: What went wrong outside of the tasks, or "".
    """

    student: str
    results: dict[str, str]
    problem: str


def grade_folder(folder: Path, seconds: float, gigabytes: float, jobs: int) -> Iterator[Grade]:
    """Grade everything in a folder, in the order of the names.

    Args:
        folder: Holds a notebook for each student, NAME.ipynb, or a folder NAME of notebooks, which
            may lie in folders of it.
        seconds: How long a notebook may take, TensorFlow's start included.
        gigabytes: How much memory it may take.
        jobs: How many run at once.

    Yields:
        `Grade`, one for each student.

    Raises:
        ValueError: The folder holds no notebooks, or COURSE_SEED is not a whole number.
    """
    students = find_students(folder)
    seed = secret_seed()
    paths = [path for notebooks in students.values() for path in notebooks]
    with ThreadPoolExecutor(jobs) as pool:
        runs = pool.map(lambda path: run_notebook(path, seed, seconds, gigabytes), paths)
        found = dict(zip(paths, runs, strict=True))
    for student, notebooks in students.items():
        results: dict[str, str] = {}
        problems = [] if notebooks else ["no notebook"]
        for path in notebooks:
            for task, result in found[path][0].items():
                results[task] = min(results.get(task, result), result, key=_rank)
            if problem := found[path][1]:
                problems.append(f"{path.name}: {problem}" if len(notebooks) > 1 else problem)
        yield Grade(student, results, "; ".join(problems))


def _rank(result):
    return _BEST_FIRST.index(result.partition(":")[0])


def find_students(folder: Path) -> dict[str, list[Path]]:
    """Return {student: notebooks}, by name. A folder without notebooks is a student, too.

    Raises:
        ValueError: There are no notebooks at all.
    """
    students = {path.stem: [path] for path in folder.glob("[!.]*.ipynb")}
    for path in filter(Path.is_dir, folder.glob("[!.]*")):
        within = [p.relative_to(path) for p in path.rglob("*.ipynb")]
        shown = [p for p in within if not any(part.startswith(".") for part in p.parts)]
        students[path.name] = students.get(path.name, []) + [path / p for p in sorted(shown)]
    if not any(students.values()):
        raise ValueError(
            f"{str(folder)!r} holds no notebooks: NAME.ipynb for each student, or a folder of them."
        )
    return dict(sorted(students.items()))


def secret_seed() -> int:
    """Return the seed in COURSE_SEED, or a new one.

    Raises:
        ValueError: It is not a whole number.
    """
    text = os.environ.get("COURSE_SEED") or str(secrets.randbits(32))
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"COURSE_SEED must be a whole number, not {text!r}.") from None


def run_notebook(
    path: Path, seed: int, seconds: float, gigabytes: float
) -> tuple[dict[str, str], str]:
    """Run one notebook in a process of its own, in an empty folder.

    Returns:
        Tuple of {task: result} and what went wrong, or "".
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        results, work = Path(folder, "results"), Path(folder, "work")
        work.mkdir()
        limits = [str(int(seconds)), str(int(gigabytes * 1e9))]
        command = [sys.executable, "-m", "course_exercises.hand_in"]
        process = subprocess.Popen(
            [*command, str(path.resolve()), str(results), *limits],
            cwd=work,
            env=_environment(seed, folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # however much a notebook prints
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(seconds)
            end = _end(process.returncode)
        except subprocess.TimeoutExpired:
            end = f"stopped after {seconds:g} s"
        finally:
            _kill_group(process)
        return read_results(results, end)


def _environment(seed, folder):
    """Return the environment variables; temporary files go into `folder`, which is removed."""
    package = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    own = {"COURSE_SEED": str(seed), "PYTHONPATH": path, "IPYTHONDIR": folder, "TMPDIR": folder}
    quiet = {"MPLBACKEND": "agg", "COURSE_OFFLINE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return os.environ | own | quiet


def _kill_group(process):
    """End a process with all that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _end(code):
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}" if code else "ended before its answers were examined"


def read_results(path: Path, end: str) -> tuple[dict[str, str], str]:
    """Return {task: result} and what went wrong from the file that `hand_in` has written.

    Args:
        path: The file. A notebook that ended early has left a part of it, or nothing.
        end: How the process ended.
    """
    found: dict = {}
    results: dict[str, str] = {}
    if path.exists():
        with path.open(encoding="utf-8", errors="replace") as file:
            *lines, _ = file.read(_RESULTS_BYTES).split("\n")  # the last one may be cut
        for line in lines:
            message = json.loads(line)
            if "task" in message:
                results[message["task"]] = message["result"]
            found |= message
    for task in found.get("tasks", []):
        results.setdefault(task, _NOT_EXAMINED)
    problems = [found.get("problem"), None if found.get("finished") else end]
    return results, "; ".join(filter(None, problems)) or ("" if results else "it checks no task")


def write_table(grades: Iterable[Grade], file: TextIO) -> None:
    """Write grades as CSV: student, how many tasks are done, one column for each task, problem."""
    grades = list(grades)
    tasks = [task for task in list_tasks() if any(task in grade.results for grade in grades)]
    writer = csv.writer(file)
    writer.writerow(["student", "done", *tasks, "problem"])
    for grade in grades:
        count = list(grade.results.values()).count(DONE)
        row = [grade.results.get(task, "") for task in tasks]
        writer.writerow([grade.student, count, *row, grade.problem])
