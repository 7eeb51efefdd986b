"""Tiles, PNG bytes and overlays, pixel by pixel."""

import io
import warnings

import matplotlib
import numpy as np
import pytest
from PIL import Image

from course_utils import encode_png, overlay_heatmap, resize_heatmap, tile_feature_maps
from course_utils.display.tiles import (
    SIGNED_COLOR_MAP,
    color_table,
    encode_palette,
    lay_out,
    scale_to_bytes,
    shrink_maps,
)


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


# scale_to_bytes


def test_each_map_is_scaled_to_its_own_range():
    rising = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])  # 51 gray levels a unit
    constant = np.full((2, 3), 7.0)
    first, second, third = scale_to_bytes(np.stack([rising, 1000 * rising - 5, constant], -1))
    assert first.tolist() == second.tolist() == [[0, 51, 102], [153, 204, 255]]
    assert third.tolist() == [[0] * 3] * 2


@pytest.mark.parametrize("scale", [1e-40, 1e-30, 1e30, 1.5e38])
def test_very_small_and_very_large_values_are_scaled(scale):
    maps = np.float32([[[-scale], [-scale], [scale]]])
    assert scale_to_bytes(maps).tolist() == [[[0, 0, 255]]]


# lay_out


def test_cells_fill_rows_first_with_gaps_between():
    cells = np.arange(1, 6, dtype=np.uint8)[:, None, None] * np.ones((1, 2), np.uint8)
    assert lay_out(cells, columns=3, gap=1, fill=0).tolist() == [
        [1, 1, 0, 2, 2, 0, 3, 3],
        [0] * 8,
        [4, 4, 0, 5, 5, 0, 0, 0],
    ]


def test_a_tile_and_its_png():
    maps = np.stack([np.eye(2), 5 * np.eye(2)], -1)
    tile = tile_feature_maps(maps, columns=2, padding=1)
    assert tile.tolist() == [[255, 0, 0, 255, 0], [0, 255, 0, 0, 255]]
    assert tile_feature_maps(maps, 2, 0).tolist() == [[255, 0, 255, 0], [0, 255, 0, 255]]
    assert np.asarray(Image.open(io.BytesIO(encode_png(tile, "gray")))).tolist() == tile.tolist()


@pytest.mark.parametrize(
    "function, arguments, words",
    [
        (tile_feature_maps, (np.zeros((1, 2, 3, 4)),), r"real numbers.*maps\[0\]"),
        (tile_feature_maps, (np.zeros((0, 2, 1)),), "real numbers.*0, 2, 1"),
        (tile_feature_maps, (np.zeros((2, 2, 1)), 0), "columns must be a whole number, 1"),
        (encode_png, (np.zeros((2, 3)),), "uint8.*not float64"),
    ],
)
def test_what_is_no_tile_is_refused(function, arguments, words):
    with pytest.raises(ValueError, match=words):
        function(*arguments)


# shrink_maps


def random_maps(height, width, channels):
    return np.random.default_rng(0).normal(size=(height, width, channels)).astype(np.float32)


def test_maps_shrink_by_averaging():
    maps = random_maps(112, 112, 3)
    expected = maps.reshape(56, 2, 56, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(shrink_maps(maps, 2), expected, atol=1e-6)
    assert shrink_maps(maps, 1) is maps


def test_what_is_left_over_at_the_border_is_averaged_too():
    maps = random_maps(58, 113, 2)  # by 3: 19 rows and a third, 37 columns and two thirds
    shrunk = shrink_maps(maps, 3)
    assert shrunk.shape == (20, 38, 2)
    np.testing.assert_allclose(shrunk[3, -1], maps[9:12, 111:].mean(axis=(0, 1)), atol=1e-6)
    np.testing.assert_allclose(shrunk[-1, 3], maps[57:, 9:12].mean(axis=(0, 1)), atol=1e-6)


# encode_palette


@pytest.mark.parametrize("cmap", ["viridis", "coolwarm"])
def test_a_png_shows_matplotlibs_colors_exactly(cmap):
    tile = np.arange(256, dtype=np.uint8).reshape(8, 32)
    shown = Image.open(io.BytesIO(encode_palette(tile, color_table(cmap)))).convert("RGB")
    expected = matplotlib.colormaps[cmap](tile, bytes=True)[..., :3]
    np.testing.assert_array_equal(np.asarray(shown), expected)


# overlay_heatmap


def photo(height=6, width=9):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("alpha", [0, 0.4, 1])
@pytest.mark.parametrize("cmap", ["viridis", "gray"])
@pytest.mark.parametrize("low", [0, -1])
def test_opacity_follows_the_heat_and_zero_lets_the_picture_through(alpha, cmap, low):
    heatmap = np.linspace(low, 1, 54, dtype=np.float32).reshape(6, 9)
    shares = heatmap if low == 0 else (heatmap + 1) / 2
    shown = matplotlib.colormaps[cmap if low == 0 else SIGNED_COLOR_MAP]
    colors = shown(np.rint(255 * shares).astype(np.uint8), bytes=True)[..., :3]
    opacity = alpha * np.abs(heatmap)[..., None]
    expected = (1 - opacity) * photo() + opacity * colors
    overlay = overlay_heatmap(photo(), heatmap, alpha, cmap)
    np.testing.assert_allclose(overlay.astype(float), expected, atol=0.501)


def test_a_heatmap_without_negative_values_can_have_a_sign():
    positive = np.linspace(0, 1, 54, dtype=np.float32).reshape(6, 9)
    both = positive.copy()
    both[0, 0] = -1e-9
    signed = overlay_heatmap(photo(), both)
    np.testing.assert_array_equal(overlay_heatmap(photo(), positive, cmap=SIGNED_COLOR_MAP), signed)


def test_the_overlay_stretches_the_heatmap_as_resize_heatmap_does():
    heatmap = np.random.default_rng(1).random((2, 3))
    stretched = resize_heatmap(heatmap, (6, 9))
    expected = overlay_heatmap(photo(), stretched)
    np.testing.assert_array_equal(overlay_heatmap(photo(), heatmap), expected)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((np.zeros((4, 4, 3)), np.zeros((2, 2))), "[Pp]icture.*float64"),
        ((photo(), np.zeros((2, 2, 1))), "heatmap.*2, 2, 1"),
        ((photo(), np.array([[0, 1.01]])), "heatmap.*1.01"),
        ((photo(), np.array([[-1.01, 1]])), "heatmap.*-1.01.*largest magnitude"),
        ((photo(), np.array([[0, np.nan]])), "heatmap.*nan"),
        ((photo(), np.zeros((2, 2)), 1.1), "alpha.*1.1"),
        ((photo(), np.zeros((2, 2)), 0.5, "virids"), "'virids'.*viridis"),
    ],
)
def test_an_overlay_that_cannot_be_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        overlay_heatmap(*arguments)
