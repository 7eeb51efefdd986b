"""What a network takes in: the shape of its input, and how pictures become one."""

import operator
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from course_utils.arguments import check_finite, check_image, is_whole_number
from course_utils.backend import keras
from course_utils.engine.graph import Graph, rebuild


def with_size(model: keras.Model, input_size: tuple[int, int] | None) -> keras.Model:
    """Return a functional model whose input has this (height, width), on the same layers.

    Raises:
        ValueError: The size is not a pair of whole numbers, or the model has a size of its own.
    """
    if input_size is None:
        return model
    if np.shape(input_size) != (2,) or not all(is_whole_number(n, 1) for n in input_size):
        raise ValueError(f"input_size must be (height, width), not {input_size!r}.")
    shape = model.input_shape
    if shape[1:3] == tuple(input_size):
        return model
    if len(shape) != 4 or None not in shape[1:3]:
        raise ValueError(
            f"input_size is {input_size!r}, but the network's input is {shape}. Leave it out."
        )
    return rebuild(model, operator.call, [(None, *map(int, input_size), shape[-1])])


def check_pictures(graph: Graph) -> None:
    """Check that a network takes (N, height, width, 3 or 1), and puts the channels last throughout.

    Raises:
        ValueError: It takes another shape, or leaves its size open; or a layer has channels first.
    """
    shape = graph.input.shape
    for call in graph.calls:
        if getattr(call.layer, "data_format", "") == "channels_first":
            raise ValueError(
                f"Layer {call.name!r} takes the channels first. Rebuild the network with "
                "data_format='channels_last', and new.set_weights(old.get_weights())."
            )
    if len(shape) != 4 or shape[-1] not in (1, 3):
        raise ValueError(f"The network's input must be (N, height, width, 3 or 1), not {shape}.")
    if None in shape[1:3]:
        raise ValueError(
            f"The network's input, {shape}, leaves its size open: ImageClassifier(..., "
            "input_size=(height, width)). Without classes take inputs = "
            "keras.Input((height, width, 3)) and keras.Model(inputs, model(inputs))."
        )


def prepare_images(
    images: NDArray[np.uint8] | Sequence, shape: tuple, preprocess_input: Callable | None
) -> NDArray[np.float32]:
    """Do what `ImageClassifier.preprocess` does, for an input of `shape` (h, w, channels)."""
    several = isinstance(images, list | tuple) or np.ndim(images) == 4
    pictures = [check_image(image) for image in (images if several else [images])]
    if not pictures:
        raise ValueError("There is no picture among the images.")
    height, width, channels = shape
    mode = "L" if channels == 1 else "RGB"
    resized = [
        Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC).convert(mode)
        for picture in pictures
    ]
    inputs = np.stack([np.asarray(picture, np.float32) for picture in resized]).reshape(-1, *shape)
    if preprocess_input is None:
        return inputs
    prepared = np.asarray(preprocess_input(inputs), np.float32)
    if prepared.shape != inputs.shape:
        raise ValueError(
            f"preprocess_input must keep the shape: given {inputs.shape}, it returned "
            f"{prepared.shape}. Leave out any resizing: the picture has been resized already."
        )
    return check_finite(
        prepared,
        "What preprocess_input makes of a picture",
        "Does it divide by the picture's own deviation? That of a black picture, with which others "
        "are compared, is 0: divide by np.maximum(deviation, 1).",
    )
