"""Collections of pictures: one that needs no network, and one that is downloaded."""

import contextlib
import tarfile
import tempfile
import zipfile
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from course_utils.arguments import is_whole_number
from course_utils.io.downloads import DownloadError, cache_folder, disk_trouble, fetch_file
from course_utils.io.images import SAMPLES, Sample, load_image, sample_file

# What scikit-image installs besides; without drawings, scans, and pictures of unclear rights.
_PHOTOGRAPHS = {name: SAMPLES[name] for name in SAMPLES if name != "cat_and_coffee"} | {
    "brick": Sample("skimage", "brick.png", "CC0"),
    "camera": Sample("skimage", "camera.png", "CC0, photograph by Lav Varshney"),
    "clock": Sample(
        "skimage", "clock_motion.png", "public domain, photograph by Stéfan van der Walt"
    ),
    "coins": Sample("skimage", "coins.png", "no known restrictions, Brooklyn Museum Collection"),
    "grass": Sample("skimage", "grass.png", "CC0"),
    "gravel": Sample("skimage", "gravel.png", "CC0"),
    "hubble": Sample("skimage", "hubble_deep_field.jpg", "public domain, NASA"),
    "retina": Sample("skimage", "retina.jpg", "CC0, photograph by Mikael Häggström"),
    "tissue": Sample(
        "skimage", "ihc.png", "no known restrictions, Center for Microscopy and Molecular Imaging"
    ),
}
_SHORTER_SIDE = 512  # of a photograph before it is cut: none gives many more crops than others

# Caltech-101, CC BY 4.0: F.-F. Li, M. Andreeto, M. Ranzato, P. Perona, https://doi.org/10.22002/
# D1.20086. The hash is that in TensorFlow Datasets (datasets/caltech101/checksums.tsv).
_CALTECH101_URL = "https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip?download=1"
_CALTECH101_SHA256 = "331234750fc7f77520e50d9565e8b6907b03565e30320da1401130db08c61f91"
_CALTECH101_PICTURES = "caltech-101/101_ObjectCategories.tar.gz"  # in the ZIP file
_CALTECH101 = "caltech101"


def sample_crops(side: int = 224) -> dict[str, NDArray[np.uint8]]:
    """Cut the photographs that need no network into squares that do not overlap.

    They come with scikit-image and with this package: a cat, coffee, an astronaut, a rocket, a
    shark, a photographer, a clock, coins, bricks, grass, gravel, stars, a retina, stained tissue.
    Enough for what early channels look for, colors and textures. It takes thousands of photographs
    to see what late ones look for.

    Args:
        side: Height and width of a square in pixels, 16 to 300. Smaller squares give more crops.

    Returns:
        dict from a name such as "coffee 2" to uint8 (side, side, 3), RGB.

    Raises:
        ValueError: `side` is out of range.
    """
    if not is_whole_number(side, 16, 300):
        raise ValueError(f"side must be a whole number of pixels from 16 to 300, not {side!r}.")
    side = int(side)
    crops = {}
    for name, sample in _PHOTOGRAPHS.items():
        picture = _shrink(load_image(sample_file(sample)))
        corners = product(*(range(0, n - side + 1, side) for n in picture.shape[:2]))
        for number, (top, left) in enumerate(corners, start=1):
            crops[f"{name} {number}"] = picture[top : top + side, left : left + side].copy()
    return crops


def _shrink(picture):
    """Make a photograph's shorter side `_SHORTER_SIDE` where it is longer."""
    factor = _SHORTER_SIDE / min(picture.shape[:2])
    if factor >= 1:
        return picture
    height, width = picture.shape[:2]
    return load_image(picture, size=(round(factor * height), round(factor * width)))


def caltech101_folder() -> Path:
    """Return the folder of Caltech-101: 9,144 photographs of objects of 101 kinds, and others.

    It is downloaded once, 137 MB with a progress bar, and unpacked into the cache, whole or not at
    all. The pictures are in folders named after what they show. Their license is CC BY 4.0; anyone
    who shows one must credit the authors: F.-F. Li, M. Andreeto, M. Ranzato and P. Perona.

    Raises:
        DownloadError: (a ValueError) It is not in the cache and cannot be fetched.

    Source:
        https://doi.org/10.22002/D1.20086
    """
    folder = cache_folder() / _CALTECH101
    if not folder.is_dir():
        archive = fetch_file(_CALTECH101_URL, _CALTECH101_SHA256, "caltech-101.zip", progress=True)
        try:
            _unpack(archive, folder)
        except OSError as error:
            raise DownloadError(disk_trouble(error, folder.parent)) from error
        with contextlib.suppress(OSError):  # the folder may be someone else's
            archive.unlink()
    return folder


def _unpack(archive, folder):
    """Write the pictures of Caltech-101's archive into a folder, which appears when it is whole."""
    with (
        tempfile.TemporaryDirectory(dir=folder.parent, prefix="tmp") as temporary,
        zipfile.ZipFile(archive) as outer,
        outer.open(_CALTECH101_PICTURES) as packed,
        tarfile.open(fileobj=packed, mode="r|gz") as pictures,
    ):
        whole = Path(temporary, _CALTECH101)
        for member in pictures:
            kind, name = Path(member.name).parts[-2:]
            if member.isfile() and name.endswith(".jpg") and not name.startswith("."):
                (whole / kind).mkdir(parents=True, exist_ok=True)
                (whole / kind / name).write_bytes(pictures.extractfile(member).read())
        whole.rename(folder)
