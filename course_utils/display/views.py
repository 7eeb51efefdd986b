"""What the explorers show, as pure functions: image files as bytes, and sentences."""

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from course_utils.display.tiles import (
    color_table,
    encode_palette,
    encode_png,
    enlarge_maps,
    lay_out,
    overlay_heatmap,
    scale_to_bytes,
    shrink_maps,
    tile_feature_maps,
    to_gray,
)
from course_utils.io.imagenet import search_names
from course_utils.methods.faithfulness import FaithfulnessCurve

Size = tuple[int, int]  # (height, width)

PAGE = 64  # channels
COLUMNS = 8
GAP = 4  # pixels between two feature maps, and around them
CELL = 56  # pixels of a screen for a feature map: 8 of them fill half a notebook's width
SIDE = 360  # pixels of a screen for the longer side of a picture


# A page's values: a map's from 0 to _TOP, and of what stands between the maps.
_TOP, _GROUND, _LINE, _RIM = 252, 253, 254, 255
_FRAME_COLORS = np.array([[255, 255, 255], [255, 255, 255], [230, 0, 120]], np.uint8)


# Pictures


def screen_picture(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Resize a picture so that its longer side has `SIDE` pixels."""
    factor = SIDE / max(image.shape[:2])
    height, width = (max(round(length * factor), 1) for length in image.shape[:2])
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


def stretch_picture(image: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Give what the network has seen, uint8 (h, w, 3), the proportions of the picture again."""
    return np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))


def encode_picture(image: NDArray[np.uint8]) -> bytes:
    """Encode uint8 (H, W, 3) as JPEG bytes: a photograph's PNG takes twenty times as long."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=92, subsampling=0)
    return buffer.getvalue()


# Feature maps


def page_names(num_channels: int) -> list[str]:
    """Return what to call the pages of a layer: "0 to 63", "64 to 127" and so on."""
    starts = range(0, num_channels, PAGE)
    return [f"{start} to {min(start + PAGE, num_channels) - 1}" for start in starts]


def page_tile(maps: NDArray, page: int) -> NDArray[np.uint8]:
    """Lay one page of feature maps side by side, each about `CELL` pixels high.

    Args:
        maps: float32 (height, width, channels).
        page: int from 0; page p begins with channel `PAGE` * p.

    Returns:
        uint8 (rows, cols), with a gap around every map. In each map 0 is its minimum and `_TOP` its
        maximum; a constant map is 0. Maps larger than a cell are averaged down first, so each is
        scaled to the range of what is shown.
    """
    maps = shrink_maps(maps[:, :, page * PAGE : (page + 1) * PAGE], _shrink_factor(maps.shape[:2]))
    maps = enlarge_maps(maps, max(CELL // max(maps.shape[:2]), 1))
    cells = np.rint(scale_to_bytes(maps) * np.float32(_TOP / 255)).astype(np.uint8)
    return np.pad(lay_out(cells, COLUMNS, GAP, _GROUND), GAP, constant_values=_GROUND)


def page_png(
    tile: NDArray[np.uint8], map_size: Size, position: int, cmap: str = "viridis"
) -> bytes:
    """Draw a page, with a frame around one of its maps.

    Args:
        tile: uint8, from `page_tile`.
        map_size: (height, width) of the layer's feature maps.
        position: Which map of the page, from 0.
        cmap: Name of a matplotlib color map.

    Returns:
        bytes of a palette PNG. The gaps are transparent. The frame is white inside and magenta
        outside, so that it stands out from any map and any page.
    """
    height, width = _cell_size(map_size)
    row, column = divmod(position, COLUMNS)
    top, left = row * (height + GAP) + GAP, column * (width + GAP) + GAP
    framed = tile.copy()
    for margin, color in ((GAP, _RIM), (1, _LINE)):
        framed[top - margin : top + height + margin, left - margin : left + width + margin] = color
    inside = np.s_[top : top + height, left : left + width]
    framed[inside] = tile[inside]
    shades = color_table(cmap)[np.rint(np.linspace(0, 255, _TOP + 1)).astype(int)]
    return encode_palette(framed, np.concatenate([shades, _FRAME_COLORS]), _GROUND)


def map_at(across: float, down: float, map_size: Size, count: int) -> int | None:
    """Return which of a page's `count` maps stands at a point, None in a gap or after the last.

    Args:
        across: Share of the page's width, from 0 to 1.
        down: Share of its height.
        map_size: (height, width) of the layer's feature maps.
        count: How many maps the page has.
    """
    height, width = _cell_size(map_size)
    rows = -(-count // COLUMNS)
    row, below = divmod(down * (rows * (height + GAP) + GAP) - GAP, height + GAP)
    column, right = divmod(across * (COLUMNS * (width + GAP) + GAP) - GAP, width + GAP)
    position = int(row * COLUMNS + column)
    hit = below < height and right < width and column < COLUMNS
    return position if hit and 0 <= position < count else None


def channel_png(maps: NDArray, channel: int, size: Size, cmap: str = "viridis") -> bytes:
    """Draw one feature map cell by cell, stretched over a picture.

    Args:
        maps: float32 (height, width, channels).
        channel: int.
        size: (height, width) of the picture on the screen.
        cmap: Name of a matplotlib color map.

    Returns:
        bytes of a palette PNG of that size.
    """
    return _stretched_png(tile_feature_maps(maps[:, :, channel : channel + 1], 1), size, cmap)


def describe_layer(name: str, kind: str, maps: NDArray, field: Size | None) -> str:
    """Say in words what the page of a layer shows.

    Args:
        name: Layer's name.
        kind: Name of its type, for example "Conv2D".
        maps: float32 (height, width, channels).
        field: (height, width) of its receptive field in pixels of the network's input, from
            `receptive_fields`; or None.

    A channel is silent if none of its values is above zero. Only behind a ReLU does that mean much.
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
    """Say in words what one channel of float32 (height, width, channels) shows."""
    values = maps[:, :, channel]
    if values.max() <= 0:
        return f"Channel {channel} is silent: no value of it is above zero."
    down, across = _peak(values)
    count = int((values == values.max()).sum())
    where = (
        f"the largest {down:.0%} down and {across:.0%} across the picture"
        if count == 1
        else f"the largest at {count} of {values.size} positions"
    )
    return f"Channel {channel}: values from {values.min():.1f} to {values.max():.1f}, {where}."


# Heatmaps


def heatmap_png(heatmap: NDArray, size: Size, cmap: str = "viridis") -> bytes:
    """Draw a heatmap (h, w) in [0, 1] cell by cell, stretched over a picture of `size`."""
    return _stretched_png(np.rint(255 * heatmap).astype(np.uint8), size, cmap)


def overlay_picture(
    picture: NDArray[np.uint8], heatmap: NDArray, alpha: float = 0.5, cmap: str = "viridis"
) -> bytes:
    """Blend a heatmap into a gray copy of a picture, see `overlay_heatmap`; returns JPEG bytes."""
    return encode_picture(overlay_heatmap(to_gray(picture), heatmap, alpha, cmap))


def brighten(values: NDArray) -> NDArray:
    """Scale a map of pixels to [0, 1] for the eye: its brightest 1 % are all 1."""
    top = np.percentile(values, 99) or values.max()
    return np.clip(values / top, 0, 1) if top > 0 else values


def describe_heatmap(heatmap: NDArray) -> str:
    """Say in words where a heatmap (h, w) has its peak, and on how little area half of its heat."""
    total = heatmap.sum(dtype=np.float64)
    if total <= 0:
        return "the heatmap is zero everywhere, nothing speaks for this class."
    down, across = _peak(heatmap)
    running = np.cumsum(np.sort(heatmap, axis=None)[::-1], dtype=np.float64)
    share = (np.searchsorted(running, total / 2) + 1) / heatmap.size
    return (
        f"peak {down:.0%} down and {across:.0%} across the picture; "
        f"half of the heat lies on {share:.0%} of the area."
    )


def describe_covering(
    title: str,
    step: int,
    deletion: FaithfulnessCurve,
    insertion: FaithfulnessCurve,
    is_value: bool = False,
) -> str:
    """Say in words what covering, or showing, a map's hottest pixels does to the class.

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
    order: NDArray  # indices of the classes, most probable first


def rank_classes(names: Sequence[str], logits: NDArray, probabilities: NDArray) -> Ranking:
    """Rank classes by their logits: probabilities may be too small to tell apart."""
    return Ranking(names, probabilities, np.argsort(-logits, kind="stable"))


def class_name(index: int, names: Sequence[str]) -> str:
    """Return a class's name in plain words."""
    return names[index].replace("_", " ")


def find_classes(text: str, names: Sequence[str]) -> list[tuple[str, int]]:
    """Return [(name with index, index)] of the classes whose name contains `text`."""
    return [(f"{class_name(i, names)} ({i})", i) for i in search_names(text, names)]


def explain_no_class(text: str, names: Sequence[str]) -> str:
    """Say that `find_classes` finds nothing."""
    return f'None of the {len(names)} classes has "{text}" in its name. Try a shorter part of it.'


def describe_class(index: int, ranking: Ranking) -> str:
    """Say in words which class this is, how probable, and of which rank."""
    names, probabilities, order = ranking
    rank = int(np.flatnonzero(order == index)[0]) + 1
    if len(names) == 1:  # see `ImageClassifier.has_probabilities`
        return f"{class_name(index, names)}: value {_amount(probabilities[index], True)}."
    return (
        f"{class_name(index, names)} (class {index}): probability "
        f"{_percent(probabilities[index])}, rank {rank} of {len(names)}."
    )


def class_options(ranking: Ranking, count: int, extra: int | None = None) -> list[tuple[str, int]]:
    """Return [(rank, name and probability, index)] as a slider's options: the first `count`.

    Args:
        ranking: From `rank_classes`.
        count: How many.
        extra: int, a class that is listed even where it ranks lower; or None.
    """
    names, probabilities, order = ranking
    ranks = list(range(min(count, len(order))))
    if extra is not None and extra not in order[ranks]:
        ranks.append(int(np.flatnonzero(order == extra)[0]))
    is_value = len(names) == 1
    return [
        (f"{rank + 1}. {class_name(i, names)} {_amount(probabilities[i], is_value)}", i)
        for rank in ranks
        for i in [int(order[rank])]
    ]


def _amount(number, is_value):
    return f"{number:.4g}" if is_value else _percent(number)


def _percent(probability):
    return f"{probability:.1%}" if probability >= 0.001 else "under 0.1%"


def _peak(values):
    """Where the largest value stands, as shares of the height and of the width."""
    row, column = np.unravel_index(values.argmax(), values.shape)
    return (row + 0.5) / values.shape[0], (column + 0.5) / values.shape[1]


def _shrink_factor(size):
    return -(-max(size) // CELL)


def _cell_size(size):
    factor = _shrink_factor(size)
    height, width = (-(-length // factor) for length in size)
    zoom = max(CELL // max(height, width), 1)
    return height * zoom, width * zoom


def _stretched_png(tile, size, cmap):
    stretched = Image.fromarray(tile).resize(size[::-1], Image.Resampling.NEAREST)
    return encode_png(np.asarray(stretched), cmap)
