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
# # 3 Visualizing layer outputs
#
# ← [2 Accessing layers and weights](02_accessing_layers_and_weights.ipynb) · [contents](../README.md#the-chapters) · [4 Methods for interpretation](04_0_methods_for_interpretation.ipynb) → · 30 minutes
#
# Between the photograph and its name VGG16 makes more than four thousand pictures: 64 in its first layer,
# 512 in its last. **What do they show?** We send the shark through the network and look at what comes out of
# every layer.
#
# **What you will learn**
#
# - how to read a picture with Keras, and what goes wrong without preprocessing;
# - how to get the output of every layer, and what an early, a middle and a late one look like;
# - how a convolution and a pooling compute their numbers, followed by hand.
#
# **You need:** chapter 2.

# %% cellView="form" jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
# @title Setup: on Colab this installs the course, elsewhere it does nothing
import sys

if "google.colab" in sys.modules:
    get_ipython().run_line_magic("pip", "install --quiet course.zip")

# %%
import course_utils as cu

from importlib.resources import files

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras.applications.vgg16 import VGG16, preprocess_input

# %% [markdown]
# ## Read a picture
#
# Keras reads a file in two steps. `load_img` opens and resizes it, `img_to_array` makes numbers of it.

# %%
path = files("course_utils") / "data/great_white_shark.jpg"
picture = keras.utils.load_img(path, target_size=(224, 224))
array = keras.utils.img_to_array(picture)
print("array:", array.shape, array.dtype, f"{array.min():.0f} to {array.max():.0f}")

plt.figure(figsize=(4, 4))
plt.imshow(picture)
plt.axis("off")
plt.show()

# %% [markdown]
# *The shark, squeezed to the square of 224 x 224 pixels that VGG16 expects.*
#
# Two steps are missing. A network takes a *batch* of pictures, so there is one more axis in front.
# And VGG16 was trained on numbers of another range: `preprocess_input` turns red, green, blue around
# and subtracts the mean color of the training pictures.

# %% tags=["live"]
# Put the picture into a batch of one, and prepare its numbers for VGG16
batch = np.expand_dims(array, axis=0)
inputs = preprocess_input(batch.copy())  # it changes the array that it is given
print(inputs.shape, f"{inputs.min():.1f} to {inputs.max():.1f}")

# %% [markdown]
# `cu.load_image("great_white_shark", size=(224, 224))` reads and resizes in one call. It takes file names, web
# addresses and the course's sample pictures, and it resizes more smoothly.

# %% [markdown]
# ## A model that returns every layer
#
# A Keras layer knows its `output`, a placeholder for what it will compute. A model from the network's
# inputs to a dictionary of *all* these outputs returns everything at once. It has no weights of its own.

# %% tags=["live"]
# Build a model that returns the output of every layer, and run it
weights = cu.weights_path("vgg16_no_top")
model = VGG16(include_top=False, weights=weights, input_shape=(224, 224, 3))

outputs = {layer.name: layer.output for layer in model.layers}
feature_extractor = keras.Model(model.input, outputs)
features = feature_extractor(inputs)
print(list(features.keys()))

# %% [markdown]
# `features["block1_conv1"]` is the first layer's output for our batch: for one picture, 224 x 224 places
# and 64 channels. A *channel* of it is a **feature map**, also called an activation: a picture of where one
# filter matches.

# %% tags=["live"]
# Look at the shape of the first layer's output, and draw one of its maps
print(features["block1_conv1"].shape)
channel = 45

plt.figure(figsize=(4, 4))
plt.imshow(features["block1_conv1"][0, :, :, channel], cmap="viridis")
plt.title(f"block1_conv1, channel {channel}", fontsize="medium")
plt.axis("off")
plt.show()

# %% [markdown]
# *Feature map 45 of block1_conv1: thin bright lines along the stripes of the shark, its outline and the
# small fish; everything else is dark or nearly so.*
#
# ## One number by hand
#
# Where does such a number come from? For filter $f$ with kernel $K$ and bias $b$, input $x$ and position
# $(i, j)$,
#
# $$ a_{ij} = \text{ReLU}\Big( \sum_{u, v, c} K_{uvc} \; x_{i+u,\, j+v,\, c} + b \Big),
# \qquad \text{ReLU}(z) = \max(z, 0) , $$
#
# where $u$ and $v$ run over -1, 0, 1. We take the place where this map is brightest, cut the 3 x 3 pixels
# around it out of the input, multiply, and add.

# %% tags=["live"]
# Compute the brightest number of this map by hand
feature_map = features["block1_conv1"][0, :, :, channel].numpy()
row, column = np.unravel_index(feature_map.argmax(), feature_map.shape)
W, b = model.get_layer("block1_conv1").get_weights()

window = inputs[0, row - 1 : row + 2, column - 1 : column + 2]
by_hand = max((window * W[:, :, :, channel]).sum() + b[channel], 0)
print(f"row {row}, column {column}: by hand {by_hand:.1f}, Keras {feature_map[row, column]:.1f}")
assert np.isclose(by_hand, feature_map[row, column], rtol=1e-4)

# %% [markdown]
# A convolution is nothing but this sum, at every position, for every filter. A zero means: no match here.
# Bright means: a strong match.

# %% [markdown]
# ## All feature maps of the first layer
#
# The tutorial draws all 64 in a loop over `plt.subplot(8, 8, i)`. `plot_feature_maps` draws the same grid, and averages
# what is too large for its cell, so that no row of a map gets lost. Each map is scaled to its own range.

# %% tags=["live"]
# Turn all outputs into NumPy arrays, and draw the first layer's 64 maps
feature_maps = {name: values[0].numpy() for name, values in features.items()}
cu.plot_feature_maps({"block1_conv1": feature_maps["block1_conv1"]}, columns=8)

# %% [markdown]
# *All 64 feature maps of block1_conv1. In some the water is bright and the shark dark, in most only edges
# are bright, four are dark all over.*

# %%
maps = feature_maps["block1_conv1"]
print("silent channels (no value above zero):", np.flatnonzero(maps.max(axis=(0, 1)) == 0))
for channel in [1, 45]:
    positive = maps[:, :, channel][maps[:, :, channel] > 0]
    print(
        f"channel {channel:2d}: {positive.size / 224**2:.0%} of its values are above zero, half of these below "
        f"{np.median(positive):.0f}; the largest is {positive.max():.0f}"
    )

# %% [markdown]
# Find the kernels of chapter 2 again. Channel 1, the blue one, is bright wherever there is water. Channel 45, whose
# kernel is bright at the top right and dark at the bottom left, draws edges: most of its values are tiny beside the
# largest. Channels 8, 16, 29 and 59 wait for colors that are not in this picture. Nearly every map that is not dark
# still looks like the photograph: this layer sorts it by color and by direction, and throws little away.

# %% [markdown]
# ## The second layer
#
# The kernels of `block1_conv2` read all 64 maps above. What can that add? Compare the grids.

# %%
cu.plot_feature_maps({"block1_conv2": feature_maps["block1_conv2"]}, columns=8)

# %% [markdown]
# *All 64 feature maps of block1_conv2. Map 60 shows the shark bright on black water; others show the water
# without the shark, or edges of one direction.*

# %%
summed = model.get_layer("block1_conv2").get_weights()[0].sum(axis=(0, 1))
for index in [12, 40, 5, 18]:
    print(f"map {index:2d} of block1_conv1: its weights for map 60 sum to {summed[index, 60]:5.2f}")

# %% [markdown]
# Map 60 (row 8, the fifth) has picked the shark out of the water, together with the light at the top right. Maps 31 and
# 40 of the first layer began to; map 60 does it cleanly. For that it combines several of them: it adds maps in which
# the shark is brighter than the water, as in 12 and 40, and subtracts maps in which it is darker, as in 5 and 18.

# %% [markdown]
# ## Pooling
#
# `block1_pool` halves height and width. From each window of 2 x 2 values it keeps the largest.

# %%
cu.plot_feature_maps({"block1_pool": feature_maps["block1_pool"]}, columns=8)

# %% [markdown]
# *All 64 feature maps of block1_pool: the same pictures as in block1_conv2, with half as many
# rows and columns.*
#
# The shark is where it was, on 112 x 112 places instead of 224 x 224. (The grid before shows block1_conv2 averaged to
# that size already; so look at one map closely, around the fin on the shark's back.)

# %%
figure, panels = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for axes, name, corner, side in [
    (panels[0], "block1_conv2", (56, 104), 48),
    (panels[1], "block1_pool", (28, 52), 24),
]:
    (top, left), values = corner, feature_maps[name][:, :, 60]
    axes.imshow(values[top : top + side, left : left + side])
    axes.set_title(f"{name}, channel 60: {side} x {side} values", fontsize="medium")
    axes.axis("off")
plt.show()

# %% [markdown]
# *The same part of map 60 before and after the pooling: the fin keeps its shape, in blocks of twice the size.*
#
# One window, the one in row 92 and column 23, followed by hand:

# %% tags=["live"]
# Compare the four values of one window with what the pooling makes of them
before, after = feature_maps["block1_conv2"][:, :, 60], feature_maps["block1_pool"][:, :, 60]
windows = before.reshape(112, 2, 112, 2)  # row, row in window, column, column in window
print(windows[92, :, 23].round())
print("block1_pool:", after[92, 23].round())
assert np.array_equal(windows.max(axis=(1, 3)), after)

# %% [markdown]
# Which of the four values it was is forgotten. That is the bargain of pooling: a quarter of the numbers, and a pattern
# may move within its window without changing anything.

# %% [markdown]
# ## Early, middle, late
#
# Now three depths side by side: 16 channels each, those that vary most on this picture.

# %% tags=["live"]
# Draw the 16 maps that vary most, in an early, a middle and a late layer
key_layers = ["block1_conv2", "block3_conv3", "block5_conv3"]
liveliest = {}
for name in key_layers:
    order = np.argsort(-feature_maps[name].std(axis=(0, 1)))
    liveliest[name] = feature_maps[name][:, :, order[:16]]
cu.plot_feature_maps(liveliest, columns=4)

# %% [markdown]
# *The 16 liveliest maps of an early, a middle and a late layer. Early: the whole picture. Middle: textures
# and parts of outlines. Late: usually one bright spot, mostly on the shark.*

# %%
rows, columns = np.array(
    [np.unravel_index(m.argmax(), m.shape) for m in np.moveaxis(liveliest["block5_conv3"], 2, 0)]
).T
on_shark = (rows >= 3) & (rows <= 7) & (columns >= 2) & (columns <= 11)
print(
    f"block5_conv3: {on_shark.sum()} of 16 maps are brightest in the box around the shark, {5 * 10} of 196 cells"
)

# %% [markdown]
# In `block1_conv2` you see a shark. In `block3_conv3` you see strokes: the line of the back in one map,
# specks where the small fish are in others. In `block5_conv3` you see a spot. It says *there is something
# here that I know*, and roughly where, but no longer what it looks like.
#
# The first map of `block3_conv3` is bright along its border only. Outside the picture a convolution reads
# zeros, and this channel sees where the picture ends.

# %% [markdown]
# ## Explore: one picture, all layers
#
# Drag *Layer* from left to right and watch the shark dissolve into spots. Drag *Channel*, or click on a
# small map, to see it large. Then choose another picture: do the same channels light up?
#
# The sentence under the pictures gives the *receptive field* of a layer: how large a part of the input,
# in pixels, one of its values can depend on. For `block1_conv1` it is 3 x 3.
#
# **Predict, then run.** `block3_conv3` is the seventh convolution, behind two poolings. Is its receptive field
# 7 x 7, 15 x 15 or 40 x 40 pixels?
#
# <details><summary>Answer</summary>
#
# 40 x 40. Each convolution adds a step on every side, and behind a pooling a step is twice as wide. That makes 37; the
# windows of the two poolings add 1 and 2.
#
# </details>

# %%
shark = cu.load_image("great_white_shark")
explorer = cu.LayerExplorer(model, shark, preprocess_input)
explorer.layer.value = "block3_conv3"
explorer.channel.value = 124  # the strongest on average, as the sentence below says
explorer

# %% [markdown]
# *The layer explorer, open at block3_conv3: 64 of its 256 feature maps, the photograph, and the channel that is
# strongest on average, large.*
#
# For `block5_conv3` it is 196 x 196: most of the picture. That is why its maps know *what*, and only roughly *where*.

# %% [markdown] tags=["still"]
# This is a picture of the explorer: in a running notebook its controls move.

# %% [markdown]
# ## How it changes with depth
#
# Three numbers for each layer: the height of its maps, the number of its channels, and its *sparsity*, the
# share of its values that are exactly zero.
#
# **Predict, then run.** Of the values of the first layer 45% are zero. In the last convolution: fewer or more?
#
# <details><summary>Answer</summary>
#
# More: 91%. The late channels look for something particular, and in most places it is not there.
#
# </details>

# %%
names = [layer.name for layer in model.layers[1:]]
height = [feature_maps[name].shape[0] for name in names]
channels = [feature_maps[name].shape[2] for name in names]
sparsity = [100 * float((feature_maps[name] == 0).mean()) for name in names]

figure, panels = plt.subplots(3, 1, figsize=(8, 6), sharex=True, layout="constrained")
for axes, values, title in zip(
    panels, [height, channels, sparsity], ["height of a map", "channels", "zeros, in percent"]
):
    axes.plot(names, values, marker="o", markersize=4, color="#31688e")
    axes.set_title(title, fontsize="medium")
    axes.set_ylim(bottom=0)
    axes.margins(x=0.02)
panels[-1].tick_params(axis="x", rotation=90)
plt.show()

last = feature_maps["block5_conv3"]
silent = (last.max(axis=(0, 1)) == 0).sum()
print(f"zeros: block1_conv1 {sparsity[0]:.0f}%, block5_conv3 {100 * (last == 0).mean():.0f}%")
print(f"block5_conv3: {silent} of 512 channels are silent on this picture")

# %% [markdown]
# *Height, channels and zeros of all 18 layers: height falls in steps from 224 to 7, channels rise from 64 to 512, and
# zeros go up and down, from 45% in the first layer to 91% in block5_conv3.*
#
# The network trades *where* for *what*: few places, many detectors, each of them silent at most places. The
# zeros drop at each pooling, because a window is zero only where all four of its values are.

# %% [markdown]
# ## What happens without preprocessing
#
# The tutorial feeds the raw pixels to its feature extractor. Nothing complains: the shape is right. What
# do the layers make of it? We compare each layer's output with the right one; 1.00 would be the same.
#
# **Predict, then run.** Which layer suffers most: the first, the middle or the last?
#
# <details><summary>Answer</summary>
#
# The first: -0.20. The middle one is at 0.79, the last at 0.75: further up the network recovers a part.
#
# </details>

# %% tags=["live"]
# Run the extractor on raw pixels, and compare three layers with the right outputs
raw = feature_extractor(batch)
for name in ["block1_conv1", "block3_conv3", "block5_conv3"]:
    likeness = np.corrcoef(raw[name].numpy().ravel(), feature_maps[name].ravel())[0, 1]
    print(f"{name}: correlation {likeness:5.2f}")

# %%
wrong = raw["block1_conv1"][0].numpy()
right = feature_maps["block1_conv1"]
figure, panels = plt.subplots(2, 2, figsize=(6.4, 6.8), layout="constrained")
for row, channel in zip(panels, [1, 45]):
    for axes, title, maps in zip(row, ["preprocessed", "raw pixels"], [right, wrong]):
        axes.imshow(maps[:, :, channel], vmin=0, vmax=right[:, :, channel].max())
        axes.set_title(f"channel {channel}, {title}", fontsize="medium")
        axes.axis("off")
plt.show()

# %% [markdown]
# *Channels 1 and 45 of block1_conv1, from the preprocessed picture and from raw pixels: channel 1 goes from bright
# water to black; channel 45 draws edges in both.*

# %%
likeness = np.corrcoef(right[:, :, 45].ravel(), wrong[:, :, 45].ravel())[0, 1]
print(f"channel 45: correlation {likeness:.2f}")
print(f"channel 1, raw: largest value {wrong[:, :, 1].max():.0f}")

# %% [markdown]
# Red and blue are exchanged, so the blue kernel goes silent; edges stay edges. That makes the mistake a nasty one.
# Most maps look fine, and they are wrong.

# %% [markdown]
# ## What to remember
#
# - A feature map shows where a filter matches its input. `keras.Model(model.input, layer.output)`
#   returns it for any layer.
# - Early maps are pictures, middle ones textures, late ones spots: smaller, more numerous, sparser.
# - Preprocess the way the network was trained. Raw pixels raise no error.
#
# ## Where feature maps mislead
#
# - Each map in a grid has a scale of its own. A weak channel looks as bright as a strong one.
# - A map that lights up on the shark need not be a shark detector. It may respond to anything dark with
#   a light belly. One picture is no evidence for what a channel has learned.
# - A feature map shows what a layer has found, not whether the answer depends on it. That is the
#   question of chapter 4.1.
#
# **Next:** chapter 4 asks what the 1000 numbers at the end mean.

# %% [markdown] tags=["navigation"]
# **Your turn:** [the exercises](../exercises/student/03_visualizing_layer_outputs.ipynb)
#
# ← [2 Accessing layers and weights](02_accessing_layers_and_weights.ipynb) · [contents](../README.md#the-chapters) · [4 Methods for interpretation](04_0_methods_for_interpretation.ipynb) →
