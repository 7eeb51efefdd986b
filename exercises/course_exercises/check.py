"""`cu.check`.

In: the name of a task and a student's function. Out: lines on the screen; which tasks are done is
remembered until the kernel ends.
"""

import secrets
from typing import Any

from course_exercises.examine import DONE, OPEN, TRIED, Report, examine
from course_exercises.task import find_entry, find_sheet, list_tasks

_status: dict[str, str] = {}  # of the tasks tried since the kernel started
_MARKS = {DONE: "[x]", TRIED: "[-]", OPEN: "[ ]"}


def check(task: str | None = None, function: Any = None, seed: int | None = None) -> None:
    """Print whether a function solves a task, and if not, which property fails, and a hint.

    The function is called several times, with new random arrays each time. It must not use the
    course's own functions. Nothing leaves the computer.

    Args:
        task: "4.1a" or another; None prints the sheet of all tasks: done, tried, open. The sheet is
            this kernel's: after a restart, run your cells again.
        function: Your answer.
        seed: int, to repeat a check with the arrays of an earlier one; None takes new ones.

    Raises:
        ValueError: There is no such task, or the function is missing.
    """
    if task is None:
        print(format_sheet(_status))
        return
    entry = find_entry(task)
    if function is None:
        raise ValueError(f"What should be checked? check({task!r}, {entry.function})")
    if seed is None:
        seed = secrets.randbits(32)
    report = examine_answer(task, function, seed)
    if _status.get(task) != DONE:  # what is done stays done, whatever is tried later
        _status[task] = report.status
    print(format_report(task, report, seed))


def examine_answer(task: str, function: Any, seed: int) -> Report:
    """Examine the answer to a task, given by its name; see `examine.examine`."""
    return examine(find_sheet(task)[task], function, seed)


def format_report(task: str, report: Report, seed: int) -> str:
    """Return a report as lines for a screen."""
    entry = find_entry(task)
    head = f"{task} {entry.title}"
    if report.status == OPEN:
        return f"{head}: open. {entry.function} is not written yet."
    if report.status == DONE:
        return f"{head}: done. (seed {seed})"
    lines = [f"{head}: not yet. (seed {seed})"]
    lines += [f"  ok     {sentence}" for sentence in report.passed]
    lines.append(f"  FAILS  {report.failed}" + (f", for {report.case}" if report.case else ""))
    if report.hint:
        lines.append(f"  Hint:  {report.hint}")
    return "\n".join(lines)


def format_sheet(status: dict[str, str]) -> str:
    """Return the list of all tasks with what is known of each."""
    rows = [(_MARKS[status.get(entry.task, OPEN)], entry) for entry in list_tasks().values()]
    lines = [f"{mark} {e.task:5s} {e.title} ({e.minutes} min)" for mark, e in rows]
    count = list(status.values()).count(DONE)
    lines.append(f"{count} of {len(rows)} done. [x] done, [-] tried, [ ] open")
    return "\n".join(lines)
