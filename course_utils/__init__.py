"""Look inside a convolutional network: helpers of the course "Visualizing What CNNs Learn".

Names load their module, and with it TensorFlow, when they are first used.
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


if "google.colab" in sys.modules:  # elsewhere the settings of the environment load it
    from IPython import get_ipython

    if shell := get_ipython():  # a script that Colab runs has none
        shell.extension_manager.load_extension("course_utils.kernel")
