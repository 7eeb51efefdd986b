"""What a student asks of a classifier: preprocessing, answers, and what it refuses."""

import numpy as np
import pytest
from small_networks import chain, layers, wrap

import course_utils as cu
from course_utils.backend import keras


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def with_input(*shape):
    pool = layers.Flatten() if None not in shape else layers.GlobalAveragePooling2D()
    return keras.Sequential([keras.Input(shape), pool, layers.Dense(2)])


@pytest.mark.parametrize(
    "model, words",
    [
        (with_input(8, 8, 4), "input.*height, width, 3 or 1.*8, 8, 4"),
        (with_input(8, 3), "input.*height, width, 3"),
        (with_input(3, 8, 8), "3 or 1.*not .None, 3, 8, 8"),
        (with_input(None, 8, 3), "None, 8.*input_size"),
        (with_input(8, None, 3), "8, None.*input_size"),
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


def test_preprocessing_in_place_does_not_reach_the_callers_picture(picture):
    copy = picture.copy()
    wrap(with_input(8, 8, 3), keras.applications.vgg16.preprocess_input).predict(picture)
    np.testing.assert_array_equal(picture, copy)


def test_what_is_no_picture_is_refused(tiny):
    with pytest.raises(ValueError, match="uint8.*8, 8, 4.*load_image"):
        tiny.predict(np.zeros((8, 8, 4), np.uint8))


# Answers


def test_probabilities_are_the_models_and_logits_what_stands_before_the_softmax(tiny, picture):
    inputs = tiny.preprocess(picture)
    found = tiny.predict(picture)
    np.testing.assert_allclose(found, tiny.model(inputs), atol=1e-6)
    assert (found.shape, found.dtype) == ((1, 3), np.float32)
    pooled = keras.Model(tiny.model.input, tiny.model.get_layer("pool").output)(inputs).numpy()
    kernel, bias = tiny.model.get_layer("predictions").get_weights()
    np.testing.assert_allclose(tiny.logits(picture), pooled @ kernel + bias, atol=1e-6)


@pytest.mark.parametrize("count", [5, 6, 11])
def test_a_batch_gives_what_its_pictures_give(tiny, count):
    other_size = [*noise(count, 8, 8, 3), noise(16, 9, 3)]
    for pictures in (noise(count, 8, 8, 3), other_size):
        expected = np.concatenate([tiny.predict(one) for one in pictures])
        np.testing.assert_allclose(tiny.predict(pictures), expected, atol=1e-6)
    with pytest.raises(ValueError, match="no picture"):
        tiny.predict([])


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


def test_top_predictions_refuse_another_number_and_a_batch(thousand, picture):
    assert len(thousand.top_predictions(picture, 1000)) == 1000
    with pytest.raises(ValueError, match="k must be.*1 or more, not 2.5"):
        thousand.top_predictions(picture, 2.5)
    with pytest.raises(ValueError, match="One picture.*batch"):
        thousand.top_predictions(noise(2, 8, 8, 3))
