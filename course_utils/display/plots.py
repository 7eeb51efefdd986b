"""Matplotlib figures of the chapters. Each function returns its figure, which a notebook shows."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from course_utils.arguments import check_count, check_finite, check_image
from course_utils.display.tiles import (
    SIGNED_COLOR_MAP,
    check_maps,
    color_table,
    enlarge_maps,
    lay_out,
    overlay_heatmap,
    scale_to_bytes,
    shrink_maps,
    to_gray,
)
from course_utils.methods.scaling import check_heatmap

_WIDTH = 10  # inches; with 100 dots each, what a notebook's text column shows
_DPI = 100
_GRID_WIDTH = 930  # pixels, at most, for a grid whose cells are whole pixels
_STEPS = 8  # levels of 256 that share a color: nobody sees it, and a grid stores in a third less
_MOST_LAYERS = 6  # side by side
_KERNELS_A_ROW = 8
_GAP = 2  # white pixels between two cells of a grid
_BETWEEN = 20  # white pixels between two layers
_LETTERS = 13  # points: a phone shows a figure at a third of its size
_LINE = 23  # pixels of a line of text
_MARGIN = 42  # pixels beside a grid, for the numbers of its rows
_FINE = 100  # rows; with so many, a heatmap is one of pixels, and is drawn without the picture


def plot_predictions(predictions: Sequence, image: NDArray[np.uint8] | None = None) -> Figure:
    """Draw predictions as horizontal bars, beside their picture if it is given.

    Args:
        predictions: What `ImageClassifier.top_predictions` returns.
        image: uint8 (H, W, 3), RGB.

    Raises:
        ValueError: `predictions` is not such a list.
    """
    if not predictions or not all(hasattr(p, "probability") for p in predictions):
        raise ValueError(f"Predictions are what top_predictions() returns, not {predictions!r}.")
    size = _WIDTH, max(0.6 + 0.36 * len(predictions), 2.4)
    if image is None:
        figure, axes = _subplots(figsize=(0.6 * size[0], size[1]))
    else:
        figure, (left, axes) = _subplots(1, 2, figsize=size, width_ratios=(1, 1.5))
        left.imshow(image)
        left.set_title("Input", fontsize=_LETTERS)
        left.axis("off")
    labels = [prediction.label.replace("_", " ") for prediction in predictions]
    bars = axes.barh(range(len(labels)), [p.probability for p in predictions], color="#31688e")
    axes.bar_label(bars, fmt="%.3f", padding=3, fontsize=_LETTERS)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15)  # room for the number beside a full bar
    axes.spines["bottom"].set_bounds(0, 1)
    axes.set_xticks([0, 0.5, 1])
    axes.tick_params(labelsize=_LETTERS)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(f"Probability of the top {len(labels)} classes", fontsize=_LETTERS)
    return figure


def plot_kernels(kernels: NDArray, title: str = "Kernels") -> Figure:
    """Draw the kernels of a first layer as RGB patches, those of a depthwise layer in gray.

    All kernels share one scale: mid-gray is a weight of 0, black and white (or a full color) are
    the largest magnitude of all.

    Args:
        kernels: (height, width, 3, count), or (height, width, count, 1) for a depthwise layer, as
            `layer.get_weights()[0]` returns them.
        title: str.

    Raises:
        ValueError: The kernels read more channels than a picture can show, or are not finite.
    """
    kernels = np.asarray(kernels, np.float32)
    if kernels.ndim != 4 or kernels.size == 0 or (kernels.shape[2] != 3 and kernels.shape[3] != 1):
        raise ValueError(
            "Kernels can be drawn where they read 3 channels, (height, width, 3, count), or one "
            f"each, (height, width, count, 1), not {kernels.shape}."
        )
    check_finite(kernels, "One of the kernels")
    largest = np.abs(kernels).max()
    patches = 0.5 + 0.5 * kernels / (largest or 1)
    patches = patches.transpose((3, 0, 1, 2) if patches.shape[2] == 3 else (2, 0, 1, 3))
    count, height, width, _ = patches.shape
    zoom = max((_GRID_WIDTH * 3 // 4 // _KERNELS_A_ROW - _GAP) // width, 1)
    patches = np.rint(255 * patches.repeat(zoom, axis=1).repeat(zoom, axis=2)).astype(np.uint8)
    colored = np.broadcast_to(patches, (*patches.shape[:3], 3))
    mosaic = lay_out(colored, min(_KERNELS_A_ROW, count), _GAP, 255)
    words = f"mid-gray: a weight of 0; dark and bright: -{largest:.2f} and +{largest:.2f}"
    starts = range(0, count, _KERNELS_A_ROW)
    return _pixel_figure([(f"{title}: {count} of {height} x {width}", mosaic)], words, starts)


def plot_feature_maps(maps: NDArray | Mapping[str, NDArray], columns: int | None = None) -> Figure:
    """Draw all channels of one layer, or of several layers side by side.

    Each channel is scaled to its own range: brightness compares places within a channel, not
    channels with each other. Each of its values takes a whole number of pixels; a map that is too
    large for that is averaged down by a whole factor first.

    Args:
        maps: Real numbers (height, width, channels), or a dict from layer name to such an array, as
            `get_feature_maps` returns it, of 6 layers at most.
        columns: Channels in a row; None makes the grid about square.

    Raises:
        ValueError: `maps` is empty, has another shape or too many layers, or `columns` is out of
            range.
    """
    layers = maps if isinstance(maps, Mapping) else {"Feature maps": maps}
    if not 0 < len(layers) <= _MOST_LAYERS:
        raise ValueError(
            f"A figure has room for 1 to {_MOST_LAYERS} layers, not for {len(layers)}. "
            "Choose some: get_feature_maps(classifier, image, classifier.key_layer_names)."
        )
    room = (_GRID_WIDTH + _BETWEEN) // len(layers) - _BETWEEN
    grids = [_draw_maps(name, array, columns, room) for name, array in layers.items()]
    words = "each map is scaled to its own range: dark is its smallest value"
    if len(layers) > 1:
        return _pixel_figure(grids, words)
    [maps] = layers.values()
    count = np.shape(maps)[-1]
    return _pixel_figure(grids, words, range(0, count, _num_columns(count, columns)))


def plot_heatmap(image: NDArray[np.uint8], heatmaps: NDArray | Mapping[str, NDArray]) -> Figure:
    """Draw a picture with a heatmap, or with several to compare.

    One heatmap of cells is drawn twice, as it was computed and stretched over the picture; of
    several each is drawn once, over the picture. A map of pixels is drawn by itself. Under a
    heatmap the picture is gray, so that all color is heat.

    Args:
        image: uint8 (H, W, 3), RGB.
        heatmaps: Real numbers (h, w), or a dict from a title to such an array. All in [0, 1]; or,
            if one has negative values, of any range: then zero is white, and one color bar
            serves them all.

    Raises:
        ValueError: There is no heatmap, or one has another shape or range.
    """
    named = heatmaps if isinstance(heatmaps, Mapping) else {"Heatmap": heatmaps}
    if not named:
        raise ValueError("There are no heatmaps to draw: the dict is empty.")
    image = check_image(image)
    arrays = {title: check_heatmap(heatmap) for title, heatmap in named.items()}
    limit, colors = _scale(arrays.values())
    gray, is_one = to_gray(image), len(arrays) == 1
    panels = [("Input", image)]
    for title, heatmap in arrays.items():
        overlay = overlay_heatmap(gray, heatmap / limit, cmap=colors.cmap.name)
        if is_one or len(heatmap) >= _FINE:
            panels.append((title, heatmap))
        if len(heatmap) < _FINE:
            panels.append(("Overlay" if is_one else title, overlay))
    return _draw_panels(panels, image.shape, colors)


def _scale(heatmaps):
    """Return (what to divide heatmaps by, their `ScalarMappable`)."""
    if min(h.min() for h in heatmaps) >= 0:
        return 1, ScalarMappable(Normalize(0, 1), "viridis")
    limit = float(max(np.abs(h).max() for h in heatmaps))
    return limit, ScalarMappable(Normalize(-limit, limit), SIGNED_COLOR_MAP)


def _draw_panels(panels, shape, colors):
    """Draw pictures and heatmaps, two or three in a row, with one color bar."""
    count = 2 if len(panels) in (2, 4) else 3
    num_rows = -(-len(panels) // count)
    titles = [textwrap.fill(name, 29 if count == 3 else 45) for name, _ in panels]  # has room
    heads = 0.33 + 0.23 * max(title.count("\n") for title in titles)
    size = _WIDTH, (0.94 * _WIDTH / count * shape[0] / shape[1] + heads) * num_rows
    figure, grid = _subplots(num_rows, count, figsize=size, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    extent = (0, shape[1], shape[0], 0)
    for axes, title, (_, panel) in zip(grid.flat, titles, panels, strict=False):
        if panel.ndim == 3:
            axes.imshow(panel)
        else:
            smooth = "nearest" if len(panel) < _FINE else "auto"
            axes.imshow(panel, colors.cmap, colors.norm, extent=extent, interpolation=smooth)
        axes.set_title(title, fontsize=_LETTERS)
    bar = figure.colorbar(colors, ax=grid, fraction=0.02, pad=0.01, aspect=30)
    bar.ax.tick_params(labelsize=_LETTERS)
    return figure


def _draw_maps(name, maps, columns, room):
    """Return a title, and all channels as uint8 (rows, cols, 3), at most `room` pixels wide."""
    maps = check_maps(maps)
    height, width, channels = maps.shape
    columns = _num_columns(channels, columns)
    cell = max((room + _GAP) // columns - _GAP, 1)
    factor = -(-width // cell)
    small = shrink_maps(maps, factor)
    values = scale_to_bytes(enlarge_maps(small, max(cell // width, 1)))
    title = f"{name}\n{channels} channels of {height} x {width}"
    if factor > 1:
        end = " " if room > 450 else "\n"
        title += f",{end}averaged to {small.shape[0]} x {small.shape[1]}"
    cells = color_table("viridis")[values // _STEPS * _STEPS]
    return title, lay_out(cells, min(columns, channels), _GAP, 255)


def _num_columns(count, columns):
    """Return how many columns a grid has, by default as many as rows."""
    return int(np.ceil(np.sqrt(count))) if columns is None else check_count("columns", columns)


def _pixel_figure(grids, words, starts=()):
    """Draw [(title, uint8 (rows, cols, 3))] side by side, pixel by pixel: nothing is resampled.

    One picture fills the figure, and the words lie on top of it. `starts` are the numbers of the
    first cells of a single grid's rows.
    """
    margin = _MARGIN if len(starts) > 1 else 0
    top = _LINE * max(title.count("\n") + 1 for title, _ in grids) + 4
    height = top + max(len(grid) for _, grid in grids) + _LINE + 6
    width = margin + sum(grid.shape[1] + _BETWEEN for _, grid in grids) - _BETWEEN
    canvas = np.full((height, max(width, 560), 3), 255, np.uint8)
    size = canvas.shape[1] / _DPI, height / _DPI
    figure = plt.figure(figsize=size, dpi=_DPI)
    plt.close(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    left = margin
    for title, grid in grids:
        canvas[top : top + len(grid), left : left + grid.shape[1]] = grid
        axes.text(left, top - 6, title, fontsize=_LETTERS, verticalalignment="bottom")
        left += grid.shape[1] + _BETWEEN
    axes.text(margin, height - 4, words, fontsize=12, color="dimgray", verticalalignment="bottom")
    for row, start in enumerate(starts if margin else ()):
        middle = top + (row + 0.5) * (len(grids[0][1]) + _GAP) / len(starts)
        align = {"horizontalalignment": "right", "verticalalignment": "center"}
        axes.text(margin - 6, middle, start, fontsize=12, color="dimgray", **align)
    axes.imshow(canvas, interpolation="nearest", aspect="auto")
    return figure


def _subplots(*args, **options):
    """Create a figure and take it out of pyplot's hands, which would show it a second time."""
    figure, axes = plt.subplots(*args, layout="constrained", **options)
    plt.close(figure)
    return figure, axes
