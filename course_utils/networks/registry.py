"""The networks that the course can load: its own, and all of keras.applications."""

import inspect
import os
import random
import re
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import h5py

from course_utils.backend import keras
from course_utils.io.downloads import cached_file, fetch_file
from course_utils.networks.classifier import ImageClassifier, runner_of
from course_utils.networks.efficientnet_lite import (
    build_efficientnet_lite0,
    load_embedded,
    preprocess_input,
)
from course_utils.networks.vgg import draw_vgg16, load_vgg16, no_top_file

EMBEDDED, VGG16 = "efficientnet_lite0", "vgg16"
_NO_TOP = "vgg16_no_top"


class Published(NamedTuple):
    """Where a network's ImageNet weights are published."""

    url: str
    known_hash: str | None

    @property
    def file_name(self) -> str:
        """Name of the weights file in the cache."""
        return self.url.rsplit("/", 1)[-1]


_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
PUBLISHED = {
    VGG16: Published(  # as Keras's source has it; to ask Keras, as for the others, would take 2 GB
        f"{_KERAS}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5",
        "md5:64373286793e3c8b2b4e3219cbf3544b",
    ),
    "mobilenetv2": Published(  # Keras has no hash; two independent projects pin this one
        f"{_KERAS}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
        "sha256:3e195a2857356cfc092cbbb460beb2a5bce279015d7792598b8d3d9e451902e3",
    ),
}
_CONSTRUCTORS = {  # of keras.applications: {"resnet50": ResNet50, ...}
    name.lower(): constructor
    for name, constructor in vars(keras.applications).items()
    if inspect.isfunction(constructor)
}


def load_classifier(
    name: str = "auto", weights: str | os.PathLike[str] = "imagenet"
) -> ImageClassifier:
    """Load a network that was trained on ImageNet.

    Args:
        name: "embedded" or "efficientnet_lite0" needs no network connection. "vgg16", "resnet50"
            or any other name of keras.applications is downloaded once, with a progress bar, into
            a cache. "auto" takes the name in the environment variable COURSE_MODEL; else the
            embedded network.
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
    word = weights.lower() if isinstance(weights, str) else ""
    with random_state_kept():
        if word == "random":
            random.seed(0)
            model = _draw(name)
        elif word == "imagenet":
            model = load_embedded() if name == EMBEDDED else _load(name, download_weights)
        else:
            path = Path(weights).expanduser()
            with _misfits_explained(name, path):
                model = _load(name, lambda *_: path)
    if name != EMBEDDED:
        return ImageClassifier(name, model, _module_of(name).preprocess_input)
    classifier = ImageClassifier(name, model, preprocess_input)
    # The chapters count and print its convolutions alone, not the additions.
    runner = runner_of(classifier)
    names = runner.conv_layer_names
    runner.conv_layer_names = [layer for layer in names if not layer.endswith("_add")]
    return classifier


def weights_path(name: str) -> Path:
    """Return the path of a network's ImageNet weights, verified, in a file that Keras loads.

    Args:
        name: "vgg16_no_top" for VGG16's convolutions, which are part of this package:
            `keras.applications.VGG16(include_top=False, weights=weights_path("vgg16_no_top"),
            input_shape=(224, 224, 3))`. Or "vgg16" or another name of keras.applications,
            downloaded once, with a progress bar, into a cache.

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
    """Return the course's name of a network from any spelling ("VGG-16", "auto").

    Raises:
        ValueError: There is no such network. The message lists those there are.
    """
    if str(name).lower() == "auto":
        name = os.environ.get("COURSE_MODEL") or EMBEDDED
    known = {key: key for key in _CONSTRUCTORS}
    known |= dict.fromkeys(["embedded", "auto", "efficientnetlite0"], EMBEDDED)
    wanted = re.sub("[^a-z0-9]", "", str(name).lower())
    if wanted not in known:
        close = [repr(known[key]) for key in get_close_matches(wanted, known, n=2)]
        hint = f"Did you mean {' or '.join(sorted(close))}? " if close else ""
        names = ", ".join(["auto", "embedded", *_CONSTRUCTORS])
        raise ValueError(f"No network is called {name!r}. {hint}There are: {names}.")
    return known[wanted]


def cached_weights(name: str) -> Path | None:
    """Return the path of a network's verified ImageNet weights if they are in the cache, else None.

    Raises:
        DownloadError: The cache has no place, or cannot be read.
    """
    published = published_weights(name)
    return cached_file(published.known_hash, published.file_name)


def download_weights(name: str, published: Published | None = None) -> Path:
    """Return the path of a network's verified ImageNet weights; download them if need be.

    Raises:
        DownloadError: The weights are not in the cache and cannot be fetched.
    """
    published = PUBLISHED.get(name) or published or published_weights(name)
    return fetch_file(published.url, published.known_hash, published.file_name, progress=True)


def published_weights(name: str) -> Published:
    """Return where a network of keras.applications has its ImageNet weights.

    Only Keras knows, and says so once it has built the network: this takes seconds.
    """

    class Asked(Exception):
        pass

    def answer(name, published=None):
        raise Asked(published)

    if name in PUBLISHED:
        return PUBLISHED[name]
    try:
        with random_state_kept():
            _load(name, answer)
    except Asked as asked:
        return asked.args[0]
    raise AssertionError(f"keras.applications builds {name} without asking for a file.")


def _load(name: str, find_file: Callable) -> keras.Model:
    """Build a network with the weights file `find_file(name, Published)`.

    Keras knows the address of a file and its hash, and builds some networks otherwise for their
    ImageNet weights than for others. So it builds them, and only the file comes from our cache.
    """
    if name == EMBEDDED:
        model = build_efficientnet_lite0()
        model.load_weights(find_file(name))
        return model
    if name == VGG16:
        return load_vgg16(find_file(name))

    def get_file(fname=None, origin=None, file_hash=None, **options):
        return str(find_file(name, Published(origin, file_hash and f"md5:{file_hash}")))

    module = sys.modules[keras.utils.get_file.__module__]
    usual = module.get_file
    module.get_file = get_file  # type: ignore[attr-defined]
    try:
        return _CONSTRUCTORS[name](weights="imagenet")
    finally:
        module.get_file = usual  # type: ignore[attr-defined]


def _draw(name):
    if name == VGG16:
        return draw_vgg16()
    return build_efficientnet_lite0() if name == EMBEDDED else _CONSTRUCTORS[name](weights=None)


def _module_of(name):
    return sys.modules[_CONSTRUCTORS[name].__module__]


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Leave Python's generator alone: Keras draws the seeds of its initializers from it."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


@contextmanager
def _misfits_explained(name, path):
    """Turn whatever a weights file that does not fit raises into one sentence."""
    if not path.is_file():
        raise ValueError(f"There is no weights file {str(path)!r}.")
    if not h5py.is_hdf5(path):
        raise ValueError(f"{path.name} is not a readable HDF5 weights file.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # one for each layer that does not fit
            yield
    except (KeyError, OSError, ValueError) as error:  # any other is a fault of this package
        reason = textwrap.shorten(str(error.args[-1]), 320, placeholder=" ...")
        raise ValueError(f"{path.name} does not fit {name!r}: {reason}") from error
