"""Look at what the course needs on this computer: a row for each subject, with what to do."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata, util
from pathlib import Path
from typing import NamedTuple

from course_utils.io import downloads

OK = "ok"
NOTE = "note"  # the course works all the same
FIX = "fix"  # something does not work, or a setting asks for what is not there

_LEAST_MEMORY, _VGG16_MEMORY = 1.2, 1.7  # GB
_INSTALL = "In the course's folder:\n  python -m pip install --editable ."


class Row(NamedTuple):
    """What was found out about a subject, and what to do."""

    mark: str
    subject: str
    finding: str
    advice: str = ""  # lines that begin with a space are commands


def examine() -> Iterator[Row]:
    """Yield one `Row` for each subject. TensorFlow is looked at once what it needs is in order."""
    yield Row(OK, "Python", f"{'{}.{}.{}'.format(*sys.version_info)}, {sys.executable}")
    needed = [check_packages(), check_keras(), check_memory()]
    yield from needed
    if broken := ", ".join(row.subject for row in needed if row.mark == FIX):
        yield Row(NOTE, "TensorFlow", "not looked at", f"First fix {broken}, then run this again.")
    else:
        yield from check_tensorflow()
    yield check_cache()
    yield check_widgets()


def check_packages() -> Row:
    """What the course asks for, and what all packages ask of each other."""
    if util.find_spec("pip") is None:
        advice = "To compare versions, install it:\n  python -m ensurepip"
        return Row(NOTE, "Packages", "pip is missing", advice)
    run = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    faults = run.stdout.splitlines() if run.returncode else []
    if util.find_spec("tensorflow"):  # perhaps its build without a GPU, under another name
        faults = [line for line in faults if "requires tensorflow," not in line]
    ours = [line for line in faults if line.startswith("course-utils ")]
    if ours:
        return Row(FIX, "Packages", "\n".join(ours), _INSTALL)
    if faults:
        advice = "If the course does not work, make a new environment for it alone."
        return Row(NOTE, "Packages", "\n".join(faults), advice)
    return Row(OK, "Packages", "all there, and they fit each other")


def check_keras() -> Row:
    """Keras must run on TensorFlow, and should lay pictures out as (height, width, channels)."""
    folder = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    file = folder / "keras.json"
    try:
        settings = json.loads(file.read_text()) if file.exists() else {}
    except ValueError as error:
        return Row(
            NOTE, "Keras", f"{file} is not valid JSON: {error}", "Correct the file, or delete it."
        )
    variable = os.environ.get("KERAS_BACKEND")
    if variable not in (None, "", "tensorflow"):
        advice = "Unset the environment variable KERAS_BACKEND, then restart the notebook."
        return Row(FIX, "Keras", f"KERAS_BACKEND is {variable!r}, not 'tensorflow'", advice)
    if settings.get("image_data_format") == "channels_first":
        finding = f"{file} asks for channels_first; the course sets channels_last all the same"
        advice = f'Write "image_data_format": "channels_last" into {file}.'
        return Row(NOTE, "Keras", finding, advice)
    return Row(OK, "Keras", "runs on TensorFlow")


def check_memory() -> Row:
    """The memory of this computer, or of the container around it."""
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


def check_tensorflow() -> list[Row]:
    """Look at TensorFlow and the networks, in a process of its own: it may end Python."""
    code = "from course_utils import doctor; doctor.print_rows()"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if run.returncode == 0:
        return [Row(*json.loads(line)) for line in run.stdout.splitlines()]
    lines = run.stderr.strip().splitlines() or [f"importing it ends Python ({run.returncode})"]
    advice = (
        "Install it again:\n  python -m pip install --force-reinstall --no-deps tensorflow\n"
        "If it still fails, use Colab or Binder: this processor may be too old (no AVX)."
    )
    return [Row(FIX, "TensorFlow", lines[-1][:300], advice)]


def print_rows() -> None:
    """Import TensorFlow and print, as JSON, a row for each subject that needs it."""
    from course_utils.backend import tf

    for row in Row(OK, "TensorFlow", tf.__version__), check_weights(), check_model():
        print(json.dumps(row), flush=True)


def check_weights() -> Row:
    """The embedded network's file is whole."""
    from course_utils.networks.efficientnet_lite import EMBEDDED_FILE, embedded_file_is_whole

    if embedded_file_is_whole():
        return Row(OK, "Weights", f"the embedded {EMBEDDED_FILE.name} is whole")
    advice = (
        "Get the course's files again: in a clone, 'git restore course_utils/data'. Where the "
        "course is not installed as editable, then, in its folder:\n"
        "  python -m pip install --force-reinstall --no-deps ."
    )
    return Row(FIX, "Weights", f"the embedded {EMBEDDED_FILE} is missing or damaged", advice)


def check_model() -> Row:
    """Which network load_classifier() takes, and why."""
    from course_utils.networks.registry import EMBEDDED, cached_weights, resolve_name

    asked = os.environ.get("COURSE_MODEL") or "auto"
    try:
        name = resolve_name("auto")
        here = name == EMBEDDED or cached_weights(name)
    except ValueError as error:  # DownloadError is one
        return Row(FIX, "Model", f"COURSE_MODEL is {asked!r}", str(error))
    finding = f"{name}, because COURSE_MODEL is {asked!r}"
    if here:
        return Row(OK, "Model", f"{name}, embedded" if asked.lower() == "auto" else finding)
    advice = f"Download them, or unset COURSE_MODEL:\n  python -m course_utils fetch {name}"
    return Row(FIX, "Model", f"{finding}; its weights are not in the cache", advice)


def check_cache() -> Row:
    """Where downloads are kept."""
    try:
        folder = downloads.cache_folder()
    except downloads.DownloadError as error:
        return Row(FIX, "Cache", "there is no place for it", str(error))
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK):
        return Row(OK, "Cache", str(folder))
    advice = f"What is in it is used. To add to it, ask for the right to, {downloads.OTHER_CACHE}"
    return Row(NOTE, "Cache", f"{folder} cannot be written", advice)


def check_widgets() -> Row:
    """What draws the explorers: ipywidgets, and its other half in JupyterLab."""
    python, lab, browser = map(_version, ("ipywidgets", "jupyterlab", "jupyterlab_widgets"))
    finding = f"ipywidgets {python}, jupyterlab {lab}, jupyterlab_widgets {browser}"
    needed = "1." if python.startswith("7.") else "3."
    if python == "missing" or (lab != "missing" and not browser.startswith(needed)):
        advice = "No slider would show. Install, then restart JupyterLab:\n"
        command = f'  python -m pip install ipywidgets "jupyterlab_widgets=={needed}*"'
        return Row(FIX, "Widgets", finding, advice + command)
    return Row(OK, "Widgets", finding)


def _version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"
