"""The explorers in JupyterLab, driven by keyboard and mouse; `make test-browser` runs this.

Not part of `pytest` alone: it needs Chromium and its driver, and takes minutes.
"""

import base64
import html
import io
import re
import time
from urllib.parse import quote

import nbformat
import numpy as np
import pytest
from PIL import ExifTags, Image
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import course_utils as cu
from tools.browser import (
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

pytestmark = pytest.mark.filterwarnings("ignore:.*finds nothing:UserWarning")
SETUP = "import course_utils as cu\nclassifier = cu.load_classifier('embedded')"
if find_chromium() is None:
    pytest.exit(
        "The browser test needs Chromium and its driver: apt-get install chromium-driver "
        "(Debian), or Google Chrome and chromedriver on the PATH.",
        returncode=3,
    )


_GIVE = """
const [kind, name, content] = arguments;
const bytes = Uint8Array.from(atob(content), c => c.charCodeAt(0));
const transfer = new DataTransfer();
transfer.items.add(new File([bytes], name, {type: "image/png"}));
const target = document.querySelector(".course-explorer input[type=file]").parentElement;
const options = {bubbles: true, cancelable: true};
target.querySelector("button").dispatchEvent(kind === "drop"
  ? new DragEvent("drop", {...options, dataTransfer: transfer})
  : new ClipboardEvent("paste", {...options, clipboardData: transfer}));
"""


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
    return Explorer(page, address, "layers")


@pytest.fixture
def classes(page, address):
    return Explorer(page, address, "classes")


class Explorer:
    """The explorer on a page: its controls by their descriptions, its pictures in order."""

    _TEXT = (
        "return [...document.querySelectorAll('.widget-html-content')]"
        ".map(e => e.textContent).join(' ')"
    )

    def __init__(self, page, address, name):
        self.page = page
        open_notebook(page, address, f"{name}.ipynb")
        run_all(page)
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

    def drag(self, description, pixels):
        mouse = ActionChains(self.page).click_and_hold(self.slider(description))
        mouse.move_by_offset(pixels, 0).release().perform()

    def readout(self, description):
        return self.control(description, ".widget-readout").text

    def button(self, description, label):
        """Find one button of a row of buttons."""
        return self.control(description, f"button[data-value='{quote(label)}']")

    def upload(self, path):
        """Choose a file; the dialog's place is taken by its hidden <input>."""
        chooser = self.page.find_element(By.CSS_SELECTOR, ".course-explorer input[type=file]")
        chooser.send_keys(str(path))

    def give(self, kind, path):
        """Drop or paste a file: "drop" or "paste"."""
        self.page.execute_script(
            _GIVE, kind, path.name, base64.b64encode(path.read_bytes()).decode()
        )

    def wait_for_words(self, part):
        wait_until(self.page, self._TEXT + ".includes(arguments[0])", part)

    def wait_for(self, twin):
        """Wait until the page shows what an explorer in this process does, whose controls match.

        What that one shows is held by `tests/explorers`.
        """
        twin.wait()
        words = re.sub("<.*?>", "", twin.words.value)
        self.wait_for_words(html.unescape(words))
        expected = [panel.value for panel in twin.panels.values()]
        deadline = time.monotonic() + 30
        while (shown := self.pictures()) != expected and time.monotonic() < deadline:
            time.sleep(0.05)
        assert shown == expected
        assert "Computing" not in self.page.execute_script(self._TEXT)

    def pictures(self):
        images = self.page.find_elements(By.CSS_SELECTOR, "img.widget-image")
        return [shown_bytes(self.page, image) for image in images]


def test_a_chapter_that_is_only_opened_is_unchanged(page, address):
    open_notebook(page, address, "01_introduction.ipynb")
    wait_until(page, "return !jupyterapp.shell.currentWidget.context.model.dirty", seconds=20)


def test_layers_by_keyboard(layers, embedded):
    twin = cu.LayerExplorer(embedded, "chelsea")
    layers.wait_for(twin)
    layers.slider("Layer").send_keys(Keys.END)
    twin.layer.value = twin.layer.options[-1]
    layers.wait_for(twin)
    layers.slider("Channels").send_keys(Keys.ARROW_RIGHT)
    twin.page.value = 1
    layers.wait_for(twin)
    layers.slider("Channel").send_keys(Keys.ARROW_RIGHT)
    twin.channel.value += 1
    layers.wait_for(twin)
    layers.button("Colors", "magma").send_keys(Keys.SPACE)
    layers.button("Picture", "coffee").send_keys(Keys.ENTER)
    twin.colors.value, twin.picture.value = "magma", "coffee"
    layers.wait_for(twin)


def test_layers_by_mouse(layers, embedded):
    twin = cu.LayerExplorer(embedded, "chelsea")
    first = twin.layer.value
    layers.drag("Layer", 120)
    twin.layer.value = layers.readout("Layer")
    assert twin.layer.value != first
    layers.wait_for(twin)
    layers.button("Picture", "rocket").click()
    twin.picture.value = "rocket"
    layers.wait_for(twin)


def test_uploads(layers, embedded, folder):
    twin = cu.LayerExplorer(embedded, folder / "mine.png")
    layers.upload(folder / "mine.png")
    layers.wait_for(twin)
    layers.upload(folder / "broken.png")
    layers.wait_for_words("broken.png: ")
    layers.wait_for(twin)
    for kind, color in (("drop", "blue"), ("paste", "white")):
        path = folder / f"{kind}.png"
        Image.new("RGB", (30, 20), color).save(path)
        layers.give(kind, path)
        layers.wait_for(cu.LayerExplorer(embedded, path))


def photograph(path, megabytes):
    """A JPEG of noise, taken with the phone upright: its pixels lie on their side. Red is up."""
    side = round((megabytes * 1.35e6) ** 0.5)
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    pixels[:, : side // 2, 1:] = 0
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.fromarray(pixels).save(path, "JPEG", quality=92, subsampling=0, exif=exif)
    assert path.stat().st_size > megabytes * 1e6, path.stat().st_size


def test_photographs_and_what_is_none(layers, folder):
    """Whatever comes, the next upload works."""
    pressed = "return document.querySelector('.course-explorer button.mod-active').textContent"
    (folder / "empty.png").write_bytes(b"")
    for size in (4, 40):
        name = f"{size} MB.jpg"
        photograph(folder / name, size)
        layers.upload(folder / "empty.png")
        layers.wait_for_words("empty.png: The file is empty")
        layers.upload(folder / name)
        wait_until(layers.page, pressed + ".includes(arguments[0])", name)
        layers.wait_for_words("Channel 0")
        shown = np.asarray(Image.open(io.BytesIO(layers.pictures()[1]))).astype(float)
        up, down = np.split(shown[:360], 2)
        assert up[:, :, 0].mean() > 2 * up[:, :, 1].mean()
        assert down[:, :, 1].mean() > 100


def test_classes_by_keyboard_and_mouse(classes, embedded):
    twin = cu.ClassExplorer(embedded, "cat_and_coffee")
    classes.wait_for(twin)
    classes.slider("Class").send_keys(Keys.ARROW_RIGHT * 3)
    twin.classes.index = 3
    classes.wait_for(twin)
    classes.slider("Opacity").send_keys(Keys.ARROW_RIGHT)
    twin.alpha.value = 0.55
    classes.wait_for(twin)
    classes.button("Classes", twin.found.options[1][0]).send_keys(Keys.SPACE)
    twin.found.index = 1
    classes.wait_for(twin)
    classes.control("Search", "input").send_keys("great white shark")
    twin.search.value = "great white shark"
    wait_until(classes.page, "return document.querySelectorAll('.course-list button').length == 1")
    classes.button("Classes", twin.found.options[0][0]).click()
    twin.found.index = 0
    classes.wait_for(twin)
    classes.drag("Class", -classes.control("Class", ".noUi-base").rect["width"])
    twin.classes.index = 0
    classes.wait_for(twin)


def test_layers_and_slow_methods_of_a_class(classes, embedded):
    twin = cu.ClassExplorer(embedded, "cat_and_coffee")
    classes.slider("Layer").send_keys(Keys.ARROW_LEFT)
    twin.layer.index -= 1
    classes.wait_for(twin)
    for twin.method.value, method in cu.METHODS.items():
        classes.button("Method", method.title).send_keys(Keys.SPACE)
        if method.num_gradients > 1:
            classes.wait_for_words(f"Computing {method.title}")
            classes.wait_for_words(f"{method.title}: peak")
        else:
            classes.wait_for(twin)
    classes.slider("Class").send_keys(Keys.ARROW_RIGHT)
    classes.wait_for_words("Computing ")
    classes.button("Method", "Grad-CAM").click()  # moves on before it is done
    twin.method.value = "grad_cam"
    twin.classes.index = 1
    classes.wait_for(twin)


def test_a_click_on_a_feature_map_chooses_its_channel(layers):
    page = layers.page.find_element(By.CSS_SELECTOR, "img.widget-image")
    third = 2.5 / 8 - 0.5  # a click is counted from the middle
    click = ActionChains(layers.page).move_to_element_with_offset(
        page, third * page.size["width"], -0.4 * page.size["height"]
    )
    click.click().perform()
    twin = cu.LayerExplorer(cu.load_classifier("embedded"), "chelsea")
    twin.channel.value = 2
    layers.wait_for(twin)


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
