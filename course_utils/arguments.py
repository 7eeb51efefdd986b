"""Whether an argument is a number or a picture."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def is_number(value: Any, low: float = -np.inf, high: float = np.inf) -> bool:
    """Tell whether `value` is one finite real number from `low` to `high`.

    Python's, NumPy's and TensorFlow's numbers count; strings, lists and bools do not.
    """
    if isinstance(value, list | tuple):  # which may not even be an array
        return False
    number = np.asarray(value)
    is_real = number.ndim == 0 and number.dtype.kind in "iuf"
    return bool(is_real and np.isfinite(number) and low <= number <= high)


def is_whole_number(value: Any, low: float = -np.inf, high: float = np.inf) -> bool:
    """Tell whether `value` is one whole number from `low` to `high`; 5.0 is one."""
    return is_number(value, low, high) and int(value) == value


def check_image(image: Any) -> NDArray[np.uint8]:
    """Return one picture, uint8 (H, W, 3), unchanged.

    Raises:
        ValueError: It is something else; the message says what.
    """
    array = np.asarray(image)
    if array.ndim == 4:
        raise ValueError(f"One picture is expected, uint8 (H, W, 3), not a batch {array.shape}.")
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[-1] != 3 or array.size == 0:
        raise ValueError(
            f"A picture is a uint8 array (H, W, 3), not {array.dtype} {array.shape}. "
            "load_image() turns most things into a picture."
        )
    return array
