"""An explorer as one picture, for pages without a kernel: controls, panels and sentence."""

import io
import math
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

_FONT_SIZE = 15  # pixels, as are the lengths below
INK = (118, 118, 118, 255)  # as readable on white as on black: the ground is transparent
_PAPER = (255, 255, 255, 255)  # of the chosen button's name
_ROW = 28
_LABEL = 90  # its width
_TRACK = 300
_PADDING = 8
_START = _LABEL + _PADDING  # of what stands beside a label
_TALLEST = 4000


class Control(NamedTuple):
    """What a still picture shows of a control: buttons, a slider, or else a text field."""

    label: str
    chosen: str
    place: float | None = None  # of a slider's knob, from 0 to 1
    options: Sequence[str] = ()  # of buttons


def still_picture(
    files: dict[str, bytes], sentence: str, controls: Sequence[Control] = ()
) -> bytes:
    """Draw an explorer as a PNG: its controls, its pictures side by side, its sentence.

    `files` has an image file's bytes for each caption. Only the pictures have a ground, so that a
    dark page stays dark.
    """
    font = ImageFont.load_default(_FONT_SIZE)
    pictures = [Image.open(io.BytesIO(file)).convert("RGBA") for file in files.values()]
    width = sum(picture.width + _PADDING for picture in pictures) - _PADDING
    canvas = Image.new("RGBA", (width, _TALLEST), (*INK[:3], 0))
    draw = ImageDraw.Draw(canvas)
    down = 0
    for control in controls:
        draw.text((_LABEL, down + _ROW // 2), control.label, INK, font, anchor="rm")
        if control.place is not None:
            _draw_slider(draw, down, font, control)
        elif control.options:
            down = _draw_buttons(draw, down, font, control, width)
        else:
            box = (_START, down + 2, _START + _TRACK, down + _ROW - 3)
            draw.rectangle(box, None, INK)
            draw.text((_START + _PADDING, down + _ROW // 2), control.chosen, INK, font, "lm")
        down += _ROW
    left, top = 0, down + math.ceil(1.5 * _FONT_SIZE)
    for caption, picture in zip(files, pictures, strict=True):
        draw.text((left, down), caption, INK, font)
        canvas.paste(picture, (left, top))
        left += picture.width + _PADDING
    below = 0, top + max(picture.height for picture in pictures) + _PADDING
    words = textwrap.fill(sentence, max(int(width / font.getlength("n")), 1))
    draw.multiline_text(below, words, INK, font)
    bottom = draw.multiline_textbbox(below, words, font)[3]
    buffer = io.BytesIO()
    canvas.crop((0, 0, width, math.ceil(bottom))).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _draw_slider(draw, top, font, control):
    middle, end = top + _ROW // 2, _START + _TRACK
    knob = _START + round(control.place * _TRACK)
    draw.line((_START, middle, end, middle), INK, 3)
    draw.rounded_rectangle((knob - 4, middle - 9, knob + 4, middle + 9), 3, INK)
    draw.text((end + 2 * _PADDING, middle), control.chosen, INK, font, anchor="lm")


def _draw_buttons(draw, top, font, control, width):
    """Draw buttons, which go on below where the row is full; returns the last row's top."""
    left = _START
    for option in control.options:
        length = math.ceil(font.getlength(option)) + 2 * _PADDING
        if left + length > width and left > _START:
            left, top = _START, top + _ROW
        chosen = option == control.chosen
        box = (left, top + 2, left + length, top + _ROW - 3)
        draw.rounded_rectangle(box, 3, INK if chosen else None, INK)
        color = _PAPER if chosen else INK
        draw.text((left + length / 2, top + _ROW // 2), option, color, font, anchor="mm")
        left += length + _PADDING // 2
    return top
