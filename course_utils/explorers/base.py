"""What all explorers have: a row of pictures, colors, sentences, a still picture."""

import html
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar

import ipywidgets as widgets
import numpy as np

from course_utils.display.pictures import screen_picture
from course_utils.display.stills import still_picture
from course_utils.display.tiles import COLOR_MAPS
from course_utils.explorers import controls
from course_utils.explorers.uploads import Page, upload_button, uploaded_picture
from course_utils.io.images import ImageError, load_image, sample_image_names
from course_utils.networks.classifier import runner_of

_GIVEN = "this picture"  # the name of one that isn't a sample
_ON_COLAB = (
    "Colab drops uploads over 1 MB without a word. Save a smaller copy, or put the file beside the "
    "notebook and give load_image('its name') to the explorer."
)


class Explorer:
    """Connects controls to pictures and sentences; `display` makes these.

    A subclass has `_captions` (of its panels), `_controls` (the names of those that a still picture
    shows) and `_show_picture`. Once its controls are there, it calls `_set_picture` and `_lay_out`.

    Args:
        classifier, image, preprocess_input: As for `LayerExplorer`.
    """

    widget: widgets.Widget
    _captions: dict[str, str]
    _controls: ClassVar[tuple[str, ...]]

    def __init__(self, classifier: Any, image: Any, preprocess_input: Callable | None = None):
        self.classifier = classifier
        self._runner = runner_of(classifier, preprocess_input)
        self._quiet = False
        self._lock = threading.RLock()  # threads show results, too
        size = self._runner.input_size
        given, samples = _resize(load_image(image), size), _samples(size)
        same = (name for name, (small, _) in samples.items() if np.array_equal(small, given[0]))
        self._chosen = next(same, _GIVEN)
        # For the network and for the screen; read now, so that a sample shows twice as fast later.
        self._pictures = dict(samples) if self._chosen in samples else {_GIVEN: given, **samples}
        self.picture = controls.buttons("Picture", list(self._pictures))
        self.picture.value = self._chosen
        self.upload = upload_button()
        self.colors = controls.buttons("Colors", COLOR_MAPS)
        self.panels = {name: controls.panel() for name in self._captions}
        self.words = widgets.HTML()
        self.status = widgets.HTML()
        self._below: list[widgets.Widget] = [self.words, self.status]
        self._react(self._set_picture, self.picture)
        self._react(self._read_upload, self.upload)

    def wait(self) -> None:
        """Wait until everything asked for is shown."""

    def _show_picture(self):
        raise NotImplementedError

    def _react(self, function, *changing, trait="value"):
        """Call `function()` when the user changes a control; its errors show in the status line."""

        def changed(_):
            if self._quiet:
                return
            self._say("")
            with self._lock:
                try:
                    function()
                except ImageError as error:  # written for the reader
                    self._say(str(error), problem=True)
                except Exception as error:
                    self._say_unexpected(error)
                    raise

        for control in changing:
            control.observe(changed, trait)

    def _react_to_click(self, name, hint, choose):
        """Call `choose(across, down)` when a panel is clicked: shares of its width and height."""
        if not controls.on_colab():  # see `uploads`
            page = self.panels[name] = controls.panel(Page, description=hint)
            self._react(lambda: choose(*page.clicked[:2]), page, trait="clicked")

    @contextmanager
    def _silently(self) -> Iterator[None]:
        """Change controls without a reaction to it."""
        self._quiet, before = True, self._quiet
        try:
            yield
        finally:
            self._quiet = before

    def _say(self, text, problem=False):
        color = "#de3050" if problem else "inherit"  # a red for light pages and dark ones
        style = f"color: {color}; min-height: 1.5em; line-height: 1.5"
        self.status.value = f'<div role="status" style="{style}">{html.escape(text)}</div>'

    def _say_unexpected(self, error):
        self._say(f"Unexpected {type(error).__name__}: {error}", problem=True)

    def _describe(self, *sentences):
        self._sentence = " ".join(sentences)
        style = "line-height: 1.5; max-width: 90ch"
        self.words.value = f'<div style="{style}">{html.escape(self._sentence)}</div>'

    # Pictures

    def _read_upload(self):
        if not self.upload.value:
            return
        name, image = uploaded_picture(self.upload.value)
        self._pictures[name] = _resize(image, self._runner.input_size)
        with self._silently():
            self.picture.options = list(self._pictures)
            self.picture.value = name
        self._set_picture()

    def _set_picture(self):
        """Show the picture whose button is pressed; if that fails, press the one before again."""
        self._network_image, self._screen_image = self._pictures[self.picture.value]
        try:
            self._show_picture()
        except Exception:
            with self._silently():
                self.picture.value = self._chosen
            raise
        self._chosen = self.picture.value

    # Display

    def _lay_out(self, *rows, width=180, **shares):
        """Put the picture's buttons, the controls, the panels and the sentences below each other.

        All panels have one width, `width` pixels where there is room, but for `shares` of it.
        """
        hint = [widgets.HTML(_ON_COLAB)] if controls.on_colab() else []
        columns = []
        for name, caption in self._captions.items():
            parts = widgets.HTML(f"<b>{caption}</b>"), self.panels[name]
            columns.append(controls.column(shares.get(name, 1), *parts, width=width))
        top = controls.row(self.picture, self.upload).add_class("course-pictures")
        panels = controls.row(*columns).add_class("course-panels")
        self.widget = controls.frame(top, *hint, *rows, panels, *self._below)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        """Return the live widget and, for pages without a kernel, a still picture and its sentence.

        The output's metadata hold the settings: the web book opens its own explorer with them.
        """
        self.wait()
        shown = {name: getattr(self, name) for name in self._controls}
        settings = {name: control.value for name, control in shown.items()}
        settings["network"] = self.classifier.name
        settings["picture"] = self._chosen if self._chosen in sample_image_names() else None
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        files = {self._captions[name]: panel.value for name, panel in self.panels.items()}
        states = {one.description: controls.in_words(one) for one in shown.values()}
        data = {
            "application/vnd.jupyter.widget-view+json": view,
            "image/png": still_picture(files, self._sentence, states),
            "text/plain": self._sentence,
        }
        return data, {type(self).__name__: settings}


def _resize(image, size):
    """A picture as the network and as the screen shows it: two small arrays, not a photo."""
    return load_image(image, size), screen_picture(image)


@cache
def _samples(size):
    return {name: _resize(load_image(name), size) for name in sample_image_names()}
