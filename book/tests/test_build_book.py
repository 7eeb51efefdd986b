"""From executed chapters to the pages of the web book: what `build_book` gives to Sphinx."""

import base64
import io
import os
import re
import shutil
import tarfile
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from book.tools import book_parts, build_book, npm_packages
from book.tools.book_pages import PageError, crop, make_page
from book.tools.book_parts import book_links, lecture_page
from book.tools.explorer_calls import ChapterReader
from tools import stamp

ROOT = Path(__file__).parents[2]

ADDRESS = "https://github.com/some-school/look-inside"
CONTENTS = [
    stamp.Chapter("01_first", "1 First", 10, "Who says *shark*?", "to look"),
    stamp.Chapter("02_second", "2 Second", 20, "How many numbers?", "to count"),
]
NETWORK = "classifier = cu.load_classifier()\n"
SHARK = 'shark = cu.load_image("great_white_shark")\n'


def picture_output(alt="A picture."):
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), (200, 30, 60)).save(buffer, "PNG")
    png = base64.b64encode(buffer.getvalue()).decode()
    return new_output(
        "display_data",
        {"image/png": png, "text/plain": "<Figure>"},
        metadata={"image/png": {"alt": alt}},
    )


def chapter(number=0, source=NETWORK + SHARK + "cu.ClassExplorer(classifier, shark)", address=None):
    """A stamped, executed chapter: head, setup, a cell with a picture, its caption, foot."""
    row, links = CONTENTS[number], stamp.navigation(CONTENTS, number)
    head = f"# {row.title}\n\n{links} · {row.minutes} minutes\n\nWhere did it *look*?\n\nMore."
    if address:
        head = head.replace("\n\n", f"\n\n{stamp.badges(row, address, '0.1.0')}\n\n", 1)
    return new_notebook(
        cells=[
            new_markdown_cell(head),
            new_code_cell(
                "# @title Setup: installs\nimport sys",
                metadata={"jupyter": {"source_hidden": True}},
            ),
            new_code_cell(source, outputs=[picture_output("A red <sheet>.")]),
            new_markdown_cell(
                "*A red sheet. In a running notebook its\ncontrols move.*\n\nThen *more* text."
            ),
            new_markdown_cell(links, metadata={"tags": ["navigation"]}),
        ]
    )


def shown(notebook):
    return notebook.cells[2].outputs[0].data["text/html"]


@pytest.mark.parametrize(
    ("cells", "explorer"),
    [
        (
            [NETWORK + SHARK, "cu.ClassExplorer(classifier, shark)"],
            {"kind": "class", "network": "efficientnet_lite0", "image": "great_white_shark"},
        ),
        (
            [
                "model = keras.applications.VGG16(include_top=False, weights=weights)",
                SHARK + "explorer = cu.LayerExplorer(model, shark, preprocess_input)\n"
                'explorer.layer.value = "block3_conv3"\nexplorer.channel.value = 7\nexplorer',
            ],
            {
                "kind": "layer",
                "network": "vgg16",
                "image": "great_white_shark",
                "layer": "block3_conv3",
                "channel": 7,
            },
        ),
        (
            [
                NETWORK + "images = {name: cu.load_image(name) for name in names}",
                'e = cu.ClassExplorer(classifier, images["astronaut"])\n'
                'e.choose(cu.class_index("bobsled"))\ne.method.value = "saliency"\ne',
            ],
            {
                "kind": "class",
                "network": "efficientnet_lite0",
                "image": "astronaut",
                "class-index": 450,
                "method": "saliency",
            },
        ),
        (
            [NETWORK + 'cu.FaithfulnessExplorer(classifier, "chelsea")'],
            {"kind": "faithfulness", "network": "efficientnet_lite0", "image": "chelsea"},
        ),
        ([NETWORK + SHARK + "cu.plot_heatmap(shark, heatmap)"], None),
        ([NETWORK + SHARK + "explorer = cu.ClassExplorer(classifier, shark)"], None),
        # what only the chapter's own kernel has
        ([SHARK + "cu.ClassExplorer(train(features), shark)"], None),
        ([NETWORK + "cu.ClassExplorer(classifier, shark[:100])"], None),
        ([NETWORK + SHARK, "for shark in all:\n  pass\ncu.ClassExplorer(classifier, shark)"], None),
        ([NETWORK + SHARK, "classifier = train()", "cu.ClassExplorer(classifier, shark)"], None),
        (
            [NETWORK + SHARK + "e = cu.ClassExplorer(classifier, shark)\ne.layer.value = f()\ne"],
            None,
        ),
    ],
)
def test_the_explorer_of_a_cell_is_read_from_the_chapters_code(cells, explorer):
    reader = ChapterReader()
    assert [reader.read(cell) for cell in cells][-1] == explorer


def test_a_channel_that_a_chapter_computes_is_read_from_the_explorers_sentence():
    source = "e = cu.LayerExplorer(classifier, shark)\ne.channel.value = int(means.argmax())\ne"
    sentence = "conv (Conv2D): 8 channels, strongest: channel 5. Channel 7: values from 0.0."
    explorer = ChapterReader().read(NETWORK + SHARK + source, sentence)
    assert explorer["kind"] == "layer" and explorer["channel"] == 7
    assert ChapterReader().read(NETWORK + SHARK + source) is None


def test_an_explorer_becomes_an_element_around_its_still_picture():
    notebook = chapter()
    page = make_page(notebook, CONTENTS, 0, None, "0.1.0")
    [picture] = page.pictures
    assert picture.name == "pictures/01_first-1.webp"
    assert Image.open(io.BytesIO(picture.contents)).size == (60, 40)
    assert page.explorers == [shown(notebook)]
    assert shown(notebook).startswith(
        '<div class="explorer" data-kind="class" data-network="efficientnet_lite0" '
        'data-image="great_white_shark"><img src="pictures/01_first-1.webp" '
        'alt="A red &lt;sheet&gt;." width="60" height="40"'
    )


def test_an_explorer_that_no_browser_can_run_stays_a_picture():
    notebook = chapter(source="cu.ClassExplorer(mine, shark)")
    assert make_page(notebook, CONTENTS, 0, None, "0.1.0").explorers == []
    assert shown(notebook).startswith("<img ") and "data-kind" not in shown(notebook)


def test_links_give_way_to_what_can_be_done_setup_is_folded_and_a_caption_is_one():
    notebook = chapter()
    page = make_page(notebook, CONTENTS, 0, None, "0.1.0")
    head, setup, _, text = notebook.cells  # and no foot
    assert head.source == (
        '# 1 First\n\n<ul class="chapter-bar"><li>10 minutes</li><li>'
        '<a href="notebooks/01_first.ipynb" download>Download notebook</a></li></ul>\n\n'
        "Where did it *look*?\n\nMore."
    )
    assert page.lead == "Where did it <em>look</em>?"
    assert setup.metadata["tags"] == ["hide-input"]
    assert setup.metadata["mystnb"]["code_prompt_show"] == "Setup: installs"
    assert text.source.startswith("{.caption}\n*A red sheet.*\n\nThen")


def test_the_caption_of_an_explorer_that_stays_a_picture_says_so():
    notebook = chapter(source="cu.ClassExplorer(mine, shark)")
    make_page(notebook, CONTENTS, 0, None, "0.1.0")
    assert "its\ncontrols move.*\n\nThen" in notebook.cells[3].source


def test_a_question_and_its_folded_answer_are_one_box():
    notebook = chapter()
    question = (
        "**Predict, then run.** How many?\n\n<details><summary>Answer</summary>\n\n3\n\n</details>"
    )
    notebook.cells[3].source = f"*A red sheet.*\n\n{question}"
    make_page(notebook, CONTENTS, 0, None, "0.1.0")
    assert notebook.cells[3].source == f"{{.caption}}\n*A red sheet.*\n\n{{.predict}}\n{question}"


def test_with_an_address_a_page_opens_on_colab_and_binder():
    notebook = chapter(1, address=ADDRESS)
    make_page(notebook, CONTENTS, 1, ADDRESS, "0.1.0")
    links = re.findall(r'<a href="([^"]+)"', notebook.cells[0].source)
    file = "notebooks/02_second.ipynb"
    assert links == [*stamp.places(file, ADDRESS, "0.1.0"), file]
    assert "badge" not in notebook.cells[0].source


def test_a_chapter_that_is_not_as_stamped_or_has_a_silent_picture_is_refused():
    with pytest.raises(PageError, match="01_first: its head is not as stamped"):
        make_page(chapter(address=ADDRESS), CONTENTS, 0, None, "0.1.0")
    notebook = chapter()
    notebook.cells[2].outputs = [picture_output(alt="")]
    with pytest.raises(PageError, match="pictures/01_first-1: the picture has no text"):
        make_page(notebook, CONTENTS, 0, None, "0.1.0")


def test_a_cards_picture_is_the_part_that_was_asked_for():
    notebook = chapter()
    [picture] = make_page(notebook, CONTENTS, 0, None, "0.1.0").pictures
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


# %%
cu.check("2.1a", count)

# %% tags=["catalog"]
TASKS["2.1a"] = Task(count, cases, [wrong], {})

# %% [markdown]
# Done?
"""
LECTURE = """\
# 2 Second: lecturer's page

Open [the live notebook](../02_second.ipynb), and [2 Second](../../notebooks/02_second.ipynb).

### 0:03 Take the mean

*2 min · type · 45 minutes*

**Ask:** How many?

```python
count(values)
```

**Must appear:** `3`
"""


@pytest.fixture
def course(tmp_path):
    """A course of two chapters, one with exercises and a lecturer's page."""
    folders = ("notebooks", "book", "source", "site/notebooks", "site/pictures")
    for folder in (*folders, "exercises/student", "live/pages"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("pyproject.toml", "NOTICE.md", "book/index.md", "book/exercises.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name, text in {
        "exercises/02_second.py": SHEET,
        "exercises/student/02_second.ipynb": "as it is",
        "live/README.md": "# For lecturers\n\n[Plans](plans.md).\n\n## Before\n\nMore.\n",
        "live/plans.md": "# Plans\n\n[2.1a](../exercises/student/02_second.ipynb)\n",
        "live/pages/02_second.md": LECTURE,
        "live/02_second.ipynb": "to type",
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "book/cards.toml").write_text("[02_second]\npicture = 1\nbox = [0, 0, 0.5, 1]\n")
    rows = "".join(
        "[[chapter]]\n" + "".join(f"{k} = {v!r}\n" for k, v in row._asdict().items())
        for row in CONTENTS
    )
    (tmp_path / "notebooks/contents.toml").write_text(rows, encoding="utf-8")
    address, version = stamp.read_address(tmp_path)
    for number, row in enumerate(CONTENTS):
        text = nbformat.writes(chapter(number, address=address)).replace("0.1.0", version)
        (tmp_path / f"notebooks/{row.file}.ipynb").write_text(text, encoding="utf-8")
    return tmp_path


def sources(course):
    build_book.write_sources(course, course / "source", course / "site")
    return (course / "source/index.md").read_text(encoding="utf-8")


def test_the_front_page_has_the_first_explorer_and_every_chapter_in_order(course):
    front = sources(course)
    assert front.count('<div class="explorer"') == 1 and "pictures/01_first-1.webp" in front
    assert re.findall(r'<li class="chapter-card"><a href="([^"]+)"', front) == [
        "01_first.html",
        "02_second.html",
    ]
    assert "Who says <em>shark</em>?" in front and "Where did it <em>look</em>?" in front
    listed = "01_first\n02_second\nexercises/index\nlive/index"
    assert front.endswith(f":hidden:\n\n{listed}\n```\n") and "<!--" not in front
    assert re.findall(r'<a class="to-exercises" href="([^"]+)">([^<]+)', front) == [
        ("exercises/02_second.html", "1 exercise")
    ]
    assert Image.open(course / "site/pictures/02_second-card.webp").size == (30, 40)
    original = (course / "notebooks/01_first.ipynb").read_bytes()
    assert (course / "site/notebooks/01_first.ipynb").read_bytes() == original


def test_explorers_are_loaded_where_there_are_some(course):
    assert "<script" not in sources(course)
    (course / "book/explorers").mkdir()
    (course / "book/explorers/main.js").write_text("export {};")
    front = sources(course)
    assert (
        "<div class" not in front
        and "<script" not in (course / "source/02_second.ipynb").read_text()
    )
    (course / "book/explorers/class_explorer.js").write_text("export {};")
    (course / "build/explorers/tiles").mkdir(parents=True)
    (course / "build/explorers/tiles/1.webp").write_bytes(b"")
    assert sources(course).count('<script type="module" src="explorers/main.js">') == 1
    assert "explorers/main.js" in (course / "source/02_second.ipynb").read_text()
    build_book.copy_explorers(course, course / "site")
    assert (course / "site/explorers/main.js").exists()
    assert (course / "site/explorers/tiles/1.webp").exists()


def test_a_sheet_becomes_a_page_with_its_solutions_folded(course):
    sources(course)
    page = nbformat.read(course / "source/exercises/02_second.ipynb", 4)
    head, setup, _, task, stub, check, solution, last = [cell.source for cell in page.cells]
    assert head.startswith(
        '# Exercises 2: Counting\n\n<ul class="chapter-bar of-sheet"><li>5 minutes'
    )
    assert '<a href="student/02_second.ipynb" download>' in head
    assert "To chapter [2](../02_second.ipynb)." in head and "`cu.check` needs Python" in head
    assert "google.colab" in setup and page.cells[1].metadata["tags"] == ["hide-input"]
    assert task.startswith("(task-2-1a)=\n## 2.1a Count (5 minutes)")
    assert "NotImplementedError" in stub and check == 'cu.check("2.1a", count)'
    assert solution == (
        "<details><summary>Solution</summary>\n\n```python\n"
        "def count(values):\n    return len(values)\n```\n\n</details>"
    )
    assert last == "Done?"
    assert (course / "site/exercises/student/02_second.ipynb").read_text() == "as it is"


def test_chapters_and_sheets_lead_to_each_other(course):
    sources(course)
    chapter = nbformat.read(course / "source/02_second.ipynb", 4)
    assert '<a class="to-exercises" href="exercises/02_second.html">' in chapter.cells[0].source
    assert chapter.cells[-1].source.endswith("- [2.1a Count](#task-2-1a), 5 minutes")
    assert "xercise" not in (course / "source/01_first.ipynb").read_text()
    index = (course / "source/exercises/index.md").read_text(encoding="utf-8")
    assert '<a href="02_second.html#task-2-1a">Count</a>' in index
    assert index.endswith(":hidden:\n\n2 Counting <02_second>\n```\n") and "<!--" not in index


def test_a_sheet_opens_on_colab_and_binder_once_there_is_an_address(course):
    project = (course / "pyproject.toml").read_text(encoding="utf-8")
    project = re.sub(r"\n\[project.urls\]\n(?:.+\n)*", "", project)
    text = f'{project}\n[project.urls]\nRepository = "{ADDRESS}"\n'
    (course / "pyproject.toml").write_text(text, encoding="utf-8")
    address, version = stamp.read_address(course)
    sheet = book_parts.read_sheets(course, CONTENTS)["02_second"]
    head = book_parts.sheet_page(sheet, course, address, version).cells[0].source
    for place in stamp.places("exercises/student/02_second.ipynb", ADDRESS, version):
        assert f'<a href="{place}">Open' in head


def test_a_lecturers_page_has_minute_marks_and_links_to_what_the_book_has(course):
    page = lecture_page(LECTURE)
    assert '<a href="../02_second.ipynb" download>the live notebook</a>' in page
    assert "[2 Second](../../02_second.ipynb)" in page
    assert "\n## [0:03]{.minute} Take the mean\n\n{.plans}\n2 min · type · 45 minutes\n" in page
    assert "\n{.ask}\n**Ask:** How many?" in page
    assert "\n{.must-appear}\n**Must appear:** `3`" in page
    sources(course)
    assert (course / "source/live/pages/02_second.md").read_text(encoding="utf-8") == page
    assert (course / "site/live/02_second.ipynb").read_text() == "to type"
    plans = (course / "source/live/plans.md").read_text(encoding="utf-8")
    assert "[2.1a](../exercises/02_second.ipynb)" in plans
    index = (course / "source/live/index.md").read_text(encoding="utf-8")
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


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """An npm that packs one small package, and counts its calls; returns (package, its folder)."""
    archive = tmp_path / "made.tgz"
    with tarfile.open(archive, "w:gz") as members:
        for name in ("main.js", "fonts/a.woff2", "fonts/b.woff2", "README.md"):
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(name)
            members.addfile(member, io.BytesIO(name.encode()))
    program = tmp_path / "bin/npm"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$@" >> "{tmp_path}/calls"\ncp "{archive}" "$PWD/x-1.0.0.tgz"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}/bin{os.pathsep}/usr/bin")
    package = npm_packages.Package(
        "@scope/x", "1.0.0", npm_packages.integrity(archive), ["main.js", "fonts/"], "_static/x"
    )
    return package, tmp_path


def test_a_package_is_fetched_once_and_only_what_is_named_is_copied(npm):
    package, folder = npm
    archive = npm_packages.fetch(package, folder / "store")
    assert npm_packages.fetch(package, folder / "store") == archive
    calls = (folder / "calls").read_text().splitlines()
    assert len(calls) == 1 and calls[0].endswith("--ignore-scripts @scope/x@1.0.0")
    assert npm_packages.copy_files(package, archive, folder) == 3
    files = sorted(p.name for p in (folder / "_static/x").rglob("*") if p.is_file())
    assert files == ["a.woff2", "b.woff2", "main.js"]
    assert npm_packages.read_file(package, "main.js", folder / "store") == b"main.js"
    with pytest.raises(npm_packages.PackageError, match="has no file 'gone.js'"):
        npm_packages.copy_files(package._replace(files=["gone.js"]), archive, folder)


def test_a_package_with_another_hash_is_refused_and_not_kept(npm):
    package, folder = npm
    with pytest.raises(npm_packages.PackageError, match="has the hash sha512-.*, not sha512-AAAA"):
        npm_packages.fetch(package._replace(integrity="sha512-AAAA"), folder / "store")
    assert list((folder / "store").iterdir()) == []


def test_without_npm_or_a_network_one_sentence_says_so(npm, monkeypatch):
    package, folder = npm
    (folder / "bin/npm").write_text("#!/bin/sh\necho npm error ENOTFOUND >&2\nexit 1\n")
    with pytest.raises(npm_packages.PackageError, match=r"is there a network\?\): .*ENOTFOUND"):
        npm_packages.fetch(package, folder / "store")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(npm_packages.PackageError, match="npm, which is not installed") as error:
        npm_packages.fetch(package, folder / "store")
    assert "\n" not in str(error.value)
