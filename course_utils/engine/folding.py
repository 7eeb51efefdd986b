"""Batch normalization folded into the convolution before it: the same numbers in half the time.

At inference, batch normalization multiplies each channel by a constant and adds another. A
convolution whose kernel is multiplied in advance, and that has a bias, does both in one pass.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from course_utils.backend import keras, tf
from course_utils.engine.graph import Call, Graph, readers_of

_CONVOLVE = {
    keras.layers.Conv2D: keras.ops.conv,
    keras.layers.DepthwiseConv2D: keras.ops.depthwise_conv,
}


def find_folds(graph: Graph) -> list[tuple[Call, Call, Call]]:
    """List the pairs of calls that may run as one: (convolution, normalization, both in one)."""
    readers, folds = readers_of(graph), []
    for call in graph.calls:
        following = readers.get(id(call.output), [])
        if len(following) == 1 and _is_foldable(call.layer, following[0].layer):
            [normalization] = following
            function = _fold(call.layer, normalization.layer)
            both = normalization._replace(function=function, args=call.args, kwargs={})
            folds.append((call, normalization, both))
    return folds


def fold_calls(calls: list[Call], fetches: Iterable, folds: Iterable) -> list[Call]:
    """Return `calls` with every pair of `folds` in one, except where a fetch lies between them."""
    present, wanted = {id(call) for call in calls}, {id(tensor) for tensor in fetches}
    replaced = {}
    for convolution, normalization, both in folds:
        if {id(convolution), id(normalization)} <= present and id(convolution.output) not in wanted:
            replaced[id(convolution)], replaced[id(normalization)] = [both], []
    return [new for call in calls for new in replaced.get(id(call), [call])]


def _is_foldable(layer, following):
    return (
        type(layer) in _CONVOLVE
        and type(following) is keras.layers.BatchNormalization
        and layer.activation is keras.activations.linear
        and following.axis in (-1, 3)
        and layer.compute_dtype == following.compute_dtype
        and layer.compute_dtype in ("float32", "float64")
    )


def _fold(layer, normalization):
    scale, bias = scale_and_bias(normalization)
    if layer.use_bias:
        bias = bias + scale * layer.bias.numpy()
    if isinstance(layer, keras.layers.DepthwiseConv2D):  # kernel (height, width, channels, depth)
        scale = scale.reshape(layer.kernel.shape[2:])
    kernel = tf.constant(layer.kernel.numpy() * scale, layer.compute_dtype)
    bias = tf.constant(bias, layer.compute_dtype)
    options = {"padding": layer.padding, "dilation_rate": layer.dilation_rate}

    def convolve_and_add(inputs):
        inputs = tf.cast(inputs, kernel.dtype)  # as a layer does
        outputs = _CONVOLVE[type(layer)](inputs, kernel, layer.strides, **options)
        return tf.nn.bias_add(outputs, bias)

    return convolve_and_add


def scale_and_bias(normalization: keras.layers.BatchNormalization) -> tuple[NDArray, NDArray]:
    """Return what an inference multiplies each channel by and adds to it, float64."""
    mean, variance = normalization.moving_mean.numpy(), normalization.moving_variance.numpy()
    scale = 1 / np.sqrt(np.float64(variance) + normalization.epsilon)
    if normalization.scale:
        scale = scale * normalization.gamma.numpy()
    bias = -np.float64(mean) * scale
    if normalization.center:
        bias = bias + normalization.beta.numpy()
    return scale, bias
