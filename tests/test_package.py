"""`import course_utils` is quick and complete, and TensorFlow comes without its notices."""

import inspect
import json
import os
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import course_utils as cu

REPOSITORY = Path(__file__).parents[1]


def python(code, **environment):
    """Run code in a fresh interpreter; return the finished process. None unsets a variable."""
    command = [sys.executable, "-c", code]
    environment = {k: v for k, v in {**os.environ, **environment}.items() if v is not None}
    return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)


def imported_by(code):
    """The top-level packages that a fresh interpreter holds after `code`."""
    run = python(code + "; import json, sys; print(json.dumps(sorted(sys.modules)))")
    return {name.partition(".")[0] for name in json.loads(run.stdout)}


@pytest.mark.parametrize(
    "code, absent",
    [
        ("import course_utils", {"numpy", "tensorflow", "matplotlib", "PIL", "requests", "pooch"}),
        ("import course_utils as cu; cu.class_index('tabby')", {"tensorflow", "matplotlib"}),
        (
            "import course_utils as cu; cu.load_image('coffee')",
            {"tensorflow", "skimage", "scipy", "requests", "pooch"},
        ),
        ("import course_utils as cu; cu.encode_png", {"tensorflow"}),
    ],
)
def test_a_name_loads_what_it_needs_and_no_more(code, absent):
    assert not imported_by(code) & absent


def test_every_public_name_is_documented_with_its_arguments():
    assert set(cu.__all__) <= set(dir(cu)) and len(cu.__all__) > 20
    for name in set(cu.__all__) - {"BASELINE_MAPS", "METHODS"}:
        value = getattr(cu, name)
        assert value.__name__ == name and inspect.getdoc(value)
        if inspect.isclass(value) and issubclass(value, (tuple, Exception)):
            continue  # a record or an error: it takes no arguments of a user
        missing = [w for w in inspect.signature(value).parameters if w not in value.__doc__]
        assert missing == [], name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        cu.no_such_name  # noqa: B018


def test_the_version_is_that_of_pyproject():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert cu.__version__ == project["version"]


def test_a_python_without_the_course_says_so():
    run = python("import sys; sys.modules['lazy_loader'] = None; import course_utils")
    last = run.stderr.splitlines()[-1]
    assert last.startswith("ImportError: The course is not installed for this Python, "), last
    assert sys.executable in last and "pip install --editable ." in last


# Every module, with Python's own record of what is asked of the network.
IMPORT_ALL = """
import importlib, pkgutil, sys
asked = []
events = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
sys.addaudithook(lambda event, _: asked.append(event) if event in events else None)
import course_utils
for module in pkgutil.walk_packages(course_utils.__path__, "course_utils."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(len(sys.modules) > 1000, asked)
"""


def test_importing_any_module_asks_nothing_of_the_network():
    run = python(IMPORT_ALL, COURSE_OFFLINE="")
    assert run.stdout == "True []\n", run.stderr


# A kernel's set-up, TensorFlow's notices

SHELL = "from IPython.core.interactiveshell import InteractiveShell as I; shell = I.instance()"
SET_UP = f"{SHELL}; from course_utils.kernel import load_ipython_extension as f; f(shell)"
USE = "import tensorflow as tf; print(int(tf.constant(2) + 1))"


def test_tensorflow_would_print_notices():
    run = python(USE, TF_CPP_MIN_LOG_LEVEL="0")
    assert run.stdout == "3\n" and "oneDNN" in run.stderr


@pytest.mark.parametrize("first", [SET_UP, "import course_utils.backend"])
def test_it_is_quiet_whoever_imports_it_first(first):
    run = python(f"{first}; {USE}", TF_CPP_MIN_LOG_LEVEL=None)
    assert (run.stdout, run.stderr) == ("3\n", "")


def test_what_else_is_written_meanwhile_arrives():
    code = """
import os
from course_utils.quiet import without_notices
with without_notices():
    os.write(2, b'I0000 notice\\ntrouble\\n')
"""
    assert python(code).stderr == "trouble\n"


def test_a_program_without_a_console_can_import_tensorflow():
    run = python(
        "import sys; sys.stderr = None; import course_utils.backend as b; print(b)"
    )
    assert run.returncode == 0 and "backend" in run.stdout


def test_keras_on_another_backend_is_refused(monkeypatch):
    import keras

    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(ImportError, match="runs on 'torch', .*KERAS_BACKEND to 'tensorflow'"):
        runpy.run_path(f"{cu.__path__[0]}/backend.py")


ON_COLAB = "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab'); "
LOADED = "print([name for name in shell.extension_manager.loaded if 'course' in name])"


@pytest.mark.parametrize(
    "code, printed",
    [
        (f"{SHELL}; import course_utils; {LOADED}", "['course_utils.kernel']\n"),
        ("import course_utils", ""),  # a script, which has no shell
    ],
)
def test_on_colab_importing_the_course_sets_up_the_kernel(code, printed):
    run = python(ON_COLAB + code)
    assert (run.stdout, run.stderr) == (printed, "")
