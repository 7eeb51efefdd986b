"""The explorer of covered pictures shows what `cover` and the curves say."""

import io

import numpy as np
import pytest
from PIL import Image
from small_networks import chain, layers

import course_utils as cu

pytestmark = pytest.mark.filterwarnings("ignore:.*finds nothing:UserWarning")


@pytest.fixture
def explorer(small, picture):
    explorer = cu.FaithfulnessExplorer(small, picture)
    explorer.wait()
    return explorer


def shown(explorer, name):
    picture = Image.open(io.BytesIO(explorer.panels[name].value)).convert("RGB")
    return np.asarray(picture).astype(int)


def assert_covering_is_shown(explorer, classifier, image):
    """All that it shows, computed once more from its controls alone."""
    key, index, fill = explorer.map.value, explorer.classes.value, explorer.fill.value
    if key in cu.METHODS:
        heatmap = cu.METHODS[key].compute(classifier, image, index)
    else:
        heatmap = cu.BASELINE_MAPS[key](image)
    fraction = explorer.covered.value / 28
    for name, rest, function in [
        ("deletion", False, cu.deletion_curve),
        ("insertion", True, cu.insertion_curve),
    ]:
        expected = cu.cover(image, heatmap, fraction, fill, rest)
        # A JPEG of 8 x 8 pixels, stretched: its mean is that of the picture.
        np.testing.assert_allclose(
            shown(explorer, name).mean(axis=(0, 1)), expected.mean(axis=(0, 1)), atol=4
        )
        curve = function(classifier, image, heatmap, index, fill=fill)
        assert f"{name} {curve.area:.2f}" in explorer._sentence
        assert f"{curve.probabilities[explorer.covered.value]:.1%}" in explorer._sentence
    assert explorer.map.label in explorer._sentence and f"class {index}" in explorer._sentence


@pytest.mark.parametrize("key", [*cu.METHODS, *cu.BASELINE_MAPS])
def test_every_map(explorer, small, picture, key):
    explorer.map.value = key
    explorer.wait()
    assert_covering_is_shown(explorer, small, picture)


@pytest.mark.parametrize("fill", ["blur", "mean", "black"])
def test_every_fill_at_every_end(explorer, small, picture, fill):
    explorer.fill.value = fill
    explorer.wait()
    for explorer.covered.value in (0, 14, 28):
        assert_covering_is_shown(explorer, small, picture)


def test_another_class_and_another_picture(explorer, small, picture):
    before = {name: explorer.panels[name].value for name in explorer.panels}
    explorer.classes.index = 1
    explorer.wait()
    assert_covering_is_shown(explorer, small, picture)
    explorer.picture.value = "coffee"
    explorer.wait()
    coffee = cu.load_image("coffee", small.input_size)
    assert_covering_is_shown(explorer, small, coffee)
    assert all(explorer.panels[name].value != before[name] for name in before)


def test_the_mark_moves_with_the_slider(explorer):
    charts = set()
    for explorer.covered.value in range(29):
        charts.add(explorer.panels["curves"].value)
    assert len(charts) == 29


def test_a_regression_has_values_and_no_probabilities(seeded, picture):
    steps = [layers.Conv2D(4, 3, activation="relu"), layers.GlobalAveragePooling2D()]
    model = chain([*steps, layers.Dense(1)])
    explorer = cu.FaithfulnessExplorer(cu.ImageClassifier("net", model, None, ["area"]), picture)
    explorer.wait()
    assert "area: value " in explorer._sentence and "robab" not in explorer._sentence
    assert explorer._captions["curves"] == "Value"
