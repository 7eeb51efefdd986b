"""Covering a part of a picture: what is laid over it, and what the network says then."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.sparse import diags_array, kron
from scipy.sparse.linalg import splu

from course_utils.arguments import Picture, check_finite
from course_utils.networks.classifier import ImageClassifier, runner_of

Mask = NDArray[np.bool_]  # (h, w), True where the picture is covered
_BLUR = 1 / 20  # the blur's standard deviation, as a share of the picture's shorter side
_NOISE = 0.01  # of imputed pixels, as a share of the range of colors


def mean_color(picture: Picture) -> Picture:
    """Return a picture of the same size, all of it in the mean color."""
    mean = np.rint(picture.mean(axis=(0, 1))).astype(np.uint8)
    return np.broadcast_to(mean, picture.shape)


def blurred(picture: Picture) -> Picture:
    """Return a picture so blurred that little can be recognized."""
    deviation = _BLUR * min(picture.shape[:2])
    smooth = gaussian_filter(picture.astype(np.float32), (deviation, deviation, 0))
    return np.rint(smooth).astype(np.uint8)


_BACKGROUNDS: dict[str, Callable] = {"blur": blurred, "mean": mean_color, "black": np.zeros_like}
FILLS = (*_BACKGROUNDS, "road")


def painter(picture: Picture, fill: str) -> Callable[[Mask], Picture]:
    """Return a function from a mask to a picture uint8 (h, w, 3), covered where the mask is True.

    Raises:
        ValueError: There is no such fill; `deletion_curve` says what they are.
    """
    if fill not in FILLS:
        raise ValueError(f"fill must be one of {', '.join(FILLS)}, not {fill!r}.")
    if fill != "road":
        background = _BACKGROUNDS[fill](picture)
        return lambda mask: np.where(mask[..., np.newaxis], background, picture)
    noise = np.random.default_rng(0).normal(0, 255 * _NOISE, picture.shape)

    def paint(mask):
        imputed = np.rint(np.clip(impute(picture, mask) + noise, 0, 255)).astype(np.uint8)
        return np.where(mask[..., np.newaxis], imputed, picture)

    return paint


def impute(picture: NDArray, missing: Mask) -> NDArray[np.float64]:
    """Fill missing pixels so that each is the weighted mean of its neighbors, present or filled.

    A neighbor beside a pixel weighs twice as much as one across its corner. At the edge of the
    picture, the neighbors that are there count.

    Args:
        picture: Real numbers (h, w, colors).
        missing: bool (h, w).

    Returns:
        float64 (h, w, colors); where all pixels are missing, the mean color of `picture`.

    Source:
        Rong et al., ROAD, https://arxiv.org/abs/2202.00449.
    """
    filled, hole = np.array(picture, np.float64), missing.ravel()
    if not hole.any():
        return filled
    if hole.all():
        return np.array(mean_color(picture), np.float64)
    equations = _equations(missing.shape)[hole]
    known = -equations[:, ~hole] @ filled[~missing]
    # Symmetric, and its diagonal is as large as the rest of a row: it needs no pivoting.
    options = {"diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
    solver = splu(equations[:, hole].tocsc(), permc_spec="MMD_AT_PLUS_A", **options)
    filled[missing] = solver.solve(known)
    return filled


@lru_cache(maxsize=1)
def _equations(shape):
    """Return a row for each pixel: minus its neighbors' weights, and their sum for itself."""
    # Weights 1, 2, 1 each way make 1 for corners and 2 for sides. A pixel's own 4 cancels out.
    rows, columns = (diags_array([1.0, 2, 1], offsets=[-1, 0, 1], shape=(n, n)) for n in shape)
    weights = kron(rows, columns)
    return (diags_array(weights.sum(axis=1)) - weights).tocsr()


def logits_of(
    classifier: ImageClassifier, pictures: Iterable[Picture], count: int, progress: Callable = iter
) -> NDArray[np.float32]:
    """Return the logits, float32 (count, classes), of `count` pictures uint8 (h, w, 3).

    Pictures are drawn from the iterable batch by batch. `progress` is as in `smooth_grad`.
    """
    pictures, size = iter(pictures), runner_of(classifier).batch_size
    batches = progress(range(0, count, size))
    logits = np.concatenate([classifier.logits(list(islice(pictures, size))) for _ in batches])
    return check_finite(
        logits,
        "The network's output for a covered picture",
        "Does a layer divide by the picture's deviation? That of a black one is 0: take "
        "fill='blur'. Or did the training diverge?",
    )
