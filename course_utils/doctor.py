"""Look at what the course needs on this computer: a row for each subject, with what to do."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata, util
from pathlib import Path
from typing import NamedTuple

OK = "ok"
NOTE = "note"  # the course works all the same
FIX = "fix"  # something doesn't work, or a setting names what isn't there

_LEAST_MEMORY, _VGG16_MEMORY = 1.2, 1.7  # GB


class Row(NamedTuple):
    """What was found about a subject, and what to do."""

    mark: str
    subject: str
    finding: str
    advice: str = ""  # lines that begin with a space are commands


def examine() -> Iterator[Row]:
    """Yield one `Row` for each subject; what comes later may need what comes before."""
    yield Row(OK, "Python", f"{platform.python_version()}, {sys.executable}")
    checks = check_packages, check_memory, check_tensorflow, check_weights, check_model, check_cache
    yield from (check() for check in checks)


def check_packages() -> Row:
    """Say whether the course's packages are there, and whether all packages fit each other."""
    if util.find_spec("pip") is None:
        advice = "To compare versions, install it:\n  python -m ensurepip"
        return Row(NOTE, "Packages", "pip is missing", advice)
    run = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    faults = run.stdout.splitlines() if run.returncode else []
    if util.find_spec("tensorflow"):  # perhaps its build without a GPU, under another name
        faults = [line for line in faults if "requires tensorflow," not in line]
    # No slider shows if ipywidgets and its other half in JupyterLab don't fit each other.
    ours = [line for line in faults if line.startswith(("course-utils ", "ipywidgets "))]
    if ours:
        advice = "In the course's folder, then restart JupyterLab:\n"
        advice += "  python -m pip install --editable ."
        return Row(FIX, "Packages", "\n".join(ours), advice)
    if faults:
        advice = "If the course doesn't work, make a new environment for it alone."
        return Row(NOTE, "Packages", "\n".join(faults), advice)
    widgets = metadata.version("ipywidgets")
    return Row(OK, "Packages", f"all there, and they fit each other (ipywidgets {widgets})")


def check_memory() -> Row:
    """Say how much memory this computer has, or the container around it."""
    import psutil

    size = psutil.virtual_memory().total
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists() and (text := limit.read_text().strip()).isdigit():
        size = min(size, int(text))
    finding = f"{size / 1e9:.1f} GB"
    advice = "Ask whoever runs this computer, container or hub for 2 GB, or use Colab or Binder."
    if size < _LEAST_MEMORY * 1e9:
        return Row(FIX, "Memory", f"{finding}: the course needs {_LEAST_MEMORY} GB", advice)
    if size < _VGG16_MEMORY * 1e9:
        finding += f": enough for the embedded network; VGG16 needs {_VGG16_MEMORY} GB"
        return Row(NOTE, "Memory", finding, advice)
    return Row(OK, "Memory", finding)


def check_tensorflow() -> Row:
    """Import TensorFlow and Keras as the course does."""
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend != "tensorflow":
        advice = "Unset the environment variable KERAS_BACKEND, then restart the notebook."
        return Row(FIX, "TensorFlow", f"KERAS_BACKEND is {backend!r}, not 'tensorflow'", advice)
    try:
        from course_utils.backend import keras, tf
    except Exception as error:  # a broken installation raises almost anything
        advice = (
            "Install it again:\n  python -m pip install --force-reinstall --no-deps tensorflow\n"
            "If it still fails, use Colab or Binder: this processor may be too old (no AVX)."
        )
        return Row(FIX, "TensorFlow", f"{type(error).__name__}: {error}"[:300], advice)
    return Row(OK, "TensorFlow", f"{tf.__version__}, Keras {keras.__version__}")


def check_weights() -> Row:
    """Say whether the embedded network's file is whole."""
    from course_utils.networks.efficientnet_lite import EMBEDDED_FILE, embedded_file_is_whole

    if embedded_file_is_whole():
        return Row(OK, "Weights", f"the embedded {EMBEDDED_FILE.name} is whole")
    advice = (
        "Get the course's files again: in a clone, 'git restore course_utils/data'. If the "
        "course isn't installed as editable, then, in its folder:\n"
        "  python -m pip install --force-reinstall --no-deps ."
    )
    return Row(FIX, "Weights", f"the embedded {EMBEDDED_FILE} is missing or damaged", advice)


def check_model() -> Row:
    """Say which network load_classifier() takes, and why."""
    from course_utils.io.downloads import cached_file
    from course_utils.networks.registry import EMBEDDED, published_weights, resolve_name

    asked = os.environ.get("COURSE_MODEL") or "auto"
    try:
        name = resolve_name("auto")
        here = name == EMBEDDED or cached_file(*published_weights(name))
    except ValueError as error:  # DownloadError is one
        return Row(FIX, "Model", f"COURSE_MODEL is {asked!r}", str(error))
    finding = f"{name}, because COURSE_MODEL is {asked!r}"
    if here:
        return Row(OK, "Model", f"{name}, embedded" if asked.lower() == "auto" else finding)
    advice = f"Download them, or unset COURSE_MODEL:\n  python -m course_utils fetch {name}"
    return Row(FIX, "Model", f"{finding}; its weights are not in the cache", advice)


def check_cache() -> Row:
    """Say where downloads are kept."""
    from course_utils.io.downloads import OTHER_CACHE, cache_folder

    folder = cache_folder()
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK):
        return Row(OK, "Cache", str(folder))
    advice = f"What is in it is used. To add to it, ask for permission, {OTHER_CACHE}"
    return Row(NOTE, "Cache", f"{folder} cannot be written", advice)
