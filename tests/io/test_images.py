"""Pictures from anywhere: the right pixels, or one clear error."""

import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import web
from PIL import ExifTags, Image

import course_utils as cu
from course_utils import DownloadError, load_image
from course_utils.io import images
from course_utils.io.images import ImageError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


@pytest.fixture(autouse=True)
def no_surprises(tmp_path, monkeypatch):
    """No warning leaks, and the user's own cache is not touched."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("COURSE_OFFLINE", raising=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    assert [str(warning.message) for warning in caught] == []


@pytest.fixture
def site():
    with web.serve() as site:
        yield site


def encode(picture, name, **options):
    if not isinstance(picture, Image.Image):
        picture = Image.fromarray(np.asarray(picture))
    buffer = io.BytesIO()
    picture.save(buffer, name, **options)
    return buffer.getvalue()


def checked(source, size=None):
    """Call `load_image`, and check all that holds for every result and every input."""
    before = state(source)
    try:
        result = load_image(source, size)
    finally:
        assert state(source) == before
    assert isinstance(result, np.ndarray)
    assert result.dtype == np.uint8 and result.ndim == 3 and result.shape[2] == 3
    assert min(result.shape) > 0
    assert result.flags.c_contiguous and result.flags.writeable
    result ^= 255  # a result that shares memory would change its source
    assert state(source) == before
    result ^= 255
    return result


def state(source):
    """Everything of an input that a careless reader might change."""
    if isinstance(source, Image.Image):
        palette = source.getpalette() if source.mode in ("P", "PA") else None
        return source.tobytes(), source.mode, source.size, dict(source.info), palette
    if isinstance(source, np.ndarray):
        return source.tobytes(), source.shape, source.dtype, source.flags.writeable
    return bytes(source) if isinstance(source, bytearray) else source


def smooth_picture(height=48, width=64, seed=0):
    """A colorful picture that JPEG keeps nearly as it is."""
    corners = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return np.array(Image.fromarray(corners).resize((width, height), Image.Resampling.BICUBIC))


PICTURE = smooth_picture()


# Samples


def test_samples_equal_scikit_images():
    import skimage.data

    for name in ("chelsea", "coffee", "astronaut", "rocket"):
        np.testing.assert_array_equal(checked(name), getattr(skimage.data, name)())


def test_cat_and_coffee_is_both_center_squares():
    picture = checked("cat_and_coffee")
    assert picture.shape == (300, 600, 3)
    np.testing.assert_array_equal(picture[:, :300], load_image("chelsea")[:, 75:375])
    square = Image.fromarray(load_image("coffee")[:, 100:500])
    np.testing.assert_array_equal(
        picture[:, 300:], np.asarray(square.resize((300, 300), Image.Resampling.BICUBIC))
    )


@pytest.mark.parametrize("found", [None, "elsewhere"])
def test_missing_scikit_image_says_what_to_do(monkeypatch, tmp_path, found):
    class Spec:
        origin = str(tmp_path / "__init__.py")

    monkeypatch.setattr(images.importlib.util, "find_spec", lambda name: found and Spec)
    with pytest.raises(ImageError, match="skimage.*chelsea.png.*doctor"):
        load_image("chelsea")


def test_every_sample_has_a_license_and_needs_no_network(monkeypatch):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    assert all(images.SAMPLES[name].license for name in cu.sample_image_names())
    assert [checked(name).shape for name in cu.sample_image_names()] == [
        (300, 451, 3), (400, 600, 3), (512, 512, 3), (427, 640, 3), (300, 600, 3), (501, 720, 3)
    ]  # fmt: skip


# Files


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes(kind):
    np.testing.assert_array_equal(checked(kind(encode(PICTURE, "PNG"))), PICTURE)


@pytest.mark.parametrize(
    "name, options",
    [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("PPM", {}),
     ("WEBP", {"lossless": True})],
)  # fmt: skip
def test_lossless_formats(name, options):
    np.testing.assert_array_equal(checked(encode(PICTURE, name, **options)), PICTURE)


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_of_several_frames(name):
    frames = [Image.new("RGB", (8, 6), color) for color in (RED, GREEN, BLUE)]
    data = encode(frames[0], name, save_all=True, append_images=frames[1:], lossless=True)
    with Image.open(io.BytesIO(data)) as image:
        assert image.n_frames == 3
    assert (checked(data) == RED).all()


# Colors: (name, file or picture, the color of every pixel)


def palette_image(transparency=None):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 255, 0, 255, 0, 0])
    if transparency is not None:
        image.info["transparency"] = transparency
    return image


def with_transparency(mode, color, transparent):
    return encode(Image.new(mode, (4, 4), color), "PNG", transparency=transparent)


def gray(value):
    return (value,) * 3


COLORS = {
    "CMYK image": (Image.new("CMYK", (4, 4), (0, 255, 255, 0)), RED),
    "CMYK TIFF": (encode(Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "TIFF"), RED),
    "palette": (encode(palette_image(), "PNG"), RED),
    "palette, color transparent": (encode(palette_image(), "PNG", transparency=1), WHITE),
    "palette, half transparent": (
        encode(palette_image(), "PNG", transparency=bytes([255, 128])), (255, 127, 127),
    ),
    "PA": (palette_image().convert("PA"), RED),
    "RGBA transparent": (encode(Image.new("RGBA", (4, 4), (0, 0, 255, 0)), "PNG"), WHITE),
    "RGBA half": (encode(Image.new("RGBA", (4, 4), (0, 0, 255, 51)), "PNG"), (204, 204, 255)),
    "RGBa": (Image.new("RGBA", (4, 4), (0, 0, 255, 51)).convert("RGBa"), (204, 204, 255)),
    "LA": (encode(Image.new("LA", (4, 4), (100, 51)), "PNG"), gray(224)),
    "L": (encode(Image.new("L", (4, 4), 100), "PNG"), gray(100)),
    "L, transparent": (with_transparency("L", 100, 100), WHITE),
    "RGB, transparent": (with_transparency("RGB", RED, RED), WHITE),
    "1, black": (encode(Image.new("1", (4, 4), 0), "PNG"), gray(0)),
    "1, white": (encode(Image.new("1", (4, 4), 1), "PNG"), WHITE),
    "HSV": (Image.new("HSV", (4, 4), (0, 255, 255)), RED),
    "16-bit PNG": (encode(np.full((4, 4), 100 * 257, np.uint16), "PNG"), gray(100)),
    "16-bit PGM": (b"P5 2 2 65535\n" + struct.pack(">H", 100 * 257) * 4, gray(100)),
    "16-bit image": (Image.fromarray(np.full((4, 4), 65535, np.uint16)), WHITE),
    "16-bit RGB PPM": (b"P6 1 1 65535\n" + struct.pack(">3H", 65535, 0, 0), RED),
    "float TIFF": (encode(np.full((4, 4), 0.4, np.float32), "TIFF"), gray(102)),
    "32-bit image": (Image.new("I", (4, 4), 100), gray(100)),
}  # fmt: skip


@pytest.mark.parametrize("source, color", COLORS.values(), ids=COLORS)
def test_color(source, color):
    assert checked(source).reshape(-1, 3).tolist()[0] == list(color)
    assert (checked(source) == color).all()


def test_cmyk_jpeg():
    data = encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100)
    assert np.abs(checked(data).astype(int) - RED).max() <= 3


# Arrays: (array, expected pixels)

ARRAYS = {
    "(H, W)": (np.array([[0, 100, 255]], np.uint8), [[gray(0), gray(100), gray(255)]]),
    "(H, W, 1)": (np.array([[[7], [8]]], np.uint8), [[gray(7), gray(8)]]),
    "(H, W, 3)": (np.array([[[1, 2, 3]]], np.uint8), [[(1, 2, 3)]]),
    "(H, W, 4)": (np.array([[[0, 0, 255, 51]]], np.uint8), [[(204, 204, 255)]]),
    "bool": (np.array([[False, True]]), [[gray(0), gray(255)]]),
    "int64": (np.array([[0, 255]]), [[gray(0), gray(255)]]),
    "uint16": (
        np.array([[0, 128, 129, 25700, 65535]], np.uint16),
        [[gray(0), gray(0), gray(1), gray(100), gray(255)]],
    ),
    "uint16 RGB": (np.array([[[0, 25700, 65535]]], np.uint16), [[(0, 100, 255)]]),
    "float32": (
        np.array([[0, 0.001, 0.002, 0.4, 1]], np.float32),
        [[gray(0), gray(0), gray(1), gray(102), gray(255)]],
    ),
    "float64 RGBA": (np.array([[[0, 0, 1, 0.2]]]), [[(204, 204, 255)]]),
    "Fortran order": (
        np.asfortranarray(np.arange(12, dtype=np.uint8).reshape(2, 2, 3)),
        np.arange(12).reshape(2, 2, 3),
    ),
    "every other pixel": (np.arange(6, dtype=np.uint8)[None, ::2], [[gray(0), gray(2), gray(4)]]),
    "mirrored": (np.array([[[1, 2, 3]]], np.uint8)[:, :, ::-1], [[(3, 2, 1)]]),
}


@pytest.mark.parametrize("array, pixels", ARRAYS.values(), ids=ARRAYS)
@pytest.mark.parametrize("writeable", [True, False])
def test_array(array, pixels, writeable):
    array = array[:]
    array.flags.writeable = writeable
    np.testing.assert_array_equal(checked(array), pixels)


# Size


def test_resize_is_pillows_bicubic():
    expected = Image.fromarray(PICTURE).resize((31, 17), Image.Resampling.BICUBIC)
    for size in ((17, 31), [17, 31], np.array([17, 31])):
        np.testing.assert_array_equal(checked(PICTURE, size), np.asarray(expected))


@pytest.mark.parametrize("size", [224, (0, 5), (1.5, 2), "ab", (1, 2, 3), (10**5, 10**5)])
def test_bad_size(size):
    with pytest.raises(ImageError, match=r"size must be \(height, width\)"):
        load_image(PICTURE, size)


# EXIF orientation. What is stored, from what is to be seen, in the words of the EXIF standard:
# where the first stored row and the first stored column belong.

STORED = {
    1: lambda seen: seen,  # top, left
    2: lambda seen: seen[:, ::-1],  # top, right
    3: lambda seen: seen[::-1, ::-1],  # bottom, right
    4: lambda seen: seen[::-1],  # bottom, left
    5: lambda seen: seen.swapaxes(0, 1),  # left, top
    6: lambda seen: seen[:, ::-1].swapaxes(0, 1),  # right, top
    7: lambda seen: seen[::-1, ::-1].swapaxes(0, 1),  # right, bottom
    8: lambda seen: seen[::-1].swapaxes(0, 1),  # left, bottom
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(
    "name, options",
    [("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}),
     ("JPEG", {"quality": 100, "subsampling": 0})],
)  # fmt: skip
def test_exif_orientation(name, options, orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = np.ascontiguousarray(STORED[orientation](PICTURE))
    data = encode(stored, name, exif=exif, **options)
    for source in (data, Image.open(io.BytesIO(data))):
        result = checked(source).astype(int)
        assert result.shape == PICTURE.shape
        assert np.abs(result - PICTURE).max() <= (8 if name == "JPEG" else 0)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0garbage", b"Exif\0\0Exif\0\0MM\0*", b"Exif\0\0MM\0*\0\0\0\xff"]
)
def test_unreadable_exif_is_ignored(exif):
    data = encode(PICTURE, "PNG", exif=exif)
    assert exif[6:] in data
    np.testing.assert_array_equal(checked(data), PICTURE)


# Bad sources, one clear error each: (source, words of the message)


def png_header(width, height):
    """The beginning of a PNG file, without a single pixel."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = struct.pack(">I", len(header) - 4) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + data + struct.pack(">I", 1000) + b"IDAT"


class BrokenTensor:
    def __array__(self, dtype=None, copy=None):
        raise NotImplementedError("symbolic")


HTML = b"\xef\xbb\xbf\n<!DOCTYPE html>\n<html><body>Not found</body></html>"
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>'
LONG = "x" * 5000

BAD = {
    "misspelled sample": ("chelsae", "no sample and no file named 'chelsae'.*mean 'chelsea'"),
    "unknown": ("zzz", "'zzz'. Samples: chelsea, coffee, .*check the path"),
    "no file": (Path("nowhere/cat.jpg"), "no file named '.*cat.jpg'"),
    "null byte": ("a\0b.png", "no file named"),
    "too long": (LONG, "no file named 'xxx.*…x"),
    "folder": (str(Path(__file__).parent), "is a folder"),
    "ftp": ("ftp://127.0.0.1/cat.jpg", "not an http or https address"),
    "no bytes": (b"", "is empty"),
    "not an image": (b"hello, world", "not a picture in a format known here"),
    "EPS": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture in a format"),
    "HTML": (HTML, "web page"),
    "SVG": (SVG, "SVG drawing.*PNG"),
    "HEIC": (b"\0\0\0\x18ftypheic" + bytes(50), "HEIC.*JPEG"),
    "truncated PNG": (encode(PICTURE, "PNG")[:-200], "damaged, cut short"),
    "50 megapixels": (png_header(10_000, 5_000), "more than the 40 megapixels"),
    "no height": (png_header(5, 0), "no pixels|could not be decoded|not a picture"),
    "50 megapixel image": (Image.new("1", (10_000, 5_000)), "more than the 40 megapixels"),
    "50 megapixel array": (np.broadcast_to(np.uint8(0), (5_000, 10_000)), "40 megapixels"),
    "empty array": (np.zeros((0, 5, 3), np.uint8), "no pixels: height 0, width 5"),
    "batch": (np.zeros((2, 8, 8, 3), np.uint8), r"One image expected.*\(2, 8, 8, 3\).*images\[0"),
    "channels first": (np.zeros((3, 8, 8), np.uint8), r"channels last.*\(3, 8, 8\)"),
    "one dimension": (np.zeros(8, np.uint8), r"shape \(8,\)"),
    "NaN": (np.array([[0.5, np.nan]]), "NaN or infinity"),
    "negative float": (np.array([[-0.01, 0.5]]), r"\[0, 1\], got -0.01 to 0.5"),
    "float up to 255": (np.array([[0, 255.0]]), r"\[0, 1\], got 0.0 to 255.0.*uint8"),
    "large int": (np.array([[0, 256]]), "0..255, got 0 to 256"),
    "complex": (np.array([[1j]]), "dtype complex128"),
    "float TIFF": (encode(np.full((4, 4), 7, np.float32), "TIFF"), r"\[0, 1\], got 7.0"),
    "NaN TIFF": (encode(np.full((4, 4), np.nan, np.float32), "TIFF"), "NaN or infinity"),
    "32-bit TIFF": (encode(np.full((4, 4), 300, np.int32), "TIFF"), "0..255, got 300"),
    "None": (None, "got None of type NoneType"),
    "list": ([[1, 2], [3, 4]], "of type list"),
    "file object": (io.BytesIO(b"x"), "of type BytesIO"),
    "tensor without values": (BrokenTensor(), "BrokenTensor could not be converted.*symbolic"),
}


@pytest.mark.parametrize("source, words", BAD.values(), ids=BAD)
def test_bad_source(source, words):
    with pytest.raises(ValueError, match=words) as caught:
        checked(source)
    assert type(caught.value) in (ImageError, DownloadError)
    assert len(str(caught.value)) < 700


def test_endless_files_are_not_read_to_the_end(tmp_path):
    (tmp_path / "sparse.png").touch()
    os.truncate(tmp_path / "sparse.png", 10**12)
    with pytest.raises(ImageError, match="larger than the 30 MB allowed"):
        load_image(tmp_path / "sparse.png")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        for path in (tmp_path / "pipe", Path(os.devnull)):
            with pytest.raises(ImageError, match="not a regular file"):
                load_image(path)


# Addresses


def test_address(site):
    data = encode(PICTURE, "PNG")
    url = site.add("/a.png", web.send(data))
    np.testing.assert_array_equal(checked(url), PICTURE)
    np.testing.assert_array_equal(checked(f" {url.replace('http', 'HTTP')}\n"), PICTURE)
    assert not Path(os.environ["COURSE_CACHE"]).exists()


# Generated damage. A file cut short is read in full or refused, never in part; whatever a flipped
# bit does, the result is a picture or an `ImageError`.

ORIGINALS = {
    "png": encode(PICTURE, "PNG"),
    "png16": encode(PICTURE[:, :, 0].astype(np.uint16) * 257, "PNG"),
    "apng": encode(
        Image.fromarray(PICTURE), "PNG", save_all=True, append_images=[Image.new("RGB", (64, 48))]
    ),
    "jpeg": encode(PICTURE, "JPEG"),
    "jpeg-cmyk": encode(Image.fromarray(PICTURE).convert("CMYK"), "JPEG"),
    "gif": encode(
        Image.fromarray(PICTURE), "GIF", save_all=True, append_images=[Image.new("RGB", (64, 48))]
    ),
    "webp": encode(PICTURE, "WEBP"),
    "tiff": encode(PICTURE, "TIFF"),
    "tiff-float": encode(PICTURE[:, :, 0] / np.float32(255), "TIFF"),
    "bmp": encode(PICTURE, "BMP"),
    "ppm": encode(PICTURE, "PPM"),
}
DAMAGES = 6  # of each kind, for each original


@pytest.mark.parametrize("name", ORIGINALS)
def test_file_cut_short(name):
    original = ORIGINALS[name]
    whole = load_image(original)
    random = np.random.default_rng(1)
    # Half of the cuts anywhere, half near the end, where a decoder might be content.
    cuts = [*random.integers(1, len(original), DAMAGES // 2), *range(-DAMAGES // 2, 0)]
    for cut in cuts:
        try:
            result = checked(original[:cut])
        except ImageError:
            continue
        if name not in ("apng", "gif"):  # their second frame may be missing, not the first
            assert cut < 0 and cut >= -12, f"read although {len(original) - cut} bytes are missing"
        np.testing.assert_array_equal(result, whole, err_msg=f"cut at {cut}")


@pytest.mark.parametrize("name", ORIGINALS)
@pytest.mark.parametrize("number", range(DAMAGES))
def test_file_with_flipped_bits(name, number):
    data = bytearray(ORIGINALS[name])
    random = np.random.default_rng([number, len(data)])
    # The headers are short and matter most: half of the damage is done there.
    reach = len(data) if number % 2 else min(len(data), 100)
    for place in random.integers(0, reach, 1 + number // 2):
        data[place] ^= 1 << random.integers(8)
    try:
        checked(bytes(data))
    except ImageError as error:
        assert len(str(error)) < 700
