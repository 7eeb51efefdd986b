"""Feature visualization: a picture that a channel or a class responds to, by gradient ascent.

A picture is made of waves, whose strengths are optimized instead of pixels, and the network sees
it each time through another window. Without the two, noise would do: see Olah et al., Feature
Visualization, https://doi.org/10.23915/distill.00007.
"""

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from course_utils.arguments import check_count, check_finite, is_whole_number
from course_utils.backend import keras, tf
from course_utils.engine.graph import needed_calls, output_of
from course_utils.networks.classifier import ImageClassifier, runner_of

_SMALLEST, _LARGEST = 16, 1024  # pixels; a larger picture takes minutes
_LEAST_DEFAULT = 64
_VIEW = 2 / 3  # of the picture's height and width: what the network sees at once
_WINDOWS = 0.5, 0.85  # of them: what is scaled to that
_START, _RATE = 0.01, 0.1
_LEAK = 0.05  # what a negative value counts
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
) -> NDArray[np.uint8]:
    """Make a picture that drives a channel's mean up.

    It shows one thing that the channel responds to, not all, and is no photograph. Negative
    values count a twentieth, so that a channel that a ReLU silences at first can wake up.

    Args:
        model: `ImageClassifier`, or any `keras.Model` that is functional or `Sequential`.
        layer_name: A layer with feature maps.
        channel: Which of them, from 0.
        size: The picture's height and width in pixels, 16 to 1024. None means what one value of the
            layer sees, and a margin: 64 or more, but no more than the network's input.
        num_steps: How many steps, 1 or more. 128 give a clear picture, 30 a first idea.
        seed: int; the same seed gives the same picture, a different seed a different one.
        preprocess_input: For a `keras.Model`: function from float32 RGB (N, h, w, 3) in [0, 255] to
            its input. It multiplies colors and adds, as most do. An `ImageClassifier` has its own.

    Returns:
        uint8 (size, size, 3), RGB. Noise, and a warning, where no picture changes the channel.

    Raises:
        ValueError: There is no such layer or channel, a number is out of range, or the network
            can't take pictures of that size or has a `preprocess_input` that is not affine.

    Sources:
        Olah et al., https://doi.org/10.23915/distill.00007; Mordvintsev et al.,
        https://doi.org/10.23915/distill.00012.
    """
    runner = runner_of(model, preprocess_input)
    layer_name = runner.check_layer_name(layer_name)
    last = runner.feature_map_shapes[layer_name][-1] - 1
    if not is_whole_number(channel, 0, last):
        raise ValueError(
            f"channel must be a whole number from 0 to {last} at layer {layer_name!r}, not "
            f"{channel!r}."
        )
    field = runner.receptive_fields[layer_name] or runner.input_size
    default = tuple(map(_default_length, field, runner.input_size))
    size = _check_size(size, default)
    return _ascend(runner, layer_name, int(channel), size, num_steps, seed)


def visualize_class(
    classifier: ImageClassifier,
    class_index: int,
    size: int | None = None,
    num_steps: int = 128,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Make a picture that drives a class's logit up.

    The network will be sure of it, and no one would take it for a photograph.

    Args:
        classifier: `ImageClassifier`.
        class_index: int.
        size: As in `visualize_channel`; None means 1.5 times `classifier.input_size`,
            since the network sees two thirds of height and width at once.
        num_steps, seed: As in `visualize_channel`.

    Returns:
        uint8 (size, size, 3), RGB; (336, 336, 3) for the embedded network.

    Raises:
        ValueError: There is no such class; and as `visualize_channel`.

    Sources:
        Those of `visualize_channel`.
    """
    runner = runner_of(classifier)
    if class_index is None:
        raise ValueError("class_index is missing: class_index('flamingo') finds that of a name.")
    index = runner.check_class_index(class_index)
    default = tuple(round(length / _VIEW) for length in runner.input_size)
    return _ascend(runner, None, index, _check_size(size, default), num_steps, seed)


def _default_length(field, largest):
    """The field and a twelfth of it, in whole sixteens: 132 pixels become 144."""
    return min(max(_LEAST_DEFAULT, -(-field * 13 // 12 // 16) * 16), largest)


def _check_size(size, default):
    if size is None:
        return default
    if not is_whole_number(size, _SMALLEST, _LARGEST):
        raise ValueError(
            f"size must be a whole number of pixels from {_SMALLEST} to {_LARGEST}, not {size!r}."
        )
    return int(size), int(size)


def _ascend(runner, layer_name, index, size, num_steps, seed):
    """Climb up the mean of a layer's channel, or for the layer None a class's logit.

    Each step looks through another window, and the network sees two thirds of (height, width).
    """
    num_steps = check_count("num_steps", num_steps)
    generator = np.random.default_rng(seed)
    view = tuple(round(_VIEW * length) for length in size)
    shape = (2, 3, size[0], size[1] // 2 + 1)
    waves = tf.constant(_START * generator.standard_normal(shape), tf.float32)
    moments, silent = tf.zeros((2, *shape)), True
    for step in range(num_steps):
        window = _random_window(generator)
        with tf.GradientTape() as tape:
            tape.watch(waves)
            inputs = _look(waves, size, window, view, *runner.preprocessing)
        slope = _gradient_at(inputs, size, runner, layer_name, index)
        silent = silent and not np.any(slope)
        slope = tape.gradient(inputs, waves, output_gradients=slope)
        waves, moments = _adam(waves, moments, slope, tf.constant(step + 1, tf.float32))
    if silent:
        warnings.warn("Nothing has moved the picture: it is the start's noise.", stacklevel=3)
    picture = check_finite(
        np.asarray(_picture(waves, size))[0],
        "The network's output for this picture, or its gradient,",
        "Did its training diverge, or is the size too small for its layers?",
    )
    return np.uint8(np.round(255 * picture))


def _gradient_at(inputs, size, runner, layer_name, index):
    """Return the gradient at the network's input, or say that it can't take one of this size."""
    try:
        return _mean_gradient(runner, inputs, layer_name, index)
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        (height, width), (_, rows, columns, _) = size, inputs.shape
        raise ValueError(
            f"The network can't take {rows} x {columns} pixels, what it would see at once of "
            f"{height} x {width}. Leave out size: a class gets one that fits any network."
        ) from error


def _mean_gradient(runner, inputs, layer_name, index):
    """Return the gradient (1, h, w, C) of a channel's mean, or for the layer None of a logit.

    A channel's negative values count a twentieth, also where a ReLU makes them 0: a channel that is
    silent at first could not wake up otherwise.
    """

    def build():
        graph = runner.graph
        calls, target = graph.calls, graph.output
        if layer_name is not None:
            calls, target = _before_relu(graph, layer_name)

        def gradient(index, inputs):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(inputs)
                [outputs] = runner.run(calls, [(graph.input, inputs)], [target])
                values = tf.gather(outputs, index, axis=-1)
                if layer_name is not None:
                    values = tf.nn.leaky_relu(values, _LEAK)
                mean = tf.reduce_mean(values)
            return tape.gradient(mean, inputs, unconnected_gradients="zero")

        pictures = tf.TensorSpec((1, None, None, graph.input.shape[-1]), tf.float32)
        return gradient, [tf.TensorSpec((), tf.int32), pictures]

    compute = runner.compiled(("mean gradient", layer_name), build, often=True)
    return compute(tf.constant(index, tf.int32), inputs)


def _before_relu(graph, layer_name):
    """Return the calls up to what a layer's ReLU gets, and that tensor; without a ReLU, all."""
    target = output_of(graph, layer_name)
    calls = needed_calls(graph.calls, [target])
    last = calls[-1]
    has_relu = getattr(last.layer, "activation", None) is keras.activations.relu
    if isinstance(last.layer, keras.layers.ReLU) or (
        has_relu and isinstance(last.layer, keras.layers.Activation)
    ):
        return calls[:-1], last.inputs[0]
    if has_relu and type(last.layer) is keras.layers.Conv2D:
        calls[-1] = last._replace(function=partial(_convolve, last.layer))
    return calls, target


def _convolve(layer, inputs):
    """Apply a convolution without its activation, in the precision in which the layer computes."""
    inputs, kernel = (keras.ops.cast(x, layer.compute_dtype) for x in (inputs, layer.kernel))
    outputs = layer.convolution_op(inputs, kernel)
    return outputs + keras.ops.cast(layer.bias, outputs.dtype) if layer.use_bias else outputs


def _random_window(generator):
    """Return a window on the picture (top, left, bottom, right), float32 (1, 4) in [0, 1]."""
    side = generator.uniform(*_WINDOWS)
    corner = (1 - side) * np.clip(generator.uniform(-0.2, 1.2, 2), 0, 1)  # often at the edges
    return np.float32([[*corner, *(corner + side)]])


_WAVES = tf.TensorSpec((2, 3, None, None), tf.float32)
_PAIR = tf.TensorSpec((2,), tf.int32)


@tf.function(
    input_signature=[
        _WAVES,
        _PAIR,
        tf.TensorSpec((1, 4), tf.float32),
        _PAIR,
        tf.TensorSpec((3, None), tf.float32),
        tf.TensorSpec((None,), tf.float32),
    ]
)
def _look(waves, size, window, view, matrix, offset):
    """Return what a window shows of the picture, float32 (1, *view, 3), preprocessed."""
    colors = tf.image.crop_and_resize(_picture(waves, size), window, [0], view)
    return colors @ matrix + offset


@tf.function(input_signature=[_WAVES, _PAIR])
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


@tf.function(input_signature=[_WAVES, tf.TensorSpec((2, *_WAVES.shape)), _WAVES, tf.TensorSpec(())])
def _adam(values, moments, slope, step):
    """Take a step upwards; return the new values and the running means of slope and its square."""
    decays = tf.reshape(_DECAYS, (2, 1, 1, 1, 1))
    moments = decays * moments + (1 - decays) * tf.stack([slope, slope**2])
    mean, square = tf.unstack(moments / (1 - decays**step))
    return values + _RATE * mean / (tf.sqrt(square) + 1e-8), moments
