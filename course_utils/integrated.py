"""Integrated Gradients: a class's logit, shared out over the pixels."""

import numpy as np

from course_utils.checks import is_whole_number
from course_utils.classifiers import check_image
from course_utils.saliency import weighted_input_gradients


def integrated_gradients(
    classifier, image, class_index=None, num_steps=50, baseline=None, progress=False
):
    """Share the difference of a class's logit between a picture and a baseline among the pixels.

    The gradient is averaged along the straight path from the baseline to the picture, and
    multiplied by their difference. The average is taken at the middles of `num_steps` equal parts.

    Args:
        classifier: `ImageClassifier`.
        image: uint8 (H, W, 3), RGB.
        class_index: int; None means the class that the network ranks first on the picture.
        num_steps: How many gradients, 1 or more. `completeness_gap` tells whether they are enough.
        baseline: uint8 (H, W, 3), the picture that shows nothing; None is black.
        progress: Whether to show a progress bar; or a function, see `weighted_input_gradients`.

    Returns:
        float32 (h, w, 3), signed, in logits, with (h, w) = `classifier.input_size`. Its sum comes
        close to F(image) - F(baseline), where F is the class's logit.

    Raises:
        ValueError: There is no such class, `num_steps` is out of range, or `image` or `baseline` is
            not one picture.

    Source:
        Sundararajan et al., https://arxiv.org/abs/1703.01365.
    """
    if not is_whole_number(num_steps, 1, 100_000):
        raise ValueError(f"num_steps must be a whole number from 1 to 100000, not {num_steps!r}.")
    num_steps = int(num_steps)
    class_index = classifier.resolve_class_index(image, class_index)
    [start] = classifier.preprocess(_baseline(image, baseline))
    [end] = classifier.preprocess(image)
    positions = (np.arange(num_steps) + 0.5) / num_steps
    path = (start + np.float32(position) * (end - start) for position in positions)
    weights = np.full(num_steps, 1 / num_steps)
    average = weighted_input_gradients(classifier, path, weights, class_index, progress)
    return (end - start) * average


def completeness_gap(classifier, image, attributions, class_index=None, baseline=None):
    """Tell how far attributions are from adding up to the difference they explain.

    Args:
        classifier, image, class_index, baseline: As given to `integrated_gradients`.
        attributions: float32 (h, w, 3), what it returned.

    Returns:
        float, |sum - (F(image) - F(baseline))| / |F(image) - F(baseline)|: 0 is complete, 0.05 is
        off by 5 %.

    Raises:
        ValueError: As `integrated_gradients`, or both pictures have the same logit.
    """
    class_index = classifier.resolve_class_index(image, class_index)
    score = classifier.logits(image)[0, class_index]
    difference = float(score - classifier.logits(_baseline(image, baseline))[0, class_index])
    if difference == 0:
        raise ValueError("The picture and the baseline have the same logit: there is no gap.")
    return abs(float(np.sum(attributions, dtype=np.float64)) - difference) / abs(difference)


def _baseline(image, baseline):
    return np.zeros_like(check_image(image)) if baseline is None else check_image(baseline)
