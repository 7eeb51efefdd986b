"""Sliders over the kernels of a first convolution, and over the places where it computes."""

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from course_utils.backend import keras
from course_utils.display import pictures, words
from course_utils.display.charts import numbers_picture
from course_utils.display.tiles import color_table, scale_to_bytes
from course_utils.explorers.base import Explorer
from course_utils.explorers.controls import control
from course_utils.methods.convolution import first_convolution
from course_utils.networks.classifier import ImageClassifier


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
        super().__init__(classifier, image, preprocess_input)
        self._preprocess = preprocess_input
        names = "Kernel", "Row", "Column"
        sliders = [control(widgets.IntSlider, name, min=0, max=0) for name in names]
        self.kernel, self.row, self.column = sliders
        for name in ("input", "map"):
            self._react_to_click(name, "Click to choose a place", self._choose)
        self._set_picture()
        best = self._found.maps[..., 0].argmax()
        self.row.value, self.column.value = divmod(int(best), self.column.max + 1)
        self._react(self._draw, *sliders, self.colors)
        self._draw()
        self._lay_out(*sliders, self.colors, numbers=1.2)

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
        found, screen = self._found, self._screen_image
        kernel, row, column = self.kernel.value, self.row.value, self.column.value
        rows, columns, _ = found.maps.shape
        place = (row + 0.5) / rows, (column + 0.5) / columns
        cells = color_table(self.colors.value)[scale_to_bytes(found.maps[..., [kernel]])[0]]
        shown = pictures.stretch(cells, screen.shape[:2])
        numbers = numbers_picture(found, kernel, row, column, width=420)
        self.panels["input"].value = pictures.mark_place(screen, *place)
        self.panels["numbers"].value = pictures.encode_picture(numbers)
        self.panels["map"].value = pictures.mark_place(shown, *place)
        where = f"{found.name}, kernel {kernel}, row {row}, column {column}."
        self._describe(where, words.describe_products(found, kernel, row, column))
