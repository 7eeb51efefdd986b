"""Feature maps: what the layers of a network make of a picture."""

from collections.abc import Iterable

import numpy as np

from course_utils.backend import tf
from course_utils.classifiers import check_image
from course_utils.graph import needed_calls, output_of, run_calls


def get_feature_maps(classifier, image, layer_names=None):
    """Run a network on a picture and return the outputs of its layers.

    Args:
        classifier: `ImageClassifier`.
        image: uint8 (H, W, 3), RGB, of any size.
        layer_names: List of names from `classifier.feature_map_shapes`; None means all of them.

    Returns:
        dict from layer name to float32 (height, width, channels), in the order of `layer_names`.

    Raises:
        ValueError: There is no such layer, it has no height and width, or `image` is no picture.
    """
    if layer_names is None:
        layer_names = classifier.feature_map_shapes
    if isinstance(layer_names, str) or not isinstance(layer_names, Iterable):
        raise ValueError(f"layer_names is a list of names: [{layer_names!r}].")
    names = tuple(classifier.check_layer_name(name) for name in layer_names)

    def build():
        graph = classifier.graph
        fetches = [output_of(graph, name) for name in names]
        calls = needed_calls(graph.calls, fetches)  # not folded: as Keras computes them, to a digit

        def run(inputs):
            return run_calls(calls, [(graph.input, inputs)], fetches)

        return run, [classifier.input_spec]

    compute = classifier.compiled(("feature maps", names), build)
    outputs = compute(tf.constant(classifier.preprocess(check_image(image))))
    arrays = [np.array(maps.numpy()[0], np.float32) for maps in outputs]
    return dict(zip(names, arrays, strict=True))
