"""Class activation maps: Grad-CAM, Grad-CAM++ and LayerCAM."""

import warnings

import numpy as np

from course_utils.backend import tf
from course_utils.classifiers import check_image, largest_value, pick_logits
from course_utils.graph import split_calls


def make_gradcam_heatmap(classifier, image, class_index=None, layer_name=None, method="grad_cam"):
    """Show which regions of a picture speak for a class.

    The gradient is that of the class's logit, since a probability near 1 has almost none. Another
    class of the same picture costs only the layers behind `layer_name`.

    Args:
        classifier: `ImageClassifier`.
        image: uint8 (H, W, 3), RGB.
        class_index: int; None means the class that the network ranks first.
        layer_name: A layer with feature maps; None means the last one,
            `classifier.feature_layer_names[-1]`. tf-keras-vis calls it `penultimate_layer`.
        method: "grad_cam", "grad_cam++" or "layer_cam".

    Returns:
        float32 (h, w) in [0, 1], one value for each position of the layer's feature maps, divided
        by the largest. All zeros, and a warning, where nothing at the layer speaks for the class.

    Raises:
        ValueError: There is no such class, layer or method, `image` is not one picture, or what the
            network makes of it is NaN or infinite.

    Sources:
        Grad-CAM: Selvaraju et al., https://arxiv.org/abs/1610.02391.
        Grad-CAM++: Chattopadhay et al., https://arxiv.org/abs/1710.11063.
        LayerCAM: Jiang et al., https://doi.org/10.1109/TIP.2021.3089943.
    """
    if method not in list(METHODS):  # a list is no key of a dict
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}.")
    maps, gradients = feature_maps_and_gradients(classifier, image, class_index, layer_name)
    heatmap = np.maximum(METHODS[method](maps, gradients), 0)
    largest = largest_value(heatmap)
    if largest == 0:
        warnings.warn(
            f"{method} finds nothing that speaks for this class: the heatmap is all zeros.",
            stacklevel=2,
        )
        return heatmap
    return heatmap / largest


def grad_cam(maps, gradients):
    """Weight each channel by its mean gradient and sum: float32 (h, w), signed."""
    return maps @ gradients.mean(axis=(0, 1))


def grad_cam_plus_plus(maps, gradients):
    """Weight each channel by its positive gradients, each times the paper's alpha, and sum.

    For the score exp(logit) the paper's alpha is g^2 / (2 g^2 + sum(A) g^3), with the sum of the
    channel's map A over all positions: 1 / (2 + sum(A) g) where g is not 0. The factor exp(logit)
    of every weight is left out, for it would overflow, and scaling removes it anyway.

    tf-keras-vis scales the alphas of a channel to sum 1, and Xplique takes their mean for the
    sum over positions: both give other maps.

    Args:
        maps, gradients: float32 (h, w, channels).

    Returns:
        float32 (h, w), signed.
    """
    denominators = 2 + maps.sum(axis=(0, 1)) * gradients
    alphas = np.divide(
        1, denominators, where=(gradients != 0) & (denominators != 0), out=np.zeros_like(gradients)
    )
    return maps @ (alphas * np.maximum(gradients, 0)).sum(axis=(0, 1))


def layer_cam(maps, gradients):
    """Weight each position of each channel by its positive gradient and sum: float32 (h, w)."""
    return (maps * np.maximum(gradients, 0)).sum(axis=-1)


METHODS = {"grad_cam": grad_cam, "grad_cam++": grad_cam_plus_plus, "layer_cam": layer_cam}


def feature_maps_and_gradients(classifier, image, class_index=None, layer_name=None):
    """Return a layer's feature maps and the gradient of a class's logit with respect to them.

    Args:
        classifier, image, class_index, layer_name: As in `make_gradcam_heatmap`.

    Returns:
        Tuple of two float32 (h, w, channels).
    """
    image = check_image(image)
    class_index = classifier.check_class_index(class_index)
    layer_name = classifier.check_layer_name(layer_name)

    def run_trunk():
        trunk = classifier.compiled(("trunk", layer_name), lambda: _trunk(classifier, layer_name))
        return trunk(tf.constant(classifier.preprocess(image)))

    boundary = classifier.remember(("trunk", layer_name), image, run_trunk)
    head = classifier.compiled(("head", layer_name), lambda: _head(classifier, layer_name))
    gradients = head(tf.constant(class_index), *boundary)
    return np.float32(boundary[0].numpy()[0]), np.float32(gradients.numpy()[0])


def _trunk(classifier, layer_name):
    """The network up to a layer, as a tensor function and its signature."""
    boundary, _ = split_calls(classifier.graph, layer_name)
    return lambda inputs: classifier.run(inputs, boundary), [classifier.input_spec]


def _head(classifier, layer_name):
    """The gradient of a logit with respect to a layer, as a tensor function and its signature."""
    boundary, head = split_calls(classifier.graph, layer_name)

    def gradient(class_index, *values):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values[0])
            feeds = zip(boundary, values, strict=True)
            [logits] = classifier.run_calls(head, feeds, [classifier.graph.output])
            score = pick_logits(logits, class_index)
        return tape.gradient(score, values[0], unconnected_gradients="zero")

    specs = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in boundary]
    return gradient, [tf.TensorSpec((), tf.int32), *specs]
