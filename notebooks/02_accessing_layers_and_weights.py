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
# chose them: training did. This chapter takes apart VGG16, the network of the tutorial that this course follows.
#
# **What you will learn**
#
# - how to reach any layer of a Keras network, and the weights in it;
# - what the shape of a weight array means, and what a convolution computes with it;
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
from keras.applications.vgg16 import preprocess_input

# %% [markdown]
# ## Load VGG16
#
# VGG16 comes with Keras ([Simonyan and Zisserman, 2014](https://arxiv.org/abs/1409.1556)). The file with its trained
# weights is 553 MB. `include_top=False` leaves out its last four layers, three of them with weights. What remains, all
# thirteen convolutions, comes with this course, so nothing is downloaded.

# %% tags=["live"]
# Load VGG16 with its trained weights, without its last four layers
weights = cu.weights_path("vgg16_no_top")
model = keras.applications.VGG16(include_top=False, weights=weights, input_shape=(224, 224, 3))
print(len(model.layers), "layers")

# %% jupyter={"source_hidden": true}
# @title The layer that this chapter looks at
cu.draw_network(model, ["block1_conv1"])

# %% [markdown]
# *VGG16 as a row of slabs, one for each layer. From left to right the maps get smaller, from 224 pixels to 7, and more
# numerous. The first layer, block1_conv1, is highlighted.*
#
# `summary()` lists the layers: name and type, the shape of the output, the number of parameters.
# `None` stands for the number of pictures, which is up to you.

# %% tags=["nbval-ignore-output", "hide-output"]
model.summary()

# %% [markdown]
# Read it from top to bottom, and it tells a story. A picture of 224 x 224 pixels with 3 colors comes in. A
# *convolution* slides 64 small filters over it, which makes 64 channels. A second one follows. A *pooling* layer halves
# height and width: it keeps the largest of every 2 x 2 values. Four more such blocks, and 7 x 7 places with 512 channels are
# left. Space shrinks, depth grows.
#
# You reach a layer by its position, `model.layers[1]`, or better by its name: that still works if somebody inserts a layer.

# %%
# Reach the first convolution by its name
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
# one filter, a block of 27 weights.
#
# ### Counting on paper
#
# A filter of size $k \times k$ that reads $c_\text{in}$ channels has $k \cdot k \cdot c_\text{in}$
# weights and one bias. A layer with $c_\text{out}$ filters therefore has
#
# $$ (k \cdot k \cdot c_\text{in} + 1) \cdot c_\text{out} \quad\text{parameters.} $$
#
# The size of the picture isn't in the formula: the same filter serves every position. How many does
# `block1_conv1` have? Count first.

# %% tags=["live"]
# Count the parameters of the layer by the formula, and ask Keras
height, width, channels_in, channels_out = W.shape
by_hand = (height * width * channels_in + 1) * channels_out
print(f"by hand: {by_hand:,}   Keras: {layer.count_params():,}")
assert by_hand == layer.count_params()

# %% [markdown]
# ## A kernel slides
#
# What does the network do with these weights? First, `preprocess_input` prepares the picture.
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
red = np.full((1, 1, 3), (255, 0, 0), "float32")
print(preprocess_input(red)[0, 0].round(1))

# %% [markdown]
# (It also subtracts the mean of the training pictures.) Now lay kernel 45 on the picture at row 100,
# column 91. Multiply each of its weights by the number beneath it, add up the 27 products and the bias, and replace a negative
# result by 0. That last step is called *ReLU*. For kernel $K$, bias $b$, input $x$ and position $(i, j)$:
#
# $$ \begin{aligned}
# a_{ij} &= \text{ReLU}\Big( \sum_{u, v, c} K_{uvc} \; x_{i+u,\, j+v,\, c} + b \Big), \\
# \text{ReLU}(z) &= \max(z, 0) ,
# \end{aligned} $$
#
# where $u$ and $v$ run over -1, 0, 1.

# %% tags=["live"]
# Compute one number by hand: 27 products, their sum, the bias, and ReLU
shark = cu.load_image("great_white_shark", size=(224, 224))
inputs = preprocess_input(shark.astype("float32"))
row, column, kernel = 100, 91, 45
patch = inputs[row - 1 : row + 2, column - 1 : column + 2]
by_hand = max((patch * W[:, :, :, kernel]).sum() + b[kernel], 0)
outputs = keras.Model(model.input, layer.output)(inputs[np.newaxis])
print(f"by hand {by_hand:.1f}, Keras {outputs[0, row, column, kernel]:.1f}")

# %% jupyter={"source_hidden": true}
# @title The same as a drawing
cu.draw_convolution(model, shark, kernel, row, column, preprocess_input)

# %% [markdown]
# *One number by hand. A patch of 3 x 3 pixels behind the shark's head gives 27 numbers in blue, green and red. Multiplied by the
# kernel's 27 they sum to 369.9, and the bias makes it 370.7. Below them stand this number as one bright cell, the map row by
# row down to it, and the whole map.*
#
# A convolution is nothing but this sum, at every position, for every filter. (Signal processing calls it a
# cross-correlation.) Zero means no match, a large number a strong one. Row by row the numbers make a picture, a
# *feature map*. Now slide the kernel yourself: click on the picture, or drag *Kernel*, *Row* and *Column*.

# %%
# Slide the kernel
explorer = cu.ConvolutionExplorer(model, shark, preprocess_input)
explorer.kernel.value, explorer.row.value, explorer.column.value = kernel, row, column
explorer

# %% [markdown]
# *The convolution explorer: the shark with the place marked, patch, kernel and products as numbers, and the feature map.*

# %% [markdown] tags=["still"]
# This is a picture of the explorer: in a running notebook its controls move.

# %% [markdown]
# ## The first kernels as pictures
#
# `block1_conv1` reads three colors. So each of its filters is a color picture of 3 x 3 pixels, and we can
# look at it, once two things are put right. **The order of the colors:** channel 2 is red, and `W[:, :, ::-1]`
# reverses the order. **The sign:** a weight can be negative, a color can't. So a weight of 0 becomes mid-gray, with one scale
# for all 64 kernels.

# %% tags=["live"]
# Reverse the order of the colors, and make a weight of 0 mid-gray
kernels = W[:, :, ::-1]  # red, green, blue
patches = 0.5 + 0.5 * kernels / np.abs(kernels).max()  # -max .. 0 .. max becomes 0 .. 0.5 .. 1
print(patches.min().round(2), "to", patches.max().round(2))

# %%
# Four of them
plt.rcParams["font.size"] = 13  # letters that can be read on a phone
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
# Now all 64:

# %% tags=["live"]
# Draw all 64 kernels
cu.plot_kernels(kernels, "Kernels of block1_conv1")

# %% [markdown]
# *The 64 kernels of VGG16's first layer. Some are one plain color, the others patterns of bright and dark.*
#
# Replace the nine weights of each color by their mean. If that keeps more than half of the *energy*, the sum of the squared
# weights, we call the kernel *plain*.
#
# **Predict, then run.** How many of the 64 are plain?
#
# <details><summary>Answer</summary>
#
# 22, a third.
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
# Compare the directions of the kernels, pair by pair: which have an opposite?
directions = kernels.reshape(27, 64) / np.sqrt(energy)
cosines = directions.T @ directions  # of each pair; 1: the same kernel, -1: its negative
print(f"kernels 45 and 62: cosine {cosines[45, 62]:.2f}, the lowest of all is {cosines.min():.2f}")
has_opposite = (cosines.min(axis=0) < -0.9) & ~is_plain
print(f"patterns with an opposite, below -0.9: {has_opposite.sum()} of {(~is_plain).sum()}")

# %% [markdown]
# Plain kernels look for a color, the others for a pattern, mostly bright beside dark: an *edge*. Most have an opposite:
# where one wants bright above dark, the other wants dark above bright. One kernel can't do both, because ReLU cuts off what
# is negative.
#
# Nobody asked for edge detectors. Training found them, as it does in most networks that learn from
# photographs ([Yosinski et al., 2014](https://arxiv.org/abs/1411.1792)).
#
# Does every kernel find something in the shark? Do the others find something in *coffee*?

# %%
# Which kernels are silent on the shark, and what do they find in the coffee?
coffee = cu.load_image("coffee", size=(224, 224))
both = preprocess_input(np.stack([shark, coffee]).astype("float32"))
maps = keras.Model(model.input, layer.output)(both).numpy()
silent = np.flatnonzero(maps[0].max(axis=(0, 1)) == 0)
print("mean color of the photograph:", shark.mean(axis=(0, 1)).round(), "(red, green, blue)")
for index in silent:
    print(f"silent: kernel {index:2d}, mean weights", mean_color[:, index].round(2), end=", ")
    print(f"on coffee up to {maps[1, :, :, index].max():.0f}")

figure, panels = plt.subplots(1, 5, figsize=(9.6, 2.3), layout="constrained")
panels[0].imshow(coffee)
for axes, index in zip(panels[1:], silent):
    axes.imshow(maps[1, :, :, index])
    axes.set_title(f"kernel {index}", fontsize="medium")
for axes in panels:
    axes.axis("off")
plt.show()

# %% [markdown]
# *The coffee, and what the four silent kernels find in it, each in its own range: 8, 16 and 29 are brightest on the red saucer,
# 59 on the coffee in the cup.*
#
# Four are silent on the shark: plain kernels whose largest weight is red or, for
# kernel 59, nearly so. Under water there is almost no red, 31 of 255 on average. They aren't broken; they're waiting for
# another picture.
#
# Deeper kernels read 64 or more channels. Channels aren't colors, so we can't draw these kernels.
# Chapter 3 looks at what they *compute* instead.

# %% [markdown]
# ## Where the parameters sit
#
# We left out VGG16's three dense layers, but we can count them on
# paper. A dense layer connects each of its inputs with each of its outputs, so it has
# $(n_\text{in} + 1) \cdot n_\text{out}$ parameters. The first one reads the last pooling's 7 x 7 x 512 numbers.
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
counts = {"convolutions": model.count_params()}
inputs = 7 * 7 * 512
for name, units in [("fc1", 4096), ("fc2", 4096), ("predictions", 1000)]:
    counts[name] = (inputs + 1) * units
    inputs = units

total = sum(counts.values())
print(f"convolutions: {counts['convolutions'] / total:.0%} of {total:,} parameters")
print(f"fc1 alone: {counts['fc1'] / total:.0%}")

# %% jupyter={"source_hidden": true}
# @title The same as one bar
figure, axes = plt.subplots(figsize=(9, 1.5), layout="constrained")
left = 0
for name, count in counts.items():
    share = 100 * count / total
    axes.barh(
        0, share, left=left, color="#31688e" if name == "convolutions" else "#b5de2b", ec="white"
    )
    x, align = (left, "left") if name == "predictions" else (left + share / 2, "center")
    axes.text(x, 0.45, f"{name}\n{share:.0f}%", ha=align, va="bottom")
    left += share
axes.set_xlim(-2, 112)
axes.axis("off")
plt.show()
print(f"the kernels of block1_conv1: {W.size / total:.4%}")

# %% [markdown]
# *One bar for VGG16's 138 million parameters. The thirteen convolutions, in blue, have 11% of it; the dense layers fc1, fc2
# and predictions, in green, have 74, 12 and 3%.*
#
# Nine out of ten parameters sit in the dense layers, three out of four in a single one. The kernels that you have
# seen are 0.001% of the network.

# %% [markdown]
# ## What to remember
#
# - `model.layers`, `model.get_layer(name)` and `layer.get_weights()` open any Keras network.
# - A convolution's kernels have the shape (height, width, input channels, filters). Their size doesn't
#   depend on the picture's.
# - A convolution multiplies and adds, place by place. VGG16's first kernels look for colors and edges.
# - Nine out of ten of its parameters sit in dense layers.
#
# ## Where looking at weights misleads
#
# - Only first-layer kernels are pictures. From the second layer on, a kernel means something only
#   together with all layers before it.
# - A faint kernel isn't a weak one: a later layer can scale its output up again.
# - A silent channel isn't a dead one. It may be waiting for a color that isn't in this picture.
#
# **Next:** chapter 3 sends a picture through the layers.

# %% [markdown] tags=["navigation"]
# **Your turn:** [the exercises](../exercises/student/02_accessing_layers_and_weights.ipynb)
#
# ← [1 Introduction](01_introduction.ipynb) · [contents](../README.md#the-chapters) · [3 Visualizing layer outputs](03_visualizing_layer_outputs.ipynb) →
