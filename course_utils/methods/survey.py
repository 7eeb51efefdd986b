"""A survey: the strongest examples of every channel in thousands of pictures, on Dask.

Each part of the pictures is a survey of its own, with its own file, so a survey that was cut off
goes on where it stopped. Dask hands the parts to threads, processes or a cluster.
"""

import glob
import hashlib
import json
import os
import shutil
from functools import cache, reduce
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import dask
import numpy as np
from PIL import Image

from course_utils.backend import keras
from course_utils.io.images import FORMATS, ImageError, load_image
from course_utils.methods.strongest import Examples, find_strongest, merge
from course_utils.networks.classifier import runner_of
from course_utils.networks.registry import load_classifier, resolve_name, weights_path

_PART = 1000  # pictures
_NO_TOP, _RESULT = "vgg16_no_top", "strongest.npz"
_KILLED = "BrokenProcessPool", "KilledWorker"


class Survey(NamedTuple):
    """What a survey has found.

    Attributes:
        network: The network's name.
        names: Tuple of the pictures' paths in their folder; `Examples.pictures` are indices of it.
        examples: dict from layer name to `Examples`.
        skipped: dict from the name of a picture that could not be read to the reason.
    """

    network: str
    names: tuple[str, ...]
    examples: dict[str, Examples]
    skipped: dict[str, str]


def run_survey(
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str],
    network: str = "auto",
    layer_names: list[str] | None = None,
) -> Survey:
    """Find the nine strongest examples of every channel over a folder of pictures.

    It runs where Dask is told to run: on threads of this process, unless `dask.config.set` or a
    `distributed.Client` says otherwise. A second call goes on where the first one was cut off.

    Args:
        folder: Where the pictures are, also in folders of it; workers must find it at this path.
        output: A folder for what is found: names, positions and numbers, but no pixels.
        network: As for `load_classifier`; or "vgg16_no_top" for VGG16's convolutions.
        layer_names: List of layers' names; None means all of `conv_layer_names`.

    Returns:
        `Survey`; `load_survey(output)` returns it again.

    Raises:
        ValueError: There are no pictures, no such layer, it was cut off, or `output` holds another.
    """
    folder, output = (Path(path).expanduser().resolve() for path in (folder, output))
    names = _picture_names(folder)
    network = network if network == _NO_TOP else resolve_name(network)
    runner = _runner(network)
    layers = runner.check_layer_names(layer_names or runner.conv_layer_names)
    about = network, layers, [(name, (folder / name).stat().st_size) for name in names]
    parts = output / hashlib.sha256(repr(about).encode()).hexdigest()  # stays, empty, as a mark
    if not (output / _RESULT).exists():
        try:
            _search(folder, output, parts, network, names, layers)
        except Exception as error:
            if not isinstance(error, OSError) and type(error).__name__ not in _KILLED:
                raise
            raise ValueError(
                f"The survey in {str(output)!r} was cut off. Is the disk full, or the memory, with "
                f"so many workers? The next call goes on where it stopped. ({error})"
            ) from error
    if not parts.exists():
        raise ValueError(
            f"{str(output)!r} holds a survey of another network, other layers or other pictures. "
            "Choose another folder for this one, or delete that."
        )
    _runner.cache_clear()  # a network of hundreds of megabytes
    return load_survey(output)


def load_survey(output: str | os.PathLike[str]) -> Survey:
    """Return what `run_survey` wrote into the folder `output`.

    `[Path(folder, name) for name in survey.names]` are the pictures for `example_patches`.

    Raises:
        FileNotFoundError: There is no finished survey.
    """
    with np.load(Path(output).expanduser() / _RESULT) as file:
        about, *arrays = file.values()
    network, names, skipped, layers = json.loads(str(about))
    tables = [Examples(*arrays[i : i + 4]) for i in range(0, len(arrays), 4)]
    return Survey(network, tuple(names), dict(zip(layers, tables, strict=True)), skipped)


def _picture_names(folder):
    """List the pictures in a folder and in its folders, linked ones too, as paths in it."""
    kinds = {suffix for suffix, kind in Image.registered_extensions().items() if kind in FORMATS}
    names = glob.glob("**", root_dir=folder, recursive=True)
    names = tuple(sorted(name for name in names if Path(name).suffix.lower() in kinds))
    if not names:
        raise ValueError(f"There is no folder with pictures (.jpg, .png, ...) at {str(folder)!r}.")
    return names


def _search(folder, output, in_parts, network, names, layers):
    """Survey the parts that are not done yet, and merge all."""
    look, parts, work = dask.delayed(_look_through), [], []
    for first in range(0, len(names), _PART):
        parts.append(in_parts / str(first))
        if not (parts[-1] / _RESULT).exists():
            some = names[first : first + _PART]
            work.append(look(folder, parts[-1], network, some, layers, first))
    dask.compute(work)
    _save(output, reduce(_merge, map(load_survey, parts)))
    for part in parts:
        shutil.rmtree(part)


def _look_through(folder, output, network, names, layers, first):
    """Survey some of the pictures, which count from `first`."""
    runner, skipped = _runner(network), {}

    def numbered():
        for number, name in enumerate(names, start=first):
            try:
                yield number, runner.prepare(load_image(folder / name))
            except ImageError as error:
                skipped[name] = str(error)

    _save(output, Survey(network, names, find_strongest(runner, layers, numbered()), skipped))


@cache
def _runner(network):
    if network != _NO_TOP:
        return runner_of(load_classifier(network))
    vgg16, weights = keras.applications.vgg16, weights_path(_NO_TOP)
    model = vgg16.VGG16(include_top=False, weights=weights, input_shape=(224, 224, 3))
    return runner_of(model, vgg16.preprocess_input)


def _merge(first, second):
    tables = {name: merge(table, second.examples[name]) for name, table in first.examples.items()}
    return Survey(first.network, first.names + second.names, tables, first.skipped | second.skipped)


def _save(output, survey):
    """Write a survey's file, which takes its name once it is whole."""
    about = json.dumps([survey.network, survey.names, survey.skipped, [*survey.examples]])
    output.mkdir(parents=True, exist_ok=True)
    half = output / f"half-{os.getpid()}.npz"
    np.savez_compressed(half, about, *chain(*survey.examples.values()))
    half.replace(output / _RESULT)
