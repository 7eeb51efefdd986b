"""The explorers' sliders, buttons and places for pictures, in one style everywhere."""

import sys
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

# A name beside a slider must not change the slider's length under the mouse that drags it. Buttons
# stand beside their label, as sliders do.
_STYLE = """<style>
.course-explorer { gap: 8px }
.course-explorer .widget-slider { margin: 2px 0 }
.course-explorer .widget-slider .widget-readout { flex: 0 0 auto; width: 200px; max-width: 200px;
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap; text-align: left;
  margin-left: 12px }
.course-explorer .widget-toggle-buttons { display: flex; flex-flow: row; align-items: baseline }
.course-explorer .widget-toggle-buttons > .widget-label { text-align: right; margin-right: 8px }
.course-explorer .widget-toggle-buttons > :last-child { display: flex; flex: 1; flex-wrap: wrap;
  row-gap: 4px }
.course-explorer .course-list > :last-child { flex-flow: column; gap: 0 }
.course-explorer .course-list button { text-align: left; width: 98%; margin: 1px }
.course-explorer .course-pictures { padding-left: 90px }
.course-explorer .course-pictures > :first-child { margin-left: -90px }
.course-explorer .course-panels > * { max-width: 440px }
</style>"""
_TRACK = 30  # letters of a slider
_LABELS = {"description_width": "90px"}


def on_colab() -> bool:
    """Tell whether this is Google Colab, where some widgets do not work."""
    return "google.colab" in sys.modules


def control(kind: type[widgets.Widget], description: str, **options: Any) -> widgets.Widget:
    """Make a slider, a text field or a progress bar that is as wide as its column."""
    layout = widgets.Layout(width="98%")
    return kind(description=description, style=_LABELS, layout=layout, **options)


def buttons(description: str, options: Sequence) -> widgets.ToggleButtons:
    """Make a row of buttons to choose one from.

    Not a drop-down list: JupyterLab takes arrow keys and letters away from it
    (https://github.com/jupyter-widgets/ipywidgets/issues/3912).
    """
    layout = widgets.Layout(flex="0 1 auto", min_width="0", height="auto")
    style = {**_LABELS, "button_width": "auto"}
    return widgets.ToggleButtons(
        description=description, options=options, style=style, layout=layout
    )


def bars_behind(buttons: widgets.ToggleButtons, shares: Sequence[float]) -> str:
    """Return a style that draws a bar behind each button, as long as its share from 0 to 1."""
    name = f"course-list-{buttons.model_id}"
    buttons.add_class(name)
    bar = "background-image: linear-gradient(90deg, rgba(70, 150, 210, 0.45)"
    rules = [
        f".{name} button:nth-child({number}) {{ {bar} {share:.1%}, transparent 0) }}"
        for number, share in enumerate(shares, 1)
    ]
    return f"<style>{' '.join(rules)}</style>"


def panel(kind: type[widgets.Widget] = widgets.Image, **options: Any) -> Any:
    """Make a place for a picture, PNG or JPEG: the browser sees which it is."""
    return kind(layout={"width": "100%", "margin": "0"}, **options)


def column(share: float, *children: widgets.Widget, width: int) -> widgets.VBox:
    """Put widgets below each other, as wide as their share of a row.

    One of share 1 has at least `width` pixels; what finds no room in the row goes on below.
    """
    flex = f"{share} 1 {share * width}px"
    layout = widgets.Layout(flex=flex, min_width="0", overflow="hidden", padding="0 8px 0 0")
    return widgets.VBox(children, layout=layout)


def row(*children: widgets.Widget) -> widgets.HBox:
    """Put widgets side by side; those that find no room go on below."""
    return widgets.HBox(children, layout=widgets.Layout(flex_flow="row wrap"))


def frame(*rows: widgets.Widget) -> widgets.VBox:
    """Put the rows of an explorer below each other."""
    style = widgets.HTML(_STYLE, layout=widgets.Layout(display="none"))
    layout = widgets.Layout(max_width="1400px", overflow="hidden")
    return widgets.VBox([*rows, style], layout=layout).add_class("course-explorer")


def in_words(widget: widgets.Widget) -> str:
    """Write how a control stands: "○ viridis  ● magma", "──●────  25%", or a field's text."""
    if isinstance(widget, widgets.Text):
        return widget.value or widget.placeholder
    if hasattr(widget, "options"):
        names = [option if isinstance(option, str) else option[0] for option in widget.options]
        # Not `label`: ipywidgets leaves it empty for a first option. A list may have none chosen.
        chosen = "" if widget.index is None else names[widget.index]
        place, last = widget.index, len(names) - 1
    else:
        chosen = str(widget.value)
        place, last = widget.value - widget.min, widget.max - widget.min
    if isinstance(widget, widgets.ToggleButtons):
        marked = [("● " if name == chosen else "○ ") + name for name in names]
        return "  ".join(name.replace(" ", "\N{NO-BREAK SPACE}") for name in marked)
    before = round(_TRACK * place / max(last, 1))
    return f"{'─' * before}●{'─' * (_TRACK - before)}  {chosen}"
