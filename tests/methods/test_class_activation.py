import subprocess
import sys
import warnings

import numpy as np
import pytest

import course_utils as cu
from course_utils.backend import keras, tf
from course_utils.gradcam import METHODS, feature_maps_and_gradients, grad_cam, grad_cam_plus_plus
from course_utils.tiles import resize_heatmap

layers = keras.layers

# Nothing here may warn unless a test expects it: neither Keras ("the structure of `inputs` doesn't
# match"), nor NumPy (overflow, division by zero).
pytestmark = [
    pytest.mark.filterwarnings("error::UserWarning"),
    pytest.mark.filterwarnings("error::RuntimeWarning"),
]


def wrap(model):
    return cu.ImageClassifier("net", model, lambda images: images / 255)


def chain(steps, shape=(8, 8, 3), name=None):
    """A functional model that applies layers one after another."""
    inputs = keras.Input(shape)
    x = inputs
    for step in steps:
        x = step(x)
    return keras.Model(inputs, x, name=name)


# By hand. The network sees two feature maps A of 2 x 2, the red and the green of the picture, and
# class 1 weighs each position: the gradient of its logit is G whatever the picture.

A = np.array([[[1, 2], [3, 4]], [[4, 0], [0, 1]]])
G = np.array([[[0.8, -1], [0, 0.3]], [[-0.6, 0.5], [0, 0]]])
PICTURE = np.stack([*A, np.zeros((2, 2))], axis=-1).astype(np.uint8)


@pytest.fixture
def by_hand():
    model = chain(
        [
            layers.Conv2D(2, 1, name="conv"),
            layers.Flatten(),
            layers.Dense(2, activation="softmax", name="predictions"),
        ],
        (2, 2, 3),
    )
    model.get_layer("conv").set_weights([np.eye(3, 2)[None, None], np.zeros(2)])
    kernel = np.stack([np.zeros(8), G.transpose(1, 2, 0).ravel()], axis=-1)
    model.get_layer("predictions").set_weights([kernel, np.array([-100, 0])])
    return cu.ImageClassifier("by hand", model, lambda images: images)


@pytest.mark.parametrize(
    "method, expected",
    [
        # Mean gradients 0.1 / 4 and -0.1 / 4; 0.025 A_0 - 0.025 A_1 = [[-3, 2], [3, 3]] / 40.
        ("grad_cam", [[0, 2 / 3], [1, 1]]),
        # Sums 10 and 5 of the maps. Weights 0.8 / (2 + 10 * 0.8) + 0.3 / (2 + 10 * 0.3) = 0.14 and
        # 0.5 / (2 + 5 * 0.5) = 1/9, so 0.14 A_0 + A_1 / 9, times 900:
        ("grad_cam++", np.array([[526, 252], [378, 604]]) / 604),
        # 0.8 * 1 + 0 * 4, 0 * 2 + 0.5 * 0, 0, 0.3 * 4 + 0 * 1.
        ("layer_cam", [[2 / 3, 0], [0, 1]]),
    ],
)
def test_heatmap_by_hand(by_hand, method, expected):
    heatmap = cu.make_gradcam_heatmap(by_hand, PICTURE, 1, "conv", method)
    np.testing.assert_allclose(heatmap, expected, rtol=1e-6)
    assert heatmap.dtype == np.float32


def test_gradient_is_that_of_the_logit(by_hand):
    """The probability's gradient would be 0 here: the network is certain."""
    maps, gradients = feature_maps_and_gradients(by_hand, PICTURE, 1, "conv")
    np.testing.assert_allclose(maps, A.transpose(1, 2, 0))
    np.testing.assert_allclose(gradients, G.transpose(1, 2, 0), rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_no_class_means_the_first_ranked(by_hand, method):
    np.testing.assert_array_equal(
        cu.make_gradcam_heatmap(by_hand, PICTURE, method=method),
        cu.make_gradcam_heatmap(by_hand, PICTURE, 1, method=method),
    )


def test_of_equal_logits_the_first_ranks_first(by_hand):
    kernel, _ = by_hand.model.get_layer("predictions").get_weights()
    by_hand.model.get_layer("predictions").set_weights([0 * kernel + 0.5, np.zeros(2)])
    assert by_hand.resolve_class_index(PICTURE) == 0
    by_hand.model.get_layer("predictions").set_weights([kernel * 0 + [[0.5, 0.5]], np.zeros(2)])
    both = [feature_maps_and_gradients(by_hand, PICTURE, index)[1] for index in (None, 0)]
    np.testing.assert_array_equal(*both)


# What the formulas must be equal to


def cam(classifier, maps, class_index):
    """Zhou et al.'s class activation map: the dense layer's weights times the feature maps."""
    kernel = classifier.model.layers[-1].kernel.numpy()
    return maps @ kernel[:, class_index]


@pytest.mark.parametrize("class_index", range(3))
def test_grad_cam_is_cam_before_global_average_pooling(tiny, picture, class_index):
    maps, gradients = feature_maps_and_gradients(tiny, picture, class_index)
    expected = cam(tiny, maps, class_index) / (8 * 8)
    np.testing.assert_allclose(grad_cam(maps, gradients), expected, rtol=0, atol=1e-5)
    assert np.abs(expected).max() > 1e-3


@pytest.mark.parametrize("class_index", [285, 967])
def test_grad_cam_is_cam_on_the_embedded_network(embedded, chelsea, class_index):
    maps, gradients = feature_maps_and_gradients(embedded, chelsea, class_index)
    expected = cam(embedded, maps, class_index) / (7 * 7)
    np.testing.assert_allclose(grad_cam(maps, gradients), expected, rtol=0, atol=1e-5)
    assert maps.shape == (7, 7, 1280) and np.abs(expected).max() > 1e-2


def plus_plus_slowly(maps, gradients):
    """Grad-CAM++ as the paper writes it, one number at a time."""
    maps, gradients = maps.astype(np.float64), gradients.astype(np.float64)
    result = np.zeros(maps.shape[:2])
    for channel in range(maps.shape[2]):
        total = sum(maps[:, :, channel].flat)
        weight = 0.0
        for g in gradients[:, :, channel].flat:
            if g:
                alpha = g**2 / (2 * g**2 + total * g**3)
                weight += alpha * max(g, 0.0)
        result += weight * maps[:, :, channel]
    return result


def assert_as_in_the_paper(maps, gradients):
    expected = plus_plus_slowly(maps, gradients)
    scale = np.abs(expected).max()
    assert scale > 0
    ours = grad_cam_plus_plus(maps, gradients)
    np.testing.assert_allclose(ours / scale, expected / scale, rtol=0, atol=1e-5)
    assert ours.dtype == np.float32


@pytest.mark.parametrize("size_of_gradients", [1e-20, 1e-3, 1, 1e4])
@pytest.mark.parametrize("kind_of_maps", ["positive", "both signs", "negative"])
def test_grad_cam_plus_plus_is_the_papers(size_of_gradients, kind_of_maps):
    generator = np.random.default_rng(0)
    maps, gradients = generator.standard_normal((2, 5, 4, 30), np.float32)
    if kind_of_maps != "both signs":
        maps = np.abs(maps) if kind_of_maps == "positive" else -np.abs(maps)
    gradients[generator.random(gradients.shape) < 0.2] = 0
    assert_as_in_the_paper(maps, gradients * np.float32(size_of_gradients))


@pytest.mark.parametrize("class_index", [285, 967])
def test_grad_cam_plus_plus_is_the_papers_on_the_embedded_network(embedded, chelsea, class_index):
    maps, gradients = feature_maps_and_gradients(embedded, chelsea, class_index)
    expected = np.maximum(plus_plus_slowly(maps, gradients), 0)
    heatmap = cu.make_gradcam_heatmap(embedded, chelsea, class_index, method="grad_cam++")
    np.testing.assert_allclose(heatmap, expected / expected.max(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("factor", [1e4, 1e-20])
def test_grad_cam_plus_plus_for_large_and_tiny_logits(tiny, picture, factor):
    kernel, bias = tiny.model.layers[-1].get_weights()
    tiny.model.layers[-1].set_weights([kernel * np.float32(factor), bias])
    class_index = int(tiny.logits(picture)[0].argmax())
    if factor > 1:
        assert tiny.logits(picture).max() > 1e3
    assert_as_in_the_paper(*feature_maps_and_gradients(tiny, picture, class_index))
    heatmap = cu.make_gradcam_heatmap(tiny, picture, class_index, method="grad_cam++")
    assert np.isfinite(heatmap).all() and heatmap.max() == 1


def test_vanishing_denominator_of_alpha():
    """A map with sum -2 and gradients of 1: 2 + sum(A) g is 0, and alpha counts as 0."""
    maps = np.full((2, 2, 2), [-0.5, 1], np.float32)
    np.testing.assert_allclose(
        grad_cam_plus_plus(maps, np.ones((2, 2, 2), np.float32)), np.full((2, 2), 4 / (2 + 4))
    )


@pytest.mark.parametrize(
    "name, half, share",
    [("Egyptian cat", np.s_[:, :300], 0.85), ("espresso", np.s_[:, 300:], 0.80)],
)
def test_two_objects_in_one_picture(embedded, name, half, share):
    image = cu.load_image("cat_and_coffee")
    heatmap = cu.make_gradcam_heatmap(embedded, image, cu.class_index(name))
    heat = resize_heatmap(heatmap, (300, 600))
    assert heat[half].sum() >= share * heat.sum()


# Nothing that speaks for the class


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("weight", [-1, 0])
def test_no_evidence_gives_zeros_and_a_warning(tiny, picture, method, weight):
    kernel, bias = tiny.model.layers[-1].get_weights()
    tiny.model.layers[-1].set_weights([np.full_like(kernel, weight), bias])
    with pytest.warns(UserWarning, match=f"^{method.replace('+', '.')} finds nothing") as caught:
        heatmap = cu.make_gradcam_heatmap(tiny, picture, 0, method=method)
    np.testing.assert_array_equal(heatmap, np.zeros((8, 8), np.float32), strict=True)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("method", METHODS)
def test_silent_layer_gives_zeros_and_a_warning(tiny, picture, method):
    kernel, bias = tiny.model.get_layer("conv").get_weights()
    tiny.model.get_layer("conv").set_weights([kernel, bias - 1e6])
    with pytest.warns(UserWarning, match="all zeros"):
        heatmap = cu.make_gradcam_heatmap(tiny, picture, 0, method=method)
    np.testing.assert_array_equal(heatmap, np.zeros((8, 8), np.float32), strict=True)


def test_layer_that_the_class_does_not_depend_on(tiny, picture):
    """Its gradient is 0, not None."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(2, 3, name="conv")(inputs)
    outputs = layers.Dense(2)(layers.GlobalAveragePooling2D()(keras.ops.stop_gradient(x)))
    classifier = wrap(keras.Model(inputs, outputs))
    with pytest.warns(UserWarning, match="all zeros"):
        assert not cu.make_gradcam_heatmap(classifier, picture, 0, "conv").any()


# Half precision

HALVES = ["mixed_float16", "float16", "mixed_bfloat16"]


def two_convolutions(dtype="float32"):
    """The same small network in any precision."""
    model = chain(
        [
            layers.Conv2D(4, 3, padding="same", activation="relu", name="first", dtype=dtype),
            layers.Conv2D(6, 3, activation="relu", name="second", dtype=dtype),
            layers.GlobalAveragePooling2D(dtype=dtype),
            layers.Dense(3, activation="softmax", name="predictions", dtype=dtype),
        ]
    )
    generator = np.random.default_rng(3)
    model.set_weights([generator.normal(0, 0.3, w.shape) for w in model.get_weights()])
    return wrap(model)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("layer_name", ["first", "second"])
@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision(picture, dtype, layer_name, method):
    expected = cu.make_gradcam_heatmap(two_convolutions(), picture, 1, layer_name, method)
    heatmap = cu.make_gradcam_heatmap(two_convolutions(dtype), picture, 1, layer_name, method)
    assert heatmap.dtype == np.float32
    np.testing.assert_allclose(heatmap, expected, atol=0.02 if dtype == "mixed_bfloat16" else 5e-3)


def test_half_precision_compiled(picture):
    classifier = two_convolutions("mixed_float16")
    results = [cu.make_gradcam_heatmap(classifier, picture, 1) for _ in range(3)]
    np.testing.assert_allclose(results[1:], [results[0]] * 2, atol=5e-3)


# Architectures: gradients against TensorFlow's own


def sequential():
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, name="a"),
            layers.ReLU(name="b"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def depthwise():
    return chain(
        [
            layers.DepthwiseConv2D(3, depth_multiplier=2, name="a"),
            layers.BatchNormalization(beta_initializer="ones", name="b"),
            layers.ReLU(6),
            layers.Conv2D(4, 1, activation="tanh", name="c"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def separable():
    return chain(
        [
            layers.SeparableConv2D(4, 3, activation="relu", name="a"),
            layers.Conv2DTranspose(2, 3, activation="tanh", name="b"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(3),
            layers.Softmax(),
        ]
    )


def residual():
    inputs = keras.Input((8, 8, 3))
    stem = layers.Conv2D(4, 3, padding="same", activation="relu", name="stem")(inputs)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="in_block")(stem)
    x = layers.Conv2D(4, 3, padding="same", name="end_of_block")(x)
    x = layers.Add(name="add")([x, stem])
    x = layers.GlobalAveragePooling2D()(layers.Activation("tanh")(x))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


def branches():
    inputs = keras.Input((8, 8, 3))
    left = layers.Conv2D(2, 1, activation="tanh", name="left")(inputs)
    right = layers.Conv2D(2, 3, padding="same", activation="tanh", name="right")(inputs)
    x = layers.Concatenate(name="both")([left, right])
    x = layers.Activation("softmax")(layers.Dense(3)(layers.Flatten()(x * x + 1)))
    return keras.Model(inputs, x)


def layer_with_two_outputs():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="a")(inputs)
    first, second = keras.ops.split(x, 2, axis=-1)
    x = layers.Multiply(name="b")([first, second])
    return keras.Model([inputs], [layers.Dense(3)(layers.Flatten()(x))])


ARCHITECTURES = [
    (sequential, ["a", "b"]),
    (depthwise, ["a", "b", "c"]),
    (separable, ["a", "b"]),
    (residual, ["stem", "in_block", "end_of_block", "add"]),
    (branches, ["left", "right", "both"]),
    (layer_with_two_outputs, ["a", "b"]),
]


def logits_of(model, values):
    """What stands before the softmax, from the values of the last dense layer's input."""
    dense = [layer for layer in model.layers if isinstance(layer, layers.Dense)][-1]
    return values @ dense.kernel + dense.bias


def by_tensorflow(model, layer_name, inputs, class_index):
    dense = [layer for layer in model.layers if isinstance(layer, layers.Dense)][-1]
    both = keras.Model(model.inputs, [model.get_layer(layer_name).output, dense.input])
    with tf.GradientTape() as tape:
        maps, values = both([tf.constant(inputs)])
        score = logits_of(model, values)[0, class_index]
    return maps[0], tape.gradient(score, maps)[0]


@pytest.mark.parametrize(
    "build, layer_name", [(build, name) for build, names in ARCHITECTURES for name in names]
)
def test_gradient_is_tensorflows(picture, build, layer_name):
    keras.utils.set_random_seed(2)
    classifier = wrap(build())
    expected = by_tensorflow(classifier.model, layer_name, classifier.preprocess(picture), 1)
    for run in range(3):  # plain, compiled, remembered
        maps, gradients = feature_maps_and_gradients(classifier, picture, 1, layer_name)
        np.testing.assert_allclose(maps, expected[0], rtol=1e-4, atol=1e-6, err_msg=run)
        np.testing.assert_allclose(gradients, expected[1], rtol=1e-4, atol=1e-6, err_msg=run)
    assert np.abs(expected[1]).max() > 1e-4


# A model as a layer. The same five layers, one after another, packed in different ways.


def five_layers():
    keras.utils.set_random_seed(2)
    return [
        layers.Conv2D(4, 3, activation="relu", name="a"),
        layers.Conv2D(4, 3, name="b"),
        layers.Activation("tanh", name="c"),
        layers.Flatten(name="d"),
        layers.Dense(3, name="e"),
    ]


def functional_in_functional(steps):
    return chain([chain(steps[:3], name="base"), *steps[3:]])


def sequential_in_sequential(steps):
    base = keras.Sequential([keras.Input((8, 8, 3)), *steps[:3]], name="base")
    return keras.Sequential([keras.Input((8, 8, 3)), base, *steps[3:]])


def three_deep(steps):
    base = chain([chain(steps[:2], name="inner"), steps[2]], name="base")
    return keras.Sequential([keras.Input((8, 8, 3)), base, *steps[3:]])


def head_nested(steps):
    base = chain(steps[:3], name="base")
    head = chain([*steps[3:], layers.Softmax()], base.output_shape[1:], name="head")
    return chain([base, head])


def lists_and_keywords(steps):
    inputs, tensor = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    base = keras.Model([tensor], [steps[2](steps[1](steps[0](tensor)))], name="base")
    [x] = keras.tree.flatten(base(inputs=[inputs]))
    return keras.Model([inputs], [steps[4](steps[3](x))])


NESTINGS = [
    functional_in_functional,
    sequential_in_sequential,
    three_deep,
    head_nested,
    lists_and_keywords,
]


@pytest.mark.parametrize("layer_name", ["a", "b", "c", "base"])
@pytest.mark.parametrize("pack", NESTINGS)
def test_gradient_inside_a_nested_model(picture, pack, layer_name):
    steps = five_layers()
    classifier = wrap(pack(steps))
    maps, gradients = feature_maps_and_gradients(classifier, picture, 1, layer_name)
    x = tf.constant(classifier.preprocess(picture))
    with tf.GradientTape() as tape:
        for step in steps:
            x = step(x)
            if step.name == layer_name.replace("base", "c"):
                expected = x
                tape.watch(expected)
        score = x[0, 1]
    np.testing.assert_allclose(maps, expected[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(gradients, tape.gradient(score, expected)[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("pack", NESTINGS)
def test_layer_names_of_a_nested_model(pack):
    classifier = wrap(pack(five_layers()))
    assert classifier.conv_layer_names == ["a", "b"]
    assert classifier.feature_layer_names == ["a", "c"]


@pytest.mark.parametrize("pack", NESTINGS)
def test_heatmap_of_a_nested_model_defaults_to_its_last_layer(picture, pack):
    classifier = wrap(pack(five_layers()))
    np.testing.assert_array_equal(
        cu.make_gradcam_heatmap(classifier, picture, 1),
        cu.make_gradcam_heatmap(classifier, picture, 1, "c"),
    )


def test_layer_applied_twice_counts_where_it_is_applied_last(picture):
    keras.utils.set_random_seed(2)
    conv = layers.Conv2D(3, 3, padding="same", activation="tanh", name="conv")
    dense = layers.Dense(3)
    classifier = wrap(chain([conv, conv, layers.Flatten(), dense]))
    maps, gradients = feature_maps_and_gradients(classifier, picture, 1, "conv")
    expected = conv(conv(classifier.preprocess(picture)))
    np.testing.assert_allclose(maps, expected[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(gradients.ravel(), dense.kernel[:, 1], rtol=1e-5)


def test_data_augmentation_inside_the_network_stays_still(picture):
    """`model.predict` does not flip either; left alone, Keras would, and count it in a variable."""
    steps = [layers.RandomFlip(), layers.RandomRotation(0.3), *five_layers()]
    classifier = wrap(chain(steps))
    before = classifier.model.get_weights(), [v.numpy() for v in classifier.model.variables]
    expected = classifier.model.predict(classifier.preprocess(picture), verbose=0)
    for _ in range(5):
        np.testing.assert_allclose(classifier.logits(picture), expected, rtol=1e-4, atol=1e-6)
    after = [v.numpy() for v in classifier.model.variables]
    assert all(np.array_equal(*pair) for pair in zip(before[1], after, strict=True))


def test_no_structure_warning_although_keras_would_warn(picture):
    keras.utils.set_random_seed(2)
    classifier = wrap(layer_with_two_outputs())
    with pytest.warns(UserWarning, match="structure of `inputs` doesn't match"):
        classifier.model(classifier.preprocess(picture))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for class_index in (0, 1, 2):  # plain, then compiled
            feature_maps_and_gradients(classifier, picture, class_index)
            cu.compute_saliency_map(classifier, picture, class_index)
            cu.integrated_gradients(classifier, picture, class_index, num_steps=2)


SILENT = """
import numpy as np
import course_utils as cu
from course_utils.backend import keras
keras.utils.set_random_seed(0)
steps = [keras.layers.Conv2D(3, 1, activation="relu", name=f"conv{i}") for i in range(6)]
steps += [keras.layers.Flatten(), keras.layers.Dense(2, kernel_initializer="ones")]
model = keras.Sequential([keras.Input((9, 9, 3)), *steps])
classifier = cu.ImageClassifier("deep", keras.Model(model.inputs, model.outputs), np.asarray)
image = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
for name in classifier.conv_layer_names:
    for class_index in (0, 1):
        cu.make_gradcam_heatmap(classifier, image, class_index, name, "layer_cam")
for function in (cu.compute_saliency_map, cu.smooth_grad, cu.integrated_gradients):
    function(classifier, image)
"""


def test_nothing_is_printed():
    """No notice of TensorFlow either, that it traces functions too often: one for each layer."""
    done = subprocess.run([sys.executable, "-c", SILENT], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# What is remembered


class CountRuns(layers.Layer):
    """Hands its input on, and counts how often it really runs, plain or compiled."""

    runs = 0

    def call(self, inputs):
        tf.py_function(self.count, [], [])
        return inputs

    def count(self):
        self.runs += 1


@pytest.fixture
def counted():
    """A network that counts how often its convolutions run, and how often what is behind them."""
    keras.utils.set_random_seed(2)
    trunk, head = CountRuns(name="trunk"), CountRuns(name="head")
    conv = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")
    late = layers.Conv2D(4, 3, activation="relu", name="late")
    steps = [trunk, conv, head, late, layers.GlobalAveragePooling2D(), layers.Dense(3)]
    classifier = wrap(chain(steps))
    classifier.runs = lambda: (trunk.runs, head.runs)
    return classifier


@pytest.mark.parametrize("method", METHODS)
def test_another_class_runs_only_the_head(counted, picture, method):
    for count, class_index in enumerate([0, 1, 2, 0, None], start=1):
        feature_maps_and_gradients(counted, picture, class_index, "conv")
        assert counted.runs() == (1, count)


def test_another_method_does_not_run_the_convolutions_again(counted, picture):
    with warnings.catch_warnings(action="ignore"):
        for method in METHODS:
            cu.make_gradcam_heatmap(counted, picture, 0, "conv", method)
    assert counted.runs()[0] == 1


def test_another_picture_runs_everything(counted, picture):
    for count in range(1, 5):
        feature_maps_and_gradients(counted, picture + np.uint8(count), 0, "conv")
        assert counted.runs() == (count, count)


def test_another_layer_runs_everything(counted, picture):
    feature_maps_and_gradients(counted, picture, 0, "conv")
    feature_maps_and_gradients(counted, picture, 0, "late")
    assert counted.runs() == (2, 2)


def test_picture_of_equal_bytes_and_another_shape(counted):
    flat = np.arange(2 * 6 * 3, dtype=np.uint8)
    wide, tall = flat.reshape(2, 6, 3), flat.reshape(6, 2, 3)
    first, second = (feature_maps_and_gradients(counted, p, 0, "conv")[0] for p in (wide, tall))
    assert np.abs(first - second).max() > 1e-3


def test_a_picture_counts_by_its_content(counted, picture):
    feature_maps_and_gradients(counted, picture, 0, "conv")
    feature_maps_and_gradients(counted, np.asfortranarray(picture), 0, "conv")
    assert counted.runs()[0] == 1


def test_a_picture_changed_in_place_is_noticed(tiny, picture):
    before, _ = feature_maps_and_gradients(tiny, picture, 0)
    picture[0, 0] = 255 - picture[0, 0]
    after, _ = feature_maps_and_gradients(tiny, picture, 0)
    assert np.abs(before - after).max() > 1e-3


def test_many_pictures_do_not_pile_up(counted, picture):
    for count in range(50):
        feature_maps_and_gradients(counted, picture + np.uint8(count), 0, "conv")
    assert len(counted._remembered) <= 10


def test_results_are_the_same_with_and_without_what_is_remembered(embedded, chelsea):
    remembered = {k: cu.make_gradcam_heatmap(embedded, chelsea, k) for k in (285, 967, 285)}
    embedded._remembered.clear()
    for class_index, heatmap in remembered.items():
        again = cu.make_gradcam_heatmap(embedded, chelsea, class_index)
        np.testing.assert_allclose(again, heatmap, rtol=0, atol=1e-5)


def test_a_result_cannot_spoil_what_is_remembered(tiny, picture):
    expected, _ = feature_maps_and_gradients(tiny, picture, 0)
    expected = expected.copy()
    for array in feature_maps_and_gradients(tiny, picture, 0):
        if array.flags.writeable:
            array[:] = -1
    np.testing.assert_array_equal(feature_maps_and_gradients(tiny, picture, 0)[0], expected)


@pytest.mark.parametrize("build", [residual, sequential, lambda: three_deep(five_layers())])
def test_nothing_that_belongs_to_the_caller_changes(picture, build):
    model, image = build(), picture.copy()
    image.flags.writeable = False
    config, weights = model.get_config(), model.get_weights()
    random = np.random.get_state()[1].copy()
    classifier = wrap(model)
    for class_index in range(3):
        with warnings.catch_warnings(action="ignore"):
            cu.make_gradcam_heatmap(classifier, image, class_index)
        cu.compute_saliency_map(classifier, image, class_index)
        cu.smooth_grad(classifier, image, class_index, num_samples=2)
        cu.integrated_gradients(classifier, image, class_index, num_steps=2)
    assert model.get_config() == config
    assert all(map(np.array_equal, model.get_weights(), weights))
    np.testing.assert_array_equal(image, picture)
    np.testing.assert_array_equal(np.random.get_state()[1], random)


# Errors: (arguments, words of the message)


@pytest.mark.parametrize(
    "class_index", [-1, 3, 1000, 1.5, float("nan"), "tabby", "1", True, [1], np.array([1])]
)
def test_no_such_class(tiny, picture, class_index):
    with pytest.raises(ValueError, match="whole number from 0 to 2") as caught:
        cu.make_gradcam_heatmap(tiny, picture, class_index)
    assert repr(class_index) in str(caught.value)


@pytest.mark.parametrize("class_index", [-1, 1000, "tabby"])
def test_no_such_imagenet_class(embedded, chelsea, class_index):
    with pytest.raises(ValueError, match=f"from 0 to 999.*not {class_index!r}.*great white shark"):
        cu.make_gradcam_heatmap(embedded, chelsea, class_index)


@pytest.mark.parametrize("class_index", [2.0, np.int64(2), np.uint8(2), np.float32(2)])
def test_numbers_that_are_whole(by_hand, class_index):
    np.testing.assert_array_equal(
        cu.make_gradcam_heatmap(by_hand, PICTURE, class_index - 1),
        cu.make_gradcam_heatmap(by_hand, PICTURE, 1),
    )


BAD = {
    "method": ({"method": "gradcam"}, "grad_cam, grad_cam[+][+], layer_cam, not 'gradcam'"),
    "no method": ({"method": None}, "not None"),
    "list of methods": ({"method": ["grad_cam"]}, r"not \['grad_cam'\]"),
    "misspelled layer": ({"layer_name": "block5a_ad"}, "no layer 'block5a_ad'.*'block5"),
    "tf-keras-vis's layer": ({"layer_name": -1}, "no layer -1"),
    "names": ({"layer_name": ["top_conv"]}, r"no layer \['top_conv'\].*'top_conv'"),
    "pooling": ({"layer_name": "avg_pool"}, "'avg_pool'.*no height and width.*'?top_activation"),
    "dense": ({"layer_name": "predictions"}, "'predictions'.*no height and width.*top_activation"),
    "batch": ({"image": np.zeros((2, 9, 9, 3), np.uint8)}, r"not a batch \(2, 9, 9, 3\)"),
    "batch of one": ({"image": np.zeros((1, 9, 9, 3), np.uint8)}, "not a batch"),
    "floats": ({"image": np.zeros((9, 9, 3))}, r"not float64 \(9, 9, 3\).*load_image"),
    "gray": ({"image": np.zeros((9, 9), np.uint8)}, r"not uint8 \(9, 9\).*load_image"),
    "RGBA": ({"image": np.zeros((9, 9, 4), np.uint8)}, r"not uint8 \(9, 9, 4\)"),
    "name": ({"image": "chelsea"}, "load_image"),
}


@pytest.mark.parametrize("arguments, words", BAD.values(), ids=BAD)
def test_bad_argument(embedded, chelsea, arguments, words):
    with pytest.raises(ValueError, match=words):
        cu.make_gradcam_heatmap(embedded, **{"image": chelsea, **arguments})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_network_that_diverged(tiny, picture, method, value):
    tiny.model.set_weights([np.full_like(weights, value) for weights in tiny.model.get_weights()])
    with pytest.raises(ValueError, match="NaN or infinite"):
        cu.make_gradcam_heatmap(tiny, picture, 1, method=method)


def test_network_without_convolutions(picture):
    classifier = wrap(chain([layers.Flatten(), layers.Dense(3)]))
    with pytest.raises(ValueError, match="no convolution"):
        cu.make_gradcam_heatmap(classifier, picture)
