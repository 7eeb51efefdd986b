"""The explorers' pictures: arrays in, the bytes of an image file out."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from course_utils.display import tiles

Size = tuple[int, int]  # (height, width)

PAGE = 64  # channels
COLUMNS = 8
GAP = 4  # pixels between two feature maps, and around them
CELL = 56  # pixels of a screen for a feature map: 8 of them fill half a notebook's width
SIDE = 360  # pixels of a screen for the longer side of a picture

# The values of a page's pixels: from 0 to _TOP a map's, then those of what is between the maps.
_TOP, _GROUND, _LINE, _RIM = 252, 253, 254, 255
_WHITE, _MAGENTA = (255, 255, 255), (230, 0, 120)


def screen_picture(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Resize a picture so that its longer side has `SIDE` pixels."""
    factor = SIDE / max(image.shape[:2])
    height, width = (max(round(length * factor), 1) for length in image.shape[:2])
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


def stretch(picture: NDArray, size: Size, smooth: bool = False) -> NDArray:
    """Stretch a map (h, w) or a picture (h, w, 3), cell by cell unless it shall be smooth."""
    how = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(picture).resize(size[::-1], how))


def encode_picture(image: NDArray[np.uint8]) -> bytes:
    """Encode uint8 (H, W, 3) as a JPEG: a PNG of a photograph takes twenty times as long.

    With a fourth channel, its opacity, it becomes a PNG.
    """
    picture, buffer = Image.fromarray(image), io.BytesIO()
    if picture.mode == "RGBA":
        picture.save(buffer, "PNG", compress_level=1)
    else:
        picture.save(buffer, "JPEG", quality=92, subsampling=0)
    return buffer.getvalue()


def mark_place(image: NDArray[np.uint8], down: float, across: float) -> bytes:
    """Frame a place, at these shares of height and width, of uint8 (H, W, 3); returns a JPEG."""
    y, x = int(down * image.shape[0]), int(across * image.shape[1])
    picture = Image.fromarray(image).copy()
    for reach, color in ((9, _MAGENTA), (7, _WHITE)):
        box = x - reach, y - reach, x + reach, y + reach
        ImageDraw.Draw(picture).rectangle(box, outline=color, width=2)
    return encode_picture(np.asarray(picture))


# Feature maps


def page_cells(maps: NDArray, page: int) -> NDArray[np.uint8]:
    """Prepare one page of float32 (height, width, channels), each map about `CELL` pixels high.

    Returns uint8 (count, height, width). In each map 0 is its minimum and `_TOP` its maximum; a
    constant map is 0. Maps larger than a cell are averaged down first, and scaled to the range of
    what is shown.
    """
    maps = tiles.fit_maps(maps[:, :, page * PAGE : (page + 1) * PAGE], CELL)
    return np.rint(tiles.scale_to_bytes(maps) * np.float32(_TOP / 255)).astype(np.uint8)


def page_png(cells: NDArray[np.uint8], position: int, cmap: str = "viridis") -> bytes:
    """Draw a page as a PNG, with a frame around the map at `position`, counted from 0.

    The gaps are transparent. The frame is white inside and magenta outside, so that it stands out
    from any map and any page.
    """
    _, height, width = cells.shape
    page = np.pad(tiles.lay_out(cells, COLUMNS, GAP, _GROUND), GAP, constant_values=_GROUND)
    row, column = divmod(position, COLUMNS)
    top, left = row * (height + GAP) + GAP, column * (width + GAP) + GAP
    for margin, color in ((GAP, _RIM), (1, _LINE)):
        page[top - margin : top + height + margin, left - margin : left + width + margin] = color
    page[top : top + height, left : left + width] = cells[position]
    shades = tiles.color_table(cmap)[np.rint(np.linspace(0, 255, _TOP + 1)).astype(int)]
    colors = np.concatenate([shades, np.array([_WHITE, _WHITE, _MAGENTA], np.uint8)])
    return tiles.encode_palette(page, colors, _GROUND)


def map_at(across: float, down: float, count: int) -> int | None:
    """Return which of a page's `count` maps is at these shares of its width and height, or None."""
    rows = -(-count // COLUMNS)
    row, column = min(int(down * rows), rows - 1), min(int(across * COLUMNS), COLUMNS - 1)
    position = row * COLUMNS + column
    return position if position < count else None


def channel_png(maps: NDArray, channel: int, size: Size, cmap: str = "viridis") -> bytes:
    """Draw one channel of float32 (height, width, channels) as a PNG of `size`, cell by cell."""
    return _stretched_png(tiles.scale_to_bytes(maps[:, :, [channel]])[0], size, cmap)


# Heatmaps


def heatmap_png(heatmap: NDArray, size: Size, cmap: str = "viridis") -> bytes:
    """Draw a heatmap (h, w) in [0, 1] as a PNG of `size`, cell by cell."""
    return _stretched_png(np.rint(255 * heatmap).astype(np.uint8), size, cmap)


def overlay_picture(
    picture: NDArray[np.uint8], heatmap: NDArray, alpha: float = 0.5, cmap: str = "viridis"
) -> bytes:
    """Lay a heatmap over a gray copy of a picture, see `overlay_heatmap`; returns a JPEG."""
    return encode_picture(tiles.overlay_heatmap(tiles.to_gray(picture), heatmap, alpha, cmap))


def brighten(values: NDArray) -> NDArray:
    """Scale a map of pixels to [0, 1] for the eye: its brightest 1 % are all 1."""
    top = np.percentile(values, 99) or values.max()
    return np.clip(values / top, 0, 1) if top > 0 else values


def _stretched_png(tile, size, cmap):
    return tiles.encode_palette(stretch(tile, size), tiles.color_table(cmap))
