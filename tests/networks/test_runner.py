"""A runner computes what TensorFlow does, compiled or not, and does no work twice."""

import gc
import threading
import warnings

import numpy as np
import pytest
from small_networks import NETWORKS, chain, layers, nested, plain, wrap

import course_utils as cu
from course_utils.networks.backend import keras, tf
from course_utils.networks.classifier import runner_of
from course_utils.networks.runner import to_array

FLAT = [
    build for build in NETWORKS if build.__name__ not in ("nested", "head_nested", "applied_twice")
]


def maps_and_gradients(classifier, picture, class_index, layer_name):
    runner = runner_of(classifier)
    boundary = runner.up_to_layer(runner.inputs(picture), layer_name)
    gradient = runner.gradient_from_layer(boundary, layer_name, class_index)
    return to_array(boundary[0]), to_array(gradient)


def by_tensorflow(classifier, picture, class_index, layer_name):
    model = classifier.logits_model
    outputs = [model.get_layer(layer_name).output, model.output]
    with tf.GradientTape() as tape:
        inputs = tf.constant(classifier.preprocess(picture))
        tape.watch(inputs)
        maps, logits = keras.Model(model.inputs, keras.tree.flatten(outputs))([inputs])
        score = logits[0, class_index]
    gradients = tape.gradient(score, [maps, inputs])
    return maps[0], gradients[0][0], gradients[1][0]


@pytest.mark.parametrize(
    "build, layer_name", [(build, name) for build in FLAT for name in NETWORKS[build]]
)
@pytest.mark.filterwarnings("ignore:The structure of `inputs`")
def test_gradients_are_tensorflows(seeded, picture, build, layer_name):
    classifier = wrap(build())
    runner = runner_of(classifier)
    expected = by_tensorflow(classifier, picture, 1, layer_name)
    assert np.abs(expected[1]).max() > 1e-4
    close = {"rtol": 1e-4, "atol": 1e-6}
    for run in range(3):  # plain, compiled, remembered
        maps, gradients = maps_and_gradients(classifier, picture, 1, layer_name)
        np.testing.assert_allclose(maps, expected[0], **close, err_msg=run)
        np.testing.assert_allclose(gradients, expected[1], **close, err_msg=run)
        inputs = runner.inputs(picture)
        at_input = to_array(runner.input_gradients(inputs, 1))
        np.testing.assert_allclose(at_input, expected[2], **close, err_msg=run)
    pairs = runner.all_gradients(inputs, [layer_name], 1)
    np.testing.assert_allclose(to_array(pairs[0][0]), expected[0], **close)
    np.testing.assert_allclose(to_array(pairs[1][0]), expected[1], **close)
    [at_layer], logits = runner.all_layers(inputs, [layer_name])
    np.testing.assert_allclose(to_array(at_layer), expected[0], **close)
    np.testing.assert_allclose(logits, classifier.logits(picture), **close)
    [unfolded] = runner.feature_maps(inputs, [layer_name])
    np.testing.assert_allclose(to_array(unfolded), expected[0], **close)


# A model as a layer. The same five layers, one after another, packed in different ways.


def five_layers():
    return [
        layers.Conv2D(4, 3, activation="relu", name="a"),
        layers.Conv2D(4, 3, name="b"),
        layers.Activation("tanh", name="c"),
        layers.Flatten(name="d"),
        layers.Dense(3, name="e"),
    ]


def sequential_in_sequential(steps):
    base = keras.Sequential([keras.Input((8, 8, 3)), *steps[:3]], name="base")
    return keras.Sequential([keras.Input((8, 8, 3)), base, *steps[3:]])


def three_deep(steps):
    base = chain([chain(steps[:2], name="inner"), steps[2]], name="base")
    return keras.Sequential([keras.Input((8, 8, 3)), base, *steps[3:]])


def lists_and_keywords(steps):
    inputs, tensor = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    base = keras.Model([tensor], [steps[2](steps[1](steps[0](tensor)))], name="base")
    [x] = keras.tree.flatten(base(inputs=[inputs]))
    return keras.Model([inputs], [steps[4](steps[3](x))])


@pytest.mark.parametrize("layer_name", ["a", "b", "c", "base"])
@pytest.mark.parametrize("pack", [sequential_in_sequential, three_deep, lists_and_keywords])
def test_gradients_inside_a_nested_model(seeded, picture, pack, layer_name):
    steps = five_layers()
    classifier = wrap(pack(steps))
    assert classifier.conv_layer_names == ["a", "c"]
    maps, gradients = maps_and_gradients(classifier, picture, 1, layer_name)
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


@pytest.mark.filterwarnings("error")
def test_no_warning_although_keras_and_tensorflow_would_warn(seeded, picture, capfd):
    """Of a list as input, and of functions of many layers that are traced again and again."""
    steps = [layers.Conv2D(3, 1, activation="tanh", name=f"conv{i}") for i in range(6)]
    model = chain([*steps, layers.Flatten(), layers.Dense(2, kernel_initializer="ones")])
    classifier = wrap(keras.Model(model.inputs, model.outputs))
    for name in classifier.conv_layer_names:
        for class_index in (0, 1):
            maps_and_gradients(classifier, picture, class_index, name)
    cu.compute_saliency_map(classifier, picture)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("classes, expected", [([0.1, 0.3, 0.2], 1), ([0.5, 0.5, 0.5], 0)])
def test_no_class_is_the_first_ranked_one(picture, classes, expected):
    dense = layers.Dense(3)
    classifier = wrap(chain([layers.Conv2D(2, 1, name="conv"), layers.Flatten(), dense]))
    kernel, _ = dense.get_weights()
    dense.set_weights([1e-6 * kernel, np.array(classes)])
    runner = runner_of(classifier)
    inputs = runner.inputs(picture)
    assert runner.first_ranked(inputs) == expected
    for function in (
        lambda index: maps_and_gradients(classifier, picture, index, "conv")[1],
        lambda index: runner.input_gradients(inputs, index),
        lambda index: runner.all_gradients(inputs, ["conv"], index)[1][0],
    ):
        np.testing.assert_array_equal(function(None), function(expected))
        assert np.abs(function(None) - function((expected + 1) % 3)).max() > 0


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
def counted(seeded):
    """A network that counts how often its convolutions run, and how often what is behind them."""
    trunk, head = CountRuns(name="trunk"), CountRuns(name="head")
    conv = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")
    late = layers.Conv2D(4, 3, activation="relu", name="late")
    steps = [trunk, conv, head, late, layers.GlobalAveragePooling2D(), layers.Dense(3)]
    classifier = wrap(chain(steps))
    classifier.runs = lambda: (trunk.runs, head.runs)
    return classifier


def test_another_class_runs_only_the_head(counted, picture):
    for count, class_index in enumerate([0, 1, 2, 0, None], start=1):
        maps_and_gradients(counted, picture, class_index, "conv")
        assert counted.runs() == (1, count)


def test_another_picture_and_another_layer_run_everything(counted, picture):
    for count in range(1, 5):
        maps_and_gradients(counted, picture + np.uint8(count), 0, "conv")
        assert counted.runs() == (count, count)
    maps_and_gradients(counted, picture + np.uint8(4), 0, "late")
    assert counted.runs() == (5, 5)


def test_all_layers_leave_the_last_one_computed(counted, picture):
    runner = runner_of(counted)
    runner.all_layers(runner.inputs(picture), ["conv"])
    runs = counted.runs()
    maps_and_gradients(counted, picture, 0, "late")
    assert counted.runs() == runs


def test_a_picture_counts_by_its_content(counted, picture):
    before, _ = maps_and_gradients(counted, picture, 0, "conv")
    maps_and_gradients(counted, np.asfortranarray(picture), 0, "conv")
    assert counted.runs()[0] == 1
    picture[0, 0] = 255 - picture[0, 0]
    after, _ = maps_and_gradients(counted, picture, 0, "conv")
    assert counted.runs()[0] == 2 and np.abs(before - after).max() > 1e-3


def test_pictures_of_equal_bytes_and_another_shape_are_two(counted):
    flat = np.arange(2 * 6 * 3, dtype=np.uint8)
    wide, tall = flat.reshape(2, 6, 3), flat.reshape(6, 2, 3)
    first, second = (maps_and_gradients(counted, p, 0, "conv")[0] for p in (wide, tall))
    assert np.abs(first - second).max() > 1e-3


def test_many_pictures_do_not_pile_up(counted, picture):
    def tensors():
        gc.collect()
        return sum(isinstance(thing, tf.Tensor) for thing in gc.get_objects())

    for count in range(20):
        maps_and_gradients(counted, picture + np.uint8(count), 0, "conv")
    before = tensors()
    for count in range(20, 60):
        maps_and_gradients(counted, picture + np.uint8(count), 0, "conv")
    assert tensors() <= before + 5
    runs = counted.runs()[0]
    maps_and_gradients(counted, picture + np.uint8(58), 0, "conv")  # the last ones are still there
    assert counted.runs()[0] == runs


def test_a_result_cannot_spoil_what_is_remembered(tiny, picture):
    expected = maps_and_gradients(tiny, picture, 0, "conv")[0].copy()
    for array in maps_and_gradients(tiny, picture, 0, "conv"):
        if array.flags.writeable:
            array[:] = -1
    np.testing.assert_array_equal(maps_and_gradients(tiny, picture, 0, "conv")[0], expected)


@pytest.mark.parametrize("build", [plain, nested])
def test_threads_may_share_a_fresh_classifier(seeded, build):
    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 256, (8, 8, 8, 3), dtype=np.uint8)
    classifier, alone = (wrap(model) for model in [build()] * 2)
    results, errors = {}, []

    def work(number):
        try:
            for _ in range(3):
                results[number] = cu.make_gradcam_heatmap(classifier, pictures[number], number % 3)
        except Exception as error:
            errors.append(error)

    with warnings.catch_warnings(action="ignore"):
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        for number, heatmap in results.items():
            expected = cu.make_gradcam_heatmap(alone, pictures[number], number % 3)
            np.testing.assert_allclose(heatmap, expected, atol=1e-5)
