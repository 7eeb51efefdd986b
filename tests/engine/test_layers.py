"""Which layers there are to choose from."""

import pytest
from small_networks import chain, layers, nested, wrap

from course_utils.backend import keras
from course_utils.networks.classifier import runner_of
from course_utils.networks.registry import NETWORKS


def head():
    return [layers.GlobalAveragePooling2D(name="pool"), layers.Dense(3)]


def vgg_like():
    """Activations are part of the convolutions; the resolution halves between blocks."""
    parts = []
    for block in (1, 2, 3, 4, 5):
        for i in (1, 2):
            name = f"block{block}_conv{i}"
            parts.append(layers.Conv2D(4, 3, padding="same", activation="relu", name=name))
        parts.append(layers.MaxPooling2D(name=f"block{block}_pool"))
    return chain([*parts, layers.Flatten(), layers.Dense(3)], (32, 32, 3))


def test_the_layers_of_a_vgg_are_its_convolutions():
    classifier = wrap(vgg_like())
    names = [f"block{block}_conv{i}" for block in range(1, 6) for i in (1, 2)]
    assert classifier.conv_layer_names == names
    assert classifier.key_layer_names == ["block1_conv1", "block3_conv2", "block5_conv2"]


def test_where_normalization_and_activation_follow_the_last_of_them_counts(embedded):
    names = embedded.conv_layer_names
    assert len(names) == 1 + 16 * 2 + 15 + 1  # the first block has no expansion
    assert names[:3] == ["stem_activation", "block1a_activation", "block1a_project_bn"]
    assert embedded.last_conv_layer_name == names[-1] == "top_activation"
    keys = ["stem_activation", "block4a_expand_activation", "top_activation"]
    assert embedded.key_layer_names == keys


@pytest.mark.parametrize(
    "name, count, key",
    [
        ("resnet50", 53, ["conv1_relu", "conv3_block4_3_bn", "conv5_block3_3_bn"]),
        ("mobilenet_v2", 52, ["Conv1_relu", "block_6_expand_relu", "out_relu"]),
    ],
)
def test_layers_of_networks_of_keras(name, count, key, monkeypatch):
    zeros = staticmethod(lambda shape, dtype=None: keras.ops.zeros(shape, dtype))
    monkeypatch.setattr(keras.initializers.GlorotUniform, "__call__", zeros)  # to be quick
    classifier = wrap(NETWORKS[name].build(lambda layer_name, out: out.fill(0)))
    assert len(classifier.conv_layer_names) == count
    assert classifier.key_layer_names == key


def test_layers_of_a_nested_model_count():
    classifier = wrap(nested())
    assert classifier.conv_layer_names == ["relu"]
    shapes = runner_of(classifier).feature_map_shapes
    assert shapes == {name: (6, 6, 4) for name in ("conv", "bn", "relu", "base")}


def test_a_convolution_that_several_layers_read_gives_its_own_maps():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(3, 3, padding="same", name="conv")(inputs)
    x = layers.Add()([layers.ReLU(name="relu")(x), x])
    classifier = wrap(keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x))))
    assert classifier.conv_layer_names == ["conv"]


def test_each_kind_of_convolution_counts():
    kinds = [
        layers.DepthwiseConv2D(3, name="depthwise"),
        layers.SeparableConv2D(4, 3, name="separable"),
        layers.Conv2DTranspose(4, 3, name="transpose"),
        layers.MaxPooling2D(),
    ]
    classifier = wrap(chain([*kinds, *head()]))
    assert classifier.conv_layer_names == ["depthwise", "separable", "transpose"]


def test_without_convolutions_another_layer_may_be_named():
    runner = runner_of(wrap(chain([layers.ReLU(name="relu"), *head()])))
    assert runner.check_layer_name("relu") == "relu"
    with pytest.raises(ValueError, match="no convolution layers. Name another"):
        runner.check_layer_name(None)
    with pytest.raises(ValueError, match="'pool' has no height and width.*: 'relu'[.]"):
        runner.check_layer_name("pool")
