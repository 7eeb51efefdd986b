"""VGG16: its trained convolutions, and the whole network in little memory."""

from importlib.resources import files
from pathlib import Path

import h5py
import numpy as np

from course_utils.backend import keras, tf

NO_TOP_FILE = Path(str(files("course_utils") / "data" / "vgg16_no_top.weights.h5"))  # float16
_DENSE = {"fc1": (4096, "relu"), "fc2": (4096, "relu"), "predictions": (1000, "softmax")}
_ALIGNMENT = 64  # a tensor's address is a multiple of this many bytes


def load_vgg16(path: Path) -> keras.Model:
    """Build VGG16 with the weights in the file of keras.applications.

    The kernel of fc1 alone takes 411 MB. Keras would draw initial weights, read those of the file
    as well, and copy them. Here the dense layers start with the weights in the file.
    """
    model = keras.applications.VGG16(weights=None, include_top=False, input_shape=(224, 224, 3))
    with h5py.File(path) as file:

        def arrays(layer_name):
            return [file[layer_name][key] for key in file[layer_name].attrs["weight_names"]]

        for layer in model.layers:
            if layer.weights:
                layer.set_weights([array[()] for array in arrays(layer.name)])
        x = keras.layers.Flatten(name="flatten")(model.output)
        for name, (units, activation) in _DENSE.items():
            kernel, bias = arrays(name)
            layer = keras.layers.Dense(units, activation=activation, name=name)
            usual = layer.kernel_initializer  # belongs to the layer's configuration
            layer.kernel_initializer = lambda *_, kernel=kernel, **__: _read(kernel)
            x = layer(x)
            layer.kernel_initializer = usual
            layer.bias.assign(bias[()])
    return keras.Model(model.input, x, name=model.name)


def _read(dataset):
    """Read an HDF5 array as a tensor without a copy; with tf.constant the peak is 1.9 GB."""
    buffer = np.empty(dataset.size + _ALIGNMENT // 4, np.float32)
    start = -buffer.ctypes.data % _ALIGNMENT // 4
    array = buffer[start : start + dataset.size].reshape(dataset.shape)
    dataset.read_direct(array)
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
