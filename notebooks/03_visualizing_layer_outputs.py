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
# On the way from a photograph to its name, VGG16 makes more than four thousand pictures: 64 in its first layer,
# 512 in its last. **What do they show**, and how much of that did the network have to learn?
#
# **What you will learn**
#
# - how to read a picture with Keras, and what goes wrong without preprocessing;
# - how to get the output of every layer, and which of its features come from training;
# - how pooling works, by hand, and how much of the photograph a value sees.
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

# %%
# VGG16 as in chapter 2, without its last four layers
weights = cu.weights_path("vgg16_no_top")
model = VGG16(include_top=False, weights=weights, input_shape=(224, 224, 3))

# %% jupyter={"source_hidden": true}
# @title The layers that this chapter looks at
cu.draw_network(model, ["block1_conv1", "block3_conv3", "block5_conv3"])

# %% [markdown]
# *VGG16 as a row of slabs, one for each layer. From left to right the maps get smaller and more numerous. This chapter
# looks at the beginning, the middle and the end.*
#
# ## Read a picture
#
# Keras reads a file in two steps: `load_img` opens and resizes it, `img_to_array` turns it into numbers. For
# your own picture, write `path = "my.jpg"`.

# %%
# Open and resize the file, and turn it into numbers
path = files("course_utils") / "data/great_white_shark.jpg"  # it comes with the course
picture = keras.utils.load_img(path, target_size=(224, 224), interpolation="bicubic")
array = keras.utils.img_to_array(picture)
print("array:", array.shape, array.dtype, f"{array.min():.0f} to {array.max():.0f}")

plt.rcParams["font.size"] = 13  # letters that can be read on a phone
plt.figure(figsize=(4, 4))
plt.imshow(picture)
plt.axis("off")
plt.show()

# %% [markdown]
# *The shark, squeezed into the square of 224 x 224 pixels that VGG16 expects.*
#
# (*Bicubic* averages neighboring pixels. So does `cu.load_image("great_white_shark", size=(224, 224))`, which gives the
# same numbers in one call. By default, Keras just takes the nearest pixel.)
#
# Two steps are missing. A network takes a *batch* of pictures, so the array needs one more axis in front.
# And VGG16 was trained on other numbers: `preprocess_input` reverses the order of the colors
# and subtracts the mean color of the training pictures.

# %% tags=["live"]
# Put the picture into a batch of one, and prepare its numbers for VGG16
batch = np.expand_dims(array, axis=0)
inputs = preprocess_input(batch.copy())  # it changes the array that it is given
print(inputs.shape, f"{inputs.min():.1f} to {inputs.max():.1f}")

# %% [markdown]
# ## A model that returns every layer
#
# A Keras layer knows its `output`, a placeholder for what it will compute. Build a model that leads from the network's
# input to a dictionary of *all* these outputs, and it returns everything at once. It has no weights of its own.

# %% tags=["live"]
# Build a model that returns the output of every layer, and run it
outputs = {layer.name: layer.output for layer in model.layers}
feature_extractor = keras.Model(model.input, outputs)
features = {name: x.numpy() for name, x in feature_extractor(inputs).items()}
print(list(features.keys()))

# %% [markdown]
# `features["block1_conv1"]` is what the first layer makes of our batch: one picture, 224 x 224 places,
# 64 channels. Each channel is a **feature map**, also called an activation: a picture of where one filter matches.

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
# ## All feature maps of the first layer
#
# `plot_feature_maps` draws the tutorial's grid of 64. Each map is scaled to its own range.

# %% tags=["live"]
# Take the one picture out of the batch, and draw the first layer's 64 maps
feature_maps = {name: values[0] for name, values in features.items()}
maps = feature_maps["block1_conv1"]
print("silent channels (no value above zero):", np.flatnonzero(maps.max(axis=(0, 1)) == 0))
cu.plot_feature_maps({"block1_conv1": maps}, columns=8)

# %% [markdown]
# *All 64 feature maps of block1_conv1. In some the water is bright and the shark dark, in most only edges
# are bright. Eight or so look dark; four of them are exactly zero.*
#
# Here are the kernels of chapter 2 again. Channel 1, the blue one, is bright wherever there is water. Channel 45 draws edges.
# Channels 8, 16, 29 and 59 are waiting for other colors.
#
# ## The second layer
#
# The kernels of `block1_conv2` read all 64 of these maps. What can that add? Its map 60 picks the shark out of the water.
# To do that, it should add maps in which the shark is brighter than the water, and subtract those in which it's darker.
# Does it?

# %%
# How far does each map of block1_conv1 lift map 60 on the shark's flank above the water?
brighter = maps[95:125, 85:140].mean(axis=(0, 1)) - maps[60:120, :25].mean(axis=(0, 1))
summed = model.get_layer("block1_conv2").get_weights()[0].sum(axis=(0, 1))  # over the 3 x 3
lift = brighter * summed[:, 60]
print(f"{(lift > 0).sum()} maps lift it, {(lift < 0).sum()} pull it down; in all {lift.sum():.0f}")
for index in [12, 5]:
    difference, weight = brighter[index], summed[index, 60]
    print(f"map {index:2d}: shark - water {difference:4.0f}, times weight {weight:5.2f}")
print("strongest:", np.argsort(-np.abs(lift))[:2])
totals = brighter @ summed
print("of the 64 maps of block1_conv2, the one lifted most:", totals.argmax())

shown = np.stack([maps[:, :, 12], maps[:, :, 5], feature_maps["block1_conv2"][:, :, 60]], axis=2)
title = "Maps 12 and 5 of block1_conv1, map 60 of block1_conv2"
cu.plot_feature_maps({title: shown}, columns=3)

# %% [markdown]
# *Three maps side by side: in map 12 of block1_conv1 the shark is brighter than the water, in map 5 darker. In map 60 of
# block1_conv2 it is bright on black water, and so is the spray at its tail.*
#
# It does, with 49 of the maps, and no other map of this layer is lifted as much. Two of them do nearly half of the work: 12,
# where the shark is brighter, is added, and 5, where it's darker, is subtracted.
#
# ## Pooling
#
# `block1_pool` halves height and width. It keeps the largest value of each window of 2 x 2. Let's follow one window of
# map 60 by hand, row 92 and column 23.

# %% tags=["live"]
# Compare the four values of one window with what the pooling makes of them
before, after = feature_maps["block1_conv2"][:, :, 60], feature_maps["block1_pool"][:, :, 60]
windows = before.reshape(112, 2, 112, 2)  # row, row in window, column, column in window
print(windows[92, :, 23].round())
print("block1_pool:", after[92, 23].round())
assert np.array_equal(windows.max(axis=(1, 3)), after)

# %% [markdown]
# Which of the four it was is forgotten. That's the bargain of pooling: a quarter of the numbers, and a pattern
# can move within its window without changing anything.
#
# ## Early, middle, late
#
# Now look at three depths, and from each at the three maps that vary most on this picture.

# %%
# A function that draws the three liveliest maps of three layers
key_layers = ["block1_conv2", "block3_conv3", "block5_conv3"]


def draw_liveliest(maps_of, width):
    figure, panels = plt.subplots(3, 3, figsize=(width, 1.05 * width), layout="constrained")
    for row, name in zip(panels, key_layers):
        liveliest = np.argsort(-maps_of[name].std(axis=(0, 1)))
        for axes, channel in zip(row, liveliest):
            axes.imshow(maps_of[name][:, :, channel])
            axes.axis("off")
        row[0].set_title(name, loc="left", fontsize="medium")
    plt.show()


# %% tags=["live"]
# Draw the three maps that vary most, in an early, a middle and a late layer
draw_liveliest(feature_maps, 9.6)

# %% [markdown]
# *The three liveliest maps of an early, a middle and a late layer of VGG16. Early: the whole picture. Middle: parts of
# outlines, specks, and in the first map only the border. Late: one bright spot, where the shark is.*

# %%
# Where are the 16 liveliest late maps brightest? The shark fills rows 3 to 7, columns 2 to 11
late = feature_maps["block5_conv3"]
liveliest = np.argsort(-late.std(axis=(0, 1)))[:16]
in_box = late[3:8, 2:12].max(axis=(0, 1)) == late.max(axis=(0, 1))
print(f"{in_box[liveliest].sum()} of 16 maps are brightest in the shark's box, 50 of 196 cells")

# %% [markdown]
# First you see a shark, then strokes, then a spot: you can still tell roughly where something is, but no longer what it looks
# like. (The first map of `block3_conv3` sees where the picture ends: beyond its edge a convolution reads zeros.)
#
# ## How much of the photograph does a value see?
#
# The *receptive field* of a layer is the square of pixels that one of its values can depend on. For `block1_conv1` it's 3 x 3.
# But a pixel in the middle of the field reaches the value on many paths, a pixel at its rim on few. The *gradient* says how
# far each pixel can move the value. The next cell measures the square that holds half of it
# ([Luo et al., 2016](https://arxiv.org/abs/1701.04128)).
#
# **Predict, then run.** `block3_conv3` is the seventh convolution, behind two poolings. Is its receptive field
# 7 x 7, 15 x 15 or 40 x 40 pixels?
#
# <details><summary>Answer</summary>
#
# 40 x 40. A convolution adds two steps, a pooling one, and after each pooling the steps are twice as wide. Starting from one
# pixel: 1, 3, 5, *6*, 10, 14, *16*, 24, 32, **40**, with the poolings in italics. (Without their 1 and 2 it would be 37.)
#
# </details>


# %%
# How large is the square that holds half of the gradient?
def half_of_the_gradient(name):
    """The side of the square, in pixels, that holds half of the gradient of a layer's middle."""
    part = keras.Model(model.input, model.get_layer(name).output)
    side = part.output_shape[1]
    pixels = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        value = tf.reduce_sum(part(pixels)[0, side // 2, side // 2])
    gradient = np.abs(tape.gradient(value, pixels)[0]).sum(axis=2)
    center = int((side // 2 + 0.5) * 224 / side)  # of that place, in pixels
    for half in range(1, 105):
        square = gradient[center - half : center + half, center - half : center + half]
        if square.sum() >= gradient.sum() / 2:
            return 2 * half


for name, field in [("block3_conv3", 40), ("block5_conv3", 196)]:
    print(f"{name}: field {field}, half of it in {half_of_the_gradient(name)}")

# %% [markdown]
# On this picture, half of what moves a late value lies in a seventh of its field.
#
# Now drag *Layer* from left to right. The sentence under the pictures gives each layer's receptive field.

# %%
# Drag Layer, and watch the shark dissolve
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
# ## What training made
#
# How much of all this did VGG16 *learn*? As a control, take the same layers with random weights.
#
# **Predict, then run.** Will the early maps of this untrained network look like the photograph? Will its late maps show
# spots?
#
# <details><summary>Answer</summary>
#
# The early maps look like it. The late ones show no spots: they are bright in patches all over.
#
# </details>

# %% tags=["live"]
# Send the picture through a VGG16 that has learned nothing
keras.utils.set_random_seed(0)
untrained = VGG16(include_top=False, weights=None, input_shape=(224, 224, 3))
outputs = {layer.name: layer.output for layer in untrained.layers}
untrained_maps = keras.Model(untrained.input, outputs)(inputs)
untrained_maps = {name: values[0].numpy() for name, values in untrained_maps.items()}
draw_liveliest(untrained_maps, 5)

# %% [markdown]
# *The three liveliest maps of the same layers with random weights. Early: the whole picture. Middle: the shark, blurred.
# Late: patches all over, no spots.*
#
# Now count the zeros, layer by layer.
#
# **Predict, then run.** In the first layer of the trained network 45% of the values are zero. In its last convolution, will
# it be fewer or more? And in the untrained one?
#
# <details><summary>Answer</summary>
#
# More: 91%. In the untrained one it's about half in every layer.
#
# </details>


# %%
# Trained and untrained: how like the photograph are the maps, and how many zeros have they?
def likeness(maps):
    """How much maps look like the gray photograph: the mean size of their correlations."""
    side = len(maps)
    photo = array.mean(axis=2).reshape(side, 224 // side, side, 224 // side).mean(axis=(1, 3))
    varied = maps[:, :, maps.std(axis=(0, 1)) > 0].reshape(side * side, -1)
    return np.abs(np.corrcoef(varied.T, photo.ravel(), dtype="f4")[-1, :-1]).mean()


names = [layer.name for layer in model.layers[1:]]
colors = {"trained": "#31688e", "untrained": "gray"}
figure, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
for title, maps_of in {"trained": feature_maps, "untrained": untrained_maps}.items():
    zeros = [100 * (maps_of[name] == 0).mean() for name in names]
    axes.plot(names, zeros, marker="o", markersize=4, color=colors[title], label=title)
    like = [f"{likeness(maps_of[name]):.2f}" for name in key_layers]
    spots = np.sort(maps_of["block5_conv3"].reshape(196, 512), axis=0)
    share = spots[-4:].sum() / spots.sum()
    print(f"{title}: likeness to the photograph {', '.join(like)}")
    print(f"  zeros: {min(zeros):.0f} to {max(zeros):.0f}%, first layer {zeros[0]:.0f}%")
    print(f"  block5_conv3: zeros {zeros[-2]:.0f}%, its brightest 4 of 196 places hold {share:.0%}")
axes.set_title("zeros, in percent", fontsize="medium")
axes.set_ylim(bottom=0)
axes.tick_params(axis="x", rotation=90)
axes.legend()
plt.show()
del untrained, untrained_maps  # memory

# %% [markdown]
# *The share of zeros in each layer. Trained, it goes up and down, from 45% in the first layer to 91% in block5_conv3;
# untrained, it stays between 39 and 54%.*
#
# *Early maps look like the picture, later ones much less*: that's the architecture, because it holds with random weights too.
# *Late maps are silent almost everywhere and bright in one spot*: that's learned. (Zeros drop at each pooling, because a
# window is zero only where all four of its values are.)
#
# ## What happens without preprocessing
#
# The tutorial feeds the raw pixels to its feature extractor. Nothing complains: the shape is right. Two things are wrong,
# the order of the colors and the mean. What does each of them do? We compare with the right outputs; 1.00 would be the same.
#
# **Predict, then run.** Which layer suffers most: the first, the middle or the last?
#
# <details><summary>Answer</summary>
#
# The first, at -0.20. The middle one is at 0.78, the last at 0.76. On this picture the wrong order does most of the damage.
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
# Channel 1 in all four, and how like the right one channel 45 is: whole, and without its outermost pixels
figure, panels = plt.subplots(1, 4, figsize=(8, 2.4), layout="constrained")
right = first_layer["right"]
for axes, (title, maps) in zip(panels, first_layer.items()):
    axes.imshow(maps[:, :, 0], vmin=0, vmax=right[:, :, 0].max())
    axes.set_title(title, fontsize="medium")
    axes.axis("off")
    whole = np.corrcoef(maps[:, :, 1].ravel(), right[:, :, 1].ravel())[0, 1]
    inside = np.corrcoef(maps[1:-1, 1:-1, 1].ravel(), right[1:-1, 1:-1, 1].ravel())[0, 1]
    print(f"{title:12s} channel 1 up to {maps[:, :, 0].max():3.0f}", end=", ")
    print(f"channel 45: correlation {whole:.2f}, inside {inside:.2f}")
plt.show()

# %% [markdown]
# *Channel 1 of block1_conv1, four times. With the order wrong, as in the raw picture, it is black; with the mean missing
# it looks right.*
#
# On this blue picture the wrong *order* does more harm: it silences the blue kernel. Edges
# hardly mind the order. The missing *mean* spoils channel 45 only in a frame of one pixel. Beyond the edge of the picture a
# convolution reads zeros; with the mean subtracted, zero is an average color, and without it zero is black, so there's an
# edge. Many maps look fine, and they are wrong.
#
# ## What to remember
#
# - A feature map shows where a filter matches its input. `keras.Model(model.input, layer.output)`
#   returns it for any layer.
# - Early maps look like the picture with any weights. Sparse spots are learned. You need an untrained network to tell the
#   two apart.
# - Preprocess the way the network was trained. Raw pixels raise no error.
#
# ## Where feature maps mislead
#
# - Each map in a grid has its own scale. A weak channel looks as bright as a strong one.
# - A map that lights up on the shark need not be a shark detector. One picture is no evidence of what a channel has
#   learned.
# - A feature map shows what a layer found, not whether the answer depends on it. That is the
#   question of chapter 4.1.
#
# **Next:** chapter 4 asks what the 1000 numbers at the end mean.

# %% [markdown] tags=["navigation"]
# **Your turn:** [the exercises](../exercises/student/03_visualizing_layer_outputs.ipynb)
#
# ← [2 Accessing layers and weights](02_accessing_layers_and_weights.ipynb) · [contents](../README.md#the-chapters) · [4 Methods for interpretation](04_0_methods_for_interpretation.ipynb) →
