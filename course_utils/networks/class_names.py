"""What the classes of a network are called."""

from collections.abc import Mapping, Sequence

import numpy as np

from course_utils.arguments import quote
from course_utils.io.imagenet import imagenet_classes

_NAMES = str, bytes, int, float, np.generic  # what may stand for the name of a class


def name_classes(names: Sequence | Mapping | None, num_classes: int) -> tuple[str, ...]:
    """Return the names of `num_classes` classes: those given, or for None those by default.

    Raises:
        ValueError: They are neither a list of that many names nor a dict that numbers them from 0.
    """
    if names is None:
        labels = tuple(c.label for c in imagenet_classes())
        is_imagenets = num_classes == len(labels)
        return labels if is_imagenets else tuple(f"class {i}" for i in range(num_classes))
    if isinstance(names, dict):
        names = _in_order(names)
    is_list = hasattr(names, "__len__") and not isinstance(names, str | set | frozenset | dict)
    is_list = is_list and all(isinstance(name, _NAMES) for name in names)
    if not is_list or len(names) != num_classes:
        count = f"{len(names)}: " if is_list else ""
        hint = " A single output has two: its opposite, then itself." if num_classes == 2 else ""
        raise ValueError(
            f"class_names must list {num_classes} names in the order of the outputs, or number the "
            f"classes 0, 1, 2, ... in a dict, not {count}{quote(names)}.{hint}"
        )
    return tuple(n.decode(errors="replace") if isinstance(n, bytes) else str(n) for n in names)


def _in_order(names):
    """Return the names of a dict as a list; the dict itself if it doesn't number them 0, 1, ..."""
    order = [str(i) for i in range(len(names))]  # as text, which JSON makes of a key
    for pairs in (names.items(), ((number, name) for name, number in names.items())):
        by_number = {str(number): name for number, name in pairs}
        if sorted(by_number) == sorted(order):
            return [by_number[number] for number in order]
    return names
