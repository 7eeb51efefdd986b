"""Batch normalization folded into convolutions changes no number, and skips what it cannot fold."""

import numpy as np
import pytest
from small_networks import wrap

from course_utils.backend import keras
from course_utils.engine.folding import find_folds, fold_calls
from course_utils.engine.graph import output_of, run_calls, trace_calls
from course_utils.networks.classifier import runner_of

layers = keras.layers
PICTURES = np.random.default_rng(0).normal(size=(2, 9, 8, 3)).astype(np.float32)


def network(convolution, normalization, *, between=None):
    """A convolution, batch normalization with weights as after a training, and a dense layer."""
    inputs = keras.Input((9, 8, 3))
    maps = convolution(inputs)
    x = between(maps) if between else maps
    x = layers.GlobalAveragePooling2D()(keras.ops.relu(normalization(x)))
    model = keras.Model(inputs, layers.Dense(3)(x))
    generator = np.random.default_rng(1)
    for weight in model.weights:  # the initial values of normalization would hide most errors
        weight.assign(generator.uniform(0.5, 2, weight.shape))
    return trace_calls(model)


def run(graph, fetches, folds):
    calls = fold_calls(graph.calls, fetches, folds)
    return [value.numpy() for value in run_calls(calls, [(graph.input, PICTURES)], fetches)]


@pytest.mark.parametrize(
    "convolution",
    [
        layers.Conv2D(4, 3),
        layers.Conv2D(4, 3, use_bias=False, padding="same", strides=2),
        layers.Conv2D(6, (3, 2), dilation_rate=2, padding="same"),
        layers.Conv2D(6, 3, groups=3),
        layers.Conv2D(4, 3, dtype="float64"),  # its input is float32
        layers.DepthwiseConv2D(3, strides=2),
        layers.DepthwiseConv2D((2, 3), depth_multiplier=2, padding="same", use_bias=False),
    ],
)
@pytest.mark.parametrize(
    "options", [{}, {"scale": False}, {"center": False}, {"epsilon": 0.3}, {"axis": 3}]
)
def test_one_call_computes_what_two_did(convolution, options):
    convolution = type(convolution).from_config(convolution.get_config())  # not built yet
    dtype = convolution.compute_dtype
    graph = network(convolution, layers.BatchNormalization(dtype=dtype, **options))
    folds = find_folds(graph)
    calls = fold_calls(graph.calls, [graph.output], folds)
    assert len(calls) == len(graph.calls) - 1
    expected = run(graph, [graph.output], [])[0]
    np.testing.assert_allclose(run(graph, [graph.output], folds)[0], expected, rtol=1e-5)


def test_a_fetched_convolution_and_half_a_pair_stay_as_they_are():
    graph = network(layers.Conv2D(4, 3, name="conv"), layers.BatchNormalization())
    folds, conv = find_folds(graph), output_of(graph, "conv")
    assert fold_calls(graph.calls, [conv, graph.output], folds) == graph.calls
    for part in (graph.calls[1:], graph.calls[:1]):
        assert fold_calls(part, [graph.output], folds) == part


@pytest.mark.parametrize(
    ("convolution", "normalization", "between"),
    [
        (layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(), None),
        (layers.Conv2D(4, 3), layers.BatchNormalization(axis=1), None),
        (layers.Conv2D(4, 3), layers.LayerNormalization(), None),
        (layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU()),
        (layers.Conv2DTranspose(4, 3), layers.BatchNormalization(), None),
        (layers.Conv2D(4, 3, dtype="float16"), layers.BatchNormalization(dtype="float16"), None),
        (layers.Conv2D(4, 3), layers.BatchNormalization(), lambda x: x + keras.ops.sum(x)),
    ],
)
def test_what_cannot_be_folded_stays_as_it_is(convolution, normalization, between):
    assert find_folds(network(convolution, normalization, between=between)) == []


def test_the_embedded_network_folds_every_normalization(embedded):
    folds = find_folds(runner_of(embedded).graph)
    normalizations = [layer for layer in embedded.model.layers if layer.name.endswith("_bn")]
    assert len(folds) == len(normalizations) == len(embedded.conv_layer_names)


def test_a_fresh_classifier_answers_as_keras_plain_and_compiled(embedded, chelsea):
    """Weights that are read while a function is traced would belong to that function."""
    expected = embedded.logits_model(embedded.preprocess(chelsea)).numpy()
    fresh = wrap(embedded.model, embedded.preprocess_input)
    runner = runner_of(fresh)
    runner.logits_of(chelsea)  # compiled at once
    for _ in range(2):
        np.testing.assert_allclose(fresh.logits(chelsea), expected, atol=1e-4)
