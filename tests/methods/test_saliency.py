import random
import warnings
from contextlib import nullcontext

import numpy as np
import pytest

import course_utils as cu
from course_utils.backend import keras, tf
from course_utils.classifiers import BATCH_SIZE
from course_utils.saliency import weighted_input_gradients

layers = keras.layers

pytestmark = [
    pytest.mark.filterwarnings("error::UserWarning"),
    pytest.mark.filterwarnings("error::RuntimeWarning"),
]

# By hand. W[color] weighs each position of a 2 x 2 picture: it is the gradient of class 1's logit.

W = np.array([[[0.8, -1], [0, 0.3]], [[-0.6, 0.5], [0, 0]], [[1.2, -0.1], [0, -0.45]]])
PICTURE = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)


def by_hand(before=(), weights=W):
    """Logits 0 and sum(weights * f(picture)); `before` lists the layers of f."""
    inputs = x = keras.Input((*weights.shape[1:], 3))
    for step in before:
        x = step(x)
    dense = layers.Dense(2, activation="softmax")
    model = keras.Model(inputs, dense(layers.Flatten()(x)))
    weights = weights.transpose(1, 2, 0).ravel()
    dense.set_weights([np.stack([0 * weights, weights], axis=-1), np.zeros(2)])
    return cu.ImageClassifier("by hand", model, lambda images: images)


class Absolute(layers.Layer):
    def call(self, inputs):
        return keras.ops.abs(inputs)


class Detached(layers.Layer):
    def call(self, inputs):
        return keras.ops.stop_gradient(inputs)


class HalfSquare(layers.Layer):
    """Its gradient is its input."""

    def call(self, inputs):
        return keras.ops.square(inputs) / 2


def test_saliency_by_hand():
    """The largest magnitude of the colors [[1.2, 1], [0, 0.45]], divided by 1.2."""
    saliency = cu.compute_saliency_map(by_hand(), PICTURE, 1)
    np.testing.assert_allclose(saliency, [[1, 5 / 6], [0, 0.375]], rtol=1e-6)
    assert saliency.dtype == np.float32


def test_no_class_means_the_first_ranked():
    classifier = by_hand()
    assert classifier.resolve_class_index(PICTURE) == 0
    with pytest.warns(UserWarning, match="zero everywhere"):
        assert not cu.compute_saliency_map(classifier, PICTURE).any()


@pytest.mark.parametrize("function", [cu.compute_saliency_map, cu.smooth_grad])
def test_no_evidence_gives_zeros_and_a_warning(function):
    with pytest.warns(UserWarning, match="gradient is zero everywhere") as caught:
        saliency = function(by_hand(), PICTURE, 0)
    np.testing.assert_array_equal(saliency, np.zeros((2, 2), np.float32), strict=True)
    assert caught[0].filename == __file__


def test_a_logit_without_a_gradient_gives_zeros_and_a_warning():
    """Not NaN: a rounding or a comparison in the network cuts the picture off."""
    with pytest.warns(UserWarning, match="gradient is zero everywhere"):
        saliency = cu.compute_saliency_map(by_hand([Detached()]), PICTURE, 1)
    np.testing.assert_array_equal(saliency, np.zeros((2, 2), np.float32), strict=True)


def test_each_class_has_its_own_gradient():
    """What was compiled for one class serves the others."""
    classifier, points = by_hand(), np.zeros((1, 2, 2, 3), np.float32)
    for class_index in (1, 0, 1, 0):  # plain, then compiled
        gradient = weighted_input_gradients(classifier, points, [1.0], class_index)
        expected = class_index * W.transpose(1, 2, 0)
        np.testing.assert_allclose(gradient, expected, rtol=1e-6)


def test_picture_of_another_size_is_resized(embedded, chelsea):
    saliency = cu.compute_saliency_map(embedded, chelsea, 285)
    assert saliency.shape == (224, 224)
    assert saliency.min() >= 0 and saliency.max() == 1


def test_gradient_is_tensorflows(tiny, picture):
    inputs = tf.constant(tiny.preprocess(picture))
    kernel, bias = tiny.model.layers[-1].get_weights()
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        maps = tiny.model.get_layer("conv")(inputs)
        score = (tf.reduce_mean(maps, axis=(1, 2)) @ kernel + bias)[0, 1]
    expected = np.abs(tape.gradient(score, inputs)[0]).max(axis=-1)
    for _ in range(2):  # plain, then compiled
        saliency = cu.compute_saliency_map(tiny, picture, 1)
        np.testing.assert_allclose(saliency, expected / expected.max(), rtol=1e-4, atol=1e-6)


# SmoothGrad


@pytest.mark.parametrize("class_index", [None, 1])
def test_one_sample_without_noise_is_the_vanilla_gradient(embedded, coffee, class_index):
    smooth = cu.smooth_grad(embedded, coffee, class_index, num_samples=1, noise_level=0)
    vanilla = cu.compute_saliency_map(embedded, coffee, class_index)
    np.testing.assert_allclose(smooth, vanilla, rtol=0, atol=1e-4)


def test_without_noise_all_samples_are_the_vanilla_gradient(tiny, picture):
    smooth = cu.smooth_grad(tiny, picture, 1, num_samples=7, noise_level=0)
    vanilla = cu.compute_saliency_map(tiny, picture, 1)
    np.testing.assert_allclose(smooth, vanilla, rtol=0, atol=1e-6)


def test_smooth_grad_averages_signed_gradients():
    """Of |x| at 0 with noise around it, gradients of 1 and -1 cancel out; of 0.5 x they stay 0.5.

    The mean of magnitudes would be 1 beside 0.5. The 400 signs leave 0.05 or so.
    """
    weights = np.zeros((3, 1, 2))
    weights[0] = [[1, 0.5]]
    classifier = by_hand([Absolute()], weights)
    picture = np.zeros((1, 2, 3), np.uint8)
    picture[0, 1] = 255
    saliency = cu.smooth_grad(classifier, picture, 1, num_samples=400, noise_level=0.05)
    assert saliency[0, 1] == 1
    assert saliency[0, 0] < 0.3


@pytest.mark.parametrize("preprocess", [lambda images: images, lambda images: images / 127.5 - 1])
def test_noise_is_a_share_of_the_preprocessed_range(preprocess):
    """The gradient of x^2 / 2 is x: the map is the noisy picture itself, divided by its largest."""
    classifier = by_hand([HalfSquare()], np.ones((3, 64, 64)) * [[[1]], [[0]], [[0]]])
    classifier = cu.ImageClassifier("noisy", classifier.model, preprocess)
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[..., 0] = 255
    noisy = cu.smooth_grad(classifier, picture, 1, num_samples=1, noise_level=0.1)
    red = preprocess(np.float32(255))
    span = red - preprocess(np.float32(0))
    np.testing.assert_allclose(noisy.std() / noisy.mean(), 0.1 * span / red, rtol=0.05)


def test_noise_differs_from_pixel_to_pixel_and_averages_out():
    classifier = by_hand([HalfSquare()], np.ones((3, 64, 64)) * [[[1]], [[0]], [[0]]])
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[..., 0] = 255
    spread = {}
    for num_samples in (4, 100):
        noisy = cu.smooth_grad(classifier, picture, 1, num_samples, noise_level=0.1)
        spread[num_samples] = noisy.std() / noisy.mean()
    np.testing.assert_allclose([spread[4], spread[100]], [0.05, 0.01], rtol=0.05)


def test_noise_is_independent_in_each_color_pixel_and_sample(tiny, picture, monkeypatch):
    seen = []

    def record(classifier, points, *arguments):
        seen.extend(points)
        return np.ones((8, 8, 3), np.float32)

    monkeypatch.setattr("course_utils.smoothgrad.weighted_input_gradients", record)
    cu.smooth_grad(tiny, picture, 1, num_samples=400, noise_level=0.3)
    noise = (np.stack(seen) - picture / 255) / (0.3 * np.ptp(picture / 255))
    assert noise.shape == (400, 8, 8, 3)
    for axis in range(4):
        rows = np.moveaxis(noise, axis, 0)[:3].reshape(3, -1)
        np.testing.assert_allclose(np.corrcoef(rows), np.eye(3), atol=0.1)
    np.testing.assert_allclose([noise.mean(), noise.std()], [0, 1], atol=0.01)


def test_same_seed_same_map(tiny, picture):
    first = cu.smooth_grad(tiny, picture, 1, seed=3)
    np.testing.assert_allclose(cu.smooth_grad(tiny, picture, 1, seed=3), first, rtol=0, atol=1e-6)


def test_defaults_are_20_samples_and_a_fifth_of_the_range(tiny, picture):
    expected = cu.smooth_grad(tiny, picture, 1, num_samples=20, noise_level=0.2, seed=0)
    np.testing.assert_allclose(cu.smooth_grad(tiny, picture, 1), expected, rtol=0, atol=1e-6)


def test_other_seed_other_map(tiny, picture):
    first, second = (cu.smooth_grad(tiny, picture, 1, seed=seed) for seed in (3, 4))
    assert np.abs(first - second).max() > 0.01


def test_global_random_states_stay_as_they_are(tiny, picture):
    def draw():
        keras.utils.set_random_seed(5)
        return random.random(), np.random.rand(), float(tf.random.uniform(()))

    def draw_after(function):
        keras.utils.set_random_seed(5)
        function()
        return random.random(), np.random.rand(), float(tf.random.uniform(()))

    def run():
        cu.smooth_grad(tiny, picture, 1)
        cu.compute_saliency_map(tiny, picture, 1)
        cu.integrated_gradients(tiny, picture, 1, num_steps=2)
        cu.make_gradcam_heatmap(tiny, picture, 1)

    with warnings.catch_warnings(action="ignore"):
        assert draw_after(run) == draw()


def test_smooth_grad_keeps_the_class_of_the_clean_picture():
    """Class 1 leads by 0.1, which the noise of each copy outweighs; class 0 has other gradients."""
    classifier = by_hand()
    kernel, _ = classifier.model.layers[-1].get_weights()
    kernel[:, 0] = kernel[::-1, 1]
    lead = np.diff(PICTURE.ravel() @ kernel)
    classifier.model.layers[-1].set_weights([kernel, np.concatenate([lead - 0.1, [0]])])
    assert classifier.resolve_class_index(PICTURE) == 1
    smooth = cu.smooth_grad(classifier, PICTURE, noise_level=1)
    np.testing.assert_allclose(smooth, [[1, 5 / 6], [0, 0.375]], rtol=1e-5)


@pytest.mark.parametrize("count", [1, BATCH_SIZE, BATCH_SIZE + 1, 3 * BATCH_SIZE - 1])
def test_batches_add_up(count):
    """The gradient of x^2 / 2 is x: the weighted sum of gradients is that of the points."""
    classifier = by_hand([HalfSquare()], np.ones((3, 2, 2)))
    points = np.random.default_rng(0).standard_normal((count, 2, 2, 3), np.float32)
    weights = np.arange(1.0, count + 1)
    total = weighted_input_gradients(classifier, iter(points), weights, 1)
    np.testing.assert_allclose(total, np.tensordot(weights, points, axes=1), rtol=1e-4, atol=1e-5)


def test_points_are_drawn_when_their_batch_is_due():
    """A generator saves the memory of all but a few; `progress` counts the batches."""
    drawn, before_batches = [], []

    def points():
        for i in range(2 * BATCH_SIZE + 1):
            drawn.append(i)
            yield np.zeros((2, 2, 3), np.float32)

    def progress(batches):
        for batch in batches:
            before_batches.append(len(drawn))
            yield batch

    weights = np.ones(2 * BATCH_SIZE + 1)
    weighted_input_gradients(by_hand(), points(), weights, 1, progress)
    assert before_batches == [0, BATCH_SIZE, 2 * BATCH_SIZE]


@pytest.mark.parametrize("batches, expected", [(19, 0), (20, 1)])
def test_many_batches_are_compiled_for_at_the_first_call(tiny, picture, batches, expected):
    cu.smooth_grad(tiny, picture, 1, num_samples=batches * BATCH_SIZE)
    _, trace = tiny._functions["input gradients"]
    assert trace.cache_info().misses == expected


@pytest.mark.parametrize("dtype", ["mixed_float16", "float16", "mixed_bfloat16"])
@pytest.mark.parametrize("function", [cu.compute_saliency_map, cu.smooth_grad])
def test_half_precision(picture, function, dtype):
    maps = []
    for policy in ("float32", dtype):
        steps = [
            layers.Conv2D(4, 3, activation="tanh", dtype=policy),
            layers.GlobalAveragePooling2D(dtype=policy),
            layers.Dense(3, activation="softmax", dtype=policy),
        ]
        model = keras.Sequential([keras.Input((8, 8, 3)), *steps])
        generator = np.random.default_rng(3)
        model.set_weights([generator.normal(0, 0.3, w.shape) for w in model.get_weights()])
        classifier = cu.ImageClassifier("half", model, lambda images: images / 255)
        maps.append(function(classifier, picture, 1))
    assert maps[1].dtype == np.float32
    np.testing.assert_allclose(maps[1], maps[0], atol=0.03 if dtype == "mixed_bfloat16" else 5e-3)


# The progress bar


@pytest.mark.parametrize(
    "function, count", [(cu.smooth_grad, {"num_samples": 12}), (cu.integrated_gradients, {})]
)
def test_progress_bar(tiny, picture, capfd, function, count):
    function(tiny, picture, 1, progress=True, **count)
    out, err = capfd.readouterr()
    assert "100%" in err and "gradients" in err
    assert out == ""


@pytest.mark.parametrize("function", [cu.smooth_grad, cu.integrated_gradients])
def test_no_progress_bar(tiny, picture, capfd, function):
    function(tiny, picture, 1)
    assert capfd.readouterr() == ("", "")


# Errors: (arguments, words of the message)

BAD = {
    "class": ({"class_index": 3}, "whole number from 0 to 2.*not 3"),
    "negative class": ({"class_index": -1}, "not -1"),
    "name of a class": ({"class_index": "tabby"}, "not 'tabby'"),
    "batch": ({"image": np.zeros((2, 8, 8, 3), np.uint8)}, r"not a batch \(2, 8, 8, 3\)"),
    "floats": ({"image": np.zeros((8, 8, 3), np.float32)}, r"not float32 \(8, 8, 3\)"),
    "gray": ({"image": np.zeros((8, 8), np.uint8)}, "load_image"),
}
BAD_NOISE = {
    "no samples": ({"num_samples": 0}, "num_samples must be a whole number.*not 0"),
    "negative samples": ({"num_samples": -1}, "not -1"),
    "half a sample": ({"num_samples": 1.5}, "not 1.5"),
    "text": ({"num_samples": "20"}, "not '20'"),
    "no number": ({"num_samples": None}, "not None"),
    "negative noise": ({"noise_level": -0.1}, "noise_level must be a number, 0 or more.*-0.1"),
    "infinite noise": ({"noise_level": float("inf")}, "not inf"),
    "NaN": ({"noise_level": float("nan")}, "not nan"),
    "noise as text": ({"noise_level": "0.2"}, "noise_level must be a number.*not '0.2'"),
    "no noise": ({"noise_level": None}, "noise_level must be a number.*not None"),
    "bool": ({"num_samples": True}, "not True"),
    "array": ({"num_samples": np.array([1, 2])}, "num_samples must be"),
}


@pytest.mark.parametrize("function", [cu.compute_saliency_map, cu.smooth_grad])
@pytest.mark.parametrize("arguments, words", BAD.values(), ids=BAD)
def test_bad_argument(tiny, picture, function, arguments, words):
    with pytest.raises(ValueError, match=words):
        function(tiny, **{"image": picture, **arguments})


@pytest.mark.parametrize("function", [cu.compute_saliency_map, cu.smooth_grad])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_network_that_diverged(tiny, picture, function):
    tiny.model.set_weights([np.nan * weights for weights in tiny.model.get_weights()])
    with pytest.raises(ValueError, match="NaN or infinite"):
        function(tiny, picture, 1)


@pytest.mark.parametrize("arguments, words", BAD_NOISE.values(), ids=BAD_NOISE)
def test_bad_number(tiny, picture, arguments, words):
    with pytest.raises(ValueError, match=words):
        cu.smooth_grad(tiny, picture, **arguments)


@pytest.mark.parametrize("num_samples, is_allowed", [(100_000, True), (100_001, False)])
def test_most_samples(tiny, picture, monkeypatch, num_samples, is_allowed):
    gradient = np.ones((8, 8, 3), np.float32)
    monkeypatch.setattr("course_utils.smoothgrad.weighted_input_gradients", lambda *_: gradient)
    with nullcontext() if is_allowed else pytest.raises(ValueError, match="to 100000, not 100001"):
        cu.smooth_grad(tiny, picture, 1, num_samples)


@pytest.mark.parametrize("num_samples", [3.0, np.int64(3), np.float32(3)])
def test_numbers_that_are_whole(tiny, picture, num_samples):
    np.testing.assert_allclose(
        cu.smooth_grad(tiny, picture, 1, num_samples),
        cu.smooth_grad(tiny, picture, 1, 3),
        rtol=0,
        atol=1e-6,
    )
