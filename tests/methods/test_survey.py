"""The survey: what it finds, where a run that was cut off goes on, and what it says of faults."""

import os

import dask
import numpy as np
import pytest
from PIL import Image

import course_utils as cu
from course_utils.methods import survey

LAYERS = ["stem_activation", "block1a_project_bn"]  # of the embedded network, the cheapest
NAMES = [f"{'ab'[i % 2]}/{i:02}.{['png', 'jfif'][i % 2]}" for i in range(21)]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch, tmp_path):
    monkeypatch.setattr(survey, "_PART", 4)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder(tmp_path):
    """21 pictures in two folders, one of them linked, and files that are no pictures."""
    generator, folder = np.random.default_rng(0), tmp_path / "pictures"
    (tmp_path / "elsewhere").mkdir()
    (folder / "a").mkdir(parents=True)
    (folder / "b").symlink_to(tmp_path / "elsewhere")
    for number, name in enumerate(NAMES):
        pixels = generator.integers(0, 256, (12, 9 + number, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    for name in ["notes.txt", "a/.hidden.png"]:
        (folder / name).write_text("no picture")
    return folder


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def assert_equal(first, second):
    assert list(first) == list(second)
    for name in first:
        for a, b in zip(first[name], second[name], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)


def test_it_finds_what_strongest_examples_finds(folder, embedded, tmp_path):
    """On threads and in a process of its own; `python benchmarks/survey.py` has a cluster."""
    found = cu.run_survey(folder, "out", layer_names=LAYERS)
    assert found.names == tuple(sorted(NAMES)) and found.skipped == {}
    paths = [folder / name for name in found.names]
    assert_equal(found.examples, cu.strongest_examples(embedded, paths, LAYERS))
    assert_equal(found.examples, cu.load_survey("out").examples)
    assert files(tmp_path / "out") == ["strongest.npz"]
    with dask.config.set(scheduler="processes", num_workers=1):
        assert_equal(found.examples, cu.run_survey(folder, "process", layer_names=LAYERS).examples)


def test_a_run_that_was_cut_off_goes_on_where_it_stopped(folder, tmp_path, monkeypatch):
    whole = cu.run_survey(folder, "whole", layer_names=LAYERS)
    looked, find = [], survey.find_strongest

    def find_until_the_disk_is_full(runner, layer_names, numbered):
        numbered = list(numbered)
        looked.append(numbered[0][0])
        if len(looked) == 4:
            raise OSError(28, "No space left on device")
        return find(runner, layer_names, numbered)

    monkeypatch.setattr(survey, "find_strongest", find_until_the_disk_is_full)
    with dask.config.set(num_workers=1):
        with pytest.raises(ValueError, match="'.*cut' was cut off.*goes on.*No space left"):
            cu.run_survey(folder, "cut", layer_names=LAYERS)
        with pytest.raises(FileNotFoundError, match="cut/strongest.npz"):
            cu.load_survey("cut")
        assert len(files(tmp_path / "cut")) == 3
        assert_equal(cu.run_survey(folder, "cut", layer_names=LAYERS).examples, whole.examples)
    assert sorted(looked[:3] + looked[4:]) == [0, 4, 8, 12, 16, 20]  # each once
    assert files(tmp_path / "cut") == ["strongest.npz"]


def test_pictures_that_cannot_be_read_are_named_and_skipped(folder):
    before = cu.run_survey(folder, "before", layer_names=LAYERS[:1])
    whole = (folder / "a/00.png").read_bytes()
    (folder / "a/99.png").write_bytes(whole[: len(whole) // 2])
    (folder / "b/98.jpg").write_bytes(b"")
    found = cu.run_survey(folder, "found", layer_names=LAYERS[:1])
    assert list(found.skipped) == ["a/99.png", "b/98.jpg"]
    assert "damaged" in found.skipped["a/99.png"]
    of_each = [np.take(s.names, s.examples[LAYERS[0]].pictures) for s in (before, found)]
    np.testing.assert_array_equal(*of_each)


def test_a_survey_of_something_else_is_not_mixed_in(folder):
    cu.run_survey(folder, "out", "vgg16_no_top", ["block1_conv1"])
    for changed in ("00.png", "copy.png"):  # another picture under the same name; one more
        Image.new("RGB", (20, 20)).save(folder / "a" / changed)
        with pytest.raises(ValueError, match="'.*out' holds a survey of another network, other"):
            cu.run_survey(folder, "out", "vgg16_no_top", ["block1_conv1"])


def die(*arguments):
    os._exit(1)


def test_a_worker_that_is_killed_is_a_sentence(folder, monkeypatch):
    monkeypatch.setattr(survey, "_look_through", die)
    with (
        dask.config.set(scheduler="processes", num_workers=1),
        pytest.raises(ValueError, match="was cut off.*memory.*goes on where it stopped"),
    ):
        cu.run_survey(folder, "out", layer_names=LAYERS)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"folder": "nowhere"}, "There is no folder with pictures .* at '.*nowhere'"),
        ({"layer_names": ["stem"]}, "No layer.*'stem'.*stem_activation"),
        ({"output": "pictures/notes.txt"}, "'.*notes.txt' was cut off.*Not a directory"),
    ],
)
def test_what_a_survey_says(folder, arguments, words):
    arguments = {"folder": "pictures", "output": "out", "layer_names": LAYERS, **arguments}
    with pytest.raises(ValueError, match=words):
        cu.run_survey(**arguments)
