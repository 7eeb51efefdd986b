"""Whether an argument is a number: of Python, NumPy or TensorFlow, but no text, list or bool."""

import numpy as np


def is_number(value, low=-np.inf, high=np.inf):
    """Tell whether `value` is one finite real number from `low` to `high`."""
    if isinstance(value, list | tuple):  # which may not even be an array
        return False
    number = np.asarray(value)
    is_real = number.ndim == 0 and number.dtype.kind in "iuf"
    return bool(is_real and np.isfinite(number) and low <= number <= high)


def is_whole_number(value, low=-np.inf, high=np.inf):
    """Tell whether `value` is one whole number from `low` to `high`; 5.0 is one."""
    return is_number(value, low, high) and int(value) == value
