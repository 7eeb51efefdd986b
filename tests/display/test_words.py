"""The explorers' sentences, on arrays small enough to check by hand."""

import numpy as np
import pytest

from course_utils.display import words
from course_utils.io.imagenet import imagenet_classes

IMAGENET = [c.label for c in imagenet_classes()]


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        (1, ["0 to 0"]),
        (64, ["0 to 63"]),
        (130, ["0 to 63", "64 to 127", "128 to 129"]),
    ],
)
def test_pages(channels, expected):
    assert words.page_names(channels) == expected


def test_a_layer():
    maps = np.zeros((2, 3, 4), np.float32)
    maps[:, :, 1] = 1.5
    maps[0, 0, 3] = 8.0  # a mean of 1.33
    maps[:, :, 2] = -1
    assert words.describe_layer("conv", "Conv2D", maps, (7, 5)) == (
        "conv (Conv2D): 4 channels of 2 x 3, receptive field 7 x 5 pixels, "
        "2 of 4 channels silent (50%), strongest on average: channel 1 (mean 1.5)."
    )
    assert "receptive field not defined" in words.describe_layer("add", "Add", maps, None)


def test_a_channel():
    maps = np.zeros((4, 5, 2), np.float32)
    maps[3, 0, 1] = 2.5
    assert words.describe_channel(maps, 0) == "Channel 0 is silent: no value of it is above zero."
    assert words.describe_channel(maps, 1) == (
        "Channel 1: values from 0.0 to 2.5, the largest 88% down and 10% across the picture."
    )
    maps[0, 0, 1] = 2.5
    assert words.describe_channel(maps, 1) == (
        "Channel 1: values from 0.0 to 2.5, the largest at 2 of 20 positions."
    )


def test_a_heatmap():
    heatmap = np.zeros((4, 5), np.float32)
    assert "zero everywhere" in words.describe_heatmap(heatmap)
    heatmap[1, 2], heatmap[3, 3], heatmap[0, 0] = 1, 0.9, 0.8
    assert words.describe_heatmap(heatmap) == (
        "peak 38% down and 50% across the picture; half of the heat lies on 10% of the area."
    )
    assert words.describe_heatmap(np.ones((2, 5))).endswith("lies on 50% of the area.")


def ranked(logits, names=IMAGENET):
    logits = np.float32(logits)
    return words.rank_classes(names, logits, np.exp(logits) / np.exp(logits).sum())


def test_a_class():
    ranking = ranked(np.log([0.2, 0.7, 0.1]), ["old_tower", "cup", "cat"])
    assert ranking.order == [1, 0, 2]
    assert words.class_option(0, ranking) == ("2. old tower 20.0%", 0)
    sentence = "old tower (class 0): probability 20.0%, rank 2 of 3."
    assert words.describe_class(0, ranking) == sentence
    logits = np.zeros(1000)
    logits[285] = 20
    assert words.describe_class(285, ranked(logits)) == (
        "Egyptian cat (class 285): probability 100.0%, rank 1 of 1000."
    )
    assert "probability under 0.1%, rank 2 of 1000" in words.describe_class(0, ranked(logits))


def test_one_output_is_a_value():
    ranking = words.rank_classes(["area"], np.float32([-1234.56]), np.float32([-1234.56]))
    assert words.describe_class(0, ranking) == "area: value -1235."


def test_explaining_that_there_is_no_such_class():
    sentence = words.explain_no_class("cat", ["a", "b", "c"])
    assert sentence == 'None of the 3 classes has "cat" in its name. Try a shorter part of it.'
