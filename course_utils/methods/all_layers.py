"""Every layer of a network in one run: its feature maps, and a logit's gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.arguments import check_image
from course_utils.backend import keras
from course_utils.engine.runner import to_array
from course_utils.networks.classifier import ImageClassifier, runner_of


def run_layers(
    classifier: ImageClassifier | keras.Model,
    image: NDArray[np.uint8],
    layer_names: list[str],
    preprocess_input: Callable | None = None,
) -> tuple[dict[str, Any], NDArray[np.float32]]:
    """Compute the feature maps of layers, and the logits, in one compiled run.

    `make_gradcam_heatmap` then finds for its default layer what it would compute first.

    Args:
        classifier, preprocess_input: As in `get_feature_maps`.
        image: uint8 (H, W, 3), RGB.
        layer_names: Names of layers with feature maps; none for the logits alone.

    Returns:
        Tuple (dict from layer name to tensor (1, height, width, channels), the logits, float32
        (classes,), or what else is the network's output).
        They stay tensors because copying them all takes as long as computing them; `to_array`
        converts one.
    """
    runner = runner_of(classifier, preprocess_input)
    maps, logits = runner.all_layers(runner.inputs(check_image(image)), layer_names)
    return dict(zip(layer_names, maps, strict=True)), to_array(logits)


def layer_gradients(
    classifier: ImageClassifier, image: NDArray[np.uint8], class_index: int | None
) -> dict[str, tuple[Any, Any]]:
    """Compute a logit's gradients with respect to the feature maps of all layers, in one run.

    Args:
        classifier: `ImageClassifier`.
        image: uint8 (H, W, 3), RGB.
        class_index: int; None means the class that the network ranks first.

    Returns:
        dict from the names of `classifier.conv_layer_names` to pairs of tensors (1, height, width,
        channels): feature maps, gradients. `to_array` converts one.
    """
    runner, names = runner_of(classifier), classifier.conv_layer_names
    inputs = runner.inputs(check_image(image))
    pairs = zip(*runner.all_gradients(inputs, names, class_index), strict=True)
    return dict(zip(names, pairs, strict=True))
