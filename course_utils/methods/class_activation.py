"""Class activation maps: a layer's feature maps, weighted by what they do for a class.

A formula takes feature maps and a logit's gradients at them, both float32 (h, w, channels), and
returns a signed map (h, w). `class_activation_map` keeps what is positive and scales it.
"""

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from course_utils.arguments import check_image
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


def class_activation_map(
    formula: Formula,
    classifier: ImageClassifier,
    image: NDArray[np.uint8],
    class_index: int | None = None,
    layer_name: str | None = None,
) -> FloatMap:
    """Compute a class activation map by one of the formulas above.

    Args:
        formula: One of the functions above.
        classifier, image, class_index, layer_name: As in `make_gradcam_heatmap`.

    Returns:
        float32 (h, w) in [0, 1]. All zeros, and a warning, where nothing speaks for the class.

    Raises:
        ValueError: As `make_gradcam_heatmap`.
    """
    maps, gradients = maps_and_gradients(classifier, image, class_index, layer_name)
    heatmap = keep_positive(formula(maps, gradients))
    if not heatmap.any():
        warnings.warn(
            f"{formula.__name__} finds nothing that speaks for this class: the heatmap is all "
            "zeros.",
            stacklevel=3,
        )
    return heatmap


def keep_positive(signed: FloatMap) -> FloatMap:
    """Return a map's positive part, scaled to [0, 1].

    Raises:
        ValueError: The map holds NaN or infinite values.
    """
    return scale_to_unit(np.maximum(signed, 0))


def maps_and_gradients(
    classifier: ImageClassifier,
    image: NDArray[np.uint8],
    class_index: int | None = None,
    layer_name: str | None = None,
) -> tuple[FloatMap, FloatMap]:
    """Return a layer's feature maps and the gradient of a class's logit with respect to them.

    Args:
        classifier, image, class_index, layer_name: As in `make_gradcam_heatmap`.

    Returns:
        Tuple of two float32 (h, w, channels).

    Raises:
        ValueError: There is no such class or layer, or `image` is not one picture.
    """
    runner = runner_of(classifier)
    class_index, layer_name = (
        runner.check_class_index(class_index),
        runner.check_layer_name(layer_name),
    )
    if one_place := runner.explain_one_place(layer_name):
        warnings.warn(one_place, stacklevel=4)
    boundary = runner.up_to_layer(runner.inputs(check_image(image)), layer_name)
    gradients = runner.gradient_from_layer(boundary, layer_name, class_index)
    return to_array(boundary[0]), to_array(gradients)
