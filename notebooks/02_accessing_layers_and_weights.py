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

import matplotlib.pyplot as plt
import numpy as np

# %% [markdown]
# ## A network is a list of layers
#
# The classifier's `model` is an ordinary Keras network. `model.summary()` lists its layers. A deep
# network has a long list, so we ask for the first ten; without `layer_range` it prints them all.

# %% tags=["nbval-ignore-output"]
classifier = cu.load_classifier()
model = classifier.model
first, tenth = model.layers[0].name, model.layers[9].name
model.summary(layer_range=(first, tenth))

# %% [markdown]
# Each row is a layer: its name, its type, the shape of its output, and its number of parameters.
# The first entry of a shape is `None`: it stands for the number of pictures, which is free.
#
# The same list is a Python list, `model.layers`.

# %%
print("layers:", len(model.layers))
for index, layer in enumerate(model.layers[:10]):
    print(f"{index:2d}  {layer.name:22s} {type(layer).__name__}")

# %% [markdown]
# Some types occur often, some once.

# %%
types = [type(layer).__name__ for layer in model.layers]
for name in sorted(dict.fromkeys(types), key=types.count, reverse=True):
    print(f"{types.count(name):3d} x {name}")

# %% [markdown]
# You reach a layer by its position or, better, by its name: names survive when somebody inserts a
# layer. These are the names of the convolutions.

# %%
convolutions = [layer.name for layer in model.layers if "Conv2D" in type(layer).__name__]
print(len(convolutions), "convolutions")
print("first:", convolutions[0], " last:", convolutions[-1])

layer = model.get_layer(convolutions[0])
print(f"{layer.name}: {layer.kernel_size[0]} x {layer.kernel_size[1]} kernels, {layer.filters} filters")

# %% [markdown]
# ## The weights of a layer
#
# `get_weights()` returns a layer's weights as NumPy arrays. The first array of a convolution holds
# its *kernels*, also called filters. If there is a second one, it is the *bias*, one number for each
# filter.

# %%
weights = layer.get_weights()
for name, array in zip(["kernel", "bias"], weights):
    print(f"{name:6s} shape {array.shape}")
if len(weights) == 1:
    print("no bias: the batch normalization behind this layer adds one")

# %% [markdown]
# The kernel's shape reads: height, width, input channels, filters. So `kernel[:, :, :, 0]` is one
# filter, a small block of weights that slides over the input.
#
# ### Counting on paper
#
# A filter of size $k \times k$ that reads $c_\text{in}$ channels has $k \cdot k \cdot c_\text{in}$
# weights, and one more if it has a bias. A layer with $c_\text{out}$ filters therefore has
#
# $$ (k \cdot k \cdot c_\text{in} + 1) \cdot c_\text{out} \quad\text{parameters with a bias, and}\quad
# k \cdot k \cdot c_\text{in} \cdot c_\text{out} \quad\text{without.} $$
#
# The size of the picture is not in the formula: the same filter serves every position. (A
# `DepthwiseConv2D`, which VGG16 has none of, is the exception: each of its filters reads one channel
# only, so its kernel has the shape (height, width, channels, 1).)

# %%
height, width, channels_in, channels_out = weights[0].shape
by_hand = (height * width * channels_in + layer.use_bias) * channels_out
print(f"by hand: {by_hand}   Keras: {layer.count_params()}")
assert by_hand == layer.count_params()

# %% [markdown]
# A dense layer connects every input with every output: $(n_\text{in} + 1) \cdot n_\text{out}$
# parameters.

# %%
dense = model.layers[-1]
inputs, outputs = dense.get_weights()[0].shape
print(f"{dense.name}: ({inputs} + 1) x {outputs} = {(inputs + 1) * outputs:,}")
assert (inputs + 1) * outputs == dense.count_params()

# %% [markdown]
# ## The first kernels as pictures
#
# The first layer reads three colors. So each of its filters is a tiny color picture, and we can look
# at it. But the order of the colors is each network's own: VGG16 was trained on blue, green, red.
# `classifier.preprocess` turns a picture into the numbers that the network expects (chapter 3 says how).
# We give it a picture that is all red and see which channel gets the largest number.

# %%
red = np.full((8, 8, 3), (255, 0, 0), np.uint8)
order = "RGB" if classifier.preprocess(red)[0, 0, 0].argmax() == 0 else "BGR"
print("this network reads the colors in the order", order)

# %% [markdown]
# Put in the order of a picture, the kernels can be drawn. Mid-gray stands for a weight of 0.

# %%
kernels = weights[0] if order == "RGB" else weights[0][:, :, ::-1]
cu.plot_kernels(kernels, f"Kernels of {layer.name}")

# %%
energy = np.square(kernels).sum(axis=(0, 1, 2))  # of each filter: the sum of its squared weights
alive = energy > 1e-3 * energy.max()
mean_color = kernels.mean(axis=(0, 1))
plain = height * width * np.square(mean_color).sum(axis=0)  # energy of a patch of that color alone
is_plain = alive & (plain > energy / 2)
print(f"{(~alive).sum()} of {channels_out} filters are (nearly) zero everywhere")
print(f"{is_plain.sum()} are mostly one plain color")
print(f"{(alive & ~is_plain).sum()} are mostly a pattern in space")

# %% [markdown]
# Look for three kinds of patches. One color beside another responds to a border between them, an
# *edge*. One color all over responds to areas of that color. Gray all over, with no trace of a pattern,
# responds to nothing: such a filter is dead. The lines above count the three kinds by their energy.
# Where plain color ends and a pattern begins is our choice: half of the energy. A *faint* patch is no dead
# filter. Where batch normalization follows, it can amplify the faintest response.
#
# Nobody has asked for edge detectors. Training has found them, as it does in most networks that learn
# from photographs ([Yosinski et al., 2014](https://arxiv.org/abs/1411.1792)).
#
# ### What does each kernel respond to?
#
# Drag *Channel* and compare the kernel with that number above, counted from 0, with the picture it
# makes of the cat. Drag *Layer* to go deeper. The sentence under the pictures counts *silent* channels,
# which have no value above zero. A dead filter gives the same value everywhere, its bias or the shift of
# the batch normalization, and is silent unless that is positive. Others may find nothing in this picture.

# %%
cu.LayerExplorer(classifier, cu.load_image("chelsea"))

# %% [markdown]
# Deeper kernels read dozens of channels that are no colors, so there is no such picture of them.
# Chapter 3 looks at what they *compute* instead.

# %% [markdown]
# ## Where the parameters sit
#
# VGG16 is the network of the tutorial that this course follows. Its architecture fits in a few lines:
# thirteen convolutions of 3 x 3 in five blocks, each block ended by a pooling that halves the
# resolution, 224 x 224 at the start; then three dense layers
# ([Simonyan and Zisserman, 2014](https://arxiv.org/abs/1409.1556), table 1, column D). The numbers of
# filters and units stand in the next cell. With the two formulas from above, that is all we need to
# count its parameters.

# %%
blocks = [[64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]]
dense_units = [4096, 4096, 1000]

counts, channels = {}, 3
for number, filters in enumerate(blocks, start=1):
    for i, count in enumerate(filters, start=1):
        counts[f"block{number}_conv{i}"] = (3 * 3 * channels + 1) * count
        channels = count
print("convolutions:", f"{sum(counts.values()):,}", "parameters")

# %%
inputs = 7 * 7 * channels  # what is left of 224 x 224 after five poolings
for name, units in zip(["fc1", "fc2", "predictions"], dense_units):
    counts[name] = (inputs + 1) * units
    inputs = units

total = sum(counts.values())
in_dense = sum(counts[name] for name in ["fc1", "fc2", "predictions"])
print(f"VGG16: {total:,} parameters, {in_dense / total:.0%} of them in its three dense layers")
print(f"fc1 alone: {counts['fc1']:,} ({counts['fc1'] / total:.0%})")

# %% [markdown]
# The network with ImageNet weights that is part of this course, EfficientNet-Lite0, is built
# differently. It averages each of its last feature maps to one number, so a single dense layer is
# enough, and a much smaller one.

# %%
lite = cu.load_classifier("embedded").model
lite_counts = {layer.name: layer.count_params() for layer in lite.layers if layer.weights}
lite_total = sum(lite_counts.values())
print(f"EfficientNet-Lite0: {lite_total:,} parameters, "
      f"{lite_counts['predictions'] / lite_total:.0%} of them in its dense layer")
print(f"fc1 of VGG16 / that dense layer: {counts['fc1'] / lite_counts['predictions']:.0f}")
print(f"VGG16 has {total / lite_total:.0f} times as many")

# %%
networks = {"VGG16": counts, "EfficientNet-Lite0": lite_counts}
figure, panels = plt.subplots(2, 1, figsize=(8, 4.5), layout="constrained")
for axes, (name, layer_counts) in zip(panels, networks.items()):
    sizes = np.array(list(layer_counts.values())) / 1e6
    is_dense = np.isin(list(layer_counts), ["fc1", "fc2", "predictions"])
    positions = np.arange(len(sizes))
    axes.bar(positions[~is_dense], sizes[~is_dense], color="#31688e", label="before the dense layers")
    axes.bar(positions[is_dense], sizes[is_dense], color="#fde725", edgecolor="black", label="dense")
    axes.set_title(f"{name}: parameters of each layer, first to last", fontsize="medium")
    axes.set_ylabel("millions")
    axes.set_xticks([])
    axes.legend()
plt.show()

# %% [markdown]
# The blue bars grow to the right, with ups and downs, since later layers have more channels. The yellow
# ones are tall for another reason: a dense layer has a weight for every pair of an input and an output.
# Compare the scales on the left: VGG16's tallest bar, its first dense layer, holds many times as many
# parameters as all of EfficientNet-Lite0.

# %%
print(f"fc1 of VGG16 / all of EfficientNet-Lite0: {counts['fc1'] / lite_total:.1f}")
assert lite.count_params() == lite_total

# %% [markdown]
# ## What to remember
#
# - `model.layers`, `model.get_layer(name)` and `layer.get_weights()` open any Keras network.
# - An ordinary convolution's kernel has the shape (height, width, input channels, filters). Its size
#   does not depend on the picture's.
# - VGG16 keeps most of its parameters in dense layers; newer networks average first.
#
# ## Where looking at weights misleads
#
# - Only first-layer kernels are pictures. From the second layer on, a kernel means something only
#   together with all layers before it.
# - A large weight need not matter. Batch normalization rescales a layer's output, so the same
#   network can be written with small or with large weights.
#
# **Next:** chapter 3 sends a picture through the layers.

# %% [markdown] tags=["navigation"]
# ← [1 Introduction](01_introduction.ipynb) · [contents](../README.md#the-chapters) · [3 Visualizing layer outputs](03_visualizing_layer_outputs.ipynb) →
