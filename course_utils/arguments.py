"""Checks of arguments, and the names that somebody who mistyped one may have meant."""

import reprlib
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # (H, W, 3), RGB


def is_number(value: Any, low: float = -np.inf, high: float = np.inf) -> bool:
    """Tell whether `value` is one finite real number from `low` to `high`.

    Numbers of Python, NumPy and TensorFlow count; strings, lists and bools do not.
    """
    if isinstance(value, list | tuple):  # NumPy can't make an array of every list
        return False
    number = np.asarray(value)
    is_real = number.ndim == 0 and number.dtype.kind in "iuf"
    return bool(is_real and np.isfinite(number) and low <= number <= high)


def is_whole_number(value: Any, low: float = -np.inf, high: float = np.inf) -> bool:
    """Tell whether `value` is one whole number from `low` to `high`; 5.0 is one."""
    return is_number(value, low, high) and int(value) == value


def check_count(name: str, value: Any, low: int = 1, high: float = np.inf) -> int:
    """Return a whole number from `low` to `high` as int, or raise ValueError about `name`."""
    if not is_whole_number(value, low, high):
        limits = f", {low} or more" if high == np.inf else f" from {low} to {high}"
        raise ValueError(f"{name} must be a whole number{limits}, not {value!r}.")
    return int(value)


def nearest(name: Any, names: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """Return up to three of `names` that look like `name`, in any case, the most similar first.

    `cutoff` is how similar they must be, 0 (not at all) to 1 (equal).
    """
    by_lower = {known.lower(): known for known in names}
    close = get_close_matches(str(name).lower(), by_lower, n=3, cutoff=cutoff)
    return [by_lower[key] for key in close]


def did_you_mean(name: Any, names: Iterable[str]) -> str:
    """Return "Did you mean 'a' or 'b'? " with the names that look like `name`; "" if none does."""
    near = nearest(name, names)
    return f"Did you mean {' or '.join(map(repr, near))}? " if near else ""


def quote(value: Any) -> str:
    """Return `value` as Python writes it, cut to some 200 characters, for a message."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = 200
    return short.repr(value)


def check_finite(values: Any, what: str, hint: str = "Did its training diverge?") -> Any:
    """Return numbers as they are, or raise ValueError about `what` if some are not finite."""
    if not np.isfinite(values).all():
        raise ValueError(f"{what} is NaN or infinite. {hint}")
    return values


def check_image(image: Any) -> Picture:
    """Return one picture, uint8 (H, W, 3), unchanged, or raise ValueError if it isn't one."""
    array = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[-1] != 3 or array.size == 0:
        raise ValueError(
            f"One picture is expected, a uint8 array (H, W, 3), not {array.dtype} {array.shape}. "
            "load_image() turns most things into a picture; of a batch, take images[0]."
        )
    return array
