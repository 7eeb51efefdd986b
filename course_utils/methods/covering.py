"""Covering a part of a picture: what is laid over it, and what the network says then."""

from collections.abc import Callable, Iterable
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from course_utils.methods.imputation import impute, noise_like
from course_utils.methods.progress import Progress, follow
from course_utils.networks.classifier import ImageClassifier, runner_of

Mask = NDArray[np.bool_]  # (h, w), True where the picture is covered
_BLUR = 1 / 20  # the blur's standard deviation, as a share of the picture's shorter side


def mean_color(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture of the same size, all of it in the mean color."""
    mean = np.rint(picture.mean(axis=(0, 1))).astype(np.uint8)
    return np.broadcast_to(mean, picture.shape)


def blurred(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture so blurred that little can be recognized."""
    deviation = _BLUR * min(picture.shape[:2])
    smooth = gaussian_filter(picture.astype(np.float32), (deviation, deviation, 0))
    return np.rint(smooth).astype(np.uint8)


_BACKGROUNDS: dict[str, Callable] = {"blur": blurred, "mean": mean_color, "black": np.zeros_like}
FILLS = (*_BACKGROUNDS, "road")


def painter(picture: NDArray[np.uint8], fill: str) -> Callable[[Mask], NDArray[np.uint8]]:
    """Return a function from a mask to the picture, covered where the mask is True.

    Args:
        picture: uint8 (h, w, 3).
        fill: "blur" covers with the blurred picture, "mean" with its mean color, "black" with
            black, "road" with what `impute` guesses from the rest, plus noise; where the whole
            picture is covered, with its mean color.

    Raises:
        ValueError: There is no such fill.
    """
    if not isinstance(fill, str) or fill not in FILLS:
        raise ValueError(f"fill must be one of {', '.join(FILLS)}, not {fill!r}.")
    if fill == "road":
        return _imputer(picture)
    background = _BACKGROUNDS[fill](picture)
    return lambda mask: np.where(mask[..., np.newaxis], background, picture)


def _imputer(picture):
    noise = noise_like(picture)

    def paint(mask):
        guess = mean_color(picture) if mask.all() else impute(picture, mask)
        covered = np.rint(np.clip(guess + noise, 0, 255)).astype(np.uint8)
        return np.where(mask[..., np.newaxis], covered, picture)

    return paint


def logits_of(
    classifier: ImageClassifier,
    pictures: Iterable[NDArray[np.uint8]],
    count: int,
    progress: Progress = False,
) -> NDArray[np.float32]:
    """Return the logits, float32 (count, classes), of `count` pictures uint8 (h, w, 3).

    Pictures are drawn from the iterable batch by batch. `progress` is as in `follow`.

    Raises:
        ValueError: Some are NaN or infinite.
    """
    pictures, size = iter(pictures), runner_of(classifier).batch_size
    batches = follow(range(0, count, size), progress, "pictures")
    logits = np.concatenate([classifier.logits(list(islice(pictures, size))) for _ in batches])
    if not np.isfinite(logits).all():
        raise ValueError(
            "The network's output is NaN or infinite for a covered picture. Does a layer divide by "
            "the picture's own deviation? That of a black picture is 0: take fill='blur', or let "
            "the layer divide by the deviation plus 0.001. Or did the training diverge?"
        )
    return logits
