"""TensorFlow's start-up notices, kept off the screen: they would open every chapter."""

import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# What C++ prints before TF_CPP_MIN_LOG_LEVEL counts: oneDNN is on, the CPU has these instructions.
_NOTICES = ("WARNING: All log messages before absl", "I0000 ", "To enable the following")


@contextmanager
def without_notices() -> Iterator[None]:
    """Keep known notices off the process's error stream; everything else still arrives there."""
    # 3: without a GPU, TensorFlow reports a failed search for one as an error.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
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


class _QuietImport:
    """Finds TensorFlow when it is imported first, and loads it without its notices."""

    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None:
            return None
        load = spec.loader.exec_module

        def load_quietly(module):
            with without_notices():
                load(module)

        spec.loader.exec_module = load_quietly
        return spec


def import_tensorflow_quietly() -> None:
    """Make the first `import tensorflow` of this process a quiet one, whoever asks for it."""
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _QuietImport())
