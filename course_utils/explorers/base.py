"""What all explorers have: a chooser of pictures, a status line, a still picture."""

import html
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, ClassVar

import ipywidgets as widgets
import numpy as np

from course_utils.display import views
from course_utils.display.stills import still_picture
from course_utils.display.tiles import COLOR_MAPS
from course_utils.explorers.controls import buttons, captioned, control_state
from course_utils.explorers.uploads import upload_button
from course_utils.io.images import ImageError, load_image, sample_image_names

_GIVEN = "the picture given"
_NAME_LENGTH = 40  # characters of an upload's name on its button
_ON_COLAB = (
    "Colab drops uploads over 1 MB without a word. Save a smaller copy, or put the file beside the "
    "notebook and give load_image('its name') to the explorer."
)


class Explorer:
    """Wiring only: `display.views` makes every picture and every sentence.

    A subclass sets `classifier`, `panels`, `_captions`, `_controls` (the names of those that a
    still picture shows) and `widget`, and has `_show_picture`.

    Args:
        input_size: (height, width) of the pictures that the network sees.
        image: The first picture, anything that `load_image` takes.
    """

    panels: dict[str, widgets.DOMWidget]
    widget: widgets.Widget
    classifier: Any
    _captions: dict[str, str]
    _controls: ClassVar[tuple[str, ...]]

    def __init__(self, input_size: tuple[int, int], image: Any):
        self._input_size = input_size
        self._quiet = False
        self._lock = threading.RLock()  # threads show results too
        self._pictures = {_GIVEN: self._resize(load_image(image))}
        # Samples are read now: choosing one then takes half the time.
        with suppress(ImageError):  # choosing it later says what is wrong
            self._pictures |= _samples(input_size)
        self._chosen = _GIVEN
        self.picture = buttons("Picture", [_GIVEN, *sample_image_names()])
        self.upload = upload_button()
        self.colors = buttons("Colors", COLOR_MAPS)
        self.words = widgets.HTML()
        self.status = widgets.HTML()
        self._react(self.picture, self._choose_picture)
        self._react(self.upload, self._read_upload)

    def wait(self) -> None:
        """Wait until everything asked for is shown."""

    def _show_picture(self):
        raise NotImplementedError

    def _react(self, control, function, trait="value"):
        """Call `function()` when the user changes `control`; its errors show in the status line."""

        def changed(_):
            if self._quiet:
                return
            with self._reported():
                function()

        control.observe(changed, trait)

    @contextmanager
    def _reported(self) -> Iterator[None]:
        self._say("")
        with self._lock:
            try:
                yield
            except ImageError as error:  # written for the reader
                self._say(str(error), problem=True)
            except Exception as error:
                self._say_unexpected(error)
                raise

    @contextmanager
    def _silently(self) -> Iterator[None]:
        """Change controls without triggering their handlers."""
        self._quiet, before = True, self._quiet
        try:
            yield
        finally:
            self._quiet = before

    def _say(self, text, problem=False):
        color = "#b00020" if problem else "inherit"
        style = f"color: {color}; min-height: 1.5em; line-height: 1.5"
        self.status.value = f'<div role="status" style="{style}">{html.escape(text)}</div>'

    def _say_unexpected(self, error):
        self._say(f"Unexpected {type(error).__name__}: {error}", problem=True)

    def _describe(self, *sentences):
        self._sentence = " ".join(sentences)
        self.words.value = f'<div style="line-height: 1.5">{html.escape(self._sentence)}</div>'

    # Pictures

    def _choose_picture(self):
        name = self.picture.value
        try:
            self._set_picture(name)
        except Exception:
            with self._silently():
                self.picture.value = self._chosen
            raise
        self._chosen = name

    def _read_upload(self):
        if not self.upload.value:
            return
        name, image = _uploaded(self.upload.value)
        self._pictures[name] = self._resize(image)
        with self._silently():
            if name not in self.picture.options:
                self.picture.options = [*self.picture.options, name]
            self.picture.value = name
        self._choose_picture()

    def _set_picture(self, name=_GIVEN):
        """Load a picture by its name in the chooser and show it."""
        if name not in self._pictures:
            self._pictures[name] = self._resize(load_image(name))
        with self._lock:
            self._network_image, self._screen_image = self._pictures[name]
            self._show_picture()

    def _resize(self, image):
        return _resize(image, self._input_size)

    # Display

    def _picture_row(self):
        children = [widgets.HBox([self.picture, self.upload])]
        if "google.colab" in sys.modules:
            children.append(widgets.HTML(_ON_COLAB))
        return widgets.VBox(children)

    def _picture_columns(self, **shares):
        """The panels side by side, each under its caption, all of one width but for `shares`."""
        return widgets.HBox(
            [
                captioned(self._captions[name], panel, shares.get(name, 1))
                for name, panel in self.panels.items()
            ]
        )

    def _settings(self) -> dict[str, Any]:
        """Return what is shown, by name: the network, the sample picture or None, each control."""
        shown = (
            name
            for name, (image, _) in self._pictures.items()
            if name in sample_image_names() and np.array_equal(image, self._network_image)
        )
        values = {name: getattr(self, name).value for name in self._controls}
        return values | {"network": self.classifier.name, "picture": next(shown, None)}

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        """The live widget; for pages without a kernel, a still picture and its sentence.

        Its settings stand in the output's metadata: the web book opens its own explorer with them.
        """
        self.wait()
        data = {
            "application/vnd.jupyter.widget-view+json": {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self.widget.model_id,
            },
            "image/png": still_picture(
                {self._captions[name]: panel.value for name, panel in self.panels.items()},
                self._sentence,
                [control_state(getattr(self, name)) for name in self._controls],
            ),
            "text/plain": self._sentence,
        }
        return data, {type(self).__name__: self._settings()}


def _resize(image, size):
    """A picture as the network and as the screen shows it: two small arrays, not a photo."""
    return load_image(image, size), views.screen_picture(image)


@cache
def _samples(size):
    return {name: _resize(load_image(name), size) for name in sample_image_names()}


def _uploaded(value):
    """Return (name, picture) of an upload's value: a dict in ipywidgets 7, else one file in a row.

    Raises ImageError where the browser or `load_image` cannot read it.
    """
    if isinstance(value, dict):
        [(name, file)] = list(value.items())[-1:]
    else:
        file = value[-1]
        name = file["name"]
    if len(name) > _NAME_LENGTH:
        name = name[: _NAME_LENGTH - 9] + "…" + name[-8:]
    if "problem" in file:
        raise ImageError(f"{name}: {file['problem']}")
    try:
        return name, load_image(bytes(file["content"]))
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from error
