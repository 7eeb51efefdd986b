"""Drawings that explain, made of real arrays: 640 pixels wide, with letters for a telephone."""

import textwrap
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from course_utils.arguments import check_count, did_you_mean
from course_utils.backend import keras
from course_utils.display import tiles
from course_utils.display.charts import numbers_picture
from course_utils.display.pictures import stretch
from course_utils.display.words import describe_products
from course_utils.engine.graph import trace_calls
from course_utils.engine.runner import to_array
from course_utils.io.images import load_image
from course_utils.methods.class_activation import grad_cam, make_gradcam_heatmap
from course_utils.methods.convolution import first_convolution
from course_utils.networks.classifier import ImageClassifier, runner_of

_INK, _PALE, _LIT = "#333333", "#b9c4cf", "#d06000"
_LETTERS = {"font.size": 13.5, "axes.titlesize": 13.5, "figure.titlesize": 13.5}
_ARROW = {"arrowstyle": "-|>", "linewidth": 2}


def draw_network(network: ImageClassifier | keras.Model, layer_names: Iterable[str]) -> Figure:
    """Draw a network as a river of slabs, with the layers named lit: you are here.

    A slab is as high as its layer's feature maps and as thick as their number. Above it stands the
    height of the maps, in their own pixels.

    Args:
        network: `ImageClassifier`, or a functional or `Sequential` `keras.Model`.
        layer_names: Those that are lit and named, four at most.

    Raises:
        ValueError: There is no such layer.
    """
    shapes, lit = _layer_shapes(network), list(layer_names)
    for name in lit:
        if name not in shapes:
            raise ValueError(f"No layer is called {name!r}. {did_you_mean(name, shapes)}".strip())
    half = len(shapes) / 2
    places = sorted((list(shapes).index(name) for name in lit), key=lambda i: abs(i - half))
    ground = {"fc": "white", "ec": "none", "pad": 1}  # no line goes through a name
    style = {"color": _LIT, "weight": "bold", "va": "center", "bbox": ground}

    def draw(axes):
        _draw_river(axes, shapes, lit)
        sides = [side for side, _ in shapes.values()]
        starts = [i for i in range(len(sides)) if i == 0 or sides[i] != sides[i - 1]]
        for start, end in pairwise([*starts, len(sides)]):
            if sides[start] > 1 and end - start > len(sides) / 25:  # or else numbers would collide
                axes.text(start - 0.4, 0.56, sides[start])
        for row, i in enumerate(places):  # the outermost is the lowest
            y = -0.76 - 0.2 * row
            axes.plot((i, i), (-0.5, y + 0.1), color=_LIT)
            share = i / len(shapes)
            align = "left" if share < 0.2 else "right" if share > 0.8 else "center"
            axes.text(i, y, list(shapes)[i], ha=align, **style)
        axes.set_ylim(-0.7 - 0.2 * len(places), 0.7)

    words = f"{network.name}, from left to right. You are here:"
    return _draw([(1.7 + 0.24 * len(places), words, [("", draw)])])


def _layer_shapes(network):
    """Return {layer: (height, number) of its feature maps}; a vector's height is 1."""
    is_wrapped = isinstance(network, ImageClassifier)
    graph = runner_of(network).graph if is_wrapped else trace_calls(network)
    passive = keras.layers.Flatten, keras.layers.Dropout
    calls = [call for call in graph.calls if not isinstance(call.layer, passive)]
    shapes = {call.name: call.output.shape[1:] for call in calls}
    return {name: (shape[0] if len(shape) == 3 else 1, shape[-1]) for name, shape in shapes.items()}


def _draw_river(axes, shapes, lit):
    sides, channels = np.array([*shapes.values()]).T
    heights = 0.12 + 0.88 * np.sqrt(sides / sides.max())
    widths = 0.16 + 0.7 * np.sqrt(channels / channels.max())
    colors = [_LIT if name in lit else _PALE for name in shapes]
    edges = [2 * (name in lit) for name in shapes]  # however thin, what is lit is seen
    style = {"color": colors, "edgecolor": _LIT, "linewidth": edges}
    axes.bar(range(len(shapes)), heights, widths, -heights / 2, **style)
    axes.margins(x=0.01)


def draw_convolution(
    network: ImageClassifier | keras.Model,
    image: NDArray[np.uint8],
    filter_index: int,
    row: int,
    column: int,
    preprocess_input: Callable | None = None,
) -> Figure:
    """Draw how a network's first convolution makes one number, then rows of them, then a map.

    Args:
        network, preprocess_input: As for `LayerExplorer`.
        image: uint8 (H, W, 3), RGB.
        filter_index: Which kernel.
        row, column: The place on the feature map.

    Raises:
        ValueError: The network does not begin with a convolution over colors, or there is no such
            kernel or place.
    """
    found = first_convolution(network, image, preprocess_input)
    asked = {"row": row, "column": column, "filter_index": filter_index}
    for (name, value), count in zip(asked.items(), found.maps.shape, strict=True):
        check_count(name, value, 0, count - 1)
    runner = runner_of(network, preprocess_input)
    photo, windows = load_image(image, runner.input_size), runner.receptive_windows[found.name]
    values = found.maps[..., filter_index]
    so_far = values.copy()
    so_far[row, column + 1 :] = so_far[row + 1 :] = np.nan
    top, left = (w.start + w.step * i for w, i in zip(windows, (row, column), strict=True))
    pixels, number = (left, top, *found.kernels.shape[1::-1]), (column, row, 1, 1)
    tables = np.split(numbers_picture(found, filter_index, row, column), 3, axis=1)
    titled = zip(("patch", "x  kernel", "=  products"), tables, strict=True)
    words = f"2. Number by number, in {', '.join(found.colors)}"
    views = [("", partial(_draw_place, photo, pixels, margin)) for margin in (None, 1)]
    maps = [
        ("one number", partial(_draw_place, values, number, 4)),
        ("row by row", partial(_draw_place, so_far, number)),
        ("the feature map", partial(_draw_place, values, number)),
    ]
    rows = [
        (2.6, "1. A patch of the picture", views),
        (1 + len(found.colors), words, list(titled)),
        (2.8, f"3. {describe_products(found, filter_index, row, column)}", maps),
    ]
    return _draw(rows)


def _draw_place(values, box, margin=None, axes=None):
    """Draw a box (left, top, width, height) on a picture or map, zoomed if there is a margin."""
    (left, top), (width, height) = np.subtract(box[:2], 0.5), box[2:]
    axes.imshow(values)
    rim = 0 if margin else len(values) / 45  # or else a box would be a dot
    size = width + 2 * rim, height + 2 * rim
    axes.add_patch(plt.Rectangle((left - rim, top - rim), *size, fill=False, ec=_LIT, linewidth=2))
    if margin:
        axes.set_xlim(left - margin, left + width + margin)
        axes.set_ylim(top + height + margin, top - margin)


def draw_grad_cam(
    classifier: ImageClassifier,
    image: NDArray[np.uint8],
    class_index: int,
    layer_name: str | None = None,
) -> Figure:
    """Draw Grad-CAM's four steps with a picture's real maps.

    Args:
        classifier, image, class_index, layer_name: As in `make_gradcam_heatmap`.
    """
    runner = runner_of(classifier)
    heatmap = make_gradcam_heatmap(classifier, image, class_index, layer_name)
    layer_name, shapes = runner.check_layer_name(layer_name), _layer_shapes(classifier)
    maps, gradients = map(to_array, runner.maps_and_gradients(image, layer_name, class_index))
    weights, summed = gradients.mean(axis=(0, 1)), grad_cam(maps, gradients)
    order = np.argsort(-weights * maps.mean(axis=(0, 1)))
    name = classifier.class_names[class_index].replace("_", " ")
    logit = to_array(runner.logits_of(image))[class_index]
    enlarge = partial(stretch, size=image.shape[:2])

    def draw_run(axes):
        place, end = list(shapes).index(layer_name), len(shapes)
        _draw_river(axes, shapes, [layer_name])
        axes.annotate("", (end, 0.7), (0, 0.7), arrowprops={**_ARROW, "color": _INK})
        axes.annotate("", (place, -0.9), (1.1 * end, -0.9), arrowprops={**_ARROW, "color": _LIT})
        axes.text(place, -0.9, f"2. Back, to {layer_name} ", ha="right", va="center", color=_LIT)
        axes.text(1.02 * end, 0, f"{name}\n{logit:.1f}", va="center")
        axes.set(xlim=(0, 1.5 * end), ylim=(-1, 0.75))

    overlay = tiles.overlay_heatmap(tiles.to_gray(image), heatmap)
    chosen = [(f"x {weights[i]:.2g}", enlarge(maps[..., i])) for i in (*order[:3], order[-1])]
    total = f"4. Sum of all {len(weights)}", enlarge(tiles.signed_colors(summed))
    rows = [
        (1.9, "1. Forward, to the logit", [("", image), ("", draw_run)]),
        (1.9, "3. Average: a map's weight is the mean of its gradient", chosen),
        (1.8, "", [total, ("→ ReLU", enlarge(heatmap)), ("→ overlay", overlay)]),
    ]
    return _draw(rows)


def draw_strip(
    pictures: Sequence[NDArray[np.uint8]], values: Sequence[float], words: str
) -> Figure:
    """Draw pictures side by side, and above them as a curve what a network says of each.

    Args:
        pictures: Five or so, uint8 (H, W, 3).
        values: As many, or more that lie evenly between the first picture's and the last one's.
        words: What the values are.
    """
    steps = np.linspace(0, len(pictures) - 1, len(values))

    def draw(axes):
        axes.plot(steps, values, color=_LIT, linewidth=2)
        for i in range(len(pictures)):
            value = np.interp(i, steps, values)
            text = f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"
            axes.plot(i, value, "o", color=_LIT)
            axes.annotate(text, (i, value), (0, 8), textcoords="offset points", ha="center")
        axes.set_xlim(-0.5, len(pictures) - 0.5)
        axes.margins(y=0.25)

    return _draw([(2.1, words, [("", draw)]), (1.2, "", [("", picture) for picture in pictures])])


def draw_waves(image: NDArray[np.uint8]) -> Figure:
    """Draw a picture as a sum of waves, and how strong those of each length are.

    The waves are those of the gray picture's Fourier transform, the strongest first.

    Args:
        image: uint8 (H, W, 3).
    """
    gray = tiles.to_gray(image)[..., 0].astype(float)
    waves = np.fft.fft2(gray - gray.mean())
    ranks = np.argsort(np.argsort(-np.abs(waves), axis=None)).reshape(gray.shape)  # two a wave

    def add(first, last):
        return np.fft.ifft2(np.where((ranks >= 2 * first) & (ranks < 2 * last), waves, 0)).real

    def draw(axes):
        cycles = [np.fft.fftfreq(length, 1 / length) for length in gray.shape]
        frequency = np.rint(np.hypot(cycles[0][:, np.newaxis], cycles[1])).astype(int).ravel()
        strength = np.bincount(frequency, np.abs(waves).ravel()) / np.bincount(frequency)
        shown = np.arange(1, min(gray.shape) // 2)
        axes.loglog(shown, strength[shown] / strength[1], color=_LIT, linewidth=2)
        axes.loglog(shown, 1 / shown, "--", color=_INK)
        axes.axis("on")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter("{x:g}")
        axes.set_xlabel("waves across the picture")

    few = [("one wave", add(0, 1)), ("another", add(1, 2)), ("their sum", add(0, 2))]
    many = [(f"{n:,} waves", add(0, n)) for n in (20, 500, 10_000)]
    spectrum = "The faster a wave, the weaker (dashed: 1/f)"
    return _draw([(1.9, "", few), (1.9, "", many), (2.4, spectrum, [("", draw)])], "gray")


def _draw(rows, cmap="viridis"):
    """Draw rows (height in inches, heading, [(title, picture, map or function of axes)])."""
    heights = [height for height, _, _ in rows]
    with plt.rc_context({**_LETTERS, "image.cmap": cmap}):
        figure = plt.figure(figsize=(6.4, sum(heights)), dpi=100, layout="constrained")
        plt.close(figure)  # a notebook would show it a second time
        parts = np.atleast_1d(figure.subfigures(len(rows), height_ratios=heights))
        for part, (_, heading, cells) in zip(parts, rows, strict=True):
            part.suptitle(textwrap.fill(heading, 60), x=0, ha="left")
            shares = [1 + (len(cells) == 2 and callable(content)) for _, content in cells]
            panels = np.atleast_1d(part.subplots(1, len(cells), width_ratios=shares))
            for axes, (title, content) in zip(panels, cells, strict=True):
                axes.axis("off")
                axes.set_title(title)
                content(axes=axes) if callable(content) else axes.imshow(content)
    return figure
