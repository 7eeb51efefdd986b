"""Every layer of a network in one run: its feature maps, and a logit's gradients."""

import numpy as np

from course_utils.backend import tf
from course_utils.classifiers import check_image, largest_value, pick_logits
from course_utils.gradcam import METHODS
from course_utils.graph import output_of, split_calls

_ALWAYS_COMPILE = 1_000_000  # runs: who explores comes back


def run_layers(classifier, image, layer_names):
    """Compute the feature maps of layers, and the logits, in one compiled run.

    `make_gradcam_heatmap` then finds for its default layer what it would compute first.

    Args:
        classifier: `ImageClassifier`.
        image: uint8 (H, W, 3), RGB.
        layer_names: Names from `classifier.feature_map_shapes`; none for the logits alone.

    Returns:
        Tuple (dict from layer name to tensor (1, height, width, channels), float32 (classes,)).
        They stay tensors because copying them all takes as long as computing them; `numpy_maps`
        converts one.
    """
    names = tuple(layer_names)
    last = classifier.feature_layer_names[-1]

    def build():
        graph = classifier.graph
        boundary, _ = split_calls(graph, last)
        fetches = [*(output_of(graph, name) for name in names), graph.output]

        def run(inputs):
            outputs = classifier.run(inputs, [*fetches, *boundary])
            return outputs[: len(fetches)], outputs[len(fetches) :]

        return run, [classifier.input_spec]

    compute = classifier.compiled(("layers", names), build, runs=_ALWAYS_COMPILE)
    (*maps, logits), boundary = compute(tf.constant(classifier.preprocess(check_image(image))))
    classifier.remember(("trunk", last), image, lambda: boundary)
    return dict(zip(names, maps, strict=True)), np.float32(logits[0])


def layer_gradients(classifier, image, class_index):
    """Compute a logit's gradients with respect to the feature maps of all layers, in one run.

    Args:
        classifier: `ImageClassifier`.
        image: uint8 (H, W, 3), RGB.
        class_index: int.

    Returns:
        dict from the names of `classifier.feature_layer_names` to pairs of tensors (1, height,
        width, channels): feature maps, gradients.
    """
    names = classifier.feature_layer_names

    def build():
        fetches = [output_of(classifier.graph, name) for name in names]

        def run(class_index, inputs):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(inputs)
                *maps, logits = classifier.run(inputs, [*fetches, classifier.graph.output])
                scores = pick_logits(logits, class_index)
            return maps, tape.gradient(scores, maps, unconnected_gradients="zero")

        return run, [tf.TensorSpec((), tf.int32), classifier.input_spec]

    compute = classifier.compiled("all gradients", build, runs=_ALWAYS_COMPILE)
    inputs = tf.constant(classifier.preprocess(check_image(image)))
    index = tf.constant(classifier.check_class_index(class_index))
    maps, gradients = compute(index, inputs)
    return dict(zip(names, zip(maps, gradients, strict=True), strict=True))


def numpy_maps(tensor):
    """Return the picture of a tensor (1, height, width, channels): float32, for reading only."""
    return np.asarray(tensor, np.float32)[0]


def heatmap_from(maps, gradients, method):
    """Return the heatmap of `make_gradcam_heatmap` from what `layer_gradients` has computed.

    Args:
        maps, gradients: float32 (height, width, channels).
        method: "grad_cam", "grad_cam++" or "layer_cam".

    Returns:
        float32 (height, width) in [0, 1]; all zeros where nothing speaks for the class.

    Raises:
        ValueError: The maps or gradients hold NaN or infinite values.
    """
    heatmap = np.maximum(METHODS[method](maps, gradients), 0)
    return heatmap / (largest_value(heatmap) or 1)
