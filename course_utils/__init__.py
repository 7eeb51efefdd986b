"""Look inside a convolutional network: helpers of the course "Visualizing What CNNs Learn".

A name loads its module, and with it TensorFlow, when it is first used; in a notebook TensorFlow
loads at once.
"""

import sys

try:
    import lazy_loader
except ModuleNotFoundError as error:  # the commonest fault: a Python that is not the course's
    raise ImportError(
        f"The course is not installed for this Python, {sys.executable}. Activate its environment, "
        "or install it: python -m pip install --editable . (in the course's folder)."
    ) from error

__version__ = "0.1.0"

# The public names stand in __init__.pyi, where editors find them, too.
_find_name, _, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__.append("check")


def __getattr__(name):
    if name == "check":  # it belongs to the exercises, a package above this one
        from course_exercises.check import check

        return check
    return _find_name(name)


def __dir__():
    return __all__


if "ipykernel" in sys.modules:  # a chapter's next line may be `import keras`, which is not quiet
    from course_utils import backend as backend
