"""Notes that do not hold are refused; what a lecturer types gives the chapter.

The pages themselves are committed: `make check` compares them.
"""

import json
from pathlib import Path

import nbformat
import pytest

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
expect = ["Three.", "12. Those are the digits."]
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


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("live/notes/01_sums.toml", '"# Add one and two"', '"# Add"', "step 1 is '# Add'"),
        ("live/notes/01_sums.toml", '["3.0"]', '["3.1"]', "does not show ['3.1']"),
        ("live/notes/01_sums.toml", "minutes = 2", "minutes = 0", "has 37 characters to type in 0"),
        ("live/notes/01_sums.toml", "plan = 45", "plan = 50", "is in plan 50"),
        ("live/notes/01_sums.toml", "ask = ", "aks = ", "has ['aks']"),
        ("live/notes/01_sums.toml", "plan = 45", "plan = 360", "needs ['total']"),
        ("live/notes/01_sums.toml", "plan = 45", "plan = 30", "plan of 90 minutes, "),
        ("live/notes/01_sums.toml", "minutes = 2", "minutes = 46", "plan of 45 minutes takes 46"),
        ("notebooks/01_sums.py", "# Add one and two\n", "", "begins with a comment"),
        ("notebooks/01_sums.py", "print(total)\n", "print(total)\n" * 8, "not 9"),
    ],
)
def test_notes_that_do_not_hold_are_refused(course, capsys, file, old, new, complaint):
    text = (course / file).read_text()
    assert old in text
    (course / file).write_text(text.replace(old, new))
    assert tool.main(["check"], course) == 1
    assert complaint in capsys.readouterr().err


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
    assert typed >= 2 or chapter.stem.endswith("_last_page")  # which has only its picture
