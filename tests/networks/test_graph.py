"""Networks whose parts are known: what a graph lists, and that its parts compute what they did."""

import warnings
from typing import NamedTuple

import keras
import numpy as np
import pytest
from keras import layers

from course_utils.graph import (
    Graph,
    LinearHead,
    build_logits_model,
    needed_calls,
    output_of,
    run_calls,
    split_calls,
    trace_calls,
)

PICTURES = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 3)).astype(np.float32)


def conv(name, filters=4, **options):
    return layers.Conv2D(filters, 3, padding="same", activation="relu", name=name, **options)


def chain(*parts, name=None):
    inputs = x = keras.Input((8, 8, 3))
    for part in parts:
        x = part(x)
    return keras.Model(inputs, x, name=name)


def top(activation="softmax", **options):
    """Average the feature maps and classify: what most of the networks here end in."""
    pool = layers.GlobalAveragePooling2D(name="pool")
    dense = layers.Dense(3, activation=activation, name="predictions", **options)
    return lambda x: dense(pool(x))


def functional():
    return chain(conv("a"), conv("b"), top())


def sequential():
    pool, dense = layers.GlobalAveragePooling2D(name="pool"), layers.Dense(3, activation="softmax")
    return keras.Sequential([keras.Input((8, 8, 3)), conv("a"), conv("b"), pool, dense])


def sequential_built_later():
    model = keras.Sequential([conv("a"), layers.Flatten(), layers.Dense(3, activation="softmax")])
    model.build((None, 8, 8, 3))
    return model


def nested():
    return chain(conv("a"), _block("inner"), conv("z"), top())


def _block(name):
    inputs = keras.Input((8, 8, 4))
    return keras.Model(inputs, conv("c")(conv("b")(inputs)), name=name)


def nested_first_with_training_flag():
    """How transfer learning stacks a classifier on a backbone."""
    backbone = chain(conv("b"), layers.BatchNormalization(name="bn"), name="backbone")
    return chain(lambda x: backbone(x, training=False), top())


def nested_sequential():
    return chain(keras.Sequential([conv("b"), conv("c")], name="inner"), top())


def nested_twice_deep():
    inner = chain(conv("b"), name="inner")
    return chain(chain(inner, conv("c"), name="outer"), top())


def nested_applied_twice():
    block = _block("block")
    return chain(conv("a"), block, block, top())


def nested_head():
    """The classifier itself is a nested model, softmax and all."""
    inputs = keras.Input((8, 8, 4))
    return chain(conv("a"), keras.Model(inputs, top()(inputs), name="classifier"))


def residual():
    inputs = keras.Input((8, 8, 3))
    start = conv("a")(inputs)
    x = conv("c")(conv("b")(start))
    x = layers.Add(name="add")([x, start])
    return keras.Model(inputs, top()(conv("d")(x)))


def shortcut_from_the_input():
    inputs = keras.Input((8, 8, 3))
    x = conv("a")(inputs)
    x = layers.Concatenate(name="join")([x, inputs])
    return keras.Model(inputs, top()(x))


def applied_twice():
    inputs = keras.Input((8, 8, 3))
    shared = conv("shared")
    return keras.Model(inputs, top()(shared(shared(conv("a")(inputs)))))


def operations():
    """Arithmetic on tensors, and an operation with two outputs."""
    inputs = keras.Input((8, 8, 3))
    left, right = keras.ops.split(conv("a")(inputs) * 2.0 + 1.0, 2, axis=-1)
    return keras.Model(inputs, top()(keras.ops.relu(left - right)))


def keyword_tensors():
    inputs = keras.Input((8, 8, 3))
    x = conv("a")(inputs)
    y = layers.MultiHeadAttention(1, 2, name="attention")(x, value=conv("b")(x))
    return keras.Model(inputs, top()(y))


def depthwise_and_separable():
    return chain(layers.DepthwiseConv2D(3, name="d"), layers.SeparableConv2D(4, 3, name="s"), top())


def softmax_layer():
    return chain(conv("a"), top(None), layers.Softmax(name="softmax"))


def softmax_activation_layer():
    return chain(conv("a"), top(None), layers.Activation("softmax", name="softmax"))


def softmax_without_bias():
    return chain(conv("a"), top(use_bias=False))


def convolution_then_softmax():
    """As in MobileNet of 2017: the last weights are those of a 1 x 1 convolution."""
    pool = layers.GlobalAveragePooling2D(keepdims=True)
    scores = layers.Conv2D(3, 1, name="scores")
    return chain(conv("a"), pool, scores, layers.Reshape((3,)), layers.Activation("softmax"))


ENDS_IN_SOFTMAX = [
    functional,
    sequential,
    sequential_built_later,
    nested,
    nested_first_with_training_flag,
    nested_sequential,
    nested_twice_deep,
    nested_applied_twice,
    nested_head,
    residual,
    shortcut_from_the_input,
    applied_twice,
    operations,
    keyword_tensors,
    depthwise_and_separable,
    softmax_layer,
    softmax_activation_layer,
    softmax_without_bias,
    convolution_then_softmax,
]


def linear_dense():
    return chain(conv("a"), top(None))


def linear_dense_by_name():
    return chain(conv("a"), top("linear"))


def linear_convolution():
    """The convolution's maps are the class scores, averaged: as in SqueezeNet without softmax."""
    return chain(conv("a"), layers.Conv2D(3, 1), layers.GlobalAveragePooling2D())


ENDS_IN_LOGITS = [linear_dense, linear_dense_by_name, linear_convolution]


def evaluate(model, inputs=PICTURES):
    return model(inputs).numpy()


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def trace(model):
    return trace_calls(build_logits_model(model))


class Traced(NamedTuple):
    """A network, what it was before it was traced, and what came of it."""

    model: keras.Model
    config: str
    weights: list
    layer_outputs: list
    outputs: np.ndarray
    logits_model: keras.Model
    graph: Graph
    ends_in_softmax: bool


@pytest.fixture(
    scope="module", params=ENDS_IN_SOFTMAX + ENDS_IN_LOGITS, ids=lambda build: build.__name__
)
def traced(request):
    keras.utils.set_random_seed(0)
    model = request.param()
    layer_outputs = [layer.output for layer in model.layers]
    before = model.to_json(), model.get_weights(), layer_outputs, evaluate(model)
    logits_model = build_logits_model(model)
    graph = trace_calls(logits_model)
    return Traced(model, *before, logits_model, graph, request.param in ENDS_IN_SOFTMAX)


def run_split(graph, layer_name, inputs=PICTURES):
    boundary, head = split_calls(graph, layer_name)
    trunk = needed_calls(graph.calls, boundary)
    values = run_calls(trunk, [(graph.input, inputs)], boundary)
    return run_calls(head, list(zip(boundary, values, strict=True)), [graph.output])[0].numpy()


def feature_layers(graph):
    outputs = {call.layer.name: call.output for call in graph.calls}
    return [name for name, x in outputs.items() if not isinstance(x, list) and len(x.shape) == 4]


def layer_names(calls):
    return [call.layer.name for call in calls]


# Right numbers, for every network


def test_the_logits_are_those_of_the_networks_output(traced):
    logits = evaluate(traced.logits_model)
    expected = softmax(logits) if traced.ends_in_softmax else logits
    np.testing.assert_allclose(expected, traced.outputs, atol=1e-6)
    assert np.abs(logits.sum(axis=-1) - 1).min() > 1e-3  # not the probabilities themselves


def test_the_calls_compute_the_logits(traced):
    [logits] = run_calls(
        traced.graph.calls, [(traced.graph.input, PICTURES)], [traced.graph.output]
    )
    np.testing.assert_allclose(logits.numpy(), evaluate(traced.logits_model), atol=1e-6)


def test_trunk_then_head_compute_the_logits_for_every_layer(traced):
    expected = evaluate(traced.logits_model)
    assert feature_layers(traced.graph)
    for name in feature_layers(traced.graph):
        np.testing.assert_allclose(run_split(traced.graph, name), expected, atol=1e-6, err_msg=name)


def test_the_head_does_not_repeat_the_trunk(traced):
    for name in feature_layers(traced.graph):
        boundary, head = split_calls(traced.graph, name)
        trunk = needed_calls(traced.graph.calls, boundary)
        assert not {id(call) for call in trunk} & {id(call) for call in head}
        assert boundary[0] is output_of(traced.graph, name)
        assert len({id(tensor) for tensor in boundary}) == len(boundary)


# The caller's network stays as it is


def test_the_callers_network_keeps_its_configuration(traced):
    assert traced.model.to_json() == traced.config


def test_the_callers_network_keeps_its_weights(traced):
    assert all(map(np.array_equal, traced.model.get_weights(), traced.weights))


def test_the_callers_layers_keep_their_outputs(traced):
    pairs = zip(traced.model.layers, traced.layer_outputs, strict=True)
    assert all(layer.output is output for layer, output in pairs)


def test_the_callers_network_computes_what_it_did(traced):
    np.testing.assert_array_equal(evaluate(traced.model), traced.outputs)


def test_the_logits_model_stands_on_the_same_variables(traced):
    variables = {id(v) for v in traced.model.variables}
    assert {id(v) for v in traced.logits_model.variables} == variables


@pytest.mark.parametrize("build", [functional, nested, nested_head, residual])
def test_keras_has_nothing_to_warn_of(build):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        graph = trace(build())
        run_calls(graph.calls, [(graph.input, PICTURES)], [graph.output])


# What a graph lists, by hand


def test_the_calls_of_a_plain_network():
    graph = trace(functional())
    assert layer_names(graph.calls) == ["a", "b", "pool", "predictions_logits"]


def test_the_softmax_is_gone_from_the_calls():
    graph = trace(softmax_activation_layer())
    assert "softmax" not in layer_names(graph.calls)


def test_the_calls_of_a_nested_model_are_spelled_out():
    graph = trace(nested())
    names = list(dict.fromkeys(layer_names(graph.calls)))
    assert [n for n in names if n in "abcz"] == ["a", "b", "c", "z"]


@pytest.mark.parametrize("build", [nested, nested_first_with_training_flag, nested_sequential])
def test_each_layer_of_a_nested_model_is_called_once(build):
    graph = trace(build())
    called = [call.layer for call in graph.calls if isinstance(call.layer, layers.Conv2D)]
    assert len(called) == len({id(layer) for layer in called})


def test_a_layer_applied_twice_is_listed_twice():
    graph = trace(applied_twice())
    assert layer_names(graph.calls).count("shared") == 2


def test_the_output_of_a_layer_applied_twice_is_the_last():
    graph = trace(applied_twice())
    second = [call for call in graph.calls if call.layer.name == "shared"][1]
    assert output_of(graph, "shared") is second.output


def test_a_cut_behind_a_layer_applied_twice_leaves_the_first_application_to_the_trunk():
    graph = trace(applied_twice())
    boundary, head = split_calls(graph, "shared")
    assert layer_names(needed_calls(graph.calls, boundary)) == ["a", "shared", "shared"]
    assert layer_names(head) == ["pool", "predictions_logits"]


def test_a_cut_of_a_chain_has_one_tensor():
    graph = trace(functional())
    boundary, head = split_calls(graph, "a")
    assert layer_names(needed_calls(graph.calls, boundary)) == ["a"]
    assert layer_names(head) == ["b", "pool", "predictions_logits"]
    assert [id(tensor) for tensor in boundary] == [id(output_of(graph, "a"))]


@pytest.mark.parametrize(
    "layer_name, crossing, head",
    [
        ("a", [], ["b", "c", "add", "d", "pool", "predictions_logits"]),
        ("b", ["a"], ["c", "add", "d", "pool", "predictions_logits"]),
        ("c", ["a"], ["add", "d", "pool", "predictions_logits"]),
        ("add", [], ["d", "pool", "predictions_logits"]),
    ],
)
def test_a_shortcut_crosses_the_cut_inside_a_residual_block(layer_name, crossing, head):
    graph = trace(residual())
    boundary, calls = split_calls(graph, layer_name)
    expected = [output_of(graph, name) for name in [layer_name, *crossing]]
    assert [id(tensor) for tensor in boundary] == [id(tensor) for tensor in expected]
    assert layer_names(calls) == head


def test_the_networks_input_can_cross_the_cut():
    graph = trace(shortcut_from_the_input())
    boundary, _ = split_calls(graph, "a")
    assert boundary[1] is graph.input


def test_needed_calls_leave_out_what_other_outputs_need():
    graph = trace(residual())
    assert layer_names(needed_calls(graph.calls, [output_of(graph, "b")])) == ["a", "b"]


def test_needed_calls_of_nothing_are_none():
    graph = trace(functional())
    assert needed_calls(graph.calls, []) == []


def test_run_calls_returns_what_is_fetched_in_that_order():
    model = functional()
    graph = trace(model)
    fetches = [output_of(graph, "b"), output_of(graph, "a")]
    b, a = run_calls(graph.calls, [(graph.input, PICTURES)], fetches)
    np.testing.assert_array_equal(a, model.get_layer("a")(PICTURES))
    np.testing.assert_array_equal(b, model.get_layer("b")(a))


def test_the_linear_head_holds_the_dense_layers_own_variables():
    model = functional()
    head = build_logits_model(model).layers[-1]
    assert isinstance(head, LinearHead)
    assert [id(v) for v in head.variables] == [id(v) for v in model.layers[-1].variables]


def test_the_linear_head_takes_tf_keras_vis_replacement_of_its_activation():
    logits_model = build_logits_model(functional())
    expected = evaluate(logits_model)
    logits_model.layers[-1].activation = keras.activations.linear
    np.testing.assert_array_equal(evaluate(logits_model), expected)


@pytest.mark.parametrize("build", [functional, softmax_without_bias, nested_head])
def test_a_logits_model_can_be_copied_and_saved(build, tmp_path):
    model = build()
    logits_model = build_logits_model(model)
    expected, variables = evaluate(logits_model), [id(v) for v in model.variables]
    clone = keras.models.clone_model(logits_model)
    clone.set_weights(logits_model.get_weights())
    logits_model.save(tmp_path / "logits.keras")
    for copy in (clone, keras.models.load_model(tmp_path / "logits.keras")):
        np.testing.assert_array_equal(evaluate(copy), expected)
        assert not {id(v) for v in copy.variables} & {id(v) for v in logits_model.variables}
        copy.set_weights([weight + 1 for weight in copy.get_weights()])
    np.testing.assert_array_equal(evaluate(logits_model), expected)
    assert [id(v) for v in model.variables] == variables


def test_tf_keras_vis_can_copy_a_logits_model():
    with warnings.catch_warnings(action="ignore"):  # SciPy's, of a module that it uses
        from tf_keras_vis.gradcam import Gradcam
        from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
        from tf_keras_vis.utils.scores import CategoricalScore
    keras.utils.set_random_seed(0)
    logits_model = build_logits_model(functional())
    heatmaps = [
        gradcam(CategoricalScore([1, 1]), PICTURES, penultimate_layer="b")
        for gradcam in (
            Gradcam(logits_model, clone=False),
            Gradcam(logits_model, model_modifier=ReplaceToLinear()),
        )
    ]
    assert heatmaps[0].any()
    np.testing.assert_array_equal(*heatmaps)


def test_logits_do_not_depend_on_the_dtype_policy_in_force_when_traced():
    model = softmax_activation_layer()
    expected = evaluate(build_logits_model(model))
    keras.config.set_dtype_policy("mixed_float16")
    try:
        logits_model = build_logits_model(model)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(evaluate(logits_model), expected)


# What is refused


def softmax_then(*more):
    return lambda: chain(conv("a"), top(), *more)


@pytest.mark.parametrize(
    "build, words",
    [
        (
            lambda: chain(conv("a"), top("sigmoid")),
            "'predictions'.*'sigmoid'.*softmax or in logits",
        ),
        (
            lambda: chain(conv("a"), top(None), layers.Activation("tanh", name="end")),
            "'end'.*'tanh'",
        ),
        (lambda: chain(conv("a"), top("relu")), "'predictions'.*'relu'"),
        (
            lambda: chain(conv("a"), layers.GlobalAveragePooling2D(), layers.ReLU(name="end")),
            "'end'.*softmax or in logits",
        ),
        (lambda: chain(conv("a"), top(None), keras.ops.softmax), "softmax or in logits"),
        (lambda: chain(conv("a"), top(None), keras.ops.sigmoid), "softmax or in logits"),
        (softmax_then(layers.Activation("linear")), "softmax or in logits"),
        (softmax_then(layers.Dropout(0.5)), "softmax or in logits"),
        (softmax_then(layers.Reshape((3, 1)), layers.Flatten()), "softmax or in logits"),
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


def two_inputs():
    inputs = [keras.Input((8, 8, 3)), keras.Input((8, 8, 3))]
    return keras.Model(inputs, top()(layers.Add()(inputs)), name="two_inputs")


def two_outputs():
    inputs = keras.Input((8, 8, 3))
    x = conv("a")(inputs)
    return keras.Model(inputs, [top()(x), layers.Flatten()(x)], name="two_outputs")


@pytest.mark.parametrize(
    "build, name",
    [
        (Subclassed, "subclassed"),
        (lambda: keras.Sequential([layers.Dense(3)], name="unbuilt"), "unbuilt"),
        (two_inputs, "two_inputs"),
        (two_outputs, "two_outputs"),
        (lambda: "vgg16", "vgg16"),
    ],
)
def test_another_kind_of_network_is_refused_by_name(build, name):
    with pytest.raises(ValueError, match=f"{name!r}.*one input and one output.*keras.Input"):
        build_logits_model(build())


# The embedded network


@pytest.mark.parametrize(
    "layer_name",
    [
        "stem_activation",
        "block2b_add",
        "block3b_dwconv",
        "top_activation",
    ],
)
def test_trunk_then_head_compute_the_logits_of_the_embedded_network(embedded, chelsea, layer_name):
    inputs = embedded.preprocess(chelsea)
    expected = embedded.logits(chelsea)  # up to 10 in size
    np.testing.assert_allclose(run_split(embedded.graph, layer_name, inputs), expected, atol=1e-5)


def test_the_embedded_networks_logits_model_ends_in_a_linear_activation(embedded):
    """As tf-keras-vis expects of a network that `ReplaceToLinear` has been through."""
    assert embedded.logits_model.layers[-1].activation is keras.activations.linear


def test_softmax_of_the_embedded_networks_logits_is_its_output(embedded, chelsea):
    inputs = embedded.preprocess(chelsea)
    probabilities = softmax(evaluate(embedded.logits_model, inputs))
    np.testing.assert_allclose(probabilities, evaluate(embedded.model, inputs), atol=1e-6)


def test_the_shortcut_of_an_embedded_block_crosses_a_cut_inside_it(embedded):
    boundary, _ = split_calls(embedded.graph, "block3b_dwconv")
    shortcut = output_of(embedded.graph, "block3a_project_bn")
    assert [id(tensor) for tensor in boundary[1:]] == [id(shortcut)]
