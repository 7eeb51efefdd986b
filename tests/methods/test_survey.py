"""The survey: what it finds, where a run that was cut off goes on, and what it says of faults."""

import shutil
import sys

import numpy as np
import pytest
from PIL import Image

import course_utils as cu
from course_utils import __main__ as commands
from course_utils.methods import survey

dask = pytest.importorskip("dask")  # an extra of the package, which `make install` installs

LAYERS = ["stem_activation", "block1a_project_bn"]  # of the embedded network, the cheapest


@pytest.fixture(autouse=True)
def small_shards(monkeypatch, tmp_path):
    monkeypatch.setattr(survey, "_PICTURES_A_SHARD", 4)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder(tmp_path):
    """21 pictures in two folders, and files that are no pictures."""
    generator = np.random.default_rng(0)
    for number in range(21):
        path = tmp_path / "pictures" / "ab"[number % 2] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
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
    names = sorted(f"{'ab'[i % 2]}/{i:02}.png" for i in range(21))
    assert found.names == tuple(names) and found.skipped == {}
    paths = [folder / name for name in names]
    expected = cu.strongest_examples(embedded, paths, LAYERS)
    for name in LAYERS:
        np.testing.assert_allclose(found.examples[name].values, expected[name].values, rtol=1e-5)
        np.testing.assert_array_equal(found.examples[name].pictures, expected[name].pictures)
        np.testing.assert_array_equal(found.examples[name].positions, expected[name].positions)
    assert_equal(cu.load_survey("out"), found)
    patches = cu.example_patches(found.examples[LAYERS[0]], paths, 3)
    np.testing.assert_array_equal(patches, cu.example_patches(expected[LAYERS[0]], paths, 3))
    assert files(tmp_path / "out") == ["strongest.npz", "survey.json"]
    assert str(folder) not in (tmp_path / "out/survey.json").read_text()


def test_a_run_that_was_cut_off_goes_on_where_it_stopped(folder, tmp_path, monkeypatch):
    whole = cu.run_survey(folder, "whole", layer_names=LAYERS)
    looked, find = [], survey.find_strongest

    def find_until_cut_off(runner, layer_names, numbered):
        numbered = list(numbered)
        looked.append(numbered[0][0])
        if len(looked) == 4:
            raise KeyboardInterrupt
        return find(runner, layer_names, numbered)

    monkeypatch.setattr(survey, "find_strongest", find_until_cut_off)
    with dask.config.set(num_workers=1):
        with pytest.raises(KeyboardInterrupt):
            cu.run_survey(folder, "cut", layer_names=LAYERS)
        with pytest.raises(ValueError, match="no finished survey in 'cut'"):
            cu.load_survey("cut")
        finished = files(tmp_path / "cut/shards")
        assert len(finished) == 3 and all(name.endswith(".npz") for name in finished)
        assert_equal(cu.run_survey(folder, "cut", layer_names=LAYERS), whole)
        assert sorted(looked[:3] + looked[4:]) == [0, 4, 8, 12, 16, 20]  # each once
        assert_equal(cu.run_survey(folder, "cut", layer_names=LAYERS), whole)
    assert len(looked) == 7 and files(tmp_path / "cut") == ["strongest.npz", "survey.json"]


def test_pictures_that_cannot_be_read_are_named_and_skipped(folder, capsys):
    before = cu.run_survey(folder, "before", layer_names=LAYERS[:1])
    whole = (folder / "b/05.png").read_bytes()
    (folder / "a/99.png").write_bytes(whole[: len(whole) // 2])
    (folder / "b/98.jpg").write_bytes(b"")
    assert commands.main(["survey", "pictures", "--layers", LAYERS[0]]) == 0
    found = cu.load_survey("pictures-survey")
    assert list(found.skipped) == ["a/99.png", "b/98.jpg"]
    printed = capsys.readouterr().out
    assert "skipped a/99.png" in printed and "is empty (0 bytes)" in printed
    assert "21 pictures for each of 32 channels in 1 layers" in printed
    of_each = [np.take(s.names, s.examples[LAYERS[0]].pictures) for s in (before, found)]
    np.testing.assert_array_equal(*of_each)


def test_a_survey_of_something_else_is_not_mixed_in(folder):
    cu.run_survey(folder, "out", layer_names=LAYERS[:1])
    with pytest.raises(ValueError, match="'.*out' holds a survey of other layers"):
        cu.run_survey(folder, "out", layer_names=LAYERS)
    with pytest.raises(ValueError, match="of other network"):
        cu.run_survey(folder, "out", "vgg16_no_top", ["block1_conv1"])
    shutil.copy(folder / "a/00.png", folder / "a/copy.png")
    with pytest.raises(ValueError, match="of other pictures"):
        cu.run_survey(folder, "out", layer_names=LAYERS[:1])


def test_the_convolutions_of_vgg16(folder):
    found = cu.run_survey(folder, "out", "vgg16_no_top", ["block1_conv1"])
    assert found.network == "vgg16_no_top" and found.examples["block1_conv1"].values.shape == (
        64,
        9,
    )


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"folder": "nowhere"}, "There is no folder '.*nowhere'"),
        ({"folder": "empty"}, "No pictures in '.*empty', that is no files .avif, .bmp"),
        ({"folder": "broken"}, "None of 1 pictures could be read: .*is empty"),
        ({"network": "vgg61"}, "No network is called 'vgg61'.*vgg16"),
        ({"layer_names": ["stem"]}, "No layer.*'stem'.*stem_activation"),
        ({"num_workers": 0}, "num_workers must be a whole number, 1 or more, not 0"),
        ({"num_workers": 2, "scheduler": "tcp://127.0.0.1:1"}, "num_workers or scheduler"),
    ],
)
def test_bad_arguments(folder, tmp_path, arguments, words):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/a.png").touch()
    arguments = {"folder": "pictures", "layer_names": LAYERS, **arguments}
    with pytest.raises(ValueError, match=words):
        cu.run_survey(**arguments)


def test_nobody_at_the_schedulers_address(folder, monkeypatch, capsys):
    pytest.importorskip("distributed")
    monkeypatch.setattr(survey, "_CONNECT_SECONDS", 1)
    address = "tcp://127.0.0.1:1"
    assert commands.main(["survey", "pictures", "--scheduler", address]) == 1
    assert f"No Dask cluster with a worker answers at '{address}'" in capsys.readouterr().err


@pytest.mark.parametrize("missing, options", [("dask", []), ("distributed", ["--workers", "2"])])
def test_without_dask_a_sentence_says_what_to_install(
    folder, monkeypatch, capsys, missing, options
):
    monkeypatch.setitem(sys.modules, missing, None)
    assert commands.main(["survey", "pictures", *options]) == 1
    words = f"runs on Dask, and {missing} is not installed here: python -m pip install"
    assert words in capsys.readouterr().err


def test_a_process_of_its_own_finds_the_same(folder):
    """`python benchmarks/survey.py` has two, on a cluster, and kills one."""
    pytest.importorskip("distributed")
    of_threads = cu.run_survey(folder, "threads", layer_names=LAYERS)
    of_process = cu.run_survey(folder, "process", layer_names=LAYERS, num_workers=1)
    assert of_threads.names == of_process.names
    for name in LAYERS:
        for a, b in zip(of_threads.examples[name], of_process.examples[name], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)
