"""Receptive fields: how much of the picture one value of a feature map can see."""

from typing import Any, NamedTuple

from course_utils.backend import keras
from course_utils.engine.graph import Graph, has_call_of_keras, pass_on

layers = keras.layers
_SLIDING = (
    layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.MaxPooling2D,
    layers.AveragePooling2D,
)  # fmt: skip
_POINTWISE = (
    layers.Activation, layers.BatchNormalization, layers.Dropout, layers.ELU, layers.Identity,
    layers.LeakyReLU, layers.Normalization, layers.PReLU, layers.ReLU, layers.Rescaling,
)  # fmt: skip
_MERGES = (
    layers.Add, layers.Average, layers.Maximum, layers.Minimum, layers.Multiply, layers.Subtract,
)  # fmt: skip


class Window(NamedTuple):
    """Along one axis: which pixels the first value of a feature map sees, and the next one's step.

    `start` is negative where the window reaches into the padding.
    """

    start: int
    size: int
    step: int


def receptive_windows(graph: Graph) -> dict[str, tuple[Window, Window] | None]:
    """Return {layer's name: (vertical, horizontal)}, the pixels of the input that its values see.

    None stands for a layer that sees all, as after global pooling, or of a kind not known here.
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
    joins_channels = isinstance(layer, layers.Concatenate) and layer.axis in (-1, 3)
    if isinstance(layer, _MERGES) or joins_channels:
        return _merge(inputs)
    slides = _slides(layer, call.inputs[0].shape[1:3])
    return slides and tuple(
        Window(
            window.start - padding * window.step,
            window.size + reach * window.step,
            window.step * stride,
        )
        for window, (padding, reach, stride) in zip(inputs[0], slides, strict=True)
    )


def _merge(inputs):
    """Return the smallest windows that hold those of all inputs; None if their steps differ."""
    axes = []
    for windows in zip(*inputs, strict=True):
        if len({window.step for window in windows}) > 1:
            return None
        start = min(window.start for window in windows)
        end = max(window.start + window.size for window in windows)
        axes.append(Window(start, end - start, windows[0].step))
    return tuple(axes)


def _slides(layer, lengths):
    """Tell how a layer slides along its input: for each axis (padding before it, reach, stride).

    The reach is how far the last position that a value reads is from the first. None: not known.
    """
    if isinstance(layer, layers.ZeroPadding2D):
        return [(before, 0, 1) for before, _ in layer.padding]
    if isinstance(layer, layers.Cropping2D):
        return [(-before, 0, 1) for before, _ in layer.cropping]
    if not isinstance(layer, _SLIDING):
        return None
    kernel = getattr(layer, "kernel_size", None) or layer.pool_size
    dilation = getattr(layer, "dilation_rate", (1, 1))
    axes = []
    for length, size, stride, rate in zip(lengths, kernel, layer.strides, dilation, strict=True):
        reach, padding = (size - 1) * rate, 0
        if layer.padding == "same":
            remaining = 1 if stride == 1 else (length - 1) % stride + 1  # for the last step
            padding = max(reach + 1 - remaining, 0) // 2
        axes.append((padding, reach, stride))
    return axes
