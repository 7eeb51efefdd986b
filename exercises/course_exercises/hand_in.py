"""Runs one handed-in notebook and examines its answers; `grade` starts it in a process of its own.

    python -m course_exercises.hand_in NOTEBOOK RESULTS SECONDS BYTES

The seed comes in the environment variable COURSE_SEED, which is gone before the first cell runs.
RESULTS gets a line of JSON as soon as something is known, so that what was found stays found.
"""

import json
import os
import re
import resource
import sys
import zlib
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.text import SList
from traitlets.config import Config

import course_utils as cu
from course_exercises.check import examine_answer
from course_exercises.examine import TRIED
from course_exercises.task import find_entry, list_tasks

_CHECKED = re.compile(r"""\bcheck\(\s*["']([^"']+)["']""")
_PROGRAMS = ("os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.system", "subprocess.Popen")
_LARGEST_FILE = 50_000_000  # bytes that a cell may write into one file
_RESERVE = 1_000_000_000  # bytes for the examination, beside what the cells hold


def main() -> None:
    """Run the notebook named on the command line."""
    notebook, results, seconds, num_bytes = sys.argv[1:]
    seed = int(os.environ.pop("COURSE_SEED"))
    limit_resources(int(seconds), int(num_bytes))
    process = os.getpid()

    def tell(**found):
        if os.getpid() == process:
            with open(results, "a", encoding="utf-8") as file:
                file.write(json.dumps(found) + "\n")

    try:
        cells = read_code(Path(notebook))
    except ValueError as error:
        tell(problem=str(error), finished=True)
        return
    tasks = [task for task in list_tasks() if task in _CHECKED.findall("\n".join(cells))]
    tell(tasks=tasks)
    names, errors = run_cells(cells)
    if errors:
        tell(problem="; ".join(errors))
    limit_memory(int(num_bytes) + _RESERVE)
    for task in list_tasks():
        if task not in tasks and task not in names:
            continue
        function = names.get(task, names.get(find_entry(task).function))
        if function is None:
            tell(task=task, result="missing")
            continue
        report = examine_answer(task, function, seed_of(seed, task))
        failed = f": {report.failed}" if report.status == TRIED else ""
        tell(task=task, result=report.status + failed)
    tell(finished=True)
    os._exit(0)  # whatever threads the notebook has left


def seed_of(seed: int, task: str) -> int:
    """Return a task's own seed: the same for all students, another for each task."""
    return zlib.crc32(f"{seed} {task}".encode())


def limit_resources(seconds: int, num_bytes: int) -> None:
    """Limit this process's memory, processor time and files, and let it start no other program.

    The limit of memory holds on Linux; macOS knows none for what a process really uses.
    """
    limit_memory(num_bytes)
    resource.setrlimit(resource.RLIMIT_CPU, (4 * seconds, 4 * seconds))  # of all threads
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_FILE, _LARGEST_FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def refuse(event, _):
        if event in _PROGRAMS:
            raise PermissionError("While it is graded, a notebook starts no other process.")

    import matplotlib.font_manager  # noqa: F401  asks a program for the fonts, the first time

    sys.addaudithook(refuse)


def limit_memory(num_bytes: int) -> None:
    """Limit this process's memory; the limit can be raised later."""
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (num_bytes, most))


def read_code(path: Path) -> list[str]:
    """Return the sources of a notebook's code cells.

    Raises:
        ValueError: The file is no notebook.
    """
    try:
        cells = json.loads(path.read_bytes())["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("no notebook") from error
    return sources


class Shell(InteractiveShell):
    """A notebook's kernel without a screen and without programs.

    `!pip install ...` and `%matplotlib inline` often stand at the head of a cell that matters. Here
    they do nothing, so that its other lines run.
    """

    def system(self, cmd: str) -> None:
        """Run no program."""

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> SList | str:
        """Run no program, which prints nothing."""
        return SList() if split else ""

    def enable_matplotlib(self, gui: str | None = None) -> tuple[str | None, str]:
        """Leave matplotlib as it is."""
        return gui, "agg"


def run_cells(cells: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Run cells from first to last, as a notebook does; one that raises costs only itself.

    Args:
        cells: Sources of cells.

    Returns:
        Tuple of the names made, in which a task's name stands for what the notebook has handed to
        `cu.check` last; and a list of the errors, one line each, without those of open tasks.
    """
    handed: dict[str, Any] = {}

    def record(task=None, function=None, seed=None):
        if task in list_tasks():
            handed[task] = function

    cu.check = record
    config = Config()
    config.HistoryManager.enabled = False
    shell = Shell.instance(config=config)
    errors = []
    for number, source in enumerate(cells, start=1):
        result = shell.run_cell(source)
        error = result.error_before_exec or result.error_in_exec
        if error and not isinstance(error, NotImplementedError):
            errors.append(f"cell {number}: {type(error).__name__.lstrip('_')}")
    return {**shell.user_ns, **handed}, errors


if __name__ == "__main__":
    main()
