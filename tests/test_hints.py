"""Cells run out of order say which cell to run first, in every chapter."""

import builtins
import json
import os
import symtable
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from course_utils.hints import missing_name_hint

CHAPTERS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def code(source):
    return {"cell_type": "code", "source": source}


def text(source):
    return {"cell_type": "markdown", "source": source}


def test_the_cell_and_its_heading_are_named():
    cells = [
        text("# Title\n\n## First"),
        code("x = 1"),
        text("## Second\nwords"),
        code("\ny = x\n"),
    ]
    assert missing_name_hint("y", cells).startswith(
        "'y' is made in the cell that begins with `y = x`, under \"Second\". Run >"
    )
    assert '`x = 1`, under "First"' in missing_name_hint("x", cells)


@pytest.mark.parametrize(
    "source",
    ["def f(): pass", "class f: pass", "import a.b as f", "from a import f", "for f in []: pass",
     "with open('a') as f: pass", "e, (f, g) = 1, (2, 3)", "%magic x\nf = 1", "f: int = 1"],
)  # fmt: skip
def test_every_way_to_make_a_name(source):
    assert "is made in the cell" in missing_name_hint("f", [code(source)])


@pytest.mark.parametrize("source", ["f", "g(f)", "def g():\n  f = 1", "f = = 1", "[f for f in x]"])
def test_names_that_a_cell_does_not_make(source):
    assert missing_name_hint("f", [code(source)]).startswith("If 'f' is made in a cell further up")


def test_without_the_notebook_the_menu_is_named():
    assert "Run All Above Selected Cell" in missing_name_hint("x", [])


def names(source, used):
    symbols = symtable.symtable(source, "cell", "exec").get_symbols()
    return {s.get_name() for s in symbols if (s.is_referenced() if used else s.is_assigned())}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_whatever_a_chapters_cell_needs_is_found_above_it(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    wanted = 0
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            source = "".join(line for line in cell["source"] if not line.startswith("%"))
            before = cells[:number]
            for name in names(source, used=True) - names(source, used=False) - set(dir(builtins)):
                if name not in source.partition("import")[2].split():
                    wanted += 1
                    assert "is made in the cell" in missing_name_hint(name, before), (name, source)
    assert wanted > 5


def run(cells, tmp_path):
    """Run cells as JupyterLab would, which tells the kernel the notebook's path."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    path = tmp_path / "chapter.ipynb"
    nbformat.write(notebook, path)
    order = notebook.cells[:1] + notebook.cells[2:]  # the second one is left out
    left_out = nbformat.v4.new_notebook(cells=order)
    client = NotebookClient(left_out, kernel_name="python3", allow_errors=True)
    client.execute(env={**os.environ, "JPY_SESSION_NAME": str(path)}, cleanup_kc=True)
    return left_out.cells[1].outputs


def test_a_cell_run_too_early_says_which_one_comes_first(tmp_path):
    outputs = run(["%load_ext course_utils.hints", "image = 1", "print(image)"], tmp_path)
    shown = "".join(output.get("text", "") for output in outputs)
    assert "'image' is made in the cell that begins with `image = 1`." in shown
    assert [output.ename for output in outputs if output.output_type == "error"] == ["NameError"]


def test_an_error_inside_a_function_gets_no_hint(tmp_path):
    cells = ["%load_ext course_utils.hints\nimage = 1", "", "raise NameError('other')"]
    assert len(run(cells, tmp_path)) == 1


def test_a_chapter_goes_on_after_a_restart_in_its_middle():
    """As chapter 1 says: run all above, then go on. What the first kernel left is in no way."""
    path = CHAPTERS[1]
    notebook = nbformat.read(path, as_version=4)
    cells = [(i, cell) for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for count in (len(cells) // 2, len(cells) // 2 + 1):
        resources = {"metadata": {"path": str(path.parent)}}
        client = NotebookClient(notebook, kernel_name="python3", resources=resources)
        with client.setup_kernel():
            for index, cell in cells[:count]:
                client.execute_cell(cell, index)  # raises what the cell raises
