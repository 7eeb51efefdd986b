"""Receptive fields: how much of the picture one value of a feature map can see."""

from typing import Any, NamedTuple

from course_utils.backend import keras
from course_utils.engine.graph import Graph, has_call_of_keras, pass_on

_WINDOWS = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
    keras.layers.MaxPooling2D,
    keras.layers.AveragePooling2D,
)
_POINTWISE = (
    keras.layers.Activation,
    keras.layers.BatchNormalization,
    keras.layers.Dropout,
    keras.layers.ELU,
    keras.layers.Identity,
    keras.layers.LeakyReLU,
    keras.layers.Normalization,
    keras.layers.PReLU,
    keras.layers.ReLU,
    keras.layers.Rescaling,
)
_MERGES = (
    keras.layers.Add,
    keras.layers.Average,
    keras.layers.Maximum,
    keras.layers.Minimum,
    keras.layers.Multiply,
    keras.layers.Subtract,
)


class Window(NamedTuple):
    """Along one axis: which pixels the first value of a feature map sees, and the next one's step.

    `start` is negative where the window reaches into the padding.
    """

    start: int
    size: int
    step: int


def receptive_windows(graph: Graph) -> dict[str, tuple[Window, Window] | None]:
    """Compute which pixels of the network's input the values of every layer see.

    Args:
        graph: `Graph`.

    Returns:
        dict from layer name to windows (vertical, horizontal). None stands for a layer that sees
        the whole picture, as after global pooling, or of a kind not known here.
    """
    windows: dict[int, Any] = {id(graph.input): (Window(0, 1, 1), Window(0, 1, 1))}
    seen = {}
    for call in graph.calls:
        inputs = [windows.get(id(tensor)) for tensor in call.inputs]
        window = _see(call, inputs) if None not in inputs else None
        windows[id(call.output)] = seen[call.name] = window
    return seen


def _see(call, inputs):
    """Return a call's windows (vertical, horizontal) from those of its inputs, or None."""
    layer = call.layer
    if call.function is pass_on:
        return inputs[0]
    if not has_call_of_keras(layer):
        return None
    if isinstance(layer, _POINTWISE):
        return inputs[0]
    if isinstance(layer, _MERGES) or _joins_channels(layer):
        return _merge(inputs)
    if getattr(layer, "data_format", None) != "channels_last":
        return None
    if isinstance(layer, keras.layers.ZeroPadding2D):
        return _shift(inputs[0], [-before for before, _ in layer.padding])
    if isinstance(layer, keras.layers.Cropping2D):
        return _shift(inputs[0], [before for before, _ in layer.cropping])
    if isinstance(layer, _WINDOWS):
        return _slide(layer, call.inputs[0].shape[1:3], inputs[0])
    return None


def _joins_channels(layer):
    return isinstance(layer, keras.layers.Concatenate) and layer.axis in (-1, 3)


def _merge(inputs):
    """The smallest windows that hold those of all inputs."""
    axes = []
    for windows in zip(*inputs, strict=True):
        if len({window.step for window in windows}) > 1:
            return None
        start = min(window.start for window in windows)
        end = max(window.start + window.size for window in windows)
        axes.append(Window(start, end - start, windows[0].step))
    return tuple(axes)


def _shift(windows, positions):
    return tuple(
        window._replace(start=window.start + position * window.step)
        for window, position in zip(windows, positions, strict=True)
    )


def _slide(layer, lengths, windows):
    """What a convolution or a pooling sees, by way of what its input has seen."""
    kernel = getattr(layer, "kernel_size", None) or layer.pool_size
    dilation = getattr(layer, "dilation_rate", (1, 1))
    axes = []
    for window, length, size, stride, rate in zip(
        windows, lengths, kernel, layer.strides, dilation, strict=True
    ):
        reach = (size - 1) * rate  # positions between the first and the last that it reads
        padding = 0 if layer.padding == "valid" else _padding_before(length, reach, stride)
        if padding is None:
            return None
        start = window.start - padding * window.step
        axes.append(Window(start, window.size + reach * window.step, window.step * stride))
    return tuple(axes)


def _padding_before(length, reach, stride):
    """Rows that padding "same" puts before the first; None where that depends on a free length."""
    if stride == 1:
        return reach // 2
    if length is None:
        return None
    outputs = -(-length // stride)
    return max((outputs - 1) * stride + reach + 1 - length, 0) // 2
