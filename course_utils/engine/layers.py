"""Which layers of a network can be looked at, by their names."""

from difflib import get_close_matches
from functools import partial
from typing import Any

from course_utils.backend import keras
from course_utils.engine.graph import (
    Call,
    Graph,
    needed_calls,
    output_of,
    pass_on,
    readers_of,
)

_CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.Conv2DTranspose,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
)
_POINTWISE = (keras.layers.BatchNormalization, keras.layers.Activation, keras.layers.ReLU)


def feature_map_shapes(graph: Graph) -> dict[str, tuple[int, int, int]]:
    """Return {name: (height, width, channels)} of the layers that give feature maps, in order."""
    return {
        call.name: tuple(call.output.shape[1:])
        for call in graph.calls
        if len(getattr(call.output, "shape", ())) == 4  # some operations have several outputs
    }


def conv_layer_names(graph: Graph) -> list[str]:
    """List, for each convolution, the layer that gives its feature maps as later layers see them.

    That is the convolution itself where its activation is part of it, as in VGG16. Where batch
    normalization and activation are layers of their own, it is the last of these.

    Raises:
        ValueError: The network has no convolution.
    """
    readers = readers_of(graph)
    names = []
    for call in graph.calls:
        if not isinstance(call.layer, _CONVOLUTIONS):
            continue
        names.append(call.name)
        following = readers.get(id(call.output), [])
        while len(following) == 1 and _is_pointwise(following[0]):
            [call] = following
            if call.function is not pass_on:
                names[-1] = call.name
            following = readers.get(id(call.output), [])
    if not names:
        raise ValueError("The network has no convolution layers. Name another layer.")
    return names


def key_layer_names(graph: Graph) -> list[str]:
    """Choose an early, a middle and a late layer of `conv_layer_names`.

    They are the first, the last at the middle one of the network's resolutions, and the last.
    """
    names, shapes = conv_layer_names(graph), feature_map_shapes(graph)
    heights = [shapes[name][0] for name in names]
    stages = list(dict.fromkeys(heights))
    middle = max(i for i, height in enumerate(heights) if height == stages[len(stages) // 2])
    return [names[0], names[middle], names[-1]]


def before_relu(graph: Graph, layer_name: str) -> tuple[list[Call], Any]:
    """Find what a layer's ReLU gets, if it has one.

    Returns:
        Tuple (the network's calls up to there, the tensor that they compute: the layer's output
        where it has no ReLU).
    """
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


def explain_no_layer(graph: Graph, layer_name: object) -> str:
    """Say that no layer of that name gives feature maps, with the nearest names that do."""
    names = list(feature_map_shapes(graph))
    if not names:
        return "The network has no feature maps: no layer has height and width."
    if any(call.name == layer_name for call in graph.calls):
        fault = f"Layer {layer_name!r} has no height and width, so it gives no feature maps."
    else:
        fault = f"No layer with feature maps is called {layer_name!r}."
    nearest = get_close_matches(str(layer_name), names, n=3, cutoff=0)
    return f"{fault} The nearest names of those that have them: {', '.join(map(repr, nearest))}."


def _is_pointwise(call):
    return isinstance(call.layer, _POINTWISE) or call.function is pass_on
