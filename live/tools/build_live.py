"""Executed chapters and live/notes go in; live notebooks and lecturer's pages come out.

    python -m live.tools.build_live build    write everything that is made from them
    python -m live.tools.build_live check    one line for each file that is stale

From notebooks/NN_name.py comes live/NN_name.ipynb, the chapter in which the cells tagged `live`
hold their first comment, the prompt, and nothing else. What the chapter tells about their results
is folded: the class is to guess first. From live/notes/NN_name.toml (see lessons.py) and from the
chapter come live/pages/NN_name.md, for the lecturer's second screen, and live/plans.md.
"""

import itertools
import re
import sys
import tomllib
from pathlib import Path

from course_exercises.task import read_tasks
from live.tools.lessons import (
    ALONE,
    PLANS,
    LiveError,
    check_plans,
    comment_of,
    has_tag,
    is_in,
    is_live,
    predictions,
    read_lesson,
    shown,
    to_type,
    total,
)
from tools import derived, stamp
from tools.build_notebooks import caption_of, cell_ids, read_source, serialize

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES = 8  # to type in a cell
FOLD = "<details><summary>After the run</summary>\n\n", "\n\n</details>"
_REMEDY = "run 'make live'"


def live_notebook(chapter):
    """Return the chapter as it is opened in front of a class; nothing is executed.

    Raises:
        LiveError: A cell tagged `live` has no prompt, or more lines than one types.
    """
    notebook = read_source(chapter)
    notebook.cells = [cell for cell in notebook.cells if not has_tag(cell, "still")]
    for cell, below in itertools.pairwise(notebook.cells):
        if below.cell_type == "markdown" and (is_live(cell) or caption_of(below)):
            below.source = folded(below.source)
    for cell in filter(is_live, notebook.cells):
        prompt, lines = comment_of(cell.source), to_type(cell.source)
        if not prompt or len(lines) > MAX_LINES:
            raise LiveError(
                f"{chapter.stem}: a live cell begins with a comment and has at most {MAX_LINES} "
                f"lines to type, not {len(lines)}:\n{cell.source}"
            )
        cell.source = "\n".join(prompt)
    for cell, cell_id in zip(notebook.cells, cell_ids(notebook.cells), strict=True):
        cell.id = cell_id
    return notebook


def folded(text):
    """Return Markdown with all of it folded that stands before a heading or a prediction."""
    told = re.split(r"^(?=#|\*\*Predict)", text, maxsplit=1, flags=re.MULTILINE)[0].rstrip()
    return told.join(FOLD) + text[len(told) :] if told else text


def clock(minutes):
    """Return minutes as 0:07."""
    return f"{minutes // 60}:{minutes % 60:02d}"


def step_lines(cell, step, start, prediction):
    """Return the lines of one step on the lecturer's page."""
    plans = " · ".join(name for plan, name in PLANS.items() if is_in(step, plan)).lower()
    yield f"### {clock(start)} {shown(step)}"
    yield f"*{step.minutes} min · {'type' if is_live(cell) else 'run'} · {plans}*"
    question, answer = prediction or (step.ask, "")
    if question:
        yield f"**Ask:** {question}"
    # "720. Right" would be a list's item 720.
    replies = ["- " + re.sub(r"^(\d+)\. ", r"\1\\. ", reply) for reply in step.expect]
    if replies:
        yield "**Expect:**\n\n" + "\n".join(replies)
    if is_live(cell):
        code = "\n".join(cell.source.splitlines()[len(comment_of(cell.source)) :]).strip("\n")
        yield f"```python\n{code}\n```"
    if step.see:
        yield "**Must appear:** " + ", ".join(f"`{text}`" for text in step.see)
    if answer:
        yield f"**Answer, after the run:** {answer}"
    if step.otherwise:
        yield f"**If not:** {step.otherwise}"


def page_of(lesson):
    """Return the lecturer's page of a chapter, as Markdown."""
    chapter, file = lesson.chapter, lesson.chapter.file
    times = ", ".join(
        f"{minutes} {'of' if plan < 100 else 'minutes of'} {name.lower()}"
        for plan, name in PLANS.items()
        if (minutes := total(lesson.steps, plan))
    )
    lines = [
        f"# {chapter.title}: lecturer's page",
        f"Open [the live notebook](../{file}.ipynb) in front of the class, and this page on your "
        f"own screen. With its results: [{chapter.title}](../../notebooks/{file}.ipynb)."
        f" In the [plans](../plans.md), it takes {times}. The marks count all steps.",
    ]
    if lesson.before:
        lines.append(f"**Before:** {lesson.before}")
    start, boxes = 0, predictions(lesson.notebook)
    for cell, step in zip(lesson.cells, lesson.steps, strict=True):
        lines += step_lines(cell, step, start, boxes.get(cell.id))
        start += step.minutes
    return "\n\n".join(lines) + "\n"


def plan_lines(lessons, plan, tasks):
    """Yield the lines of one plan: when each chapter begins, its steps, what is left out."""
    minutes = sum(total(lesson.steps, plan) for lesson in lessons)
    yield f"## {PLANS[plan]}"
    practice = plan == max(PLANS)
    told = f"{minutes} minutes of steps"
    if practice:
        minutes += sum(task.minutes for task in tasks.values())
        told += (
            f", and after each chapter the shortest task of its sheet: {clock(minutes)} hours. "
            "With breaks that is a day."
        )
    else:
        told += "; the rest is for questions."
    yield told
    rows, start = [], 0
    for lesson in lessons:
        kept = [step for step in lesson.steps if is_in(step, plan)]
        if not kept:
            continue
        title, file = lesson.chapter.title, lesson.chapter.file
        whole = len(kept) == len(lesson.steps)
        link = f"[{title}](pages/{file}.md)"
        rows.append(f"- **{clock(start)}** {link}" + (", all" if whole else ""))
        rows += [] if whole else [f"  - {shown(step)}" for step in kept]
        start += total(lesson.steps, plan)
        if practice and (task := tasks.get(file)):
            link = f"[{task.task} {task.title}](../exercises/student/{file}.ipynb)"
            rows.append(f"- **{clock(start)}** exercise {link}")
            start += task.minutes
    yield "\n".join(rows)
    gone = [lesson.chapter.title for lesson in lessons if not total(lesson.steps, plan)]
    if gone and plan != ALONE:
        yield f"**Left out:** {', '.join(gone)}."


def plans_of(lessons, tasks):
    """Return the page with the plans, as Markdown; tasks: {chapter: its shortest task}."""
    lines = [
        "# Plans",
        "If you have a single lecture, give the first: a network that is right on every test "
        "picture, and why you wouldn't ship it. The one of 45 minutes has one question, too: is "
        "it the stripes? From there on each plan leaves out steps of the next, never one that a "
        "later step needs. Run the cells named here, in order, and skip the others.",
    ]
    for plan in PLANS:
        lines += plan_lines(lessons, plan, tasks)
    return "\n\n".join(lines) + "\n"


def shortest_tasks(root):
    """Return {chapter: the shortest task of its sheet, the first of them}."""
    return {
        path.stem: min(read_tasks(path), key=lambda task: task.minutes)
        for path in sorted((root / stamp.SHEETS).glob("[0-9]*.py"))
    }


def built(root):
    """Return {path: bytes as they should be} of all that is made."""
    contents, folder = stamp.read_contents(root), root / "live"
    lessons = [read_lesson(root, chapter) for chapter in contents]
    check_plans(lessons)
    files = {folder / "plans.md": plans_of(lessons, shortest_tasks(root)).encode()}
    for lesson in lessons:
        file = lesson.chapter.file
        notebook = live_notebook(root / "notebooks" / f"{file}.py")
        files[folder / f"{file}.ipynb"] = serialize(notebook)
        files[folder / "pages" / f"{file}.md"] = page_of(lesson).encode()
    return files


def main(arguments, root=ROOT):
    """Build or check; returns the exit code."""
    if arguments not in (["build"], ["check"]):
        sys.exit(__doc__)
    try:
        files = built(root)
    except (LiveError, FileNotFoundError, tomllib.TOMLDecodeError) as error:
        print(f"live/: {error}", file=sys.stderr)
        return 1
    made = {*root.glob("live/*.ipynb"), *root.glob("live/pages/*.md")}
    orphans = sorted(made - set(files))
    if arguments == ["build"]:
        derived.write(root, files, orphans)
        return 0
    findings = derived.findings(root, files, orphans, _REMEDY)
    print("\n".join(findings) or "live/: everything is in step")
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
