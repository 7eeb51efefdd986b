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
# # 4.1 Grad-CAM
#
# ← [4 Methods for interpretation](04_0_methods_for_interpretation.ipynb) · [contents](../README.md#the-chapters) · [4.2 Saliency maps](04_2_saliency_maps.ipynb) → · 40 minutes
#
# The network calls the great white a tiger shark: logit 9.21 against 7.95. **Which part of the animal says
# *tiger*?** Grad-CAM answers with a heatmap, and it takes only a dozen lines of code.
#
# **What you will learn**
#
# - the four steps of Grad-CAM, why each is there, and how to write them in plain TensorFlow;
# - how to see what speaks *against* a class, and why such a map adds up to the logit;
# - how much of the picture a cell has seen, and which layer to choose.
#
# **You need:** chapter 4.

# %% cellView="form" jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
# @title Setup: on Colab this installs the course, elsewhere it does nothing
import sys

if "google.colab" in sys.modules:
    get_ipython().run_line_magic("pip", "install --quiet course.zip")

# %%
import course_utils as cu

import keras
import numpy as np
import tensorflow as tf

# %%
# The network, the photograph, and the answer
classifier = cu.load_classifier()
shark = cu.load_image("great_white_shark")
cu.plot_predictions(classifier.top_predictions(shark, k=3), shark)

# %% [markdown]
# *The photograph and its three most probable classes: tiger shark 0.69, great white shark 0.20, hammerhead
# 0.02.*

# %% jupyter={"source_hidden": true}
# @title Where we are in the network
cu.draw_network(classifier, [classifier.last_conv_layer_name])

# %% [markdown]
# *The network from left to right: its maps shrink from 112 pixels to 7, and multiply.
# Highlighted, near the end: top_activation, whose 7 x 7 cells Grad-CAM will weigh.*
#
# ## The idea
#
# The network's answer is made of its last feature maps and nothing else, and these still know roughly *where* things
# are (chapter 3): 1280 maps of 7 x 7 cells. If we knew how much each map counts for *tiger shark*, we could
# add them up with these weights and see where the evidence lies. Grad-CAM reads the weights off the gradient
# ([Selvaraju et al., 2016](https://arxiv.org/abs/1610.02391)).
#
# ## Four steps
#
# Let $A^k$ be the $k$-th feature map of a layer, with $Z$ positions $(i, j)$, and $y^c$ the logit of
# class $c$.
#
# 1. **Forward.** Compute the maps $A^k$ and the logit $y^c$.
#    *Why?* The logit is what we want to explain, and the last maps are the deepest that still know where things are.
# 2. **Backward.** Compute the gradient $\dfrac{\partial y^c}{\partial A^k_{ij}}$.
#    *Why?* It says how much the logit would rise if this map were a little larger at this place.
# 3. **Average.** Take the mean over all places:
#    $\displaystyle \alpha^c_k = \frac{1}{Z} \sum_{i,j} \frac{\partial y^c}{\partial A^k_{ij}}$ .
#    *Why?* Each map gets one weight: how much it counts, on average over the picture. (Where gradients
#    differ from place to place: chapter 4.3.)
# 4. **Sum.** Add the maps with these weights and keep what is positive:
#    $\displaystyle L^c = \text{ReLU}\Big( \sum_k \alpha^c_k A^k \Big)$ .
#    *Why the ReLU?* Negative values speak against the class. Grad-CAM shows what speaks for it; we'll look at both.

# %% jupyter={"source_hidden": true}
# @title The four steps in one drawing
cu.draw_grad_cam(classifier, shark, cu.class_index("tiger shark"))

# %% [markdown]
# *Grad-CAM in four steps. 1: forward, from the shark to the logit of tiger shark, 9.2. 2: back, to the gradient at the last maps.
# 3: its mean is each map's weight; four of 1280 maps are shown, one with a negative weight. 4: the weighted sum, its positive
# part, and the heatmap over the picture, hot on the shark's back and side.*
#
# ## In plain Keras and TensorFlow
#
# We borrow the network, the class index and the plotting; the four steps we write ourselves. After `top_activation` the
# network averages the places away, and a dense layer computes the logits and their softmax in one go. We want what goes
# *into* the softmax, so we stop before that layer and multiply by its weights ourselves.

# %% tags=["live"]
# Build a model with two outputs, the last maps and what the dense layer reads; prepare the shark
model = classifier.model
last = model.layers[-1]
layer = model.get_layer(classifier.last_conv_layer_name)
maps_and_features = keras.Model(model.input, [layer.output, last.input])
inputs = tf.constant(classifier.preprocess(shark))
print(layer.name, [output.shape for output in maps_and_features.outputs])

# %% tags=["live"]
# Record maps and logit on a tape (1), and take the gradient of the logit at the maps (2)
tiger = cu.class_index("tiger shark")
with tf.GradientTape(watch_accessed_variables=False) as tape:  # don't follow the weights,
    tape.watch(inputs)  # only what is computed from the picture
    maps, features = maps_and_features(inputs)
    logits = features @ last.kernel + last.bias
    logit = logits[0, tiger]
gradients = tape.gradient(logit, maps)
print(f"maps {maps.shape}, logit {logit:.2f}, gradients {gradients.shape}")

# %% [markdown]
# **Predict, then run.** Each map now has 49 gradients, one for each place. Where are they largest: on the shark, in the
# middle of the picture, at its border?
#
# <details><summary>Answer</summary>
#
# Nowhere. In each map all 49 are equal: the spread is 0.0000, and the weights go up to 0.0043. This network averages its
# maps before it decides, so a map counts the same everywhere. The gradient says *which* maps count (572 speak for
# the tiger shark, the others against it), and only the maps say *where*.
#
# </details>

# %% tags=["live"]
# Average the gradients over the places (3): one weight for each map
weights = tf.reduce_mean(gradients, axis=(1, 2)).numpy()
spread = np.ptp(gradients, axis=(1, 2))
print(f"weights {weights.shape}, from {weights.min():.4f} to {weights.max():.4f}")
print(f"spread over the places: {spread.max():.4f}")
print(f"{np.sum(weights > 0)} of {weights.size} are positive")

# %% tags=["live"]
# Sum the maps with these weights (4), keep what is positive, divide by the maximum
signed = tf.reduce_sum(weights * maps[0], axis=-1).numpy()
heatmap = np.maximum(signed, 0)
by_hand = heatmap / heatmap.max()
print(by_hand.shape, "cells above one half:", np.sum(by_hand > 0.5))
cu.plot_heatmap(shark, {"tiger shark": by_hand})

# %% [markdown]
# *Grad-CAM for tiger shark: the photograph, the heatmap of 7 x 7 cells, and the heatmap stretched over the
# photograph. The heat lies on the shark from behind the head to the root of the tail, and on the water above its
# back.*
#
# The middle panel is what Grad-CAM computes: 49 numbers. The overlay hides how few they are. One of the hottest cells,
# row 2, column 5 (counting from 1), holds next to no shark. How much of what a cell has seen lies under it?
#
# **Predict, then run.** Take the gradient of the middle cell, summed over all maps, at the pixels. How much of it falls
# on the cell's own 32 x 32 pixels: 90%, 50%, or less?
#
# <details><summary>Answer</summary>
#
# Less: 4%. Together with its eight neighbors, 30%. In principle the cell depends on every pixel: its receptive field
# (chapter 3) is wider than the picture. So heat in a cell doesn't prove that the pixels beneath it matter.
#
# </details>

# %% tags=["live"]
# Take the gradient of one cell at the pixels: how much of it lies under the cell?
with tf.GradientTape(watch_accessed_variables=False) as tape:
    tape.watch(inputs)
    cell = tf.reduce_sum(maps_and_features(inputs)[0][0, 3, 3])
at_pixels = np.abs(tape.gradient(cell, inputs)[0]).sum(axis=-1)
own, nine = at_pixels[96:128, 96:128].sum(), at_pixels[64:160, 64:160].sum()
print(f"own cell {own / at_pixels.sum():.0%}, nine cells {nine / at_pixels.sum():.0%}")

# %% [markdown]
# ## Take it home
#
# The next cell is all you need in an empty notebook (there, put the line under *At home* in place of the one below it). Its
# function takes the four steps for any Keras model that returns logits, and stops before the ReLU, because we'll need the sign.
# `classifier_activation=None` leaves out VGG16's softmax. (Here VGG16 gets random weights and a small picture. The trained
# ones are a download of 553 MB, so you'll see a trained VGG16's heatmap only at home.)


# %%
# Grad-CAM for VGG16, complete
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from importlib.resources import files
from keras.applications.vgg16 import VGG16, preprocess_input


def signed_map(model, layer_name, inputs, class_index):
    """Return Grad-CAM before its ReLU, (h, w), and the logit, for one preprocessed picture."""
    layer = model.get_layer(layer_name)
    maps_and_logits = keras.Model(model.input, [layer.output, model.output])
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        maps, logits = maps_and_logits(inputs)
        logit = logits[0, class_index]
    weights = tf.reduce_mean(tape.gradient(logit, maps), axis=(1, 2))
    return tf.reduce_sum(weights * maps[0], axis=-1).numpy(), float(logit)


# At home:
# path, weights, side = "shark.jpg", "imagenet", 224
path, weights, side = files("course_utils") / "data/great_white_shark.jpg", None, 48
keras.utils.set_random_seed(0)
vgg16 = VGG16(weights=weights, input_shape=(side, side, 3), classifier_activation=None)
picture = keras.utils.load_img(path, target_size=(side, side))
batch = tf.constant(preprocess_input(keras.utils.img_to_array(picture)[np.newaxis]))
white = 2  # great white shark: chapter 4 looks names up
vgg16_map, logit = signed_map(vgg16, "block5_conv3", batch, white)
print(f"great white shark: {vgg16_map.shape[0]} x {vgg16_map.shape[1]} cells, logit {logit:.1f}")

heatmap = np.maximum(vgg16_map, 0)
heatmap = keras.ops.image.resize(heatmap[..., np.newaxis] / heatmap.max(), (side, side))[..., 0]
plt.figure(figsize=(2.6, 2.6))
plt.imshow(picture.convert("L"), cmap="gray")
plt.imshow(heatmap, alpha=np.clip(heatmap, 0, 1) * 0.7)
plt.axis("off")
plt.show()

# %% [markdown]
# *Grad-CAM for great white shark from a VGG16 that has learned nothing, on a tiny picture: the heat lies in the upper right, and
# means nothing.*
#
# Do the same lines work for this course's network, `classifier.logits_model`? (`cu.make_gradcam_heatmap` is the same
# computation, compiled.)

# %%
# The same function on this course's network, the course's own function, and the steps by hand
again, logit = signed_map(classifier.logits_model, layer.name, inputs, tiger)
assert np.allclose(again, signed, atol=1e-5)
fast = cu.make_gradcam_heatmap(classifier, shark, tiger)
assert np.allclose(fast, by_hand, atol=1e-4)
print(f"three times the same map; logit {logit:.2f}")

# %% [markdown]
# ## For and against
#
# Leave out the ReLU, and the map has a sign. This network averages its maps,
# $f_k = \frac{1}{Z} \sum_{i,j} A^k_{ij}$, and a dense layer with weights $w^c_k$ and bias $b^c$ turns them into the
# logit:
#
# $$ y^c = \sum_k w^c_k f_k + b^c = \sum_k \frac{w^c_k}{Z} \sum_{i,j} A^k_{ij} + b^c , $$
#
# $$ \frac{\partial y^c}{\partial A^k_{ij}} = \frac{w^c_k}{Z} \text{ at every place, so }
# \alpha^c_k = \frac{w^c_k}{Z} , $$
#
# $$ S^c_{ij} = \sum_k \alpha^c_k A^k_{ij} \quad\text{ and }\quad \sum_{i,j} S^c_{ij} = y^c - b^c . $$
#
# So the signed map splits the logit among the cells, and nothing is lost: Grad-CAM here is the older CAM
# ([Zhou et al., 2015](https://arxiv.org/abs/1512.04150)).

# %% tags=["live"]
# Add up what speaks for the cat and against it, and what the cup's side says about it
pair = cu.load_image("cat_and_coffee")
pair_inputs = tf.constant(classifier.preprocess(pair))
cat = cu.class_index("Egyptian cat")
for_cat, logit = signed_map(classifier.logits_model, layer.name, pair_inputs, cat)
print(f"for {for_cat[for_cat > 0].sum():.2f}, against {for_cat[for_cat < 0].sum():.2f}")
print(f"sum and bias {for_cat.sum() + last.bias[cat]:.2f}, logit {logit:.2f}")
print(f"cup's side (three columns) {for_cat[:, 4:].sum():.2f}")
cu.plot_heatmap(pair, {"Egyptian cat": for_cat})

# %% [markdown]
# *Signed map for Egyptian cat; red speaks for the class, blue against it. The cat's side is red, the cup's pale
# blue, too pale for the overlay.*

# %%
# The same picture, another class
cup = cu.class_index("espresso")
for_cup, logit = signed_map(classifier.logits_model, layer.name, pair_inputs, cup)
print(f"sum and bias {for_cup.sum() + last.bias[cup]:.2f}, logit {logit:.2f}")
print(f"cup's side (three columns) {for_cup[:, 4:].sum():.2f}")
print(f"mean of all 1000 logits: {classifier.logits(pair).mean():.2f}")
cu.plot_heatmap(pair, {"espresso": for_cup})

# %% [markdown]
# *Signed map for espresso: the cup's side speaks for it, and the cat's side says almost nothing.*
#
# Only the class differs, and the heat moves from the cat to the cup. A method that ignored the class couldn't do that.
# And the cup's side takes 1.32 logits *away* from the cat, all that speaks against it in this picture. Grad-CAM's ReLU
# hides that.
#
# Away from what? Softmax looks at differences only, so in principle the zero of a logit is arbitrary. In this network
# the 1000 logits average about 0. So *for* and *against* mean more, or less, than for the average class.
#
# ## Which part says *tiger*?
#
# The network chose between two names, so we look at the *difference* of their signed maps. It sums to 1.21: that is
# tiger's lead of 1.26 logits, apart from the two biases.

# %% tags=["live"]
# Subtract the signed map of the great white from that of the tiger shark, and add up both ends
white = cu.class_index("great white shark")
difference = signed - signed_map(classifier.logits_model, layer.name, inputs, white)[0]
print(f"lead {logits[0, tiger] - logits[0, white]:.2f}, map {difference.sum():.2f}")
print(f"head (three columns) {difference[:, :3].sum():.2f}")
print(f"body and tail (four columns) {difference[:, 3:].sum():.2f}")
cu.plot_heatmap(shark, {"tiger minus great white": difference})

# %% [markdown]
# *Signed difference, tiger shark minus great white shark: the body from the dorsal fin to the tail speaks
# for tiger shark, the head slightly for great white.*
#
# The head hardly decides: it gives great white 0.22 logits. From the dorsal fin backward *tiger shark* leads by 1.43.
# Why there? Two readings: the light draws stripes on the
# flank, and tiger sharks have stripes. Or it's the bright spray, for the strongest cells lie where the tail meets it.
# The heatmap says only *where*; chapter 4.2 tests both.
#
# ## A heatmap is not a probability
#
# **Predict, then run.** Ask for *missile* on the shark. The network doesn't believe in a missile here. Is that
# heatmap fainter than the one for *tiger shark*?
#
# <details><summary>Answer</summary>
#
# No. The logits are 9.2 and -0.4, but each heatmap is divided by its own maximum, so the hottest cell of both is 1. For
# *missile* it lies in the water at the right edge. A heatmap says nothing about how much the network believes in
# the class.
#
# </details>

# %% tags=["live"]
# Draw the heatmaps of tiger shark and missile side by side, with their logits
heatmaps = {}
for name in ["tiger shark", "missile"]:
    index = cu.class_index(name)
    heatmaps[name] = cu.make_gradcam_heatmap(classifier, shark, index)
    print(f"{name}: logit {logits[0, index]:.1f}, hottest cell {heatmaps[name].max():.1f}")
cu.plot_heatmap(shark, heatmaps)

# %% [markdown]
# *Grad-CAM for tiger shark and for missile on the shark. Both have cells of full brightness, although the logits are
# far apart.*
#
# ## Which layer?
#
# Any layer with feature maps will do. So why settle for 7 x 7 cells?
#
# **Predict, then run.** Ask for *espresso* beside the cat, at an early layer of 56 x 56 cells, a middle one and the last.
# Which has the largest share of its heat on the cup's half?
#
# <details><summary>Answer</summary>
#
# The last: 87%. The early one has 49%, as if the heat were spread evenly, and the middle one 44%: less than its half.
#
# </details>


# %% tags=["live"]
# Compute the heatmap for espresso at an early, a middle and the last layer; sum up the cup's half
def on_cup(heatmap):
    stretched = cu.resize_heatmap(heatmap, pair.shape[:2])
    return f"{stretched[:, 300:].sum() / stretched.sum():.0%} on the cup's half"


by_layer = {}
for name in [classifier.conv_layer_names[7], classifier.key_layer_names[1], layer.name]:
    by_layer[name] = cu.make_gradcam_heatmap(classifier, pair, cup, name)
    print(f"{name:26s} {by_layer[name].shape}, {on_cup(by_layer[name])}")
cu.plot_heatmap(pair, by_layer)

# %% [markdown]
# *Grad-CAM for espresso at an early, a middle and the last layer: a veil over both halves, then specks, some of them on the cat's
# whiskers, then one region on the cup.*
#
# An early layer's maps show edges and colors, which are everywhere, and one weight for a whole map says little
# there. That's why Grad-CAM is used with the last feature maps. (Its relatives change step 3: see
# [chapter 4.3](04_3_grad_cams_relatives.ipynb), also for the library tf-keras-vis.)
#
# ## Explore: drag through classes, layers and methods
#
# Drag *Class* from the great white back to the tiger shark and watch the heat move toward the tail. Then drag *Layer*
# toward the beginning, and change the *Method*.

# %%
# Drag Class, Layer and Method
explorer = cu.ClassExplorer(classifier, shark)
explorer.choose(cu.class_index("great white shark"))
explorer

# %% [markdown]
# *The class explorer on the shark, with Grad-CAM for great white shark at the last layer.*

# %% [markdown] tags=["still"]
# This is a picture of the explorer: in a running notebook its controls move.

# %% [markdown]
# ## What to remember
#
# - Grad-CAM is four steps: forward, backward, average, weighted sum.
# - Use the last feature maps, and the logit.
# - Without the ReLU the map has a sign. If the network averages its last maps, as this one does, the map adds up to the
#   logit minus the bias.
# - Torn between two names? Look at the difference of their maps.
#
# ## Where Grad-CAM misleads
#
# - It's coarse. There are only 49 cells; don't read outlines into the smooth overlay.
# - It shows where, not what: heat on the flank doesn't say whether its stripes or its shape count.
# - A cell has seen far more than the pixels beneath it: only 4% of its gradient lay there.
# - Where dense layers weigh each place differently, as in VGG16, the mean in step 3 throws that away, and the map can mark
#   places that the network didn't use ([Draelos and Carin, 2020](https://arxiv.org/abs/2011.08891); chapter 4.3).
# - A class that the network doesn't believe in gets a heatmap as bright as the winner's. Always read it
#   together with the logit.
#
# **Next:** chapter 4.2 goes from regions to pixels.

# %% [markdown] tags=["navigation"]
# **Your turn:** [the exercises](../exercises/student/04_1_grad_cam.ipynb)
#
# ← [4 Methods for interpretation](04_0_methods_for_interpretation.ipynb) · [contents](../README.md#the-chapters) · [4.2 Saliency maps](04_2_saliency_maps.ipynb) →
