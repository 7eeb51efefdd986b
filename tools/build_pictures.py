"""Build the README's pictures: both explorers in JupyterLab, and a heatmap.

    python tools/build_pictures.py          needs Chromium, its driver and selenium
    python tools/build_pictures.py check    one line for each picture that is out of date

A picture is out of date when a file that it shows the work of has changed since: their hash stands
in the picture's comment.
"""

import hashlib
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "pictures"
SETUP = "import course_utils as cu\nclassifier = cu.load_classifier('embedded')"
LAYERS = """
explorer = cu.LayerExplorer(classifier, "chelsea")
explorer.layer.value = "block1a_activation"
explorer.channel.value = 6
explorer
"""
CLASSES = """
explorer = cu.ClassExplorer(classifier, "cat_and_coffee")
explorer.classes.value = cu.class_index("espresso")
explorer
"""
_EXPLORER_SOURCES = ("explorers", "views", "tiles", "gradcam", "images")
SOURCES = {
    "layer_explorer.jpg": _EXPLORER_SOURCES,
    "class_explorer.jpg": _EXPLORER_SOURCES,
    "grad_cam.jpg": ("plots", "tiles", "gradcam", "images"),
}


def source_hash(name, root=ROOT):
    """Return the hash of the modules whose work a picture shows, as bytes of text."""
    files = (root / "course_utils" / f"{module}.py" for module in SOURCES[name])
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16].encode()


def check(root=ROOT):
    """List the pictures that are missing or out of date."""
    return [
        name
        for name in SOURCES
        if not (root / "pictures" / name).exists()
        or Image.open(root / "pictures" / name).info.get("comment") != source_hash(name, root)
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
    sys.path.insert(0, str(ROOT / "tests/browser"))
    from jupyter_page import (
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
            print(f"pictures/{name}: out of date; run 'make pictures'")
        return int(bool(stale))
    PICTURES.mkdir(exist_ok=True)
    for name, png in take_pictures().items():
        picture = Image.open(io.BytesIO(png)).convert("RGB")
        picture.save(PICTURES / name, quality=90, optimize=True, comment=source_hash(name))
        print(f"pictures/{name}: {picture.width} x {picture.height}")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["check"]):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
