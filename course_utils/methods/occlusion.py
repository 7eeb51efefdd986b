"""Occlusion: cover one place of a picture after another, and see what it costs a class."""

import math
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from course_utils.arguments import Picture, check_count
from course_utils.io.images import load_image
from course_utils.methods.covering import logits_of, painter
from course_utils.networks.classifier import ImageClassifier, runner_of


def occlusion_map(
    classifier: ImageClassifier,
    image: Picture,
    class_index: int | None = None,
    size: int | None = None,
    stride: int | None = None,
    fill: str = "mean",
) -> NDArray[np.float32]:
    """Show how much a class's logit falls when a square covers a place of the picture.

    It takes no gradient, but a forward pass for each square. What one square can't hide doesn't
    show: of two cats, either is enough, and neither lights up. The border cuts squares off, so what
    lies there is underestimated.

    Args:
        classifier: `ImageClassifier`.
        image: uint8 (H, W, 3), RGB.
        class_index: int; None means the class that the network ranks first on the whole picture.
        size: The square's side in pixels of the network's input, 1 or more; None means a quarter of
            the input's shorter side.
        stride: Pixels from one square to the next, 1 or more, reduced slightly so that the squares
            are evenly spaced; None means half of `size`. Half the stride takes four times as long.
        fill: What covers: "mean" (the picture's mean color, the usual gray square), "blur", "black"
            or "road", as in `deletion_curve`.

    Returns:
        float32 (h, w), one value for each square, signed, in logits: positive where the place
        speaks for the class, negative where the class rises without it. The squares' centers lie as
        `resize_heatmap` expects.

    Raises:
        ValueError: There is no such class or fill, a number is out of range, or `image` is not one
            picture.

    Source:
        Zeiler and Fergus, https://arxiv.org/abs/1311.2901.
    """
    runner = runner_of(classifier)
    image, class_index = runner.check_request(image, class_index)
    class_index = runner.first_ranked(image) if class_index is None else class_index
    height, width = classifier.input_size
    size = check_count("size", max(1, min(height, width) // 4) if size is None else size)
    stride = check_count("stride", max(1, size // 2) if stride is None else stride)
    rows, columns = _squares(height, size, stride), _squares(width, size, stride)
    picture = load_image(image, classifier.input_size)
    paint = painter(picture, fill)
    covered = (paint(row[:, np.newaxis] & column) for row in rows for column in columns)
    count = 1 + len(rows) * len(columns)
    logits = logits_of(classifier, chain([picture], covered), count)[:, class_index]
    return (logits[0] - logits[1:]).reshape(len(rows), len(columns))


def _squares(length, size, stride):
    """Return which of `length` pixels each square covers, bool (squares, length)."""
    count = math.ceil(length / stride)
    centers = (np.arange(count)[:, np.newaxis] + 0.5) * length / count
    distances = np.arange(length) + 0.5 - centers
    return (-size / 2 < distances) & (distances <= size / 2)
