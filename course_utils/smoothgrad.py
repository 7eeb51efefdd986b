"""SmoothGrad: saliency, averaged over noisy copies of the picture."""

import numpy as np

from course_utils.checks import is_number, is_whole_number
from course_utils.classifiers import check_image
from course_utils.saliency import scale_magnitude, weighted_input_gradients


def smooth_grad(
    classifier,
    image,
    class_index=None,
    num_samples=20,
    noise_level=0.2,
    seed=0,
    progress=False,
):
    """Average the gradient over noisy copies of a picture, then take its magnitude.

    The gradients are averaged with their signs, as in the paper: what points in random directions
    cancels out.

    Args:
        classifier: `ImageClassifier`.
        image: uint8 (H, W, 3), RGB.
        class_index: int; None means the class that the network ranks first on the clean picture.
        num_samples: How many copies, 1 or more. 20 give most of the effect, 50 the rest.
        noise_level: Standard deviation of the noise as a share of the preprocessed picture's range,
            0 or more. 0.1 to 0.2 is usual.
        seed: int; the same seed gives the same map.
        progress: Whether to show a progress bar; or a function, see `weighted_input_gradients`.

    Returns:
        float32 (h, w) in [0, 1], as `compute_saliency_map` scales it.

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
    class_index = classifier.resolve_class_index(image, class_index)
    [picture] = classifier.preprocess(check_image(image))
    generator = np.random.default_rng(seed)
    deviation = np.float32(noise_level * np.ptp(picture))
    samples = (
        picture + deviation * generator.standard_normal(picture.shape, dtype=np.float32)
        for _ in range(num_samples)
    )
    weights = np.full(num_samples, 1 / num_samples)
    return scale_magnitude(
        weighted_input_gradients(classifier, samples, weights, class_index, progress)
    )
