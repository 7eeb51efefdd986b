"""What has been computed is kept while there is room: one memory for the whole process.

Moving a slider back, or asking for another class of the same picture, should cost nothing again.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from course_utils.backend import keras, tf

LIMIT = 150_000_000  # bytes: feature maps and gradients of all layers of VGG16, and some more

_entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()  # (value, bytes), the oldest first
_lock = threading.Lock()  # never held while something is computed


def keep(key: Hashable, value: Any) -> Any:
    """Keep a value and return it; to make room, what has not been used for longest goes."""
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
    """Return what was kept under `key`; if there is nothing, compute and keep it."""
    value = recall(key)
    return keep(key, compute()) if value is None else value


def _num_bytes(leaf):
    """Return how large an array or a tensor is, and 0 for all else."""
    is_array = hasattr(leaf, "dtype")
    return math.prod(leaf.shape) * tf.as_dtype(leaf.dtype).size if is_array else 0
