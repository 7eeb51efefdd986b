"""A Keras classifier goes in; ONNX graphs, forward and with gradients, come out for a browser.

ONNX Runtime on the web has no automatic differentiation, so the backward pass is written into a
graph of its own, layer by layer. Both graphs read their weights from the same two files:
`weights.bin`, and `head.bin` with the last layer, which a page also uses alone, since behind the
last feature maps the heatmaps of all classes have a closed form. Of a network of plain convolutions
`export_blocks` writes the first blocks, forward only.

Batch normalization is folded. Kernels are stored as int16 with one float32 scale for each output
channel, and are multiplied out when the network is loaded: two bytes a weight, as in float16, but
logits differ from Keras's by 0.003 instead of 0.03. Small kernels, all depthwise ones among them,
have a third byte. What matters is which side of a ReLU6's bends a value comes to lie on, because
gradients stop there.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from course_utils.backend import keras
from course_utils.engine.folding import find_folds, scale_and_bias
from course_utils.engine.graph import Graph
from course_utils.networks.classifier import ImageClassifier, runner_of

OPSET, IR_VERSION = 17, 9
IMAGE, ONE_HOT, LOGITS = "image", "one_hot", "logits"
GRADIENT = ":gradient"  # behind a layer's name: a logit's gradient there
_ALIGNMENT = 64  # bytes
_LARGEST = 32767
_SMALL = 60_000  # weights of a kernel that has a third byte: 0.5 MB in all
_PARTS = 254  # of an int16's step that the third byte counts


class Step(NamedTuple):
    """One operation of the folded network, on tensors with names."""

    kind: str  # "conv", "depthwise", "relu6", "relu", "add", "pool", "max_pool", "dense"
    output: str
    inputs: list[str]
    kernel: NDArray | None = None  # (out, in, height, width), or (classes, channels)
    bias: NDArray | None = None
    stride: int = 1
    pads: tuple[int, ...] = (0, 0, 0, 0)  # top, left, bottom, right
    unread: tuple[int, ...] = (0, 0)  # rows and columns at the end that no window reaches


def export_network(classifier: ImageClassifier, folder: Path) -> dict[str, int]:
    """Write `forward.onnx`, `gradients.onnx`, `weights.bin` and `head.bin`.

    Inputs are `image`, preprocessed, float32 (1, 3, h, w), and for gradients `one_hot`, float32
    (1, classes). Outputs are `logits`, each layer of `conv_layer_names` under its name, float32
    (1, channels, height, width), and each gradient, also that of `image`, under name + ":gradient".

    Args:
        classifier: Of convolutions, depthwise convolutions, batch normalization, ReLU6, additions,
            and a dense layer behind global average pooling.
        folder: Where to write.

    Returns:
        What `head.bin` holds: the numbers of "classes" and "channels", and where, in bytes from its
        beginning, stand "kernel" (int16 (classes, channels)) and "scale", which multiplies it
        (float32 (classes,)).

    Raises:
        ValueError: The network has a layer of another kind.
    """
    runner = runner_of(classifier)
    names, sizes = runner.conv_layer_names, runner.feature_map_shapes
    steps = list(fold_steps(runner.graph))
    weights, head = _WeightsFile("weights.bin"), _WeightsFile("head.bin")
    forward = _Writer(weights, head)
    for step in steps:
        forward.forward(step)
    height, width = runner.input_size
    image = _value(IMAGE, (1, 3, height, width))
    logits = _value(LOGITS, (1, classifier.num_classes))
    maps = [_value(name, (1, sizes[name][2], *sizes[name][:2])) for name in names]
    folder.mkdir(parents=True, exist_ok=True)
    forward.save(folder / "forward.onnx", [image], [logits, *maps])

    both = _Writer(weights, head)
    for step in steps:
        both.forward(step)
    both.backward(steps, sizes[names[-1]])
    one_hot = _value(ONE_HOT, (1, classifier.num_classes))
    gradients = [
        _value(value.name + GRADIENT, [axis.dim_value for axis in value.type.tensor_type.shape.dim])
        for value in [image, *maps]
    ]
    both.save(folder / "gradients.onnx", [image, one_hot], [logits, *maps, *gradients])
    for file in (weights, head):
        (folder / file.name).write_bytes(file.content)
    kernel = f"{LOGITS}:kernel"
    places = {"kernel": head.offset(f"{kernel}:int16"), "scale": head.offset(f"{kernel}:scale")}
    classes, channels = steps[-1].kernel.shape
    return {"classes": classes, "channels": channels, **places}


def export_blocks(model: keras.Model, last: str, folder: Path) -> list[str]:
    """Write `blocks.onnx` and `blocks.bin`: a network's first layers, forward.

    The input is `image`, RGB less the means of its colors, float32 (1, 3, h, w). Outputs are the
    layers, each under its name, float32 (1, channels, height, width).

    Args:
        model: `keras.applications.VGG16`, or another chain of 3 x 3 convolutions with ReLU and
            2 x 2 max pooling, whose input is BGR less the means.
        last: Name of the last layer that is written.
        folder: Where to write.

    Returns:
        The layers' names.
    """
    names = [layer.name for layer in model.layers]
    layers = model.layers[1 : names.index(last) + 1]
    weights = _WeightsFile("blocks.bin")
    writer = _Writer(weights, weights)
    for step in _block_steps(layers):
        writer.forward(step)
    image = _value(IMAGE, (1, 3, *model.input_shape[1:3]))
    outputs = []
    for layer in layers:
        height, width, channels = layer.output.shape[1:]
        outputs.append(_value(layer.name, (1, channels, height, width)))
    folder.mkdir(parents=True, exist_ok=True)
    writer.save(folder / "blocks.onnx", [image], outputs)
    (folder / weights.name).write_bytes(weights.content)
    return [layer.name for layer in layers]


def _block_steps(layers):
    name = IMAGE
    for layer in layers:
        if isinstance(layer, keras.layers.MaxPooling2D):
            yield Step("max_pool", layer.name, [name])
        else:
            kernel = np.float64(layer.kernel.numpy()).transpose(3, 2, 0, 1)
            kernel = kernel[:, ::-1] if name == IMAGE else kernel  # RGB instead of BGR
            sums, bias = f"{layer.name}:sums", layer.bias.numpy()
            yield Step("conv", sums, [name], kernel, bias, pads=(1, 1, 1, 1))
            yield Step("relu", layer.name, [sums])
        name = layer.name


# The network as a list of steps


def fold_steps(graph: Graph) -> Iterable[Step]:
    """List a network's operations, batch normalization folded into the convolution before it."""
    folds = {id(convolution): normalization for convolution, normalization, _ in find_folds(graph)}
    folded = {id(normalization) for normalization in folds.values()}
    names = {id(graph.input): IMAGE}
    for call in graph.calls:
        if id(call) in folded:
            continue
        normalization = folds.get(id(call))
        result = normalization or call
        name = LOGITS if result.output is graph.output else result.name
        names[id(result.output)] = name
        yield _step(call, normalization, name, [names[id(tensor)] for tensor in call.inputs])


def _step(call, normalization, name, inputs):
    layer = call.layer
    if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D) and normalization:
        kernel = np.float64(layer.kernel.numpy())
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        # Keras keeps (height, width, in, out), of a depthwise one (height, width, channels, 1).
        kernel = kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(3, 2, 0, 1)
        scale, bias = scale_and_bias(normalization.layer)
        if layer.use_bias:
            bias = bias + scale * layer.bias.numpy()
        size, stride = kernel.shape[2], layer.strides[0]
        lengths, new = call.inputs[0].shape[1:3], call.output.shape[1:3]
        reach = [(count - 1) * stride + size for count in new]
        total = [max(end - length, 0) for end, length in zip(reach, lengths, strict=True)]
        # TensorFlow's padding "same": the odd pixel comes at the end.
        pads = [pad // 2 for pad in total] + [pad - pad // 2 for pad in total]
        unread = [max(length - end, 0) for end, length in zip(reach, lengths, strict=True)]
        kind, kernel = "depthwise" if depthwise else "conv", kernel * scale[:, None, None, None]
        return Step(kind, name, inputs, kernel, bias, stride, tuple(pads), tuple(unread))
    if isinstance(layer, keras.layers.ReLU) and layer.max_value == 6:
        return Step("relu6", name, inputs)
    if isinstance(layer, keras.layers.Add):
        return Step("add", name, inputs)
    if isinstance(layer, keras.layers.GlobalAveragePooling2D):
        return Step("pool", name, inputs)
    if isinstance(layer, keras.layers.Dense):
        return Step("dense", name, inputs, layer.kernel.numpy().T, layer.bias.numpy())
    raise ValueError(
        f"The exporter has no operation for the layer {layer.name!r}, a {type(layer).__name__}."
    )


# The graphs


class _Writer:
    """Writes nodes of one ONNX graph."""

    def __init__(self, weights, head):
        self._weights, self._head = weights, head
        self._nodes, self._constants, self._known = [], [], set()

    def save(self, path, inputs, outputs):
        graph = helper.make_graph(self._nodes, path.stem, inputs, outputs, self._constants)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )
        onnx.save(model, path)

    def forward(self, step):
        if step.kind == "relu6":
            bounds = [self._constant("zero", np.float32(0)), self._constant("six", np.float32(6))]
            self._node("Clip", [*step.inputs, *bounds], step.output)
        elif step.kind == "relu":
            self._node("Relu", step.inputs, step.output)
        elif step.kind == "max_pool":
            self._node("MaxPool", step.inputs, step.output, kernel_shape=[2, 2], strides=[2, 2])
        elif step.kind == "add":
            self._node("Add", step.inputs, step.output)
        elif step.kind == "pool":
            self._node("GlobalAveragePool", step.inputs, step.output + ":maps")
            self._node("Flatten", [step.output + ":maps"], step.output)
        elif step.kind == "dense":
            kernel, bias = self._kernel(step, self._head), self._bias(step, self._head)
            self._node("Gemm", [*step.inputs, kernel, bias], step.output, transB=1)
        else:
            arguments = [*step.inputs, self._kernel(step), self._bias(step)]
            self._node("Conv", arguments, step.output, **_convolution(step))

    def backward(self, steps, last_shape):
        """Follow the gradient of one logit back to the image."""
        parts = {LOGITS: [ONE_HOT]}  # {tensor: what adds up to its gradient}
        for step in reversed(steps):
            gradient = self._sum(step.output, parts.pop(step.output))
            for number, name in enumerate(step.inputs):
                part = self._step_back(step, gradient, number, last_shape)
                parts.setdefault(name, []).append(part)
        self._sum(IMAGE, parts.pop(IMAGE))

    def _sum(self, name, parts):
        gradient = name + GRADIENT
        if name == LOGITS:
            return parts[0]
        self._node("Sum" if len(parts) > 1 else "Identity", parts, gradient)
        return gradient

    def _step_back(self, step, gradient, number, last_shape):
        """Return the gradient at one input of a step, given that at its output."""
        if step.kind == "add":
            return gradient
        output = f"{step.output}:back{number}"
        kernel = f"{step.output}:kernel"
        if step.kind == "relu6":  # passes where the output lies strictly between 0 and 6
            zero, six = self._constant("zero", np.float32(0)), self._constant("six", np.float32(6))
            above, below = f"{step.output}:above", f"{step.output}:below"
            self._node("Greater", [step.output, zero], above)
            self._node("Less", [step.output, six], below)
            self._node("And", [above, below], f"{step.output}:passes")
            self._node("Where", [f"{step.output}:passes", gradient, zero], output)
        elif step.kind == "dense":
            self._node("Gemm", [gradient, kernel], output)
        elif step.kind == "pool":  # each position has its share of the mean
            height, width, channels = last_shape
            shares = np.full((1, 1, height, width), 1 / (height * width), np.float32)
            shape = self._constant("pool:shape", np.array([1, channels, 1, 1]))
            self._node("Reshape", [gradient, shape], f"{output}:column")
            self._node("Mul", [f"{output}:column", self._constant("pool:shares", shares)], output)
        elif step.kind == "conv" and step.kernel.shape[2] == 1 and step.stride == 1:
            # A pointwise convolution back is one with the transposed kernel.
            self._node("Transpose", [kernel], f"{kernel}:back", perm=[1, 0, 2, 3])
            self._node("Conv", [gradient, f"{kernel}:back"], output)
        elif step.kind == "depthwise" and step.stride == 1:
            # And a depthwise one with the kernel turned around.
            self._flip(kernel)
            options = _convolution(step)
            self._node("Conv", [gradient, f"{kernel}:back"], output, **options)
        else:
            options = {**_convolution(step), "output_padding": step.unread}
            self._node("ConvTranspose", [gradient, kernel], output, **options)
        return output

    def _flip(self, kernel):
        arrays = {"ends": [-1, -1], "stop": [-(2**31)] * 2, "axes": [2, 3], "steps": [-1, -1]}
        arguments = [self._constant(f"flip:{key}", np.array(arrays[key])) for key in arrays]
        self._node("Slice", [kernel, *arguments], f"{kernel}:back")

    def _kernel(self, step, file=None):
        """Write nodes that multiply a stored kernel out; ONNX Runtime does so once, at loading."""
        name = f"{step.output}:kernel"
        whole, scale, rest = _quantize(step.kernel)
        number = self._cast(self._stored(f"{name}:int16", whole, file))
        if step.kernel.size < _SMALL:
            parts = self._cast(self._stored(f"{name}:int8", rest, file))
            unit = self._constant("parts", np.float32(1 / _PARTS))
            self._node("Mul", [parts, unit], f"{name}:rest")
            self._node("Add", [number, f"{name}:rest"], f"{name}:sum")
            number = f"{name}:sum"
        self._node("Mul", [number, self._stored(f"{name}:scale", scale, file)], name)
        return name

    def _cast(self, name):
        self._node("Cast", [name], f"{name}:float", to=TensorProto.FLOAT)
        return f"{name}:float"

    def _bias(self, step, file=None):
        return self._stored(f"{step.output}:bias", np.float32(step.bias), file)

    def _stored(self, name, array, file=None):
        self._constants.append((file or self._weights).add(name, array))
        return name

    def _constant(self, name, array):
        if name not in self._known:
            self._known.add(name)
            self._constants.append(onnx.numpy_helper.from_array(np.asarray(array), name))
        return name

    def _node(self, kind, inputs, output, **attributes):
        self._nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))


class _WeightsFile:
    """Arrays one behind the other, and the references to them that ONNX calls external data."""

    def __init__(self, name):
        self.name, self.content, self._tensors = name, bytearray(), {}

    def add(self, name, array):
        if name not in self._tensors:
            self.content += bytes(-len(self.content) % _ALIGNMENT)
            self._tensors[name] = self._refer(name, array)
            self.content += np.ascontiguousarray(array).tobytes()
        return self._tensors[name]

    def offset(self, name):
        [place] = [e.value for e in self._tensors[name].external_data if e.key == "offset"]
        return int(place)

    def _refer(self, name, array):
        tensor = TensorProto(
            name=name,
            dims=array.shape,
            data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
            data_location=TensorProto.EXTERNAL,
        )
        place = {"location": self.name, "offset": len(self.content), "length": array.nbytes}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        return tensor


def _quantize(kernel):
    """Return (int16, float32 scales, int8): (int16 + int8 / 254) * scale is the kernel.

    The largest weight of an output channel becomes 32767.
    """
    axes = tuple(range(1, kernel.ndim))
    scale = np.abs(kernel).max(axis=axes, keepdims=True) / _LARGEST
    scale = np.where(scale > 0, scale, 1)
    whole = np.rint(kernel / scale)
    rest = np.rint((kernel / scale - whole) * _PARTS)
    return whole.astype(np.int16), scale.astype(np.float32), rest.astype(np.int8)


def _convolution(step):
    group = step.kernel.shape[0] if step.kind == "depthwise" else 1
    return {"strides": [step.stride] * 2, "pads": step.pads, "group": group}


def _value(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
