"""A survey: the strongest examples over more pictures than fit a laptop's patience, on Dask.

The pictures are dealt into shards. Whoever is free looks through one and writes what it found into
a file; the files' tables are merged in pairs, and the pairs in pairs. A run that was cut off finds
the files of the run before. A network does not travel: each process builds it by name.
"""

import contextlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from functools import cache, reduce
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from tqdm.auto import tqdm

from course_utils.arguments import is_whole_number
from course_utils.backend import keras
from course_utils.io.images import ImageError, load_image
from course_utils.methods.strongest import Examples, find_strongest, merge
from course_utils.networks.classifier import runner_of
from course_utils.networks.registry import load_classifier, resolve_name, weights_path

# Dask is imported where it is used: only a survey needs it.

_SUFFIXES = {".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff"}
_SUFFIXES |= {".webp"}
_PICTURES_A_SHARD, _MOST_SHARDS = 1000, 200  # a shard's file takes 2 MB for 21,008 channels
_MERGED_AT_ONCE = 8
_NO_TOP = "vgg16_no_top"
_PLAN, _SHARDS, _RESULT = "survey.json", "shards", "strongest.npz"
_CONNECT_SECONDS = 20


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


class _Plan(NamedTuple):
    """What a worker has to know. Paths are the same on all workers."""

    folder: str
    output: str
    network: str
    layer_names: tuple[str, ...]
    one_thread: bool  # a process: workers share the machine's cores among themselves


class _Found(NamedTuple):
    """What was found in some of the pictures: tables by layer, and reasons by picture's number."""

    examples: dict[str, Examples]
    skipped: dict[int, str]


def run_survey(
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    network: str = "auto",
    layer_names: Sequence[str] | None = None,
    num_workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
) -> Survey:
    """Find the nine strongest examples of every channel over a folder of pictures.

    A second call with the same arguments goes on where the first one was cut off.

    Args:
        folder: Where the pictures are, also in folders of it.
        output: A folder for what is found; None means one in the working directory, named after
            `folder` with "-survey". No pixels are written, only names, positions and numbers.
        network: As for `load_classifier`; or "vgg16_no_top" for VGG16's convolutions.
        layer_names: List of layers' names; None means all of `conv_layer_names`.
        num_workers: How many processes on this computer; None means threads of this one.
        scheduler: Address of the scheduler of a Dask cluster, such as "tcp://10.0.0.1:8786". Its
            workers have this package, and see `folder` and `output` under the same paths.
        progress: Whether to show a progress bar.

    Returns:
        `Survey`; `load_survey(output)` returns it again.

    Raises:
        ValueError: Dask is not installed, there are no pictures or none that can be read, no such
            network or layer, the cluster does not answer, or `output` holds another survey.
    """
    dask = _import_dask(num_workers, scheduler)
    folder = Path(folder).expanduser().resolve()
    output = Path(output or f"{folder.name}-survey").expanduser().resolve()
    names = _picture_names(folder)
    network = network if network == _NO_TOP else resolve_name(network)
    runner = _runner(network)
    layers = runner.conv_layer_names if layer_names is None else layer_names
    layers = runner.check_layer_names(layers)
    _start_or_resume(output, {"network": network, "layer_names": layers, "names": names})
    if not (output / _RESULT).exists():
        processes = bool(num_workers or scheduler)
        plan = _Plan(str(folder), str(output), network, tuple(layers), one_thread=processes)
        shards = _deal(names)
        work = _as_graph(dask.delayed, plan, shards)
        with _cluster(num_workers, scheduler), _shown(output / _SHARDS, len(shards), progress):
            [found] = dask.compute(work, scheduler=None if processes else "threads")
        if len(found.skipped) < len(names):
            _save(output / _RESULT, found)
        shutil.rmtree(output / _SHARDS)
        if len(found.skipped) == len(names):
            raise ValueError(f"None of {len(names)} pictures could be read: {found.skipped[0]}")
    return load_survey(output)


def load_survey(output: str | os.PathLike[str]) -> Survey:
    """Return what `python -m course_utils survey` has found.

    Args:
        output: The folder that the command named.

    Returns:
        `Survey`. With `paths = [Path(folder, name) for name in survey.names]`,
        `example_patches(survey.examples[layer_name], paths, channel)` cuts out the patches.

    Raises:
        ValueError: There is no finished survey.
    """
    output = Path(output).expanduser()
    if not (output / _RESULT).is_file():
        raise ValueError(f"There is no finished survey in {str(output)!r}: no {_RESULT}.")
    plan = json.loads((output / _PLAN).read_text(encoding="utf-8"))
    found, names = _load(output / _RESULT), tuple(plan["names"])
    skipped = {names[number]: reason for number, reason in found.skipped.items()}
    return Survey(plan["network"], names, found.examples, skipped)


# Before


def _import_dask(num_workers, scheduler):
    if num_workers is not None and not is_whole_number(num_workers, 1):
        raise ValueError(f"num_workers must be a whole number, 1 or more, not {num_workers!r}.")
    if num_workers and scheduler:
        raise ValueError("Give num_workers or scheduler: a cluster has workers of its own.")
    try:
        import dask

        if num_workers or scheduler:
            import distributed  # noqa: F401
    except ModuleNotFoundError as error:
        raise ValueError(
            f"A survey runs on Dask, and {error.name} is not installed here: "
            "python -m pip install 'dask[distributed]'"
        ) from error
    return dask


def _picture_names(folder):
    """List the pictures in a folder and its folders, as paths in it; hidden ones are none."""
    if not folder.is_dir():
        raise ValueError(f"There is no folder {str(folder)!r}.")
    names = []
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        names += [
            Path(path, name).relative_to(folder).as_posix()
            for name in files
            if Path(name).suffix.lower() in _SUFFIXES and not name.startswith(".")
        ]
    if not names:
        raise ValueError(
            f"No pictures in {str(folder)!r}, that is no files {', '.join(sorted(_SUFFIXES))}."
        )
    return sorted(names)


def _start_or_resume(output, plan):
    """Write down what a survey is about, or see that the one begun is about the same."""
    path = output / _PLAN
    if path.exists():
        begun = json.loads(path.read_text(encoding="utf-8"))
        others = [key for key in plan if begun[key] != plan[key]]
        if others:
            subjects = {"network": "network", "layer_names": "layers", "names": "pictures"}
            raise ValueError(
                f"{str(output)!r} holds a survey of other {subjects[others[0]]}. Choose another "
                "folder for this one, or delete that."
            )
    (output / _SHARDS).mkdir(parents=True, exist_ok=True)
    with _whole(path) as file:
        file.write(json.dumps(plan).encode())


def _deal(names):
    """Return pairs (number of the first picture, list of names)."""
    size = max(_PICTURES_A_SHARD, -(-len(names) // _MOST_SHARDS))
    return [(first, names[first : first + size]) for first in range(0, len(names), size)]


def _as_graph(delayed, plan, shards):
    """Return the whole work for Dask: look through each shard, merge some tables, merge those."""
    parts = [delayed(_survey_shard)(plan, first, names) for first, names in shards]
    while len(parts) > 1:
        groups = range(0, len(parts), _MERGED_AT_ONCE)
        parts = [delayed(_merge_found)(parts[i : i + _MERGED_AT_ONCE]) for i in groups]
    return parts[0]


# On a worker

_building = threading.Lock()


def _runner(network):
    """Return this process's runner of a network: built once, whichever thread asks first."""
    with _building:
        return _build_runner(network)


@cache
def _build_runner(network):
    if network != _NO_TOP:
        return runner_of(load_classifier(network))
    vgg16 = keras.applications.vgg16
    weights = weights_path(_NO_TOP)
    model = vgg16.VGG16(include_top=False, weights=weights, input_shape=(224, 224, 3))
    return runner_of(model, vgg16.preprocess_input)


def _survey_shard(plan, first, names):
    """Return what is found in a shard's pictures, and keep it in a file; or return what it says."""
    path = Path(plan.output, _SHARDS, f"{first}-{len(names)}.npz")
    if path.exists():
        return _load(path)
    if not Path(plan.folder).is_dir():
        raise ValueError(f"This worker sees no folder {plan.folder!r}: it must, by the same path.")
    if plan.one_thread:  # TensorFlow reads it when it computes for the first time
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    runner, skipped = _runner(plan.network), {}

    def inputs():
        for number, name in enumerate(names, start=first):
            try:
                picture = load_image(Path(plan.folder, name))
            except ImageError as error:
                skipped[number] = str(error)
            else:
                yield number, runner.prepare(picture)

    found = _Found(find_strongest(runner, plan.layer_names, inputs()), skipped)
    _save(path, found)
    return found


def _merge_found(parts):
    examples = {
        name: reduce(merge, [part.examples[name] for part in parts]) for name in parts[0].examples
    }
    skipped = {number: reason for part in parts for number, reason in part.skipped.items()}
    return _Found(examples, skipped)


# Files


def _save(path, found):
    arrays = {
        f"{name}/{field}": array
        for name, table in found.examples.items()
        for field, array in table._asdict().items()
    }
    numbers, reasons = np.array([*found.skipped], int), np.array([*found.skipped.values()], str)
    with _whole(path) as file:
        np.savez_compressed(file, skipped=numbers, reasons=reasons, **arrays)


def _load(path):
    with np.load(path) as arrays:
        layer_names = dict.fromkeys(key.rpartition("/")[0] for key in arrays if "/" in key)
        examples = {
            name: Examples(*(arrays[f"{name}/{field}"] for field in Examples._fields))
            for name in layer_names
        }
        skipped = zip(arrays["skipped"].tolist(), arrays["reasons"].tolist(), strict=True)
        return _Found(examples, dict(skipped))


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes its name when it is whole."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix="part-", delete=False) as file:
        yield file
    os.replace(file.name, path)


# Around


@contextlib.contextmanager
def _cluster(num_workers: int | None, scheduler: str | None) -> Iterator[None]:
    """Have Dask's work done by processes, where any are asked for."""
    if not (num_workers or scheduler):
        yield
        return
    import distributed

    if num_workers:
        options = {"n_workers": int(num_workers), "threads_per_worker": 1}
        with (
            distributed.LocalCluster(**options, dashboard_address=None) as cluster,
            distributed.Client(cluster),
        ):
            yield
        return
    with contextlib.ExitStack() as stack:
        try:
            client = distributed.Client(scheduler, timeout=_CONNECT_SECONDS)
            stack.enter_context(client).wait_for_workers(1, timeout=_CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"No Dask cluster with a worker answers at {scheduler!r} within {_CONNECT_SECONDS} "
                "seconds. 'dask scheduler' prints its address; 'dask worker ADDRESS' joins it."
            ) from error
        yield


@contextlib.contextmanager
def _shown(folder: Path, total: int, progress: bool) -> Iterator[None]:
    """Show how many shards have their file, whoever writes them."""
    done = threading.Event()

    def count():
        with tqdm(total=total, desc="shards", disable=not progress) as bar:
            while not done.wait(0.2):
                bar.update(sum(1 for _ in folder.glob("*.npz")) - bar.n)
            bar.update(total - bar.n)

    watcher = threading.Thread(target=count, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
