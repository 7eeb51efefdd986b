"""The networks of the course: what builds each, where its weights come from, how they load."""

import hashlib
import importlib
import math
import os
import random
import re
import textwrap
import warnings
import zlib
from contextlib import contextmanager
from difflib import get_close_matches
from functools import partial
from importlib.resources import as_file, files
from typing import NamedTuple

import h5py
import numpy as np

from course_utils import efficientnet_lite
from course_utils.backend import keras, tf
from course_utils.downloads import DownloadError, cached_file, fetch_file

EMBEDDED = "efficientnet_lite0"
_EMBEDDED_SHA256 = "d3a07b33fb1e80de6aaeccf8e3152185b3a02a6b5d52db668df0738c0a11e4bb"
_KERAS_URL = "https://storage.googleapis.com/tensorflow/keras-applications"
_ALIGNMENT = 64  # bytes
_IMAGENET_DEVIATIONS = (0.229, 0.224, 0.225)  # of the colors in [0, 1]
_VGG_DENSE = {"fc1": (4096, "relu"), "fc2": (4096, "relu"), "predictions": (1000, "softmax")}


class Application(NamedTuple):
    """A network of keras.applications: its module, its constructor, its published weights."""

    module: str
    constructor: str
    url: str
    known_hash: str  # from Keras's source

    @property
    def file_name(self):
        """Name of the weights file in the cache."""
        return self.url.rsplit("/", 1)[-1]


APPLICATIONS = {
    "vgg16": Application(
        "vgg16",
        "VGG16",
        f"{_KERAS_URL}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5",
        "md5:64373286793e3c8b2b4e3219cbf3544b",
    ),
    "vgg19": Application(
        "vgg19",
        "VGG19",
        f"{_KERAS_URL}/vgg19/vgg19_weights_tf_dim_ordering_tf_kernels.h5",
        "md5:cbe5617147190e668d6c5d5026f83318",
    ),
    "resnet50": Application(
        "resnet",
        "ResNet50",
        f"{_KERAS_URL}/resnet/resnet50_weights_tf_dim_ordering_tf_kernels.h5",
        "md5:2cb95161c43110f7111970584f804107",
    ),
    "mobilenet_v2": Application(
        "mobilenet_v2",
        "MobileNetV2",
        f"{_KERAS_URL}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
        # Keras gives none. Two independent projects that pin the file, one from Keras's address and
        # one from its author's (github.com/JonathanCMitchell/mobilenet_v2_keras), have this one.
        "sha256:3e195a2857356cfc092cbbb460beb2a5bce279015d7792598b8d3d9e451902e3",
    ),
    "efficientnet_b0": Application(
        "efficientnet",
        "EfficientNetB0",
        "https://storage.googleapis.com/keras-applications/efficientnetb0.h5",
        "md5:902e53a9f72be733fc0bcb005b3ebbac",
    ),
}


def resolve_name(name):
    """Return the course's name of a network from any spelling ("VGG16", "ResNet50").

    Raises:
        ValueError: There is no such network; the message lists those there are.
    """
    known = {re.sub("[^a-z0-9]", "", key): key for key in (EMBEDDED, *APPLICATIONS)}
    known["embedded"] = EMBEDDED
    wanted = re.sub("[^a-z0-9]", "", str(name).lower())
    if wanted not in known:
        close = [repr(known[key]) for key in get_close_matches(wanted, known, n=2)]
        hint = f"Did you mean {' or '.join(sorted(close))}? " if close else ""
        names = ", ".join(["auto", "embedded", EMBEDDED, *APPLICATIONS])
        raise ValueError(f"No network is called {name!r}. {hint}There are: {names}.")
    return known[wanted]


@contextmanager
def _random_state_kept():
    """Keras draws the seeds of its initializers from Python's generator, which is the caller's."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


@_random_state_kept()
def build_network(name, read_kernel=None):
    """Build a network.

    Args:
        name: As `resolve_name` returns it.
        read_kernel: Function from a layer's name and its kernel's shape to the kernel. It serves
            VGG's dense layers, whose kernels are too large to be initialized first and assigned
            later. None draws the network's usual initial values.

    Returns:
        Tuple (`keras.Model`, preprocess_input, names of the layers that `read_kernel` has served).
        preprocess_input maps float32 RGB in [0, 255] to what the network was trained on.
    """
    if name == EMBEDDED:
        return efficientnet_lite.build_efficientnet_lite0(), efficientnet_lite.preprocess_input, ()
    application = APPLICATIONS[name]
    module = importlib.import_module(f"keras.applications.{application.module}")
    constructor = getattr(module, application.constructor)
    if read_kernel is not None and application.module.startswith("vgg"):
        return _build_vgg(constructor, read_kernel), module.preprocess_input, tuple(_VGG_DENSE)
    model = constructor(weights=None)
    if application.module == "efficientnet":
        model = _rescale_by_deviation(model)
    return model, module.preprocess_input, ()


def has_weights(name):
    """Tell whether a network's verified ImageNet weights are in the cache and can be read."""
    application = APPLICATIONS[name]
    try:
        return cached_file(application.known_hash, application.file_name) is not None
    except DownloadError:  # no home directory, or a cache of somebody else's
        return False


def download_weights(name):
    """Return the path of a network's verified ImageNet weights; download them if need be.

    Raises:
        DownloadError: The weights are not in the cache and cannot be fetched.
    """
    application = APPLICATIONS[name]
    return fetch_file(application.url, application.known_hash, application.file_name, progress=True)


def load_embedded_network():
    """Return the embedded EfficientNet-Lite0 with its ImageNet weights, and preprocess_input.

    Raises:
        ValueError: The file in this package is damaged.
    """
    model, preprocess_input, _ = build_network(EMBEDDED)
    with as_file(files(__package__) / "data" / f"{EMBEDDED}.npz") as path:
        if hashlib.sha256(path.read_bytes()).hexdigest() != _EMBEDDED_SHA256:
            raise ValueError(
                f"{path.name}, the embedded network's weights, is damaged. Get the course's files "
                "again; 'python -m course_utils doctor' says how."
            )
        with np.load(path, allow_pickle=False) as arrays:
            for layer in model.layers:
                for variable in layer.weights:
                    variable.assign(arrays[f"{layer.name}/{variable.name}"])
    return model, preprocess_input


def load_network(name, path):
    """Return a network with the weights of an HDF5 file, and preprocess_input.

    Args:
        name: As `resolve_name` returns it.
        path: `pathlib.Path` of Keras's `.weights.h5`, or of the `.h5` that keras.applications uses.

    Raises:
        ValueError: The file is missing, of another kind, or made for another network.
    """
    if not path.is_file():
        raise ValueError(f"There is no weights file {str(path)!r}.")
    try:
        file = h5py.File(path)
    except OSError as error:
        raise ValueError(f"{path.name} is not a readable HDF5 weights file: {error}") from error
    try:
        with file:
            group = file.get("model_weights", file)  # where Keras 2 saved them with a whole model
            if "layer_names" in group.attrs:
                return _load_legacy_h5(name, group)
        return _load_keras_3_h5(name, path)
    except (KeyError, OSError, ValueError) as error:  # others would be errors of ours
        reason = textwrap.shorten(str(error.args[-1]), 320, placeholder=" ...")
        raise ValueError(f"{path.name} does not fit {name!r}: {reason}") from error


def build_random_network(name, seed=0):
    """Return a network with random weights, the same every time, and preprocess_input.

    Kernels are drawn from N(0, 2 / fan-in). In a plain chain of ReLU layers, such as VGG16, that
    keeps the size of the activations from layer to layer; shortcuts and other activations change
    it.

    Source:
        He et al., Delving Deep into Rectifiers, https://arxiv.org/abs/1502.01852.
    """

    def draw(layer_name, shape):
        # A depthwise kernel (height, width, channels, 1) reads one channel at a time.
        fan_in = np.prod(shape[:2] if shape[-1] == 1 else shape[:-1])
        generator = np.random.default_rng([seed, zlib.crc32(layer_name.encode())])
        array = _empty_array(shape)
        generator.standard_normal(out=array, dtype=np.float32)
        array *= np.sqrt(2 / fan_in)
        return _as_tensor(array)

    model, preprocess_input, served = build_network(name, draw)
    for layer in model.layers:
        for variable in layer.weights:
            if variable.name == "kernel" and layer.name not in served:
                variable.assign(draw(layer.name, variable.shape))
    return model, preprocess_input


def _build_vgg(constructor, read_kernel):
    """Build what `constructor()` builds, with the dense layers' kernels from `read_kernel`."""
    base = constructor(weights=None, include_top=False, input_shape=(224, 224, 3))
    x = keras.layers.Flatten(name="flatten")(base.output)
    for name, (units, activation) in _VGG_DENSE.items():
        layer = keras.layers.Dense(units, activation=activation, name=name)
        usual, layer.kernel_initializer = (
            layer.kernel_initializer,
            partial(_initialize, read_kernel, name),
        )
        x = layer(x)
        layer.kernel_initializer = usual
    return keras.Model(base.input, x, name=base.name)


def _rescale_by_deviation(model):
    """Insert the layer that Keras gives an EfficientNet for its ImageNet weights alone."""

    def call(layer, *args, **kwargs):
        x = layer(*args, **kwargs)
        if isinstance(layer, keras.layers.Normalization):
            x = keras.layers.Rescaling([1 / math.sqrt(d) for d in _IMAGENET_DEVIATIONS])(x)
        return x

    return keras.models.clone_model(model, input_tensors=model.inputs[0], call_function=call)


def _initialize(read_kernel, layer_name, shape, dtype=None):
    return read_kernel(layer_name, shape)


def _load_keras_3_h5(name, path):
    if not path.name.endswith(".weights.h5"):
        raise ValueError(
            "it has no layer_names, as Keras 2 writes them. If Keras 3 saved it, its name must end "
            "in .weights.h5."
        )
    model, preprocess_input, _ = build_network(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # one for each layer that does not fit
        model.load_weights(path)
    return model, preprocess_input


def _load_legacy_h5(name, group):
    """Load what Keras 2 saved: a group for each layer, and in it the arrays by name."""
    datasets = {}
    for layer_name in group.attrs["layer_names"]:  # bytes or str
        layer = group[layer_name]
        datasets[os.fsdecode(layer_name)] = [layer[key] for key in layer.attrs["weight_names"]]

    def read_kernel(layer_name, shape):
        if not datasets.get(layer_name):
            raise ValueError(f"it holds no layer {layer_name!r}.")
        return _read(datasets[layer_name][0], shape)

    model, preprocess_input, served = build_network(name, read_kernel)
    variables = [(layer.name, v) for layer in model.layers for v in layer.weights]
    arrays = [dataset for layer in datasets.values() for dataset in layer]
    if len(variables) != len(arrays):
        raise ValueError(f"it holds {len(arrays)} arrays, the network has {len(variables)}.")
    for (layer_name, variable), dataset in zip(variables, arrays, strict=True):
        if layer_name not in served or variable.name != "kernel":
            variable.assign(_read(dataset, variable.shape))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # it computes with copies of its variables
    return model, preprocess_input


def _read(dataset, shape):
    """Read an HDF5 array into a tensor."""
    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"{dataset.name} in it is no array.")
    if dataset.shape != tuple(shape):
        raise ValueError(
            f"{dataset.name} in it is {dataset.shape}, the network's variable {tuple(shape)}."
        )
    array = _empty_array(shape)
    if array.size:
        dataset.read_direct(array)
    return _as_tensor(array)


def _empty_array(shape):
    """Allocate a float32 array whose address TensorFlow accepts as that of a tensor."""
    size = int(np.prod(shape))
    buffer = np.empty(size + _ALIGNMENT // 4, np.float32)
    start = -buffer.ctypes.data % _ALIGNMENT // 4
    return buffer[start : start + size].reshape(shape)


def _as_tensor(array):
    """Wrap an array as a tensor. tf.constant would copy it twice, and VGG16's largest is 411 MB."""
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
