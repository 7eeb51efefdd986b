"""Weights into a network: from an HDF5 file, or drawn at random."""

import random
import textwrap
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from course_utils.backend import keras

FillKernel = Callable[[str, NDArray[np.float32]], None]  # writes the kernel of the layer named


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Leave Python's generator alone: Keras draws the seeds of its initializers from it."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


@contextmanager
def misfits_explained(name: str, path: Path) -> Iterator[None]:
    """Turn whatever a weights file that does not fit raises into one sentence.

    Raises:
        ValueError: The file is missing, of another kind, or made for another network.
    """
    if not path.is_file():
        raise ValueError(f"There is no weights file {str(path)!r}.")
    if not h5py.is_hdf5(path):
        raise ValueError(f"{path.name} is not a readable HDF5 weights file.")
    try:
        yield
    except (KeyError, OSError, ValueError) as error:  # any other is a fault of this package
        reason = textwrap.shorten(str(error.args[-1]), 320, placeholder=" ...")
        raise ValueError(f"{path.name} does not fit {name!r}: {reason}") from error


def load_weights(model: keras.Model, path: Path) -> keras.Model:
    """Fill a network from `.weights.h5`, or from the `.h5` that keras.applications uses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # one for each layer that does not fit
        model.load_weights(path)
    return model


def draw_kernel(layer_name: str, out: NDArray[np.float32], seed: int = 0) -> None:
    """Draw a kernel from N(0, 2 / fan-in) into `out`, the same one for a layer's name every time.

    In a plain chain of ReLU layers, such as VGG16, that keeps the size of the activations from
    layer to layer; shortcuts and other activations change it.

    Source:
        He et al., Delving Deep into Rectifiers, https://arxiv.org/abs/1502.01852.
    """
    # A depthwise kernel (height, width, channels, 1) reads one channel at a time.
    fan_in = np.prod(out.shape[:2] if out.shape[-1] == 1 else out.shape[:-1])
    generator = np.random.default_rng([seed, zlib.crc32(layer_name.encode())])
    generator.standard_normal(out=out, dtype=np.float32)
    out *= np.sqrt(2 / fan_in)


def fill_kernels(
    model: keras.Model, fill_kernel: FillKernel, but: Sequence[str] = ()
) -> keras.Model:
    """Give each layer of a network, except those named in `but`, a kernel from `fill_kernel`."""
    for layer in model.layers:
        for variable in layer.weights:
            if variable.name == "kernel" and layer.name not in but:
                kernel = np.empty(variable.shape, np.float32)
                fill_kernel(layer.name, kernel)
                variable.assign(kernel)
    return model
