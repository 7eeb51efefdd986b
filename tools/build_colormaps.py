"""Write course_utils/data/colormaps.npz: matplotlib's color maps as tables of 256 RGB values.

The explorers color their pictures without matplotlib. Run it after adding a name; a test says
when the file no longer agrees with matplotlib.

    python tools/build_colormaps.py
"""

from pathlib import Path

import matplotlib
import numpy as np

TARGET = Path(__file__).parents[1] / "course_utils" / "data" / "colormaps.npz"
NAMES = ("viridis", "magma", "cividis", "gray", "jet")


def colormap_table(name):
    """Return a color map as uint8 (256, 3)."""
    return matplotlib.colormaps[name](np.arange(256), bytes=True)[:, :3].copy()


if __name__ == "__main__":
    np.savez_compressed(TARGET, **{name: colormap_table(name) for name in NAMES})
