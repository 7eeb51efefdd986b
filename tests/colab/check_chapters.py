"""The chapters as Colab runs them, setup cell and all; `make test-colab` runs this.

Not part of `pytest` alone: it installs packages, and wants an environment of Colab's versions.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MISSING_ON_COLAB = {"course-utils", "deprecated", "tf-keras-vis"}
# All that a chapter sees of Colab.
STAND_IN = "import sys, types\nsys.modules['google.colab'] = types.ModuleType('google.colab')\n"


def installed():
    """Return {name: version} of what is installed in this environment, not of what is in reach."""
    found = distributions(path=[sysconfig.get_path("purelib")])
    return {item.metadata["Name"].lower().replace("_", "-"): item.version for item in found}


@pytest.fixture(scope="session")
def before():
    """What is installed once the course is not, as on a new Colab machine."""
    command = [sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", *MISSING_ON_COLAB]
    subprocess.run(command, check=True)
    packages = installed()
    assert not MISSING_ON_COLAB & set(packages)
    return packages


@pytest.fixture(scope="session")
def content(tmp_path_factory):
    """Colab's folder of files: the chapters, course.zip, and the stand-in for google.colab."""
    folder = tmp_path_factory.mktemp("content")
    for chapter in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(chapter, folder)
    shutil.copy(ROOT / "conftest.py", folder)
    files = [ROOT / name for name in ("pyproject.toml", "README.md", "LICENSE")]
    files += (ROOT / "course_utils").rglob("*")
    with zipfile.ZipFile(folder / "course.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in filter(Path.is_file, files):
            archive.write(path, Path("course", path.relative_to(ROOT)))
    startup = folder / "ipython/profile_default/startup"
    startup.mkdir(parents=True)
    (startup / "colab.py").write_text(STAND_IN)
    return folder


def test_the_chapters_run_and_leave_colabs_packages_alone(before, content):
    environment = {**os.environ, "IPYTHONDIR": str(content / "ipython")}
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q", "--color=no"]
    command += ["--nbval-cell-timeout=300", "--nbval-kernel-startup-timeout=120", str(content)]
    run = subprocess.run(command, cwd=content, env=environment, capture_output=True, text=True)
    print(run.stdout)
    assert run.returncode == 0, run.stderr
    after = installed()
    assert before.items() <= after.items()
    assert set(after) - set(before) == MISSING_ON_COLAB
