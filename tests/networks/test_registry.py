"""Which network a name loads, and where its weights come from."""

import random
import re
import socket
import sys

import numpy as np
import pytest

import course_utils as cu
from course_utils.backend import keras
from course_utils.networks.registry import EMBEDDED, NETWORKS, resolve_name

CONSTRUCTORS = {
    "vgg16": keras.applications.VGG16,
    "vgg19": keras.applications.VGG19,
    "resnet50": keras.applications.ResNet50,
    "mobilenet_v2": keras.applications.MobileNetV2,
    "efficientnet_b0": keras.applications.EfficientNetB0,
}


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


@pytest.mark.parametrize("name", NETWORKS)
def test_a_name_leads_to_itself_and_stands_in_the_docstring(name):
    assert resolve_name(name) == name
    assert f'"{name}"' in cu.load_classifier.__doc__


@pytest.mark.parametrize(
    "spelling, name",
    [("EfficientNet-Lite0", EMBEDDED), ("vgg-16", "vgg16"), ("Vgg 19", "vgg19"),
     ("ResNet50", "resnet50"), ("MobileNetV2", "mobilenet_v2"), ("EMBEDDED", EMBEDDED)],
)  # fmt: skip
def test_any_spelling_of_a_name_will_do(spelling, name):
    assert resolve_name(spelling) == name


@pytest.mark.parametrize(
    "typo, names",
    [("vg16", "'vgg16'"), ("Resnet_5O", "'resnet50'"), ("vgg", "'vgg16' or 'vgg19'")],
)
def test_a_typo_is_quoted_and_answered_with_the_nearest_names(typo, names):
    with pytest.raises(ValueError, match=f"{typo!r}.*Did you mean .*{names}.*There are"):
        resolve_name(typo)


@pytest.mark.parametrize("name", ["", "zzz", None, 16])
def test_an_unknown_name_is_answered_with_all_names(name):
    with pytest.raises(ValueError, match=f"{name!r}.*There are: auto, embedded") as error:
        resolve_name(name)
    assert all(known in str(error.value) for known in NETWORKS)


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


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_weights_come_from_keras_own_address_with_its_hash(name, monkeypatch):
    asked = {}

    def get_file(file_name, origin, file_hash=None, **options):
        asked.update(origin=origin, file_hash=file_hash)

    zeros = staticmethod(lambda shape, dtype=None: keras.ops.zeros(shape, dtype))
    monkeypatch.setattr(sys.modules[keras.utils.get_file.__module__], "get_file", get_file)
    monkeypatch.setattr(keras.Model, "load_weights", lambda *arguments, **options: None)
    monkeypatch.setattr(keras.initializers.GlorotUniform, "__call__", zeros)  # to be quick
    CONSTRUCTORS[name]()
    published = NETWORKS[name].published
    assert published.url == asked["origin"]
    assert published.file_name == asked["origin"].rsplit("/", 1)[1]
    if name == "mobilenet_v2":  # Keras gives none
        assert re.fullmatch("sha256:[0-9a-f]{64}", published.known_hash)
    else:
        assert published.known_hash == f"md5:{asked['file_hash']}"


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


def test_random_weights_are_the_same_every_time_and_nobody_elses_state_changes():
    before = random.getstate(), repr(np.random.get_state())
    first, second = (cu.load_classifier("mobilenet_v2", "Random").model for _ in range(2))
    assert (random.getstate(), repr(np.random.get_state())) == before
    assert all(map(np.array_equal, first.get_weights(), second.get_weights()))
    assert first.output_shape == (None, 1000)


def test_weights_of_ones_own_are_loaded_and_prepare_as_keras_does(tmp_path, seeded):
    """EfficientNetB0 has one layer more with ImageNet weights than without."""
    model = NETWORKS["efficientnet_b0"].build(lambda layer_name, out: out.fill(0.01))
    model.save_weights(tmp_path / "mine.weights.h5")
    classifier = cu.load_classifier("EfficientNetB0", tmp_path / "mine.weights.h5")
    assert all(map(np.array_equal, classifier.model.get_weights(), model.get_weights()))
    scales = [layer.scale for layer in classifier.model.layers if "rescaling" in layer.name]
    np.testing.assert_allclose(scales[-1], 1 / np.sqrt([0.229, 0.224, 0.225]))
    expected = keras.applications.efficientnet.preprocess_input
    assert classifier.preprocess_input is expected


def test_weights_that_do_not_fit_are_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="no weights file.*absent.h5"):
        cu.load_classifier("embedded", tmp_path / "absent.h5")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(ValueError, match=f"other.weights.h5 does not fit '{EMBEDDED}'"):
        cu.load_classifier("embedded", str(tmp_path / "other.weights.h5"))
