"""The files a reader meets first agree with each other."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
NEEDED_FOR_LAB = {"jupyterlab", "jupytext", "ipykernel"}


def requirements(lines):
    """Return {canonical name: Requirement}; TensorFlow's CPU build counts as TensorFlow."""
    items = map(Requirement, lines)
    return {canonicalize_name(item.name).removesuffix("-cpu"): item for item in items}


def dependencies(*extras):
    optional = PROJECT["optional-dependencies"]
    return requirements(sum((optional[extra] for extra in extras), PROJECT["dependencies"]))


def imported_modules(path):
    """Return the top-level names of the modules that a file imports, wherever in it."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.partition(".")[0] for name in names}


def test_the_conda_environment_has_what_the_package_needs():
    python = CONDA[0].removeprefix("python=")
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(f"{python}.0")
    listed, needed = requirements(CONDA[-1]["pip"]), dependencies("dev")
    assert set(listed) == set(dependencies()) | NEEDED_FOR_LAB
    for name, requirement in listed.items():
        assert requirement.specifier == needed[name].specifier, name
    marked = [item for item in map(Requirement, CONDA[-1]["pip"]) if item.marker]
    for machine, build in {"x86_64": "tensorflow-cpu", "arm64": "tensorflow"}.items():
        here = [i.name for i in marked if i.marker.evaluate({"platform_machine": machine})]
        assert here == [build]
    binder = ROOT / "binder/environment.yml"
    assert binder.read_bytes() == (ROOT / "environment.yml").read_bytes()


def test_what_the_package_and_the_chapters_import_is_declared():
    """An import that works only because another package brings it along breaks some day."""
    distributions = packages_distributions()
    known = sys.stdlib_module_names | {"course_utils", "course_exercises"}
    undeclared = set()
    for path in [*ROOT.glob("course_utils/**/*.py"), *ROOT.glob("notebooks/*.py")]:
        for module in imported_modules(path) - known:
            names = {canonicalize_name(name) for name in distributions.get(module, [module])}
            if not {name.removesuffix("-cpu") for name in names} & set(dependencies("survey")):
                undeclared.add((path.name, module))
    assert undeclared == set()


def test_constraints_satisfy_the_package():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = requirements(line for line in lines if line and not line.startswith("#"))
    for name, requirement in dependencies("dev", "survey", "grade", "book").items():
        (pin,) = pins[name].specifier
        assert requirement.specifier.contains(Version(pin.version)), pins[name]
