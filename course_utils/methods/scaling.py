"""Scaling a map: its values to [0, 1], its size to that of a picture."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from course_utils.arguments import check_finite


def scale_to_unit(values: NDArray) -> NDArray[np.float32]:
    """Divide a map by its largest value: finite, or ValueError is raised; all zeros stay zeros."""
    largest = check_finite(values.max(), "The network's output for this picture, or its gradient,")
    return np.asarray(values / (largest or 1), np.float32)


def resize_heatmap(heatmap: NDArray, size: Sequence[int]) -> NDArray[np.float32]:
    """Stretch a heatmap over a picture: bilinear, with half-pixel centers.

    Cell (row, column) of an h x w map covers its own part of the picture, and its value stands in
    the middle of that part, at ((column + 0.5) / w, (row + 0.5) / h) of the picture.

    Args:
        heatmap: Real numbers (h, w).
        size: (height, width) of the picture; its shape, `image.shape`, will do.

    Returns:
        float32 (height, width), within the heatmap's range.

    Raises:
        ValueError: `heatmap` has another shape or type.
    """
    height, width = size[:2]
    picture = Image.fromarray(np.asarray(check_heatmap(heatmap), np.float32))
    return np.array(picture.resize((width, height), Image.Resampling.BILINEAR))


def check_heatmap(heatmap: NDArray) -> NDArray:
    """Return a heatmap as an array (h, w), or raise ValueError."""
    heatmap = np.asarray(heatmap)
    if heatmap.ndim != 2 or heatmap.size == 0 or heatmap.dtype.kind not in "fiub":
        raise ValueError(
            f"A heatmap is an array of real numbers (h, w), not {heatmap.dtype} {heatmap.shape}."
        )
    return heatmap
