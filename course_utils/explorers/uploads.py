"""Widgets that do in the reader's browser what ipywidgets' own cannot, as ES modules."""

import sys
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import traitlets
from numpy.typing import NDArray

from course_utils.explorers.controls import panel
from course_utils.io.images import ImageError, load_image

_UPLOAD = "Your own picture"
_LAYOUT = {"width": "190px", "flex": "0 0 auto"}
_NAME_LENGTH = 40  # characters of an upload's name on its button


def upload_button() -> widgets.DOMWidget:
    """Make a button for a reader's own picture, which is made small before it is sent.

    Its `value` is that of a `FileUpload`. Where anywidget does not work it is one, and sends a file
    as it is.
    """
    base: Any = _any_widget()
    if base is None:
        return widgets.FileUpload(
            accept="image/*", multiple=False, description=_UPLOAD, layout=_LAYOUT
        )

    class Upload(base):
        _esm = Path(__file__).with_name("upload.js")
        description = traitlets.Unicode(_UPLOAD).tag(sync=True)
        # A tuple of one dict: name, number, and content or problem. Not sent back to the browser.
        value = traitlets.Any(()).tag(sync=True, echo_update=False)

    return Upload(layout=_LAYOUT)


def uploaded_picture(value: Any) -> tuple[str, NDArray]:
    """Return (name, picture) of an upload's value: a dict in ipywidgets 7, else a list of files.

    Raises:
        ImageError: The browser or `load_image` cannot read it.
    """
    name, file = list(value.items())[-1] if isinstance(value, dict) else ("", value[-1])
    name = name or file["name"]
    if len(name) > _NAME_LENGTH:
        name = name[: _NAME_LENGTH - 9] + "…" + name[-8:]
    try:
        if "problem" in file:
            raise ImageError(file["problem"])
        return name, load_image(bytes(file["content"]))
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from error


def page_panel() -> widgets.DOMWidget:
    """Make a place for a page of feature maps, a PNG in `value`.

    A click on it sets `clicked` to (share of the width, share of the height, number). Where
    anywidget does not work it is an `Image` without `clicked`.
    """
    base: Any = _any_widget()
    if base is None:
        return panel()

    class Page(base):
        _esm = Path(__file__).with_name("page.js")
        description = traitlets.Unicode("Click a feature map to choose its channel").tag(sync=True)
        value = traitlets.Bytes().tag(sync=True)
        clicked: traitlets.List = traitlets.List().tag(sync=True)

    return Page(layout=widgets.Layout(width="100%", margin="0"))


def _any_widget() -> Any:
    """Return the class `AnyWidget`, or None where it is not installed, or on Colab.

    There it needs a manager of all widgets that comes from outside (colabtools #498, #3571).
    """
    if "google.colab" in sys.modules:
        return None
    try:
        import anywidget
    except ImportError:
        return None
    return anywidget.AnyWidget
