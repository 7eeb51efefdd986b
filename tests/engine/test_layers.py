"""Which layers there are to choose from."""

import re
import warnings
from functools import partial

import numpy as np
import pytest
from small_networks import chain, layers, wrap

import course_utils as cu
from course_utils.backend import keras
from course_utils.networks.classifier import runner_of

Conv = partial(layers.Conv2D, 4, 3, padding="same")


def test_the_layers_of_a_vgg_are_its_convolutions():
    """Activations are part of the convolutions; the resolution halves between blocks."""
    names = [f"block{block}_conv{i}" for block in range(1, 6) for i in (1, 2)]
    convolutions = [Conv(activation="relu", name=name) for name in names]
    blocks = zip(convolutions[::2], convolutions[1::2], strict=True)
    steps = [step for block in blocks for step in (*block, layers.MaxPooling2D())]
    classifier = wrap(chain([*steps, layers.Flatten(), layers.Dense(3)], (32, 32, 3)))
    assert classifier.conv_layer_names == names
    assert classifier.key_layer_names == ["block1_conv1", "block3_conv2", "block5_conv2"]


def test_where_normalization_and_activation_follow_the_last_of_them_counts(embedded):
    names = embedded.conv_layer_names
    assert len(names) == 1 + 16 * 2 + 15 + 1  # the first block has no expansion
    assert names[:3] == ["stem_activation", "block1a_activation", "block1a_project_bn"]
    assert embedded.last_conv_layer_name == names[-1] == "top_activation"
    keys = ["stem_activation", "block4a_expand_activation", "top_activation"]
    assert embedded.key_layer_names == keys


def test_a_convolution_that_several_layers_read_gives_its_own_maps():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(3, 3, padding="same", name="conv")(inputs)
    x = layers.Add(name="add")([layers.ReLU(name="relu")(x), x])
    classifier = wrap(keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x))))
    assert classifier.conv_layer_names == ["conv", "add"]


def test_a_layer_without_height_and_width_is_refused_with_the_nearest_names():
    pool = layers.GlobalAveragePooling2D(name="pool")
    runner = runner_of(wrap(chain([layers.ReLU(name="relu"), pool, layers.Dense(3)])))
    assert runner.check_layer_name("relu") == "relu"
    with pytest.raises(ValueError, match="'pool' has no height and width.*: 'relu'[.]"):
        runner.check_layer_name("pool")


class Block(layers.Layer):
    """A block of one's own, with a convolution in it."""

    def build(self, shape):
        self.conv = Conv()

    def call(self, inputs):
        return keras.ops.relu(self.conv(inputs)) + inputs[..., :1]


def joined(x):
    """A block whose shortcut is added behind the last convolution."""
    return layers.Add(name="add")([x, Conv(name="last")(x)])


def squeeze_and_excite(x):
    scales = layers.Dense(4, activation="sigmoid")(layers.GlobalAveragePooling2D()(x))
    return layers.Multiply(name="scaled")([x, layers.Reshape((1, 1, 4))(scales)])


def towers(x):
    """Two branches, each shrunk to one place before they meet."""
    ends = [layers.Conv2D(2, 8)(Conv(name=name)(x)) for name in ("left", "right")]
    return layers.Concatenate()(ends)


def first_of_two_outputs(x):
    """A backbone of which only a part is used."""
    inputs = keras.Input((8, 8, 4))
    used = Conv(name="used")(inputs)
    return keras.Model(inputs, [used, Conv(name="unused")(used)])(x)[0]


def from_a_vector(x):
    return layers.Reshape((2, 2, 4))(layers.Dense(16)(layers.Flatten()(x)))


@pytest.mark.parametrize(
    "end, default",
    [
        ([Conv(activation="relu", name="c")], "c"),
        *(
            ([Conv(name="c"), layers.BatchNormalization(), kind(name="a")], "a")
            for kind in (layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU)
        ),
        ([Conv(), layers.GroupNormalization(2), layers.Activation("gelu", name="a")], "a"),
        ([Conv(), layers.LayerNormalization(name="n")], "n"),
        ([Conv(), layers.Dropout(0.5), layers.ReLU(name="a"), layers.Dropout(0.5)], "a"),
        ([Conv(), keras.ops.relu], "relu"),
        ([joined], "add"),
        ([joined, layers.ReLU(name="out")], "out"),
        ([squeeze_and_excite], "scaled"),
        ([Block(name="block")], "block"),
        ([chain([Block(name="inside")], (8, 8, 4), "outside")], "inside"),
        ([Conv(activation="relu", name="c"), layers.MaxPooling2D()], "c"),
        ([layers.AveragePooling2D(2), layers.Dropout(0.5)], "stem"),
        ([layers.ZeroPadding2D(), layers.Conv2D(4, 10)], "stem"),
        ([Conv(name="c"), layers.GlobalAveragePooling2D(keepdims=True), layers.Conv2D(9, 1)], "c"),
        ([towers], "stem"),
        ([first_of_two_outputs], "used"),
        ([Conv(name="c"), from_a_vector], "c"),
        ([layers.Reshape((8, 8, 2, 2)), layers.Reshape((8, 8, 4), name="shuffled")], "shuffled"),
    ],
)
def test_the_default_is_the_last_layer_with_places_as_later_layers_read_it(end, default):
    stem = Conv(activation="relu", name="stem")
    classifier = wrap(chain([stem, *end, layers.Flatten(), layers.Dense(3)]))
    assert re.sub(r"_\d+$", "", classifier.last_conv_layer_name) == default  # Keras counts relu
    names, shapes = classifier.conv_layer_names, runner_of(classifier).feature_map_shapes
    assert classifier.last_conv_layer_name in names and {*map(len, shapes.values())} == {3}
    assert names == sorted(names, key=list(shapes).index)
    assert classifier.key_layer_names[-1] == classifier.last_conv_layer_name


def test_blocks_are_offered_and_what_has_one_place_is_not():
    first, second = Conv(activation="relu", name="first"), Block(name="second")
    third = [joined, layers.BatchNormalization(), layers.LeakyReLU(name="third")]
    pool, last = layers.GlobalAveragePooling2D(keepdims=True), layers.Conv2D(3, 1, name="last_one")
    classifier = wrap(chain([first, second, *third, pool, last, layers.Flatten()]))
    assert classifier.conv_layer_names == ["first", "second", "last", "third"]


def test_the_default_heatmap_shows_what_came_over_a_shortcut():
    """Class 0 sees red, nearly all of it over a shortcut, and red is on the left alone."""
    inputs = keras.Input((64, 64, 3))
    stem = layers.Conv2D(2, 1, activation="relu", name="stem")(inputs)
    joined = layers.Add()([stem, layers.Conv2D(2, 1, name="last_conv")(stem)])
    pooled = layers.GlobalAveragePooling2D()(layers.ReLU(name="block_out")(joined))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(pooled))
    red_and_blue, a_little_blue = np.zeros((1, 1, 3, 2)), np.zeros((1, 1, 2, 2))
    red_and_blue[0, 0, 0, 0] = red_and_blue[0, 0, 2, 1] = 1
    a_little_blue[0, 0, 1, 0] = 0.2
    zeros, red_counts = np.zeros(2), np.array([[10.0, 0], [0, 0]])
    model.set_weights([red_and_blue, zeros, a_little_blue, zeros, red_counts, zeros])
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[20:44, 4:28, 0] = picture[20:44, 36:60, 2] = 255
    classifier = wrap(model)
    for heatmap in (
        cu.make_gradcam_heatmap(classifier, picture, 0),
        cu.occlusion_map(classifier, picture, 0, 16, 8, "black"),
    ):
        left = heatmap[:, : heatmap.shape[1] // 2].sum() / heatmap.sum()
        assert left == pytest.approx(1 / 1.2, abs=1e-3)


def test_a_heatmap_of_one_place_is_warned_of_and_the_explorer_says_so():
    shrink = layers.Conv2D(4, 8, activation="relu", kernel_initializer="ones", name="shrink")
    dense = layers.Dense(2, kernel_initializer="ones")
    classifier = wrap(chain([shrink, layers.Flatten(), dense]))
    picture = np.full((8, 8, 3), 9, np.uint8)
    with pytest.warns(UserWarning, match="'shrink' has one place.*can't say where"):
        cu.make_gradcam_heatmap(classifier, picture)
        assert "one place" in cu.ClassExplorer(classifier, picture).status.value


def test_a_default_that_a_branch_leads_past_is_warned_of_and_the_explorer_says_so():
    """As many networks join averages of their stages; no layer of that size sees all."""
    inputs = keras.Input((8, 8, 3))
    stem = Conv(name="stem")(inputs)
    early = Conv(activation="relu", name="early")(stem)
    late = Conv(activation="relu", strides=2, name="late")(early)
    pooled = [layers.GlobalAveragePooling2D()(maps) for maps in (early, late)]
    joined = layers.Concatenate()([*pooled, layers.Lambda(lambda x: x[:, 0, 0])(stem)])
    model = keras.Model(inputs, layers.Dense(2, kernel_initializer="ones")(joined))
    classifier, picture = wrap(model), np.full((8, 8, 3), 99, np.uint8)
    words = "'late' leaves out what bypasses this layer by way of 'early', 'stem'[.]"
    with pytest.warns(UserWarning, match=words):
        cu.make_gradcam_heatmap(classifier, picture)
        assert "by way of" in cu.ClassExplorer(classifier, picture).status.value
    with warnings.catch_warnings(action="error"):  # whoever names a layer knows where it is
        cu.make_gradcam_heatmap(classifier, picture, layer_name="early")
