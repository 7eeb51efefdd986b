"""Which network a name loads, and where its weights come from."""

import random
import socket
import sys

import h5py
import numpy as np
import pytest
from small_networks import chain, layers

import course_utils as cu
from course_utils.backend import keras
from course_utils.networks import registry
from course_utils.networks.registry import EMBEDDED, resolve_name

# Keras's own: NumPy 2 warns of how it saves a variable.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """No model is asked for, the cache is empty, and any use of the network fails."""

    def refuse(*arguments, **options):
        pytest.fail("the network was used")

    monkeypatch.delenv("COURSE_MODEL", raising=False)
    monkeypatch.delenv("COURSE_OFFLINE", raising=False)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize(
    "spelling, name",
    [("EfficientNet-Lite0", EMBEDDED), ("vgg-16", "vgg16"), ("ResNet50", "resnet50"),
     ("mobilenet_v2", "mobilenetv2"), ("EMBEDDED", EMBEDDED), ("ConvNeXtTiny", "convnexttiny")],
)  # fmt: skip
def test_any_spelling_of_a_name_will_do(spelling, name):
    assert resolve_name(spelling) == name


@pytest.mark.parametrize("typo, names", [("vg16", "'vgg16'"), ("Resnet_5O", "'resnet50'")])
def test_an_unknown_name_is_answered_with_the_nearest_and_all_names(typo, names):
    words = f"{typo!r}.*Did you mean .*{names}.*There are: auto, embedded, .*xception"
    with pytest.raises(ValueError, match=words):
        resolve_name(typo)
    with pytest.raises(ValueError, match="called None. There are"):
        resolve_name(None)


@pytest.mark.parametrize(
    "asked, name", [(None, EMBEDDED), ("", EMBEDDED), ("Auto", EMBEDDED), ("VGG16", "vgg16")]
)
def test_auto_is_course_model_or_the_embedded_network(no_network, monkeypatch, asked, name):
    if asked is not None:
        monkeypatch.setenv("COURSE_MODEL", asked)
    assert resolve_name("AUTO") == name
    assert resolve_name("resnet50") == "resnet50"


def test_an_unknown_name_in_course_model_is_refused(no_network, monkeypatch):
    monkeypatch.setenv("COURSE_MODEL", "vgg161")
    with pytest.raises(ValueError, match="'vgg161'.*'vgg16'"):
        cu.load_classifier()


def test_the_embedded_network_needs_no_network_connection(no_network):
    classifier = cu.load_classifier(weights="ImageNet")
    assert repr(classifier) == "<ImageClassifier efficientnet_lite0: 4,694,024 parameters>"
    assert (classifier.input_size, classifier.num_classes) == ((224, 224), 1000)


def test_weights_that_need_the_network_say_so_offline(no_network, monkeypatch):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    with pytest.raises(cu.DownloadError, match="COURSE_OFFLINE"):
        cu.load_classifier("vgg16")


@pytest.mark.parametrize("weights", [None, 5, b"random"])
def test_weights_that_are_neither_a_word_nor_a_path_are_refused(weights):
    with pytest.raises(ValueError, match="weights.*'imagenet'.*'random'"):
        cu.load_classifier("embedded", weights)


@pytest.mark.parametrize(
    "picture, label, probability", [("chelsea", "Egyptian_cat", 0.77), ("coffee", "espresso", 0.90)]
)
def test_the_embedded_network_recognizes(embedded, picture, label, probability):
    first = embedded.top_predictions(cu.load_image(picture))[0]
    assert first.label == label
    assert first.probability == pytest.approx(probability, abs=0.02)


@pytest.fixture
def small_application(monkeypatch):
    """keras.applications.ResNet50 as small as can be, which asks for its file as the real one."""
    real, asked = keras.applications.ResNet50, []

    def resnet50(weights="imagenet"):
        model = chain([layers.Flatten(), layers.Dense(3, activation="softmax", name="dense")])
        if weights == "imagenet":
            get_file = sys.modules[keras.utils.get_file.__module__].get_file
            asked.append(get_file("w.h5", "https://keras.io/w.h5", file_hash="0" * 32))
            model.load_weights(asked[-1])
        return model

    resnet50.__module__ = real.__module__
    monkeypatch.setitem(registry._CONSTRUCTORS, "resnet50", resnet50)
    return asked


def test_keras_says_where_a_networks_weights_are_and_the_file_comes_from_our_cache(
    small_application, monkeypatch, tmp_path, seeded
):
    path, fetched = tmp_path / "resnet.weights.h5", []
    expected = registry._CONSTRUCTORS["resnet50"](None)
    expected.save_weights(path)
    monkeypatch.setattr(registry, "fetch_file", lambda *args, **_: fetched.append(args) or path)
    usual = keras.utils.get_file
    classifier = cu.load_classifier("ResNet50")
    assert all(map(np.array_equal, classifier.model.get_weights(), expected.get_weights()))
    assert classifier.preprocess_input is keras.applications.resnet.preprocess_input
    assert fetched == [("https://keras.io/w.h5", "md5:" + "0" * 32, "w.h5")]
    assert cu.weights_path("resnet50") == path
    assert sys.modules[usual.__module__].get_file is usual
    pinned = registry.Published("https://keras.io/w.h5", "sha256:1")
    monkeypatch.setitem(registry.PUBLISHED, "resnet50", pinned)
    cu.load_classifier("resnet50")
    assert fetched[-1][1] == "sha256:1"  # Keras has no hash of some files


def test_weights_of_ones_own_take_the_place_of_keras_file(small_application, tmp_path, seeded):
    """Keras builds EfficientNetB0 with another layer for its own weights: so it must be asked."""
    path = tmp_path / "mine.weights.h5"
    expected = registry._CONSTRUCTORS["resnet50"](None)
    expected.save_weights(path)
    classifier = cu.load_classifier("resnet50", path)
    assert all(map(np.array_equal, classifier.model.get_weights(), expected.get_weights()))
    assert small_application == [str(path)]


def test_keras_itself_asks_in_the_way_that_is_answered(monkeypatch):
    """The real network asks for a file of its published name; nothing is downloaded."""
    zeros = staticmethod(lambda shape, dtype=None: keras.ops.zeros(shape, dtype))
    monkeypatch.setattr(keras.initializers.GlorotUniform, "__call__", zeros)  # to be quick
    published = registry.published_weights("resnet50")
    assert published.url.endswith("/resnet50_weights_tf_dim_ordering_tf_kernels.h5")
    assert published.known_hash == "md5:2cb95161c43110f7111970584f804107"
    monkeypatch.setattr(keras.initializers.VarianceScaling, "__call__", zeros)
    vgg16 = registry.PUBLISHED["vgg16"]
    monkeypatch.delitem(registry.PUBLISHED, "vgg16")
    monkeypatch.setattr(registry, "VGG16", "")  # so that Keras builds it
    assert registry.published_weights("vgg16") == vgg16


def test_vgg16s_convolutions_are_part_of_the_course(no_network):
    path = cu.weights_path("vgg16_no_top")
    assert path.stat().st_size < 27_000_000
    model = keras.applications.VGG16(include_top=False, weights=path, input_shape=(224, 224, 3))
    assert model.count_params() == 14_714_688
    first = {
        layer.name: (float(layer.kernel[0, 0, 0, 0]), float(layer.bias[0]))
        for layer in model.layers
        if layer.weights
    }
    published = {  # of the original, in the public listing that tools/convert_vgg16.py quotes
        "block1_conv1": (0.429470569, 0.73429835),
        "block3_conv3": (0.0024918285, 0.035415243),
        "block5_conv3": (0.00040788297, 0.18837857),
    }
    for name, numbers in published.items():
        np.testing.assert_allclose(first[name], numbers, rtol=5e-4)
    photograph = cu.load_image("great_white_shark")
    prepare = keras.applications.vgg16.preprocess_input
    maps = cu.get_feature_maps(model, photograph, ["block5_conv3"], prepare)["block5_conv3"]
    assert 0.9 < (maps == 0).mean() < 0.99 and 100 < maps.max() < 1000


def test_a_path_of_other_weights(no_network, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    with pytest.raises(cu.DownloadError, match="vgg16_weights_tf_dim_ordering_tf_kernels.h5"):
        cu.weights_path("VGG16")
    with pytest.raises(ValueError, match="no file that Keras loads.*load_classifier"):
        cu.weights_path("embedded")
    damaged = tmp_path / "vgg16_no_top.weights.h5"
    damaged.write_bytes(b"damaged")
    monkeypatch.setattr("course_utils.networks.vgg.NO_TOP_FILE", damaged)
    with pytest.raises(ValueError, match="vgg16_no_top.weights.h5.*damaged"):
        cu.weights_path("vgg16_no_top")


def test_random_weights_are_the_same_every_time_and_nobody_elses_state_changes(small_application):
    before = random.getstate(), repr(np.random.get_state())
    first, second = (cu.load_classifier("resnet50", "Random").model for _ in range(2))
    assert (random.getstate(), repr(np.random.get_state())) == before
    assert all(map(np.array_equal, first.get_weights(), second.get_weights()))


def write_other_network(path):
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]).save_weights(path)


def write_half(path):
    write_other_network(path)
    path.write_bytes(path.read_bytes()[:3000])


@pytest.mark.parametrize(
    "write, words",
    [
        (lambda path: None, "no weights file.*mine.weights.h5"),
        (lambda path: path.write_bytes(b"<!doctype html>"), "mine.weights.h5 is not a readable"),
        (write_other_network, f"mine.weights.h5 does not fit '{EMBEDDED}'"),
        (write_half, f"mine.weights.h5 does not fit '{EMBEDDED}'.*truncated"),
    ],
)
@pytest.mark.filterwarnings("error::UserWarning")  # Keras's would bury the error
def test_weights_that_do_not_fit_are_refused_in_one_sentence(tmp_path, write, words):
    path = tmp_path / "mine.weights.h5"
    write(path)
    with pytest.raises(ValueError, match=words) as error:
        cu.load_classifier("embedded", path)
    assert len(str(error.value)) < 450


# VGG16, whose dense layers are as small here as they can be


@pytest.fixture
def small_vgg(monkeypatch):
    """keras.applications.VGG16 and `vgg` with small layers."""
    # The last kernel, 24 numbers, does not fill up the 16 that TensorFlow aligns to.
    units = {"fc1": (3, "relu"), "fc2": (2, "relu"), "predictions": (12, "softmax")}
    monkeypatch.setattr("course_utils.networks.vgg._DENSE", units)

    def constructor(weights=None, include_top=True, input_shape=(224, 224, 3)):
        steps = [layers.Conv2D(2, 3, strides=9, name="block1_conv1"), layers.MaxPooling2D()]
        if include_top:
            dense = [layers.Dense(n, a, name=name) for name, (n, a) in units.items()]
            steps += [layers.Flatten(name="flatten"), *dense]
        return chain(steps, input_shape, name="vgg16")

    monkeypatch.setattr(keras.applications, "VGG16", constructor)
    return constructor


def write_legacy(path, model, group_name):
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


@pytest.mark.parametrize("group_name", [None, "model_weights"])
def test_vgg16_is_filled_from_the_file_of_keras_applications(tmp_path, small_vgg, group_name):
    expected = write_legacy(tmp_path / "vgg.h5", small_vgg(), group_name)
    model = cu.load_classifier("vgg16", tmp_path / "vgg.h5").model
    assert all(map(np.array_equal, model.get_weights(), expected))
    configs = [[x.get_config() for x in m.layers[3:]] for m in (model, small_vgg())]
    assert configs[0] == configs[1]


def test_vgg16_is_filled_from_what_keras_3_saves_and_drawn(tmp_path, small_vgg):
    model = small_vgg()
    model.save_weights(tmp_path / "mine.weights.h5")
    loaded = cu.load_classifier("vgg16", tmp_path / "mine.weights.h5").model
    assert all(map(np.array_equal, loaded.get_weights(), model.get_weights()))
    first, second = (cu.load_classifier("vgg16", "random").model for _ in range(2))
    assert all(map(np.array_equal, first.get_weights(), second.get_weights()))
    assert 0.5 < first.get_layer("fc1").kernel.numpy().std() / np.sqrt(2 / 288) < 1.5


@pytest.mark.parametrize(
    "name, change, words",
    [
        ("fc1", lambda part: part.attrs.update(weight_names=[b"fc1/kernel:0"]), "1 arrays.*'fc1'"),
        ("fc1", lambda part: part.pop("fc1/kernel:0"), "kernel:0"),
        ("fc2", lambda part: part.update({"x": 1}) or part.attrs.update(weight_names=[b"x", b"x"]),
         r"x in it is \(\), the network's is \(3, 2\)"),
    ],
)  # fmt: skip
def test_a_file_of_another_vgg_is_one_clear_error(tmp_path, small_vgg, name, change, words):
    write_legacy(tmp_path / "vgg.h5", small_vgg(), None)
    with h5py.File(tmp_path / "vgg.h5", "r+") as file:
        change(file[name])
    with pytest.raises(ValueError, match=f"vgg.h5 does not fit 'vgg16': .*{words}"):
        cu.load_classifier("vgg16", tmp_path / "vgg.h5")
