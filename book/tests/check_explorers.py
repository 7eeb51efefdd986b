"""The web book's explorers in a browser, beside Python: numbers, sentences, faults.

Not part of `pytest` alone: it needs what `make book` builds, Chromium and its driver, and takes
minutes. `make test-book` runs it.
"""

import base64
import io
import json
import shutil
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import ExifTags, Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import course_utils as cu
from course_utils.display import words as sentences
from course_utils.display.tiles import scale_to_bytes, shrink_maps, to_gray
from course_utils.explorers.faithfulness_explorer import FILLS, MAPS
from course_utils.methods.convolution import first_convolution
from tools.browser import chromium, console_errors, find_chromium

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "build/explorers/assets"
pytestmark = [
    pytest.mark.skipif(find_chromium() is None, reason="needs Chromium and chromedriver"),
    pytest.mark.skipif(not ASSETS.is_dir(), reason="run 'make book' first"),
    pytest.mark.filterwarnings("ignore:.*finds nothing:UserWarning"),
]
EMBEDDED, VGG16 = "efficientnet_lite0", "vgg16"
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Explorers</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/explorers/explorers.css">
<body style="max-width: 760px; margin: auto">
{places}<script type="module" src="/explorers/main.js"></script></body></html>"""
LAYERS = '<div class="explorer" data-kind="layer" data-picture="chelsea"><p>a still</p></div>'
CLASSES = LAYERS.replace("layer", "class")
COVERED = LAYERS.replace("layer", "faithfulness").replace("chelsea", "cat_and_coffee")
KERNELS = LAYERS.replace("layer", "convolution").replace("><p", ' data-network="vgg16"><p')
PAGES = {
    "both": LAYERS + CLASSES,
    "layers": LAYERS,
    "classes": CLASSES,
    "covered": COVERED,
    "kernels": KERNELS,
    "vgg16": LAYERS.replace("><p", ' data-network="vgg16"><p'),
}
ASK = """
const [question, args, done] = arguments;
import("/ask.js").then(module => module[question](...args))
  .then(done, error => done({problem: String(error)}));
"""


@pytest.fixture
def site(serve, tmp_path):
    """A server of the explorers' files, and of pages with one explorer or two."""
    folder = tmp_path / "site"
    shutil.copytree(ROOT / "book/explorers", folder / "explorers")
    (folder / "explorers/assets").symlink_to(ASSETS)
    shutil.copy(Path(__file__).with_name("ask.js"), folder)
    for name, places in PAGES.items():
        (folder / f"{name}.html").write_text(PAGE.format(places=places))
    return serve(folder)


@pytest.fixture
def any_page(tmp_path):
    with chromium(tmp_path / "profile", height=1600) as page:
        yield page


@pytest.fixture
def page(any_page):
    yield any_page
    assert console_errors(any_page) == []


@pytest.fixture(scope="module")
def chelsea_file():
    return encode(cu.load_image("chelsea"), "PNG")


def encode(image, kind, **options):
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def open_page(page, site, name="both", host="127.0.0.1"):
    page.get(f"{site.url}/{name}.html".replace("127.0.0.1", host))
    count = 2 if name == "both" else 1
    until(lambda: len(page.find_elements(By.CSS_SELECTOR, ".course-explorer[data-shown]")) == count)
    return page.find_elements(By.CSS_SELECTOR, ".course-explorer")


def ask(page, question, *arguments):
    """Ask the page's modules; see ask.js."""
    found = page.execute_async_script(ASK, question, arguments)
    assert "problem" not in found, found
    return found


def until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "It did not happen."
        time.sleep(0.05)


def shows(explorer, name):
    """Tell whether an explorer shows what it has of the picture of this name."""
    return name in explorer.get_attribute("data-shown")


def words(explorer):
    return explorer.find_element(By.CSS_SELECTOR, ".cx-words").text


def status(explorer):
    return explorer.find_element(By.CSS_SELECTOR, "[role=status]").text


def press(explorer, text):
    buttons = explorer.find_elements(By.CSS_SELECTOR, ".cx-options button")
    next(button for button in buttons if button.text == text).click()


def move(page, explorer, selector, value):
    page.execute_script(
        "const slider = arguments[0].querySelector(arguments[1]); slider.value = arguments[2];"
        "slider.dispatchEvent(new Event('input', {bubbles: true}))",
        explorer,
        selector,
        value,
    )


def give(page, explorer, content, name, way="choose"):
    """Hand a file to an explorer, as its input, a drop or a paste would; or a number of zeros."""
    page.execute_script(
        """
        const [explorer, content, name, way] = arguments;
        const bytes = typeof content === "number"
          ? new Uint8Array(content) : Uint8Array.from(atob(content), c => c.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], name));
        const input = explorer.querySelector("input[type=file]");
        const options = {bubbles: true, cancelable: true};
        if (way === "choose") {
          input.files = transfer.files;
          input.dispatchEvent(new Event("change", options));
        } else explorer.querySelector("button").dispatchEvent(way === "drop"
          ? new DragEvent("drop", {...options, dataTransfer: transfer})
          : new ClipboardEvent("paste", {...options, clipboardData: transfer}));
        """,
        explorer,
        base64.b64encode(content).decode() if isinstance(content, bytes) else content,
        name,
        way,
    )


def correlation(found, wanted):
    return float(np.corrcoef(np.ravel(found), np.ravel(wanted))[0, 1])


def difference(found, wanted):
    return float(np.abs(np.reshape(found, np.shape(wanted)) - wanted).max())


# Numbers


def made_pictures():
    """{name: bytes} of pictures of odd sizes and of every mode that a browser can read."""
    chelsea, coffee, astronaut = (
        Image.fromarray(cu.load_image(name)) for name in ("chelsea", "coffee", "astronaut")
    )
    see_through = coffee.copy()
    see_through.putalpha(Image.linear_gradient("L").resize(coffee.size))
    deep = np.asarray(chelsea.convert("L")).astype(np.uint16) * 257
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 7
    noise = np.random.default_rng(0).integers(0, 256, (301, 77, 3), np.uint8)
    return {
        "one pixel": encode(Image.new("RGB", (1, 1), (200, 30, 60)), "PNG"),
        "column": encode(chelsea.resize((7, 1000)), "PNG"),
        "noise": encode(noise, "PNG"),
        "large": encode(coffee.resize((4001, 2667)), "JPEG", quality=90),
        "gray": encode(astronaut.convert("L"), "JPEG"),
        "16 bits": encode(deep, "PNG"),
        "palette": encode(coffee.quantize(64), "PNG"),
        "animation": encode(chelsea, "GIF", save_all=True, append_images=[astronaut]),
        "transparent": encode(see_through, "PNG"),
        "transparent gray": encode(see_through.convert("LA"), "PNG"),
        "WebP": encode(astronaut, "WEBP", quality=85),
        "BMP": encode(chelsea, "BMP"),
        "half the colors": encode(coffee.resize((351, 517)), "JPEG", quality=75),
        "turned": encode(chelsea, "JPEG", exif=exif, subsampling=0),
    }


def test_numbers_are_those_of_python(page, site, embedded):
    open_page(page, site)
    layers, names = [3, 20, 47], embedded.conv_layer_names  # an early, a middle, a late one
    samples = {n: encode(cu.load_image(n), "PNG") for n in cu.sample_image_names()}
    for name, content in (samples | made_pictures()).items():
        image, file = cu.load_image(content), base64.b64encode(content).decode()
        found = ask(page, "see", file, EMBEDDED, layers, [("grad_cam", 20), ("saliency", None)])
        logits = embedded.logits(image)[0]
        best = int(logits.argmax())
        assert difference(found["logits"], logits) <= 0.05, name
        assert list(np.argsort(found["logits"])[-5:]) == list(np.argsort(logits)[-5:]), name
        assert abs(found["probability"] - embedded.predict(image)[0, best]) <= 0.01, name
        heatmap = cu.make_gradcam_heatmap(embedded, image, best)
        assert difference(found["closed"], heatmap) <= 0.01, name
        early, saliency = found["heat"]
        heatmap = cu.make_gradcam_heatmap(embedded, image, best, names[20])
        assert correlation(early, heatmap) >= 0.98, name
        wanted = cu.compute_saliency_map(embedded, image, best)
        assert correlation(saliency, wanted) >= 0.98, name
        maps = cu.get_feature_maps(embedded, image, [names[layer] for layer in layers])
        for shown, values in zip(found["maps"], maps.values(), strict=True):
            cells = np.reshape(shown["cells"], (64, -1)).T
            low, high = np.array(shown["low"][:64]), np.array(shown["high"][:64])
            values = values[:, :, :64].reshape(-1, 64)
            assert correlation(low + cells / 255 * (high - low), values) >= 0.999, name


def test_slow_methods_are_those_of_python(page, site, embedded, chelsea_file):
    open_page(page, site)
    methods, image = ["smooth_grad", "integrated_gradients"], cu.load_image("chelsea")
    file = base64.b64encode(chelsea_file).decode()
    smooth, integrated = ask(page, "see", file, EMBEDDED, [], [(key, None) for key in methods])[
        "heat"
    ]
    wanted = [cu.METHODS[key].compute(embedded, image) for key in methods]
    assert correlation(integrated, wanted[1]) >= 0.98
    other = cu.smooth_grad(embedded, image, seed=1)  # the page's noise is another, too
    assert correlation(smooth, wanted[0]) >= correlation(other, wanted[0]) - 0.05


def test_files_hold_what_python_computes(page, site, embedded):
    open_page(page, site)
    name, image = embedded.conv_layer_names[13], cu.load_image("coffee")
    best = cu.class_index("espresso")
    heatmaps = {
        ("layer_cam", 13): cu.make_gradcam_heatmap(embedded, image, best, name, "layer_cam"),
        ("saliency", None): cu.compute_saliency_map(embedded, image, best),
        ("grad_cam++", 48): cu.make_gradcam_heatmap(embedded, image, best, method="grad_cam++"),
    }
    found = ask(page, "sample", EMBEDDED, "coffee", 13, 1, best, list(heatmaps))
    maps = cu.get_feature_maps(embedded, image, [name])[name]
    np.testing.assert_allclose(found["means"], maps.mean(axis=(0, 1)), atol=1e-4)
    cells = np.reshape(found["cells"], (64, *maps.shape[:2]))
    assert np.abs(cells - scale_to_bytes(maps[:, :, 64:128]).astype(int)).max() <= 1
    for heat, heatmap in zip(found["heat"], heatmaps.values(), strict=True):
        assert difference(heat, heatmap) <= 0.004


def vgg16():
    """VGG16's convolutions and their preprocess_input."""
    model = keras.applications.VGG16(
        include_top=False, weights=cu.weights_path("vgg16_no_top"), input_shape=(224, 224, 3)
    )
    return model, keras.applications.vgg16.preprocess_input


def vgg16_maps(sample, names):
    """What VGG16's layers make of a sample: a list of (h, w, channels)."""
    model, preprocess = vgg16()
    inputs = preprocess(np.float32(cu.load_image(sample, (224, 224))[np.newaxis]))
    outputs = {name: model.get_layer(name).output for name in names}
    found = keras.Model(model.input, outputs)(inputs)
    return [np.asarray(found[name])[0] for name in names]


def test_maps_of_vgg16_are_those_of_python(page, site):
    open_page(page, site, "vgg16")
    layers = {0: "block1_conv1", 1: "block1_conv2", 8: "block3_conv3", 9: "block3_pool"}
    content = base64.b64encode(encode(cu.load_image("coffee"), "PNG")).decode()
    found = ask(page, "see", content, VGG16, list(layers), [])["maps"]
    for shown, maps in zip(found, vgg16_maps("coffee", layers.values()), strict=True):
        small = shrink_maps(maps, -(-len(maps) // 112))
        assert (shown["height"], shown["width"]) == small.shape[:2]
        cells = scale_to_bytes(small[:, :, :64]).ravel()
        assert np.abs(np.subtract(shown["cells"], cells, dtype=int)).max() <= 2
        np.testing.assert_allclose(shown["mean"], maps.mean(axis=(0, 1)), rtol=1e-3, atol=0.01)
    shown = ask(page, "sample", VGG16, "great_white_shark", 8, 0, None, [])
    [maps] = vgg16_maps("great_white_shark", ["block3_conv3"])
    assert correlation(shown["cells"], scale_to_bytes(maps[:, :, :64])) >= 0.98  # as WebP


def test_live_curves_are_those_of_python(page, site, embedded):
    open_page(page, site)
    for name, maps in {
        "chelsea": [("grad_cam", "blur"), ("edges", "mean")],
        "coffee": [("layer_cam", "mean"), ("center", "black")],
        "astronaut": [("hires_cam", "black"), ("random", "blur")],
        "rocket": [("grad_cam++", "blur"), ("saliency", "mean")],
    }.items():
        image = cu.load_image(name, embedded.input_size)
        best = int(embedded.logits(image)[0].argmax())
        for (key, fill), curves in zip(maps, ask(page, "curves", name, best, maps), strict=True):
            baseline = cu.BASELINE_MAPS.get(key)
            heatmap = (
                baseline(image) if baseline else cu.METHODS[key].compute(embedded, image, best)
            )
            for curve, found in zip((cu.deletion_curve, cu.insertion_curve), curves, strict=True):
                wanted = curve(embedded, image, heatmap, best, fill=fill)
                area = np.trapezoid(found, dx=1 / 28)
                assert abs(area - wanted.area) <= 0.01, (name, key, fill)
                # The order of single pixels is noise: a gradient's last digits change it.
                allowed = 0.1 if key == "saliency" else 0.01
                assert difference(found, wanted.probabilities) <= allowed, (name, key, fill)


# Sentences and pictures


def test_words_are_those_of_the_explorers_in_notebooks(page, site, embedded):
    for shown, explorer in zip(
        open_page(page, site),
        (cu.LayerExplorer(embedded, "chelsea"), cu.ClassExplorer(embedded, "chelsea")),
        strict=True,
    ):
        assert words(shown) == explorer._repr_mimebundle_()[0]["text/plain"]


def test_the_explorer_of_covered_pictures_says_what_python_says(page, site, embedded):
    [covered] = open_page(page, site, "covered")
    image = cu.load_image("cat_and_coffee", embedded.input_size)
    explorer = cu.FaithfulnessExplorer(embedded, image)
    titles = {key: title for title, key in MAPS.items()}
    for key, step in [("grad_cam", 7), ("center", 14), ("saliency", 3), ("edges", 28)]:
        explorer.map.value, explorer.covered.value = key, step
        press(covered, titles[key])
        move(page, covered, "input[max='28']", step)
        sentence = explorer._repr_mimebundle_()[0]["text/plain"]
        until(lambda sentence=sentence: words(covered) == sentence)
    assert not [path for path in site.hits if "/live/" in path]
    rows = covered.find_elements(By.CSS_SELECTOR, "[role=group]")
    assert [button.text for button in rows[2].find_elements(By.TAG_NAME, "button")] == list(FILLS)


def numbers(explorer):
    """What the tables of an explorer of kernels hold."""
    return [
        [cell.text for cell in table.find_elements(By.TAG_NAME, "td")]
        for table in explorer.find_elements(By.TAG_NAME, "table")
    ]


def test_the_explorer_of_kernels_says_what_python_says(page, site, chelsea_file):
    [shown] = open_page(page, site, "kernels")
    model, preprocess = vgg16()
    explorer = cu.ConvolutionExplorer(model, "chelsea", preprocess)
    assert words(shown) == explorer._repr_mimebundle_()[0]["text/plain"]
    kernel, row, _ = shown.find_elements(By.CSS_SELECTOR, "input[type=range]")
    kernel.send_keys(Keys.END, Keys.ARROW_LEFT)
    row.send_keys(Keys.HOME, Keys.ARROW_RIGHT)
    explorer.kernel.value, explorer.row.value = 62, 1
    assert words(shown) == explorer._repr_mimebundle_()[0]["text/plain"]
    frame = shown.find_element(By.CSS_SELECTOR, ".cx-channel .cx-frame")
    ActionChains(page).move_to_element(frame).click().perform()
    middle = range(111, 114)  # of 224 rows
    until(lambda: int(words(shown).split("row ")[1].split(",")[0]) in middle)
    give(page, shown, chelsea_file, "cat.png")
    until(lambda: shows(shown, "cat.png"))
    explorer.row.value, explorer.column.value = map(
        int, shown.get_attribute("data-shown").split()[-2:]
    )
    sentence = explorer._repr_mimebundle_()[0]["text/plain"]
    assert words(shown) == sentence
    found = first_convolution(model, cu.load_image("chelsea", (224, 224)), preprocess)
    patch, kernel = found.patches[explorer.row.value, explorer.column.value], found.kernels[..., 62]
    for table, values in zip(numbers(shown), (patch, kernel, patch * kernel), strict=True):
        assert table == sentences.table_numbers(np.moveaxis(values, 2, 0))


def pixels(data_url):
    content = base64.b64decode(data_url.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def test_a_covered_picture_is_the_one_of_python(page, site, embedded):
    [covered] = open_page(page, site, "covered")
    image = cu.load_image("cat_and_coffee", embedded.input_size)
    heatmap = cu.make_gradcam_heatmap(embedded, image)
    for name, rest in (("deletion", False), ("insertion", True)):
        canvas = covered.find_element(By.CSS_SELECTOR, f".cx-{name} canvas")
        found = pixels(page.execute_script("return arguments[0].toDataURL()", canvas))
        apart = np.abs(found - cu.cover(image, heatmap, 0.25, rest=rest)).max(axis=2)
        assert (apart > 1).mean() < 0.001, name  # a pixel may change its place in the order


OVERLAY = """
const [gray, heat] = arguments[0].querySelectorAll(".cx-overlay canvas");
const canvas = document.createElement("canvas");
[canvas.width, canvas.height] = [gray.width, gray.height];
const context = canvas.getContext("2d");
context.drawImage(gray, 0, 0);
context.globalAlpha = getComputedStyle(heat).opacity;
context.drawImage(heat, 0, 0, gray.width, gray.height);
return canvas.toDataURL();
"""


def test_an_overlay_is_that_of_python(page, site, embedded):
    [classes] = open_page(page, site, "classes")
    found = pixels(page.execute_script(OVERLAY, classes))
    picture = Image.open(ASSETS / EMBEDDED / "chelsea/picture.jpg").convert("RGB")
    heatmap = cu.make_gradcam_heatmap(embedded, cu.load_image("chelsea"))
    alpha = cu.ClassExplorer(embedded, "chelsea").alpha.value
    wanted = cu.overlay_heatmap(to_gray(np.asarray(picture)), heatmap, alpha)
    assert np.abs(found - wanted).max() <= 12  # the browser stretches heat in two steps
    assert np.abs(found - wanted).mean() <= 1


# What a reader does


def loaded(site):
    """{path: bytes} of what of the networks was asked for."""
    paths = {path for path in site.hits if "/live/" in path}
    return {path: (site.folder / path[1:]).stat().st_size for path in paths}


def test_the_keyboard_goes_through_layers_and_channels(page, site):
    [layers] = open_page(page, site, "layers")
    river, _, channels = layers.find_elements(By.CSS_SELECTOR, "input[type=range]")
    river.send_keys(Keys.ARROW_RIGHT)
    until(lambda: words(layers).startswith("block1a_activation (ReLU)"))
    channels.send_keys(Keys.ARROW_RIGHT)
    until(lambda: "Channel 1:" in words(layers))
    river.send_keys(Keys.END)
    until(lambda: words(layers).startswith("top_activation (ReLU): 1280 channels of 7 x 7"))


def test_a_class_is_found_by_its_name_and_nothing_is_loaded_for_it_but_the_head(page, site):
    [classes] = open_page(page, site, "classes")
    assert not loaded(site)
    search = classes.find_element(By.CSS_SELECTOR, "input[type=search]")
    search.send_keys("shark")
    rows = classes.find_elements(By.CSS_SELECTOR, ".cx-list button")
    assert rows[0].text.split(". ")[1].startswith("great white shark\n")
    rows[0].click()
    until(lambda: words(classes).startswith("great white shark (class 2)"))
    until(lambda: "Grad-CAM at top_activation" in words(classes))
    [path] = loaded(site)
    assert "/head-" in path
    search.clear()
    search.send_keys("tigre cat")
    assert status(classes) == sentences.explain_no_class("tigre cat", range(1000))


def test_own_pictures_are_chosen_dropped_and_pasted(page, site, chelsea_file):
    [classes] = open_page(page, site, "classes")
    for way in ("choose", "drop", "paste"):
        content = encode(Image.new("RGB", (40 + len(way), 30), (200, 30, 60)), "PNG")
        give(page, classes, content, f"{way}.png", way)
        until(lambda way=way: shows(classes, f"{way}.png"))
    give(page, classes, chelsea_file, "cat.png")
    until(lambda: shows(classes, "cat.png"))
    assert words(classes).startswith("Egyptian cat (class 285): probability 77.1%")
    press(classes, "LayerCAM")
    move(page, classes, ".cx-river input", 20)
    until(lambda: "LayerCAM at block4b_project_bn: peak" in words(classes))


def test_an_own_picture_goes_through_the_first_blocks_of_vgg16(page, site, chelsea_file):
    [layers] = open_page(page, site, "vgg16")
    assert "Use the first 10 layers on your own picture" in layers.text and not loaded(site)
    river = layers.find_element(By.CSS_SELECTOR, ".cx-river input")
    river.send_keys(Keys.END)
    until(lambda: words(layers).startswith("block5_pool"))
    give(page, layers, chelsea_file, "cat.png")
    until(lambda: shows(layers, "cat.png"))
    assert words(layers).startswith("block3_pool (MaxPooling2D): 256 channels of 28 x 28")
    assert "goes up to block3_pool" in status(layers)
    river.send_keys(Keys.HOME)
    until(lambda: words(layers).startswith("block1_conv1 (Conv2D)"))
    assert status(layers) == ""
    assert sum(loaded(site).values()) <= 7_500_000  # with what runs it


def test_curves_of_another_class_and_of_an_own_picture_need_the_network(page, site, chelsea_file):
    [covered] = open_page(page, site, "covered")
    covered.find_element(By.CSS_SELECTOR, "input[max='19']").send_keys(Keys.ARROW_RIGHT)
    until(lambda: "has to be computed" in covered.text)
    covered.find_element(By.CSS_SELECTOR, ".cx-offer button").click()
    until(lambda: "cat_and_coffee grad_cam blur 285" in covered.get_attribute("data-shown"))
    assert words(covered).startswith("Egyptian cat (class 285)") and status(covered) == ""
    give(page, covered, chelsea_file, "cat.png")
    until(lambda: status(covered).startswith("Covering by Grad-CAM for 1. Egyptian cat 77.1%"))
    press(covered, "Edges")
    until(lambda: shows(covered, "cat.png edges"))


AXE = """
axe.run(".course-explorer").then(({violations}) => arguments[0](
  violations.filter(one => ["serious", "critical"].includes(one.impact)).map(one => one.help)));
"""


def faults_for_some(page, axe):
    """List what some readers cannot use, in light and dark, on a wide screen and on a phone."""
    faults = []
    page.execute_script(axe)
    for theme, width in (("light", 1280), ("dark", 1280), ("dark", 390), ("light", 390)):
        page.execute_script(f"document.documentElement.dataset.theme = '{theme}'")
        screen = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": False}
        page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        time.sleep(0.3)
        faults += [(theme, width, fault) for fault in page.execute_async_script(AXE)]
        if page.execute_script("return document.documentElement.scrollWidth") > width:
            faults.append((theme, width, "is too wide"))
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    return faults


CONTROLS = """
window.reached = [];
document.addEventListener("focusin", ({target}) => reached.push(target));
window.controls = [...document.querySelectorAll("button, input, select")]
  .filter(control => control.checkVisibility() && !control.disabled);
return controls.length;
"""
MISSED = "return controls.filter(control => !reached.includes(control))"


@pytest.mark.parametrize("name", ["layers", "classes", "covered", "kernels"])
def test_an_explorer_is_for_everyone_and_for_the_keyboard(page, site, axe, name):
    open_page(page, site, name)
    assert faults_for_some(page, axe) == []
    count = page.execute_script(CONTROLS)
    ActionChains(page).send_keys(Keys.TAB * count).perform()
    assert page.execute_script(MISSED) == []


# The camera: Chromium's own, which plays a film

FILM = {"chelsea": "Egyptian cat", "coffee": "espresso", "great_white_shark": "tiger shark"}
SPY = """
window.tracks = []; window.seen = []; window.long = [];
if (isSecureContext) {
  const {getUserMedia} = MediaDevices.prototype;
  MediaDevices.prototype.getUserMedia = async function (wanted) {
    const stream = await getUserMedia.call(this, wanted);
    tracks.push(...stream.getTracks());
    return stream;
  };
}
const listen = Worker.prototype.addEventListener;
Worker.prototype.addEventListener = function (kind, listener) {
  listen.call(this, kind, listener);
  listen.call(this, kind, ({data}) => {
    if (data.result?.milliseconds) seen.push([performance.now(), data.result.milliseconds]);
  });
};
new PerformanceObserver(list => long.push(...list.getEntries().map(entry => entry.duration)))
  .observe({type: "longtask"});
"""
PLAIN = "plain.example"  # where a page comes by plain http, and no browser opens a camera


def film_of(names):
    """A film, three seconds for each of the course's pictures: JPEGs one after the other."""
    pictures = [Image.fromarray(cu.load_image(name)).resize((640, 480)) for name in names]
    return b"".join(90 * encode(picture, "JPEG", quality=95) for picture in pictures)


@pytest.fixture
def filmed(tmp_path):
    """A page whose camera plays a film; its own requests and the network's times are noted."""
    path = tmp_path / "film.mjpeg"
    path.write_bytes(film_of(FILM))
    flags = ["device-for-media-stream", "ui-for-media-stream"]
    flags = [f"--use-fake-{flag}" for flag in flags] + [f"--use-file-for-fake-video-capture={path}"]
    flags.append(f"--host-resolver-rules=MAP {PLAIN} 127.0.0.1")
    with chromium(tmp_path / "filmed", height=1600, network_log=True, flags=flags) as page:
        page.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SPY})
        yield page
        assert console_errors(page) == []


def start_camera(page, explorer):
    page.execute_script("seen.length = long.length = 0")
    explorer.find_element(By.XPATH, ".//button[b='Camera']").click()
    until(lambda: page.execute_script("return seen.length") > 3)


def camera_button(explorer, title):
    return explorer.find_element(By.XPATH, f".//div[@class='cx-camera']/button[.='{title}']")


def is_dark(page):
    return page.execute_script("return tracks.every(track => track.readyState === 'ended')")


def test_names_and_heat_follow_a_camera_and_nothing_leaves_the_site(filmed, site):
    [classes] = open_page(filmed, site, "classes")
    start_camera(filmed, classes)
    for name in FILM.values():
        until(lambda name=name: words(classes).startswith(f"{name} (class"), 20)
    title = classes.find_element(By.CSS_SELECTOR, ".cx-overlay figcaption")
    first = classes.find_element(By.CSS_SELECTOR, ".cx-list button")
    first.click()
    until(lambda: "The heat stays with" in classes.text)
    held = classes.text.split("The heat stays with ")[1].split(". Click it again")[0]
    until(lambda: not first.text.startswith(f"1. {held}\n"), 20)
    assert title.text == f"Overlay: {held}, Grad-CAM"
    times = np.array(filmed.execute_script("return seen"))[3:]
    pace, alone = 1000 / np.diff(times[:, 0]).mean(), 1000 / times[:, 1].mean()
    longest = max(filmed.execute_script("return long"), default=0)
    print(
        f"\ncamera: {pace:.1f} frames a second, the network alone {alone:.1f}: {pace / alone:.2f}"
    )
    print(f"longest task of the page: {longest or 'under 50'} ms")
    camera_button(classes, "Stop").click()
    until(lambda: shows(classes, "chelsea") and words(classes).startswith("Egyptian cat"))
    assert is_dark(filmed) and status(classes) == ""
    messages = [json.loads(entry["message"])["message"] for entry in filmed.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"].endswith("willBeSent")]
    assert all(url.startswith((site.url, "data:", "blob:")) for url in asked)


@pytest.mark.parametrize("facing", ["environment", "user"])
def test_a_frozen_frame_is_the_same_picture_as_its_file(filmed, site, embedded, facing):
    script = f"MediaStreamTrack.prototype.getSettings = () => ({{facingMode: '{facing}'}})"
    filmed.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    [classes] = open_page(filmed, site, "classes")
    start_camera(filmed, classes)
    camera_button(classes, "Freeze").click()
    until(lambda: shows(classes, "camera 1.png"))
    assert is_dark(filmed)
    canvas = classes.find_element(By.CSS_SELECTOR, ".cx-input canvas")
    content = filmed.execute_script("return arguments[0].toDataURL()", canvas)
    file = base64.b64decode(content.partition(",")[2])
    image, frozen = cu.load_image(file), words(classes)
    best = int(embedded.logits(image)[0].argmax())
    share = 100 * embedded.predict(image)[0, best]
    assert abs(float(frozen.split("probability ")[1].split("%")[0]) - share) <= 1
    assert f"(class {best})" in frozen
    size = image.shape[1::-1]
    frames = [np.asarray(Image.fromarray(cu.load_image(name)).resize(size)) for name in FILM]
    frames += [frame[:, ::-1] for frame in frames]
    apart = [np.abs(image - np.float32(frame)).mean() for frame in frames]
    assert min(apart) < 12 and (np.argmin(apart) >= 3) == (facing == "user")
    give(filmed, classes, file, "same.png")
    until(lambda: shows(classes, "same.png"))
    assert words(classes) == frozen
    press(classes, "Saliency")
    until(lambda: "Saliency: peak" in words(classes))


def test_feature_maps_follow_a_camera_and_go_on_when_it_is_frozen(filmed, site):
    [layers] = open_page(filmed, site, "layers")
    start_camera(filmed, layers)
    move(filmed, layers, ".cx-river input", 20)
    until(lambda: "camera block4b" in layers.get_attribute("data-shown"))
    before = words(layers)
    until(lambda: words(layers) != before)
    camera_button(layers, "Freeze").click()
    until(lambda: shows(layers, "camera 1.png block4b"))
    move(filmed, layers, ".cx-river input", 48)
    until(lambda: shows(layers, "camera 1.png top_activation"))


def test_a_kernel_follows_a_camera(filmed, site):
    [kernels] = open_page(filmed, site, "kernels")
    kernels.find_element(By.XPATH, ".//button[b='Camera']").click()
    until(lambda: shows(kernels, "camera"))
    first = words(kernels)
    until(lambda: words(kernels) != first, 20)
    camera_button(kernels, "Freeze").click()
    until(lambda: shows(kernels, "camera 1.png"))


def test_a_camera_that_is_refused_or_ends_is_a_sentence_and_the_page_goes_on(filmed, site, axe):
    [classes] = open_page(filmed, site, "classes")
    camera = classes.find_element(By.XPATH, ".//button[b='Camera']")
    for name, sentence in {
        "NotAllowedError": "The camera is not allowed on this page. Allow it",
        "NotFoundError": "No camera was found. Plug one in",
        "NotReadableError": "another program may be using it",
    }.items():
        filmed.execute_script(
            "navigator.mediaDevices.getUserMedia ="
            f"() => Promise.reject(new DOMException('', '{name}'))"
        )
        camera.click()
        until(lambda sentence=sentence: sentence in status(classes))
    filmed.execute_script("delete navigator.mediaDevices.getUserMedia")
    for event, sentence in {
        "tracks.at(-1).dispatchEvent(new Event('ended'))": "The camera is gone: it was unplugged",
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange')); delete document.hidden": "went off",
        "arguments[0].style.marginTop = '9000px'": "The camera went off when it was out of sight",
    }.items():
        start_camera(filmed, classes)
        assert not is_dark(filmed)
        filmed.execute_script(event, classes)
        until(lambda sentence=sentence: sentence in status(classes))
        assert is_dark(filmed) and words(classes).startswith(
            "Egyptian cat (class 285): probability 77"
        )
    filmed.execute_script("arguments[0].style.marginTop = 0", classes)
    start_camera(filmed, classes)
    assert faults_for_some(filmed, axe) == []
    [classes] = open_page(filmed, site, "classes", host=PLAIN)
    classes.find_element(By.XPATH, ".//button[b='Camera']").click()
    until(lambda: "whose address begins with https://" in status(classes))
    classes.find_elements(By.CSS_SELECTOR, ".cx-list button")[1].click()
    until(lambda: words(classes).startswith("tiger cat (class 282)"))


# Links and the table


def test_a_link_opens_the_same_view_and_one_that_does_not_fit_the_nearest(page, site):
    for name, selector, value in (
        ("classes", "input[type=range][max='1']", 0.7),
        ("layers", ".cx-river input", 30),
        ("covered", "input[max='28']", 9),
        ("kernels", ".cx-sliders input", 40),
    ):
        [explorer] = open_page(page, site, name)
        picture = explorer.find_elements(By.CSS_SELECTOR, ".cx-pictures .cx-options button")[-2]
        picture.click()
        until(lambda picture=picture: picture.get_attribute("aria-pressed") == "true")
        move(page, explorer, selector, value)
        time.sleep(0.5)
        explorer.find_element(By.CLASS_NAME, "cx-link").click()
        until(lambda explorer=explorer: status(explorer).startswith("The link is "))
        link, shown = page.current_url, explorer.get_attribute("data-shown")
        page.get("about:blank")
        page.get(link)
        until(lambda: page.find_elements(By.CSS_SELECTOR, "[data-shown]"))
        explorer = page.find_element(By.CLASS_NAME, "course-explorer")
        assert explorer.get_attribute("data-shown") == shown
        assert (
            float(explorer.find_element(By.CSS_SELECTOR, selector).get_attribute("value")) == value
        )
    asked = "explorer=class.2&picture=coffeepot&classes=9000&layer=top_conv&method=grad_cam%2B%2B"
    page.get(f"{site.url}/classes.html#{asked}")
    until(lambda: page.find_elements(By.CSS_SELECTOR, "[data-shown]"))
    explorer = page.find_element(By.CLASS_NAME, "course-explorer")
    assert explorer.get_attribute("data-shown") == "coffee grad_cam++ 48 999"
    said = "The link asks for layer top_conv and classes 9000 and picture coffeepot: not here."
    assert said in status(explorer)
    page.execute_script("location.hash = 'explorer=class.1&picture=rocket'")
    until(lambda: page.find_elements(By.CSS_SELECTOR, "[data-shown^=rocket]"))


def test_the_table_of_all_maps_has_the_areas_and_says_who_wins(page, site):
    [covered] = open_page(page, site, "covered")
    table = {
        row.find_element(By.TAG_NAME, "th").text: [
            cell.text for cell in row.find_elements(By.TAG_NAME, "td")
        ]
        for row in covered.find_elements(By.CSS_SELECTOR, "tbody:last-child tr")
    }
    assert list(table) == list(MAPS)
    best = {0: [], 1: []}
    for title, cells in table.items():
        press(covered, title)
        deletion, insertion = (cell.partition(",")[0] for cell in cells)
        areas = f"deletion {deletion} (small is good), insertion {insertion} (large is good)"
        until(lambda areas=areas: areas in words(covered))
        for column in best:
            best[column] += [title] * cells[column].endswith(", the best")
    assert best == {0: ["Grad-CAM", "HiResCAM"], 1: ["Edges"]}
    press(covered, "black")
    until(lambda: covered.text.count("not measured") == len(MAPS))


# Faults: each ends in a sentence, and the page goes on


@pytest.mark.parametrize(
    "content, name, sentence",
    [
        (b"no picture at all", "text.png", "cannot read it as a picture"),
        (b"", "empty.png", "empty.png is empty (0 bytes)"),
        (100_000_000, "huge.tif", "huge.tif has 100 MB; 60 MB are allowed"),
    ],
)
def test_a_picture_that_cannot_be_read(page, site, chelsea_file, content, name, sentence):
    [classes] = open_page(page, site, "classes")
    give(page, classes, content, name)
    until(lambda: sentence in status(classes))
    give(page, classes, chelsea_file, "cat.png")
    until(lambda: shows(classes, "cat.png"))
    assert status(classes) == ""


def test_a_download_that_breaks_off_is_tried_again_and_a_whole_one_is_kept(
    any_page, site, chelsea_file
):
    [weights] = (site.folder / "explorers/assets/live").glob("weights-*")
    site.broken.add(f"/explorers/assets/live/{weights.name}")
    [classes] = open_page(any_page, site, "classes")
    give(any_page, classes, chelsea_file, "cat.png")
    until(lambda: "broke off in the middle. Try again" in status(classes))
    site.broken.clear()
    for visit in ("again", "later"):
        site.hits.clear()
        give(any_page, classes, chelsea_file, "cat.png")
        until(lambda explorer=classes: shows(explorer, "cat.png"))
        paths = " ".join(loaded(site))
        assert "/runtime-" not in paths and ("/weights-" in paths) == (visit == "again")
        [classes] = open_page(any_page, site, "classes")


def test_a_browser_without_webassembly(page, site, chelsea_file):
    source = {"source": "delete window.WebAssembly"}
    page.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", source)
    [classes] = open_page(page, site, "classes")
    give(page, classes, chelsea_file, "cat.png")
    until(lambda: "has no WebAssembly" in status(classes))
    classes.find_elements(By.CSS_SELECTOR, ".cx-list button")[1].click()
    until(lambda: words(classes).startswith("tiger cat (class 282)"))


def test_a_second_picture_while_the_first_computes(page, site, chelsea_file):
    [classes] = open_page(page, site, "classes")
    give(page, classes, chelsea_file, "cat.png")
    give(page, classes, encode(cu.load_image("coffee"), "PNG"), "cup.png")
    until(lambda: shows(classes, "cup.png"))
    time.sleep(1)
    assert words(classes).startswith("espresso (class 967)")
    press(classes, "Integrated Gradients")
    until(lambda: status(classes).startswith("Computing Integrated Gradients"))
    press(classes, "Grad-CAM")
    give(page, classes, chelsea_file, "late.png")
    classes.find_element(By.CSS_SELECTOR, "button[title='an astronaut']").click()
    until(lambda: shows(classes, "astronaut"))
    time.sleep(5)
    assert shows(classes, "astronaut") and words(classes).startswith("bobsled")


def test_missing_files_leave_the_still_picture_and_a_sentence(any_page, site):
    (site.folder / "explorers/assets").unlink()
    any_page.get(f"{site.url}/layers.html")
    until(lambda: "could not be loaded" in any_page.find_element(By.TAG_NAME, "body").text)
    assert "a still" in any_page.find_element(By.TAG_NAME, "body").text
