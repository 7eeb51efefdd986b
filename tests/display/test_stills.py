"""An explorer's still picture, on pictures small enough to check by hand."""

import io

import numpy as np
import pytest
from PIL import Image

from course_utils.display.stills import INK, still_picture
from course_utils.display.tiles import color_table, encode_palette

WHITE = encode_palette(np.full((20, 300), 255, np.uint8), color_table("gray"))
BLACK = encode_palette(np.full((40, 200), 0, np.uint8), color_table("gray"))


def still(captions=("", " "), sentence="", controls=()):
    files = dict(zip(captions, (WHITE, BLACK), strict=True))
    return np.asarray(Image.open(io.BytesIO(still_picture(files, sentence, dict(controls)))))


def test_captions_stand_above_the_pictures_and_the_sentence_below():
    blank = still()
    opaque = blank[:, :, 3] == 255
    top = int(np.argmax(opaque[:, -1]))
    expected = np.zeros((40, 508), bool)
    expected[:20, :300] = expected[:, 308:] = True
    np.testing.assert_array_equal(opaque[top : top + 40], expected)
    assert top > 10 and not blank[:top, :, 3].any() and not blank[top + 40 :, :, 3].any()
    assert (blank[top : top + 20, :300, :3] == 255).all() and not blank[top, 308:, :3].any()

    captioned = still(["", "caption"])
    np.testing.assert_array_equal(captioned[top:], blank[top:])
    assert not captioned[:top, :308, 3].any() and captioned[:top, 308:, 3].any()

    short, long = (still(sentence="a word " * count) for count in (3, 40))
    np.testing.assert_array_equal(long[: top + 40], blank[: top + 40])
    assert short[top + 40 :, :, 3].any() and not short[top + 42 :, -20:, 3].any()
    assert len(long) > len(short) + 20


@pytest.mark.parametrize("background", [0, 255])
def test_words_can_be_read_on_a_dark_and_on_a_light_page(background):
    """WCAG's contrast of 4.5, computed with its formula."""

    def luminance(level):
        share = level / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    assert (still(["x", "y"]) == INK).all(axis=2).any()
    dark, light = sorted((luminance(INK[0]), luminance(background)))
    assert (light + 0.05) / (dark + 0.05) > 4.5


def test_controls_stand_above_the_rest_in_lines_that_fit():
    plain, one = still(), still(controls={"Layer": "conv"})
    height = len(one) - len(plain)
    np.testing.assert_array_equal(one[height:], plain)
    label, state = np.split(one[:height, :, 3], [90], axis=1)
    assert label.any() and state.any()
    names = [f"○ picture {number}" for number in range(12)]
    many = still(controls={"Layer": "  ".join(names)})
    assert many.shape[1] == one.shape[1] and len(many) >= len(one) + 2 * 20
    assert not many[:, -10:][: len(many) - len(plain), :, 3].any()
