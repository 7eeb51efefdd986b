"""What has been computed is kept while there is room: one memory for the whole process.

Moving a slider back, or asking for another class of the same picture, should cost nothing anew.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from course_utils.backend import keras

# Bytes: feature maps and gradients of all layers of VGG16 (110 MB), and what is small.
LIMIT = 150_000_000

_entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()  # (value, bytes), the oldest first
_lock = threading.Lock()  # never held while something is computed


def keep(key: Hashable, value: Any) -> Any:
    """Keep a value, and return it. What has not been used for longest makes room, but never it."""
    with _lock:
        _entries[key] = value, sum(map(_num_bytes, keras.tree.flatten(value)))
        _entries.move_to_end(key)
        while len(_entries) > 1 and sum(size for _, size in _entries.values()) > LIMIT:
            _entries.popitem(last=False)
    return value


def recall(key: Hashable) -> Any:
    """Return what was kept under `key`, or None."""
    with _lock:
        if key not in _entries:
            return None
        _entries.move_to_end(key)
        return _entries[key][0]


def remember(key: Hashable, compute: Callable[[], Any]) -> Any:
    """Return what was kept under `key`, or else `compute()`, which is kept from now on."""
    value = recall(key)
    return keep(key, compute()) if value is None else value


def _num_bytes(leaf):
    """Return how large an array or a tensor is, and 0 for all else."""
    if not hasattr(leaf, "dtype"):
        return 0
    return math.prod(leaf.shape) * getattr(leaf.dtype, "itemsize", getattr(leaf.dtype, "size", 0))
