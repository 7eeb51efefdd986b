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
# **What you will learn**
#
# - the four steps of Grad-CAM, and how to write them in a dozen lines of TensorFlow;
# - how the same picture gives different heatmaps for different classes;
# - which layer to choose, what Grad-CAM++ and LayerCAM change, and how to test a heatmap.
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

# %% [markdown]
# ## The idea
#
# The last feature maps know *what* is in the picture and still roughly *where* (chapter 3). If we
# knew how much each of these maps matters for a class, we could add them up with these weights and
# see where the evidence for the class lies. Grad-CAM takes the weights from the gradient
# ([Selvaraju et al., 2016](https://arxiv.org/abs/1610.02391)).
#
# We ask this of a picture with two things in it.

# %%
classifier = cu.load_classifier()
image = cu.load_image("cat_and_coffee")
cu.plot_predictions(classifier.top_predictions(image, k=6), image)

# %%
cat = cu.class_index("Egyptian cat")
cup = cu.class_index("espresso")
inputs = tf.constant(classifier.preprocess(image))

# %% [markdown]
# ## The four steps
#
# Let $A^k$ be the $k$-th feature map of a layer, with $Z$ positions $(i, j)$, and $y^c$ the logit of
# class $c$.
#
# 1. **Forward.** Compute $A^k$ and $y^c$.
# 2. **Backward.** Compute the gradient $\dfrac{\partial y^c}{\partial A^k_{ij}}$: how much the logit
#    rises when the map rises at one position.
# 3. **Weights.** Average the gradient over all positions:
#    $\displaystyle \alpha^c_k = \frac{1}{Z} \sum_{i,j} \frac{\partial y^c}{\partial A^k_{ij}}$ .
# 4. **Sum.** Add the maps with these weights and keep what is positive:
#    $\displaystyle L^c = \text{ReLU}\Big( \sum_k \alpha^c_k A^k \Big)$ .
#
# The ReLU keeps what speaks *for* the class. Then the map is divided by its maximum.

# %% [markdown]
# ## In plain TensorFlow


# %%
def maps_and_gradients(model, inputs, class_index, layer_name):
    """Steps 1 and 2 for one preprocessed picture; `model` ends in logits."""
    layer = model.get_layer(layer_name)
    maps_and_logits = keras.Model(model.input, [layer.output, model.output])
    with tf.GradientTape(watch_accessed_variables=False) as tape:  # no weights' gradients
        tape.watch(inputs)
        maps, logits = maps_and_logits(inputs)  # 1 forward
        score = logits[0, class_index]
    return maps[0], tape.gradient(score, maps)[0]  # 2 backward


# %%
def grad_cam(model, inputs, class_index, layer_name):
    """Grad-CAM of one preprocessed picture; `model` ends in logits."""
    maps, gradients = maps_and_gradients(model, inputs, class_index, layer_name)
    weights = tf.reduce_mean(gradients, axis=(0, 1))  # 3 weights
    heatmap = tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1))  # 4 sum
    return tf.math.divide_no_nan(heatmap, tf.reduce_max(heatmap)).numpy()


# %% [markdown]
# The last line divides with `divide_no_nan`: where nothing speaks for a class, the maximum is 0.
#
# Which layer? The last one that still has height and width. `conv_layer_names` lists, for each
# convolution, the layer whose output later layers read: after batch normalization and activation
# where they are separate layers. `last_conv_layer_name` is the last of them.

# %%
layer_name = classifier.last_conv_layer_name
by_hand = grad_cam(classifier.logits_model, inputs, cat, layer_name)
print(f"{layer_name}: a heatmap of {by_hand.shape[0]} x {by_hand.shape[1]} cells")
cu.plot_heatmap(image, {"Egyptian cat": by_hand})

# %% [markdown]
# The middle panel is what Grad-CAM computes: a coarse grid, one cell for each position of the layer.
# The overlay stretches it over the picture.

# %% [markdown]
# ## One picture, two classes
#
# `cu.make_gradcam_heatmap` is the same computation, compiled, for any network. It keeps the feature
# maps of a picture, so another class of the same picture only needs the few layers behind them.

# %%
fast = cu.make_gradcam_heatmap(classifier, image, class_index=cat)
assert np.allclose(fast, by_hand, atol=1e-4)

heatmaps = {
    "Egyptian cat": fast,
    "espresso": cu.make_gradcam_heatmap(classifier, image, class_index=cup),
}
cu.plot_heatmap(image, heatmaps)


# %%
def share_on_left(heatmap):
    """Return how much of a heatmap's sum lies on the left half of the picture."""
    stretched = cu.resize_heatmap(heatmap, image.shape[:2])
    return float(stretched[:, : image.shape[1] // 2].sum() / stretched.sum())


for name, heatmap in heatmaps.items():
    row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
    print(f"{name:13s} {share_on_left(heatmap):.0%} of the heat on the left half, "
          f"peak in row {row + 1}, column {column + 1} of {heatmap.shape[0]}")

# %% [markdown]
# The network, the picture and the feature maps are the same in both rows. Only the class differs,
# and the heat moves from the cat to the cup. A method that ignored the class could not do this.
#
# A heatmap does not say how much the network believes in the class. Each is divided by its own maximum:

# %%
logits = classifier.logits(image)[0]
for name in ["Egyptian cat", "espresso", "toilet tissue", "missile"]:
    index = cu.class_index(name)
    brightest = cu.make_gradcam_heatmap(classifier, image, index).max()
    print(f"{name:13s} logit {logits[index]:5.1f}   brightest cell {brightest:.0f}")

# %% [markdown]
# ## Test the heatmap: cover what it points at
#
# A heatmap is a claim: *this region carries the class*. We can test it. Cover the hottest quarter of the
# picture in gray and see how far the logit falls; cover the coldest quarter to compare.


# %%
def cover(image, heatmap, hottest, share=0.25):
    """Return the picture with its hottest, or its coldest, pixels in gray."""
    order = np.argsort(cu.resize_heatmap(heatmap, image.shape[:2]), axis=None, kind="stable")
    count = int(share * order.size)
    covered = image.copy()
    covered.reshape(-1, 3)[order[-count:] if hottest else order[:count]] = 127
    return covered


# %%
chelsea = cu.load_image("chelsea")
print("logit of                  whole picture   hottest covered   coldest covered")
for name, picture in [("cat_and_coffee", image), ("chelsea", chelsea)]:
    for index in [cat, cup] if picture is image else [cat]:
        heatmap = cu.make_gradcam_heatmap(classifier, picture, index)
        versions = [picture, cover(picture, heatmap, True), cover(picture, heatmap, False)]
        whole, hot, cold = classifier.logits(np.stack(versions))[:, index]
        print(f"{cu.class_label(index):13s} {name:15s} {whole:8.1f} {hot:17.1f} {cold:17.1f}")

# %% [markdown]
# A heatmap passes if the logit falls, and falls further for the hottest quarter than for the coldest.
# Read the rows: which of the three pass? EfficientNet-Lite0 passes twice, and fails for Chelsea. That cat
# fills its picture, so a quarter of it can be missed, and its heatmap is wide: it claims little.
#
# Covering the coldest quarter tells something, too. With EfficientNet-Lite0 the logit of *espresso* rises
# then: what is covered is nearly all cat, and it spoke *against* the espresso. Grad-CAM's ReLU hides that.
# And gray is a choice: the network has never
# seen gray patches in training, so part of a fall may be their doing.

# %% [markdown]
# ## The same through tf-keras-vis
#
# The library [tf-keras-vis](https://github.com/keisen/tf-keras-vis) has these methods ready. Its
# words differ from ours: a layer is a `penultimate_layer`, a picture a `seed_input`, a class a
# *score*. We hand over `logits_model`, which has no softmax, so nothing has to be changed or copied:
# `clone=False`. A model that ends in softmax needs `model_modifier=ReplaceToLinear()`, which changes a
# copy of it.

# %%
from tf_keras_vis.gradcam import Gradcam
from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
from tf_keras_vis.utils.scores import CategoricalScore

gradcam = Gradcam(classifier.logits_model, clone=False)
gradcam_plus_plus = GradcamPlusPlus(classifier.logits_model, clone=False)

cam = gradcam(CategoricalScore(cat), inputs, penultimate_layer=-1)
cu.plot_heatmap(image, {"tf-keras-vis: Grad-CAM": cam[0]})

# %% [markdown]
# The heat lies on the cat, as in our picture above. The library returns the map stretched already, so
# the middle panel has no cells.
#
# `penultimate_layer=-1` means: search from the end for the last convolution, and take its output
# itself, before any normalization or activation that stands behind it as a layer of its own. We name
# the same layer to compare. `expand_cam=False` returns the grid before it is stretched.

# %%
layer_types = {layer.name: type(layer).__name__ for layer in classifier.model.layers}
last_conv = [name for name, kind in layer_types.items() if "Conv2D" in kind][-1]


def correlation(a, b):
    """Return Pearson's correlation of two maps."""
    return float(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1])


theirs = gradcam(CategoricalScore(cat), inputs, penultimate_layer=-1, expand_cam=False)
ours = cu.make_gradcam_heatmap(classifier, image, cat, last_conv)
print(f"Grad-CAM:   correlation {correlation(theirs, ours):.4f}")
assert correlation(theirs, ours) > 0.9999

theirs = gradcam_plus_plus(CategoricalScore(cat), inputs, penultimate_layer=-1, expand_cam=False)
ours = cu.make_gradcam_heatmap(classifier, image, cat, last_conv, method="grad_cam++")
print(f"Grad-CAM++: correlation {correlation(theirs, ours):.2f}")

# %% [markdown]
# Grad-CAM agrees to rounding. Grad-CAM++ does not, because the two read the paper differently; see
# below.
#
# ### A trap in the stretching
#
# tf-keras-vis stretches the grid so that its corner cells meet the corners of the picture. But a
# cell stands for an *area*, and its value belongs in the middle of that area. To see the difference,
# stretch a 7 x 7 grid with one hot cell, in row 2 and column 6 (counted from 1), to 224 x 224.

# %%
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
# Corner to corner, heat near the border moves outward by up to half a cell, here 16 pixels. On a
# small object that is the difference between on it and beside it. This course uses half-pixel centers.

# %% [markdown]
# ## Which layer?
#
# Any layer with feature maps will do for the computation. We take Chelsea, and an early, a middle and a
# late layer.

# %%
by_layer = {
    name: cu.make_gradcam_heatmap(classifier, chelsea, cat, name)
    for name in classifier.key_layer_names
}
cu.plot_heatmap(chelsea, by_layer)

# %%
for name, heatmap in by_layer.items():
    hot = heatmap > 0.5
    print(f"{name:28s} {heatmap.shape[0]:3d} x {heatmap.shape[1]:<3d}  above half: {hot.mean():5.1%} of the area, "
          f"pieces: {label(hot)[1]}")

# %% [markdown]
# Look at the last number: how many separate places lie above half of the maximum? A finer grid has room for
# more pieces, so look at the picture, too: do they lie on one object? An early layer's maps are edges and
# colors, which are everywhere, and one average weight for a whole map says little there. That is why
# Grad-CAM is used with the last feature maps.

# %% [markdown]
# ## Grad-CAM++ and LayerCAM
#
# Grad-CAM gives each map a single weight, the *mean* gradient. Two variants change step 3.
#
# - **Grad-CAM++** ([Chattopadhay et al., 2017](https://arxiv.org/abs/1710.11063)) adds up only the
#   positive gradients $g = \partial y^c / \partial A^k_{ij}$, each with a factor of its own:
#   $$ w^c_k = \sum_{i,j} \frac{g^2}{2 g^2 + \big(\sum_{a,b} A^k_{ab}\big)\, g^3} \; \text{ReLU}(g) . $$
# - **LayerCAM** ([Jiang et al., 2021](https://doi.org/10.1109/TIP.2021.3089943)) gives each position its
#   own weight, the positive gradient there:
#   $$ L^c = \text{ReLU}\Big( \sum_k \text{ReLU}(g^k) \cdot A^k \Big) . $$
#
# The paper takes $e^{y^c}$ as the score. Where the network is linear between its ReLUs, the second and
# third derivative are then $g^2$ and $g^3$ times $e^{y^c}$, a factor that the division by the maximum
# removes. Implementations differ: tf-keras-vis scales the factors of each map to sum 1, Xplique takes the
# mean over positions for the sum. The formula above is the paper's, and ours.
#
# Before we compare, look at the gradients. How much does the gradient of one map differ from position to
# position?

# %%
maps, gradients = maps_and_gradients(classifier.logits_model, inputs, cat, layer_name)
spread = np.std(gradients, axis=(0, 1)).mean() / np.abs(gradients).mean()
print(f"{layer_name}: the gradient's spread over positions is {spread:.2f} of its mean magnitude")

# %% [markdown]
# If the spread is 0, the network averages its last maps and has one dense layer behind, as
# EfficientNet-Lite0 does. Each map then has a single gradient. Grad-CAM becomes the older CAM
# ([Zhou et al., 2015](https://arxiv.org/abs/1512.04150)), and LayerCAM only drops the negative weights.
# An earlier layer shows how the methods differ, so we draw the middle one.

# %%
middle = classifier.key_layer_names[1]
methods = {cu.METHODS[key].title: key for key in ["grad_cam", "grad_cam++", "layer_cam"]}
by_method = {
    f"{title}, cat": cu.make_gradcam_heatmap(classifier, image, cat, middle, method=method)
    for title, method in methods.items()
}
cu.plot_heatmap(image, by_method)

# %%
for name in [middle, layer_name]:
    print(name)
    for title, method in methods.items():
        on_cat = share_on_left(cu.make_gradcam_heatmap(classifier, image, cat, name, method))
        on_cup = 1 - share_on_left(cu.make_gradcam_heatmap(classifier, image, cup, name, method))
        print(f"  {title:11s} Egyptian cat: {on_cat:.0%} on the cat   espresso: {on_cup:.0%} on the cup")

# %% [markdown]
# Compare the numbers: they say how well each method separates the two objects. Both variants ignore
# negative gradients, so a map that speaks *against* the cat is not held against the places where it
# is active. Grad-CAM subtracts it, and at EfficientNet-Lite0's last layer it separates the two better.
# That is no verdict: what Grad-CAM++ was made for is to mark *all* of an object, or several of one class.

# %% [markdown]
# ## Explore: drag through classes, layers and methods
#
# Drag *Class* from a cat to the espresso and watch the heat move. Then drag *Layer* toward the
# beginning, and change the *Method*.

# %%
cu.ClassExplorer(classifier, image)

# %% [markdown]
# ## The tutorial's shark
#
# The tutorial that this course follows explains a great white shark. What does our network say?

# %%
shark = cu.load_image("great_white_shark")
predictions = classifier.top_predictions(shark, k=2)
print(", ".join(f"{p.label} {p.probability:.2f}" for p in predictions))
heatmaps = {
    p.label.replace("_", " "): cu.make_gradcam_heatmap(classifier, shark, p.class_index)
    for p in predictions
}
cu.plot_heatmap(shark, heatmaps)

# %%
for name, heatmap in heatmaps.items():
    row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
    print(f"{name:18s} peak in row {row + 1}, column {column + 1} of {heatmap.shape[0]}, "
          f"{heatmap[:, :3].sum() / heatmap.sum():.0%} of the heat in the left three columns")

# %% [markdown]
# It says tiger shark, and names the great white second. Both heatmaps lie on the shark, and they differ.
# For the tiger shark the heat peaks behind the dorsal fin, toward the tail; for the great white in front
# of the fin, above the gills. The probability says which name has won. The heatmaps say which part of the
# animal speaks for which name.

# %% [markdown]
# ## What to remember
#
# - Grad-CAM is four steps: forward, backward, average, weighted sum. It needs a class and a layer.
# - Use the last feature maps, and the logit.
# - Cover the hottest region, and the coldest to compare. Only a heatmap that passes is evidence.
#
# ## Where Grad-CAM misleads
#
# - It is coarse. The smooth overlay hides that there are only a few cells; do not read outlines into
#   it.
# - It shows where, not what: heat on an ear does not say whether its shape or its color counts.
# - A cell of the last layer can depend on most of the picture (its receptive field, chapter 3). Heat in a
#   cell is no proof that the pixels beneath it matter.
# - The average in step 3 can mark places that the logit does not depend on, where the gradient of a map
#   differs from place to place ([Draelos and Carin, 2020](https://arxiv.org/abs/2011.08891)).
# - A class that the network does not believe in may get a heatmap as bright as the winner's, or none at
#   all. Always read it together with the logit.
#
# **Next:** chapter 4.2 goes from regions to pixels.

# %% [markdown] tags=["navigation"]
# ← [4 Methods for interpretation](04_0_methods_for_interpretation.ipynb) · [contents](../README.md#the-chapters) · [4.2 Saliency maps](04_2_saliency_maps.ipynb) →
