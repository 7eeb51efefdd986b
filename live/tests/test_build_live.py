"""The live edition: a tiny chapter's pages and plans, and the course's own, which pours back."""

import json
from pathlib import Path

import nbformat
import pytest

from course_exercises.task import Entry
from live.tools import build_live as tool
from live.tools import lessons
from tools.build_notebooks import read_source

ROOT = Path(__file__).parents[2]

CHAPTERS = sorted((ROOT / "notebooks").glob("*.py"))

CHAPTER = """\
# %% [markdown]
# # 1 Sums

# %%
import math

# %% tags=["live"]
# Add one and two
total = math.fsum([1, 2])
print(total)

# %% [markdown]
# Three, as on paper.
#
# **Predict, then run.** Is it larger than the total?
#
# <details><summary>Answer</summary>
#
# Yes: 6.0.
#
# </details>

# %%
twice = 2 * total
print(twice)
"""
NOTES = """\
[[step]]
cell = "# Add one and two"
minutes = 2
plan = 45
ask = "How much is it?"
expect = ["Three.", "Twelve: those are the digits."]
see = ["3.0"]
otherwise = "Count again."

[[step]]
cell = "twice = 2 * total"
minutes = 5
plan = 90
see = ["6.0"]
"""


@pytest.fixture
def course(tmp_path):
    """A course of one chapter, executed; its folder."""
    for folder in ("notebooks", "live/notes"):
        (tmp_path / folder).mkdir(parents=True)
    contents = '[[chapter]]\nfile = "01_sums"\ntitle = "1 Sums"\nminutes = 1\nquestion = "?"\n'
    (tmp_path / "notebooks/contents.toml").write_text(contents + 'learn = "to add"\n')
    (tmp_path / "live/notes/01_sums.toml").write_text(NOTES)
    source = tmp_path / "notebooks/01_sums.py"
    source.write_text(CHAPTER)
    notebook = read_source(source)
    printed = iter(["3.0", "6.0"])
    for cell in notebook.cells:
        if cell.cell_type == "code" and "print" in cell.source:
            cell.outputs = [nbformat.v4.new_output("stream", text=next(printed))]
    nbformat.write(notebook, source.with_suffix(".ipynb"))
    return tmp_path


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_live_notebook_keeps_the_prompt_only(course):
    assert tool.main(["build"], course) == 0
    live = nbformat.read(course / "live/01_sums.ipynb", nbformat.NO_CONVERT)
    assert [cell.source.splitlines()[0] for cell in live.cells if cell.cell_type == "code"] == [
        "import math",
        "# Add one and two",
        "twice = 2 * total",
    ]
    assert live.cells[2].source == "# Add one and two"


def test_what_the_class_is_to_guess_is_folded(course):
    tool.main(["build"], course)
    told = nbformat.read(course / "live/01_sums.ipynb", nbformat.NO_CONVERT).cells[3].source
    assert told.startswith("Three, as on paper.".join(tool.FOLD) + "\n\n**Predict, then run.**")


def test_the_page_has_all_that_a_lecturer_needs_in_order(course):
    tool.main(["build"], course)
    page = (course / "live/pages/01_sums.md").read_text()
    wanted = [
        "### 0:00 Add one and two",
        "2 min · type · 45 minutes · 90 minutes · a day",
        "**Ask:** How much is it?",
        "- Twelve: those are the digits.",
        "total = math.fsum([1, 2])\nprint(total)",
        "**Must appear:** `3.0`",
        "**If not:** Count again.",
        "### 0:02 `twice = 2 * total`",
        "5 min · run · 90 minutes · a day",
        "**Ask:** Is it larger than the total?",
        "**Answer, after the run:** Yes: 6.0.",
    ]
    places = [page.index(text) for text in wanted]
    assert places == sorted(places)


def test_the_plans_say_what_to_leave_out_and_give_the_shortest_task(course, monkeypatch):
    tasks = {"01_sums": Entry("1b", "01_sums", "f", "Short", 5)}
    monkeypatch.setattr(tool, "shortest_tasks", lambda root: tasks)
    tool.main(["build"], course)
    short, medium, day = (course / "live/plans.md").read_text().split("\n## ")[1:]
    assert "- **0:00** [1 Sums](pages/01_sums.md)\n  - Add one and two\n" in short
    assert "01_sums.md), all" in medium and "7 minutes" in medium
    assert "- **0:07** exercise [1b Short](../exercises/student/01_sums.ipynb)" in day
    assert "0:12 hours" in day


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("live/notes/01_sums.toml", '"# Add one and two"', '"# Add"', "step 1 is '# Add'"),
        ("live/notes/01_sums.toml", '["3.0"]', '["3.1"]', "does not show ['3.1']"),
        ("live/notes/01_sums.toml", "minutes = 2", "minutes = 0", "has 37 characters to type in 0"),
        ("live/notes/01_sums.toml", "plan = 45", "plan = 50", "is in plan 50"),
        ("live/notes/01_sums.toml", "ask = ", "aks = ", "has ['aks']"),
        ("live/notes/01_sums.toml", "plan = 45", "plan = 360", "needs ['total']"),
        ("live/notes/01_sums.toml", "minutes = 2", "minutes = 46", "plan of 45 minutes takes 46"),
        ("notebooks/01_sums.py", "# Add one and two\n", "", "begins with a comment"),
        ("notebooks/01_sums.py", "print(total)\n", "print(total)\n" * 8, "not 9"),
    ],
)
def test_notes_that_do_not_hold_are_refused(course, capsys, file, old, new, complaint):
    replace(course / file, old, new)
    assert tool.main(["check"], course) == 1
    assert complaint in capsys.readouterr().err


def test_a_stale_page_and_one_without_a_chapter_are_named(course, capsys):
    tool.main(["build"], course)
    assert tool.main(["check"], course) == 0
    replace(course / "live/notes/01_sums.toml", "Count again.", "Add again.")
    (course / "live/pages/02_gone.md").write_text("old")
    capsys.readouterr()
    assert tool.main(["check"], course) == 1
    stale, orphan = capsys.readouterr().out.splitlines()
    assert stale == "live/pages/01_sums.md: stale; run 'make live'"
    assert orphan == "live/pages/02_gone.md: has no source; run 'make live'"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_the_code_typed_into_the_live_notebook_gives_the_chapter(chapter):
    """A lecturer types what the chapter has below each prompt; nothing else differs."""
    source = read_source(chapter)
    live = json.loads((ROOT / "live" / f"{chapter.stem}.ipynb").read_text())
    cells = [cell for cell in source.cells if not lessons.has_tag(cell, "still")]
    typed = 0
    for cell, whole in zip(live["cells"], cells, strict=True):
        text = "".join(cell["source"])
        if lessons.is_live(whole):
            typed += 1
            assert whole.source.startswith(text + "\n")
            assert all(line.startswith("#") for line in text.splitlines())
            assert 0 < len(lessons.to_type(whole.source)) <= tool.MAX_LINES
        elif text.startswith(tool.FOLD[0]):
            assert text.removeprefix(tool.FOLD[0]).replace(tool.FOLD[1], "", 1) == whole.source
        else:
            assert text == whole.source
    assert typed >= 2
