"""What a student asks of a classifier: preprocessing, answers, and what it refuses."""

import re

import numpy as np
import pytest
from small_networks import chain, layers, wrap

import course_utils as cu
from course_utils.arguments import check_image
from course_utils.backend import keras, tf


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def with_input(*shape):
    pool = layers.Flatten() if None not in shape else layers.GlobalAveragePooling2D()
    return keras.Sequential([keras.Input(shape), pool, layers.Dense(2)])


def test_a_students_tab_shows_at_most_15_names(tiny):
    assert len([name for name in dir(tiny) if not name.startswith("_")]) <= 15


@pytest.mark.parametrize(
    "model, words",
    [
        (with_input(8, 8, 4), "input.*height, width, 3 or 1.*8, 8, 4"),
        (with_input(8, 8), "input.*height, width, 3"),
        (with_input(3, 8, 8), "3, 8, 8.*channels_last"),
        (with_input(None, 8, 3), "None, 8.*input_size"),
        (with_input(8, None, 3), "8, None.*input_size"),
        (keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3)]), "maps, .* no classes"),
        ("vgg16", "keras.Model, not 'vgg16'"),
    ],
)
def test_a_network_of_another_kind_is_refused_at_once(model, words):
    with pytest.raises(ValueError, match=words):
        cu.ImageClassifier("n", model, None)


# Preprocessing


def test_preprocessing_hands_over_0_to_255_in_the_order_of_the_pictures():
    seen, pictures = [], noise(7, 8, 8, 3)
    classifier = wrap(with_input(8, 8, 3), lambda images: seen.append(images) or images / 255)
    batch = classifier.preprocess(pictures)
    assert seen[-1].dtype == batch.dtype == np.float32
    np.testing.assert_array_equal(seen[-1], pictures)
    np.testing.assert_array_equal(batch, np.float32(pictures) / 255)
    np.testing.assert_array_equal(classifier.preprocess(pictures[3]), batch[3:4])
    np.testing.assert_array_equal(classifier.preprocess(list(pictures)), batch)


def test_preprocessing_resizes_as_load_image_does(embedded, chelsea):
    resized = cu.load_image("chelsea", size=(224, 224))
    expected = (np.float32(resized) - 127) / 128
    np.testing.assert_array_equal(embedded.preprocess(chelsea)[0], expected)


def test_height_and_width_are_not_exchanged():
    image = np.zeros((4, 8, 3), np.uint8)
    image[0, 7] = 255
    classifier = wrap(with_input(4, 8, 3), lambda images: images)
    assert classifier.input_size == (4, 8)
    np.testing.assert_array_equal(classifier.preprocess(image)[0], image)


def test_a_view_with_any_strides_will_do(tiny, picture):
    turned = picture[::-1, ::-1].transpose(1, 0, 2)
    np.testing.assert_array_equal(tiny.preprocess(turned), tiny.preprocess(turned.copy()))
    np.testing.assert_array_equal(tiny.logits(turned), tiny.logits(turned.copy()))


def test_preprocessing_in_place_does_not_reach_the_callers_picture(picture):
    copy = picture.copy()
    wrap(with_input(8, 8, 3), keras.applications.vgg16.preprocess_input).predict(picture)
    np.testing.assert_array_equal(picture, copy)


@pytest.mark.parametrize("convert", [np.float64, tf.constant], ids=["float64", "tensor"])
def test_what_preprocessing_returns_becomes_a_float32_array(tiny, picture, convert):
    classifier = wrap(tiny.model, lambda images: convert(images / 255))
    inputs = classifier.preprocess(picture)
    assert (type(inputs), inputs.dtype) == (np.ndarray, np.float32)
    for _ in range(3):  # plain, then compiled
        np.testing.assert_array_equal(classifier.logits(picture), tiny.logits(picture))


BAD_PICTURES = [
    (np.zeros((8, 8, 3), np.float32), "float32"),
    (np.zeros((8, 8, 3), bool), "bool"),
    (np.zeros((8, 8), np.uint8), "8, 8"),
    (np.zeros((8, 8, 4), np.uint8), "8, 8, 4"),
    (np.zeros((1, 1, 8, 8, 3), np.uint8), "1, 1, 8, 8, 3"),
    (np.zeros((8, 0, 3), np.uint8), "8, 0, 3"),
    (None, "object"),
    ("chelsea", "<U7"),
]


@pytest.mark.parametrize("bad, words", BAD_PICTURES)
def test_what_is_no_picture_is_refused(tiny, bad, words):
    for function in (tiny.preprocess, tiny.predict, tiny.logits, check_image):
        with pytest.raises(ValueError, match=f"uint8.*{words}.*load_image"):
            function(bad)


def test_no_pictures_and_pictures_of_several_sizes_are_refused(tiny):
    with pytest.raises(ValueError, match="0, 8, 8, 3"):
        tiny.predict(np.zeros((0, 8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match=r"Resize them first: load_image\(..., size="):
        tiny.predict([noise(8, 8, 3), noise(6, 8, 3)])


# Answers


def test_probabilities_are_the_models_and_logits_what_stands_before_the_softmax(tiny, picture):
    inputs = tiny.preprocess(picture)
    found = tiny.predict(picture)
    np.testing.assert_allclose(found, tiny.model(inputs), atol=1e-6)
    assert (found.shape, found.dtype) == ((1, 3), np.float32)
    pooled = keras.Model(tiny.model.input, tiny.model.get_layer("pool").output)(inputs).numpy()
    kernel, bias = tiny.model.get_layer("predictions").get_weights()
    np.testing.assert_allclose(tiny.logits(picture), pooled @ kernel + bias, atol=1e-6)


@pytest.mark.parametrize("count", [4, 5, 6, 11])
def test_a_batch_gives_what_its_pictures_give(tiny, count):
    pictures = noise(count, 8, 8, 3)
    expected = np.concatenate([tiny.predict(one) for one in pictures])
    np.testing.assert_allclose(tiny.predict(pictures), expected, atol=1e-6)


def test_no_more_pictures_at_once_than_memory_allows():
    sizes = []

    class Spy(layers.Layer):
        def call(self, inputs):
            tf.py_function(lambda x: sizes.append(len(x)), [inputs], [])
            return inputs

    classifier = wrap(chain([Spy(), layers.Flatten(), layers.Dense(2)]))
    sizes.clear()  # wrapping has run it, to compare
    classifier.predict(noise(12, 8, 8, 3))
    assert sizes == [5, 5, 2]


def test_large_logits_do_not_overflow(picture):
    dense = layers.Dense(3, activation="softmax")
    classifier = wrap(chain([layers.GlobalAveragePooling2D(), dense]))
    dense.set_weights([dense.get_weights()[0], np.array([-1e4, 0, 1e4])])
    np.testing.assert_array_equal(classifier.predict(picture), [[0, 0, 1]])


def test_half_precision_gives_float32_probabilities(seeded, picture):
    parts = [
        layers.Conv2D(4, 3, activation="relu", dtype="float16"),
        layers.GlobalAveragePooling2D(dtype="float16"),
        layers.Dense(3, activation="softmax", dtype="float16"),
    ]
    half = wrap(chain(parts))
    for _ in range(2):
        found = half.predict(picture)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, half.model(half.preprocess(picture)), atol=2e-3)


# top_predictions


@pytest.fixture(scope="module")
def thousand():
    """A network with ImageNet's number of classes, whose first three are 967, 2 and 285."""
    bias = np.zeros(1000)
    bias[[967, 2, 285]] = 3, 2, 1
    dense = layers.Dense(1000, activation="softmax")
    model = chain([layers.Flatten(), dense])
    dense.set_weights([np.zeros((192, 1000)), bias])
    return wrap(model)


def test_top_predictions_are_the_most_probable_classes_first(thousand, picture):
    found = thousand.top_predictions(picture)
    expected = [(967, "n07920052", "espresso"), (2, "n01484850", "great_white_shark")]
    assert [(p.class_index, p.wnid, p.label) for p in found[:2]] == expected
    assert [p.class_index for p in found] == [967, 2, 285, 0, 1]  # equal ones by their index
    probabilities = np.exp([3, 2, 1, 0, 0]) / (997 + np.exp([1, 2, 3]).sum())
    np.testing.assert_allclose([p.probability for p in found], probabilities, rtol=1e-5)
    assert type(found[0].probability) is float


@pytest.mark.parametrize("k", [1, 1000, 5.0, np.int64(4)])
def test_top_predictions_are_as_many_as_asked_for(thousand, picture, k):
    assert len(thousand.top_predictions(picture, k)) == k


@pytest.mark.parametrize("k", [0, 2.5, "5", None, True, np.array([1, 2]), [1]])
def test_another_number_of_predictions_is_refused(thousand, picture, k):
    with pytest.raises(ValueError, match=f"k must be.*1 or more, not {re.escape(repr(k))}"):
        thousand.top_predictions(picture, k)


def test_top_predictions_are_refused_for_a_batch(thousand):
    with pytest.raises(ValueError, match="One picture.*batch"):
        thousand.top_predictions(noise(2, 8, 8, 3))
