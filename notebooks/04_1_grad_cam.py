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
# *tiger*?** Grad-CAM answers with a heatmap, and a dozen lines of code compute it.
#
# **What you will learn**
#
# - the four steps of Grad-CAM, why each is there, and how to write them in plain TensorFlow;
# - how to read what speaks *against* a class, and why the sum of such a map is the logit itself;
# - the same through tf-keras-vis, which layer to choose, and what Grad-CAM's relatives change.
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
from scipy.ndimage import label, zoom

# %%
# The network, the photograph, and the answer
classifier = cu.load_classifier()
shark = cu.load_image("great_white_shark")
cu.plot_predictions(classifier.top_predictions(shark, k=3), shark)

# %% [markdown]
# *The photograph and its three most probable classes: tiger shark 0.69, great white shark 0.20, hammerhead
# 0.02.*

# %% [markdown]
# ## The idea
#
# The last feature maps know *what* is in the picture and still roughly *where* (chapter 3). This network has
# 1280 of them, of 7 x 7 cells: 1280 detectors, each with a small map of where it has found something. If we
# knew how much each detector counts for *tiger shark*, we could add up their maps with these weights and
# see where the evidence lies. Grad-CAM takes the weights from the gradient
# ([Selvaraju et al., 2016](https://arxiv.org/abs/1610.02391)).
#
# ## Four steps
#
# Let $A^k$ be the $k$-th feature map of a layer, with $Z$ positions $(i, j)$, and $y^c$ the logit of
# class $c$.
#
# 1. **Forward.** Compute the maps $A^k$ and the logit $y^c$.
#    *Why?* The logit is the number that we want to explain, and the last maps are the deepest ones that
#    still know where things are. Behind them the places are averaged away.
# 2. **Backward.** Compute the gradient $\dfrac{\partial y^c}{\partial A^k_{ij}}$.
#    *Why?* It says: if this detector were a little more active at this place, how much would the logit
#    rise? So we learn which detectors count for the class, although nobody has ever labeled them.
# 3. **Average.** Take the mean over all places:
#    $\displaystyle \alpha^c_k = \frac{1}{Z} \sum_{i,j} \frac{\partial y^c}{\partial A^k_{ij}}$ .
#    *Why?* Each detector gets one weight: how much it counts on average over the picture. The map itself says
#    where.
# 4. **Sum.** Add the maps with these weights and keep what is positive:
#    $\displaystyle L^c = \text{ReLU}\Big( \sum_k \alpha^c_k A^k \Big)$ .
#    *Why the ReLU?* What is negative speaks against the class. Grad-CAM shows what speaks for it; below
#    we look at both.
#
# ## In plain Keras and TensorFlow
#
# Of this course we take the network, the index of a class and the drawing; the steps are ours. First the layer: we want
# the last one that still has height and width.

# %% tags=["live"]
# Print the last five layers with their shapes: where do height and width end?
model = classifier.model
for layer in model.layers[-5:]:
    print(f"{layer.name:16s} {layer.output.shape}")

# %% [markdown]
# `avg_pool` averages the places away, so we take the layer before it. The dense layer at the end computes the logits and
# their softmax in one go. We want what goes *into* the softmax. So we stop before that layer, and multiply with its
# weights ourselves.

# %% tags=["live"]
# Build a model with two outputs, the last maps and what the dense layer reads; prepare the shark
last = model.layers[-1]
layer = model.get_layer(classifier.last_conv_layer_name)
maps_and_features = keras.Model(model.input, [layer.output, last.input])
inputs = tf.constant(classifier.preprocess(shark))
print([output.shape for output in maps_and_features.outputs])

# %% tags=["live"]
# Record maps and logit on a tape (1), and take the gradient of the logit at the maps (2)
tiger = cu.class_index("tiger shark")
with tf.GradientTape(watch_accessed_variables=False) as tape:  # no weights' gradients
    tape.watch(inputs)
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
# Nowhere. In each map all are equal: the spread is 0.0000, where the weights go up to 0.0043. The network averages
# its maps before it decides, so a detector counts the same at every place. The gradient says *which* detectors
# count (572 of them for the tiger shark, the others against it), and only the maps say *where*.
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
# The middle panel is what Grad-CAM computes: 49 numbers. The overlay stretches them, and hides how few they are. One of
# the hottest cells, row 2, column 5 (counted from 1), holds no shark at all. A cell is large, and it has seen more of
# the picture than its own square.
#
# The four steps in one function. It stops before the ReLU, because we need the sign below.


# %%
def signed_map(inputs, class_index):
    """Steps 1 to 4 before the ReLU, for one preprocessed picture: the map, and the logit."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        maps, features = maps_and_features(inputs)
        logits = features @ last.kernel + last.bias
        logit = logits[0, class_index]
    weights = tf.reduce_mean(tape.gradient(logit, maps), axis=(1, 2))
    return tf.reduce_sum(weights * maps[0], axis=-1).numpy(), float(logit)


again, logit = signed_map(inputs, tiger)
assert np.allclose(again, signed, atol=1e-5)
print(f"the same map; logit {logit:.2f}")

# %% [markdown]
# `cu.make_gradcam_heatmap` is the same computation, compiled, for any network. It remembers the feature maps
# of a picture, so that the next class takes a few milliseconds.

# %%
# The course's own function, and by hand
fast = cu.make_gradcam_heatmap(classifier, shark, tiger)
assert np.allclose(fast, by_hand, atol=1e-4)
print(f"largest difference: {np.abs(fast - by_hand).max():.0e}")

# %% [markdown]
# ## The same for VGG16, in an empty notebook
#
# This is all that you need to take home. Paste it into an empty notebook, put a picture beside it, and run
# it. VGG16 downloads its 553 MB at the first use.
#
# ```python
# import keras
# import matplotlib.pyplot as plt
# import numpy as np
# import tensorflow as tf
# from keras.applications.vgg16 import VGG16, preprocess_input
#
# model = VGG16()
# picture = keras.utils.load_img("shark.jpg", target_size=(224, 224))
# inputs = preprocess_input(keras.utils.img_to_array(picture)[np.newaxis])
# class_index = int(model.predict(inputs)[0].argmax())  # or 2, great white shark
#
# last = model.layers[-1]
# layer = model.get_layer("block5_conv3")
# maps_and_features = keras.Model(model.input, [layer.output, last.input])
# with tf.GradientTape() as tape:
#     maps, features = maps_and_features(inputs)
#     logit = (features @ last.kernel + last.bias)[0, class_index]
# weights = tf.reduce_mean(tape.gradient(logit, maps), axis=(1, 2))
# heatmap = tf.nn.relu(tf.reduce_sum(weights * maps[0], axis=-1)).numpy()
# heatmap = heatmap / heatmap.max()
#
# plt.imshow(picture)
# plt.imshow(heatmap, alpha=0.5, extent=(0, 224, 224, 0), interpolation="bilinear")
# plt.title(f"class {class_index}")
# plt.axis("off")
# plt.show()
# ```

# %% [markdown]
# ## For and against
#
# Leave out the ReLU, and the map has a sign. For this network the signed map means more than "hot" and
# "cold". Look at how it ends: the maps are averaged, $f_k = \frac{1}{Z} \sum_{i,j} A^k_{ij}$, and a dense
# layer with weights $w^c_k$ and bias $b^c$ makes the logit of it. In three lines:
#
# $$ y^c = \sum_k w^c_k f_k + b^c = \sum_k \frac{w^c_k}{Z} \sum_{i,j} A^k_{ij} + b^c , $$
#
# $$ \frac{\partial y^c}{\partial A^k_{ij}} = \frac{w^c_k}{Z} \text{ at every place, so }
# \alpha^c_k = \frac{w^c_k}{Z} , $$
#
# $$ S^c_{ij} = \sum_k \alpha^c_k A^k_{ij} \quad\text{ and }\quad \sum_{i,j} S^c_{ij} = y^c - b^c . $$
#
# So the signed map shares out the logit, cell by cell, and nothing is lost. Grad-CAM here is the older CAM
# ([Zhou et al., 2015](https://arxiv.org/abs/1512.04150)). Does it hold?

# %% tags=["live"]
# Add up what speaks for the cat and against it, and what the cup's side says about it
pair = cu.load_image("cat_and_coffee")
pair_inputs = tf.constant(classifier.preprocess(pair))
cat = cu.class_index("Egyptian cat")
for_cat, logit = signed_map(pair_inputs, cat)
print(f"for {for_cat[for_cat > 0].sum():.2f}, against {for_cat[for_cat < 0].sum():.2f}")
print(f"sum and bias {for_cat.sum() + last.bias[cat]:.2f}, logit {logit:.2f}")
print(f"cup's side (three columns) {for_cat[:, 4:].sum():.2f}")
cu.plot_heatmap(pair, {"Egyptian cat": for_cat})

# %% [markdown]
# *Signed map for Egyptian cat; red speaks for the class, blue against it. The cat's side is red, the cup's side pale
# blue.*

# %%
# The same picture, another class
cup = cu.class_index("espresso")
for_cup, logit = signed_map(pair_inputs, cup)
print(f"sum and bias {for_cup.sum() + last.bias[cup]:.2f}, logit {logit:.2f}")
print(f"cup's side (three columns) {for_cup[:, 4:].sum():.2f}")
print(f"mean of all 1000 logits: {classifier.logits(pair).mean():.2f}")
cu.plot_heatmap(pair, {"espresso": for_cup})

# %% [markdown]
# *Signed map for espresso: the cup's side speaks for it, and the cat's side says almost nothing.*
#
# The network, the picture and the feature maps are the same; only the class differs. The heat moves from the
# cat to the cup: a method that ignored the class could not do this. And the cup's side takes 1.32 logits *away* from
# the cat, all that speaks against it in this picture. Grad-CAM's ReLU hides that.
#
# Away from what? Softmax looks at differences only, so the zero of a logit is arbitrary in principle. In this network
# the 1000 logits average to about 0. So *for* and *against* mean: more, or less, than for the average
# class.

# %% [markdown]
# ## Which part says *tiger*?
#
# Now we can answer the question of this chapter. The network chose between two names, so we look at the
# *difference* of their signed maps. Its sum, 1.21, is the lead of the tiger shark, 1.26 logits, without the
# difference of the biases.

# %% tags=["live"]
# Subtract the signed map of the great white from that of the tiger shark, and add up both ends
white = cu.class_index("great white shark")
difference = signed_map(inputs, tiger)[0] - signed_map(inputs, white)[0]
print(f"lead {logits[0, tiger] - logits[0, white]:.2f}, map {difference.sum():.2f}")
print(f"head (three columns) {difference[:, :3].sum():.2f}")
print(f"body and tail (four columns) {difference[:, 3:].sum():.2f}")
cu.plot_heatmap(shark, {"tiger shark minus great white shark": difference})

# %% [markdown]
# *Signed difference, tiger shark minus great white shark: the body from the dorsal fin to the tail speaks
# for tiger shark, the head slightly for great white.*
#
# The head hardly decides: 0.22 logits for great white. From the dorsal fin backward *tiger shark* leads by 1.43,
# although that part speaks for both: a difference shows what separates two classes, and what they share cancels out.
# Look at the photograph again: the light falls through the waves and draws stripes on the flank and the back. Tiger
# sharks have stripes. Is that the reason? The heatmap says *where*, and no more; chapter 4.2 looks at the pixels.

# %% [markdown]
# ## A heatmap is not a probability
#
# **Predict, then run.** Ask the shark's heatmap for *missile*. The network does not believe in a missile here. Is that
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

# %% [markdown]
# ## The same through tf-keras-vis
#
# (If you don't use this library, go on with *Which layer?*)
#
# The library [tf-keras-vis](https://github.com/keisen/tf-keras-vis) has these methods ready. The tutorial
# calls its Grad-CAM++ like this. The library's words differ from ours: a layer is a `penultimate_layer`, the
# picture a `seed_input`, and a class a *score*. `ReplaceToLinear` takes the softmax off, and `clone=True` does
# that on a copy, so that the model stays as it is.

# %%
from tf_keras_vis.gradcam import Gradcam
from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
from tf_keras_vis.utils.scores import CategoricalScore

gradcam = GradcamPlusPlus(model, model_modifier=ReplaceToLinear(), clone=True)
cam = gradcam(CategoricalScore(tiger), inputs, penultimate_layer=-1)
print(cam.shape)

# %% [markdown]
# Its Grad-CAM is called in the same way. A model without a softmax needs no modifier and no copy.

# %%
# Two maps of the library beside ours
plain = Gradcam(classifier.logits_model, clone=False)
plain_cam = plain(CategoricalScore(tiger), inputs, penultimate_layer=-1)

cu.plot_heatmap(
    shark,
    {
        "tf-keras-vis: Grad-CAM++": cam[0],
        "tf-keras-vis: Grad-CAM": plain_cam[0],
        "ours: Grad-CAM": cu.resize_heatmap(fast, (224, 224)),
    },
)

# %% [markdown]
# *Three heatmaps for tiger shark: tf-keras-vis's Grad-CAM++ and Grad-CAM, and ours. In all of them the same
# region is hot; tf-keras-vis's are wider.*
#
# Two things differ. `penultimate_layer=-1` means: search from the end for the last convolution, and take its
# own output, *before* the batch normalization and the ReLU that come behind it as layers of their own. We
# took the output behind them, which is what the next layer reads. At the same layer, both agree:


# %%
def correlation(a, b):
    """Return Pearson's correlation of two maps."""
    return float(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1])


last_conv = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)][-1]
ours = cu.make_gradcam_heatmap(classifier, shark, tiger, last_conv)
theirs = plain(CategoricalScore(tiger), inputs, penultimate_layer=-1, expand_cam=False)
print(f"at {last_conv}: correlation {correlation(theirs, ours):.4f}")
assert correlation(theirs, ours) > 0.9999

# %% [markdown]
# The other thing is the stretching. tf-keras-vis lays the corner cells of the grid on the corners of the
# picture. But a cell stands for an *area*, and its value belongs in the middle of it. Stretch a 7 x 7 grid
# with one hot cell, in row 2 and column 6 (counted from 1), to 224 x 224:

# %%
# One hot cell, stretched in two ways
grid = np.zeros((7, 7))
grid[1, 5] = 1
for name, stretched in [
    ("corner to corner", zoom(grid, 224 / 7, order=1)),
    ("half-pixel centers", cu.resize_heatmap(grid, (224, 224))),
]:
    # the middle of the hottest pixels
    row, column = np.argwhere(stretched >= stretched.max() - 1e-6).mean(axis=0) + 0.5
    print(f"{name:18s} peak at row {row:5.1f}, column {column:5.1f}")
print(f"{'where it belongs':18s} peak at row {1.5 * 32:5.1f}, column {5.5 * 32:5.1f}")

# %% [markdown]
# Corner to corner, heat moves outward: here by 10.5 pixels, at the border by half a cell, 16 pixels. On a small object
# that is the difference between on it and beside it. This course uses half-pixel centers.

# %% [markdown]
# ## Which layer?
#
# Any layer with feature maps will do for the computation. Why be content with 7 x 7 cells?
#
# **Predict, then run.** An early layer of this network has maps of 112 x 112 cells. Is its heatmap the better one?
#
# <details><summary>Answer</summary>
#
# No. It is sharper, but it draws everything: a relief of the photograph, above 0.6 in 155 separate places; the middle
# layer's in 17, the last one's in 1.
#
# </details>

# %% tags=["live"]
# Compute the heatmap at an early, a middle and the last layer; count its places above 0.6
by_layer = {}
for name in classifier.key_layer_names:
    by_layer[name] = cu.make_gradcam_heatmap(classifier, shark, tiger, name)
    places = label(by_layer[name] > 0.6)[1]
    print(f"{name:26s} {by_layer[name].shape}, places: {places}")
cu.plot_heatmap(shark, by_layer)

# %% [markdown]
# *Grad-CAM for tiger shark at an early, a middle and the last layer: first a relief of the whole photograph, then
# small patches, many of them off the shark, then one region on the shark.*
#
# An early layer's maps are edges and colors, which are everywhere, and one weight for a whole map says little
# there. That is why Grad-CAM is used with the last feature maps.

# %% [markdown]
# ## Grad-CAM's relatives
#
# Grad-CAM gives each map a single weight, the *mean* gradient. Three variants change step 3, or 3 and 4. Let
# $g^k_{ij} = \partial y^c / \partial A^k_{ij}$.
#
# - **Grad-CAM++** ([Chattopadhay et al., 2017](https://arxiv.org/abs/1710.11063)) adds up only the
#   positive gradients, each with a factor of its own.
# - **LayerCAM** ([Jiang et al., 2021](https://doi.org/10.1109/TIP.2021.3089943)) gives each place its
#   own weight, the positive gradient there:
#   $ L^c = \text{ReLU}\big( \sum_k \text{ReLU}(g^k) \cdot A^k \big) . $
# - **HiResCAM** ([Draelos and Carin, 2020](https://arxiv.org/abs/2011.08891)) keeps the sign, and skips the
#   mean: $ L^c = \text{ReLU}\big( \sum_k g^k \cdot A^k \big) . $
#
# <details><summary>Grad-CAM++'s formula, for those who want it</summary>
#
# $$ w^c_k = \sum_{i,j} \frac{(g^k_{ij})^2}{2 (g^k_{ij})^2 + \big(\sum_{a,b} A^k_{ab}\big)\, (g^k_{ij})^3}
# \; \text{ReLU}(g^k_{ij}) $$
#
# It takes $e^{y^c}$ for its score; where $y^c$ is piecewise linear, the powers of $g$ above are the second and third
# derivative of that, without a factor that the division by the maximum removes. tf-keras-vis also scales the factors
# of each map to the sum 1. The paper's formula does not, but its authors' code does.
#
# </details>
#
# At the last layer of this network the gradient is the same at every place. So HiResCAM *is* Grad-CAM there, and
# LayerCAM only drops the negative weights. An earlier layer shows how all four differ. We ask it for the cup.

# %%
# Four methods at a middle layer, for the cup
middle = classifier.key_layer_names[1]
methods = {row.title: key for key, row in cu.METHODS.items() if row.formula}
cu.plot_heatmap(
    pair,
    {
        f"{title}: espresso": cu.make_gradcam_heatmap(classifier, pair, cup, middle, method=key)
        for title, key in methods.items()
    },
)


# %% [markdown]
# *Four class activation maps for espresso at a middle layer. Grad-CAM's specks lie on the cat as well, Grad-CAM++
# veils the whole picture, LayerCAM marks the saucer and the spoon, and HiResCAM little more than a few dots.*


# %%
def share_on_cup(heatmap):
    """Return how much of a heatmap's sum lies on the right half of the picture."""
    stretched = cu.resize_heatmap(heatmap, pair.shape[:2])
    return float(stretched[:, pair.shape[1] // 2 :].sum() / stretched.sum())


for name in [middle, layer.name]:
    shares = [
        f"{title} {share_on_cup(cu.make_gradcam_heatmap(classifier, pair, cup, name, key)):.0%}"
        for title, key in methods.items()
    ]
    print(f"on the cup's half, {name}: {', '.join(shares)}")

# %% [markdown]
# At the middle layer Grad-CAM puts less than half of its heat on the cup's half: one weight for a whole map is too
# little there. LayerCAM and HiResCAM, which weigh each place, put two thirds there. At the last layer Grad-CAM and
# HiResCAM keep what is negative until the sum is done, and put 87% on the cup; the other two drop it before, and put
# 66% there. HiResCAM has the largest share at both, but at the middle layer it is a share of a few dots. No single
# number says which map is best.

# %% [markdown]
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
# - Grad-CAM is four steps: forward, backward, average, weighted sum. It needs a class and a layer.
# - Use the last feature maps, and the logit.
# - Without the ReLU the map has a sign. Where a network averages its last maps, as this one does, its sum
#   is the logit minus the bias.
# - Two names for one thing? Look at the difference of their maps.
#
# ## Where Grad-CAM misleads
#
# - It is coarse. The smooth overlay hides that there are only 49 cells; do not read outlines into it.
# - It shows where, not what: heat on the flank does not say whether its stripes or its shape count.
# - A cell of the last layer can depend on most of the picture (its receptive field, chapter 3). Heat in a
#   cell is no proof that the pixels beneath it matter.
# - With VGG16: a pooling and dense layers behind its last maps weigh each place differently, so the mean in step 3
#   throws something away, the sum is no longer the logit, and the map can mark places that the network did not
#   use ([Draelos and Carin, 2020](https://arxiv.org/abs/2011.08891)).
# - The difference of two maps hides what speaks for both classes.
# - A class that the network does not believe in gets a heatmap as bright as the winner's. Always read it
#   together with the logit.
#
# **Next:** chapter 4.2 goes from regions to pixels.

# %% [markdown] tags=["navigation"]
# **Your turn:** [the exercises](../exercises/student/04_1_grad_cam.ipynb)
#
# ← [4 Methods for interpretation](04_0_methods_for_interpretation.ipynb) · [contents](../README.md#the-chapters) · [4.2 Saliency maps](04_2_saliency_maps.ipynb) →
