"""JupyterLab in a headless Chromium, for the README's pictures and the tests in a browser."""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).parents[1]
CHROMIUM_OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
_FETCH = """
const done = arguments[arguments.length - 1];
fetch(arguments[0].src).then(r => r.arrayBuffer()).then(b => {
  let text = "";
  for (const byte of new Uint8Array(b)) text += String.fromCharCode(byte);
  done(btoa(text));
});
"""


def find_chromium():
    """Return the paths of a Chromium and its driver, or None."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


@contextmanager
def jupyter_lab(folder, home):
    """Serve `folder` without a token on this machine only; yields the address.

    Args:
        folder: `pathlib.Path` with notebooks.
        home: `pathlib.Path`, empty: no setting of the user plays a part.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_CONFIG_PATH": str(ROOT / "tools/jupyter"),  # as `make lab` has it
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "COURSE_MODEL": "embedded",
        "COURSE_OFFLINE": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    home.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
    command += ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    command += ["--IdentityProvider.token=", "--ServerApp.allow_root=True"]
    command += ["--LabApp.expose_app_in_browser=True"]
    with open(home / "jupyter.log", "wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for_server(server, address, home / "jupyter.log")
            yield address
        finally:
            server.terminate()
            server.wait(60)


def _wait_for_server(server, address, log):
    for _ in range(240):
        if server.poll() is not None:
            raise RuntimeError(f"JupyterLab ended:\n{log.read_text()}")
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address + "/api")
            return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError(f"JupyterLab did not answer:\n{log.read_text()}")


@contextmanager
def chromium(profile, width=1280, height=1400, network_log=False, flags=()):
    """Start Chromium with a profile of its own and further flags; yields selenium's driver.

    With `network_log`, `get_log("performance")` has an entry for each request.
    """
    browser, driver = find_chromium()
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for option in [*CHROMIUM_OPTIONS, *flags, f"--user-data-dir={profile}"]:
        options.add_argument(option)
    options.add_argument(f"--window-size={width},{height}")
    logs = {"browser": "ALL", "performance": "ALL"} if network_log else {"browser": "ALL"}
    options.set_capability("goog:loggingPrefs", logs)
    page = webdriver.Chrome(options, webdriver.ChromeService(driver))
    page.set_script_timeout(300)
    try:
        yield page
    finally:
        page.quit()


def open_notebook(page, address, name):
    """Open a notebook alone, the side bar closed, and wait for its kernel."""
    page.get(f"{address}/lab/tree/{name}?reset")
    wait_until(
        page, "return window.jupyterapp && !!document.querySelector('.jp-Notebook .jp-Cell')"
    )
    page.execute_script(
        "if (document.querySelector('#jp-left-stack').offsetWidth)"
        " jupyterapp.commands.execute('application:toggle-left-area')"
    )
    wait_until(
        page,
        "const panel = jupyterapp.shell.currentWidget;"
        "return panel?.sessionContext?.session?.kernel?.status === 'idle'",
    )


def run_all(page):
    """Run all cells; raises AssertionError with the output of one that fails."""
    done = page.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "jupyterapp.commands.execute('notebook:run-all-cells').then(ok => done(ok ?? true), done)"
    )
    errors = page.find_elements(By.CSS_SELECTOR, "[data-mime-type*='stderr']")
    assert done is True and not errors, [error.text for error in errors] or done


def wait_until(page, script, *arguments, seconds=120):
    """Wait until a script's value is true, and return it."""
    return WebDriverWait(page, seconds, 0.05).until(
        lambda _: page.execute_script(script, *arguments), f"in vain: {script}"
    )


def shown_bytes(page, picture):
    """Return the bytes of an <img>."""
    return base64.b64decode(page.execute_async_script(_FETCH, picture))


def console_errors(page):
    """Return what the page's own console has reported as errors since the last call."""
    entries = page.get_log("browser")  # "intervention": Chromium, about a page left unsaved
    return [e for e in entries if e["level"] == "SEVERE" and e["source"] != "intervention"]


def write_notebook(path, cells):
    """Write a notebook of code cells."""
    import nbformat

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    path.write_text(json.dumps(notebook), encoding="utf-8")
