"""The table of contents and the repository's address go into README, chapters and issue form.

    python tools/stamp.py           write them
    python tools/stamp.py check     one line for each file that is out of step

The table of contents is notebooks/contents.toml. The address and the version stand in
pyproject.toml, [project] `version` and [project.urls] `Repository`. While there is no address there
are no badges, and the setup cell expects course.zip.
"""

import re
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
SHEETS = "exercises/course_exercises/sheets"
_COLAB_BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
_BINDER_BADGE = "https://mybinder.org/badge_logo.svg"
_CONTENTS = "[contents](../README.md#the-chapters)"

_HEAD = re.compile(  # the title, and what was stamped under it
    r"# %% \[markdown\]\n# # .*\n#\n(?:(?:# \[!\[.*\n#\n)?# .* · \d+ minutes\n#\n)?"
)
_STAMPED = re.compile(r'# %% (?:cellView="form"|\[markdown\] tags=\["navigation"\])')
_SETUP_CELL = """\
# %% cellView="form" jupyter={{"source_hidden": true}} tags=["nbval-ignore-output"]
# @title Setup: on Colab this installs the course, elsewhere it does nothing
import sys

if "google.colab" in sys.modules:
    get_ipython().run_line_magic("pip", "install --quiet {source}")
"""
_NO_ADDRESS = """\
This copy of the course has no public address yet, so there are no badges. Colab can run it all the
same: `git archive --output course.zip HEAD` packs it; open a chapter with *File > Upload notebook*,
upload `course.zip` in the *Files* pane, and run the chapter's first cell. Binder needs the address.
"""


class Chapter(NamedTuple):
    """A row of the table of contents."""

    file: str  # without its ending
    title: str  # with its number
    minutes: int
    question: str
    learn: str
    part: str = ""  # the title of the part that begins with it


def read_contents(root):
    """Return the table of contents as a list of `Chapter`."""
    text = (root / "notebooks/contents.toml").read_text(encoding="utf-8")
    return [Chapter(**row) for row in tomllib.loads(text)["chapter"]]


def read_address(root):
    """Return (address or None, version) from pyproject.toml.

    Raises:
        ValueError: The address is not one of GitHub's, which Colab and Binder can open.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    address = project.get("urls", {}).get("Repository")
    shape = r"https://github\.com/[\w.-]+/[\w.-]+(?<!\.git)"
    if address is not None and not re.fullmatch(shape, address):
        raise ValueError(
            f"Repository in pyproject.toml must look like https://github.com/OWNER/NAME, "
            f"not {address!r}."
        )
    return address, project["version"]


def places(file, address, version):
    """Return the addresses (Colab's, Binder's) that open a notebook at the tag of a version.

    Args:
        file: Its path in the repository, such as "notebooks/01_introduction.ipynb".
        address, version: As `read_address` returns them.
    """
    path = address.removeprefix("https://github.com/")
    return (
        f"https://colab.research.google.com/github/{path}/blob/v{version}/{file}",
        f"https://mybinder.org/v2/gh/{path}/v{version}?urlpath=lab/tree/{file}",
    )


def book(address):
    """Return the web book's address on GitHub Pages."""
    owner, name = address.removeprefix("https://github.com/").split("/")
    return f"https://{owner.lower()}.github.io/{name}/"


def badges(chapter, address, version):
    """Return Markdown badges (Colab, Binder) that open a chapter at the tag of a version."""
    colab, binder = places(f"notebooks/{chapter.file}.ipynb", address, version)
    on_colab = f"[![Open in Colab]({_COLAB_BADGE})]({colab})"
    return f"{on_colab} [![Open on Binder]({_BINDER_BADGE})]({binder})"


def navigation(contents, number):
    """Return a chapter's links: previous, contents, next."""
    links = [_CONTENTS]
    if number > 0:
        links.insert(0, "← " + _link(contents[number - 1]))
    if number < len(contents) - 1:
        links.append(_link(contents[number + 1]) + " →")
    return " · ".join(links)


def setup_cell(address, version):
    """Return the cell, with its `# %%` line, that installs the course on Colab."""
    source = f"{address}/archive/refs/tags/v{version}.zip" if address else "course.zip"
    return _SETUP_CELL.format(source=source)


def stamp_chapter(text, contents, number, address, version, has_exercises=False):
    """Return a chapter's .py text with its title, badges, links, setup cell, and its exercises."""
    chapter, links = contents[number], navigation(contents, number)
    before, *cells = re.split(r"^(?=# %%)", text, flags=re.MULTILINE)
    cells = [cell for cell in cells if not _STAMPED.match(cell)]
    if not (head := cells and _HEAD.match(cells[0])):
        raise ValueError(
            f"{chapter.file}: no Markdown cell that begins with a title '# ...' and an empty line."
        )
    lines = [f"# {chapter.title}", "", f"{links} · {chapter.minutes} minutes", ""]
    if address:
        lines[2:2] = [badges(chapter, address, version), ""]
    cells[0] = "# %% [markdown]\n" + _commented(lines) + cells[0][head.end() :]
    is_text = [cell.startswith("# %% [markdown]") for cell in cells]
    cells.insert(is_text.index(False), setup_cell(address, version) + "\n")
    sheet = f"../exercises/student/{chapter.file}.ipynb"
    practice = [f"**Your turn:** [the exercises]({sheet})", ""] if has_exercises else []
    foot = '\n# %% [markdown] tags=["navigation"]\n' + _commented([*practice, links])
    return before + "".join(cells).rstrip("\n") + "\n" + foot


def stamp_introduction(text, contents):
    """Return a text with the table of questions, as chapter 1 has it."""
    rows = ["| chapter | question |", "|---|---|"]
    for chapter in contents:
        rows += [f"| **{chapter.part}** | |"] if chapter.part else []
        rows.append(f"| {_link(chapter)} | {chapter.question} |")
    return _fill(
        text, "# <!-- stamp: questions -->\n", _commented(["", *rows, ""]), "# <!-- end -->"
    )


def stamp_readme(text, contents, address, version):
    """Return the README's text with the badges of the course and the table of chapters."""
    opening = _NO_ADDRESS
    if address:
        open_it = badges(contents[0], address, version)
        opening = (
            f"Nothing to install: [read it as a book]({book(address)}), or run it: {open_it}\n"
        )
    text = _fill(text, "<!-- stamp: open -->\n", opening, "<!-- end -->")
    rows = ["| chapter | time | you learn |", "|---|---|---|"]
    for chapter in contents:
        rows += [f"| **{chapter.part}** | | |" + " |" * bool(address)] if chapter.part else []
        row = f"| {_link(chapter, 'notebooks/')} | {chapter.minutes} min | {chapter.learn} |"
        rows.append(row + (f" {badges(chapter, address, version)} |" if address else ""))
    if address:
        rows[:2] = [rows[0] + " open it |", rows[1] + "---|"]
    table = "\n".join(rows) + "\n"
    return _fill(text, "<!-- stamp: chapters -->\n", table, "<!-- end -->")


def stamp_form(text, contents):
    """Return the issue form with the chapters to choose from."""
    options = "".join(f"        - {chapter.title}\n" for chapter in contents)
    return _fill(text, "# stamp: chapters\n", options, "        # end")


def stamped(root):
    """Return {path: text as it should be} of all stamped files.

    Raises:
        ValueError: A chapter has no row in the table of contents, or a row no chapter.
    """
    contents, (address, version) = read_contents(root), read_address(root)
    folder = root / "notebooks"
    listed = {chapter.file for chapter in contents}
    if odd := listed ^ {path.stem for path in folder.glob("*.py")}:
        raise ValueError(f"Only one of notebooks/ and contents.toml has: {', '.join(sorted(odd))}.")
    readme, form = root / "README.md", root / ".github/ISSUE_TEMPLATE/problem.yml"
    texts = {
        readme: stamp_readme(_read(readme), contents, address, version),
        form: stamp_form(_read(form), contents),
    }
    for number, chapter in enumerate(contents):
        path = folder / f"{chapter.file}.py"
        has_exercises = (root / SHEETS / f"{chapter.file}.py").exists()
        texts[path] = stamp_chapter(_read(path), contents, number, address, version, has_exercises)
        if "<!-- stamp: questions -->" in texts[path]:
            texts[path] = stamp_introduction(texts[path], contents)
    return texts


def main(arguments, root=ROOT):
    """Write or check; returns the exit code."""
    stale = {path: text for path, text in stamped(root).items() if _read(path) != text}
    for path, text in stale.items():
        if arguments == ["check"]:
            print(f"{path.relative_to(root)}: not as stamped; run 'make stamp'")
        else:
            path.write_text(text, encoding="utf-8")
            print(f"{path.relative_to(root)}: stamped")
    return int(bool(stale) and arguments == ["check"])


def _read(path):
    return path.read_text(encoding="utf-8")


def _link(chapter, folder=""):
    return f"[{chapter.title}]({folder}{chapter.file}.ipynb)"


def _commented(lines):
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def _fill(text, start, inside, end):
    pattern = re.escape(start) + r".*?(?=" + re.escape(end) + ")"
    text, count = re.subn(pattern, lambda _: start + inside, text, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"There must be one place {start.strip()!r}, not {count}.")
    return text


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["check"]):
        sys.exit(__doc__)
    try:
        sys.exit(main(sys.argv[1:]))
    except ValueError as error:
        sys.exit(str(error))
