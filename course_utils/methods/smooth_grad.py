"""SmoothGrad: saliency, averaged over noisy copies of the picture."""

import warnings

import numpy as np
from numpy.typing import NDArray

from course_utils.arguments import check_image, is_number, is_whole_number
from course_utils.engine.runner import to_array
from course_utils.methods.progress import Progress
from course_utils.methods.saliency import scale_magnitude, weighted_input_gradients
from course_utils.networks.classifier import ImageClassifier, runner_of


def smooth_grad(
    classifier: ImageClassifier,
    image: NDArray[np.uint8],
    class_index: int | None = None,
    num_samples: int = 20,
    noise_level: float = 0.05,
    seed: int = 0,
    progress: Progress = False,
) -> NDArray[np.float32]:
    """Average the gradient over noisy copies of a picture, then take its magnitude.

    The gradients are averaged with their signs, as in the paper: what points in random directions
    cancels out.

    Args:
        classifier: `ImageClassifier`.
        image: uint8 (H, W, 3), RGB.
        class_index: int; None means the class that the network ranks first on the clean picture.
        num_samples: How many copies, 1 or more. A good part of the map is chance: with 20, maps of
            two seeds correlate at 0.6 to 0.7 (embedded network), with 80 at 0.8 to 0.9.
        noise_level: Standard deviation of the noise as a share of the preprocessed picture's range,
            0 or more. The paper takes 0.1 to 0.2, but many pictures lose their answer there: the
            network ranks another class first for the noisy copies, and the map explains that.
        seed: int; the same seed gives the same map.
        progress: Whether to show a progress bar; or a function, see `weighted_input_gradients`.

    Returns:
        float32 (h, w) in [0, 1], as `compute_saliency_map` scales it. A warning says so where most
        copies do not keep the class that the network ranks first for the picture itself.

    Raises:
        ValueError: There is no such class, a number is out of range, `image` is not one picture, or
            what the network makes of it is NaN or infinite.

    Source:
        Smilkov et al., https://arxiv.org/abs/1706.03825.
    """
    if not is_whole_number(num_samples, 1, 100_000):
        raise ValueError(
            f"num_samples must be a whole number from 1 to 100000, not {num_samples!r}."
        )
    num_samples = int(num_samples)
    if not is_number(noise_level, 0):
        raise ValueError(f"noise_level must be a number, 0 or more, not {noise_level!r}.")
    runner = runner_of(classifier)
    inputs = runner.inputs(check_image(image))
    class_index = runner.check_class_index(class_index)
    answer = runner.first_ranked(inputs)
    picture = to_array(inputs)
    generator = np.random.default_rng(seed)
    deviation = np.float32(noise_level * np.ptp(picture))
    samples = (
        picture + deviation * generator.standard_normal(picture.shape, dtype=np.float32)
        for _ in range(num_samples)
    )
    weights = np.full(num_samples, 1 / num_samples)
    average, answers = weighted_input_gradients(
        classifier, samples, weights, answer if class_index is None else class_index, progress
    )
    num_kept = int((answers == answer).sum())
    if num_kept < num_samples / 2:
        warnings.warn(
            f"Only {num_kept} of {num_samples} noisy copies keep the network's answer "
            f"{classifier.class_names[answer]!r}: the map explains other answers. A noise_level "
            f"smaller than {noise_level} may help.",
            stacklevel=2,
        )
    return scale_magnitude(average)
