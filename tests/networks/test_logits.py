"""The softmax comes off on the same weights; the caller's network stays as it is."""

import warnings

import numpy as np
import pytest
from scipy.special import softmax
from small_networks import NETWORKS, chain, ends_in_logits, head_nested, layers, plain, two_outputs

from course_utils.networks.backend import keras
from course_utils.networks.logits import build_logits_model

PICTURES = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 3)).astype(np.float32)
LOGITS_ALREADY = (ends_in_logits, two_outputs)


def sequential_built_later():
    model = keras.Sequential([layers.Flatten(), layers.Dense(3, activation="softmax")])
    model.build((None, 8, 8, 3))
    return model


def nested_with_training_flag():
    """How transfer learning stacks a classifier on a backbone."""
    backbone = chain([layers.Conv2D(4, 3), layers.BatchNormalization()], name="backbone")
    steps = [
        lambda x: backbone(x, training=False),
        layers.Flatten(),
        layers.Dense(3),
        layers.Softmax(),
    ]
    return chain(steps)


def evaluate(model):
    return np.asarray(model.predict(PICTURES, verbose=0))


@pytest.mark.parametrize("build", [*NETWORKS, sequential_built_later, nested_with_training_flag])
@pytest.mark.filterwarnings("ignore:The structure of `inputs`")
def test_softmax_of_the_logits_is_the_networks_output(seeded, build):
    model = build()
    config, weights, outputs = model.to_json(), model.get_weights(), evaluate(model)
    layer_outputs = [layer.output for layer in model.layers]
    logits = evaluate(build_logits_model(model))
    if build in LOGITS_ALREADY:
        np.testing.assert_array_equal(logits, outputs)
    else:
        np.testing.assert_allclose(softmax(logits, axis=-1), outputs, atol=1e-6)
        assert np.abs(logits.sum(axis=-1) - 1).min() > 1e-4  # not the probabilities themselves
    assert model.to_json() == config
    assert all(map(np.array_equal, model.get_weights(), weights))
    assert all(a is layer.output for a, layer in zip(layer_outputs, model.layers, strict=True))
    np.testing.assert_array_equal(evaluate(model), outputs)


@pytest.mark.parametrize("build", NETWORKS)
def test_no_weight_is_copied(build):
    model = build()
    variables = {id(variable) for variable in build_logits_model(model).variables}
    assert variables == {id(variable) for variable in model.variables}


@pytest.mark.parametrize("build", [plain, head_nested])
def test_a_logits_model_can_be_copied_and_saved(seeded, build, tmp_path):
    model = build()
    logits_model = build_logits_model(model)
    expected = evaluate(logits_model)
    clone = keras.models.clone_model(logits_model)
    clone.set_weights(logits_model.get_weights())
    logits_model.save(tmp_path / "logits.keras")
    for copy in (clone, keras.models.load_model(tmp_path / "logits.keras")):
        np.testing.assert_array_equal(evaluate(copy), expected)
        copy.set_weights([weight + 1 for weight in copy.get_weights()])
    np.testing.assert_array_equal(evaluate(logits_model), expected)


def test_tf_keras_vis_can_copy_a_logits_model(seeded):
    with warnings.catch_warnings(action="ignore"):  # SciPy's, of a module that it uses
        from tf_keras_vis.gradcam import Gradcam
        from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
        from tf_keras_vis.utils.scores import CategoricalScore
    logits_model = build_logits_model(plain())
    heatmaps = [
        gradcam(CategoricalScore([1, 1]), PICTURES, penultimate_layer="conv")
        for gradcam in (
            Gradcam(logits_model, clone=False),
            Gradcam(logits_model, model_modifier=ReplaceToLinear()),
        )
    ]
    assert heatmaps[0].any()
    np.testing.assert_array_equal(*heatmaps)


def test_logits_do_not_depend_on_the_dtype_policy_in_force(seeded):
    model = chain([layers.Flatten(), layers.Dense(3), layers.Activation("softmax")])
    expected = evaluate(build_logits_model(model))
    keras.config.set_dtype_policy("mixed_float16")
    try:
        logits_model = build_logits_model(model)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(evaluate(logits_model), expected)


# What is refused


def ending(*steps):
    return lambda: chain([layers.Flatten(), *steps])


SOFTMAX = layers.Dense(3, activation="softmax")


@pytest.mark.parametrize(
    "build, words",
    [
        (
            ending(layers.Dense(3, activation="sigmoid", name="end")),
            "'end'.*'sigmoid'.*must end in",
        ),
        (ending(layers.Dense(3), layers.Activation("tanh", name="end")), "'end'.*'tanh'"),
        (ending(layers.ReLU(name="end")), "'end'.*softmax or in logits"),
        (ending(layers.Dense(3), keras.ops.softmax), "softmax or in logits"),
        (ending(SOFTMAX, layers.Activation("linear")), "softmax or in logits"),
        (ending(SOFTMAX, layers.Dropout(0.5)), "softmax or in logits"),
        (ending(SOFTMAX, layers.Reshape((3, 1)), layers.Flatten()), "softmax or in logits"),
    ],
)
def test_another_end_is_refused(build, words):
    with pytest.raises(ValueError, match=f"(?s){words}"):
        build_logits_model(build())


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__(name="subclassed")
        self.dense = layers.Dense(3, activation="softmax")

    def call(self, inputs):
        return self.dense(inputs)


def several(inputs=1, outputs=1):
    tensors = [keras.Input((8, 8, 3)) for _ in range(inputs)]
    x = layers.Flatten()(layers.Add()(tensors) if inputs > 1 else tensors[0])
    heads = [layers.Dense(3, activation="softmax")(x) for _ in range(outputs)]
    return keras.Model(tensors, heads, name="several")


@pytest.mark.parametrize(
    "build, name",
    [
        (Subclassed, "subclassed"),
        (lambda: keras.Sequential([layers.Dense(3)], name="unbuilt"), "unbuilt"),
        (lambda: several(inputs=2), "several"),
        (lambda: several(outputs=2), "several"),
        (lambda: "vgg16", "vgg16"),
    ],
)
def test_another_kind_of_network_is_refused_by_name(build, name):
    with pytest.raises(ValueError, match=f"{name!r}.*one input and one output.*keras.Input"):
        build_logits_model(build())
