"""All layers in one run give what each layer gives by itself."""

import numpy as np
import pytest

import course_utils as cu
from course_utils.engine.runner import to_array
from course_utils.methods.all_layers import layer_gradients, run_layers
from course_utils.methods.class_activation import keep_positive, maps_and_gradients


def test_feature_maps_and_logits(embedded, chelsea):
    expected = cu.get_feature_maps(embedded, chelsea)
    maps, logits = run_layers(embedded, chelsea, list(expected))
    assert list(maps) == list(expected)
    for name, tensor in maps.items():
        np.testing.assert_allclose(to_array(tensor), expected[name], atol=1e-3)
    np.testing.assert_allclose(logits, embedded.logits(chelsea)[0], atol=1e-4)


@pytest.mark.parametrize("class_index", [281, None])
def test_gradients(embedded, chelsea, class_index):
    pairs = layer_gradients(embedded, chelsea, class_index)
    assert list(pairs) == embedded.conv_layer_names
    for name in embedded.key_layer_names:
        of_one_layer = maps_and_gradients(embedded, chelsea, class_index, name)
        for tensor, expected in zip(pairs[name], of_one_layer, strict=True):
            scale = np.abs(expected).max()
            assert scale > 0
            np.testing.assert_allclose(
                to_array(tensor) / scale, expected / scale, rtol=0, atol=1e-4, err_msg=name
            )


def test_a_map_without_anything_positive_is_zero():
    np.testing.assert_array_equal(keep_positive(-np.ones((2, 2))), np.zeros((2, 2)))
