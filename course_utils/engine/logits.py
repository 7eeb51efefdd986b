"""A network up to its logits: the softmax or the sigmoids taken off, on the same weights."""

import math
from collections.abc import Callable
from enum import Enum
from typing import Any

import numpy as np
from scipy.special import logit

from course_utils.backend import keras, tf
from course_utils.engine.graph import (
    Call,
    Graph,
    as_functional,
    is_network,
    pass_on,
    rebuild,
    run_calls,
    trace_calls,
    twin,
)

_CLOSE = 1e-2
_PASSING_ON = (
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.Dropout,
    keras.layers.Identity,
)


class End(Enum):
    """What a network gives: probabilities, or logits, or numbers that are neither."""

    SOFTMAX = "softmax"
    SIGMOIDS = "sigmoids"
    LOGITS = "logits"
    UNKNOWN = "what a layer computes that cannot be seen into: logits, unless they look otherwise"
    VALUE = "a value"


@keras.saving.register_keras_serializable("course_utils")
class TwoClasses(keras.layers.Layer):
    """One logit z as the logits of two classes, (-z, z): class 1 is what the output stands for."""

    def call(self, inputs: Any) -> Any:
        """Return logits (N, 2) of (N, 1)."""
        return keras.ops.concatenate([-inputs, inputs], axis=-1)


def build_logits_model(model: keras.Model, is_value: bool = False) -> tuple[keras.Model, End]:
    """Build the network up to its logits, on the same weights.

    Args:
        model: `keras.Model`, functional or `Sequential`, with one input and one output: a softmax,
            sigmoids, or logits already. Models may be nested in it as layers.
        is_value: A single output that is not a sigmoid is a value: leave it as it is.

    Returns:
        Tuple (`keras.Model` to logits (N, classes), what `model` ends in). A network with a single
        output has two classes, unless it gives a value. `model` itself stays as it is.

    Raises:
        ValueError: The network is of another kind, or ends in another activation.
    """
    functional = as_functional(model)
    shape = functional.outputs[0].shape
    if len(shape) == 4:
        raise ValueError(_explain_maps(shape))
    if len(shape) != 2:
        raise ValueError(f"The network's output must be (N, classes), not {shape}.")
    graph = trace_calls(functional)
    last = _last_call(graph, graph.output)
    end, factor = _find_end(last)
    if isinstance(last.layer, keras.layers.GlobalAveragePooling2D):
        before = _last_call(graph, last.inputs[0])
        if before and _find_end(before)[0] is End.LOGITS:
            end = End.LOGITS  # a mean of logits is one
    if is_value and shape[-1] == 1 and end is not End.SIGMOIDS:
        return functional, End.VALUE
    if end is None:
        raise ValueError(_explain_end(last))
    if end is End.SOFTMAX and shape[-1] == 1:
        raise ValueError(
            "A softmax over a single output is always 1. Train the network with "
            "Dense(1, activation='sigmoid') at its end."
        )
    logits_model = functional
    if end in (End.SOFTMAX, End.SIGMOIDS):
        logits_model = _replace(functional, last.layer, _without_activation(last.layer, factor))
    if shape[-1] == 1:
        outputs = TwoClasses()(logits_model.outputs[0])
        logits_model = keras.Model(logits_model.inputs[0], outputs, name=model.name)
    return logits_model, end


def _last_call(graph: Graph, tensor: Any) -> Any:
    """Return the last call before a tensor that does more than hand on or reshape what it gets."""
    makers = {id(leaf): call for call in graph.calls for leaf in keras.tree.flatten(call.output)}
    call = last = makers.get(id(tensor))
    while call is not None and _passes_on(call):
        last, call = call, makers.get(id(call.inputs[0]))
    return last if call is None else call


def _passes_on(call):
    if call.function is pass_on or isinstance(call.layer, _PASSING_ON):
        return True
    end, factor = (None, 0) if getattr(call.layer, "weights", []) else _find_end(call)
    return end is End.LOGITS and abs(factor - 1) < _CLOSE


def _find_end(call: Call) -> tuple[End | None, float]:
    """Return what a call ends in, and the factor before it (1 / the temperature of a softmax).

    An activation is known by what it does, whatever it is called. None: by something else.
    """
    layer = call.layer
    if getattr(layer, "weights", []):
        activation = getattr(layer, "activation", None)
        return _try_out(activation, call.output.shape[1:]) if activation else (End.UNKNOWN, 1.0)
    if len(call.inputs) != 1 or call.inputs[0].shape[1:] != call.output.shape[1:]:
        return End.UNKNOWN, 1.0

    def function(inputs):
        return run_calls([call], [(call.inputs[0], inputs)], [call.output])[0]

    return _try_out(function, call.output.shape[1:])


def _try_out(function: Callable, shape: tuple) -> tuple[End | None, float]:
    """Tell by some numbers z whether a function is softmax(a z), sigmoid(a z) or a z."""
    numbers = np.random.default_rng(0).normal(size=(8, math.prod(shape)))
    outputs = np.float64(function(tf.constant(numbers.reshape(8, *shape), tf.float32)))
    outputs = outputs.reshape(numbers.shape)
    if numbers.shape[1] == 1 and np.allclose(outputs, 1):
        return End.SOFTMAX, 1.0
    centered = numbers - numbers.mean(axis=1, keepdims=True)
    candidates = [(End.LOGITS, outputs, numbers)]
    if 0 < outputs.min() and outputs.max() < 1:
        logs = np.log(outputs)
        if np.allclose(outputs.sum(axis=1), 1, atol=_CLOSE):
            logs -= logs.mean(axis=1, keepdims=True)
            candidates.append((End.SOFTMAX, logs, centered))
        candidates.append((End.SIGMOIDS, logit(outputs), numbers))
    for end, found, expected in candidates:
        factor = (found * expected).sum() / (expected**2).sum()
        if factor > 0 and np.allclose(found, factor * expected, atol=_CLOSE * np.abs(found).max()):
            return end, float(factor)
    return None, 1.0


def _without_activation(layer, factor):
    """Return a function that computes what `layer` computes before its softmax or sigmoids."""
    if getattr(layer, "weights", []):
        linear = keras.activations.linear
        before = twin(layer, name=f"{layer.name}_logits", activation=linear)
    else:
        is_layer = isinstance(layer, keras.layers.Layer)
        before = keras.layers.Identity(dtype=layer.dtype_policy if is_layer else layer.output.dtype)
    if abs(factor - 1) < _CLOSE:
        return before
    return lambda inputs: keras.layers.Rescaling(factor, dtype="float32")(before(inputs))


def _replace(model, layer, by):
    """Build a functional model anew with another function in place of a layer, at any depth."""
    if layer.output is model.outputs[0]:
        inputs = model.inputs[0] if len(model.inputs) == 1 else model.input
        return keras.Model(inputs, by(layer.input), name=model.name)

    def call(other, *args, **kwargs):
        if other is layer:
            return by(*args)
        if _contains(other, layer):
            other = _replace(as_functional(other), layer, by)
        return other(*args, **kwargs)

    return rebuild(model, call)


def _contains(network, layer):
    return is_network(network) and any(
        other is layer or _contains(other, layer) for other in as_functional(network).operations
    )


def _explain_maps(shape):
    return (
        f"The network gives maps, {shape}, and no classes. One without a head can be looked into: "
        "LayerExplorer(model, image, preprocess_input). Of a segmentation ask about one class k by "
        "the average of its places: average = keras.layers.GlobalAveragePooling2D()"
        "(model.outputs[0])[:, k:k + 1], and cu.ImageClassifier('mine', "
        "keras.Model(model.inputs, average), preprocess_input, class_names=['sky'])."
    )


def _explain_end(call):
    activation = getattr(call.layer, "activation", None)
    named = getattr(activation, "__name__", type(activation).__name__)
    described = f" with activation {named!r}" if activation else ""
    return (
        f"The network ends in {call.layer.name!r} ({type(call.layer).__name__}{described}); it "
        "must end in softmax, in sigmoids or in logits: keras.layers.Dense(classes, "
        "activation='softmax')."
    )
