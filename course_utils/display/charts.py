"""The chart of the covered pictures as PNG bytes: matplotlib would be too slow for a slider."""

import io
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

from course_utils.display.stills import INK

_COLORS = ((208, 96, 0, 255), (38, 126, 190, 255))  # orange and blue: also for color-blind eyes
_FINE = 2  # drawn so many times as large first, for smooth lines
_FONT_SIZE = 15  # pixels, as are the lengths below
_HEIGHT, _WIDTH = 280, 340


def chart_png(lines: Mapping[str, Sequence[float]], step: int) -> bytes:
    """Draw one or two lines as a PNG on a transparent ground, with a mark on each at one step.

    `lines` has equally spaced values in [0, 1] for each label; `step` is the marked value's index.
    """
    height, width = _FINE * _HEIGHT, _FINE * _WIDTH
    font = ImageFont.load_default(_FINE * _FONT_SIZE)
    picture = Image.new("RGBA", (width, height), (*INK[:3], 0))
    draw = ImageDraw.Draw(picture)
    row = round(1.5 * _FINE * _FONT_SIZE)
    left, right = 2 * row, width - row
    top, bottom = row * len(lines) + row // 2, height - 2 * row

    def at(x, y):
        return left + x * (right - left), bottom - y * (bottom - top)

    for share in (0, 0.5, 1):
        draw.line((*at(0, share), *at(1, share)), (*INK[:3], 90), _FINE)
        draw.text((left - row // 4, at(0, share)[1]), f"{share:g}", INK, font, anchor="rm")
        draw.text((at(share, 0)[0], bottom + row // 4), f"{share:.0%}", INK, font, anchor="ma")
    draw.text(((left + right) / 2, height), "pixels, hottest first", INK, font, anchor="md")
    place = step / (len(next(iter(lines.values()))) - 1)
    draw.line((*at(place, 0), *at(place, 1)), INK, _FINE)
    for number, ((label, values), color) in enumerate(zip(lines.items(), _COLORS, strict=False)):
        points = [at(i / (len(values) - 1), float(value)) for i, value in enumerate(values)]
        draw.line(points, color, 2 * _FINE, joint="curve")
        draw.circle(points[step], 5 * _FINE, color)
        draw.text((left, number * row), label, color, font)
    buffer = io.BytesIO()
    picture.resize((_WIDTH, _HEIGHT), Image.Resampling.BOX).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
