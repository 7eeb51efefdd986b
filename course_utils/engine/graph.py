"""A Keras network as a plain list of layer calls, so that any part of it can run on its own.

`keras.Model(layer.output, model.output)` cuts a network in two only where every path runs through
`layer`, and it does not look inside a model that is used as a layer. A list of calls has neither
limit: what a method needs of a network is a part of that list.
"""

import inspect
from collections.abc import Callable, Iterable
from reprlib import repr as shortened
from typing import Any, NamedTuple

from course_utils.backend import keras


class Call(NamedTuple):
    """One layer applied once. Tensors are symbolic: `run_calls` puts values in their place.

    `name` is the layer's, behind that of the nested model around it where layers have the same.
    """

    name: str
    layer: Any
    function: Callable
    args: tuple
    kwargs: dict
    output: Any

    @property
    def inputs(self) -> list:
        """All tensors among the arguments."""
        leaves = keras.tree.flatten((self.args, self.kwargs))
        return [leaf for leaf in leaves if isinstance(leaf, keras.KerasTensor)]


class Graph(NamedTuple):
    """A network: its calls in the order in which they run, nested models spelled out."""

    input: Any
    calls: list
    output: Any


def trace_calls(model: keras.Model) -> Graph:
    """List the layer calls of a functional network, of one input and one output, as a `Graph`."""
    functional = as_functional(model)
    check_one_input_and_output(functional)
    [graph_input], calls, [output] = _trace(functional, [functional.inputs[0].shape])
    return Graph(graph_input, calls, output)


def _trace(functional, shapes):
    """Apply a network's layers to inputs of these shapes: (inputs, calls, outputs)."""
    calls: list[Call] = []
    owners: list[str] = []  # of each call: the nested model that it comes from

    def call(layer, *args, **kwargs):
        if "training" in inspect.signature(layer.call).parameters:
            kwargs["training"] = False  # the default of data augmentation is True
        call = Call(layer.name, layer, layer, args, kwargs, layer(*args, **kwargs))
        spelled_out = _inline(call) if is_network(layer) else [call]
        calls.extend(spelled_out)
        owners.extend([layer.name if is_network(layer) else ""] * len(spelled_out))
        return call.output

    rebuilt = rebuild(functional, call, shapes)
    return rebuilt.inputs, _named_apart(calls, owners), rebuilt.outputs


def _named_apart(calls, owners):
    """Put the nested model's name before those that several layers bear."""
    bearers: dict[str, set] = {}
    for call in calls:
        bearers.setdefault(call.name, set()).add(id(call.layer))
    return [
        call._replace(name=f"{owner}/{call.name}")
        if owner and len(bearers[call.name]) > 1
        else call
        for call, owner in zip(calls, owners, strict=True)
    ]


def readers_of(graph: Graph) -> dict[int, list[Call]]:
    """Return {id of a tensor: the calls that read it}."""
    readers: dict[int, list[Call]] = {}
    for call in graph.calls:
        for tensor in call.inputs:
            readers.setdefault(id(tensor), []).append(call)
    return readers


def output_of(graph: Graph, layer_name: str) -> Any:
    """Return a layer's output tensor, the last one where the layer is applied more than once."""
    return [call.output for call in graph.calls if call.name == layer_name][-1]


def split_calls(graph: Graph, layer_name: str) -> tuple[list, list[Call]]:
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


def needed_calls(calls: list[Call], outputs: Iterable) -> list[Call]:
    """Return the calls that the tensors `outputs` depend on, in the same order."""
    wanted, kept = {id(tensor) for tensor in outputs}, []
    for call in reversed(calls):
        if any(id(tensor) in wanted for tensor in keras.tree.flatten(call.output)):
            kept.append(call)
            wanted.update(map(id, call.inputs))
    return kept[::-1]


def run_calls(calls: Iterable[Call], feeds: Iterable, fetches: Iterable) -> list:
    """Run `calls` on real tensors.

    Args:
        calls: List of `Call`.
        feeds: List of pairs (symbolic tensor, value).
        fetches: List of symbolic tensors.

    Returns:
        List of the values of `fetches`.
    """
    values = {id(tensor): value for tensor, value in feeds}
    calls, fetches = list(calls), list(fetches)
    last_uses = _last_uses(calls, fetches)

    def value_of(leaf):
        return values[id(leaf)] if isinstance(leaf, keras.KerasTensor) else leaf

    for number, call in enumerate(calls):
        args, kwargs = keras.tree.map_structure(value_of, (call.args, call.kwargs))
        outputs = keras.tree.flatten(call.function(*args, **kwargs))
        del args, kwargs
        values.update(zip(map(id, keras.tree.flatten(call.output)), outputs, strict=True))
        for key in last_uses.get(number, ()):
            del values[key]
    return [values[id(tensor)] for tensor in fetches]


def _last_uses(calls, fetches):
    """Return {number of a call: ids of the tensors that nobody needs behind it}.

    A network's layers together are many times as large as the largest of them.
    """
    last: dict[int, int] = {}
    for number, call in enumerate(calls):
        leaves = keras.tree.flatten((call.args, call.kwargs, call.output))
        last |= {id(leaf): number for leaf in leaves if isinstance(leaf, keras.KerasTensor)}
    for tensor in fetches:
        last.pop(id(tensor), None)
    numbers: dict[int, list[int]] = {}
    for key, number in last.items():
        numbers.setdefault(number, []).append(key)
    return numbers


def rebuild(model: keras.Model, call: Callable, shapes: Iterable | None = None) -> keras.Model:
    """Apply the layers of a functional model once more, each by `call(layer, *args, **kwargs)`.

    Args:
        model: Functional `keras.Model`.
        call: Function that applies a layer.
        shapes: Those of the inputs, with the batch; None means the same as before.
    """
    shapes = [tensor.shape for tensor in model.inputs] if shapes is None else shapes
    inputs = [
        keras.Input(batch_shape=shape, dtype=tensor.dtype, name=tensor.name)
        for shape, tensor in zip(shapes, model.inputs, strict=True)
    ]
    return keras.models.clone_model(
        model,
        input_tensors=keras.tree.pack_sequence_as(model.input, inputs),
        clone_function=lambda layer: layer,
        call_function=call,
    )


def _inline(nested):
    """Spell out the call of a nested model: the calls inside, and one to hand on each output.

    The inputs have the shapes of the call: the nested model may leave height and width open.
    """
    functional = as_functional(nested.layer)
    arguments = nested.inputs[: len(functional.inputs)]
    inputs, calls, outputs = _trace(functional, [tensor.shape for tensor in arguments])
    outer = {id(tensor): argument for tensor, argument in zip(inputs, arguments, strict=True)}
    handed_on = keras.tree.flatten(nested.output)
    for number, (inner, output) in enumerate(zip(outputs, handed_on, strict=True)):
        name = nested.name if len(handed_on) == 1 else f"{nested.name}[{number}]"
        calls.append(Call(name, nested.layer, pass_on, (inner,), {}, output))

    def replace(leaf):
        return outer.get(id(leaf), leaf)

    return [
        call._replace(args=args, kwargs=kwargs)
        for call in calls
        for args, kwargs in [keras.tree.map_structure(replace, (call.args, call.kwargs))]
    ]


def pass_on(tensor: Any) -> Any:
    """Stand in for a nested model, whose own calls come before this one."""
    return tensor


def twin(layer: Any, **changes: Any) -> Any:
    """Return a layer on the same variables, at no place in a network yet.

    Keras's own copies would have variables of their own, and not every layer has a configuration.

    Args:
        layer: A layer, or an operation that is none.
        changes: Attributes in which the twin differs.
    """
    other = object.__new__(type(layer))
    other.__dict__.update(layer.__dict__, _inbound_nodes=[], _outbound_nodes=[], **changes)
    return other


def has_call_of_keras(layer: Any) -> bool:
    """Tell whether a layer computes what Keras's documentation says: nobody wrote its `call()`."""
    return type(layer).call.__module__.startswith("keras.")


def is_network(layer: Any) -> bool:
    """Tell whether a layer is a model whose layers can be seen one by one."""
    has_layers = isinstance(layer, keras.Sequential) or hasattr(layer, "operations")
    return has_layers and has_call_of_keras(layer)


def as_functional(model: keras.Model) -> keras.Model:
    """Return a functional model on the same layers.

    Raises:
        ValueError: The model is of another kind.
    """
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"The network must be a keras.Model, not {shortened(model)}. The line to write is "
            "cu.ImageClassifier('mine', model, preprocess_input); keras.saving.load_model(path) "
            "reads a model from a file."
        )
    if isinstance(model, keras.Sequential) and model.built and is_network(model):
        return keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    if not is_network(model) or isinstance(model, keras.Sequential):
        raise ValueError(f"The network {model.name!r} {_why_not_functional(model)}")
    return model


def check_one_input_and_output(model: keras.Model) -> None:
    """Check that a network has one input and one output.

    Raises:
        ValueError: It has more.
    """
    if len(model.inputs) > 1:
        raise ValueError(
            f"The network {model.name!r} has {len(model.inputs)} inputs, and the methods here ask "
            "about a picture alone. Hold the other inputs at one value, by a network around it "
            "whose only input is the picture: image = keras.Input((height, width, 3)), and "
            "keras.Model(image, model([image, other(image)])), where other is keras.layers.Lambda("
            "lambda x: keras.ops.tile([values], (keras.ops.shape(x)[0], 1)))."
        )
    if len(model.outputs) > 1:
        raise ValueError(
            f"The network {model.name!r} has {len(model.outputs)} outputs. Choose one: "
            "keras.Model(model.inputs, model.outputs[0])."
        )


def _why_not_functional(model):
    if isinstance(model, keras.Sequential) and has_call_of_keras(model):
        return (
            "does not know yet how large its pictures are: model.build((None, height, width, 3))."
        )
    return (
        f"is of the class {type(model).__name__}, whose call() is its own: its layers can't be "
        "seen one by one. Make a functional one of the same layers: inputs = "
        "keras.Input((height, width, 3)), and model = keras.Model(inputs, model.call(inputs))."
    )
