"""What covers a pixel: blur, mean, and ROAD's imputation by hand and beside a slow dense solve."""

import numpy as np
import pytest
from scipy.stats import norm

import course_utils as cu
from course_utils.methods.covering import impute

ALL = np.ones((1, 1))


def noise(shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_the_blur_is_a_gaussian_of_a_twentieth_of_the_shorter_side():
    """Of an edge between black and white: 2 pixels of 40."""
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, 30:] = 255
    profile = 255 * norm.cdf(np.arange(60) - 29.5, scale=2)
    expected = np.broadcast_to(profile[:, np.newaxis], image.shape)
    np.testing.assert_allclose(cu.cover(image, ALL, 1, "blur"), expected, atol=2)


def test_the_mean_is_that_of_each_color():
    image = noise((5, 4, 3))
    mean = np.rint(image.reshape(-1, 3).mean(axis=0))
    covered = cu.cover(image, ALL, 1, "mean")
    np.testing.assert_array_equal(covered, np.broadcast_to(mean, image.shape))


@pytest.mark.parametrize("fraction", [0.5, 1])
def test_road_adds_noise_of_a_hundredth_of_the_range(fraction):
    """Gray imputes to gray, and no pixel left leaves the mean color, which is gray as well."""
    covered = cu.cover(np.full((64, 64, 3), 100, np.uint8), ALL, fraction, "road").astype(float)
    hidden, rest = np.split(covered, [round(64 * fraction)])
    assert abs(hidden.mean() - 100) < 0.1 and (rest == 100).all()
    np.testing.assert_allclose(hidden.std(), 2.55, rtol=0.05)


@pytest.mark.parametrize("color", [0, 255])
def test_a_color_stays_in_its_range(color):
    covered = cu.cover(np.full((20, 20, 3), color, np.uint8), ALL, 0.5, "road")
    assert np.abs(covered.astype(int) - color).max() < 20


# Imputation

WEIGHTS = {
    (down, right): 1 / 6 if 0 in (down, right) else 1 / 12
    for down in (-1, 0, 1)
    for right in (-1, 0, 1)
    if (down, right) != (0, 0)
}


def solve_densely(picture, missing):
    """One equation for each pixel: it keeps its value, or is the weighted mean of its neighbors."""
    height, width = missing.shape
    matrix, values = np.eye(height * width), picture.reshape(height * width, -1).astype(float)
    for row, column in np.argwhere(missing):
        here = row * width + column
        values[here] = 0
        for (down, right), weight in WEIGHTS.items():
            if 0 <= row + down < height and 0 <= column + right < width:
                matrix[here, here + down * width + right] = -weight
        matrix[here, here] = -(matrix[here].sum() - 1)
    return np.linalg.solve(matrix, values).reshape(picture.shape)


@pytest.mark.parametrize("shape", [(5, 4), (1, 6), (6, 1), (9, 12)])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_imputation_is_the_dense_solution(shape, share):
    picture, missing = noise((*shape, 3)), np.random.default_rng(1).random(shape) < share
    missing[0, 0] = False
    missing.flat[-1] = True
    filled = impute(picture, missing)
    np.testing.assert_allclose(filled, solve_densely(picture, missing), rtol=0, atol=1e-9)
    np.testing.assert_array_equal(filled[~missing], picture[~missing])


def test_one_pixel_by_hand():
    """Sides weigh 2 / 12 and corners 1 / 12; in the picture's corner 2 / 5 and 1 / 5."""
    picture = np.array([[16, 1, 32], [2, 99, 4], [64, 8, 128]])[..., np.newaxis]
    middle, corner = np.zeros((3, 3), bool), np.zeros((3, 3), bool)
    middle[1, 1] = corner[2, 2] = True
    np.testing.assert_allclose(impute(picture, middle)[1, 1], (2 * 15 + 240) / 12)
    np.testing.assert_allclose(impute(picture, corner)[2, 2], (2 * 4 + 2 * 8 + 99) / 5)


def test_nothing_missing_leaves_the_picture_and_everything_its_mean_color():
    picture = noise((4, 3, 3))
    np.testing.assert_array_equal(impute(picture, np.zeros((4, 3), bool)), picture)
    filled, mean = impute(picture, np.ones((4, 3), bool)), np.rint(picture.mean(axis=(0, 1)))
    np.testing.assert_array_equal(filled, np.broadcast_to(mean, picture.shape))
