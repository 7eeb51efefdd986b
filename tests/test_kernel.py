"""What a kernel gets: TensorFlow without notices; cells run out of order say which comes first."""

import builtins
import json
import os
import re
import symtable
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from course_utils.hints import missing_name_hint

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))


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


def missing_names(source):
    """Return the names that a cell reads and does not make."""
    symbols = symtable.symtable(source, "cell", "exec").get_symbols()
    made = {s.get_name() for s in symbols if s.is_assigned() or s.is_imported()}
    given = {*dir(builtins), "get_ipython"}
    return {s.get_name() for s in symbols if s.is_referenced()} - made - given


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_whatever_a_chapters_cell_needs_is_found_above_it(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    wanted = 0
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            source = "".join(line for line in cell["source"] if not line.startswith("%"))
            for name in missing_names(source):
                wanted += 1
                hint = missing_name_hint(name, cells[:number])
                assert "is made in the cell" in hint, (name, source)
    assert wanted > 5


def run_in_new_kernel(cell, path):
    """Run one cell as JupyterLab would, which tells the kernel its notebook's path."""
    alone = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    client = NotebookClient(alone, kernel_name="python3", allow_errors=True)
    client.execute(env={**os.environ, "JPY_SESSION_NAME": str(path)}, cleanup_kc=True)
    outputs = alone.cells[0].outputs
    text = "".join(output.text for output in outputs if output.output_type == "stream")
    return text, [output.ename for output in outputs if output.output_type == "error"]


def test_the_last_cell_in_a_new_kernel_says_which_one_comes_first():
    """Nothing has been run or loaded: the environment's own settings bring the hint."""
    path = CHAPTERS[2]
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    last = [cell for cell in cells if cell["cell_type"] == "code"][-1]
    text, errors = run_in_new_kernel("".join(last["source"]), path)
    assert errors == ["NameError"]
    assert re.search(r"^'\w+' is made in the cell that begins with `.+`", text, re.MULTILINE)


@pytest.mark.parametrize("path", ["a kernel without a notebook", CHAPTERS[0].with_suffix(".py")])
def test_where_the_notebook_is_not_known_the_menu_is_named(path):
    text, errors = run_in_new_kernel("print(image)", path)
    assert errors == ["NameError"]
    assert text.startswith("If 'image' is made in a cell further up, that cell has not been run.")


def test_colabs_own_help_with_failed_imports_stays():
    """Colab has a handler, too, and IPython room for one."""
    cell = """
shell = get_ipython()
shell.set_custom_exc((ImportError,), lambda self, *error, tb_offset=None: print("Colab's help"))
from course_utils.hints import show_hints
show_hints(shell)
"""
    path = CHAPTERS[0]
    assert run_in_new_kernel(cell + "import no_such_module", path)[0] == "Colab's help\n"
    assert "'shark' is made in the cell" in run_in_new_kernel(cell + "shark", path)[0]


def test_this_environment_has_the_settings_of_the_project():
    """Also after an upgrade: they are copied when the package is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert {Path(source) for source in shared} == {
        path.relative_to(ROOT) for path in ROOT.glob("tools/jupyter/*.*")
    }
    for source, target in shared.items():
        assert Path(sys.prefix, target).read_bytes() == (ROOT / source).read_bytes()


def test_a_new_kernel_imports_tensorflow_without_its_notices():
    cell = "import tensorflow as tf\nprint(int(tf.constant(2) + 1))"
    assert run_in_new_kernel(cell, CHAPTERS[0]) == ("3\n", [])
