"""The README's pictures are there, and a change of what they show is noticed."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import build_pictures  # noqa: E402


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(ROOT / "pictures", tmp_path / "pictures")
    shutil.copytree(ROOT / "course_utils", tmp_path / "course_utils")
    return tmp_path


def test_the_pictures_are_up_to_date():
    assert build_pictures.check() == []


def test_the_readme_shows_each_of_them():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^]]{20,}\]\(pictures/([^)]+)\)", readme)
    assert sorted(shown) == sorted(build_pictures.SOURCES)


@pytest.mark.parametrize("module, stale", [("explorers", 2), ("plots", 1), ("tiles", 3)])
def test_a_changed_source_is_noticed(copy, module, stale):
    with open(copy / "course_utils" / f"{module}.py", "a") as file:
        file.write("# changed\n")
    assert len(build_pictures.check(copy)) == stale


def test_a_missing_picture_is_noticed(copy):
    (copy / "pictures/grad_cam.jpg").unlink()
    Image.new("RGB", (9, 9)).save(copy / "pictures/layer_explorer.jpg")  # not made by the tool
    assert build_pictures.check(copy) == ["layer_explorer.jpg", "grad_cam.jpg"]
