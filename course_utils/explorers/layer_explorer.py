"""Sliders over the layers and channels of a network."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import ipywidgets as widgets

from course_utils.backend import keras
from course_utils.display import pictures, words
from course_utils.display.pictures import PAGE
from course_utils.engine.runner import to_array
from course_utils.explorers.base import Explorer
from course_utils.explorers.controls import control
from course_utils.networks.classifier import ImageClassifier


class LayerExplorer(Explorer):
    """Drag through a network's layers and channels, and see what each makes of a picture.

    A click on a feature map chooses its channel.

    Put it on the last line of a cell to show it. Its controls are attributes, to set them from
    Python: `layer`, `page`, `channel`, `picture`, `upload`, `colors`.

    Args:
        classifier: `ImageClassifier`, or any `keras.Model` that is functional or `Sequential`.
        image: The first picture, anything that `load_image` takes.
        preprocess_input: For a `keras.Model`: function from float32 RGB (N, h, w, 3) in [0, 255] to
            its input. An `ImageClassifier` has its own.
    """

    _captions = {"page": "Feature maps", "input": "Input", "channel": "One channel"}
    _controls = ("picture", "layer", "page", "channel", "colors")

    def __init__(
        self,
        classifier: ImageClassifier | keras.Model,
        image: Any,
        preprocess_input: Callable | None = None,
    ):
        super().__init__(classifier, image, preprocess_input)
        calls = self._runner.graph.calls
        self._kinds = {call.name: type(call.layer).__name__ for call in calls}
        names, first = list(self._runner.feature_map_shapes), self._runner.conv_layer_names[0]
        self.layer = control(widgets.SelectionSlider, "Layer", options=names, value=first)
        self.page = control(widgets.SelectionSlider, "Channels", options=[("0", 0)])
        self.channel = control(widgets.IntSlider, "Channel", min=0, max=0)
        self._react_to_click("page", "Click a feature map to choose its channel", self._choose_map)
        self._set_picture()
        self._react(self._show_layer, self.layer)
        self._react(self._turn_page, self.page)
        self._react(self._draw, self.channel, self.colors)
        self._lay_out(self.layer, self.page, self.channel, self.colors, width=220, page=1.6)

    def _show_picture(self):
        self.panels["input"].value = pictures.encode_picture(self._screen_image)
        self._show_layer()

    def _show_layer(self):
        name = self.layer.value
        self._maps = to_array(self._runner.all_layers(self._network_image)[name])
        self._page_cells = cache(partial(pictures.page_cells, self._maps))
        count = self._maps.shape[-1]
        field = self._runner.receptive_fields[name]
        self._layer_words = words.describe_layer(name, self._kinds[name], self._maps, field)
        names = enumerate(words.page_names(count))
        with self._silently():
            self.channel.value, self.channel.max = min(self.channel.value, count - 1), count - 1
            self.page.options = [(name, page) for page, name in names]
        self._draw()

    def _turn_page(self):
        """Choose the channel that has the same place on another page."""
        channel = self.page.value * PAGE + self.channel.value % PAGE
        self.channel.value = min(channel, self.channel.max)

    def _choose_map(self, across, down):
        first = self.page.value * PAGE
        position = pictures.map_at(across, down, min(self.channel.max + 1 - first, PAGE))
        if position is not None:
            self.channel.value = first + position

    def _draw(self):
        channel, cmap, size = self.channel.value, self.colors.value, self._screen_image.shape[:2]
        page, position = divmod(channel, PAGE)
        with self._silently():
            self.page.value = page
        self.panels["page"].value = pictures.page_png(self._page_cells(page), position, cmap)
        self.panels["channel"].value = pictures.channel_png(self._maps, channel, size, cmap)
        self._describe(self._layer_words, words.describe_channel(self._maps, channel))
