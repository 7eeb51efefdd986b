"""The explorers' sentences. Those of the web book are the same: see book/explorers/words.js."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from course_utils.display.pictures import PAGE
from course_utils.methods.convolution import Convolution
from course_utils.methods.faithfulness import FaithfulnessCurve

# Feature maps


def page_names(num_channels: int) -> list[str]:
    """Return what to call the pages of a layer: "0 to 63", "64 to 127" and so on."""
    starts = range(0, num_channels, PAGE)
    return [f"{start} to {min(start + PAGE, num_channels) - 1}" for start in starts]


def describe_layer(name: str, kind: str, maps: NDArray, field: tuple[int, int] | None) -> str:
    """Describe a layer by its name, type, feature maps (height, width, channels), receptive field.

    A channel is silent if none of its values is above zero. That means much only behind a ReLU.
    """
    height, width, channels = maps.shape
    sees = f"{field[0]} x {field[1]} pixels" if field else "not defined"
    silent = int((maps.max(axis=(0, 1)) <= 0).sum())
    means = maps.mean(axis=(0, 1))
    strongest = int(means.argmax())
    return (
        f"{name} ({kind}): {channels} channels of {height} x {width}, receptive field {sees}, "
        f"{silent} of {channels} channels silent ({silent / channels:.0%}), "
        f"strongest on average: channel {strongest} (mean {means[strongest]:.1f})."
    )


def describe_channel(maps: NDArray, channel: int) -> str:
    """Describe one channel of float32 (height, width, channels)."""
    values = maps[:, :, channel]
    if values.max() <= 0:
        return f"Channel {channel} is silent: no value of it is above zero."
    count = int((values == values.max()).sum())
    where = _place_of_peak(values) if count == 1 else f"at {count} of {values.size} positions"
    return (
        f"Channel {channel}: values from {values.min():.1f} to {values.max():.1f}, "
        f"the largest {where}."
    )


def table_numbers(table: NDArray) -> list[str]:
    """Write the numbers of a table: the larger they are, the fewer digits behind the point."""
    digits = 2 - int(np.clip(np.log10(np.abs(table).max() or 1), 0, 2))
    return [f"{round(float(value), digits) + 0.0:.{digits}f}" for value in table.flat]


def describe_products(found: Convolution, filter_index: int, row: int, column: int) -> str:
    """Say how a convolution makes the number at one place of one of its maps."""
    products = found.patches[row, column] * found.kernels[..., filter_index]
    total, bias = products.sum(dtype=float), float(found.bias[filter_index])
    sums = [total, bias, total + bias, max(total + bias, 0)]
    add, by, end, after = (f"{x:.1f}" if abs(x) >= 10 else f"{x:.2f}" for x in sums)
    words = f"The {products.size} products sum to {add}"
    words += f"; the bias, {by}, makes it {end}" if found.bias.any() else ""
    return f"{words}, and the ReLU {after}." if found.relu else f"{words}."


# Heatmaps


def describe_heatmap(heatmap: NDArray) -> str:
    """Say where a heatmap (h, w) has its peak, and on how little area half of its heat lies."""
    total = heatmap.sum(dtype=np.float64)
    if total <= 0:
        return "the heatmap is zero everywhere, nothing speaks for this class."
    running = np.cumsum(np.sort(heatmap, axis=None)[::-1], dtype=np.float64)
    share = (np.searchsorted(running, total / 2) + 1) / heatmap.size
    return f"peak {_place_of_peak(heatmap)}; half of the heat lies on {share:.0%} of the area."


def describe_covering(
    title: str,
    step: int,
    deletion: FaithfulnessCurve,
    insertion: FaithfulnessCurve,
    is_value: bool = False,
) -> str:
    """Say what covering a map's hottest pixels, or showing only these, does to the class.

    `is_value` says that the network gives a value and no probabilities.
    """
    covered, shown = (_amount(c.probabilities[step], is_value) for c in (deletion, insertion))
    return (
        f"By {title}, the hottest {deletion.fractions[step]:.0%} of the pixels covered: {covered}; "
        f"only these shown: {shown}. Area: deletion {deletion.area:.2f} (small is good), insertion "
        f"{insertion.area:.2f} (large is good)."
    )


# Classes


class Ranking(NamedTuple):
    """What a network says of a picture: its classes' names, probabilities and order."""

    names: Sequence[str]
    probabilities: NDArray  # (classes,)
    order: list[int]  # the classes' indices, most probable first


def rank_classes(names: Sequence[str], logits: NDArray, probabilities: NDArray) -> Ranking:
    """Rank classes by their logits: probabilities may be too small to tell apart."""
    return Ranking(names, probabilities, np.argsort(-logits, kind="stable").tolist())


def explain_no_class(text: str, names: Sequence[str]) -> str:
    """Say that no class's name contains `text`."""
    return f'None of the {len(names)} classes has "{text}" in its name. Try a shorter part of it.'


def describe_class(index: int, ranking: Ranking) -> str:
    """Say which class this is, how probable, and of which rank."""
    rank, name, amount = _facts(index, ranking)
    if len(ranking.names) == 1:
        return f"{name}: value {amount}."
    return f"{name} (class {index}): probability {amount}, rank {rank} of {len(ranking.names)}."


def class_option(index: int, ranking: Ranking) -> tuple[str, int]:
    """Return ("rank. name probability", index), for a slider or a list of classes."""
    rank, name, amount = _facts(index, ranking)
    return f"{rank}. {name} {amount}", index


def _facts(index, ranking):
    names, probabilities, order = ranking
    is_value = len(names) == 1  # see `ImageClassifier.has_probabilities`
    name = names[index].replace("_", " ")
    return order.index(index) + 1, name, _amount(probabilities[index], is_value)


def _amount(number, is_value):
    if is_value:
        return f"{number:.4g}"
    return f"{number:.1%}" if number >= 0.001 else "under 0.1%"


def _place_of_peak(values):
    row, column = np.unravel_index(values.argmax(), values.shape)
    down, across = (row + 0.5) / values.shape[0], (column + 0.5) / values.shape[1]
    return f"{down:.0%} down and {across:.0%} across the picture"
