"""TensorFlow and Keras, imported without the notices that TensorFlow prints when it starts."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# Printed before TF_CPP_MIN_LOG_LEVEL has an effect: that oneDNN is on, what the processor can do.
_NOTICES = ("WARNING: All log messages before absl", "I0000 ", "To enable the following")


@contextmanager
def _without_notices() -> Iterator[None]:
    """Keep these notices off the error stream; everything else is printed at the end.

    They come from C++, so what is redirected is the process's stream, not Python's.
    """
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

# Where keras.json asks for channels_first: all of the course's networks and pictures have the
# channels last, and TensorFlow's convolutions run no other way without a GPU.
keras.config.set_image_data_format("channels_last")

__all__ = ["keras", "tf"]
