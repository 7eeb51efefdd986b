"""Executed chapters, exercises and lecturer's pages go in; build/book/, a static site, comes out.

    python -m book.tools.build_book         after book.tools.build_explorers

Everything on a page comes from its notebook, which is not run again; order, titles and questions
come from notebooks/contents.toml. The site asks no other server for anything.

An explorer's cell becomes `<div class="explorer" data-kind="class" ...>` around its still picture;
the other `data-` attributes are its settings, which stand in the metadata of the cell's output.
book/explorers/ and build/explorers/ run it, and become explorers/ of the site. Where they have not
got its kind, network or picture, the picture remains a picture.
"""

import json
import re
import shutil
import sys
import tomllib
from pathlib import Path

import nbformat

from book.tools.book_pages import PageError, cards, crop, make_page
from book.tools.book_parts import (
    book_links,
    exercise_link,
    lecture_list,
    lecture_page,
    read_sheets,
    sheet_cards,
    sheet_page,
    task_links,
    toctree,
)
from tools import stamp

ROOT = Path(__file__).resolve().parents[2]
_FROM_NPM = {  # folder of the site: (package of book/package.json, its files that are copied)
    "mathjax": ("mathjax", ("LICENSE", "tex-chtml.js", "input/tex/extensions/**/*", "a11y/**/*",
                            "ui/**/*", "sre/speech-worker.js", "sre/mathmaps/base.json",
                            "sre/mathmaps/en.json", "sre/mathmaps/nemeth.json")),
    "mathjax-newcm-font": ("@mathjax/mathjax-newcm-font", ("chtml.js", "chtml/**/*")),
    "fonts/source-serif-4": ("@fontsource-variable/source-serif-4",
                             ("LICENSE", "files/source-serif-4-latin-wght-*.woff2")),
    "fonts/source-sans-3": ("@fontsource-variable/source-sans-3",
                            ("LICENSE", "files/source-sans-3-latin-wght-normal.woff2")),
    "fonts/source-code-pro": ("@fontsource-variable/source-code-pro",
                              ("LICENSE", "files/source-code-pro-latin-wght-normal.woff2")),
}  # fmt: skip
_TEACHING = "08_your_own_network"  # whose story the reader repeats on a page of the book
_TEACH = '<a href="teach.html">Teach one in the browser</a>'
_SCRIPT = (
    '<link rel="stylesheet" href="explorers/explorers.css">'
    '<script type="module" src="explorers/main.js"></script>'
)


def write_sources(root, source, site):
    """Write what Sphinx reads into `source`, and the files of the pages into `site`."""
    contents, address = stamp.read_contents(root), stamp.read_address(root)
    explorers = read_explorers(root)
    sheets, pages = read_sheets(root, contents), []
    for number, chapter in enumerate(contents):
        path = root / f"notebooks/{chapter.file}.ipynb"
        notebook = nbformat.read(path, nbformat.NO_CONVERT)
        sheet = sheets.get(chapter.file)
        links = [exercise_link(sheet)] if sheet else []
        links += [_TEACH] if chapter.file == _TEACHING else []
        page = make_page(notebook, contents, number, *address, explorers, links)
        if sheet:
            notebook.cells.append(nbformat.v4.new_markdown_cell(task_links(sheet)))
        if page.explorers:
            notebook.cells.append(nbformat.v4.new_markdown_cell(_SCRIPT))
        nbformat.write(notebook, source / path.name)
        shutil.copy(path, site / "notebooks" / path.name)
        for picture in page.pictures:
            (site / picture.name).write_bytes(picture.contents)
        pages.append(page)
    small = write_card_pictures(root, contents, pages, site)
    explorer = next(iter(pages[0].explorers), "").replace(' loading="lazy"', "")
    text = (root / "book/index.md").read_text(encoding="utf-8")
    for place, inside in {
        "lead": pages[0].lead,
        "explorer": explorer + _SCRIPT,
        "first": f"{contents[0].file}.html",
        "repository": f" (get it from [the repository]({address[0]}))" if address[0] else "",
        "cards": cards(contents, small, {file: [exercise_link(s)] for file, s in sheets.items()}),
        "toctree": "\n\n".join(
            toctree(files, part)
            for part, files in [*parts(contents), ("", ["teach", "exercises/index", "live/index"])]
        ),
    }.items():
        text = text.replace(f"<!-- {place} -->", inside)
    (source / "index.md").write_text(text, encoding="utf-8")
    shutil.copy(root / "book/teach.md", source)
    notice = book_links((root / "NOTICE.md").read_text(encoding="utf-8"), "", "")
    (source / "notice.md").write_text(f"---\norphan: true\n---\n{notice}", encoding="utf-8")
    write_exercises(root, sheets, address, source / "exercises", site / "exercises/student")
    write_lectures(root, contents, source / "live", site / "live")


def parts(contents):
    """Return the parts of the course in order: (title, files of its chapters)."""
    starts = [n for n, chapter in enumerate(contents) if chapter.part or n == 0]
    return [
        (contents[start].part, [chapter.file for chapter in contents[start:end]])
        for start, end in zip(starts, [*starts[1:], len(contents)], strict=True)
    ]


def write_exercises(root, sheets, address, source, site):
    """Write the exercises' pages, and copy the notebooks that students open."""
    for folder in (source, site):
        folder.mkdir(parents=True, exist_ok=True)
    for sheet in sheets.values():
        name = f"{sheet.file}.ipynb"
        nbformat.write(sheet_page(sheet, root, *address), source / name)
        shutil.copy(root / "exercises/student" / name, site / name)
    text = (root / "book/exercises.md").read_text(encoding="utf-8")
    text = text.replace("<!-- sheets -->", sheet_cards(sheets.values()))
    entries = [f"{sheet.title} <{sheet.file}>" for sheet in sheets.values()]
    text = text.replace("<!-- toctree -->", toctree(entries))
    (source / "index.md").write_text(text, encoding="utf-8")


def write_lectures(root, contents, source, site):
    """Write the lecturer's pages, and copy the notebooks that are opened in front of a class."""
    folder = root / "live"
    chapters = [c for c in contents if (folder / f"pages/{c.file}.md").exists()]
    (source / "pages").mkdir(parents=True, exist_ok=True)
    site.mkdir(parents=True, exist_ok=True)
    for chapter in chapters:
        page = f"pages/{chapter.file}.md"
        text = lecture_page((folder / page).read_text(encoding="utf-8"), chapter.file)
        (source / page).write_text(text, encoding="utf-8")
        shutil.copy(folder / f"{chapter.file}.ipynb", site)
    plans = (folder / "plans.md").read_text(encoding="utf-8")
    (source / "plans.md").write_text(book_links(plans, "live", "live"), encoding="utf-8")
    text = book_links((folder / "README.md").read_text(encoding="utf-8"), "live", "live")
    head, mark, rest = text.partition("\n## ")
    entries = ["plans", *(f"{chapter.title} <pages/{chapter.file}>" for chapter in chapters)]
    text = "\n".join([head, lecture_list(chapters), "", toctree(entries), mark + rest])
    (source / "index.md").write_text(text, encoding="utf-8")


def read_explorers(root):
    """Return the explorers that a browser can run: a set of (kind, network, sample picture)."""
    files = (root / "book/explorers").glob("*_explorer.js")
    index = json.loads((root / "build/explorers/assets/index.json").read_text(encoding="utf-8"))
    return {
        (path.stem.removesuffix("_explorer"), name, sample)
        for path in files
        for name, network in index["networks"].items()
        for sample in network["samples"]
    }


def write_card_pictures(root, contents, pages, site):
    """Write the small pictures of the front page, as book/cards.toml says.

    Returns:
        {chapter's file: `Picture`}.
    """
    rows = tomllib.loads((root / "book/cards.toml").read_text(encoding="utf-8"))
    small = {}
    for chapter, page in zip(contents, pages, strict=True):
        row = rows.get(chapter.file, {"picture": 1, "box": (0, 0, 1, 1)})
        name = f"pictures/{chapter.file}-card.webp"
        small[chapter.file] = crop(page.pictures[row["picture"] - 1], name, row["box"])
        (site / name).write_bytes(small[chapter.file].contents)
    return small


def copy_packages(root, site):
    """Copy what the pages need of npm's packages."""
    for folder, (package, patterns) in _FROM_NPM.items():
        source, target = root / "build/npm/node_modules" / package, site / "_static" / folder
        for path in (found for pattern in patterns for found in source.glob(pattern)):
            if path.is_file():
                (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target / path.relative_to(source))


def mend_theme(site):
    """Mend what the theme has no setting for.

    A script of 1.5 MB draws the icons that its style sheet draws, too; every page loads what only
    the page of a search needs; the arrows that open a part in the side bar have no name for a
    screen reader.
    """
    search = r'<script src="[^"]*(searchtools|language_data|searchindex)\.js"></script>\s*'
    part = r'(<a [^>]+>([^<]+)</a><details[^>]*><summary)(?=><span class="toctree-toggle")'
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        text = re.sub(r"<script [^>]*scripts/fontawesome\.js[^>]*></script>", "", text)
        if page.name != "search.html":
            text = re.sub(search, "", text)
        text = re.sub(part, r'\1 aria-label="Pages of \2"', text)
        page.write_text(text, encoding="utf-8")
    for file in (site / "_static/scripts").glob("fontawesome.js*"):
        file.unlink()


def build(root=ROOT):
    """Build the site; returns the exit code of Sphinx, to which a warning is an error."""
    from sphinx.cmd.build import build_main

    source, site = root / "build/book-source", root / "build/book"
    for folder in (source, site):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in (source, site / "notebooks", site / "pictures"):
        folder.mkdir(parents=True)
    write_sources(root, source, site)
    copy_packages(root, site)
    for folder in (root / "book/explorers", root / "build/explorers"):
        shutil.copytree(folder, site / "explorers", dirs_exist_ok=True)
    options = ["-q", "-W", "--keep-going", "-E", "-c", root / "book", "-d", root / "build/doctrees"]
    code = build_main([str(option) for option in [*options, source, site]])
    mend_theme(site)
    return code


def main():
    """Build and say what was built; returns the exit code."""
    try:
        code = build()
    except PageError as error:
        sys.exit(str(error))
    if code == 0:
        files = [path for path in (ROOT / "build/book").rglob("*") if path.is_file()]
        megabytes = sum(path.stat().st_size for path in files) / 1e6
        print(f"build/book/index.html is the book: {len(files)} files, {megabytes:.1f} MB.")
    return code


if __name__ == "__main__":
    sys.exit(main())
