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
# # 2 Accessing layers and weights
#
# ← [1 Introduction](01_introduction.ipynb) · [contents](../README.md#the-chapters) · [3 Visualizing layer outputs](03_visualizing_layer_outputs.ipynb) → · 20 minutes
#
# 138 million numbers turn a photograph into a name. **Where are they, and what do the first of them look like?** Nobody
# chose them: training did. This chapter takes VGG16 apart, the network of the tutorial that this course
# follows, and finds that its first numbers are little color pictures.
#
# **What you will learn**
#
# - how to reach any layer of a Keras network, and the weights in it;
# - what the numbers in a weight's shape mean, and how to count parameters on paper;
# - what the kernels of a first layer look like, and where a network keeps most of its parameters.
#
# **You need:** chapter 1.

# %% cellView="form" jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
# @title Setup: on Colab this installs the course, elsewhere it does nothing
import sys

if "google.colab" in sys.modules:
    get_ipython().run_line_magic("pip", "install --quiet course.zip")

# %%
import course_utils as cu

import keras
import matplotlib.pyplot as plt
import numpy as np

# %% [markdown]
# ## Load VGG16
#
# VGG16 comes with Keras ([Simonyan and Zisserman, 2014](https://arxiv.org/abs/1409.1556)). The file of its trained
# weights has 553 MB. `include_top=False` leaves out its last four layers, three of them with weights; what remains, all
# thirteen convolutions, is part of this course. So the next cell needs no download. From chapter 4 on we need
# the names of classes, which only the last layers know, and another network will take over.

# %% tags=["live"]
# Load VGG16 with its trained weights, without its last four layers
weights = cu.weights_path("vgg16_no_top")
model = keras.applications.VGG16(include_top=False, weights=weights, input_shape=(224, 224, 3))
print(len(model.layers), "layers")

# %% [markdown]
# `summary()` lists a network's layers: name and type, the shape of the output, the number of parameters.
# The first entry of a shape is `None`: it stands for the number of pictures, which is free.

# %% tags=["nbval-ignore-output", "hide-output"]
model.summary()

# %% [markdown]
# Read it from top to bottom, and it tells a story. A picture of 224 x 224 pixels with 3 colors comes in. A
# *convolution* slides 64 small filters over it and writes down, place by place, how well each of them matches: that makes
# 64 channels. A second one follows. A *pooling* layer halves height and width; of each 2 x 2 values it keeps the largest.
# Four more such blocks, and 7 x 7 places with 512 channels are left. Space shrinks, depth grows.
#
# The layers are an ordinary Python list.

# %%
for index, layer in enumerate(model.layers):
    print(f"{index:2d}  {layer.name:13s} {type(layer).__name__}")

# %% [markdown]
# You reach a layer by its position, `model.layers[1]`, or by its name. The name is better: it still works
# if somebody inserts a layer.

# %%
layer = model.get_layer("block1_conv1")
assert layer is model.layers[1]
print(f"{layer.name}: {layer.filters} filters of {layer.kernel_size[0]} x {layer.kernel_size[1]}")

# %% [markdown]
# ## The weights of a layer
#
# `get_weights()` returns them as NumPy arrays: the *kernels*, also called filters, and the *bias*, one
# number for each filter.

# %% tags=["live"]
# Take the weights out of the first convolution, and look at their shapes
W, b = model.layers[1].get_weights()
W.shape, b.shape

# %% [markdown]
# The shape of the kernels reads: height 3, width 3, input channels 3, filters 64. So `W[:, :, :, 0]` is
# one filter, a block of 27 weights. At each place they are multiplied with the 27 numbers beneath and added up (chapter 3
# does it by hand).
#
# ### Counting on paper
#
# A filter of size $k \times k$ that reads $c_\text{in}$ channels has $k \cdot k \cdot c_\text{in}$
# weights and one bias. A layer with $c_\text{out}$ filters therefore has
#
# $$ (k \cdot k \cdot c_\text{in} + 1) \cdot c_\text{out} \quad\text{parameters.} $$
#
# The size of the picture is not in the formula: the same filter serves every position. What does the
# summary say for `block1_conv1`? Count first.

# %% tags=["live"]
# Count the parameters of the layer by the formula, and ask Keras
height, width, channels_in, channels_out = W.shape
by_hand = (height * width * channels_in + 1) * channels_out
print(f"by hand: {by_hand:,}   Keras: {layer.count_params():,}")
assert by_hand == layer.count_params()

# %% [markdown]
# ## The first kernels as pictures
#
# `block1_conv1` reads three colors. So each of its filters is a color picture of 3 x 3 pixels, and we can
# look at it. Two things have to be put right first.
#
# **The order of the colors.** Keras's `preprocess_input` prepares a picture for VGG16, and the weights fit the
# prepared picture.
#
# **Predict, then run.** A red pixel is (255, 0, 0). Prepared for VGG16, which of its three numbers is the large one?
#
# <details><summary>Answer</summary>
#
# The last, 131.3. VGG16 was trained on blue, green, red, so `preprocess_input` swaps the channels.
#
# </details>

# %% tags=["live"]
# Prepare one red pixel for VGG16
red = np.full((1, 1, 1, 3), (255, 0, 0), "float32")
print(keras.applications.vgg16.preprocess_input(red)[0, 0, 0].round(1))

# %% [markdown]
# Channel 2 is red. (From each channel the mean of the training pictures has been subtracted.) `W[:, :, ::-1]`
# reverses the order.
#
# **The sign.** A weight can be negative, a color cannot. We put a weight of 0 at mid-gray and use one scale
# for all 64 kernels.

# %% tags=["live"]
# Reverse the order of the colors, and make a weight of 0 mid-gray
kernels = W[:, :, ::-1]  # red, green, blue
patches = 0.5 + 0.5 * kernels / np.abs(kernels).max()  # -max .. 0 .. max becomes 0 .. 0.5 .. 1
print(patches.min().round(2), "to", patches.max().round(2))

# %%
figure, panels = plt.subplots(1, 4, figsize=(6, 1.8))
for axes, index in zip(panels, [1, 12, 45, 62]):
    axes.imshow(patches[:, :, :, index])
    axes.set_title(f"kernel {index}", fontsize="medium")
    axes.axis("off")
plt.show()

# %% [markdown]
# *Four kernels of 3 x 3 pixels: a plain gray-blue one, a plain green one, and two patterns of bright and dark
# that are each other's negative.*
#
# Now all of them, row by row: kernel 0 is the first.

# %% tags=["live"]
# Draw all 64 kernels
cu.plot_kernels(kernels, "Kernels of block1_conv1")

# %% [markdown]
# *The 64 kernels of VGG16's first layer. Some are one plain color, the others patterns of bright and dark.*
#
# Paint a kernel in its mean color. If more than half of its *energy* is left, the sum of its squared weights, we call it
# *plain*.
#
# **Predict, then run.** How many of the 64 are plain?
#
# <details><summary>Answer</summary>
#
# 22, a third. The other 42 are patterns.
#
# </details>

# %% tags=["live"]
# Count the plain kernels: compare the energy of the mean color with the whole energy
energy = np.square(kernels).sum(axis=(0, 1, 2))
mean_color = kernels.mean(axis=(0, 1))
painted = np.broadcast_to(mean_color, kernels.shape)  # each kernel in its mean color
is_plain = np.square(painted).sum(axis=(0, 1, 2)) > energy / 2
print(is_plain.sum(), "kernels are plain,", (~is_plain).sum(), "are patterns")

# %%
directions = kernels.reshape(27, 64) / np.sqrt(energy)
cosines = directions.T @ directions  # of each pair; 1: the same kernel, -1: its negative
print(f"kernels 45 and 62: cosine {cosines[45, 62]:.2f}, the lowest of all is {cosines.min():.2f}")
has_opposite = (cosines.min(axis=0) < -0.9) & ~is_plain
print(f"patterns with an opposite, below -0.9: {has_opposite.sum()} of {(~is_plain).sum()}")

# %% [markdown]
# Plain kernels look for a color, the others for a pattern, mostly bright beside dark. Such a kernel responds
# to a border between the two, an *edge*. Most have an opposite: where one wants bright above dark, the other wants dark
# above bright. One kernel can't serve both, because behind each convolution comes a *ReLU*, which replaces every
# negative number by 0.
#
# Nobody asked for edge detectors. Training found them, as it does in most networks that learn
# from photographs ([Yosinski et al., 2014](https://arxiv.org/abs/1411.1792)).
#
# ### What does each kernel respond to?
#
# The explorer shows where each kernel matches the shark, its *feature map*. Drag *Channel*, or click on a small
# picture: channel 1 is the blue kernel and sees the water; channel 45 sees edges. Drag *Layer* to go deeper. (Its
# *receptive field* is how many pixels of the photograph one value can depend on.)

# %%
shark = cu.load_image("great_white_shark")
explorer = cu.LayerExplorer(model, shark, keras.applications.vgg16.preprocess_input)
explorer.channel.value = 45
explorer

# %% [markdown]
# *The layer explorer on VGG16: the 64 feature maps of the first layer, the photograph, and channel 45 large: edges.*
#
# Some of the 64 squares look dark all over. Which kernels find nothing at all? And do they find anything in *coffee*?

# %% [markdown] tags=["still"]
# This is a picture of the explorer: in a running notebook its controls move.

# %%
maps = {
    name: cu.get_feature_maps(
        model, cu.load_image(name), ["block1_conv1"], keras.applications.vgg16.preprocess_input
    )["block1_conv1"]
    for name in ["great_white_shark", "coffee"]
}
silent = np.flatnonzero(maps["great_white_shark"].max(axis=(0, 1)) <= 0)
print("mean color of the photograph:", shark.mean(axis=(0, 1)).round(), "(red, green, blue)")
for index in silent:
    largest = maps["coffee"][:, :, index].max()
    print(f"silent: kernel {index:2d}, mean weights", mean_color[:, index].round(2), end=", ")
    print(f"on coffee up to {largest:.0f}")
for index in [19, 52]:
    print(
        f"kernel {index} is above zero in",
        (maps["great_white_shark"][:, :, index] > 0).sum(),
        "pixels",
    )

# %%
figure, panels = plt.subplots(1, 5, figsize=(9.6, 2.3), layout="constrained")
panels[0].imshow(cu.load_image("coffee", size=(224, 224)))
for axes, index in zip(panels[1:], silent):
    axes.imshow(maps["coffee"][:, :, index])
    axes.set_title(f"kernel {index}", fontsize="medium")
for axes in panels:
    axes.axis("off")
plt.show()

# %% [markdown]
# *The coffee, and what the four silent kernels find in it: 8, 16 and 29 are brightest on the red saucer, 59 on the coffee
# in the cup.*
#
# Four are silent; 19 and 52 have a few bright pixels. The four are plain kernels whose largest weight is red or, for
# kernel 59, nearly so. Under water there is almost no red: 31 of 255 on average. They aren't broken; they wait for
# another picture.
#
# Deeper kernels read 64 or more channels. Channels aren't colors, so we can't draw these kernels.
# Chapter 3 looks at what they *compute* instead.

# %% [markdown]
# ## Where the parameters sit
#
# The thirteen convolutions are loaded. The three dense layers behind them aren't, but we can count them on
# paper: a dense layer connects each of its inputs with each of its outputs, so it has
# $(n_\text{in} + 1) \cdot n_\text{out}$ parameters. The first one reads the 7 x 7 x 512 numbers that come out
# of the last pooling.
#
# **Predict, then run.** How much of VGG16 sits in its thirteen convolutions: 11%, 50% or 89%?
#
# <details><summary>Answer</summary>
#
# 11%. The first dense layer alone, fc1, has 74%.
#
# </details>

# %% tags=["live"]
# Count the dense layers on paper, and compare them with the convolutions
counts = {layer.name: layer.count_params() for layer in model.layers if layer.weights}
inputs = 7 * 7 * 512
for name, units in [("fc1", 4096), ("fc2", 4096), ("predictions", 1000)]:
    counts[name] = (inputs + 1) * units
    inputs = units

total = sum(counts.values())
print(f"convolutions: {model.count_params() / total:.0%} of {total:,} parameters")
print(f"fc1 alone: {counts['fc1'] / total:.0%}")

# %%
parts = {"convolutions": model.count_params(), "fc1": counts["fc1"], "fc2": counts["fc2"]}
parts["predictions"] = counts["predictions"]
figure, axes = plt.subplots(figsize=(9, 1.5), layout="constrained")
left = 0
for name, count in parts.items():
    share = 100 * count / total
    axes.barh(
        0, share, left=left, color="#31688e" if name == "convolutions" else "#b5de2b", ec="white"
    )
    axes.text(left + share / 2, 0.45, f"{name}\n{share:.0f}%", ha="center", va="bottom")
    left += share
axes.set_xlim(0, 105)
axes.axis("off")
plt.show()
print(f"the kernels of block1_conv1: {W.size / total:.4%}")

# %% [markdown]
# *One bar, VGG16's 138 million parameters. In blue the thirteen convolutions, 11%; in green the dense layers fc1, fc2 and
# predictions, 74, 12 and 3%.*
#
# Nine of ten parameters sit in the dense layers, three of four in a single one. The kernels that you have
# seen are 0.001% of the network.
#
# ### A smaller network
#
# EfficientNet-Lite0, the network of chapter 1, ends differently: it *averages* each of its last 1280
# feature maps to one number, so a single small dense layer is enough.

# %%
lite = cu.load_classifier("embedded").model
dense = lite.get_layer("predictions")
print(
    f"EfficientNet-Lite0: {lite.count_params():,} parameters, 1 for every {total / lite.count_params():.0f} in VGG16"
)
print(f"its dense layer: (1280 + 1) x 1000 = {dense.count_params():,}")
print(f"VGG16's fc1 alone is {counts['fc1'] / lite.count_params():.0f} times the whole network")
assert dense.count_params() == (1280 + 1) * 1000

# %% [markdown]
# ## What to remember
#
# - `model.layers`, `model.get_layer(name)` and `layer.get_weights()` open any Keras network.
# - A convolution's kernels have the shape (height, width, input channels, filters). Their size does not
#   depend on the picture's.
# - VGG16's first kernels are colors and edges. Nine of ten of its parameters sit in dense layers.
#
# ## Where looking at weights misleads
#
# - Only first-layer kernels are pictures. From the second layer on, a kernel means something only
#   together with all layers before it.
# - A faint kernel is not a weak one. In EfficientNet-Lite0 a layer of *batch normalization* behind each convolution
#   rescales every channel, so the same network can be written with small or with large weights.
# - A silent channel is not a dead one. It may wait for a color that isn't in this picture.
#
# **Next:** chapter 3 sends a picture through the layers.

# %% [markdown] tags=["navigation"]
# **Your turn:** [the exercises](../exercises/student/02_accessing_layers_and_weights.ipynb)
#
# ← [1 Introduction](01_introduction.ipynb) · [contents](../README.md#the-chapters) · [3 Visualizing layer outputs](03_visualizing_layer_outputs.ipynb) →
