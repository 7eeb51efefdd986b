"""TensorFlow and Keras, imported without the notices that TensorFlow prints when it starts."""

import os
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# Of oneDNN and the processor, printed before TF_CPP_MIN_LOG_LEVEL has an effect.
_NOTICES = ("WARNING: All log messages before absl", "I0000 ", "To enable the following")


@contextmanager
def _without_notices() -> Iterator[None]:
    """Drop the notices, which C++ writes to the process's error stream; print the rest later."""
    sys.stderr.flush()
    with tempfile.TemporaryFile("w+", errors="replace") as caught:
        saved = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            caught.seek(0)
            sys.stderr.writelines(line for line in caught if not line.startswith(_NOTICES))


os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# 3: without a GPU, TensorFlow reports that it found none as an error (level 2).
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with _without_notices():
    import keras
    import tensorflow as tf

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"Keras runs on {keras.backend.backend()!r}, but the course needs TensorFlow. Set the "
        "environment variable KERAS_BACKEND to 'tensorflow' and start Python again."
    )

# Even if keras.json says channels_first: the course's networks and pictures have them last.
keras.config.set_image_data_format("channels_last")


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Leave Python's generator as it is: Keras draws the seeds of its initializers from it."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


__all__ = ["keras", "random_state_kept", "tf"]
