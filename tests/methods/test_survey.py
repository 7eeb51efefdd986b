"""The survey: what it finds, where a run that was cut off goes on, and what it says of faults."""

import os
import shutil
import sys

import dask
import numpy as np
import pytest
from PIL import Image

import course_utils as cu
from course_utils import __main__ as commands
from course_utils.methods import survey

LAYERS = ["stem_activation", "block1a_project_bn"]  # of the embedded network, the cheapest


@pytest.fixture(autouse=True)
def small_parts(monkeypatch, tmp_path):
    monkeypatch.setattr(survey, "_PICTURES_A_PART", 4)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder(tmp_path):
    """21 pictures in two folders, one of them linked, and files that are no pictures."""
    generator = np.random.default_rng(0)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "pictures/a").mkdir(parents=True)
    (tmp_path / "pictures/b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/up").symlink_to(tmp_path / "pictures")
    for number in range(21):
        path = (
            tmp_path / "pictures" / "ab"[number % 2] / f"{number:02}.{['png', 'jfif'][number % 2]}"
        )
        pixels = generator.integers(0, 256, (12, 9 + number, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    for name in ["notes.txt", "a/.hidden.png"]:
        (tmp_path / "pictures" / name).write_text("no picture")
    return tmp_path / "pictures"


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def assert_equal(first, second):
    assert list(first.examples) == list(second.examples)
    for name, table in first.examples.items():
        for a, b in zip(table, second.examples[name], strict=True):
            np.testing.assert_array_equal(a, b)
    assert (first.names, first.skipped) == (second.names, second.skipped)


def test_it_finds_what_strongest_examples_finds(folder, embedded, tmp_path):
    found = cu.run_survey(folder, "out", layer_names=LAYERS)
    names = sorted(f"{'ab'[i % 2]}/{i:02}.{['png', 'jfif'][i % 2]}" for i in range(21))
    assert found.names == tuple(names) and found.skipped == {}
    paths = [folder / name for name in names]
    expected = cu.strongest_examples(embedded, paths, LAYERS)
    for name in LAYERS:
        np.testing.assert_allclose(found.examples[name].values, expected[name].values, rtol=1e-5)
        np.testing.assert_array_equal(found.examples[name].pictures, expected[name].pictures)
        np.testing.assert_array_equal(found.examples[name].positions, expected[name].positions)
    assert_equal(cu.load_survey("out"), found)
    assert files(tmp_path / "out") == ["strongest.npz"]


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
        with pytest.raises(ValueError, match="'.*cut': No space left.* goes on from there"):
            cu.run_survey(folder, "cut", layer_names=LAYERS)
        with pytest.raises(ValueError, match="no finished survey in 'cut'"):
            cu.load_survey("cut")
        assert len(files(tmp_path / "cut")) == 3
        assert_equal(cu.run_survey(folder, "cut", layer_names=LAYERS), whole)
    assert sorted(looked[:3] + looked[4:]) == [0, 4, 8, 12, 16, 20]  # each once
    assert files(tmp_path / "cut") == ["strongest.npz"]


def test_pictures_that_cannot_be_read_are_named_and_skipped(folder, capsys):
    before = cu.run_survey(folder, "before", layer_names=LAYERS[:1])
    whole = (folder / "a/00.png").read_bytes()
    (folder / "a/99.png").write_bytes(whole[: len(whole) // 2])
    (folder / "b/98.jpg").write_bytes(b"")
    assert commands.main(["survey", "pictures", "--layers", LAYERS[0]]) == 0
    found = cu.load_survey("pictures-survey")
    assert list(found.skipped) == ["a/99.png", "b/98.jpg"]
    printed = capsys.readouterr().out
    assert "skipped a/99.png" in printed
    assert "21 pictures for each of 32 channels in 1 layers" in printed
    of_each = [np.take(s.names, s.examples[LAYERS[0]].pictures) for s in (before, found)]
    np.testing.assert_array_equal(*of_each)


def test_a_survey_of_something_else_is_not_mixed_in(folder):
    cu.run_survey(folder, "out", "vgg16_no_top", ["block1_conv1"])
    shutil.copy(folder / "a/00.png", folder / "a/copy.png")
    with pytest.raises(ValueError, match="'.*out' holds a survey of another network, other"):
        cu.run_survey(folder, "out", "vgg16_no_top", ["block1_conv1"])


def test_a_process_of_its_own_finds_the_same(folder):
    """`python benchmarks/survey.py` has two, on a cluster, and kills one."""
    of_threads = cu.run_survey(folder, "threads", layer_names=LAYERS)
    with dask.config.set(scheduler="processes", num_workers=1):
        of_process = cu.run_survey(folder, "process", layer_names=LAYERS)
    for name in LAYERS:
        for a, b in zip(of_threads.examples[name], of_process.examples[name], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)


def die(*arguments):
    os._exit(1)


def test_a_worker_that_is_killed_is_a_sentence(folder, monkeypatch):
    monkeypatch.setattr(survey, "_look_through", die)
    with (
        dask.config.set(scheduler="processes", num_workers=1),
        pytest.raises(ValueError, match="worker process ended.*goes on from there"),
    ):
        cu.run_survey(folder, "out", layer_names=LAYERS)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"folder": "nowhere"}, "There is no folder '.*nowhere'"),
        ({"folder": "empty"}, "There are no pictures .* in '.*empty'"),
        ({"folder": "broken"}, "None of 1 pictures could be read: .*is empty"),
        ({"layer_names": ["stem"]}, "No layer.*'stem'.*stem_activation"),
        ({"output": "broken/a.png"}, "can't be kept in '.*a.png': "),
        ({"output": "damaged"}, "strongest.npz' is damaged. Delete it"),
    ],
)
def test_what_a_survey_says(folder, tmp_path, arguments, words):
    for name in ("empty", "broken", "damaged"):
        (tmp_path / name).mkdir()
    (tmp_path / "broken/a.png").touch()
    (tmp_path / "damaged/strongest.npz").write_bytes(b"PK")
    arguments = {"folder": "pictures", "layer_names": LAYERS, **arguments}
    with pytest.raises(ValueError, match=words):
        cu.run_survey(**arguments)


def test_without_dask_a_sentence_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(ValueError, match="runs on Dask: python -m pip install dask"):
        cu.run_survey(folder, layer_names=LAYERS)
