"""Drawings that explain, made of real arrays: a network, a convolution, Grad-CAM.

A drawing is 640 pixels wide, and its letters are large enough for a telephone.
"""

import textwrap
from collections.abc import Callable, Iterable

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from course_utils.backend import keras
from course_utils.display.stills import INK
from course_utils.display.tiles import SIGNED_COLOR_MAP, color_table, overlay_heatmap, to_gray
from course_utils.engine.graph import trace_calls
from course_utils.engine.runner import to_array
from course_utils.io.images import load_image
from course_utils.methods.class_activation import grad_cam
from course_utils.methods.convolution import COLORS, Convolution, first_convolution
from course_utils.methods.scaling import scale_to_unit
from course_utils.networks.classifier import ImageClassifier, runner_of

_WIDTH = 640
_DPI = 100
_INK, _PALE, _LIT = "#333333", "#b9c4cf", "#d06000"
_FONT = 13.5  # points: 19 pixels, 10 of them on a telephone


def draw_network(network: ImageClassifier | keras.Model, layer_names: Iterable[str]) -> Figure:
    """Draw all layers of a network as a river, and where on it you are.

    A layer is a slab, as high as its feature maps and as thick as its channels are many.

    Args:
        network: `ImageClassifier`, or a functional or `Sequential` `keras.Model`.
        layer_names: The layers that are lit and named.

    Raises:
        ValueError: The network has no layer of such a name.
    """
    shapes, lit = _layer_shapes(network), set(layer_names)
    names = list(shapes)
    if unknown := lit - set(names):
        raise ValueError(f"No layer is called {sorted(unknown)}. There are {', '.join(names)}.")
    axes = _canvas()
    _write(axes, 4, 14, "You are here", color=_LIT, align="left", weight="bold")
    words = f"{network.name}: {len(names)} layers, left to right"
    _write(axes, _WIDTH - 4, 14, words, align="right")
    slabs = _river(axes, shapes, lit, (0, 60, _WIDTH, 150))
    sides = [shape[0] if len(shape) == 3 else "" for shape in shapes.values()]
    for run in _runs(sides):
        _write(axes, slabs[run, 0].mean(), 45, sides[run[0]])
    ends = [-1.0]  # of the rows of names
    for run in _runs([name in lit for name in names]):
        if names[run[0]] in lit:
            text = names[run[0]] + (f" to {names[run[-1]]}" if len(run) > 1 else "")
            half, (middle, bottom) = 5.8 * len(text), slabs[run].mean(axis=0)
            at = min(max(middle, half), _WIDTH - half)
            row = next((i for i, end in enumerate(ends) if at - half > end), len(ends))
            ends[row : row + 1] = [at + half + 10]
            axes.plot((middle, middle), (bottom, 170 + 28 * row), color=_LIT, linewidth=1)
            _write(axes, at, 182 + 28 * row, text, color=_LIT, weight="bold")
    return _finish(axes, 170 + 28 * len(ends))


def _runs(values):
    """Return the places of equal values that stand side by side, as lists."""
    places = range(len(values))
    starts = [i for i in places if i == 0 or values[i] != values[i - 1]]
    return [list(places[i:end]) for i, end in zip(starts, [*starts[1:], None], strict=True)]


def _layer_shapes(network):
    """Return {layer: the shape of its output, without the batch}."""
    is_wrapped = isinstance(network, ImageClassifier)
    graph = runner_of(network).graph if is_wrapped else trace_calls(network)
    flat = keras.layers.Flatten, keras.layers.Dropout
    calls = [call for call in graph.calls if not isinstance(call.layer, flat)]
    return {call.name: tuple(call.output.shape[1:]) for call in calls}


def _river(axes, shapes, lit, box):
    """Draw layers as slabs in a box (left, top, right, bottom); return their (center, bottom)."""
    left, top, right, bottom = box
    sides = np.array([shape[0] if len(shape) == 3 else 1 for shape in shapes.values()])
    channels = np.array([shape[-1] for shape in shapes.values()])
    step = (right - left) / len(shapes)
    heights = (bottom - top) * (0.12 + 0.88 * np.sqrt(sides / sides.max()))
    widths = step * (0.16 + 0.7 * np.sqrt(channels / channels.max()))
    centers = left + step * (np.arange(len(shapes)) + 0.5)
    for name, center, width, height in zip(shapes, centers, widths, heights, strict=True):
        corner = center - width / 2, (top + bottom - height) / 2
        axes.add_patch(
            Rectangle(corner, width, height, color=_LIT if name in lit else _PALE, linewidth=0)
        )
    return np.column_stack([centers, (top + bottom + heights) / 2])


def draw_convolution(
    network: ImageClassifier | keras.Model,
    image: NDArray[np.uint8],
    filter_index: int,
    row: int,
    column: int,
    preprocess_input: Callable | None = None,
) -> Figure:
    """Draw how a network's first convolution computes one number, a row of them, a feature map.

    Args:
        network: `ImageClassifier`, or a `keras.Model` with its `preprocess_input`.
        image: uint8 (H, W, 3), RGB.
        filter_index: Which kernel.
        row, column: The place on the feature map.
        preprocess_input: See `LayerExplorer`.

    Raises:
        ValueError: The network does not begin with a convolution over colors.
    """
    found = first_convolution(network, image, preprocess_input)
    photo = load_image(image, runner_of(network, preprocess_input).input_size)
    feature_map, limits = (
        found.maps[..., filter_index],
        (found.maps[..., filter_index].min(), found.maps[..., filter_index].max()),
    )
    (top, height), (left, width) = (
        (window.start + place * window.step, window.size)
        for window, place in zip(found.windows, (row, column), strict=True)
    )
    axes = _canvas()
    _write(axes, 0, 14, f"1. A patch of {height} x {width} pixels", align="left")
    rim = np.pad(photo, ((height, height), (width, width), (0, 0)))
    patch = rim[top + height : top + 2 * height, left + width : left + 2 * width]
    scale = 280 / photo.shape[1]
    _picture(axes, photo, 0, 32, 280)
    _picture(axes, patch, 400, 72, 200)
    _frame(axes, left * scale, 32 + top * scale, width * scale, height * scale)
    for near, far in ((top, 72), (top + height, 272)):
        axes.plot(((left + width) * scale, 400), (32 + near * scale, far), color=_LIT, linewidth=1)
    y = 62 + 280 * photo.shape[0] / photo.shape[1]
    _write(axes, 0, y, "2. Times the kernel, number by number", align="left")
    numbers = numbers_picture(found, filter_index, row, column, _WIDTH)
    _picture(axes, numbers, 0, y + 16, _WIDTH)
    y += numbers.shape[0] + 44
    words = textwrap.fill(f"3. {sum_words(found, filter_index, row, column)}", 58)
    _write(axes, 0, y, words, align="left")
    so_far = feature_map.copy()
    so_far[row, column + 1 :] = so_far[row + 1 :] = np.nan
    y += 58
    for number, (title, panel) in enumerate(
        {
            f"one number: {_short(feature_map[row, column])}": feature_map[row, None, column, None],
            "row by row": so_far,
            "the feature map": feature_map,
        }.items()
    ):
        x = 220 * number
        _write(axes, x + 100, y, title)
        _picture(axes, panel, x, y + 16, 200, limits)
        if number:
            across, down = 200 / feature_map.shape[1], 200 / feature_map.shape[1]
            _frame(axes, x + column * across - 4, y + 16 + row * down - 4, 8 + across, 8 + down)
    return _finish(axes, y + 222)


def numbers_picture(
    convolution: Convolution, filter_index: int, row: int, column: int, width: int
) -> NDArray[np.uint8]:
    """Draw a patch, a kernel and their products as tables of numbers, uint8 (height, width, 4)."""
    patch, kernel = convolution.patch(row, column), convolution.kernels[..., filter_index]
    rows, columns, channels = patch.shape
    cell = int(width / (3 * columns + 2.6))
    high, gap = int(0.62 * cell), cell // 5
    font = ImageFont.load_default(0.36 * cell)
    picture = Image.new(
        "RGBA", (width, 2 * gap + channels * (rows * high + gap) + high), (118, 118, 118, 0)
    )
    draw = ImageDraw.Draw(picture)
    low, top = convolution.inputs.min(axis=(0, 1)), convolution.inputs.max(axis=(0, 1))
    shades = (patch - low) / (top - low)
    mixing = [[name in (color, "gray") for color in COLORS] for name in convolution.colors]
    tables = [("patch", patch, shades[..., np.newaxis] * mixing * 255)]
    for title, values in ("x  kernel", kernel), ("=  products", patch * kernel):
        part = values / (np.abs(values).max() or 1)
        tables.append(
            (
                title,
                values,
                color_table(SIGNED_COLOR_MAP)[np.rint(127.5 + 127.5 * part).astype(int)],
            )
        )
    for number, (title, values, colors) in enumerate(tables):
        left = int((1.2 + number * (columns + 0.7)) * cell)
        draw.text((left + columns * cell / 2, high / 2), title, INK, font, anchor="mm")
        largest = np.abs(values).max()
        digits = 2 if largest < 10 else 1 if largest < 100 else 0
        for i, j, c in np.ndindex(values.shape):
            x, y = left + j * cell, high + gap + c * (rows * high + gap) + i * high
            color = tuple(int(v) for v in colors[i, j, c])
            draw.rectangle((x, y, x + cell - 2, y + high - 2), color)
            ink = "black" if np.dot(color, (0.3, 0.6, 0.1)) > 110 else "white"
            text = f"{round(float(values[i, j, c]), digits) + 0.0:.{digits}f}"
            draw.text((x + cell / 2 - 1, y + high / 2 - 1), text, ink, font, anchor="mm")
    for c, name in enumerate(convolution.colors):
        y = high + gap + c * (rows * high + gap) + rows * high / 2
        draw.text((0, y), name, INK, font, anchor="lm")
    return np.asarray(picture)


def sum_words(convolution: Convolution, filter_index: int, row: int, column: int) -> str:
    """Say in words how the number at one place of a feature map comes about."""
    products = convolution.patch(row, column) * convolution.kernels[..., filter_index]
    total, bias = float(products.sum()), float(convolution.bias[filter_index])
    words = f"The {products.size} products sum to {_short(total)}"
    if convolution.bias.any():
        words += f"; the bias, {_short(bias)}, makes it {_short(total + bias)}"
    if convolution.relu:
        words += f", and the ReLU {_short(max(total + bias, 0))}"
    return words + "."


def _short(number):
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"


def draw_grad_cam(
    classifier: ImageClassifier,
    image: NDArray[np.uint8],
    class_index: int | None = None,
    layer_name: str | None = None,
) -> Figure:
    """Draw Grad-CAM's four steps with the maps and weights of a real picture.

    Args:
        classifier, image, class_index, layer_name: As in `make_gradcam_heatmap`.

    Raises:
        ValueError: As there.
    """
    runner = runner_of(classifier)
    image, class_index = runner.check_request(image, class_index)
    layer_name = runner.check_layer_name(layer_name)
    class_index = runner.first_ranked(image) if class_index is None else class_index
    maps, gradients = map(to_array, runner.maps_and_gradients(image, layer_name, class_index))
    logit = to_array(runner.logits_of(image))[class_index]
    weights, summed = gradients.mean(axis=(0, 1)), grad_cam(maps, gradients)
    heatmap = scale_to_unit(np.maximum(summed, 0))
    order = np.argsort(weights * maps.mean(axis=(0, 1)))
    chosen = [*order[:-4:-1], order[0]]
    axes = _canvas()
    side = 130 * image.shape[0] / image.shape[1]
    _write(axes, 0, 14, "1. Forward: the picture, the layer's maps, the logit", align="left")
    _picture(axes, image, 0, 40, 130)
    shapes = _layer_shapes(classifier)
    slabs = _river(axes, shapes, {layer_name}, (170, 40, 430, 40 + side))
    at, middle = slabs[list(shapes).index(layer_name), 0], 40 + side / 2
    _arrow(axes, (134, middle), (166, middle))
    _arrow(axes, (434, middle), (466, middle))
    name = classifier.class_names[class_index].replace("_", " ")
    _write(axes, 472, middle, f"{name}\n{logit:.1f}", align="left", weight="bold")
    y = 40 + side + 22
    _write(axes, at - 8, y, layer_name, color=_LIT, align="right", weight="bold")
    _arrow(axes, (500, y), (at, y), _LIT)
    _write(axes, 506, y, "gradient", color=_LIT, align="left", weight="bold")
    words = (
        f"2. Back: the logit's gradient, averaged over each of the\n{len(weights)} maps, is that "
        "map's weight (four of the maps)"
    )
    _write(axes, 0, y + 46, words, align="left")
    y += 80
    for number, channel in enumerate(chosen):
        x = 165 * number
        _picture(
            axes, maps[..., channel], x, y, 140, (0, maps[..., chosen].max()), shape=image.shape
        )
        words = f"x {weights[channel]:.2g}" + " +" * (number < 3)
        _write(axes, x + 70, y + side + 24, words, color=_LIT, weight="bold")
    y += side + 74
    steps = [
        ("3. Weighted sum", summed, SIGNED_COLOR_MAP, np.abs(summed).max()),
        ("4. ReLU", heatmap, "viridis", 1),
        ("on the picture", overlay_heatmap(to_gray(image), heatmap), None, 1),
    ]
    for number, (words, panel, cmap, limit) in enumerate(steps):
        left = 225 * number
        _write(axes, left, y, words, align="left")
        _picture(
            axes, panel, left, y + 18, 190, (-limit if number == 0 else 0, limit), cmap, image.shape
        )
        if number:
            _arrow(axes, (left - 32, y + 80), (left - 4, y + 80))
    return _finish(axes, y + 20 + 190 * image.shape[0] / image.shape[1])


def _canvas():
    """Return axes in pixels from the upper left corner; `_finish` says how far they reach down."""
    figure = plt.figure(dpi=_DPI)
    plt.close(figure)  # a notebook would show it a second time
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_autoscale_on(False)
    axes.axis("off")
    return axes


def _finish(axes, height):
    axes.set(xlim=(0, _WIDTH), ylim=(height, 0), aspect="auto")
    axes.figure.set_size_inches(_WIDTH / _DPI, height / _DPI)
    return axes.figure


def _picture(axes, values, left, top, width, limits=(0, 255), cmap="viridis", shape=None):
    """Draw a picture or a map, of its own proportions or those of `shape`."""
    height = width * np.divide(*(shape or values.shape)[:2])
    extent = left, left + width, top + height, top
    axes.imshow(
        values, cmap, vmin=limits[0], vmax=limits[1], extent=extent, interpolation="nearest"
    )


def _frame(axes, left, top, width, height):
    axes.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor=_LIT, linewidth=1.5))


def _arrow(axes, start, end, color=_INK):
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": color, "linewidth": 2})


def _write(axes, x, y, text, color=_INK, size=_FONT, align="center", **options):
    options |= {"color": color, "fontsize": size, "ha": align, "va": "center"}
    axes.text(x, y, text, **options)
