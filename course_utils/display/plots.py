"""Matplotlib figures of the chapters. Each function returns its figure, which a notebook shows."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from course_utils.checks import is_whole_number
from course_utils.display.tiles import overlay_heatmap, tile_feature_maps

_WIDTH = 8.0  # inches: what a notebook's text column shows without scaling
_MOST_LAYERS = 6  # side by side
_GRID_DPI = 80  # a grid of feature maps is fine-grained, and a stored notebook must stay small


def plot_predictions(predictions: Sequence, image: NDArray[np.uint8] | None = None) -> Figure:
    """Draw predictions as horizontal bars, with their picture on the left if it is given.

    Args:
        predictions: List of `Prediction`, as `ImageClassifier.top_predictions` returns it.
        image: uint8 (H, W, 3), RGB.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: `predictions` is empty, or not a list of predictions.
    """
    is_list = isinstance(predictions, list | tuple)
    if not is_list or not all(hasattr(prediction, "probability") for prediction in predictions):
        raise ValueError(
            f"Predictions are a list, as top_predictions() returns it, not {predictions!r}."
        )
    if not predictions:
        raise ValueError("There are no predictions to draw: the list is empty.")
    height = 0.6 + 0.36 * len(predictions)
    if image is None:
        figure, axes = _subplots(figsize=(_WIDTH * 0.7, height))
    else:
        figure, (left, axes) = _subplots(
            1, 2, figsize=(_WIDTH, max(height, 2.4)), width_ratios=(1, 1.5)
        )
        _show(left, image, "Input")
    labels = [prediction.label.replace("_", " ") for prediction in predictions]
    bars = axes.barh(range(len(labels)), [p.probability for p in predictions], color="#31688e")
    axes.bar_label(bars, fmt="%.3f", padding=3)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15)  # room for the number beside a full bar
    axes.set_xticks([0, 0.5, 1])
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(f"Probability of the top {len(labels)} classes", fontsize="medium")
    return figure


def plot_kernels(kernels: NDArray, title: str = "Kernels", columns: int = 8) -> Figure:
    """Draw the kernels of a first layer as RGB patches, those of a depthwise layer in gray.

    All kernels share one scale: mid-gray is a weight of 0, black and white (or a full color) are
    the largest magnitude of all.

    Args:
        kernels: (height, width, 3, count), or (height, width, count, 1) for a depthwise layer, as
            `layer.get_weights()[0]` returns them.
        title: str.
        columns: Kernels in a row.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: The kernels read more channels than a picture can show.
    """
    kernels = np.asarray(kernels)
    if kernels.ndim != 4 or (kernels.shape[2] != 3 and kernels.shape[3] != 1):
        raise ValueError(
            "Kernels can be drawn where they read 3 channels, (height, width, 3, count), or one "
            f"each, (height, width, count, 1), not {kernels.shape}."
        )
    if kernels.size == 0 or not np.isfinite(kernels).all():
        raise ValueError(f"The kernels {kernels.shape} hold nothing, or NaN or infinite values.")
    if not is_whole_number(columns, 1):
        raise ValueError(f"columns must be a whole number, 1 or more, not {columns!r}.")
    columns = int(columns)
    kernels = kernels.astype(np.float32)
    patches = 0.5 + 0.5 * kernels / (np.abs(kernels).max() or 1)
    patches = patches.transpose((3, 0, 1, 2) if patches.shape[2] == 3 else (2, 0, 1, 3))
    count, height, width, channels = patches.shape
    rows = -(-count // columns)
    mosaic = np.ones((rows * columns, height + 1, width + 1, channels), np.float32)
    mosaic[:count, :height, :width] = patches
    mosaic = mosaic.reshape(rows, columns, height + 1, width + 1, channels).swapaxes(1, 2)
    mosaic = mosaic.reshape(rows * (height + 1), columns * (width + 1), channels)[:-1, :-1]
    figure, axes = _subplots(
        figsize=(_WIDTH * 0.75, _WIDTH * 0.75 * mosaic.shape[0] / mosaic.shape[1] + 0.4)
    )
    limits = {"vmin": 0, "vmax": 1}
    mosaic = mosaic if channels == 3 else mosaic[..., 0]
    _show(axes, mosaic, f"{title}: {count} of {height} x {width}", "gray", **limits)
    return figure


def plot_feature_maps(
    maps: NDArray | Mapping[str, NDArray], columns: int | None = None, cmap: str = "viridis"
) -> Figure:
    """Draw all channels of one layer, or of several layers side by side.

    Each channel is scaled to its own range, so that brightness compares places within a channel,
    not channels with each other.

    Args:
        maps: Real numbers (height, width, channels), or a dict from layer name to such an array, as
            `get_feature_maps` returns it, of 6 layers at most.
        columns: Channels in a row; None makes the grid about square.
        cmap: matplotlib color map.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: `maps` is empty, has another shape or too many layers, or `columns` is out of
            range.
    """
    layers = maps if isinstance(maps, Mapping) else {"Feature maps": maps}
    if not layers:
        raise ValueError("There are no feature maps to draw: the dict is empty.")
    if len(layers) > _MOST_LAYERS:
        raise ValueError(
            f"{len(layers)} layers are too many for one figure, which has room for {_MOST_LAYERS}. "
            "Choose some: get_feature_maps(classifier, image, classifier.key_layer_names)."
        )
    tiles = {
        name: tile_feature_maps(array, _near_square(array) if columns is None else columns)
        for name, array in layers.items()
    }
    width = _WIDTH / len(tiles)
    height = max(width * tile.shape[0] / tile.shape[1] for tile in tiles.values())
    figure, grid = _subplots(
        1, len(tiles), figsize=(_WIDTH, height + 0.6), dpi=_GRID_DPI, squeeze=False
    )
    for axes, (name, tile) in zip(grid.flat, tiles.items(), strict=True):
        height, width, channels = np.shape(layers[name])
        _show(axes, tile, f"{name}\n{channels} channels of {height} x {width}", cmap)
    return figure


def plot_heatmap(
    image: NDArray[np.uint8],
    heatmaps: NDArray | Mapping[str, NDArray],
    alpha: float = 0.5,
    cmap: str = "viridis",
) -> Figure:
    """Draw Input | Heatmap | Overlay, one row for each heatmap.

    The heatmap is drawn cell by cell as it was computed, the overlay stretches it smoothly.

    Args:
        image: uint8 (H, W, 3), RGB.
        heatmaps: Real numbers (h, w) in [0, 1], or a dict from a row's name to such an array.
        alpha: Opacity of the overlay, in [0, 1].
        cmap: Name of a matplotlib color map.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: There is no heatmap, or one has another shape or range.
    """
    rows = heatmaps if isinstance(heatmaps, Mapping) else {"Heatmap": heatmaps}
    if not rows:
        raise ValueError("There are no heatmaps to draw: the dict is empty.")
    image = np.asarray(image)
    overlays = {name: overlay_heatmap(image, h, alpha, cmap) for name, h in rows.items()}
    height = _WIDTH / 3 * image.shape[0] / image.shape[1] + 0.3
    figure, grid = _subplots(len(rows), 3, figsize=(_WIDTH, height * len(rows)), squeeze=False)
    extent = (0, image.shape[1], image.shape[0], 0)
    for (left, middle, right), (name, heatmap) in zip(grid, rows.items(), strict=True):
        _show(left, image, "Input")
        _show(middle, heatmap, name, cmap, extent, vmin=0, vmax=1)
        _show(right, overlays[name], "Overlay")
    return figure


def _show(axes, picture, title, cmap=None, extent=None, **limits):
    axes.imshow(picture, cmap=cmap, extent=extent, interpolation="nearest", **limits)
    axes.set_title(title, fontsize="medium")
    axes.axis("off")


def _near_square(maps):
    """How many channels of (height, width, channels) in a row make a grid about square."""
    return int(np.ceil(np.sqrt(np.prod(np.shape(maps)[-1:]))))


def _subplots(*args, **options):
    """Create a figure and take it out of pyplot's hands, which would show it a second time."""
    figure, axes = plt.subplots(*args, layout="constrained", **options)
    plt.close(figure)
    return figure, axes
