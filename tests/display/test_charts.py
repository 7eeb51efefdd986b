"""Charts of the explorers: lines and marks stand where their numbers say."""

import io

import numpy as np
from PIL import Image

from course_utils.display.charts import chart_png

RISING = np.linspace(0, 1, 5)
ORANGE, BLUE = (208, 96, 0), (38, 126, 190)


def drawn(lines, step=2):
    picture = Image.open(io.BytesIO(chart_png(lines, step)))
    return np.asarray(picture).astype(int)


def rows_of(picture, color):
    """The rows in which each column has a color, below the line of labels."""
    is_color = (np.abs(picture[..., :3] - color).max(axis=2) < 30) & (picture[..., 3] > 200)
    is_color[:60] = False
    return [np.flatnonzero(column) for column in is_color.T]


def test_lines_rise_and_fall_are_told_apart_and_stand_on_a_transparent_ground():
    picture = drawn({"up": RISING, "down": 1 - RISING}, step=0)
    for color, sign in [(ORANGE, -1), (BLUE, 1)]:
        middles = [(i, rows.mean()) for i, rows in enumerate(rows_of(picture, color)) if rows.size]
        columns, heights = np.array(middles).T
        slope = np.polyfit(columns[10:-10], heights[10:-10], 1)[0]
        assert np.sign(slope) == sign and np.ptp(columns) > 150
    assert (picture[..., 3] == 0).mean() > 0.8


def test_the_mark_stands_on_the_line():
    flat = {"one": np.full(5, 0.5)}
    thick = [
        np.argmax([rows.size for rows in rows_of(drawn(flat, step), ORANGE)]) for step in (0, 2, 4)
    ]
    assert thick == sorted(thick)
    np.testing.assert_allclose(thick[1], (thick[0] + thick[2]) / 2, atol=2)


def test_the_scale_fits_what_is_no_probability():
    near, far = (rows_of(drawn({"one": line}), ORANGE) for line in (RISING, 1000 * RISING - 300))
    assert [rows.tolist() for rows in far] == [rows.tolist() for rows in near]
