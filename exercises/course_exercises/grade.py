"""Grades a folder of handed-in notebooks.

In: a folder. Out: a `Grade` for each student, and `write_table`, which makes a table of them.

Each notebook runs behind a `fence`, alone. It gets the seed of a task's random arrays only when it
has run; it hands back what its function returns for them; here, outside, the solution is called
with the same arrays, and the results are compared. What costs a notebook its process costs it the
task that was being examined: it runs again for the tasks after it.
"""

import csv
import json
import os
import random
import re
import secrets
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import Lock
from typing import NamedTuple, TextIO

import numpy as np

from course_exercises.examine import DONE, FIXED, OPEN, TRIED, VALUES, close, results_of
from course_exercises.fence import Run, missing_fence
from course_exercises.task import find_sheet, list_tasks

_NOT_EXAMINED, _MISSING = "not examined", "missing"
_BEST_FIRST = (DONE, TRIED, _NOT_EXAMINED, OPEN, _MISSING)
_ERROR = re.compile(r"cell \d{1,6}: \w{1,60}")
_one_at_a_time = Lock()


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
        seconds: How long the cells of a notebook may take together, TensorFlow's start included,
            and again each answer.
        gigabytes: How much memory a notebook may take.
        jobs: How many run at once.

    Yields:
        `Grade`, one for each student.

    Raises:
        ValueError: The folder holds no notebooks, or COURSE_SEED is not a whole number.
    """
    students, seed = find_students(folder), secret_seed()
    if reason := missing_fence():
        print(f"No fence: {reason}. The notebooks can read your files.", file=sys.stderr)
    paths = [path for files in students.values() for path in files]
    with ThreadPoolExecutor(jobs) as pool:
        runs = pool.map(lambda path: grade_file(path, seed, seconds, gigabytes), paths)
        found = dict(zip(paths, runs, strict=True))
    for student, files in students.items():
        results: dict[str, str] = {}
        problems = [] if files else ["no notebook"]
        for path in files:
            for task, result in found[path][0].items():
                results[task] = min(results.get(task, result), result, key=_rank)
            if problem := found[path][1]:
                problems.append(f"{path.name}: {problem}" if len(files) > 1 else problem)
        yield Grade(student, results, "; ".join(problems))


def _rank(result):
    return _BEST_FIRST.index(result.partition(":")[0])


def find_students(folder: Path) -> dict[str, list[Path]]:
    """Return {student: notebooks and .py files}, by name. An empty folder is a student, too.

    Hidden files are passed over, and __MACOSX, which macOS packs into its archives.

    Raises:
        ValueError: There are no notebooks at all.
    """
    students: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        top, *rest = path.relative_to(folder).parts
        if any(part.startswith(".") or part == "__MACOSX" for part in (top, *rest)):
            continue
        if path.is_dir() and not rest:
            students.setdefault(top, [])
        elif path.suffix.lower() in (".ipynb", ".py") and path.is_file():
            students.setdefault(top if rest else path.stem, []).append(path)
    for files in students.values():  # a .py file tells something only where there is nothing else
        files[:] = [path for path in files if path.suffix != ".py"] or files
    if not any(path.suffix != ".py" for files in students.values() for path in files):
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


def read_code(path: Path) -> list[str]:
    """Return the sources of a notebook's code cells, without those that only draw a picture.

    Raises:
        ValueError: The file is no notebook.
    """
    if path.suffix == ".py":
        raise ValueError("a .py file, no notebook")
    try:
        cells = json.loads(path.read_bytes())["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        return [
            "".join(cell["source"])
            for cell in code
            if "picture" not in cell.get("metadata", {}).get("tags", [])
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("no notebook") from error


def grade_file(
    path: Path, seed: int, seconds: float, gigabytes: float
) -> tuple[dict[str, str], str]:
    """Run one notebook and examine its answers.

    Returns:
        Tuple of {task: result} and what went wrong, or "".
    """
    try:
        cells = read_code(path)
    except ValueError as error:
        return {}, str(error)
    text = "\n".join(cells)
    left = [task for task in list_tasks() if re.search(rf"""["']{re.escape(task)}["']""", text)]
    if not left:
        return {}, "it checks no task"
    results, problems = dict.fromkeys(left, _NOT_EXAMINED), []
    while left:
        with Run(seconds, gigabytes) as run:
            ran = run.ask(cells=cells, num_bytes=int(gigabytes * 1e9))
            if not ran:
                problems.append(run.end)
                break
            problems += [text for text in map(str, ran.get("errors", [])) if _ERROR.fullmatch(text)]
            for task in list(left):
                left.remove(task)
                own_seed = random.Random(f"{seed} {task}").getrandbits(32)
                found = run.ask(task=task, seed=own_seed)
                if not found:
                    problems.append(f"{task}: {run.end}")
                    break
                results[task] = judge(task, own_seed, found)
    return results, "; ".join(dict.fromkeys(problems))


def judge(task: str, seed: int, found: dict) -> str:
    """Return the result of a task. The values decide: a process may say what it likes.

    Args:
        task: "4.1a" or another.
        seed: Of its random arrays.
        found: What `hand_in.answer` has said, or somebody in its place.
    """
    status, failed = found.get("status"), found.get("failed")
    if status in (OPEN, _MISSING):
        return status
    if status != DONE:
        known = failed in (*FIXED, *find_sheet(task)[task].properties)
        return f"{TRIED}: {failed}" if known else TRIED
    try:
        values = [np.array(value) for value in found["values"]]
    except (KeyError, TypeError, ValueError):  # somebody else's words
        values = []
    right = expected(task, seed)
    done = len(values) == len(right) and all(
        value.dtype.kind in "biuf" and close(value, result)
        for value, result in zip(values, right, strict=True)
    )
    return DONE if done else f"{TRIED}: {VALUES}"


@cache
def expected(task: str, seed: int) -> list[np.ndarray]:
    """Return what a task's solution returns, for each case."""
    import course_utils.backend  # noqa: F401  loads TensorFlow without its notices

    with _one_at_a_time:
        return results_of(find_sheet(task)[task], seed)


def write_table(grades: Iterable[Grade], file: TextIO) -> None:
    """Write grades as CSV: student, how many tasks are done, one column for each task, problem."""
    grades = list(grades)
    tasks = [task for task in list_tasks() if any(task in grade.results for grade in grades)]
    writer = csv.writer(file)
    writer.writerow(["student", "done", *tasks, "problem"])
    for grade in grades:
        count = list(grade.results.values()).count(DONE)
        row = [grade.results.get(task, "") for task in tasks]
        writer.writerow([as_text(grade.student), count, *row, as_text(grade.problem)])


def as_text(value: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return "'" + value if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
