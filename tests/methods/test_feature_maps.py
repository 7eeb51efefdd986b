import numpy as np

import course_utils as cu
from course_utils.backend import keras


def reference(classifier, image, names):
    """The same by `keras.Model` alone."""
    outputs = [classifier.model.get_layer(name).output for name in names]
    maps = keras.Model(classifier.model.input, outputs)(classifier.preprocess(image))
    return {name: array.numpy()[0] for name, array in zip(names, maps, strict=True)}


def test_all_layers_of_the_embedded_network_are_what_keras_gives(embedded, chelsea):
    maps = cu.get_feature_maps(embedded, chelsea)
    with_size = [layer.name for layer in embedded.model.layers[1:] if len(layer.output.shape) == 4]
    assert list(maps) == with_size
    for name, expected in reference(embedded, chelsea, with_size).items():
        np.testing.assert_allclose(maps[name], expected, atol=1e-4, err_msg=name)


def test_maps_come_in_the_order_asked_for_plain_and_compiled(embedded, coffee):
    names = ["top_activation", "stem_conv", "block3b_add"]
    for _ in range(2):
        maps = cu.get_feature_maps(embedded, coffee, names)
        assert list(maps) == names
        for name, expected in reference(embedded, coffee, names).items():
            close = {"atol": 1e-5 * np.abs(expected).max()}  # folded, the seventh digit differs
            np.testing.assert_allclose(maps[name], expected, **close, err_msg=name)


def test_maps_by_hand(tiny, picture):
    """The convolution's output at one place, summed by hand."""
    [maps] = cu.get_feature_maps(tiny, picture, ["conv"]).values()
    kernel, bias = tiny.model.get_layer("conv").get_weights()
    patch = np.float32(picture)[2:5, 4:7] / 255
    expected = np.maximum(np.einsum("hwc,hwcn->n", patch, kernel) + bias, 0)
    np.testing.assert_allclose(maps[3, 5], expected, atol=1e-5)
    assert (maps.shape, maps.dtype) == ((8, 8, 4), np.float32)


def test_the_callers_arrays_do_not_change_each_other(tiny, picture):
    first = cu.get_feature_maps(tiny, picture)["conv"]
    first[:] = -1
    assert cu.get_feature_maps(tiny, picture)["conv"].min() >= 0
