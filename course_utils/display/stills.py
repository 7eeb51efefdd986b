"""An explorer as one picture, for pages without a kernel: controls, panels and sentence."""

import io
import textwrap
from collections.abc import Mapping

from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

INK = (118, 118, 118, 255)  # as readable on white as on black: the ground is transparent
_FONT_SIZE = 14  # pixels, as are the lengths below
_START = 90  # of how a control stands, beside its label
_PADDING = 8
_TALLEST = 4000


def still_picture(files: Mapping[str, bytes], sentence: str, controls: Mapping[str, str]) -> bytes:
    """Draw an explorer as a PNG: its controls, its pictures side by side, its sentence.

    Only the pictures have a ground, so that a dark page stays dark.

    Args:
        files: An image file's bytes for each caption.
        sentence: What stands below them.
        controls: How each control stands, in words, by its label.
    """
    font = ImageFont.truetype(findfont("DejaVu Sans"), _FONT_SIZE)
    pictures = [Image.open(io.BytesIO(file)).convert("RGBA") for file in files.values()]
    width = sum(picture.width + _PADDING for picture in pictures) - _PADDING
    canvas = Image.new("RGBA", (width, _TALLEST), (*INK[:3], 0))
    draw = ImageDraw.Draw(canvas)

    def write(left, top, words):
        """Write words, in lines that fit, and return where the next ones go."""
        lines = textwrap.fill(words, max(int((width - left) / font.getlength("n")), 1))
        draw.multiline_text((left, top), lines, INK, font, spacing=_PADDING)
        return top + (lines.count("\n") + 1) * (_FONT_SIZE + _PADDING)

    down = 0
    for label, words in controls.items():
        draw.text((_START - _PADDING, down), label, INK, font, anchor="ra")
        down = write(_START, down, words)
    left, top = 0, down + _FONT_SIZE + _PADDING
    for caption, picture in zip(files, pictures, strict=True):
        draw.text((left, down), caption, INK, font)
        canvas.paste(picture, (left, top))
        left += picture.width + _PADDING
    bottom = write(0, top + max(picture.height for picture in pictures) + _PADDING, sentence)
    buffer = io.BytesIO()
    canvas.crop((0, 0, width, bottom)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
