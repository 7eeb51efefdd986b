"""A network's first convolution, place by place: what it reads, multiplies and adds."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from course_utils.arguments import Picture
from course_utils.backend import keras
from course_utils.engine import memory
from course_utils.engine.runner import to_array
from course_utils.networks.classifier import ImageClassifier, runner_of

COLORS = "red", "green", "blue"


class Convolution(NamedTuple):
    """What a first convolution reads in a picture, and what Keras makes of it; all float32."""

    name: str
    relu: bool  # whether the layer ends in a ReLU
    colors: list[str]  # of its channels: "blue", "green", "red" for VGG16, or "gray"
    limits: NDArray  # (2, channels), what it reads where a picture is black, and white
    kernels: NDArray  # (height, width, channels, filters)
    bias: NDArray  # (filters,), zeros where there is none
    patches: NDArray  # (rows, columns, height, width, channels): what each number is made of
    maps: NDArray  # (rows, columns, filters)


def first_convolution(
    network: ImageClassifier | keras.Model, image: Picture, preprocess_input: Callable | None = None
) -> Convolution:
    """Run a network's first convolution on a picture uint8 (H, W, 3).

    Raises:
        ValueError: The network has no convolution that reads a picture's colors.
    """
    runner = runner_of(network, preprocess_input)
    graph, mixing = runner.graph, runner.preprocessing[0]  # (3, channels)
    calls = [call for call in graph.calls if isinstance(call.layer, keras.layers.Conv2D)]
    field = calls and runner.receptive_fields[calls[0].name]
    if not field or calls[0].layer.kernel.shape[:3] != (*field, mixing.shape[1]):
        raise ValueError("The network does not begin with a convolution over a picture's colors.")
    call = calls[0]
    layer, kernels = call.layer, call.layer.kernel.numpy()
    size, steps = kernels.shape[:2], {"strides": layer.strides, "padding": layer.padding}

    def compute():
        read, maps = runner.values(runner.inputs(image), [call.inputs[0], call.output])
        ends = [np.full((*runner.input_size, 3), level, np.uint8) for level in (0, 255)]
        at_ends = [runner.values(runner.inputs(end), call.inputs)[0] for end in ends]
        height, width = (length // 2 for length in read.shape[1:3])
        limits = [found[:, height, width] for found in at_ends]
        patches = keras.ops.image.extract_patches(read, size, **steps)
        return [np.stack(limits, axis=1), patches, maps]

    values = memory.remember((*runner.picture_key(image), "first convolution"), compute)
    limits, patches, maps = map(to_array, values)
    names = [COLORS[i] for i in np.abs(mixing).argmax(axis=0)]
    return Convolution(
        name=call.name,
        relu=layer.activation is keras.activations.relu,
        colors=names if len(names) == 3 else ["gray"],
        limits=limits,
        kernels=kernels,
        bias=layer.bias.numpy() if layer.use_bias else np.zeros(kernels.shape[3], np.float32),
        patches=patches.reshape(*patches.shape[:2], *kernels.shape[:3]),
        maps=maps,
    )
