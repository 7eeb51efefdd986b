"""Saliency, SmoothGrad and Integrated Gradients, by hand and beside TensorFlow's gradient."""

import numpy as np
import pytest
from small_networks import chain, layers, wrap

import course_utils as cu
from course_utils.backend import keras, tf

pytestmark = [
    pytest.mark.filterwarnings("error::UserWarning"),
    pytest.mark.filterwarnings("error::RuntimeWarning"),
]

# W[row, column, color] are the weights of class 1; class 0's are 0.

W = np.array([[[1, 0, -1], [2, 0, 0]], [[0, 0.5, 0], [-3, 0, 1]]])
PICTURE = np.array([[[2, 9, 4], [1, 0, 0]], [[7, 6, 7], [1, 5, 3]]], np.uint8)
OTHER = np.array([[[1, 1, 1], [1, 8, 3]], [[0, 2, 0], [0, 0, 9]]], np.uint8)
RED = np.zeros((64, 64, 3), np.uint8)
RED[..., 0] = 255
OF_RED = np.tile([1, 0, 0], (64, 64, 1))


def by_hand(function=None, weights=W, preprocess=lambda images: images):
    """Logits 0 and sum(weights * function(picture))."""
    dense = layers.Dense(2)
    steps = [layers.Activation(function or "linear"), layers.Flatten(), dense, layers.Softmax()]
    model = chain(steps, weights.shape)
    dense.set_weights([np.stack([np.zeros_like(weights), weights], -1).reshape(-1, 2), np.zeros(2)])
    return wrap(model, preprocess)


def half_square(x):
    """Its gradient is x: the map of the red values is the noisy picture itself, scaled."""
    return x * x / 2


# Saliency


def test_saliency_by_hand():
    """The largest magnitude of the colors, divided by 3."""
    saliency = cu.compute_saliency_map(by_hand(), PICTURE, 1)
    np.testing.assert_allclose(saliency, np.array([[1, 2], [0.5, 3]]) / 3, rtol=1e-6)
    assert saliency.dtype == np.float32


@pytest.mark.parametrize("function", [cu.compute_saliency_map, cu.smooth_grad])
@pytest.mark.parametrize("of, class_index", [(None, 0), (keras.ops.stop_gradient, 1)])
def test_no_gradient_gives_zeros_and_a_warning(function, of, class_index):
    with pytest.warns(UserWarning, match="gradient is zero everywhere") as caught:
        saliency = function(by_hand(of), PICTURE, class_index)
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


# SmoothGrad


def test_without_noise_it_is_the_vanilla_gradient(tiny, picture):
    smooth = cu.smooth_grad(tiny, picture, 1, num_samples=7, noise_level=0)
    np.testing.assert_allclose(smooth, cu.compute_saliency_map(tiny, picture, 1), rtol=0, atol=1e-6)


def test_signed_gradients_are_averaged():
    """Of |x| at 0 with noise around it, gradients of 1 and -1 cancel out; of x > 0 they stay 1.

    The mean of magnitudes would be 1 for both. The 400 signs leave 0.05 or so.
    """
    classifier = by_hand(keras.ops.abs, OF_RED[:1, :2])
    picture = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    saliency = cu.smooth_grad(classifier, picture, 1, num_samples=400, noise_level=0.05)
    assert saliency[0, 1] == 1 and saliency[0, 0] < 0.2


@pytest.mark.parametrize("preprocess", [lambda images: images, lambda images: images / 127.5 - 1])
def test_noise_is_a_share_of_the_preprocessed_range_and_independent_in_each_pixel(preprocess):
    noisy = cu.smooth_grad(by_hand(half_square, OF_RED, preprocess), RED, 1, 1, 0.1)
    red = preprocess(np.float32(255))
    span = red - preprocess(np.float32(0))
    np.testing.assert_allclose(noisy.std() / noisy.mean(), 0.1 * span / red, rtol=0.05)
    noise = noisy - noisy.mean()
    for neighbors in (noise[1:] * noise[:-1], noise[:, 1:] * noise[:, :-1]):
        assert abs(neighbors.mean()) < 0.05 * noise.var()


@pytest.mark.parametrize("num_samples, spread", [(4, 0.05), (100, 0.01)])
def test_noise_averages_out(num_samples, spread):
    noisy = cu.smooth_grad(by_hand(half_square, OF_RED), RED, 1, num_samples, noise_level=0.1)
    np.testing.assert_allclose(noisy.std() / noisy.mean(), spread, rtol=0.05)


def test_a_seed_makes_a_map(tiny, picture):
    first, same, other = (cu.smooth_grad(tiny, picture, 1, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_allclose(same, first, rtol=0, atol=1e-6)
    assert np.abs(other - first).max() > 0.01


def test_a_warning_counts_the_copies_that_keep_the_answer():
    """Any noise takes class 1's logit below 0, that of class 0."""
    classifier = by_hand(lambda x: 1 - keras.ops.abs(x - 255), OF_RED)
    for compute in (cu.smooth_grad, cu.METHODS["smooth_grad"].compute):
        with pytest.warns(UserWarning, match="Only 0 of 20 noisy copies keep.*'class 1'") as caught:
            compute(classifier, RED, 1)
        assert caught[0].filename == __file__


# Integrated Gradients


@pytest.mark.parametrize("num_steps", [1, 5, 6, 50])  # five gradients go through at once
def test_exact_on_a_linear_network(num_steps):
    attributions = cu.integrated_gradients(by_hand(), PICTURE, 1, num_steps)
    np.testing.assert_allclose(attributions, W * PICTURE, rtol=1e-6)
    assert attributions.dtype == np.float32


@pytest.mark.parametrize("baseline", [OTHER, np.full((4, 6, 3), 1, np.uint8)])
def test_baseline_is_a_picture_of_any_size(baseline):
    attributions = cu.integrated_gradients(by_hand(), PICTURE, 1, 3, baseline)
    difference = PICTURE - (OTHER.astype(float) if baseline is OTHER else 1)
    np.testing.assert_allclose(attributions, W * difference, rtol=1e-6)


def test_black_is_the_baseline_before_preprocessing():
    """A network that sees x - 100 starts from -100, not from 0."""
    classifier = by_hand(keras.ops.square, preprocess=lambda images: images - 100)
    attributions = cu.integrated_gradients(classifier, PICTURE, 1, 4)
    expected = W * ((PICTURE - 100.0) ** 2 - 100.0**2)
    np.testing.assert_allclose(attributions, expected, rtol=1e-5)


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


@pytest.mark.parametrize("share, gap", [(1, 0), (1.25, 0.25), (-1, 2)])
@pytest.mark.parametrize("baseline", [None, OTHER])
def test_gap_by_hand(share, gap, baseline):
    difference = PICTURE.astype(float) - (0 if baseline is None else baseline)
    attributions = np.float32(share * W * difference)
    result = cu.completeness_gap(by_hand(), PICTURE, attributions, None, baseline)
    assert type(result) is float
    np.testing.assert_allclose(result, gap, atol=1e-6)


def test_no_gap_between_equal_logits():
    with pytest.raises(ValueError, match="same logit"):
        cu.completeness_gap(by_hand(), PICTURE, np.zeros((2, 2, 3)), 0)


def test_complete_on_a_smooth_network(picture):
    steps = [layers.Conv2D(6, 3, activation="tanh"), layers.Conv2D(6, 3, activation="softplus")]
    model = chain([*steps, layers.GlobalAveragePooling2D(), layers.Dense(3)])
    generator = np.random.default_rng(3)
    model.set_weights([generator.normal(0, 0.6, w.shape) for w in model.get_weights()])
    classifier = wrap(model, lambda images: images / 127.5 - 1)
    attributions = cu.integrated_gradients(classifier, picture, 2)
    assert cu.completeness_gap(classifier, picture, attributions, 2) <= 1e-3
    coarse = cu.integrated_gradients(classifier, picture, 2, num_steps=1)
    assert cu.completeness_gap(classifier, picture, coarse, 2) > 1e-3


def test_the_map_of_the_table_is_the_magnitude_of_each_pixel():
    """Sums over the colors: 2 - 4, 2, 3, -3 + 3."""
    heatmap = cu.METHODS["integrated_gradients"].compute(by_hand(), PICTURE, 1)
    np.testing.assert_allclose(heatmap, np.array([[2, 2], [3, 0]]) / 3, atol=1e-6)


# Progress


@pytest.mark.parametrize("function", [cu.smooth_grad, cu.integrated_gradients])
def test_progress_gets_the_batches(tiny, picture, function):
    """Of 11 gradients, five at once."""
    seen = []

    def progress(batches):
        seen.extend(batches)
        return iter(batches)

    function(tiny, picture, 1, 11, progress=progress)
    assert seen == [0, 5, 10]


def test_progress_shows_a_bar(tiny, picture, capsys):
    cu.smooth_grad(tiny, picture, 1, 11, progress=True)
    assert "3/3" in capsys.readouterr().err
