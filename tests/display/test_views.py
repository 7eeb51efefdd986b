"""Pictures and sentences of the explorers, on arrays small enough to check by hand."""

import io

import numpy as np
import pytest
from PIL import Image

import course_utils as cu
from course_utils import encode_png, tile_feature_maps
from course_utils.display import views
from course_utils.io.imagenet import imagenet_classes


def pixels(file, mode="RGB"):
    return np.asarray(Image.open(io.BytesIO(file)).convert(mode))


def random_maps(height, width, channels):
    return np.random.default_rng(0).normal(size=(height, width, channels)).astype(np.float32)


# Pictures


@pytest.mark.parametrize("name", ["chelsea", "coffee"])
def test_the_network_sees_the_same_in_its_small_picture(name, embedded, request):
    image = request.getfixturevalue(name)
    small = cu.load_image(image, embedded.input_size)
    assert small.shape == (*embedded.input_size, 3)
    np.testing.assert_array_equal(embedded.preprocess(small), embedded.preprocess(image))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((300, 451), (239, 360)),
        ((4000, 3000), (360, 270)),
        ((8, 8), (360, 360)),
        ((1, 5000), (1, 360)),
    ],
)
def test_a_screen_picture_keeps_its_proportions(size, expected):
    picture = views.screen_picture(np.zeros((*size, 3), np.uint8))
    assert picture.shape == (*expected, 3) and picture.dtype == np.uint8


# Feature maps


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        (1, ["0 to 0"]),
        (64, ["0 to 63"]),
        (65, ["0 to 63", "64 to 64"]),
        (130, ["0 to 63", "64 to 127", "128 to 129"]),
    ],
)
def test_pages(channels, expected):
    assert views.page_names(channels) == expected


@pytest.mark.parametrize("side", [1, 14, 56, 149, 224])
def test_a_page_fits_a_screen_whatever_the_size_of_the_maps(side):
    tile = views.page_tile(random_maps(side, side, 64), 0)
    assert tile.shape[0] == tile.shape[1]
    assert 300 < tile.shape[0] <= 8 * (views.CELL + views.GAP) + views.GAP


def test_a_page_holds_its_own_channels_with_transparent_gaps():
    maps = random_maps(56, 56, 70)
    drawn = pixels(views.page_png(views.page_tile(maps, 1), (56, 56), 5, "gray"), "RGBA")
    cell = 56 + views.GAP
    assert drawn.shape == (cell + views.GAP, 8 * cell + views.GAP, 4)
    shown = np.zeros(drawn.shape[:2], bool)
    for position in range(6):
        place = np.s_[views.GAP : cell, views.GAP + position * cell : (position + 1) * cell]
        expected = tile_feature_maps(maps[:, :, [64 + position]], 1)
        # Rounded twice, to 253 levels.
        np.testing.assert_allclose(drawn[place][:, :, 0], expected, atol=2)
        shown[place] = True
    shown[:, 5 * cell : 6 * cell + views.GAP] = True  # the frame
    np.testing.assert_array_equal(drawn[:, :, 3], np.where(shown, 255, 0))


def test_small_maps_are_drawn_cell_by_cell():
    tile = views.page_tile(np.float32([[[0], [1]], [[2], [3]]]), 0)
    drawn = pixels(views.page_png(tile, (2, 2), 0, "gray"))[:, :, 0]
    middle = views.GAP + views.CELL // 2
    np.testing.assert_array_equal(
        drawn[views.GAP : middle + 28 : 28, views.GAP : middle + 28 : 28], [[0, 85], [170, 255]]
    )
    assert (drawn[views.GAP : middle, middle : middle + 28] == 85).all()


@pytest.mark.parametrize("cmap", ["gray", "jet"])
@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("position", [0, 7, 63])
def test_the_frame_stands_out_from_any_map_and_any_page(cmap, value, position):
    """Around its map, white and magenta: one of the two differs from whatever is beside it."""
    maps = np.full((7, 7, 64), 0, np.float32)
    maps[0, 0] = 1 if value == 0 else -1  # all the rest is the color map's lowest or highest
    page = pixels(views.page_png(views.page_tile(maps, 0), (7, 7), position, cmap), "RGBA")
    row, column = divmod(position, 8)
    cell = (len(page) - views.GAP) // 8
    part = page[row * cell :, column * cell :][: cell + views.GAP, : cell + views.GAP]
    colors = {tuple(color[:3]) for color in part[: views.GAP].reshape(-1, 4)}
    assert colors == {(255, 255, 255), (230, 0, 120)} and (part[:, :, 3] == 255).all()
    np.testing.assert_array_equal(part[: views.GAP], part[-views.GAP :][::-1])
    np.testing.assert_array_equal(part[: views.GAP, :], part[:, : views.GAP].swapaxes(0, 1))


@pytest.mark.parametrize(("side", "count"), [(7, 64), (56, 32), (112, 9), (149, 6)])
def test_a_click_finds_the_map_under_it(side, count):
    """In each framed map, and nothing where the page is transparent."""
    tile = views.page_tile(random_maps(side, side, count), 0)
    height, width = tile.shape

    def found(down, across):
        return views.map_at((across + 0.5) / width, (down + 0.5) / height, (side, side), count)

    for position in range(count):
        page = pixels(views.page_png(tile, (side, side), position), "RGBA")
        rows, columns = np.nonzero((page == (230, 0, 120, 255)).all(axis=2))  # the frame
        middle = (rows.min() + rows.max()) // 2, (columns.min() + columns.max()) // 2
        inside = rows.min() + views.GAP, columns.max() - views.GAP
        assert found(*middle) == found(*inside) == position
        assert found(rows.min(), columns.min()) is None
    gaps = np.argwhere(page[:, :, 3] == 0)[::97]
    assert {found(*gap) for gap in gaps} == {None}


@pytest.mark.parametrize("cmap", ["viridis", "gray"])
def test_a_channel_is_stretched_over_the_picture(cmap):
    maps = np.float32([[[0, 9], [1, 8]], [[2, 7], [3, 6]]])
    file = views.channel_png(maps, 1, (4, 6), cmap)
    expected = np.uint8([[255, 170], [85, 0]]).repeat(2, axis=0).repeat(3, axis=1)
    assert file == encode_png(expected, cmap)


def test_a_layer_in_words():
    maps = np.zeros((2, 3, 4), np.float32)
    maps[:, :, 1] = 1.5
    maps[0, 0, 3] = 8.0  # a mean of 1.33
    maps[:, :, 2] = -1
    assert views.describe_layer("conv", "Conv2D", maps, (7, 5)) == (
        "conv (Conv2D): 4 channels of 2 x 3, receptive field 7 x 5 pixels, "
        "2 of 4 channels silent (50%), strongest on average: channel 1 (mean 1.5)."
    )
    assert "receptive field not defined" in views.describe_layer("add", "Add", maps, None)


def test_a_channel_in_words():
    maps = np.zeros((4, 5, 2), np.float32)
    maps[3, 0, 1] = 2.5
    assert views.describe_channel(maps, 0) == "Channel 0 is silent: no value of it is above zero."
    assert views.describe_channel(maps, 1) == (
        "Channel 1: values from 0.0 to 2.5, the largest 88% down and 10% across the picture."
    )
    maps[0, 0, 1] = 2.5
    assert views.describe_channel(maps, 1) == (
        "Channel 1: values from 0.0 to 2.5, the largest at 2 of 20 positions."
    )


# Heatmaps


def test_a_heatmap_is_drawn_cell_by_cell():
    heatmap = np.float32([[0, 0.5], [1, 0.2]])
    expected = np.uint8([[0, 128], [255, 51]]).repeat(3, axis=0).repeat(2, axis=1)
    assert views.heatmap_png(heatmap, (6, 4), "magma") == encode_png(expected, "magma")


def test_brightening():
    values = np.arange(1000, dtype=np.float32)
    shown = views.brighten(values)
    assert (shown == 1).sum() == 10 and shown.min() == 0
    np.testing.assert_allclose(shown[495], 495 / np.percentile(values, 99), rtol=1e-6)


def test_brightening_few_hot_pixels_or_none():
    values = np.zeros((20, 20), np.float32)
    np.testing.assert_array_equal(views.brighten(values), values)
    values[3, 3] = 4
    np.testing.assert_array_equal(views.brighten(values), values / 4)


def test_a_heatmap_in_words():
    heatmap = np.zeros((4, 5), np.float32)
    heatmap[1, 2], heatmap[3, 3], heatmap[0, 0] = 1, 0.9, 0.8
    assert views.describe_heatmap(heatmap) == (
        "peak 38% down and 50% across the picture; half of the heat lies on 10% of the area."
    )
    assert views.describe_heatmap(np.ones((2, 5))).endswith("lies on 50% of the area.")


def test_a_heatmap_of_zeros_says_so():
    assert "zero everywhere" in views.describe_heatmap(np.zeros((3, 3), np.float32))


# Classes


IMAGENET = [c.label for c in imagenet_classes()]


def ranked(logits, names=IMAGENET):
    logits = np.float32(logits)
    return views.rank_classes(names, logits, np.exp(logits) / np.exp(logits).sum())


def test_classes_by_rank():
    logits = np.full(1000, -5.0)
    logits[[285, 967, 134]] = 6, 5, 4
    options = views.class_options(ranked(logits), 2)
    assert [index for _, index in options] == [285, 967]
    assert options[0][0].startswith("1. Egyptian cat ") and options[0][0].endswith("%")
    assert views.class_options(ranked(logits), 2, extra=967) == options
    *first, last = views.class_options(ranked(logits), 2, extra=134)
    assert first == options and last[1] == 134 and last[0].startswith("3. crane ")


def test_class_in_words():
    ranking = ranked(np.log([0.2, 0.7, 0.1]), ["old_tower", "cup", "cat"])
    words = "old tower (class 0): probability 20.0%, rank 2 of 3."
    assert views.describe_class(0, ranking) == words
    logits = np.zeros(1000)
    logits[285] = 20
    assert views.describe_class(285, ranked(logits)) == (
        "Egyptian cat (class 285): probability 100.0%, rank 1 of 1000."
    )
    assert "probability under 0.1%, rank 2 of 1000" in views.describe_class(0, ranked(logits))


def test_more_options_than_classes():
    assert len(views.class_options(ranked(np.zeros(3), "abc"), 20)) == 3


def test_finding_classes():
    assert views.find_classes("crane", IMAGENET) == [("crane (134)", 134), ("crane (517)", 517)]
    assert [index for _, index in views.find_classes("maillot", IMAGENET)] == [638, 639]
    assert views.find_classes("giraffe", IMAGENET) == []
    own = ["red_brick", "grass", "Old brick"]
    assert views.find_classes("BRICK", own) == [("red brick (0)", 0), ("Old brick (2)", 2)]


def test_explaining_that_there_is_no_such_class():
    sentence = views.explain_no_class("cat", ["a", "b", "c"])
    assert sentence == 'None of the 3 classes has "cat" in its name. Try a shorter part of it.'
