"""What the tests of the explorers share."""

import pytest
from small_networks import chain, layers, wrap

from course_utils.backend import keras


@pytest.fixture
def small(seeded):
    """Two convolutions and three classes, on 8 x 8 pictures: compiled in no time."""
    first = layers.Conv2D(70, 3, padding="same", activation="relu", name="first")
    second = layers.Conv2D(5, 3, 2, padding="same", activation="softplus", name="second")
    positive = keras.initializers.RandomUniform(0, 1)  # each class is seen
    head = layers.Dense(3, activation="softmax", kernel_initializer=positive, name="predictions")
    return wrap(chain([first, second, layers.GlobalAveragePooling2D(name="pool"), head]))
