"""A runner computes what TensorFlow does, compiled or not, and mixes up no pictures."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from small_networks import NETWORKS, chain, layers, nested, wrap

import course_utils as cu
from course_utils.backend import keras, tf
from course_utils.engine import memory
from course_utils.engine.runner import to_array
from course_utils.networks.classifier import runner_of

CLOSE = {"rtol": 1e-4, "atol": 1e-6}


def three_deep():
    """Models in models, called with lists and keywords."""
    tensor, inputs = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    steps = [layers.Conv2D(4, 3, activation="relu", name="a"), layers.Conv2D(4, 3, name="b")]
    activation = layers.Activation("tanh", name="c")
    base = keras.Model([tensor], [activation(chain(steps, name="inner")(tensor))], name="base")
    [x] = keras.tree.flatten(base(inputs=[inputs]))
    return keras.Model([inputs], [layers.Dense(3)(layers.Flatten()(x))])


def at_layer(classifier, picture, class_index, layer_name):
    """A layer's maps and a logit's gradients at them, as arrays."""
    pair = runner_of(classifier).maps_and_gradients(picture, layer_name, class_index)
    return tuple(map(to_array, pair))


def by_tensorflow(classifier, picture, class_index, layer_names):
    """Run all of Keras's own model, whose layers tell what they return."""
    layer_of = {call.layer.name: call.layer for call in runner_of(classifier).graph.calls}
    outputs = {}

    def listen(name, call):
        def listening(*arguments, **options):
            outputs[name] = call(*arguments, **options)
            return outputs[name]

        return listening

    for name in layer_names:
        layer_of[name].call = listen(name, layer_of[name].call)
    inputs = tf.constant(classifier.preprocess(picture))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        [logits] = keras.tree.flatten(classifier.logits_model(inputs))
        score = logits[0, class_index]
    maps = [keras.tree.flatten(outputs[name])[0] for name in layer_names]
    gradients, at_input = tape.gradient(score, [maps, inputs])
    for name in layer_names:
        del layer_of[name].call
    return logits, maps, gradients, at_input


@pytest.mark.parametrize(
    "build, names", [*NETWORKS.items(), (three_deep, ["a", "b", "c", "inner", "base"])]
)
@pytest.mark.filterwarnings("ignore:The structure of `inputs`")
def test_every_part_of_a_network_computes_what_tensorflow_does(
    seeded, picture, build, names, monkeypatch
):
    model = build()
    for weight in model.trainable_weights:  # Keras's zeros would hide a bias left out
        weight.assign_add(np.random.default_rng(0).uniform(0, 0.1, weight.shape))
    classifier = wrap(model)
    logits, maps, gradients, at_input = by_tensorflow(classifier, picture, 1, names)
    assert min(np.abs(gradient).max() for gradient in gradients) > 1e-4

    def check(found, expected):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, **CLOSE)

    runner = runner_of(classifier)
    for run in range(2):  # plain where it is used for the first time, then compiled
        another = picture + np.uint8(run)
        if run:
            logits, maps, gradients, at_input = by_tensorflow(classifier, another, 1, names)
        inputs = runner.inputs(another)
        check([runner.logits(inputs)], [logits])
        check(runner.input_gradients(inputs, 1), [logits, at_input])
        for name, *expected in zip(names, maps, gradients, strict=True):
            check(runner.maps_and_gradients(another, name, 1), expected)
        check(runner.outputs(inputs, names), maps)
        of_all = runner.all_layers(another)
        check([of_all[name] for name in names], maps)
        check([runner.logits_of(another)], [logits])
        monkeypatch.setattr(memory, "_entries", type(memory._entries)())
        expected = dict(zip(names, zip(maps, gradients, strict=True), strict=True))
        for name, pair in runner.all_maps_and_gradients(another, 1).items():
            if name in expected:
                check(pair, expected[name])


@pytest.mark.filterwarnings("error")
def test_no_warning_although_keras_and_tensorflow_would_warn(seeded, picture, capfd):
    """Of a list as input, and of functions of many layers that are traced again and again."""
    steps = [layers.Conv2D(3, 1, activation="tanh", name=f"conv{i}") for i in range(6)]
    model = chain([*steps, layers.Flatten(), layers.Dense(2, kernel_initializer="ones")])
    classifier = wrap(keras.Model(model.inputs, model.outputs))
    for name in classifier.conv_layer_names:
        for class_index in (0, 1):
            at_layer(classifier, picture, class_index, name)
    cu.compute_saliency_map(classifier, picture)
    assert capfd.readouterr() == ("", "")


# Classes


@pytest.mark.parametrize("classes, expected", [([0.1, 0.3, 0.2], 1), ([0.5, 0.5, 0.5], 0)])
def test_no_class_is_the_first_ranked_one(picture, classes, expected):
    dense = layers.Dense(3)
    classifier = wrap(chain([layers.Conv2D(2, 1, name="conv"), layers.Flatten(), dense]))
    kernel, _ = dense.get_weights()
    dense.set_weights([1e-9 * kernel, np.array(classes)])  # equal logits stay equal
    runner = runner_of(classifier)
    inputs = runner.inputs(picture)
    assert runner.first_ranked(picture) == expected
    for function in (
        lambda index: at_layer(classifier, picture, index, "conv")[1],
        lambda index: runner.input_gradients(inputs, index)[1],
        lambda index: runner.all_maps_and_gradients(picture, index)["conv"][1],
    ):
        np.testing.assert_array_equal(function(None), function(expected))
        assert np.abs(function(None) - function((expected + 1) % 3)).max() > 0


def test_each_picture_of_a_batch_has_its_own_first_ranked_class():
    kernel = np.eye(3)[[2, 0, 1]]  # red is class 2, green 0, blue 1
    dense = layers.Dense(3, kernel_initializer=lambda *_, **__: kernel)
    runner = runner_of(wrap(chain([layers.GlobalAveragePooling2D(), dense])))
    batch = np.float32([[[[1, 0, 0]]], [[[0, 0, 1]]]]) * np.ones((1, 8, 8, 1), np.float32)
    _, gradients = runner.input_gradients(batch, None)
    np.testing.assert_allclose(gradients, batch / 64)


def test_a_class_index_becomes_an_int_or_is_refused(tiny, picture):
    def check(index):
        return runner_of(tiny).check_request(picture, index)[1]

    found = [check(index) for index in (None, 2.0, np.int64(1))]
    assert found == [None, 2, 1] and type(found[1]) is type(found[2]) is int
    for bad in (-1, 3, 1.5, "1"):
        with pytest.raises(ValueError, match="class_index must be.* 0 to 2, or None.*great white"):
            check(bad)


# What is remembered


def test_a_picture_counts_by_its_content_and_its_shape(tiny, picture):
    before, _ = at_layer(tiny, picture, 0, "conv")
    np.testing.assert_array_equal(at_layer(tiny, np.asfortranarray(picture), 0, "conv")[0], before)
    picture[0, 0] = 255 - picture[0, 0]
    assert np.abs(at_layer(tiny, picture, 0, "conv")[0] - before).max() > 1e-3
    flat = np.arange(2 * 6 * 3, dtype=np.uint8)
    wide, tall = flat.reshape(2, 6, 3), flat.reshape(6, 2, 3)
    first, second = (at_layer(tiny, image, 0, "conv")[0] for image in (wide, tall))
    assert np.abs(first - second).max() > 1e-3


def test_threads_may_share_a_fresh_classifier(seeded):
    pictures = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 3), dtype=np.uint8)
    model = nested()
    classifier, alone = wrap(model), wrap(model)

    def work(number, classifier=classifier):
        return cu.make_gradcam_heatmap(classifier, pictures[number], number % 3)

    with warnings.catch_warnings(action="ignore"):
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(work, [*range(8)] * 3))
        expected = [work(number, alone) for number in range(8)] * 3
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_is_used_again_or_will_be_used_often_is_compiled(tiny):
    compiled, signature = runner_of(tiny).compiled, [tf.TensorSpec(())]
    found = [compiled(key, tf.square, signature, key == "often") for key in ("a", "a", "often")]
    assert [function is tf.square for function in found] == [True, False, False]


@pytest.mark.parametrize("side, size", [(8, 5), (224, 1)])
def test_large_layers_go_through_one_picture_at_a_time(side, size):
    """Five pictures in VGG16's first layers take 64 MB each, and are no faster than one by one."""
    steps = [layers.Conv2D(64, 3, padding="same"), layers.GlobalAveragePooling2D(), layers.Dense(2)]
    assert runner_of(wrap(chain(steps, (side, side, 3)))).batch_size == size
