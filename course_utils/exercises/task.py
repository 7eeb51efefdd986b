"""What a task of an exercise sheet is, and where to find it."""

import difflib
import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from course_utils.exercises.sheets import INDEX


class Task(NamedTuple):
    """A task: a function to write, what it is called with, and how people get it wrong.

    Attributes:
        solution: The function that solves it.
        cases: Function of a `numpy.random.Generator` that yields (what this case is, argument,
            argument, ...). It builds everything anew, models as well: an answer may spoil them.
        wrong: Typical wrong answers, functions of the same arguments. The docstring of each is the
            hint for whoever has written something that behaves like it.
        properties: {sentence that is true of a right result: function (result, *arguments) to
            bool, or to the hint if it is not true}, in the order in which they are looked at,
            before the values. The arguments are those that the answer was called with.
        use: Function (model, *arguments) to an array, where the answer returns a model: calls it.
    """

    solution: Callable
    cases: Callable[[np.random.Generator], Iterable[tuple]]
    wrong: Sequence[Callable]
    properties: Mapping[str, Callable[..., Any]] = {}
    use: Callable | None = None


class Entry(NamedTuple):
    """What the list of all tasks says of one.

    Attributes:
        sheet: The module in `course_utils.exercises.sheets` that holds it.
        function: The name of the function to write.
        title: What the task is called.
        minutes: How long it takes.
    """

    sheet: str
    function: str
    title: str
    minutes: int


def find_entry(task_id: str) -> Entry:
    """Return what the list of all tasks says of "4.1a" or another task.

    Raises:
        ValueError: There is no such task.
    """
    if task_id not in INDEX:
        near = difflib.get_close_matches(str(task_id).lower(), INDEX, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"There is no task {task_id!r}.{hint} There are: {', '.join(INDEX)}.")
    return Entry(*INDEX[task_id])


def find_sheet(task_id: str) -> Mapping[str, Task]:
    """Return all tasks of the sheet that holds a task. This imports what they need.

    Raises:
        ValueError: There is no such task.
    """
    module = f"course_utils.exercises.sheets.{find_entry(task_id).sheet}"
    return importlib.import_module(module).TASKS
