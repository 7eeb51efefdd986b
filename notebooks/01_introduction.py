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
# [contents](../README.md#the-chapters) · [2 Accessing layers and weights](02_accessing_layers_and_weights.ipynb) → · 10 minutes
#
# **What you will learn**
#
# - what a network's answer tells you, and what it leaves out;
# - which question each chapter of this course asks;
# - how to load a trained network and let it name what is on a picture.
#
# **You need:** some Python and NumPy.

# %% cellView="form" jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
# @title Setup: on Colab this installs the course, elsewhere it does nothing
import sys

if "google.colab" in sys.modules:
    get_ipython().run_line_magic("pip", "install --quiet course.zip")

# %%
import course_utils as cu

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
# <!-- stamp: questions -->
#
# | chapter | question |
# |---|---|
# | [1 Introduction](01_introduction.ipynb) | What does a network's answer leave out? |
# | [2 Accessing layers and weights](02_accessing_layers_and_weights.ipynb) | What is a network made of? |
# | [3 Visualizing layer outputs](03_visualizing_layer_outputs.ipynb) | What does each layer make of a picture? |
# | [4 Methods for interpretation](04_0_methods_for_interpretation.ipynb) | Which classes are there, and what is a score? |
# | [4.1 Grad-CAM](04_1_grad_cam.ipynb) | Which *region* speaks for a class? |
# | [4.2 Saliency maps](04_2_saliency_maps.ipynb) | Which *pixels* speak for a class? |
# | [5 Conclusion](05_conclusion.ipynb) | When may you believe a heatmap? |
#
# <!-- end -->

# %% [markdown]
# ## A first prediction
#
# `load_classifier` returns a trained network: EfficientNet-Lite0 (19 MB), which is part of the course
# and needs no internet connection. `load_classifier("vgg16")` returns VGG16 and downloads its weights
# (553 MB) at its first use. Every chapter works with either.

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
# | place | what it takes |
# |---|---|
# | Google Colab | a Google account; the setup cell at the top installs the course |
# | Binder | a browser |
# | your computer | Python 3.11 to 3.13, and `make lab` (see the README) |
#
# Your own pictures work as well: `cu.load_image` takes a file name or a web address.
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

# %% [markdown] tags=["navigation"]
# [contents](../README.md#the-chapters) · [2 Accessing layers and weights](02_accessing_layers_and_weights.ipynb) →
