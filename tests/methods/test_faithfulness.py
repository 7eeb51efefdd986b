"""Curves by hand on a picture of four pixels, and which of them is covered first."""

import numpy as np
import pytest
from scipy.special import expit
from small_networks import chain, layers, wrap

import course_utils as cu

# Class 1's logit is the weighted sum of the red values, class 0's is 0. The hottest pixel is the
# last one, then come the first, the third and the second.

W = np.array([[1, -2], [3, 0.5]])
RED = np.array([[2, 1], [1, 4]])
HEAT = np.array([[0.3, -0.1], [0.2, 7]])
DELETION = [5, 3, 1, -2, 0]  # 2 - 2 + 3 + 2; then less 2, less 2, less 3, and plus 2
INSERTION = [0, 2, 4, 7, 5]
FILLS = ["blur", "mean", "black", "road"]
BOTH = pytest.mark.parametrize("function", [cu.deletion_curve, cu.insertion_curve])


def by_hand(weights=W, activation="softmax"):
    dense = layers.Dense(2, activation=activation)
    model = chain([layers.Flatten(), dense], (*np.shape(weights), 3))
    kernel = np.zeros((*np.shape(weights), 3, 2))
    kernel[..., 0, 1] = weights
    dense.set_weights([kernel.reshape(-1, 2), np.zeros(2)])
    return wrap(model, None)


def red(values):
    picture = np.zeros((*np.shape(values), 3), np.uint8)
    picture[..., 0] = values
    return picture


def by_trapezoids(values):
    return sum(values[i] + values[i + 1] for i in range(4)) / 2 / 4


@BOTH
@pytest.mark.parametrize("heat", [HEAT, 100 * HEAT - 3, np.array([[2, 0], [1, 3]])])
def test_curves_by_hand(function, heat):
    """Of a heatmap only the order counts."""
    curve = function(by_hand(), red(RED), heat, 1, num_steps=4, fill="black")
    logits = DELETION if function is cu.deletion_curve else INSERTION
    np.testing.assert_array_equal(curve.fractions, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(curve.logits, logits, atol=1e-5)
    np.testing.assert_allclose(curve.probabilities, expit(logits), atol=1e-5)
    assert type(curve.area) is float
    np.testing.assert_allclose(curve.area, by_trapezoids(expit(logits)), atol=1e-5)


def test_sigmoids_judge_the_class_by_itself():
    curve = cu.deletion_curve(by_hand(W / 4, "sigmoid"), red(RED), HEAT, 0, 4, "black")
    np.testing.assert_allclose(curve.probabilities, [0.5] * 5, atol=1e-6)


@BOTH
def test_steps_that_do_not_divide_the_picture_are_weighted_by_their_pixels(function):
    """Four pixels in 3 steps: 0, 1, 3, 4 of them."""
    curve = function(by_hand(), red(RED), HEAT, 1, num_steps=3, fill="black")
    logits = np.array(DELETION if function is cu.deletion_curve else INSERTION)[[0, 1, 3, 4]]
    np.testing.assert_array_equal(curve.fractions, [0, 0.25, 0.75, 1])
    p = expit(logits)
    expected = (p[0] + p[1]) / 8 + (p[1] + p[2]) / 4 + (p[2] + p[3]) / 8
    np.testing.assert_allclose(curve.area, expected, atol=1e-6)


def test_the_class_is_that_of_the_whole_picture():
    """It stays class 1 where class 0 leads, at -2."""
    curve = cu.deletion_curve(by_hand(), red(RED), HEAT, num_steps=4, fill="black")
    np.testing.assert_allclose(curve.logits, DELETION, atol=1e-5)


@BOTH
@pytest.mark.parametrize("fill", FILLS)
def test_cover_is_what_the_network_sees(tiny, function, fill):
    """By default, in 28 steps; the heatmap is stretched."""
    image = np.random.default_rng(3).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    heat = np.random.default_rng(2).random((3, 5))
    curve = function(tiny, image, heat, 2, fill=fill)
    assert len(curve.fractions) == 29
    rest = function is cu.insertion_curve
    pictures = [cu.cover(image, heat, fraction, fill, rest) for fraction in curve.fractions]
    np.testing.assert_allclose(curve.logits, tiny.logits(pictures)[:, 2], atol=1e-5)
    np.testing.assert_allclose(curve.probabilities, tiny.predict(pictures)[:, 2], atol=1e-5)


# Which pixels are covered


def is_covered(image, heat, fraction, **options):
    return (cu.cover(image, heat, fraction, "black", **options) == 0).all(axis=-1)


@pytest.mark.parametrize("fraction", [0, 0.3, 0.5, 1])
def test_the_rest_is_the_other_part(fraction):
    image, heat = np.full((6, 5, 3), 9, np.uint8), np.random.default_rng(0).random((2, 2))
    hottest = is_covered(image, heat, fraction)
    np.testing.assert_array_equal(is_covered(image, heat, fraction, rest=True), ~hottest)
    assert hottest.sum() == round(30 * fraction)


def test_among_equals_the_upper_ones_come_first_then_those_on_the_left():
    heat = np.zeros((4, 4))
    heat[2, 1] = 1
    covered = is_covered(np.full((4, 4, 3), 9, np.uint8), heat, 7 / 16)
    expected = np.zeros((4, 4), bool)
    expected[2, 1] = expected[0] = expected[1, :2] = True
    np.testing.assert_array_equal(covered, expected)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"heatmap": np.zeros((8, 8, 3))}, r"real numbers \(h, w\), not float64 \(8, 8, 3\)"),
        ({"heatmap": np.array([[0, np.nan]])}, "heatmap is NaN or infinite"),
        ({"fraction": 1.1}, r"fraction must be a number in \[0, 1\], not 1.1"),
        ({"fraction": "0.5"}, "fraction must be .*, not '0.5'"),
        ({"fill": "Blur"}, "one of blur, mean, black, road, not 'Blur'"),
        ({"fill": ["blur"]}, r"one of blur, mean, black, road, not \['blur'\]"),
    ],
)
def test_a_bad_argument_is_refused(picture, options, words):
    usual = {"image": picture, "heatmap": np.ones((2, 2)), "fraction": 0.5}
    with pytest.raises(ValueError, match=words):
        cu.cover(**(usual | options))
