"""A Keras network as a plain list of layer calls, so that any part of it can run on its own."""

import inspect
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from course_utils.arguments import quote
from course_utils.backend import keras


class Call(NamedTuple):
    """One layer applied once. Tensors are symbolic: `run_calls` puts values in their place.

    `name` is the layer's. Where layers of two nested models share a name, the model's comes first:
    "left/conv".
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

    @property
    def outputs(self) -> list:
        """All tensors that the layer returns: a few operations return several."""
        return keras.tree.flatten(self.output)


class Graph(NamedTuple):
    """A network: its calls in the order in which they run, nested models spelled out."""

    input: Any
    calls: list
    output: Any


def trace_calls(model: keras.Model) -> Graph:
    """List the layer calls of a network.

    Raises:
        ValueError: As `as_functional` with `single`.
    """
    functional = as_functional(model, single=True)
    [graph_input], calls, [output] = _trace(functional, [functional.inputs[0].shape])
    return Graph(graph_input, calls, output)


def _trace(functional, shapes):
    """Apply a network's layers to inputs of these shapes: (inputs, calls, outputs)."""
    found: list[tuple[Call, str]] = []  # each call, and the nested model that it comes from, or ""

    def apply(layer, *args, **kwargs):
        if "training" in inspect.signature(layer.call).parameters:
            kwargs["training"] = False  # the default of data augmentation is True
        call = Call(layer.name, layer, layer, args, kwargs, layer(*args, **kwargs))
        if is_network(layer):
            found.extend((inner, f"{layer.name}/") for inner in _inline(call))
        else:
            found.append((call, ""))
        return call.output

    rebuilt = rebuild(functional, apply, shapes)
    num_layers = Counter(name for name, _ in {(call.name, id(call.layer)) for call, _ in found})
    calls = [
        call._replace(name=prefix + call.name) if num_layers[call.name] > 1 else call
        for call, prefix in found
    ]
    return rebuilt.inputs, calls, rebuilt.outputs


def _inline(nested):
    """Spell out the call of a nested model: the calls inside, and one to hand on each output.

    The inputs have the shapes of the call: the nested model may leave height and width open.
    """
    functional = as_functional(nested.layer)
    arguments = nested.inputs[: len(functional.inputs)]
    inputs, calls, outputs = _trace(functional, [tensor.shape for tensor in arguments])
    for number, (inner, output) in enumerate(zip(outputs, nested.outputs, strict=True)):
        name = nested.name if len(outputs) == 1 else f"{nested.name}[{number}]"
        calls.append(Call(name, nested.layer, pass_on, (inner,), {}, output))
    outer = {id(tensor): argument for tensor, argument in zip(inputs, arguments, strict=True)}

    def connect(structure):
        return keras.tree.map_structure(lambda leaf: outer.get(id(leaf), leaf), structure)

    return [call._replace(args=connect(call.args), kwargs=connect(call.kwargs)) for call in calls]


def pass_on(tensor: Any) -> Any:
    """Stand in for a nested model, whose own calls come before this one."""
    return tensor


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
        crosses the cut, as shortcuts of a residual network do. `head` lists the calls that compute
        the logits from them: all that depends on the layer's output, so gradients need no others.
    """
    target = output_of(graph, layer_name)
    dependent, head = {id(target)}, []
    for call in graph.calls:
        if any(id(tensor) in dependent for tensor in call.inputs):
            head.append(call)
            dependent.update(map(id, call.outputs))
    head = needed_calls(head, [graph.output])
    shortcuts = {id(t): t for call in head for t in call.inputs if id(t) not in dependent}
    return [target, *shortcuts.values()], head


def needed_calls(calls: list[Call], outputs: Iterable) -> list[Call]:
    """Return the calls that the tensors `outputs` depend on, in the same order."""
    wanted, kept = {id(tensor) for tensor in outputs}, []
    for call in reversed(calls):
        if any(id(tensor) in wanted for tensor in call.outputs):
            kept.append(call)
            wanted.update(map(id, call.inputs))
    return kept[::-1]


def run_calls(calls: list[Call], feeds: Iterable, fetches: list) -> list:
    """Run `calls` on real tensors, and return the values of the symbolic tensors `fetches`.

    `feeds` are pairs (symbolic tensor, value). What no later call needs is let go on the way.
    """
    values = {id(tensor): value for tensor, value in feeds}
    used = [{id(tensor) for tensor in (*call.inputs, *call.outputs)} for call in calls]
    last_use = {key: number for number, keys in enumerate(used) for key in keys}
    kept = {id(tensor) for tensor in fetches}

    def value_of(leaf):
        return values[id(leaf)] if isinstance(leaf, keras.KerasTensor) else leaf

    for number, call in enumerate(calls):
        args, kwargs = keras.tree.map_structure(value_of, (call.args, call.kwargs))
        results = keras.tree.flatten(call.function(*args, **kwargs))
        values.update(zip(map(id, call.outputs), results, strict=True))
        for key in used[number] - kept:
            if last_use[key] == number:
                del values[key]
    return [values[id(tensor)] for tensor in fetches]


def rebuild(model: keras.Model, call: Callable, shapes: Iterable | None = None) -> keras.Model:
    """Apply the layers of a functional model once more, each by `call(layer, *args, **kwargs)`.

    `shapes` are those of the inputs, with the batch; None means the same as before.
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


def twin(layer: Any, **changes: Any) -> Any:
    """Return a layer on the same variables, not part of any network yet, with attributes changed.

    Keras's own copies would have variables of their own, and not every layer has a configuration.
    """
    other = object.__new__(type(layer))
    other.__dict__.update(layer.__dict__, _inbound_nodes=[], _outbound_nodes=[], **changes)
    return other


def has_call_of_keras(layer: Any) -> bool:
    """Tell whether a layer's `call()` is Keras's own, so that it computes what is documented."""
    return type(layer).call.__module__.startswith("keras.")


def is_network(layer: Any) -> bool:
    """Tell whether a layer is a model whose layers can be seen one by one."""
    has_layers = isinstance(layer, keras.Sequential) or hasattr(layer, "operations")
    return has_layers and has_call_of_keras(layer)


def as_functional(model: keras.Model, single: bool = False) -> keras.Model:
    """Return a functional model on the same layers.

    Raises:
        ValueError: The model is of another kind, or `single` and it has several inputs or outputs.
    """
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"The network must be a keras.Model, not {quote(model)}; "
            "keras.saving.load_model(path) reads one from a file."
        )
    fault = f"The network {model.name!r}"
    if not is_network(model):
        raise ValueError(
            f"{fault} is of the class {type(model).__name__}, whose own call() hides its layers. "
            "Make it functional: inputs = keras.Input((height, width, 3)), and "
            "model = keras.Model(inputs, model.call(inputs))."
        )
    if isinstance(model, keras.Sequential):
        if not model.built:
            raise ValueError(f"{fault} has no input yet: model.build((None, height, width, 3)).")
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    if single and len(model.inputs) > 1:
        raise ValueError(
            f"{fault} has {len(model.inputs)} inputs; only the picture can be one. Fix the others: "
            "image = keras.Input((height, width, 3)), other = keras.layers.Lambda(lambda x: "
            "keras.ops.tile([values], (keras.ops.shape(x)[0], 1))), and "
            "keras.Model(image, model([image, other(image)]))."
        )
    if single and len(model.outputs) > 1:
        raise ValueError(
            f"{fault} has {len(model.outputs)} outputs. Choose one: "
            "keras.Model(model.inputs, model.outputs[0])."
        )
    return model
