"""The page on which a reader teaches a network, in a browser, beside Python.

Not part of `pytest` alone: it needs what `make book` builds, Chromium and its driver, and takes
minutes. `make test-book` runs it.
"""

import base64
import json
import shutil
import time

import keras
import numpy as np
import pytest
from check_explorers import ASSETS, AXE, PAGE, ROOT, encode, until
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

import course_utils as cu
from book.tools.build_explorers import TEXTURES, cut, put_label
from tools.browser import chromium, console_errors, find_chromium

pytestmark = [
    pytest.mark.skipif(find_chromium() is None, reason="needs Chromium and chromedriver"),
    pytest.mark.skipif(not ASSETS.is_dir(), reason="run 'make book' first"),
]
GIVE = """
const [place, files, way] = arguments;
const transfer = new DataTransfer();
for (const [name, content] of files) {
  const bytes = typeof content === "number"
    ? new Uint8Array(content) : Uint8Array.from(atob(content), c => c.charCodeAt(0));
  transfer.items.add(new File([bytes], name));
}
const options = {bubbles: true, cancelable: true};
place.dispatchEvent(way === "drop"
  ? new DragEvent("drop", {...options, dataTransfer: transfer})
  : new ClipboardEvent("paste", {...options, clipboardData: transfer}));
"""


@pytest.fixture
def site(serve, tmp_path):
    """A server of a page that teaches."""
    folder = tmp_path / "site"
    shutil.copytree(ROOT / "book/explorers", folder / "explorers")
    (folder / "explorers/assets").symlink_to(ASSETS)
    text = (ROOT / "book/teach.md").read_text(encoding="utf-8")
    places = text[text.index('<div class="explorer"') : text.index("<link")]
    (folder / "teach.html").write_text(PAGE.format(places=f"<h1>T</h1><h2>t</h2>{places}"))
    return serve(folder)


@pytest.fixture
def page(tmp_path, site):
    with chromium(tmp_path / "profile", height=1600, network_log=True) as page:
        where = {"behavior": "allow", "downloadPath": str(tmp_path)}
        page.execute_cdp_cmd("Browser.setDownloadBehavior", where)
        open_page(page, site)
        yield page
        assert console_errors(page) == []
        sent = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
        sent = [m["params"] for m in sent if m["method"] == "Network.requestWillBeSent"]
        urls = [about["request"]["url"] for about in sent]
        ours = (site.url, "data:", "blob:", "about:", "chrome:")
        assert urls and [url for url in urls if not url.startswith(ours)] == []


def open_page(page, site):
    page.get(f"{site.url}/teach.html")
    until(lambda: len(find(page, ".cx-card")) >= 2)


def find(page, selector):
    return page.find_elements(By.CSS_SELECTOR, selector)


def press(page, title):
    """Press a button of the page; it may be below what is seen."""
    path = f"//*[contains(@class, 'cx-teach')]//button[normalize-space() = '{title}']"
    [button] = [b for b in page.find_elements(By.XPATH, path) if b.is_displayed()]
    page.execute_script("arguments[0].click()", button)


def call(page, number, name):
    field = find(page, ".cx-card input")[number]
    field.clear()
    field.send_keys(name)


def give(page, number, files, way="drop"):
    """Drop or paste files, {name: bytes or a number of zeros}, onto the card of a name."""
    packed = [
        (name, base64.b64encode(content).decode() if isinstance(content, bytes) else content)
        for name, content in files.items()
    ]
    page.execute_script(GIVE, find(page, ".cx-card")[number], packed, way)


def count(page):
    return len(find(page, ".cx-thumbs button"))


def train(page):
    """Train, and return the shares of right answers in training and in the test."""
    press(page, "Train")
    until(lambda: find(page, ".cx-test"))
    return [float(share.text.split()[0]) for share in find(page, ".cx-score b")]


def show(page, view):
    """Show the test in another way, and return what the page says of it."""
    press(page, view)
    until(lambda: find(page, ".cx-views [aria-pressed=true]")[0].text == view)
    return find(page, ".cx-results [role=status]")[0].text


def made_textures():
    """{texture: pictures} with every gravel labeled; every third is of another place."""
    generator = np.random.default_rng(7)
    made = {
        name: [np.dstack(3 * [cut(texture(), n % 3 == 2, generator)]) for n in range(12)]
        for name, texture in TEXTURES.items()
    }
    return made | {"gravel": [put_label(picture) for picture in made["gravel"]]}


def test_a_cheat_is_caught_and_the_network_goes_into_python(page, tmp_path, embedded):
    press(page, "Another name")
    textures = made_textures()
    for number, (name, pictures) in enumerate(textures.items()):
        call(page, number, name)
        give(page, number, {f"{name} {n}.png": encode(p, "PNG") for n, p in enumerate(pictures)})
        until(lambda number=number: count(page) == 12 * (number + 1))
    assert train(page) == [1, 1]
    tests = find(page, ".cx-test")
    labeled = tests[8:]
    assert [test.get_attribute("data-hottest") for test in labeled].count("4 4") >= 3
    logits = [list(map(float, test.get_attribute("data-logits").split())) for test in tests]
    words = show(page, "Cover the hottest part")
    assert [b.text.startswith("✗") for b in find(page, ".cx-test")[8:]].count(True) >= 3
    assert int(words.split("gravel ")[1][0]) >= 3  # of 4
    show(page, "Cover as much elsewhere")
    assert [b.text.startswith("✗") for b in find(page, ".cx-test")[8:]].count(True) <= 1
    press(page, "Download your network")
    until((tmp_path / "my_network.json").exists)
    saved = json.loads((tmp_path / "my_network.json").read_text(encoding="utf-8"))
    head = keras.layers.Dense(len(saved["names"]), activation="softmax", name="head")
    model = keras.Model(embedded.model.input, head(embedded.model.get_layer("avg_pool").output))
    head.set_weights([np.array(saved["kernel"]), np.array(saved["bias"])])
    mine = cu.ImageClassifier("mine", model, embedded.preprocess_input, saved["names"])
    assert list(mine.class_names) == list(textures)
    wanted = mine.logits(np.stack([p for pictures in textures.values() for p in pictures[2::3]]))
    apart = np.abs(np.array(logits) - wanted).max()
    print(f"\nlogits differ from Python's by {apart:.4f}")
    assert apart <= 0.01


def test_the_courses_textures_with_the_label_without_it_and_repaired(page, axe):
    press(page, "with a yellow label on gravel")
    until(lambda: count(page) == 45 and status(page) == "")
    assert train(page) == [1, 1]
    words = show(page, "Take the label off")
    assert float(words.split("Right: ")[1].split()[0]) <= 0.7
    show(page, "For and against")
    find(page, ".cx-test")[0].click()
    page.execute_script(axe)
    for theme, width, height in [("light", 1280, 800), ("dark", 390, 844), ("dark", 844, 390)]:
        page.execute_script(f"document.documentElement.dataset.theme = '{theme}'")
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        time.sleep(0.3)
        assert page.execute_async_script(AXE) == [], (theme, width)
        assert page.execute_script("return document.documentElement.scrollWidth") <= width
    press(page, "without")
    until(lambda: not find(page, ".cx-test"))  # the ones before are gone
    until(lambda: count(page) == 45 and status(page) == "")
    assert train(page)[1] >= 0.8
    assert "Take the label off" not in page.find_element(By.TAG_NAME, "body").text


def status(page):
    return page.find_element(By.CLASS_NAME, "cx-status").text


def plain(*colors):
    """{name: bytes} of pictures of one color each."""
    return {
        f"{color} {i}.png": encode(Image.new("RGB", (20 + i, 30), color), "PNG")
        for i, color in enumerate(colors)
    }


def test_what_goes_wrong_is_a_sentence_and_the_page_goes_on(page, site):
    press(page, "Train")
    until(lambda: "thing 1 has no pictures. Each name needs three" in status(page))
    give(page, 0, plain("red", "green", "blue"))
    until(lambda: count(page) == 3 and status(page) == "")
    press(page, "Train")
    until(lambda: "thing 2 has no pictures." in status(page))
    for files, sentence in [
        (plain("red"), "red 0.png: This picture is there already, as thing 1."),
        ({"x.heic": b"\0\0\0\x18ftypheic" + bytes(99)}, "x.heic: This browser cannot read it"),
        ({"x.tif": 100_000_000}, "x.tif has 100 MB; 60 MB are allowed"),
        ({"a.txt": b"a", "b.txt": b"b"}, "(and 1 more of 2, left out as well)"),
        ({}, "That is not a file"),
    ]:
        give(page, 1, files)
        until(lambda sentence=sentence: sentence in status(page))
    give(page, 1, {"a.txt": b"a"} | plain("white", "gray", "black"))
    until(lambda: count(page) == 6 and "a.txt: " in status(page))
    call(page, 0, "Tasse")
    call(page, 1, "TASSE ")
    press(page, "Train")
    until(lambda: status(page).startswith("Two names are alike: TASSE."))
    call(page, 1, " ")
    press(page, "Train")
    until(lambda: status(page) == "A name is empty. Write one.")
    strange = ["<img src=x onerror=alert(1)>", "杯子 کوپ"]
    for number, name in enumerate(strange):
        call(page, number, name)
    train(page)
    assert [name.text for name in find(page, ".cx-group > b")] == strange
    find(page, ".cx-thumbs button")[0].click()  # thrown out
    assert count(page) == 5 and not page.find_element(By.CSS_SELECTOR, ".cx-score").is_displayed()
    press(page, "without")
    page.switch_to.alert.dismiss()  # "Throw 5 pictures away?"
    give(page, 0, plain("pink"), "paste")
    until(lambda: count(page) == 6)
    assert train(page)[0] == 1 and len(find(page, ".cx-test")) == 2


def test_what_still_comes_in_is_trained_on_too(page):
    colors = ["red", "green", "blue", "white", "gray", "black"]
    give(page, 0, plain(*colors))
    give(page, 1, plain("pink", "orange", "brown", "gold", "navy", "tan"))
    train(page)
    assert count(page) == 12 and [share.text for share in find(page, ".cx-score b")][0].endswith(
        " of 8)"
    )


REFUSALS = {  # the script that refuses: what the page says when pictures are to be kept
    "IDBObjectStore.prototype.put = () => { throw new DOMException('', 'QuotaExceededError') }": (
        "its storage is full"
    ),
    "IDBFactory.prototype.open = () => { throw new DOMException('', 'SecurityError') }": (
        "the window is a private one"
    ),
}


@pytest.mark.parametrize("script", REFUSALS)
def test_a_browser_that_keeps_nothing_says_so_and_the_page_goes_on(page, site, script):
    page.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    open_page(page, site)
    keeping = page.find_element(By.CSS_SELECTOR, "input[type=checkbox]")
    keeping.click()
    until(lambda: REFUSALS[script] in status(page))
    assert not keeping.is_selected()
    give(page, 0, plain("red"))
    until(lambda: count(page) == 1 and status(page) == "")


def test_a_camera_that_is_refused_is_a_sentence_and_the_page_goes_on(page):
    for script, sentence in {
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', "
        "'NotAllowedError'))": "The camera is not allowed on this page.",
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', "
        "'AbortError'))": "The camera did not start (AbortError).",
        "Object.defineProperty(navigator, 'mediaDevices', {value: undefined})": (
            "whose address begins with https://"
        ),
    }.items():
        page.execute_script(script)
        press(page, "Camera")
        until(lambda sentence=sentence: sentence in status(page))
        assert not page.find_element(By.CSS_SELECTOR, ".cx-live").is_displayed()
    give(page, 0, plain("red"))
    until(lambda: count(page) == 1 and status(page) == "")


MANY = """
const done = arguments[0];
const average = (i, k) => (k % 5 === i % 2) + (i * k % 7) / 7;
const picture = (i) => ({
  name: i % 2, pixels: new Uint8Array(3 * 224 ** 2).fill(i % 256).fill(i / 2, 0, 3),
  averages: Float32Array.from({length: 1280}, (_, k) => average(i, k)),
  maps: i % 6 > 3 && new Float32Array(1280 * 49).fill(i % 3),
});
const kept = {titles: ["mug", "pen"], pictures: Array.from({length: 500}, (_, i) => picture(i))};
import("/explorers/assets/idb-keyval.js").then(({createStore, set}) =>
    set("collection", kept, createStore("course-teach", "course-teach")))
  .then(done, (error) => done(String(error)));
"""


def test_five_hundred_pictures_are_enough(page, site):
    assert page.execute_async_script(MANY) is None
    open_page(page, site)
    until(lambda: count(page) == 500)
    give(page, 0, plain("red"))
    until(lambda: "There are 500 pictures, the most." in status(page))
    assert train(page)[0] == 1
    print(f"\n{page.find_element(By.CSS_SELECTOR, '.cx-score').text}")


def test_what_is_collected_stays_if_the_reader_wants_it_and_goes_at_a_click(page, site):
    give(page, 0, plain("red", "green", "blue"))
    until(lambda: count(page) == 3)
    keeping = page.find_element(By.CSS_SELECTOR, "input[type=checkbox]")
    keeping.click()
    call(page, 1, "mug")
    give(page, 1, plain("white", "gray", "black"))
    until(lambda: count(page) == 6 and status(page) == "")
    time.sleep(0.5)  # what is kept is written after the page has shown it
    page.get("about:blank")
    page.back()
    until(lambda: count(page) == 6)
    page.refresh()
    until(lambda: count(page) == 6)
    assert find(page, ".cx-card input")[1].get_attribute("value") == "mug"
    assert train(page)[0] == 1
    press(page, "Start over")
    page.switch_to.alert.accept()
    until(lambda: count(page) == 0)
    time.sleep(0.5)
    open_page(page, site)
    time.sleep(0.5)
    assert count(page) == 0


def test_a_held_button_collects_and_heat_follows_the_camera(tmp_path, site):
    flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with chromium(tmp_path / "filmed", height=1600, flags=flags) as page:
        open_page(page, site)
        give(page, 1, plain("red", "green", "blue"))
        until(lambda: count(page) == 3)
        press(page, "Camera")
        stage = page.find_element(By.CSS_SELECTOR, ".cx-live .cx-frame")
        until(lambda: "--ratio: 1.3" in stage.get_attribute("style"))  # what is below has its place
        finger = ActionChains(page)
        finger.click_and_hold(find(page, ".cx-hold")[0]).perform()
        until(lambda: count(page) >= 7)
        finger.release().perform()
        time.sleep(0.5)
        held = count(page)
        time.sleep(1)
        assert count(page) == held
        train(page)
        until(lambda: len(find(page, ".cx-live .cx-list button")) == 2)
        until(lambda: "thing 1\n" in find(page, ".cx-live .cx-list")[0].text)
        press(page, "Close")
        until(lambda: not find(page, ".cx-live video"))
        assert console_errors(page) == []
