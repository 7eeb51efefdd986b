"""Collections of pictures: one needs no network, the other is downloaded."""

import tarfile
import tempfile
import zipfile
from importlib.resources import files
from itertools import product
from pathlib import Path

from course_utils.arguments import Picture
from course_utils.io.downloads import cache_folder, disk_faults_in_words, fetch_file
from course_utils.io.images import load_image, sample_image_names

# Samples, and more of scikit-image's photographs: no drawings or scans. NOTICE.md has the licenses.
_SKIMAGE = files("skimage") / "data"
_PHOTOGRAPHS = {name: name for name in sample_image_names() if name != "cat_and_coffee"} | {
    "brick": _SKIMAGE / "brick.png",
    "camera": _SKIMAGE / "camera.png",
    "clock": _SKIMAGE / "clock_motion.png",
    "coins": _SKIMAGE / "coins.png",
    "grass": _SKIMAGE / "grass.png",
    "gravel": _SKIMAGE / "gravel.png",
    "hubble": _SKIMAGE / "hubble_deep_field.jpg",
    "retina": _SKIMAGE / "retina.jpg",
    "tissue": _SKIMAGE / "ihc.png",
}
_SHORTER_SIDE = 512  # of a photograph before it is cut, so that none gives many more than others
_SIDE = 224  # of a crop

# Caltech-101, CC BY 4.0: F.-F. Li, M. Andreeto, M. Ranzato, P. Perona, https://doi.org/10.22002/
# D1.20086. The hash is that in TensorFlow Datasets (datasets/caltech101/checksums.tsv).
_CALTECH101_URL = "https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip?download=1"
_CALTECH101_SHA256 = "331234750fc7f77520e50d9565e8b6907b03565e30320da1401130db08c61f91"
_CALTECH101_PICTURES = "caltech-101/101_ObjectCategories.tar.gz"  # in the ZIP file


def sample_crops() -> dict[str, Picture]:
    """Cut the installed photographs into squares that don't overlap; no network is needed.

    The photographs come with scikit-image and with this package: a cat, coffee, an astronaut, a
    rocket, a shark, a photographer, a clock, coins, bricks, grass, gravel, stars, a retina, stained
    tissue. That's enough for what early channels look for, colors and textures. What late ones look
    for takes thousands of photographs.

    Returns:
        dict from a name such as "coffee 2" to uint8 (224, 224, 3), RGB.
    """
    crops = {}
    for name, source in _PHOTOGRAPHS.items():
        picture = load_image(source)
        shrink = min(1, _SHORTER_SIDE / min(picture.shape[:2]))
        picture = load_image(picture, [round(shrink * n) for n in picture.shape[:2]])
        corners = product(*(range(0, n - _SIDE + 1, _SIDE) for n in picture.shape[:2]))
        for number, (top, left) in enumerate(corners, start=1):
            crops[f"{name} {number}"] = picture[top : top + _SIDE, left : left + _SIDE].copy()
    return crops


def caltech101_folder() -> Path:
    """Return the folder of Caltech-101: 9,144 photographs of 101 kinds of objects, and others.

    They're downloaded once, 137 MB with a progress bar, and unpacked into the cache, all or none.
    Folders are named after what the pictures in them show. The license is CC BY 4.0; if you show
    one, credit the authors: F.-F. Li, M. Andreeto, M. Ranzato and P. Perona.

    Raises:
        DownloadError: (a ValueError) It is not in the cache and cannot be fetched.

    Source:
        https://doi.org/10.22002/D1.20086
    """
    folder = cache_folder() / "caltech101"
    if folder.is_dir():
        return folder
    archive = fetch_file(_CALTECH101_URL, _CALTECH101_SHA256)
    with (
        disk_faults_in_words(),
        tempfile.TemporaryDirectory(dir=folder.parent, prefix="tmp") as temporary,
        zipfile.ZipFile(archive) as outer,
        outer.open(_CALTECH101_PICTURES) as packed,
        tarfile.open(fileobj=packed, mode="r|gz") as pictures,
    ):
        pictures.extraction_filter = getattr(tarfile, "data_filter", None)  # from 3.11.4 on
        jpegs = (x for x in pictures if x.name.endswith(".jpg") and "/." not in x.name)
        pictures.extractall(temporary, jpegs)
        Path(temporary, "101_ObjectCategories").rename(folder)
    archive.unlink()
    return folder
