"""The explorers' pictures, on arrays small enough to check by hand."""

import io

import numpy as np
import pytest
from PIL import Image

from course_utils.display import pictures
from course_utils.display.pictures import GAP
from course_utils.display.tiles import color_table, scale_to_bytes


def pixels(file, mode="RGB"):
    return np.asarray(Image.open(io.BytesIO(file)).convert(mode))


def random_maps(side, channels):
    return np.random.default_rng(0).normal(size=(side, side, channels)).astype(np.float32)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((300, 451), (239, 360)), ((4000, 3000), (360, 270)), ((1, 5000), (1, 360))],
)
def test_a_screen_picture_keeps_its_proportions(size, expected):
    picture = pictures.screen_picture(np.zeros((*size, 3), np.uint8))
    assert picture.shape == (*expected, 3) and picture.dtype == np.uint8


# Feature maps


@pytest.mark.parametrize("side", [1, 14, 56, 149, 224])
def test_a_page_fits_a_screen_whatever_the_size_of_the_maps(side):
    page = pixels(pictures.page_png(pictures.page_cells(random_maps(side, 64), 0), 0))
    assert page.shape[0] == page.shape[1]
    assert 300 < page.shape[0] <= 8 * (pictures.CELL + GAP) + GAP


def test_a_page_holds_its_own_channels_with_transparent_gaps():
    maps = random_maps(56, 70)
    drawn = pixels(pictures.page_png(pictures.page_cells(maps, 1), 5, "gray"), "RGBA")
    cell = 56 + GAP
    assert drawn.shape == (cell + GAP, 8 * cell + GAP, 4)
    shown = np.zeros(drawn.shape[:2], bool)
    for position in range(6):
        place = np.s_[GAP:cell, GAP + position * cell : (position + 1) * cell]
        [expected] = scale_to_bytes(maps[:, :, [64 + position]])
        # Rounded twice, to 253 levels.
        np.testing.assert_allclose(drawn[place][:, :, 0], expected, atol=2)
        shown[place] = True
    shown[:, 5 * cell : 6 * cell + GAP] = True  # the frame
    np.testing.assert_array_equal(drawn[:, :, 3], np.where(shown, 255, 0))


@pytest.mark.parametrize(("value", "position"), [(0, 0), (255, 7), (0, 63)])
def test_the_frame_stands_out_from_any_map_and_any_page(value, position):
    """Around its map, white and magenta: one of the two differs from whatever is beside it."""
    maps = np.zeros((7, 7, 64), np.float32)
    maps[0, 0] = 1 if value == 0 else -1  # all the rest is the color map's lowest or highest
    page = pixels(pictures.page_png(pictures.page_cells(maps, 0), position, "jet"), "RGBA")
    row, column = divmod(position, 8)
    cell = (len(page) - GAP) // 8
    part = page[row * cell :, column * cell :][: cell + GAP, : cell + GAP]
    colors = {tuple(color[:3]) for color in part[:GAP].reshape(-1, 4)}
    assert colors == {(255, 255, 255), (230, 0, 120)} and (part[:, :, 3] == 255).all()
    np.testing.assert_array_equal(part[:GAP], part[-GAP:][::-1])
    np.testing.assert_array_equal(part[:GAP, :], part[:, :GAP].swapaxes(0, 1))


@pytest.mark.parametrize(("side", "count"), [(7, 64), (56, 32), (112, 9)])
def test_a_click_finds_the_map_under_it(side, count):
    cells = pictures.page_cells(random_maps(side, count), 0)
    for position in range(count):
        page = pixels(pictures.page_png(cells, position))
        rows, columns = np.nonzero((page == (230, 0, 120)).all(axis=2))  # the frame
        for down, across in [  # its map's corners
            (rows.min() + GAP, columns.min() + GAP),
            (rows.max() - GAP, columns.max() - GAP),
        ]:
            place = (across + 0.5) / page.shape[1], (down + 0.5) / page.shape[0]
            assert pictures.map_at(*place, count) == position
    assert pictures.map_at(1, 1, count) == (63 if count == 64 else 31 if count == 32 else None)


def test_a_channel_is_stretched_over_the_picture():
    maps = np.float32([[[0, 9], [1, 8]], [[2, 7], [3, 6]]])
    shown = pixels(pictures.channel_png(maps, 1, (4, 6), "gray"))[..., 0]
    expected = np.uint8([[255, 170], [85, 0]]).repeat(2, axis=0).repeat(3, axis=1)
    np.testing.assert_array_equal(shown, expected)


# Heatmaps


def test_a_heatmap_is_drawn_cell_by_cell():
    heatmap = np.float32([[0, 0.5], [1, 0.2]])
    expected = np.uint8([[0, 128], [255, 51]]).repeat(3, axis=0).repeat(2, axis=1)
    shown = pixels(pictures.heatmap_png(heatmap, (6, 4), "magma"))
    np.testing.assert_array_equal(shown, color_table("magma")[expected])


def test_brightening():
    values = np.arange(1000, dtype=np.float32)
    shown = pictures.brighten(values)
    assert (shown == 1).sum() == 10 and shown.min() == 0
    np.testing.assert_allclose(shown[495], 495 / np.percentile(values, 99), rtol=1e-6)
    few = np.zeros((20, 20), np.float32)
    few[3, 3] = 4
    np.testing.assert_array_equal(pictures.brighten(few), few / 4)
    np.testing.assert_array_equal(pictures.brighten(0 * few), 0 * few)
