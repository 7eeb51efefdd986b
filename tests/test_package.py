"""`import course_utils` is quick, and its public names are those of the plan."""

import inspect
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import course_utils as cu

REPOSITORY = Path(__file__).parents[1]
PUBLIC_NAMES = {
    *("ImageClassifier", "Prediction", "load_classifier", "DownloadError"),
    *("load_image", "sample_image_names", "class_index", "class_label", "search_classes"),
    *("get_feature_maps", "make_gradcam_heatmap", "compute_saliency_map", "smooth_grad"),
    *("integrated_gradients", "completeness_gap"),
    *("plot_predictions", "plot_kernels", "plot_feature_maps", "plot_heatmap"),
    *("tile_feature_maps", "encode_png", "overlay_heatmap", "LayerExplorer", "ClassExplorer"),
}


def imported_by(code):
    """The top-level packages that a fresh interpreter holds after `code`."""
    code += "; import json, sys; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in json.loads(run.stdout)}


def test_importing_the_package_imports_nothing_slow():
    slow = {"numpy", "tensorflow", "keras", "matplotlib", "PIL", "h5py", "requests", "pooch"}
    assert imported_by("import course_utils") & slow == set()


def test_a_program_without_a_console_can_import_the_package():
    code = "import sys; sys.stderr = None; from course_utils.backend import keras; print(keras)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert run.stdout.startswith("<module 'keras'") and run.returncode == 0


# Every module, with Python's own record of what is asked of the network.
IMPORT_ALL = """
import importlib, pkgutil, sys
asked = []
events = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
sys.addaudithook(lambda event, _: asked.append(event) if event in events else None)
import course_utils
for module in pkgutil.iter_modules(course_utils.__path__):
    importlib.import_module(f"course_utils.{module.name}")
print(len(sys.modules), asked)
"""


def test_importing_any_module_asks_nothing_of_the_network():
    environment = {name: v for name, v in os.environ.items() if name != "COURSE_OFFLINE"}
    run = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], cwd=REPOSITORY, env=environment,
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    count, _, asked = run.stdout.partition(" ")
    assert int(count) > 1000 and asked == "[]\n"


@pytest.mark.parametrize(
    "code",
    [
        "import course_utils.tiles",
        "import course_utils.images",
        "import course_utils as cu; cu.class_index('tabby')",
        "import course_utils as cu; cu.encode_png(cu.tile_feature_maps([[[0.0]]]))",
    ],
)
def test_pictures_and_classes_need_neither_tensorflow_nor_matplotlib(code):
    assert imported_by(code) & {"tensorflow", "keras", "matplotlib"} == set()


def test_a_python_without_the_course_says_so():
    code = "import sys; sys.modules['lazy_loader'] = None; import course_utils"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True
    )
    last = run.stderr.splitlines()[-1]
    assert last.startswith("ImportError: The course is not installed for this Python, "), last
    assert sys.executable in last and "pip install --editable ." in last


def test_the_first_use_of_a_name_loads_its_module():
    assert "numpy" in imported_by("import course_utils; course_utils.tile_feature_maps")


def test_public_names_are_those_of_the_plan():
    assert set(cu.__all__) == PUBLIC_NAMES


def test_dir_lists_the_public_names():
    assert set(dir(cu)) >= PUBLIC_NAMES


@pytest.mark.parametrize("name", sorted(PUBLIC_NAMES))
def test_a_public_name_resolves_to_something_documented(name):
    value = getattr(cu, name)
    assert value.__name__ == name
    assert inspect.getdoc(value)


@pytest.mark.parametrize("name", sorted(PUBLIC_NAMES))
def test_a_docstring_mentions_every_argument(name):
    value = getattr(cu, name)
    if inspect.isclass(value) and issubclass(value, (tuple, Exception)):
        pytest.skip("a record or an error: it takes no arguments of a user")
    missing = [word for word in inspect.signature(value).parameters if word not in value.__doc__]
    assert missing == []


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        cu.no_such_name  # noqa: B018


def test_the_version_is_that_of_pyproject():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert cu.__version__ == project["version"]
