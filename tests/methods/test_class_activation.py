"""The formulas of class activation maps, by hand and as their papers write them."""

import numpy as np
import pytest
from small_networks import chain, layers, wrap

import course_utils as cu
from course_utils.backend import keras
from course_utils.methods.class_activation import grad_cam_plus_plus

# Nothing here may warn unless a test expects it: neither Keras ("the structure of `inputs` doesn't
# match"), nor NumPy (overflow, division by zero).
pytestmark = [
    pytest.mark.filterwarnings("error::UserWarning"),
    pytest.mark.filterwarnings("error::RuntimeWarning"),
]

AT_LAYER = [key for key, method in cu.METHODS.items() if method.formula]

# By hand. The network sees two feature maps A of 2 x 2, the red and the green of the picture, and
# class 1 weighs each position: the gradient of its logit is G whatever the picture.

A = np.array([[[1, 2], [3, 4]], [[4, 0], [0, 1]]])
G = np.array([[[0.8, -1], [0, 0.3]], [[-0.6, 0.5], [0, 0]]])
PICTURE = np.stack([*A, np.zeros((2, 2))], axis=-1).astype(np.uint8)


@pytest.fixture
def by_hand():
    conv, dense = layers.Conv2D(2, 1, name="conv"), layers.Dense(2, activation="softmax")
    model = chain([conv, layers.Flatten(), dense], (2, 2, 3))
    conv.set_weights([np.eye(3, 2)[None, None], np.zeros(2)])
    kernel = np.stack([np.zeros(8), G.transpose(1, 2, 0).ravel()], axis=-1)
    dense.set_weights([kernel, np.array([-100, 0])])
    return wrap(model, lambda images: images)


@pytest.mark.parametrize(
    "method, expected",
    [
        # Mean gradients 0.1 / 4 and -0.1 / 4; 0.025 A_0 - 0.025 A_1 = [[-3, 2], [3, 3]] / 40.
        ("grad_cam", [[0, 2 / 3], [1, 1]]),
        # Sums 10 and 5 of the maps. Weights 0.8 / (2 + 10 * 0.8) + 0.3 / (2 + 10 * 0.3) = 0.14 and
        # 0.5 / (2 + 5 * 0.5) = 1/9, so 0.14 A_0 + A_1 / 9, times 900:
        ("grad_cam++", np.array([[526, 252], [378, 604]]) / 604),
        # 0.8 * 1 + 0 * 4, 0 * 2 + 0.5 * 0, 0, 0.3 * 4 + 0 * 1.
        ("layer_cam", [[2 / 3, 0], [0, 1]]),
        # 0.8 * 1 - 0.6 * 4 < 0, -1 * 2 + 0.5 * 0 < 0, 0, 0.3 * 4 + 0 * 1.
        ("hires_cam", [[0, 0], [0, 1]]),
    ],
)
def test_heatmap_by_hand(by_hand, method, expected):
    """Of the logit: the probability's gradient would be 0, since the network is certain."""
    heatmap = cu.make_gradcam_heatmap(by_hand, PICTURE, 1, "conv", method)
    np.testing.assert_allclose(heatmap, expected, rtol=1e-6)
    assert heatmap.dtype == np.float32
    by_table = cu.METHODS[method].compute(by_hand, PICTURE, 1)
    np.testing.assert_array_equal(by_table, heatmap)


def test_grad_cam_is_cam_before_global_average_pooling(tiny, picture):
    maps = cu.get_feature_maps(tiny, picture, ["conv"])["conv"]
    for class_index, weights in enumerate(tiny.model.layers[-1].kernel.numpy().T):
        expected = np.maximum(maps @ weights, 0)
        heatmap = cu.make_gradcam_heatmap(tiny, picture, class_index)
        np.testing.assert_allclose(heatmap, expected / expected.max(), rtol=0, atol=1e-5)


def plus_plus_slowly(maps, gradients):
    """Grad-CAM++ as the paper writes it, one number at a time; only positive values are summed."""
    maps, gradients = maps.astype(np.float64), gradients.astype(np.float64)
    result = np.zeros(maps.shape[:2])
    for channel in range(maps.shape[2]):
        total = np.maximum(maps[:, :, channel], 0).sum()
        weight = 0.0
        for g in gradients[:, :, channel].flat:
            if g:
                alpha = g**2 / (2 * g**2 + total * g**3)
                weight += alpha * max(g, 0.0)
        result += weight * maps[:, :, channel]
    return result


@pytest.mark.parametrize("size_of_gradients", [1e-20, 1e-3, 1, 1e4])
@pytest.mark.parametrize("at_a_relu", [True, False])
def test_grad_cam_plus_plus_is_the_papers(size_of_gradients, at_a_relu):
    generator = np.random.default_rng(0)
    maps, gradients = generator.standard_normal((2, 5, 4, 30), np.float32)
    maps = np.abs(maps) if at_a_relu else maps
    gradients[generator.random(gradients.shape) < 0.2] = 0
    gradients *= np.float32(size_of_gradients)
    expected, ours = plus_plus_slowly(maps, gradients), grad_cam_plus_plus(maps, gradients)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(ours / scale, expected / scale, rtol=0, atol=1e-5)
    assert ours.dtype == np.float32 and scale > 0


def test_grad_cam_plus_plus_by_hand_where_maps_are_negative():
    """Maps with sums -2 and 4, gradients 1: weights 4 / (2 + 0) and 4 / (2 + 4)."""
    maps = np.full((2, 2, 2), [-0.5, 1], np.float32)
    result = grad_cam_plus_plus(maps, np.ones((2, 2, 2), np.float32))
    np.testing.assert_allclose(result, np.full((2, 2), -0.5 * 2 + 1 * 2 / 3), rtol=1e-6)


@pytest.mark.parametrize("method", AT_LAYER)
@pytest.mark.parametrize("weight", [-1, 0])
def test_no_evidence_gives_zeros_and_a_warning(tiny, picture, method, weight):
    kernel, bias = tiny.model.layers[-1].get_weights()
    tiny.model.layers[-1].set_weights([np.full_like(kernel, weight), bias])
    with pytest.warns(UserWarning, match="finds nothing.*all zeros") as caught:
        heatmap = cu.make_gradcam_heatmap(tiny, picture, 0, method=method)
        cu.METHODS[method].compute(tiny, picture, 0)
    np.testing.assert_array_equal(heatmap, np.zeros((8, 8), np.float32), strict=True)
    assert [warning.filename for warning in caught] == [__file__] * 2


def test_layer_that_the_class_does_not_depend_on(picture):
    """Its gradient is 0, not None."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(2, 3, name="conv")(inputs)
    outputs = layers.Dense(2)(layers.GlobalAveragePooling2D()(keras.ops.stop_gradient(x)))
    with pytest.warns(UserWarning, match="all zeros"):
        heatmap = cu.make_gradcam_heatmap(wrap(keras.Model(inputs, outputs)), picture, 0, "conv")
    assert not heatmap.any()
