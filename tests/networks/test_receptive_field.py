"""Receptive fields, against gradients of networks whose weights are all 1, and known numbers."""

import numpy as np
import pytest
from small_networks import layers

from course_utils.networks.backend import keras, tf
from course_utils.networks.classifier import runner_of
from course_utils.networks.graph import trace_calls
from course_utils.networks.receptive_field import receptive_fields


def network(*stack, size=33, color=1):
    inputs = keras.Input((size, size, color))
    x = inputs
    for layer in stack:
        x = layer(x)
    return keras.Model(inputs, x)


def with_ones(model):
    for variable in model.weights:
        variable.assign(np.full(variable.shape, 0.0 if "bias" in variable.name else 1.0))
    return model


def measured_field(model):
    """How many rows and columns of the input the middle of the output depends on."""
    graph = trace_calls(model)
    inputs = tf.random.stateless_uniform((1, *model.input_shape[1:]), [1, 2])
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = model(inputs)
        middle = output[0, output.shape[1] // 2, output.shape[2] // 2, 0]
    touched = np.abs(tape.gradient(middle, inputs)[0]).max(axis=-1) > 0
    assert graph.output.shape[1] == output.shape[1]
    rows, columns = np.flatnonzero(touched.any(axis=1)), np.flatnonzero(touched.any(axis=0))
    return rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1


def residual(strides, projection):
    inputs = keras.Input((33, 33, 2))
    x = layers.Conv2D(2, 3, strides, padding="same")(inputs)
    x = layers.Conv2D(2, (3, 5), padding="same")(x)
    shortcut = layers.Conv2D(2, projection, strides, padding="same")(inputs)
    return keras.Model(inputs, layers.Add()([x, shortcut]))


def shifted_paths():
    """Two paths that look at different places: the union is larger than either."""
    inputs = keras.Input((33, 33, 1))
    left = layers.Cropping2D(((0, 6), (0, 6)))(layers.Conv2D(1, 3, padding="same")(inputs))
    right = layers.Cropping2D(((6, 0), (6, 0)))(layers.Conv2D(1, 3, padding="same")(inputs))
    return keras.Model(inputs, layers.Concatenate()([left, right])), (9, 9)


def before(count):
    return layers.ZeroPadding2D(((count, 0), (count, 0)))


def crop(count):
    return layers.Cropping2D(((count, 0), (count, 0)))


def after(count):
    return layers.Cropping2D(((0, count), (0, count)))


NETWORKS = {
    "one convolution": network(layers.Conv2D(2, 3)),
    "wide kernel": network(layers.Conv2D(2, (1, 5), padding="same")),
    "strides": network(layers.Conv2D(2, 3, 2), layers.Conv2D(2, 3)),
    "dilation": network(layers.Conv2D(2, 3, dilation_rate=2), layers.Conv2D(1, 3)),
    "depthwise": network(layers.DepthwiseConv2D(5, 2, padding="same"), layers.Conv2D(1, 1)),
    "separable": network(layers.SeparableConv2D(2, 3), layers.SeparableConv2D(2, 3)),
    "pooling": network(layers.Conv2D(1, 3), layers.AveragePooling2D(3, 2)),
    "padding": network(layers.ZeroPadding2D(2), layers.Conv2D(1, 3, 2), layers.Cropping2D(1)),
    "pointwise": network(layers.Conv2D(2, 3), layers.ReLU(), layers.Dropout(0.5)),
    "residual": residual(1, 1),
    "residual with strides": residual(2, 1),
    "wide shortcut": residual(2, 11),
    "shifted paths": shifted_paths()[0],
}


@pytest.mark.parametrize("name", NETWORKS)
def test_is_what_gradients_measure(name):
    model = with_ones(NETWORKS[name])
    graph = trace_calls(model)
    field = receptive_fields(graph)[graph.calls[-1].layer.name]
    if name == "shifted paths":  # the gradient of its first channel sees one of the paths
        assert field == shifted_paths()[1]
    else:
        assert field == measured_field(model)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("block1_conv1", 3), ("block1_pool", 6), ("block5_conv3", 196), ("block5_pool", 212)],
)
def test_vgg16(name, expected, vgg16_graph):
    assert receptive_fields(vgg16_graph)[name] == (expected, expected)


@pytest.fixture(scope="module")
def vgg16_graph():
    return trace_calls(
        keras.applications.VGG16(weights=None, include_top=False, input_shape=(224, 224, 3))
    )


def test_embedded_network(embedded):
    fields = receptive_fields(runner_of(embedded).graph)
    assert fields["stem_conv"] == fields["stem_activation"] == (3, 3)
    assert fields["block1a_dwconv"] == (7, 7)  # 3 + (3 - 1) * 2
    assert fields["avg_pool"] is None and fields["predictions_logits"] is None
    sizes = [fields[name][0] for name in embedded.conv_layer_names]
    assert sizes == sorted(sizes)


def test_global_pooling_sees_everything_and_so_does_what_reads_it():
    inputs = keras.Input((16, 16, 4))
    x = layers.Conv2D(4, 3, padding="same", name="conv")(inputs)
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x)
    x = layers.Multiply(name="excite")([x, gate])
    fields = receptive_fields(trace_calls(keras.Model(inputs, x)))
    assert fields == {"conv": (3, 3), "squeeze": None, "excite": None}


def test_unknown_layers_are_not_guessed():
    model = network(
        layers.Conv2D(1, 3, name="conv"),
        layers.UpSampling2D(name="up"),
        layers.Conv2D(1, 3, name="after"),
        layers.Conv2DTranspose(1, 3, name="transpose"),
    )
    fields = receptive_fields(trace_calls(model))
    assert fields == {"conv": (3, 3), "up": None, "after": None, "transpose": None}


ODD = {
    "Dense": layers.Dense(2),
    "LayerNormalization": layers.LayerNormalization(),
    "Permute": layers.Permute((2, 1, 3)),
    "operation": keras.ops.relu,
}


@pytest.mark.parametrize("name", ODD)
def test_a_layer_of_another_kind_has_none(name):
    graph = trace_calls(network(layers.Conv2D(1, 3, padding="same"), ODD[name]))
    conv, *others = receptive_fields(graph).values()
    assert conv == (3, 3) and set(others) == {None}


def test_a_free_input_size_is_no_obstacle_where_the_padding_is_known():
    model = network(
        layers.Conv2D(1, 3, padding="same", name="conv"),
        layers.MaxPooling2D(2, name="pool"),
        layers.Conv2D(1, 3, 2, padding="same", name="depends_on_the_size"),
        size=None,
    )
    fields = receptive_fields(trace_calls(model))
    assert fields == {"conv": (3, 3), "pool": (4, 4), "depends_on_the_size": None}


def test_looks_into_nested_models():
    inner = network(layers.Conv2D(2, 3, name="inner_conv"), layers.MaxPooling2D(2, name="pool"))
    model = keras.Sequential([keras.Input((33, 33, 1)), inner, layers.Conv2D(1, 3, name="outer")])
    fields = receptive_fields(trace_calls(model))
    assert (fields["inner_conv"], fields["pool"], fields["outer"]) == ((3, 3), (4, 4), (8, 8))


def test_paths_with_different_strides_have_none():
    inputs = keras.Input((9, 9, 1))
    one = layers.Conv2D(1, 3, 2, padding="same")(inputs)
    other = layers.Cropping2D(2)(inputs)
    model = keras.Model(inputs, layers.Add(name="add")([one, other]))
    assert receptive_fields(trace_calls(model))["add"] is None


@pytest.mark.parametrize(
    ("kernel", "strides", "size", "expected"),
    [(3, 1, 9, 5), (5, 1, 9, 6), (3, 2, 9, 8), (3, 2, 8, 7)],
)
def test_padding_decides_where_a_window_stands(kernel, strides, size, expected):
    """One path sees pixel 3 * strides for the first value, the other what its padding leaves."""
    inputs = keras.Input((size, size, 1))
    conv = layers.Conv2D(1, kernel, strides, padding="same")(inputs)
    shifted = layers.Cropping2D(((3, 0), (3, 0)))(layers.Conv2D(1, 1, strides)(inputs))
    shifted = layers.ZeroPadding2D(((0, 3), (0, 3)))(shifted)
    model = keras.Model(inputs, layers.Add(name="add")([conv, shifted]))
    assert receptive_fields(trace_calls(model))["add"] == (expected, expected)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [  # where the windows of the first value begin and end, counted in pixels
        ([layers.Conv2D(1, 3)], [before(2), after(4)], (-2, 3)),
        ([layers.Conv2D(1, 3)], [layers.Conv2D(1, 3, padding="same"), crop(2)], (0, 4)),
        ([layers.Conv2D(1, 2, padding="same")], [before(1), after(1)], (-1, 2)),
    ],
)
def test_two_paths_see_what_lies_between_their_ends(one, other, expected):
    inputs = keras.Input((9, 9, 1))
    paths = [keras.Sequential(path)(inputs) for path in (one, other)]
    model = keras.Model(inputs, layers.Concatenate(3, name="both")(paths))
    assert receptive_fields(trace_calls(model))["both"] == (expected[1] - expected[0],) * 2
