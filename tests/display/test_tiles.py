"""Tiles, PNG bytes and overlays, pixel by pixel."""

import io
import warnings

import matplotlib
import numpy as np
import pytest
from PIL import Image

from course_utils import encode_png, overlay_heatmap, resize_heatmap, tile_feature_maps
from course_utils.display.tiles import COLOR_MAPS, SIGNED_COLOR_MAP, shrink_maps


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def stack(*maps):
    """Maps given one by one as (height, width, channels)."""
    return np.stack(maps, axis=-1)


A = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])  # 51 gray levels a unit
B = np.array([[-1.0, -1.0, 1.0], [1.0, -1.0, 1.0]])
CONSTANT = np.full((2, 3), 7.0)


# tile_feature_maps


def test_tiles_pixel_by_pixel():
    tile = tile_feature_maps(stack(A, B, CONSTANT), columns=2, padding=1)
    expected = [
        [0, 51, 102, 0, 0, 0, 255],
        [153, 204, 255, 0, 255, 0, 255],
        [0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
    ]
    assert tile.tolist() == expected
    assert tile.dtype == np.uint8


def test_maps_fill_rows_first():
    lit = [np.eye(1, 2, k=1) * (i + 1) for i in range(5)]
    tile = tile_feature_maps(stack(*lit), columns=3, padding=0)
    assert (tile > 0).tolist() == [[False, True] * 3, [False, True] * 2 + [False, False]]


def test_each_map_is_scaled_to_its_own_range():
    tile = tile_feature_maps(stack(A, 1000 * A - 5, -A), columns=3, padding=0)
    assert tile[:, 0:3].tolist() == tile[:, 3:6].tolist() == tile[::-1, 8:5:-1].tolist()


@pytest.mark.parametrize("scale", [1e-40, 1e-30, 1e30, 1.5e38])
def test_very_small_and_very_large_values_are_scaled(scale):
    assert tile_feature_maps(np.float32(B * scale)[..., None], 1)[0].tolist() == [0, 0, 255]


@pytest.mark.parametrize(
    "maps, words",
    [
        (np.zeros((1, 2, 3, 4)), r"real numbers.*1, 2, 3, 4.*maps\[0\]"),
        (np.zeros((2, 3, 4), complex), "real numbers.*complex128"),
        (stack(A, A + np.nan), "NaN or infinite"),
    ],
)
def test_what_are_no_feature_maps_are_refused(maps, words):
    with pytest.raises(ValueError, match=words):
        tile_feature_maps(maps)


@pytest.mark.parametrize("columns, padding", [(0, 1), ("8", 1), (1, -1)])
def test_columns_and_padding_out_of_range_are_refused(columns, padding):
    with pytest.raises(ValueError, match=f"columns.*padding.*{columns!r}, {padding!r}"):
        tile_feature_maps(stack(A), columns, padding)


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


# encode_png


def decode(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.mark.parametrize("cmap", [*COLOR_MAPS, "coolwarm"])
def test_a_png_shows_matplotlibs_colors_exactly(cmap):
    tile = np.arange(256, dtype=np.uint8).reshape(8, 32)
    expected = matplotlib.colormaps[cmap](tile, bytes=True)[..., :3]
    np.testing.assert_array_equal(decode(encode_png(tile, cmap)), expected)


def test_a_png_holds_the_tile_as_its_palette_indices():
    tile = np.random.default_rng(0).integers(0, 256, (5, 9), dtype=np.uint8)
    image = Image.open(io.BytesIO(encode_png(tile)))
    assert (image.format, image.mode) == ("PNG", "P")
    np.testing.assert_array_equal(np.asarray(image), tile)


@pytest.mark.parametrize(
    "tile, words",
    [
        (np.zeros((2, 3)), "float64"),
        (np.zeros((2, 3, 3), np.uint8), "2, 3, 3"),
    ],
)
def test_what_is_no_tile_is_refused(tile, words):
    with pytest.raises(ValueError, match=f"uint8.*not.*{words}"):
        encode_png(tile)


@pytest.mark.parametrize("cmap", ["virids", matplotlib.colormaps["jet"]])
def test_an_unknown_color_map_is_answered_with_names(cmap):
    with pytest.raises(ValueError, match="No color map is called.*viridis, magma"):
        encode_png(np.zeros((2, 3), np.uint8), cmap)


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


def test_neither_picture_nor_heatmap_change():
    image, heatmap = photo(), np.random.default_rng(1).random((3, 3)).astype(np.float32)
    copy = heatmap.copy()
    overlay_heatmap(image, heatmap)[:] = 0
    np.testing.assert_array_equal(image, photo())
    np.testing.assert_array_equal(heatmap, copy)


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
