"""Build the notebooks of the exercises from the sheets.

    python -m exercises.tools.build_exercises build    write the notebooks
    python -m exercises.tools.build_exercises check    one line for each that is stale

In: course_exercises/sheets/NN_name.py. Out: student/NN_name.ipynb and solutions/NN_name.ipynb. A
sheet is a Python module in the percent format, which the package itself imports to check answers.

A sheet has two markers. What follows the line `# solution` in a function is the solution: the
student gets `raise NotImplementedError(...)` in its place. Cells tagged `catalog` hold the wrong
answers and what the function is called with: no notebook has them. A heading
`## 4.1a Title (10 minutes)` begins a task. Cells tagged `picture` draw what the reader's function
finds on a photograph; their code stands under `if __name__ == "__main__":`, so that an import draws
nothing, and a notebook has it without that line. The cells that install the course on Colab, that
check a task, and that list all tasks are written here.
"""

import argparse
import re
import sys
from pathlib import Path
from textwrap import dedent

import nbformat

from course_exercises.task import read_tasks
from tools import derived, stamp
from tools.build_notebooks import cell_ids, read_source, serialize

ROOT = Path(__file__).resolve().parents[2]

_SOLUTION = re.compile(r"^( +)# solution\n", re.MULTILINE)
_BODY = re.compile(r"^( +)# solution\n(?:\1.*(?:\n|\Z)|\n(?=\s*?\1))+", re.MULTILINE)
_TASK = re.compile(r"^## (\d[\d.]*[a-z]) ", re.MULTILINE)
_MAIN = 'if __name__ == "__main__":\n'
_CLOSING = "Done? Then `cu.check()` shows what is left."


def function_of(cell):
    """Return the name of the function that a cell asks for, or "" if it asks for none."""
    before, *marked = _SOLUTION.split(cell.source)
    return re.findall(r"^def (\w+)\(", before, re.MULTILINE)[-1] if marked else ""


def setup_cell(root):
    """Return the chapters' setup cell, which installs the course on Colab."""
    _, source = stamp.setup_cell(*stamp.read_address(root)).split("\n", 1)
    metadata = {"cellView": "form", "jupyter": {"source_hidden": True}}
    return nbformat.v4.new_code_cell(source.strip(), metadata=metadata)


def notebook_of(sheet, root, solutions):
    """Return a sheet as a notebook, with or without the solutions; nothing is executed."""
    cells, pictures, task = [], [], ""
    for source in sheet.cells:
        tags = source.metadata.get("tags", [])
        if "catalog" in tags:
            continue
        cell = nbformat.from_dict(source)
        if "picture" in tags:
            cell.source = dedent(cell.source.removeprefix(_MAIN))
            pictures.append(cell)
            continue
        cells.append(cell)
        if match := _TASK.search(cell.source):
            task = match[1]
        if function := function_of(cell):
            stub = rf'\1raise NotImplementedError("{task} is open: write {function}.")\n'
            changed = _SOLUTION.sub("", cell.source) if solutions else _BODY.sub(stub, cell.source)
            cell.source = changed.rstrip("\n")
            cells.append(nbformat.v4.new_code_cell(f'cu.check("{task}", {function})'))
    cells.insert(1, setup_cell(root))
    cells += [nbformat.v4.new_markdown_cell(_CLOSING), nbformat.v4.new_code_cell("cu.check()")]
    cells += pictures  # last: while the task is open they raise, and Jupyter's Run All stops there
    for cell, cell_id in zip(cells, cell_ids(cells), strict=True):
        cell.id = cell_id
    return nbformat.from_dict({**sheet, "cells": cells})


def read_sheet(path):
    """Return a sheet as a notebook with all of its cells.

    Raises:
        ValueError: It has no solution, or more than one, under one of its headings.
    """
    sheet, wanted = read_source(path), [entry.function for entry in read_tasks(path)]
    solved = [function_of(cell) for cell in sheet.cells for _ in _SOLUTION.findall(cell.source)]
    if solved != wanted:
        raise ValueError(f"{path.name}: '# solution' must stand once in {wanted}, not in {solved}")
    return sheet


def built(root):
    """Return {path: bytes as they should be} of all notebooks."""
    files = {}
    for path in sorted((root / stamp.SHEETS).glob("[0-9]*.py")):
        sheet = read_sheet(path)
        for folder in ("student", "solutions"):
            notebook = serialize(notebook_of(sheet, root, folder == "solutions"))
            files[root / "exercises" / folder / f"{path.stem}.ipynb"] = notebook
    return files


def main(arguments=None, root=ROOT):
    """Build or check; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("command", choices=["build", "check"])
    options = parser.parse_args(arguments)
    try:
        files = built(root)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    orphans = sorted(set(root.glob("exercises/*/*.ipynb")) - set(files))
    if options.command == "build":
        derived.write(root, files, orphans)
        return 0
    findings = derived.findings(root, files, orphans, "run 'make exercises'")
    print("\n".join(findings) or "exercises/: everything is in step")
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
