"""Widgets that do in the reader's browser what ipywidgets' own cannot, as ES modules.

On Colab they would need a manager of all widgets that comes from outside (colabtools #498, #3571).
There ipywidgets' own stand in for them.
"""

from pathlib import Path
from typing import Any

import ipywidgets as widgets
import traitlets
from anywidget import AnyWidget
from numpy.typing import NDArray

from course_utils.explorers.controls import on_colab
from course_utils.io.images import ImageError, load_image

_UPLOAD = "Your own picture"
_LAYOUT = {"width": "190px", "flex": "0 0 auto", "margin": "2px 2px 2px 8px"}


class Upload(AnyWidget):
    """A button for a reader's own picture, which is made small before it is sent."""

    _esm = Path(__file__).with_name("upload.js")
    description = traitlets.Unicode(_UPLOAD).tag(sync=True)
    # A list of one dict: name, number, and content or problem. Not sent back to the browser.
    value = traitlets.Any(()).tag(sync=True, echo_update=False)


class Page(AnyWidget):
    """A picture, a PNG or JPEG in `value`.

    A click on it sets `clicked` to (share of the width, share of the height, number).
    """

    _esm = Path(__file__).with_name("page.js")
    description = traitlets.Unicode().tag(sync=True)
    value = traitlets.Bytes().tag(sync=True)
    clicked: traitlets.List = traitlets.List().tag(sync=True)


def upload_button() -> widgets.DOMWidget:
    """Make an `Upload`; on Colab a `FileUpload`, which sends a file as it is."""
    if on_colab():
        return widgets.FileUpload(accept="image/*", description=_UPLOAD, layout=_LAYOUT)
    return Upload(layout=_LAYOUT)


def uploaded_picture(value: Any) -> tuple[str, NDArray]:
    """Return (name, picture) of an upload's value: a dict in ipywidgets 7, else a list of files.

    Raises:
        ImageError: The browser or `load_image` cannot read it.
    """
    name, file = list(value.items())[-1] if isinstance(value, dict) else ("", value[-1])
    name = name or file["name"]
    try:
        if "problem" in file:
            raise ImageError(file["problem"])
        return name, load_image(bytes(file["content"]))
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from error
