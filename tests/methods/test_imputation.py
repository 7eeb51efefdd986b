"""ROAD's imputation by hand, beside a slow dense solve, and on what it must leave exact."""

import numpy as np
import pytest

from course_utils.methods.imputation import impute

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


def noise(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(5, 4), (1, 6), (6, 1), (9, 12)])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_it_is_the_dense_solution(shape, share):
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


def test_a_ramp_is_continued_through_a_hole():
    """Its values are the mean of those around: it is harmonic."""
    rows, columns = np.mgrid[:12, :15]
    picture = (3 * rows - 2 * columns)[..., np.newaxis]
    missing = np.zeros((12, 15), bool)
    missing[2:9, 3:13] = True
    holed = np.where(missing[..., np.newaxis], 77, picture)
    np.testing.assert_allclose(impute(holed, missing), picture, rtol=0, atol=1e-9)


@pytest.mark.parametrize("share", [0, 1])
def test_nothing_or_everything_missing_leaves_the_picture(share):
    picture, missing = noise((4, 3, 3)), np.full((4, 3), bool(share))
    np.testing.assert_array_equal(impute(picture, missing), picture)
