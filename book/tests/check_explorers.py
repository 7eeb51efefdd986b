"""The web book's explorers in a browser, beside Python: numbers, times, faults.

Needs Chromium, its driver, selenium (the extra `browser`), and what book/tools/build_explorers.py
builds (the extra `book`). It takes minutes and prints two tables.
"""

import base64
import io
import os
import shutil
import statistics
import time
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import ExifTags, Image

webdriver = pytest.importorskip("selenium.webdriver")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

import course_utils as cu  # noqa: E402
from course_utils.display import views  # noqa: E402
from course_utils.display.tiles import scale_to_bytes, shrink_maps, to_gray  # noqa: E402
from course_utils.explorers.faithfulness_explorer import FILLS, MAPS  # noqa: E402

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "build/explorers/assets"
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="needs Chromium and chromedriver"),
    pytest.mark.skipif(not ASSETS.is_dir(), reason="run 'make book' first"),
    pytest.mark.filterwarnings("ignore:.*finds nothing:UserWarning"),
]
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Explorers</title>
<body style="max-width: 760px; margin: auto">
{places}<script type="module" src="/explorers/main.js"></script></body></html>"""
LAYERS = '<div class="explorer" data-kind="layer" data-picture="chelsea"><p>a still</p></div>'
CLASSES = LAYERS.replace("layer", "class")
COVERED = LAYERS.replace("layer", "faithfulness").replace("chelsea", "cat_and_coffee")

# The page's own modules are asked for numbers: the same ones that the explorers on it use.
SEE = """
const [name, content, layers] = arguments;
const done = arguments[arguments.length - 1];
(async () => {
  const { network } = await import("/explorers/network.js");
  const { OwnPicture, askHeat, loadIndex } = await import("/explorers/pictures.js");
  await network.start();
  const bytes = Uint8Array.from(atob(content), c => c.charCodeAt(0));
  const picture = new OwnPicture(name, new File([bytes], name), await loadIndex());
  await picture.prepare();
  const last = picture.layers.length - 1;
  const best = picture.ranking[0];
  const heat = (method, layer) => askHeat(picture, method, layer, best).then(({answer}) => answer);
  const maps = [];
  for (const layer of layers) {
    const { cells, numbers, count } = await picture.page(layer, 0);
    const size = cells.length / count;
    maps.push(Array.from(cells, (byte, i) => {
      const channel = Math.floor(i / size);
      return numbers.low[channel] + byte / 255 * (numbers.high[channel] - numbers.low[channel]);
    }));
  }
  return {
    logits: Array.from(picture.logits),
    probability: picture.probabilities[best],
    closed: Array.from(picture.heat("grad_cam", last, best).values),
    early: Array.from((await heat("grad_cam", layers[1])).values),
    saliency: Array.from((await heat("saliency", null)).values),
    maps,
  };
})().then(done, error => done({ problem: String(error) }));
"""
SHOWN_LAYERS = (3, 20, 47)  # an early, a middle and a late one


@pytest.fixture
def site(serve, tmp_path):
    """A server of the explorers' files, and of pages with one explorer or two."""
    shutil.copytree(ROOT / "book/explorers", tmp_path / "explorers")
    (tmp_path / "explorers/assets").symlink_to(ASSETS)
    pages = {"both": LAYERS + CLASSES, "layers": LAYERS, "classes": CLASSES, "covered": COVERED}
    pages["vgg16"] = LAYERS.replace("><p", ' data-network="vgg16"><p')
    for name, places in pages.items():
        (tmp_path / f"{name}.html").write_text(PAGE.format(places=places))
    return serve(tmp_path)


@contextmanager
def browser(width=1280, before=""):
    """Start Chromium; `before` is run in every page before its own scripts."""
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for option in ("headless", "no-sandbox", "disable-dev-shm-usage", f"window-size={width},1600"):
        options.add_argument(f"--{option}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    page = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    page.set_script_timeout(300)
    if before:
        page.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": before})
    try:
        yield page
    finally:
        page.quit()


@pytest.fixture
def page(site):
    with browser() as page:
        yield page
        errors = [e["message"] for e in page.get_log("browser") if "favicon" not in e["message"]]
        assert not errors


@pytest.fixture(scope="module")
def chelsea_file():
    return encode(Image.fromarray(cu.load_image("chelsea")), "PNG")


def encode(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def open_page(page, site, name="both"):
    page.get(f"{site.url}/{name}.html")
    count = 2 if name == "both" else 1
    until(lambda: len(page.find_elements(By.CSS_SELECTOR, ".course-explorer[data-shown]")) == count)
    return page.find_elements(By.CSS_SELECTOR, ".course-explorer")


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


def give(page, explorer, content, name, way="choose"):
    """Hand a file to an explorer, as its input, a drop or a paste would."""
    page.execute_script(
        """
        const [explorer, content, name, way, size] = arguments;
        const bytes = size
          ? new Uint8Array(size) : Uint8Array.from(atob(content), c => c.charCodeAt(0));
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
        base64.b64encode(content).decode() if isinstance(content, bytes) else "",
        name,
        way,
        0 if isinstance(content, bytes) else content,
    )


def move(page, explorer, selector, value):
    page.execute_script(
        "const slider = arguments[0].querySelector(arguments[1]); slider.value = arguments[2];"
        "slider.dispatchEvent(new Event('input', {bubbles: true}))",
        explorer,
        selector,
        value,
    )


# Numbers


def made_pictures():
    """{name: bytes} of pictures of odd sizes and of every mode that a browser can read."""
    chelsea, coffee, astronaut = (
        Image.fromarray(cu.load_image(name)) for name in ("chelsea", "coffee", "astronaut")
    )
    rng = np.random.default_rng(0)
    alpha = Image.linear_gradient("L").resize(coffee.size)
    see_through = coffee.copy()
    see_through.putalpha(alpha)
    gray_through = see_through.convert("LA")
    deep = Image.fromarray(np.asarray(chelsea.convert("L")).astype(np.uint16) * 257)
    noise = Image.fromarray(rng.integers(0, 256, (301, 77, 3), dtype=np.uint8))
    made = {
        "one pixel.png": encode(Image.new("RGB", (1, 1), (200, 30, 60)), "PNG"),
        "line.png": encode(coffee.resize((500, 3)), "PNG"),
        "column.png": encode(chelsea.resize((7, 1000)), "PNG"),
        "nearly.png": encode(astronaut.resize((225, 223)), "PNG"),
        "noise.png": encode(noise, "PNG"),
        "large.jpg": encode(coffee.resize((4001, 2667)), "JPEG", quality=90),
        "gray.jpg": encode(astronaut.convert("L"), "JPEG"),
        "gray.png": encode(chelsea.convert("L").resize((333, 501)), "PNG"),
        "16 bits.png": encode(deep, "PNG"),
        "two colors.png": encode(astronaut.convert("1"), "PNG"),
        "palette.png": encode(coffee.quantize(64), "PNG"),
        "animation.gif": encode(chelsea, "GIF", save_all=True, append_images=[astronaut]),
        "transparent.png": encode(see_through, "PNG"),
        "transparent gray.png": encode(gray_through, "PNG"),
        "transparent.webp": encode(see_through, "WEBP", lossless=True),
        "photo.webp": encode(astronaut, "WEBP", quality=85),
        "photo.bmp": encode(chelsea, "BMP"),
        "photo.jpg": encode(astronaut, "JPEG", quality=92, subsampling=0),
        "photo 420.jpg": encode(coffee.resize((351, 517)), "JPEG", quality=75),
    }
    for orientation in (3, 6, 7):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        made[f"turned {orientation}.jpg"] = encode(chelsea, "JPEG", exif=exif, subsampling=0)
    return made


def test_numbers_are_those_of_python(page, site, embedded, capsys):
    open_page(page, site)
    names = embedded.conv_layer_names
    samples = {
        name: encode(Image.fromarray(cu.load_image(name)), "PNG")
        for name in cu.sample_image_names()
    }
    rows = []
    for name, content in {**samples, **made_pictures()}.items():
        found = page.execute_async_script(
            SEE, name, base64.b64encode(content).decode(), list(SHOWN_LAYERS)
        )
        assert "problem" not in found, (name, found)
        image = cu.load_image(content)
        logits = embedded.logits(image)[0]
        best = int(logits.argmax())
        maps = cu.get_feature_maps(embedded, image, [names[i] for i in SHOWN_LAYERS])
        correlations = [
            correlation(mine, values[:, :, :64].transpose(2, 0, 1))
            for mine, values in zip(found["maps"], maps.values(), strict=True)
        ]
        early = cu.make_gradcam_heatmap(embedded, image, best, names[SHOWN_LAYERS[1]])
        rows.append(
            (
                name,
                np.abs(np.array(found["logits"]) - logits).max(),
                list(np.argsort(found["logits"])[-5:]) == list(np.argsort(logits)[-5:]),
                abs(found["probability"] - embedded.predict(image)[0, best]),
                difference(found["closed"], cu.make_gradcam_heatmap(embedded, image, best)),
                correlation(found["early"], early),
                correlation(found["saliency"], cu.compute_saliency_map(embedded, image, best)),
                min(correlations),
            )
        )
    with capsys.disabled():
        print(
            "\npicture, logits, top 5, probability, Grad-CAM; r: Grad-CAM in the middle,", end=" "
        )
        print("saliency, maps")
        for name, logit, top, *numbers in rows:
            shown = " ".join(f"{number:8.4f}" for number in numbers)
            print(f"{name:22s} {logit:7.4f} {top!s:5s} {shown}")
    for name, logit, top, probability, closed, early, saliency, maps in rows:
        assert top, name
        assert logit <= 0.05 and probability <= 0.01, name
        assert closed <= 0.01, name
        assert early >= 0.98 and saliency >= 0.98 and maps >= 0.999, name


def correlation(found, wanted):
    return float(np.corrcoef(np.ravel(found), np.ravel(wanted))[0, 1])


def difference(found, wanted):
    return float(np.abs(np.reshape(found, wanted.shape) - wanted).max())


def test_words_are_those_of_the_explorers_in_notebooks(page, site, embedded):
    layers, classes = open_page(page, site)
    image = cu.load_image("chelsea")
    name = embedded.conv_layer_names[0]
    maps = cu.get_feature_maps(embedded, image, [name])[name]
    wanted = [views.describe_layer(name, "ReLU", maps, (3, 3)), views.describe_channel(maps, 0)]
    assert words(layers) == " ".join(wanted)
    logits = embedded.logits(image)[0]
    ranking = views.rank_classes(embedded.class_names, logits, embedded.predict(image)[0])
    heatmap = cu.make_gradcam_heatmap(embedded, image)
    assert words(classes) == (
        f"{views.describe_class(int(logits.argmax()), ranking)} "
        f"Grad-CAM at {embedded.last_conv_layer_name}: {views.describe_heatmap(heatmap)}"
    )


SAMPLE = """
const [network, name, layer, page, index] = arguments;
const done = arguments[arguments.length - 1];
(async () => {
  const { SamplePicture, loadIndex } = await import("/explorers/pictures.js");
  const picture = new SamplePicture(name, await loadIndex(), network);
  const { cells, height, width, numbers } = await picture.page(layer, page);
  const found = { cells: Array.from(cells), height, width, means: Array.from(numbers.mean) };
  if (index === null) return found;
  await picture.prepareClasses();
  for (const [method, at] of [["layer_cam", layer], ["saliency", null], ["grad_cam++", 48]])
    found[method] = Array.from((await picture.heat(method, at, index)).values);
  return found;
})().then(done, error => done({ problem: String(error) }));
"""


def test_files_hold_what_python_computes(page, site, embedded):
    open_page(page, site)
    name, image = embedded.conv_layer_names[13], cu.load_image("coffee")
    best = cu.class_index("espresso")
    found = page.execute_async_script(SAMPLE, "efficientnet_lite0", "coffee", 13, 1, best)
    maps = cu.get_feature_maps(embedded, image, [name])[name]
    np.testing.assert_allclose(found["means"], maps.mean(axis=(0, 1)), atol=1e-4)
    cells = np.reshape(found["cells"], (64, *maps.shape[:2]))
    assert np.abs(cells - scale_to_bytes(maps[:, :, 64:128]).astype(int)).max() <= 1
    wanted = {
        "layer_cam": cu.make_gradcam_heatmap(embedded, image, best, name, "layer_cam"),
        "saliency": cu.compute_saliency_map(embedded, image, best),
        "grad_cam++": cu.make_gradcam_heatmap(embedded, image, best, method="grad_cam++"),
    }
    for method, heatmap in wanted.items():
        assert difference(found[method], heatmap) <= 0.004, method


def test_tiles_of_vgg16_are_what_python_computes(page, site):
    open_page(page, site)
    model = keras.applications.VGG16(
        include_top=False, weights=cu.weights_path("vgg16_no_top"), input_shape=(224, 224, 3)
    )
    image = cu.load_image("great_white_shark", (224, 224))
    inputs = keras.applications.vgg16.preprocess_input(np.float32(image[np.newaxis]))
    for number, name, size in ((1, "block1_conv2", 112), (8, "block3_conv3", 56)):
        found = page.execute_async_script(SAMPLE, "vgg16", "great_white_shark", number, 0, None)
        output = keras.Model(model.input, model.get_layer(name).output)(inputs)
        maps = shrink_maps(np.asarray(output)[0], 224 // size if number == 1 else 1)
        assert (found["height"], found["width"]) == (size, size)
        assert correlation(found["cells"], scale_to_bytes(maps[:, :, :64])) >= 0.98  # as WebP


# Covered pictures

CURVES = """
const [name, index, maps] = arguments;
const done = arguments[arguments.length - 1];
(async () => {
  const { network } = await import("/explorers/network.js");
  const { SamplePicture, askCurves, askHeat, loadIndex } = await import("/explorers/pictures.js");
  const { blindMaps } = await import("/explorers/covering.js");
  await network.start();
  const about = await loadIndex();
  const picture = new SamplePicture(name, about, "efficientnet_lite0");
  await picture.prepareClasses();
  const random = { values: Float32Array.from(about.covering.random.flat()), height: 7, width: 7 };
  const blind = blindMaps(random);
  const found = [];
  for (const [map, fill] of maps) {
    const layer = about.methods.find(({ key }) => key === map)?.atLayer ? 48 : null;
    const heatmap = blind[map]
      ? blind[map](await picture.seen())
      : await (await askHeat(picture, map, layer, index)).answer;
    const { answer } = await askCurves(picture, heatmap, index, fill);
    const { deletion, insertion } = await answer;
    found.push([Array.from(deletion), Array.from(insertion)]);
  }
  return found;
})().then(done, error => done({ problem: String(error) }));
"""


FOLLOWED = (  # on one sample after another
    [("grad_cam", "blur"), ("edges", "mean")],
    [("layer_cam", "mean"), ("center", "black")],
    [("hires_cam", "black"), ("random", "blur")],
    [("grad_cam++", "blur"), ("saliency", "mean")],
    [("grad_cam", "mean"), ("saliency", "black")],
    [("edges", "blur"), ("saliency", "blur")],
)


def curves_of(classifier, image, key, class_index, fill):
    image = cu.load_image(image, classifier.input_size)
    if key in cu.METHODS:
        heatmap = cu.METHODS[key].compute(classifier, image, class_index)
    else:
        heatmap = cu.BASELINE_MAPS[key](image)
    return [
        curve(classifier, image, heatmap, class_index, fill=fill).probabilities
        for curve in (cu.deletion_curve, cu.insertion_curve)
    ]


def test_live_curves_are_those_of_python(page, site, embedded, capsys):
    open_page(page, site)
    rows = []
    for name, maps in zip(cu.sample_image_names(), FOLLOWED, strict=True):
        best = int(embedded.logits(cu.load_image(name))[0].argmax())
        found = page.execute_async_script(CURVES, name, best, maps)
        assert "problem" not in found, found
        for (key, fill), curves in zip(maps, found, strict=True):
            wanted = curves_of(embedded, name, key, best, fill)
            apart = np.subtract(curves, wanted)
            areas = np.trapezoid(apart, dx=1 / 28, axis=1)
            rows.append((name, key, fill, np.abs(apart).max(), np.abs(areas).max()))
    with capsys.disabled():
        print("\npicture, map, fill: largest difference of a probability, of an area")
        for name, key, fill, worst, area in rows:
            print(f"{name:18s} {key:10s} {fill:6s} {worst:.4f} {area:.4f}")
    for name, key, fill, worst, area in rows:
        assert area <= 0.01, (name, key, fill)
        # The order of single pixels is noise: a gradient's last digits change it.
        assert worst <= (0.1 if key == "saliency" else 0.01), (name, key, fill)


def test_the_explorer_of_covered_pictures_says_what_python_says(page, site, embedded):
    [covered] = open_page(page, site, "covered")
    image = cu.load_image("cat_and_coffee", embedded.input_size)
    explorer = cu.FaithfulnessExplorer(embedded, image)

    def sentence():
        explorer.wait()
        return explorer._repr_mimebundle_()["text/plain"]

    until(lambda: words(covered) == sentence())
    titles = {key: title for title, key in MAPS.items()}
    for key, fill, step in [
        ("center", "blur", 14),
        ("saliency", "mean", 3),
        ("edges", "black", 28),
    ]:
        explorer.map.value, explorer.fill.value, explorer.covered.value = key, fill, step
        for text in (titles[key], fill):
            press(covered, text)
        move(page, covered, "input[max='28']", step)
        until(lambda: words(covered) == sentence())
    assert not [path for path in site.hits if "/live/" in path]
    rows = covered.find_elements(By.CSS_SELECTOR, "[role=group]")
    assert [button.text for button in rows[2].find_elements(By.TAG_NAME, "button")] == list(FILLS)


def press(explorer, text):
    buttons = explorer.find_elements(By.CSS_SELECTOR, ".cx-options button")
    next(button for button in buttons if button.text == text).click()


def test_a_covered_picture_is_the_one_of_python(page, site, embedded):
    [covered] = open_page(page, site, "covered")
    image = cu.load_image("cat_and_coffee", embedded.input_size)
    heatmap = cu.make_gradcam_heatmap(embedded, image)
    for name, rest in (("deletion", False), ("insertion", True)):
        canvas = covered.find_element(By.CSS_SELECTOR, f".cx-{name} canvas")
        script = "return arguments[0].toDataURL().split(',')[1]"
        content = base64.b64decode(page.execute_script(script, canvas))
        found = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
        difference = np.abs(found - cu.cover(image, heatmap, 0.25, rest=rest)).max(axis=2)
        assert (difference > 1).mean() < 0.001, name  # a pixel may change its place in the order


def test_curves_of_another_class_and_of_an_own_picture_need_the_network(page, site, chelsea_file):
    [covered] = open_page(page, site, "covered")
    slider = covered.find_element(By.CSS_SELECTOR, "input[max='19']")
    slider.send_keys(Keys.ARROW_RIGHT)
    until(lambda: "has to be computed" in covered.text)
    covered.find_element(By.CSS_SELECTOR, ".cx-offer button").click()
    until(lambda: "cat_and_coffee grad_cam blur 285" in covered.get_attribute("data-shown"))
    assert words(covered).startswith("Egyptian cat (class 285)") and status(covered) == ""
    give(page, covered, chelsea_file, "cat.png")
    until(lambda: status(covered).startswith("Covering by Grad-CAM for 1. Egyptian cat 77.1%"))
    press(covered, "Edges")
    until(lambda: shows(covered, "cat.png edges"))
    press(covered, "Grad-CAM")
    until(lambda: shows(covered, "cat.png grad_cam"))
    assert "By Grad-CAM, the hottest 25% of the pixels covered" in words(covered)


# Colors

OVERLAY = """
const [explorer] = arguments;
const [gray, heat] = explorer.querySelectorAll(".cx-overlay canvas");
const canvas = document.createElement("canvas");
[canvas.width, canvas.height] = [gray.width, gray.height];
const context = canvas.getContext("2d");
context.drawImage(gray, 0, 0);
context.globalAlpha = getComputedStyle(heat).opacity;
context.drawImage(heat, 0, 0, gray.width, gray.height);
return canvas.toDataURL().split(",")[1];
"""


def test_an_overlay_is_that_of_python(page, site, embedded):
    [classes] = open_page(page, site, "classes")
    content = base64.b64decode(page.execute_script(OVERLAY, classes))
    found = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    picture = Image.open(ASSETS / "efficientnet_lite0/chelsea/picture.jpg").convert("RGB")
    heatmap = cu.make_gradcam_heatmap(embedded, cu.load_image("chelsea"))
    explorer = cu.ClassExplorer(embedded, "chelsea")
    wanted = cu.overlay_heatmap(to_gray(np.asarray(picture)), heatmap, explorer.alpha.value)
    assert np.abs(found - wanted).max() <= 12  # the browser stretches heat in two steps
    assert np.abs(found - wanted).mean() <= 1


# VGG16's first blocks

BLOCKS = """
const [content, layers] = arguments;
const done = arguments[arguments.length - 1];
(async () => {
  const { networkOf } = await import("/explorers/network.js");
  const { OwnPicture, loadIndex } = await import("/explorers/pictures.js");
  await networkOf("vgg16").start();
  const bytes = Uint8Array.from(atob(content), c => c.charCodeAt(0));
  const picture = new OwnPicture("cup", new File([bytes], "cup"), await loadIndex(), "vgg16");
  await picture.prepare();
  const found = [];
  for (const layer of layers) {
    const { cells, numbers, height, width } = await picture.page(layer, 0);
    found.push({ cells: Array.from(cells), means: Array.from(numbers.mean), height, width });
  }
  return found;
})().then(done, error => done({ problem: String(error) }));
"""


def test_blocks_of_vgg16_are_those_of_python(page, site):
    open_page(page, site, "vgg16")
    image = cu.load_image("coffee")
    content = base64.b64encode(encode(Image.fromarray(image), "PNG")).decode()
    numbers = [0, 1, 5, 8, 9]
    found = page.execute_async_script(BLOCKS, content, numbers)
    assert "problem" not in found, found
    model = keras.applications.VGG16(
        include_top=False, weights=cu.weights_path("vgg16_no_top"), input_shape=(224, 224, 3)
    )
    names = [model.layers[number + 1].name for number in numbers]
    preprocess = keras.applications.vgg16.preprocess_input
    inputs = preprocess(np.float32(cu.load_image(image, (224, 224))[np.newaxis]))
    outputs = keras.Model(model.input, [model.get_layer(name).output for name in names])(inputs)
    for shown, output in zip(found, map(np.asarray, outputs), strict=True):
        maps = shrink_maps(output[0], -(-output.shape[1] // 112))
        assert (shown["height"], shown["width"]) == maps.shape[:2]
        cells = scale_to_bytes(maps[:, :, :64]).ravel()
        assert np.abs(np.subtract(shown["cells"], cells, dtype=int)).max() <= 2
        np.testing.assert_allclose(
            shown["means"], output.mean(axis=(0, 1, 2)), rtol=1e-3, atol=0.01
        )


def test_an_own_picture_goes_through_the_first_blocks_of_vgg16(page, site, chelsea_file):
    [layers] = open_page(page, site, "vgg16")
    assert "Use the first 10 layers on your own picture" in layers.text
    assert not [path for path in site.hits if "/live/" in path]
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
    loaded = sum(size_of(site, path) for path in set(site.hits) if "/live/" in path)
    assert loaded <= 7_500_000  # with what runs it, which the other network shares


# What a reader does


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
    search = classes.find_element(By.CSS_SELECTOR, "input[type=search]")
    search.send_keys("shark")
    rows = classes.find_elements(By.CSS_SELECTOR, ".cx-list button")
    assert [row.text.split(". ")[1].split("\n")[0] for row in rows][0] == "great white shark"
    rows[0].click()
    until(lambda: words(classes).startswith("great white shark (class 2)"))
    until(lambda: "Grad-CAM at top_activation" in words(classes))
    large = [path for path in site.hits if "/live/" in path]
    assert len(large) == 1 and "head-" in large[0]
    search.clear()
    search.send_keys("tigre cat")
    assert status(classes) == views.explain_no_class("tigre cat", range(1000))


def test_own_pictures_are_chosen_dropped_and_pasted(page, site, chelsea_file):
    [classes] = open_page(page, site, "classes")
    for way in ("choose", "drop", "paste"):
        content = encode(Image.new("RGB", (40 + len(way), 30), (200, 30, 60)), "PNG")
        give(page, classes, content, f"{way}.png", way)
        until(lambda way=way: shows(classes, f"{way}.png"))
    give(page, classes, chelsea_file, "cat.png")
    until(lambda: shows(classes, "cat.png"))
    assert words(classes).startswith("Egyptian cat (class 285): probability 77.1%")
    for title in ("Saliency", "LayerCAM"):
        buttons = classes.find_elements(By.CSS_SELECTOR, ".cx-methods button")
        next(button for button in buttons if button.text == title).click()
        until(lambda title=title: f"{title}" in words(classes))
    move(page, classes, ".cx-river input", 20)
    until(lambda: "LayerCAM at block4b_project_bn: peak" in words(classes))


def test_nothing_of_the_network_is_loaded_before_a_click(page, site):
    open_page(page, site)
    assert not [path for path in site.hits if "/live/" in path or path.endswith("worker.js")]
    sizes = {path: size_of(site, path) for path in set(site.hits) if path != "/favicon.ico"}
    assert sum(sizes.values()) <= 1_500_000, sizes


def size_of(site, path):
    return (site.folder / path[1:]).stat().st_size


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
    assert words(classes).startswith("Egyptian cat (class 285): probability 77.1%")
    assert status(classes) == ""


def test_a_connection_that_breaks_off_in_mid_download(site, chelsea_file):
    [weights] = (site.folder / "explorers/assets/live").glob("weights-*")
    site.broken.add(f"/explorers/assets/live/{weights.name}")
    with browser() as page:
        [classes] = open_page(page, site, "classes")
        give(page, classes, chelsea_file, "cat.png")
        until(lambda: "broke off in the middle. Try again" in status(classes))
        site.broken.clear()
        site.hits.clear()
        give(page, classes, chelsea_file, "cat.png")
        until(lambda: shows(classes, "cat.png"))
        assert not [path for path in site.hits if "/runtime-" in path and ".wasm" in path]  # kept


def test_a_second_visit_loads_the_network_from_the_browser(site, chelsea_file):
    with browser() as page:
        for visit in range(2):
            site.hits.clear()
            [classes] = open_page(page, site, "classes")
            give(page, classes, chelsea_file, "cat.png")
            until(lambda e=classes: shows(e, "cat.png"))
            loaded = [path for path in site.hits if "/live/weights-" in path]
            assert len(loaded) == 1 - visit


def test_a_browser_without_webassembly(site, chelsea_file):
    with browser(before="delete window.WebAssembly") as page:
        [classes] = open_page(page, site, "classes")
        give(page, classes, chelsea_file, "cat.png")
        until(lambda: "has no WebAssembly" in status(classes))
        classes.find_elements(By.CSS_SELECTOR, ".cx-list button")[1].click()
        until(lambda: words(classes).startswith("tiger cat (class 282)"))


def test_a_second_picture_while_the_first_computes(page, site, chelsea_file):
    [classes] = open_page(page, site, "classes")
    coffee = encode(Image.fromarray(cu.load_image("coffee")), "PNG")
    give(page, classes, chelsea_file, "cat.png")
    give(page, classes, coffee, "cup.png")
    until(lambda: shows(classes, "cup.png"))
    time.sleep(1)
    assert words(classes).startswith("espresso (class 967)")
    buttons = {b.text: b for b in classes.find_elements(By.CSS_SELECTOR, ".cx-methods button")}
    buttons["Integrated Gradients"].click()
    until(lambda: status(classes).startswith("Computing Integrated Gradients"))
    buttons["Grad-CAM"].click()
    give(page, classes, chelsea_file, "again.png")
    until(lambda: shows(classes, "again.png"))
    assert status(classes) == ""
    give(page, classes, chelsea_file, "late.png")
    classes.find_element(By.CSS_SELECTOR, "button[title='an astronaut']").click()
    until(lambda: shows(classes, "astronaut"))
    time.sleep(5)
    assert shows(classes, "astronaut") and words(classes).startswith("bobsled")


def test_missing_files_leave_the_still_picture_and_a_sentence(site):
    (site.folder / "explorers/assets").unlink()
    with browser() as page:
        page.get(f"{site.url}/layers.html")
        until(lambda: "could not be loaded" in page.find_element(By.TAG_NAME, "body").text)
        assert "a still" in page.find_element(By.TAG_NAME, "body").text


# Times

WATCH = """
window.tasks = [];
new PerformanceObserver(list => tasks.push(...list.getEntries().map(e => e.duration)))
  .observe({ type: "longtask" });
"""
CHANGE = """
const [explorer, act] = arguments;
const done = arguments[arguments.length - 1];
const begun = performance.now();
const observer = new MutationObserver(() => {
  observer.disconnect();
  done(performance.now() - begun);
});
observer.observe(explorer, { attributeFilter: ["data-shown"] });
new Function("explorer", act)(explorer);
"""


def time_changes(page, explorer, actions):
    times = []
    for action in actions:
        times.append(page.execute_async_script(CHANGE, explorer, action))
        time.sleep(0.15)
    return times


def slide(selector, value):
    return (
        f"const s = explorer.querySelector('{selector}'); s.value = {value};"
        "s.dispatchEvent(new Event('input', {bubbles: true}))"
    )


def test_times(site, chelsea_file, capsys):
    content = base64.b64encode(chelsea_file).decode()
    choose = """
    const transfer = new DataTransfer();
    transfer.items.add(new File([cat], `cat ${performance.now()}.png`));
    const input = explorer.querySelector("input[type=file]");
    input.files = transfer.files;
    input.dispatchEvent(new Event("change"));
    """
    with browser(before=WATCH) as page:
        layers, classes = open_page(page, site)
        steps = [slide(".cx-river input", layer) for layer in range(1, 49)]
        times = {"next layer from tiles": (time_changes(page, layers, steps), 25, 50)}
        press = "explorer.querySelectorAll('.cx-list button')[{}].click()"
        others = [press.format(1 + i % 2) for i in range(50)]
        times["another class"] = (time_changes(page, classes, others), 5, 10)
        page.execute_script(
            "window.cat = Uint8Array.from(atob(arguments[0]), c => c.charCodeAt(0))", content
        )
        time.sleep(1)
        page.execute_script("tasks.length = 0")
        first, *next_ones = time_changes(page, classes, [choose] * 51)
        times["own picture"] = (next_ones, 150, 250)
        longest = max(page.execute_script("return tasks"), default=0)
    load = os.getloadavg()[0]
    with capsys.disabled():
        print(f"\nload {load:.1f}; milliseconds: median, 95th percentile, allowed")
        for name, (values, *allowed) in times.items():
            found = f"{statistics.median(values):7.1f} {percentile(values):7.1f}"
            print(f"{name:22s} {found} {allowed}")
        print(f"first own picture {first:.0f} [2000]; longest task of the page {longest:.0f} [50]")
    # No clock decides a test: the times are for whoever reads them.
    assert [len(values) for values, *_ in times.values()] == [48, 50, 50]


def test_times_of_covered_pictures(site, chelsea_file, capsys):
    with browser(before=WATCH) as page:
        [covered] = open_page(page, site, "covered")
        steps = [slide('input[max="28"]', step) for step in range(28, -1, -1)]
        times = time_changes(page, covered, steps)
        give(page, covered, chelsea_file, "cat.png")
        until(lambda: shows(covered, "cat.png"))
        page.execute_script("tasks.length = 0")
        begun = time.monotonic()
        press(covered, "Center")
        until(lambda: shows(covered, "cat.png center"))
        seconds = time.monotonic() - begun
        longest = max(page.execute_script("return tasks"), default=0)
    with capsys.disabled():
        print(f"\nload {os.getloadavg()[0]:.1f}; another step, milliseconds: median", end=" ")
        print(f"{statistics.median(times):.1f}, 95th percentile {percentile(times):.1f} [25, 50]")
        print(f"curves of an own picture {seconds:.1f} s; longest task {longest:.0f} ms [50]")
    assert len(times) == 29


def percentile(values):
    return float(np.percentile(values, 95))
