"""The files a reader meets first agree with each other, and run on any machine."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MADE_FROM = [
    "pyproject.toml",
    "constraints.txt",
    "tools/jupyter/default_setting_overrides.json",
    "tools/jupyter/ipython_kernel_config.py",
]
NEEDED_FOR_LAB = {"jupyterlab", "jupytext", "ipykernel"}


def requirements(lines):
    """Return {canonical name: Requirement}; TensorFlow's CPU build counts as TensorFlow."""
    parsed = {}
    for line in lines:
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name).removesuffix("-cpu")
        assert str(parsed.get(name, requirement).specifier) == str(requirement.specifier), line
        parsed[name] = requirement
    return parsed


def dependencies(*extras):
    optional = PROJECT["optional-dependencies"]
    return requirements(PROJECT["dependencies"] + sum((optional[extra] for extra in extras), []))


def constraint_lines():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def imported_modules(path):
    """Return the top-level names of the modules that a file imports, wherever in it."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules.add(node.module.partition(".")[0])
    return modules


def run_make(folder, *arguments, **environment):
    command = ["make", "--no-print-directory", *arguments]
    environment = {k: v for k, v in os.environ.items() if k != "MAKEFLAGS"} | environment
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture
def installed(tmp_path):
    """A folder, its name with a space, where `make install` is done; nothing is installed."""
    folder = tmp_path / "the course"
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / "tools/jupyter").mkdir(parents=True)
    for name in ["Makefile", *MADE_FROM]:
        shutil.copy(ROOT / name, folder / name)
        os.utime(folder / name, (500, 500))
    stamp = folder / ".venv/.installed"
    stamp.touch()
    os.utime(stamp, (1000, 1000))
    return folder


def test_binder_builds_what_conda_builds():
    root, binder = ROOT / "environment.yml", ROOT / "binder/environment.yml"
    assert root.read_bytes() == binder.read_bytes()


def test_the_conda_environment_has_what_the_package_needs():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda, pip = environment["dependencies"][:-1], environment["dependencies"][-1]["pip"]
    python = conda[0].removeprefix("python=")
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(f"{python}.0")
    listed, needed = requirements(pip), dependencies("dev")
    assert set(listed) == set(dependencies()) | NEEDED_FOR_LAB
    for name, requirement in listed.items():
        assert requirement.specifier == needed[name].specifier, name


@pytest.mark.parametrize("machine", ["x86_64", "AMD64", "arm64", "aarch64"])
def test_the_conda_environment_has_one_tensorflow_for_each_machine(machine):
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    builds = [Requirement(line) for line in environment["dependencies"][-1]["pip"]]
    chosen = [
        build.name
        for build in builds
        if build.name.startswith("tensorflow")
        and build.marker.evaluate({"platform_machine": machine})
    ]
    assert chosen == ["tensorflow-cpu" if machine in ("x86_64", "AMD64") else "tensorflow"]


def test_what_the_package_and_the_chapters_import_is_declared():
    """An import that works only because another package brings it along breaks some day."""
    distributions = packages_distributions()
    undeclared = set()
    for path in [*ROOT.glob("course_utils/**/*.py"), *ROOT.glob("notebooks/*.py")]:
        for module in imported_modules(path) - sys.stdlib_module_names - {"course_utils"}:
            names = {canonicalize_name(name) for name in distributions.get(module, [module])}
            if not {name.removesuffix("-cpu") for name in names} & set(dependencies("survey")):
                undeclared.add((path.name, module))
    assert undeclared == set()


def test_constraints_satisfy_the_package():
    pins = requirements(constraint_lines())
    for name, requirement in dependencies("dev", "survey", "book").items():
        (pin,) = pins[name].specifier
        assert requirement.specifier.contains(Version(pin.version)), pins[name]


def test_help_is_the_default_and_describes_every_command():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE).group(1).split()
    described = dict(re.findall(r"^  make ([a-z-]+) +(\S.*)$", run_make(ROOT, "help").stdout, re.M))
    assert list(described) == targets
    assert run_make(ROOT).stdout == run_make(ROOT, "help").stdout


def test_an_install_that_failed_is_tried_again_and_one_that_worked_is_not(installed):
    (installed / ".venv/.installed").unlink()
    assert run_make(installed, "install", "PYTHON=true", "VENV_PYTHON=false").returncode != 0
    assert run_make(installed, "--question", "install").returncode == 1
    assert run_make(installed, "install", "PYTHON=true", "VENV_PYTHON=true").returncode == 0
    assert run_make(installed, "install", "PYTHON=false", "VENV_PYTHON=false").returncode == 0


def test_an_old_python_is_refused_with_what_to_do(installed):
    os.utime(installed / "pyproject.toml", (2000, 2000))
    old = installed / "old python"
    code = "import sys; sys.version_info = (3, 10, 4); exec(sys.argv[2])"
    old.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo Python 3.10.4 && exit\n'
        f"exec '{sys.executable}' -c '{code}' \"$@\"\n"
    )
    old.chmod(0o755)
    run = run_make(installed, "test", f"PYTHON={old}")
    assert run.returncode != 0
    assert "Python 3.11 or newer" in run.stderr
    assert "Python 3.10.4" in run.stderr
    assert "make install PYTHON=python3.12" in run.stderr


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], set()),
        (["PORT=8123", "BROWSER=no"], {"--no-browser", "--port=8123"}),
    ],
)
def test_lab_opens_chapter_1_as_asked(installed, arguments, options):
    command = run_make(
        installed, "--dry-run", "lab", *arguments, PORT="", BROWSER=""
    ).stdout.split()
    assert "--LabApp.default_url=/lab/tree/notebooks/01_introduction.ipynb" in command
    assert {o for o in command if o.startswith(("--no-browser", "--port="))} == options
