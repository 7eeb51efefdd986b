"""Class names to indices and back."""

import hashlib
import re
from importlib.resources import files

import numpy as np
import pytest

from course_utils import class_index, class_label, search_classes
from course_utils.io.imagenet import imagenet_classes

SHARED_LABELS = {"crane": (134, 517), "maillot": (638, 639)}


def test_the_table_is_keras_file_byte_for_byte():
    content = (files("course_utils") / "data" / "imagenet_class_index.json").read_bytes()
    # The md5 that Keras itself checks after downloading imagenet_class_index.json.
    assert hashlib.md5(content).hexdigest() == "c2c37ea517e94d9795004a39431a14cb"


# class_index


def test_every_label_leads_back_to_its_index_except_the_four_that_share_one():
    names = [c.label for c in imagenet_classes()]
    found = {i: class_index(name) for i, name in enumerate(names) if name not in SHARED_LABELS}
    assert len(found) == 996
    assert all(index == i for i, index in found.items())


def test_a_wnid_leads_to_its_index_also_of_a_shared_label():
    classes = imagenet_classes()
    assert [c.class_index for c in classes] == list(range(1000))
    some = [*classes[::9], *(classes[i] for pair in SHARED_LABELS.values() for i in pair)]
    assert [class_index(c.wnid) for c in some] == [c.class_index for c in some]


@pytest.mark.parametrize(
    "name",
    [
        "great_white_shark",
        "great white shark",
        "Great_White_Shark",
        "GREAT-WHITE-SHARK",
        " greatwhiteshark ",
        "n01484850",
        "N01484850",
    ],
)
def test_any_spelling_of_a_label_will_do(name):
    assert class_index(name) == 2


@pytest.mark.parametrize("name", ["jack-o'-lantern", "jack o lantern", "Jackolantern"])
def test_punctuation_of_a_label_does_not_matter(name):
    assert class_label(class_index(name)) == "jack-o'-lantern"


@pytest.mark.parametrize("name, indices", SHARED_LABELS.items())
def test_a_label_of_two_classes_is_refused_with_both_wnids(name, indices):
    with pytest.raises(ValueError, match="label of 2 classes") as error:
        class_index(name)
    assert re.findall(r"n\d{8}", str(error.value)) == [imagenet_classes()[i].wnid for i in indices]
    assert [int(i) for i in re.findall(r"index (\d+)", str(error.value))] == list(indices)


@pytest.mark.parametrize("name, index", [("Cardigan", 264), ("cardigan", 474)])
def test_where_two_labels_differ_in_case_alone_the_exact_one_decides(name, index):
    assert class_index(name) == index


@pytest.mark.parametrize(
    "typo, label",
    [
        ("tabi", "tabby"),
        ("great white shrak", "great_white_shark"),
        ("Egyptian catt", "Egyptian_cat"),
        ("espreso", "espresso"),
    ],
)
def test_a_typo_is_quoted_and_answered_with_the_nearest_label(typo, label):
    with pytest.raises(ValueError, match=f"(?s){typo!r}.*nearest.*{label!r}"):
        class_index(typo)


@pytest.mark.parametrize("name", ["", "   ", "???", "xqzwvk", "n99999999"])
def test_a_name_like_no_other_is_answered_with_how_to_search(name):
    with pytest.raises(ValueError, match=f"(?s){re.escape(repr(name))}.*(search_classes|nearest)"):
        class_index(name)


# class_label


@pytest.mark.parametrize("index", [281, np.int64(281), np.uint16(281), np.array(281)])
def test_a_label_is_found_by_any_integer(index):
    assert class_label(index) == "tabby"


@pytest.mark.parametrize(
    "index",
    [
        *(-1, 1000, 1.5, float("nan"), "2", "tabby", None, [2], True, False),
        *(np.True_, np.array([285]), np.array([1, 2])),
    ],
)
def test_a_class_that_is_not_there_is_refused(index):
    with pytest.raises(ValueError, match=re.escape(f"from 0 to 999, not {index!r}")):
        class_label(index)


# search_classes


def labels(text):
    return [found.label for found in search_classes(text)]


def test_search_returns_index_wnid_and_label():
    assert labels("shark") == ["great_white_shark", "tiger_shark"]
    [found] = search_classes("great white")
    assert found == (2, "n01484850", "great_white_shark")
    assert (found.class_index, found.wnid, found.label) == found


@pytest.mark.parametrize("text", ["great white", "Great_White", "GREAT-WHITE", " greatwhite "])
def test_search_takes_any_spelling(text):
    assert labels(text) == ["great_white_shark"]


def test_search_puts_whole_words_first_and_keeps_the_order_of_the_classes():
    found = labels("cat")
    words = [label for label in found if "cat" in re.split(r"[^a-z]", label.lower())]
    assert "tiger_cat" in words and "catamaran" in found and "catamaran" not in words
    assert found[: len(words)] == words
    for part in (words, found[len(words) :]):
        indices = [c.class_index for label in part for c in search_classes(label)[:1]]
        assert indices == sorted(indices)


@pytest.mark.parametrize("text", ["", "  ", "_", "no such thing"])
def test_search_for_nothing_finds_nothing(text):
    assert search_classes(text) == []


@pytest.mark.parametrize("text", [5, None, b"cat"])
def test_search_for_what_is_no_string_is_refused(text):
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        search_classes(text)
