"""Every page of the web book, in a browser without a network; `make test-book` runs this.

Not part of `pytest` alone: it needs build/book/, Chromium and its driver, and takes a minute.
"""

import json
import re
import time
import urllib.parse
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tools import stamp
from tools.browser import chromium, console_errors, find_chromium, wait_until

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build/book"
PAGES = sorted(
    path.relative_to(SITE).as_posix()
    for folder in (".", "exercises", "live")
    for path in (SITE / folder).glob("*.html" if folder == "." else "**/*.html")
)
CHAPTERS = [f"{chapter.file}.html" for chapter in stamp.read_contents(ROOT)]
FRONT_PAGE_BYTES = 1_500_000  # as they are, not compressed
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
if not PAGES:
    pytest.exit("There is no book to test in build/book/: run 'make book'.", returncode=3)
if find_chromium() is None:
    pytest.exit(
        "The test of the book needs Chromium and its driver: apt-get install chromium-driver "
        "(Debian), or Google Chrome and chromedriver on the PATH.",
        returncode=3,
    )

_READY = """
if (window.ready === undefined) {
  window.ready = false;
  for (const picture of document.images) picture.loading = "eager";
  Promise.all([document.fonts.ready, window.MathJax?.startup.promise]).then(() => ready = true);
}
return ready && [...document.images].every(picture => picture.complete);
"""
_PROSE = """
const prose = document.querySelector("main").cloneNode(true);
for (const code of prose.querySelectorAll("pre, code, script, mjx-container")) code.remove();
return prose.textContent;
"""
_STILL = """
const style = document.createElement("style");
style.textContent = "* { transition: none !important; animation: none !important }";
document.head.append(style);
for (const fold of document.querySelectorAll("details")) fold.open = true;
"""
_AXE = """
const done = arguments[arguments.length - 1];
axe.run({resultTypes: ["violations"]}).then(result => done(
  result.violations
    .filter(v => ["serious", "critical"].includes(v.impact))
    .map(v => `${v.id}: ${v.nodes.map(n => `${n.target} (${n.any[0]?.message})`).join("; ")}`)
));
"""


@pytest.fixture(scope="session")
def address(serve):
    return serve(SITE).url


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile"), height=900, network_log=True) as page:
        page.set_script_timeout(60)
        yield page


@pytest.fixture
def page(browser):
    """The browser, its window as at the beginning, what it has logged forgotten."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    set_scheme(browser, "light")
    browser.get("about:blank")
    for log in ("browser", "performance"):
        browser.get_log(log)
    return browser


def set_scheme(page, scheme):
    feature = {"name": "prefers-color-scheme", "value": scheme}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def open_page(page, address):
    page.get(address)
    wait_until(page, _READY, seconds=30)
    for place in page.find_elements(By.CSS_SELECTOR, "main:has(script) .explorer[data-kind]"):
        page.execute_script("arguments[0].scrollIntoView()", place)
        wait_until(page, "return arguments[0].classList.contains('live')", place, seconds=30)
    wait_until(page, "return [...document.images].every(picture => picture.complete)", seconds=30)


def faults_of_requests(page, address):
    """List the requests since the last call that failed, or went elsewhere than to the site."""
    asked, faults = {}, []
    for entry in page.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        about = message["params"]
        url = asked.get(about.get("requestId"))
        match message["method"]:
            case "Network.requestWillBeSent":
                url = asked[about["requestId"]] = about["request"]["url"]
                if not url.startswith((address, "data:", "blob:")):
                    faults.append(f"{url}: leaves the site")
            case "Network.responseReceived" if about["response"]["status"] >= 400:
                faults.append(f"{url}: status {about['response']['status']}")
            case "Network.loadingFailed" if not about.get("canceled"):
                faults.append(f"{url}: {about['errorText']}")
    return faults


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_and_for_everyone(page, address, axe, name):
    open_page(page, f"{address}/{name}")
    assert faults_of_requests(page, address) == []
    assert console_errors(page) == []
    for what, selector in {
        "picture without a text": "img:not([alt])",
        "silent picture": (
            ".bd-article img[alt='']:not(.chapter-card *, label *, button *, [aria-hidden='true'])"
        ),
        "formula that is not typeset": ".math:not(:has(mjx-container))",
        "formula with an error": "mjx-merror, [data-mjx-error]",
        "sentence that became a list's item": "li > ol[start]",
    }.items():
        found = page.find_elements(By.CSS_SELECTOR, selector)
        assert not found, (what, found[0].get_attribute("outerHTML"))
    script = "return [...document.images].filter(i => !i.naturalWidth).map(i => i.src)"
    assert page.execute_script(script) == []
    assert re.findall(r"\|[-—:]|&#\w+;|\]\(|\*\*", page.execute_script(_PROSE)) == []  # markup

    page.execute_script(_STILL)  # no color on its way from light to dark
    page.execute_script(axe)
    for scheme in ("light", "dark"):
        set_scheme(page, scheme)
        wait_until(page, "return document.documentElement.dataset.theme === arguments[0]", scheme)
        assert page.execute_async_script(_AXE) == [], scheme
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    time.sleep(0.6)  # the theme waits for the end of a resize to make what scrolls reachable by Tab
    assert page.execute_async_script(_AXE) == [], "on a phone"
    assert page.execute_script("return document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("name", PAGES)
def test_links_within_the_site_lead_somewhere(name):
    page = SITE / name
    for href in re.findall(r'<a [^>]*?href="([^"]+)"', page.read_text(encoding="utf-8")):
        if re.match(r"\w+:", href):
            continue
        path, _, anchor = urllib.parse.unquote(href).partition("#")
        target = page.parent / path if path else page
        assert target.is_file(), href
        if anchor and target.suffix == ".html":
            assert f'id="{anchor}"' in target.read_text(encoding="utf-8"), href


def test_the_front_page_is_light(page, address):
    page.execute_cdp_cmd("Network.clearBrowserCache", {})
    page.get(f"{address}/index.html")
    wait_until(page, "return document.readyState === 'complete'")
    time.sleep(1)  # what is asked for after that
    files = "performance.getEntriesByType('navigation')[0], ...performance.getEntriesByType"
    script = f"return [{files}('resource')].reduce((sum, file) => sum + file.transferSize, 0)"
    assert 300_000 < page.execute_script(script) <= FRONT_PAGE_BYTES


def test_a_setup_cell_is_folded_and_opens(page, address):
    open_page(page, f"{address}/{CHAPTERS[0]}")
    cell = page.find_elements(By.CSS_SELECTOR, ".cell.tag_hide-input")[0]
    code = cell.find_element(By.CSS_SELECTOR, ".cell_input pre")
    assert not code.is_displayed()
    page.execute_script(_STILL.partition("for")[0])  # what fades in is not yet "displayed"
    cell.find_element(By.CSS_SELECTOR, "summary").send_keys(Keys.ENTER)
    assert code.is_displayed() and "google.colab" in code.text


def test_on_a_phone_a_figure_opens_at_its_full_size(page, address):
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    open_page(page, f"{address}/{CHAPTERS[4]}")
    button = page.find_elements(By.CSS_SELECTOR, "button.enlarge")[0]
    picture = button.find_element(By.TAG_NAME, "img")
    assert picture.size["width"] < 390
    button.send_keys(Keys.ENTER)
    large = page.find_element(By.CSS_SELECTOR, "dialog[open] img")
    assert large.size["width"] == int(picture.get_dom_attribute("width")) > 500
    assert large.get_attribute("alt") == picture.get_attribute("alt")
    assert page.execute_script("return document.documentElement.scrollWidth") <= 390
    page.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not page.find_elements(By.CSS_SELECTOR, "dialog[open]")
    assert page.switch_to.active_element == button


def test_code_is_copied_and_output_has_no_button(page, address):
    permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    page.execute_cdp_cmd(
        "Browser.grantPermissions", {"origin": address, "permissions": permissions}
    )
    open_page(page, f"{address}/{CHAPTERS[0]}")
    assert not page.find_elements(By.CSS_SELECTOR, ".cell_output .copybtn")
    cell = page.find_elements(By.CSS_SELECTOR, ".cell:not(.tag_hide-input) .cell_input")[0]
    button = cell.find_element(By.CSS_SELECTOR, ".copybtn")
    page.execute_script("arguments[0].focus()", button)
    button.send_keys(Keys.ENTER)
    wait_until(page, "return arguments[0].classList.contains('success')", button, seconds=5)
    copied = page.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert copied.strip() == cell.find_element(By.TAG_NAME, "pre").text.strip()


def test_search_opens_by_keyboard_and_finds(page, address):
    open_page(page, f"{address}/{CHAPTERS[0]}")
    ActionChains(page).key_down(Keys.CONTROL).send_keys("k").key_up(Keys.CONTROL).perform()
    page.switch_to.active_element.send_keys("saliency", Keys.ENTER)
    wait_until(page, "return document.querySelectorAll('#search-results li').length > 2")
    wait_until(page, "return !!document.querySelector('#search-results .context')")
    found = page.find_element(By.ID, "search-results").text
    assert "System Settings" not in found and "On this page" not in found
    links = page.find_elements(By.CSS_SELECTOR, "#search-results li a")
    assert all("#" in link.get_attribute("href") for link in links)
    links[0].click()
    wait_until(page, "return location.hash && document.querySelector(location.hash)")
    script = "return document.querySelector(location.hash).textContent.toLowerCase()"
    assert "saliency" in page.execute_script(script)
    assert faults_of_requests(page, address) == []


def test_without_javascript_the_explorer_is_its_still_picture(page, address):
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.get(f"{address}/index.html")
        still = page.find_element(By.CSS_SELECTOR, ".explorer .still")
        assert still.is_displayed() and "explorer" in still.get_attribute("alt")
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
