"""A survey: the strongest examples of every channel in thousands of pictures, on Dask.

Pictures are looked through in parts. What is found in a part goes into a file, so a survey that was
cut off goes on where it stopped. Two tables merge into one in any order, so Dask may hand the parts
to threads, processes or a cluster. A network doesn't travel: each process loads it by name.
"""

import hashlib
import os
import shutil
from collections.abc import Sequence
from functools import cache, reduce
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import numpy as np
from PIL import Image

from course_utils.backend import keras
from course_utils.io.images import FORMATS, ImageError, load_image
from course_utils.methods.strongest import Examples, find_strongest, merge
from course_utils.networks.classifier import runner_of
from course_utils.networks.registry import load_classifier, resolve_name, weights_path

_PICTURES_A_PART, _MOST_PARTS = 1000, 200  # a part's file takes 2 MB for 21,008 channels
_MERGED_AT_ONCE = 8
_NO_TOP = "vgg16_no_top"
_RESULT = "strongest.npz"
_GO_ON = "What is done stays done: the next call goes on from there."


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
    output: str | os.PathLike[str] | None = None,
    network: str = "auto",
    layer_names: Sequence[str] | None = None,
) -> Survey:
    """Find the nine strongest examples of every channel over a folder of pictures.

    It runs where Dask is told to run: on threads of this process, unless `dask.config.set` or a
    `distributed.Client` says otherwise. A second call goes on where the first one was cut off.

    Args:
        folder: Where the pictures are, also in folders of it.
        output: A folder for what is found; None means one in the working directory, named after
            `folder` with "-survey". No pixels are written, only names, positions and numbers.
        network: As for `load_classifier`; or "vgg16_no_top" for VGG16's convolutions.
        layer_names: List of layers' names; None means all of `conv_layer_names`.

    Returns:
        `Survey`; `load_survey(output)` returns it again.

    Raises:
        ValueError: There are no pictures or none that can be read, no such network or layer, no
            Dask, a worker process ended, or `output` can't be written or holds another survey.
    """
    folder = Path(folder).expanduser().resolve()
    output = Path(output or f"{folder.name}-survey").expanduser().resolve()
    names = _picture_names(folder)
    network = network if network == _NO_TOP else resolve_name(network)
    runner = _runner(network)
    layers = runner.check_layer_names(layer_names or runner.conv_layer_names)
    subject = network, tuple(names), layers
    parts = output / f"parts-{hashlib.sha256(repr(subject).encode()).hexdigest()[:16]}"
    size = max(_PICTURES_A_PART, -(-len(names) // _MOST_PARTS))
    starts = range(0, len(names), size)
    try:
        if not (output / _RESULT).exists():
            parts.mkdir(parents=True, exist_ok=True)
            work = [(folder, parts, network, layers, i, names[i : i + size]) for i in starts]
            found = _compute(work)
            if len(found.skipped) < len(names):
                _save(output / _RESULT, found)
            shutil.rmtree(parts)
            if len(found.skipped) == len(names):
                reason = found.skipped[names[0]]
                raise ValueError(f"None of {len(names)} pictures could be read: {reason}")
    except OSError as error:
        raise ValueError(
            f"A survey can't be kept in {str(output)!r}: {error.strerror or error}. Make room, "
            f"or choose another output. {_GO_ON}"
        ) from error
    found = load_survey(output)
    if (found.network, found.names, [*found.examples]) != subject:
        raise ValueError(
            f"{str(output)!r} holds a survey of another network, other layers or other pictures. "
            "Choose another folder for this one, or delete that."
        )
    return found


def load_survey(output: str | os.PathLike[str]) -> Survey:
    """Return what `run_survey` wrote into the folder `output`.

    With `paths = [Path(folder, name) for name in survey.names]`,
    `example_patches(survey.examples[layer_name], paths, channel)` cuts out the patches.

    Raises:
        ValueError: There is no finished survey, or its file is damaged.
    """
    path = Path(output).expanduser() / _RESULT
    if not path.is_file():
        raise ValueError(f"There is no finished survey in {str(output)!r}: no {_RESULT}.")
    return _load(path)


def _picture_names(folder):
    """List the pictures in a folder and in its folders, linked ones too, as paths in it."""
    if not folder.is_dir():
        raise ValueError(f"There is no folder {str(folder)!r}.")
    kinds = {suffix for suffix, kind in Image.registered_extensions().items() if kind in FORMATS}
    names, seen = [], {folder}
    for path, folders, files in os.walk(folder, followlinks=True):
        real = {name: Path(path, name).resolve() for name in folders if name[0] != "."}
        folders[:] = [name for name, there in real.items() if there not in seen]
        seen.update(real.values())  # a link may lead back up
        paths = [Path(path, name) for name in files if name[0] != "."]
        names += [p.relative_to(folder).as_posix() for p in paths if p.suffix.lower() in kinds]
    if not names:
        raise ValueError(f"There are no pictures (.jpg, .png, ...) in {str(folder)!r}.")
    return sorted(names)


def _compute(work):
    """Let Dask look through the parts, and merge what is found."""
    try:
        from dask import delayed
    except ModuleNotFoundError as error:
        raise ValueError("A survey runs on Dask: python -m pip install dask") from error
    found = [delayed(_look_through)(*part) for part in work]
    while len(found) > 1:
        groups = range(0, len(found), _MERGED_AT_ONCE)
        found = [delayed(_merge)(found[i : i + _MERGED_AT_ONCE]) for i in groups]
    try:
        return found[0].compute()
    except Exception as error:
        if type(error).__name__ not in ("BrokenProcessPool", "KilledWorker"):
            raise
        raise ValueError(
            f"A worker process ended before its work was done. {_GO_ON} If memory is short, take "
            "fewer workers. A script calls run_survey under if __name__ == '__main__':."
        ) from error


@cache
def _runner(network):
    if network != _NO_TOP:
        return runner_of(load_classifier(network))
    vgg16 = keras.applications.vgg16
    weights = weights_path(_NO_TOP)
    model = vgg16.VGG16(include_top=False, weights=weights, input_shape=(224, 224, 3))
    return runner_of(model, vgg16.preprocess_input)


def _look_through(folder, parts, network, layers, first, names):
    """Return the `Survey` of some pictures, and keep it in a file."""
    path = parts / f"{first}.npz"
    if path.exists():
        return _load(path)
    if not folder.is_dir():
        raise ValueError(f"This worker has no folder {str(folder)!r}: it needs one, by that path.")
    runner, skipped = _runner(network), {}

    def inputs():
        for number, name in enumerate(names, start=first):
            try:
                picture = load_image(folder / name)
            except ImageError as error:
                skipped[name] = str(error)
            else:
                yield number, runner.prepare(picture)

    examples = find_strongest(runner, layers, inputs())
    found = Survey(network, tuple(names), examples, skipped)
    _save(path, found)
    return found


def _merge(found):
    networks, names, tables, skipped = zip(*found, strict=True)
    examples = {name: reduce(merge, [t[name] for t in tables]) for name in tables[0]}
    return Survey(networks[0], sum(names, ()), examples, reduce(dict.__or__, skipped))


def _save(path, survey):
    """Write a survey into a file that takes its name once it is whole."""
    arrays = {
        f"{name}/{field}": array
        for name, table in survey.examples.items()
        for field, array in table._asdict().items()
    }
    skipped = np.array([*survey.skipped.items()], str).reshape(-1, 2)
    half = path.with_name(f"half-{uuid4().hex}.npz")
    np.savez_compressed(half, network=survey.network, names=survey.names, skipped=skipped, **arrays)
    half.replace(path)


def _load(path):
    try:
        with np.load(path) as arrays:
            layers = dict.fromkeys(key.rpartition("/")[0] for key in arrays if "/" in key)
            examples = {
                name: Examples(*(arrays[f"{name}/{field}"] for field in Examples._fields))
                for name in layers
            }
            names = tuple(arrays["names"].tolist())
            return Survey(str(arrays["network"]), names, examples, dict(arrays["skipped"].tolist()))
    except Exception as error:  # zipfile, zlib and NumPy raise a dozen kinds for a damaged file
        raise ValueError(
            f"{str(path)!r} is damaged. Delete it and call run_survey again."
        ) from error
