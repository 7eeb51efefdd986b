"""Sliders over the kernels of a first convolution, and over the places where it computes."""

import io
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
import numpy as np
from PIL import Image

from course_utils.backend import keras
from course_utils.display.drawings import numbers_picture
from course_utils.display.pictures import encode_picture
from course_utils.display.tiles import color_table, encode_palette, scale_to_bytes
from course_utils.display.words import describe_products
from course_utils.explorers.base import Explorer
from course_utils.explorers.controls import control, frame, panel
from course_utils.explorers.uploads import page_panel
from course_utils.methods.convolution import first_convolution
from course_utils.networks.classifier import ImageClassifier, runner_of

_MARK = np.array([(255, 255, 255), (230, 0, 120)], np.uint8)  # around a place: inside, outside
_NUMBERS = 420  # pixels across
_TOP = 253  # of a map's values; the mark's follow


class ConvolutionExplorer(Explorer):
    """Choose a kernel and a place, and see how a network's first convolution computes a number.

    A click on the picture or on the feature map chooses a place. Put the explorer on the last line
    of a cell to show it. Its controls are attributes, to set them from Python: `kernel`, `row`,
    `column`, `picture`, `upload`, `colors`.

    Args:
        classifier, image, preprocess_input: As for `LayerExplorer`.

    Raises:
        ValueError: The network does not begin with a convolution over a picture's colors.
    """

    _captions = {"input": "Input", "numbers": "Patch x kernel = products", "map": "Feature map"}
    _controls = ("picture", "kernel", "row", "column", "colors")

    def __init__(
        self,
        classifier: ImageClassifier | keras.Model,
        image: Any,
        preprocess_input: Callable | None = None,
    ):
        super().__init__(runner_of(classifier, preprocess_input).input_size, image)
        self.classifier, self._preprocess = classifier, preprocess_input
        names = "Kernel", "Row", "Column"
        sliders = [control(widgets.IntSlider, name, min=0, max=0) for name in names]
        self.kernel, self.row, self.column = sliders
        self.panels = {"input": page_panel(), "numbers": panel(), "map": page_panel()}
        self._set_picture()
        best = self._found.maps[..., 0].argmax()
        self.row.value, self.column.value = divmod(int(best), self.column.max + 1)
        for changed in (*sliders, self.colors):
            self._react(changed, self._draw)
        for clicked in (self.panels["input"], self.panels["map"]):
            if clicked.has_trait("clicked"):
                clicked.description = "Click to choose a place"
                self._react(clicked, lambda at=clicked: self._choose(*at.clicked[:2]), "clicked")
        self._draw()
        rows = self._picture_row(), *sliders, self.colors, self._picture_columns(numbers=1.2)
        self.widget = frame(*rows, self.words, self.status)

    def _show_picture(self):
        self._found = first_convolution(self.classifier, self._network_image, self._preprocess)
        rows, columns, filters = self._found.maps.shape
        with self._silently():
            self.kernel.max, self.row.max, self.column.max = filters - 1, rows - 1, columns - 1
        self._draw()

    def _choose(self, across, down):
        with self._silently():
            self.row.value = int(down * (self.row.max + 1))
            self.column.value = int(across * (self.column.max + 1))
        self._draw()

    def _draw(self):
        found, (kernel, *place) = (
            self._found,
            (self.kernel.value, self.row.value, self.column.value),
        )
        screen, size = self._screen_image, self._screen_image.shape[:2]
        values = scale_to_bytes(found.maps[..., [kernel]])[0]
        tile = np.asarray(Image.fromarray(values).resize(size[::-1], Image.Resampling.NEAREST))
        tile = np.rint(tile * (_TOP / 255)).astype(np.uint8)
        shades = color_table(self.colors.value)[np.linspace(0, 255, _TOP + 1).round().astype(int)]
        center = [
            int((i + 0.5) * side / length)
            for i, side, length in zip(place, size, found.maps.shape, strict=False)
        ]
        numbers = numbers_picture(found, kernel, *place, width=_NUMBERS)
        buffer = io.BytesIO()
        Image.fromarray(numbers).save(buffer, "PNG", compress_level=1)
        self.panels["input"].value = encode_picture(_mark(screen, center, _MARK))
        self.panels["numbers"].value = buffer.getvalue()
        self.panels["map"].value = encode_palette(
            _mark(tile, center, (_TOP + 1, _TOP + 2)), np.concatenate([shades, _MARK])
        )
        where = f"{found.name}, kernel {kernel}, row {place[0]}, column {place[1]}."
        self._describe(where, describe_products(found, kernel, *place))


def _mark(picture, center, colors):
    """Return a copy of a picture with a frame around a place, in two colors."""
    marked = picture.copy()
    for reach, values in ((9, colors[1]), (7, colors[0]), (5, picture)):
        box = tuple(slice(max(i - reach, 0), i + reach + 1) for i in center)
        marked[box] = values[box] if values is picture else values
    return marked
