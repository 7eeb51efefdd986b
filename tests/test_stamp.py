"""The repository's address stands in one place, and everything stamped from it is in step."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace as Namespace

import jupytext
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import stamp  # noqa: E402

ADDRESS = "https://github.com/some-school/look-inside.cnns"
CHAPTERS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.py"))


@pytest.fixture
def course(tmp_path):
    """A copy of all that carries the address."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=lambda *_: ["*.ipynb"])
    for name in ("README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    set_address(tmp_path, None)
    stamp.main([], tmp_path)
    return tmp_path


def set_address(course, address):
    path = course / "pyproject.toml"
    text = re.sub(r"\n\[project\.urls\]\n(?:\w.*\n)*", "\n", path.read_text(encoding="utf-8"))
    if address:
        text += f'\n[project.urls]\nRepository = "{address}"\n'
    path.write_text(text, encoding="utf-8")


def texts(course):
    files = [course / "README.md", *(course / "notebooks").glob("*.py")]
    return {path.name: path.read_text(encoding="utf-8") for path in files}


def setup_cell(text):
    cells = jupytext.reads(text, fmt="py:percent").cells
    return next(cell.source for cell in cells if cell.cell_type == "code")


def test_this_copy_is_stamped(capsys):
    assert stamp.main(["check"]) == 0, capsys.readouterr().out


def test_all_chapters_have_the_same_setup_cell(course):
    set_address(course, ADDRESS)
    stamp.main([], course)
    cells = {setup_cell(text) for name, text in texts(course).items() if name != "README.md"}
    assert len(cells) == 1
    [cell] = cells
    version = stamp.read_address(course)[1]
    assert f'install("{ADDRESS}/archive/refs/tags/v{version}.zip")' in cell


def test_each_chapter_opens_itself(course):
    set_address(course, ADDRESS)
    stamp.main([], course)
    version, written = stamp.read_address(course)[1], texts(course)
    for name in CHAPTERS:
        path = f"notebooks/{name}.ipynb"
        colab = f"https://colab.research.google.com/github/some-school/look-inside.cnns/blob/v{version}/{path}"
        binder = f"https://mybinder.org/v2/gh/some-school/look-inside.cnns/v{version}?urlpath=lab/tree/{path}"
        for text in (written[f"{name}.py"], written["README.md"]):
            assert f"({colab})" in text and f"({binder})" in text
    assert "no public address" not in written["README.md"]


def test_without_an_address_the_readme_says_so(course):
    written = texts(course)
    assert "has no public address yet" in " ".join(written["README.md"].split())
    assert not [name for name, text in written.items() if "badge" in text.replace("badges", "")]
    assert 'install("course.zip")' in written["01_introduction.py"]


def test_stamping_twice_or_back_and_forth_changes_nothing(course):
    without = texts(course)
    set_address(course, ADDRESS)
    assert stamp.main([], course) == 0
    with_address = texts(course)
    assert stamp.main([], course) == 0 and texts(course) == with_address
    set_address(course, None)
    stamp.main([], course)
    assert texts(course) == without


def test_a_new_address_leaves_nothing_of_the_old_one(course):
    set_address(course, ADDRESS)
    stamp.main([], course)
    set_address(course, "https://github.com/another/place")
    stamp.main([], course)
    assert not [name for name, text in texts(course).items() if "some-school" in text]


@pytest.mark.parametrize("name", ["README.md", *(f"notebooks/{name}.py" for name in CHAPTERS)])
def test_a_forgotten_file_is_found(course, name, capsys):
    set_address(course, ADDRESS)
    stamp.main([], course)
    path = course / name
    path.write_text(path.read_text(encoding="utf-8").replace("some-school", "old-school", 1))
    capsys.readouterr()
    assert stamp.main(["check"], course) == 1
    assert capsys.readouterr().out == f"{name}: not as stamped; run 'make stamp'\n"


def test_the_address_stands_nowhere_else():
    """What is not stamped must not name this course's place on the web."""
    address, _ = stamp.read_address(ROOT)
    listing = subprocess.run(
        ["git", "grep", "-lE", r"mybinder[.]org/v2|colab[.]research[.]google[.]com/github"]
        + (["-e", address] if address else []),
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if listing.returncode > 1:
        pytest.skip("not a git checkout: which files belong to the project is not known")
    stamped = {"README.md", "pyproject.toml", "tools/stamp.py", "tests/test_stamp.py"}
    stamped |= {f"notebooks/{name}{end}" for name in CHAPTERS for end in (".py", ".ipynb")}
    assert set(listing.stdout.split()) <= stamped


@pytest.mark.parametrize(
    "address",
    ["http://github.com/a/b", "https://example.com/a/b", "https://github.com/a/b.git", "a/b", ""],
)
def test_an_address_that_colab_cannot_open_is_refused(course, address):
    text = (course / "pyproject.toml").read_text(encoding="utf-8")
    text += f'\n[project.urls]\nRepository = "{address}"\n'
    (course / "pyproject.toml").write_text(text, encoding="utf-8")
    before = texts(course)
    with pytest.raises(ValueError, match=f"OWNER/NAME, not '{address}'"):
        stamp.main([], course)
    assert texts(course) == before


def test_a_chapter_without_a_setup_cell_stops_everything(course):
    path = course / "notebooks/05_conclusion.py"
    path.write_text(path.read_text(encoding="utf-8").replace("cellView", "view"), encoding="utf-8")
    set_address(course, ADDRESS)
    before = texts(course)
    with pytest.raises(ValueError, match="05_conclusion: no setup cell"):
        stamp.main([], course)
    assert texts(course) == before


# The setup cell, run


def run_cell(monkeypatch, on_colab, codes=(0, 0, 0), fetched=0):
    """Run the setup cell with stand-ins for pip and IPython; returns what it has asked them."""
    commands = []

    def run(command):
        commands.append(command[1:])
        return subprocess.CompletedProcess(command, codes[len(commands) - 1])

    def main(arguments):
        commands.append(arguments)
        return fetched

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr("course_utils.__main__.main", main)
    lines = ["pooch>=1", "scikit-image >=0.2", "numpy>=2", 'ruff>=0.9; extra == "dev"']
    monkeypatch.setattr("importlib.metadata.requires", lambda name: lines)
    there = {"scikit-image", "numpy"}
    monkeypatch.setattr("importlib.metadata.distributions", lambda name: {name} & there)
    if on_colab:
        monkeypatch.setitem(sys.modules, "google.colab", sys)
    text = (ROOT / "notebooks/01_introduction.py").read_text(encoding="utf-8")
    ipython = Namespace(extension_manager=Namespace(load_extension=commands.append))
    exec(compile(ast.parse(setup_cell(text)), "cell", "exec"), {"get_ipython": lambda: ipython})
    return commands


def test_elsewhere_the_setup_cell_does_nothing(monkeypatch, capsys):
    assert run_cell(monkeypatch, on_colab=False) == []
    assert capsys.readouterr() == ("", "")


def test_on_colab_it_adds_what_is_missing_and_fetches_vgg16(monkeypatch, capsys):
    *packages, extension, fetch = run_cell(monkeypatch, on_colab=True)
    pip = ["-m", "pip", "install", "--quiet", "--no-deps"]
    assert [command[:-1] for command in packages] == 3 * [pip]
    assert [command[-1] for command in packages[1:]] == ["pooch", "deprecated"]
    assert extension == "course_utils.hints"
    assert fetch == ["fetch", "vgg16"] and capsys.readouterr().out == ""


def test_without_vgg16_the_chapter_goes_on(monkeypatch, capsys):
    run_cell(monkeypatch, on_colab=True, fetched=1)
    assert "goes on with the network" in capsys.readouterr().out


@pytest.mark.parametrize("codes", [(1, 0, 0), (0, 1, 0)])
def test_a_failed_installation_ends_the_cell_in_a_sentence(monkeypatch, codes):
    with pytest.raises(SystemExit, match="pip could not install the course"):
        run_cell(monkeypatch, on_colab=True, codes=codes)
