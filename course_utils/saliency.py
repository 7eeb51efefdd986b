"""Vanilla saliency, and the gradient with respect to the picture that other methods average."""

import warnings
from functools import partial
from itertools import islice

import numpy as np
from tqdm.auto import tqdm

from course_utils.backend import tf
from course_utils.classifiers import BATCH_SIZE, check_image, largest_value, pick_logits


def compute_saliency_map(classifier, image, class_index=None):
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
    inputs = classifier.preprocess(check_image(image))
    return scale_magnitude(weighted_input_gradients(classifier, inputs, [1.0], class_index))


def weighted_input_gradients(classifier, points, weights, class_index=None, progress=False):
    """Return the weighted sum of a logit's gradients with respect to preprocessed pictures.

    Args:
        classifier: `ImageClassifier`.
        points: Iterable of float32 (h, w, 3). A generator saves the memory of all but a few.
        weights: Sequence of float, one for each point.
        class_index: int; None means, for each point, the class that the network ranks first.
        progress: Whether to show a progress bar; or a function that takes the sequence of batches
            and yields it, as tqdm does. What it raises stops the computation.

    Returns:
        float32 (h, w, 3), signed, in logits for each unit of the preprocessed picture.
    """
    class_index = tf.constant(classifier.check_class_index(class_index))
    starts = range(0, len(weights), BATCH_SIZE)
    compute = classifier.compiled("input gradients", lambda: _build(classifier), runs=len(starts))
    points = iter(points)
    total = np.zeros((*classifier.input_size, 3), np.float64)
    bar = progress if callable(progress) else partial(tqdm, desc="gradients", disable=not progress)
    for start in bar(starts):
        batch = np.stack(list(islice(points, BATCH_SIZE))).astype(np.float32)
        gradients = compute(class_index, tf.constant(batch))
        total += np.tensordot(weights[start : start + len(batch)], np.float32(gradients), axes=1)
    return np.float32(total)


def scale_magnitude(gradient):
    """Turn a gradient (h, w, 3) into a map (h, w) in [0, 1]: the largest magnitude of a pixel."""
    magnitude = np.abs(gradient).max(axis=-1)
    largest = largest_value(magnitude)
    if largest == 0:
        warnings.warn("The gradient is zero everywhere, and so is the saliency map.", stacklevel=3)
        return magnitude
    return magnitude / largest


def _build(classifier):
    """The gradient of a logit with respect to the input, as a tensor function and its signature."""

    def gradients(class_index, inputs):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            [logits] = classifier.run(inputs, [classifier.graph.output])
            scores = pick_logits(logits, class_index)
        return tape.gradient(scores, inputs, unconnected_gradients="zero")

    return gradients, [tf.TensorSpec((), tf.int32), classifier.input_spec]
