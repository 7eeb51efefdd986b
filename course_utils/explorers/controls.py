"""Sliders, buttons and panels of the explorers, in one style for Colab and JupyterLab."""

import html
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from course_utils.display.stills import Control

# A name beside a slider must not change the slider's length under the mouse that drags it. Buttons
# stand beside their label, as sliders do.
_STYLE = """<style>
.course-explorer .widget-slider .widget-readout { flex: 0 0 auto; width: 200px; max-width: 200px;
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.course-explorer .widget-toggle-buttons { display: flex; flex-flow: row; align-items: center }
.course-explorer .widget-toggle-buttons > .widget-label { text-align: right; margin-right: 8px }
.course-explorer .widget-toggle-buttons > :last-child { display: flex; flex: 1; flex-wrap: wrap }
</style>"""
_LABELS = {"description_width": "90px"}


def control(kind: type[widgets.Widget], description: str, **options: Any) -> widgets.Widget:
    """Make a slider, a text field or a progress bar that takes its column's width."""
    layout = widgets.Layout(width="98%")
    return kind(description=description, style=_LABELS, layout=layout, **options)


def buttons(description: str, options: Sequence) -> widgets.ToggleButtons:
    """Make a row of buttons to choose from.

    It serves in place of a drop-down list, to which JupyterLab leaves neither arrow keys nor
    letters (https://github.com/jupyter-widgets/ipywidgets/issues/3912).
    """
    layout = widgets.Layout(flex="1 1 auto", min_width="0", height="auto")
    style = {**_LABELS, "button_width": "auto"}
    return widgets.ToggleButtons(
        description=description, options=options, style=style, layout=layout
    )


def panel(kind: str) -> widgets.Image:
    """Make a place for a picture, "png" or "jpeg"."""
    return widgets.Image(format=kind, layout=widgets.Layout(width="100%", margin="0"))


def captioned(caption: str, picture: widgets.DOMWidget, share: float = 1) -> widgets.VBox:
    """Put a caption over a panel."""
    return column(share, widgets.HTML(f"<b>{html.escape(caption)}</b>"), picture)


def column(share: float, *children: widgets.Widget) -> widgets.VBox:
    """Put widgets below each other, as wide as their share of a row."""
    layout = widgets.Layout(
        flex=f"{share} 1 0", min_width="0", overflow="hidden", padding="0 8px 0 0"
    )
    return widgets.VBox(children, layout=layout)


def frame(*rows: widgets.Widget) -> widgets.VBox:
    """Put the rows of an explorer below each other."""
    style = widgets.HTML(_STYLE, layout=widgets.Layout(display="none"))
    layout = widgets.Layout(max_width="1400px", overflow="hidden")
    return widgets.VBox([*rows, style], layout=layout).add_class("course-explorer")


def control_state(widget: widgets.Widget) -> Control:
    """Return what a still picture shows of a slider or of buttons."""
    if isinstance(widget, widgets.ToggleButtons):
        names = [option if isinstance(option, str) else option[0] for option in widget.options]
        return Control(widget.description, widget.label, options=names)
    if isinstance(widget, widgets.SelectionSlider):
        place = widget.index / max(len(widget.options) - 1, 1)
        return Control(widget.description, widget.label, place)
    place = (widget.value - widget.min) / max(widget.max - widget.min, 1)
    return Control(widget.description, str(widget.value), place)
