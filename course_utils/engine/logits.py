"""A network up to its logits: the softmax or the sigmoids taken off, on the same weights."""

import math
from enum import Enum

import numpy as np
from scipy.special import logit

from course_utils.backend import keras, tf
from course_utils.engine.graph import (
    Call,
    as_functional,
    is_network,
    pass_on,
    rebuild,
    run_calls,
    trace_calls,
    twin,
)

_CLOSE = 1e-2
_RESHAPES = keras.layers.Flatten, keras.layers.Reshape, keras.layers.Dropout, keras.layers.Identity


class End(Enum):
    """What a network's outputs are."""

    SOFTMAX = "probabilities that sum to 1"
    SIGMOIDS = "probabilities, one for each class by itself"
    LOGITS = "logits"
    UNKNOWN = "of a layer that can't be seen into: logits, unless they look like probabilities"
    VALUE = "the value of a regression"


def build_logits_model(model: keras.Model, is_value: bool = False) -> tuple[keras.Model, End]:
    """Build the network up to its logits (N, classes) on the same weights, and say how it ends.

    `model` has one input, and stays as it is. If its single output `is_value` and no sigmoid, that
    is returned as it is; any other single output becomes the logits of two classes.

    Raises:
        ValueError: The network is of another kind, or ends in another activation.
    """
    functional = as_functional(model, single=True)
    shape = functional.outputs[0].shape
    if len(shape) != 2:
        raise ValueError(_explain_shape(shape))
    last, end, factor = _find_end(trace_calls(functional))
    if is_value and shape[-1] == 1 and end is not End.SIGMOIDS:
        return functional, End.VALUE
    if end is None:
        raise ValueError(_explain_end(last))
    if end in (End.SOFTMAX, End.SIGMOIDS):
        functional = _replace(functional, last.layer, _without_activation(last.layer, factor))
    if shape[-1] == 1:
        logit_of_1 = functional.outputs[0]
        outputs = keras.ops.concatenate([-logit_of_1, logit_of_1], axis=-1)
        functional = keras.Model(functional.inputs[0], outputs, name=model.name)
    return functional, end


def _find_end(graph):
    """Return the last call that does more than pass on its input, and what `_try_out` says."""
    makers = {id(tensor): call for call in graph.calls for tensor in call.outputs}

    def last_before(tensor):
        call = makers[id(tensor)]
        while _passes_on(call) and id(call.inputs[0]) in makers:
            call = makers[id(call.inputs[0])]
        return call

    last = last_before(graph.output)
    end, factor = _try_out(last)
    if isinstance(last.layer, keras.layers.GlobalAveragePooling2D) and id(last.inputs[0]) in makers:
        end_before, _ = _try_out(last_before(last.inputs[0]))
        end = End.LOGITS if end_before is End.LOGITS else end  # the mean of logits is one
    return last, end, factor


def _passes_on(call):
    """Tell whether a call returns what it is given, perhaps in another shape."""
    if call.function is pass_on or isinstance(call.layer, _RESHAPES):
        return True
    if getattr(call.layer, "weights", []):
        return False
    end, factor = _try_out(call)
    return end is End.LOGITS and abs(factor - 1) < _CLOSE


def _try_out(call: Call) -> tuple[End | None, float]:
    """Try some numbers z to tell whether a call ends in softmax(a z), sigmoid(a z) or a z.

    What counts is what an activation does, whatever it is called.

    Returns:
        Tuple (`End`, or None for another activation; the factor a, 1 / the temperature).
    """

    def run(values):
        return run_calls([call], [(call.inputs[0], values)], [call.output])[0]

    shapes, function = [tensor.shape[1:] for tensor in call.outputs], None
    if getattr(call.layer, "weights", []):
        function = getattr(call.layer, "activation", None)
    elif [tensor.shape[1:] for tensor in call.inputs] == shapes:
        function = run
    if function is None:
        return End.UNKNOWN, 1.0
    numbers = np.random.default_rng(0).normal(size=(8, math.prod(shapes[0])))
    outputs = function(tf.constant(numbers.reshape(8, *shapes[0]), tf.float32))
    outputs = np.asarray(outputs, np.float64).reshape(numbers.shape)
    candidates = [(End.LOGITS, outputs, numbers)]
    if 0 < outputs.min() and outputs.max() < 1:
        if numbers.shape[1] > 1 and np.allclose(outputs.sum(axis=1), 1, atol=_CLOSE):
            ratios = np.log(outputs[:, 1:] / outputs[:, :1])
            candidates.append((End.SOFTMAX, ratios, numbers[:, 1:] - numbers[:, :1]))
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
    if layer.output is model.outputs[0]:  # what comes before it can stay
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


def _explain_shape(shape):
    if len(shape) != 4:
        return f"The network's output must be (N, classes), not {shape}."
    return (
        f"The network gives maps, {shape}, and no classes. Look into it with LayerExplorer(model, "
        "image, preprocess_input). Or average the maps of a segmentation's class k: average = "
        "keras.layers.GlobalAveragePooling2D()(model.outputs[0])[:, k:k + 1], and "
        "cu.ImageClassifier('mine', keras.Model(model.inputs, average), preprocess_input, "
        "class_names=['sky'])."
    )


def _explain_end(call):
    activation = getattr(call.layer, "activation", None)
    named = getattr(activation, "__name__", type(activation).__name__)
    described = f" with activation {named!r}" if activation else ""
    fault = f"The network ends in {call.layer.name!r} ({type(call.layer).__name__}{described})"
    if call.output.shape[-1] == 1:
        return f"{fault}. Its single output must be a sigmoid or a logit: a softmax is always 1."
    return f"{fault}, but it must end in softmax, in sigmoids or in logits."
