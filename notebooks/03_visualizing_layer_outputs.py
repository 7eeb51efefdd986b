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
# 512 in its last. **What do they show**, and what of it has the network learned?
#
# **What you will learn**
#
# - how to read a picture with Keras, and what goes wrong without preprocessing;
# - how to get the output of every layer, and what of it training has made;
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
import tensorflow as tf
from keras.applications.vgg16 import VGG16, preprocess_input

# %% [markdown]
# ## Read a picture
#
# Keras reads a file in two steps. `load_img` opens and resizes it, `img_to_array` turns it into numbers. (Your
# own picture: `path = "my.jpg"`.)

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
# And VGG16 was trained on other numbers: `preprocess_input` reverses the order of the color channels
# and subtracts the mean color of the training pictures.

# %% tags=["live"]
# Put the picture into a batch of one, and prepare its numbers for VGG16
batch = np.expand_dims(array, axis=0)
inputs = preprocess_input(batch.copy())  # it changes the array that it is given
print(inputs.shape, f"{inputs.min():.1f} to {inputs.max():.1f}")

# %% [markdown]
# `cu.load_image("great_white_shark", size=(224, 224))` reads and resizes in one call. It resizes more smoothly: Keras
# takes the nearest pixel, the course averages several. So the numbers below differ a little from chapter 2's.
#
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
features = {name: x.numpy() for name, x in feature_extractor(inputs).items()}
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
feature_map = features["block1_conv1"][0, :, :, channel]
row, column = np.unravel_index(feature_map.argmax(), feature_map.shape)
W, b = model.get_layer("block1_conv1").get_weights()

window = inputs[0, row - 1 : row + 2, column - 1 : column + 2]
by_hand = max((window * W[:, :, :, channel]).sum() + b[channel], 0)
print(f"row {row}, column {column}: by hand {by_hand:.1f}, Keras {feature_map[row, column]:.1f}")
assert np.isclose(by_hand, feature_map[row, column], rtol=1e-4)

# %% [markdown]
# A convolution is nothing but this sum, at every position, for every filter. (In signal processing it's called a
# cross-correlation.) A zero means: no match here. Bright means: a strong match.
#
# ## All feature maps of the first layer
#
# `plot_feature_maps` draws the tutorial's grid of 64. Each map is scaled to its own range.

# %% tags=["live"]
# Take the one picture out of the batch, and draw the first layer's 64 maps
feature_maps = {name: values[0] for name, values in features.items()}
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
# Find the kernels of chapter 2 again. Channel 1, the blue one, is bright wherever there is water. Channel 45 draws edges:
# most of its values are tiny beside the largest. Channels 8, 16, 29 and 59 wait for other colors.
#
# ## The second layer
#
# The kernels of `block1_conv2` read all 64 maps above. What can that add? Compare the grids.

# %%
cu.plot_feature_maps({"block1_conv2": feature_maps["block1_conv2"]}, columns=8)

# %% [markdown]
# *All 64 feature maps of block1_conv2. Map 60 shows the shark bright on black water; in others, as in 2 and 24, the
# water is bright and the shark a dark silhouette, or only edges are bright.*
#
# Map 60 (row 8, the fifth) has picked the shark out of the water, with the light at the top right. How? It should add
# maps in which the shark is brighter than the water, and subtract those in which it's darker. Does it?

# %%
# How much does each map of block1_conv1 lift map 60 on the shark's flank above the water at the left edge?
brighter = maps[95:125, 85:140].mean(axis=(0, 1)) - maps[60:120, :25].mean(axis=(0, 1))
summed = model.get_layer("block1_conv2").get_weights()[0].sum(axis=(0, 1))  # over the 3 x 3
lift = brighter * summed[:, 60]
print(f"{(lift > 0).sum()} maps lift it, {(lift < 0).sum()} press it down; in all {lift.sum():.0f}")
for index in np.argsort(-np.abs(lift))[:4]:
    difference, weight = brighter[index], summed[index, 60]
    print(f"map {index:2d}: shark - water {difference:4.0f}, times weight {weight:5.2f}")
totals = brighter @ summed
print("of the 64 maps of block1_conv2, the one lifted most:", totals.argmax())

# %% [markdown]
# It does, with 49 of the maps, and no other map of this layer is lifted as much. Two do nearly half of it: 12, where the
# shark is brighter, is added, and 5, where it's darker, is subtracted.
#
# ## Pooling
#
# `block1_pool` halves height and width. From each window of 2 x 2 values it keeps the largest. One window of map 60, the
# one in row 92 and column 23, followed by hand:

# %% tags=["live"]
# Compare the four values of one window with what the pooling makes of them
before, after = feature_maps["block1_conv2"][:, :, 60], feature_maps["block1_pool"][:, :, 60]
windows = before.reshape(112, 2, 112, 2)  # row, row in window, column, column in window
print(windows[92, :, 23].round())
print("block1_pool:", after[92, 23].round())
assert np.array_equal(windows.max(axis=(1, 3)), after)

# %% [markdown]
# Which of the four values it was is forgotten. That's the bargain of pooling: a quarter of the numbers, and a pattern
# may move within its window without changing anything.
#
# ## Early, middle, late
#
# Now three depths, and from each the six channels that vary most on this picture.

# %%
key_layers = ["block1_conv2", "block3_conv3", "block5_conv3"]


def draw_liveliest(maps_of):
    figure, panels = plt.subplots(3, 6, figsize=(9.6, 5.3), layout="constrained")
    for row, name in zip(panels, key_layers):
        liveliest = np.argsort(-maps_of[name].std(axis=(0, 1)))
        for axes, channel in zip(row, liveliest):
            axes.imshow(maps_of[name][:, :, channel])
            axes.axis("off")
        row[0].set_title(name, loc="left", fontsize="medium")
    plt.show()


# %% tags=["live"]
# Draw the six maps that vary most, in an early, a middle and a late layer
draw_liveliest(feature_maps)

# %% [markdown]
# *The six liveliest maps of an early, a middle and a late layer of VGG16. Early: the whole picture. Middle: parts of
# outlines, specks, and in the first map only the border. Late: one bright spot, where the shark is.*

# %%
liveliest = np.argsort(-feature_maps["block5_conv3"].std(axis=(0, 1)))[:16]
places = feature_maps["block5_conv3"].reshape(14 * 14, 512)[:, liveliest].argmax(axis=0)
rows, columns = places // 14, places % 14
on_shark = (rows >= 3) & (rows <= 7) & (columns >= 2) & (columns <= 11)
print(
    f"block5_conv3: {on_shark.sum()} of 16 maps are brightest in the box around the shark, {5 * 10} of 196 cells"
)

# %% [markdown]
# Early you see a shark, then strokes, then a spot: roughly where something is, but no longer what it looks like. (The
# first map of `block3_conv3` sees where the picture ends: outside of it a convolution reads zeros.)

# %% [markdown]
# ## Explore: one picture, all layers
#
# Drag *Layer* from left to right and watch the shark dissolve.
#
# The sentence under the pictures gives the *receptive field* of a layer: how large a part of the input,
# in pixels, one of its values can depend on. For `block1_conv1` it is 3 x 3.
#
# **Predict, then run.** `block3_conv3` is the seventh convolution, behind two poolings. Is its receptive field
# 7 x 7, 15 x 15 or 40 x 40 pixels?
#
# <details><summary>Answer</summary>
#
# 40 x 40. A convolution adds two steps, a pooling one, and behind a pooling the steps are twice as wide. From one pixel on:
# 1, 3, 5, *6*, 10, 14, *16*, 24, 32, **40**, with the poolings in italics.
#
# </details>

# %%
shark = cu.load_image("great_white_shark")
explorer = cu.LayerExplorer(model, shark, preprocess_input)
explorer.layer.value = "block3_conv3"
explorer.channel.value = 163
explorer

# %% [markdown]
# *The layer explorer, open at block3_conv3: 64 of its 256 feature maps, the photograph, and channel 163 large.*

# %% [markdown] tags=["still"]
# This is a picture of the explorer: in a running notebook its controls move.

# %% [markdown]
# ## How it changes with depth
#
# Three numbers for each layer: the height of its maps, the number of its channels, and the share of its values that
# are zero.
#
# **Predict, then run.** In the first layer 45% of the values are zero. In the last convolution: fewer or more?
#
# <details><summary>Answer</summary>
#
# More: 91%.
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
# *Height falls from 224 to 7, channels rise from 64 to 512, and zeros go up and down, from 45% in the first layer to 91% in
# block5_conv3.*
#
# The zeros drop at each pooling, because a window is zero only where all four of its values are.
#
# ## What training made
#
# Which of this did VGG16 *learn*? For a control we take the same layers with random weights.
#
# **Predict, then run.** Will the early maps of this untrained network look like the photograph? Will its late maps show
# spots?
#
# <details><summary>Answer</summary>
#
# The early maps look like it. The late ones show no spots: half of their values are zero, as in the layers before.
#
# </details>

# %% tags=["live"]
# Send the picture through a VGG16 that has learned nothing
keras.utils.set_random_seed(0)
untrained = VGG16(include_top=False, weights=None, input_shape=(224, 224, 3))
outputs = {name: untrained.get_layer(name).output for name in key_layers}
untrained_maps = keras.Model(untrained.input, outputs)(inputs)
untrained_maps = {name: values[0].numpy() for name, values in untrained_maps.items()}
draw_liveliest(untrained_maps)

# %% [markdown]
# *The six liveliest maps of the same layers with random weights. Early: the whole picture. Middle: the shark, blurred.
# Late: patches all over, no spots.*


# %%
def likeness(maps):
    """How much maps look like the gray photograph: the mean size of their correlations."""
    side = len(maps)
    photo = array.mean(axis=2).reshape(side, 224 // side, side, 224 // side).mean(axis=(1, 3))
    varied = maps[:, :, maps.std(axis=(0, 1)) > 0].reshape(side * side, -1)
    return np.abs(np.corrcoef(varied.T, photo.ravel())[-1, :-1]).mean()


for title, maps_of in {"trained": feature_maps, "untrained": untrained_maps}.items():
    zeros = [f"{(maps_of[name] == 0).mean():.0%}" for name in key_layers]
    like = [f"{likeness(maps_of[name]):.2f}" for name in key_layers]
    spots = np.sort(maps_of["block5_conv3"].reshape(196, 512), axis=0)
    share = spots[-4:].sum() / spots.sum()
    print(f"{title:9s} zeros {zeros}, likeness to the photograph {like}")
    print(f"{'':9s} block5_conv3: the brightest 4 of 196 places hold {share:.0%}")

# %% [markdown]
# *Early maps look like the picture, late ones hardly*: that's the architecture, for it holds with random weights too.
# *Late maps are silent almost everywhere and bright in one spot*: that's learned.
#
# And the view? The field of `block5_conv3` is 196 x 196 pixels, most of the picture. But pixels in its middle reach a
# value on many paths, those at the rim on few. The *gradient* says how much each can move it: what square holds half of
# that ([Luo et al., 2016](https://arxiv.org/abs/1701.04128))?


# %%
def half_of_the_gradient(network, name):
    """The side of the square, in pixels, that holds half of the gradient of a layer's middle."""
    part = keras.Model(network.input, network.get_layer(name).output)
    pixels = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        values = part(pixels)
        middle = values.shape[1] // 2
        value = tf.reduce_sum(values[0, middle, middle])
    gradient = np.abs(tape.gradient(value, pixels)[0]).sum(axis=2)
    center = (middle + 0.5) * (224 // values.shape[1]) - 0.5
    distance = np.maximum(*np.abs(np.mgrid[:224, :224] - center))
    sides = np.arange(2, 226, 2)
    return sides[[gradient[distance < s / 2].sum() >= gradient.sum() / 2 for s in sides]][0]


for name, field in [("block3_conv3", 40), ("block4_conv3", 92), ("block5_conv3", 196)]:
    half, control = (half_of_the_gradient(network, name) for network in [model, untrained])
    print(f"{name}: field {field}, half of it in {half} (untrained {control})")

# %% [markdown]
# Half of what moves a late value lies, on this picture, in a sixth of its field. The untrained network sees as far, so a
# wide view doesn't explain *what* a map has learned.
#
# ## What happens without preprocessing
#
# The tutorial feeds the raw pixels to its feature extractor. Nothing complains: the shape is right. Two things are wrong,
# the order of the colors and the mean. What does each do? We compare with the right outputs; 1.00 would be the same.
#
# **Predict, then run.** Which layer suffers most: the first, the middle or the last?
#
# <details><summary>Answer</summary>
#
# The first: -0.20. The middle one is at 0.79, the last at 0.75. On this picture the wrong order does most of it.
#
# </details>

# %% tags=["live"]
# Look at three layers for raw pixels, for the wrong order alone, and for the missing mean alone
wrong_inputs = {"raw": batch, "order wrong": inputs[..., ::-1], "mean missing": batch[..., ::-1]}
first_layer = {"right": feature_maps["block1_conv1"][:, :, [1, 45]]}
three = {n: model.get_layer(n).output for n in ["block1_conv1", "block3_conv3", "block5_conv3"]}
for title, wrong in wrong_inputs.items():
    outputs = keras.Model(model.input, three)(wrong)
    pairs = [(outputs[name].numpy().ravel(), feature_maps[name].ravel()) for name in three]
    print(f"{title:12s}", [f"{np.corrcoef(pair, dtype='f4')[0, 1]:.2f}" for pair in pairs])
    first_layer[title] = outputs["block1_conv1"].numpy()[0][:, :, [1, 45]]

# %%
figure, panels = plt.subplots(2, 4, figsize=(9.6, 5.2), layout="constrained")
for row, index, channel in zip(panels, [0, 1], [1, 45]):
    for axes, (title, maps) in zip(row, first_layer.items()):
        axes.imshow(maps[:, :, index], vmin=0, vmax=first_layer["right"][:, :, index].max())
        axes.set_title(f"channel {channel}, {title}", fontsize="medium")
        axes.axis("off")
plt.show()

right = first_layer["right"][:, :, 1]
for title, maps in first_layer.items():
    pairs = (maps[:, :, 1], right), (maps[1:-1, 1:-1, 1], right[1:-1, 1:-1])
    whole, inside = (np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs)
    print(
        f"{title:12s} channel 1 up to {maps[:, :, 0].max():3.0f}, "
        f"channel 45: correlation {whole:.2f}, inside {inside:.2f}"
    )

# %% [markdown]
# *Channels 1 and 45 of block1_conv1. With the order wrong, as in the raw picture, channel 1 is black; with the mean missing
# it looks right. Channel 45 draws the same edges in all four.*
#
# On this blue picture the wrong *order* does more harm, and silences the blue kernel; on a dark one it's the mean. Edges hardly
# mind the order. The missing *mean* spoils channel 45 only in a frame of one pixel: outside the picture a convolution
# reads zeros. With the mean subtracted that's an average color, without it black, an edge. Many maps look
# fine, and they are wrong.

# %% [markdown]
# ## What to remember
#
# - A feature map shows where a filter matches its input. `keras.Model(model.input, layer.output)`
#   returns it for any layer.
# - Early maps are pictures with any weights. Sparse spots are learned; only the untrained network shows which is which.
# - Preprocess the way the network was trained. Raw pixels raise no error.
#
# ## Where feature maps mislead
#
# - Each map in a grid has a scale of its own. A weak channel looks as bright as a strong one.
# - A map that lights up on the shark need not be a shark detector. One picture is no evidence for what a channel has
#   learned.
# - A feature map shows what a layer has found, not whether the answer depends on it. That is the
#   question of chapter 4.1.
#
# **Next:** chapter 4 asks what the 1000 numbers at the end mean.

# %% [markdown] tags=["navigation"]
# **Your turn:** [the exercises](../exercises/student/03_visualizing_layer_outputs.ipynb)
#
# ← [2 Accessing layers and weights](02_accessing_layers_and_weights.ipynb) · [contents](../README.md#the-chapters) · [4 Methods for interpretation](04_0_methods_for_interpretation.ipynb) →
