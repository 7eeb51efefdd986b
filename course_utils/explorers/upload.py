"""A button for a reader's own picture, which the browser makes small before it is sent."""

import sys
from pathlib import Path

import ipywidgets as widgets
import traitlets

_DESCRIPTION = "Your own picture"
_LAYOUT = {"width": "190px", "flex": "0 0 auto"}


def upload_button() -> widgets.DOMWidget:
    """Make the button; its `value` is that of a `FileUpload`.

    Without anywidget it is a `FileUpload`, which sends a file as it is. On Colab too: anywidget
    needs a manager of all widgets there that comes from outside (colabtools #498, #3571).
    """
    try:
        import anywidget
    except ImportError:
        anywidget = None
    if anywidget is None or "google.colab" in sys.modules:
        return widgets.FileUpload(
            accept="image/*", multiple=False, description=_DESCRIPTION, layout=_LAYOUT
        )

    class Upload(anywidget.AnyWidget):
        _esm = Path(__file__).with_name("upload.js")
        description = traitlets.Unicode(_DESCRIPTION).tag(sync=True)
        # A tuple of one dict: name, number, and content or problem. Not sent back to the browser.
        value = traitlets.Any(()).tag(sync=True, echo_update=False)

    return Upload(layout=_LAYOUT)
