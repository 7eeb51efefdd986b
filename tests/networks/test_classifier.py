import re
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import course_utils as cu
from course_utils import architectures, classifiers
from course_utils.classifiers import ImageClassifier, check_image, load_classifier, pick_logits


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def classifier_of(*parts, size=8, name="network"):
    """A classifier whose network is a chain of layers."""
    inputs = x = keras.Input((size, size, 3))
    for part in parts:
        x = part(x)
    return ImageClassifier(name, keras.Model(inputs, x), lambda images: images / 255)


# Loading


def test_the_docstring_names_every_network():
    named = {name for name in architectures.APPLICATIONS if f'"{name}"' in load_classifier.__doc__}
    assert named == set(architectures.APPLICATIONS)


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


@pytest.fixture
def loaded(monkeypatch, tiny):
    """What was loaded: a list of (how, name, ...); every network is a tiny one."""
    calls = []

    def record(how):
        def load(*arguments):
            calls.append((how, *arguments))
            return tiny.model, None

        return load

    monkeypatch.setattr(architectures, "load_embedded_network", record("embedded"))
    monkeypatch.setattr(architectures, "load_network", record("file"))
    monkeypatch.setattr(architectures, "build_random_network", record("random"))
    monkeypatch.setattr(architectures, "download_weights", lambda name: Path(f"{name}.h5"))
    return calls


def test_auto_is_the_embedded_network_where_vgg16_is_not_in_the_cache(no_network, loaded):
    assert load_classifier().name == load_classifier("AUTO").name == "efficientnet_lite0"
    assert loaded == [("embedded",)] * 2


def test_auto_is_vgg16_where_its_verified_weights_are_in_the_cache(no_network, loaded, monkeypatch):
    monkeypatch.setattr(architectures, "has_weights", lambda name: name == "vgg16")
    assert load_classifier().name == "vgg16"
    assert loaded == [("file", "vgg16", Path("vgg16.h5"))]


def test_auto_does_not_take_a_file_with_the_name_of_vgg16_alone(no_network, loaded, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / architectures.APPLICATIONS["vgg16"].file_name).write_bytes(b"damaged")
    assert load_classifier("auto").name == "efficientnet_lite0"


def test_auto_is_the_embedded_network_where_there_is_no_home_for_a_cache(
    no_network, loaded, monkeypatch
):
    def no_home(*arguments):
        raise cu.DownloadError("No home directory is known.")

    monkeypatch.setattr(architectures, "cached_file", no_home)
    assert load_classifier("auto").name == "efficientnet_lite0"


@pytest.mark.parametrize("value, name", [("VGG16", "vgg16"), ("embedded", "efficientnet_lite0")])
def test_auto_takes_the_name_in_course_model_first(no_network, loaded, monkeypatch, value, name):
    monkeypatch.setattr(architectures, "has_weights", lambda name: True)
    monkeypatch.setenv("COURSE_MODEL", value)
    assert load_classifier().name == name


@pytest.mark.parametrize("value", ["auto", "Auto", ""])
def test_course_model_may_leave_the_choice_open(no_network, loaded, monkeypatch, value):
    monkeypatch.setenv("COURSE_MODEL", value)
    assert load_classifier().name == "efficientnet_lite0"


def test_an_unknown_name_in_course_model_is_refused(no_network, loaded, monkeypatch):
    monkeypatch.setenv("COURSE_MODEL", "vgg161")
    with pytest.raises(ValueError, match="'vgg161'.*'vgg16'"):
        load_classifier()


def test_a_name_that_is_given_wins_over_course_model(no_network, loaded, monkeypatch):
    monkeypatch.setenv("COURSE_MODEL", "vgg16")
    assert load_classifier("embedded").name == "efficientnet_lite0"


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (("embedded",), ("embedded",)),
        (("VGG16",), ("file", "vgg16", Path("vgg16.h5"))),
        (("embedded", "ImageNet"), ("embedded",)),
        (("ResNet50", "Random"), ("random", "resnet50")),
        (("embedded", "random"), ("random", "efficientnet_lite0")),
        (("vgg16", "own.h5"), ("file", "vgg16", Path("own.h5"))),
        (("vgg16", Path("own.h5")), ("file", "vgg16", Path("own.h5"))),
        (("vgg16", "~/own.h5"), ("file", "vgg16", Path.home() / "own.h5")),
    ],
)
def test_weights_come_from_where_they_are_asked_for(loaded, arguments, expected):
    load_classifier(*arguments)
    assert loaded == [expected]


@pytest.mark.parametrize("weights", [None, 5, b"random"])
def test_weights_that_are_neither_a_word_nor_a_path_are_refused(loaded, weights):
    with pytest.raises(ValueError, match="weights.*'imagenet'.*'random'"):
        load_classifier("embedded", weights)


def test_the_embedded_network_needs_no_network_connection(no_network):
    assert load_classifier("embedded").num_classes == 1000


def test_weights_that_need_the_network_say_so_offline(no_network, monkeypatch):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    with pytest.raises(cu.DownloadError, match="COURSE_OFFLINE"):
        load_classifier("vgg16")


# The embedded network recognizes things


@pytest.mark.parametrize(
    "picture, label, probability", [("chelsea", "Egyptian_cat", 0.77), ("coffee", "espresso", 0.90)]
)
def test_the_embedded_network_recognizes(embedded, picture, label, probability):
    first = embedded.top_predictions(cu.load_image(picture))[0]
    assert first.label == label
    assert first.probability == pytest.approx(probability, abs=0.02)


def test_the_embedded_networks_probabilities_are_its_models_outputs(embedded, chelsea):
    expected = embedded.model(embedded.preprocess(chelsea)).numpy()
    np.testing.assert_allclose(embedded.predict(chelsea), expected, atol=1e-5)


@pytest.mark.parametrize(
    "attribute, value",
    [
        ("name", "efficientnet_lite0"),
        ("input_size", (224, 224)),
        ("num_classes", 1000),
        ("last_conv_layer_name", "top_conv"),
        ("key_layer_names", ["stem_activation", "block4a_expand_activation", "top_activation"]),
    ],
)
def test_what_the_embedded_network_is(embedded, attribute, value):
    assert getattr(embedded, attribute) == value


def test_repr_names_the_network_and_its_size(embedded):
    assert repr(embedded) == "<ImageClassifier efficientnet_lite0: 4,694,024 parameters>"


# What a classifier accepts


@pytest.mark.parametrize("height, width", [(8, 8), (6, 10)])
def test_the_input_size_is_height_and_width(height, width):
    model = keras.Sequential([keras.Input((height, width, 3)), layers.Flatten(), layers.Dense(2)])
    assert ImageClassifier("n", model, None).input_size == (height, width)


class Subclassed(keras.Model):
    def call(self, inputs):
        return inputs


def with_input(*shape):
    return keras.Sequential([keras.Input(shape), layers.Flatten(), layers.Dense(2)])


def with_two_inputs():
    inputs = [keras.Input((8, 8, 3)), keras.Input((8, 8, 3))]
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(layers.Add()(inputs))))


def with_head(*parts):
    return lambda: keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3), *parts])


@pytest.mark.parametrize(
    "build, words",
    [
        (lambda: with_input(8, 8, 4), "input.*height, width, 3.*8, 8, 4"),
        (lambda: with_input(8, 8), "input.*height, width, 3"),
        (lambda: keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(1, 1)]), "None"),
        (with_two_inputs, "input"),
        (lambda: keras.Sequential([layers.Dense(2)], name="unbuilt"), "'unbuilt'.*keras.Input"),
        (lambda: Subclassed(name="subclassed"), "'subclassed' is not a functional"),
        (lambda: "vgg16", "'vgg16' is not a functional"),
        (with_head(layers.Flatten(), layers.Dense(2, activation="sigmoid")), "'sigmoid'"),
        (with_head(), "output.*classes"),
    ],
)
def test_a_network_of_another_kind_is_refused_at_once(build, words):
    with pytest.raises(ValueError, match=words):
        ImageClassifier("n", build(), None)


# Preprocessing


def test_preprocessing_turns_a_picture_into_a_float_batch(tiny, picture):
    batch = tiny.preprocess(picture)
    assert (batch.shape, batch.dtype) == ((1, 8, 8, 3), np.float32)
    np.testing.assert_array_equal(batch[0], np.float32(picture) / 255)


def test_preprocessing_keeps_the_order_of_several_pictures(tiny):
    pictures = noise(7, 8, 8, 3)
    np.testing.assert_array_equal(tiny.preprocess(pictures), np.float32(pictures) / 255)


def test_preprocessing_hands_over_0_to_255(picture):
    seen = []
    model = with_input(8, 8, 3)
    ImageClassifier("n", model, lambda x: seen.append(x) or x).preprocess(picture)
    assert seen[0].dtype == np.float32
    np.testing.assert_array_equal(seen[0][0], picture)


@pytest.mark.parametrize("shape", [(16, 16, 3), (8, 3, 3), (1, 1, 3), (3, 30, 20, 3)])
def test_preprocessing_resizes_to_the_input_size(tiny, shape):
    count = shape[0] if len(shape) == 4 else 1
    assert tiny.preprocess(noise(*shape)).shape == (count, 8, 8, 3)


def test_preprocessing_resizes_as_load_image_does(embedded, chelsea):
    resized = cu.load_image("chelsea", size=(224, 224))
    expected = (np.float32(resized) - 127) / 128
    np.testing.assert_array_equal(embedded.preprocess(chelsea)[0], expected)


def test_preprocessing_does_not_swap_height_and_width():
    model = keras.Sequential([keras.Input((4, 8, 3)), layers.Flatten(), layers.Dense(2)])
    image = np.zeros((4, 8, 3), np.uint8)
    image[0, 7] = 255
    batch = ImageClassifier("n", model, lambda x: x).preprocess(image)
    np.testing.assert_array_equal(batch[0], image)


def test_preprocessing_takes_a_view_with_any_strides(tiny, picture):
    turned = picture[::-1, ::-1].transpose(1, 0, 2)
    expected = tiny.preprocess(turned.copy())
    np.testing.assert_array_equal(tiny.preprocess(turned), expected)


@pytest.mark.parametrize("how", ["preprocess", "predict", "top_predictions", "logits"])
def test_the_callers_picture_does_not_change(embedded, how):
    image = noise(224, 224, 3)
    copy = image.copy()
    getattr(embedded, how)(image)
    np.testing.assert_array_equal(image, copy)


@pytest.mark.parametrize("name", ["vgg16", "mobilenet_v2"])
def test_preprocessing_in_place_does_not_reach_the_callers_picture(picture, name):
    preprocess_input = getattr(keras.applications, name).preprocess_input
    copy = picture.copy()
    ImageClassifier("n", with_input(8, 8, 3), preprocess_input).preprocess(picture)
    np.testing.assert_array_equal(picture, copy)


@pytest.mark.parametrize("convert", [np.float64, tf.constant], ids=["float64", "tensor"])
def test_what_preprocessing_returns_becomes_a_float32_array(tiny, picture, convert):
    classifier = ImageClassifier("n", tiny.model, lambda images: convert(images / 255))
    inputs = classifier.preprocess(picture)
    assert (type(inputs), inputs.dtype) == (np.ndarray, np.float32)
    for _ in range(3):  # plain, then compiled
        np.testing.assert_array_equal(classifier.logits(picture), tiny.logits(picture))


BAD_PICTURES = [
    (np.zeros((8, 8, 3), np.float32), "float32"),
    (np.zeros((8, 8, 3), np.int64), "int64"),
    (np.zeros((8, 8, 3), bool), "bool"),
    (np.zeros((8, 8), np.uint8), "8, 8"),
    (np.zeros((8, 8, 1), np.uint8), "8, 8, 1"),
    (np.zeros((8, 8, 4), np.uint8), "8, 8, 4"),
    (np.zeros((3, 8, 8), np.uint8), "3, 8, 8"),
    (np.zeros((1, 1, 8, 8, 3), np.uint8), "1, 1, 8, 8, 3"),
    (np.zeros((0, 8, 3), np.uint8), "0, 8, 3"),
    (np.zeros((8, 0, 3), np.uint8), "8, 0, 3"),
    (None, "object"),
    ("chelsea", "<U7"),
]


@pytest.mark.parametrize("how", ["preprocess", "predict", "logits"])
@pytest.mark.parametrize("bad, words", [*BAD_PICTURES, (np.zeros((0, 8, 8, 3), np.uint8), "0, 8")])
def test_what_is_no_picture_is_refused(tiny, how, bad, words):
    with pytest.raises(ValueError, match=f"uint8.*{words}.*load_image"):
        getattr(tiny, how)(bad)


@pytest.mark.parametrize("sizes", [(8, 6), (8, 6, 6)])
def test_pictures_of_several_sizes_are_refused(tiny, sizes):
    with pytest.raises(ValueError, match=r"Resize them first: load_image\(..., size="):
        tiny.predict([noise(size, 8, 3) for size in sizes])


@pytest.mark.parametrize("bad, words", BAD_PICTURES)
def test_check_image_refuses_what_is_no_picture(bad, words):
    with pytest.raises(ValueError, match=f"uint8.*{words}"):
        check_image(bad)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_check_image_refuses_a_batch(count):
    with pytest.raises(ValueError, match=f"One picture.*batch.*{count}, 8, 8, 3"):
        check_image(np.zeros((count, 8, 8, 3), np.uint8))


def test_check_image_returns_the_picture_itself(picture):
    assert check_image(picture) is picture


# Predictions


def test_predict_gives_the_models_probabilities(tiny, picture):
    expected = tiny.model(np.float32(picture[None]) / 255).numpy()
    found = tiny.predict(picture)
    assert (found.shape, found.dtype) == ((1, 3), np.float32)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("count", [1, 4, 5, 6, 11])
def test_a_batch_gives_what_its_pictures_give(tiny, count):
    pictures = noise(count, 8, 8, 3)
    expected = np.concatenate([tiny.predict(one) for one in pictures])
    np.testing.assert_allclose(tiny.predict(pictures), expected, atol=1e-6)


def test_no_more_pictures_at_once_than_memory_allows(tiny, monkeypatch):
    sizes = []
    run = tiny.run
    monkeypatch.setattr(tiny, "run", lambda x, fetches: sizes.append(len(x)) or run(x, fetches))
    tiny.predict(noise(12, 8, 8, 3))
    assert sizes == [5, 5, 2]


def test_logits_are_those_before_the_softmax(tiny, picture):
    logits = tiny.logits(picture)
    expected = tiny.model.get_layer("pool").output
    pooled = keras.Model(tiny.model.input, expected)(tiny.preprocess(picture)).numpy()
    kernel, bias = tiny.model.get_layer("predictions").get_weights()
    np.testing.assert_allclose(logits, pooled @ kernel + bias, atol=1e-6)


def test_large_logits_do_not_overflow(picture):
    huge = keras.initializers.Constant([-1e4, 0.0, 1e4])
    dense = layers.Dense(3, activation="softmax", bias_initializer=huge)
    found = classifier_of(layers.GlobalAveragePooling2D(), dense).predict(picture)
    np.testing.assert_array_equal(found, [[0, 0, 1]])


@pytest.mark.parametrize("policy", ["mixed_float16", "float16"])
def test_half_precision_gives_float32_probabilities(policy):
    image = noise(8, 8, 3)
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    try:
        half = classifier_of(
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        )
        first, second = half.predict(image), half.predict(image)
    finally:
        keras.config.set_dtype_policy("float32")
    assert first.dtype == second.dtype == np.float32
    expected = half.model(half.preprocess(image)).numpy()
    np.testing.assert_allclose(first, expected, atol=2e-3)
    np.testing.assert_allclose(second, expected, atol=2e-3)


# top_predictions


@pytest.fixture(scope="module")
def thousand():
    """A network with ImageNet's number of classes, whose first three are 967, 2 and 285."""
    bias = np.zeros(1000)
    bias[[967, 2, 285]] = 3, 2, 1
    dense = layers.Dense(
        1000,
        activation="softmax",
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(bias),
    )
    return classifier_of(layers.Flatten(), dense, name="thousand")


def test_top_predictions_are_the_most_probable_classes_first(thousand, picture):
    found = thousand.top_predictions(picture, k=3)
    expected = [(967, "n07920052", "espresso"), (2, "n01484850", "great_white_shark")]
    assert [(p.class_index, p.wnid, p.label) for p in found[:2]] == expected
    total = 997 + np.exp([1, 2, 3]).sum()
    expected = np.exp([3, 2, 1]) / total
    np.testing.assert_allclose([p.probability for p in found], expected, rtol=1e-5)


def test_a_probability_is_a_plain_float(thousand, picture):
    assert type(thousand.top_predictions(picture)[0].probability) is float


def test_classes_of_one_probability_come_in_the_order_of_their_index(thousand, picture):
    found = thousand.top_predictions(picture, k=6)
    assert [p.class_index for p in found] == [967, 2, 285, 0, 1, 3]


@pytest.mark.parametrize("k", [1, 7, 1000, 5.0, np.int64(4)])
def test_top_predictions_are_as_many_as_asked_for(thousand, picture, k):
    assert len(thousand.top_predictions(picture, k)) == k


def test_top_predictions_are_five_unless_asked(thousand, picture):
    assert len(thousand.top_predictions(picture)) == 5


@pytest.mark.parametrize("k", [0, -1, 1001, 2.5, "5", None, True, np.array([1, 2]), [1]])
def test_another_number_of_predictions_is_refused(thousand, picture, k):
    with pytest.raises(ValueError, match=f"k must be.*1 to 1000, not {re.escape(repr(k))}"):
        thousand.top_predictions(picture, k)


def test_top_predictions_are_refused_for_a_batch(thousand):
    with pytest.raises(ValueError, match="One picture.*batch"):
        thousand.top_predictions(noise(2, 8, 8, 3))


def test_top_predictions_are_refused_where_classes_have_no_names(tiny, picture):
    with pytest.raises(ValueError, match="'tiny' has 3 classes.*1000.*predict"):
        tiny.top_predictions(picture)


# Layers


def test_conv_layers_of_the_embedded_network(embedded):
    names = embedded.conv_layer_names
    assert len(names) == 1 + 16 * 2 + 15 + 1  # the first block has no expansion
    assert names[:4] == [
        "stem_conv",
        "block1a_dwconv",
        "block1a_project_conv",
        "block2a_expand_conv",
    ]


def test_feature_layers_of_the_embedded_network_are_the_last_of_each_convolution(embedded):
    names = embedded.feature_layer_names
    assert len(names) == len(embedded.conv_layer_names)
    assert names[:3] == ["stem_activation", "block1a_activation", "block1a_project_bn"]
    assert names[-1] == "top_activation"


def test_feature_map_shapes_of_the_embedded_network(embedded):
    shapes = embedded.feature_map_shapes
    expected = {
        layer.name: tuple(layer.output.shape[1:])
        for layer in embedded.model.layers[1:]
        if len(layer.output.shape) == 4
    }
    assert list(shapes.items()) == list(expected.items())


@pytest.fixture(scope="module")
def vgg_like():
    """Activations are part of the convolutions; the resolution halves between blocks."""
    parts = []
    for block in (1, 2, 3, 4, 5):
        for i in (1, 2):
            name = f"block{block}_conv{i}"
            parts.append(layers.Conv2D(4, 3, padding="same", activation="relu", name=name))
        parts.append(layers.MaxPooling2D(name=f"block{block}_pool"))
    return classifier_of(*parts, layers.Flatten(), layers.Dense(3, activation="softmax"), size=32)


def test_feature_layers_of_a_vgg_are_its_convolutions(vgg_like):
    assert len(vgg_like.conv_layer_names) == 10
    assert vgg_like.feature_layer_names == vgg_like.conv_layer_names


def test_key_layers_of_a_vgg_are_the_first_the_last_of_the_middle_block_and_the_last(vgg_like):
    assert vgg_like.key_layer_names == ["block1_conv1", "block3_conv2", "block5_conv2"]


@pytest.mark.parametrize(
    "name, conv, feature, key",
    [
        ("resnet50", 53, "conv5_block3_3_bn", ["conv1_relu", "conv3_block4_3_bn"]),
        ("mobilenet_v2", 52, "out_relu", ["Conv1_relu", "block_6_expand_relu"]),
        ("efficientnet_b0", 81, "top_activation", ["stem_activation", "block4a_expand_activation"]),
    ],
)
def test_layers_of_networks_of_keras(name, conv, feature, key):
    constructor = getattr(keras.applications, architectures.APPLICATIONS[name].constructor)
    with pytest.MonkeyPatch.context() as patch:  # values do not matter here, time does
        zeros = staticmethod(lambda shape, dtype=None: keras.ops.zeros(shape, dtype))
        patch.setattr(keras.initializers.GlorotUniform, "__call__", zeros)
        patch.setattr(keras.initializers.VarianceScaling, "__call__", zeros)
        classifier = ImageClassifier(name, constructor(weights=None), None)
    assert len(classifier.conv_layer_names) == conv
    assert classifier.feature_layer_names[-1] == feature
    assert classifier.key_layer_names == [*key, feature]


def test_layers_of_a_nested_model_count():
    inner = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(4, 3, name="c"), layers.ReLU(name="r")], name="inner"
    )
    top = [layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")]
    classifier = classifier_of(inner, *top)
    assert classifier.conv_layer_names == ["c"]
    assert classifier.feature_layer_names == ["r"]
    assert classifier.feature_map_shapes == {name: (6, 6, 4) for name in ("c", "r", "inner")}


def test_a_convolution_that_several_layers_read_gives_its_own_maps():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(3, 3, padding="same", name="conv")(inputs)
    y = layers.Add()([layers.ReLU(name="relu")(x), x])
    outputs = layers.Dense(3)(layers.GlobalAveragePooling2D()(y))
    classifier = ImageClassifier("n", keras.Model(inputs, outputs), None)
    assert classifier.feature_layer_names == ["conv"]


def test_each_kind_of_convolution_counts():
    classifier = classifier_of(
        layers.DepthwiseConv2D(3, name="depthwise"),
        layers.SeparableConv2D(4, 3, name="separable"),
        layers.Conv2DTranspose(4, 3, name="transpose"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3),
    )
    assert classifier.conv_layer_names == ["depthwise", "separable", "transpose"]
    assert classifier.last_conv_layer_name == "transpose"


@pytest.mark.parametrize(
    "attribute", ["last_conv_layer_name", "key_layer_names", "check_layer_name"]
)
def test_a_network_without_convolutions_is_told_so(attribute):
    classifier = classifier_of(layers.Flatten(), layers.Dense(3), name="dense")
    with pytest.raises(ValueError, match="'dense' has no convolution"):
        getattr(classifier, attribute)(None)


@pytest.mark.parametrize("name", ["flatten", "flaten"])
def test_a_network_without_feature_maps_is_told_so(name):
    classifier = classifier_of(layers.Flatten(name="flatten"), layers.Dense(3), name="dense")
    with pytest.raises(ValueError, match="'dense' has no feature maps: no layer has height"):
        classifier.check_layer_name(name)


def test_a_network_without_convolutions_may_have_feature_maps():
    classifier = classifier_of(layers.ReLU(name="relu"), layers.Flatten(name="f"), layers.Dense(3))
    with pytest.raises(ValueError, match="'f' of .* no height and width.*: relu[.]"):
        classifier.check_layer_name("f")


@pytest.mark.parametrize("name", ["stem_conv", "block2b_add", "top_activation"])
def test_a_layer_with_feature_maps_is_accepted(embedded, name):
    assert embedded.check_layer_name(name) == name


def test_no_layer_name_is_the_last_layer_with_feature_maps(embedded):
    assert embedded.check_layer_name(None) == "top_activation"


@pytest.mark.parametrize(
    "bad, words",
    [
        ("top_convv", "no layer 'top_convv'.*'top_conv'"),
        ("block2b", "no layer 'block2b'.*'block2b_"),
        ("conv5_block3_out", "no layer 'conv5_block3_out'.*nearest names are '"),
        ("", "no layer ''.*nearest names are '"),
        (-1, "no layer -1.*nearest names are '"),
        (["top_conv"], r"no layer \['top_conv'\]"),
        ("image", "'image' of .* is its input.*top_activation.*feature_map_shapes"),
        ("avg_pool", "'avg_pool' of .* no height and width.*top_activation.*feature_map_shapes"),
        ("predictions", "'predictions' of .* no height and width.*top_activation"),
    ],
)
def test_a_layer_without_feature_maps_is_refused(embedded, bad, words):
    with pytest.raises(ValueError, match=words):
        embedded.check_layer_name(bad)


# Classes


@pytest.mark.parametrize("index", [0, 2, np.int64(2), np.uint8(2), np.array(2), tf.constant(2)])
def test_a_class_index_becomes_a_plain_int(tiny, index):
    checked = tiny.check_class_index(index)
    assert (checked, type(checked)) == (index, int)


def test_no_class_index_is_minus_one(tiny):
    assert tiny.check_class_index(None) == -1


NO_NUMBERS = [np.True_, np.array([1]), np.array([1, 2]), tf.constant([1]), [[1], 2], 1j]


@pytest.mark.parametrize(
    "bad", [-1, 3, 1000, 0.5, float("nan"), "2", "tabby", True, [1], (1,), *NO_NUMBERS]
)
def test_a_class_that_is_not_there_is_refused(tiny, bad):
    with pytest.raises(ValueError, match="class_index must be.*0 to 2.*not ") as error:
        tiny.check_class_index(bad)
    assert repr(bad) in str(error.value)


def test_the_class_that_the_network_ranks_first(tiny, picture):
    assert tiny.resolve_class_index(picture) == tiny.predict(picture)[0].argmax()


def test_a_class_that_is_asked_for(tiny, picture):
    assert [tiny.resolve_class_index(picture, i) for i in (0, 1, 2)] == [0, 1, 2]


@pytest.mark.parametrize("bad", [3, "tabby"])
def test_resolving_a_class_that_is_not_there_is_refused(tiny, picture, bad):
    with pytest.raises(ValueError, match="class_index must be"):
        tiny.resolve_class_index(picture, bad)


def test_resolving_the_class_of_a_batch_is_refused(tiny):
    with pytest.raises(ValueError, match="One picture.*batch"):
        tiny.resolve_class_index(noise(2, 8, 8, 3))


@pytest.mark.parametrize("index, expected", [(0, [1, 6]), (2, [3, 4]), (-1, [3, 6])])
def test_pick_logits_takes_a_class_or_the_largest(index, expected):
    logits = tf.constant([[1, 2, 3], [6, 5, 4]], tf.float16)
    picked = pick_logits(logits, tf.constant(index))
    assert picked.dtype == tf.float32
    assert picked.numpy().tolist() == expected


# Compiling


@pytest.fixture
def doubling():
    """A function to compile, and how often it was built."""
    built = []

    def build():
        built.append(1)
        return lambda x: 2 * x, [tf.TensorSpec((None,), tf.float32)]

    return build, built


def is_compiled(function):
    return isinstance(function, tf.types.experimental.ConcreteFunction)


def test_a_function_is_plain_the_first_time_and_compiled_from_the_second_on(tiny, doubling):
    build, _ = doubling
    functions = [tiny.compiled("double", build) for _ in range(3)]
    assert [is_compiled(function) for function in functions] == [False, True, True]
    assert functions[1] is functions[2]


def test_a_function_is_built_once(tiny, doubling):
    build, built = doubling
    for _ in range(3):
        tiny.compiled("double", build)
    assert len(built) == 1


def test_each_key_has_a_function_of_its_own(tiny, doubling):
    build, built = doubling
    tiny.compiled("one", build)
    assert not is_compiled(tiny.compiled("two", build))
    assert len(built) == 2


@pytest.mark.parametrize("runs, expected", [(1, False), (19, False), (20, True), (500, True)])
def test_many_runs_are_worth_compiling_for_at_once(tiny, doubling, runs, expected):
    assert is_compiled(tiny.compiled("double", doubling[0], runs=runs)) is expected


def test_plain_and_compiled_give_the_same(embedded, chelsea):
    fresh = ImageClassifier("fresh", embedded.model, embedded.preprocess_input)
    plain, compiled = fresh.predict(chelsea), fresh.predict(chelsea)
    np.testing.assert_allclose(compiled, plain, atol=1e-5)


def test_a_batch_of_another_size_is_not_compiled_anew(tiny):
    for count in (1, 1, 2, 3, 4):
        tiny.predict(noise(count, 8, 8, 3))
    _, trace = tiny._functions["logits"]
    assert trace.cache_info().misses == 1


def test_classifiers_do_not_share_functions(tiny, picture):
    other = ImageClassifier("other", keras.models.clone_model(tiny.model), lambda x: x / 255)
    other.model.set_weights([2 * w for w in tiny.model.get_weights()])
    for _ in range(2):
        expected = tiny.model(tiny.preprocess(picture)).numpy()
        np.testing.assert_allclose(tiny.predict(picture), expected, atol=1e-6)
        assert not np.allclose(other.predict(picture), expected, atol=1e-3)


# Remembering


class Counter:
    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1
        return self.count


def test_the_same_picture_is_not_computed_again(tiny, picture):
    compute = Counter()
    assert [tiny.remember("maps", picture, compute) for _ in range(3)] == [1, 1, 1]


def test_the_same_pixels_in_another_array_are_the_same_picture(tiny, picture):
    compute = Counter()
    tiny.remember("maps", picture, compute)
    assert tiny.remember("maps", picture[:, ::-1].copy()[:, ::-1], compute) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda image: np.bitwise_xor(image, np.eye(8, dtype=np.uint8)[..., None]),
        lambda image: image[:, ::-1],
        lambda image: image.reshape(4, 16, 3),
    ],
)
def test_another_picture_is_computed(tiny, picture, change):
    compute = Counter()
    tiny.remember("maps", picture, compute)
    assert tiny.remember("maps", change(picture), compute) == 2


def test_a_picture_changed_in_place_is_another_picture(tiny, picture):
    compute = Counter()
    tiny.remember("maps", picture, compute)
    picture[3, 4, 1] ^= 1
    assert tiny.remember("maps", picture, compute) == 2


def test_another_key_is_computed(tiny, picture):
    compute = Counter()
    tiny.remember("maps", picture, compute)
    assert tiny.remember("other", picture, compute) == 2


def test_what_was_used_longest_ago_is_forgotten(tiny):
    compute = Counter()
    pictures = noise(9, 8, 8, 3)
    for image in pictures[:8]:
        tiny.remember("maps", image, compute)
    tiny.remember("maps", pictures[0], compute)  # used again: the second is now the oldest
    tiny.remember("maps", pictures[8], compute)
    assert compute.count == 9
    assert tiny.remember("maps", pictures[0], compute) == 1
    assert tiny.remember("maps", pictures[1], compute) == 10


def test_not_more_than_a_few_results_are_kept(tiny):
    for image in noise(30, 8, 8, 3):
        tiny.remember("maps", image, lambda: None)
    assert len(tiny._remembered) == classifiers._NUM_REMEMBERED == 8


def test_an_error_is_not_remembered(tiny, picture):
    def fail():
        raise RuntimeError

    with pytest.raises(RuntimeError):
        tiny.remember("maps", picture, fail)
    assert tiny.remember("maps", picture, lambda: "computed") == "computed"


# Threads


def in_threads(function, count=8):
    """What `function(i)` returns in threads that start together."""
    barrier = threading.Barrier(count)

    def start(i):
        barrier.wait()
        return function(i)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(start, range(count)))


@pytest.fixture
def eager_threads():
    """Threads take turns as often as Python lets them."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def test_threads_may_share_a_fresh_classifier(embedded):
    pictures = noise(8, 8, 8, 3)
    expected = [cu.make_gradcam_heatmap(embedded, image, 285) for image in pictures]
    fresh = ImageClassifier("fresh", embedded.model, embedded.preprocess_input)
    found = in_threads(lambda i: cu.make_gradcam_heatmap(fresh, pictures[i], 285))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_threads_may_remember_at_once(eager_threads, tiny, picture):
    def remember_many(i):
        return [tiny.remember((i, n), picture, lambda n=n: (i, n)) for n in range(3000)]

    assert in_threads(remember_many) == [[(i, n) for n in range(3000)] for i in range(8)]
    assert len(tiny._remembered) == 8
