"""A chapter and its notes, live/notes/NN_name.toml, go in; a `Lesson` of steps comes out.

The notes, live/notes/NN_name.toml, have a [[step]] for each code cell but set-up and imports:

    cell = "# Take the mean over the places"  # the first line of the cell
    minutes = 3  # enough to talk and type: at most 200 characters a minute
    plan = 45  # the shortest of the plans, 30, 45, 90, 360 or 420 minutes, that has the step
    see = ["0.69"]  # what must appear: it stands in the chapter's stored output
    ask, expect, otherwise: a question before the cell, a list of answers, what to do without `see`

What they promise is checked: a plan uses only names that its own cells define.
"""

import ast
import re
import symtable
import tomllib
from itertools import takewhile
from typing import NamedTuple

import nbformat

from tools import stamp
from tools.build_notebooks import output_text

TYPED = 200  # characters a minute, by somebody who talks meanwhile
PLANS = {30: "30 minutes", 45: "45 minutes", 90: "90 minutes", 360: "A day", 420: "A long day"}
ALONE = 30  # a lecture of its own: the two after it don't have its steps
_PREDICT = re.compile(
    r"\*\*Predict, then run\.\*\* (?P<question>.+?)\n\n<details><summary>Answer</summary>\n\n"
    r"(?P<answer>.+?)\n\n</details>\s*\Z",
    re.DOTALL,
)


class LiveError(Exception):
    """A page cannot be built; the message is for its author."""


class Step(NamedTuple):
    """A step of the lecture: a code cell of a chapter, and what its notes say."""

    cell: str
    minutes: int
    plan: int
    see: list[str]
    ask: str = ""
    expect: list[str] | tuple = ()
    otherwise: str = ""


class Lesson(NamedTuple):
    """A chapter as a lecture: its code cells that have a step, in order, beside their steps."""

    chapter: stamp.Chapter
    notebook: nbformat.NotebookNode
    before: str
    steps: list[Step]
    cells: list[nbformat.NotebookNode]


def has_tag(cell, tag):
    return tag in cell.metadata.get("tags", [])


def is_live(cell):
    return has_tag(cell, "live")


def comment_of(source):
    """Return the lines of the comment that a cell begins with."""
    return list(takewhile(lambda line: line.startswith("#"), source.splitlines()))


def to_type(source):
    """Return the lines of a cell that are neither empty nor comments."""
    return [line for line in source.splitlines() if line.strip() and line.lstrip()[0] != "#"]


def is_given(cell):
    """Tell whether a code cell has no step: the setup cell, and those that only import."""
    return "cellView" in cell.metadata or only_imports(cell.source)


def only_imports(source):
    """Tell whether a cell does nothing but import."""
    if "%" in source or "get_ipython" in source:
        return False
    body = ast.parse(source).body
    return bool(body) and all(isinstance(node, ast.Import | ast.ImportFrom) for node in body)


def read_lesson(root, chapter):
    """Return a chapter with its notes.

    Raises:
        LiveError: Cells and steps do not belong together, or `see` stands in no stored output.
    """
    path = root / "notebooks" / f"{chapter.file}.ipynb"
    notebook = nbformat.read(path, nbformat.NO_CONVERT)
    notes = tomllib.loads((root / "live/notes" / f"{chapter.file}.toml").read_text("utf-8"))
    for step in notes["step"]:
        if unknown := set(step) - set(Step._fields):
            raise LiveError(
                f"{chapter.file}: {step['cell']!r} has {sorted(unknown)}: no such field."
            )
    steps = [Step(**step) for step in notes["step"]]
    cells = [c for c in notebook.cells if c.cell_type == "code" and not is_given(c)]
    for number, (cell, step) in enumerate(zip(cells, steps, strict=False), start=1):
        if first_line(cell) != step.cell:
            raise LiveError(
                f"{chapter.file}: step {number} is {step.cell!r}, but the cell begins with "
                f"{first_line(cell)!r}."
            )
    if len(cells) != len(steps):
        raise LiveError(f"{chapter.file}: {len(cells)} cells, but {len(steps)} steps.")
    for cell, step in zip(cells, steps, strict=True):
        if missing := [text for text in step.see if text not in seen(cell)]:
            raise LiveError(f"{chapter.file}: {step.cell!r} does not show {missing}.")
        typed = sum(len(line.strip()) for line in to_type(cell.source)) if is_live(cell) else 0
        if typed > TYPED * step.minutes:
            raise LiveError(
                f"{chapter.file}: {step.cell!r} has {typed} characters to type in "
                f"{step.minutes} min."
            )
        if step.plan not in PLANS:
            raise LiveError(f"{chapter.file}: {step.cell!r} is in plan {step.plan}.")
    return Lesson(chapter, notebook, notes.get("before", ""), steps, cells)


def first_line(cell):
    return cell.source.partition("\n")[0]


def seen(cell):
    """Return what a cell shows: its text, and the alternative texts of its pictures."""
    texts = []
    for output in cell.outputs:
        texts.append(output_text(output))
        texts += [about["alt"] for about in output.get("metadata", {}).values() if "alt" in about]
    return " ".join(texts)


def names(source):
    """Return the names that a cell defines, and those that it takes from elsewhere."""
    table = symtable.symtable(source, "cell", "exec")
    defined = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    used = {s.get_name() for s in table.get_symbols() if s.is_referenced()}
    inside = [*table.get_children()]
    while inside:
        scope = inside.pop()
        used |= {s.get_name() for s in scope.get_symbols() if s.is_global()}
        inside += scope.get_children()
    return defined, used - defined


def missing_names(lesson, plan):
    """Yield (step, names) for the steps of a plan that need a cell which the plan leaves out."""
    plans = dict(zip((cell.id for cell in lesson.cells), lesson.steps, strict=True))
    kept: set[str] = set()
    left_out: set[str] = set()
    for cell in lesson.notebook.cells:
        if cell.cell_type != "code":
            continue
        step = plans.get(cell.id)
        defined, used = names(cell.source)
        if step and not is_in(step, plan):
            left_out |= defined - kept
            continue
        if lacking := used & left_out:
            yield step, sorted(lacking)
        kept |= defined
        left_out -= defined


def is_in(step, plan):
    """Tell whether a plan has a step."""
    return step.plan == plan or (step.plan < plan and (step.plan != ALONE or plan >= 360))


def total(steps, plan):
    """Return the minutes that the steps of a plan take."""
    return sum(step.minutes for step in steps if is_in(step, plan))


def check_plans(lessons):
    """Raises LiveError if a plan takes too long, or uses a name that it does not define."""
    for plan in PLANS:
        minutes = sum(total(lesson.steps, plan) for lesson in lessons)
        if minutes > plan:
            raise LiveError(f"The plan of {plan} minutes takes {minutes}.")
        for lesson in lessons:
            for step, lacking in missing_names(lesson, plan):
                raise LiveError(
                    f"{lesson.chapter.file}: in the plan of {plan} minutes, {step.cell!r} needs "
                    f"{lacking}, which no cell of that plan defines."
                )


def predictions(notebook):
    """Return {id of a code cell: (question, answer)} of the predict-then-run before it."""
    found = {}
    for before, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
        if cell.cell_type == "code" and (match := _PREDICT.search(before.source)):
            found[cell.id] = match["question"], match["answer"]
    return found


def shown(step):
    """Return a step's first line for a heading."""
    text = step.cell.removeprefix("#").strip().removeprefix("@title").strip()
    return text if step.cell.startswith("#") else f"`{text}`"
