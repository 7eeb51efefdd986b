"""Pictures from anywhere: the right pixels, or one clear error."""

import io
import struct
import zlib
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
    if not isinstance(picture, Image.Image):
        picture = Image.fromarray(np.asarray(picture))
    buffer = io.BytesIO()
    picture.save(buffer, name, **options)
    return buffer.getvalue()


def gray(value):
    return (value,) * 3


# Samples


def test_every_sample_has_a_license_and_needs_no_network(monkeypatch):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    assert all(images.SAMPLES[name].license for name in cu.sample_image_names())
    assert [load_image(name).shape for name in cu.sample_image_names()] == [
        (300, 451, 3), (400, 600, 3), (512, 512, 3), (427, 640, 3), (300, 600, 3), (501, 720, 3)
    ]  # fmt: skip


def test_cat_and_coffee_is_both_center_squares():
    picture = load_image("cat_and_coffee")
    np.testing.assert_array_equal(picture[:, :300], load_image("chelsea")[:, 75:375])
    square = load_image(load_image("coffee")[:, 100:500], size=(300, 300))
    np.testing.assert_array_equal(picture[:, 300:], square)


def test_missing_scikit_image_says_what_to_do(monkeypatch):
    monkeypatch.setattr(images.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImageError, match=r"skimage.*chelsea\.png.*doctor"):
        load_image("chelsea")


# Files: the color of every pixel


def palette(**options):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 255, 0, 255, 0, 0])
    return encode(image, "PNG", **options)


def deep_png(value, transparent):
    """A PNG of one 16-bit gray pixel, and the value that is transparent."""

    def chunk(kind, data):
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", 1, 1, 16, 0, 0, 0, 0)
    data = zlib.compress(b"\0" + struct.pack(">H", value))
    chunks = {b"IHDR": header, b"tRNS": struct.pack(">H", transparent), b"IDAT": data, b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*item) for item in chunks.items())


def tiff(value, dtype, zero_is_white):
    """A TIFF whose 0 is black or white, as its tag says."""
    tags = {TiffImagePlugin.PHOTOMETRIC_INTERPRETATION: 0 if zero_is_white else 1}
    data = bytearray(encode(np.full((2, 2), value, dtype), "TIFF"))
    place = data.index(struct.pack("<HHI", *tags, 3, 1))
    data[place + 8 : place + 10] = struct.pack("<H", *tags.values())
    return bytes(data)


COLORS = {
    "CMYK": (encode(Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "TIFF"), RED),
    "palette": (palette(), RED),
    "palette, transparent": (palette(transparency=1), WHITE),
    "RGBA": (encode(Image.new("RGBA", (4, 4), (0, 0, 255, 51)), "PNG"), (204, 204, 255)),
    "LA": (encode(Image.new("LA", (4, 4), (100, 51)), "PNG"), gray(224)),
    "1": (encode(Image.new("1", (4, 4), 1), "PNG"), WHITE),
    "16-bit PNG": (deep_png(100 * 257, transparent=0), gray(100)),
    "16-bit PNG, transparent": (deep_png(100 * 257, transparent=100 * 257), WHITE),
    "16-bit PGM": (b"P5 2 2 65535\n" + struct.pack(">H", 100 * 257) * 4, gray(100)),
    "16-bit TIFF": (tiff(100 * 257, np.uint16, zero_is_white=False), gray(100)),
    "16-bit TIFF, 0 = white": (tiff(100 * 257, np.uint16, zero_is_white=True), gray(155)),
    "8-bit TIFF, 0 = white": (tiff(100, np.uint8, zero_is_white=True), gray(155)),
    "float TIFF": (tiff(0.4, np.float32, zero_is_white=False), gray(102)),
    "PIL image": (Image.new("HSV", (4, 4), (0, 255, 255)), RED),
    "memoryview": (memoryview(encode(Image.new("L", (4, 4), 100), "PNG")), gray(100)),
}


@pytest.mark.parametrize("source, color", COLORS.values(), ids=COLORS)
def test_color(source, color):
    assert (load_image(source) == color).all()


@pytest.mark.parametrize("other_tags", [b"", b"garbage"])
def test_a_photograph_is_turned_upright(other_tags):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # stored lying on its left side
    exif[ExifTags.Base.MakerNote] = other_tags
    stored = np.rot90(PICTURE)
    np.testing.assert_array_equal(load_image(encode(stored, "PNG", exif=exif)), PICTURE)


def test_unreadable_exif_is_ignored():
    data = encode(PICTURE, "PNG", exif=b"Exif\0\0garbage")
    np.testing.assert_array_equal(load_image(data), PICTURE)


# Arrays

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
    before = PICTURE.copy()
    result = load_image(PICTURE)
    result ^= 255
    np.testing.assert_array_equal(PICTURE, before)
    assert load_image(PICTURE, size=np.array([17, 31])).shape == (17, 31, 3)


# Bad sources, one clear error each: (source, words of the message)


class BrokenTensor:
    def __array__(self, dtype=None, copy=None):
        raise NotImplementedError("symbolic")


BAD = {
    "misspelled sample": ("chelsae", "no sample and no file named 'chelsae'.*mean 'chelsea'"),
    "no file": (Path("nowhere/cat.jpg"), "no file named '.*cat.jpg'.*check the path"),
    "too long": ("x" * 5000, "'xxx.*xxx' cannot be read"),
    "folder": (str(Path(__file__).parent), "is a folder"),
    "ftp": ("ftp://127.0.0.1/cat.jpg", "Check the address"),
    "no bytes": (b"", "is empty"),
    "30 MB": (bytes(30_000_001), "larger than the 30 MB allowed"),
    "not an image": (b"hello, world", "not a picture in a format known here"),
    "HTML": (b"\xef\xbb\xbf\n<!DOCTYPE html>\n<html><body>Not found</body></html>", "web page"),
    "SVG": (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG drawing"),
    "HEIC": (b"\0\0\0\x18ftypheic" + bytes(50), "HEIC.*JPEG"),
    "cut short": (encode(PICTURE, "PNG")[:-40], "damaged, cut short"),
    "100 megapixels": (b"P4 10000 10000\n", "too large.*100000000 pixels.*smaller copy"),
    "empty array": (np.zeros((0, 5, 3), np.uint8), r"no pixels.*\(0, 5, 3\)"),
    "batch": (np.zeros((2, 8, 8, 3), np.uint8), r"One image expected.*\(2, 8, 8, 3\).*images\[0"),
    "channels first": (np.zeros((3, 8, 8), np.uint8), r"channels last.*\(3, 8, 8\)"),
    "NaN": (np.array([[0.5, np.nan]]), "NaN or infinity"),
    "float up to 255": (np.array([[0, 255.0]]), r"\[0, 1\], got 0.0 to 255.0.*uint8"),
    "large int": (np.array([[0, 256]]), "0..255, got 0 to 256"),
    "complex": (np.array([[1j]]), "dtype complex128"),
    "list": ([[1, 2], [3, 4]], "of type list"),
    "tensor without values": (BrokenTensor(), "BrokenTensor could not be converted.*symbolic"),
}


@pytest.mark.parametrize("source, words", BAD.values(), ids=BAD)
def test_bad_source(source, words, monkeypatch):
    monkeypatch.delenv("COURSE_OFFLINE", raising=False)
    with pytest.raises((ImageError, DownloadError), match=words) as caught:
        load_image(source)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("size", [224, (0, 5), (1.5, 2), "ab", (1, 2, 3)])
def test_bad_size(size):
    with pytest.raises(ImageError, match=r"size must be \(height, width\)"):
        load_image(PICTURE, size)


def test_address(monkeypatch):
    monkeypatch.delenv("COURSE_OFFLINE", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    with web.serve() as site:
        url = site.add("/a.png", web.send(encode(PICTURE, "PNG")))
        np.testing.assert_array_equal(load_image(f" {url.replace('http', 'HTTP')}\n"), PICTURE)
