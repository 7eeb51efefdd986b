"""Pictures and sentences of the explorers, on arrays small enough to check by hand."""

import io

import numpy as np
import pytest
from PIL import Image

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
    small = views.network_picture(image, embedded.input_size)
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


def test_a_still_picture_has_captions_above_the_pictures_and_the_sentence_below():
    red = encode_png(np.full((20, 300), 255, np.uint8), "gray")
    gray = encode_png(np.full((40, 200), 0, np.uint8), "gray")

    def still(captions, sentence):
        files = dict(zip(captions, (red, gray), strict=True))
        return pixels(views.still_picture(files, sentence, padding=2))[:, :, 0]

    blank = still(["", " "], "")
    [top] = {row for row in np.flatnonzero(blank[:, -1] == 0)[:1]}
    expected = np.full((40, 502), 255)
    expected[:, 302:] = 0
    np.testing.assert_array_equal(blank[top : top + 40], expected)
    assert top > 10 and (blank[:top] == 255).all() and (blank[top + 40 :] == 255).all()

    captioned = still(["", "caption"], "")
    np.testing.assert_array_equal(captioned[top:], blank[top:])
    assert (captioned[:top, :302] == 255).all() and (captioned[:top, 302:] < 100).any()

    short, long = (still(["", " "], "a word " * count) for count in (3, 40))
    np.testing.assert_array_equal(long[: top + 40], blank[: top + 40])
    assert (short[top + 40 :] < 100).any() and (short[top + 42 :, -20:] == 255).all()
    assert len(long) > len(short) + 20


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


def test_a_page_holds_its_own_channels():
    maps = random_maps(56, 56, 70)
    tile = views.page_tile(maps, 1)
    assert tile.shape == (60, 8 * 58 + 2)
    for position in range(6):
        left = 2 + position * 58
        expected = tile_feature_maps(maps[:, :, [64 + position]], 1)
        np.testing.assert_array_equal(tile[2:58, left : left + 56], expected)
    assert not tile[:, 2 + 6 * 58 :].any()


def test_small_maps_are_drawn_cell_by_cell():
    tile = views.page_tile(np.float32([[[0], [1]], [[2], [3]]]), 0)
    np.testing.assert_array_equal(np.unique(tile), [0, 85, 170, 255])
    assert (tile[2:30, 30:58] == 85).all() and (tile[30:58, 2:30] == 170).all()


@pytest.mark.parametrize("side", [7, 56, 112, 149])
@pytest.mark.parametrize("position", [0, 7, 63])
def test_the_frame_stands_around_its_map(side, position):
    maps = random_maps(side, side, 64)
    tile = views.page_tile(maps, 0)
    drawn = pixels(views.page_png(tile, (side, side), position, "gray"))[:, :, 0]
    changed = np.argwhere(drawn != pixels(encode_png(tile, "gray"))[:, :, 0])
    cell = (tile.shape[0] - views.GAP) // 8
    row, column = divmod(position, 8)
    np.testing.assert_array_equal(changed.min(axis=0), [row * cell, column * cell])
    np.testing.assert_array_equal(
        changed.max(axis=0), [(row + 1) * cell + 1, (column + 1) * cell + 1]
    )
    assert (drawn[changed[:, 0], changed[:, 1]] == 255).all()
    assert len(changed) == (cell + 2) ** 2 - (cell - 2) ** 2


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
    assert "tabby" in views.explain_no_class("tabbi", IMAGENET)
    assert "There are 3, for example grass" in views.explain_no_class("gras", ["a", "b", "grass"])
    assert "for example x, y." in views.explain_no_class("cat", ["x", "y"])
