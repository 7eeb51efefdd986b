"""Small networks on 8 x 8 pictures, for all tests; the fixture `seeded` fixes their weights."""

import h5py
import numpy as np

import course_utils as cu
from course_utils.backend import keras

layers = keras.layers


def chain(steps, shape=(8, 8, 3), name=None):
    """A functional model that applies layers one after another."""
    inputs = x = keras.Input(shape)
    for step in steps:
        x = step(x)
    return keras.Model(inputs, x, name=name)


def wrap(model, preprocess_input=lambda images: images / 255):
    """A classifier of any small model."""
    return cu.ImageClassifier("net", model, preprocess_input)


def write_legacy_weights(path, weights):
    """Write {layer: arrays} as Keras 2 did: a group a layer, its attribute orders the arrays."""
    with h5py.File(path, "w") as file:
        for layer, arrays in weights.items():
            names = [f"{layer}_{i}:0" for i in range(len(arrays))]
            group = file.create_group(layer)
            group.attrs["weight_names"] = np.array(names, "S")
            for name, array in zip(names, arrays, strict=True):
                group[name] = array


def flat_softmax():
    """The end of a network of three classes."""
    return [layers.Flatten(), layers.Dense(3, activation="softmax")]


def plain(activation="softmax"):
    """A convolution, global average pooling and three classes: Grad-CAM is CAM here."""
    conv = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")
    dense = layers.Dense(3, activation=activation, name="predictions")
    return chain([conv, layers.GlobalAveragePooling2D(name="pool"), dense])


def sequential():
    """A `Sequential` whose ReLU is a layer of its own."""
    first, relu = layers.Conv2D(4, 3, name="a"), layers.ReLU(name="b")
    return keras.Sequential([keras.Input((8, 8, 3)), first, relu, *flat_softmax()])


def depthwise():
    """Depthwise and pointwise convolutions with batch normalization between them."""
    first = layers.DepthwiseConv2D(3, depth_multiplier=2, name="a")
    normalization = layers.BatchNormalization(beta_initializer="ones", name="b")
    last = layers.Conv2D(4, 1, activation="tanh", name="c")
    return chain([first, normalization, layers.ReLU(6), last, *flat_softmax()])


def separable():
    """Separable and transposed convolutions, and a softmax that is a layer of its own."""
    first = layers.SeparableConv2D(4, 3, activation="relu", name="a")
    last = layers.Conv2DTranspose(2, 3, activation="tanh", name="b")
    return chain([first, last, layers.GlobalMaxPooling2D(), layers.Dense(3), layers.Softmax()])


def residual():
    """A block with a shortcut, which a cut inside the block has to carry along."""
    inputs = keras.Input((8, 8, 3))
    stem = layers.Conv2D(4, 3, padding="same", activation="relu", name="stem")(inputs)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="in_block")(stem)
    x = layers.Conv2D(4, 3, padding="same", name="end_of_block")(x)
    x = layers.Add(name="add")([x, stem])
    x = layers.GlobalAveragePooling2D()(layers.Activation("tanh")(x))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


def branches():
    """Two branches that are joined, and operations that are no layers."""
    inputs = keras.Input((8, 8, 3))
    left = layers.Conv2D(2, 1, activation="tanh", name="left")(inputs)
    right = layers.Conv2D(2, 3, padding="same", activation="tanh", name="right")(inputs)
    x = layers.Concatenate(name="both")([left, right])
    x = layers.Activation("softmax")(layers.Dense(3)(layers.Flatten()(x * x + 1)))
    return keras.Model(inputs, x)


def two_outputs():
    """An operation with two outputs."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="a")(inputs)
    first, second = keras.ops.split(x, 2, axis=-1)
    x = layers.Multiply(name="b")([first, second])
    return keras.Model([inputs], [layers.Dense(3)(layers.Flatten()(x))])


def nested():
    """A model used as a layer, as in transfer learning."""
    normalization, relu = layers.BatchNormalization(name="bn"), layers.ReLU(name="relu")
    base = chain([layers.Conv2D(4, 3, name="conv"), normalization, relu], name="base")
    dense = layers.Dense(3, activation="softmax", name="predictions")
    pool = layers.GlobalAveragePooling2D()
    return keras.Sequential([keras.Input((8, 8, 3)), base, pool, dense])


def head_nested():
    """The classifier itself is a nested model, softmax and all."""
    pool, dense = layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")
    conv = layers.Conv2D(4, 3, activation="relu", name="conv")
    return chain([conv, chain([pool, dense], (6, 6, 4), name="head")])


def applied_twice():
    """One layer at two places, in a model that is itself applied twice."""
    conv = layers.Conv2D(3, 3, padding="same", activation="tanh", name="conv")
    block = chain([conv, conv], name="block")
    return chain([block, block, *flat_softmax()])


def shortcut_from_the_input():
    """The network's input itself crosses a cut."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(inputs)
    x = layers.Concatenate(name="join")([x, inputs])
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))


def attention():
    """A layer that takes a tensor as a keyword."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", name="a")(inputs)
    x = layers.MultiHeadAttention(1, 2, name="attention")(x, value=layers.ReLU(name="b")(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(3, use_bias=False, activation="softmax")(x))


def convolution_then_softmax():
    """As in MobileNet of 2017: the last weights are those of a 1 x 1 convolution."""
    conv = layers.Conv2D(4, 3, activation="relu", name="conv")
    pool, scores = layers.GlobalAveragePooling2D(keepdims=True), layers.Conv2D(3, 1, name="scores")
    return chain([conv, pool, scores, layers.Reshape((3,)), layers.Activation("softmax")])


def ends_in_logits():
    """Class scores are averaged maps, as in SqueezeNet without its softmax."""
    return chain([layers.Conv2D(3, 3, name="conv"), layers.GlobalAveragePooling2D()])


# Each with the layers at which a heatmap can be asked for.
NETWORKS = {
    plain: ["conv"],
    sequential: ["a", "b"],
    depthwise: ["a", "b", "c"],
    separable: ["a", "b"],
    residual: ["stem", "in_block", "end_of_block", "add"],
    branches: ["left", "right", "both"],
    two_outputs: ["a", "b"],
    nested: ["conv", "bn", "relu"],
    head_nested: ["conv"],
    applied_twice: ["conv", "block"],
    shortcut_from_the_input: ["conv", "join"],
    attention: ["a", "b", "attention"],
    convolution_then_softmax: ["conv"],
    ends_in_logits: ["conv"],
}
