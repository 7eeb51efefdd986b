"""What the figures of the chapters hold."""

import io
import warnings
from functools import partial

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from course_utils import (
    Prediction,
    overlay_heatmap,
    plot_feature_maps,
    plot_heatmap,
    plot_kernels,
    plot_predictions,
)
from course_utils.display.tiles import color_table

PREDICTIONS = [
    Prediction(285, "n02124075", "Egyptian_cat", 0.77),
    Prediction(281, "n02123045", "tabby", 0.12),
    Prediction(282, "n02123159", "tiger_cat", 0.06),
]
PHOTO = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
GRAY = np.asarray(Image.fromarray(PHOTO).convert("L").convert("RGB"))
MAPS = np.random.default_rng(1).random((2, 3, 5)).astype(np.float32)
HEATMAP = np.array([[0.0, 0.25], [0.5, 0.75]])
KERNELS = np.random.default_rng(2).normal(size=(3, 3, 3, 5))


@pytest.fixture(autouse=True)
def no_figures_and_no_warnings():
    """Pyplot holds no figure before and after a test: a notebook would show it once more."""
    plt.close("all")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    assert plt.get_fignums() == []


def picture(axes):
    """The array that an axes shows."""
    [image] = axes.images
    return np.asarray(image.get_array())


def titles(figure):
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def words(figure):
    [axes] = figure.axes
    return [text.get_text() for text in axes.texts]


def stored(figure):
    """The pixels that a notebook stores: uint8 (rows, cols, 3)."""
    file = io.BytesIO()
    figure.savefig(file, bbox_inches="tight", dpi=figure.dpi)
    return np.asarray(Image.open(file).convert("RGB"))


def find_cells(pixels, cell):
    """(row, column) of every place where `cell` stands in `pixels`, exactly."""
    height, width = cell.shape[:2]
    corners = (pixels == cell[0, 0]).all(axis=2)[: 1 - height or None, : 1 - width or None]
    places = [tuple(map(int, place)) for place in np.argwhere(corners)]
    return [(y, x) for y, x in places if (pixels[y : y + height, x : x + width] == cell).all()]


def enlarged(array, zoom):
    return array.repeat(zoom, axis=0).repeat(zoom, axis=1)


def in_colors(feature_map):
    """A feature map in its own range, in steps of 6 of 256 colors."""
    low, high = feature_map.min(), feature_map.max()
    values = np.rint((feature_map - low) / (high - low or 1) * 255).astype(np.uint8)
    return color_table("viridis")[values // 8 * 8]


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (partial(plot_predictions, [], PHOTO), "Predictions are what top_predictions.. returns"),
        (partial(plot_predictions, [0.1, 0.9], PHOTO), "Predictions are what top_predictions.."),
        (partial(plot_kernels, np.zeros((3, 3, 64, 64))), "Kernels.*3, 3, 64, 64"),
        (partial(plot_kernels, np.full((3, 3, 3, 1), np.nan)), "kernels.*NaN"),
        (partial(plot_feature_maps, {}), "1 to 6 layers, not for 0"),
        (partial(plot_feature_maps, MAPS[None]), r"real numbers.*1, 2, 3, 5.*maps\[0\]"),
        (partial(plot_feature_maps, MAPS + np.nan), "NaN or infinite"),
        (partial(plot_feature_maps, MAPS, 0), "columns.*0"),
        (partial(plot_feature_maps, dict.fromkeys("abcdefg", MAPS)), "not for 7.*key_layer_names"),
        (partial(plot_heatmap, PHOTO, {}), "no heatmaps.*empty"),
        (partial(plot_heatmap, PHOTO, 2 * HEATMAP), "heatmap.*1.5"),
        (partial(plot_heatmap, PHOTO, {"cat": HEATMAP, "cup": HEATMAP[0]}), "heatmap.*2,"),
        (partial(plot_heatmap, PHOTO, np.full((2, 2), np.nan)), "heatmap.*nan"),
        (partial(plot_heatmap, PHOTO[None], HEATMAP), "picture.*1, 6, 9, 3"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, words):
    with pytest.raises(ValueError, match=words):
        draw()


def test_bars_are_as_long_as_the_probabilities_the_first_on_top():
    figure = plot_predictions(PREDICTIONS, PHOTO)
    left, axes = figure.axes
    np.testing.assert_array_equal(picture(left), PHOTO)
    assert [bar.get_width() for bar in axes.patches] == [0.77, 0.12, 0.06]
    heights = [axes.transData.transform((0, bar.get_y()))[1] for bar in axes.patches]
    assert heights == sorted(heights, reverse=True)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["Egyptian cat", "tabby", "tiger cat"]


# plot_kernels


def test_each_kernel_is_drawn_in_whole_pixels_at_its_place():
    zoom, kernels = 28, np.random.default_rng(2).normal(size=(3, 3, 3, 10))
    figure = plot_kernels(kernels)
    pixels = stored(figure)
    patches = np.rint(255 * (0.5 + 0.5 * kernels / np.abs(kernels).max())).astype(np.uint8)
    places = [find_cells(pixels, enlarged(patches[..., i], zoom)) for i in range(10)]
    [(top, left)] = places[0]
    step = 3 * zoom + 2  # two white pixels between
    assert words(figure) == ["Kernels: 10 of 3 x 3", words(figure)[1], "0", "8"]
    for i, found in enumerate(places):
        assert found == [(top + i // 8 * step, left + i % 8 * step)]
    assert (pixels[top : top + 3 * zoom, left + 3 * zoom : left + step] == 255).all()


def test_a_weight_of_zero_is_mid_gray_and_the_largest_are_black_and_white():
    kernels = np.zeros((1, 3, 3, 1))
    kernels[0, 0], kernels[0, 2] = -2, 2
    figure = plot_kernels(kernels)
    row = np.array([[[0] * 3, [128] * 3, [255] * 3]], np.uint8)
    assert len(find_cells(stored(figure), enlarged(row, 28))) == 1
    assert "-2.00 and +2.00" in words(figure)[1]


def test_depthwise_kernels_are_gray():
    kernels = np.random.default_rng(0).uniform(1, 2, size=(3, 3, 5, 1))
    gray = np.rint(255 * (0.5 + 0.5 * kernels[:, :, 4] / kernels.max())).astype(np.uint8)
    cell = enlarged(np.repeat(gray, 3, axis=2), 28)
    assert len(find_cells(stored(plot_kernels(kernels)), cell)) == 1


# plot_feature_maps


@pytest.mark.parametrize("columns, zoom", [(5, 61), (8, 38), (100, 2)])
def test_each_map_is_drawn_in_whole_pixels_at_its_place(columns, zoom):
    pixels = stored(plot_feature_maps(MAPS, columns=columns))
    [(top, left)] = find_cells(pixels, enlarged(in_colors(MAPS[..., 0]), zoom))
    for i in range(5):
        place = top, left + i * (3 * zoom + 2)
        assert place in find_cells(pixels, enlarged(in_colors(MAPS[..., i]), zoom))
    assert (pixels[top : top + 2 * zoom, left + 3 * zoom : left + 3 * zoom + 2] == 255).all()


def test_a_map_too_large_for_its_cell_is_averaged_down_by_a_whole_factor():
    maps = np.random.default_rng(0).random((224, 224, 64)).astype(np.float32)
    figure = plot_feature_maps({"conv": maps}, columns=8)
    small = maps[:, :, 63].reshape(112, 2, 112, 2).mean(axis=(1, 3))
    assert len(find_cells(stored(figure), in_colors(small))) == 1
    assert words(figure)[0] == "conv\n64 channels of 224 x 224, averaged to 112 x 112"


@pytest.mark.parametrize("columns, numbers", [(3, ["0", "3", "6"]), (8, [])])
def test_a_grid_of_several_rows_numbers_them(columns, numbers):
    assert words(plot_feature_maps(np.ones((3, 3, 8)), columns))[2:] == numbers


def test_layers_stand_side_by_side_in_order():
    generator = np.random.default_rng(3)
    shapes = {"early": (3, 3, 5), "middle": (2, 3, 5), "late": (1, 3, 5)}
    layers = {name: generator.random(shape) for name, shape in shapes.items()}
    figure = plot_feature_maps(layers)
    pixels, lefts = stored(figure), []
    for maps in layers.values():
        [(_, left)] = find_cells(pixels, enlarged(in_colors(maps[..., 0]), 32))
        lefts.append(left)
    assert lefts == sorted(set(lefts))
    assert words(figure)[:3] == [
        f"{name}\n5 channels of {len(m)} x 3" for name, m in layers.items()
    ]


# plot_heatmap


def test_one_heatmap_is_drawn_as_input_heatmap_and_overlay():
    figure = plot_heatmap(PHOTO, HEATMAP)
    assert titles(figure) == ["Input", "Heatmap", "Overlay"]
    left, middle, right = map(picture, figure.axes[:3])
    np.testing.assert_array_equal(left, PHOTO)
    np.testing.assert_array_equal(middle, HEATMAP)
    np.testing.assert_array_equal(right, overlay_heatmap(GRAY, HEATMAP))
    [shown] = figure.axes[1].images
    assert shown.get_clim() == (0, 1) and shown.get_interpolation() == "nearest"
    assert shown.get_extent() == [0, 9, 6, 0]  # over the same area as the picture


def test_of_several_coarse_ones_lie_over_the_picture_and_fine_ones_stand_alone():
    fine = np.random.default_rng(0).random((120, 130))
    figure = plot_heatmap(PHOTO, {"cat": HEATMAP, "pixels": fine})
    assert titles(figure) == ["Input", "cat", "pixels"]
    np.testing.assert_array_equal(picture(figure.axes[1]), overlay_heatmap(GRAY, HEATMAP))
    np.testing.assert_array_equal(picture(figure.axes[2]), fine)
    assert titles(plot_heatmap(PHOTO, fine)) == ["Input", "Heatmap"]


def test_signed_heatmaps_share_one_scale_with_white_at_zero():
    heatmaps = {"cat": 8 * HEATMAP - 2, "cup": HEATMAP}  # the cup's has no negative value
    figure = plot_heatmap(PHOTO, heatmaps)
    for axes, heatmap in zip(figure.axes[1:3], heatmaps.values(), strict=True):
        expected = overlay_heatmap(GRAY, heatmap / 4, cmap="RdBu_r")
        np.testing.assert_array_equal(picture(axes), expected)
    bar = figure.axes[-1]
    assert bar.get_ylim() == (-4, 4)
    [shown] = plot_heatmap(PHOTO, HEATMAP - 0.5).axes[1].images
    assert shown.get_clim() == (-0.5, 0.5)
    assert min(shown.cmap(0.5)[:3]) > 0.95


@pytest.mark.parametrize("count, columns", [(3, 2), (5, 3), (7, 3)])
def test_panels_stand_in_rows_at_least_three_hundred_pixels_wide(count, columns):
    figure = plot_heatmap(
        np.zeros((200, 300, 3), np.uint8), {str(i): HEATMAP for i in range(count)}
    )
    stored(figure)  # lays it out
    boxes = [axes.get_window_extent() for axes in figure.axes[: count + 1]]
    assert min(box.width for box in boxes) >= 300
    assert len({round(box.x0) for box in boxes}) == columns
