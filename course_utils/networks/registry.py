"""The networks that the course can load: its own, and all of keras.applications."""

import inspect
import os
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from course_utils.arguments import did_you_mean
from course_utils.backend import keras, random_state_kept
from course_utils.io.downloads import fetch_file
from course_utils.networks.classifier import ImageClassifier, runner_of
from course_utils.networks.efficientnet_lite import (
    build_efficientnet_lite0,
    load_embedded,
    preprocess_input,
)
from course_utils.networks.vgg import NO_TOP_FILE, load_vgg16

EMBEDDED, VGG16 = "efficientnet_lite0", "vgg16"
_ALIASES = {"embedded": EMBEDDED, "auto": EMBEDDED, "efficientnetlite0": EMBEDDED}
_CONSTRUCTORS = {  # of keras.applications: {"resnet50": ResNet50, ...}
    name.lower(): constructor
    for name, constructor in vars(keras.applications).items()
    if inspect.isfunction(constructor)
}


_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
PUBLISHED: dict[str, tuple[str, str | None]] = {  # (address, hash) of ImageNet weights
    VGG16: (  # as Keras's source has it; to ask Keras, as for the others, would take 2 GB
        f"{_KERAS}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5",
        "md5:64373286793e3c8b2b4e3219cbf3544b",
    ),
    "mobilenetv2": (  # Keras has no hash; two independent projects pin this one
        f"{_KERAS}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
        "sha256:3e195a2857356cfc092cbbb460beb2a5bce279015d7792598b8d3d9e451902e3",
    ),
}


def load_classifier(
    name: str = "auto", weights: str | os.PathLike[str] = "imagenet"
) -> ImageClassifier:
    """Load a network that was trained on ImageNet.

    Args:
        name: "embedded" or "efficientnet_lite0" needs no network connection. "vgg16", "resnet50"
            or any other name of keras.applications is downloaded once into a cache, with a progress
            bar. "auto" takes the name in the environment variable COURSE_MODEL; else "embedded".
        weights: "imagenet", "random" (the same each time, and no download), or the path of a file
            that Keras loads into this network.

    Raises:
        ValueError: No network has that name, or there is no such file of weights.
        DownloadError: (a ValueError) The weights are not in the cache and cannot be fetched.
    """
    name = resolve_name(name)
    with random_state_kept():
        model = _model(name, weights)
    if name != EMBEDDED:
        module = sys.modules[_CONSTRUCTORS[name].__module__]
        return ImageClassifier(name, model, module.preprocess_input)
    classifier = ImageClassifier(EMBEDDED, model, preprocess_input)
    # The chapters count and print its convolutions alone, not the additions.
    runner = runner_of(classifier)
    runner.conv_layer_names = [x for x in runner.conv_layer_names if not x.endswith("_add")]
    return classifier


def _model(name, weights):
    if weights == "imagenet":
        if name in (EMBEDDED, VGG16):
            return load_embedded() if name == EMBEDDED else load_vgg16(fetch_file(*PUBLISHED[name]))
        return _build(name, fetch_file)
    random.seed(0)
    is_own = name == EMBEDDED
    model = build_efficientnet_lite0() if is_own else _CONSTRUCTORS[name](weights=None)
    if weights != "random":
        if not Path(weights).is_file():
            raise ValueError(f"weights: 'imagenet', 'random' or a file's path, not {weights!r}.")
        model.load_weights(weights)
    return model


def weights_path(name: str) -> Path:
    """Return the path of a network's ImageNet weights, verified, in a file that Keras loads.

    Args:
        name: "vgg16_no_top" for VGG16's convolutions, which are part of this package:
            `keras.applications.VGG16(include_top=False, weights=weights_path("vgg16_no_top"),
            input_shape=(224, 224, 3))`. Any other but "embedded" is downloaded, as
            `load_classifier` does.

    Raises:
        ValueError: No network has that name.
        DownloadError: (a ValueError) The weights are not in the cache and cannot be fetched.
    """
    if name == "vgg16_no_top":
        return NO_TOP_FILE
    name = resolve_name(name)
    if name == EMBEDDED:
        raise ValueError(f"{name!r} is embedded, in no file that Keras loads: load_classifier().")
    return fetch_file(*published_weights(name))


def resolve_name(name: str) -> str:
    """Return the course's name of a network from any spelling ("VGG-16", "auto").

    Raises:
        ValueError: There is no such network; the message lists those there are.
    """
    if str(name).lower() == "auto":
        name = os.environ.get("COURSE_MODEL") or EMBEDDED
    key = re.sub("[^a-z0-9]", "", str(name).lower())
    if key not in _ALIASES and key not in _CONSTRUCTORS:
        hint = did_you_mean(name, [EMBEDDED, *_CONSTRUCTORS])
        names = ", ".join(["auto", "embedded", *_CONSTRUCTORS])
        raise ValueError(f"No network is called {name!r}. {hint}There are: {names}.")
    return _ALIASES.get(key, key)


class _Asked(Exception):
    """Keras has asked for a file of weights: (address, hash)."""


def published_weights(name: str) -> tuple[str, str | None]:
    """Return the address and the hash of a keras.applications network's ImageNet weights.

    Only Keras knows, and asks for the file once it has built the network: this takes seconds.
    """

    def stop(*published):
        raise _Asked(*published)

    if name in PUBLISHED:
        return PUBLISHED[name]
    try:
        with random_state_kept():
            _build(name, stop)
    except _Asked as asked:
        return asked.args
    raise AssertionError(f"keras.applications builds {name} without asking for a file.")


def _build(name: str, find_file: Callable[[str, str | None], Path]) -> keras.Model:
    """Let Keras build a network with its ImageNet weights, in the file that `find_file` returns.

    Keras alone knows a file's address and hash; but our cache verifies it and explains faults.
    """

    def get_file(fname=None, origin=None, file_hash=None, **options):
        published = origin, file_hash and f"md5:{file_hash}"
        return str(find_file(*PUBLISHED.get(name, published)))

    with patch.object(sys.modules[keras.utils.get_file.__module__], "get_file", get_file):
        return _CONSTRUCTORS[name](weights="imagenet")
