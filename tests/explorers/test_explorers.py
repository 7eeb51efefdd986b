"""What the widgets hold is what `pictures` and `words` return for their controls, in Python."""

import datetime
import html
import io
import subprocess
import sys
import threading
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
from PIL import Image

import course_utils as cu
from course_utils.backend import keras
from course_utils.display import pictures, words
from course_utils.display.stills import still_picture
from course_utils.display.tiles import COLOR_MAPS
from course_utils.engine import memory
from course_utils.engine.runner import to_array
from course_utils.explorers import classifier_explorer
from course_utils.explorers.classifier_explorer import OF_PIXELS
from course_utils.explorers.controls import in_words
from course_utils.networks.classifier import runner_of

AT_LAYER = [key for key in cu.METHODS if key not in OF_PIXELS]
pytestmark = pytest.mark.filterwarnings("ignore:.*finds nothing:UserWarning")


@pytest.fixture
def layers_of_chelsea(embedded):
    return cu.LayerExplorer(embedded, "chelsea")


@pytest.fixture
def classes_of_both(embedded):
    return cu.ClassExplorer(embedded, "cat_and_coffee")


@pytest.fixture
def small_explorer(small, picture):
    return cu.ClassExplorer(small, picture)


@pytest.fixture(params=[cu.LayerExplorer, cu.ClassExplorer])
def explorer(request, small, picture):
    return request.param(small, picture)


@pytest.fixture
def no_threads(monkeypatch):
    """Return a function: what is asked for after its call must be there at once."""
    return lambda: monkeypatch.setattr(threading.Thread, "start", None)


def text(widget):
    """What a reader sees of an HTML widget."""
    return html.unescape(widget.value.partition(">")[2].rpartition("<")[0])


def pixels(file):
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGBA")).astype(int)


def png_file(color=(200, 30, 60)):
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(buffer, "PNG")
    return buffer.getvalue()


def upload(explorer, name, content):
    """What the browser does, in the format of the ipywidgets that is installed."""
    if int(ipywidgets.__version__.partition(".")[0]) == 7:
        value = {name: {"metadata": {"name": name}, "content": content}}
    else:
        file = {"name": name, "type": "", "size": len(content), "content": memoryview(content)}
        value = ({**file, "last_modified": datetime.datetime.now(datetime.UTC)},)
    explorer.upload.set_trait("value", value)


def assert_layer_is_shown(explorer, image):
    """All that a LayerExplorer shows, computed once more from its controls alone."""
    name, channel, cmap = explorer.layer.value, explorer.channel.value, explorer.colors.value
    runner, shown = runner_of(explorer.classifier), explorer.panels
    small = cu.load_image(image, explorer.classifier.input_size)
    maps = to_array(runner.all_layers(small)[name])
    cells, screen = pictures.page_cells(maps, explorer.page.value), pictures.screen_picture(image)
    assert explorer.page.value == channel // 64
    assert shown["input"].value == pictures.encode_picture(screen)
    assert shown["page"].value == pictures.page_png(cells, channel % 64, cmap)
    assert shown["channel"].value == pictures.channel_png(maps, channel, screen.shape[:2], cmap)
    kind = type(explorer.classifier.model.get_layer(name)).__name__
    layer = words.describe_layer(name, kind, maps, runner.receptive_fields[name])
    assert text(explorer.words) == f"{layer} {words.describe_channel(maps, channel)}"
    assert text(explorer.status) == ""


def assert_class_is_shown(explorer, image, heatmap):
    """All that a ClassExplorer shows of a heatmap, computed once more from its controls alone."""
    key, cmap = explorer.method.value, explorer.colors.value
    screen, classifier = pictures.screen_picture(image), explorer.classifier
    shown = pictures.brighten(heatmap) if key in OF_PIXELS else heatmap
    overlay = pictures.overlay_picture(screen, shown, explorer.alpha.value, cmap)
    assert {name: panel.value for name, panel in explorer.panels.items()} == {
        "input": pictures.encode_picture(screen),
        "heatmap": pictures.heatmap_png(shown, screen.shape[:2], cmap),
        "overlay": overlay,
    }
    [logits] = classifier.logits(cu.load_image(image, classifier.input_size))
    ranking = words.rank_classes(classifier.class_names, logits, classifier.predict(image)[0])
    where = "" if key in OF_PIXELS else f" at {explorer.layer.value}"
    assert text(explorer.words) == (
        f"{words.describe_class(explorer.classes.value, ranking)} "
        f"{cu.METHODS[key].title}{where}: {words.describe_heatmap(heatmap)}"
    )


# LayerExplorer


def test_every_layer(layers_of_chelsea, embedded, chelsea):
    options = layers_of_chelsea.layer.options
    assert layers_of_chelsea.layer.value == "stem_activation"
    assert list(options) == list(cu.get_feature_maps(embedded, chelsea))
    pages = set()
    for name in options:
        layers_of_chelsea.layer.value = name
        assert_layer_is_shown(layers_of_chelsea, chelsea)
        pages.add(layers_of_chelsea.panels["page"].value)
    # Normalization scales each map, and so does its picture: the two look the same.
    assert len(pages) > 0.7 * len(options)


def test_a_keras_model_without_classes(chelsea):
    """VGG16's convolutions, as the chapters load them."""
    weights = cu.weights_path("vgg16_no_top")
    size, prepare = (224, 224, 3), keras.applications.vgg16.preprocess_input
    model = keras.applications.VGG16(include_top=False, weights=weights, input_shape=size)
    explorer = cu.LayerExplorer(model, chelsea, prepare)
    small = cu.load_image(chelsea, (224, 224))
    assert list(explorer.layer.options) == [layer.name for layer in model.layers[1:]]
    for name in ("block1_conv1", "block3_conv3", "block5_pool"):
        explorer.layer.value = name
        maps = keras.Model(model.input, model.get_layer(name).output)(
            prepare(np.float32(small)[None])
        )
        wanted = pictures.page_png(pictures.page_cells(np.asarray(maps[0]), 0), 0)
        np.testing.assert_allclose(pixels(explorer.panels["page"].value), pixels(wanted), atol=9)


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


def test_every_color_map_and_another_sample(layers_of_chelsea):
    for name in ("coffee", "chelsea"):
        layers_of_chelsea.picture.value = name
        for layers_of_chelsea.colors.value in COLOR_MAPS:
            assert_layer_is_shown(layers_of_chelsea, cu.load_image(name))


def test_a_click_on_a_feature_map_chooses_its_channel(small, picture):
    explorer = cu.LayerExplorer(small, picture)
    page = explorer.panels["page"]
    page.clicked = [1.5 / 8, 2.5 / 8, 1]  # the second column and the third row of 64 maps
    assert explorer.channel.value == 17
    assert_layer_is_shown(explorer, picture)
    explorer.page.value = 1  # 6 of 70 channels, in one row
    page.clicked = [5.5 / 8, 0.5, 3]
    assert explorer.channel.value == 69
    page.clicked = [6.5 / 8, 0.5, 4]  # nothing there
    assert explorer.channel.value == 69


# ClassExplorer


def test_every_class_of_the_slider_at_once(classes_of_both, embedded, no_threads):
    explorer, image = classes_of_both, cu.load_image("cat_and_coffee")
    small = cu.load_image(image, embedded.input_size)
    no_threads()
    ranked = [p.class_index for p in embedded.top_predictions(image, 20)]
    assert [index for _, index in explorer.classes.options] == ranked
    assert (explorer.classes.value, explorer.layer.value) == (ranked[0], "top_activation")
    for index in ranked:
        explorer.classes.value = index
        heatmap = cu.make_gradcam_heatmap(embedded, small, index)
        assert_class_is_shown(explorer, image, heatmap)
    for explorer.alpha.value in (0, 0.3, 1):
        for explorer.colors.value in ("magma", "gray"):
            assert_class_is_shown(explorer, image, heatmap)


@pytest.mark.parametrize("method", AT_LAYER)
def test_every_layer_of_a_method_for_one_run(small_explorer, small, picture, method, no_threads):
    small_explorer.classes.value = 1
    small_explorer.layer.value = "first"
    small_explorer.wait()
    no_threads()
    small_explorer.method.value = method
    for name in ("first", "second"):
        small_explorer.layer.value = name
        wanted = pictures.heatmap_png(
            cu.make_gradcam_heatmap(small, picture, 1, name, method), (360, 360)
        )
        np.testing.assert_allclose(
            pixels(small_explorer.panels["heatmap"].value), pixels(wanted), atol=2
        )
        assert not small_explorer.layer.disabled and f" at {name}:" in text(small_explorer.words)


@pytest.mark.parametrize("method", OF_PIXELS)
def test_methods_of_pixels(small_explorer, small, picture, method, no_threads):
    small_explorer.classes.value = 1
    small_explorer.method.value = method
    small_explorer.wait()
    assert_class_is_shown(small_explorer, picture, cu.METHODS[method].compute(small, picture, 1))
    assert small_explorer.layer.disabled and text(small_explorer.status) == ""
    shown = small_explorer.panels["heatmap"].value
    no_threads()  # it is computed once
    for small_explorer.method.value in ("grad_cam", method):
        assert (small_explorer.panels["heatmap"].value == shown) == small_explorer.layer.disabled


def test_another_picture_brings_its_own_classes_and_heatmaps(small_explorer, small):
    for color in ((200, 30, 60), (0, 200, 0)):
        upload(small_explorer, "of one name.png", png_file(color))
        image = cu.load_image(png_file(color))
        assert small_explorer.classes.value == small.top_predictions(image, 1)[0].class_index
        for small_explorer.classes.value in (0, 1, 2):
            shown = cu.load_image(image, (8, 8)), small_explorer.classes.value
            heatmap = cu.make_gradcam_heatmap(small, *shown)
            assert_class_is_shown(small_explorer, image, heatmap)


def test_the_list_has_the_most_probable_classes_and_the_chosen_one(classes_of_both):
    explorer = classes_of_both
    assert explorer.found.options == explorer.classes.options[:8]
    assert explorer.found.value == explorer.classes.value
    explorer.found.index = 4
    assert explorer.classes.index == 4 and f"(class {explorer.found.value})" in text(explorer.words)
    explorer.classes.index = 12
    assert explorer.found.options[:7] == explorer.classes.options[:7]
    assert explorer.found.options[7] == explorer.classes.options[12]
    assert explorer.found.index == 7


def test_searching_all_classes(classes_of_both):
    explorer = classes_of_both
    before, listed = explorer.classes.value, explorer.found.options
    for explorer.search.value in ("c", "cr", "crane"):
        assert explorer.classes.value == before  # typing alone chooses nothing
        assert ("type on" in text(explorer.status)) == (explorer.search.value != "crane")
    assert [index for _, index in explorer.found.options] == [134, 517]
    assert explorer.found.value is None
    for explorer.found.value in (134, 517):
        assert explorer.classes.value == explorer.found.value
        assert text(explorer.words).startswith(f"crane (class {explorer.found.value}): ")
    assert len(explorer.classes.options) == 21 and explorer.classes.options[-1][1] == 517
    explorer.search.value = "giraffe"
    assert "giraffe" in text(explorer.status) and not explorer.found.options
    explorer.search.value = " "
    assert text(explorer.status) == "" and explorer.found.options[:7] == listed[:7]


def test_choosing_a_class_by_its_index(classes_of_both):
    classes_of_both.choose(900)
    assert classes_of_both.classes.value == 900 and "(class 900)" in text(classes_of_both.words)
    for index in (1000, None, "crane"):
        with pytest.raises(ValueError, match="class_index must be a whole number from 0 to 999"):
            classes_of_both.choose(index)


# Slow methods


class Gate:
    """SmoothGrad in batches that wait to be let through."""

    def __init__(self):
        self.reached, self.go = threading.Event(), threading.Event()
        self.begun, self.batches = [], 0

    def smooth_grad(self, classifier, image, class_index, progress):
        self.begun.append(class_index)
        for _ in progress(range(3)):
            self.reached.set()
            assert self.go.wait(60)
            self.batches += 1
        return np.full(classifier.input_size, (class_index + 1) / 10, np.float32)


@pytest.fixture
def gate(monkeypatch):
    gate = Gate()
    replace_smooth_grad(monkeypatch, gate.smooth_grad)
    yield gate
    gate.go.set()


def replace_smooth_grad(monkeypatch, compute):
    row = cu.METHODS["smooth_grad"]._replace(compute=compute)
    methods = {**cu.METHODS, "smooth_grad": row}
    monkeypatch.setattr(classifier_explorer, "METHODS", methods)


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
    shown = text(small_explorer.words)
    assert f"(class {small_explorer.classes.value})" in shown and "peak" not in shown
    shown = {name: panel.value for name, panel in small_explorer.panels.items()}
    assert before != shown["heatmap"] == shown["overlay"] != shown["input"]
    gate.go.set()
    small_explorer.wait()
    assert "SmoothGrad: peak" in text(small_explorer.words)


def test_the_newest_choice_wins(small_explorer, gate, picture):
    small_explorer.classes.value = 0
    small_explorer.method.value = "smooth_grad"
    assert gate.reached.wait(60)
    for small_explorer.classes.value in (1, 2):
        pass
    gate.go.set()
    small_explorer.wait()
    assert_class_is_shown(small_explorer, picture, np.full((8, 8), 0.3, np.float32))
    assert gate.begun == [0, 2] and gate.batches == 4  # of the first one batch, of class 1 none
    gate.go.clear()
    small_explorer.classes.value = 1
    small_explorer.method.value = "grad_cam"
    shown = small_explorer.panels["heatmap"].value, small_explorer.words.value
    assert small_explorer.progress.layout.visibility == "hidden"
    gate.go.set()
    small_explorer.wait()
    assert (small_explorer.panels["heatmap"].value, small_explorer.words.value) == shown
    assert "SmoothGrad" not in text(small_explorer.status)


def test_an_error_in_a_slow_method_is_told_and_raised(small_explorer, monkeypatch):
    replace_smooth_grad(monkeypatch, lambda *_, **__: 1 / 0)
    small_explorer.method.value = "smooth_grad"
    with pytest.raises(ZeroDivisionError):
        small_explorer.wait()
    assert text(small_explorer.status) == "Unexpected ZeroDivisionError: division by zero"
    assert small_explorer.progress.layout.visibility == "hidden"
    small_explorer.wait()  # which raises it once


def test_on_colab_there_is_no_thread(small_explorer, monkeypatch, no_threads):
    """Colab's page would not learn of it: https://github.com/googlecolab/colabtools/issues/3373."""
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    no_threads()
    small_explorer.method.value = "smooth_grad"
    assert "SmoothGrad: peak" in text(small_explorer.words)


ENDS_WHILE_COMPUTING = """
import atexit, threading, time
import course_utils as cu
from course_utils.explorers import classifier_explorer

def slow(classifier, image, class_index, progress):
    for batch in progress(range(10**9)):
        begun.set()
        time.sleep(0.01)

begun = threading.Event()
row = cu.METHODS["smooth_grad"]._replace(compute=slow)
classifier_explorer.METHODS = {**cu.METHODS, "smooth_grad": row}
explorer = cu.ClassExplorer(cu.load_classifier("embedded"), "chelsea")
explorer.method.value = "smooth_grad"
assert begun.wait(60)
atexit.register(lambda: print(threading.active_count(), explorer.progress.layout.visibility))
"""


def test_python_ends_while_a_thread_computes():
    """It waits for the thread's batch: TensorFlow aborts where a thread is cut off."""
    command = [sys.executable, "-c", ENDS_WHILE_COMPUTING]
    root = Path(__file__).parents[2]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stdout) == (0, "1 visible\n"), ran.stderr


def test_where_nothing_speaks_for_a_class(small_explorer, small):
    small.model.get_layer("predictions").set_weights([np.zeros((5, 3)), np.zeros(3)])
    small_explorer.classes.value = 1 if small_explorer.classes.value != 1 else 2
    assert text(small_explorer.status).startswith("Grad-CAM: the heatmap is zero everywhere")
    assert "zero everywhere" in text(small_explorer.words)


# What both have


def test_every_control_is_described_in_reach_and_leaves_keys_to_the_reader(explorer):
    def inside(widget):
        return [widget, *(w for child in getattr(widget, "children", []) for w in inside(child))]

    present = inside(explorer.widget)
    controls = [
        value
        for value in vars(explorer).values()
        if hasattr(value, "description") and not isinstance(value, ipywidgets.HTML)
    ]
    assert len(controls) >= 6
    for control in controls:
        assert control.description and control in present
        assert getattr(control, "continuous_update", True)
        # JupyterLab takes the keys from these.
        assert not isinstance(control, ipywidgets.Dropdown | ipywidgets.Select)
    assert {explorer.words, explorer.status, *explorer.panels.values()} <= set(present)


def test_a_sample_has_one_name(small, picture):
    for image in ("coffee", cu.load_image("coffee"), cu.load_image("coffee", small.input_size)):
        explorer = cu.LayerExplorer(small, image)
        assert explorer.picture.value == "coffee"
        assert list(explorer.picture.options) == cu.sample_image_names()
        assert_layer_is_shown(explorer, cu.load_image("coffee"))
    assert cu.LayerExplorer(small, picture).picture.value == "this picture"


def test_an_upload_is_shown(explorer):
    file = png_file()
    upload(explorer, "mine.png", file)
    screen = pictures.encode_picture(pictures.screen_picture(cu.load_image(file)))
    for name in ("mine.png", "coffee", "mine.png"):
        explorer.picture.value = name
        assert (explorer.panels["input"].value == screen) == (name == "mine.png")
        assert text(explorer.status) == ""


def test_colab_has_a_plain_upload_and_a_hint(small, picture, monkeypatch):
    assert not isinstance(cu.LayerExplorer(small, picture).upload, ipywidgets.FileUpload)
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    explorer = cu.LayerExplorer(small, picture)
    assert isinstance(explorer.upload, ipywidgets.FileUpload)
    upload(explorer, "mine.png", png_file())
    assert explorer.picture.value == "mine.png"
    assert "1 MB" in explorer.widget.children[1].value


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no picture at all", "not a picture"), (png_file()[:60], "damaged"), (b"", "empty")],
)
def test_a_broken_upload_is_one_sentence(explorer, content, message):
    before = explorer.panels["input"].value, explorer.picture.value, explorer.words.value
    upload(explorer, "<b>broken</b>.png", content)
    assert message in text(explorer.status) and "&lt;b&gt;broken" in explorer.status.value
    assert (explorer.panels["input"].value, explorer.picture.value, explorer.words.value) == before
    explorer.upload.value = [{"name": "i.heic", "number": 1, "problem": "This browser cannot."}]
    assert text(explorer.status) == "i.heic: This browser cannot."
    upload(explorer, "mine.png", png_file())
    assert explorer.picture.value == "mine.png" and not text(explorer.status)


def test_the_unexpected_is_told_and_raised(explorer, monkeypatch):
    monkeypatch.setattr(pictures, "encode_picture", lambda image: {}["<i>"])
    with pytest.raises(KeyError):
        explorer.picture.value = "coffee"
    assert text(explorer.status) == "Unexpected KeyError: '<i>'"
    assert explorer.picture.value == "this picture"


@pytest.mark.parametrize("kind", [cu.LayerExplorer, cu.ClassExplorer, cu.FaithfulnessExplorer])
def test_a_model_that_is_no_classifier_is_refused(kind, small):
    with pytest.raises(ValueError, match="cu.ImageClassifier"):
        kind(small.model, "chelsea")


# In a page without a kernel


def test_the_bundle_has_a_widget_a_still_picture_and_a_sentence(explorer):
    bundle, _ = explorer._repr_mimebundle_()
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == explorer.widget.model_id
    assert bundle["text/plain"] == text(explorer.words)
    captions = {"page": "Feature maps", "input": "Input", "channel": "One channel"}
    captions |= {"heatmap": "Heatmap", "overlay": "Overlay"}
    files = {captions[name]: panel.value for name, panel in explorer.panels.items()}
    below = pixels(still_picture(files, bundle["text/plain"], {}))
    np.testing.assert_array_equal(pixels(bundle["image/png"])[-len(below) :], below)


def test_the_bundle_waits_for_a_slow_method(small_explorer):
    small_explorer.method.value = "smooth_grad"
    assert "SmoothGrad" in small_explorer._repr_mimebundle_()[0]["text/plain"]


def test_the_outputs_metadata_say_what_is_shown(small, picture):
    explorer = cu.LayerExplorer(small, picture)
    explorer.channel.value = 69
    wanted = {"layer": "first", "page": 1, "channel": 69, "colors": "viridis"}
    wanted |= {"network": small.name, "picture": None}  # a picture of the test's own
    assert explorer._repr_mimebundle_()[1] == {"LayerExplorer": wanted}
    explorer = cu.ClassExplorer(small, cu.load_image("coffee"))
    assert explorer._repr_mimebundle_()[1]["ClassExplorer"]["picture"] == "coffee"


def test_a_still_picture_shows_each_control_as_it_stands(small, picture):
    explorer, track = cu.LayerExplorer(small, picture), "─" * 30
    assert in_words(explorer.layer) == f"●{track}  first"  # the first one, too
    explorer.layer.value, explorer.channel.value = "second", 2
    assert in_words(explorer.layer) == f"{track}●  second"
    assert in_words(explorer.channel) == f"{track[:15]}●{track[15:]}  2"
    colors = "● viridis  ○ magma  ○ cividis  ○ gray  ○ jet"
    assert in_words(explorer.colors).replace("\N{NO-BREAK SPACE}", " ") == colors
    explorer = cu.ClassExplorer(small, picture)
    assert in_words(explorer.search) == "a part of a name, such as cat"
    explorer.search.value = "no such class"
    assert in_words(explorer.search) == "no such class" and not in_words(explorer.found)


# Memory


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
