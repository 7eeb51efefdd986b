"""Is a heatmap faithful to the network? Cover the hottest pixels first, and watch the class.

Only the order of a heatmap's pixels matters here.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from course_utils.arguments import Picture, check_count, check_finite, check_image, is_number
from course_utils.io.images import load_image
from course_utils.methods.covering import logits_of, painter
from course_utils.methods.scaling import resize_heatmap
from course_utils.networks.classifier import ImageClassifier, runner_of, to_probabilities


class FaithfulnessCurve(NamedTuple):
    """What a network makes of a class while more and more of a picture is covered, or shown.

    Attributes:
        fractions: float64 (num_steps + 1,), from 0 to 1: the share of the pixels that are covered
            (deletion) or shown (insertion), the hottest ones first.
        probabilities: float32 (num_steps + 1,), of the class.
        logits: float32 (num_steps + 1,), of the class.
    """

    fractions: NDArray[np.float64]
    probabilities: NDArray[np.float32]
    logits: NDArray[np.float32]

    @property
    def area(self) -> float:
        """The area under the probabilities: the mean over all fractions, by trapezoids."""
        return float(np.trapezoid(self.probabilities, self.fractions))


def deletion_curve(
    classifier: ImageClassifier,
    image: Picture,
    heatmap: NDArray,
    class_index: int | None = None,
    num_steps: int = 28,
    fill: str = "blur",
) -> FaithfulnessCurve:
    """Cover a picture step by step, the hottest pixels first, and follow a class.

    If the heatmap is right, the class falls early, so a small area is good. Never read one number
    alone: a map that knows nothing of the network, such as edges or the distance to the center, may
    do as well, and another fill may reverse the order of two maps.

    Args:
        classifier: `ImageClassifier`.
        image: uint8 (H, W, 3), RGB.
        heatmap: Real numbers (h, w) of any size and range, stretched over the network's input. Of
            equally hot pixels the upper ones come first, and of these those on the left.
        class_index: int; None means the class that the network ranks first on the whole picture.
        num_steps: How many steps, 1 or more, each of the same number of pixels, but for rounding.
        fill: What covers a pixel: "blur" (the picture itself, blurred), "mean" (its mean color),
            "black", or "road": each pixel a weighted mean of its neighbors, and noise. "road" looks
            the least unnatural and takes some ten times as long.

    Returns:
        `FaithfulnessCurve` with .fractions, .probabilities, .logits and .area. Its first point is
        the whole picture, its last one nothing but the fill.

    Raises:
        ValueError: There is no such class or fill, `num_steps` is out of range, `image` is not one
            picture, or `heatmap` has another shape or values that are not finite.

    Sources:
        Petsiuk et al., RISE, https://arxiv.org/abs/1806.07421; "road": Rong et al.,
        https://arxiv.org/abs/2202.00449.
    """
    return _curve(classifier, image, heatmap, class_index, num_steps, fill, rest=False)


def insertion_curve(
    classifier: ImageClassifier,
    image: Picture,
    heatmap: NDArray,
    class_index: int | None = None,
    num_steps: int = 28,
    fill: str = "blur",
) -> FaithfulnessCurve:
    """Uncover a picture step by step, the hottest pixels first, and follow a class.

    If the heatmap is right, the class rises early: a large area is good, but never read it alone.

    Args:
        classifier, image, heatmap, class_index, num_steps, fill: As in `deletion_curve`, and so are
            the errors and the sources.

    Returns:
        `FaithfulnessCurve` with .fractions, .probabilities, .logits and .area. Its first point is
        nothing but the fill, its last one the whole picture.
    """
    return _curve(classifier, image, heatmap, class_index, num_steps, fill, rest=True)


def cover(
    image: Picture, heatmap: NDArray, fraction: float, fill: str = "blur", rest: bool = False
) -> Picture:
    """Cover the hottest part of a picture, or all but that.

    The network sees just this on the curves, if the picture has the size of its input:
    `load_image(image, classifier.input_size)`.

    Args:
        image: uint8 (H, W, 3), RGB.
        heatmap, fill: As in `deletion_curve`.
        fraction: Which share of the pixels is the hottest part, in [0, 1].
        rest: Whether to cover the rest instead, as `insertion_curve` does.

    Returns:
        uint8 (H, W, 3).

    Raises:
        ValueError: As `deletion_curve`, or `fraction` is out of range.
    """
    if not is_number(fraction, 0, 1):
        raise ValueError(f"fraction must be a number in [0, 1], not {fraction!r}.")
    return next(covered_pictures(check_image(image), heatmap, [float(fraction)], fill, rest))


def covered_pictures(
    picture: Picture, heatmap: NDArray, fractions: Iterable[float], fill: str, rest: bool
) -> Iterator[Picture]:
    """Yield a picture uint8 (h, w, 3) with each of some fractions covered, as `cover` does."""
    paint = painter(picture, fill)
    heat = check_finite(resize_heatmap(heatmap, picture.shape), "The heatmap", "It has no order.")
    ranks = np.empty(heat.shape, np.intp)  # the place of each pixel in the order from hot to cold
    ranks.flat[np.argsort(-heat, axis=None, kind="stable")] = np.arange(heat.size)
    counts = (round(fraction * heat.size) for fraction in fractions)
    return (paint(ranks >= count if rest else ranks < count) for count in counts)


def curve_of(
    classifier: ImageClassifier, fractions: NDArray, logits: NDArray, class_index: int
) -> FaithfulnessCurve:
    """Return the curve of a class from the logits (steps, classes) of covered pictures."""
    probabilities = to_probabilities(classifier, logits)
    return FaithfulnessCurve(fractions, probabilities[:, class_index], logits[:, class_index])


def _curve(classifier, image, heatmap, class_index, num_steps, fill, rest):
    runner = runner_of(classifier)
    image, class_index = runner.check_request(image, class_index)
    class_index = runner.first_ranked(image) if class_index is None else class_index
    num_steps = check_count("num_steps", num_steps)
    picture = load_image(image, classifier.input_size)
    size = picture[..., 0].size
    fractions = np.rint(np.linspace(0, size, num_steps + 1)) / size
    pictures = covered_pictures(picture, heatmap, fractions, fill, rest)
    logits = logits_of(classifier, pictures, len(fractions))
    return curve_of(classifier, fractions, logits, class_index)
