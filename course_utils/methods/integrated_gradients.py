"""Integrated Gradients: a class's logit, shared out over the pixels."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import roots_legendre

from course_utils.arguments import check_image, is_whole_number
from course_utils.engine.runner import to_array
from course_utils.methods.progress import Progress
from course_utils.methods.saliency import weighted_input_gradients
from course_utils.methods.scaling import scale_to_unit
from course_utils.networks.classifier import ImageClassifier, runner_of


def integrated_gradients(
    classifier: ImageClassifier,
    image: NDArray[np.uint8],
    class_index: int | None = None,
    num_steps: int = 50,
    baseline: NDArray[np.uint8] | None = None,
    progress: Progress = False,
) -> NDArray[np.float32]:
    """Share the difference of a class's logit between a picture and a baseline among the pixels.

    The gradient is averaged along the straight path from the baseline to the picture, and
    multiplied by their difference. The average is taken at the nodes of Gauss-Legendre quadrature,
    which lie closer together near both ends: with the same number of gradients it is nearer to the
    integral than with equal steps.

    Args:
        classifier: `ImageClassifier`.
        image: uint8 (H, W, 3), RGB.
        class_index: int; None means the class that the network ranks first on the picture.
        num_steps: How many gradients, 1 or more. `completeness_gap` tells whether they are enough.
        baseline: uint8 (H, W, 3), the picture that shows nothing; None is black.
        progress: Whether to show a progress bar; or a function, see `weighted_input_gradients`.

    Returns:
        float32 (h, w, 3), or (h, w, 1) for a gray network, signed, in logits, with
        (h, w) = `classifier.input_size`. Its sum comes close to F(image) - F(baseline), where F is
        the class's logit.

    Raises:
        ValueError: There is no such class, `num_steps` is out of range, or `image` or `baseline` is
            not one picture.

    Source:
        Sundararajan et al., https://arxiv.org/abs/1703.01365.
    """
    if not is_whole_number(num_steps, 1, 100_000):
        raise ValueError(f"num_steps must be a whole number from 1 to 100000, not {num_steps!r}.")
    num_steps = int(num_steps)
    inputs, start, class_index = _ends(classifier, image, class_index, baseline)
    start, end = to_array(start), to_array(inputs)
    positions, weights = path_nodes(num_steps)
    path = (start + np.float32(position) * (end - start) for position in positions)
    average, _ = weighted_input_gradients(classifier, path, weights, class_index, progress)
    return (end - start) * average


def path_nodes(count: int) -> tuple[NDArray, NDArray]:
    """Return positions in [0, 1] and weights, which sum to 1: Gauss-Legendre quadrature."""
    nodes, weights = roots_legendre(count)
    return (nodes + 1) / 2, weights / 2


def integrated_magnitude(
    classifier: ImageClassifier,
    image: NDArray[np.uint8],
    class_index: int | None = None,
    num_steps: int = 50,
    progress: Progress = False,
) -> NDArray[np.float32]:
    """Return how much Integrated Gradients share out to each pixel, whether for or against.

    Args:
        classifier, image, class_index, num_steps, progress: As in `integrated_gradients`.

    Returns:
        float32 (h, w) in [0, 1]: the magnitude of a pixel's sum over its colors, divided by the
        largest.

    Raises:
        ValueError: As `integrated_gradients`, or what the network makes of the picture is NaN or
            infinite.
    """
    attributions = integrated_gradients(
        classifier, image, class_index, num_steps, progress=progress
    )
    return scale_to_unit(np.abs(attributions.sum(axis=-1)))


def completeness_gap(
    classifier: ImageClassifier,
    image: NDArray[np.uint8],
    attributions: NDArray[np.float32],
    class_index: int | None = None,
    baseline: NDArray[np.uint8] | None = None,
) -> float:
    """Tell how far attributions are from adding up to the difference they explain.

    Args:
        classifier, image, class_index, baseline: As given to `integrated_gradients`.
        attributions: float32 (h, w, 3), what it returned.

    Returns:
        float, |sum - (F(image) - F(baseline))| / |F(image) - F(baseline)|: 0 is complete, 0.05 is
        off by 5 %.

    Raises:
        ValueError: As `integrated_gradients`, or both pictures have the same logit, or one of them
            one that is NaN or infinite.
    """
    inputs, start, class_index = _ends(classifier, image, class_index, baseline)
    logits = runner_of(classifier).logits
    difference = float(to_array(logits(inputs))[class_index] - to_array(logits(start))[class_index])
    if not np.isfinite(difference):
        raise ValueError(
            "The logit of the picture or of the baseline is NaN or infinite. Does a layer divide "
            "by the picture's own deviation? That of a black picture is 0: take another baseline, "
            "such as the picture blurred."
        )
    if difference == 0:
        raise ValueError("The picture and the baseline have the same logit: there is no gap.")
    return abs(float(np.sum(attributions, dtype=np.float64)) - difference) / abs(difference)


def _ends(classifier, image, class_index, baseline):
    """Return the network's inputs for picture and baseline, and the class as int."""
    runner = runner_of(classifier)
    class_index = runner.check_class_index(class_index)
    image = check_image(image)
    inputs = runner.inputs(image)
    start = runner.inputs(np.zeros_like(image) if baseline is None else check_image(baseline))
    return inputs, start, runner.first_ranked(inputs) if class_index is None else class_index
