import hashlib
import importlib
import os
import random
import re
import shutil
import sys
import warnings
import zlib
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import h5py
import keras
import numpy as np
import pytest

from course_utils import architectures
from course_utils.architectures import (
    APPLICATIONS,
    build_random_network,
    download_weights,
    has_weights,
    load_embedded_network,
    load_network,
    resolve_name,
)
from course_utils.efficientnet_lite import build_efficientnet_lite0, preprocess_input

DATA = files("course_utils") / "data"
PICTURE = np.random.default_rng(0).uniform(0, 255, (1, 224, 224, 3)).astype(np.float32)
# Layer by layer as in the paper's table: (expand, kernel, stride, filters, repeats).
BLOCKS = [
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
]

# Keras's own: NumPy 2 warns of how it saves a variable.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


class LayerFacts(NamedTuple):
    """What a layer is; its arrays are not kept."""

    kind: str
    name: str
    config: dict
    variables: list  # (name, shape)


def describe(model):
    return [
        LayerFacts(
            type(x).__name__, x.name, x.get_config(), [(v.name, tuple(v.shape)) for v in x.weights]
        )
        for x in model.layers
    ]


@pytest.fixture(scope="module")
def keras_networks():
    """Function from our name of a network to what Keras itself builds with `weights="imagenet"`.

    It returns the model's description and what Keras would have downloaded. To be quick, dense
    layers start from zeros, and the weights are neither downloaded nor loaded.
    """
    known = {}

    def build(name):
        if name not in known:
            keras.backend.clear_session(free_memory=False)
            constructor = getattr(keras.applications, APPLICATIONS[name].constructor)
            with pytest.MonkeyPatch.context() as patch:
                asked = catch_download(patch, None)
                patch.setattr(keras.Model, "load_weights", lambda *args, **options: None)
                zeros = staticmethod(lambda shape, dtype=None: keras.ops.zeros(shape, dtype))
                patch.setattr(keras.initializers.GlorotUniform, "__call__", zeros)
                model = constructor()
                known[name] = SimpleNamespace(name=model.name, layers=describe(model), asked=asked)
            keras.backend.clear_session(free_memory=False)  # what is built next counts from 1 too
        return known[name]

    return build


def catch_download(patch, path):
    """Let Keras find its weights file at `path`; return what it asked for."""
    asked = {}

    def get_file(file_name, origin, file_hash=None, **options):
        asked.update(file_name=file_name, origin=origin, file_hash=file_hash)
        return path

    patch.setattr(sys.modules[keras.utils.get_file.__module__], "get_file", get_file)
    return asked


@pytest.fixture(autouse=True)
def fresh_names():
    """Keras numbers its automatic layer names through a session."""
    keras.backend.clear_session(free_memory=False)


# Names


@pytest.mark.parametrize(
    "spelling, name",
    [
        ("embedded", "efficientnet_lite0"),
        ("EfficientNet-Lite0", "efficientnet_lite0"),
        ("efficientnet_lite0", "efficientnet_lite0"),
        ("VGG16", "vgg16"),
        ("vgg-16", "vgg16"),
        ("Vgg 19", "vgg19"),
        ("ResNet50", "resnet50"),
        ("resnet_50", "resnet50"),
        ("MobileNetV2", "mobilenet_v2"),
        ("EfficientNetB0", "efficientnet_b0"),
    ],
)
def test_any_spelling_of_a_name_will_do(spelling, name):
    assert resolve_name(spelling) == name


@pytest.mark.parametrize("name", ["efficientnet_lite0", *APPLICATIONS])
def test_a_name_leads_to_itself(name):
    assert resolve_name(name) == name


@pytest.mark.parametrize(
    "typo, name",
    [("vg16", "vgg16"), ("Resnet_5O", "resnet50"), ("mobilnet", "mobilenet_v2")],
)
def test_a_typo_is_quoted_and_answered_with_the_nearest_name(typo, name):
    with pytest.raises(ValueError, match=f"{typo!r}.*Did you mean .*{name!r}.*There are"):
        resolve_name(typo)


@pytest.mark.parametrize("name", ["", "zzz", None, 16])
def test_an_unknown_name_is_answered_with_all_names(name):
    with pytest.raises(ValueError, match=f"{name!r}.*There are: auto, embedded") as error:
        resolve_name(name)
    assert all(known in str(error.value) for known in ["efficientnet_lite0", *APPLICATIONS])


# EfficientNet-Lite0


def count_parameters():
    """Count by hand: four numbers a normalized channel, no bias but the last layer's."""
    total, channels = 3 * 3 * 3 * 32 + 4 * 32, 32
    for expand, kernel, _, filters, repeats in BLOCKS:
        for _ in range(repeats):
            wide = expand * channels
            total += (channels * wide + 4 * wide) * (expand != 1)
            total += kernel * kernel * wide + 4 * wide
            total += wide * filters + 4 * filters
            channels = filters
    return total + channels * 1280 + 4 * 1280 + 1280 * 1000 + 1000


def test_lite0_has_as_many_parameters_as_its_table_says(embedded):
    assert embedded.model.count_params() == count_parameters()


def test_lite0_layers_are_named_after_their_blocks(embedded):
    letters = "abcd"
    blocks = [f"block{i}{letters[j]}" for i, row in enumerate(BLOCKS, 1) for j in range(row[-1])]
    found = dict.fromkeys(layer.name.partition("_")[0] for layer in embedded.model.layers)
    assert list(found) == ["image", "stem", *blocks, "top", "avg", "predictions"]


def test_lite0_layers_of_a_block_stand_in_order(embedded):
    names = [layer.name for layer in embedded.model.layers if layer.name.startswith("block2b_")]
    parts = (
        "expand_conv expand_bn expand_activation dwconv bn activation project_conv project_bn add"
    )
    assert [name.removeprefix("block2b_") for name in names] == parts.split()


def test_lite0_has_a_shortcut_in_every_repeat_and_nowhere_else(embedded):
    added = [x.name for x in embedded.model.layers if isinstance(x, keras.layers.Add)]
    repeats = [(i, j) for i, row in enumerate(BLOCKS, 1) for j in range(1, row[-1])]
    assert added == [f"block{i}{'abcd'[j]}_add" for i, j in repeats]


@pytest.mark.parametrize("stage", range(1, 8))
def test_lite0_depthwise_convolutions_are_those_of_the_table(embedded, stage):
    expand, kernel, stride, filters, _ = BLOCKS[stage - 1]
    first = embedded.model.get_layer(f"block{stage}a_dwconv")
    assert first.kernel_size == (kernel, kernel)
    assert first.strides == (stride, stride)
    assert embedded.model.get_layer(f"block{stage}a_project_conv").filters == filters


@pytest.mark.parametrize(
    "kind, attribute, value",
    [
        (keras.layers.BatchNormalization, "epsilon", 1e-3),
        (keras.layers.ReLU, "max_value", 6),
        (keras.layers.Conv2D, "padding", "same"),
        (keras.layers.DepthwiseConv2D, "padding", "same"),
    ],
)
def test_lite0_layers_of_a_kind_are_alike(embedded, kind, attribute, value):
    found = [getattr(x, attribute) for x in embedded.model.layers if isinstance(x, kind)]
    assert len(found) >= 16 and set(found) == {value}


def test_lite0_begins_and_ends_as_published(embedded):
    assert embedded.model.input_shape == (None, 224, 224, 3)
    assert [(x.name, type(x)) for x in embedded.model.layers[-5:]] == [
        ("top_conv", keras.layers.Conv2D),
        ("top_bn", keras.layers.BatchNormalization),
        ("top_activation", keras.layers.ReLU),
        ("avg_pool", keras.layers.GlobalAveragePooling2D),
        ("predictions", keras.layers.Dense),
    ]
    assert embedded.model.layers[-1].activation is keras.activations.softmax


def test_lite0_takes_another_number_of_classes():
    model = build_efficientnet_lite0(num_classes=3)
    assert (model.name, model.output_shape) == ("efficientnet_lite0", (None, 3))


@pytest.mark.parametrize("value, expected", [(127, 0), (0, -127 / 128), (255, 1)])
def test_lite0_preprocessing_centers_on_127(value, expected):
    assert preprocess_input(np.float32(value)) == np.float32(expected)


def test_the_embedded_file_holds_every_variable_once_and_nothing_else(embedded):
    variables = {
        f"{layer.name}/{v.name}": v.numpy()
        for layer in embedded.model.layers
        for v in layer.weights
    }
    with np.load(DATA / "efficientnet_lite0.npz", allow_pickle=False) as arrays:
        assert set(arrays.files) == set(variables)
        for name, value in variables.items():
            assert arrays[name].dtype == np.float32
            np.testing.assert_array_equal(arrays[name], value, err_msg=name)


def test_the_embedded_file_is_at_most_20_megabytes():
    assert Path(str(DATA / "efficientnet_lite0.npz")).stat().st_size <= 20_000_000


@pytest.fixture
def damaged_package(tmp_path, monkeypatch):
    """A package whose weights file has one bit flipped, in the middle of an array."""
    folder = tmp_path / "data"
    folder.mkdir()
    path = shutil.copy(str(DATA / "efficientnet_lite0.npz"), folder)
    with open(path, "r+b") as file:
        file.seek(9_000_000)
        byte = file.read(1)[0]
        file.seek(9_000_000)
        file.write(bytes([byte ^ 1]))
    monkeypatch.setattr(architectures, "files", lambda package: tmp_path)


def test_a_damaged_embedded_file_is_found_out(damaged_package):
    with pytest.raises(ValueError, match="efficientnet_lite0.npz.*damaged.*course_utils doctor"):
        load_embedded_network()


def test_an_embedded_file_cut_short_is_found_out_before_it_is_opened(damaged_package, tmp_path):
    path = tmp_path / "data" / "efficientnet_lite0.npz"
    path.write_bytes(path.read_bytes()[:9_000_000])
    with pytest.raises(ValueError, match="efficientnet_lite0.npz.*damaged.*course_utils doctor"):
        load_embedded_network()


# Keras's networks


def test_vgg16_is_layer_for_layer_that_of_keras(keras_networks):
    model, _ = build_random_network("vgg16")
    assert describe(model) == keras_networks("vgg16").layers
    assert model.name == keras_networks("vgg16").name


def test_vgg_reads_each_dense_kernel_once_and_tells_which(monkeypatch):
    dense = {"fc1": (2, "relu"), "predictions": (3, "softmax")}
    monkeypatch.setattr(architectures, "_VGG_DENSE", dense)
    asked = []

    def read_kernel(layer_name, shape):
        asked.append((layer_name, tuple(shape)))
        return keras.ops.zeros(shape)

    _, _, served = architectures.build_network("vgg16", read_kernel)
    assert asked == [("fc1", (25088, 2)), ("predictions", (2, 3))]
    assert served == ("fc1", "predictions")


@pytest.mark.parametrize("name", APPLICATIONS)
def test_a_network_of_the_table_is_in_its_module(name):
    module = importlib.import_module(f"keras.applications.{APPLICATIONS[name].module}")
    constructor = APPLICATIONS[name].constructor
    assert getattr(module, constructor) is getattr(keras.applications, constructor)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_weights_come_from_keras_own_address_with_its_hash(keras_networks, name):
    asked, application = keras_networks(name).asked, APPLICATIONS[name]
    assert application.url == asked["origin"]
    if asked["file_hash"]:
        assert application.known_hash == f"md5:{asked['file_hash']}"
    else:
        assert name == "mobilenet_v2"
        assert re.fullmatch("sha256:[0-9a-f]{64}", application.known_hash)


def test_download_weights_fetches_address_and_hash_under_the_files_own_name(monkeypatch):
    calls = []

    def fetch_file(url, known_hash, file_name, progress=False):
        calls.append((url, known_hash, file_name, progress))
        return Path("fetched")

    monkeypatch.setattr(architectures, "fetch_file", fetch_file)
    assert download_weights("vgg16") == Path("fetched")
    file_name = "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
    url = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{file_name}"
    assert calls == [(url, "md5:64373286793e3c8b2b4e3219cbf3544b", file_name, True)]


@pytest.mark.parametrize("path", [None, Path("cached")])
def test_has_weights_looks_for_the_verified_file(monkeypatch, path):
    looked_for = []

    def cached_file(*arguments):
        looked_for.append(arguments)
        return path

    monkeypatch.setattr(architectures, "cached_file", cached_file)
    assert has_weights("vgg16") is (path is not None)
    file_name = "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
    assert looked_for == [("md5:64373286793e3c8b2b4e3219cbf3544b", file_name)]


def test_has_weights_does_not_hide_an_error_of_ours(monkeypatch):
    monkeypatch.setattr(architectures, "cached_file", lambda known_hash: None)
    with pytest.raises(TypeError):
        has_weights("vgg16")


# Random weights


def build_small_network(classes=100):
    layers = keras.layers
    parts = [
        keras.Input((16, 16, 3)),
        layers.Conv2D(64, 3, name="stem"),
        layers.DepthwiseConv2D(5, name="depthwise"),
        layers.Conv2D(64, 3, name="one"),
        layers.Conv2D(64, 3, name="two"),
        layers.BatchNormalization(name="bn"),
        layers.GlobalAveragePooling2D(name="pool"),
        layers.Dense(classes, activation="softmax", name="predictions"),
    ]
    return keras.Sequential(parts)


@pytest.fixture
def small_network(monkeypatch):
    """Let every name stand for a small network."""

    def build_network(name, read_kernel=None):
        return build_small_network(), None, ()

    monkeypatch.setattr(architectures, "build_network", build_network)


def test_the_same_seed_gives_the_same_weights(small_network):
    first, second = (build_random_network("mobilenet_v2")[0] for _ in range(2))
    assert all(map(np.array_equal, first.get_weights(), second.get_weights()))


def test_a_kernel_is_the_same_in_every_process(small_network):
    kernel = build_random_network("mobilenet_v2", seed=3)[0].get_layer("one").kernel.numpy()
    generator = np.random.default_rng([3, zlib.crc32(b"one")])  # hash("one") changes
    drawn = generator.standard_normal((3, 3, 64, 64), dtype=np.float32)
    np.testing.assert_allclose(kernel, drawn * np.sqrt(2 / 576), rtol=1e-6)


def test_another_seed_gives_other_kernels(small_network):
    first, second = (build_random_network("mobilenet_v2", seed)[0] for seed in (0, 1))
    for one, two in zip(first.weights, second.weights, strict=True):
        assert np.array_equal(one.numpy(), two.numpy()) == (one.name != "kernel")


def test_layers_of_one_shape_get_different_weights(small_network):
    model, _ = build_random_network("mobilenet_v2")
    one, two = (model.get_layer(name).kernel.numpy() for name in ("one", "two"))
    assert one.shape == two.shape and not np.array_equal(one, two)


@pytest.mark.parametrize(
    "name, fan_in", [("stem", 27), ("depthwise", 25), ("one", 576), ("predictions", 64)]
)
def test_the_variance_of_a_random_kernel_is_two_by_fan_in(small_network, name, fan_in):
    kernel = build_random_network("mobilenet_v2")[0].get_layer(name).kernel.numpy()
    assert kernel.var() * fan_in == pytest.approx(2, rel=0.1)
    assert abs(kernel.mean()) < 0.1 * kernel.std()


def test_building_leaves_the_callers_random_state_alone(monkeypatch):
    module = architectures.efficientnet_lite
    monkeypatch.setattr(module, "build_efficientnet_lite0", build_small_network)
    before = random.getstate(), repr(np.random.get_state())
    build_random_network("efficientnet_lite0")
    assert (random.getstate(), repr(np.random.get_state())) == before


def test_building_that_fails_leaves_the_callers_random_state_alone(monkeypatch):
    def build():
        return random.random() / 0

    monkeypatch.setattr(architectures.efficientnet_lite, "build_efficientnet_lite0", build)
    before = random.getstate()
    with pytest.raises(ZeroDivisionError):
        build_random_network("efficientnet_lite0")
    assert random.getstate() == before


def test_arrays_begin_where_a_tensor_may():
    shapes = [(3,), (5, 7), (33, 1), (1000, 1000)]
    arrays = [architectures._empty_array(shape) for shape in shapes]  # all kept: no address twice
    assert [array.shape for array in arrays] == shapes
    assert [array.ctypes.data % 64 for array in arrays] == [0, 0, 0, 0]


# Weights from files


def as_bytes(names):
    """Keras 2 wrote names of one fixed length; h5py would write a list of bytes as str."""
    return np.array(names, "S")


def write_legacy_h5(path, layers, encode=as_bytes):
    """Write random weights as Keras 2 did: a group a layer, the order of arrays in attributes.

    VGG's large kernels are written as one corner and a constant, which takes no room.
    """
    generator = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = encode([layer.name for layer in layers])
        for layer in layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{name}:0" for name, _ in layer.variables]
            group.attrs["weight_names"] = encode(names)
            for name, (_, shape) in zip(names, layer.variables, strict=True):
                _write_array(group, name, shape, generator)
    return path


def _write_array(group, name, shape, generator):
    fan_in = np.prod(shape[:2] if shape[-1:] == (1,) else shape[:-1])  # depthwise: one channel
    scale = np.sqrt(1.3 / fan_in)  # with 2, EfficientNet-B0's probabilities saturate
    if len(shape) < 2:
        group[name] = generator.uniform(0.5, 1.5, shape).astype(np.float32)
    elif np.prod(shape) < 3_000_000:
        group[name] = generator.normal(0, scale, shape).astype(np.float32)
    else:
        chunks = (256, shape[1])
        array = group.create_dataset(name, shape, np.float32, chunks=chunks, fillvalue=scale)
        array[:8, :8] = generator.normal(0, scale, (8, 8))


def legacy_arrays(path):
    """All arrays of a file, in the order that it gives."""
    with h5py.File(path) as file:
        return [
            file[layer][name][()]
            for layer in file.attrs["layer_names"]
            for name in file[layer].attrs["weight_names"]
        ]


@pytest.mark.parametrize("name, encode", [("mobilenet_v2", list), ("efficientnet_b0", as_bytes)])
def test_a_legacy_file_gives_what_keras_makes_of_it(
    keras_networks, name, encode, tmp_path, monkeypatch
):
    path = write_legacy_h5(tmp_path / "weights.h5", keras_networks(name).layers, encode)
    model, preprocess_input = load_network(name, path)
    assert describe(model) == keras_networks(name).layers
    assert model.name == keras_networks(name).name
    application = APPLICATIONS[name]
    assert preprocess_input is getattr(keras.applications, application.module).preprocess_input
    catch_download(monkeypatch, path)
    reference = getattr(keras.applications, application.constructor)()
    assert all(map(np.array_equal, model.get_weights(), reference.get_weights()))
    probabilities = reference(PICTURE).numpy()
    assert 0 < probabilities.max() < 0.99
    black = reference(0 * PICTURE).numpy()
    assert not np.allclose(black, probabilities, rtol=0.1)  # the picture matters
    np.testing.assert_allclose(model(PICTURE), probabilities, rtol=1e-5)


def test_a_legacy_file_of_vgg16_fills_every_variable(keras_networks, tmp_path):
    path = write_legacy_h5(tmp_path / "vgg16.h5", keras_networks("vgg16").layers)
    model, preprocess_input = load_network("vgg16", path)
    assert preprocess_input is keras.applications.vgg16.preprocess_input
    arrays = legacy_arrays(path)
    assert len(model.weights) == len(arrays) == 32
    for variable, array in zip(model.weights, arrays, strict=True):
        np.testing.assert_array_equal(variable.numpy(), array, err_msg=variable.path)


def test_a_legacy_file_of_another_network_is_no_vgg16(tmp_path):
    path = write_legacy_h5(tmp_path / "small.h5", describe(build_small_network()))
    with pytest.raises(ValueError, match="small.h5 does not fit 'vgg16': it holds no layer 'fc1'"):
        load_network("vgg16", path)


@pytest.fixture
def saved(tmp_path):
    """A small network, and function from a file's ending to its weights in such a file."""
    model = build_small_network()

    def save(ending):
        path = tmp_path / f"saved{ending}"
        if ending == ".whole.h5":
            model.save(path)
        elif ending == ".weights.h5":
            model.save_weights(path)
        else:
            write_legacy_h5(path, describe(model))
            model.set_weights(legacy_arrays(path))
        return path

    return model, save


@pytest.mark.parametrize("ending", [".h5", ".hdf5", ".weights.h5", ".whole.h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_weights_are_read_in_each_layout_of_keras(small_network, saved, ending):
    model, save = saved
    loaded, _ = load_network("mobilenet_v2", save(ending))
    assert all(map(np.array_equal, loaded.get_weights(), model.get_weights()))


def test_an_array_of_any_precision_is_read_as_float32(tmp_path):
    with h5py.File(tmp_path / "half.h5", "w") as file:
        file["kernel"] = np.float16([[1.5, -2]])
        tensor = architectures._read(file["kernel"], (1, 2))
    assert tensor.dtype == "float32"
    np.testing.assert_array_equal(tensor, [[1.5, -2]])


def test_a_file_that_does_not_fit_is_closed_again(small_network, saved):
    path = saved[1](".h5")
    with h5py.File(path, "r+") as file:
        drop_last_layer(file)
    with pytest.raises(ValueError, match="12 arrays") as error:
        load_network("mobilenet_v2", path)
    assert error.tb  # what it keeps alive would keep the file open
    h5py.File(path, "r+").close()


def drop_last_layer(file):
    file.attrs["layer_names"] = file.attrs["layer_names"][:-1]


def drop_a_group(file):
    del file["stem"]


def drop_weight_names(file):
    del file["stem"].attrs["weight_names"]


def drop_an_array(file):
    del file["stem/stem/kernel:0"]


def change_a_shape(file):
    del file["stem/stem/kernel:0"]
    file["stem/stem/kernel:0"] = np.zeros((3, 3, 3, 63), np.float32)


def turn_an_array_on_its_side(file):
    kernel = file["predictions/predictions/kernel:0"][()]
    del file["predictions/predictions/kernel:0"]
    file["predictions/predictions/kernel:0"] = kernel.T


def turn_an_array_into_text(file):
    del file["stem/stem/bias:0"]
    file["stem/stem/bias:0"] = np.full(64, b"text")


def turn_an_array_into_a_group(file):
    del file["stem/stem/bias:0"]
    file.create_group("stem/stem/bias:0")


def drop_everything(file):
    for name in list(file):
        del file[name]
    del file.attrs["layer_names"]


def add_a_layer(file):
    file.copy("stem", "more")
    file.attrs["layer_names"] = as_bytes([*file.attrs["layer_names"], b"more"])


@pytest.mark.parametrize(
    "edit, words",
    [
        (drop_last_layer, "it holds 12 arrays, the network has 14"),
        (add_a_layer, "it holds 16 arrays, the network has 14"),
        (drop_a_group, "'stem'"),
        (drop_weight_names, "'weight_names'"),
        (drop_an_array, "'kernel:0'"),
        (change_a_shape, r"stem/kernel:0 in it is \(3, 3, 3, 63\), the .*\(3, 3, 3, 64\)"),
        (turn_an_array_on_its_side, r"kernel:0 in it is \(100, 64\), the .*\(64, 100\)"),
        (turn_an_array_into_text, "conversion"),
        (turn_an_array_into_a_group, "stem/bias:0 in it is no array"),
        (drop_everything, r"no layer_names.* Keras 3 .*end in \.weights\.h5"),
    ],
)
def test_a_file_of_another_layout_is_one_clear_error(small_network, saved, edit, words):
    path = saved[1](".h5")
    with h5py.File(path, "r+") as file:
        edit(file)
    with pytest.raises(ValueError, match=f"^saved.h5 does not fit 'mobilenet_v2': .*{words}"):
        load_network("mobilenet_v2", path)


@pytest.mark.parametrize("kind", [AttributeError, TypeError])
def test_an_error_of_ours_is_not_blamed_on_the_file(saved, monkeypatch, kind):
    def build_network(name, read_kernel=None):
        raise kind("ours")

    monkeypatch.setattr(architectures, "build_network", build_network)
    with pytest.raises(kind, match="ours"):
        load_network("mobilenet_v2", saved[1](".h5"))


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_a_file_that_keras_3_saved_of_another_network_is_one_clear_error(small_network, tmp_path):
    path = tmp_path / "other.weights.h5"
    build_small_network(classes=99).save_weights(path)
    words = r"^other.weights.h5 does not fit 'mobilenet_v2': .*predictions.*\(64, 100\).*\(64, 99\)"
    with pytest.raises(ValueError, match=words) as error:
        load_network("mobilenet_v2", path)
    assert len(str(error.value)) < 400


@pytest.mark.filterwarnings("error::UserWarning")
def test_an_error_is_not_buried_under_the_warnings_of_keras(small_network, saved, monkeypatch):
    def load_weights(model, path):
        warnings.warn("Skipping nested container", stacklevel=2)
        raise ValueError("77 objects could not be loaded")

    monkeypatch.setattr(keras.Model, "load_weights", load_weights)
    with pytest.raises(ValueError, match="saved.weights.h5 does not fit 'mobilenet_v2': 77 obj"):
        load_network("mobilenet_v2", saved[1](".weights.h5"))


def test_a_file_that_keras_3_saved_needs_its_ending(small_network, saved):
    path = saved[1](".weights.h5")
    renamed = path.rename(path.with_name("renamed.h5"))
    with pytest.raises(ValueError, match=r"renamed.h5.*\.weights\.h5"):
        load_network("mobilenet_v2", renamed)


@pytest.mark.parametrize(
    "content",
    [b"", b"<!doctype html>", b"\x89HDF\r\n\x1a\n", b"\x80\x04\x95pickle", b"PK\x03\x04 keras"],
)
def test_a_file_that_is_not_hdf5_is_one_clear_error(tmp_path, content):
    path = tmp_path / "weights.h5"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="weights.h5 is not a readable HDF5"):
        load_network("mobilenet_v2", path)


def test_a_file_cut_short_is_one_clear_error(tmp_path, saved):
    content = saved[1](".h5").read_bytes()
    path = tmp_path / "weights.h5"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="weights.h5 is not a readable HDF5"):
        load_network("mobilenet_v2", path)


def test_a_missing_file_is_one_clear_error(tmp_path):
    with pytest.raises(ValueError, match="no weights file.*absent.h5"):
        load_network("mobilenet_v2", tmp_path / "absent.h5")


def test_a_folder_is_no_weights_file(tmp_path):
    with pytest.raises(ValueError, match="no weights file"):
        load_network("mobilenet_v2", tmp_path)


class Bomb:
    """Unpickling it would raise."""

    def __reduce__(self):
        return pytest.fail, ("unpickled",)


def test_a_pickle_is_not_opened(tmp_path):
    path = tmp_path / "weights.h5"
    np.save(path.open("wb"), np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="weights.h5 is not a readable HDF5"):
        load_network("mobilenet_v2", path)


def test_a_pickle_among_the_embedded_arrays_is_not_opened(damaged_package, tmp_path, monkeypatch):
    path = tmp_path / "data" / "efficientnet_lite0.npz"
    np.savez(path, **{"stem_conv/kernel": np.array([Bomb()], dtype=object)})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(architectures, "_EMBEDDED_SHA256", digest)
    with pytest.raises(ValueError, match="allow_pickle"):
        load_embedded_network()


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_code_in_a_weights_file_is_not_run(small_network, tmp_path, monkeypatch, ending):
    """A Lambda layer is saved as byte code, which Keras's own reader runs when it is told to."""
    inputs = keras.Input((2,))
    bomb = keras.layers.Lambda(lambda x: __import__("os").environ.update(BOMB="burst") or x)
    path = tmp_path / f"student{ending}"
    keras.Model(inputs, bomb(inputs)).save(path)
    monkeypatch.delenv("BOMB")
    keras.models.load_model(path, safe_mode=False)
    monkeypatch.delenv("BOMB")  # set again, or the test proves nothing
    with pytest.raises(ValueError, match=f"student{ending}"):
        load_network("mobilenet_v2", path)
    assert os.environ.get("BOMB") is None
