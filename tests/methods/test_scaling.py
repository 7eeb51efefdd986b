"""Stretching a heatmap over a picture, beside a slow interpolation."""

import numpy as np
import pytest

from course_utils import resize_heatmap


def interpolate(heatmap, size):
    """Stretch with half-pixel centers, slowly: linear along one axis, then along the other."""

    def along(array, length):
        centers = (np.arange(length) + 0.5) / length * len(array) - 0.5
        return np.stack([np.interp(centers, np.arange(len(array)), c) for c in array.T], axis=1)

    return along(along(heatmap, size[0]).T, size[1]).T


@pytest.mark.parametrize(
    "shape, size", [((7, 7), (300, 451)), ((5, 9), (37, 101)), ((1, 7), (5, 50)), ((4, 4), (4, 4))]
)
def test_a_stretched_heatmap_is_interpolated_between_the_centers_of_its_cells(shape, size):
    heatmap = np.random.default_rng(0).random(shape)
    stretched = resize_heatmap(heatmap, size)
    assert (stretched.shape, stretched.dtype) == (size, np.float32)
    np.testing.assert_allclose(stretched, interpolate(heatmap, size), atol=1e-6)
    np.testing.assert_array_equal(resize_heatmap(heatmap, (*size, 3)), stretched)


@pytest.mark.parametrize("heatmap", [np.zeros((2, 2, 3)), np.zeros(4), np.zeros((0, 2))])
def test_what_is_no_heatmap_cannot_be_stretched(heatmap):
    with pytest.raises(ValueError, match="heatmap"):
        resize_heatmap(heatmap, (8, 8))
