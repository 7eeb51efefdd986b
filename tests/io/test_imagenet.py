"""Class names to indices and back."""

import hashlib
import re
from importlib.resources import files

import numpy as np
import pytest

from course_utils import class_index, class_label, search_classes
from course_utils.io.imagenet import imagenet_classes, search_names

SHARED_LABELS = ("crane", "maillot")


def test_the_table_is_keras_file_byte_for_byte():
    content = (files("course_utils") / "data" / "imagenet_class_index.json").read_bytes()
    # The md5 that Keras itself checks after downloading imagenet_class_index.json.
    assert hashlib.md5(content).hexdigest() == "c2c37ea517e94d9795004a39431a14cb"


def test_every_label_and_wnid_leads_back_to_its_index():
    for index, wnid, label in imagenet_classes():
        assert class_index(wnid) == index
        assert label in SHARED_LABELS or class_index(label) == index
        assert class_label(index) == class_label(np.uint16(index)) == label


def test_any_spelling_of_a_label_will_do():
    for name in ("GREAT-WHITE shark", " greatwhiteshark ", "N01484850"):
        assert class_index(name) == 2
    assert class_index("Cardigan") == 264  # a dog; the garment differs in case alone
    assert class_index("cardigan") == 474


@pytest.mark.parametrize(
    "name, words",
    [
        ("crane", r"2 classes\. Ask for 'n02012849' \(index 134\) or 'n03126707' \(index 517\)"),
        ("great white shrak", "Did you mean 'great_white_shark'"),
        ("xqzwvk", "search_classes"),
        ("", "search_classes"),
        (5, "a string such as 'great white shark'"),
    ],
)
def test_a_name_that_is_not_there_is_answered_with_what_may_be_meant(name, words):
    with pytest.raises(ValueError, match=words) as error:
        class_index(name)
    assert repr(name) in str(error.value)


@pytest.mark.parametrize("index", [-1, 1000, 1.5, "2", None, True, np.array([285])])
def test_a_class_that_is_not_there_is_refused(index):
    with pytest.raises(ValueError, match=re.escape(f"from 0 to 999, not {index!r}")):
        class_label(index)


def test_search_takes_any_spelling():
    [found] = search_classes(" Great_white ")
    assert found == (2, "n01484850", "great_white_shark")
    assert [search_classes(text) for text in ("", "  ", "_", "no such thing")] == [[]] * 4


def test_search_puts_whole_words_first_and_keeps_the_order_of_the_classes():
    found = [c.label for c in search_classes("cat")]
    assert found[:3] == ["tiger_cat", "Persian_cat", "Siamese_cat"]
    assert found.index("catamaran") > found.index("Madagascar_cat")
    assert search_names("apfel", ["Äpfel", "Apfelbaum", "Roter Apfel"]) == [2, 1]
    assert search_names("äpf", ["Äpfel", "Apfel"]) == [0]
