"""Vanilla saliency by hand, and the sum of gradients that other methods build on."""

import numpy as np
import pytest
from small_networks import chain, layers, wrap

import course_utils as cu
from course_utils.backend import keras, tf
from course_utils.methods.gradients import weighted_input_gradients

BATCH_SIZE = 5  # of small networks
pytestmark = pytest.mark.filterwarnings("error::UserWarning")

# W[color] weighs each position of a 2 x 2 picture: it is the gradient of class 1's logit.

W = np.array([[[0.8, -1], [0, 0.3]], [[-0.6, 0.5], [0, 0]], [[1.2, -0.1], [0, -0.45]]])
PICTURE = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)


class HalfSquare(layers.Layer):
    """Its gradient is its input."""

    def call(self, inputs):
        return keras.ops.square(inputs) / 2


class Detached(layers.Layer):
    def call(self, inputs):
        return keras.ops.stop_gradient(inputs)


def by_hand(before=(), weights=W):
    """Logits 0 and sum(weights * f(picture)); `before` lists the layers of f."""
    dense = layers.Dense(2, activation="softmax")
    model = chain([*before, layers.Flatten(), dense], (*weights.shape[1:], 3))
    weights = weights.transpose(1, 2, 0).ravel()
    dense.set_weights([np.stack([np.zeros_like(weights), weights], axis=-1), np.zeros(2)])
    return wrap(model, lambda images: images)


def test_saliency_by_hand():
    """The largest magnitude of the colors [[1.2, 1], [0, 0.45]], divided by 1.2."""
    saliency = cu.compute_saliency_map(by_hand(), PICTURE, 1)
    np.testing.assert_allclose(saliency, [[1, 5 / 6], [0, 0.375]], rtol=1e-6)
    assert saliency.dtype == np.float32


def test_an_infinite_gradient_is_refused():
    """It stays infinite up to the scaling, where weights that are all infinite give NaN."""
    weights = W.copy()
    weights[0, 1, 0] = np.inf
    with pytest.raises(ValueError, match="NaN or infinite"):
        cu.compute_saliency_map(by_hand(weights=weights), PICTURE, 1)


@pytest.mark.parametrize("function", [cu.compute_saliency_map, cu.smooth_grad])
@pytest.mark.parametrize("before, class_index", [([], 0), ([Detached()], 1)])
def test_no_gradient_gives_zeros_and_a_warning(function, before, class_index):
    with pytest.warns(UserWarning, match="gradient is zero everywhere") as caught:
        saliency = function(by_hand(before), PICTURE, class_index)
    np.testing.assert_array_equal(saliency, np.zeros((2, 2), np.float32), strict=True)
    assert caught[0].filename == __file__


def test_gradient_is_tensorflows(tiny, picture):
    inputs = tf.constant(tiny.preprocess(picture))
    kernel, bias = tiny.model.layers[-1].get_weights()
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        maps = tiny.model.get_layer("conv")(inputs)
        score = (tf.reduce_mean(maps, axis=(1, 2)) @ kernel + bias)[0, 1]
    expected = np.abs(tape.gradient(score, inputs)[0]).max(axis=-1)
    for _ in range(2):  # plain, then compiled
        saliency = cu.compute_saliency_map(tiny, picture, 1)
        np.testing.assert_allclose(saliency, expected / expected.max(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("count", [1, BATCH_SIZE, BATCH_SIZE + 1, 3 * BATCH_SIZE - 1])
def test_batches_add_up(count):
    """The gradient of x^2 / 2 is x: the weighted sum of gradients is that of the points."""
    classifier = by_hand([HalfSquare()], np.ones((3, 2, 2)))
    points = np.random.default_rng(0).standard_normal((count, 2, 2, 3), np.float32)
    weights = np.arange(1.0, count + 1)
    total, _ = weighted_input_gradients(classifier, iter(points), weights, 1)
    np.testing.assert_allclose(total, np.tensordot(weights, points, axes=1), rtol=1e-4, atol=1e-5)
    assert total.dtype == np.float32


def test_points_are_drawn_when_their_batch_is_due():
    """A generator saves the memory of all but a few; `progress` counts the batches."""
    drawn, before_batches = [], []

    def points():
        for i in range(2 * BATCH_SIZE + 1):
            drawn.append(i)
            yield np.zeros((2, 2, 3), np.float32)

    def progress(batches):
        assert len(batches) == 3
        for batch in batches:
            before_batches.append(len(drawn))
            yield batch

    weights = np.ones(2 * BATCH_SIZE + 1)
    weighted_input_gradients(by_hand(), points(), weights, 1, progress)
    assert before_batches == [0, BATCH_SIZE, 2 * BATCH_SIZE]


@pytest.mark.parametrize("progress", [True, False])
@pytest.mark.parametrize("function", [cu.smooth_grad, cu.integrated_gradients])
def test_a_progress_bar_where_asked_for(tiny, picture, capfd, function, progress):
    function(tiny, picture, 1, progress=progress)
    out, err = capfd.readouterr()
    assert out == ""
    assert ("gradients: 100%" in err) if progress else err == ""
