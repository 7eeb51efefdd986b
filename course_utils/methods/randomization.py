"""Sanity check: does a heatmap change when the network forgets what it has learned?"""

import gc
import random
import warnings
from collections.abc import Iterable, Iterator, Sequence

from course_utils.arguments import Picture, nearest
from course_utils.backend import keras, random_state_kept, tf
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
    images: Sequence[Picture] | None = None,
    seed: int = 0,
) -> Iterator[tuple[str, ImageClassifier]]:
    """Let a network forget, layer by layer from the top, with a copy at each stop.

    A layer forgets by drawing its weights anew, from its own initializer. Batch normalization that
    has forgotten takes the means and variances of `images`: with the trained ones the picture would
    be lost on the way, and heatmaps would change for that reason alone.

    Args:
        classifier: `ImageClassifier`. It stays as it is.
        layer_names: Names of layers with a kernel, where to stop. The copies come from the top
            down, whatever the order here. None means all layers that have one.
        images: Sequence of pictures, uint8 (H, W, 3), for batch normalization; None means the
            course's sample pictures.
        seed: int; the same seed gives the same weights. What a layer draws is the same in all
            copies.

    Returns:
        Iterator of tuples (layer's name, `ImageClassifier` in which this layer and all above it
        have forgotten), each on a network of its own.

    Raises:
        ValueError: No layer of that name has a kernel.

    Source:
        Adebayo et al., https://arxiv.org/abs/1810.03292: cascading randomization.
    """
    runner_of(classifier)  # raises if it is no classifier
    with_kernel = _layers_with_kernel(classifier.model)
    if isinstance(layer_names, str):
        raise ValueError(f"layer_names is a list of names: [{layer_names!r}].")
    stops = with_kernel if layer_names is None else list(layer_names)
    for name in stops:
        if name not in with_kernel:
            names = ", ".join(map(repr, nearest(name, with_kernel, cutoff=0)))
            raise ValueError(f"No layer with a kernel is called {name!r}. The nearest are {names}.")
    sources = sample_image_names() if images is None else images
    inputs = classifier.preprocess([load_image(s, classifier.input_size) for s in sources])
    from_the_top = [name for name in reversed(with_kernel) if name in stops]
    return ((name, _randomized_from(name, classifier, inputs, seed)) for name in from_the_top)


def _layers_with_kernel(model):
    """Return the names of the layers that have one, each once, in the order of their first call."""
    calls = [call for call in trace_calls(model).calls if not is_network(call.layer)]
    weights = {call.name: getattr(call.layer, "weights", []) for call in calls}
    return [name for name in weights if any(len(w.shape) > 1 for w in weights[name])]


def _randomized_from(layer_name, classifier, inputs, seed):
    """Return a copy in which a layer and all that come after it are as before training.

    The layers that have forgotten nothing share their variables with the network itself.
    """
    gc.collect()  # networks refer to themselves in circles: the copies before would stay
    calls = trace_calls(classifier.model).calls
    start = [call.name for call in calls].index(layer_name)
    trained = {id(call.layer): call.layer for call in calls if _can_draw(call.layer)}
    forgotten = trained.keys() & {id(call.layer) for call in calls[start:]}
    with random_state_kept():
        # All of Keras's draw, in order, so that a layer draws the same in all copies. A bare number
        # might be what the network was seeded with before its training: it would go back there.
        random.seed(f"randomized_copies {seed}")
        drawn = {key: _like(trained[key]) for key in trained if has_call_of_keras(trained[key])}
        made = {key: drawn[key] for key in drawn if key in forgotten}
        copy = _rebuilt(classifier.model, forgotten, made, seed)
    graph = trace_calls(copy)
    calls = [*graph.calls[:start], *map(_measuring, graph.calls[start:])]

    def measure(batch):
        run_calls(calls, [(graph.input, batch)], [graph.output])

    # Compiled, also what a layer computes on its way is let go at once: 0.1 GB less.
    batch = tf.constant(inputs)
    tf.function(measure).get_concrete_function(batch)(batch)
    return ImageClassifier(
        f"{classifier.name}, random from {layer_name}",
        copy,
        classifier.preprocess_input,
        classifier.class_names,
        classifier.input_size,
    )


def _can_draw(layer):
    is_adapted = isinstance(layer, keras.layers.Normalization)
    return getattr(layer, "weights", []) and not is_adapted and not is_network(layer)


def _like(layer):
    """Make a layer with the options of another, but for the seeds of its initializers."""
    try:
        with warnings.catch_warnings(action="ignore"):  # Keras's: a lambda can't be saved
            config = _reseeded(layer.get_config())
        for key in config:
            value = getattr(layer, key, None)
            if callable(value) and not isinstance(value, keras.layers.Layer):
                config[key] = _function_like(value)
        return type(layer).from_config(config)
    except (NotImplementedError, TypeError) as error:
        raise ValueError(
            f"Layer {layer.name!r} can't draw its weights anew: its class {type(layer).__name__} "
            "needs a get_config() that returns the arguments of its __init__()."
        ) from error


def _function_like(function):
    """Return an activation as it is, an initializer anew: Keras would look for them by name."""
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


def _rebuilt(model, forgotten, made, seed):
    """Build a network anew, with fresh layers in place of those whose ids are in `forgotten`.

    The others are on the same variables, for they stay as they are. `made` collects {id of a layer:
    the one in its place}. A layer of the user's own may draw its weights when it is called.
    """

    def call(layer, *args, **kwargs):
        key = id(layer)
        if key in forgotten and key not in made:
            random.seed(f"randomized_copies {seed} {layer.name}")
            made[key] = _like(layer)
        elif key not in made:
            is_nested = is_network(layer)
            made[key] = _rebuilt(layer, forgotten, made, seed) if is_nested else twin(layer)
        return made[key](*args, **kwargs)

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
