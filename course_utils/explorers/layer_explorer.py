"""Sliders over the layers and channels of a network."""

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from course_utils.backend import keras
from course_utils.display import pictures, words
from course_utils.display.pictures import PAGE
from course_utils.engine.runner import to_array
from course_utils.explorers.base import Explorer
from course_utils.explorers.controls import control, frame, panel
from course_utils.explorers.uploads import page_panel
from course_utils.networks.classifier import ImageClassifier, runner_of


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
        runner = runner_of(classifier, preprocess_input)
        super().__init__(runner.input_size, image)
        self.classifier, self._runner = classifier, runner
        self._kinds = {call.name: type(call.layer).__name__ for call in runner.graph.calls}
        names, first = list(runner.feature_map_shapes), runner.conv_layer_names[0]
        self.layer = control(widgets.SelectionSlider, "Layer", options=names, value=first)
        self.page = control(widgets.SelectionSlider, "Channels", options=[("0", 0)])
        self.channel = control(widgets.IntSlider, "Channel", min=0, max=0)
        self.panels = {"page": page_panel(), "input": panel(), "channel": panel()}
        self._set_picture()
        self._react(self.layer, self._show_layer)
        self._react(self.page, self._show_page)
        self._react(self.channel, self._show_channel)
        self._react(self.colors, self._draw)
        if self.panels["page"].has_trait("clicked"):
            self._react(self.panels["page"], self._choose_clicked, "clicked")
        controls = [self._picture_row(), self.layer, self.page, self.channel, self.colors]
        self.widget = frame(*controls, self._picture_columns(page=1.6), self.words, self.status)

    def _show_picture(self):
        self.panels["input"].value = pictures.encode_picture(self._screen_image)
        self._show_layer()

    def _show_layer(self):
        name = self.layer.value
        self._maps = to_array(self._runner.all_layers(self._network_image)[name])
        count = self._maps.shape[-1]
        field = self._runner.receptive_fields[name]
        self._layer_words = words.describe_layer(name, self._kinds[name], self._maps, field)
        with self._silently():
            channel = min(self.channel.value, count - 1)
            self.channel.value, self.channel.max = channel, count - 1
            names = words.page_names(count)
            if [label for label, _ in self.page.options] != names:
                self.page.options = [(label, page) for page, label in enumerate(names)]
        self._turn_page(channel // PAGE)

    def _show_page(self):
        """Turn to another page; the channel keeps its place on it."""
        channel = self.page.value * PAGE + self.channel.value % PAGE
        with self._silently():
            self.channel.value = min(channel, self.channel.max)
        self._turn_page(self.page.value)

    def _show_channel(self):
        page = self.channel.value // PAGE
        if page == self.page.value:
            self._draw()
        else:
            self._turn_page(page)

    def _turn_page(self, page):
        with self._silently():
            self.page.value = page
        self._cells = pictures.page_cells(self._maps, page)
        self._draw()

    def _choose_clicked(self):
        across, down, _ = self.panels["page"].clicked
        position = pictures.map_at(across, down, len(self._cells))
        if position is not None:
            self.channel.value = self.page.value * PAGE + position

    def _draw(self):
        channel, cmap, size = self.channel.value, self.colors.value, self._screen_image.shape[:2]
        self.panels["page"].value = pictures.page_png(self._cells, channel % PAGE, cmap)
        self.panels["channel"].value = pictures.channel_png(self._maps, channel, size, cmap)
        self._describe(self._layer_words, words.describe_channel(self._maps, channel))
