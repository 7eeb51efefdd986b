"""The explorers in JupyterLab, driven by keyboard and mouse; `make test-browser` runs this.

Not part of `pytest` alone: it needs Chromium and its driver, and takes minutes.
"""

import base64
import io
import statistics
import time
from urllib.parse import quote

import nbformat
import pytest
from jupyter_page import (
    ROOT,
    chromium,
    console_errors,
    find_chromium,
    jupyter_lab,
    open_notebook,
    run_all,
    shown_bytes,
    wait_until,
    write_notebook,
)
from PIL import Image
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import course_utils as cu
from course_utils.display import views
from course_utils.methods.all_layers import layer_gradients, run_layers
from course_utils.methods.class_activation import keep_positive
from course_utils.networks.classifier import runner_of
from course_utils.networks.runner import to_array

pytestmark = pytest.mark.filterwarnings("ignore:.*finds nothing:UserWarning")
SETUP = "import course_utils as cu\nclassifier = cu.load_classifier('embedded')"
if find_chromium() is None:
    pytest.exit(
        "The browser test needs Chromium and its driver: apt-get install chromium-driver "
        "(Debian), or Google Chrome and chromedriver on the PATH.",
        returncode=3,
    )


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A copy of the chapters, and a notebook for each explorer."""
    folder = tmp_path_factory.mktemp("notebooks")
    for chapter in (ROOT / "notebooks").glob("*.ipynb"):
        (folder / chapter.name).write_bytes(chapter.read_bytes())
    write_notebook(folder / "layers.ipynb", [SETUP, "cu.LayerExplorer(classifier, 'chelsea')"])
    write_notebook(
        folder / "classes.ipynb", [SETUP, "cu.ClassExplorer(classifier, 'cat_and_coffee')"]
    )
    Image.new("RGB", (40, 30), (200, 30, 60)).save(folder / "mine.png")
    (folder / "broken.png").write_bytes(b"no picture at all")
    return folder


@pytest.fixture(scope="session")
def address(folder, tmp_path_factory):
    with jupyter_lab(folder, tmp_path_factory.mktemp("home")) as address:
        yield address


@pytest.fixture
def page(tmp_path):
    with chromium(tmp_path / "profile") as page:
        yield page
        assert console_errors(page) == []


@pytest.fixture
def layers(page, address):
    open_notebook(page, address, "layers.ipynb")
    run_all(page)
    return Explorer(page)


@pytest.fixture
def classes(page, address):
    open_notebook(page, address, "classes.ipynb")
    run_all(page)
    return Explorer(page)


class Explorer:
    """The explorer on a page: its controls by their descriptions, its pictures in order."""

    def __init__(self, page):
        self.page = page
        wait_until(page, "return document.querySelectorAll('.widget-image').length >= 3")
        wait_until(
            page,
            "return [...document.querySelectorAll('.widget-image')].every(i => i.naturalWidth)",
        )

    def control(self, description, tag):
        """Find a control's element `tag` that can take the focus."""
        return self.page.execute_script(
            "return [...document.querySelectorAll('.course-explorer .widget-label')]"
            ".find(label => label.textContent === arguments[0])"
            ".parentElement.querySelector(arguments[1])",
            description,
            tag,
        )

    def slider(self, description):
        return self.control(description, ".noUi-handle")

    def button(self, description, label):
        """Find one button of a row of buttons."""
        return self.control(description, f"button[data-value='{quote(label)}']")

    def pictures(self):
        return [
            shown_bytes(self.page, image)
            for image in self.page.find_elements(By.CSS_SELECTOR, "img.widget-image")
        ]

    def text(self):
        return self.page.execute_script(
            "return [...document.querySelectorAll('.widget-html-content')]"
            ".map(e => e.textContent).join('\\n')"
        )

    def wait_for(self, expected, part):
        """Wait until the words hold `part`; then the pictures are `expected`."""
        wait_until(self.page, self._TEXT + ".includes(arguments[0])", part)
        deadline = time.monotonic() + 30
        while (shown := self.pictures()) != expected and time.monotonic() < deadline:
            time.sleep(0.05)
        assert shown == expected

    _TEXT = (
        "return [...document.querySelectorAll('.widget-html-content')]"
        ".map(e => e.textContent).join(' ')"
    )

    _PAGE_TEXT = "return document.querySelector('.course-explorer').textContent"

    def upload(self, path):
        """Press the upload's button; the dialog's place is taken by its hidden <input>."""
        self.page.execute_script(
            "HTMLInputElement.prototype.click = function () { document.body.append(this); }"
        )
        press(self.page.find_element(By.CSS_SELECTOR, "button.widget-upload"), Keys.ENTER)
        self.page.find_element(By.CSS_SELECTOR, "body > input[type=file]").send_keys(str(path))


def all_layers(embedded):
    return list(runner_of(embedded).feature_map_shapes)


def layer_pictures(embedded, image, name, channel, cmap="viridis"):
    """What a LayerExplorer must show: feature maps, input, one channel."""
    small = views.network_picture(image, embedded.input_size)
    maps = to_array(run_layers(embedded, small, all_layers(embedded))[0][name])
    screen = views.screen_picture(image)
    tile = views.page_tile(maps, channel // views.PAGE)
    return [
        views.page_png(tile, maps.shape[:2], channel % views.PAGE, cmap),
        views.encode_picture(screen),
        views.channel_png(maps, channel, screen.shape[:2], cmap),
    ]


def class_pictures(embedded, image, heatmap, alpha=0.5, cmap="viridis"):
    """What a ClassExplorer must show: input, heatmap, overlay."""
    screen = views.screen_picture(image)
    return [
        views.encode_picture(screen),
        views.heatmap_png(heatmap, screen.shape[:2], cmap),
        views.overlay_picture(screen, heatmap, alpha, cmap),
    ]


def press(element, *keys):
    for key in keys:
        element.send_keys(key)


def drag(page, handle, pixels):
    ActionChains(page).click_and_hold(handle).move_by_offset(pixels, 0).release().perform()


def test_layers_by_keyboard(layers, embedded, chelsea):
    names = all_layers(embedded)
    first = names.index("stem_activation")
    layers.wait_for(layer_pictures(embedded, chelsea, names[first], 0), names[first])
    press(layers.slider("Layer"), *[Keys.ARROW_RIGHT] * 4)
    name = names[first + 4]
    layers.wait_for(layer_pictures(embedded, chelsea, name, 0), name + " (")
    press(layers.slider("Layer"), Keys.END)
    layers.wait_for(layer_pictures(embedded, chelsea, names[-1], 0), names[-1] + " (")
    press(layers.slider("Channels"), Keys.ARROW_RIGHT)
    layers.wait_for(layer_pictures(embedded, chelsea, names[-1], 64), "Channel 64")
    press(layers.slider("Channel"), Keys.ARROW_RIGHT)
    layers.wait_for(layer_pictures(embedded, chelsea, names[-1], 65), "Channel 65")
    press(layers.button("Colors", "magma"), Keys.SPACE)
    layers.wait_for(layer_pictures(embedded, chelsea, names[-1], 65, "magma"), "Channel 65")
    press(layers.button("Picture", "coffee"), Keys.ENTER)
    coffee = cu.load_image("coffee")
    layers.wait_for(layer_pictures(embedded, coffee, names[-1], 65, "magma"), "Channel 65")


def test_layers_by_mouse(layers, embedded, chelsea):
    drag(layers.page, layers.slider("Layer"), 120)
    name = layers.control("Layer", ".widget-readout").text
    assert name != "stem_activation"
    layers.wait_for(layer_pictures(embedded, chelsea, name, 0), name + " (")
    drag(layers.page, layers.slider("Channel"), 100)
    channel = int(layers.control("Channel", ".widget-readout").text)
    assert channel > 0
    layers.wait_for(layer_pictures(embedded, chelsea, name, channel), f"Channel {channel}")
    layers.button("Picture", "rocket").click()
    rocket = cu.load_image("rocket")
    layers.wait_for(layer_pictures(embedded, rocket, name, channel), name)


def test_uploads(layers, embedded, folder):
    layers.upload(folder / "mine.png")
    mine = cu.load_image(folder / "mine.png")
    layers.wait_for(layer_pictures(embedded, mine, "stem_activation", 0), "stem_activation (")
    before = layers.pictures()
    layers.upload(folder / "broken.png")
    wait_until(layers.page, Explorer._TEXT + ".includes('broken.png')")
    assert "not a picture" in layers.text() and layers.pictures() == before


def test_classes_by_keyboard_and_mouse(classes, embedded):
    image = cu.load_image("cat_and_coffee")
    small = views.network_picture(image, embedded.input_size)
    best = embedded.top_predictions(image, 20)

    def at_once(index, alpha=0.5, cmap="viridis"):
        heatmap = cu.make_gradcam_heatmap(embedded, small, index)
        return class_pictures(embedded, image, heatmap, alpha, cmap)

    classes.wait_for(at_once(best[0].class_index), f"(class {best[0].class_index})")
    press(classes.slider("Class"), *[Keys.ARROW_RIGHT] * 3)
    classes.wait_for(at_once(best[3].class_index), f"(class {best[3].class_index})")
    press(classes.slider("Opacity"), Keys.ARROW_RIGHT)
    classes.wait_for(at_once(best[3].class_index, 0.55), f"(class {best[3].class_index})")
    press(classes.control("Search", "input"), "great white shark")
    wait_until(classes.page, Explorer._PAGE_TEXT + ".includes('1 found')")
    press(classes.slider("Found"), Keys.ARROW_RIGHT)
    classes.wait_for(at_once(2, 0.55), "(class 2)")
    drag(
        classes.page, classes.slider("Class"), -classes.control("Class", ".noUi-base").rect["width"]
    )
    classes.wait_for(at_once(best[0].class_index, 0.55), f"(class {best[0].class_index})")


def test_layers_and_slow_methods_of_a_class(classes, embedded):
    image = cu.load_image("cat_and_coffee")
    small = views.network_picture(image, embedded.input_size)
    index = embedded.top_predictions(image, 1)[0].class_index
    name = embedded.conv_layer_names[-2]
    press(classes.slider("Layer"), Keys.ARROW_LEFT)
    pair = [to_array(tensor) for tensor in layer_gradients(embedded, small, index)[name]]
    heatmap = keep_positive(cu.METHODS["grad_cam"].formula(*pair))
    classes.wait_for(class_pictures(embedded, image, heatmap), f"Grad-CAM at {name}")
    press(classes.button("Method", "LayerCAM"), Keys.SPACE)
    heatmap = keep_positive(cu.METHODS["layer_cam"].formula(*pair))
    classes.wait_for(class_pictures(embedded, image, heatmap), f"LayerCAM at {name}")
    classes.button("Method", "SmoothGrad").click()
    wait_until(classes.page, Explorer._TEXT + ".includes('Computing SmoothGrad')")
    wait_until(classes.page, Explorer._TEXT + ".includes('SmoothGrad: peak')")
    assert "Computing" not in classes.text()
    press(classes.button("Method", "Integrated Gradients"), Keys.SPACE)
    wait_until(classes.page, Explorer._TEXT + ".includes('Computing Integrated')")
    press(classes.button("Method", "Grad-CAM"), Keys.SPACE)  # moves on before it is done
    heatmap = keep_positive(cu.METHODS["grad_cam"].formula(*pair))
    classes.wait_for(class_pictures(embedded, image, heatmap), f"Grad-CAM at {name}")
    assert "Computing" not in classes.text()


def test_from_a_key_press_to_the_changed_picture(layers):
    """Measures and reports; no limit here, since no test is decided by a clock."""
    script = """
    const done = arguments[arguments.length - 1];
    const images = [...document.querySelectorAll('img.widget-image')];
    const words = () => [...document.querySelectorAll('.widget-html-content')]
      .map(e => e.textContent).join();
    const handle = arguments[0];
    const start = performance.now(), before = words();  // the words come after the pictures
    const watch = () => words() !== before && images.every(i => i.complete)
      ? done(performance.now() - start) : requestAnimationFrame(watch);
    handle.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}));
    watch();
    """
    handle = layers.slider("Layer")
    times = [layers.page.execute_async_script(script, handle) for _ in range(60)]
    print(
        f"\nkey press to changed picture: median {statistics.median(times):.0f} ms, "
        f"95th percentile {statistics.quantiles(times, n=20)[-1]:.0f} ms"
    )
    assert len(times) == 60


@pytest.mark.parametrize("chapter", ["03_visualizing_layer_outputs", "04_1_grad_cam"])
def test_chapters_run_with_live_explorers(page, address, chapter):
    open_notebook(page, address, f"{chapter}.ipynb")
    run_all(page)
    page.execute_script("document.querySelector('.jp-Notebook').scrollTo(0, 1e9)")
    explorer = "return document.querySelectorAll('img.widget-image').length >= 3"
    wait_until(page, explorer)


@pytest.mark.parametrize("name", ["layers", "classes"])
def test_a_saved_notebook_is_valid_and_shows_a_still_picture(page, address, folder, name):
    open_notebook(page, address, f"{name}.ipynb")
    run_all(page)
    page.execute_async_script(
        "const done = arguments[0]; jupyterapp.commands.execute('docmanager:save').then(done, done)"
    )
    notebook = nbformat.read(folder / f"{name}.ipynb", nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    data = notebook.cells[1].outputs[0].data
    assert {"image/png", "text/plain"} <= set(data)
    for value in notebook.metadata.get("widgets", {}).values():
        assert "state" in value
    assert Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).width > 1000
