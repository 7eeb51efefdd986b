"""Curves by hand on a picture of four pixels; what covers a pixel, and which one comes first."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm
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


def test_mean_color_by_hand():
    """The mean of 2, 1, 1, 4 is 2: the last pixel loses 1 of 2, the third gains 3, the second 2."""
    curve = cu.deletion_curve(by_hand(), red(RED), HEAT, 1, num_steps=4, fill="mean")
    np.testing.assert_allclose(curve.logits, [5, 4, 4, 7, 5], atol=1e-5)


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


@pytest.mark.parametrize("fill", FILLS)
def test_the_ends_are_the_whole_picture_and_nothing_but_the_fill(embedded, chelsea, fill):
    heat = np.random.default_rng(0).random((7, 7))
    deleted = cu.deletion_curve(embedded, chelsea, heat, 285, 1, fill)
    inserted = cu.insertion_curve(embedded, chelsea, heat, 285, 1, fill)
    whole, size = embedded.predict(chelsea)[0, 285], embedded.input_size
    covered = cu.cover(cu.load_image(chelsea, size), heat, 1, fill)
    nothing = embedded.predict(covered)[0, 285]
    np.testing.assert_allclose(deleted.probabilities, [whole, nothing], rtol=1e-3)
    np.testing.assert_allclose(inserted.probabilities, [nothing, whole], rtol=1e-3)


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


def test_the_hottest_pixels_are_covered_first():
    image = red(RED) + np.uint8(1)
    order = [is_covered(image, HEAT, quarter / 4).ravel().tolist() for quarter in range(5)]
    assert [sum(mask) for mask in order] == [0, 1, 2, 3, 4]
    assert [mask.index(True) for mask in order[1:]] == [3, 0, 0, 0]
    assert order[3] == [True, False, True, True]


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


# What covers them


def test_the_blur_is_a_gaussian_of_a_twentieth_of_the_shorter_side():
    """Of an edge between black and white: 2 pixels of 40."""
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, 30:] = 255
    blurred = cu.cover(image, np.ones((1, 1)), 1, "blur")
    profile = 255 * norm.cdf(np.arange(60) - 29.5, scale=2)
    np.testing.assert_allclose(blurred, np.broadcast_to(profile[:, None], blurred.shape), atol=2)


def test_the_mean_is_that_of_each_color():
    image = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    covered = cu.cover(image, np.ones((1, 1)), 1, "mean")
    mean = np.rint(image.reshape(-1, 3).mean(axis=0))
    np.testing.assert_array_equal(covered, np.broadcast_to(mean, image.shape))


@pytest.mark.parametrize("fraction", [0.5, 1])
def test_road_adds_noise_of_a_hundredth_of_the_range(fraction):
    """Gray imputes to gray, and no pixel left leaves the mean color, which is gray as well."""
    image, heat = np.full((64, 64, 3), 100, np.uint8), np.ones((1, 1))
    covered = cu.cover(image, heat, fraction, "road").astype(float)[: round(64 * fraction)]
    assert abs(covered.mean() - 100) < 0.1
    np.testing.assert_allclose(covered.std(), 2.55, rtol=0.05)
    np.testing.assert_array_equal(cu.cover(image, heat, 0.5, "road")[32:], 100)


def test_road_imputes():
    """A missing column of a ramp is guessed to a level, but for the noise."""
    image = np.empty((30, 50, 3), np.uint8)
    image[:] = np.arange(0, 250, 5)[:, np.newaxis]
    heat = np.zeros((30, 50))
    heat[:, 20] = 1
    covered = cu.cover(image, heat, 1 / 50, "road").astype(float)
    np.testing.assert_array_equal(np.delete(covered, 20, axis=1), np.delete(image, 20, axis=1))
    assert abs(covered[:, 20].mean() - 100) < 1


def test_a_color_stays_in_its_range():
    image = np.zeros((20, 20, 3), np.uint8)
    assert cu.cover(image, np.ones((1, 1)), 0.5, "road").max() < 20
    image[:] = 255
    assert cu.cover(image, np.ones((1, 1)), 0.5, "road").min() > 235


# The rest


BAD_HEATMAPS = [
    (np.zeros((8, 8, 3)), r"array of real numbers \(h, w\), not float64 \(8, 8, 3\)"),
    (np.array([[0, np.nan]]), "NaN or infinite"),
]


@pytest.mark.parametrize("heatmap, words", BAD_HEATMAPS)
def test_what_is_no_heatmap_is_refused(tiny, picture, heatmap, words):
    with pytest.raises(ValueError, match=words):
        cu.deletion_curve(tiny, picture, heatmap)


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan"), "0.5"])
def test_a_fraction_out_of_range_is_refused(picture, bad):
    with pytest.raises(ValueError, match=r"fraction must be a number in \[0, 1\], not"):
        cu.cover(picture, np.ones((2, 2)), bad)


@pytest.mark.parametrize("bad", ["Blur", None, ["blur"]])
def test_an_unknown_fill_is_answered_with_those_there_are(picture, bad):
    with pytest.raises(ValueError, match="one of blur, mean, black, road, not") as caught:
        cu.cover(picture, np.ones((2, 2)), 0.5, bad)
    assert repr(bad) in str(caught.value)
