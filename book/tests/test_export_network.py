"""The network as ONNX graphs, on a tiny one: forward and backward pass against TensorFlow."""

import keras
import numpy as np
import pytest

from course_utils.networks.classifier import ImageClassifier

onnx = pytest.importorskip("onnx")
from onnx.reference import ReferenceEvaluator  # noqa: E402

from book.tools.export_network import export_blocks, export_network  # noqa: E402


def tiny_network():
    """Every operation of EfficientNet-Lite0, with odd and even paddings and a shortcut."""
    normalize = keras.layers.BatchNormalization
    inputs = keras.Input((13, 16, 3))
    x = keras.layers.Conv2D(6, 3, 2, use_bias=False, name="stem")(inputs)  # skips a column
    x = shortcut = keras.layers.ReLU(max_value=6)(normalize()(x))
    x = keras.layers.DepthwiseConv2D(5, 1, padding="same", use_bias=False, name="wide")(x)
    x = keras.layers.ReLU(max_value=6)(normalize()(x))
    x = normalize()(keras.layers.Conv2D(6, 1, use_bias=False, name="project")(x))
    x = keras.layers.Add()([x, shortcut])
    x = keras.layers.DepthwiseConv2D(3, 2, padding="same", use_bias=False, name="step")(x)
    x = keras.layers.ReLU(max_value=6)(normalize()(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(5, activation="softmax")(x))


@pytest.fixture(scope="module")
def classifier():
    keras.utils.set_random_seed(0)
    model, rng = tiny_network(), np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shapes = [variable.shape for variable in layer.weights]
            layer.set_weights([rng.uniform(0.5, 2, shape) for shape in shapes])
    return ImageClassifier("tiny", model, lambda images: images / 40 - 3, list("abcde"))


def test_maps_logits_and_all_gradients_are_those_of_tensorflow(classifier, tmp_path):
    export_network(classifier, tmp_path)
    image = np.random.default_rng(1).integers(0, 256, (13, 16, 3), dtype=np.uint8)
    one_hot = np.eye(5, dtype=np.float32)[[3]]
    inputs = classifier.preprocess(image).transpose(0, 3, 1, 2)
    graph = ReferenceEvaluator(str(tmp_path / "gradients.onnx"))
    found = graph.run(None, {"image": inputs, "one_hot": one_hot})
    found = dict(zip(graph.output_names, found, strict=True))
    np.testing.assert_allclose(found["logits"], classifier.logits(image), atol=1e-3)
    pairs = classifier._runner.all_maps_and_gradients(image, 3)
    assert {*pairs} == {*found} - {"logits", "image:gradient"} - {f"{n}:gradient" for n in pairs}
    for name, (maps, gradients) in pairs.items():
        for output, wanted in ((name, maps), (name + ":gradient", gradients)):
            wanted = np.asarray(wanted).transpose(0, 3, 1, 2)
            np.testing.assert_allclose(found[output], wanted, atol=2e-3 * np.abs(wanted).max())
    _, [gradient] = classifier._runner.input_gradients(classifier.preprocess(image), 3)
    wanted = np.asarray(gradient).transpose(2, 0, 1)
    np.testing.assert_allclose(found["image:gradient"][0], wanted, atol=2e-3 * np.abs(wanted).max())
    [forward] = ReferenceEvaluator(str(tmp_path / "forward.onnx")).run(
        ["logits"], {"image": inputs}
    )
    np.testing.assert_array_equal(forward, found["logits"])


def test_first_blocks_are_those_of_keras(tmp_path):
    inputs = keras.Input((12, 16, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1")(inputs)
    x = keras.layers.MaxPooling2D(name="pool1")(x)
    x = keras.layers.Conv2D(5, 3, padding="same", activation="relu", name="conv2")(x)
    x = keras.layers.MaxPooling2D(name="pool2")(x)
    model = keras.Model(inputs, x)
    for layer in model.layers:
        for weight in layer.weights:
            weight.assign(np.random.default_rng(2).normal(size=weight.shape))
    names = export_blocks(model, "conv2", tmp_path)
    assert names == ["conv1", "pool1", "conv2"]
    blue_first = np.random.default_rng(3).normal(0, 50, (1, 12, 16, 3)).astype(np.float32)
    graph = ReferenceEvaluator(str(tmp_path / "blocks.onnx"))
    found = graph.run(names, {"image": blue_first[..., ::-1].transpose(0, 3, 1, 2)})
    outputs = keras.Model(inputs, [model.get_layer(name).output for name in names])(blue_first)
    for maps, wanted in zip(found, outputs, strict=True):
        wanted = np.asarray(wanted).transpose(0, 3, 1, 2)
        np.testing.assert_allclose(maps, wanted, atol=1e-3 * np.abs(wanted).max())


def test_the_head_is_where_it_is_said_to_be(classifier, tmp_path):
    head = export_network(classifier, tmp_path)
    content = (tmp_path / "head.bin").read_bytes()
    count = head["classes"] * head["channels"]
    kernel = np.frombuffer(content, np.int16, count, head["kernel"]).reshape(5, 6)
    scale = np.frombuffer(content, np.float32, 5, head["scale"])
    wanted = classifier.model.layers[-1].kernel.numpy().T
    np.testing.assert_allclose(kernel * scale[:, None], wanted, atol=1e-4)


def test_a_layer_of_another_kind_is_named(tmp_path):
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.MaxPooling2D(name="pool")(keras.layers.Conv2D(4, 3, name="conv")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(x)))
    with pytest.raises(ValueError, match="no operation for the layer 'conv', a Conv2D"):
        export_network(ImageClassifier("other", model, None, ["a", "b"]), tmp_path)
