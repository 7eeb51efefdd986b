"""Every control over its whole range, in Python: what the widgets hold is what `views` returns."""

import datetime
import io
import sys
import threading

import ipywidgets
import numpy as np
import pytest
from PIL import Image
from small_networks import chain, layers, wrap

import course_utils as cu
from course_utils.backend import keras
from course_utils.display import views
from course_utils.display.stills import still_picture
from course_utils.display.tiles import COLOR_MAPS
from course_utils.engine import memory
from course_utils.engine.runner import to_array
from course_utils.explorers import class_explorer
from course_utils.networks.classifier import runner_of

OF_PIXELS = [key for key, method in cu.METHODS.items() if not method.formula]
AT_LAYER = [key for key, method in cu.METHODS.items() if method.formula]
pytestmark = pytest.mark.filterwarnings("ignore:.*finds nothing:UserWarning")


@pytest.fixture
def layers_of_chelsea(embedded, chelsea):
    return cu.LayerExplorer(embedded, chelsea)


@pytest.fixture
def classes_of_both(embedded):
    return cu.ClassExplorer(embedded, "cat_and_coffee")


@pytest.fixture
def small_explorer(small, picture):
    return cu.ClassExplorer(small, picture)


@pytest.fixture(params=[cu.LayerExplorer, cu.ClassExplorer])
def explorer(request, small, picture):
    return request.param(small, picture)


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
        small = cu.load_image(image, explorer.classifier.input_size)
        outputs = runner_of(explorer.classifier).all_layers(small)
    maps = to_array(outputs[name])
    tile, size = views.page_tile(maps, explorer.page.value), maps.shape[:2]
    screen = views.screen_picture(image)
    assert explorer.page.value == channel // views.PAGE
    shown = explorer.panels
    assert shown["input"].value == views.encode_picture(screen)
    assert shown["page"].value == views.page_png(tile, size, channel % views.PAGE, cmap)
    assert shown["channel"].value == views.channel_png(maps, channel, screen.shape[:2], cmap)
    kind = type(explorer.classifier.model.get_layer(name)).__name__
    field = runner_of(explorer.classifier).receptive_fields[name]
    words = views.describe_layer(name, kind, maps, field), views.describe_channel(maps, channel)
    assert text(explorer.words) == " ".join(words)
    assert text(explorer.status) == ""


def assert_class_is_shown(explorer, image, heatmap):
    """All that a ClassExplorer shows of a heatmap, computed once more from its controls alone."""
    key, cmap = explorer.method.value, explorer.colors.value
    screen = views.screen_picture(image)
    shown = views.brighten(heatmap) if key in OF_PIXELS else heatmap
    assert explorer.panels["input"].value == views.encode_picture(screen)
    assert explorer.panels["heatmap"].value == views.heatmap_png(shown, screen.shape[:2], cmap)
    overlay = views.overlay_picture(screen, shown, explorer.alpha.value, cmap)
    assert explorer.panels["overlay"].value == overlay
    small = cu.load_image(image, explorer.classifier.input_size)
    [logits] = explorer.classifier.logits(small)
    words = text(explorer.words)
    names, probabilities = explorer.classifier.class_names, explorer.classifier.predict(image)[0]
    ranking = views.rank_classes(names, logits, probabilities)
    assert words.startswith(views.describe_class(explorer.classes.value, ranking))
    where = "" if key in OF_PIXELS else f" at {explorer.layer.value}"
    assert f" {cu.METHODS[key].title}{where}:" in words
    assert words.endswith(views.describe_heatmap(heatmap))


# LayerExplorer


def test_every_layer(layers_of_chelsea, embedded, chelsea):
    options = layers_of_chelsea.layer.options
    assert layers_of_chelsea.layer.value == "stem_activation"
    assert list(options) == list(cu.get_feature_maps(embedded, chelsea))
    small = cu.load_image(chelsea, embedded.input_size)
    outputs = runner_of(embedded).all_layers(small)
    pages = set()
    for name in options:
        layers_of_chelsea.layer.value = name
        assert_layer_is_shown(layers_of_chelsea, chelsea, outputs)
        pages.add(layers_of_chelsea.panels["page"].value)
    # Normalization scales each map, and so does its picture: the two look the same.
    assert len(pages) > 0.7 * len(options)


def test_a_keras_model_without_classes(embedded, chelsea):
    """VGG16's convolutions, as the chapters load them."""
    weights = cu.weights_path("vgg16_no_top")
    size, prepare = (224, 224, 3), keras.applications.vgg16.preprocess_input
    model = keras.applications.VGG16(include_top=False, weights=weights, input_shape=size)
    explorer = cu.LayerExplorer(model, chelsea, prepare)
    small = cu.load_image(chelsea, (224, 224))
    maps = cu.get_feature_maps(model, small, preprocess_input=prepare)
    assert list(explorer.layer.options) == list(maps)
    assert list(maps) == [layer.name for layer in model.layers[1:]]
    expected = keras.Model(model.input, model.get_layer("block3_conv3").output)
    expected = expected(prepare(np.float32(small)[None]))[0]
    np.testing.assert_allclose(maps["block3_conv3"], expected, atol=1e-2)
    for explorer.layer.value in ("block1_conv1", "block3_conv3", "block5_pool"):
        tile = views.page_tile(maps[explorer.layer.value], 0)
        shape = maps[explorer.layer.value].shape[:2]
        shown = pixels(explorer.panels["page"].value)
        np.testing.assert_allclose(shown, pixels(views.page_png(tile, shape, 0)), atol=9)


def test_every_page_and_channel(layers_of_chelsea, chelsea):
    explorer = layers_of_chelsea
    explorer.layer.value = "block7a_project_conv"
    assert [label for label, _ in explorer.page.options][-1] == "256 to 319"
    for _, page in explorer.page.options:
        explorer.page.value = page
        assert_layer_is_shown(explorer, chelsea)
    for channel in range(0, 320, 9):
        explorer.channel.value = channel
        assert explorer.page.value == channel // 64
    assert_layer_is_shown(explorer, chelsea)
    explorer.channel.value = 5
    explorer.page.value = 1
    assert explorer.channel.value == 69  # it keeps its place on the next page
    explorer.channel.value = explorer.channel.max
    explorer.layer.value = "stem_conv"
    assert explorer.channel.value == 31  # the last one of a layer that has fewer
    assert_layer_is_shown(explorer, chelsea)


def test_every_color_map_and_sample(layers_of_chelsea):
    assert list(layers_of_chelsea.colors.options) == list(COLOR_MAPS)
    for cmap, name in zip(
        COLOR_MAPS, ["coffee", "astronaut", "rocket", "chelsea", "coffee"], strict=True
    ):
        layers_of_chelsea.colors.value = cmap
        layers_of_chelsea.picture.value = name
        assert_layer_is_shown(layers_of_chelsea, cu.load_image(name))


# ClassExplorer


def test_every_class_of_the_slider_at_once(classes_of_both, embedded, monkeypatch):
    explorer, image = classes_of_both, cu.load_image("cat_and_coffee")
    small = cu.load_image(image, embedded.input_size)
    monkeypatch.setattr(threading.Thread, "start", None)
    ranked = [p.class_index for p in embedded.top_predictions(image, 20)]
    assert [index for _, index in explorer.classes.options] == ranked
    assert (explorer.classes.value, explorer.layer.value) == (ranked[0], "top_activation")
    for index in ranked:
        explorer.classes.value = index
        assert_class_is_shown(explorer, image, cu.make_gradcam_heatmap(embedded, small, index))
    for explorer.alpha.value in (0, 0.3, 1):
        for explorer.colors.value in ("magma", "gray"):
            heatmap = cu.make_gradcam_heatmap(embedded, small, ranked[-1])
            assert_class_is_shown(explorer, image, heatmap)


@pytest.mark.parametrize("method", AT_LAYER)
def test_every_layer_of_a_method_for_one_run(small_explorer, small, picture, method, monkeypatch):
    small_explorer.classes.value = 1
    small_explorer.layer.value = "first"
    small_explorer.wait()
    monkeypatch.setattr(threading.Thread, "start", None)
    small_explorer.method.value = method
    for small_explorer.layer.value in ("first", "second"):
        layer_name = small_explorer.layer.value
        heatmap = cu.make_gradcam_heatmap(small, picture, 1, layer_name, method)
        shown = small_explorer.panels["heatmap"].value
        np.testing.assert_allclose(
            pixels(shown), pixels(views.heatmap_png(heatmap, (360, 360))), atol=2
        )
        assert not small_explorer.layer.disabled and f" at {layer_name}:" in text(
            small_explorer.words
        )


def pixels(png, mode="RGB"):
    return np.asarray(Image.open(io.BytesIO(png)).convert(mode)).astype(int)


@pytest.mark.parametrize("method", OF_PIXELS)
def test_methods_of_pixels(small_explorer, small, picture, method, monkeypatch):
    small_explorer.classes.value = 1
    small_explorer.method.value = method
    small_explorer.wait()
    assert_class_is_shown(small_explorer, picture, cu.METHODS[method].compute(small, picture, 1))
    assert small_explorer.layer.disabled and text(small_explorer.status) == ""
    shown = small_explorer.panels["heatmap"].value
    monkeypatch.setattr(threading.Thread, "start", None)  # it is computed once
    for small_explorer.method.value in ("grad_cam", method):
        assert (small_explorer.panels["heatmap"].value == shown) == small_explorer.layer.disabled


def test_another_picture_brings_its_own_classes_and_heatmaps(classes_of_both, embedded):
    for name in ("chelsea", "coffee", "chelsea"):
        classes_of_both.picture.value = name
        image = cu.load_image(name)
        assert classes_of_both.classes.value == embedded.top_predictions(image, 1)[0].class_index
        small = cu.load_image(image, embedded.input_size)
        assert_class_is_shown(classes_of_both, image, cu.make_gradcam_heatmap(embedded, small))


def test_two_pictures_of_one_name_are_not_confused(small_explorer, small):
    for color in ((200, 30, 60), (0, 200, 0)):
        file = png_file(color=color)
        upload(small_explorer, "picture.png", file)
        image = cu.load_image(file)
        for small_explorer.classes.value in (0, 1, 2):
            shown = cu.load_image(image, (8, 8)), small_explorer.classes.value
            heatmap = cu.make_gradcam_heatmap(small, *shown)
            assert_class_is_shown(small_explorer, image, heatmap)


# Search


def test_searching_all_classes(classes_of_both):
    explorer = classes_of_both
    before = explorer.classes.value
    for explorer.search.value in ("c", "cr", "crane"):
        assert explorer.classes.value == before  # typing alone chooses nothing
    assert explorer.found.options[0][0].startswith("2 found")
    assert [index for _, index in explorer.found.options[1:]] == [134, 517]
    for index in (134, 517):
        explorer.found.value = index
        assert explorer.classes.value == index
        assert text(explorer.words).startswith(f"crane (class {index}): ")
    assert len(explorer.classes.options) == 21 and explorer.classes.options[-1][1] == 517


def test_no_such_class(classes_of_both):
    classes_of_both.search.value = "giraffe"
    assert "giraffe" in text(classes_of_both.status) and classes_of_both.found.disabled
    classes_of_both.search.value = "cat"
    assert text(classes_of_both.status) == "" and not classes_of_both.found.disabled
    classes_of_both.search.value = "  "
    assert text(classes_of_both.status) == "" and classes_of_both.found.disabled


# Slow methods


class Gate:
    """SmoothGrad in batches that wait to be let through."""

    def __init__(self):
        self.reached, self.go, self.begun = threading.Event(), threading.Event(), []

    def smooth_grad(self, classifier, image, class_index, progress):
        self.begun.append(class_index)
        for _ in progress(range(3)):
            self.reached.set()
            assert self.go.wait(60)
        return np.full(classifier.input_size, (class_index + 1) / 10, np.float32)


@pytest.fixture
def gate(monkeypatch):
    gate = Gate()
    replace_smooth_grad(monkeypatch, gate.smooth_grad)
    yield gate
    gate.go.set()


def replace_smooth_grad(monkeypatch, compute):
    row = cu.METHODS["smooth_grad"]._replace(compute=compute)
    monkeypatch.setattr(class_explorer, "METHODS", {**cu.METHODS, "smooth_grad": row})


def test_a_slow_method_says_so_and_leaves_the_picture(small_explorer, gate, picture):
    before = small_explorer.panels["heatmap"].value, small_explorer.words.value
    small_explorer.method.value = "smooth_grad"
    assert gate.reached.wait(60)
    for small_explorer.alpha.value in (0.5, 0.9):  # which does not start it again
        assert text(small_explorer.status).startswith("Computing SmoothGrad for ")
    assert small_explorer.progress.layout.visibility == "visible"
    assert (small_explorer.panels["heatmap"].value, small_explorer.words.value) == before
    gate.go.set()
    small_explorer.wait()
    index = small_explorer.classes.value
    assert gate.begun == [index]
    assert_class_is_shown(small_explorer, picture, np.full((8, 8), (index + 1) / 10, np.float32))
    assert small_explorer.progress.value == pytest.approx(2 / 3)
    assert small_explorer.progress.layout.visibility == "hidden"


def test_nothing_of_the_picture_before_stands_beside_a_new_one(small_explorer, gate):
    before = small_explorer.panels["heatmap"].value
    small_explorer.method.value = "smooth_grad"
    small_explorer.picture.value = "coffee"
    label, index = small_explorer.classes.label, small_explorer.classes.value
    assert text(small_explorer.words).startswith(f"{label[3:].rsplit(' ', 1)[0]} (class {index})")
    assert "peak" not in text(small_explorer.words)
    assert small_explorer.panels["heatmap"].value != before
    assert small_explorer.panels["overlay"].value == small_explorer.panels["input"].value
    gate.go.set()
    small_explorer.wait()
    assert "SmoothGrad: peak" in text(small_explorer.words)


@pytest.mark.parametrize("where", ["without anywidget", "on Colab"])
def test_a_plain_upload_where_anywidget_does_not_carry(small, picture, monkeypatch, where):
    assert not isinstance(cu.LayerExplorer(small, picture).upload, ipywidgets.FileUpload)
    if where == "on Colab":
        monkeypatch.setitem(sys.modules, "google.colab", sys)
    else:
        monkeypatch.setitem(sys.modules, "anywidget", None)
    explorer = cu.LayerExplorer(small, picture)
    assert isinstance(explorer.upload, ipywidgets.FileUpload)
    upload(explorer, "mine.png", png_file())
    assert explorer.picture.value == "mine.png"


def test_what_the_browser_could_not_read_and_long_names(explorer):
    explorer.upload.value = [{"name": "<i>.heic", "number": 1, "problem": "This browser cannot."}]
    assert text(explorer.status) == "&lt;i&gt;.heic: This browser cannot."
    upload(explorer, "x" * 200 + ".png", png_file())
    name = explorer.picture.value
    assert len(name) == 40 and name.endswith(".png") and text(explorer.status) == ""


def test_the_newest_choice_wins(small_explorer, gate, picture):
    small_explorer.classes.value = 0
    small_explorer.method.value = "smooth_grad"
    assert gate.reached.wait(60)
    for small_explorer.classes.value in (1, 2):
        pass
    gate.go.set()
    small_explorer.wait()
    assert_class_is_shown(small_explorer, picture, np.full((8, 8), 0.3, np.float32))
    gate.go.clear()
    small_explorer.classes.value = 1
    small_explorer.method.value = "grad_cam"
    shown = small_explorer.panels["heatmap"].value, small_explorer.words.value
    assert small_explorer.progress.layout.visibility == "hidden"
    gate.go.set()
    small_explorer.wait()
    assert (small_explorer.panels["heatmap"].value, small_explorer.words.value) == shown
    assert "SmoothGrad" not in text(small_explorer.status)


def test_a_batch_begun_while_the_reader_moves_on_does_not_show_the_bar_again(
    small_explorer, monkeypatch
):
    class Batches(list):
        def __len__(self):  # asked for between "go on" and the bar
            small_explorer.method.value = "grad_cam"
            return 1

    replace_smooth_grad(monkeypatch, lambda *_, progress: list(progress(Batches([0]))))
    small_explorer.method.value = "smooth_grad"
    small_explorer.wait()
    assert small_explorer.method.value == "grad_cam"
    assert small_explorer.progress.layout.visibility == "hidden"


@pytest.mark.parametrize("on_colab", [False, True])
def test_an_error_in_a_slow_method_is_told_and_raised(small_explorer, monkeypatch, on_colab):
    if on_colab:
        monkeypatch.setitem(sys.modules, "google.colab", sys)
    replace_smooth_grad(monkeypatch, lambda *_, **__: 1 / 0)
    small_explorer.method.value = "smooth_grad"
    with pytest.raises(ZeroDivisionError):
        small_explorer.wait()
    assert text(small_explorer.status) == "Unexpected ZeroDivisionError: division by zero"
    assert small_explorer.progress.layout.visibility == "hidden"
    small_explorer.wait()
    small_explorer.method.value = "grad_cam"
    assert text(small_explorer.status) == ""


def test_where_nothing_speaks_for_a_class(small_explorer, small):
    small.model.get_layer("predictions").set_weights([np.zeros((5, 3)), np.zeros(3)])
    small_explorer.classes.value = 1 if small_explorer.classes.value != 1 else 2
    assert text(small_explorer.status).startswith("Grad-CAM: the heatmap is zero everywhere")
    assert "zero everywhere" in text(small_explorer.words)


# What both have


def controls(explorer):
    found = [value for value in vars(explorer).values() if hasattr(value, "description")]
    return [control for control in found if not isinstance(control, ipywidgets.HTML)]


def test_every_control_is_described_in_reach_and_leaves_keys_to_the_reader(explorer):
    def inside(widget):
        return [widget, *(w for child in getattr(widget, "children", []) for w in inside(child))]

    present = inside(explorer.widget)
    assert len(controls(explorer)) >= 6
    for control in controls(explorer):
        assert control.description and control in present
        assert getattr(control, "continuous_update", True)
        # JupyterLab takes the keys from these.
        assert not isinstance(control, ipywidgets.Dropdown | ipywidgets.Select)
    assert explorer.words in present and explorer.status in present
    assert all(panel in present for panel in explorer.panels.values())
    layouts = [control.layout.model_id for control in controls(explorer)]
    assert len(set(layouts)) == len(layouts)


def test_an_upload_is_shown(explorer):
    file = png_file()
    upload(explorer, "mine.png", file)
    screen = views.encode_picture(views.screen_picture(cu.load_image(file)))
    for name in ("mine.png", "coffee", "mine.png"):
        explorer.picture.value = name
        assert (explorer.panels["input"].value == screen) == (name == "mine.png")
        assert text(explorer.status) == ""


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
    upload(explorer, "good.png", png_file())
    assert explorer.picture.value == "good.png" and text(explorer.status) == ""


def test_samples_that_cannot_be_had(small, picture, monkeypatch):
    monkeypatch.setattr("course_utils.io.images.importlib.util.find_spec", lambda name: None)
    small = wrap(chain([layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()], (9, 9, 3)))
    explorer = cu.LayerExplorer(small, picture)  # samples are kept for each input size: 9 is new
    before, chosen = explorer.panels["input"].value, explorer.picture.value
    explorer.picture.value = "coffee"
    assert "coffee.png" in text(explorer.status) and "Install" in text(explorer.status)
    assert (explorer.panels["input"].value, explorer.picture.value) == (before, chosen)


def test_the_unexpected_is_told_and_raised(explorer, monkeypatch):
    monkeypatch.setattr(views, "encode_picture", lambda image: {}["<i>"])
    with pytest.raises(KeyError):
        explorer.picture.value = "coffee"
    assert text(explorer.status) == "Unexpected KeyError: &#x27;&lt;i&gt;&#x27;"
    assert explorer.picture.value == "the picture given"


@pytest.mark.parametrize("on_colab", [False, True])
def test_a_hint_on_colab_only(small, picture, monkeypatch, on_colab):
    if on_colab:
        monkeypatch.setitem(sys.modules, "google.colab", sys)
    row = cu.LayerExplorer(small, picture).widget.children[0].children
    assert ["1 MB" in w.value for w in row if isinstance(w, ipywidgets.HTML)] == [True] * on_colab


def test_explorers_take_what_load_image_takes_and_classifiers_only(small):
    assert cu.LayerExplorer(small, "chelsea").panels["input"].value
    with pytest.raises(ValueError, match="no sample and no file"):
        cu.ClassExplorer(small, "no such picture")
    for kind in (cu.LayerExplorer, cu.ClassExplorer):
        with pytest.raises(ValueError, match="cu.ImageClassifier"):
            kind(small.model, "chelsea")


def test_the_bundle_has_a_widget_a_still_picture_and_a_sentence(explorer):
    bundle, _ = explorer._repr_mimebundle_()
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == explorer.widget.model_id
    assert bundle["text/plain"] == text(explorer.words)
    captions = {"page": "Feature maps", "input": "Input", "channel": "One channel"}
    captions |= {"heatmap": "Heatmap", "overlay": "Overlay"}
    files = {captions[name]: panel.value for name, panel in explorer.panels.items()}
    below = pixels(still_picture(files, bundle["text/plain"]))
    np.testing.assert_array_equal(pixels(bundle["image/png"])[-len(below) :], below)


def test_the_outputs_metadata_say_what_is_shown(small, picture):
    explorer = cu.LayerExplorer(small, picture)
    explorer.channel.value = 69
    wanted = {"layer": "first", "page": 1, "channel": 69, "colors": "viridis"}
    wanted |= {"network": small.name, "picture": None}  # a picture of the test's own
    assert explorer._repr_mimebundle_()[1] == {"LayerExplorer": wanted}
    explorer = cu.LayerExplorer(small, cu.load_image("coffee"))
    assert explorer._repr_mimebundle_()[1]["LayerExplorer"]["picture"] == "coffee"


@pytest.mark.parametrize(
    ("kind", "control", "value"),
    [
        (cu.LayerExplorer, "layer", "second"),
        (cu.LayerExplorer, "page", 1),
        (cu.LayerExplorer, "channel", 69),
        (cu.LayerExplorer, "picture", "coffee"),
        (cu.ClassExplorer, "classes", None),
        (cu.ClassExplorer, "method", "hires_cam"),
        (cu.ClassExplorer, "layer", "first"),
        (cu.ClassExplorer, "alpha", 0.9),
        (cu.LayerExplorer, "colors", "jet"),
    ],
)
def test_a_still_picture_shows_the_controls(small, picture, kind, control, value):
    explorer = kind(small, picture)

    def controls():
        still = pixels(explorer._repr_mimebundle_()[0]["image/png"], "RGBA")
        return still[:140]  # above the pictures

    before = controls()
    if control == "classes":
        explorer.classes.index = 2
    else:
        getattr(explorer, control).value = value
    assert (controls() != before).any()


def test_a_click_on_a_feature_map_chooses_its_channel(small, picture):
    explorer = cu.LayerExplorer(small, picture)
    page = explorer.panels["page"]
    page.clicked = [1.5 / 8, 2.5 / 8, 1]  # the second column and the third row of 64 maps
    assert explorer.channel.value == 17
    assert_layer_is_shown(explorer, picture)
    page.clicked = [0, 0, 2]  # the edge of the page
    assert explorer.channel.value == 17
    explorer.page.value = 1  # 6 of 70 channels, in one row
    page.clicked = [5.5 / 8, 0.5, 3]
    assert explorer.channel.value == 69
    page.clicked = [6.5 / 8, 0.5, 4]  # nothing there
    assert explorer.channel.value == 69


def test_the_bundle_waits_for_a_slow_method(small_explorer):
    small_explorer.method.value = "smooth_grad"
    assert "SmoothGrad" in small_explorer._repr_mimebundle_()[0]["text/plain"]


# Memory


def test_a_layer_of_a_class_that_was_shown_is_there_at_once(small_explorer, monkeypatch):
    small_explorer.layer.value = "first"
    for small_explorer.classes.value in (0, 1, 2):
        small_explorer.wait()
    monkeypatch.setattr(threading.Thread, "start", None)
    for small_explorer.classes.value in (1, 2, 0):
        for small_explorer.method.value in AT_LAYER:
            assert " at first:" in text(small_explorer.words)


def test_what_the_memory_has_lost_is_computed_again(small_explorer, small, picture, monkeypatch):
    monkeypatch.setattr(memory, "LIMIT", 0)  # it keeps the newest entry alone
    for small_explorer.layer.value in ("first", "second", "first"):
        for small_explorer.method.value in ("saliency", "grad_cam"):
            small_explorer.wait()
    heatmap = cu.make_gradcam_heatmap(small, picture, small_explorer.classes.value, "first")
    assert_class_is_shown(small_explorer, picture, heatmap)
    layer_explorer = cu.LayerExplorer(small, picture)
    for layer_explorer.layer.value in ("second", "first"):
        assert_layer_is_shown(layer_explorer, picture)


def test_explorers_that_compute_at_once_do_not_block_each_other(small, picture):
    """All of them share one memory."""
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
            explorer.layer.value = "second"
    assert_layer_is_shown(layer, picture)
