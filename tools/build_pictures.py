"""JupyterLab with both explorers, and a heatmap, go in; the README's pictures come out.

    python -m tools.build_pictures          needs Chromium, its driver and selenium
    python -m tools.build_pictures check    one line for each picture of another release

Each picture carries, in its comment, the version of the release that it was made for.
"""

import io
import sys
import tempfile
import tomllib
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / ".github/pictures"
SETUP = "import course_utils as cu\nclassifier = cu.load_classifier('embedded')"
LAYERS = """
explorer = cu.LayerExplorer(classifier, "astronaut")
explorer.layer.value = "block1a_activation"
explorer.channel.value = 7
explorer
"""
CLASSES = """
explorer = cu.ClassExplorer(classifier, "cat_and_coffee")
explorer.classes.value = cu.class_index("espresso")
explorer
"""
NAMES = ("layer_explorer.jpg", "class_explorer.jpg", "grad_cam.jpg")


def release(root=ROOT):
    """Return the version in pyproject.toml, as bytes of text."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["project"]["version"].encode()


def check(folder=PICTURES, version=None):
    """List the pictures that are missing, or made for another release."""
    version = version or release()
    return [
        name
        for name in NAMES
        if not (folder / name).exists() or Image.open(folder / name).info["comment"] != version
    ]


def take_pictures():
    """Return {name: PNG bytes}."""
    import course_utils as cu

    classifier, image = cu.load_classifier("embedded"), cu.load_image("cat_and_coffee")
    names = ("Egyptian cat", "espresso")
    heatmaps = {n: cu.make_gradcam_heatmap(classifier, image, cu.class_index(n)) for n in names}
    buffer = io.BytesIO()
    cu.plot_heatmap(image, heatmaps).savefig(buffer, dpi=110)
    return {
        "layer_explorer.jpg": photograph(LAYERS),
        "class_explorer.jpg": photograph(CLASSES),
        "grad_cam.jpg": buffer.getvalue(),
    }


def photograph(code):
    """Run a cell in JupyterLab and return a PNG of the explorer under it."""
    from tools.browser import (
        chromium,
        jupyter_lab,
        open_notebook,
        run_all,
        wait_until,
        write_notebook,
    )

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_notebook(folder / "page.ipynb", [SETUP, code])
        with jupyter_lab(folder, folder / "home") as address, chromium(folder / "profile") as page:
            open_notebook(page, address, "page.ipynb")
            run_all(page)
            loaded = (
                "const images = [...document.querySelectorAll('img.widget-image')];"
                "return images.length >= 3 && images.every(image => image.naturalWidth)"
            )
            wait_until(page, loaded)
            page.execute_script("document.activeElement.blur()")
            return page.find_element("css selector", ".course-explorer").screenshot_as_png


def main(arguments):
    """Build or check; returns the exit code."""
    if arguments == ["check"]:
        for name in (stale := check()):
            print(f"{name}: older than this release; run 'make pictures'")
        return int(bool(stale))
    PICTURES.mkdir(exist_ok=True)
    for name, png in take_pictures().items():
        picture = Image.open(io.BytesIO(png)).convert("RGB")
        picture.save(PICTURES / name, quality=90, optimize=True, comment=release())
        print(f"{name}: {picture.width} x {picture.height}")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["check"]):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
