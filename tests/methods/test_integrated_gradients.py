"""Integrated Gradients by hand, and what they must add up to."""

import numpy as np
import pytest
from small_networks import chain, layers, wrap

import course_utils as cu
from course_utils.backend import keras

pytestmark = [
    pytest.mark.filterwarnings("error::UserWarning"),
    pytest.mark.filterwarnings("error::RuntimeWarning"),
]

# By hand, on pictures of 2 x 2. W[row, column, color] are the weights of class 1; class 0's are 0.

W = np.array([[[1, 0, -1], [2, 0, 0]], [[0, 0.5, 0], [-3, 0, 1]]])
PICTURE = np.array([[[2, 9, 4], [1, 0, 0]], [[7, 6, 7], [1, 5, 3]]], np.uint8)
OTHER = np.array([[[1, 1, 1], [1, 8, 3]], [[0, 2, 0], [0, 0, 9]]], np.uint8)


def by_hand(activation=None, preprocess=lambda images: images):
    """Logits 0 and sum(W * activation(picture))."""
    dense = layers.Dense(2)
    steps = [layers.Activation(activation or "linear"), layers.Flatten(), dense, layers.Softmax()]
    model = chain(steps, (2, 2, 3))
    dense.set_weights([np.stack([0 * W, W], -1).reshape(12, 2), np.zeros(2)])
    return wrap(model, preprocess)


@pytest.mark.parametrize("num_steps", [1, 2, 5, 50])
def test_exact_on_a_linear_network(num_steps):
    attributions = cu.integrated_gradients(by_hand(), PICTURE, 1, num_steps)
    np.testing.assert_allclose(attributions, W * PICTURE, rtol=1e-6)
    assert attributions.dtype == np.float32


def test_baseline_is_a_picture():
    attributions = cu.integrated_gradients(by_hand(), PICTURE, 1, 3, baseline=OTHER)
    expected = W * (PICTURE.astype(int) - OTHER.astype(int))
    np.testing.assert_allclose(attributions, expected, rtol=1e-6)


def test_baseline_of_another_size_is_resized():
    attributions = cu.integrated_gradients(
        by_hand(), PICTURE, 1, 3, baseline=np.full((4, 6, 3), 1, np.uint8)
    )
    np.testing.assert_allclose(attributions, W * (PICTURE - 1.0), rtol=1e-6)


def test_black_is_the_baseline_before_preprocessing():
    """A network that sees x - 100 starts from -100, not from 0."""
    classifier = by_hand(keras.ops.square, lambda images: images - 100)
    attributions = cu.integrated_gradients(classifier, PICTURE, 1, 4)
    expected = W * ((PICTURE - 100.0) ** 2 - 100.0**2)
    np.testing.assert_allclose(attributions, expected, rtol=1e-5)


def test_exact_where_the_gradient_is_linear():
    """The integral of 2 x from 0 to x is x^2, and the gradient in the middle hits it exactly."""
    attributions = cu.integrated_gradients(by_hand(keras.ops.square), PICTURE, 1, 1)
    np.testing.assert_allclose(attributions, W * PICTURE.astype(float) ** 2, rtol=1e-6)


@pytest.mark.parametrize("num_steps, share", [(1, 5 / 16), (2, 35 / 36), (3, 1)])
def test_gradients_are_taken_at_the_nodes_of_gauss_and_legendre(num_steps, share):
    """Of x^5, whose gradient is 5 x^4: at 1/2 it is 5/16, at (1 +- 1 / sqrt(3)) / 2 together 35/18.

    Three nodes are exact up to x^5.
    """
    classifier = by_hand(lambda x: x**5)
    attributions = cu.integrated_gradients(classifier, PICTURE, 1, num_steps)
    np.testing.assert_allclose(attributions, share * W * PICTURE.astype(float) ** 5, rtol=1e-5)


def test_the_class_stays_that_of_the_picture_along_the_path():
    """Logits 1.5 and 3 on the picture: on the first half of the path, class 0 ranks first."""
    classifier = by_hand()
    dense = classifier.model.layers[-2]
    dense.set_weights([dense.get_weights()[0], np.array([1.5, 0])])
    np.testing.assert_allclose(classifier.logits(PICTURE), [[1.5, 3]], rtol=1e-6)
    attributions = cu.integrated_gradients(classifier, PICTURE, num_steps=4)
    np.testing.assert_allclose(attributions, W * PICTURE, rtol=1e-6)


# Completeness


@pytest.mark.parametrize("share, gap", [(1, 0), (0.5, 0.5), (1.25, 0.25), (0, 1), (-1, 2)])
@pytest.mark.parametrize("baseline", [None, OTHER])
def test_gap_by_hand(share, gap, baseline):
    difference = PICTURE.astype(float) - (0 if baseline is None else baseline)
    attributions = np.float32(share * W * difference)
    result = cu.completeness_gap(by_hand(), PICTURE, attributions, 1, baseline)
    assert type(result) is float
    np.testing.assert_allclose(result, gap, atol=1e-6)


def test_gap_without_a_class_is_that_of_the_first_ranked():
    attributions = np.float32(0.75 * W * PICTURE)
    np.testing.assert_allclose(cu.completeness_gap(by_hand(), PICTURE, attributions), 0.25)


def test_no_gap_between_equal_logits():
    with pytest.raises(ValueError, match="same logit"):
        cu.completeness_gap(by_hand(), PICTURE, np.zeros((2, 2, 3)), 0)


@pytest.mark.parametrize("class_index", range(3))
@pytest.mark.parametrize("activation", ["softplus", "tanh"])
def test_complete_on_a_smooth_network(picture, activation, class_index):
    steps = [layers.Conv2D(6, 3, activation=activation), layers.Conv2D(6, 3, activation=activation)]
    model = chain([*steps, layers.GlobalAveragePooling2D(), layers.Dense(3)])
    generator = np.random.default_rng(3)
    model.set_weights([generator.normal(0, 0.6, w.shape) for w in model.get_weights()])
    classifier = wrap(model, lambda images: images / 127.5 - 1)
    attributions = cu.integrated_gradients(classifier, picture, class_index)
    assert cu.completeness_gap(classifier, picture, attributions, class_index) <= 1e-3
    coarse = cu.integrated_gradients(classifier, picture, class_index, num_steps=1)
    assert cu.completeness_gap(classifier, picture, coarse, class_index) > 1e-3


def test_default_is_50_steps_from_black():
    classifier, black = by_hand("tanh", lambda images: images / 5), np.zeros_like(PICTURE)
    np.testing.assert_array_equal(
        cu.integrated_gradients(classifier, PICTURE, 1),
        cu.integrated_gradients(classifier, PICTURE, 1, num_steps=50, baseline=black),
    )


def test_the_map_of_the_table_is_the_magnitude_of_each_pixel():
    """Sums over the colors: 2 - 4, 2, 3, -3 + 3."""
    heatmap = cu.METHODS["integrated_gradients"].compute(by_hand(), PICTURE, 1)
    np.testing.assert_allclose(heatmap, np.array([[2, 2], [3, 0]]) / 3, atol=1e-6)
