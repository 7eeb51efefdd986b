"""Copies that forget: which layers, what they draw, and what batch normalization makes of it."""

import random

import numpy as np
import pytest
from small_networks import applied_twice, chain, head_nested, layers, nested, residual, wrap

import course_utils as cu
from course_utils.backend import keras

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)


def normalized():
    """Three layers with kernels, two normalizations, and weights that no layer begins with."""
    steps = [
        layers.Conv2D(4, 3, name="conv1"),
        layers.BatchNormalization(name="bn1"),
        layers.ReLU(),
        layers.Conv2D(5, 3, name="conv2"),
        layers.BatchNormalization(name="bn2"),
        layers.ReLU(name="relu2"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, activation="softmax", name="dense"),
    ]
    model = chain(steps)
    generator = np.random.default_rng(1)
    model.set_weights([generator.uniform(1, 2, w.shape) for w in model.get_weights()])
    return wrap(model)


def same_layers(classifier, copy):
    """Return the names of the layers with weights that are the same in both."""
    pairs = zip(classifier.model.layers, copy.model.layers, strict=True)
    return {
        a.name
        for a, b in pairs
        if a.weights and all(map(np.array_equal, a.get_weights(), b.get_weights()))
    }


def test_layer_by_layer_from_the_top():
    """What a layer draws is the same in all copies, and something else with another seed."""
    classifier = normalized()
    names, copies = zip(*cu.randomized_copies(classifier, images=IMAGES), strict=True)
    assert names == ("dense", "conv2", "conv1")
    kept = [same_layers(classifier, copy) for copy in copies]
    assert kept == [{"conv1", "bn1", "conv2", "bn2"}, {"conv1", "bn1"}, set()]
    first, second, _ = copies
    assert "dense" in same_layers(first, second) and "conv2" not in same_layers(first, second)
    [(_, other)] = cu.randomized_copies(classifier, ["dense"], IMAGES, seed=1)
    assert "dense" not in same_layers(first, other)


def test_normalization_takes_the_statistics_of_the_pictures():
    """What comes out of it has mean 0 and variance 1 over them, unless it has not forgotten."""
    forgotten = {"dense": [], "conv2": ["bn2"], "conv1": ["bn1", "bn2"]}
    for name, copy in cu.randomized_copies(normalized(), images=IMAGES):
        for layer in map(copy.model.get_layer, ("bn1", "bn2")):
            run = keras.Model(copy.model.inputs[0], layer.output)
            outputs = run(copy.preprocess(IMAGES)).numpy().reshape(-1, layer.output.shape[-1])
            variance = layer.moving_variance.numpy()
            variance /= variance + layer.epsilon
            standardized = np.allclose(outputs.mean(axis=0), 0, atol=1e-4)
            standardized = standardized and np.allclose(outputs.var(axis=0), variance, rtol=1e-3)
            assert standardized == (layer.name in forgotten[name])


@pytest.mark.parametrize("build", [residual, nested, head_nested, applied_twice])
def test_other_networks_and_nothing_that_belongs_to_the_caller_changes(seeded, build):
    classifier = wrap(build())
    trained, state = classifier.logits(IMAGES), random.getstate()
    logits = [copy.logits(IMAGES) for _, copy in cu.randomized_copies(classifier, images=IMAGES)]
    differences = [np.abs(a - b).max() for a, b in zip([trained, *logits], logits, strict=False)]
    assert len(logits) > 1 and min(differences) > 1e-3
    np.testing.assert_array_equal(classifier.logits(IMAGES), trained)
    assert random.getstate() == state


class Blend(layers.Layer):
    """A layer of one's own, which draws its weights when it is built."""

    def build(self, shape):
        self.mix = self.add_weight(shape=(shape[-1], 4), initializer="random_normal")

    def call(self, inputs):
        return inputs @ self.mix


def test_a_layer_of_ones_own_draws_the_same_in_all_copies():
    ends = [layers.GlobalAveragePooling2D(), layers.Dense(3)]
    classifier = wrap(chain([Blend(name="below"), Blend(name="above"), *ends]))
    copies = dict(cu.randomized_copies(classifier, ["below", "above"], IMAGES))
    below, above = (copies[name].model.get_layer("above").mix for name in ("below", "above"))
    np.testing.assert_array_equal(below, above)
    assert np.abs(below - classifier.model.get_layer("above").mix).max() > 1e-3


class Scale(layers.Layer):
    """A layer of one's own, which Keras could not read from a file."""

    def __init__(self, function=None):
        super().__init__()
        self.function = function

    def build(self, shape):
        self.scales = self.add_weight(shape=(shape[-1], 2), initializer="random_normal")

    def call(self, inputs):
        return inputs * self.scales[:, 0]


def test_what_is_not_asked_to_forget_is_kept_whatever_it_is():
    normalization = layers.Normalization(name="normalization")
    normalization.adapt(np.random.default_rng(0).normal(3, 2, (9, 8, 8, 4)))
    own = chain([Scale(lambda x: x)], name="own")
    conv = layers.Conv2D(4, 3, padding="same", name="conv")
    seeded = layers.Dense(3, name="dense", kernel_initializer=keras.initializers.HeNormal(seed=3))
    steps = [layers.Lambda(lambda x: 2 * x), own, conv, normalization]
    classifier = wrap(chain([*steps, layers.GlobalAveragePooling2D(), seeded]))
    [(_, copy)] = cu.randomized_copies(classifier, ["conv"], IMAGES)
    np.testing.assert_array_equal(copy.model.get_layer("normalization").mean, normalization.mean)
    maps = cu.get_feature_maps(classifier, IMAGES[0], ["conv"])["conv"]
    kernels = [seeded.kernel.numpy()]
    for seed in (0, 1, 0):
        [(_, copy)] = cu.randomized_copies(classifier, ["dense"], IMAGES, seed)
        kept = cu.get_feature_maps(copy, IMAGES[0], ["conv"])["conv"]
        np.testing.assert_array_equal(kept, maps)
        kernels.append(copy.model.get_layer("dense").kernel.numpy())
    trained, first, second, again = kernels
    np.testing.assert_array_equal(first, again)
    for one, other in ((trained, first), (trained, second), (first, second)):
        assert np.abs(one - other).max() > 0.1
    with pytest.raises(ValueError, match=r"Scale needs a get_config\(\)"):
        list(cu.randomized_copies(classifier, images=IMAGES))


def test_own_functions_of_keras_layers_come_along():
    """Keras would look for them by their names."""

    def own(shape, dtype=None):
        return keras.random.normal(shape, dtype=dtype)

    options = {"kernel_initializer": own, "bias_regularizer": lambda bias: 0}
    conv = layers.Conv2D(4, 3, activation=lambda x: keras.ops.relu(x) - 1, name="conv", **options)
    classifier = wrap(chain([conv, layers.GlobalAveragePooling2D(), layers.Dense(3)]))
    *_, (_, copy) = cu.randomized_copies(classifier, images=IMAGES)
    assert cu.get_feature_maps(copy, IMAGES[0], ["conv"])["conv"].min() == -1
    assert np.abs(copy.model.get_layer("conv").kernel - conv.kernel).max() > 0.1


def test_a_copy_is_a_classifier_like_the_other():
    model = chain(
        [layers.Conv2D(2, 3), layers.GlobalMaxPooling2D(), layers.Dense(2)], (None,) * 2 + (1,)
    )
    classifier = cu.ImageClassifier("mine", model, None, ["no", "yes"], input_size=(9, 7))
    for _, copy in cu.randomized_copies(classifier):
        assert copy.class_names == ("no", "yes") and copy.input_size == (9, 7)
        assert copy.predict(IMAGES).shape == (3, 2)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"layer_names": "conv1"}, r"a list of names: \['conv1'\]"),
        ({"layer_names": ["conv"]}, "called 'conv'. The nearest are 'conv2', 'conv1'"),
        ({"images": ["chelsie"]}, "'chelsea'"),
    ],
)
def test_a_bad_option_is_refused_before_the_first_copy(options, words):
    with pytest.raises(ValueError, match=words):
        cu.randomized_copies(normalized(), **options)
