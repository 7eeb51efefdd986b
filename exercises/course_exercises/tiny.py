"""Tiny networks with random weights, on which answers are examined in milliseconds."""

from typing import Any

import numpy as np

from course_utils.backend import keras


def tiny_network(
    generator: np.random.Generator,
    size: tuple[int, int] = (8, 8),
    num_classes: int = 4,
    averages: bool = False,
    activation: str | None = "softmax",
) -> keras.Model:
    """Return a network of two convolutions, "first" and "second", and a dense layer "predictions".

    Args:
        generator: `numpy.random.Generator`, which draws the weights; no global seed is touched.
        size: (height, width) of its pictures, which have three colors.
        num_classes: int.
        averages: Whether it averages its last maps, as EfficientNet-Lite0, or flattens them, as
            VGG16, so that the places count differently.
        activation: Of the last layer.
    """
    layers = keras.layers
    inputs = keras.Input((*size, 3))
    x = layers.Conv2D(4, 3, activation="relu", padding="same", name="first")(inputs)
    x = layers.Conv2D(5, 3, activation="relu", strides=2, padding="same", name="second")(x)
    x = layers.GlobalAveragePooling2D()(x) if averages else layers.Flatten()(x)
    outputs = layers.Dense(num_classes, activation=activation, name="predictions")(x)
    model = keras.Model(inputs, outputs)
    model.set_weights([_draw(generator, weights.shape) for weights in model.get_weights()])
    return model


def last_ranked(model: keras.Model, inputs: Any) -> int:
    """Return the class that a network ranks last: none that an answer takes by mistake."""
    return int(np.argmin(model(inputs)[0]))


def _draw(generator, shape):
    """Draw a kernel that keeps the scale of what it reads, or a small bias."""
    spread = 1 / np.sqrt(np.prod(shape[:-1])) if len(shape) > 1 else 0.1
    return generator.normal(0, spread, shape)
