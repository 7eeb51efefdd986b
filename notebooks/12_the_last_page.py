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
# # 12 The last page
#
# ← [11 From where to what](11_from_where_to_what.ipynb) · [contents](../README.md#the-chapters) · 5 minutes
#
# A shark, two towers, a yellow label. Each time a map pointed somewhere, and each time we changed the picture to find out.
# **When was the map right?** Here's what came of it, and what you can do now.
#
# **What you will learn**
#
# - what this course has found, side by side;
# - what it hasn't found;
# - where to go from here.
#
# **You need:** nothing new.

# %% cellView="form" jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
# @title Setup: on Colab this installs the course, elsewhere it does nothing
import sys

if "google.colab" in sys.modules:
    get_ipython().run_line_magic("pip", "install --quiet course.zip")

# %%
import course_utils as cu

import matplotlib.pyplot as plt
import numpy as np

# %% jupyter={"source_hidden": true}
# @title The shark and the rocket, once more
classifier = cu.load_classifier()
weights = classifier.model.layers[-1].get_weights()[0]  # of the dense layer
questions = {"great_white_shark": ("tiger shark", "great white shark")}
questions["rocket"] = "drilling platform", "missile"
figure, panels = plt.subplots(1, 2, figsize=(6.4, 3.2), layout="constrained")
for axes, (sample, names) in zip(panels, questions.items()):
    picture = cu.load_image(sample)
    one, other = (cu.class_index(name) for name in names)
    maps = cu.get_feature_maps(classifier, picture)[classifier.last_conv_layer_name]
    difference = maps @ (weights[:, one] - weights[:, other]) / 49  # in logits
    size = np.abs(difference).max()
    height, width, _ = picture.shape
    axes.imshow(picture.mean(axis=2), cmap="gray")
    place = (0, width, height, 0)
    shown = axes.imshow(difference, cmap="RdBu_r", vmin=-size, vmax=size, extent=place)
    shown.set_alpha(0.8 * np.abs(difference) / size)
    figure.colorbar(shown, ax=axes, location="bottom", label="logits")
    axes.set_title(" rather than\n".join(names))
    axes.axis("off")
plt.show()

# %% [markdown]
# *Two difference maps. The shark: red for tiger shark from the dorsal fin to the tail. The rocket: red for drilling platform
# on both sides, most of all one cell in from the towers.*
#
# | | the map pointed at | the experiment | so the map |
# |---|---|---|---|
# | the shark (4.1, 4.2) | flank and tail, hottest at the tail | stripes painted on the flank flip the answer | had the place, with its peak a cell off; *stripes* wasn't in it |
# | the rocket (5) | both sides, hottest beside the towers | the towers decide | had the place, with its peak a cell off |
# | the label (8) | the label, in 16 of 20 pictures | without the label no gravel is recognized | caught a cheat that the test set missed |
# | one gray level (10) | the same place as before | the name has changed | of one name didn't notice; the difference of two did |
# | five pictures (7) | Guided Backpropagation draws what's in them | it draws the same with a third of the layers random | only looked right |
#
# You couldn't fill in a single row from a map alone.

# %% jupyter={"source_hidden": true}
# @title Where this course has looked
middle, last = "block4a_expand_activation", classifier.last_conv_layer_name
cu.draw_network(classifier, [middle, last, "predictions_logits"])

# %% [markdown]
# *The network once more. In the middle we switched channels off (6), its last maps said where and what (4.1, 11), and its logits
# why this name rather than that one (5). The kernels and early maps were VGG16's (2, 3).*
#
# ## What you can do now
#
# - Take any layer of a Keras network, look at its maps, and say how far each value sees.
# - Write Grad-CAM and saliency from scratch, use their relatives, and say what each one answers.
# - Ask why it is *this* name rather than that one.
# - Paint what a channel likes, switch it off, and find what drives it in photographs.
# - Test a map against maps that know nothing, and find the ten usual mistakes.
# - Do all of it on your own network, and tell your colleagues when not to believe a picture.
#
# ## What nobody here has found out
#
# - *Why* the network learned stripes and towers. We only know what the answer hangs on, on these pictures.
# - Whether your network uses what a person would use. A map that looks sensible is the easiest one to believe.
# - A score that tells good maps from bad ones everywhere. Each of ours failed on some picture.
#
# ## Where to go from here
#
# - **Your own pictures.** Ten of your own teach more than a hundred of ours. Predict first.
# - **Vision transformers** have no maps to weight; attention isn't an explanation by itself
#   ([Chefer et al., 2020](https://arxiv.org/abs/2012.09838) combine it with gradients).
# - **Concepts**: ask for an idea instead of a place
#   ([Kim et al., 2017](https://arxiv.org/abs/1711.11279)), or let factorization find the ideas
#   ([Fel et al., 2022](https://arxiv.org/abs/2211.10154)), as chapter 11 did on a small scale.
# - **Circuits**: what do channels do together ([Olah et al., 2020](https://distill.pub/2020/circuits/zoom-in))?
# - **Many tests at once**: [Quantus](https://github.com/understandable-machine-intelligence-lab/Quantus), and
#   [Xplique](https://github.com/deel-ai/xplique) for Keras.
#
# And if you find a sentence of ours that goes further than its picture, open an issue in the course's repository: that's the
# kind of mistake that this course is about.

# %% [markdown] tags=["navigation"]
# ← [11 From where to what](11_from_where_to_what.ipynb) · [contents](../README.md#the-chapters)
