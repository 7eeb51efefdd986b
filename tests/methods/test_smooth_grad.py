"""SmoothGrad: what noise is added, and what is averaged."""

import numpy as np
import pytest
from small_networks import chain, layers, wrap

import course_utils as cu
from course_utils.backend import keras

RED = np.zeros((64, 64, 3), np.uint8)
RED[..., 0] = 255


class Elementwise(layers.Layer):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, inputs):
        return self.function(inputs)


def of_red(function, size=(64, 64), preprocess=lambda images: images):
    """Class 1's logit is the sum of a function of the red pixels; class 0's is 0."""
    dense = layers.Dense(2)
    model = chain([Elementwise(function), layers.Flatten(), dense], (*size, 3))
    weights = np.tile([1, 0, 0], size[0] * size[1])
    dense.set_weights([np.stack([0 * weights, weights], axis=-1), np.zeros(2)])
    return wrap(model, preprocess)


def half_square(x):
    """Its gradient is x: the map is the noisy picture itself, divided by its largest value."""
    return x * x / 2


def test_without_noise_it_is_the_vanilla_gradient(tiny, picture):
    smooth = cu.smooth_grad(tiny, picture, 1, num_samples=7, noise_level=0)
    np.testing.assert_allclose(smooth, cu.compute_saliency_map(tiny, picture, 1), rtol=0, atol=1e-6)


def test_signed_gradients_are_averaged():
    """Of |x| at 0 with noise around it, gradients of 1 and -1 cancel out; of x > 0 they stay 1.

    The mean of magnitudes would be 1 for both. The 400 signs leave 0.05 or so.
    """
    picture = np.zeros((1, 2, 3), np.uint8)
    picture[0, 1] = 255
    classifier = of_red(keras.ops.abs, (1, 2))
    saliency = cu.smooth_grad(classifier, picture, 1, num_samples=400, noise_level=0.05)
    assert saliency[0, 1] == 1 and saliency[0, 0] < 0.2


@pytest.mark.parametrize("preprocess", [lambda images: images, lambda images: images / 127.5 - 1])
def test_noise_is_a_share_of_the_preprocessed_range(preprocess):
    noisy = cu.smooth_grad(of_red(half_square, preprocess=preprocess), RED, 1, 1, 0.1)
    red = preprocess(np.float32(255))
    span = red - preprocess(np.float32(0))
    np.testing.assert_allclose(noisy.std() / noisy.mean(), 0.1 * span / red, rtol=0.05)


@pytest.mark.parametrize("num_samples, spread", [(4, 0.05), (100, 0.01)])
def test_noise_averages_out(num_samples, spread):
    noisy = cu.smooth_grad(of_red(half_square), RED, 1, num_samples, noise_level=0.1)
    np.testing.assert_allclose(noisy.std() / noisy.mean(), spread, rtol=0.05)


def test_noise_is_independent_in_each_pixel():
    noise = cu.smooth_grad(of_red(half_square), RED, 1, num_samples=1, noise_level=0.1)
    noise -= noise.mean()
    for neighbors in (noise[1:] * noise[:-1], noise[:, 1:] * noise[:, :-1]):
        assert abs(neighbors.mean()) < 0.05 * noise.var()


def test_a_seed_makes_a_map(tiny, picture):
    first, same, other = (cu.smooth_grad(tiny, picture, 1, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_allclose(same, first, rtol=0, atol=1e-6)
    assert np.abs(other - first).max() > 0.01


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["great_white_shark", "chelsea"])
def test_the_answer_survives_the_default_noise(embedded, name):
    cu.smooth_grad(embedded, cu.load_image(name))


def test_the_class_is_that_of_the_clean_picture():
    """Class 1 leads by 1, which the noise of a copy outweighs; class 0 has other gradients."""
    classifier = of_red(lambda x: x, (8, 8))
    dense = classifier.model.layers[-1]
    kernel, _ = dense.get_weights()
    kernel[:96, 0] = 2 * kernel[:96, 1]  # the first half of the pixels counts twice
    dense.set_weights([kernel, np.array([-1, 0])])
    smooth = cu.smooth_grad(classifier, RED[:8, :8], num_samples=40, noise_level=1)
    np.testing.assert_allclose(smooth, np.ones((8, 8)), rtol=1e-5)


def test_a_warning_counts_the_copies_that_keep_the_answer():
    """Any noise takes class 1's logit below 0, that of class 0."""
    classifier = of_red(lambda x: 1 - keras.ops.abs(x - 255))
    for compute in (cu.smooth_grad, cu.METHODS["smooth_grad"].compute):
        with pytest.warns(UserWarning, match="Only 0 of 20 noisy copies keep.*'class 1'") as caught:
            compute(classifier, RED, 1)
        assert caught[0].filename == __file__
