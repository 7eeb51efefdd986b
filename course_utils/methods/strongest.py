"""The strongest examples of a channel: which of many pictures drive it most, and where in them."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from course_utils.arguments import check_count, check_finite, quote
from course_utils.backend import keras, tf
from course_utils.engine.runner import Runner
from course_utils.io.images import load_image
from course_utils.networks.classifier import ImageClassifier, runner_of

NUM_EXAMPLES = 9
_NOTHING = -1  # stands for a picture where there are fewer than nine


class Examples(NamedTuple):
    """The strongest examples of each channel of one layer, the strongest one first.

    Attributes:
        values: float32 (channels, 9), the channel's maximum in a picture; minus infinity where
            there are fewer than nine pictures. Behind a ReLU, 0 says that the picture leaves the
            channel silent.
        pictures: int (channels, 9), the picture's number, from 0; -1 where there is none. No
            picture appears twice in a row.
        positions: int (channels, 9, 2), row and column of the maximum in the feature map.
        windows: int (2, 4), for rows and for columns: the input's length, where the first value's
            window starts, the window's size, and the step to the next value's (0 where each value
            sees everything). In pixels of the network's input.
    """

    values: NDArray[np.float32]
    pictures: NDArray[np.int32]
    positions: NDArray[np.int32]
    windows: NDArray[np.int32]


def strongest_examples(
    classifier: ImageClassifier | keras.Model,
    images: Sequence,
    layer_names: Iterable[str] | None = None,
    preprocess_input: Callable | None = None,
) -> dict[str, Examples]:
    """Find the nine pictures that drive each channel most, and where in them.

    Args:
        classifier: `ImageClassifier`, or any `keras.Model` that is functional or `Sequential`.
        images: List of pictures, each an array uint8 (H, W, 3) or whatever else `load_image` reads;
            files are read one after another and not kept. The network sees each of them whole, as
            in `ImageClassifier.preprocess`.
        layer_names: List of layers' names; None means those of `conv_layer_names`.
        preprocess_input: For a `keras.Model`: function from float32 RGB (N, h, w, 3) in [0, 255] to
            its input. An `ImageClassifier` has its own.

    Returns:
        dict from layer name to `Examples`, whose `pictures` are indices of `images`. Of equal
        values the first picture wins, and within a picture the first row and column.

    Raises:
        ValueError: There are no pictures, one cannot be read, or there is no such layer.

    Sources:
        Zeiler and Fergus, https://arxiv.org/abs/1311.2901; Zhou et al., Object Detectors Emerge in
        Deep Scene CNNs, https://arxiv.org/abs/1412.6856.
    """
    runner = runner_of(classifier, preprocess_input)
    names = runner.conv_layer_names if layer_names is None else layer_names
    names = runner.check_layer_names(names)
    _check_images(images)
    numbered = ((i, runner.prepare(load_image(images[i]))) for i in range(len(images)))
    return find_strongest(runner, names, numbered)


def example_patches(examples: Examples, images: Sequence, channel: int) -> NDArray[np.uint8]:
    """Cut out what a channel saw where it was driven most: its receptive field.

    Args:
        examples: `Examples` of one layer.
        images: The pictures that `strongest_examples` was given, in the same order.
        channel: int, from 0.

    Returns:
        uint8 (count, height, width, 3), RGB, the strongest one first; `count` is 9, or the number
        of pictures where that is smaller. In pixels of the picture as the network sees it. What
        lies beyond its border is white; a field larger than the picture is cut to the picture.

    Raises:
        ValueError: There is no such channel, or `images` are not those pictures.
    """
    if not isinstance(examples, Examples):
        raise ValueError("examples are those of one layer: strongest_examples(...)['its name'].")
    _check_images(images)
    channel = check_count("channel", channel, 0, len(examples.values) - 1)
    numbers = examples.pictures[channel]
    numbers = numbers[numbers != _NOTHING]
    if numbers.max() >= len(images):
        raise ValueError(f"images holds {len(images)}, and the examples are of more pictures.")
    size = tuple(examples.windows[:, 0].tolist())
    patches = [
        _cut(load_image(images[number], size), position, examples.windows)
        for number, position in zip(numbers, examples.positions[channel], strict=False)
    ]
    return np.stack(patches)


def _check_images(images):
    is_list = isinstance(images, Sequence | np.ndarray) and not isinstance(images, str)
    if not is_list or len(images) == 0:
        raise ValueError(
            f"images must be a list of pictures, one or more, not {quote(images)}. Of a folder: "
            "sorted(Path(folder).glob('*.jpg')); of a dict: list(pictures.values())."
        )


def _cut(picture, position, windows):
    """Return the pixels that one value of a feature map sees, white beyond the border."""
    rows, columns = (
        np.arange(length) if size >= length else start + step * place + np.arange(size)
        for (length, start, size, step), place in zip(windows, position, strict=True)
    )
    patch = np.full((len(rows), len(columns), 3), 255, np.uint8)
    known = [(0 <= i) & (i < n) for i, n in zip((rows, columns), picture.shape, strict=False)]
    patch[np.ix_(*known)] = picture[np.ix_(rows[known[0]], columns[known[1]])]
    return patch


def merge(first: Examples, second: Examples) -> Examples:
    """Return the nine strongest of two tables of one layer, made of different pictures.

    However the pictures were split, the table of all is the same: of equal values, that of the
    smaller picture's number is stronger.
    """
    values, pictures, positions = (
        np.concatenate(pair, axis=1) for pair in zip(first[:3], second[:3], strict=True)
    )
    order = np.lexsort((pictures, -values), axis=1)[:, :NUM_EXAMPLES]
    rows = np.arange(len(order))[:, np.newaxis]
    return Examples(values[rows, order], pictures[rows, order], positions[rows, order], first[3])


def find_strongest(
    runner: Runner, layer_names: list[str], numbered: Iterable[tuple[int, NDArray]]
) -> dict[str, Examples]:
    """Look through pictures, a few at a time.

    `numbered` yields pairs (number of a picture, the network's input for it, float32 (1, h, w, 3)).

    Raises:
        ValueError: The network's output is NaN or infinite.
    """
    numbered, tables = iter(numbered), {name: _no_examples(runner, name) for name in layer_names}
    while batch := list(islice(numbered, runner.batch_size)):
        numbers, inputs = zip(*batch, strict=True)
        outputs = runner.outputs(np.concatenate(inputs), layer_names, often=True)
        for name, maps in zip(layer_names, outputs, strict=True):
            tables[name] = _beat(tables[name], np.array(numbers, np.int32), maps, name)
    return tables


def _no_examples(runner, layer_name):
    """Return the table of no pictures at all."""
    axes = runner.receptive_windows[layer_name] or [(0, length, 0) for length in runner.input_size]
    windows = [(length, *axis) for length, axis in zip(runner.input_size, axes, strict=True)]
    shape = runner.feature_map_shapes[layer_name][-1], NUM_EXAMPLES
    values, nowhere = np.full(shape, -np.inf, np.float32), np.full((*shape, 2), _NOTHING, np.int32)
    return Examples(values, nowhere[..., 0], nowhere, np.array(windows, np.int32))


def _beat(table, numbers, maps, name):
    """Return a table with what in feature maps (N, h, w, channels) beats its weakest examples."""
    in_rows = np.asarray(tf.reduce_max(maps, axis=2))
    peaks = in_rows.max(axis=1)
    check_finite(peaks, f"For some picture, the network's output at {name!r}")
    beats = peaks > table.values[:, -1]
    if not beats.any():
        return table
    # After a few hundred pictures hardly any do, and only those are located.
    picture, channel = np.nonzero(beats)
    row = in_rows[picture, :, channel].argmax(axis=1)
    column = np.asarray(maps)[picture, row, :, channel].argmax(axis=1)
    values = np.where(beats, peaks, -np.inf).T
    pictures = np.where(beats, numbers[:, np.newaxis], _NOTHING).T
    positions = np.full((*values.shape, 2), _NOTHING, np.int32)
    positions[channel, picture] = np.stack([row, column], axis=-1)
    return merge(table, Examples(values, pictures, positions, table.windows))
