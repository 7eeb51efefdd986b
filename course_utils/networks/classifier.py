"""A Keras network that names what is in a picture."""

from collections.abc import Callable, Sequence, Sized
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from course_utils.arguments import Picture, check_count, check_image, quote
from course_utils.backend import keras
from course_utils.engine.graph import as_functional, trace_calls
from course_utils.engine.layers import key_layer_names
from course_utils.engine.logits import End, build_logits_model
from course_utils.engine.runner import Runner
from course_utils.io.imagenet import imagenet_classes
from course_utils.networks.class_names import name_classes
from course_utils.networks.comparison import compare_with_model
from course_utils.networks.inputs import check_pictures, prepare_images, with_size


class Prediction(NamedTuple):
    """A class and the probability that the network gives it.

    `wnid` is its WordNet ID, or empty where the classes are not ImageNet's.
    """

    class_index: int
    wnid: str
    label: str
    probability: float


class ImageClassifier:
    """A Keras network that names what is in a picture, with the preprocessing that it expects.

    Its weights count as fixed, because what is computed for a picture is remembered. After changing
    them, wrap the network in a new `ImageClassifier`. Several threads may use it at once.

    Attributes:
        name, model, preprocess_input: As given.
        logits_model: `keras.Model` to the logits, before the softmax, on the same weights.
        class_names: Tuple of str.

    Args:
        name: What to call the network, for example "vgg16".
        model: `keras.Model`, functional or `Sequential`, float32 (N, h, w, 3) to (N, classes), that
            ends in softmax, in sigmoids or in logits. A single output gives class 1; class 0 is its
            complement. Gray pictures (N, h, w, 1) are an input as well.
        preprocess_input: Function from float32 RGB (N, h, w, 3) in [0, 255], or gray (N, h, w, 1),
            to the network's input. None: the network takes [0, 255] as it is.
        class_names: What to call the classes, in the order of the outputs, or a dict that numbers
            them: {0: "cat"} or {"cat": 0}. One name says that the single output is a value, as of
            a regression, and no logit. None: ImageNet's labels for 1000 classes, otherwise
            "class 0", "class 1", ...
        input_size: (height, width), for a network that leaves it open.

    Raises:
        ValueError: The network is of another kind, or the names or the size do not fit it; or its
            answers to two synthetic pictures differ from those of its layers run one by one.
    """

    def __init__(
        self,
        name: str,
        model: keras.Model,
        preprocess_input: Callable | None = None,
        class_names: Sequence[str] | None = None,
        input_size: tuple[int, int] | None = None,
    ):
        if preprocess_input is not None and not callable(preprocess_input):
            raise ValueError(
                "preprocess_input must be None or a function, as in keras.applications.vgg16, not "
                f"{quote(preprocess_input)}. Names of classes go to class_names=[...]."
            )
        functional = with_size(as_functional(model, single=True), input_size)
        is_value = isinstance(class_names, Sized) and len(class_names) == 1
        logits_model, self._end = build_logits_model(functional, is_value)
        graph = trace_calls(logits_model)
        check_pictures(graph)
        self.name = name
        self.model = model
        self.logits_model = logits_model
        self.preprocess_input = preprocess_input
        self.class_names = name_classes(class_names, self.num_classes)
        self._runner = Runner(graph, self.preprocess)
        compare_with_model(model, self._runner, self._end)

    def __repr__(self):
        return f"<ImageClassifier {self.name}: {self.model.count_params():,} parameters>"

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of the pictures that the network sees."""
        return tuple(self.logits_model.input_shape[1:3])

    @property
    def num_classes(self) -> int:
        """How many classes the network tells apart; 1 for a value."""
        return self.logits_model.output_shape[-1]

    @property
    def has_probabilities(self) -> bool:
        """Whether `predict` gives probabilities, and not the value of a regression."""
        return self._end is not End.VALUE

    @property
    def conv_layer_names(self) -> list[str]:
        """The layers to choose from: convolutions, blocks' outputs, layers of your own.

        Where batch normalization and activation follow as layers of their own, the last of these
        stands for them all: its feature maps are what later layers see.
        """
        return list(self._runner.conv_layer_names)

    @property
    def last_conv_layer_name(self) -> str:
        """Where heatmaps are computed unless you say otherwise: the last layer with places."""
        return self._runner.default_layer_name

    @property
    def key_layer_names(self) -> list[str]:
        """An early, a middle and a late layer of `conv_layer_names`."""
        return key_layer_names(self._runner.graph)

    def preprocess(self, images: NDArray[np.uint8] | Sequence) -> NDArray[np.float32]:
        """Resize pictures to `input_size` (bicubic) and map them to what the network expects.

        Args:
            images: uint8 (H, W, 3) or (N, H, W, 3), RGB; or a list of pictures of any sizes.

        Returns:
            float32 (N, h, w, 3); N is 1 for a single picture.

        Raises:
            ValueError: Another shape or type; or `preprocess_input` changes the shape, or makes
                values that are NaN or infinite.
        """
        return prepare_images(images, self.logits_model.input_shape[1:], self.preprocess_input)

    def logits(self, images: NDArray[np.uint8] | Sequence) -> NDArray[np.float32]:
        """Return the network's logits, float32 (N, classes), for pictures as in `preprocess`."""
        size, batches = self._runner.batch_size, [images]
        if isinstance(images, list | tuple) or np.ndim(images) == 4:  # prepared a few at a time
            batches = [images[i : i + size] for i in range(0, max(len(images), 1), size)]
        logits = (self._runner.logits(self.preprocess(batch)) for batch in batches)
        return np.concatenate([np.float32(batch) for batch in logits])

    def predict(self, images: NDArray[np.uint8] | Sequence) -> NDArray[np.float32]:
        """Return probabilities, float32 (N, classes), for pictures as in `preprocess`.

        They sum to 1, except with several sigmoids, which judge each class separately. A network
        that gives a value returns that, (N, 1).
        """
        return to_probabilities(self, self.logits(images))

    def top_predictions(self, image: Picture, k: int = 5) -> list[Prediction]:
        """Return the `k` most probable classes, the first one first.

        Args:
            image: uint8 (H, W, 3), RGB.
            k: How many, at least 1; all, if there are fewer classes.

        Returns:
            List of `Prediction` (class_index, wnid, label, probability).

        Raises:
            ValueError: More than one picture, or another `k`.
        """
        k = check_count("k", k)
        probabilities = self.predict(check_image(image))[0]
        best = np.argsort(-probabilities, kind="stable")[:k]
        classes = imagenet_classes()
        is_imagenets = self.class_names == tuple(c.label for c in classes)
        wnids = [classes[i].wnid if is_imagenets else "" for i in best]
        return [
            Prediction(int(i), wnid, self.class_names[i], float(probabilities[i]))
            for i, wnid in zip(best, wnids, strict=True)
        ]


_runners: WeakKeyDictionary = WeakKeyDictionary()  # of models: (preprocess_input, runner)


def runner_of(
    network: ImageClassifier | keras.Model, preprocess_input: Callable | None = None
) -> Runner:
    """Return what runs a network for the methods of this package, and remembers its results.

    Where no classes are needed, a `keras.Model` and its `preprocess_input` will do.

    Raises:
        ValueError: `network` is something else, or a model without its `preprocess_input`.
    """
    if isinstance(network, ImageClassifier):
        return network._runner
    if not isinstance(network, keras.Model) or preprocess_input is None:
        raise ValueError(
            f"classifier must be an ImageClassifier, not {type(network).__name__}. Wrap a Keras "
            "model first: cu.ImageClassifier('mine', model, preprocess_input). Or give its "
            "preprocess_input to get_feature_maps, visualize_channel or LayerExplorer, which need "
            "no classes."
        )
    function, runner = _runners.get(network, (None, None))
    if function is not preprocess_input:
        graph = trace_calls(network)
        check_pictures(graph)
        shape = graph.input.shape[1:]
        runner = Runner(graph, lambda images: prepare_images(images, shape, preprocess_input))
        _runners[network] = preprocess_input, runner
    return runner


def to_probabilities(classifier: ImageClassifier, logits: NDArray) -> NDArray:
    """Return what a classifier makes of its logits (..., classes): probabilities, or the value."""
    if not classifier.has_probabilities:
        return logits
    each_alone = classifier._end is End.SIGMOIDS or classifier.model.output_shape[-1] == 1
    return expit(logits) if each_alone else softmax(logits, axis=-1)
