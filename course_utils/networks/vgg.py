"""VGG16: its trained convolutions, and the whole network in little memory.

Its first dense layer alone has a kernel of 411 MB. Keras would draw initial weights, read the
file's beside them, and copy those. Here a dense layer's kernel is read, or drawn, right where
TensorFlow keeps it.
"""

import hashlib
import os
import zlib
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from course_utils.backend import keras, tf

NO_TOP_FILE = Path(str(files("course_utils") / "data" / "vgg16_no_top.weights.h5"))
_NO_TOP_SHA256 = "e0d5c6e28ee016970bbf0a16cfae3a870a81772668597dbf7a1617d8a0983218"
_DENSE = {"fc1": (4096, "relu"), "fc2": (4096, "relu"), "predictions": (1000, "softmax")}
_ALIGNMENT = 64  # bytes


def no_top_file() -> Path:
    """Return the path of VGG16's trained convolutions, float16, which are part of this package.

    Raises:
        ValueError: The file is damaged.
    """
    whole = NO_TOP_FILE.is_file()
    if not whole or hashlib.sha256(NO_TOP_FILE.read_bytes()).hexdigest() != _NO_TOP_SHA256:
        raise ValueError(
            f"{NO_TOP_FILE.name}, VGG16's convolutions, is damaged. Get the course's files again."
        )
    return NO_TOP_FILE


def load_vgg16(path: Path) -> keras.Model:
    """Build VGG16 with the weights of an HDF5 file.

    Raises:
        ValueError: The file does not fit.
    """
    with h5py.File(path) as file:
        group = file.get("model_weights", file)  # where Keras 2 saved them with a whole model
        if "layer_names" in group.attrs:  # as in the file that keras.applications uses
            return _load_legacy(group)
    model = keras.applications.VGG16(weights=None)
    model.load_weights(path)
    return model


def draw_vgg16() -> keras.Model:
    """Build VGG16 with random weights, the same every time.

    Source:
        He et al., Delving Deep into Rectifiers, https://arxiv.org/abs/1502.01852.
    """

    def draw(layer_name, out):
        generator = np.random.default_rng(zlib.crc32(layer_name.encode()))
        generator.standard_normal(out=out, dtype=np.float32)
        out *= np.sqrt(2 / np.prod(out.shape[:-1]))

    model = _with_dense(draw)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel = np.empty(layer.kernel.shape, np.float32)
            draw(layer.name, kernel)
            layer.kernel.assign(kernel)
    return model


def _load_legacy(group):
    """Load what Keras 2 saved: a group for each layer, and in it the arrays by name."""
    datasets = {}
    for layer_name in group.attrs["layer_names"]:  # bytes or str
        layer = group[layer_name]
        datasets[os.fsdecode(layer_name)] = [layer[key] for key in layer.attrs["weight_names"]]

    def read_kernel(layer_name, out):
        if not datasets.get(layer_name):
            raise ValueError(f"it holds no layer {layer_name!r}.")
        _read(datasets[layer_name][0], out)

    model = _with_dense(read_kernel)
    for layer in model.layers:
        arrays = datasets.get(layer.name, [])
        if len(layer.weights) != len(arrays):
            raise ValueError(
                f"it holds {len(arrays)} arrays for layer {layer.name!r}, which has "
                f"{len(layer.weights)}."
            )
        for variable, dataset in zip(layer.weights, arrays, strict=True):
            if layer.name not in _DENSE or variable.name != "kernel":
                array = np.empty(variable.shape, np.float32)
                _read(dataset, array)
                variable.assign(array)
    return model


def _read(dataset, out):
    """Read an HDF5 array into a NumPy array."""
    if dataset.shape != out.shape:
        raise ValueError(f"{dataset.name} in it is {dataset.shape}, the network's is {out.shape}.")
    dataset.read_direct(out)


def _with_dense(fill_kernel: Callable[[str, NDArray], None]) -> keras.Model:
    """Build VGG16 whose dense layers begin with kernels from `fill_kernel(layer's name, out)`."""
    base = keras.applications.VGG16(weights=None, include_top=False, input_shape=(224, 224, 3))
    x = keras.layers.Flatten(name="flatten")(base.output)
    for name, (units, activation) in _DENSE.items():
        layer = keras.layers.Dense(units, activation=activation, name=name)
        usual, layer.kernel_initializer = (
            layer.kernel_initializer,
            partial(_initialize, fill_kernel, name),
        )
        x = layer(x)
        layer.kernel_initializer = usual
    return keras.Model(base.input, x, name=base.name)


def _initialize(fill_kernel, layer_name, shape, dtype=None):
    """Serve as a layer's initializer. tf.constant would copy the kernel once more."""
    kernel = _empty_aligned(shape)
    fill_kernel(layer_name, kernel)
    return tf.experimental.dlpack.from_dlpack(kernel.__dlpack__())


def _empty_aligned(shape):
    """Allocate a float32 array whose address TensorFlow accepts as that of a tensor."""
    size = int(np.prod(shape))
    buffer = np.empty(size + _ALIGNMENT // 4, np.float32)
    start = -buffer.ctypes.data % _ALIGNMENT // 4
    return buffer[start : start + size].reshape(shape)
