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
# - how much of the picture a cell has seen, which layer to choose, and where averaging the gradients loses something.
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
from skimage import data

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
# The last feature maps are all that the network's answer is made of, and they still know roughly *where* things are
# (chapter 3). This network has 1280 of them, of 7 x 7 cells. If we knew how much each map counts for *tiger shark*, we
# could add them up with these weights and see where the evidence lies. Grad-CAM takes the weights from the gradient
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
#    *Why?* It says: if this map were a little larger at this place, how much would the logit rise?
# 3. **Average.** Take the mean over all places:
#    $\displaystyle \alpha^c_k = \frac{1}{Z} \sum_{i,j} \frac{\partial y^c}{\partial A^k_{ij}}$ .
#    *Why?* Each map gets one weight: how much it counts on average over the picture. The map itself says
#    where. (What if the gradients differ from place to place? We come to that.)
# 4. **Sum.** Add the maps with these weights and keep what is positive:
#    $\displaystyle L^c = \text{ReLU}\Big( \sum_k \alpha^c_k A^k \Big)$ .
#    *Why the ReLU?* What is negative speaks against the class. Grad-CAM shows what speaks for it; below
#    we look at both.
#
# ## In plain Keras and TensorFlow
#
# We borrow the network, the class index and the plotting; the four steps we write ourselves. The end of the network:
# `top_activation`, the last layer with height and width; `avg_pool`, which averages the places away; and a dense layer that
# computes the logits and their softmax in one go. We want what goes *into* the softmax. So we stop before that layer, and
# multiply with its weights ourselves.

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
with tf.GradientTape(watch_accessed_variables=False) as tape:  # saves memory
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
# its maps before it decides, so a map counts the same at every place. The gradient says *which* maps count (572 of them
# for the tiger shark, the others against it), and only the maps say *where*.
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
# the hottest cells, row 2, column 5 (counted from 1), holds next to no shark. How much of what a cell has seen lies under
# it?
#
# **Predict, then run.** Take the gradient of the middle cell's sum over all maps at the pixels. Which share of it falls on the
# cell's own 32 x 32 pixels: 90%, 50%, or less?
#
# <details><summary>Answer</summary>
#
# Less: 4%. Nine cells around it have 30%. In principle the cell depends on every pixel: its receptive field is 851 pixels wide
# (chapter 3), and the picture 224. So heat in a cell is no proof that the pixels beneath it matter. Keep that in mind for every overlay in this
# course.
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
# `cu.make_gradcam_heatmap` is the same computation, compiled, for any network.

# %%
# The course's own function, and by hand
fast = cu.make_gradcam_heatmap(classifier, shark, tiger)
assert np.allclose(fast, by_hand, atol=1e-4)
print(f"largest difference: {np.abs(fast - by_hand).max():.0e}")

# %% [markdown]
# ## The same for VGG16, in an empty notebook
#
# This is all that you need to take home. `classifier_activation=None` leaves the softmax out, so the model returns logits.
# (It isn't run here, since VGG16 downloads 553 MB at the first use.)
#
# ```python
# import keras
# import matplotlib.pyplot as plt
# import numpy as np
# import tensorflow as tf
# from keras.applications.vgg16 import VGG16, preprocess_input
#
# model = VGG16(classifier_activation=None)
# layer = model.get_layer("block5_conv3")
# maps_and_logits = keras.Model(model.input, [layer.output, model.output])
#
# picture = keras.utils.load_img("shark.jpg", target_size=(224, 224))
# inputs = preprocess_input(keras.utils.img_to_array(picture)[np.newaxis])
# with tf.GradientTape() as tape:
#     maps, logits = maps_and_logits(inputs)
#     class_index = int(np.argmax(logits[0]))  # or 2, great white shark
#     logit = logits[0, class_index]
# weights = tf.reduce_mean(tape.gradient(logit, maps), axis=(1, 2))
# heatmap = tf.nn.relu(tf.reduce_sum(weights * maps[0], axis=-1)).numpy()
# heatmap = keras.ops.image.resize(heatmap[..., np.newaxis] / heatmap.max(), (224, 224))[..., 0]
#
# plt.imshow(picture.convert("L"), cmap="gray")
# plt.imshow(heatmap, alpha=np.clip(heatmap, 0, 1) * 0.7)
# plt.title(f"class {class_index}")
# plt.axis("off")
# plt.show()
# ```

# %% [markdown]
# ## For and against
#
# Leave out the ReLU, and the map has a sign. Look at how this network ends: the maps are averaged,
# $f_k = \frac{1}{Z} \sum_{i,j} A^k_{ij}$, and a dense layer with weights $w^c_k$ and bias $b^c$ turns them into the
# logit. In three lines:
#
# $$ y^c = \sum_k w^c_k f_k + b^c = \sum_k \frac{w^c_k}{Z} \sum_{i,j} A^k_{ij} + b^c , $$
#
# $$ \frac{\partial y^c}{\partial A^k_{ij}} = \frac{w^c_k}{Z} \text{ at every place, so }
# \alpha^c_k = \frac{w^c_k}{Z} , $$
#
# $$ S^c_{ij} = \sum_k \alpha^c_k A^k_{ij} \quad\text{ and }\quad \sum_{i,j} S^c_{ij} = y^c - b^c . $$
#
# So the signed map splits the logit among the cells, and nothing is lost. Grad-CAM here is the older CAM
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
# The network chose between two names, so we look at the *difference* of their signed maps. Its sum, 1.21, is the lead of
# the tiger shark, 1.26 logits, without the difference of the biases.

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
# The head hardly decides: 0.22 logits for great white. From the dorsal fin backward *tiger shark* leads by 1.43. A
# difference shows what separates two classes; what they share cancels out. Why there? Two readings: the light draws
# stripes on the flank, and tiger sharks have stripes. Or it is the bright spray, for the strongest cells lie where the tail meets it. The
# heatmap says only *where*; chapter 4.2 puts it to the test.

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

# %% jupyter={"source_hidden": true}
# @title The same through tf-keras-vis
from tf_keras_vis.gradcam import Gradcam
from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
from tf_keras_vis.utils.scores import CategoricalScore

# The tutorial's call: the softmax comes off a copy, the layer is the last convolution
gradcam = GradcamPlusPlus(model, model_modifier=ReplaceToLinear(), clone=True)
cam = gradcam(CategoricalScore(tiger), inputs, penultimate_layer=-1)
print("Grad-CAM++", cam.shape)

# Grad-CAM, not stretched, beside ours at that layer
plain = Gradcam(classifier.logits_model, clone=False)
theirs = plain(CategoricalScore(tiger), inputs, penultimate_layer=-1, expand_cam=False)[0]
last_conv = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)][-1]
ours = cu.make_gradcam_heatmap(classifier, shark, tiger, last_conv)
assert np.corrcoef(np.ravel(theirs), np.ravel(ours))[0, 1] > 0.9999
print(f"Grad-CAM at {last_conv}: the same map")

# %% [markdown]
# (Unfold the cell if you use this library.) tf-keras-vis takes the last *convolution's* own output, before the batch
# normalization and the ReLU behind it; we take the output behind them, which the next layer reads. And it stretches
# corner to corner. But a cell stands for an *area*, and its value belongs in the middle of it: corner to corner, heat
# moves outward, at the border by half a cell, 16 of 224 pixels.

# %% [markdown]
# ## Which layer?
#
# Any layer with feature maps will do for the computation. Why be content with 7 x 7 cells?
#
# **Predict, then run.** Ask for *espresso* beside the cat, at an early layer of 56 x 56 cells, a middle and the last one. Which of the
# three has the largest share of its heat on the cup's half?
#
# <details><summary>Answer</summary>
#
# The last: 87%. The early one has 49%, the middle one 44%, no more than an even spread would give.
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
# *Grad-CAM for espresso at an early, a middle and the last layer: faint marks at edges of both halves, then specks, some of them on the
# cat's whiskers, then one region on the cup.*
#
# An early layer's maps are edges and colors, which are everywhere, and one weight for a whole map says little
# there. That is why Grad-CAM is used with the last feature maps.
#
# ## Grad-CAM's relatives
#
# Three variants change step 3, or 3 and 4. Let $g^k_{ij} = \partial y^c / \partial A^k_{ij}$.
#
# - **Grad-CAM++** ([Chattopadhay et al., 2017](https://arxiv.org/abs/1710.11063)) adds up only the
#   positive gradients, each with a factor of its own.
# - **LayerCAM** ([Jiang et al., 2021](https://doi.org/10.1109/TIP.2021.3089943)) gives each place its
#   own weight, the positive gradient there:
#   $ L^c = \text{ReLU}\big( \sum_k \text{ReLU}(g^k) \cdot A^k \big) $. (At shallow layers the paper also flattens the
#   map with a tanh, and joins several layers; we don't.)
# - **HiResCAM** ([Draelos and Carin, 2020](https://arxiv.org/abs/2011.08891)) keeps the sign, and skips the
#   mean: $ S^c = \sum_k g^k \cdot A^k $. For a heatmap we keep what is positive, as for the others.
#
# <details><summary>Grad-CAM++'s formula, for those who want it</summary>
#
# $$ w^c_k = \sum_{i,j} \frac{(g^k_{ij})^2}{2 (g^k_{ij})^2 + \big(\sum_{a,b} A^k_{ab}\big)\, (g^k_{ij})^3}
# \; \text{ReLU}(g^k_{ij}) $$
#
# The factor is meant for maps that are nowhere negative. Where a layer has negative values, the course sums only the
# positive ones in the denominator, which could be 0 otherwise.
#
# </details>
#
# At the last layer of this network HiResCAM *is* Grad-CAM, since all gradients of a map are equal. An earlier layer shows how
# the four differ.

# %%
# Four methods at a middle layer, for the cup
middle = classifier.key_layer_names[1]
cams = {"Grad-CAM": "grad_cam", "Grad-CAM++": "grad_cam++"}
cams |= {"LayerCAM": "layer_cam", "HiResCAM": "hires_cam"}
heatmaps = {
    title: cu.make_gradcam_heatmap(classifier, pair, cup, middle, method=key)
    for title, key in cams.items()
}
for title, heatmap in heatmaps.items():
    print(f"{title}: {on_cup(heatmap)}")
cu.plot_heatmap(pair, heatmaps)

# %% [markdown]
# *Four class activation maps for espresso at a middle layer. Grad-CAM's specks lie on the cat as well, Grad-CAM++ veils the
# whole picture, LayerCAM marks the saucer and the spoon. HiResCAM looks empty at this size: its heat is a few faint
# marks on the rim of the cup and around it.*
#
# ## Where Grad-CAM's mean matters
#
# "Nowhere", said our network when we asked where the gradients are largest. Not every network ends in an average. VGG16
# *flattens* its last maps: a dense layer has a weight for each place. Let's train a small head of that kind on VGG16's
# convolutions, for a question in which the place is everything: is the brick left of the grass, or right of it?

# %%
# Train a flattened head on VGG16's last maps: brick on the left (1) or on the right (0)?
vgg16 = keras.applications.VGG16(
    weights=cu.weights_path("vgg16_no_top"), include_top=False, input_shape=(112, 224, 3)
)


def collect(columns, count, seed):
    """Return pictures of brick and grass side by side, and 1 where the brick is on the left."""
    generator = np.random.default_rng(seed)
    pictures = []
    for number in range(count):
        row, column = generator.integers(0, 400), generator.integers(*columns)
        crop = np.s_[row : row + 112, column : column + 112]
        halves = [data.brick()[crop], data.grass()[crop]]
        pictures.append(
            np.repeat(np.hstack(halves[:: (-1) ** number])[..., np.newaxis], 3, axis=-1)
        )
    return np.stack(pictures), 1 - np.arange(count) % 2


def last_maps(pictures):
    prepared = keras.applications.vgg16.preprocess_input(pictures.astype(np.float32))
    return vgg16.predict(prepared, batch_size=1, verbose=0)


train, classes = collect((0, 144), 24, seed=0)  # from the left half of each texture
test, test_classes = collect((256, 400), 12, seed=1)  # from the right half
keras.utils.set_random_seed(0)
head = keras.layers.Dense(1)
classify = keras.Sequential([keras.Input((3, 7, 512)), keras.layers.Flatten(), head])
loss = keras.losses.BinaryCrossentropy(from_logits=True)
classify.compile(keras.optimizers.Adam(1e-4), loss)
classify.fit(last_maps(train), classes, epochs=20, verbose=0)
test_maps = last_maps(test)
right = (classify.predict(test_maps, verbose=0)[:, 0] > 0) == test_classes
print(f"{right.sum()} of {len(right)} test pictures are right")

# %% [markdown]
# The logit is $\sum_{i,j,k} w^k_{ij} A^k_{ij} + b$, so the gradient of a map at a place is $w^k_{ij}$, and now it differs from
# place to place.
#
# **Predict, then run.** HiResCAM multiplies each place by its own weight, Grad-CAM by the mean. Whose map adds up to the logit?
#
# <details><summary>Answer</summary>
#
# HiResCAM's. Grad-CAM's sums stay near zero, +0.4 and +0.2 where the logits are +1.7 and -9.9. What this head has learned is
# *where*, and the mean throws just that away.
#
# </details>

# %%
# Compute both signed maps for two test pictures, and compare their sums with the logit
weights = head.kernel.numpy().reshape(3, 7, 512)
for maps in test_maps[:2]:
    logit = float(classify(maps[np.newaxis])[0, 0])
    signed = {
        "HiResCAM": (weights * maps).sum(axis=-1),
        "Grad-CAM": maps @ weights.mean(axis=(0, 1)),
    }
    sums = [f"{name} {m.sum() + float(head.bias[0]):+.1f}" for name, m in signed.items()]
    print(f"logit {logit:+.1f}; sum of the map and bias: {', '.join(sums)}")
cu.plot_heatmap(test[1], {name: m / np.abs(m).max() for name, m in signed.items()})

# %% [markdown]
# *Grass on the left and brick on the right, with both signed maps, each divided by its largest magnitude.
# At the joint in the upper right they say the opposite: HiResCAM against brick on the left, Grad-CAM for it.*

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
# - Without the ReLU the map has a sign. Where a network averages its last maps, as this one does, its sum is the logit
#   minus the bias. Where it flattens them, only HiResCAM's is.
# - Two names for one thing? Look at the difference of their maps.
#
# ## Where Grad-CAM misleads
#
# - It's coarse. The smooth overlay hides that there are only 49 cells; don't read outlines into it.
# - It shows where, not what: heat on the flank does not say whether its stripes or its shape count.
# - A cell has seen far more than the pixels beneath it: only 4% of its gradient lay there.
# - Where dense layers weigh each place differently, as in VGG16, the mean in step 3 throws that away, and the map can mark
#   places that the network did not use ([Draelos and Carin, 2020](https://arxiv.org/abs/2011.08891)).
# - The difference of two maps hides what speaks for both classes.
# - A class that the network does not believe in gets a heatmap as bright as the winner's. Always read it
#   together with the logit.
#
# **Next:** chapter 4.2 goes from regions to pixels.

# %% [markdown] tags=["navigation"]
# **Your turn:** [the exercises](../exercises/student/04_1_grad_cam.ipynb)
#
# ← [4 Methods for interpretation](04_0_methods_for_interpretation.ipynb) · [contents](../README.md#the-chapters) · [4.2 Saliency maps](04_2_saliency_maps.ipynb) →
