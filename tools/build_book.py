"""Build the web book: the executed chapters become build/book/, a static site.

    python tools/build_book.py

Everything on a page comes from its notebook, which is not run again; order, titles and questions
come from notebooks/contents.toml. What is taken from npm (book/packages.toml) is fetched once, into
build/npm/. The site asks no other server for anything.

An explorer's cell becomes `<div class="explorer" data-kind="class" data-network="..."
data-image="...">` around its still picture; further `data-` attributes are the controls that the
chapter has set. If there is book/explorers/main.js, the folder becomes explorers/ of the site, with
the contents of build/explorers/ (files that a tool makes), and pages with such an element load it.
The module of a kind is KIND_explorer.js; without it the picture remains a picture.
"""

import re
import shutil
import sys
import tomllib
from pathlib import Path

import nbformat
import npm_packages
import stamp
from book_pages import PageError, cards, crop, make_page

ROOT = Path(__file__).resolve().parents[1]
_SCRIPT = '<script type="module" src="explorers/main.js"></script>'


def write_sources(root, source, site):
    """Write what Sphinx reads into `source`, and the files of the pages into `site`."""
    contents, address = stamp.read_contents(root), stamp.read_address(root)
    kinds = explorer_kinds(root)
    script = "" if kinds is None else _SCRIPT
    pages = []
    for number, chapter in enumerate(contents):
        path = root / f"notebooks/{chapter.file}.ipynb"
        notebook = nbformat.read(path, nbformat.NO_CONVERT)
        page = make_page(notebook, contents, number, *address, kinds)
        if page.explorers and script:
            notebook.cells.append(nbformat.v4.new_markdown_cell(script))
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
        "explorer": explorer + script,
        "first": f"{contents[0].file}.html",
        "cards": cards(contents, small),
        "files": "\n".join(chapter.file for chapter in contents),
    }.items():
        text = text.replace(f"<!-- {place} -->", inside)
    (source / "index.md").write_text(text, encoding="utf-8")
    notice = (root / "NOTICE.md").read_text(encoding="utf-8")
    notice = re.sub(r"\[([^]]+)\]\((?!https?:)[^)]+\)", r"`\1`", notice)  # files of the repository
    (source / "notice.md").write_text(f"---\norphan: true\n---\n{notice}", encoding="utf-8")


def explorer_kinds(root):
    """Return the kinds of explorers that there are modules for; None if there are no modules."""
    folder = root / "book/explorers"
    if not (folder / "main.js").exists():
        return None
    return {path.stem.removesuffix("_explorer") for path in folder.glob("*_explorer.js")}


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


def copy_explorers(root, site):
    """Copy the explorers' modules, and what tools have made for them."""
    for folder in (root / "book/explorers", root / "build/explorers"):
        if folder.exists():
            shutil.copytree(folder, site / "explorers", dirs_exist_ok=True)


def drop_icon_script(site):
    """Drop a script of the theme, 1.5 MB, that draws the icons which its style sheet draws, too."""
    for page in site.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        text = re.sub(r"<script [^>]*scripts/fontawesome\.js[^>]*></script>", "", text)
        page.write_text(text, encoding="utf-8")
    for file in (site / "_static/scripts").glob("fontawesome.js*"):
        file.unlink()


def build(root=ROOT):
    """Build the site; returns the exit code of Sphinx, to which a warning is an error."""
    from sphinx.cmd.build import build_main

    source, site = root / "build/book-source", root / "build/book"
    packages = [p for p in npm_packages.read_packages(root).values() if p.to]
    archives = [npm_packages.fetch(package, root / "build/npm") for package in packages]
    for folder in (source, site):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in (source, site / "notebooks", site / "pictures"):
        folder.mkdir(parents=True)
    write_sources(root, source, site)
    for package, archive in zip(packages, archives, strict=True):
        npm_packages.copy_files(package, archive, site)
    copy_explorers(root, site)
    options = ["-q", "-W", "--keep-going", "-E", "-c", root / "book", "-d", root / "build/doctrees"]
    code = build_main([str(option) for option in [*options, source, site]])
    drop_icon_script(site)
    return code


def main():
    """Build and say what was built; returns the exit code."""
    try:
        code = build()
    except (PageError, npm_packages.PackageError) as error:
        sys.exit(str(error))
    if code == 0:
        files = [path for path in (ROOT / "build/book").rglob("*") if path.is_file()]
        megabytes = sum(path.stat().st_size for path in files) / 1e6
        print(f"build/book/index.html is the book: {len(files)} files, {megabytes:.1f} MB.")
    return code


if __name__ == "__main__":
    sys.exit(main())
