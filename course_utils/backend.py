"""TensorFlow and Keras, imported without their start-up notices."""

import os

from course_utils.quiet import without_notices

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
with without_notices():
    import keras
    import tensorflow as tf

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"Keras runs on {keras.backend.backend()!r}, but the course needs TensorFlow. Set the "
        "environment variable KERAS_BACKEND to 'tensorflow' and start Python again."
    )

__all__ = ["keras", "tf"]
