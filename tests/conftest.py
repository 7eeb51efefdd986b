"""What the tests share: networks and pictures."""

import numpy as np
import pytest

import course_utils as cu


@pytest.fixture(scope="session")
def embedded():
    """The embedded EfficientNet-Lite0 with its ImageNet weights."""
    return cu.load_classifier("embedded")


@pytest.fixture(scope="session")
def chelsea():
    """A cat, uint8 (300, 451, 3)."""
    return cu.load_image("chelsea")


@pytest.fixture(scope="session")
def coffee():
    """A cup of espresso, uint8 (400, 600, 3)."""
    return cu.load_image("coffee")


@pytest.fixture
def tiny():
    """A convolution, ReLU, global average pooling and three classes, on 8 x 8 pictures, seeded."""
    import keras

    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(inputs)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    outputs = keras.layers.Dense(3, activation="softmax", name="predictions")(x)
    return cu.ImageClassifier("tiny", keras.Model(inputs, outputs), lambda images: images / 255)


@pytest.fixture
def picture():
    """A picture of noise, uint8 (8, 8, 3), the same every time."""
    return np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8)
