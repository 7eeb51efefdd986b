"""TensorFlow and Keras, imported without the start-up notices that would open every chapter."""

import os
import sys
import tempfile
from contextlib import contextmanager

# What C++ prints before TF_CPP_MIN_LOG_LEVEL counts: oneDNN is on, the CPU has these instructions.
_NOTICES = ("WARNING: All log messages before absl", "I0000 ", "To enable the following")


@contextmanager
def _without_notices():
    """Keep known notices off the process's error stream; everything else still arrives there."""
    if sys.stderr is None:  # a program without a console
        yield
        return
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


# 3: without a GPU, TensorFlow reports a failed search for one as an error.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
with _without_notices():
    import keras
    import tensorflow as tf

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"Keras runs on {keras.backend.backend()!r}, but the course needs TensorFlow. Set the "
        "environment variable KERAS_BACKEND to 'tensorflow' and start Python again."
    )

__all__ = ["keras", "tf"]
