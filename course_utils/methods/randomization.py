"""Sanity check: does a heatmap change when the network forgets what it has learned?"""

import gc
import random
import warnings
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from course_utils.arguments import is_whole_number
from course_utils.backend import keras, tf
from course_utils.engine.graph import (
    as_functional,
    has_call_of_keras,
    is_network,
    rebuild,
    run_calls,
    trace_calls,
    twin,
)
from course_utils.io.images import load_image, sample_image_names
from course_utils.networks.classifier import ImageClassifier, runner_of


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
    runner_of(classifier)  # raises if it is no classifier
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
    with_kernel = [c for c in calls if any(len(w.shape) > 1 for w in _weights_of(c.layer))]
    return list(dict.fromkeys(call.name for call in with_kernel))


def _weights_of(layer):
    return getattr(layer, "weights", [])


def _randomized_from(layer_name, classifier, inputs, seed):
    """Return a copy in which a layer and all that come after it are as before training.

    The layers that have forgotten nothing share their variables with the network itself.
    """
    gc.collect()  # networks refer to themselves in circles: the copies before would stay
    calls = trace_calls(classifier.model).calls
    start = [call.name for call in calls].index(layer_name)
    state = random.getstate()  # from which Keras draws the seeds of its initializers
    try:
        fresh = _draw_anew(calls, calls[start:], seed)
        copy = _rebuilt(classifier.model, fresh)
    finally:
        random.setstate(state)
    graph = trace_calls(copy)
    calls = [*graph.calls[:start], *map(_measuring, graph.calls[start:])]
    # Compiled, also what a layer computes on its way is let go at once: 0.1 GB less.
    tf.function(lambda batch: run_calls(calls, [(graph.input, batch)], [graph.output]))(inputs)
    return ImageClassifier(
        f"{classifier.name}, random from {layer_name}",
        copy,
        classifier.preprocess_input,
        classifier.class_names,
        classifier.input_size,
    )


def _draw_anew(calls, forgotten, seed):
    """Return {id of a layer to forget: a layer like it, which will draw its weights when called}.

    Keras draws the seeds of initializers from Python's generator. A number alone might be what the
    network was seeded with before its training: it would go back to where it began.
    """
    random.seed(f"randomized_copies {seed}")
    forgetting = {id(call.layer) for call in forgotten}
    fresh = {}
    for layer in {id(call.layer): call.layer for call in calls}.values():
        if not _weights_of(layer) or isinstance(layer, keras.layers.Normalization):
            continue
        if is_network(layer) or not (has_call_of_keras(layer) or id(layer) in forgetting):
            continue
        state = random.getstate()
        if not has_call_of_keras(layer):  # leaves the draws of Keras's layers as they are
            random.seed(f"randomized_copies {seed} {layer.name}")
        made = _like(layer)
        if not has_call_of_keras(layer):
            random.setstate(state)
        if id(layer) in forgetting:
            fresh[id(layer)] = made
    return fresh


def _like(layer):
    """Make a layer with the options of another, but for the seeds of its initializers."""
    try:
        with warnings.catch_warnings(action="ignore"):  # Keras's: a lambda can't be saved
            config = _reseeded(layer.get_config())
        # Keras would look for the user's own activations and initializers by their names.
        functions = {key: getattr(layer, key, None) for key in config}
        config |= {key: _function_like(f) for key, f in functions.items() if _is_own_function(f)}
        return type(layer).from_config(config)
    except (NotImplementedError, TypeError) as error:
        raise ValueError(
            f"Layer {layer.name!r} can't draw its weights anew: its class {type(layer).__name__} "
            "needs a get_config() that returns the arguments of its __init__()."
        ) from error


def _is_own_function(thing):
    is_kerass = getattr(thing, "__module__", "").startswith("keras.")
    return callable(thing) and not isinstance(thing, keras.layers.Layer) and not is_kerass


def _function_like(function):
    if hasattr(function, "get_config"):
        return type(function).from_config(_reseeded(function.get_config()))
    return function


def _reseeded(config):
    if isinstance(config, dict):
        return {
            key: random.getrandbits(31) if key == "seed" and value is not None else _reseeded(value)
            for key, value in config.items()
        }
    return [_reseeded(value) for value in config] if isinstance(config, list) else config


def _rebuilt(model, fresh):
    """Build a network anew with the layers `fresh` in place of those that they stand for.

    The others are on the same variables, for they stay as they are.
    """
    made = dict(fresh)

    def call(layer, *args, **kwargs):
        if id(layer) not in made:
            made[id(layer)] = _rebuilt(layer, made) if is_network(layer) else twin(layer)
        return made[id(layer)](*args, **kwargs)

    return rebuild(as_functional(model), call)


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
