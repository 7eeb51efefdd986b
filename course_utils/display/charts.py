"""A chart and tables of numbers, by Pillow: matplotlib would be too slow for a slider."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from course_utils.display.pictures import encode_picture
from course_utils.display.stills import INK
from course_utils.display.tiles import signed_colors
from course_utils.display.words import table_numbers
from course_utils.methods.convolution import COLORS, Convolution

_COLORS = ((208, 96, 0, 255), (38, 126, 190, 255))  # orange and blue: also for color-blind eyes
_FINE = 2  # drawn so many times as large first, for smooth lines
_FONT_SIZE = 15  # pixels, as are the lengths below
_HEIGHT, _WIDTH = 280, 340


def chart_png(lines: Mapping[str, NDArray], step: int) -> bytes:
    """Draw one or two lines as a PNG on a transparent ground, with a mark on each at one step.

    `lines` has equally spaced values for each label; `step` is the marked value's index. The scale
    goes from 0 to 1; where that is not enough, from the smallest value to the largest.
    """
    values = np.array([*lines.values()], float)
    low, high = values.min(), values.max()
    if 0 <= low and high <= 1:
        low, high = 0, 1
    height, width = _FINE * _HEIGHT, _FINE * _WIDTH
    font = ImageFont.load_default(_FINE * _FONT_SIZE)
    picture = Image.new("RGBA", (width, height), (*INK[:3], 0))
    draw = ImageDraw.Draw(picture)
    row = round(1.5 * _FINE * _FONT_SIZE)
    left, right = 2 * row, width - row
    top, bottom = row * len(lines) + row // 2, height - 2 * row

    def at(share, value):
        height = (value - low) / ((high - low) or 1)
        return left + share * (right - left), bottom - height * (bottom - top)

    for share in (0, 0.5, 1):
        value = low + share * (high - low)
        draw.line((*at(0, value), *at(1, value)), (*INK[:3], 90), _FINE)
        draw.text((left - row // 4, at(0, value)[1]), f"{value:.3g}", INK, font, anchor="rm")
        draw.text((at(share, low)[0], bottom + row // 4), f"{share:.0%}", INK, font, anchor="ma")
    draw.text(((left + right) / 2, height), "pixels, hottest first", INK, font, anchor="md")
    shares = np.linspace(0, 1, values.shape[1])
    draw.line((*at(shares[step], low), *at(shares[step], high)), INK, _FINE)
    for number, (label, line, color) in enumerate(zip(lines, values, _COLORS, strict=False)):
        points = [at(*point) for point in zip(shares, line, strict=True)]
        draw.line(points, color, 2 * _FINE, joint="curve")
        draw.circle(points[step], 5 * _FINE, color)
        draw.text((left, number * row), label, color, font)
    return encode_picture(np.asarray(picture.resize((_WIDTH, _HEIGHT), Image.Resampling.BOX)))


def numbers_picture(
    found: Convolution, filter_index: int, row: int, column: int, width: int = 620
) -> NDArray[np.uint8]:
    """Draw a patch, a kernel and their products as tables of numbers, uint8 (height, width, 4).

    The three stand side by side, a block for each channel; the ground is transparent.
    """
    patch, kernel = found.patches[row, column], found.kernels[..., filter_index]
    products = patch * kernel
    low, high = found.limits
    shares = ((patch - low) / (high - low)).clip(0, 1)[..., np.newaxis]
    tints = np.array([[name in (color, "gray") for color in COLORS] for name in found.colors])
    colors = (255 * shares * tints).astype(int), signed_colors(kernel), signed_colors(products)

    rows, columns, channels = patch.shape
    wide = width // (3 * columns + 1)
    tall, gap, font = int(0.62 * wide), wide // 3, ImageFont.load_default(0.36 * wide)
    picture = Image.new("RGBA", (3 * (columns * wide + gap), channels * (rows * tall + gap)))
    draw = ImageDraw.Draw(picture)
    for number, table in enumerate([patch, kernel, products]):
        for (i, j, c), text in zip(np.ndindex(table.shape), table_numbers(table), strict=True):
            x = number * (columns * wide + gap) + j * wide
            y = c * (rows * tall + gap) + i * tall
            color = tuple(colors[number][i, j, c].tolist())
            draw.rectangle((x, y, x + wide - 1, y + tall - 1), color)
            draw.text((x + wide / 2, y + tall / 2), text, _ink_on(color), font, anchor="mm")
    return np.asarray(picture)


def _ink_on(color):
    """Return the ink that can be read on a color, by its relative luminance."""
    red, green, blue = ((level / 255) ** 2.2 for level in color)
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 else "white"
