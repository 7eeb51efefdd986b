"""A Keras network that names what is in a picture."""

from collections.abc import Callable, Sequence
from functools import partial
from reprlib import repr as shortened
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.special import expit, softmax

from course_utils.arguments import check_image, is_whole_number
from course_utils.backend import keras, tf
from course_utils.engine.graph import (
    Graph,
    as_functional,
    check_one_input_and_output,
    has_call_of_keras,
    rebuild,
    trace_calls,
)
from course_utils.engine.layers import key_layer_names
from course_utils.engine.logits import End, build_logits_model
from course_utils.engine.runner import Runner
from course_utils.io.imagenet import imagenet_classes

_NAMES = str, bytes, int, float, np.generic  # what may stand for the name of a class


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
        name: str, for example "vgg16".
        model: `keras.Model`, preprocessed pictures to probabilities.
        logits_model: `keras.Model` to the logits, before the softmax, on the same weights.
        preprocess_input: As given; `preprocess` also resizes.
        class_names: Tuple of str.

    Args:
        name: What to call the network.
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
        _check_function(preprocess_input)
        names = _in_order(class_names)
        is_value = names is not None and len(names) == 1
        functional = as_functional(model)
        check_one_input_and_output(functional)
        logits_model, end = build_logits_model(_with_size(functional, input_size), is_value)
        graph = trace_calls(logits_model)
        check_pictures(graph)
        self.name = name
        self.model = model
        self.logits_model = logits_model
        self.preprocess_input = preprocess_input
        self.class_names = _check_names(names, logits_model.output_shape[-1])
        self._end = end
        self._runner = Runner(graph, self.preprocess)
        _compare_with_model(self)

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

        Each gives its feature maps as later layers see them: where batch normalization and
        activation follow as layers of their own, the last of these stands for them all.
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
            images: uint8 (H, W, 3) or (N, H, W, 3), RGB.

        Returns:
            float32 (N, h, w, 3); N is 1 for a single picture.

        Raises:
            ValueError: Another shape or type; or `preprocess_input` changes the shape, or makes
                values that are NaN or infinite.
        """
        shape = self.logits_model.input_shape[1:]
        return prepare_images(images, shape, self.preprocess_input)

    def logits(self, images: NDArray[np.uint8] | Sequence) -> NDArray[np.float32]:
        """Return the network's logits, float32 (N, classes), for pictures as in `preprocess`."""
        size, batches = self._runner.batch_size, [images]
        if isinstance(images, list | tuple) or np.ndim(images) == 4:  # prepared a few at a time
            batches = [images[i : i + size] for i in range(0, max(len(images), 1), size)]
        logits = (self._runner.logits(self.preprocess(batch)) for batch in batches)
        return np.concatenate([np.float32(batch) for batch in logits])

    def predict(self, images: NDArray[np.uint8] | Sequence) -> NDArray[np.float32]:
        """Return probabilities, float32 (N, classes), for pictures as in `preprocess`.

        They sum to 1, except with several sigmoids, which judge each class separately. Of a network
        that gives a value they are this value, (N, 1).
        """
        return to_probabilities(self, self.logits(images))

    def top_predictions(self, image: NDArray[np.uint8], k: int = 5) -> list[Prediction]:
        """Return the `k` most probable classes, the first one first.

        Args:
            image: uint8 (H, W, 3), RGB.
            k: How many, at least 1; all, if there are fewer classes.

        Returns:
            List of `Prediction` (class_index, wnid, label, probability).

        Raises:
            ValueError: More than one picture, or another `k`.
        """
        if not is_whole_number(k, 1):
            raise ValueError(f"k must be a whole number, 1 or more, not {k!r}.")
        probabilities = self.predict(check_image(image))[0]
        best = np.argsort(-probabilities, kind="stable")[: int(k)]
        wnids = [c.wnid for c in imagenet_classes()]
        if self.class_names != _imagenet_labels():
            wnids = [""] * self.num_classes
        return [
            Prediction(int(i), wnids[i], self.class_names[i], float(probabilities[i])) for i in best
        ]


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
        "first: cu.ImageClassifier('mine', model, preprocess_input). What needs no classes can "
        "be had from any model: get_feature_maps, visualize_channel and LayerExplorer take its "
        "preprocess_input, too."
    )


def to_probabilities(classifier: ImageClassifier, logits: NDArray) -> NDArray:
    """Return what a classifier makes of its logits (..., classes): probabilities, or the value."""
    if not classifier.has_probabilities:
        return logits
    judges_each_alone = classifier._end is End.SIGMOIDS or classifier.model.output_shape[-1] == 1
    return expit(logits) if judges_each_alone else softmax(logits, axis=-1)


def _compare_with_model(classifier: ImageClassifier) -> None:
    """Compare the model's answers to two made pictures with what the parts of it give.

    Raises:
        ValueError: They differ: what would be explained is not the model.
    """
    size = classifier.input_size
    bright = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    batch = classifier.preprocess([bright, bright // 4])
    inputs = [classifier.preprocess(picture) for picture in (bright, bright // 4)]
    if _differ(batch, np.concatenate(inputs)):
        if _differ(batch, classifier.preprocess([bright, bright // 4])):
            raise ValueError(
                "preprocess_input gives the same picture other numbers each time: leave out what "
                "draws at random, as augmentation does."
            )
        raise ValueError(
            "preprocess_input gives a picture other numbers beside another picture than alone: it "
            "looks at the whole batch. Let it look at each picture: x.mean(axis=(1, 2, 3), "
            "keepdims=True) instead of x.mean()."
        )
    answers = _run_model(classifier.model, batch)
    if classifier._end is End.UNKNOWN and 0 <= answers.min() < answers.max() <= 1:
        raise ValueError(
            f"The network's outputs look like probabilities, such as {answers[0, 0]:.3g}, and "
            "their softmax or sigmoids can't be found. It must end in softmax, in sigmoids or in "
            "logits; a single output that is a value needs one name: class_names=['area']."
        )
    logits = np.concatenate([np.float32(classifier._runner.plain_logits(one)) for one in inputs])
    own = logits[:, -answers.shape[1] :]
    makes = {End.SOFTMAX: partial(softmax, axis=-1), End.SIGMOIDS: expit}
    if _differ(answers, makes.get(classifier._end, np.asarray)(own), _tolerance(classifier)):
        raise ValueError(
            "For two made pictures the network and its layers one by one give different answers, "
            f"so nothing here would explain the network. {_likely_cause(classifier, batch)}"
        )


def _run_model(model, batch):
    inputs = keras.tree.pack_sequence_as(as_functional(model).input, [tf.constant(batch)])
    return np.float32(keras.tree.flatten(model(inputs, training=False))[0])


def _tolerance(classifier):
    dtypes = {
        call.layer.compute_dtype
        for call in classifier._runner.graph.calls
        if hasattr(call.layer, "compute_dtype")
    }
    return 0.1 if dtypes & {"float16", "bfloat16"} else 0.01


def _differ(some, others, tolerance=0.01):
    """Tell whether arrays differ by more than a share of the largest number."""
    return bool(np.abs(some - others).max() > tolerance * np.abs(some).max())


def _likely_cause(classifier, batch):
    model, tolerance = classifier.model, _tolerance(classifier)
    answers = _run_model(model, batch)
    if _differ(answers, _run_model(model, batch), tolerance):
        return (
            "It answers the same picture differently each time: does a layer draw at random, or "
            "change a variable of its own?"
        )
    alone = np.concatenate([_run_model(model, batch[i : i + 1]) for i in range(len(batch))])
    if _differ(answers, alone, tolerance):
        return (
            "It answers otherwise for several pictures at once: a layer looks at the whole batch."
        )
    own = [
        call.layer for call in classifier._runner.graph.calls if not has_call_of_keras(call.layer)
    ]
    if own:
        names = ", ".join(
            f"{layer.name.removesuffix('_logits')!r} ({type(layer).__name__})" for layer in own
        )
        return f"The likeliest cause is a call() of your own: {names}."
    return "Is a layer called with training=True, or has the model a __call__() of its own?"


_runners: WeakKeyDictionary = WeakKeyDictionary()  # of models: (preprocess_input, runner)


def _runner_of_model(model, preprocess_input):
    """Return the same runner for the same model and function, so that its memory lasts."""
    if model not in _runners or _runners[model][0] is not preprocess_input:
        graph = trace_calls(model)
        check_pictures(graph)

        def prepare(image):
            return prepare_images(image, graph.input.shape[1:], preprocess_input)

        _runners[model] = preprocess_input, Runner(graph, prepare)
    return _runners[model][1]


def check_pictures(graph: Graph) -> None:
    """Check that a network takes (N, height, width, 3 or 1), and never puts the channels first.

    Raises:
        ValueError: It is another shape, or leaves height and width open; or a layer takes the
            channels first.
    """
    shape = graph.input.shape
    for call in graph.calls:
        if len(shape) == 4 and getattr(call.layer, "data_format", "") == "channels_first":
            raise ValueError(
                f"Layer {call.name!r} takes the channels first: its rows would be shown as maps. "
                "Build the network anew with data_format='channels_last', and give it the weights "
                "of the old one: new.set_weights(old.get_weights())."
            )
    if len(shape) == 4 and shape[-1] in (1, 3) and None not in shape[1:3]:
        return
    hint = ""
    if len(shape) == 4 and shape[1] in (1, 3):
        hint = " With the channels first, build it anew with data_format='channels_last'."
    elif len(shape) == 4 and shape[-1] in (1, 3):
        hint = (
            " Say how large its pictures are: ImageClassifier(..., input_size=(height, width)). A "
            "network without classes takes it from inputs = keras.Input((height, width, 3)) and "
            "keras.Model(inputs, model(inputs))."
        )
    raise ValueError(f"The network's input must be (N, height, width, 3 or 1), not {shape}.{hint}")


def _check_function(preprocess_input):
    if preprocess_input is not None and not callable(preprocess_input):
        raise ValueError(
            "preprocess_input must be a function, such as "
            "keras.applications.vgg16.preprocess_input, or None, not "
            f"{shortened(preprocess_input)}. Names of classes go to class_names=[...]."
        )


def _with_size(model, input_size):
    """Return a model whose input has this (height, width), on the same layers."""
    shape = model.input_shape
    if input_size is None:
        return model
    is_pair = isinstance(input_size, list | tuple) and len(input_size) == 2
    if not is_pair or not all(is_whole_number(length, 1) for length in input_size):
        raise ValueError(f"input_size must be (height, width), not {input_size!r}.")
    if tuple(shape[1:3]) == tuple(input_size):
        return model
    if len(shape) != 4 or None not in shape[1:3]:
        raise ValueError(
            f"input_size is {input_size!r}, but the network's input is {shape}. Leave it out."
        )
    return rebuild(
        model,
        lambda layer, *args, **kwargs: layer(*args, **kwargs),
        [(None, *input_size, shape[-1])],
    )


def _imagenet_labels():
    return tuple(c.label for c in imagenet_classes())


def _in_order(names):
    """Return the names of the classes as a list, those of a dict by its numbers; None for None."""
    if names is None:
        return None
    if isinstance(names, dict):
        numbers, texts = list(names), list(names.values())
        if not _are_numbers(numbers) and _are_numbers(texts):  # {"cat": 0}
            numbers, texts = texts, numbers
        by_number = {str(number): text for number, text in zip(numbers, texts, strict=True)}
        order = [str(i) for i in range(len(names))]  # JSON turns numbers into text
        if sorted(by_number) != sorted(order):
            raise ValueError(
                "class_names as a dict must number the classes 0, 1, 2, ..., as {0: 'cat'} or "
                f"{{'cat': 0}} do, not {shortened(names)}."
            )
        names = [by_number[number] for number in order]
    is_list = hasattr(names, "__len__") and not isinstance(names, str | set | frozenset)
    if not is_list or not all(isinstance(n, _NAMES) for n in names):
        raise ValueError(
            "class_names must list the names of the classes, in the order of the outputs, not "
            f"{shortened(names)}."
        )
    return [n.decode(errors="replace") if isinstance(n, bytes) else str(n) for n in names]


def _are_numbers(things):
    return all(is_whole_number(thing, 0) for thing in things)


def _check_names(names, num_classes):
    """Return the names of the classes, or those they have by default, as a tuple of str."""
    if names is None:
        labels = _imagenet_labels()
        is_imagenets = num_classes == len(labels)
        return labels if is_imagenets else tuple(f"class {i}" for i in range(num_classes))
    if len(names) != num_classes:
        hint = " A single output has two: its contrary and itself." if num_classes == 2 else ""
        raise ValueError(
            f"class_names must list {num_classes} names, one for each class, in the order of the "
            f"outputs, not {len(names)}: {shortened(names)}.{hint}"
        )
    return tuple(names)


def prepare_images(
    images: NDArray[np.uint8] | Sequence, shape: tuple, preprocess_input: Callable | None
) -> NDArray[np.float32]:
    """Resize pictures (bicubic) and map them to what a network expects; see `preprocess`.

    `shape` is that of the network's input, (height, width, channels).
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
    height, width, channels = shape
    size, bicubic = (width, height), Image.Resampling.BICUBIC
    resized = [Image.fromarray(picture).resize(size, bicubic) for picture in batch]
    pictures = [np.asarray(p.convert("L" if channels == 1 else "RGB")) for p in resized]
    inputs = np.stack(pictures).reshape(-1, *shape).astype(np.float32)
    if preprocess_input is None:
        return inputs
    prepared = np.asarray(preprocess_input(inputs), np.float32)
    if prepared.shape != inputs.shape:
        raise ValueError(
            f"preprocess_input must keep the shape: it was given {inputs.shape}, the network's "
            f"input, and has returned {prepared.shape}. Leave out what resizes: that is done "
            "before it."
        )
    if not np.isfinite(prepared).all():
        raise ValueError(
            "preprocess_input makes NaN or infinite values of a picture. Does it divide by the "
            "picture's own deviation? That of a black picture, with which others are compared, is "
            "0: divide by np.maximum(deviation, 1)."
        )
    return prepared
