"""The networks that the course can load: how each is built, where its weights come from."""

import math
import os
import re
from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import NamedTuple

from course_utils.backend import keras
from course_utils.io.downloads import cached_file, fetch_file
from course_utils.networks.classifier import ImageClassifier, runner_of
from course_utils.networks.efficientnet_lite import (
    build_efficientnet_lite0,
    load_embedded,
    preprocess_input,
)
from course_utils.networks.vgg import build_vgg, load_vgg, no_top_file
from course_utils.networks.weights import (
    FillKernel,
    draw_kernel,
    fill_kernels,
    load_weights,
    misfits_explained,
    random_state_kept,
)

EMBEDDED = "efficientnet_lite0"
_NO_TOP = "vgg16_no_top"
_KERAS_URL = "https://storage.googleapis.com/tensorflow/keras-applications"
_IMAGENET_DEVIATIONS = (0.229, 0.224, 0.225)  # of the colors in [0, 1]


class Published(NamedTuple):
    """Where a network's ImageNet weights are published."""

    url: str
    known_hash: str

    @property
    def file_name(self) -> str:
        """Name of the weights file in the cache."""
        return self.url.rsplit("/", 1)[-1]


class Network(NamedTuple):
    """What loading a network takes.

    Attributes:
        build: Function that builds it with random weights; from a function that fills a kernel.
        load: Function that builds it with the weights of an HDF5 file; from the file's path.
        preprocess_input: Function from float32 RGB in [0, 255] to what it was trained on.
        published: `Published`; None for the embedded network.
    """

    build: Callable[[FillKernel], keras.Model]
    load: Callable[[Path], keras.Model]
    preprocess_input: Callable
    published: Published | None


def _network(constructor, preprocess_input, published):
    """A row for a network that Keras can load by itself."""
    return Network(
        lambda fill_kernel: fill_kernels(constructor(), fill_kernel),
        lambda path: load_weights(constructor(), path),
        preprocess_input,
        published,
    )


def _vgg(constructor, preprocess_input, published):
    build, load = partial(build_vgg, constructor), partial(load_vgg, constructor)
    return Network(build, load, preprocess_input, published)


def _build_efficientnet_b0():
    """Build EfficientNetB0 with the layer that Keras gives it for its ImageNet weights alone."""
    model = keras.applications.EfficientNetB0(weights=None)

    def call(layer, *args, **kwargs):
        x = layer(*args, **kwargs)
        if isinstance(layer, keras.layers.Normalization):
            x = keras.layers.Rescaling([1 / math.sqrt(d) for d in _IMAGENET_DEVIATIONS])(x)
        return x

    return keras.models.clone_model(model, input_tensors=model.inputs[0], call_function=call)


_applications = keras.applications
NETWORKS = {  # hashes from Keras's source
    EMBEDDED: _network(build_efficientnet_lite0, preprocess_input, None),
    "vgg16": _vgg(
        _applications.VGG16,
        _applications.vgg16.preprocess_input,
        Published(
            f"{_KERAS_URL}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5",
            "md5:64373286793e3c8b2b4e3219cbf3544b",
        ),
    ),
    "vgg19": _vgg(
        _applications.VGG19,
        _applications.vgg19.preprocess_input,
        Published(
            f"{_KERAS_URL}/vgg19/vgg19_weights_tf_dim_ordering_tf_kernels.h5",
            "md5:cbe5617147190e668d6c5d5026f83318",
        ),
    ),
    "resnet50": _network(
        partial(_applications.ResNet50, weights=None),
        _applications.resnet.preprocess_input,
        Published(
            f"{_KERAS_URL}/resnet/resnet50_weights_tf_dim_ordering_tf_kernels.h5",
            "md5:2cb95161c43110f7111970584f804107",
        ),
    ),
    "mobilenet_v2": _network(
        partial(_applications.MobileNetV2, weights=None),
        _applications.mobilenet_v2.preprocess_input,
        Published(
            f"{_KERAS_URL}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
            # Keras gives none. Two independent projects that pin the file, one from Keras's address
            # and one from its author's (github.com/JonathanCMitchell/mobilenet_v2_keras), have
            # this one.
            "sha256:3e195a2857356cfc092cbbb460beb2a5bce279015d7792598b8d3d9e451902e3",
        ),
    ),
    "efficientnet_b0": _network(
        _build_efficientnet_b0,
        _applications.efficientnet.preprocess_input,
        Published(
            "https://storage.googleapis.com/keras-applications/efficientnetb0.h5",
            "md5:902e53a9f72be733fc0bcb005b3ebbac",
        ),
    ),
}


def load_classifier(
    name: str = "auto", weights: str | os.PathLike[str] = "imagenet"
) -> ImageClassifier:
    """Load a network that was trained on ImageNet.

    Args:
        name: "embedded" or "efficientnet_lite0" needs no network connection. "vgg16", "vgg19",
            "resnet50", "mobilenet_v2" and "efficientnet_b0", networks of keras.applications, are
            downloaded once, with a progress bar, into a cache.
            "auto" takes the name in the environment variable COURSE_MODEL; else the embedded
            network.
        weights: "imagenet", "random" (seeded and without a download: for tests and benchmarks), or
            the path of an HDF5 weights file, `.weights.h5` or the `.h5` of keras.applications.

    Returns:
        `ImageClassifier`.

    Raises:
        ValueError: No network has that name, or the weights file does not fit.
        DownloadError: (a ValueError) The weights are not in the cache and cannot be fetched.
    """
    if not isinstance(weights, str | os.PathLike):
        raise ValueError(
            f"weights is 'imagenet', 'random' or the path of an HDF5 file, not {weights!r}."
        )
    name = resolve_name(name)
    network = NETWORKS[name]
    word = weights.lower() if isinstance(weights, str) else ""
    with random_state_kept():
        if word == "random":
            model = network.build(draw_kernel)
        elif word == "imagenet" and name == EMBEDDED:
            model = load_embedded()
        else:
            path = download_weights(name) if word == "imagenet" else Path(weights).expanduser()
            with misfits_explained(name, path):
                model = network.load(path)
    classifier = ImageClassifier(name, model, network.preprocess_input)
    if name == EMBEDDED:  # the chapters count and print convolutions alone, not the additions
        runner = runner_of(classifier)
        names = runner.conv_layer_names
        runner.conv_layer_names = [name for name in names if not name.endswith("_add")]
    return classifier


def weights_path(name: str) -> Path:
    """Return the path of a network's ImageNet weights, verified, in a file that Keras loads.

    Args:
        name: "vgg16_no_top" for VGG16's convolutions, which are part of this package:
            `keras.applications.VGG16(include_top=False, weights=weights_path("vgg16_no_top"),
            input_shape=(224, 224, 3))`. Or "vgg16", "vgg19", "resnet50", "mobilenet_v2" or
            "efficientnet_b0", downloaded once, with a progress bar, into a cache.

    Raises:
        ValueError: No network has that name, or its file is damaged.
        DownloadError: (a ValueError) The weights are not in the cache and cannot be fetched.
    """
    if name == _NO_TOP:
        return no_top_file()
    name = resolve_name(name)
    if name == EMBEDDED:
        raise ValueError(f"{name!r} has no file that Keras loads. Use load_classifier({name!r}).")
    return download_weights(name)


def resolve_name(name: str) -> str:
    """Return the course's name of a network from any spelling ("VGG16", "auto").

    Raises:
        ValueError: There is no such network. The message lists those there are.
    """
    if str(name).lower() == "auto":
        name = os.environ.get("COURSE_MODEL") or EMBEDDED
    known = {re.sub("[^a-z0-9]", "", key): key for key in NETWORKS}
    known |= {"embedded": EMBEDDED, "auto": EMBEDDED}
    wanted = re.sub("[^a-z0-9]", "", str(name).lower())
    if wanted not in known:
        close = [repr(known[key]) for key in get_close_matches(wanted, known, n=2)]
        hint = f"Did you mean {' or '.join(sorted(close))}? " if close else ""
        names = ", ".join(["auto", "embedded", *NETWORKS])
        raise ValueError(f"No network is called {name!r}. {hint}There are: {names}.")
    return known[wanted]


def cached_weights(name: str) -> Path | None:
    """Return the path of a network's verified ImageNet weights if they are in the cache, else None.

    Raises:
        DownloadError: The cache has no place, or cannot be read.
    """
    published = NETWORKS[name].published
    return published and cached_file(published.known_hash, published.file_name)


def download_weights(name: str) -> Path:
    """Return the path of a network's verified ImageNet weights; download them if need be.

    Raises:
        DownloadError: The weights are not in the cache and cannot be fetched.
    """
    published = NETWORKS[name].published
    return fetch_file(published.url, published.known_hash, published.file_name, progress=True)
