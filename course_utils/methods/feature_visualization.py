"""Feature visualization: a picture that a channel or a class responds to, by gradient ascent.

A picture is made of waves; their strengths are optimized instead of pixels, and at each step the
network sees another window of it. Without either, noise would do: see Olah et al., Feature
Visualization, https://doi.org/10.23915/distill.00007.
"""

import warnings
from collections.abc import Callable

import numpy as np

from course_utils.arguments import Picture, check_count, check_finite
from course_utils.backend import keras, tf
from course_utils.engine.graph import has_call_of_keras, needed_calls, output_of, pass_on, twin
from course_utils.networks.classifier import ImageClassifier, runner_of

_SMALLEST = 64  # pixels
_VIEW = 2 / 3  # of the picture's height and width: what the network sees at once
_WINDOWS = 0.5, 0.85  # of them: the side of a random window, which is scaled to that view
_START, _RATE = 0.01, 0.1
_LEAK = 0.05  # how much a negative value counts
_DECAYS = 0.9, 0.999  # of Adam, https://arxiv.org/abs/1412.6980
# What the three kinds of waves do to red, green and blue: brightness, orange against blue, and
# magenta against green. These are the principal directions of ImageNet's colors, each as long as
# colors spread along it; measured for Lucid, https://github.com/tensorflow/lucid.
_COLORS = tf.constant([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]]) / 0.46


def visualize_channel(
    model: ImageClassifier | keras.Model,
    layer_name: str,
    channel: int,
    size: int | None = None,
    num_steps: int = 128,
    seed: int = 0,
    preprocess_input: Callable | None = None,
) -> Picture:
    """Make a picture that drives a channel's mean up.

    It shows one thing that the channel responds to, not all, and is no photograph. Negative
    values count a twentieth, so that a channel that a ReLU silences at first can wake up.

    Args:
        model: `ImageClassifier`, or any `keras.Model` that is functional or `Sequential`.
        layer_name: A layer with feature maps.
        channel: Which of them, from 0.
        size: The picture's height and width in pixels, 16 or more. None: what one value of the
            layer sees, and a margin, but 64 at least and the network's input at most; where a value
            sees everything, as for `visualize_class`.
        num_steps: How many steps, 1 or more. 128 give a clear picture, 30 a first idea.
        seed: int; the same seed gives the same picture, a different seed a different one.
        preprocess_input: For a `keras.Model`: function from float32 RGB (N, h, w, 3) in [0, 255] to
            its input. It multiplies colors and adds, as most do. An `ImageClassifier` has its own.

    Returns:
        uint8 (height, width, 3), RGB. Noise, and a warning, where nothing changes the channel.

    Raises:
        ValueError: There is no such layer or channel, `num_steps` is out of range, the network has
            a `preprocess_input` that is not affine, or its output is NaN or infinite.

    Sources:
        Olah et al., https://doi.org/10.23915/distill.00007; Mordvintsev et al.,
        https://doi.org/10.23915/distill.00012.
    """
    runner = runner_of(model, preprocess_input)
    layer_name = runner.check_layer_name(layer_name)
    last = runner.feature_map_shapes[layer_name][-1] - 1
    channel = check_count(f"channel of layer {layer_name!r}", channel, 0, last)
    field = runner.receptive_fields[layer_name]
    usual = field and tuple(map(_size_around, field, runner.input_size))
    sides = usual if size is None else (check_count("size", size, 16),) * 2
    return _ascend(runner, layer_name, channel, sides, num_steps, seed)


def visualize_class(
    classifier: ImageClassifier, class_index: int, num_steps: int = 128, seed: int = 0
) -> Picture:
    """Make a picture that drives a class's logit up.

    The network will be sure of it, and no one would take it for a photograph.

    Args:
        classifier: `ImageClassifier`.
        class_index: int.
        num_steps, seed: As in `visualize_channel`.

    Returns:
        uint8 (height, width, 3), RGB, 1.5 times `classifier.input_size`, since the network sees two
        thirds of height and width at once: (336, 336, 3) for the embedded network.

    Raises:
        ValueError: There is no such class; and as `visualize_channel`.
    """
    runner = runner_of(classifier)
    index = check_count("class_index", class_index, 0, classifier.num_classes - 1)
    return _ascend(runner, None, index, None, num_steps, seed)


def _size_around(field, largest):
    """Return a receptive field and a twelfth of it, in whole sixteens: 132 pixels become 144."""
    return min(max(_SMALLEST, -(-field * 13 // 12 // 16) * 16), largest)


def _ascend(runner, layer_name, index, size, num_steps, seed):
    """Climb up the mean of a layer's channel, or for the layer None a class's logit.

    `size` is the picture's (height, width); None leaves room for the network's input to move in.
    """
    num_steps = check_count("num_steps", num_steps)
    size = size or tuple(round(length / _VIEW) for length in runner.input_size)
    generator, shape = np.random.default_rng(seed), (2, 3, size[0], size[1] // 2 + 1)
    size, view = tf.constant(size), tf.constant([round(_VIEW * length) for length in size])
    waves = tf.constant(_START * generator.standard_normal(shape), tf.float32)
    moments, silent = tf.zeros((2, *shape)), True
    for step in range(num_steps):
        window = _random_window(generator)
        with tf.GradientTape() as tape:
            tape.watch(waves)
            inputs = _look(waves, size, window, view, *runner.preprocessing)
        slope = _mean_gradient(runner, inputs, layer_name, index)
        silent = silent and not np.any(slope)
        slope = tape.gradient(inputs, waves, output_gradients=slope)
        waves, moments = _adam(waves, moments, slope, tf.constant(step + 1, tf.float32))
    if silent:
        warnings.warn("Nothing has moved the picture: it is the noise it began with.", stacklevel=3)
    picture = np.asarray(_picture(waves, size))[0]
    check_finite(picture, "The network's output for this picture, or its gradient,")
    return np.uint8(np.round(255 * picture))


def _random_window(generator):
    """Return a window on the picture (top, left, bottom, right), float32 (1, 4) in [0, 1]."""
    side = generator.uniform(*_WINDOWS)
    corner = (1 - side) * np.clip(generator.uniform(-0.2, 1.2, 2), 0, 1)  # often at the edges
    return np.float32([[*corner, *(corner + side)]])


def _mean_gradient(runner, inputs, layer_name, index):
    """Return the gradient (1, h, w, C) of a channel's mean, or for the layer None of a logit."""
    graph, of_class = runner.graph, layer_name is None
    target = graph.output if of_class else output_of(graph, layer_name)

    def gradient(index, inputs):
        calls = needed_calls(graph.calls, [target])
        calls = calls if of_class else [*calls[:-1], _without_relu(calls[-1])]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            [outputs] = runner.run(calls, [(graph.input, inputs)], [target])
            values = tf.gather(outputs, index, axis=-1)
            mean = tf.reduce_mean(values if of_class else tf.nn.leaky_relu(values, _LEAK))
        return tape.gradient(mean, inputs, unconnected_gradients="zero")

    pictures = tf.TensorSpec((1, None, None, graph.input.shape[-1]), tf.float32)
    signature = [tf.TensorSpec((), tf.int32), pictures]
    compute = runner.compiled(("mean gradient", layer_name), gradient, signature, often=True)
    return compute(tf.constant(index, tf.int32), inputs)


def _without_relu(call):
    """Return a call without its ReLU, through which a silent channel has no gradient."""
    layer = call.layer
    if isinstance(layer, keras.layers.ReLU):
        return call._replace(function=pass_on)
    if getattr(layer, "activation", None) is keras.activations.relu and has_call_of_keras(layer):
        return call._replace(function=twin(layer, activation=keras.activations.linear))
    return call


@tf.function(reduce_retracing=True)  # as one function, or each step takes a fifth longer
def _look(waves, size, window, view, matrix, offset):
    """Return what the network is given of the waves' picture through a window."""
    return tf.image.crop_and_resize(_picture(waves, size), window, [0], view) @ matrix + offset


@tf.function(reduce_retracing=True)
def _picture(waves, size):
    """Return the picture (1, height, width, 3), RGB in [0, 1], that waves make.

    Waves of frequency f count 1 / f, as in photographs.
    """
    height, width = tf.unstack(tf.cast(size, tf.float32))
    down = ((tf.range(height) + height // 2) % height - height // 2) / height  # as fftfreq orders
    across = tf.range(width // 2 + 1) / width
    frequencies = tf.sqrt(down[:, None] ** 2 + across**2)
    frequencies = tf.maximum(frequencies, 1 / tf.maximum(height, width))  # not 0
    strengths = tf.sqrt(height * width) / 4 * waves / frequencies
    colors = tf.signal.irfft2d(tf.complex(strengths[0], strengths[1]), size)
    return tf.sigmoid(tf.einsum("khw,ck->hwc", colors, _COLORS))[None]


@tf.function(reduce_retracing=True)
def _adam(values, moments, slope, step):
    """Take a step upwards; return the new values and the running means of slope and its square."""
    decays = tf.reshape(_DECAYS, (2, 1, 1, 1, 1))
    moments = decays * moments + (1 - decays) * tf.stack([slope, slope**2])
    mean, square = tf.unstack(moments / (1 - decays**step))
    return values + _RATE * mean / (tf.sqrt(square) + 1e-8), moments
