"""Weights files of every layout, whole VGGs, and every misfit as one sentence."""

import os
import zlib

import h5py
import numpy as np
import pytest
from small_networks import chain, layers

from course_utils.backend import keras
from course_utils.networks import vgg
from course_utils.networks.vgg import build_vgg, load_vgg
from course_utils.networks.weights import draw_kernel, load_weights, misfits_explained

# Keras's own: NumPy 2 warns of how it saves a variable.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def small(classes=10):
    conv, depthwise = layers.Conv2D(4, 3, name="conv"), layers.DepthwiseConv2D(3, name="dw")
    head = [layers.GlobalAveragePooling2D(), layers.Dense(classes, name="predictions")]
    return chain([conv, depthwise, layers.BatchNormalization(name="bn"), *head])


def write_legacy(path, model, group_name=None):
    """Write random weights as Keras 2 did: a group a layer, the order of arrays in attributes."""
    generator, written = np.random.default_rng(0), []
    with h5py.File(path, "w") as file:
        group = file.create_group(group_name) if group_name else file
        group.attrs["layer_names"] = np.array([x.name for x in model.layers], "S")
        for layer in model.layers:
            names = [f"{layer.name}/{v.name}:0" for v in layer.weights]
            part = group.create_group(layer.name)
            part.attrs["weight_names"] = np.array(names, "S")
            for name, variable in zip(names, layer.weights, strict=True):
                part[name] = generator.uniform(0.5, 1.5, variable.shape).astype(np.float32)
                written.append(part[name][()])
    return written


@pytest.mark.parametrize("layout", ["mine.weights.h5", "whole.h5", "legacy.h5", "legacy.hdf5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_weights_are_read_in_each_layout_of_keras(tmp_path, seeded, layout):
    path, model = tmp_path / layout, small()
    if layout.startswith("legacy"):
        expected = write_legacy(path, model)
    else:
        (model.save if layout == "whole.h5" else model.save_weights)(path)
        expected = model.get_weights()
    with misfits_explained("small", path):
        loaded = load_weights(small(), path).get_weights()
    assert len(loaded) == len(expected)
    assert all(map(np.array_equal, loaded, expected))


def edit(change):
    def edited(path, model):
        write_legacy(path, model)
        with h5py.File(path, "r+") as file:
            change(file)

    return edited


def drop_last_layer(file):
    file.attrs["layer_names"] = file.attrs["layer_names"][:-1]


def drop_an_array(file):
    del file["conv/conv/kernel:0"]


def turn_an_array_on_its_side(file):
    kernel = file["predictions/predictions/kernel:0"][()]
    del file["predictions/predictions/kernel:0"]
    file["predictions/predictions/kernel:0"] = kernel.T


def drop_everything(file):
    for name in list(file):
        del file[name]
    del file.attrs["layer_names"]


@pytest.mark.parametrize(
    "write, words",
    [
        (edit(drop_last_layer), "layers"),
        (edit(drop_an_array), "kernel:0"),
        (edit(turn_an_array_on_its_side), r"\(10, 4\)|\(4, 10\)"),
        (edit(drop_everything), "found 0 saved layers"),
        (lambda path, _: write_legacy(path, chain([layers.Conv2D(2, 3)])), "layers"),
    ],
)
def test_a_file_of_another_network_is_one_clear_error(tmp_path, write, words):
    path = tmp_path / "student.h5"
    write(path, small())
    with pytest.raises(ValueError, match=f"^student.h5 does not fit 'small': .*({words})") as error:
        with misfits_explained("small", path):
            load_weights(small(), path)
    assert len(str(error.value)) < 400


@pytest.mark.filterwarnings("error::UserWarning")
def test_keras_warnings_do_not_bury_the_error(tmp_path):
    path = tmp_path / "other.weights.h5"
    small(classes=9).save_weights(path)
    words = r"^other.weights.h5 does not fit 'small': .*\(4, 10\).*\(4, 9\)"
    with pytest.raises(ValueError, match=words):
        with misfits_explained("small", path):
            load_weights(small(), path)


@pytest.mark.parametrize(
    "content", [b"", b"<!doctype html>", b"\x80\x04\x95pickle", b"PK\x03\x04 keras"]
)
def test_a_file_that_is_not_hdf5_is_not_opened(tmp_path, content):
    path = tmp_path / "weights.h5"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="weights.h5 is not a readable HDF5"):
        with misfits_explained("small", path):
            pytest.fail("opened")


def test_a_file_cut_short_or_missing_or_a_folder_is_one_clear_error(tmp_path):
    path = tmp_path / "weights.h5"
    write_legacy(path, small())
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ValueError, match="weights.h5 does not fit 'small': .*truncated"):
        with misfits_explained("small", path):
            load_weights(small(), path)
    for absent in (tmp_path / "absent.h5", tmp_path):
        with pytest.raises(ValueError, match="no weights file"):
            with misfits_explained("small", absent):
                pytest.fail("opened")


def test_an_error_of_ours_is_not_blamed_on_the_file(tmp_path):
    path = tmp_path / "weights.h5"
    write_legacy(path, small())
    with pytest.raises(TypeError, match="ours"):
        with misfits_explained("small", path):
            raise TypeError("ours")


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_code_in_a_weights_file_is_not_run(tmp_path, monkeypatch):
    """A Lambda layer is saved as byte code, which Keras's own reader runs when it is told to."""
    bomb = layers.Lambda(lambda x: __import__("os").environ.update(BOMB="burst") or x)
    path = tmp_path / "student.h5"
    chain([bomb], (2,)).save(path)
    monkeypatch.delenv("BOMB")
    keras.models.load_model(path, safe_mode=False)
    monkeypatch.delenv("BOMB")  # set again, or the test proves nothing
    with pytest.raises(ValueError, match="student.h5"):
        with misfits_explained("small", path):
            load_weights(small(), path)
    assert os.environ.get("BOMB") is None


# Random weights


def test_a_kernel_is_the_same_in_every_process():
    kernel = np.empty((3, 3, 64, 64), np.float32)
    draw_kernel("one", kernel, seed=3)
    generator = np.random.default_rng([3, zlib.crc32(b"one")])  # hash("one") changes
    drawn = generator.standard_normal((3, 3, 64, 64), dtype=np.float32)
    np.testing.assert_allclose(kernel, drawn * np.sqrt(2 / 576), rtol=1e-6)


@pytest.mark.parametrize(
    "shape, fan_in", [((3, 3, 3, 500), 27), ((5, 5, 500, 1), 25), ((64, 100), 64)]
)
def test_the_variance_of_a_random_kernel_is_two_by_fan_in(shape, fan_in):
    kernels = np.empty((2, *shape), np.float32)
    for name, kernel in zip("ab", kernels, strict=True):
        draw_kernel(name, kernel)
        assert kernel.var() * fan_in == pytest.approx(2, rel=0.1)
    assert abs(np.corrcoef(kernels.reshape(2, -1))[0, 1]) < 0.1


# VGG, whose dense layers are as small here as they can be


@pytest.fixture
def small_vgg(monkeypatch):
    """A constructor like that of keras.applications, and `vgg` with dense layers to match."""
    # The last kernel, 24 numbers, does not fill up the 16 that TensorFlow aligns to.
    units = {"fc1": (3, "relu"), "fc2": (2, "relu"), "predictions": (12, "softmax")}
    monkeypatch.setattr(vgg, "_DENSE", units)

    def constructor(weights=None, include_top=True, input_shape=(224, 224, 3)):
        steps = [
            layers.Conv2D(2, 3, strides=9, name="block1_conv1"),
            layers.MaxPooling2D(name="block1_pool"),
        ]
        if include_top:
            dense = [layers.Dense(n, a, name=name) for name, (n, a) in units.items()]
            steps += [layers.Flatten(name="flatten"), *dense]
        return chain(steps, input_shape, name="vgg")

    return constructor


@pytest.mark.parametrize("group_name", [None, "model_weights"])
def test_a_vgg_is_filled_from_the_file_of_keras_applications(tmp_path, small_vgg, group_name):
    expected = write_legacy(tmp_path / "vgg.h5", small_vgg(), group_name)
    model = load_vgg(small_vgg, tmp_path / "vgg.h5")
    assert [x.name for x in model.layers][1:] == [x.name for x in small_vgg().layers][1:]
    assert all(map(np.array_equal, model.get_weights(), expected))
    same = {x.name: x.get_config() for x in small_vgg().layers[1:]}
    assert {x.name: x.get_config() for x in model.layers[1:]} == same


def test_a_vgg_is_filled_from_what_keras_3_saves(tmp_path, small_vgg):
    model = small_vgg()
    model.save_weights(tmp_path / "mine.weights.h5")
    loaded = load_vgg(small_vgg, tmp_path / "mine.weights.h5")
    assert all(map(np.array_equal, loaded.get_weights(), model.get_weights()))


def test_a_vgg_asks_for_each_kernel_once(small_vgg):
    asked = []

    def fill_kernel(layer_name, out):
        asked.append(layer_name)
        out.fill(len(asked))

    model = build_vgg(small_vgg, fill_kernel)
    assert sorted(asked) == sorted(["block1_conv1", "fc1", "fc2", "predictions"])
    for layer in model.layers:
        if layer.weights:
            assert (layer.kernel.numpy() == 1 + asked.index(layer.name)).all()


def another_layer(file):
    file.attrs["layer_names"] = np.array(["fc1"], "S")


def one_array_less(file):
    file["fc2"].attrs["weight_names"] = np.array(["fc2/kernel:0"], "S")


def lost_array(file):
    del file["fc1/fc1/kernel:0"]


def group_for_an_array(file):
    del file["fc2/fc2/kernel:0"]
    file.create_group("fc2/fc2/kernel:0")


def longer_array(file):
    del file["fc2/fc2/bias:0"]
    file["fc2/fc2/bias:0"] = np.zeros(3)


@pytest.mark.parametrize(
    "change, words",
    [
        (another_layer, "no layer 'fc2'"),
        (one_array_less, "1 arrays for layer 'fc2', which has 2"),
        (lost_array, "kernel:0"),
        (group_for_an_array, "kernel:0 in it is not an array"),
        (longer_array, r"bias:0 in it is \(3,\), the network's is \(2,\)"),
    ],
)
def test_a_file_of_another_vgg_is_one_clear_error(tmp_path, small_vgg, change, words):
    write_legacy(tmp_path / "vgg.h5", small_vgg())
    with h5py.File(tmp_path / "vgg.h5", "r+") as file:
        change(file)
    with pytest.raises(ValueError, match=f"vgg.h5 does not fit 'vgg16': .*{words}"):
        with misfits_explained("vgg16", tmp_path / "vgg.h5"):
            load_vgg(small_vgg, tmp_path / "vgg.h5")
