"""Class activation maps: a layer's feature maps, weighted by what they do for a class.

Each method is a formula: it takes feature maps and a logit's gradients at them, both float32
(h, w, channels), and returns a signed map (h, w). `METHODS` has the addresses of the papers.
"""

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from course_utils.arguments import Picture
from course_utils.engine.runner import to_array
from course_utils.methods.scaling import scale_to_unit
from course_utils.networks.classifier import ImageClassifier, runner_of

FloatMap = NDArray[np.float32]
Formula = Callable[[FloatMap, FloatMap], FloatMap]


def grad_cam(maps: FloatMap, gradients: FloatMap) -> FloatMap:
    """Weight each channel by its mean gradient and sum (Selvaraju et al.)."""
    return maps @ gradients.mean(axis=(0, 1))


def grad_cam_plus_plus(maps: FloatMap, gradients: FloatMap) -> FloatMap:
    """Weight each channel by its positive gradients, each times an alpha (Chattopadhay et al.).

    For the score exp(logit), alpha is g^2 / (2 g^2 + sum(A) g^3), where A is the channel's map and
    g its gradient: 1 / (2 + sum(A) g) unless g is 0. We leave out the factor exp(logit) that all
    weights share: it would overflow, and scaling removes it anyway. At a linear layer sum(A) can be
    negative; the denominator then crosses zero, and the slightest noise changes the map. So we sum
    only the positive part of A, which behind a ReLU is all of it, as the paper assumes.

    Other readings give other maps: tf-keras-vis scales a channel's alphas to sum to 1, and Xplique
    takes the mean over positions instead of the sum.
    """
    positive = np.maximum(gradients, 0)
    alphas = 1 / (2 + np.maximum(maps, 0).sum(axis=(0, 1)) * positive)
    return maps @ (alphas * positive).sum(axis=(0, 1))


def layer_cam(maps: FloatMap, gradients: FloatMap) -> FloatMap:
    """Weight each position of each channel by its positive gradient and sum (Jiang et al.)."""
    return (maps * np.maximum(gradients, 0)).sum(axis=-1)


def hires_cam(maps: FloatMap, gradients: FloatMap) -> FloatMap:
    """Weight each position of each channel by its gradient and sum (Draelos and Carin).

    Where the logit is linear in the maps, as behind the last layer of most networks, the map sums
    to the logit less its bias. The paper keeps the sign; `make_gradcam_heatmap` shows the positive
    part, as for the other methods.
    """
    return (maps * gradients).sum(axis=-1)


FORMULAS: dict[str, Formula] = {
    "grad_cam": grad_cam,
    "grad_cam++": grad_cam_plus_plus,
    "layer_cam": layer_cam,
    "hires_cam": hires_cam,
}


def make_gradcam_heatmap(
    classifier: ImageClassifier,
    image: Picture,
    class_index: int | None = None,
    layer_name: str | None = None,
    method: str = "grad_cam",
) -> FloatMap:
    """Show which regions of a picture speak for a class.

    The gradient is the logit's: the probability's would ask why this class rather than all others.
    For another class of the same picture, only the layers behind `layer_name` run again.

    Args:
        classifier: `ImageClassifier`.
        image: uint8 (H, W, 3), RGB.
        class_index: int; None means the class that the network ranks first.
        layer_name: A layer with feature maps; None means the last one with places,
            `classifier.last_conv_layer_name`. tf-keras-vis calls it `penultimate_layer`.
        method: "grad_cam", "grad_cam++", "layer_cam" or "hires_cam".

    Returns:
        float32 (h, w) in [0, 1], one value for each position of the layer's feature maps, divided
        by the largest. All zeros, and a warning, where nothing at the layer speaks for the class.

    Raises:
        ValueError: There is no such class, layer or method, `image` is not one picture, or what the
            network makes of it is NaN or infinite.

    Sources:
        `METHODS[method].paper`.
    """
    if method not in list(FORMULAS):
        raise ValueError(f"method must be one of {', '.join(FORMULAS)}, not {method!r}.")
    runner = runner_of(classifier)
    image, class_index = runner.check_request(image, class_index)
    layer_name = runner.check_layer_name(layer_name)
    if limits := runner.explain_limits(layer_name):
        warnings.warn(limits, stacklevel=2)
    maps, gradients = map(to_array, runner.maps_and_gradients(image, layer_name, class_index))
    heatmap = scale_to_unit(np.maximum(FORMULAS[method](maps, gradients), 0))
    if not heatmap.any():
        words = f"{method} finds nothing that speaks for this class: the heatmap is all zeros."
        warnings.warn(words, stacklevel=2)
    return heatmap
