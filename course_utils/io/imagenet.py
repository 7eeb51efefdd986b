"""The 1000 ImageNet classes: names to indices and back, without a download."""

import json
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from course_utils.arguments import check_count, did_you_mean


class ImageNetClass(NamedTuple):
    """One ImageNet class: its index among the network's outputs, its WordNet ID, its label."""

    class_index: int
    wnid: str
    label: str


@cache
def imagenet_classes() -> tuple[ImageNetClass, ...]:
    """Return all 1000 classes as a tuple of `ImageNetClass`, in the order of a network's outputs.

    Source:
        Keras's `imagenet_class_index.json`, shipped with this package byte for byte. The labels
        are WordNet 3.0 synset names, https://wordnet.princeton.edu.
    """
    table = json.loads((files("course_utils") / "data" / "imagenet_class_index.json").read_text())
    return tuple(ImageNetClass(index, *table[str(index)]) for index in range(len(table)))


def class_index(name: str) -> int:
    """Return the index of the class that is called `name`.

    Args:
        name: A label in any spelling ("great white shark", "Great_White_Shark") or a WordNet ID
            ("n01484850").

    Returns:
        int in [0, 999].

    Raises:
        ValueError: No class has that name (the message lists similar ones), or two classes share
            it: *crane* is a bird and a machine, *maillot* is two kinds of swimsuit.
    """
    if not isinstance(name, str):
        raise ValueError(f"A class name is a string such as 'great white shark', not {name!r}.")
    classes, simple = imagenet_classes(), _simplify(name)
    # Try the exact spelling first: "Cardigan" is a dog, "cardigan" a garment.
    matches = [c for c in classes if c.label == name] or [
        c for c in classes if simple in (c.wnid, _simplify(c.label))
    ]
    if len(matches) == 1:
        return matches[0].class_index
    if matches:
        choices = " or ".join(f"'{c.wnid}' (index {c.class_index})" for c in matches)
        raise ValueError(f"{name!r} is the label of {len(matches)} classes. Ask for {choices}.")
    hint = did_you_mean(name.strip().replace(" ", "_"), [c.label for c in classes])
    advice = "search_classes('part of a name') lists the labels that contain a text."
    raise ValueError(f"No ImageNet class is called {name!r}. {hint}{advice}")


def class_label(class_index: int) -> str:
    """Return the label of a class, for example "great_white_shark" for 2.

    Args:
        class_index: int in [0, 999].

    Raises:
        ValueError: There is no class with that index.
    """
    classes = imagenet_classes()
    return classes[check_count("class_index", class_index, 0, len(classes) - 1)].label


def search_classes(text: str) -> list[ImageNetClass]:
    """Find the classes whose label contains `text`, in any spelling.

    Args:
        text: Part of a label, for example "shark" or "great white".

    Returns:
        List of `ImageNetClass` (class_index, wnid, label). Whole words come first: "cat" finds
        *tiger_cat* before *catamaran*. Empty if nothing matches.
    """
    classes = imagenet_classes()
    return [classes[index] for index in search_names(text, [c.label for c in classes])]


def search_names(text: str, names: Sequence[str]) -> list[int]:
    """Return the indices of the names that contain `text`, first those with it as whole words."""
    wanted = _simplify(text)
    found = [i for i in range(len(names)) if wanted and wanted in _simplify(names[i])]
    letter, part = r"[^\W\d_]", re.escape(text.strip().lower().replace(" ", "_"))
    word = re.compile(f"(?<!{letter}){part}(?!{letter})")
    return sorted(found, key=lambda i: word.search(names[i].lower().replace(" ", "_")) is None)


def _simplify(name):
    """Drop case, spaces and punctuation, so that every spelling of a label looks the same."""
    return re.sub(r"[\W_]", "", name.lower())
