"""Which layers of a network can be looked at, by their names."""

from course_utils.arguments import nearest
from course_utils.backend import keras
from course_utils.engine.graph import Graph, needed_calls, pass_on, readers_of, split_calls

layers = keras.layers
_POOLINGS = layers.MaxPooling2D, layers.AveragePooling2D
_STEPPED_OVER = *_POOLINGS, layers.ZeroPadding2D
_MOVING = *_POOLINGS, layers.Permute, layers.Reshape  # places, even where the shape stays the same
_IDENTITIES = (
    layers.Dropout, layers.SpatialDropout2D, layers.GaussianNoise, layers.GaussianDropout,
    layers.AlphaDropout, layers.ActivityRegularization, layers.Identity,
)  # fmt: skip


def feature_map_shapes(graph: Graph) -> dict[str, tuple[int, int, int]]:
    """Return {name: (height, width, channels)} of the layers that give feature maps, in order."""
    return {call.name: tuple(call.output.shape[1:]) for call in graph.calls if _gives_maps(call)}


def default_layer_name(graph: Graph) -> str:
    """Name the layer at which heatmaps are computed unless the caller says otherwise.

    It is the last layer that still has places, as later layers read it: behind additions,
    concatenations, normalization and activation. A local pooling at the very end is stepped over,
    because the maps before it have more places. Of VGG16 it is "block5_conv3".

    A layer that only some of the paths to the logits run through gives way to one of the same
    height and width that all of them run through, if there is one.

    Raises:
        ValueError: No layer has height and width.
    """
    return _default_call(graph).name


def conv_layer_names(graph: Graph) -> list[str]:
    """List the layers to choose from: those that make feature maps, as later layers read them.

    These are the convolutions, what joins several maps, as at the end of a block, and layers of the
    user's own; each with the normalization and the activation behind it. The default is among them.

    Raises:
        ValueError: No layer has height and width.
    """
    calls, readers = _calls_with_places(graph), readers_of(graph)
    tensors = {id(graph.input), *(id(call.output) for call in calls)}
    chosen = {id(_default_call(graph))}
    for call in calls:
        if _makes_maps(call, tensors):
            chosen.add(id(_as_read_later(call, readers, tensors)))
    return list(dict.fromkeys(call.name for call in calls if id(call) in chosen))


def key_layer_names(graph: Graph) -> list[str]:
    """Choose an early, a middle and a late layer of `conv_layer_names`.

    They are the first, the last one at the middle resolution, and the default.
    """
    names, shapes = conv_layer_names(graph), feature_map_shapes(graph)
    names = names[: names.index(default_layer_name(graph)) + 1]
    heights = [shapes[name][0] for name in names]
    stages = list(dict.fromkeys(heights))
    middle = max(i for i, height in enumerate(heights) if height == stages[len(stages) // 2])
    return [names[0], names[middle], names[-1]]


def explain_limits(graph: Graph, layer_name: str) -> str:
    """Say what a heatmap at a layer misses: the place, or a branch; "" if it misses nothing."""
    if feature_map_shapes(graph)[layer_name][:2] == (1, 1):
        return f"Layer {layer_name!r} has one place, so its heatmap can't say where."
    if layer_name != default_layer_name(graph):
        return ""  # whoever chooses another layer knows where it is
    choices, past = conv_layer_names(graph), []
    boundary, _ = split_calls(graph, layer_name)
    for tensor in boundary[1:]:
        before = [call.name for call in needed_calls(graph.calls, [tensor])]
        past += [name for name in before if name in choices][-1:]
    names = ", ".join(map(repr, dict.fromkeys(past)))
    fault = f"The heatmap at {layer_name!r} leaves out what bypasses this layer by way of {names}."
    return fault if past else ""


def explain_no_layer(graph: Graph, layer_name: object) -> str:
    """Say that no layer of that name gives feature maps, with the nearest names that do."""
    names = feature_map_shapes(graph)
    fault = f"No layer with feature maps is called {layer_name!r}."
    if any(call.name == layer_name for call in graph.calls):
        fault = f"Layer {layer_name!r} has no height and width, so it gives no feature maps."
    near = ", ".join(map(repr, nearest(layer_name, names, cutoff=0)))
    return f"{fault} The nearest names of those that have them: {near}."


def _calls_with_places(graph):
    """List the calls whose maps have more than 1 x 1 places; if there are none, those with one.

    Maps that are reshaped from a vector do not count: their places are not the picture's.
    """
    tensors, calls = {id(graph.input)}, []
    needed = needed_calls(graph.calls, [graph.output])
    for call in needed:
        if any(id(tensor) in tensors for tensor in call.inputs):
            outputs = [tensor for tensor in call.outputs if set(tensor.shape[1:-1]) - {1}]
            tensors.update(map(id, outputs))
            if outputs and _gives_maps(call):
                calls.append(call)
    calls = calls or [call for call in needed if _gives_maps(call)]
    if not calls:
        raise ValueError("The network has no feature maps: no layer has height and width.")
    return calls


def _gives_maps(call):
    return len(getattr(call.output, "shape", ())) == 4  # some operations have several outputs


def _default_call(graph):
    calls = _calls_with_places(graph)
    last = next((call for call in reversed(calls) if call.function is not pass_on), calls[-1])
    makers = {id(call.output): call for call in calls}
    while (_is_identity(last) or isinstance(last.layer, _STEPPED_OVER)) and (
        before := makers.get(id(last.inputs[0]))
    ):
        last = before
    # Of a branch, part of the evidence would be missing: prefer what all paths run through.
    up_to_last = calls[: [call is last for call in calls].index(True) + 1]
    for call in reversed(up_to_last):
        boundary, _ = split_calls(graph, call.name)
        same_size = call.output.shape[1:3] == last.output.shape[1:3]
        if same_size and len(boundary) == 1 and boundary[0] is call.output:
            return call
    return last


def _makes_maps(call, tensors):
    """Tell whether a call has kernels, joins maps, or is a layer of the user's own."""
    if call.function is pass_on:
        return False
    is_joint = len({id(tensor) for tensor in call.inputs} & tensors) > 1
    weights = getattr(call.layer, "weights", [])
    if type(call.layer).__module__.startswith("keras."):
        return is_joint or any("kernel" in weight.name for weight in weights)
    keeps_shape = call.output.shape == call.inputs[0].shape
    return is_joint or not keeps_shape or any(len(weight.shape) > 1 for weight in weights)


def _as_read_later(call, readers, tensors):
    """Follow the normalization and activation behind a call, up to the last one of them."""
    found = call
    while len(following := readers.get(id(call.output), [])) == 1:
        [reader] = following
        if not _gives_maps(reader) or reader.output.shape != call.output.shape:
            break
        if isinstance(reader.layer, _MOVING) or _makes_maps(reader, tensors):
            break
        call = reader
        if not _is_identity(call):
            found = call
    return found


def _is_identity(call):
    is_linear = getattr(call.layer, "activation", None) is keras.activations.linear
    return (
        call.function is pass_on
        or isinstance(call.layer, _IDENTITIES)
        or (isinstance(call.layer, layers.Activation) and is_linear)
    )
