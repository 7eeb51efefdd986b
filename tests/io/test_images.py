"""Pictures from anywhere: the right pixels, or one clear error."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import web
from PIL import ExifTags, Image, TiffImagePlugin

import course_utils as cu
from course_utils import DownloadError, load_image
from course_utils.io import images
from course_utils.io.images import ImageError

RED, WHITE = (255, 0, 0), (255, 255, 255)
PICTURE = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)


def encode(picture, name, **options):
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def gray(value):
    return (value,) * 3


def test_every_sample_has_a_license_and_needs_no_network(monkeypatch):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    assert all(images.SAMPLES[name].license for name in cu.sample_image_names())
    assert [load_image(name).shape for name in cu.sample_image_names()] == [
        (300, 451, 3), (400, 600, 3), (512, 512, 3), (427, 640, 3), (300, 600, 3), (501, 720, 3)
    ]  # fmt: skip


PALETTE = Image.new("P", (4, 4), 1)
PALETTE.putpalette([0, 255, 0, 255, 0, 0])


def zero_is_white(tiff):
    """Change the tag of a TIFF that says what 0 means."""
    start = struct.pack("<HHI", TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, 3, 1)
    assert tiff.count(start + b"\1") == 1
    return tiff.replace(start + b"\1", start + b"\0")


DEEP = np.full((2, 2), 100 * 257, np.uint16)


COLORS = {
    "CMYK": (encode(Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "TIFF"), RED),
    "palette": (encode(PALETTE, "PNG"), RED),
    "palette, transparent": (encode(PALETTE, "PNG", transparency=1), WHITE),
    "RGBA": (encode(Image.new("RGBA", (4, 4), (0, 0, 255, 51)), "PNG"), (204, 204, 255)),
    "LA": (encode(Image.new("LA", (4, 4), (100, 51)), "PNG"), gray(224)),
    "16-bit PNG": (encode(DEEP, "PNG"), gray(100)),
    "16-bit PNG, transparent": (encode(DEEP, "PNG", transparency=100 * 257), WHITE),
    "16-bit PGM": (encode(DEEP, "PPM"), gray(100)),
    "16-bit TIFF": (encode(DEEP, "TIFF"), gray(100)),
    "16-bit TIFF, 0 = white": (zero_is_white(encode(DEEP, "TIFF")), gray(155)),
    "float TIFF": (encode(np.full((2, 2), 0.4, np.float32), "TIFF"), gray(102)),
    "PIL image": (Image.new("HSV", (4, 4), (0, 255, 255)), RED),
    "memoryview": (memoryview(encode(Image.new("L", (4, 4), 100), "PNG")), gray(100)),
}


@pytest.mark.parametrize("source, color", COLORS.values(), ids=COLORS)
def test_color(source, color):
    assert (load_image(source) == color).all()


def test_a_photograph_is_turned_upright_and_unreadable_exif_ignored():
    lying = struct.pack("<HHIHH", ExifTags.Base.Orientation, 3, 1, 6, 0)  # on its left side
    odd = struct.pack("<HHI4s", ExifTags.Base.ImageWidth, 2, 4, b"abc\0")  # text, not a number
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + odd + lying + bytes(4)
    stored = np.rot90(PICTURE)
    np.testing.assert_array_equal(load_image(encode(stored, "PNG", exif=exif)), PICTURE)
    data = encode(PICTURE, "PNG", exif=b"Exif\0\0garbage")
    np.testing.assert_array_equal(load_image(data), PICTURE)


ARRAYS = {
    "(H, W)": (np.array([[0, 100, 255]], np.uint8), [[gray(0), gray(100), gray(255)]]),
    "(H, W, 1)": (np.array([[[7], [8]]], np.uint8), [[gray(7), gray(8)]]),
    "(H, W, 4)": (np.array([[[0, 0, 255, 51]]], np.uint8), [[(204, 204, 255)]]),
    "bool": (np.array([[False, True]]), [[gray(0), gray(255)]]),
    "int64": (np.array([[0, 255]]), [[gray(0), gray(255)]]),
    "uint16": (np.array([[128, 129, 25700]], np.uint16), [[gray(0), gray(1), gray(100)]]),
    "float32": (np.array([[0.001, 0.002, 0.4]], np.float32), [[gray(0), gray(1), gray(102)]]),
    "mirrored": (np.array([[[1, 2, 3]]], np.uint8)[:, :, ::-1], [[(3, 2, 1)]]),
}


@pytest.mark.parametrize("array, pixels", ARRAYS.values(), ids=ARRAYS)
def test_array(array, pixels):
    np.testing.assert_array_equal(load_image(array), pixels)


def test_the_result_is_new_and_of_the_size_asked_for():
    assert not np.shares_memory(load_image(PICTURE), PICTURE)
    assert load_image(PICTURE, size=np.array([17, 31])).shape == (17, 31, 3)
    for size in (224, (0, 5), (1.5, 2), "ab", (1, 2, 3)):
        with pytest.raises(ImageError, match=r"size must be \(height, width\)"):
            load_image(PICTURE, size)


# Bad sources, one clear error each: (source, words of the message)

BAD = {
    "misspelled sample": ("chelsae", "no sample and no file named 'chelsae'.*mean 'chelsea'"),
    "no file": (Path("nowhere/cat.jpg"), "no file named '.*cat.jpg'.*check the path"),
    "too long": ("x" * 5000, "'xxx.*xxx' cannot be read"),
    "folder": (str(Path(__file__).parent), "cannot be read as a picture: Is a directory"),
    "ftp": ("ftp://127.0.0.1/cat.jpg", "Check the address"),
    "no bytes": (b"", "is empty"),
    "30 MB": (bytes(30_000_001), "larger than the 30 MB allowed"),
    "HTML": (b"<!DOCTYPE html>\n<html>", "not a picture in a format known.*the picture's own addr"),
    "HEIC": (b"\0\0\0\x18ftypheic" + bytes(50), "HEIC.*JPEG"),
    "cut short": (encode(PICTURE, "PNG")[:-40], "damaged, cut short"),
    "100 megapixels": (b"P4 10000 10000\n", "too large.*100000000 pixels.*smaller copy"),
    "empty array": (np.zeros((0, 5, 3), np.uint8), r"shape \(0, 5, 3\)"),
    "batch": (np.zeros((2, 8, 8, 3), np.uint8), r"shape \(2, 8, 8, 3\).*images\[0"),
    "channels first": (np.zeros((3, 8, 8), np.uint8), r"channels last.*\(3, 8, 8\)"),
    "NaN": (np.array([[0.5, np.nan]]), "float64 from nan to nan"),
    "float up to 255": (np.array([[0, 255.0]]), r"from 0.0 to 255.0.*\[0, 1\].*uint8"),
    "large int": (np.array([[0, 256]]), "from 0 to 256.*0..255"),
    "complex": (np.array([[1j]]), "holds complex128"),
    "list": ([[1, 2], [3, 4]], "of type list"),
}


@pytest.mark.parametrize("source, words", BAD.values(), ids=BAD)
def test_bad_source(source, words, cache):
    with pytest.raises((ImageError, DownloadError), match=words):
        load_image(source)


def test_address(site):
    url = site.add("/a.png", web.send(encode(PICTURE, "PNG")))
    np.testing.assert_array_equal(load_image(f" {url.replace('http', 'HTTP')}\n"), PICTURE)
