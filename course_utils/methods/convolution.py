"""A network's first convolution, place by place: what it reads, multiplies and adds."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from course_utils.arguments import Picture
from course_utils.backend import keras
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
    mixing = runner.preprocessing[0]  # (3, channels)
    calls = [call for call in runner.graph.calls if isinstance(call.layer, keras.layers.Conv2D)]
    field = calls and runner.receptive_fields[calls[0].name]
    if not field or calls[0].layer.kernel.shape[:3] != (*field, mixing.shape[1]):
        raise ValueError("The network does not begin with a convolution over a picture's colors.")
    call = calls[0]
    layer, kernels = call.layer, call.layer.kernel.numpy()
    pictures = image, np.zeros_like(image), np.full_like(image, 255)
    batch = np.concatenate([runner.prepare(picture) for picture in pictures])
    read, maps = map(np.asarray, runner.values(batch, [call.inputs[0], call.output]))
    size = kernels.shape[:2]
    patches = keras.ops.image.extract_patches(read[:1], size, layer.strides, padding=layer.padding)
    height, width = (length // 2 for length in read.shape[1:3])
    names = [COLORS[i] for i in np.abs(mixing).argmax(axis=0)]
    return Convolution(
        name=call.name,
        relu=layer.activation is keras.activations.relu,
        colors=names if len(names) == 3 else ["gray"],
        limits=read[1:, height, width],
        kernels=kernels,
        bias=layer.bias.numpy() if layer.use_bias else np.zeros(kernels.shape[3], np.float32),
        patches=np.reshape(patches, (*maps.shape[1:3], *kernels.shape[:3])),
        maps=maps[0],
    )
