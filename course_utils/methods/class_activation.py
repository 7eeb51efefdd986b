"""Class activation maps: a layer's feature maps, weighted by what they do for a class.

A formula takes feature maps and a logit's gradients at them, both float32 (h, w, channels), and
returns a signed map (h, w). `make_gradcam_heatmap` keeps what is positive and scales it.
"""

import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from course_utils.engine.runner import to_array
from course_utils.methods.scaling import scale_to_unit
from course_utils.networks.classifier import ImageClassifier, runner_of

FloatMap = NDArray[np.float32]
Formula = Callable[[FloatMap, FloatMap], FloatMap]


def grad_cam(maps: FloatMap, gradients: FloatMap) -> FloatMap:
    """Weight each channel by its mean gradient and sum.

    Source:
        Selvaraju et al., https://arxiv.org/abs/1610.02391.
    """
    return maps @ gradients.mean(axis=(0, 1))


def grad_cam_plus_plus(maps: FloatMap, gradients: FloatMap) -> FloatMap:
    """Weight each channel by its positive gradients, each times the paper's alpha, and sum.

    For the score exp(logit), the paper's alpha is g^2 / (2 g^2 + sum(A) g^3), with the sum of the
    channel's map A over all positions: 1 / (2 + sum(A) g) where g is not 0. The factor exp(logit)
    of every weight is left out: it would overflow, and scaling removes it anyway.

    The paper has maps from a ReLU in mind. At a linear layer sum(A) can be negative, the
    denominator crosses zero, and the slightest noise gives another map. So only the positive part
    of A is summed; behind a ReLU that changes nothing.

    tf-keras-vis scales the alphas of a channel to sum 1, and Xplique takes their mean for the
    sum over positions: both give other maps.

    Source:
        Chattopadhay et al., https://arxiv.org/abs/1710.11063.
    """
    positive = np.maximum(gradients, 0)
    alphas = 1 / (2 + np.maximum(maps, 0).sum(axis=(0, 1)) * positive)
    return maps @ (alphas * positive).sum(axis=(0, 1))


def layer_cam(maps: FloatMap, gradients: FloatMap) -> FloatMap:
    """Weight each position of each channel by its positive gradient and sum.

    Source:
        Jiang et al., https://doi.org/10.1109/TIP.2021.3089943.
    """
    return (maps * np.maximum(gradients, 0)).sum(axis=-1)


def hires_cam(maps: FloatMap, gradients: FloatMap) -> FloatMap:
    """Multiply each position of each channel by its gradient and sum: nothing is averaged.

    Where the logit is linear in the maps, as behind the last layer of most networks, the sum over
    all positions is the logit less its bias. The paper's map keeps its sign;
    `make_gradcam_heatmap` shows the positive part, as for the other methods.

    Source:
        Draelos and Carin, https://arxiv.org/abs/2011.08891.
    """
    return (maps * gradients).sum(axis=-1)


FORMULAS: Mapping[str, Formula] = MappingProxyType(
    {
        "grad_cam": grad_cam,
        "grad_cam++": grad_cam_plus_plus,
        "layer_cam": layer_cam,
        "hires_cam": hires_cam,
    }
)


def make_gradcam_heatmap(
    classifier: ImageClassifier,
    image: NDArray[np.uint8],
    class_index: int | None = None,
    layer_name: str | None = None,
    method: str = "grad_cam",
) -> FloatMap:
    """Show which regions of a picture speak for a class.

    The gradient is that of the class's logit: the probability's would ask why this class rather
    than all others. Another class of the same picture costs only the layers behind `layer_name`.

    Args:
        classifier: `ImageClassifier`.
        image: uint8 (H, W, 3), RGB.
        class_index: int; None means the class that the network ranks first.
        layer_name: A layer with feature maps; None means the last one with places,
            `classifier.last_conv_layer_name`. tf-keras-vis calls it `penultimate_layer`.
        method: A key of `FORMULAS`: "grad_cam", "grad_cam++", "layer_cam" or "hires_cam".

    Returns:
        float32 (h, w) in [0, 1], one value for each position of the layer's feature maps, divided
        by the largest. All zeros, and a warning, where nothing at the layer speaks for the class.

    Raises:
        ValueError: There is no such class, layer or method, `image` is not one picture, or what the
            network makes of it is NaN or infinite.

    Sources:
        `METHODS[method].paper`.
    """
    if not isinstance(method, str) or method not in FORMULAS:
        raise ValueError(f"method must be one of {', '.join(FORMULAS)}, not {method!r}.")
    runner = runner_of(classifier)
    image, class_index = runner.check_request(image, class_index)
    layer_name = runner.check_layer_name(layer_name)
    if limits := runner.explain_limits(layer_name):
        warnings.warn(limits, stacklevel=2)
    maps, gradients = map(to_array, runner.maps_and_gradients(image, layer_name, class_index))
    heatmap = scale_to_unit(np.maximum(FORMULAS[method](maps, gradients), 0))
    if not heatmap.any():
        warnings.warn(
            f"{method} finds nothing that speaks for this class: the heatmap is all zeros.",
            stacklevel=2,
        )
    return heatmap
