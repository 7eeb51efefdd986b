"""Feature maps: what the layers of a network make of a picture."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from course_utils.arguments import Picture, check_image
from course_utils.backend import keras
from course_utils.engine.runner import to_array
from course_utils.networks.classifier import ImageClassifier, runner_of


def get_feature_maps(
    classifier: ImageClassifier | keras.Model,
    image: Picture,
    layer_names: Iterable[str] | None = None,
    preprocess_input: Callable | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Run a network on a picture and return the outputs of its layers.

    Args:
        classifier: `ImageClassifier`, or any `keras.Model` that is functional or `Sequential`.
        image: uint8 (H, W, 3), RGB, of any size.
        layer_names: List of layers' names; None means all that give feature maps.
        preprocess_input: For a `keras.Model`: function from float32 RGB (N, h, w, 3) in [0, 255] to
            its input. An `ImageClassifier` has its own.

    Returns:
        dict from layer name to float32 (height, width, channels), in the order of `layer_names`.
        Batch normalization is folded into the convolution before it unless that convolution is
        asked for, too: in the seventh digit the values may differ from those of `keras.Model`.

    Raises:
        ValueError: There is no such layer, it has no height and width, or `image` is not one
            picture.
    """
    runner = runner_of(classifier, preprocess_input)
    names = runner.feature_map_shapes if layer_names is None else layer_names
    names = runner.check_layer_names(names)
    outputs = runner.outputs(runner.inputs(check_image(image)), names)
    return {name: np.array(to_array(maps)) for name, maps in zip(names, outputs, strict=True)}
