"""Read a picture from anywhere as RGB uint8."""

import contextlib
import io
import os
import re
import warnings
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from course_utils.arguments import Picture, did_you_mean, is_whole_number, quote
from course_utils.io.downloads import fetch_bytes

MAX_BYTES = 30_000_000

# Raster formats only: others of Pillow's start a program (EPS) or accept almost any bytes (TGA).
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "AVIF", "TIFF", "PPM")


class Sample(NamedTuple):
    """A picture that needs no network."""

    file_name: str
    license: str
    package: str = "skimage"  # whose data folder has it


SAMPLES = {
    "chelsea": Sample("chelsea.png", "CC0, photograph by Stéfan van der Walt"),
    "coffee": Sample("coffee.png", "CC0, photograph by Rachel Michetti, Pikolo Espresso Bar"),
    "astronaut": Sample("astronaut.png", "public domain, Eileen Collins, photograph by NASA"),
    "rocket": Sample("rocket.jpg", "public domain, launch of DSCOVR, photograph by SpaceX"),
    "cat_and_coffee": Sample("chelsea.png and coffee.png", "CC0, composed of chelsea and coffee"),
    "great_white_shark": Sample(
        "great_white_shark.jpg", "CC BY 2.5, photograph by Terry Goss, scaled", "course_utils"
    ),
}


class ImageError(ValueError):
    """A picture that could not be read: the message says why, and what to do."""


def sample_image_names() -> list[str]:
    """Return the names of the sample pictures that `load_image` knows; none needs a network."""
    return list(SAMPLES)


def load_image(source: Any, size: Sequence[int] | None = None) -> Picture:
    """Read one picture.

    Args:
        source: Name of a sample (see `sample_image_names`), path, http(s) address, the bytes of a
            file, PIL image, or array of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4). Floats lie
            in [0, 1], integers in 0..255; uint16 spans the full 16 bits; bool is black and white.
            Transparency is laid on white, EXIF rotation is applied; of an animation, the first
            frame is used. A sample wins over a file of its name.
        size: (height, width) to resize to, bicubic; None keeps the size.

    Returns:
        uint8 array of shape (H, W, 3), RGB; always a new one.

    Raises:
        ImageError: No such sample or file, not a picture, damaged, pixels of a wrong shape or
            range, a file of more than `MAX_BYTES` bytes or 89 megapixels. A `ValueError`.
        DownloadError: The address cannot be fetched. A `ValueError` too.
    """
    image = _read(source)
    if size is not None:
        if np.shape(size) != (2,) or not all(is_whole_number(length, 1) for length in size):
            raise ImageError(f"size must be (height, width), two whole numbers, not {quote(size)}.")
        image = image.resize((int(size[1]), int(size[0])), Image.Resampling.BICUBIC)
    return np.array(image)


def _read(source):
    """Return a new RGB PIL image."""
    if isinstance(source, str) and source in SAMPLES:
        return _read_sample(source)
    if isinstance(source, str) and re.match(r"\s*[a-z][a-z0-9+.-]+://", source, re.IGNORECASE):
        return _decode(fetch_bytes(source.strip(), MAX_BYTES), quote(source))
    if isinstance(source, str | os.PathLike):
        return _decode(_read_file(os.fspath(source)), quote(os.fspath(source)))
    if isinstance(source, bytes | bytearray | memoryview):  # a widget sends a memoryview
        return _decode(bytes(source), "The data")
    if isinstance(source, Image.Image):
        with _faults_in_words("The PIL image"):
            return _to_rgb(source, "The PIL image")
    if hasattr(source, "__array__"):
        return _from_array(np.asarray(source))
    raise ImageError(
        "An image is a sample's name, a path, an http(s) address, bytes, a PIL image or an array, "
        f"not {quote(source)} of type {type(source).__name__}."
    )


def _read_sample(name):
    if name == "cat_and_coffee":  # the center square of each
        cat, cup = load_image("chelsea")[:, 75:375], load_image("coffee")[:, 100:500]
        return Image.fromarray(np.hstack([cat, load_image(cup, (300, 300))]))
    sample = SAMPLES[name]
    path = files(sample.package) / "data" / sample.file_name
    return _decode(path.read_bytes(), f"The sample '{name}'")


def _read_file(name):
    """Return the bytes of a file, or just enough of them to see that they are too many."""
    try:
        with open(os.path.expanduser(name), "rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ImageError(
            f"There is no sample and no file named {quote(name)}. {did_you_mean(name, SAMPLES)}"
            f"Samples: {', '.join(SAMPLES)}; for a file, check the path."
        ) from error
    except OSError as error:
        raise ImageError(f"{quote(name)} cannot be read as a picture: {error.strerror}.") from error


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
            "beginning is damaged. If another program can open it (a phone's HEIC, a drawing in "
            "SVG), save it as JPEG or PNG there. From a web page, take the picture's own address."
        ) from error
    except Exception as error:  # the decoders raise almost anything
        reason = str(error).rstrip(".") or type(error).__name__
        raise ImageError(
            f"{what} could not be decoded: it's damaged, cut short, too large or of an unusual "
            f"kind ({reason}). Get a fresh or a smaller copy, or save it as PNG in another program."
        ) from error


def _decode(data, what):
    """Decode the bytes of an image file to an RGB PIL image."""
    if not data:
        raise ImageError(f"{what} is empty (0 bytes). Get a fresh copy of the picture.")
    if len(data) > MAX_BYTES:
        raise ImageError(
            f"{what} is larger than the {MAX_BYTES / 1e6:g} MB allowed. Save a smaller copy."
        )
    with _faults_in_words(what):
        Image.init()
        formats = [name for name in FORMATS if name in Image.OPEN]  # AVIF is a build option
        with Image.open(io.BytesIO(data), formats=formats) as image:
            return _to_rgb(image, what)


def _to_rgb(image, what):
    """Convert a PIL image of any mode to an upright RGB copy, transparency laid on white."""
    image.load()
    rgb = image
    if image.mode[0] in "IF":  # 16 or 32 bits a pixel, gray
        rgb = Image.fromarray(_deep_gray(image, what))
    elif image.has_transparency_data:
        rgb = image.convert("RGBA")
        rgb = Image.alpha_composite(Image.new("RGBA", image.size, "white"), rgb)
    rgb = rgb.convert("RGB")
    with contextlib.suppress(Exception):  # unreadable EXIF data are ignored, as in a browser
        exif, orientation = Image.Exif(), ExifTags.Base.Orientation
        exif[orientation] = image.getexif().get(orientation, 1)
        rgb.info = {"exif": exif.tobytes()}  # no other tag: Pillow would stop at any odd one
        rgb = ImageOps.exif_transpose(rgb)
    return rgb


def _deep_gray(image, what):
    """Return the pixels of a gray picture with more than 8 bits as uint8 (H, W).

    Pillow hands these out as they are stored: 0 may mean white, one value may mean transparent.
    """
    stored = np.asarray(image)
    if image.mode == "I" and image.format in ("PNG", "PPM"):  # 16 bits, held in 32
        stored = stored.astype(np.uint16)
    pixels = _to_uint8(stored, what)
    if getattr(image, "tag_v2", {}).get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:
        pixels = 255 - pixels
    if "transparency" in image.info:
        pixels[stored == image.info["transparency"]] = 255
    return pixels


def _from_array(array):
    if array.ndim < 2 or array.shape[2:] not in ((), (1,), (3,), (4,)) or array.size == 0:
        raise ImageError(
            "An image has shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), channels last; got an "
            f"array of shape {array.shape}. From a batch, pass one image: images[0]."
        )
    pixels = _to_uint8(array, "The array")
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2:] == (1,) else pixels)
    return _to_rgb(image, "The array")


def _to_uint8(array, what):
    """Scale pixels to 0..255: floats from 0..1, 16 bits from 0..65535, bool from False..True."""
    kind = array.dtype.kind
    if kind == "b":
        return array * np.uint8(255)
    if kind == "u" and array.dtype.itemsize == 2:
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    top = 1 if kind == "f" else 255
    if kind not in "iuf" or not (array.min() >= 0 and array.max() <= top):  # NaN isn't, either
        values = f" from {array.min()} to {array.max()}" if kind in "iuf" else ""
        raise ImageError(
            f"{what} holds {array.dtype}{values}. Floats must lie in [0, 1], integers in 0..255: "
            "scale the values, or use .astype('uint8') if they lie in 0..255."
        )
    if kind == "f":
        array = np.rint(array.astype(np.result_type(array, np.float32)) * 255)
    return array.astype(np.uint8)
