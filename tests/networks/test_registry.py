"""Which network a name loads, and where its weights come from."""

import hashlib
import random
import sys

import numpy as np
import pytest
from small_networks import chain, layers, write_legacy_weights

import course_utils as cu
from course_utils.backend import keras
from course_utils.networks import registry
from course_utils.networks.registry import EMBEDDED, resolve_name

NO_TOP_SHA256 = "e0d5c6e28ee016970bbf0a16cfae3a870a81772668597dbf7a1617d8a0983218"


@pytest.fixture
def no_network(cache, monkeypatch):
    """No model is asked for, the cache is empty, and nothing may be downloaded."""
    monkeypatch.setenv("COURSE_OFFLINE", "1")


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


@pytest.mark.parametrize(
    "asked, name", [(None, EMBEDDED), ("", EMBEDDED), ("Auto", EMBEDDED), ("VGG16", "vgg16")]
)
def test_auto_is_course_model_or_the_embedded_network(no_network, monkeypatch, asked, name):
    if asked is not None:
        monkeypatch.setenv("COURSE_MODEL", asked)
    assert resolve_name("AUTO") == name


def test_the_embedded_network_needs_no_network_connection(no_network):
    classifier = cu.load_classifier()
    assert repr(classifier) == "<ImageClassifier efficientnet_lite0: 4,694,024 parameters>"
    assert (classifier.input_size, classifier.num_classes) == ((224, 224), 1000)


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

    def resnet50(weights="imagenet"):
        model = chain([layers.Flatten(), layers.Dense(3, activation="softmax", name="dense")])
        if weights == "imagenet":
            get_file = sys.modules[keras.utils.get_file.__module__].get_file
            model.load_weights(get_file("w.h5", "https://keras.io/w.h5", file_hash="0" * 32))
        return model

    resnet50.__module__ = keras.applications.ResNet50.__module__
    monkeypatch.setitem(registry._CONSTRUCTORS, "resnet50", resnet50)
    return resnet50


def test_keras_says_where_a_networks_weights_are_and_the_file_comes_from_our_cache(
    small_application, monkeypatch, tmp_path
):
    path, fetched = tmp_path / "resnet.weights.h5", []
    expected = small_application(None)
    expected.save_weights(path)
    monkeypatch.setattr(registry, "fetch_file", lambda *args: fetched.append(args) or path)
    usual = keras.utils.get_file
    classifier = cu.load_classifier("ResNet50")
    assert all(map(np.array_equal, classifier.model.get_weights(), expected.get_weights()))
    assert classifier.preprocess_input is keras.applications.resnet.preprocess_input
    assert fetched == [("https://keras.io/w.h5", "md5:" + "0" * 32)]
    assert cu.weights_path("resnet50") == path
    assert sys.modules[usual.__module__].get_file is usual
    monkeypatch.setitem(registry.PUBLISHED, "resnet50", ("https://keras.io/w.h5", "sha256:1"))
    cu.load_classifier("resnet50")
    assert fetched[-1][1] == "sha256:1"  # Keras has no hash of some files


def test_keras_itself_asks_in_the_way_that_is_answered(monkeypatch):
    """The real network asks for a file of its published name; nothing is downloaded."""
    zeros = staticmethod(lambda shape, dtype=None: keras.ops.zeros(shape, dtype))
    monkeypatch.setattr(keras.initializers.GlorotUniform, "__call__", zeros)  # to be quick
    url, known_hash = registry.published_weights("resnet50")
    assert url.endswith("/resnet50_weights_tf_dim_ordering_tf_kernels.h5")
    assert known_hash == "md5:2cb95161c43110f7111970584f804107"
    vgg16 = registry.PUBLISHED["vgg16"]
    monkeypatch.delitem(registry.PUBLISHED, "vgg16")
    assert registry.published_weights("vgg16") == vgg16


def test_vgg16s_convolutions_are_part_of_the_course(no_network):
    path = cu.weights_path("vgg16_no_top")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == NO_TOP_SHA256
    model = keras.applications.VGG16(include_top=False, weights=path, input_shape=(224, 224, 3))
    published = {  # first weights and biases, in the listing that tools/convert_vgg16.py quotes
        "block1_conv1": (0.429470569, 0.73429835),
        "block3_conv3": (0.0024918285, 0.035415243),
        "block5_conv3": (0.00040788297, 0.18837857),
    }
    for name, numbers in published.items():
        kernel, bias = model.get_layer(name).get_weights()
        np.testing.assert_allclose((kernel[0, 0, 0, 0], bias[0]), numbers, rtol=5e-4)
    photograph = cu.load_image("great_white_shark")
    prepare = keras.applications.vgg16.preprocess_input
    maps = cu.get_feature_maps(model, photograph, ["block5_conv3"], prepare)["block5_conv3"]
    assert 0.9 < (maps == 0).mean() < 0.99 and 100 < maps.max() < 1000


def test_what_is_not_here_is_refused_offline(no_network):
    for ask in (cu.weights_path, cu.load_classifier):
        with pytest.raises(cu.DownloadError, match="vgg16_weights_tf_dim_ordering_tf_kernels.h5"):
            ask("VGG16")
    with pytest.raises(ValueError, match="no file that Keras loads.*load_classifier"):
        cu.weights_path("embedded")


def test_vgg16_is_filled_from_the_file_of_keras_applications(tmp_path, monkeypatch):
    """Here with small layers; the last kernel does not fill up what TensorFlow aligns to."""

    def vgg16(weights=None, include_top=True, input_shape=(224, 224, 3)):
        steps = [layers.Conv2D(2, 3, strides=9, name="block1_conv1"), layers.MaxPooling2D()]
        if include_top:
            dense = [layers.Dense(n, a, name=name) for name, (n, a) in units.items()]
            steps += [layers.Flatten(name="flatten"), *dense]
        return chain(steps, input_shape, name="vgg16")

    units = {"fc1": (3, "relu"), "fc2": (2, "relu"), "predictions": (12, "softmax")}
    monkeypatch.setattr("course_utils.networks.vgg._DENSE", units)
    monkeypatch.setattr(keras.applications, "VGG16", vgg16)
    expected, path = vgg16(), tmp_path / "vgg.h5"
    expected.set_weights([np.random.default_rng(0).random(w.shape) for w in expected.weights])
    write_legacy_weights(path, {x.name: x.get_weights() for x in expected.layers})
    monkeypatch.setattr(registry, "fetch_file", lambda *_, **__: path)
    model = cu.load_classifier("vgg16").model
    assert all(map(np.array_equal, model.get_weights(), expected.get_weights()))
    configs = [[layer.get_config() for layer in m.layers[3:]] for m in (model, expected)]
    assert configs[0] == configs[1]


@pytest.mark.parametrize("name", ["embedded", "mobilenetv2"])
def test_random_weights_are_the_same_each_time_and_leave_the_callers_generator_alone(name):
    state = random.getstate()
    first, second = (cu.load_classifier(name, "random").model.get_weights()[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert random.getstate() == state


def test_weights_come_from_a_file(tmp_path):
    trained = cu.load_classifier("embedded")
    path = tmp_path / "my.weights.h5"
    trained.model.save_weights(path)
    found = cu.load_classifier("embedded", path).model.get_weights()
    for mine, expected in zip(found, trained.model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, expected)
    with pytest.raises(
        ValueError, match="weights: 'imagenet', 'random' or a file's path, not 'no'"
    ):
        cu.load_classifier("embedded", "no")
