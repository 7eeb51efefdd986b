"""The environment of every test and of every chapter's kernel: a lesson without a network."""

import os

import matplotlib.font_manager  # noqa: F401  lists the fonts now: in a chapter it would be printed

# Before anything imports TensorFlow; the kernels that nbval starts inherit it.
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", COURSE_MODEL="embedded", COURSE_OFFLINE="1")
os.environ.pop("MPLBACKEND", None)  # a value from the shell would change what a chapter shows
