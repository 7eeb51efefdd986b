"""Pictures as arrays and PNG bytes, by NumPy and Pillow: quick enough for a slider."""

import io
import zlib
from functools import cache

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from course_utils.arguments import check_count, check_finite, check_image, is_number
from course_utils.methods.scaling import check_heatmap, resize_heatmap

COLOR_MAPS = ("viridis", "magma", "cividis", "gray", "jet")  # that an explorer offers
SIGNED_COLOR_MAP = "RdBu_r"  # blue, white at zero, red: also for color-blind eyes


def tile_feature_maps(maps: NDArray, columns: int = 8, padding: int = 1) -> NDArray[np.uint8]:
    """Lay feature maps (height, width, channels) side by side, each scaled to its own range.

    Returns:
        uint8 (rows, cols): 0 is a map's minimum and 255 its maximum; a constant map is 0, as are
        the `padding` pixels between two maps and the places after the last one.

    Raises:
        ValueError: `maps` has another shape or numbers that are not finite, or `columns` or
            `padding` is out of range.
    """
    columns, padding = check_count("columns", columns), check_count("padding", padding, 0)
    return lay_out(scale_to_bytes(check_maps(maps)), columns, padding, 0)


def lay_out(cells: NDArray, columns: int, gap: int, fill: int) -> NDArray:
    """Lay pictures (count, height, width, ...) in rows of `columns`, with `fill` between them."""
    count, height, width, *colors = cells.shape
    rows = -(-count // columns)
    grid = np.full((rows * columns, height + gap, width + gap, *colors), fill, cells.dtype)
    grid[:count, :height, :width] = cells
    grid = grid.reshape(rows, columns, *grid.shape[1:]).swapaxes(1, 2)
    grid = grid.reshape(rows * (height + gap), columns * (width + gap), *colors)
    return grid[: len(grid) - gap, : grid.shape[1] - gap].copy()


def check_maps(maps: NDArray) -> NDArray:
    """Return feature maps as an array (height, width, channels), or raise ValueError."""
    maps = np.asarray(maps)
    if maps.ndim != 3 or maps.size == 0 or maps.dtype.kind not in "fiub":
        raise ValueError(
            f"Feature maps are real numbers (height, width, channels), not {maps.dtype} "
            f"{maps.shape}. Take one picture of a batch with maps[0]."
        )
    return maps


def encode_png(tile: NDArray[np.uint8], cmap: str = "viridis") -> bytes:
    """Encode a tile, uint8 (height, width), as a palette PNG in the colors of `cmap`.

    Raises:
        ValueError: Another shape or type, or matplotlib has no such color map.
    """
    tile = np.asarray(tile)
    if tile.dtype != np.uint8 or tile.ndim != 2 or tile.size == 0:
        raise ValueError(f"A tile is a uint8 array (height, width), not {tile.dtype} {tile.shape}.")
    return encode_palette(tile, color_table(cmap))


def encode_palette(
    tile: NDArray[np.uint8], colors: NDArray[np.uint8], transparent: int | None = None
) -> bytes:
    """Encode indices (height, width) of `colors` (count, 3) as a palette PNG."""
    picture = Image.fromarray(tile)
    picture.putpalette(colors.tobytes())
    options = {} if transparent is None else {"transparency": transparent}
    buffer = io.BytesIO()
    # Runs only: in the worst case half the time of zlib's search for repeats, and no more bytes.
    picture.save(buffer, "PNG", compress_level=1, compress_type=zlib.Z_RLE, **options)
    return buffer.getvalue()


def overlay_heatmap(
    image: NDArray[np.uint8], heatmap: NDArray, alpha: float = 0.7, cmap: str = "viridis"
) -> NDArray[np.uint8]:
    """Lay a heatmap's colors over a picture; where there is no heat, the picture shows through.

    Args:
        image: uint8 (H, W, 3), RGB.
        heatmap: Real numbers (h, w) of any size, stretched over the picture. In [0, 1]; or in
            [-1, 1] with a sign, and then in the colors of `SIGNED_COLOR_MAP`.
        alpha: Opacity where the heatmap is 1 or -1, in [0, 1]; elsewhere it follows the heat.
        cmap: Name of a matplotlib color map, for a heatmap without a sign. `SIGNED_COLOR_MAP`
            says that a heatmap has one though none of its values is negative.

    Returns:
        uint8 (H, W, 3): (1 - a) * image + a * color, with a = alpha * |heat|.

    Raises:
        ValueError: A wrong shape or range, or no such color map.
    """
    image, heatmap = check_image(image), check_heatmap(heatmap)
    low, high = heatmap.min(), heatmap.max()
    if not (low >= -1 and high <= 1):
        raise ValueError(
            "A heatmap lies in [0, 1], or with a sign in [-1, 1], not in "
            f"[{low:.3g}, {high:.3g}]. Divide it by its largest magnitude."
        )
    if not is_number(alpha, 0, 1):
        raise ValueError(f"alpha must be a number in [0, 1], not {alpha!r}.")
    stretched = resize_heatmap(heatmap, image.shape[:2])
    if low < 0 or cmap == SIGNED_COLOR_MAP:
        colors = signed_colors(stretched, 1)
    else:
        colors = color_table(cmap)[np.rint(255 * stretched).astype(np.uint8)]
    opacity = alpha * np.abs(stretched)[..., np.newaxis]
    return np.rint((1 - opacity) * image + opacity * colors).astype(np.uint8)


def to_gray(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return uint8 (H, W, 3) without its colors, which would mix with a heatmap's."""
    return np.asarray(Image.fromarray(image).convert("L").convert("RGB"))


def shrink_maps(maps: NDArray, factor: int) -> NDArray:
    """Average feature maps (height, width, channels) down by a whole factor."""
    if factor == 1:
        return maps
    height, width = (-(-length // factor) for length in maps.shape[:2])
    sums = np.zeros((height, width, maps.shape[2]), np.float32)
    counts = np.zeros((height, width, 1), np.float32)
    for row, column in np.ndindex(factor, factor):  # twenty times as fast as np.add.reduceat
        part = maps[row::factor, column::factor]
        sums[: part.shape[0], : part.shape[1]] += part
        counts[: part.shape[0], : part.shape[1]] += 1
    return sums / counts


def fit_maps(maps: NDArray, length: int) -> NDArray:
    """Shrink or enlarge feature maps by a whole factor: their longer side has `length` at most."""
    small = shrink_maps(maps, -(-max(maps.shape[:2]) // length))
    factor = length // max(small.shape[:2])
    return small.repeat(factor, axis=0).repeat(factor, axis=1)


def scale_to_bytes(maps: NDArray) -> NDArray[np.uint8]:
    """Scale each channel of (height, width, channels) to [0, 255]; return channels first."""
    maps = np.ascontiguousarray(maps.transpose(2, 0, 1), np.float32)
    low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    check_finite((low, high), "One of the feature maps")
    ranges = np.where(high > low, high - low, 1)
    return np.rint((maps - low) / ranges * 255).astype(np.uint8)


def color_table(cmap: str) -> NDArray[np.uint8]:
    """Return a color map as uint8 (256, 3)."""
    if not isinstance(cmap, str) or cmap not in matplotlib.colormaps:
        raise ValueError(
            f"No color map is called {cmap!r}. There are {', '.join(COLOR_MAPS)}, and all "
            "others of matplotlib."
        )
    return _read_color_table(cmap)


def signed_colors(values: NDArray, largest: float | None = None) -> NDArray[np.uint8]:
    """Return the colors (..., 3) of numbers with a sign: zero is white.

    `largest` is the magnitude of the deepest color, by default that of `values`.
    """
    shares = values / (largest or np.abs(values).max() or 1)
    return color_table(SIGNED_COLOR_MAP)[np.rint(127.5 + 127.5 * shares).astype(np.uint8)]


@cache  # matplotlib takes a millisecond
def _read_color_table(cmap):
    return matplotlib.colormaps[cmap](np.arange(256), bytes=True)[:, :3].copy()
