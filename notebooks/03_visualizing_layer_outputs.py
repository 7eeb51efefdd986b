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
# **What you will learn**
#
# - how to get the output of every layer for one picture;
# - what the feature maps of an early, a middle and a late layer look like;
# - how resolution, number of channels and the share of zeros change with depth.
#
# **You need:** chapter 2.

# %% cellView="form" jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
# @title Setup: on Colab this installs the course, elsewhere it does nothing
import sys

if "google.colab" in sys.modules:
    get_ipython().run_line_magic("pip", "install --quiet course.zip")

# %%
import course_utils as cu

from itertools import pairwise

import keras
import matplotlib.pyplot as plt
import numpy as np

# %% [markdown]
# ## The idea
#
# A convolution slides each of its filters over its input and writes down, for every position, how
# well the filter matches there. The result of one filter is a *feature map*, also called a
# *channel*: a picture of matches. For filter $f$ with kernel $K$ and bias $b$, input $x$ and
# position $(i, j)$,
#
# $$ a_{ij} = \text{ReLU}\Big( \sum_{u, v, c} K_{uvc} \; x_{i+u,\, j+v,\, c} + b \Big),
# \qquad \text{ReLU}(z) = \max(z, 0) . $$
#
# A zero means: no match here. Bright means: a strong match. So we can *see* what a layer has found
# by drawing its feature maps. (VGG16 computes this, with zeros around the border of the picture.
# EfficientNet-Lite0 has batch normalization in place of the bias, a ReLU that also cuts off everything
# above 6, and layers named *project* without a ReLU, whose values may be negative.)

# %% [markdown]
# ## Read a picture, prepare it for the network

# %%
classifier = cu.load_classifier()
model = classifier.model
image = cu.load_image("chelsea")

plt.figure(figsize=(4, 3))
plt.imshow(image)
plt.title(f"{image.shape[0]} x {image.shape[1]} pixels", fontsize="medium")
plt.axis("off")
plt.show()

# %% [markdown]
# A network expects what it was trained on: pictures of one size, and numbers in one range. Each
# network has its own recipe, and `classifier.preprocess` applies the right one. Before that it resizes
# the picture to the network's square, whatever its shape: that is why the cat looks narrower from here
# on. It also adds a first axis, since networks take batches of pictures.

# %%
inputs = classifier.preprocess(image)
print("picture:", image.shape, image.dtype, f"{image.min()} to {image.max()}")
print("inputs: ", inputs.shape, inputs.dtype, f"{inputs.min():.2f} to {inputs.max():.2f}")

# %% [markdown]
# ### What happens without preprocessing
#
# Raw pixels, resized in the same way, have the right shape, so nothing complains. Compare the answers.

# %%
raw = cu.load_image(image, size=classifier.input_size)[None].astype("float32")
for name, values in [("preprocessed", inputs), ("raw pixels", raw)]:
    probabilities = model(values).numpy()[0]
    best = int(probabilities.argmax())
    print(f"{name:13s} {cu.class_label(best):20s} p = {probabilities[best]:.2f}")

# %% [markdown]
# EfficientNet-Lite0, which was trained on numbers from -1 to 1, no longer sees a cat. VGG16's recipe
# only swaps colors and subtracts a mean, so it may be hurt less, and the mistake is harder to notice.

# %% [markdown]
# ## A model that returns every layer
#
# A Keras layer knows its symbolic `output`. A model from the network's input to *all* of these
# outputs returns everything at once. It shares the weights with the network.

# %%
outputs = {layer.name: layer.output for layer in model.layers[1:]}
activation_model = keras.Model(model.input, outputs)
activations = activation_model(inputs)

print(len(activations), "outputs. The first and the last five:")
for name in [*list(activations)[:5], *list(activations)[-5:]]:
    print(f"  {name:22s} {tuple(activations[name].shape)}")

# %% [markdown]
# The result is a dictionary: the keys are layer names, the values are tensors of shape
# (pictures, height, width, channels). The last layers have no height and width any more.
#
# `cu.get_feature_maps` does the same for the layers you name. It drops the axis of pictures and
# returns NumPy arrays. Both agree:

# %%
feature_maps = cu.get_feature_maps(classifier, image)
largest = max(
    float(np.abs(feature_maps[name] - activations[name][0].numpy()).max()) for name in feature_maps
)
assert largest < 1e-3
print(len(feature_maps), "of these have feature maps, and both ways agree on all of them")

# %% [markdown]
# ## All feature maps of an early layer
#
# A picture for each channel, in one grid. Every channel is scaled to its own range: dark violet is
# its smallest value, yellow its largest.

# %%
early, second = classifier.conv_layer_names[:2]
cu.plot_feature_maps({early: feature_maps[early]}, columns=8)


# %%
def describe(name):
    """Print how many channels of a layer show nothing, and where its liveliest one is brightest."""
    maps = feature_maps[name]
    height, width, channels = maps.shape
    constant = np.ptp(maps, axis=(0, 1)) == 0
    liveliest = maps.std(axis=(0, 1)).argmax()
    thirds = [[part.mean() for part in np.array_split(band, 3, axis=1)]
              for band in np.array_split(maps[:, :, liveliest], 3, axis=0)]
    row, column = np.unravel_index(np.argmax(thirds), (3, 3))
    print(f"{name}: {channels} channels of {height} x {width}, {constant.sum()} of them constant")
    print(f"  channel {liveliest} varies most; on average it is brightest in the "
          f"{['top', 'middle', 'bottom'][row]} {['left', 'center', 'right'][column]} ninth")


describe(early)

# %% [markdown]
# You still recognize the cat in nearly every map that is not one dark square. Some channels look like the
# photograph, brighter or darker: they follow brightness or a color. Others look like a relief: they
# light up at edges. Compare the stripes on the forehead between maps. This layer keeps most of the
# picture and sorts it by kinds of contrast.
#
# The printed lines count the *constant* channels: these have the same value everywhere, show nothing
# of this picture, and are drawn as dark squares. (A square is also dark where a single position
# outshines all others.) The lines also say where the channel that varies most is brightest. Channel 0
# is the first square; the grid is read row by row.

# %% [markdown]
# ## A second layer

# %%
cu.plot_feature_maps({second: feature_maps[second]}, columns=8)

# %%
describe(second)

# %% [markdown]
# The second convolution works on the maps of the first. The cat is still plain to see. In
# EfficientNet-Lite0 each filter of this convolution reads only one channel (it is *depthwise*), so there
# you can compare the grids square by square: channels 1 and 2 now show edges in place of brightness, and
# in channel 3 dark and bright have changed places.

# %% [markdown]
# ## A layer that halves the resolution
#
# Networks give up resolution step by step. VGG16 does it with pooling layers, others with
# convolutions that move two pixels at a time (a *stride* of 2). We look for the first layer whose
# maps are smaller than those before it, among those behind a ReLU: their values are never negative.

# %%
named_heights = [(name, maps.shape[0]) for name, maps in feature_maps.items() if maps.min() >= 0]
smaller = next(name for (_, before), (name, after) in pairwise(named_heights) if after < before)
print(f"{smaller} is a {type(model.get_layer(smaller)).__name__}")
cu.plot_feature_maps({smaller: feature_maps[smaller]}, columns=12)

# %%
describe(smaller)

# %% [markdown]
# Every map has a quarter as many positions as the maps above. In a good number of them the eyes and the
# outline of the face can still be made out, now drawn with fewer cells. Many others hold only specks.

# %% [markdown]
# ## Early, middle, late
#
# `classifier.key_layer_names` holds an early, a middle and a late layer of whatever network is
# loaded. Of each we draw the 16 channels that vary most, the liveliest first.

# %%
key_maps = cu.get_feature_maps(classifier, image, classifier.key_layer_names)
liveliest_maps = {}
for name, maps in key_maps.items():
    order = np.argsort(-maps.std(axis=(0, 1)), kind="stable")
    liveliest_maps[f"{name}, the liveliest"] = maps[:, :, order[:16]]
cu.plot_feature_maps(liveliest_maps)

# %%
for name in classifier.key_layer_names:
    describe(name)

# %% [markdown]
# From left to right the maps get coarser, and harder to read as a picture. In the left grid you find the
# cat. In the middle one a part stands out here and there, such as an eye. In the right one a channel
# says *that* something is there and roughly where, not what it looks like. The lines above say how many
# channels there are in all, and how many of them have found nothing.

# %% [markdown]
# ## Explore: one picture, all layers
#
# The explorer opens at the middle layer. Drag *Layer* to both ends and watch the cat dissolve into
# cells. Drag *Channel* to see one map large. Try another picture, or upload your own: do the same
# channels light up?
#
# The sentence under the pictures counts *silent* channels, which have no value above zero, and gives
# the *receptive field*: how large a part of the input one value can depend on, in pixels.

# %%
explorer = cu.LayerExplorer(classifier, image)
explorer.layer.value = classifier.key_layer_names[1]
explorer

# %% [markdown]
# ## How it changes with depth
#
# Three numbers for a layer: the height of its maps, the number of its channels, and its
# *sparsity*, the share of its values that are exactly zero. Sparsity needs a ReLU, so we take the
# layers whose output is never negative.

# %%
names = [name for name in classifier.conv_layer_names if feature_maps[name].min() >= 0]
height = [feature_maps[name].shape[0] for name in names]
channels = [feature_maps[name].shape[-1] for name in names]
sparsity = [float((feature_maps[name] == 0).mean()) for name in names]

figure, panels = plt.subplots(3, 1, figsize=(8, 5), sharex=True, layout="constrained")
for axes, values, label in zip(
    panels, [height, channels, sparsity], ["height of a map", "channels", "share of zeros"]
):
    axes.plot(values, marker="o", markersize=3, color="#31688e")
    axes.set_title(label, fontsize="medium")
    axes.set_ylim(bottom=0)
panels[-1].set_xlabel("layer, first to last")
plt.show()

# %%
third = len(names) // 3
for part, chosen in [("first", slice(third)), ("last", slice(-third, None))]:
    print(f"{part:5s} third: median height {np.median(height[chosen]):3.0f}, "
          f"median channels {np.median(channels[chosen]):4.0f}, mean share of zeros {np.mean(sparsity[chosen]):.0%}")

# %% [markdown]
# Resolution goes down in steps, the number of channels goes up, and the share of zeros rises with
# depth, with ups and downs. The network trades *where* for *what*: few places, many detectors, and on
# this picture most values of the late layers are zero.

# %% [markdown]
# ## What to remember
#
# - A feature map shows where a filter matches its input. `keras.Model(model.input, layer.output)`
#   returns it for any layer.
# - Always preprocess the way the network was trained. Raw pixels raise no error; they silently change
#   the answer.
# - With depth, maps get smaller, more numerous and sparser.
#
# ## Where feature maps mislead
#
# - Each map in a grid has a scale of its own. A weak channel looks as bright as a strong one, and a
#   channel's noise can look like a finding. Check the numbers.
# - A map that looks like "the ear channel" on one picture may respond to any dark corner. One picture
#   is not evidence for what a channel has learned.
# - A feature map shows what a layer has found, not whether the answer depends on it. That is the
#   question of chapter 4.1.
#
# **Next:** chapter 4 asks what the 1000 numbers at the end mean.

# %% [markdown] tags=["navigation"]
# ← [2 Accessing layers and weights](02_accessing_layers_and_weights.ipynb) · [contents](../README.md#the-chapters) · [4 Methods for interpretation](04_0_methods_for_interpretation.ipynb) →
