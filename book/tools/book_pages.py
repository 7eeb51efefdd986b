"""An executed chapter goes in, a page of the book comes out, with its pictures as files."""

import base64
import html
import io
import re
from typing import NamedTuple

import nbformat
from markdown_it import MarkdownIt
from PIL import Image

from live.tools.lessons import is_given
from tools import stamp
from tools.build_notebooks import caption_of

_PICTURES = {"image/png": "png", "image/jpeg": "jpg"}
_PREDICT = re.compile(r"^\*\*Predict, then run\.\*\*", re.MULTILINE)


class PageError(Exception):
    """A chapter is not as the book needs it; the message is for the author."""


class Picture(NamedTuple):
    """A picture of a chapter, as a file of the site."""

    name: str  # "pictures/01_introduction-3.jpg"
    contents: bytes
    alt: str
    width: int
    height: int

    def html(self, kind=""):
        """Return the picture's tag; its size is in it, so that no line jumps when it arrives."""
        kind = f' class="{kind}"' if kind else ""
        return (
            f'<img src="{self.name}" alt="{html.escape(self.alt)}" width="{self.width}" '
            f'height="{self.height}" decoding="async" loading="lazy"{kind}>'
        )


class Page(NamedTuple):
    """What a chapter gives to the book."""

    lead: str  # HTML of its first paragraph
    pictures: list  # of `Picture`
    explorers: list  # tags of those that the browser can run


def make_page(notebook, contents, number, address, version, explorers=(), links=()):
    """Change an executed chapter into a page of the book, and return its `Page`.

    The stamped links give way to a line of what one can do with the chapter; a setup cell is
    folded; pictures become files; an explorer becomes an element that a script brings to life; what
    is a step of the lecture can be linked to (`step_name`).

    Args:
        notebook: The executed chapter; it is changed.
        contents: List of `stamp.Chapter`.
        number: The chapter's place in it.
        address, version: Of the repository, as `stamp.read_address` returns them.
        explorers: Those that a browser can run: a set of (kind, network, sample picture).
        links: What else is to be seen under the title, as HTML.

    Raises:
        PageError: The chapter has not the head that is stamped, or a picture has no text.
    """
    chapter = contents[number]
    cells = [cell for cell in notebook.cells if "navigation" not in _tags(cell)]
    lead = replace_head(cells[0], contents, number, address, version, links)
    page, below_picture, settings = Page(inline(lead), [], []), False, None
    notebook.cells, steps = [], 0
    for cell in cells:
        if settings and "still" in _tags(cell):  # about a picture of an explorer
            continue
        if cell.cell_type == "code" and not is_given(cell):
            steps += 1
            place = f'<div id="{step_name(steps)}"></div>'
            notebook.cells.append(nbformat.v4.new_markdown_cell(place))
        notebook.cells.append(cell)
        if cell.cell_type != "code":
            cell.source = _PREDICT.sub(r"{.predict}\n\g<0>", cell.source)
            if below_picture and caption_of(cell):
                cell.source = "{.caption}\n" + cell.source
            below_picture = False
            continue
        fold(cell)
        settings = None
        for output in cell.outputs:
            if picture := as_file(output, f"pictures/{chapter.file}-{len(page.pictures) + 1}"):
                below_picture, show = True, picture.html()
                if settings := settings_of(output, explorers):
                    picture = as_webp(picture)
                    show = explorer_html(settings, picture)
                    page.explorers.append(show)
                page.pictures.append(picture)
                output.data, output.metadata = {"text/html": show}, {}
    return page


def step_name(number):
    """Return the name of a place on a chapter's page: its lecture's step, counted from 1."""
    return f"step-{number}"


def settings_of(output, explorers):
    """Return what an explorer shows, as it says in its output, if a browser can run it."""
    for name, settings in output.metadata.items():
        kind = name.removesuffix("Explorer").lower()
        if (kind, settings.get("network"), settings.get("picture")) in explorers:
            return {"kind": kind, **settings}
    return None


def replace_head(cell, contents, number, address, version, links=()):
    """Put what one can do with a chapter, and further links as HTML, in place of its stamped links.

    Returns:
        The chapter's first paragraph, in Markdown.
    """
    chapter = contents[number]
    stamped = f"{stamp.navigation(contents, number)} · {chapter.minutes} minutes"
    if address:
        stamped = f"{stamp.badges(chapter, address, version)}\n\n{stamped}"
    title, _, text = cell.source.partition(f"\n\n{stamped}\n\n")
    if title != f"# {chapter.title}":
        raise PageError(f"{chapter.file}: its head is not as stamped; run 'make notebooks'.")
    file = f"notebooks/{chapter.file}.ipynb"
    line = bar([f"{chapter.minutes} minutes", *ways_to_open(file, file, address, version), *links])
    cell.source = f"{title}\n\n{line}\n\n{text}"
    return text.partition("\n\n")[0]


def ways_to_open(file, href, address, version):
    """Return the links that open a notebook: on Colab, on Binder, and to download it.

    Args:
        file: Its path in the repository.
        href: Where the site has it, seen from the page.
        address, version: Of the repository, as `stamp.read_address` returns them.
    """
    links = [f'<a href="{href}" download>Download notebook</a>']
    if address:
        colab, binder = stamp.places(file, address, version)
        links[:0] = [
            f'<a href="{colab}">Open in Colab</a>',
            f'<a href="{binder}">Open on Binder</a>',
        ]
    return links


def bar(items, kind="chapter-bar"):
    """Return the line under a title: how long it takes, and what one can do."""
    return f'<ul class="{kind}">' + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


def fold(cell):
    """Fold a cell away whose source is hidden in Jupyter, under its own title."""
    if cell.metadata.get("jupyter", {}).get("source_hidden"):
        title = re.match(r"# @title (.+)", cell.source)
        shown = title[1] if title else "Code"
        cell.metadata["tags"] = [*_tags(cell), "hide-input"]
        cell.metadata["mystnb"] = {"code_prompt_show": shown, "code_prompt_hide": shown}


def as_file(output, name):
    """Return the `Picture` of a cell's output, or None if it has none.

    Raises:
        PageError: The picture has no alternative text.
    """
    for mime, ending in _PICTURES.items():
        if mime in output.get("data", {}):
            contents = base64.b64decode(output.data[mime])
            alt = output.metadata.get(mime, {}).get("alt")
            if not alt:
                raise PageError(f"{name}: the picture has no text; run 'make notebooks'.")
            size = Image.open(io.BytesIO(contents)).size
            return Picture(f"{name}.{ending}", contents, alt, *size)
    return None


def explorer_html(settings, still):
    """Return the element of an explorer: what a script needs to know, and the still picture.

    The picture is seen until a script has put the explorer beside it, and where none does:
    JavaScript off, an old browser, a failed download.
    """
    facts = " ".join(f'data-{key}="{html.escape(str(v))}"' for key, v in settings.items())
    return f'<div class="explorer" {facts}>{still.html("still")}</div>'


def cards(contents, pictures, exercises):
    """Return the front page's chapters, a list for each part of the course.

    Args:
        contents: List of `stamp.Chapter`.
        exercises: {chapter's file: [HTML of a link to them]}.
        pictures: {chapter's file: `Picture`}; a picture is silent, the words say all.
    """
    items = []
    for chapter in contents:
        if chapter.part:
            items.append(f'</ul>\n\n### {chapter.part}\n\n<ul class="chapter-cards">')
        picture = pictures[chapter.file]._replace(alt="")
        number, _, title = chapter.title.partition(" ")
        about = [f"{chapter.minutes} minutes", *exercises.get(chapter.file, [])]
        items.append(
            f'<li class="chapter-card"><a href="{chapter.file}.html">{picture.html()}'
            f'<span class="chapter-card-title"><span class="number">{number}</span> {title}</span>'
            f'<span class="question">{inline(chapter.question)}</span></a>'
            f'<span class="minutes">{" · ".join(about)}</span></li>'
        )
    return "\n".join(items).removeprefix("</ul>\n\n") + "\n</ul>"


def inline(text):
    """Return the HTML of a line of Markdown."""
    return MarkdownIt().renderInline(text)


def crop(picture, name, box=(0, 0, 1, 1), width=400):
    """Return a part of a picture as a small one, `width` pixels wide at most.

    Args:
        picture: `Picture`.
        name: The new picture's, ending in .webp.
        box: (left, top, right, bottom), in shares of its width and height.
    """
    image = Image.open(io.BytesIO(picture.contents)).convert("RGB")
    sides = (image.width, image.height) * 2
    image = image.crop(tuple(round(edge * side) for edge, side in zip(box, sides, strict=True)))
    image.thumbnail((width, image.height))
    return Picture(name, _webp(image, 65), picture.alt, *image.size)


def as_webp(picture):
    """Return a picture in a fourth of PNG's bytes: many readers see it for a blink only."""
    contents = _webp(Image.open(io.BytesIO(picture.contents)), 85)
    name = picture.name.rpartition(".")[0] + ".webp"
    return picture._replace(name=name, contents=contents)


def _webp(image, quality):
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality, method=6)
    return buffer.getvalue()


def _tags(cell):
    return cell.metadata.get("tags", [])
