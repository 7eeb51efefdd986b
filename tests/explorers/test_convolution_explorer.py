"""The convolution explorer shows what Keras computes, wherever one looks."""

import io

import numpy as np
import pytest
from PIL import Image
from test_explorers import pixels, png_file, text, upload

import course_utils as cu
from course_utils.display.charts import numbers_picture
from course_utils.display.words import describe_products
from course_utils.methods.convolution import first_convolution


@pytest.fixture
def explorer(embedded, chelsea):
    return cu.ConvolutionExplorer(embedded, chelsea)


def assert_place_is_shown(explorer, image):
    """All that is shown, computed once more from the controls alone."""
    place = explorer.kernel.value, explorer.row.value, explorer.column.value
    found = first_convolution(explorer.classifier, cu.load_image(image, (224, 224)))
    where = "stem_conv, kernel {}, row {}, column {}. ".format(*place)
    assert text(explorer.words) == where + describe_products(found, *place)
    assert np.array_equal(
        pixels(explorer.panels["numbers"].value), numbers_picture(found, *place, width=420)
    )
    for name in ("input", "map"):
        shown = pixels(explorer.panels[name].value)
        height, width, _ = shown.shape
        marks = np.argwhere(np.abs(shown[..., :3] - (230, 0, 120)).max(axis=2) < 30)
        center = (np.array(place[1:]) + 0.5) / 112 * (height, width)
        assert np.abs(marks.mean(axis=0) - center).max() < 6
    assert text(explorer.status) == ""


def test_it_opens_at_the_brightest_place(explorer, chelsea):
    maps = first_convolution(explorer.classifier, cu.load_image(chelsea, (224, 224))).maps
    best = np.unravel_index(maps[..., 0].argmax(), maps.shape[:2])
    assert (explorer.row.value, explorer.column.value) == best
    assert_place_is_shown(explorer, chelsea)


def test_every_control(explorer, chelsea):
    for name, end in {"kernel": 31, "row": 111, "column": 111}.items():
        control = getattr(explorer, name)
        assert (control.min, control.max) == (0, end)
        for value in (0, end // 2):
            control.value = value
            assert_place_is_shown(explorer, chelsea)
    before = explorer.panels["map"].value
    explorer.colors.value = "gray"
    assert explorer.panels["map"].value != before


@pytest.mark.parametrize("panel", ["input", "map"])
def test_a_click_chooses_the_place(explorer, chelsea, panel):
    explorer.panels[panel].clicked = [0.25, 0.75, 1]
    assert (explorer.row.value, explorer.column.value) == (84, 28)
    assert_place_is_shown(explorer, chelsea)


def test_the_readers_own_picture(explorer):
    explorer.row.value = explorer.column.value = 50
    upload(explorer, "mine.png", png_file())
    assert_place_is_shown(explorer, np.asarray(Image.open(io.BytesIO(png_file()))))
    explorer.picture.value = "coffee"
    assert_place_is_shown(explorer, "coffee")


def test_its_still_picture(explorer):
    data, settings = explorer._repr_mimebundle_()
    assert data["text/plain"].startswith("stem_conv, kernel 0")
    assert Image.open(io.BytesIO(data["image/png"])).width > 1000
    shown = settings["ConvolutionExplorer"]
    assert shown["picture"] == "chelsea" and shown["row"] == explorer.row.value
