"""The softmax comes off on the same weights; the caller's network stays as it is."""

import numpy as np
import pytest
from scipy.special import softmax
from small_networks import (
    NETWORKS,
    chain,
    ends_in_logits,
    flat_softmax,
    head_nested,
    layers,
    plain,
    two_outputs,
)

from course_utils.backend import keras, tf
from course_utils.engine.logits import build_logits_model

PICTURES = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 3)).astype(np.float32)
LOGITS_ALREADY = (ends_in_logits, two_outputs)


def sequential_built_later():
    model = keras.Sequential(flat_softmax())
    model.build((None, 8, 8, 3))
    return model


def nested_with_training_flag():
    """How transfer learning stacks a classifier on a backbone."""
    backbone = chain([layers.Conv2D(4, 3), layers.BatchNormalization()], name="backbone")
    head = [layers.Flatten(), layers.Dense(3), layers.Softmax()]
    return chain([lambda x: backbone(x, training=False), *head])


def ends(*steps):
    return lambda: chain([layers.Flatten(), *steps])


class Cosine(layers.Dense):
    """A head of one's own, as in ArcFace."""

    def call(self, inputs):
        unit = keras.ops.normalize
        return self.activation(2 * keras.ops.matmul(unit(inputs), unit(self.kernel, axis=0)))


class Cool(layers.Softmax):
    """A softmax with a temperature."""

    def call(self, inputs, mask=None):
        return super().call(inputs / 5)


SOFTMAXES = {
    "tf": ends(layers.Dense(3, activation=tf.nn.softmax)),
    "a layer": ends(layers.Dense(3, activation=layers.Softmax())),
    "a function": ends(layers.Dense(3, activation=lambda z: keras.ops.softmax(3 * z))),
    "einsum": ends(layers.EinsumDense("bi,ij->bj", output_shape=3, activation="softmax")),
    "no layer": ends(layers.Dense(3), keras.ops.softmax),
    "lambda": ends(layers.Dense(3), layers.Lambda(lambda z: tf.nn.softmax(z))),
    "then linear": ends(layers.Dense(3, activation="softmax"), layers.Activation("linear")),
    "then dropout": ends(layers.Dense(3, activation="softmax"), layers.Dropout(0.5)),
    "cosine": ends(Cosine(3, activation="softmax", use_bias=False)),
    "temperature": ends(layers.Dense(3), Cool()),
}


def evaluate(model):
    return np.asarray(model.predict(PICTURES, verbose=0))


@pytest.mark.parametrize(
    "build",
    [
        *NETWORKS,
        sequential_built_later,
        nested_with_training_flag,
        *SOFTMAXES.values(),
    ],
    ids=lambda build: build.__name__,
)
@pytest.mark.filterwarnings("ignore:The structure of `inputs`")
def test_softmax_of_the_logits_is_the_networks_output(seeded, build):
    model = build()
    for number, weight in enumerate(model.trainable_weights):  # Keras begins with biases of 0
        weight.assign_add(np.random.default_rng(number).uniform(0, 0.1, weight.shape))
    config, weights, outputs = model.to_json(), model.get_weights(), evaluate(model)
    layer_outputs = [layer.output for layer in model.layers]
    logits_model, _ = build_logits_model(model)
    logits = evaluate(logits_model)
    if build in LOGITS_ALREADY:
        np.testing.assert_array_equal(logits, outputs)
    else:
        np.testing.assert_allclose(softmax(logits, axis=-1), outputs, atol=1e-6)
        assert np.abs(logits.sum(axis=-1) - 1).min() > 1e-4  # not the probabilities themselves
    assert set(map(id, logits_model.variables)) == set(map(id, model.variables))
    # The caller's network is as it was.
    assert model.to_json() == config
    assert all(map(np.array_equal, model.get_weights(), weights))
    assert all(a is layer.output for a, layer in zip(layer_outputs, model.layers, strict=True))
    np.testing.assert_array_equal(evaluate(model), outputs)


@pytest.mark.parametrize("build", [plain, head_nested])
def test_a_logits_model_can_be_copied_and_saved(seeded, build, tmp_path):
    logits_model, _ = build_logits_model(build())
    expected = evaluate(logits_model)
    clone = keras.models.clone_model(logits_model)
    clone.set_weights(logits_model.get_weights())
    logits_model.save(tmp_path / "logits.keras")
    for copy in (clone, keras.models.load_model(tmp_path / "logits.keras")):
        np.testing.assert_array_equal(evaluate(copy), expected)
        copy.set_weights([weight + 1 for weight in copy.get_weights()])
    np.testing.assert_array_equal(evaluate(logits_model), expected)


@pytest.mark.parametrize(
    "end, words",
    [
        ([layers.Dense(3, activation="relu", name="end")], "'end'.*'relu'"),
        ([layers.Dense(3), layers.Activation("tanh", name="end")], "'end'.*'tanh'"),
        ([layers.ReLU(name="end")], r"'end' \(ReLU\)"),
        ([layers.Dense(3), keras.ops.log_softmax], "'log_softmax.*'"),
    ],
)
def test_another_end_is_refused(end, words):
    with pytest.raises(ValueError, match=f"ends in {words}.*must end in softmax, in sigmoids or"):
        build_logits_model(chain([layers.Flatten(), *end]))
