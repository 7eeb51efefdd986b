"""What `python -m course_utils` says of a computer, and what it fetches."""

import errno
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

import pooch
import pytest
import web

from course_utils import __main__ as commands
from course_utils import doctor
from course_utils.doctor import FIX, NOTE, OK
from course_utils.io import downloads
from course_utils.networks import efficientnet_lite, registry

ROOT = Path(__file__).parents[1]
SEARCHED = list(sys.path)
CONTENT = bytes(range(256)) * 100
VGG16 = registry.NETWORKS["vgg16"]
FILE_NAME = VGG16.published.file_name
DiskUsage = namedtuple("DiskUsage", "total used free")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder that does not exist yet, and a shell that has set nothing else."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    for name in ("COURSE_OFFLINE", "COURSE_MODEL", "KERAS_BACKEND"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache"


@pytest.fixture
def site(monkeypatch):
    """A server that has a small VGG16."""
    with web.serve() as site:
        url = site.add("/" + FILE_NAME, web.send(CONTENT))
        published = registry.Published(url, "md5:" + hashlib.md5(CONTENT).hexdigest())
        monkeypatch.setitem(registry.NETWORKS, "vgg16", VGG16._replace(published=published))
        yield site


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Function that writes a distribution's metadata, "name version", where no other is found."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder)])

    def add(distribution, *requirements, python=">=3.0"):
        name, version = distribution.split()
        lines = [f"Name: {name}", f"Version: {version}", f"Requires-Python: {python}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requirements]
        information = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        information.mkdir()
        (information / "METADATA").write_text("\n".join(lines) + "\n")

    return add


def write(path, content=CONTENT):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def run(*arguments, **environment):
    environment = {**os.environ, "COURSE_OFFLINE": "1", **environment}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def assert_row(row, mark, finding, advice=""):
    """Compare a row with the words it must hold; advice comes with what is not in order only."""
    assert row.mark == mark and finding in row.finding and advice in row.advice, row
    assert bool(row.advice) == (mark != OK)


# The screen


def test_a_screen_says_that_all_is_well(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_CACHE", "cache")
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    assert commands.main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert max(len(line) for line in lines[3:]) <= 80  # the first name this computer's folders
    marks = dict(line.split()[1::-1] for line in lines[2:-2] if line[0] != " ")
    subjects = "Python Packages Keras Memory TensorFlow Weights Model Connection Cache Widgets"
    assert list(marks) == [*subjects.split(), "Jupytext"]
    assert "fix" not in marks.values()
    assert marks["Connection"] == "note" and "COURSE_OFFLINE is set" in "\n".join(lines)
    assert lines[-1] == "The course works here."
    assert not (tmp_path / "cache").exists()


def test_what_is_to_fix_is_counted_and_tensorflow_waits_for_it(cache):
    cache.write_bytes(b"")
    result = run("-X", "importtime", "-m", "course_utils", "doctor", KERAS_BACKEND="jax")
    assert result.returncode == 1
    assert "fix   Keras       KERAS_BACKEND is 'jax', not 'tensorflow'" in result.stdout
    assert "note  TensorFlow  not looked at" in result.stdout
    assert "First fix Keras, then" in result.stdout
    assert re.search(r"fix   Cache .*\n +The cache folder", result.stdout)
    assert result.stdout.endswith("\nTo fix: 2.\n")
    assert not re.search(r"\b(tensorflow|keras|Traceback)\b", result.stderr)


def test_help_comes_without_tensorflow():
    result = run("-X", "importtime", "-m", "course_utils")
    assert result.returncode == 0 and "doctor" in result.stdout and "fetch" in result.stdout
    assert not re.search(r"\b(tensorflow|keras|numpy)\b", result.stderr)


# What is installed


@pytest.mark.parametrize(
    "python, mark, advice", [(">=3.11", OK, ""), (">=3.99", FIX, "needs Python >=3.99")]
)
def test_the_version_of_python(install, python, mark, advice):
    install("course-utils 0.1.0", python=python)
    assert_row(doctor.check_python(), mark, "{}.{}.{}".format(*sys.version_info), advice)


NEEDED = "keras>=3.10", "numpy>=2.0", "tensorflow>=2.20", 'ruff>=0.9; extra == "dev"'
NEW = ["keras 3.10", "numpy 10.0.0"]
VERSIONS = "tensorflow 2.20.0, keras 3.10, numpy 10.0.0"


@pytest.mark.parametrize(
    "needed, found, mark, finding, advice",
    [
        (NEEDED, ["tensorflow 2.20.0", *NEW], OK, f"{VERSIONS}, and 0 others", ""),
        (NEEDED, ["tensorflow-cpu 2.20.0", *NEW], OK, VERSIONS, ""),
        (NEEDED, ["tensorflow 2.21.0rc1", *NEW], OK, "tensorflow 2.21.0rc1", ""),
        (
            NEEDED,
            ["tensorflow 2.9.3", "numpy 2.1"],
            FIX,
            "keras is missing, tensorflow 2.9.3",
            '  python -m pip install "keras>=3.10" "tensorflow>=2.20"',
        ),
        (None, ["tensorflow 2.20.0", *NEW], NOTE, "course_utils is not installed", "--editable ."),
        (None, NEW, FIX, "tensorflow is missing", "pip install --editable ."),
    ],
)
def test_packages(install, needed, found, mark, finding, advice):
    if needed:
        install("course-utils 0.1.0", *needed)
    for distribution in found:
        install(distribution)
    assert_row(doctor.check_packages(), mark, finding, advice)


# As ipywidgets writes them.
ASKS_7 = 'jupyterlab-widgets (>=1.0.0) ; python_version>="3.6"'
ASKS_7_8 = 'jupyterlab-widgets<3,>=1.0.0; python_version >= "3.6"'
ASKS_8 = "jupyterlab_widgets~=3.0.17"


@pytest.mark.parametrize(
    "ipywidgets, asks, extension, needs",
    [
        ("8.1.9", ASKS_8, "3.0.17", None),
        ("8.1.9", ASKS_8, "1.1.0", 3),
        ("8.1.9", ASKS_8, None, 3),
        ("7.7.1", ASKS_7, "1.1.0", None),
        ("7.7.1", ASKS_7, "3.0.17", 1),
        ("7.8.5", ASKS_7_8, "1.1.0", None),
    ],
)
def test_widgets_and_their_other_half(install, monkeypatch, ipywidgets, asks, extension, needs):
    install(f"ipywidgets {ipywidgets}", "widgetsnbextension~=4.0.16", asks)
    assert_row(doctor.check_widgets(), OK, "no JupyterLab")
    install("jupyterlab 4.2.0")
    if extension:
        install(f"jupyterlab_widgets {extension}")
    advice = f'pip install "jupyterlab_widgets=={needs}.*"' if needs else ""
    assert_row(doctor.check_widgets(), FIX if needs else OK, f"ipywidgets {ipywidgets}", advice)
    for name in ("google", "google.colab"):
        monkeypatch.setitem(sys.modules, name, sys)
    assert_row(doctor.check_widgets(), OK, "shown by Colab's own front end")


def test_nothing_to_show_widgets_or_twins(install):
    assert_row(doctor.check_widgets(), FIX, "ipywidgets is missing", "pip install ipywidgets")
    assert_row(doctor.check_jupytext(), NOTE, "missing", "pip install jupytext")


# TensorFlow and what it needs


@pytest.mark.parametrize("value, mark", [("", OK), ("tensorflow", OK), ("jax", FIX)])
def test_keras_backend(monkeypatch, value, mark):
    monkeypatch.setenv("KERAS_BACKEND", value)
    assert_row(doctor.check_backend(), mark, "", "Unset" if mark == FIX else "")


@pytest.mark.skipif(sys.platform != "linux", reason="limits as Linux has them")
@pytest.mark.parametrize(
    "limit, mark, words",
    [
        (1_000_000_000, FIX, "1.0 GB, set by ulimit -v: the course needs 1.2 GB"),
        (1_500_000_000, NOTE, "VGG16 needs 1.7 GB"),
    ],
)
def test_memory_under_a_ulimit(limit, mark, words):
    code = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit})); "
    out = run("-c", code + "from course_utils import doctor; print(doctor.check_memory())").stdout
    assert f"mark='{mark}'" in out and words in out and "ulimit -v says unlimited" in out


@pytest.mark.parametrize(
    "line, place, content, found",
    [
        ("0::/", "sys/fs/cgroup/memory.max", "max", None),
        ("0::/", "sys/fs/cgroup/memory.max", 2 * 2**30, "2.1"),  # Binder's
        ("0::/me/too", "sys/fs/cgroup/me/memory.max", 1_500_000_000, "1.5"),
        ("4:memory:/me", "sys/fs/cgroup/memory/me/memory.limit_in_bytes", 1_500_000_000, "1.5"),
    ],
)
def test_memory_of_a_container(monkeypatch, tmp_path, line, place, content, found):
    write(tmp_path / "proc/self/cgroup", f"3:cpuset:/\n{line}\n")
    write(tmp_path / place, f"{content}\n")
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    row = doctor.check_memory()
    assert ("set by a control group" in row.finding) == bool(found)
    assert row.finding.startswith(f"{found} GB" if found else "")
    assert row.mark == (NOTE if found == "1.5" else OK)


# As TensorFlow wraps it.
WRAPPED = """
try:
    raise ImportError("libsome.so: cannot open shared object file")
except ImportError:
    import traceback
    raise ImportError(f"{traceback.format_exc()}\\n\\nFailed to load the native runtime.")
"""


@pytest.mark.parametrize(
    "source, finding",
    [
        (WRAPPED, "ImportError: libsome.so: cannot open shared object file"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "ends Python: SIGILL"),
        ("raise SystemExit(3)", "importing it fails"),
        ("raise AttributeError('numpy has no such thing')", "AttributeError: numpy has no such"),
    ],
)
def test_a_broken_tensorflow(install, source, finding):
    install("tensorflow 2.19.9")  # found before the real one
    write(Path(sys.path[0], "tensorflow/__init__.py"), source)
    write(Path(sys.path[0], "keras/__init__.py"), "import tensorflow")
    sys.path += SEARCHED
    [row] = doctor.check_tensorflow()
    assert_row(row, FIX, finding, "--force-reinstall --no-deps tensorflow==2.19.9\n")


# Networks, and where their weights come from


@pytest.mark.parametrize("clone", [True, False])
def test_weights_that_are_not_whole(tmp_path, monkeypatch, clone):
    assert_row(doctor.check_weights(), OK, "is whole")
    file = tmp_path / "course_utils" / "data" / "efficientnet_lite0.npz"
    monkeypatch.setattr(efficientnet_lite, "EMBEDDED_FILE", file)
    if clone:
        write(tmp_path / "pyproject.toml")
    cure = f"git restore {file}" if clone else "pip install --force-reinstall --no-deps ."
    assert_row(doctor.check_weights(), FIX, "missing", cure)
    write(file)
    assert_row(doctor.check_weights(), FIX, "damaged", cure)


def test_the_model(site, cache, monkeypatch):
    assert doctor.check_model() == (OK, "Model", "efficientnet_lite0, embedded", "")
    monkeypatch.setenv("COURSE_MODEL", "VGG-16")
    lacking = "its weights are not in the cache", "python -m course_utils fetch vgg16"
    assert_row(doctor.check_model(), FIX, *lacking)
    write(cache / FILE_NAME)
    assert_row(doctor.check_model(), OK, "vgg16, because COURSE_MODEL is 'VGG-16'")
    monkeypatch.setenv("COURSE_MODEL", "vg16")
    assert_row(doctor.check_model(), FIX, "COURSE_MODEL is 'vg16'", "Did you mean 'vgg16'")


@pytest.mark.parametrize(
    "answer, mark, finding",
    [
        (web.send(b"weights", Content_Length=553_467_096), OK, "127.0.0.1 answers"),
        (web.send(b"<html>Log in</html>"), NOTE, "127.0.0.1 sends something else"),
        (web.silence, NOTE, "time-out"),
        (web.status(404), NOTE, "answered 404"),
        (web.no_http, NOTE, "no connection to the server"),
    ],
)
def test_the_connection(site, monkeypatch, answer, mark, finding):
    monkeypatch.setattr(downloads, "READ_SECONDS", 0.3)
    site.add("/" + FILE_NAME, answer)
    row = doctor.check_connection()
    assert_row(row, mark, finding, "The course works without it" if mark == NOTE else "")
    assert "http:" not in row.finding


def test_a_connection_that_is_not_used(site, monkeypatch):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    assert_row(doctor.check_connection(), NOTE, "COURSE_OFFLINE is set")
    assert site.hits == []


def test_the_cache_is_not_created(cache):
    row = doctor.check_cache()
    assert_row(row, OK, f"{cache}, weights files: 0, ")
    assert re.search(r" [\d.]+ GB free$", row.finding) and not cache.exists()


@pytest.mark.parametrize("below", ["", "deeper/folder"])
def test_a_file_in_the_place_of_the_cache(cache, monkeypatch, below):
    cache.write_bytes(b"")
    monkeypatch.setenv("COURSE_CACHE", str(cache / below))
    cure = "a file stands where a folder should be. Move it away"
    assert_row(doctor.check_cache(), FIX, str(cache / below), cure)


def test_a_cache_that_is_read_only(cache, monkeypatch):
    def refuse(**_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)  # root may write anywhere
    cure = "COURSE_CACHE to a folder you can write to"
    assert_row(doctor.check_cache(), FIX, str(cache), cure)
    write(cache / FILE_NAME)
    assert_row(doctor.check_cache(), NOTE, "not writable", "It is used as it is.")


@pytest.mark.parametrize(
    "free, held, mark",
    [
        (553_000_000, None, NOTE),
        (554_000_000, None, OK),
        (0, FILE_NAME, OK),
        (0, "resnet50_weights.h5", NOTE),
    ],
)
def test_room_in_the_cache(cache, monkeypatch, free, held, mark):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: DiskUsage(10**9, 0, free))
    if held:
        write(cache / held)
    row = doctor.check_cache()
    assert_row(row, mark, " GB free", "Free some space" if mark == NOTE else "")


def test_no_home_for_the_cache(monkeypatch):
    monkeypatch.delenv("COURSE_CACHE")
    monkeypatch.setattr(pooch, "os_cache", lambda name: Path("~/.cache", name))
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert_row(doctor.check_cache(), FIX, "", "Set the environment variable COURSE_CACHE")
    monkeypatch.setenv("COURSE_MODEL", "vgg16")
    assert_row(doctor.check_model(), FIX, "its weights are not in the cache", "fetch vgg16")


# fetch


def test_fetch_downloads_once_and_says_how_to_share(site, cache, capsys):
    for name, happened in {"VGG16": "is downloaded", "vgg16": "was there already"}.items():
        assert commands.main(["fetch", name]) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"vgg16 {happened}: {FILE_NAME}\n")
        assert out.endswith(f"COURSE_CACHE to it for them:\n  {cache}\n")
    assert (cache / FILE_NAME).read_bytes() == CONTENT and site.hits == ["/" + FILE_NAME]


@pytest.mark.parametrize("name", ["EfficientNet-Lite0", "chelsea"])
def test_fetch_of_what_is_there_anyway(cache, capsys, name):
    assert commands.main(["fetch", name]) == 0
    assert "nothing to fetch" in capsys.readouterr().out
    assert not cache.exists()


@pytest.mark.parametrize(
    "name, words", [("vg16", "Did you mean 'vgg16'"), ("vgg16", "answered 404"), ("", "There are")]
)
def test_fetch_that_fails_says_so_in_a_sentence(site, cache, capsys, name, words):
    del site.pages["/" + FILE_NAME]
    assert commands.main(["fetch", name]) == 1
    shown = capsys.readouterr()
    assert shown.out == "" and words in shown.err and shown.err.count("\n") == 1
    assert not cache.exists() or os.listdir(cache) == []


def test_fetch_interrupted(monkeypatch, capsys):
    monkeypatch.setattr(registry, "download_weights", lambda _: signal.raise_signal(signal.SIGINT))
    assert commands.main(["fetch", "vgg16"]) == 130
    assert capsys.readouterr().err == "Interrupted.\n"
