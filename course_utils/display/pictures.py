"""The explorers' pictures: arrays in, the bytes of an image file out."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from course_utils.display.tiles import (
    color_table,
    encode_palette,
    enlarge_maps,
    lay_out,
    overlay_heatmap,
    scale_to_bytes,
    shrink_maps,
    to_gray,
)

Size = tuple[int, int]  # (height, width)

PAGE = 64  # channels
COLUMNS = 8
GAP = 4  # pixels between two feature maps, and around them
CELL = 56  # pixels of a screen for a feature map: 8 of them fill half a notebook's width
SIDE = 360  # pixels of a screen for the longer side of a picture

# The values of a page's pixels: from 0 to _TOP a map's, then those of what is between the maps.
_TOP, _GROUND, _LINE, _RIM = 252, 253, 254, 255
_FRAME_COLORS = np.array([[255, 255, 255], [255, 255, 255], [230, 0, 120]], np.uint8)


def screen_picture(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Resize a picture so that its longer side has `SIDE` pixels."""
    factor = SIDE / max(image.shape[:2])
    height, width = (max(round(length * factor), 1) for length in image.shape[:2])
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


def stretch_picture(image: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Give what the network has seen, uint8 (h, w, 3), the shape of the picture on the screen."""
    return np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))


def encode_picture(image: NDArray[np.uint8]) -> bytes:
    """Encode uint8 (H, W, 3) as a JPEG: a PNG of a photograph takes twenty times as long."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=92, subsampling=0)
    return buffer.getvalue()


# Feature maps


def page_cells(maps: NDArray, page: int) -> NDArray[np.uint8]:
    """Prepare one page of float32 (height, width, channels), each map about `CELL` pixels high.

    Returns uint8 (count, height, width). In each map 0 is its minimum and `_TOP` its maximum; a
    constant map is 0. Maps larger than a cell are averaged down first, and scaled to the range of
    what is shown.
    """
    factor = -(-max(maps.shape[:2]) // CELL)
    maps = shrink_maps(maps[:, :, page * PAGE : (page + 1) * PAGE], factor)
    maps = enlarge_maps(maps, max(CELL // max(maps.shape[:2]), 1))
    return np.rint(scale_to_bytes(maps) * np.float32(_TOP / 255)).astype(np.uint8)


def page_png(cells: NDArray[np.uint8], position: int, cmap: str = "viridis") -> bytes:
    """Draw a page as a PNG, with a frame around the map at `position`, counted from 0.

    The gaps are transparent. The frame is white inside and magenta outside, so that it stands out
    from any map and any page.
    """
    _, height, width = cells.shape
    page = np.pad(lay_out(cells, COLUMNS, GAP, _GROUND), GAP, constant_values=_GROUND)
    row, column = divmod(position, COLUMNS)
    top, left = row * (height + GAP) + GAP, column * (width + GAP) + GAP
    for margin, color in ((GAP, _RIM), (1, _LINE)):
        page[top - margin : top + height + margin, left - margin : left + width + margin] = color
    page[top : top + height, left : left + width] = cells[position]
    shades = color_table(cmap)[np.rint(np.linspace(0, 255, _TOP + 1)).astype(int)]
    return encode_palette(page, np.concatenate([shades, _FRAME_COLORS]), _GROUND)


def map_at(across: float, down: float, count: int) -> int | None:
    """Return which of a page's `count` maps is at these shares of its width and height, or None."""
    rows = -(-count // COLUMNS)
    row, column = min(int(down * rows), rows - 1), min(int(across * COLUMNS), COLUMNS - 1)
    position = row * COLUMNS + column
    return position if position < count else None


def channel_png(maps: NDArray, channel: int, size: Size, cmap: str = "viridis") -> bytes:
    """Draw one channel of float32 (height, width, channels) as a PNG of `size`, cell by cell."""
    return _stretched_png(scale_to_bytes(maps[:, :, [channel]])[0], size, cmap)


# Heatmaps


def heatmap_png(heatmap: NDArray, size: Size, cmap: str = "viridis") -> bytes:
    """Draw a heatmap (h, w) in [0, 1] as a PNG of `size`, cell by cell."""
    return _stretched_png(np.rint(255 * heatmap).astype(np.uint8), size, cmap)


def overlay_picture(
    picture: NDArray[np.uint8], heatmap: NDArray, alpha: float = 0.5, cmap: str = "viridis"
) -> bytes:
    """Lay a heatmap over a gray copy of a picture, see `overlay_heatmap`; returns a JPEG."""
    return encode_picture(overlay_heatmap(to_gray(picture), heatmap, alpha, cmap))


def brighten(values: NDArray) -> NDArray:
    """Scale a map of pixels to [0, 1] for the eye: its brightest 1 % are all 1."""
    top = np.percentile(values, 99) or values.max()
    return np.clip(values / top, 0, 1) if top > 0 else values


def _stretched_png(tile, size, cmap):
    stretched = Image.fromarray(tile).resize(size[::-1], Image.Resampling.NEAREST)
    return encode_palette(np.asarray(stretched), color_table(cmap))
