"""Occlusion by hand, on a network that looks at one pixel."""

import numpy as np
import pytest
from small_networks import chain, layers, wrap

import course_utils as cu

IMAGE = np.full((8, 8, 3), 100, np.uint8)


def looks_at(row, column, weight=0.25):
    """Class 1's logit is the weighted red value of one pixel, class 0's is 10."""
    dense = layers.Dense(2, activation="softmax")
    kernel = np.zeros((8, 8, 3, 2))
    kernel[row, column, 0, 1] = weight
    model = chain([layers.Flatten(), dense])
    dense.set_weights([kernel.reshape(-1, 2), np.array([10, 0])])
    return wrap(model, None)


@pytest.mark.parametrize("corner, weight", [((0, 0), 0.25), ((0, -1), 0.25), ((-1, 0), -0.25)])
def test_covering_the_one_corner_costs_the_logit(corner, weight):
    """100 / 4 in the corner's square; where it speaks against the class, with a minus."""
    heatmap = cu.occlusion_map(looks_at(*corner, weight), IMAGE, 1, 4, 4, "black")
    expected = np.zeros((2, 2), np.float32)
    expected[corner] = 100 * weight
    np.testing.assert_allclose(heatmap, expected, atol=1e-5)
    assert heatmap.dtype == np.float32


@pytest.mark.parametrize(
    "size, stride, shape, reach",
    [(None, None, (8, 8), 2), (6, None, (3, 3), 2), (8, 8, (1, 1), 1), (3, 3, (3, 3), 1)],
)
def test_how_many_squares_there_are_and_how_many_reach_a_pixel(size, stride, shape, reach):
    """By default a quarter of 8 pixels, and half of that; 8 in steps of 3 make 3, evenly."""
    heatmap = cu.occlusion_map(looks_at(4, 4), IMAGE, 1, size, stride, "black")
    assert heatmap.shape == shape
    assert (heatmap > 24).any(axis=0).sum() == (heatmap > 24).any(axis=1).sum() == reach


def test_a_square_takes_the_mean_color_by_default():
    """Half of the picture is 100, half 0: the pixel falls to 50."""
    image = IMAGE.copy()
    image[:, 4:] = 0
    heatmap = cu.occlusion_map(looks_at(0, 0), image, 1, 4, 4)
    np.testing.assert_allclose(heatmap, [[12.5, 0], [0, 0]], atol=1e-5)


def test_the_class_is_that_of_the_whole_picture():
    """Class 1 leads by 15; covered, class 0 does, whose logit never falls."""
    assert cu.occlusion_map(looks_at(0, 0), IMAGE, None, 4, 4, "black").max() > 24


@pytest.mark.parametrize("options", [{"size": 0}, {"stride": 2.5}])
def test_a_size_that_does_not_fit_is_refused(options):
    with pytest.raises(ValueError, match="must be a whole number, 1 or more, not"):
        cu.occlusion_map(looks_at(0, 0), IMAGE, 1, **options)
