"""Contents and address stand in one place each, and everything stamped from them is in step."""

import re
import shutil
import sys
from pathlib import Path

import jupytext
import pytest
import yaml

from tools import stamp

ROOT = Path(__file__).parents[2]

ADDRESS = "https://github.com/some-school/look-inside.cnns"
CHAPTERS = [chapter.file for chapter in stamp.read_contents(ROOT)]
FORM = ".github/ISSUE_TEMPLATE/problem.yml"
NEW_CHAPTER = """\
# %% [markdown]
# # A draft
#
# **What you will learn**
#
# - something.

# %%
import course_utils as cu
"""


@pytest.fixture
def course(tmp_path):
    """A copy of all that is stamped, without an address."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=lambda *_: ["*.ipynb"])
    (tmp_path / FORM).parent.mkdir(parents=True)
    for name in ("README.md", "pyproject.toml", FORM):
        shutil.copy(ROOT / name, tmp_path / name)
    set_address(tmp_path, None)
    stamp.main([], tmp_path)
    return tmp_path


def set_address(course, address):
    path = course / "pyproject.toml"
    text = re.sub(r"\n\[project\.urls\]\n(?:\w.*\n)*", "\n", path.read_text(encoding="utf-8"))
    if address is not None:
        text += f'\n[project.urls]\nRepository = "{address}"\n'
    path.write_text(text, encoding="utf-8")


def texts(course):
    files = [course / "README.md", course / FORM, *(course / "notebooks").glob("*.py")]
    return {path.name: path.read_text(encoding="utf-8") for path in files}


def test_each_chapter_opens_itself_and_going_back_and_forth_changes_nothing(course):
    without = texts(course)
    assert "no public address" in without["README.md"]
    for address in ("https://github.com/another/place", ADDRESS):
        set_address(course, address)
        stamp.main([], course)
    version, written = stamp.read_address(course)[1], texts(course)
    for name in CHAPTERS:
        path = f"some-school/look-inside.cnns/blob/v{version}/notebooks/{name}.ipynb"
        colab = f"https://colab.research.google.com/github/{path}"
        binder = f"/some-school/look-inside.cnns/v{version}?urlpath=lab/tree/notebooks/{name}.ipynb"
        for text in (written[f"{name}.py"], written["README.md"]):
            assert f"({colab})" in text and f"https://mybinder.org/v2/gh{binder})" in text
    assert f"install --quiet {ADDRESS}/archive/refs/tags/v{version}.zip" in written[f"{name}.py"]
    assert "(https://some-school.github.io/look-inside.cnns/)" in written["README.md"]
    assert not [name for name, text in written.items() if "another/place" in text]
    set_address(course, None)
    stamp.main([], course)
    assert texts(course) == without


def test_a_new_chapter_is_linked_everywhere_and_gets_its_setup_cell(course, capsys):
    (course / "notebooks/99_draft.py").write_text(NEW_CHAPTER, encoding="utf-8")
    with open(course / "notebooks/contents.toml", "a", encoding="utf-8") as file:
        row = {"file": "99_draft", "title": "99 A draft", "question": "Why?", "learn": "how"}
        file.write("\n[[chapter]]\nminutes = 15\n")
        file.writelines(f'{key} = "{value}"\n' for key, value in row.items())
    sheet = course / f"{stamp.SHEETS}/99_draft.py"
    sheet.parent.mkdir(parents=True)
    sheet.touch()
    capsys.readouterr()
    assert stamp.main(["check"], course) == 1
    assert "README.md: not as stamped; run 'make stamp'\n" in capsys.readouterr().out
    stamp.main([], course)
    written = texts(course)
    last = f"{CHAPTERS[-1]}.py"
    assert written[last].count("[99 A draft](99_draft.ipynb) →") == 2  # at its head and its foot
    assert "| [99 A draft](notebooks/99_draft.ipynb) | 15 min | how |" in written["README.md"]
    assert "[99 A draft](99_draft.ipynb) | Why? |" in written["01_introduction.py"]
    fields = yaml.safe_load(written["problem.yml"])["body"]
    [options] = [field["attributes"]["options"] for field in fields if field["id"] == "chapter"]
    assert options[-2] == "99 A draft"
    draft, other = (
        jupytext.reads(written[name], fmt="py:percent").cells for name in ("99_draft.py", last)
    )
    before = stamp.read_contents(ROOT)[-1]
    assert draft[0].source.startswith(
        f"# 99 A draft\n\n← [{before.title}]({before.file}.ipynb) · [cont"
    )
    setup = next(cell for cell in other if cell.cell_type == "code")
    assert draft[1].source == setup.source and draft[2].source == "import course_utils as cu"
    assert draft[-1].source.startswith("**Your turn:** [the exercises](../exercises/student/99_")
    assert "Your turn" not in other[-1].source


@pytest.mark.parametrize("address", ["https://example.com/a/b", "https://github.com/a/b.git"])
def test_an_address_that_colab_cannot_open_is_refused(course, address):
    set_address(course, address)
    with pytest.raises(ValueError, match=f"OWNER/NAME, not '{address}'"):
        stamp.main(["check"], course)


def test_a_chapter_without_a_row_or_a_head_stops_everything(course):
    path = course / "notebooks/05_conclusion.py"
    path.write_text(NEW_CHAPTER.replace("# # A draft", "# A draft"), encoding="utf-8")
    with pytest.raises(ValueError, match="05_conclusion: no Markdown cell"):
        stamp.main([], course)
    path.rename(course / "notebooks/99_other.py")
    with pytest.raises(ValueError, match="contents.toml has: 05_conclusion, 99_other"):
        stamp.main([], course)


@pytest.mark.parametrize("on_colab", [False, True])
def test_the_setup_cell_asks_pip_on_colab_only(monkeypatch, on_colab):
    class IPython:
        asked = []

        def run_line_magic(self, *words):
            self.asked.append(words)

    if on_colab:
        monkeypatch.setitem(sys.modules, "google.colab", sys)
    exec(stamp.setup_cell(None, "1").partition("\n")[2], {"get_ipython": IPython})
    assert [words[0] for words in IPython.asked] == ["pip"] * on_colab
