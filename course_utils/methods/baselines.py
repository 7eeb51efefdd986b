"""Maps that know the picture at most, and never the network: what a heatmap has to beat."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2gray
from skimage.filters import sobel


def edge_map(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return how strong the edges of uint8 (H, W, 3) are, by Sobel's filter: (H, W) in [0, 1]."""
    edges = sobel(rgb2gray(image))
    return (edges / (edges.max() or 1)).astype(np.float32)


def center_map(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return how near each pixel is to the middle of the picture: (H, W) in [0, 1]."""
    rows, columns = (np.abs(2 * (np.arange(n) + 0.5) / n - 1) for n in image.shape[:2])
    return (1 - np.hypot(rows[:, np.newaxis], columns) / np.sqrt(2)).astype(np.float32)


def random_map(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the same random numbers for every picture: (7, 7) in [0, 1]."""
    return np.random.default_rng(0).random((7, 7)).astype(np.float32)


BASELINE_MAPS: dict[str, Callable] = {"edges": edge_map, "center": center_map, "random": random_map}
