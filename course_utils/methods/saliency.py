"""Vanilla saliency, and the gradient with respect to the picture that other methods average."""

import warnings
from collections.abc import Iterable
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from course_utils.arguments import check_image
from course_utils.engine.runner import to_array
from course_utils.methods.progress import Progress, follow
from course_utils.methods.scaling import scale_to_unit
from course_utils.networks.classifier import ImageClassifier, runner_of


def compute_saliency_map(
    classifier: ImageClassifier, image: NDArray[np.uint8], class_index: int | None = None
) -> NDArray[np.float32]:
    """Show which pixels change a class's logit most when they change a little.

    Args:
        classifier: `ImageClassifier`.
        image: uint8 (H, W, 3), RGB. tf-keras-vis calls the preprocessed picture `seed_input`.
        class_index: int; None means the class that the network ranks first.

    Returns:
        float32 (h, w) in [0, 1], with (h, w) = `classifier.input_size`: the gradient's magnitude,
        the largest of the three color channels, divided by the largest of all pixels. All zeros,
        and a warning, where the gradient is zero everywhere.

    Raises:
        ValueError: There is no such class, `image` is not one picture, or what the network makes of
            it is NaN or infinite.

    Source:
        Simonyan et al., https://arxiv.org/abs/1312.6034.
    """
    runner = runner_of(classifier)
    class_index = runner.check_class_index(class_index)
    _, gradients = runner.input_gradients(runner.inputs(check_image(image)), class_index)
    return scale_magnitude(to_array(gradients))


def weighted_input_gradients(
    classifier: ImageClassifier,
    points: Iterable[NDArray[np.float32]],
    weights: NDArray[np.float64],
    class_index: int,
    progress: Progress = False,
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Return the weighted sum of a logit's gradients with respect to preprocessed pictures.

    Args:
        classifier: `ImageClassifier`.
        points: Iterable of float32 (h, w, 3). A generator saves the memory of all but a few.
        weights: float64, one for each point.
        class_index: int.
        progress: Whether to show a progress bar; or a function that takes the sequence of batches
            and yields it, as tqdm does. What it raises stops the computation.

    Returns:
        Tuple (float32 (h, w, channels), signed, in logits per unit of the preprocessed picture; for
        each point, the class that the network ranks first).
    """
    runner = runner_of(classifier)
    size = runner.batch_size
    starts = range(0, len(weights), size)
    points, ranked_first = iter(points), []
    total: NDArray = np.zeros((), np.float64)
    for start in follow(starts, progress, "gradients"):
        batch = np.stack(list(islice(points, size))).astype(np.float32)
        logits, gradients = runner.input_gradients(batch, class_index, runs=len(starts))
        ranked_first.extend(np.asarray(logits).argmax(axis=-1))
        part = weights[start : start + len(batch)]
        total = total + np.tensordot(part, np.float32(gradients), axes=1)
    return total.astype(np.float32), np.array(ranked_first)


def scale_magnitude(gradient: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn a gradient (h, w, 3) into a map (h, w) in [0, 1]: the largest magnitude of a pixel."""
    saliency = scale_to_unit(np.abs(gradient).max(axis=-1))
    if not saliency.any():
        warnings.warn("The gradient is zero everywhere, and so is the saliency map.", stacklevel=3)
    return saliency
