"""Sanity check: does a heatmap change when the network forgets what it has learned?"""

import gc
import random
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from course_utils.arguments import is_whole_number
from course_utils.backend import keras, tf
from course_utils.engine.graph import is_network, run_calls, trace_calls
from course_utils.io.images import load_image, sample_image_names
from course_utils.networks.classifier import ImageClassifier, runner_of
from course_utils.networks.weights import random_state_kept


def randomized_copies(
    classifier: ImageClassifier,
    layer_names: Iterable[str] | None = None,
    images: Sequence[NDArray[np.uint8]] | None = None,
    seed: int = 0,
) -> Iterator[tuple[str, ImageClassifier]]:
    """Let a network forget, layer by layer from the top, with a copy at each stop.

    A layer forgets by drawing its weights anew, from its own initializer. Batch normalization that
    has forgotten takes the means and variances of `images`. With those of the trained network the
    picture would get lost on the way: once EfficientNet-Lite0 has forgotten its blocks 7 and 6, it
    would give all pictures the same logits, and heatmaps would change for that reason alone.

    Args:
        classifier: `ImageClassifier`. It stays as it is.
        layer_names: Names of layers with a kernel, where to stop. The copies come from the top
            down, whatever the order here. None means all layers that have one.
        images: Sequence of pictures, uint8 (H, W, 3), for batch normalization; None means the
            course's sample pictures.
        seed: int, 0 or more; the same seed gives the same weights. What a layer draws is the same
            in all copies.

    Returns:
        Iterator of tuples (layer's name, `ImageClassifier` in which this layer and all above it
        have forgotten), each on a network of its own.

    Raises:
        ValueError: No layer of that name has a kernel, or `seed` is not a whole number.

    Source:
        Adebayo et al., Sanity Checks for Saliency Maps, https://arxiv.org/abs/1810.03292, cascading
        randomization.
    """
    runner_of(classifier)  # says so if it is none
    if not is_whole_number(seed, 0):
        raise ValueError(f"seed must be a whole number, 0 or more, not {seed!r}.")
    with_kernel = _layers_with_kernel(classifier.model)
    stops = with_kernel if layer_names is None else layer_names
    if isinstance(stops, str):
        raise ValueError(f"layer_names is a list of names: [{stops!r}].")
    stops = list(stops)
    for name in stops:
        if name not in with_kernel:
            nearest = get_close_matches(str(name), with_kernel, n=3, cutoff=0)
            raise ValueError(
                f"No layer with a kernel is called {name!r}. The nearest names of those that have "
                f"one: {', '.join(map(repr, nearest))}."
            )
    sources = sample_image_names() if images is None else images
    inputs = classifier.preprocess([load_image(s, classifier.input_size) for s in sources])
    from_the_top = [name for name in reversed(with_kernel) if name in stops]
    return ((name, _randomized_from(name, classifier, inputs, int(seed))) for name in from_the_top)


def _layers_with_kernel(model):
    """Return the names of the layers that have one, each once, in the order of their first call."""
    calls = [call for call in trace_calls(model).calls if not is_network(call.layer)]
    with_kernel = [c for c in calls if any(len(w.shape) > 1 for w in c.layer.weights)]
    return list(dict.fromkeys(call.name for call in with_kernel))


def _randomized_from(layer_name, classifier, inputs, seed):
    """Return a copy in which a layer and all that come after it are as before training."""
    gc.collect()  # a network is a circle of references: the copies before the last would stay
    with random_state_kept():
        # Keras draws the seeds of initializers from it. A number alone might be what the network
        # was seeded with before its training: it would go back to where it began.
        random.seed(f"randomized_copies {seed}")
        copy = keras.models.clone_model(classifier.model)
    graph = trace_calls(copy)
    start = [call.name for call in graph.calls].index(layer_name)
    kept, forgotten = graph.calls[:start], graph.calls[start:]
    anew = {id(w) for c in forgotten if not is_network(c.layer) for w in c.layer.weights}
    for weights, trained in zip(copy.weights, classifier.model.weights, strict=True):
        if id(weights) not in anew:
            weights.assign(trained)
    calls = [*kept, *map(_measuring, forgotten)]
    # Compiled, also what a layer computes on its way is let go at once: 0.1 GB less.
    tf.function(lambda batch: run_calls(calls, [(graph.input, batch)], [graph.output]))(inputs)
    return ImageClassifier(
        f"{classifier.name}, random from {layer_name}",
        copy,
        classifier.preprocess_input,
        classifier.class_names,
        classifier.input_size,
    )


def _measuring(call):
    """Return a call that, if it normalizes a batch, first takes the means and variances of it."""
    layer = call.layer
    if not isinstance(layer, keras.layers.BatchNormalization):
        return call

    def function(inputs, **options):
        axes = [axis for axis in range(len(inputs.shape)) if axis != layer.axis % len(inputs.shape)]
        mean, variance = tf.nn.moments(tf.cast(inputs, tf.float32), axes)
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)
        return layer(inputs, **options)

    return call._replace(function=function)
