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

import numpy as np
import pooch
import pytest
import web

from course_utils import __main__ as commands
from course_utils import doctor
from course_utils.display import views
from course_utils.doctor import FIX, NOTE, OK
from course_utils.io import downloads, images
from course_utils.networks import efficientnet_lite, registry

ROOT = Path(__file__).parents[1]
SEARCHED = list(sys.path)
CONTENT = bytes(range(256)) * 100
VGG16 = registry.NETWORKS["vgg16"]
FILE_NAME = VGG16.published.file_name
VGG16_BYTES = 553_467_096
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
def site():
    with web.serve() as site:
        yield site


@pytest.fixture
def vgg16(site, monkeypatch):
    """The file name of a small VGG16, which the site has."""
    url = site.add("/" + FILE_NAME, web.send(CONTENT))
    published = registry.Published(url, "md5:" + hashlib.md5(CONTENT).hexdigest())
    monkeypatch.setitem(registry.NETWORKS, "vgg16", VGG16._replace(published=published))
    return FILE_NAME


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Function that puts a distribution's metadata where nothing else is installed."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder)])

    def add(name, version="9.0", *requirements, python=">=3.0"):
        lines = [f"Name: {name}", f"Version: {version}", f"Requires-Python: {python}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requirements]
        information = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        information.mkdir()
        (information / "METADATA").write_text("\n".join(lines) + "\n")

    return add


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Function that writes modules which are found before all others."""
    folder = tmp_path / "modules"
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])

    def add(**sources):
        for name, source in sources.items():
            (folder / name).mkdir(parents=True)
            (folder / name / "__init__.py").write_text(source)

    return add


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "COURSE_OFFLINE": "1", **environment},
        capture_output=True,
        text=True,
    )


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
    assert "Traceback" not in result.stderr
    assert not re.search(r"\b(tensorflow|keras)\b", result.stderr)


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_comes_without_tensorflow(arguments):
    result = run("-X", "importtime", "-m", "course_utils", *arguments)
    assert result.returncode == 0
    assert "doctor" in result.stdout and "fetch" in result.stdout
    assert not re.search(r"\b(tensorflow|keras|numpy)\b", result.stderr)


# What is installed


@pytest.mark.parametrize("python, mark", [(">=3.11", OK), (">=3.99", FIX)])
def test_the_version_of_python(install, python, mark):
    install("course-utils", python=python)
    row = doctor.check_python()
    assert row.mark == mark and ("Python >=3.99" in row.advice) == (mark == FIX)


NEEDED = "keras>=3.10", "numpy>=2.0", "tensorflow>=2.20", 'ruff>=0.9; extra == "dev"'


@pytest.mark.parametrize("tensorflow", ["tensorflow", "tensorflow-cpu"])
def test_packages_new_enough(install, tensorflow):
    install("course-utils", "0.1.0", *NEEDED, "pooch>=1.8")
    install(tensorflow, "2.20.0")
    install("keras", "3.10")
    install("numpy", "10.0.0")
    install("pooch", "1.8.2")
    finding = "tensorflow 2.20.0, keras 3.10, numpy 10.0.0, and 1 others"
    assert doctor.check_packages() == (OK, "Packages", finding, "")


def test_packages_too_old_and_missing(install):
    install("course-utils", "0.1.0", *NEEDED)
    install("tensorflow", "2.9.3")
    install("numpy", "2.1")
    row = doctor.check_packages()
    assert row.mark == FIX
    assert row.finding == "keras is missing, tensorflow 2.9.3"
    assert '  python -m pip install "keras>=3.10" "tensorflow>=2.20"' in row.advice


def test_a_course_that_is_not_installed(install):
    for name in ("tensorflow", "keras", "numpy"):
        install(name)
    row = doctor.check_packages()
    assert row.mark == NOTE
    assert "course_utils is not installed" in row.finding
    assert "pip install --editable ." in row.advice


def test_neither_the_course_nor_keras(install):
    install("tensorflow")
    install("numpy")
    row = doctor.check_packages()
    assert row.mark == FIX and row.finding == "keras is missing"


# As ipywidgets writes them.
ASKS_7 = 'jupyterlab-widgets (>=1.0.0) ; python_version>="3.6"'
ASKS_7_8 = 'jupyterlab-widgets<3,>=1.0.0; python_version >= "3.6"'
ASKS_8 = "jupyterlab_widgets~=3.0.17"


@pytest.mark.parametrize(
    "ipywidgets, asks, extension, mark",
    [
        ("8.1.9", ASKS_8, "3.0.17", OK),
        ("8.1.9", ASKS_8, "1.1.0", FIX),
        ("8.1.9", ASKS_8, None, FIX),
        ("7.7.1", ASKS_7, "1.1.0", OK),
        ("7.7.1", ASKS_7, "3.0.17", FIX),
        ("7.8.5", ASKS_7_8, "1.1.0", OK),
    ],
)
def test_widgets_and_their_other_half(install, ipywidgets, asks, extension, mark):
    install("ipywidgets", ipywidgets, "widgetsnbextension~=4.0.16", asks)
    install("jupyterlab", "4.2.0")
    if extension:
        install("jupyterlab_widgets", extension)
    row = doctor.check_widgets()
    assert row.mark == mark
    major = "3" if asks == ASKS_8 else "1"
    assert (f'pip install "jupyterlab_widgets=={major}.*"' in row.advice) == (mark == FIX)


def test_widgets_missing(install):
    row = doctor.check_widgets()
    assert row.mark == FIX and "pip install ipywidgets" in row.advice


def test_widgets_on_colab(install, tmp_path):
    install("ipywidgets", "7.7.1", ASKS_7)
    install("jupyterlab", "4.2.0")
    install("jupyterlab_widgets", "3.0.17")
    assert doctor.check_widgets().mark == FIX
    colab = tmp_path / "colab" / "google" / "colab"
    colab.mkdir(parents=True)
    (colab / "__init__.py").write_text("")
    sys.path.append(str(tmp_path / "colab"))
    assert doctor.check_widgets().mark == OK


def test_jupytext(install):
    assert doctor.check_jupytext().mark == NOTE
    assert "pip install jupytext" in doctor.check_jupytext().advice


# TensorFlow and what it needs


@pytest.mark.parametrize("value, mark", [(None, OK), ("tensorflow", OK), ("jax", FIX)])
def test_keras_backend(monkeypatch, value, mark):
    if value is not None:
        monkeypatch.setenv("KERAS_BACKEND", value)
    row = doctor.check_backend()
    assert row.mark == mark
    assert ("Unset" in row.advice) == (mark == FIX)


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
    "line, places, found",
    [
        ("0::/", {"sys/fs/cgroup/memory.max": "max"}, None),
        ("0::/", {"sys/fs/cgroup/memory.max": 2 * 2**30}, "2.1"),  # Binder's
        ("0::/me/too", {"sys/fs/cgroup/me/memory.max": 1_500_000_000}, "1.5"),
        ("4:memory:/me", {"sys/fs/cgroup/memory/me/memory.limit_in_bytes": 1_500_000_000}, "1.5"),
        ("0::/gone", {}, None),
    ],
)
def test_memory_of_a_container(monkeypatch, tmp_path, line, places, found):
    for place, content in {"proc/self/cgroup": f"3:cpuset:/\n{line}", **places}.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(f"{content}\n")
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
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_tha"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "ends Python: SIGILL"),
        ("raise SystemExit(3)", "importing it fails"),
        ("raise AttributeError('numpy has no such thing')", "AttributeError: numpy has no such"),
    ],
)
def test_a_broken_tensorflow(install, modules, source, finding):
    install("tensorflow", "2.19.9")  # found before the real one
    sys.path += SEARCHED
    modules(keras="import tensorflow", tensorflow=source)
    [row] = doctor.check_tensorflow()
    assert row.mark == FIX and finding in row.finding
    assert "--force-reinstall --no-deps tensorflow==2.19.9\n" in row.advice


# Networks, and where their weights come from


@pytest.mark.parametrize("clone", [True, False])
def test_weights_that_are_not_whole(tmp_path, monkeypatch, clone):
    assert doctor.check_weights().mark == OK
    file = tmp_path / "course_utils" / "data" / "efficientnet_lite0.npz"
    file.parent.mkdir(parents=True)
    if clone:
        (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(efficientnet_lite, "EMBEDDED_FILE", file)
    for fault in ("missing", "damaged"):
        row = doctor.check_weights()
        assert row.mark == FIX and fault in row.finding
        assert (f"git restore {file}" in row.advice) == clone
        assert ("pip install --force-reinstall --no-deps ." in row.advice) != clone
        file.write_bytes(b"damaged")


def put(folder, name, content=CONTENT):
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def test_model_by_name(vgg16, cache, monkeypatch):
    monkeypatch.setenv("COURSE_MODEL", "VGG-16")
    row = doctor.check_model()
    assert row.mark == FIX and "its weights are not in the cache" in row.finding
    assert "python -m course_utils fetch vgg16" in row.advice
    put(cache, vgg16)
    row = doctor.check_model()
    assert row.mark == OK and row.finding == "vgg16, because COURSE_MODEL is 'VGG-16'"
    monkeypatch.delenv("COURSE_MODEL")
    assert doctor.check_model() == (OK, "Model", "efficientnet_lite0, embedded", "")


def test_model_by_a_wrong_name(monkeypatch):
    monkeypatch.setenv("COURSE_MODEL", "vg16")
    row = doctor.check_model()
    assert row.mark == FIX and row.finding == "COURSE_MODEL is 'vg16'"
    assert "Did you mean 'vgg16'" in row.advice


def test_connection(vgg16, site):
    site.add("/" + vgg16, web.send(b"weights", Content_Length=VGG16_BYTES))
    assert doctor.check_connection() == (OK, "Connection", "127.0.0.1 answers", "")


@pytest.mark.parametrize(
    "answer, words",
    [
        (web.send(b"<html>Log in</html>"), "127.0.0.1 sends something else"),
        (web.silence, "time-out"),
        (web.status(404), "answered 404"),
        (web.no_http, "no connection to the server"),
    ],
)
def test_no_connection(vgg16, site, monkeypatch, answer, words):
    monkeypatch.setattr(downloads, "READ_SECONDS", 0.3)
    site.add("/" + vgg16, answer)
    row = doctor.check_connection()
    assert row.mark == NOTE and words in row.finding
    assert "http:" not in row.finding and "The course works without it" in row.advice


def test_connection_that_is_not_used(vgg16, site, monkeypatch):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    row = doctor.check_connection()
    assert row.mark == NOTE and "COURSE_OFFLINE is set" in row.finding
    assert site.hits == []


def test_cache_is_not_created(cache):
    row = doctor.check_cache()
    assert row.mark == OK
    assert re.fullmatch(rf"{cache}, weights files: 0, [\d.]+ GB free", row.finding)
    assert not cache.exists()


@pytest.mark.parametrize("below", ["", "deeper/folder"])
def test_a_file_in_the_place_of_the_cache(cache, monkeypatch, below):
    cache.write_bytes(b"")
    monkeypatch.setenv("COURSE_CACHE", str(cache / below))
    row = doctor.check_cache()
    assert row.mark == FIX and row.finding == str(cache / below)
    assert "a file stands where a folder should be. Move it away" in row.advice


@pytest.mark.parametrize("held, mark", [(True, NOTE), (False, FIX)])
def test_a_cache_that_is_read_only(cache, monkeypatch, held, mark):
    def refuse(**_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)  # root may write anywhere
    if held:
        put(cache, FILE_NAME)
    row = doctor.check_cache()
    assert row.mark == mark
    assert ("It is used as it is." in row.advice) == held
    assert ("COURSE_CACHE to a folder you can write to" in row.advice) != held


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
        put(cache, held)
    row = doctor.check_cache()
    assert row.mark == mark
    assert ("Free some space" in row.advice) == (mark == NOTE)


def test_no_home_for_the_cache(monkeypatch):
    monkeypatch.delenv("COURSE_CACHE")
    monkeypatch.setattr(pooch, "os_cache", lambda name: Path("~/.cache", name))
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    row = doctor.check_cache()
    assert row.mark == FIX and "Set the environment variable COURSE_CACHE" in row.advice
    assert doctor.check_model().mark == OK


# fetch


def test_fetch_downloads_once_and_says_how_to_share(vgg16, site, cache, capsys):
    assert commands.main(["fetch", "VGG16"]) == 0
    assert (cache / vgg16).read_bytes() == CONTENT
    out = capsys.readouterr().out
    assert f"vgg16 is downloaded: {vgg16}\n" in out
    assert f"COURSE_CACHE to it for them:\n  {cache}\n" in out
    assert commands.main(["fetch", "vgg16"]) == 0
    assert f"vgg16 was there already: {vgg16}\n" in capsys.readouterr().out
    assert site.hits == ["/" + vgg16]


@pytest.mark.parametrize("name", ["EfficientNet-Lite0", "chelsea"])
def test_fetch_of_what_is_there_anyway(cache, capsys, name):
    assert commands.main(["fetch", name]) == 0
    assert "nothing to fetch" in capsys.readouterr().out
    assert not cache.exists()


def test_fetch_a_picture(site, cache, monkeypatch, capsys):
    content = views.encode_picture(np.zeros((8, 8, 3), np.uint8))
    address, sha256 = site.add("/bird.jpg", web.send(content)), hashlib.sha256(content).hexdigest()
    sample = images.SAMPLES["bird"]._replace(where=address, sha256=sha256)
    monkeypatch.setitem(images.SAMPLES, "bird", sample)
    assert commands.main(["fetch", "bird"]) == 0
    assert (cache / "bird.jpg").read_bytes() == content
    out = capsys.readouterr().out
    assert out.startswith("bird is in the cache. To share it") and out.endswith(f"  {cache}\n")


@pytest.mark.parametrize(
    "name, words", [("vg16", "Did you mean 'vgg16'"), ("vgg16", "answered 404"), ("", "There are")]
)
def test_fetch_that_fails_says_so_in_a_sentence(vgg16, site, cache, capsys, name, words):
    del site.pages["/" + vgg16]
    assert commands.main(["fetch", name]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert words in shown.err and shown.err.count("\n") == 1
    assert not cache.exists() or os.listdir(cache) == []


def test_fetch_interrupted(vgg16, monkeypatch, capsys):
    def interrupt(name):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(registry, "download_weights", interrupt)
    assert commands.main(["fetch", "vgg16"]) == 130
    assert capsys.readouterr().err == "Interrupted.\n"
