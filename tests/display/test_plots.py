"""What the figures of the chapters hold."""

import warnings

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from course_utils import (
    Prediction,
    overlay_heatmap,
    plot_feature_maps,
    plot_heatmap,
    plot_kernels,
    plot_predictions,
    tile_feature_maps,
)

PREDICTIONS = [
    Prediction(285, "n02124075", "Egyptian_cat", 0.77),
    Prediction(281, "n02123045", "tabby", 0.12),
    Prediction(282, "n02123159", "tiger_cat", 0.06),
]
PHOTO = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
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
    return [axes.get_title() for axes in figure.axes]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plot_predictions(PREDICTIONS),
        lambda: plot_predictions(PREDICTIONS, PHOTO),
        lambda: plot_kernels(KERNELS),
        lambda: plot_kernels(KERNELS[:, :, :, :1]),
        lambda: plot_feature_maps(MAPS),
        lambda: plot_feature_maps({"one": MAPS, "two": MAPS}),
        lambda: plot_heatmap(PHOTO, HEATMAP),
        lambda: plot_heatmap(PHOTO, {"cat": HEATMAP, "cup": HEATMAP}),
    ],
)
def test_a_plot_is_a_figure_that_can_be_drawn(draw):
    figure = draw()
    assert isinstance(figure, Figure)
    figure.canvas.draw()
    for axes in figure.axes:
        if axes.images:
            assert not axes.axison and axes.images[0].get_interpolation() == "nearest"


# plot_predictions


def bars(figure):
    return figure.axes[-1].patches


def test_bars_are_as_long_as_the_probabilities():
    assert [bar.get_width() for bar in bars(plot_predictions(PREDICTIONS))] == [0.77, 0.12, 0.06]


def test_the_first_prediction_is_on_top_and_labeled_in_plain_words():
    axes = plot_predictions(PREDICTIONS).axes[-1]
    heights = [axes.transData.transform((0, bar.get_y()))[1] for bar in axes.patches]
    assert heights == sorted(heights, reverse=True)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["Egyptian cat", "tabby", "tiger cat"]


def test_no_predictions_are_refused():
    with pytest.raises(ValueError, match="no predictions.*empty"):
        plot_predictions([])


@pytest.mark.parametrize("bad", [PREDICTIONS[0], None, [0.1, 0.9]])
def test_what_is_no_list_of_predictions_is_refused(bad):
    with pytest.raises(ValueError, match="Predictions are a list, as top_predictions.. returns"):
        plot_predictions(bad)


# plot_kernels


def kernel_at(mosaic, index, size, columns):
    """The pixels of one kernel; kernels are one pixel apart."""
    y, x = index // columns * (size[0] + 1), index % columns * (size[1] + 1)
    return mosaic[y : y + size[0], x : x + size[1]]


@pytest.mark.parametrize("columns", [1, 2, 3, 8])
def test_each_kernel_is_a_patch_at_its_place(columns):
    [axes] = plot_kernels(KERNELS, columns=columns).axes
    largest = np.abs(KERNELS).max()
    for i in range(5):
        expected = 0.5 + 0.5 * KERNELS[..., i] / largest
        patch = kernel_at(picture(axes), i, (3, 3), columns)
        np.testing.assert_allclose(patch, expected, atol=1e-6)


def test_a_weight_of_zero_is_mid_gray_and_the_largest_are_black_and_white():
    kernels = np.zeros((1, 3, 3, 2))
    kernels[0, 0, :, 0], kernels[0, 2, :, 1] = -2, 2
    mosaic = picture(plot_kernels(kernels, columns=2).axes[0])
    assert mosaic[0, :3].tolist() == [[0.0] * 3, [0.5] * 3, [0.5] * 3]
    assert mosaic[0, 4:].tolist() == [[0.5] * 3, [0.5] * 3, [1.0] * 3]


def test_depthwise_kernels_are_gray():
    kernels = np.random.default_rng(0).uniform(1, 2, size=(3, 3, 5, 1))  # none is near black
    [axes] = plot_kernels(kernels, columns=3).axes
    assert axes.images[0].get_cmap().name == "gray"
    assert axes.images[0].get_clim() == (0, 1)
    expected = 0.5 + 0.5 * kernels[:, :, 4, 0] / np.abs(kernels).max()
    np.testing.assert_allclose(kernel_at(picture(axes), 4, (3, 3), 3), expected, atol=1e-6)


def test_the_title_tells_how_many_kernels_of_what_size():
    figure = plot_kernels(np.ones((5, 4, 3, 2)), title="First layer")
    assert titles(figure) == ["First layer: 2 of 5 x 4"]


@pytest.mark.parametrize(
    "kernels, words",
    [
        (np.zeros((3, 3, 64, 64)), "3, 3, 64, 64"),
        (np.zeros((3, 3, 3, 0)), "3, 3, 3, 0"),
        (np.full((3, 3, 3, 1), np.nan), "NaN"),
    ],
)
def test_kernels_that_cannot_be_drawn_are_refused(kernels, words):
    with pytest.raises(ValueError, match=f"[Kk]ernels.*({words})"):
        plot_kernels(kernels)


# plot_feature_maps


@pytest.mark.parametrize("columns", [1, 2, 5, 9])
def test_one_layer_is_drawn_as_its_tile(columns):
    [axes] = plot_feature_maps(MAPS, columns=columns).axes
    np.testing.assert_array_equal(picture(axes), tile_feature_maps(MAPS, columns))


def test_layers_stand_side_by_side_in_order():
    layers = {"early": MAPS, "middle": 1 - MAPS, "late": MAPS[:1]}
    figure = plot_feature_maps(layers)
    assert len(figure.axes) == 3
    for axes, maps in zip(figure.axes, layers.values(), strict=True):
        np.testing.assert_array_equal(picture(axes), tile_feature_maps(maps, 3))
    positions = [axes.get_position().x0 for axes in figure.axes]
    assert positions == sorted(set(positions))


def test_titles_give_name_channels_and_size():
    figure = plot_feature_maps({"one": MAPS, "two": np.zeros((4, 6, 8))})
    assert titles(figure) == ["one\n5 channels of 2 x 3", "two\n8 channels of 4 x 6"]


@pytest.mark.parametrize(
    "maps, words",
    [
        ({}, "no feature maps.*empty"),
        (MAPS[None], "1, 2, 3, 5"),
        ({"one": MAPS, "two": MAPS[None]}, "1, 2, 3, 5"),
        (None, "real numbers"),
    ],
)
def test_what_are_no_feature_maps_are_refused(maps, words):
    with pytest.raises(ValueError, match=words):
        plot_feature_maps(maps)


def test_more_layers_than_a_figure_has_room_for_are_refused():
    plot_feature_maps(dict.fromkeys("abcdef", MAPS))
    with pytest.raises(ValueError, match="7 layers.*room for 6.*classifier.key_layer_names"):
        plot_feature_maps(dict.fromkeys("abcdefg", MAPS))


def test_an_unknown_color_map_of_feature_maps_is_refused():
    with pytest.raises(ValueError, match="no_such_map"):
        plot_feature_maps(MAPS, cmap="no_such_map")


# plot_heatmap


def test_a_heatmap_is_drawn_as_input_heatmap_and_overlay():
    figure = plot_heatmap(PHOTO, HEATMAP)
    assert titles(figure) == ["Input", "Heatmap", "Overlay"]
    left, middle, right = map(picture, figure.axes)
    np.testing.assert_array_equal(left, PHOTO)
    np.testing.assert_array_equal(middle, HEATMAP)
    np.testing.assert_array_equal(right, overlay_heatmap(PHOTO, HEATMAP, 0.5, "viridis"))


def test_several_heatmaps_have_a_row_each():
    heatmaps = {"cat": HEATMAP, "cup": HEATMAP[::-1] / 2}
    figure = plot_heatmap(PHOTO, heatmaps, alpha=0.3, cmap="jet")
    assert titles(figure) == ["Input", "cat", "Overlay", "Input", "cup", "Overlay"]
    np.testing.assert_array_equal(picture(figure.axes[4]), heatmaps["cup"])
    [shown] = figure.axes[4].images
    assert (shown.get_clim(), shown.get_cmap().name) == ((0, 1), "jet")
    overlay = overlay_heatmap(PHOTO, heatmaps["cup"], 0.3, "jet")
    np.testing.assert_array_equal(picture(figure.axes[5]), overlay)


def test_the_heatmap_lies_over_the_same_area_as_the_picture():
    left, middle, right = plot_heatmap(PHOTO, HEATMAP).axes
    width, height = PHOTO.shape[1], PHOTO.shape[0]
    assert middle.images[0].get_extent() == [0, width, height, 0]
    assert middle.get_ylim()[0] > middle.get_ylim()[1]  # row 0 on top
    for axes in (left, right):
        x0, x1, y0, y1 = axes.images[0].get_extent()
        assert (x1 - x0, y0 - y1) == (width, height)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((PHOTO, {}), "no heatmaps.*empty"),
        ((PHOTO, 2 * HEATMAP), "heatmap.*1.5"),
        ((PHOTO, {"cat": HEATMAP, "cup": -HEATMAP}), "heatmap.*-0.75"),
        ((PHOTO[None], HEATMAP), "picture.*1, 6, 9, 3"),
        ((PHOTO, HEATMAP, 2), "alpha.*2"),
    ],
)
def test_a_heatmap_that_cannot_be_drawn_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        plot_heatmap(*arguments)
