"""What `python -m course_utils` says of a computer, and what it fetches."""

import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest
import web

from course_utils import __main__ as commands
from course_utils import doctor
from course_utils.doctor import FIX, NOTE, OK
from course_utils.networks import registry


@pytest.fixture(autouse=True)
def no_settings(cache, tmp_path, monkeypatch):
    """Neither a cache nor settings of Keras."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)


def test_a_screen_says_that_all_is_well(capsys):
    assert commands.main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    subjects = "Python Packages Memory TensorFlow Weights Model Cache"
    assert [line.split()[1] for line in lines[2:-2] if line[0] != " "] == subjects.split()
    assert lines[-1] == "The course works here."


def test_what_is_to_fix_comes_first_and_the_rest_waits(monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert commands.main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "fix   TensorFlow  KERAS_BACKEND is 'jax', not 'tensorflow'" in out
    assert out.endswith("\nFix this first, then run the doctor again.\n") and "Weights" not in out


def test_a_package_that_is_missing_does_not_stop_the_doctor(monkeypatch, capsys):
    code = "import sys; sys.modules['numpy'] = None; import course_utils.__main__"
    subprocess.run([sys.executable, "-c", code], check=True)
    said = "course-utils 0.1.0 requires psutil, which is not installed."
    run = SimpleNamespace(returncode=1, stdout=said, stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: run)
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert commands.main(["doctor"]) == 1
    assert "requires psutil" in (out := capsys.readouterr().out) and "Fix this first" in out


@pytest.mark.parametrize(
    "said, mark",
    [
        ("course-utils 0.1.0 requires keras, which is not installed.", FIX),
        ("course-utils 0.1.0 requires tensorflow, which is not installed.", OK),  # tensorflow-cpu
        ("ipywidgets 8.1.9 has requirement jupyterlab_widgets~=3.0.15, but you have 1.1.0.", FIX),
        ("other 1.0 has requirement numpy<2, but you have numpy 2.4.6.", NOTE),
    ],
)
def test_packages(monkeypatch, said, mark):
    run = SimpleNamespace(returncode=1, stdout=said + "\n", stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: run)
    row = doctor.check_packages()
    assert row.mark == mark and (said in row.finding or mark == OK)


def test_a_keras_that_is_set_to_channels_first_does_not_matter(tmp_path):
    (tmp_path / "keras.json").write_text('{"image_data_format": "channels_first"}')
    code = "import course_utils as cu; c = cu.load_classifier(); print(*c.top_predictions("
    code += "cu.load_image('chelsea'), k=1))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "Egyptian_cat" in run.stdout, run.stderr


@pytest.mark.parametrize("gigabytes, mark", [(1.0, FIX), (1.5, NOTE), (1.9, OK)])
def test_memory(monkeypatch, gigabytes, mark):
    memory = SimpleNamespace(total=gigabytes * 1e9)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    row = doctor.check_memory()
    assert row.mark == mark and row.finding.startswith(f"{gigabytes} GB")


def test_a_tensorflow_that_cannot_be_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "course_utils.backend", None)
    row = doctor.check_tensorflow()
    assert row.mark == FIX and row.finding.startswith("ModuleNotFoundError: import of course_utils")
    assert "pip install --force-reinstall --no-deps tensorflow" in row.advice


def test_the_model(monkeypatch):
    assert doctor.check_model() == (OK, "Model", "efficientnet_lite0, embedded", "")
    monkeypatch.setenv("COURSE_MODEL", "VGG-16")
    row = doctor.check_model()
    assert row.mark == FIX and "python -m course_utils fetch vgg16" in row.advice
    monkeypatch.setenv("COURSE_MODEL", "vg16")
    assert "Did you mean 'vgg16'" in doctor.check_model().advice


def test_fetch_downloads_once_and_says_how_to_share(site, cache, monkeypatch, capsys):
    published = site.add("/vgg.h5", web.send(b"weights")), None
    monkeypatch.setitem(registry.PUBLISHED, "vgg16", published)
    assert commands.main(["fetch", "VGG16"]) == commands.main(["fetch", "vgg-16"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"VGG16: {cache / 'vgg.h5'}\n") and out.endswith(f"\n  {cache}\n")
    assert site.hits == ["/vgg.h5"]
    assert commands.main(["fetch", "vg16"]) == 1
    assert "Did you mean 'vgg16'" in capsys.readouterr().err
