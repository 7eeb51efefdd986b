"""Running any part of a network: compiled when it is used again, remembered for a picture."""

import hashlib
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.arguments import is_whole_number
from course_utils.backend import keras, tf
from course_utils.engine.folding import find_folds, fold_calls
from course_utils.engine.graph import Graph, needed_calls, output_of, run_calls, split_calls
from course_utils.engine.layers import (
    before_relu,
    conv_layer_names,
    default_layer_name,
    explain_no_layer,
    explain_one_place,
    feature_map_shapes,
)
from course_utils.engine.preprocessing import fit_preprocessing
from course_utils.engine.receptive_field import Window, receptive_fields, receptive_windows

Tensor = Any  # of TensorFlow, which brings no types

_MAX_BATCH, _MAX_NUMBERS = 5, 6_100_000  # more take memory and no less time
_NUM_REMEMBERED = 12  # results for pictures that are kept, the largest of some 10 MB each
_RUNS_WORTH_COMPILING = 20
_ALWAYS = 1_000_000  # runs of what an explorer asks for: worth compiling at once
_LEAK = 0.05
_FIRST_RANKED = -1  # stands for None where only a number can: in a tensor


class Runner:
    """Runs parts of a network on pictures. Several threads may use it at once.

    The network's weights count as fixed, since results are remembered. Tensors come and go: copying
    them into arrays may take as long as computing them, and is left to whoever needs arrays.

    Args:
        graph: The network up to its logits.
        prepare: Function from a picture, uint8 (H, W, 3), to the network's input, float32
            (1, h, w, 3).
    """

    def __init__(self, graph: Graph, prepare: Callable):
        self.graph = graph
        self.prepare = prepare
        self._functions: dict[Hashable, tuple] = {}
        self._remembered: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()  # of _remembered, and never held while a network runs

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of the pictures that the network sees."""
        return tuple(self.graph.input.shape[1:3])

    @cached_property
    def batch_size(self) -> int:
        """How many pictures go through at once: five, or fewer if a layer's output is large."""
        outputs = [leaf for call in self.graph.calls for leaf in keras.tree.flatten(call.output)]
        largest = max(math.prod(n or 1 for n in leaf.shape[1:]) for leaf in outputs)
        return min(max(_MAX_NUMBERS // largest, 1), _MAX_BATCH)

    # What methods ask for

    def inputs(self, image: NDArray[np.uint8]) -> Tensor:
        """Return the network's input for a picture: the same tensor for the same pixels."""
        key = ("inputs", image.shape, hashlib.blake2b(np.ascontiguousarray(image).data).digest())
        return self._remember(key, lambda: tf.constant(self.prepare(image)))

    def logits(self, inputs: Tensor) -> Tensor:
        """Return the logits (N, classes) of a batch."""

        def build():
            return lambda batch: self._run(batch, [self.graph.output])[0], [self._batch]

        return self._compiled("logits", build)(inputs)

    def first_ranked(self, inputs: Tensor) -> int:
        """Return the index of the class that the network ranks first."""
        return int(np.asarray(self.logits(inputs))[0].argmax())

    def feature_maps(self, inputs: Tensor, layer_names: Sequence[str]) -> list[Tensor]:
        """Return layers' outputs (1, h, w, channels) as Keras computes them, to a digit."""
        names = tuple(layer_names)

        def build():
            fetches = [output_of(self.graph, name) for name in names]
            calls = needed_calls(self.graph.calls, fetches)  # not folded

            def run(batch):
                return run_calls(calls, [(self.graph.input, batch)], fetches)

            return run, [self._batch]

        return self._compiled(("feature maps", names), build)(inputs)

    def maps_and_peaks(
        self, batch: Tensor | NDArray, layer_names: Sequence[str]
    ) -> list[list[Tensor]]:
        """Return layers' outputs, the maximum of each row of them, and that of the whole map.

        Args:
            batch: float32 (N, h, w, 3).
            layer_names: Layers with feature maps.

        Returns:
            List of [(N, h, w, channels), (N, h, channels), (N, channels)] for each layer.
        """
        names = tuple(layer_names)

        def build():
            fetches = [output_of(self.graph, name) for name in names]

            def run(batch):
                maps = self._run(batch, fetches)
                rows = [tf.reduce_max(m, axis=2) for m in maps]
                return [[m, r, tf.reduce_max(r, axis=1)] for m, r in zip(maps, rows, strict=True)]

            return run, [self._batch]

        compute = self._compiled(("maps and peaks", names), build, runs=_ALWAYS)
        return compute(tf.constant(batch))

    def up_to_layer(self, inputs: Tensor, layer_name: str) -> list[Tensor]:
        """Return all that the logits need to know of the network up to and with a layer.

        Args:
            inputs: One picture, as `inputs` returns it.
            layer_name: A layer.

        Returns:
            List of tensors: the layer's output (1, h, w, channels), then what else crosses the cut
            behind it. `gradient_from_layer` takes them. Remembered for the picture.
        """

        def build():
            boundary, _ = split_calls(self.graph, layer_name)
            return lambda batch: self._run(batch, boundary), [self._batch]

        compute = self._compiled(("up to", layer_name), build)
        return self._remember(_boundary_key(layer_name, inputs), lambda: compute(inputs))

    def gradient_from_layer(
        self, boundary: Sequence[Tensor], layer_name: str, class_index: int | None
    ) -> Tensor:
        """Return the gradient (1, h, w, channels) of a class's logit at a layer.

        Args:
            boundary: What `up_to_layer` returned.
            layer_name: The layer that it was given.
            class_index: None means the class that the network ranks first.
        """

        def build():
            tensors, head = split_calls(self.graph, layer_name)

            def gradient(class_index, *values):
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(values[0])
                    feeds = zip(tensors, values, strict=True)
                    [logits] = self._run_folded(head, feeds, [self.graph.output])
                    score = _pick_logits(logits, class_index)
                return tape.gradient(score, values[0], unconnected_gradients="zero")

            specs = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in tensors]
            return gradient, [_INDEX, *specs]

        compute = self._compiled(("behind", layer_name), build)
        return compute(_index_tensor(class_index), *boundary)

    def all_layers(self, inputs: Tensor, layer_names: Sequence[str]) -> tuple[list[Tensor], Tensor]:
        """Return the outputs of layers, and the logits, in one run.

        `up_to_layer` then finds the last layer computed.
        """
        names = tuple(layer_names)
        last = self.default_layer_name

        def build():
            boundary, _ = split_calls(self.graph, last)
            fetches = [*(output_of(self.graph, name) for name in names), self.graph.output]

            def run(batch):
                outputs = self._run(batch, [*fetches, *boundary])
                return outputs[: len(fetches)], outputs[len(fetches) :]

            return run, [self._batch]

        compute = self._compiled(("all layers", names), build, runs=_ALWAYS)
        (*maps, logits), boundary = compute(inputs)
        self._remember(_boundary_key(last, inputs), lambda: boundary)
        return maps, logits

    def all_gradients(
        self, inputs: Tensor, layer_names: Sequence[str], class_index: int | None
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return layers' outputs and a logit's gradients at them, two lists, in one run."""
        names = tuple(layer_names)

        def build():
            fetches = [output_of(self.graph, name) for name in names]

            def run(class_index, batch):
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(batch)
                    *maps, logits = self._run(batch, [*fetches, self.graph.output])
                    scores = _pick_logits(logits, class_index)
                return maps, tape.gradient(scores, maps, unconnected_gradients="zero")

            return run, [_INDEX, self._batch]

        compute = self._compiled(("all gradients", names), build, runs=_ALWAYS)
        return compute(_index_tensor(class_index), inputs)

    def input_gradients(
        self, batch: Tensor | NDArray, class_index: int | None, runs: int = 1
    ) -> tuple[Tensor, Tensor]:
        """Return logits (N, classes), and a class's gradients (N, h, w, 3) at the network's input.

        Args:
            batch: float32 (N, h, w, 3).
            class_index: None means, for each picture, the class that the network ranks first.
            runs: How often the caller is about to ask; many are worth compiling for.
        """

        def build():
            def gradients(class_index, batch):
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(batch)
                    [logits] = self._run(batch, [self.graph.output])
                    scores = _pick_logits(logits, class_index)
                return logits, tape.gradient(scores, batch, unconnected_gradients="zero")

            return gradients, [_INDEX, self._batch]

        compute = self._compiled("input gradients", build, runs)
        return compute(_index_tensor(class_index), tf.constant(batch))

    def mean_gradient(self, inputs: Tensor, layer_name: str | None, index: int) -> Tensor:
        """Return the gradient (1, H, W, C) of a channel's mean, or of a logit, at the input.

        A channel's negative values count a twentieth, also where a ReLU makes them 0: a channel
        that is silent at first could not be woken otherwise.

        Args:
            inputs: float32 (1, H, W, C), of any size that the layers can take.
            layer_name: The channel's layer; None means the logits.
            index: The channel, or the class.
        """

        def build():
            calls, target = self.graph.calls, self.graph.output
            if layer_name is not None:
                calls, target = before_relu(self.graph, layer_name)

            def gradient(index, inputs):
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(inputs)
                    feeds = [(self.graph.input, inputs)]
                    [outputs] = self._run_folded(calls, feeds, [target])
                    values = tf.gather(outputs, index, axis=-1)
                    if layer_name is not None:
                        values = tf.nn.leaky_relu(values, _LEAK)
                    mean = tf.reduce_mean(values)
                return tape.gradient(mean, inputs, unconnected_gradients="zero")

            channels = self.graph.input.shape[-1]
            return gradient, [_INDEX, tf.TensorSpec((1, None, None, channels), tf.float32)]

        compute = self._compiled(("mean gradient", layer_name), build, runs=_ALWAYS)
        return compute(_index_tensor(index), inputs)

    @cached_property
    def preprocessing(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(matrix, offset): see `fit_preprocessing`."""
        return fit_preprocessing(self.prepare, self.input_size)

    # Which layers and classes there are

    @cached_property
    def feature_map_shapes(self) -> dict[str, tuple[int, int, int]]:
        """{name: (height, width, channels)} of the layers that give feature maps, in order."""
        return feature_map_shapes(self.graph)

    @cached_property
    def receptive_fields(self) -> dict[str, tuple[int, int] | None]:
        """See `receptive_field.receptive_fields`."""
        return receptive_fields(self.graph)

    @cached_property
    def receptive_windows(self) -> dict[str, tuple[Window, Window] | None]:
        """See `receptive_field.receptive_windows`."""
        return receptive_windows(self.graph)

    @cached_property
    def conv_layer_names(self) -> list[str]:
        """See `layers.conv_layer_names`."""
        return conv_layer_names(self.graph)

    @cached_property
    def default_layer_name(self) -> str:
        """See `layers.default_layer_name`."""
        return default_layer_name(self.graph)

    def check_layer_name(self, layer_name: str | None) -> str:
        """Return `layer_name`, or for None the default layer.

        Raises:
            ValueError: No layer of that name gives feature maps.
        """
        if layer_name is None:
            return self.default_layer_name
        if isinstance(layer_name, str) and layer_name in self.feature_map_shapes:
            return layer_name
        raise ValueError(explain_no_layer(self.graph, layer_name))

    def explain_one_place(self, layer_name: str) -> str:
        """See `layers.explain_one_place`."""
        return explain_one_place(self.graph, layer_name)

    def check_layer_names(self, layer_names: Any) -> list[str]:
        """Return a list of layers' names as it is.

        Raises:
            ValueError: It is no list, or no layer of such a name gives feature maps.
        """
        if isinstance(layer_names, str) or not isinstance(layer_names, Iterable):
            raise ValueError(f"layer_names is a list of names: [{layer_names!r}].")
        return [self.check_layer_name(name) for name in layer_names]

    def check_class_index(self, class_index: int | None) -> int | None:
        """Return `class_index` as int, or None.

        Raises:
            ValueError: The network has no such class.
        """
        last = self.graph.output.shape[-1] - 1
        if class_index is not None and not is_whole_number(class_index, 0, last):
            raise ValueError(
                f"class_index must be a whole number from 0 to {last}, or None for the "
                f"first-ranked class, not {class_index!r}. class_index('great white shark') finds "
                "the index of a name."
            )
        return None if class_index is None else int(class_index)

    # How it runs

    @property
    def _batch(self):
        return tf.TensorSpec((None, *self.graph.input.shape[1:]), tf.float32)

    @cached_property
    def _folds(self):
        with tf.init_scope():  # constants of this process, not of a function that is being traced
            return find_folds(self.graph)

    def _run(self, batch, fetches):
        """Run the network up to the tensors `fetches` of its graph."""
        calls = needed_calls(self.graph.calls, fetches)
        return self._run_folded(calls, [(self.graph.input, batch)], fetches)

    def _run_folded(self, calls, feeds, fetches):
        return run_calls(fold_calls(calls, fetches, self._folds), feeds, fetches)

    def _compiled(self, key, build, runs=1):
        """Return a tensor function: plain at its first use, compiled from the second on.

        Compiling takes longer than one plain run, so what is used once is not compiled.

        Args:
            key: Hashable; the function's name.
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

    def _remember(self, key, compute):
        """Return `compute()`, or what it returned for the same key a moment ago."""
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


_INDEX = tf.TensorSpec((), tf.int32)


def _index_tensor(class_index):
    return tf.constant(_FIRST_RANKED if class_index is None else class_index, tf.int32)


def _boundary_key(layer_name, inputs):
    return "up to", layer_name, inputs.ref()  # by identity, which `Runner.inputs` keeps


def _pick_logits(logits, class_index):
    """Return one logit a picture, float32 (N,): of `class_index`, or the largest."""
    logits = tf.cast(logits, tf.float32)
    first_ranked = tf.argmax(logits, axis=-1, output_type=tf.int32)
    chosen = tf.where(class_index == _FIRST_RANKED, first_ranked, class_index)
    return tf.gather(logits, chosen, batch_dims=1)


def to_array(tensor: Tensor) -> NDArray[np.float32]:
    """Return what a tensor holds of its first picture, as a float32 array for reading only."""
    return np.asarray(tensor, np.float32)[0]
