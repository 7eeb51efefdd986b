from contextlib import nullcontext

import numpy as np
import pytest

import course_utils as cu
from course_utils.backend import keras

layers = keras.layers

pytestmark = [
    pytest.mark.filterwarnings("error::UserWarning"),
    pytest.mark.filterwarnings("error::RuntimeWarning"),
]

# By hand, on pictures of 2 x 2. W[row, column, color] are the weights of class 1; class 0's are 0.

W = np.array([[[1, 0, -1], [2, 0, 0]], [[0, 0.5, 0], [-3, 0, 1]]])
PICTURE = np.array([[[2, 9, 4], [1, 0, 0]], [[7, 6, 7], [1, 5, 3]]], np.uint8)
OTHER = np.array([[[1, 1, 1], [1, 8, 3]], [[0, 2, 0], [0, 0, 9]]], np.uint8)


def by_hand(activation=None):
    """Logits 0 and sum(W * activation(picture))."""
    model = keras.Sequential(
        [
            keras.Input((2, 2, 3)),
            layers.Activation(activation or "linear"),
            layers.Flatten(),
            layers.Dense(2, name="dense"),
            layers.Softmax(),
        ]
    )
    model.get_layer("dense").set_weights([np.stack([0 * W, W], -1).reshape(12, 2), np.zeros(2)])
    return cu.ImageClassifier("by hand", model, lambda images: images)


@pytest.mark.parametrize("num_steps", [1, 2, 5, 50])
def test_exact_on_a_linear_network(num_steps):
    attributions = cu.integrated_gradients(by_hand(), PICTURE, 1, num_steps)
    np.testing.assert_allclose(attributions, W * PICTURE, rtol=1e-6)
    assert attributions.dtype == np.float32


def test_baseline_is_a_picture():
    attributions = cu.integrated_gradients(by_hand(), PICTURE, 1, 3, baseline=OTHER)
    expected = W * (PICTURE.astype(int) - OTHER.astype(int))
    np.testing.assert_allclose(attributions, expected, rtol=1e-6)


def test_baseline_of_another_size_is_resized():
    attributions = cu.integrated_gradients(
        by_hand(), PICTURE, 1, 3, baseline=np.full((4, 6, 3), 1, np.uint8)
    )
    np.testing.assert_allclose(attributions, W * (PICTURE - 1.0), rtol=1e-6)


def test_black_is_the_baseline_before_preprocessing():
    """A network that sees x - 100 starts from -100, not from 0."""
    classifier = cu.ImageClassifier("shifted", by_hand(keras.ops.square).model, lambda x: x - 100)
    attributions = cu.integrated_gradients(classifier, PICTURE, 1, 4)
    expected = W * ((PICTURE - 100.0) ** 2 - 100.0**2)
    np.testing.assert_allclose(attributions, expected, rtol=1e-5)


def test_exact_where_the_gradient_is_linear():
    """The integral of 2 x from 0 to x is x^2, and the middles of the steps hit it exactly."""
    attributions = cu.integrated_gradients(by_hand(keras.ops.square), PICTURE, 1, 3)
    np.testing.assert_allclose(attributions, W * PICTURE.astype(float) ** 2, rtol=1e-6)


def test_gradients_are_taken_at_the_middles_of_the_steps():
    """ReLU(x - 3) on the way to 4, in 4 steps: gradients 0, 0, 0 and 1 at 0.5, 1.5, 2.5 and 3.5.

    Their mean 1/4 times 4 is exact. At the steps' ends they are 0, 0, 0, 0 and 1: the trapezoid
    rule gives 1/8 times 4.
    """
    classifier = cu.ImageClassifier("kinked", by_hand("relu").model, lambda x: x - 3)
    picture = np.full((2, 2, 3), 4, np.uint8)
    np.testing.assert_allclose(cu.integrated_gradients(classifier, picture, 1, 4), W, rtol=1e-6)


def test_no_class_means_the_first_ranked_on_the_picture():
    assert by_hand().resolve_class_index(PICTURE) == 1
    attributions = cu.integrated_gradients(by_hand(), PICTURE)
    np.testing.assert_allclose(attributions, W * PICTURE, rtol=1e-6)


def test_the_class_stays_that_of_the_picture_along_the_path():
    """Logits 1.5 and 3 on the picture: on the first half of the path, class 0 ranks first."""
    classifier = by_hand()
    dense = classifier.model.get_layer("dense")
    dense.set_weights([dense.get_weights()[0], np.array([1.5, 0])])
    np.testing.assert_allclose(classifier.logits(PICTURE), [[1.5, 3]], rtol=1e-6)
    attributions = cu.integrated_gradients(classifier, PICTURE, num_steps=4)
    np.testing.assert_allclose(attributions, W * PICTURE, rtol=1e-6)


def test_no_evidence_gives_zeros():
    assert not cu.integrated_gradients(by_hand(), PICTURE, 0).any()


@pytest.mark.parametrize("dtype", ["mixed_float16", "float16"])
def test_half_precision(picture, dtype):
    results = [
        cu.integrated_gradients(convolutional("tanh", policy), picture, 1)
        for policy in ("float32", dtype)
    ]
    assert results[1].dtype == np.float32
    atol = 0.01 * np.abs(results[0]).max()
    np.testing.assert_allclose(results[1], results[0], rtol=0, atol=atol)


# Completeness


@pytest.mark.parametrize("share, gap", [(1, 0), (0.5, 0.5), (1.25, 0.25), (0, 1), (-1, 2)])
@pytest.mark.parametrize("baseline", [None, OTHER])
def test_gap_by_hand(share, gap, baseline):
    difference = PICTURE.astype(float) - (0 if baseline is None else baseline)
    attributions = np.float32(share * W * difference)
    result = cu.completeness_gap(by_hand(), PICTURE, attributions, 1, baseline)
    assert type(result) is float
    np.testing.assert_allclose(result, gap, atol=1e-6)


def test_gap_without_a_class_is_that_of_the_first_ranked():
    attributions = np.float32(0.75 * W * PICTURE)
    np.testing.assert_allclose(cu.completeness_gap(by_hand(), PICTURE, attributions), 0.25)


def test_no_gap_between_equal_logits():
    with pytest.raises(ValueError, match="same logit"):
        cu.completeness_gap(by_hand(), PICTURE, np.zeros((2, 2, 3)), 0)


def convolutional(activation, dtype="float32"):
    steps = [
        layers.Conv2D(6, 3, padding="same", activation=activation, dtype=dtype),
        layers.Conv2D(6, 3, activation=activation, dtype=dtype),
        layers.GlobalAveragePooling2D(dtype=dtype),
        layers.Dense(3, activation="softmax", dtype=dtype),
    ]
    model = keras.Sequential([keras.Input((8, 8, 3)), *steps])
    generator = np.random.default_rng(3)
    model.set_weights([generator.normal(0, 0.6, w.shape) for w in model.get_weights()])
    return cu.ImageClassifier("smooth", model, lambda images: images / 127.5 - 1)


@pytest.mark.parametrize("class_index", range(3))
@pytest.mark.parametrize("activation", ["softplus", "tanh"])
def test_complete_on_a_smooth_network(picture, activation, class_index):
    classifier = convolutional(activation)
    attributions = cu.integrated_gradients(classifier, picture, class_index, num_steps=50)
    assert cu.completeness_gap(classifier, picture, attributions, class_index) <= 1e-3
    coarse = cu.integrated_gradients(classifier, picture, class_index, num_steps=1)
    assert cu.completeness_gap(classifier, picture, coarse, class_index) > 1e-3


@pytest.mark.parametrize("name", ["chelsea", "coffee"])
def test_gap_of_the_embedded_network(embedded, name, request):
    image = request.getfixturevalue(name)
    attributions = cu.integrated_gradients(embedded, image, num_steps=300)
    assert attributions.shape == (224, 224, 3)
    assert cu.completeness_gap(embedded, image, attributions) <= 0.05


# Errors: (arguments, words of the message)

BAD = {
    "no steps": ({"num_steps": 0}, "num_steps must be a whole number.*not 0"),
    "negative steps": ({"num_steps": -5}, "not -5"),
    "half a step": ({"num_steps": 2.5}, "not 2.5"),
    "text": ({"num_steps": "50"}, "not '50'"),
    "bool": ({"num_steps": True}, "not True"),
    "array": ({"num_steps": np.array([1, 2])}, "num_steps must be"),
    "class": ({"class_index": 2}, "whole number from 0 to 1.*not 2"),
    "name of a class": ({"class_index": "tabby"}, "not 'tabby'"),
    "batch": ({"image": PICTURE[None]}, r"not a batch \(1, 2, 2, 3\)"),
    "floats": ({"image": PICTURE / 255}, r"not float64 \(2, 2, 3\)"),
    "batch as baseline": ({"baseline": OTHER[None]}, r"not a batch \(1, 2, 2, 3\)"),
    "floats as baseline": ({"baseline": np.zeros((2, 2, 3))}, r"not float64 \(2, 2, 3\)"),
    "number as baseline": ({"baseline": 0}, r"not int64 \(\)"),
}


@pytest.mark.parametrize("arguments, words", BAD.values(), ids=BAD)
def test_bad_argument(arguments, words):
    with pytest.raises(ValueError, match=words):
        cu.integrated_gradients(by_hand(), **{"image": PICTURE, **arguments})


def test_default_is_50_steps(monkeypatch):
    def count(classifier, path, weights, *_):
        assert len(weights) == len(list(path)) == 50
        return 1

    monkeypatch.setattr("course_utils.integrated.weighted_input_gradients", count)
    np.testing.assert_array_equal(cu.integrated_gradients(by_hand(), PICTURE, 1), PICTURE)


@pytest.mark.parametrize("num_steps, is_allowed", [(100_000, True), (100_001, False)])
def test_most_steps(monkeypatch, num_steps, is_allowed):
    monkeypatch.setattr("course_utils.integrated.weighted_input_gradients", lambda *_: 0)
    with nullcontext() if is_allowed else pytest.raises(ValueError, match="to 100000, not 100001"):
        cu.integrated_gradients(by_hand(), PICTURE, 1, num_steps)


@pytest.mark.parametrize("num_steps", [3.0, np.int64(3), np.float32(3)])
def test_numbers_that_are_whole(num_steps):
    attributions = cu.integrated_gradients(by_hand(), PICTURE, 1, num_steps)
    np.testing.assert_allclose(attributions, W * PICTURE, rtol=1e-6)
