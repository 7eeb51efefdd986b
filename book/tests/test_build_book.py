"""From executed chapters to the pages of the web book: what `build_book` gives to Sphinx."""

import base64
import io
import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from book.tools import build_book
from book.tools.book_pages import PageError, crop, make_page
from book.tools.book_parts import book_links, lecture_page
from tools import stamp

ROOT = Path(__file__).parents[2]
ADDRESS = "https://github.com/some-school/look-inside"
CONTENTS = [
    stamp.Chapter("01_first", "1 First", 10, "Who says *shark*?", "to look", "Part I"),
    stamp.Chapter("02_second", "2 Second", 20, "How many numbers?", "to count", "Part II"),
]
NETWORK, SHARK = "efficientnet_lite0", "great_white_shark"
SETTINGS = {"network": NETWORK, "picture": SHARK, "classes": 3, "method": "saliency"}
PREDICT = (
    "**Predict, then run.** How many?\n\n<details><summary>Answer</summary>\n\n3\n\n</details>"
)


def picture_output(alt="A red <sheet>.", **metadata):
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), (200, 30, 60)).save(buffer, "PNG")
    png = base64.b64encode(buffer.getvalue()).decode()
    metadata["image/png"] = {"alt": alt}
    return new_output("display_data", {"image/png": png}, metadata=metadata)


def chapter(number=0, address=None, version="0.1.0", settings=SETTINGS, alt="A red <sheet>."):
    """A stamped, executed chapter: head, setup, an explorer, its caption, a tagged cell, foot."""
    row, links = CONTENTS[number], stamp.navigation(CONTENTS, number)
    head = f"# {row.title}\n\n{links} · {row.minutes} minutes\n\nWhere did it *look*?\n\nMore."
    if address:
        head = head.replace("\n\n", f"\n\n{stamp.badges(row, address, version)}\n\n", 1)
    setup = new_code_cell(
        "# @title Setup: installs\nimport sys", metadata={"jupyter": {"source_hidden": True}}
    )
    return new_notebook(
        cells=[
            new_markdown_cell(head),
            setup,
            new_code_cell("explorer", outputs=[picture_output(alt, ClassExplorer=settings)]),
            new_markdown_cell(f"*A red sheet.*\n\n{PREDICT}"),
            new_markdown_cell("This is a picture.", metadata={"tags": ["still"]}),
            new_markdown_cell(links, metadata={"tags": ["navigation"]}),
        ]
    )


def page_of(notebook, number=0, address=None):
    return make_page(notebook, CONTENTS, number, address, "0.1.0", {("class", NETWORK, SHARK)})


def test_an_explorer_becomes_an_element_with_its_settings_around_its_still_picture():
    notebook = chapter()
    page = page_of(notebook)
    [picture] = page.pictures
    assert picture.name == "pictures/01_first-1.webp"
    assert Image.open(io.BytesIO(picture.contents)).size == (60, 40)
    shown = notebook.cells[3].outputs[0].data["text/html"]
    assert page.explorers == [shown]
    assert shown.startswith(
        '<div class="explorer" data-kind="class" data-network="efficientnet_lite0" '
        'data-picture="great_white_shark" data-classes="3" data-method="saliency">'
        '<img src="pictures/01_first-1.webp" alt="A red &lt;sheet&gt;." width="60" height="40"'
    )
    assert "This is a picture." not in [cell.source for cell in notebook.cells]


@pytest.mark.parametrize("change", [{"picture": None}, {"network": "mine"}])
def test_an_explorer_that_no_browser_can_run_stays_a_picture_and_says_so(change):
    notebook = chapter(settings=SETTINGS | change)
    assert page_of(notebook).explorers == []
    assert notebook.cells[3].outputs[0].data["text/html"].startswith("<img ")
    assert notebook.cells[5].source == "This is a picture."


def test_links_give_way_to_what_can_be_done_setup_is_folded_a_caption_and_a_question_are_marked():
    notebook = chapter()
    page = page_of(notebook)
    head, setup, step, _, text = notebook.cells  # and no foot
    assert step.source == '<div id="step-1"></div>'
    assert head.source == (
        '# 1 First\n\n<ul class="chapter-bar"><li>10 minutes</li><li>'
        '<a href="notebooks/01_first.ipynb" download>Download notebook</a></li></ul>\n\n'
        "Where did it *look*?\n\nMore."
    )
    assert page.lead == "Where did it <em>look</em>?"
    assert setup.metadata["tags"] == ["hide-input"]
    assert setup.metadata["mystnb"]["code_prompt_show"] == "Setup: installs"
    assert text.source == f"{{.caption}}\n*A red sheet.*\n\n{{.predict}}\n{PREDICT}"


def test_with_an_address_a_page_opens_on_colab_and_binder():
    notebook = chapter(1, ADDRESS)
    page_of(notebook, 1, ADDRESS)
    links = re.findall(r'<a href="([^"]+)"', notebook.cells[0].source)
    file = "notebooks/02_second.ipynb"
    assert links == [*stamp.places(file, ADDRESS, "0.1.0"), file]


def test_a_chapter_that_is_not_as_stamped_or_has_a_silent_picture_is_refused():
    with pytest.raises(PageError, match="01_first: its head is not as stamped"):
        page_of(chapter(address=ADDRESS))
    with pytest.raises(PageError, match="pictures/01_first-1: the picture has no text"):
        page_of(chapter(alt=""))


def test_a_cards_picture_is_the_part_that_was_asked_for():
    [picture] = page_of(chapter()).pictures
    part = crop(picture, "card.webp", (0.5, 0.25, 1, 1))
    assert (part.width, part.height) == (30, 30) == Image.open(io.BytesIO(part.contents)).size
    assert crop(picture, "card.webp", width=15).height == 10


SHEET = """\
# %% [markdown]
# # Exercises 2: Counting
#
# To chapter [2](../../notebooks/02_second.ipynb). Write the functions.

# %%
import course_utils as cu

# %% [markdown]
# ## 2.1a Count (5 minutes)
#
# How many?


# %%
def count(values):
    # solution
    return len(values)

# %% tags=["catalog"]
TASKS["2.1a"] = Task(count, cases, [wrong], {})
"""
LECTURE = """\
# 2 Second: lecturer's page

Open [the live notebook](../02_second.ipynb), and [2 Second](../../notebooks/02_second.ipynb).

### 0:03 Take the mean

*2 min · type · 45 minutes*

**Ask:** How many?

**Must appear:** `3`
"""


@pytest.fixture
def course(tmp_path):
    """A course of two chapters, one with exercises and a lecturer's page; its sources are made."""
    index = {"networks": {NETWORK: {"samples": {SHARK: {}}}}}
    for name, text in {
        "source/x": "",
        "site/notebooks/x": "",
        "site/pictures/x": "",
        f"{stamp.SHEETS}/02_second.py": SHEET,
        "exercises/student/02_second.ipynb": "as it is",
        "live/README.md": "# For lecturers\n\n[Plans](plans.md).\n\n## Before\n\nMore.\n",
        "live/plans.md": "# Plans\n\n[2.1a](../exercises/student/02_second.ipynb)\n",
        "live/pages/02_second.md": LECTURE,
        "live/02_second.ipynb": "to type",
        "book/cards.toml": "[02_second]\npicture = 1\nbox = [0, 0, 0.5, 1]\n",
        "book/explorers/class_explorer.js": "",
        "build/explorers/assets/index.json": json.dumps(index),
        "notebooks/contents.toml": "".join(
            "[[chapter]]\n" + "".join(f"{k} = {v!r}\n" for k, v in row._asdict().items())
            for row in CONTENTS
        ),
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    for name in (
        "pyproject.toml",
        "NOTICE.md",
        *(f"book/{n}.md" for n in ("index", "exercises", "teach")),
    ):
        shutil.copy(ROOT / name, tmp_path / name)
    address = stamp.read_address(tmp_path)
    for number, row in enumerate(CONTENTS):
        nbformat.write(chapter(number, *address), tmp_path / f"notebooks/{row.file}.ipynb")
    build_book.write_sources(tmp_path, tmp_path / "source", tmp_path / "site")
    return tmp_path


def read(path):
    return path.read_text(encoding="utf-8")


def test_the_front_page_has_the_first_explorer_and_every_chapter_in_order(course):
    front = read(course / "source/index.md")
    assert front.count('<div class="explorer"') == 1 and "pictures/01_first-1.webp" in front
    assert front.count('<script type="module" src="explorers/main.js">') == 1
    assert re.findall(r'<li class="chapter-card"><a href="([^"]+)"', front) == [
        "01_first.html",
        "02_second.html",
    ]
    assert "Who says <em>shark</em>?" in front and "Where did it <em>look</em>?" in front
    assert re.findall(r":caption: (.+)\n\n(\w+)\n```", front) == [
        ("Part I", "01_first"),
        ("Part II", "02_second"),
    ]
    assert (
        front.endswith(":hidden:\n\nteach\nexercises/index\nlive/index\n```\n")
        and "<!--" not in front
    )
    assert Image.open(course / "site/pictures/02_second-card.webp").size == (30, 40)
    original = (course / "notebooks/01_first.ipynb").read_bytes()
    assert (course / "site/notebooks/01_first.ipynb").read_bytes() == original


def test_a_sheet_becomes_a_page_with_its_solutions_folded(course):
    page = nbformat.read(course / "source/exercises/02_second.ipynb", 4)
    head, setup, _, task, stub, check, solution, *_ = [cell.source for cell in page.cells]
    assert '<li>5 minutes</li><li><a href="student/02_second.ipynb" download>' in head
    assert "To chapter [2](../02_second.ipynb)." in head and "`cu.check` needs Python" in head
    assert "google.colab" in setup and page.cells[1].metadata["tags"] == ["hide-input"]
    assert task.startswith("(task-2-1a)=\n## 2.1a Count (5 minutes)")
    assert "NotImplementedError" in stub and check == 'cu.check("2.1a", count)'
    code = "```python\ndef count(values):\n    return len(values)\n```"
    assert solution == f"<details><summary>Solution</summary>\n\n{code}\n\n</details>"
    assert read(course / "site/exercises/student/02_second.ipynb") == "as it is"


def test_chapters_and_sheets_lead_to_each_other(course):
    chapter = nbformat.read(course / "source/02_second.ipynb", 4)
    assert '<a class="to-exercises" href="exercises/02_second.html">' in chapter.cells[0].source
    assert "- [2.1a Count](#task-2-1a), 5 minutes" in [
        cell.source.splitlines()[-1] for cell in chapter.cells
    ]
    assert "xercise" not in read(course / "source/01_first.ipynb")
    index = read(course / "source/exercises/index.md")
    assert '<a href="02_second.html#task-2-1a">Count</a>' in index
    assert index.endswith(":hidden:\n\n2 Counting <02_second>\n```\n") and "<!--" not in index


def test_a_lecturers_page_has_times_that_lead_to_the_chapter_and_links_to_what_the_book_has(course):
    page = lecture_page(LECTURE, "02_second")
    assert '<a href="../02_second.ipynb" download>the live notebook</a>' in page
    time = "[0:03](step:02_second#step-1){.minute}"
    assert f"\n## {time} Take the mean\n\n{{.plans}}\n2 min · type · 45 minutes\n" in page
    assert "\n{.ask}\n**Ask:** How many?" in page
    assert "\n{.must-appear}\n**Must appear:** `3`" in page
    assert read(course / "source/live/pages/02_second.md") == page
    assert read(course / "site/live/02_second.ipynb") == "to type"
    index = read(course / "source/live/index.md")
    assert '<a href="pages/02_second.html">2 Second</a>' in index
    assert ":hidden:\n\nplans\n2 Second <pages/02_second>\n```\n\n## Before" in index


@pytest.mark.parametrize(
    ("link", "on_the_page"),
    [
        ("[a](plans.md)", "[a](plans.md)"),
        ("[a](../exercises/student)", "[a](../exercises/index.md)"),
        ("[a](../exercises/solutions/02_x.ipynb)", "[a](../exercises/02_x.ipynb)"),
        ("[a](../notebooks/02_x.ipynb#idea)", "[a](../02_x.ipynb#idea)"),
        ("[a](../NOTICE.md)", "[a](../notice.md)"),
        ("[a](../LICENSE)", "`a`"),
        ("[a](https://x.org/y)", "[a](https://x.org/y)"),
        ("[a](#here)", "[a](#here)"),
    ],
)
def test_a_link_leads_to_a_page_of_the_book_or_is_a_name(link, on_the_page):
    assert book_links(link, "live", "live") == on_the_page
