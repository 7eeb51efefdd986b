"""The tool that builds the chapters, on tiny ones; and nbval, which must notice a wrong number."""

import io
import json
import subprocess
import sys

import nbformat
import numpy as np
import pytest
from PIL import Image

from tools import build_notebooks as tool

CHAPTER = """\
# %% [markdown]
# # A tiny chapter

# %% tags=["nbval-ignore-output"]
import os

numbers = [1, 2, 3]
print("model:", os.environ.get("COURSE_MODEL"))

# %%
print("sum of squares:", sum(n * n for n in numbers))
sum(numbers)
"""


@pytest.fixture
def chapter(tmp_path):
    return write(tmp_path, CHAPTER)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A built chapter; tests that change it work on a copy."""
    source = write(tmp_path_factory.mktemp("built"), CHAPTER)
    with pytest.MonkeyPatch.context() as author:
        author.setenv("COURSE_MODEL", "vgg16")  # what an author works with must not matter
        assert tool.build(source)
    return source


def write(folder, text, name="01_tiny"):
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


def copy_pair(source, folder):
    for path in (source, source.with_suffix(".ipynb")):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder / source.name


def load(source):
    return nbformat.read(source.with_suffix(".ipynb"), nbformat.NO_CONVERT)


def store(notebook, source):
    source.with_suffix(".ipynb").write_text(json.dumps(notebook), encoding="utf-8")


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path.name}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def nbval(path):
    """Run nbval on one notebook, away from this project's settings; returns (exit code, output)."""
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env"]
    command += ["-p", "no:cacheprovider", "--rootdir", path.parent, "-c", path.parent / "none.ini"]
    (path.parent / "none.ini").write_text("[pytest]\n")
    run = subprocess.run([*command, path], capture_output=True, text=True, timeout=600)
    return run.returncode, run.stdout + run.stderr


def test_build_executes_and_stores_outputs(built):
    notebook = load(built)
    nbformat.validate(notebook)
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "code"]
    assert notebook.metadata == tool.METADATA
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2]
    assert notebook.cells[1].metadata == {"tags": ["nbval-ignore-output"]}
    assert notebook.cells[1].outputs[0].text == "model: embedded\n"
    stream, result = notebook.cells[2].outputs
    assert stream.text == "sum of squares: 14\n"
    assert result.data == {"text/plain": "6"}
    assert tool.check(built.parent) == []


def test_second_build_gives_the_same_bytes(built, tmp_path):
    source = copy_pair(built, tmp_path)
    assert tool.build(source) is False
    source.with_suffix(".ipynb").unlink()
    assert tool.build(source) is True
    assert source.with_suffix(".ipynb").read_bytes() == built.with_suffix(".ipynb").read_bytes()


PICTURE = "# %%\nimport matplotlib.pyplot as plt\n\nplt.plot([1, 3, 2])\nplt.show()\n\n"
CAPTION = "# %% [markdown]\n# *A line: `up` and\n# [down](x.md).*\n#\n# More of it.\n\n"


def test_a_picture_gets_its_caption_as_alternative_text(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")  # the student's shell must not decide what is shown
    source = write(tmp_path, PICTURE + "# %%\nprint(1)\n\n" + CAPTION)
    assert tool.build(source) is True
    notebook = load(source)
    [output] = notebook.cells[0].outputs
    assert "image/png" in output.data
    assert output.metadata == {"image/png": {"alt": "A line: up and down."}}
    assert tool.build(source) is False  # the same bytes
    output.metadata["image/png"]["alt"] = "A curve."
    store(notebook, source)
    (finding,) = tool.check(tmp_path)
    assert "the picture of cell 1 lacks its alternative text" in finding


@pytest.mark.parametrize(
    "text",
    [
        PICTURE,
        PICTURE + "# %% [markdown]\n# A line.\n",
        PICTURE + "# %% [markdown]\n# *A line* in a sentence.\n",
        PICTURE + PICTURE + CAPTION,
        PICTURE + "# %% [markdown]\n# Words.\n\n" + CAPTION,
    ],
)
def test_a_picture_without_a_caption_is_refused(tmp_path, text):
    source = write(tmp_path, text)
    with pytest.raises(tool.BuildError, match="the picture of cell 1 has no caption"):
        tool.build(source)
    assert list(tmp_path.iterdir()) == [source]


def test_a_photograph_is_stored_as_jpeg_and_a_grid_keeps_its_colors():
    generator = np.random.default_rng(0)
    photograph = generator.integers(0, 256, (90, 90, 3), dtype=np.uint8)
    colors = generator.integers(0, 256, (200, 3), dtype=np.uint8)
    grid = colors[generator.integers(0, 200, (90, 90))]
    for pixels, kind in [(photograph, "jpeg"), (grid, "png")]:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        stored, contents = tool.compress(file.getvalue())
        assert stored == kind
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(contents)).convert("RGB")), grid)


def test_a_still_picture_keeps_its_transparent_ground():
    pixels = np.random.default_rng(0).integers(0, 256, (90, 90, 4), dtype=np.uint8)
    pixels[:, :, 3] = 255
    pixels[:40] = 118, 118, 118, 0
    pixels[10:20, :, 3] = np.linspace(0, 255, 90)  # the edge of a letter
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    stored, contents = tool.compress(file.getvalue())
    shown = np.asarray(Image.open(io.BytesIO(contents)))
    assert stored == "png" and len(contents) < 0.8 * len(file.getvalue())
    np.testing.assert_array_equal(shown[:, :, 3], pixels[:, :, 3])
    np.testing.assert_allclose(shown.astype(int), pixels, atol=4)


def test_cell_ids_follow_the_contents(built, tmp_path):
    before = [cell.id for cell in tool.read_source(built).cells]
    text = CHAPTER.replace("# A tiny", "# A small") + "\n# %%\nsum(numbers)\n\n# %%\nsum(numbers)\n"
    after = [cell.id for cell in tool.read_source(write(tmp_path, text)).cells]
    assert len(set(after)) == len(after) == 5
    assert after[0] != before[0]
    assert after[1:3] == before[1:3]


@pytest.mark.parametrize(
    ("old", "new", "cell"),
    [
        ("n * n", "n + n", 3),
        ("A tiny", "A Tiny", 1),
        ('"nbval-ignore-output"', '"nbval-skip"', 2),
        ("sum(numbers)\n", "sum(numbers)\n\n# %%\nlen(numbers)\n", 4),
    ],
)
def test_check_notices_any_change_of_the_source(built, tmp_path, old, new, cell):
    source = copy_pair(built, tmp_path)
    edit(source, old, new)
    (finding,) = tool.check(tmp_path)
    assert f"01_tiny: stale: cell {cell}" in finding
    assert "build_notebooks.py build 01_tiny" in finding


def test_check_notices_a_missing_and_an_orphaned_notebook(built, tmp_path):
    source = copy_pair(built, tmp_path)
    source.touch()  # timestamps decide nothing
    assert tool.check(tmp_path) == []
    source.rename(tmp_path / "02_new.py")
    missing, orphan = tool.check(tmp_path)
    assert "02_new.ipynb is missing" in missing
    assert "01_tiny.ipynb has no .py source" in orphan


def _never_executed(notebook):
    notebook.cells[1].execution_count = None


def _out_of_order(notebook):
    notebook.cells[1].execution_count = 3


def _error_output(notebook):
    error = nbformat.v4.new_output("error", ename="KeyError", evalue="'x'", traceback=[])
    notebook.cells[2].outputs.append(error)


def _widgets_without_state(notebook):
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {}}


def _large(notebook):
    notebook.cells[2].outputs[0].text = "x" * 2_000_001


def _text(text):
    def change(notebook):
        notebook.cells[1].outputs[0].text = text

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_never_executed, "1 of 2 code cells were never executed"),
        (_out_of_order, "not executed from top to bottom"),
        (_error_output, "cell 2 ends in KeyError: 'x'"),
        (_widgets_without_state, "metadata"),
        (_large, "more than 2,000,000"),
        (_text("UserWarning: ragged"), "cell 1 prints a warning"),
        (_text("<Thing at 0x7f12ab34>"), "cell 1 prints a memory address"),
        (_text("in /" + "home/ada/x.py"), "cell 1 prints an absolute path"),
    ],
)
def test_check_notices_what_was_stored_wrongly(built, tmp_path, change, message):
    source = copy_pair(built, tmp_path)
    notebook = load(source)
    change(notebook)
    store(notebook, source)
    (finding,) = tool.check(tmp_path)
    assert message in finding


def test_check_notices_a_broken_file(built, tmp_path):
    source = copy_pair(built, tmp_path)
    source.with_suffix(".ipynb").write_text("<<<<<<< HEAD\n{}")
    (finding,) = tool.check(tmp_path)
    assert "not a valid notebook" in finding


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "print(1)\n\n# %%\nnumbers = {}\nnumbers['one']",
            "cell 2 failed:\n(?s:.*)KeyError: 'one'",
        ),
        ("import sys\nprint('careful', file=sys.stderr)", "cell 1 writes to stderr: careful"),
        ("import warnings\nwarnings.warn('old')", "cell 1 prints a warning"),
        ("object()", "cell 1 prints a memory address"),
        ("import os\nprint(os.__file__, os.getcwd())", "cell 1 prints an absolute path"),
        ("import os\nos._exit(3)", "Kernel died"),
    ],
)
def test_a_refused_build_writes_nothing(tmp_path, code, message):
    source = write(tmp_path, f"# %%\n{code}\n")
    with pytest.raises(tool.BuildError, match=message):
        tool.build(source)
    assert list(tmp_path.iterdir()) == [source]


def test_a_failed_build_keeps_the_old_notebook_and_the_others_go_on(built, tmp_path, capsys):
    source = copy_pair(built, tmp_path)
    edit(source, "n * n", "n * m")
    write(tmp_path, "# %%\nprint(2)", name="02_next")
    assert tool.main(["build"], tmp_path) == 1
    printed = capsys.readouterr().out
    assert "01_tiny ... NOT written:\ncell 2 failed" in printed
    assert "NameError: name 'm' is not defined" in printed
    assert "02_next ... written" in printed
    assert source.with_suffix(".ipynb").read_bytes() == built.with_suffix(".ipynb").read_bytes()


def test_an_unknown_name_is_refused_with_the_known_ones(chapter):
    with pytest.raises(SystemExit, match=r"no chapter '01_tyni'.*01_tiny"):
        tool.main(["build", "01_tyni"], chapter.parent)


def test_of_a_widget_with_a_still_picture_the_picture_is_stored():
    view = "application/vnd.jupyter.widget-view+json"
    data = [{view: {}, "image/png": "aGk=", "text/plain": "words"}, {view: {}, "text/plain": "x"}]
    outputs = [nbformat.v4.new_output("display_data", item) for item in data]
    cell = nbformat.v4.new_code_cell("x", outputs=outputs)
    tool.drop_widget_views(nbformat.v4.new_notebook(cells=[cell]))
    assert [view in output.data for output in cell.outputs] == [False, True]


def test_nbval_accepts_the_stored_numbers(built):
    code, output = nbval(built.with_suffix(".ipynb"))
    assert code == 0, output


def test_a_wrong_number_in_a_chapter_fails_nbval(tmp_path):
    chapter = tmp_path / "01_introduction.ipynb"
    chapter.write_bytes((tool.NOTEBOOKS / chapter.name).read_bytes())
    edit(chapter, 'rocket = cu.load_image(\\"rocket\\")', "rocket = shark")
    code, output = nbval(chapter)
    assert code == 1
    assert "drilling_platform" in output and "mismatch 'stdout'" in output
