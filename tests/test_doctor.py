import contextlib
import errno
import hashlib
import importlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import namedtuple
from importlib.resources import files
from pathlib import Path

import pooch
import pytest
import web

from course_utils import __main__ as commands
from course_utils import architectures, doctor, images
from course_utils.doctor import FIX, NOTE, OK

ROOT = Path(__file__).parents[1]
SEARCHED = list(sys.path)
CONTENT = bytes(range(256)) * 100
VGG16 = architectures.APPLICATIONS["vgg16"]
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
    url = site.add("/" + VGG16.file_name, web.send(CONTENT))
    known_hash = "md5:" + hashlib.md5(CONTENT).hexdigest()
    small = VGG16._replace(url=url, known_hash=known_hash)
    monkeypatch.setitem(architectures.APPLICATIONS, "vgg16", small)
    return VGG16.file_name


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


@contextlib.contextmanager
def nobody():
    """Be a user whom the modes of files bind, as they do not bind root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        importlib.invalidate_caches()  # of folders with modules, which nobody may have found empty


@pytest.fixture
def open_folder():
    """An empty folder that `nobody` can reach; pytest's own are private."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        (Path(folder) / "cache").mkdir()
        yield Path(folder) / "cache"


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


def test_commands_are_not_wrapped():
    words = "word " * 40
    row = doctor.Row(FIX, "Subject", words, f"{words}\n  python -m pip {words}")
    lines = commands.format_row(row).splitlines()
    assert lines[0].startswith("fix   Subject     word word")
    assert [len(line) <= 80 for line in lines] == [True] * (len(lines) - 1) + [False]
    assert all(line.startswith(" " * 18) for line in lines[1:])
    assert lines[-1] == " " * 20 + f"python -m pip {words}"


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_comes_without_tensorflow(arguments):
    result = run("-X", "importtime", "-m", "course_utils", *arguments)
    assert result.returncode == 0
    assert "doctor" in result.stdout and "fetch" in result.stdout
    assert not re.search(r"\b(tensorflow|keras|numpy)\b", result.stderr)


def test_a_screen_without_the_letters_of_a_folder(tmp_path):
    environment = {"COURSE_CACHE": str(tmp_path / "café"), "PYTHONIOENCODING": "ascii"}
    result = run("-m", "course_utils", "doctor", KERAS_BACKEND="jax", **environment)
    assert "caf\\xe9" in result.stdout and result.stderr == ""


# What is installed


def test_a_python_new_enough(install):
    install("course-utils", python=">=3.11")
    assert doctor.check_python().mark == OK


def test_an_old_python(install):
    install("course-utils", python=">=3.99")
    assert doctor.check_python().mark == FIX
    assert "Use Python 3.99 or newer" in doctor.check_python().advice


NEEDED = "keras>=3.10", "numpy>=2.0", "tensorflow>=2.20", 'ruff>=0.9; extra == "dev"'


@pytest.mark.parametrize("tensorflow", ["tensorflow", "tensorflow-cpu"])
def test_packages_new_enough(install, tensorflow):
    install("course-utils", "0.1.0", *NEEDED, "pooch>=1.8")
    install(tensorflow, "2.20.0")
    install("keras", "3.10")
    install("numpy", "10.0.0rc1")
    install("pooch", "1.8.2")
    finding = "tensorflow 2.20.0, keras 3.10, numpy 10.0.0rc1, and 1 others"
    assert doctor.check_packages() == (OK, "Packages", finding, "")


def test_packages_too_old_and_missing(install):
    install("course-utils", "0.1.0", *NEEDED)
    install("tensorflow", "2.9.3")
    install("numpy", "2.1")
    row = doctor.check_packages()
    assert row.mark == FIX
    assert row.finding == "keras is missing, tensorflow 2.9.3"
    assert '  python -m pip install "keras>=3.10" "tensorflow>=2.20"' in row.advice


def test_packages_of_a_course_that_is_not_installed(install):
    install("tensorflow", "2.9.3")
    install("numpy", "2.1")
    assert doctor.check_packages().mark == FIX
    assert "keras is missing" in doctor.check_packages().finding


def test_a_course_that_is_not_installed(install):
    for name in ("tensorflow", "keras", "numpy"):
        install(name)
    row = doctor.check_packages()
    assert row.mark == NOTE
    assert "course_utils is not installed" in row.finding
    assert "pip install --editable ." in row.advice


def test_a_package_that_nothing_has_installed(modules):
    code = "from course_utils import doctor; print(doctor._look(doctor.check_cache))"
    modules(pooch="raise ModuleNotFoundError(\"No module named 'pooch'\")")
    result = run("-c", f"import sys; sys.path[:] = {sys.path!r}; {code}")
    assert "mark='fix', subject='Cache', finding=\"No module named 'pooch'\"" in result.stdout


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
        ("7.8.5", ASKS_7_8, "3.0.17", FIX),
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


def test_widgets_without_jupyterlab(install):
    install("ipywidgets", "8.1.9", ASKS_8)
    assert doctor.check_widgets().mark == OK


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


def test_jupytext_is_there(install):
    install("jupytext", "1.16.4")
    assert doctor.check_jupytext() == (OK, "Jupytext", "1.16.4", "")


# TensorFlow and what it needs


@pytest.mark.parametrize(
    "value, mark", [(None, OK), ("", OK), ("tensorflow", OK), ("jax", FIX), ("TensorFlow", FIX)]
)
def test_keras_backend(monkeypatch, value, mark):
    if value is not None:
        monkeypatch.setenv("KERAS_BACKEND", value)
    row = doctor.check_backend()
    assert row.mark == mark
    assert ("Unset" in row.advice) == (mark == FIX)


@pytest.fixture
def cgroup(tmp_path, monkeypatch):
    """Function that gives this process's control group, and those above it, their limits."""
    monkeypatch.setattr(doctor, "_ROOT", tmp_path)
    monkeypatch.setattr(os, "sysconf", lambda name: 10**6)  # so the computer has a terabyte

    def add(line, **limits):
        (tmp_path / "proc/self").mkdir(parents=True)
        (tmp_path / "proc/self/cgroup").write_text(f"3:cpuset:/\n{line}\n1:name=systemd:/a\n")
        for place, text in limits.items():
            file = tmp_path / "sys/fs/cgroup" / place.replace("__", "/").replace("_max", ".max")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{text}\n")

    return add


@pytest.mark.parametrize(
    "size, mark, words",
    [
        (1_199_000_000, FIX, "1.2 GB, set by a control group: the course needs 1.2 GB"),
        (1_200_000_000, NOTE, "VGG16 needs 1.7 GB"),
        (1_999_000_000, NOTE, "VGG16 needs 1.7 GB"),
        (2 * 2**30, OK, "2.1 GB, set by a control group"),  # Binder's
    ],
)
def test_memory(cgroup, size, mark, words):
    cgroup("0::/", memory_max=size)
    row = doctor.check_memory()
    assert row.mark == mark and words in row.finding
    assert ("2 GB or more" in row.advice) == (mark != OK)


@pytest.mark.parametrize(
    "line, limits, found",
    [
        ("0::/", {"memory_max": "max"}, []),
        ("0::/user/me", {"user__me__memory_max": 5, "user__memory_max": "max"}, [5]),
        ("0::/user/me", {"user__me__memory_max": "max", "user__memory_max": 6}, [6]),
        ("0::/../other", {"memory_max": 7}, [7]),
        ("0::/gone", {}, []),
        ("4:memory:/me", {"memory__me__memory.limit_in_bytes": 8}, [8]),
        ("4:memory:/not/mounted", {"memory__memory.limit_in_bytes": 9}, [9]),
    ],
)
def test_control_groups(cgroup, line, limits, found):
    cgroup(line, **limits)
    assert list(doctor._cgroup_limits()) == found


def test_memory_that_the_system_does_not_tell(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "_ROOT", tmp_path)
    monkeypatch.delattr(os, "sysconf")
    assert doctor.check_memory().mark == OK
    assert "not known" in doctor.check_memory().finding


def test_memory_is_the_smallest_limit(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "_ROOT", tmp_path)
    pages = {"SC_PHYS_PAGES": 10**6, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY,) * 2)
    assert doctor.check_memory().finding == "4.1 GB, all that this computer has"
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (3 * 10**9,) * 2)
    assert doctor.check_memory().finding == "3.0 GB, set by ulimit -v"


def test_memory_under_a_real_ulimit():
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (10**9, 10**9)); "
        "from course_utils import doctor; print(doctor.check_memory())"
    )
    out = run("-c", code).stdout
    assert "mark='fix'" in out and "1.0 GB, set by ulimit -v" in out
    assert "ulimit -v says unlimited" in out


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


def test_a_build_without_gpu_is_the_same_library(install):
    install("some-library-cpu", "1.2")
    assert doctor._installed("some-library") == ("some-library-cpu", "1.2")


def test_a_check_that_fails_is_not_blamed_on_tensorflow(modules):
    modules(keras="class backend: backend = lambda: 'tensorflow'", tensorflow="")
    with pytest.raises(RuntimeError, match="AttributeError.*keras"):
        doctor.check_tensorflow()


# Networks, and where their weights come from


@pytest.fixture
def embedded_file(tmp_path, monkeypatch):
    """A copy of the embedded weights, which the checks take for the package's own."""
    file = tmp_path / "course" / "course_utils" / "data" / f"{architectures.EMBEDDED}.npz"
    file.parent.mkdir(parents=True)
    shutil.copy(files("course_utils") / "data" / file.name, file)
    monkeypatch.setattr(doctor, "files", lambda package: tmp_path / "course" / package)
    return file


def test_weights_that_are_whole(embedded_file):
    assert doctor.check_weights().mark == OK


@pytest.mark.parametrize("clone", [True, False])
@pytest.mark.parametrize("fault", ["damaged", "missing"])
def test_weights_that_are_not(embedded_file, fault, clone):
    with open(embedded_file, "r+b") as file:
        file.seek(10**6)
        byte = file.read(1)[0]
        file.seek(10**6)
        file.write(bytes([byte ^ 1]))
    if fault == "missing":
        embedded_file.unlink()
    if clone:
        (embedded_file.parents[2] / "pyproject.toml").touch()
    row = doctor.check_weights()
    assert row.mark == FIX and fault in row.finding
    assert (f"git restore {embedded_file}" in row.advice) == clone
    assert ("pip install --force-reinstall --no-deps ." in row.advice) != clone


def put(folder, name, content=CONTENT):
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def test_model_without_vgg16(vgg16):
    row = doctor.check_model()
    assert row.mark == OK and "efficientnet_lite0, embedded (no VGG16" in row.finding


def test_model_with_vgg16(vgg16, cache):
    put(cache, vgg16)
    row = doctor.check_model()
    assert row.mark == OK and row.finding == "vgg16, whose verified weights are in the cache"


def test_model_with_a_damaged_vgg16(vgg16, cache):
    put(cache, vgg16, CONTENT[:-1])
    row = doctor.check_model()
    assert row.mark == NOTE and "efficientnet_lite0, as the cached weights" in row.finding
    assert "python -m course_utils fetch vgg16" in row.advice


def test_model_by_name(vgg16, cache, monkeypatch):
    monkeypatch.setenv("COURSE_MODEL", "VGG-16")
    row = doctor.check_model()
    assert row.mark == FIX and "its weights are not in the cache" in row.finding
    assert "python -m course_utils fetch vgg16" in row.advice
    put(cache, vgg16)
    row = doctor.check_model()
    assert row.mark == OK and row.finding == "vgg16, because COURSE_MODEL is 'VGG-16'"
    monkeypatch.setenv("COURSE_MODEL", "embedded")
    assert doctor.check_model().finding == "efficientnet_lite0, because COURSE_MODEL is 'embedded'"


def test_model_by_a_wrong_name(monkeypatch):
    monkeypatch.setenv("COURSE_MODEL", "vg16")
    row = doctor.check_model()
    assert row.mark == FIX and row.finding == "COURSE_MODEL is 'vg16'"
    assert "Did you mean 'vgg16'" in row.advice


def test_connection(vgg16, site):
    site.add("/" + vgg16, web.send(b"weights", Content_Length=doctor._VGG16_BYTES))
    assert doctor.check_connection() == (OK, "Connection", "127.0.0.1 answers", "")


@pytest.mark.parametrize(
    "answer, words",
    [
        (web.send(b"<html>Log in</html>"), "127.0.0.1 sends something else"),
        (web.silence, "time-out, it took too long"),
        (web.drip_headers, "time-out, it took too long"),
        (web.status(404), "answered 404"),
        (web.no_http, "no connection to the server"),
    ],
)
def test_no_connection(vgg16, site, monkeypatch, answer, words):
    monkeypatch.setattr(doctor, "_NETWORK_SECONDS", 0.3)
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


def test_cache_stays_as_it_is(cache):
    put(cache, VGG16.file_name)
    assert "weights files: 1," in doctor.check_cache().finding
    assert os.listdir(cache) == [VGG16.file_name]


@pytest.mark.parametrize("below", ["", "deeper/folder"])
def test_a_file_in_the_place_of_the_cache(cache, monkeypatch, below):
    cache.write_bytes(b"")
    monkeypatch.setenv("COURSE_CACHE", str(cache / below))
    row = doctor.check_cache()
    assert row.mark == FIX and row.finding == str(cache / below)
    assert "a file stands where a folder should be. Move it away" in row.advice


@pytest.mark.parametrize("held, mark", [(True, NOTE), (False, FIX)])
def test_a_cache_that_is_read_only(open_folder, monkeypatch, held, mark):
    monkeypatch.setenv("COURSE_CACHE", str(open_folder))
    if held:
        put(open_folder, VGG16.file_name)
    open_folder.chmod(0o555)
    with nobody():
        row = doctor.check_cache()
    assert row.mark == mark
    assert ("It is used as it is." in row.advice) == held
    assert ("COURSE_CACHE to a folder you can write to" in row.advice) != held


@pytest.mark.parametrize(
    "free, held, mark",
    [
        (553_000_000, None, NOTE),
        (554_000_000, None, OK),
        (0, VGG16.file_name, OK),
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


def test_a_full_disk_under_the_cache(monkeypatch):
    def refuse(**_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    row = doctor.check_cache()
    assert row.mark == FIX and "is full. Free some space" in row.advice


def test_no_home_for_the_cache(monkeypatch):
    monkeypatch.delenv("COURSE_CACHE")
    monkeypatch.setattr(pooch, "os_cache", lambda name: Path("~/.cache", name))
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    row = doctor.check_cache()
    assert row.mark == FIX and "Set the environment variable COURSE_CACHE" in row.advice
    assert doctor.check_model().mark == OK


def test_a_home_directory_that_does_not_exist(vgg16, open_folder, monkeypatch, capsys):
    monkeypatch.delenv("COURSE_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(open_folder / "gone"))
    open_folder.chmod(0o555)
    with nobody():
        assert doctor.check_model().mark == OK
        row = doctor.check_cache()
        assert commands.main(["fetch", "vgg16"]) == 1
    words = "/gone/.* cannot be used: Permission denied.* COURSE_CACHE to a folder you can write to"
    assert row.mark == FIX and re.search(words, row.advice)
    assert re.search(words, capsys.readouterr().err)
    assert os.listdir(open_folder) == []


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


def test_fetch_uses_a_read_only_cache_as_it_is(vgg16, site, open_folder, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_CACHE", str(open_folder))
    put(open_folder, vgg16)
    open_folder.chmod(0o555)
    with nobody():
        with pytest.raises(PermissionError):  # or the test proves nothing
            put(open_folder, "other")
        assert commands.main(["fetch", "vgg16"]) == 0
    assert "was there already" in capsys.readouterr().out
    assert os.listdir(open_folder) == [vgg16] and site.hits == []


def test_fetch_into_a_read_only_cache(vgg16, open_folder, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_CACHE", str(open_folder))
    open_folder.chmod(0o555)
    with nobody():
        assert commands.main(["fetch", "vgg16"]) == 1
    assert re.search("Permission denied.*Ask for the right to use it", capsys.readouterr().err)


@pytest.mark.parametrize("name", ["embedded", "EfficientNet-Lite0", "chelsea", "cat_and_coffee"])
def test_fetch_of_what_is_there_anyway(cache, capsys, name):
    assert commands.main(["fetch", name]) == 0
    assert "nothing to fetch" in capsys.readouterr().out
    assert not cache.exists()


def test_fetch_a_picture(site, cache, monkeypatch, capsys):
    content = Path(images._scikit_image_file("rocket.jpg")).read_bytes()
    sample = images._Sample(
        site.add("/bird.jpg", web.send(content)), hashlib.sha256(content).hexdigest(), ""
    )
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


def test_fetch_without_tensorflow(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "course_utils.architectures", None)
    assert commands.main(["fetch", "vgg16"]) == 1
    assert "See: python -m course_utils doctor" in capsys.readouterr().err


def test_fetch_interrupted(vgg16, monkeypatch, capsys):
    def interrupt(name):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(architectures, "download_weights", interrupt)
    assert commands.main(["fetch", "vgg16"]) == 130
    assert capsys.readouterr().err == "Interrupted.\n"
