"""Gradients at a picture's pixels: saliency, SmoothGrad and Integrated Gradients."""

import warnings
from collections.abc import Callable
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from scipy.special import roots_legendre
from tqdm.auto import tqdm

from course_utils.arguments import Picture, check_count, check_finite, check_image, is_number
from course_utils.engine.runner import to_array
from course_utils.methods.scaling import scale_to_unit
from course_utils.networks.classifier import ImageClassifier, runner_of

Progress = bool | Callable


def compute_saliency_map(
    classifier: ImageClassifier, image: Picture, class_index: int | None = None
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
    image, class_index = runner.check_request(image, class_index)
    _, gradients = runner.input_gradients(runner.inputs(image), class_index)
    return _scaled_magnitude(to_array(gradients))


def smooth_grad(
    classifier: ImageClassifier,
    image: Picture,
    class_index: int | None = None,
    num_samples: int = 20,
    noise_level: float = 0.05,
    seed: int = 0,
    progress: Progress = False,
) -> NDArray[np.float32]:
    """Average the gradient over noisy copies of a picture, then take its magnitude.

    The gradients keep their signs in the average, as in the paper: what points in random directions
    cancels out.

    Args:
        classifier: `ImageClassifier`.
        image: uint8 (H, W, 3), RGB.
        class_index: int; None means the class that the network ranks first on the clean picture.
        num_samples: How many copies, 1 or more. Much of the map is chance: on the embedded network
            maps of two seeds correlate at 0.6 to 0.7 with 20 copies, at 0.8 to 0.9 with 80.
        noise_level: Standard deviation of the noise as a share of the preprocessed picture's range,
            0 or more. The paper takes 0.1 to 0.2. With that much noise the network often ranks
            another class first, and the map explains that answer.
        seed: int; the same seed gives the same map.
        progress: Whether to show a bar; or a function that takes the batches and yields them.

    Returns:
        float32 (h, w) in [0, 1], scaled as by `compute_saliency_map`. A warning says so if fewer
        than half of the copies keep the class that the network ranks first.

    Raises:
        ValueError: There is no such class, a number is out of range, `image` is not one picture, or
            what the network makes of it is NaN or infinite.

    Source:
        Smilkov et al., https://arxiv.org/abs/1706.03825.
    """
    num_samples = check_count("num_samples", num_samples)
    if not is_number(noise_level, 0):
        raise ValueError(f"noise_level must be a number, 0 or more, not {noise_level!r}.")
    runner = runner_of(classifier)
    image, class_index = runner.check_request(image, class_index)
    answer, picture = runner.first_ranked(image), to_array(runner.inputs(image))
    class_index = answer if class_index is None else class_index
    generator = np.random.default_rng(seed)
    deviation = np.float32(noise_level * np.ptp(picture))
    samples = (
        picture + deviation * generator.standard_normal(picture.shape, dtype=np.float32)
        for _ in range(num_samples)
    )
    weights = np.full(num_samples, 1 / num_samples)
    average, answers = _weighted_sum(classifier, samples, weights, class_index, progress)
    num_kept = int((answers == answer).sum())
    if num_kept < num_samples / 2:
        warnings.warn(
            f"Only {num_kept} of {num_samples} noisy copies keep the network's answer "
            f"{classifier.class_names[answer]!r}; the map explains others. Lower the noise_level.",
            stacklevel=2,
        )
    return _scaled_magnitude(average)


def integrated_gradients(
    classifier: ImageClassifier,
    image: Picture,
    class_index: int | None = None,
    num_steps: int = 50,
    baseline: Picture | None = None,
    progress: Progress = False,
) -> NDArray[np.float32]:
    """Share the difference of a class's logit between a picture and a baseline among the pixels.

    The gradient is averaged along the straight path from the baseline to the picture, and
    multiplied by their difference. The average takes the nodes of Gauss-Legendre quadrature, which
    come nearer to the integral than as many equal steps.

    Args:
        classifier: `ImageClassifier`.
        image: uint8 (H, W, 3), RGB.
        class_index: int; None means the class that the network ranks first on the picture.
        num_steps: How many gradients, 1 or more. `completeness_gap` tells whether they are enough.
        baseline: uint8 (H, W, 3), the picture that shows nothing; None is black.
        progress: Whether to show a bar; or a function that takes the batches and yields them.

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
    num_steps = check_count("num_steps", num_steps)
    end, start, class_index = _ends(classifier, image, class_index, baseline)
    start, end = to_array(start), to_array(end)
    positions, weights = path_nodes(num_steps)
    path = (start + np.float32(position) * (end - start) for position in positions)
    average, _ = _weighted_sum(classifier, path, weights, class_index, progress)
    return (end - start) * average


def integrated_magnitude(
    classifier: ImageClassifier,
    image: Picture,
    class_index: int | None = None,
    num_steps: int = 50,
    progress: Progress = False,
) -> NDArray[np.float32]:
    """Return the magnitude of each pixel's sum in `integrated_gradients`: (h, w) in [0, 1]."""
    attributions = integrated_gradients(classifier, image, class_index, num_steps, None, progress)
    return scale_to_unit(np.abs(attributions.sum(axis=-1)))


def completeness_gap(
    classifier: ImageClassifier,
    image: Picture,
    attributions: NDArray[np.float32],
    class_index: int | None = None,
    baseline: Picture | None = None,
) -> float:
    """Tell how far attributions are from adding up to the difference they explain.

    Args:
        classifier, image, class_index, baseline: As given to `integrated_gradients`.
        attributions: float32 (h, w, 3), what it returned.

    Returns:
        float, |sum - (F(image) - F(baseline))| / |F(image) - F(baseline)|: 0 is complete, 0.05 is
        off by 5 %.

    Raises:
        ValueError: As `integrated_gradients`; or a logit is NaN or infinite, or both are equal.
    """
    *ends, class_index = _ends(classifier, image, class_index, baseline)
    end, start = (to_array(runner_of(classifier).logits(inputs))[class_index] for inputs in ends)
    difference = check_finite(
        float(end - start),
        "The logit of the picture or of the baseline",
        "Does a layer divide by the picture's deviation? Black has none: take another baseline.",
    )
    if difference == 0:
        raise ValueError("The picture and the baseline have the same logit: there is no gap.")
    return abs(float(np.sum(attributions, dtype=np.float64)) - difference) / abs(difference)


def _weighted_sum(classifier, points, weights, class_index, progress):
    """Sum a logit's gradients at preprocessed pictures; name the first class at each of them.

    Points are drawn a batch at a time, so that a generator saves the memory of all but a few.
    """
    runner = runner_of(classifier)
    points, size, total, ranked_first = iter(points), runner.batch_size, np.zeros(()), []
    track = progress if callable(progress) else partial(tqdm, disable=not progress)
    for start in track(range(0, len(weights), size)):
        batch = np.stack(list(islice(points, size))).astype(np.float32)
        logits, gradients = runner.input_gradients(batch, class_index)
        part = weights[start : start + len(batch)]
        total = total + np.tensordot(part, np.float32(gradients), axes=1)
        ranked_first.extend(np.asarray(logits).argmax(axis=-1))
    return total.astype(np.float32), np.array(ranked_first)


def path_nodes(count: int) -> tuple[NDArray, NDArray]:
    """Return positions in [0, 1] and weights, which sum to 1: Gauss-Legendre quadrature."""
    nodes, weights = roots_legendre(count)
    return (nodes + 1) / 2, weights / 2


def _scaled_magnitude(gradient):
    """Turn a gradient (h, w, 3) into a map (h, w) in [0, 1]: the largest magnitude of a pixel."""
    saliency = scale_to_unit(np.abs(gradient).max(axis=-1))
    if not saliency.any():
        warnings.warn("The gradient is zero everywhere, and so is the saliency map.", stacklevel=3)
    return saliency


def _ends(classifier, image, class_index, baseline):
    """Return the network's inputs for picture and baseline, and the class as int."""
    runner = runner_of(classifier)
    image, class_index = runner.check_request(image, class_index)
    baseline = np.zeros_like(image) if baseline is None else check_image(baseline)
    class_index = runner.first_ranked(image) if class_index is None else class_index
    return runner.inputs(image), runner.inputs(baseline), class_index
