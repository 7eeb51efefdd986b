"""Load an ImageNet classifier, feed it pictures, read its answers."""

import hashlib
import os
import threading
from collections import OrderedDict
from difflib import get_close_matches
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from course_utils import architectures
from course_utils.backend import keras, tf
from course_utils.checks import is_whole_number
from course_utils.folding import find_folds, fold_calls
from course_utils.graph import build_logits_model, needed_calls, pass_on, run_calls, trace_calls
from course_utils.imagenet import imagenet_classes

BATCH_SIZE = 5  # pictures that go through a network at once: more take memory and no less time
_NUM_REMEMBERED = 8  # results for pictures that are kept, the largest of some 10 MB each
_RUNS_WORTH_COMPILING = 20

_CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.Conv2DTranspose,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
)
_POINTWISE = (keras.layers.BatchNormalization, keras.layers.Activation, keras.layers.ReLU)


class Prediction(NamedTuple):
    """A class and the probability that the network gives it."""

    class_index: int
    wnid: str
    label: str
    probability: float


def load_classifier(name="auto", weights="imagenet"):
    """Load a network that was trained on ImageNet.

    Args:
        name: "embedded" or "efficientnet_lite0" needs no network connection. "vgg16", "vgg19",
            "resnet50", "mobilenet_v2" and "efficientnet_b0", networks of keras.applications, are
            downloaded once, with a progress bar, into a cache.
            "auto" takes the name in the environment variable COURSE_MODEL; else VGG16, if its
            verified weights are in the cache; else the embedded network. It downloads nothing
            unless COURSE_MODEL asks for it.
        weights: "imagenet", "random" (seeded and without a download: for tests and benchmarks), or
            the path of an HDF5 weights file.

    Returns:
        `ImageClassifier`.

    Raises:
        ValueError: No network has that name, or the weights file does not fit.
        DownloadError: (a ValueError) The weights are not in the cache and cannot be fetched.
    """
    if not isinstance(weights, str | os.PathLike):
        raise ValueError(
            f"weights is 'imagenet', 'random' or the path of an HDF5 file, not {weights!r}."
        )
    name = _choose() if str(name).lower() == "auto" else architectures.resolve_name(name)
    word = weights.lower() if isinstance(weights, str) else weights
    if word == "random":
        network = architectures.build_random_network(name)
    elif word != "imagenet":
        network = architectures.load_network(name, Path(weights).expanduser())
    elif name == architectures.EMBEDDED:
        network = architectures.load_embedded_network()
    else:
        network = architectures.load_network(name, architectures.download_weights(name))
    return ImageClassifier(name, *network)


def _choose():
    name = os.environ.get("COURSE_MODEL") or "auto"
    if name.lower() != "auto":
        return architectures.resolve_name(name)
    return "vgg16" if architectures.has_weights("vgg16") else architectures.EMBEDDED


class ImageClassifier:
    """A Keras network that names what is on a picture, with the preprocessing that it expects.

    Its weights count as fixed, because what is computed for a picture is remembered. After changing
    them, wrap the network in a new `ImageClassifier`. Several threads may use it at once.

    Attributes:
        name: str, for example "vgg16".
        model: `keras.Model`, preprocessed pictures to probabilities.
        logits_model: `keras.Model` to the logits, before the softmax, on the same weights.
        graph: The calls of `logits_model`, a `course_utils.graph.Graph`.
        preprocess_input: Function, see below; the embedded network's is
            `efficientnet_lite.preprocess_input`, another's is that of keras.applications.

    Args:
        name: What to call the network.
        model: `keras.Model`, functional or `Sequential`, float32 (N, h, w, 3) to (N, classes), that
            ends in softmax or in logits.
        preprocess_input: Function from float32 RGB (N, h, w, 3) in [0, 255] to the network's input.

    Raises:
        ValueError: The network is of another kind.
    """

    def __init__(self, name, model, preprocess_input):
        logits_model = build_logits_model(model)
        shape, outputs = logits_model.input_shape, logits_model.output_shape
        if len(shape) != 4 or shape[-1] != 3 or None in shape[1:3]:
            raise ValueError(f"The network's input must be (N, height, width, 3), not {shape}.")
        if len(outputs) != 2:
            raise ValueError(f"The network's output must be (N, classes), not {outputs}.")
        self.name = name
        self.model = model
        self.logits_model = logits_model
        self.graph = trace_calls(logits_model)  # not later, or two threads could trace one each
        self.preprocess_input = preprocess_input
        self._functions = {}
        self._remembered = OrderedDict()
        self._lock = threading.Lock()  # of _remembered, and never held while a network runs

    def __repr__(self):
        return f"<ImageClassifier {self.name}: {self.model.count_params():,} parameters>"

    @property
    def input_size(self):
        """(height, width) of the pictures that the network sees."""
        return tuple(self.model.input_shape[1:3])

    @property
    def num_classes(self):
        """How many classes the network tells apart."""
        return self.model.output_shape[-1]

    @cached_property
    def feature_map_shapes(self):
        """{name: (height, width, channels)} of the layers that give feature maps, in order."""
        return {
            call.layer.name: tuple(call.output.shape[1:])
            for call in self.graph.calls
            if len(getattr(call.output, "shape", ())) == 4  # some operations have several outputs
        }

    @cached_property
    def _conv_calls(self):
        calls = [call for call in self.graph.calls if isinstance(call.layer, _CONVOLUTIONS)]
        if not calls:
            raise ValueError(f"{self.name!r} has no convolution layers. Name another layer.")
        return calls

    @property
    def conv_layer_names(self):
        """Names of the convolution layers, in the order in which they run."""
        return [call.layer.name for call in self._conv_calls]

    @property
    def last_conv_layer_name(self):
        """Name of the last convolution layer."""
        return self.conv_layer_names[-1]

    @cached_property
    def feature_layer_names(self):
        """For each convolution, the layer that gives its feature maps as later layers see them.

        That is the convolution itself where its activation is part of it, as in VGG16. Where batch
        normalization and activation are layers of their own, it is the last of these.
        """
        readers = {}
        for call in self.graph.calls:
            for tensor in call.inputs:
                readers.setdefault(id(tensor), []).append(call)
        names = []
        for call in self._conv_calls:
            names.append(call.layer.name)
            following = readers.get(id(call.output), [])
            while len(following) == 1 and _is_pointwise(following[0]):
                [call] = following
                if call.function is not pass_on:
                    names[-1] = call.layer.name
                following = readers.get(id(call.output), [])
        return names

    @cached_property
    def key_layer_names(self):
        """An early, a middle and a late layer of `feature_layer_names`.

        The first layer, the last one at the middle one of the network's resolutions, the last one.
        """
        names = self.feature_layer_names
        heights = [self.feature_map_shapes[name][0] for name in names]
        stages = list(dict.fromkeys(heights))
        middle = max(i for i, h in enumerate(heights) if h == stages[len(stages) // 2])
        return [names[0], names[middle], names[-1]]

    def preprocess(self, images):
        """Resize pictures to `input_size` (bicubic) and map them to what the network expects.

        Args:
            images: uint8 (H, W, 3) or (N, H, W, 3), RGB.

        Returns:
            float32 (N, h, w, 3); N is 1 for a single picture.

        Raises:
            ValueError: Another shape or type.
        """
        if isinstance(images, list | tuple) and len({np.shape(image) for image in images}) > 1:
            raise ValueError(
                "Pictures of several sizes fit into no array. Resize them first: "
                "load_image(..., size=(height, width))."
            )
        images = np.asarray(images)
        is_rgb = images.ndim in (3, 4) and images.shape[-1] == 3
        if images.dtype != np.uint8 or not is_rgb or images.size == 0:
            raise ValueError(
                "A picture is a uint8 array (H, W, 3), several are (N, H, W, 3), not "
                f"{images.dtype} {images.shape}. load_image() turns most things into a picture."
            )
        batch = images[None] if images.ndim == 3 else images
        height, width = self.input_size
        resized = [
            Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
            for picture in batch
        ]
        inputs = self.preprocess_input(np.stack(resized).astype(np.float32))
        return np.asarray(inputs, np.float32)

    def logits(self, images):
        """Return the network's logits, float32 (N, classes), for pictures as in `preprocess`."""

        def build():
            return lambda inputs: self.run(inputs, [self.graph.output])[0], [self.input_spec]

        compute = self.compiled("logits", build)
        inputs = self.preprocess(images)
        starts = range(0, len(inputs), BATCH_SIZE)
        return np.concatenate(
            [np.float32(compute(tf.constant(inputs[i : i + BATCH_SIZE]))) for i in starts]
        )

    def predict(self, images):
        """Return probabilities, float32 (N, classes), for pictures as in `preprocess`."""
        logits = self.logits(images)
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)

    def top_predictions(self, image, k=5):
        """Return the `k` most probable classes, the first one first.

        Args:
            image: uint8 (H, W, 3), RGB.
            k: How many, from 1 to the number of classes.

        Returns:
            List of `Prediction` (class_index, wnid, label, probability).

        Raises:
            ValueError: More than one picture, another `k`, or not ImageNet's 1000 classes.
        """
        classes = imagenet_classes()
        if self.num_classes != len(classes):
            raise ValueError(
                f"{self.name!r} has {self.num_classes} classes; names are known for ImageNet's "
                f"{len(classes)} only. predict() gives the probabilities."
            )
        if not is_whole_number(k, 1, len(classes)):
            raise ValueError(f"k must be a whole number from 1 to {len(classes)}, not {k!r}.")
        probabilities = self.predict(check_image(image))[0]
        best = np.argsort(-probabilities, kind="stable")[: int(k)]
        return [Prediction(*classes[i], float(probabilities[i])) for i in best]

    def check_class_index(self, class_index):
        """Return `class_index` as int, or -1 for None, the class that the network ranks first.

        Raises:
            ValueError: The network has no such class.
        """
        if class_index is None:
            return -1
        if not is_whole_number(class_index, 0, self.num_classes - 1):
            raise ValueError(
                f"class_index must be a whole number from 0 to {self.num_classes - 1}, or None for "
                f"the first-ranked class, not {class_index!r}. class_index('great white shark') "
                "finds the index of a name."
            )
        return int(class_index)

    def resolve_class_index(self, image, class_index=None):
        """Return `class_index` as int; for None, the class that the network ranks first.

        Raises:
            ValueError: The network has no such class, or `image` is not one picture.
        """
        check_image(image)
        index = self.check_class_index(class_index)
        return index if index >= 0 else int(self.logits(image)[0].argmax())

    def check_layer_name(self, layer_name):
        """Return `layer_name`, or for None the last layer of `feature_layer_names`.

        Raises:
            ValueError: The network has no such layer, or the layer gives no feature maps.
        """
        if layer_name is None:
            return self.feature_layer_names[-1]
        if isinstance(layer_name, str) and layer_name in self.feature_map_shapes:
            return layer_name
        names = list(self.feature_map_shapes)
        if not names:
            raise ValueError(f"{self.name!r} has no feature maps: no layer has height and width.")
        calls = [call.layer for call in self.graph.calls]
        layers = [*self.logits_model.layers, *calls, self.model.layers[-1]]
        found = [layer for layer in layers if layer.name == layer_name]
        if not found:
            nearest = get_close_matches(str(layer_name), names, n=3, cutoff=0)
            raise ValueError(
                f"{self.name!r} has no layer {layer_name!r}. The nearest names are "
                f"{', '.join(map(repr, nearest))}."
            )
        is_input = isinstance(found[0], keras.layers.InputLayer)
        lack = "is its input, no feature maps" if is_input else "has no height and width"
        examples = ", ".join(dict.fromkeys([names[0], names[len(names) // 2], names[-1]]))
        raise ValueError(
            f"Layer {layer_name!r} of {self.name!r} {lack}. Layers that have them: {examples}. "
            "All are in feature_map_shapes."
        )

    @property
    def input_spec(self):
        """`tf.TensorSpec` of a batch of preprocessed pictures."""
        return tf.TensorSpec((None, *self.input_size, 3), tf.float32)

    @cached_property
    def _folds(self):
        with tf.init_scope():  # constants of this process, not of a function that is being traced
            return find_folds(self.graph)

    def run(self, inputs, fetches):
        """Run the network on preprocessed pictures up to the tensors `fetches` of its graph."""
        calls = needed_calls(self.graph.calls, fetches)
        return self.run_calls(calls, [(self.graph.input, inputs)], fetches)

    def run_calls(self, calls, feeds, fetches):
        """Run some of the network's calls, see `graph.run_calls`, and no slower than need be."""
        return run_calls(fold_calls(calls, fetches, self._folds), feeds, fetches)

    def compiled(self, key, build, runs=1):
        """Return a tensor function: plain at its first use, compiled from the second on.

        Compiling takes longer than one plain run, so what is used once is not compiled.

        Args:
            key: Hashable; the function's name in this classifier.
            build: Function without arguments that returns (function of tensors, its signature).
            runs: How often the caller is about to run it; many are worth compiling for.
        """
        first_use = key not in self._functions
        if first_use:
            function, signature = build()
            # Called through tf.function, the functions of several layers look like one that is
            # traced again and again, and TensorFlow warns.
            trace = tf.function(function, input_signature=signature).get_concrete_function
            self._functions[key] = function, cache(trace)
        function, trace = self._functions[key]
        return function if first_use and runs < _RUNS_WORTH_COMPILING else trace()

    def remember(self, key, image, compute):
        """Return `compute()`, or what it returned for the same key and picture a moment ago."""
        key = (key, image.shape, hashlib.blake2b(np.ascontiguousarray(image)).digest())
        with self._lock:
            if key in self._remembered:
                self._remembered.move_to_end(key)
                return self._remembered[key]
        value = compute()
        with self._lock:
            self._remembered[key] = value
            if len(self._remembered) > _NUM_REMEMBERED:
                self._remembered.popitem(last=False)
        return value


def _is_pointwise(call):
    return isinstance(call.layer, _POINTWISE) or call.function is pass_on


def pick_logits(logits, class_index):
    """Return one logit a picture, float32 (N,): of `class_index`, or the largest where it is -1."""
    logits = tf.cast(logits, tf.float32)
    first_ranked = tf.argmax(logits, axis=-1, output_type=tf.int32)
    chosen = tf.where(class_index < 0, first_ranked, class_index)
    return tf.gather(logits, chosen, batch_dims=1)


def largest_value(values):
    """Return the largest of an array, by which a heatmap or a saliency map is divided.

    Raises:
        ValueError: It is NaN or infinite.
    """
    largest = values.max()
    if not np.isfinite(largest):
        raise ValueError(
            "The network's output for this picture is NaN or infinite, or its gradient is: there "
            "is nothing to show. Did its training diverge?"
        )
    return largest


def check_image(image):
    """Return one picture, uint8 (H, W, 3), unchanged.

    Raises:
        ValueError: It is something else; the message says what.
    """
    array = np.asarray(image)
    if array.ndim == 4:
        raise ValueError(f"One picture is expected, uint8 (H, W, 3), not a batch {array.shape}.")
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[-1] != 3 or array.size == 0:
        raise ValueError(
            f"A picture is a uint8 array (H, W, 3), not {array.dtype} {array.shape}. "
            "load_image() turns most things into a picture."
        )
    return array
