"""Preprocessing as arithmetic on colors, so that a gradient can go through it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def fit_preprocessing(prepare: Callable, size: tuple[int, int]) -> tuple[NDArray, NDArray]:
    """Find what a network's preprocessing multiplies colors by, and what it adds.

    `prepare` takes a picture to the network's input, float32 (1, h, w, channels), and doesn't
    resize one of this `size`, (h, w). What is returned, matrix (3, channels) and offset
    (channels,), both float32, makes of colors in [0, 1], RGB: colors @ matrix + offset. The matrix
    also sorts the channels, or makes gray of them.

    Raises:
        ValueError: It does something else: it looks at more than one pixel, or bends colors.
    """
    bright = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    pictures = [bright, bright // 2]  # one alone would fit a scale that depends on the picture
    colors = np.concatenate([picture.reshape(-1, 3) for picture in pictures]) / 255
    inputs = np.concatenate([prepare(picture)[0] for picture in pictures])
    inputs = inputs.reshape(len(colors), -1)
    with_one = np.column_stack([colors, np.ones(len(colors))])
    solution = np.linalg.lstsq(with_one, inputs, rcond=None)[0]
    # A gray picture is rounded to whole levels, half of 1/255 at most.
    if np.abs(with_one @ solution - inputs).max() > 3e-3 * np.ptp(inputs):
        raise ValueError(
            "preprocess_input must multiply and add, the same for every pixel, so that a gradient "
            "can go through it. This one does something else: a curve, or a scale that depends on "
            "the picture."
        )
    matrix, offset = np.split(solution.astype(np.float32), [3])
    return matrix, offset[0]
