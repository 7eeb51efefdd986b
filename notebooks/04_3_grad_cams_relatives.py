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
# # 4.3 Grad-CAM's relatives
#
# ← [4.2 Saliency maps](04_2_saliency_maps.ipynb) · [contents](../README.md#the-chapters) · [5 Conclusion](05_conclusion.ipynb) → · 20 minutes
#
# Step 3 of Grad-CAM averages the gradients over the picture. At the last layer of our network nothing is lost by that.
# **Where does the mean lose something, and what do Grad-CAM's relatives do about it?** And if a library draws the map
# for you, is it the same map?
#
# **What you will learn**
#
# - what Grad-CAM++, LayerCAM and HiResCAM do instead of averaging;
# - a network on which only one of them adds up to the logit;
# - how to call tf-keras-vis, as the tutorial does, and what it does differently.
#
# **You need:** chapters 4.1 and 4.2. You can skip this chapter; no other one builds on it.

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
from tf_keras_vis.gradcam import Gradcam
from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
from tf_keras_vis.saliency import Saliency
from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
from tf_keras_vis.utils.scores import CategoricalScore

# %% [markdown]
# ## A layer at which the gradients differ
#
# At the last layer all 49 gradients of a map are equal (chapter 4.1). A middle layer is read by more convolutions, so
# there it matters where in the picture a map is large.

# %%
# The cat and the cup, and the network as a model of two outputs: the maps of a middle layer, and the logits
classifier = cu.load_classifier()
pair, cup = cu.load_image("cat_and_coffee"), cu.class_index("espresso")
network = classifier.logits_model
middle = network.get_layer(classifier.key_layer_names[1])
maps_and_logits = keras.Model(network.input, [middle.output, network.output])
inputs = tf.constant(classifier.preprocess(pair))
print(f"{middle.name}: {middle.output.shape[1:]}")

# %% jupyter={"source_hidden": true}
# @title Where we are in the network
cu.draw_network(classifier, [middle.name, classifier.last_conv_layer_name])

# %% [markdown]
# *The network from left to right. Highlighted: the middle layer of this chapter, where the maps have 28 x 28 places,
# and chapter 4.1's, the last one that still has places.*

# %% tags=["live"]
# Take the gradient of espresso's logit at the maps: by how much does it differ from its mean?
with tf.GradientTape(watch_accessed_variables=False) as tape:
    tape.watch(inputs)
    maps, logits = maps_and_logits(inputs)
    logit = logits[0, cup]
A, g = maps[0].numpy(), tape.gradient(logit, maps)[0].numpy()
differs = g.std(axis=(0, 1)) > np.abs(g.mean(axis=(0, 1)))
print(f"in {differs.sum()} of {differs.size} maps they deviate by more than their mean")

# %% [markdown]
# One weight is a poor summary of such gradients. Three relatives do without it. Let $A^k$ be the $k$-th
# map and $g^k_{ij} = \partial y^c / \partial A^k_{ij}$ the gradient at its places.
#
# - **Grad-CAM++** ([Chattopadhay et al., 2017](https://arxiv.org/abs/1710.11063)) adds up only the positive gradients,
#   each with a factor of its own:
#   $ w^c_k = \sum_{i,j} \text{ReLU}(g^k_{ij}) \,/\, \big( 2 + g^k_{ij} \sum_{a,b} A^k_{ab} \big) $.
# - **LayerCAM** ([Jiang et al., 2021](https://doi.org/10.1109/TIP.2021.3089943)) gives each place its own weight, the
#   positive gradient there:
#   $ L^c = \text{ReLU}\big( \sum_k \text{ReLU}(g^k) \cdot A^k \big) $. (At shallow layers the paper also flattens the
#   map with a tanh and joins several layers; we don't.)
# - **HiResCAM** ([Draelos and Carin, 2020](https://arxiv.org/abs/2011.08891)) keeps the sign and skips the mean:
#   $ S^c = \sum_k g^k \cdot A^k $. For a heatmap we keep what is positive, as with the others.
#
# **Predict, then run.** Which of the four has the largest share of its heat on the cup's half, and which the smallest?
#
# <details><summary>Answer</summary>
#
# HiResCAM the largest, 69%, and Grad-CAM the smallest, 44%: less than its half of the picture.
#
# </details>

# %% tags=["live"]
# Write the four formulas, and sum up the cup's half
positive = np.maximum(g, 0)
plus = positive / (2 + A.sum(axis=(0, 1)) * positive)
cams = {"Grad-CAM": A @ g.mean(axis=(0, 1)), "Grad-CAM++": A @ plus.sum(axis=(0, 1))}
cams |= {"LayerCAM": (A * positive).sum(axis=-1), "HiResCAM": (A * g).sum(axis=-1)}
heatmaps = {name: np.maximum(cam, 0) / cam.max() for name, cam in cams.items()}
for name, heatmap in heatmaps.items():
    stretched = cu.resize_heatmap(heatmap, pair.shape[:2])
    print(f"{name}: {stretched[:, 300:].sum() / stretched.sum():.0%} on the cup's half")

# %%
# The same through the course's own function; the hottest 1% of the cells is drawn at full strength
keys = ["grad_cam", "grad_cam++", "layer_cam", "hires_cam"]
pictures = {}
for key, (name, heatmap) in zip(keys, heatmaps.items()):
    fast = cu.make_gradcam_heatmap(classifier, pair, cup, middle.name, method=key)
    assert np.allclose(fast, heatmap, atol=1e-4)
    pictures[name] = np.minimum(fast / np.percentile(fast, 99), 1)
cu.plot_heatmap(pair, pictures)

# %% [markdown]
# *Four class activation maps for espresso at a middle layer; 1.0 on the color bar is each map's 99th percentile. Grad-CAM's patches lie on the cat's whiskers, on the saucer's
# lower edge and the lower edge of the coffee. Grad-CAM++ veils the whole picture. LayerCAM
# marks the cup, most of all what is below it on the saucer. HiResCAM has dots, most of them on the rim of the cup, and one beside the cat's nose.*
#
# None of them is *the* right one. Grad-CAM++ and LayerCAM leave out what speaks against the class; HiResCAM subtracts it
# on the spot. Chapter 7 shows how to put such maps to the test.
#
# ## Where the mean matters
#
# Not every network ends in an average. VGG16 *flattens* its last maps: a dense layer has a weight for each place. Let's
# train a small head of that kind on VGG16's convolutions, for a question in which the place is everything: is the brick
# left of the grass, or right of it?

# %% jupyter={"source_hidden": true}
# @title Train a flattened head on VGG16's last maps: brick on the left (1) or on the right (0)?
vgg16 = keras.applications.VGG16(
    weights=cu.weights_path("vgg16_no_top"), include_top=False, input_shape=(112, 224, 3)
)


def side_by_side(columns, count, seed):
    """Return pictures of brick and grass side by side, and 1 where the brick is on the left."""
    generator = np.random.default_rng(seed)
    pictures, brick_left = [], np.arange(count) % 2 == 0
    for number in range(count):
        row, column = generator.integers(0, 400), generator.integers(*columns)
        crop = np.s_[row : row + 112, column : column + 112]
        halves = [data.brick()[crop], data.grass()[crop]]
        picture = np.hstack(halves if brick_left[number] else halves[::-1])
        pictures.append(np.stack([picture] * 3, axis=-1))
    return np.stack(pictures), brick_left.astype(int)


def last_maps(pictures):
    prepared = keras.applications.vgg16.preprocess_input(pictures.astype(np.float32))
    return vgg16.predict(prepared, batch_size=1, verbose=0)


train, classes = side_by_side((0, 144), 24, seed=0)  # from the left half of each texture
test, test_classes = side_by_side((256, 400), 12, seed=1)  # from the right half
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
# The logit is $\sum_{i,j,k} w^k_{ij} A^k_{ij} + b$, so the gradient of a map at a place is $w^k_{ij}$, and it differs
# from place to place.
#
# **Predict, then run.** HiResCAM multiplies each place by its own weight, Grad-CAM by the mean. Whose map adds up to the
# logit?
#
# <details><summary>Answer</summary>
#
# HiResCAM's. Grad-CAM's sums stay near zero, +0.4 and +0.2, where the logits are +1.7 and -9.9. What this head has
# learned is *where*, and that's exactly what the mean throws away. (The whole VGG16 has two more dense
# layers. There we haven't tried it.)
#
# </details>

# %% tags=["live"]
# Compute both signed maps for two test pictures, and compare their sums with the logit
w, b = head.kernel.numpy().reshape(3, 7, 512), float(head.bias[0])
for maps in test_maps[:2]:
    hires, average = (w * maps).sum(axis=-1), maps @ w.mean(axis=(0, 1))
    logit = float(classify(maps[np.newaxis])[0, 0])
    print(f"logit {logit:+.1f}, HiResCAM {hires.sum() + b:+.1f}, Grad-CAM {average.sum() + b:+.1f}")
signed = {"HiResCAM": hires, "Grad-CAM": average}
cu.plot_heatmap(test[1], {name: m / np.abs(m).max() for name, m in signed.items()})

# %% [markdown]
# *Grass on the left and brick on the right, with both signed maps, each divided by its largest magnitude.
# At the joint in the upper right they say the opposite: HiResCAM against brick on the left, Grad-CAM for it.*
#
# ## Through tf-keras-vis
#
# The tutorial doesn't write the steps itself; it calls the library tf-keras-vis. What we call `layer_name` and `image`,
# the library calls `penultimate_layer` and `seed_input`. `ReplaceToLinear` takes the softmax off, on a copy
# of the network; `penultimate_layer=-1` means the last convolution.

# %%
# The tutorial's calls: Grad-CAM++ and saliency, with the softmax taken off a copy
cat, shown = cu.class_index("Egyptian cat"), classifier.model
gradcam = GradcamPlusPlus(shown, model_modifier=ReplaceToLinear(), clone=True)
cam = gradcam(CategoricalScore(cat), inputs, penultimate_layer=-1)

listed = keras.Model(shown.inputs, shown.outputs)  # Saliency calls its model with a list of inputs
saliency = Saliency(listed, model_modifier=ReplaceToLinear(), clone=True)
pixels = saliency(CategoricalScore(cat), inputs)
print("Grad-CAM++", cam.shape, "saliency", pixels.shape)
ours = cu.compute_saliency_map(classifier, pair, cat)
print(
    f"saliency, theirs and ours: correlation {np.corrcoef(pixels.ravel(), ours.ravel())[0, 1]:.4f}"
)

# %% [markdown]
# The saliency is the same. (But its SmoothGrad, `smooth_samples=20`, averages *magnitudes*, which can't cancel.)
#
# **Predict, then run.** Its `Gradcam` gets the same network, picture and class as `cu.make_gradcam_heatmap`. Do the two
# maps correlate at 1.00?
#
# <details><summary>Answer</summary>
#
# At the layer that the library takes, yes. But that isn't the layer we take, and there the two correlate at 0.96.
# tf-keras-vis reads the last *convolution's* own output, before the batch normalization and the activation behind it; we
# read what comes after them, because that's what the next layer sees.
#
# </details>

# %% tags=["live"]
# Compare the library's Grad-CAM, cell by cell, with ours at two layers
theirs = Gradcam(network, clone=False)
cells = theirs(CategoricalScore(cat), inputs, penultimate_layer=-1, expand_cam=False)[0]
last_conv = [layer.name for layer in shown.layers if isinstance(layer, keras.layers.Conv2D)][-1]
for name in [last_conv, classifier.last_conv_layer_name]:
    ours = cu.make_gradcam_heatmap(classifier, pair, cat, name)
    print(f"{name}: correlation {np.corrcoef(np.ravel(cells), np.ravel(ours))[0, 1]:.2f}")

# %% [markdown]
# And the library stretches its cells from corner to corner. But a cell stands for an *area*, so its value belongs in
# the middle of that area.

# %%
# The same cells stretched in both ways: where is the hottest pixel?
stretched = {
    "corner to corner": theirs(CategoricalScore(cat), inputs, penultimate_layer=-1)[0],
    "each cell in its place": cu.resize_heatmap(np.float32(cells), (224, 224)),
}
for name, heatmap in stretched.items():
    row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
    print(f"{name}: hottest in row {row}, column {column} of 224")
cu.plot_heatmap(pair, {name: heatmap[::4, ::4] for name, heatmap in stretched.items()})

# %% [markdown]
# *The library's Grad-CAM for Egyptian cat, stretched in two ways. To the eye they are nearly alike: heat on the cat's face.
# In the left one the hottest pixel lies further toward the lower left corner.*
#
# Corner to corner, heat moves outward: here by 5 and 11 of 224 pixels, at the border by half a cell, 16 pixels.

# %% [markdown]
# ## What to remember
#
# - Where all gradients of a map are equal, HiResCAM *is* Grad-CAM. Elsewhere the mean loses *where* a map counts.
# - If one dense layer reads the flattened maps, HiResCAM adds up to the logit, apart from the bias. Grad-CAM doesn't.
# - Two programs that both say *Grad-CAM* may take different layers and stretch differently. Compare them cell by cell.
#
# ## Where the relatives mislead
#
# - Grad-CAM++ and LayerCAM leave out what speaks against the class. Here Grad-CAM++ lit up nearly everything.
# - A sharper map needn't be a truer one.
#
# **Next:** chapter 5 answers what the first chapters left open.

# %% [markdown] tags=["navigation"]
# ← [4.2 Saliency maps](04_2_saliency_maps.ipynb) · [contents](../README.md#the-chapters) · [5 Conclusion](05_conclusion.ipynb) →
