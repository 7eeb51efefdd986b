"""Stamp the repository's address into chapters and README: badges, links, the setup cell.

    python tools/stamp.py           write them
    python tools/stamp.py check     one line for each file that is out of step

The address and the version stand in pyproject.toml, [project] `version` and [project.urls]
`Repository`. While there is no address there are no badges, and the setup cell expects course.zip.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_COLAB_BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
_BINDER_BADGE = "https://mybinder.org/badge_logo.svg"

_SETUP = re.compile(r'(?<=\n)# %% cellView="form".*?\n(?=# %%)', re.DOTALL)
_SETUP_CELL = """\
# %% cellView="form" jupyter={{"source_hidden": true}} tags=["nbval-ignore-output"]
# @title Setup: on Colab this installs the course and fetches VGG16, elsewhere it does nothing
import sys

if "google.colab" in sys.modules:
    import re
    import subprocess
    from importlib.metadata import distributions, requires

    def install(package):
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", package]
        if subprocess.run(command).returncode:
            raise SystemExit("pip could not install the course, and says why above.")

    install("{source}")
    needed = [line for line in requires("course-utils") if "extra" not in line]
    for line in [*needed, "deprecated"]:  # the last one is for tf-keras-vis
        name = re.match("[a-z0-9-]+", line)[0]
        if not any(distributions(name=name)):  # what is there stays: Colab keeps its TensorFlow
            install(name)

    get_ipython().extension_manager.load_extension("course_utils.hints")

    from course_utils.__main__ import main

    if main(["fetch", "vgg16"]):
        print("The chapter goes on with the network that is part of the course.")
"""
_TITLE = re.compile(r"^(# # .*\n)(#\n# \[!\[Open.*\n)?", re.MULTILINE)
_OPEN = re.compile(r"(?<=<!-- stamp: open -->\n).*?(?=<!-- end -->)", re.DOTALL)
_HEAD = re.compile(r"^(\| chapter \| time \| you learn \|).*\n(\|---\|---\|---\|).*$", re.MULTILINE)
_ROW = re.compile(r"^(\| \[[^]]+\]\(notebooks/(\w+)\.ipynb\)( \| [^|]+){2} \|).*$", re.MULTILINE)
_NO_ADDRESS = """\
This copy of the course has no public address yet, so there are no badges. Colab can run it all the
same: `git archive --output course.zip HEAD` packs it; open a chapter with *File > Upload notebook*,
upload `course.zip` in the *Files* pane, and run the chapter's first cell. Binder needs the address.
"""
_WITH_ADDRESS = """\
Nothing to install: {colab} {binder}

Colab has memory for VGG16, and each chapter's first cell fetches it there. Binder opens chapter 1
with the embedded network.
"""


def links(name, address, version):
    """Return Markdown badges (Colab, Binder) that open a chapter at the tag of a version."""
    path = address.removeprefix("https://github.com/")
    chapter = f"notebooks/{name}.ipynb"
    colab = f"https://colab.research.google.com/github/{path}/blob/v{version}/{chapter}"
    binder = f"https://mybinder.org/v2/gh/{path}/v{version}?urlpath=lab/tree/{chapter}"
    return (
        f"[![Open in Colab]({_COLAB_BADGE})]({colab})",
        f"[![Open on Binder]({_BINDER_BADGE})]({binder})",
    )


def stamp_chapter(text, name, address, version):
    """Return a chapter's .py text with its badges and setup cell; address None: no badges."""
    badges = "#\n# " + " ".join(links(name, address, version)) + "\n" if address else ""
    source = f"{address}/archive/refs/tags/v{version}.zip" if address else "course.zip"
    cell = _SETUP_CELL.format(source=source) + "\n"
    text = _replace(_TITLE, lambda match: match[1] + badges, text, f"{name}: no title")
    return _replace(_SETUP, lambda _: cell, text, f"{name}: no setup cell")


def stamp_readme(text, address, version):
    """Return the README's text with the badges of the course and of each chapter."""
    opening = _NO_ADDRESS
    if address:
        colab, binder = links("01_introduction", address, version)
        opening = _WITH_ADDRESS.format(colab=colab, binder=binder)
    text = _replace(_OPEN, lambda _: opening, text, "README: no place for the badges")
    ends = (" open it |", "---|") if address else ("", "")
    text = _replace(
        _HEAD, lambda m: m[1] + ends[0] + "\n" + m[2] + ends[1], text, "README: no chapter table"
    )

    def row(match):
        return match[1] + (f" {' '.join(links(match[2], address, version))} |" if address else "")

    return _ROW.sub(row, text)


def stamped(root, address, version):
    """Return {path: text as it should be} of all files that carry the address."""
    texts = {}
    for path in sorted((root / "notebooks").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        texts[path] = stamp_chapter(text, path.stem, address, version)
    readme = root / "README.md"
    texts[readme] = stamp_readme(readme.read_text(encoding="utf-8"), address, version)
    return texts


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


def main(arguments, root=ROOT):
    """Write or check; returns the exit code."""
    stale = {
        path: text
        for path, text in stamped(root, *read_address(root)).items()
        if path.read_text(encoding="utf-8") != text
    }
    for path, text in stale.items():
        if arguments == ["check"]:
            print(f"{path.relative_to(root)}: not as stamped; run 'make stamp'")
        else:
            path.write_text(text, encoding="utf-8")
            print(f"{path.relative_to(root)}: stamped")
    return int(bool(stale) and arguments == ["check"])


def _replace(pattern, replacement, text, problem):
    text, count = pattern.subn(replacement, text)
    if count != 1:
        raise ValueError(f"{problem}, or more than one.")
    return text


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["check"]):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
