"""Class names to indices and back."""

import hashlib
import re
from importlib.resources import files

import numpy as np
import pytest

from course_utils import class_index, class_label, search_classes
from course_utils.io.imagenet import imagenet_classes, search_names

SHARED_LABELS = {"crane": (134, 517), "maillot": (638, 639)}


def test_the_table_is_keras_file_byte_for_byte():
    content = (files("course_utils") / "data" / "imagenet_class_index.json").read_bytes()
    # The md5 that Keras itself checks after downloading imagenet_class_index.json.
    assert hashlib.md5(content).hexdigest() == "c2c37ea517e94d9795004a39431a14cb"


def test_every_label_and_wnid_leads_back_to_its_index():
    for index, wnid, label in imagenet_classes():
        assert class_index(wnid) == index
        assert label in SHARED_LABELS or class_index(label) == index
        assert class_label(index) == label


@pytest.mark.parametrize(
    "name, index",
    [
        ("great white shark", 2),
        ("GREAT-WHITE-SHARK", 2),
        (" greatwhiteshark ", 2),
        ("N01484850", 2),
        ("Jack o lantern", 607),
        ("Cardigan", 264),  # a dog; the garment differs in case alone
        ("cardigan", 474),
    ],
)
def test_any_spelling_of_a_label_will_do(name, index):
    assert class_index(name) == index


@pytest.mark.parametrize("name, indices", SHARED_LABELS.items())
def test_a_label_of_two_classes_is_refused_with_both_wnids(name, indices):
    with pytest.raises(ValueError, match="label of 2 classes") as error:
        class_index(name)
    assert re.findall(r"n\d{8}", str(error.value)) == [imagenet_classes()[i].wnid for i in indices]
    assert [int(i) for i in re.findall(r"index (\d+)", str(error.value))] == list(indices)


@pytest.mark.parametrize(
    "name, words",
    [
        ("tabi", "nearest.*'tabby'"),
        ("great white shrak", "nearest.*'great_white_shark'"),
        ("espreso", "nearest.*'espresso'"),
        ("xqzwvk", "search_classes"),
        ("", "search_classes"),
    ],
)
def test_a_name_that_is_not_there_is_answered_with_what_may_be_meant(name, words):
    with pytest.raises(ValueError, match=f"{name!r}.*{words}"):
        class_index(name)


@pytest.mark.parametrize("index", [281, np.uint16(281), np.array(281)])
def test_a_label_is_found_by_any_integer(index):
    assert class_label(index) == "tabby"


@pytest.mark.parametrize("index", [-1, 1000, 1.5, "2", None, True, np.array([285])])
def test_a_class_that_is_not_there_is_refused(index):
    with pytest.raises(ValueError, match=re.escape(f"from 0 to 999, not {index!r}")):
        class_label(index)


@pytest.mark.parametrize("text", ["great white", "Great_White", " greatwhite "])
def test_search_takes_any_spelling(text):
    [found] = search_classes(text)
    assert found == (2, "n01484850", "great_white_shark")


def test_search_puts_whole_words_first_and_keeps_the_order_of_the_classes():
    found = [c.label for c in search_classes("cat")]
    assert found[:3] == ["tiger_cat", "Persian_cat", "Siamese_cat"]
    assert found.index("catamaran") > found.index("Madagascar_cat")
    assert search_names("apfel", ["Äpfel", "Apfelbaum", "Roter Apfel"]) == [2, 1]
    assert search_names("äpf", ["Äpfel", "Apfel"]) == [0]


@pytest.mark.parametrize("text", ["", "  ", "_", "no such thing"])
def test_search_for_nothing_finds_nothing(text):
    assert search_classes(text) == []


def test_search_for_what_is_no_string_is_refused():
    with pytest.raises(ValueError, match="Search for a text such as 'shark', not 5"):
        search_classes(5)
