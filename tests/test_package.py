"""`import course_utils` is quick and complete; in a notebook it brings a quiet TensorFlow."""

import inspect
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import course_utils as cu

ROOT = Path(__file__).parents[1]


def python(code, **environment):
    """Run code in a fresh interpreter; return the finished process."""
    environment = os.environ | environment
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    "code, absent",
    [
        ("pass", {"numpy", "tensorflow", "matplotlib", "PIL", "requests", "pooch"}),
        ("cu.class_index('tabby')", {"tensorflow", "matplotlib"}),
        ("cu.load_image('coffee')", {"tensorflow", "scipy", "requests", "pooch"}),
    ],
)
def test_a_name_loads_what_it_needs_and_no_more(code, absent):
    code = f"import course_utils as cu; {code}; import json, sys; print(json.dumps([*sys.modules]))"
    run = python(code)
    assert not {name.partition(".")[0] for name in json.loads(run.stdout)} & absent


def test_every_public_name_is_documented_with_its_arguments():
    assert set(cu.__all__) <= set(dir(cu)) and len(cu.__all__) > 20
    for name in set(cu.__all__) - {"BASELINE_MAPS", "METHODS"}:
        value = getattr(cu, name)
        assert value.__name__ == name and inspect.getdoc(value)
        if inspect.isclass(value) and issubclass(value, (tuple, Exception)):
            continue  # a record or an error: it takes no arguments of a user
        missing = [w for w in inspect.signature(value).parameters if w not in value.__doc__]
        assert missing == [], name


def test_the_version_is_that_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert cu.__version__ == project["version"]


def test_a_python_without_the_course_says_so():
    run = python("import sys; sys.modules['lazy_loader'] = None; import course_utils")
    last = run.stderr.splitlines()[-1]
    assert f"not installed for this Python, {sys.executable}. Activate" in last, last


KERAS = """
import os, sys
from types import SimpleNamespace
os.write(2, b"I0000 00:00:1 port.cc:153] a notice\\ntrouble\\n")
backend = SimpleNamespace(backend=lambda: os.environ["KERAS_BACKEND"])
config = SimpleNamespace(set_image_data_format=lambda _: None)
sys.modules["tensorflow"] = sys.modules["keras"]
"""


@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_keras_loads_without_notices_and_runs_on_tensorflow(tmp_path, backend):
    (tmp_path / "keras.py").write_text(KERAS)
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    run = python("import course_utils.backend", PYTHONPATH=path, KERAS_BACKEND=backend)
    first, *others = run.stderr.splitlines()
    assert first == "trouble"
    refused = "runs on 'torch', but the course needs TensorFlow" in run.stderr
    assert refused if backend == "torch" else others == []


def test_a_notebook_that_imports_the_course_has_tensorflow_before_its_own_import():
    cells = ["import course_utils as cu", "import sys; print('tensorflow' in sys.modules)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(notebook, kernel_name="python3").execute()
    assert [o.text for cell in notebook.cells for o in cell.outputs] == ["True\n"]
