"""Build the exercises: exercises/NN_name.py, the source, holds all of a sheet.

    python -m tools.build_exercises build    write everything that is made from the sheets
    python -m tools.build_exercises check    one line for each file that is stale

From each sheet come the student's notebook, exercises/student/NN_name.ipynb; the lecturer's,
exercises/solutions/NN_name.ipynb; and course_utils/exercises/sheets/sheet_NN.py, with which
`cu.check` examines answers wherever the package is installed.

A sheet has two markers. What follows the line `# solution` in a function is the solution: the
student gets `raise NotImplementedError(...)` in its place. Cells tagged `catalog` hold the
wrong answers and what the function is called with: they go into the package only. A heading
`## 4.1a Title (10 minutes)` begins a task. Cells of imports go everywhere, as far as they are used.
"""

import argparse
import ast
import copy
import re
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat

from tools import derived, stamp
from tools.build_notebooks import cell_ids, read_source, serialize

ROOT = Path(__file__).resolve().parents[1]
CATALOG = "catalog"
_MARKER = re.compile(r"^( +)# solution\n", re.MULTILINE)
_HEADING = re.compile(r"^## (\d[\d.]*[a-z]) (.+) \((\d+) minutes\)$", re.MULTILINE)
_CHECK = re.compile(r"""cu\.check\("([^"]+)", (\w+)\)""")
_REGISTERED = re.compile(r"""^TASKS\["([^"]+)"\] = Task\(\s*(\w+)""", re.MULTILINE)
_REMEDY = "run 'make exercises'"


class SheetError(Exception):
    """A sheet cannot be built; the message is for its author."""


class Listed(NamedTuple):
    """A task in the list of all tasks; see `course_utils.exercises.task.Entry`."""

    task: str
    sheet: str
    function: str
    title: str
    minutes: int


def module_name(path):
    """Return the module of a sheet: 04_1_grad_cam.py becomes sheet_04_1."""
    return "sheet_" + re.match(r"[\d_]*\d", path.stem)[0]


def is_catalog(cell):
    return CATALOG in cell.metadata.get("tags", [])


def code_of(cell):
    return cell.source if cell.cell_type == "code" and not is_catalog(cell) else ""


def without_solution(source, task):
    """Return a cell with a stub in place of its solution."""
    match = _MARKER.search(source)
    indent = match[1]
    if _MARKER.search(source, match.end()):
        raise SheetError(f"{task}: one solution a cell, please")
    rest = source[match.end() :].splitlines(keepends=True)
    inside = 0
    while inside < len(rest) and (rest[inside].startswith(indent) or not rest[inside].strip()):
        inside += 1
    (function,) = re.findall(r"^def (\w+)\(", source[: match.start()], re.MULTILINE)[-1:]
    stub = f'{indent}raise NotImplementedError("{task} is open: write {function}.")\n'
    after = "".join(rest[inside:])
    return (source[: match.start()] + stub + (f"\n\n{after}" if after else "")).rstrip("\n")


def with_solution(source):
    """Return a cell without the marker."""
    return _MARKER.sub("", source)


def tasks_of_cells(cells):
    """Yield (task or "" before the first heading, cell)."""
    task = ""
    for cell in cells:
        if cell.cell_type == "markdown" and (match := _HEADING.search(cell.source)):
            task = match[1]
        yield task, cell


def setup_cell(root):
    """Return the chapters' setup cell, which installs the course on Colab."""
    address, version = stamp.read_address(root)
    _, source = stamp.setup_cell(address, version).split("\n", 1)
    metadata = {"cellView": "form", "jupyter": {"source_hidden": True}}
    return nbformat.v4.new_code_cell(source.strip(), metadata=metadata)


def notebook_of(sheet, root, solutions):
    """Return a sheet as a notebook, with or without the solutions; nothing is executed."""
    notebook = copy.deepcopy(sheet)
    cells = []
    for task, cell in tasks_of_cells(notebook.cells):
        if is_catalog(cell):
            continue
        if _MARKER.search(code_of(cell)):
            cell.source = (
                with_solution(cell.source) if solutions else without_solution(cell.source, task)
            )
        cells.append(cell)
    cells.insert(1, setup_cell(root))
    for cell, cell_id in zip(cells, cell_ids(cells), strict=True):
        cell.id = cell_id
    notebook.cells = cells
    return notebook


def module_of(sheet, path):
    """Return the text of the module: imports that are used, solutions and catalog."""
    parts, imports = [], []
    for cell in sheet.cells:
        if cell.cell_type != "code":
            continue
        source = with_solution(cell.source)
        if is_catalog(cell) or source != cell.source:
            tree = ast.parse(source)
            imports += filter(is_import, tree.body)
            parts.append(without_imports(source, tree))
        elif only_imports(source):
            imports += ast.parse(source).body
    body = "\n\n\n".join(filter(None, parts))
    number = module_name(path).removeprefix("sheet_")
    head = f'"""Tasks of sheet {number}; built by tools/build_exercises.py from {path.name}."""'
    return "\n\n".join([head, *import_blocks(imports, body), "\n" + body]) + "\n"


def import_blocks(imports, body):
    """Return the imports that a text uses, other people's and then the course's own."""
    used = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)}
    lines = {ast.unparse(node) for node in imports if {bound(a) for a in node.names} & used}
    blocks: dict[bool, list] = {False: [], True: []}
    for line in sorted(lines, key=lambda line: (line.startswith("from"), line)):
        blocks["course_utils" in line].append(line)
    return ["\n".join(block) for block in blocks.values() if block]


def is_import(node):
    return isinstance(node, ast.Import | ast.ImportFrom)


def only_imports(source):
    if "%" in source or "get_ipython" in source:
        return False
    body = ast.parse(source).body
    return bool(body) and all(map(is_import, body))


def bound(alias):
    """Return the name that an import makes."""
    return alias.asname or alias.name.partition(".")[0]


def without_imports(source, tree):
    """Return a cell without its imports, which stand at the head of the module."""
    gone = {
        line
        for node in tree.body
        if is_import(node)
        for line in range(node.lineno, node.end_lineno + 1)
    }
    lines = source.splitlines()
    return "\n".join(line for n, line in enumerate(lines, 1) if n not in gone).strip("\n")


def tasks_of(sheet, path):
    """Return the tasks that a sheet announces, as a list of `Listed`.

    Raises:
        SheetError: A heading, a check and an entry of TASKS do not belong together.
    """
    text = "\n".join(cell.source for cell in sheet.cells)
    headings = [m for cell in sheet.cells for m in _HEADING.findall(cell.source)]
    registered = dict(_REGISTERED.findall(text))
    checked = dict(_CHECK.findall(text))
    announced = [task for task, _, _ in headings]
    if not announced or announced != list(registered) or checked != registered:
        raise SheetError(
            f"{path.name}: headings {announced}, TASKS {registered} and checks {checked} differ"
        )
    cells = tasks_of_cells(sheet.cells)
    marked = [task for task, cell in cells if _MARKER.search(code_of(cell))]
    if marked != announced:
        raise SheetError(f"{path.name}: '# solution' must stand once under each task, not {marked}")
    return [
        Listed(task, module_name(path), registered[task], title, int(minutes))
        for task, title, minutes in headings
    ]


def index_of(listed):
    """Return the text of the module that lists all tasks."""
    lines = [f'    "{t}": ("{s}", "{f}", "{title}", {m}),' for t, s, f, title, m in listed]
    head = '"""The list of all tasks; built by tools/build_exercises.py from exercises/*.py."""\n'
    return "\n".join([head, "INDEX: dict[str, tuple[str, str, str, int]] = {", *lines, "}", ""])


def built(root):
    """Return {path: bytes as they should be} of all that is made from the sheets."""
    folder, package = root / "exercises", root / "course_utils/exercises/sheets"
    files, listed = {}, []
    for path in sorted(folder.glob("*.py")):
        sheet = read_source(path)
        listed += tasks_of(sheet, path)
        try:
            student, solutions = (notebook_of(sheet, root, s) for s in (False, True))
            files[package / f"{module_name(path)}.py"] = module_of(sheet, path).encode()
        except SyntaxError as error:
            raise SheetError(f"{path.name}: {error}") from error
        files[folder / "student" / f"{path.stem}.ipynb"] = serialize(student)
        files[folder / "solutions" / f"{path.stem}.ipynb"] = serialize(solutions)
    files[package / "__init__.py"] = index_of(listed).encode()
    return files


def orphans(root, files):
    """Return the files that no sheet makes any more."""
    found = [
        *root.glob("exercises/*/*.ipynb"),
        *root.glob("course_utils/exercises/sheets/*.py"),
    ]
    return sorted(set(found) - set(files))


def build(root):
    """Write what has changed, and remove what no sheet makes any more; say which."""
    files = built(root)
    derived.write(root, files, orphans(root, files))
    return 0


def check(root):
    """Print what is stale; returns the number of lines."""
    files = built(root)
    findings = derived.findings(root, files, orphans(root, files), _REMEDY)
    print("\n".join(findings) or "exercises/: everything is in step")
    return len(findings)


def main(arguments=None, root=ROOT):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("command", choices=["build", "check"])
    options = parser.parse_args(arguments)
    try:
        return int(bool((build if options.command == "build" else check)(root)))
    except (SheetError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
