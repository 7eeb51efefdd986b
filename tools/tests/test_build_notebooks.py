"""The tool that builds the chapters, on tiny ones; and nbval, which must notice a wrong number."""

import io
import json
import shutil
import subprocess
import sys

import matplotlib
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
import matplotlib.pyplot as plt

print("sum of squares:", sum(n * n for n in numbers))
plt.plot([1, 3, 2])
plt.show()
sum(numbers)

"""
CAPTION = "# %% [markdown]\n# *A line: `up` and\n# [down](x.md).*\n#\n# More of it.\n\n"
CHAPTER += CAPTION


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A built chapter; tests that change it work on a copy."""
    source = write(tmp_path_factory.mktemp("built"), CHAPTER)
    with pytest.MonkeyPatch.context() as author:
        author.setenv("COURSE_MODEL", "vgg16")  # what an author works with must not matter
        author.setenv("MPLBACKEND", "agg")
        assert tool.build(source)
    return source


@pytest.fixture
def copy(built, tmp_path):
    """A copy of the built chapter."""
    for path in (built, built.with_suffix(".ipynb")):
        shutil.copy(path, tmp_path)
    return tmp_path / built.name


def write(folder, text, name="01_tiny"):
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


def load(source):
    return nbformat.read(source.with_suffix(".ipynb"), nbformat.NO_CONVERT)


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path.name}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_build_executes_and_stores_outputs_and_a_second_one_gives_the_same_bytes(built, copy):
    notebook = load(built)
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "code", "markdown"]
    assert notebook.metadata == tool.METADATA
    assert [cell.execution_count for cell in notebook.cells[1:3]] == [1, 2]
    assert notebook.cells[1].metadata == {"tags": ["nbval-ignore-output"]}
    assert notebook.cells[1].outputs[0].text == "model: embedded\n"
    stream, figure, result = notebook.cells[2].outputs
    assert stream.text == "sum of squares: 14\n"
    assert figure.metadata == {"image/png": {"alt": "A line: up and down."}}
    assert result.data == {"text/plain": "6"}
    assert tool.check(built.parent) == []
    copy.with_suffix(".ipynb").unlink()
    assert tool.build(copy) is True and tool.build(copy) is False
    assert load(copy) == notebook


PICTURE = "# %%\nimport matplotlib.pyplot as plt\n\nplt.plot([1, 3, 2])\nplt.show()\n\n"


@pytest.mark.parametrize(
    "text",
    [
        PICTURE,
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


def test_a_chart_of_many_colors_keeps_a_rare_one():
    """Four blue cells of a map among its reds, over a gray photograph, stay blue."""
    reds = matplotlib.colormaps["Reds"](np.arange(250), bytes=True)[:, :3]
    shades = np.linspace(0.6, 1, 10)[:, np.newaxis, np.newaxis]
    pixels = np.uint8(shades * reds).repeat(10, axis=0)
    pixels[40:44, 60:64] = 20, 60, 120
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    stored, contents = tool.compress(file.getvalue())
    shown = np.asarray(Image.open(io.BytesIO(contents)).convert("RGB")).astype(int)
    assert stored == "png" and np.abs(shown - pixels).max() <= 16


def test_a_still_picture_keeps_its_transparent_ground():
    """Ground, letters and colors of a map: what is clear stays clear, what is solid stays solid."""
    pixels = np.full((90, 128, 4), (118, 118, 118, 0), np.uint8)
    pixels[10:20, :, 3] = np.linspace(0, 255, 128)  # the edge of a letter
    pixels[40:] = matplotlib.colormaps["viridis"](np.arange(128) * 2, bytes=True)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    stored, contents = tool.compress(file.getvalue())
    shown = np.asarray(Image.open(io.BytesIO(contents)).convert("RGBA")).astype(int)
    assert stored == "png" and Image.open(io.BytesIO(contents)).mode == "P"
    for alpha in (0, 255):
        assert (shown[pixels[:, :, 3] == alpha, 3] == alpha).mean() > 0.99
    assert np.abs(shown - pixels)[40:].max() <= 16  # a step of the octree
    assert np.abs(shown - pixels)[:40].max() <= 32


def test_cell_ids_follow_the_contents(tmp_path):
    before = [cell.id for cell in tool.read_source(write(tmp_path, CHAPTER)).cells]
    text = CHAPTER.replace("# A tiny", "# A small") + "\n# %%\nsum(numbers)\n\n# %%\nsum(numbers)\n"
    after = [cell.id for cell in tool.read_source(write(tmp_path, text)).cells]
    assert len(set(after)) == len(after) == 6
    assert after[0] != before[0]
    assert after[1:4] == before[1:]


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("n * n", "n + n", "01_tiny: stale: cell 3"),
        ('"nbval-ignore-output"', '"nbval-skip"', "stale: cell 2"),
        ("# *A line", "# Words.\n\n# %% [markdown]\n# *A line", "stale: cell 4"),
    ],
)
def test_check_notices_any_change_of_the_source(copy, old, new, finding):
    edit(copy, old, new)
    [found] = tool.check(copy.parent)
    assert finding in found and "build_notebooks.py build 01_tiny" in found


def test_check_notices_a_missing_an_orphaned_and_a_broken_notebook(copy):
    copy.rename(copy.with_name("02_new.py"))
    missing, orphan = tool.check(copy.parent)
    assert "02_new.ipynb is missing" in missing
    assert "01_tiny.ipynb has no .py source" in orphan
    copy.with_name("02_new.ipynb").write_text("<<<<<<< HEAD\n{}")
    assert "not a valid notebook" in tool.check(copy.parent)[0]


def _error_output(notebook):
    error = nbformat.v4.new_output("error", ename="KeyError", evalue="'x'", traceback=[])
    notebook.cells[2].outputs.append(error)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda n: n.cells[1].update(execution_count=None), "not executed from top to bottom"),
        (_error_output, "cell 2 ends in KeyError: 'x'"),
        (lambda n: n.metadata.update(widgets={}), "metadata"),
        (lambda n: n.cells[2].outputs[0].update(text="x" * 2_000_001), "more than 2,000,000"),
    ],
)
def test_check_notices_what_was_stored_wrongly(copy, change, message):
    notebook = load(copy)
    change(notebook)
    copy.with_suffix(".ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    [finding] = tool.check(copy.parent)
    assert message in finding


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("print(1)\n\n# %%\n{}['one']", "(?s){}.*KeyError: 'one'"),
        ("import sys\nprint('careful', file=sys.stderr)", "cell 1 writes to stderr: careful"),
        ("print('UserWarning: ragged')", "cell 1 prints a warning"),
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


def test_a_failed_build_keeps_the_old_notebook_and_the_others_go_on(built, copy, capsys):
    edit(copy, "n * n", "n * m")
    write(copy.parent, "# %%\nprint(2)", name="02_next")
    assert tool.main(["build"], copy.parent) == 1
    printed = capsys.readouterr().out
    assert "01_tiny ... NOT written:" in printed
    assert "NameError: name 'm' is not defined" in printed
    assert "02_next ... written" in printed
    assert load(copy) == load(built)
    with pytest.raises(SystemExit, match=r"no chapter '01_tyni'.*01_tiny"):
        tool.main(["build", "01_tyni"], copy.parent)


def test_a_wrong_number_in_a_chapter_fails_nbval(copy):
    edit(copy.with_suffix(".ipynb"), "sum of squares: 14", "sum of squares: 15")
    (copy.parent / "none.ini").write_text("[pytest]\n")  # away from this project's settings
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env"]
    command += ["-p", "no:cacheprovider", "--rootdir", copy.parent, "-c", copy.parent / "none.ini"]
    run = subprocess.run([*command, copy.with_suffix(".ipynb")], capture_output=True, text=True)
    assert run.returncode == 1 and "mismatch 'stdout'" in run.stdout
    assert "1 failed, 1 passed" in run.stdout
