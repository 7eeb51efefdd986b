"""A Keras network that names what is in a picture."""

from collections.abc import Callable, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.special import softmax

from course_utils.checks import check_image, is_whole_number
from course_utils.io.imagenet import imagenet_classes
from course_utils.networks.backend import keras, tf
from course_utils.networks.graph import trace_calls
from course_utils.networks.layers import key_layer_names
from course_utils.networks.logits import build_logits_model
from course_utils.networks.runner import BATCH_SIZE, Runner


class Prediction(NamedTuple):
    """A class and the probability that the network gives it."""

    class_index: int
    wnid: str
    label: str
    probability: float


class ImageClassifier:
    """A Keras network that names what is in a picture, with the preprocessing that it expects.

    Its weights count as fixed, because what is computed for a picture is remembered. After changing
    them, wrap the network in a new `ImageClassifier`. Several threads may use it at once.

    Attributes:
        name: str, for example "vgg16".
        model: `keras.Model`, preprocessed pictures to probabilities.
        logits_model: `keras.Model` to the logits, before the softmax, on the same weights.
        preprocess_input: As given; `preprocess` also resizes.

    Args:
        name: What to call the network.
        model: `keras.Model`, functional or `Sequential`, float32 (N, h, w, 3) to (N, classes), that
            ends in softmax or in logits.
        preprocess_input: Function from float32 RGB (N, h, w, 3) in [0, 255] to the network's input.

    Raises:
        ValueError: The network is of another kind.
    """

    def __init__(self, name: str, model: keras.Model, preprocess_input: Callable):
        logits_model = build_logits_model(model)
        outputs = logits_model.output_shape
        check_input_size(logits_model.input_shape)
        if len(outputs) != 2:
            raise ValueError(f"The network's output must be (N, classes), not {outputs}.")
        self.name = name
        self.model = model
        self.logits_model = logits_model
        self.preprocess_input = preprocess_input
        self._runner = Runner(trace_calls(logits_model), self.preprocess)

    def __repr__(self):
        return f"<ImageClassifier {self.name}: {self.model.count_params():,} parameters>"

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of the pictures that the network sees."""
        return tuple(self.model.input_shape[1:3])

    @property
    def num_classes(self) -> int:
        """How many classes the network tells apart."""
        return self.model.output_shape[-1]

    @property
    def conv_layer_names(self) -> list[str]:
        """For each convolution, the layer that gives its feature maps as later layers see them.

        These are the layers to choose from. Each is the convolution itself where its activation is
        part of it, as in VGG16. Where batch normalization and activation are layers of their own,
        it is the last of these.
        """
        return list(self._runner.conv_layer_names)

    @property
    def last_conv_layer_name(self) -> str:
        """The last of `conv_layer_names`: where heatmaps are computed unless you say otherwise."""
        return self._runner.conv_layer_names[-1]

    @property
    def key_layer_names(self) -> list[str]:
        """An early, a middle and a late layer of `conv_layer_names`."""
        return key_layer_names(self._runner.graph)

    def preprocess(self, images: NDArray[np.uint8] | Sequence) -> NDArray[np.float32]:
        """Resize pictures to `input_size` (bicubic) and map them to what the network expects.

        Args:
            images: uint8 (H, W, 3) or (N, H, W, 3), RGB.

        Returns:
            float32 (N, h, w, 3); N is 1 for a single picture.

        Raises:
            ValueError: Another shape or type.
        """
        return prepare_images(images, self.input_size, self.preprocess_input)

    def logits(self, images: NDArray[np.uint8] | Sequence) -> NDArray[np.float32]:
        """Return the network's logits, float32 (N, classes), for pictures as in `preprocess`."""
        inputs = self.preprocess(images)
        starts = range(0, len(inputs), BATCH_SIZE)
        batches = (tf.constant(inputs[start : start + BATCH_SIZE]) for start in starts)
        return np.concatenate([np.float32(self._runner.logits(batch)) for batch in batches])

    def predict(self, images: NDArray[np.uint8] | Sequence) -> NDArray[np.float32]:
        """Return probabilities, float32 (N, classes), for pictures as in `preprocess`."""
        return softmax(self.logits(images), axis=-1)

    def top_predictions(self, image: NDArray[np.uint8], k: int = 5) -> list[Prediction]:
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
        return [Prediction(*classes[int(i)], float(probabilities[i])) for i in best]


def runner_of(
    network: ImageClassifier | keras.Model, preprocess_input: Callable | None = None
) -> Runner:
    """Return what runs a network for the methods of this package.

    Args:
        network: `ImageClassifier`; or, where no classes are needed, a `keras.Model`.
        preprocess_input: As for `ImageClassifier`; for a `keras.Model` only.

    Raises:
        ValueError: `network` is something else, or a model without its `preprocess_input`.
    """
    if isinstance(network, ImageClassifier):
        return network._runner
    if isinstance(network, keras.Model) and preprocess_input is not None:
        return _runner_of_model(network, preprocess_input)
    raise ValueError(
        f"classifier must be an ImageClassifier, not {type(network).__name__}. Wrap a Keras model "
        "first: cu.ImageClassifier('mine', model, preprocess_input). Feature maps alone can be had "
        "from any model: get_feature_maps and LayerExplorer take its preprocess_input, too."
    )


_runners: WeakKeyDictionary = WeakKeyDictionary()  # of models: (preprocess_input, runner)


def _runner_of_model(model, preprocess_input):
    """Return the same runner for the same model and function, so that its memory lasts."""
    if model not in _runners or _runners[model][0] is not preprocess_input:
        graph = trace_calls(model)
        size = check_input_size(graph.input.shape)

        def prepare(image):
            return prepare_images(image, size, preprocess_input)

        _runners[model] = preprocess_input, Runner(graph, prepare)
    return _runners[model][1]


def check_input_size(shape: tuple) -> tuple[int, int]:
    """Return (height, width) of a network's input shape (N, height, width, 3).

    Raises:
        ValueError: It is another shape.
    """
    if len(shape) != 4 or shape[-1] != 3 or None in shape[1:3]:
        raise ValueError(f"The network's input must be (N, height, width, 3), not {shape}.")
    return tuple(shape[1:3])


def prepare_images(
    images: NDArray[np.uint8] | Sequence, size: tuple[int, int], preprocess_input: Callable
) -> NDArray[np.float32]:
    """Resize pictures (bicubic) and map them to what a network expects; see `preprocess`."""
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
    height, width = size
    resized = [
        np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))
        for picture in batch
    ]
    inputs = preprocess_input(np.stack(resized).astype(np.float32))
    return np.asarray(inputs, np.float32)
