"""EfficientNet-Lite0, the classifier embedded in this package, as a functional Keras model."""

import hashlib
from importlib.resources import files
from pathlib import Path

import numpy as np

from course_utils.backend import keras

EMBEDDED_FILE = Path(str(files("course_utils") / "data" / "efficientnet_lite0.npz"))
_SHA256 = "d3a07b33fb1e80de6aaeccf8e3152185b3a02a6b5d52db668df0738c0a11e4bb"

# (expand ratio, kernel size, stride of the first repeat, filters, repeats)
_BLOCKS = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)


def preprocess_input(images: np.ndarray) -> np.ndarray:
    """Map RGB values in [0, 255] to the (x - 127) / 128 that the network was trained on."""
    return (images - 127.0) / 128.0


def embedded_file_is_whole() -> bool:
    """Tell whether the file of weights in this package is complete and undamaged."""
    is_there = EMBEDDED_FILE.is_file()
    return is_there and hashlib.sha256(EMBEDDED_FILE.read_bytes()).hexdigest() == _SHA256


def load_embedded() -> keras.Model:
    """Build EfficientNet-Lite0 with the ImageNet weights in this package."""
    model = build_efficientnet_lite0()
    with np.load(EMBEDDED_FILE, allow_pickle=False) as arrays:
        for layer in model.layers:
            for variable in layer.weights:
                variable.assign(arrays[f"{layer.name}/{variable.name}"])
    return model


def build_efficientnet_lite0() -> keras.Model:
    """Build EfficientNet-Lite0 without trained weights.

    A chain of mobile inverted bottleneck blocks: a 1x1 convolution expands the channels, a
    depthwise convolution filters each of them, a 1x1 convolution projects them back. "Lite"
    means ReLU6 instead of swish, and no squeeze-and-excite branch.

    Returns:
        `keras.Model` from preprocessed pictures (N, 224, 224, 3) to probabilities (N, 1000).

    Source:
        Tan and Le, EfficientNet, https://arxiv.org/abs/1905.11946; the Lite variants are described
        in TensorFlow's TPU repository, models/official/efficientnet/lite.
    """
    inputs = keras.Input((224, 224, 3), name="image")
    x = _conv(inputs, "stem_", 32, kernel_size=3, strides=2, activation="stem_activation")
    for stage, (expand, kernel_size, strides, filters, repeats) in enumerate(_BLOCKS, start=1):
        for repeat in range(repeats):
            name = f"block{stage}{'abcd'[repeat]}_"
            x = _block(x, name, expand, kernel_size, strides if repeat == 0 else 1, filters)
    x = _conv(x, "top_", 1280, activation="top_activation")
    x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    outputs = keras.layers.Dense(1000, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, outputs, name="efficientnet_lite0")


def _block(inputs, name, expand, kernel_size, strides, filters):
    """Mobile inverted bottleneck, with a shortcut wherever the shape allows one."""
    x = inputs
    if expand != 1:
        x = _conv(x, name + "expand_", expand * x.shape[-1], activation=name + "expand_activation")
    x = keras.layers.DepthwiseConv2D(
        kernel_size, strides, padding="same", use_bias=False, name=name + "dwconv"
    )(x)
    x = _normalize(x, name + "bn", activation=name + "activation")
    x = _conv(x, name + "project_", filters)
    if strides == 1 and inputs.shape[-1] == filters:
        x = keras.layers.Add(name=name + "add")([x, inputs])
    return x


def _conv(x, prefix, filters, kernel_size=1, strides=1, activation=None):
    x = keras.layers.Conv2D(
        filters, kernel_size, strides, padding="same", use_bias=False, name=prefix + "conv"
    )(x)
    return _normalize(x, prefix + "bn", activation)


def _normalize(x, name, activation=None):
    x = keras.layers.BatchNormalization(epsilon=1e-3, name=name)(x)
    return keras.layers.ReLU(max_value=6, name=activation)(x) if activation else x
