# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 1 Introduction
#
# **What you will learn**
#
# - what a network's answer tells you, and what it leaves out;
# - which question each chapter of this course asks;
# - how to load a trained network and let it name what is on a picture.
#
# **Time:** 10 minutes. **You need:** some Python and NumPy.

# %% cellView="form" jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
# @title Setup: on Colab this installs the course and fetches VGG16, elsewhere it does nothing
import sys

if "google.colab" in sys.modules:
    import re
    import subprocess
    from importlib.metadata import distributions, requires

    def install(package):
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", package]
        if subprocess.run(command).returncode:
            raise SystemExit("pip could not install the course, and says why above.")

    install("course.zip")
    needed = [line for line in requires("course-utils") if "extra" not in line]
    for line in [*needed, "deprecated"]:  # the last one is for tf-keras-vis
        name = re.match("[a-z0-9-]+", line)[0]
        if not any(distributions(name=name)):  # what is there stays: Colab keeps its TensorFlow
            install(name)

    get_ipython().extension_manager.load_extension("course_utils.hints")

    from course_utils.__main__ import main

    if main(["fetch", "vgg16"]):
        print("The chapter goes on with the network that is part of the course.")

# %%
import course_utils as cu
import course_utils.backend  # loads TensorFlow without its start-up messages

# %% [markdown]
# ## Why look inside?
#
# A convolutional neural network (CNN) turns a picture into 1000 numbers, one for each thing it can
# name. Between the picture and these numbers stand millions of weights that nobody has chosen by
# hand: training has. So two questions stay open after every answer.
#
# 1. *What* has the network learned to see?
# 2. *Why* does it give this answer for this picture?
#
# These questions have practical weight. A classifier that recognized horses by the copyright tag in a
# corner of the picture scored well on its test set
# ([Lapuschkin et al., 2019](https://arxiv.org/abs/1902.10178)). Its accuracy did not show that; a
# heatmap did.

# %% [markdown]
# ## What each chapter answers
#
# | chapter | question | what you look at |
# |---|---|---|
# | 2 Accessing layers and weights | What is a network made of? | layers, kernels, parameter counts |
# | 3 Visualizing layer outputs | What does each layer make of a picture? | feature maps |
# | 4 Methods for interpretation | Which classes are there, and what is a score? | ImageNet, logits, probabilities |
# | 4.1 Grad-CAM | Which *region* speaks for a class? | class activation maps |
# | 4.2 Saliency maps | Which *pixels* speak for a class? | gradients with respect to the picture |
# | 5 Conclusion | When may you believe a heatmap? | all methods side by side, and a test they must pass |

# %% [markdown]
# ## A first prediction
#
# `load_classifier` returns a trained network. Without an argument it takes VGG16 if its weights
# (553 MB) are already on this computer, else EfficientNet-Lite0 (19 MB), which is part of the
# course and needs no internet connection. Every chapter works with either.

# %%
classifier = cu.load_classifier()
classifier

# %% [markdown]
# A picture is an array of whole numbers from 0 to 255: height, width, and three color channels (red,
# green, blue).

# %%
image = cu.load_image("chelsea")
print("shape:", image.shape, " type:", image.dtype, " range:", image.min(), "to", image.max())

# %% [markdown]
# The network gives a probability to each of its 1000 classes. Here are the five most probable.

# %%
predictions = classifier.top_predictions(image, k=5)
for prediction in predictions:
    print(f"{prediction.class_index:4d}  {prediction.label:20s} {prediction.probability:.3f}")

# %%
cu.plot_predictions(predictions, image)

# %% [markdown]
# Compare the bars with the picture. Chelsea is a cat: see which of the bars are kinds of cats. The
# chart does not say where the evidence lies: in the eyes, the ears, or the background. Chapter 4.1
# asks.

# %% [markdown]
# ## A network must answer
#
# The next picture shows a rocket on its launch pad. ImageNet has classes *missile*, *projectile* and
# *space_shuttle*, but none for a space rocket. The network has no way to say "none of these": its
# probabilities always sum to 1.

# %%
rocket = cu.load_image("rocket")
predictions = classifier.top_predictions(rocket, k=5)
print("sum of all 1000 probabilities:", round(float(classifier.predict(rocket).sum()), 3))
print("first three:", ", ".join(f"{p.label} {p.probability:.2f}" for p in predictions[:3]))
cu.plot_predictions(predictions, rocket)

# %% [markdown]
# Look at the first bar: from which part of the picture could that answer come? A probability says how
# the network divides its belief among the names that it knows. It says how likely the answer is to be
# right only for a network that is *calibrated* (of its answers with 0.8, 80 % are right), and only for
# pictures like those it was trained on.

# %% [markdown]
# ## Where this course runs
#
# | place | what it takes | network |
# |---|---|---|
# | Google Colab | a Google account; the setup cell at the top installs the course | VGG16, which the setup cell fetches |
# | Binder | a browser | EfficientNet-Lite0 |
# | your computer | Python 3.11 to 3.13, and `make lab` (see the README) | EfficientNet-Lite0, or VGG16 once you have fetched it |
#
# To choose a network yourself, name it: `cu.load_classifier("vgg16")` downloads the weights once and
# keeps them. Your own pictures work as well: `cu.load_image` takes a file name or a web address.
#
# A cell uses what the cells above it have made. One that is run too early ends in `NameError` and
# says which cell comes first. After a restart of the kernel nothing is there any more: choose *Run >
# Run All Above Selected Cell* (on Colab: *Runtime > Run before*) and go on.

# %%
print("sample pictures:", ", ".join(cu.sample_image_names()))

# %% [markdown]
# ## What to remember
#
# - A classifier maps a picture to 1000 probabilities that sum to 1. It must answer, also when no
#   class fits.
# - The answer alone shows neither what the network has learned nor what it has looked at.
#
# ## Where a prediction misleads
#
# - A high probability is not always a high chance of being right. Many networks are right less often than
#   their probabilities say ([Guo et al., 2017](https://arxiv.org/abs/1706.04599)).
# - The five best classes may be five names for one thing. Read them together.
#
# **Next:** chapter 2 takes the network apart.
