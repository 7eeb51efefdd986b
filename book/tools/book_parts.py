"""A sheet of exercises or a lecturer's page goes in, a page of the book comes out."""

import itertools
import posixpath
import re
from typing import NamedTuple

import nbformat

from book.tools.book_pages import bar, fold, inline, step_name, ways_to_open
from course_exercises.task import read_tasks
from exercises.tools import build_exercises
from tools import stamp

_LINK = re.compile(r"\[([^]]+)\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")
_PAGES = {  # where a file of the repository is in the book
    r"notebooks/(\w+\.ipynb)": r"\1",
    r"exercises/(?:student|solutions)/(\w+\.ipynb)": r"exercises/\1",
    r"exercises(?:/student|/solutions)?": "exercises/index.md",
    r"live/README\.md": "live/index.md",
    r"(live/(?:plans|pages/\w+)\.md)": r"\1",
    r"NOTICE\.md": "notice.md",
}
_LIVE = re.compile(r"live/\w+\.ipynb")  # to be downloaded
_MARK = re.compile(r"^### (\d+:\d\d) (.+)\n\n\*(.+)\*$", re.MULTILINE)
_KINDS = {"Ask": "ask", "Expect": "expect", "Must appear": "must-appear", "If not": "if-not"}
_SAID = re.compile(rf"^\*\*({'|'.join(_KINDS)}):\*\*", re.MULTILINE)
_NO_SEARCH = "---\nno-search: true\n---\n"  # a student looks for a chapter, not for its lecture
_NEEDS_PYTHON = (
    "`cu.check` needs Python: it works in the notebook, which you get under the title, not on this "
    "page."
)


class Sheet(NamedTuple):
    """A sheet of exercises."""

    file: str  # without its ending; the same as its chapter's
    title: str  # with its number
    tasks: list  # of `course_exercises.task.Entry`
    source: nbformat.NotebookNode

    @property
    def minutes(self):
        return sum(task.minutes for task in self.tasks)


def read_sheets(root, contents):
    """Return the `Sheet`s of a course, in the order of its chapters: {file: sheet}."""
    sheets = {}
    for chapter in contents:
        path = root / stamp.SHEETS / f"{chapter.file}.py"
        if path.exists():
            source, tasks = build_exercises.read_sheet(path), read_tasks(path)
            heading = source.cells[0].source.partition("\n")[0]
            title = heading.removeprefix("# Exercises ").replace(": ", " ", 1)
            sheets[chapter.file] = Sheet(chapter.file, title, tasks, source)
    return sheets


def book_links(text, folder, page_folder):
    """Return a Markdown text whose links lead to pages of the book.

    Args:
        text: Of a file in `folder` of the repository.
        page_folder: Where its page is in the book. What is no page is named, not linked.
    """

    def replaced(match):
        label, target, anchor = match.groups()
        path = posixpath.normpath(posixpath.join(folder, target))
        if _LIVE.fullmatch(path):
            href = posixpath.relpath(path, page_folder or ".")
            return f'<a href="{href}" download>{inline(label)}</a>'
        for pattern, page in _PAGES.items():
            if found := re.fullmatch(pattern, path):
                page = posixpath.relpath(found.expand(page), page_folder or ".")
                return f"[{label}]({page}{anchor or ''})"
        return f"`{label}`"

    return _LINK.sub(replaced, text)


def target(task):
    """Return the name of a task's place on its page."""
    return "task-" + task.replace(".", "-")


def exercise_link(sheet):
    """Return the link from a chapter to its sheet, as HTML."""
    count = len(sheet.tasks)
    shown = f"{count} exercise{'s' if count > 1 else ''}"
    return f'<a class="to-exercises" href="exercises/{sheet.file}.html">{shown}</a>'


def task_links(sheet):
    """Return what stands at the end of a chapter: the tasks of its sheet, as Markdown."""
    links = [
        f"- [{task.task} {task.title}](#{target(task.task)}), {task.minutes} minutes"
        for task in sheet.tasks
    ]
    return "\n".join(["## Exercises", "", *links])


def sheet_page(sheet, root, address, version):
    """Return a sheet as a page: its text, and under each task the solution, folded."""
    page, solved = (build_exercises.notebook_of(sheet.source, root, s) for s in (False, True))
    cells, solution = [], ""
    for cell, answer in zip(page.cells, solved.cells, strict=True):
        if cell.cell_type == "markdown":
            cell.source = book_links(cell.source, "exercises/student", "exercises")
            for task in sheet.tasks:
                heading = f"## {task.task} "
                cell.source = cell.source.replace(heading, f"({target(task.task)})=\n{heading}")
        else:
            fold(cell)
        cells.append(cell)
        if cell.source != answer.source and cell.cell_type == "code":
            solution = answer.source
        elif solution and cell.cell_type == "code":  # the task's check
            cells.append(nbformat.v4.new_markdown_cell(folded("Solution", solution)))
            solution = ""
    title, _, text = cells[0].source.partition("\n\n")
    file = f"student/{sheet.file}.ipynb"
    links = ways_to_open(f"exercises/{file}", file, address, version)
    line = bar([f"{sheet.minutes} minutes", *links], "chapter-bar of-sheet")
    cells[0].source = f"{title}\n\n{line}\n\n{text}\n\n{_NEEDS_PYTHON}"
    page.cells = cells
    return page


def folded(title, code):
    """Return code that is folded away, as Markdown."""
    return f"<details><summary>{title}</summary>\n\n```python\n{code}\n```\n\n</details>"


def sheet_cards(sheets):
    """Return the list of all sheets with their tasks, for the part's first page."""
    items = []
    for sheet in sheets:
        number, _, title = sheet.title.partition(" ")
        tasks = "".join(
            f'<li><a href="{sheet.file}.html#{target(task.task)}">{inline(task.title)}</a> '
            f'<span class="minutes">{task.minutes} min</span></li>'
            for task in sheet.tasks
        )
        items.append(
            f'<li class="sheet-card"><a class="sheet-title" href="{sheet.file}.html">'
            f'<span class="number">{number}</span> {inline(title)}</a><ul>{tasks}</ul></li>'
        )
    return '<ul class="sheet-cards">' + "".join(items) + "</ul>"


def lecture_page(text, chapter, folder="live/pages"):
    """Return a lecturer's page: its times lead to the chapter, who says what is a class."""
    numbers = itertools.count(1)

    def mark(match):
        link = f"[{match[1]}](step:{chapter}#{step_name(next(numbers))}){{.minute}}"
        return f"## {link} {match[2]}\n\n{{.plans}}\n{match[3]}"

    text = _MARK.sub(mark, book_links(text, folder, folder))
    text = _SAID.sub(lambda match: f"{{.{_KINDS[match[1]]}}}\n{match[0]}", text)
    return _NO_SEARCH + text


def lecture_list(chapters):
    """Return the list of the lecturer's pages and live notebooks."""
    items = "".join(
        f'<li><a href="pages/{chapter.file}.html">{inline(chapter.title)}</a> '
        f'<a href="{chapter.file}.ipynb" download>live notebook</a></li>'
        for chapter in chapters
    )
    return (
        "A page for each chapter, and the notebook to type into:\n\n"
        f'<ul class="lecture-list">{items}</ul>\n'
    )


def toctree(entries, caption=""):
    """Return a table of contents, "page" or "title <page>", for the side bar."""
    options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
    return "\n".join(["```{toctree}", *options, "", *entries, "```"])
