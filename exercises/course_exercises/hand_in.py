"""Runs one handed-in notebook and calls its answers; `fence` starts it in a process of its own.

In: lines of JSON on the standard input: {"cells": [source, ...], "num_bytes": ...}, and then, one
at a time, {"task": "4.1a", "seed": 5}. Out: a line of JSON for each, what `errors_of` and `answer`
return.

`main` runs in that process, notebook and `answer` in a kernel beside it. A notebook can change all
that runs here: whoever reads the lines must not believe them.
"""

import json
import os
import sys
from typing import Any

import course_utils as cu
from course_exercises.check import examine_answer
from course_exercises.task import find_entry

_FOUND = "application/x-course-answer"
_LARGEST_FILE = 50_000_000  # bytes that a cell may write into one file
_RESERVE = 1_000_000_000  # bytes of memory for the examination, beside what the cells hold
_handed: dict[str, Any] = {}  # {task: function}, what the notebook has given to cu.check


def main() -> None:
    """Run a notebook, and examine its answers when asked."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_notebook

    replies = os.fdopen(os.dup(1), "w")  # ours alone: what the kernel prints there is lost
    os.dup2(2, 1)
    requests = map(json.loads, sys.stdin)
    first = next(requests)
    own = [f"from course_exercises import hand_in; hand_in.prepare({first['num_bytes']})"]
    notebook = new_notebook(cells=[new_code_cell(source) for source in own + first["cells"]])
    kernels = KernelSpecManager(kernel_dirs=[])  # this Python's kernel, whatever is registered
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=kernels)
    client = NotebookClient(notebook, km=manager, timeout=None, allow_errors=True)
    with client.setup_kernel():
        client.reset_execution_trackers()
        for number, cell in enumerate(notebook.cells):
            client.execute_cell(cell, number)
        print(json.dumps({"errors": errors_of(notebook)}), file=replies, flush=True)
        for request in requests:
            call = f"hand_in.answer({request['task']!r}, {request['seed']})"
            cell = new_code_cell(f"from course_exercises import hand_in; {call}")
            notebook.cells.append(cell)
            client.execute_cell(cell, len(notebook.cells) - 1)
            found = [o.data[_FOUND] for o in cell.outputs if _FOUND in o.get("data", {})]
            print(found[0] if found else {}, file=replies, flush=True)  # a line of JSON


def errors_of(notebook: Any) -> list[str]:
    """Return "cell 3: NameError" for each cell that raises, but for tasks that are open."""
    raised = [
        (number, output.ename)
        for number, cell in enumerate(notebook.cells)  # the first one is ours
        for output in cell.outputs
        if output.output_type == "error"
    ]
    return [f"cell {number}: {name}" for number, name in raised if name != "NotImplementedError"]


def prepare(num_bytes: int) -> None:
    """Limit this kernel, and let `cu.check` only note what it is given.

    The limit of memory holds on Linux; macOS knows none for what a process really uses.
    """
    import resource

    from IPython import get_ipython

    resource.setrlimit(resource.RLIMIT_DATA, (num_bytes, num_bytes + _RESERVE))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_FILE, _LARGEST_FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def check(task: Any = None, function: Any = None, seed: Any = None) -> None:
        _handed[task] = function

    cu.check = check
    get_ipython().ask_exit = lambda: None  # after a cell `exit()` the answers are still wanted


def answer(task: str, seed: int) -> None:
    """Show what the answer to a task returns: {"status", "failed", "values": one for each case}."""
    import resource

    from IPython.display import display

    import __main__

    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    function = _handed.get(task, getattr(__main__, find_entry(task).function, None))
    found: dict[str, Any] = {"status": "missing"}
    if function is not None:
        report = examine_answer(task, function, seed)
        values = [value.tolist() for value in report.values]
        found = {"status": report.status, "failed": report.failed, "values": values}
    display({_FOUND: json.dumps(found)}, raw=True)


if __name__ == "__main__":
    main()
