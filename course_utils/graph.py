"""A Keras network as a plain list of layer calls, so that any part of it can run on its own.

`keras.Model(layer.output, model.output)` cuts a network in two only where every path runs through
`layer`, and it does not look inside a model that is used as a layer. A list of calls has neither
limit: what a method needs of a network is a part of that list.
"""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from course_utils.backend import keras

_AFFINE = (keras.layers.Dense, keras.layers.Conv2D)
_RESHAPING = (keras.layers.Flatten, keras.layers.Reshape, keras.layers.GlobalAveragePooling2D)


class Call(NamedTuple):
    """One layer applied once. Tensors are symbolic: `run_calls` puts values in their place."""

    layer: Any
    function: Callable
    args: tuple
    kwargs: dict
    output: Any

    @property
    def inputs(self):
        """All tensors among the arguments."""
        leaves = keras.tree.flatten((self.args, self.kwargs))
        return [leaf for leaf in leaves if isinstance(leaf, keras.KerasTensor)]


class Graph(NamedTuple):
    """A network: its calls in the order in which they run, nested models spelled out."""

    input: Any
    calls: list
    output: Any


@keras.saving.register_keras_serializable("course_utils")
class LinearHead(keras.layers.Layer):
    """The affine part of a dense layer that ends in softmax, on that layer's own weights."""

    def __init__(self, dense):
        super().__init__(name=f"{dense.name}_logits", dtype=dense.dtype_policy)
        self.dense = dense
        # tf-keras-vis's ReplaceToLinear overwrites this attribute: with what it already is.
        self.activation = keras.activations.linear

    @classmethod
    def from_config(cls, config):
        """Return a head on a dense layer of its own: for Keras, which copies and saves networks."""
        return cls(keras.saving.deserialize_keras_object(config["dense"]))

    def get_config(self):
        """Return what `from_config` takes."""
        return {"dense": keras.saving.serialize_keras_object(self.dense)}

    def call(self, inputs):
        """Return the logits, (N, classes)."""
        logits = keras.ops.matmul(inputs, self.dense.kernel)
        return logits if self.dense.bias is None else logits + self.dense.bias


def build_logits_model(model):
    """Build the network up to its logits, on the same weights.

    Args:
        model: `keras.Model`, functional or `Sequential`, with one input and one output: a softmax,
            or logits already. Models may be nested in it as layers.

    Returns:
        `keras.Model`. `model` itself stays as it is.

    Raises:
        ValueError: The network is of another kind, or ends in another activation.
    """
    model = _as_functional(model)
    if _ends_in_logits(model.operations):
        return model
    last = model.operations[-1]
    head = _without_softmax(last)
    if head is last:
        return model
    if not _is_network(last) and last.output is model.outputs[0]:
        return keras.Model(model.inputs[0], head(last.input), name=model.name)

    def call(layer, *args, **kwargs):
        return (head if layer is last else layer)(*args, **kwargs)

    return _rebuild(model, call)


def trace_calls(model):
    """List the layer calls of a functional network as a `Graph`."""
    calls = []

    def call(layer, *args, **kwargs):
        if "training" in inspect.signature(layer.call).parameters:
            kwargs["training"] = False  # the default of data augmentation is True
        call = Call(layer, layer, args, kwargs, layer(*args, **kwargs))
        calls.extend(_inline(call) if _is_network(layer) else [call])
        return call.output

    rebuilt = _rebuild(_as_functional(model), call)
    return Graph(rebuilt.inputs[0], calls, rebuilt.outputs[0])


def output_of(graph, layer_name):
    """Return a layer's output tensor, the last one where the layer is applied more than once."""
    return [call.output for call in graph.calls if call.layer.name == layer_name][-1]


def split_calls(graph, layer_name):
    """Cut a network behind one layer.

    Returns:
        Tuple (boundary, head). `boundary` lists tensors: first the layer's output, then what else
        crosses the cut, as shortcuts of a residual network do. The list `head` of calls computes
        the logits from them. It is all that depends on the layer's output, so the gradient needs
        nothing else.
    """
    target = output_of(graph, layer_name)
    dependent, head = {id(target)}, []
    for call in graph.calls:
        if any(id(tensor) in dependent for tensor in call.inputs):
            head.append(call)
            dependent.update(id(tensor) for tensor in keras.tree.flatten(call.output))
    head = needed_calls(head, [graph.output])
    shortcuts = {id(t): t for call in head for t in call.inputs if id(t) not in dependent}
    boundary = [target, *shortcuts.values()]
    return boundary, head


def needed_calls(calls, outputs):
    """Return the calls that the tensors `outputs` depend on, in the same order."""
    wanted, kept = {id(tensor) for tensor in outputs}, []
    for call in reversed(calls):
        if any(id(tensor) in wanted for tensor in keras.tree.flatten(call.output)):
            kept.append(call)
            wanted.update(map(id, call.inputs))
    return kept[::-1]


def run_calls(calls, feeds, fetches):
    """Run `calls` on real tensors.

    Args:
        calls: List of `Call`.
        feeds: List of pairs (symbolic tensor, value).
        fetches: List of symbolic tensors.

    Returns:
        List of the values of `fetches`.
    """
    values = {id(tensor): value for tensor, value in feeds}

    def value_of(leaf):
        return values[id(leaf)] if isinstance(leaf, keras.KerasTensor) else leaf

    for call in calls:
        args, kwargs = keras.tree.map_structure(value_of, (call.args, call.kwargs))
        outputs = keras.tree.flatten(call.function(*args, **kwargs))
        values.update(zip(map(id, keras.tree.flatten(call.output)), outputs, strict=True))
    return [values[id(tensor)] for tensor in fetches]


def _rebuild(model, call):
    """Apply the layers of a functional model once more, each by `call(layer, *args, **kwargs)`."""
    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)


def _inline(nested):
    """Spell out the call of a nested model: the calls inside, and one that hands on the output."""
    graph = trace_calls(nested.layer)
    [argument], [output] = nested.inputs, keras.tree.flatten(nested.output)

    def outer(leaf):
        return argument if leaf is graph.input else leaf

    calls = [*graph.calls, Call(nested.layer, pass_on, (graph.output,), {}, output)]
    return [
        call._replace(args=args, kwargs=kwargs)
        for call in calls
        for args, kwargs in [keras.tree.map_structure(outer, (call.args, call.kwargs))]
    ]


def pass_on(tensor):
    """Stand for a nested model, whose calls are spelled out before."""
    return tensor


def _is_network(layer):
    return isinstance(layer, keras.Sequential) or hasattr(layer, "operations")


def _as_functional(model):
    if isinstance(model, keras.Sequential) and model.built:
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    if not (hasattr(model, "operations") and len(model.inputs) == len(model.outputs) == 1):
        raise ValueError(
            f"{getattr(model, 'name', model)!r} is not a functional or built Sequential Keras "
            "model with one input and one output. A Sequential model needs a keras.Input first."
        )
    return model


def _ends_in_logits(operations):
    """Tell whether the last layer with weights is linear, and those behind only pass it on."""
    *others, last = operations
    activation = getattr(last, "activation", None)
    passes_on = isinstance(last, _RESHAPING) or (
        isinstance(last, keras.layers.Activation) and activation is keras.activations.linear
    )
    if passes_on:
        return _ends_in_logits(others)
    return isinstance(last, _AFFINE) and activation is keras.activations.linear


def _without_softmax(layer):
    """Return a layer that computes what `layer` computes before its softmax."""
    if _is_network(layer):
        return build_logits_model(layer)
    activation = getattr(layer, "activation", None)
    is_softmax = activation is keras.activations.softmax
    if isinstance(layer, keras.layers.Softmax) or (
        is_softmax and isinstance(layer, keras.layers.Activation)
    ):
        return keras.layers.Identity(dtype=layer.dtype_policy)
    if is_softmax and isinstance(layer, keras.layers.Dense):
        return LinearHead(layer)
    described = f" with activation {activation.__name__!r}" if callable(activation) else ""
    raise ValueError(
        f"The network ends in {layer.name!r} ({type(layer).__name__}{described}); it must end in "
        "softmax or in logits."
    )
