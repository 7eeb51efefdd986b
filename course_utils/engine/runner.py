"""Running any part of a network: compiled when it is used again, remembered for a picture."""

import hashlib
import itertools
import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cache, cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.arguments import Picture, check_image, is_whole_number
from course_utils.backend import tf
from course_utils.engine import layers, memory
from course_utils.engine.folding import find_folds, fold_calls
from course_utils.engine.graph import Call, Graph, needed_calls, output_of, run_calls, split_calls
from course_utils.engine.preprocessing import fit_preprocessing
from course_utils.engine.receptive_field import receptive_windows

Tensor = Any  # of TensorFlow, which brings no types
Pair = tuple[Tensor, Tensor]  # values, and a logit's gradients

_MAX_BATCH, _MAX_NUMBERS = 5, 6_100_000  # larger batches use more memory and are no faster
_FIRST_RANKED = -1  # instead of None, which a tensor can't hold
_runner_numbers = itertools.count()


class Runner:
    """Runs parts of a network on pictures. Several threads may use it at once.

    The network's weights count as fixed, since results are remembered. Results are tensors: copying
    all layers into arrays would take as long as computing them. `to_array` copies one. Batch
    normalization is folded (see `folding`): this changes a value from its seventh digit on.

    In all methods `image` is a picture, uint8 (H, W, 3); `batch` holds inputs of the network,
    float32 (N, h, w, 3); a `layer_name` is one of `feature_map_shapes`; the `class_index` None
    means the class that the network ranks first, of each picture; and `often` compiles at once what
    will be asked for again and again, see `compiled`.

    Args:
        graph: The network up to its logits.
        prepare: Function from a picture, or several, to inputs of the network.
    """

    def __init__(self, graph: Graph, prepare: Callable):
        self.graph = graph
        self.prepare = prepare
        self.explain_limits = cache(partial(layers.explain_limits, graph))
        self._split = cache(partial(split_calls, graph))
        self._functions: dict[Hashable, Callable] = {}
        self._number = next(_runner_numbers)  # for the memory: an id() may come again

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of the pictures that the network sees."""
        return tuple(self.graph.input.shape[1:3])

    @cached_property
    def batch_size(self) -> int:
        """How many pictures go through at once: five, or fewer if a layer's output is large."""
        outputs = [tensor for call in self.graph.calls for tensor in call.outputs]
        largest = max(math.prod(n or 1 for n in tensor.shape[1:]) for tensor in outputs)
        return min(max(_MAX_NUMBERS // largest, 1), _MAX_BATCH)

    feature_map_shapes = cached_property(lambda self: layers.feature_map_shapes(self.graph))
    conv_layer_names = cached_property(lambda self: layers.conv_layer_names(self.graph))
    default_layer_name = cached_property(lambda self: layers.default_layer_name(self.graph))
    receptive_windows: Any = cached_property(lambda self: receptive_windows(self.graph))
    preprocessing = cached_property(lambda self: fit_preprocessing(self.prepare, self.input_size))

    @cached_property
    def receptive_fields(self) -> dict[str, tuple[int, int] | None]:
        """{name: (height, width) in pixels, padding included, or None: see `receptive_windows`}."""
        windows = self.receptive_windows.items()
        return {name: axes and (axes[0].size, axes[1].size) for name, axes in windows}

    def picture_key(self, image: Picture) -> tuple:
        """Return the key under which results of this network and picture are remembered."""
        digest = hashlib.blake2b(np.ascontiguousarray(image).data).digest()
        return self._number, image.shape, digest

    def inputs(self, image: Picture) -> Tensor:
        """Return the network's input (1, h, w, 3) for a picture."""
        key = *self.picture_key(image), "inputs"
        return memory.remember(key, lambda: tf.constant(self.prepare(image)))

    def first_ranked(self, image: Picture) -> int:
        """Return the index of the class that the network ranks first."""
        return int(to_array(self.logits(self.inputs(image))).argmax())

    def maps_and_gradients(self, image: Picture, layer_name: str, class_index: int | None) -> Pair:
        """Return a layer's feature maps, and a logit's gradients at them: two (1, h, w, channels).

        For another class of the same picture only what lies behind the layer runs.
        """
        picture = self.picture_key(image)
        of_all_layers = memory.recall((*picture, "all layers", class_index)) or {}
        if layer_name in of_all_layers:
            return of_all_layers[layer_name]
        boundary, head = self._split(layer_name)
        values = memory.remember(
            (*picture, "up to", layer_name), lambda: self.values(self.inputs(image), boundary)
        )
        _, [maps], [gradients] = self._gradients(head, boundary, boundary[:1], values, class_index)
        return maps, gradients

    def all_maps_and_gradients(self, image: Picture, class_index: int | None) -> dict[str, Pair]:
        """Return {name: maps and gradients} of all `conv_layer_names`, in one run."""

        def compute():
            names, inputs = self.conv_layer_names, [self.inputs(image)]
            at = [output_of(self.graph, name) for name in names]
            _, *pair = self._gradients(
                self.graph.calls, [self.graph.input], at, inputs, class_index, often=True
            )
            return dict(zip(names, zip(*pair, strict=True), strict=True))

        return memory.remember((*self.picture_key(image), "all layers", class_index), compute)

    def logits_of(self, image: Picture) -> Tensor:
        """Return a picture's logits (1, classes).

        The default layer is computed on the way and remembered: a heatmap asks for it next.
        """
        picture, last = self.picture_key(image), self.default_layer_name

        def compute():
            tensors = [self.graph.output, *self._split(last)[0]]
            logits, *boundary = self.values(self.inputs(image), tensors, often=True)
            memory.keep((*picture, "up to", last), boundary)
            return logits

        return memory.remember((*picture, "logits"), compute)

    def all_layers(self, image: Picture) -> dict[str, Tensor]:
        """Return the outputs (1, h, w, channels) of all layers with feature maps, in one run."""
        names = list(self.feature_map_shapes)

        def compute():
            outputs = self.outputs(self.inputs(image), names, often=True)
            return dict(zip(names, outputs, strict=True))

        return memory.remember((*self.picture_key(image), "layers"), compute)

    def logits(self, batch: Tensor) -> Tensor:
        """Return the logits (N, classes) of a batch."""
        return self.values(batch, [self.graph.output])[0]

    def outputs(self, batch: Tensor, layer_names: list[str], often: bool = False) -> list[Tensor]:
        """Return layers' outputs (N, h, w, channels) for a batch."""
        return self.values(batch, [output_of(self.graph, name) for name in layer_names], often)

    def input_gradients(self, batch: Tensor, class_index: int | None) -> Pair:
        """Return logits (N, classes), and a logit's gradients (N, h, w, 3) at the input."""
        at, values = [self.graph.input], [tf.constant(batch)]
        logits, _, [gradients] = self._gradients(self.graph.calls, at, at, values, class_index)
        return logits, gradients

    def check_layer_name(self, layer_name: str | None) -> str:
        """Return `layer_name`, or for None the default layer.

        Raises:
            ValueError: No layer of that name gives feature maps.
        """
        default = self.default_layer_name  # raises an error if there are no feature maps at all
        name = default if layer_name is None else layer_name
        if not isinstance(name, str) or name not in self.feature_map_shapes:
            raise ValueError(layers.explain_no_layer(self.graph, name))
        return name

    def check_layer_names(self, layer_names: Any) -> list[str]:
        """Return layers' names as a list.

        Raises:
            ValueError: It is not a list, or a name is not that of a layer with feature maps.
        """
        if isinstance(layer_names, str) or not isinstance(layer_names, Iterable):
            raise ValueError(f"layer_names is a list of names: [{layer_names!r}].")
        return [self.check_layer_name(name) for name in layer_names]

    def check_request(self, image: Any, class_index: Any) -> tuple[Picture, int | None]:
        """Return one picture, and a class's index as int or None.

        Raises:
            ValueError: There is no such class, or it is not one picture.
        """
        last = self.graph.output.shape[-1] - 1
        if class_index is not None and not is_whole_number(class_index, 0, last):
            raise ValueError(
                f"class_index must be a whole number from 0 to {last}, or None for the one ranked "
                f"first, not {class_index!r}. class_index('great white shark') finds one by name."
            )
        return check_image(image), None if class_index is None else int(class_index)

    def values(self, batch: Tensor, tensors: Sequence, often: bool = False) -> list[Tensor]:
        """Return the values of tensors of the graph for a batch."""

        def run(batch):
            calls = needed_calls(self.graph.calls, tensors)
            return self.run(calls, [(self.graph.input, batch)], tensors)

        key, signature = ("outputs", *map(id, tensors)), [self._signature_of(self.graph.input)]
        return self.compiled(key, run, signature, often)(tf.constant(batch))

    def _gradients(self, calls, feeds, at, values, class_index, often=False):
        """Return the logits, the values of the tensors `at`, and a logit's gradients at them.

        `calls` lead from the tensors `feeds`, which get these `values`, to the logits. `at` depend
        on the first of `feeds`, or are that one itself.
        """
        fetches = [*at, self.graph.output]

        def run(class_index, *values):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(values[0])
                feed = zip(feeds, values, strict=True)
                *found, logits = self.run(needed_calls(calls, fetches), feed, fetches)
                first_ranked = tf.argmax(logits, axis=-1, output_type=tf.int32)
                chosen = tf.where(class_index == _FIRST_RANKED, first_ranked, class_index)
                scores = tf.gather(tf.cast(logits, tf.float32), chosen, batch_dims=1)
            return logits, found, tape.gradient(scores, found, unconnected_gradients="zero")

        key = "gradients", *map(id, feeds), *map(id, at)
        signature = [tf.TensorSpec((), tf.int32), *map(self._signature_of, feeds)]
        index = _FIRST_RANKED if class_index is None else class_index
        return self.compiled(key, run, signature, often)(tf.constant(index, tf.int32), *values)

    def _signature_of(self, tensor):
        if tensor is self.graph.input:  # in batches of any size
            return tf.TensorSpec((None, *tensor.shape[1:]), tf.float32)
        return tf.TensorSpec(tensor.shape, tensor.dtype)

    @cached_property
    def _folds(self):
        with tf.init_scope():  # constants of this process, not of a function that is being traced
            return find_folds(self.graph)

    def run(self, calls: list[Call], feeds: Iterable, fetches: list) -> list[Tensor]:
        """Run calls of the graph, folded where that is possible; see `run_calls`."""
        return run_calls(fold_calls(calls, fetches, self._folds), feeds, fetches)

    def compiled(self, key: Hashable, function: Callable, signature: list, often: bool) -> Callable:
        """Return a tensor function: as it is at its first use, compiled from the second on.

        Compiling takes longer than one plain run, so what is used once is not compiled, unless it
        will be used `often`. Functions of the same `key` do the same.
        """
        if key not in self._functions:
            # tf.function itself would warn: those of several layers look like one traced again.
            trace = tf.function(function, input_signature=signature).get_concrete_function
            self._functions[key] = cache(trace)
            if not often:
                return function
        return self._functions[key]()


def to_array(tensor: Tensor) -> NDArray[np.float32]:
    """Return what a tensor holds of its first picture, as a float32 array for reading only."""
    return np.asarray(tensor, np.float32)[0]
