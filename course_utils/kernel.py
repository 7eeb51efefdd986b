"""What a notebook's kernel gets from the course: a quiet TensorFlow, and hints for cells run early.

An IPython extension. The settings that are installed with the course load it in every kernel; on
Colab, where the kernel is older than the course, `import course_utils` does.
"""

from typing import Any

from course_utils.hints import show_hints
from course_utils.quiet import import_tensorflow_quietly


def load_ipython_extension(shell: Any) -> None:
    """Set up a kernel, given as its IPython shell."""
    import_tensorflow_quietly()
    show_hints(shell)
