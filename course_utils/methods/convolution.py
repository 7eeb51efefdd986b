"""A network's first convolution, place by place: what it reads there, multiplies and adds."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from course_utils.backend import keras
from course_utils.engine import memory
from course_utils.engine.graph import needed_calls
from course_utils.engine.runner import to_array
from course_utils.networks.classifier import ImageClassifier, runner_of

COLORS = "red", "green", "blue"


class Convolution(NamedTuple):
    """What a first convolution reads in a picture, and what it makes of that.

    Attributes:
        name: The layer's.
        relu: Whether a ReLU is part of the layer.
        colors: What it reads in its channels: "blue", "green" and "red" for VGG16, or "gray".
        kernels: float32 (height, width, channels, filters).
        bias: float32 (filters,), zeros where the layer has none.
        inputs: float32, what it reads, with a rim of zeros: a kernel's height, a kernel's width.
        maps: float32 (rows, columns, filters), what Keras makes of it.
        windows: Along rows and columns, which pixels a value sees: see `Window`.
        starts: Where, in `inputs`, the first patch begins.
    """

    name: str
    relu: bool
    colors: list[str]
    kernels: NDArray
    bias: NDArray
    inputs: NDArray
    maps: NDArray
    windows: tuple
    starts: tuple[int, int]

    def patch(self, row: int, column: int) -> NDArray:
        """Return what the value at (row, column) is computed from: (height, width, channels)."""
        (height, width), (down, across) = self.kernels.shape[:2], self.windows
        top, left = self.starts[0] + row * down.step, self.starts[1] + column * across.step
        return self.inputs[top : top + height, left : left + width]


def first_convolution(
    network: ImageClassifier | keras.Model,
    image: NDArray[np.uint8],
    preprocess_input: Callable | None = None,
) -> Convolution:
    """Run a network's first convolution on a picture uint8 (H, W, 3); see `LayerExplorer`.

    Raises:
        ValueError: The network has no convolution over the colors of the picture.
    """
    runner = runner_of(network, preprocess_input)
    graph, windows = runner.graph, runner.receptive_windows
    call = next((c for c in graph.calls if isinstance(c.layer, keras.layers.Conv2D)), None)
    kernels = call.layer.kernel.numpy() if call else np.empty((0, 0, 0, 0))
    seen = windows.get(call.name) if call else None
    if seen is None or kernels.shape[:3] != (*(w.size for w in seen), graph.input.shape[-1]):
        raise ValueError("The network does not begin with a convolution over a picture's colors.")
    [source], (height, width) = call.inputs, kernels.shape[:2]
    before = next((windows[c.name] for c in graph.calls if c.output is source), None)
    offsets = [w.start - (before[i].start if before else 0) for i, w in enumerate(seen)]

    def compute():
        tensors = [source, call.output]
        values = runner.run(
            needed_calls(graph.calls, tensors), [(graph.input, runner.inputs(image))], tensors
        )
        return [to_array(value) for value in values]

    read, maps = memory.remember((*runner.picture_key(image), "first convolution"), compute)
    mixing = runner.preprocessing[0]  # (3, channels)
    names = np.array(COLORS)[np.abs(mixing).argmax(axis=0)]
    return Convolution(
        name=call.name,
        relu=call.layer.activation is keras.activations.relu,
        colors=["gray"] if len(names) == 1 else names.tolist(),
        kernels=kernels,
        bias=call.layer.bias.numpy() if call.layer.use_bias else np.zeros(kernels.shape[3]),
        inputs=np.pad(read, ((height, height), (width, width), (0, 0))),
        maps=maps,
        windows=seen,
        starts=(offsets[0] + height, offsets[1] + width),
    )
