"""Grad-CAM and its relatives, at any layer: `make_gradcam_heatmap`."""

import numpy as np
from numpy.typing import NDArray

from course_utils.methods.class_activation import class_activation_map
from course_utils.methods.table import METHODS
from course_utils.networks.classifier import ImageClassifier


def make_gradcam_heatmap(
    classifier: ImageClassifier,
    image: NDArray[np.uint8],
    class_index: int | None = None,
    layer_name: str | None = None,
    method: str = "grad_cam",
) -> NDArray[np.float32]:
    """Show which regions of a picture speak for a class.

    The gradient is that of the class's logit, since a probability near 1 has almost none. Another
    class of the same picture costs only the layers behind `layer_name`.

    Args:
        classifier: `ImageClassifier`.
        image: uint8 (H, W, 3), RGB.
        class_index: int; None means the class that the network ranks first.
        layer_name: A layer with feature maps; None means the last one,
            `classifier.last_conv_layer_name`. tf-keras-vis calls it `penultimate_layer`.
        method: A key of `METHODS` that works at a layer, such as "grad_cam", "grad_cam++" or
            "layer_cam".

    Returns:
        float32 (h, w) in [0, 1], one value for each position of the layer's feature maps, divided
        by the largest. All zeros, and a warning, where nothing at the layer speaks for the class.

    Raises:
        ValueError: There is no such class, layer or method, `image` is not one picture, or what the
            network makes of it is NaN or infinite.

    Sources:
        `METHODS[method].paper`.
    """
    formulas = {key: row.formula for key, row in METHODS.items() if row.formula}
    if not isinstance(method, str) or method not in formulas:
        raise ValueError(f"method must be one of {', '.join(formulas)}, not {method!r}.")
    return class_activation_map(formulas[method], classifier, image, class_index, layer_name)
