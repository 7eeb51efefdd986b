import keras
import numpy as np
import pytest
from keras import layers

from course_utils import ImageClassifier, get_feature_maps


def reference(classifier, image, names):
    """The same by `keras.Model` alone."""
    outputs = [classifier.model.get_layer(name).output for name in names]
    maps = keras.Model(classifier.model.input, outputs)(classifier.preprocess(image))
    return {name: array.numpy()[0] for name, array in zip(names, maps, strict=True)}


@pytest.fixture(scope="module")
def all_maps(embedded, chelsea):
    return get_feature_maps(embedded, chelsea)


def test_all_layers_of_the_embedded_network_are_what_keras_gives(embedded, chelsea, all_maps):
    for name, expected in reference(embedded, chelsea, list(all_maps)).items():
        np.testing.assert_allclose(all_maps[name], expected, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("run", [1, 2])
def test_some_layers_are_what_keras_gives_at_the_first_call_and_compiled(embedded, coffee, run):
    names = ["stem_conv", "block3b_add", "top_activation"]
    maps = get_feature_maps(embedded, coffee, names)
    for name, expected in reference(embedded, coffee, names).items():
        np.testing.assert_allclose(maps[name], expected, atol=1e-4, err_msg=name)


def test_no_layer_names_are_all_layers_with_feature_maps_in_order(embedded, all_maps):
    shapes = {name: array.shape for name, array in all_maps.items()}
    assert list(shapes.items()) == list(embedded.feature_map_shapes.items())


@pytest.mark.parametrize("names", [["conv"], ("conv",), iter(["conv"]), {"conv": None}])
def test_layer_names_can_be_any_iterable(tiny, picture, names):
    assert list(get_feature_maps(tiny, picture, names)) == ["conv"]


def test_maps_come_in_the_order_asked_for(embedded, chelsea):
    names = ["top_activation", "stem_conv", "block1a_bn"]
    assert list(get_feature_maps(embedded, chelsea, names)) == names


def test_maps_by_hand(tiny, picture):
    """The convolution's output at one place, summed by hand."""
    [maps] = get_feature_maps(tiny, picture, ["conv"]).values()
    kernel, bias = tiny.model.get_layer("conv").get_weights()
    patch = np.float32(picture)[2:5, 4:7] / 255
    expected = np.maximum(np.einsum("hwc,hwcn->n", patch, kernel) + bias, 0)
    np.testing.assert_allclose(maps[3, 5], expected, atol=1e-5)


def test_maps_are_float32_height_width_channels(tiny, picture):
    [maps] = get_feature_maps(tiny, picture, ["conv"]).values()
    assert (maps.shape, maps.dtype) == ((8, 8, 4), np.float32)


def test_half_precision_gives_float32(picture):
    keras.config.set_dtype_policy("float16")
    try:
        inputs = keras.Input((8, 8, 3))
        outputs = layers.Dense(2)(layers.Flatten()(layers.Conv2D(2, 3, name="conv")(inputs)))
        classifier = ImageClassifier("half", keras.Model(inputs, outputs), lambda x: x / 255)
        [maps] = get_feature_maps(classifier, picture, ["conv"]).values()
    finally:
        keras.config.set_dtype_policy("float32")
    assert maps.dtype == np.float32


@pytest.mark.parametrize("run", [1, 2])
def test_another_picture_gives_other_maps(tiny, picture, run):
    first = get_feature_maps(tiny, picture, ["conv"])["conv"]
    second = get_feature_maps(tiny, 255 - picture, ["conv"])["conv"]
    assert np.abs(first - second).max() > 0.1


def test_the_callers_arrays_do_not_change_each_other(tiny, picture):
    first = get_feature_maps(tiny, picture, ["conv"])["conv"]
    first[:] = -1
    assert get_feature_maps(tiny, picture, ["conv"])["conv"].min() >= 0


def test_a_picture_of_any_size_will_do(tiny):
    maps = get_feature_maps(tiny, np.zeros((20, 5, 3), np.uint8), ["conv"])
    assert maps["conv"].shape == (8, 8, 4)


def test_no_layer_gives_nothing(tiny, picture):
    assert get_feature_maps(tiny, picture, []) == {}


@pytest.mark.parametrize(
    "layer_names, words",
    [
        ("conv", r"a list of names: \['conv'\]"),
        (5, "a list of names"),
        (["conv", "convv"], "no layer 'convv'.*'conv'"),
        ([0], "no layer 0.*'conv'"),
        ([["conv"]], r"no layer \['conv'\]"),
        (["pool"], "'pool' of 'tiny' has no height and width.*conv"),
        (["predictions"], "'predictions' of 'tiny' has no height and width.*conv"),
    ],
)
def test_layers_without_feature_maps_are_refused(tiny, picture, layer_names, words):
    with pytest.raises(ValueError, match=words):
        get_feature_maps(tiny, picture, layer_names)


@pytest.mark.parametrize(
    "image, words",
    [
        (np.zeros((2, 8, 8, 3), np.uint8), "One picture.*batch"),
        (np.zeros((1, 8, 8, 3), np.uint8), "One picture.*batch"),
        (np.zeros((8, 8, 3), np.float32), "float32.*load_image"),
        (np.zeros((8, 8), np.uint8), "8, 8.*load_image"),
        ("chelsea", "load_image"),
    ],
)
def test_what_is_no_picture_is_refused(tiny, image, words):
    with pytest.raises(ValueError, match=words):
        get_feature_maps(tiny, image, ["conv"])
