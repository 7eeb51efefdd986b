"""Look at what the course needs on this computer: one row a subject, with what to do about it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata, util
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from course_utils.io import downloads

OK = "ok"
NOTE = "note"  # the course works all the same
FIX = "fix"  # something does not work, or a setting asks for what is not there

_VGG16_BYTES = 553_467_096
_LEAST_MEMORY, _VGG16_MEMORY, _AMPLE_MEMORY = 1.2, 1.7, 2.0  # GB
ROOT = Path("/")  # of the file system
_CGROUP_FILES = {  # controllers: where Linux tells the limits, by versions 2 and 1
    "": ("sys/fs/cgroup", "memory.max"),
    "memory": ("sys/fs/cgroup/memory", "memory.limit_in_bytes"),
}
_ERROR = re.compile(r"[\w.]*(Error|Exception)\b")  # a line that ends a traceback
_INSTALL = "Install it, in the course's folder:\n  python -m pip install --editable ."


class Row(NamedTuple):
    """What was found out about a subject, and what to do."""

    mark: str
    subject: str
    finding: str
    advice: str = ""  # lines that begin with a space are commands


def examine() -> Iterator[Row]:
    """Yield one `Row` for each subject. TensorFlow is looked at once what it needs is in order."""
    yield check_python()
    needed = [check_packages(), check_backend(), check_memory()]
    yield from needed
    if broken := ", ".join(row.subject for row in needed if row.mark == FIX):
        yield Row(NOTE, "TensorFlow", "not looked at", f"First fix {broken}, then run this again.")
    else:
        yield from check_tensorflow()
    yield from map(_look, (check_cache, check_widgets, check_jupytext))


def _look(check):
    try:
        return check()
    except ImportError as error:  # where course_utils is not installed, its packages may be missing
        return Row(FIX, check.__name__.removeprefix("check_").capitalize(), str(error), _INSTALL)


# What is installed


def check_python() -> Row:
    """Which Python this is, and whether it is new enough."""
    version, (asked, _) = "{}.{}.{}".format(*sys.version_info), _requirements()
    if version not in asked:
        advice = f"The course needs Python {asked}."
        return Row(FIX, "Python", f"{version} does not fit", advice)
    return Row(OK, "Python", f"{version}, {sys.executable}")


def check_packages() -> Row:
    """Versions, compared with what the installed course_utils asks for."""
    _, wanted = _requirements()
    names = [item.name for item in wanted] or ["tensorflow", "keras", "numpy"]
    found = {name: _installed(name)[1] for name in names}
    wrong = [
        item for item in wanted
        if not item.specifier.contains(found[item.name] or "0", prereleases=True)
    ]  # fmt: skip
    if wrong or None in found.values():
        lacking = wrong or [Requirement(name) for name in found if found[name] is None]
        finding = ", ".join(f"{item.name} {found[item.name] or 'is missing'}" for item in lacking)
        command = " ".join(f'"{item}"' for item in lacking)
        advice = f"Install:\n  python -m pip install {command}" if wanted else _INSTALL
        return Row(FIX, "Packages", finding, advice)
    finding = "tensorflow {tensorflow}, keras {keras}, numpy {numpy}".format(**found)
    if not wanted:
        finding += "; course_utils is not installed, so which ones it needs is not known"
        return Row(NOTE, "Packages", finding, _INSTALL)
    return Row(OK, "Packages", f"{finding}, and {len(found) - 3} others")


def check_widgets() -> Row:
    """What the explorers need: ipywidgets, and its other half in JupyterLab."""
    version, lab, extension = (
        _installed(name)[1] for name in ("ipywidgets", "jupyterlab", "jupyterlab_widgets")
    )
    if version is None:
        advice = "Install it, then restart the notebook:\n  python -m pip install ipywidgets"
        return Row(FIX, "Widgets", "ipywidgets is missing", advice)
    finding = f"ipywidgets {version}"
    if util.find_spec("google") and util.find_spec("google.colab"):
        return Row(OK, "Widgets", f"{finding}, shown by Colab's own front end")
    if lab is None:
        return Row(OK, "Widgets", f"{finding}; no JupyterLab in this environment")
    finding += f", jupyterlab {lab}, jupyterlab_widgets {extension or 'is missing'}"
    items = map(Requirement, metadata.requires("ipywidgets") or [])
    [asked] = [item for item in items if item.name.replace("-", "_") == "jupyterlab_widgets"]
    # Its major version decides: not every ipywidgets 7 forbids the other half of 8.
    [major] = {Version(s.version).major for s in asked.specifier if s.operator in (">=", "~=")}
    if extension is None or Version(extension).major != major:
        command = f'python -m pip install "jupyterlab_widgets=={major}.*"'
        advice = f"No slider would show. Install, then restart JupyterLab:\n  {command}"
        return Row(FIX, "Widgets", finding, advice)
    return Row(OK, "Widgets", finding)


def check_jupytext() -> Row:
    """What opens the chapters' .py twins as notebooks."""
    version = _installed("jupytext")[1]
    if version is None:
        advice = "Needed only to open the .py chapters as notebooks:\n"
        return Row(NOTE, "Jupytext", "missing", f"{advice}  python -m pip install jupytext")
    return Row(OK, "Jupytext", version)


def _requirements():
    """Return what the course asks for: a specifier for Python, and a list of `Requirement`.

    Both are empty where course_utils is not installed.
    """
    try:
        course = metadata.metadata("course-utils")
    except metadata.PackageNotFoundError:
        return SpecifierSet(), []
    items = [Requirement(line) for line in course.get_all("Requires-Dist", [])]
    mandatory = [item for item in items if item.marker is None]
    return SpecifierSet(course["Requires-Python"]), mandatory


def _installed(name):
    """Return a distribution's name and version, (name, None) if it is not there."""
    for distribution in (name, f"{name}-cpu"):  # TensorFlow's build without a GPU
        try:
            return distribution, metadata.version(distribution)
        except metadata.PackageNotFoundError:
            pass
    return name, None


# TensorFlow and what it needs


def check_backend() -> Row:
    """Keras must run on TensorFlow."""
    asked = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if asked != "tensorflow":
        advice = "Unset the environment variable KERAS_BACKEND, then restart the notebook."
        return Row(FIX, "Keras", f"KERAS_BACKEND is {asked!r}, not 'tensorflow'", advice)
    return Row(OK, "Keras", "runs on TensorFlow")


def check_memory() -> Row:
    """The smallest limit on memory, as far as the system tells."""
    if not (limits := list(_memory_limits())):
        return Row(OK, "Memory", "how much there is, is not known on this system")
    size, source, advice = min(limits)
    finding = f"{size / 1e9:.1f} GB, {source}"
    if size < _LEAST_MEMORY * 1e9:
        return Row(FIX, "Memory", f"{finding}: the course needs {_LEAST_MEMORY} GB", advice)
    if size < _AMPLE_MEMORY * 1e9:
        finding += f": enough for the embedded network; VGG16 needs {_VGG16_MEMORY} GB"
        return Row(NOTE, "Memory", finding, advice)
    return Row(OK, "Memory", finding)


def _memory_limits():
    """Yield (bytes, where the limit comes from, advice)."""
    if not hasattr(os, "sysconf"):  # Windows
        return
    import resource

    size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    yield size, "all that this computer has", "Use a larger computer, Colab or Binder."
    size, _ = resource.getrlimit(resource.RLIMIT_AS)
    if size != resource.RLIM_INFINITY:
        yield size, "set by ulimit -v", "Use a shell where ulimit -v says unlimited."
    for size in _cgroup_limits():
        advice = f"Ask whoever runs this container, hub or queue for {_AMPLE_MEMORY:g} GB or more."
        yield size, "set by a control group", advice


def _cgroup_limits():
    """Yield the limits of this process's control groups and of those above them."""
    groups = ROOT / "proc/self/cgroup"
    for line in groups.read_text().splitlines() if groups.exists() else []:
        _, controllers, path = line.split(":", 2)
        if controllers in _CGROUP_FILES:
            mount, name = _CGROUP_FILES[controllers]
            folder = ROOT / mount / path.lstrip("/")
            for file in (parent / name for parent in (folder, *folder.parents)):
                if file.exists() and (text := file.read_text().strip()) != "max":
                    yield int(text)


def check_tensorflow() -> list[Row]:
    """Look at TensorFlow and at what imports it. Returns a list: other rows only if it works.

    This happens in a process of its own: a broken TensorFlow may end Python instead of raising.
    """
    code = "from course_utils import doctor; doctor.print_rows()"
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {code}"],
        capture_output=True, text=True, errors="replace",
    )  # fmt: skip
    rows = [Row(*json.loads(line)) for line in run.stdout.splitlines()]
    if rows and run.returncode:
        raise RuntimeError(run.stderr)
    return rows or [_broken_tensorflow(run)]


def print_rows() -> None:
    """Import TensorFlow and print, as JSON, a row for each subject that needs it."""
    import course_utils.backend  # noqa: F401

    print(json.dumps(Row(OK, "TensorFlow", "can be imported")), flush=True)
    for check in (check_weights, check_model, check_connection):
        print(json.dumps(_look(check)), flush=True)


def _broken_tensorflow(run):
    lines = [line for line in run.stderr.splitlines() if _ERROR.match(line)]
    if run.returncode < 0:
        lines = [f"importing it ends Python: {signal.Signals(-run.returncode).name}"]
    name, version = _installed("tensorflow")
    exact = f"{name}=={version}" if version else name
    advice = (
        f"Install it again:\n  python -m pip install --force-reinstall --no-deps {exact}\n"
        "If it still fails, use Colab or Binder: this processor may be too old (no AVX)."
    )
    return Row(FIX, "TensorFlow", lines[-1][:300] if lines else "importing it fails", advice)


# Networks, and where their weights come from. `registry` imports TensorFlow.


def check_weights() -> Row:
    """The embedded network's file is whole."""
    from course_utils.networks.efficientnet_lite import EMBEDDED_FILE, embedded_file_is_whole

    file = Path(str(EMBEDDED_FILE))
    if embedded_file_is_whole():
        return Row(OK, "Weights", f"the embedded {file.name} is whole")
    finding = f"the embedded {file.name} is {'damaged' if file.is_file() else 'missing'}"
    advice = "Get the course's files again. "
    if file.parents[2].joinpath("pyproject.toml").exists():
        advice += f"In a clone of its repository:\n  git restore {file}"
    else:
        advice += "Then, in their folder:\n  python -m pip install --force-reinstall --no-deps ."
    return Row(FIX, "Weights", finding, advice)


def check_model() -> Row:
    """Which network load_classifier() takes, and why."""
    from course_utils.networks.registry import EMBEDDED, cached_weights, resolve_name

    asked = os.environ.get("COURSE_MODEL") or "auto"
    try:
        name = resolve_name("auto")
    except ValueError as error:
        return Row(FIX, "Model", f"COURSE_MODEL is {asked!r}", str(error))
    if asked.lower() == "auto":
        return Row(OK, "Model", f"{name}, embedded")
    finding = f"{name}, because COURSE_MODEL is {asked!r}"
    with suppress(downloads.DownloadError):  # of the cache, which has a row of its own
        if name == EMBEDDED or cached_weights(name):
            return Row(OK, "Model", finding)
    advice = f"Download them, or unset COURSE_MODEL:\n  python -m course_utils fetch {name}"
    return Row(FIX, "Model", f"{finding}; its weights are not in the cache", advice)


def check_connection() -> Row:
    """Whether the server of the weights answers."""
    from course_utils.networks.registry import PUBLISHED

    url = PUBLISHED["vgg16"].url
    works = "The course works without it; downloads, such as VGG16, do not."
    try:
        size = downloads.announced_size(url)
    except downloads.DownloadError as error:
        reason = str(error).removeprefix(f"Could not download {url}: ")
        return Row(NOTE, "Connection", reason, works)
    if size != _VGG16_BYTES:
        finding = f"{urlsplit(url).hostname} sends something else than the weights of VGG16"
        return Row(NOTE, "Connection", finding, f"Does the Wi-Fi ask for a log-in? {works}")
    return Row(OK, "Connection", f"{urlsplit(url).hostname} answers")


def check_cache() -> Row:
    """Whether downloads can be kept, and whether there is room for VGG16."""
    try:
        folder = downloads.cache_folder()
    except downloads.DownloadError as error:
        return Row(FIX, "Cache", "there is no place for it", str(error))
    held = [path.name for path in folder.glob("*.h5")]
    finding = f"{folder}, weights files: {len(held)}"
    nearest = folder
    while not os.path.lexists(nearest):  # the folder is created by the first download
        nearest = nearest.parent
    try:
        with tempfile.TemporaryFile(dir=nearest):
            free = shutil.disk_usage(nearest).free
    except OSError as error:
        if held:
            return Row(NOTE, "Cache", f"{finding}, not writable", "It is used as it is.")
        return Row(FIX, "Cache", f"{folder}", downloads.disk_trouble(error, folder))
    finding += f", {free / 1e9:.1f} GB free"
    if free < _VGG16_BYTES and not any(name.startswith("vgg16") for name in held):
        advice = f"Free some space, {downloads.OTHER_CACHE}"
        return Row(NOTE, "Cache", f"{finding}: VGG16 needs {_VGG16_BYTES / 1e9:.2f} GB", advice)
    return Row(OK, "Cache", finding)
