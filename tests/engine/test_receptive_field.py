"""Receptive fields, against gradients of networks whose weights are all 1, and known numbers."""

import numpy as np
import pytest
from small_networks import chain, layers

from course_utils.backend import keras, tf
from course_utils.engine.graph import trace_calls
from course_utils.engine.runner import Runner
from course_utils.networks.classifier import runner_of


def network(*steps, size=33):
    return chain(steps, (size, size, 1))


def fields_of(model):
    return Runner(trace_calls(model), None).receptive_fields


def joined(one, other, size=33, merge=layers.Add):
    """A network that adds what two paths make of a picture."""
    inputs = keras.Input((size, size, 1))
    return keras.Model(inputs, merge()([keras.Sequential(path)(inputs) for path in (one, other)]))


def same(kernel, strides=1):
    return layers.Conv2D(1, kernel, strides, padding="same")


def pad(before, after):
    return layers.ZeroPadding2D(((before, after),) * 2)


def crop(before, after):
    return layers.Cropping2D(((before, after),) * 2)


def three_steps_further(strides):
    return [layers.Conv2D(1, 1, strides), crop(3, 0), pad(0, 3)]


@pytest.mark.parametrize(
    "model",
    [
        network(layers.Conv2D(2, 3)),
        network(layers.Conv2D(2, (1, 5), padding="same")),
        network(layers.Conv2D(2, 3, 2), layers.Conv2D(2, 3)),
        network(layers.Conv2D(2, 3, dilation_rate=2), layers.Conv2D(1, 3)),
        network(layers.DepthwiseConv2D(5, 2, padding="same"), layers.Conv2D(1, 1)),
        network(layers.SeparableConv2D(2, 3), layers.SeparableConv2D(2, 3)),
        network(layers.Conv2D(1, 3), layers.AveragePooling2D(3, 2)),
        network(layers.ZeroPadding2D(2), layers.Conv2D(1, 3, 2), layers.Cropping2D(1)),
        network(layers.Conv2D(2, 3), layers.ReLU(), layers.Dropout(0.5)),
        network(network(layers.Conv2D(2, 3), layers.AveragePooling2D(2)), layers.Conv2D(1, 3)),
        joined([same(3), same((3, 5))], [same(1)]),
        joined([same(3, 2), same((3, 5))], [same(11, 2)]),
        joined([same(3)], three_steps_further(1), merge=layers.Concatenate),
        joined([same(5)], three_steps_further(1), merge=lambda: layers.Concatenate(3)),
        joined([same(3, 2)], three_steps_further(2)),
        joined([same(3, 2)], three_steps_further(2), size=32),
        joined([same(2)], [pad(1, 0), crop(0, 1)]),
        joined([layers.Conv2D(1, 3)], [pad(2, 0), crop(0, 4)]),
        joined([layers.Conv2D(1, 3)], [same(3), crop(2, 0)]),
        joined([same(3), crop(0, 6)], [same(3), crop(6, 0)]),
    ],
)
def test_a_field_is_where_gradients_are(model):
    for variable in model.weights:
        variable.assign(np.full(variable.shape, 0.0 if "bias" in variable.name else 1.0))
    inputs = tf.random.stateless_uniform((1, *model.input_shape[1:]), [1, 2])

    @tf.function  # eagerly, TensorFlow also takes the gradient at the kernel, and may crash
    def slope(inputs):
        output = model(inputs)
        return tf.gradients(output[0, output.shape[1] // 2, output.shape[2] // 2], inputs)[0]

    touched = np.abs(slope(inputs)[0]).max(axis=-1) > 0
    rows, columns = (np.flatnonzero(touched.any(axis=axis)) for axis in (1, 0))
    expected = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    assert fields_of(model)[model.layers[-1].name] == expected


def test_the_published_fields_of_vgg16():
    fields = fields_of(keras.applications.VGG16(False, weights=None, input_shape=(224, 224, 3)))
    published = {"block1_conv1": 3, "block1_pool": 6, "block5_conv3": 196, "block5_pool": 212}
    assert {name: fields[name] for name in published} == {n: (s, s) for n, s in published.items()}


def test_the_fields_of_the_embedded_network(embedded):
    fields = runner_of(embedded).receptive_fields
    assert fields["stem_conv"] == fields["stem_activation"] == (3, 3)
    assert fields["block1a_dwconv"] == (7, 7)  # 3 + (3 - 1) * 2
    assert fields["avg_pool"] is None and fields["predictions_logits"] is None
    sizes = [fields[name][0] for name in embedded.conv_layer_names]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize(
    "odd",
    [
        layers.Conv2DTranspose(1, 3),
        layers.Dense(2),
        layers.GlobalAveragePooling2D(keepdims=True),
        layers.LayerNormalization(),
        layers.Permute((2, 1, 3)),
        layers.UpSampling2D(),
        keras.ops.relu,
    ],
)
def test_a_layer_that_sees_everything_or_is_not_known_has_none_nor_what_reads_it(odd):
    model = network(layers.Conv2D(1, 3, padding="same"), odd, layers.Conv2D(1, 1))
    conv, *others = fields_of(model).values()
    assert conv == (3, 3) and len(others) == 2 and set(others) == {None}


def test_paths_that_go_on_by_different_steps_have_no_common_field():
    model = joined([same(3, 2)], [layers.Cropping2D(2)], size=9)
    assert fields_of(model)[model.layers[-1].name] is None
