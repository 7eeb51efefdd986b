"""Read a picture from anywhere as RGB uint8."""

import contextlib
import importlib.util
import io
import operator
import os
import re
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from course_utils.arguments import did_you_mean, quote
from course_utils.io.downloads import fetch_bytes

MAX_BYTES = 30_000_000
_ORIENTATION = ExifTags.Base.Orientation

# Raster formats only: others of Pillow's start a program (EPS) or accept almost any bytes (TGA).
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "AVIF", "TIFF", "PPM")

_NO_PICTURES = {  # how such a file begins, in lower case -> what it is, and what to do
    rb"<!doctype html|<[^>]*html": "a web page (HTML). Copy the address of the picture itself.",
    rb"(<\?xml[^>]*>\s*)?<svg": "an SVG drawing, which has no pixels. Export it as PNG.",
    rb"....ftyp(heic|heix|mif1)": "a HEIC picture, which Pillow cannot read. Save it as JPEG.",
}


class Sample(NamedTuple):
    """A picture that needs no network."""

    package: str  # whose data folder has it
    file_name: str
    license: str


SAMPLES = {
    "chelsea": Sample("skimage", "chelsea.png", "CC0, photograph by Stéfan van der Walt"),
    "coffee": Sample(
        "skimage",
        "coffee.png",
        "CC0, photograph by Rachel Michetti, courtesy of Pikolo Espresso Bar",
    ),
    "astronaut": Sample(
        "skimage", "astronaut.png", "public domain, Eileen Collins, NASA Great Images database"
    ),
    "rocket": Sample(
        "skimage", "rocket.jpg", "public domain, launch of DSCOVR, photograph by SpaceX"
    ),
    "cat_and_coffee": Sample(
        "skimage", "chelsea.png and coffee.png", "CC0, composed of chelsea and coffee"
    ),
    "great_white_shark": Sample(
        "course_utils", "great_white_shark.jpg", "CC BY 2.5, photograph by Terry Goss, scaled"
    ),
}


class ImageError(ValueError):
    """A picture that could not be read: the message says why, and what to do."""


def sample_image_names() -> list[str]:
    """Return the names of the sample pictures that `load_image` knows; none needs a network."""
    return list(SAMPLES)


def load_image(source: Any, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Read one picture.

    Args:
        source: Name of a sample (see `sample_image_names`), path, http(s) address, the bytes of a
            file, PIL image, or array of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4). Floats lie
            in [0, 1], integers in 0..255; uint16 spans the full 16 bits; bool is black and white.
            Transparency is laid on white, EXIF rotation is applied; of an animation, the first
            frame is used. A sample's name wins over a file of that name.
        size: (height, width) to resize to, bicubic; None keeps the size.

    Returns:
        uint8 array of shape (H, W, 3), RGB; always a new one.

    Raises:
        ImageError: No such sample or file, not a picture, damaged, pixels of a wrong shape or
            range, a file of more than `MAX_BYTES` bytes or 89 megapixels. A `ValueError`.
        DownloadError: The address cannot be fetched. A `ValueError` too.
    """
    if size is not None:
        size = _check_size(size)
    image = _read(source)
    if size is not None:
        image = image.resize(size[::-1], Image.Resampling.BICUBIC)
    return np.array(image)


def _check_size(size):
    try:
        height, width = map(operator.index, size)
    except (TypeError, ValueError):
        height = width = 0
    if min(height, width) < 1:
        raise ImageError(f"size must be (height, width), two whole numbers, not {quote(size)}.")
    return height, width


def _read(source):
    """Return a new RGB PIL image."""
    if isinstance(source, str) and source in SAMPLES:
        return _read_sample(source)
    if isinstance(source, str) and re.match(r"\s*[a-z][a-z0-9+.-]+://", source, re.IGNORECASE):
        return _decode(fetch_bytes(source.strip(), MAX_BYTES), quote(source))
    if isinstance(source, (str, os.PathLike)):
        return _decode(_read_file(os.fspath(source)), quote(os.fspath(source)))
    if isinstance(source, (bytes, bytearray, memoryview)):  # a widget sends a memoryview
        return _decode(bytes(source), "The data")
    if isinstance(source, Image.Image):
        with _faults_in_words("The PIL image"):
            return _to_rgb(source, "The PIL image")
    if hasattr(source, "__array__"):
        return _from_array(source)
    raise ImageError(
        "An image is a sample's name, a path, an http(s) address, bytes, a PIL image or an array, "
        f"not {quote(source)} of type {type(source).__name__}."
    )


def _read_sample(name):
    if name == "cat_and_coffee":
        return _cat_and_coffee()
    return _decode(sample_file(SAMPLES[name]).read_bytes(), f"The sample '{name}'")


def sample_file(sample: Sample) -> Path:
    """Find a picture in an installed package, without importing it: scikit-image takes a second.

    Raises:
        ImageError: It is not there.
    """
    spec = importlib.util.find_spec(sample.package)
    path = Path(spec.origin).parent / "data" / sample.file_name if spec and spec.origin else None
    if path is None or not path.is_file():
        raise ImageError(
            f"The installed {sample.package} with its picture '{sample.file_name}' was not found. "
            "Install it again; 'python -m course_utils doctor' says how."
        )
    return path


def _cat_and_coffee():
    """Put the center squares of chelsea and coffee side by side, 300 x 600 pixels."""
    picture = Image.new("RGB", (600, 300))
    for left, name in ((0, "chelsea"), (300, "coffee")):
        image = _read_sample(name)
        side = min(image.size)
        x, y = (image.width - side) // 2, (image.height - side) // 2
        square = image.crop((x, y, x + side, y + side))
        picture.paste(square.resize((300, 300), Image.Resampling.BICUBIC), (left, 0))
    return picture


def _read_file(name):
    """Return the bytes of a file, or just enough of them to see that they are too many."""
    path = os.path.expanduser(name)
    if os.path.isdir(path):
        raise ImageError(f"{quote(path)} is a folder. Give the path of a picture in it.")
    try:
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ImageError(
            f"There is no sample and no file named {quote(name)}. {did_you_mean(name, SAMPLES)}"
            f"Samples: {', '.join(SAMPLES)}; for a file, check the path."
        ) from error
    except OSError as error:
        raise ImageError(f"{quote(path)} cannot be read: {error.strerror}.") from error


@contextlib.contextmanager
def _faults_in_words(what):
    """Turn whatever Pillow raises for bad data into an `ImageError`, and drop its warnings."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{what} is not a picture in a format known here ({', '.join(FORMATS)}), or its "
            "beginning is damaged. Open it in another program and save it as PNG."
        ) from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ImageError(f"{what} is too large. {error} Save a smaller copy.") from error
    except Exception as error:  # the decoders raise almost anything
        reason = str(error).rstrip(".") or type(error).__name__
        raise ImageError(
            f"{what} could not be decoded: it is damaged, cut short or of an unusual kind "
            f"({reason}). Get a fresh copy, or save it as PNG with another program."
        ) from error


def _decode(data, what):
    """Decode the bytes of an image file to an RGB PIL image."""
    if not data:
        raise ImageError(f"{what} is empty (0 bytes). Get a fresh copy of the picture.")
    if len(data) > MAX_BYTES:
        raise ImageError(
            f"{what} is larger than the {MAX_BYTES / 1e6:g} MB allowed. Save a smaller copy."
        )
    beginning = data[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for pattern, kind in _NO_PICTURES.items():
        if re.match(pattern, beginning, re.DOTALL):
            raise ImageError(f"{what} is {kind}")
    with _faults_in_words(what):
        Image.init()
        formats = [name for name in FORMATS if name in Image.OPEN]  # AVIF is a build option
        with Image.open(io.BytesIO(data), formats=formats) as image:
            return _to_rgb(image, what)


def _to_rgb(image, what):
    """Convert a PIL image of any mode to an upright RGB copy, transparency laid on white."""
    image.load()
    original = image
    if image.mode[0] in "IF":  # 16 or 32 bits a pixel, gray
        image = Image.fromarray(_deep_gray(image, what))
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return _upright(image.convert("RGB"), original)


def _deep_gray(image, what):
    """Return the pixels of a gray picture with more than 8 bits as uint8 (H, W).

    Pillow hands these out as they are stored: 0 may mean white, one value may mean transparent.
    """
    stored = np.asarray(image)
    if image.mode == "I" and image.format in ("PNG", "PPM"):  # 16 bits, held in 32
        stored = stored.astype(np.uint16)
    pixels = _to_uint8(stored, what)
    tags = getattr(image, "tag_v2", {})
    if tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:
        pixels = 255 - pixels
    if "transparency" in image.info:
        pixels = np.where(stored == image.info["transparency"], np.uint8(255), pixels)
    return pixels


def _upright(rgb, original):
    """Turn a picture as its EXIF data say. Unreadable data are passed over, as in a browser."""
    exif = Image.Exif()  # with nothing else: Pillow would stop at any odd tag
    try:
        exif[_ORIENTATION] = original.getexif().get(_ORIENTATION, 1)
        rgb.info = {"exif": exif.tobytes()}
        return ImageOps.exif_transpose(rgb)
    except Exception:
        return rgb


def _from_array(source):
    what = "The array"
    try:
        array = np.asarray(source)
    except Exception as error:  # other libraries' arrays, each with errors of its own
        raise ImageError(
            f"{type(source).__name__} could not be converted to an array ({error})."
        ) from error
    if array.ndim == 4:
        raise ImageError(
            f"One image expected, got a batch: array of shape {array.shape}. "
            "Pass one of them, for example images[0]."
        )
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ImageError(
            "An image has shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), channels last; got an "
            f"array of shape {array.shape}."
        )
    if array.size == 0:
        raise ImageError(f"{what} has no pixels: its shape is {array.shape}.")
    pixels = _to_uint8(array, what)
    with _faults_in_words(what):
        image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2:] == (1,) else pixels)
        return _to_rgb(image, what)


def _to_uint8(array, what):
    """Scale pixels to 0..255: floats from 0..1, 16 bits from 0..65535, bool from False..True."""
    kind = array.dtype.kind
    if kind == "b":
        return array * np.uint8(255)
    if kind == "u" and array.dtype.itemsize == 2:
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if kind not in "iuf":
        raise ImageError(
            f"{what} has dtype {array.dtype}. Use uint8 in 0..255 or float32 in [0, 1]."
        )
    if kind == "f" and not np.isfinite(array).all():
        raise ImageError(f"{what} contains NaN or infinity. Find out where they come from.")
    low, high, top = array.min(), array.max(), 1 if kind == "f" else 255
    if low < 0 or high > top:
        raise ImageError(
            f"{what} of dtype {array.dtype} must lie in {'[0, 1]' if kind == 'f' else '0..255'}, "
            f"got {low} to {high}. Scale it, or use .astype('uint8') if it holds 0..255."
        )
    if kind == "f":
        array = np.rint(array.astype(np.result_type(array, np.float32)) * 255)
    return array.astype(np.uint8)
