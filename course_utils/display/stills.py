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


class Control(NamedTuple):
    """What a still picture shows of a control: a slider, or buttons where there are `options`."""

    label: str
    chosen: str
    place: float = 0  # of a slider's knob, from 0 to 1
    options: Sequence[str] = ()


def still_picture(
    files: dict[str, bytes], sentence: str, controls: Sequence[Control] = ()
) -> bytes:
    """Draw an explorer: its controls, its pictures side by side under captions, its sentence.

    Args:
        files: Dict from caption to an image file's bytes.
        sentence: str, broken into lines as wide as the pictures.
        controls: From top to bottom.

    Returns:
        bytes of a PNG. What is not picture is transparent, so that a dark page stays dark.
    """
    font = ImageFont.load_default(_FONT_SIZE)
    pictures = [Image.open(io.BytesIO(file)).convert("RGBA") for file in files.values()]
    width = sum(picture.width + _PADDING for picture in pictures) - _PADDING
    rows = [
        (control, line, number)
        for control in controls
        for number, line in enumerate(_lines(control.options, width, font))
    ]
    top = len(rows) * _ROW + math.ceil(1.5 * _FONT_SIZE)
    bottom = top + max(picture.height for picture in pictures) + _PADDING
    words = textwrap.fill(sentence, max(int(width / font.getlength("n")), 1))
    box = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox((0, bottom), words, font)
    joined = Image.new("RGBA", (width, math.ceil(box[3])), (*INK[:3], 0))
    draw = ImageDraw.Draw(joined)
    for row, (control, line, number) in enumerate(rows):
        if number == 0:
            label = _LABEL, row * _ROW + _ROW // 2
            draw.text(label, control.label, INK, font, anchor="rm")
        if line:
            _draw_buttons(draw, row * _ROW, font, control, line)
        else:
            _draw_slider(draw, row * _ROW, font, control)
    left = 0
    for caption, picture in zip(files, pictures, strict=True):
        draw.text((left, len(rows) * _ROW), caption, INK, font)
        joined.paste(picture, (left, top))
        left += picture.width + _PADDING
    draw.multiline_text((0, bottom), words, INK, font)
    buffer = io.BytesIO()
    joined.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _lines(options, width, font):
    """Break a row of buttons into lines of (option, left, length)."""
    lines, start = [[]], _LABEL + _PADDING
    left = start
    for option in options:
        length = math.ceil(font.getlength(option)) + 2 * _PADDING
        if left + length > width and lines[-1]:
            lines.append([])
            left = start
        lines[-1].append((option, left, length))
        left += length + _PADDING // 2
    return lines


def _draw_slider(draw, top, font, control):
    middle, start = top + _ROW // 2, _LABEL + _PADDING
    knob = start + round(control.place * _TRACK)
    draw.line((start, middle, start + _TRACK, middle), INK, 3)
    draw.rounded_rectangle((knob - 4, middle - 9, knob + 4, middle + 9), 3, INK)
    after = (start + _TRACK + 2 * _PADDING, middle)
    draw.text(after, control.chosen, INK, font, anchor="lm")


def _draw_buttons(draw, top, font, control, line):
    for option, left, length in line:
        chosen = option == control.chosen
        box = (left, top + 2, left + length, top + _ROW - 3)
        draw.rounded_rectangle(box, 3, INK if chosen else None, INK)
        color = _PAPER if chosen else INK
        draw.text((left + length / 2, top + _ROW // 2), option, color, font, anchor="mm")
