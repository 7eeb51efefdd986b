"""Every control over its whole range, in Python: what the widgets hold is what `views` returns."""

import datetime
import io
import json
import subprocess
import sys
import threading
from pathlib import Path

import ipywidgets
import nbformat
import numpy as np
import pytest
from course_utils.backend import keras
from course_utils.gradcam import METHODS
from course_utils.layerwise import heatmap_from, layer_gradients, numpy_maps, run_layers
from course_utils.receptive_field import receptive_fields
from course_utils.tiles import colormap_names
from PIL import Image

import course_utils as cu
from course_utils import explorers, views

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
import build_notebooks  # noqa: E402

LOCAL_SAMPLES = ["chelsea", "coffee", "astronaut", "rocket", "cat_and_coffee"]
pytestmark = pytest.mark.filterwarnings("ignore:.*finds nothing:UserWarning")


@pytest.fixture
def layer_explorer(embedded, chelsea):
    return cu.LayerExplorer(embedded, chelsea)


@pytest.fixture
def class_explorer(embedded):
    return cu.ClassExplorer(embedded, "cat_and_coffee")


@pytest.fixture
def small():
    """Two convolutions and three classes, on 8 x 8 pictures, seeded: compiled in no time."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(70, 3, padding="same", activation="relu", name="first")(inputs)
    x = keras.layers.Conv2D(5, 3, 2, padding="same", activation="relu", name="second")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    outputs = keras.layers.Dense(3, activation="softmax", name="predictions")(x)
    return cu.ImageClassifier("small", keras.Model(inputs, outputs), lambda images: images / 255)


@pytest.fixture
def small_explorer(small, picture):
    return cu.ClassExplorer(small, picture)


def text(widget):
    """What a reader sees of an HTML widget."""
    return widget.value.partition(">")[2].rpartition("<")[0]


def png_file(size=(40, 30), color=(200, 30, 60)):
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


def upload(explorer, name, content):
    """What the browser does, in the format of the ipywidgets that is installed."""
    if int(ipywidgets.__version__.partition(".")[0]) == 7:
        value = {name: {"metadata": {"name": name}, "content": content}}
    else:
        file = {"name": name, "type": "", "size": len(content), "content": memoryview(content)}
        value = ({**file, "last_modified": datetime.datetime.now(datetime.UTC)},)
    explorer.upload.set_trait("value", value)


def assert_layer_is_shown(explorer, image, outputs=None):
    """All that a LayerExplorer shows, computed once more from its controls alone."""
    name, channel, cmap = explorer.layer.value, explorer.channel.value, explorer.colors.value
    if outputs is None:
        small = views.network_picture(image, explorer.classifier.input_size)
        outputs, _ = run_layers(explorer.classifier, small, explorer.layer.options)
    maps = numpy_maps(outputs[name])
    tile, size = views.page_tile(maps, explorer.page.value), maps.shape[:2]
    screen = views.screen_picture(image)
    assert explorer.page.value == channel // views.PAGE
    shown = explorer.panels
    assert shown["input"].value == views.encode_picture(screen)
    assert shown["page"].value == views.page_png(tile, size, channel % views.PAGE, cmap)
    assert shown["channel"].value == views.channel_png(maps, channel, screen.shape[:2], cmap)
    kind = type(explorer.classifier.model.get_layer(name)).__name__
    field = receptive_fields(explorer.classifier.graph)[name]
    words = views.describe_layer(name, kind, maps, field), views.describe_channel(maps, channel)
    assert text(explorer.words) == " ".join(words)
    assert text(explorer.status) == ""


def assert_class_is_shown(explorer, image, heatmap):
    """All that a ClassExplorer shows of a heatmap, computed once more from its controls alone."""
    index, method, cmap = explorer.classes.value, explorer.method.value, explorer.colors.value
    screen = views.screen_picture(image)
    pixels = method in ("Saliency", "SmoothGrad", "Integrated Gradients")
    shown = views.brighten(heatmap) if pixels else heatmap
    assert explorer.panels["input"].value == views.encode_picture(screen)
    assert explorer.panels["heatmap"].value == views.heatmap_png(shown, screen.shape[:2], cmap)
    overlay = views.overlay_picture(screen, shown, explorer.alpha.value, cmap)
    assert explorer.panels["overlay"].value == overlay
    small = views.network_picture(image, explorer.classifier.input_size)
    words = text(explorer.words)
    assert words.startswith(
        views.describe_class(index, run_layers(explorer.classifier, small, [])[1])
    )
    assert f" {method}" in words and words.endswith(views.describe_heatmap(heatmap))


# Every layer in one run


def test_all_layers_are_those_of_get_feature_maps(embedded, chelsea):
    maps, logits = run_layers(embedded, chelsea, embedded.feature_map_shapes)
    expected = cu.get_feature_maps(embedded, chelsea)
    assert list(maps) == list(expected)
    for name, tensor in maps.items():
        np.testing.assert_allclose(numpy_maps(tensor), expected[name], atol=1e-3)
    np.testing.assert_allclose(logits, embedded.logits(chelsea)[0], atol=1e-4)


def test_gradcam_finds_its_first_half_computed(small, picture):
    run_layers(small, picture, [])
    heatmap = cu.make_gradcam_heatmap(small, picture, 1)
    assert ("trunk", "second") not in small._functions
    small._remembered.clear()
    np.testing.assert_allclose(heatmap, cu.make_gradcam_heatmap(small, picture, 1), atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("position", [2, 20, -1])
def test_gradients_of_all_layers_give_the_heatmaps_of_each(embedded, chelsea, position, method):
    name = embedded.feature_layer_names[position]
    maps, gradients = map(numpy_maps, layer_gradients(embedded, chelsea, 281)[name])
    expected = cu.make_gradcam_heatmap(embedded, chelsea, 281, name, method)
    np.testing.assert_allclose(heatmap_from(maps, gradients, method), expected, atol=2e-3)


def test_a_heatmap_without_anything_positive_is_zero():
    heatmap = heatmap_from(np.ones((2, 2, 1)), -np.ones((2, 2, 1)), "grad_cam")
    np.testing.assert_array_equal(heatmap, np.zeros((2, 2)))


def test_a_heatmap_of_a_diverged_network_is_refused():
    with pytest.raises(ValueError, match="NaN or infinite"):
        heatmap_from(np.full((2, 2, 1), np.nan), np.ones((2, 2, 1)), "grad_cam")


# LayerExplorer


def test_the_first_view(layer_explorer, chelsea):
    assert layer_explorer.layer.value == "stem_activation"
    assert list(layer_explorer.layer.options) == list(layer_explorer.classifier.feature_map_shapes)
    assert_layer_is_shown(layer_explorer, chelsea)


def test_every_layer(layer_explorer, chelsea):
    embedded = layer_explorer.classifier
    small = views.network_picture(chelsea, embedded.input_size)
    outputs, _ = run_layers(embedded, small, embedded.feature_map_shapes)
    pages = set()
    for name in layer_explorer.layer.options:
        layer_explorer.layer.value = name
        assert_layer_is_shown(layer_explorer, chelsea, outputs)
        pages.add(layer_explorer.panels["page"].value)
    # Normalization scales each map, and so does its picture: the two look the same.
    assert len(pages) > 0.7 * len(layer_explorer.layer.options)


def test_every_page_and_channel(layer_explorer, chelsea):
    layer_explorer.layer.value = "block7a_project_conv"
    assert [label for label, _ in layer_explorer.page.options][-1] == "256 to 319"
    for _, page in layer_explorer.page.options:
        layer_explorer.page.value = page
        assert_layer_is_shown(layer_explorer, chelsea)
    for channel in range(320):
        layer_explorer.channel.value = channel
        assert layer_explorer.page.value == channel // 64
    assert layer_explorer.channel.max == 319
    assert_layer_is_shown(layer_explorer, chelsea)


def test_a_channel_keeps_its_place_on_the_next_page(layer_explorer):
    layer_explorer.layer.value = "block2a_expand_activation"  # 96 channels
    layer_explorer.channel.value = 5
    layer_explorer.page.value = 1
    assert layer_explorer.channel.value == 69
    layer_explorer.page.value = 0
    layer_explorer.channel.value = 50
    layer_explorer.page.value = 1
    assert layer_explorer.channel.value == 95


def test_a_layer_with_fewer_channels_takes_its_last(layer_explorer, chelsea):
    layer_explorer.layer.value = "top_activation"
    layer_explorer.channel.value = 1279
    layer_explorer.layer.value = "stem_conv"
    assert layer_explorer.channel.value == 31
    assert_layer_is_shown(layer_explorer, chelsea)


def test_every_color_map(layer_explorer, chelsea):
    assert list(layer_explorer.colors.options) == colormap_names()
    for cmap in layer_explorer.colors.options:
        layer_explorer.colors.value = cmap
        assert_layer_is_shown(layer_explorer, chelsea)


@pytest.mark.parametrize("name", LOCAL_SAMPLES)
def test_every_sample(layer_explorer, name):
    layer_explorer.picture.value = name
    assert_layer_is_shown(layer_explorer, cu.load_image(name))


# ClassExplorer


def test_the_first_class_is_the_first_ranked(class_explorer, embedded):
    image = cu.load_image("cat_and_coffee")
    best = embedded.top_predictions(image, 20)
    assert [index for _, index in class_explorer.classes.options] == [p.class_index for p in best]
    assert class_explorer.classes.value == best[0].class_index
    assert class_explorer.layer.value == embedded.feature_layer_names[-1]
    small = views.network_picture(image, embedded.input_size)
    assert_class_is_shown(class_explorer, image, cu.make_gradcam_heatmap(embedded, small))


def test_every_class_of_the_slider(class_explorer, embedded):
    image = cu.load_image("cat_and_coffee")
    small = views.network_picture(image, embedded.input_size)
    for _, index in class_explorer.classes.options:
        class_explorer.classes.value = index
        heatmap = cu.make_gradcam_heatmap(embedded, small, index)
        assert_class_is_shown(class_explorer, image, heatmap)
        assert class_explorer._threads == []  # at once


@pytest.mark.parametrize("method", ["Grad-CAM", "Grad-CAM++", "LayerCAM"])
def test_every_layer_of_a_method(class_explorer, embedded, method):
    image = cu.load_image("cat_and_coffee")
    small = views.network_picture(image, embedded.input_size)
    class_explorer.method.value = method
    pairs = layer_gradients(embedded, small, class_explorer.classes.value)
    key = explorers._CAMS[method]
    for name in embedded.feature_layer_names[:-1]:
        class_explorer.layer.value = name
        class_explorer.wait()
        heatmap = heatmap_from(*map(numpy_maps, pairs[name]), key)
        assert_class_is_shown(class_explorer, image, heatmap)
        assert f" at {name}:" in text(class_explorer.words)
    assert len(class_explorer._threads) == 1  # one run for all layers


def test_every_opacity_and_color_map(class_explorer, embedded):
    image = cu.load_image("cat_and_coffee")
    small = views.network_picture(image, embedded.input_size)
    heatmap = cu.make_gradcam_heatmap(embedded, small)
    for alpha in np.linspace(0, 1, 21):
        class_explorer.alpha.value = alpha
        assert_class_is_shown(class_explorer, image, heatmap)
    for cmap in class_explorer.colors.options:
        class_explorer.colors.value = cmap
        assert_class_is_shown(class_explorer, image, heatmap)


def test_methods_of_pixels(small_explorer, small, picture):
    computed = {
        "Saliency": cu.compute_saliency_map(small, picture, 1),
        "SmoothGrad": cu.smooth_grad(small, picture, 1),
        "Integrated Gradients": np.abs(cu.integrated_gradients(small, picture, 1).sum(axis=-1)),
    }
    small_explorer.classes.value = 1
    for method, heatmap in computed.items():
        small_explorer.method.value = method
        small_explorer.wait()
        assert_class_is_shown(small_explorer, picture, heatmap)
        assert small_explorer.layer.disabled and text(small_explorer.status) == ""
        assert small_explorer.progress.layout.visibility == "hidden"
    small_explorer.method.value = "Grad-CAM"
    assert not small_explorer.layer.disabled


def test_a_heatmap_is_computed_once(small_explorer):
    small_explorer.method.value = "SmoothGrad"
    small_explorer.wait()
    first = small_explorer.panels["heatmap"].value
    small_explorer.method.value = "Grad-CAM"
    small_explorer.method.value = "SmoothGrad"
    assert small_explorer.panels["heatmap"].value == first
    assert len(small_explorer._threads) == 1


@pytest.mark.parametrize("name", LOCAL_SAMPLES)
def test_another_picture_brings_its_own_classes(class_explorer, embedded, name):
    class_explorer.picture.value = name
    image = cu.load_image(name)
    assert class_explorer.classes.value == embedded.top_predictions(image, 1)[0].class_index
    small = views.network_picture(image, embedded.input_size)
    assert_class_is_shown(class_explorer, image, cu.make_gradcam_heatmap(embedded, small))


def test_the_same_place_of_two_pictures_is_not_confused(class_explorer):
    class_explorer.picture.value = "chelsea"
    first = class_explorer.panels["heatmap"].value
    upload(class_explorer, "picture.png", png_file())
    upload(class_explorer, "picture.png", png_file(color=(0, 200, 0)))
    green = class_explorer.panels["input"].value
    assert green == views.encode_picture(
        views.screen_picture(cu.load_image(png_file((40, 30), (0, 200, 0))))
    )
    class_explorer.picture.value = "chelsea"
    assert class_explorer.panels["heatmap"].value == first


def test_the_same_class_of_another_picture_is_computed_anew(small_explorer, small, picture):
    mine = cu.load_image(png_file())
    for index in (0, 1, 2):
        small_explorer.classes.value = index
    upload(small_explorer, "mine.png", png_file())
    differing = 0
    for index in (0, 1, 2):
        small_explorer.classes.value = index
        heatmap = cu.make_gradcam_heatmap(small, views.network_picture(mine, (8, 8)), index)
        assert_class_is_shown(small_explorer, mine, heatmap)
        differing += not np.allclose(heatmap, cu.make_gradcam_heatmap(small, picture, index))
    assert differing


# Search


def test_searching_all_classes(class_explorer, embedded):
    class_explorer.search.value = "crane"
    assert class_explorer.found.options[0][0].startswith("2 found")
    assert [index for _, index in class_explorer.found.options[1:]] == [134, 517]
    image = cu.load_image("cat_and_coffee")
    small = views.network_picture(image, embedded.input_size)
    for index in (134, 517):
        class_explorer.found.value = index
        assert class_explorer.classes.value == index
        assert_class_is_shown(
            class_explorer, image, cu.make_gradcam_heatmap(embedded, small, index)
        )


def test_a_class_far_down_becomes_the_last_of_the_slider(class_explorer):
    class_explorer.search.value = "great white shark"
    class_explorer.found.value = 2
    assert len(class_explorer.classes.options) == 21
    assert class_explorer.classes.options[-1][1] == class_explorer.classes.value == 2


def test_typing_alone_chooses_nothing(class_explorer):
    before = class_explorer.classes.value
    for typed in ("c", "ca", "cat", "", "   "):
        class_explorer.search.value = typed
    assert class_explorer.classes.value == before
    assert class_explorer.found.disabled and text(class_explorer.status) == ""


def test_no_such_class(class_explorer):
    class_explorer.search.value = "giraffe"
    assert "giraffe" in text(class_explorer.status)
    assert class_explorer.found.disabled and class_explorer.found.value == -1
    class_explorer.search.value = "cat"
    assert text(class_explorer.status) == ""


# Slow methods


@pytest.fixture
def gate(monkeypatch):
    """SmoothGrad in batches that wait to be let through; records what it has been through."""

    class Gate:
        reached, go, finished = threading.Event(), threading.Event(), []

    def slow(classifier, image, class_index, progress):
        for batch in progress(range(3)):
            Gate.reached.set()
            assert Gate.go.wait(60)
            Gate.finished.append((class_index, batch))
        return np.full(classifier.input_size, (class_index + 1) / 10, np.float32)

    Gate.reached, Gate.go, Gate.finished = threading.Event(), threading.Event(), []
    monkeypatch.setattr(explorers, "smooth_grad", slow)
    return Gate


def test_a_slow_method_says_so_and_leaves_the_picture(small_explorer, gate):
    before = small_explorer.panels["heatmap"].value, small_explorer.words.value
    small_explorer.method.value = "SmoothGrad"
    assert gate.reached.wait(60)
    assert text(small_explorer.status).startswith("Computing SmoothGrad for ")
    assert small_explorer.progress.layout.visibility == "visible"
    assert (small_explorer.panels["heatmap"].value, small_explorer.words.value) == before
    gate.go.set()
    small_explorer.wait()
    assert small_explorer.panels["heatmap"].value != before[0]
    assert small_explorer.progress.value == pytest.approx(2 / 3)


def test_moving_on_stops_it_at_its_next_batch(small_explorer, gate):
    small_explorer.method.value = "SmoothGrad"
    first = small_explorer.classes.value
    assert gate.reached.wait(60)
    small_explorer.method.value = "Grad-CAM"
    shown = small_explorer.panels["heatmap"].value, small_explorer.words.value
    assert small_explorer.progress.layout.visibility == "hidden"
    gate.go.set()
    small_explorer.wait()
    assert gate.finished == [(first, 0)]
    assert (small_explorer.panels["heatmap"].value, small_explorer.words.value) == shown
    assert "SmoothGrad" not in text(small_explorer.status)


def test_the_newest_class_wins(small_explorer, gate, picture):
    small_explorer.classes.value = 0
    small_explorer.method.value = "SmoothGrad"
    assert gate.reached.wait(60)
    small_explorer.classes.value = 1
    small_explorer.classes.value = 2
    gate.go.set()
    small_explorer.wait()
    assert_class_is_shown(small_explorer, picture, np.full((8, 8), 0.3, np.float32))
    assert not {(0, 1), (1, 1)} & set(gate.finished)


def test_opacity_and_colors_do_not_start_it_again(small_explorer, gate, picture):
    small_explorer.method.value = "SmoothGrad"
    assert gate.reached.wait(60)
    small_explorer.alpha.value = 0.9
    small_explorer.colors.value = "magma"
    assert text(small_explorer.status).startswith("Computing SmoothGrad")
    gate.go.set()
    small_explorer.wait()
    index = small_explorer.classes.value
    assert [batch for _, batch in gate.finished] == [0, 1, 2]
    assert_class_is_shown(small_explorer, picture, np.full((8, 8), (index + 1) / 10, np.float32))


def test_an_error_in_the_thread_is_told_and_raised(small_explorer, monkeypatch):
    def fail(*arguments, **options):
        raise ArithmeticError("seven")

    monkeypatch.setattr(explorers, "smooth_grad", fail)
    small_explorer.method.value = "SmoothGrad"
    with pytest.raises(ArithmeticError, match="seven"):
        small_explorer.wait()
    assert text(small_explorer.status) == "Unexpected ArithmeticError: seven"
    assert small_explorer.progress.layout.visibility == "hidden"
    small_explorer.wait()
    small_explorer.method.value = "Grad-CAM"
    assert text(small_explorer.status) == ""


def test_progress_may_be_a_function(small, picture):
    """SmoothGrad and Integrated Gradients hand over their batches, and stop where it raises."""
    seen = []

    def progress(batches):
        for batch in batches:
            seen.append((batch, len(batches)))
            yield batch

    expected = cu.smooth_grad(small, picture, 0, num_samples=12)
    np.testing.assert_array_equal(
        cu.smooth_grad(small, picture, 0, num_samples=12, progress=progress), expected
    )
    assert [total for _, total in seen] == [3, 3, 3]
    cu.integrated_gradients(small, picture, 0, num_steps=10, progress=progress)
    assert len(seen) == 5

    def refuse(batches):
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        cu.integrated_gradients(small, picture, 0, progress=refuse)


# What both have

BOTH = ["layer_explorer", "class_explorer"]


@pytest.fixture(params=BOTH)
def explorer(request):
    return request.getfixturevalue(request.param)


def controls(explorer):
    found = [value for value in vars(explorer).values() if hasattr(value, "description")]
    return [control for control in found if not isinstance(control, ipywidgets.HTML)]


def test_every_control_has_a_description_and_is_in_reach(explorer):
    def inside(widget):
        return [widget, *(w for child in getattr(widget, "children", []) for w in inside(child))]

    present = inside(explorer.widget)
    assert len(controls(explorer)) >= 6
    for control in controls(explorer):
        assert control.description and control in present
        assert getattr(control, "continuous_update", True)
    assert explorer.words in present and explorer.status in present
    assert all(panel in present for panel in explorer.panels.values())


def test_no_control_is_a_list_whose_keys_jupyterlab_takes(explorer):
    lists = (ipywidgets.Dropdown, ipywidgets.Select, ipywidgets.RadioButtons)
    assert not [control for control in controls(explorer) if isinstance(control, lists)]


def test_a_sample_that_cannot_be_read_does_not_keep_an_explorer_from_starting(
    small, picture, monkeypatch
):
    def fail(source):
        if isinstance(source, str):
            raise explorers.ImageError("The picture was not found.")
        return source

    explorers._local_samples.cache_clear()
    monkeypatch.setattr(explorers, "load_image", fail)
    explorer = cu.LayerExplorer(small, picture)
    explorer.picture.value = "coffee"
    assert text(explorer.status) == "The picture was not found."
    assert explorer.picture.value == explorers._GIVEN


def test_controls_share_no_layout(explorer):
    layouts = [control.layout.model_id for control in controls(explorer)]
    assert len(set(layouts)) == len(layouts)


def test_an_upload_is_shown(explorer):
    file = png_file()
    upload(explorer, "mine.png", file)
    assert explorer.picture.value == "mine.png" and text(explorer.status) == ""
    screen = views.screen_picture(cu.load_image(file))
    assert explorer.panels["input"].value == views.encode_picture(screen)
    explorer.picture.value = "coffee"
    explorer.picture.value = "mine.png"
    assert explorer.panels["input"].value == views.encode_picture(screen)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no picture at all", "not a picture"), (png_file()[:60], "damaged"), (b"", "empty")],
    ids=["text", "cut short", "empty"],
)
def test_a_broken_upload_is_one_sentence(explorer, content, message):
    before = explorer.panels["input"].value, explorer.picture.value, explorer.words.value
    upload(explorer, "<b>broken</b>.png", content)
    assert message in text(explorer.status)
    assert "&lt;b&gt;broken" in explorer.status.value
    assert (explorer.panels["input"].value, explorer.picture.value, explorer.words.value) == before


@pytest.mark.parametrize(
    "value",
    [
        {"a.png": {"metadata": {"name": "a.png"}, "content": b"bytes"}},
        ({"name": "a.png", "type": "image/png", "size": 5, "content": memoryview(b"bytes")},),
    ],
    ids=["ipywidgets 7", "ipywidgets 8"],
)
def test_both_formats_of_an_upload(value):
    assert explorers._uploaded(value) == ("a.png", b"bytes")


def test_a_sample_that_cannot_be_fetched(explorer, monkeypatch, tmp_path):
    def fail(source, size=None):
        raise cu.DownloadError(f"{source} needs the network. Go on-line.")

    monkeypatch.setattr(explorers, "load_image", fail)
    before = explorer.panels["input"].value
    explorer.picture.value = "bird"
    assert text(explorer.status) == "bird needs the network. Go on-line."
    assert explorer.picture.value == "the picture given"
    assert explorer.panels["input"].value == before


def test_the_unexpected_is_told_and_raised(explorer, monkeypatch):
    def fail(*arguments):
        raise ArithmeticError("seven <i>")

    monkeypatch.setattr(explorer, "_show_picture", fail)
    with pytest.raises(ArithmeticError):
        explorer.picture.value = "coffee"
    assert text(explorer.status) == "Unexpected ArithmeticError: seven &lt;i&gt;"
    assert explorer.picture.value == "the picture given"


def test_where_nothing_speaks_for_a_class(small_explorer, small):
    small.model.get_layer("predictions").set_weights([np.zeros((5, 3)), np.zeros(3)])
    small_explorer.classes.value = 1 if small_explorer.classes.value != 1 else 2
    assert text(small_explorer.status).startswith("Grad-CAM: the heatmap is zero everywhere")
    assert "zero everywhere" in text(small_explorer.words)


def test_a_hint_on_colab_only(embedded, chelsea, monkeypatch):
    def hints(explorer):
        row = explorer._picture_row().children
        return [w.value for w in row if isinstance(w, ipywidgets.HTML)]

    assert hints(cu.LayerExplorer(embedded, chelsea)) == []
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    [hint] = hints(cu.LayerExplorer(embedded, chelsea))
    assert "1 MB" in hint and "load_image" in hint


@pytest.mark.parametrize("method", ["Saliency", "SmoothGrad", "Integrated Gradients"])
def test_on_colab_no_thread_shows_anything(small_explorer, monkeypatch, method):
    """Colab's page would not learn of it: https://github.com/googlecolab/colabtools/issues/3373."""
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    monkeypatch.setattr(threading.Thread, "start", None)
    before = small_explorer.panels["heatmap"].value
    small_explorer.method.value = method
    assert small_explorer.panels["heatmap"].value != before
    assert text(small_explorer.status) == ""
    assert small_explorer.progress.layout.visibility == "hidden"


def test_on_colab_a_failed_method_says_so(small_explorer, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    monkeypatch.setattr(explorers, "smooth_grad", lambda *_, **__: 1 / 0)
    small_explorer.method.value = "SmoothGrad"
    assert text(small_explorer.status) == "Unexpected ZeroDivisionError: division by zero"


def test_explorers_take_what_load_image_takes(small):
    assert cu.LayerExplorer(small, "chelsea").panels["input"].value
    with pytest.raises(ValueError, match="no sample and no file"):
        cu.ClassExplorer(small, "no such picture")


def test_nothing_piles_up(small, picture):
    explorer = cu.ClassExplorer(small, picture)
    for number in range(40):
        upload(explorer, "mine.png", png_file(color=(number, 0, 0)))
        for index in range(3):
            explorer.classes.value = index
            explorer.layer.value = "first"
            explorer.wait()
            explorer.layer.value = "second"
    assert len(explorer._heatmaps) <= explorers._NUM_HEATMAPS
    assert len(explorer._gradients) <= explorers._NUM_GRADIENTS
    assert len(small._remembered) <= 8 and len(explorer._threads) <= 1


def gradients_of(explorer):
    """Ask a ClassExplorer for a layer that takes the gradients of all layers."""
    explorer.layer.value = "first"
    explorer.wait()
    explorer.layer.value = "second"


def holding(explorer_list):
    """Which explorers keep what they computed of all layers."""
    return [
        bool(getattr(e, "_outputs", None) or getattr(e, "_gradients", None)) for e in explorer_list
    ]


def test_only_the_newest_two_explorers_hold_all_layers(small, picture):
    layers = [cu.LayerExplorer(small, picture) for _ in range(3)]
    assert holding(layers) == [False, True, True]
    classes = [cu.ClassExplorer(small, picture) for _ in range(2)]
    assert holding(layers + classes) == [False, True, True, False, False]
    gradients_of(classes[0])
    assert holding(layers + classes) == [False, False, True, True, False]
    layers[0].layer.value = "second"
    assert holding(layers + classes) == [True, False, False, True, False]
    gradients_of(classes[1])
    assert holding(layers + classes) == [True, False, False, False, True]


def test_gradients_that_nobody_waits_for_any_more_count_as_well(small, picture, monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(
        explorers, "layer_gradients", lambda *a: go.wait(60) and layer_gradients(*a)
    )
    explorer = cu.ClassExplorer(small, picture)
    layers = [cu.LayerExplorer(small, picture) for _ in range(2)]
    explorer.layer.value = "first"
    explorer.layer.value = "second"
    go.set()
    explorer.wait()
    assert holding([*layers, explorer]) == [False, True, True]


def test_explorers_used_in_turns_show_their_own(small, picture):
    names = ["coffee", "rocket", "astronaut"]
    layers = {name: cu.LayerExplorer(small, picture) for name in names}
    classes = {name: cu.ClassExplorer(small, picture) for name in names}
    for name, explorer in [*layers.items(), *classes.items()]:
        explorer.picture.value = name
    for layer in ("second", "first", "second"):
        for name, explorer in layers.items():
            explorer.layer.value = layer
            explorer.channel.value = 3
            assert_layer_is_shown(explorer, cu.load_image(name))
        for name, explorer in classes.items():
            explorer.layer.value = layer
            explorer.classes.value = (explorer.classes.value + 1) % 3
            explorer.wait()
            image = cu.load_image(name)
            shown = views.network_picture(image, (8, 8)), explorer.classes.value, layer
            assert_class_is_shown(explorer, image, cu.make_gradcam_heatmap(small, *shown))


def test_explorers_that_compute_at_once_do_not_block_each_other(small, picture):
    """Each worker's result makes another explorer let go, while that one is in use."""
    images = [np.roll(picture, shift, axis=1) for shift in range(4)]
    classes = [cu.ClassExplorer(small, image) for image in images]
    layer = cu.LayerExplorer(small, picture)
    for index in (0, 1, 2):
        for explorer in classes:
            explorer.classes.value = index
            explorer.layer.value = "first"
            layer.layer.value = "second" if layer.layer.value == "first" else "first"
        for explorer, image in zip(classes, images, strict=True):
            explorer.wait()
            heatmap = cu.make_gradcam_heatmap(small, image, index, "first")
            assert_class_is_shown(explorer, image, heatmap)
            assert text(explorer.status) == "" or not heatmap.any()
            explorer.layer.value = "second"
    assert_layer_is_shown(layer, picture)
    assert sum(holding([*classes, layer])) == 2


# The end of Python

ENDS_WHILE_COMPUTING = """
import atexit, functools
import course_utils as cu
from course_utils import explorers

explorers.smooth_grad = functools.partial(cu.smooth_grad, num_samples=100_000)  # hours
explorer = cu.ClassExplorer(cu.load_classifier("embedded"), "chelsea")
explorer.method.value = "SmoothGrad"
[thread] = explorer._threads
assert thread.is_alive()
atexit.register(lambda: print("alive:", thread.is_alive(), explorer._error))
"""


def test_python_ends_while_a_thread_computes():
    command = [sys.executable, "-W", "ignore", "-c", ENDS_WHILE_COMPUTING]
    root = Path(__file__).parents[1]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
    assert (ran.returncode, ran.stdout) == (0, "alive: False None\n"), ran.stderr


# Where there is no kernel


def test_the_bundle_has_a_widget_a_still_picture_and_a_sentence(explorer):
    bundle = explorer._repr_mimebundle_()
    assert (
        bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == explorer.widget.model_id
    )
    assert bundle["text/plain"] == text(explorer.words)
    panels = explorer.panels
    captions = {"page": "Feature maps", "input": "Input", "channel": "One channel"}
    captions |= {"heatmap": "Heatmap", "overlay": "Overlay"}
    files = {captions[name]: panel.value for name, panel in panels.items()}
    assert list(files)[1 - ("page" not in panels)] == "Input"
    assert bundle["image/png"] == views.still_picture(files, bundle["text/plain"])


def test_the_bundle_waits_for_a_slow_method(small_explorer):
    small_explorer.method.value = "SmoothGrad"
    assert "SmoothGrad" in small_explorer._repr_mimebundle_()["text/plain"]


def test_stored_outputs_keep_the_still_picture_only():
    view = "application/vnd.jupyter.widget-view+json"
    data = [
        {view: {"model_id": "1"}, "image/png": "aGk=", "text/plain": "words"},
        {view: {"model_id": "2"}, "text/plain": "a widget without a picture"},
        {"text/plain": "neither"},
    ]
    outputs = [nbformat.v4.new_output("display_data", item) for item in data]
    outputs.append(nbformat.v4.new_output("stream", text="printed"))
    cells = [nbformat.v4.new_code_cell("x", outputs=outputs), nbformat.v4.new_markdown_cell("y")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    build_notebooks.drop_widget_views(notebook)
    kept = [sorted(output.get("data", {})) for output in cells[0].outputs]
    assert kept == [["image/png", "text/plain"], [view, "text/plain"], ["text/plain"], []]
    assert json.loads(nbformat.writes(notebook))
