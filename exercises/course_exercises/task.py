"""What a task of an exercise sheet is, and where to find it.

In: the sheets, sheets/NN_name.py. Out: their tasks, and a list of them for which no sheet is run.
"""

import difflib
import importlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

SHEETS = Path(__file__).parent / "sheets"
_HEADING = re.compile(r"^# ## (\d[\d.]*[a-z]) (.+) \((\d+) minutes\)$", re.MULTILINE)
_REGISTERED = re.compile(r"""^TASKS\["([^"]+)"\] = Task\(\s*(\w+)""", re.MULTILINE)


class Task(NamedTuple):
    """A task: the function to write, what it is called with, and how people get it wrong.

    Attributes:
        solution: The function that solves it.
        cases: Function of a `numpy.random.Generator` that yields (name of the case, argument,
            argument, ...). It builds everything anew, models too: an answer may spoil them.
        wrong: Typical wrong answers, functions of the same arguments. The docstring of each is the
            hint for anyone whose answer behaves like it.
        properties: {a sentence that is true of a right result: function (result, *arguments) that
            returns a bool, or a hint where the sentence is not true}. They are looked at in this
            order, before the values. The arguments are those that the answer was called with.
        use: Function (model, *arguments) that calls the model and returns an array, for answers
            that return a model.
    """

    solution: Callable
    cases: Callable[[np.random.Generator], Iterable[tuple]]
    wrong: Sequence[Callable]
    properties: Mapping[str, Callable[..., Any]] = {}
    use: Callable | None = None


class Entry(NamedTuple):
    """A task in the list of all tasks.

    Attributes:
        task: "4.1a" or another.
        sheet: The name of its sheet's file, without ".py".
        function: The name of the function to write.
        title: What the task is called.
        minutes: How long it takes.
    """

    task: str
    sheet: str
    function: str
    title: str
    minutes: int


def read_tasks(path: Path) -> list[Entry]:
    """Return the tasks of a sheet, from its text: its headings and its entries of TASKS.

    Raises:
        ValueError: They do not name the same tasks.
    """
    text = path.read_text(encoding="utf-8")
    headings, functions = _HEADING.findall(text), dict(_REGISTERED.findall(text))
    announced = [task for task, _, _ in headings]
    if not announced or announced != list(functions):
        raise ValueError(f"{path.name}: the headings {announced} and TASKS {functions} differ")
    return [Entry(t, path.stem, functions[t], title, int(n)) for t, title, n in headings]


@cache
def list_tasks() -> dict[str, Entry]:
    """Return all tasks of the course, in order."""
    paths = sorted(SHEETS.glob("[0-9]*.py"))
    return {entry.task: entry for path in paths for entry in read_tasks(path)}


def find_entry(task_id: str) -> Entry:
    """Return what the list of all tasks says of "4.1a" or another task.

    Raises:
        ValueError: There is no such task.
    """
    tasks = list_tasks()
    if task_id not in tasks:
        near = difflib.get_close_matches(str(task_id).lower(), tasks, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"There is no task {task_id!r}.{hint} There are: {', '.join(tasks)}.")
    return tasks[task_id]


def find_sheet(task_id: str) -> Mapping[str, Task]:
    """Return all tasks of the sheet that holds a task. This imports the sheet.

    Raises:
        ValueError: There is no such task.
    """
    return importlib.import_module(f"course_exercises.sheets.{find_entry(task_id).sheet}").TASKS
